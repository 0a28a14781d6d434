//! Adding entries: only to a ledger that is what it was when the run began.

use std::collections::BTreeMap;

use psqlcm_core::ledger::{Entry, EntryKind, Hash, NewEntry, Place, RowsBefore};

use super::{Ledger, LedgerError, State};
use crate::session::{DbError, Session};

/// The end of one ledger, and what tells whether anybody touched it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How many rows it has.
    pub rows: i64,
    /// Id and hash of the last entry with a hash.
    pub last: Option<(i64, String)>,
    /// The number of that entry.
    pub number: Option<i64>,
    /// The instance that entry was written in.
    pub instance: Option<String>,
    /// The highest id; beyond the last entry's if somebody inserted rows by hand.
    last_id: Option<i64>,
    /// Sum over the versions of all rows: an update, a delete or an insert changes it.
    versions: Option<String>,
    /// Trigger and function with their row versions: taking them off and putting them back changes it.
    guard: Option<String>,
}

/// The ends of the ledgers of one database, as they were when the run began, and as the run's own entries left them.
///
/// After a rollback they are out of date: keep a clone from before, or look again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heads(BTreeMap<String, Head>);

impl Heads {
    /// The head of a schema's ledger.
    #[must_use]
    pub fn get(&self, schema: &str) -> Option<&Head> {
        self.0.get(schema)
    }

    /// The schemas and their heads, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Head)> {
        self.0.iter().map(|(schema, head)| (schema.as_str(), head))
    }

    /// Adds what was looked at later, for example a schema that the run itself set up.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn last_number(&self) -> i64 {
        self.0.values().filter_map(|head| head.number).max().unwrap_or(0)
    }
}

impl Ledger {
    /// Looks at the end of each ledger; all of the database's managed schemas, for the number of an entry is one for the
    /// database. One round trip.
    ///
    /// # Errors
    /// The server's: each schema must be set up.
    pub fn heads(&self, session: &mut Session, schemas: &[&str]) -> Result<Heads, LedgerError> {
        Ok(self.look(session, "", 0, schemas)?.heads)
    }

    /// Adds entries, in the caller's transaction, under the submit lock; two round trips. Gives ids, numbers, times and
    /// hashes; an entry of kind `linked` has the number of the one before it. `heads` are those of the run's start, and
    /// go on with the entries.
    ///
    /// # Errors
    /// [`LedgerError::Changed`] if a ledger is not what `heads` says; then nothing is written, and the transaction must
    /// be rolled back.
    pub fn append(
        &self,
        session: &mut Session,
        heads: &mut Heads,
        entries: Vec<(String, NewEntry)>,
    ) -> Result<Vec<(String, Entry)>, LedgerError> {
        let mut schemas: Vec<&str> = entries.iter().map(|(schema, _)| schema.as_str()).collect();
        schemas.sort_unstable();
        schemas.dedup();
        let seen = self.look(session, "", 0, &schemas).map_err(|error| gone(error, &schemas))?;
        for schema in &schemas {
            let expected =
                heads.get(schema).ok_or_else(|| LedgerError::NotSeen { schema: (*schema).to_owned() })?;
            let found = seen
                .heads
                .get(schema)
                .ok_or_else(|| LedgerError::NotSeen { schema: (*schema).to_owned() })?;
            expected.must_be(found, schema)?;
        }
        let mut ends = BTreeMap::new();
        for schema in &schemas {
            ends.insert((*schema).to_owned(), self.end(session, heads, schema)?);
        }
        let schemas: Vec<String> = schemas.into_iter().map(str::to_owned).collect();
        let schemas: Vec<&str> = schemas.iter().map(String::as_str).collect();
        let chained = chain(entries, &mut ends, heads.last_number(), &seen.now);
        let mut sql: String = chained.iter().map(|(schema, entry)| self.at(schema).insert(entry)).collect();
        for (schema, (last, _)) in &ends {
            sql.push_str(&self.at(schema).set_sequence(*last));
        }
        let statements = chained.len() + ends.len();
        heads.extend(self.look(session, &sql, statements, &schemas)?.heads);
        Ok(chained)
    }

    /// The last id, and what the next entry follows.
    fn end(&self, session: &mut Session, heads: &Heads, schema: &str) -> Result<(i64, Hash), LedgerError> {
        let head = heads.get(schema).ok_or_else(|| LedgerError::NotSeen { schema: schema.to_owned() })?;
        let previous = match &head.last {
            Some((_, hash)) => Hash::stored(hash.as_str()),
            None => self.rows_before(session, schema)?,
        };
        Ok((head.last_id.unwrap_or(0), previous))
    }

