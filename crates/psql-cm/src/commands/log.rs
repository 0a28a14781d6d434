//! `log`: shows what happened.

use psqlcm_core::ledger::Entry;
use psqlcm_core::report::{Outcome, Report, TargetReport};
use psqlcm_core::script::label;
use psqlcm_core::targets::Target;
use psqlcm_engine::log::{self, Filter, LogError};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::commands::{Done, Text};
use crate::context::Context;
use crate::failure::Failure;
use crate::visible::visible;

/// Show what happened: the entries of the ledgers, the newest last
///
/// Each entry tells when, by whom, in which schema and what was done. --format json gives them whole, with the SQL,
/// hashes and evidence.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Only entries from this moment on; any form PostgreSQL takes for a timestamp
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Only entries before this moment
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Only the entries of this change
    #[arg(long, value_name = "ID")]
    pub change_id: Option<String>,

    /// Only entries of this kind, such as base or change; repeatable
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,

    /// Only the last N entries that fit
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app log
  psql-cm -d app -s billing log --since 2026-01-01 --kind change
  psql-cm -d app log --limit 10 --format json"#;

/// Reads each database in turn.
pub fn run(args: &Args, context: &Context) -> Result<Done, Failure> {
    let cluster = Cluster::of(context)?;
    let ledger = cluster.ledger()?;
    let filter = Filter {
        since: args.since.clone(),
        until: args.until.clone(),
        change_id: args.change_id.clone(),
        kinds: args.kind.clone(),
    };
    let mut entries: Vec<(Target, Entry)> = Vec::new();
    let databases = cluster.databases()?;
    let found = cluster.on_each("log", &databases, |database| {
        cluster.read(database, |session| {
            let schemas = cluster.readable_schemas(session, database)?;
            log::log(session, &ledger, &schemas, &filter).map_err(|error| failure(&error, database))
        })
    });
    for (database, found) in databases.iter().zip(found) {
        entries.extend(found?.into_iter().map(|(schema, entry)| (Target::schema(database, schema), entry)));
    }
    if databases.len() > 1 {
        // Within a database they are in order.
        entries.sort_by(|(_, one), (_, other)| one.created_at.cmp(&other.created_at));
    }
    if let Some(limit) = args.limit {
        let first = entries.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        entries.drain(..first);
    }
    if entries.is_empty() {
        context.ui.say("no ledger has an entry that fits");
    }
    let text: String = entries.iter().map(|(target, entry)| line(target, entry)).collect();
    Ok(Done { report: report(&entries), text: Text::Own(text) })
}

fn failure(error: &LogError, database: &str) -> Failure {
    match error {
        LogError::Time { source, .. } => Failure::usage(error.to_string()).cause(source),
        LogError::Ledger(_) => {
            Failure::because("the ledgers cannot be read", error).on(&Target::database(database))
        }
    }
}

/// One target for each schema, in the order of its first entry.
fn report(entries: &[(Target, Entry)]) -> Report {
    let mut report = Report::new("log");
    let mut order: Vec<&Target> = entries.iter().map(|(target, _)| target).collect();
    order.sort();
    order.dedup();
    for target in order {
        let of_target = entries.iter().filter(|(of, _)| of == target);
        let mut told = TargetReport::new(target, Outcome::Done);
        told.details.insert("entries".to_owned(), of_target.map(|(_, entry)| whole(entry)).collect());
        report.targets.push(told);
    }
    report
}

/// The entry with all columns; its evidence as the object it is.
fn whole(entry: &Entry) -> Value {
    let mut value = json!(entry);
    if let Some(evidence) = entry.evidence.as_deref().and_then(|text| serde_json::from_str(text).ok()) {
        value["evidence"] = evidence;
    }
    value
}

/// `2026-11-23T04:13:47Z app.public #3 change by Ada <ada@example.org>: ALTER TABLE t ...`
fn line(target: &Target, entry: &Entry) -> String {
    let at = entry.created_at.as_deref().unwrap_or("-");
    let at = match at.split_once('.') {
        Some((seconds, _)) if at.ends_with('Z') => format!("{seconds}Z"),
        _ => at.to_owned(),
    };
    let reason = entry.evidence.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let reason = reason.as_ref().and_then(|evidence| evidence.get("reason")?.as_str());
    let reason = reason.map(|reason| format!(" ({})", visible(reason))).unwrap_or_default();
    let what = match label(&entry.content) {
        words if words.is_empty() => String::new(),
        words => format!(": {}", visible(&words)),
    };
    let (name, kind) = (target.to_string(), log::kind_of(entry));
    let implementer = visible(&entry.implementer);
    format!("{at} {} #{} {kind} by {implementer}{reason}{what}\n", visible(&name), entry.id)
}
