//! Tells from the leading words of a statement whether it acts on what all databases of a cluster share: roles and
//! their memberships, databases, tablespaces, settings of the server. Run in one database, it is done for all.
//!
//! What a function or a DO block does is not known here; and `REASSIGN OWNED` and `DROP OWNED` are for one
//! database, as they act on what the role owns there.

use super::cursor::Cursor;

/// Whether the statement acts on what all databases share.
pub fn is_shared(statement: &str) -> bool {
    let mut words = Cursor::new(statement);
    match words.word().as_deref() {
        Some("create" | "alter" | "drop") => is_shared_kind(&mut words) || words.take("system"),
        Some("comment") => words.take("on") && is_shared_kind(&mut words),
        Some("security") => is_label(&mut words),
        Some("grant" | "revoke") => is_shared_grant(&mut words),
        _ => false,
    }
}

/// A `USER` is a role, a `USER MAPPING` is not.
fn is_shared_kind(words: &mut Cursor<'_>) -> bool {
    if words.take("user") {
        return !words.is_at("mapping");
    }
    ["role", "group", "database", "tablespace"].iter().any(|kind| words.take(kind))
}

/// `SECURITY LABEL [ FOR provider ] ON kind`
fn is_label(words: &mut Cursor<'_>) -> bool {
    if !words.take("label") {
        return false;
    }
    if words.take("for") {
        words.advance();
    }
    words.take("on") && is_shared_kind(words)
}

/// Without `ON`, which is a reserved word, it is about membership.
fn is_shared_grant(words: &mut Cursor<'_>) -> bool {
    while words.peek().is_some() {
        if words.is_at("to") || words.is_at("from") {
            return true;
        }
        if words.take("on") {
            return ["database", "tablespace", "parameter"].iter().any(|kind| words.is_at(kind));
        }
        words.advance();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_databases_share_is_told_by_its_words() {
        for sql in [
            "CREATE ROLE a",
            "create /* x */ user a PASSWORD 'b'",
            "ALTER ROLE a IN DATABASE b SET work_mem = '1MB'",
            "ALTER USER ALL SET work_mem = '1MB'",
            "ALTER GROUP a ADD USER b",
            "DROP ROLE IF EXISTS a",
            "CREATE DATABASE a",
            "ALTER DATABASE a OWNER TO b",
            "DROP DATABASE a",
            "CREATE TABLESPACE a LOCATION '/b'",
            "ALTER SYSTEM SET work_mem = '1MB'",
            "COMMENT ON ROLE a IS 'b'",
            "COMMENT ON DATABASE a IS 'b'",
            "SECURITY LABEL FOR p ON ROLE a IS 'b'",
            "SECURITY LABEL ON DATABASE a IS 'b'",
            "GRANT a, \"on\" TO b WITH ADMIN OPTION",
            "REVOKE ADMIN OPTION FOR a FROM b",
            "GRANT CONNECT ON DATABASE a TO b",
            "REVOKE CREATE ON TABLESPACE a FROM b",
            "GRANT SET ON PARAMETER work_mem TO b",
        ] {
            assert!(is_shared(sql), "{sql}");
        }
        for sql in [
            "CREATE TABLE role (a int)",
            "CREATE USER MAPPING FOR a SERVER b",
            "DROP USER MAPPING FOR a SERVER b",
            "ALTER TABLE a OWNER TO b",
            "ALTER DEFAULT PRIVILEGES FOR ROLE a GRANT SELECT ON TABLES TO b",
            "GRANT SELECT ON a TO b",
            "GRANT SELECT (a, b), INSERT ON TABLE database TO b",
            "GRANT ALL ON ALL TABLES IN SCHEMA a TO b",
            "REVOKE GRANT OPTION FOR SELECT ON a FROM b",
            "REASSIGN OWNED BY a TO b",
            "DROP OWNED BY a",
            "COMMENT ON TABLE a IS 'b'",
            "SECURITY LABEL ON TABLE a IS 'b'",
            "SET ROLE a",
            "SELECT 1",
            "GRANT",
            "",
        ] {
            assert!(!is_shared(sql), "{sql}");
        }
    }
}
