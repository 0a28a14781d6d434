//! What a command ends with when it does not end well: what failed on which target, why, and what to do next.
//!
//! It carries facts; `render.rs` makes text of them. A secret never comes in here.

use std::error::Error;
use std::io;
use std::path::Path;

use psqlcm_core::report::{ErrorReport, Exit, Report, TargetReport};
use psqlcm_core::targets::{Target, TargetError};
use psqlcm_engine::config::ConfigError;
use psqlcm_engine::interrupt::Interrupted;
use psqlcm_engine::session::DbError;
use signal_hook::consts::SIGTERM;

/// The failure of a run, with one or several problems.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What happened to each target all the same.
    pub targets: Vec<TargetReport>,
    /// What went wrong, in the order it happened; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The target, where one is to blame.
    pub target: Option<Target>,
    /// What failed, in one line.
    pub message: String,
    /// Why, and why that; each without the next.
    pub causes: Vec<String>,
    /// What there is to know besides, each after a word that says what it is.
    pub details: Vec<(&'static str, String)>,
    /// What to do next.
    pub hints: Vec<String>,
    /// PostgreSQL's code for it.
    pub sqlstate: Option<String>,
    /// Where the statement stands.
    pub place: Option<Place>,
}

/// A place in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or a word for where the text came from.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: Option<u32>,
    /// The text of that line, to be shown with a caret.
    pub text: Option<String>,
}

impl Failure {
    /// A failure with one problem.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        let problem = Problem { message: message.into(), ..Problem::default() };
        Self { exit, targets: Vec::new(), problems: vec![problem] }
    }

    /// The command line, a variable or the configuration is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// It failed and nothing changed, because of `error` and what that was because of.
    pub fn because(message: impl Into<String>, error: &(dyn Error + 'static)) -> Self {
        Self::new(Exit::Failed, message).cause(error)
    }

    /// Adds an error and the chain of its sources as causes. Of a server's answer all is told, here and nowhere else.
    #[must_use]
    pub fn cause(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Some errors lead to another one and say the same, or end with it.
            if !self.problem().causes.last().is_some_and(|before| before.ends_with(&text)) {
                self.problem().causes.push(text);
            }
            if let Some(answer) = error.downcast_ref::<DbError>() {
                // Its message has those of its sources in it.
                return self.answer(answer);
            }
            next = error.source();
        }
        self
    }

    /// The same, for another reason; what was the message is a cause now.
    #[must_use]
    pub fn instead(mut self, message: impl Into<String>) -> Self {
        let problem = self.problem();
        let cause = std::mem::replace(&mut problem.message, message.into());
        problem.causes.insert(0, cause);
        self
    }

    /// What the server said besides its message, and what we know to do about it.
    fn answer(mut self, error: &DbError) -> Self {
        if let Some(detail) = error.detail() {
            self = self.detail("detail", detail);
        }
        if let Some((query, _)) = error.internal_query() {
            self = self.detail("query", query);
        }
        if let Some(context) = error.context() {
            self = self.detail("context", context);
        }
        self = self.hint_if(error.hint().or_else(|| advice(error)));
        if let Some(state) = error.sqlstate() {
            self.problem().sqlstate = Some(state.to_owned());
        }
        self.refused_if_pooled(error)
    }

    /// What writes does not begin on a standby.
    pub fn standby(place: &str) -> Self {
        Self::new(Exit::Refused, format!("{place} is a standby, which takes no changes")).hint(
            "connect to the primary: name all servers, as in --uri 'postgresql://one,other/?target_session_attrs=read-write', \
             and the one that takes changes is found",
        )
    }

    /// Whether the replay of a standby needed what was being read: another try may do.
    pub fn is_replay_conflict(&self) -> bool {
        let state = self.problems.first().and_then(|problem| problem.sqlstate.as_deref());
        matches!(state, Some(SERIALIZATION_FAILURE | DEADLOCK_DETECTED))
    }

    /// Refuses to work through a connection pooler, where that is what the error is about.
    fn refused_if_pooled(mut self, error: &DbError) -> Self {
        if !error.is_pooled() {
            return self;
        }
        self.exit = Exit::Refused;
        self.hint("connect to the server itself, at its own host and port, or to a pool in session mode")
    }

    /// Adds what there is to know besides, after a word that says what it is.
    #[must_use]
    pub fn detail(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.problem().details.push((label, text.into()));
        self
    }

    /// Says on which target it failed.
    #[must_use]
    pub fn on(mut self, target: &Target) -> Self {
        self.problem().target = Some(target.clone());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem().hints.push(hint.into());
        self
    }

    /// Says what to do next, where somebody knows.
    #[must_use]
    pub fn hint_if(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// Says where the statement stands.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.problem().place = Some(place);
        self
    }

    /// Files stand below that folder: they are named as they are found from here.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> Self {
        for place in self.problems.iter_mut().filter_map(|problem| problem.place.as_mut()) {
            place.file = folder.join(&place.file).display().to_string();
        }
        self
    }

    /// Tells what happened to the targets all the same.
    #[must_use]
    pub fn with_targets(mut self, targets: Vec<TargetReport>) -> Self {
        self.targets.extend(targets);
        self
    }

    /// Adds the problems and targets of another failure; the exit code stays.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        self.targets.extend(other.targets);
        self
    }

    /// The same failure, now that a signal is known to be behind it. What was done or is in doubt stays so.
    #[must_use]
    pub fn by_signal(mut self, interrupted: Interrupted) -> Self {
        if self.exit == Exit::Failed {
            self.exit = exit_by(interrupted);
            let problem = self.problem();
            problem.message = format!("interrupted, nothing changed: {}", problem.message);
        }
        self
    }

    /// The report of it.
    pub fn into_report(self, command: &str) -> Report {
        let mut report = Report::new(command);
        report.exit_code = self.exit;
        report.targets = self.targets;
        report.errors = self.problems.into_iter().map(Problem::into_report).collect();
        report
    }

    /// The problem the builder's methods speak of: the first one.
    fn problem(&mut self) -> &mut Problem {
        self.problems.first_mut().expect("a failure is made with a problem")
    }
}

