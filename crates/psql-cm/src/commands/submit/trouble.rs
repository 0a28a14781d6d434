//! How a submit that failed is told: exit code, place, cause and what to do next.

use psqlcm_core::change::{Refusal, Script, natural_order};
use psqlcm_core::delta::{Delta, FactDelta, main_facts};
use psqlcm_core::report::{Exit, Outcome, TargetReport};
use psqlcm_core::script::{SplitErrorKind, is_shared};
use psqlcm_core::source::{Source, char_to_byte};
use psqlcm_core::targets::Target;
use psqlcm_engine::ledger::LockError;
use psqlcm_engine::session::DbError;
use psqlcm_engine::sources::SourceError;
use psqlcm_engine::submit::{Applied, Atomic, Change, Missing, Outcome as Ran, Recorded, SubmitError};

use super::Told;
use crate::differences;
use crate::failure::{Failure, Place};
use crate::render::Paint;
use crate::sources;

/// `lock_not_available`
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// `undefined_object`
const UNDEFINED_OBJECT: &str = "42704";
/// `restrict_violation`
const RESTRICT_VIOLATION: &str = "23001";
/// How many facts an error lists.
const MOST_FACTS: usize = 20;

impl Told<'_> {
    /// All that failed, with what became of every target.
    pub fn failure(&self, ran: &Ran) -> Failure {
        let failures = ran.failures.iter().map(|failed| self.of(&failed.error));
        let mut failure =
            failures.reduce(join).unwrap_or_else(|| Failure::new(Exit::Failed, "nothing is done"));
        if ran.done.is_empty() || self.request.options.dry_run {
            return failure.with_targets(self.not_done(ran));
        }
        if failure.exit != Exit::InDoubt {
            failure.exit = Exit::Partly;
        }
        let atomic = self.request.options.atomic;
        if ran.failures.iter().all(|failed| failed.targets.is_empty()) {
            failure = failure.hint(format!("done and recorded before: {}", self.names(&ran.done).join("; ")));
        } else {
            let option = if atomic == Atomic::All { " with --atomic database" } else { "" };
            failure = failure.hint(format!("submit the same again{option} to go on: what has it is skipped"));
        }
        let done = self.targets(&ran.done, |facts| facts.iter().map(FactDelta::to_report).collect());
        failure.with_targets(done).with_targets(self.not_done(ran))
    }

    fn names(&self, done: &[Applied]) -> Vec<String> {
        let name = |applied: &Applied| {
            format!("{} in {}", self.request.changes[applied.change].name, applied.database)
        };
        let mut names: Vec<String> = done.iter().map(name).collect();
        names.dedup();
        names
    }

    /// The targets that have it from before, failed, or were left.
    pub fn not_done(&self, ran: &Ran) -> Vec<TargetReport> {
        let failed = ran.failures.iter().flat_map(|failed| {
            let outcome = match failed.error {
                SubmitError::InDoubt { .. } => Outcome::InDoubt,
                SubmitError::PartlyRun { .. } => Outcome::Partly,
                _ => Outcome::Failed,
            };
            failed.targets.iter().map(move |target| TargetReport::new(target, outcome))
        });
        let left = ran.left.iter().map(|left| {
            let outcome = if left.is_rolled_back { Outcome::RolledBack } else { Outcome::Skipped };
            TargetReport::new(&left.target, outcome)
        });
        self.recorded_before(ran).chain(failed).chain(left).collect()
    }

    pub fn of(&self, error: &SubmitError) -> Failure {
        let message = error.to_string();
        match error {
            SubmitError::Refused { change, refusal } => self.refused(&self.request.changes[*change], refusal),
            SubmitError::SeveralTargets { change, offset, .. } => Failure::new(Exit::Refused, message)
                .at(place(&self.request.changes[*change], *offset))
                .hint("name one database and one schema, or say --sequential: one target after the other"),
            SubmitError::PlanOfSeveral { .. } => Failure::new(Exit::Refused, message)
                .hint("name one database, or say --sequential: one target after the other"),
            SubmitError::PlanInSchemas { database, .. } => Failure::new(Exit::Refused, message)
                .on(&Target::database(database))
                .hint("name one: its ledger gets the entry, and those of others that the plan alters get theirs"),
            SubmitError::NotFrom { change, database, differing } => {
                self.not_from(&self.request.changes[*change], database, differing.as_deref())
            }
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
                let failure = Failure::new(exit_of(source), message).on(target).cause(source);
                let failure = failure.at(place(change, offset + at));
                let failure = failure.hint_if(self.role_of_elsewhere(change, target, source));
                let is_path = looks_like_a_path(change);
                failure.hint_if(is_path.then_some("there is no file of that name; it was taken for SQL"))
            }
            SubmitError::Deferred { target, source, .. } => {
                Failure::new(exit_of(source), message).on(target).cause(source)
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
            SubmitError::SelfDeadlock { cause, .. } => {
                let mut failure = self.of(cause);
                failure.exit = Exit::Failed;
                failure
                    .instead(message)
                    .hint("give statements about what all databases share as a change of their own")
                    .hint("or say --atomic database: each is finished by itself")
            }
            SubmitError::TooFewConnections { .. } => Failure::new(Exit::Failed, message)
                .hint("nothing was begun; --atomic database takes two for each of --jobs at once"),
            SubmitError::TooManyLocks { database, .. } => {
                Failure::new(Exit::Failed, message).on(&Target::database(database)).hint(
                    "nothing was changed; submit it with --atomic schema, or raise max_locks_per_transaction",
                )
            }
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
            SubmitError::Rebuild { database, source } => {
                let failure = sources::not_rebuilt(&message, source).on(&Target::database(database));
                let is_stuck = matches!(source.inner(), SourceError::Replay { .. });
                failure.hint_if(is_stuck.then_some(
                    "psql-cm setup --remove and psql-cm setup begin anew: the tree keeps the old entries",
                ))
            }
            SubmitError::Unfinished { database, schema, .. } => Failure::new(Exit::Refused, message)
                .on(&Target::schema(database, schema))
                .hint("submit it again first: what is there may be its doing"),
            SubmitError::OtherVersion { database, live, .. } => Failure::new(Exit::Refused, message)
                .on(&Target::database(database))
                .hint(format!("name a server of PostgreSQL {} with --scratch-uri, or none", live / 10_000)),
            SubmitError::NotRead { database, .. } => Failure::new(Exit::Failed, message)
                .on(&Target::database(database))
                .hint("it would be recorded as gone; --role names a role that may read it"),
            SubmitError::DriftFails { database, is_whole, source } => {
                sources::not_rebuilt(&message, source).on(&Target::database(database)).hint(not_led(*is_whole))
            }
            SubmitError::DriftLeft { database, facts } => {
                let left = Delta { facts: facts.clone(), ..Delta::default() };
                Failure::new(Exit::Failed, message)
                    .on(&Target::database(database))
                    .detail("left", differences::text(&left, Paint(false)))
                    .hint(not_led(true))
            }
            SubmitError::Connect { database, source } => {
                Failure::new(Exit::Failed, message).on(&Target::database(database)).cause(source)
            }
            SubmitError::Db { database, source, .. } => {
                Failure::new(exit_of(source), message).on(&Target::database(database)).cause(source)
            }
            SubmitError::Ledger { database, source } => {
                Failure::new(Exit::Failed, message).on(&Target::database(database)).cause(source)
            }
            SubmitError::Capture { database, source } => {
                Failure::new(Exit::Failed, message).on(&Target::database(database)).cause(source)
            }
        }
    }

    /// A plan for another state than the one that is there.
    fn not_from(&self, change: &Change, database: &str, differing: Option<&[String]>) -> Failure {
        let plan = Script::read(&change.text).ok().and_then(|script| script.plan);
        let (from, to) = plan.map(|plan| (plan.from, plan.to)).unwrap_or_default();
        let message = match differing {
            None => format!("{}: the database is already what the plan leads to: {to}", change.name),
            Some(differing) => {
                let more = differing.len().saturating_sub(MOST_FACTS);
                let mut named: Vec<String> = differing.iter().take(MOST_FACTS).cloned().collect();
                if more > 0 {
                    named.push(format!("and {more} more"));
                }
                let named = named.join(", ");
                format!(
                    "{}: the database is not what the plan was made for, {from}; it differs in {named}",
                    change.name
                )
            }
        };
        let failure = Failure::new(Exit::Refused, message).on(&Target::database(database));
        match differing {
            None => failure.hint("nothing was changed, and nothing is to be done"),
            Some(_) => failure.hint("nothing was changed; plan again from what is there now: psql-cm plan"),
        }
    }

    /// A role that the change makes is made once, and other databases see it only when that is committed.
    fn role_of_elsewhere(&self, change: &Change, target: &Target, source: &DbError) -> Option<&'static str> {
        let is_first = self.request.all_targets().first() == Some(target);
        let makes = Script::read(&change.text)
            .is_ok_and(|script| script.statements.iter().any(|statement| is_shared(statement.text)));
        (self.request.options.atomic == Atomic::All
            && source.sqlstate() == Some(UNDEFINED_OBJECT)
            && !is_first
            && makes)
            .then_some(
                "what the change makes for all databases is seen by the others only after COMMIT: give it as a \
                 change of its own before this one, or say --atomic database",
            )
    }

    fn refused(&self, change: &Change, refusal: &Refusal) -> Failure {
        let exit = match refusal {
            Refusal::Empty => Exit::Usage,
            Refusal::Plan(_) => Exit::Refused,
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
        let lacking = self.request.all_targets().len() * self.request.changes.len() > found.len();
        Failure::new(Exit::Refused, message)
            .hint_if(lacking.then_some("where it is not yet: --atomic database skips what has it"))
            .hint("to run it all the same: --again")
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

fn not_led(is_whole: bool) -> &'static str {
    match is_whole {
        true => "this is a defect of psql-cm: please report it; nothing was recorded",
        false => "it may need what drifted elsewhere: name no schema, and all of it is recorded",
    }
}

/// Several failures as one; the worst exit code counts.
pub fn join(one: Failure, other: Failure) -> Failure {
    let exit = one.exit.max(other.exit);
    Failure { exit, ..one.and(other) }
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

/// SQL on the command line that may have been meant as the name of a file.
fn looks_like_a_path(change: &Change) -> bool {
    let text = change.text.trim();
    change.name == "--change" && !text.contains('\n') && text.to_ascii_lowercase().ends_with(".sql")
}

/// A place in a change, with the text of its line.
fn place(change: &Change, offset: usize) -> Place {
    let source = Source { name: &change.name, text: &change.text };
    let (line, column) = source.line_column(offset);
    let text = Some(source.line(line).to_owned());
    Place { file: change.name.clone(), line, column: Some(column), text }
}
