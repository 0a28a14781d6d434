//! Tests of the engine against real servers; one binary, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests, which clippy.toml cannot see")]
#![expect(clippy::print_stderr, reason = "a test that skips something says so")]

mod cases;
mod census;

mod cluster;
mod connect;
mod converge;
mod doctor;
mod files;
mod git;
mod ledger;
mod locks;
mod made_up;
mod newer;
mod rehearsal;
mod servers;
mod session;
mod storm;
mod trip;
