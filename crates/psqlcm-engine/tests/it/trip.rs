//! The judge is PostgreSQL: what was captured and made again must look the same to `pg_dump`, and the same to
//! a second capture.

use std::process::Command;

use psqlcm_core::fact::Fact;
use psqlcm_core::fingerprint::Fingerprints;
use psqlcm_core::kinds::KindId;
use psqlcm_core::kinds::cases::Unlike;
use psqlcm_core::name::quote_literal;
use psqlcm_core::plan;
use psqlcm_core::read::Statement;
use psqlcm_core::snapshot::Snapshot;
use psqlcm_engine::capture::capture;
use psqlcm_engine::conninfo::{ConnInfo, Environment, Given};
use psqlcm_engine::session::Session;
use psqlcm_testkit::{TestDatabase, TestServer, client_bin, load_corpus, servers, text_difference};

pub fn session(database: &TestDatabase) -> Session {
    session_of(database.server(), database.name())
}

/// The same, by the database's name.
pub fn session_of(server: &TestServer, database: &str) -> Session {
    let info =
        ConnInfo::resolve(&Given::new().text("test", &server.uri(database)), &Environment::empty()).unwrap();
    Session::connect(&info).unwrap()
}

/// A capture of the database.
pub fn snapshot(database: &TestDatabase) -> Snapshot {
    capture(&mut session(database)).unwrap()
}

/// Captures a database, makes it again beside it, and compares.
fn check_trip(server: &TestServer, original: &TestDatabase) {
    if let Err(error) = trip(server, original, None) {
        panic!("{}: {error}", original.name());
    }
}

/// Captures a database, makes it again beside it, and says how they differ.
pub fn trip(server: &TestServer, original: &TestDatabase, unlike: Option<Unlike>) -> Result<(), String> {
    definitions_are_the_servers(server, original)?;
    let before = snapshot(original);
    let not_held: Vec<_> = before.left_out.iter().map(|left| format!("{left:?}")).collect();
    if !not_held.is_empty() {
        return Err(format!("left out: {}", not_held.join("\n")));
    }
    make_again(server, original, &before, unlike)
}

/// What our statements put together themselves, since the server's functions take long, is what these print.
fn definitions_are_the_servers(server: &TestServer, original: &TestDatabase) -> Result<(), String> {
    for (kind, key, function) in
        [("index", "indexrelid", "pg_get_indexdef"), ("constraint", "oid", "pg_get_constraintdef")]
    {
        let statement = Statement::all().into_iter().find(|statement| statement.name() == kind).unwrap();
        let sql = format!(
            "SET search_path = ''; SELECT definition, pg_catalog.{function}({key}) FROM (\n{}\n) AS read \
             WHERE definition IS DISTINCT FROM pg_catalog.{function}({key})",
            statement.sql(server.major() * 10_000)
        );
        let different = original.psql(&sql)?;
        if !different.is_empty() {
            return Err(format!("not what {function} prints: {different}"));
        }
    }
    Ok(())
}

/// Makes what the snapshot holds in a new database, and says how that differs from the original.
pub fn make_again(
    server: &TestServer,
    original: &TestDatabase,
    before: &Snapshot,
    unlike: Option<Unlike>,
) -> Result<(), String> {
    let copy = server.database("copy");
    let plan = plan::from_empty(before).map_err(|error| error.to_string())?;
    load(&copy, &plan)?;
    let mut differences = Vec::new();
    for arguments in [&["-s"][..], &["-s", "-C"]] {
        let (expected, found) = (dump(original, arguments), dump(&copy, arguments));
        let found = found.replace(copy.name(), original.name());
        if unlike != Some(Unlike::PgDump)
            && let Some(difference) = text_difference(&expected, &found)
        {
            differences.push(difference);
            break;
        }
    }
    let after = snapshot(&copy);
    differences.extend(different_facts(before, &after, unlike));
    let (expected, found) = (Fingerprints::of(before), Fingerprints::of(&after));
    if differences.is_empty() && expected != found {
        differences.push("the fingerprints differ".to_owned());
    }
    if differences.is_empty() {
        let again = plan::from_empty(&after).map_err(|error| error.to_string())?;
        let texts = |plan: &[plan::Step]| {
            plan.iter().flat_map(|step| step.statements.clone()).collect::<Vec<_>>().join(";\n")
        };
        let difference = text_difference(&texts(&plan), &texts(&again));
        differences.extend(difference.map(|difference| format!("the second plan: {difference}")));
    }
    match differences.is_empty() {
        true => Ok(()),
        false => Err(differences.join("\n")),
    }
}

/// Runs a plan in a database that is there, as roles and the database itself are.
fn load(copy: &TestDatabase, plan: &[plan::Step]) -> Result<(), String> {
    let mut session = session(copy);
    session
        .run("SET check_function_bodies = off; SET search_path = ''")
        .map_err(|error| error.to_string())?;
    let statements = plan.iter().flat_map(|step| step.statements.iter().map(move |text| (&step.id, text)));
    for (id, statement) in statements {
        let makes_database = id.kind() == KindId::Database && statement.starts_with("CREATE DATABASE");
        if id.kind() == KindId::Role || makes_database {
            continue;
        }
        let statement = plan::with_database_name(statement, copy.name());
        let result = match id.kind() {
            KindId::SecurityLabel => put_label(&mut session, &statement),
            _ => session.run(&statement).map_err(|error| error.to_string()),
        };
        result.map_err(|error| format!("{id}: {error}\n{statement}"))?;
    }
    Ok(())
}

