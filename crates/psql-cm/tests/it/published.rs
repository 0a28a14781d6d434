//! Publications that would carry the ledgers to subscribers that have no such table.

use psqlcm_testkit::{TestDatabase, servers};

use crate::support::{run, setup};

/// A publication over schemas `app` (with a table) and `other`, and which ledgers it would carry, and why.
fn check(publication: &str, carried: &[&str], why: &str) {
    for server in servers() {
        if publication.contains("IN SCHEMA") && server.major() < 15 {
            continue;
        }
        let database = server.database("published");
        database
            .psql("CREATE SCHEMA app; CREATE TABLE app.t (a int PRIMARY KEY); CREATE SCHEMA other; DROP SCHEMA public")
            .unwrap();
        database.psql(publication).unwrap();
        let before = database.pg_dump_schema();
        for words in [&["setup"][..], &["setup", "--dry-run"]] {
            let ran = run(&database, words).exits(4).says("hint: a subscriber without the table would stop");
            for schema in ["app", "other"] {
                let line =
                    format!("the ledger of schema {schema}: publication \"The Pub\" carries it, as it {why}");
                assert_eq!(ran.err.contains(&line), carried.contains(&schema), "{schema}: {}", ran.err);
            }
        }
        assert_eq!(database.pg_dump_schema(), before);
        let ran = run(&database, &["setup", "--allow-published"]).exits(0);
        assert_eq!(
            ran.err.matches("publication \"The Pub\" carries it").count(),
            carried.len(),
            "{}",
            ran.err
        );
        // A ledger that is there is no news, but it is told how it stands.
        run(&database, &["setup"]).exits(0);
        named_by_status(&database, carried);
    }
}

fn named_by_status(database: &TestDatabase, carried: &[&str]) {
    let ran = run(database, &["status"]).exits(0);
    for schema in ["app", "other"] {
        let is_named = ran.out.lines().any(|line| {
            line.contains(&format!(".{schema}: good")) && line.contains("publication \"The Pub\" carries it")
        });
        assert_eq!(is_named, carried.contains(&schema), "{schema}: {}", ran.out);
    }
    let json = run(database, &["status", "--format", "json"]).json();
    let named = json["targets"].as_array().unwrap().iter().filter(|target| {
        target["details"]["published"].as_array().is_some_and(|names| names[0] == "The Pub")
    });
    assert_eq!(named.count(), carried.len(), "{json}");
}

#[test]
fn of_all_tables() {
    check("CREATE PUBLICATION \"The Pub\" FOR ALL TABLES", &["app", "other"], "is FOR ALL TABLES");
}

#[test]
fn of_a_schema() {
    let publication = "CREATE PUBLICATION \"The Pub\" FOR TABLES IN SCHEMA other";
    check(publication, &["other"], "is FOR TABLES IN SCHEMA other");
}

#[test]
fn of_the_table_itself() {
    for server in servers() {
        let database = server.database("published");
        database.psql("CREATE SCHEMA app; CREATE SCHEMA other").unwrap();
        setup(&database, &["app", "other"]);
        database.psql("CREATE PUBLICATION \"The Pub\" FOR TABLE app.pg_psql_cm").unwrap();
        run(&database, &["status", "-s", "app"]).exits(0).says("as it names the table: subscribers need it");
    }
}

#[test]
fn of_other_tables_only() {
    for server in servers() {
        let database = server.database("published");
        database.psql("CREATE TABLE t (a int); CREATE PUBLICATION p FOR TABLE t").unwrap();
        setup(&database, &["public"]);
        let ran = run(&database, &["status"]).exits(0);
        assert!(!ran.out.contains("carries it"), "{}", ran.out);
    }
}
