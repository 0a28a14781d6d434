//! `diff`: what differs between two states, wherever they come from.

use std::sync::Mutex;
use std::sync::PoisonError;

use psqlcm_core::delta::{Delta, FactDelta, main_facts};
use psqlcm_core::plan::{between, script};
use psqlcm_core::report::{Exit, Outcome, TargetReport};
use psqlcm_core::targets::Target;
use psqlcm_engine::session::shown_version;
use psqlcm_engine::sources::{Pair, Pairing};
use serde_json::json;

use crate::args::Format;
use crate::cluster::Cluster;
use crate::commands::{Done, Text};
use crate::context::Context;
use crate::differences;
use crate::failure::Failure;
use crate::sources::{self, Opened, SideArgs, sources_help};
use crate::visible::visible;

/// Show what differs between two states: databases, trees, scripts, revisions, ledgers
///
/// Both sides are sources, as listed below. The signs say what it takes to get from FROM to TO: + is only in TO, - only in
/// FROM, ~ is changed. Exit code 0 when they are equal, 3 when they differ. Nothing is changed anywhere. --format sql
/// gives the statements that lead from FROM to TO; psql-cm plan says what each of them means, and tries them out.
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
    #[command(flatten)]
    pub sides: SideArgs,
}

const MORE: &str = concat!(
    sources_help!(),
    r#"
Examples:
  psql-cm diff db:shop tree:sql                     what the files would change in the database
  psql-cm diff git:HEAD~1 git:HEAD                  what the last commit changed
  psql-cm diff ledger:shop db:shop                  what was done past psql-cm
  psql-cm diff schema.sql shop --no-owner           a script and a database
  psql-cm diff postgres://dev/shop postgres://prod/shop --schemas app,billing
  psql-cm diff postgres://prod tree:sql             every database of the tree
  psql-cm diff db:shop tree:sql --scratch-uri postgres://build/postgres --format json
  psql-cm diff db:shop tree:sql --format sql        the statements alone; plan has them reviewed"#
);

/// Compares each database that both sides are about.
pub fn run(args: &Args, context: &Context) -> Result<Done, Failure> {
    let cluster = Cluster::of(context)?;
    sources::with_sides(&args.sides, context, &cluster, |opened| Comparison { context, opened }.all(&cluster))
}

/// A comparison under way.
struct Comparison<'a> {
    context: &'a Context,
    opened: &'a Opened<'a>,
}

impl Comparison<'_> {
    fn all(&self, cluster: &Cluster<'_>) -> Result<Done, Failure> {
        let texts = Mutex::new(Vec::new());
        let mut report = cluster.each_database("diff", &self.opened.databases(), |name| {
            let Some(pairing) = self.opened.pairing(name) else { return Ok(Vec::new()) };
            let (target, text) = self.one(pairing)?;
            texts.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), text));
            Ok(vec![target])
        })?;
        self.opened.check_schemas(self.context)?;
        if report.targets.iter().any(|target| target.outcome == Outcome::Different) {
            report.exit_code = Exit::Different;
        }
        let mut texts = texts.into_inner().unwrap_or_else(PoisonError::into_inner);
        texts.sort();
        let text: String = texts.into_iter().map(|(_, text)| text).collect();
        if self.gives_sql() {
            return Ok(Done { report, text: Text::Own(text) });
        }
        let (from, to) = (visible(&self.opened.names.0), visible(&self.opened.names.1));
        Ok(Done { report, text: Text::Own(format!("--- {from}\n+++ {to}\n{text}")) })
    }

    fn one(&self, pairing: &Pairing) -> Result<(TargetReport, String), Failure> {
        let target = Target::database(&pairing.name);
        let Opened { sides, names, tell, .. } = self.opened;
        let pair = sides.read(pairing, *tell).map_err(|error| sources::failure(&error).on(&target))?;
        self.opened.saw(&pair);
        let delta = Delta::between(&pair.from, &pair.to);
        let outcome = if delta.is_empty() { Outcome::Good } else { Outcome::Different };
        let mut report = TargetReport::new(&target, outcome);
        report.reason = sources::only_in(pairing).map(str::to_owned);
        report.facts = main_facts(&delta.facts).into_iter().map(FactDelta::to_report).collect();
        let order: Vec<String> = delta.order.iter().map(|fact| fact.id.to_string()).collect();
        report.details.insert("from".to_owned(), json!(names.0));
        report.details.insert("to".to_owned(), json!(names.1));
        report.details.insert("server_version".to_owned(), json!(shown_version(sides.server_version())));
        report.details.insert("order".to_owned(), json!(order));
        for id in &delta.not_compared {
            self.context.ui.warn(&format!("{target}: not compared, as two server versions printed it: {id}"));
        }
        if self.gives_sql() {
            let sql = sql(pairing, &pair).map_err(|failure| failure.on(&target))?;
            return Ok((report, sql));
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

    fn gives_sql(&self) -> bool {
        self.context.ui.format() == Format::Sql
    }
}

/// The statements that lead from one side to the other, and nothing else; of several databases after the name of each.
fn sql(pairing: &Pairing, pair: &Pair) -> Result<String, Failure> {
    let actions = between(&pair.from, &pair.to)
        .map_err(|error| Failure::because("there is no order of statements that leads there", &error))?;
    let statements = script::statements(&actions, pairing.from.as_deref().unwrap_or(&pairing.name));
    Ok(match statements.is_empty() {
        true => String::new(),
        false => format!("-- database {}\n{statements}", visible(&pairing.name)),
    })
}
