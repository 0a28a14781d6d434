//! A database built anew on scratch from what its ledgers say, and compared with what it is: where both part, and after which
//! entry.
//!
//! It trusts nothing that was recorded but bases and changes: fingerprints only tell which entry is the first that does
//! not lead to what it recorded. Whether the ledgers are whole is [`crate::verify`]'s.

use std::collections::BTreeMap;

use psqlcm_core::delta::Delta;
use psqlcm_core::fingerprint::{Judged, is_comparable};
use psqlcm_core::ignore::{Ignore, Rule};
use psqlcm_core::ledger::Entry;
use psqlcm_core::ledger::replay::{NotRedone, found_by, rules_of, text_of};
use psqlcm_core::narrow::Scope;
use psqlcm_core::snapshot::Snapshot;

use crate::scratch::ScratchDatabase;
use crate::sources::{Place, Rebuilding, Recorded, SourceError};

/// What came of it.
#[derive(Debug)]
pub struct Replayed {
    /// How many entries were done again.
    pub entries: usize,
    /// What of them was not.
    pub not_redone: Vec<NotRedone>,
    /// The version of the server by which both were read.
    pub server_version: u32,
    /// What differs between what the ledgers lead to and what is there.
    pub delta: Delta,
    /// Where they part, if they do.
    pub parting: Option<Parting>,
}

/// Where what the ledgers lead to and what is there part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parting {
    /// An entry does not lead to what it recorded.
    At(Named),
    /// An entry found something else than the one before it had left: something was done past the tool in between.
    Before {
        /// The entry.
        entry: Named,
        /// The entry before it, in the same ledger.
        last: i64,
    },
    /// A base builds no schema of the name that its ledger stands in.
    Renamed(Named),
    /// All entries lead to what they recorded: something was done past the tool since the last ones, by schema.
    Since(Vec<Named>),
}

/// An entry, by what people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The schema, by the name that it had first.
    pub schema: String,
    /// The entry, in its ledger.
    pub entry: i64,
    /// What it records.
    pub kind: String,
    /// The file of its change.
    pub source: Option<String>,
    /// When it was written.
    pub at: Option<String>,
    /// Who.
    pub implementer: String,
}

/// Why a database could not be built anew.
#[derive(Debug, thiserror::Error)]
#[error("the database cannot be built anew from its ledgers")]
pub struct ReplayFailure {
    /// Why.
    #[source]
    pub error: SourceError,
    /// The entry that does not work found something else than the one before it had left.
    pub parting: Option<Box<Parting>>,
}

impl From<SourceError> for ReplayFailure {
    fn from(error: SourceError) -> Self {
        Self { error, parting: None }
    }
}

/// Builds it anew and compares it, narrowed to what is asked for.
///
/// # Errors
/// When scratch cannot be had, and when an entry does not do again what it did. Nothing is left.
pub fn replay(place: Place<'_>, recorded: &Recorded, scope: &Scope) -> Result<Replayed, ReplayFailure> {
    let mut rebuilding = Rebuilding::of(place, recorded)?;
    let reached = rebuilding.run().and_then(|mut made| place.capture(&mut made));
    let reached = match reached {
        Ok(reached) => reached,
        Err(error) => {
            let parting = failing(&rebuilding, &error).map(Box::new);
            return Err(ReplayFailure { error, parting });
        }
    };
    let live = place.as_seen(&recorded.live, &recorded.database)?;
    let narrow = |snapshot: Snapshot| scope.narrow(snapshot, &[&recorded.covered()]);
    let delta = Delta::between(&narrow(reached), &narrow(live));
    let parting = if delta.is_empty() { None } else { Some(part(&rebuilding, place, &delta)?) };
    Ok(Replayed {
        entries: rebuilding.count(),
        not_redone: rebuilding.not_redone(),
        server_version: place.scratch.server_version(),
        delta,
        parting,
    })
}

/// What there is to say of the entry that does not work.
fn failing(rebuilding: &Rebuilding<'_>, error: &SourceError) -> Option<Parting> {
    let SourceError::Replay { schema, entry, .. } = error else { return None };
    let entries = rebuilding.entries();
    let (at, (_, failing)) = entries.iter().enumerate().find(|(_, (name, of))| {
        let then = text_of(of, "schema");
        of.id == *entry && (name == schema || then.as_deref() == Some(schema))
    })?;
    let before = gap_before(&entries[..at], schema, failing)?;
    Some(Parting::Before { entry: Named::of(schema, failing), last: before })
}

