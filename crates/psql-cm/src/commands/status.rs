//! `status`: says how the targets are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use psqlcm_core::report::{Exit, Outcome, TargetReport};
use psqlcm_core::targets::Target;
use psqlcm_engine::ledger::State;
use psqlcm_engine::status::{self, DatabaseStatus, Drift, OfNoSchema, Pending, SchemaStatus};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::commands::Done;
use crate::context::Context;
use crate::failure::Failure;

/// Show each schema: under control or not, its last entry, and whether it drifted
///
/// Drift is a schema that differs from what its last entry recorded: someone changed it past psql-cm. What belongs to
/// no schema, such as extensions and the settings of the database, has a line of its own unless schemas are named. What
/// [ignore] in psql-cm.toml names is no drift; --verbose counts it. After an upgrade of the server what it prints
/// otherwise is no drift. psql-cm diff ledger:NAME db:NAME shows what was done, psql-cm submit --adopt records it.
///
/// A change that was begun and not ended is pending. A publication that carries a ledger to subscribers is named. Exit
/// code 0 when all is as recorded, 3 when something drifted, is pending or came after setup and is not under control. It
/// changes nothing and works on a standby.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app status
  psql-cm --all-databases status --format json"#;

/// Looks at each database.
pub fn run(_args: &Args, context: &Context) -> Result<Done, Failure> {
    let cluster = Cluster::of(context)?;
    let ledger = cluster.ledger()?;
    let ignore = &context.settings.ignore;
    let whole = context.settings.schemas.value.named.is_empty();
    let drifted: Mutex<BTreeSet<String>> = Mutex::default();
    let mut report = cluster.each_database("status", &cluster.databases()?, |database| {
        let standing = cluster.read(database, |session| {
            let schemas = cluster.readable_schemas(session, database)?;
            status::status(session, &ledger, &schemas, whole, ignore).map_err(|error| {
                Failure::because("cannot tell how it stands", &error).on(&Target::database(database))
            })
        })?;
        match standing.ignored {
            0 => {}
            1 => context.ui.verbose(&format!("{database}: [ignore] covers 1 object, which is not judged")),
            count => {
                context
                    .ui
                    .verbose(&format!("{database}: [ignore] covers {count} objects, which are not judged"));
            }
        }
        if has_drifted(&standing) {
            drifted.lock().unwrap_or_else(PoisonError::into_inner).insert(database.to_owned());
        }
        let mut targets = Vec::from_iter(standing.of_no_schema.iter().map(|of| of_no_schema(database, of)));
        targets.extend(standing.schemas.iter().map(|schema| target(database, schema)));
        Ok(targets)
    })?;
    if report.targets.iter().any(|target| target.outcome != Outcome::Good) {
        report.exit_code = Exit::Different;
    }
    for (hint, targets) in hints(&report.targets) {
        context.ui.say(&format!("hint: {targets}: {hint}"));
    }
    for database in drifted.into_inner().unwrap_or_else(PoisonError::into_inner) {
        context.ui.say(&format!(
            "hint: {}: if it drifted, psql-cm diff ledger:{database} db:{database} shows what was done past \
             psql-cm, and psql-cm submit --adopt records it",
            Target::database(&database)
        ));
    }
    Ok(report.into())
}

/// The line of the database itself.
fn of_no_schema(database: &str, standing: &OfNoSchema) -> TargetReport {
    let what = "what belongs to no schema";
    let place = standing.ledger.as_ref().map(|schema| format!(" of {schema}")).unwrap_or_default();
    let (outcome, reason) = match &standing.drift {
        Drift::None => (Outcome::Good, what.to_owned()),
        Drift::NoneInStructure { recorded_on } => (
            Outcome::Good,
            format!("{what}; recorded on PostgreSQL {recorded_on}: what the server prints is not compared"),
        ),
        Drift::Drifted { entry, .. } => {
            (Outcome::Different, format!("drifted: {what} is not what entry {entry}{place} recorded"))
        }
        Drift::Unknown { reason } => (Outcome::Different, format!("{what}: drift cannot be told: {reason}")),
    };
    let mut target = TargetReport::new(&Target::database(database), outcome).because(reason);
    if let Some(drift) = drift_json(&standing.drift) {
        target.details.insert("drift".to_owned(), drift);
    }
    target
}

fn drift_json(drift: &Drift) -> Option<Value> {
    let Drift::Drifted { entry, recorded, found } = drift else { return None };
    Some(json!({ "entry": entry, "recorded": recorded, "found": found }))
}

