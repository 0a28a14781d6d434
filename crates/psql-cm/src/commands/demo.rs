//! `demo`: the walkthrough on a throw-away cluster.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use psqlcm_core::report::{Exit, Outcome, Report, TargetReport};
use psqlcm_engine::conninfo::{ConnInfo, Environment, Given};
use psqlcm_engine::git;
use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions};
use psqlcm_engine::session::Session;

use crate::commands::{Done, Text};
use crate::context::Context;
use crate::failure::Failure;

/// Show all of it on a throw-away cluster, with a word on each step
///
/// It starts a PostgreSQL server of its own in a temporary folder, makes a database with three schemas, takes them
/// under control, dumps, drops and restores the database, submits a change, and removes the cluster. The tree it wrote is
/// left to look at. It needs PostgreSQL's server programs (initdb, pg_ctl) on this machine.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// The folder of initdb and pg_ctl [default: the newest that is found]
    #[arg(long, value_name = "DIR")]
    pub server_bin: Option<PathBuf>,

    /// Leave the cluster running, and say how to connect and how to stop it
    #[arg(long)]
    pub keep: bool,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm demo
  psql-cm demo --server-bin /usr/lib/postgresql/15/bin --keep"#;

/// The database of the walkthrough.
const DATABASE: &str = "psqlcm_test";

/// What the walkthrough begins with: three schemas with a table each.
const SCHEMAS: &str = "CREATE TABLE public.a_bool (a bool);
CREATE SCHEMA schema_one; CREATE TABLE schema_one.an_integer (an integer);
CREATE SCHEMA schema_two; CREATE TABLE schema_two.a_varchar (a varchar)";

/// The change that is submitted.
const CHANGE: &str = "ALTER TABLE a_varchar ADD COLUMN a_timestamp timestamptz;";

/// Runs the walkthrough, each step by this very binary.
pub fn run(args: &Args, context: &Context) -> Result<Done, Failure> {
    let installation = installation(args)?;
    let ui = &context.ui;
    ui.say(&format!(
        "Starting a throw-away PostgreSQL {} ({}).",
        installation.version,
        installation.bin.display()
    ));
    let cluster = ScratchCluster::start(&installation, &ScratchOptions::default())
        .map_err(|error| Failure::because("cannot start a server", &error))?;
    let folder = tempfile::Builder::new().prefix("psql-cm-demo-").tempdir();
    let folder = folder.map_err(|error| Failure::because("cannot make a folder for the tree", &error))?;
    let demo = Demo { context, uri: cluster.uri("postgres"), folder: folder.path().to_path_buf() };
    demo.walk()?;
    // What is left to look at is a walkthrough that went through.
    let _ = folder.keep();
    if args.keep {
        ui.say(&format!("The cluster runs until you press Ctrl-C: psql {:?}", cluster.uri(DATABASE)));
        while context.interrupt.check().is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    cluster.stop().map_err(|error| Failure::because("cannot stop the server", &error))?;
    ui.say("The cluster is gone. The tree is left for you to look at:");
    let tree = demo.folder.join("sql");
    let report = TargetReport::new(&tree.display(), Outcome::Done);
    let mut all = Report::new("demo");
    all.targets.push(report);
    Ok(Done { report: all, text: Text::Own(format!("{}\n", tree.display())) })
}

fn installation(args: &Args) -> Result<Installation, Failure> {
    match &args.server_bin {
        Some(bin) => Installation::at(bin).map_err(|error| Failure::because("no server there", &error)),
        None => Installation::discover().into_iter().next().ok_or_else(|| {
            Failure::new(Exit::Failed, "no PostgreSQL server programs were found").hint(
                "install them (Debian: apt-get install postgresql), or name their folder with --server-bin",
            )
        }),
    }
}

struct Demo<'a> {
    context: &'a Context,
    uri: String,
    folder: PathBuf,
}

