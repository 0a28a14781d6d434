//! Changes with statements that run in no transaction: one part after the other, each such statement with an entry
//! before and after it, so that a crash at any moment can be told and gone on from.
//!
//! An entry `before` has the statement as its content, and so has the entry `after` when it succeeded; replay takes
//! the latter.

use std::collections::BTreeSet;
use std::time::Instant;

use psqlcm_core::change::Part;
use psqlcm_core::ledger::EntryKind;
use psqlcm_core::name::quote_literal;
use psqlcm_core::script::{ConcurrentIndex, NonTransactional, Statement, is_shared};

use super::attempt::with_retries;
use super::effects::{self, Before, Stop, Writing};
use super::error::SubmitError;
use super::standing::Standing;
use super::work::{Settled, Start, Work, in_one_line};
use super::{Applied, Event, PlaceApplied, PreparedChange, Tell};
use crate::session::DbError;

/// Runs a change part by part. What is done goes to `done` at once: a failure later does not take it back.
pub(super) fn run(
    work: &mut Work<'_>,
    change: &PreparedChange<'_>,
    standing: &Standing,
    tell: &Tell<'_>,
    done: &mut Vec<Applied>,
) -> Result<(), SubmitError> {
    tell(Event::Begin { change: &change.change.name, database: work.database() });
    if work.request.options.dry_run {
        done.push(rehearse(work, change, tell)?);
        return Ok(());
    }
    let of = change.script.parts.len();
    work.goes_on |= of > 1;
    let mut parts_done = standing.done.len();
    for (index, part) in change.script.parts.iter().enumerate() {
        if standing.done.contains(&index) {
            let statements = change.script.statements_of(part);
            let first = statements.iter().find(|statement| change.script.is_run(statement));
            let (line, text) = in_one_line(first.unwrap_or(&statements[0]));
            let text = format!("part {} of {of} was done by an earlier run: line {line}: {text}", index + 1);
            tell(Event::Note { database: work.database(), text });
            continue;
        }
        let mut notes = Vec::new();
        let ready = work.request.check_interrupt().and_then(|()| work.clean());
        let outcome = ready.and_then(|()| match part {
            Part::Together(_) => together(work, change, index, part, tell),
            Part::Alone(statement, command) => {
                let was_begun = standing.pending == Some(index);
                Alone {
                    change,
                    index,
                    part,
                    statement: &change.script.statements[*statement],
                    command,
                    was_begun,
                }
                .run(work, &mut notes, tell)
            }
        });
        match outcome {
            Ok(applied) => {
                done.push(Applied { part: Some((index + 1, of)), ..applied });
                parts_done += 1;
            }
            Err(error) if parts_done == 0 && notes.is_empty() => return Err(error),
            Err(error) => {
                return Err(SubmitError::PartlyRun { done: parts_done, of, notes, cause: Box::new(error) });
            }
        }
    }
    Ok(())
}

/// What comes before the first statement that runs in no transaction, or of a plan its first transaction, can be rehearsed;
/// the rest builds on it.
fn rehearse(
    work: &mut Work<'_>,
    change: &PreparedChange<'_>,
    tell: &Tell<'_>,
) -> Result<Applied, SubmitError> {
    let rehearsed = match change.script.parts.first() {
        Some(Part::Together(range)) => range.end,
        _ => 0,
    };
    let mut applied = match change.script.parts.first() {
        Some(part @ Part::Together(_)) => {
            let writing = writing(change, 0, part, EntryKind::Change);
            let outcome = work.run_part(change, part, &writing, tell);
            let outcome = outcome.and_then(|applied| Ok(Applied { locks: work.locks()?, ..applied }));
            outcome.inspect_err(|_| work.roll_back())?
        }
        _ => applied(work, change, Vec::new()),
    };
    let rest = change.script.statements[rehearsed..].iter();
    applied.not_rehearsed =
        rest.filter(|statement| change.script.is_run(statement)).map(in_one_line).collect();
    Ok(applied)
}

fn applied(work: &Work<'_>, change: &PreparedChange<'_>, places: Vec<PlaceApplied>) -> Applied {
    Applied {
        change: change.index,
        database: work.database().to_owned(),
        part: None,
        places,
        locks: Vec::new(),
        not_rehearsed: Vec::new(),
    }
}

fn writing<'c>(change: &PreparedChange<'c>, index: usize, part: &Part, kind: EntryKind) -> Writing<'c> {
    Writing::new(change, kind, change.script.text_of(part))
        .with("change_digest", change.change.digest())
        .with("part", index as u64 + 1)
        .with("parts", change.script.parts.len() as u64)
}

fn together(
    work: &mut Work<'_>,
    change: &PreparedChange<'_>,
    index: usize,
    part: &Part,
    tell: &Tell<'_>,
) -> Result<Applied, SubmitError> {
    let writing = writing(change, index, part, EntryKind::Change);
    let request = work.request;
    let applied = with_retries(request, std::slice::from_mut(work), tell, &mut |works| {
        Ok(vec![works[0].run_part(change, part, &writing, tell)?])
    });
    Ok(applied.map_err(|unfinished| *unfinished.error)?.remove(0))
}

