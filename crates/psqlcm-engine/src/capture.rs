//! Reads one database, or the cluster's globals, into a [`Snapshot`]: a constant number of statements and of round trips.

use std::collections::BTreeMap;

use psqlcm_core::catalogs::Catalogs;
use psqlcm_core::read::{ReadError, Reader, Statement};
use psqlcm_core::snapshot::{NOT_READ, Snapshot};

use crate::session::{DbError, Session};

mod steady;
use steady::Moment;

/// What every reading statement may count on: no schema but `pg_catalog` is searched, so that every other name
/// is printed with its schema, and values are printed alike everywhere. Catalogs are too small for parallel workers to
/// pay for themselves. The savepoint is for what may not be read.
const PINNED: &str = "SAVEPOINT psql_cm_read; SET LOCAL search_path = ''; SET LOCAL jit = off; \
    SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL DateStyle = 'ISO'; \
    SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 3; SET LOCAL quote_all_identifiers = off; \
    SET LOCAL bytea_output = 'hex'; SET LOCAL row_security = off; SET LOCAL statement_timeout = 0; \
    SET LOCAL TimeZone = 'UTC'";

/// Begins a transaction that sees one moment. The functions that print definitions wait for whoever changes an object just
/// now, and may hold the lock that this one waits for next. Who waits for `deadlock_timeout`, which usually is a second,
/// looks for such a deadlock and is ended: a capture gives up before, so that it never ends anybody else's change.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL lock_timeout = '300ms'";

/// The same for what is printed by a second message, after [`PATIENT`].
const IMPATIENT: &str = "SET LOCAL lock_timeout = '300ms';";

/// For whatever else is read in the transaction, which prints nothing.
const PATIENT: &str = "SET LOCAL lock_timeout = '3s'";

/// How often a capture is tried when objects change or vanish while it reads them.
const TRIES: u32 = 5;
/// How often more when something it reads is locked: about as long as people wait for a lock.
const WAITS: u32 = 40;

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
    /// Other sessions changed what was being read, each time it was tried.
    #[error(
        "other sessions changed the schema while it was read, {tries} times in a row; try again when they are through"
    )]
    Changing {
        /// How often it was tried.
        tries: u32,
    },
}

impl CaptureError {
    /// Whether it can come from objects that other sessions changed meanwhile: the functions that print
    /// definitions see the newest catalog and not the transaction's snapshot.
    pub(crate) fn is_passing(&self) -> bool {
        const PASSING: [&str; 6] = ["XX000", "42P01", "42704", "42883", "42703", "55006"];
        self.is_locked() || self.is_one_of(&PASSING)
    }

    /// Whether somebody held a lock on what was to be printed.
    fn is_locked(&self) -> bool {
        self.is_one_of(&["55P03", "40P01"])
    }

    fn is_one_of(&self, states: &[&str]) -> bool {
        match self {
            Self::Query { error, .. } => error.sqlstate().is_some_and(|state| states.contains(&state)),
            Self::Row { .. } | Self::Changing { .. } => false,
        }
    }
}

/// Reads the session's database by itself, in a transaction of its own that sees one moment.
///
/// # Errors
/// When a statement fails, also after it was tried again where other sessions may have been the cause.
pub fn capture(session: &mut Session) -> Result<Snapshot, CaptureError> {
    Ok(captured_with(session, |_| Ok::<(), CaptureError>(()))?.0)
}

/// [`capture`], and whatever else is to be read at the same moment.
///
/// # Errors
/// Those of the capture, and of what else is read; that one is not tried again.
pub fn captured_with<T, E: From<CaptureError>>(
    session: &mut Session,
    also: impl Fn(&mut Session) -> Result<T, E>,
) -> Result<(Snapshot, T), E> {
    let transaction = |error| CaptureError::Query { what: "a snapshot", error };
    let (mut tries, mut waits) = (0, 0);
    loop {
        tries += 1;
        // What fails to the last though nothing changes has another cause.
        let before = (tries == TRIES).then(|| Moment::now(session));
        session.run(BEGIN).map_err(transaction)?;
        let read = match read(session, &Statement::all(), &Catalogs::known(), PATIENT) {
            Ok(snapshot) => match also(session) {
                Ok(also) => Ok((snapshot, also)),
                Err(error) => {
                    let _ = session.run("ROLLBACK");
                    return Err(error);
                }
            },
            Err(error @ CaptureError::Query { .. }) => {
                let is_lost = session.run("ROLLBACK").is_err();
                match before {
                    _ if is_lost => return Err(error.into()),
                    _ if error.is_locked() && waits < WAITS => (tries, waits) = (tries - 1, waits + 1),
                    _ if !error.is_passing() => return Err(error.into()),
                    None => {}
                    Some(before) => return Err(cause(session, error, before, tries).into()),
                }
                continue;
            }
            Err(error) => Err(error.into()),
        };
        let moment = Moment::ending_transaction(session).map_err(transaction)?;
        match moment.is_still(session).map_err(transaction)? {
            true => return read,
            false if tries < TRIES => {}
            false => return Err(CaptureError::Changing { tries }.into()),
        }
    }
}

