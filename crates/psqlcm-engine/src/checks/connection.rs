//! Where a connection leads, and what is between us and the server.
//!
//! Servers of unknown versions, and poolers that give sessions away, are refused when the session begins.

use super::{Command, Finding, Severity};
use crate::session::{DbError, Session};

/// A connection, as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The role that logged in.
    pub login_role: String,
    /// The role that acts.
    pub acting_role: String,
    /// The server's version as it names it.
    pub server_version: String,
    /// The version of TLS, where the server's end is encrypted.
    pub tls: Option<String>,
    /// How it gets there.
    pub way: Way,
    /// Whether a connection pooler stands between.
    pub is_relayed: bool,
    /// Whether the server is a standby.
    pub is_standby: bool,
}

/// How a connection gets to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over a socket in the file system.
    Socket,
    /// Over TCP, and does not leave the machine.
    Loopback,
    /// Over a network.
    Network,
}

impl Connection {
    /// Asks the server.
    ///
    /// # Errors
    /// The server's.
    pub fn of(session: &mut Session) -> Result<Self, DbError> {
        let rows = session.rows(include_str!("connection.sql"))?;
        let mut cells = rows.into_iter().flatten();
        let mut next = || cells.next().flatten();
        Ok(Self {
            login_role: next().unwrap_or_default(),
            acting_role: next().unwrap_or_default(),
            server_version: next().unwrap_or_default(),
            tls: next(),
            way: match next().as_deref() {
                Some("socket") => Way::Socket,
                Some("loopback") => Way::Loopback,
                _ => Way::Network,
            },
            is_relayed: session.is_relayed(),
            is_standby: session.is_standby(),
        })
    }

    /// What of it is worth saying.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.is_standby {
            let what = "the server is a standby";
            findings.push(
                Finding::new(Severity::Blocks, &Command::WRITING, what)
                    .why("it takes no changes; what reads works, and is tried again where replay ends it")
                    .advice(
                        "connect to the primary: name all servers and give target_session_attrs=read-write",
                    ),
            );
        }
        if self.is_relayed {
            let what =
                "a connection pooler stands between, and keeps one session of the server for each client";
            findings.push(
                Finding::new(Severity::Note, &Command::ALL, what)
                    .why("in another mode it would be refused, and it limits connections by itself")
                    .advice("connect to the server itself where you can"),
            );
        } else if self.tls.is_none() && self.way == Way::Network {
            let what = "the connection is not encrypted, and the server is another machine";
            findings.push(
                Finding::new(Severity::Careful, &Command::ALL, what)
                    .why("whoever is on the way can read what is sent, and change it")
                    .advice("sslmode=verify-full, or at least sslmode=require"),
            );
        }
        findings
    }
}