/// A statement that runs in no transaction.
struct Alone<'s, 'c> {
    change: &'s PreparedChange<'c>,
    index: usize,
    part: &'s Part,
    statement: &'s Statement<'c>,
    command: &'s NonTransactional,
    /// An earlier run began it, and nobody knows how it ended.
    was_begun: bool,
}

impl Alone<'_, '_> {
    fn run(
        &self,
        work: &mut Work<'_>,
        notes: &mut Vec<String>,
        tell: &Tell<'_>,
    ) -> Result<Applied, SubmitError> {
        let schema = work.schemas()[0].clone();
        let (line, text) = in_one_line(self.statement);
        if self.was_begun {
            let text = format!("an earlier run stopped in line {line}: {text}; going on from there");
            tell(Event::Note { database: work.database(), text });
        }
        let ran_in = work.shared_ran_in.clone().filter(|_| is_shared(self.statement.text));
        if let Some(place) = &ran_in {
            work.tell_shared(self.statement, place, tell);
        }
        self.set_for_body(work, &schema)?;
        let is_there = ran_in.is_some() || self.clear_the_way(work, &schema, tell)?;
        let known = invalid_indexes(work, self.index_of())?;
        work.reset()?;
        let (before, start) = self.announce(work)?;
        let started = Instant::now();
        let outcome = if is_there { Ok(()) } else { self.execute(work, &schema, tell) };
        let mut writing = writing(self.change, self.index, self.part, EntryKind::After);
        writing.is_revocable = false;
        writing.start = start;
        writing.duration = started.elapsed();
        match outcome {
            Ok(()) => {
                work.reset()?;
                let words = match ran_in {
                    Some(place) => format!("run once for all databases, in {place}"),
                    None if is_there => "found done".to_owned(),
                    None => "done".to_owned(),
                };
                self.conclude(work, &before, &writing.with("outcome", words), tell)
            }
            Err(error) if work.session.is_closed() => {
                notes.push(format!("the connection was lost in line {line}: {text}; its end is not known"));
                Err(work.statement_error(self.change, &schema, self.statement, error))
            }
            Err(error) => {
                let left = self.tidy(work, &known, notes, tell);
                let said = error.message().to_owned();
                let writing = writing.with("outcome", "failed").with("error", said).with("dropped", left);
                let writing = Writing { content: FAILED, ..writing };
                self.conclude(work, &before, &writing, tell)?;
                Err(work.statement_error(self.change, &schema, self.statement, error))
            }
        }
    }

    fn index_of(&self) -> Option<&ConcurrentIndex> {
        match self.command {
            NonTransactional::CreateIndexConcurrently(index) => Some(index),
            _ => None,
        }
    }

    fn set_for_body(&self, work: &mut Work<'_>, schema: &str) -> Result<(), SubmitError> {
        work.run("prepare the session", &work.settings_of_body(schema, "SESSION", !self.waits()))
    }

    /// Looks for an index of the statement's name: whether an earlier run made it. One that is invalid is dropped if
    /// an earlier run of ours left it, and in the way otherwise.
    fn clear_the_way(&self, work: &mut Work<'_>, schema: &str, tell: &Tell<'_>) -> Result<bool, SubmitError> {
        let Some(found) = self.index_of().map(|index| named_index(work, index)).transpose()?.flatten() else {
            return Ok(false);
        };
        match found {
            (_, true) => Ok(self.was_begun),
            (index, false) if self.was_begun => {
                work.run("drop the invalid index", &format!("DROP INDEX CONCURRENTLY {index}"))?;
                let text = format!("dropped the invalid index {index} that the earlier run left behind");
                tell(Event::Note { database: work.database(), text });
                Ok(false)
            }
            (index, false) => Err(SubmitError::InvalidIndex {
                change: self.change.index,
                target: work.target(schema),
                offset: self.statement.offset,
                index,
            }),
        }
    }

    /// The entry before the statement, in a transaction of its own.
    fn announce(&self, work: &mut Work<'_>) -> Result<(Before, Start), SubmitError> {
        let start = work.begin()?;
        let mut before = work.look()?;
        let is_fitting = work.check_plan(self.change, Some(self.statement), &before);
        is_fitting.inspect_err(|_| work.roll_back())?;
        let writing = writing(self.change, self.index, self.part, EntryKind::Before);
        let entry = effects::announcement(work, &writing);
        let schema = work.schemas()[0].clone();
        let written = work.ledger().append(&mut work.session, &mut before.heads, vec![(schema, entry)]);
        let written = written.map_err(work.ledger_error()).inspect_err(|_| work.roll_back())?;
        let place = effects::place_of(written);
        commit(work, &applied(work, self.change, vec![place]))?;
        Ok((before, start))
    }

