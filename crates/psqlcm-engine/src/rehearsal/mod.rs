//! A plan tried out on scratch before it is handed out: what it leaves is built there with rows that are made up, the
//! script is run as psql would run it, and what comes of it must be what was to be reached, with the rows that are to stay.
//!
//! Rows can be such that a step which may fail on rows fails on them; then it is tried without rows there. It says
//! nothing of how long a step takes.

mod rows;

use std::collections::BTreeSet;

use psqlcm_core::delta::{Delta, FactDelta};
use psqlcm_core::fact::FactId;
use psqlcm_core::kinds;
use psqlcm_core::narrow::{Covered, Scope};
use psqlcm_core::plan::{self, Action, PlanError, Rename};
use psqlcm_core::snapshot::Snapshot;

use crate::interrupt::{Interrupt, Interrupted};
use crate::scratch::{Scratch, ScratchDatabase, ScratchError, Sql};
use crate::session::DbError;
use rows::{Name, Table};

/// A plan to be tried out.
pub struct Rehearsal<'a> {
    /// Where.
    pub scratch: &'a Scratch,
    /// All of what is left.
    pub whole: &'a Snapshot,
    /// What of it is compared.
    pub scope: &'a Scope,
    /// What both sides speak of.
    pub covered: &'a Covered,
    /// What is to be reached, of what is compared.
    pub to: &'a Snapshot,
    /// The steps.
    pub actions: &'a [Action],
    /// What of it has another name in the end.
    pub renames: &'a [Rename],
    /// The script, for a database of that name.
    pub script: &'a (dyn Fn(&str) -> String + Sync),
    /// The name of the database that is left.
    pub database: &'a str,
    /// Whether to stop.
    pub interrupt: &'a Interrupt,
}

/// What a plan that was tried out has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The server it was tried on.
    pub server_version: u32,
    /// How many tables there were.
    pub tables: usize,
    /// Those for which no row could be made up.
    pub without_rows: Vec<String>,
    /// Those whose rows a step could not take, as it may.
    pub failing_rows: Vec<String>,
}

/// Why a plan is not verified.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// What it leaves could not be built.
    #[error("what the plan leaves cannot be built on the scratch server")]
    Build(#[source] ScratchError),
    /// What it leaves cannot be written as SQL.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A step fails.
    #[error("a step of the plan fails on the scratch server")]
    Step(#[source] ScratchError),
    /// It does not lead there.
    #[error("the plan does not lead to what was to be reached: {} left", .0.len())]
    Left(Vec<FactDelta>),
    /// Rows are lost that were to stay.
    #[error("the plan loses without saying so: {}", .0.join(", "))]
    Lost(Vec<String>),
    /// Scratch.
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    /// The server refused, or was lost.
    // Not transparent: whoever tells it looks for the answer among the sources.
    #[error("{0}")]
    Db(#[from] DbError),
    /// A signal came.
    #[error("interrupted")]
    Interrupted(Interrupted),
}

impl RehearsalError {
    /// Whether that can only be a defect of ours.
    pub fn is_defect(&self) -> bool {
        match self {
            Self::Step(ScratchError::Statement { error, place, .. }) => {
                !tells_of_server(error.sqlstate(), &place.text)
            }
            Self::Left(_) | Self::Lost(_) => true,
            _ => false,
        }
    }
}

/// What a database is once those statements have run, as a server reads it; and whether it has the properties of its own.
///
/// # Errors
/// When it cannot be built, or a statement fails.
pub fn after(
    scratch: &Scratch,
    whole: &Snapshot,
    database: &str,
    statements: &[String],
) -> Result<(Snapshot, Option<bool>), RehearsalError> {
    let (mut built, has_properties) = build(scratch, whole, database)?;
    built.session().run("SET search_path = ''")?;
    for statement in statements {
        built.session().run(statement)?;
    }
    built.clean()?;
    Ok((capture_like(&mut built, whole)?, has_properties))
}

/// What is in the database, to be compared with another snapshot: minor releases print alike, and versions of extensions are said
/// where that says them.
fn capture_like(database: &mut ScratchDatabase, other: &Snapshot) -> Result<Snapshot, ScratchError> {
    let mut captured = database.capture()?;
    if captured.server_version / 10_000 == other.server_version / 10_000 {
        captured.server_version = other.server_version;
    }
    kinds::say_versions_as(&mut captured, other);
    Ok(captured)
}

fn build(
    scratch: &Scratch,
    whole: &Snapshot,
    database: &str,
) -> Result<(ScratchDatabase, Option<bool>), RehearsalError> {
    let steps = plan::from_empty(whole)?;
    let sql = Sql::of_steps("what the plan leaves, as SQL", database, &steps);
    let (mut built, has_properties) = scratch.database_for(&sql, database).map_err(RehearsalError::Build)?;
    built.load(&sql, &|_| {}).map_err(RehearsalError::Build)?;
    built.clean()?;
    Ok((built, has_properties))
}

impl Rehearsal<'_> {
    /// Tries it out.
    ///
    /// # Errors
    /// What is wrong with the plan, or with the place. Nothing is left on the server.
    pub fn run(&self) -> Result<Verified, RehearsalError> {
        let mut except = Except::Nothing;
        loop {
            match self.try_out(&except) {
                Err(RehearsalError::Step(error)) if is_about_rows(&error) && except != Except::All => {
                    except = except.more(self.can_fail());
                }
                outcome => return outcome,
            }
        }
    }

    fn try_out(&self, except: &Except) -> Result<Verified, RehearsalError> {
        let (mut database, has_properties) = build(self.scratch, self.whole, self.database)?;
        let tables = rows::tables(database.session())?;
        let empty = self.fill(&mut database, &tables, except)?;
        let before = rows::contents(database.session(), &tables)?;
        let before = rows::renamed(before, self.renames);
        database.clean()?;
        let script = (self.script)(database.name());
        database.run_script("the plan", &script).map_err(RehearsalError::Step)?;
        database.clean()?;
        self.check_facts(&mut database, has_properties)?;
        let now = rows::tables(database.session())?;
        let after = rows::contents(database.session(), &now)?;
        let there: BTreeSet<Name> = now.iter().map(Table::key).collect();
        let told = self.told();
        let is_told =
            |table: &Name, column: Option<&str>| told.contains(&(table.clone(), column.map(str::to_owned)));
        let lost = rows::lost(&before, &after, |table| there.contains(table), is_told);
        if !lost.is_empty() {
            return Err(RehearsalError::Lost(lost));
        }
        let shown = |names: &[Name]| names.iter().map(|(schema, name)| format!("{schema}.{name}")).collect();
        let (failing, without): (Vec<Name>, Vec<Name>) = empty.into_iter().partition(|name| except.has(name));
        Ok(Verified {
            server_version: self.scratch.server_version(),
            tables: tables.len(),
            without_rows: shown(&without),
            failing_rows: shown(&failing),
        })
    }

    fn fill(
        &self,
        database: &mut ScratchDatabase,
        tables: &[Table],
        except: &Except,
    ) -> Result<Vec<Name>, RehearsalError> {
        let excepted = tables.iter().map(Table::key).filter(|name| except.has(name)).collect();
        let interrupt = self.interrupt;
        let filled = rows::fill(database.session(), tables, &excepted, &|| interrupt.check().is_ok());
        self.interrupt.check().map_err(RehearsalError::Interrupted)?;
        Ok(filled?)
    }

    /// What is there must be what was to be reached.
    fn check_facts(
        &self,
        database: &mut ScratchDatabase,
        has_properties: Option<bool>,
    ) -> Result<(), RehearsalError> {
        let after = capture_like(database, self.to)?;
        let covered = match has_properties {
            Some(true) => self.covered.clone(),
            _ => Covered { properties: false, ..self.covered.clone() },
        };
        let narrow = |snapshot| self.scope.narrow(snapshot, &[&covered]);
        let left = Delta::between(&narrow(after), &narrow(self.to.clone())).facts;
        if left.is_empty() { Ok(()) } else { Err(RehearsalError::Left(left)) }
    }

    /// The tables whose rows may keep a step from working.
    fn can_fail(&self) -> BTreeSet<Name> {
        let touches = self.actions.iter().flat_map(|action| &action.effect.touches);
        touches.filter(|touch| touch.fails.is_some()).filter_map(|touch| name(&touch.relation)).collect()
    }

    /// What the plan says that it loses: tables, and columns of tables.
    fn told(&self) -> BTreeSet<(Name, Option<String>)> {
        let losing = self.actions.iter().filter(|action| action.effect.loses.is_some());
        let ids = losing.flat_map(|action| std::iter::once(&action.id).chain(&action.members));
        ids.filter_map(|id| {
            let table = name(id.object())?;
            Some((table, (id != id.object()).then(|| id.name().to_owned())))
        })
        .collect()
    }
}

fn name(id: &FactId) -> Option<Name> {
    Some((id.schema()?.to_owned(), id.name().to_owned()))
}

/// The tables that get no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Except {
    Nothing,
    These(BTreeSet<Name>),
    All,
}

