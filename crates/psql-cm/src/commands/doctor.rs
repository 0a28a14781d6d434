//! `doctor`: says what would not work, and why.

use std::fmt::Write;

use psqlcm_core::report::{Exit, Outcome, Report, TargetReport};
use psqlcm_core::targets::Target;
use psqlcm_engine::checks::connection::{Connection, Way};
use psqlcm_engine::checks::{Command, Finding, Severity};
use psqlcm_engine::doctor::{self, DoctorError, Examined, Request};
use psqlcm_engine::ledger::Ledger;
use psqlcm_engine::session::Session;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::commands::{Done, Text, dump};
use crate::context::Context;
use crate::failure::Failure;
use crate::visible::visible_lines;

/// Say what would not work on a target and why, before it is tried
///
/// It looks at the connection, the encoding, the privileges of the role, the ledgers, what psql-cm does not support,
/// publications, event triggers, the room for connections and locks, transactions and databases that were left
/// behind, the folder of the tree and git. Each finding stands with the commands that it concerns, why it matters and
/// what to do. It changes nothing.
///
/// Exit code 0 when nothing stands in the way, 3 when something would not work, 1 when a database cannot be reached.
/// Whether a chain is whole is for verify to say, whether a schema drifted for status. The role needs CONNECT; what it
/// may not look at is named.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {}

const EXAMPLES: &str = r#"Examples:
  psql-cm --database app doctor
  psql-cm -d app -s billing --role app_owner doctor
  psql-cm --all-databases doctor --format json"#;

/// Looks at the cluster and the folder once, at each database, and makes a page of it.
pub fn run(_args: &Args, context: &Context) -> Result<Done, Failure> {
    let cluster = Cluster::of(context)?;
    let databases = cluster.databases()?;
    let Looked { shared, examined } = look(&cluster, &databases, context)?;
    let mut page = Page { text: String::new(), shared: &shared, is_one: databases.len() == 1 };
    page.begin();
    let mut report = Report::new("doctor");
    let mut failed: Option<Failure> = None;
    for (database, examined) in databases.iter().zip(examined) {
        match (examined, failed.take()) {
            (Ok(examined), before) => {
                let place = cluster.access.info().with_database(database).describe();
                page.add(database, &place, &examined);
                report.targets.push(target(database, &place, &examined, &shared));
                failed = before;
            }
            (Err(failure), None) => failed = Some(failure),
            (Err(failure), Some(before)) => failed = Some(before.and(failure)),
        }
    }
    if report.targets.iter().any(|target| target.outcome != Outcome::Good) {
        report.exit_code = Exit::Different;
    }
    let Some(failure) = failed else { return Ok(Done { report, text: Text::Own(page.text) }) };
    if context.ui.is_json() {
        return Err(failure.with_targets(report.targets));
    }
    if !report.targets.is_empty() {
        context.ui.data(&page.text);
    }
    Err(failure)
}

/// What was found.
struct Looked {
    /// What is the same for all databases.
    shared: Vec<Finding>,
    /// What is not, in their order.
    examined: Vec<Result<Examined, Failure>>,
}

fn look(cluster: &Cluster<'_>, databases: &[String], context: &Context) -> Result<Looked, Failure> {
    let jobs = usize::from(context.settings.jobs.value.get());
    let ledger = cluster.ledger()?;
    let mut looked = Looked { shared: Vec::new(), examined: Vec::new() };
    // The first that can be reached is looked at alone: what is free is counted while no other session of ours is there,
    // and a role with one connection can ask why it is too few.
    for database in databases {
        let first = cluster.read(database, |session| {
            let shared = doctor::of_cluster(session, databases.len(), jobs);
            let shared = shared.map_err(|error| failure(database, &error))?;
            Ok((shared, of_database(cluster, &ledger, session, database)?))
        });
        let is_reached = first.is_ok();
        looked.examined.push(first.map(|(shared, examined)| {
            looked.shared = shared;
            examined
        }));
        if is_reached {
            break;
        }
    }
    let rest = &databases[looked.examined.len()..];
    let rest = cluster.on_each("doctor", rest, |database| {
        cluster.read(database, |session| of_database(cluster, &ledger, session, database))
    });
    looked.examined.extend(rest);
    looked.shared.extend(doctor::of_folder(cluster.sql_path()));
    Ok(looked)
}

