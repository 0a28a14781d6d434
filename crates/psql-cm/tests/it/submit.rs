//! `submit` on real servers.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::thread;

use crate::support::{Ran, command, everywhere, folder, run, session, setup};
use psqlcm_testkit::{TestDatabase, servers};

const SEED: &str = "CREATE SCHEMA schema_two; CREATE TABLE schema_two.a_varchar (a varchar);
    CREATE TABLE public.t (a int)";
const BOTH: [&str; 2] = ["public", "schema_two"];

fn submit(database: &TestDatabase, change: &str) -> Ran {
    run(database, &["submit", "--change", change])
}

fn entries(database: &TestDatabase, schema: &str) -> String {
    let sql = format!("SELECT entry_kind, content FROM {schema}.pg_psql_cm WHERE NOT is_base ORDER BY id");
    database.psql(&sql).unwrap()
}

/// Everything there is: what a refused change must leave as it was.
fn all(database: &TestDatabase) -> (String, String) {
    let rows =
        "SELECT (SELECT count(*) FROM public.pg_psql_cm), (SELECT count(*) FROM schema_two.pg_psql_cm)";
    (database.pg_dump_schema(), database.psql(rows).unwrap())
}

#[test]
fn a_change_and_its_entry_commit_together() {
    everywhere("submit", SEED, &BOTH, |database| {
        let change = "ALTER TABLE a_varchar ADD COLUMN a_timestamp timestamptz;";
        let ran = run(database, &["submit", "--schema", "schema_two", "--change", change]).exits(0);
        let expected =
            format!("{}.schema_two: done\n  + column schema_two.a_varchar.a_timestamp\n", database.name());
        assert_eq!(ran.out, expected);
        let rows = "SELECT id, entry_kind, content, number, (fingerprint_before = (SELECT fingerprint_after
            FROM schema_two.pg_psql_cm WHERE id = 1)), fingerprint_after <> fingerprint_before, evidence->'facts'->>'added'
            FROM schema_two.pg_psql_cm ORDER BY id OFFSET 1";
        assert_eq!(database.psql(rows).unwrap(), format!("2|change|{change}|3|t|t|1"));
        assert_eq!(database.psql("SELECT count(*) FROM public.pg_psql_cm").unwrap(), "1");
        // Twice is refused, and changes nothing.
        let before = all(database);
        run(database, &["submit", "-s", "schema_two", "-c", change])
            .exits(4)
            .says("recorded already")
            .says("--again");
        assert_eq!(all(database), before);
        run(database, &["submit", "-s", "schema_two", "--again", "-c", change]).exits(1).says("42701");
        assert_eq!(all(database), before);
    });
}

#[test]
fn differences_are_shown_in_short_and_told_whole_as_json() {
    everywhere("shown", SEED, &BOTH, |database| {
        let change =
            "ALTER TABLE t ALTER a TYPE bigint; CREATE TABLE u (b int PRIMARY KEY, c text DEFAULT 'x');
            DROP TABLE schema_two.a_varchar";
        let ran = submit(database, change).exits(0);
        let name = database.name();
        assert_eq!(
            ran.out,
            format!(
                "{name}.public: done\n  ~ column public.t.a: type: integer -> bigint\n  + table public.u\n\
                 {name}.schema_two: done (by a linked entry)\n  - table schema_two.a_varchar\n"
            )
        );
        let linked = "SELECT l.entry_kind, l.number = m.number, l.evidence->>'linked_to', l.evidence->>'digest' = m.digest
            FROM schema_two.pg_psql_cm l, public.pg_psql_cm m WHERE l.id = 2 AND m.id = 2";
        assert_eq!(database.psql(linked).unwrap(), "linked|t|public|t");
        let ran =
            run(database, &["--format", "json", "submit", "-c", "CREATE VIEW v AS SELECT b FROM u"]).exits(0);
        let report = ran.json();
        let target = &report["targets"][0];
        assert_eq!((&report["exit_code"], &target["outcome"]), (&0.into(), &"done".into()));
        assert_eq!(target["details"]["entries"][0]["id"], 3);
        let facts: Vec<&str> =
            target["facts"].as_array().unwrap().iter().map(|fact| fact["id"].as_str().unwrap()).collect();
        assert!(facts.contains(&"view public.v") && facts.len() > 2, "{facts:?}");
    });
}

