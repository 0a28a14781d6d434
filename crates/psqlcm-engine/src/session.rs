//! One blocking PostgreSQL session: the only place that knows that the client library is asynchronous.
//!
//! A [`Session`] owns a current-thread runtime and the connection; every call drives both until its answer is
//! complete, so nothing happens behind the caller's back and a session may move to whichever thread works on its
//! database. It sets what every session needs (`application_name`, `client_encoding`,
//! `client_connection_check_interval`) and nothing else: capture and executor pin their own settings.
//!
//! It deliberately does not retry, does not reconnect, and keeps no transaction state: who begins, ends.

mod dial;
mod error;
mod process;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::TryStreamExt;
use psqlcm_core::catalogs::OLDEST;
use tokio::runtime::Runtime;
pub use tokio_postgres::Row;
pub use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, CancelToken, Client, SimpleQueryMessage};

use crate::checks::pooler;
use crate::conninfo::ConnInfo;
use crate::tls;
use crate::wire::{Gate, Socket};
use dial::Route;
pub use error::{DbError, Notice};

type Connection = tokio_postgres::Connection<Gate<Socket>, tls::Stream>;

/// How long a cancel request may take to reach the server.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a closing session may take to say goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);

/// One blocking session with a PostgreSQL server.
pub struct Session {
    /// Present until the session is dropped or has to be abandoned.
    client: Option<Client>,
    line: Line,
    runtime: Runtime,
    server_version: u32,
    is_relayed: bool,
    is_standby: bool,
    pid: i32,
    cancel: CancelHandle,
}

impl Session {
    /// Connects as libpq would: every host and address in order, encrypted as `sslmode` says.
    ///
    /// Behind a connection pooler it makes sure that the session will be one session of the server.
    ///
    /// # Errors
    /// The last failure, with a message that names every endpoint that was tried; and that a pooler gives each
    /// transaction another server session: see [`DbError::is_pooled`].
    pub fn connect(info: &ConnInfo) -> Result<Self, DbError> {
        let mut session = Self::open(info)?;
        if session.is_relayed && pooler::gives_sessions_away(&mut session, || Self::open(info))? {
            return Err(DbError::pooled());
        }
        session.watch()?;
        Ok(session)
    }

    /// A session in which nothing was set.
    fn open(info: &ConnInfo) -> Result<Self, DbError> {
        let runtime = runtime()?;
        let dialled = match runtime.block_on(dial::dial(info)) {
            Ok(dialled) => dialled,
            Err(error) => {
                // A name that is still being looked up must not hold us up any longer.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let cancel =
            CancelHandle(Arc::new(Cancel { token: dialled.client.cancel_token(), route: dialled.route }));
        let mut session = Self {
            client: Some(dialled.client),
            line: Line::new(dialled.connection),
            runtime,
            server_version: 0,
            is_relayed: false,
            is_standby: false,
            pid: 0,
            cancel,
        };
        session.identify()?;
        Ok(session)
    }

    /// The server's `server_version_num`, for example 150018.
    #[must_use]
    pub const fn server_version(&self) -> u32 {
        self.server_version
    }

    /// Whether the server process that answers is another than the one that was named when the session began: a
    /// connection pooler stands in between.
    #[must_use]
    pub const fn is_relayed(&self) -> bool {
        self.is_relayed
    }

    /// Whether the server was a standby when the session began: it replays what another one did, and takes no changes.
    #[must_use]
    pub const fn is_standby(&self) -> bool {
        self.is_standby
    }

    /// The server process of the session.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.pid
    }

    /// Runs any number of statements in one message (simple protocol) and drops their results.
    ///
    /// Without an explicit transaction in it, the server runs the text as one transaction.
    ///
    /// # Errors
    /// The first statement's that failed. A `COPY ... FROM STDIN` or `TO STDOUT` ends the session.
    pub fn run(&mut self, sql: &str) -> Result<(), DbError> {
        self.call(async |client| client.batch_execute(sql).await)
    }

    /// Runs any number of statements in one round trip (simple protocol) and hands over each row, as text, when it
    /// arrives: the statement's index, counting those without rows too, and the cells.
    ///
    /// # Errors
    /// The first statement's that failed; rows of statements before it have been handed over by then.
    pub fn read(&mut self, sql: &str, each: &mut dyn FnMut(usize, &[Option<&str>])) -> Result<(), DbError> {
        self.read_some(sql, each).map_err(|(_, error)| error)
    }

    /// Like [`Session::read`]; an error comes with the index of the statement that failed.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub fn read_some(
        &mut self,
        sql: &str,
        each: &mut dyn FnMut(usize, &[Option<&str>]),
    ) -> Result<(), (usize, DbError)> {
        let mut statement = 0;
        let read = self.call(async |client| {
            let mut messages = pin!(client.simple_query_raw(sql).await?);
            while let Some(message) = messages.try_next().await? {
                match message {
                    SimpleQueryMessage::Row(row) => {
                        let mut cells = Vec::with_capacity(row.len());
                        for cell in 0..row.len() {
                            cells.push(row.try_get(cell)?);
                        }
                        each(statement, &cells);
                    }
                    SimpleQueryMessage::CommandComplete(_) => statement += 1,
                    // The shape of the rows to come, or something the library learns later.
                    _ => {}
                }
            }
            Ok(())
        });
        read.map_err(|error| (statement, error))
    }

