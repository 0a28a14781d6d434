//! `submit --adopt` on real servers: what was done past the tool becomes an entry that leads there.

use std::process::Stdio;

use psqlcm_testkit::changes::{BASE, Changes};
use psqlcm_testkit::{TestDatabase, server, servers, try_load_corpus, years};
use serde_json::Value;

use crate::case::Case;
use crate::support::session;
use crate::tool::{Ran, Tool, no_scratch_stays};

const SEED: &str = "
    CREATE SCHEMA app; CREATE SCHEMA log;
    CREATE TYPE app.mood AS ENUM ('sad', 'glad');
    CREATE TABLE app.t (id int PRIMARY KEY, a text, m app.mood);
    CREATE TABLE log.l (a int);
    CREATE VIEW app.v AS SELECT a FROM log.l";

/// Things in two schemas that need each other, data that is lost, and an order that no name tells.
const BY_HAND: &str = "
    DROP VIEW app.v;
    ALTER TABLE log.l ALTER a TYPE bigint;
    ALTER TABLE log.l ADD b app.mood DEFAULT 'sad';
    CREATE VIEW app.v AS SELECT a, b FROM log.l;
    ALTER TABLE app.t DROP a;
    CREATE FUNCTION log.f(app.t) RETURNS int LANGUAGE sql AS 'SELECT $1.id';
    COMMENT ON TABLE app.t IS E'two\\nlines';
    CREATE INDEX t_m ON app.t (m)";

impl Case {
    fn everywhere(seed: &str, check: impl Fn(&Self)) {
        Self::made_by(seed, &["setup"], check);
    }

    fn json(&self, words: &[&str]) -> Value {
        let report: Value = serde_json::from_str(&self.ok(&[words, &["--format", "json"]].concat())).unwrap();
        let schema: Value =
            serde_json::from_str(include_str!("../../../../docs/report.schema.json")).unwrap();
        let faults = psqlcm_testkit::faults(&schema, &report);
        assert!(faults.is_empty(), "{faults:?}");
        report
    }

    /// All that is to hold once drift is recorded.
    fn is_settled(&self) {
        self.ok(&["status"]);
        self.ok(&["verify"]);
        self.tool.ok(&["diff", &format!("ledger:{}", self.name()), &format!("db:{}", self.name())]);
        let said = self.ok(&["submit", "--adopt"]);
        assert_eq!(said, format!("{}: unchanged (nothing drifted)\n", self.name()));
    }

    /// The ledgers, all rows.
    fn ledgers(&self) -> String {
        self.tool.ledgers(self.name())
    }
}

#[test]
fn what_was_done_past_the_tool_becomes_an_entry_that_leads_there() {
    Case::everywhere(SEED, |case| {
        case.is_settled();
        case.psql("INSERT INTO app.t VALUES (1, 'kept', 'sad'); INSERT INTO log.l VALUES (1)");
        case.psql(BY_HAND);
        let count = "SELECT count(*) FROM app.pg_psql_cm NATURAL FULL JOIN log.pg_psql_cm";
        let before = case.psql(count);
        let shown = case.ok(&["submit", "--adopt", "--dry-run"]);
        assert!(shown.contains(&format!("{}.app: planned (drifted)\n", case.name())), "{shown}");
        assert!(shown.contains("  - column app.t.a\n"), "{shown}");
        assert!(
            shown.contains("-- DATA LOSS: ") && shown.contains("\nALTER TABLE app.t DROP COLUMN a;\n"),
            "{shown}"
        );
        assert_eq!(case.psql(count), before, "a dry run recorded something");
        case.fails(&["status"], 3, &["psql-cm submit --adopt"]);
        let said = case.ok(&["submit", "--adopt", "--reason", "hotfix", "--implementer", "Ada"]);
        assert!(said.contains(".app: done (drifted; recorded as entry 2)\n"), "{said}");
        assert!(
            said.contains(".log: done (drifted; recorded as entry 2, linked to entry 2 of app)\n"),
            "{said}"
        );
        case.is_settled();
        let log = case.ok(&["log", "--kind", "drift"]);
        assert!(log.contains("Ada") && log.contains("drift"), "{log}");
        let entry = "SELECT implementer, evidence->>'source', evidence->>'reason', evidence->'losses'->>0 ~ 'app.t.a',
            content ~ '^-- done past psql-cm' FROM app.pg_psql_cm WHERE entry_kind = 'drift'";
        assert_eq!(case.psql(entry), "Ada|--adopt|hotfix|t|t");
        assert_eq!(case.psql("SELECT count(*) FROM app.t"), "1", "something of it was run");
        // Changes go on from there, and all of it makes the trip.
        case.ok(&["submit", "-s", "app", "-c", "ALTER TABLE t ADD after_all int"]);
        case.is_settled();
        case.tool.check_trip(case.name());
        case.is_settled();
    });
}

