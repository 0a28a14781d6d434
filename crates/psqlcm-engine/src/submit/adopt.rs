//! Drift, recorded: what was done past the tool since the last entries becomes an entry, with the SQL that leads there.
//!
//! Nothing of it is run in the database. What the ledgers say is built on scratch, compared with the database as the
//! transaction that writes the entry sees it, and the SQL must lead there on scratch. What belongs to no schema is recorded by
//! its fingerprint alone, as ledgers do not say what it was.

use std::collections::BTreeMap;
use std::time::Instant;

use psqlcm_core::delta::{Delta, FactDelta};
use psqlcm_core::fingerprint::{Fingerprints, Judged};
use psqlcm_core::ledger::drift::{losses, texts};
use psqlcm_core::ledger::replay::{Work as Redo, has_gap};
use psqlcm_core::ledger::{EntryKind, NewEntry, digest};
use psqlcm_core::narrow::Scope;
use psqlcm_core::plan::script::transactions;
use psqlcm_core::plan::{Action, between};
use psqlcm_core::snapshot::Snapshot;
use psqlcm_core::targets::SchemaRequest;
use serde_json::{Map, Value};

use super::attempt::with_retries;
use super::effects::{Before, count, evidence};
use super::error::SubmitError;
use super::work::{CAPTURE_TRIES, Start, Work};
use super::{Applied, Event, Failed, Outcome, PlaceApplied, PlacePart, Request, Tell, estimate, together};
use crate::capture::CaptureError;
use crate::ledger::{State, database_evidence, home_entry, schema_evidence};
use crate::scratch::{Scratch, ScratchDatabase};
use crate::session::shown_version;
use crate::sources::{LazyScratch, Place, Rebuilding, Recorded, SourceError, redo};
use crate::status::{self, DatabaseStatus, StatusError};

/// What the entries call the change.
const SOURCE: &str = "--adopt";

/// How drift is recorded.
#[derive(Clone, Copy)]
pub struct Adoption<'a> {
    /// Where what the ledgers say is built.
    pub scratch: &'a LazyScratch<'a>,
    /// Whether what belongs to no schema is looked at too.
    pub is_whole: bool,
}

/// Records what drifted in the targets; a database where nothing did has no part in the outcome. The changes of the request
/// are none.
pub fn adopt(request: &Request<'_>, adoption: Adoption<'_>, tell: &Tell<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(error) = run(request, adoption, tell, &mut outcome) {
        outcome.failures.push(Failed { targets: Vec::new(), error });
    }
    outcome
}

fn run(
    request: &Request<'_>,
    adoption: Adoption<'_>,
    tell: &Tell<'_>,
    outcome: &mut Outcome,
) -> Result<(), SubmitError> {
    estimate::connections(request)?;
    let mut works = together::open(request, tell)?;
    let mut bases = Vec::new();
    for mut work in std::mem::take(&mut works) {
        work.check_targets()?;
        if let Some(base) = Base::of(&mut work, adoption, tell)? {
            works.push(work);
            bases.push(base);
        }
    }
    let Some(scratch) = adoption.scratch.opened().filter(|_| !works.is_empty()) else { return Ok(()) };
    let place = Place { scratch: &scratch, ledger: request.ledger, interrupt: request.interrupt };
    let staged = with_retries(request, &mut works, tell, &mut |works| {
        let each = works.iter_mut().zip(&mut bases);
        each.map(|(work, base)| Drifted { adoption, place, base }.stage(work, tell)).collect()
    });
    match staged {
        Ok(applied) => outcome.done.extend(applied),
        Err(unfinished) if unfinished.committed.is_empty() => return Err(*unfinished.error),
        Err(unfinished) => together::tell_apart(&works, unfinished, outcome),
    }
    outcome.done.retain(|applied| !applied.places.is_empty());
    Ok(())
}

/// A database as its ledgers say that it was.
struct Base {
    recorded: Recorded,
    facts: Snapshot,
    /// Where that was built, until something else is done there.
    built: Option<ScratchDatabase>,
}

