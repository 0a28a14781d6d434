//! The walkthrough of the README, word for word but for the server's place.

use psqlcm_testkit::{TestServer, servers, unique};

use crate::tool::Tool;

const SCHEMAS: &str = "SET search_path = public; CREATE SCHEMA schema_one; CREATE TABLE a_bool(a BOOL);
             SET search_path = schema_one; CREATE TABLE an_integer(an INTEGER);
             CREATE SCHEMA schema_two; SET search_path = schema_two; CREATE TABLE a_varchar(a VARCHAR);";

#[test]
fn the_walkthrough_works() {
    for server in servers() {
        check(&server, "postgres");
    }
}

#[test]
fn the_walkthrough_works_for_an_ordinary_role() {
    for server in servers() {
        let role = unique("ordinary");
        server.psql("postgres", &format!("CREATE ROLE {role} LOGIN CREATEDB")).unwrap();
        check(&server, &role);
        server.psql("postgres", &format!("DROP ROLE {role}")).unwrap();
    }
}

fn check(server: &TestServer, role: &str) {
    let tool = Tool::new(server).acting_as(role);
    let name = unique("walkthrough");
    let database = ["--databases", &name];
    tool.psql("postgres", &format!("CREATE DATABASE {name} OWNER {role}"));
    tool.psql(&name, &format!("SET ROLE {role}; {SCHEMAS}"));
    let said = tool.ok(&[&database[..], &["setup"]].concat());
    assert_eq!(said.lines().filter(|line| line.ends_with("done (ledger made)")).count(), 3, "{said}");
    let said = tool.ok(&[&database[..], &["setup"]].concat());
    assert_eq!(said.lines().filter(|line| line.ends_with("unchanged")).count(), 3, "{said}");
    let tables = "SELECT schemaname, count(*) FROM pg_tables
             WHERE schemaname IN ('public', 'schema_one', 'schema_two') GROUP BY 1 ORDER BY 1";
    assert_eq!(tool.psql(&name, tables).trim(), "public|2\nschema_one|2\nschema_two|2");
    tool.check_trip(&name);
    server.drop_database(&name);
}
