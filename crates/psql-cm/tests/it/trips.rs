//! Databases that make the trip: dump, drop, restore by the tool and by psql, and all is as it was.

use psqlcm_core::kinds::KindId;
use psqlcm_core::kinds::cases::{self, Case};
use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions};
use psqlcm_testkit::{TestServer, load_corpus_as, server, servers, try_load_corpus, unique};

use crate::tool::Tool;

/// Makes a database of that SQL, sets it up, and sends it on the trip.
fn check(sql: &str) {
    for server in servers() {
        let tool = Tool::new(&server);
        let name = unique("trip");
        tool.psql("postgres", &format!("CREATE DATABASE {name}"));
        tool.psql(&name, sql);
        tool.ok(&["-d", &name, "setup"]);
        tool.check_trip(&name);
        server.drop_database(&name);
    }
}

/// The cases of all kinds, through the files.
#[test]
fn cases_of_all_kinds() {
    let all = cases::all().unwrap();
    // For people at work on one of them: part of its name.
    let only = std::env::var("PSQL_CM_TEST_CASE").ok();
    for server in servers() {
        server.psql("postgres", &cases::preparation()).unwrap();
        let runs = |case: &&Case| {
            only.as_ref().is_none_or(|only| case.name().contains(only))
                && case.runs_on(server.major())
                && case.needs.iter().all(|extension| server.offers(extension))
                && !case.cluster
                // No server has their provider.
                && case.kind != KindId::SecurityLabel
                && case.unlike.is_none()
        };
        let (alone, together): (Vec<&Case>, Vec<&Case>) =
            all.iter().filter(runs).partition(|case| case.alone);
        for cases in alone.into_iter().map(|case| vec![case]).chain([together]) {
            let tool = Tool::new(&server);
            let name = unique("trip");
            tool.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
            // What a case forbids, setup must not need.
            tool.psql(&name, "CREATE SCHEMA managed");
            tool.ok(&["-d", &name, "-s", "managed", "setup"]);
            for (number, case) in cases.iter().enumerate() {
                server
                    .psql(&name, &case.script(number))
                    .unwrap_or_else(|error| panic!("{}: {error}", case.name()));
            }
            let (first, count) = (cases.first().map(|case| case.name()), cases.len());
            eprintln!("PostgreSQL {}: {count} cases, {} first", server.major(), first.unwrap_or_default());
            tool.check_trip(&name);
            server.drop_database(&name);
        }
    }
}

#[test]
fn roles_and_grants() {
    for server in servers() {
        server
            .psql(
                "postgres",
                "DO $$ BEGIN
                   CREATE ROLE trip_owner; CREATE ROLE \"trip Reader\"; CREATE ROLE trip_writer LOGIN CONNECTION LIMIT 3;
                 EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            )
            .unwrap();
    }
    check(
        "CREATE SCHEMA app AUTHORIZATION trip_owner;
         CREATE TABLE app.t (a int, b text);
         ALTER TABLE app.t OWNER TO trip_owner;
         GRANT SELECT ON app.t TO \"trip Reader\" WITH GRANT OPTION;
         GRANT USAGE ON SCHEMA app TO PUBLIC;
         SET ROLE \"trip Reader\"; GRANT SELECT ON app.t TO trip_writer; RESET ROLE;
         GRANT INSERT (a), UPDATE (a, b) ON app.t TO trip_writer;
         GRANT USAGE ON SCHEMA app TO PUBLIC;
         CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
         REVOKE EXECUTE ON FUNCTION app.f() FROM PUBLIC;
         GRANT EXECUTE ON FUNCTION app.f() TO trip_writer;
         REVOKE CREATE ON SCHEMA public FROM PUBLIC;
         ALTER DEFAULT PRIVILEGES FOR ROLE trip_owner IN SCHEMA app GRANT SELECT ON TABLES TO \"trip Reader\";
         ALTER DEFAULT PRIVILEGES FOR ROLE trip_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO trip_writer;
         CREATE TABLE app.u (a int);
         DO $$ BEGIN
           EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO trip_writer', current_database());
           EXECUTE format('ALTER DATABASE %I SET search_path TO app, \"$user\", public', current_database());
           EXECUTE format('ALTER ROLE trip_writer IN DATABASE %I SET work_mem TO ''8MB''', current_database());
           EXECUTE format('COMMENT ON DATABASE %I IS ''it''''s a test''', current_database());
         END $$;",
    );
}