/// Does it all once more, and looks after each step whether the entries lead to what they recorded.
fn part(rebuilding: &Rebuilding<'_>, place: Place<'_>, delta: &Delta) -> Result<Parting, SourceError> {
    let entries = rebuilding.entries();
    let mut seen = 0;
    let mut parting = None;
    let mut look = |scratch: &mut ScratchDatabase, next: i64| {
        let mut until = entries.partition_point(|(_, entry)| entry.number.unwrap_or_default() < next);
        while until > seen && entries.get(until).is_some_and(|of| is_of_one(entries[until - 1].1, of.1)) {
            until -= 1;
        }
        let due = seen..until.max(seen);
        seen = due.end;
        let has_prints = entries[due.clone()].iter().any(|(_, entry)| entry.fingerprint_after.is_some());
        if parting.is_none() && has_prints {
            let reached = Reached::read(place, scratch)?;
            parting = due.clone().find_map(|at| reached.parting(&entries, at));
        }
        Ok(())
    };
    rebuilding.watch(&mut look)?;
    Ok(parting.unwrap_or_else(|| Parting::Since(last_entries(&entries, delta))))
}

/// Whether two entries were written together: they record what was there in the end, after all of them.
fn is_of_one(one: &Entry, other: &Entry) -> bool {
    one.run_id == other.run_id && one.created_at == other.created_at
}

/// The last entries of the schemas that differ.
fn last_entries(entries: &[(&str, &Entry)], delta: &Delta) -> Vec<Named> {
    let mut last = BTreeMap::new();
    for fact in &delta.facts {
        let Some(schema) = fact.id.schema() else { continue };
        if let Some((_, entry)) = entries.iter().rev().find(|(name, _)| *name == schema) {
            last.insert(schema, Named::of(schema, entry));
        }
    }
    last.into_values().collect()
}

/// What the ledgers lead to after a step.
struct Reached {
    facts: Snapshot,
    /// The server's version, as entries have it.
    version: String,
}

impl Reached {
    fn read(place: Place<'_>, scratch: &mut ScratchDatabase) -> Result<Self, SourceError> {
        let version = place.version_of(scratch)?;
        Ok(Self { facts: place.capture(scratch)?, version })
    }

    /// Whether that entry is one after which both part.
    fn parting(&self, entries: &[(&str, &Entry)], at: usize) -> Option<Parting> {
        let (schema, entry) = entries[at];
        if self.is_as_recorded(schema, entry)? {
            return None;
        }
        let named = Named::of(schema, entry);
        if entry.is_base && !self.facts.schemas().contains(schema) {
            return Some(Parting::Renamed(named));
        }
        Some(match gap_before(&entries[..at], schema, entry) {
            Some(last) => Parting::Before { entry: named, last },
            None => Parting::At(named),
        })
    }

    /// `None` where that cannot be told.
    fn is_as_recorded(&self, schema: &str, entry: &Entry) -> Option<bool> {
        let recorded = entry.fingerprint_after.as_deref().filter(|print| is_comparable(print))?;
        let rules: Result<Vec<Rule>, _> = rules_of(entry)?.iter().map(|rule| rule.parse()).collect();
        let ignore = Ignore { schemas: Vec::new(), objects: rules.ok()? };
        let judged = Judged::of(&self.facts, &ignore);
        let of = |prints: &BTreeMap<String, String>| prints.get(schema).cloned().unwrap_or_default();
        if release(entry.server_version.as_deref().unwrap_or_default()) == release(&self.version) {
            return Some(of(&judged.whole.schemas) == recorded);
        }
        Some(of(&judged.structure.schemas) == text_of(entry, "structure_after")?)
    }
}

/// The release in what a server calls its version: what follows says who built it.
fn release(version: &str) -> &str {
    version.split_whitespace().next().unwrap_or_default()
}

/// The entry of the same ledger before that one, if it had left something else than that one found.
fn gap_before(earlier: &[(&str, &Entry)], schema: &str, entry: &Entry) -> Option<i64> {
    let found = found_by(entry)?;
    let (_, last) =
        earlier.iter().rev().find(|(name, last)| *name == schema && last.fingerprint_after.is_some())?;
    let is_comparable = last.server_version == entry.server_version && rules_of(last) == rules_of(entry);
    (is_comparable && last.fingerprint_after.as_deref() != Some(found)).then_some(last.id)
}

impl Named {
    fn of(schema: &str, entry: &Entry) -> Self {
        Self {
            schema: schema.to_owned(),
            entry: entry.id,
            kind: entry.kind.as_ref().map(ToString::to_string).unwrap_or_default(),
            source: text_of(entry, "source"),
            at: entry.created_at.clone(),
            implementer: entry.implementer.clone(),
        }
    }
}
