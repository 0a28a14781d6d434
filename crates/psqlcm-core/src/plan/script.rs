//! A plan as a script for psql, and for `submit`: its head, its transactions, and each step under a comment that says
//! what it means.
//!
//! All in one transaction unless something demands otherwise. No name can end the comment it stands in: it is shown as
//! visible text there.

use std::ops::Range;

use super::header::{Header, MARK};
use super::{Action, Doing, WaysBack, with_database_name};
use crate::fact::FactId;
use crate::script::{Class, classify};
use crate::snapshot::Snapshot;
use crate::visible::visible;

/// How many lines of a way back stand in the script.
const MOST_LINES: usize = 12;

/// For one transaction, whatever the session has set: the text is UTF-8, and names that are not qualified are
/// PostgreSQL's own.
pub const SETTINGS: &str = "\
SET LOCAL client_encoding = 'UTF8';
SET LOCAL standard_conforming_strings = on;
SET LOCAL check_function_bodies = off;
SET LOCAL search_path = '';
SET LOCAL default_tablespace = '';
SET LOCAL default_table_access_method = heap;
SET LOCAL client_min_messages = warning;
";

/// Steps that commit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Which.
    pub actions: Range<usize>,
    /// Whether it is one step that runs in no transaction.
    pub is_alone: bool,
    /// Why it ends there, if not with the plan.
    pub ends: Option<String>,
}

/// What of a plan commits together: all, but for what PostgreSQL refuses in one transaction. New values that others use are committed
/// by themselves, before anything else is done.
pub fn transactions(actions: &[Action], to: &Snapshot) -> Vec<Transaction> {
    let mut transactions: Vec<Transaction> = Vec::new();
    let mut fresh: Vec<(&FactId, &str)> = Vec::new();
    let is_ahead = |action: &&Action| action.doing == Doing::Rename || !action.effect.new_values.is_empty();
    let ahead = actions.iter().take_while(is_ahead).count();
    for (at, action) in actions.iter().enumerate() {
        let is_alone = action.statements.iter().any(|statement| runs_alone(statement));
        let users = if at == ahead { &actions[at..] } else { std::slice::from_ref(action) };
        let used = fresh.iter().find(|(id, value)| users.iter().any(|action| uses(action, id, value, to)));
        let ends = match used {
            Some((id, value)) => Some(format!("the next one uses the value {value} of {id}")),
            None => is_alone.then(|| "the next step runs in no transaction".to_owned()),
        };
        match transactions.last_mut() {
            Some(last) if ends.is_none() && !last.is_alone => last.actions.end = at + 1,
            last => {
                if let Some(last) = last {
                    last.ends = ends;
                }
                fresh.clear();
                transactions.push(Transaction { actions: at..at + 1, is_alone, ends: None });
            }
        }
        fresh.extend(action.effect.new_values.iter().map(|value| (&action.id, value.as_str())));
    }
    transactions
}

fn runs_alone(statement: &str) -> bool {
    matches!(classify(statement), Class::NonTransactional(_))
}

/// Whether a step may use a value of a type: it needs the type, and the value stands in it.
fn uses(action: &Action, data_type: &FactId, value: &str, to: &Snapshot) -> bool {
    let mut ids = std::iter::once(&action.id).chain(&action.members);
    ids.any(|id| {
        to.needs(id).contains(data_type) || id.parent().is_some_and(|id| to.needs(id).contains(data_type))
    }) && action.statements.iter().any(|statement| statement.contains(value))
}

/// The whole script, for a database of that name.
pub fn text(
    header: &Header,
    actions: &[Action],
    transactions: &[Transaction],
    back: &WaysBack<'_>,
    database: &str,
) -> String {
    let mut text = header.text();
    text += "--\n";
    comment(&mut text, &format!("In database {database}: from {} to {}.", header.from, header.to));
    text += match transactions.len() {
        1 => "-- One transaction: all of it happens, or nothing.\n",
        _ => "-- Several transactions: what is committed stays when a later one fails.\n",
    };
    text += "-- Run by psql-cm submit --change FILE, which also looks whether the database still is as it was, or by\n";
    text += "-- PGOPTIONS='-c lock_timeout=5s' psql -X -v ON_ERROR_STOP=1 -f FILE, which gives up where it would wait.\n";
    let steps: Vec<usize> = actions
        .iter()
        .enumerate()
        .filter(|(_, action)| !action.statements.is_empty())
        .map(|(at, _)| at)
        .collect();
    for transaction in transactions {
        if !transaction.is_alone {
            text += "\nBEGIN;\n";
            text += SETTINGS;
        }
        for at in transaction.actions.clone() {
            if let Ok(number) = steps.binary_search(&at) {
                step(&mut text, (number + 1, steps.len()), &actions[at], back, database);
            }
        }
        if !transaction.is_alone {
            let why = transaction
                .ends
                .as_deref()
                .map(|why| format!(" because {}", visible(why)))
                .unwrap_or_default();
            text += &format!("\n{MARK}commit{why}\nCOMMIT;\n");
        }
    }
    text
}

