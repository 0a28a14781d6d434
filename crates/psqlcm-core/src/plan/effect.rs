//! What an action means for those who use the database meanwhile and for what they have in it: locks, work on rows,
//! what is lost, what can fail, and the way back.
//!
//! Only what was there before counts: nobody uses what the same plan makes. What each kind does stands in the registry;
//! nothing is measured, and no row is looked at.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Action, Doing};
use crate::fact::FactId;

/// The strongest lock on a relation, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    /// Others read and write; maintenance and other changes wait.
    ShareUpdateExclusive,
    /// Others read.
    Share,
    /// Others read.
    ShareRowExclusive,
    /// Nobody else.
    AccessExclusive,
}

impl Lock {
    /// As PostgreSQL calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// What of others waits for it.
    pub fn blocks(self) -> Blocks {
        match self {
            Self::ShareUpdateExclusive => Blocks::Nothing,
            Self::Share | Self::ShareRowExclusive => Blocks::Writes,
            Self::AccessExclusive => Blocks::ReadsAndWrites,
        }
    }
}

/// What waits for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blocks {
    /// Neither reads nor writes.
    Nothing,
    /// Writes.
    Writes,
    /// Reads and writes.
    ReadsAndWrites,
}

impl Blocks {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "blocks neither reads nor writes",
            Self::Writes => "blocks writes",
            Self::ReadsAndWrites => "blocks reads and writes",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Writes => "writes",
            Self::ReadsAndWrites => "reads and writes",
        }
    }
}

/// Work that takes the longer the more rows there are, while the lock is held; least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// All rows are read.
    Scan,
    /// An index over all rows is built.
    Build,
    /// All rows and indexes are written anew.
    Rewrite,
}

impl Work {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Scan => "reads all rows",
            Self::Build => "builds an index over all rows",
            Self::Rewrite => "writes all rows and indexes anew",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Build => "index build",
            Self::Rewrite => "rewrite",
        }
    }
}

/// What is done to a relation that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The relation.
    pub relation: FactId,
    /// How it is locked until the end of the transaction.
    pub lock: Lock,
    /// Work on its rows.
    pub work: Option<Work>,
    /// When it fails, if that is for its rows to say.
    pub fails: Option<String>,
}

impl Touch {
    /// A lock and no more.
    pub fn new(relation: &FactId, lock: Lock) -> Self {
        Self { relation: relation.clone(), lock, work: None, fails: None }
    }

    /// The same with work on the rows.
    #[must_use]
    pub fn working(mut self, work: Work) -> Self {
        self.work = self.work.max(Some(work));
        self
    }

    /// The same, which fails if the rows are like that.
    #[must_use]
    pub fn failing(mut self, when: &str) -> Self {
        self.fails = Some(match self.fails {
            Some(known) => format!("{known}, or {when}"),
            None => when.to_owned(),
        });
        self
    }
}

/// What an action means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The relations it locks, each once.
    pub touches: Vec<Touch>,
    /// What is lost for ever.
    pub loses: Option<String>,
    /// Values that can be used only once they are committed (`ALTER TYPE ... ADD VALUE`).
    pub new_values: Vec<String>,
}

impl Effect {
    /// That one relation is touched.
    pub fn of(touch: Touch) -> Self {
        Self { touches: vec![touch], ..Self::default() }
    }

    /// The same, with another relation or more of the same.
    #[must_use]
    pub fn and(mut self, touch: Touch) -> Self {
        self.add(touch);
        self
    }

    /// The same, losing something.
    #[must_use]
    pub fn losing(mut self, what: impl Into<String>) -> Self {
        let what = what.into();
        self.loses = Some(match self.loses {
            Some(known) => format!("{known}; {what}"),
            None => what,
        });
        self
    }

    /// Puts what another does with it.
    pub(super) fn join(&mut self, other: Self) {
        other.touches.into_iter().for_each(|touch| self.add(touch));
        self.new_values.extend(other.new_values);
        if let Some(what) = other.loses {
            *self = std::mem::take(self).losing(what);
        }
    }

    fn add(&mut self, touch: Touch) {
        match self.touches.iter_mut().find(|known| known.relation == touch.relation) {
            Some(known) => {
                known.lock = known.lock.max(touch.lock);
                known.work = known.work.max(touch.work);
                if let Some(when) = touch.fails {
                    *known = known.clone().failing(&when);
                }
            }
            None => self.touches.push(touch),
        }
    }

    /// Leaves only the relations for which that holds.
    pub(super) fn only(mut self, is_there: impl Fn(&FactId) -> bool) -> Self {
        self.touches.retain(|touch| is_there(&touch.relation));
        self
    }

    /// When it fails, if that is for rows to say.
    pub fn fails(&self) -> impl Iterator<Item = &str> {
        self.touches.iter().filter_map(|touch| touch.fails.as_deref())
    }

    /// One line each, for people: without line breaks only if names are shown as visible text.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for touch in &self.touches {
            let Touch { relation, lock, work, fails } = touch;
            lines.push(format!("lock: {} on {relation}: {}", lock.name(), lock.blocks().words()));
            if let Some(work) = work {
                lines.push(format!("rows: {} of {relation} under that lock", work.words()));
            }
            if let Some(when) = fails {
                lines.push(format!("can fail on rows of {relation}: {when}"));
            }
        }
        lines.extend(self.loses.iter().map(|what| format!("DATA LOSS: {what}")));
        lines
    }

    /// For programs.
    pub fn to_json(&self) -> Json {
        let touch = |touch: &Touch| {
            json!({
                "relation": touch.relation.to_string(),
                "lock": touch.lock.name(),
                "blocks": touch.lock.blocks().word(),
                "work": touch.work.map(Work::word),
                "fails": touch.fails,
            })
        };
        json!({ "locks": self.touches.iter().map(touch).collect::<Vec<_>>(), "loses": self.loses })
    }
}

/// How to get back from an action, statement by statement.
pub struct WaysBack<'a>(BTreeMap<(Doing, &'a FactId), &'a Action>);

impl<'a> WaysBack<'a> {
    /// By the plan from the other side to this one.
    pub fn new(back: &'a [Action]) -> Self {
        Self(back.iter().map(|action| ((action.doing, &action.id), action)).collect())
    }

    /// The statements that undo an action by itself; none where the other plan does it along with something else.
    pub fn of(&self, action: &Action) -> &'a [String] {
        let inverse = match action.doing {
            Doing::Create => Doing::Drop,
            Doing::Drop => Doing::Create,
            Doing::Rename => Doing::Rename,
            Doing::Alter => Doing::Alter,
            Doing::SetAside => return &[],
        };
        self.0.get(&(inverse, &action.id)).map_or(&[], |action| &action.statements)
    }
}
