//! Comments `-- psql-cm: renamed from NAME` in the SQL that somebody edits, which say that a thing is not a new one.
//!
//! A comment with a line to itself is about what follows, else about what stands before it on its line: a statement, or a column
//! or constraint within one. The names decide which thing is meant: one that is new, beside one of the same kind and of the old
//! name that is gone. Where there is none, as on a database that has the new name already, the comment says nothing.

use crate::fact::FactId;
use crate::name::QualifiedName;
use crate::plan::Rename;
use crate::script::{self, Statement};
use crate::snapshot::Snapshot;

const MARK: &str = "-- psql-cm: renamed from ";

/// What one comment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenamedFrom {
    old: QualifiedName,
    /// The names among which is the new one.
    new: Vec<QualifiedName>,
    /// Of something within a statement: the names among which is what the statement makes.
    whole: Option<Vec<QualifiedName>>,
}

/// What the comments of a text say. A text that cannot be split says nothing: whoever runs it is told why.
pub fn renamed_from(text: &str) -> Vec<RenamedFrom> {
    if !text.contains(MARK) {
        return Vec::new();
    }
    let statements = script::split(text).unwrap_or_default();
    let comments = statements.iter().flat_map(|statement| {
        let within = script::gaps(statement.text);
        let within = within.map(|gap| gap.start + statement.offset..gap.end + statement.offset);
        std::iter::once(statement.span.start..statement.offset).chain(within)
    });
    // After the last statement there may be one more on its line.
    let end = statements.last().map_or(text.len(), |statement| statement.offset + statement.text.len());
    let mut comments: Vec<_> = comments.chain(std::iter::once(end..text.len())).collect();
    comments.dedup();
    let marks = comments.into_iter().flat_map(|comment| {
        let start = comment.start;
        text[comment].match_indices(MARK).map(move |(at, _)| start + at).collect::<Vec<_>>()
    });
    marks.filter_map(|mark| RenamedFrom::read(text, &statements, mark)).collect()
}

/// What these comments say of two states, besides what somebody said already.
pub fn renames_said(
    comments: &[RenamedFrom],
    from: &Snapshot,
    to: &Snapshot,
    mut said: Vec<Rename>,
) -> Vec<Rename> {
    // What holds others first.
    let (parts, wholes): (Vec<_>, Vec<_>) = comments.iter().partition(|comment| comment.whole.is_some());
    for comment in wholes.into_iter().chain(parts) {
        if let Some(rename) = comment.rename(from, to, &said) {
            said.push(rename);
        }
    }
    said
}

