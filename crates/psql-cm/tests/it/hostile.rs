//! Names, roles, settings and left-overs that are made to trip the tool.

use psqlcm_testkit::{assert_same_text, server, servers, unique};

use crate::tool::Tool;

/// A database of its own, with that SQL run in it.
fn with_database(tool: &Tool, sql: &str) -> String {
    let name = unique("hostile");
    tool.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
    tool.psql(&name, sql);
    name
}

#[test]
fn a_column_called_database_is_not_the_database() {
    let tool = Tool::new(&server(15));
    let name = with_database(&tool, "");
    tool.psql(
        &name,
        &format!("CREATE SCHEMA {name}; CREATE TYPE {name}.kind AS ENUM ('a'); CREATE TABLE {name}.t (database {name}.kind)"),
    );
    tool.ok(&["-d", &name, "setup"]);
    tool.check_trip(&name);
    let copy = format!("{name}_copy");
    tool.ok(&["-d", &name, "restore", "--as", &copy]);
    assert_same_text(&tool.server.pg_dump_schema(&name), &tool.server.pg_dump_schema(&copy));
    tool.server.drop_database(&copy);
    tool.server.drop_database(&name);
}

#[test]
fn a_table_of_the_ledgers_name_that_is_none_is_the_users() {
    let tool = Tool::new(&server(15));
    let columns = "id bigserial, is_base boolean, created_at timestamptz, implementer text, content text";
    let name = with_database(
        &tool,
        &format!("CREATE TABLE pg_psql_cm ({columns}, mine text); CREATE SCHEMA a; CREATE TABLE a.t (a int)"),
    );
    tool.fails(&["-d", &name, "setup"], 1, &["public", "is mine text"]);
    tool.ok(&["-d", &name, "-s", "a", "setup"]);
    tool.check_trip(&name);
    tool.server.drop_database(&name);
}

#[test]
fn roles_that_only_others_granted_to_are_made_and_mapped() {
    let tool = Tool::new(&server(15));
    let [owner, middle, leaf] = ["owner", "middle", "Leaf"].map(unique);
    let make = format!("CREATE ROLE {owner}; CREATE ROLE {middle}; CREATE ROLE \"{leaf}\"");
    let drop = format!("DROP ROLE {owner}; DROP ROLE {middle}; DROP ROLE \"{leaf}\"");
    tool.psql("postgres", &make);
    let name = with_database(
        &tool,
        &format!(
            "CREATE TABLE t (a int); ALTER TABLE t OWNER TO {owner};
             GRANT SELECT ON t TO {middle} WITH GRANT OPTION;
             SET ROLE {middle}; GRANT SELECT ON t TO \"{leaf}\""
        ),
    );
    tool.ok(&["-d", &name, "dump"]);
    let before = tool.server.pg_dump_schema(&name);
    tool.server.drop_database(&name);
    tool.psql("postgres", &drop);
    tool.fails(&["-d", &name, "restore", "--no-roles"], 1, &[&owner, &middle, &leaf]);
    tool.ok(&["-d", &name, "restore"]);
    assert_same_text(&before, &tool.server.pg_dump_schema(&name));
    tool.server.drop_database(&name);
    tool.psql("postgres", &drop);
    let map = |role: &str| format!("{role}=postgres");
    let said = tool.ok(&[
        "-d",
        &name,
        "restore",
        "--role-map",
        &map(&leaf),
        "--role-map",
        &map(&owner),
        "--role-map",
        &map(&middle),
        "--no-roles",
    ]);
    assert!(said.contains("roles were exchanged"), "{said}");
    tool.server.drop_database(&name);
}

#[test]
fn a_name_that_postgresql_would_cut_is_refused() {
    let tool = Tool::new(&server(15));
    let name = with_database(&tool, "");
    tool.ok(&["-d", &name, "dump"]);
    let long = format!("{name}_{}", "n".repeat(63 - name.len()));
    tool.fails(&["-d", &name, "restore", "--as", &long], 2, &[&long]);
    tool.fails(&["-d", &name, "restore", "--as", ""], 2, &["empty"]);
    let longest = &long[..63];
    tool.ok(&["-d", &name, "restore", "--as", longest]);
    assert!(tool.has_database(longest));
    tool.server.drop_database(longest);
    tool.server.drop_database(&name);
}

