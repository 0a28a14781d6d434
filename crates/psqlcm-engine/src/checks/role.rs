//! What the acting role may do. What it may not read shows in a capture, see `contents.rs`.

use std::collections::BTreeSet;

use psqlcm_core::name::quote_ident;

use super::{Command, Finding, Severity};
use crate::access;
use crate::doctor::Request;
use crate::ledger::{Ledger, LedgerError};
use crate::session::{DbError, Session};

/// What `restore` asks of the role.
///
/// # Errors
/// The server's.
pub fn of_cluster(session: &mut Session) -> Result<Vec<Finding>, DbError> {
    let rows = session.rows(include_str!("role.sql"))?;
    let Some([Some(role), makes_databases, makes_roles]) = rows.first().map(Vec::as_slice) else {
        return Ok(Vec::new());
    };
    let (role, is) = (quote_ident(role), |cell: &Option<String>| cell.as_deref() == Some("t"));
    let mut findings = Vec::new();
    if !is(makes_databases) {
        let what = format!("the role {role} has no CREATEDB");
        findings.push(
            Finding::new(Severity::Blocks, &[Command::Restore], what)
                .why("restore builds a new database beside the others")
                .advice(format!(
                    "ALTER ROLE {role} CREATEDB, act as a role that has it (--role), or restore --into-empty"
                )),
        );
    }
    if !is(makes_roles) {
        let what = format!("the role {role} has no CREATEROLE");
        findings.push(
            Finding::new(Severity::Note, &[Command::Restore], what)
                .why("restore makes the roles that are missing here")
                .advice("have the roles made first, or give --no-owner, --role-map or --no-privileges"),
        );
    }
    Ok(findings)
}

/// In which schemas it may not create, and what it lacks on ledgers.
///
/// # Errors
/// The server's.
pub fn of_database(session: &mut Session, request: &Request<'_>) -> Result<Vec<Finding>, LedgerError> {
    let managed: BTreeSet<String> =
        request.ledger.managed(session)?.into_iter().map(|(schema, _)| schema).collect();
    let rows = access::schemas(session)?;
    let closed = rows.into_iter().filter(|row| !row.may_create).map(|row| row.name);
    let (closed, unmanaged): (Vec<_>, Vec<_>) =
        closed.filter(|name| request.schemas.contains(name)).partition(|name| managed.contains(name));
    let may_somewhere =
        request.schemas.iter().any(|name| !closed.contains(name) && !unmanaged.contains(name));
    let mut findings = Vec::new();
    if !closed.is_empty() {
        let what = "the role may not create in the schemas under control";
        findings.push(
            Finding::new(Severity::Blocks, &[Command::Submit], what)
                .in_these(closed)
                .why("submit takes no schema as a target in which the role may not create")
                .advice("GRANT CREATE ON SCHEMA, or act as the owner (--role)"),
        );
    }
    if !unmanaged.is_empty() {
        let is_left_out = may_somewhere && !request.is_named;
        let severity = if is_left_out { Severity::Careful } else { Severity::Blocks };
        let what = "the role may not create in the schemas";
        findings.push(
            Finding::new(severity, &[Command::Setup], what)
                .in_these(unmanaged)
                .why("setup makes a table in each schema, and leaves out where it may not")
                .advice(
                    "GRANT CREATE ON SCHEMA, act as the owner (--role), or leave them out (--exclude-schema)",
                ),
        );
    }
    findings.extend(on_ledgers(request.ledger.lacking(session)?));
    Ok(findings)
}

fn on_ledgers(lacking: Vec<String>) -> Vec<Finding> {
    use Command::{Dump, Log, Status, Submit, Verify};
    let (writing, reading): (Vec<_>, Vec<_>) =
        lacking.into_iter().partition(|what| Ledger::is_for_writing(what));
    let (counting, reading): (Vec<_>, Vec<_>) =
        reading.into_iter().partition(|what| what.starts_with("SELECT on the sequence"));
    let each = [
        (reading, &[Dump, Submit, Status, Verify, Log][..], "all ledgers of the database are read together"),
        (counting, &[Dump], "dump writes down how far the sequence of a ledger is"),
        (writing, &[Submit], "a change and its entry are one transaction"),
    ];
    let finding = |(lacking, commands, why): (Vec<String>, &[Command], &str)| {
        (!lacking.is_empty()).then(|| {
            Finding::new(Severity::Blocks, commands, "of what ledgers need, the role lacks")
                .in_these(lacking)
                .why(why)
                .advice("grant it, or act as the role that owns the ledgers (--role)")
        })
    };
    each.into_iter().filter_map(finding).collect()
}
