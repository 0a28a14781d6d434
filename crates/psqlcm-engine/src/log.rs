//! What happened in a database: the entries of its ledgers that fit a filter.

use psqlcm_core::ledger::{Entry, EntryKind};
use psqlcm_core::name::quote_literal;

use crate::ledger::{Ledger, LedgerError, State};
use crate::session::{DbError, Session};

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// From this moment on, as PostgreSQL reads it.
    pub since: Option<String>,
    /// Before this moment.
    pub until: Option<String>,
    /// Of this change.
    pub change_id: Option<String>,
    /// Of these kinds; empty is all.
    pub kinds: Vec<String>,
}

/// Why entries cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The server does not take a text for a moment.
    #[error("{option} {text:?} is no moment that PostgreSQL knows")]
    Time {
        /// Which option.
        option: &'static str,
        /// Its text.
        text: String,
        /// The server's answer.
        source: DbError,
    },
    /// The ledgers cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What an entry records, also where version 0.2.2 wrote it.
#[must_use]
pub fn kind_of(entry: &Entry) -> EntryKind {
    match &entry.kind {
        Some(kind) => kind.clone(),
        None if entry.is_base => EntryKind::Base,
        None => EntryKind::Change,
    }
}

/// The entries of these schemas that fit, oldest first, each with its schema.
///
/// # Errors
/// When a moment is none, and the server's.
pub fn log(
    session: &mut Session,
    ledger: &Ledger,
    schemas: &[String],
    filter: &Filter,
) -> Result<Vec<(String, Entry)>, LogError> {
    let since = moment(session, "--since", filter.since.as_deref())?;
    let until = moment(session, "--until", filter.until.as_deref())?;
    let fits = |entry: &Entry| {
        let at = entry.created_at.as_deref();
        // The texts of moments sort as the moments do.
        since.as_deref().is_none_or(|since| at.is_some_and(|at| at >= since))
            && until.as_deref().is_none_or(|until| at.is_some_and(|at| at < until))
            && filter.change_id.as_ref().is_none_or(|id| entry.change_id.as_ref() == Some(id))
            && (filter.kinds.is_empty() || filter.kinds.iter().any(|kind| kind == kind_of(entry).as_str()))
    };
    let names: Vec<&str> = schemas.iter().map(String::as_str).collect();
    let states = ledger.states(session, &names)?;
    let states: Vec<(&str, State)> =
        states.iter().map(|(schema, state)| (schema.as_str(), state.clone())).collect();
    let mut entries = Vec::new();
    ledger.read(session, &states, &mut |schema, entry| {
        if fits(&entry) {
            entries.push((schema.to_owned(), entry));
        }
    })?;
    entries.sort_by(|(one_schema, one), (other_schema, other)| {
        let key = |entry: &Entry| (entry.number.unwrap_or(0), kind_of(entry) == EntryKind::Linked);
        // Rows of version 0.2.2 have no number and came first.
        key(one)
            .cmp(&key(other))
            .then_with(|| one.created_at.cmp(&other.created_at))
            .then_with(|| (one_schema, one.id).cmp(&(other_schema, other.id)))
    });
    Ok(entries)
}

/// A moment as entries have it.
fn moment(
    session: &mut Session,
    option: &'static str,
    text: Option<&str>,
) -> Result<Option<String>, LogError> {
    let Some(text) = text else { return Ok(None) };
    let sql = format!(
        "SELECT CASE WHEN pg_catalog.isfinite(m.at) THEN pg_catalog.to_char(m.at AT TIME ZONE 'UTC', \
         'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') ELSE m.at::text END \
         FROM (SELECT {}::pg_catalog.timestamptz) AS m (at)",
        quote_literal(text)
    );
    let rows = session.rows(&sql);
    let rows = rows.map_err(|source| LogError::Time { option, text: text.to_owned(), source })?;
    Ok(rows.into_iter().flatten().flatten().next())
}
