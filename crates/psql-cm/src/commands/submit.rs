//! `submit`: runs changes and records them.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use psqlcm_core::delta::{FactDelta, main_facts};
use psqlcm_core::report::{Exit, FactChange, Outcome, Report, TargetReport};
use psqlcm_core::targets::Target;
use psqlcm_engine::ledger::{Holder, Ledger, State};
use psqlcm_engine::run;
use psqlcm_engine::submit::{
    self, Applied, Atomic, Change, Event, Options, Outcome as Ran, PlaceApplied, PlacePart, Request,
    SourceError,
};
use serde_json::json;

use crate::cluster::{Cluster, VERSION};
use crate::commands::{Done, Text};
use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use crate::values::duration;

mod adopt;
mod trouble;

/// Run a change and record it in the ledger, both or neither
///
/// --change is the SQL itself, a file, or a folder whose .sql files are taken in natural order; repeated, each is a
/// change of its own with one transaction and one entry. A value that names a file or folder is taken for it, and one
/// without white space is never taken for SQL: a misspelt file name is an error. The change runs with search_path set
/// to the schema (public unless named otherwise), and what it changed is shown fact by fact. Another schema under
/// control that it alters gets an entry linked to the change's; a schema that it makes comes under control.
///
/// In several databases or schemas nothing commits unless the change succeeded in all of them. With --atomic database
/// or schema each is finished by itself: the first one alone, then databases at once up to --jobs; what has the change
/// already is skipped, so that the same command goes on where it stopped. Statements about what all databases share,
/// such as CREATE ROLE, are run once.
///
/// Refused (exit code 4, nothing changed): BEGIN, COMMIT and the like, psql's backslash commands, COPY with the
/// client, a change the ledger has already, one that touches a ledger, and one that alters schemas that are not under
/// control. Statements that cannot run in a transaction, such as CREATE INDEX CONCURRENTLY, run one by one, with an
/// entry before and after each; submit the same change again to go on after a crash. In several targets they need
/// --sequential. Submits to one database wait for each other.
///
/// With --adopt nothing is run: what was done past psql-cm since the last entries is recorded as an entry of kind drift,
/// with the SQL that leads there, in all schemas under control or in those that are named; --dry-run shows it. What the
/// ledgers say is built in a scratch database for that, on a throw-away cluster of the server programs on this machine
/// or on the server of --scratch-uri, and there the SQL must lead from it to what is there. Exit code 0 when nothing
/// drifted, too.
///
/// The role needs the privileges of the change, and INSERT on the ledger as its owner or a member of its owner.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// The change: SQL, a file or a folder; repeatable
    #[arg(
        long,
        short,
        value_name = "SQL|FILE|DIR",
        required_unless_present = "adopt",
        allow_hyphen_values = true
    )]
    pub change: Vec<String>,

    /// Record what was done past psql-cm since the last entries, instead of running a change
    #[arg(long, conflicts_with_all = NOT_WITH_ADOPT)]
    pub adopt: bool,

    /// With --adopt: a server on which scratch databases can be made [default: PSQLCM_SCRATCH_URI, else a throw-away cluster of local programs]
    #[arg(long, value_name = "URI", conflicts_with = "change")]
    pub scratch_uri: Option<String>,

    /// Run it in every schema under control, instead of public
    #[arg(long)]
    pub all_schemas: bool,

    /// What commits together: all targets, those of a database, or each schema by itself [default: all]
    #[arg(long, value_name = "WHAT", value_enum)]
    pub atomic: Option<AtomicArg>,

    /// One schema after the other, each by itself; needed for statements that cannot run in a transaction
    #[arg(long, conflicts_with = "atomic")]
    pub sequential: bool,

    /// How many databases or schemas may fail before no other is begun, with --atomic database or schema
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_failures: usize,

    /// Run it although the ledger has it already
    #[arg(long)]
    pub again: bool,

    /// Do all of it, show what would change and which locks it takes, and roll back
    #[arg(long)]
    pub dry_run: bool,

    /// How long a statement waits for a lock before the transaction is tried again
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    pub lock_timeout: Duration,

    /// How long to wait for another submit to the same database (exit code 5 after that)
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1min")]
    pub lock_wait: Duration,

    /// How often to try the whole transaction again after a lock timeout or a deadlock
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retries: u32,

    /// Why the change is made; recorded
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// The way back: SQL or a file; recorded, not run
    #[arg(long, value_name = "SQL|FILE", allow_hyphen_values = true)]
    pub revert: Option<String>,

    /// Who makes the change; recorded [default: git's user name and address, else the login]
    #[arg(long, value_name = "NAME")]
    pub implementer: Option<String>,

    /// Let the change alter schemas that are not under control
    #[arg(long)]
    pub allow_outside: bool,
}

