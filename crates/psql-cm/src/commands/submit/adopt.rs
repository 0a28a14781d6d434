//! `submit --adopt`: drift is recorded, and told like a change.

use psqlcm_core::delta::{FactDelta, main_facts};
use psqlcm_core::ledger::{Entry, EntryKind};
use psqlcm_core::report::{Exit, FactChange, Outcome, Report, TargetReport};
use psqlcm_core::targets::Target;
use psqlcm_engine::sources::LazyScratch;
use psqlcm_engine::submit::{self, Adoption, Applied, Outcome as Ran, PlaceApplied, PlacePart, Request};
use serde_json::json;

use super::trouble::join;
use super::{Args, Told};
use crate::commands::{Done, Text};
use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use crate::sources;
use crate::visible::visible_lines;

/// Records what drifted in the targets of the request.
pub fn run(
    args: &Args,
    context: &Context,
    request: &Request<'_>,
    tell: &submit::Tell<'_>,
) -> Result<Done, Failure> {
    let scratch = sources::scratch(args.scratch_uri.as_deref(), context)?;
    let is_whole = context.settings.schemas.value.named.is_empty();
    let scratch = LazyScratch::new(scratch.as_ref(), &context.interrupt);
    let ran = submit::adopt(request, Adoption { scratch: &scratch, is_whole }, tell);
    sources::tell_scratch(context, &scratch);
    let told = Recorded { told: Told { request } };
    if ran.failures.is_empty() { Ok(told.done(context, &ran)) } else { Err(told.failure(&ran)) }
}

/// How it is told.
struct Recorded<'r> {
    told: Told<'r>,
}

impl Recorded<'_> {
    fn done(&self, context: &Context, ran: &Ran) -> Done {
        let mut report = Report::new("submit");
        report.targets = self.targets(ran, |facts| facts.iter().map(FactDelta::to_report).collect());
        report.targets.extend(self.not_drifted(ran));
        let mut brief = report.clone();
        brief.targets =
            self.targets(ran, |facts| main_facts(facts).into_iter().map(FactDelta::to_report).collect());
        brief.targets.extend(self.not_drifted(ran));
        let mut text = render::report(&brief, context.ui.paint());
        if self.is_dry() && !ran.done.is_empty() {
            text.extend(ran.done.iter().map(|applied| {
                format!(
                    "\n-- database {}\n{}",
                    visible_lines(&applied.database),
                    visible_lines(&script(applied))
                )
            }));
            context.ui.say("dry run: nothing was recorded");
        }
        Done { report, text: Text::Own(text) }
    }

    /// Each database by itself: those before the one that failed are done.
    fn failure(&self, ran: &Ran) -> Failure {
        let failures = ran.failures.iter().map(|failed| self.told.of(&failed.error)).reduce(join);
        let mut failure = failures.unwrap_or_else(|| Failure::new(Exit::Failed, "nothing is recorded"));
        if !ran.done.is_empty() && !self.is_dry() {
            if failure.exit != Exit::InDoubt {
                failure.exit = Exit::Partly;
            }
            failure = failure.hint("submit --adopt again to go on: what is recorded is no drift any more");
            let done = self.targets(ran, |facts| facts.iter().map(FactDelta::to_report).collect());
            failure = failure.with_targets(done);
        }
        failure.with_targets(self.told.not_done(ran))
    }

    fn is_dry(&self) -> bool {
        self.told.request.options.dry_run
    }

    fn not_drifted(&self, ran: &Ran) -> impl Iterator<Item = TargetReport> {
        let databases = self.told.request.targets.iter().map(|(database, _)| database);
        databases
            .filter(|database| ran.done.iter().all(|applied| applied.database != **database))
            .map(|database| TargetReport::new(&Target::database(database), Outcome::Unchanged))
            .map(|target| target.because("nothing drifted"))
    }

    fn targets(&self, ran: &Ran, facts: impl Fn(&[FactDelta]) -> Vec<FactChange>) -> Vec<TargetReport> {
        let mut targets = Vec::new();
        for applied in &ran.done {
            for place in &applied.places {
                let mut target = self.target(applied, place);
                target.facts = facts(&place.facts);
                targets.push(target);
            }
        }
        targets
    }

    fn target(&self, applied: &Applied, place: &PlaceApplied) -> TargetReport {
        let name = super::target_of(applied, place);
        let outcome = if self.is_dry() { Outcome::Planned } else { Outcome::Done };
        let mut target = TargetReport::new(&name, outcome).because(self.words(applied, place));
        target.details.insert("change".to_owned(), "--adopt".into());
        let change_id = drift(applied).find_map(|(_, entry)| entry.change_id.as_deref());
        target.details.insert("change_id".to_owned(), change_id.into());
        if place.entries.iter().any(is_of_drift) {
            target.details.insert("script".to_owned(), script(applied).into());
        }
        let entries = place.entries.iter().filter(|_| !self.is_dry()).map(|(schema, entry)| {
            json!({ "schema": schema, "id": entry.id, "number": entry.number, "kind": entry.kind, "hash": entry.hash })
        });
        target.details.insert("entries".to_owned(), entries.collect());
        target
    }

    fn words(&self, applied: &Applied, place: &PlaceApplied) -> String {
        let what = match (&place.schema, place.facts.is_empty()) {
            (None, _) => "what belongs to no schema drifted, and is recorded by its fingerprint",
            (Some(_), true) => "only its fingerprint was not the recorded one",
            (Some(_), false) => "drifted",
        };
        if self.is_dry() {
            return what.to_owned();
        }
        let of = match drift(applied).last() {
            Some((schema, entry)) if place.part == PlacePart::Linked => {
                let linked = place.entries.iter().find(|entry| !is_of_drift(entry));
                let own =
                    linked.map(|(_, entry)| format!("entry {}, linked to ", entry.id)).unwrap_or_default();
                format!("{own}entry {} of {schema}", entry.id)
            }
            Some((_, entry)) => format!("entry {}", entry.id),
            None => return what.to_owned(),
        };
        format!("{what}; recorded as {of}")
    }
}

fn is_of_drift((_, entry): &(String, Entry)) -> bool {
    entry.kind == Some(EntryKind::Drift)
}

/// The entries that hold the SQL, each with the schema of its ledger.
fn drift(applied: &Applied) -> impl Iterator<Item = &(String, Entry)> {
    applied.places.iter().flat_map(|place| &place.entries).filter(|entry| is_of_drift(entry))
}

fn script(applied: &Applied) -> String {
    drift(applied).map(|(_, entry)| entry.content.as_str()).collect()
}
