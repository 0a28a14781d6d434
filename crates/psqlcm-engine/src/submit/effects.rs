//! What a change did, judged while its transaction is open: which schemas it altered, whether it may, and which
//! entries that makes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use psqlcm_core::delta::{Delta, FactDelta};
use psqlcm_core::fact::FactId;
use psqlcm_core::fingerprint::Judged;
use psqlcm_core::ledger::{Entry, EntryKind, Evidence, NewEntry, digest};
use psqlcm_core::report::Op;
use psqlcm_core::snapshot::Snapshot;
use serde_json::{Map, Value, json};

use super::error::{LedgerTouch, SubmitError};
use super::work::{Start, Work};
use super::{Event, Options, PlaceApplied, PlacePart, PreparedChange, Tell};
use crate::ledger::{Heads, State, database_evidence, home_entry, schema_evidence};

/// A database as it was before a change.
pub(super) struct Before {
    pub managed: BTreeMap<String, State>,
    pub heads: Heads,
    pub facts: Snapshot,
    pub own: Snapshot,
}

/// What to write, whatever the schema.
#[derive(Clone)]
pub(super) struct Writing<'c> {
    pub change: usize,
    pub change_id: String,
    pub kind: EntryKind,
    pub content: &'c str,
    /// The file it stands in.
    pub name: &'c str,
    pub evidence: Map<String, Value>,
    pub start: Start,
    pub duration: Duration,
    /// The lines of statements about what all databases share.
    pub shared: Vec<u32>,
    /// Whether what it did can still be refused.
    pub is_revocable: bool,
}

/// Why recording stopped.
pub(super) enum Stop {
    /// These ledgers are gone, and must be read before the change runs.
    Copies(Vec<String>),
    Error(SubmitError),
}

impl From<SubmitError> for Stop {
    fn from(error: SubmitError) -> Self {
        Self::Error(error)
    }
}

impl<'c> Writing<'c> {
    pub fn new(change: &PreparedChange<'c>, kind: EntryKind, content: &'c str) -> Self {
        Self {
            change: change.index,
            change_id: change.change.id(),
            kind,
            content,
            name: change.name(),
            evidence: Map::new(),
            start: Start::default(),
            duration: Duration::ZERO,
            shared: Vec::new(),
            is_revocable: true,
        }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.evidence.insert(name.to_owned(), value.into());
        self
    }
}

impl<'c> PreparedChange<'c> {
    pub fn name(&self) -> &'c str {
        &self.change.name
    }
}

/// The ledgers that are about to go away, as entries for the home ledger.
pub(super) fn copies(
    work: &mut Work<'_>,
    schemas: &[String],
) -> Result<Vec<(String, NewEntry)>, SubmitError> {
    let mut copies = Vec::new();
    let recorded = if schemas.is_empty() { None } else { work.recorded_database()? };
    for schema in schemas {
        let ledger = work.ledger();
        let mut copy =
            ledger.copy_of(&mut work.session, schema, &work.origin).map_err(work.ledger_error())?;
        let mut proof = Map::from_iter([("copy_of".to_owned(), schema.as_str().into())]);
        // What belongs to no schema stays recorded, and as it was recorded.
        if let Some(recorded) = recorded.as_ref().filter(|recorded| recorded.schema == *schema) {
            proof.insert("database_after".to_owned(), recorded.fingerprint.as_str().into());
            proof.insert("database_structure_after".to_owned(), recorded.structure.clone().into());
            let rules = recorded.ignored.as_deref().and_then(|rules| serde_json::from_str(rules).ok());
            proof.extend(rules.map(|rules: Value| ("database_ignored".to_owned(), rules)));
        }
        copy.evidence = Some(evidence(&proof));
        copies.push((schema.clone(), copy));
    }
    Ok(copies)
}

/// The entry before a statement that runs in no transaction.
pub(super) fn announcement(work: &Work<'_>, writing: &Writing<'_>) -> NewEntry {
    let mut entry = NewEntry::new(writing.kind.clone(), writing.content, work.origin.clone());
    entry.change_id = Some(writing.change_id.clone());
    let mut proof = writing.evidence.clone();
    proof.insert("source".to_owned(), writing.name.into());
    if let Some(reason) = &work.request.options.reason {
        proof.insert("reason".to_owned(), reason.as_str().into());
    }
    entry.evidence = Some(evidence(&proof));
    entry
}