/// The statements and nothing else.
pub fn statements(actions: &[Action], database: &str) -> String {
    let statements = actions.iter().flat_map(|action| &action.statements);
    statements.map(|statement| terminated(&with_database_name(statement, database))).collect()
}

fn step(
    text: &mut String,
    (number, of): (usize, usize),
    action: &Action,
    back: &WaysBack<'_>,
    database: &str,
) {
    text.push('\n');
    comment(text, &format!("Step {number} of {of}: {}", title(action)));
    for line in action.effect.lines() {
        comment(text, &line);
    }
    let statements = back.of(action);
    let lost = match (&action.effect.loses, statements) {
        (Some(_), []) => Some("way back: none".to_owned()),
        (Some(_), _) => Some("way back, without what was lost:".to_owned()),
        (None, []) => None,
        (None, _) => Some("way back:".to_owned()),
    };
    if let Some(line) = lost {
        comment(text, &line);
    }
    let lines: Vec<String> = statements
        .iter()
        .flat_map(|statement| {
            let statement = terminated(&with_database_name(statement, database));
            statement.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    for line in lines.iter().take(MOST_LINES) {
        comment(text, &format!("    {line}"));
    }
    if lines.len() > MOST_LINES {
        comment(text, &format!("    ... {} more lines: plan the other way round", lines.len() - MOST_LINES));
    }
    for statement in &action.statements {
        text.push_str(&terminated(&with_database_name(statement, database)));
    }
}

/// What a step does: `change column app.t.c`.
pub fn title(action: &Action) -> String {
    let word = match action.doing {
        Doing::Create => "create",
        Doing::Alter => "change",
        Doing::Rename => "rename",
        Doing::SetAside => "set aside",
        Doing::Drop => "drop",
    };
    let also = action.members.iter().filter(|_| action.doing == Doing::Rename);
    also.fold(format!("{word} {}", action.id), |title, id| format!("{title}, {id}"))
}

/// A comment at the end of a statement must not swallow its semicolon.
fn terminated(statement: &str) -> String {
    let last = statement.rsplit('\n').next().unwrap_or_default();
    let end = if last.contains("--") { "\n;\n" } else { ";\n" };
    format!("{statement}{end}")
}

/// One line of comment, whatever is in it.
fn comment(text: &mut String, line: &str) {
    text.push_str(format!("-- {}", visible(line)).trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::change::Script;
    use crate::fact::{Fact, FactId};
    use crate::ignore::Ignore;
    use crate::kinds::KindId;
    use crate::narrow::{Covered, Scope};
    use crate::plan::between;
    use crate::plan::header::{LooksAt, State};
    use crate::targets::SchemaRequest;

    /// Names that would end a comment, a string or a statement.
    const HOSTILE: [&str; 6] =
        ["a\nDROP TABLE x; --", "a\r\\! true", "*/ ; COMMIT; /*", "';\n\\q", "$$;\u{2028}x", "a\u{85}b"];

    fn schema() -> FactId {
        FactId::root(KindId::Schema, "app")
    }

    fn with(facts: &[(FactId, Fact)]) -> Snapshot {
        let mut snapshot = Snapshot::new(150_000);
        snapshot.insert(schema(), Fact::new());
        for (id, fact) in facts {
            snapshot.insert(id.clone(), fact.clone());
        }
        snapshot
    }

    fn written(from: &Snapshot, to: &Snapshot) -> String {
        let (actions, back) = (between(from, to).unwrap(), between(to, from).unwrap());
        let scope = Scope {
            schemas: SchemaRequest::default(),
            ignore: Ignore::default(),
            owners: true,
            privileges: true,
        };
        let header = Header {
            from: HOSTILE[0].to_owned(),
            to: HOSTILE[1].to_owned(),
            server_version: 150_000,
            before: State::of(from),
            after: State { schemas: BTreeMap::new(), ..State::of(to) },
            looks_at: LooksAt::new(&scope, &Covered::ALL),
            allowed: Vec::new(),
            verified: None,
            objects: crate::plan::header::objects_of(&actions, from),
        };
        text(&header, &actions, &transactions(&actions, to), &WaysBack::new(&back), HOSTILE[2])
    }

    fn table(name: &str) -> Vec<(FactId, Fact)> {
        let table = schema().child(KindId::Table, name);
        let column = Fact::new().text("type", Some("integer")).int("position", Some(1));
        vec![(table.clone(), Fact::new()), (table.child(KindId::Column, "a"), column)]
    }

    #[test]
    fn no_name_ends_its_comment() {
        let facts: Vec<_> = HOSTILE.iter().flat_map(|name| table(name)).collect();
        for (from, to) in [(with(&[]), with(&facts)), (with(&facts), with(&[]))] {
            let script = written(&from, &to);
            let read = Script::read(&script).unwrap();
            let actions = between(&from, &to).unwrap();
            let expected: Vec<&str> =
                actions.iter().flat_map(|action| &action.statements).map(String::as_str).collect();
            let settings = SETTINGS.lines().count();
            let texts: Vec<&str> = read.statements.iter().map(|statement| statement.text).collect();
            assert_eq!((texts[0], texts[texts.len() - 1]), ("BEGIN", "COMMIT"), "{script}");
            assert_eq!(texts[1 + settings..texts.len() - 1], expected, "{script}");
            assert_eq!(read.parts.len(), 1);
            assert_eq!(read.plan.map(|plan| plan.from), Some(HOSTILE[0].to_owned()));
        }
    }

    #[test]
    fn each_step_says_what_it_means() {
        let (from, to) = (with(&table("t")), with(&[]));
        let script = written(&from, &to);
        assert!(script.contains("\n-- Step 1 of 1: drop table app.t\n"), "{script}");
        assert!(
            script.contains("-- lock: ACCESS EXCLUSIVE on table app.t: blocks reads and writes\n"),
            "{script}"
        );
        assert!(script.contains("-- DATA LOSS: all rows of table app.t\n"), "{script}");
        assert!(
            script.contains("-- way back, without what was lost:\n--     CREATE TABLE app.t"),
            "{script}"
        );
        let back = written(&to, &from);
        assert!(
            !back.contains("lock:") && back.contains("-- way back:\n--     DROP TABLE app.t;\n"),
            "{back}"
        );
    }

    #[test]
    fn a_new_value_is_committed_before_it_is_used() {
        let mood = schema().child(KindId::Enum, "mood");
        let of = |labels: &[&str]| (mood.clone(), Fact::new().list("labels", labels));
        let check = |table: &str, text: &str| {
            let id = schema().child(KindId::Table, table).child(KindId::Constraint, "c");
            (id, Fact::new().text("type", Some("check")).text("definition", Some(text)))
        };
        let both: Vec<_> = table("t").into_iter().chain(table("u")).collect();
        let gone = check("t", "CHECK (a <> ''::app.mood)");
        let mut from = with(&[&both[..], &[of(&["sad"]), gone.clone()]].concat());
        from.add_need(&gone.0, &mood);
        let (uses, other) = (check("t", "CHECK (a <> 'glad'::app.mood)"), check("u", "CHECK (a > 0)"));
        let mut to = with(&[&both[..], &[of(&["sad", "glad"]), uses.clone(), other.clone()]].concat());
        let actions = |to: &Snapshot| between(&from, to).unwrap();
        assert_eq!(transactions(&actions(&to), &to).len(), 1, "nothing needs the type");
        to.add_need(&uses.0, &mood);
        let plan = actions(&to);
        let parts = transactions(&plan, &to);
        assert_eq!(parts.len(), 2, "{plan:?}");
        assert_eq!(parts[0].ends.as_deref(), Some("the next one uses the value glad of enum app.mood"));
        let first: Vec<_> = plan[parts[0].actions.clone()].iter().map(|action| &action.id).collect();
        assert_eq!(first, [&mood], "what goes does so with what comes");
        let script = written(&from, &to);
        let read = Script::read(&script).unwrap();
        assert_eq!(read.parts.len(), 2);
        let texts: Vec<&str> = read.parts.iter().map(|part| read.text_of(part)).collect();
        assert_eq!(texts.concat(), script);
        assert!(
            texts[0].trim_end().ends_with("COMMIT;") && texts[1].trim_start().starts_with("BEGIN;"),
            "{texts:?}"
        );
    }
}
