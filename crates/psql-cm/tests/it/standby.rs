//! Standbys: what reads works on them, also while they replay what is in its way; what writes says so.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use psqlcm_testkit::{Replica, TestServer, servers};

use crate::support::session_of;
use crate::tool::Tool;

const SCRIPT: &str = "CREATE SCHEMA app; CREATE TABLE app.t (a int PRIMARY KEY, b text);
    CREATE VIEW app.v AS SELECT a FROM app.t; CREATE TABLE public.u (a int REFERENCES app.t)";

/// A primary with a database `app` under control, its standby, and a folder to work in.
fn pair(server: &TestServer) -> (Replica, Tool) {
    let replica = Replica::start(server.major());
    let tool = Tool::new(&replica.primary());
    tool.psql("postgres", "CREATE DATABASE app");
    tool.psql("app", SCRIPT);
    tool.ok(&["-d", "app", "setup"]);
    replica.wait();
    (replica, tool)
}

#[test]
fn what_reads_works_and_what_writes_says_so() {
    for server in servers() {
        let (replica, primary) = pair(&server);
        let standby = primary.on(&replica.standby());
        standby.ok(&["-d", "app", "dump"]);
        for words in [
            &["status"][..],
            &["verify"],
            &["verify", "--replay"],
            &["log"],
            &["setup", "--dry-run"],
            &["dump", "--no-commit"],
        ] {
            assert_eq!(
                standby.ok(&[&["-d", "app"], words].concat()),
                primary.ok(&[&["-d", "app"], words].concat())
            );
        }
        assert_eq!(standby.git(&["status", "--porcelain"]), "");
        for words in [
            &["-d", "app", "setup"][..],
            &["-d", "app", "setup", "--remove"],
            &["-d", "app", "submit", "-c", "CREATE TABLE w ()"],
            &["-d", "app", "submit", "--adopt"],
            &["-d", "app", "restore", "--as", "other"],
        ] {
            standby.fails(
                words,
                4,
                &["is a standby, which takes no changes", "target_session_attrs=read-write"],
            );
        }
        // As the hint says it.
        let folder = replica.standby().socket_dir().display().to_string();
        let uri =
            format!("host={folder},{folder} port=5433,5432 user=postgres target_session_attrs=read-write");
        standby.ok(&["--uri", &uri, "-d", "app", "submit", "-c", "CREATE TABLE w ()"]);
    }
}

#[test]
fn what_reads_works_under_write_load() {
    for server in servers() {
        let (replica, primary) = pair(&server);
        let standby = primary.on(&replica.standby());
        let load = Load { replica: &replica, bursts: AtomicU32::new(0), is_over: AtomicBool::new(false) };
        std::thread::scope(|scope| {
            scope.spawn(|| load.run());
            let read = |words: &[&str], code| {
                load.bursts.store(BURSTS, Ordering::Relaxed);
                let ran = standby.run(&[&["-d", "app", "--verbose"], words].concat());
                load.is_over.store(ran.code != code, Ordering::Relaxed);
                assert_eq!(ran.code, code, "{words:?}: {}{}", ran.stdout, ran.stderr);
                ran.stderr.contains("the replay of the standby needed what was being read")
            };
            // Until each was in the way of the replay, and got through all the same. The load is past psql-cm, so that
            // the schemas drift. The others are so quick that seldom anything is in their way.
            for (words, code) in [(&["status"][..], 3), (&["dump", "--no-commit"], 0)] {
                let was_in_the_way = (0..READS).any(|_| read(words, code));
                load.is_over.store(!was_in_the_way, Ordering::Relaxed);
                assert!(was_in_the_way, "nothing was in the way of {words:?}");
            }
            for words in [["verify"], ["log"]] {
                let _ = read(&words, 0);
            }
            load.is_over.store(true, Ordering::Relaxed);
        });
    }
}

/// How often something is read while nothing is in its way.
const READS: u32 = 30;

/// How often a reader may be ended, for a reader that is ended whatever it does proves nothing.
const BURSTS: u32 = 4;

/// Whoever reads on the standby is written against on the primary.
struct Load<'a> {
    replica: &'a Replica,
    bursts: AtomicU32,
    is_over: AtomicBool,
}

impl Load<'_> {
    fn run(&self) {
        let mut watch = session_of(&self.replica.standby(), "postgres");
        let readers = "SELECT FROM pg_stat_activity WHERE datname = 'app' AND xact_start IS NOT NULL";
        let mut round = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            if watch.rows(readers).unwrap().is_empty() || self.bursts.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
                continue;
            }
            self.bursts.fetch_sub(1, Ordering::Relaxed);
            round += 1;
            // Replaying DDL ends who holds a lock, replaying VACUUM of a catalog ends who has an older snapshot.
            let burst = format!(
                "ALTER TABLE app.t ALTER b SET DEFAULT 'x{round}'; INSERT INTO app.t VALUES ({round}); DELETE FROM app.t;
                 CREATE OR REPLACE VIEW app.v AS SELECT a FROM app.t WHERE a > {round}; VACUUM app.t;
                 VACUUM pg_catalog.pg_attrdef; VACUUM pg_catalog.pg_depend; VACUUM pg_catalog.pg_rewrite;
                 VACUUM pg_catalog.pg_attribute; VACUUM pg_catalog.pg_class"
            );
            self.replica.primary().psql("app", &burst).unwrap();
        }
    }
}
