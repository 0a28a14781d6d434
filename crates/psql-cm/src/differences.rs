//! The differences of two states as text for people: object by object, changed properties with old and new, code as a
//! unified diff.
//!
//! Signs say what it takes to get from the first side to the second: `+` is missing in the first, `-` in the second.

use std::fmt::Write;

use anstyle::Style;
use psqlcm_core::delta::{AttributeChange, Delta, FactDelta, What, main_facts};
use psqlcm_core::fact::{Fact, FactId, Value};
use psqlcm_core::kinds::Nature;
use psqlcm_core::report::Op;
use similar::{ChangeTag, TextDiff};

use crate::render::{BAD, CHANGED, GOOD, Paint, QUIET};
use crate::visible::visible;

/// How many lines of code are shown around what differs.
const CONTEXT: usize = 3;

/// Lists of so many are shown an item a line, and only around what differs.
const LONG_LIST: usize = 5;

/// What a part is that came or went is said if it is not longer than that.
const LONGEST_LINE: usize = 160;

/// All differences of a database.
pub fn text(delta: &Delta, paint: Paint) -> String {
    let mut text = String::new();
    for object in objects(&delta.facts) {
        object.write(&mut text, paint);
    }
    for object in objects(&delta.order) {
        let what = format!(
            "  = {}: only the stored order differs, which is no difference",
            visible(&object.id.to_string())
        );
        line(&mut text, &paint.apply(QUIET, &what));
    }
    text
}

/// How many objects came, went and changed: `+3 -1 ~2`.
pub fn counts(delta: &Delta) -> String {
    let objects = objects(&delta.facts);
    let count = |op: Op| objects.iter().filter(|object| object.op == op).count();
    let counts = [Op::Add, Op::Remove, Op::Change].map(|op| (op.sign(), count(op)));
    let counts: Vec<_> =
        counts.iter().filter(|(_, count)| *count > 0).map(|(sign, count)| format!("{sign}{count}")).collect();
    counts.join(" ")
}

/// An object that differs, and what of it.
struct Object<'a> {
    id: &'a FactId,
    op: Op,
    facts: Vec<&'a FactDelta>,
}

fn objects(facts: &[FactDelta]) -> Vec<Object<'_>> {
    let mut objects: Vec<Object<'_>> = Vec::new();
    for fact in main_facts(facts) {
        let id = fact.id.object();
        match objects.last_mut().filter(|object| object.id == id) {
            Some(object) => object.facts.push(fact),
            None => {
                let op = if *id == fact.id { fact.op() } else { Op::Change };
                objects.push(Object { id, op, facts: vec![fact] });
            }
        }
    }
    objects
}

impl Object<'_> {
    fn write(&self, text: &mut String, paint: Paint) {
        line(text, &format!("  {}", head(self.op, self.id, paint)));
        for fact in &self.facts {
            let is_self = fact.id == *self.id;
            match &fact.what {
                What::Changed(changes) if is_self => properties(changes, "      ", text, paint),
                What::Changed(changes) => {
                    line(text, &format!("      {}", head(Op::Change, &fact.id, paint)));
                    properties(changes, "          ", text, paint);
                }
                What::Added(_) | What::Removed(_) if is_self => {}
                What::Added(is) | What::Removed(is) => {
                    let said = head(fact.op(), &fact.id, paint);
                    line(text, &format!("      {said}{}", in_short(&fact.id, is)));
                }
            }
        }
    }
}

fn head(op: Op, id: &FactId, paint: Paint) -> String {
    paint.apply(style(op), &format!("{} {}", op.sign(), visible(&id.to_string())))
}

fn style(op: Op) -> Style {
    match op {
        Op::Add => GOOD,
        Op::Remove => BAD,
        Op::Change => CHANGED,
    }
}

fn properties(changes: &[AttributeChange], indent: &str, text: &mut String, paint: Paint) {
    for AttributeChange { name, before, after } in changes {
        let name = name.replace('_', " ");
        let is_long =
            |value: &Option<Value>| matches!(value, Some(Value::List(items)) if items.len() >= LONG_LIST);
        let as_lines = is_long(before) || is_long(after);
        let (old, new) = (lines(before, as_lines), lines(after, as_lines));
        if old.contains('\n') || new.contains('\n') {
            line(text, &format!("{indent}{name}:"));
            unified(&old, &new, indent, text, paint);
        } else {
            line(text, &format!("{indent}{name}: {} -> {}", shown(before), shown(after)));
        }
    }
}

