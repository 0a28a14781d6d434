//! Judges a chain: against itself, and against its anchor.
//!
//! Against itself a chain shows an edited, a deleted and an inserted entry. What a chain cannot show by itself (its
//! last entries are missing; all of it was written anew) takes the [`Anchor`]. Who did it, and whether on purpose, no
//! chain can tell; a finding says what was expected, what was found and what to do next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{Entry, EntryKind};
use super::hash::{Hash, RowsBefore};

/// One ledger as it was read.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The schema it belongs to.
    pub schema: String,
    /// The instance id of the database it was read from.
    pub instance: String,
    /// The last id its sequence gave, if the role may know. The tool sets it with each entry, so an id given but absent was deleted.
    pub sequence: Option<i64>,
    /// Its rows, in any order.
    pub rows: Vec<Row>,
}

/// What verification needs of an entry; its body is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    id: i64,
    number: Option<i64>,
    created_at: Option<String>,
    kind: Option<EntryKind>,
    instance: Option<String>,
    previous_hash: Option<String>,
    hash: Option<String>,
    /// What the hash must be.
    computed: Hash,
    /// Of an adoption entry: id and hash of each row taken over.
    adopted: Option<BTreeMap<i64, String>>,
}

impl Row {
    /// What verification needs of an entry.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let is_adoption = entry.kind == Some(EntryKind::Adoption);
        Self {
            id: entry.id,
            number: entry.number,
            created_at: entry.created_at.clone(),
            kind: entry.kind.clone(),
            instance: entry.instance.clone(),
            previous_hash: entry.previous_hash.clone(),
            hash: entry.hash.clone(),
            computed: Hash::of(entry),
            adopted: entry.evidence.as_deref().filter(|_| is_adoption).and_then(adopted_rows),
        }
    }

    fn is_intact(&self) -> bool {
        self.hash.as_deref() == Some(self.computed.as_str())
    }

    /// Whether the tool wrote it with a hash, which then was taken away.
    const fn has_lost_its_hash(&self) -> bool {
        self.hash.is_none() && (self.kind.is_some() || self.number.is_some() || self.previous_hash.is_some())
    }

    fn follows(&self, hash: &str) -> bool {
        self.previous_hash.as_deref() == Some(hash)
    }
}

fn adopted_rows(evidence: &str) -> Option<BTreeMap<i64, String>> {
    let evidence: serde_json::Value = serde_json::from_str(evidence).ok()?;
    let rows = evidence.get("rows")?.as_object()?;
    rows.iter().map(|(id, hash)| Some((id.parse().ok()?, hash.as_str()?.to_owned()))).collect()
}

/// The head of a chain as git knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The environment it was taken in.
    pub environment: String,
    /// The instance id of the database it was taken from.
    pub instance: String,
    /// The database's name.
    pub database: String,
    /// The schema.
    pub schema: String,
    /// The head's id.
    pub id: i64,
    /// The head's number.
    pub number: Option<i64>,
    /// When the head was written.
    pub created_at: Option<String>,
    /// The hash of the entry before the head.
    pub previous_hash: Option<String>,
    /// The head's hash.
    pub hash: String,
    /// How many rows the ledger had.
    pub rows: u64,
    /// Entries before the head, oldest first, as far as git knows them; may be empty. They show where two histories
    /// parted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Link>,
}

/// One entry of a chain, by id and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its id.
    pub id: i64,
    /// Its hash.
    pub hash: String,
}

impl Anchor {
    /// The anchor for a ledger as it was read. `None` if no entry has a hash.
    #[must_use]
    pub fn of(environment: &str, database: &str, chain: &Chain) -> Option<Self> {
        let mut rows: Vec<&Row> = chain.rows.iter().collect();
        rows.sort_by_key(|row| row.id);
        let head = rows.iter().rposition(|row| row.hash.is_some())?;
        let link = |row: &&Row| Some(Link { id: row.id, hash: row.hash.clone()? });
        let (earlier, head) = (&rows[..head], rows[head]);
        Some(Self {
            environment: environment.to_owned(),
            instance: chain.instance.clone(),
            database: database.to_owned(),
            schema: chain.schema.clone(),
            id: head.id,
            number: head.number,
            created_at: head.created_at.clone(),
            previous_hash: head.previous_hash.clone(),
            hash: head.hash.clone()?,
            rows: earlier.len() as u64 + 1,
            earlier: earlier.iter().filter_map(link).collect(),
        })
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the chain holds.
    Notice,
    /// The ledger is not what it was.
    Broken,
}

/// What is wrong with a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The entry's values are not those it was hashed with.
    Edited,
    /// Entries up to `last` that others follow on are gone.
    Deleted {
        /// The last of the missing ids.
        last: i64,
    },
    /// A row that belongs to no chain stands in the ledger.
    Inserted,
    /// The last entries that git knows are gone: an older backup was restored.
    Behind,
    /// The chain and git's have a common past, and each went its own way.
    Forked,
    /// The chain holds in itself, and is not the one that git knows.
    Rewritten,
    /// The ledger was written in another database: this one is a copy or was restored.
    Copy,
    /// Git knows entries, and the ledger has none.
    Gone,
    /// The hash is of a form this version cannot compute.
    UnknownVersion,
    /// The table of the original tool, not adopted yet.
    NotAdopted,
}