#[test]
fn what_is_said_is_what_happened() {
    everywhere("said", SEED, &BOTH, |database| {
        let name = database.name();
        let role = psqlcm_testkit::unique("said_role");
        let made = submit(database, &format!("CREATE ROLE {role}"));
        database.psql(&format!("DROP ROLE {role}")).unwrap();
        let nothing = "it changed nothing that psql-cm captures of this database";
        assert_eq!(made.exits(0).out, format!("{name}.public: done (recorded as entry 2; {nothing})\n"));
        let ran = submit(database, "CREATE EXTENSION pg_trgm SCHEMA pg_catalog").exits(0);
        let own = "what belongs to no schema, by the entry of the change";
        let expected = format!(
            "{name}.public: done (recorded as entry 3; it changed nothing in this schema)\n{name}: done ({own})\n"
        );
        assert!(ran.out.starts_with(&expected), "{}", ran.out);
        assert_eq!(database.psql("SELECT count(*) FROM pg_psql_cm").unwrap(), "3");
        let ran = run(database, &["submit", "-s", "schema_two", "-c", "DROP EXTENSION pg_trgm"]).exits(0);
        let ran = ran.says("what belongs to no schema, by a linked entry in the ledger of public");
        assert!(ran.out.contains("- extension pg_trgm"), "{}", ran.out);
        let ran = submit(database, "VACUUM t; CREATE INDEX CONCURRENTLY t_a ON t (a)").exits(0);
        let first = format!("{name}.public: done (part 1 of 2, recorded as entry 6; {nothing})\n");
        let second = format!("{name}.public: done (part 2 of 2)\n  + index public.t.t_a\n");
        assert_eq!(ran.out, first + &second);
    });
}

#[test]
fn many_changes_in_one_run_are_recorded_as_if_each_ran_alone() {
    everywhere("many", SEED, &BOTH, |database| {
        let changes = [
            "CREATE TABLE m1 (a int)",
            "CREATE TEMPORARY TABLE x (a int); INSERT INTO m1 VALUES (1)",
            "CREATE SCHEMA made; CREATE TABLE made.m (a int)",
            "DROP TABLE m1; CREATE TABLE m1 (b text)",
            "ALTER SCHEMA made RENAME TO made_2",
            "COMMENT ON TABLE m1 IS 'x'; CREATE INDEX CONCURRENTLY m1_b ON m1 (b); ALTER TABLE m1 ADD c int",
            "DROP SCHEMA made_2 CASCADE",
            "ALTER TABLE schema_two.a_varchar ADD b int",
        ];
        let arguments: Vec<&str> = changes.iter().flat_map(|change| ["-c", change]).collect();
        let ran = run(database, &[&["submit"], &arguments[..]].concat()).exits(0);
        assert!(ran.out.contains("- table public.m1\n") || ran.out.contains("public.m1.b"), "{}", ran.out);
        run(database, &["status"]).exits(0);
        // Each entry begins where the one before ended.
        let gaps = "SELECT count(*) FROM (SELECT fingerprint_before AS before, lag(fingerprint_after) OVER (ORDER BY id) AS after
            FROM public.pg_psql_cm WHERE fingerprint_after IS NOT NULL) l WHERE before <> after";
        assert_eq!(database.psql(gaps).unwrap(), "0");
    });
}