#[test]
fn schemas_that_need_each_other() {
    check(
        "CREATE SCHEMA alpha; CREATE SCHEMA beta; CREATE SCHEMA zeta;
         CREATE DOMAIN zeta.amount AS numeric CHECK (VALUE >= 0);
         CREATE TYPE zeta.mood AS ENUM ('sad', 'ok', 'it''s');
         CREATE TABLE zeta.parent (id bigserial PRIMARY KEY, a zeta.amount, m zeta.mood DEFAULT 'ok');
         CREATE TABLE alpha.child (id int PRIMARY KEY, parent bigint REFERENCES zeta.parent);
         ALTER TABLE zeta.parent ADD COLUMN favourite int REFERENCES alpha.child;
         CREATE VIEW alpha.v AS SELECT p.id, p.m, c.parent FROM zeta.parent p JOIN alpha.child c ON c.parent = p.id;
         CREATE MATERIALIZED VIEW beta.mv AS SELECT * FROM alpha.v;
         CREATE FUNCTION beta.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER touch BEFORE UPDATE ON zeta.parent FOR EACH ROW EXECUTE FUNCTION beta.touch();
         CREATE TABLE zeta.named (name text);
         CREATE FUNCTION zeta.next_name() RETURNS text LANGUAGE sql STABLE AS 'SELECT ''n'' || count(*) FROM zeta.named';
         ALTER TABLE zeta.named ALTER COLUMN name SET DEFAULT zeta.next_name();
         CREATE FUNCTION alpha.of_row(zeta.named) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.name';
         CREATE INDEX ON zeta.named (alpha.of_row(named));
         CREATE FUNCTION beta.rows() RETURNS SETOF alpha.v LANGUAGE sql AS 'SELECT * FROM alpha.v';
         CREATE OR REPLACE VIEW alpha.v AS SELECT p.id, p.m, c.parent FROM zeta.parent p
           JOIN alpha.child c ON c.parent = p.id WHERE p.id > 0 OR EXISTS (SELECT FROM beta.rows());
         CREATE TABLE zeta.events (at date, what text) PARTITION BY RANGE (at);
         CREATE TABLE alpha.events_2024 PARTITION OF zeta.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         CREATE INDEX events_at ON zeta.events (at);",
    );
}

#[test]
fn odd_names() {
    let names = [
        "My Schema",
        "sch-ema",
        "select",
        "Upper",
        "upper",
        "a\"b",
        "ünï",
        "a/b",
        "CON",
        "..",
        "a\nb",
        "database.sql",
    ];
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut sql = String::new();
    for name in names.map(quoted) {
        sql += &format!(
            "CREATE SCHEMA {name}; CREATE TABLE {name}.{name} ({name} int PRIMARY KEY, \"other {}\" text);
             CREATE VIEW {name}.\"v\"AS SELECT * FROM {name}.{name};
             CREATE FUNCTION {name}.{name}({name} {name}.{name}) RETURNS int LANGUAGE sql AS 'SELECT 1';
             COMMENT ON COLUMN {name}.{name}.{name} IS 'a -- b\n\\connect x';\n",
            name.len()
        );
    }
    check(&sql);
}

#[test]
fn odd_database_names() {
    let server = server(15);
    for name in ["My-DB", "a b", "x='y'", "templates_app", "ünï", "postgresql://host/db"] {
        let tool = Tool::new(&server);
        let quoted = format!("\"{name}\"");
        tool.psql("postgres", &format!("DROP DATABASE IF EXISTS {quoted}"));
        tool.psql("postgres", &format!("CREATE DATABASE {quoted}"));
        tool.psql(name, "CREATE TABLE t (a int)");
        tool.ok(&["-d", name, "setup"]);
        tool.ok(&["-d", name, "dump"]);
        let before = server.pg_dump_schema(name);
        tool.psql("postgres", &format!("DROP DATABASE {quoted}"));
        tool.ok(&["-d", name, "restore"]);
        psqlcm_testkit::assert_same_text(&before, &server.pg_dump_schema(name));
        tool.psql("postgres", &format!("DROP DATABASE {quoted}"));
    }
}

const REAL: [&str; 12] = [
    "chinook",
    "pagila",
    "adventureworks",
    "kratos_final",
    "procrastinate",
    "mimic3",
    "mimic4",
    "temporal",
    "grafast_forums",
    "farmbot",
    "omop_cdm54",
    "supabase_auth_final",
];

#[test]
fn real_schemas_of_an_ordinary_role() {
    let server = server(15);
    for name in REAL {
        let role = unique("ordinary");
        server.psql("postgres", &format!("CREATE ROLE {role} LOGIN CREATEDB CREATEROLE")).unwrap();
        let Some(database) = load_corpus_as(&server, name, &role) else {
            eprintln!("no corpus: {name} is not tried");
            return;
        };
        let tool = Tool::new(&server).acting_as(&role);
        tool.ok(&["-d", database.name(), "setup"]);
        tool.check_trip(database.name());
    }
}

