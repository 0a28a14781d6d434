//! What a command tells: one object for all commands, as text for people and as JSON for programs.
//!
//! The JSON form is a promise, described by `docs/report.schema.json`; a change that could break a reader
//! raises [`SCHEMA_VERSION`]. How it looks as text is the binary's business.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The version of the JSON form.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything one run of a command has to tell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The name of the command.
    pub command: String,
    /// How the process ends.
    pub exit_code: Exit,
    /// One entry for each target, in the order they were worked on.
    pub targets: Vec<TargetReport>,
    /// What went wrong.
    pub errors: Vec<ErrorReport>,
}

impl Report {
    /// A report of success about nothing yet.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            command: command.into(),
            exit_code: Exit::Done,
            targets: Vec::new(),
            errors: Vec::new(),
        }
    }
}

/// How a run ends, for the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// All that was asked is done.
    Done = 0,
    /// It failed and changed nothing. A broken chain is this too.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// There are differences, there is drift, or something is pending.
    Different = 3,
    /// A policy refused it.
    Refused = 4,
    /// A lock was not had in time.
    LockNotHad = 5,
    /// Some of it is done.
    Partly = 6,
    /// COMMIT was sent, no answer came, and the entry could not be looked up.
    InDoubt = 7,
    /// SIGINT came and all was rolled back.
    Interrupted = 130,
    /// SIGTERM came and all was rolled back.
    Terminated = 143,
}

impl Exit {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Different,
        Self::Refused,
        Self::LockNotHad,
        Self::Partly,
        Self::InDoubt,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl Serialize for Exit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

/// What happened to one target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetReport {
    /// `database` or `database.schema`, see [`Target`](crate::targets::Target).
    pub target: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The reason for the outcome, where it needs one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What changed or differs.
    pub facts: Vec<FactChange>,
    /// What only this command has to tell, such as the entries that `log` lists.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

impl TargetReport {
    /// A target with nothing but its outcome.
    pub fn new(target: &impl ToString, outcome: Outcome) -> Self {
        Self { target: target.to_string(), outcome, reason: None, facts: Vec::new(), details: Map::new() }
    }

    /// The same, with the reason for the outcome.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// How it ended for one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What was asked is done.
    Done,
    /// It was so already.
    Unchanged,
    /// A dry run: this would be done.
    Planned,
    /// The chain, the dump or the comparison is as it should be.
    Good,
    /// It differs from what it is compared with.
    Different,
    /// A change was begun and not ended.
    Pending,
    /// Not under control.
    Unmanaged,
    /// Not acted on, for the reason given.
    LeftOut,
    /// Not begun, because another target failed.
    Skipped,
    /// Done, and undone because another target failed.
    RolledBack,
    /// Refused by a policy.
    Refused,
    /// It failed, and nothing changed.
    Failed,
    /// Some of it is done.
    Partly,
    /// COMMIT was sent and no answer came.
    InDoubt,
}

impl Outcome {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Planned => "planned",
            Self::Good => "good",
            Self::Different => "different",
            Self::Pending => "pending",
            Self::Unmanaged => "not under control",
            Self::LeftOut => "left out",
            Self::Skipped => "skipped",
            Self::RolledBack => "rolled back",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Partly => "partly done",
            Self::InDoubt => "in doubt",
        }
    }
}

/// A fact that came, went or changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FactChange {
    /// What happened to it.
    pub op: Op,
    /// The fact's id for people, `column schema_two.a_varchar.a_timestamp`.
    pub id: String,
    /// What it was; null when it is new.
    pub before: Option<Value>,
    /// What it is; null when it is gone.
    pub after: Option<Value>,
}

/// What happened to a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// It is new.
    Add,
    /// It is gone.
    Remove,
    /// It is another.
    Change,
}

impl Op {
    /// The sign for people.
    pub fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Remove => '-',
            Self::Change => '~',
        }
    }
}

/// Something that went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErrorReport {
    /// The target, where one is to blame.
    pub target: Option<String>,
    /// What failed, with its causes.
    pub message: String,
    /// PostgreSQL's code for it.
    pub sqlstate: Option<String>,
    /// The file the statement stands in.
    pub file: Option<String>,
    /// The line in the file, from 1.
    pub line: Option<u32>,
    /// The column in characters, from 1.
    pub column: Option<u32>,
    /// What to do next.
    pub hint: Option<String>,
}

// Not by a dependency: this crate has none on another of the workspace.
#[cfg(test)]
#[path = "../../psqlcm-testkit/src/report_schema.rs"]
mod report_schema;

#[cfg(test)]
mod tests {
    use super::report_schema::faults;
    use super::*;
    use serde_json::json;

    const SCHEMA: &str = include_str!("../../../docs/report.schema.json");

    fn sample() -> Report {
        let mut target = TargetReport::new(&"app.schema_two", Outcome::Done);
        target.facts = vec![
            FactChange {
                op: Op::Add,
                id: "column schema_two.a_varchar.a_timestamp".into(),
                before: None,
                after: Some(json!({ "type": "timestamptz" })),
            },
            FactChange {
                op: Op::Change,
                id: "comment t".into(),
                before: Some(json!("a")),
                after: Some(json!("b")),
            },
            FactChange { op: Op::Remove, id: "table t".into(), before: Some(json!({})), after: None },
        ];
        target.details.insert("entry".into(), json!({ "id": 7 }));
        let mut report = Report::new("submit");
        report.exit_code = Exit::Partly;
        report.targets =
            vec![target, TargetReport::new(&"app.vendor", Outcome::LeftOut).because("is closed")];
        report.errors = vec![ErrorReport {
            target: Some("b.public".into()),
            message: "failed".into(),
            sqlstate: Some("42703".into()),
            file: Some("change.sql".into()),
            line: Some(3),
            column: Some(15),
            hint: Some("look".into()),
        }];
        report
    }

    #[test]
    fn a_report_has_the_promised_shape() {
        let value = serde_json::to_value(sample()).unwrap();
        assert_eq!(value["schema_version"], 1);
        assert_eq!(value["exit_code"], 6);
        assert_eq!(value["targets"][0]["facts"][0]["op"], "add");
        assert_eq!(value["targets"][0]["facts"][0]["before"], Value::Null);
        assert_eq!(value["targets"][1]["outcome"], "left_out");
        assert_eq!(value["errors"][0]["column"], 15);
    }

    #[test]
    fn reports_are_what_the_published_schema_says() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let mut reports = vec![Report::new("setup"), sample()];
        reports.extend(Exit::ALL.map(|exit| Report { exit_code: exit, ..Report::new("status") }));
        for report in reports {
            let faults = faults(&schema, &serde_json::to_value(&report).unwrap());
            assert!(faults.is_empty(), "{faults:?}");
        }
    }

    #[test]
    fn the_published_schema_refuses_what_is_wrong() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let refuses = |break_it: fn(&mut Value)| {
            let mut value = serde_json::to_value(sample()).unwrap();
            break_it(&mut value);
            assert!(!faults(&schema, &value).is_empty(), "{value}");
        };
        refuses(|value| value["exit_code"] = json!(9));
        refuses(|value| value["surprise"] = json!(1));
        refuses(|value| value["targets"][0]["outcome"] = json!("perhaps"));
        refuses(|value| value["targets"][0]["facts"][0]["op"] = json!("rename"));
        refuses(|value| value["errors"][0]["line"] = json!("three"));
        refuses(|value| drop(value["errors"][0].as_object_mut().unwrap().remove("sqlstate")));
    }
}
