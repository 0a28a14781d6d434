//! What would not work on a target, and why: all that can be known before a command is run.
//!
//! It runs the checks, one after the other, and changes nothing. A check that the role may not make is a finding of its
//! own. What only the doing can tell, such as whether a change runs or a chain is whole, is not looked at.

use std::path::Path;

use crate::capture::CaptureError;
use crate::checks::connection::Connection;
use crate::checks::{
    Command, Finding, Severity, contents, encoding, event_triggers, folder, ledgers, leftovers, role, room,
};
use crate::ledger::{Ledger, LedgerError};
use crate::session::{DbError, Session};

/// What of a database to look at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The ledgers.
    pub ledger: &'a Ledger,
    /// The schemas.
    pub schemas: &'a [String],
    /// Whether somebody named these schemas; else they are all there are.
    pub is_named: bool,
}

/// A database that was looked at.
#[derive(Clone, Debug)]
pub struct Examined {
    /// How we are connected.
    pub connection: Connection,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Why a target could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The server refused, or was lost.
    #[error("cannot look at {what}")]
    Db {
        /// What was being looked at.
        what: &'static str,
        /// The server's answer.
        #[source]
        error: DbError,
    },
    /// The ledgers.
    #[error("cannot look at the ledgers")]
    Ledger(#[source] LedgerError),
}

/// Looks at one database.
///
/// # Errors
/// When the server refuses other than for want of privileges, or is lost.
pub fn of_database(session: &mut Session, request: &Request<'_>) -> Result<Examined, DoctorError> {
    let connection =
        Connection::of(session).map_err(|error| DoctorError::Db { what: "the connection", error })?;
    let mut looked = Looked::default();
    looked.at("the encoding", encoding::findings(session))?;
    looked.at("privileges", role::of_database(session, request))?;
    looked.at("ledgers", ledgers::findings(session, request))?;
    looked.at("publications", ledgers::published(session, request))?;
    looked.at_contents(contents::findings(session))?;
    looked.at("event triggers", event_triggers::findings(session))?;
    looked.at("locks", room::locks(session))?;
    looked.at("prepared transactions", leftovers::prepared(session))?;
    looked.at("transactions", leftovers::transactions(session, leftovers::LONG))?;
    Ok(Examined { connection, findings: looked.findings })
}

/// Looks at what is the same for all databases of a cluster, so many of them, so many at once. No other session of ours
/// may be open.
///
/// # Errors
/// As [`of_database`].
pub fn of_cluster(session: &mut Session, databases: usize, jobs: usize) -> Result<Vec<Finding>, DoctorError> {
    let mut looked = Looked::default();
    if let Ok(connection) = Connection::of(session) {
        looked.findings.extend(connection.findings());
    }
    looked.at("connections", room::of_cluster(session, databases, jobs))?;
    looked.at("what the role may", role::of_cluster(session))?;
    looked.at("databases", leftovers::databases(session))?;
    Ok(looked.findings)
}

/// Looks at the folder of the tree.
pub fn of_folder(folder: &Path) -> Vec<Finding> {
    folder::findings(folder)
}

/// What the checks found so far.
#[derive(Default)]
struct Looked {
    findings: Vec<Finding>,
}

impl Looked {
    fn at<E: Into<LedgerError>>(
        &mut self,
        what: &'static str,
        outcome: Result<Vec<Finding>, E>,
    ) -> Result<(), DoctorError> {
        match outcome.map_err(Into::into) {
            Ok(findings) => self.findings.extend(findings),
            Err(LedgerError::Db(error)) => self.refused(what, error)?,
            Err(error) => return Err(DoctorError::Ledger(error)),
        }
        Ok(())
    }

    /// What a capture fails for fails every command that makes one.
    fn at_contents(&mut self, outcome: Result<Vec<Finding>, CaptureError>) -> Result<(), DoctorError> {
        match outcome {
            Ok(findings) => self.findings.extend(findings),
            Err(CaptureError::Query { error, .. }) if is_passing(&error) => {
                return Err(DoctorError::Db { what: "the objects", error });
            }
            Err(failed) => {
                let why = std::error::Error::source(&failed).map(ToString::to_string).unwrap_or_default();
                self.findings.push(
                    Finding::new(Severity::Blocks, &Command::CAPTURING, failed.to_string())
                        .why(format!("the server said: {why}"))
                        .advice("have it granted, or end what holds a lock on it"),
                );
            }
        }
        Ok(())
    }

    fn refused(&mut self, what: &'static str, error: DbError) -> Result<(), DoctorError> {
        if error.sqlstate() != Some(INSUFFICIENT_PRIVILEGE) {
            return Err(DoctorError::Db { what, error });
        }
        self.findings.push(
            Finding::new(Severity::Careful, &Command::ALL, format!("the role may not look at {what}"))
                .why(error.message().to_owned())
                .advice("have it granted, or run doctor as a role that may (--role)"),
        );
        Ok(())
    }
}

const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Whether another try, or another connection, may do better: replay on a standby, a lost server.
fn is_passing(error: &DbError) -> bool {
    error.is_connection_lost() || matches!(error.sqlstate(), Some("40001" | "40P01"))
}
