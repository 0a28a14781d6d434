//! Whatever PostgreSQL can give another name is given one, and its own again, in all cases: each is there under the other
//! name, and nothing else has become of it in the end.

use std::collections::{BTreeMap, BTreeSet};

use psqlcm_core::fact::{Fact, FactId};
use psqlcm_core::kinds::cases::{Case, all, preparation};
use psqlcm_core::kinds::{ALL, KindId};
use psqlcm_core::plan::{self, Rename};
use psqlcm_core::snapshot::Snapshot;
use psqlcm_testkit::{TestDatabase, TestServer, servers, text_difference};

use crate::cases::can_run;
use crate::trip::{dump, session, snapshot};

/// What is renamed at once: the names of schemas and types stand in the identities of routines.
const ROUNDS: [fn(KindId) -> bool; 3] = [is_type, |kind| kind == KindId::Schema, |_| true];

fn is_type(kind: KindId) -> bool {
    use KindId::{BaseType, Composite, Domain, Enum, ForeignTable, MaterializedView, Range, Table, View};
    matches!(
        kind,
        Enum | Composite | Domain | Range | BaseType | Table | ForeignTable | View | MaterializedView
    )
}

#[test]
fn every_kind_is_renamed_there_and_back() {
    let cases = all().unwrap();
    let mut failures = Vec::new();
    for server in servers() {
        server.psql("postgres", &preparation()).unwrap();
        let cases = cases.iter().filter(|case| !case.cluster && can_run(&server, case));
        let (alone, together): (Vec<&Case>, Vec<&Case>) = cases.partition(|case| case.alone);
        let mut renamed = BTreeSet::new();
        let mut check = |cases: &[&Case], only: Option<KindId>| {
            let result = there_and_back(&server, cases, only, &mut renamed);
            failures.extend(result.err().map(|error| format!("PostgreSQL {}: {error}", server.major())));
            renamed.clone()
        };
        let mut known = check(&together, None);
        for case in alone.into_iter().filter(|case| is_renamable(case.kind)) {
            if !known.contains(&case.kind) {
                known = check(&[case], Some(case.kind));
            }
        }
        let missing = ALL.iter().filter(|kind| is_renamable(**kind) && !known.contains(kind));
        failures.extend(
            missing.map(|kind| format!("PostgreSQL {}: no {} was renamed", server.major(), kind.kind().name)),
        );
    }
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

fn is_renamable(kind: KindId) -> bool {
    let id = FactId::root(KindId::Schema, "s").child(KindId::Table, "t").child(kind, "name");
    (kind.kind().rename)(&id, "other").is_some()
}

fn there_and_back(
    server: &TestServer,
    cases: &[&Case],
    only: Option<KindId>,
    renamed: &mut BTreeSet<KindId>,
) -> Result<(), String> {
    let database = server.database("renamed");
    for (number, case) in cases.iter().enumerate() {
        database.psql(&case.script(number)).map_err(|error| format!("{}: {error}", case.name()))?;
    }
    let dumped = dump(&database, &["-s"]);
    for is_of_round in ROUNDS {
        let before = snapshot(&database);
        let is_wanted = |kind| only.is_none_or(|only| only == kind) && !renamed.contains(&kind);
        let renames = renames(&before, |kind| is_of_round(kind) && is_wanted(kind));
        run(&database, &renames)?;
        there(&before, &snapshot(&database), &renames)?;
        let back = renames.iter().map(|rename| Rename { from: rename.to.clone(), to: rename.from.clone() });
        run(&database, &back.collect::<Vec<_>>())?;
        let left = plan::between(&snapshot(&database), &before).map_err(|error| error.to_string())?;
        if !left.is_empty() {
            return Err(format!("what is left: {left:?}"));
        }
        renamed.extend(renames.iter().map(|rename| rename.from.kind()));
    }
    text_difference(&dump(&database, &["-s"]), &dumped).map_or(Ok(()), Err)
}

/// Whether all have their new names, which is how people say it.
fn there(before: &Snapshot, after: &Snapshot, renames: &[Rename]) -> Result<(), String> {
    for rename in renames {
        if after.get(&rename.from).is_some() || after.get(&rename.to).is_none() {
            return Err(format!("{} is not {}", rename.from, rename.to));
        }
        let read = Rename::parse(&rename.spec(), before, after).map_err(|error| error.to_string())?;
        assert_eq!(read, *rename);
    }
    Ok(())
}

/// All of these kinds that have a name of their own, with what they belong to.
fn renames(snapshot: &Snapshot, is_wanted: impl Fn(KindId) -> bool) -> Vec<Rename> {
    let parents = parents(snapshot);
    let mut known: BTreeMap<&FactId, FactId> = BTreeMap::new();
    let mut renames = Vec::new();
    for (number, (id, fact)) in snapshot.facts().enumerate() {
        let parent = id.parent().map(|parent| known.get(parent).unwrap_or(parent));
        let is_renamed = is_wanted(id.kind())
            && (id.kind().kind().rename)(id, "other").is_some()
            && is_its_own(snapshot, id, fact, &parents);
        let name = match is_renamed {
            true => format!("{} \"{number}", id.name().chars().take(20).collect::<String>()),
            false => id.name().to_owned(),
        };
        let to = FactId::build(parent.cloned(), id.kind(), &name, id.qualifier());
        if is_renamed {
            renames.push(Rename { from: id.clone(), to: to.clone() });
        }
        known.insert(id, to);
    }
    renames
}

/// The tables that others inherit from, and whether one of these has other parents too: PostgreSQL renames no column that
/// such a child has of both, and no constraint that a child has under another name.
fn parents(snapshot: &Snapshot) -> BTreeMap<FactId, bool> {
    let mut parents = BTreeMap::new();
    for (child, fact) in snapshot.facts() {
        let count = fact.get_list("parents").len();
        let attachment = child.child(KindId::Attachment, "");
        let needed = snapshot.needs(child).iter().chain(snapshot.needs(&attachment));
        for parent in needed.filter(|_| count > 0) {
            *parents.entry(parent.clone()).or_default() |= count > 1;
        }
    }
    parents
}

/// Whether it has its name by itself: not from what a table inherits from, from its type, or as the copy of a trigger.
fn is_its_own(snapshot: &Snapshot, id: &FactId, fact: &Fact, parents: &BTreeMap<FactId, bool>) -> bool {
    let Some(table) = id.parent() else { return true };
    let is_child = |table: &Fact| !table.get_list("parents").is_empty();
    let is_typed = snapshot.get(&table.child(KindId::Typing, "")).is_some();
    let is_free = !is_typed && !snapshot.get(table).is_some_and(is_child);
    match id.kind() {
        KindId::Column => is_free && parents.get(table) != Some(&true),
        KindId::Constraint => is_free && !parents.contains_key(table),
        _ => !fact.is("copied"),
    }
}

/// All that goes wrong.
fn run(database: &TestDatabase, renames: &[Rename]) -> Result<(), String> {
    let statements = plan::rename_statements(renames).map_err(|error| error.to_string())?;
    let mut session = session(database);
    session
        .run("SET check_function_bodies = off; SET search_path = ''")
        .map_err(|error| error.to_string())?;
    let failed =
        |statement: &String| session.run(statement).err().map(|error| format!("{error}: {statement}"));
    let failures: Vec<String> = statements.iter().filter_map(failed).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}
