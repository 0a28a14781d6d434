//! The SQL of the ledger: what makes, protects, removes, reads and writes its table.
//!
//! The `.sql` files beside this one run unchanged in psql (`-v schema=... -v table=...`); here their variables are
//! replaced by quoted identifiers and literals. This module runs nothing.

use std::fmt::Write as _;

use super::entry::Entry;
use super::hash::digest;
use crate::name::{dollar_quote, quote_ident, quote_literal};

/// A column of the ledger's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name; none needs quotes.
    pub name: &'static str,
    /// Its type, as `format_type` prints it.
    pub type_name: &'static str,
    /// Whether it may not be null.
    pub is_not_null: bool,
    /// Whether it is hashed by its digest.
    pub is_body: bool,
}

/// How many columns the ledger's table has.
pub const WIDTH: usize = 25;
/// How many of them are the original tool's.
pub const ORIGINAL_WIDTH: usize = 5;
/// The column `hash`; it covers all before it.
pub const HASH_COLUMN: usize = WIDTH - 1;

/// The columns of the ledger's table, in order.
pub const COLUMNS: [Column; WIDTH] = [
    original("id", "bigint", true),
    original("is_base", "boolean", true),
    original("created_at", TIME, false),
    original("implementer", "text", true),
    Column { name: "content", type_name: "text", is_not_null: true, is_body: true },
    added("number", "bigint"),
    added("change_id", "text"),
    added("run_id", "text"),
    added("entry_kind", "text"),
    added("digest", "text"),
    Column { name: "revert_sql", type_name: "text", is_not_null: false, is_body: true },
    added("login_role", "text"),
    added("acting_role", "text"),
    added("client_address", "text"),
    added("environment", "text"),
    added("instance", "text"),
    added("server_version", "text"),
    added("tool_version", "text"),
    added("started_at", TIME),
    added("duration_us", "bigint"),
    added("fingerprint_before", "text"),
    added("fingerprint_after", "text"),
    added("evidence", "jsonb"),
    added("previous_hash", "text"),
    added("hash", "text"),
];

const TIME: &str = "timestamp with time zone";
const CREATED_AT: usize = 2;
/// PostgreSQL's limit for names, in bytes.
const NAME_LIMIT: usize = 63;

const fn original(name: &'static str, type_name: &'static str, is_not_null: bool) -> Column {
    Column { name, type_name, is_not_null, is_body: false }
}

const fn added(name: &'static str, type_name: &'static str) -> Column {
    original(name, type_name, false)
}

/// The ledger's table in one schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table<'a> {
    /// The schema.
    pub schema: &'a str,
    /// The table's name, the same in every schema.
    pub name: &'a str,
}

