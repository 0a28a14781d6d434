//! What no kind reads is named, whatever it is and wherever it is; what is not the database's own disturbs nobody.

use std::collections::BTreeSet;

use psqlcm_engine::conninfo::{ConnInfo, Environment, Given};
use psqlcm_engine::session::Session;
use psqlcm_testkit::{TestServer, servers};

use crate::trip::snapshot;

/// What is created, the oldest version that has it, and how the census names it.
const UNSUPPORTED: &[(&str, u32, &[&str])] = &[
    (
        "CREATE FUNCTION pg_catalog.cm_mine() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION pg_catalog.cm_mine() DEPENDS ON EXTENSION plpgsql",
        0,
        &[
            "dependency on an extension function pg_catalog.cm_mine() on plpgsql",
            "function pg_catalog.cm_mine()",
        ],
    ),
    (
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE information_schema.cm_mine (a int) SERVER s",
        0,
        &["foreign table information_schema.cm_mine"],
    ),
    // What is where no kind looks.
    (
        "CREATE FUNCTION pg_catalog.cm_mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        0,
        &["function pg_catalog.cm_mine()"],
    ),
    (
        "CREATE TABLE information_schema.cm_mine (id int UNIQUE)",
        0,
        &[
            "table information_schema.cm_mine",
            "index information_schema.cm_mine_id_key",
            "table constraint cm_mine_id_key on information_schema.cm_mine",
        ],
    ),
    (
        "CREATE VIEW information_schema.cm_mine AS SELECT 1 AS a",
        0,
        &["view information_schema.cm_mine", "rule \"_RETURN\" on information_schema.cm_mine"],
    ),
    ("CREATE TYPE information_schema.cm_mine AS ENUM ('a')", 0, &["type information_schema.cm_mine"]),
    ("CREATE DOMAIN information_schema.cm_mine AS int", 0, &["type information_schema.cm_mine"]),
    ("CREATE COLLATION pg_catalog.cm_mine (LOCALE = 'C')", 0, &["collation pg_catalog.cm_mine"]),
    (
        "CREATE CONVERSION pg_catalog.cm_mine FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
        0,
        &["conversion pg_catalog.cm_mine"],
    ),
    (
        "CREATE OPERATOR pg_catalog.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
        0,
        &["operator pg_catalog.===(integer,integer)"],
    ),
    (
        "CREATE OPERATOR FAMILY pg_catalog.cm_mine USING btree",
        0,
        &["operator family pg_catalog.cm_mine USING btree"],
    ),
    (
        "CREATE OPERATOR CLASS pg_catalog.cm_mine FOR TYPE int USING hash FAMILY integer_ops AS STORAGE int",
        0,
        &["operator class pg_catalog.cm_mine USING hash"],
    ),
    (
        "CREATE FUNCTION public.f(int, text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; \
         ALTER OPERATOR FAMILY pg_catalog.integer_ops USING btree ADD FUNCTION 1 public.f(int, text)",
        0,
        &[
            "function of access method function 1 (integer, pg_catalog.text) of pg_catalog.integer_ops USING btree",
        ],
    ),
    (
        "CREATE TABLE public.t (a int, b int); CREATE STATISTICS pg_catalog.cm_mine ON a, b FROM public.t",
        0,
        &["statistics object pg_catalog.cm_mine"],
    ),
    (
        "CREATE TEXT SEARCH CONFIGURATION pg_catalog.cm_mine (COPY = simple)",
        0,
        &["text search configuration pg_catalog.cm_mine"],
    ),
    (
        "CREATE TEXT SEARCH DICTIONARY pg_catalog.cm_mine (TEMPLATE = simple)",
        0,
        &["text search dictionary pg_catalog.cm_mine"],
    ),
    (
        "CREATE TEXT SEARCH TEMPLATE pg_catalog.cm_mine (LEXIZE = dsimple_lexize)",
        0,
        &["text search template pg_catalog.cm_mine"],
    ),
    ("CREATE TYPE pg_catalog.cm_mine", 0, &["type pg_catalog.cm_mine"]),
    // What no statement names.
    (
        "CREATE TABLE public.t (a int PRIMARY KEY); CREATE TABLE public.r (a int REFERENCES public.t, b int UNIQUE DEFERRABLE); \
         ALTER TABLE public.r DISABLE TRIGGER ALL",
        0,
        &["disabled constraint r_a_fkey on public.r", "disabled constraint r_b_key on public.r"],
    ),
    // What is changed of extensions.
    (
        "CREATE EXTENSION citext; \
         CREATE FUNCTION public.f(public.citext, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; \
         ALTER OPERATOR FAMILY public.citext_ops USING btree ADD FUNCTION 1 public.f(public.citext, int)",
        0,
        &["function of access method function 1 (public.citext, integer) of public.citext_ops USING btree"],
    ),
];

