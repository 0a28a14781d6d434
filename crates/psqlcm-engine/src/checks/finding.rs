//! What a check found: which commands it concerns, how bad it is, why it matters, what to do.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A command would not work, as a whole or for what is named.
    Blocks,
    /// It works, but perhaps not as one thinks, or not always.
    Careful,
    /// It is good to know.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Blocks => "would not work",
            Self::Careful => "be careful",
            Self::Note => "good to know",
        })
    }
}

/// The commands that act on a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// `setup`
    Setup,
    /// `dump`
    Dump,
    /// `restore`
    Restore,
    /// `submit`
    Submit,
    /// `status`
    Status,
    /// `verify`
    Verify,
    /// `log`
    Log,
}

impl Command {
    /// All of them, in the order people need them.
    pub const ALL: [Self; 7] =
        [Self::Setup, Self::Dump, Self::Restore, Self::Submit, Self::Status, Self::Verify, Self::Log];
    /// Those that look at the definitions of all objects.
    pub const CAPTURING: [Self; 4] = [Self::Setup, Self::Dump, Self::Submit, Self::Status];
    /// Those that change databases.
    pub const WRITING: [Self; 3] = [Self::Setup, Self::Restore, Self::Submit];
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Setup => "setup",
            Self::Dump => "dump",
            Self::Restore => "restore",
            Self::Submit => "submit",
            Self::Status => "status",
            Self::Verify => "verify",
            Self::Log => "log",
        })
    }
}

/// Something that is in the way, or could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which commands it concerns, in their order.
    pub commands: Vec<Command>,
    /// What was found; a sentence that the names end, where there are any.
    pub what: String,
    /// What it was found in, or which things they are.
    pub names: Vec<String>,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    /// What was found, for these commands.
    pub fn new(severity: Severity, commands: &[Command], what: impl Into<String>) -> Self {
        let mut commands = commands.to_vec();
        commands.sort();
        Self {
            severity,
            commands,
            what: what.into(),
            names: Vec::new(),
            why: String::new(),
            advice: String::new(),
        }
    }

    /// Adds what it was found in.
    #[must_use]
    pub fn in_these(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.names.extend(names);
        self
    }

    /// Says why it matters.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}
