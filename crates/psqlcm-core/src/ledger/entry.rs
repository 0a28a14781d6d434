//! One entry: a row of the ledger, with every value as the text PostgreSQL gives for it.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use super::evidence::{self, Evidence};
use super::hash::{Hash, digest};
use super::sql::{COLUMNS, WIDTH};

/// A row of the ledger. The first five columns are those of the original tool; a row it made has only those.
///
/// Times are RFC 3339 in UTC with six digits of fraction (`2026-11-23T04:13:47.000001Z`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The place in this ledger: 1, 2, 3, ...
    pub id: i64,
    /// Whether `content` builds the schema from nothing; it is a change otherwise.
    pub is_base: bool,
    /// When the entry was written. The original tool's column may be null.
    pub created_at: Option<String>,
    /// Who ran it, as they call themselves: `Name <address>`.
    pub implementer: String,
    /// What was run, byte for byte.
    pub content: String,
    /// The place among all entries of the database. A linked entry has its main entry's number.
    pub number: Option<i64>,
    /// The change this entry belongs to.
    pub change_id: Option<String>,
    /// The run of the tool that wrote it; one run may write many entries in many databases.
    pub run_id: Option<String>,
    /// What the entry records.
    pub kind: Option<EntryKind>,
    /// The [`digest`] of `content`.
    pub digest: Option<String>,
    /// What takes the change back.
    pub revert_sql: Option<String>,
    /// The role that logged in (`session_user`).
    pub login_role: Option<String>,
    /// The role the change ran as (`current_user`).
    pub acting_role: Option<String>,
    /// Where the client connected from; null over a Unix socket.
    pub client_address: Option<String>,
    /// The environment's name.
    pub environment: Option<String>,
    /// The database's instance id: system identifier and database OID.
    pub instance: Option<String>,
    /// The server's version.
    pub server_version: Option<String>,
    /// The tool's version.
    pub tool_version: Option<String>,
    /// When the work began.
    pub started_at: Option<String>,
    /// How long the work took, in microseconds.
    pub duration_us: Option<i64>,
    /// The schema's fingerprint before the work.
    pub fingerprint_before: Option<String>,
    /// The schema's fingerprint after the work.
    pub fingerprint_after: Option<String>,
    /// What else proves it, as canonical JSON.
    pub evidence: Option<String>,
    /// The hash of the entry before this one.
    pub previous_hash: Option<String>,
    /// The hash of this entry.
    pub hash: Option<String>,
}

/// What an entry records. A word of a newer version is kept and shown as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// The rows that were there before are taken over from the original tool.
    Adoption,
    /// The schema as it was when it came under control; replay begins here.
    Base,
    /// A change that ran in a transaction.
    Change,
    /// What was done past the tool, recorded afterwards.
    Drift,
    /// A change recorded in another schema's ledger altered this schema too.
    Linked,
    /// A statement that cannot run in a transaction is about to start.
    Before,
    /// The statement announced by the entry before has ended.
    After,
    /// The schema was taken from control, or dropped or renamed.
    Remove,
    /// Another schema's ledger, copied here before that schema was dropped or renamed.
    Copied,
    /// This ledger was chosen to record what belongs to no schema.
    Home,
    /// The table's protection was found damaged, and was restored.
    Repair,
    /// A kind this version does not know.
    Other(String),
}

impl EntryKind {
    const KNOWN: [Self; 11] = [
        Self::Adoption,
        Self::Base,
        Self::Change,
        Self::Drift,
        Self::Linked,
        Self::Before,
        Self::After,
        Self::Remove,
        Self::Copied,
        Self::Home,
        Self::Repair,
    ];

