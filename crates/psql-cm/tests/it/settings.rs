//! Settings of roles, databases and roles in databases: whatever they are, they disturb no command.

use psqlcm_testkit::{Replica, TestServer, assert_same_text, servers, unique};

use crate::tool::Tool;

/// Each with the version it came with. What the server would print, take or refuse otherwise, and what would end a
/// statement or a session of ours.
const AWKWARD: [(&str, &str, u32); 30] = [
    ("statement_timeout", "'1s'", 13),
    ("lock_timeout", "'1ms'", 13),
    ("idle_in_transaction_session_timeout", "'1ms'", 13),
    ("idle_session_timeout", "'500ms'", 14),
    ("transaction_timeout", "'1s'", 17),
    ("default_transaction_read_only", "on", 13),
    ("default_transaction_isolation", "serializable", 13),
    ("default_transaction_deferrable", "on", 13),
    ("search_path", "trap, pg_catalog", 13),
    ("role", "settings_other", 13),
    ("row_security", "off", 13),
    ("client_min_messages", "error", 13),
    ("standard_conforming_strings", "off", 13),
    ("escape_string_warning", "on", 13),
    ("backslash_quote", "off", 13),
    ("transform_null_equals", "on", 13),
    ("array_nulls", "off", 13),
    ("bytea_output", "escape", 13),
    ("DateStyle", "'German'", 13),
    ("IntervalStyle", "sql_standard", 13),
    ("TimeZone", "'Asia/Tokyo'", 13),
    ("extra_float_digits", "-10", 13),
    ("check_function_bodies", "off", 13),
    ("default_table_access_method", "settings_heap", 13),
    ("default_toast_compression", "pglz", 14),
    ("default_tablespace", "pg_default", 13),
    ("quote_all_identifiers", "on", 13),
    ("xmloption", "document", 13),
    ("plpgsql.extra_errors", "'all'", 13),
    ("plpgsql.variable_conflict", "error", 13),
];

/// What is printed or read otherwise under those settings, if they hold.
const SCHEMA: &str = r#"
CREATE SCHEMA trap;
CREATE FUNCTION trap.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT ''trapped''';
CREATE FUNCTION trap.format_type(oid, int) RETURNS text LANGUAGE sql AS 'SELECT ''trapped''';
CREATE TABLE public.t (a int PRIMARY KEY, b text DEFAULT E'it''s\\n', c timestamptz DEFAULT '2024-01-02 03:04:05+00',
  d interval DEFAULT '1 day 02:03', e float8 DEFAULT 0.1234567890123456, f bytea DEFAULT '\x00ff', g date DEFAULT '2024-12-31');
CREATE TABLE public.at (at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE public.at_2024 PARTITION OF public.at FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2025-01-01 00:00+00');
CREATE VIEW public.v AS SELECT a = NULL AS x, ARRAY['NULL', NULL] AS y FROM public.t WHERE c > '2024-06-01 12:00+00';
CREATE FUNCTION public.f(a int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a\nb' || a; END $$;"#;

/// Runs the tool as a role.
struct As<'a> {
    tool: &'a Tool,
    role: &'a str,
    database: &'a str,
}

impl As<'_> {
    fn ok(&self, words: &[&str]) -> String {
        let uri = format!("user={}", self.role);
        self.tool.ok(&[&["--uri", &uri, "-d", self.database], words].concat())
    }
}

/// All commands as a role, with settings by these words: `ALTER ROLE r`, `ALTER DATABASE d`, ...
fn check(server: &TestServer, whose: &dyn Fn(&str, &str) -> String) {
    let tool = Tool::new(server);
    let (role, database) = (unique("settings"), unique("settings"));
    tool.psql(
        "postgres",
        &format!(
            "DO $$ BEGIN CREATE ROLE settings_other; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
             CREATE ROLE {role} LOGIN SUPERUSER; CREATE DATABASE {database} OWNER {role} TEMPLATE template0"
        ),
    );
    tool.psql(&database, &format!("SET ROLE {role}; {SCHEMA}"));
    tool.psql(&database, "CREATE ACCESS METHOD settings_heap TYPE TABLE HANDLER heap_tableam_handler");
    let whose = whose(&role, &database);
    for (name, value, since) in AWKWARD {
        // As another role the judge, pg_dump, could not read the tables.
        let is_in_the_way = name == "role" && whose.starts_with("ALTER DATABASE");
        if since <= server.major() && !is_in_the_way {
            tool.psql("postgres", &format!("{whose} SET {name} = {value}"));
        }
    }
    let awkward = As { tool: &tool, role: &role, database: &database };
    awkward.ok(&["setup"]);
    // Longer than any timeout.
    awkward.ok(&["submit", "-c", "SELECT pg_sleep(1.5); ALTER TABLE t ADD h text DEFAULT 'a\\nb'"]);
    awkward.ok(&["status"]);
    awkward.ok(&["verify"]);
    awkward.ok(&["log"]);
    awkward.ok(&["dump"]);
    // Whoever comes without such settings finds the same.
    let plain = As { tool: &tool, role: "postgres", database: &database };
    plain.ok(&["status"]);
    plain.ok(&["dump", "--no-commit"]);
    assert_eq!(tool.git(&["status", "--porcelain"]), "", "the bytes depend on settings");
    let before = server.pg_dump_schema(&database);
    server.drop_database(&database);
    let said = awkward.ok(&["restore"]);
    assert!(said.contains("equal to what was dumped"), "{said}");
    assert_same_text(&before, &server.pg_dump_schema(&database));
    server.drop_database(&database);
    tool.psql("postgres", &format!("DROP ROLE {role}"));
}

#[test]
fn of_a_role() {
    for server in servers() {
        check(&server, &|role, _| format!("ALTER ROLE {role}"));
    }
}

#[test]
fn of_a_database() {
    for server in servers() {
        check(&server, &|_, database| format!("ALTER DATABASE {database}"));
    }
}

#[test]
fn of_a_role_in_a_database() {
    for server in servers() {
        check(&server, &|role, database| format!("ALTER ROLE {role} IN DATABASE {database}"));
    }
}

#[test]
fn serializable_by_default_on_a_standby() {
    for server in servers() {
        let replica = Replica::start(server.major());
        let tool = Tool::new(&replica.primary());
        tool.psql("postgres", "ALTER ROLE postgres SET default_transaction_isolation = serializable");
        tool.ok(&["-d", "postgres", "setup"]);
        replica.wait();
        let standby = tool.on(&replica.standby());
        standby.ok(&["-d", "postgres", "status"]);
        let uri = format!("host={} target_session_attrs=standby", replica.standby().socket_dir().display());
        standby.ok(&["--uri", &uri, "-d", "postgres", "dump", "--no-commit"]);
    }
}
