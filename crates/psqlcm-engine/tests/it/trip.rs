//! The judge is PostgreSQL: what was captured and made again must look the same to `pg_dump`, and the same to
//! a second capture.

use std::collections::BTreeSet;
use std::process::Command;

use psqlcm_core::fact::{Fact, FactId};
use psqlcm_core::fingerprint::Fingerprints;
use psqlcm_core::kinds::KindId;
use psqlcm_core::kinds::cases::Unlike;
use psqlcm_core::name::quote_literal;
use psqlcm_core::plan;
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
    let before = snapshot(original);
    definitions_are_the_servers(original, &before)?;
    let not_held: Vec<_> = before.left_out.iter().map(|left| format!("{left:?}")).collect();
    if !not_held.is_empty() {
        return Err(format!("left out: {}", not_held.join("\n")));
    }
    make_again(server, original, &before, unlike)
}

/// What is put together of names, since the server's functions take long, is what these print.
fn definitions_are_the_servers(original: &TestDatabase, captured: &Snapshot) -> Result<(), String> {
    let rows = session(original).rows(PRINTED).map_err(|error| error.to_string())?;
    let rows = rows.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect());
    let printed: BTreeSet<Vec<String>> = rows.collect();
    let is_printed =
        |id: &FactId| matches!(id.kind(), KindId::Index | KindId::Constraint | KindId::ForeignKey);
    for (id, fact) in captured.facts().filter(|(id, _)| is_printed(id)) {
        let definition = fact.get_text("definition").unwrap_or_default();
        let what = if id.kind() == KindId::Index { "index" } else { "constraint" };
        let parent = id.parent().map_or("", FactId::name);
        let row = [what, id.schema().unwrap_or_default(), parent, id.name(), definition];
        // What the server printed is brought into one form where it holds a list.
        if !definition.contains("ARRAY[") && !printed.contains(row.map(str::to_owned).as_slice()) {
            return Err(format!("not what the server prints: {row:?}"));
        }
    }
    Ok(())
}

const PRINTED: &str = "
SET search_path = '';
SELECT 'index', n.nspname, t.relname, c.relname, pg_catalog.pg_get_indexdef(c.oid)
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
UNION ALL
SELECT 'constraint', n.nspname, coalesce(r.relname, t.typname), c.conname, pg_catalog.pg_get_constraintdef(c.oid)
  FROM pg_catalog.pg_constraint AS c
  LEFT JOIN pg_catalog.pg_class AS r ON r.oid = c.conrelid
  LEFT JOIN pg_catalog.pg_type AS t ON t.oid = c.contypid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = coalesce(r.relnamespace, t.typnamespace)";

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

/// A table of the system's schema is none of a snapshot, so that only the server knows the names.
#[test]
fn a_key_to_what_is_not_read_is_printed_by_the_server() {
    for server in servers() {
        let original = server.database("original");
        original
            .psql(
                "CREATE TABLE information_schema.target (a int PRIMARY KEY); \
                 CREATE TABLE t (a int REFERENCES information_schema.target, b varchar); \
                 CREATE INDEX ON t (a); CREATE INDEX ON t (b)",
            )
            .unwrap();
        let captured = snapshot(&original);
        let definition = |kind, name: &str| {
            let mut facts = captured.facts().filter(|(id, _)| id.kind() == kind && id.name() == name);
            facts.next().and_then(|(_, fact)| fact.get_text("definition"))
        };
        assert_eq!(
            definition(KindId::ForeignKey, "t_a_fkey"),
            Some("FOREIGN KEY (a) REFERENCES information_schema.target(a)")
        );
        assert_eq!(
            definition(KindId::Index, "t_a_idx"),
            Some("CREATE INDEX t_a_idx ON public.t USING btree (a)")
        );
        assert_eq!(
            definition(KindId::Index, "t_b_idx"),
            Some("CREATE INDEX t_b_idx ON public.t USING btree (b)")
        );
        definitions_are_the_servers(&original, &captured).unwrap();
    }
}

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
