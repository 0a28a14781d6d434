//! Fingerprints: versioned hashes of a snapshot, rolled up per object, schema and database.
//!
//! Stored order and what belongs to the installation are outside them, and so are the tool's own objects,
//! which are split off the snapshot before.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use crate::fact::{Fact, FactId, Quick, Value};
use crate::ignore::Ignore;
use crate::kinds::{self, Nature};
use crate::snapshot::Snapshot;

/// The prefix of every fingerprint. It changes when the hashed bytes would for an unchanged database: old
/// fingerprints are then told from different ones.
pub const VERSION: &str = "f1";

const WHOLE: [Nature; 3] = [Nature::Plain, Nature::Deparsed, Nature::Newer];
const STRUCTURE: [Nature; 1] = [Nature::Plain];

/// The fingerprints of one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprints {
    /// Of all facts.
    pub database: String,
    /// Of the facts of each schema; under the empty name of those that belong to none.
    pub schemas: BTreeMap<String, String>,
    /// Of each object with all that hangs on it, by identity.
    pub objects: BTreeMap<FactId, String>,
}

impl Fingerprints {
    /// Of all that is compared on one server version.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self::both(snapshot).0
    }

    /// Without the texts that the server prints, which differ between its versions, and without what older versions do
    /// not have: the facts and attributes that the registry calls newer, such as the not-null constraints of version 18.
    pub fn structure_of(snapshot: &Snapshot) -> Self {
        Self::both(snapshot).1
    }

    /// [`Self::of`] and [`Self::structure_of`], for little more than one of them costs.
    pub fn both(snapshot: &Snapshot) -> (Self, Self) {
        Self::over(snapshot, &BTreeSet::new())
    }

    fn over(snapshot: &Snapshot, ignored: &BTreeSet<FactId>) -> (Self, Self) {
        let (mut whole, mut structure) = (Objects::default(), Objects::default());
        let mut bytes = Vec::new();
        for (id, fact) in snapshot.facts().filter(|(id, _)| is_compared(id)) {
            let object = id.object();
            if ignored.contains(object) {
                continue;
            }
            let hash = fact_hash(id, fact, &WHOLE, &mut bytes);
            whole.add(object, hash);
            if !(id.kind().kind().newer)(fact) {
                let is_all = fact.attributes().all(|(name, _)| {
                    let nature = id.kind().kind().nature(name);
                    STRUCTURE.contains(&nature) == WHOLE.contains(&nature)
                });
                structure
                    .add(object, if is_all { hash } else { fact_hash(id, fact, &STRUCTURE, &mut bytes) });
            }
        }
        (whole.rolled_up(), structure.rolled_up())
    }
}

/// Hashes of objects that grow fact by fact.
#[derive(Default)]
struct Objects(IndexMap<FactId, Sha256, Quick>);

impl Objects {
    fn add(&mut self, object: &FactId, fact: [u8; 32]) {
        self.0.entry(object.clone()).or_default().update(fact);
    }

    fn rolled_up(mut self) -> Fingerprints {
        self.0.sort_unstable_keys();
        let objects: Vec<_> = self.0.into_iter().map(|(id, hash)| (id, hash.finalize())).collect();
        let mut schemas: BTreeMap<String, Sha256> = BTreeMap::new();
        let mut database = Sha256::new();
        for (id, hash) in &objects {
            database.update(hash);
            schemas.entry(id.schema().unwrap_or_default().to_owned()).or_default().update(hash);
        }
        Fingerprints {
            database: shown(&database.finalize()),
            schemas: schemas.into_iter().map(|(name, hash)| (name, shown(&hash.finalize()))).collect(),
            objects: objects.into_iter().map(|(id, hash)| (id, shown(&hash))).collect(),
        }
    }
}

/// What a ledger records, and what drift is judged by: the fingerprints without what is ignored.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Of all that is compared on one server version.
    pub whole: Fingerprints,
    /// What other server versions can compare.
    pub structure: Fingerprints,
    /// What is outside both.
    pub ignore: Ignore,
    /// The objects that are outside both.
    pub ignored: BTreeSet<FactId>,
}

impl Judged {
    /// Of a snapshot, by these rules.
    pub fn of(snapshot: &Snapshot, ignore: &Ignore) -> Self {
        let ignored = ignore.objects_of(snapshot);
        let (whole, structure) = Fingerprints::over(snapshot, &ignored);
        Self { whole, structure, ignore: ignore.clone(), ignored }
    }
}

/// Whether a fingerprint that was kept is of the form of this version's.
pub fn is_comparable(print: &str) -> bool {
    print.split_once(':').is_some_and(|(version, _)| version == VERSION)
}

/// Whether the fact is a part of what is compared: a state is not, nor what says only what is local.
fn is_compared(id: &FactId) -> bool {
    let kind = id.kind().kind();
    let is_said =
        |nature| kind.attributes.is_empty() || kind.attributes.iter().any(|known| known.nature != nature);
    !kinds::is_of_state(id) && is_said(Nature::Local)
}

/// The hash of one fact: its identity, then each compared attribute with its length before it. `bytes` is room for them.
fn fact_hash(id: &FactId, fact: &Fact, natures: &[Nature], bytes: &mut Vec<u8>) -> [u8; 32] {
    bytes.clear();
    id.canonical(bytes);
    for (name, value) in fact.attributes() {
        if natures.contains(&id.kind().kind().nature(name)) {
            put(bytes, name);
            put_value(bytes, value);
        }
    }
    Sha256::digest(bytes).into()
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Yes => out.push(b'y'),
        Value::Int(number) => {
            out.push(b'i');
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Text(text) => {
            out.push(b't');
            put(out, text);
        }
        Value::List(items) => {
            out.push(b'l');
            out.extend_from_slice(&(items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| put(out, item));
        }
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn shown(hash: &[u8]) -> String {
    format!("{VERSION}:{}", hex(hash))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