    /// The word in the table.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Adoption => "adoption",
            Self::Base => "base",
            Self::Change => "change",
            Self::Drift => "drift",
            Self::Linked => "linked",
            Self::Before => "before",
            Self::After => "after",
            Self::Remove => "remove",
            Self::Copied => "copied",
            Self::Home => "home",
            Self::Repair => "repair",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for EntryKind {
    fn from(word: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|kind| kind.as_str() == word);
        known.unwrap_or_else(|| Self::Other(word.to_owned()))
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for EntryKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Who, where and with what: the same for all entries of one run in one database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// See [`Entry::implementer`].
    pub implementer: String,
    /// See [`Entry::run_id`].
    pub run_id: String,
    /// See [`Entry::login_role`].
    pub login_role: String,
    /// See [`Entry::acting_role`].
    pub acting_role: String,
    /// See [`Entry::client_address`].
    pub client_address: Option<String>,
    /// See [`Entry::environment`].
    pub environment: String,
    /// See [`Entry::instance`].
    pub instance: String,
    /// See [`Entry::server_version`].
    pub server_version: String,
    /// See [`Entry::tool_version`].
    pub tool_version: String,
}

/// An entry that has no place in a chain yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// What it records.
    pub kind: EntryKind,
    /// See [`Entry::content`].
    pub content: String,
    /// Who, where and with what.
    pub origin: Origin,
    /// See [`Entry::change_id`].
    pub change_id: Option<String>,
    /// See [`Entry::revert_sql`].
    pub revert_sql: Option<String>,
    /// See [`Entry::started_at`].
    pub started_at: Option<String>,
    /// See [`Entry::duration_us`].
    pub duration_us: Option<i64>,
    /// See [`Entry::fingerprint_before`].
    pub fingerprint_before: Option<String>,
    /// See [`Entry::fingerprint_after`].
    pub fingerprint_after: Option<String>,
    /// See [`Entry::evidence`].
    pub evidence: Option<Evidence>,
}

/// Where a new entry goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// See [`Entry::id`].
    pub id: i64,
    /// See [`Entry::number`].
    pub number: i64,
    /// See [`Entry::created_at`].
    pub created_at: String,
    /// See [`Entry::previous_hash`].
    pub previous: Hash,
}

impl NewEntry {
    /// An entry with what every entry must have.
    #[must_use]
    pub fn new(kind: EntryKind, content: impl Into<String>, origin: Origin) -> Self {
        Self {
            kind,
            content: content.into(),
            origin,
            change_id: None,
            revert_sql: None,
            started_at: None,
            duration_us: None,
            fingerprint_before: None,
            fingerprint_after: None,
            evidence: None,
        }
    }

    /// The entry for another schema that the main entry, in the ledger of `main_schema`, altered too.
    ///
    /// Its content is a comment, so that replaying it does nothing.
    #[must_use]
    pub fn linked(&self, main_schema: &str) -> Self {
        let mut evidence = serde_json::Map::new();
        evidence.insert("linked_to".to_owned(), main_schema.into());
        evidence.insert("digest".to_owned(), digest(self.content.as_bytes()).into());
        Self {
            kind: EntryKind::Linked,
            content: "-- changed by the entry of the same number in another schema's ledger, see evidence\n"
                .to_owned(),
            revert_sql: None,
            fingerprint_before: None,
            fingerprint_after: None,
            evidence: Some(Evidence::from_strings(&evidence)),
            ..self.clone()
        }
    }

    /// The whole entry, hashed.
    #[must_use]
    pub fn at(self, place: Place) -> Entry {
        let origin = self.origin;
        let mut entry = Entry {
            id: place.id,
            is_base: self.kind == EntryKind::Base,
            created_at: Some(place.created_at),
            implementer: origin.implementer,
            digest: Some(digest(self.content.as_bytes())),
            content: self.content,
            number: Some(place.number),
            change_id: self.change_id,
            run_id: Some(origin.run_id),
            kind: Some(self.kind),
            revert_sql: self.revert_sql,
            login_role: Some(origin.login_role),
            acting_role: Some(origin.acting_role),
            client_address: origin.client_address,
            environment: Some(origin.environment),
            instance: Some(origin.instance),
            server_version: Some(origin.server_version),
            tool_version: Some(origin.tool_version),
            started_at: self.started_at,
            duration_us: self.duration_us,
            fingerprint_before: self.fingerprint_before,
            fingerprint_after: self.fingerprint_after,
            evidence: self.evidence.map(Evidence::into_text),
            previous_hash: Some(place.previous.into_text()),
            hash: None,
        };
        entry.hash = Some(Hash::of(&entry).into_text());
        entry
    }
}

impl Entry {
    /// Reads a row that [`super::sql::Table::select`] selected. A column that a table of the original tool does not have
    /// yet reads as null.
    ///
    /// # Errors
    /// Names the column whose value cannot be read.
    pub fn from_row(cells: &[Option<&str>]) -> Result<Self, RowError> {
        let cells = Cells(cells);
        Ok(Self {
            id: cells.parse(0)?.ok_or(RowError { column: COLUMNS[0].name, value: None })?,
            is_base: cells.needed(1)? == "true",
            created_at: cells.text(2),
            implementer: cells.needed(3)?,
            content: cells.needed(4)?,
            number: cells.parse(5)?,
            change_id: cells.text(6),
            run_id: cells.text(7),
            kind: cells.get(8).map(EntryKind::from),
            digest: cells.text(9),
            revert_sql: cells.text(10),
            login_role: cells.text(11),
            acting_role: cells.text(12),
            client_address: cells.text(13),
            environment: cells.text(14),
            instance: cells.text(15),
            server_version: cells.text(16),
            tool_version: cells.text(17),
            started_at: cells.text(18),
            duration_us: cells.parse(19)?,
            fingerprint_before: cells.text(20),
            fingerprint_after: cells.text(21),
            evidence: cells.get(22).map(evidence::canonical_or_raw),
            previous_hash: cells.text(23),
            hash: cells.text(24),
        })
    }

