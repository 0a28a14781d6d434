//! `plan`: its script leads from one state to the other, by psql and by submit, and to no other; it says what it means,
//! and loses nothing that nobody allowed.

use std::fs;
use std::process::{Command, Stdio};

use psqlcm_testkit::{
    TestDatabase, TestServer, assert_same_text, load_corpus, ordered_pairs, servers, text_difference,
    without_order, years,
};
use serde_json::Value;

use crate::tool::{Ran, Tool, at_a_terminal, no_scratch_stays};

/// Objects that need each other.
const SHOP: &str = r#"
    CREATE SCHEMA app;
    CREATE TYPE app.state AS ENUM ('new', 'paid');
    CREATE TABLE app.customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
    CREATE TABLE app.orders (
        id bigint PRIMARY KEY,
        customer int REFERENCES app.customers,
        state app.state DEFAULT 'new',
        code varchar(10),
        total numeric(10,2) CHECK (total >= 0)
    );
    CREATE VIEW app.busy AS SELECT customer, count(*) AS orders FROM app.orders WHERE state = 'new' GROUP BY 1;
    CREATE FUNCTION app.total(who int) RETURNS numeric LANGUAGE sql STABLE
        AS $$ SELECT sum(total) FROM app.orders WHERE customer = who $$;
    COMMENT ON TABLE app.orders IS 'What was ordered';"#;

/// What somebody does to it; nothing is lost.
const CHANGES: &str = r#"
    ALTER TABLE app.orders ALTER code TYPE varchar(20);
    ALTER TABLE app.orders ALTER id TYPE numeric;
    ALTER TABLE app.orders ADD note text;
    CREATE INDEX by_customer ON app.orders (customer);
    ALTER TABLE app.customers ADD CONSTRAINT named CHECK (name <> '');
    CREATE TABLE app.returns (id int PRIMARY KEY, customer int NOT NULL REFERENCES app.customers);
    CREATE OR REPLACE FUNCTION app.total(who int) RETURNS numeric LANGUAGE sql STABLE
        AS $$ SELECT sum(total) FROM app.orders WHERE customer = who AND state = 'paid' $$;
    COMMENT ON TABLE app.orders IS 'Orders';"#;

/// Values of an enum that the same plan uses.
const NEW_VALUE: &str = r#"
    ALTER TYPE app.state ADD VALUE 'sent' BEFORE 'paid';
    ALTER TABLE app.orders ALTER state SET DEFAULT 'sent';
    CREATE VIEW app.sent AS SELECT id FROM app.orders WHERE state = 'sent';"#;

const ROWS: &str = "
    INSERT INTO app.customers (name) VALUES ('Ann'), ('Bo');
    INSERT INTO app.orders (id, customer, code, total) VALUES (1, 1, 'x', 10), (2, 2, 'y', 20.5);";

struct Two {
    tool: Tool,
    from: TestDatabase,
    to: TestDatabase,
}

impl Two {
    fn new(server: &TestServer, old: &str, changes: &str) -> Self {
        let (from, to) = (server.database("plan_from"), server.database("plan_to"));
        from.psql(old).unwrap();
        to.psql(old).unwrap();
        // Values of an enum are used once they are committed, which psql does after each statement.
        to.psql(changes).unwrap();
        Self { tool: Tool::new(server), from, to }
    }

    fn sources(&self) -> [String; 2] {
        [&self.from, &self.to].map(|database| format!("db:{}", database.name()))
    }

    fn plan(&self, more: &[&str]) -> Ran {
        let [from, to] = self.sources();
        self.tool.run(&[&["plan", &from, &to], more].concat())
    }

    /// The script, in a file.
    #[track_caller]
    fn script(&self, more: &[&str]) -> String {
        let ran = self.plan(&[&["--output", "change.sql"], more].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{}", ran.stderr);
        fs::read_to_string(self.tool.folder().join("change.sql")).unwrap()
    }

    fn run_by_psql(&self) -> Result<String, String> {
        self.tool.server.psql_file(self.from.name(), &self.tool.folder().join("change.sql"))
    }

    #[track_caller]
    fn check_same(&self) {
        let ran = self.plan(&[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains("nothing to do"), "{}", ran.stderr);
    }

    fn json(&self, more: &[&str], code: i32) -> Value {
        let ran = self.plan(&[&["--format", "json"], more].concat());
        assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
        let report: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout));
        let schema: Value =
            serde_json::from_str(include_str!("../../../../docs/report.schema.json")).unwrap();
        let faults = psqlcm_testkit::faults(&schema, &report);
        assert!(faults.is_empty(), "{faults:?}");
        report
    }
}

