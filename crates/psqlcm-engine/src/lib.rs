//! The effects of psql-cm.

pub mod capture;
pub mod conninfo;
pub mod server;
pub mod session;
mod tls;
