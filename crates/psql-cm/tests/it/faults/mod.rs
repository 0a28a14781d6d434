//! Harm at every point of a run: at each message between the tool and the server, at each operation on the disk, at
//! each call of git. After each: what is there is the old or the new and nothing between, the exit code says which,
//! and the next run of the same command ends where an undisturbed one does.
//!
//! All points are tried where there are few; of the others some, and all with `PSQL_CM_FAULTS=all`.

mod adopt;
mod crash;
mod dump;
mod globals;
mod restore;
mod setup;
mod signals;
mod submit;

use std::any::Any;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use psqlcm_testkit::{At, Harm, Moment, Proxy, TestServer, server, unique};

use crate::tool::{Ran, Tool};

/// How many points are tried at once: each mostly waits for processes to start and end.
const WORKERS: usize = 4;
/// After so many failures the rest would say nothing new.
const FAILURES: usize = 12;

/// What befalls a run between the tool and the server; and, for one database and for three, how many points to go on
/// from one that is tried to the next. The numbers are such that the points differ from harm to harm.
const HARMS: [(Harm, [usize; 2]); 6] = [
    (Harm::Cut(Moment::Before), [1, 7]),
    (Harm::Cut(Moment::After), [1, 8]),
    (Harm::Kill(Moment::Before), [5, 17]),
    (Harm::Kill(Moment::After), [3, 11]),
    (Harm::Signal("INT", Moment::After), [3, 13]),
    (Harm::Signal("TERM", Moment::Before), [5, 19]),
];

/// Tries each harm at the points of a run on so many databases.
fn each_harm<W>(
    what: &str,
    databases: usize,
    world: impl Fn() -> W + Sync,
    try_at: impl Fn(&W, usize, &Harm) -> bool + Sync,
) {
    for (harm, [one, several]) in HARMS {
        let stride = if databases == 1 { one } else { several };
        each_point(&format!("{what}, {harm}"), stride, &world, |world, n| try_at(world, n, &harm));
    }
}

