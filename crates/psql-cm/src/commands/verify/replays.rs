//! `verify --replay`: databases built anew from their ledgers, and how that is told.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use psqlcm_core::delta::{FactDelta, main_facts};
use psqlcm_core::narrow::Scope;
use psqlcm_core::report::{Exit, Outcome, Report, TargetReport};
use psqlcm_core::targets::Target;
use psqlcm_engine::ledger::Ledger;
use psqlcm_engine::replay::{self, Named, Parting, ReplayFailure, Replayed};
use psqlcm_engine::session::shown_version;
use psqlcm_engine::sources::{LazyScratch, Place, Recorded, SourceError};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::commands::{Done, Text};
use crate::context::Context;
use crate::differences;
use crate::failure::Failure;
use crate::render;
use crate::sources;
use crate::visible::visible;

/// The databases of a run.
pub struct Replays<'a> {
    context: &'a Context,
    cluster: &'a Cluster<'a>,
    ledger: &'a Ledger,
    scratch: &'a LazyScratch<'a>,
    scope: Scope,
    /// The differences as text, by database.
    texts: Mutex<BTreeMap<String, String>>,
}

impl<'a> Replays<'a> {
    pub fn new(
        context: &'a Context,
        cluster: &'a Cluster<'a>,
        ledger: &'a Ledger,
        scratch: &'a LazyScratch<'a>,
    ) -> Self {
        let settings = &context.settings;
        let scope = Scope {
            schemas: settings.schemas.value.clone(),
            ignore: settings.ignore.clone(),
            owners: true,
            privileges: true,
        };
        Self { context, cluster, ledger, scratch, scope, texts: Mutex::default() }
    }

    /// Builds one anew.
    pub fn one(&self, database: &str) -> Result<TargetReport, Failure> {
        let target = Target::database(database);
        let failed = |failure: ReplayFailure| not_replayed(&failure).on(&target);
        let read = self.cluster.read(database, |session| {
            let recorded = Recorded::of_session(session, database, self.ledger);
            let recorded = recorded.map_err(|error| failed(error.into()))?;
            let scratch = self.scratch.like(session).map_err(|error| failed(error.into()))?;
            Ok((recorded, scratch))
        });
        let (recorded, scratch) = read?;
        let place = Place { scratch: &scratch, ledger: self.ledger, interrupt: &self.context.interrupt };
        self.context.ui.verbose(&format!(
            "{database}: building it anew on PostgreSQL {}",
            shown_version(scratch.server_version())
        ));
        let replayed = replay::replay(place, &recorded, &self.scope).map_err(failed)?;
        Ok(self.tell(&target, database, &replayed))
    }

    fn tell(&self, target: &Target, database: &str, replayed: &Replayed) -> TargetReport {
        for not in &replayed.not_redone {
            self.context.ui.say(&format!("{database}: not done again: {not}"));
        }
        for id in &replayed.delta.not_compared {
            self.context.ui.warn(&format!("{target}: not compared, as two server versions printed it: {id}"));
        }
        let entries = replayed.entries;
        let (outcome, reason) = match &replayed.parting {
            None => (Outcome::Good, format!("{entries} entries done again lead to what is there")),
            Some(parting) => (Outcome::Different, words(parting)),
        };
        let mut report = TargetReport::new(target, outcome).because(reason);
        report.facts = main_facts(&replayed.delta.facts).into_iter().map(FactDelta::to_report).collect();
        let not_redone = replayed.not_redone.iter();
        let not_redone = not_redone
            .map(|not| json!({ "schema": not.schema, "entry": not.entry, "why": not.why }))
            .collect::<Value>();
        let details = json!({
            "entries": entries,
            "server_version": shown_version(replayed.server_version),
            "not_done_again": not_redone,
            "parting": replayed.parting.as_ref().map(parting_json),
        });
        report.details.insert("replay".to_owned(), details);
        if replayed.parting.is_some() {
            let name = visible(database);
            let text = format!(
                "--- ledger:{name}\n+++ db:{name}\n{name}: different ({})\n{}",
                differences::counts(&replayed.delta),
                differences::text(&replayed.delta, self.context.ui.paint())
            );
            self.texts.lock().unwrap_or_else(PoisonError::into_inner).insert(database.to_owned(), text);
        }
        report
    }

    /// The report of all, with the differences after it.
    pub fn done(self, mut report: Report) -> Result<Done, Failure> {
        let texts = self.texts.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !texts.is_empty() {
            report.exit_code = Exit::Different;
            self.context.ui.say(
                "hint: psql-cm log shows the entry; psql-cm submit --adopt records what was done past psql-cm, so that \
                 the ledgers lead to what is there",
            );
        }
        let mut brief = report.clone();
        brief.targets.iter_mut().for_each(|target| target.facts.clear());
        let mut text = render::report(&brief, self.context.ui.paint());
        text.extend(texts.into_values());
        Ok(Done { report, text: Text::Own(text) })
    }
}

fn words(parting: &Parting) -> String {
    match parting {
        Parting::At(entry) => format!("they part at {}: done again it leads elsewhere", named(entry)),
        Parting::Before { entry, last } => format!(
            "they part before {}: it found something else than entry {last} had left, so something was done past psql-cm \
             in between",
            named(entry)
        ),
        Parting::Renamed(entry) => format!(
            "they part at {}: it builds no schema of that name, so the schema was renamed past psql-cm",
            named(entry)
        ),
        Parting::Since(entries) => {
            let entries: Vec<String> = entries.iter().map(named).collect();
            format!(
                "they part after the last entries: something was done past psql-cm since {}",
                entries.join(", since ")
            )
        }
    }
}

fn named(entry: &Named) -> String {
    let Named { schema, entry, kind, source, at, implementer } = entry;
    let source = source.as_ref().map(|source| format!(" {source}")).unwrap_or_default();
    let at = at.as_deref().unwrap_or("an unknown time");
    format!("entry {entry} of {schema} ({kind}{source}, {at}, {implementer})")
}

fn parting_json(parting: &Parting) -> Value {
    let entry = |named: &Named| {
        json!({
            "schema": named.schema, "entry": named.entry, "kind": named.kind, "change": named.source,
            "created_at": named.at, "implementer": named.implementer,
        })
    };
    let of = |where_: &str, entries: Vec<Value>| json!({ "where": where_, "entries": entries });
    match parting {
        Parting::At(named) => of("at", vec![entry(named)]),
        Parting::Before { entry: named, .. } => of("before", vec![entry(named)]),
        Parting::Renamed(named) => of("renamed", vec![entry(named)]),
        Parting::Since(all) => of("since", all.iter().map(entry).collect()),
    }
}

fn not_replayed(failure: &ReplayFailure) -> Failure {
    let told = sources::not_rebuilt("it cannot be built anew from its ledgers", &failure.error);
    let told = told.hint_if(failure.parting.as_deref().map(words));
    match failure.error.inner() {
        SourceError::Replay { .. } => told.hint("without --replay the ledgers themselves are proved"),
        _ => told,
    }
}
