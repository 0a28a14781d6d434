//! `submit` to several databases and schemas: what commits together, and how a run that stopped is gone on with.

use std::thread;

use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions};
use psqlcm_testkit::{TestDatabase, TestServer, servers, unique};

use crate::support::{Ran, command, folder, setup};

const SEED: &str = "CREATE SCHEMA a; CREATE SCHEMA b";

/// Databases under control, each with the schemas `a` and `b`.
fn databases<const N: usize>(server: &TestServer, name: &str) -> [TestDatabase; N] {
    std::array::from_fn(|_| {
        let database = server.database(name);
        database.psql(SEED).unwrap();
        setup(&database, &["a", "b"]);
        database
    })
}

fn submit(databases: &[TestDatabase], arguments: &[&str]) -> Ran {
    let all: Vec<&TestDatabase> = databases.iter().collect();
    let mut command = command(databases[0].server(), &all, &std::env::temp_dir());
    Ran::of(&command.args(["submit", "-m", "a,b"]).args(arguments).output().unwrap())
}

/// Per database whether the table is there, and how many entries besides bases, of the schemas `a` and `b`.
fn standing(databases: &[TestDatabase], table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT (to_regclass('a.{table}') IS NOT NULL)::int, (SELECT count(*) FROM a.pg_psql_cm WHERE NOT is_base),
        (to_regclass('b.{table}') IS NOT NULL)::int, (SELECT count(*) FROM b.pg_psql_cm WHERE NOT is_base)"
    );
    databases.iter().map(|database| database.psql(&sql).unwrap()).collect()
}

#[test]
fn what_has_it_is_skipped_when_a_run_goes_on() {
    for server in servers() {
        let databases: [TestDatabase; 3] = databases(&server, "several");
        let [first, second, third] = databases.each_ref().map(TestDatabase::name);
        databases[1].psql("CREATE TABLE b.t ()").unwrap();
        let change = ["-c", "CREATE TABLE t (a int)", "--jobs", "1", "--atomic"];
        let with = |atomic: &'static str| [change.as_slice(), &[atomic]].concat();

        submit(&databases, &with("all")).exits(1).says(&format!("{second}.b")).says("42P07");
        assert_eq!(standing(&databases, "t"), ["0|0|0|0", "0|0|1|0", "0|0|0|0"]);

        let ran = submit(&databases, &with("database")).exits(6).says("submit the same again to go on");
        let ran = ran.says(&format!("{first}.a: done")).says(&format!("{second}.a: failed"));
        ran.says(&format!("{second}.b: failed")).says(&format!("{third}.a: skipped"));
        assert_eq!(standing(&databases, "t"), ["1|1|1|1", "0|0|1|0", "0|0|0|0"]);

        let ran = submit(&databases, &with("schema")).exits(6);
        let ran = ran.says(&format!("{first}.a: unchanged (recorded before, as entry 2)"));
        ran.says(&format!("{second}.a: done")).says(&format!("{second}.b: failed"));
        assert_eq!(standing(&databases, "t"), ["1|1|1|1", "1|1|1|0", "0|0|0|0"]);

        // As many may fail as was said; what has nothing to do with it goes on.
        let more = [with("schema"), vec!["--max-failures", "1"]].concat();
        submit(&databases, &more).exits(6).says(&format!("{third}.b: done"));
        assert_eq!(standing(&databases, "t"), ["1|1|1|1", "1|1|1|0", "1|1|1|1"]);

        databases[1].psql("DROP TABLE b.t").unwrap();
        submit(&databases, &with("database")).exits(0);
        assert_eq!(standing(&databases, "t"), ["1|1|1|1"; 3]);
        let ran = submit(&databases, &with("database")).exits(0);
        assert!(!ran.out.contains("done") && ran.out.matches("unchanged").count() == 6, "{}", ran.out);
        submit(&databases, &with("all")).exits(4).says("recorded already");
    }
}

