//! Changes with statements that run in no transaction: one part after the other, each such statement with an entry
//! before and after it, so that a crash at any moment can be told and gone on from.
//!
//! An entry `before` has the statement as its content, and so has the entry `after` when it succeeded; replay takes
//! the latter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use psqlcm_core::change::{Part, Script};
use psqlcm_core::ledger::EntryKind;
use psqlcm_core::name::quote_literal;
use psqlcm_core::script::{ConcurrentIndex, NonTransactional, Statement};

use super::effects::{self, Before, Stop, Writing};
use super::error::SubmitError;
use super::work::{Settled, Start, Work, in_one_line};
use super::{Applied, Change, Event, PlaceApplied, PreparedChange, Tell, with_retries};
use crate::session::DbError;

/// What the ledger of a target knows of a change.
pub(super) enum Record {
    /// All of it is recorded.
    Done {
        /// The last entry.
        id: i64,
        /// When it was written.
        at: Option<String>,
    },
    /// Some parts are, or a statement was begun and its end is not known.
    Begun(Standing),
}

/// How far an earlier run came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The parts that are done, from 0.
    done: BTreeSet<usize>,
    /// The part that has an entry `before` and none after it.
    pending: Option<usize>,
}

/// The changes that earlier runs began and did not end, by their place in the run.
pub(super) type Begun = BTreeMap<usize, Standing>;

/// An entry of a ledger that belongs to one of the changes.
#[derive(Clone, Debug)]
pub(super) struct RecordRow {
    digest: String,
    id: i64,
    at: Option<String>,
    kind: EntryKind,
    /// Which part, where the change has several or one that stands alone.
    part: Option<usize>,
    is_done: bool,
}

impl Work<'_> {
    /// What the ledgers of the targets know of these changes; one round trip.
    pub fn records(&mut self, changes: &[Change]) -> Result<Vec<(String, Vec<RecordRow>)>, SubmitError> {
        let digests: Vec<String> = changes.iter().map(|change| quote_literal(&change.digest())).collect();
        let digests = digests.join(", ");
        let mut sql = String::new();
        for schema in self.schemas() {
            let table = self.ledger().at(schema).qualified();
            sql.push_str(
                &include_str!("records.sql").replace(":table", &table).replace(":digests", &digests),
            );
            sql.push_str(";\n");
        }
        let schemas = self.schemas();
        let mut records: Vec<(String, Vec<RecordRow>)> =
            schemas.iter().map(|schema| (schema.clone(), Vec::new())).collect();
        let read = self.session.read(&sql, &mut |statement, cells| {
            if let (Some((_, rows)), Some(row)) = (records.get_mut(statement), RecordRow::read(cells)) {
                rows.push(row);
            }
        });
        read.map_err(self.db_error("look the change up in the ledger"))?;
        Ok(records)
    }
}

impl RecordRow {
    fn read(cells: &[Option<&str>]) -> Option<Self> {
        let [digest, id, at, kind, part, outcome] = cells.try_into().ok()?;
        Some(Self {
            digest: digest?.to_owned(),
            id: id?.parse().ok()?,
            at: at.map(str::to_owned),
            kind: kind.unwrap_or("change").into(),
            part: part.and_then(|part| part.parse::<usize>().ok()).map(|part| part.saturating_sub(1)),
            is_done: outcome != Some("failed"),
        })
    }
}

/// What the rows of one ledger, oldest first, say of a change.
pub(super) fn record(rows: &[RecordRow], change: &Change, script: &Script<'_>) -> Option<Record> {
    let digest = change.digest();
    let mut standing = Standing::default();
    let mut last = None;
    for row in rows.iter().filter(|row| row.digest == digest) {
        let Some(part) = row.part else {
            last = Some(Record::Done { id: row.id, at: row.at.clone() });
            continue;
        };
        match row.kind {
            EntryKind::Before => standing.pending = Some(part),
            _ => {
                standing.pending = None;
                if row.is_done {
                    standing.done.insert(part);
                }
            }
        }
        if standing.done.len() >= script.parts.len() {
            last = Some(Record::Done { id: row.id, at: row.at.clone() });
            standing = Standing::default();
        }
    }
    if standing == Standing::default() { last } else { Some(Record::Begun(standing)) }
}

/// Runs a change part by part. What is done goes to `done` at once: a failure later does not take it back.
pub(super) fn run(
    work: &mut Work<'_>,
    change: &PreparedChange<'_>,
    begun: &Begun,
    tell: &mut Tell<'_>,
    done: &mut Vec<Applied>,
) -> Result<(), SubmitError> {
    tell(Event::Begin { change: &change.change.name, database: work.database() });
    if work.request.options.dry_run {
        done.push(rehearse(work, change, tell)?);
        return Ok(());
    }
    let standing = begun.get(&change.index).cloned().unwrap_or_default();
    let of = change.script.parts.len();
    work.goes_on |= of > 1;
    let mut parts_done = standing.done.len();
    for (index, part) in change.script.parts.iter().enumerate() {
        if standing.done.contains(&index) {
            let (line, text) = in_one_line(&change.script.statements_of(part)[0]);
            let text = format!("part {} of {of} was done by an earlier run: line {line}: {text}", index + 1);
            tell(Event::Note { database: work.database(), text });
            continue;
        }
        let mut notes = Vec::new();
        let outcome =
            work.request.interrupt.check().map_err(|_| SubmitError::Interrupted).and_then(|()| match part {
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
                work.clean()?;
            }
            Err(error) if parts_done == 0 && notes.is_empty() => return Err(error),
            Err(error) => {
                return Err(SubmitError::PartlyRun { done: parts_done, of, notes, cause: Box::new(error) });
            }
        }
    }
    Ok(())
}

