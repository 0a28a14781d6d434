//! The cases of all kinds make the trip on every server of the run, and cover every attribute a kind declares; which
//! case covers which `docs/coverage.md` says, which `UPDATE=1` writes anew.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use psqlcm_core::fact::Value;
use psqlcm_core::globals;
use psqlcm_core::kinds::Nature;
use psqlcm_core::kinds::cases::{Case, all, preparation};
use psqlcm_core::kinds::{ALL, KindId};
use psqlcm_core::name::quote_literal;
use psqlcm_core::snapshot::Snapshot;
use psqlcm_engine::capture;
use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions};
use psqlcm_testkit::{TestServer, servers, text_difference};

use crate::trip::{session_of, snapshot, trip};

/// The versions that the page speaks of.
const OLDEST: u32 = 13;
const NEWEST: u32 = 18;

/// Attributes that no case can set, with the reason.
const EXCUSED: [(KindId, &str, &str); 8] = [
    (KindId::Database, "provider", "see `trips::properties_of_databases`"),
    (KindId::Database, "locale", "see `trips::properties_of_databases`"),
    (KindId::Database, "icu_rules", "see `trips::properties_of_databases`"),
    (KindId::Database, "connection_limit", "see `trips::properties_of_databases`"),
    (KindId::Database, "is_template", "see `trips::properties_of_databases`"),
    (KindId::Database, "closed", "nobody could connect to capture it"),
    (KindId::Subscription, "enabled", "it is made again disabled"),
    (KindId::Database, "tablespace", "see `trips::properties_of_databases`"),
];

/// Attributes that came with a version, and are shown by cases that older ones run too.
const SINCE: [(KindId, &str, u32); 6] = [
    (KindId::Membership, "inherit", 16),
    (KindId::Range, "multirange", 14),
    (KindId::BaseType, "subscript", 14),
    (KindId::Subscription, "streaming", 14),
    (KindId::Sequence, "unlogged", 15),
    (KindId::Constraint, "column", 18),
];

/// A kind, or an attribute of it.
type Property = (KindId, Option<String>);

/// What the cases have shown.
#[derive(Default)]
struct Seen {
    /// On each server, by its major version.
    on: BTreeMap<u32, BTreeSet<Property>>,
    /// Whether to look after each single case what it added: on one server, as it takes a capture each.
    tells_cases: bool,
    /// What the cases added.
    proofs: BTreeMap<Property, Proof>,
}

/// A case that shows something, by name, and whether it is one of the kind's own; the versions of all that do.
struct Proof {
    case: String,
    is_own: bool,
    since: u32,
    versions: (u32, u32),
}

#[test]
fn cases_make_the_trip() {
    let cases = all().unwrap();
    // For people at work on one of them: part of its name.
    let only = std::env::var("PSQL_CM_TEST_CASE").ok();
    let chosen: Vec<&Case> =
        cases.iter().filter(|case| only.as_ref().is_none_or(|only| case.name().contains(only))).collect();
    let mut failures = Vec::new();
    let mut seen = Seen::default();
    // Some attributes came with a version: without it no case can set them.
    let newest = cases.iter().map(|case| case.versions.0).max().unwrap_or_default();
    for server in servers() {
        server.psql("postgres", &preparation()).unwrap();
        let cases: Vec<&Case> = chosen.iter().copied().filter(|case| can_run(&server, case)).collect();
        eprintln!("PostgreSQL {}: {} of {} cases", server.major(), cases.len(), chosen.len());
        let (of_cluster, cases): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.cluster);
        seen.tells_cases = server.major() == newest;
        failures.extend(run(&server, &cases, &mut seen));
        if !of_cluster.is_empty() {
            failures.extend(check_globals(server.major(), &of_cluster, &mut seen).err());
        }
    }
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
    let has_all = servers().iter().any(|server| server.major() == newest);
    match only.is_none() && has_all {
        true => {
            check_coverage(&seen);
            check_page(&seen);
        }
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
    let mut before = seen.tells_cases.then(|| snapshot(&database));
    for (number, case) in cases.iter().enumerate() {
        database.psql(&case.script(number)).map_err(|error| format!("{}: {error}", name(case)))?;
        if let Some(before) = &mut before {
            let after = snapshot(&database);
            note_case(case, before, &after, seen);
            *before = after;
        }
    }
    note(server.major(), &snapshot(&database), seen);
    let unlike = cases.iter().find_map(|case| case.unlike);
    trip(server, &database, unlike).map_err(|error| format!("{what}: {error}"))
}