#[test]
fn the_report_is_that_of_a_submit() {
    Case::everywhere(SEED, |case| {
        case.psql("CREATE TABLE app.x (a int)");
        let report = case.json(&["submit", "--adopt"]);
        let target = &report["targets"][0];
        let of = (&target["outcome"], &target["facts"][0]["id"], &target["details"]["entries"][0]["kind"]);
        assert_eq!(of, (&"done".into(), &"table app.x".into(), &"drift".into()), "{report}");
        assert!(target["details"]["script"].as_str().unwrap().contains("CREATE TABLE app.x"), "{report}");
        let report = case.json(&["submit", "--adopt"]);
        assert_eq!(report["targets"][0]["outcome"], "unchanged", "{report}");
    });
}

#[test]
fn what_postgresql_refuses_in_one_transaction_is_several_entries() {
    Case::everywhere(SEED, |case| {
        case.psql("ALTER TYPE app.mood ADD VALUE 'calm'");
        case.psql("ALTER TABLE app.t ALTER m SET DEFAULT 'calm'; ALTER TABLE app.t ADD CHECK (m <> 'calm')");
        case.ok(&["submit", "--adopt"]);
        case.is_settled();
        let parts =
            "SELECT string_agg(concat_ws('/', evidence->>'part', evidence->>'parts'), ' ' ORDER BY id)
            FROM app.pg_psql_cm WHERE entry_kind = 'drift'";
        assert_eq!(case.psql(parts), "1/2 2/2");
    });
}

#[test]
fn what_a_later_change_took_for_granted_is_recorded_too() {
    Case::everywhere(SEED, |case| {
        case.psql("ALTER TABLE app.t ADD past int");
        case.ok(&["submit", "-s", "app", "-c", "ALTER TABLE t ADD recorded int"]);
        // What the entry recorded is what is there; yet the ledger does not lead there.
        case.ok(&["status"]);
        case.tool.fails(
            &["diff", &format!("ledger:{}", case.name()), &format!("db:{}", case.name())],
            3,
            &[],
        );
        case.ok(&["submit", "--adopt"]);
        case.is_settled();
    });
}

#[test]
fn what_belongs_to_no_schema_is_recorded_by_its_fingerprint() {
    Case::everywhere(SEED, |case| {
        case.psql("CREATE EXTENSION citext SCHEMA public; ALTER TABLE app.t ADD c citext");
        case.fails(&["status"], 3, &[]);
        let said = case.ok(&["submit", "--adopt"]);
        let name = case.name();
        let line = format!(
            "{name}: done (what belongs to no schema drifted, and is recorded by its fingerprint; recorded as entry 2"
        );
        assert!(said.contains(&line), "{said}");
        case.is_settled();
        // By itself.
        case.psql(&format!("ALTER DATABASE {name} SET work_mem = '8MB'"));
        case.ok(&["submit", "--adopt"]);
        case.is_settled();
        // Named schemas leave it alone.
        case.psql(&format!("ALTER DATABASE {name} SET work_mem = '9MB'; CREATE TABLE app.more ()"));
        case.ok(&["submit", "--adopt", "-s", "app"]);
        case.ok(&["status", "-s", "app"]);
        case.fails(&["status"], 3, &["submit --adopt"]);
    });
}

