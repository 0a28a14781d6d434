//! What of a snapshot a comparison is about: the schemas that were named, without what a team ignores, and without what one
//! of the sides says nothing of.
//!
//! Both sides are narrowed by the same rules. It drops facts and changes none.

use crate::fact::FactId;
use crate::ignore::Ignore;
use crate::kinds::KindId;
use crate::snapshot::Snapshot;
use crate::targets::SchemaRequest;

/// What somebody wants compared.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The schemas; where some are named, what belongs to no schema is left out too.
    pub schemas: SchemaRequest,
    /// What is not judged.
    pub ignore: Ignore,
    /// Whether owners count.
    pub owners: bool,
    /// Whether privileges count.
    pub privileges: bool,
}

/// What a source speaks of. What it does not speak of is no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The properties of the database itself: encoding, locale.
    pub properties: bool,
    /// What is said of the database: owner, settings, privileges, comment.
    pub database: bool,
    /// These schemas, and nothing that belongs to none; all there is without.
    pub schemas: Option<Vec<String>>,
}

impl Covered {
    /// All there is.
    pub const ALL: Self = Self { properties: true, database: true, schemas: None };

    /// What is in the database, and nothing of the database itself.
    pub const INSIDE: Self = Self { properties: false, database: false, schemas: None };

    /// What both speak of.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let schemas = match (&self.schemas, &other.schemas) {
            (Some(own), Some(others)) => {
                Some(own.iter().filter(|name| others.contains(name)).cloned().collect())
            }
            (own, others) => own.clone().or_else(|| others.clone()),
        };
        Self {
            properties: self.properties && other.properties,
            database: self.database && other.database,
            schemas,
        }
    }

    fn covers(&self, id: &FactId) -> bool {
        let covers_schema = match &self.schemas {
            Some(schemas) => id.schema().is_some_and(|schema| schemas.iter().any(|name| name == schema)),
            None => true,
        };
        let covers_database = match id.ancestor(KindId::Database) {
            Some(database) if database == id => self.properties,
            Some(_) => self.database,
            None => true,
        };
        covers_schema && covers_database
    }
}

impl Scope {
    /// The facts that are to be compared where the sides speak of that much.
    #[must_use]
    pub fn narrow(&self, snapshot: Snapshot, covered: &[&Covered]) -> Snapshot {
        let ignored = self.ignore.objects_of(&snapshot);
        let is_out = |id: &FactId| {
            ignored.contains(id.object())
                || !self.wants(id)
                || covered.iter().any(|covered| !covered.covers(id))
        };
        snapshot.split(is_out).0
    }

    /// Which of the named schemas a snapshot does not have.
    pub fn missing(&self, snapshot: &Snapshot) -> Vec<String> {
        let there = snapshot.schemas();
        self.schemas.named.iter().filter(|name| !there.contains(name.as_str())).cloned().collect()
    }

    fn wants(&self, id: &FactId) -> bool {
        let wants_schema = match id.schema() {
            Some(schema) => {
                (self.schemas.named.is_empty() || self.schemas.named.iter().any(|name| name == schema))
                    && !self.schemas.excluded.iter().any(|glob| glob.matches(schema))
            }
            None => self.schemas.named.is_empty(),
        };
        let wants_kind = id.path().all(|id| match id.kind() {
            KindId::Owner => self.owners,
            KindId::Grant | KindId::DefaultPrivilege => self.privileges,
            _ => true,
        });
        wants_schema && wants_kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Fact;

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::new(150_000);
        let database = FactId::root(KindId::Database, "");
        for schema in ["app", "log", "tmp_1"] {
            let schema = FactId::root(KindId::Schema, schema);
            let table = schema.child(KindId::Table, "t");
            snapshot.insert(table.child(KindId::Owner, ""), Fact::new());
            snapshot.insert(table.child(KindId::Grant, "r"), Fact::new());
            snapshot.insert(table, Fact::new());
            snapshot.insert(schema, Fact::new());
        }
        snapshot.insert(database.child(KindId::Owner, ""), Fact::new());
        snapshot.insert(database, Fact::new());
        snapshot.insert(FactId::root(KindId::Extension, "citext"), Fact::new());
        snapshot
    }

    fn scope() -> Scope {
        let schemas = SchemaRequest { named: Vec::new(), excluded: vec!["tmp_*".parse().unwrap()] };
        Scope { schemas, ignore: Ignore::default(), owners: true, privileges: true }
    }

    fn left(scope: &Scope, covered: &Covered) -> Vec<String> {
        scope.narrow(snapshot(), &[covered]).facts().map(|(id, _)| id.to_string()).collect()
    }

    #[test]
    fn what_is_excluded_ignored_or_not_covered_is_out() {
        let all = left(&scope(), &Covered::ALL);
        assert_eq!(all.len(), 3 + 2 * 4, "{all:?}");
        assert!(!all.iter().any(|id| id.contains("tmp_1")), "{all:?}");
        let inside = left(&scope(), &Covered::INSIDE);
        assert_eq!(all.len() - inside.len(), 2, "{inside:?}");
        let one = Covered { schemas: Some(vec!["log".to_owned()]), ..Covered::INSIDE };
        assert_eq!(left(&scope(), &one).len(), 4);
        let ignoring = Scope {
            ignore: Ignore { schemas: Vec::new(), objects: vec!["app.t".parse().unwrap()] },
            ..scope()
        };
        assert_eq!(all.len() - left(&ignoring, &Covered::ALL).len(), 3);
    }

    #[test]
    fn named_schemas_stand_alone() {
        let mut named = scope();
        named.schemas.named = vec!["app".to_owned(), "gone".to_owned()];
        assert_eq!(left(&named, &Covered::ALL).len(), 4);
        assert_eq!(named.missing(&snapshot()), ["gone"]);
    }

    #[test]
    fn owners_and_privileges_can_be_left_out() {
        let bare = Scope { owners: false, privileges: false, ..scope() };
        assert_eq!(left(&bare, &Covered::ALL).len(), 2 + 2 * 2);
    }
}
