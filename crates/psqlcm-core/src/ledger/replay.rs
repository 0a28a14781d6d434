//! What of the ledgers of a database has to be done again, in which order, to come to the state that they recorded last.
//!
//! Bases build schemas as they came under control, changes follow by their numbers. What other entries hold is comment:
//! of a statement outside of transactions the entry after it has the statement, if it succeeded. Running is the engine's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::entry::{Entry, EntryKind};

/// Something to do again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Schemas as they came under control, together: they may need each other.
    Bases(Vec<Work>),
    /// A change.
    Change(Work),
}

/// What one entry has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The schema that it was done in, by the name that it had then.
    pub schema: String,
    /// The entry, in its ledger.
    pub entry: i64,
    /// Its place among all entries of the database.
    pub number: i64,
    /// Its text.
    pub content: String,
    /// The role it was done as.
    pub role: Option<String>,
}

impl Step {
    /// The number of the entry that it begins with.
    pub fn number(&self) -> i64 {
        match self {
            Self::Bases(bases) => bases.iter().map(|work| work.number).min().unwrap_or_default(),
            Self::Change(work) => work.number,
        }
    }
}

/// What an entry says that was done, and nobody can do again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotRedone {
    /// Whose ledger.
    pub schema: String,
    /// Which entry.
    pub entry: i64,
    /// Why not.
    pub why: String,
}

impl fmt::Display for NotRedone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "entry {} of {}: {}", self.entry, self.schema, self.why)
    }
}

/// Why nobody can tell what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// Rows of the original tool that were not taken over.
    #[error("the ledger of schema {schema} has no base: its entries are of version 0.2.2")]
    NoBase {
        /// Whose ledger.
        schema: String,
    },
    /// An entry of a later version.
    #[error("entry {entry} of schema {schema} is of a kind that this version does not know: {kind}")]
    Unknown {
        /// Whose ledger.
        schema: String,
        /// Which entry.
        entry: i64,
        /// Its kind.
        kind: String,
    },
}

/// The steps, in order. `ledgers` are those of the database as it is, `copies` those that were kept of schemas before they
/// were dropped or renamed, in the order in which that was done, each by the name of then.
///
/// # Errors
/// When an entry cannot be understood.
pub fn steps(ledgers: &[(String, Entry)], copies: &[(String, Entry)]) -> Result<Vec<Step>, ReplayError> {
    let mut steps: Vec<Step> = Vec::new();
    let based: BTreeSet<&str> = ledgers
        .iter()
        .filter(|(_, entry)| entry.number.is_some())
        .map(|(schema, _)| schema.as_str())
        .collect();
    if let Some((schema, _)) = ledgers.iter().find(|(schema, _)| !based.contains(schema.as_str())) {
        return Err(ReplayError::NoBase { schema: schema.clone() });
    }
    for (schema, entry) in in_order(ledgers, copies) {
        let work = || Work {
            schema: text_of(entry, "schema").unwrap_or_else(|| schema.to_owned()),
            entry: entry.id,
            number: entry.number.unwrap_or_default(),
            content: entry.content.clone(),
            role: entry.acting_role.clone(),
        };
        match entry.kind.as_ref() {
            // The change that made the schema makes it again.
            Some(EntryKind::Base) if text_of(entry, "made_by").is_some() => {}
            Some(EntryKind::Base) => match steps.last_mut() {
                Some(Step::Bases(bases)) => bases.push(work()),
                _ => steps.push(Step::Bases(vec![work()])),
            },
            Some(EntryKind::Change | EntryKind::Drift | EntryKind::After) => steps.push(Step::Change(work())),
            Some(EntryKind::Other(kind)) => {
                return Err(ReplayError::Unknown {
                    schema: schema.to_owned(),
                    entry: entry.id,
                    kind: kind.clone(),
                });
            }
            // What is linked, announced or said.
            Some(_) | None => {}
        }
    }
    Ok(steps)
}

/// What the steps leave out although something was done: statements whose end is not known, and what is recorded in a
/// ledger that is no more. What failed, or only says something, did nothing.
pub fn not_redone(ledgers: &[(String, Entry)], copies: &[(String, Entry)]) -> Vec<NotRedone> {
    let entries = in_order(ledgers, copies);
    let digests: BTreeSet<&str> = entries.iter().filter_map(|(_, entry)| entry.digest.as_deref()).collect();
    let is_ended = |at: usize, schema: &str| {
        let part_of = |entry: &Entry| (text_of(entry, "change_digest"), number_of(entry, "part"));
        let ends = |(other, entry): &(&str, &Entry)| {
            *other == schema
                && entry.kind == Some(EntryKind::After)
                && part_of(entry) == part_of(entries[at].1)
        };
        entries[at + 1..].iter().any(ends)
    };
    let why = |(at, (schema, entry)): (usize, &(&str, &Entry))| {
        let main = text_of(entry, "made_by").or_else(|| text_of(entry, "linked_to"));
        let has_main = text_of(entry, "digest").is_none_or(|digest| digests.contains(digest.as_str()));
        match (&entry.kind, main) {
            (Some(EntryKind::Before), _) if !is_ended(at, schema) => {
                Some("its statement was begun, and its end is not known".to_owned())
            }
            (Some(EntryKind::Linked | EntryKind::Base), Some(main)) if !has_main => Some(format!(
                "the change that it belongs to stood in the ledger of {main}, and is not there any more"
            )),
            _ => None,
        }
    };
    let found = entries.iter().enumerate().filter_map(|(at, of)| {
        let why = why((at, of))?;
        Some(NotRedone { schema: of.0.to_owned(), entry: of.1.id, why })
    });
    found.collect()
}

