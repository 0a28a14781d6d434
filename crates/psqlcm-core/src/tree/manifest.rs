//! What an environment knows of a database at its last dump: fingerprints, the heads of the ledgers, every file
//! with its hash. One line an entry and sorted, so that git shows what changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::Link;

/// The version of the manifest's form.
pub const FORMAT: u32 = 1;

/// The file's name in the folder of facts.
pub const FILE: &str = "manifest.json";

/// A manifest. Unknown keys, as a newer version may write, are refused by the format's number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`] of the version that wrote it.
    pub format: u32,
    /// The name of the environment.
    pub environment: String,
    /// The name of the database.
    pub database: String,
    /// Its instance id: the cluster's system identifier and the database's OID.
    pub instance: String,
    /// The server's `server_version_num`: texts that it prints are comparable only with its own.
    pub server_version: u32,
    /// The table that holds the ledgers.
    pub cm_table: String,
    /// The fingerprint of each schema, and of what belongs to none under the empty name.
    pub fingerprints: BTreeMap<String, String>,
    /// The fingerprints without what the server prints: comparable between server versions.
    pub structure: BTreeMap<String, String>,
    /// The ledger of each schema that has one.
    pub ledgers: BTreeMap<String, LedgerHead>,
    /// The files of the tree as they were written, by path.
    pub files: BTreeMap<String, FileEntry>,
    /// What the database holds that the tree does not, as `kind: identity (reason)`.
    pub left_out: Vec<String>,
}

/// A ledger as git knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHead {
    /// How many rows it has.
    pub rows: u64,
    /// The id of the last entry with a hash.
    pub id: i64,
    /// Its number within the database.
    pub number: Option<i64>,
    /// When it was written.
    pub created_at: Option<String>,
    /// Its hash; empty while the ledger has none.
    pub hash: String,
    /// The hash before it.
    pub previous_hash: Option<String>,
    /// The last value the ledger's sequence gave; none before the first.
    pub sequence: Option<i64>,
    /// Older entries.
    pub earlier: Vec<Link>,
}

/// A file of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The hash of its contents.
    pub sha256: String,
    /// The place of each of its statements in the plan, a hint for whoever loads it.
    pub places: Vec<u32>,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is no manifest, or was damaged.
    #[error("it is not a manifest")]
    Malformed(#[from] serde_json::Error),
    /// Another version of the program wrote it.
    #[error("it has format {found}; this version of psql-cm reads format {FORMAT}")]
    Format {
        /// The format it has.
        found: u64,
    },
}

impl Manifest {
    /// Reads a manifest's text.
    ///
    /// # Errors
    /// When it is none, or of another format.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        match serde_json::from_str::<Self>(text) {
            Ok(manifest) if manifest.format == FORMAT => Ok(manifest),
            other => {
                let value: serde_json::Value = serde_json::from_str(text)?;
                match value.get("format").and_then(serde_json::Value::as_u64) {
                    Some(found) if found != u64::from(FORMAT) => Err(ManifestError::Format { found }),
                    _ => Ok(other?),
                }
            }
        }
    }

    /// The manifest's text: JSON with one line for each entry of each table.
    pub fn text(&self) -> String {
        let value = serde_json::to_value(self).expect("a manifest holds only what JSON has");
        let serde_json::Value::Object(fields) = value else { unreachable!("a struct becomes an object") };
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}: {}", json(name), lines(value))).collect();
        format!("{{\n{}\n}}\n", fields.join(",\n"))
    }
}

fn lines(value: &serde_json::Value) -> String {
    let entries: Vec<String> = match value {
        serde_json::Value::Object(entries) if !entries.is_empty() => {
            entries.iter().map(|(name, value)| format!("  {}: {}", json(name), json(value))).collect()
        }
        serde_json::Value::Array(entries) if !entries.is_empty() => {
            return format!(
                "[\n{}\n]",
                entries.iter().map(|entry| format!("  {}", json(entry))).collect::<Vec<_>>().join(",\n")
            );
        }
        other => return json(other),
    };
    format!("{{\n{}\n}}", entries.join(",\n"))
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("a manifest holds only what JSON has")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_as_it_was_written_one_line_an_entry() {
        let file = FileEntry { sha256: "00".to_owned(), places: vec![11, 27] };
        let manifest = Manifest {
            format: FORMAT,
            database: "d\"b".to_owned(),
            files: BTreeMap::from([("d/t.sql".to_owned(), file.clone()), ("d/u.sql".to_owned(), file)]),
            ..Manifest::default()
        };
        let text = manifest.text();
        assert!(text.contains("\n  \"d/t.sql\": {\"sha256\":\"00\",\"places\":[11,27]},\n"), "{text}");
        assert_eq!(Manifest::parse(&text).unwrap(), manifest);
    }

    #[test]
    fn other_formats_and_damage_are_told_apart() {
        let check = |text: &str, expected: &str| {
            assert!(Manifest::parse(text).unwrap_err().to_string().contains(expected), "{text}");
        };
        check("{\"format\": 2}", "format 2");
        check("{\"format\": 1", "not a manifest");
        check("<<<<<<< HEAD", "not a manifest");
    }
}
