//! Whether the encoding of the database can carry what we read and write, which is UTF-8.

use super::{Command, Finding, Severity};
use crate::access;
use crate::session::{DbError, Session};

/// Looks at the encoding, and in SQL_ASCII, where the server checks nothing, at the names and texts too.
///
/// # Errors
/// The server's.
pub fn findings(session: &mut Session) -> Result<Vec<Finding>, DbError> {
    let rows = session.rows("SHOW server_encoding")?;
    let encoding = rows.into_iter().flatten().flatten().next().unwrap_or_default();
    Ok(match encoding.as_str() {
        "UTF8" => Vec::new(),
        "SQL_ASCII" => vec![ascii(access::not_utf_8(session)?)],
        _ => vec![
            Finding::new(
                Severity::Note,
                &[Command::Submit, Command::Restore],
                format!("the encoding of the database is {encoding}"),
            )
            .why("a change with a character that it does not have is refused by the server")
            .advice("write such characters otherwise, or use a database in UTF8"),
        ],
    })
}

fn ascii(not_utf_8: Vec<String>) -> Finding {
    if not_utf_8.is_empty() {
        return Finding::new(Severity::Careful, &Command::ALL, "the encoding of the database is SQL_ASCII")
            .why("the server takes any bytes and checks none; all that psql-cm reads of the schema is UTF-8 so far")
            .advice("use a database in UTF8, or see to it that all clients write UTF-8");
    }
    Finding::new(Severity::Blocks, &Command::CAPTURING, "the encoding is SQL_ASCII, and no UTF-8 are")
        .in_these(not_utf_8)
        .why("what is no text cannot be written to the tree or to a ledger")
        .advice("write these as UTF-8 first")
}