/// What says how a change is run: with `--adopt` none is.
const NOT_WITH_ADOPT: [&str; 8] =
    ["change", "atomic", "sequential", "max_failures", "again", "revert", "allow_outside", "lock_timeout"];

/// The values of `--atomic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AtomicArg {
    /// Nothing commits unless it succeeded in every database
    All,
    /// Each database by itself
    Database,
    /// Each schema by itself
    Schema,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm -d app submit --change "ALTER TABLE t ADD COLUMN a int"       in public
  psql-cm submit -d app -s billing -c change.sql --reason "ticket 4711"
  psql-cm submit -d app -c changes/ --dry-run                           see it first
  psql-cm submit -d app -c up.sql --revert down.sql
  psql-cm submit -d app --adopt --reason "hotfix of last night"         record what was done past it
  psql-cm submit --all-databases --all-schemas -c change.sql --atomic schema --max-failures 3"#;

/// Runs the changes, or records what others ran.
pub fn run(args: &Args, context: &Context) -> Result<Done, Failure> {
    let changes = changes(args)?;
    let revert = args.revert.as_deref().map(|value| submit::read_script(value, "--revert")).transpose();
    let revert = revert.map_err(|error| unreadable(&error))?.map(|change| change.text);
    let cluster = Cluster::of(context)?;
    let settings = &context.settings;
    let ledger = cluster.ledger()?;
    let request = Request {
        access: &cluster.access,
        ledger: &ledger,
        targets: targets(args, context, &cluster, &ledger)?,
        changes,
        options: Options {
            atomic: atomic(args),
            is_sequential: args.sequential,
            max_failures: args.max_failures,
            jobs: if args.sequential { NonZeroU16::MIN } else { settings.jobs.value },
            again: args.again,
            dry_run: args.dry_run,
            lock_timeout: args.lock_timeout,
            lock_wait: args.lock_wait,
            retries: args.retries,
            reason: args.reason.clone(),
            revert,
            implementer: args.implementer.clone().or_else(|| cluster.identity()),
            allow_outside: args.allow_outside,
            excluded: settings.schemas.value.excluded.clone(),
            ignore: settings.ignore.clone(),
            environment: settings.environment.value.clone(),
            run_id: run::new_id(),
            tool_version: VERSION.to_owned(),
        },
        interrupt: &context.interrupt,
    };
    let holders = Mutex::new(BTreeMap::new());
    // The lock is asked for again and again; who has it is said once.
    let is_known = |event: &Event<'_>| match event {
        Event::Waiting { database, holder } => !is_news(&holders, database, holder),
        _ => false,
    };
    if args.adopt {
        return adopt::run(args, context, &request, &|event| {
            if !is_known(&event) {
                tell(context, &event);
            }
        });
    }
    let targets = request.all_targets().len();
    let is_apart = request.options.atomic != Atomic::All && targets > 1;
    let progress = is_apart.then(|| context.ui.progress("submit", targets));
    let ran = submit::submit(&request, &|event| match &event {
        event if is_known(event) => {}
        Event::Finished { target } => {
            if let Some(progress) = &progress {
                progress.step(&target.to_string());
            }
        }
        event => tell(context, event),
    });
    drop(progress);
    let told = Told { request: &request };
    if ran.failures.is_empty() { Ok(told.done(context, &ran)) } else { Err(told.failure(&ran)) }
}

fn atomic(args: &Args) -> Atomic {
    match args.atomic {
        _ if args.sequential => Atomic::Schema,
        None | Some(AtomicArg::All) => Atomic::All,
        Some(AtomicArg::Database) => Atomic::Database,
        Some(AtomicArg::Schema) => Atomic::Schema,
    }
}

fn is_news(holders: &Mutex<BTreeMap<String, i32>>, database: &str, holder: &Holder) -> bool {
    let mut holders = holders.lock().unwrap_or_else(PoisonError::into_inner);
    holders.insert(database.to_owned(), holder.pid) != Some(holder.pid)
}

fn changes(args: &Args) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    for value in &args.change {
        changes.extend(submit::read_changes(value).map_err(|error| unreadable(&error))?);
    }
    Ok(changes)
}