/// What comes before the first statement that runs in no transaction can be rehearsed; the rest builds on it.
fn rehearse(
    work: &mut Work<'_>,
    change: &PreparedChange<'_>,
    tell: &mut Tell<'_>,
) -> Result<Applied, SubmitError> {
    let first_alone = change.script.parts.iter().find_map(|part| match part {
        Part::Alone(statement, _) => Some(*statement),
        Part::Together(_) => None,
    });
    let first_alone = first_alone.unwrap_or(change.script.statements.len());
    let mut applied = match change.script.parts.first() {
        Some(part @ Part::Together(_)) => {
            let writing = writing(change, 0, part, EntryKind::Change);
            let outcome = work.run_part(change, part, &writing, tell);
            let outcome = outcome.and_then(|applied| Ok(Applied { locks: work.locks()?, ..applied }));
            outcome.inspect_err(|_| work.roll_back())?
        }
        _ => applied(work, change, Vec::new()),
    };
    applied.not_rehearsed = change.script.statements[first_alone..].iter().map(in_one_line).collect();
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
    tell: &mut Tell<'_>,
) -> Result<Applied, SubmitError> {
    let writing = writing(change, index, part, EntryKind::Change);
    let request = work.request;
    let mut applied = with_retries(request, std::slice::from_mut(work), tell, &mut |works, tell| {
        Ok(vec![works[0].run_part(change, part, &writing, tell)?])
    })?;
    Ok(applied.remove(0))
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
        tell: &mut Tell<'_>,
    ) -> Result<Applied, SubmitError> {
        let schema = work.schemas()[0].clone();
        let (line, text) = in_one_line(self.statement);
        if self.was_begun {
            let text = format!("an earlier run stopped in line {line}: {text}; going on from there");
            tell(Event::Note { database: work.database(), text });
        }
        self.set_for_body(work, &schema)?;
        let is_there = self.clear_the_way(work, &schema, tell)?;
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
                let words = if is_there { "found done" } else { "done" };
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
    fn clear_the_way(
        &self,
        work: &mut Work<'_>,
        schema: &str,
        tell: &mut Tell<'_>,
    ) -> Result<bool, SubmitError> {
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
        let writing = writing(self.change, self.index, self.part, EntryKind::Before);
        let entry = effects::announcement(work, &writing);
        let schema = work.schemas()[0].clone();
        let written = work.ledger().append(&mut work.session, &mut before.heads, vec![(schema, entry)]);
        let written = written.map_err(work.ledger_error()).inspect_err(|_| work.roll_back())?;
        let place = effects::place_of(written);
        commit(work, &applied(work, self.change, vec![place]))?;
        Ok((before, start))
    }

    fn execute(&self, work: &mut Work<'_>, schema: &str, tell: &mut Tell<'_>) -> Result<(), DbError> {
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
        tell: &mut Tell<'_>,
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
        tell: &mut Tell<'_>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: EntryKind, part: usize, is_done: bool) -> RecordRow {
        let digest = change().digest();
        RecordRow { digest, id: 1, at: None, kind, part: Some(part), is_done }
    }

    fn change() -> Change {
        Change { name: "c".to_owned(), text: "SELECT 1; VACUUM; SELECT 2".to_owned() }
    }

    #[test]
    fn rows_tell_where_an_earlier_run_stopped() {
        let change = change();
        let script = Script::read(&change.text).unwrap();
        let standing = |rows: &[RecordRow]| match record(rows, &change, &script) {
            None => "nothing".to_owned(),
            Some(Record::Done { .. }) => "done".to_owned(),
            Some(Record::Begun(Standing { done, pending })) => format!("{done:?} {pending:?}"),
        };
        let first = row(EntryKind::Change, 0, true);
        let before = row(EntryKind::Before, 1, true);
        let rows = [first, before, row(EntryKind::After, 1, true), row(EntryKind::Change, 2, true)];
        assert_eq!(standing(&[]), "nothing");
        assert_eq!(standing(&rows[..1]), "{0} None");
        assert_eq!(standing(&rows[..2]), "{0} Some(1)");
        assert_eq!(standing(&rows[..3]), "{0, 1} None");
        assert_eq!(standing(&rows), "done");
        let failed = row(EntryKind::After, 1, false);
        assert_eq!(standing(&[rows[0].clone(), rows[1].clone(), failed]), "{0} None");
        let again: Vec<RecordRow> = rows.iter().chain(&rows[..1]).cloned().collect();
        assert_eq!(standing(&again), "{0} None");
    }
}
