//! Takes the schemas of one database under control, and lets them go.

use psqlcm_core::fingerprint::Judged;
use psqlcm_core::ignore::Ignore;
use psqlcm_core::ledger::{EntryKind, Evidence, NewEntry, Origin, own};
use psqlcm_core::plan::{self, PlanError};
use psqlcm_core::snapshot::{LeftOut, Snapshot};
use psqlcm_core::tree;

use crate::access::Access;
use crate::capture::{self, CaptureError};
use crate::checks::publications::{Published, publications};
use crate::commit::{Settled, commit};
use crate::ledger::{Action, Ledger, LedgerError, Removal, State, database_evidence, schema_evidence};
use crate::session::{DbError, Session};

/// Why schemas were not taken under control; nothing was changed, unless it is in doubt.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The ledgers.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The schemas could not be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The schemas cannot be written as SQL.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Subscribers that have no such table would stop.
    #[error("{}", list(.0))]
    Published(Vec<Published>),
    /// Since the entries were written to the tree, others were added.
    #[error("the ledgers were changed after their entries were written to the tree")]
    Moved,
    /// COMMIT was sent, no answer came, and nobody can tell what became of it.
    #[error("cannot commit, and cannot find out what became of it")]
    InDoubt(#[source] DbError),
    /// The server refused, or was lost.
    #[error("{doing}")]
    Db {
        /// What was being done.
        doing: &'static str,
        /// The server's answer.
        #[source]
        error: DbError,
    },
}

fn doing(doing: &'static str) -> impl Fn(DbError) -> SetupError {
    move |error| SetupError::Db { doing, error }
}

fn list(published: &[Published]) -> String {
    let lines: Vec<String> = published
        .iter()
        .map(|published| format!("the ledger of schema {}: {published}", published.schema))
        .collect();
    lines.join("\n")
}

/// What to do about a new ledger that a publication would carry to subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publishing {
    /// Set nothing up.
    Refused,
    /// Set it up, and tell.
    Allowed,
}

/// What setting up did, or would do.
pub struct SetUp {
    /// Each schema, and what was done in it.
    pub actions: Vec<(String, Action)>,
    /// What the bases could not hold.
    pub left_out: Vec<LeftOut>,
    /// The publications that carry a new ledger.
    pub published: Vec<Published>,
}

/// What [`setup`] would do; changes nothing.
///
/// # Errors
/// As [`setup`].
pub fn plan_setup(
    session: &mut Session,
    ledger: &Ledger,
    schemas: &[String],
    publishing: Publishing,
) -> Result<SetUp, SetupError> {
    let names: Vec<&str> = schemas.iter().map(String::as_str).collect();
    let actions = ledger.plan_setup(session, &names)?;
    let published = published(session, ledger, &actions, publishing)?;
    Ok(SetUp { actions, left_out: Vec::new(), published })
}

/// Gives each schema a ledger and in it a base: the schema as it is. One transaction; a schema that is under control
/// already is left as it is.
///
/// The caller holds the submit lock.
///
/// # Errors
/// When a schema has something else of the ledger's name, when it cannot be read, when a publication would carry a new
/// ledger and that is refused, when the server refuses.
pub fn setup(
    session: &mut Session,
    place: &Place<'_>,
    schemas: &[String],
    origin: &Origin,
    publishing: Publishing,
    ignore: &Ignore,
) -> Result<SetUp, SetupError> {
    let names: Vec<&str> = schemas.iter().map(String::as_str).collect();
    let planned = place.ledger.plan_setup(session, &names)?;
    if planned.iter().all(|(_, action)| *action == Action::Nothing) {
        return Ok(SetUp { actions: planned, left_out: Vec::new(), published: Vec::new() });
    }
    let published = published(session, place.ledger, &planned, publishing)?;
    // By itself and before anything is written: only then is it known to be one moment.
    let (facts, _) = own::split(capture::capture(session)?, place.ledger.table(), names.iter().copied());
    session.run("BEGIN").map_err(doing("cannot begin"))?;
    let done = record(session, place.ledger, &names, origin, &facts, ignore);
    match &done {
        Ok(_) => place.commit(session)?,
        // A lost connection rolls back by itself.
        Err(_) => session.run("ROLLBACK").unwrap_or_default(),
    }
    Ok(SetUp { actions: done?, left_out: facts.left_out, published })
}

/// Where ledgers are made and taken away, and how to get there again when the connection is lost.
pub struct Place<'a> {
    /// The cluster.
    pub access: &'a Access,
    /// The database.
    pub database: &'a str,
    /// Its ledgers.
    pub ledger: &'a Ledger,
}

impl Place<'_> {
    fn commit(&self, session: &mut Session) -> Result<(), SetupError> {
        match commit(session, &mut || self.access.connect(self.database)) {
            Settled::Committed => Ok(()),
            Settled::RolledBack(error) => Err(doing("cannot commit")(error)),
            Settled::Unknown(error) => Err(SetupError::InDoubt(error)),
        }
    }
}

