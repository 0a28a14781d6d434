//! How fast psql-cm is beside PostgreSQL's own programs: on one server, in turn, in one run.
//!
//! Figures of one machine say little about another; ratios of what ran in turn say much. Nothing here passes or fails.

mod changes;
mod latency;
mod measure;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Args;
use psqlcm_engine::server::{ScratchCluster, ScratchOptions};

use crate::servers::{obtain, obtain_client};
use crate::shell::{Error, cargo, io, quietly, say, workspace};
use measure::Cost;

/// What `cargo xtask bench` may be told.
#[derive(Args)]
pub struct Options {
    /// How many tables the databases have, in fifty schemas
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 5000, 20_000])]
    tables: Vec<u32>,
    /// How often each command is run; the figures are medians
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// The major version of PostgreSQL
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(13..=18))]
    version: u32,
    /// What is measured: dump, restore, status, latency, start, plan (and diff), submit
    #[arg(long, value_delimiter = ',', default_values_t = WORKS.map(str::to_owned),
          value_parser = clap::builder::PossibleValuesParser::new(WORKS))]
    works: Vec<String>,
    /// The round trip of a server that is far away, in milliseconds
    #[arg(long, default_value_t = 20)]
    latency: u64,
}

const WORKS: [&str; 7] = ["dump", "restore", "status", "latency", "start", "plan", "submit"];
const SCHEMAS: u32 = 50;
/// How many changes are submitted in one run.
const CHANGES: u32 = 1000;
/// `psql -1` holds a lock on all that a script makes.
const LOCKS: (&str, &str) = ("max_locks_per_transaction", "4096");
const TABLES: &str = include_str!("bench/tables.sql");
const DIFFERENCES: &str = include_str!("bench/differences.sql");
/// How commands end: all is well, and the two sides differ.
const DONE: i32 = 0;
const DIFFERENT: i32 = 3;
const MIGRA_DIFFERENT: i32 = 2;

/// A command that is measured: what it is called, how it ends, and how it is made anew for each run.
type Contender<'a> = (&'a str, i32, &'a dyn Fn() -> Result<Command, Error>);

/// Builds the databases, runs everything in turn and prints a table.
pub fn run(options: &Options) -> Result<ExitCode, Error> {
    let bench = Bench::start(options)?;
    let mut table = String::from(
        "| work | command | wall s | CPU s (tool + server) | memory MiB | wall | CPU |\n| --- | --- | --: | --: | --: | --: | --: |\n",
    );
    let wants = |work: &str| options.works.iter().any(|wanted| wanted == work);
    if wants("start") {
        let help = || Ok(bench.tool(["--help"]));
        table += &bench.in_turn("start, to the help", &[("psql-cm", DONE, &help)])?;
    }
    if wants("status") {
        let database = bench.database(1000, 1000)?;
        let status = || Ok(bench.tool(["-d", &database, "status"]));
        table += &bench.in_turn("status, nothing to do, 1000 schemas", &[("psql-cm", DONE, &status)])?;
        bench.drop(&database)?;
    }
    if wants("submit") {
        let database = bench.database(SCHEMAS, SCHEMAS)?;
        table += &bench.submit(&format!("{CHANGES} changes, {SCHEMAS} tables"), &database)?;
        bench.drop(&database)?;
    }
    for &tables in &options.tables {
        let database = bench.database(tables, SCHEMAS)?;
        if wants("dump") {
            table += &bench.dump(&format!("dump, {tables} tables"), &database, bench.cluster.socket_dir())?;
        }
        if wants("latency") {
            let work = format!("dump, {tables} tables, {} ms away", options.latency);
            table += &bench.dump(&work, &database, &bench.far_away)?;
        }
        if wants("restore") {
            table += &bench.restore(&format!("restore, {tables} tables"), &database)?;
        }
        if wants("plan") {
            table += &bench.plan(&format!("10 differences, {tables} tables"), &database)?;
        }
        bench.drop(&database)?;
    }
    say(&format!(
        "PostgreSQL {}, {} = {}; medians of {} runs; ratios are to the first row of the work\n",
        bench.cluster.installation().version,
        LOCKS.0,
        LOCKS.1,
        options.runs
    ));
    std::io::stdout().write_all(table.as_bytes()).map_err(io("print the table"))?;
    Ok(ExitCode::SUCCESS)
}

struct Bench {
    cluster: ScratchCluster,
    postmaster: u32,
    client: PathBuf,
    program: PathBuf,
    folder: tempfile::TempDir,
    far_away: PathBuf,
    runs: u32,
}

