//! Reports and failures as text for people.
//!
//! Colour is decoration: the words and the signs `+ - ~` say everything. Whatever comes from a database or
//! the command line is made visible first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use psqlcm_core::report::{FactChange, Op, Outcome, Report, TargetReport};
use psqlcm_core::source::Window;
use serde_json::{Map, Value};

use crate::failure::{Failure, Place, Problem};
use crate::visible::{visible, visible_lines};

/// Whether to paint, for one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// The text in this style, or as it is.
    pub fn apply(self, style: Style, text: &str) -> String {
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// What is as it should be, and what is new.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What failed, and what is gone.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What differs.
pub const CHANGED: Style = AnsiColor::Yellow.on_default();
/// What to look at first.
pub const STRONG: Style = Style::new().bold();
/// What matters less.
pub const QUIET: Style = Style::new().dimmed();

/// The targets of a report, each with its outcome and its facts.
pub fn report(report: &Report, paint: Paint) -> String {
    targets(&report.targets, paint)
}

/// More targets than this are shown in a line each, those last that need a look, and a sum at the end.
const MANY: usize = 12;

fn targets(targets: &[TargetReport], paint: Paint) -> String {
    let mut text = String::new();
    let names: BTreeSet<&str> = targets.iter().map(|target| target.target.as_str()).collect();
    let is_many = names.len() > MANY;
    let mut shown: Vec<&TargetReport> = targets.iter().collect();
    if is_many {
        shown.sort_by_key(|target| target.outcome);
    }
    for target in shown {
        let name = visible(&target.target);
        let outcome = paint.apply(style_of(target.outcome), target.outcome.word());
        let reason = target.reason.as_deref().map(|reason| format!(" ({})", visible(reason)));
        let facts = if is_many { fact_counts(&target.facts) } else { String::new() };
        line(&mut text, &format!("{name}: {outcome}{}{facts}", reason.unwrap_or_default()));
        for fact in target.facts.iter().filter(|_| !is_many) {
            line(&mut text, &fact_line(fact, paint));
        }
    }
    if is_many {
        line(&mut text, &outcome_counts(targets));
    }
    text
}

/// How many facts came, went and changed: ` +3 ~1`.
fn fact_counts(facts: &[FactChange]) -> String {
    let count = |op: Op| facts.iter().filter(|fact| fact.op == op).count();
    let counts = [Op::Add, Op::Remove, Op::Change].map(|op| (op.sign(), count(op)));
    counts.iter().filter(|(_, count)| *count > 0).map(|(sign, count)| format!(" {sign}{count}")).collect()
}

/// How many ended how: `in all: 398 done, 1 failed, 1 skipped`.
fn outcome_counts(targets: &[TargetReport]) -> String {
    let mut counts = BTreeMap::new();
    for target in targets {
        *counts.entry(target.outcome).or_insert(0_usize) += 1;
    }
    let counts: Vec<_> =
        counts.iter().map(|(outcome, count)| format!("{count} {}", outcome.word())).collect();
    format!("in all: {}", counts.join(", "))
}

fn fact_line(fact: &FactChange, paint: Paint) -> String {
    let style = match fact.op {
        Op::Add => GOOD,
        Op::Remove => BAD,
        Op::Change => CHANGED,
    };
    let head = paint.apply(style, &format!("{} {}", fact.op.sign(), visible(&fact.id)));
    match (fact.op, &fact.before, &fact.after) {
        (Op::Change, Some(Value::Object(before)), Some(Value::Object(after))) => {
            format!("  {head}: {}", attributes(before, after))
        }
        (Op::Change, Some(before), Some(after)) => format!("  {head}: {} -> {}", value(before), value(after)),
        _ => format!("  {head}"),
    }
}

/// A fact without colour, for the middle of a sentence: `~ role app: login: yes -> none`.
pub fn plain_fact(fact: &FactChange) -> String {
    fact_line(fact, Paint(false)).trim_start().to_owned()
}

/// The attributes that differ, `type: integer -> bigint`.
fn attributes(before: &Map<String, Value>, after: &Map<String, Value>) -> String {
    let shown = |side: Option<&Value>| match side {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(other) => value(other),
    };
    let line = |name: &String| {
        format!(
            "{}: {} -> {}",
            visible(&name.replace('_', " ")),
            shown(before.get(name)),
            shown(after.get(name))
        )
    };
    before.keys().map(line).collect::<Vec<_>>().join(", ")
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => visible(text).into_owned(),
        other => visible(&other.to_string()).into_owned(),
    }
}

fn style_of(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Done | Outcome::Good => GOOD,
        Outcome::Different | Outcome::Pending | Outcome::Planned => CHANGED,
        Outcome::Refused | Outcome::Failed | Outcome::Partly | Outcome::InDoubt => BAD,
        Outcome::Unchanged
        | Outcome::Unmanaged
        | Outcome::LeftOut
        | Outcome::Skipped
        | Outcome::RolledBack => QUIET,
    }
}

/// A failure: its targets, then each problem with causes, place and hints.
pub fn failure(failure: &Failure, paint: Paint) -> String {
    let mut text = targets(&failure.targets, paint);
    for problem in &failure.problems {
        text.push_str(&self::problem(problem, paint));
    }
    text
}

