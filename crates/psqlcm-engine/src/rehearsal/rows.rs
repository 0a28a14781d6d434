//! Rows that are made up for the tables of a scratch database, so that a plan has something to lose; and what of them is
//! there afterwards.
//!
//! Two rows a table, tried in several forms: PostgreSQL says which of them a table takes. Where none is taken, the table
//! has no row, and whoever asks is told. Triggers do not fire where that can be had, as nobody knows what they do.

use std::collections::{BTreeMap, BTreeSet};

use psqlcm_core::fact::FactId;
use psqlcm_core::name::{quote_ident, quote_literal};
use psqlcm_core::plan::Rename;
use serde::Deserialize;

use crate::session::{DbError, Session};

/// Schema and name of a table.
pub(super) type Name = (String, String);

/// How many forms of a row are tried.
const FORMS: usize = 10;

/// A table that can have rows.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Table {
    schema: String,
    name: String,
    columns: Option<Vec<Column>>,
    keys: Option<Vec<Key>>,
    bound: Option<String>,
    bound_columns: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
    /// Of a domain the type that it is made of.
    base: String,
    category: String,
    not_null: bool,
    is_generated: bool,
    /// PostgreSQL gives it a value.
    is_given: bool,
    labels: Option<Vec<String>>,
    parts: usize,
    checks: Option<Vec<String>>,
}

/// A foreign key.
#[derive(Clone, Debug, Deserialize)]
struct Key {
    schema: String,
    table: String,
    /// Own and other.
    columns: Vec<(String, String)>,
}

/// The tables of a database.
pub(super) fn tables(session: &mut Session) -> Result<Vec<Table>, DbError> {
    let rows = session.rows(include_str!("tables.sql"))?;
    // The statement makes the JSON; what could not be read would be a table without rows.
    Ok(rows.into_iter().flatten().flatten().filter_map(|json| serde_json::from_str(&json).ok()).collect())
}

/// Makes rows up for all tables but those; gives the tables that have none.
pub(super) fn fill(
    session: &mut Session,
    tables: &[Table],
    except: &BTreeSet<Name>,
    goes_on: &dyn Fn() -> bool,
) -> Result<Vec<Name>, DbError> {
    // Not everybody may, and without it triggers fire.
    let _ = session.run("SET session_replication_role = replica");
    session.run("SET synchronous_commit = off")?;
    let mut empty = Vec::new();
    for table in in_order(tables) {
        let is_wanted = !except.contains(&table.key());
        let mut has_row = false;
        for row in 1..=2 {
            has_row |= is_wanted && fill_row(session, table, row, goes_on)?;
        }
        if !has_row {
            empty.push(table.key());
        }
    }
    Ok(empty)
}

