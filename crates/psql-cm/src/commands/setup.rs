//! `setup`: takes schemas under control.

use std::time::Duration;

use psqlcm_core::report::{Exit, Outcome, TargetReport};
use psqlcm_core::targets::Target;
use psqlcm_engine::ledger::{Action, Ledger, LedgerError, Removal};
use psqlcm_engine::run;
use psqlcm_engine::session::Session;
use psqlcm_engine::setup::{self, Place, Publishing, SetupError};

use crate::cluster::Cluster;
use crate::commands::{Done, dump};
use crate::context::Context;
use crate::failure::Failure;

/// Take schemas under control: give each a ledger
///
/// Each schema gets one table, pg_psql_cm, with its sequence and a trigger function, and in it a base: the schema
/// as it is now. Nothing else is touched, and nothing is granted on them. A table that version 0.2.2 of psql-cm made
/// is adopted with its rows as they are. Doing it twice changes nothing.
///
/// Without --schema it takes every schema that is neither PostgreSQL's own, temporary nor an extension's, and in
/// which the role may create. The role needs CREATE on each schema.
///
/// A publication FOR ALL TABLES or FOR TABLES IN SCHEMA would carry the ledgers to its subscribers, and one that has no
/// such table stops. Then nothing is done (exit code 4) unless --allow-published.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Set up also where a publication carries the ledger to subscribers, which must have the table then
    #[arg(long, conflicts_with = "remove")]
    pub allow_published: bool,

    /// Take the ledgers away again, after writing their entries to the tree
    #[arg(long)]
    pub remove: bool,
}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app setup                 every schema of the database app
  psql-cm -d app -m public,billing setup       two schemas of it
  psql-cm --databases app,crm setup --dry-run  what would be done in two databases
  psql-cm -d app -s billing setup --remove     leave one schema alone from now on"#;

/// How long to wait for somebody who submits a change just now.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// Sets up each database in turn; each is one transaction.
pub fn run(args: &Args, context: &Context) -> Result<Done, Failure> {
    let cluster = Cluster::of(context)?;
    let run_id = run::new_id();
    let report = cluster.each_database("setup", &cluster.databases()?, |database| {
        let work = Work { args, context, cluster: &cluster, database, run_id: &run_id };
        if args.remove { work.remove() } else { work.set_up() }
    })?;
    Ok(report.into())
}

const NOT_REMOVED: &str = "the ledgers are as they were";

struct Work<'a> {
    args: &'a Args,
    context: &'a Context,
    cluster: &'a Cluster<'a>,
    database: &'a str,
    run_id: &'a str,
}