#[test]
fn a_schema_alone_is_recorded_if_it_can_be_done_again_alone() {
    Case::everywhere(SEED, |case| {
        case.psql("ALTER TABLE log.l ADD b int; CREATE TABLE log.more (a int); ALTER TABLE app.t ADD b int");
        case.ok(&["submit", "--adopt", "-s", "app"]);
        case.ok(&["status", "-s", "app"]);
        case.fails(&["status"], 3, &[]);
        case.psql("CREATE VIEW app.w AS SELECT * FROM log.more");
        let before = case.ledgers();
        case.fails(
            &["submit", "--adopt", "-s", "app"],
            1,
            &["cannot be done again", "log.more", "name no schema"],
        );
        assert_eq!(case.ledgers(), before);
        case.ok(&["submit", "--adopt"]);
        case.is_settled();
    });
}

#[test]
fn what_is_ignored_and_what_is_only_ordered_otherwise_is_no_drift() {
    Case::everywhere(SEED, |case| {
        case.tool.write("../psql-cm.toml", "[ignore]\nobjects = [\"app.tmp_*\"]\n");
        case.ok(&["submit", "--adopt"]);
        case.psql("CREATE TABLE app.tmp_1 (a int)");
        case.is_settled();
        // Stands elsewhere than the entry will put it.
        case.psql("ALTER TABLE app.t DROP m; ALTER TABLE app.t ADD z int; ALTER TABLE app.t ADD m app.mood; ALTER TABLE app.t DROP z; ALTER TABLE app.t ADD z int");
        case.ok(&["submit", "--adopt"]);
        case.is_settled();
    });
}

#[test]
fn several_databases_are_recorded_together() {
    for server in servers() {
        let tool = Tool::new(&server);
        let databases =
            [server.database("adopt_one"), server.database("adopt_two"), server.database("adopt_three")];
        let names = databases.each_ref().map(TestDatabase::name).join(",");
        for database in &databases {
            database.psql(SEED).unwrap();
        }
        tool.ok(&["-a", &names, "setup"]);
        databases[0].psql(BY_HAND).unwrap();
        databases[2].psql("DROP VIEW app.v").unwrap();
        let said = tool.ok(&["-a", &names, "submit", "--adopt"]);
        assert!(said.contains(&format!("{}: unchanged (nothing drifted)", databases[1].name())), "{said}");
        assert_eq!(said.matches(": done (").count(), 3, "{said}");
        tool.ok(&["-a", &names, "status"]);
        tool.ok(&["-a", &names, "verify"]);
    }
}

/// Statements made up at random, some submitted and some past the tool: whatever they do, it is recorded and can be done
/// again. `PSQL_CM_DRIFT` says how many seeds are tried, `PSQL_CM_DRIFT_SEED` which is the first.
#[test]
fn whatever_is_done_past_the_tool_is_recorded() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, count) = (number("PSQL_CM_DRIFT_SEED").unwrap_or(1), number("PSQL_CM_DRIFT").unwrap_or(2));
    for server in servers() {
        for seed in first..first + count {
            let database = server.database("adopt_random");
            database.psql(BASE).unwrap();
            let case = Case { tool: Tool::new(&server), database };
            case.ok(&["setup"]);
            case.drift_at_random(seed, server.major());
        }
    }
}

impl Case {
    fn drift_at_random(&self, seed: u64, major: u32) {
        let mut changes = Changes::new(seed, major);
        let mut done = vec![format!("seed {seed} on {major}")];
        for _ in 0..2 {
            // Many make no sense where they are run.
            for _ in 0..changes.number(0..=8) {
                let statement = changes.statement();
                if self.tool.run(&self.words(&["-s", "public", "submit", "-c", &statement])).code == 0 {
                    done.push(format!("submitted: {statement};"));
                }
            }
            for _ in 0..changes.number(1..=20) {
                let statement = changes.statement();
                // A ledger that goes with its schema leaves nothing to begin with.
                let moves_ledger =
                    ["DROP SCHEMA", "ALTER SCHEMA"].iter().any(|verb| statement.starts_with(verb));
                if !moves_ledger && self.database.psql(&statement).is_ok() {
                    done.push(format!("past it: {statement};"));
                }
            }
            for words in [&["submit", "--adopt"][..], &["verify", "--replay"], &["status"]] {
                let ran = self.tool.run(&self.words(words));
                assert_eq!(ran.code, 0, "{words:?}: {}\n{}{}", done.join("\n"), ran.stdout, ran.stderr);
                done.push(format!("{words:?}"));
            }
        }
        self.is_settled();
    }
}

