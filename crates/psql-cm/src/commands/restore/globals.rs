//! `restore --globals`: what belongs to no database, and what is said of it.

use psqlcm_core::delta::{FactDelta, main_facts};
use psqlcm_core::report::{Exit, Outcome, TargetReport};
use psqlcm_core::targets::Target;
use psqlcm_engine::restore::{
    Different, GlobalsError, GlobalsRequest, Refused, RestoreError, RestoredGlobals, restore_globals,
};
use psqlcm_engine::run;
use serde_json::{Value, json};

use super::{Args, INSUFFICIENT_PRIVILEGE, at, failure_of};
use crate::cluster::Cluster;
use crate::context::Context;
use crate::failure::Failure;

/// What became of the globals. The inner failure is about some of them, and keeps no database from being restored.
pub type Restored = Result<TargetReport, Failure>;

/// Restores the globals.
pub fn restore(args: &Args, context: &Context, cluster: &Cluster<'_>) -> Result<Restored, Failure> {
    let target = Target::cluster();
    let request = GlobalsRequest {
        root: cluster.sql_path(),
        maintenance: &cluster.maintenance(),
        tablespace_map: &args.tablespace_map.iter().map(|map| (map.from.clone(), map.to.clone())).collect(),
        alter_existing: args.alter_existing,
        run_id: &run::new_id(),
    };
    let restored = restore_globals(&cluster.access, &request, &context.interrupt)
        .map_err(|error| failure(&error).on(&target).below(request.root))?;
    for different in &restored.different {
        context.ui.warn(&different_text(different));
    }
    let without_password =
        main_facts(&restored.facts).into_iter().filter(|fact| psqlcm_core::globals::may_log_in(fact)).count();
    if without_password > 0 {
        context.ui.say(&format!(
            "{without_password} of the roles that were made may log in, and have no password: the tree holds none"
        ));
    }
    Ok(report(&target, &restored).map_err(|failure| failure.below(request.root)))
}

/// One failure for all that the server refused.
fn report(target: &Target, restored: &RestoredGlobals) -> Restored {
    let is_done = !restored.facts.is_empty();
    let outcome = match () {
        () if !restored.refused.is_empty() && is_done => Outcome::Partly,
        () if !restored.refused.is_empty() => Outcome::Failed,
        () if !restored.different.is_empty() => Outcome::Different,
        () if is_done => Outcome::Done,
        () => Outcome::Unchanged,
    };
    let mut reason = format!("{} statements", restored.statements);
    for (count, what) in [
        (restored.different.len(), "differ and were left as they are"),
        (restored.refused.len(), "were refused"),
    ] {
        if count > 0 {
            reason += &format!(", {count} {what}");
        }
    }
    let mut report = TargetReport::new(target, outcome).because(reason);
    report.facts = main_facts(&restored.facts).into_iter().map(FactDelta::to_report).collect();
    if !restored.different.is_empty() {
        let different = restored.different.iter().map(different_value).collect();
        report.details.insert("different".to_owned(), Value::Array(different));
    }
    let exit = if is_done { Exit::Partly } else { Exit::Failed };
    let mut refused = restored.refused.iter().map(|refused| refusal(target, exit, refused));
    match refused.next() {
        None => Ok(report),
        Some(first) => Err(refused.fold(first, Failure::and).with_targets(vec![report])),
    }
}

fn refusal(target: &Target, exit: Exit, refused: &Refused) -> Failure {
    let failure =
        Failure { exit, ..Failure::because("the server refused a statement of the globals", &refused.error) };
    let hint = match refused.error.sqlstate() {
        Some(INSUFFICIENT_PRIVILEGE) => {
            Some("let a superuser run it; what is there already is not done again")
        }
        _ => None,
    };
    at(failure.on(target), &refused.place).hint_if(hint)
}

/// `cluster.sql:3: role app is there and differs (login: yes -> none), and was left as it is; to change it: ...`
fn different_text(different: &Different) -> String {
    let place = format!("{}:{}", different.place.path, different.place.line);
    if let Some(why) = &different.why {
        return format!("{place}: {why}");
    }
    let facts: Vec<_> = different.facts.iter().map(FactDelta::to_report).collect();
    let facts: Vec<_> = facts.iter().map(crate::render::plain_fact).collect();
    let change = different.statement.as_ref().map(|statement| format!("; to change it: {statement}"));
    format!(
        "{place}: what is there differs, and was left as it is: {}{}",
        facts.join("; "),
        change.unwrap_or_default()
    )
}

fn different_value(different: &Different) -> Value {
    let facts: Vec<_> = different.facts.iter().map(FactDelta::to_report).collect();
    json!({
        "file": different.place.path,
        "line": different.place.line,
        "facts": facts,
        "statement": different.statement,
        "reason": different.why,
    })
}

fn failure(error: &GlobalsError) -> Failure {
    match error {
        GlobalsError::Restore(RestoreError::InDoubt { .. }) => {
            Failure::new(Exit::InDoubt, "it is not known whether the globals were restored")
                .cause(error)
                .hint("run it again: what is there already is not done again")
        }
        GlobalsError::Restore(error) => failure_of("the globals were not restored", error),
        GlobalsError::Left { error, tablespaces } => {
            let failure = Failure { exit: Exit::Partly, ..failure(error) };
            tablespaces.iter().fold(failure, |failure, left| {
                failure.hint(format!("see to the tablespace {left}, which was made"))
            })
        }
        GlobalsError::NoFile { .. } => Failure::because("the globals were not restored", error)
            .hint("is --sql-path right? psql-cm dump --globals writes it"),
        GlobalsError::Password { .. } => Failure::because("the globals were not restored", error).hint(
            "a tree holds no passwords: take it out of the file, and give it to the role on the server",
        ),
        GlobalsError::NotInTree(_) => Failure::usage(error.to_string())
            .hint("--tablespace-map takes OLD=NEW, where OLD is the location as cluster.sql has it"),
        GlobalsError::Capture(_) | GlobalsError::Plan(_) => {
            Failure::because("the globals were not restored", error)
        }
    }
}