#[test]
fn what_is_refused_changes_nothing() {
    everywhere("refused", SEED, &BOTH, |database| {
        let before = all(database);
        let check = |change: &str, code: i32, words: &[&str]| {
            let ran = submit(database, change).exits(code);
            words.iter().fold(ran, |ran, words| ran.says(words));
            assert_eq!(all(database), before, "{change}");
        };
        check("CREATE TABLE a (a int);\nCOMMIT; SELECT 1/0", 4, &["COMMIT is refused", "--change:2:1", "^"]);
        check(
            "CREATE TABLE a (a int); \\connect postgres",
            4,
            &["\\connect is a command of psql", "--change:1:25"],
        );
        check("SELECT 1 \\gexec", 4, &["\\gexec is a psql command inside a statement"]);
        check("COPY t FROM stdin;\n1\n\\.\n", 4, &["COPY FROM stdin is refused"]);
        check("COPY t FROM stdin", 4, &["COPY FROM stdin is refused"]);
        check("COPY t FROM stdin; SELECT 1", 4, &["COPY FROM stdin is refused"]);
        for sql in [
            "UPDATE pg_psql_cm SET content = 'x'",
            "DELETE FROM schema_two.pg_psql_cm",
            "TRUNCATE pg_psql_cm",
            "DO $$ BEGIN UPDATE pg_psql_cm SET content = 'x'; END $$",
        ] {
            check(sql, 4, &["is refused: the ledger is append-only", "23001"]);
        }
        check("-- nothing but words", 2, &["the change is empty"]);
        check("  ", 2, &["the change is empty"]);
        check("chnages.sql", 2, &["no file or folder \"chnages.sql\""]);
        check("SELECT 'open", 1, &["the string opened here is not closed", "--change:1:8"]);
        check(
            "DO $$ BEGIN CREATE TABLE b (); COMMIT; END $$",
            1,
            &["invalid transaction termination", "2D000"],
        );
        check("ALTER TABLE pg_psql_cm ADD COLUMN x int", 4, &["touches a ledger", "alters"]);
        check("DROP TABLE schema_two.pg_psql_cm", 4, &["touches a ledger: it drops"]);
        check(
            "ALTER TABLE pg_psql_cm DISABLE TRIGGER USER; DELETE FROM pg_psql_cm; ALTER TABLE pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only",
            4,
            &["touches a ledger"],
        );
        check(
            "INSERT INTO schema_two.pg_psql_cm (is_base, implementer, content) VALUES (false, 'x', 'y')",
            4,
            &["touches a ledger"],
        );
        check(
            "CREATE SCHEMA made; CREATE TABLE made.pg_psql_cm AS TABLE pg_psql_cm",
            1,
            &["is taken by something that is not a ledger"],
        );
        let ran = run(database, &["submit", "-s", "nowhere", "-c", "SELECT 1"]).exits(1);
        ran.says("nowhere");
        run(database, &["submit", "-m", "public,schema_two", "-c", "VACUUM t"])
            .exits(4)
            .says("VACUUM cannot run in a transaction");
        assert_eq!(all(database), before);
    });
}

#[test]
fn an_error_names_file_line_and_column() {
    everywhere("error", SEED, &BOTH, |database| {
        let before = all(database);
        let folder = folder("submit_error");
        std::fs::write(
            folder.join("up.sql"),
            "CREATE TABLE ok (a int);\n\n  ALTER TABLE missing\n    ADD b int;\n",
        )
        .unwrap();
        let path = folder.join("up.sql");
        let ran = run(database, &["submit", "-c", path.to_str().unwrap()]).exits(1);
        assert!(ran.err.contains("up.sql:3:3") || ran.err.contains("up.sql:3:15"), "{}", ran.err);
        let ran = ran
            .says("(SQLSTATE 42P01)")
            .says("relation \"missing\" does not exist")
            .says("3 |   ALTER TABLE missing");
        assert!(ran.err.contains('^'), "{}", ran.err);
        let json = run(database, &["--format", "json", "submit", "-c", "SELECT 1;\nSELECT ünï, nope FROM t"])
            .exits(1)
            .json();
        let error = &json["errors"][0];
        assert_eq!(
            (&error["line"], &error["column"], &error["sqlstate"]),
            (&2.into(), &8.into(), &"42703".into())
        );
        assert_eq!(error["target"], format!("{}.public", database.name()));
        // What is left to the end fails before COMMIT.
        database.psql("CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE c (a int REFERENCES p DEFERRABLE INITIALLY DEFERRED)").unwrap();
        submit(database, "INSERT INTO c VALUES (1)").exits(1).says("deferred").says("23503");
        assert_eq!(all(database).1, before.1);
    });
}

#[test]
fn a_comment_at_the_end_swallows_nothing() {
    everywhere("comment", SEED, &BOTH, |database| {
        submit(database, "ALTER TABLE t ADD b int -- and so on").exits(0).says("+ column public.t.b");
        assert_eq!(entries(database, "public"), "change|ALTER TABLE t ADD b int -- and so on");
    });
}

