//! What it means to add, change and drop a column: rewrites, values that do not fit, values that are lost.

use super::{base, family};
use crate::fact::{Fact, FactId};
use crate::kinds::{KindId, constraint, effect, table};
use crate::plan::{Difference, Doing, Effect, Lock, Touch, Work};

pub(super) fn effect(difference: &Difference<'_>, doing: Doing) -> Effect {
    let Some(relation) = difference.id.parent() else { return Effect::default() };
    match (relation.kind(), doing) {
        (KindId::Composite, Doing::Drop) => dropped_attribute(difference, relation),
        (KindId::Table, Doing::Drop) => dropped(difference, relation),
        (KindId::Table, Doing::Create) => Effect::of(added(difference, relation)),
        (KindId::Table, Doing::Alter) => altered(difference, relation),
        _ => effect::usual(difference, doing),
    }
}

fn dropped_attribute(difference: &Difference<'_>, composite: &FactId) -> Effect {
    match effect::tables_of_type(difference.from, composite).is_empty() {
        true => Effect::default(),
        false => Effect::default().losing(format!("all values of {}", difference.id)),
    }
}

/// What is computed can be computed again; the rows of a partitioned table are in its partitions.
fn dropped(difference: &Difference<'_>, relation: &FactId) -> Effect {
    let effect = Effect::of(Touch::new(relation, Lock::AccessExclusive));
    let is_generated = difference.was().get("generated").is_some();
    match is_generated || difference.from.get(relation).is_some_and(table::is_partitioned) {
        true => effect,
        false => {
            let again = if difference.after.is_some() { ", which is made again" } else { "" };
            effect.losing(format!("all values of {}{again}", difference.id))
        }
    }
}

/// A column that has the same value everywhere costs nothing; others are computed row by row.
fn added(difference: &Difference<'_>, relation: &FactId) -> Touch {
    let (id, fact) = (difference.id, difference.becomes());
    let touch = Touch::new(relation, Lock::AccessExclusive);
    let default = difference.to.get(&id.child(KindId::Default, ""));
    let default = default.and_then(|fact| fact.get_text("expression"));
    let is_of_checked_domain = difference.to.needs(id).iter().any(|needed| {
        let has_check = || difference.to.below(needed).any(|(id, _)| id.kind() == KindId::Constraint);
        needed.kind() == KindId::Domain && has_check()
    });
    let rewrites = fact.get("identity").is_some()
        || fact.get_text("generated") == Some("stored")
        || default.is_some_and(|expression| !is_same_for_all(expression))
        || is_of_checked_domain;
    let touch = if rewrites { touch.working(Work::Rewrite) } else { touch };
    let is_filled = default.is_some() || fact.get("identity").is_some() || fact.get("generated").is_some();
    match fact.is("not_null") && !is_filled {
        true => touch.failing("there are any, as the column has no value for them"),
        false => touch,
    }
}

/// Whether a default is computed once for all rows: a constant, or the time of the transaction. Of other functions nobody
/// knows here whether they are volatile.
fn is_same_for_all(expression: &str) -> bool {
    const ONCE: [&str; 3] = ["now()", "transaction_timestamp()", "statement_timestamp()"];
    let without_strings: String = expression.split('\'').step_by(2).collect();
    let rest = ONCE.iter().fold(without_strings, |text, call| text.replace(call, ""));
    !rest.match_indices('(').any(|(at, _)| is_call(&rest[..at]))
}

/// Whether a parenthesis after that holds arguments, rather than the modifiers of a type.
fn is_call(before: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"');
    let head = before.trim_end_matches(|c| is_name(c) || c == ' ');
    before.ends_with(is_name) && !head.ends_with("::")
}

