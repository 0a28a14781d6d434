//! The head of a plan's script: comment lines `-- psql-cm: KEY VALUE` that say from which state the plan leads to which,
//! so that it is not run on another.
//!
//! Written and read here, and compared with the facts of a database. Values that people chose are JSON, so that no name
//! ends its line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Action;
use crate::fact::FactId;
use crate::fingerprint::Fingerprints;
use crate::ignore::Ignore;
use crate::narrow::{Covered, Scope};
use crate::snapshot::Snapshot;
use crate::targets::SchemaRequest;

/// The version of the form.
pub const FORMAT: u32 = 1;

/// What each line begins with.
pub(super) const MARK: &str = "-- psql-cm: ";

/// What a plan has that somebody has to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hazard {
    /// Steps lose data.
    DataLoss,
}

impl Hazard {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::DataLoss => "data-loss",
        }
    }
}

/// What stands at the head of a plan's script.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The side that is left, as it was named.
    pub from: String,
    /// The side that is reached, as it was named.
    pub to: String,
    /// The version of the server by which both were read.
    pub server_version: u32,
    /// Fingerprints of what is left.
    pub before: State,
    /// Fingerprints of what is reached.
    pub after: State,
    /// What of a database is compared.
    pub looks_at: LooksAt,
    /// The hazards that were allowed.
    pub allowed: Vec<Hazard>,
    /// Where the plan was tried out; `None` if nowhere.
    pub verified: Option<String>,
    /// The fingerprints of the objects that the plan is about as they were; none of those that were not there.
    pub objects: BTreeMap<String, Option<String>>,
}

/// The fingerprints of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Of all.
    pub all: Prints,
    /// Of each schema; under the empty name of what belongs to none.
    pub schemas: BTreeMap<String, Prints>,
}

/// Fingerprints of the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prints {
    /// Comparable on one major version of the server.
    pub whole: String,
    /// Comparable between versions.
    pub structure: String,
}

/// What of a database is compared, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LooksAt {
    schemas: Vec<String>,
    excluded: Vec<String>,
    ignored: Vec<String>,
    owners: bool,
    privileges: bool,
    properties: bool,
    database: bool,
    only_schemas: Option<Vec<String>>,
}

/// Why a script that says it is a plan cannot be taken for one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is of another version of the form.
    #[error("the plan is of format {0}, and this psql-cm reads format {FORMAT}")]
    Format(String),
    /// A line is missing.
    #[error("the head of the plan has no line `-- psql-cm: {0}`")]
    Missing(&'static str),
    /// A line that cannot be read.
    #[error("line {line} of the plan's head cannot be read: {key}")]
    Unreadable {
        /// Which, from 1.
        line: usize,
        /// What it is about.
        key: String,
    },
}

/// How a database stands to a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is what the plan leaves.
    From,
    /// It is what the plan reaches.
    To,
    /// It is neither. What differs from what the plan leaves: schemas, and objects that the plan is about.
    Other(Vec<String>),
}

impl State {
    /// Of a side as it was compared.
    pub fn of(snapshot: &Snapshot) -> Self {
        let (whole, structure) = Fingerprints::both(snapshot);
        let pair = |whole: &str, structure: &str| Prints {
            whole: whole.to_owned(),
            structure: structure.to_owned(),
        };
        let schema = |(name, print): (&String, &String)| {
            let structure = structure.schemas.get(name).map(String::as_str).unwrap_or_default();
            (name.clone(), pair(print, structure))
        };
        Self {
            all: pair(&whole.database, &structure.database),
            schemas: whole.schemas.iter().map(schema).collect(),
        }
    }
}

impl LooksAt {
    /// By what both sides were narrowed.
    pub fn new(scope: &Scope, covered: &Covered) -> Self {
        let texts = |items: &mut dyn Iterator<Item = String>| items.collect();
        Self {
            schemas: scope.schemas.named.clone(),
            excluded: texts(&mut scope.schemas.excluded.iter().map(ToString::to_string)),
            ignored: texts(&mut scope.ignore.objects.iter().map(ToString::to_string)),
            owners: scope.owners,
            privileges: scope.privileges,
            properties: covered.properties,
            database: covered.database,
            only_schemas: covered.schemas.clone(),
        }
    }

    /// What of these facts is compared.
    fn narrow(&self, facts: Snapshot) -> Option<Snapshot> {
        let excluded: Result<_, _> = self.excluded.iter().map(|text| text.parse()).collect();
        let objects: Result<_, _> = self.ignored.iter().map(|text| text.parse()).collect();
        let scope = Scope {
            schemas: SchemaRequest { named: self.schemas.clone(), excluded: excluded.ok()? },
            ignore: Ignore { schemas: Vec::new(), objects: objects.ok()? },
            owners: self.owners,
            privileges: self.privileges,
        };
        let covered = Covered {
            properties: self.properties,
            database: self.database,
            schemas: self.only_schemas.clone(),
        };
        Some(scope.narrow(facts, &[&covered]))
    }
}

