//! A connection that is lost around COMMIT: the tool finds out what became of it, or says that it cannot.

use psqlcm_testkit::{At, Harm, Moment, Proxy, TestDatabase, server};

use crate::support::{Ran, command, folder, setup};

fn databases(names: &[&str]) -> Vec<TestDatabase> {
    let server = server(15);
    let made = names.iter().map(|name| {
        let database = server.database(name);
        database.psql("CREATE TABLE t (a int)").unwrap();
        setup(&database, &["public"]);
        database
    });
    made.collect()
}

/// Submits through a line that is harmed at the n-th COMMIT.
fn submit(databases: &[TestDatabase], nth: usize, harm: Harm) -> Ran {
    let proxy = Proxy::before(databases[0].server(), At::Text("COMMIT\0", nth), harm);
    let all: Vec<&TestDatabase> = databases.iter().collect();
    let change = ["submit", "-c", "ALTER TABLE t ADD b int"];
    Ran::of(&proxy.run(command(&proxy.server(), &all, &folder("lost")).args(change)))
}

fn standing(database: &TestDatabase) -> String {
    let sql = "SELECT count(*), (SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'b') FROM pg_psql_cm";
    database.psql(sql).unwrap()
}

#[test]
fn an_unanswered_commit_is_looked_up() {
    let databases = databases(&["lost_answer"]);
    submit(&databases, 1, Harm::Cut(Moment::After)).exits(0).says("+ column public.t.b");
    assert_eq!(standing(&databases[0]), "2|1");
}

#[test]
fn a_commit_that_did_not_come_through_is_a_failure() {
    let databases = databases(&["lost_commit"]);
    submit(&databases, 1, Harm::Cut(Moment::Before)).exits(1).says("cannot commit");
    assert_eq!(standing(&databases[0]), "1|0");
    submit(&databases, 9, Harm::Cut(Moment::Before)).exits(0);
}

#[test]
fn what_nobody_can_tell_is_in_doubt() {
    let databases = databases(&["lost_doubt"]);
    let ran = submit(&databases, 1, Harm::Silence(Moment::After)).exits(7).says("could not be looked up");
    let hash = databases[0].psql("SELECT hash FROM pg_psql_cm WHERE id = 2").unwrap();
    ran.says(&hash);
}

#[test]
fn a_later_database_that_is_not_committed_is_named() {
    let databases = databases(&["lost_first", "lost_second"]);
    let ran = submit(&databases, 2, Harm::Cut(Moment::Before)).exits(6);
    let [first, second] = [databases[0].name(), databases[1].name()];
    let ran = ran.says(&format!("{first}.public: done")).says(&format!("{second}.public: failed"));
    ran.says("submit the same again with --atomic database to go on");
    assert_eq!((standing(&databases[0]).as_str(), standing(&databases[1]).as_str()), ("2|1", "1|0"));
}
