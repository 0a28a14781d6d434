//! What a team ignores: schemas that are left alone, and objects that are no drift, no difference and not to be
//! complained of.
//!
//! Pure matching of names. Ignoring is for judging only: what is ignored is captured, planned and written like all
//! else. Names of kinds are the registry's; no kind is told from another here.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::fact::FactId;
use crate::kinds;
use crate::snapshot::{LeftOut, Snapshot};
use crate::targets::{Glob, TargetError};

/// Objects of these kinds belong to no schema, and are named without one.
const OF_NO_SCHEMA: [&str; 11] = [
    "access method",
    "cast",
    "event trigger",
    "extension",
    "foreign-data wrapper",
    "language",
    "large object",
    "publication",
    "server",
    "subscription",
    "transform",
];

/// What is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignore {
    /// Schemas that are left alone.
    pub schemas: Vec<Glob>,
    /// Objects that are not judged.
    pub objects: Vec<Rule>,
}

/// Objects that are ignored: `[KIND:]SCHEMA.NAME`, or `KIND:NAME` for what belongs to no schema; or whether the partitions
/// of tables are, by [`Rule::of_partitions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    text: String,
    about: About,
    kind: Option<String>,
    schema: Option<Glob>,
    name: Glob,
}

/// What a rule says of the objects that fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// They are ignored.
    Themselves,
    /// Whether their partitions are, at any depth.
    Partitions(Partitions),
}

/// Whose partitions they are: the team's, or a job's that makes and drops them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Partitions {
    /// They are judged as all else. So it is where nothing is said.
    Managed,
    /// They are not judged.
    Ignored,
}

impl Partitions {
    const ALL: [Self; 2] = [Self::Managed, Self::Ignored];

    /// What stands before the names in the text of a rule.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Managed => "managed partitions:",
            Self::Ignored => "partitions:",
        }
    }
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Nothing that can be ignored is of that kind.
    #[error("{rule:?}: there is no kind {kind:?}; there are: {}", known_kinds().join(", "))]
    Kind {
        /// The text.
        rule: String,
        /// What stands before the colon.
        kind: String,
    },
    /// It says no schema, and what it names has one.
    #[error(
        "{0:?} names no schema: write [KIND:]SCHEMA.NAME, or KIND:NAME for what belongs to no schema, such as extension:NAME"
    )]
    NoSchema(String),
    /// It says a schema, and what it names has none.
    #[error("{rule:?} names a schema, and a {kind} belongs to none: write {kind}:NAME")]
    Schema {
        /// The text.
        rule: String,
        /// The kind.
        kind: String,
    },
    /// It has too many names.
    #[error(
        "{0:?} has more than SCHEMA.NAME: parts of an object are ignored with it; a dot within a name is written \\."
    )]
    Parts(String),
    /// It is to say tables, and says more.
    #[error("{0:?} is no table: write SCHEMA.NAME")]
    Table(String),
    /// One of its patterns is none.
    #[error("{rule:?}: {source}")]
    Glob {
        /// The text.
        rule: String,
        /// What is wrong.
        source: TargetError,
    },
}

impl Ignore {
    /// The rules about a schema's objects; under the empty name, those about what belongs to no schema. Sorted, so that
    /// the same rules give the same texts.
    pub fn rules_of(&self, schema: &str) -> Vec<String> {
        let is_about = |rule: &&Rule| match &rule.schema {
            // A partition may be in another schema than its parent.
            Some(glob) => !schema.is_empty() && (rule.about != About::Themselves || glob.matches(schema)),
            None => schema.is_empty(),
        };
        let texts: BTreeSet<String> =
            self.objects.iter().filter(is_about).map(|rule| rule.text.clone()).collect();
        texts.into_iter().collect()
    }

    /// The objects of a snapshot that are not judged. What stands in the file of such an object, as the sequence that a
    /// column owns, is ignored with it.
    pub fn objects_of(&self, snapshot: &Snapshot) -> BTreeSet<FactId> {
        if self.objects.is_empty() {
            return BTreeSet::new();
        }
        let objects: BTreeSet<&FactId> = snapshot.facts().map(|(id, _)| id.object()).collect();
        let fits = |id: &FactId| {
            self.objects.iter().any(|rule| rule.fits(id))
                || self.partitions_beside(id, snapshot) == Partitions::Ignored
        };
        let home = |id: &FactId| (id.kind().kind().home)(id, snapshot);
        objects.into_iter().filter(|id| fits(id) || fits(&home(id))).cloned().collect()
    }