#[test]
fn the_first_target_goes_first_and_alone() {
    let server = psqlcm_testkit::server(15);
    let databases: [TestDatabase; 3] = databases(&server, "canary");
    databases[0].psql("CREATE TABLE a.t ()").unwrap();
    let change = ["-c", "CREATE TABLE t ()", "--atomic", "schema", "--jobs", "8"];
    let ran = submit(&databases, &change).exits(1);
    assert_eq!(ran.err.matches(": skipped").count(), 5, "{}", ran.err);
    assert_eq!(standing(&databases, "t"), ["1|0|0|0", "0|0|0|0", "0|0|0|0"]);
    databases[0].psql("DROP TABLE a.t").unwrap();
    submit(&databases, &change).exits(0);
    assert_eq!(standing(&databases, "t"), ["1|1|1|1"; 3]);
}

#[test]
fn what_all_databases_share_is_run_once() {
    for server in servers() {
        let databases: [TestDatabase; 2] = databases(&server, "shared");
        for atomic in ["all", "database", "schema"] {
            let role = unique("shared_role");
            let change = format!("CREATE ROLE {role};\nCREATE TABLE {role} ()");
            let dry = submit(&databases, &["-c", &change, "--atomic", atomic, "--dry-run"]).exits(0);
            assert!(dry.out.contains("planned"), "{}", dry.out);
            submit(&databases, &["-c", &change, "--atomic", atomic]).exits(0);
            let of = |database: &TestDatabase, schema: &str| {
                let sql = format!(
                    "SELECT evidence->'shared_statements'->>'lines', evidence->'shared_statements'->>'ran_in'
                    FROM {schema}.pg_psql_cm ORDER BY id DESC LIMIT 1"
                );
                database.psql(&sql).unwrap()
            };
            let elsewhere = format!("[1]|{}.a", databases[0].name());
            let found = [of(&databases[0], "a"), of(&databases[0], "b"), of(&databases[1], "a")];
            assert_eq!(found, ["|", &elsewhere, &elsewhere], "{atomic}");
            assert!(
                standing(&databases, &role).iter().all(|one| one.starts_with("1|") && one.contains("|1|"))
            );
            databases[0].psql(&format!("DROP ROLE {role}")).unwrap();
        }
        // A role is seen elsewhere after COMMIT only: apart that is so, together it is said.
        let role = unique("shared_role");
        let change = format!("CREATE ROLE {role}; CREATE TABLE {role} (); GRANT SELECT ON {role} TO {role}");
        submit(&databases, &["-c", &change]).exits(1).says("is seen by the others only after COMMIT");
        submit(&databases, &["-c", &change, "--atomic", "database"]).exits(0);
        for database in &databases {
            database.psql(&format!("DROP TABLE a.{role}, b.{role}")).unwrap();
        }
        databases[0].psql(&format!("DROP ROLE {role}")).unwrap();
    }
}

#[test]
fn a_change_that_waits_for_itself_is_told_so() {
    let server = psqlcm_testkit::server(15);
    let databases: [TestDatabase; 2] = databases(&server, "itself");
    let role = unique("itself_role");
    databases[0].psql(&format!("CREATE ROLE {role}; ALTER ROLE {role} SET work_mem = '1MB'")).unwrap();
    // Hidden from whoever reads words.
    let change = format!("DO $$BEGIN EXECUTE 'ALTER ' || 'ROLE {role} SET work_mem = ''2MB'''; END$$");
    let ran = submit(&databases, &["-s", "a", "-c", &change, "--lock-timeout", "5min"]);
    ran.exits(1).says("the change waits for itself").says("--atomic database");
    assert_eq!(standing(&databases, "t"), ["0|0|0|0"; 2]);
    submit(&databases, &["-s", "a", "-c", &change, "--atomic", "database"]).exits(0);
    databases[0].psql(&format!("DROP ROLE {role}")).unwrap();
}