#[test]
fn the_script_leads_there_by_psql_and_keeps_rows() {
    for server in servers() {
        let two = Two::new(&server, SHOP, CHANGES);
        two.from.psql(ROWS).unwrap();
        let script = two.script(&[]);
        assert!(script.contains("-- psql-cm: verified \"PostgreSQL "), "{script}");
        assert_eq!(script.matches("\nBEGIN;").count(), 1, "{script}");
        two.run_by_psql().unwrap_or_else(|error| panic!("{error}\n{script}"));
        two.check_same();
        let schema = |database: &TestDatabase| server.pg_dump_schema(database.name());
        assert_same_text(&schema(&two.to), &schema(&two.from));
        let rows = two
            .from
            .psql("SELECT id, customer, code, total, note IS NULL FROM app.orders ORDER BY id")
            .unwrap();
        assert_eq!(rows.trim().replace('|', " "), "1 1 x 10.00 t\n2 2 y 20.50 t");
    }
}

#[test]
fn each_step_says_what_it_means() {
    let server = &servers()[0];
    let two = Two::new(server, SHOP, CHANGES);
    let script = two.script(&[]);
    for part in [
        "change column app.orders.id\n-- lock: ACCESS EXCLUSIVE on table app.orders: blocks reads and writes\n\
         -- rows: writes all rows and indexes anew of table app.orders under that lock\n-- way back:\n\
         --     ALTER TABLE app.orders ALTER COLUMN id TYPE bigint;\n",
        "create index app.orders.by_customer\n-- lock: SHARE on table app.orders: blocks writes\n\
         -- rows: builds an index over all rows of table app.orders under that lock\n-- way back:\n\
         --     DROP INDEX app.by_customer;\n",
        "create constraint app.customers.named\n-- lock: ACCESS EXCLUSIVE on table app.customers: blocks reads and writes\n\
         -- rows: reads all rows of table app.customers under that lock\n\
         -- can fail on rows of table app.customers: one of them breaks it\n",
        "create table app.returns\n-- way back:\n--     DROP TABLE app.returns;\n",
        "change column app.orders.code\n-- lock: ACCESS EXCLUSIVE on table app.orders: blocks reads and writes\n-- way back:",
    ] {
        assert!(script.contains(part), "{part}\nis not in\n{script}");
    }
    let text = two.plan(&["--format", "text", "--no-verify"]);
    assert_eq!(text.code, 3, "{}", text.stderr);
    assert!(text.stdout.contains("steps in one transaction, not verified\n"), "{}", text.stdout);
    let report = two.json(&[], 3);
    let details = &report["targets"][0]["details"];
    let steps = details["steps"].as_array().unwrap();
    let index = steps.iter().find(|step| step["id"] == "index app.orders.by_customer").unwrap();
    assert_eq!((&index["do"], &index["transaction"]), (&"create".into(), &1.into()));
    assert_eq!(
        (&index["locks"][0]["lock"], &index["locks"][0]["work"]),
        (&"SHARE".into(), &"index build".into())
    );
    assert_eq!(index["way_back"], serde_json::json!(["DROP INDEX app.by_customer"]));
    assert!(details["script"].as_str().unwrap().contains("COMMIT;"), "{details}");
    assert_eq!(details["verified"]["without_rows"], serde_json::json!([]));
    let bare = two.tool.run(&["diff", &two.sources()[0], &two.sources()[1], "--format", "sql"]);
    assert_eq!(bare.code, 3, "{}", bare.stderr);
    assert!(
        bare.stdout.contains("CREATE INDEX by_customer ON app.orders") && !bare.stdout.contains("lock"),
        "{}",
        bare.stdout
    );
    two.tool.fails(&["status", "-d", two.from.name(), "--format", "sql"], 2, &["status gives no SQL"]);
}

