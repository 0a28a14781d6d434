//! `verify` on real servers: each way of tampering is named for what it is.

use psqlcm_core::ledger::{Entry, Hash};
use psqlcm_engine::ledger::{Ledger, State};
use psqlcm_testkit::{servers, unique};

use crate::support::session_of;
use crate::tool::Tool;

/// A database with three entries in `app`, anchored; then somebody gets round the triggers.
struct Case {
    tool: Tool,
    name: String,
}

impl Case {
    fn everywhere(check: impl Fn(&Case)) {
        for server in servers() {
            let case = Case { tool: Tool::new(&server), name: unique("verify") };
            case.tool.psql("postgres", &format!("CREATE DATABASE {}", case.name));
            case.psql("CREATE SCHEMA app; CREATE TABLE app.t (a int)");
            case.tool.ok(&["-d", &case.name, "setup"]);
            case.submit("b");
            case.submit("c");
            case.tool.ok(&["-d", &case.name, "dump"]);
            case.tool.ok(&["-d", &case.name, "verify"]);
            check(&case);
            case.tool.server.drop_database(&case.name);
        }
    }

    fn psql(&self, sql: &str) -> String {
        self.tool.psql(&self.name, sql)
    }

    fn submit(&self, column: &str) {
        let change = format!("ALTER TABLE t ADD {column} int");
        self.tool.ok(&["-d", &self.name, "-s", "app", "submit", "-c", &change]);
    }

    fn tamper(&self, sql: &str) {
        self.psql(&format!(
            "ALTER TABLE app.pg_psql_cm DISABLE TRIGGER USER; {sql};
             ALTER TABLE app.pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only"
        ));
    }

    /// `verify` fails and says all of that.
    fn breaks(&self, says: &[&str]) {
        self.tool.fails(&["-d", &self.name, "verify"], 1, says);
    }
}

#[test]
fn an_edited_a_deleted_and_an_inserted_entry() {
    Case::everywhere(|case| {
        case.tamper("UPDATE app.pg_psql_cm SET content = 'x' WHERE id = 2");
        case.breaks(&["ledger of schema app: entry 2 was edited", "hint: compare the entry with"]);
    });
    Case::everywhere(|case| {
        case.tamper("DELETE FROM app.pg_psql_cm WHERE id = 2");
        case.breaks(&["entry 2 was deleted"]);
    });
    Case::everywhere(|case| {
        case.tamper("INSERT INTO app.pg_psql_cm (is_base, implementer, content) VALUES (false, 'Mallory', 'DROP TABLE t')");
        case.breaks(&["entry 4 was inserted without being chained"]);
        // And the tool does not build upon it.
        let name = &case.name;
        let report = case.tool.run(&["-d", name, "--format", "json", "verify"]).stdout;
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["targets"][0]["details"]["findings"][0]["entry"], 4);
        assert_eq!(report["exit_code"], 1);
    });
}