    /// What is said of the partitions among which an object is: of the nearest table above it that a rule names.
    fn partitions_beside(&self, id: &FactId, snapshot: &Snapshot) -> Partitions {
        let mut of = kinds::table::partitioned(snapshot, id);
        while let Some(parent) = of {
            let said = |wanted| self.objects.iter().any(|rule| rule.about == wanted && rule.names(parent));
            let rule = Partitions::ALL.into_iter().find(|partitions| said(About::Partitions(*partitions)));
            if let Some(partitions) = rule {
                return partitions;
            }
            of = kinds::table::partitioned(snapshot, parent);
        }
        Partitions::Managed
    }

    /// Whether nobody is to be told that this cannot be captured.
    pub fn is_ignored(&self, left_out: &LeftOut) -> bool {
        let (schema, name) = names(&left_out.identity);
        let in_ignored_schema =
            schema.as_ref().is_some_and(|schema| self.schemas.iter().any(|glob| glob.matches(schema)));
        in_ignored_schema
            || self.objects.iter().any(|rule| {
                rule.about == About::Themselves
                    && rule.fits_names(schema.as_deref(), &name)
                    && rule.may_be_about(&left_out.kind, &left_out.identity)
            })
    }
}

impl Rule {
    /// What is said of the partitions of the tables `SCHEMA.NAME`.
    ///
    /// # Errors
    /// When those are no patterns of two names.
    pub fn of_partitions(tables: &str, partitions: Partitions) -> Result<Self, RuleError> {
        let table: Self = tables.parse()?;
        let text = format!("{}{tables}", partitions.prefix());
        if table.kind.is_some() || table.about != About::Themselves {
            return Err(RuleError::Table(tables.to_owned()));
        }
        Ok(Self { text, about: About::Partitions(partitions), ..table })
    }

    fn fits(&self, id: &FactId) -> bool {
        self.about == About::Themselves && self.names(id)
    }

    fn names(&self, id: &FactId) -> bool {
        // A schema is not in itself.
        let is_schema = id.schema().is_some() && id.parent().is_none();
        !is_schema
            && self.kind.as_deref().is_none_or(|kind| kind == id.kind().kind().name)
            && self.fits_names(id.schema(), id.name())
    }

    fn fits_names(&self, schema: Option<&str>, name: &str) -> bool {
        let fits_schema = match (&self.schema, schema) {
            (Some(glob), Some(schema)) => glob.matches(schema),
            (glob, schema) => glob.is_none() && schema.is_none(),
        };
        fits_schema && self.name.matches(name)
    }

    /// Whether what the census names by these words can be, or be a part of, what the rule means. It also names
    /// what is no object, as a constraint on a table; then the names decide.
    fn may_be_about(&self, kind: &str, identity: &str) -> bool {
        let Some(wanted) = self.kind.as_deref() else { return true };
        let said = known_kinds().into_iter().find(|known| {
            *known == kind || identity.strip_prefix(known).is_some_and(|rest| rest.starts_with(' '))
        });
        said.is_none_or(|said| said == wanted)
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        for partitions in Partitions::ALL {
            if let Some(tables) = text.strip_prefix(partitions.prefix()) {
                return Self::of_partitions(tables, partitions);
            }
        }
        let rule = || text.to_owned();
        let is_word = |word: &str| word.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '_'));
        let (kind, names) = match text.split_once(':') {
            Some((kind, names)) if is_word(kind) => (Some(kind), names),
            _ => (None, text),
        };
        if let Some(kind) = kind.filter(|kind| !known_kinds().contains(kind)) {
            return Err(RuleError::Kind { rule: rule(), kind: kind.to_owned() });
        }
        let glob = |text: &str| text.parse().map_err(|source| RuleError::Glob { rule: rule(), source });
        let has_schema = !kind.is_some_and(|kind| OF_NO_SCHEMA.contains(&kind));
        let (schema, name) = match (dotted(names).as_slice(), kind) {
            ([name], _) if !has_schema => (None, glob(name)?),
            ([schema, name], _) if has_schema => (Some(glob(schema)?), glob(name)?),
            ([_], _) => return Err(RuleError::NoSchema(rule())),
            (_, Some(kind)) if !has_schema => {
                return Err(RuleError::Schema { rule: rule(), kind: kind.to_owned() });
            }
            _ => return Err(RuleError::Parts(rule())),
        };
        Ok(Self { text: rule(), about: About::Themselves, kind: kind.map(str::to_owned), schema, name })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The kinds that rules can name: those of objects.