impl Demo<'_> {
    fn walk(&self) -> Result<(), Failure> {
        self.narrate("A database with three schemas, as any team has one.");
        self.sql("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        self.sql(DATABASE, SCHEMAS)?;
        self.narrate("Put it under change management: a ledger in every schema, with the schema as it is for its base.");
        self.step(&["--databases", DATABASE, "setup"])?;
        self.narrate("Write it to git as SQL for people: one file an object.");
        self.step(&["--databases", DATABASE, "dump"])?;
        self.narrate("Lose it.");
        self.sql("postgres", &format!("DROP DATABASE {DATABASE}"))?;
        self.narrate("Rebuild it from the tree, ledgers included. It is compared with what was dumped before it gets its name.");
        self.step(&["--databases", DATABASE, "restore"])?;
        self.narrate(
            "Rehearse a change, then submit it: the change and its entry in the ledger commit together.",
        );
        self.step(&[
            "submit",
            "--database",
            DATABASE,
            "--schema",
            "schema_two",
            "--dry-run",
            "--change",
            CHANGE,
        ])?;
        self.step(&["submit", "--database", DATABASE, "--schema", "schema_two", "--change", CHANGE])?;
        self.narrate("What happened, and whether all is as recorded.");
        self.step(&["--database", DATABASE, "log"])?;
        self.step(&["--database", DATABASE, "status"])?;
        self.narrate("Write the new state to git. The diff is the change.");
        self.step(&["--database", DATABASE, "dump"])?;
        self.narrate("Prove the ledgers against themselves and against their anchors in git.");
        self.step(&["--database", DATABASE, "verify"])
    }

    fn narrate(&self, text: &str) {
        self.context.ui.say(&format!("\n# {text}"));
    }

    /// Runs this binary as a person would.
    fn step(&self, words: &[&str]) -> Result<(), Failure> {
        self.context.interrupt.check()?;
        let shown = words
            .iter()
            .map(|word| if word.contains(' ') { format!("{word:?}") } else { (*word).to_owned() });
        let shown = shown.collect::<Vec<_>>().join(" ");
        self.context.ui.say(&format!("$ psql-cm {shown}"));
        let own =
            std::env::current_exe().map_err(|error| Failure::because("cannot find this program", &error))?;
        let mut command = Command::new(own);
        command.args(words).current_dir(&self.folder).stdin(Stdio::null());
        // Nothing that is set for real work may reach the demo, and nothing of the demo real work.
        for (name, _) in std::env::vars_os() {
            if ["PG", "PSQLCM_", "GIT_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
                command.env_remove(name);
            }
        }
        command.env("PSQLCM_URI", &self.uri);
        // Data is talk here: standard output is the demo's own.
        command.stdout(std::io::stderr());
        if git::identity(&self.folder).is_none() {
            for role in ["AUTHOR", "COMMITTER"] {
                command
                    .env(format!("GIT_{role}_NAME"), "psql-cm demo")
                    .env(format!("GIT_{role}_EMAIL"), "demo@example.org");
            }
        }
        let status = command.status().map_err(|error| Failure::because("cannot run this program", &error))?;
        match status.success() {
            true => Ok(()),
            false => Err(Failure::new(Exit::Failed, format!("the step failed ({status}): psql-cm {shown}"))),
        }
    }

    /// Runs SQL as somebody at a terminal would.
    fn sql(&self, database: &str, sql: &str) -> Result<(), Failure> {
        for line in sql.lines() {
            self.context.ui.say(&format!("{database}=# {line}"));
        }
        let given = Given::new().text("the demo", &self.uri);
        let info = ConnInfo::resolve(&given, &Environment::of_process());
        let info = info.map_err(|error| Failure::because("cannot reach the server", &error))?;
        let session = Session::connect(&info.with_database(database));
        let run = session.and_then(|mut session| session.run(sql));
        run.map_err(|error| Failure::because("the demo's own SQL failed", &error))
    }
}
