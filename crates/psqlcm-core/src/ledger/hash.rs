//! The chain: canonical bytes of an entry, and the SHA-256 over them.
//!
//! Version 1, written in front of every stored hash (`1:<hex>`). The input is a tag, then every column before `hash` in
//! the order of [`super::sql::COLUMNS`], each either one zero byte (null), or one byte 1, the length as eight bytes
//! big-endian, and the text. `content` and `revert_sql` stand as their own SHA-256, so that a chain can be checked by
//! one who must not see the bodies. A change to any of this is a new version.

use sha2::{Digest, Sha256};

use super::entry::Entry;
use super::sql::{COLUMNS, HASH_COLUMN};

const VERSION: &str = "1:";
const ENTRY_TAG: &[u8] = b"psql-cm ledger entry 1\0";
const ROWS_TAG: &[u8] = b"psql-cm ledger rows before 1\0";

/// The hash of an entry, as stored: the version of its form, a colon, 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(String);

impl Hash {
    /// The hash an entry must have, whatever its `hash` column says.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(ENTRY_TAG);
        for (column, value) in COLUMNS.iter().zip(entry.values()).take(HASH_COLUMN) {
            match value {
                None => hasher.update([0]),
                Some(body) if column.is_body => field(&mut hasher, &digest(body.as_bytes())),
                Some(text) => field(&mut hasher, &text),
            }
        }
        Self(format!("{VERSION}{}", hex(&hasher.finalize())))
    }

    /// What stands before the first entry of a table that was empty.
    #[must_use]
    pub fn genesis() -> Self {
        RowsBefore::default().finish()
    }

    /// Takes a stored hash as it is.
    #[must_use]
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether this version of the tool can compute hashes of that form.
    #[must_use]
    pub fn is_known_version(text: &str) -> bool {
        text.starts_with(VERSION)
    }

    /// The stored form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The stored form.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

/// The hash over rows that have none, in the order of their ids: what the first entry of a chain follows.
#[derive(Debug, Clone)]
pub struct RowsBefore([u8; 32]);

impl Default for RowsBefore {
    fn default() -> Self {
        Self(Sha256::digest(ROWS_TAG).into())
    }
}

impl RowsBefore {
    /// Adds the next row, by the hash that [`Hash::of`] gives for it.
    pub fn add(&mut self, row: &Hash) {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        field(&mut hasher, row.as_str());
        self.0 = hasher.finalize().into();
    }

    /// The hash over all rows added.
    #[must_use]
    pub fn finish(&self) -> Hash {
        Hash(format!("{VERSION}{}", hex(&self.0)))
    }
}

/// The digest of a script: SHA-256 of its bytes in hexadecimal, as `sha256sum` prints it.
#[must_use]
pub fn digest(script: &[u8]) -> String {
    hex(&Sha256::digest(script))
}

fn field(hasher: &mut Sha256, text: &str) {
    hasher.update([1]);
    hasher.update((text.len() as u64).to_be_bytes());
    hasher.update(text.as_bytes());
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sql::WIDTH;
    use crate::ledger::verify::tests::entry;

    #[test]
    fn every_column_but_the_hash_is_hashed() {
        let whole = entry(3, "SELECT 1;", &Hash::genesis());
        let values = whole.values();
        let cells: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
        for index in 0..WIDTH {
            let mut edited = cells.clone();
            edited[index] = Some(match COLUMNS[index].name {
                "id" | "number" | "duration_us" => "99",
                "is_base" => "true",
                _ => "edited",
            });
            let edited = Entry::from_row(&edited).expect("readable");
            assert_eq!(
                Hash::of(&edited) == Hash::of(&whole),
                index == HASH_COLUMN,
                "{}",
                COLUMNS[index].name
            );
        }
    }

    #[test]
    fn fields_cannot_flow_into_each_other() {
        let mut one = entry(1, "", &Hash::genesis());
        let mut other = one.clone();
        (one.change_id, one.run_id) = (Some("ab".to_owned()), Some("c".to_owned()));
        (other.change_id, other.run_id) = (Some("a".to_owned()), Some("bc".to_owned()));
        assert_ne!(Hash::of(&one), Hash::of(&other));
        (one.change_id, other.change_id) = (None, Some(String::new()));
        other.run_id.clone_from(&one.run_id);
        assert_ne!(Hash::of(&one), Hash::of(&other), "null is not empty");
    }

    /// These texts stand in databases: they may never change.
    #[test]
    fn version_one_stays_as_it_is() {
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(
            Hash::genesis().as_str(),
            "1:0f6c94044c98fc3600ce5f0f1f6f7759c05ef38b183eb859eedf4d9b22a6f46f"
        );
        assert_eq!(
            Hash::of(&entry(1, "SELECT 1;", &Hash::genesis())).as_str(),
            "1:d51115144932c858c7316ec1ea6d2124ee8e1059ec085350358e8fe09123def2"
        );
    }
}
