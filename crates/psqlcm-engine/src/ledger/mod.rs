//! The ledger in a database: what is there, setting it up, adding entries, reading them, and the lock of those who add.
//!
//! What an entry is and how a chain is judged is `psqlcm_core::ledger`'s. Nothing here begins or ends a transaction: all
//! that writes runs in the caller's, so that a change and its entry commit together, in as many databases as there are.
//! The session's settings must be pinned by then: what a script set (role, `search_path`) is the executor's to reset.

mod append;
mod lock;
mod read;
mod setup;
mod state;

use psqlcm_core::ledger::sql::Table;
use psqlcm_core::ledger::{Origin, RowError};
use psqlcm_core::name::{Ident, NameError, quote_literal};

use crate::session::{DbError, Session};

pub use append::{Head, Heads};
pub use lock::{Holder, LockError, SubmitLock, work_under};
pub use read::{RecordedDatabase, home_entry};
pub(crate) use read::{database_evidence, schema_evidence};
pub use setup::{Action, Removal};
pub use state::{Damage, State};

/// The ledgers of one database: one table of the same name in each managed schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    table: String,
}

impl Ledger {
    /// The ledgers whose table has that name.
    ///
    /// # Errors
    /// That no table can have it.
    pub fn new(table: &str) -> Result<Self, LedgerError> {
        let name = Ident::new(table)?;
        // PostgreSQL would cut it silently, and then not find it.
        if table.len() > NAME_LIMIT {
            return Err(LedgerError::NameTooLong { name: table.to_owned() });
        }
        Ok(Self { table: name.into_string() })
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The privileges that the session's role lacks to read and write the ledgers there are, sorted, as it would be told.
    ///
    /// # Errors
    /// The server's.
    pub fn lacking(&self, session: &mut Session) -> Result<Vec<String>, LedgerError> {
        let table = quote_literal(&self.table);
        let rows = session.rows(&include_str!("lacking.sql").replace("'TABLE'", &table))?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    /// Whether one of [`Ledger::lacking`] is needed only by who writes.
    #[must_use]
    pub fn is_for_writing(lacking: &str) -> bool {
        ["INSERT on ", "USAGE on the sequence ", "UPDATE on the sequence "]
            .iter()
            .any(|start| lacking.starts_with(start))
    }

    /// The table in one schema, for its SQL.
    #[must_use]
    pub fn at<'a>(&'a self, schema: &'a str) -> Table<'a> {
        Table { schema, name: &self.table }
    }
}

/// PostgreSQL's limit for names, in bytes.
const NAME_LIMIT: usize = 63;

/// What a ledger can fail with.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The server refused, or was lost.
    // Not transparent: whoever tells it looks for the answer among the sources.
    #[error("{0}")]
    Db(#[from] DbError),
    /// A row that is no entry.
    #[error("schema {schema}: {source}")]
    Row {
        /// The schema.
        schema: String,
        /// Which column.
        source: RowError,
    },
    /// No table can have that name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The name of the table would be cut.
    #[error("the ledger's table cannot be named {name}: PostgreSQL keeps only {NAME_LIMIT} bytes of a name")]
    NameTooLong {
        /// The name.
        name: String,
    },
    /// Schemas where the ledger cannot be set up or used, and why, all at once.
    #[error("{}", list(unusable))]
    Unusable {
        /// Schema and reason.
        unusable: Vec<(String, String)>,
    },
    /// Since the run began somebody, or the change itself, touched the ledger.
    #[error("the ledger of schema {schema} was changed while the change ran: {what}")]
    Changed {
        /// The schema.
        schema: String,
        /// What is not as it was.
        what: String,
    },
    /// The entry is for a schema whose head was not looked at when the run began.
    #[error(
        "this is a bug: schema {schema} gets an entry, and its ledger was not looked at when the run began"
    )]
    NotSeen {
        /// The schema.
        schema: String,
    },
    /// The server answered something that this version cannot read.
    #[error("this is a bug: cannot read the server's answer about the ledger: {0}")]
    Answer(String),
}

fn list(unusable: &[(String, String)]) -> String {
    let lines: Vec<String> =
        unusable.iter().map(|(schema, reason)| format!("schema {schema}: {reason}")).collect();
    lines.join("\n")
}

/// Asks the server for what every entry of a run says about who and where.
///
/// # Errors
/// The server's.
pub fn origin(
    session: &mut Session,
    implementer: &str,
    run_id: &str,
    environment: &str,
    tool_version: &str,
) -> Result<Origin, LedgerError> {
    let rows = session.rows(include_str!("origin.sql"))?;
    let [login_role, acting_role, client_address, instance, server_version] = cells(&rows, 0)?;
    let needed =
        |value: Option<String>| value.ok_or_else(|| LedgerError::Answer("who we are is null".to_owned()));
    Ok(Origin {
        implementer: implementer.to_owned(),
        run_id: run_id.to_owned(),
        login_role: needed(login_role)?,
        acting_role: needed(acting_role)?,
        client_address,
        environment: environment.to_owned(),
        instance: needed(instance)?,
        server_version: needed(server_version)?,
        tool_version: tool_version.to_owned(),
    })
}

/// The instance id of the database: system identifier and database OID.
///
/// # Errors
/// The server's.
pub fn instance(session: &mut Session) -> Result<String, LedgerError> {
    Ok(origin(session, "", "", "", "")?.instance)
}

/// Exactly `N` cells of a row.
fn cells<const N: usize>(
    rows: &[Vec<Option<String>>],
    row: usize,
) -> Result<[Option<String>; N], LedgerError> {
    let row = rows.get(row).cloned().unwrap_or_default();
    row.try_into().map_err(|row: Vec<_>| LedgerError::Answer(format!("{} cells instead of {N}", row.len())))
}