/// What is added to the table of an extension.
const ADDED: &[(&str, &[&str])] = &[
    ("CREATE INDEX mine ON public.member (id)", &["index public.mine"]),
    ("CREATE INDEX mine ON public.member ((id + 1))", &["index public.mine"]),
    (
        "ALTER TABLE public.member ADD CONSTRAINT mine UNIQUE (id)",
        &["table constraint mine on public.member"],
    ),
    (
        "ALTER TABLE public.member ADD CONSTRAINT mine CHECK (id > 0)",
        &["table constraint mine on public.member"],
    ),
    (
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'; \
         CREATE TRIGGER mine AFTER INSERT ON public.member EXECUTE FUNCTION public.f()",
        &["trigger mine on public.member"],
    ),
    ("CREATE RULE mine AS ON DELETE TO public.member DO INSTEAD NOTHING", &["rule mine on public.member"]),
    ("CREATE POLICY mine ON public.member USING (true)", &["policy mine on public.member"]),
];

/// As people see it: kind and identity.
fn left_out(server: &TestServer, scripts: &[&str]) -> BTreeSet<String> {
    let database = server.database("census");
    for script in scripts {
        database
            .psql(script)
            .unwrap_or_else(|error| panic!("PostgreSQL {}: {script}: {error}", server.major()));
    }
    // Before 16 a transform was called in another way.
    let name = |identity: &str| identity.replace(" on language ", " language ");
    snapshot(&database)
        .left_out
        .iter()
        .map(|left| format!("{} {}", left.kind, name(&left.identity)))
        .collect()
}

#[test]
fn what_no_kind_reads_is_named() {
    for server in servers() {
        for (script, since, expected) in UNSUPPORTED.iter().filter(|(_, since, _)| *since <= server.major()) {
            let expected: BTreeSet<_> = expected.iter().map(|&name| name.to_owned()).collect();
            let found = left_out(&server, &[script]);
            assert_eq!(found, expected, "PostgreSQL {}, since {since}: {script}", server.major());
        }
    }
}

/// No extension at hand has a table, so one is put into an extension in the transaction that makes it, and the
/// extension then has what came with it in that transaction.
#[test]
fn what_is_added_to_the_table_of_an_extension_is_named() {
    let with_table = "BEGIN; CREATE EXTENSION citext; \
        CREATE TABLE public.member (id int, name text CONSTRAINT own CHECK (name <> '')); CREATE INDEX own ON public.member (name); \
        COMMENT ON TABLE public.member IS 'own'; ALTER EXTENSION citext ADD TABLE public.member; COMMIT";
    for server in servers() {
        assert_eq!(left_out(&server, &[with_table]), BTreeSet::new(), "PostgreSQL {}", server.major());
        for (script, expected) in ADDED {
            let expected: BTreeSet<_> = expected.iter().map(|&name| name.to_owned()).collect();
            let found = left_out(&server, &[with_table, script]);
            assert_eq!(found, expected, "PostgreSQL {}: {script}", server.major());
        }
    }
}

/// Temporary objects of this session and of others are no part of the database.
#[test]
fn temporary_objects_disturb_nobody() {
    let temporary = "CREATE TEMP TABLE t (id serial PRIMARY KEY, name text DEFAULT 'x' CHECK (name <> ''), j int GENERATED ALWAYS AS IDENTITY);
        CREATE INDEX ON t (lower(name)); COMMENT ON TABLE t IS 'x'; GRANT SELECT ON t TO PUBLIC;
        CREATE TEMP VIEW v AS SELECT id FROM t; CREATE TEMP SEQUENCE s;
        CREATE TYPE pg_temp.e AS ENUM ('a'); CREATE DOMAIN pg_temp.d AS int CHECK (VALUE > 0); CREATE TYPE pg_temp.c AS (a int);
        CREATE TYPE pg_temp.r AS RANGE (SUBTYPE = int);
        CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION pg_temp.f(); CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING;
        CREATE POLICY p ON t; CREATE TEMP TABLE q (a int) PARTITION BY LIST (a); CREATE TEMP TABLE q1 PARTITION OF q FOR VALUES IN (1);
        CREATE TEMP TABLE u (id int REFERENCES t); CREATE OPERATOR pg_temp.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
        CREATE OPERATOR CLASS pg_temp.o FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 1 hashint4(int);
        CREATE COLLATION pg_temp.c (LOCALE = 'C'); CREATE TEXT SEARCH CONFIGURATION pg_temp.c (COPY = simple);
        CREATE STATISTICS pg_temp.k ON id, name FROM t; CREATE CAST (pg_temp.e AS int) WITH INOUT;";
    for server in servers() {
        let database = server.database("census");
        let empty = snapshot(&database);
        let mut session = crate::trip::session(&database);
        session.run(temporary).unwrap();
        let mut other = crate::trip::session(&database);
        other.run(temporary).unwrap();
        let captured = psqlcm_engine::capture::capture(&mut session).unwrap();
        assert_eq!(captured.left_out, [], "PostgreSQL {}", server.major());
        let names = |snapshot: &psqlcm_core::snapshot::Snapshot| -> Vec<String> {
            snapshot.facts().map(|(id, _)| id.to_string()).collect()
        };
        assert_eq!(names(&captured), names(&empty), "PostgreSQL {}", server.major());
    }
}

