//! A change's script made ready to run: its statements, what of them runs together, and what is refused before
//! anything is done.
//!
//! It reads the words of statements only; whether they work is for the server to say.

use std::cmp::Ordering;
use std::ops::Range;

use crate::plan::header::{Header, HeaderError};
use crate::script::{
    Class, CopyDirection, NonTransactional, SplitError, SplitErrorKind, Statement, StatementKind, classify,
    split,
};

/// A change that can be run.
#[derive(Clone, Debug)]
pub struct Script<'a> {
    /// The whole text.
    pub text: &'a str,
    /// Its statements; never empty.
    pub statements: Vec<Statement<'a>>,
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// What it says of itself, if `plan` wrote it.
    pub plan: Option<Header>,
}

/// What of a change runs in one transaction, or outside of any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These statements, in one transaction.
    Together(Range<usize>),
    /// This statement, by itself and in no transaction.
    Alone(usize, NonTransactional),
}

/// Why a change is not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no statement.
    #[error("the change is empty: it has no statement")]
    Empty,
    /// It cannot be split into statements.
    #[error("{}", .0.kind)]
    Split(SplitError),
    /// It begins, ends or divides a transaction.
    #[error("{command} is refused: psql-cm begins and ends the transaction")]
    TransactionControl {
        /// Where.
        offset: usize,
        /// The command.
        command: &'static str,
    },
    /// It says that it is a plan, and cannot be read as one.
    #[error(transparent)]
    Plan(HeaderError),
    /// A plan's transactions do not follow one another.
    #[error("{0}: the transactions of the plan do not follow one another: it was edited")]
    Transactions(&'static str, usize),
    /// It has a command of psql.
    #[error("{command} is a command of psql, not SQL")]
    MetaCommand {
        /// Where.
        offset: usize,
        /// The command.
        command: String,
    },
    /// It moves rows between the server and the client.
    #[error("COPY {} is refused: psql-cm carries no rows", copy_words(*direction))]
    Copy {
        /// Where.
        offset: usize,
        /// Which way.
        direction: CopyDirection,
    },
}

impl Refusal {
    /// Where in the script, in bytes.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Self::Empty | Self::Plan(_) => None,
            Self::Split(error) => Some(error.offset),
            Self::Transactions(_, offset) => Some(*offset),
            Self::TransactionControl { offset, .. }
            | Self::MetaCommand { offset, .. }
            | Self::Copy { offset, .. } => Some(*offset),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "write at least one SQL statement",
            Self::Split(error) => match error.kind {
                SplitErrorKind::MetaCommandInStatement { .. } => {
                    "write what it does as SQL, or run it with psql"
                }
                SplitErrorKind::ConflictMark { .. } => "resolve the conflict that git left; nothing was run",
                SplitErrorKind::Nul => "save the file as text in UTF-8; nothing was run",
                _ => "close it; nothing was run",
            },
            Self::Plan(_) | Self::Transactions(..) => "make the plan again: psql-cm plan FROM TO",
            Self::TransactionControl { .. } => {
                "take it out: each change is one transaction; give several changes by repeating --change"
            }
            Self::MetaCommand { .. } => "write what it does as SQL, or run it with psql",
            Self::Copy { direction: CopyDirection::FromStdin, .. } => {
                "use INSERT, or load the rows with psql"
            }
            Self::Copy { direction: CopyDirection::ToStdout, .. } => "take it out: a change has no output",
        }
    }
}

fn copy_words(direction: CopyDirection) -> &'static str {
    match direction {
        CopyDirection::FromStdin => "FROM stdin",
        CopyDirection::ToStdout => "TO stdout",
    }
}

impl<'a> Script<'a> {
    /// Splits a change and looks at each of its statements.
    ///
    /// # Errors
    /// The first thing in it that is refused.
    pub fn read(text: &'a str) -> Result<Self, Refusal> {
        let statements = split(text).map_err(unsplit)?;
        if statements.is_empty() {
            return Err(Refusal::Empty);
        }
        let plan = Header::read(text).map_err(Refusal::Plan)?;
        let parts = match &plan {
            Some(_) => parts_of_plan(&statements)?,
            None => parts_of(&statements)?,
        };
        Ok(Self { text, statements, parts, plan })
    }

    /// Whether all of it runs in one transaction.
    pub fn is_transactional(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Together(_)])
    }

    /// Whether a statement is run as it stands. Of a plan, those that begin and end its transactions are not: whoever runs
    /// it does that.
    pub fn is_run(&self, statement: &Statement<'_>) -> bool {
        self.plan.is_none() || boundary(statement).is_none()
    }

    /// The statements of a part.
    pub fn statements_of(&self, part: &Part) -> &[Statement<'a>] {
        match part {
            Part::Together(range) => &self.statements[range.clone()],
            Part::Alone(index, _) => &self.statements[*index..=*index],
        }
    }

    /// The text of a part, byte for byte; what follows the last statement belongs to the last part.
    pub fn text_of(&self, part: &Part) -> &'a str {
        let range = match part {
            Part::Together(range) => range.clone(),
            Part::Alone(index, _) => *index..index + 1,
        };
        let start = if range.start == 0 { 0 } else { self.statements[range.start].span.start };
        let end = match self.statements.get(range.end) {
            Some(next) => next.span.start,
            None => self.text.len(),
        };
        &self.text[start..end]
    }
}