/// Every schema of the corpus.
const ALL: [&str; 22] = [
    "adventureworks",
    "chinook",
    "crates_io_final",
    "danbooru",
    "dhis2_base",
    "farmbot",
    "grafast_forums",
    "graphile_worker_final",
    "kratos_final",
    "mimic3",
    "mimic4",
    "omop_cdm54",
    "pagila",
    "pg15_regress",
    "pgmq",
    "postgraphile_kitchen_sink",
    "powa",
    "procrastinate",
    "supabase_auth_final",
    "supabase_init",
    "supabase_storage_final",
    "temporal",
];

/// What keeps a schema from being loaded on a server of 15: libraries that PostgreSQL does not bring along. Where they are
/// installed, as Debian's `postgresql-15-postgis-3` and `postgresql-15-powa`, it makes the trip too.
const LACKING: [(&str, &str); 2] = [
    ("dhis2_base", "extension \"postgis\" is not available"),
    ("powa", "could not access file \"$libdir/powa\""),
];

/// The same on 18: also what 15 wrote in words that 18 does not take, and a library of 15 by its whole path.
const LACKING_ON_18: [(&str, &str); 4] = [
    ("dhis2_base", "extension \"postgis\" is not available"),
    ("powa", "could not access file"),
    ("pg15_regress", "autoinc.so\""),
    ("postgraphile_kitchen_sink", "syntax error at or near \"json\""),
];

/// All that load on the server make the trip, by the tool and by psql. Those that do not load are told, and why.
fn real_schemas_on(server: &TestServer) -> Vec<(&'static str, String)> {
    let mut not_loaded = Vec::new();
    // For people at work on one of them.
    let only = std::env::var("PSQL_CM_TEST_CASE").ok();
    for name in ALL.into_iter().filter(|name| only.as_ref().is_none_or(|only| only == name)) {
        match try_load_corpus(server, name) {
            None => eprintln!("no corpus: {name} is not tried"),
            Some(Err(error)) => {
                let why = error.lines().find(|line| line.contains("ERROR")).unwrap_or(&error).to_owned();
                eprintln!("PostgreSQL {}: {name} does not load: {why}", server.major());
                not_loaded.push((name, why));
            }
            Some(Ok(database)) => {
                let tool = Tool::new(server);
                tool.ok(&["-d", database.name(), "setup"]);
                tool.check_trip(database.name());
                eprintln!("PostgreSQL {}: {name} made the trip", server.major());
            }
        }
    }
    not_loaded
}

fn check_real_schemas(major: u32, lacking: &[(&str, &str)]) {
    let Some(server) = servers().into_iter().find(|server| server.major() == major) else { return };
    for (name, why) in real_schemas_on(&server) {
        let is_known = lacking.iter().any(|(lacking, reason)| *lacking == name && why.contains(reason));
        assert!(is_known, "PostgreSQL {major}: {name} does not load: {why}");
    }
}

#[test]
fn real_schemas_on_15() {
    check_real_schemas(15, &LACKING);
}

#[test]
fn real_schemas_on_18() {
    check_real_schemas(18, &LACKING_ON_18);
}

/// They were written by 15: what of them the versions before and after do not take is told.
#[test]
fn real_schemas_on_the_other_versions() {
    for server in servers().iter().filter(|server| ![13, 15, 18].contains(&server.major())) {
        let not_loaded = real_schemas_on(server);
        assert!(not_loaded.len() < ALL.len() / 2, "{not_loaded:?}");
    }
}

