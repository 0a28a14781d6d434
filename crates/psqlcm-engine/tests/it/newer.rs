//! What is known of the catalogs is what the servers have; and a server that is newer than what is known.

use std::collections::BTreeMap;
use std::path::Path;

use psqlcm_core::catalogs::{Catalogs, OLDEST};
use psqlcm_engine::capture::within_knowing;
use psqlcm_testkit::{TestServer, server, servers};

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../psqlcm-core/src/catalogs/known.txt");

fn columns(server: &TestServer) -> Vec<(String, String)> {
    let sql = "SELECT c.relname || ' ' || a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
                WHERE c.relnamespace = 11 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1";
    let rows = server.psql("postgres", sql).unwrap();
    rows.lines().filter_map(|row| row.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// Every catalog and column of every version is in the list, or the list says that nothing is read from it; and what it
/// lists is there.
#[test]
fn the_catalogs_are_those_that_are_known() {
    let known = Catalogs::known();
    let found: BTreeMap<u32, _> = servers().iter().map(|server| (server.major(), columns(server))).collect();
    if std::env::var_os("UPDATE").is_some() {
        assert!(found.len() as u32 > known.newest() - OLDEST, "the list is of all versions: run them all");
        std::fs::write(Path::new(LIST), Catalogs::observed(&found, &known).to_text()).unwrap();
        return;
    }
    for (major, found) in found {
        let found: Vec<_> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let known: Vec<_> = known.of(major).into_iter().collect();
        let missing: Vec<_> = found.iter().filter(|column| !known.contains(column)).collect();
        let more: Vec<_> = known.iter().filter(|column| !found.contains(column)).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "PostgreSQL {major} has and the list has not: {missing:?}; the other way round: {more:?}"
        );
    }
}

/// What is left out of a database by a program that knows no more than that version.
fn left_out(server: &TestServer, newest: u32, sql: &str) -> Vec<String> {
    let database = server.database("newer");
    database.psql(sql).unwrap();
    let mut session = crate::trip::session(&database);
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").unwrap();
    let snapshot = within_knowing(&mut session, &Catalogs::known().up_to(newest)).unwrap();
    snapshot.left_out.iter().map(|left| format!("{} {}: {}", left.kind, left.identity, left.reason)).collect()
}

const USUAL: &str = "CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x' CHECK (name <> ''), other int REFERENCES t);
    CREATE VIEW v AS SELECT id FROM t; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE s;
    CREATE EXTENSION citext; CREATE SCHEMA app; COMMENT ON TABLE t IS 'x'; GRANT SELECT ON t TO PUBLIC;
    CREATE TYPE e AS ENUM ('a'); CREATE DOMAIN d AS int NOT NULL CHECK (VALUE > 0); CREATE INDEX ON t (lower(name));
    CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g(); CREATE POLICY p ON t;
    CREATE STATISTICS k ON id, name FROM t; CREATE TABLE p (a int) PARTITION BY LIST (a);
    CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)";

#[test]
fn a_newer_server_is_captured_where_nothing_unknown_is_in_use() {
    for server in servers().iter().filter(|server| server.major() > OLDEST) {
        let newest = server.major() - 1;
        assert_eq!(left_out(server, newest, USUAL), [""; 0], "PostgreSQL {}", server.major());
    }
}

#[test]
fn what_a_newer_server_has_and_the_database_uses_is_named() {
    let of = |newest: u32, rows: &str| format!("psql-cm knows {newest} at most, and {rows} it");
    let check = |major: u32, newest: u32, sql: &str, expected: &[(&str, &str)]| {
        if !servers().iter().any(|server| server.major() == major) {
            eprintln!("no server of {major}: {sql} is not tried");
            return;
        }
        let found = left_out(&server(major), newest, sql);
        let expected: Vec<_> = expected
            .iter()
            .map(|(what, rows)| format!("{what}: PostgreSQL {major} has it, {}", of(newest, rows)))
            .collect();
        assert_eq!(found, expected, "{sql}");
    };
    let table = "CREATE TABLE t (id int PRIMARY KEY, during int4range, CHECK (id > 0) NOT ENFORCED)";
    check(18, 17, table, &[("new column pg_constraint.conenforced", "1 row uses")]);
    check(
        18,
        17,
        "CREATE EXTENSION btree_gist; CREATE TABLE t (id int, during int4range, PRIMARY KEY (id, during WITHOUT OVERLAPS))",
        &[("new column pg_constraint.conperiod", "1 row uses")],
    );
    check(
        15,
        14,
        "CREATE SCHEMA a; CREATE SCHEMA b; CREATE PUBLICATION p FOR TABLES IN SCHEMA a, b",
        &[("new catalog pg_publication_namespace", "2 rows use")],
    );
    check(
        15,
        14,
        "CREATE TABLE t (a int UNIQUE NULLS NOT DISTINCT)",
        &[("new column pg_index.indnullsnotdistinct", "1 row uses")],
    );
}