impl Table<'_> {
    /// The table's name as SQL.
    #[must_use]
    pub fn qualified(&self) -> String {
        format!("{}.{}", quote_ident(self.schema), quote_ident(self.name))
    }

    /// Makes the table with all that belongs to it.
    #[must_use]
    pub fn create(&self) -> String {
        let mut sql = format!("CREATE TABLE {} (\n", self.qualified());
        for (index, column) in COLUMNS.iter().enumerate() {
            let separator = if index + 1 < WIDTH { "," } else { "" };
            let definition = match column.name {
                "id" => "bigserial NOT NULL PRIMARY KEY".to_owned(),
                "created_at" => format!("{TIME} DEFAULT pg_catalog.now()"),
                _ if column.is_not_null => format!("{} NOT NULL", column.type_name),
                _ => column.type_name.to_owned(),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(sql, "    {} {definition}{separator}", column.name);
        }
        sql.push_str(");\n");
        sql + &self.equip()
    }

    /// Turns a table of the original tool into the ledger; touches none of its rows.
    #[must_use]
    pub fn adopt(&self) -> String {
        let added: Vec<String> = COLUMNS[ORIGINAL_WIDTH..]
            .iter()
            .map(|column| format!("    ADD COLUMN {} {}", column.name, column.type_name))
            .collect();
        format!("ALTER TABLE {}\n{};\n{}", self.qualified(), added.join(",\n"), self.equip())
    }

    /// Puts the protection back as it should be: the guard, and the index if it `needs_index`.
    #[must_use]
    pub fn repair(&self, needs_index: bool) -> String {
        let index = if needs_index { self.render(include_str!("sql/index.sql")) } else { String::new() };
        self.render(include_str!("sql/unprotect.sql"))
            + &self.render(include_str!("sql/protect.sql"))
            + &index
    }

    /// Removes the table with all that belongs to it.
    #[must_use]
    pub fn remove(&self) -> String {
        self.render(include_str!("sql/remove.sql"))
    }

    /// Selects all rows in order, for [`Entry::from_row`]. A table that `is_original` has five columns.
    #[must_use]
    pub fn select(&self, is_original: bool) -> String {
        let width = if is_original { ORIGINAL_WIDTH } else { WIDTH };
        // Qualified, for a bare `id` would be the text in the list, and 10 would come before 2.
        format!("SELECT {} FROM ONLY {} AS l ORDER BY l.id", select_list(width), self.qualified())
    }

    /// Selects what must not change between the start of a run and its entry: `rows`, `versions`, `guard`, and the
    /// server's clock and the highest id.
    #[must_use]
    pub fn select_check(&self) -> String {
        self.render(include_str!("sql/check.sql"))
    }

    /// Selects the same, and the last entry with a hash: `id`, `number`, `hash`, `instance`.
    #[must_use]
    pub fn select_head(&self) -> String {
        self.render(&include_str!("sql/head.sql").replace(":check", include_str!("sql/check.sql")))
    }

    /// Inserts the entry and returns what it adds to `versions`.
    #[must_use]
    pub fn insert_returning(&self, entry: &Entry) -> String {
        let insert = self.insert(entry);
        let insert = insert.strip_suffix(";\n").unwrap_or(&insert);
        format!("{insert}\nRETURNING pg_catalog.age('3'::pg_catalog.xid)::bigint - pg_catalog.age(xmin);\n")
    }

    /// Lets the sequence go on after `last`.
    #[must_use]
    pub fn set_sequence(&self, last: i64) -> String {
        self.render(&include_str!("sql/sequence.sql").replace(":'last'", &format!("'{last}'")))
    }

    /// Selects the last value the sequence gave; an error for whom may not read it.
    #[must_use]
    pub fn select_sequence(&self) -> String {
        let relation = quote_literal(&self.qualified());
        // pg_sequence_last_value is null before the first use, and where there is no sequence.
        format!(
            "SELECT pg_catalog.pg_sequence_last_value(pg_catalog.pg_get_serial_sequence({relation}, 'id')::pg_catalog.regclass)"
        )
    }

    /// The same, and null for whom may not read it.
    #[must_use]
    pub fn select_sequence_if_allowed(&self) -> String {
        let relation = quote_literal(&self.qualified());
        format!(
            "SELECT CASE WHEN pg_catalog.has_sequence_privilege(s.id, 'SELECT, USAGE') \
             THEN pg_catalog.pg_sequence_last_value(s.id) END \
             FROM (SELECT pg_catalog.pg_get_serial_sequence({relation}, 'id')::pg_catalog.regclass AS id) AS s"
        )
    }

    /// One readable INSERT that reproduces every byte of the entry, in psql and in the tool.
    ///
    /// The bodies come last, so that the line that says who and when stands above what was done. Columns that are null
    /// are left out.
    #[must_use]
    pub fn insert(&self, entry: &Entry) -> String {
        let mut short = (Vec::new(), Vec::new());
        let mut bodies = (Vec::new(), Vec::new());
        for (index, (column, value)) in COLUMNS.iter().zip(entry.values()).enumerate() {
            let Some(value) = value else {
                if index == CREATED_AT {
                    // Null must be said, for the column has a default.
                    short.0.push(column.name);
                    short.1.push("NULL".to_owned());
                }
                continue;
            };
            let (names, values) = if column.is_body { &mut bodies } else { &mut short };
            names.push(column.name);
            values.push(match (column.is_body, column.type_name) {
                (true, _) => body_literal(&value),
                (false, "bigint" | "boolean") => value.into_owned(),
                (false, _) => quote_literal(&value),
            });
        }
        // What was done stands last, after what would take it back.
        bodies.0.reverse();
        bodies.1.reverse();
        format!(
            "INSERT INTO {} ({}, {})\nVALUES ({},\n{});\n",
            self.qualified(),
            short.0.join(", "),
            bodies.0.join(", "),
            short.1.join(", "),
            bodies.1.join(",\n"),
        )
    }

    /// The name of the guard: the trigger and its function.
    #[must_use]
    pub fn guard(&self) -> String {
        derived(self.name, "_append_only")
    }

    fn equip(&self) -> String {
        self.render(include_str!("sql/index.sql"))
            + &self.render(include_str!("sql/protect.sql"))
            + &self.render(include_str!("sql/comment.sql"))
    }

    fn render(&self, template: &str) -> String {
        render(
            template,
            &[
                (":\"schema\"", &quote_ident(self.schema)),
                (":\"table\"", &quote_ident(self.name)),
                (":\"guard\"", &quote_ident(&self.guard())),
                (":\"index\"", &quote_ident(&derived(self.name, "_previous_hash"))),
                (":'relation'", &quote_literal(&self.qualified())),
            ],
        )
    }
}

