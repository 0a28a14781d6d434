//! `diff`: each kind of source on either side, what is told of differences, and what is left behind: nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
             \x20     + column app.orders.note: type text\n\
             \x20     ~ column app.orders.total\n\
             \x20         type: numeric(10,2) -> numeric(12,2)\n\
             \x20     - index app.orders.orders_by_state: definition CREATE INDEX orders_by_state ON app.orders USING btree (state)\n\
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
        // Of files alone the newest server would be asked, and what pg_dump writes is for one of this version.
        let scratch = server.uri("postgres");
        let ran = tool.run(&["diff", "file:schema.sql", "tree:sql", "--scratch-uri", &scratch]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        // The variable says the same; without it there would be no programs for a cluster.
        let mut command = tool.psql_cm(&["diff", "file:schema.sql", "tree:sql"]);
        command.env("PSQL_CM_PG_BIN", tool.folder());
        assert_ne!(Ran::of(&command.output().unwrap()).code, 0);
        let ran = Ran::of(&command.env("PSQLCM_SCRATCH_URI", &scratch).output().unwrap());
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
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

#[test]
fn revisions_of_a_tree_are_compared() {
    for server in servers() {
        let database = shop(&server, "diff_git");
        let name = database.name();
        let tool = Tool::new(&server);
        // The repository holds more than the tree.
        assert!(tool.command("git").args(["init", "-q"]).status().unwrap().success());
        tool.ok(&["-d", name, "dump"]);
        database.psql(CHANGES).unwrap();
        tool.ok(&["-d", name, "dump"]);
        let facts_of = |from: &str, to: &str| facts(&json(&tool, &[from, to], 3));
        let between = facts_of("git:HEAD~1", "git:HEAD");
        assert_eq!(between.len(), 6, "{between:?}");
        assert_eq!(facts_of("git:HEAD~1:sql", &format!("git:HEAD#{name}")), between);
        assert_eq!(facts_of("git:HEAD~1", &format!("db:{name}")), between);
        equal(&tool, "git:HEAD", "tree:sql");
        // A folder that is no more is still there in the revision.
        fs::remove_dir_all(tool.folder().join("sql").join(name)).unwrap();
        equal(&tool, "git:HEAD", &format!("db:{name}"));
        tool.fails(&["diff", "git:nowhere", "git:HEAD"], 1, &["cannot read git:nowhere", "git log"]);
        tool.fails(&["diff", "git:HEAD:elsewhere", "git:HEAD"], 1, &["cannot read git:HEAD:elsewhere"]);
    }
}

#[test]
fn a_ledger_tells_what_was_done_past_it() {
    for server in servers() {
        let database = server.database("diff_ledger");
        let name = database.name();
        let tool = Tool::new(&server);
        let (ledger, live) = (format!("ledger:{name}"), format!("db:{name}"));
        tool.fails(&["diff", &ledger, &live], 1, &["no schema of it is under control", "psql-cm setup"]);
        // What the bases need and do not hold: an extension, a schema outside.
        database
            .psql(
                "CREATE EXTENSION citext; CREATE SCHEMA outside; CREATE TYPE outside.kind AS (a int);
                 CREATE SCHEMA app; CREATE SCHEMA log;
                 CREATE TABLE app.t (a citext, k outside.kind); CREATE TABLE log.l (a int);
                 CREATE VIEW app.v AS SELECT l.a FROM log.l",
            )
            .unwrap();
        tool.ok(&["-d", name, "setup", "--schemas", "app,log"]);
        equal(&tool, &ledger, &live);
        let submit = |schema: &str, sql: &str| {
            tool.ok(&["-d", name, "-s", schema, "submit", "--change", sql]);
        };
        submit(
            "app",
            "CREATE TABLE own (a int); INSERT INTO own VALUES (1); ALTER TABLE own ALTER a SET NOT NULL",
        );
        submit("log", "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'");
        submit("app", "CREATE SCHEMA made CREATE TABLE made.m (a int)");
        submit("made", "ALTER TABLE m ADD b int");
        submit("app", "CREATE INDEX CONCURRENTLY own_a ON own (a)");
        submit("app", "CREATE EXTENSION hstore SCHEMA public; ALTER TABLE own ADD h public.hstore");
        equal(&tool, &ledger, &live);
        // A schema that comes under control later, one that is renamed, one that is dropped.
        database.psql("CREATE SCHEMA late; CREATE VIEW late.v AS SELECT a FROM app.own").unwrap();
        tool.ok(&["-d", name, "setup", "--schemas", "late"]);
        submit("made", "ALTER SCHEMA made RENAME TO renamed");
        submit("renamed", "ALTER TABLE m ADD c int");
        submit("app", "DROP VIEW app.v; DROP SCHEMA log CASCADE");
        equal(&tool, &ledger, &live);
        // Past the ledgers.
        database
            .psql("ALTER TABLE app.own ADD past int; DROP VIEW late.v; CREATE TABLE outside.t ()")
            .unwrap();
        let drift = facts(&json(&tool, &[&ledger, &live], 3));
        assert_eq!(drift, ["+ column app.own.past", "- view late.v"]);
        // A change that needs what was done past the ledgers cannot be done again.
        submit("app", "ALTER TABLE own DROP COLUMN past");
        let said = tool
            .fails(&["diff", &ledger, &live], 1, &["cannot be done again: entry", "of schema app"])
            .stderr;
        assert!(said.contains("column \"past\" of relation \"own\" does not exist"), "{said}");
        assert!(said.contains("| ALTER TABLE own DROP COLUMN past"), "{said}");
    }
}

#[test]
fn a_tree_edited_by_hand_loads_in_any_order_and_its_errors_have_a_place() {
    for server in servers() {
        let database = shop(&server, "diff_hand");
        let name = database.name();
        let tool = Tool::new(&server);
        tool.ok(&["-d", name, "dump", "--no-commit"]);
        let live = format!("db:{name}");
        // All statements of all files, shuffled into a few files of other names.
        let mut statements = Vec::new();
        for file in sql_files(&tool.tree(name)) {
            let text = fs::read_to_string(&file).unwrap();
            statements.extend(text.split_inclusive(";\n").map(str::to_owned));
            fs::remove_file(file).unwrap();
        }
        fs::remove_dir_all(tool.tree(".facts")).unwrap();
        statements.reverse();
        let half = statements.len() / 2;
        tool.write(&format!("{name}/app/mixed.sql"), &statements[..half].concat());
        tool.write(&format!("{name}/zz/rest.sql"), &statements[half..].concat());
        equal(&tool, &live, "tree:sql");
        // A mistake is shown where it stands.
        let mistake = "-- not yet\nCREATE TABLE app.wrong (\n    a int,\n    b nothing\n);\n";
        tool.write(&format!("{name}/app/tables/wrong.sql"), mistake);
        let said = tool.fails(
            &["diff", &live, "tree:sql"],
            1,
            &["cannot read tree:sql", "type \"nothing\" does not exist"],
        );
        let place = format!("at sql/{name}/app/tables/wrong.sql:4:7\n  4 |     b nothing\n    |       ^");
        assert!(said.stderr.contains(&place), "{}", said.stderr);
        let report = json(&tool, &[&live, "tree:sql"], 1);
        let error = &report["errors"][0];
        assert_eq!(
            (&error["line"], &error["column"], &error["sqlstate"]),
            (&4.into(), &7.into(), &"42704".into())
        );
        // So is one in a script, and what is no SQL.
        fs::write(tool.folder().join("bad.sql"), "CREATE TABLE a ();\n\\connect other\n").unwrap();
        tool.fails(
            &["diff", "bad.sql", &live],
            1,
            &["\\connect is a command of psql, not SQL", "at bad.sql:2:1"],
        );
        fs::write(tool.folder().join("bad.sql"), "CREATE TABLE a ();\n  CREATE TABEL b ();\n").unwrap();
        tool.fails(&["diff", "bad.sql", &live], 1, &["syntax error at or near \"TABEL\"", "at bad.sql:2:10"]);
    }
}

fn sql_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(sql_files(&path)),
            false if path.extension().is_some_and(|end| end == "sql") => files.push(path),
            false => {}
        }
    }
    files.sort();
    files
}

