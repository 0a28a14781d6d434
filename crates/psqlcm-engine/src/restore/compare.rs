//! Whether what was restored is what was dumped.

use std::collections::{BTreeMap, BTreeSet};

use psqlcm_core::fingerprint::{self, Fingerprints};
use psqlcm_core::kinds::KindId;
use psqlcm_core::tree::manifest::{LedgerHead, Manifest};

use super::RestoreError;
use super::tree::Tree;
use crate::capture;
use crate::ledger::Ledger;
use crate::observe::{self, Observed};
use crate::session::Session;

/// How a restored database compares with its dump. One that should be equal and is not is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// All fingerprints and ledgers are those of the dump.
    Equal,
    /// Another server version: what is not text is equal, but for what is named.
    StructureEqual {
        /// The version of the dump.
        dumped: u32,
        /// The version it was restored to.
        restored: u32,
        /// Schemas whose structure the other version sees otherwise.
        different: Vec<String>,
    },
    /// Not compared, and why.
    NotCompared(String),
}

/// How many names of changed files or found objects a message shows.
const SHOWN: usize = 5;

/// Compares the session's database with the tree's manifest.
///
/// # Errors
/// When it should be equal and is not, or cannot be looked at.
pub fn compare(
    session: &mut Session,
    ledger: &Ledger,
    tree: &Tree,
    alteration: Option<&str>,
) -> Result<Comparison, RestoreError> {
    let Some(manifest) = &tree.manifest else {
        return Ok(Comparison::NotCompared("the tree has no manifest".to_owned()));
    };
    let observed = observe::observe_within(session, ledger)?;
    // Whoever edits a tree edits objects: a ledger is what it was, or it is damaged.
    let mut problems = ledger_problems(manifest, &observed);
    let why_not = why_not_comparable(tree, manifest, alteration);
    let restored = observed.facts.server_version;
    let is_same_version = manifest.server_version == restored;
    let (whole, structure) = Fingerprints::both(&observed.facts);
    let structure = different(&manifest.structure, &structure.schemas);
    if why_not.is_none() && is_same_version {
        let whole = different(&manifest.fingerprints, &whole.schemas);
        let all: BTreeSet<_> = whole.into_iter().chain(structure.clone()).collect();
        problems.extend(all.into_iter().map(|name| format!("{name} differs")));
    }
    if !problems.is_empty() {
        return Err(RestoreError::Different(problems));
    }
    Ok(match why_not {
        Some(why_not) => Comparison::NotCompared(why_not),
        None if is_same_version => Comparison::Equal,
        None => {
            Comparison::StructureEqual { dumped: manifest.server_version, restored, different: structure }
        }
    })
}

/// Why the objects cannot be expected to be those of the dump.
fn why_not_comparable(tree: &Tree, manifest: &Manifest, alteration: Option<&str>) -> Option<String> {
    if tree.changed.is_empty() {
        let mut prints = manifest.fingerprints.values().chain(manifest.structure.values());
        let is_other_form = !prints.all(|print| fingerprint::is_comparable(print));
        let other_form = is_other_form.then_some("another version of psql-cm took the fingerprints");
        return alteration.or(other_form).map(str::to_owned);
    }
    let shown: Vec<_> = tree.changed.iter().take(SHOWN).map(String::as_str).collect();
    let more = if tree.changed.len() > SHOWN { ", ..." } else { "" };
    Some(format!("tree changed since dump: {}{more}", shown.join(", ")))
}

fn different(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Vec<String> {
    let names = expected.keys().filter(|schema| expected.get(*schema) != found.get(*schema));
    let shown = |schema: &String| match schema.as_str() {
        "" => "what belongs to no schema".to_owned(),
        schema => format!("schema {schema}"),
    };
    names.map(shown).collect()
}

fn ledger_problems(manifest: &Manifest, observed: &Observed) -> Vec<String> {
    let problem = |(schema, head): (&String, &LedgerHead)| {
        let Some(seen) = observed.ledgers.get(schema) else {
            return Some(format!("schema {schema} has no ledger"));
        };
        let last = seen.entries.iter().rev().find_map(|entry| entry.hash.as_deref()).unwrap_or_default();
        let is_same = seen.entries.len() as u64 == head.rows && last == head.hash;
        (!is_same).then(|| {
            format!(
                "the ledger of schema {schema} has {} rows instead of {}, or another head",
                seen.entries.len(),
                head.rows
            )
        })
    };
    manifest.ledgers.iter().filter_map(problem).collect()
}

/// Refuses a database that holds more than a new one.
///
/// # Errors
/// When it does, with the first few things it holds.
pub fn must_be_empty(session: &mut Session, name: &str) -> Result<(), RestoreError> {
    let snapshot = capture::capture(session).map_err(observe::ObserveError::from)?;
    let is_of_new = |kind: KindId, name: &str| {
        matches!(kind, KindId::Database | KindId::Role | KindId::Setting)
            || kind == KindId::Schema && name == "public"
    };
    let objects = snapshot.facts().map(|(id, _)| id.object()).filter(|id| !is_of_new(id.kind(), id.name()));
    let mut found: Vec<String> = objects.map(ToString::to_string).collect();
    found.extend(snapshot.left_out.iter().map(|left_out| format!("{} {}", left_out.kind, left_out.identity)));
    found.sort();
    found.dedup();
    if found.is_empty() {
        return Ok(());
    }
    found.truncate(SHOWN);
    Err(RestoreError::NotEmpty { name: name.to_owned(), found })
}
