//! The effects of psql-cm.

pub mod server;