/// The place of entries that tell of no change yet.
pub(super) fn place_of(entries: Vec<(String, Entry)>) -> PlaceApplied {
    let schema = entries.first().map(|(schema, _)| schema.clone());
    PlaceApplied { schema, part: PlacePart::Target, facts: Vec::new(), entries }
}

/// Looks at what there is now, refuses what may not be, and writes the entries.
pub(super) fn record(
    work: &mut Work<'_>,
    before: &Before,
    writing: &Writing<'_>,
    copies: &[(String, NewEntry)],
    tell: &Tell<'_>,
) -> Result<Vec<PlaceApplied>, Stop> {
    let after = work.look()?;
    let moves =
        Moves::find(before, &after).map_err(|(schema, touch)| touched(work, writing, &schema, touch))?;
    let missing: Vec<String> = moves
        .gone()
        .filter(|schema| copies.iter().all(|(copied, _)| copied != *schema))
        .filter(|schema| before.managed[*schema] != State::Original)
        .map(str::to_owned)
        .collect();
    if !missing.is_empty() {
        return Err(Stop::Copies(missing));
    }
    check_own_facts(work, before, &after, &moves, writing, tell)?;
    let mut changes = Changes::between(before, &after, &moves, &work.request.options);
    if writing.is_revocable {
        changes.must_be_ours(work, writing)?;
    }
    let outside = changes.outside();
    if !outside.is_empty() {
        if writing.is_revocable && !work.request.options.allow_outside {
            return Err(SubmitError::Outside {
                change: writing.change,
                database: work.database().to_owned(),
                facts: outside,
            }
            .into());
        }
        changes.has_outside = true;
    }
    if !changes.new_schemas.is_empty() {
        let new: Vec<&str> = changes.new_schemas.iter().map(String::as_str).collect();
        let set_up = work.ledger().setup(&mut work.session, &new, &work.origin);
        set_up.map_err(work.ledger_error())?;
    }
    let sheet = Sheet { after: &after, moves: &moves, changes: &changes, writing };
    let drawn = sheet.entries(work, copies)?;
    Ok(write(work, before, &after, &changes, drawn)?)
}

fn touched(work: &Work<'_>, writing: &Writing<'_>, schema: &str, touch: LedgerTouch) -> SubmitError {
    SubmitError::Ledgers { change: writing.change, target: work.target(schema), touch }
}

/// Appends the entries and hands each to its place.
fn write(
    work: &mut Work<'_>,
    before: &Before,
    after: &Before,
    changes: &Changes,
    drawn: Drawn,
) -> Result<Vec<PlaceApplied>, SubmitError> {
    let Drawn { mut places, entries, .. } = drawn;
    // Numbers go on after those of ledgers that are gone now.
    let mut heads = before.heads.clone();
    heads.extend(after.heads.clone());
    let new: Vec<&str> = changes.new_schemas.iter().map(String::as_str).collect();
    let new_heads = work.ledger().heads_of(&mut work.session, &new).map_err(work.ledger_error())?;
    heads.extend(new_heads);
    let owners: Vec<usize> = entries.iter().map(|(place, ..)| *place).collect();
    let entries = entries.into_iter().map(|(_, schema, entry)| (schema, entry)).collect();
    let written = work.ledger().append(&mut work.session, &mut heads, entries);
    let written = written.map_err(work.ledger_error())?;
    for (place, entry) in owners.into_iter().zip(written) {
        places[place].entries.push(entry);
    }
    Ok(places)
}

/// Which managed schemas a change renamed or dropped.
#[derive(Default)]
struct Moves {
    /// Old name to new.
    renamed: BTreeMap<String, String>,
    dropped: BTreeSet<String>,
}

