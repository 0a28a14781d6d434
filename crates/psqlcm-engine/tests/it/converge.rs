//! A plan makes of one database the other. The judge is PostgreSQL: each statement runs, and what is there afterwards is
//! what was to be reached, fact by fact.

mod changes;
mod renames;

use psqlcm_core::delta::Delta;
use psqlcm_core::kinds::KindId;
use psqlcm_core::kinds::cases::{Case, all, preparation};
use psqlcm_core::plan;
use psqlcm_core::snapshot::Snapshot;
use psqlcm_testkit::{TestDatabase, TestServer, load_corpus, ordered_pairs, servers, years};

use crate::cases::can_run;
use crate::trip::{session, snapshot};

#[test]
fn pairs_converge_both_ways() {
    // For people at work on one of them: part of its name.
    let only = std::env::var("PSQL_CM_TEST_PAIR").ok();
    let mut failures = Vec::new();
    for server in servers().iter().filter(|server| server.major() >= 15) {
        let is_chosen = |name: &str| only.as_ref().is_none_or(|only| name.contains(only));
        for (old, new) in years(server.major()).filter(|(old, _)| is_chosen(old)) {
            for (from, to) in [(&old, &new), (&new, &old)] {
                let side = |name| load_corpus(server, name);
                let (Some(from_side), Some(to_side)) = (side(from), side(to)) else { return };
                let result = converge(&from_side, &to_side);
                let what = format!("PostgreSQL {}: {from} to {to}", server.major());
                failures.extend(result.err().map(|error| format!("{what}: {error}")));
            }
        }
    }
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

/// Makes of one database the other, and says what is not as it was to be.
pub fn converge(from: &TestDatabase, to: &TestDatabase) -> Result<(), String> {
    let (before, wanted) = (snapshot(from), snapshot(to));
    let plan = plan::between(&before, &wanted).map_err(|error| error.to_string())?;
    apply(from, &plan)?;
    arrived(&plan, &snapshot(from), &wanted)
}

/// Whether that is what was wanted, and a second plan finds nothing to do.
fn arrived(plan: &[plan::Action], after: &Snapshot, wanted: &Snapshot) -> Result<(), String> {
    let left = Delta::between(after, wanted).facts;
    let left: Vec<String> =
        left.iter().map(|fact| format!("{} {}: {:?}", fact.op().sign(), fact.id, fact.what)).collect();
    if !left.is_empty() {
        return Err(format!("what is left:\n{}\nafter\n{}", left.join("\n"), script(plan)));
    }
    let second = plan::between(after, wanted).map_err(|error| error.to_string())?;
    match second.is_empty() {
        true => Ok(()),
        false => Err(format!("the second plan: {second:?}")),
    }
}

/// Runs a plan, each action by itself.
fn apply(database: &TestDatabase, plan: &[plan::Action]) -> Result<(), String> {
    let mut session = session(database);
    session
        .run("SET check_function_bodies = off; SET search_path = ''")
        .map_err(|error| error.to_string())?;
    for action in plan.iter().filter(|action| action.id.kind() != KindId::Role) {
        for statement in &action.statements {
            let statement = plan::with_database_name(statement, database.name());
            session.run(&statement).map_err(|error| {
                format!("{:?} {}: {error}\n{statement}\nof\n{}", action.doing, action.id, script(plan))
            })?;
        }
    }
    Ok(())
}

fn script(plan: &[plan::Action]) -> String {
    let lines = plan.iter().map(|action| {
        format!(
            "-- {:?} {} {:?}\n{};\n",
            action.doing,
            action.id,
            action.members,
            action.statements.join(";\n")
        )
    });
    match std::env::var_os("PSQL_CM_TEST_SCRIPT") {
        Some(_) => lines.collect(),
        None => String::new(),
    }
}

/// One real schema becomes a quite different one: six of all ordered pairs, or all with `PSQL_CM_PAIRS=all`.
#[test]
fn real_schemas_become_each_other() {
    let only = std::env::var("PSQL_CM_TEST_PAIR").ok();
    let takes_all = only.is_some() || std::env::var("PSQL_CM_PAIRS").is_ok_and(|pairs| pairs == "all");
    let chosen =
        ordered_pairs().enumerate().filter(|(number, _)| takes_all || number % 15 == 4).map(|(_, pair)| pair);
    let chosen: Vec<_> = chosen.collect();
    let mut failures = Vec::new();
    for server in servers().iter().filter(|server| server.major() >= 15) {
        for (from, to) in &chosen {
            let pair = format!("{from} to {to}");
            if only.as_ref().is_some_and(|only| !pair.contains(only)) {
                continue;
            }
            let (Some(from), Some(to)) = (load_corpus(server, from), load_corpus(server, to)) else { return };
            let result = converge(&from, &to);
            failures
                .extend(result.err().map(|error| format!("PostgreSQL {}: {pair}: {error}", server.major())));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

/// Cases that a plan in a database that is there cannot bring about, with the reason.
const EXCUSED: [(&str, &str); 2] = [
    ("security label: on everything that can have one", "no server of the tests has a provider"),
    ("security label: of two providers", "the same"),
];

/// All cases of all kinds come out of nothing, and go again.
#[test]
fn cases_come_and_go() {
    let only = std::env::var("PSQL_CM_TEST_CASE").ok();
    let cases = all().unwrap();
    let is_chosen = |case: &&Case| {
        let excused = EXCUSED.iter().any(|(name, _)| *name == case.name());
        !excused && !case.cluster && only.as_ref().is_none_or(|only| case.name().contains(only))
    };
    let mut failures = Vec::new();
    for server in servers() {
        server.psql("postgres", &preparation()).unwrap();
        let cases: Vec<&Case> =
            cases.iter().filter(is_chosen).filter(|case| can_run(&server, case)).collect();
        let (alone, together): (Vec<&Case>, Vec<&Case>) =
            cases.iter().partition(|case| case.alone || case.unlike.is_some());
        let check = |cases: &[&Case]| come_and_go(&server, cases);
        failures.extend(alone.iter().filter_map(|case| check(&[case]).err()));
        if let Err(whole) = check(&together) {
            let single: Vec<String> = together.iter().filter_map(|case| check(&[case]).err()).collect();
            failures.extend(if single.is_empty() { vec![whole] } else { single });
        }
    }
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

fn come_and_go(server: &TestServer, cases: &[&Case]) -> Result<(), String> {
    let (full, empty, target) =
        (server.database("full"), server.database("empty"), server.database("target"));
    let names = cases.iter().map(|case| case.name()).collect::<Vec<_>>().join(", ");
    let what = |error: String| format!("PostgreSQL {}: {names}: {error}", server.major());
    for (number, case) in cases.iter().enumerate() {
        full.psql(&case.script(number)).map_err(what)?;
    }
    converge(&target, &full).map_err(|error| what(format!("coming: {error}")))?;
    converge(&target, &empty).map_err(|error| what(format!("going: {error}")))
}

/// What goes and what comes look the same: renamed, nothing of it is dropped.
#[test]
fn renames_keep_what_is_renamed() {
    const OLD: &str = "CREATE SCHEMA app; CREATE SCHEMA other;
        CREATE TYPE app.mood AS ENUM ('a', 'b');
        CREATE TABLE app.orders (id integer PRIMARY KEY, total numeric CHECK (total > 0), m app.mood);
        CREATE TABLE app.moved (single text);
        CREATE VIEW app.v AS SELECT id, total FROM app.orders;
        CREATE SEQUENCE app.numbers START 7;
        CREATE FUNCTION app.f(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n';
        INSERT INTO app.orders VALUES (1, 2, 'a');";
    const RENAMES: &str = "ALTER TYPE app.mood RENAME TO \"Mood\"; ALTER TABLE app.orders RENAME TO sales;
        ALTER TABLE app.sales RENAME CONSTRAINT orders_pkey TO sales_pkey;
        ALTER TABLE app.moved SET SCHEMA other; ALTER VIEW app.v RENAME TO w;
        ALTER SEQUENCE app.numbers RENAME TO digits; ALTER FUNCTION app.f RENAME TO g;";
    for server in servers() {
        let (from, to) = (server.database("old"), server.database("new"));
        from.psql(OLD).unwrap();
        to.psql(&format!("{OLD}{RENAMES}")).unwrap();
        let renames = plan::candidates(&snapshot(&from), &snapshot(&to));
        let specs: Vec<String> = renames.iter().map(plan::Rename::spec).collect();
        assert_eq!(
            specs,
            [
                "enum:app.mood=app.\"Mood\"",
                "function:app.f(integer)=app.g(integer)",
                "table:app.moved=other.moved",
                "sequence:app.numbers=app.digits",
                "view:app.v=app.w",
            ]
        );
        // Its columns have another type by now, by name.
        let table =
            plan::Rename::parse("table:app.orders=app.sales", &snapshot(&from), &snapshot(&to)).unwrap();
        let renames: Vec<_> = std::iter::once(table).chain(renames).collect();
        for statement in plan::rename_statements(&renames).unwrap() {
            from.psql(&statement).unwrap();
        }
        let actions = plan::between(&snapshot(&from), &snapshot(&to)).unwrap();
        assert!(actions.iter().all(|action| action.id.kind() == KindId::Constraint), "{}", script(&actions));
        converge(&from, &to).unwrap();
        assert_eq!(from.psql("SELECT id, total, m FROM app.sales").unwrap().trim(), "1|2|a");
    }
}
