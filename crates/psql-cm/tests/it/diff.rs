//! `diff`: each kind of source on either side, what is told of differences, and what is left behind: nothing.

use std::fs;

use psqlcm_testkit::{TestDatabase, TestServer, servers};
use serde_json::Value;

use crate::tool::{Ran, Tool};

/// Objects that need each other across files and kinds.
const SHOP: &str = "
    CREATE SCHEMA app;
    CREATE TYPE app.state AS ENUM ('new', 'paid');
    CREATE TABLE app.customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
    CREATE TABLE app.orders (
        id bigint PRIMARY KEY,
        customer int REFERENCES app.customers,
        state app.state DEFAULT 'new',
        total numeric(10,2) CHECK (total >= 0)
    );
    CREATE INDEX orders_by_state ON app.orders (state);
    CREATE FUNCTION app.count_orders(who int) RETURNS bigint LANGUAGE sql STABLE
        AS $$ SELECT count(*)\n    FROM app.orders\n    WHERE customer = who $$;
    CREATE VIEW app.busy AS SELECT c.name, app.count_orders(c.id) AS orders FROM app.customers c;
    COMMENT ON TABLE app.orders IS 'What was ordered';
    ALTER DATABASE CURRENT_DATABASE_NAME SET work_mem = '8MB';";

/// What somebody does to it.
const CHANGES: &str = "
    ALTER TABLE app.orders ALTER total TYPE numeric(12,2);
    ALTER TABLE app.orders ADD note text;
    DROP INDEX app.orders_by_state;
    CREATE TABLE app.returns (id int, reason text);
    CREATE OR REPLACE FUNCTION app.count_orders(who int) RETURNS bigint LANGUAGE sql STABLE
        AS $$ SELECT count(*)\n    FROM app.orders\n    WHERE customer = who AND state = 'paid' $$;
    COMMENT ON TABLE app.orders IS 'Orders';";

fn shop(server: &TestServer, name: &str) -> TestDatabase {
    let database = server.database(name);
    database.psql(&SHOP.replace("CURRENT_DATABASE_NAME", database.name())).unwrap();
    database
}

/// The JSON of a diff that must end with that code, and is what the published schema says.
fn json(tool: &Tool, words: &[&str], code: i32) -> Value {
    let ran = tool.run(&[&["diff"], words, &["--format", "json"]].concat());
    assert_eq!(ran.code, code, "{words:?}\n{}{}", ran.stdout, ran.stderr);
    let report: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout));
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/report.schema.json")).unwrap();
    let faults = psqlcm_testkit::faults(&schema, &report);
    assert!(faults.is_empty(), "{faults:?}");
    report
}