impl Moves {
    /// A ledger that stands in another schema with the same end, the same rows and the same guard came there by
    /// renaming the schema. All other ledgers must be as they were.
    fn find(before: &Before, after: &Before) -> Result<Self, (String, LedgerTouch)> {
        let mut moves = Self::default();
        let schemas = after.facts.schemas();
        let mut come: Vec<&String> =
            after.managed.keys().filter(|schema| !before.managed.contains_key(*schema)).collect();
        for (schema, state) in &before.managed {
            if after.managed.contains_key(schema) {
                if before.heads.get(schema) != after.heads.get(schema) {
                    return Err((schema.clone(), LedgerTouch::Rows));
                }
                continue;
            }
            if schemas.contains(schema.as_str()) {
                return Err((schema.clone(), LedgerTouch::Dropped));
            }
            let same = |new: &&String| {
                after.managed[*new] == *state && before.heads.get(schema) == after.heads.get(new)
            };
            match come.iter().position(|new| same(new) && !before.facts.schemas().contains(new.as_str())) {
                Some(at) => {
                    moves.renamed.insert(schema.clone(), come.remove(at).clone());
                }
                None => {
                    moves.dropped.insert(schema.clone());
                }
            }
        }
        match come.first() {
            Some(schema) => Err(((*schema).clone(), LedgerTouch::Made)),
            None => Ok(moves),
        }
    }

    fn gone(&self) -> impl Iterator<Item = &str> {
        self.renamed.keys().chain(&self.dropped).map(String::as_str)
    }

    /// The name that a schema has now; `None` if it is gone.
    fn now<'s>(&'s self, schema: &'s str) -> Option<&'s str> {
        match self.renamed.get(schema) {
            Some(new) => Some(new),
            None => (!self.dropped.contains(schema)).then_some(schema),
        }
    }
}

/// A change may grant on a ledger, as GRANT ON ALL TABLES does; its definition it must leave alone.
fn check_own_facts(
    work: &Work<'_>,
    before: &Before,
    after: &Before,
    moves: &Moves,
    writing: &Writing<'_>,
    tell: &Tell<'_>,
) -> Result<(), SubmitError> {
    let delta = Delta::between(&before.own, &after.own);
    let is_moved = |id: &FactId| {
        let schema = id.schema().unwrap_or_default();
        moves.gone().any(|gone| gone == schema) || moves.renamed.values().any(|new| new == schema)
    };
    for fact in delta.facts.iter().filter(|fact| !is_moved(&fact.id)) {
        if !fact.id.kind().kind().satellite {
            let touch = LedgerTouch::Altered(fact.id.to_string());
            return Err(touched(work, writing, fact.id.schema().unwrap_or_default(), touch));
        }
        let text = format!("the change alters the ledger too: {} {}", fact.op().sign(), fact.id);
        tell(Event::Note { database: work.database(), text });
    }
    Ok(())
}

/// The differences by schema, `None` for what belongs to none.
struct Changes {
    by_schema: BTreeMap<Option<String>, Vec<FactDelta>>,
    /// Schemas that are new, and not an old one renamed.
    new_schemas: BTreeSet<String>,
    has_outside: bool,
    before: Judged,
    after: Judged,
    managed: BTreeSet<String>,
}

impl Changes {
    fn between(before: &Before, after: &Before, moves: &Moves, options: &Options) -> Self {
        let mut by_schema: BTreeMap<Option<String>, Vec<FactDelta>> = BTreeMap::new();
        for fact in Delta::between(&before.facts, &after.facts).facts {
            by_schema.entry(fact.id.schema().map(str::to_owned)).or_default().push(fact);
        }
        let old = before.facts.schemas();
        let new_schemas = after.facts.schemas().into_iter().filter(|schema| {
            !old.contains(schema)
                && moves.renamed.values().all(|new| new != schema)
                && !options.excluded.iter().any(|glob| glob.matches(schema))
        });
        let managed = before.managed.keys().chain(after.managed.keys()).cloned().collect();
        Self {
            by_schema,
            new_schemas: new_schemas.map(str::to_owned).collect(),
            has_outside: false,
            before: Judged::of(&before.facts, &options.ignore),
            after: Judged::of(&after.facts, &options.ignore),
            managed,
        }
    }

    fn is_outside(&self, schema: &str) -> bool {
        !self.managed.contains(schema) && !self.new_schemas.contains(schema)
    }

    /// What is altered in schemas that are not under control.
    fn outside(&self) -> Vec<FactDelta> {
        let outside = self
            .by_schema
            .iter()
            .filter(|(schema, _)| schema.as_deref().is_some_and(|schema| self.is_outside(schema)));
        outside.flat_map(|(_, facts)| facts.iter().cloned()).collect()
    }