/// Whether a row was taken, in whatever form.
fn fill_row(
    session: &mut Session,
    table: &Table,
    row: usize,
    goes_on: &dyn Fn() -> bool,
) -> Result<bool, DbError> {
    // A signal cancels one statement.
    for form in (0..FORMS).take_while(|_| goes_on()) {
        session.run("BEGIN")?;
        let inserted = session.run(&table.insert(row, form));
        let fits = match inserted {
            Ok(()) => table.dangling().is_none_or(|sql| {
                session
                    .rows(&sql)
                    .is_ok_and(|rows| rows.first().is_none_or(|row| row[0].as_deref() == Some("f")))
            }),
            Err(error) if error.is_connection_lost() => return Err(error),
            Err(_) => false,
        };
        session.run(if fits { "COMMIT" } else { "ROLLBACK" })?;
        if fits {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Each table after those that it refers to, as far as that goes.
fn in_order(tables: &[Table]) -> Vec<&Table> {
    let all: BTreeSet<Name> = tables.iter().map(Table::key).collect();
    let mut waiting: Vec<&Table> = tables.iter().collect();
    let mut done: BTreeSet<Name> = BTreeSet::new();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |table: &&Table| {
            let mut keys = table.keys.iter().flatten().map(Key::table);
            keys.all(|other| done.contains(&other) || other == table.key() || !all.contains(&other))
        };
        let (mut ready, mut rest): (Vec<&Table>, Vec<&Table>) = waiting.into_iter().partition(is_ready);
        if ready.is_empty() {
            // They refer to each other: one has to begin.
            ready.push(rest.remove(0));
        }
        done.extend(ready.iter().map(|table| table.key()));
        order.extend(ready);
        waiting = rest;
    }
    order
}

impl Key {
    fn table(&self) -> Name {
        (self.schema.clone(), self.table.clone())
    }
}

fn path((schema, name): &Name) -> String {
    format!("{}.{}", quote_ident(schema), quote_ident(name))
}

impl Table {
    pub fn key(&self) -> Name {
        (self.schema.clone(), self.name.clone())
    }

    fn columns(&self) -> &[Column] {
        self.columns.as_deref().unwrap_or_default()
    }

    fn insert(&self, row: usize, form: usize) -> String {
        let columns: Vec<&Column> = self.columns().iter().filter(|column| !column.is_given).collect();
        let names: Vec<_> = columns.iter().map(|column| quote_ident(&column.name)).collect();
        let values: Vec<_> = columns.iter().map(|column| self.value(column, row, form)).collect();
        let table = path(&self.key());
        match columns.is_empty() {
            true => format!("INSERT INTO {table} DEFAULT VALUES"),
            false => format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", ")),
        }
    }

    /// What a column gets, as SQL.
    fn value(&self, column: &Column, row: usize, form: usize) -> String {
        let refers = self.keys.iter().flatten().find_map(|key| {
            let (_, other) = key.columns.iter().find(|(own, _)| *own == column.name)?;
            Some((key, other))
        });
        match refers {
            Some((key, other)) if key.table() != self.key() => return referred(&key.table(), other, row),
            Some(_) if !column.not_null => return "NULL".to_owned(),
            Some((_, other)) => {
                let other =
                    self.columns().iter().find(|known| known.name == *other && known.name != column.name);
                return other.map_or_else(|| "NULL".to_owned(), |other| self.made_up(other, row, form));
            }
            None => {}
        }
        // In some forms only what must be is there.
        match form % 3 == 2 && !column.not_null && !self.is_bound(column) {
            true => "NULL".to_owned(),
            false => self.made_up(column, row, form),
        }
    }

    fn is_bound(&self, column: &Column) -> bool {
        self.bound_columns.iter().flatten().any(|name| *name == column.name)
    }

    fn made_up(&self, column: &Column, row: usize, form: usize) -> String {
        let bound = self.bound.as_deref().filter(|_| self.is_bound(column)).map(|bound| {
            let lower = bound.split_once(" TO ").map_or(bound, |(lower, _)| lower);
            literals(lower)
        });
        let checks = column.checks.iter().flatten().flat_map(|check| literals(check));
        let known: Vec<String> = bound.unwrap_or_default().into_iter().chain(checks).collect();
        let text = match known.is_empty() || form == 0 {
            true => plain(column, row + 2 * (form / 2)),
            false => Some(known[(form + row - 2) % known.len()].clone()),
        };
        let cast = |text| format!("CAST({} AS {})", quote_literal(text), column.data_type);
        text.as_deref().map_or_else(|| "NULL".to_owned(), cast)
    }

    /// Whether a row refers to what is not there: no trigger looks.
    fn dangling(&self) -> Option<String> {
        let keys = self.keys.as_ref().filter(|keys| !keys.is_empty())?;
        let keys = keys.iter().map(|key| {
            let pairs = key.columns.iter();
            let there: Vec<_> =
                pairs.clone().map(|(own, _)| format!("c.{} IS NOT NULL", quote_ident(own))).collect();
            let same: Vec<_> = pairs
                .map(|(own, other)| format!("p.{} = c.{}", quote_ident(other), quote_ident(own)))
                .collect();
            format!(
                "EXISTS (SELECT FROM ONLY {} AS c WHERE {} AND NOT EXISTS (SELECT FROM {} AS p WHERE {}))",
                path(&self.key()),
                there.join(" AND "),
                path(&key.table()),
                same.join(" AND ")
            )
        });
        Some(format!("SELECT {}", keys.collect::<Vec<_>>().join(" OR ")))
    }
}

