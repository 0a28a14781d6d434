//! The system catalogs of each server version that is known, column by column: what a newer server has beside them is
//! noticed.
//!
//! The list is `catalogs/known.txt`. A test compares it with the servers; with `UPDATE=1`, on all versions in one run, it
//! writes it. A line is a catalog with its columns; `@14` says since which version, `@14-16` since and until which. A
//! catalog with a `-` before it is not looked into: it holds data, statistics or what belongs to the cluster, or its
//! contents come through a view. Whoever adds a version to the list decides for each new column which kind reads it.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::{quote_ident, quote_literal};

/// The oldest version that is known.
pub const OLDEST: u32 = 13;

/// Catalogs, their columns, and the versions that have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogs {
    newest: u32,
    catalogs: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    is_passed_over: bool,
    columns: BTreeMap<String, Versions>,
}

/// The first and the last version.
type Versions = (u32, u32);

/// A column of a server's catalog, as `read/catalogs.sql` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The catalog.
    pub catalog: String,
    /// Its own name.
    pub name: String,
    /// Whether it holds OIDs.
    pub is_oid: bool,
    /// Whether it holds letters that tell one sort of object from another.
    pub is_letter: bool,
    /// Whether the role may read it.
    pub is_readable: bool,
}

/// What a server has and nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// A catalog.
    Catalog(String),
    /// A column of a catalog that is known.
    Column(String, String),
}

impl Catalogs {
    /// What this version of the program knows.
    pub fn known() -> Self {
        Self::parse(include_str!("catalogs/known.txt"))
    }

    /// What it would know if it were as old as that major version.
    #[must_use]
    pub fn up_to(mut self, major: u32) -> Self {
        self.newest = major;
        for entry in self.catalogs.values_mut() {
            entry.columns.retain(|_, (since, _)| *since <= major);
        }
        self.catalogs.retain(|_, entry| !entry.columns.is_empty());
        self
    }

    /// The newest major version that is known.
    pub fn newest(&self) -> u32 {
        self.newest
    }

    /// Whether a server of that version may have what is not known.
    pub fn is_older_than(&self, server_version: u32) -> bool {
        server_version / 10_000 > self.newest
    }

    /// The columns that a major version has.
    pub fn of(&self, major: u32) -> BTreeSet<(&str, &str)> {
        let has = |(since, until): &Versions| (*since..=*until).contains(&major);
        let columns = self.catalogs.iter().flat_map(|(catalog, entry)| {
            entry.columns.iter().map(move |(name, versions)| (catalog.as_str(), name.as_str(), versions))
        });
        columns.filter(|(_, _, versions)| has(versions)).map(|(catalog, name, _)| (catalog, name)).collect()
    }

    /// What of a server's columns is not known, each with the statement that counts the rows of this database that use it;
    /// none where the role may not read it.
    pub fn unknown(&self, columns: &[Column]) -> Vec<(Unknown, Option<String>)> {
        let mut unknown = BTreeMap::new();
        for column in columns {
            let Some(entry) = self.catalogs.get(&column.catalog) else {
                let all: Vec<_> = columns.iter().filter(|other| other.catalog == column.catalog).collect();
                let sql =
                    all.iter().all(|column| column.is_readable).then(|| used_rows(&column.catalog, &all));
                unknown.insert(Unknown::Catalog(column.catalog.clone()), sql);
                continue;
            };
            if entry.is_passed_over || entry.columns.contains_key(&column.name) {
                continue;
            }
            let known = columns
                .iter()
                .filter(|other| other.catalog == column.catalog && entry.columns.contains_key(&other.name));
            let sql = column.is_readable.then(|| used_column(column, &known.collect::<Vec<_>>()));
            unknown.insert(Unknown::Column(column.catalog.clone(), column.name.clone()), sql);
        }
        unknown.into_iter().collect()
    }

    /// The list of the versions that were looked at; whether a catalog is passed over is as it was before.
    pub fn observed(servers: &BTreeMap<u32, Vec<(String, String)>>, before: &Self) -> Self {
        let newest = servers.keys().next_back().copied().unwrap_or(OLDEST);
        let mut catalogs: BTreeMap<String, Entry> = BTreeMap::new();
        for (major, columns) in servers {
            for (catalog, name) in columns {
                let is_passed_over = before.catalogs.get(catalog).is_some_and(|entry| entry.is_passed_over);
                let entry = catalogs
                    .entry(catalog.clone())
                    .or_insert_with(|| Entry { is_passed_over, columns: BTreeMap::new() });
                let versions = entry.columns.entry(name.clone()).or_insert((*major, *major));
                versions.1 = *major;
            }
        }
        for (_, until) in catalogs.values_mut().flat_map(|entry| entry.columns.values_mut()) {
            *until = if *until == newest { u32::MAX } else { *until };
        }
        Self { newest, catalogs }
    }

    /// The list as text.
    pub fn to_text(&self) -> String {
        let mut text = format!("newest {}\n", self.newest);
        for (catalog, entry) in &self.catalogs {
            let mark = if entry.is_passed_over { "-" } else { "" };
            let columns = entry.columns.iter().map(|(name, (since, until))| match (*since, *until) {
                (OLDEST, u32::MAX) => name.clone(),
                (since, u32::MAX) => format!("{name}@{since}"),
                (since, until) => format!("{name}@{since}-{until}"),
            });
            text += &format!("{mark}{catalog}: {}\n", columns.collect::<Vec<_>>().join(" "));
        }
        text
    }

