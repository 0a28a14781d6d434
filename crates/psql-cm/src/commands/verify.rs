//! `verify`: proves the ledgers.

use std::collections::BTreeMap;

use psqlcm_core::ledger::{Finding, Problem as LedgerProblem, Severity};
use psqlcm_core::report::{Exit, Outcome, TargetReport};
use psqlcm_core::targets::Target;
use psqlcm_engine::sources::LazyScratch;
use psqlcm_engine::verify::{self, Verified};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::commands::{Done, dump};
use crate::context::Context;
use crate::failure::{Failure, Problem};
use crate::sources;
use replays::Replays;

mod replays;

/// Prove that the ledgers are whole, by themselves and against their anchors in the tree
///
/// Every entry carries a hash of itself and of the one before; git holds the head of each chain as the last dump saw
/// it, in the tree (--sql-path). Told apart are: an entry that was edited, removed or slipped in; a chain behind its
/// anchor (the database was restored from an older backup); a fork (the database is a copy of another); and a chain
/// rewritten as a whole. Exit code 0 when every chain is whole, 1 when one is not. It changes nothing.
///
/// With --replay each database is also built anew from its ledgers, bases and changes in the order in which they were
/// done, in a scratch database, and compared with what it is. Where both differ that is shown as psql-cm diff shows it,
/// with the entry from which they part, and the exit code is 3. An entry that cannot be done again is named, with exit
/// code 1; what is left out, such as statements about roles, is named too.
///
/// The role needs USAGE on every schema under control and SELECT on its ledger. With SELECT on the ledger's sequence too
/// it can tell entries that were removed at the end from an older backup.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Build each database anew from its ledgers, and compare it with what it is
    #[arg(long)]
    pub replay: bool,

    /// With --replay: a server on which scratch databases can be made [default: PSQLCM_SCRATCH_URI, else a throw-away cluster of local programs]
    #[arg(long, value_name = "URI", requires = "replay")]
    pub scratch_uri: Option<String>,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app verify
  psql-cm --database app verify --replay
  psql-cm --all-databases verify --sql-path db/schema"#;

/// Judges each database. All findings are told, whatever they are.
pub fn run(args: &Args, context: &Context) -> Result<Done, Failure> {
    let cluster = Cluster::of(context)?;
    let ledger = cluster.ledger()?;
    let given = match args.replay {
        true => sources::scratch(args.scratch_uri.as_deref(), context)?,
        false => None,
    };
    let scratch = LazyScratch::new(given.as_ref(), &context.interrupt);
    let replays = args.replay.then(|| Replays::new(context, &cluster, &ledger, &scratch));
    let named = &context.settings.schemas.value.named;
    let named = (!named.is_empty()).then_some(named.as_slice());
    let report = cluster.each_database("verify", &cluster.databases()?, |database| {
        let mut targets = Vec::new();
        let mut problems = Vec::new();
        let manifests = dump::manifests(cluster.sql_path(), database)?;
        let manifest = manifests.get(&context.settings.environment.value);
        let anchors = manifest.map_or_else(BTreeMap::new, verify::anchors);
        let verified = cluster.read(database, |session| {
            verify::verify_database(session, &ledger, &anchors, named).map_err(|error| {
                Failure::because("the ledgers cannot be read", &error).on(&Target::database(database))
            })
        })?;
        if manifest.is_none() {
            context.ui.say(&format!(
                "{database}: {} has no anchors of it: the chains are judged by themselves only",
                cluster.sql_path().display()
            ));
        }
        if let Some(named) = named {
            let is_missing = |name: &&String| verified.iter().all(|found| found.schema != **name);
            problems.extend(named.iter().filter(is_missing).map(|name| not_managed(database, name)));
        }
        if verified.is_empty() && named.is_none() {
            context.ui.say(&format!("{database}: no schema is under control"));
        }
        tell_of_another_instance(context, database, &verified);
        for ledger in &verified {
            targets.push(target(database, ledger));
            problems.extend(problems_of(database, ledger));
            let notices = ledger.findings.iter().filter(|finding| {
                finding.severity() == Severity::Notice && !(holds_elsewhere(ledger) && is_copy(finding))
            });
            for notice in notices {
                context.ui.warn(&format!("{database}: {}; {}", notice.message(), notice.hint()));
            }
        }
        if !problems.is_empty() {
            return Err(Failure { exit: Exit::Failed, targets, problems });
        }
        if let Some(replays) = replays.as_ref().filter(|_| !verified.is_empty()) {
            match replays.one(database) {
                Ok(target) => targets.push(target),
                Err(failure) => return Err(failure.with_targets(targets)),
            }
        }
        Ok(targets)
    });
    sources::tell_scratch(context, &scratch);
    match replays {
        Some(replays) => replays.done(report?),
        None => Ok(report?.into()),
    }
}

