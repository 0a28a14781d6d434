//! The judge is PostgreSQL: what was captured and made again must look the same to `pg_dump`, and the same to
//! a second capture.

use psqlcm_core::fingerprint::Fingerprints;
use psqlcm_core::plan;
use psqlcm_core::snapshot::Snapshot;
use psqlcm_engine::capture::capture;
use psqlcm_engine::conninfo::{ConnInfo, Environment, Given};
use psqlcm_engine::session::Session;
use psqlcm_testkit::{TestDatabase, TestServer, assert_same_text, load_corpus, servers};

fn session(database: &TestDatabase) -> Session {
    let info = ConnInfo::resolve(&Given::new().text("test", &database.uri()), &Environment::empty()).unwrap();
    Session::connect(&info).unwrap()
}

fn snapshot(database: &TestDatabase) -> Snapshot {
    capture(&mut session(database)).unwrap()
}

/// Captures a database, makes it again beside it, and compares.
fn check_trip(server: &TestServer, original: &TestDatabase) {
    let before = snapshot(original);
    assert_eq!(before.left_out, [], "{}", original.name());
    assert_eq!(before.unread, [], "{}", original.name());
    let copy = server.database("copy");
    let mut session = session(&copy);
    session.run("SET check_function_bodies = off; SET search_path = ''").unwrap();
    for step in plan::from_empty(&before).unwrap() {
        for statement in step.statements {
            if statement.contains('\u{1}') || statement.starts_with("CREATE ROLE") {
                continue;
            }
            if let Err(error) = session.run(&statement) {
                panic!("{}: {}: {error}\n{statement}", original.name(), step.id);
            }
        }
    }
    assert_same_text(&original.pg_dump_schema(), &copy.pg_dump_schema());
    let after = snapshot(&copy);
    let (expected, found) = (Fingerprints::of(&before), Fingerprints::of(&after));
    let different: Vec<_> =
        expected.objects.iter().filter(|(id, hash)| found.objects.get(id) != Some(hash)).collect();
    assert!(different.is_empty(), "{different:?}");
    assert_eq!(expected.objects, found.objects);
}

const REAL: [&str; 12] = [
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
