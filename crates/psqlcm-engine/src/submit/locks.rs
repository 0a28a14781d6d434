//! The locks that a transaction holds on the user's relations: what a dry run shows.

use psqlcm_core::name::quote_literal;

use crate::session::{DbError, Session};

/// The strongest lock held on one relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldLock {
    /// The relation, as SQL.
    pub relation: String,
    /// What it is: `table`, `index`, ...
    pub kind: String,
    /// The mode as LOCK TABLE has it: `ACCESS EXCLUSIVE`.
    pub mode: String,
}

/// Looks from another session, which sees only relations that were there before the transaction: a lock on one
/// that it made itself concerns nobody. The ledger's own are left out.
pub(super) fn held_by(
    observer: &mut Session,
    pid: &str,
    ledger_table: &str,
) -> Result<Vec<HeldLock>, DbError> {
    let sql = include_str!("locks.sql")
        .replace(":'pid'", &quote_literal(pid))
        .replace(":'table'", &quote_literal(ledger_table));
    let rows = observer.rows(&sql)?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            HeldLock { relation: next(), kind: next(), mode: next() }
        })
        .collect())
}
