//! A plan as text for people, and as a part of the report.

use std::fmt::Write;

use psqlcm_core::plan::{Action, Doing, script};
use psqlcm_core::report::{Outcome, TargetReport};
use psqlcm_core::targets::Target;
use psqlcm_engine::session::shown_version;
use serde_json::{Value, json};

use super::Planned;
use crate::render::{BAD, Paint, QUIET};
use crate::visible::{visible, visible_lines};

/// What a program is told of a plan; one that is refused has no script.
pub(super) fn report(planned: &Planned, is_refused: bool) -> TargetReport {
    let outcome = match (is_refused, planned.is_empty()) {
        (true, _) => Outcome::Refused,
        (false, true) => Outcome::Good,
        (false, false) => Outcome::Planned,
    };
    let mut report = TargetReport::new(&Target::database(&planned.name), outcome);
    report.reason = match is_refused {
        true => Some("it loses data".to_owned()),
        false => planned.only_in.map(str::to_owned),
    };
    let header = &planned.header;
    let mut detail = |name: &str, value: Value| report.details.insert(name.to_owned(), value);
    detail("from", json!(header.from));
    detail("to", json!(header.to));
    detail("server_version", json!(shown_version(header.server_version)));
    detail("fingerprints", json!({ "from": header.before.all.whole, "to": header.after.all.whole }));
    detail("verified", verified(planned));
    detail("steps", steps(planned));
    if !is_refused && !planned.is_empty() {
        detail("script", json!(planned.script()));
    }
    report
}

fn verified(planned: &Planned) -> Value {
    planned.verified.as_ref().map_or(Value::Null, |verified| {
        json!({
            "server_version": shown_version(verified.server_version),
            "tables": verified.tables,
            "without_rows": verified.without_rows,
            "failing_rows": verified.failing_rows,
        })
    })
}

fn steps(planned: &Planned) -> Value {
    let back = planned.back();
    let steps = numbered(planned).map(|(number, at, action)| {
        let doing = match action.doing {
            Doing::Create => "create",
            Doing::Alter => "change",
            Doing::Rename => "rename",
            Doing::SetAside => "set aside",
            Doing::Drop => "drop",
        };
        let statements = |statements: &[String]| -> Vec<String> {
            let named = statements.iter();
            named.map(|sql| psqlcm_core::plan::with_database_name(sql, &planned.database)).collect()
        };
        let members: Vec<String> = action.members.iter().map(ToString::to_string).collect();
        let mut step = json!({
            "number": number,
            "do": doing,
            "id": action.id.to_string(),
            "with": members,
            "statements": statements(&action.statements),
            "transaction": transaction_of(planned, at),
            "way_back": statements(back.of(action)),
        });
        if let (Some(step), Value::Object(effect)) = (step.as_object_mut(), action.effect.to_json()) {
            step.extend(effect);
        }
        step
    });
    steps.collect()
}

/// Which transaction it is in, from 1; none for what runs in none.
fn transaction_of(planned: &Planned, at: usize) -> Option<usize> {
    let number = planned.transactions.iter().position(|transaction| transaction.actions.contains(&at))?;
    (!planned.transactions[number].is_alone).then_some(number + 1)
}

/// The steps that have statements: number, place among all, and the step.
fn numbered(planned: &Planned) -> impl Iterator<Item = (usize, usize, &Action)> {
    let steps = planned.actions.iter().enumerate().filter(|(_, action)| !action.statements.is_empty());
    steps.enumerate().map(|(number, (at, action))| (number + 1, at, action))
}

/// The plan for people: what loses data first, then all steps.
pub(super) fn text(planned: &Planned, paint: Paint) -> String {
    let mut text = String::new();
    let name = visible(&planned.name);
    if planned.is_empty() {
        line(&mut text, &format!("{name}: nothing to do"));
        return text;
    }
    let count = numbered(planned).count();
    let steps = if count == 1 { "1 step".to_owned() } else { format!("{count} steps") };
    let transactions = match planned.transactions.len() {
        1 => "one transaction".to_owned(),
        several => format!("{several} transactions"),
    };
    let verified = planned.verified.as_ref().map_or_else(
        || "not verified".to_owned(),
        |verified| format!("verified on PostgreSQL {}", shown_version(verified.server_version)),
    );
    line(&mut text, &format!("{name}: {steps} in {transactions}, {verified}"));
    if planned.loses() {
        line(&mut text, &paint.apply(BAD, "  loses data:"));
        for (number, _, action) in numbered(planned) {
            if let Some(what) = &action.effect.loses {
                line(
                    &mut text,
                    &format!("  {number:>4}. {}: {}", visible(&script::title(action)), visible(what)),
                );
            }
        }
    }
    for (number, at, action) in numbered(planned) {
        line(&mut text, &format!("  {number:>4}. {}", visible(&script::title(action))));
        for effect in action.effect.lines() {
            let style = if effect.starts_with("DATA LOSS") { BAD } else { QUIET };
            line(&mut text, &format!("        {}", paint.apply(style, &visible(&effect))));
        }
        for statement in &action.statements {
            for row in psqlcm_core::plan::with_database_name(statement, &planned.database).lines() {
                line(&mut text, &format!("        | {}", visible_lines(row)));
            }
        }
        let ended = planned.transactions.iter().find(|transaction| transaction.actions.end == at + 1);
        if let Some(why) = ended.and_then(|transaction| transaction.ends.as_ref()) {
            line(&mut text, &format!("        commit, because {}", visible(why)));
        }
    }
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes all");
}
