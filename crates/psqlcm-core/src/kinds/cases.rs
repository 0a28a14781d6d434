//! The cases of the kinds: what to create so that every property of a kind is there once.
//!
//! They stand in each kind's `cases.md`. A case is a section: its title, then lines that say where it can be run,
//! then what it creates, as a script for psql:
//!
//! ````markdown
//! ## generated, virtual
//! versions: 18..
//! ```sql
//! CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL);
//! ```
//! ````
//!
//! A second block says what the first becomes: it is run after it, in the same session, and the plan between both is
//! proved, there and back.
//!
//! ````markdown
//! becomes
//! anew back: enum; labels cannot be dropped
//! ```sql
//! ALTER TYPE mood ADD VALUE 'glad';
//! ```
//! ````
//!
//! Nothing may be dropped and made again then but what an `anew` line names: kinds, and after a semicolon why PostgreSQL
//! cannot change them in place. `anew there` and `anew back` speak of one way only, and a range of versions may follow:
//! `anew there ..13: trigger; they are replaced since 14`.
//!
//! `one way: why` says that PostgreSQL has no way back.
//!
//! `versions: 14..`, `versions: ..17` and `versions: 14..16` name major versions, ends included; `needs: citext, hstore`
//! names extensions that the server must offer; `cluster` that it is about the cluster's globals: such cases run together in a cluster of their own, where the folders
//! that psql's variables `FOLDER_A` and `FOLDER_B` name are empty; `alone` says that the case must have a database of its own, and so do
//! `unlike: order` and `unlike: pg_dump`, which say what cannot be the same after a trip. Running them is the business of the engine's tests. Cases run in a schema of their own, first on the search path, as
//! a superuser, after [`preparation`].

use std::collections::BTreeSet;

use crate::kinds::{ALL, KindId};
use crate::name::{quote_ident, quote_literal};

/// The roles that cases may name.
const ROLES: &[(&str, &str)] = &[
    ("cm_case_owner", ""),
    ("cm_case_reader", "LOGIN"),
    ("cm_case_writer", ""),
    ("cm_case_grantor", "NOINHERIT"),
    ("cm_case_Odd \"role", ""),
    (
        "cm_case_able",
        "SUPERUSER NOINHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS CONNECTION LIMIT 5 \
         VALID UNTIL '2030-01-01 00:00:00+00'",
    ),
];

/// One case of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The kind in whose folder it stands.
    pub kind: KindId,
    /// The first and the last major version that it can be run on.
    pub versions: (u32, u32),
    /// Extensions that the server must offer.
    pub needs: Vec<&'static str>,
    /// Whether it must have a database of its own.
    pub alone: bool,
    /// Whether it is about what belongs to no database.
    pub cluster: bool,
    /// What PostgreSQL offers no way to make again alike.
    pub unlike: Option<Unlike>,
    /// What it is about.
    pub title: &'static str,
    /// What it creates, as a script for psql.
    pub sql: &'static str,
    /// What that becomes.
    pub becomes: Option<Change>,
}

/// What a case becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is run after the case's own script.
    pub sql: &'static str,
    /// Whether there is no way back.
    pub one_way: bool,
    /// What is dropped and made again, as PostgreSQL cannot change it in place.
    anew: Vec<Anew>,
}

/// Kinds of which something is made anew, on the way there, or back, on some versions.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Anew {
    there: bool,
    back: bool,
    versions: (u32, u32),
    kinds: Vec<KindId>,
}

impl Change {
    /// The kinds of which something is made anew on the way there, or back, on that major version.
    pub fn anew(&self, back: bool, major: u32) -> BTreeSet<KindId> {
        let fits = |anew: &&Anew| {
            (if back { anew.back } else { anew.there })
                && (anew.versions.0..=anew.versions.1).contains(&major)
        };
        self.anew.iter().filter(fits).flat_map(|anew| anew.kinds.iter().copied()).collect()
    }
}

/// What is not the same after a trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlike {
    /// The stored order of columns.
    Order,
    /// What `pg_dump` prints, as it prints something else after its own trip.
    PgDump,
}

/// Why a file of cases cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// A line before a script that says nothing known.
    #[error("{title}: what is {line:?}?")]
    UnknownLine {
        /// The case.
        title: String,
        /// The line.
        line: String,
    },
    /// A section without a complete block of SQL.
    #[error("{title}: there is no block of SQL")]
    NoScript {
        /// The case.
        title: String,
    },
}

