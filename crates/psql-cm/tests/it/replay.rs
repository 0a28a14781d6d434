//! `verify --replay` on real servers: ledgers lead to what is there, or the entry is named from which both part.

use psqlcm_testkit::{server, servers, unique};
use serde_json::Value;

use crate::case::Case;
use crate::tool::{Ran, Tool, no_scratch_stays};

const SEED: &str = "
    CREATE SCHEMA app; CREATE SCHEMA log; CREATE SCHEMA outside;
    CREATE FOREIGN DATA WRAPPER w;
    CREATE TYPE outside.kind AS ENUM ('a', 'b');
    CREATE TABLE app.t (id int PRIMARY KEY, k outside.kind);
    CREATE TABLE log.l (a int);
    CREATE VIEW app.v AS SELECT a FROM log.l";

impl Case {
    fn log_and_app(check: impl Fn(&Self)) {
        Self::made_by(SEED, &["-m", "app,log", "setup"], check);
    }

    fn submit(&self, schema: &str, change: &str) {
        self.ok(&["-s", schema, "submit", "-c", change]);
    }

    fn is_good(&self) {
        let said = self.ok(&["verify", "--replay"]);
        assert!(said.contains(&format!("{}: good (", self.name())), "{said}");
        assert!(said.contains("entries done again lead to what is there"), "{said}");
    }

    /// Both part, and standard output says that.
    fn parts(&self, says: &[&str]) {
        let ran = self.tool.fails(&self.words(&["verify", "--replay"]), 3, &["submit --adopt"]);
        for part in says {
            assert!(ran.stdout.contains(part), "{part:?} is not in\n{}", ran.stdout);
        }
    }
}

#[test]
fn all_that_ledgers_hold_leads_to_what_is_there() {
    Case::log_and_app(|case| {
        case.is_good();
        case.submit("app", "CREATE TABLE u (a int); INSERT INTO u VALUES (2); ALTER TABLE log.l ADD b text");
        case.submit("log", "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'");
        case.submit("app", "CREATE INDEX CONCURRENTLY u_a ON u (a)");
        // What belongs to no schema is there already, or is gone, as the live database has it.
        case.submit("app", "CREATE PUBLICATION of_u FOR TABLE u WITH (publish = 'insert'); CREATE CAST (u AS text) WITH INOUT; CREATE SERVER s FOREIGN DATA WRAPPER w");
        case.submit("app", "COMMENT ON PUBLICATION of_u IS 'u'; ALTER PUBLICATION of_u ADD TABLE t; DROP SERVER s; DROP FOREIGN DATA WRAPPER w; ALTER TABLE u ADD e int");
        // Fails after its first part, and goes on later.
        case.psql("INSERT INTO app.u VALUES (1), (1)");
        let held = "ALTER TABLE u ADD c int; CREATE UNIQUE INDEX CONCURRENTLY u_once ON u (a); ALTER TABLE u ADD d int";
        case.tool.fails(&case.words(&["-s", "app", "submit", "-c", held]), 6, &[]);
        case.submit("log", "CREATE TABLE meanwhile (a int)");
        case.is_good();
        case.psql("DELETE FROM app.u WHERE a = 1");
        case.submit("app", held);
        // Adopted, set up later, made by a change, renamed, in both at once, gone.
        case.psql("ALTER TABLE app.u ADD by_hand int DEFAULT 7");
        case.ok(&["-m", "app,log", "submit", "--adopt"]);
        case.submit("app", "ALTER TABLE u DROP by_hand");
        case.psql("CREATE SCHEMA late; CREATE VIEW late.w AS SELECT c FROM app.u");
        case.ok(&["-s", "late", "setup"]);
        case.submit("app", "CREATE SCHEMA made CREATE TABLE made.m (a int)");
        case.ok(&["-m", "app,made,late", "submit", "-c", "CREATE TABLE in_all (a int)"]);
        case.submit("made", "ALTER SCHEMA made RENAME TO renamed");
        case.submit("renamed", "ALTER TABLE m ADD b int");
        case.submit("app", "DROP VIEW v; DROP SCHEMA log CASCADE");
        case.is_good();
        // As it stands in the tree, too.
        case.ok(&["dump"]);
        case.tool.server.drop_database(case.name());
        case.ok(&["restore"]);
        case.is_good();
        let ran = case.tool.run(&case.words(&["verify", "--replay"]));
        assert!(
            ran.stderr.contains("DROP FOREIGN DATA WRAPPER w: foreign-data wrapper \"w\" does not exist"),
            "{}",
            ran.stderr
        );
        case.submit("app", "ALTER TABLE u ADD after_restore int");
        case.is_good();
        let said = case.ok(&["verify"]);
        assert!(!said.contains("done again"), "{said}");
    });
}