/// Bodies of SQL are put in the place of their calls where PostgreSQL looks at an expression, and name things by path.
#[test]
fn functions_that_depend_on_the_search_path() {
    let check_on = |from: u32, sql: &str| {
        for server in servers().iter().filter(|server| server.major() < from) {
            let tool = Tool::new(server);
            let name = unique("trip");
            tool.psql("postgres", &format!("CREATE DATABASE {name}"));
            tool.psql(&name, sql);
            tool.ok(&["-d", &name, "setup"]);
            tool.check_trip(&name);
            assert_eq!(tool.psql(&name, "SELECT matviewname FROM pg_matviews WHERE NOT ispopulated"), "");
            server.drop_database(&name);
        }
    };
    let functions = "CREATE SCHEMA app; SET search_path = app, public;
        CREATE FUNCTION public.helper(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
        CREATE FUNCTION own(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
        CREATE FUNCTION by_path(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT own(helper($1))';";
    check_on(
        99,
        &format!(
            "{functions} CREATE TABLE t (name text, g text GENERATED ALWAYS AS (by_path(name)) STORED);
             CREATE TABLE p (name text) PARTITION BY LIST (by_path(name));
             CREATE TABLE p_1 PARTITION OF p FOR VALUES IN ('A');
             CREATE TABLE p_0 PARTITION OF p DEFAULT;
             CREATE TABLE of_itself (name text);
             CREATE FUNCTION of_row(of_itself) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT by_path($1.name)';
             ALTER TABLE of_itself ADD CHECK (of_row(of_itself) <> '');
             CREATE DOMAIN word AS text CHECK (by_path(VALUE) <> '');
             ALTER DOMAIN word ADD CHECK (by_path(VALUE) <> 'x') NOT VALID"
        ),
    );
    check_on(
        17,
        &format!("{functions} CREATE TABLE t (name text); CREATE INDEX ON t (by_path(name)) WHERE by_path(name) > '';
             CREATE MATERIALIZED VIEW m AS SELECT by_path(name) FROM t"),
    );
}

/// What CREATE DATABASE says, and the oldest version that takes it.
const DATABASES: [(u32, &str); 5] = [
    (13, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'POSIX' CONNECTION LIMIT 7 IS_TEMPLATE true"),
    (13, "TABLESPACE trip_space"),
    (15, "LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' ENCODING 'UTF8'"),
    (16, "LOCALE_PROVIDER icu ICU_LOCALE 'sv' ICU_RULES '&V << w <<< W' ENCODING 'UTF8'"),
    (17, "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' ENCODING 'UTF8'"),
];

#[test]
fn properties_of_databases() {
    for server in servers() {
        let tool = Tool::new(&server);
        tool.psql(
            "postgres",
            "SET allow_in_place_tablespaces = on;\nCREATE TABLESPACE trip_space LOCATION ''",
        );
        for (_, options) in DATABASES.iter().filter(|(since, _)| *since <= server.major()) {
            let name = unique("trip");
            tool.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0 {options}"));
            let properties = || {
                let row = "to_jsonb(d) - '{oid,datfrozenxid,datminmxid,datlastsysid,datcollversion}'::text[]";
                tool.psql("postgres", &format!("SELECT {row} FROM pg_database AS d WHERE datname = '{name}'"))
            };
            let drop = || {
                tool.psql("postgres", &format!("ALTER DATABASE {name} IS_TEMPLATE false"));
                server.drop_database(&name);
            };
            let before = properties();
            tool.ok(&["-d", &name, "setup"]);
            tool.ok(&["-d", &name, "dump"]);
            for by_psql in [false, true] {
                drop();
                match by_psql {
                    true => tool.psql_restore(&name),
                    false => check_equal(&tool.ok(&["-d", &name, "restore"])),
                }
                assert_eq!(properties(), before, "PostgreSQL {}: {options}, {by_psql}", server.major());
            }
            drop();
        }
        tool.psql("postgres", "DROP TABLESPACE trip_space");
    }
}

/// A new database has the locale provider of its template, unless it is told which.
#[test]
fn a_database_of_the_c_library_on_a_cluster_of_icu() {
    let installations = Installation::discover();
    let is_one = |version| installations.iter().find(move |found| found.version.major == version);
    let (Some(older), Some(newer)) = (is_one(13), is_one(15)) else { return };
    let started = |installation| {
        let cluster = ScratchCluster::start(installation, &ScratchOptions::default()).unwrap();
        let server = TestServer::new(installation.version.major, cluster.socket_dir(), cluster.port());
        (cluster, server)
    };
    let (_cluster, server) = started(newer);
    let of_icu =
        "UPDATE pg_database SET datlocprovider = 'i', daticulocale = 'en' WHERE datname = 'template0'";
    server.psql("postgres", of_icu).unwrap();
    let tool = Tool::new(&server);
    tool.psql("postgres", "CREATE DATABASE app TEMPLATE template0 LOCALE_PROVIDER libc");
    tool.psql("app", "CREATE TABLE t (name text)");
    tool.ok(&["-d", "app", "setup"]);
    tool.check_trip("app");
    // Servers before 15 know no other provider.
    let (_cluster, server) = started(older);
    let said = tool.on(&server).ok(&["-d", "app", "restore"]);
    assert!(said.contains("equal"), "{said}");
}

fn check_equal(said: &str) {
    assert!(said.contains("equal to what was dumped"), "{said}");
}