/// The value of the row of that number in another table, or of the one that is there.
fn referred(table: &Name, column: &str, row: usize) -> String {
    let table = path(table);
    let column = quote_ident(column);
    format!(
        "(SELECT r.{column} FROM {table} AS r ORDER BY r.tableoid, r.ctid LIMIT 1 OFFSET {} % \
         greatest((SELECT count(*) FROM {table}), 1))",
        row - 1
    )
}

/// A value of the type as its input takes it; a number where anything goes, so that other types may take it too.
fn plain(column: &Column, number: usize) -> Option<String> {
    let small = number % 10;
    Some(match (column.category.as_str(), column.base.as_str()) {
        ("E", _) => {
            let labels = column.labels.as_deref().filter(|labels| !labels.is_empty())?;
            labels[(number - 1) % labels.len()].clone()
        }
        ("B", _) => (if number.is_multiple_of(2) { "f" } else { "t" }).to_owned(),
        ("A", _) => "{}".to_owned(),
        ("C", _) => format!("({})", ",".repeat(column.parts.saturating_sub(1))),
        ("R", base) if base.contains("multirange") => "{}".to_owned(),
        ("R", _) => "empty".to_owned(),
        ("D", base) if base.starts_with("time ") => format!("0{small}:00"),
        ("D", _) => format!("2001-01-0{}", small.max(1)),
        ("T", _) => format!("{number} days"),
        ("I", _) => format!("10.0.0.{number}"),
        ("V", _) => "1".to_owned(),
        ("G", "point") => format!("({number},{number})"),
        ("G", "line") => "{1,1,1}".to_owned(),
        ("G", "circle") => "<(0,0),1>".to_owned(),
        ("G", _) => "((0,0),(1,1))".to_owned(),
        (_, "uuid") => format!("00000000-0000-4000-8000-{number:012}"),
        (_, "json" | "jsonb") => format!("{{\"a\": {number}}}"),
        (_, "bytea") => format!("\\x{number:02}"),
        (_, "xml") => "<a/>".to_owned(),
        (_, "macaddr") => format!("08:00:2b:01:02:{number:02}"),
        (_, "macaddr8") => format!("08:00:2b:01:02:03:04:{number:02}"),
        (_, "pg_lsn") => format!("0/{number}"),
        (_, base) if base.contains("multirange") => "{}".to_owned(),
        (_, base) if base.ends_with("hstore") => format!("a=>{number}"),
        _ => number.to_string(),
    })
}

