//! The effects of psql-cm.

pub mod capture;
pub mod config;
pub mod conninfo;
pub mod files;
pub mod git;
pub mod interrupt;
pub mod server;
pub mod session;
mod tls;