/// One thing that is wrong with a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The schema whose ledger it is.
    pub schema: String,
    /// The entry concerned; the first missing one if entries are missing.
    pub id: Option<i64>,
    /// What is wrong.
    pub problem: Problem,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self.problem {
            Problem::Copy | Problem::NotAdopted => Severity::Notice,
            Problem::Edited
            | Problem::Deleted { .. }
            | Problem::Inserted
            | Problem::Behind
            | Problem::Forked
            | Problem::Rewritten
            | Problem::Gone
            | Problem::UnknownVersion => Severity::Broken,
        }
    }

    /// One line: where, what, expected and found.
    #[must_use]
    pub fn message(&self) -> String {
        let what = match self.problem {
            Problem::Edited => "was edited after it was written".to_owned(),
            Problem::Deleted { last } if Some(last) == self.id => "was deleted".to_owned(),
            Problem::Deleted { last } => format!("to {last} were deleted"),
            Problem::Inserted => "was inserted without being chained".to_owned(),
            Problem::Behind => {
                "is the first that git knows and the ledger lacks: the ledger is behind its anchor".to_owned()
            }
            Problem::Forked => "is where the ledger and git went different ways".to_owned(),
            Problem::Rewritten => {
                "was rewritten, with all that follows it: the chain holds, and is not the one git knows"
                    .to_owned()
            }
            Problem::Copy => {
                "is the last: the database is a copy, its ledger was written in another instance".to_owned()
            }
            Problem::Gone => "and all before it are gone".to_owned(),
            Problem::UnknownVersion => "has a hash this version of psql-cm cannot compute".to_owned(),
            Problem::NotAdopted => {
                "is the last: the table was made by version 0.2.2 and is not adopted yet".to_owned()
            }
        };
        let entry = self.id.map_or_else(|| "entry".to_owned(), |id| format!("entry {id}"));
        format!(
            "ledger of schema {}: {entry} {what} (expected {}, found {})",
            self.schema, self.expected, self.found
        )
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self.problem {
            Problem::Edited => {
                "compare the entry with <schema>.ledger.sql in git, which still has what was written; \
                 find out who could disable the table's trigger"
            }
            Problem::Deleted { .. } => {
                "the missing entries are in <schema>.ledger.sql in git if a dump was made since; \
                 find out who could disable the table's trigger"
            }
            Problem::Inserted => {
                "what the row says was not recorded by psql-cm: find out whether it was run (compare a dump with the tree), \
                 and submit it as a change if it was"
            }
            Problem::Behind => {
                "if an older backup was restored, submit the changes in <schema>.ledger.sql that are missing here, \
                 then dump; if none was, entries were deleted at the end"
            }
            Problem::Forked => {
                "two databases, or one before and after a restored backup, went on from the same entry: \
                 decide which history is the true one; dump the other under an environment of its own"
            }
            Problem::Rewritten => {
                "somebody with the rights of the owner replaced the history: compare the entries with \
                 <schema>.ledger.sql in git, and treat the database as tampered with"
            }
            Problem::Copy => {
                "if this database takes the place of the original, run psql-cm dump to anchor it as this instance; \
                 if both live on, give this one an environment of its own"
            }
            Problem::Gone => {
                "restore the ledger from <schema>.ledger.sql in git, or the database from a backup"
            }
            Problem::UnknownVersion => {
                "verify with the version of psql-cm that wrote it; if there is none, it was edited"
            }
            Problem::NotAdopted => "run psql-cm setup",
        }
    }
}

