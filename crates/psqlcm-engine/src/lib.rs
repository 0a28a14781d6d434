//! The effects of psql-cm.

pub mod config;
pub mod interrupt;