    /// Reads the list; what cannot be read is left out, which the comparison with servers notices.
    pub fn parse(text: &str) -> Self {
        let mut list = Self { newest: OLDEST, catalogs: BTreeMap::new() };
        for line in text.lines() {
            if let Some(newest) = line.strip_prefix("newest ") {
                list.newest = newest.parse().unwrap_or(OLDEST);
            }
            let Some((catalog, columns)) = line.split_once(": ") else { continue };
            let name = catalog.trim_start_matches('-');
            let columns = columns.split(' ').filter_map(column).collect();
            list.catalogs.insert(name.to_owned(), Entry { is_passed_over: name != catalog, columns });
        }
        list
    }
}

/// `name`, `name@since`, `name@since-until`.
fn column(text: &str) -> Option<(String, Versions)> {
    let Some((name, versions)) = text.split_once('@') else {
        return Some((text.to_owned(), (OLDEST, u32::MAX)));
    };
    let versions = match versions.split_once('-') {
        Some((since, until)) => (since.parse().ok()?, until.parse().ok()?),
        None => (versions.parse().ok()?, u32::MAX),
    };
    Some((name.to_owned(), versions))
}

/// Which rows of a catalog are not PostgreSQL's own: those whose OID, or that name an object whose OID, is no built-in
/// one's. A catalog without OIDs has no rows of its own.
fn is_of_user(columns: &[&Column]) -> String {
    let own = columns.iter().find(|column| column.name == "oid");
    let others = columns.iter().filter(|column| column.is_oid);
    let named: Vec<_> = match own {
        Some(own) => vec![*own],
        None => others.copied().collect(),
    };
    let is_high = |column: &&Column| format!("x.{}::pg_catalog.oid >= 16384", quote_ident(&column.name));
    match named.is_empty() {
        true => "true".to_owned(),
        false => format!("({})", named.iter().map(is_high).collect::<Vec<_>>().join(" or ")),
    }
}

fn used_rows(catalog: &str, columns: &[&Column]) -> String {
    let catalog = quote_ident(catalog).into_owned();
    format!("select pg_catalog.count(*) from pg_catalog.{catalog} as x where {}", is_of_user(columns))
}

/// A value is the usual one where all of PostgreSQL's own rows have it, or all those that are of the same sort, which their
/// letters tell; where these do not tell, where it says nothing.
fn used_column(column: &Column, known: &[&Column]) -> String {
    const NOTHING: [&str; 6] = ["", "0", "false", "-", "-1", "{}"];
    let catalog = quote_ident(&column.catalog);
    let of_user = is_of_user(known);
    let value = format!("coalesce(x.{}::pg_catalog.text, '')", quote_ident(&column.name));
    let nothing: Vec<_> = NOTHING.iter().map(|value| quote_literal(value)).collect();
    let letters = known.iter().filter(|column| column.is_letter);
    let letters: Vec<_> =
        letters.map(|column| format!("x.{}::pg_catalog.text", quote_ident(&column.name))).collect();
    let sort = format!("array[{}]::pg_catalog.text[]", letters.join(", "));
    let own = format!("from pg_catalog.{catalog} as x where not {of_user}");
    let values = format!("pg_catalog.count(distinct {value}) as values, pg_catalog.min({value}) as value");
    format!(
        "select pg_catalog.count(*) from pg_catalog.{catalog} as x \
          cross join (select {values} {own}) as all_own \
           left join (select {sort} as sort, {values} {own} group by {sort}) as alike on alike.sort = {sort} \
          where {of_user} \
            and case when all_own.values = 1 then {value} <> all_own.value \
                     when alike.values = 1 then {value} <> alike.value \
                     else {value} not in ({}) end",
        nothing.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "newest 15\npg_a: a@14-14 name oid\n-pg_b: data\npg_c: since@15\n";

    fn column(catalog: &str, name: &str, is_readable: bool) -> Column {
        Column {
            catalog: catalog.into(),
            name: name.into(),
            is_oid: name == "oid",
            is_letter: false,
            is_readable,
        }
    }

    #[test]
    fn the_list_is_what_was_written() {
        let list = Catalogs::parse(LIST);
        assert_eq!(list.to_text(), LIST);
        assert_eq!(
            list.of(14),
            BTreeSet::from([("pg_a", "a"), ("pg_a", "name"), ("pg_a", "oid"), ("pg_b", "data")])
        );
        let servers: BTreeMap<u32, Vec<(String, String)>> = [13, 14, 15]
            .map(|major| (major, list.of(major).iter().map(|(a, b)| ((*a).into(), (*b).into())).collect()))
            .into();
        assert_eq!(Catalogs::observed(&servers, &list), list);
        let known = Catalogs::known();
        assert_eq!(Catalogs::parse(&known.to_text()), known);
    }

    #[test]
    fn what_is_not_in_the_list_is_unknown() {
        let list = Catalogs::parse(LIST);
        let server = [
            column("pg_a", "oid", true),
            column("pg_a", "name", true),
            column("pg_a", "new", true),
            column("pg_a", "hidden", false),
            column("pg_b", "more", true),
            column("pg_c", "since", true),
            column("pg_d", "oid", true),
            column("pg_e", "x", false),
        ];
        let found = list.clone().unknown(&server);
        let shown: Vec<_> = found.iter().map(|(what, sql)| (what.clone(), sql.is_some())).collect();
        let of_a = |name: &str| Unknown::Column("pg_a".into(), name.into());
        assert_eq!(
            shown,
            [
                (Unknown::Catalog("pg_d".into()), true),
                (Unknown::Catalog("pg_e".into()), false),
                (of_a("hidden"), false),
                (of_a("new"), true),
            ]
        );
        let older: Vec<_> = list.up_to(14).unknown(&server).into_iter().map(|(what, _)| what).collect();
        assert!(older.contains(&Unknown::Catalog("pg_c".into())), "{older:?}");
    }
}