/// Judges a chain against itself and, if git knows it, against its anchor.
#[must_use]
pub fn verify(chain: &Chain, anchor: Option<&Anchor>) -> Vec<Finding> {
    let mut rows: Vec<&Row> = chain.rows.iter().collect();
    rows.sort_by_key(|row| row.id);
    let mut judge = Judge { chain, rows, findings: Vec::new() };
    judge.against_itself();
    if let Some(anchor) = anchor {
        judge.against_anchor(anchor);
    }
    judge.origin(anchor);
    judge.findings.sort_by_key(|finding| finding.id);
    judge.findings
}

struct Judge<'a> {
    chain: &'a Chain,
    rows: Vec<&'a Row>,
    findings: Vec<Finding>,
}

/// The last entry that the walk has passed.
struct Passed<'a> {
    row: &'a Row,
    /// What the next entry must follow; unknown where the hash was taken away or replaced.
    hash: Option<&'a str>,
}

impl<'a> Judge<'a> {
    fn against_itself(&mut self) {
        let Some(start) = self.rows.iter().position(|row| row.hash.is_some()) else {
            return self.without_chain();
        };
        self.beginning(start);
        let rows = self.rows.clone();
        let first = rows[start];
        let mut passed =
            Passed { row: first, hash: first.is_intact().then_some(()).and(first.hash.as_deref()) };
        for (index, row) in rows.iter().enumerate().skip(start + 1) {
            let next = rows[index + 1..].iter().find(|row| row.hash.is_some()).copied();
            self.step(&mut passed, row, next, rows[index - 1].id);
        }
    }

    /// No row has a hash: a table of the original tool, or one whose hashes were all taken away.
    fn without_chain(&mut self) {
        let lost: Vec<&Row> = self.rows.iter().copied().filter(|row| row.has_lost_its_hash()).collect();
        for row in &lost {
            self.edited(row, "no hash");
        }
        if let (Some(last), true) = (self.rows.last(), lost.is_empty()) {
            let id = last.id;
            self.report(id, Problem::NotAdopted, "an adoption entry", "rows without hashes");
        }
    }

    /// Judges the first entry with a hash, and the rows before it, over which it was hashed.
    fn beginning(&mut self, start: usize) {
        let before = self.rows[..start].to_vec();
        let first = self.rows[start];
        if !self.is_sound(first) {
            return;
        }
        let mut expected = RowsBefore::default();
        before.iter().for_each(|row| expected.add(&row.computed));
        let expected = expected.finish();
        if first.follows(expected.as_str()) {
            return;
        }
        let lost: Vec<&Row> = before.iter().copied().filter(|row| row.has_lost_its_hash()).collect();
        if !lost.is_empty() {
            lost.iter().for_each(|row| self.edited(row, "no hash"));
        } else if let Some(adopted) = &first.adopted {
            self.adopted(first, adopted, &before);
        } else if first.follows(Hash::genesis().as_str()) {
            before.iter().for_each(|row| self.inserted(row, "no hash"));
        } else {
            let from = before.last().map_or(1, |row| row.id + 1);
            self.report(
                from.min(first.id - 1),
                Problem::Deleted { last: first.id - 1 },
                first.previous_hash.as_deref().unwrap_or("a previous hash"),
                expected.as_str(),
            );
        }
    }

    /// The rows taken over are not what the adoption entry took over: says which.
    fn adopted(&mut self, first: &Row, adopted: &BTreeMap<i64, String>, before: &[&Row]) {
        for row in before {
            match adopted.get(&row.id) {
                None => self.inserted(row, "no hash"),
                Some(hash) if hash != row.computed.as_str() => {
                    self.report(row.id, Problem::Edited, hash, row.computed.as_str());
                }
                Some(_) => {}
            }
        }
        for (id, hash) in adopted {
            if !before.iter().any(|row| row.id == *id) {
                self.report(*id, Problem::Deleted { last: *id }, hash, "no row");
            }
        }
        if self.findings.is_empty() {
            // The list agrees and the sum does not: the tool wrote a wrong entry.
            self.edited(first, "a previous hash that does not fit the rows before");
        }
    }

