//! Adding entries: only to a ledger that is what it was when the run began.

use std::collections::BTreeMap;

use psqlcm_core::ledger::{Entry, EntryKind, Hash, NewEntry, Place, RowsBefore};

use super::{Ledger, LedgerError, State};
use crate::session::Session;

/// The end of one ledger, and what tells whether anybody touched it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Id and hash of the last entry with a hash.
    pub last: Option<(i64, String)>,
    /// The number of that entry.
    pub number: Option<i64>,
    /// The instance that entry was written in.
    pub instance: Option<String>,
    check: Check,
}

/// What must be the same at the start of a run and when its entry comes: see `check.sql`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    rows: i64,
    /// Sum over the versions of all rows: an update, a delete or an insert changes it.
    versions: i128,
    /// Trigger and function with their row versions: taking them off and putting them back changes it.
    guard: Option<String>,
    /// The highest id; beyond the last entry's if somebody inserted rows by hand.
    last_id: Option<i64>,
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
    /// Looks at the end of every ledger of the database: the number of an entry is one for all of them.
    ///
    /// # Errors
    /// The server's: each ledger must be readable.
    pub fn heads(&self, session: &mut Session) -> Result<Heads, LedgerError> {
        let managed = self.managed(session)?;
        let adopted = managed.iter().filter(|(_, state)| *state != State::Original);
        let schemas: Vec<&str> = adopted.map(|(schema, _)| schema.as_str()).collect();
        self.heads_of(session, &schemas)
    }

    /// Looks at the end of some ledgers, in one round trip, to [`Heads::extend`] others with.
    ///
    /// # Errors
    /// The server's: each schema must be set up.
    pub fn heads_of(&self, session: &mut Session, schemas: &[&str]) -> Result<Heads, LedgerError> {
        let mut heads = Heads::default();
        let mut failed = None;
        let sql: String = schemas.iter().map(|schema| self.at(schema).select_head() + ";\n").collect();
        if sql.is_empty() {
            return Ok(heads);
        }
        session.read(&sql, &mut |statement, cells| {
            let Some(schema) = schemas.get(statement) else {
                return;
            };
            match read_head(cells) {
                Some(head) => {
                    heads.0.insert((*schema).to_owned(), head);
                }
                None => failed = Some(unreadable(schema, cells)),
            }
        })?;
        failed.map_or(Ok(heads), Err)
    }

    /// Adds entries, in the caller's READ COMMITTED transaction, under the submit lock; two round trips. Gives ids, numbers, times and
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
        let now = self.must_be_as_seen(session, heads, &schemas).map_err(|error| gone(error, &schemas))?;
        let mut ends = BTreeMap::new();
        for schema in &schemas {
            ends.insert((*schema).to_owned(), self.end(session, heads, schema)?);
        }
        let chained = chain(entries, &mut ends, heads.last_number(), &now);
        let written = self.write(session, &chained, &ends);
        let touched: Vec<&str> = ends.keys().map(String::as_str).collect();
        let versions = written.map_err(|error| gone(error, &touched))?;
        for ((schema, entry), version) in chained.iter().zip(versions) {
            if let Some(head) = heads.0.get_mut(schema) {
                head.go_on(entry, version);
            }
        }
        Ok(chained)
    }

    /// Writes chained entries and moves the sequences on; returns the version (`xmin`) of each new row.
    fn write(
        &self,
        session: &mut Session,
        entries: &[(String, Entry)],
        ends: &BTreeMap<String, (i64, Hash)>,
    ) -> Result<Vec<i128>, LedgerError> {
        let mut sql = String::new();
        for (schema, entry) in entries {
            sql.push_str(&self.at(schema).insert_returning(entry));
        }
        for (schema, (last, _)) in ends {
            sql.push_str(&self.at(schema).set_sequence(*last));
        }
        let mut versions = Vec::with_capacity(entries.len());
        session.read(&sql, &mut |statement, cells| {
            if statement < entries.len() {
                versions.extend(cells.first().and_then(|cell| cell.as_ref()?.parse::<i128>().ok()));
            }
        })?;
        if versions.len() == entries.len() {
            Ok(versions)
        } else {
            Err(LedgerError::Answer(format!("{} of {} entries written", versions.len(), entries.len())))
        }
    }

    /// The last id, and what the next entry follows.
    fn end(&self, session: &mut Session, heads: &Heads, schema: &str) -> Result<(i64, Hash), LedgerError> {
        let head = heads.get(schema).ok_or_else(|| LedgerError::NotSeen { schema: schema.to_owned() })?;
        let previous = match &head.last {
            Some((_, hash)) => Hash::stored(hash.as_str()),
            None => self.rows_before(session, schema)?,
        };
        Ok((head.check.last_id.unwrap_or(0), previous))
    }

    fn rows_before(&self, session: &mut Session, schema: &str) -> Result<Hash, LedgerError> {
        let mut before = RowsBefore::default();
        self.read(session, &[(schema, State::Ours)], &mut |_, entry: Entry| {
            before.add(&Hash::of(&entry));
        })?;
        Ok(before.finish())
    }

    /// Compares each ledger with how it was seen at the start of the run; returns the server's clock.
    fn must_be_as_seen(
        &self,
        session: &mut Session,
        heads: &Heads,
        schemas: &[&str],
    ) -> Result<String, LedgerError> {
        let sql: String = schemas.iter().map(|schema| self.at(schema).select_check() + ";\n").collect();
        let mut clock = String::new();
        // An empty text has no answer.
        let rows = if sql.is_empty() { Vec::new() } else { session.rows(&sql)? };
        for (schema, row) in schemas.iter().zip(rows) {
            let cells: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
            let (found, now) = read_check(&cells).ok_or_else(|| unreadable(schema, &cells))?;
            let head =
                heads.get(schema).ok_or_else(|| LedgerError::NotSeen { schema: (*schema).to_owned() })?;
            head.check.must_be(&found, schema)?;
            clock = now;
        }
        Ok(clock)
    }
}

