//! How a submit that failed is told: exit code, place, cause and what to do next.

use psqlcm_core::change::{Refusal, natural_order};
use psqlcm_core::delta::{FactDelta, main_facts};
use psqlcm_core::report::Exit;
use psqlcm_core::script::SplitErrorKind;
use psqlcm_core::source::{Source, char_to_byte};
use psqlcm_core::targets::Target;
use psqlcm_engine::ledger::LockError;
use psqlcm_engine::session::DbError;
use psqlcm_engine::submit::{Applied, Change, Missing, Recorded, SubmitError};

use super::Told;
use crate::failure::{Failure, Place};

/// `lock_not_available`
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// `restrict_violation`
const RESTRICT_VIOLATION: &str = "23001";
/// How many facts an error lists.
const MOST_FACTS: usize = 20;

impl Told<'_> {
    /// The failure, with what was done before it.
    pub fn failure(&self, mut done: Vec<Applied>, error: SubmitError) -> Failure {
        let mut skipped = Vec::new();
        let (error, exit) = match error {
            SubmitError::PartlyCommitted { done: committed, not_done, cause } => {
                done.extend(committed);
                skipped = not_done;
                (*cause, Some(Exit::Partly))
            }
            error => (error, None),
        };
        let mut failure = self.of(&error);
        let has_done = !done.is_empty() && !self.request.options.dry_run;
        if failure.exit != Exit::InDoubt && (exit.is_some() || has_done) {
            failure.exit = Exit::Partly;
        }
        for database in &skipped {
            failure = failure.hint(format!("not committed in database {database}: rolled back"));
        }
        if has_done {
            let names = done.iter().map(|applied| {
                format!("{} in {}", self.request.changes[applied.change].name, applied.database)
            });
            let mut names: Vec<String> = names.collect();
            names.dedup();
            failure = failure.hint(format!("done and recorded before: {}", names.join("; ")));
            failure = failure
                .with_targets(self.targets(&done, |facts| facts.iter().map(FactDelta::to_report).collect()));
        }
        failure
    }

    fn of(&self, error: &SubmitError) -> Failure {
        let message = error.to_string();
        match error {
            SubmitError::Refused { change, refusal } => self.refused(&self.request.changes[*change], refusal),
            SubmitError::SeveralTargets { change, offset, .. } => Failure::new(Exit::Refused, message)
                .at(place(&self.request.changes[*change], *offset))
                .hint("name one database and one schema"),
            SubmitError::NotUnderControl { missing } => not_under_control(missing),
            SubmitError::AlreadyRecorded { found } => self.recorded(found),
            SubmitError::Twice { change, first } => {
                let changes = &self.request.changes;
                let message = format!("{} is the same as {}", changes[*change].name, changes[*first].name);
                Failure::new(Exit::Refused, message).hint("to run it twice all the same: --again")
            }
            SubmitError::Statement { change, target, offset, statement, source } => {
                let change = &self.request.changes[*change];
                let at = source.position().map_or(0, |position| char_to_byte(statement, position));
                let failure = Failure::new(exit_of(source), message).on(target);
                by_server(failure, source).at(place(change, offset + at))
            }
            SubmitError::Deferred { target, source, .. } => {
                by_server(Failure::new(exit_of(source), message).on(target), source)
            }
            SubmitError::Outside { database, facts, .. } => outside(database, facts, &message),
            SubmitError::Ledgers { target, .. } => Failure::new(Exit::Refused, message)
                .on(target)
                .hint("a ledger is only added to; psql-cm setup --remove takes it away"),
            SubmitError::Meanwhile { database, .. } => Failure::new(Exit::Failed, message)
                .on(&Target::database(database))
                .hint("nothing was changed; submit it again"),
            SubmitError::InvalidIndex { change, target, offset, index } => {
                Failure::new(Exit::Refused, message)
                    .on(target)
                    .at(place(&self.request.changes[*change], *offset))
                    .hint(format!("drop it first: DROP INDEX CONCURRENTLY {index}"))
            }
            SubmitError::PartlyRun { notes, cause, .. } => self.partly_run(&message, notes, cause),
            SubmitError::PartlyCommitted { cause, .. } => self.of(cause),
            SubmitError::InDoubt { database, schema, hash, source } => Failure::new(Exit::InDoubt, message)
                .on(&Target::schema(database, schema))
                .cause(source)
                .hint(format!(
                    "it is done if psql-cm log shows an entry with the hash {hash}, else submit it again"
                )),
            SubmitError::Lock { database, source } => {
                let exit =
                    if matches!(source, LockError::Busy { .. }) { Exit::LockNotHad } else { Exit::Failed };
                let failure = Failure::new(exit, message).on(&Target::database(database)).cause(source);
                match exit {
                    Exit::LockNotHad => failure.hint("wait for it, or wait longer: --lock-wait"),
                    _ => failure,
                }
            }
            SubmitError::LockLost { database } => Failure::new(Exit::Failed, message)
                .on(&Target::database(database))
                .hint("nothing was changed; submit it again"),
            SubmitError::Interrupted => Failure::new(Exit::Failed, message),
            SubmitError::Connect { database, source } => {
                by_server(Failure::new(Exit::Failed, message).on(&Target::database(database)), source)
                    .cause(source)
            }
            SubmitError::Db { database, source, .. } => {
                by_server(Failure::new(exit_of(source), message).on(&Target::database(database)), source)
                    .cause(source)
            }
            SubmitError::Ledger { database, source } => {
                let failure =
                    Failure::new(Exit::Failed, message).on(&Target::database(database)).cause(source);
                match error.db_error() {
                    Some(source) => by_server(failure, source),
                    None => failure,
                }
            }
            SubmitError::Capture { database, source } => {
                Failure::new(Exit::Failed, message).on(&Target::database(database)).cause(source)
            }
        }
    }

    fn refused(&self, change: &Change, refusal: &Refusal) -> Failure {
        let exit = match refusal {
            Refusal::Empty => Exit::Usage,
            Refusal::Split(error) => match error.kind {
                SplitErrorKind::MetaCommandInStatement { .. } => Exit::Refused,
                _ => Exit::Failed,
            },
            _ => Exit::Refused,
        };
        let message = match refusal.offset() {
            Some(_) => refusal.to_string(),
            None => format!("{}: {refusal}", change.name),
        };
        let failure = Failure::new(exit, message).hint(refusal.hint());
        match refusal.offset() {
            Some(offset) => failure.at(place(change, offset)),
            None => failure,
        }
    }

    fn recorded(&self, found: &[Recorded]) -> Failure {
        let mut lines: Vec<String> = found
            .iter()
            .map(|recorded| {
                let name = &self.request.changes[recorded.change].name;
                let at = recorded.at.as_deref().map(|at| format!(", {at}")).unwrap_or_default();
                format!("{name}: entry {} of {}{at}", recorded.entry, recorded.target)
            })
            .collect();
        lines.sort_by(|a, b| natural_order(a, b));
        let message = format!("the change is recorded already: {}", lines.join("; "));
        Failure::new(Exit::Refused, message).hint("to run it all the same: --again")
    }

    fn partly_run(&self, message: &str, notes: &[String], cause: &SubmitError) -> Failure {
        let mut failure = self.of(cause);
        failure.exit = Exit::Partly;
        failure = failure.hint(format!("{message}; submit the same change again to go on from there"));
        for note in notes {
            failure = failure.hint(note);
        }
        failure
    }
}

