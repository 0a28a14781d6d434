//! How the databases of one cluster are reached: where, as whom, and with which settings a session begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use psqlcm_core::name::{quote_ident, quote_literal};
use psqlcm_core::targets::{DatabaseRow, SchemaRow};

use crate::conninfo::ConnInfo;
use crate::session::{DbError, Session};

/// What a role or a database may have set otherwise, and what must hold for every statement of ours. A change
/// runs under settings of its own.
const SETTINGS: &str = "SET search_path = ''; SET statement_timeout = 0; SET lock_timeout = 0; \
    SET idle_in_transaction_session_timeout = 0; SET default_transaction_read_only = off; \
    SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off; \
    SET standard_conforming_strings = on; SET check_function_bodies = on; SET row_security = off; \
    SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; \
    SET extra_float_digits = 3; SET quote_all_identifiers = off; SET default_tablespace = ''; \
    SET client_min_messages = notice; SET xmloption = content; SET transform_null_equals = off; \
    SET array_nulls = on; SET backslash_quote = safe_encoding";

/// What came with later versions, each with its first version.
const LATER_SETTINGS: [(u32, &str); 2] =
    [(140_000, "SET idle_session_timeout = 0"), (170_000, "SET transaction_timeout = 0")];

/// Where a cluster is, and the role to act as.
#[derive(Clone, Debug)]
pub struct Access {
    info: ConnInfo,
    role: Option<String>,
    server_version: Arc<AtomicU32>,
}

impl Access {
    /// Connections as `info` says, acting as `role` where one is given.
    pub fn new(info: ConnInfo, role: Option<String>) -> Self {
        Self { info, role, server_version: Arc::default() }
    }

    /// What was resolved of the connection.
    pub fn info(&self) -> &ConnInfo {
        &self.info
    }

    /// The version of the server that answered last, as `server_version_num`; 0 where none has answered.
    pub fn server_version(&self) -> u32 {
        self.server_version.load(Ordering::Relaxed)
    }

    /// Connects to a database of the cluster.
    ///
    /// # Errors
    /// When there is no connection, or the role cannot be taken.
    pub fn connect(&self, database: &str) -> Result<Session, DbError> {
        let mut session = Session::connect(&self.info.with_database(database))?;
        self.server_version.store(session.server_version(), Ordering::Relaxed);
        self.prepare(&mut session)?;
        Ok(session)
    }

    /// Gives a session back the settings it began with, whatever ran in it since.
    ///
    /// # Errors
    /// The server's.
    pub fn prepare(&self, session: &mut Session) -> Result<(), DbError> {
        session.run(&self.preparation(session.server_version()))
    }

    /// The statements that do so on a server of that version.
    pub(crate) fn preparation(&self, version: u32) -> String {
        let role = self.role.as_deref().map_or("NONE".into(), quote_ident);
        // Not RESET ROLE: a database or a role may have a role set, and that is what it would go back to.
        let later: String = LATER_SETTINGS
            .iter()
            .filter(|(since, _)| *since <= version)
            .map(|(_, setting)| format!("{setting}; "))
            .collect();
        format!("RESET SESSION AUTHORIZATION; {SETTINGS}; {later}SET ROLE {role}")
    }

    /// Connects to whatever database there is, for what concerns the cluster: that of the connection string if it exists,
    /// else `postgres`, else `template1`.
    ///
    /// # Errors
    /// As [`Self::connect_first`].
    pub fn connect_anywhere(&self) -> Result<Session, DbError> {
        self.connect_first(&[self.info.database(), "postgres", "template1"])
    }

    /// Connects to the first of these databases that exists.
    ///
    /// # Errors
    /// The last refusal, or the first that is about something else than the database's name.
    pub fn connect_first(&self, databases: &[&str]) -> Result<Session, DbError> {
        let (last, others) = databases.split_last().unwrap_or((&"postgres", &[]));
        for database in others {
            match self.connect(database) {
                Err(error) if error.sqlstate() == Some(NO_SUCH_DATABASE) => {}
                other => return other,
            }
        }
        self.connect(last)
    }
}