#[test]
fn what_may_be_two_things_is_refused() {
    let server = &servers()[0];
    let tool = Tool::new(server);
    fs::create_dir(tool.folder().join("shop")).unwrap();
    fs::write(tool.folder().join("notes"), "").unwrap();
    let check = |words: &[&str], says: &[&str]| {
        tool.fails(&[&["diff"], words].concat(), 2, says);
    };
    check(
        &["shop", "empty:"],
        &["\"shop\" is a path here", "write tree:shop for the path, or db:shop for the database"],
    );
    check(&["empty:", "notes"], &["write file:notes for the path, or db:notes for the database"]);
    check(&["gone.sql", "empty:"], &["there is neither a file nor a folder \"gone.sql\""]);
    check(&["gti:HEAD", "empty:"], &["begins with gti:, which is no kind of source", "git:REV"]);
    check(&["tree:shop", "empty:"], &["tree:shop has no database to compare"]);
    check(&["tree:nowhere", "empty:"], &["there is no folder \"nowhere\""]);
    check(&["db:a"], &["<TO>"]);
}

/// All that databases of a cluster share, by name.
fn shared(server: &TestServer) -> String {
    let sql = "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles
        UNION ALL SELECT string_agg(spcname, ',' ORDER BY spcname) FROM pg_tablespace
        UNION ALL SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database WHERE datname ~ ' scratch '";
    server.psql("postgres", sql).unwrap()
}