#[test]
fn statements_that_need_no_transaction_run_in_several_targets_if_asked() {
    for server in servers() {
        let databases: [TestDatabase; 2] = databases(&server, "sequence");
        for database in &databases {
            database.psql("CREATE TABLE a.t (c int); CREATE TABLE b.t (c int)").unwrap();
        }
        databases[1].psql("INSERT INTO a.t VALUES (1), (1)").unwrap();
        let change =
            "CREATE TABLE u (); CREATE UNIQUE INDEX CONCURRENTLY i ON t (c); ALTER TABLE u ADD d int";
        submit(&databases, &["-c", change]).exits(4).says("--sequential");
        assert_eq!(standing(&databases, "u"), ["0|0|0|0"; 2]);
        let ran = submit(&databases, &["-c", change, "--sequential"]).exits(6);
        let ran = ran.says(&format!("{}.a: partly done", databases[1].name()));
        ran.says(&format!("{}.b: skipped", databases[1].name())).says("23505");
        databases[1].psql("TRUNCATE a.t").unwrap();
        submit(&databases, &["-c", change, "--sequential"]).exits(0);
        for database in &databases {
            let indexes = "SELECT count(*) FROM pg_index
                WHERE indexrelid IN ('a.i'::regclass, 'b.i'::regclass) AND indisvalid";
            assert_eq!(database.psql(indexes).unwrap(), "2");
        }
        let ran = submit(&databases, &["-c", change, "--sequential"]).exits(0);
        assert_eq!(ran.out.matches("unchanged").count(), 4, "{}", ran.out);
    }
}

#[test]
fn room_for_connections_is_looked_for_first() {
    let server = psqlcm_testkit::server(15);
    let databases: [TestDatabase; 3] = databases(&server, "room");
    let role = unique("room_role");
    databases[0].psql(&format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 4")).unwrap();
    for database in &databases {
        let sql = format!(
            "ALTER SCHEMA a OWNER TO {role}; ALTER TABLE a.pg_psql_cm OWNER TO {role};
            GRANT USAGE ON SCHEMA b TO {role}; GRANT SELECT ON b.pg_psql_cm TO {role}"
        );
        database.psql(&sql).unwrap();
    }
    let uri = server.uri("postgres").replace("postgres@", &format!("{role}@"));
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_psql-cm"));
        command.args(["--uri", &uri, "submit", "-s", "a", "-c", "CREATE TABLE t ()"]).args(arguments);
        Ran::of(&command.args(databases.iter().flat_map(|one| ["-d", one.name()])).output().unwrap())
    };
    let ran = run(&[]).exits(1).says("7 connections are needed at once");
    ran.says(&format!("the limit of 4 connections of role {role} leaves")).says("--atomic database");
    run(&["--atomic", "database", "--jobs", "1"]).exits(0);
    for database in &databases {
        database.psql(&format!("DROP OWNED BY {role} CASCADE")).unwrap();
    }
    databases[0].psql(&format!("DROP ROLE {role}")).unwrap();
}

#[test]
fn room_for_locks_is_looked_for_in_the_first_target() {
    let server = psqlcm_testkit::server(15);
    let databases: [TestDatabase; 2] = databases(&server, "locks");
    let tables = "DO $$BEGIN FOR i IN 1..2500 LOOP EXECUTE format('CREATE TABLE t%s ()', i); END LOOP; END$$";
    let ran = submit(&databases, &["-c", tables])
        .exits(1)
        .says("locks in one target; for 4 targets together the server has no room");
    ran.says("--atomic schema").says("max_locks_per_transaction");
    assert_eq!(standing(&databases, "t1"), ["0|0|0|0"; 2]);
}

/// So many submits at once, each of a change of its own to all databases; every one must succeed.
fn at_once(databases: &[TestDatabase], count: usize) {
    let all: Vec<&TestDatabase> = databases.iter().collect();
    let folder = folder("at_once");
    let run = &|index: usize| {
        let change = format!("CREATE TABLE t{index} ()");
        let mut command = command(databases[0].server(), &all, &folder);
        // Each waits for those before it.
        command.args(["submit", "-s", "a", "--lock-wait", "30min", "--retries", "30", "-c", &change]);
        Ran::of(&command.output().unwrap()).exits(0);
    };
    thread::scope(|scope| (0..count).for_each(|index| drop(scope.spawn(move || run(index)))));
    let sql = "SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = 'a' AND tablename ~ '^t[0-9]+$'),
        count(*), count(DISTINCT digest), count(DISTINCT number), max(number) - min(number) + 1
        FROM a.pg_psql_cm WHERE NOT is_base";
    for database in databases {
        assert_eq!(database.psql(sql).unwrap(), vec![count.to_string(); 5].join("|"), "{}", database.name());
    }
    Ran::of(&command(databases[0].server(), &all, &folder).arg("verify").output().unwrap()).exits(0);
    Ran::of(&command(databases[0].server(), &all, &folder).args(["status", "-m", "a,b"]).output().unwrap())
        .exits(0);
}