    /// Like [`Session::read`], for results that are known to be small: the rows of all statements in order.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, DbError> {
        let mut rows = Vec::new();
        self.read(sql, &mut |_, cells| {
            rows.push(cells.iter().map(|cell| cell.map(str::to_owned)).collect());
        })?;
        Ok(rows)
    }

    /// Runs one statement with bound parameters; their types are asked of the server first.
    ///
    /// # Errors
    /// The statement's, or that a parameter does not fit its type.
    pub fn query(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, DbError> {
        self.call(async |client| client.query(sql, params).await)
    }

    /// Runs one statement with bound parameters of given types, in one round trip.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub fn query_typed(
        &mut self,
        sql: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, DbError> {
        self.call(async |client| client.query_typed(sql, params).await)
    }

    /// Runs one statement with bound parameters and returns how many rows it touched.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub fn execute(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, DbError> {
        self.call(async |client| client.execute(sql, params).await)
    }

    /// Asks the server for a sign of life: one round trip that starts no transaction.
    ///
    /// # Errors
    /// That the connection is lost.
    pub fn check(&mut self) -> Result<(), DbError> {
        self.call(async |client| client.check_connection().await)
    }

    /// What the server has said besides its answers since the last call, oldest first.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.line.notices)
    }

    /// A handle with which another thread can cancel what this session runs.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// Whether the connection is known to be gone. An idle session learns it with its next call: see
    /// [`Session::check`].
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.client.is_none() || self.line.connection.is_none()
    }

    /// Learns the version, which server process answers, whether that is the server itself, and whether it is a standby.
    fn identify(&mut self) -> Result<(), DbError> {
        let rows = self.rows(WHO_ANSWERS)?;
        let mut cells = rows.iter().flatten().map(|cell| cell.as_deref().unwrap_or_default());
        let mut next = || cells.next().unwrap_or_default();
        let (version, pid, standby) = (next(), next(), next());
        let unclear = |what, text| DbError::protocol(format!("{what} is {text:?}"));
        self.server_version = version.parse().map_err(|_| unclear("server_version_num", version))?;
        self.pid = pid.parse().map_err(|_| unclear("pg_backend_pid()", pid))?;
        let named = self.runtime.block_on(process::process(&self.cancel.0.token));
        self.is_standby = standby == "t";
        self.is_relayed = named != Some(self.pid);
        check_version(self.server_version)
    }

    /// Asks the server to notice when we die: a killed client's statement would go on, and hold its locks, until its
    /// end.
    fn watch(&mut self) -> Result<(), DbError> {
        // Where the platform cannot watch a socket the setting refuses everything but 0; then there is no watching.
        match self.run(WATCH_CLIENT) {
            Err(error) if error.is_connection_lost() || error.sqlstate() != Some(INVALID_PARAMETER_VALUE) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    fn call<T>(
        &mut self,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, DbError> {
        let Some(client) = &self.client else {
            return Err(DbError::closed());
        };
        let outcome = self.runtime.block_on(self.line.drive(work(client)));
        if outcome.as_ref().is_err_and(DbError::is_out_of_step) {
            // The server waits for COPY data that will never come; only hanging up ends that.
            self.client = None;
            self.line.connection = None;
        }
        outcome
    }
}

/// What a catalog of an older version holds, and how, would only be guessed. What a newer one has beside what is known the
/// capture finds out.
fn check_version(version: u32) -> Result<(), DbError> {
    match version / 10_000 {
        major if major < OLDEST => {
            let complaint = format!("older than {OLDEST}, the oldest that psql-cm works with");
            let shown = shown_version(version);
            Err(DbError::unreachable(format!("the server is of version {shown}, {complaint}"), None))
        }
        _ => Ok(()),
    }
}

/// A `server_version_num` as people write it. Before version 10 the second number was part of the major version.
pub fn shown_version(version: u32) -> String {
    let (major, minor) = (version / 10_000, version % 10_000);
    if major < 10 { format!("{major}.{}", minor / 100) } else { format!("{major}.{minor}") }
}

const INVALID_PARAMETER_VALUE: &str = "22023";

/// The first lines stand for a standby: there nothing can be read while a role or a database is serializable by default.
const WHO_ANSWERS: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.pg_backend_pid(), \
    pg_catalog.pg_is_in_recovery()";

/// Does nothing before version 14, where the setting does not exist, and where somebody has chosen a value.
const WATCH_CLIENT: &str = "
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SELECT CASE WHEN pg_catalog.current_setting('client_connection_check_interval', true) OPERATOR(pg_catalog.=) '0'
       THEN pg_catalog.set_config('client_connection_check_interval', '2s', false) END";

impl Drop for Session {
    fn drop(&mut self) {
        // Without a client the connection says goodbye, which spares the server's log an "unexpected EOF".
        self.client = None;
        if self.line.connection.is_none() || std::thread::panicking() {
            return;
        }
        let goodbye = self.line.finish();
        self.runtime.block_on(async {
            // Nothing is lost when the server does not listen any more.
            let _ = tokio::time::timeout(GOODBYE_TIMEOUT, goodbye).await;
        });
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Session")
            .field("server_version", &self.server_version)
            .field("is_closed", &self.is_closed())
            .field("is_relayed", &self.is_relayed)
            .finish_non_exhaustive()
    }
}

/// Cancels what a session runs, from any thread.
#[derive(Clone)]
pub struct CancelHandle(Arc<Cancel>);

struct Cancel {
    token: CancelToken,
    route: Route,
}

impl CancelHandle {
    /// Asks the server, over a connection of its own, to cancel the running statement.
    ///
    /// The server does not say whether there was one; the session's own call ends with SQLSTATE 57014 if so.
    ///
    /// # Errors
    /// That the server cannot be reached.
    pub fn cancel(&self) -> Result<(), DbError> {
        let request = self.0.route.cancel(&self.0.token);
        runtime()?.block_on(async {
            match tokio::time::timeout(CANCEL_TIMEOUT, request).await {
                Ok(outcome) => outcome,
                Err(_) => Err(DbError::unreachable("the cancel request timed out".to_owned(), None)),
            }
        })
    }
}

impl std::fmt::Debug for CancelHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CancelHandle").finish_non_exhaustive()
    }
}

