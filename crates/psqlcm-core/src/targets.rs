//! Which databases and schemas a command acts on: from what was asked and what there is, to a list.
//!
//! Pure: it connects nowhere and reads no variable; the caller brings the flags, the URI's database,
//! `PGDATABASE` and the rows of the catalog. It never widens a request: "all databases" has to be said,
//! a name that cannot be had is an error, and whatever is left out is listed with the reason.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// PostgreSQL cuts longer names off in silence (NAMEDATALEN), so that another object would be meant.
const LONGEST_NAME: usize = 63;

/// What a command acts on: a database, or one schema in it; or what belongs to no database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The database; empty, which no database's name is, for the cluster.
    pub database: String,
    /// The schema; `None` is the database as a whole.
    pub schema: Option<String>,
}

impl Target {
    /// A database as a whole.
    pub fn database(database: impl Into<String>) -> Self {
        Self { database: database.into(), schema: None }
    }

    /// The cluster: what belongs to no database.
    pub fn cluster() -> Self {
        Self::database("")
    }

    /// One schema of a database.
    pub fn schema(database: impl Into<String>, schema: impl Into<String>) -> Self {
        Self { database: database.into(), schema: Some(schema.into()) }
    }
}

impl fmt::Display for Target {
    /// `database.schema`, quoted where the label would be ambiguous. It is a label for people and
    /// reports, not SQL: reserved words stay bare.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.database.is_empty() {
            return formatter.write_str("(cluster)");
        }
        write_label(formatter, &self.database)?;
        let Some(schema) = &self.schema else { return Ok(()) };
        formatter.write_str(".")?;
        write_label(formatter, schema)
    }
}

fn write_label(formatter: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    if !name.is_empty() && name.chars().all(is_plain) {
        return formatter.write_str(name);
    }
    write!(formatter, "\"{}\"", name.replace('"', "\"\""))
}

/// What was asked for, as far as databases go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseRequest {
    /// Named by `--database`, `--databases`, their variables or `psql-cm.toml`.
    pub named: Vec<String>,
    /// `--all-databases`.
    pub all: bool,
}

/// The databases a command acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Databases {
    /// These, each once, in the order they were named.
    Named(Vec<String>),
    /// All that [`databases_of_cluster`] finds.
    All,
}

/// Chooses the databases: those named, else the URI's, else `PGDATABASE`; never all unless that was said.
pub fn choose_databases(
    request: &DatabaseRequest,
    uri_database: Option<&str>,
    pgdatabase: Option<&str>,
) -> Result<Databases, TargetError> {
    if request.all && !request.named.is_empty() {
        return Err(TargetError::AllAndNamed);
    }
    if request.all {
        return Ok(Databases::All);
    }
    if !request.named.is_empty() {
        return Ok(Databases::Named(each_once(&request.named)?));
    }
    // An empty value means "none", as libpq takes an empty database for "the default one".
    let Some(fallback) = [uri_database, pgdatabase].into_iter().flatten().find(|name| !name.is_empty())
    else {
        return Err(TargetError::NoDatabase);
    };
    Ok(Databases::Named(each_once(&[fallback.to_owned()])?))
}

/// A database of the cluster, as `pg_database` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseRow {
    /// `datname`.
    pub name: String,
    /// `datistemplate`.
    pub is_template: bool,
    /// `datallowconn`, and `datconnlimit` does not mark it invalid.
    pub allows_connections: bool,
    /// Whether the role has CONNECT.
    pub may_connect: bool,
}

/// What `--all-databases` means on this cluster, with the reason for each database left out.
pub fn databases_of_cluster(rows: &[DatabaseRow]) -> Selection {
    let mut selection = Selection::default();
    for row in rows {
        let reason = match row {
            DatabaseRow { is_template: true, .. } => Some(Reason::Template),
            DatabaseRow { allows_connections: false, .. } => Some(Reason::NoConnections),
            DatabaseRow { may_connect: false, .. } => Some(Reason::MayNotConnect),
            _ => None,
        };
        selection.put(&row.name, reason);
    }
    selection.sorted()
}

