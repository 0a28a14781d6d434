//! A database as its ledgers recorded it last: the bases, and then the changes by their numbers, done again on scratch.
//!
//! Ledgers hold SQL of schemas under control alone. What else the entries may need, such as extensions, is taken from the
//! live database as far as no change makes it, and is no part of what is compared.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use psqlcm_core::change::Script;
use psqlcm_core::ledger::replay::{self, NotRedone, Step, Work, copy_of, steps};
use psqlcm_core::ledger::{Entry, Origin};
use psqlcm_core::name::quote_ident;
use psqlcm_core::narrow::Covered;
use psqlcm_core::plan;
use psqlcm_core::script::{is_schemaless, is_shared, label, split};
use psqlcm_core::snapshot::Snapshot;
use psqlcm_core::tree::{self, adapt};

use super::{Event, Read, Sides, SourceError, Tell};
use crate::access::Access;
use crate::interrupt::Interrupt;
use crate::ledger::{Ledger, LedgerError, State};
use crate::observe::{ObserveError, Observed, observe};
use crate::restore::cancel_on_interrupt;
use crate::scratch::{Choice, Missed, Scratch, ScratchDatabase, ScratchError, Sql, Wanted};
use crate::session::Session;

/// Does all again that the ledgers of a database say, and reads what comes of it.
pub(super) fn replay(
    sides: &Sides<'_>,
    access: &Access,
    database: &str,
    tell: &Tell<'_>,
) -> Result<Read, SourceError> {
    let place = Place {
        scratch: sides.scratch.as_ref().ok_or(SourceError::NoScratch)?,
        ledger: sides.request.ledger,
        interrupt: sides.interrupt,
    };
    let recorded = Recorded::read(access, database, place.ledger, place.interrupt)?;
    let mut rebuilding = Rebuilding::of(place, &recorded)?;
    let mut made = rebuilding.run()?;
    for not_redone in rebuilding.not_redone() {
        tell(Event::NotRedone { database, not_redone: &not_redone });
    }
    Ok(Read::new(place.capture(&mut made)?, recorded.covered()))
}

/// Scratch that is made ready when it is first needed: one place for all databases of a run.
pub struct LazyScratch<'a> {
    given: Option<&'a Access>,
    interrupt: &'a Interrupt,
    opened: Mutex<Option<Scratch>>,
}

impl<'a> LazyScratch<'a> {
    /// Nothing is made yet. Without a server that was given it will be a cluster of local programs.
    pub fn new(given: Option<&'a Access>, interrupt: &'a Interrupt) -> Self {
        Self { given, interrupt, opened: Mutex::default() }
    }

    /// The place, of the major version of the session's server, where all belongs to the session's role unless it says
    /// otherwise.
    ///
    /// # Errors
    /// As [`Scratch::open`].
    pub fn like(&self, session: &mut Session) -> Result<Scratch, SourceError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scratch) = &*opened {
            return Ok(scratch.clone());
        }
        let role = session.rows("SELECT current_user")?.into_iter().flatten().flatten().next();
        let wanted = Wanted {
            given: self.given,
            major: Some(session.server_version() / 10_000),
            role_map: None,
            role: role.as_deref(),
        };
        Ok(opened.insert(Scratch::open(&wanted, self.interrupt)?).clone())
    }

    /// The place, if it was needed.
    pub fn opened(&self) -> Option<Scratch> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Where ledgers are done again.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The place.
    pub scratch: &'a Scratch,
    /// The ledgers.
    pub ledger: &'a Ledger,
    /// Whether to stop.
    pub interrupt: &'a Interrupt,
}

impl Place<'_> {
    /// The version of the server as it calls itself.
    ///
    /// # Errors
    /// The server's.
    pub fn version_of(&self, scratch: &mut ScratchDatabase) -> Result<String, SourceError> {
        let rows = scratch.session().rows("SELECT pg_catalog.current_setting('server_version')")?;
        Ok(rows.into_iter().flatten().flatten().next().unwrap_or_default())
    }

    /// What is in a scratch database, without ledgers that a script may have made.
    ///
    /// # Errors
    /// The capture's, and a signal.
    pub fn capture(&self, scratch: &mut ScratchDatabase) -> Result<Snapshot, SourceError> {
        let captured = scratch.capture()?;
        let managed = self.ledger.managed(scratch.session()).map_err(ObserveError::from)?;
        Ok(super::without_own(captured, self.ledger, &managed))
    }

    /// A live database as the scratch server sees it: as it is where both are of one version, else loaded there.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn as_seen(&self, live: &Snapshot, database: &str) -> Result<Snapshot, SourceError> {
        if live.server_version == self.scratch.server_version() {
            return Ok(live.clone());
        }
        let sql = Sql::of_steps("the database as SQL", database, &plan::from_empty(live)?);
        let (mut made, _) = self.scratch.database_for(&sql, database)?;
        made.load(&sql, &|_| {})?;
        self.capture(&mut made)
    }
}

