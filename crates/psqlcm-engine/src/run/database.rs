//! Databases that belong to a run: those that a restore builds, and those that are thrown away. The name they have, the
//! lock that tells that their run is alive, and what is to be done with those whose run is dead.
//!
//! A run takes its lock before it makes a database, and keeps it on the session that will rename or drop the database. So
//! one of such a name that nobody holds the lock of is of no use to anybody: its run ended, or has lost that
//! session and can only fail. Locks of all databases of a cluster can be seen from each.

use std::time::Duration;

use psqlcm_core::name::{quote_ident, quote_literal};

use crate::access::Access;
use crate::session::{DbError, Session};

/// What a run has a database for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A restore builds it.
    Restore,
    /// It is thrown away.
    Scratch,
}

impl Purpose {
    /// What follows the start of the name, before the run's id.
    const fn mark(self) -> &'static str {
        match self {
            Self::Restore => " restore ",
            Self::Scratch => " scratch ",
        }
    }
}

/// The length of a run's id: sixteen digits, which are the key of its lock.
const RUN_ID: usize = 16;

/// A closed connection takes the server a moment, and one that runs a statement notices only now and then.
const TRIES: usize = 200;
const PAUSE: Duration = Duration::from_millis(25);

/// The name of a database of a run: what it is to be, and the run's id, within PostgreSQL's 63 bytes.
pub fn name(purpose: Purpose, database: &str, run_id: &str) -> String {
    format!("{}{}{run_id}", start(purpose, database), purpose.mark())
}

fn start(purpose: Purpose, database: &str) -> &str {
    let longest = 63 - purpose.mark().len() - RUN_ID;
    let mut end = database.len().min(longest);
    while !database.is_char_boundary(end) {
        end -= 1;
    }
    &database[..end]
}

/// Says to others that the run is alive, as long as the session is.
///
/// # Errors
/// The server's.
pub fn hold(session: &mut Session, run_id: &str) -> Result<(), DbError> {
    let key = format!("('x' || {})::pg_catalog.bit(64)::pg_catalog.int8", quote_literal(run_id));
    session.run(&format!("SELECT pg_catalog.pg_advisory_lock({key})"))
}

/// Waits until no server process of a run is left that could still make its database; whether that came.
///
/// # Errors
/// The server's.
pub fn wait_for_end(session: &mut Session, run_id: &str) -> Result<bool, DbError> {
    wait(session, &holders(&quote_literal(run_id)))
}

/// Waits until nobody is connected to a database; whether that came.
///
/// # Errors
/// The server's.
pub fn wait_for_backends(session: &mut Session, database: &str) -> Result<bool, DbError> {
    let name = quote_literal(database);
    wait(session, &format!("SELECT FROM pg_catalog.pg_stat_activity WHERE datname = {name}"))
}

