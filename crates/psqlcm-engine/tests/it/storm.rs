//! Captures while other sessions create, alter and drop as fast as they can: each is the state at one moment, or an error that
//! says that the schema is being changed.
//!
//! Each transaction of the storm leaves names, texts and comments that all carry one mark, `m<number>m`, so that a mixture of
//! two moments shows two marks where there can be one only. `PSQL_CM_STORM` says how many captures are tried.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use psqlcm_core::snapshot::Snapshot;
use psqlcm_engine::capture::{CaptureError, capture, captured_with, within};
use psqlcm_engine::session::Session;
use psqlcm_testkit::{TestDatabase, servers};

use crate::trip::session;

/// How many captures are tried on each server.
fn rounds() -> usize {
    let told = std::env::var("PSQL_CM_STORM").ok();
    told.map_or(12, |rounds| rounds.parse().expect("PSQL_CM_STORM is a number"))
}

/// One of everything whose definition a function prints, each of them with the mark in its own name and in what it says
/// of others.
const ONE: &str = "
CREATE SCHEMA one; CREATE TABLE halt ();
CREATE TYPE one.e AS ENUM ('m0m', 'other'); CREATE DOMAIN one.d AS int; CREATE TYPE one.r AS (a int);
CREATE TABLE one.u (id int PRIMARY KEY);
CREATE TABLE one.t (m0m int, b text, e one.e DEFAULT 'm0m', d one.d, CONSTRAINT c CHECK (m0m > 0), g int GENERATED ALWAYS AS (m0m + 1) STORED);
CREATE INDEX i ON one.t ((m0m + 1)) WHERE m0m > 5;
CREATE VIEW one.v AS SELECT t.m0m AS x, u.id FROM one.t JOIN one.u ON u.id = t.m0m;
CREATE MATERIALIZED VIEW one.mv AS SELECT t.m0m AS x FROM one.t;
CREATE FUNCTION one.f() RETURNS text LANGUAGE sql AS 'SELECT ''m0m''';
CREATE FUNCTION one.g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER tg BEFORE UPDATE ON one.t FOR EACH ROW WHEN (OLD.m0m > 1) EXECUTE FUNCTION one.g();
CREATE POLICY p ON one.t USING (m0m > 2);
CREATE RULE ru AS ON INSERT TO one.t DO ALSO DELETE FROM one.u WHERE id = NEW.m0m;
CREATE STATISTICS one.st ON m0m, b FROM one.t;
COMMENT ON TABLE one.t IS 'm0m'; COMMENT ON FUNCTION one.f() IS 'm0m'; COMMENT ON VIEW one.v IS 'm0m';";