#[test]
fn what_was_done_since_the_last_entry_is_shown_as_diff_shows_it() {
    Case::log_and_app(|case| {
        case.submit("app", "ALTER TABLE t ADD recorded int");
        case.psql("ALTER TABLE app.t ADD by_hand int; DROP VIEW app.v");
        let name = case.name();
        let head = format!("--- ledger:{name}\n+++ db:{name}\n{name}: different (-1 ~1)\n");
        case.parts(&[
            &format!("{name}: different (they part after the last entries: something was done past psql-cm since entry 2 of app (change --change, "),
            &head,
            "+ column app.t.by_hand: type integer",
            "- view app.v",
        ]);
        let ran = case.tool.run(&case.words(&["verify", "--replay", "--format", "json"]));
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let schema: Value =
            serde_json::from_str(include_str!("../../../../docs/report.schema.json")).unwrap();
        let faults = psqlcm_testkit::faults(&schema, &report);
        assert!(faults.is_empty(), "{faults:?}");
        let target =
            report["targets"].as_array().unwrap().iter().find(|target| target["target"] == name).unwrap();
        let parting = &target["details"]["replay"]["parting"];
        assert_eq!(
            (&parting["where"], &parting["entries"][0]["entry"]),
            (&"since".into(), &2.into()),
            "{report}"
        );
        assert_eq!(
            (&report["exit_code"], target["facts"].as_array().unwrap().len()),
            (&3.into(), 2),
            "{report}"
        );
        // Only what is asked for is compared.
        case.ok(&["-s", "log", "verify", "--replay"]);
        case.ok(&["-m", "app,log", "submit", "--adopt"]);
        case.is_good();
    });
}

#[test]
fn the_entry_that_found_what_nobody_recorded_is_named() {
    Case::log_and_app(|case| {
        case.submit("app", "ALTER TABLE t ADD a int");
        case.psql("ALTER TABLE app.t ADD by_hand int");
        case.submit("app", "ALTER TABLE t ADD b int");
        case.submit("app", "ALTER TABLE t ADD c int");
        case.ok(&["-m", "app,log", "status"]);
        case.parts(&[
            "they part before entry 3 of app (change --change",
            "it found something else than entry 2 had left",
            "+ column app.t.by_hand",
        ]);
        case.ok(&["-m", "app,log", "submit", "--adopt"]);
        case.is_good();
    });
}

#[test]
fn the_entry_that_leads_elsewhere_is_named() {
    Case::log_and_app(|case| {
        case.submit("app", "ALTER TABLE t ADD a int");
        let elsewhere = "DO $$ BEGIN IF current_database() !~ ' scratch ' THEN CREATE TABLE only_here (a int); END IF; END $$";
        case.submit("log", elsewhere);
        case.submit("log", "CREATE TABLE more (a int)");
        case.parts(&[
            "they part at entry 2 of log (change --change",
            "done again it leads elsewhere",
            "+ table log.only_here",
        ]);
    });
}

#[test]
fn what_cannot_be_done_again_is_named() {
    Case::log_and_app(|case| {
        let role = unique("replay_role");
        case.submit(
            "app",
            &format!("CREATE ROLE {role}; GRANT SELECT ON t TO {role}; COMMENT ON ROLE {role} IS 'x'"),
        );
        let ran = case.tool.run(&case.words(&["verify", "--replay"]));
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let said = format!("not done again: entry 2 of app: line 1: CREATE ROLE {role}");
        assert!(ran.stderr.contains(&said), "{}", ran.stderr);
        // A change that needs what was done past psql-cm.
        case.psql("ALTER TABLE app.t ADD by_hand int");
        case.submit("app", "ALTER TABLE t ALTER by_hand SET NOT NULL");
        case.tool.fails(
            &case.words(&["verify", "--replay"]),
            1,
            &[
                "it cannot be built anew from its ledgers",
                "entry 3 of schema app",
                "column \"by_hand\"",
                "| ALTER TABLE t ALTER by_hand SET NOT NULL",
                "they part before entry 3 of app",
            ],
        );
        case.ok(&["verify"]);
        case.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    });
}

#[test]
fn a_statement_whose_end_is_not_known_is_named() {
    Case::log_and_app(|case| {
        case.submit("app", "CREATE INDEX CONCURRENTLY t_k ON t (k)");
        // As a crash within the statement leaves it.
        case.psql(
            "ALTER TABLE app.pg_psql_cm DISABLE TRIGGER USER; DELETE FROM app.pg_psql_cm WHERE entry_kind = 'after';
             ALTER TABLE app.pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only",
        );
        case.tool.fails(
            &case.words(&["verify", "--replay"]),
            3,
            &["not done again: entry 2 of app: its statement was begun, and its end is not known"],
        );
    });
}