/// Whoever may connect sees the same schema, whatever he may read of its rows.
#[test]
fn an_ordinary_role_captures_the_same() {
    for server in servers() {
        let database = server.database("census");
        let role = psqlcm_testkit::unique("cm_ordinary");
        database.psql(&format!("CREATE ROLE {role} LOGIN; CREATE EXTENSION citext;
            CREATE SCHEMA hidden; REVOKE ALL ON SCHEMA hidden FROM PUBLIC;
            CREATE TYPE hidden.mood AS ENUM ('sad');
            CREATE TABLE hidden.t (id serial PRIMARY KEY, m hidden.mood DEFAULT 'sad', n public.citext CHECK (n <> ''), i int GENERATED ALWAYS AS IDENTITY);
            ALTER TABLE hidden.t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON hidden.t USING (id > 0);
            CREATE INDEX ON hidden.t (lower(n)); CREATE VIEW hidden.v AS SELECT id, m FROM hidden.t;
            CREATE MATERIALIZED VIEW hidden.m AS SELECT id FROM hidden.t;
            CREATE RULE r AS ON DELETE TO hidden.t DO INSTEAD NOTHING;
            CREATE FUNCTION hidden.f() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
            REVOKE ALL ON FUNCTION hidden.f() FROM PUBLIC;
            CREATE TRIGGER g AFTER INSERT ON hidden.t EXECUTE FUNCTION hidden.f();
            COMMENT ON TABLE hidden.t IS 'x'; ALTER DEFAULT PRIVILEGES IN SCHEMA hidden GRANT SELECT ON TABLES TO PUBLIC;
            ALTER DATABASE {name} SET work_mem = '7MB'", name = database.name())).unwrap();
        let uri = database.uri().replace("//postgres@", &format!("//{role}@"));
        let info = ConnInfo::resolve(&Given::new().text("test", &uri), &Environment::empty()).unwrap();
        let ordinary = psqlcm_engine::capture::capture(&mut Session::connect(&info).unwrap());
        let expected = snapshot(&database);
        database.psql(&format!("DROP ROLE {role}")).unwrap();
        let ordinary = ordinary.unwrap();
        assert_eq!(ordinary.left_out, []);
        let facts = |snapshot: &psqlcm_core::snapshot::Snapshot| -> Vec<String> {
            snapshot.facts().map(|(id, fact)| format!("{id}: {fact:?}")).collect()
        };
        assert_eq!(facts(&ordinary), facts(&expected), "PostgreSQL {}", server.major());
    }
}

#[test]
fn large_objects_are_data_and_are_mentioned() {
    check_mentions(13, "SELECT lo_create(4711), lo_create(4712)", &["contents of large objects 2"]);
}

#[test]
fn a_partition_whose_detaching_is_not_finished_is_mentioned() {
    check_mentions(
        14,
        "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1);
         CREATE TABLE p_2 PARTITION OF p FOR VALUES IN (2);
         UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'p_2'::regclass",
        &["partition public.p_2"],
    );
}

#[test]
fn an_invalid_index_is_mentioned() {
    check_mentions(
        13,
        "CREATE TABLE t (a int); CREATE INDEX whole ON t (a); CREATE INDEX \"Half \"\"built\" ON t (a);
         COMMENT ON INDEX \"Half \"\"built\" IS 'goes with it';
         UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"Half \"\"built\"'::regclass",
        &["invalid index public.\"Half \"\"built\""],
    );
}

/// What is told of a database besides its facts; nothing of it is left out.
fn check_mentions(since: u32, sql: &str, expected: &[&str]) {
    for server in servers().iter().filter(|server| server.major() >= since) {
        let database = server.database("census");
        database.psql(sql).unwrap();
        let found = snapshot(&database);
        let mentions: Vec<_> =
            found.mentions.iter().map(|said| format!("{} {}", said.kind, said.identity)).collect();
        assert_eq!(
            (mentions, found.left_out),
            (expected.iter().map(|text| (*text).to_owned()).collect(), vec![])
        );
    }
}