/// Whether an entry found another state of its schema than the entry before it had left, and nobody has recorded since
/// what was done past the tool. Fingerprints of different servers or rules cannot be compared.
pub fn has_gap(ledgers: &[(String, Entry)]) -> bool {
    let of_drift = ledgers.iter().filter(|(_, entry)| entry.kind == Some(EntryKind::Drift));
    let records_drift: BTreeSet<Option<i64>> = of_drift.map(|(_, entry)| entry.number).collect();
    let mut left: BTreeMap<&str, (&str, Option<&str>, Option<Value>)> = BTreeMap::new();
    let mut gaps: BTreeSet<&str> = BTreeSet::new();
    for (schema, entry) in ledgers {
        let (server, rules) = (entry.server_version.as_deref(), value_of(entry, "ignored"));
        let (found, last) = (found_by(entry), left.get(schema.as_str()));
        if records_drift.contains(&entry.number) {
            gaps.remove(schema.as_str());
        } else if let (Some(found), Some((last, of, by))) = (found, last)
            && (*of, by) == (server, &rules)
            && *last != found
        {
            gaps.insert(schema);
        }
        if let Some(after) = entry.fingerprint_after.as_deref() {
            left.insert(schema, (after, server, rules));
        }
    }
    !gaps.is_empty()
}

/// The fingerprint of its ledger's schema that an entry found; of a change that ran in another schema it is not that.
pub fn found_by(entry: &Entry) -> Option<&str> {
    entry.fingerprint_before.as_deref().filter(|_| text_of(entry, "schema").is_none())
}

/// All entries that have a number, each once and by their numbers, by the name that its schema had first.
pub fn in_order<'a>(
    ledgers: &'a [(String, Entry)],
    copies: &'a [(String, Entry)],
) -> Vec<(&'a str, &'a Entry)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all: Vec<(&str, &Entry)> = Vec::new();
    // A schema that was renamed has its entries still: in the copy they stand by the old name.
    for (schema, entry) in copies.iter().chain(ledgers) {
        let is_known = entry.hash.as_deref().is_some_and(|hash| seen.contains_key(hash));
        if entry.number.is_none() || is_known {
            continue;
        }
        if let Some(hash) = entry.hash.as_deref() {
            seen.insert(hash, all.len());
        }
        all.push((schema, entry));
    }
    all.sort_by_key(|(_, entry)| entry.number);
    all
}

/// A value of an entry's evidence.
fn value_of(entry: &Entry, key: &str) -> Option<Value> {
    let evidence: Value = serde_json::from_str(entry.evidence.as_deref()?).ok()?;
    evidence.get(key).cloned()
}

/// A text of an entry's evidence.
pub fn text_of(entry: &Entry, key: &str) -> Option<String> {
    value_of(entry, key)?.as_str().map(str::to_owned)
}

fn number_of(entry: &Entry, key: &str) -> Option<i64> {
    value_of(entry, key)?.as_i64()
}

/// The rules by which objects of a schema were ignored when an entry recorded it; `None` if they cannot be read.
pub fn rules_of(entry: &Entry) -> Option<Vec<String>> {
    value_of(entry, "ignored").map_or(Some(Vec::new()), |rules| serde_json::from_value(rules).ok())
}

