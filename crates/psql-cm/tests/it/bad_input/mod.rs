//! What people give the tool that it cannot use: each situation is refused with the message and exit code that
//! `docs/errors.md` promises, and changes nothing.
//!
//! The document is what the tests compare with, message by message, so that it stays true. `UPDATE=1` rewrites its
//! messages after a change of words; the prose between them is left as it is.

mod changes;
mod command_line;
mod document;
mod git;
mod plans;
mod servers;
mod trees;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use psqlcm_testkit::{TestDatabase, TestServer, server, unique};

use crate::tool::{Ran, Tool};

/// A database, a folder with or without a tree of it, and the words of this run that the document has others for.
struct Scene {
    tool: Tool,
    database: TestDatabase,
    /// Other databases of the scene, for [`Scene::standing`].
    others: Vec<String>,
    words: Vec<(String, String)>,
}

/// All that a refused command must leave as it was.
type Standing = BTreeMap<String, String>;

impl Scene {
    /// A database made by that SQL on the server of version 15, not under control.
    fn bare(sql: &str) -> Self {
        Self::on(&server(15), sql)
    }

    /// The same on that server.
    fn on(server: &TestServer, sql: &str) -> Self {
        let database = server.database("bad_input");
        database.psql(sql).unwrap();
        let tool = Tool::new(server);
        let mut scene = Self { tool, database, others: Vec::new(), words: Vec::new() };
        let names = [
            (scene.database.name().to_owned(), "app"),
            (scene.tool.folder().display().to_string(), "/home/ann/project"),
            (server.socket_dir().display().to_string(), "/run/postgresql"),
            (server.socket_dir().display().to_string().replace('/', "%2F"), "%2Frun%2Fpostgresql"),
        ];
        for (name, word) in names {
            scene = scene.calling(&name, word);
        }
        scene
    }

    /// A database made by that SQL, under control.
    fn managed(sql: &str) -> Self {
        let scene = Self::bare(sql);
        scene.ok(&["setup"]);
        scene
    }

    /// A database made by that SQL, under control and dumped.
    fn dumped(sql: &str) -> Self {
        let scene = Self::managed(sql);
        scene.ok(&["dump"]);
        scene
    }

    /// In the document this name of the run has another.
    fn calling(mut self, name: &str, word: &str) -> Self {
        self.words.push((name.to_owned(), word.to_owned()));
        self
    }

    /// A role that may log in, called `ann` in the document.
    fn role(self) -> (Self, Role) {
        let role = Role { server: self.tool.server.clone(), name: unique("bad_input_role") };
        self.tool.psql("postgres", &format!("CREATE ROLE {} LOGIN", role.name));
        let scene = self.calling(&role.name, "ann");
        (scene, role)
    }

    fn name(&self) -> &str {
        self.database.name()
    }

    fn psql(&self, sql: &str) -> String {
        self.tool.psql(self.name(), sql)
    }

    /// The binary for the database of the scene.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.tool.psql_cm(&["-d", self.name()]);
        command.args(words);
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        Ran::of(&self.command(words).output().unwrap())
    }

    fn ok(&self, words: &[&str]) -> Ran {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "{words:?}\n{}{}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs the binary on the database: it must end and speak as the document says, and change nothing.
    #[track_caller]
    fn refuses(&self, title: &str, words: &[&str]) {
        self.refuses_command(title, self.command(words));
    }

    /// The same as some role.
    #[track_caller]
    fn refuses_role(&self, title: &str, role: &Role, words: &[&str]) {
        let mut command = self.command(words);
        command.env("PGUSER", &role.name);
        self.refuses_command(title, command);
    }

    /// The same with any command line.
    #[track_caller]
    fn refuses_command(&self, title: &str, mut command: Command) {
        let before = self.standing();
        self.says(title, &mut command);
        assert_eq!(self.standing(), before, "{title}: something was changed");
    }

    /// Runs the binary with each of these: the first must end and speak as the document says, the others as the
    /// first, and nothing may change.
    #[track_caller]
    fn all_refuse(&self, title: &str, commands: &[&[&str]]) {
        let [first, others @ ..] = commands else { panic!("no command") };
        let before = self.standing();
        let first = self.says(title, &mut self.command(first));
        for words in others {
            let ran = self.run(words);
            assert_eq!((ran.code, &ran.stderr), (first.code, &first.stderr), "{words:?}");
        }
        assert_eq!(self.standing(), before, "{title}: something was changed");
    }

    /// Runs the binary, which must end and speak as the document says.
    #[track_caller]
    fn says(&self, title: &str, command: &mut Command) -> Ran {
        let ran = Ran::of(&command.output().unwrap());
        self.compare(title, command, &ran);
        ran
    }

    #[track_caller]
    fn compare(&self, title: &str, command: &Command, ran: &Ran) {
        let user = command.get_envs().find(|(name, _)| *name == "PGUSER").and_then(|(_, value)| value);
        let user = user.filter(|user| *user != "postgres").map(|user| format!("PGUSER={} ", user.display()));
        let line: Vec<String> = command.get_args().map(|word| quoted(&word.to_string_lossy())).collect();
        let line = format!("{}psql-cm {}", user.unwrap_or_default(), line.join(" "));
        let line = self.in_the_documents_words(&line);
        document::check(title, &line, ran.code, &self.in_the_documents_words(&ran.stderr));
    }

    fn in_the_documents_words(&self, text: &str) -> String {
        let words = self.words.iter();
        words.fold(text.to_owned(), |text, (name, word)| text.replace(name, word))
    }

    /// What the databases, the ledgers, the tree and git hold.
    fn standing(&self) -> Standing {
        let mut standing = Standing::new();
        // Copies and what a restore builds have names that begin alike.
        let like = format!(
            "SELECT datname FROM pg_database WHERE datname ~ '^{}([ _][a-z]|$)' ORDER BY 1",
            self.name()
        );
        let databases = self.tool.psql("postgres", &like);
        standing.insert("databases".into(), databases.clone());
        for name in databases.lines().map(str::to_owned).chain(self.others.clone()) {
            standing.insert(format!("schema of {name}"), self.tool.server.pg_dump_schema(&name));
            let rows = self.tool.try_ledgers(&name).unwrap_or_else(|error| error);
            standing.insert(format!("ledgers of {name}"), rows);
        }
        files(&self.tool.tree(""), &mut standing);
        standing
    }
}

/// Every file below a folder, with its content; git's own too, but for what a mere look at it refreshes.
fn files(folder: &Path, standing: &mut Standing) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    for path in paths {
        let name = path.display().to_string();
        if path.is_symlink() {
            standing.insert(name, format!("-> {}", std::fs::read_link(&path).unwrap().display()));
        } else if path.is_dir() {
            files(&path, standing);
        } else if !name.ends_with(".git/index") {
            let content = std::fs::read(&path).unwrap_or_default();
            standing.insert(name, String::from_utf8_lossy(&content).into_owned());
        }
    }
}

/// A role of the test's own, dropped with the value.
struct Role {
    server: TestServer,
    name: String,
}

impl Drop for Role {
    fn drop(&mut self) {
        let databases = self.server.psql("postgres", "SELECT datname FROM pg_database WHERE datallowconn");
        for database in databases.unwrap_or_default().lines().filter(|name| name.starts_with("bad_input")) {
            let _ = self.server.psql(database, &format!("DROP OWNED BY {} CASCADE", self.name));
        }
        let _ = self.server.psql("postgres", &format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name));
    }
}

/// A word as a shell would take it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
    match word.chars().all(is_plain) && !word.is_empty() {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