    fn step(&mut self, passed: &mut Passed<'a>, row: &'a Row, next: Option<&'a Row>, id_before: i64) {
        if row.has_lost_its_hash() {
            self.edited(row, "no hash");
            *passed = Passed { row, hash: None };
            return;
        }
        let Some(hash) = row.hash.as_deref() else {
            return self.inserted(row, "no hash");
        };
        let fits = passed.hash.is_none_or(|previous| row.follows(previous));
        let is_skipped =
            !fits && next.is_none_or(|next| passed.hash.is_some_and(|previous| next.follows(previous)));
        if !row.is_intact() && is_skipped && Hash::is_known_version(hash) {
            return self.inserted(row, hash);
        }
        if !self.is_sound(row) {
            // If its hash was replaced the next entry does not follow it; that is explained by now.
            let is_followed = next.is_some_and(|next| next.follows(hash));
            *passed = Passed { row, hash: is_followed.then_some(hash) };
            return;
        }
        if !fits {
            self.joint(passed, row, next, id_before);
        }
        *passed = Passed { row, hash: Some(hash) };
    }

    /// Two sound entries that do not follow each other.
    fn joint(&mut self, passed: &Passed<'_>, row: &Row, next: Option<&Row>, id_before: i64) {
        let expected = row.previous_hash.as_deref().unwrap_or("a previous hash");
        let found = passed.hash.unwrap_or("no hash");
        if row.id > id_before + 1 {
            self.report(id_before + 1, Problem::Deleted { last: row.id - 1 }, expected, found);
        } else if next.is_some_and(|next| next.follows(found)) {
            self.inserted(row, expected);
        } else {
            // The row before was edited, and hashed anew: this one still follows what it was.
            self.report(passed.row.id, Problem::Edited, expected, found);
        }
    }

    /// Whether the entry's own hash fits; reports it if not.
    fn is_sound(&mut self, row: &Row) -> bool {
        if row.is_intact() {
            return true;
        }
        let hash = row.hash.as_deref().unwrap_or("no hash");
        if Hash::is_known_version(hash) {
            self.edited(row, hash);
        } else {
            self.report(row.id, Problem::UnknownVersion, row.computed.as_str(), hash);
        }
        false
    }

    fn against_anchor(&mut self, anchor: &Anchor) {
        let hashed: Vec<&Row> = self.rows.iter().copied().filter(|row| row.hash.is_some()).collect();
        let Some(head) = hashed.last() else {
            return self.report(anchor.id, Problem::Gone, &anchor.hash, "no entry with a hash");
        };
        if let Some(at) = hashed.iter().find(|row| row.hash.as_deref() == Some(anchor.hash.as_str())) {
            return self.row_count(anchor, at);
        }
        let is_broken = self.findings.iter().any(|finding| finding.severity() == Severity::Broken);
        // Each known entry that is still there, in order, then the first that is not.
        let known = |link: &&Link| {
            hashed.iter().any(|row| row.id == link.id && row.hash.as_deref() == Some(&link.hash))
        };
        let common = anchor.earlier.iter().filter(known).map(|link| link.id).max();
        let parted =
            anchor.earlier.iter().map(|link| link.id).find(|id| common.is_none_or(|common| *id > common));
        let parted = parted.unwrap_or(anchor.id);
        let found = head.hash.as_deref().unwrap_or("no hash");
        let same_entry = hashed.iter().find(|row| {
            row.created_at.is_some() && row.created_at == anchor.created_at && row.number == anchor.number
        });
        if let Some(row) = same_entry {
            // An edited head has been reported for what it is.
            if !is_broken {
                self.report(
                    parted.min(row.id),
                    Problem::Rewritten,
                    &anchor.hash,
                    row.hash.as_deref().unwrap_or(found),
                );
            }
        } else if head.id < anchor.id && self.may_be_a_past_of(anchor, head, common) {
            self.behind(anchor, head);
        } else if !is_broken {
            let problem = self.forked_or_rewritten(anchor, common);
            self.report(parted, problem, &anchor.hash, found);
        }
    }

    /// Whether the chain may end where git's once did. Not if git knows another entry in the head's place, nor if a copy
    /// has written entries of its own.
    fn may_be_a_past_of(&self, anchor: &Anchor, head: &Row, common: Option<i64>) -> bool {
        let is_other_known = anchor.earlier.iter().any(|link| link.id == head.id) && common != Some(head.id);
        let is_own =
            self.chain.instance != anchor.instance && head.instance.as_ref() == Some(&self.chain.instance);
        !is_other_known && !is_own
    }

    fn behind(&mut self, anchor: &Anchor, head: &Row) {
        let found = head.hash.clone().unwrap_or_default();
        let is_given = anchor.instance == self.chain.instance
            && self.chain.sequence.is_some_and(|last| last >= anchor.id);
        // A backup brings back the sequence too; where it has given the anchor's id the rows were deleted.
        let problem = if is_given { Problem::Deleted { last: anchor.id } } else { Problem::Behind };
        self.report(head.id + 1, problem, &anchor.hash, &found);
    }

