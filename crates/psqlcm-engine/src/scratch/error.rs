//! Why something could not be had on scratch.

use crate::capture::CaptureError;
use crate::conninfo::ConnInfoError;
use crate::interrupt::Interrupted;
use crate::restore::Place;
use crate::server::{Installation, ServerError};
use crate::session::DbError;

/// Why something could not be had on scratch. What was made there is gone.
#[derive(Debug, thiserror::Error)]
pub enum ScratchError {
    /// No server of the wanted version is installed.
    #[error(
        "no PostgreSQL{} is installed on this machine{}",
        wanted.map(|major| format!(" {major}")).unwrap_or_default(), list(found)
    )]
    NoServer {
        /// The major version, where it matters.
        wanted: Option<u32>,
        /// What is installed.
        found: Vec<Installation>,
    },
    /// The cluster of our own did not start.
    #[error(transparent)]
    Start(ServerError),
    /// The cluster of our own has no address.
    #[error("cannot reach the scratch cluster")]
    Unreachable(#[source] ConnInfoError),
    /// No connection.
    #[error("cannot connect to the scratch server")]
    Connect(#[source] DbError),
    /// The server takes no changes.
    #[error("the scratch server is a standby")]
    Standby,
    /// The database could not be made.
    #[error("cannot create a scratch database")]
    Create(#[source] DbError),
    /// The server lacks what only its administrator can bring.
    #[error("the scratch server, PostgreSQL {}, lacks {}", version / 10_000, things.join(", "))]
    Lacking {
        /// What: `extension postgis`.
        things: Vec<String>,
        /// The server's version.
        version: u32,
        /// Whether it is our own.
        is_own: bool,
    },
    /// The server that was given lacks roles.
    #[error("the scratch server lacks the roles {}", .0.join(", "))]
    LackingRoles(Vec<String>),
    /// A role could not be made on our own cluster.
    #[error("cannot make the role {role} on the scratch cluster")]
    Role {
        /// The role.
        role: String,
        /// The server's answer.
        #[source]
        error: DbError,
    },
    /// A statement failed, in whatever order it was tried.
    #[error("a statement failed{}", if *others == 0 { String::new() } else { format!(", and {others} more") })]
    Statement {
        /// Where it stands.
        place: Box<Place>,
        /// The server's answer.
        #[source]
        error: DbError,
        /// How many others failed.
        others: usize,
    },
    /// A statement that is not run.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// Where it stands.
        place: Box<Place>,
        /// What to do about it.
        hint: &'static str,
    },
    /// The server refused, or was lost.
    #[error("{doing}")]
    Db {
        /// What was being done.
        doing: &'static str,
        /// The server's answer.
        #[source]
        error: DbError,
    },
    /// The result could not be read.
    #[error("cannot read the scratch database")]
    Capture(#[from] CaptureError),
    /// A signal came.
    #[error("interrupted")]
    Interrupted(Interrupted),
}

impl ScratchError {
    /// The roles that the server that was given does not have, if it is that.
    pub fn lacking_roles(&self) -> Option<&[String]> {
        match self {
            Self::LackingRoles(roles) => Some(roles),
            _ => None,
        }
    }

    /// Where it stands, if it is about a statement.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Statement { place, .. } | Self::Refused { place, .. } => Some(place),
            _ => None,
        }
    }
}

/// For errors of single statements.
pub(super) fn doing(doing: &'static str) -> impl Fn(DbError) -> ScratchError {
    move |error| ScratchError::Db { doing, error }
}

fn list(found: &[Installation]) -> String {
    let found: Vec<_> = found
        .iter()
        .map(|installation| format!("{} in {}", installation.version, installation.bin.display()))
        .collect();
    if found.is_empty() { String::new() } else { format!("; found: {}", found.join(", ")) }
}
