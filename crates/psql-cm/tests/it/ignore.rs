//! `[ignore]` in `psql-cm.toml`: what is ignored is no drift and nothing that cannot be captured; all else is.

use psqlcm_testkit::servers;

use crate::support::session_of;
use crate::tool::{Ran, Tool};

const RULES: &str = r#"objects = ["app.tmp_*", "table:app.log_*", "extension:pg_trgm", "pg_catalog.cm_*"]"#;
const SEED: &str = "CREATE SCHEMA app; CREATE TABLE app.t (a int); CREATE TABLE app.tmp_1 (a int);
    CREATE TABLE app.log_1 (id serial); CREATE SCHEMA other; CREATE TABLE other.tmp_1 (a int)";

/// On every server: a database made by the seed, and a folder whose `psql-cm.toml` has this in `[ignore]`.
fn everywhere(name: &str, rules: &str, body: impl Fn(&Tool, &str)) {
    for server in servers() {
        let database = server.database(name);
        database.psql(SEED).unwrap();
        let tool = Tool::new(&server);
        ignore(&tool, rules);
        body(&tool, database.name());
    }
}

fn ignore(tool: &Tool, rules: &str) {
    std::fs::write(tool.folder().join("psql-cm.toml"), format!("[ignore]\n{rules}\n")).unwrap();
}

/// The status of the database, its exit code, and what was said besides.
fn status(tool: &Tool, name: &str) -> (i32, String, String) {
    let ran = tool.run(&["-d", name, "-v", "status"]);
    (ran.code, ran.stdout, ran.stderr)
}

#[test]
fn what_is_ignored_is_no_drift_and_all_else_is() {
    everywhere("ignore_drift", RULES, |tool, name| {
        tool.ok(&["-d", name, "setup"]);
        let good = |sql: &str, count: usize| {
            tool.psql(name, sql);
            let (code, out, err) = status(tool, name);
            assert_eq!(code, 0, "{sql}: {out}{err}");
            let objects =
                if count == 1 { "1 object, which is" } else { &format!("{count} objects, which are") };
            assert!(err.contains(&format!("{name}: [ignore] covers {objects} not judged")), "{sql}: {err}");
        };
        // A sequence that a column owns is ignored with its table.
        good("SELECT 1", 3);
        good("CREATE VIEW app.tmp_2 AS SELECT 1 AS a; COMMENT ON VIEW app.tmp_2 IS 'x'", 4);
        good("ALTER TABLE app.tmp_1 ADD b int; CREATE INDEX ON app.tmp_1 (b)", 4);
        good("DROP TABLE app.log_1", 2);
        good("CREATE EXTENSION pg_trgm", 3);
        good("DROP TABLE app.tmp_1", 2);
        let drifts = |sql: &str, back: &str, line: &str| {
            tool.psql(name, sql);
            let (code, out, err) = status(tool, name);
            assert!(
                code == 3 && out.contains(line) && out.matches("drifted: ").count() == 1,
                "{sql}: {out}{err}"
            );
            tool.psql(name, back);
            good("SELECT 1", 2);
        };
        let app = format!("{name}.app: different (drifted: ");
        drifts("CREATE TABLE app.more ()", "DROP TABLE app.more", &app);
        drifts("CREATE VIEW app.log_2 AS SELECT 1 AS a", "DROP VIEW app.log_2", &app);
        drifts("ALTER TABLE app.t ADD b int", "ALTER TABLE app.t DROP b", &app);
        let other = format!("{name}.other: different (drifted: ");
        drifts("CREATE TABLE other.tmp_2 ()", "DROP TABLE other.tmp_2", &other);
        // A change is recorded by the same rules, also in the ledgers of other schemas, and what it alters of what is
        // ignored is applied.
        let change = "ALTER TABLE t ADD c int; CREATE TABLE tmp_9 (); CREATE TABLE other.o (); CREATE EXTENSION citext; CREATE SCHEMA made";
        tool.ok(&["-d", name, "-s", "app", "submit", "-c", change]);
        good("DROP TABLE app.tmp_9; DROP EXTENSION pg_trgm", 1);
        tool.psql(name, "ALTER TABLE app.t DROP c; DROP EXTENSION citext");
        let (code, out, err) = status(tool, name);
        assert!(code == 3 && out.matches("drifted: ").count() == 2, "{out}{err}");
    });
}