/// Runs the cases in a cluster of their own, and the trip of its globals by plain psql.
fn check_globals(major: u32, cases: &[&Case], seen: &mut Seen) -> Result<(), String> {
    let (_source, server) = cluster(major);
    let folders = server.socket_dir().to_owned();
    let mut session = session_of(&server, "postgres");
    let mut captured = capture::globals(&mut session).unwrap();
    for case in cases {
        let sql = format!("{}{}", make_folders(&server), case.sql);
        server
            .psql("postgres", &sql)
            .map_err(|error| format!("PostgreSQL {major}: {}: {error}", case.name()))?;
        let before = std::mem::replace(&mut captured, capture::globals(&mut session).unwrap());
        if seen.tells_cases {
            note_case(case, &before, &captured, seen);
        }
    }
    assert_eq!(captured.left_out, []);
    note(major, &captured, seen);
    let text = globals::text(&captured).unwrap();
    let (_target, other) = cluster(major);
    make_folders(&other);
    let moved = |text: &str| text.replace(&*folders.to_string_lossy(), &other.socket_dir().to_string_lossy());
    let in_place = if major >= 15 { "SET allow_in_place_tablespaces = on;\n" } else { "" };
    other.psql("postgres", &format!("{in_place}{}", moved(&text)))?;
    let difference = text_difference(&moved(&server.pg_dumpall_globals()), &other.pg_dumpall_globals());
    difference.map_or(Ok(()), |difference| Err(format!("PostgreSQL {major}: globals: {difference}")))
}

fn cluster(major: u32) -> (ScratchCluster, TestServer) {
    let installations = Installation::discover();
    let installation = installations.iter().find(|found| found.version.major == major).unwrap();
    let cluster = ScratchCluster::start(installation, &ScratchOptions::default()).unwrap();
    let server = TestServer::new(major, cluster.socket_dir(), cluster.port());
    (cluster, server)
}

/// Has the server, which may run as somebody else, make the folders; gives psql's variables that name them.
fn make_folders(server: &TestServer) -> String {
    let folder = |name: &str| {
        let path = server.socket_dir().join(name);
        let make = format!("COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; mkdir -p {}'", path.display());
        server.psql("postgres", &make).unwrap();
        format!("\\set {name} {}\n", quote_literal(&path.display().to_string()))
    };
    ["FOLDER_A", "FOLDER_B"].map(folder).concat()
}

pub fn can_run(server: &TestServer, case: &Case) -> bool {
    case.runs_on(server.major()) && case.needs.iter().all(|extension| server.offers(extension))
}

fn note(major: u32, snapshot: &Snapshot, seen: &mut Seen) {
    let seen = seen.on.entry(major).or_default();
    for (id, fact) in snapshot.facts() {
        let attributes = fact.attributes().map(|(name, _): (_, &Value)| Some(name.to_owned()));
        seen.extend(attributes.chain([None]).map(|attribute| (id.kind(), attribute)));
    }
}

/// Notes what a case added.
fn note_case(case: &Case, before: &Snapshot, after: &Snapshot, seen: &mut Seen) {
    for (id, fact) in after.facts() {
        let old = before.get(id);
        let is_new = |name: &&str| old.is_none_or(|old| old.get(name) != fact.get(name));
        let names = fact.attributes().map(|(name, _)| name).filter(is_new).map(|name| Some(name.to_owned()));
        for name in names.chain(old.is_none().then_some(None)) {
            prove(case, id.kind(), name, seen);
        }
    }
}