    fn execute(&self, work: &mut Work<'_>, schema: &str, tell: &Tell<'_>) -> Result<(), DbError> {
        work.session.run(&work.settings_of_body(schema, "SESSION", !self.waits()))?;
        work.tell_statement(self.statement, tell);
        let outcome = work.session.run(self.statement.text);
        work.tell_notices(tell);
        match outcome {
            Err(error) if self.was_begun && self.is_done_already(&error) => Ok(()),
            outcome => outcome,
        }
    }

    /// What works concurrently waits for others without holding them up, and a wait cut short leaves debris.
    fn waits(&self) -> bool {
        matches!(
            self.command,
            NonTransactional::CreateIndexConcurrently(_)
                | NonTransactional::DropIndexConcurrently
                | NonTransactional::ReindexConcurrently
        )
    }

    /// After a crash: what the statement was to make is there, or what it was to drop is gone.
    fn is_done_already(&self, error: &DbError) -> bool {
        let states: &[&str] = match self.command {
            NonTransactional::DropIndexConcurrently | NonTransactional::DropSubscription => &["42704"],
            NonTransactional::CreateDatabase => &["42P04"],
            NonTransactional::DropDatabase => &["3D000"],
            NonTransactional::CreateTablespace | NonTransactional::CreateSubscription => &["42710"],
            NonTransactional::DropTablespace => &["42704"],
            _ => &[],
        };
        error.sqlstate().is_some_and(|state| states.contains(&state))
    }

    /// Drops the invalid indexes that the failed statement left behind; gives their names.
    fn tidy(
        &self,
        work: &mut Work<'_>,
        known: &BTreeSet<String>,
        notes: &mut Vec<String>,
        tell: &Tell<'_>,
    ) -> Vec<String> {
        let mut dropped = Vec::new();
        for index in invalid_indexes(work, self.index_of()).unwrap_or_default().difference(known) {
            match work.session.run(&format!("DROP INDEX CONCURRENTLY {index}")) {
                Ok(()) => {
                    let text =
                        format!("dropped the invalid index {index} that the failed statement left behind");
                    tell(Event::Note { database: work.database(), text });
                    dropped.push(index.clone());
                }
                Err(error) => notes.push(format!(
                    "the invalid index {index} is left behind and could not be dropped: {}",
                    error.message()
                )),
            }
        }
        dropped
    }

    /// The entry after the statement.
    fn conclude(
        &self,
        work: &mut Work<'_>,
        before: &Before,
        writing: &Writing<'_>,
        tell: &Tell<'_>,
    ) -> Result<Applied, SubmitError> {
        work.reset()?;
        work.begin()?;
        let places = effects::record(work, before, writing, &[], tell).map_err(|stop| match stop {
            Stop::Error(error) => error,
            Stop::Copies(_) => unreachable!("no statement that runs alone drops or renames a schema"),
        });
        let places = places.inspect_err(|_| work.roll_back())?;
        let applied = applied(work, self.change, places);
        commit(work, &applied)?;
        Ok(applied)
    }
}

const FAILED: &str = "-- the statement announced by the entry before failed, see evidence\n";

fn commit(work: &mut Work<'_>, applied: &Applied) -> Result<(), SubmitError> {
    work.check_alive().inspect_err(|_| work.roll_back())?;
    match work.commit(applied) {
        Settled::Committed => Ok(()),
        Settled::RolledBack(error) | Settled::Unknown(error) => Err(error),
    }
}

/// Invalid indexes that nobody builds just now, of one table if the statement names one, as SQL names.
fn invalid_indexes(
    work: &mut Work<'_>,
    index: Option<&ConcurrentIndex>,
) -> Result<BTreeSet<String>, SubmitError> {
    let table = index.and_then(|index| index.table.as_ref());
    let table = table.map_or_else(|| "NULL".to_owned(), |table| quote_literal(&table.to_string()));
    let sql = include_str!("invalid.sql").replace(":'table'", &table);
    let rows = work.rows("look for invalid indexes", &sql)?;
    Ok(rows.into_iter().flatten().flatten().collect())
}

/// The index that the statement names, if it is there: its name as SQL, and whether it is valid.
fn named_index(work: &mut Work<'_>, index: &ConcurrentIndex) -> Result<Option<(String, bool)>, SubmitError> {
    let (Some(name), Some(table)) = (&index.name, &index.table) else { return Ok(None) };
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), i.indisvalid \
         FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE i.indrelid = pg_catalog.to_regclass({}) AND c.relname = {}",
        quote_literal(&table.to_string()),
        quote_literal(name.as_str())
    );
    let row = work.rows("look for the index", &sql)?.into_iter().next();
    Ok(row.and_then(|row| {
        let [name, valid] = row.try_into().ok()?;
        Some((name?, valid.as_deref() == Some("t")))
    }))
}