/// Why a capture failed for the last time: that others change the schema, where they do.
fn cause(
    session: &mut Session,
    error: CaptureError,
    before: Result<Moment, DbError>,
    tries: u32,
) -> CaptureError {
    match before.and_then(|before| before.is_still(session)) {
        Ok(false) => CaptureError::Changing { tries },
        Ok(true) | Err(_) => error,
    }
}

/// What tells whether somebody wrote to a catalog that a capture reads: two that are equal have none such between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogState(Vec<Vec<Option<String>>>);

/// What stands for `:versions` in statements: of a catalog's rows how many there are, and the sum of their versions (xmin).
/// Whoever removes a row and adds another adds a newer one, so no change leaves both as they were. A difference of ages
/// is xmin as a number (less 3); see the ledger's check.sql.
const VERSIONS: &str = "pg_catalog.count(*), \
    pg_catalog.sum(pg_catalog.age('3'::pg_catalog.xid)::bigint - nullif(pg_catalog.age(xmin), 2147483647))";

/// The state of the catalogs as the transaction sees them; one statement, and much cheaper than a capture.
///
/// # Errors
/// The server's.
pub fn catalog_state(session: &mut Session) -> Result<CatalogState, DbError> {
    session.rows(&include_str!("capture/catalog.sql").replace(":versions", VERSIONS)).map(CatalogState)
}

/// Reads the session's database as the transaction it is in sees it. What the role may not read is named among what was
/// left out; what everything else hangs on must be readable.
///
/// # Errors
/// When a statement fails; the transaction is then aborted.
pub fn within(session: &mut Session) -> Result<Snapshot, CaptureError> {
    within_knowing(session, &Catalogs::known())
}

/// [`within`] with what is known of catalogs: what a newer server has beside it, and the database uses, is left out and
/// named.
///
/// # Errors
/// When a statement fails; the transaction is then aborted.
pub fn within_knowing(session: &mut Session, known: &Catalogs) -> Result<Snapshot, CaptureError> {
    read(session, &Statement::all(), known, "")
}

/// Reads the globals of the session's cluster by themselves, in a transaction that sees one moment. They hold nothing that
/// is printed from the newest catalog but where tablespaces lie: one that vanishes meanwhile is why it is tried again.
///
/// # Errors
/// When a statement fails.
pub fn globals(session: &mut Session) -> Result<Snapshot, CaptureError> {
    let mut tries = 0;
    loop {
        tries += 1;
        session.run(BEGIN).map_err(|error| CaptureError::Query { what: "a snapshot", error })?;
        let captured = globals_within(session);
        // Nothing is to be undone; a session that is lost has said so already.
        let _ = session.run("ROLLBACK");
        match captured {
            Err(error) if error.is_one_of(&[UNDEFINED_FILE]) && tries < TRIES => {}
            captured => return captured,
        }
    }
}

/// Reads the globals of the session's cluster as the transaction it is in sees them.
///
/// # Errors
/// When a statement fails; the transaction is then aborted.
pub fn globals_within(session: &mut Session) -> Result<Snapshot, CaptureError> {
    read(session, &Statement::globals(), &Catalogs::known(), "")
}