    /// Between the two looks another session may have altered what then seems to be the change's doing. What is ignored
    /// is not the change's, and disturbs nobody.
    fn must_be_ours(&mut self, work: &mut Work<'_>, writing: &Writing<'_>) -> Result<(), SubmitError> {
        let others = work.written_by_others(&writing.start)?;
        let is_of_others = |id: &FactId| {
            let object = id.object();
            let key = (object.schema().unwrap_or_default().to_owned(), object.name().to_owned());
            others.contains(&key)
        };
        let is_ignored = |id: &FactId| {
            self.before.ignored.contains(id.object()) || self.after.ignored.contains(id.object())
        };
        for facts in self.by_schema.values_mut() {
            facts.retain(|fact| !(is_ignored(&fact.id) && is_of_others(&fact.id)));
        }
        self.by_schema.retain(|_, facts| !facts.is_empty());
        let facts = self.by_schema.values().flatten();
        let names: BTreeSet<String> =
            facts.filter(|fact| is_of_others(&fact.id)).map(|fact| fact.id.object().to_string()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let database = work.database().to_owned();
        Err(SubmitError::Meanwhile { database, names: names.into_iter().collect() })
    }

    fn facts(&self, schema: Option<&str>) -> Vec<FactDelta> {
        self.by_schema.get(&schema.map(str::to_owned)).cloned().unwrap_or_default()
    }
}

/// All that is needed to write entries.
struct Sheet<'s> {
    after: &'s Before,
    moves: &'s Moves,
    changes: &'s Changes,
    writing: &'s Writing<'s>,
}

/// What is written, as it comes together.
#[derive(Default)]
struct Drawn {
    places: Vec<PlaceApplied>,
    /// Each with the place it belongs to and the schema of its ledger.
    entries: Vec<(usize, String, NewEntry)>,
    /// The home ledger, where one is needed.
    home: String,
    /// The change's own entry, and the schema of its ledger: of several targets the last.
    main: Option<(String, NewEntry)>,
}

impl Drawn {
    fn put(&mut self, ledger: &str, entry: NewEntry) {
        self.entries.push((self.places.len(), ledger.to_owned(), entry));
    }
}

