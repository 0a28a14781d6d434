//! `diff`: what differs between two states, wherever they come from.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use psqlcm_core::delta::{Delta, FactDelta, main_facts};
use psqlcm_core::narrow::Scope;
use psqlcm_core::report::{Exit, Outcome, TargetReport};
use psqlcm_core::targets::{Databases, Target};
use psqlcm_engine::scratch::Scratch;
use psqlcm_engine::session::shown_version;
use psqlcm_engine::sources::{Event, Pairing, Request, Sides, Tell};
use serde_json::json;

use crate::cluster::Cluster;
use crate::commands::{Done, Text};
use crate::context::Context;
use crate::differences;
use crate::failure::Failure;
use crate::progress::Meter;
use crate::sources;
use crate::values::RoleMap;
use crate::visible::visible;

/// Show what differs between two states: databases, trees, scripts, revisions, ledgers
///
/// Both sides are sources, as listed below. The signs say what it takes to get from FROM to TO: + is only in TO, - only in
/// FROM, ~ is changed. Exit code 0 when they are equal, 3 when they differ. Nothing is changed anywhere.
///
/// PostgreSQL itself says what SQL means: whatever is not a live database is loaded into a scratch database and read
/// there. Scratch databases are made on a throw-away cluster of the server programs on this machine, of the major version
/// of the live side, or on the server that --scratch-uri names; there, nothing is made but databases, which are dropped at
/// the end. A live database of another version than the rest is loaded there too, so that both sides are always read by
/// the same version.
///
/// The stored order of columns is mentioned, and is no difference. What [ignore] in psql-cm.toml names is left out. A live
/// side needs no privilege but CONNECT; the role of --scratch-uri needs CREATEDB.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub struct Args {
    /// What is compared: a source, as listed below
    #[arg(value_name = "FROM")]
    pub from: String,

    /// With what: the side to get to
    #[arg(value_name = "TO")]
    pub to: String,

    /// A server on which scratch databases can be made [default: a throw-away cluster of local programs]
    #[arg(long, value_name = "URI")]
    pub scratch_uri: Option<String>,

    /// Put one role in the place of another on both sides, old=new; repeatable
    #[arg(long, value_name = "OLD=NEW")]
    pub role_map: Vec<RoleMap>,

    /// Do not compare owners
    #[arg(long)]
    pub no_owner: bool,

    /// Do not compare privileges
    #[arg(long)]
    pub no_privileges: bool,
}