impl Base {
    /// Builds it, unless the fingerprints tell that nothing drifted.
    fn of(work: &mut Work<'_>, adoption: Adoption<'_>, tell: &Tell<'_>) -> Result<Option<Self>, SubmitError> {
        let (request, database) = (work.request, work.database());
        let recorded = Recorded::of_session(&mut work.session, database, request.ledger);
        let recorded = recorded.map_err(|error| source_error(work, error))?;
        let standing = standing(work, &recorded.live, adoption)?;
        if !has_drifted(&standing) && !has_gap(&recorded.entries) {
            return Ok(None);
        }
        must_be_ended(work, &standing)?;
        must_be_read(work, &recorded.live)?;
        let scratch = open_scratch(work, adoption)?;
        let text = "building what the ledgers say on scratch".to_owned();
        tell(Event::Detail { database: work.database(), text });
        let place = Place { scratch: &scratch, ledger: request.ledger, interrupt: request.interrupt };
        let mut built = build(work, place, &recorded, tell)?;
        let facts = place.capture(&mut built).map_err(|error| source_error(work, error))?;
        Ok(Some(Self { recorded, facts, built: Some(built) }))
    }
}

fn open_scratch(work: &mut Work<'_>, adoption: Adoption<'_>) -> Result<Scratch, SubmitError> {
    let scratch = adoption.scratch.like(&mut work.session);
    let scratch = scratch.map_err(|error| source_error(work, error))?;
    let (of_scratch, live) = (scratch.server_version(), work.session.server_version());
    match of_scratch / 10_000 == live / 10_000 {
        true => Ok(scratch),
        false => {
            Err(SubmitError::OtherVersion { database: work.database().to_owned(), scratch: of_scratch, live })
        }
    }
}

fn build(
    work: &Work<'_>,
    place: Place<'_>,
    recorded: &Recorded,
    tell: &Tell<'_>,
) -> Result<ScratchDatabase, SubmitError> {
    let built = Rebuilding::of(place, recorded).and_then(|mut rebuilding| {
        let built = rebuilding.run()?;
        for not_redone in rebuilding.not_redone() {
            tell(Event::Detail { database: work.database(), text: format!("not done again: {not_redone}") });
        }
        Ok(built)
    });
    built.map_err(|error| source_error(work, error))
}

fn standing(
    work: &mut Work<'_>,
    facts: &Snapshot,
    adoption: Adoption<'_>,
) -> Result<DatabaseStatus, SubmitError> {
    let (ledger, ignore) = (work.ledger(), &work.request.options.ignore);
    let schemas = work.schemas();
    let standing = status::standing(&mut work.session, ledger, facts, &schemas, adoption.is_whole, ignore);
    standing.map_err(|error| match error {
        StatusError::Capture(source) => work.capture_error()(source),
        StatusError::Ledger(source) => work.ledger_error()(source),
        StatusError::Db(source) => work.db_error("read the ledgers")(source),
    })
}

/// Whether fingerprints are not those that were recorded, or nobody can tell.
fn has_drifted(standing: &DatabaseStatus) -> bool {
    standing.schemas.iter().any(|schema| !schema.drift.is_none())
        || standing.of_no_schema.as_ref().is_some_and(|of| !of.drift.is_none())
}

/// What a change may have done that nobody knows the end of is that change's, and not drift.
fn must_be_ended(work: &Work<'_>, standing: &DatabaseStatus) -> Result<(), SubmitError> {
    let mut all =
        standing.schemas.iter().flat_map(|of| of.pending.iter().map(|pending| (&of.schema, pending)));
    match all.find(|(_, pending)| pending.is_open) {
        None => Ok(()),
        Some((schema, pending)) => Err(SubmitError::Unfinished {
            database: work.database().to_owned(),
            schema: schema.clone(),
            source_name: pending.source.clone(),
        }),
    }
}

/// What could not be read would be recorded as gone.
fn must_be_read(work: &Work<'_>, facts: &Snapshot) -> Result<(), SubmitError> {
    let what = status::not_read(facts, &work.request.options.ignore);
    if what.is_empty() {
        return Ok(());
    }
    Err(SubmitError::NotRead { database: work.database().to_owned(), what })
}

