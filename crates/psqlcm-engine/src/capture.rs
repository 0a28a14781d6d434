//! Reads one database into a [`Snapshot`]: a constant number of statements and of round trips.

use psqlcm_core::read::{ReadError, Reader, Statement};
use psqlcm_core::snapshot::Snapshot;

use crate::session::{DbError, Session};

/// What every reading statement may count on: no schema but `pg_catalog` is searched, so that every other name
/// is printed with its schema, and values are printed alike everywhere.
const PINNED: &str = "SET LOCAL search_path = ''; SET LOCAL jit = off; SET LOCAL DateStyle = 'ISO'; \
    SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 3; SET LOCAL quote_all_identifiers = off; \
    SET LOCAL bytea_output = 'hex'; SET LOCAL row_security = off; SET LOCAL statement_timeout = 0; \
    SET LOCAL TimeZone = 'UTC'";

/// Begins a transaction that sees one moment. The functions that print definitions wait for whoever changes an
/// object just now; they are not to wait for ever.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL lock_timeout = '3s'";

/// How often a capture is tried again when objects vanish, or are locked, while it reads them.
const TRIES: u32 = 5;

/// Why a database could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A statement failed.
    #[error("cannot read {what} from the catalog")]
    Query {
        /// What was being read.
        what: &'static str,
        /// The server's answer.
        #[source]
        error: DbError,
    },
    /// A row was not what its statement promises: a defect of this program or a server it does not know.
    #[error("cannot understand {what} in the catalog")]
    Row {
        /// What was being read.
        what: &'static str,
        /// What is wrong with the row.
        #[source]
        error: ReadError,
    },
}

impl CaptureError {
    /// Whether it can come from objects that other sessions changed meanwhile: the functions that print
    /// definitions see the newest catalog and not the transaction's snapshot.
    pub(crate) fn is_passing(&self) -> bool {
        const PASSING: [&str; 7] = ["XX000", "42P01", "42704", "42883", "42703", "55006", "55P03"];
        match self {
            Self::Query { error, .. } => error.sqlstate().is_some_and(|state| PASSING.contains(&state)),
            Self::Row { .. } => false,
        }
    }
}

/// Reads the session's database by itself, in a transaction of its own that sees one moment.
///
/// # Errors
/// When a statement fails, also after it was tried again where other sessions may have been the cause.
pub fn capture(session: &mut Session) -> Result<Snapshot, CaptureError> {
    Ok(captured_with(session, |_| ())?.0)
}

/// [`capture`], and whatever else is to be read at the same moment.
///
/// # Errors
/// Those of the capture.
pub fn captured_with<T>(
    session: &mut Session,
    also: impl Fn(&mut Session) -> T,
) -> Result<(Snapshot, T), CaptureError> {
    let transaction = |error| CaptureError::Query { what: "a snapshot", error };
    let mut tries = 0;
    loop {
        tries += 1;
        session.run(BEGIN).map_err(transaction)?;
        let captured = within(session).map(|snapshot| (snapshot, also(session)));
        // Nothing is to be undone; a session that is lost has said so already.
        let _ = session.run("ROLLBACK");
        match captured {
            Err(error) if error.is_passing() && tries < TRIES => {}
            other => return other,
        }
    }
}

/// What tells whether somebody wrote to a catalog that a capture reads: two that are equal have none such between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogState(Vec<Vec<Option<String>>>);

/// The state of the catalogs as the transaction sees them; one statement, and much cheaper than a capture.
///
/// # Errors
/// The server's.
pub fn catalog_state(session: &mut Session) -> Result<CatalogState, DbError> {
    session.rows(include_str!("catalog.sql")).map(CatalogState)
}

/// Reads the session's database as the transaction it is in sees it.
///
/// # Errors
/// When a statement fails; the transaction is then aborted.
pub fn within(session: &mut Session) -> Result<Snapshot, CaptureError> {
    let statements = Statement::all();
    let version = session.server_version();
    let texts: Vec<_> = statements.iter().map(|statement| statement.sql(version).trim_end()).collect();
    session.run(PINNED).map_err(|error| CaptureError::Query { what: "settings", error })?;
    let mut reader = Reader::new(version);
    let mut bad = None;
    let mut last = 0;
    // A statement may end in a comment, so the semicolon starts a line.
    let read = session.read(&texts.join("\n;\n"), &mut |index, cells| {
        last = index;
        if bad.is_none()
            && let Err(error) = reader.row(&statements[index], cells)
        {
            bad = Some(CaptureError::Row { what: statements[index].name(), error });
        }
    });
    read.map_err(|error| CaptureError::Query { what: statements[last].name(), error })?;
    if let Some(sql) = reader.unread_sql() {
        const WHAT: &str = "what was not read";
        let read = session.read(&sql, &mut |_, cells| {
            if bad.is_none()
                && let Err(error) = reader.unread_row(cells)
            {
                bad = Some(CaptureError::Row { what: WHAT, error });
            }
        });
        read.map_err(|error| CaptureError::Query { what: WHAT, error })?;
    }
    match bad {
        Some(error) => Err(error),
        None => Ok(reader.finish()),
    }
}