impl Sheet<'_> {
    /// The choice of the home comes first, then the ledgers that are gone, the change in its targets, what is linked
    /// to it, and the bases of new schemas.
    fn entries(&self, work: &mut Work<'_>, copies: &[(String, NewEntry)]) -> Result<Drawn, SubmitError> {
        let mut drawn = Drawn::default();
        if let Some((home, must_record)) = self.home(work)? {
            if must_record {
                drawn.put(&home, home_entry(&work.origin));
            }
            drawn.home = home;
        }
        for target in work.schemas().iter() {
            self.target(work, target, copies, &mut drawn);
        }
        for schema in self.changes.by_schema.keys() {
            self.other(work, schema.as_deref(), copies, &mut drawn);
        }
        order(&mut drawn.entries);
        Ok(drawn)
    }

    /// The change in one of its targets; where the target is gone, in the home ledger.
    fn target(&self, work: &Work<'_>, target: &str, copies: &[(String, NewEntry)], drawn: &mut Drawn) {
        let now = self.moves.now(target);
        self.copy(target, copies, drawn);
        let ledger = now.unwrap_or(&drawn.home).to_owned();
        let entry = self.main_entry(work, target, now, ledger == drawn.home);
        drawn.put(&ledger, entry.clone());
        drawn.main = Some((ledger, entry));
        let mut place =
            self.place(Some(target), if now.is_some() { PlacePart::Target } else { PlacePart::Gone });
        if let Some(new_name) = self.moves.renamed.get(target) {
            place.facts.extend(self.changes.facts(Some(new_name)));
        }
        drawn.places.push(place);
    }

    /// What the change did elsewhere.
    fn other(&self, work: &Work<'_>, schema: Option<&str>, copies: &[(String, NewEntry)], drawn: &mut Drawn) {
        let is_target = |schema: &str| {
            work.schemas().iter().any(|target| target == schema || self.moves.now(target) == Some(schema))
        };
        if schema.is_some_and(is_target) {
            return;
        }
        let part = schema.map_or(PlacePart::Linked, |schema| self.part(schema));
        let Some((main_ledger, main)) = drawn.main.clone() else { return };
        match (part, schema) {
            (PlacePart::SetUp, Some(schema)) => {
                drawn.put(schema, self.base_entry(work, schema, &main, &main_ledger));
            }
            _ => {
                if let (PlacePart::Gone, Some(schema)) = (part, schema) {
                    self.copy(schema, copies, drawn);
                }
                let ledger = match (part, schema) {
                    (PlacePart::Linked, Some(schema)) => schema.to_owned(),
                    _ => drawn.home.clone(),
                };
                // One entry of the change in a ledger is enough.
                let is_recorded = drawn.entries.iter().any(|(_, schema, entry)| {
                    *schema == ledger && !matches!(entry.kind, EntryKind::Home | EntryKind::Copied)
                });
                if !is_recorded {
                    let is_in_home = ledger == drawn.home;
                    drawn.put(&ledger, self.linked_entry(&main, &main_ledger, &ledger, is_in_home));
                }
            }
        }
        drawn.places.push(self.place(schema, part));
    }

    fn part(&self, schema: &str) -> PlacePart {
        if self.changes.new_schemas.contains(schema) {
            PlacePart::SetUp
        } else if self.moves.gone().any(|gone| gone == schema) {
            PlacePart::Gone
        } else if self.changes.is_outside(schema) {
            PlacePart::Outside
        } else {
            PlacePart::Linked
        }
    }

    /// Keeps the ledger of a schema that is gone.
    fn copy(&self, schema: &str, copies: &[(String, NewEntry)], drawn: &mut Drawn) {
        for (_, copy) in copies.iter().filter(|(copied, _)| copied == schema) {
            let mut copy = copy.clone();
            copy.change_id = Some(self.writing.change_id.clone());
            let home = drawn.home.clone();
            drawn.put(&home, copy);
        }
    }

    fn place(&self, schema: Option<&str>, part: PlacePart) -> PlaceApplied {
        let facts = self.changes.facts(schema);
        PlaceApplied { schema: schema.map(str::to_owned), part, facts, entries: Vec::new() }
    }

    /// The home ledger where one is needed, and whether the choice must be recorded.
    fn home(&self, work: &mut Work<'_>) -> Result<Option<(String, bool)>, SubmitError> {
        let is_needed = self.changes.by_schema.contains_key(&None)
            || self.changes.has_outside
            || self.moves.gone().next().is_some();
        if !is_needed {
            return Ok(None);
        }
        let chains = self.after.managed.iter().filter(|(_, state)| **state != State::Original);
        let chains: Vec<&str> = chains.map(|(schema, _)| schema.as_str()).collect();
        let home = work.ledger().home(&mut work.session, &chains).map_err(work.ledger_error())?;
        match home {
            Some(home) => Ok(Some((home.schema, home.must_record))),
            None => {
                let schema = work.schemas().first().cloned().unwrap_or_default();
                Err(touched(work, self.writing, &schema, LedgerTouch::Last))
            }
        }
    }

    fn main_entry(&self, work: &Work<'_>, target: &str, now: Option<&str>, is_in_home: bool) -> NewEntry {
        let writing = self.writing;
        let options = &work.request.options;
        let mut entry = NewEntry::new(writing.kind.clone(), writing.content, work.origin.clone());
        entry.change_id = Some(writing.change_id.clone());
        entry.revert_sql.clone_from(&options.revert);
        entry.started_at = Some(writing.start.at.clone());
        entry.duration_us = i64::try_from(writing.duration.as_micros()).ok();
        entry.fingerprint_before = self.changes.before.whole.schemas.get(target).cloned();
        entry.fingerprint_after = now.and_then(|now| self.changes.after.whole.schemas.get(now).cloned());
        let mut proof = writing.evidence.clone();
        proof.insert("source".to_owned(), writing.name.into());
        proof.insert("facts".to_owned(), count(&self.changes.facts(Some(target))));
        if let Some(reason) = &options.reason {
            proof.insert("reason".to_owned(), reason.as_str().into());
        }
        if options.again {
            proof.insert("again".to_owned(), true.into());
        }
        if now != Some(target) {
            proof.insert("schema".to_owned(), target.into());
        }
        self.put_shared(work, target, &mut proof);
        self.put_schema(&mut proof, now);
        if is_in_home {
            self.put_database(&mut proof);
        }
        entry.evidence = Some(evidence(&proof));
        entry
    }

    /// What of the change was not run here, because it was run elsewhere for all databases.
    fn put_shared(&self, work: &Work<'_>, target: &str, proof: &mut Map<String, Value>) {
        let here = work.target(target);
        let ran_in = work.shared_ran_in.clone().or_else(|| Some(work.target(work.schemas().first()?)));
        if let Some(ran_in) = ran_in.filter(|ran_in| *ran_in != here && !self.writing.shared.is_empty()) {
            let shared = json!({ "lines": self.writing.shared, "ran_in": ran_in.to_string() });
            proof.insert("shared_statements".to_owned(), shared);
        }
    }

    fn linked_entry(&self, main: &NewEntry, main_ledger: &str, ledger: &str, is_in_home: bool) -> NewEntry {
        let mut entry = main.linked(main_ledger);
        entry.fingerprint_before = self.changes.before.whole.schemas.get(ledger).cloned();
        entry.fingerprint_after = self.changes.after.whole.schemas.get(ledger).cloned();
        let mut proof = Map::new();
        proof.insert("linked_to".to_owned(), main_ledger.into());
        proof.insert("digest".to_owned(), digest(main.content.as_bytes()).into());
        proof.insert("facts".to_owned(), count(&self.changes.facts(Some(ledger))));
        if is_in_home {
            self.put_database(&mut proof);
        }
        self.put_schema(&mut proof, Some(ledger));
        entry.evidence = Some(evidence(&proof));
        entry
    }

    /// The base of a schema that the change made: the change is its whole history so far.
    fn base_entry(&self, work: &Work<'_>, schema: &str, main: &NewEntry, main_ledger: &str) -> NewEntry {
        let content = "-- this schema was made by a change in another schema's ledger, see evidence\n";
        let mut entry = NewEntry::new(EntryKind::Base, content, work.origin.clone());
        entry.change_id = Some(self.writing.change_id.clone());
        entry.fingerprint_after = self.changes.after.whole.schemas.get(schema).cloned();
        let mut proof = Map::new();
        proof.insert("made_by".to_owned(), main_ledger.into());
        proof.insert("digest".to_owned(), digest(main.content.as_bytes()).into());
        self.put_schema(&mut proof, Some(schema));
        entry.evidence = Some(evidence(&proof));
        entry
    }

    /// In the home ledger: what belongs to no schema, if the change altered it.
    fn put_database(&self, proof: &mut Map<String, Value>) {
        let of_none = self.changes.facts(None);
        if of_none.is_empty() {
            return;
        }
        proof.insert("facts_of_no_schema".to_owned(), count(&of_none));
        let before = self.changes.before.whole.schemas.get("").map_or("", String::as_str);
        proof.insert("database_before".to_owned(), before.into());
        proof.extend(database_evidence(&self.changes.after));
    }

    /// What belongs to the schema's fingerprint.
    fn put_schema(&self, proof: &mut Map<String, Value>, schema: Option<&str>) {
        if let Some(schema) = schema {
            proof.extend(schema_evidence(&self.changes.after, schema));
        }
    }
}

/// Linked entries follow the last entry of the change, whose number they share; copies come before it, bases after
/// all.
fn order(entries: &mut [(usize, String, NewEntry)]) {
    entries.sort_by_key(|(_, _, entry)| match entry.kind {
        EntryKind::Home => 0,
        EntryKind::Copied => 1,
        EntryKind::Linked => 3,
        EntryKind::Base => 4,
        _ => 2,
    });
}

pub(super) fn count(facts: &[FactDelta]) -> Value {
    let of = |op: Op| facts.iter().filter(|fact| fact.op() == op).count();
    json!({ "added": of(Op::Add), "removed": of(Op::Remove), "changed": of(Op::Change) })
}

pub(super) fn evidence(object: &Map<String, Value>) -> Evidence {
    Evidence::new(object).expect("texts without zero bytes, and whole numbers")
}
