//! What the original tool, version 0.2.2, got wrong: each is right here, or refused by name with nothing changed.
//! What concerns single changes is tested with `submit`.

use psqlcm_testkit::{server, servers, unique};

use crate::tool::Tool;

fn tool_with_database(sql: &str) -> (Tool, String) {
    let tool = Tool::new(&server(15));
    let name = unique("broken");
    tool.psql("postgres", &format!("CREATE DATABASE {name}"));
    tool.psql(&name, sql);
    (tool, name)
}

#[test]
fn what_is_not_captured_is_named_and_no_file_is_written() {
    let (tool, name) = tool_with_database(
        "CREATE TABLE t (a int, b int);
         CREATE SUBSCRIPTION far CONNECTION 'dbname=far password=hunter2' PUBLICATION p WITH (connect = false);
         CREATE FUNCTION pg_catalog.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    let says = ["function pg_catalog.mine()", "--allow-unsupported"];
    let ran = tool.fails(&["-d", &name, "dump"], 4, &says);
    assert!(!ran.stderr.contains("hunter2"));
    assert!(!tool.tree(".facts").exists() && !tool.tree(&name).exists());
    let ran = tool.run(&["-d", &name, "dump", "--allow-unsupported"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("subscription far") && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
    let manifest = tool.read(&format!(".facts/default/{name}/manifest.json"));
    assert!(manifest.contains("function: pg_catalog.mine()"), "{manifest}");
    let script = tool.read(&format!(".facts/default/{name}/restore.sql"));
    assert!(script.contains("CREATE SUBSCRIPTION far") && !script.contains("hunter2"), "{script}");
    tool.psql(&name, "ALTER SUBSCRIPTION far SET (slot_name = NONE); DROP SUBSCRIPTION far");
    tool.server.drop_database(&name);
}

#[test]
fn what_belongs_to_no_schema_makes_the_trip() {
    let (tool, name) = tool_with_database(
        "CREATE TABLE t (a int, b int);
         CREATE PUBLICATION pub FOR TABLE t;
         CREATE FUNCTION tell() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no more changes''; END';
         CREATE CAST (text AS box) WITH INOUT;
         CREATE STATISTICS st ON a, b FROM t;
         CREATE COLLATION german (provider = icu, locale = 'de');
         CREATE TEXT SEARCH CONFIGURATION words (COPY = simple)",
    );
    tool.ok(&["-d", &name, "setup"]);
    tool.psql(&name, "CREATE EVENT TRIGGER watch ON ddl_command_start EXECUTE FUNCTION tell()");
    tool.check_trip(&name);
    tool.server.drop_database(&name);
}

#[test]
fn extensions_make_the_trip() {
    let (tool, name) = tool_with_database(
        "CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION citext;
         CREATE TABLE t (a ext.hstore, b citext PRIMARY KEY); CREATE INDEX ON t USING gin (a)",
    );
    tool.ok(&["-d", &name, "setup"]);
    tool.check_trip(&name);
    tool.server.drop_database(&name);
}

#[test]
fn a_database_that_is_not_there_is_an_error() {
    let tool = Tool::new(&server(15));
    for action in ["setup", "dump", "status"] {
        tool.fails(&["-d", "no_such_database", action], 1, &["no_such_database", "does not exist"]);
    }
    tool.fails(&["setup"], 2, &["database"]);
}

#[test]
fn only_what_was_asked_for_is_acted_on() {
    let (tool, one) =
        tool_with_database("CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.t (); CREATE TABLE b.t ()");
    let two = unique("broken");
    tool.psql("postgres", &format!("CREATE DATABASE {two}"));
    tool.ok(&["-d", &one, "-s", "a", "setup"]);
    let ledgers = "SELECT string_agg(schemaname, ',') FROM pg_tables WHERE tablename = 'pg_psql_cm'";
    assert_eq!(tool.psql(&one, ledgers).trim(), "a");
    tool.ok(&["-a", &format!("{one},{two}"), "dump"]);
    tool.server.drop_database(&one);
    tool.server.drop_database(&two);
    tool.ok(&["-d", &one, "restore"]);
    assert!(tool.has_database(&one) && !tool.has_database(&two));
    // A dump of one schema leaves the files of the other alone.
    let other = format!("{one}/b/tables/t.sql");
    tool.write(&other, "-- edited\n");
    tool.psql(&one, "CREATE TABLE a.u (); DROP TABLE a.t");
    tool.ok(&["-d", &one, "-s", "a", "dump", "--no-commit"]);
    assert_eq!(tool.read(&other), "-- edited\n");
    assert!(tool.tree(&format!("{one}/a/tables/u.sql")).exists());
    assert!(!tool.tree(&format!("{one}/a/tables/t.sql")).exists());
    // A file that somebody else put there stays.
    tool.write(&format!("{one}/a/tables/notes.txt"), "mine");
    tool.ok(&["-d", &one, "dump"]);
    assert_eq!(tool.read(&format!("{one}/a/tables/notes.txt")), "mine");
    assert_ne!(tool.read(&other), "-- edited\n");
    tool.server.drop_database(&one);
}

#[test]
fn the_home_folder_is_left_alone() {
    let (tool, name) = tool_with_database("CREATE TABLE t ()");
    let home = tool.folder().join("home");
    std::fs::write(home.join(".psqlrc"), "\\timing on\n").unwrap();
    std::fs::write(home.join(".pgpass"), "").unwrap();
    tool.ok(&["-d", &name, "setup"]);
    tool.ok(&["-d", &name, "dump"]);
    tool.server.drop_database(&name);
    tool.ok(&["-d", &name, "restore"]);
    let mut files: Vec<_> =
        std::fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, [".gitconfig", ".pgpass", ".psqlrc"]);
    assert_eq!(std::fs::read_to_string(home.join(".psqlrc")).unwrap(), "\\timing on\n");
    assert_eq!(std::fs::read_to_string(home.join(".pgpass")).unwrap(), "");
    tool.server.drop_database(&name);
}

#[test]
fn the_ledger_takes_another_name() {
    let (tool, name) = tool_with_database("CREATE SCHEMA app; CREATE TABLE app.pg_psql_cm (mine text)");
    tool.fails(&["-d", &name, "setup"], 1, &["app", "pg_psql_cm"]);
    let ledgers = "SELECT count(*) FROM pg_tables WHERE tablename = 'My Ledger'";
    tool.ok(&["-d", &name, "-t", "My Ledger", "setup"]);
    assert_eq!(tool.psql(&name, ledgers).trim(), "2");
    tool.ok(&["-d", &name, "-t", "My Ledger", "dump"]);
    let before = tool.server.pg_dump_schema(&name);
    tool.server.drop_database(&name);
    tool.ok(&["-d", &name, "restore"]);
    psqlcm_testkit::assert_same_text(&before, &tool.server.pg_dump_schema(&name));
    assert_eq!(tool.psql(&name, "SELECT count(*) FROM public.\"My Ledger\"").trim(), "1");
    tool.server.drop_database(&name);
}

/// As 0.2.2 left it, with a base as `pg_dump` of today writes it.
const ORIGINAL: &str = r"
    CREATE TABLE pg_psql_cm (id bigserial NOT NULL PRIMARY KEY, is_base boolean NOT NULL,
      created_at timestamp with time zone DEFAULT now(), implementer text NOT NULL, content text NOT NULL);
    INSERT INTO pg_psql_cm (is_base, implementer, content) VALUES
      (true, 'Tester<t@example.org>', E'\\restrict abc\n\nSET x = 1;\nCREATE TABLE t (a int);\n\\unrestrict abc\n\n'),
      (false, 'Tester<t@example.org>', E'ALTER TABLE t ADD b text; -- it''s $$ done');
    INSERT INTO pg_psql_cm (is_base, created_at, implementer, content) VALUES (false, NULL, '', '');";

#[test]
fn a_ledger_of_the_original_tool_is_adopted_with_its_rows_as_they_are() {
    for server in servers() {
        let tool = Tool::new(&server);
        let name = unique("broken");
        tool.psql("postgres", &format!("CREATE DATABASE {name}"));
        tool.psql(&name, &format!("CREATE TABLE t (a int, b text); {ORIGINAL}"));
        let rows =
            "SELECT id, is_base, created_at, implementer, content FROM pg_psql_cm WHERE id <= 3 ORDER BY id";
        let before = tool.psql(&name, rows);
        let planned = tool.ok(&["-d", &name, "setup", "--dry-run"]);
        assert!(planned.contains("adopted"), "{planned}");
        assert_eq!(
            tool.psql(
                &name,
                "SELECT count(*) FROM information_schema.columns WHERE table_name = 'pg_psql_cm'"
            )
            .trim(),
            "5"
        );
        tool.ok(&["-d", &name, "setup"]);
        assert_eq!(before, tool.psql(&name, rows));
        let said = tool.ok(&["-d", &name, "setup"]);
        assert!(said.contains("unchanged"), "{said}");
        tool.check_trip(&name);
        assert_eq!(before, tool.psql(&name, rows));
        server.drop_database(&name);
    }
}

#[test]
fn setup_goes_and_comes_back() {
    let (tool, name) = tool_with_database("CREATE SCHEMA app; CREATE TABLE app.t (a int)");
    let before = tool.server.pg_dump_schema(&name);
    let planned = tool.ok(&["-d", &name, "setup", "--dry-run"]);
    assert_eq!(planned.lines().filter(|line| line.contains("planned")).count(), 2, "{planned}");
    psqlcm_testkit::assert_same_text(&before, &tool.server.pg_dump_schema(&name));
    tool.ok(&["-d", &name, "setup"]);
    tool.ok(&["-d", &name, "setup", "--remove"]);
    psqlcm_testkit::assert_same_text(&before, &tool.server.pg_dump_schema(&name));
    let ledger = tool.read(&format!(".facts/default/{name}/app.ledger.sql"));
    assert!(ledger.contains("'base'") && ledger.contains("CREATE TABLE app.t"), "{ledger}");
    tool.ok(&["-d", &name, "dump"]);
    assert_eq!(ledger, tool.read(&format!(".facts/default/{name}/app.ledger.sql")), "history is kept");
    tool.server.drop_database(&name);
    tool.ok(&["-d", &name, "restore"]);
    psqlcm_testkit::assert_same_text(&before, &tool.server.pg_dump_schema(&name));
    tool.server.drop_database(&name);
}

#[test]
fn default_privileges_give_nobody_the_ledger() {
    let (tool, name) = tool_with_database(
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO pg_monitor",
    );
    tool.ok(&["-d", &name, "setup"]);
    let granted = "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.relname LIKE 'pg_psql_cm%' AND a.grantee <> c.relowner";
    assert_eq!(tool.psql(&name, granted).trim(), "0");
    tool.check_trip(&name);
    assert_eq!(tool.psql(&name, granted).trim(), "0");
    tool.server.drop_database(&name);
}

#[test]
fn one_database_that_fails_keeps_no_other_from_being_done() {
    let (tool, one) = tool_with_database("CREATE TABLE t (a int)");
    let two = unique("broken");
    tool.psql("postgres", &format!("CREATE DATABASE {two}"));
    tool.psql(&two, "CREATE TABLE t (a int)");
    let all = format!("{one},no_such_database,{two}");
    for jobs in ["1", "3"] {
        for action in ["setup", "dump"] {
            let ran = tool.run(&["-a", &all, "--jobs", jobs, action]);
            let is_repeated = jobs == "3";
            assert_eq!(ran.code, if is_repeated { 1 } else { 6 }, "{action}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains("no_such_database"), "{}", ran.stderr);
        }
        assert!(tool.tree(&one).exists() && tool.tree(&two).exists());
    }
    tool.server.drop_database(&one);
    tool.server.drop_database(&two);
    tool.ok(&["--all-databases", "--jobs", "2", "restore"]);
    assert!(tool.has_database(&one) && tool.has_database(&two));
    tool.server.drop_database(&one);
    tool.server.drop_database(&two);
}

#[test]
fn rows_that_an_extension_would_have_dumped_are_mentioned() {
    let (tool, name) = tool_with_database(
        "CREATE EXTENSION citext; CREATE TABLE known (a int); INSERT INTO known VALUES (1); CREATE TABLE none (a int);
         ALTER EXTENSION citext ADD TABLE known; ALTER EXTENSION citext ADD TABLE none;
         UPDATE pg_extension SET extconfig = ARRAY['known'::regclass::oid, 'none'::regclass::oid], extcondition = ARRAY['', '']
           WHERE extname = 'citext'",
    );
    let ran = tool.run(&["-d", &name, "dump"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let expected = "rows of a configuration table public.known (rows are not captured)";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    tool.server.drop_database(&name);
}
