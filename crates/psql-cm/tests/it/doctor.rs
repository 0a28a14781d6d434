//! `doctor`: what stands in the way is named with the commands it concerns, and nothing else is.

use psqlcm_testkit::{TestServer, faults, servers, unique};
use serde_json::Value;

use crate::tool::{Ran, Tool};

/// A database with the schemas `app` and `other`, the first under control and dumped; owned by a role of its own that logs in.
struct Scene {
    tool: Tool,
    role: String,
    name: String,
}

impl Scene {
    fn on(server: &TestServer, role_options: &str) -> Self {
        let (role, name) = (unique("patient"), unique("patient"));
        let admin = Tool::new(server);
        admin.psql("postgres", &format!("CREATE ROLE {role} LOGIN {role_options}"));
        admin.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        admin.psql(&name, &format!("DROP SCHEMA public; CREATE SCHEMA app AUTHORIZATION {role};
            CREATE SCHEMA other AUTHORIZATION {role}; CREATE TABLE app.t (a int PRIMARY KEY); ALTER TABLE app.t OWNER TO {role}"));
        let tool = admin.acting_as(&role);
        tool.ok(&["-d", &name, "-s", "app", "setup"]);
        Self { tool, role, name }
    }

    fn psql(&self, sql: &str) {
        self.tool.psql(&self.name, sql);
    }

    fn doctor(&self, words: &[&str]) -> Ran {
        self.tool.run(&[&["-d", &self.name, "doctor"], words].concat())
    }

    /// Ends so, and names that, each in a line of its own.
    #[track_caller]
    fn tells(&self, words: &[&str], code: i32, lines: &[&str]) -> Ran {
        let ran = self.doctor(words);
        assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
        for line in lines {
            let is_told = ran.stdout.lines().any(|told| told.trim_start().starts_with(line));
            assert!(is_told, "{line:?} begins no line of\n{}{}", ran.stdout, ran.stderr);
        }
        ran
    }

    /// What of the report concerns a command, with that severity.
    fn found(&self, severity: &str, command: &str) -> Vec<Value> {
        let ran = self.doctor(&["--format", "json"]);
        let report: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout));
        let schema = serde_json::from_str(include_str!("../../../../docs/report.schema.json")).unwrap();
        assert_eq!(faults(&schema, &report), Vec::<String>::new());
        assert_eq!(report["exit_code"], ran.code);
        let findings = report["targets"][0]["details"]["findings"].as_array().unwrap().iter();
        let fits = |finding: &&Value| {
            finding["severity"] == severity
                && finding["commands"].as_array().unwrap().contains(&Value::from(command))
        };
        findings.filter(fits).cloned().collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.tool.server.drop_database(&self.name);
        let _ = self.tool.server.psql("postgres", &format!("DROP ROLE {}", self.role));
    }
}

fn everywhere(role_options: &str, body: impl Fn(&Scene)) {
    for server in servers() {
        body(&Scene::on(&server, role_options));
    }
}

const OWNER: &str = "CREATEDB CREATEROLE";

#[test]
fn nothing_stands_in_the_way() {
    everywhere(OWNER, |scene| {
        scene.tool.ok(&["-d", &scene.name, "setup"]);
        scene.tool.ok(&["-d", &scene.name, "dump"]);
        let before = scene.tool.server.pg_dump_schema(&scene.name);
        let ran = scene.tells(&[], 0, &["nothing stands in the way"]);
        assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str()), (2, ""), "{}", ran.stdout);
        let version = scene.tool.server.major();
        assert!(ran.stdout.contains(&format!(": PostgreSQL {version}")), "{}", ran.stdout);
        assert!(ran.stdout.contains(&format!("login {}, over a socket", scene.role)), "{}", ran.stdout);
        assert_eq!(scene.tool.server.pg_dump_schema(&scene.name), before);
        assert_eq!(scene.found("would_not_work", "dump"), Vec::<Value>::new());
    });
}

#[test]
fn before_setup_all_is_well() {
    everywhere(OWNER, |scene| {
        let lines =
            ["good to know: schemas are not under control: other", "good to know: no git repository holds"];
        scene.tells(&[], 0, &lines);
    });
}

