//! What was left behind and may hold things up: transactions, and databases of restores that were killed.

use std::time::Duration;

use super::{Command, Finding, Severity};
use crate::run::database::{Purpose, left_behind};
use crate::session::{DbError, Session};

/// From when on a transaction is worth a word.
pub const LONG: Duration = Duration::from_secs(5 * 60);

/// Prepared transactions of the session's database. Whether one is in the way of a capture, a capture tells.
///
/// # Errors
/// The server's.
pub fn prepared(session: &mut Session) -> Result<Vec<Finding>, DbError> {
    let rows = session.rows(include_str!("prepared.sql"))?;
    let name = |row: Vec<Option<String>>| {
        let [gid, owner] = row.try_into().ok()?;
        Some(format!("{} of {}", gid?, owner.unwrap_or_default()))
    };
    let names: Vec<String> = rows.into_iter().filter_map(name).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let finding = Finding::new(Severity::Careful, &Command::CAPTURING, "there are prepared transactions")
        .in_these(names)
        .why("they hold their locks until somebody ends them, also over a restart of the server")
        .advice("COMMIT PREPARED or ROLLBACK PREPARED, by whoever began them");
    Ok(vec![finding])
}

/// Transactions in the session's database that have been open so long.
///
/// # Errors
/// The server's.
pub fn transactions(session: &mut Session, open_for: Duration) -> Result<Vec<Finding>, DbError> {
    let sql = include_str!("transactions.sql").replace(":seconds", &open_for.as_secs().to_string());
    let name = |row: Vec<Option<String>>| {
        let [pid, role, state, minutes] = row.try_into().ok()?;
        let (role, state) = (role.unwrap_or_default(), state.unwrap_or_default());
        Some(format!("pid {} ({role}, {state}, {} min)", pid?, minutes?))
    };
    let names: Vec<String> = session.rows(&sql)?.into_iter().filter_map(name).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let finding = Finding::new(Severity::Note, &[Command::Submit], "transactions have been open for long")
        .in_these(names)
        .why("a change that needs a table which one of them has used waits for its end")
        .advice("see what they do in pg_stat_activity; submit gives up after --lock-timeout");
    Ok(vec![finding])
}

/// Databases of runs that were killed.
///
/// # Errors
/// The server's.
pub fn databases(session: &mut Session) -> Result<Vec<Finding>, DbError> {
    let mut findings = Vec::new();
    let names = left_behind(session, Purpose::Restore)?;
    if !names.is_empty() {
        let finding = Finding::new(Severity::Note, &[Command::Restore], "killed restores left databases")
            .in_these(names)
            .why("they are half built and take room on the disk")
            .advice("the next restore of the same database drops them; or DROP DATABASE");
        findings.push(finding);
    }
    let names = left_behind(session, Purpose::Scratch)?;
    if !names.is_empty() {
        let finding = Finding::new(Severity::Note, &Command::CAPTURING, "killed runs left scratch databases")
            .in_these(names)
            .why("they take room on the disk")
            .advice("the next command with this server as --scratch-uri drops them; or DROP DATABASE");
        findings.push(finding);
    }
    Ok(findings)
}
