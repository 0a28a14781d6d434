//! The binary at work on a real server, in a folder and a home of its own.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use psqlcm_testkit::{TestServer, assert_same_text};

/// A folder to run the binary in, and the server it talks to.
pub struct Tool {
    pub server: TestServer,
    folder: Arc<tempfile::TempDir>,
    role: String,
}

/// What came of a run.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Tool {
    pub fn new(server: &TestServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        let identity =
            "[user]\n\tname = Test Person\n\temail = test@example.org\n[init]\n\tdefaultBranch = main\n";
        std::fs::write(folder.path().join("home/.gitconfig"), identity).unwrap();
        Self { server: server.clone(), folder: Arc::new(folder), role: "postgres".to_owned() }
    }

    /// The same, as another role.
    pub fn acting_as(self, role: &str) -> Self {
        Self { role: role.to_owned(), ..self }
    }

    /// The same folder, and another server.
    pub fn on(&self, server: &TestServer) -> Self {
        Self { server: server.clone(), folder: Arc::clone(&self.folder), role: self.role.clone() }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path below the tree.
    pub fn tree(&self, path: &str) -> PathBuf {
        self.folder().join("sql").join(path)
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.tree(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn write(&self, path: &str, text: &str) {
        std::fs::create_dir_all(self.tree(path).parent().unwrap()).unwrap();
        std::fs::write(self.tree(path), text).unwrap();
    }

    /// A program in the folder, with nothing of the environment that would lead it elsewhere.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["PG", "GIT_", "PSQLCM_"].iter().any(|start| name.starts_with(start)) || name == "DEBUG" {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.folder().join("home")).env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    /// The binary, to be run on the server with these words.
    pub fn psql_cm(&self, words: &[&str]) -> Command {
        let mut command = self.binary(&self.server);
        command.args(words);
        command
    }

    /// The binary, to be run on a server that may be reached another way.
    pub fn binary(&self, server: &TestServer) -> Command {
        self.program(env!("CARGO_BIN_EXE_psql-cm"), server)
    }

    /// The binary with these plain words, to be run on a terminal of its own; see [`at_a_terminal`].
    pub fn psql_cm_on_a_terminal(&self, words: &[&str]) -> Command {
        let mut script = self.program("script", &self.server);
        let line = format!("{} {}", env!("CARGO_BIN_EXE_psql-cm"), words.join(" "));
        script.args(["-qec", &line, "/dev/null"]);
        script
    }

    fn program(&self, program: &str, server: &TestServer) -> Command {
        let mut command = self.command(program);
        command.env("PGHOST", server.socket_dir()).env("PGPORT", server.port().to_string());
        command.env("PGUSER", &self.role);
        command
    }

    /// Runs the binary on the server with these words.
    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(&self.psql_cm(words).output().unwrap())
    }

    /// Runs the binary, which must succeed, and gives what it wrote to standard output.
    pub fn ok(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "{words:?}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Runs the binary, which gets a signal once `mine` tells the name of its scratch database: it ends with that code, and the
    /// database is gone.
    pub fn leaves_no_scratch(&self, words: &[&str], mine: &str, signal: &str, code: i32) {
        let child = self.psql_cm(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let place = loop {
            let place = self.psql("postgres", mine);
            if !place.trim().is_empty() {
                break place.trim().to_owned();
            }
        };
        let id = child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{}", ran.stderr);
        assert!(!self.has_database(&place), "{place}");
    }

    /// Runs the binary, which must end with that code and say all of that.
    pub fn fails(&self, words: &[&str], code: i32, says: &[&str]) -> Ran {
        let ran = self.run(words);
        assert_eq!(ran.code, code, "{words:?}\n{}{}", ran.stdout, ran.stderr);
        for part in says {
            assert!(ran.stderr.contains(part), "{words:?}: {part:?} is not in\n{}", ran.stderr);
        }
        ran
    }

    pub fn git(&self, words: &[&str]) -> String {
        let output = self.command("git").current_dir(self.tree("")).args(words).output().unwrap();
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// SQL in a database of the server, which must succeed.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.server.psql(database, sql).unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// `restore.sql` by plain psql, as its head says.
    pub fn psql_restore(&self, database: &str) {
        let script = self.tree(&format!(".facts/default/{database}/restore.sql"));
        let restored = self.server.psql_file("postgres", &script);
        restored.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Whether the server has the database.
    pub fn has_database(&self, name: &str) -> bool {
        let name = name.replace('\'', "''");
        self.psql("postgres", &format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")).trim()
            == "1"
    }

    /// All rows of all ledgers of a database, and what their sequences will give next.
    pub fn ledgers(&self, database: &str) -> String {
        self.try_ledgers(database).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, or why they are none.
    pub fn try_ledgers(&self, database: &str) -> Result<String, String> {
        let rows = "SELECT n.nspname, query_to_xml(format('SELECT * FROM %I.pg_psql_cm ORDER BY id', n.nspname), true, true, ''),
            query_to_xml(format('SELECT last_value, is_called FROM %s',
                pg_get_serial_sequence(format('%I.pg_psql_cm', n.nspname), 'id')), true, true, '')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'pg_psql_cm' ORDER BY 1";
        self.server.psql(database, rows)
    }

    /// The trip: dump; drop; restore by the tool, then by psql; each time all is as it was, and a second dump
    /// changes no file of the tree.
    pub fn check_trip(&self, database: &str) {
        self.ok(&["-d", database, "dump"]);
        let (schema, ledgers) = (self.server.pg_dump_schema(database), self.ledgers(database));
        let files = self.git(&["ls-files", "--stage", "--", ".", ":!.facts"]);
        self.ok(&["-d", database, "dump", "--no-commit"]);
        assert_eq!(self.git(&["status", "--porcelain"]), "", "a second dump changed something");
        for by_psql in [false, true] {
            self.server.drop_database(database);
            match by_psql {
                true => self.psql_restore(database),
                false => {
                    let said = self.ok(&["-d", database, "restore"]);
                    assert!(said.contains("equal to what was dumped"), "{said}");
                }
            }
            assert_same_text(&schema, &self.server.pg_dump_schema(database));
            assert_same_text(&ledgers, &self.ledgers(database));
            self.ok(&["-d", database, "dump"]);
            assert_same_text(&files, &self.git(&["ls-files", "--stage", "--", ".", ":!.facts"]));
        }
    }
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs `script`, which runs something on a terminal of its own, types that after each such question, and gives what the
/// terminal showed.
pub fn at_a_terminal(mut script: Command, question: &str, typed: &str) -> String {
    let piped = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut script = piped.spawn().unwrap();
    let (mut terminal, mut keyboard) = (script.stdout.take().unwrap(), script.stdin.take().unwrap());
    let (mut shown, mut buffer) = (String::new(), [0; 4096]);
    while let Ok(length @ 1..) = terminal.read(&mut buffer) {
        shown.push_str(&String::from_utf8_lossy(&buffer[..length]));
        if shown.ends_with(question) {
            keyboard.write_all(typed.as_bytes()).unwrap();
        }
    }
    script.wait().unwrap();
    shown
}

/// No scratch database of this moment stays. Other tests have theirs on the same server, which go when they are done.
#[track_caller]
pub fn no_scratch_stays(server: &TestServer) {
    let of_now = "SELECT coalesce(string_agg(quote_literal(datname), ','), 'NULL') FROM pg_database WHERE datname ~ ' scratch '";
    let names = server.psql("postgres", of_now).unwrap();
    let left = format!("SELECT count(*) FROM pg_database WHERE datname IN ({})", names.trim());
    let begin = Instant::now();
    while server.psql("postgres", &left).unwrap().trim() != "0" {
        assert!(begin.elapsed() < PATIENCE, "still there: {names}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// What lasts longer was forgotten.
const PATIENCE: Duration = Duration::from_secs(300);