#[test]
fn schemas_that_are_ignored_are_left_alone_by_all_commands() {
    everywhere("ignore_schemas", "schemas = ['oth?r', 'scratch_*']", |tool, name| {
        let ran = tool.run(&["-d", name, "setup"]);
        let said = format!("schema of {name} other is left out: is excluded by oth?r");
        assert!(ran.code == 0 && ran.stderr.contains(&said), "{}{}", ran.stdout, ran.stderr);
        tool.psql(name, "CREATE SCHEMA scratch_1; CREATE TABLE other.x ()");
        let (code, out, err) = status(tool, name);
        assert!(code == 0 && !out.contains("other") && !out.contains("scratch"), "{out}{err}");
        tool.ok(&["-d", name, "dump"]);
        assert!(tool.tree(&format!("{name}/app/tables/t.sql")).exists());
        assert!(!tool.tree(&format!("{name}/other")).exists());
        tool.fails(&["-d", name, "-s", "other", "status"], 1, &["is excluded by oth?r"]);
    });
}

#[test]
fn what_cannot_be_captured_keeps_no_dump_back_where_it_is_ignored() {
    everywhere("ignore_census", RULES, |tool, name| {
        tool.psql(name, "CREATE FUNCTION pg_catalog.cm_mine() RETURNS int LANGUAGE sql AS 'SELECT 1'");
        let ran = tool.run(&["-d", name, "-v", "setup"]);
        let said = format!("{name}: [ignore] covers 1 object that cannot be captured");
        assert!(
            ran.code == 0 && ran.stderr.contains(&said) && !ran.stderr.contains("cm_mine"),
            "{}",
            ran.stderr
        );
        let ran = tool.run(&["-d", name, "-v", "dump"]);
        assert!(
            ran.code == 0 && ran.stderr.contains(&said) && !ran.stderr.contains("cm_mine"),
            "{}",
            ran.stderr
        );
        // Ignoring is for judging: the tree has all that can be written, and says what it has not.
        assert!(tool.tree(&format!("{name}/app/tables/tmp_1.sql")).exists());
        assert!(
            tool.read(&format!(".facts/default/{name}/manifest.json"))
                .contains("function: pg_catalog.cm_mine()")
        );
        // One that is not ignored is named, and only that one.
        tool.psql(name, "CREATE FUNCTION pg_catalog.theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'");
        let ran = tool.run(&["-d", name, "dump"]);
        let is_told = ran.stderr.contains("pg_catalog.theirs()") && !ran.stderr.contains("cm_mine");
        assert!(ran.code == 4 && is_told, "{}", ran.stderr);
        tool.psql(name, "DROP FUNCTION pg_catalog.theirs()");
        // The whole tree is restored and compared, with what is ignored in it.
        let copy = format!("{name}_copy");
        tool.ok(&["-d", name, "restore", "--as", &copy]);
        tool.psql(&copy, "SELECT FROM app.tmp_1, app.log_1");
        let (code, out, err) = status(tool, &copy);
        tool.server.drop_database(&copy);
        assert_eq!(code, 0, "{out}{err}");
    });
}

#[test]
fn rules_that_changed_later_are_told_and_claim_no_drift() {
    everywhere("ignore_later", "", |tool, name| {
        tool.ok(&["-d", name, "setup"]);
        let drifted = format!("{name}.app: different (drifted: ");
        let unclear = format!("{name}.app: different (drift cannot be told: entry ");
        let check = |rules: &str, sql: &str, expected: i32, words: &str| {
            ignore(tool, rules);
            tool.psql(name, sql);
            let (code, out, err) = status(tool, name);
            assert!(code == expected && out.contains(words), "{rules}: {sql}: {out}{err}");
        };
        let tmp = "objects = ['app.tmp_*']";
        // A rule that came, and what it ignores is as it was, or was not there.
        check("", "CREATE TABLE app.job_1 ()", 3, &drifted);
        check("objects = ['app.job_*']", "CREATE TABLE app.job_2 ()", 0, ".app: good");
        check("objects = ['app.job_*']", "DROP TABLE app.job_1, app.job_2", 0, ".app: good");
        check(tmp, "SELECT 1", 0, ".app: good");
        // What was recorded and is ignored now is another: the entry cannot tell it from what else may have changed.
        check(tmp, "ALTER TABLE app.tmp_1 ADD b int", 3, &unclear);
        check(tmp, "SELECT 1", 3, "recorded under other ignore rules (none)");
        check("", "SELECT 1", 3, &drifted);
        // The next change records it under the rules of now.
        ignore(tool, tmp);
        tool.ok(&["-d", name, "-s", "app", "submit", "-c", "ALTER TABLE t ADD b int"]);
        check(tmp, "DROP TABLE app.tmp_1", 0, ".app: good");
        // Without the rule, what is there now was never recorded; what drifted besides is drift by either.
        check("", "SELECT 1", 3, "recorded under other ignore rules (app.tmp_*)");
        check("", "ALTER TABLE app.t ADD d int", 3, &drifted);
        check("objects = ['app.t']", "SELECT 1", 3, &unclear);
        // Other schemas have no such rule.
        check("", "SELECT 1", 3, &format!("{name}.other: good"));
    });
}

