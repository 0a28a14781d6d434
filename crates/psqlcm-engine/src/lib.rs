//! The effects of psql-cm.

pub mod access;
pub mod capture;
pub mod config;
pub mod conninfo;
pub mod interrupt;
pub mod ledger;
pub mod server;
pub mod session;
pub mod submit;
mod tls;
