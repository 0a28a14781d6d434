//! What a session can fail with, and what a server says besides its answers.

use std::error::Error;
use std::fmt;

use crate::conninfo::ConnInfo;
use crate::wire::Refused;
use tokio_postgres::error::{DbError as ServerError, ErrorPosition, Severity};

/// What went wrong in a session: the server's own words where it had any, the library's otherwise.
pub struct DbError(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    server: Option<ServerError>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No session came about.
    Connect,
    /// No session came about that would be one session of the server.
    Pooled,
    /// No session came about, because the server wants a password that nobody gave.
    NoPassword,
    /// No session came about, because the server is not what the options ask for.
    Refused,
    /// The server refused a statement; the session goes on.
    Statement,
    /// The session is over.
    Lost,
    /// Client and server no longer agree on whose turn it is; the session must end.
    OutOfStep,
    /// A value could not be carried over.
    Value,
}

impl DbError {
    /// The SQLSTATE, when it was the server that refused.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.server.as_ref().map(|server| server.code().code())
    }

    /// The primary message, one line as a rule.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The server's DETAIL.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.server.as_ref().and_then(ServerError::detail)
    }

    /// The server's HINT.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.server.as_ref().and_then(ServerError::hint)
    }

    /// The server's CONTEXT: the stack of functions it was in, innermost first.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.0.server.as_ref().and_then(ServerError::where_)
    }

    /// Where in the text that was sent, counted in characters from 1.
    #[must_use]
    pub fn position(&self) -> Option<u32> {
        match self.0.server.as_ref()?.position()? {
            ErrorPosition::Original(position) => Some(*position),
            ErrorPosition::Internal { .. } => None,
        }
    }

    /// The statement a function ran when it failed, and where in it, counted in characters from 1.
    #[must_use]
    pub fn internal_query(&self) -> Option<(&str, u32)> {
        match self.0.server.as_ref()?.position()? {
            ErrorPosition::Original(_) => None,
            ErrorPosition::Internal { position, query } => Some((query, *position)),
        }
    }

    /// The schema of the object the error is about.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.0.server.as_ref().and_then(ServerError::schema)
    }

    /// The table the error is about.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        self.0.server.as_ref().and_then(ServerError::table)
    }

    /// The column the error is about.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        self.0.server.as_ref().and_then(ServerError::column)
    }

    /// The constraint the error is about.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.0.server.as_ref().and_then(ServerError::constraint)
    }

    /// Whether an established session has ended; whatever it was doing may or may not have happened.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        matches!(self.0.kind, Kind::Lost | Kind::OutOfStep)
    }

    /// Whether no session came about at all.
    #[must_use]
    pub fn is_connecting(&self) -> bool {
        matches!(self.0.kind, Kind::Connect | Kind::NoPassword | Kind::Pooled | Kind::Refused)
    }

    /// Whether a connection pooler gives each transaction another session of the server, which is no place for ours.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.0.kind == Kind::Pooled
    }

    pub(super) fn is_out_of_step(&self) -> bool {
        self.0.kind == Kind::OutOfStep
    }

    pub(super) fn closed() -> Self {
        Self::new(Kind::Lost, "the connection to the server is closed".to_owned())
    }

    pub(super) fn pooled() -> Self {
        let message = "a connection pooler in transaction mode stands before the server: each transaction may run in \
            another session of it, where our settings and our lock do not hold, and other clients would get the \
            settings that we leave";
        Self::new(Kind::Pooled, message.to_owned())
    }

    pub(super) fn protocol(message: String) -> Self {
        Self::new(Kind::OutOfStep, message)
    }

    /// Nobody answered, or not in PostgreSQL's protocol.
    pub(super) fn unreachable(message: String, source: Option<Box<dyn Error + Send + Sync>>) -> Self {
        let mut error = Self::new(Kind::Connect, message);
        error.0.source = source;
        error
    }

    /// The server would have us, and we do not want it: `require_auth`, `sslcertmode`.
    pub(super) fn refusing(message: &str) -> Self {
        Self::new(Kind::Refused, message.to_owned())
    }

    /// Whether it was we who refused the server, and not the other way round.
    pub(super) fn is_ours(&self) -> bool {
        self.0.kind == Kind::Refused
    }

    /// Whether it is neither of those, and another way to connect may do better.
    pub(super) fn is_the_servers(&self) -> bool {
        !self.is_ours() && !self.wants_password()
    }

    /// Whether a password would have helped.
    pub(super) fn wants_password(&self) -> bool {
        self.0.kind == Kind::NoPassword
    }

    /// It did not come as far as connecting.
    pub(super) fn preparing(error: impl Error + Send + Sync + 'static) -> Self {
        Self::unreachable(chain(&error), Some(Box::new(error)))
    }

    /// The connection told why it ended.
    pub(super) fn lost(error: tokio_postgres::Error) -> Self {
        Self::of(Kind::Lost, error)
    }

    /// No session came about.
    pub(super) fn connecting(error: tokio_postgres::Error) -> Self {
        let refused = Error::source(&error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
        match refused.and_then(|cause| cause.get_ref()).and_then(|cause| cause.downcast_ref::<Refused>()) {
            Some(refused) => Self::refusing(&refused.to_string()),
            None => Self::of(Kind::Connect, error),
        }
    }

    /// The same error with a message that says where it happened.
    pub(super) fn at(mut self, place: &str) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// What came of trying several servers or addresses: the last error with the messages of all.
    pub(super) fn all(mut failures: Vec<Self>) -> Self {
        let Some(mut last) = failures.pop() else {
            return Self::unreachable("there is no address to connect to".to_owned(), None);
        };
        let mut messages: Vec<String> = failures.into_iter().map(|failure| failure.0.message).collect();
        messages.push(std::mem::take(&mut last.0.message));
        messages.dedup();
        last.0.message = messages.join("; ");
        last
    }

    /// A failure that trying another server would only hide: the credentials or the encryption are wrong.
    pub(super) fn is_final(&self) -> bool {
        // The library names its kinds only in its messages.
        const FINAL: [&str; 3] =
            ["authentication error", "error performing TLS handshake", "invalid configuration"];
        self.is_ours() || self.library().is_some_and(|error| FINAL.contains(&error.to_string().as_str()))
    }

    /// Of two attempts with and without TLS, the one that says more.
    pub(super) fn or_if_no_tls(self, first: Self) -> Self {
        let has_no_tls = self.library().is_some_and(|error| error.to_string().contains("TLS"));
        if has_no_tls { first } else { self }
    }

    /// Says what to do about a password that nobody gave.
    pub(super) fn explain_password(mut self, info: &ConnInfo) -> Self {
        if self.0.message.ends_with("password missing") {
            self.0.kind = Kind::NoPassword;
            self.0.message = match info.pass_file() {
                Some(path) => format!(
                    "the server asks for a password; none is given and {} has no line for this connection",
                    path.display()
                ),
                None => {
                    "the server asks for a password and none is given: use ~/.pgpass or PGPASSWORD".to_owned()
                }
            };
        }
        self
    }

    fn library(&self) -> Option<&tokio_postgres::Error> {
        self.0.source.as_ref()?.downcast_ref()
    }

    fn new(kind: Kind, message: String) -> Self {
        Self(Box::new(Inner { kind, message, server: None, source: None }))
    }

    fn of(kind: Kind, error: tokio_postgres::Error) -> Self {
        let server = error.as_db_error().cloned();
        let message = match &server {
            Some(server) => server.message().to_owned(),
            None => chain(&error),
        };
        Self(Box::new(Inner { kind, message, server, source: Some(Box::new(error)) }))
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.is_closed() {
            return Self::of(Kind::Lost, error);
        }
        if let Some(server) = error.as_db_error() {
            let fatal = matches!(server.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
            return Self::of(if fatal { Kind::Lost } else { Kind::Statement }, error);
        }
        // The library names its kinds only in its messages; what has a source failed at that source.
        match error.to_string().as_str() {
            UNEXPECTED_MESSAGE => {
                let mut ours = Self::of(Kind::OutOfStep, error);
                ours.0.message =
                    "the server began a COPY with the client, which cannot be done here; the session was closed"
                        .to_owned();
                ours
            }
            "error communicating with the server" | "error parsing response from server" => {
                Self::of(Kind::Lost, error)
            }
            _ => Self::of(Kind::Value, error),
        }
    }
}

const UNEXPECTED_MESSAGE: &str = "unexpected message from server";

/// The message and those of its causes: the library says "error connecting to server" and keeps the reason below.
fn chain(error: &dyn Error) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    // Whoever tells it says what could not be reached.
    if words.len() > 1 && words[0] == NOT_REACHED {
        words.remove(0);
    }
    words.join(": ")
}

