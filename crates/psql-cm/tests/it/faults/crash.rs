//! A server that is stopped at once in the middle of a submit, as a crash would, and started again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions};
use psqlcm_testkit::{TestServer, unique};

use super::submit::{
    APART, APART_BETWEEN, APART_NEW, CHANGE, NEW, OLD, SEED, STATE, check_apart, check_change,
};
use super::{At, Harm, Moment, Site, Template, each_point, is_one_of};
use crate::tool::Tool;

/// A server that can be stopped at once and started again.
struct Mortal {
    cluster: ScratchCluster,
    /// The server, once it is not the one that the cluster was made with.
    again: Mutex<Option<Child>>,
}

impl Mortal {
    fn start() -> Arc<Self> {
        let installations = Installation::discover();
        let installation = installations.iter().find(|found| found.version.major == 15).unwrap();
        // What is committed is to be there after a crash.
        let durable =
            ["synchronous_commit", "full_page_writes"].map(|name| (name.to_owned(), "on".to_owned()));
        let options = ScratchOptions { settings: durable.to_vec(), ..ScratchOptions::default() };
        let cluster = ScratchCluster::start(installation, &options).unwrap();
        Arc::new(Self { cluster, again: Mutex::new(None) })
    }

    fn server(&self) -> TestServer {
        TestServer::new(15, self.cluster.socket_dir(), self.cluster.port())
    }

    fn data(&self) -> PathBuf {
        self.cluster.socket_dir().join("data")
    }

    /// Line by line: the process, and at last how it is.
    fn state(&self) -> Vec<String> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// As `pg_ctl stop -m immediate` does.
    fn stop(&self, again: &mut Option<Child>) {
        let Some(pid) = self.state().into_iter().next() else { return };
        let _ = Command::new("kill").args(["-s", "QUIT", &pid]).status();
        if let Some(mut child) = again.take() {
            let _ = child.wait();
        }
        until("the server stops", || !self.data().join("postmaster.pid").exists());
    }

    fn crash(&self) {
        let mut again = self.again.lock().unwrap();
        self.stop(&mut again);
        // The words it was started with, each in quotes; as whom, the owner of its files says.
        let words = fs::read_to_string(self.data().join("postmaster.opts")).unwrap();
        let owner = fs::metadata(self.data()).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {}", words.trim())]).current_dir(self.cluster.socket_dir());
        command.uid(owner.uid()).gid(owner.gid()).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        *again = Some(command.spawn().unwrap());
        until("the server starts again", || self.state().get(7).is_some_and(|state| state == "ready"));
    }

    /// Harm that is a crash.
    fn harm(self: &Arc<Self>, moment: Moment) -> Harm {
        let mortal = Arc::clone(self);
        Harm::Do(Arc::new(move || mortal.crash()), moment)
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        if again.is_some() {
            self.stop(&mut again);
        }
    }
}

/// Waits for what will come; a machine may be busy.
fn until(what: &str, has_come: impl Fn() -> bool) {
    let came = (0..6000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        has_come()
    });
    assert!(came, "{what}: it does not");
}

/// A server of its own, and databases in it. The server goes last.
struct World {
    site: Site,
    template: Template,
    mortal: Arc<Mortal>,
}

impl World {
    fn new(databases: usize, seed: &str) -> Self {
        let mortal = Mortal::start();
        let tool = Tool::new(&mortal.server());
        let template = Template::on(&tool, seed, true);
        let databases = (0..databases).map(|_| unique("faults")).collect();
        let application = unique("faults_run");
        let site = Site { tool, template: template.name.clone(), databases, jobs: "1", application };
        Self { site, template, mortal }
    }
}

/// Not at every point: a server takes its time to start.
const STRIDE: usize = 17;

#[test]
fn a_crash_at_any_message_of_a_submit() {
    for moment in [Moment::Before, Moment::After] {
        let what = format!("submit to 3, crash {moment:?}");
        let world = || World::new(3, SEED);
        each_point(&what, STRIDE * 2, world, |world, n| {
            check_change(&world.site, n, &world.mortal.harm(moment), &CHANGE)
        });
        let what = format!("submit of statements apart, crash {moment:?}");
        let world = || World::new(1, SEED);
        each_point(&what, STRIDE, world, |world, n| {
            check_apart(&world.site, n, &world.mortal.harm(moment), &APART)
        });
    }
}

#[test]
fn a_crash_in_a_change_of_many_rows() {
    let seed = format!("{SEED}; INSERT INTO t SELECT generate_series(1, 50000)");
    let world = World::new(1, &seed);
    assert!(!world.template.name.is_empty());
    let change = "ALTER TABLE t ADD b int; UPDATE t SET b = a; CREATE TABLE v (x int); SELECT pg_sleep(600)";
    world.site.reset();
    let harm = world.mortal.harm(Moment::After);
    let ran = world.site.harmed(&["submit", "-c", change], At::Text("pg_sleep", 1), &harm).unwrap();
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    is_one_of(&world.site.states(STATE)[0], &[OLD], &ran);
    let short = change.replace("600", "0");
    world.site.tool.ok(&world.site.words(&["submit", "-c", &short]));
    is_one_of(&world.site.states(STATE)[0], &[NEW], &ran);
    world.site.verify();
}

#[test]
fn a_crash_at_commit() {
    for moment in [Moment::Before, Moment::After] {
        for databases in [1, 3] {
            let world = World::new(databases, SEED);
            world.site.reset();
            let ran =
                world.site.harmed(&CHANGE, At::Text("COMMIT\0", 1), &world.mortal.harm(moment)).unwrap();
            let states = world.site.states(STATE);
            let done = states.iter().filter(|state| *state == NEW).count();
            states.iter().for_each(|state| is_one_of(state, &[OLD, NEW], &ran));
            // The answer may be there before the crash is, and the others go on till then.
            super::exit_says(&ran, &world.mortal.harm(moment), done, databases);
        }
    }
}

#[test]
fn a_crash_between_the_entries_of_a_statement() {
    for text in ["CREATE INDEX CONCURRENTLY i ON t (b)\0", "ALTER TABLE t ADD c int\0"] {
        let world = World::new(1, SEED);
        world.site.reset();
        let harm = world.mortal.harm(Moment::Before);
        let ran = world.site.harmed(&APART, At::Text(text, 1), &harm).unwrap();
        assert_eq!(ran.code, 6, "{}{}", ran.stdout, ran.stderr);
        is_one_of(&world.site.states(STATE)[0], &APART_BETWEEN, &ran);
        let again = world.site.again(&APART);
        assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
        let state = world.site.states(STATE).remove(0).replace("before 2,before 2", "before 2");
        is_one_of(&state, &[APART_NEW], &again);
        world.site.verify();
    }
}