#[test]
fn settings_of_a_change_do_not_outlive_it() {
    everywhere("settings", SEED, &BOTH, |database| {
        let role = psqlcm_testkit::unique("submit_role");
        database.psql(&format!("CREATE ROLE {role}; GRANT CREATE ON SCHEMA public TO {role}")).unwrap();
        let change = format!(
            "SET ROLE {role}; SET search_path = schema_two; SET statement_timeout = '10min'; SET session_replication_role = origin;
             SET DateStyle = 'German'; CREATE TEMPORARY TABLE x (a int); PREPARE p AS SELECT 1; SET lock_timeout = '10min';
             CREATE TABLE public.by_role (a int)"
        );
        let folder = folder("submit_settings");
        std::fs::write(folder.join("1.sql"), change.replace("SET session_replication_role = origin;", ""))
            .unwrap();
        std::fs::write(
            folder.join("2.sql"),
            "CREATE TEMPORARY TABLE x (a int); PREPARE p AS SELECT 1; CREATE TABLE plain (a int);
            DO $$ BEGIN IF current_setting('statement_timeout') <> '0' OR current_user <> session_user THEN
              RAISE 'left over'; END IF; END $$",
        )
        .unwrap();
        let ran = run(database, &["submit", "-c", folder.to_str().unwrap()]);
        let owners = "SELECT c.relname, r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = relowner
            WHERE relname IN ('by_role', 'plain') ORDER BY 1";
        let found = database.psql(owners).unwrap();
        let acting = database.psql("SELECT DISTINCT acting_role FROM public.pg_psql_cm").unwrap();
        database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
        ran.exits(0);
        assert_eq!(found, format!("by_role|{role}\nplain|postgres"));
        assert_eq!(acting, "postgres");
    });
}

#[test]
fn a_folder_is_run_in_natural_order_with_an_entry_each() {
    everywhere("folder", SEED, &BOTH, |database| {
        let folder = folder("submit_folder");
        for (name, sql) in [
            ("10-c.sql", "ALTER TABLE f ADD c int"),
            ("2-b.sql", "ALTER TABLE f ADD b int"),
            ("1-a.sql", "CREATE TABLE f (a int)"),
        ] {
            std::fs::write(folder.join(name), sql).unwrap();
        }
        let path = folder.to_str().unwrap();
        run(database, &["submit", "-c", path, "--dry-run"]).exits(0).says("+ column public.f.c");
        assert_eq!(entries(database, "public"), "");
        run(
            database,
            &[
                "submit",
                "-c",
                path,
                "--reason",
                "ticket 4711",
                "--revert",
                "DROP TABLE f",
                "--implementer",
                "Ada",
            ],
        )
        .exits(0);
        let rows = "SELECT content, number, implementer, revert_sql, evidence->>'reason' FROM public.pg_psql_cm WHERE NOT is_base ORDER BY id";
        assert_eq!(
            database.psql(rows).unwrap(),
            "CREATE TABLE f (a int)|3|Ada|DROP TABLE f|ticket 4711\n\
             ALTER TABLE f ADD b int|4|Ada|DROP TABLE f|ticket 4711\n\
             ALTER TABLE f ADD c int|5|Ada|DROP TABLE f|ticket 4711"
        );
        // One that fails leaves those before it, and says so.
        let ran = run(
            database,
            &["submit", "-c", "CREATE TABLE g (a int)", "-c", "SELECT 1/0", "-c", "CREATE TABLE h ()"],
        );
        ran.exits(6).says("done and recorded before: --change in").says("22012");
        assert_eq!(database.psql("SELECT to_regclass('g'), to_regclass('h')").unwrap(), "g|");
    });
}

#[test]
fn several_databases_change_together_or_not_at_all() {
    for server in servers() {
        let databases = [server.database("both_a"), server.database("both_b")];
        for database in &databases {
            database.psql(SEED).unwrap();
            setup(database, &BOTH);
        }
        databases[1].psql("CREATE TABLE in_the_way (a int)").unwrap();
        let both = |change: &str| {
            let all = [&databases[0], &databases[1]];
            Ran::of(
                &command(&server, &all, &std::env::temp_dir())
                    .args(["submit", "-m", "public,schema_two", "-c", change])
                    .output()
                    .unwrap(),
            )
        };
        let before = databases.each_ref().map(all);
        both("CREATE TABLE in_the_way (a int)")
            .exits(1)
            .says(&format!("{}.public", databases[1].name()))
            .says("42P07");
        assert_eq!(databases.each_ref().map(all), before);
        both("CREATE TABLE everywhere (a int)").exits(0);
        for database in &databases {
            assert_eq!(
                database.psql("SELECT count(*) FROM pg_tables WHERE tablename = 'everywhere'").unwrap(),
                "2"
            );
            let numbers = "SELECT string_agg(number::text, ',' ORDER BY number) FROM (SELECT number FROM public.pg_psql_cm
                UNION ALL SELECT number FROM schema_two.pg_psql_cm) n";
            assert_eq!(database.psql(numbers).unwrap(), "1,2,3,4");
        }
    }
}