impl Bench {
    fn start(options: &Options) -> Result<Self, Error> {
        quietly(cargo().args(["build", "--release", "--quiet", "-p", "psql-cm"]))?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
        let installation = obtain(&[options.version])?.remove(0);
        let settings = vec![(LOCKS.0.to_owned(), LOCKS.1.to_owned())];
        let cluster =
            ScratchCluster::start(&installation, &ScratchOptions { settings, ..ScratchOptions::default() })?;
        let folder = tempfile::tempdir().map_err(io("make a temporary folder"))?;
        let far_away = folder.path().join("far");
        fs::create_dir(&far_away).map_err(io("make a folder"))?;
        let socket = cluster.socket_dir().join(format!(".s.PGSQL.{}", cluster.port()));
        latency::forward(&far_away, socket, Duration::from_millis(options.latency))?;
        let mut bench = Self {
            cluster,
            postmaster: 0,
            client: obtain_client()?,
            program: target.join("release/psql-cm"),
            folder,
            far_away,
            runs: options.runs,
        };
        bench.postmaster = bench.postmaster()?;
        Ok(bench)
    }

    /// The first process of the server, which its own file names.
    fn postmaster(&self) -> Result<u32, Error> {
        let sql = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)";
        let output = self.psql("postgres").args(["-At", "-c", sql]).output().map_err(io("run psql"))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        text.parse().map_err(|_| Error::Failed { command: sql.to_owned(), words: text })
    }

    /// A database of so many tables, under control.
    fn database(&self, tables: u32, schemas: u32) -> Result<String, Error> {
        let name = format!("bench_{tables}_{schemas}");
        say(&format!("{tables} tables in {schemas} schemas"));
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        let script = self.folder.path().join("tables.sql");
        fs::write(&script, TABLES).map_err(io("write a script"))?;
        let variables = [format!("tables={tables}"), format!("schemas={schemas}")];
        let mut load = self.psql(&name);
        quietly(load.args(["-v", &variables[0], "-v", &variables[1], "-f"]).arg(&script))?;
        self.sql(&name, "VACUUM ANALYZE")?;
        quietly(&mut self.tool(["-d", &name, "setup"]))?;
        Ok(name)
    }

    fn drop(&self, database: &str) -> Result<(), Error> {
        self.sql("postgres", &format!("DROP DATABASE IF EXISTS {database}"))
    }

    fn dump(&self, work: &str, database: &str, host: &Path) -> Result<String, Error> {
        let far = |mut command: Command| {
            command.env("PGHOST", host);
            command
        };
        let theirs = || {
            let mut dump = far(self.of_postgres("pg_dump"));
            dump.args(["-s", "-d", database, "-f"]).arg(self.folder.path().join("pg_dump.sql"));
            Ok(dump)
        };
        let ours = || Ok(far(self.tool(["-d", database, "dump", "--no-commit"])));
        self.in_turn(work, &[("pg_dump -s", DONE, &theirs), ("psql-cm", DONE, &ours)])
    }

    fn restore(&self, work: &str, database: &str) -> Result<String, Error> {
        let script = self.folder.path().join("restore.sql");
        quietly(self.of_postgres("pg_dump").args(["-s", "-d", database, "-f"]).arg(&script))?;
        leave_out_newer_settings(&script)?;
        quietly(&mut self.tool(["-d", database, "dump", "--no-commit"]))?;
        let (copy, made) = ("bench_copy", "bench_made");
        let theirs = || {
            self.drop(made)?;
            self.sql("postgres", &format!("CREATE DATABASE {made} TEMPLATE template0"))?;
            let mut psql = self.psql(made);
            psql.args(["-1", "-f"]).arg(&script);
            Ok(psql)
        };
        let ours = || {
            self.drop(copy)?;
            Ok(self.tool(["-d", database, "restore", "--as", copy]))
        };
        let measured = self.in_turn(work, &[("psql -1 -f", DONE, &theirs), ("psql-cm", DONE, &ours)])?;
        self.drop(copy)?;
        self.drop(made)?;
        Ok(measured)
    }

    /// The first row is one capture, which each of the others does twice.
    fn plan(&self, work: &str, database: &str) -> Result<String, Error> {
        let changed = "bench_changed";
        self.drop(changed)?;
        self.sql("postgres", &format!("CREATE DATABASE {changed} TEMPLATE {database}"))?;
        self.sql(changed, DIFFERENCES)?;
        self.sql(changed, "VACUUM ANALYZE")?;
        let [from, to] = [database, changed].map(|name| format!("db:{name}"));
        let capture = || Ok(self.tool(["diff", &from, "empty:"]));
        let diff = || Ok(self.tool(["diff", &from, &to]));
        let unverified = || Ok(self.tool(["plan", &from, &to, "--no-verify"]));
        let verified = || Ok(self.tool(["plan", &from, &to]));
        let migra = || Ok(self.migra(database, changed));
        let mut contenders: Vec<Contender<'_>> = vec![
            ("psql-cm diff, of nothing", DIFFERENT, &capture),
            ("psql-cm diff", DIFFERENT, &diff),
            ("psql-cm plan --no-verify", DIFFERENT, &unverified),
            ("psql-cm plan", DIFFERENT, &verified),
        ];
        if Command::new("migra").arg("--help").output().is_ok_and(|output| output.status.success()) {
            contenders.push(("migra", MIGRA_DIFFERENT, &migra));
        }
        let measured = self.in_turn(work, &contenders)?;
        self.drop(changed)?;
        Ok(measured)
    }

    /// Each change is a transaction of its own. The last row is one capture.
    fn submit(&self, work: &str, database: &str) -> Result<String, Error> {
        let changes = changes::write(self.folder.path(), CHANGES)?;
        let folder = changes.folder.display().to_string();
        let (theirs_in, ours_in) = ("bench_psql", "bench_submitted");
        let fresh = |name: &str| {
            self.drop(name)?;
            self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {database}"))
        };
        let theirs = || {
            fresh(theirs_in)?;
            let mut psql = self.psql(theirs_in);
            psql.arg("-f").arg(&changes.script);
            Ok(psql)
        };
        let ours = || {
            fresh(ours_in)?;
            Ok(self.tool(["-d", ours_in, "submit", "--change", &folder]))
        };
        let submitted = format!("db:{ours_in}");
        let capture = || Ok(self.tool(["diff", &submitted, "empty:"]));
        let contenders: [Contender<'_>; 3] = [
            ("psql -f", DONE, &theirs),
            ("psql-cm submit", DONE, &ours),
            ("psql-cm diff, of nothing", DIFFERENT, &capture),
        ];
        let measured = self.in_turn(work, &contenders)?;
        self.drop(theirs_in)?;
        self.drop(ours_in)?;
        Ok(measured)
    }

    fn migra(&self, from: &str, to: &str) -> Command {
        let host = self.cluster.socket_dir().display().to_string();
        let uri = |name| format!("postgresql://postgres@/{name}?host={host}&port={}", self.cluster.port());
        let mut migra = Command::new("migra");
        migra.args(["--unsafe", "--with-privileges", &uri(from), &uri(to)]);
        migra
    }

    /// The rows of one piece of work. In turn, so that what else the machine does meets all of them.
    fn in_turn(&self, work: &str, contenders: &[Contender<'_>]) -> Result<String, Error> {
        let mut costs = vec![Vec::new(); contenders.len()];
        for _ in 0..self.runs {
            for (costs, (_, exit, command)) in costs.iter_mut().zip(contenders) {
                costs.push(measure::run(&mut command()?, *exit, self.postmaster)?);
            }
        }
        let medians = contenders.iter().zip(&costs).map(|((name, ..), costs)| (*name, Cost::median(costs)));
        Ok(rows(work, &medians.collect::<Vec<_>>()))
    }

    fn sql(&self, database: &str, sql: &str) -> Result<(), Error> {
        quietly(self.psql(database).args(["-c", sql]))
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = self.of_postgres("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database]);
        psql
    }

    fn of_postgres(&self, program: &str) -> Command {
        self.connected(Command::new(self.client.join(program)))
    }

    fn tool<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Command {
        let mut tool = self.connected(Command::new(&self.program));
        tool.current_dir(self.folder.path()).args(words);
        tool
    }

    fn connected(&self, mut command: Command) -> Command {
        command
            .env("PGHOST", self.cluster.socket_dir())
            .env("PGPORT", self.cluster.port().to_string())
            .env("PGUSER", "postgres");
        command
    }
}

/// The client may be newer than the server, and writes settings that only its own version has.
fn leave_out_newer_settings(script: &Path) -> Result<(), Error> {
    let text = fs::read_to_string(script).map_err(io("read a script"))?;
    fs::write(script, text.replace("SET transaction_timeout = 0;\n", "")).map_err(io("write a script"))
}

/// The rows of one piece of work; each but the first with its ratios to the first.
fn rows(work: &str, costs: &[(&str, Cost)]) -> String {
    let mut text = String::new();
    let first = costs.first().map(|(_, cost)| *cost).unwrap_or_default();
    for (at, (command, cost)) in costs.iter().enumerate() {
        let ratio =
            |ours: f64, theirs: f64| if at == 0 { String::new() } else { format!("{:.2}", ours / theirs) };
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "| {work} | `{command}` | {:.2} | {:.2} ({:.2} + {:.2}) | {:.0} | {} | {} |",
            cost.wall,
            cost.cpu(),
            cost.tool,
            cost.server,
            cost.memory,
            ratio(cost.wall, first.wall),
            ratio(cost.cpu(), first.cpu()),
        );
    }
    text
}