/// A server with the usual settings that no other test takes connections from.
fn server_of_its_own() -> (ScratchCluster, TestServer) {
    let installations = Installation::discover();
    let installation = installations.iter().find(|found| found.version.major == 15).unwrap();
    let cluster = ScratchCluster::start(installation, &ScratchOptions::default()).unwrap();
    let server = TestServer::new(15, cluster.socket_dir(), cluster.port());
    (cluster, server)
}

#[test]
fn fifty_submits_at_once_are_each_applied_once() {
    let (_cluster, server) = server_of_its_own();
    at_once(&databases::<1>(&server, "fifty"), 50);
    at_once(&databases::<10>(&server, "fifty_ten"), 50);
}

#[test]
fn schemas_by_themselves_share_transactions_until_one_fails() {
    for server in servers() {
        let database = server.database("batch");
        let schemas: Vec<String> = (0..9).map(|index| format!("s{index}")).collect();
        for schema in &schemas {
            database.psql(&format!("CREATE SCHEMA {schema}")).unwrap();
        }
        setup(&database, &schemas.iter().map(String::as_str).collect::<Vec<_>>());
        database.psql("CREATE TABLE s4.u (); CREATE TABLE s6.u ()").unwrap();
        let submit = |arguments: &[&str]| {
            let mut command = command(&server, &[&database], &std::env::temp_dir());
            let changes = ["submit", "--all-schemas", "--atomic", "schema", "-c", "CREATE TABLE t ()"];
            Ran::of(
                &command.args(changes).args(["-c", "CREATE TABLE u ()"]).args(arguments).output().unwrap(),
            )
        };
        let of = |what: &str| {
            let each = schemas.iter().map(|schema| {
                format!(
                    "SELECT '{schema}' AS s, xmin::text, fingerprint_before, number FROM {schema}.pg_psql_cm
                    WHERE NOT is_base"
                )
            });
            let each: Vec<String> = each.collect();
            database.psql(&format!("SELECT {what} FROM ({}) AS l", each.join(" UNION ALL "))).unwrap()
        };
        let counts = || {
            of("s").lines().fold([0; 9], |mut counts, schema| {
                counts[schema[1..].parse::<usize>().unwrap()] += 1;
                counts
            })
        };

        let ran = submit(&["--dry-run"]).exits(1);
        assert_eq!(counts(), [0; 9], "{}", ran.err);
        let ran = submit(&[]).exits(6).says("batch_").says(".s4: failed").says(".s5: skipped");
        // The first alone, then the rest of them together, as far as it went.
        assert_eq!(counts(), [2, 2, 2, 2, 1, 1, 1, 1, 1], "{}", ran.err);
        assert_eq!(of("count(DISTINCT xmin)"), "4");

        submit(&["--max-failures", "5"]).exits(6).says(".s4: failed").says(".s6: failed").says(".s8: done");
        assert_eq!(counts(), [2, 2, 2, 2, 1, 2, 1, 2, 2]);
        database.psql("DROP TABLE s4.u; DROP TABLE s6.u").unwrap();
        let ran = submit(&[]).exits(0);
        assert_eq!(ran.out.matches(": done").count(), 2, "{}", ran.out);
        assert_eq!(counts(), [2; 9]);
        assert_eq!(of("count(DISTINCT number)"), "18");
        Ran::of(&command(&server, &[&database], &std::env::temp_dir()).arg("verify").output().unwrap())
            .exits(0);
        let mut status = command(&server, &[&database], &std::env::temp_dir());
        Ran::of(&status.args(["status", "-m", &schemas.join(",")]).output().unwrap()).exits(0);
    }
}