/// What the ledgers of a database say, and what the database is, at one moment.
pub struct Recorded {
    /// The database.
    pub database: String,
    /// The schemas under control.
    pub schemas: Vec<String>,
    /// The entries of each ledger, oldest first.
    pub entries: Vec<(String, Entry)>,
    /// The database, without the tool's own.
    pub live: Snapshot,
}

impl Recorded {
    /// Reads it.
    ///
    /// # Errors
    /// When it cannot be read, and when there is no ledger.
    pub fn read(
        access: &Access,
        database: &str,
        ledger: &Ledger,
        interrupt: &Interrupt,
    ) -> Result<Self, SourceError> {
        let mut session = access.connect(database)?;
        let _guard = cancel_on_interrupt(interrupt, &session);
        let recorded = Self::of_session(&mut session, database, ledger);
        interrupt.check().map_err(SourceError::Interrupted)?;
        recorded
    }

    /// Reads it in that session, in a transaction of its own.
    ///
    /// # Errors
    /// As [`Recorded::read`].
    pub fn of_session(session: &mut Session, database: &str, ledger: &Ledger) -> Result<Self, SourceError> {
        // Nobody asks for what the sequences would give.
        let Observed { facts, ledgers, .. } = observe(session, ledger, Some(&[]))?;
        if ledgers.is_empty() {
            return Err(SourceError::NoLedger);
        }
        let schemas = ledgers.keys().cloned().collect();
        let entries = ledgers
            .into_iter()
            .flat_map(|(schema, of)| of.entries.into_iter().map(move |entry| (schema.clone(), entry)));
        Ok(Self { database: database.to_owned(), schemas, entries: entries.collect(), live: facts })
    }

    /// What ledgers speak of.
    pub fn covered(&self) -> Covered {
        Covered { schemas: Some(self.schemas.clone()), ..Covered::INSIDE }
    }
}

/// A database that is built anew from its ledgers.
pub struct Rebuilding<'a> {
    place: Place<'a>,
    recorded: &'a Recorded,
    /// The entries of schemas that are gone, as home ledgers kept them.
    copies: Vec<(String, Entry)>,
    steps: Vec<Step>,
    /// What belongs to no schema and could not be done again.
    missed: Vec<NotRedone>,
}

/// Looks at what there is after a step; told the number of the entry that the next step begins with.
pub type AfterStep<'a> = dyn FnMut(&mut ScratchDatabase, i64) -> Result<(), SourceError> + 'a;

impl<'a> Rebuilding<'a> {
    /// Makes ready what is to be done again.
    ///
    /// # Errors
    /// When an entry cannot be understood.
    pub fn of(place: Place<'a>, recorded: &'a Recorded) -> Result<Self, SourceError> {
        let copies = copies(place, &recorded.entries)?;
        let steps = steps(&recorded.entries, &copies)?;
        Ok(Self { place, recorded, copies, steps, missed: Vec::new() })
    }

    /// How many entries are done again.
    pub fn count(&self) -> usize {
        let of = |step: &Step| match step {
            Step::Bases(bases) => bases.len(),
            Step::Change(_) => 1,
        };
        self.steps.iter().map(of).sum()
    }

    /// All entries, by their numbers, each with the name that its schema had first.
    pub fn entries(&self) -> Vec<(&str, &Entry)> {
        replay::in_order(&self.recorded.entries, &self.copies)
    }

    /// What is not done again, though it was done once: statements that have no known end, whose ledger is gone, or that
    /// are about what all databases share; and, after a run, what of that which belongs to no schema failed.
    pub fn not_redone(&self) -> Vec<NotRedone> {
        let mut all = replay::not_redone(&self.recorded.entries, &self.copies);
        for step in &self.steps {
            let Step::Change(work) = step else { continue };
            let statements = split(&work.content).unwrap_or_default();
            let left = statements
                .iter()
                .filter(|statement| choice(statement.text, &self.recorded.database) == Choice::Leave);
            all.extend(left.map(|statement| NotRedone {
                schema: work.schema.clone(),
                entry: work.entry,
                why: format!(
                    "line {}: {}: it is not about what is in this database",
                    statement.line,
                    label(statement.text)
                ),
            }));
        }
        all.extend(self.missed.iter().cloned());
        all.sort();
        all
    }

