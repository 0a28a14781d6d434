//! `status` on real servers.

use crate::support::{everywhere, run, session};

const SEED: &str = "CREATE SCHEMA app; CREATE TABLE app.t (a int DEFAULT 1 + 1); CREATE SCHEMA other; CREATE TABLE public.p (a int)";
const SCHEMAS: [&str; 3] = ["app", "other", "public"];

#[test]
fn all_is_well_after_setup_and_after_changes() {
    everywhere("status_good", SEED, &SCHEMAS, |database| {
        let ran = run(database, &["status"]).exits(0);
        assert_eq!(ran.out.matches(": good (entry 1, base, ").count(), 3, "{}", ran.out);
        let first = format!("{}: good (what belongs to no schema)\n", database.name());
        assert!(ran.out.starts_with(&first), "{}", ran.out);
        run(
            database,
            &["submit", "-s", "app", "-c", "ALTER TABLE t ADD b int; ALTER TABLE other.t2 ADD b int"],
        )
        .exits(1);
        run(database, &["submit", "-s", "app", "-c", "ALTER TABLE t ADD b int; CREATE TABLE other.t2 (a int); CREATE SCHEMA made; CREATE TABLE made.m ()", "--implementer", "Ada"]).exits(0);
        let ran = run(database, &["status"]).exits(0).says("app: good (entry 2, change, ").says("Ada)");
        ran.says("other: good (entry 2, linked, ")
            .says("made: good (entry 1, base, ")
            .says("public: good (entry 1, base, ");
        // Roles that come and go, grants on the ledger and rows are no drift.
        let role = psqlcm_testkit::unique("status_role");
        database.psql(&format!("CREATE ROLE {role}; INSERT INTO app.t VALUES (1); GRANT SELECT ON app.pg_psql_cm TO {role}; ANALYZE")).unwrap();
        let ran = run(database, &["status"]);
        database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
        ran.exits(0);
    });
}

#[test]
fn what_belongs_to_no_schema_drifts_too() {
    everywhere("status_none", SEED, &SCHEMAS, |database| {
        let name = database.name();
        let check = |by_hand: &str, back: &str| {
            database.psql(by_hand).unwrap();
            let ran = run(database, &["status"]).exits(3);
            let line = format!(
                "{name}: different (drifted: what belongs to no schema is not what entry 1 of public recorded)\n"
            );
            assert!(ran.out.starts_with(&line), "{by_hand}: {}", ran.out);
            // Where schemas are named it was not asked for.
            run(database, &["-s", "app", "status"]).exits(0);
            database.psql(back).unwrap();
            run(database, &["status"]).exits(0);
        };
        check("CREATE EXTENSION pg_trgm SCHEMA pg_catalog", "DROP EXTENSION pg_trgm");
        check(
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
            "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC",
        );
        let (set, reset) = (
            format!("ALTER DATABASE {name} SET work_mem = '8MB'"),
            format!("ALTER DATABASE {name} RESET work_mem"),
        );
        check(&set, &reset);
        check(
            &format!("GRANT CREATE ON DATABASE {name} TO PUBLIC"),
            &format!("REVOKE CREATE ON DATABASE {name} FROM PUBLIC"),
        );
        // A change records it, be it in the home ledger itself or by a linked entry, also where a ledger goes.
        run(database, &["submit", "-s", "app", "-c", &set]).exits(0);
        run(database, &["status"]).exits(0);
        run(database, &["submit", "-c", &reset]).exits(0);
        run(database, &["status"]).exits(0);
        database.psql(&set).unwrap();
        run(database, &["submit", "-s", "app", "-c", "CREATE TABLE after_drift ()"]).exits(0);
        run(database, &["status"]).exits(3).says("what belongs to no schema is not what entry 3 of public");
        run(database, &["setup"]).exits(0);
        run(database, &["status"]).exits(3);
    });
}

#[test]
fn the_record_of_what_belongs_to_no_schema_outlives_its_ledger() {
    everywhere("status_home", SEED, &["app"], |database| {
        let set = format!("ALTER DATABASE {} SET work_mem = '8MB'", database.name());
        run(database, &["submit", "-s", "app", "-c", &set]).exits(0);
        run(database, &["setup"]).exits(0);
        run(database, &["submit", "-c", "DROP SCHEMA app CASCADE"]).exits(0);
        run(database, &["status"]).exits(0).says(&format!("{}: good (what", database.name()));
        database.psql(&set.replace("8MB", "9MB")).unwrap();
        run(database, &["status"]).exits(3).says("drifted: what belongs to no schema");
    });
}

#[test]
fn a_change_done_in_part_stays_pending_while_others_are_submitted() {
    everywhere("status_part", SEED, &SCHEMAS, |database| {
        let held = "CREATE TABLE q (); CREATE UNIQUE INDEX CONCURRENTLY p_a ON p (a)";
        database.psql("INSERT INTO p VALUES (1), (1)").unwrap();
        run(database, &["submit", "-c", held]).exits(6);
        run(database, &["submit", "-c", "CREATE TABLE other_table (); CREATE INDEX CONCURRENTLY ON p (a)"])
            .exits(0);
        let ran = run(database, &["status"]).exits(3);
        let ran =
            ran.says("public: pending (--change is done in part: entry 4 is the last of it, part 2 of 2");
        assert!(ran.err.contains("goes on where it stopped"), "{}", ran.err);
        let report = run(database, &["--format", "json", "-s", "public", "status"]).exits(3).json();
        let target = &report["targets"][0];
        assert_eq!(
            (&target["outcome"], &target["details"]["pending"][0]["part"]),
            (&"pending".into(), &2.into())
        );
        database.psql("DELETE FROM p").unwrap();
        run(database, &["submit", "-c", held]).exits(0);
        run(database, &["status"]).exits(0);
    });
}