#[test]
fn a_server_that_is_given_is_left_as_it_was() {
    for server in servers() {
        // Other tests make roles on the servers of the run.
        let scratch = OwnServer::start(server.major());
        let database = shop(&server, "diff_given");
        let role = psqlcm_testkit::unique("diff_owner");
        database
            .psql(&format!("CREATE ROLE {role}; ALTER TABLE app.orders OWNER TO {role}; GRANT SELECT ON app.busy TO {role}"))
            .unwrap();
        let (name, tool) = (database.name(), Tool::new(&server));
        tool.ok(&["-d", name, "dump", "--no-commit"]);
        let (live, uri) = (format!("db:{name}"), scratch.0.uri("postgres"));
        let before = shared(&scratch.server());
        let given = |words: &[&str]| {
            let ran = tool.run(&[&["diff"], words, &["--scratch-uri", &uri]].concat());
            assert_eq!(shared(&scratch.server()), before, "{words:?}");
            ran
        };
        // Missing roles are never made there.
        let ran = given(&[&live, "tree:sql"]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("the scratch server lacks the roles {role}")), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("--role-map {role}=ROLE")), "{}", ran.stderr);
        let map = format!("{role}=postgres");
        let ran = given(&[&live, "tree:sql", "--role-map", &map]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        // On a cluster of our own they are.
        equal(&tool, &live, "tree:sql");
        // Neither does an error leave anything, nor a statement that is about the cluster.
        tool.write(&format!("{name}/app/tables/wrong.sql"), "CREATE TABLE app.wrong (a nothing);\n");
        let ran = given(&[&live, "tree:sql", "--role-map", &map]);
        assert!(ran.code == 1 && ran.stderr.contains("wrong.sql:1:"), "{}", ran.stderr);
        fs::write(tool.folder().join("cluster.sql"), "SELECT 1;\nCREATE ROLE nobody_wants;\n").unwrap();
        let ran = given(&["cluster.sql", "empty:"]);
        assert!(ran.code == 1 && ran.stderr.contains("is about the whole cluster"), "{}", ran.stderr);
        assert!(ran.stderr.contains("at cluster.sql:2:1"), "{}", ran.stderr);
        // What a killed run left is dropped, and nothing else.
        let scratch_server = scratch.server();
        for left in ["psql-cm 1 scratch 0123456789abcdef", "mine scratch"] {
            scratch_server.psql("postgres", &format!("CREATE DATABASE \"{left}\"")).unwrap();
        }
        fs::remove_file(tool.tree(&format!("{name}/app/tables/wrong.sql"))).unwrap();
        let ran = tool.run(&["diff", &live, "tree:sql", "--role-map", &map, "--scratch-uri", &uri]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("which a killed run had left"), "{}", ran.stderr);
        assert_eq!(shared(&scratch_server), before);
        let kept = scratch_server
            .psql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'mine scratch'");
        assert_eq!(kept.unwrap().trim(), "1");
    }
}

/// A server that no other test touches.
struct OwnServer(psqlcm_engine::server::ScratchCluster, u32);

impl OwnServer {
    fn start(major: u32) -> Self {
        use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions};
        let found = Installation::discover().into_iter().find(|found| found.version.major == major).unwrap();
        Self(ScratchCluster::start(&found, &ScratchOptions::default()).unwrap(), major)
    }

    fn server(&self) -> TestServer {
        TestServer::new(self.1, self.0.socket_dir(), self.0.port())
    }
}