    fn rows_before(&self, session: &mut Session, schema: &str) -> Result<Hash, LedgerError> {
        let mut before = RowsBefore::default();
        self.read(session, &[(schema, State::Ours)], &mut |_, entry: Entry| {
            before.add(&Hash::of(&entry));
        })?;
        Ok(before.finish())
    }

    /// Runs `first`, which is `statements` long, and looks at the heads in the same round trip.
    fn look(
        &self,
        session: &mut Session,
        first: &str,
        statements: usize,
        schemas: &[&str],
    ) -> Result<Seen, LedgerError> {
        let mut sql = first.to_owned();
        for schema in schemas {
            sql.push_str(&self.at(schema).select_head());
            sql.push_str(";\n");
        }
        let mut seen = Seen::default();
        let mut unreadable = None;
        if sql.is_empty() {
            return Ok(seen);
        }
        session.read(&sql, &mut |statement, cells| {
            let Some(schema) = statement.checked_sub(statements).and_then(|index| schemas.get(index)) else {
                return;
            };
            match read_head(cells) {
                Some((head, now)) => {
                    seen.heads.0.insert((*schema).to_owned(), head);
                    seen.now = now;
                }
                None => unreadable = Some(format!("the head of schema {schema}: {cells:?}")),
            }
        })?;
        unreadable.map_or(Ok(seen), |answer| Err(LedgerError::Answer(answer)))
    }
}

#[derive(Default)]
struct Seen {
    heads: Heads,
    /// The server's clock.
    now: String,
}

fn read_head(cells: &[Option<&str>]) -> Option<(Head, String)> {
    let [rows, versions, last_id, id, number, hash, instance, guard, now] = cells.try_into().ok()?;
    let text = |cell: Option<&str>| cell.map(str::to_owned);
    let parse = |cell: Option<&str>| cell.map(str::parse::<i64>).transpose().ok();
    let head = Head {
        rows: parse(rows)??,
        last: parse(id)?.zip(text(hash)),
        number: parse(number)?,
        instance: text(instance),
        last_id: parse(last_id)?,
        versions: text(versions),
        guard: text(guard),
    };
    Some((head, text(now)?))
}

impl Head {
    /// Compares the start of the run with now, and names what differs.
    fn must_be(&self, found: &Self, schema: &str) -> Result<(), LedgerError> {
        let what = if self.guard != found.guard {
            "its append-only trigger was altered, or the table made anew"
        } else if self.last != found.last {
            "its last entry is another one"
        } else if self.rows != found.rows {
            "rows were added or removed"
        } else if self != found {
            "rows were altered"
        } else {
            return Ok(());
        };
        Err(LedgerError::Changed { schema: schema.to_owned(), what: what.to_owned() })
    }
}

/// Gives each entry its place; `ends` go on with them.
fn chain(
    entries: Vec<(String, NewEntry)>,
    ends: &mut BTreeMap<String, (i64, Hash)>,
    last_number: i64,
    now: &str,
) -> Vec<(String, Entry)> {
    let mut number = last_number;
    let mut chained = Vec::with_capacity(entries.len());
    for (schema, entry) in entries {
        if entry.kind != EntryKind::Linked || chained.is_empty() {
            number += 1;
        }
        let (last, previous) = ends.remove(&schema).unwrap_or_else(|| (0, Hash::genesis()));
        let place = Place { id: last + 1, number, created_at: now.to_owned(), previous };
        let entry = entry.at(place);
        ends.insert(schema.clone(), (entry.id, Hash::of(&entry)));
        chained.push((schema, entry));
    }
    chained
}

/// A change that drops or alters the table itself makes looking fail.
fn gone(error: LedgerError, schemas: &[&str]) -> LedgerError {
    const UNDEFINED: [&str; 3] = ["42P01", "42703", "3F000"];
    let LedgerError::Db(cause) = &error else {
        return error;
    };
    if !cause.sqlstate().is_some_and(|state| UNDEFINED.contains(&state)) {
        return error;
    }
    let what = format!("its table was dropped or altered ({})", DbError::message(cause));
    LedgerError::Changed { schema: schemas.join(", "), what }
}