const MORE: &str = r#"Sources:
  db:NAME                      a database of the cluster that --uri names
  postgres://..., key=value    a database elsewhere; without one in it, all of that cluster
  service:NAME                 the same by libpq's service file
  tree:DIR[#DATABASE]          a tree as psql-cm dump writes it, edited or not
  file:PATH                    an SQL script, run as it stands
  git:REV[:DIR][#DATABASE]     a tree (--sql-path, or DIR) as a revision has it
  ledger:NAME                  a database of --uri as its ledgers recorded it last
  empty:                       nothing
  Without a prefix, what holds :// or = is a connection, what holds a slash or ends in .sql
  a path, and all else a database on --uri. Of a side with several databases that of the same
  name is compared, or the only one; a tree against a cluster compares all that the tree has.

Examples:
  psql-cm diff db:shop tree:sql                     what the files would change in the database
  psql-cm diff git:HEAD~1 git:HEAD                  what the last commit changed
  psql-cm diff ledger:shop db:shop                  what was done past psql-cm
  psql-cm diff schema.sql shop --no-owner           a script and a database
  psql-cm diff postgres://dev/shop postgres://prod/shop --schemas app,billing
  psql-cm diff postgres://prod tree:sql             every database of the tree
  psql-cm diff db:shop tree:sql --scratch-uri postgres://build/postgres --format json"#;

/// Compares each database that both sides are about.
pub fn run(args: &Args, context: &Context) -> Result<Done, Failure> {
    let cluster = Cluster::of(context)?;
    let ledger = cluster.ledger()?;
    let from = sources::source(&args.from, context, &cluster)?;
    let to = sources::source(&args.to, context, &cluster)?;
    let names = (from.name.clone(), to.name.clone());
    let scratch = args.scratch_uri.as_ref().map(|uri| sources::scratch(uri, context)).transpose()?;
    let databases = match context.settings.databases_besides(None)? {
        Some(Databases::Named(names)) => Some(names),
        Some(Databases::All) | None => None,
    };
    let request = Request {
        scratch: scratch.as_ref(),
        role_map: &args.role_map.iter().map(|map| (map.from.clone(), map.to.clone())).collect(),
        databases: databases.as_deref(),
        scope: &Scope {
            schemas: context.settings.schemas.value.clone(),
            ignore: context.settings.ignore.clone(),
            owners: !args.no_owner,
            privileges: !args.no_privileges,
        },
        ledger: &ledger,
        environment: &context.settings.environment.value,
    };
    let meter = Meter::new(&context.ui, "load");
    let tell = |event: Event<'_>| sources::tell(context, &meter, &event);
    let sides = Sides::open(from, to, &request, &context.interrupt, &tell)
        .map_err(|error| sources::failure(&error))?;
    let scratch = sides.scratch().cloned();
    sources::tell_abandoned(context, scratch.as_ref().map_or(&[], Scratch::abandoned));
    let compared =
        Comparison { context, sides: &sides, names: &names, tell: &tell, unseen: Mutex::default() };
    let compared = compared.all(&cluster);
    drop(sides);
    drop(meter);
    sources::tell_abandoned(context, &scratch.map(|scratch| scratch.left()).unwrap_or_default());
    compared
}

/// A comparison under way.
struct Comparison<'a> {
    context: &'a Context,
    sides: &'a Sides<'a>,
    names: &'a (String, String),
    tell: &'a Tell<'a>,
    /// Schemas that were named, and that neither side of a database has; with how many.
    unseen: Mutex<Vec<BTreeSet<String>>>,
}

impl Comparison<'_> {
    fn all(&self, cluster: &Cluster<'_>) -> Result<Done, Failure> {
        let names: Vec<String> = self.sides.pairings().iter().map(|pairing| pairing.name.clone()).collect();
        let texts = Mutex::new(Vec::new());
        let mut report = cluster.each_database("diff", &names, |name| {
            let pairing = self.sides.pairings().iter().find(|pairing| pairing.name == name);
            let Some(pairing) = pairing else { return Ok(Vec::new()) };
            let (target, text) = self.one(pairing)?;
            texts.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), text));
            Ok(vec![target])
        })?;
        self.check_schemas()?;
        if report.targets.iter().any(|target| target.outcome == Outcome::Different) {
            report.exit_code = Exit::Different;
        }
        let mut texts = texts.into_inner().unwrap_or_else(PoisonError::into_inner);
        texts.sort();
        let (from, to) = (visible(&self.names.0), visible(&self.names.1));
        let text: String = texts.into_iter().map(|(_, text)| text).collect();
        Ok(Done { report, text: Text::Own(format!("--- {from}\n+++ {to}\n{text}")) })
    }

    fn one(&self, pairing: &Pairing) -> Result<(TargetReport, String), Failure> {
        let target = Target::database(&pairing.name);
        let pair =
            self.sides.read(pairing, self.tell).map_err(|error| sources::failure(&error).on(&target))?;
        self.unseen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(pair.missing_schemas.iter().cloned().collect());
        let delta = Delta::between(&pair.from, &pair.to);
        let outcome = if delta.is_empty() { Outcome::Good } else { Outcome::Different };
        let mut report = TargetReport::new(&target, outcome);
        report.reason = only_in(pairing).map(str::to_owned);
        report.facts = main_facts(&delta.facts).into_iter().map(FactDelta::to_report).collect();
        let order: Vec<String> = delta.order.iter().map(|fact| fact.id.to_string()).collect();
        report.details.insert("from".to_owned(), json!(self.names.0));
        report.details.insert("to".to_owned(), json!(self.names.1));
        report.details.insert("server_version".to_owned(), json!(shown_version(self.sides.server_version())));
        report.details.insert("order".to_owned(), json!(order));
        for id in &delta.not_compared {
            self.context.ui.warn(&format!("{target}: not compared, as two server versions printed it: {id}"));
        }
        let paint = self.context.ui.paint();
        let name = visible(&report.target).into_owned();
        let head = match (outcome, &report.reason) {
            (Outcome::Good, None) => format!("{name}: equal"),
            (Outcome::Good, Some(reason)) => format!("{name}: equal ({reason})"),
            (_, None) => format!("{name}: different ({})", differences::counts(&delta)),
            (_, Some(reason)) => format!("{name}: different ({}; {reason})", differences::counts(&delta)),
        };
        let text = format!("{head}\n{}", differences::text(&delta, paint));
        Ok((report, text))
    }

    /// A name that no database of either side has is a mistake.
    fn check_schemas(&self) -> Result<(), Failure> {
        let unseen = self.unseen.lock().unwrap_or_else(PoisonError::into_inner);
        let in_all = unseen.iter().cloned().reduce(|all, next| &all & &next).unwrap_or_default();
        match in_all.first() {
            None => Ok(()),
            Some(_) => {
                let names: Vec<String> = in_all.into_iter().collect();
                let source = &self.context.settings.schemas.source;
                Err(Failure::new(Exit::Failed, format!("neither side has the schema {}", names.join(", ")))
                    .hint(format!("is the name right? it is from {source}")))
            }
        }
    }
}

/// Which side alone has the database.
fn only_in(pairing: &Pairing) -> Option<&'static str> {
    match (pairing.is_in_from, pairing.is_in_to) {
        (true, false) => Some("the whole database is only in FROM"),
        (false, true) => Some("the whole database is only in TO"),
        _ => None,
    }
}