#[test]
fn what_the_scratch_server_lacks_is_named() {
    for server in servers() {
        let database = shop(&server, "diff_lacks");
        let name = database.name();
        let tool = Tool::new(&server);
        tool.ok(&["-d", name, "dump", "--no-commit"]);
        let live = format!("db:{name}");
        tool.write(&format!("{name}/extensions.sql"), "CREATE EXTENSION no_such_extension;\n");
        let major = server.major();
        let says = [
            &format!("the scratch server, PostgreSQL {major}, lacks extension no_such_extension") as &str,
            &format!("install its packages for PostgreSQL {major} on this machine"),
        ];
        tool.fails(&["diff", &live, "tree:sql"], 1, &says);
        tool.write(
            &format!("{name}/extensions.sql"),
            "CREATE FUNCTION app.f() RETURNS int LANGUAGE c AS '$libdir/no_such_library', 'f';\n",
        );
        tool.fails(
            &["diff", &live, "tree:sql"],
            1,
            &["the scratch server has no such library", "extensions.sql:1:1"],
        );
        // Without a server of that version.
        let mut command = tool.psql_cm(&["diff", &live, "tree:sql"]);
        let ran = Ran::of(&command.env("PSQL_CM_PG_BIN", tool.folder()).output().unwrap());
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let says =
            [&format!("no PostgreSQL {major} is installed") as &str, "--scratch-uri", "PSQL_CM_PG_BIN"];
        assert!(says.iter().all(|words| ran.stderr.contains(words)), "{}", ran.stderr);
    }
}

