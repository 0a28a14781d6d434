//! The effects of psql-cm.

pub mod conninfo;
pub mod session;
mod tls;
