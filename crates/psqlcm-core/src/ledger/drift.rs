//! What was done past the tool, as the text of the entries that record it.
//!
//! An entry holds what commits together, so that it can be done again. It says what it is, and what was lost; locks and
//! ways back are nobody's business any more. Which state leads to which is the plan's.

use crate::plan::Action;
use crate::plan::script::{SETTINGS, Transaction, statements, title};
use crate::visible::visible;

/// What each text begins with.
const HEAD: &str = "-- done past psql-cm, and recorded afterwards: psql-cm did not run this\n";

/// The texts of the entries, in order: one for each transaction, and one that does nothing where nothing is to be done.
pub fn texts(actions: &[Action], transactions: &[Transaction], database: &str) -> Vec<String> {
    let has_statements =
        |of: &&Transaction| actions[of.actions.clone()].iter().any(|action| !action.statements.is_empty());
    let texts: Vec<String> = transactions
        .iter()
        .filter(has_statements)
        .map(|of| text(&actions[of.actions.clone()], of.is_alone, database))
        .collect();
    if texts.is_empty() { vec![HEAD.to_owned()] } else { texts }
}

/// What steps have lost, one line each.
pub fn losses(actions: &[Action]) -> Vec<String> {
    let loss = |action: &Action| Some(format!("{}: {}", title(action), action.effect.loses.as_ref()?));
    actions.iter().filter_map(loss).collect()
}

fn text(actions: &[Action], is_alone: bool, database: &str) -> String {
    let mut text = HEAD.to_owned();
    if !is_alone {
        text += SETTINGS;
    }
    for action in actions.iter().filter(|action| !action.statements.is_empty()) {
        text += &format!("\n-- {}\n", visible(&title(action)));
        if let Some(loses) = &action.effect.loses {
            text += &format!("-- DATA LOSS: {}\n", visible(loses));
        }
        text += &statements(std::slice::from_ref(action), database);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Script;
    use crate::fact::{Fact, FactId};
    use crate::kinds::KindId;
    use crate::plan::between;
    use crate::plan::script::transactions;
    use crate::snapshot::Snapshot;

    fn snapshot(tables: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::new(150_000);
        let schema = FactId::root(KindId::Schema, "app");
        for table in tables {
            snapshot.insert(schema.child(KindId::Table, table), Fact::new());
        }
        snapshot.insert(schema, Fact::new());
        snapshot
    }

    fn of(from: &[&str], to: &[&str]) -> Vec<String> {
        let (from, to) = (snapshot(from), snapshot(to));
        let actions = between(&from, &to).unwrap();
        texts(&actions, &transactions(&actions, &to), "d")
    }

    #[test]
    fn an_entry_says_what_it_is_and_what_was_lost() {
        let texts = of(&["old"], &["a\n; DROP TABLE x"]);
        assert_eq!(texts.len(), 1);
        let script = Script::read(&texts[0]).unwrap();
        assert!(script.is_transactional() && script.plan.is_none(), "{texts:?}");
        assert_eq!(script.statements.len(), SETTINGS.lines().count() + 2, "{texts:?}");
        assert!(
            texts[0].contains("\n-- DATA LOSS: all rows of table app.old\nDROP TABLE app.old;\n"),
            "{texts:?}"
        );
    }

    #[test]
    fn nothing_to_do_is_a_text_too() {
        assert_eq!(of(&["a"], &["a"]), [HEAD]);
    }
}