#[test]
fn other_schemas_are_linked_set_up_or_refused() {
    everywhere("outside", &format!("{SEED}; CREATE SCHEMA wild"), &BOTH, |database| {
        let before = all(database);
        let wild = "CREATE TABLE wild.w (a int); CREATE TABLE t2 (a int)";
        submit(database, wild)
            .exits(4)
            .says("not under control")
            .says("+ table wild.w")
            .says("--allow-outside");
        assert_eq!(all(database), before);
        run(database, &["submit", "-c", wild, "--allow-outside"])
            .exits(0)
            .says("wild: done (not under control)");
        // What belongs to no schema is recorded in the home ledger, public's.
        run(database, &["submit", "-s", "schema_two", "-c", "CREATE EXTENSION pg_trgm SCHEMA schema_two"])
            .exits(0)
            .says("+ extension pg_trgm");
        let linked = "SELECT entry_kind, evidence->>'linked_to', evidence->'facts_of_no_schema'->>'added' > '0' FROM public.pg_psql_cm ORDER BY id DESC LIMIT 1";
        assert_eq!(database.psql(linked).unwrap(), "linked|schema_two|t");
        // A new schema comes under control.
        submit(database, "CREATE SCHEMA made; CREATE TABLE made.m (a int)")
            .exits(0)
            .says("made: done (new, and under control now)")
            .says("+ table made.m");
        let base = "SELECT is_base, entry_kind, fingerprint_after IS NOT NULL FROM made.pg_psql_cm";
        assert_eq!(database.psql(base).unwrap(), "t|base|t");
        run(database, &["submit", "-s", "made", "-c", "ALTER TABLE m ADD b int"])
            .exits(0)
            .says("+ column made.m.b");
        // A role that is named for the first time is no change of its own.
        let role = psqlcm_testkit::unique("named_role");
        database.psql(&format!("CREATE ROLE {role}")).unwrap();
        let ran = submit(database, &format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"));
        database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
        let ran = ran.exits(0).says("alters the ledger too");
        assert!(!ran.out.contains(&format!("role {role}\n")), "{}", ran.out);
    });
}

#[test]
fn the_ledger_of_a_schema_that_goes_or_is_renamed_is_kept() {
    everywhere("gone", SEED, &BOTH, |database| {
        run(database, &["submit", "-s", "schema_two", "-c", "CREATE TABLE x (a int)"]).exits(0);
        run(database, &["submit", "-s", "schema_two", "-c", "ALTER SCHEMA schema_two RENAME TO schema_2"])
            .exits(0);
        assert_eq!(database.psql("SELECT entry_kind FROM public.pg_psql_cm WHERE id = 2").unwrap(), "copied");
        let kinds = "SELECT string_agg(entry_kind, ',' ORDER BY id) FROM schema_2.pg_psql_cm";
        assert_eq!(database.psql(kinds).unwrap(), "base,change,change");
        run(database, &["submit", "-s", "schema_2", "-c", "CREATE TABLE y (a int)"]).exits(0);
        submit(database, "DROP SCHEMA schema_2 CASCADE").exits(0).says("gone, its ledger is copied");
        let copy = "SELECT content LIKE '%CREATE TABLE y%', evidence->>'copy_of' FROM public.pg_psql_cm WHERE entry_kind = 'copied' ORDER BY id DESC LIMIT 1";
        assert_eq!(database.psql(copy).unwrap(), "t|schema_2");
        let numbers =
            "SELECT count(DISTINCT number) = max(number) - 2, max(number) > 6 FROM public.pg_psql_cm";
        assert!(database.psql(numbers).unwrap().ends_with("|t"));
        submit(database, "DROP SCHEMA public CASCADE").exits(4).says("the last ledger");
    });
}

#[test]
fn a_dry_run_shows_facts_and_locks_and_does_nothing() {
    everywhere("dry", &format!("{SEED}; CREATE INDEX t_a ON t (a)"), &BOTH, |database| {
        let before = all(database);
        let ran = run(
            database,
            &[
                "submit",
                "--dry-run",
                "-c",
                "ALTER TABLE t ADD b int; SELECT * FROM schema_two.a_varchar; CREATE TABLE n (a int)",
            ],
        );
        let ran = ran.exits(0).says("public: planned").says("+ column public.t.b").says("rolled back");
        let locks: Vec<&str> =
            ran.out.lines().filter_map(|line| line.split_once(": lock ").map(|(_, lock)| lock)).collect();
        assert_eq!(
            locks,
            ["ACCESS EXCLUSIVE on table public.t", "ACCESS SHARE on table schema_two.a_varchar"]
        );
        let ran = run(
            database,
            &[
                "submit",
                "--dry-run",
                "-c",
                "ALTER TABLE t ADD b int;\nCREATE INDEX CONCURRENTLY i ON t (b);\nDROP TABLE t",
            ],
        );
        ran.exits(0)
            .says("+ column public.t.b")
            .says("not rehearsed: line 2: CREATE INDEX CONCURRENTLY i ON t (b)")
            .says("not rehearsed: line 3: DROP TABLE t");
        assert_eq!(all(database), before);
    });
}

#[test]
fn statements_that_need_no_transaction_are_announced_and_concluded() {
    everywhere("alone", SEED, &BOTH, |database| {
        let change = "ALTER TABLE t ADD b int;\nCREATE INDEX CONCURRENTLY t_b ON t (b); -- slow\nCOMMENT ON INDEX t_b IS 'x'";
        submit(database, change).exits(0).says("+ index public.t.t_b");
        let rows = "SELECT entry_kind, evidence->>'part', evidence->>'outcome', content FROM public.pg_psql_cm WHERE NOT is_base ORDER BY id";
        assert_eq!(
            database.psql(rows).unwrap(),
            "change|1||ALTER TABLE t ADD b int;\nbefore|2||\nCREATE INDEX CONCURRENTLY t_b ON t (b);\nafter|2|done|\nCREATE INDEX CONCURRENTLY t_b ON t (b);\nchange|3|| -- slow\nCOMMENT ON INDEX t_b IS 'x'"
        );
        submit(database, change).exits(4).says("recorded already");
        run(database, &["submit", "-c", "VACUUM t"]).exits(0);
    });
}

#[test]
fn an_invalid_index_is_dropped_and_reported_and_the_change_goes_on_later() {
    everywhere("invalid", SEED, &BOTH, |database| {
        database.psql("INSERT INTO t VALUES (1), (1)").unwrap();
        let change = "CREATE TABLE first (a int); CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a); CREATE TABLE last (a int)";
        let ran =
            submit(database, change).exits(6).says("23505").says("dropped the invalid index public.t_a");
        ran.says("submit the same change again");
        let standing = "SELECT to_regclass('first'), to_regclass('t_a'), to_regclass('last')";
        assert_eq!(database.psql(standing).unwrap(), "first||");
        database.psql("DELETE FROM t").unwrap();
        submit(database, change).exits(0).says("part 1 of 3 was done by an earlier run");
        assert_eq!(database.psql(standing).unwrap(), "first|t_a|last");
        // By itself it leaves nothing but its entries.
        database.psql("INSERT INTO schema_two.a_varchar VALUES (1), (1)").unwrap();
        let alone = "CREATE UNIQUE INDEX CONCURRENTLY ON schema_two.a_varchar (a)";
        let dump = database.pg_dump_schema();
        submit(database, alone).exits(1).says("23505").says("dropped the invalid index");
        assert_eq!(database.pg_dump_schema(), dump);
        database.psql("CREATE UNIQUE INDEX CONCURRENTLY here ON schema_two.a_varchar (a)").unwrap_err();
        submit(database, "CREATE INDEX CONCURRENTLY here ON schema_two.a_varchar (a)")
            .exits(4)
            .says("invalid index schema_two.here is there already");
    });
}

#[test]
fn a_run_that_was_killed_within_a_statement_is_gone_on_from() {
    everywhere("killed", SEED, &BOTH, |database| {
        let change = "CREATE INDEX CONCURRENTLY t_a ON t (a); CREATE TABLE last (a int)";
        // A transaction that has written to the table holds the build up.
        let mut other = session(database);
        other.run("BEGIN; INSERT INTO public.t VALUES (1)").unwrap();
        let mut child = command(database.server(), &[database], &std::env::temp_dir())
            .args(["submit", "-c", change])
            .spawn()
            .unwrap();
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' AND wait_event_type = 'Lock'";
        while database.psql(waits).unwrap() == "0" {
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Before version 14 the server does not notice that we are gone.
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'psql-cm%' AND datname = current_database()";
        other.run("COMMIT").unwrap();
        while database.psql(end).unwrap() != "0" {
            thread::yield_now();
        }
        drop(other);
        submit(database, change)
            .exits(0)
            .says("an earlier run stopped in line 1: CREATE INDEX CONCURRENTLY t_a ON t (a)");
        assert_eq!(
            database
                .psql(
                    "SELECT indisvalid, to_regclass('last') FROM pg_index WHERE indexrelid = 't_a'::regclass"
                )
                .unwrap(),
            "t|last"
        );
    });
}

#[test]
fn a_run_waits_for_what_the_server_still_does_for_a_killed_one() {
    everywhere("orphan", SEED, &BOTH, |database| {
        let change = "CREATE INDEX CONCURRENTLY t_a ON t (a)";
        let mut other = session(database);
        other.run("BEGIN; INSERT INTO public.t VALUES (1)").unwrap();
        let start = || {
            let mut command = command(database.server(), &[database], &std::env::temp_dir());
            command.args(["submit", "-c", change]).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut killed = start();
        let builds = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' AND wait_event_type = 'Lock'";
        while database.psql(builds).unwrap() == "0" {
            thread::yield_now();
        }
        killed.kill().unwrap();
        killed.wait().unwrap();

        let mut next = start();
        let mut said = BufReader::new(next.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("waiting for another run to end: process"), "{line}");
        other.run("COMMIT").unwrap();
        said.read_to_string(&mut line).unwrap();
        let ended = next.wait().unwrap();
        assert!(ended.success(), "{ended}: {line}");
        assert!(line.contains("an earlier run stopped in line 1"), "{line}");
        let entries = "SELECT string_agg(entry_kind || ' ' || coalesce(evidence->>'outcome', ''), ', ' ORDER BY id) FROM pg_psql_cm WHERE entry_kind IN ('before', 'after')";
        assert_eq!(database.psql(entries).unwrap(), "before , before , after found done");
    });
}

#[test]
fn locks_are_waited_for_and_given_up() {
    everywhere("locks", SEED, &BOTH, |database| {
        let before = all(database);
        let mut other = session(database);
        other.run("BEGIN; LOCK TABLE public.t").unwrap();
        let ran = run(
            database,
            &["submit", "-c", "ALTER TABLE t ADD b int", "--lock-timeout", "50ms", "--retries", "2"],
        );
        let ran = ran.exits(5).says("55P03");
        assert_eq!(ran.err.matches("trying again").count(), 2, "{}", ran.err);
        other.run("ROLLBACK").unwrap();
        assert_eq!(all(database), before);
        other.run("SELECT pg_advisory_lock(1886613868, 761490720)").unwrap();
        let ran = run(database, &["submit", "-c", "ALTER TABLE t ADD b int", "--lock-wait", "200ms"]);
        ran.exits(5).says("another run holds the submit lock");
        assert_eq!(all(database), before);
    });
}

#[test]
fn concurrent_submits_wait_for_each_other() {
    everywhere("together", SEED, &BOTH, |database| {
        let runs: Vec<_> = (0..5)
            .map(|number| {
                let change = format!("ALTER TABLE t ADD c{number} int");
                command(database.server(), &[database], &std::env::temp_dir())
                    .args(["submit", "-c", &change])
                    .spawn()
                    .unwrap()
            })
            .collect();
        for mut run in runs {
            assert!(run.wait().unwrap().success());
        }
        assert_eq!(
            database.psql("SELECT count(*), max(id), max(number) FROM public.pg_psql_cm").unwrap(),
            "6|6|7"
        );
    });
}

#[test]
fn an_interrupt_rolls_everything_back() {
    everywhere("interrupt", SEED, &BOTH, |database| {
        let before = all(database);
        let mut child = command(database.server(), &[database], &std::env::temp_dir())
            .args(["submit", "-c", "CREATE TABLE i (a int); SELECT pg_sleep(600)"])
            .spawn()
            .unwrap();
        while database.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()").unwrap() == "0" {
            thread::yield_now();
        }
        let pid = child.id().to_string();
        std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(all(database), before);
    });
}

#[test]
fn a_schema_that_is_not_under_control_is_named() {
    for server in servers() {
        let database = server.database("unmanaged");
        run(&database, &["submit", "-c", "SELECT 1"])
            .exits(1)
            .says("not under control")
            .says("psql-cm setup");
    }
}

#[test]
fn what_another_session_did_meanwhile_is_not_taken_for_the_change() {
    everywhere("meanwhile", SEED, &BOTH, |database| {
        let mut other = session(database);
        other.run("SELECT pg_advisory_lock(4711)").unwrap();
        let change = "CREATE TABLE mine (a int); SELECT pg_advisory_xact_lock(4711)";
        let child = command(database.server(), &[database], &std::env::temp_dir())
            .args(["submit", "-c", change])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while database.psql(waits).unwrap() == "0" {
            thread::yield_now();
        }
        database.psql("ALTER TABLE t ADD by_other int; TRUNCATE schema_two.a_varchar").unwrap();
        other.run("SELECT pg_advisory_unlock(4711)").unwrap();
        let ran = Ran::of(&child.wait_with_output().unwrap()).exits(1);
        ran.says("another session altered what the change altered, while it ran: table public.t");
        assert_eq!(database.psql("SELECT to_regclass('mine')").unwrap(), "");
        submit(database, change).exits(0).says("+ table public.mine");
    });
}

#[test]
fn a_file_is_recorded_byte_for_byte() {
    everywhere("bytes", SEED, &BOTH, |database| {
        let file = folder("submit_bytes").join("ünï 1.sql");
        let text = "\u{feff}-- ünï\r\nALTER TABLE t\r\n\tADD \"ü\" text DEFAULT '$$\\x';\r\n\u{1}-- end";
        std::fs::write(&file, text.replace('\u{1}', "")).unwrap();
        run(database, &["submit", "-c", file.to_str().unwrap()]).exits(0).says("+ column public.t.\"ü\"");
        let sql = "SELECT content, digest = encode(sha256(convert_to(content, 'UTF8')), 'hex'), evidence->>'source' FROM pg_psql_cm WHERE id = 2";
        let expected = format!("{}|t|{}", text.replace('\u{1}', ""), file.display());
        assert_eq!(database.psql(sql).unwrap(), expected);
    });
}

#[test]
fn an_ordinary_role_that_owns_a_schema_can_do_all_of_it() {
    for server in servers() {
        let database = server.database("ordinary");
        let role = psqlcm_testkit::unique("ordinary_role");
        database
            .psql(&format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA \"My Schema\" AUTHORIZATION {role}; CREATE SCHEMA closed"))
            .unwrap();
        // Once as a role taken on, once as the login.
        let as_role = |login: bool, arguments: &[&str]| {
            let mut command = command(&server, &[&database], &std::env::temp_dir());
            if login {
                command = std::process::Command::new(env!("CARGO_BIN_EXE_psql-cm"));
                let uri = server.uri("postgres").replace("postgres@", &format!("{role}@"));
                command.args(["--uri", &uri, "--database", database.name()]);
            } else {
                command.args(["--role", &role]);
            }
            Ran::of(&command.args(["-s", "My Schema"]).args(arguments).output().unwrap())
        };
        for login in [false, true] {
            let change = format!(
                "CREATE TABLE t{login} (a int); CREATE INDEX CONCURRENTLY i{login} ON t{login} (a); ALTER TABLE t{login} ADD b int"
            );
            as_role(login, &["setup"]).exits(0);
            as_role(login, &["submit", "-c", &change])
                .exits(0)
                .says(&format!("+ column \"My Schema\".t{login}.b"));
            as_role(login, &["submit", "-c", "CREATE TABLE closed.x (a int)"]).exits(1).says("42501");
            as_role(login, &["submit", "--dry-run", "-c", "CREATE TABLE x (a int)"]).exits(0);
            as_role(login, &["status"]).exits(0);
            as_role(login, &["verify"]).exits(0);
            as_role(login, &["log"]).exits(0).says("after by");
        }
        let acting =
            database.psql("SELECT DISTINCT login_role, acting_role FROM \"My Schema\".pg_psql_cm ORDER BY 1");
        let dropped = database.psql(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
        assert_eq!(acting.unwrap(), format!("{role}|{role}\npostgres|{role}"));
        dropped.unwrap();
    }
}

#[test]
fn event_triggers_of_the_user_fire_as_ever() {
    everywhere("events", SEED, &BOTH, |database| {
        database
            .psql(
                "CREATE TABLE seen (tag text);
                 CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.seen VALUES (tg_tag); END';
                 CREATE EVENT TRIGGER see ON ddl_command_end EXECUTE FUNCTION see()",
            )
            .unwrap();
        submit(database, "ALTER TABLE t ADD b int").exits(0);
        let seen = database.psql("SELECT string_agg(tag, ',') FROM seen").unwrap();
        assert_eq!(seen, "ALTER TABLE");
    });
}
