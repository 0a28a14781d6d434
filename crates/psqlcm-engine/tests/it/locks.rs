//! What a plan says of locks and of tables that are written anew is what PostgreSQL does: each step runs in a transaction of its own, and `pg_locks`
//! and the files of tables are the judges.

use std::collections::{BTreeMap, BTreeSet};

use psqlcm_core::plan::{Action, Doing, Lock, Work, between, script, with_database_name};
use psqlcm_engine::session::Session;
use psqlcm_testkit::servers;

use crate::trip::{session, snapshot};

const OLD: &str = r#"
    CREATE SCHEMA app;
    CREATE DOMAIN app.short AS text;
    CREATE SEQUENCE app.numbers;
    CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TABLE app.parents (id int PRIMARY KEY, code text, note app.short);
    CREATE TABLE app.t (
        id int PRIMARY KEY, a int, b text, c varchar(10), d int NOT NULL, e int DEFAULT 1, f text, g text, parent int,
        CONSTRAINT checked CHECK (a > 0)
    );
    CREATE INDEX by_b ON app.t (b);
    CREATE TRIGGER old AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.touch();
    CREATE RULE old AS ON DELETE TO app.t WHERE OLD.a = 1 DO INSTEAD NOTHING;
    CREATE POLICY old ON app.t USING (true);
    CREATE VIEW app.v AS SELECT id, a FROM app.t;
    CREATE MATERIALIZED VIEW app.m AS SELECT id FROM app.parents;
    CREATE STATISTICS app.old ON a, d FROM app.t;
    CREATE TABLE app.refers (id int, parent int CONSTRAINT away REFERENCES app.parents);
    CREATE TABLE app.later (id int, parent int);
    ALTER TABLE app.later ADD CONSTRAINT checked CHECK (id > 0) NOT VALID;
    ALTER TABLE app.later ADD CONSTRAINT kept FOREIGN KEY (parent) REFERENCES app.parents NOT VALID;
    CREATE TABLE app.parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE app.one PARTITION OF app.parts FOR VALUES FROM (1) TO (10);
    CREATE TABLE app.two (id int);
    CREATE TABLE app.quiet (id int);
    CREATE TABLE app.types (
        a varchar(5), b varchar(9), c varchar(9), d text, e text, f numeric(8,2), g numeric(8,2), h cidr, i int, j timestamp(3),
        k char(3), l bit varying(3), m interval, n json, o text COLLATE "C"
    );
    CREATE TABLE app.adds (id int);
    CREATE TABLE app.firm (id int);
    CREATE TABLE app.gone (id int);"#;

const NEW: &str = r#"
    CREATE SCHEMA app;
    CREATE DOMAIN app.short AS text NOT NULL;
    CREATE SEQUENCE app.numbers INCREMENT 5;
    CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TABLE app.parents (id int PRIMARY KEY, code text CONSTRAINT coded UNIQUE, note app.short);
    CREATE TABLE app.t (
        id bigint PRIMARY KEY, a int, b text, c varchar(20), d int, e int DEFAULT 2, f text NOT NULL,
        parent int CONSTRAINT up REFERENCES app.parents, more int
    );
    ALTER TABLE app.t ALTER b SET STATISTICS 10;
    ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
    CREATE INDEX by_c ON app.t (c);
    CREATE TRIGGER new AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.touch();
    CREATE RULE new AS ON DELETE TO app.t WHERE OLD.a = 1 DO INSTEAD NOTHING;
    CREATE POLICY new ON app.t USING (true);
    CREATE VIEW app.v AS SELECT id, a FROM app.t WHERE a > 1;
    CREATE MATERIALIZED VIEW app.m AS SELECT id, code FROM app.parents;
    CREATE STATISTICS app.new ON a, d FROM app.t;
    COMMENT ON TABLE app.t IS 'said';
    CREATE TABLE app.refers (id int, parent int);
    CREATE TABLE app.later (id int, parent int);
    ALTER TABLE app.later ADD CONSTRAINT checked CHECK (id > 0);
    ALTER TABLE app.later ADD CONSTRAINT kept FOREIGN KEY (parent) REFERENCES app.parents;
    CREATE TABLE app.parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE app.one (id int);
    CREATE TABLE app.two (id int);
    ALTER TABLE app.parts ATTACH PARTITION app.two FOR VALUES FROM (10) TO (20);
    CREATE TABLE app.quiet (id int) WITH (fillfactor = 50);
    CREATE TABLE app.types (
        a varchar(9), b varchar(5), c text, d varchar, e varchar(9), f numeric(9,2), g numeric(9,3), h inet, i smallint, j timestamp(6),
        k char(5), l bit varying(5), m interval(3), n jsonb, o text COLLATE "POSIX"
    );
    CREATE TABLE app.adds (
        id int, a int DEFAULT 1, b timestamptz DEFAULT now(), c uuid DEFAULT gen_random_uuid(), d int GENERATED ALWAYS AS IDENTITY,
        e int GENERATED ALWAYS AS (id + 1) STORED, f text NOT NULL DEFAULT 'x', g text[] DEFAULT '{}', h serial, i float DEFAULT random(),
        j date DEFAULT CURRENT_DATE, l int DEFAULT (1 + 2), m bool DEFAULT true
    );
    CREATE UNLOGGED TABLE app.firm (id int);
    GRANT SELECT ON app.firm TO PUBLIC;"#;