/// What was asked for, as far as schemas go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaRequest {
    /// Named by `--schema`, `--schemas`, their variables or `psql-cm.toml`; empty means all that can be had.
    pub named: Vec<String>,
    /// `--exclude-schema`.
    pub excluded: Vec<Glob>,
}

/// A schema of a database, as `pg_namespace` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaRow {
    /// `nspname`.
    pub name: String,
    /// PostgreSQL's own: `pg_catalog`, `information_schema`, `pg_toast`.
    pub is_system: bool,
    /// A session's own: `pg_temp_N`, `pg_toast_temp_N`.
    pub is_temporary: bool,
    /// The extension whose member the schema is.
    pub extension: Option<String>,
    /// Whether the role may create in it.
    pub may_create: bool,
}

/// What was chosen and what was not, both in the order of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The names to act on.
    pub chosen: Vec<String>,
    /// The names left out, each with its reason.
    pub left_out: Vec<LeftOut>,
}

impl Selection {
    fn put(&mut self, name: &str, reason: Option<Reason>) {
        match reason {
            Some(reason) => self.left_out.push(LeftOut { name: name.to_owned(), reason }),
            None => self.chosen.push(name.to_owned()),
        }
    }

    fn sorted(mut self) -> Self {
        self.chosen.sort();
        self.left_out.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }
}

/// A name that is not acted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The database or schema.
    pub name: String,
    /// Why.
    pub reason: Reason,
}

/// Why a database or schema is not acted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It does not exist.
    #[error("does not exist")]
    Missing,
    /// PostgreSQL's own.
    #[error("belongs to PostgreSQL")]
    System,
    /// A session's own.
    #[error("is temporary")]
    Temporary,
    /// A member of an extension.
    #[error("belongs to the extension {0}")]
    Extension(String),
    /// The role lacks CREATE.
    #[error("the role may not create in it")]
    MayNotCreate,
    /// `--exclude-schema` says so.
    #[error("is excluded by {0}")]
    Excluded(String),
    /// A template database.
    #[error("is a template")]
    Template,
    /// The database takes no connections.
    #[error("takes no connections")]
    NoConnections,
    /// The role lacks CONNECT.
    #[error("the role may not connect to it")]
    MayNotConnect,
}

impl Reason {
    /// Whether nobody would expect it to be chosen, so that only `--verbose` needs to tell.
    pub fn is_routine(&self) -> bool {
        matches!(self, Self::System | Self::Temporary | Self::Template)
    }
}

/// Chooses the schemas of one database.
///
/// # Errors
/// All names that were asked for and cannot be had, at once; or that no schema remains.
pub fn choose_schemas(request: &SchemaRequest, rows: &[SchemaRow]) -> Result<Selection, TargetError> {
    if request.named.is_empty() {
        return all_schemas(&request.excluded, rows);
    }
    let mut selection = Selection::default();
    for name in each_once(&request.named)? {
        let row = rows.iter().find(|row| row.name == name);
        let reason = row.map_or(Some(Reason::Missing), |row| unfit(row, &request.excluded));
        selection.put(&name, reason);
    }
    let selection = selection.sorted();
    if selection.left_out.is_empty() {
        Ok(selection)
    } else {
        Err(TargetError::CannotBeHad(selection.left_out))
    }
}

fn all_schemas(excluded: &[Glob], rows: &[SchemaRow]) -> Result<Selection, TargetError> {
    let mut selection = Selection::default();
    for row in rows {
        selection.put(&row.name, unfit(row, excluded));
    }
    let selection = selection.sorted();
    if selection.chosen.is_empty() { Err(TargetError::NoSchema(selection.left_out)) } else { Ok(selection) }
}