/// Makes the ledgers and writes a base into each that begins.
fn record(
    session: &mut Session,
    ledger: &Ledger,
    schemas: &[&str],
    origin: &Origin,
    facts: &Snapshot,
    ignore: &Ignore,
) -> Result<Vec<(String, Action)>, SetupError> {
    let actions = ledger.setup(session, schemas, origin)?;
    let new: Vec<&String> =
        actions.iter().filter(|(_, action)| starts(action)).map(|(schema, _)| schema).collect();
    let recorder = recorder(session, ledger, &new)?;
    let bases = bases(facts, &new, recorder, origin, ignore)?;
    if !bases.is_empty() {
        let mut heads = ledger.heads(session)?;
        ledger.append(session, &mut heads, bases)?;
    }
    Ok(actions)
}

/// Whether a ledger begins: with a table that is new, or that has new columns.
fn starts(action: &Action) -> bool {
    matches!(action, Action::Create | Action::Adopt)
}

/// The publications that will carry a ledger that begins, unless that is refused.
fn published(
    session: &mut Session,
    ledger: &Ledger,
    actions: &[(String, Action)],
    publishing: Publishing,
) -> Result<Vec<Published>, SetupError> {
    let begins = |schema: &str| actions.iter().any(|(name, action)| name == schema && starts(action));
    let mut published =
        publications(session, ledger.table()).map_err(doing("cannot read the publications"))?;
    published.retain(|published| begins(&published.schema));
    match publishing {
        Publishing::Refused if !published.is_empty() => Err(SetupError::Published(published)),
        _ => Ok(published),
    }
}

/// A base entry for each schema: what builds it, and its fingerprints, which are without what is ignored.
fn bases<'a>(
    facts: &Snapshot,
    schemas: &[&'a String],
    recorder: Option<&'a String>,
    origin: &Origin,
    ignore: &Ignore,
) -> Result<Vec<(String, NewEntry)>, PlanError> {
    let steps = plan::from_empty(facts)?;
    let judged = Judged::of(facts, ignore);
    let base = |schema: &&String| {
        let schema = *schema;
        let of_schema = steps.iter().filter(|step| step.id.schema() == Some(schema));
        let content: String =
            of_schema.flat_map(|step| &step.statements).map(|text| tree::terminated(text)).collect();
        let mut entry = NewEntry::new(EntryKind::Base, content, origin.clone());
        entry.fingerprint_after = judged.whole.schemas.get(schema).cloned();
        let mut evidence = serde_json::Map::from_iter(schema_evidence(&judged, schema));
        if recorder == Some(schema) {
            evidence.extend(database_evidence(&judged));
        }
        entry.evidence = Evidence::new(&evidence).ok();
        (schema.clone(), entry)
    };
    Ok(schemas.iter().map(base).collect())
}

/// The schema whose base records what belongs to no schema, where no ledger has recorded it yet: `public`, else the
/// first. A later base does not, or what was done by hand since would pass for recorded.
fn recorder<'a>(
    session: &mut Session,
    ledger: &Ledger,
    new: &[&'a String],
) -> Result<Option<&'a String>, LedgerError> {
    let managed = ledger.managed(session)?;
    let chained = managed.iter().filter(|(_, state)| *state != State::Original);
    let chained: Vec<&str> = chained.map(|(schema, _)| schema.as_str()).collect();
    if ledger.recorded_database(session, &chained)?.is_some() {
        return Ok(None);
    }
    Ok(new.iter().find(|schema| **schema == "public").or(new.first()).copied())
}

/// Takes the ledgers of the schemas away, in one transaction, provided that the head of each is what `written` says:
/// what was written to the tree before.
///
/// The caller holds the submit lock.
///
/// # Errors
/// When entries were added meanwhile, and the server's.
pub fn remove(
    session: &mut Session,
    place: &Place<'_>,
    schemas: &[String],
    written: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, Removal)>, SetupError> {
    session.run("BEGIN").map_err(doing("cannot begin"))?;
    let removed = remove_within(session, place.ledger, schemas, written);
    match &removed {
        Ok(_) => place.commit(session)?,
        Err(_) => session.run("ROLLBACK").unwrap_or_default(),
    }
    removed
}

fn remove_within(
    session: &mut Session,
    ledger: &Ledger,
    schemas: &[String],
    written: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, Removal)>, SetupError> {
    let names: Vec<&str> = schemas.iter().map(String::as_str).collect();
    let heads = ledger.heads(session)?;
    for (schema, head) in heads.iter().filter(|(schema, _)| names.contains(schema)) {
        let found = head.last.as_ref().map(|(_, hash)| hash.clone()).unwrap_or_default();
        if written(schema).unwrap_or_default() != found {
            return Err(SetupError::Moved);
        }
    }
    Ok(ledger.remove(session, &names)?)
}