/// Selects shape and protection of the table in each schema, one row each, in order.
#[must_use]
pub fn select_state(table: &str, schemas: &[&str]) -> String {
    let schemas = serde_json::Value::from(schemas).to_string();
    render_shared(include_str!("sql/state.sql"), table, ":'schemas'", &schemas)
}

/// Selects the schemas that have a relation of the ledger's name, by name.
#[must_use]
pub fn select_managed(table: &str) -> String {
    render(include_str!("sql/managed.sql"), &[(":'table'", &quote_literal(table))])
}

/// Selects the statements that take away what default privileges gave to others, for schemas whose whole table is new
/// (`true`) or only its guard is.
#[must_use]
pub fn select_grants(table: &str, schemas: &[(&str, bool)]) -> String {
    let objects = schemas.iter().map(|(schema, whole)| serde_json::json!({"schema": schema, "whole": whole}));
    let objects = serde_json::Value::from_iter(objects).to_string();
    render_shared(include_str!("sql/grants.sql"), table, ":'objects'", &objects)
}

/// The text of the guard's function, as `prosrc` has it.
#[must_use]
pub fn guard_source() -> &'static str {
    include_str!("sql/protect.sql").split("$guard$").nth(1).unwrap_or_default()
}

/// The first columns as text, times in UTC.
fn select_list(width: usize) -> String {
    let expressions = COLUMNS[..width].iter().map(|column| match column.type_name {
        TIME => time_as_text(column.name),
        "text" => column.name.to_owned(),
        _ => format!("{}::text", column.name),
    });
    expressions.collect::<Vec<_>>().join(", ")
}