    /// Another history stands where git's should, with entries of other times. If it shares its beginning with git's,
    /// or was written elsewhere, the two have parted; if git knows the beginning and nothing of it is left, it was
    /// replaced. Where git knows no more than the head, parting is the likelier: a backup was restored and used again.
    fn forked_or_rewritten(&self, anchor: &Anchor, common: Option<i64>) -> Problem {
        let has_parted = anchor.earlier.is_empty()
            || common.is_some()
            || self.chain.instance != anchor.instance
            || self.rows.iter().any(|row| row.hash.is_some() && row.previous_hash == anchor.previous_hash);
        if has_parted { Problem::Forked } else { Problem::Rewritten }
    }

    /// The anchor is in the chain: there must be as many rows up to it as git counted.
    fn row_count(&mut self, anchor: &Anchor, at: &Row) {
        let rows = self.rows.iter().filter(|row| row.id <= at.id).count() as u64;
        if rows == anchor.rows || !self.findings.is_empty() {
            return;
        }
        let problem =
            if rows < anchor.rows { Problem::Deleted { last: at.id - 1 } } else { Problem::Inserted };
        self.report(at.id - 1, problem, &format!("{} rows", anchor.rows), &format!("{rows} rows"));
    }

    /// A ledger tells where its last entry was written, git tells where its anchor was: is it here?
    fn origin(&mut self, anchor: Option<&Anchor>) {
        let last = self.rows.iter().rev().find(|row| row.hash.is_some());
        let (Some(row), here) = (last, self.chain.instance.clone()) else {
            return;
        };
        let written = row.instance.as_deref().filter(|instance| *instance != here);
        let anchored = anchor.map(|anchor| anchor.instance.as_str()).filter(|instance| *instance != here);
        // Once a copy was anchored as itself it is no copy any more.
        if anchor.is_some() && anchored.is_none() {
            return;
        }
        if let Some(other) = anchored.or(written) {
            self.report(row.id, Problem::Copy, &format!("instance {other}"), &format!("instance {here}"));
        }
    }

    fn edited(&mut self, row: &Row, found: &str) {
        self.report(row.id, Problem::Edited, row.computed.as_str(), found);
    }

    fn inserted(&mut self, row: &Row, found: &str) {
        self.report(row.id, Problem::Inserted, "an entry that follows the one before", found);
    }

