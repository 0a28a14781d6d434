//! Renames: a thing that goes and one like it that comes may be the same thing under another name.
//!
//! Nothing is guessed in silence. This module finds what looks like a rename, reads what people say of it, and writes the
//! statements. It does not rename facts: texts that the server prints name things too, so whoever renames runs the statements
//! and looks again.

use std::collections::BTreeMap;

use super::{Action, Difference, Doing, Effect};
use crate::delta::{Delta, What};
use crate::fact::{Fact, FactId};
use crate::kinds::{Nature, is_part, schema_path};
use crate::name::quote_ident;
use crate::snapshot::Snapshot;

/// One thing under two names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rename {
    /// What it is called on the side that is left.
    pub from: FactId,
    /// What it is called on the side that is to be reached.
    pub to: FactId,
}

/// Why what was said of a rename cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// The form is another.
    #[error(
        "`{0}` is not KIND:OLD=NEW, such as table:app.orders=app.sales or column:app.orders.total=app.orders.amount"
    )]
    Form(String),
    /// There is nothing of that name.
    #[error("there is no {what} on the side that is {side}")]
    NotThere {
        /// Kind and name.
        what: String,
        /// Left, or to be reached.
        side: &'static str,
    },
    /// The name is on both sides, so that it is something that stays.
    #[error("{0} is on both sides")]
    Stays(FactId),
    /// Both are to be the same thing twice.
    #[error("{0} is renamed twice")]
    Twice(FactId),
    /// PostgreSQL has no statement for it.
    #[error("PostgreSQL cannot rename {from} to {to}: what they belong to differs")]
    Apart {
        /// The one.
        from: FactId,
        /// The other.
        to: FactId,
    },
}

impl Rename {
    /// Reads `KIND:OLD=NEW`: the names as the plan shows them, quoted where PostgreSQL would quote them.
    ///
    /// # Errors
    /// When the form is another, or the one is not only there and the other not only here.
    pub fn parse(text: &str, from: &Snapshot, to: &Snapshot) -> Result<Self, RenameError> {
        let form = || RenameError::Form(text.to_owned());
        let (kind, names) = text.split_once(':').ok_or_else(form)?;
        let (old, new) = split_names(names).ok_or_else(form)?;
        let find = |side: &Snapshot, name: &str, word| {
            let shown = format!("{} {name}", kind.trim());
            let found = side.facts().map(|(id, _)| id).find(|id| id.to_string() == shown);
            found.cloned().ok_or(RenameError::NotThere { what: shown, side: word })
        };
        let rename = Self { from: find(from, old, "left")?, to: find(to, new, "to be reached")? };
        for (id, other) in [(&rename.from, to), (&rename.to, from)] {
            if other.get(id).is_some() {
                return Err(RenameError::Stays(id.clone()));
            }
        }
        Ok(rename)
    }

    /// As [`Self::parse`] reads it.
    pub fn spec(&self) -> String {
        let kind = self.from.kind().kind().name;
        let name = |id: &FactId| id.to_string().trim_start_matches(kind).trim_start().to_owned();
        format!("{kind}:{}={}", name(&self.from), name(&self.to))
    }
}

/// The two names around the `=` that stands outside of quotes.
fn split_names(names: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    for (at, character) in names.char_indices() {
        match character {
            '"' => is_quoted = !is_quoted,
            '=' if !is_quoted => return Some((names[..at].trim(), names[at + 1..].trim())),
            _ => {}
        }
    }
    None
}

/// What looks like a rename: of all that goes and comes, one of each that are alike but for their names.
pub fn candidates(from: &Snapshot, to: &Snapshot) -> Vec<Rename> {
    let mut shapes: BTreeMap<String, (Vec<FactId>, Vec<FactId>)> = BTreeMap::new();
    for delta in Delta::between(from, to).facts {
        let (side, other, is_gone) = match delta.what {
            What::Removed(_) => (from, to, true),
            What::Added(_) => (to, from, false),
            What::Changed(_) => continue,
        };
        // What goes with the whole it belongs to is no rename of its own.
        let is_alone = delta.id.parent().is_none_or(|parent| other.get(parent).is_some());
        let shape = side.get(&delta.id).filter(|_| is_alone).and_then(|fact| shape(side, &delta.id, fact));
        if let Some(shape) = shape {
            let (gone, come) = shapes.entry(shape).or_default();
            if is_gone { gone } else { come }.push(delta.id);
        }
    }
    let single = shapes.into_values().filter_map(|(gone, come)| match (&gone[..], &come[..]) {
        ([from], [to]) => Some(Rename { from: from.clone(), to: to.clone() }),
        _ => None,
    });
    let mut found: Vec<Rename> =
        single.filter(|rename| statements(std::slice::from_ref(rename)).is_ok()).collect();
    found.sort();
    found
}

