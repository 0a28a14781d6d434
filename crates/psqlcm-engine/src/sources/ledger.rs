//! A database as its ledgers recorded it last: the bases, and then the changes by their numbers, done again on scratch.
//!
//! Ledgers hold SQL of schemas under control alone. What else the entries may need, such as extensions, is taken from the
//! live database as far as no change makes it, and is no part of what is compared.

use std::collections::BTreeSet;

use psqlcm_core::change::Script;
use psqlcm_core::ledger::replay::{Step, Work, copy_of, steps};
use psqlcm_core::ledger::{Entry, Origin};
use psqlcm_core::name::quote_ident;
use psqlcm_core::narrow::Covered;
use psqlcm_core::plan;
use psqlcm_core::script::{is_shared, split};
use psqlcm_core::snapshot::Snapshot;
use psqlcm_core::tree::{self, adapt};

use super::{Read, Sides, SourceError};
use crate::access::Access;
use crate::ledger::{Ledger, LedgerError, State};
use crate::observe::ObserveError;
use crate::restore::cancel_on_interrupt;
use crate::scratch::{ScratchDatabase, ScratchError, Sql};

/// What a ledger tells of its database.
struct Recorded {
    schemas: Vec<String>,
    entries: Vec<(String, Entry)>,
    live: Snapshot,
}

/// Does all again that the ledgers of a database say, and reads what comes of it.
pub(super) fn replay(sides: &Sides<'_>, access: &Access, database: &str) -> Result<Read, SourceError> {
    let ledger = sides.request.ledger;
    let recorded = read(sides, access, database)?;
    let copies = copies(sides, ledger, &recorded.entries)?;
    let steps = steps(&recorded.entries, &copies)?;
    let made = match run(sides, database, &recorded.live, &recorded.schemas, &steps) {
        // A schema that came under control later may have been there all the time.
        Err(error @ SourceError::Replay { .. }) => {
            let together = together(&steps);
            if together == steps {
                return Err(error);
            }
            run(sides, database, &recorded.live, &recorded.schemas, &together).map_err(|_| error)
        }
        made => made,
    };
    let snapshot = sides.capture(&mut made?)?;
    Ok(Read::new(snapshot, Covered { schemas: Some(recorded.schemas), ..Covered::INSIDE }))
}

fn read(sides: &Sides<'_>, access: &Access, database: &str) -> Result<Recorded, SourceError> {
    let ledger = sides.request.ledger;
    let mut session = access.connect(database)?;
    let _guard = cancel_on_interrupt(sides.interrupt, &session);
    let live = super::facts(&mut session, ledger)?;
    let managed = ledger.managed(&mut session).map_err(ObserveError::from)?;
    if managed.is_empty() {
        return Err(SourceError::NoLedger);
    }
    let ledgers: Vec<(&str, State)> =
        managed.iter().map(|(schema, state)| (schema.as_str(), state.clone())).collect();
    let mut entries = Vec::new();
    let mut take = |schema: &str, entry| entries.push((schema.to_owned(), entry));
    ledger.read(&mut session, &ledgers, &mut take).map_err(ObserveError::from)?;
    Ok(Recorded { schemas: managed.into_iter().map(|(schema, _)| schema).collect(), entries, live })
}

/// The entries of schemas that are gone, as home ledgers kept them. They are kept as INSERTs, which are run to be read.
fn copies(
    sides: &Sides<'_>,
    ledger: &Ledger,
    entries: &[(String, Entry)],
) -> Result<Vec<(String, Entry)>, SourceError> {
    let mut kept: Vec<Entry> =
        entries.iter().map(|(_, entry)| entry).filter(|entry| copy_of(entry).is_some()).cloned().collect();
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    kept.sort_by_key(|entry| entry.number);
    let mut scratch = sides.scratch_database()?;
    let mut found = Vec::new();
    // A home ledger that is gone may itself have kept others.
    while !kept.is_empty() {
        let mut next = Vec::new();
        for entry in kept {
            let Some(schema) = copy_of(&entry) else { continue };
            let read = read_copy(&mut scratch, ledger, &schema, &entry.content);
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

fn run(
    sides: &Sides<'_>,
    database: &str,
    live: &Snapshot,
    managed: &[String],
    steps: &[Step],
) -> Result<ScratchDatabase, SourceError> {
    let mut scratch = sides.scratch_database()?;
    let mut around = Some(surroundings(database, live, managed, steps)?);
    for step in steps {
        match step {
            Step::Bases(bases) => load_bases(&mut scratch, bases, around.take().as_ref())?,
            Step::Change(work) => {
                redo(&mut scratch, work, database).map_err(|error| replayed(work, error))?;
            }
        }
    }
    Ok(scratch)
}

fn replayed(work: &Work, error: ScratchError) -> SourceError {
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

/// Does a change again as submit did it. What all databases share is not this database's, and left out.
fn redo(scratch: &mut ScratchDatabase, work: &Work, database: &str) -> Result<(), ScratchError> {
    let is_redone = |text: &str| !is_shared(text) && tree::renamed(text, database, database).is_none();
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
    scratch.run_some(&name(work), &work.content, is_redone)?;
    if is_whole {
        scratch.session().run("SET CONSTRAINTS ALL IMMEDIATE; COMMIT").map_err(doing)?;
    }
    scratch.clean()
}
