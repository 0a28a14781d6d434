//! The servers of this run, and databases in them that live as long as a test.

use std::env;
use std::fs;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Tells where the servers are: `major=folder of the socket:port`, a line or `;` between them.
const SERVERS: &str = "PSQL_CM_TEST_SERVERS";
/// Tells where `psql` and `pg_dump` of version 18 are.
const CLIENT_BIN: &str = "PSQL_CM_TEST_CLIENT_BIN";

/// The servers of this run, the lowest version first.
#[must_use]
pub fn servers() -> Vec<TestServer> {
    let mut servers: Vec<TestServer> = from_xtask(SERVERS)
        .split(['\n', ';'])
        .filter(|entry| !entry.trim().is_empty())
        .map(|entry| {
            TestServer::parse(entry)
                .unwrap_or_else(|| panic!("{SERVERS}: `{entry}` is not major=folder:port"))
        })
        .collect();
    servers.sort_by_key(TestServer::major);
    servers
}

/// The server of a major version. A run that left this version out fails the test, with the way to have it.
#[must_use]
pub fn server(major: u32) -> TestServer {
    let servers = servers();
    let majors: Vec<u32> = servers.iter().map(TestServer::major).collect();
    let found = servers.into_iter().find(|server| server.major() == major);
    found.unwrap_or_else(|| {
        panic!("this run has servers {majors:?} only: run through `cargo xtask test --versions {major}`")
    })
}

/// The folder of `psql` and `pg_dump` of version 18, which serve all servers.
#[must_use]
pub fn client_bin() -> PathBuf {
    PathBuf::from(from_xtask(CLIENT_BIN))
}

/// A name that no other test of this run uses: `prefix_<process>_<number>`.
#[must_use]
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let name = format!("{prefix}_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    assert!(name.len() < 64, "`{prefix}` is too long to be the start of a name in PostgreSQL");
    name
}

fn from_xtask(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: this test needs PostgreSQL servers; run it through `cargo xtask test`")
    })
}

/// A running server, with the superuser `postgres` who needs no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestServer {
    major: u32,
    socket_dir: PathBuf,
    port: u16,
}

impl TestServer {
    /// Describes a server that a test started itself.
    #[must_use]
    pub fn new(major: u32, socket_dir: &Path, port: u16) -> Self {
        Self { major, socket_dir: socket_dir.to_owned(), port }
    }

    fn parse(entry: &str) -> Option<Self> {
        let (major, place) = entry.trim().split_once('=')?;
        let (folder, port) = place.rsplit_once(':')?;
        Some(Self::new(major.parse().ok()?, Path::new(folder), port.parse().ok()?))
    }

    /// The major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The folder of the socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The port, which is part of the socket's name.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A URI for the superuser. `database` may have any name.
    #[must_use]
    pub fn uri(&self, database: &str) -> String {
        let host = percent_encoded(&self.socket_dir.to_string_lossy());
        format!("postgresql://postgres@/{}?host={host}&port={}", percent_encoded(database), self.port)
    }

    /// Whether an extension can be created.
    #[must_use]
    pub fn offers(&self, extension: &str) -> bool {
        let sql = format!("SELECT count(*) FROM pg_available_extensions WHERE name = '{extension}'");
        self.psql("postgres", &sql).unwrap_or_else(|error| panic!("{sql}: {error}")).trim() == "1"
    }