fn unfit(row: &SchemaRow, excluded: &[Glob]) -> Option<Reason> {
    if row.is_temporary {
        return Some(Reason::Temporary);
    }
    if row.is_system {
        return Some(Reason::System);
    }
    if let Some(extension) = &row.extension {
        return Some(Reason::Extension(extension.clone()));
    }
    if let Some(glob) = excluded.iter().find(|glob| glob.matches(&row.name)) {
        return Some(Reason::Excluded(glob.to_string()));
    }
    (!row.may_create).then_some(Reason::MayNotCreate)
}

/// A pattern of names: `*` is any run of characters, `?` any one, `\` takes the next one literally.
/// All else stands for itself, in the letter case it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Any,
    One,
    Exactly(char),
}

impl Glob {
    /// Whether the whole name fits the pattern.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        // `reached[i]`: the parts so far can have used up the first i characters.
        let mut reached = vec![false; name.len() + 1];
        reached[0] = true;
        for part in &self.parts {
            reached = after(*part, &reached, &name);
        }
        reached[name.len()]
    }
}

fn after(part: Part, reached: &[bool], name: &[char]) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    match part {
        Part::Any => {
            let mut any = false;
            for (index, slot) in next.iter_mut().enumerate() {
                any |= reached[index];
                *slot = any;
            }
        }
        Part::One => next[1..].copy_from_slice(&reached[..name.len()]),
        Part::Exactly(expected) => {
            for (index, actual) in name.iter().enumerate() {
                next[index + 1] = reached[index] && *actual == expected;
            }
        }
    }
    next
}

impl FromStr for Glob {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.is_empty() {
            return Err(TargetError::EmptyName);
        }
        let mut parts = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            parts.push(match character {
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => Part::Exactly(characters.next().ok_or(TargetError::DanglingEscape(text.to_owned()))?),
                other => Part::Exactly(other),
            });
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Reads a list of names, `a,b,"My, Schema"`.
///
/// A bare name means itself in the letter case it has (nothing is folded: the shell is no SQL), without the
/// white space around it. A name in double quotes may hold anything, a double quote twice.
pub fn parse_names(list: &str) -> Result<Vec<String>, TargetError> {
    let mut names = Vec::new();
    let mut rest = list;
    loop {
        let (name, after) = next_name(list, rest)?;
        check_name(&name)?;
        names.push(name);
        match after.strip_prefix(',') {
            Some(tail) => rest = tail,
            None => return Ok(names),
        }
    }
}

/// Reads one name of `list` from the start of `rest`; what follows it is empty or begins with a comma.
fn next_name<'a>(list: &str, rest: &'a str) -> Result<(String, &'a str), TargetError> {
    let rest = rest.trim_start();
    if !rest.starts_with('"') {
        let end = rest.find(',').unwrap_or(rest.len());
        let name = rest[..end].trim_end();
        if name.contains('"') {
            return Err(TargetError::StrayQuote(list.to_owned()));
        }
        return Ok((name.to_owned(), &rest[end..]));
    }
    let (name, after) = quoted_name(&rest[1..]).ok_or_else(|| TargetError::OpenQuote(list.to_owned()))?;
    let after = after.trim_start();
    if !(after.is_empty() || after.starts_with(',')) {
        return Err(TargetError::StrayQuote(list.to_owned()));
    }
    Ok((name, after))
}

fn quoted_name(mut rest: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    loop {
        let quote = rest.find('"')?;
        name.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix('"') {
            Some(tail) => {
                name.push('"');
                rest = tail;
            }
            None => return Some((name, rest)),
        }
    }
}

fn each_once(names: &[String]) -> Result<Vec<String>, TargetError> {
    let mut seen = BTreeSet::new();
    let mut once = Vec::new();
    for name in names {
        check_name(name)?;
        if seen.insert(name) {
            once.push(name.clone());
        }
    }
    Ok(once)
}