#[test]
fn what_was_done_past_the_tool_is_drift_in_its_schema_only() {
    everywhere("status_drift", SEED, &SCHEMAS, |database| {
        database.psql("ALTER TABLE app.t ADD by_hand int").unwrap();
        let ran = run(database, &["status"])
            .exits(3)
            .says("app: different (drifted: it is not what entry 1 recorded; entry 1, base");
        assert_eq!(ran.out.matches(": good").count(), 3, "{}", ran.out);
        // Data to standard output, talk to standard error.
        let name = database.name();
        let hint = format!(
            "hint: {name}: if it drifted, psql-cm diff ledger:{name} db:{name} shows what was done past psql-cm, and \
             psql-cm submit --adopt records it\n"
        );
        assert!(ran.err.contains(&hint) && !ran.out.contains("hint: "), "{ran:?}");
        let report = run(database, &["--format", "json", "-s", "app", "status"]).exits(3).json();
        let target = &report["targets"][0];
        assert_eq!(
            (&target["outcome"], &target["details"]["drift"]["entry"]),
            (&"different".into(), &1.into())
        );
        database.psql("ALTER TABLE app.t DROP by_hand").unwrap();
        run(database, &["status"]).exits(0);
        // A schema that came later, and a guard that was taken off.
        database.psql("CREATE SCHEMA late; ALTER TABLE other.pg_psql_cm DISABLE TRIGGER USER").unwrap();
        let ran = run(database, &["status"]).exits(3).says("late: not under control\n");
        let ran = ran.says("other: different (its append-only trigger is disabled; entry 1");
        // That is no drift, and --adopt is no remedy.
        assert!(ran.err.contains("puts the protection back") && !ran.err.contains("--adopt"), "{ran:?}");
        assert!(
            ran.err.contains(&format!("hint: {}.late: psql-cm setup takes it", database.name())),
            "{ran:?}"
        );
        // What several need is said once.
        database.psql("CREATE SCHEMA later; CREATE SCHEMA latest").unwrap();
        let ran = run(database, &["status"]).exits(3);
        let hint = format!("hint: {}.late, as 2 more: psql-cm setup takes it", database.name());
        assert!(ran.err.contains(&hint) && ran.err.matches("psql-cm setup takes it").count() == 1, "{ran:?}");
        run(database, &["--exclude-schema", "late*", "-s", "app", "status"]).exits(0);
    });
}

#[test]
fn an_upgrade_of_the_server_is_no_drift() {
    everywhere("status_upgrade", SEED, &SCHEMAS, |database| {
        let pretend = |sql: &str| {
            database
                .psql(&format!(
                    "ALTER TABLE app.pg_psql_cm DISABLE TRIGGER USER; UPDATE app.pg_psql_cm SET {sql};
                 ALTER TABLE app.pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only"
                ))
                .unwrap();
        };
        pretend("server_version = '12.1', fingerprint_after = replace(fingerprint_after, 'f1:', 'f1:0')");
        run(database, &["status"])
            .exits(0)
            .says("recorded on PostgreSQL 12.1: what the server prints is not compared");
        run(database, &["submit", "--adopt"]).exits(0).says("unchanged (nothing drifted)");
        database.psql("ALTER TABLE app.t ADD by_hand int").unwrap();
        run(database, &["status"]).exits(3).says("app: different (drifted");
        pretend("evidence = NULL");
        run(database, &["status"]).exits(3).says("drift cannot be told: it was recorded on PostgreSQL 12.1");
        // What is there is recorded as this server has it.
        run(database, &["submit", "--adopt"]).exits(0);
        run(database, &["status"]).exits(0);
    });
}

#[test]
fn a_change_that_was_begun_and_not_ended_is_pending() {
    everywhere("status_pending", SEED, &SCHEMAS, |database| {
        database.psql("INSERT INTO p VALUES (1), (1)").unwrap();
        let change = "CREATE TABLE q (); CREATE UNIQUE INDEX CONCURRENTLY ON p (a)";
        run(database, &["submit", "-c", change]).exits(6);
        run(database, &["status"])
            .exits(3)
            .says("public: pending (--change is done in part: entry 4 is the last of it, part 2 of 2");
        database.psql("DELETE FROM p").unwrap();
        run(database, &["submit", "-c", change]).exits(0);
        run(database, &["status"]).exits(0);
        // As a crash within the statement leaves it.
        session(database).run("ALTER TABLE pg_psql_cm DISABLE TRIGGER USER; DELETE FROM pg_psql_cm WHERE id = (SELECT max(id) FROM pg_psql_cm);
            ALTER TABLE pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only").unwrap();
        run(database, &["status"])
            .exits(3)
            .says("part 2 of 2 of --change was begun by entry 5, and its end is not known");
    });
}