#[test]
fn servers_of_different_versions_are_read_by_one() {
    let servers = servers();
    let (Some(old), Some(new)) = (servers.first(), servers.last()) else { return };
    let (here, there) = (shop(old, "diff_versions"), shop(new, "diff_versions"));
    let tool = Tool::new(old);
    let to = new.uri(there.name());
    // What the server prints of it differs between versions.
    for database in [&here, &there] {
        database
            .psql("CREATE VIEW app.sums AS SELECT state, sum(id) FILTER (WHERE id > 0) AS s FROM app.orders GROUP BY 1")
            .unwrap();
    }
    let from = format!("db:{}", here.name());
    let ran = tool.run(&["diff", &from, &to, "--schemas", "app"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    if old.major() != new.major() {
        assert!(ran.stderr.contains(&format!("{from} is of PostgreSQL {}", old.major())), "{}", ran.stderr);
    }
    there.psql(CHANGES).unwrap();
    let report = json(&tool, &[&from, &to, "--schemas", "app"], 3);
    assert_eq!(facts(&report).len(), 6, "{report}");
    let version = report["targets"][0]["details"]["server_version"].as_str().unwrap().to_owned();
    assert!(version.starts_with(&format!("{}.", new.major())), "{version}");
}

#[test]
fn a_tree_against_a_cluster_compares_all_its_databases() {
    for server in servers() {
        let cluster = OwnServer::start(server.major());
        let own = cluster.server();
        for (name, table) in [("one", "a"), ("two", "b"), ("other", "c")] {
            own.psql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
            own.psql(name, &format!("CREATE TABLE public.{table} (a int)")).unwrap();
        }
        let tool = Tool::new(&own);
        tool.ok(&["-a", "one,two", "dump", "--no-commit"]);
        let uri = format!("postgresql://postgres@/?host={}&port={}", own.socket_dir().display(), own.port());
        let ran = tool.run(&["diff", &uri, "tree:sql"]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("one: equal\n") && ran.stdout.contains("two: equal\n"), "{}", ran.stdout);
        assert!(ran.stderr.contains("not in the tree, and not compared: other, postgres"), "{}", ran.stderr);
        own.psql("two", "ALTER TABLE b ADD c int").unwrap();
        let ran = tool.run(&["diff", &uri, "tree:sql"]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(
            ran.stdout.contains("two: different (~1)") && ran.stdout.contains("one: equal"),
            "{}",
            ran.stdout
        );
        assert_eq!(tool.run(&["diff", &uri, "tree:sql", "--databases", "one"]).code, 0);
        // One of them is gone.
        own.psql("postgres", "DROP DATABASE one").unwrap();
        let ran = tool.run(&["diff", "tree:sql", &uri]);
        assert!(
            ran.stdout.contains("one: different (-2; the whole database is only in FROM)"),
            "{}",
            ran.stdout
        );
        tool.fails(&["diff", "schema.sql", "tree:sql"], 2, &["neither a file nor a folder"]);
        fs::write(tool.folder().join("schema.sql"), "").unwrap();
        tool.fails(
            &["diff", "schema.sql", "tree:sql"],
            2,
            &["tree:sql has several databases: one, two", "say which"],
        );
    }
}

#[test]
fn what_is_ignored_left_out_or_only_order_is_no_difference() {
    for server in servers() {
        let (old, new) = (shop(&server, "diff_order"), shop(&server, "diff_order"));
        let tool = Tool::new(&server);
        let (from, to) = (format!("db:{}", old.name()), format!("db:{}", new.name()));
        old.psql("CREATE TABLE app.o (a int, b int); CREATE TABLE app.tmp_1 ()").unwrap();
        new.psql("CREATE TABLE app.o (b int, a int)").unwrap();
        fs::write(tool.folder().join("psql-cm.toml"), "[ignore]\nobjects = [\"app.tmp_*\"]\n").unwrap();
        let ran = tool.run(&["diff", &from, &to]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("= table app.o: only the stored order differs"), "{}", ran.stdout);
        let report = json(&tool, &[&from, &to], 0);
        assert_eq!(report["targets"][0]["details"]["order"].as_array().unwrap().len(), 2, "{report}");
        let role = psqlcm_testkit::unique("diff_other");
        new.psql(&format!(
            "CREATE ROLE {role}; ALTER TABLE app.o OWNER TO {role}; GRANT SELECT ON app.orders TO {role}"
        ))
        .unwrap();
        assert_eq!(tool.run(&["diff", &from, &to]).code, 3);
        assert_eq!(tool.run(&["diff", &from, &to, "--no-owner", "--no-privileges"]).code, 0);
    }
}

#[test]
fn a_signal_leaves_nothing_on_a_server_that_is_given() {
    for server in servers() {
        let scratch = OwnServer::start(server.major());
        let uri = scratch.0.uri("postgres");
        let tool = Tool::new(&server);
        fs::write(tool.folder().join("slow.sql"), "CREATE TABLE a ();\nSELECT pg_sleep(600);\n").unwrap();
        let before = shared(&scratch.server());
        for (signal, code) in [("INT", 130), ("TERM", 143)] {
            let mut command = tool.psql_cm(&["diff", "slow.sql", "empty:", "--scratch-uri", &uri]);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname ~ ' scratch ' AND query ~ '^SELECT pg_sleep'";
            while scratch.server().psql("postgres", asleep).unwrap().trim() != "1" {}
            let sent =
                Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
            assert!(sent.success());
            let ran = Ran::of(&child.wait_with_output().unwrap());
            assert_eq!(ran.code, code, "{}", ran.stderr);
            assert_eq!(shared(&scratch.server()), before, "{}", ran.stderr);
        }
    }
}

#[test]
fn services_are_found_and_secrets_are_not_shown() {
    let server = &servers()[0];
    let database = shop(server, "diff_service");
    let tool = Tool::new(server);
    let service = format!(
        "[here]\nhost={}\nport={}\ndbname={}\n",
        server.socket_dir().display(),
        server.port(),
        database.name()
    );
    fs::write(tool.folder().join("home/.pg_service.conf"), service).unwrap();
    equal(&tool, "service:here", &format!("db:{}", database.name()));
    tool.fails(&["diff", "service:nowhere", "empty:"], 2, &["definition of service \"nowhere\""]);
    let uri = format!("{}&password=geheim", server.uri(database.name()));
    let ran = tool.run(&["diff", &uri, "empty:", "--format", "json", "-v", "-D"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("geheim"), "{}{}", ran.stdout, ran.stderr);
}

/// Real schemas that load on all servers, from beside the checkout.
const REAL: [&str; 5] = ["pagila", "procrastinate", "adventureworks", "farmbot", "supabase_auth_final"];

/// What a live database is, its files and its ledgers say, and so does a newer server.
#[test]
fn real_schemas_are_the_same_in_every_form() {
    let servers = servers();
    let newest = servers.last().unwrap();
    for server in &servers {
        for schema in REAL {
            let Some(Ok(database)) = psqlcm_testkit::try_load_corpus(server, schema) else {
                continue;
            };
            let name = database.name();
            let tool = Tool::new(server);
            tool.ok(&["-d", name, "setup"]);
            tool.ok(&["-d", name, "dump", "--no-commit"]);
            let live = format!("db:{name}");
            equal(&tool, &live, "tree:sql");
            equal(&tool, &format!("ledger:{name}"), &live);
            // Read on another version.
            let uri = newest.uri("postgres");
            let ran = tool.run(&["diff", "tree:sql", &live, "--scratch-uri", &uri]);
            assert_eq!(ran.code, 0, "{schema} on {}\n{}{}", server.major(), ran.stdout, ran.stderr);
        }
    }
}