/// Refuses what cannot be a name in PostgreSQL, or would be cut off by it.
pub fn check_name(name: &str) -> Result<(), TargetError> {
    if name.is_empty() {
        return Err(TargetError::EmptyName);
    }
    if name.contains('\0') {
        return Err(TargetError::ZeroByte(name.to_owned()));
    }
    if name.len() > LONGEST_NAME {
        return Err(TargetError::TooLong(name.to_owned()));
    }
    Ok(())
}

/// Why the targets could not be chosen. All but [`CannotBeHad`](Self::CannotBeHad) and
/// [`NoSchema`](Self::NoSchema) are usage errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing says which database is meant.
    #[error("no database is named")]
    NoDatabase,
    /// Both all and some were asked for.
    #[error("--all-databases and named databases exclude each other")]
    AllAndNamed,
    /// Named, but not there or not usable.
    #[error("{}", describe("cannot act on schema", .0))]
    CannotBeHad(Vec<LeftOut>),
    /// Every schema was left out.
    #[error("{}", describe("no schema to act on", .0))]
    NoSchema(Vec<LeftOut>),
    /// A name without characters.
    #[error("a name is empty")]
    EmptyName,
    /// A name PostgreSQL cannot hold.
    #[error("the name {0:?} has a zero byte in it")]
    ZeroByte(String),
    /// A name PostgreSQL would cut off.
    #[error("the name {0:?} is longer than the {LONGEST_NAME} bytes PostgreSQL keeps")]
    TooLong(String),
    /// A quote that never closes.
    #[error("a double quote in {0:?} is not closed")]
    OpenQuote(String),
    /// A quote in the middle of a bare name, or text after a closing one.
    #[error("a double quote in {0:?} stands inside a name; write the whole name as \"a\"\"b\"")]
    StrayQuote(String),
    /// A pattern that ends in a backslash.
    #[error("the pattern {0:?} ends in a backslash")]
    DanglingEscape(String),
}

impl TargetError {
    /// Whether the command line is at fault, and not what the server has.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::CannotBeHad(_) | Self::NoSchema(_))
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoDatabase => {
                Some("name it with --database NAME, in --uri, in PGDATABASE, or say --all-databases")
            }
            Self::AllAndNamed => Some("say the one or the other"),
            Self::NoSchema(_) => {
                Some("create a schema, or let the role create in one: GRANT CREATE ON SCHEMA")
            }
            Self::CannotBeHad(left_out) if left_out.iter().any(is_list) => {
                Some("--schema takes one name, and --schemas a list")
            }
            Self::CannotBeHad(left_out) if has(left_out, &Reason::Missing) => Some(
                "names are taken as they are, letter case too; psql-cm status lists the schemas there are",
            ),
            Self::CannotBeHad(left_out) if has(left_out, &Reason::MayNotCreate) => {
                Some("let the role create in it (GRANT CREATE ON SCHEMA), or act as one that may: --role")
            }
            Self::CannotBeHad(_) => Some("name other schemas, or none to take all that can be had"),
            _ => None,
        }
    }
}

fn has(left_out: &[LeftOut], reason: &Reason) -> bool {
    left_out.iter().any(|item| item.reason == *reason)
}

/// Whether somebody may have written several names as one.
fn is_list(item: &LeftOut) -> bool {
    item.reason == Reason::Missing && item.name.contains(',')
}