fn read_head(cells: &[Option<&str>]) -> Option<Head> {
    let (check, last) = cells.split_at_checked(5)?;
    let [id, number, hash, instance] = last.try_into().ok()?;
    let text = |cell: Option<&str>| cell.map(str::to_owned);
    Some(Head {
        last: parse(id)?.zip(text(hash)),
        number: parse(number)?,
        instance: text(instance),
        check: read_check(check)?.0,
    })
}

fn read_check(cells: &[Option<&str>]) -> Option<(Check, String)> {
    let [rows, versions, guard, now, last_id] = cells.try_into().ok()?;
    let check = Check {
        rows: parse(rows)??,
        versions: versions.map_or(Some(0), |sum| sum.parse().ok())?,
        guard: guard.map(str::to_owned),
        last_id: parse(last_id)?,
    };
    Some((check, now?.to_owned()))
}

fn parse(cell: Option<&str>) -> Option<Option<i64>> {
    cell.map(str::parse).transpose().ok()
}

fn unreadable(schema: &str, cells: &[Option<&str>]) -> LedgerError {
    LedgerError::Answer(format!("the head of schema {schema}: {cells:?}"))
}

impl Head {
    /// After an entry was written.
    fn go_on(&mut self, entry: &Entry, version: i128) {
        self.check.rows += 1;
        self.check.versions += version;
        self.check.last_id = Some(entry.id);
        self.last = entry.hash.clone().map(|hash| (entry.id, hash));
        self.number = entry.number;
        self.instance.clone_from(&entry.instance);
    }
}

impl Check {
    /// Compares the start of the run with now, and names what differs.
    fn must_be(&self, found: &Self, schema: &str) -> Result<(), LedgerError> {
        let what = if self.guard != found.guard {
            "its append-only trigger was altered, or the table made anew"
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

/// Errors that tell of a ledger that is not as it was: a change dropped or altered the table itself, or somebody added an
/// entry without the submit lock, and the unique index kept the chain from forking.
fn gone(error: LedgerError, schemas: &[&str]) -> LedgerError {
    let LedgerError::Db(cause) = &error else {
        return error;
    };
    let what = match cause.sqlstate() {
        Some("42P01" | "42703" | "3F000") => "its table was dropped or altered",
        Some("23505") => "somebody else added an entry",
        _ => return error,
    };
    let what = format!("{what} ({})", cause.message());
    LedgerError::Changed { schema: schemas.join(", "), what }
}