#[test]
fn a_broken_chain_comes_first_and_scratch_may_be_elsewhere() {
    let all = servers();
    for server in &all {
        let role = unique("replay_owner");
        let database = server.database("replay_where");
        let (tool, name) = (Tool::new(server), database.name());
        database
            .psql(&format!("CREATE ROLE {role}; CREATE TABLE t (a int); ALTER TABLE t OWNER TO {role}"))
            .unwrap();
        tool.fails(&["-d", name, "verify", "--scratch-uri", "x"], 2, &["--replay"]);
        tool.ok(&["-d", name, "setup"]);
        tool.ok(&["-d", name, "submit", "-c", "ALTER TABLE t ADD b int"]);
        let uri = server.uri("postgres");
        tool.ok(&["-d", name, "verify", "--replay", "--scratch-uri", &uri]);
        if let Some(other) = all.iter().find(|other| other.major() > server.major()) {
            let uri = other.uri("postgres");
            let words = ["-d", name, "verify", "--replay", "--scratch-uri", &uri];
            tool.fails(
                &words,
                1,
                &["lacks the roles", &role, "without it they are made on a scratch cluster"],
            );
            other.psql("postgres", &format!("CREATE ROLE {role}")).unwrap();
            tool.ok(&words);
            database.psql("ALTER TABLE t ADD by_hand int").unwrap();
            tool.fails(&words, 3, &["submit --adopt"]);
            other.psql("postgres", &format!("DROP ROLE {role}")).unwrap();
        }
        all.iter().for_each(no_scratch_stays);
        database
            .psql(
                "ALTER TABLE pg_psql_cm DISABLE TRIGGER USER; UPDATE pg_psql_cm SET content = 'x' WHERE id = 2;
                 ALTER TABLE pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only",
            )
            .unwrap();
        let ran = tool.fails(&["-d", name, "verify", "--replay"], 1, &["entry 2 was edited"]);
        assert!(!ran.stdout.contains("part"), "{}", ran.stdout);
        database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
    }
}

#[test]
fn after_an_upgrade_entries_of_the_older_server_are_told_apart_too() {
    let all = servers();
    let (oldest, newest) = (all.first().unwrap(), all.last().unwrap());
    let name = unique("replay_upgrade");
    let tool = Tool::new(oldest);
    tool.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
    tool.psql(&name, SEED);
    tool.ok(&["-d", &name, "setup"]);
    let submit = |tool: &Tool, change: &str| tool.ok(&["-d", &name, "-s", "app", "submit", "-c", change]);
    submit(&tool, "ALTER TABLE t ADD a text NOT NULL DEFAULT 'a' || 'b'");
    tool.psql(&name, "ALTER TABLE app.t ADD by_hand int");
    submit(&tool, "ALTER TABLE t ADD b int");
    tool.ok(&["-d", &name, "dump"]);
    tool.server.drop_database(&name);
    let tool = tool.on(newest);
    tool.ok(&["-d", &name, "restore"]);
    submit(&tool, "ALTER TABLE t ADD c int");
    let ran = tool.fails(&["-d", &name, "verify", "--replay"], 3, &[]);
    assert!(ran.stdout.contains("they part before entry 3 of app"), "{}", ran.stdout);
    tool.ok(&["-d", &name, "submit", "--adopt"]);
    tool.ok(&["-d", &name, "verify", "--replay"]);
    tool.server.drop_database(&name);
}

#[test]
fn a_signal_leaves_nothing() {
    let server = server(15);
    let database = server.database("replay_signal");
    let (tool, name) = (Tool::new(&server), database.name());
    tool.ok(&["-d", name, "setup"]);
    let slow = "DO $$ BEGIN IF current_database() ~ ' scratch ' THEN PERFORM pg_catalog.pg_sleep(600); END IF; END $$";
    tool.ok(&["-d", name, "submit", "-c", slow]);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let uri = server.uri("postgres");
        let words = ["-d", name, "verify", "--replay", "--scratch-uri", &uri];
        let mine = "SELECT datname FROM pg_stat_activity WHERE datname ~ ' scratch ' AND query ~ '^DO .. BEGIN IF current_database'";
        tool.leaves_no_scratch(&words, mine, signal, code);
    }
}

#[test]
fn a_scratch_server_is_looked_at_only_where_it_is_used() {
    let database = server(15).database("replay");
    let tool = Tool::new(&server(15));
    tool.ok(&["-d", database.name(), "setup"]);
    let run = |words: &[&str]| {
        let mut command = tool.psql_cm(&[&["-d", database.name(), "verify"], words].concat());
        Ran::of(&command.env("PSQLCM_SCRATCH_URI", "postgres://[").output().unwrap())
    };
    let ran = run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = run(&["--replay"]);
    assert!(ran.code == 2 && ran.stderr.contains("PSQLCM_SCRATCH_URI"), "{}{}", ran.code, ran.stderr);
}