#[test]
fn a_role_without_rights() {
    everywhere("", |scene| {
        scene.psql("ALTER SCHEMA app OWNER TO postgres; ALTER TABLE app.pg_psql_cm OWNER TO postgres");
        let role = &scene.role;
        scene.tells(
            &[],
            3,
            &[
                &format!("would not work: the role {role} has no CREATEDB"),
                &format!("do: ALTER ROLE {role} CREATEDB"),
                "would not work: the role may not create in the schemas under control: app",
                "would not work: of what ledgers need, the role lacks: SELECT on app.pg_psql_cm, USAGE on the schema app",
                "would not work: of what ledgers need, the role lacks: INSERT on app.pg_psql_cm, UPDATE on the sequence app.pg_psql_cm_id_seq, USAGE on the sequence app.pg_psql_cm_id_seq",
                "would not work: of what ledgers need, the role lacks: SELECT on the sequence app.pg_psql_cm_id_seq",
            ],
        );
        // What doctor says is what they do.
        for command in [&["status"][..], &["verify"], &["log"], &["dump"]] {
            let ran = scene.tool.run(&[&["-d", &scene.name], command].concat());
            assert!(ran.code != 0, "{command:?}: {}", ran.stdout);
        }
        scene.tells(&["-s", "other"], 3, &["setup: nothing stands in the way"]);
        // Named, a schema is not left out.
        scene.psql("ALTER SCHEMA other OWNER TO postgres");
        scene.tells(&["-s", "other"], 3, &["would not work: the role may not create in the schemas: other"]);
        scene.tool.fails(&["-d", &scene.name, "-s", "other", "setup"], 1, &["other"]);
    });
}

#[test]
fn a_schema_that_setup_leaves_out() {
    everywhere(OWNER, |scene| {
        scene.psql("CREATE SCHEMA theirs");
        scene.tells(&[], 0, &["be careful: the role may not create in the schemas: theirs"]);
    });
}

#[test]
fn a_published_ledger() {
    everywhere(OWNER, |scene| {
        scene.psql("CREATE PUBLICATION p FOR ALL TABLES");
        let lines = [
            "would not work: publications would carry the new ledgers of schemas: other (publication p carries it",
            "be careful: publications carry the ledgers of schemas: app (publication p carries it",
            "dump, restore, submit, status, verify, log: nothing stands in the way",
        ];
        scene.tells(&[], 3, &lines);
        scene.tool.fails(&["-d", &scene.name, "setup"], 4, &["publication p carries it"]);
        scene.tells(&["-s", "app"], 0, &["nothing stands in the way"]);
    });
}

#[test]
fn ledgers_that_are_not_as_they_should_be() {
    everywhere(OWNER, |scene| {
        scene.psql(
            "ALTER TABLE app.pg_psql_cm DISABLE TRIGGER USER; CREATE TABLE other.pg_psql_cm (mine int)",
        );
        let lines = [
            "would not work: ledgers have lost their protection: app (its append-only trigger is disabled)",
            "would not work: something that is no ledger has its name in schemas: other (",
        ];
        scene.tells(&[], 3, &lines);
        for schema in ["app", "other"] {
            let submit = ["-d", &scene.name, "-s", schema, "submit", "-c", "CREATE TABLE x ()"];
            assert!(scene.tool.run(&submit).code != 0, "{schema}");
        }
    });
}

#[test]
fn what_a_capture_leaves_out() {
    everywhere(OWNER, |scene| {
        let rest = "setup, restore, submit, status, verify, log: nothing stands in the way";
        scene.psql("CREATE FUNCTION pg_catalog.of_somebody() RETURNS int LANGUAGE sql AS 'SELECT 1'");
        scene.tells(
            &[],
            3,
            &["would not work: psql-cm does not support: function pg_catalog.of_somebody", rest],
        );
        scene.psql("REVOKE SELECT ON pg_catalog.pg_policy FROM PUBLIC");
        let ran = scene.tells(&[], 3, &["would not work: the role may not read: ", rest]);
        assert!(ran.stdout.contains("policy (all of them) (permission denied for"), "{}", ran.stdout);
        scene.tool.fails(&["-d", &scene.name, "dump"], 4, &["policy (all of them)"]);
    });
}

#[test]
fn event_triggers_are_named() {
    everywhere(OWNER, |scene| {
        scene.psql(
            "CREATE FUNCTION app.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
            CREATE EVENT TRIGGER \"Watch\" ON ddl_command_end EXECUTE FUNCTION app.f();
            CREATE EVENT TRIGGER off ON sql_drop EXECUTE FUNCTION app.f(); ALTER EVENT TRIGGER off DISABLE",
        );
        let ran = scene.tells(
            &[],
            0,
            &["good to know: event triggers fire: \"Watch\" (ddl_command_end, calls app.f())"],
        );
        assert!(!ran.stdout.contains("sql_drop"), "{}", ran.stdout);
    });
}

#[test]
fn a_small_room() {
    everywhere(OWNER, |scene| {
        scene.psql(&format!("ALTER ROLE {} CONNECTION LIMIT 1", scene.role));
        // The server may need a moment to end those of before.
        let left = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{}'", scene.role);
        while scene.tool.psql("postgres", &left).trim() != "0" {}
        let finding =
            "would not work: 2 connections are needed at once, and the limit of 1 connections of role";
        scene.tells(&[], 3, &["setup, restore, submit:", finding, "dump, status, verify, log: nothing"]);
    });
}