fn altered(difference: &Difference<'_>, relation: &FactId) -> Effect {
    let new = difference.becomes();
    if difference.differs_only_in(&["statistics", "options"]) && !difference.is_remade {
        return Effect::of(Touch::new(relation, Lock::ShareUpdateExclusive));
    }
    let mut touch = Touch::new(relation, Lock::AccessExclusive);
    let mut lost = None;
    if difference.is_remade || difference.differs("type") {
        let (old, new) = (text(difference.was(), "type"), text(new, "type"));
        let change = Change { old, new, is_remade: difference.is_remade };
        touch = if change.is_free() { touch } else { touch.working(Work::Rewrite) };
        touch = change.fails().map_or(touch.clone(), |when| touch.failing(when));
        lost = change.narrows().then(|| format!("what does not fit from {old} into {new} in {}", difference.id));
    } else if difference.differs("collation") {
        touch = touch.working(Work::Build);
    }
    if difference.differs("expression") && new.get("generated").is_some() {
        touch = touch.working(Work::Rewrite);
    }
    let is_said_apart = difference.to.below(relation).any(|(_, fact)| constraint::is_not_null(fact));
    if difference.differs("not_null") && new.is("not_null") && !is_said_apart {
        touch = touch.working(Work::Scan).failing("one of them has NULL there");
    }
    lost.into_iter().fold(Effect::of(touch), Effect::losing)
}

fn text<'a>(fact: &'a Fact, name: &str) -> &'a str {
    fact.get_text(name).unwrap_or_default()
}

/// A change of a column's type.
struct Change<'a> {
    old: &'a str,
    new: &'a str,
    /// The type of that name is another one.
    is_remade: bool,
}

impl Change<'_> {
    /// Whether PostgreSQL knows that all stored values stand as they are.
    fn is_free(&self) -> bool {
        let (old, new) = (base(self.old), base(self.new));
        let is_wider = || !self.narrows();
        match (old, new) {
            _ if self.is_remade => false,
            ("character varying", "text") | ("cidr", "inet") => true,
            ("text", "character varying") => modifiers(self.new).is_empty(),
            ("character varying" | "bit varying", _) if old == new => is_wider(),
            ("numeric", "numeric") => is_wider() && (modifiers(self.new).is_empty() || scale(self.old) == scale(self.new)),
            _ if old == new && old.starts_with("timestamp") => is_wider(),
            _ => false,
        }
    }

    /// Why the values that are there may not become others.
    fn fails(&self) -> Option<&'static str> {
        let (old, new) = (base(self.old), base(self.new));
        match (family(old), family(new)) {
            _ if self.is_remade => Some("its value is none of the new type"),
            (_, Some("text")) | (Some("json"), Some("json")) | (Some("moment"), Some("moment"))
            | (Some("integer" | "number"), Some("integer" | "number")) if self.narrows() => Some("its value does not fit"),
            (Some("text"), Some("text")) => None,
            (_, Some("text")) => None,
            (Some(old), Some(new)) if old == new || [old, new].iter().all(|name| ["integer", "number"].contains(name)) => None,
            _ if old == new && !self.narrows() => None,
            _ => Some("its value cannot be converted"),
        }
    }

    /// Whether values of the old type exist that the new one does not hold.
    fn narrows(&self) -> bool {
        if self.is_remade {
            return false;
        }
        let (old, new) = (base(self.old), base(self.new));
        let length = |name: &str| modifiers(name).first().copied();
        match (old, new) {
            ("character varying" | "text" | "bit varying" | "character" | "bit", "character varying" | "character" | "bit varying" | "bit") => {
                let most = |base: &str, name: &str| match (base, length(name)) {
                    ("character" | "bit", None) => Some(1),
                    (_, length) => length,
                };
                most(new, self.new).is_some_and(|new| most(old, self.old).is_none_or(|old| new < old))
            }
            (_, "name") => old != "name",
            ("numeric", "numeric") => match (modifiers(self.old).as_slice(), modifiers(self.new).as_slice()) {
                (_, []) => false,
                ([], _) => true,
                _ => scale(self.new) < scale(self.old) || whole(self.new) < whole(self.old),
            },
            _ if old == new && (old.starts_with("time") || old == "interval") => {
                length(self.new).is_some_and(|new| length(self.old).is_none_or(|old| new < old))
            }
            ("timestamp with time zone" | "timestamp without time zone", "date" | "time without time zone" | "time with time zone") => true,
            ("double precision", "real") | ("inet", "cidr") => true,
            ("json", "jsonb") => false,
            _ => match (size(old), size(new)) {
                (Some(old), Some(new)) => new < old,
                _ => false,
            },
        }
    }
}