/// What a standby says when its replay ends a statement, or a session, that is in the way; nothing that only reads gets
/// it anywhere else.
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";

impl Problem {
    fn into_report(self) -> ErrorReport {
        let Self { target, message, causes, details, hints, sqlstate, place } = self;
        let (file, line, column) = match place {
            Some(place) => (Some(place.file), Some(place.line), place.column),
            None => (None, None, None),
        };
        let mut message = [vec![message], causes].concat().join(": ");
        for (label, text) in details {
            message.push_str(&format!("\n{label}: {text}"));
        }
        let hint = (!hints.is_empty()).then(|| hints.join("\n"));
        let target = target.map(|target| target.to_string());
        ErrorReport { target, message, sqlstate, file, line, column, hint }
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        let exit = if error.is_usage() { Exit::Usage } else { Exit::Failed };
        Self::new(exit, error.to_string()).hint_if(error.hint())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let failure = Self::usage(error.to_string());
        match error {
            ConfigError::Unreadable { source, .. } => failure.cause(&source),
            ConfigError::Password { .. } => failure.hint(
                "put it into ~/.pgpass, or into PGPASSWORD for one run, and change it if it was committed",
            ),
            ConfigError::Malformed { .. } => failure,
        }
    }
}

/// For work that has committed nothing; whoever has says [`Exit::Partly`].
impl From<Interrupted> for Failure {
    fn from(interrupted: Interrupted) -> Self {
        Self::new(exit_by(interrupted), "interrupted, nothing changed")
    }
}

/// What to do next, where the server's answer leaves that open.
fn advice(error: &DbError) -> Option<&'static str> {
    if error.is_connecting() && was_not_reached(error) {
        return Some(
            "is the server up, and do --uri, PGHOST and PGPORT lead to it? --verbose says where each comes from",
        );
    }
    Some(match error.sqlstate()? {
        "22P05" => {
            "the encoding of the database has no such character: write it otherwise, or use a database in UTF8"
        }
        "28P01" => "check the user and the password: ~/.pgpass or PGPASSWORD",
        "28000" => "check the user and the database, and what pg_hba.conf of the server says of them",
        "42501" => "act as a role that may (--role), or have the privilege granted",
        "53100" => "make room on the server's disk, then run it again",
        "53300" => {
            "all connections are taken: wait, work on fewer databases at once with --jobs, or raise max_connections"
        }
        _ => return None,
    })
}

/// Whether nobody answered; what is wrong with TLS comes in other kinds.
fn was_not_reached(error: &DbError) -> bool {
    use io::ErrorKind::{InvalidData, Other, UnexpectedEof};
    let mut sources = std::iter::successors(error.source(), |error| (*error).source());
    let reason = sources.find_map(|error| error.downcast_ref::<io::Error>());
    reason.is_some_and(|reason| !matches!(reason.kind(), InvalidData | Other | UnexpectedEof))
}

fn exit_by(interrupted: Interrupted) -> Exit {
    if interrupted.signal == SIGTERM { Exit::Terminated } else { Exit::Interrupted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGINT;

    #[test]
    fn a_signal_explains_a_failure_but_not_what_was_done() {
        let by = |exit, signal| Failure::new(exit, "canceled").by_signal(Interrupted { signal });
        assert_eq!(by(Exit::Failed, SIGINT).exit, Exit::Interrupted);
        assert_eq!(by(Exit::Failed, SIGTERM).exit, Exit::Terminated);
        assert_eq!(by(Exit::Failed, SIGINT).problems[0].message, "interrupted, nothing changed: canceled");
        assert_eq!(by(Exit::Partly, SIGINT).exit, Exit::Partly);
        assert_eq!(by(Exit::InDoubt, SIGTERM).problems[0].message, "canceled");
    }

    #[test]
    fn an_error_that_only_leads_to_another_is_said_once() {
        #[derive(Debug)]
        struct Leads(io::Error);
        impl std::fmt::Display for Leads {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }
        impl Error for Leads {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let failure = Failure::because("no", &Leads(io::Error::other("why")));
        assert_eq!(failure.problems[0].causes, ["why"]);
    }

    #[test]
    fn several_failures_are_one_report() {
        let first = Failure::new(Exit::Partly, "no").on(&Target::schema("a", "public"));
        let report = first
            .and(Failure::new(Exit::Failed, "neither").on(&Target::schema("b", "public")))
            .into_report("submit");
        let targets: Vec<_> = report.errors.iter().filter_map(|error| error.target.as_deref()).collect();
        assert_eq!((report.exit_code, targets), (Exit::Partly, vec!["a.public", "b.public"]));
    }
}