fn source_error(work: &Work<'_>, error: SourceError) -> SubmitError {
    match error.interrupted() {
        Some(_) => SubmitError::Interrupted,
        None => SubmitError::Rebuild { database: work.database().to_owned(), source: Box::new(error) },
    }
}

/// What drifted in one database.
struct Drifted<'a> {
    adoption: Adoption<'a>,
    place: Place<'a>,
    base: &'a mut Base,
}

/// What there is to record.
struct Found {
    /// By schema; under `None` what belongs to none, of which only the fingerprint is known.
    places: BTreeMap<Option<String>, Vec<FactDelta>>,
    actions: Vec<Action>,
    /// The contents of the entries.
    texts: Vec<String>,
    /// What the database is, as scratch sees it.
    to: Snapshot,
}

impl Drifted<'_> {
    /// Looks at the database and writes the entries; the transaction stays open.
    fn stage(&mut self, work: &mut Work<'_>, tell: &Tell<'_>) -> Result<Applied, SubmitError> {
        let started = Instant::now();
        for _ in 0..CAPTURE_TRIES {
            work.request.check_interrupt()?;
            let start = work.begin()?;
            let state = work.catalog_state()?;
            let before = work.look()?;
            must_be_read(work, &before.facts)?;
            let Some(found) = self.find(work, &before)? else { return Ok(applied(work, Vec::new())) };
            let main = self.main_ledger(work, &before, &found)?;
            self.prove(work, &main.schema, &before, &found, tell)?;
            // What came meanwhile must not be torn: what is recorded was there all at once.
            if work.catalog_state()? != state && !is_same(&before, &work.look()?) {
                let text = "somebody changed the database meanwhile; looking again".to_owned();
                tell(Event::Detail { database: work.database(), text });
                work.run("roll back", "ROLLBACK TO SAVEPOINT psql_cm")?;
                continue;
            }
            let sheet = Sheet { base: self.base, before: &before, found: &found, main: &main };
            let places = sheet.write(work, &start, started)?;
            return Ok(applied(work, places));
        }
        Err(work.capture_error()(CaptureError::Changing { tries: CAPTURE_TRIES }))
    }

    fn scope(&self, work: &Work<'_>) -> Scope {
        Scope {
            schemas: SchemaRequest { named: work.schemas().to_vec(), excluded: Vec::new() },
            ignore: work.request.options.ignore.clone(),
            owners: true,
            privileges: true,
        }
    }

    fn narrow(&self, work: &Work<'_>, snapshot: Snapshot) -> Snapshot {
        self.scope(work).narrow(snapshot, &[&self.base.recorded.covered()])
    }

    fn find(&self, work: &mut Work<'_>, before: &Before) -> Result<Option<Found>, SubmitError> {
        let seen = self.place.as_seen(&before.facts, work.database());
        let seen = seen.map_err(|error| source_error(work, error))?;
        let (from, to) = (self.narrow(work, self.base.facts.clone()), self.narrow(work, seen));
        let mut places: BTreeMap<Option<String>, Vec<FactDelta>> = BTreeMap::new();
        for fact in Delta::between(&from, &to).facts {
            places.entry(fact.id.schema().map(str::to_owned)).or_default().push(fact);
        }
        let standing = standing(work, &before.facts, self.adoption)?;
        for schema in standing.schemas.iter().filter(|schema| !schema.drift.is_none()) {
            places.entry(Some(schema.schema.clone())).or_default();
        }
        if standing.of_no_schema.is_some_and(|of| !of.drift.is_none()) {
            places.entry(None).or_default();
        }
        if places.is_empty() {
            return Ok(None);
        }
        let actions = between(&from, &to).map_err(|error| source_error(work, error.into()))?;
        let texts = texts(&actions, &transactions(&actions, &to), work.database());
        Ok(Some(Found { places, actions, texts, to }))
    }

    /// The ledger that gets the SQL: the home where something belongs to no schema, else that of the first schema.
    fn main_ledger(
        &self,
        work: &mut Work<'_>,
        before: &Before,
        found: &Found,
    ) -> Result<MainLedger, SubmitError> {
        let first = found.places.keys().flatten().next();
        if let (Some(schema), false) = (first, found.places.contains_key(&None)) {
            return Ok(MainLedger { schema: schema.clone(), is_chosen_now: false });
        }
        let chains = before.managed.iter().filter(|(_, state)| **state != State::Original);
        let chains: Vec<&str> = chains.map(|(schema, _)| schema.as_str()).collect();
        let home = work.ledger().home(&mut work.session, &chains).map_err(work.ledger_error())?;
        let home = home.ok_or_else(|| source_error(work, SourceError::NoLedger))?;
        Ok(MainLedger { schema: home.schema, is_chosen_now: home.must_record })
    }

    /// The SQL must lead on scratch from what the ledgers say to what the database is.
    fn prove(
        &mut self,
        work: &Work<'_>,
        schema: &str,
        before: &Before,
        found: &Found,
        tell: &Tell<'_>,
    ) -> Result<(), SubmitError> {
        if found.actions.is_empty() {
            return Ok(());
        }
        let mut built = match self.base.built.take() {
            Some(built) => built,
            None => build(work, self.place, &self.base.recorded, tell)?,
        };
        let next = before.heads.get(schema).and_then(|head| head.last.as_ref()).map_or(1, |(id, _)| id + 1);
        for (entry, content) in (next..).zip(&found.texts) {
            let role = Some(work.origin.acting_role.clone());
            let again =
                Redo { schema: schema.to_owned(), entry, number: entry, content: content.clone(), role };
            let done = redo(&mut built, &again, work.database());
            done.map_err(|error| match error.interrupted() {
                Some(_) => SubmitError::Interrupted,
                None => SubmitError::DriftFails {
                    database: work.database().to_owned(),
                    is_whole: self.adoption.is_whole,
                    source: Box::new(error),
                },
            })?;
        }
        let reached = self.place.capture(&mut built).map_err(|error| source_error(work, error))?;
        let left = Delta::between(&self.narrow(work, reached), &found.to).facts;
        if left.is_empty() {
            return Ok(());
        }
        Err(SubmitError::DriftLeft { database: work.database().to_owned(), facts: left })
    }
}