fn of_database(
    cluster: &Cluster<'_>,
    ledger: &Ledger,
    session: &mut Session,
    database: &str,
) -> Result<Examined, Failure> {
    let schemas = cluster.readable_schemas(session, database)?;
    let request = Request { ledger, schemas: &schemas, is_named: cluster.names_schemas() };
    let examined = doctor::of_database(session, &request);
    let mut examined = examined.map_err(|error| failure(database, &error))?;
    examined.findings.extend(tree_of(cluster, database));
    Ok(examined)
}

fn failure(database: &str, error: &DoctorError) -> Failure {
    Failure::because("cannot tell what would not work", error).on(&Target::database(database))
}

/// What is wrong with what the tree knows of the database.
fn tree_of(cluster: &Cluster<'_>, database: &str) -> Option<Finding> {
    let failure = dump::manifests(cluster.sql_path(), database).err()?;
    let problem = failure.problems.into_iter().next()?;
    let commands = [Command::Dump, Command::Restore, Command::Verify];
    Some(
        Finding::new(Severity::Blocks, &commands, problem.message)
            .why(problem.causes.join(": "))
            .advice(problem.hints.join("; ")),
    )
}

/// Shared findings first, then those of the database.
fn all<'a>(shared: &'a [Finding], examined: &'a Examined) -> Vec<&'a Finding> {
    shared.iter().chain(&examined.findings).collect()
}

fn target(database: &str, place: &str, examined: &Examined, shared: &[Finding]) -> TargetReport {
    let findings = all(shared, examined);
    let is_blocked = findings.iter().any(|finding| finding.severity == Severity::Blocks);
    let outcome = if is_blocked { Outcome::Different } else { Outcome::Good };
    let mut target = TargetReport::new(&Target::database(database), outcome);
    target.reason = summary(&findings);
    let connection = connection_json(place, &examined.connection);
    target.details.insert("connection".to_owned(), connection);
    target
        .details
        .insert("findings".to_owned(), findings.iter().map(|finding| finding_json(finding)).collect());
    let clear: Value = clear(&findings).iter().map(|command| json!(command.to_string())).collect();
    target.details.insert("nothing_in_the_way_of".to_owned(), clear);
    target
}

fn connection_json(place: &str, connection: &Connection) -> Value {
    json!({
        "place": place,
        "server_version": connection.server_version,
        "login_role": connection.login_role,
        "acting_role": connection.acting_role,
        "encryption": connection.tls,
        "is_pooled": connection.is_relayed,
        "is_standby": connection.is_standby,
    })
}

fn finding_json(finding: &Finding) -> Value {
    let severity = match finding.severity {
        Severity::Blocks => "would_not_work",
        Severity::Careful => "be_careful",
        Severity::Note => "good_to_know",
    };
    let commands: Vec<String> = finding.commands.iter().map(ToString::to_string).collect();
    json!({
        "severity": severity, "commands": commands, "what": finding.what, "names": finding.names,
        "why": finding.why, "advice": finding.advice,
    })
}

