//! The difference of two snapshots, fact by fact.
//!
//! It names no kind: what a difference in an attribute means stands in the registry. Stored order, what belongs
//! to the installation, and texts that different server versions wrote are told apart from differences. It does
//! not say how to get from one to the other: that is a plan.

use serde_json::{Map, Value as Json};

use crate::fact::{Fact, FactId, Value};
use crate::kinds::{self, KindId, Nature};
use crate::report::{FactChange, Op};
use crate::snapshot::Snapshot;

/// What differs between two snapshots, each part in natural order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// The differences: none means equal fingerprints.
    pub facts: Vec<FactDelta>,
    /// Facts that differ only in stored order.
    pub order: Vec<FactDelta>,
    /// Facts that differ only in what belongs to the installation, such as roles that are named now, and states.
    pub local: Vec<FactDelta>,
    /// Facts whose texts were written by different server versions and differ: nobody can tell what that means.
    pub not_compared: Vec<FactId>,
}

/// A fact that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactDelta {
    /// Which fact.
    pub id: FactId,
    /// How.
    pub what: What,
}

/// How a fact differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Added(Fact),
    /// It is gone.
    Removed(Fact),
    /// Some of its attributes are others.
    Changed(Vec<AttributeChange>),
}

/// An attribute that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeChange {
    /// Its name.
    pub name: &'static str,
    /// What it was; `None` is its usual value.
    pub before: Option<Value>,
    /// What it is.
    pub after: Option<Value>,
}

impl Delta {
    /// Compares two snapshots.
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let same_server = before.server_version == after.server_version;
        let mut delta = Self::default();
        let (mut left, mut right) = (before.facts().peekable(), after.facts().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return delta,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((left, _)), Some((right, _))) => left.cmp(right),
            };
            let gone = order.is_le().then(|| left.next()).flatten();
            let come = order.is_ge().then(|| right.next()).flatten();
            match (gone, come) {
                (Some((id, old)), Some((_, new))) => delta.compare(id, old, new, same_server),
                (Some((id, fact)), None) => delta.put(id, What::Removed(fact.clone())),
                (None, Some((id, fact))) => delta.put(id, What::Added(fact.clone())),
                (None, None) => unreachable!("the smaller of two heads was there"),
            }
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// A fact that came or went as a whole.
    fn put(&mut self, id: &FactId, what: What) {
        let attributes = id.kind().kind().attributes;
        let says_local =
            !attributes.is_empty() && attributes.iter().all(|attribute| attribute.nature == Nature::Local);
        let list = if says_local || kinds::is_of_state(id) { &mut self.local } else { &mut self.facts };
        list.push(FactDelta { id: id.clone(), what });
    }

    fn compare(&mut self, id: &FactId, before: &Fact, after: &Fact, same_server: bool) {
        if before == after {
            return;
        }
        let mut names: Vec<&'static str> =
            before.attributes().chain(after.attributes()).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        let (mut real, mut order, mut local) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_unclear = false;
        for name in names {
            let (old, new) = (before.get(name), after.get(name));
            if old == new {
                continue;
            }
            let change = AttributeChange { name, before: old.cloned(), after: new.cloned() };
            match id.kind().kind().nature(name) {
                Nature::Deparsed if !same_server && old.is_some() && new.is_some() => is_unclear = true,
                Nature::Newer if !same_server => is_unclear = true,
                _ if kinds::is_of_state(id) => local.push(change),
                Nature::Plain | Nature::Deparsed | Nature::Newer | Nature::Live => real.push(change),
                Nature::Order => order.push(change),
                Nature::Local => local.push(change),
            }
        }
        if is_unclear {
            self.not_compared.push(id.clone());
        }
        for (list, changes) in [(&mut self.facts, real), (&mut self.order, order), (&mut self.local, local)] {
            if !changes.is_empty() {
                list.push(FactDelta { id: id.clone(), what: What::Changed(changes) });
            }
        }
    }
}

impl FactDelta {
    /// What happened to the fact.
    pub fn op(&self) -> Op {
        match self.what {
            What::Added(_) => Op::Add,
            What::Removed(_) => Op::Remove,
            What::Changed(_) => Op::Change,
        }
    }

    /// The difference as reports have it: all attributes of a fact that came or went, those that differ of one
    /// that changed.
    pub fn to_report(&self) -> FactChange {
        let (before, after) = match &self.what {
            What::Added(fact) => (None, Some(attributes(fact))),
            What::Removed(fact) => (Some(attributes(fact)), None),
            What::Changed(changes) => {
                let side = |pick: fn(&AttributeChange) -> &Option<Value>| {
                    let values = changes.iter().map(|change| {
                        (change.name.to_owned(), pick(change).as_ref().map_or(Json::Null, json))
                    });
                    Some(Json::Object(values.collect::<Map<_, _>>()))
                };
                (side(|change| &change.before), side(|change| &change.after))
            }
        };
        FactChange { op: self.op(), id: self.id.to_string(), before, after }
    }
}