fn not_under_control(missing: &[Missing]) -> Failure {
    let failures = missing
        .iter()
        .map(|missing| Failure::new(Exit::Failed, &missing.reason).on(&missing.target).hint(missing.hint));
    failures.reduce(Failure::and).unwrap_or_else(|| Failure::new(Exit::Failed, "no target can take a change"))
}

fn outside(database: &str, facts: &[FactDelta], message: &str) -> Failure {
    let facts = main_facts(facts);
    let mut lines: Vec<String> =
        facts.iter().take(MOST_FACTS).map(|fact| format!("{} {}", fact.op().sign(), fact.id)).collect();
    if facts.len() > MOST_FACTS {
        lines.push(format!("and {} more", facts.len() - MOST_FACTS));
    }
    Failure::new(Exit::Refused, format!("{message}: {}", lines.join(", ")))
        .on(&Target::database(database))
        .hint("take those schemas under control (psql-cm setup), or say --allow-outside")
}

fn exit_of(error: &DbError) -> Exit {
    match error.sqlstate() {
        Some(LOCK_NOT_AVAILABLE) => Exit::LockNotHad,
        // What the trigger of a ledger says; a foreign key has the same SQLSTATE.
        Some(RESTRICT_VIOLATION) if error.message().ends_with("is refused: the ledger is append-only") => {
            Exit::Refused
        }
        _ => Exit::Failed,
    }
}

/// What the server said besides its message.
fn by_server(mut failure: Failure, error: &DbError) -> Failure {
    if let Some(detail) = error.detail() {
        failure = failure.hint(format!("detail: {detail}"));
    }
    if let Some(hint) = error.hint() {
        failure = failure.hint(hint);
    }
    if let Some(context) = error.context() {
        failure = failure.hint(format!("context: {context}"));
    }
    match error.sqlstate() {
        Some(state) => failure.sqlstate(state),
        None => failure,
    }
}

/// A place in a change, with the text of its line.
fn place(change: &Change, offset: usize) -> Place {
    let (line, column) = Source { name: &change.name, text: &change.text }.line_column(offset);
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or_default();
    let text = change.text.split('\n').nth(index).map(|text| text.trim_end_matches('\r').to_owned());
    Place { file: change.name.clone(), line, column: Some(column), text }
}