/// `to_char` has no words for infinity, and none for years before the first unless it is asked.
fn time_as_text(column: &str) -> String {
    let utc = format!("{column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"");
    format!(
        "CASE WHEN NOT pg_catalog.isfinite({column}) THEN {column}::text \
         WHEN {column} < '0001-01-01T00:00:00Z' THEN pg_catalog.to_char({utc} BC') \
         ELSE pg_catalog.to_char({utc}') END"
    )
}

/// A name made from the table's, cut to PostgreSQL's limit; a cut name carries a piece of the whole one's digest, so that
/// two long names stay apart.
fn derived(table: &str, suffix: &str) -> String {
    let whole = format!("{table}{suffix}");
    if whole.len() <= NAME_LIMIT {
        return whole;
    }
    let mark = &digest(table.as_bytes())[..8];
    let mut end = NAME_LIMIT - suffix.len() - mark.len() - 1;
    while !table.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_{mark}{suffix}", &table[..end])
}

/// A body as people read it: between dollar signs. Where a program between us and the server might touch control
/// characters (line ends above all), they are escaped.
fn body_literal(body: &str) -> String {
    let is_plain = body.chars().all(|c| !c.is_control() || c == '\n' || c == '\t');
    if !is_plain {
        return escaped_literal(body);
    }
    dollar_quote(body)
}

fn escaped_literal(body: &str) -> String {
    let mut literal = String::with_capacity(body.len() + body.len() / 8 + 3);
    literal.push_str("E'");
    for c in body.chars() {
        match c {
            '\'' => literal.push_str("''"),
            '\\' => literal.push_str("\\\\"),
            '\r' => literal.push_str("\\r"),
            '\n' | '\t' => literal.push(c),
            c if c.is_control() => {
                let _ = write!(literal, "\\u{:04x}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

fn render_shared(template: &str, table: &str, variable: &str, json: &str) -> String {
    let any = Table { schema: "", name: table };
    let json = quote_literal(json);
    render(
        template,
        &[(variable, &json), (":'table'", &quote_literal(table)), (":'guard'", &quote_literal(&any.guard()))],
    )
}

/// Replaces psql variables in one pass, so that no value is searched for another's name.
fn render(template: &str, variables: &[(&str, &str)]) -> String {
    let mut sql = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some(at) = rest.find(':') {
        let (before, from) = rest.split_at(at);
        sql.push_str(before);
        let variable = variables.iter().find(|(name, _)| from.starts_with(name));
        let (value, length) = variable.map_or((":", 1), |(name, value)| (*value, name.len()));
        sql.push_str(value);
        rest = &from[length..];
    }
    sql.push_str(rest);
    sql
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Hash;
    use crate::ledger::verify::tests::entry;

    #[test]
    fn an_entry_is_one_readable_insert() {
        let mut entry = entry(5, "ALTER TABLE t ADD c int;\n", &Hash::stored("1:aa"));
        entry.revert_sql = Some("ALTER TABLE t DROP c;".to_owned());
        entry.implementer = "O'Neil <o@example.org>".to_owned();
        entry.hash = Some("1:bb".to_owned());
        let table = Table { schema: "My Schema", name: "pg_psql_cm" };
        assert_eq!(
            table.insert(&entry),
            "INSERT INTO \"My Schema\".pg_psql_cm (id, is_base, created_at, implementer, number, run_id, entry_kind, \
             digest, login_role, acting_role, client_address, environment, instance, server_version, tool_version, \
             previous_hash, hash, revert_sql, content)\n\
             VALUES (5, false, '2026-11-23T04:13:05.000000Z', 'O''Neil <o@example.org>', 5, 'run', 'change', \
             '7ed9d7eaefd3a60d3bb77da0e0cb11bc5e5927f80411a5673cbd35c36e7c86ea', 'app', 'owner', '127.0.0.1', 'default', \
             '7000000000000000001/16384', '15.18', '1.0.0', '1:aa', '1:bb',\n\
             $$ALTER TABLE t DROP c;$$,\n\
             $$ALTER TABLE t ADD c int;\n$$);\n"
        );
    }

    #[test]
    fn bodies_are_quoted_whatever_is_in_them() {
        for (body, literal) in [
            ("", "$$$$"),
            ("a 'b' \\c :d", "$$a 'b' \\c :d$$"),
            ("x$", "$_$x$$_$"),
            ("a\r\n'\\b\u{8}", "E'a\\r\n''\\\\b\\u0008'"),
        ] {
            assert_eq!(body_literal(body), literal);
        }
    }

    #[test]
    fn derived_names_fit_and_stay_apart() {
        let guard = |name: &str| Table { schema: "s", name }.guard();
        assert_eq!(guard("pg_psql_cm"), "pg_psql_cm_append_only");
        let long = "ü".repeat(31);
        assert!(guard(&long).len() <= NAME_LIMIT && guard(&long).ends_with("_append_only"));
        assert_ne!(guard(&format!("{}a", "x".repeat(62))), guard(&format!("{}b", "x".repeat(62))));
    }

    #[test]
    fn variables_in_values_are_not_replaced() {
        let table = Table { schema: ":\"table\"", name: "t_t" };
        assert!(table.remove().starts_with("DROP TABLE \":\"\"table\"\"\".t_t;"), "{}", table.remove());
        assert!(guard_source().contains("append-only"));
    }
}