/// The values that an expression speaks of: what stands in quotes, and numbers with their neighbours.
fn literals(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find(|c: char| c == '\'' || c.is_ascii_digit()) {
        let is_word = rest[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        rest = &rest[at..];
        if let Some(text) = rest.strip_prefix('\'') {
            let end = text.find('\'').unwrap_or(text.len());
            found.push(text[..end].to_owned());
            rest = text.get(end + 1..).unwrap_or_default();
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if let (false, Ok(number)) = (is_word, rest[..end].parse::<i64>()) {
            found.extend(
                [number, number.saturating_add(1), number.saturating_sub(1)].map(|number| number.to_string()),
            );
        }
        rest = &rest[end..];
    }
    found
}

/// What the rows of a table are, column by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contents {
    rows: u64,
    /// Type and checksum by name.
    columns: BTreeMap<String, (String, String)>,
}

/// Reads the rows of those tables; tables without rows are left out.
pub(super) fn contents(session: &mut Session, tables: &[Table]) -> Result<BTreeMap<Name, Contents>, DbError> {
    let mut all = BTreeMap::new();
    for table in tables {
        let columns: Vec<&Column> = table.columns().iter().filter(|column| !column.is_generated).collect();
        let sums: String = columns
            .iter()
            .map(|column| {
                let name = quote_ident(&column.name);
                format!(", md5(string_agg(md5(coalesce({name}::text, 'NULL')), ',' ORDER BY md5(coalesce({name}::text, 'NULL'))))")
            })
            .collect();
        let rows = session.rows(&format!("SELECT count(*){sums} FROM ONLY {}", path(&table.key())))?;
        let mut cells = rows.into_iter().flatten();
        let rows = cells.next().flatten().and_then(|count| count.parse().ok()).unwrap_or_default();
        if rows > 0 {
            let sums = columns.iter().zip(cells).map(|(column, sum)| {
                (column.name.clone(), (column.data_type.clone(), sum.unwrap_or_default()))
            });
            all.insert(table.key(), Contents { rows, columns: sums.collect() });
        }
    }
    Ok(all)
}

/// The same under the names that all of it will have.
pub(super) fn renamed(contents: BTreeMap<Name, Contents>, renames: &[Rename]) -> BTreeMap<Name, Contents> {
    let name = |id: &FactId| (id.schema().unwrap_or_default().to_owned(), id.name().to_owned());
    let of = |table: Name, mut contents: Contents| {
        for Rename { from, to } in renames {
            if from != from.object()
                && name(from.object()) == table
                && let Some(column) = contents.columns.remove(from.name())
            {
                contents.columns.insert(to.name().to_owned(), column);
            }
        }
        let whole = renames.iter().find(|Rename { from, .. }| from == from.object() && name(from) == table);
        (whole.map_or(table, |Rename { to, .. }| name(to)), contents)
    };
    contents.into_iter().map(|(table, contents)| of(table, contents)).collect()
}

/// What is lost without anybody having been told: tables that are still there with other rows, columns that have the same
/// type and other values.
pub(super) fn lost(
    before: &BTreeMap<Name, Contents>,
    after: &BTreeMap<Name, Contents>,
    is_there: impl Fn(&Name) -> bool,
    is_told: impl Fn(&Name, Option<&str>) -> bool,
) -> Vec<String> {
    let mut lost = Vec::new();
    for (name, old) in before.iter().filter(|(name, _)| is_there(name) && !is_told(name, None)) {
        let rows = after.get(name).map_or(0, |new| new.rows);
        if rows != old.rows {
            lost.push(format!("{} of {} rows of {}", old.rows.abs_diff(rows), old.rows, path(name)));
            continue;
        }
        let columns = after.get(name).map(|new| &new.columns);
        for (column, (data_type, sum)) in
            old.columns.iter().filter(|(column, _)| !is_told(name, Some(column)))
        {
            let new = columns.and_then(|columns| columns.get(column));
            if new.is_some_and(|(new_type, new_sum)| new_type == data_type && new_sum != sum) {
                lost.push(format!("values of {}.{}", path(name), quote_ident(column)));
            }
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_say_which_values_they_take() {
        assert_eq!(literals("CHECK ((s = ANY (ARRAY['a'::text, 'b''c'::text])))"), ["a", "b", "c"]);
        assert_eq!(literals("CHECK ((n2 > 10))"), ["10", "11", "9"]);
        assert_eq!(literals("FOR VALUES FROM ('2020-01-01')"), ["2020-01-01"]);
        assert!(literals("CHECK ((a IS NOT NULL))").is_empty());
    }

    #[test]
    fn what_is_gone_is_named_unless_it_was_told() {
        let name = |table: &str| ("app".to_owned(), table.to_owned());
        let contents = |rows, columns: &[(&str, &str, &str)]| Contents {
            rows,
            columns: columns
                .iter()
                .map(|(name, data_type, sum)| {
                    ((*name).to_owned(), ((*data_type).to_owned(), (*sum).to_owned()))
                })
                .collect(),
        };
        let before = BTreeMap::from([
            (name("a"), contents(2, &[("x", "integer", "1"), ("y", "text", "2")])),
            (name("b"), contents(2, &[])),
            (name("gone"), contents(1, &[])),
        ]);
        let after = BTreeMap::from([(name("a"), contents(2, &[("x", "bigint", "3"), ("y", "text", "4")]))]);
        let is_there = |table: &Name| table.1 != "gone";
        assert_eq!(
            lost(&before, &after, is_there, |_, _| false),
            ["values of app.a.y", "2 of 2 rows of app.b"]
        );
        let is_told = |table: &Name, column: Option<&str>| table.1 == "b" || column == Some("y");
        assert!(lost(&before, &after, is_there, is_told).is_empty());
    }
}
