//! Tests of the engine against real servers; one binary, so that it is linked once.

#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, and their helpers have none"
)]

mod cluster;
mod connect;
mod servers;
mod session;
