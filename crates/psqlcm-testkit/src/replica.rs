//! A primary with a streaming standby, for what cannot be tried on the servers of the run.
//!
//! The standby is made by `pg_basebackup` and takes no regard for who reads from it: what its replay needs, it takes at
//! once. Both servers are stopped, and their folder removed, when the value is dropped.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::server::{TestServer, client_bin};

/// Tells where the programs of the servers are.
const PROGRAMS: &str = "PSQL_CM_PG_BIN";

const PRIMARY_PORT: u16 = 5432;
const STANDBY_PORT: u16 = 5433;

/// Who a server that does not run as root is to itself: a user that every machine has.
const NOBODY: &str = "65534";

/// Two servers, of which the second follows the first.
#[derive(Debug)]
pub struct Replica {
    major: u32,
    programs: PathBuf,
    folder: tempfile::TempDir,
}

impl Replica {
    /// Makes a primary of that version, and its standby; waits until both take connections.
    #[must_use]
    pub fn start(major: u32) -> Self {
        let folder = tempfile::Builder::new().prefix("pair").tempdir().expect("a temporary folder");
        let replica = Self { major, programs: programs(major), folder };
        replica.run(
            &replica.programs.join("initdb"),
            &["-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C", "-D", "primary"],
        );
        let settings = format!(
            "port = {PRIMARY_PORT}\nfsync = off\nlisten_addresses = ''\nunix_socket_directories = '{}'\n\
             wal_level = replica\nmax_wal_senders = 4\nwal_keep_size = '256MB'\nautovacuum = off\nmax_connections = 20\n",
            replica.path().display()
        );
        replica.begin("primary", &settings);
        let host = replica.path().display().to_string();
        let port = PRIMARY_PORT.to_string();
        let copy =
            ["-D", "standby", "-h", &host, "-p", &port, "-U", "postgres", "-c", "fast", "-X", "stream"];
        replica.run(&client_bin().join("pg_basebackup"), &copy);
        fs::write(replica.path().join("standby/standby.signal"), "").expect("a writable folder");
        let settings = format!(
            "port = {STANDBY_PORT}\nprimary_conninfo = 'host={host} port={port} user=postgres'\nhot_standby = on\n\
             max_standby_streaming_delay = 0\nhot_standby_feedback = off\nwal_retrieve_retry_interval = '100ms'\n"
        );
        replica.begin("standby", &settings);
        replica
    }

    /// The one that takes changes.
    #[must_use]
    pub fn primary(&self) -> TestServer {
        TestServer::new(self.major, self.path(), PRIMARY_PORT)
    }

    /// The one that follows.
    #[must_use]
    pub fn standby(&self) -> TestServer {
        TestServer::new(self.major, self.path(), STANDBY_PORT)
    }

    /// Waits until the standby has all that the primary has now.
    pub fn wait(&self) {
        let now = self.primary().psql("postgres", "SELECT pg_current_wal_insert_lsn()");
        let now = now.unwrap_or_else(|error| panic!("{error}"));
        let is_there =
            format!("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_last_wal_replay_lsn() >= '{now}'");
        while self.standby().psql("postgres", &is_there).unwrap_or_else(|error| panic!("{error}")) != "t" {
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn begin(&self, data: &str, settings: &str) {
        let file = self.path().join(data).join("postgresql.conf");
        let before = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        fs::write(&file, before + settings).expect("a writable folder");
        let log = format!("{data}.log");
        self.run(&self.programs.join("pg_ctl"), &["-D", data, "-w", "-l", &log, "start"]);
    }

    fn run(&self, program: &Path, arguments: &[&str]) {
        let status = self.command(program).args(arguments).status();
        let status = status.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let logs = ["programs.log", "primary.log", "standby.log"]
            .map(|log| fs::read_to_string(self.path().join(log)).unwrap_or_default());
        assert!(status.success(), "{} {arguments:?}: {status}\n{}", program.display(), logs.join("\n"));
    }

    /// PostgreSQL refuses root: there it runs as another user in a namespace of its own.
    fn command(&self, program: &Path) -> Command {
        let is_root = fs::metadata(self.path()).is_ok_and(|folder| folder.uid() == 0);
        let mut command = if is_root {
            let mut command = Command::new("unshare");
            command.args(["--user", &format!("--map-user={NOBODY}"), &format!("--map-group={NOBODY}"), "--"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        // Not into a pipe: the server would inherit it, and keep us waiting for its end.
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path().join("programs.log"));
        let log = log.expect("a writable folder");
        let also = log.try_clone().expect("a file has another handle");
        command.env("LC_ALL", "C").current_dir(self.path()).stdin(Stdio::null()).stdout(log).stderr(also);
        command
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        for data in ["standby", "primary"] {
            if self.path().join(data).join("postmaster.pid").exists() {
                // A test that fails stops them too, and a panic then would hide why.
                let stop = ["-D", data, "-w", "-m", "immediate", "stop"];
                let _ = self.command(&self.programs.join("pg_ctl")).args(stop).status();
            }
        }
    }
}

/// Where the server programs of a version are.
fn programs(major: u32) -> PathBuf {
    let folders = env::var_os(PROGRAMS)
        .unwrap_or_else(|| panic!("{PROGRAMS} is not set: run this test through `cargo xtask test`"));
    let is_it = |folder: &PathBuf| {
        let version = Command::new(folder.join("postgres")).arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let words = version.unwrap_or_default();
        words.split_whitespace().any(|word| word.split('.').next() == Some(&major.to_string()))
    };
    let found = env::split_paths(&folders).find(is_it);
    found.unwrap_or_else(|| panic!("{PROGRAMS} has no server of version {major}"))
}