/// After a restore or a copy the chains hold and contain what git knows; that is worth a word, once, and no warning.
fn tell_of_another_instance(context: &Context, database: &str, verified: &[Verified]) {
    let count = verified.iter().filter(|ledger| holds_elsewhere(ledger)).count();
    if count > 0 {
        context.ui.say(&format!(
            "{database}: {count} of {} chains hold and contain the entry that git knows, which was anchored in another \
             instance: this database was restored or copied; psql-cm dump anchors this database (under an \
             --environment of its own if the other lives on)",
            verified.len()
        ));
    }
}

/// Whether nothing is to be said of a ledger but that git anchored it in another instance. (An anchor that is not in
/// the chain is a finding.)
fn holds_elsewhere(verified: &Verified) -> bool {
    verified.anchor.is_some()
        && verified.is_whole()
        && !verified.findings.is_empty()
        && verified.findings.iter().all(is_copy)
}

fn is_copy(finding: &Finding) -> bool {
    finding.problem == LedgerProblem::Copy
}

fn target(database: &str, verified: &Verified) -> TargetReport {
    let outcome = if verified.is_whole() { Outcome::Good } else { Outcome::Different };
    let name = Target::schema(database, &verified.schema);
    let mut target = TargetReport::new(&name, outcome);
    let anchored = match (&verified.anchor, &verified.kept_in) {
        (_, Some(home)) => format!("gone by a recorded change; its entries are kept in the ledger of {home}"),
        (Some(anchor), None) => format!("{} entries, anchored at entry {}", verified.entries, anchor.id),
        (None, None) => format!("{} entries, no anchor", verified.entries),
    };
    target.reason = Some(anchored);
    let findings: Value = verified.findings.iter().map(finding).collect();
    target.details.insert("findings".to_owned(), findings);
    let damages: Value = verified.damages.iter().map(|damage| json!(damage.to_string())).collect();
    target.details.insert("damages".to_owned(), damages);
    target
}

fn finding(finding: &Finding) -> Value {
    json!({
        "entry": finding.id,
        "severity": if finding.severity() == Severity::Broken { "broken" } else { "notice" },
        "message": finding.message(),
        "expected": finding.expected,
        "found": finding.found,
        "hint": finding.hint(),
    })
}

fn problems_of(database: &str, verified: &Verified) -> Vec<Problem> {
    let target = Some(Target::schema(database, &verified.schema));
    let broken = verified.findings.iter().filter(|finding| finding.severity() == Severity::Broken);
    let broken = broken.map(|finding| (finding.message(), finding.hint().to_owned()));
    let damaged = verified.damages.iter().map(|damage| {
        let hint = "find out who did it; psql-cm setup puts the protection back, and records that";
        (format!("ledger of schema {}: {damage}", verified.schema), hint.to_owned())
    });
    let problem = |(message, hint)| Problem {
        target: target.clone(),
        message,
        hints: vec![hint],
        ..Problem::default()
    };
    broken.chain(damaged).map(problem).collect()
}

fn not_managed(database: &str, schema: &str) -> Problem {
    Problem {
        target: Some(Target::schema(database, schema)),
        message: "it is not under control, and git knows no ledger of it".to_owned(),
        hints: vec!["is the name right? psql-cm setup takes a schema under control".to_owned()],
        ..Problem::default()
    }
}