    /// Every value as text, in the order of [`COLUMNS`].
    #[must_use]
    pub fn values(&self) -> [Option<Cow<'_, str>>; WIDTH] {
        fn text(value: Option<&String>) -> Option<Cow<'_, str>> {
            value.map(|text| Cow::Borrowed(text.as_str()))
        }
        fn number(value: Option<i64>) -> Option<Cow<'static, str>> {
            value.map(|number| Cow::Owned(number.to_string()))
        }
        [
            number(Some(self.id)),
            Some(Cow::Borrowed(if self.is_base { "true" } else { "false" })),
            text(self.created_at.as_ref()),
            text(Some(&self.implementer)),
            text(Some(&self.content)),
            number(self.number),
            text(self.change_id.as_ref()),
            text(self.run_id.as_ref()),
            self.kind.as_ref().map(|kind| Cow::Borrowed(kind.as_str())),
            text(self.digest.as_ref()),
            text(self.revert_sql.as_ref()),
            text(self.login_role.as_ref()),
            text(self.acting_role.as_ref()),
            text(self.client_address.as_ref()),
            text(self.environment.as_ref()),
            text(self.instance.as_ref()),
            text(self.server_version.as_ref()),
            text(self.tool_version.as_ref()),
            text(self.started_at.as_ref()),
            number(self.duration_us),
            text(self.fingerprint_before.as_ref()),
            text(self.fingerprint_after.as_ref()),
            text(self.evidence.as_ref()),
            text(self.previous_hash.as_ref()),
            text(self.hash.as_ref()),
        ]
    }
}

/// A row of the ledger that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger's column {column} cannot be {}", value.as_deref().unwrap_or("null"))]
pub struct RowError {
    /// The column.
    pub column: &'static str,
    /// What is in it.
    pub value: Option<String>,
}

struct Cells<'a>(&'a [Option<&'a str>]);

impl<'a> Cells<'a> {
    fn get(&self, index: usize) -> Option<&'a str> {
        self.0.get(index).copied().flatten()
    }

    fn text(&self, index: usize) -> Option<String> {
        self.get(index).map(str::to_owned)
    }

    fn needed(&self, index: usize) -> Result<String, RowError> {
        self.text(index).ok_or(RowError { column: COLUMNS[index].name, value: None })
    }

    fn parse(&self, index: usize) -> Result<Option<i64>, RowError> {
        let Some(text) = self.get(index) else {
            return Ok(None);
        };
        let number = text.parse();
        number.map(Some).map_err(|_| RowError { column: COLUMNS[index].name, value: Some(text.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_survives_the_trip_through_text() {
        let mut entry = crate::ledger::verify::tests::entry(7, "ALTER TABLE t ADD c int;", &Hash::genesis());
        entry.kind = Some(EntryKind::from("from-the-future"));
        entry.evidence = Some(r#"{"a":1,"b":["x"]}"#.to_owned());
        let values = entry.values();
        let cells: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
        assert_eq!(Entry::from_row(&cells), Ok(entry.clone()));
        assert_eq!(entry.kind.map(|kind| kind.to_string()).as_deref(), Some("from-the-future"));
    }

    #[test]
    fn a_row_of_the_original_tool_has_five_columns() {
        let cells = [Some("1"), Some("true"), None, Some("T<t@example.org>"), Some("")];
        let entry = Entry::from_row(&cells).expect("readable");
        assert!(entry.is_base);
        assert_eq!((entry.created_at, entry.number, entry.hash), (None, None, None));
    }

    #[test]
    fn a_row_without_its_needed_values_is_refused_by_column() {
        let cells = [Some("1"), Some("true"), None, None, Some("")];
        assert_eq!(
            Entry::from_row(&cells).expect_err("null").to_string(),
            "the ledger's column implementer cannot be null"
        );
    }
}