#[test]
fn a_failed_restore_of_a_template_leaves_nothing() {
    let tool = Tool::new(&server(15));
    let name = with_database(&tool, "CREATE TABLE t (a int)");
    tool.psql("postgres", &format!("ALTER DATABASE {name} IS_TEMPLATE true"));
    tool.ok(&["-d", &name, "dump"]);
    tool.psql("postgres", &format!("ALTER DATABASE {name} IS_TEMPLATE false"));
    tool.server.drop_database(&name);
    tool.write(&format!("{name}/public/tables/t.sql"), "CREATE TABLE public.t (a nothing_known);\n");
    tool.fails(&["-d", &name, "restore"], 1, &["nothing of it is left"]);
    let left = format!("SELECT datname FROM pg_database WHERE datname LIKE '{name}%'");
    assert_eq!(tool.psql("postgres", &left).trim(), "");
}

#[test]
fn an_ordinary_role_sets_up_dumps_and_restores_what_is_its_own() {
    for server in servers() {
        let tool = Tool::new(&server);
        let [role, name] = ["ordinary", "hostile"].map(unique);
        tool.psql(
            "postgres",
            &format!(
                "CREATE ROLE {role} LOGIN CREATEDB; CREATE DATABASE {name} OWNER {role} TEMPLATE template0"
            ),
        );
        tool.psql(&name, &format!("SET ROLE {role}; CREATE SCHEMA s; CREATE TABLE s.t (a int PRIMARY KEY)"));
        let uri = server.uri(&name).replace("postgres@", &format!("{role}@"));
        for action in ["setup", "dump"] {
            tool.ok(&["--uri", &uri, action]);
        }
        let before = server.pg_dump_schema(&name);
        server.drop_database(&name);
        tool.ok(&["--uri", &uri, "restore"]);
        assert_same_text(&before, &server.pg_dump_schema(&name));
        server.drop_database(&name);
        tool.psql("postgres", &format!("DROP ROLE {role}"));
    }
}

#[test]
fn a_role_that_the_database_sets_is_not_taken() {
    let tool = Tool::new(&server(15));
    let role = unique("taken");
    tool.psql("postgres", &format!("CREATE ROLE {role}"));
    let name = with_database(&tool, "CREATE TABLE t (a int)");
    tool.psql("postgres", &format!("ALTER DATABASE {name} SET role TO {role}"));
    tool.ok(&["-d", &name, "setup"]);
    tool.psql("postgres", &format!("ALTER DATABASE {name} RESET role"));
    tool.server.drop_database(&name);
    tool.psql("postgres", &format!("DROP ROLE {role}"));
}

#[test]
fn a_dump_says_that_a_ledger_is_not_what_the_tree_knows() {
    let tool = Tool::new(&server(15));
    let name = with_database(&tool, "CREATE TABLE t (a int)");
    tool.ok(&["-d", &name, "setup"]);
    tool.ok(&["-d", &name, "dump"]);
    let check = |sql: &str, says: &str| {
        tool.psql(
            &name,
            &format!(
                "ALTER TABLE pg_psql_cm DISABLE TRIGGER ALL; {sql};
                ALTER TABLE pg_psql_cm ENABLE ALWAYS TRIGGER pg_psql_cm_append_only"
            ),
        );
        let ran = tool.run(&["-d", &name, "dump"]);
        assert!(ran.code == 0 && ran.stderr.contains(says), "{}", ran.stderr);
    };
    assert_eq!(tool.run(&["-d", &name, "dump"]).stderr, "");
    check("UPDATE pg_psql_cm SET content = 'forged'", "was edited after it was written");
    check("DELETE FROM pg_psql_cm", "only the history of git keeps what the tree knew before");
    tool.server.drop_database(&name);
}

#[test]
fn an_edited_tree_is_no_excuse_for_a_ledger_that_lacks_entries() {
    let tool = Tool::new(&server(15));
    let name = with_database(&tool, "CREATE TABLE t (a int)");
    tool.ok(&["-d", &name, "setup"]);
    tool.ok(&["-d", &name, "dump"]);
    tool.server.drop_database(&name);
    tool.write(&format!("{name}/public/tables/u.sql"), "CREATE TABLE public.u (a int);\n");
    let path = format!(".facts/default/{name}/public.ledger.sql");
    let ledger = tool.read(&path);
    tool.write(&path, &ledger[..ledger.find("\nINSERT INTO").unwrap()]);
    tool.fails(&["-d", &name, "restore"], 1, &["the ledger of schema public has 0 rows instead of 1"]);
    assert!(!tool.has_database(&name));
    tool.write(&path, &ledger);
    tool.ok(&["-d", &name, "restore"]);
    tool.server.drop_database(&name);
}