#[test]
fn a_prepared_transaction() {
    everywhere(OWNER, |scene| {
        scene.psql("BEGIN; LOCK app.t IN SHARE MODE; PREPARE TRANSACTION 'the \"first\"'");
        scene.tells(&[], 0, &["be careful: there are prepared transactions: 'the \"first\"' of postgres"]);
        scene.psql("ROLLBACK PREPARED 'the \"first\"'");
    });
}

#[test]
fn git_that_does_not_know_who_one_is() {
    let scene = Scene::on(&servers()[0], OWNER);
    let config = scene.tool.folder().join("home/.gitconfig");
    std::fs::write(config, "[user]\n\tuseConfigOnly = true\n").unwrap();
    scene.tells(
        &[],
        3,
        &["would not work: git does not know who you are", "do: git config --global user.name"],
    );
    assert_eq!(scene.found("would_not_work", "dump").len(), 1);
    assert_eq!(scene.found("would_not_work", "submit").len(), 0);
    assert!(!scene.tool.tree("").exists());
}

#[test]
fn a_folder_that_is_none() {
    let scene = Scene::on(&servers()[0], OWNER);
    std::fs::write(scene.tool.folder().join("sql"), "").unwrap();
    scene.tells(&[], 3, &["would not work: sql is no folder"]);
}

#[test]
fn several_databases_share_what_is_the_same() {
    let server = &servers()[0];
    let (scene, second) = (Scene::on(server, "CREATEROLE"), Scene::on(server, ""));
    second.psql(&format!("CREATE SCHEMA third AUTHORIZATION {}", scene.role));
    let tool = &scene.tool;
    let ran = tool.run(&["-d", &scene.name, "-d", &second.name, "doctor"]);
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.starts_with("all databases:\n"), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("has no CREATEDB").count(), 1, "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("\n{}: PostgreSQL", second.name)), "{}", ran.stdout);
    // One that is not there keeps the other from nothing.
    let ran = tool.run(&["-d", "no_such_one", "-d", &scene.name, "doctor"]);
    let is_told = ran.code == 1
        && ran.stderr.contains("\"no_such_one\" does not exist")
        && ran.stdout.contains(&format!("\n{}: PostgreSQL", scene.name));
    assert!(is_told, "{}: {}{}", ran.code, ran.stdout, ran.stderr);
}

#[test]
fn databases_that_killed_runs_left() {
    let scene = Scene::on(&servers()[0], OWNER);
    for (what, told) in
        [("restore", "killed restores left databases"), ("scratch", "killed runs left scratch databases")]
    {
        let left = format!("{} {what} 0123456789abcdef", scene.name);
        scene.tool.psql("postgres", &format!("CREATE DATABASE \"{left}\" TEMPLATE template0"));
        let ran = scene.doctor(&[]);
        scene.tool.server.drop_database(&left);
        let is_told = ran.stdout.contains(&format!("good to know: {told}: ")) && ran.stdout.contains(&left);
        assert!(ran.code == 0 && is_told, "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn other_encodings() {
    for (encoding, line) in [
        ("SQL_ASCII", "be careful: the encoding of the database is SQL_ASCII"),
        ("LATIN1", "good to know: the encoding of the database is LATIN1"),
    ] {
        let scene = Scene::on(&servers()[0], OWNER);
        let name = unique("encoded");
        scene.tool.psql(
            "postgres",
            &format!(
                "CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C' OWNER {}",
                scene.role
            ),
        );
        let ran = scene.tool.run(&["-d", &name, "doctor"]);
        let is_named = ran.code == 0 && ran.stdout.contains(line);
        if encoding == "SQL_ASCII" {
            scene.tool.psql(&name, "SET client_encoding = SQL_ASCII; DO $$ BEGIN EXECUTE 'CREATE TABLE public.' || quote_ident('caf' || convert_from('\\xe9', 'SQL_ASCII')) || ' ()'; END $$");
            let ran = scene.tool.run(&["-d", &name, "doctor"]);
            let is_refused = ran.code == 3 && ran.stdout.contains(r"caf\xe9");
            assert!(is_refused, "{}{}", ran.stdout, ran.stderr);
        }
        scene.tool.server.drop_database(&name);
        assert!(is_named, "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_tree_that_cannot_be_read() {
    let scene = Scene::on(&servers()[0], OWNER);
    scene.tool.ok(&["-d", &scene.name, "dump"]);
    let manifest = format!(".facts/default/{}/manifest.json", scene.name);
    let text = scene.tool.read(&manifest);
    scene.tool.write(&manifest, &format!("<<<<<<< HEAD\n{text}"));
    scene.tells(&[], 3, &["dump, restore, verify:", "would not work: cannot read what the tree knows"]);
}