fn prove(case: &Case, kind: KindId, attribute: Option<String>, seen: &mut Seen) {
    let (is_own, since) = (case.kind == kind, case.versions.0);
    let found = Proof { case: case.name(), is_own, since, versions: case.versions };
    let proof = match seen.proofs.entry((kind, attribute)) {
        Entry::Vacant(entry) => {
            entry.insert(found);
            return;
        }
        Entry::Occupied(entry) => entry.into_mut(),
    };
    let versions = (proof.versions.0.min(found.versions.0), proof.versions.1.max(found.versions.1));
    // The kind's own, and one that most servers run.
    if (found.is_own, proof.since) > (proof.is_own, found.since) {
        *proof = found;
    }
    proof.versions = versions;
}

/// Each kind and each attribute that it declares is shown by a case, on all versions that the cases claim; and no other.
fn check_coverage(seen: &Seen) {
    let mut wrong = Vec::new();
    for property in seen.on.values().flatten().collect::<BTreeSet<_>>() {
        if !properties(property.0).contains(property) {
            wrong.push(format!("{property:?} is not declared, and is set"));
        }
        if excuse(property).is_some() {
            wrong.push(format!("{property:?} is excused from having a case, and has one"));
        }
    }
    for property in ALL.iter().flat_map(|&kind| properties(kind)) {
        let claimed = claimed(&property, seen);
        if claimed.is_none() && excuse(&property).is_none() {
            wrong.push(format!("{property:?} has no case"));
        }
        for (major, on) in &seen.on {
            let is_claimed = claimed.is_some_and(|(first, last)| (first..=last).contains(major));
            if is_claimed != on.contains(&property) {
                wrong.push(format!("{property:?} on {major}: claimed {is_claimed}, seen {}", !is_claimed));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The kind, and the attributes that it declares, as far as a database that is read by itself can have them.
fn properties(kind: KindId) -> Vec<Property> {
    let attributes = kind.kind().attributes.iter().filter(|attribute| attribute.nature != Nature::Live);
    let attributes = attributes.map(|attribute| Some(attribute.name.to_owned()));
    [None].into_iter().chain(attributes).map(|attribute| (kind, attribute)).collect()
}

fn excuse((kind, attribute): &Property) -> Option<&'static str> {
    let is_it = |(of, name, _): &&(KindId, &str, &str)| (*of, Some(*name)) == (*kind, attribute.as_deref());
    EXCUSED.iter().find(is_it).map(|(_, _, why)| *why)
}

/// The versions on which cases show it.
fn claimed(property: &Property, seen: &Seen) -> Option<(u32, u32)> {
    let (first, last) = match seen.proofs.get(property) {
        Some(proof) => proof.versions,
        None => is_in_every_database(property, seen).then_some((0, 99))?,
    };
    let is_it =
        |(kind, name, _): &&(KindId, &str, u32)| (*kind, Some(*name)) == (property.0, property.1.as_deref());
    let since = SINCE.iter().find(is_it).map_or(OLDEST, |(_, _, since)| *since);
    Some((first.max(since), last.min(NEWEST)))
}

/// No case adds what even a new database has.
fn is_in_every_database(property: &Property, seen: &Seen) -> bool {
    seen.on.values().all(|on| on.contains(property))
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/coverage.md");

/// The page is what the run has shown.
fn check_page(seen: &Seen) {
    let kinds = ALL.iter().map(|&kind| section(kind, seen));
    let page = include_str!("coverage.md").to_owned() + &kinds.collect::<String>();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    psqlcm_testkit::assert_same_text(&written, &page);
}

fn section(kind: KindId, seen: &Seen) -> String {
    let name = kind.kind().name;
    let row = |property: Property| {
        let shown = property.1.as_ref().map_or("*that it is there*".to_owned(), |name| format!("`{name}`"));
        let versions =
            claimed(&property, seen).map_or(String::new(), |(first, last)| format!("{first} to {last}"));
        let proof = match (seen.proofs.get(&property), excuse(&property)) {
            (Some(proof), _) => proof.case.clone(),
            (None, Some(why)) => format!("*none: {why}*"),
            (None, None) => "every case".to_owned(),
        };
        format!("| {shown} | {versions} | {proof} |\n")
    };
    let rows: String = properties(kind).into_iter().map(row).collect();
    format!("\n### {name}\n\n| property | versions | proved by |\n| --- | --- | --- |\n{rows}")
}
