//! The cases of all kinds make the trip on every server of the run, and cover every attribute a kind declares.

use std::collections::{BTreeMap, BTreeSet};

use psqlcm_core::fact::Value;
use psqlcm_core::kinds::cases::{Case, ROLES, all};
use psqlcm_core::kinds::{ALL, KindId};
use psqlcm_core::name::{quote_ident, quote_literal};
use psqlcm_core::snapshot::Snapshot;
use psqlcm_testkit::{TestDatabase, TestServer, servers};

use crate::trip::{snapshot, trip};

/// Attributes that no case can set, with the reason.
const EXCUSED: [(KindId, &str, &str); 12] = [
    (KindId::Database, "provider", "CREATE DATABASE says it: the tests of restore"),
    (KindId::Database, "locale", "CREATE DATABASE says it: the tests of restore"),
    (KindId::Database, "icu_rules", "CREATE DATABASE says it: the tests of restore"),
    (KindId::Database, "connection_limit", "CREATE DATABASE says it: the tests of restore"),
    (KindId::Database, "is_template", "CREATE DATABASE says it: the tests of restore"),
    (KindId::Database, "closed", "nobody could connect to capture it"),
    (KindId::Subscription, "enabled", "it is made again disabled: the tests of restore"),
    (KindId::Database, "tablespace", "a tablespace needs a folder on the server's machine"),
    (KindId::Table, "tablespace", "a tablespace needs a folder on the server's machine"),
    (KindId::Index, "tablespace", "a tablespace needs a folder on the server's machine"),
    (KindId::Constraint, "tablespace", "a tablespace needs a folder on the server's machine"),
    (KindId::MaterializedView, "tablespace", "a tablespace needs a folder on the server's machine"),
];

/// Of each kind the attributes that were seen.
type Seen = BTreeMap<KindId, BTreeSet<String>>;

#[test]
fn cases_make_the_trip() {
    let cases = all().unwrap();
    // For people at work on one of them: part of its name.
    let only = std::env::var("PSQL_CM_TEST_CASE").ok();
    let chosen: Vec<&Case> =
        cases.iter().filter(|case| only.as_ref().is_none_or(|only| case.name().contains(only))).collect();
    let mut failures = Vec::new();
    let mut seen = Seen::new();
    for server in servers() {
        create_roles(&server);
        let cases: Vec<&Case> = chosen.iter().copied().filter(|case| can_run(&server, case)).collect();
        eprintln!("PostgreSQL {}: {} of {} cases", server.major(), cases.len(), chosen.len());
        failures.extend(run(&server, &cases, &mut seen));
    }
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
    // Some attributes came with a version: without it no case can set them.
    let newest = cases.iter().map(|case| case.versions.0).max().unwrap_or_default();
    let has_all = servers().iter().any(|server| server.major() >= newest);
    match only.is_none() && has_all {
        true => check_coverage(&seen),
        false => eprintln!(
            "whether each attribute has a case is not judged: that takes all cases, on {newest} too"
        ),
    }
}

/// All together where they can be; where that fails, one by one to tell which it is.
fn run(server: &TestServer, cases: &[&Case], seen: &mut Seen) -> Vec<String> {
    let (alone, together): (Vec<&Case>, Vec<&Case>) =
        cases.iter().partition(|case| case.alone || case.unlike.is_some());
    let mut failures: Vec<String> =
        alone.iter().filter_map(|case| check(server, &[case], seen).err()).collect();
    if let Err(whole) = check(server, &together, seen) {
        let single: Vec<_> = together.iter().filter_map(|case| check(server, &[case], seen).err()).collect();
        match single.is_empty() {
            true => failures.push(format!("PostgreSQL {}: only together: {whole}", server.major())),
            false => failures.extend(single),
        }
    }
    failures
}

/// Runs the cases in one database, and that database's trip.
fn check(server: &TestServer, cases: &[&Case], seen: &mut Seen) -> Result<(), String> {
    let name = |case: &&Case| format!("PostgreSQL {}: {}", server.major(), case.name());
    let what = match cases {
        [case] => name(case),
        _ => format!("PostgreSQL {}: {} cases", server.major(), cases.len()),
    };
    let database = server.database("cases");
    for (number, case) in cases.iter().enumerate() {
        create(&database, number, case).map_err(|error| format!("{}: {error}", name(case)))?;
    }
    note(&snapshot(&database), seen);
    let unlike = cases.iter().find_map(|case| case.unlike);
    trip(server, &database, unlike).map_err(|error| format!("{what}: {error}"))
}

fn create(database: &TestDatabase, number: usize, case: &Case) -> Result<String, String> {
    let schema = quote_ident(&format!("{} {number}", case.kind.kind().name)).into_owned();
    let own = match case.alone {
        true => String::new(),
        false => format!("CREATE SCHEMA {schema};\nSET search_path = {schema};\n"),
    };
    // In psql's variable SCHEMA is the name as it is.
    let name = format!("\\set SCHEMA {}\n", quote_literal(&format!("{} {number}", case.kind.kind().name)));
    database.psql(&format!("{own}{name}{}", case.sql))
}

fn create_roles(server: &TestServer) {
    for (name, attributes) in ROLES {
        // Another test may be creating them at this moment.
        let create = format!(
            "DO $do$ BEGIN CREATE ROLE {} {attributes}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $do$",
            quote_ident(name)
        );
        server.psql("postgres", &create).unwrap();
    }
}

fn can_run(server: &TestServer, case: &Case) -> bool {
    let offered = |name: &&str| {
        let sql =
            format!("SELECT count(*) FROM pg_available_extensions WHERE name = {}", quote_literal(name));
        server.psql("postgres", &sql).unwrap() == "1"
    };
    case.runs_on(server.major()) && case.needs.iter().all(offered)
}

fn note(snapshot: &Snapshot, seen: &mut Seen) {
    for (id, fact) in snapshot.facts() {
        let attributes = seen.entry(id.kind()).or_default();
        attributes.extend(fact.attributes().map(|(name, _): (_, &Value)| name.to_owned()));
    }
}

/// Every attribute that a kind declares is set by a case, and none that it does not declare.
fn check_coverage(seen: &Seen) {
    let mut wrong = Vec::new();
    for &kind in ALL {
        let declared: BTreeSet<_> =
            kind.kind().attributes.iter().map(|attribute| attribute.name.to_owned()).collect();
        let found = seen.get(&kind).cloned().unwrap_or_default();
        let excused = |name: &String| EXCUSED.iter().any(|(of, excused, _)| *of == kind && excused == name);
        for name in found.difference(&declared) {
            wrong.push(format!("{kind:?} does not declare {name}, and sets it"));
        }
        for name in declared.difference(&found).filter(|name| !excused(name)) {
            wrong.push(format!("{kind:?} declares {name}, and no case sets it"));
        }
        for name in found.iter().filter(|name| excused(name)) {
            wrong.push(format!("{kind:?} is excused from setting {name}, and sets it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