impl Except {
    fn has(&self, name: &Name) -> bool {
        match self {
            Self::Nothing => false,
            Self::These(names) => names.contains(name),
            Self::All => true,
        }
    }

    fn more(self, names: BTreeSet<Name>) -> Self {
        if self == Self::Nothing && !names.is_empty() { Self::These(names) } else { Self::All }
    }
}

/// Whether the answer to a step tells of the server that it was tried out on, and nothing of the step: that there is no
/// connection any more, no room, somebody who stopped it, no file (classes 08, 53, 57 and 58 of PostgreSQL's error codes),
/// no privilege, as the role of a server that was given may not do all that a plan does, or not that version of an extension.
fn tells_of_server(sqlstate: Option<&str>, step: &str) -> bool {
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    const NO_SUCH_VERSION: &str = "22023";
    let is_of_extension =
        ["CREATE EXTENSION ", "ALTER EXTENSION "].iter().any(|words| step.starts_with(words));
    match sqlstate {
        None | Some(INSUFFICIENT_PRIVILEGE) => true,
        Some(NO_SUCH_VERSION) => is_of_extension,
        Some(state) => ["08", "53", "57", "58"].iter().any(|class| state.starts_with(class)),
    }
}

/// Values that do not fit (class 22), and constraints (class 23).
fn is_about_rows(error: &ScratchError) -> bool {
    let state = match error {
        ScratchError::Statement { error, .. } => error.sqlstate(),
        _ => None,
    };
    state.is_some_and(|state| state.starts_with("22") || state.starts_with("23"))
}

#[cfg(test)]
mod tests {
    use super::tells_of_server;

    #[test]
    fn a_server_that_is_full_or_gone_is_no_defect() {
        for state in [None, Some("53100"), Some("57P01"), Some("08006"), Some("58030"), Some("42501")] {
            assert!(tells_of_server(state, "CREATE TABLE t ()"), "{state:?}");
        }
        assert!(!tells_of_server(Some("42P01"), "DROP TABLE t"));
    }

    #[test]
    fn only_of_extensions_there_are_versions() {
        assert!(tells_of_server(Some("22023"), "ALTER EXTENSION hstore UPDATE TO '9'"));
        assert!(!tells_of_server(Some("22023"), "ALTER TABLE t SET (fillfactor = 1)"));
    }
}