fn problem(problem: &Problem, paint: Paint) -> String {
    let mut text = String::new();
    let error = paint.apply(BAD, "error:");
    let target = problem
        .target
        .as_ref()
        .map(|target| format!("{}: ", visible(&target.to_string())))
        .unwrap_or_default();
    let message = paint.apply(STRONG, &format!("{target}{}", visible_lines(&problem.message)));
    line(&mut text, &format!("{error} {message}"));
    for cause in &problem.causes {
        line(&mut text, &format!("  caused by: {}", indented(&visible_lines(cause))));
    }
    for (label, detail) in &problem.details {
        line(&mut text, &format!("  {label}: {}", indented(&visible_lines(detail))));
    }
    if let Some(place) = &problem.place {
        text.push_str(&self::place(place, paint));
    }
    for hint in &problem.hints {
        line(&mut text, &format!("{} {}", paint.apply(STRONG, "hint:"), indented(&visible_lines(hint))));
    }
    text
}

fn place(place: &Place, paint: Paint) -> String {
    let mut text = String::new();
    let column = place.column.map(|column| format!(":{column}")).unwrap_or_default();
    line(&mut text, &format!("  at {}:{}{column}", visible(&place.file), place.line));
    let Some(source) = &place.text else { return text };
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    let window = Window::of(source, place.column.unwrap_or(1));
    line(&mut text, format!("  {number} | {}", window.text).trim_end());
    if place.column.is_some() {
        let blanks = " ".repeat(window.caret);
        line(&mut text, &format!("  {gutter} | {blanks}{}", paint.apply(BAD, "^")));
    }
    text
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n    ")
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes all");
}

#[cfg(test)]
mod tests {
    use super::*;
    use psqlcm_core::report::Exit;
    use psqlcm_core::targets::Target;
    use serde_json::json;
    use std::io;

    #[test]
    fn a_report_as_text() {
        let mut done = TargetReport::new(&"app.schema_two", Outcome::Done);
        let fact = |op, id: &str, before, after| FactChange { op, id: id.into(), before, after };
        done.facts = vec![
            fact(Op::Add, "column schema_two.a_varchar.a_timestamp", None, Some(json!({}))),
            fact(Op::Change, "comment \x1b[2J", Some(json!("a")), Some(json!(null))),
            fact(Op::Remove, "table t", Some(json!({})), None),
        ];
        let mut told = Report::new("submit");
        told.targets = vec![done, TargetReport::new(&"app.vendor", Outcome::LeftOut).because("is closed")];
        assert_eq!(
            report(&told, Paint(false)),
            "app.schema_two: done\n\
             \x20 + column schema_two.a_varchar.a_timestamp\n\
             \x20 ~ comment \\u{1b}[2J: a -> null\n\
             \x20 - table t\n\
             app.vendor: left out (is closed)\n"
        );
    }

    #[test]
    fn many_targets_are_a_line_each_and_a_sum() {
        let mut told = Report::new("submit");
        for index in 0..=MANY {
            let outcome = if index == 3 { Outcome::Failed } else { Outcome::Done };
            let mut target = TargetReport::new(&format!("app.t{index}"), outcome);
            let fact = |op| FactChange { op, id: "table t".into(), before: None, after: None };
            target.facts = vec![fact(Op::Add), fact(Op::Change), fact(Op::Add)];
            told.targets.push(target);
        }
        let text = report(&told, Paint(false));
        assert!(text.starts_with("app.t0: done +2 ~1\napp.t1: done +2 ~1\n"), "{text}");
        // What needs a look does not scroll away.
        let end = "app.t12: done +2 ~1\napp.t3: failed +2 ~1\nin all: 12 done, 1 failed\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn a_failure_names_target_code_place_causes_and_hints() {
        let cause = io::Error::other("the inner reason");
        let told = Failure::new(Exit::Failed, "column \"x\" does not exist")
            .on(&Target::schema("app", "public"))
            .cause(&cause)
            .detail("detail", "two\nlines")
            .at(Place {
                file: "change.sql".into(),
                line: 12,
                column: Some(12),
                text: Some("\tSELECT \u{202e}, x".into()),
            })
            .hint("look at the table");
        assert_eq!(
            failure(&told, Paint(false)),
            "error: app.public: column \"x\" does not exist\n\
             \x20 caused by: the inner reason\n\
             \x20 detail: two\n    lines\n\
             \x20 at change.sql:12:12\n\
             \x20 12 |     SELECT \u{fffd}, x\n\
             \x20    |               ^\n\
             hint: look at the table\n"
        );
        let report = told.into_report("submit");
        assert_eq!(
            report.errors[0].message,
            "column \"x\" does not exist: the inner reason\ndetail: two\nlines"
        );
        assert_eq!((report.errors[0].line, report.errors[0].column), (Some(12), Some(12)));
    }

    #[test]
    fn colour_adds_nothing_to_the_words() {
        let told = Failure::new(Exit::Failed, "no").hint("yes");
        let painted = failure(&told, Paint(true));
        assert!(painted.contains('\x1b'));
        let stripped = anstream::adapter::strip_str(&painted).to_string();
        assert_eq!(stripped, failure(&told, Paint(false)));
    }
}