impl Work<'_> {
    fn set_up(&self) -> Result<Vec<TargetReport>, Failure> {
        let ledger = self.cluster.ledger()?;
        let mut session = self.connect()?;
        let request = &self.context.settings.schemas.value;
        let schemas = self.cluster.schemas(&mut session, self.database, request)?;
        let publishing = match self.args.allow_published {
            true => Publishing::Allowed,
            false => Publishing::Refused,
        };
        let done = match self.args.dry_run {
            true => setup::plan_setup(&mut session, &ledger, &schemas, publishing),
            false => {
                let _lock = self.cluster.submit_lock(self.database, LOCK_WAIT)?;
                let origin = self.cluster.origin(&mut session, self.run_id)?;
                let (place, ignore) = (self.place(&ledger), &self.context.settings.ignore);
                setup::setup(&mut session, &place, &schemas, &origin, publishing, ignore)
            }
        };
        let done = done.map_err(|error| self.failure("not set up; the schemas are as they were", &error))?;
        let left_out = dump::not_ignored(self.context, self.database, done.left_out);
        dump::tell_left_out(self.context, self.database, &left_out, "the base does not hold");
        for published in &done.published {
            self.context.ui.warn(&format!("{}: {published}", self.target(&published.schema)));
        }
        Ok(done.actions.iter().map(|(schema, action)| self.report(schema, action)).collect())
    }

    /// Looking needs no server that takes changes.
    fn connect(&self) -> Result<Session, Failure> {
        match self.args.dry_run {
            true => self.cluster.connect(self.database),
            false => self.cluster.connect_to_change(self.database),
        }
    }

    fn report(&self, schema: &str, action: &Action) -> TargetReport {
        let what = match action {
            Action::Nothing => return TargetReport::new(&self.target(schema), Outcome::Unchanged),
            Action::Create => "ledger made".to_owned(),
            Action::Adopt => "ledger of version 0.2.2 adopted".to_owned(),
            Action::Repair(damages) => {
                let damages: Vec<_> = damages.iter().map(ToString::to_string).collect();
                format!("ledger mended: {}", damages.join(", "))
            }
        };
        let outcome = if self.args.dry_run { Outcome::Planned } else { Outcome::Done };
        TargetReport::new(&self.target(schema), outcome).because(what)
    }

    /// First the entries go to the tree, then the ledgers go, if they are still what was written.
    fn remove(&self) -> Result<Vec<TargetReport>, Failure> {
        let ledger = self.cluster.ledger()?;
        let mut session = self.connect()?;
        let request = &self.context.settings.schemas.value;
        let schemas = self.cluster.schemas(&mut session, self.database, request)?;
        let managed =
            ledger.managed(&mut session).map_err(|error| self.failure(NOT_REMOVED, &error.into()))?;
        let managed: Vec<String> =
            managed.into_iter().map(|(schema, _)| schema).filter(|schema| schemas.contains(schema)).collect();
        if self.args.dry_run {
            let planned = |schema: &String| {
                let outcome = if managed.contains(schema) { Outcome::Planned } else { Outcome::Unchanged };
                TargetReport::new(&self.target(schema), outcome)
            };
            return Ok(schemas.iter().map(planned).collect());
        }
        let _lock = self.cluster.submit_lock(self.database, LOCK_WAIT)?;
        let options = dump::Options { commit: true, allow_unsupported: true, message: None };
        let manifest =
            dump::dump_database(self.context, self.cluster, self.database, Some(&schemas), &options)?
                .manifest;
        let written = |schema: &str| manifest.ledgers.get(schema).map(|head| head.hash.clone());
        let removed = setup::remove(&mut session, &self.place(&ledger), &schemas, &written);
        let removed = removed.map_err(|error| self.failure(NOT_REMOVED, &error))?;
        // So that the tree does not bring them back; their files stay.
        dump::dump_database(self.context, self.cluster, self.database, Some(&schemas), &options)?;
        let report = |(schema, removal): &(String, Removal)| {
            let target = self.target(schema);
            match removal {
                Removal::Nothing => TargetReport::new(&target, Outcome::Unchanged),
                Removal::Drop => TargetReport::new(&target, Outcome::Done)
                    .because("ledger removed; its entries are in the tree"),
            }
        };
        Ok(removed.iter().map(report).collect())
    }

    fn target(&self, schema: &str) -> Target {
        Target::schema(self.database, schema)
    }

    fn place<'p>(&'p self, ledger: &'p Ledger) -> Place<'p> {
        Place { access: &self.cluster.access, database: self.database, ledger }
    }

    fn failure(&self, message: &str, error: &SetupError) -> Failure {
        let failure = match error {
            SetupError::InDoubt(_) => Failure::new(Exit::InDoubt, "it is not known whether this was done")
                .cause(error)
                .hint("psql-cm status shows which schemas are under control; doing it twice changes nothing"),
            SetupError::Published(_) => Failure { exit: Exit::Refused, ..Failure::because(message, error) }
                .hint("a subscriber without the table would stop: make it there, or change the publication; then --allow-published"),
            SetupError::Ledger(LedgerError::Unusable { .. }) => Failure::because(message, error)
                .hint("rename what is there, or choose another name with --cm-table"),
            _ => Failure::because(message, error),
        };
        failure.on(&Target::database(self.database))
    }
}
