//! `cargo test` with servers around it.
//!
//! One scratch cluster a version serves the whole run. They belong to this process: they are gone when it ends, be
//! it by Ctrl-C or a kill.

use std::env;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions, ServerError};

use crate::servers::{obtain, obtain_client};
use crate::shell::{Error, cargo, io, openly, say};

/// Runs `cargo test --workspace` with these arguments and variables, and gives its exit code.
pub fn run(versions: &[u32], arguments: &[String], variables: &[(&str, &str)]) -> Result<ExitCode, Error> {
    let installations = obtain(versions)?;
    let client = obtain_client()?;
    let begin = Instant::now();
    let clusters = start_all(&installations)?;
    let names: Vec<String> = installations.iter().map(|server| server.version.to_string()).collect();
    say(&format!("PostgreSQL {} started in {:.1} s", names.join(", "), begin.elapsed().as_secs_f32()));

    let bins = env::join_paths(installations.iter().map(|server| &server.bin));
    let bins = bins.map_err(|error| io("name the servers to the tests")(std::io::Error::other(error)))?;
    let code = openly(
        cargo()
            .args(["test", "--workspace"])
            .args(arguments)
            .envs(variables.iter().copied())
            .env("PSQL_CM_TEST_SERVERS", places(&clusters))
            .env("PSQL_CM_TEST_CLIENT_BIN", client)
            // What the tests start themselves is of the same servers.
            .env("PSQL_CM_PG_BIN", bins),
    )?;
    for cluster in clusters {
        cluster.stop()?;
    }
    Ok(code)
}

/// Starts all at the same time: creating a cluster takes longer than all else.
fn start_all(installations: &[Installation]) -> Result<Vec<ScratchCluster>, ServerError> {
    let options = ScratchOptions::default();
    thread::scope(|scope| {
        let starting: Vec<_> = installations
            .iter()
            .map(|installation| scope.spawn(|| ScratchCluster::start(installation, &options)))
            .collect();
        starting.into_iter().map(|thread| thread.join().expect("starting a cluster does not panic")).collect()
    })
}

/// As psqlcm-testkit reads it: `13=/dev/shm/psqlcm-x:5432;15=...`.
fn places(clusters: &[ScratchCluster]) -> String {
    let place = |cluster: &ScratchCluster| {
        let major = cluster.installation().version.major;
        format!("{major}={}:{}", cluster.socket_dir().display(), cluster.port())
    };
    clusters.iter().map(place).collect::<Vec<_>>().join(";")
}