#[test]
fn a_dump_that_leaves_schemas_out_can_be_restored() {
    let tool = Tool::new(&server(15));
    let role = unique("settings");
    tool.psql("postgres", &format!("CREATE ROLE {role} LOGIN"));
    let name = with_database(
        &tool,
        &format!(
            "CREATE EXTENSION citext; CREATE SCHEMA a AUTHORIZATION {role}; CREATE TABLE a.t (a citext);
            CREATE SCHEMA old; CREATE SCHEMA scratch; CREATE TABLE scratch.s ()"
        ),
    );
    tool.psql("postgres", &format!("ALTER DATABASE {name} SET work_mem TO '5MB'"));
    let dump = ["-d", &name, "--exclude-schema", "scr*", "dump"];
    tool.ok(&["-d", &name, "--exclude-schema", "scr*", "setup"]);
    tool.ok(&dump);
    tool.psql(&name, "DROP SCHEMA old CASCADE");
    tool.ok(&dump);
    assert!(!tool.tree(&format!("{name}/scratch")).exists());
    assert!(!tool.tree(&format!("{name}/old")).exists(), "a schema that is gone leaves the tree");
    tool.psql(&name, "DROP TABLE scratch.s; DROP SCHEMA scratch");
    let before = tool.server.pg_dump_schema(&name);
    tool.server.drop_database(&name);
    tool.psql("postgres", &format!("DROP ROLE {role}"));
    let said = tool.ok(&["-d", &name, "restore"]);
    assert!(said.contains("equal to what was dumped"), "{said}");
    assert_same_text(&before, &tool.server.pg_dump_schema(&name));
    let login = format!("SELECT rolcanlogin FROM pg_roles WHERE rolname = '{role}'");
    assert_eq!(tool.psql("postgres", &login).trim(), "t");
    tool.server.drop_database(&name);
    tool.psql("postgres", &format!("DROP ROLE {role}"));
}

#[test]
fn a_manifest_is_read_for_what_it_is() {
    let tool = Tool::new(&server(15));
    let name = with_database(&tool, "CREATE TABLE t (a int)");
    tool.ok(&["-d", &name, "setup"]);
    tool.ok(&["-d", &name, "dump"]);
    tool.server.drop_database(&name);
    let path = format!(".facts/default/{name}/manifest.json");
    let manifest = tool.read(&path);
    tool.write(&path, &manifest.replace("\"f1:", "\"f0:"));
    let said = tool.ok(&["-d", &name, "restore"]);
    assert!(said.contains("not compared: another version of psql-cm"), "{said}");
    tool.server.drop_database(&name);
    tool.write(&path, &manifest[..100]);
    let ran = tool.fails(&["-d", &name, "restore"], 1, &[&path, "it is not a manifest"]);
    assert_eq!(ran.stderr.matches("it is not a manifest").count(), 1, "{}", ran.stderr);
    tool.write(&path, &manifest);
    std::fs::remove_file(tool.tree(&format!(".facts/default/{name}/public.ledger.sql"))).unwrap();
    tool.fails(&["-d", &name, "restore"], 1, &["schema public has no ledger"]);
    assert!(!tool.has_database(&name));
}

#[test]
fn what_a_hook_refused_is_committed_whole_by_the_next_dump() {
    let tool = Tool::new(&server(15));
    let name = with_database(&tool, "CREATE TABLE t (a int)");
    std::fs::create_dir(tool.tree("")).unwrap();
    tool.git(&["init", "-q"]);
    let hook = tool.tree(".git/hooks/pre-commit");
    tool.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    let mut mode = std::fs::metadata(&hook).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    tool.fails(&["-d", &name, "dump"], 6, &["hook"]);
    std::fs::remove_file(hook).unwrap();
    tool.ok(&["-d", &name, "dump"]);
    assert_eq!(tool.git(&["status", "--porcelain"]), "");
    tool.server.drop_database(&name);
}

#[test]
fn ledgers_that_may_not_be_read_are_named_as_what_is_missing() {
    let tool = Tool::new(&server(15));
    let role = unique("reader");
    tool.psql("postgres", &format!("CREATE ROLE {role} LOGIN"));
    let name = with_database(&tool, "CREATE SCHEMA closed; CREATE TABLE closed.t (a int)");
    let uri = tool.server.uri(&name).replace("postgres@", &format!("{role}@"));
    tool.ok(&["--uri", &uri, "dump"]);
    tool.ok(&["-d", &name, "setup"]);
    tool.fails(&["--uri", &uri, "dump"], 1, &["cannot read the ledgers", "USAGE", "SELECT"]);
    tool.server.drop_database(&name);
    tool.psql("postgres", &format!("DROP ROLE {role}"));
}
