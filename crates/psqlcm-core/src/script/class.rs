//! Tells from the leading words of a statement whether it can run inside a transaction that is not its own.
//!
//! It never looks for meaning: what a DO block, a CALL or a function does is not known here, and what
//! depends on the catalog (CLUSTER, REINDEX TABLE and REINDEX INDEX refuse a transaction only for
//! partitioned tables) counts as transactional, so that the server decides. DISCARD ALL does too: the
//! server refuses it in a transaction, and outside it would take the tool's own session apart.

use super::cursor::Cursor;
use super::lexer::{Lexer, TokenKind};
use crate::name::{Ident, QualifiedName};
use crate::visible;

/// How a statement relates to the transaction it is run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// Runs in any transaction, as far as its words tell.
    Transactional,
    /// Begins, ends, divides or alters the transaction itself; the words name the command. `SET
    /// TRANSACTION` is one; `SET SESSION CHARACTERISTICS` is not, as it is about later transactions.
    TransactionControl(&'static str),
    /// The server refuses it inside a transaction block.
    NonTransactional(NonTransactional),
    /// `COPY` between a table and the client.
    Copy(CopyDirection),
}

/// Which way the data of a COPY go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyDirection {
    /// The client sends the data.
    FromStdin,
    /// The client gets the data.
    ToStdout,
}

/// What the server refuses inside a transaction block, in any of PostgreSQL 13 to 18.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NonTransactional {
    /// `CREATE INDEX CONCURRENTLY`: leaves an invalid index behind when it fails.
    CreateIndexConcurrently(ConcurrentIndex),
    /// `DROP INDEX CONCURRENTLY`
    DropIndexConcurrently,
    /// `REINDEX ... CONCURRENTLY`: leaves an invalid index behind when it fails.
    ReindexConcurrently,
    /// `REINDEX SCHEMA | DATABASE | SYSTEM`: one transaction a table.
    ReindexMany,
    /// `ALTER TABLE ... DETACH PARTITION ... CONCURRENTLY`
    DetachPartitionConcurrently,
    /// `VACUUM`
    Vacuum,
    /// `CLUSTER` without a table
    ClusterAll,
    /// `CREATE DATABASE`
    CreateDatabase,
    /// `DROP DATABASE`
    DropDatabase,
    /// `ALTER DATABASE ... SET TABLESPACE`
    AlterDatabaseTablespace,
    /// `CREATE TABLESPACE`
    CreateTablespace,
    /// `DROP TABLESPACE`
    DropTablespace,
    /// `ALTER SYSTEM`
    AlterSystem,
    /// `CREATE SUBSCRIPTION` that makes a replication slot
    CreateSubscription,
    /// `ALTER SUBSCRIPTION` that refreshes, or changes `failover` or `two_phase` of its slot
    AlterSubscription,
    /// `DROP SUBSCRIPTION`: allowed in a transaction only without a slot, which the words do not tell.
    DropSubscription,
}

impl NonTransactional {
    /// The command in SQL's words.
    pub fn command(&self) -> &'static str {
        match self {
            Self::CreateIndexConcurrently(_) => "CREATE INDEX CONCURRENTLY",
            Self::DropIndexConcurrently => "DROP INDEX CONCURRENTLY",
            Self::ReindexConcurrently => "REINDEX CONCURRENTLY",
            Self::ReindexMany => "REINDEX",
            Self::DetachPartitionConcurrently => "ALTER TABLE DETACH PARTITION CONCURRENTLY",
            Self::Vacuum => "VACUUM",
            Self::ClusterAll => "CLUSTER",
            Self::CreateDatabase => "CREATE DATABASE",
            Self::DropDatabase => "DROP DATABASE",
            Self::AlterDatabaseTablespace => "ALTER DATABASE SET TABLESPACE",
            Self::CreateTablespace => "CREATE TABLESPACE",
            Self::DropTablespace => "DROP TABLESPACE",
            Self::AlterSystem => "ALTER SYSTEM",
            Self::CreateSubscription => "CREATE SUBSCRIPTION",
            Self::AlterSubscription => "ALTER SUBSCRIPTION",
            Self::DropSubscription => "DROP SUBSCRIPTION",
        }
    }
}

/// What `CREATE INDEX CONCURRENTLY` names, to find the invalid index it may leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrentIndex {
    /// The index (it is made in the schema of its table); `None` where the server chooses the name.
    pub name: Option<Ident>,
    /// An index of that name may have been there before.
    pub if_not_exists: bool,
    /// The table; `None` where the statement is not as expected, and the server will say so.
    pub table: Option<QualifiedName>,
}