/// `invalid_catalog_name`: there is no database of that name.
pub const NO_SUCH_DATABASE: &str = "3D000";

/// The databases of the cluster.
///
/// # Errors
/// The server's.
pub fn databases(session: &mut Session) -> Result<Vec<DatabaseRow>, DbError> {
    let rows = session.rows(
        "SELECT datname, datistemplate, datallowconn, pg_catalog.has_database_privilege(oid, 'CONNECT') \
         FROM pg_catalog.pg_database ORDER BY datname",
    )?;
    Ok(rows.iter().map(|row| database_row(row)).collect())
}

/// Whether the cluster has a database of that name.
///
/// # Errors
/// The server's.
pub fn database_exists(session: &mut Session, name: &str) -> Result<bool, DbError> {
    let name = quote_literal(name);
    let rows = session.rows(&format!("SELECT FROM pg_catalog.pg_database WHERE datname = {name}"))?;
    Ok(!rows.is_empty())
}

/// The schemas of the session's database, with what decides whether they can be targets.
///
/// # Errors
/// The server's.
pub fn schemas(session: &mut Session) -> Result<Vec<SchemaRow>, DbError> {
    let rows = session.rows(
        "SELECT n.nspname, n.nspname ~ '^pg_' OR n.nspname = 'information_schema', \
                n.nspname ~ '^pg_(toast_)?temp_', e.extname, pg_catalog.has_schema_privilege(n.oid, 'CREATE') \
         FROM pg_catalog.pg_namespace AS n \
         LEFT JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass \
              AND d.objid = n.oid AND d.deptype = 'e' \
         LEFT JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid \
         ORDER BY n.nspname",
    )?;
    Ok(rows.iter().map(|row| schema_row(row)).collect())
}

/// How many locks the sessions of a cluster can hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRoom {
    /// `max_locks_per_transaction`.
    pub per_session: u64,
    /// How many sessions and prepared transactions there can be.
    pub sessions: u64,
}

impl LockRoom {
    /// The server reckons so; what memory is left to spare it may use beyond.
    #[must_use]
    pub const fn locks(self) -> u64 {
        self.per_session * self.sessions
    }
}

/// Asks for the settings that say how many locks there can be. Takes no lock itself.
///
/// # Errors
/// The server's.
pub fn lock_room(session: &mut Session) -> Result<LockRoom, DbError> {
    let rows = session
        .rows("SHOW max_locks_per_transaction; SHOW max_connections; SHOW max_prepared_transactions")?;
    let number = |index: usize| {
        let cell = rows.get(index).and_then(|row| row.first()).and_then(Option::as_deref);
        cell.and_then(|cell| cell.parse::<u64>().ok()).unwrap_or_default()
    };
    Ok(LockRoom { per_session: number(0), sessions: number(1) + number(2) })
}

/// What a database in SQL_ASCII, whose server passes bytes on as they are, holds that is no UTF-8: the first few,
/// each with the bytes escaped.
///
/// # Errors
/// The server's.
pub fn not_utf_8(session: &mut Session) -> Result<Vec<String>, DbError> {
    let mut found = Vec::new();
    session.read(include_str!("not_utf_8.sql"), &mut |_, cells| {
        let [Some(what), Some(hex)] = cells else { return };
        let bytes = from_hex(hex);
        if found.len() < 10 && std::str::from_utf8(&bytes).is_err() {
            found.push(format!("{what} {}", bytes.escape_ascii()));
        }
    })?;
    Ok(found)
}

fn from_hex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn database_row(row: &[Option<String>]) -> DatabaseRow {
    DatabaseRow {
        name: row[0].clone().unwrap_or_default(),
        is_template: is_true(&row[1]),
        allows_connections: is_true(&row[2]),
        may_connect: is_true(&row[3]),
    }
}

fn schema_row(row: &[Option<String>]) -> SchemaRow {
    SchemaRow {
        name: row[0].clone().unwrap_or_default(),
        is_system: is_true(&row[1]),
        is_temporary: is_true(&row[2]),
        extension: row[3].clone(),
        may_create: is_true(&row[4]),
    }
}

fn is_true(cell: &Option<String>) -> bool {
    cell.as_deref() == Some("t")
}
