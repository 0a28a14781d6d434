//! What brings things into a schema, an extension, takes them along to another, and whatever uses them is as it was: only the
//! texts that the server prints name another schema then.
//!
//! It looks at texts of what needs it, and of that only where nothing else in the old schema can be meant. What
//! has such a name in its own identity, as a function has the types of its arguments, is another thing.

use crate::fact::{Fact, FactId, Value};
use crate::kinds::Nature;
use crate::name::quote_ident;
use crate::snapshot::Snapshot;

/// What moves.
pub(super) struct Moves<'a> {
    from: &'a Snapshot,
    moves: Vec<Move<'a>>,
}

struct Move<'a> {
    what: &'a FactId,
    old: &'a str,
    new: &'a str,
}

impl<'a> Moves<'a> {
    pub(super) fn between(from: &'a Snapshot, to: &'a Snapshot) -> Self {
        let moves = from.facts().filter_map(|(what, fact)| {
            let schema = what.kind().kind().brings_into?;
            let (old, new) = (fact.get_text(schema)?, to.get(what)?.get_text(schema)?);
            (old != new).then_some(Move { what, old, new })
        });
        Self { from, moves: moves.collect() }
    }

    /// Whether nothing makes these facts of one thing differ but that.
    pub(super) fn explain(&self, id: &FactId, before: &Fact, after: &Fact) -> bool {
        let needed = self.from.needs(id);
        let is_used = |step: &&Move<'_>| {
            let is_in = |other: &FactId| other.schema() == Some(step.old) && other.parent().is_some();
            needed.contains(step.what) && !is_in(id) && !needed.iter().any(is_in)
        };
        let used: Vec<&Move<'_>> = self.moves.iter().filter(is_used).collect();
        let is_told = |name: &str| !matches!(id.kind().kind().nature(name), Nature::Order | Nature::Local);
        let told = |fact: &Fact| {
            let attributes = fact.attributes().filter(|(name, _)| is_told(name));
            attributes.map(|(name, value)| (name, value.clone())).collect::<Vec<_>>()
        };
        let moved = |(name, value)| (name, used.iter().fold(value, |value, step| step.applied(value)));
        !used.is_empty() && told(before).into_iter().map(moved).collect::<Vec<_>>() == told(after)
    }
}

impl Move<'_> {
    fn applied(&self, value: Value) -> Value {
        let (old, new) = (format!("{}.", quote_ident(self.old)), format!("{}.", quote_ident(self.new)));
        match value {
            Value::Text(text) => Value::Text(text.replace(&old, &new).into()),
            Value::List(texts) => {
                Value::List(texts.iter().map(|text| text.replace(&old, &new).into()).collect())
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::KindId;

    #[test]
    fn only_what_uses_the_extension_moves_along() {
        let snapshot = |schema: &str| {
            let mut snapshot = Snapshot::new(150_000);
            let extension = FactId::root(KindId::Extension, "hstore");
            snapshot.insert(extension, Fact::new().text("schema", Some(schema)));
            snapshot
        };
        let (mut from, to) = (snapshot("one"), snapshot("two"));
        let column = |schema, name| {
            FactId::root(KindId::Schema, schema).child(KindId::Table, "t").child(KindId::Column, name)
        };
        let (uses, other, near) = (column("app", "uses"), column("app", "other"), column("one", "near"));
        for id in [&uses, &near] {
            from.insert(id.clone(), Fact::new());
            from.add_need(id, &FactId::root(KindId::Extension, "hstore"));
        }
        let moves = Moves::between(&from, &to);
        let typed = |name| Fact::new().text("type", Some(name));
        assert!(moves.explain(&uses, &typed("one.hstore[]"), &typed("two.hstore[]")));
        assert!(!moves.explain(&uses, &typed("one.hstore"), &typed("two.hstore").yes("not_null", true)));
        assert!(!moves.explain(&other, &typed("one.hstore"), &typed("two.hstore")));
        assert!(!moves.explain(&near, &typed("one.hstore"), &typed("two.hstore")));
    }
}
