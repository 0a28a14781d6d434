//! What of the ledgers of a database has to be done again, in which order, to come to the state that they recorded last.
//!
//! Bases build schemas as they came under control, changes follow by their numbers. What other entries hold is comment:
//! of a statement outside of transactions the entry after it has the statement, if it succeeded. Running is the engine's.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Its text.
    pub content: String,
    /// The role it was done as.
    pub role: Option<String>,
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
            Some(EntryKind::Change | EntryKind::After) => steps.push(Step::Change(work())),
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

/// All entries that have a number, each once, by the name that its schema had first.
fn in_order<'a>(ledgers: &'a [(String, Entry)], copies: &'a [(String, Entry)]) -> Vec<(&'a str, &'a Entry)> {
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

/// A text of an entry's evidence.
fn text_of(entry: &Entry, key: &str) -> Option<String> {
    let evidence: Value = serde_json::from_str(entry.evidence.as_deref()?).ok()?;
    evidence.get(key)?.as_str().map(str::to_owned)
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
    fn what_is_not_understood_is_named() {
        let odd = entry(1, EntryKind::Other("merged".to_owned()), "", &Value::Null);
        let error = steps(&[("app".to_owned(), odd.clone())], &[]).unwrap_err();
        assert!(error.to_string().ends_with("does not know: merged"), "{error}");
        let original = Entry { number: None, ..odd };
        assert!(matches!(steps(&[("app".to_owned(), original)], &[]), Err(ReplayError::NoBase { .. })));
    }
}
