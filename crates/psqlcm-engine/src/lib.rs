//! The effects of psql-cm.

pub mod access;
pub mod capture;
pub mod config;
pub mod conninfo;
pub mod dump;
pub mod files;
pub mod git;
pub mod interrupt;
pub mod ledger;
pub mod log;
pub mod observe;
pub mod restore;
pub mod run;
pub mod server;
pub mod session;
pub mod setup;
pub mod status;
pub mod submit;
mod tls;
pub mod verify;