/// The objects that actions are about, as they are in a side.
pub fn objects_of(actions: &[Action], from: &Snapshot) -> BTreeMap<String, Option<String>> {
    let prints = Fingerprints::of(from).objects;
    let objects = actions.iter().flat_map(|action| std::iter::once(&action.id).chain(&action.members));
    let print = |id: &FactId| (id.to_string(), prints.get(id).cloned());
    objects.map(|id| print(id.object())).collect()
}

impl Header {
    /// The lines, each with its end.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            text.push_str(MARK);
            text.push_str(key);
            text.push(' ');
            text.push_str(value);
            text.push('\n');
        };
        line("plan", &FORMAT.to_string());
        line("from", &json(&self.from));
        line("to", &json(&self.to));
        line("server", &self.server_version.to_string());
        line("from-fingerprint", &json(&self.before.all));
        line("to-fingerprint", &json(&self.after.all));
        line("compares", &json(&self.looks_at));
        let allowed: Vec<&str> = self.allowed.iter().map(|hazard| hazard.name()).collect();
        line("allowed", &json(&allowed));
        line("verified", &json(&self.verified));
        for (name, prints) in &self.before.schemas {
            line("schema", &json(&(name, prints)));
        }
        for object in &self.objects {
            line("object", &json(&object));
        }
        text
    }

    /// Reads the head of a script; `None` if it is no plan.
    ///
    /// # Errors
    /// When it says that it is a plan, and cannot be read as one.
    pub fn read(text: &str) -> Result<Option<Self>, HeaderError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().map_while(|line| line.strip_prefix(MARK));
        let mut lines = lines.map(|line| line.split_once(' ').unwrap_or((line, ""))).enumerate();
        match lines.next() {
            Some((_, ("plan", format))) if format.trim() == FORMAT.to_string() => {}
            Some((_, ("plan", format))) => return Err(HeaderError::Format(format.trim().to_owned())),
            _ => return Ok(None),
        }
        let mut found = Found::default();
        for (index, (key, value)) in lines {
            found
                .take(key, value)
                .ok_or_else(|| HeaderError::Unreadable { line: index + 1, key: key.to_owned() })?;
        }
        found.complete().map(Some)
    }

    /// How a database stands to the plan, by its facts without the tool's own.
    pub fn standing(&self, facts: &Snapshot) -> Standing {
        let is_same_server = facts.server_version / 10_000 == self.server_version / 10_000;
        let Some(facts) = self.looks_at.narrow(facts.clone()) else {
            return Standing::Other(vec!["what is compared".to_owned()]);
        };
        let (whole, structure) = Fingerprints::both(&facts);
        let now = if is_same_server { whole } else { structure };
        let pick =
            |prints: &Prints| if is_same_server { prints.whole.clone() } else { prints.structure.clone() };
        if now.database == pick(&self.before.all) {
            return Standing::From;
        }
        if now.database == pick(&self.after.all) {
            return Standing::To;
        }
        let schemas: BTreeMap<&String, String> =
            self.before.schemas.iter().map(|(name, prints)| (name, pick(prints))).collect();
        let names = schemas.keys().copied().chain(now.schemas.keys());
        let mut differing: Vec<String> = names
            .filter(|name| schemas.get(name) != now.schemas.get(*name))
            .map(|name| match name.as_str() {
                "" => "what belongs to no schema".to_owned(),
                name => format!("schema {}", crate::name::quote_ident(name)),
            })
            .collect();
        differing.sort_unstable();
        differing.dedup();
        if is_same_server {
            let now: BTreeMap<String, &String> =
                now.objects.iter().map(|(id, print)| (id.to_string(), print)).collect();
            let differs =
                |(name, print): &(&String, &Option<String>)| now.get(*name).copied() != print.as_ref();
            differing.extend(self.objects.iter().filter(differs).map(|(name, _)| name.clone()));
        }
        Standing::Other(differing)
    }
}

/// Serializing names and texts cannot fail.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What was read so far.
#[derive(Default)]
struct Found {
    from: Option<String>,
    to: Option<String>,
    server_version: Option<u32>,
    before: Option<Prints>,
    after: Option<Prints>,
    looks_at: Option<LooksAt>,
    allowed: Option<Vec<Hazard>>,
    verified: Option<Option<String>>,
    schemas: BTreeMap<String, Prints>,
    objects: BTreeMap<String, Option<String>>,
}

