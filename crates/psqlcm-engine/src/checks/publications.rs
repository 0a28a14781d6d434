//! Publications that carry the ledgers, or would.
//!
//! A subscriber that has no such table stops at the first entry, and everything else of that subscription with it. So
//! whoever takes a schema under control must know. What a publication carries beside the ledgers is not looked at.

use std::fmt;

use psqlcm_core::name::{quote_ident, quote_literal};

use crate::session::{DbError, Session};

/// A publication that carries the ledger of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The schema.
    pub schema: String,
    /// The publication.
    pub publication: String,
    /// Why the ledger is in it.
    pub by: By,
}

/// How a table comes into a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// It is `FOR ALL TABLES`.
    AllTables,
    /// It is `FOR TABLES IN SCHEMA`.
    Schema,
    /// It names the table.
    Table,
}

impl fmt::Display for Published {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schema, publication, by } = self;
        let (schema, publication) = (quote_ident(schema), quote_ident(publication));
        match by {
            By::AllTables => {
                write!(formatter, "publication {publication} carries it, as it is FOR ALL TABLES")
            }
            By::Schema => {
                write!(
                    formatter,
                    "publication {publication} carries it, as it is FOR TABLES IN SCHEMA {schema}"
                )
            }
            By::Table => write!(formatter, "publication {publication} carries it, as it names the table"),
        }
    }
}

/// The publications that carry the table of that name in any schema, there or not, by schema and name.
///
/// # Errors
/// The server's.
pub fn publications(session: &mut Session, table: &str) -> Result<Vec<Published>, DbError> {
    let sql = match session.server_version() {
        150_000.. => include_str!("publications.pg15.sql"),
        _ => include_str!("publications.sql"),
    };
    let rows = session.rows(&sql.replace(":table", &quote_literal(table)))?;
    let read = |row: Vec<Option<String>>| {
        let [schema, publication, by] = row.try_into().ok()?;
        let by = match by.as_deref() {
            Some("all") => By::AllTables,
            Some("schema") => By::Schema,
            _ => By::Table,
        };
        Some(Published { schema: schema?, publication: publication?, by })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}