/// Tries harm at one point after the other until one is beyond the end of the run, several at once, each worker in a
/// world of its own. `try_at` says whether the point was there, and panics when something does not hold.
fn each_point<W>(
    what: &str,
    stride: usize,
    world: impl Fn() -> W + Sync,
    try_at: impl Fn(&W, usize) -> bool + Sync,
) {
    let stride = if std::env::var("PSQL_CM_FAULTS").is_ok_and(|which| which == "all") { 1 } else { stride };
    let next = AtomicUsize::new(1);
    let tried = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let failures = Mutex::new(Vec::new());
    let work = || {
        let world = world();
        while !is_over.load(Ordering::SeqCst) {
            let point = next.fetch_add(stride, Ordering::SeqCst);
            match catch_unwind(AssertUnwindSafe(|| try_at(&world, point))) {
                Ok(true) => drop(tried.fetch_add(1, Ordering::SeqCst)),
                Ok(false) => is_over.store(true, Ordering::SeqCst),
                Err(panic) => {
                    let mut failures = failures.lock().unwrap();
                    failures.push(format!("{what}, point {point}: {}", message(&*panic)));
                    is_over.fetch_or(failures.len() >= FAILURES, Ordering::SeqCst);
                }
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        for panic in workers.into_iter().filter_map(|worker| worker.join().err()) {
            failures
                .lock()
                .unwrap()
                .push(format!("{what}, before or after the points: {}", message(&*panic)));
        }
    });
    let (tried, failures) = (tried.into_inner(), failures.into_inner().unwrap());
    // Past the test harness, which shows what a test prints only when it fails.
    let line = format!("{what}: {tried} points, {} failed\n", failures.len());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(tried > 1, "{what}: only {tried} points were there");
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic that says nothing")
}

/// Databases that are made anew for each point, and the tool in a folder of its own.
struct Site {
    tool: Tool,
    template: String,
    databases: Vec<String>,
    /// How much is done at once. Only one thing after the other makes the points the same in each run.
    jobs: &'static str,
    /// What the server knows the tool's connections by.
    application: String,
}

/// A database to make others from.
struct Template {
    server: TestServer,
    name: String,
}

impl Template {
    fn new(sql: &str, is_set_up: bool) -> Self {
        Self::on(&Tool::new(&server(15)), sql, is_set_up)
    }

    fn on(tool: &Tool, sql: &str, is_set_up: bool) -> Self {
        let name = unique("faults_template");
        tool.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        tool.psql(&name, sql);
        if is_set_up {
            tool.ok(&["-d", &name, "setup"]);
        }
        Self { server: tool.server.clone(), name }
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = self.server.psql("postgres", &drop);
    }
}

impl Site {
    fn new(template: &Template, databases: usize) -> Self {
        let databases = (0..databases).map(|_| unique("faults")).collect();
        let tool = Tool::new(&server(15));
        let application = unique("faults_run");
        Self { tool, template: template.name.clone(), databases, jobs: "1", application }
    }

    /// Makes the databases anew.
    fn reset(&self) {
        self.drop_databases();
        let create = |name: &String| format!("CREATE DATABASE {name} TEMPLATE {};", self.template);
        self.tool.psql("postgres", &self.databases.iter().map(create).collect::<String>());
    }

    fn drop_databases(&self) {
        self.tool.psql("postgres", &self.drops());
    }

    fn drops(&self) -> String {
        let drop = |name: &String| format!("DROP DATABASE IF EXISTS {name} WITH (FORCE);");
        let drops: String = self.databases.iter().map(drop).collect();
        format!("SET client_min_messages = warning; {drops}")
    }

    /// The words of a command on all databases.
    fn words<'w>(&'w self, words: &[&'w str]) -> Vec<&'w str> {
        let databases = self.databases.iter().flat_map(|name| ["-d", name.as_str()]);
        words.iter().copied().chain(["--jobs", self.jobs]).chain(databases).collect()
    }

    /// Runs the tool with harm at the n-th message; none when the run has not so many.
    fn harmed(&self, words: &[&str], at: At, harm: &Harm) -> Option<Ran> {
        let proxy = Proxy::before(&self.tool.server, at, harm.clone());
        let mut command = self.tool.binary(&proxy.server());
        command.env("PGAPPNAME", &self.application).args(self.words(words));
        let output = proxy.run(&mut command);
        proxy.has_struck().then(|| Ran::of(&output))
    }

    /// Waits until the server is through with what a run left it to do.
    fn settle(&self) {
        let sql =
            format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}'", self.application);
        let left = || self.tool.psql("postgres", &sql) != "0";
        assert!((0..400).any(|_| !left()), "the server never gets through with the run");
    }

    /// One line of what each database holds.
    fn states(&self, sql: &str) -> Vec<String> {
        self.databases.iter().map(|database| self.tool.psql(database, sql)).collect()
    }

    fn again(&self, words: &[&str]) -> Ran {
        self.tool.run(&self.words(words))
    }

    fn verify(&self) {
        self.tool.ok(&self.words(&["verify"]));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // A test that failed has said why.
        let _ = self.tool.server.psql("postgres", &self.drops());
    }
}

/// The exit code must say how many of the databases are done, and a killed run has none.
#[track_caller]
fn exit_says(ran: &Ran, harm: &Harm, done: usize, of: usize) {
    let expected: &[i32] = match harm {
        Harm::Kill(_) => &[-1],
        _ if done == of => &[0],
        _ if done == 0 => &[when_nothing_is_done(harm)],
        _ => &[6],
    };
    // Which of the databases is done cannot be looked up.
    let is_in_doubt = matches!(harm, Harm::Silence(_)) && ran.code == 7;
    assert!(
        expected.contains(&ran.code) || is_in_doubt,
        "{done} of {of} done, and exit code {}\n{}{}",
        ran.code,
        ran.stdout,
        ran.stderr
    );
    let is_told = ran.stderr.contains("interrupted, nothing changed");
    assert!(ran.code < 128 || is_told, "{}", ran.stderr);
}

fn when_nothing_is_done(harm: &Harm) -> i32 {
    match harm {
        Harm::Signal("TERM", _) => 143,
        Harm::Signal(..) => 130,
        _ => 1,
    }
}

/// It must be one of these.
#[track_caller]
fn is_one_of(state: &str, allowed: &[&str], ran: &Ran) {
    assert!(allowed.contains(&state), "{state:?} is none of {allowed:?}\n{}{}", ran.stdout, ran.stderr);
}

/// Tells a run that its disk is to fail at the n-th operation; the file is there when it did.
fn mark(command: &mut Command, tool: &Tool, how: &str, n: usize) -> PathBuf {
    let mark = tool.folder().join("mark");
    let _ = std::fs::remove_file(&mark);
    command.env("PSQL_CM_TEST_FAULT", format!("{how}:{n}:{}", mark.display()));
    mark
}