#[test]
fn what_is_no_rule_is_an_error_that_names_the_file_and_the_key() {
    everywhere("ignore_usage", "", |tool, name| {
        let check = |rules: &str, words: &[&str]| {
            ignore(tool, rules);
            tool.fails(&["-d", name, "status"], 2, words);
        };
        check("object = ['app.t']", &["psql-cm.toml:2: unknown field `object`"]);
        check(
            "objects = ['tabel:app.t']",
            &["psql-cm.toml:2: objects in [ignore]: ", "there is no kind \"tabel\""],
        );
        check("objects = ['app']", &["psql-cm.toml:2: objects in [ignore]: ", "names no schema"]);
        check("schemas = ['app\\']", &["psql-cm.toml:2: schemas in [ignore]: "]);
    });
}

#[test]
fn what_a_job_does_to_what_is_ignored_disturbs_no_change() {
    everywhere("ignore_job", RULES, |tool, name| {
        tool.ok(&["-d", name, "setup"]);
        let mut holder = session_of(&tool.server, name);
        holder.run("SELECT pg_advisory_lock(4711)").unwrap();
        let change = "CREATE TABLE mine (a int); SELECT pg_advisory_xact_lock(4711)";
        let mut command = tool.psql_cm(&["-d", name, "-s", "app", "submit", "-c", change]);
        let (out, err) = (std::process::Stdio::piped(), std::process::Stdio::piped());
        let child = command.stdout(out).stderr(err).spawn().unwrap();
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while tool.psql(name, waits).trim() == "0" {
            std::thread::yield_now();
        }
        tool.psql(name, "CREATE TABLE app.tmp_5 (); ALTER TABLE app.log_1 ADD by_job int");
        holder.run("SELECT pg_advisory_unlock(4711)").unwrap();
        let ran = Ran::of(&child.wait_with_output().unwrap());
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(ran.code == 0 && told.contains("+ table app.mine"), "{told}");
        assert!(!told.contains("tmp_5") && !told.contains("by_job"), "{told}");
        let (code, out, err) = status(tool, name);
        assert_eq!(code, 0, "{out}{err}");
    });
}

#[test]
fn partitions_that_jobs_make_are_left_to_the_jobs() {
    const TABLES: &str = "CREATE SCHEMA app; CREATE SCHEMA parts;
        CREATE TABLE app.log (at date NOT NULL, what text) PARTITION BY RANGE (at);
        CREATE TABLE app.own (at date NOT NULL) PARTITION BY RANGE (at);
        CREATE TABLE app.own_1 PARTITION OF app.own FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')";
    const JOB: &str =
        "CREATE TABLE app.log_1 PARTITION OF app.log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
        CREATE TABLE parts.log_2 PARTITION OF app.log FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')
            PARTITION BY LIST (what);
        CREATE TABLE parts.log_2_a PARTITION OF parts.log_2 FOR VALUES IN ('a');
        CREATE INDEX ON parts.log_2_a (what);
        INSERT INTO app.log VALUES ('2020-02-02', 'row'), ('2021-02-02', 'a')";
    for server in servers() {
        let [database, other] = ["partitions", "partitions_wanted"].map(|name| server.database(name));
        for database in [&database, &other] {
            database.psql(TABLES).unwrap();
        }
        let tool = Tool::new(&server);
        let rules = "[tables.\"app.log\"]\npartitions = \"ignored\"\n[tables.\"app.own\"]\npartitions = \"managed\"\n";
        std::fs::write(tool.folder().join("psql-cm.toml"), rules).unwrap();
        let (name, wanted) = (database.name(), format!("db:{}", other.name()));
        let live = format!("db:{name}");
        tool.ok(&["-d", name, "setup"]);
        tool.psql(name, JOB);
        let (code, out, err) = status(&tool, name);
        assert_eq!(code, 0, "{out}{err}");
        tool.ok(&["diff", &live, &wanted]);
        // What becomes of the parent becomes of them, and they stay.
        other.psql("ALTER TABLE app.log ADD COLUMN more int; CREATE INDEX ON app.log (at)").unwrap();
        let plan = tool.run(&["plan", &live, &wanted]);
        assert_eq!(plan.code, 3, "{}{}", plan.stdout, plan.stderr);
        assert!(!plan.stdout.contains("log_1") && !plan.stdout.contains("parts."), "{}", plan.stdout);
        database.psql(&plan.stdout).unwrap();
        tool.ok(&["diff", &live, &wanted]);
        assert_eq!(database.psql("SELECT count(*) FROM app.log").unwrap(), "2");
        // Those of another table are judged.
        tool.psql(name, "DROP TABLE app.own_1");
        let diff = tool.run(&["diff", &live, &wanted]);
        assert!(diff.code == 3 && diff.stdout.contains("app.own_1"), "{}", diff.stdout);
    }
}
