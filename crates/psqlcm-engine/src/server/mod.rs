//! PostgreSQL servers on this machine: finding the installed ones, and running one as a throw-away cluster.
//!
//! A [`ScratchCluster`] serves `psql-cm demo`, rehearsals, the tests and xtask. This module speaks no SQL and opens
//! no connection: it hands out URIs. It downloads nothing (that is xtask's work, and only on request), and it never
//! touches a cluster that it did not make.

mod account;
mod installation;
mod scratch;

pub use installation::{Installation, Version};
pub use scratch::{ScratchCluster, ScratchOptions};

use std::path::PathBuf;

/// Why a server could not be found, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The folder does not hold a PostgreSQL server.
    #[error("{} holds no PostgreSQL server: `{program}` is not there or does not run", bin.display())]
    NotAnInstallation {
        /// The folder that was looked into.
        bin: PathBuf,
        /// The program that is missing or failed.
        program: &'static str,
    },

    /// `postgres --version` answered something unknown.
    #[error("{} answers `{answer}` to --version, which names no PostgreSQL version", program.display())]
    UnknownVersion {
        /// The program that was asked.
        program: PathBuf,
        /// What it printed.
        answer: String,
    },

    /// We are root, PostgreSQL refuses root, and no other account can run it.
    #[error(
        "PostgreSQL does not run as root, and no other way to run {} was found: {}",
        bin.display(), tried.join("; ")
    )]
    NoAccount {
        /// The programs that were to be run.
        bin: PathBuf,
        /// Each way that was tried, with what came of it.
        tried: Vec<String>,
    },

    /// The cluster could not be created or did not start; the server's own words tell why.
    #[error("the scratch cluster did not start:\n{log}")]
    DidNotStart {
        /// The last lines of what initdb and the server wrote.
        log: String,
    },

    /// The cluster was not ready within the time allowed.
    #[error("the scratch cluster was not ready after {seconds} s:\n{log}")]
    StartTimedOut {
        /// How long was waited.
        seconds: u64,
        /// The last lines of what initdb and the server wrote.
        log: String,
    },

    /// The server did not end and was killed.
    #[error("the scratch cluster in {} did not stop within {seconds} s and was killed", folder.display())]
    DidNotStop {
        /// The folder of the cluster.
        folder: PathBuf,
        /// How long was waited.
        seconds: u64,
    },

    /// The operating system refused something.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was attempted.
        action: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl ServerError {
    /// Names the attempted action, for `map_err`.
    fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
