//! Tests of the engine against real servers; one binary, so that it is linked once.

mod cases;
mod census;
mod cluster;
mod connect;
mod files;
mod git;
mod ledger;
mod servers;
mod session;
mod trip;