/// Whether two looks saw the same.
fn is_same(one: &Before, other: &Before) -> bool {
    Fingerprints::of(&one.facts).database == Fingerprints::of(&other.facts).database
}

fn applied(work: &Work<'_>, places: Vec<PlaceApplied>) -> Applied {
    Applied {
        change: 0,
        database: work.database().to_owned(),
        part: None,
        places,
        locks: Vec::new(),
        not_rehearsed: Vec::new(),
    }
}

/// The ledger whose entries hold the SQL.
struct MainLedger {
    schema: String,
    /// Whether that it is the home must be recorded first.
    is_chosen_now: bool,
}

/// All that is needed to write the entries.
struct Sheet<'s> {
    base: &'s Base,
    before: &'s Before,
    found: &'s Found,
    main: &'s MainLedger,
}

impl Sheet<'_> {
    /// The entries with the SQL, then one for each other schema, linked to the last of them.
    fn write(
        &self,
        work: &mut Work<'_>,
        start: &Start,
        started: Instant,
    ) -> Result<Vec<PlaceApplied>, SubmitError> {
        let ignore = &work.request.options.ignore;
        let (then, now) = (Judged::of(&self.base.facts, ignore), Judged::of(&self.before.facts, ignore));
        let mut places: Vec<PlaceApplied> = self.found.places.iter().map(|place| self.place(place)).collect();
        let main = &self.main.schema;
        let of_main = places.iter().position(|place| place.schema.as_ref() == Some(main)).unwrap_or(0);
        let mut entries = Vec::new();
        if self.main.is_chosen_now {
            entries.push((of_main, main.clone(), home_entry(&work.origin)));
        }
        let mut duration = i64::try_from(started.elapsed().as_micros()).ok();
        let parts = self.found.texts.len();
        let mut last = None;
        for (index, text) in self.found.texts.iter().enumerate() {
            let mut entry = NewEntry::new(EntryKind::Drift, text.clone(), work.origin.clone());
            entry.change_id = Some(self.change_digest()[..12].to_owned());
            entry.started_at = Some(start.at.clone());
            let mut proof = self.proof(work, index, parts);
            if index + 1 == parts {
                entry.duration_us = duration.take();
                self.put_prints(&mut entry, &mut proof, main, (&then, &now));
                if self.found.places.contains_key(&None) {
                    proof.extend(database_evidence(&now));
                }
            }
            entry.evidence = Some(evidence(&proof));
            last = Some(entry.clone());
            entries.push((of_main, main.clone(), entry));
        }
        for (at, place) in places.iter().enumerate() {
            let Some(schema) = place.schema.as_ref().filter(|schema| *schema != main) else { continue };
            let Some(mut entry) = last.as_ref().map(|last| last.linked(main)) else { continue };
            let mut proof = Map::new();
            proof.insert("linked_to".to_owned(), main.as_str().into());
            proof.insert("digest".to_owned(), self.digest_of_last().into());
            proof.insert("facts".to_owned(), count(&place.facts));
            self.put_prints(&mut entry, &mut proof, schema, (&then, &now));
            entry.evidence = Some(evidence(&proof));
            entries.push((at, schema.clone(), entry));
        }
        let owners: Vec<usize> = entries.iter().map(|(place, ..)| *place).collect();
        let entries = entries.into_iter().map(|(_, schema, entry)| (schema, entry)).collect();
        let mut heads = self.before.heads.clone();
        let written = work.ledger().append(&mut work.session, &mut heads, entries);
        for (place, entry) in owners.into_iter().zip(written.map_err(work.ledger_error())?) {
            places[place].entries.push(entry);
        }
        Ok(places)
    }

    fn place(&self, (schema, facts): (&Option<String>, &Vec<FactDelta>)) -> PlaceApplied {
        let part = match schema {
            Some(schema) if *schema == self.main.schema => PlacePart::Target,
            _ => PlacePart::Linked,
        };
        PlaceApplied { schema: schema.clone(), part, facts: facts.clone(), entries: Vec::new() }
    }

    fn change_digest(&self) -> String {
        digest(self.found.texts.concat().as_bytes())
    }

    fn digest_of_last(&self) -> String {
        digest(self.found.texts.last().map_or("", String::as_str).as_bytes())
    }

    fn proof(&self, work: &Work<'_>, index: usize, parts: usize) -> Map<String, Value> {
        let mut proof = Map::new();
        proof.insert("source".to_owned(), SOURCE.into());
        let rebuilt_on = shown_version(self.base.facts.server_version);
        proof.insert("rebuilt_on".to_owned(), rebuilt_on.into());
        if let Some(reason) = &work.request.options.reason {
            proof.insert("reason".to_owned(), reason.as_str().into());
        }
        if parts > 1 {
            proof.insert("change_digest".to_owned(), self.change_digest().into());
            proof.insert("part".to_owned(), (index as u64 + 1).into());
            proof.insert("parts".to_owned(), (parts as u64).into());
        }
        let facts = self.found.places.get(&Some(self.main.schema.clone())).map_or(&[][..], Vec::as_slice);
        proof.insert("facts".to_owned(), count(facts));
        let losses = losses(&self.found.actions);
        if !losses.is_empty() {
            proof.insert("losses".to_owned(), losses.into());
        }
        proof
    }

    /// The fingerprints of a schema as the ledgers say that it was, and as it is.
    fn put_prints(
        &self,
        entry: &mut NewEntry,
        proof: &mut Map<String, Value>,
        schema: &str,
        (then, now): (&Judged, &Judged),
    ) {
        // Texts that two versions printed cannot be compared.
        let is_comparable = self.base.facts.server_version == self.before.facts.server_version;
        entry.fingerprint_before = then.whole.schemas.get(schema).filter(|_| is_comparable).cloned();
        entry.fingerprint_after = now.whole.schemas.get(schema).cloned();
        proof.extend(schema_evidence(now, schema));
    }
}