/// Waits until a query gives nothing any more.
fn wait(session: &mut Session, sql: &str) -> Result<bool, DbError> {
    for _ in 0..TRIES {
        if session.rows(sql)?.is_empty() {
            return Ok(true);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(false)
}

/// Who holds, or waits for, the lock of a run; its id is an expression.
fn holders(run_id: &str) -> String {
    let digits = |column| format!("pg_catalog.lpad(pg_catalog.to_hex(l.{column}::pg_catalog.int8), 8, '0')");
    format!(
        "SELECT FROM pg_catalog.pg_locks AS l WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND {} || {} = {run_id}",
        digits("classid"),
        digits("objid")
    )
}

/// What became of a database that a dead run left.
#[derive(Clone, Debug)]
pub struct Abandoned {
    /// Its name.
    pub name: String,
    /// Why it is still there; none if it was dropped.
    pub left: Option<String>,
}

/// Drops what dead restores left of a database. One that somebody is connected to, or that is not ours to drop, stays.
///
/// # Errors
/// When the server does not tell which there are.
pub fn clear(access: &Access, session: &mut Session, database: &str) -> Result<Vec<Abandoned>, DbError> {
    let purpose = Purpose::Restore;
    let start = quote_literal(&format!("{}{}", start(purpose, database), purpose.mark()));
    let is_of_database = format!(
        "pg_catalog.starts_with(d.datname, {start}) \
         AND pg_catalog.length(d.datname) = pg_catalog.length({start}) + {RUN_ID}"
    );
    let names = left(session, purpose, &is_of_database)?;
    Ok(drop_all(access, session, names))
}

/// Drops what dead runs left to be thrown away, as far as it is the role's own.
///
/// # Errors
/// When the server does not tell which there are.
pub fn clear_scratch(access: &Access, session: &mut Session) -> Result<Vec<Abandoned>, DbError> {
    let is_own = "pg_catalog.pg_has_role(d.datdba, 'USAGE')";
    let names = left(session, Purpose::Scratch, is_own)?;
    Ok(drop_all(access, session, names))
}

fn drop_all(access: &Access, session: &mut Session, names: Vec<String>) -> Vec<Abandoned> {
    let dropped = names.into_iter().map(|name| {
        // Not by force: whoever looks at it is not thrown out.
        let left =
            wait_for_backends(session, &name).and_then(|_| drop_database(access, session, &name, false));
        Abandoned { left: left.err().map(|error| error.to_string()), name }
    });
    dropped.collect()
}

/// What dead runs left, of any database; drops nothing.
///
/// # Errors
/// The server's.
pub fn left_behind(session: &mut Session, purpose: Purpose) -> Result<Vec<String>, DbError> {
    left(session, purpose, "true")
}

fn left(session: &mut Session, purpose: Purpose, condition: &str) -> Result<Vec<String>, DbError> {
    let mark = purpose.mark();
    let sql = format!(
        "SELECT d.datname FROM pg_catalog.pg_database AS d \
         WHERE d.datname ~ '{mark}[0-9a-f]{{{RUN_ID}}}$' AND {condition} AND NOT EXISTS ({}) \
         ORDER BY d.datname",
        holders(&format!("pg_catalog.right(d.datname, {RUN_ID})"))
    );
    Ok(session.rows(&sql)?.into_iter().flatten().flatten().collect())
}

/// Drops a database, if it is there; a template must first be none, and subscriptions must be gone.
///
/// # Errors
/// The server's.
pub fn drop_database(
    access: &Access,
    session: &mut Session,
    name: &str,
    by_force: bool,
) -> Result<(), DbError> {
    let sql =
        format!("SELECT datistemplate FROM pg_catalog.pg_database WHERE datname = {}", quote_literal(name));
    let Some(row) = session.rows(&sql)?.into_iter().next() else { return Ok(()) };
    drop_subscriptions(access, session, name)?;
    let name = quote_ident(name);
    // One whose DROP was broken off can be dropped only, not altered.
    if row.first().and_then(Option::as_deref) == Some("t") {
        session.run(&format!("ALTER DATABASE {name} IS_TEMPLATE false"))?;
    }
    session.run(&format!("DROP DATABASE {name}{}", if by_force { " WITH (FORCE)" } else { "" }))
}

/// Drops the subscriptions of a database, without a word to the servers that they subscribe to: their slots belong to
/// the database that was dumped. They are disabled, as they were made.
fn drop_subscriptions(access: &Access, session: &mut Session, database: &str) -> Result<(), DbError> {
    let sql = format!(
        "SELECT s.subname FROM pg_catalog.pg_subscription AS s \
         JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid WHERE d.datname = {}",
        quote_literal(database)
    );
    let names: Vec<String> = session.rows(&sql)?.into_iter().flatten().flatten().collect();
    if names.is_empty() {
        return Ok(());
    }
    let mut inside = access.connect(database)?;
    for name in names.iter().map(|name| quote_ident(name)) {
        inside.run(&format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"))?;
        inside.run(&format!("DROP SUBSCRIPTION {name}"))?;
    }
    drop(inside);
    wait_for_backends(session, database)?;
    Ok(())
}