fn target(database: &str, standing: &SchemaStatus) -> TargetReport {
    let mut reasons = Vec::new();
    let mut outcome = Outcome::Good;
    match &standing.state {
        State::Ours => {}
        State::Damaged(damages) => {
            outcome = Outcome::Different;
            reasons.extend(damages.iter().map(ToString::to_string));
        }
        State::Original => {
            outcome = Outcome::Unmanaged;
            reasons.push("its ledger was made by version 0.2.2 and is not adopted yet".to_owned());
        }
        State::Foreign(differences) => {
            outcome = Outcome::Unmanaged;
            reasons.push(format!("something else has the ledger's name: {}", differences.join("; ")));
        }
        State::Absent | State::NoSchema => outcome = Outcome::Unmanaged,
    }
    if outcome != Outcome::Unmanaged {
        if !standing.pending.is_empty() && outcome == Outcome::Good {
            outcome = Outcome::Pending;
        }
        reasons.extend(standing.pending.iter().map(unfinished));
        if let Some(reason) = drift(&standing.drift) {
            reasons.push(reason);
            // What a change that is done in part left may be the drift.
            if outcome == Outcome::Good && !matches!(standing.drift, Drift::NoneInStructure { .. }) {
                outcome = Outcome::Different;
            }
        }
        reasons.extend(last(standing));
    }
    reasons.extend(standing.published.iter().map(|published| format!("{published}: subscribers need it")));
    let mut target = TargetReport::new(&Target::schema(database, &standing.schema), outcome);
    target.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
    if let State::Damaged(damages) = &standing.state {
        let damages = damages.iter().map(|damage| json!(damage.to_string()));
        target.details.insert("damages".to_owned(), damages.collect());
    }
    if let Some(last) = &standing.last {
        let last = json!({
            "id": last.id, "number": last.number, "created_at": last.at, "kind": last.kind,
            "implementer": last.implementer,
        });
        target.details.insert("last_entry".to_owned(), last);
    }
    if let Some(drift) = drift_json(&standing.drift) {
        target.details.insert("drift".to_owned(), drift);
    }
    if !standing.published.is_empty() {
        let names: Vec<&str> =
            standing.published.iter().map(|published| published.publication.as_str()).collect();
        target.details.insert("published".to_owned(), json!(names));
    }
    if !standing.pending.is_empty() {
        let pending = standing.pending.iter().map(|pending| {
            json!({
                "change": pending.source, "change_id": pending.change_id, "entry": pending.entry,
                "part": pending.part, "parts": pending.parts, "end_is_known": !pending.is_open,
            })
        });
        target.details.insert("pending".to_owned(), pending.collect());
    }
    target
}

fn drift(drift: &Drift) -> Option<String> {
    Some(match drift {
        Drift::None => return None,
        Drift::NoneInStructure { recorded_on } => {
            format!("recorded on PostgreSQL {recorded_on}: what the server prints is not compared")
        }
        Drift::Drifted { entry, .. } => format!("drifted: it is not what entry {entry} recorded"),
        Drift::Unknown { reason } => format!("drift cannot be told: {reason}"),
    })
}

fn unfinished(pending: &Pending) -> String {
    let Pending { entry, part, parts, is_open, source, .. } = pending;
    match is_open {
        true => {
            format!("part {part} of {parts} of {source} was begun by entry {entry}, and its end is not known")
        }
        false => format!("{source} is done in part: entry {entry} is the last of it, part {part} of {parts}"),
    }
}

fn last(standing: &SchemaStatus) -> Option<String> {
    let last = standing.last.as_ref()?;
    let at = last.at.as_deref().unwrap_or("an unknown time");
    Some(format!("entry {}, {}, {at}, {}", last.id, last.kind, last.implementer))
}

/// Whether something that is under control is not as recorded, or nobody can tell.
fn has_drifted(standing: &DatabaseStatus) -> bool {
    let is_other = |schema: &SchemaStatus| schema.state.is_ledger() && !schema.drift.is_none();
    standing.schemas.iter().any(is_other)
        || standing.of_no_schema.as_ref().is_some_and(|of| !of.drift.is_none())
}

/// Each hint once, with those that it is for: of hundreds of schemas all may need the same.
fn hints(targets: &[TargetReport]) -> BTreeMap<&'static str, String> {
    let mut of_hint: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for target in targets {
        if let Some(hint) = hint(target) {
            of_hint.entry(hint).or_default().push(&target.target);
        }
    }
    let named = |(hint, targets): (_, Vec<&str>)| match targets[..] {
        [first, _, ..] => (hint, format!("{first}, as {} more", targets.len() - 1)),
        _ => (hint, targets.concat()),
    };
    of_hint.into_iter().map(named).collect()
}

fn hint(target: &TargetReport) -> Option<&'static str> {
    match target.outcome {
        Outcome::Pending => Some("submit the change that is done in part again: it goes on where it stopped"),
        Outcome::Unmanaged => Some("psql-cm setup takes it under control; --exclude-schema leaves it out"),
        Outcome::Different if target.details.contains_key("damages") => Some(
            "find out who did it (psql-cm verify); psql-cm setup puts the protection back, and records that",
        ),
        _ => None,
    }
}