#[test]
fn no_table_is_left_without_a_replica_identity() {
    let old = "CREATE SCHEMA app;
        CREATE TABLE app.by_index (id int PRIMARY KEY, other int NOT NULL);
        CREATE UNIQUE INDEX other ON app.by_index (other);
        ALTER TABLE app.by_index REPLICA IDENTITY USING INDEX other;
        CREATE TABLE app.by_key (id int NOT NULL UNIQUE);
        ALTER TABLE app.by_key REPLICA IDENTITY USING INDEX by_key_id_key;
        CREATE TABLE app.full (id int NOT NULL UNIQUE);
        ALTER TABLE app.full REPLICA IDENTITY USING INDEX full_id_key;";
    let new = "ALTER TABLE app.by_index REPLICA IDENTITY DEFAULT; DROP INDEX app.other;
        ALTER TABLE app.by_key REPLICA IDENTITY DEFAULT, DROP CONSTRAINT by_key_id_key;
        ALTER TABLE app.full REPLICA IDENTITY FULL, DROP CONSTRAINT full_id_key;";
    for server in servers() {
        let two = Two::new(&server, old, new);
        two.script(&[]);
        two.run_by_psql().unwrap();
        let identity = "SELECT relname, relreplident FROM pg_class
            WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' ORDER BY 1";
        let identities = two.from.psql(identity).unwrap();
        assert_eq!(identities, two.to.psql(identity).unwrap());
        assert!(identities.contains("by_index|d") && identities.contains("full|f"), "{identities}");
    }
}

#[test]
fn extensions_are_updated_to_the_version_of_a_live_database() {
    let old = "CREATE SCHEMA app; CREATE EXTENSION citext SCHEMA app VERSION '1.4';";
    let new = "ALTER EXTENSION citext UPDATE TO '1.5';";
    for server in servers() {
        let two = Two::new(&server, old, new);
        let [from, to] = two.sources();
        let name = two.from.name();
        two.tool.ok(&["-d", name, "-s", "app", "setup"]);
        // That alone is worth a plan, which submit takes.
        two.script(&[]);
        two.tool.ok(&["-d", name, "-s", "app", "submit", "-c", "change.sql"]);
        two.check_same();
        two.from.psql("DROP EXTENSION citext; CREATE EXTENSION citext SCHEMA app VERSION '1.4'").unwrap();
        two.to.psql("CREATE EXTENSION hstore SCHEMA app VERSION '1.4'").unwrap();
        let shown = two.tool.run(&["diff", &from, &to]);
        assert_eq!(shown.code, 3, "{}", shown.stderr);
        assert!(shown.stdout.contains("installed version: 1.4 -> 1.5"), "{}", shown.stdout);
        let script = two.script(&[]);
        assert!(script.contains("\nALTER EXTENSION citext UPDATE TO '1.5';\n"), "{script}");
        assert!(script.contains("-- psql-cm: verified \"PostgreSQL "), "{script}");
        two.run_by_psql().unwrap_or_else(|error| panic!("{error}\n{script}"));
        two.check_same();
        let versions = "SELECT extname, extversion FROM pg_extension ORDER BY 1";
        assert_eq!(two.from.psql(versions).unwrap(), two.to.psql(versions).unwrap());
        // A tree says no version.
        two.tool.ok(&["-d", two.to.name(), "dump", "--no-commit"]);
        two.from.psql("ALTER EXTENSION citext UPDATE").unwrap();
        let same = two.tool.run(&["plan", &from, &format!("tree:sql#{}", two.to.name())]);
        assert_eq!(same.code, 0, "{}{}", same.stdout, same.stderr);
    }
}