    /// Makes an empty UTF8 database from template0; it goes away with the value.
    #[must_use]
    pub fn database(&self, prefix: &str) -> TestDatabase {
        let name = unique(prefix);
        let sql = format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", quoted(&name));
        self.psql("postgres", &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        TestDatabase { server: self.clone(), name }
    }

    /// Drops a database, with the sessions and subscriptions in it; one that is not there is no error.
    pub fn drop_database(&self, name: &str) {
        self.try_drop_database(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    fn try_drop_database(&self, name: &str) -> Result<(), String> {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
        match self.psql("postgres", &drop) {
            Err(error) if error.contains("subscription") => {
                self.psql(name, DROP_SUBSCRIPTIONS)?;
                self.psql("postgres", &drop)?;
            }
            dropped => {
                dropped?;
            }
        }
        Ok(())
    }

    /// Runs statements one after the other through psql, up to the first error, and gives the rows, unaligned and
    /// without headings.
    ///
    /// # Errors
    /// With psql's own words.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        // By standard input, since `-c` would make one transaction of all.
        let mut script = tempfile::tempfile().expect("a temporary file can be made");
        script
            .write_all(sql.as_bytes())
            .and_then(|()| script.rewind())
            .expect("a temporary file can be written");
        rows(self.client("psql", database).args(PSQL).stdin(Stdio::from(script)))
    }

    /// Runs a file through psql, up to the first error.
    ///
    /// # Errors
    /// With psql's own words.
    pub fn psql_file(&self, database: &str, path: &Path) -> Result<String, String> {
        rows(self.client("psql", database).args(PSQL).arg("-f").arg(path))
    }

    /// The schema as version 18's `pg_dump -s` prints it, without the lines that differ from run to run and from
    /// server to server.
    #[must_use]
    pub fn pg_dump_schema(&self, database: &str) -> String {
        self.pg_dump(database, &["-s"])
    }

    /// The same, with what is said of the database itself.
    #[must_use]
    pub fn pg_dump_create(&self, database: &str) -> String {
        self.pg_dump(database, &["-s", "--create"])
    }

    fn pg_dump(&self, database: &str, arguments: &[&str]) -> String {
        let dump = rows(self.client("pg_dump", database).args(arguments));
        let dump = dump.unwrap_or_else(|error| panic!("pg_dump of {database}: {error}"));
        dump.split_inclusive('\n')
            .filter(|line| !VARYING.iter().any(|start| line.starts_with(start)))
            .collect()
    }

    /// The cluster's globals as version 18's `pg_dumpall -g` prints them, without passwords, comments and the lines that
    /// differ from run to run.
    #[must_use]
    pub fn pg_dumpall_globals(&self) -> String {
        let arguments = ["--globals-only", "--no-role-passwords"];
        let dump = rows(self.client("pg_dumpall", "postgres").args(arguments));
        let dump = dump.unwrap_or_else(|error| panic!("pg_dumpall: {error}"));
        let is_said = |line: &&str| {
            !line.starts_with("--") && !VARYING.iter().any(|start| line.starts_with(start)) && *line != "\n"
        };
        dump.split_inclusive('\n').filter(is_said).collect()
    }

    /// One of PostgreSQL's programs, pointed at this server and at nothing that the user's environment names.
    fn client(&self, program: &str, database: &str) -> Command {
        let mut command = Command::new(client_bin().join(program));
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        command.env("PGCLIENTENCODING", "UTF8").stdin(Stdio::null());
        // By the environment, since `-d` would read a name with `=` in it as a connection string.
        command.env("PGHOST", &self.socket_dir).env("PGPORT", self.port.to_string());
        command.env("PGUSER", "postgres").env("PGDATABASE", database);
        command
    }
}

/// Runs statements through psql at a URI.
///
/// # Errors
/// With psql's own words.
pub fn psql_at(uri: &str, sql: &str) -> Result<String, String> {
    let mut command = Command::new(client_bin().join("psql"));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    rows(command.args(PSQL).args(["-d", uri, "-c", sql]).stdin(Stdio::null()))
}

const PSQL: [&str; 6] = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"];

const VARYING: [&str; 4] =
    ["\\restrict ", "\\unrestrict ", "-- Dumped from database version ", "-- Dumped by pg_dump version "];

/// A database that is dropped, with the sessions in it, when the test is through with it.
#[derive(Debug)]
pub struct TestDatabase {
    server: TestServer,
    name: String,
}

impl TestDatabase {
    /// Its name, which no other test uses.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server it is in.
    #[must_use]
    pub fn server(&self) -> &TestServer {
        &self.server
    }

    /// A URI for the superuser.
    #[must_use]
    pub fn uri(&self) -> String {
        self.server.uri(&self.name)
    }

    /// Runs statements in it; see [`TestServer::psql`].
    ///
    /// # Errors
    /// With psql's own words.
    pub fn psql(&self, sql: &str) -> Result<String, String> {
        self.server.psql(&self.name, sql)
    }

    /// Its schema; see [`TestServer::pg_dump_schema`].
    #[must_use]
    pub fn pg_dump_schema(&self) -> String {
        self.server.pg_dump_schema(&self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A test that fails drops it too, and a panic then would hide why; the cluster goes away with the run.
        let _ = self.server.try_drop_database(&self.name);
    }
}

/// A database that has subscriptions cannot be dropped.
const DROP_SUBSCRIPTIONS: &str = "
    SELECT format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = NONE); DROP SUBSCRIPTION %1$I', subname)
      FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \\gexec";

fn rows(command: &mut Command) -> Result<String, String> {
    let program = PathBuf::from(command.get_program());
    let Output { status, stdout, stderr } =
        command.output().map_err(|e| format!("{}: {e}", program.display()))?;
    if !status.success() {
        return Err(String::from_utf8_lossy(&stderr).trim_end().to_owned());
    }
    let mut text = String::from_utf8(stdout).map_err(|_| format!("{}: not UTF-8", program.display()))?;
    if program.ends_with("psql") && text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// A name as an identifier in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(crate) fn percent_encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Writes a script that runs several files in one session, for what a session must hold throughout.
pub(crate) fn script_of(lines: &[String]) -> tempfile::NamedTempFile {
    let script = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    fs::write(script.path(), lines.join("\n")).expect("a temporary file can be written");
    script
}
