//! What `pg_get_constraintdef` prints of a constraint that is nothing but names: a key, or that a column is not null.
//!
//! Whether one is, its statement tells; whatever is less plain the server prints.

use crate::read::{ReadError, Reader, numbers, oid};

/// What the statement tells of a constraint that is nothing but names; cells of a row.
pub(super) struct Names<'a> {
    /// The letter of its type.
    pub kind: Option<&'a str>,
    /// Its table's OID.
    pub relation: u32,
    /// The numbers of its columns.
    pub key: &'a str,
    /// Of a foreign key the other table's OID, and the numbers of its columns.
    pub referenced: Option<&'a str>,
    pub referenced_key: Option<&'a str>,
    /// What happens when the other row changes.
    pub on_update: Option<&'a str>,
    pub on_delete: Option<&'a str>,
    pub deferrable: bool,
    pub deferred: bool,
    pub no_inherit: bool,
}

impl Names<'_> {
    /// The definition; `None` where something that it names was not read.
    ///
    /// # Errors
    /// When a cell does not hold what it should.
    pub fn definition(&self, reader: &Reader) -> Result<Option<String>, ReadError> {
        let Some(key) = reader.column_names(self.relation, &numbers(Some(self.key))?) else {
            return Ok(None);
        };
        let mut text = match self.kind {
            Some("n") => format!("NOT NULL {key}"),
            Some("p") => format!("PRIMARY KEY ({key})"),
            Some("u") => format!("UNIQUE ({key})"),
            Some("f") => match self.target(reader)? {
                Some(target) => format!("FOREIGN KEY ({key}) REFERENCES {target}"),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        for (is_said, words) in [
            (self.no_inherit && self.kind == Some("n"), " NO INHERIT"),
            (self.deferrable, " DEFERRABLE"),
            (self.deferred, " INITIALLY DEFERRED"),
        ] {
            text += if is_said { words } else { "" };
        }
        Ok(Some(text))
    }

    /// The other table of a foreign key, and what happens when its rows change.
    fn target(&self, reader: &Reader) -> Result<Option<String>, ReadError> {
        let referenced = oid(self.referenced)?;
        let columns = reader.column_names(referenced, &numbers(self.referenced_key)?);
        let Some((table, columns)) = reader.relation(referenced).zip(columns) else { return Ok(None) };
        let Some(schema) = table.schema() else { return Ok(None) };
        let mut text = format!("{}.{}({columns})", reader.quoted(schema), reader.quoted(table.name()));
        for (event, letter) in [(" ON UPDATE ", self.on_update), (" ON DELETE ", self.on_delete)] {
            if let Some(action) = action(letter)? {
                text = text + event + action;
            }
        }
        Ok(Some(text))
    }
}

/// What a foreign key does when the other row changes; nothing where it does what is usual.
fn action(letter: Option<&str>) -> Result<Option<&'static str>, ReadError> {
    match letter {
        Some("a") => Ok(None),
        Some("r") => Ok(Some("RESTRICT")),
        Some("c") => Ok(Some("CASCADE")),
        Some("n") => Ok(Some("SET NULL")),
        Some("d") => Ok(Some("SET DEFAULT")),
        other => Err(ReadError::Unknown {
            what: "action of a foreign key",
            value: other.unwrap_or_default().into(),
        }),
    }
}