/// Relations by path, each with its strongest lock, and whether it was written anew.
type Locks = BTreeMap<String, (&'static str, bool)>;

#[test]
fn locks_are_what_the_server_takes() {
    let mut failures = Vec::new();
    for server in servers() {
        let (from, to) = (server.database("locks_old"), server.database("locks_new"));
        from.psql(OLD).unwrap();
        to.psql(NEW).unwrap();
        for (from, to) in [(&from, &to), (&to, &from)] {
            let (before, after) = (snapshot(from), snapshot(to));
            let mut session = session(from);
            session.run("SET search_path = ''; SET check_function_bodies = off").unwrap();
            let mut there = relations(&mut session);
            for action in between(&before, &after).unwrap() {
                if action.statements.is_empty() {
                    continue;
                }
                let taken = run(&mut session, from.name(), &action, &there);
                // What is made again is new.
                if action.doing == Doing::Drop && action.id.object() == &action.id {
                    there.remove(&format!("app.{}", action.id.name()));
                }
                let said = said(&action);
                if said != taken {
                    let title = script::title(&action);
                    failures.push(format!("{}: {title}: said {said:?}, taken {taken:?}", server.major()));
                }
            }
        }
    }
    failures.sort();
    failures.dedup();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn relations(session: &mut Session) -> BTreeSet<String> {
    let sql = "SELECT c.oid::regclass FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'app' AND c.relkind IN ('r', 'p', 'v', 'm')";
    session.rows(sql).unwrap().into_iter().flatten().flatten().collect()
}

/// Runs a step, and looks at what it does to those relations.
fn run(session: &mut Session, database: &str, action: &Action, there: &BTreeSet<String>) -> Locks {
    let before = files(session);
    session.run("BEGIN").unwrap();
    apply(session, database, action);
    // What the step drops has no name any more: names are asked for afterwards.
    let sql = "SELECT l.relation, l.mode FROM pg_locks AS l WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation'";
    let held = session.rows(sql).unwrap();
    let after = files(session);
    session.run("ROLLBACK").unwrap();
    let mut locks = Locks::new();
    for row in held {
        let relation = row[0].clone().unwrap();
        let sql = format!("SELECT oid::regclass FROM pg_class WHERE oid = {relation}");
        let name = session.rows(&sql).unwrap().into_iter().flatten().flatten().next();
        let mode = match row[1].as_deref().unwrap() {
            "ShareUpdateExclusiveLock" => Lock::ShareUpdateExclusive,
            "ShareLock" => Lock::Share,
            "ShareRowExclusiveLock" => Lock::ShareRowExclusive,
            "ExclusiveLock" | "AccessExclusiveLock" => Lock::AccessExclusive,
            _ => continue,
        };
        if let Some(name) = name.filter(|name| there.contains(name)) {
            let is_new = after.get(&relation).is_some_and(|file| before.get(&relation) != Some(file));
            let known = locks.entry(name).or_insert((mode.name(), is_new));
            known.0 = strongest(known.0, mode.name());
        }
    }
    session.run("BEGIN").unwrap();
    apply(session, database, action);
    session.run("COMMIT").unwrap();
    locks
}

fn apply(session: &mut Session, database: &str, action: &Action) {
    for statement in &action.statements {
        let done = session.run(&with_database_name(statement, database));
        done.unwrap_or_else(|error| panic!("{error}\n{statement}"));
    }
}

/// The file that each table has its rows in.
fn files(session: &mut Session) -> BTreeMap<String, Option<String>> {
    let sql = "SELECT oid, pg_relation_filenode(oid) FROM pg_class WHERE relkind IN ('r', 'm')";
    let rows = session.rows(sql).unwrap();
    rows.into_iter().map(|row| (row[0].clone().unwrap(), row[1].clone())).collect()
}

fn strongest(one: &'static str, other: &'static str) -> &'static str {
    const ALL: [Lock; 4] =
        [Lock::ShareUpdateExclusive, Lock::Share, Lock::ShareRowExclusive, Lock::AccessExclusive];
    let place = |name: &str| ALL.iter().position(|lock| lock.name() == name);
    if place(one) > place(other) { one } else { other }
}

fn said(action: &Action) -> Locks {
    let touches = action.effect.touches.iter();
    let is_table = |name: &str| name != "numbers";
    touches
        .filter(|touch| is_table(touch.relation.name()))
        .map(|touch| {
            let is_new = touch.work == Some(Work::Rewrite);
            (format!("app.{}", touch.relation.name()), (touch.lock.name(), is_new))
        })
        .collect()
}
