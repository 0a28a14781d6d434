//! Connection poolers: one that gives sessions away is no place for us, one that does not is as good as the server.

use psqlcm_testkit::{Pooler, Pooling, TestDatabase, servers};

use crate::support::setup;
use crate::tool::Tool;

/// The words that lead through the pooler to one database, and then these.
fn through<'a>(uri: &'a str, database: &'a TestDatabase, words: &[&'a str]) -> Vec<&'a str> {
    [&["--uri", uri, "-d", database.name()], words].concat()
}

#[test]
fn a_pooler_that_gives_sessions_away_is_refused() {
    for server in servers() {
        let database = server.database("pooled");
        database.psql("CREATE TABLE t (a int)").unwrap();
        setup(&database, &["public"]);
        let tool = Tool::new(&server);
        let state = || (database.pg_dump_schema(), tool.ledgers(database.name()));
        let before = state();
        for pooling in [Pooling::Transaction, Pooling::TransactionInTurn, Pooling::TransactionLate] {
            let pooler = Pooler::start(&server, pooling);
            let uri = pooler.uri(database.name());
            // What a session holds that the next client would get.
            let settings =
                "SELECT current_setting('search_path'), current_user, current_setting('statement_timeout'),
                current_setting('row_security'), current_setting('default_transaction_read_only')";
            let untouched = pooler.psql(database.name(), settings);
            for words in [
                &["setup"][..],
                &["submit", "-c", "CREATE TABLE u (a int)"],
                &["dump", "--no-commit"],
                &["status"],
                &["verify"],
                &["log"],
            ] {
                let says = [
                    "a connection pooler in transaction mode stands before the server",
                    "hint: connect to the server itself",
                ];
                tool.fails(&through(&uri, &database, words), 4, &says);
            }
            assert_eq!(pooler.psql(database.name(), settings), untouched, "{pooling:?}");
        }
        assert_eq!(state(), before);
        assert!(!tool.tree("").exists());
    }
}

#[test]
fn restore_makes_nothing_through_a_pooler_that_gives_sessions_away() {
    for server in servers() {
        let database = server.database("pooled");
        database.psql("CREATE TABLE t (a int)").unwrap();
        let tool = Tool::new(&server);
        tool.ok(&["-d", database.name(), "dump"]);
        for pooling in [Pooling::Transaction, Pooling::TransactionLate] {
            let pooler = Pooler::start(&server, pooling);
            let (uri, new) = (pooler.uri("postgres"), psqlcm_testkit::unique("restored"));
            let words = through(&uri, &database, &["restore", "--as", &new]);
            tool.fails(&words, 4, &["a connection pooler in transaction mode stands before the server"]);
            assert!(!tool.has_database(&new));
        }
    }
}

#[test]
fn a_pooler_that_keeps_sessions_is_as_good_as_the_server() {
    for server in servers() {
        let database = server.database("pooled");
        database.psql("CREATE TABLE t (a int)").unwrap();
        let tool = Tool::new(&server);
        let pooler = Pooler::start(&server, Pooling::Session);
        let uri = pooler.uri(database.name());
        for words in
            [&["setup"][..], &["submit", "-c", "CREATE TABLE u (a int)"], &["dump"], &["status"], &["verify"]]
        {
            tool.ok(&through(&uri, &database, words));
        }
        assert_eq!(database.psql("SELECT count(*) FROM pg_psql_cm").unwrap(), "2");
    }
}