fn describe(what: &str, left_out: &[LeftOut]) -> String {
    let told: Vec<String> = left_out
        .iter()
        .filter(|item| what.starts_with("cannot") || !item.reason.is_routine())
        .map(|item| {
            let reason = item.reason.to_string();
            let subject = if reason.starts_with("the role") { "" } else { "it " };
            format!("{:?}: {subject}{reason}", item.name)
        })
        .collect();
    match told.is_empty() {
        true => what.to_owned(),
        false if what.starts_with("cannot") => format!("{what} {}", told.join("; ")),
        false => format!("{what}: {}", told.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(named: &[&str]) -> DatabaseRequest {
        DatabaseRequest { named: named.iter().map(ToString::to_string).collect(), all: false }
    }

    fn named(names: &[&str]) -> Result<Databases, TargetError> {
        Ok(Databases::Named(names.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn databases_come_from_flags_then_uri_then_variable() {
        assert_eq!(choose_databases(&request(&["b", "a", "b"]), Some("u"), Some("p")), named(&["b", "a"]));
        assert_eq!(choose_databases(&request(&[]), Some("u"), Some("p")), named(&["u"]));
        assert_eq!(choose_databases(&request(&[]), Some(""), Some("p")), named(&["p"]));
        assert_eq!(choose_databases(&request(&[]), None, Some("p")), named(&["p"]));
    }

    #[test]
    fn all_databases_has_to_be_said_and_excludes_names() {
        assert_eq!(choose_databases(&request(&[]), None, None), Err(TargetError::NoDatabase));
        assert_eq!(choose_databases(&request(&[]), None, Some("")), Err(TargetError::NoDatabase));
        let all = DatabaseRequest { named: vec![], all: true };
        assert_eq!(choose_databases(&all, Some("u"), Some("p")), Ok(Databases::All));
        let both = DatabaseRequest { named: vec!["a".into()], all: true };
        assert_eq!(choose_databases(&both, None, None), Err(TargetError::AllAndNamed));
    }

    #[test]
    fn a_name_that_postgresql_would_cut_off_is_refused() {
        let longest = "ü".repeat(31) + "x";
        assert_eq!(choose_databases(&request(&[&longest]), None, None), named(&[&longest]));
        let longer = "ü".repeat(32);
        assert_eq!(choose_databases(&request(&[&longer]), None, None), Err(TargetError::TooLong(longer)));
        assert_eq!(choose_databases(&request(&[""]), None, None), Err(TargetError::EmptyName));
    }

    #[test]
    fn all_databases_of_a_cluster_are_those_that_can_be_used() {
        let row = |name: &str, is_template, allows_connections, may_connect| DatabaseRow {
            name: name.into(),
            is_template,
            allows_connections,
            may_connect,
        };
        let rows = [
            row("template1", true, true, true),
            row("templates_app", false, true, true),
            row("closed", false, false, true),
            row("theirs", false, true, false),
            row("app", false, true, true),
        ];
        let selection = databases_of_cluster(&rows);
        assert_eq!(selection.chosen, ["app", "templates_app"]);
        let reasons: Vec<_> = selection.left_out.into_iter().map(|item| (item.name, item.reason)).collect();
        assert_eq!(
            reasons,
            [
                ("closed".into(), Reason::NoConnections),
                ("template1".into(), Reason::Template),
                ("theirs".into(), Reason::MayNotConnect)
            ]
        );
    }

    #[test]
    fn names_in_lists() {
        let check = |list: &str, expected: &[&str]| {
            assert_eq!(
                parse_names(list).as_deref(),
                Ok(&expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
                "{list}"
            );
        };
        check("a", &["a"]);
        check("a,b", &["a", "b"]);
        check(" a , Upper ", &["a", "Upper"]);
        check("My Schema,sch-ema", &["My Schema", "sch-ema"]);
        check(r#""a,b", "a""b" ,c"#, &["a,b", "a\"b", "c"]);
        check(r#"" x ""#, &[" x "]);
        check("ünï,..,a/b", &["ünï", "..", "a/b"]);
    }

    #[test]
    fn lists_that_are_not_understood_say_why() {
        let check =
            |list: &str, expected: TargetError| assert_eq!(parse_names(list), Err(expected), "{list}");
        check("", TargetError::EmptyName);
        check("a,,b", TargetError::EmptyName);
        check("a,", TargetError::EmptyName);
        check(r#""""#, TargetError::EmptyName);
        check(r#""a"#, TargetError::OpenQuote("\"a".into()));
        check(r#"a"b"#, TargetError::StrayQuote("a\"b".into()));
        check(r#""a"b"#, TargetError::StrayQuote("\"a\"b".into()));
    }

    fn schema(name: &str) -> SchemaRow {
        SchemaRow {
            name: name.into(),
            is_system: false,
            is_temporary: false,
            extension: None,
            may_create: true,
        }
    }

    fn catalog() -> Vec<SchemaRow> {
        vec![
            SchemaRow { is_system: true, ..schema("pg_catalog") },
            SchemaRow { is_temporary: true, ..schema("pg_temp_3") },
            SchemaRow { extension: Some("postgis".into()), ..schema("topology") },
            SchemaRow { may_create: false, ..schema("vendor") },
            schema("public"),
            schema("app"),
            schema("scratch_1"),
        ]
    }

    fn schemas(named: &[&str], excluded: &[&str]) -> Result<Selection, TargetError> {
        let request = SchemaRequest {
            named: named.iter().map(ToString::to_string).collect(),
            excluded: excluded.iter().map(|glob| glob.parse().unwrap()).collect(),
        };
        choose_schemas(&request, &catalog())
    }

    #[test]
    fn all_schemas_means_those_that_can_be_had_and_the_rest_is_listed() {
        let selection = schemas(&[], &["scratch_*"]).unwrap();
        assert_eq!(selection.chosen, ["app", "public"]);
        let reasons: Vec<_> =
            selection.left_out.iter().map(|item| format!("{}: {}", item.name, item.reason)).collect();
        assert_eq!(
            reasons,
            [
                "pg_catalog: belongs to PostgreSQL",
                "pg_temp_3: is temporary",
                "scratch_1: is excluded by scratch_*",
                "topology: belongs to the extension postgis",
                "vendor: the role may not create in it",
            ]
        );
    }

    #[test]
    fn a_named_schema_that_cannot_be_had_is_an_error_that_lists_all() {
        assert_eq!(schemas(&["public", "app"], &[]).unwrap().chosen, ["app", "public"]);
        let error = schemas(&["app", "vendor", "App", "pg_catalog", "scratch_1"], &["scratch*"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot act on schema \"App\": it does not exist; \"pg_catalog\": it belongs to PostgreSQL; \
             \"scratch_1\": it is excluded by scratch*; \"vendor\": the role may not create in it"
        );
        assert!(!error.is_usage());
    }

    #[test]
    fn no_schema_at_all_is_an_error() {
        let error = schemas(&[], &["*"]).unwrap_err();
        assert!(matches!(&error, TargetError::NoSchema(left_out) if left_out.len() == 7));
        assert!(!error.to_string().contains("pg_catalog"), "{error}");
    }

    #[test]
    fn globs() {
        let check = |glob: &str, name: &str, expected: bool| {
            assert_eq!(glob.parse::<Glob>().unwrap().matches(name), expected, "{glob} on {name}");
        };
        check("app", "app", true);
        check("app", "App", false);
        check("app", "apple", false);
        check("a*e", "apple", true);
        check("a*e", "ae", true);
        check("*l*", "apple", true);
        check("?pp*", "äpp", true);
        check("?", "", false);
        check("*", "", true);
        check(r"a\*", "a*", true);
        check(r"a\*", "ab", false);
        check("[a]", "[a]", true);
        assert_eq!(r"a\".parse::<Glob>(), Err(TargetError::DanglingEscape("a\\".into())));
    }

    #[test]
    fn a_target_is_shown_without_ambiguity() {
        assert_eq!(Target::schema("db", "public").to_string(), "db.public");
        assert_eq!(Target::database("My DB").to_string(), "\"My DB\"");
        assert_eq!(Target::schema("a.b", "c\"d").to_string(), "\"a.b\".\"c\"\"d\"");
        assert_eq!(Target::schema("sch-ema", "ünï").to_string(), "sch-ema.ünï");
    }
}