    /// Does it all, and hands out what comes of it.
    ///
    /// # Errors
    /// [`SourceError::Replay`] names the entry that does not work; nothing is left.
    pub fn run(&mut self) -> Result<ScratchDatabase, SourceError> {
        match self.try_steps(&mut |_, _| Ok(())) {
            // A schema that came under control later may have been there all the time.
            Err(error @ SourceError::Replay { .. }) => {
                let in_turn = std::mem::take(&mut self.steps);
                self.steps = together(&in_turn);
                if self.steps == in_turn {
                    return Err(error);
                }
                let made = self.try_steps(&mut |_, _| Ok(())).map_err(|other| {
                    self.steps = in_turn;
                    if matches!(other, SourceError::Replay { .. }) { error } else { other }
                });
                self.take_missed(made?)
            }
            made => self.take_missed(made?),
        }
    }

    fn take_missed(
        &mut self,
        (made, missed): (ScratchDatabase, Vec<NotRedone>),
    ) -> Result<ScratchDatabase, SourceError> {
        self.missed = missed;
        Ok(made)
    }

    /// The same in the order that [`Rebuilding::run`] found to work, with a look after each step.
    ///
    /// # Errors
    /// The same, and those of the looks.
    pub fn watch(&self, after: &mut AfterStep<'_>) -> Result<ScratchDatabase, SourceError> {
        self.try_steps(after).map(|(made, _)| made)
    }

    fn try_steps(&self, after: &mut AfterStep<'_>) -> Result<(ScratchDatabase, Vec<NotRedone>), SourceError> {
        let mut missed = Vec::new();
        let Recorded { database, schemas, live, .. } = self.recorded;
        let mut scratch = self.place.scratch.database()?;
        let mut around = Some(surroundings(database, live, schemas, &self.steps)?);
        for (index, step) in self.steps.iter().enumerate() {
            self.place.interrupt.check().map_err(SourceError::Interrupted)?;
            match step {
                Step::Bases(bases) => load_bases(&mut scratch, bases, around.take().as_ref())?,
                Step::Change(work) => missed.extend(redo(&mut scratch, work, database)?),
            }
            after(&mut scratch, self.steps.get(index + 1).map_or(i64::MAX, Step::number))?;
        }
        Ok((scratch, missed))
    }
}

/// The entries of schemas that are gone, as home ledgers kept them. They are kept as INSERTs, which are run to be read.
fn copies(place: Place<'_>, entries: &[(String, Entry)]) -> Result<Vec<(String, Entry)>, SourceError> {
    let mut kept: Vec<Entry> =
        entries.iter().map(|(_, entry)| entry).filter(|entry| copy_of(entry).is_some()).cloned().collect();
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    kept.sort_by_key(|entry| entry.number);
    let mut scratch = place.scratch.database()?;
    let mut found = Vec::new();
    // A home ledger that is gone may itself have kept others.
    while !kept.is_empty() {
        let mut next = Vec::new();
        for entry in kept {
            let Some(schema) = copy_of(&entry) else { continue };
            let read = read_copy(&mut scratch, place.ledger, &schema, &entry.content);
            let read = read.map_err(ObserveError::from)?;
            next.extend(read.iter().filter(|entry| copy_of(entry).is_some()).cloned());
            found.extend(read.into_iter().map(|entry| (schema.clone(), entry)));
        }
        kept = next;
    }
    Ok(found)
}

fn read_copy(
    scratch: &mut ScratchDatabase,
    ledger: &Ledger,
    schema: &str,
    content: &str,
) -> Result<Vec<Entry>, LedgerError> {
    let session = scratch.session();
    let name = quote_ident(schema);
    session.run(&format!("BEGIN; CREATE SCHEMA IF NOT EXISTS {name}"))?;
    ledger.setup(session, &[schema], &Origin::default())?;
    session.run(content)?;
    let mut entries = Vec::new();
    ledger.read(session, &[(schema, State::Ours)], &mut |_, entry| entries.push(entry))?;
    session.run("ROLLBACK")?;
    Ok(entries)
}

/// The same steps, with all bases at once at the beginning.
fn together(steps: &[Step]) -> Vec<Step> {
    let mut bases = Vec::new();
    let mut changes = Vec::new();
    for step in steps {
        match step {
            Step::Bases(some) => bases.extend(some.iter().cloned()),
            Step::Change(_) => changes.push(step.clone()),
        }
    }
    std::iter::once(Step::Bases(bases)).chain(changes).collect()
}