/// The differences that people need: what came or went with the whole it is a part of is left out, such as the
/// columns of a new table and the owner of a new schema. What stands in a new schema is shown.
pub fn main_facts(facts: &[FactDelta]) -> Vec<&FactDelta> {
    let same = |id: &FactId, op: Op| {
        let found = facts.binary_search_by(|fact| fact.id.cmp(id));
        found.is_ok_and(|at| facts[at].op() == op)
    };
    let is_part = |fact: &FactDelta| {
        let op = fact.op();
        let object = fact.id.object();
        if op == Op::Change {
            return false;
        }
        let parent = fact.id.parent().filter(|parent| parent.kind() != KindId::Schema);
        (*object != fact.id && same(object, op)) || parent.is_some_and(|parent| same(parent, op))
    };
    facts.iter().filter(|fact| !is_part(fact)).collect()
}

fn attributes(fact: &Fact) -> Json {
    Json::Object(fact.attributes().map(|(name, value)| (name.to_owned(), json(value))).collect())
}

fn json(value: &Value) -> Json {
    match value {
        Value::Yes => Json::Bool(true),
        Value::Int(number) => Json::from(*number),
        Value::Text(text) => Json::from(&**text),
        Value::List(items) => items.iter().map(|item| Json::from(&**item)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Fingerprints;

    fn snapshot(version: u32, facts: &[(FactId, Fact)]) -> Snapshot {
        let mut snapshot = Snapshot::new(version);
        for (id, fact) in facts {
            snapshot.insert(id.clone(), fact.clone());
        }
        snapshot
    }

    fn table() -> FactId {
        FactId::root(KindId::Schema, "app").child(KindId::Table, "orders")
    }

    fn column(type_name: &str, position: i64) -> (FactId, Fact) {
        let fact = Fact::new().text("type", Some(type_name)).int("position", Some(position));
        (table().child(KindId::Column, "id"), fact)
    }

    fn shown(facts: &[FactDelta]) -> Vec<String> {
        facts.iter().map(|fact| format!("{} {}", fact.op().sign(), fact.id)).collect()
    }

    #[test]
    fn facts_come_go_and_change() {
        let before = snapshot(150_000, &[(table(), Fact::new()), column("integer", 1)]);
        let view = FactId::root(KindId::Schema, "app").child(KindId::View, "v");
        let after = snapshot(150_000, &[(table(), Fact::new()), column("bigint", 1), (view, Fact::new())]);
        let delta = Delta::between(&before, &after);
        assert_eq!(shown(&delta.facts), ["~ column app.orders.id", "+ view app.v"]);
        let report = delta.facts[0].to_report();
        assert_eq!(report.before, Some(serde_json::json!({ "type": "integer" })));
        assert_eq!(report.after, Some(serde_json::json!({ "type": "bigint" })));
        let back = Delta::between(&after, &before);
        assert_eq!(shown(&back.facts), ["~ column app.orders.id", "- view app.v"]);
        assert!(Delta::between(&after, &after).is_empty());
    }

    #[test]
    fn order_and_what_is_local_are_no_difference() {
        let role = FactId::root(KindId::Role, "r");
        let before = snapshot(150_000, &[column("integer", 1)]);
        let after = snapshot(150_000, &[column("integer", 2), (role, Fact::new().yes("login", true))]);
        let delta = Delta::between(&before, &after);
        assert!(delta.is_empty());
        assert_eq!(shown(&delta.order), ["~ column app.orders.id"]);
        assert_eq!(shown(&delta.local), ["+ role r"]);
        assert_eq!(Fingerprints::of(&before).database, Fingerprints::of(&after).database);
    }

    #[test]
    fn texts_of_other_server_versions_are_not_compared() {
        let view =
            FactId::root(KindId::Schema, "app").child(KindId::View, "v").child(KindId::ViewDefinition, "");
        let (name, _) = KindId::ViewDefinition
            .kind()
            .attributes
            .iter()
            .find(|attribute| attribute.nature == Nature::Deparsed)
            .map(|attribute| (attribute.name, ()))
            .expect("a view's definition is printed by the server");
        let of = |version, text: &str| {
            snapshot(version, &[(view.clone(), Fact::new().with(name, Value::Text(text.into())))])
        };
        let (old, new, same) = (of(150_000, "SELECT 1"), of(180_000, "SELECT  1"), of(150_000, "SELECT  1"));
        assert_eq!(Delta::between(&old, &same).facts.len(), 1);
        let delta = Delta::between(&old, &new);
        assert_eq!((delta.facts.len(), delta.not_compared), (0, vec![view.clone()]));
        assert_eq!(Fingerprints::structure_of(&old), Fingerprints::structure_of(&new));
        assert_ne!(Fingerprints::of(&old), Fingerprints::of(&same));
    }

    #[test]
    fn parts_of_what_came_are_not_shown_by_themselves() {
        let schema = FactId::root(KindId::Schema, "app");
        let before = snapshot(150_000, &[]);
        let after = snapshot(
            150_000,
            &[
                (schema.clone(), Fact::new()),
                (schema.child(KindId::Owner, ""), Fact::new()),
                (table(), Fact::new()),
                (table().child(KindId::Owner, ""), Fact::new()),
                column("integer", 1),
            ],
        );
        let delta = Delta::between(&before, &after);
        assert_eq!(delta.facts.len(), 5);
        let main: Vec<String> = main_facts(&delta.facts).iter().map(|fact| fact.id.to_string()).collect();
        assert_eq!(main, ["schema app", "table app.orders"]);
    }
}
