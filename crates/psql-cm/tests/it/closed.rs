//! Catalogs, functions and schemas that are closed to the role: what could not be read is named, and fails nothing.

use psqlcm_testkit::{servers, unique};

use crate::tool::Tool;

const SCHEMA: &str = "CREATE SCHEMA app; CREATE TABLE app.t (a int PRIMARY KEY, b text CHECK (b <> ''));
    CREATE VIEW app.v AS SELECT a FROM app.t; CREATE POLICY p ON app.t USING (true); COMMENT ON TABLE app.t IS 'about';
    CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE STATISTICS app.s ON a, b FROM app.t;
    CREATE RULE r AS ON DELETE TO app.t DO INSTEAD NOTHING;";

/// Closes something to all but superusers; what is named for it.
fn check(close: &str, named: &str) {
    for server in servers() {
        let (role, name) = (unique("closed"), unique("closed"));
        let tool = Tool::new(&server).acting_as(&role);
        tool.psql(
            "postgres",
            &format!(
                "CREATE ROLE {role} LOGIN CREATEDB; CREATE DATABASE {name} OWNER {role} TEMPLATE template0"
            ),
        );
        tool.psql(&name, &format!("SET ROLE {role}; {SCHEMA}"));
        // Set up by somebody who reads everything.
        tool.ok(&["-d", &name, "-s", "app", "setup"]);
        tool.psql(&name, close);
        let ran = tool.fails(&["-d", &name, "dump"], 4, &[named, "permission denied for"]);
        assert!(!tool.tree(".facts").exists(), "{}", ran.stderr);
        let ran = tool.run(&["-d", &name, "dump", "--allow-unsupported"]);
        assert!(ran.code == 0 && ran.stderr.contains(named), "{}{}", ran.stdout, ran.stderr);
        let ran = tool.run(&["-d", &name, "-s", "app", "status"]);
        let is_told = ran.code == 3
            && ran.stdout.contains("drift cannot be told: not all could be read: permission denied for");
        assert!(is_told, "{}{}", ran.stdout, ran.stderr);
        // Set up, changed and looked at by somebody who does not.
        tool.ok(&["-d", &name, "-s", "app", "setup", "--remove"]);
        let ran = tool.run(&["-d", &name, "-s", "app", "setup"]);
        assert!(ran.code == 0 && ran.stderr.contains(named), "{}{}", ran.stdout, ran.stderr);
        tool.ok(&["-d", &name, "-s", "app", "submit", "-c", "ALTER TABLE t ADD c int"]);
        tool.ok(&["-d", &name, "-s", "app", "status"]);
        server.drop_database(&name);
        tool.psql("postgres", &format!("DROP ROLE {role}"));
    }
}

#[test]
fn a_function_that_prints_definitions() {
    check("REVOKE EXECUTE ON FUNCTION pg_catalog.pg_get_viewdef(oid) FROM PUBLIC", "view (all of them)");
}

#[test]
fn a_catalog() {
    check("REVOKE SELECT ON pg_catalog.pg_policy FROM PUBLIC", "policy (all of them)");
}

#[test]
fn the_catalog_of_comments() {
    check("REVOKE SELECT ON pg_catalog.pg_description FROM PUBLIC", "comments (all of them)");
}

#[test]
fn a_schema() {
    for server in servers() {
        let (role, name) = (unique("closed"), unique("closed"));
        let tool = Tool::new(&server).acting_as(&role);
        tool.psql(
            "postgres",
            &format!("CREATE ROLE {role} LOGIN; CREATE DATABASE {name} OWNER {role} TEMPLATE template0"),
        );
        tool.psql(&name, &format!("SET ROLE {role}; {SCHEMA}"));
        tool.psql(
            &name,
            "CREATE SCHEMA shut; CREATE TABLE shut.t (a int, b int GENERATED ALWAYS AS (a + 1) STORED);
             CREATE TYPE shut.e AS ENUM ('a'); CREATE VIEW shut.v AS SELECT a FROM shut.t; CREATE INDEX ON shut.t ((a + 1))",
        );
        let said = tool.ok(&["-d", &name, "setup"]);
        assert!(!said.contains("shut"), "{said}");
        tool.ok(&["-d", &name, "-s", "app", "submit", "-c", "ALTER TABLE t ADD c int"]);
        tool.ok(&["-d", &name, "--exclude-schema", "shut", "status"]);
        tool.ok(&["-d", &name, "dump"]);
        assert!(tool.read(&format!("{name}/shut/tables/t.sql")).contains("a + 1"));
        server.drop_database(&name);
        tool.psql("postgres", &format!("DROP ROLE {role}"));
    }
}