fn known_kinds() -> Vec<&'static str> {
    let in_schemas = kinds::ALL.iter().map(|id| id.kind()).filter(|kind| kind.folder.is_some());
    let mut names: Vec<_> = in_schemas.map(|kind| kind.name).chain(OF_NO_SCHEMA).collect();
    names.sort_unstable();
    names
}

/// Splits at dots that are not escaped.
fn dotted(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (at, character) in text.char_indices() {
        if character == '.' && !is_escaped {
            parts.push(&text[start..at]);
            start = at + 1;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    parts.push(&text[start..]);
    parts
}

/// The schema and the name in an identity as PostgreSQL and the census print it: `app.f(integer)`, `"_RETURN" on app.v`,
/// `far`. The first name with a schema is meant; without any, the last word.
fn names(identity: &str) -> (Option<String>, String) {
    let mut last = identity.to_owned();
    let mut rest = identity;
    while !rest.is_empty() && !rest.starts_with('(') {
        let (parts, after) = qualified(rest);
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap_or_default();
        if let Some(second) = parts.next() {
            return (Some(first), second);
        }
        last = first;
        rest = after.trim_start();
    }
    (None, last)
}

/// Reads the names of one word, without their quotes, and what follows the word.
fn qualified(text: &str) -> (Vec<String>, &str) {
    let (mut parts, mut part, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek().is_some_and(|(_, next)| *next == '"') => {
                characters.next();
                part.push('"');
            }
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(std::mem::take(&mut part)),
            ' ' | '(' if !is_quoted => {
                parts.push(part);
                return (parts, &text[at..]);
            }
            other => part.push(other),
        }
    }
    parts.push(part);
    (parts, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Fact;
    use crate::kinds::KindId;

    fn ignore(rules: &[&str]) -> Ignore {
        let objects = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Ignore { schemas: vec!["scratch_*".parse().unwrap()], objects }
    }

    #[test]
    fn objects_fit_by_schema_name_and_kind() {
        let app = FactId::root(KindId::Schema, "app");
        let mut snapshot = Snapshot::new(150_000);
        let ids = [
            app.clone(),
            app.child(KindId::Table, "tmp_1"),
            app.child(KindId::Table, "tmp_1").child(KindId::Column, "a"),
            app.child(KindId::View, "tmp_2"),
            app.qualified_child(KindId::Function, "f", "integer"),
            app.child(KindId::Table, "a.b"),
            FactId::root(KindId::Extension, "tmp_3"),
        ];
        ids.iter().for_each(|id| snapshot.insert(id.clone(), Fact::new()));
        let check = |rule: &str, expected: &[&str]| {
            let found = ignore(&[rule]).objects_of(&snapshot);
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{rule}");
        };
        check("app.tmp_*", &["table app.tmp_1", "view app.tmp_2"]);
        check("*.tmp_*", &["table app.tmp_1", "view app.tmp_2"]);
        check("table:a?p.tmp_*", &["table app.tmp_1"]);
        check("app.f", &["function app.f(integer)"]);
        check("app.a\\.b", &["table app.\"a.b\""]);
        check("App.tmp_*", &[]);
        check("app.app", &[]);
        check("extension:tmp_*", &["extension tmp_3"]);
    }

    #[test]
    fn partitions_are_ignored_at_any_depth_unless_a_nearer_table_says_otherwise() {
        let app = FactId::root(KindId::Schema, "app");
        let table = |name: &str| app.child(KindId::Table, name);
        let mut snapshot = Snapshot::new(150_000);
        for (name, parent) in [
            ("log", None),
            ("log_1", Some("log")),
            ("log_2", Some("log")),
            ("log_2_a", Some("log_2")),
            ("child", None),
        ] {
            let fact = parent.map_or_else(Fact::new, |parent| {
                Fact::new()
                    .text("partition_bound", Some("DEFAULT"))
                    .list("parents", &[format!("app.{parent}")])
            });
            snapshot.insert(table(name), fact);
            parent.into_iter().for_each(|parent| snapshot.add_need(&table(name), &table(parent)));
        }
        let check = |rules: &[&str], expected: &[&str]| {
            let found = ignore(rules).objects_of(&snapshot);
            let found: Vec<&str> = found.iter().map(FactId::name).collect();
            assert_eq!(found, expected, "{rules:?}");
        };
        check(&["partitions:app.log"], &["log_1", "log_2", "log_2_a"]);
        check(&["partitions:app.log", "managed partitions:app.log_2"], &["log_1", "log_2"]);
        check(&["partitions:*.*", "managed partitions:app.log"], &["log_2_a"]);
        check(&["partitions:app.child"], &[]);
        assert_eq!(ignore(&["partitions:app.log"]).rules_of("other"), ["partitions:app.log"]);
        assert!(ignore(&["partitions:app.log"]).rules_of("").is_empty());
        let message = "partitions:table:app.log".parse::<Rule>().unwrap_err().to_string();
        assert_eq!(message, "\"table:app.log\" is no table: write SCHEMA.NAME");
    }

    #[test]
    fn what_cannot_be_captured_fits_by_what_it_is_of() {
        let check = |rule: &str, kind: &str, identity: &str, expected: bool| {
            let found = ignore(&[rule]).is_ignored(&LeftOut::new(kind, identity, ""));
            assert_eq!(found, expected, "{rule}: {kind} {identity}");
        };
        check("app.f*", "function", "app.f1(integer)", true);
        check("app.f*", "function", "app.g(app.f)", false);
        check("view:app.f*", "function", "app.f1(integer)", false);
        check("view:app.f*", "changed comment", "function app.f1(integer)", false);
        check("function:app.f*", "changed comment", "function app.f1(integer)", true);
        check("table:app.t", "table constraint", "t_id_key on app.t", true);
        check("table:app.u", "table constraint", "t_id_key on app.t", false);
        check("app.\\*x\\.\"y", "rule", "\"_RETURN\" on app.\"*x.\"\"y\"", true);
        check("subscription:far", "subscription", "far", true);
        check("*.far", "subscription", "far", false);
        check("publication:far", "subscription", "far", false);
        // Schemas that are ignored, with all that is in them.
        check("subscription:far", "function", "scratch_1.f()", true);
        check("*.*", "view", crate::snapshot::NOT_READ, false);
    }

    #[test]
    fn rules_that_are_none_say_why() {
        let check = |rule: &str, expected: &str| {
            let message = rule.parse::<Rule>().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check("tabel:app.t", "there is no kind \"tabel\"; there are: access method, aggregate, ");
        check("column:app.t", "there is no kind \"column\"");
        check("app", "names no schema");
        check("table:t", "names no schema");
        check("extension:app.t", "write extension:NAME");
        check("app.t.c", "more than SCHEMA.NAME");
        check("app.", "empty");
        check("app.t\\", "\\");
        let names: Vec<&str> = kinds::ALL.iter().map(|id| id.kind().name).collect();
        assert!(OF_NO_SCHEMA.iter().all(|kind| names.contains(kind)));
    }

    #[test]
    fn the_rules_of_a_schema_are_those_that_can_fit_in_it() {
        let ignore = ignore(&["b.x", "*.y", "extension:e", "a.x", "*.y"]);
        assert_eq!(ignore.rules_of("a"), ["*.y", "a.x"]);
        assert_eq!(ignore.rules_of("c"), ["*.y"]);
        assert_eq!(ignore.rules_of(""), ["extension:e"]);
    }
}