#[test]
fn a_chain_that_a_superuser_hashed_anew() {
    Case::everywhere(|case| {
        let ledger = Ledger::new("pg_psql_cm").unwrap();
        let mut session = session_of(&case.tool.server, &case.name);
        let mut entries: Vec<Entry> = Vec::new();
        ledger.read(&mut session, &[("app", State::Ours)], &mut |_, entry| entries.push(entry)).unwrap();
        entries[1].content = "-- nothing happened".to_owned();
        let mut inserts = String::new();
        let mut previous: Option<String> = None;
        for entry in &mut entries {
            if let Some(previous) = &previous {
                entry.previous_hash = Some(previous.clone());
            }
            entry.hash = Some(Hash::of(entry).into_text());
            previous.clone_from(&entry.hash);
            inserts.push_str(&ledger.at("app").insert(entry));
        }
        case.tamper(&format!("TRUNCATE app.pg_psql_cm; {inserts}"));
        case.breaks(&["was rewritten"]);
        // The chain holds by itself: without the anchor nobody could tell.
        let ran = case.tool.run(&["-d", &case.name, "-p", "elsewhere", "verify"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains("no anchors"), "{}", ran.stderr);
    });
}

#[test]
fn an_older_copy_that_took_the_place_of_the_database() {
    Case::everywhere(|case| {
        let (name, old) = (&case.name, format!("{}_old", case.name));
        case.tool.psql("postgres", &format!("CREATE DATABASE {old} TEMPLATE {name}"));
        case.submit("d");
        case.tool.ok(&["-d", name, "dump"]);
        case.tool.server.drop_database(name);
        case.tool.psql("postgres", &format!("ALTER DATABASE {old} RENAME TO {name}"));
        case.breaks(&["is behind its anchor", "if an older backup was restored"]);
        case.submit("e");
        case.breaks(&["is where the ledger and git went different ways"]);
    });
}

#[test]
fn a_copy_of_a_database_is_told_and_is_whole() {
    Case::everywhere(|case| {
        let copy = format!("{}_copy", case.name);
        case.tool.psql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE {}", case.name));
        let ran = case.tool.run(&["-d", &copy, "verify"]);
        case.tool.server.drop_database(&copy);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains("the database is a copy"), "{}", ran.stderr);
        // Under the name of the original too.
        let (name, copy) = (&case.name, format!("{}_two", case.name));
        case.tool.psql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE {name}"));
        case.tool.server.drop_database(name);
        case.tool.psql("postgres", &format!("ALTER DATABASE {copy} RENAME TO {name}"));
        let ran = case.tool.run(&["-d", name, "verify"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        is_a_plain_notice(&ran);
    });
}

/// The chains hold: that another instance was anchored is said once, with what to do, and is no warning.
fn is_a_plain_notice(ran: &crate::tool::Ran) {
    let said = &ran.stderr;
    assert_eq!(said.matches("psql-cm dump anchors this database").count(), 1, "{said}");
    assert!(!said.contains("warning") && !said.contains("is a copy"), "{said}");
}

#[test]
fn after_a_restore_verify_says_what_to_do_and_status_finds_no_drift() {
    Case::everywhere(|case| {
        let name = case.name.as_str();
        let check = || {
            let ran = case.tool.run(&["-d", name, "verify"]);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            is_a_plain_notice(&ran);
            let status = case.tool.ok(&["-d", name, "status"]);
            assert_eq!(status.matches(": good (").count(), 3, "{status}");
        };
        case.tool.server.drop_database(name);
        case.tool.ok(&["-d", name, "restore"]);
        check();
        case.tool.server.drop_database(name);
        case.tool.psql_restore(name);
        check();
        case.tool.ok(&["-d", name, "dump"]);
        let ran = case.tool.run(&["-d", name, "verify"]);
        assert!(ran.code == 0 && !ran.stderr.contains("anchors this database"), "{}", ran.stderr);
    });
}

#[test]
fn a_role_that_may_only_read_the_ledgers_verifies_and_the_owner_of_one_schema_lets_it_go() {
    Case::everywhere(|case| {
        let (name, reader, owner) = (case.name.as_str(), unique("verify_reader"), unique("verify_owner"));
        case.psql(&format!(
            "CREATE ROLE {reader}; GRANT USAGE ON SCHEMA app, public TO {reader};
             GRANT SELECT ON app.pg_psql_cm, public.pg_psql_cm TO {reader};
             CREATE ROLE {owner}; CREATE SCHEMA theirs AUTHORIZATION {owner};
             GRANT USAGE ON SCHEMA app TO {owner}; GRANT SELECT ON app.pg_psql_cm, public.pg_psql_cm TO {owner}"
        ));
        case.tool.ok(&["-d", name, "--role", &reader, "verify"]);
        case.tool.ok(&["-d", name, "--role", &owner, "-s", "theirs", "setup"]);
        let said = case.tool.ok(&["-d", name, "--role", &owner, "-s", "theirs", "setup", "--remove"]);
        assert!(said.contains("ledger removed"), "{said}");
        let tree = case.tool.read(&format!(".facts/default/{name}/theirs.ledger.sql"));
        assert!(tree.contains("INSERT"), "{tree}");
        case.psql(&format!("DROP OWNED BY {reader}, {owner}; DROP ROLE {reader}, {owner}"));
    });
}

#[test]
fn restored_on_another_version_nothing_has_drifted() {
    let all = servers();
    for from in &all {
        let case = Case { tool: Tool::new(from), name: unique("verify_versions") };
        let name = case.name.as_str();
        case.tool.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        case.psql(
            "CREATE SCHEMA app; CREATE DOMAIN app.d AS text NOT NULL CHECK (VALUE <> '');
             CREATE TABLE app.t (id serial PRIMARY KEY, a text NOT NULL, d app.d, g int GENERATED ALWAYS AS IDENTITY,
               CHECK (id > 0), UNIQUE (a));
             CREATE TABLE app.child (b int NOT NULL) INHERITS (app.t);
             CREATE TABLE app.p (a int NOT NULL) PARTITION BY LIST (a); CREATE TABLE app.p1 PARTITION OF app.p FOR VALUES IN (1);
             CREATE VIEW app.v AS SELECT a, count(*) FROM app.t GROUP BY a;
             CREATE FUNCTION app.f(a int, VARIADIC b text[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE INDEX ON app.t (lower(a)) WHERE id > 1; CREATE EXTENSION pg_trgm SCHEMA app;
             CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS one; GRANT SELECT ON app.t TO PUBLIC",
        );
        // What is written of these older servers cannot read.
        if from.major() == 13 {
            case.psql("CREATE TYPE app.r AS RANGE (subtype = int); GRANT ALL ON app.child TO pg_monitor");
        }
        case.tool.ok(&["-d", name, "setup"]);
        case.submit("b");
        case.tool.ok(&["-d", name, "dump"]);
        for to in all.iter().filter(|to| to.major() != from.major()) {
            let tool = case.tool.on(to);
            tool.ok(&["-d", name, "restore"]);
            let ran = tool.run(&["-d", name, "status"]);
            let versions = format!("{} to {}", from.major(), to.major());
            assert_eq!(ran.code, 0, "{versions}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stdout.contains("what the server prints is not compared"), "{}", ran.stdout);
            tool.psql(name, "ALTER TABLE app.t ALTER a DROP NOT NULL");
            tool.fails(&["-d", name, "status"], 3, &["if it drifted"]);
            tool.server.drop_database(name);
        }
        from.drop_database(name);
    }
}

#[test]
fn a_ledger_that_is_gone_and_one_without_its_guard() {
    Case::everywhere(|case| {
        case.psql("ALTER TABLE app.pg_psql_cm DISABLE TRIGGER USER");
        case.breaks(&["ledger of schema app: its append-only trigger is disabled"]);
        case.psql("ALTER TABLE app.pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only");
        case.psql("DROP TABLE app.pg_psql_cm CASCADE");
        case.breaks(&["are gone"]);
        case.tool.fails(&["-d", &case.name, "-s", "nowhere", "verify"], 1, &["not under control"]);
    });
    // Gone by a recorded change, with its entries kept.
    Case::everywhere(|case| {
        case.tool.ok(&["-d", &case.name, "submit", "-c", "DROP SCHEMA app CASCADE"]);
        let said = case.tool.ok(&["-d", &case.name, "verify"]);
        assert!(said.contains("its entries are kept in the ledger of public"), "{said}");
    });
}