/// What a thing is, without its name: its attributes and its columns. None for what has too little to be told by.
fn shape(side: &Snapshot, id: &FactId, fact: &Fact) -> Option<String> {
    (id.kind().kind().rename)(id, id.name())?;
    let own = |id: &FactId, fact: &Fact| {
        let kind = id.kind().kind();
        let told = |name: &str| matches!(kind.nature(name), Nature::Plain | Nature::Deparsed);
        let attributes = fact.attributes().filter(|(name, _)| told(name));
        attributes.map(|(name, value)| format!("{name}\u{1}{value}")).collect::<Vec<_>>().join("\u{2}")
    };
    // The server's text of a definition names what it defines.
    let text = own(id, fact).replace(&schema_path(id), "\u{3}");
    let parts: Vec<String> = side
        .below(id)
        .filter(|(part, fact)| part.parent() == Some(id) && is_part(part, fact))
        .map(|(part, fact)| format!("{}\u{1}{}", part.name(), own(part, fact)))
        .collect();
    let whole = if is_part(id, fact) {
        id.parent().map(ToString::to_string).unwrap_or_default()
    } else {
        String::new()
    };
    let is_told = !text.is_empty() || !parts.is_empty();
    is_told.then(|| format!("{}\u{4}{whole}\u{4}{text}\u{4}{}", id.kind().kind().name, parts.join("\u{5}")))
}

/// The statements that rename, what holds others first. Names that change places go by way of a third.
///
/// # Errors
/// When one is renamed twice, or PostgreSQL has no statement for it.
pub fn statements(renames: &[Rename]) -> Result<Vec<String>, RenameError> {
    let mut sorted: Vec<&Rename> = renames.iter().collect();
    sorted.sort_by_key(|rename| (rename.from.path().count(), &rename.from));
    let mut known: BTreeMap<&FactId, &FactId> = BTreeMap::new();
    for rename in &sorted {
        if known.insert(&rename.from, &rename.to).is_some()
            || known.values().filter(|to| **to == &rename.to).count() > 1
        {
            return Err(RenameError::Twice(rename.from.clone()));
        }
    }
    let is_taken = |id: &FactId| renames.iter().any(|rename| rename.from == *id);
    let (mut statements, mut last) = (Vec::new(), Vec::new());
    for rename in &sorted {
        let now = current(&rename.from, &known);
        match is_taken(&rename.to) {
            false => statements.extend(one(&now, &rename.to)?),
            true => {
                let between =
                    sibling(&rename.to, now.parent(), &format!("{}__psqlcm_renamed", rename.to.name()));
                statements.extend(one(&now, &between)?);
                last.extend(one(&between, &rename.to)?);
            }
        }
    }
    statements.extend(last);
    Ok(statements)
}

/// What a thing is called once all that it belongs to has its new name.
fn current(id: &FactId, renames: &BTreeMap<&FactId, &FactId>) -> FactId {
    let parent = id.parent().map(|parent| match renames.get(parent) {
        Some(renamed) => (*renamed).clone(),
        None => current(parent, renames),
    });
    FactId::build(parent, id.kind(), id.name(), id.qualifier())
}

fn sibling(id: &FactId, parent: Option<&FactId>, name: &str) -> FactId {
    FactId::build(parent.cloned(), id.kind(), name, id.qualifier())
}

