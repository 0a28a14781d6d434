//! Running other programs and talking to the person who waits.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use psqlcm_engine::server::ServerError;

/// What stops a chore.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not there or cannot be run.
    #[error("cannot run `{command}`: {source}")]
    NotRun {
        /// The command line.
        command: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A program failed.
    #[error("`{command}` failed:\n{words}")]
    Failed {
        /// The command line.
        command: String,
        /// What it wrote to stderr.
        words: String,
    },
    /// Nothing on this machine can get it.
    #[error("{what} cannot be had here: {reason}")]
    NotToBeHad {
        /// What was wanted.
        what: String,
        /// Why not, and what a person can do.
        reason: String,
    },
    /// The operating system refused something.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was attempted.
        action: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A server could not be found, started or stopped.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Names the attempted action, for `map_err`.
pub fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let action = action.into();
    move |source| Error::Io { action, source }
}

/// Tells the person what is going on.
pub fn say(text: &str) {
    // Nothing is lost when nobody listens.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Runs a program silently; its words are shown when it fails.
pub fn quietly(command: &mut Command) -> Result<(), Error> {
    let line = line_of(command);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| Error::NotRun { command: line.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    Err(Error::Failed { command: line, words })
}

/// Runs a program before the person's eyes and passes its exit code on.
pub fn openly(command: &mut Command) -> Result<ExitCode, Error> {
    let line = line_of(command);
    let status = command.status().map_err(|source| Error::NotRun { command: line, source })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Whether a program is there and runs with these arguments.
pub fn works(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The cargo that runs us, in the workspace. What it has told us of our own package is not for what it builds now: build scripts
/// that look at it would run again, each time.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    let is_of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_of_package)) {
        command.env_remove(name);
    }
    command
}

/// The root of the checkout.
pub fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("xtask is a folder of the workspace").to_owned()
}

fn line_of(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
