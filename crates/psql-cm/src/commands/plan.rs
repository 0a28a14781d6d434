//! `plan`: the SQL that turns one state into another, with what each step means, tried out before it is handed out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use psqlcm_core::delta::Delta;
use psqlcm_core::file_name;
use psqlcm_core::plan::header::{Hazard, Header, LooksAt, State, objects_of};
use psqlcm_core::plan::script::{self, Transaction, transactions};
use psqlcm_core::plan::{
    Action, PlanError, Rename, RenameError, WaysBack, between, candidates, rename_statements, rename_steps,
    renames_said,
};
use psqlcm_core::report::{Exit, Outcome, Report};
use psqlcm_core::snapshot::Snapshot;
use psqlcm_core::targets::Target;
use psqlcm_engine::rehearsal::{self, Rehearsal, RehearsalError, Verified};
use psqlcm_engine::scratch::Scratch;
use psqlcm_engine::session::shown_version;
use psqlcm_engine::sources::{Pair, Pairing, SourceError};

use crate::args::Format;
use crate::cluster::Cluster;
use crate::commands::{Done, Text};
use crate::context::Context;
use crate::differences;
use crate::failure::{Failure, Place};
use crate::render::Paint;
use crate::sources::{self, Opened, SideArgs, sources_help};
use crate::terminal;

mod tell;

/// Write the SQL that turns one state into another: in the right order, reviewed, and tried out
///
/// FROM is what is there, TO what is to be; both are sources, as listed below. What PostgreSQL can change in place is
/// changed in place, all else is dropped and made again with what depends on it. Above each step stands what it does,
/// which lock it takes and whether that blocks reads or writes, whether it reads or writes all rows, what is lost, what
/// can fail on rows, and the way back. Exit code 0 when there is nothing to do, 3 when a plan was made. Nothing is
/// changed anywhere.
///
/// The script is for psql-cm submit --change FILE, or for psql: it is one transaction, unless PostgreSQL refuses that.
/// Lines -- psql-cm: at its head carry fingerprints of both sides; submit refuses it (exit code 4) on a database that is
/// not what FROM was. Renames are not guessed: what looks like one is offered, and --rename says that it is, or a
/// comment -- psql-cm: renamed from NAME in a file of TO; at a terminal psql-cm asks.
///
/// A plan that loses data (drops a table, a column, a sequence, a value of an enum; makes a type narrower) is shown and
/// not written, with exit code 4, unless --allow data-loss says so.
///
/// Before it is written the plan is tried out: FROM is built in a scratch database, with rows that are made up, the script
/// is run there, and what comes of it must be TO, with all rows that are to stay. If not, that is a defect of psql-cm:
/// exit code 1, with what is left. --no-verify leaves that out, and the script says so.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub struct Args {
    #[command(flatten)]
    pub sides: SideArgs,

    /// Write the script into this file; of several databases into this folder, a file each
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Say that two names are one thing, as in table:app.orders=app.sales or column:app.t.a=app.t.b; repeatable
    #[arg(long, value_name = "KIND:OLD=NEW")]
    pub rename: Vec<String>,

    /// Hand out the plan although it does that; repeatable
    #[arg(long, value_name = "HAZARD", value_enum)]
    pub allow: Vec<HazardArg>,

    /// Do not try the plan out
    #[arg(long)]
    pub no_verify: bool,

    /// Take the plain form of each step, for a database that nobody uses meanwhile; so it is for now in any case
    #[arg(long)]
    pub offline: bool,
}

/// The values of `--allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum HazardArg {
    /// Steps lose data
    DataLoss,
}

const MORE: &str = concat!(
    sources_help!(),
    r#"
Examples:
  psql-cm plan db:shop tree:sql                      the script, on standard output
  psql-cm plan db:shop tree:sql -o change.sql        into a file; then
  psql-cm -d shop submit --change change.sql           run and record it, or
  psql -X -v ON_ERROR_STOP=1 -d shop -f change.sql     run it without a record
  psql-cm plan db:shop tree:sql --format text        to read it
  psql-cm plan db:shop tree:sql --allow data-loss    with what it drops
  psql-cm plan tree:sql db:shop                      the way back
  psql-cm plan postgres://dev/shop postgres://prod/shop --schemas app --format json
  psql-cm plan db:shop tree:sql --scratch-uri postgres://build/postgres"#
);

/// Plans each database that both sides are about.
pub fn run(args: &Args, context: &Context) -> Result<Done, Failure> {
    let cluster = Cluster::of(context)?;
    let scratch = Mutex::default();
    let done = sources::with_sides(&args.sides, context, &cluster, |opened| {
        Planning { args, context, opened, scratch: &scratch }.all(&cluster)
    });
    let scratch = scratch.into_inner().unwrap_or_else(PoisonError::into_inner);
    sources::tell_abandoned(context, &scratch.map(|scratch| scratch.left()).unwrap_or_default());
    done
}