/// Another schema first, then another name.
fn one(from: &FactId, to: &FactId) -> Result<Vec<String>, RenameError> {
    let apart = || RenameError::Apart { from: from.clone(), to: to.clone() };
    let kind = from.kind().kind();
    if from.kind() != to.kind() || from.qualifier() != to.qualifier() {
        return Err(apart());
    }
    let mut statements = Vec::new();
    if from.parent() != to.parent() {
        let is_schema = |id: &&FactId| id.parent().is_none() && id.schema().is_some();
        let (old, new) = (from.parent().filter(is_schema), to.parent().filter(is_schema));
        let schema = old.and(new).ok_or_else(apart)?;
        statements.push(format!(
            "ALTER {} SET SCHEMA {}",
            (kind.reference)(from),
            quote_ident(schema.name())
        ));
    }
    if from.name() != to.name() {
        let moved = sibling(from, to.parent(), from.name());
        statements.extend((kind.rename)(&moved, to.name()).ok_or_else(apart)?);
    }
    Ok(statements)
}

/// The step that renames, to stand before all others; and the one that takes it back.
///
/// # Errors
/// As [`statements`].
pub fn steps(renames: &[Rename], from: &Snapshot) -> Result<Option<(Action, Action)>, RenameError> {
    let Some((first, others)) = renames.split_first() else { return Ok(None) };
    let turned: Vec<Rename> =
        renames.iter().map(|rename| Rename { from: rename.to.clone(), to: rename.from.clone() }).collect();
    let mut effect = Effect::default();
    for rename in renames {
        let id = rename.from.object();
        let difference = Difference::none(id, from);
        effect.join((id.kind().kind().effect)(&difference, Doing::Rename));
    }
    let action = |statements| Action {
        doing: Doing::Rename,
        id: first.from.clone(),
        members: others.iter().map(|rename| rename.from.clone()).collect(),
        statements,
        effect: effect.clone(),
    };
    Ok(Some((action(statements(renames)?), action(statements(&turned)?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::KindId;

    fn table(schema: &str, name: &str) -> FactId {
        FactId::root(KindId::Schema, schema).child(KindId::Table, name)
    }

    fn rename(from: FactId, to: FactId) -> Rename {
        Rename { from, to }
    }

    #[test]
    fn what_holds_others_is_renamed_first() {
        let (old, new) = (table("app", "a"), table("shop", "b"));
        let column = rename(old.child(KindId::Column, "x"), new.child(KindId::Column, "Y"));
        let schema = rename(FactId::root(KindId::Schema, "app"), FactId::root(KindId::Schema, "shop"));
        let found = statements(&[column, rename(old, new), schema]).unwrap();
        assert_eq!(
            found,
            [
                "ALTER SCHEMA app RENAME TO shop",
                "ALTER TABLE shop.a RENAME TO b",
                "ALTER TABLE shop.b RENAME COLUMN x TO \"Y\""
            ]
        );
    }

    #[test]
    fn names_change_places_and_schemas() {
        let swap =
            [rename(table("app", "a"), table("app", "b")), rename(table("app", "b"), table("app", "a"))];
        assert_eq!(
            statements(&swap).unwrap(),
            [
                "ALTER TABLE app.a RENAME TO b__psqlcm_renamed",
                "ALTER TABLE app.b RENAME TO a__psqlcm_renamed",
                "ALTER TABLE app.b__psqlcm_renamed RENAME TO b",
                "ALTER TABLE app.a__psqlcm_renamed RENAME TO a"
            ]
        );
        let moved = [rename(table("app", "a"), table("other", "c"))];
        assert_eq!(
            statements(&moved).unwrap(),
            ["ALTER TABLE app.a SET SCHEMA other", "ALTER TABLE other.a RENAME TO c"]
        );
    }

    #[test]
    fn what_is_said_is_read_and_judged() {
        let (mut from, mut to) = (Snapshot::new(150_000), Snapshot::new(150_000));
        from.insert(table("app", "a=b"), Fact::new());
        to.insert(table("app", "c"), Fact::new());
        let read = Rename::parse("table:app.\"a=b\" = app.c", &from, &to).unwrap();
        assert_eq!(read, rename(table("app", "a=b"), table("app", "c")));
        assert_eq!(Rename::parse(&read.spec(), &from, &to), Ok(read));
        assert!(matches!(Rename::parse("table app.a", &from, &to), Err(RenameError::Form(_))));
        assert!(matches!(Rename::parse("table:app.x=app.c", &from, &to), Err(RenameError::NotThere { .. })));
        to.insert(table("app", "a=b"), Fact::new());
        assert!(matches!(Rename::parse("table:app.\"a=b\"=app.c", &from, &to), Err(RenameError::Stays(_))));
    }
}