impl Found {
    /// Takes a line; `None` if it cannot be read.
    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        fn read<T: for<'de> Deserialize<'de>>(value: &str) -> Option<T> {
            serde_json::from_str(value).ok()
        }
        match key {
            "from" => self.from = Some(read(value)?),
            "to" => self.to = Some(read(value)?),
            "server" => self.server_version = Some(value.trim().parse().ok()?),
            "from-fingerprint" => self.before = Some(read(value)?),
            "to-fingerprint" => self.after = Some(read(value)?),
            "compares" => {
                let looks_at: LooksAt = read(value)?;
                looks_at.narrow(Snapshot::new(0))?;
                self.looks_at = Some(looks_at);
            }
            "allowed" => {
                let names: Vec<String> = read(value)?;
                let hazard = |name: &String| (name == Hazard::DataLoss.name()).then_some(Hazard::DataLoss);
                self.allowed = Some(names.iter().map(hazard).collect::<Option<_>>()?);
            }
            "verified" => self.verified = Some(read(value)?),
            "schema" => {
                let (name, prints) = read(value)?;
                self.schemas.insert(name, prints);
            }
            "object" => {
                let (name, print) = read(value)?;
                self.objects.insert(name, print);
            }
            _ => return None,
        }
        Some(())
    }

    fn complete(self) -> Result<Header, HeaderError> {
        let missing = |key| move || HeaderError::Missing(key);
        Ok(Header {
            from: self.from.ok_or_else(missing("from"))?,
            to: self.to.ok_or_else(missing("to"))?,
            server_version: self.server_version.ok_or_else(missing("server"))?,
            before: State {
                all: self.before.ok_or_else(missing("from-fingerprint"))?,
                schemas: self.schemas,
            },
            after: State { all: self.after.ok_or_else(missing("to-fingerprint"))?, schemas: BTreeMap::new() },
            looks_at: self.looks_at.ok_or_else(missing("compares"))?,
            allowed: self.allowed.ok_or_else(missing("allowed"))?,
            verified: self.verified.ok_or_else(missing("verified"))?,
            objects: self.objects,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Fact;
    use crate::kinds::KindId;

    fn snapshot(table: &str, text: Option<&str>) -> Snapshot {
        let mut snapshot = Snapshot::new(150_004);
        let schema = FactId::root(KindId::Schema, "app");
        let table = schema.child(KindId::Table, table);
        snapshot.insert(table.child(KindId::Comment, ""), Fact::new().text("text", text));
        snapshot.insert(table, Fact::new());
        snapshot.insert(schema, Fact::new());
        snapshot
    }

    fn header(from: &Snapshot, to: &Snapshot) -> Header {
        let scope = Scope {
            schemas: SchemaRequest { named: Vec::new(), excluded: vec!["tmp_*".parse().unwrap()] },
            ignore: Ignore { schemas: Vec::new(), objects: vec!["app.i\nx".parse().unwrap()] },
            owners: true,
            privileges: false,
        };
        let actions = super::super::between(from, to).unwrap();
        Header {
            from: "db:a\nb".to_owned(),
            to: "tree:\"x\"".to_owned(),
            server_version: 150_004,
            before: State::of(from),
            after: State { schemas: BTreeMap::new(), ..State::of(to) },
            looks_at: LooksAt::new(&scope, &Covered::ALL),
            allowed: vec![Hazard::DataLoss],
            verified: Some("PostgreSQL 15.4".to_owned()),
            objects: objects_of(&actions, from),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let header = header(&snapshot("a\nDROP", Some("x")), &snapshot("a\nDROP", Some("y")));
        let text = header.text();
        assert!(text.lines().all(|line| line.starts_with(MARK)), "{text}");
        assert_eq!(Header::read(&format!("{text}\nSELECT 1")).unwrap(), Some(header.clone()));
        assert_eq!(Header::read(&format!("\u{feff}{text}")).unwrap(), Some(header));
        assert_eq!(Header::read("-- a plan\nSELECT 1").unwrap(), None);
        let error = |text: String| Header::read(&text).unwrap_err().to_string();
        assert_eq!(
            error(text.replacen("plan 1", "plan 2", 1)),
            "the plan is of format 2, and this psql-cm reads format 1"
        );
        assert_eq!(
            error(text.replacen("-- psql-cm: server 150004\n", "", 1)),
            "the head of the plan has no line `-- psql-cm: server`"
        );
        assert_eq!(
            error(text.replacen("server 150004", "server x", 1)),
            "line 4 of the plan's head cannot be read: server"
        );
        assert_eq!(
            error(text.replacen("allowed [", "allowed [\"all\",", 1)),
            "line 8 of the plan's head cannot be read: allowed"
        );
        assert_eq!(
            error(text.replacen("verified ", "hurried ", 1)),
            "line 9 of the plan's head cannot be read: hurried"
        );
    }

    #[test]
    fn a_database_is_one_side_or_the_other_or_differs_by_name() {
        let (from, to) = (snapshot("a", Some("x")), snapshot("a", Some("y")));
        let header = header(&from, &to);
        assert_eq!(header.standing(&from), Standing::From);
        assert_eq!(header.standing(&to), Standing::To);
        let touched = Standing::Other(vec!["schema app".to_owned(), "table app.a".to_owned()]);
        assert_eq!(header.standing(&snapshot("a", Some("z"))), touched);
        let mut other = from.clone();
        other.insert(FactId::root(KindId::Schema, "app").child(KindId::Table, "b"), Fact::new());
        assert_eq!(header.standing(&other), Standing::Other(vec!["schema app".to_owned()]));
        let mut excluded = from.clone();
        excluded.insert(FactId::root(KindId::Schema, "tmp_1"), Fact::new());
        assert_eq!(header.standing(&excluded), Standing::From);
        let mut newer = from.clone();
        newer.server_version = 180_000;
        assert_eq!(header.standing(&newer), Standing::From);
    }
}