/// How much the types of numbers hold: each holds what those before it do.
fn size(name: &str) -> Option<u8> {
    ["boolean", "smallint", "integer", "bigint", "real", "double precision", "numeric"]
        .iter()
        .position(|known| *known == name)
        .and_then(|at| u8::try_from(at).ok())
}

/// The numbers in the parentheses of a type.
fn modifiers(name: &str) -> Vec<i64> {
    let within = name.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    within.map(|(numbers, _)| numbers.split(',').filter_map(|number| number.trim().parse().ok()).collect()).unwrap_or_default()
}

fn scale(name: &str) -> i64 {
    modifiers(name).get(1).copied().unwrap_or_default()
}

/// The digits before the point.
fn whole(name: &str) -> i64 {
    modifiers(name).first().copied().unwrap_or_default() - scale(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_hold_less_the_same_or_more() {
        let narrows = |old, new| Change { old, new, is_remade: false }.narrows();
        for (wide, narrow) in [
            ("bigint", "integer"),
            ("integer", "smallint"),
            ("double precision", "real"),
            ("numeric", "integer"),
            ("numeric(12,2)", "numeric(10,2)"),
            ("numeric(14,4)", "numeric(12,2)"),
            ("numeric", "numeric(10,2)"),
            ("text", "character varying(10)"),
            ("character varying(20)", "character varying(10)"),
            ("character(2)", "character"),
            ("text", "name"),
            ("timestamp without time zone", "timestamp(0) without time zone"),
            ("timestamp with time zone", "date"),
        ] {
            assert!(narrows(wide, narrow), "{wide} {narrow}");
            assert!(!narrows(narrow, wide), "{narrow} {wide}");
        }
        for (old, new) in [("integer", "text"), ("text", "integer"), ("uuid", "text"), ("json", "jsonb")] {
            assert!(!narrows(old, new), "{old} {new}");
        }
    }

    #[test]
    fn some_types_change_without_work() {
        let change = |old, new| {
            let change = Change { old, new, is_remade: false };
            (change.is_free(), change.fails().is_some())
        };
        assert_eq!(change("character varying(10)", "character varying(20)"), (true, false));
        assert_eq!(change("character varying(10)", "text"), (true, false));
        assert_eq!(change("numeric(10,2)", "numeric(12,2)"), (true, false));
        assert_eq!(change("numeric(10,2)", "numeric(12,4)"), (false, false));
        assert_eq!(change("integer", "bigint"), (false, false));
        assert_eq!(change("bigint", "integer"), (false, true));
        assert_eq!(change("text", "integer"), (false, true));
        assert_eq!(change("text", "character varying(3)"), (false, true));
        assert!(!Change { old: "app.mood", new: "app.mood", is_remade: true }.is_free());
    }

    #[test]
    fn defaults_are_computed_once_or_for_each_row() {
        for once in ["0", "'new'::app.state", "now()", "CURRENT_TIMESTAMP", "'{}'::jsonb", "('now'::text)::date", "(1 + 2)", "'x'::character varying(10)", "'a (b) c'::text", "true"] {
            assert!(is_same_for_all(once), "{once}");
        }
        for each in ["gen_random_uuid()", "nextval('app.s'::regclass)", "clock_timestamp()", "app.f(1)", "'a'::text || random()"] {
            assert!(!is_same_for_all(each), "{each}");
        }
    }
}
