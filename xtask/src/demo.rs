//! `psql-cm demo` from a checkout: builds it and gives it a server, which is fetched where none is installed.

use std::process::ExitCode;

use psqlcm_engine::server::Installation;

use crate::servers::obtain;
use crate::shell::{Error, cargo, openly, say};

/// What is fetched where nothing is installed.
const NEWEST: u32 = 18;

/// Runs the demo with these arguments, and gives its exit code.
pub fn run(arguments: &[String]) -> Result<ExitCode, Error> {
    let server = match Installation::discover().into_iter().next() {
        Some(installed) => installed,
        None => obtain(&[NEWEST])?.remove(0),
    };
    say(&format!("PostgreSQL {} in {}", server.version, server.bin.display()));
    let mut demo = cargo();
    demo.args(["run", "--quiet", "-p", "psql-cm", "--", "demo", "--server-bin"]).arg(&server.bin);
    openly(demo.args(arguments))
}