const NOT_REACHED: &str = "error connecting to server";

impl fmt::Display for DbError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)?;
        match self.sqlstate() {
            Some(sqlstate) => write!(formatter, " (SQLSTATE {sqlstate})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for DbError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DbError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("sqlstate", &self.sqlstate())
            .field("detail", &self.detail())
            .finish_non_exhaustive()
    }
}

impl Error for DbError {
    /// What lies below a failure to connect. What the server said is said already, and whole.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.0.source.as_ref().filter(|_| self.sqlstate().is_none());
        source.map(|source| &**source as &(dyn Error + 'static))
    }
}

/// Something the server said besides its answers: a WARNING, a NOTICE, a LOG line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `WARNING`, `NOTICE`, `INFO`, `LOG` or `DEBUG`, whatever language the server speaks.
    pub severity: String,
    /// Its SQLSTATE.
    pub sqlstate: String,
    /// The primary message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
}

impl Notice {
    pub(super) fn new(notice: &ServerError) -> Self {
        Self {
            severity: notice
                .parsed_severity()
                .map_or_else(|| notice.severity().to_owned(), |severity| severity.to_string()),
            sqlstate: notice.code().code().to_owned(),
            message: notice.message().to_owned(),
            detail: notice.detail().map(str::to_owned),
            hint: notice.hint().map(str::to_owned),
        }
    }
}