/// What the statements read; and a statement that is run when all is read.
fn read(
    session: &mut Session,
    statements: &[Statement],
    known: &Catalogs,
    then: &str,
) -> Result<Snapshot, CaptureError> {
    let mut closed = Closed::new();
    loop {
        match without(session, statements, &closed, known, then) {
            Err(Failed::At(index, error))
                if is_closed(&error, statements.get(index)) && !closed.contains_key(&index) =>
            {
                session.run(AGAIN).map_err(|error| CaptureError::Query { what: "settings", error })?;
                closed.insert(index, error.message().to_owned());
            }
            Err(Failed::At(index, error)) => {
                let what = statements.get(index).map_or("the end of it", Statement::name);
                return Err(CaptureError::Query { what, error });
            }
            Err(Failed::Otherwise(error)) => return Err(error),
            Ok(snapshot) => return Ok(snapshot),
        }
    }
}

/// The statements that the role may not run, by index, and why.
type Closed = BTreeMap<usize, String>;

const AGAIN: &str = "ROLLBACK TO SAVEPOINT psql_cm_read; RELEASE SAVEPOINT psql_cm_read";

const INSUFFICIENT_PRIVILEGE: &str = "42501";
const UNDEFINED_FILE: &str = "58P01";

fn is_closed(error: &DbError, statement: Option<&Statement>) -> bool {
    error.sqlstate() == Some(INSUFFICIENT_PRIVILEGE) && statement.is_some_and(Statement::is_dispensable)
}

/// One statement of a capture. The functions that print definitions lock what they print until the transaction ends;
/// a savepoint that is rolled back gives these locks back at once, and nothing is read under it that could be undone.
/// A statement may end in a comment, so the semicolon starts a line.
fn batch(sql: &str) -> String {
    format!(
        "SAVEPOINT psql_cm_batch;\n{sql}\n;\nROLLBACK TO SAVEPOINT psql_cm_batch; RELEASE SAVEPOINT psql_cm_batch;\n"
    )
}

/// How many statements a batch has for the server.
const BATCH: usize = 4;

/// What failed: one of the statements, or something around them.
enum Failed {
    At(usize, DbError),
    Otherwise(CaptureError),
}

/// A capture without the statements that the role may not run.
fn without(
    session: &mut Session,
    statements: &[Statement],
    closed: &Closed,
    known: &Catalogs,
    then: &str,
) -> Result<Snapshot, Failed> {
    let version = session.server_version();
    let mut reader = Reader::new(version, known.clone());
    let text = |(index, statement): (usize, &Statement)| match closed.contains_key(&index)
        || reader.is_idle(statement)
    {
        true => "SELECT WHERE false",
        false => statement.sql(version).trim_end(),
    };
    let texts: Vec<_> = statements.iter().enumerate().map(text).collect();
    let query = |what| move |error| Failed::Otherwise(CaptureError::Query { what, error });
    session.run(PINNED).map_err(query("settings"))?;
    for (index, why) in closed {
        reader.leave_out(statements[*index].name(), NOT_READ, why);
    }
    let mut bad = None;
    let batches: String = texts.into_iter().map(batch).collect();
    let sql = format!("{batches}RELEASE SAVEPOINT psql_cm_read; {then}");
    let read = session.read_some(&sql, &mut |at, cells| {
        let index = at / BATCH;
        if bad.is_none()
            && let Err(error) = reader.row(&statements[index], cells)
        {
            bad = Some(CaptureError::Row { what: statements[index].name(), error });
        }
    });
    read.map_err(|(at, error)| Failed::At(at / BATCH, error))?;
    let more = reader.more();
    if !more.is_empty() {
        let batches: String = more.iter().map(|(_, sql)| batch(sql.trim_end())).collect();
        let (impatient, first) = if then.is_empty() { ("", 0) } else { (IMPATIENT, 1) };
        let read = session.read_some(&format!("{impatient}{batches}{then}"), &mut |at, cells| {
            let (statement, _) = &more[(at - first) / BATCH];
            if bad.is_none()
                && let Err(error) = reader.row(statement, cells)
            {
                bad = Some(CaptureError::Row { what: statement.name(), error });
            }
        });
        read.map_err(|(at, error)| {
            let index = at.saturating_sub(first) / BATCH;
            let what = more.get(index).map_or("more", |(statement, _)| statement.name());
            Failed::Otherwise(CaptureError::Query { what, error })
        })?;
    }
    match bad {
        Some(error) => Err(Failed::Otherwise(error)),
        None => Ok(reader.finish()),
    }
}