/// How many findings of each severity there are; nothing if there are none.
fn summary(findings: &[&Finding]) -> Option<String> {
    let count = |severity| {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        (count > 0).then(|| format!("{severity}: {count}"))
    };
    let counts: Vec<String> =
        [Severity::Blocks, Severity::Careful, Severity::Note].into_iter().filter_map(count).collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

/// The commands that nothing stands in the way of.
fn clear(findings: &[&Finding]) -> Vec<Command> {
    let is_blocked = |command: &Command| {
        let mut blocks = findings.iter().filter(|finding| finding.severity == Severity::Blocks);
        blocks.any(|finding| finding.commands.contains(command))
    };
    Command::ALL.into_iter().filter(|command| !is_blocked(command)).collect()
}

/// The page for people.
struct Page<'a> {
    text: String,
    shared: &'a [Finding],
    is_one: bool,
}

/// How many names a finding shows.
const SHOWN: usize = 6;

impl Page<'_> {
    /// With several databases, what all share comes first and once.
    fn begin(&mut self) {
        if !self.is_one && !self.shared.is_empty() {
            self.line(0, "all databases:");
            self.findings(self.shared.iter());
        }
    }

    fn add(&mut self, database: &str, place: &str, examined: &Examined) {
        let findings = all(self.shared, examined);
        let clear = clear(&findings);
        let target = Target::database(database);
        let fine = match clear.len() {
            0 => None,
            all if all == Command::ALL.len() => Some("nothing stands in the way".to_owned()),
            _ => Some(format!("{}: nothing stands in the way", list(&clear))),
        };
        let head = format!("{target}: {}", described(place, &examined.connection));
        self.line(0, &head);
        match self.is_one {
            true => self.findings(findings.into_iter()),
            false => self.findings(examined.findings.iter()),
        }
        if let Some(fine) = fine {
            self.line(1, &fine);
        }
    }

    /// Grouped by the commands that are concerned, the worst group first.
    fn findings<'f>(&mut self, findings: impl Iterator<Item = &'f Finding>) {
        let mut findings: Vec<&Finding> = findings.collect();
        findings.sort_by_key(|finding| finding.severity);
        let mut groups: Vec<(&[Command], Vec<&Finding>)> = Vec::new();
        for finding in findings {
            match groups.iter_mut().find(|(commands, _)| *commands == finding.commands) {
                Some((_, group)) => group.push(finding),
                None => groups.push((&finding.commands, vec![finding])),
            }
        }
        for (commands, group) in groups {
            let all = commands.len() == Command::ALL.len();
            let head = if all { "every command".to_owned() } else { list(commands) };
            self.line(1, &format!("{head}:"));
            for finding in group {
                self.finding(finding);
            }
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let Finding { severity, what, names, why, advice, .. } = finding;
        let named = match names.len() {
            0 => String::new(),
            1..=SHOWN => format!(": {}", names.join(", ")),
            more => format!(": {} and {} more", names[..SHOWN].join(", "), more - SHOWN),
        };
        self.line(2, &format!("{severity}: {what}{named}"));
        for (word, text) in [("why", why), ("do", advice)] {
            if !text.is_empty() {
                self.line(3, &format!("{word}: {text}"));
            }
        }
    }

    fn line(&mut self, depth: usize, line: &str) {
        let indent = "  ".repeat(depth);
        let line = visible_lines(line).replace('\n', &format!("\n{indent}  "));
        writeln!(self.text, "{indent}{line}").expect("a string takes all");
    }
}

fn list(commands: &[Command]) -> String {
    commands.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn described(place: &str, connection: &Connection) -> String {
    let Connection { login_role, acting_role, server_version, tls, way, .. } = connection;
    let acting = if login_role == acting_role { String::new() } else { format!(", acting as {acting_role}") };
    let encryption = match (tls, way) {
        (Some(version), _) => version.clone(),
        (None, Way::Socket) => "over a socket".to_owned(),
        (None, _) => "not encrypted".to_owned(),
    };
    let standby = if connection.is_standby { ", a standby" } else { "" };
    let pooler = if connection.is_relayed { ", behind a pooler" } else { "" };
    format!(
        "PostgreSQL {server_version} at {place}, login {login_role}{acting}, {encryption}{pooler}{standby}"
    )
}
