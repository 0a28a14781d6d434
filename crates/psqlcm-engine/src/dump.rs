//! What a dump writes: the files of a database's tree and of what its environment knows, as texts.
//!
//! Computes them from one look at the database; writing them is `files`' work and committing them `git`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::thread;

use psqlcm_core::fact::FactId;
use psqlcm_core::fingerprint::Fingerprints;
use psqlcm_core::ledger::{Chain, Finding, Link, Row, Severity, verify};
use psqlcm_core::plan::{self, PlanError, Step};
use psqlcm_core::snapshot::{LeftOut, Snapshot};
use psqlcm_core::tree::manifest::{self, FileEntry, LedgerHead, Manifest};
use psqlcm_core::tree::{self, restore_script};

use crate::ledger::Ledger;
use crate::observe::{Observation, Observed};
use crate::verify::anchors;

/// What to dump.
pub struct Request<'a> {
    /// The database's name.
    pub database: &'a str,
    /// How much of it.
    pub scope: Scope<'a>,
    /// The environment's name.
    pub environment: &'a str,
    /// The ledgers.
    pub ledger: &'a Ledger,
    /// The manifests of this database that the tree has, by environment.
    pub manifests: &'a BTreeMap<String, Manifest>,
}

/// How much of a database a dump is about. What is outside stays in the tree as it was.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// These schemas, and nothing that belongs to none.
    Only(&'a [String]),
    /// Everything but these schemas.
    AllBut(&'a [String]),
}

/// A dump: what the files of the targets are to hold.
pub struct Dump {
    /// Each file's contents, by path within the tree.
    pub files: BTreeMap<String, String>,
    /// Files of earlier dumps that are no more.
    pub removed: BTreeSet<String>,
    /// What the environment knows from now on; it is among the files.
    pub manifest: Manifest,
    /// Ledgers that do not go on from what the environment knew: its anchors are replaced by these.
    pub broken: Vec<Finding>,
}

/// How many older entries of a ledger a manifest keeps beside its head: they show where two histories parted.
const EARLIER: usize = 20;

/// Makes the texts of a dump.
///
/// # Errors
/// When there is no order in which the facts can be made.
pub fn dump(mut observed: Observed, request: &Request<'_>) -> Result<Dump, PlanError> {
    // Fingerprints have nothing to do with the rest.
    let (prints, planned) = thread::scope(|scope| {
        let prints = scope.spawn(|| Fingerprints::both(&observed.facts));
        let planned = planned(&observed, request);
        (prints.join().unwrap_or_else(|panic| resume_unwind(panic)), planned)
    });
    let planned = planned?;
    // Nobody looks at the facts any more, and they take up the most room.
    drop(observed.facts.take_facts());
    Ok(texts(&observed, request, planned, prints))
}

/// What is written of the facts: the plan from empty, where its steps are at home, and the files of the ledgers.
struct Planned {
    steps: Vec<Step>,
    homes: tree::Homes,
    /// The text of each ledger, and what sets its sequence.
    ledgers: Vec<(String, String)>,
}

fn planned(observed: &Observed, request: &Request<'_>) -> Result<Planned, PlanError> {
    let steps = steps(&observed.facts)?;
    let homes = tree::Homes::of(request.database, &observed.facts, &steps);
    let ledgers = ledger_texts(observed, &plan::from_empty(&observed.own)?, request);
    Ok(Planned { steps, homes, ledgers })
}

fn texts(
    observed: &Observed,
    request: &Request<'_>,
    planned: Planned,
    prints: (Fingerprints, Fingerprints),
) -> Dump {
    let Planned { steps, homes, ledgers } = planned;
    let facts = tree::facts_folder(request.environment, request.database);
    let parts = restore_script::Parts { database: request.database, steps: &steps, ledgers: &ledgers };
    let script = restore_script::text(&parts);
    // The script is as long as all the files together.
    let (objects, script) = thread::scope(|scope| {
        let script = scope.spawn(|| hashed(tree::File { text: script, places: Vec::new() }));
        let objects = homes.files(request.database, steps).into_iter();
        let objects = objects.filter(|(path, _)| request.covers(path));
        let objects: Vec<_> = objects.map(|(path, file)| (path, hashed(file))).collect();
        (objects, script.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let mut known = vec![(format!("{facts}/{}", restore_script::FILE), script)];
    for (schema, (text, _)) in observed.ledgers.keys().zip(ledgers) {
        if request.covers_schema(schema) {
            let path = tree::ledger_path(request.environment, request.database, schema);
            known.push((path, hashed(tree::File { text, places: Vec::new() })));
        }
    }
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut entries: BTreeMap<String, FileEntry> = BTreeMap::new();
    for (path, (text, entry)) in objects.into_iter().chain(known) {
        entries.insert(path.clone(), entry);
        files.insert(path, text);
    }
    let removed = request.files_no_more(&entries);
    let manifest = request.manifest(observed, entries, prints);
    files.insert(format!("{facts}/{}", manifest::FILE), manifest.text());
    Dump { files, removed, manifest, broken: request.broken(observed) }
}

/// The file's text, and what the manifest says of it.
fn hashed(file: tree::File) -> (String, FileEntry) {
    let places = file.places.iter().map(|place| place.number()).collect();
    let entry = FileEntry { sha256: tree::sha256(file.text.as_bytes()), places };
    (file.text, entry)
}

/// The plan from empty. Its statements are most of the work, and the two halves of them are nothing to each other.
fn steps(facts: &Snapshot) -> Result<Vec<Step>, PlanError> {
    let order = plan::Order::of(facts)?;
    let half = order.len() / 2;
    Ok(thread::scope(|scope| {
        let rest = scope.spawn(|| order.steps(half..order.len()).collect::<Vec<_>>());
        let mut steps: Vec<_> = order.steps(0..half).collect();
        steps.extend(rest.join().unwrap_or_else(|panic| resume_unwind(panic)));
        steps
    }))
}

/// What the environment's manifest is about, when that is not this database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Another one: the ledgers have no entry in common.
    Other {
        /// Its instance id.
        instance: String,
    },
    /// One of another cluster, and there is no ledger that could tell whether this one is a copy of it.
    Unknown {
        /// Its instance id.
        instance: String,
    },
}

/// Tells whether the environment knows another database by this name: that of another cluster, whose facts a dump
/// would overwrite. A restored database is another instance too, but its ledgers go on from those of the tree.
pub fn stranger(observed: &Observed, request: &Request<'_>) -> Option<Stranger> {
    let known = request.manifests.get(request.environment)?;
    if known.instance == observed.instance {
        return None;
    }
    let instance = known.instance.clone();
    let heads = known.ledgers.values();
    let anchors: BTreeSet<&str> = heads
        .flat_map(|head| head.earlier.iter().map(|link| link.hash.as_str()).chain([head.hash.as_str()]))
        .filter(|hash| !hash.is_empty())
        .collect();
    let mut entries = observed.ledgers.values().flat_map(|seen| &seen.entries);
    let cluster = |instance: &str| instance.split('/').next().map(str::to_owned);
    match anchors.is_empty() {
        true if cluster(&instance) == cluster(&observed.instance) => None,
        true => Some(Stranger::Unknown { instance }),
        false if entries.any(|entry| entry.hash.as_deref().is_some_and(|hash| anchors.contains(hash))) => {
            None
        }
        false => Some(Stranger::Other { instance }),
    }
}

/// What keeps a dump from being whole, by name.
pub fn left_out(observed: &Observed) -> Vec<LeftOut> {
    observed.facts.left_out.clone()
}

impl Request<'_> {
    /// Whether a schema is in the scope; the empty name stands for what belongs to none.
    fn covers_schema(&self, schema: &str) -> bool {
        match self.scope {
            Scope::Only(schemas) => schemas.iter().any(|name| name == schema),
            Scope::AllBut(schemas) => schemas.iter().all(|name| name != schema),
        }
    }

    fn covers(&self, path: &str) -> bool {
        let is_of = |schema: &String| {
            tree::schema_folder(self.database, path) == Some(&tree::folder_name(schema))
                || path == tree::ledger_path(self.environment, self.database, schema)
        };
        match self.scope {
            Scope::Only(schemas) => schemas.iter().any(is_of),
            Scope::AllBut(schemas) => !schemas.iter().any(is_of),
        }
    }

    /// What is wrong with the ledgers that this dump writes, by themselves and by what the environment knew.
    fn broken(&self, observed: &Observed) -> Vec<Finding> {
        let anchors = self.manifests.get(self.environment).map(anchors).unwrap_or_default();
        let seen = observed.ledgers.iter().filter(|(schema, _)| self.covers_schema(schema));
        let findings = seen
            .flat_map(|(schema, seen)| verify(&chain(schema, seen, &observed.instance), anchors.get(schema)));
        findings.filter(|finding| finding.severity() == Severity::Broken).collect()
    }

    /// What an earlier dump of any environment wrote, within the targets, and this one does not.
    fn files_no_more(&self, entries: &BTreeMap<String, FileEntry>) -> BTreeSet<String> {
        let folder = format!("{}/", tree::database_folder(self.database));
        let before = self.manifests.values().flat_map(|manifest| manifest.files.keys());
        let ours = before.filter(|path| path.starts_with(&folder) && self.covers(path));
        ours.filter(|path| !entries.contains_key(*path)).cloned().collect()
    }

    /// The manifest: for what is no target as it was.
    fn manifest(
        &self,
        observed: &Observed,
        entries: BTreeMap<String, FileEntry>,
        (whole, structure): (Fingerprints, Fingerprints),
    ) -> Manifest {
        let mut previous = self.manifests.get(self.environment).cloned().unwrap_or_default();
        // Texts of another server version cannot be compared with this one's; structures can.
        if previous.server_version != observed.facts.server_version {
            previous.fingerprints.clear();
        }
        let is_kept = |path: &String| !self.covers(path) && !entries.contains_key(path);
        let mut files: BTreeMap<_, _> =
            previous.files.into_iter().filter(|(path, _)| is_kept(path)).collect();
        files.extend(entries);
        let merged = |mut before: BTreeMap<String, String>, now: BTreeMap<String, String>| {
            before.retain(|schema, _| !self.covers_schema(schema));
            before.extend(now.into_iter().filter(|(schema, _)| self.covers_schema(schema)));
            before
        };
        let mut ledgers = previous.ledgers;
        ledgers.retain(|schema, _| !self.covers_schema(schema));
        let seen = observed.ledgers.iter().filter(|(schema, _)| self.covers_schema(schema));
        ledgers.extend(seen.map(|(schema, seen)| (schema.clone(), head(seen))));
        Manifest {
            format: manifest::FORMAT,
            environment: self.environment.to_owned(),
            database: self.database.to_owned(),
            instance: observed.instance.clone(),
            server_version: observed.facts.server_version,
            cm_table: self.ledger.table().to_owned(),
            fingerprints: merged(previous.fingerprints, whole.schemas),
            structure: merged(previous.structure, structure.schemas),
            ledgers,
            files,
            left_out: left_out(observed)
                .iter()
                .map(|left_out| format!("{}: {} ({})", left_out.kind, left_out.identity, left_out.reason))
                .collect(),
        }
    }
}

/// The text of each ledger's file (what makes its table, then its entries), and what sets its sequence.
fn ledger_texts(observed: &Observed, steps: &[Step], request: &Request<'_>) -> Vec<(String, String)> {
    let text = |(schema, seen): (&String, &Observation)| {
        let shown = psqlcm_core::visible::visible(schema);
        let mut text =
            format!("-- The ledger of schema {shown}. Entries are added at the end; none is ever changed.\n");
        let of_schema = |id: &FactId| id.schema() == Some(schema);
        for statement in steps.iter().filter(|step| of_schema(&step.id)).flat_map(|step| &step.statements) {
            text += &tree::terminated(statement);
        }
        for entry in &seen.entries {
            text.push('\n');
            text += &request.ledger.at(schema).insert(entry);
        }
        (text, sequence(schema, seen, request))
    };
    observed.ledgers.iter().map(text).collect()
}

/// What lets the ledger's sequence go on where it was; psql keeps the answer to itself.
fn sequence(schema: &str, seen: &Observation, request: &Request<'_>) -> String {
    let set = seen.sequence.map(|last| request.ledger.at(schema).set_sequence(last));
    set.map(|sql| format!("{}\n\\gset psqlcm_\n", sql.trim_end().trim_end_matches(';'))).unwrap_or_default()
}

/// The head of a ledger as git is to know it.
fn head(seen: &Observation) -> LedgerHead {
    let hashed: Vec<_> = seen.entries.iter().filter(|entry| entry.hash.is_some()).collect();
    let last = hashed.last();
    let earlier = hashed.iter().rev().skip(1).take(EARLIER).rev();
    LedgerHead {
        rows: seen.entries.len() as u64,
        id: last.map(|entry| entry.id).unwrap_or_default(),
        number: last.and_then(|entry| entry.number),
        created_at: last.and_then(|entry| entry.created_at.clone()),
        hash: last.and_then(|entry| entry.hash.clone()).unwrap_or_default(),
        previous_hash: last.and_then(|entry| entry.previous_hash.clone()),
        sequence: seen.sequence,
        earlier: earlier
            .map(|entry| Link { id: entry.id, hash: entry.hash.clone().unwrap_or_default() })
            .collect(),
    }
}

/// The chain of an observed ledger, to be judged.
pub fn chain(schema: &str, seen: &Observation, instance: &str) -> Chain {
    Chain {
        schema: schema.to_owned(),
        instance: instance.to_owned(),
        sequence: seen.sequence,
        rows: seen.entries.iter().map(Row::of).collect(),
    }
}