/// Classifies one statement.
pub fn classify(statement: &str) -> Class {
    let mut words = Cursor::new(statement);
    if let Some(command) = transaction_control(&mut words.clone()) {
        return Class::TransactionControl(command);
    }
    if let Some(command) = non_transactional(&mut words.clone()) {
        return Class::NonTransactional(command);
    }
    copy(&mut words).map_or(Class::Transactional, Class::Copy)
}

/// A label of one line for progress: the beginning of the statement, at most 60 characters, without
/// comments, and without the contents of strings, as a string may be a password.
pub fn label(statement: &str) -> String {
    const MOST: usize = 60;
    let mut label = String::new();
    let mut end_of_last = 0;
    let mut lexer = Lexer::new(statement, 0);
    let mut whole = false;
    while label.chars().count() <= MOST {
        let Ok(next) = lexer.next_token() else { break };
        let Some(token) = next else {
            whole = true;
            break;
        };
        if end_of_last != token.start && !label.is_empty() {
            label.push(' ');
        }
        match token.kind {
            TokenKind::String => label.push_str("'…'"),
            TokenKind::DollarString => label.push_str("$$…$$"),
            _ => label.extend(statement[token.start..token.end].chars().map(visible::replacement)),
        }
        end_of_last = token.end;
    }
    if whole && label.chars().count() <= MOST {
        return label;
    }
    let kept: String = label.chars().take(MOST - 2).collect();
    format!("{} …", kept.trim_end()).trim_start().to_owned()
}

/// Reads one identifier of SQL text, quoted or not, as the server would; `None` for anything else.
pub fn read_ident(sql: &str) -> Option<Ident> {
    let mut words = Cursor::new(sql);
    let ident = words.ident()?;
    words.peek().is_none().then_some(ident)
}

/// Reads the name, with its schema if it says one, with which SQL text begins.
pub fn read_name(sql: &str) -> Option<QualifiedName> {
    Cursor::new(sql).qualified_name()
}