/// PostgreSQL knows no way from a later version to an earlier one.
#[test]
fn versions_of_extensions_that_cannot_be_had_are_told_and_left() {
    let old = "CREATE EXTENSION citext VERSION '1.5'; CREATE TABLE t (a int);";
    let new = "DROP EXTENSION citext; CREATE EXTENSION citext VERSION '1.4'; ALTER TABLE t ADD b int;";
    for server in servers() {
        let two = Two::new(&server, old, new);
        let [from, to] = two.sources();
        let ran = two.plan(&[]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        let told = "extension citext: the server knows no update from version 1.5 to 1.4";
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        assert!(!ran.stdout.contains("EXTENSION"), "{}", ran.stdout);
        // The other way round it can be had, and there is no way back.
        let ran = two.tool.run(&["plan", &to, &from, "--allow", "data-loss"]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(ran.stdout.contains("\nALTER EXTENSION citext UPDATE TO '1.5';\n"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("UPDATE TO '1.4'"), "{}", ran.stdout);
        // It is a difference in any case.
        let shown = two.tool.run(&["diff", &from, &to]);
        assert!(shown.stdout.contains("installed version: 1.5 -> 1.4"), "{}", shown.stdout);
    }
}

#[test]
fn submit_takes_it_and_refuses_it_elsewhere() {
    for server in servers() {
        let two = Two::new(&server, SHOP, CHANGES);
        let name = two.from.name();
        let [from, _] = two.sources();
        two.tool.ok(&["-d", name, "-s", "app", "setup"]);
        let script = two.script(&[]);
        two.from.psql("CREATE TABLE app.meanwhile (); COMMENT ON TABLE app.orders IS 'changed'").unwrap();
        let submit = ["-d", name, "-s", "app", "submit", "-c", "change.sql"];
        let before = server.pg_dump_schema(name);
        let words =
            ["is not what the plan was made for", &from, "schema app", "table app.orders", "psql-cm plan"];
        two.tool.fails(&submit, 4, &words);
        two.tool.fails(&[&submit[..], &["--dry-run"]].concat(), 4, &words[..1]);
        assert_same_text(&before, &server.pg_dump_schema(name));
        two.from.psql("DROP TABLE app.meanwhile; COMMENT ON TABLE app.orders IS 'What was ordered'").unwrap();
        two.tool.ok(&[&submit[..], &["--dry-run"]].concat());
        two.tool.ok(&submit);
        two.check_same();
        let content = two.from.psql("SELECT content FROM app.pg_psql_cm ORDER BY id DESC LIMIT 1").unwrap();
        assert_same_text(script.trim_end(), content.trim_end());
        two.tool.ok(&["-d", name, "verify"]);
        two.tool.ok(&["-d", name, "-s", "app", "status"]);
        two.tool.fails(&submit, 4, &["recorded already"]);
        two.tool.fails(&[&submit[..], &["--again"]].concat(), 4, &["already what the plan leads to"]);
        // What the ledgers recorded can be done again.
        let ledger = format!("ledger:{name}");
        assert_eq!(two.tool.run(&["diff", &ledger, &from]).code, 0);
        fs::write(two.tool.folder().join("edited.sql"), script.replace("COMMIT;", "")).unwrap();
        two.tool.fails(
            &["-d", name, "-s", "app", "submit", "-c", "edited.sql"],
            4,
            &["BEGIN without COMMIT", "it was edited"],
        );
        let older = script.replace("-- psql-cm: plan 1\n", "-- psql-cm: plan 99\n");
        fs::write(two.tool.folder().join("other.sql"), older).unwrap();
        two.tool.fails(
            &["-d", name, "-s", "app", "submit", "-c", "other.sql"],
            4,
            &["the plan is of format 99"],
        );
        two.tool.fails(
            &["-d", name, "-m", "app,public", "submit", "-c", "change.sql"],
            4,
            &["2 schemas", "are named"],
        );
    }
}

#[test]
fn a_new_value_is_committed_before_it_is_used() {
    for server in servers() {
        let two = Two::new(&server, SHOP, NEW_VALUE);
        let name = two.from.name();
        let script = two.script(&[]);
        assert_eq!(script.matches("\nBEGIN;").count(), 2, "{script}");
        assert!(
            script
                .contains("-- psql-cm: commit because the next one uses the value sent of enum app.state\n"),
            "{script}"
        );
        two.run_by_psql().unwrap_or_else(|error| panic!("{error}\n{script}"));
        two.check_same();
        // By submit, with an entry for each transaction.
        let again = Two::new(&server, SHOP, NEW_VALUE);
        let name_again = again.from.name();
        again.tool.ok(&["-d", name_again, "-s", "app", "setup"]);
        again.script(&[]);
        again.tool.ok(&["-d", name_again, "-s", "app", "submit", "-c", "change.sql"]);
        again.check_same();
        let entries =
            again.from.psql("SELECT count(*) FROM app.pg_psql_cm WHERE evidence->>'parts' = '2'").unwrap();
        assert_eq!(entries.trim(), "2");
        let ledger = format!("ledger:{name_again}");
        let ran = again.tool.run(&["diff", &ledger, &format!("db:{name_again}")]);
        assert_eq!(ran.code, 0, "{name} {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn nothing_is_lost_that_nobody_allowed() {
    let server = &servers()[0];
    let losses = "DROP VIEW app.busy; ALTER TABLE app.orders DROP code, ALTER total TYPE numeric(8,1);
        CREATE TABLE app.gone (id int); CREATE SEQUENCE app.s;";
    let two = Two::new(server, SHOP, losses);
    two.from.psql("CREATE TABLE app.old (id int); CREATE SEQUENCE app.numbers").unwrap();
    let lost = [
        "drop table app.old: all rows of table app.old",
        "drop column app.orders.code: all values of column app.orders.code",
        "drop sequence app.numbers: the number at which sequence app.numbers stands",
        "change column app.orders.total: what does not fit from numeric(10,2) into numeric(8,1)",
    ];
    let words: Vec<&str> =
        lost.iter().copied().chain(["--allow data-loss", "no script is written"]).collect();
    let [from, to] = two.sources();
    for more in [&[][..], &["--output", "change.sql"], &["--no-verify"]] {
        let ran = two.tool.fails(&[&["plan", &from, &to], more].concat(), 4, &words);
        assert_eq!(ran.stdout, "");
        assert!(!two.tool.folder().join("change.sql").exists());
    }
    let shown = two.plan(&["--format", "text"]);
    assert_eq!(shown.code, 4, "{}", shown.stderr);
    let (first, _) = shown.stdout.split_once("DATA LOSS").unwrap();
    assert!(
        first.contains("loses data:") && lost.iter().all(|loss| first.contains(loss)),
        "{}",
        shown.stdout
    );
    let report = two.json(&[], 4);
    assert_eq!(report["targets"][0]["outcome"], "refused");
    assert!(report["targets"][0]["details"]["script"].is_null(), "{report}");
    let script = two.script(&["--allow", "data-loss"]);
    assert!(script.contains("-- psql-cm: allowed [\"data-loss\"]\n"), "{script}");
    assert!(script.contains("-- way back, without what was lost:\n--     CREATE TABLE app.old"), "{script}");
    two.run_by_psql().unwrap_or_else(|error| panic!("{error}\n{script}"));
    two.check_same();
}

#[test]
fn renames_are_offered_and_done_when_somebody_says_so() {
    for server in servers() {
        let changes = r#"ALTER TABLE app.orders RENAME TO "Sales"; ALTER TABLE app.customers RENAME name TO title;
            CREATE INDEX by_title ON app.customers (title);"#;
        let two = Two::new(&server, SHOP, changes);
        two.from.psql(ROWS).unwrap();
        let [from, to] = two.sources();
        let offered = "if it is only called something else: --rename 'table:app.orders=app.\"Sales\"'";
        two.tool.fails(&["plan", &from, &to], 4, &["drop table app.orders", offered]);
        let renames = [
            "--rename",
            r#"table:app.orders=app."Sales""#,
            "--rename",
            "column:app.customers.name=app.customers.title",
        ];
        let script = two.script(&renames);
        assert!(
            script.contains("Step 1 of 2: rename table app.orders, column app.customers.name\n"),
            "{script}"
        );
        assert!(script.contains("--     ALTER TABLE app.\"Sales\" RENAME TO orders;\n"), "{script}");
        assert!(script.contains("-- psql-cm: allowed []\n"), "{script}");
        two.run_by_psql().unwrap_or_else(|error| panic!("{error}\n{script}"));
        two.check_same();
        assert_eq!(two.from.psql(r#"SELECT count(*) FROM app."Sales""#).unwrap().trim(), "2");
        let none = ["plan", &from, &to, "--rename", "table:app.a=app.b"];
        two.tool.fails(&none, 2, &["there is no table app.a on the side that is left"]);
    }
}

#[test]
fn a_comment_in_the_tree_says_what_is_a_rename() {
    for server in servers() {
        let two = Two::new(&server, SHOP, "");
        two.from.psql(ROWS).unwrap();
        let tool = &two.tool;
        tool.ok(&["-d", two.from.name(), "dump", "--no-commit"]);
        let file = tool.tree(&format!("{}/app/tables/orders.sql", two.from.name()));
        let text = fs::read_to_string(&file).unwrap();
        let edited = text.replace("orders", "sales").replacen(
            "CREATE TABLE",
            "-- psql-cm: renamed from orders\nCREATE TABLE",
            1,
        );
        let edited = edited.replacen(
            "    code character",
            "    -- psql-cm: renamed from code\n    label character",
            1,
        );
        assert_eq!(edited.matches("renamed from").count(), 2, "{edited}");
        fs::write(&file, edited).unwrap();
        for name in ["busy", "total"] {
            for folder in ["views", "functions"] {
                let file = tool.tree(&format!("{}/app/{folder}/{name}.sql", two.from.name()));
                if let Ok(text) = fs::read_to_string(&file) {
                    fs::write(file, text.replace("app.orders", "app.sales").replace("orders.", "sales."))
                        .unwrap();
                }
            }
        }
        let [from, tree] = [format!("db:{}", two.from.name()), format!("tree:sql#{}", two.from.name())];
        let ran = tool.run(&["plan", &from, &tree, "-o", "change.sql"]);
        assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
        let script = fs::read_to_string(tool.folder().join("change.sql")).unwrap();
        assert!(script.contains("rename table app.orders, column app.orders.code\n"), "{script}");
        two.run_by_psql().unwrap();
        assert_eq!(
            two.from.psql("SELECT string_agg(label, ',' ORDER BY id) FROM app.sales").unwrap().trim(),
            "x,y"
        );
        // Now it is called so, and the comment says nothing any more.
        let again = tool.run(&["plan", &from, &tree]);
        assert_eq!((again.code, again.stdout.as_str()), (0, ""), "{}", again.stderr);
    }
}

#[test]
fn a_person_at_a_terminal_is_asked_what_is_a_rename() {
    let server = servers().swap_remove(0);
    let two = Two::new(&server, SHOP, "ALTER TABLE app.orders RENAME TO sales");
    two.from.psql(ROWS).unwrap();
    let [from, to] = two.sources();
    let ask = |typed: &str| {
        let script = two.tool.psql_cm_on_a_terminal(&["plan", &from, &to, "-o", "change.sql"]);
        at_a_terminal(script, "[y/N] ", typed)
    };
    let question = "Is table app.sales the table app.orders that is there, under another name? [y/N]";
    for no in ["\n", "no\n"] {
        let shown = ask(no);
        assert!(shown.contains(question) && shown.contains("the plan loses data"), "{shown}");
    }
    // Ctrl-C is no answer.
    let shown = ask("\u{3}");
    assert!(shown.contains(question) && shown.contains("interrupted"), "{shown}");
    let shown = ask("y\n");
    assert!(shown.contains(question) && shown.contains("verified on PostgreSQL"), "{shown}");
    two.run_by_psql().unwrap();
    two.check_same();
    assert_eq!(two.from.psql("SELECT count(*) FROM app.sales").unwrap().trim(), "2");
}

#[test]
fn no_name_gets_out_of_its_comment() {
    for server in servers() {
        let hostile = r#"
            CREATE TABLE "a
DROP TABLE important; --" (id int, "c
\! true" int);
            CREATE TABLE "; COMMIT; --" (id int);
            COMMENT ON TABLE "; COMMIT; --" IS E'x\n\\q';"#;
        let two = Two::new(&server, "CREATE TABLE important (id int)", hostile);
        let script = two.script(&[]);
        two.run_by_psql().unwrap_or_else(|error| panic!("{error}\n{script}"));
        two.check_same();
        // And the way back, in which they are dropped.
        let [from, to] = two.sources();
        two.from.psql("ALTER TABLE important ADD x int").unwrap();
        let back = two.tool.run(&["plan", &from, "empty:", "--allow", "data-loss", "-o", "change.sql"]);
        assert_eq!(back.code, 3, "{to} {}", back.stderr);
        two.run_by_psql().unwrap();
        assert_eq!(two.tool.run(&["plan", &from, "empty:"]).code, 0);
    }
}

#[test]
fn it_is_tried_out_unless_told_otherwise_and_nothing_stays() {
    for server in servers() {
        let two = Two::new(&server, SHOP, CHANGES);
        // A row of this table cannot be made up.
        two.from
            .psql("CREATE TABLE app.odd (a text CHECK (a ~ '^never$' AND length(a) = 3) NOT NULL)")
            .unwrap();
        two.to
            .psql("CREATE TABLE app.odd (a text CHECK (a ~ '^never$' AND length(a) = 3) NOT NULL)")
            .unwrap();
        let ran = two.plan(&[]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        let version = format!("verified on PostgreSQL {}", server.major());
        assert!(
            ran.stderr.contains(&version) && ran.stderr.contains("rows in 2 of 3 tables"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("no row could be made up for app.odd"), "{}", ran.stderr);
        let ran = two.plan(&["--no-verify"]);
        assert!(ran.stdout.contains("-- psql-cm: verified null\n"), "{}", ran.stdout);
        assert!(!ran.stderr.contains("verified"), "{}", ran.stderr);
        // On a server that was given.
        let uri = server.uri("postgres");
        let ran = two.plan(&["--scratch-uri", &uri]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        no_scratch_stays(&server);
    }
}

#[test]
fn a_signal_while_it_is_tried_out_leaves_nothing() {
    let server = &servers()[0];
    let slow = "CREATE FUNCTION slow(a int) RETURNS bool LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_catalog.pg_sleep(600); RETURN true; END $$;
        CREATE TABLE slow_rows (a int CHECK (slow(a)))";
    let two = Two::new(server, slow, "CREATE TABLE more (a int)");
    let [from, to] = two.sources();
    let mine = "FROM pg_stat_activity WHERE datname ~ ' scratch ' AND query ~ 'INSERT INTO public.slow_rows'";
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut command = two.tool.psql_cm(&["plan", &from, &to, "--scratch-uri", &server.uri("postgres")]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let place = loop {
            let place = two.tool.psql("postgres", &format!("SELECT datname {mine}"));
            if !place.trim().is_empty() {
                break place.trim().to_owned();
            }
        };
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{}", ran.stderr);
        assert!(!two.tool.has_database(&place), "{place}");
    }
}

/// Schemas of other projects, and what became of them in years. All ordered pairs beside with `PSQL_CM_PAIRS=all`.
#[test]
fn real_schemas_are_planned_tried_out_and_run() {
    // For people at work on one of them: part of its name.
    let only = std::env::var("PSQL_CM_TEST_PAIR").ok();
    let takes_all = std::env::var("PSQL_CM_PAIRS").is_ok_and(|pairs| pairs == "all");
    let mut failures = Vec::new();
    for server in servers().iter().filter(|server| server.major() >= 15) {
        let there_and_back = |(old, new): (String, String)| [(old.clone(), new.clone()), (new, old)];
        let others = ordered_pairs().filter(|_| takes_all).map(|(from, to)| (from.to_owned(), to.to_owned()));
        for (from, to) in years(server.major()).flat_map(there_and_back).chain(others) {
            let name = format!("{from} to {to}");
            if only.as_ref().is_some_and(|only| !name.contains(only)) {
                continue;
            }
            let (Some(from), Some(to)) = (load_corpus(server, &from), load_corpus(server, &to)) else {
                return;
            };
            let outcome = planned_and_run(&Two { tool: Tool::new(server), from, to });
            failures.extend(outcome.err().map(|error| format!("{name} on {}: {error}", server.major())));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

fn planned_and_run(two: &Two) -> Result<(), String> {
    let [from, to] = two.sources();
    let plan = |more: &[&str]| two.tool.run(&[&["plan", &from, &to], more].concat());
    let ran = plan(&["--allow", "data-loss", "-o", "change.sql"]);
    if ran.code != 3 || !ran.stderr.contains("verified on PostgreSQL") {
        return Err(ran.stderr);
    }
    two.run_by_psql()?;
    let again = plan(&["--no-verify"]);
    if again.code != 0 {
        return Err(again.stdout + &again.stderr);
    }
    let dumps = [&two.from, &two.to].map(|database| without_order(&database.pg_dump_schema()));
    text_difference(&dumps[0], &dumps[1]).map_or(Ok(()), Err)
}
