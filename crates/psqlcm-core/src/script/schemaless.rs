//! Tells from the leading words of a statement whether it makes, alters, drops or describes something of the database that
//! belongs to no schema: an extension, a publication, a server.
//!
//! What all databases of a cluster share is told elsewhere. Privileges are not looked at: granting twice is no error.

use super::cursor::Cursor;

/// The words for what belongs to no schema.
const KINDS: [&[&str]; 13] = [
    &["access", "method"],
    &["cast"],
    &["event", "trigger"],
    &["extension"],
    &["foreign", "data", "wrapper"],
    &["language"],
    &["large", "object"],
    &["procedural", "language"],
    &["publication"],
    &["server"],
    &["subscription"],
    &["transform"],
    &["user", "mapping"],
];

/// Whether the statement is about something that belongs to no schema.
pub fn is_schemaless(statement: &str) -> bool {
    let mut words = Cursor::new(statement);
    match words.word().as_deref() {
        Some("create") => {
            if words.take("or") {
                words.take("replace");
            }
            words.take("trusted");
            is_kind(&mut words)
        }
        Some("alter" | "drop") => is_kind(&mut words),
        Some("comment") => words.take("on") && is_kind(&mut words),
        _ => false,
    }
}

fn is_kind(words: &mut Cursor<'_>) -> bool {
    let Some(kind) = KINDS.iter().find(|kind| words.is_at(kind[0])) else { return false };
    kind.iter().all(|word| words.take(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_no_schema_is_told_by_its_words() {
        for sql in [
            "CREATE EXTENSION hstore",
            "create /* x */ publication p FOR ALL TABLES",
            "CREATE OR REPLACE TRUSTED PROCEDURAL LANGUAGE l",
            "CREATE CAST (a AS b) WITH INOUT",
            "CREATE USER MAPPING FOR a SERVER b",
            "ALTER EVENT TRIGGER e DISABLE",
            "DROP FOREIGN DATA WRAPPER f",
            "DROP SERVER s CASCADE",
            "COMMENT ON ACCESS METHOD m IS 'x'",
        ] {
            assert!(is_schemaless(sql), "{sql}");
        }
        for sql in [
            "CREATE FOREIGN TABLE f (a int) SERVER s",
            "CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f()",
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE USER a",
            "CREATE TABLE publication (a int)",
            "COMMENT ON TABLE server IS 'x'",
            "GRANT USAGE ON LANGUAGE l TO a",
            "SELECT 1",
            "",
        ] {
            assert!(!is_schemaless(sql), "{sql}");
        }
    }
}
