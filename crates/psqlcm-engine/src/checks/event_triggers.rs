//! Event triggers of the user: they fire on our DDL as on any other. What they do is not looked at.

use super::{Command, Finding, Severity};
use crate::session::{DbError, Session};

/// Names them.
///
/// # Errors
/// The server's.
pub fn findings(session: &mut Session) -> Result<Vec<Finding>, DbError> {
    let rows = session.rows(include_str!("event_triggers.sql"))?;
    let name = |row: Vec<Option<String>>| {
        let [name, event, function] = row.try_into().ok()?;
        Some(format!("{} ({}, calls {})", name?, event?, function?))
    };
    let names: Vec<String> = rows.into_iter().filter_map(name).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let finding = Finding::new(Severity::Note, &[Command::Setup, Command::Submit], "event triggers fire")
        .in_these(names)
        .why("one that refuses what setup or a change does makes it fail; nothing is changed then")
        .advice("read what they do; try with submit --dry-run");
    Ok(vec![finding])
}
