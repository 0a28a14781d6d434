//! What the tests of commands share: databases with ledgers, and the binary run on them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use psqlcm_engine::conninfo::{ConnInfo, Environment, Given};
use psqlcm_engine::session::Session;
use psqlcm_testkit::{TestDatabase, TestServer, servers};
use serde_json::Value;

/// On every server: a database made by this script, with these schemas under control.
pub fn everywhere(name: &str, script: &str, schemas: &[&str], body: impl Fn(&TestDatabase)) {
    for server in servers() {
        let database = server.database(name);
        database.psql(script).unwrap();
        setup(&database, schemas);
        body(&database);
    }
}

/// A session of the test's own.
pub fn session(database: &TestDatabase) -> Session {
    session_of(database.server(), database.name())
}

/// The same, by the database's name.
pub fn session_of(server: &TestServer, database: &str) -> Session {
    let given = Given::new().text("test", &server.uri(database));
    Session::connect(&ConnInfo::resolve(&given, &Environment::empty()).unwrap()).unwrap()
}

/// Takes schemas under control, each with a base.
pub fn setup(database: &TestDatabase, schemas: &[&str]) {
    run(database, &["setup", "--schemas", &schemas.join(",")]).exits(0);
}

/// How a run of the binary ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// The same, which must have ended so.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// The same, which must have said so on either stream.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        let said = self.out.contains(words) || self.err.contains(words);
        assert!(said, "{words:?} is missing in\nstdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// The binary for these databases of one server, in `folder`.
pub fn command(server: &TestServer, databases: &[&TestDatabase], folder: &Path) -> Command {
    let mut command = command_at(&server.uri("postgres"), folder);
    for database in databases {
        command.args(["--database", database.name()]);
    }
    command
}

/// The binary with that connection, in `folder`.
pub fn command_at(uri: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_psql-cm"));
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("PG") || name_text.starts_with("PSQLCM_") || name_text == "DEBUG" {
            command.env_remove(&name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null()).args(["--uri", uri]);
    command
}

/// Runs the binary on one database.
pub fn run(database: &TestDatabase, arguments: &[&str]) -> Ran {
    Ran::of(&command(database.server(), &[database], &std::env::temp_dir()).args(arguments).output().unwrap())
}

/// A folder of the test's own, empty.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(psqlcm_testkit::unique(name));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
