//! What stands in each schema under the ledger's name. Whether a chain is whole is for `verify` to say.

use super::publications::{Published, publications};
use super::{Command, Finding, Severity};
use crate::doctor::Request;
use crate::ledger::{Damage, LedgerError, State};
use crate::session::Session;

/// The state of each ledger; schemas without one.
///
/// # Errors
/// The server's.
pub fn findings(session: &mut Session, request: &Request<'_>) -> Result<Vec<Finding>, LedgerError> {
    let names: Vec<&str> = request.schemas.iter().map(String::as_str).collect();
    let mut found = Found::default();
    for (schema, state) in request.ledger.states(session, &names)? {
        found.put(schema, state);
    }
    Ok(found.findings())
}

/// Ledgers, by what is to be said of them.
#[derive(Default)]
struct Found {
    absent: Vec<String>,
    original: Vec<String>,
    foreign: Vec<String>,
    mendable: Vec<String>,
    damaged: Vec<String>,
}

impl Found {
    fn put(&mut self, schema: String, state: State) {
        let because = |reasons: Vec<String>| format!("{schema} ({})", reasons.join("; "));
        match state {
            State::Ours | State::NoSchema => {}
            State::Absent => self.absent.push(schema),
            State::Original => self.original.push(schema),
            State::Foreign(differences) => self.foreign.push(because(differences)),
            State::Damaged(damages) => {
                let is_mendable = damages.iter().all(Damage::is_mendable);
                let damaged = because(damages.iter().map(ToString::to_string).collect());
                if is_mendable { self.mendable.push(damaged) } else { self.damaged.push(damaged) }
            }
        }
    }

    fn findings(self) -> Vec<Finding> {
        use Command::{Setup, Status, Submit, Verify};
        use Severity::{Blocks, Note};
        let each = [
            (
                self.foreign,
                Finding::new(Blocks, &[Setup, Submit], "something that is no ledger has its name in schemas")
                    .why("a ledger cannot be made there, and what is there is never touched")
                    .advice("rename it, or choose another name with --cm-table"),
            ),
            (
                self.damaged,
                Finding::new(Blocks, &[Setup, Submit, Verify], "ledgers are damaged")
                    .why("what somebody added may turn entries away or hide them")
                    .advice("find out who did it (psql-cm log), and remove what was added"),
            ),
            (
                self.mendable,
                Finding::new(Blocks, &[Submit, Verify], "ledgers have lost their protection")
                    .why("entries could be edited or removed; submit adds none before that is mended")
                    .advice("find out who did it, then psql-cm setup puts it back, and records that"),
            ),
            (
                self.original,
                Finding::new(Blocks, &[Submit], "ledgers of version 0.2.2 are not adopted yet")
                    .why("submit adds entries to ledgers with a chain only")
                    .advice("psql-cm setup adopts them with their rows as they are"),
            ),
            (
                self.absent,
                Finding::new(Note, &[Submit, Status], "schemas are not under control")
                    .why("submit takes none of them as a target before")
                    .advice("psql-cm setup takes them under control; --exclude-schema leaves them out"),
            ),
        ];
        let named =
            |(names, finding): (Vec<String>, Finding)| (!names.is_empty()).then(|| finding.in_these(names));
        each.into_iter().filter_map(named).collect()
    }
}

/// The publications that carry the ledgers, or would once they are there.
///
/// # Errors
/// The server's.
pub fn published(session: &mut Session, request: &Request<'_>) -> Result<Vec<Finding>, LedgerError> {
    let managed = request.ledger.managed(session)?;
    let published = publications(session, request.ledger.table())?;
    let ours = published.into_iter().filter(|one| request.schemas.contains(&one.schema));
    let (there, to_come): (Vec<_>, Vec<_>) =
        ours.partition(|one| managed.iter().any(|(schema, _)| *schema == one.schema));
    let names =
        |published: Vec<Published>| published.into_iter().map(|one| format!("{} ({one})", one.schema));
    let mut findings = Vec::new();
    if !to_come.is_empty() {
        let what = "publications would carry the new ledgers of schemas";
        findings.push(
            Finding::new(Severity::Blocks, &[Command::Setup], what)
                .in_these(names(to_come))
                .why("a subscriber that has no such table stops")
                .advice("make the tables there, or change the publication; then setup --allow-published"),
        );
    }
    if !there.is_empty() {
        let what = "publications carry the ledgers of schemas";
        findings.push(
            Finding::new(Severity::Careful, &[Command::Submit], what)
                .in_these(names(there))
                .why("a subscriber that has no such table stops at the next entry")
                .advice("see to it that every subscriber has the table"),
        );
    }
    Ok(findings)
}