impl RenamedFrom {
    fn read(text: &str, statements: &[Statement<'_>], mark: usize) -> Option<Self> {
        let line = text[..mark].rfind('\n').map_or(0, |end| end + 1);
        let before = text[line..mark].trim_start();
        let about = if before.is_empty() { mark } else { mark - before.len() };
        let statement =
            statements.iter().find(|statement| statement.offset + statement.text.len() > about)?;
        let about = about.saturating_sub(statement.offset);
        let (made, rest) = statement.text.split_at(about);
        Some(Self {
            old: script::read_name(&text[mark + MARK.len()..])?,
            new: names(rest),
            whole: (!made.is_empty()).then(|| names(made)),
        })
    }

    fn rename(&self, from: &Snapshot, to: &Snapshot, said: &[Rename]) -> Option<Rename> {
        let is_taken = |id: &FactId| said.iter().any(|rename| rename.to == *id || rename.from == *id);
        let whole = match &self.whole {
            Some(names) => Some(names.iter().find_map(|name| {
                to.facts().map(|(id, _)| id).find(|id| id.object() == *id && is_called(id, name))
            })?),
            None => None,
        };
        self.new.iter().find_map(|name| {
            let new = to.facts().map(|(id, _)| id).filter(|id| is_called(id, name) && !is_taken(id));
            let mut new = new.filter(|id| whole.is_none() || id.parent() == whole);
            new.find_map(|new| {
                let parent = new.parent().map(|parent| was(parent, said));
                let same = FactId::build(parent.cloned(), new.kind(), new.name(), new.qualifier());
                let mut old = from.facts().map(|(id, _)| id).filter(|old| self.is_old(old, new, parent));
                let old = old.find(|old| to.get(old).is_none() && !is_taken(old))?;
                from.get(&same).is_none().then(|| Rename { from: old.clone(), to: new.clone() })
            })
        })
    }

    /// Whether that is what a new thing was called; `parent` is what the new one's was called.
    fn is_old(&self, old: &FactId, new: &FactId, parent: Option<&FactId>) -> bool {
        let is_there = match &self.old.schema {
            Some(schema) => old.schema() == Some(schema.as_str()),
            None => old.parent() == parent,
        };
        let is_alike = old.kind() == new.kind() && old.qualifier() == new.qualifier();
        let is_of_schema = |id: &FactId| id.object() == id;
        is_there
            && is_alike
            && old.name() == self.old.name.as_str()
            && (old.parent() == parent || is_of_schema(old))
    }
}

/// What a thing was called before it was renamed.
fn was<'a>(id: &'a FactId, said: &'a [Rename]) -> &'a FactId {
    said.iter().find(|rename| rename.to == *id).map_or(id, |rename| &rename.from)
}

fn is_called(id: &FactId, name: &QualifiedName) -> bool {
    let schema = name.schema.as_ref();
    id.name() == name.name.as_str() && schema.is_none_or(|schema| id.schema() == Some(schema.as_str()))
}

fn names(sql: &str) -> Vec<QualifiedName> {
    script::words(sql).filter_map(|word| script::read_name(&sql[word.start..])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Fact;
    use crate::kinds::KindId;

    fn snapshot(ids: &[&FactId]) -> Snapshot {
        let mut snapshot = Snapshot::new(150_000);
        ids.iter().for_each(|id| snapshot.insert((*id).clone(), Fact::new()));
        snapshot
    }

    fn table(schema: &str, name: &str) -> FactId {
        FactId::root(KindId::Schema, schema).child(KindId::Table, name)
    }

    #[track_caller]
    fn check(text: &str, from: &[&FactId], to: &[&FactId], expected: &[&str]) {
        let said = renames_said(&renamed_from(text), &snapshot(from), &snapshot(to), Vec::new());
        let said: Vec<String> = said.iter().map(Rename::spec).collect();
        assert_eq!(said, expected, "{text}");
    }

    #[test]
    fn a_comment_is_about_what_follows_or_what_stands_before_it_on_its_line() {
        let (old, new, third) = (table("app", "old"), table("app", "New one"), table("app", "third"));
        let (from, to) = (&[&old][..], &[&new, &third][..]);
        let expected = &["table:app.old=app.\"New one\""][..];
        let made = "CREATE TABLE app.\"New one\" (a int)";
        let third = "CREATE TABLE app.third (a int);";
        check(&format!("-- psql-cm: renamed from old\n{made};\n{third}"), from, to, expected);
        check(&format!("-- psql-cm: renamed from app.old\n-- more\n{made};\n{third}"), from, to, expected);
        check(&format!("{made}; -- psql-cm: renamed from old\n{third}"), from, to, expected);
        check(&format!("{third}\n{made}; -- psql-cm: renamed from old"), from, to, expected);
        check(&format!("{third}\n{made} -- psql-cm: renamed from old"), from, to, expected);
        check(&format!("-- psql-cm: renamed from other.old\n{made};"), from, to, &[]);
        check(&format!("SELECT '\n-- psql-cm: renamed from old\n';{made}"), from, to, &[]);
        // It was renamed before, or there was nothing ever.
        check(&format!("-- psql-cm: renamed from old\n{made};"), &[&new], to, &[]);
        check(&format!("-- psql-cm: renamed from old\n{made};"), &[], to, &[]);
    }

    #[test]
    fn what_is_within_a_statement_is_renamed_within_it() {
        let (old, new, other) = (table("app", "old"), table("shop", "new"), table("app", "other"));
        let column = |table: &FactId, name: &str| table.child(KindId::Column, name);
        let (a, b) = (column(&old, "a"), column(&new, "b"));
        let also = column(&other, "a");
        let text = "CREATE TABLE shop.new ( -- psql-cm: renamed from app.old
            -- psql-cm: renamed from a
            b int,
            c int);";
        let both = ["table:app.old=shop.new", "column:app.old.a=shop.new.b"];
        check(text, &[&old, &a, &other, &also], &[&new, &b, &other, &also], &both);
        let text = "CREATE TABLE app.old (c int, x int, -- psql-cm: renamed from a\n b int);";
        let (x, b) = (column(&old, "x"), column(&old, "b"));
        check(text, &[&old, &a], &[&old, &x, &b], &["column:app.old.a=app.old.x"]);
        check(text, &[&old, &a, &x], &[&old, &a, &x], &[]);
    }
}