/// Gives all of it the next mark, again and again, until there is no table `halt`.
const CHANGE_ONE: &str = "DO $do$ DECLARE n int := 0; old text; new text; BEGIN LOOP
    old := 'm' || n || 'm'; n := n + 1; new := 'm' || n || 'm';
    EXECUTE format('ALTER TABLE one.t RENAME COLUMN %I TO %I', old, new);
    EXECUTE format('ALTER TYPE one.e RENAME VALUE %L TO %L', old, new);
    EXECUTE format('CREATE OR REPLACE FUNCTION one.f() RETURNS text LANGUAGE sql AS %L', 'SELECT ''' || new || '''');
    EXECUTE format('COMMENT ON TABLE one.t IS %L', new);
    EXECUTE format('COMMENT ON FUNCTION one.f() IS %L', new);
    EXECUTE format('COMMENT ON VIEW one.v IS %L', new);
    COMMIT; EXIT WHEN to_regclass('public.halt') IS NULL; PERFORM pg_sleep(random() * {pause});
    END LOOP; END $do$";

/// Makes, renames and drops things that always are there together.
const CHANGE_SETS: &str = "DO $do$ DECLARE n int := 1; old text; new text; BEGIN
    CREATE SCHEMA IF NOT EXISTS {sets}; COMMIT;
    LOOP
    new := 'm' || n || 'm';
    EXECUTE format('CREATE TABLE {sets}.%I (%I int UNIQUE, d int DEFAULT 1)', 't' || new, new);
    EXECUTE format('CREATE VIEW {sets}.%I AS SELECT %I FROM {sets}.%I', 'v' || new, new, 't' || new);
    EXECUTE format('CREATE FUNCTION {sets}.%I({sets}.%I) RETURNS text LANGUAGE sql AS %L', 'f' || new, 't' || new, 'SELECT ''' || new || '''');
    EXECUTE format('COMMENT ON VIEW {sets}.%I IS %L', 'v' || new, new);
    COMMIT; EXIT WHEN to_regclass('public.halt') IS NULL; PERFORM pg_sleep(random() * {pause});
    old := new; n := n + 1; new := 'm' || n || 'm';
    EXECUTE format('ALTER TABLE {sets}.%I RENAME COLUMN %I TO %I', 't' || old, old, new);
    EXECUTE format('ALTER VIEW {sets}.%I RENAME COLUMN %I TO %I', 'v' || old, old, new);
    EXECUTE format('ALTER TABLE {sets}.%I RENAME TO %I', 't' || old, 't' || new);
    EXECUTE format('ALTER INDEX {sets}.%I RENAME TO %I', 't' || old || '_' || old || '_key', 't' || new || '_' || new || '_key');
    EXECUTE format('ALTER VIEW {sets}.%I RENAME TO %I', 'v' || old, 'v' || new);
    EXECUTE format('ALTER FUNCTION {sets}.%I RENAME TO %I', 'f' || old, 'f' || new);
    EXECUTE format('CREATE OR REPLACE FUNCTION {sets}.%I({sets}.%I) RETURNS text LANGUAGE sql AS %L', 'f' || new, 't' || new, 'SELECT ''' || new || '''');
    EXECUTE format('COMMENT ON VIEW {sets}.%I IS %L', 'v' || new, new);
    COMMIT; EXIT WHEN to_regclass('public.halt') IS NULL; PERFORM pg_sleep(random() * {pause});
    EXECUTE format('DROP FUNCTION {sets}.%I; DROP VIEW {sets}.%I; DROP TABLE {sets}.%I', 'f' || new, 'v' || new, 't' || new);
    COMMIT; EXIT WHEN to_regclass('public.halt') IS NULL; n := n + 1;
    END LOOP; END $do$";

#[test]
fn a_capture_keeps_no_lock_on_what_it_has_read() {
    for server in servers() {
        let database = server.database("locks");
        database.psql(ONE).unwrap();
        let mut session = session(&database);
        session.run("BEGIN").unwrap();
        within(&mut session).unwrap();
        let locked =
            "SELECT relation::regclass FROM pg_locks WHERE pid = pg_backend_pid() AND relation >= 16384";
        assert_eq!(session.rows(locked).unwrap(), Vec::<Vec<Option<String>>>::new());
    }
}

#[test]
fn what_fails_beside_a_capture_is_told_even_when_it_ends_the_session() {
    for server in servers() {
        let database = server.database("ended");
        let end = |session: &mut Session| {
            session
                .run("SELECT pg_terminate_backend(pg_backend_pid())")
                .map_err(|error| CaptureError::Query { what: "its own end", error })
        };
        let ended = captured_with(&mut session(&database), end);
        let Err(CaptureError::Query { what: "its own end", error }) = ended else { panic!("{ended:?}") };
        assert_eq!(error.sqlstate(), Some("57P01"));
    }
}

#[test]
fn a_capture_in_a_storm_is_one_moment_or_says_that_it_cannot_be() {
    for server in servers() {
        let database = server.database("storm");
        let whole = whole_set(&database);
        database.psql(ONE).unwrap();
        // As fast as they can, and then with moments in which nothing changes.
        let (mut taken, mut refused) = (0, 0);
        for pause in ["0", "2"] {
            let scripts = [
                CHANGE_ONE.to_owned(),
                CHANGE_SETS.replace("{sets}", "a"),
                CHANGE_SETS.replace("{sets}", "b"),
            ];
            let scripts = scripts.map(|script| script.replace("{pause}", pause));
            in_storm(&database, &scripts, || {
                for _ in 0..rounds().div_ceil(2) {
                    match capture(&mut session(&database)) {
                        Ok(snapshot) => taken += usize::from(check_moment(&snapshot, &whole)),
                        Err(CaptureError::Changing { .. }) => refused += 1,
                        Err(error) => panic!("PostgreSQL {}: {error:?}", server.major()),
                    }
                }
            });
            database.psql("DROP SCHEMA a, b, one CASCADE").unwrap();
            database.psql(ONE).unwrap();
        }
        eprintln!("PostgreSQL {}: {taken} captures of one moment each, {refused} refused", server.major());
        check_moment(&capture(&mut session(&database)).unwrap(), &whole);
    }
}

#[test]
fn what_a_busy_server_does_anyway_keeps_nobody_from_a_capture() {
    const BUSY: [&str; 4] = [
        "DO $do$ DECLARE n int := 0; BEGIN LOOP
            n := n + 1; EXECUTE format('CREATE TEMP TABLE t%s (a int PRIMARY KEY, b text)', n); COMMIT;
            EXECUTE format('ALTER TABLE pg_temp.t%s RENAME a TO c', n); COMMIT;
            EXECUTE format('DROP TABLE pg_temp.t%s', n); COMMIT;
            EXIT WHEN to_regclass('public.halt') IS NULL; END LOOP; END $do$",
        "DO $do$ BEGIN LOOP INSERT INTO queue VALUES (1); COMMIT; TRUNCATE queue; COMMIT; REFRESH MATERIALIZED VIEW m; COMMIT;
            ANALYZE queue; COMMIT; EXIT WHEN to_regclass('public.halt') IS NULL; END LOOP; END $do$",
        "DO $do$ DECLARE n int := 0; BEGIN LOOP
            n := n + 1; EXECUTE format('CREATE TABLE part_%s PARTITION OF p FOR VALUES IN (%s)', n, n); COMMIT;
            EXIT WHEN to_regclass('public.halt') IS NULL OR n > 400; END LOOP; END $do$",
        // Roles for an hour, as vaults of secrets make them.
        "DO $do$ DECLARE n int := 0; role text; BEGIN LOOP
            n := n + 1; role := format('%s_%s', current_database(), n); EXECUTE format('CREATE ROLE %I', role); COMMIT;
            EXECUTE format('ALTER ROLE %I RENAME TO %I', role, role || '_'); COMMIT; EXECUTE format('DROP ROLE %I', role || '_'); COMMIT;
            EXIT WHEN to_regclass('public.halt') IS NULL; END LOOP; END $do$",
    ];
    for server in servers() {
        let database = server.database("busy");
        database
            .psql(
                "CREATE TABLE halt (); CREATE TABLE queue (a int PRIMARY KEY); CREATE TABLE p (a int, b text) PARTITION BY LIST (a);
                 CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM queue",
            )
            .unwrap();
        in_storm(&database, &BUSY.map(str::to_owned), || {
            for round in 0..rounds().min(40) {
                let captured = capture(&mut session(&database));
                assert!(
                    captured.is_ok(),
                    "PostgreSQL {}, round {round}: {:?}",
                    server.major(),
                    captured.err()
                );
            }
        });
    }
}

/// What is made in one transaction, while nobody else does anything: without the table `halt` the script ends after it.
fn whole_set(database: &TestDatabase) -> BTreeSet<String> {
    database.psql(&CHANGE_SETS.replace("{sets}", "quiet").replace("{pause}", "0")).unwrap();
    let snapshot = capture(&mut session(database)).unwrap();
    database.psql("DROP SCHEMA quiet CASCADE").unwrap();
    let whole = facts_of_marks(&snapshot).into_values().flat_map(BTreeMap::into_values).next().unwrap();
    assert!(whole.len() > 5, "{whole:#?}");
    whole
}

/// Runs the work while a session each runs the scripts, which end when there is no table `halt` any more.
fn in_storm(database: &TestDatabase, scripts: &[String], work: impl FnOnce()) {
    database.psql("CREATE TABLE IF NOT EXISTS public.halt ()").unwrap();
    thread::scope(|scope| {
        let storm: Vec<_> = scripts.iter().map(|script| scope.spawn(move || database.psql(script))).collect();
        // Also when the work panics, or the storm would never end.
        let halt = Halt(database);
        work();
        drop(halt);
        for session in storm {
            session.join().unwrap().unwrap();
        }
    });
}

struct Halt<'a>(&'a TestDatabase);

impl Drop for Halt<'_> {
    fn drop(&mut self) {
        let _ = self.0.psql("DROP TABLE public.halt");
    }
}

/// In schema `one` there is one mark; in each other schema there is nothing with a mark, or all of one mark. Says whether
/// there was any.
fn check_moment(snapshot: &Snapshot, whole: &BTreeSet<String>) -> bool {
    let of_schemas = facts_of_marks(snapshot);
    for (schema, of_marks) in &of_schemas {
        assert!(of_marks.len() <= 1, "two moments in {schema}: {of_marks:#?}");
        let is_set = schema != "one";
        for facts in of_marks.values().filter(|_| is_set) {
            assert_eq!(facts, whole, "part of what is made in one transaction");
        }
    }
    !of_schemas.is_empty()
}

/// The facts with a mark, by schema and mark, with other words for both.
fn facts_of_marks(snapshot: &Snapshot) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut found: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (id, fact) in snapshot.facts() {
        let Some(schema) = id.schema() else { continue };
        let text = format!("{id:?} {fact:?} {:?}", snapshot.needs(id));
        let marks = marks(&text);
        assert!(marks.len() <= 1, "two moments in {text}");
        for mark in marks {
            let text = text.replace(&mark, "mark").replace(&format!("\"{schema}\""), "schema");
            let text = text.replace(&format!("{schema}."), "schema.");
            found.entry(schema.to_owned()).or_default().entry(mark).or_default().insert(text);
        }
    }
    found
}

/// The marks in a text: `m<number>m`.
fn marks(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices('m') {
        let digits = text[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let end = at + 1 + digits;
        if digits > 0 && text[end..].starts_with('m') {
            found.insert(text[at..=end].to_owned());
        }
    }
    found
}