/// Plans under way.
struct Planning<'a> {
    args: &'a Args,
    context: &'a Context,
    opened: &'a Opened<'a>,
    /// Where plans are tried out, once one is.
    scratch: &'a Mutex<Option<Scratch>>,
}

/// The plan for one database.
struct Planned {
    /// The database's name, for people.
    name: String,
    /// Its name where the script runs.
    database: String,
    /// Which side alone has it.
    only_in: Option<&'static str>,
    header: Header,
    actions: Vec<Action>,
    back: Vec<Action>,
    renames: Vec<Rename>,
    /// What looks like more of them.
    like_renames: Vec<String>,
    transactions: Vec<Transaction>,
    verified: Option<Verified>,
}

impl Planned {
    fn is_empty(&self) -> bool {
        self.actions.iter().all(|action| action.statements.is_empty())
    }

    fn loses(&self) -> bool {
        self.actions.iter().any(|action| action.effect.loses.is_some())
    }

    fn back(&self) -> WaysBack<'_> {
        WaysBack::new(&self.back)
    }

    fn script(&self) -> String {
        self.script_for(&self.database)
    }

    fn script_for(&self, database: &str) -> String {
        script::text(&self.header, &self.actions, &self.transactions, &self.back(), database)
    }
}

impl Planning<'_> {
    fn all(&self, cluster: &Cluster<'_>) -> Result<Done, Failure> {
        let plans = Mutex::new(Vec::new());
        let mut report = cluster.each_database("plan", &self.opened.databases(), |name| {
            let Some(pairing) = self.opened.pairing(name) else { return Ok(Vec::new()) };
            let planned = self.one(pairing).map_err(|failure| failure.on(&Target::database(name)))?;
            let target = tell::report(&planned, self.is_refused(&planned));
            plans.lock().unwrap_or_else(PoisonError::into_inner).push(planned);
            Ok(vec![target])
        })?;
        self.opened.check_schemas(self.context)?;
        let mut plans = plans.into_inner().unwrap_or_else(PoisonError::into_inner);
        plans.sort_by(|one, other| one.name.cmp(&other.name));
        if plans.iter().any(|planned| self.is_refused(planned)) {
            return Err(self.refused(&plans, report));
        }
        if report.targets.iter().any(|target| target.outcome == Outcome::Planned) {
            report.exit_code = Exit::Different;
        }
        self.hand_out(&plans, report)
    }

    fn is_refused(&self, planned: &Planned) -> bool {
        planned.loses() && !self.args.allow.contains(&HazardArg::DataLoss)
    }

    fn one(&self, pairing: &Pairing) -> Result<Planned, Failure> {
        let Opened { sides, scope, names, tell, .. } = self.opened;
        let read = sides.read_whole(pairing, *tell).map_err(|error| sources::failure(&error));
        let (pair, whole) = read?;
        self.opened.saw(&pair);
        let renames = self.renames(&pair)?;
        let left = self.renamed(pairing, &pair, &whole, &renames)?;
        let left = left.as_ref().unwrap_or(&pair.from);
        let mut actions = between(left, &pair.to).map_err(|error| no_plan(&error))?;
        // Without a way back a plan still is one.
        let mut back = between(&pair.to, left).unwrap_or_default();
        back.retain(|action| !pair.one_way.contains(&action.id));
        let steps = rename_steps(&renames, &pair.from).map_err(|error| not_renamed(&error))?;
        if let Some((there, and_back)) = steps {
            actions.insert(0, there);
            back.push(and_back);
        }
        let like_renames = candidates(left, &pair.to).iter().map(Rename::spec).collect();
        let delta = Delta::between(&pair.from, &pair.to);
        for id in &delta.not_compared {
            self.context.ui.warn(&format!("not compared, as two server versions printed it: {id}"));
        }
        let loses = actions.iter().any(|action| action.effect.loses.is_some());
        let header = Header {
            from: names.0.clone(),
            to: names.1.clone(),
            server_version: sides.server_version(),
            before: State::of(&pair.from),
            after: State { schemas: BTreeMap::new(), ..State::of(&pair.to) },
            looks_at: LooksAt::new(scope, &pair.covered),
            allowed: if loses { vec![Hazard::DataLoss] } else { Vec::new() },
            verified: None,
            objects: objects_of(&actions, &pair.from),
        };
        let mut planned = Planned {
            name: pairing.name.clone(),
            database: pairing.from.clone().unwrap_or_else(|| pairing.name.clone()),
            only_in: sources::only_in(pairing),
            header,
            back,
            renames,
            like_renames,
            transactions: transactions(&actions, &pair.to),
            actions,
            verified: None,
        };
        if !delta.is_empty() && !self.args.no_verify && !self.is_refused(&planned) {
            let verified = self.verify(&planned, &pair, &whole)?;
            planned.header.verified = Some(format!("PostgreSQL {}", shown_version(verified.server_version)));
            self.tell_verified(&planned.name, &verified);
            planned.verified = Some(verified);
        }
        Ok(planned)
    }

    /// What somebody said to be one thing: in words of the command, in comments of the text; or says now.
    fn renames(&self, pair: &Pair) -> Result<Vec<Rename>, Failure> {
        let read = |text: &String| Rename::parse(text, &pair.from, &pair.to);
        let said: Result<Vec<Rename>, _> = self.args.rename.iter().map(read).collect();
        let said = said.map_err(|error| not_renamed(&error))?;
        let mut said = renames_said(&pair.renamed_from, &pair.from, &pair.to, said);
        let ui = &self.context.ui;
        if terminal::somebody_is_there() && !ui.is_json() {
            let is_open =
                |like: &Rename| !said.iter().any(|rename| rename.from == like.from || rename.to == like.to);
            let open: Vec<Rename> = candidates(&pair.from, &pair.to).into_iter().filter(is_open).collect();
            ui.above_bars(|| said.extend(open.into_iter().filter(|rename| self.is_renamed(rename))));
            self.context.interrupt.check()?;
        }
        Ok(said)
    }

    fn is_renamed(&self, Rename { from, to }: &Rename) -> bool {
        let question = format!("Is {to} the {from} that is there, under another name?");
        terminal::agrees(&question, &self.context.interrupt)
    }

    /// What is left once it has its new names, as the server tells it: definitions name things too.
    fn renamed(
        &self,
        pairing: &Pairing,
        pair: &Pair,
        whole: &Snapshot,
        renames: &[Rename],
    ) -> Result<Option<Snapshot>, Failure> {
        if renames.is_empty() {
            return Ok(None);
        }
        let statements = rename_statements(renames).map_err(|error| not_renamed(&error))?;
        let scratch = self.scratch().map_err(|error| sources::failure(&error))?;
        let database = pairing.from.as_deref().unwrap_or(&pairing.name);
        let (after, _) = rehearsal::after(&scratch, whole, database, &statements)
            .map_err(|error| not_verified(error, self.context.ui.paint()))?;
        Ok(Some(self.opened.scope.narrow(after, &[&pair.covered])))
    }

    fn verify(&self, planned: &Planned, pair: &Pair, whole: &Snapshot) -> Result<Verified, Failure> {
        let scratch = self.scratch().map_err(|error| sources::failure(&error).hint(NO_VERIFY))?;
        let rehearsal = Rehearsal {
            scratch: &scratch,
            whole,
            scope: self.opened.scope,
            covered: &pair.covered,
            to: &pair.to,
            actions: &planned.actions,
            renames: &planned.renames,
            script: &|database| planned.script_for(database),
            database: &planned.database,
            interrupt: &self.context.interrupt,
        };
        rehearsal.run().map_err(|error| not_verified(error, self.context.ui.paint()))
    }

    /// One place for all databases.
    fn scratch(&self) -> Result<Scratch, SourceError> {
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scratch) = &*scratch {
            return Ok(scratch.clone());
        }
        let opened = self.opened.sides.open_scratch().map_err(SourceError::Scratch)?;
        Ok(scratch.insert(opened).clone())
    }

    fn tell_verified(&self, name: &str, verified: &Verified) {
        let Verified { server_version, tables, without_rows, failing_rows } = verified;
        let ui = &self.context.ui;
        let with_rows = tables - without_rows.len() - failing_rows.len();
        ui.say(&format!(
            "{name}: verified on PostgreSQL {}, with rows in {with_rows} of {tables} tables",
            shown_version(*server_version)
        ));
        if !without_rows.is_empty() {
            ui.say(&format!("{name}: no row could be made up for {}", without_rows.join(", ")));
        }
        if !failing_rows.is_empty() {
            let tables = failing_rows.join(", ");
            ui.say(&format!("{name}: without rows in {tables}: a step failed on those that were made up"));
        }
    }

    /// The steps that lose something, and no script.
    fn refused(&self, plans: &[Planned], report: Report) -> Failure {
        let refused = plans.iter().filter(|planned| self.is_refused(planned));
        let failures = refused.map(|planned| {
            let losing = planned.actions.iter().filter_map(|action| {
                let what = action.effect.loses.as_ref()?;
                Some(format!("{}: {what}", script::title(action)))
            });
            let failure = Failure::new(Exit::Refused, "the plan loses data, and no script is written");
            let failure = losing.fold(failure, |failure, step| failure.detail("loses", step));
            let renames = planned.like_renames.iter();
            let failure = renames.fold(failure, |failure, rename| {
                failure.hint(format!("if it is only called something else: --rename '{rename}'"))
            });
            failure.on(&Target::database(&planned.name))
        });
        let failure = failures.reduce(Failure::and);
        let failure = failure.unwrap_or_else(|| Failure::new(Exit::Refused, "the plan loses data"));
        if self.context.ui.format() == Format::Text {
            self.context.ui.data(&self.texts(plans));
        }
        failure
            .hint("if that is what you want: --allow data-loss")
            .hint("to see the whole plan: --format text")
            .with_targets(report.targets)
    }

    fn texts(&self, plans: &[Planned]) -> String {
        plans.iter().map(|planned| tell::text(planned, self.context.ui.paint())).collect()
    }

    fn hand_out(&self, plans: &[Planned], report: Report) -> Result<Done, Failure> {
        let scripts: Vec<&Planned> = plans.iter().filter(|planned| !planned.is_empty()).collect();
        if let Some(output) = &self.args.output {
            self.write(output, &scripts)?;
        }
        let is_script =
            matches!(self.context.ui.format(), Format::Usual | Format::Sql) && self.args.output.is_none();
        let text = match (self.context.ui.format(), scripts.as_slice()) {
            (Format::Text, _) => self.texts(plans),
            _ if !is_script => String::new(),
            (_, []) => String::new(),
            (_, [planned]) => planned.script(),
            (_, several) => {
                let names: Vec<_> = several.iter().map(|planned| planned.name.as_str()).collect();
                let message = format!("several databases have a plan: {}", names.join(", "));
                return Err(Failure::usage(message)
                    .hint("name one with --database, or a folder for a script each with --output"));
            }
        };
        if scripts.is_empty() && !self.context.ui.is_json() && self.context.ui.format() != Format::Text {
            self.context.ui.say("nothing to do: both sides are equal");
        }
        Ok(Done { report, text: Text::Own(text) })
    }

    fn write(&self, output: &Path, scripts: &[&Planned]) -> Result<(), Failure> {
        if let [_, _, ..] = scripts
            && !output.is_dir()
        {
            let message = format!("{} is no folder, and several databases have a plan", output.display());
            return Err(Failure::usage(message).hint("make a folder and name it: each gets a file there"));
        }
        for planned in scripts {
            let path = match output.is_dir() {
                true => output.join(format!("{}.sql", file_name::encode(&planned.name))),
                false => output.to_path_buf(),
            };
            fs::write(&path, planned.script())
                .map_err(|error| Failure::because(format!("cannot write {}", path.display()), &error))?;
            self.context.ui.say(&format!("{}: the script is in {}", planned.name, path.display()));
        }
        Ok(())
    }
}