    fn report(&mut self, id: i64, problem: Problem, expected: &str, found: &str) {
        self.findings.push(Finding {
            schema: self.chain.schema.clone(),
            id: Some(id),
            problem,
            expected: expected.to_owned(),
            found: found.to_owned(),
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ledger::{NewEntry, Origin, Place, digest};

    const HERE: &str = "7000000000000000001/16384";
    const ELSEWHERE: &str = "7000000000000000001/16999";

    fn origin(instance: &str) -> Origin {
        Origin {
            implementer: "T<t@example.org>".to_owned(),
            run_id: "run".to_owned(),
            login_role: "app".to_owned(),
            acting_role: "owner".to_owned(),
            client_address: Some("127.0.0.1".to_owned()),
            environment: "default".to_owned(),
            instance: instance.to_owned(),
            server_version: "15.18".to_owned(),
            tool_version: "1.0.0".to_owned(),
        }
    }

    fn entry_of(kind: EntryKind, instance: &str, id: i64, content: &str, previous: &Hash) -> Entry {
        let created_at = format!("2026-11-23T04:13:{id:02}.000000Z");
        let place = Place { id, number: id, created_at, previous: previous.clone() };
        NewEntry::new(kind, content, origin(instance)).at(place)
    }

    pub(in crate::ledger) fn entry(id: i64, content: &str, previous: &Hash) -> Entry {
        entry_of(EntryKind::Change, HERE, id, content, previous)
    }

    fn hash(entry: &Entry) -> Hash {
        Hash::stored(entry.hash.clone().expect("hashed"))
    }

    /// Goes on with `count` entries that say `word`.
    fn extend(entries: &mut Vec<Entry>, count: i64, word: &str, instance: &str) {
        for _ in 0..count {
            let id = entries.last().map_or(1, |last| last.id + 1);
            let previous = entries.last().map_or_else(Hash::genesis, hash);
            entries.push(entry_of(EntryKind::Change, instance, id, &format!("{word} {id}"), &previous));
        }
    }

    fn five() -> Vec<Entry> {
        let mut entries = Vec::new();
        extend(&mut entries, 5, "change", HERE);
        entries
    }

    /// Hashes everything anew, as somebody who knows how would.
    fn rehash(entries: &mut [Entry]) {
        let mut previous = Hash::genesis();
        for entry in entries {
            entry.previous_hash = Some(previous.into_text());
            entry.digest = Some(digest(entry.content.as_bytes()));
            previous = Hash::of(entry);
            entry.hash = Some(previous.as_str().to_owned());
        }
    }

    fn original(id: i64, content: &str) -> Entry {
        Entry {
            number: None,
            change_id: None,
            run_id: None,
            kind: None,
            digest: None,
            login_role: None,
            acting_role: None,
            client_address: None,
            environment: None,
            instance: None,
            server_version: None,
            tool_version: None,
            previous_hash: None,
            hash: None,
            ..entry(id, content, &Hash::genesis())
        }
    }

    /// Two rows of the original tool, adopted, then three changes.
    fn adopted() -> Vec<Entry> {
        let mut entries = vec![original(1, "base"), original(2, "ALTER ...")];
        let (mut before, mut rows) = (RowsBefore::default(), serde_json::Map::new());
        for entry in &entries {
            before.add(&Hash::of(entry));
            rows.insert(entry.id.to_string(), Hash::of(entry).into_text().into());
        }
        let evidence = serde_json::Map::from_iter([("rows".to_owned(), rows.into())]);
        let mut new = NewEntry::new(EntryKind::Adoption, "-- adopted", origin(HERE));
        new.evidence = Some(crate::ledger::Evidence::from_strings(&evidence));
        let created_at = "2026-11-23T04:13:03.000000Z".to_owned();
        entries.push(new.at(Place { id: 3, number: 1, created_at, previous: before.finish() }));
        extend(&mut entries, 3, "change", HERE);
        entries
    }

    fn chain(entries: &[Entry], instance: &str) -> Chain {
        Chain {
            schema: "app".to_owned(),
            instance: instance.to_owned(),
            sequence: entries.last().map(|last| last.id),
            rows: entries.iter().map(Row::of).collect(),
        }
    }

    fn anchor(entries: &[Entry]) -> Anchor {
        Anchor::of("default", "shop", &chain(entries, HERE)).expect("has a head")
    }

    /// Only the head is known, as from an evidence file.
    fn bare(anchor: &Anchor) -> Anchor {
        Anchor { earlier: Vec::new(), ..anchor.clone() }
    }

    fn problems(chain: &Chain, anchor: Option<&Anchor>) -> Vec<(i64, Problem)> {
        let findings = verify(chain, anchor);
        for finding in &findings {
            assert!(finding.message().starts_with("ledger of schema app: entry "), "{}", finding.message());
            assert!(!finding.hint().is_empty() && finding.expected != finding.found, "{finding:?}");
        }
        findings.into_iter().map(|finding| (finding.id.unwrap_or(0), finding.problem)).collect()
    }

    /// Alone, against the whole history in git and against the head only.
    fn check(chain: &Chain, anchor: &Anchor, expected: &[(i64, Problem)]) {
        assert_eq!(problems(chain, None), expected, "alone");
        check_anchored(chain, anchor, expected);
    }

    fn check_anchored(chain: &Chain, anchor: &Anchor, expected: &[(i64, Problem)]) {
        assert_eq!(problems(chain, Some(anchor)), expected, "anchored");
        assert_eq!(problems(chain, Some(&bare(anchor))), expected, "anchored by the head");
    }

    #[test]
    fn a_sound_chain_has_no_findings() {
        for entries in [five(), adopted()] {
            for known in 3..=entries.len() {
                check(&chain(&entries, HERE), &anchor(&entries[..known]), &[]);
            }
        }
        assert_eq!(problems(&chain(&[], HERE), None), []);
    }

    #[test]
    fn an_edited_entry_is_named() {
        for (entries, editable) in [(five(), 1..=5), (adopted(), 1..=6)] {
            for id in editable {
                let mut edited = entries.clone();
                edited[id - 1].content.push_str(" -- nothing to see");
                check(&chain(&edited, HERE), &anchor(&entries), &[(id as i64, Problem::Edited)]);
            }
        }
    }

    #[test]
    fn an_edited_hash_is_named_by_its_entry_only() {
        let entries = five();
        for id in 1..=5 {
            for hash in [None, Some("1:00".to_owned())] {
                let mut edited = entries.clone();
                edited[id - 1].hash = hash;
                assert_eq!(problems(&chain(&edited, HERE), None), [(id as i64, Problem::Edited)]);
            }
            let mut edited = entries.clone();
            edited[id - 1].hash = Some("2:00".to_owned());
            assert_eq!(problems(&chain(&edited, HERE), None), [(id as i64, Problem::UnknownVersion)]);
            let mut edited = entries.clone();
            edited[id - 1].previous_hash = Some("1:00".to_owned());
            let alone = problems(&chain(&edited, HERE), None);
            // With nothing after it, an entry that fits nowhere is taken for one that was put there.
            let expected = if id == 5 { Problem::Inserted } else { Problem::Edited };
            assert_eq!(alone, [(id as i64, expected)]);
        }
    }

    #[test]
    fn an_entry_edited_and_hashed_anew_is_named_by_the_one_after() {
        let entries = five();
        for id in 1..=4 {
            let mut edited = entries.clone();
            edited[id - 1].content = "forged".to_owned();
            edited[id - 1].hash = Some(Hash::of(&edited[id - 1]).into_text());
            check(&chain(&edited, HERE), &anchor(&entries), &[(id as i64, Problem::Edited)]);
        }
    }

    #[test]
    fn a_deleted_entry_is_named() {
        for (entries, deletable) in [(five(), 1..=4), (adopted(), 1..=5)] {
            for id in deletable {
                let mut left = entries.clone();
                left.remove(id - 1);
                let id = id as i64;
                check(&chain(&left, HERE), &anchor(&entries), &[(id, Problem::Deleted { last: id })]);
            }
        }
        let mut left = five();
        left.drain(1..3);
        check(&chain(&left, HERE), &anchor(&five()), &[(2, Problem::Deleted { last: 3 })]);
    }

    #[test]
    fn entries_deleted_at_the_end_are_told_from_a_restored_backup_by_the_sequence() {
        let entries = five();
        let mut left = chain(&entries[..3], HERE);
        check_anchored(&left, &anchor(&entries), &[(4, Problem::Behind)]);
        left.sequence = Some(5);
        check_anchored(&left, &anchor(&entries), &[(4, Problem::Deleted { last: 5 })]);
        assert_eq!(problems(&left, None), [], "by itself it is a shorter chain");
    }

    #[test]
    fn an_inserted_row_is_named() {
        for entries in [five(), adopted()] {
            let last = entries.len() as i64;
            // As the original tool, or a person with INSERT, would write it; then the tool goes on.
            let mut inserted = entries.clone();
            inserted.push(original(last + 1, "by hand"));
            check(&chain(&inserted, HERE), &anchor(&entries), &[(last + 1, Problem::Inserted)]);
            let previous = hash(&entries[entries.len() - 1]);
            inserted.push(entry(last + 2, "change", &previous));
            inserted.push(entry(last + 3, "change", &hash(&inserted[inserted.len() - 1])));
            check(&chain(&inserted, HERE), &anchor(&entries), &[(last + 1, Problem::Inserted)]);
            // Before all others.
            let mut inserted = entries.clone();
            inserted.insert(0, original(-1, "by hand"));
            check(&chain(&inserted, HERE), &anchor(&entries), &[(-1, Problem::Inserted)]);
            // With a hash that fits nothing, at the end and before the next entry.
            let mut inserted = entries.clone();
            let mut forged = entry(last + 1, "by hand", &Hash::stored("1:00"));
            forged.hash = Some("1:11".to_owned());
            inserted.push(forged);
            check(&chain(&inserted, HERE), &anchor(&entries), &[(last + 1, Problem::Inserted)]);
            inserted.push(entry(last + 2, "change", &previous));
            check(&chain(&inserted, HERE), &anchor(&entries), &[(last + 1, Problem::Inserted)]);
        }
    }

    #[test]
    fn a_chain_wholly_hashed_anew_is_rewritten() {
        let entries = five();
        for id in 1..=5 {
            let mut forged = entries.clone();
            forged[id - 1].content = "forged".to_owned();
            rehash(&mut forged);
            assert_eq!(problems(&chain(&forged, HERE), None), [], "by itself it holds");
            let git = anchor(&entries);
            assert_eq!(problems(&chain(&forged, HERE), Some(&git)), [(id as i64, Problem::Rewritten)]);
            assert_eq!(problems(&chain(&forged, HERE), Some(&bare(&git))), [(5, Problem::Rewritten)]);
        }
        // One entry taken out, the rest moved up.
        let mut forged = entries.clone();
        forged.remove(1);
        (1..).zip(&mut forged).for_each(|(id, entry)| entry.id = id);
        rehash(&mut forged);
        assert_eq!(problems(&chain(&forged, HERE), Some(&anchor(&entries))), [(2, Problem::Rewritten)]);
        assert_eq!(
            problems(&chain(&forged, HERE), Some(&bare(&anchor(&entries)))),
            [(4, Problem::Rewritten)]
        );
        // All invented.
        let mut forged = entries.clone();
        forged.iter_mut().for_each(|entry| entry.created_at = Some("2020-01-01T00:00:00.000000Z".to_owned()));
        rehash(&mut forged);
        assert_eq!(problems(&chain(&forged, HERE), Some(&anchor(&entries))), [(1, Problem::Rewritten)]);
    }

    #[test]
    fn a_restored_backup_is_behind_and_forks_when_it_is_used() {
        let entries = five();
        let git = anchor(&entries);
        let mut restored = entries[..3].to_vec();
        check_anchored(&chain(&restored, HERE), &git, &[(4, Problem::Behind)]);
        // Into a new database, as pg_restore would: behind, and a copy.
        let behind = [(3, Problem::Copy), (4, Problem::Behind)];
        check_anchored(&chain(&restored, ELSEWHERE), &git, &behind);
        for (count, seen) in [(1, 4), (2, 5), (3, 6)] {
            restored.truncate(3);
            extend(&mut restored, count, "other", HERE);
            for entry in &mut restored[3..] {
                entry.created_at = Some(format!("2026-11-24T00:00:{:02}.000000Z", entry.id));
            }
            let mut previous = hash(&restored[2]);
            for entry in &mut restored[3..] {
                entry.previous_hash = Some(previous.into_text());
                previous = Hash::of(entry);
                entry.hash = Some(previous.as_str().to_owned());
            }
            let chain = chain(&restored, HERE);
            assert_eq!(problems(&chain, None), []);
            assert_eq!(problems(&chain, Some(&git)), [(4, Problem::Forked)]);
            // By the head alone a shorter history cannot be told from the past of the longer one.
            let by_head = if seen < 5 { (5, Problem::Behind) } else { (5, Problem::Forked) };
            assert_eq!(problems(&chain, Some(&bare(&git))), [by_head]);
        }
    }

    #[test]
    fn a_copy_of_a_database_is_a_copy_until_it_is_anchored_or_forks() {
        let entries = five();
        let git = anchor(&entries);
        check(&chain(&entries, ELSEWHERE), &git, &[(5, Problem::Copy)]);
        // It goes on, the original does not.
        let mut copy = entries.clone();
        extend(&mut copy, 1, "copy", ELSEWHERE);
        check_anchored(&chain(&copy, ELSEWHERE), &git, &[(6, Problem::Copy)]);
        let own = Anchor { instance: ELSEWHERE.to_owned(), ..anchor(&copy) };
        check_anchored(&chain(&copy, ELSEWHERE), &own, &[]);
        // Both go on.
        let mut original = entries.clone();
        extend(&mut original, 1, "original", HERE);
        original[5].created_at = Some("2026-11-24T00:00:00.000000Z".to_owned());
        original[5].hash = Some(Hash::of(&original[5]).into_text());
        let both = [(6, Problem::Forked), (6, Problem::Copy)];
        check_anchored(&chain(&copy, ELSEWHERE), &anchor(&original), &both);
        extend(&mut original, 1, "original", HERE);
        let chain = chain(&copy, ELSEWHERE);
        assert_eq!(problems(&chain, Some(&anchor(&original))), both);
        assert_eq!(
            problems(&chain, Some(&bare(&anchor(&original)))),
            [(6, Problem::Copy), (7, Problem::Forked)]
        );
    }

    #[test]
    fn an_emptied_ledger_and_one_of_the_original_tool_are_named() {
        check_anchored(&chain(&[], HERE), &anchor(&five()), &[(5, Problem::Gone)]);
        let old = chain(&adopted()[..2], HERE);
        assert_eq!(problems(&old, None), [(2, Problem::NotAdopted)]);
        let findings = verify(&old, None);
        assert_eq!(findings[0].severity(), Severity::Notice);
    }
}