/// The facts of the only target, `+ table app.t`.
fn facts(report: &Value) -> Vec<String> {
    let targets = report["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 1, "{report}");
    let sign = |op: &Value| match op.as_str() {
        Some("add") => '+',
        Some("remove") => '-',
        Some("change") => '~',
        other => panic!("{other:?}"),
    };
    let facts = targets[0]["facts"].as_array().unwrap();
    facts.iter().map(|fact| format!("{} {}", sign(&fact["op"]), fact["id"].as_str().unwrap())).collect()
}

/// Both sides are equal.
#[track_caller]
fn equal(tool: &Tool, from: &str, to: &str) {
    let ran = tool.run(&["diff", from, to]);
    assert_eq!(ran.code, 0, "{from} {to}\n{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(": equal\n"), "{}", ran.stdout);
}

/// They differ; what was said.
#[track_caller]
fn different(tool: &Tool, words: &[&str]) -> Ran {
    let ran = tool.run(&[&["diff"], words].concat());
    assert_eq!(ran.code, 3, "{words:?}\n{}{}", ran.stdout, ran.stderr);
    ran
}

#[test]
fn differences_are_told_object_by_object_and_both_ways() {
    for server in servers() {
        let (old, new) = (shop(&server, "diff_old"), shop(&server, "diff_new"));
        new.psql(CHANGES).unwrap();
        let tool = Tool::new(&server);
        let (from, to) = (format!("db:{}", old.name()), format!("db:{}", new.name()));
        equal(&tool, &from, old.name());
        let said = different(&tool, &[&from, &to]).stdout;
        let expected = format!(
            "--- {from}\n+++ {to}\n{}: different (+1 ~2)\n\
             \x20 ~ function app.count_orders(integer)\n\
             \x20     definition:\n\
             \x20       @@ -4,4 +4,4 @@\n\
             \x20         STABLE\n\
             \x20        AS $function$ SELECT count(*)\n\
             \x20            FROM app.orders\n\
             \x20       -    WHERE customer = who $function$\n\
             \x20       +    WHERE customer = who AND state = 'paid' $function$\n\
             \x20 ~ table app.orders\n\
             \x20     + column app.orders.note\n\
             \x20     ~ column app.orders.total\n\
             \x20         type: numeric(10,2) -> numeric(12,2)\n\
             \x20     - index app.orders.orders_by_state\n\
             \x20     ~ comment on table app.orders\n\
             \x20         text: What was ordered -> Orders\n\
             \x20 + table app.returns\n",
            new.name()
        );
        assert_eq!(said, expected);
        let report = json(&tool, &[&from, &to], 3);
        let there = facts(&report);
        let back: Vec<String> = facts(&json(&tool, &[&to, &from], 3));
        let turned = |fact: &String| match fact.split_at(1) {
            ("+", rest) => format!("-{rest}"),
            ("-", rest) => format!("+{rest}"),
            (sign, rest) => format!("{sign}{rest}"),
        };
        assert_eq!(there.iter().map(turned).collect::<Vec<_>>(), back);
        let details = &report["targets"][0]["details"];
        assert_eq!((&details["from"], &details["to"]), (&from.clone().into(), &to.clone().into()));
        // Elsewhere, and as libpq's pairs.
        let uri = server.uri(old.name());
        assert_eq!(facts(&json(&tool, &[&uri, &to], 3)), there);
        let pairs = format!(
            "host={} port={} user=postgres dbname={}",
            server.socket_dir().display(),
            server.port(),
            old.name()
        );
        assert_eq!(facts(&json(&tool, &[&pairs, &to], 3)), there);
        // Only some schemas.
        assert_eq!(tool.run(&["diff", &from, &to, "--schemas", "public"]).code, 0);
        tool.fails(
            &["diff", &from, &to, "--schemas", "app,nowhere"],
            1,
            &["neither side has the schema nowhere"],
        );
    }
}

#[test]
fn trees_scripts_and_nothing_can_be_sides() {
    for server in servers() {
        let database = shop(&server, "diff_sides");
        let name = database.name();
        let tool = Tool::new(&server);
        tool.ok(&["-d", name, "setup"]);
        tool.ok(&["-d", name, "dump"]);
        let live = format!("db:{name}");
        equal(&tool, &live, "tree:sql");
        equal(&tool, "tree:sql", &live);
        equal(&tool, &live, &format!("./sql#{name}"));
        // A script with the ledgers in it.
        fs::write(tool.folder().join("schema.sql"), script(&server, name)).unwrap();
        equal(&tool, "schema.sql", &live);
        equal(&tool, "file:schema.sql", "tree:sql");
        // Nothing is what is not there.
        let all = facts(&json(&tool, &["empty:", "tree:sql"], 3));
        assert!(
            all.iter().all(|fact| fact.starts_with('+')) && all.contains(&"+ table app.orders".to_owned()),
            "{all:?}"
        );
        database.psql(CHANGES).unwrap();
        let from_tree = facts(&json(&tool, &["tree:sql", &live], 3));
        assert_eq!(from_tree, facts(&json(&tool, &["schema.sql", &live], 3)));
        assert_eq!(from_tree.len(), 6, "{from_tree:?}");
    }
}

/// What `pg_dump -s` gives, without the commands of psql and the settings of newer servers that a newer one writes.
fn script(server: &TestServer, name: &str) -> String {
    let is_for_all = |line: &&str| !line.starts_with('\\') && !line.contains("transaction_timeout");
    server.pg_dump_schema(name).lines().filter(is_for_all).map(|line| format!("{line}\n")).collect()
}