const NO_VERIFY: &str = "--no-verify writes the plan without trying it out";

fn not_renamed(error: &RenameError) -> Failure {
    Failure::usage(error.to_string()).hint("names are written as psql-cm diff shows them")
}

fn no_plan(error: &PlanError) -> Failure {
    Failure::because("there is no order of steps that leads there", error)
        .hint("this is a defect of psql-cm: please report it with both sides")
}

/// A plan that does not hold what it promises is a defect, and is not handed out.
fn not_verified(error: RehearsalError, paint: Paint) -> Failure {
    let is_defect = error.is_defect();
    let failure = match error {
        RehearsalError::Interrupted(interrupted) => return Failure::from(interrupted),
        RehearsalError::Build(error) | RehearsalError::Scratch(error) => {
            sources::failure(&SourceError::Scratch(error)).instead("the plan cannot be tried out")
        }
        RehearsalError::Step(error) => {
            let place = error.place().map(|place| Place {
                file: place.path.clone(),
                line: place.line,
                column: Some(place.column),
                text: Some(place.text.clone()),
            });
            let failure = sources::failure(&SourceError::Scratch(error));
            let failure = failure.instead("the plan was tried out, and a step of it fails");
            place.into_iter().fold(failure, Failure::at)
        }
        RehearsalError::Left(left) => {
            let delta = Delta { facts: left, ..Delta::default() };
            Failure::new(Exit::Failed, "the plan was tried out, and does not lead to TO")
                .detail("left", differences::text(&delta, paint))
        }
        error => Failure::because("the plan was tried out, and does not do what it is to do", &error),
    };
    let defect = "this is a defect of psql-cm: please report it with both sides";
    failure.hint_if(is_defect.then_some(defect)).hint(NO_VERIFY)
}