fn unreadable(error: &SourceError) -> Failure {
    let failure = Failure::usage("the change cannot be read").cause(error);
    match error {
        SourceError::Missing { .. } => failure.hint("check the name; SQL has more than one word"),
        SourceError::Empty | SourceError::NoFiles { .. } => {
            failure.hint("give SQL, a file, or a folder with files whose names end in .sql")
        }
        SourceError::NotText { at: 0, .. } => failure.hint("is it UTF-16? save it as UTF-8"),
        SourceError::NotText { .. } => {
            failure.hint("save it as UTF-8, or convert it: iconv -f LATIN1 -t UTF-8")
        }
        SourceError::Unreadable { .. } => failure,
    }
}

/// Each database with its schemas; with `--all-schemas` those under control.
fn targets(
    args: &Args,
    context: &Context,
    cluster: &Cluster<'_>,
    ledger: &Ledger,
) -> Result<Vec<(String, Vec<String>)>, Failure> {
    let is_of_all = args.all_schemas || args.adopt;
    let request = context.settings.schemas_of_change(is_of_all);
    let mut targets = Vec::new();
    for database in cluster.databases()? {
        let mut session = cluster.connect_to_change(&database)?;
        let mut schemas = cluster.schemas(&mut session, &database, &request)?;
        if is_of_all && request.named.is_empty() {
            let managed = ledger.managed(&mut session).map_err(|error| {
                Failure::because("cannot look for the ledgers", &error).on(&Target::database(&database))
            })?;
            schemas.retain(|schema| {
                managed.iter().any(|(managed, state)| managed == schema && *state != State::Original)
            });
        }
        if schemas.is_empty() {
            return Err(Failure::new(Exit::Failed, "no schema is under control")
                .on(&Target::database(&database))
                .hint("run psql-cm setup first"));
        }
        targets.push((database, schemas));
    }
    Ok(targets)
}

/// The schema, or the database for what belongs to none, in which something was recorded.
fn target_of(applied: &Applied, place: &PlaceApplied) -> Target {
    match &place.schema {
        Some(schema) => Target::schema(&applied.database, schema),
        None => Target::database(&applied.database),
    }
}

fn tell(context: &Context, event: &Event<'_>) {
    let ui = &context.ui;
    match event {
        Event::Waiting { database, holder } => {
            ui.say(&format!("{database}: waiting for another run to end: {holder}"));
        }
        Event::Begin { change, database } => ui.verbose(&format!("{database}: {change}")),
        Event::Statement { database, line, label } => {
            ui.debug(&format!("{database}: line {line}: {label}"));
        }
        Event::Notice { database, notice } if notice.severity == "WARNING" => {
            ui.warn(&format!("{database}: {}", notice.message));
        }
        Event::Notice { database, notice } => {
            ui.verbose(&format!("{database}: {}: {}", notice.severity, notice.message));
        }
        Event::Retry { error, pause } => {
            let pause = pause.as_millis();
            ui.say(&format!("{}; rolled back, trying again in {pause} ms", error.message()));
        }
        Event::Note { database, text } => ui.say(&format!("{database}: {text}")),
        Event::Detail { database, text } => ui.verbose(&format!("{database}: {text}")),
        Event::Finished { .. } => {}
    }
}

/// How a run is told.
struct Told<'r> {
    request: &'r Request<'r>,
}