/// A value as lines, of which the diff shows those that differ: code, and what is in long lists.
fn lines(value: &Option<Value>, is_long: bool) -> String {
    match value {
        Some(Value::List(items)) if is_long => items.join("\n"),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

/// What a part is that came or went: its properties, where they fit into the line.
fn in_short(id: &FactId, fact: &Fact) -> String {
    let kind = id.kind().kind();
    let is_worth_saying = |name: &str| !matches!(kind.nature(name), Nature::Order | Nature::Local);
    let shown = fact.attributes().filter(|(name, _)| is_worth_saying(name)).map(|(name, value)| {
        let (name, value) = (name.replace('_', " "), value.to_string());
        if value == "yes" { name } else { format!("{name} {value}") }
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    match shown.is_empty() || shown.contains('\n') || shown.len() > LONGEST_LINE {
        true => String::new(),
        false => format!(": {}", visible(&shown)),
    }
}

/// What is not there is none, which is what a property without value has.
fn shown(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "none".to_owned(), |value| visible(&value.to_string()).into_owned())
}

fn unified(old: &str, new: &str, indent: &str, text: &mut String, paint: Paint) {
    let diff = TextDiff::from_lines(old, new);
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        line(text, &format!("{indent}  {}", paint.apply(QUIET, &hunk.header().to_string())));
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Equal => (' ', Style::new()),
                ChangeTag::Delete => ('-', BAD),
                ChangeTag::Insert => ('+', GOOD),
            };
            let code = change.value().trim_end_matches(['\n', '\r']);
            // Tabs stay: they are the code's.
            let code = code.split('\t').map(visible).collect::<Vec<_>>().join("\t");
            line(text, &format!("{indent}  {}", paint.apply(style, format!("{sign}{code}").trim_end())));
        }
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes all");
}

#[cfg(test)]
mod tests {
    use super::*;
    use psqlcm_core::kinds::KindId;
    use psqlcm_core::snapshot::Snapshot;

    fn snapshot(facts: &[(FactId, Fact)]) -> Snapshot {
        let mut snapshot = Snapshot::new(150_000);
        for (id, fact) in facts {
            snapshot.insert(id.clone(), fact.clone());
        }
        snapshot
    }

    #[test]
    fn differences_are_told_object_by_object() {
        let app = FactId::root(KindId::Schema, "app");
        let table = app.child(KindId::Table, "orders");
        let column = |name: &str, kind: &str, position| {
            let fact = Fact::new().text("type", Some(kind)).int("position", Some(position));
            (table.child(KindId::Column, name), fact)
        };
        let view = app.child(KindId::View, "v\x1b");
        let definition =
            |text: &str| (view.child(KindId::ViewDefinition, ""), Fact::new().text("definition", Some(text)));
        let gone = (app.child(KindId::Table, "gone"), Fact::new());
        let new = (app.child(KindId::Table, "new"), Fact::new());
        let same = [(app.clone(), Fact::new()), (table.clone(), Fact::new()), (view.clone(), Fact::new())];
        let part = column("c", "integer", 3);
        let kind = |labels: &[&str]| (app.child(KindId::Enum, "state"), Fact::new().list("labels", labels));
        let from = [
            &same[..],
            &[column("id", "integer", 1), column("b", "text", 2), gone],
            &[definition("SELECT 1,\n\t2;"), kind(&["a", "b", "c", "d"])],
        ]
        .concat();
        let to = [
            &same[..],
            &[column("id", "bigint", 1), column("b", "text", 3), new],
            &[definition("SELECT 1,\n\t3;"), part, kind(&["a", "b", "x", "c", "d"])],
        ]
        .concat();
        let delta = Delta::between(&snapshot(&from), &snapshot(&to));
        assert_eq!(
            text(&delta, Paint(false)),
            "  ~ enum app.state\n\
             \x20     labels:\n\
             \x20       @@ -1,4 +1,5 @@\n\
             \x20        a\n\
             \x20        b\n\
             \x20       +x\n\
             \x20        c\n\
             \x20        d\n\
             \x20 - table app.gone\n\
             \x20 + table app.new\n\
             \x20 ~ table app.orders\n\
             \x20     + column app.orders.c: type integer\n\
             \x20     ~ column app.orders.id\n\
             \x20         type: integer -> bigint\n\
             \x20 ~ view app.\"v\\u{1b}\"\n\
             \x20     ~ definition of view app.\"v\\u{1b}\"\n\
             \x20         definition:\n\
             \x20           @@ -1,2 +1,2 @@\n\
             \x20            SELECT 1,\n\
             \x20           -\t2;\n\
             \x20           +\t3;\n\
             \x20 = table app.orders: only the stored order differs, which is no difference\n"
        );
        assert_eq!(counts(&delta), "+1 -1 ~3");
    }
}