fn parts_of(statements: &[Statement<'_>]) -> Result<Vec<Part>, Refusal> {
    let mut parts = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        let alone = examine(statement)?;
        match (alone, parts.last_mut()) {
            (Some(command), _) => parts.push(Part::Alone(index, command)),
            (None, Some(Part::Together(range))) => range.end = index + 1,
            (None, _) => parts.push(Part::Together(index..index + 1)),
        }
    }
    Ok(parts)
}

/// A plan says itself where its transactions begin and end.
fn parts_of_plan(statements: &[Statement<'_>]) -> Result<Vec<Part>, Refusal> {
    let mut parts = Vec::new();
    let mut begun = None;
    for (index, statement) in statements.iter().enumerate() {
        let edited = |what| Err(Refusal::Transactions(what, statement.offset));
        match (boundary(statement), begun) {
            (Some(Boundary::Begin), None) => begun = Some(index),
            (Some(Boundary::Begin), Some(_)) => return edited("BEGIN within a transaction"),
            (Some(Boundary::Commit), Some(start)) => {
                parts.push(Part::Together(start..index + 1));
                begun = None;
            }
            (Some(Boundary::Commit), None) => return edited("COMMIT of no transaction"),
            (None, begun) => match (examine(statement)?, begun) {
                (Some(command), None) => parts.push(Part::Alone(index, command)),
                (Some(command), Some(_)) => return edited(command.command()),
                (None, Some(_)) => {}
                (None, None) => return edited("a statement outside of the transactions"),
            },
        }
    }
    match begun {
        Some(start) => Err(Refusal::Transactions("BEGIN without COMMIT", statements[start].offset)),
        None => Ok(parts),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Boundary {
    Begin,
    Commit,
}

/// The two forms that a plan is written in.
fn boundary(statement: &Statement<'_>) -> Option<Boundary> {
    match statement.text {
        "BEGIN" => Some(Boundary::Begin),
        "COMMIT" => Some(Boundary::Commit),
        _ => None,
    }
}

/// The statements of any script, to be run one by one as they stand: it may begin and end transactions.
///
/// # Errors
/// The first thing in it that is refused: commands of psql, and rows.
pub fn statements(text: &str) -> Result<Vec<Statement<'_>>, Refusal> {
    let statements = split(text).map_err(unsplit)?;
    for statement in &statements {
        match examine(statement) {
            Ok(_) | Err(Refusal::TransactionControl { .. }) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(statements)
}

/// Rows for the client are refused also where they do not end.
fn unsplit(error: SplitError) -> Refusal {
    match error.kind {
        SplitErrorKind::UnterminatedCopyData | SplitErrorKind::TextAfterCopy => {
            Refusal::Copy { offset: error.offset, direction: CopyDirection::FromStdin }
        }
        _ => Refusal::Split(error),
    }
}

/// The command of a statement that runs in no transaction; an error for what is refused.
fn examine(statement: &Statement<'_>) -> Result<Option<NonTransactional>, Refusal> {
    let offset = statement.offset;
    match statement.kind {
        StatementKind::MetaCommand => {
            let command = statement.text.split_whitespace().next().unwrap_or("\\").to_owned();
            return Err(Refusal::MetaCommand { offset, command });
        }
        StatementKind::CopyData { .. } => {
            return Err(Refusal::Copy { offset, direction: CopyDirection::FromStdin });
        }
        StatementKind::Sql => {}
    }
    match classify(statement.text) {
        Class::Transactional => Ok(None),
        Class::NonTransactional(command) => Ok(Some(command)),
        Class::TransactionControl(command) => Err(Refusal::TransactionControl { offset, command }),
        Class::Copy(direction) => Err(Refusal::Copy { offset, direction }),
    }
}

/// The order in which people number files: `2.sql` before `10.sql`. Runs of digits compare as numbers, all else
/// byte by byte; names that are then equal, such as `1` and `01`, compare byte by byte.
pub fn natural_order(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left, right);
    loop {
        let (Some(first), Some(second)) = (a.bytes().next(), b.bytes().next()) else {
            return a.len().cmp(&b.len()).then_with(|| left.cmp(right));
        };
        let order = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (one, other) = (take_digits(&mut a), take_digits(&mut b));
            one.len().cmp(&other.len()).then_with(|| one.cmp(other))
        } else {
            let (one, other) = (take_char(&mut a), take_char(&mut b));
            one.cmp(&other)
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The digits at the front, without leading zeros.
fn take_digits<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.trim_start_matches('0')
}

fn take_char(text: &mut &str) -> Option<char> {
    let mut rest = text.chars();
    let first = rest.next();
    *text = rest.as_str();
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_script_byte_for_byte() {
        let text = "-- first\nCREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n\
                    CREATE INDEX CONCURRENTLY i ON t (a); -- slow\nVACUUM t;\nSELECT 1 -- the end";
        let script = Script::read(text).expect("it can be run");
        let parts: Vec<&str> = script.parts.iter().map(|part| script.text_of(part)).collect();
        assert_eq!(parts.concat(), text);
        assert_eq!(parts.len(), 4);
        assert!(parts[0].starts_with("-- first") && parts[3].ends_with("-- the end"), "{parts:?}");
        assert!(!script.is_transactional());
        assert!(Script::read("SELECT 1; SELECT 2 -- x").expect("it can be run").is_transactional());
    }

    #[test]
    fn what_is_refused_is_named_with_its_place() {
        let check = |text: &str, message: &str, offset: Option<usize>| {
            let refusal = Script::read(text).expect_err(text);
            assert_eq!((refusal.to_string().as_str(), refusal.offset()), (message, offset), "{text}");
        };
        check(" -- nothing\n;;", "the change is empty: it has no statement", None);
        check("SELECT 1;\nCOMMIT;", "COMMIT is refused: psql-cm begins and ends the transaction", Some(10));
        check("SELECT 1;\n\\connect other\n", "\\connect is a command of psql, not SQL", Some(10));
        check("COPY t FROM stdin;\n1\n\\.\n", "COPY FROM stdin is refused: psql-cm carries no rows", Some(0));
        check("SELECT 1; COPY t FROM stdin", "COPY FROM stdin is refused: psql-cm carries no rows", Some(10));
        check("COPY t TO STDOUT;", "COPY TO stdout is refused: psql-cm carries no rows", Some(0));
        check("SELECT 'a", "the string opened here is not closed", Some(7));
    }

    #[test]
    fn only_plans_have_transactions_and_each_ends() {
        let head = "-- psql-cm: plan 1\n-- psql-cm: from \"a\"\n-- psql-cm: to \"b\"\n-- psql-cm: server 150000\n\
                    -- psql-cm: from-fingerprint {\"whole\":\"w\",\"structure\":\"s\"}\n\
                    -- psql-cm: to-fingerprint {\"whole\":\"w\",\"structure\":\"s\"}\n\
                    -- psql-cm: compares {\"schemas\":[],\"excluded\":[],\"ignored\":[],\"owners\":true,\"privileges\":true,\
                    \"properties\":true,\"database\":true,\"only_schemas\":null}\n\
                    -- psql-cm: allowed []\n-- psql-cm: verified null\n";
        let read = |body: &str| Script::read(&format!("{head}{body}")).map(|script| script.parts.len());
        assert_eq!(read("BEGIN; SELECT 1; COMMIT; DROP SUBSCRIPTION s; BEGIN; SELECT 2; COMMIT;"), Ok(3));
        for (body, what) in [
            ("BEGIN; SELECT 1;", "BEGIN without COMMIT"),
            ("BEGIN; BEGIN; COMMIT;", "BEGIN within a transaction"),
            ("SELECT 1; BEGIN; COMMIT;", "a statement outside of the transactions"),
            ("BEGIN; COMMIT; COMMIT;", "COMMIT of no transaction"),
            ("BEGIN; VACUUM; COMMIT;", "VACUUM"),
        ] {
            let said = read(body).expect_err(body).to_string();
            assert_eq!(
                said,
                format!("{what}: the transactions of the plan do not follow one another: it was edited")
            );
        }
        assert_eq!(
            read("BEGIN; SAVEPOINT a; COMMIT;").expect_err("a savepoint").to_string(),
            "SAVEPOINT is refused: psql-cm begins and ends the transaction"
        );
        assert!(Script::read("-- psql-cm: plan 1\nSELECT 1").is_err());
    }

    #[test]
    fn any_script_may_have_transactions_but_nothing_for_psql() {
        assert_eq!(statements("BEGIN; SELECT 1; COMMIT; VACUUM").map(|all| all.len()), Ok(4));
        assert_eq!(statements("").map(|all| all.len()), Ok(0));
        for refused in ["BEGIN; \\dt\n", "COPY t FROM stdin;\n1\n\\.\n", "SELECT 'a"] {
            assert!(statements(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn numbers_in_names_count() {
        let mut names = ["10.sql", "2.sql", "b", "a10b", "a2b", "01.sql", "1.sql", "a", "ü", ""];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["", "01.sql", "1.sql", "2.sql", "10.sql", "a", "a2b", "a10b", "b", "ü"]);
    }
}