/// Schemas of other projects, which became in years what others did past the tool. `PSQL_CM_DRIFT=all` takes all there are.
#[test]
fn what_real_schemas_became_is_recorded() {
    let takes_all = std::env::var("PSQL_CM_DRIFT").is_ok_and(|which| which == "all");
    for server in servers() {
        for (old, new) in years(server.major()).take(if takes_all { usize::MAX } else { 1 }) {
            let [old, new] = [old, new].map(|name| try_load_corpus(&server, &name));
            let (Some(Ok(old)), Some(Ok(new))) = (old, new) else { continue };
            let case = Case { tool: Tool::new(&server), database: old };
            case.ok(&["setup"]);
            let sides = [format!("db:{}", case.name()), format!("db:{}", new.name())];
            let script = case.tool.folder().join("plan.sql");
            let words =
                ["plan", &sides[0], &sides[1], "--allow", "data-loss", "--no-verify", "-o", "plan.sql"];
            case.tool.fails(&words, 3, &[]);
            server.psql_file(case.name(), &script).unwrap();
            case.ok(&["submit", "--adopt"]);
            case.ok(&["verify", "--replay"]);
            // What came as a whole schema comes under control by itself.
            case.ok(&["setup"]);
            case.ok(&["verify", "--replay"]);
            case.is_settled();
        }
    }
}

#[test]
fn it_is_no_change_and_takes_nothing_of_one() {
    let tool = Tool::new(&server(15));
    for with in [
        &["-c", "SELECT 1"][..],
        &["--revert", "SELECT 1"],
        &["--again"],
        &["--atomic", "schema"],
        &["--sequential"],
        &["--allow-outside"],
        &["--max-failures", "1"],
    ] {
        tool.fails(
            &[&["-d", "x", "submit", "--adopt"], with].concat(),
            2,
            &["cannot be used with", "--adopt"],
        );
    }
    tool.fails(&["-d", "x", "submit"], 2, &["--change"]);
    tool.fails(
        &["-d", "x", "submit", "-c", "SELECT 1", "--scratch-uri", "x"],
        2,
        &["cannot be used with", "--scratch-uri"],
    );
}

#[test]
fn what_cannot_be_told_is_refused() {
    for server in servers() {
        let database = server.database("adopt_not");
        let (tool, name) = (Tool::new(&server), database.name());
        database.psql(SEED).unwrap();
        tool.fails(&["-d", name, "submit", "--adopt"], 1, &["no schema is under control", "psql-cm setup"]);
        tool.ok(&["-d", name, "setup"]);
        tool.fails(&["-d", name, "-s", "nowhere", "submit", "--adopt"], 1, &["nowhere"]);
        // An entry that cannot be done again has nothing to begin with.
        database.psql("ALTER TABLE app.t ADD past int").unwrap();
        tool.ok(&["-d", name, "-s", "app", "submit", "-c", "ALTER TABLE t ALTER past SET DEFAULT 1"]);
        database.psql("ALTER TABLE app.t ADD more int").unwrap();
        let before = tool.ledgers(name);
        tool.fails(
            &["-d", name, "submit", "--adopt"],
            1,
            &[
                "what the ledgers say cannot be built",
                "entry 2 of schema app",
                "column \"past\"",
                "begin anew",
            ],
        );
        assert_eq!(tool.ledgers(name), before);
        // As the hint says it.
        tool.ok(&["-d", name, "setup", "--remove"]);
        tool.ok(&["-d", name, "setup"]);
        tool.ok(&["-d", name, "verify", "--replay"]);
    }
}