/// Labels an object for a provider that no server has: the server understands the statement, and misses the provider.
/// Which object it is about a comment finds out, as both name objects alike.
fn put_label(session: &mut Session, statement: &str) -> Result<(), String> {
    let refused = session.run(statement).expect_err("there is no such provider").to_string();
    let parts = statement.strip_prefix("SECURITY LABEL FOR ").and_then(|rest| rest.split_once(" ON "));
    let (provider, rest) = parts.ok_or("no label")?;
    let (object, label) = rest.rsplit_once(" IS ").ok_or("no label")?;
    let provider = provider.trim_matches('"').replace("\"\"", "\"");
    if !refused.contains(&format!("security label provider \"{provider}\" is not loaded")) {
        return Err(refused);
    }
    let (shared, number) = if object.starts_with("DATABASE ") { ("sh", "") } else { ("", "objsubid, ") };
    let provider = quote_literal(&provider);
    let sql = format!(
        "CREATE TEMP TABLE kept AS SELECT * FROM pg_catalog.pg_{shared}description;
         COMMENT ON {object} IS 'labelled';
         INSERT INTO pg_catalog.pg_{shared}seclabel (objoid, classoid, {number}provider, label)
           SELECT objoid, classoid, {number}{provider}, {label} FROM pg_catalog.pg_{shared}description WHERE description = 'labelled';
         DELETE FROM pg_catalog.pg_{shared}description WHERE description = 'labelled';
         INSERT INTO pg_catalog.pg_{shared}description
           SELECT * FROM pg_temp.kept EXCEPT SELECT * FROM pg_catalog.pg_{shared}description;
         DROP TABLE pg_temp.kept"
    );
    session.run(&sql).map_err(|error| error.to_string())
}

/// The facts that are not the same in both, stored order included.
fn different_facts(before: &Snapshot, after: &Snapshot, unlike: Option<Unlike>) -> Vec<String> {
    let mut differences = Vec::new();
    for (id, fact) in before.facts() {
        match after.get(id) {
            None => differences.push(format!("{id} is missing")),
            Some(other) if compared(other, unlike) != compared(fact, unlike) => {
                differences.push(format!("{id} was\n  {fact:?}\nand is\n  {other:?}"));
            }
            Some(_) if before.needs(id) != after.needs(id) => {
                differences.push(format!(
                    "{id} needed {:?} and needs {:?}",
                    before.needs(id),
                    after.needs(id)
                ));
            }
            Some(_) => {}
        }
    }
    let more = after.facts().filter(|(id, _)| before.get(id).is_none());
    differences.extend(more.map(|(id, fact)| format!("{id} was not there: {fact:?}")));
    let more = differences.len().saturating_sub(12);
    differences.truncate(12);
    if more > 0 {
        differences.push(format!("and {more} more"));
    }
    differences
}

fn compared(fact: &Fact, unlike: Option<Unlike>) -> Fact {
    let mut fact = fact.clone();
    if unlike == Some(Unlike::Order) {
        fact.remove("position");
    }
    fact
}

/// What `pg_dump` says, without the lines that differ from run to run.
pub fn dump(database: &TestDatabase, arguments: &[&str]) -> String {
    let output = Command::new(client_bin().join("pg_dump"))
        .args(arguments)
        .arg(database.uri())
        .output()
        .expect("pg_dump can be run");
    assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("pg_dump writes UTF-8");
    let is_constant = |line: &&str| {
        !["\\restrict ", "\\unrestrict ", "-- Dumped"].iter().any(|start| line.starts_with(start))
    };
    let mut lines: Vec<&str> = text.split_inclusive('\n').filter(is_constant).collect();
    // It asks for the settings of roles without an order.
    let of_roles = |line: &&str| line.starts_with("ALTER ROLE ") && line.contains(" IN DATABASE ");
    if let Some(first) = lines.iter().position(of_roles) {
        let last = lines.iter().rposition(of_roles).unwrap_or(first);
        lines[first..=last].sort_unstable();
    }
    lines.concat()
}

const REAL: [&str; 19] = [
    "chinook",
    "pagila",
    "adventureworks",
    "kratos_final",
    "procrastinate",
    "mimic3",
    "mimic4",
    "temporal",
    "grafast_forums",
    "farmbot",
    "omop_cdm54",
    "supabase_auth_final",
    "supabase_storage_final",
    "crates_io_final",
    "graphile_worker_final",
    "pgmq",
    "supabase_init",
    "postgraphile_kitchen_sink",
    "danbooru",
];

#[test]
fn real_schemas_make_the_trip() {
    for server in servers().into_iter().filter(|server| server.major() == 15) {
        for name in REAL {
            match load_corpus(&server, name) {
                Some(database) => check_trip(&server, &database),
                None => eprintln!("no corpus: {name} is not tried"),
            }
            eprintln!("{name} made the trip");
        }
    }
}

/// What PostgreSQL's own tests leave behind: every kind, in odd forms.
#[test]
fn the_regression_database_makes_the_trip() {
    for server in servers().into_iter().filter(|server| server.major() == 15) {
        match load_corpus(&server, "pg15_regress") {
            Some(database) => check_trip(&server, &database),
            None => eprintln!("no corpus: pg15_regress is not tried"),
        }
    }
}
