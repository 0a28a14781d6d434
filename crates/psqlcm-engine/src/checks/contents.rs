//! What the database holds that a capture leaves out.

use psqlcm_core::snapshot::LeftOut;

use super::{Command, Finding, Severity};
use crate::capture::{self, CaptureError};
use crate::session::Session;

/// Captures the database, and names what is not supported and what may not be read.
///
/// # Errors
/// The capture's.
pub fn findings(session: &mut Session) -> Result<Vec<Finding>, CaptureError> {
    let left_out = capture::capture(session)?.left_out;
    let (closed, unsupported): (Vec<_>, Vec<_>) = left_out.into_iter().partition(LeftOut::is_not_read);
    let mut findings = Vec::new();
    if !closed.is_empty() {
        findings.push(
            Finding::new(Severity::Blocks, &[Command::Dump], "the role may not read")
                .in_these(named(closed))
                .why(
                    "dump refuses to leave it out unless --allow-unsupported; setup and submit do not see it, and status cannot \
                     tell drift",
                )
                .advice("grant what the server asks for, or act as a role that may (--role)"),
        );
    }
    if !unsupported.is_empty() {
        findings.push(
            Finding::new(Severity::Blocks, &[Command::Dump], "psql-cm does not support")
                .in_these(named(unsupported))
                .why("dump refuses to leave it out unless --allow-unsupported; the base of setup does not hold it, and submit does not see it change")
                .advice("dump --allow-unsupported, and keep a script for it beside the tree"),
        );
    }
    Ok(findings)
}

fn named(left_out: Vec<LeftOut>) -> impl Iterator<Item = String> {
    left_out.into_iter().map(|LeftOut { kind, identity, reason }| format!("{kind} {identity} ({reason})"))
}