#[test]
fn a_change_whose_end_is_not_known_comes_first_and_scratch_is_of_the_same_version() {
    let all = servers();
    for server in &all {
        let database = server.database("adopt_part");
        let (tool, name) = (Tool::new(server), database.name());
        database.psql(SEED).unwrap();
        tool.ok(&["-d", name, "setup"]);
        database.psql("ALTER TABLE app.t ADD b int").unwrap();
        if let Some(other) = all.iter().find(|other| other.major() != server.major()) {
            let uri = other.uri("postgres");
            let says = ["the scratch server is PostgreSQL", "with --scratch-uri"];
            tool.fails(&["-d", name, "submit", "--adopt", "--scratch-uri", &uri], 4, &says);
        }
        let change = "CREATE INDEX CONCURRENTLY i ON t (id)";
        tool.ok(&["-d", name, "-s", "app", "submit", "-c", change]);
        // As a crash within the statement leaves it.
        let lost = "ALTER TABLE app.pg_psql_cm DISABLE TRIGGER USER; DELETE FROM app.pg_psql_cm WHERE entry_kind = 'after';
            ALTER TABLE app.pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only";
        database.psql(lost).unwrap();
        tool.fails(&["-d", name, "submit", "--adopt"], 4, &["its end is not known", "submit it again first"]);
        tool.ok(&["-d", name, "-s", "app", "submit", "-c", change]);
        tool.ok(&["-d", name, "submit", "--adopt", "--scratch-uri", &server.uri("postgres")]);
        tool.ok(&["-d", name, "status"]);
        no_scratch_stays(server);
    }
}

#[test]
fn a_role_that_may_not_read_all_records_nothing_as_gone() {
    Case::everywhere(&format!("{SEED}; COMMENT ON TABLE app.t IS 'about'"), |case| {
        let role = psqlcm_testkit::unique("adopt_role");
        case.psql(&format!(
            "CREATE ROLE {role}; GRANT USAGE, CREATE ON SCHEMA app, log, public TO {role};
             GRANT SELECT, INSERT ON app.pg_psql_cm, log.pg_psql_cm, public.pg_psql_cm TO {role};
             REVOKE SELECT ON pg_catalog.pg_description FROM PUBLIC"
        ));
        let before = case.ledgers();
        case.fails(
            &["--role", &role, "submit", "--adopt"],
            1,
            &["not all of the database could be read: permission denied", "recorded as gone"],
        );
        assert_eq!(case.ledgers(), before);
        case.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    });
}

/// What comes after the look stays drift: the entry holds what was seen, and no more.
#[test]
fn what_somebody_does_meanwhile_is_not_recorded_unseen() {
    Case::everywhere(SEED, |case| {
        case.psql("ALTER TABLE app.t ADD seen int");
        let mut other = session(&case.database);
        other.run("BEGIN; LOCK TABLE app.pg_psql_cm IN SHARE MODE").unwrap();
        let mut command = case.tool.psql_cm(&case.words(&["submit", "--adopt"]));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'INSERT INTO app.pg_psql_cm'";
        while case.psql(waits) == "0" {}
        other.run("ALTER TABLE app.t ADD unseen int; COMMIT").unwrap();
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let content =
            "SELECT content ~ ' seen ', content ~ ' unseen ' FROM app.pg_psql_cm WHERE entry_kind = 'drift'";
        assert_eq!(case.psql(content), "t|f");
        case.fails(&["status"], 3, &["submit --adopt"]);
        case.ok(&["submit", "--adopt"]);
        case.is_settled();
    });
}

#[test]
fn a_signal_leaves_nothing() {
    let server = server(15);
    let database = server.database("adopt_signal");
    let tool = Tool::new(&server);
    let name = database.name();
    // The base takes a while on scratch.
    database
        .psql(
            "CREATE FUNCTION slow() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
               $$ BEGIN IF current_database() ~ ' scratch ' THEN PERFORM pg_catalog.pg_sleep(600); END IF; RETURN 1; END $$;
             CREATE TABLE t (a int)",
        )
        .unwrap();
    tool.ok(&["-d", name, "setup"]);
    tool.ok(&["-d", name, "submit", "-c", "INSERT INTO t SELECT slow()"]);
    database.psql("ALTER TABLE t ADD b int").unwrap();
    let before = tool.ledgers(name);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let uri = server.uri("postgres");
        let words = ["-d", name, "submit", "--adopt", "--scratch-uri", &uri];
        let mine = "SELECT datname FROM pg_stat_activity WHERE datname ~ ' scratch ' AND query ~ 'SELECT slow\\(\\)'";
        tool.leaves_no_scratch(&words, mine, signal, code);
        assert_eq!(tool.ledgers(name), before);
    }
    // Nobody holds the lock.
    tool.ok(&["-d", name, "submit", "-c", "SELECT 1", "--lock-wait", "1s"]);
}