fn transaction_control(words: &mut Cursor<'_>) -> Option<&'static str> {
    for (command, sql) in [
        ("START TRANSACTION", &["start", "transaction"][..]),
        ("PREPARE TRANSACTION", &["prepare", "transaction"]),
        ("COMMIT PREPARED", &["commit", "prepared"]),
        ("ROLLBACK PREPARED", &["rollback", "prepared"]),
        ("BEGIN", &["begin"]),
        ("COMMIT", &["commit"]),
        ("END", &["end"]),
        ("ROLLBACK", &["rollback"]),
        ("ABORT", &["abort"]),
        ("SAVEPOINT", &["savepoint"]),
        ("RELEASE", &["release"]),
    ] {
        if words.take_all(sql) {
            return Some(command);
        }
    }
    // The settings behind SET TRANSACTION have names of their own.
    if !words.take("set") {
        return None;
    }
    let _ = words.take("local") || words.take("session");
    let transaction =
        ["transaction", "transaction_isolation", "transaction_read_only", "transaction_deferrable"];
    transaction.iter().any(|name| words.take(name)).then_some("SET TRANSACTION")
}

fn non_transactional(words: &mut Cursor<'_>) -> Option<NonTransactional> {
    let verb = words.word()?;
    match verb.as_str() {
        "create" => create(words),
        "drop" => drop(words),
        "alter" => alter(words),
        "reindex" => reindex(words),
        "vacuum" => Some(NonTransactional::Vacuum),
        "cluster" => {
            let _ = words.take("verbose") || words.options().is_some();
            words.peek().is_none().then_some(NonTransactional::ClusterAll)
        }
        _ => None,
    }
}

fn create(words: &mut Cursor<'_>) -> Option<NonTransactional> {
    if words.take("database") {
        return Some(NonTransactional::CreateDatabase);
    }
    if words.take("tablespace") {
        return Some(NonTransactional::CreateTablespace);
    }
    if words.take("subscription") {
        return create_subscription(words);
    }
    words.take("unique");
    words.take_all(&["index", "concurrently"]).then(|| {
        let if_not_exists = words.take_all(&["if", "not", "exists"]);
        let name = if words.is_at("on") { None } else { words.ident() };
        let on = words.take("on");
        words.take("only");
        let table = if on { words.qualified_name() } else { None };
        NonTransactional::CreateIndexConcurrently(ConcurrentIndex { name, if_not_exists, table })
    })
}

fn create_subscription(words: &mut Cursor<'_>) -> Option<NonTransactional> {
    let options = words.options_after_with();
    let is_off = |name| options.iter().any(|option| option.name == name && option.value == Some(false));
    (!is_off("create_slot") && !is_off("connect")).then_some(NonTransactional::CreateSubscription)
}

fn drop(words: &mut Cursor<'_>) -> Option<NonTransactional> {
    match words.word()?.as_str() {
        "database" => Some(NonTransactional::DropDatabase),
        "tablespace" => Some(NonTransactional::DropTablespace),
        "subscription" => Some(NonTransactional::DropSubscription),
        "index" => words.take("concurrently").then_some(NonTransactional::DropIndexConcurrently),
        _ => None,
    }
}

fn alter(words: &mut Cursor<'_>) -> Option<NonTransactional> {
    match words.word()?.as_str() {
        "system" => Some(NonTransactional::AlterSystem),
        "database" => {
            words.ident()?;
            words.take_all(&["set", "tablespace"]).then_some(NonTransactional::AlterDatabaseTablespace)
        }
        "subscription" => alter_subscription(words),
        "table" => detach_partition(words),
        _ => None,
    }
}

fn alter_subscription(words: &mut Cursor<'_>) -> Option<NonTransactional> {
    words.ident()?;
    let verb = words.word()?;
    let refuses = match verb.as_str() {
        "refresh" => true,
        "set" | "add" | "drop" if words.take("publication") => {
            let options = words.options_after_with();
            !options.iter().any(|option| option.name == "refresh" && option.value == Some(false))
        }
        "set" => {
            let options = words.options().unwrap_or_default();
            options.iter().any(|option| matches!(option.name.as_str(), "failover" | "two_phase"))
        }
        _ => false,
    };
    refuses.then_some(NonTransactional::AlterSubscription)
}

fn detach_partition(words: &mut Cursor<'_>) -> Option<NonTransactional> {
    words.take_all(&["if", "exists"]);
    words.take("only");
    words.qualified_name()?;
    words.take_symbol(b'*');
    if !words.take_all(&["detach", "partition"]) {
        return None;
    }
    words.qualified_name()?;
    words.take("concurrently").then_some(NonTransactional::DetachPartitionConcurrently)
}

fn reindex(words: &mut Cursor<'_>) -> Option<NonTransactional> {
    let options = words.options().unwrap_or_default();
    let what = words.word()?;
    // As everywhere in PostgreSQL, the last of several equal options counts.
    let option = options.iter().rfind(|option| option.name == "concurrently");
    if words.take("concurrently") || option.is_some_and(|option| option.value != Some(false)) {
        return Some(NonTransactional::ReindexConcurrently);
    }
    matches!(what.as_str(), "schema" | "database" | "system").then_some(NonTransactional::ReindexMany)
}

/// The server takes STDIN and STDOUT for the same: "the client"; FROM and TO give the direction.
fn copy(words: &mut Cursor<'_>) -> Option<CopyDirection> {
    if !words.take("copy") {
        return None;
    }
    if words.is_at_symbol(b'(') {
        words.skip_parentheses();
    } else {
        let _ = words.take("binary");
        words.qualified_name()?;
        words.skip_parentheses();
    }
    let direction = match words.word()?.as_str() {
        "from" => CopyDirection::FromStdin,
        "to" => CopyDirection::ToStdout,
        _ => return None,
    };
    (words.take("stdin") || words.take("stdout")).then_some(direction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use NonTransactional as N;

    fn ident(name: &str) -> Ident {
        Ident::new(name).unwrap()
    }

    #[test]
    fn transaction_control_is_told_by_its_words() {
        for (sql, command) in [
            ("BEGIN", "BEGIN"),
            ("begin work isolation level serializable", "BEGIN"),
            ("/* x */ Start -- y\n Transaction", "START TRANSACTION"),
            ("COMMIT AND CHAIN", "COMMIT"),
            ("END", "END"),
            ("ROLLBACK TO SAVEPOINT a", "ROLLBACK"),
            ("abort", "ABORT"),
            ("savepoint a", "SAVEPOINT"),
            ("release savepoint a", "RELEASE"),
            ("PREPARE TRANSACTION 'a'", "PREPARE TRANSACTION"),
            ("COMMIT PREPARED 'a'", "COMMIT PREPARED"),
            ("ROLLBACK PREPARED 'a'", "ROLLBACK PREPARED"),
            ("SET TRANSACTION READ ONLY", "SET TRANSACTION"),
            ("SET LOCAL TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION"),
            ("set transaction_read_only = on", "SET TRANSACTION"),
        ] {
            assert_eq!(classify(sql), Class::TransactionControl(command), "{sql}");
        }
    }

    #[test]
    fn what_runs_in_a_transaction_is_transactional() {
        for sql in [
            "",
            "select 'begin'",
            "\"begin\"",
            "start",
            "DO $$ begin commit; end $$",
            "CALL vacuum()",
            "prepare p as select 1",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "SET ROLE a",
            "SET SESSION AUTHORIZATION a",
            "SET search_path = a",
            "set local lock_timeout = 1",
            "SET CONSTRAINTS ALL IMMEDIATE",
            "RESET ALL",
            "DISCARD ALL",
            "CREATE INDEX i ON t(a)",
            "CREATE INDEX \"concurrently\" ON t(a)",
            "CREATE UNIQUE INDEX /* CONCURRENTLY */ i ON t(a)",
            "CREATE TABLE database(a int)",
            "DROP INDEX i",
            "DROP INDEX \"concurrently\"",
            "DROP TABLE subscription",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
            "REINDEX TABLE t",
            "REINDEX (VERBOSE, CONCURRENTLY false) TABLE t",
            "REINDEX INDEX \"concurrently\"",
            "ALTER TABLE t DETACH PARTITION p",
            "ALTER TABLE t DETACH PARTITION p FINALIZE",
            "ALTER TABLE t ADD CHECK (concurrently())",
            "ALTER DATABASE d SET work_mem = 1",
            "ALTER DATABASE d OWNER TO tablespace",
            "CLUSTER t",
            "CLUSTER (VERBOSE) t USING i",
            "CLUSTER VERBOSE t",
            "ANALYZE",
            "CREATE SUBSCRIPTION s CONNECTION 'with (a)' PUBLICATION p WITH (create_slot = false)",
            "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p, q WITH (enabled=off, CONNECT='false', slot_name=none)",
            "ALTER SUBSCRIPTION s DISABLE",
            "ALTER SUBSCRIPTION s SET (slot_name = none)",
            "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)",
            "COPY t FROM '/file'",
            "COPY t TO PROGRAM 'cat'",
            "COPY (select 1 from stdin) TO '/file'",
        ] {
            assert_eq!(classify(sql), Class::Transactional, "{sql}");
        }
    }

    #[test]
    fn what_the_server_refuses_in_a_transaction_is_told() {
        for (sql, class) in [
            ("DROP INDEX CONCURRENTLY IF EXISTS i", N::DropIndexConcurrently),
            ("REINDEX TABLE CONCURRENTLY t", N::ReindexConcurrently),
            ("REINDEX (CONCURRENTLY) INDEX i", N::ReindexConcurrently),
            ("REINDEX (CONCURRENTLY on, TABLESPACE a) INDEX i", N::ReindexConcurrently),
            ("REINDEX DATABASE CONCURRENTLY", N::ReindexConcurrently),
            ("REINDEX (verbose) SCHEMA s", N::ReindexMany),
            ("reindex system d", N::ReindexMany),
            ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", N::DetachPartitionConcurrently),
            (
                "alter table if exists only \"a b\".t * detach /**/ partition s.p concurrently",
                N::DetachPartitionConcurrently,
            ),
            ("vacuum (analyze) t", N::Vacuum),
            ("CLUSTER", N::ClusterAll),
            ("CLUSTER VERBOSE", N::ClusterAll),
            ("CLUSTER (VERBOSE false)", N::ClusterAll),
            ("CREATE DATABASE d", N::CreateDatabase),
            ("DROP DATABASE IF EXISTS d", N::DropDatabase),
            ("ALTER DATABASE \"set\" SET TABLESPACE t", N::AlterDatabaseTablespace),
            ("CREATE TABLESPACE t LOCATION '/'", N::CreateTablespace),
            ("DROP TABLESPACE t", N::DropTablespace),
            ("ALTER SYSTEM SET a = 1", N::AlterSystem),
            ("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", N::CreateSubscription),
            ("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (create_slot)", N::CreateSubscription),
            (
                "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (copy_data = false)",
                N::CreateSubscription,
            ),
            ("ALTER SUBSCRIPTION s REFRESH PUBLICATION", N::AlterSubscription),
            ("ALTER SUBSCRIPTION s ADD PUBLICATION p", N::AlterSubscription),
            ("ALTER SUBSCRIPTION s SET (failover = true)", N::AlterSubscription),
            ("DROP SUBSCRIPTION s", N::DropSubscription),
        ] {
            assert_eq!(classify(sql), Class::NonTransactional(class), "{sql}");
        }
    }

    #[test]
    fn an_index_made_concurrently_is_named() {
        let long = "é".repeat(40);
        for (sql, name, if_not_exists, table) in [
            ("CREATE INDEX CONCURRENTLY I ON T(a)", Some("i"), false, Some((None, "t"))),
            (
                "create unique index concurrently if not exists \"I\"\"x\" on only S.\"T\" using btree (a)",
                Some("I\"x"),
                true,
                Some((Some("s"), "T")),
            ),
            ("CREATE INDEX CONCURRENTLY ON d.s.t(a)", None, false, Some((Some("s"), "t"))),
            ("CREATE INDEX CONCURRENTLY if ON t(a)", Some("if"), false, Some((None, "t"))),
            (
                "CREATE INDEX -- x\n CONCURRENTLY/* y */ U&\"d!0061\" UESCAPE '!' ON U&\"\\+01F600\\\\\" (a)",
                Some("da"),
                false,
                Some((None, "😀\\")),
            ),
            (
                &format!("CREATE INDEX CONCURRENTLY {long} ON t(a)"),
                Some(&long[..62]),
                false,
                Some((None, "t")),
            ),
            ("CREATE INDEX CONCURRENTLY i", Some("i"), false, None),
        ] {
            let table =
                table.map(|(schema, name)| QualifiedName { schema: schema.map(ident), name: ident(name) });
            let index = ConcurrentIndex { name: name.map(ident), if_not_exists, table };
            assert_eq!(classify(sql), Class::NonTransactional(N::CreateIndexConcurrently(index)), "{sql}");
        }
    }

    #[test]
    fn copy_with_the_client_is_told() {
        for (sql, direction) in [
            ("COPY t FROM STDIN", CopyDirection::FromStdin),
            ("copy s.t (a, b) from stdin csv", CopyDirection::FromStdin),
            ("COPY t TO STDOUT", CopyDirection::ToStdout),
            ("COPY (select (1) from t) TO stdout (format csv)", CopyDirection::ToStdout),
        ] {
            assert_eq!(classify(sql), Class::Copy(direction), "{sql}");
        }
    }

    #[test]
    fn labels_are_one_short_line_without_secrets() {
        for (sql, expected) in [
            ("ALTER TABLE a_varchar\n\t ADD  b int", "ALTER TABLE a_varchar ADD b int"),
            ("/* c */ select -- d\n f(1,'x')", "select f(1,'…')"),
            ("ALTER ROLE a PASSWORD 'hunter2'", "ALTER ROLE a PASSWORD '…'"),
            ("do $x$ secret $x$", "do $$…$$"),
            ("select \"a\x1b[1m\nb\"", "select \"a␛[1m␊b\""),
            ("select 'unclosed", "select …"),
            ("'", "…"),
            (
                "CREATE TABLE a_table_with_a_long_name (a_first_column integer, b text)",
                "CREATE TABLE a_table_with_a_long_name (a_first_column inte …",
            ),
        ] {
            assert_eq!(label(sql), expected);
            assert!(expected.chars().count() <= 60);
        }
        assert_eq!(label(&"x".repeat(60)), "x".repeat(60));
        assert_eq!(label(&"é".repeat(61)), "é".repeat(58) + " …");
    }

    #[test]
    fn identifiers_are_read_as_the_server_reads_them() {
        for (sql, name) in [
            ("Abc", Some("abc")),
            ("\"A\"\"b\"", Some("A\"b")),
            ("ÀB", Some("Àb")),
            ("U&\"\\00e9\"", Some("é")),
            ("U&\"\\d83d\\de00\"", Some("😀")),
            ("U&\"\\00\"", None),
            ("\"\"", None),
            ("a b", None),
            ("'a'", None),
            ("", None),
            ("1", None),
        ] {
            assert_eq!(read_ident(sql), name.map(ident), "{sql}");
        }
    }
}
