//! The effects of psql-cm.

pub mod conninfo;
pub mod ledger;
pub mod session;
mod tls;