fn replayed(work: &Work, error: ScratchError) -> SourceError {
    if let ScratchError::Interrupted(interrupted) = error {
        return SourceError::Interrupted(interrupted);
    }
    SourceError::Replay { schema: work.schema.clone(), entry: work.entry, error: Box::new(error) }
}

/// What the live database has outside of the schemas under control, but for what a change makes, and for what would act on
/// what is done.
fn surroundings(
    database: &str,
    live: &Snapshot,
    managed: &[String],
    steps: &[Step],
) -> Result<Sql, SourceError> {
    let mut made: BTreeSet<String> = BTreeSet::new();
    for step in steps {
        let Step::Change(work) = step else { continue };
        for statement in split(&work.content).unwrap_or_default() {
            made.extend(adapt::extension(statement.text));
            made.extend(adapt::names_after(statement.text, "SCHEMA"));
            made.extend(adapt::names_after(statement.text, "EXISTS"));
        }
    }
    let is_around = |step: &&plan::Step| {
        let schema = step.id.schema();
        let is_managed = schema.is_some_and(|schema| managed.iter().any(|name| name == schema));
        let is_made =
            made.contains(step.id.object().name()) || schema.is_some_and(|name| made.contains(name));
        !is_managed && !is_made && !step.place.is_late()
    };
    let around: Vec<plan::Step> = plan::from_empty(live)?.iter().filter(is_around).cloned().collect();
    Ok(Sql::of_steps("what is around the ledgers", database, &around))
}

/// The name by which errors call the text of an entry.
fn name(work: &Work) -> String {
    format!("entry {} of schema {}", work.entry, work.schema)
}

fn load_bases(
    scratch: &mut ScratchDatabase,
    bases: &[Work],
    around: Option<&Sql>,
) -> Result<(), SourceError> {
    let sql = Sql::of_texts(bases.iter().map(|work| (name(work), work.content.clone())))?;
    scratch.load_amid(&sql, around, &|_| {}).map_err(|error| {
        let path = error.place().map(|place| place.path.clone());
        match bases.iter().find(|work| path.as_ref() == Some(&name(work))) {
            Some(work) => replayed(work, error),
            None => SourceError::Scratch(error),
        }
    })
}

/// What all databases share is not this database's, and left out. What belongs to no schema is not compared, and may be there,
/// or be gone, as the live database has it.
fn choice(text: &str, database: &str) -> Choice {
    match () {
        () if is_shared(text) || tree::renamed(text, database, database).is_some() => Choice::Leave,
        () if is_schemaless(text) => Choice::Try,
        () => Choice::Run,
    }
}

/// Does a change again as submit did it. What belongs to no schema and could not be done again is handed out.
///
/// # Errors
/// [`SourceError::Replay`] where it does not work.
pub(crate) fn redo(
    scratch: &mut ScratchDatabase,
    work: &Work,
    database: &str,
) -> Result<Vec<NotRedone>, SourceError> {
    let missed = try_redo(scratch, work, database).map_err(|error| replayed(work, error))?;
    let not_redone = |Missed { line, sql, error }: Missed| NotRedone {
        schema: work.schema.clone(),
        entry: work.entry,
        why: format!("line {line}: {}: {}", label(&sql), error.message()),
    };
    Ok(missed.into_iter().map(not_redone).collect())
}

fn try_redo(scratch: &mut ScratchDatabase, work: &Work, database: &str) -> Result<Vec<Missed>, ScratchError> {
    let public = if work.schema == "public" { "" } else { "public, " };
    let path =
        format!("SET search_path = {}, {public}pg_temp; SET row_security = on", quote_ident(&work.schema));
    if let Some(role) = &work.role {
        scratch.act_as(role)?;
    }
    let doing = |error| ScratchError::Db { doing: "cannot prepare for an entry", error };
    scratch.session().run(&path).map_err(doing)?;
    let is_whole = Script::read(&work.content).is_ok_and(|script| script.is_transactional());
    if is_whole {
        scratch.session().run("BEGIN").map_err(doing)?;
    }
    let missed = scratch.run_some(&name(work), &work.content, |text| choice(text, database))?;
    if is_whole {
        scratch.session().run("SET CONSTRAINTS ALL IMMEDIATE; COMMIT").map_err(doing)?;
    }
    scratch.clean()?;
    Ok(missed)
}