impl Told<'_> {
    fn done(&self, context: &Context, ran: &Ran) -> Done {
        let mut report = Report::new("submit");
        report.targets = self.targets(&ran.done, |facts| facts.iter().map(FactDelta::to_report).collect());
        report.targets.extend(self.recorded_before(ran));
        let mut brief = report.clone();
        brief.targets = self
            .targets(&ran.done, |facts| main_facts(facts).into_iter().map(FactDelta::to_report).collect());
        brief.targets.extend(self.recorded_before(ran));
        let mut text = render::report(&brief, context.ui.paint());
        for applied in &ran.done {
            text.push_str(&self.rehearsal(applied));
        }
        if self.request.options.dry_run {
            context.ui.say("dry run: everything was rolled back");
        }
        Done { report, text: Text::Own(text) }
    }

    /// What was skipped because the ledgers have it.
    fn recorded_before(&self, ran: &Ran) -> impl Iterator<Item = TargetReport> {
        ran.recorded.iter().map(|recorded| {
            let mut reasons = Vec::new();
            if self.request.changes.len() > 1 {
                reasons.push(self.request.changes[recorded.change].name.clone());
            }
            reasons.push(format!("recorded before, as entry {}", recorded.entry));
            TargetReport::new(&recorded.target, Outcome::Unchanged).because(reasons.join(", "))
        })
    }

    fn targets(
        &self,
        done: &[Applied],
        facts: impl Fn(&[FactDelta]) -> Vec<FactChange>,
    ) -> Vec<TargetReport> {
        let mut targets = Vec::new();
        for applied in done {
            for (index, place) in applied.places.iter().enumerate() {
                let mut target = self.target(applied, place);
                target.facts = facts(&place.facts);
                if index == 0 && self.request.options.dry_run {
                    let locks = applied.locks.iter().map(
                        |lock| json!({ "relation": lock.relation, "kind": lock.kind, "mode": lock.mode }),
                    );
                    target.details.insert("locks".to_owned(), locks.collect());
                    let not_rehearsed = applied.not_rehearsed.iter();
                    let not_rehearsed =
                        not_rehearsed.map(|(line, text)| json!({ "line": line, "statement": text }));
                    target.details.insert("not_rehearsed".to_owned(), not_rehearsed.collect());
                }
                targets.push(target);
            }
        }
        targets
    }

    fn target(&self, applied: &Applied, place: &PlaceApplied) -> TargetReport {
        let name = target_of(applied, place);
        let is_dry = self.request.options.dry_run;
        let mut target = TargetReport::new(&name, if is_dry { Outcome::Planned } else { Outcome::Done });
        let change = &self.request.changes[applied.change];
        let mut reasons = Vec::new();
        if self.request.changes.len() > 1 {
            reasons.push(change.name.clone());
        }
        if let Some((part, of)) = applied.part.filter(|(_, of)| *of > 1) {
            reasons.push(format!("part {part} of {of}"));
            target.details.insert("part".to_owned(), part.into());
            target.details.insert("parts".to_owned(), of.into());
        }
        reasons.extend(self.place_words(applied, place));
        if !reasons.is_empty() {
            target.reason = Some(reasons.join(", "));
        }
        target.details.insert("change".to_owned(), change.name.as_str().into());
        target.details.insert("change_id".to_owned(), change.id().into());
        let entries = place.entries.iter().filter(|_| !is_dry).map(|(schema, entry)| {
            json!({ "schema": schema, "id": entry.id, "number": entry.number, "kind": entry.kind, "hash": entry.hash })
        });
        target.details.insert("entries".to_owned(), entries.collect());
        target
    }

    /// What there is to say of a place besides its facts.
    fn place_words(&self, applied: &Applied, place: &PlaceApplied) -> Option<String> {
        let is_dry = self.request.options.dry_run;
        let words = match (place.part, &place.schema) {
            (PlacePart::Target, _) if place.facts.is_empty() => {
                let rest = match applied.places.iter().all(|place| place.facts.is_empty()) {
                    true => "nothing that psql-cm captures of this database",
                    false => "nothing in this schema",
                };
                return Some(match (is_dry, place.entries.first()) {
                    (false, Some((_, entry))) => format!("recorded as entry {}; it changed {rest}", entry.id),
                    _ => format!("it changes {rest}"),
                });
            }
            (PlacePart::Target, _) => return None,
            (PlacePart::Linked, None) => {
                return Some(match place.entries.first() {
                    Some((home, _)) => {
                        format!("what belongs to no schema, by a linked entry in the ledger of {home}")
                    }
                    None => "what belongs to no schema, by the entry of the change".to_owned(),
                });
            }
            (PlacePart::Linked, Some(_)) => "by a linked entry",
            (PlacePart::SetUp, _) => "new, and under control now",
            (PlacePart::Outside, _) => "not under control",
            (PlacePart::Gone, _) => "gone, its ledger is copied",
        };
        Some(words.to_owned())
    }

    /// What a dry run saw besides facts.
    fn rehearsal(&self, applied: &Applied) -> String {
        let mut text = String::new();
        for lock in &applied.locks {
            text.push_str(&format!(
                "{}: lock {} on {} {}\n",
                applied.database, lock.mode, lock.kind, lock.relation
            ));
        }
        for (line, statement) in &applied.not_rehearsed {
            text.push_str(&format!("{}: not rehearsed: line {line}: {statement}\n", applied.database));
        }
        text
    }
}