fn runtime() -> Result<Runtime, DbError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| DbError::unreachable("cannot watch sockets".to_owned(), Some(Box::new(error))))
}

/// The connection's moving part: carries bytes and collects what the server says unasked.
struct Line {
    connection: Option<Connection>,
    notices: Vec<Notice>,
    /// Why the connection ended, when it told: a caller otherwise hears only "closed".
    end: Option<tokio_postgres::Error>,
}

impl Line {
    const fn new(connection: Connection) -> Self {
        Self { connection: Some(connection), notices: Vec::new(), end: None }
    }

    async fn drive<T>(
        &mut self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, DbError> {
        // First hear what the server has said since the last call: a farewell explains more than a broken pipe.
        tokio::task::yield_now().await;
        let mut work = pin!(work);
        let outcome = poll_fn(|context| {
            self.turn(context);
            work.as_mut().poll(context)
        });
        match outcome.await {
            Ok(value) => Ok(value),
            Err(error) if error.is_closed() => {
                Err(self.end.take().map_or_else(DbError::closed, DbError::lost))
            }
            Err(error) => Err(DbError::from(error)),
        }
    }

    async fn finish(&mut self) {
        poll_fn(|context| {
            self.turn(context);
            if self.connection.is_none() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn turn(&mut self, context: &mut Context<'_>) {
        while let Some(connection) = &mut self.connection {
            match connection.poll_message(context) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                    self.notices.push(Notice::new(&notice));
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => {
                    self.end = Some(error);
                    self.connection = None;
                }
                Poll::Ready(None) => self.connection = None,
            }
        }
    }
}