/// The schema whose ledger an entry keeps.
pub fn copy_of(entry: &Entry) -> Option<String> {
    text_of(entry, "copy_of").filter(|_| entry.kind == Some(EntryKind::Copied))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Evidence, NewEntry, Origin, Place};

    fn entry(number: i64, kind: EntryKind, content: &str, evidence: &Value) -> Entry {
        let mut new = NewEntry::new(kind, content, Origin { acting_role: "ann".into(), ..Origin::default() });
        new.evidence = evidence.as_object().map(|object| Evidence::new(object).unwrap());
        let previous = crate::ledger::Hash::genesis();
        new.at(Place { id: number, number, created_at: "2026-11-23T04:13:47.000001Z".into(), previous })
    }

    fn shown(ledgers: &[(&str, Entry)], copies: &[(&str, Entry)]) -> Vec<String> {
        let owned = |entries: &[(&str, Entry)]| -> Vec<(String, Entry)> {
            entries.iter().map(|(schema, entry)| ((*schema).to_owned(), entry.clone())).collect()
        };
        let work = |work: &Work| format!("{}: {}", work.schema, work.content);
        let step = |step: &Step| match step {
            Step::Bases(bases) => {
                format!("bases {}", bases.iter().map(work).collect::<Vec<_>>().join(", "))
            }
            Step::Change(change) => work(change),
        };
        steps(&owned(ledgers), &owned(copies)).unwrap().iter().map(step).collect()
    }

    #[test]
    fn bases_come_together_and_changes_by_their_numbers() {
        let none = Value::Null;
        let made = serde_json::json!({ "made_by": "app" });
        let ledgers = [
            ("app", entry(1, EntryKind::Base, "b1", &none)),
            ("app", entry(3, EntryKind::Change, "c3", &none)),
            ("app", entry(6, EntryKind::Before, "v6", &none)),
            ("app", entry(7, EntryKind::After, "v6", &none)),
            ("log", entry(2, EntryKind::Base, "b2", &none)),
            ("log", entry(3, EntryKind::Linked, "-- ", &none)),
            ("new", entry(4, EntryKind::Base, "b4", &made)),
            ("late", entry(5, EntryKind::Base, "b5", &none)),
        ];
        assert_eq!(shown(&ledgers, &[]), ["bases app: b1, log: b2", "app: c3", "bases late: b5", "app: v6"]);
    }

    #[test]
    fn what_is_gone_or_renamed_is_done_by_the_name_of_then() {
        let none = Value::Null;
        let old = entry(1, EntryKind::Base, "b1", &none);
        let gone = entry(2, EntryKind::Base, "b2", &none);
        let renamed = entry(4, EntryKind::Change, "rename", &serde_json::json!({ "schema": "old" }));
        let ledgers =
            [("new", old.clone()), ("new", renamed), ("new", entry(5, EntryKind::Change, "c5", &none))];
        let copies = [("old", old), ("gone", gone)];
        assert_eq!(shown(&ledgers, &copies), ["bases old: b1, gone: b2", "old: rename", "new: c5"]);
    }

    #[test]
    fn what_nobody_can_do_again_is_named() {
        let of = |change: &str| serde_json::json!({ "change_digest": change, "part": 1 });
        let linked = serde_json::json!({ "linked_to": "gone", "digest": "d" });
        let ledgers = [
            ("app", entry(1, EntryKind::Base, "b1", &Value::Null)),
            ("app", entry(2, EntryKind::Before, "v", &of("one"))),
            ("app", entry(3, EntryKind::After, "v", &of("one"))),
            ("app", entry(4, EntryKind::Before, "v", &of("two"))),
            ("app", entry(5, EntryKind::Linked, "--", &linked)),
        ];
        let owned: Vec<_> =
            ledgers.iter().map(|(schema, entry)| ((*schema).to_owned(), entry.clone())).collect();
        let found: Vec<(i64, String)> =
            not_redone(&owned, &[]).into_iter().map(|not| (not.entry, not.why)).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].0 == 4 && found[0].1.contains("its end is not known"), "{found:?}");
        assert!(found[1].0 == 5 && found[1].1.contains("the ledger of gone"), "{found:?}");
    }

    #[test]
    fn what_an_entry_found_is_what_the_last_one_left() {
        let left = |number: i64, before: Option<&str>, after: &str| Entry {
            fingerprint_before: before.map(str::to_owned),
            fingerprint_after: Some(after.to_owned()),
            ..entry(number, EntryKind::Change, "c", &Value::Null)
        };
        let of = |entries: Vec<Entry>| -> bool {
            has_gap(&entries.into_iter().map(|entry| ("app".to_owned(), entry)).collect::<Vec<_>>())
        };
        assert!(!of(vec![left(1, None, "a"), left(2, Some("a"), "b"), left(3, Some("b"), "c")]));
        assert!(of(vec![left(1, None, "a"), left(2, Some("x"), "b")]));
        let drift = Entry { kind: Some(EntryKind::Drift), ..left(3, Some("b"), "c") };
        assert!(!of(vec![left(1, None, "a"), left(2, Some("x"), "b"), drift]));
        let other = Entry { server_version: Some("18.1".to_owned()), ..left(2, Some("x"), "b") };
        assert!(!of(vec![left(1, None, "a"), other]));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let odd = entry(1, EntryKind::Other("merged".to_owned()), "", &Value::Null);
        let error = steps(&[("app".to_owned(), odd.clone())], &[]).unwrap_err();
        assert!(error.to_string().ends_with("does not know: merged"), "{error}");
        let original = Entry { number: None, ..odd };
        assert!(matches!(steps(&[("app".to_owned(), original)], &[]), Err(ReplayError::NoBase { .. })));
    }
}