impl Case {
    /// Whether it can be run on that major version, where its extensions are.
    pub fn runs_on(&self, major: u32) -> bool {
        (self.versions.0..=self.versions.1).contains(&major)
    }

    /// What stands for it in messages: `table: cluster mark`.
    pub fn name(&self) -> String {
        format!("{}: {}", self.kind.kind().name, self.title)
    }

    /// The whole script for psql: unless it is alone it runs in a schema of its own, which the number makes one.
    pub fn script(&self, number: usize) -> String {
        let schema = self.schema(number);
        let own = match self.alone {
            true => String::new(),
            false => {
                let schema = quote_ident(&schema);
                format!("CREATE SCHEMA {schema};\nSET search_path = {schema};\n")
            }
        };
        // In psql's variable SCHEMA is the name as it is.
        format!("{own}\\set SCHEMA {}\n{}", quote_literal(&schema), self.sql)
    }

    /// The script for what it becomes; the same where it becomes nothing else.
    pub fn script_of_change(&self, number: usize) -> String {
        self.script(number) + self.becomes.as_ref().map_or("", |change| change.sql)
    }

    /// The schema that it runs in, where that is its own.
    pub fn schema(&self, number: usize) -> String {
        format!("{} {number}", self.kind.kind().name)
    }
}

/// The script for psql that creates the roles and the tablespace that cases may name, where they are not there.
pub fn preparation() -> String {
    // Somebody else may be creating them at this moment.
    let role = |(name, attributes): &(&str, &str)| {
        format!(
            "DO $do$ BEGIN CREATE ROLE {} {attributes}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $do$;\n",
            quote_ident(name)
        )
    };
    let roles: String = ROLES.iter().map(role).collect();
    // It stands in the folder of the cluster.
    format!(
        "{roles}SELECT pg_catalog.pg_advisory_lock(7730527);
SET allow_in_place_tablespaces = on;
SELECT 'CREATE TABLESPACE cm_case_space LOCATION ''''' WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_tablespace WHERE spcname = 'cm_case_space') \\gexec
"
    )
}

/// All cases in the order of the kinds and of their files.
///
/// # Errors
/// When a file cannot be read.
pub fn all() -> Result<Vec<Case>, CaseError> {
    let cases: Result<Vec<Vec<Case>>, CaseError> =
        ALL.iter().map(|&kind| parse(kind, kind.kind().cases)).collect();
    Ok(cases?.concat())
}

fn parse(kind: KindId, text: &'static str) -> Result<Vec<Case>, CaseError> {
    let sections = text.split("\n## ").skip(1);
    sections.map(|section| section_of(kind, section)).collect()
}

fn section_of(kind: KindId, section: &'static str) -> Result<Case, CaseError> {
    let (title, rest) = section.split_once('\n').unwrap_or((section, ""));
    let no_script = || CaseError::NoScript { title: title.to_owned() };
    let (head, rest) = rest.split_once("```sql\n").ok_or_else(no_script)?;
    let (sql, rest) = rest.split_once("```").ok_or_else(no_script)?;
    let mut case = Case {
        kind,
        versions: (0, u32::MAX),
        needs: Vec::new(),
        alone: false,
        cluster: false,
        unlike: None,
        title,
        sql,
        becomes: change_of(title, rest)?,
    };
    for line in head.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let unknown = || CaseError::UnknownLine { title: title.to_owned(), line: line.to_owned() };
        match line.split_once(':').map(|(word, rest)| (word, rest.trim())) {
            None if line == "alone" => case.alone = true,
            None if line == "cluster" => case.cluster = true,
            Some(("versions", range)) => case.versions = versions(range).ok_or_else(unknown)?,
            Some(("unlike", "order")) => case.unlike = Some(Unlike::Order),
            Some(("unlike", "pg_dump")) => case.unlike = Some(Unlike::PgDump),
            Some(("needs", names)) => case.needs = names.split(',').map(str::trim).collect(),
            _ => return Err(unknown()),
        }
    }
    Ok(case)
}

/// What follows the first block.
fn change_of(title: &str, rest: &'static str) -> Result<Option<Change>, CaseError> {
    let lines = |text: &'static str| text.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines(rest).next().is_none() {
        return Ok(None);
    }
    let no_script = || CaseError::NoScript { title: title.to_owned() };
    let (head, rest) = rest.split_once("```sql\n").ok_or_else(no_script)?;
    let (sql, _) = rest.split_once("```").ok_or_else(no_script)?;
    let (mut anew, mut one_way) = (Vec::new(), false);
    for line in lines(head).filter(|line| *line != "becomes") {
        if line.strip_prefix("one way: ").is_some_and(|why| !why.trim().is_empty()) {
            one_way = true;
            continue;
        }
        let unknown = || CaseError::UnknownLine { title: title.to_owned(), line: line.to_owned() };
        anew.push(anew_of(line).ok_or_else(unknown)?);
    }
    Ok(Some(Change { sql, one_way, anew }))
}

/// `anew back ..13: trigger, rule; why`.
fn anew_of(line: &str) -> Option<Anew> {
    let (words, rest) = line.split_once(':')?;
    let (names, why) = rest.split_once(';')?;
    let mut anew = Anew { there: true, back: true, versions: (0, u32::MAX), kinds: Vec::new() };
    let mut words = words.split_whitespace();
    (words.next()? == "anew" && !why.trim().is_empty()).then_some(())?;
    for word in words {
        match word {
            "there" => anew.back = false,
            "back" => anew.there = false,
            range => anew.versions = versions(range)?,
        }
    }
    for name in names.split(',').map(str::trim) {
        anew.kinds.push(*ALL.iter().find(|kind| kind.kind().name == name)?);
    }
    Some(anew)
}

/// `14..`, `..17`, `14..16`.
fn versions(range: &str) -> Option<(u32, u32)> {
    let (first, last) = range.trim().split_once("..")?;
    let bound = |text: &str, open: u32| if text.is_empty() { Some(open) } else { text.parse().ok() };
    Some((bound(first, 0)?, bound(last, u32::MAX)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_case() {
        let cases = all().unwrap();
        let without: Vec<_> =
            ALL.iter().filter(|&&kind| !cases.iter().any(|case| case.kind == kind)).collect();
        assert!(without.is_empty(), "kinds without a case: {without:?}");
        let names: BTreeSet<_> = cases.iter().map(Case::name).collect();
        assert_eq!(names.len(), cases.len(), "two cases of a kind have the same title");
    }

    #[test]
    fn a_section_says_where_it_can_be_run() {
        let text =
            "# Cases\n\n## a title\nversions: 14..16\nneeds: citext, hstore\nalone\n```sql\nSELECT 1;\n```\n";
        let [case] = &parse(KindId::Table, text).unwrap()[..] else { panic!("one case") };
        assert_eq!((case.title, case.sql, case.alone), ("a title", "SELECT 1;\n", true));
        assert_eq!(case.needs, ["citext", "hstore"]);
        assert_eq!([13, 14, 16, 17].map(|major| case.runs_on(major)), [false, true, true, false]);
    }

    #[test]
    fn a_second_block_is_what_it_becomes() {
        let text = "\n## t\n```sql\nSELECT 1;\n```\nbecomes\nanew back ..13: rule, index; why\nanew there: table; so\n```sql\nSELECT 2;\n```\n";
        let [case] = &parse(KindId::Table, text).unwrap()[..] else { panic!("one case") };
        let change = case.becomes.as_ref().unwrap();
        assert_eq!((case.sql, change.sql), ("SELECT 1;\n", "SELECT 2;\n"));
        assert_eq!(change.anew(true, 13), BTreeSet::from([KindId::Rule, KindId::Index]));
        assert_eq!(change.anew(true, 14), BTreeSet::new());
        assert_eq!(change.anew(false, 14), BTreeSet::from([KindId::Table]));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let error = |text| parse(KindId::Table, text).unwrap_err().to_string();
        assert_eq!(error("\n## t\nversion: 14..\n```sql\n```"), "t: what is \"version: 14..\"?");
        assert_eq!(error("\n## t\nversions: 14\n```sql\n```"), "t: what is \"versions: 14\"?");
        assert_eq!(error("\n## t\n"), "t: there is no block of SQL");
        assert_eq!(error("\n## t\n```sql\n```\nbecomes\n"), "t: there is no block of SQL");
        for line in ["anew: table", "anew: nonsense; why", "anew: table;", "anew away: table; why"] {
            let text: &'static str = format!("\n## t\n```sql\n```\n{line}\n```sql\n```").leak();
            assert_eq!(error(text), format!("t: what is {line:?}?"));
        }
    }
}
