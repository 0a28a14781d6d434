//! What each case becomes is reached by a plan, there and back: nothing is left to do, `pg_dump` sees no difference, rows
//! are still there, and nothing is made anew that PostgreSQL can change in place.

use std::collections::{BTreeMap, BTreeSet};

use psqlcm_core::delta::Delta;
use psqlcm_core::fact::FactId;
use psqlcm_core::kinds::KindId;
use psqlcm_core::kinds::cases::{Case, all, preparation};
use psqlcm_core::plan::{self, Action, Doing};
use psqlcm_core::snapshot::Snapshot;
use psqlcm_testkit::{TestDatabase, TestServer, servers, text_difference};

use super::{apply, arrived, script};
use crate::cases::can_run;
use crate::trip::{dump, snapshot};

#[test]
fn cases_become_what_they_say_there_and_back() {
    let only = std::env::var("PSQL_CM_TEST_CASE").ok();
    let cases = all().unwrap();
    let is_chosen =
        |case: &&Case| case.becomes.is_some() && only.as_ref().is_none_or(|only| case.name().contains(only));
    let mut failures = Vec::new();
    for server in servers() {
        server.psql("postgres", &preparation()).unwrap();
        let cases: Vec<&Case> =
            cases.iter().filter(is_chosen).filter(|case| can_run(&server, case)).collect();
        eprintln!("PostgreSQL {}: {} changes", server.major(), cases.len());
        let is_apart =
            |case: &&&Case| case.alone || case.becomes.as_ref().is_some_and(|change| change.one_way);
        let (alone, together): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| is_apart(case));
        let check = |cases: &[&Case]| there_and_back(&server, cases).err();
        failures.extend(alone.iter().filter_map(|case| check(&[case])));
        if let Some(whole) = check(&together) {
            let single: Vec<String> = together.iter().filter_map(|case| check(&[case])).collect();
            failures.extend(if single.is_empty() { vec![whole] } else { single });
        }
    }
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

fn there_and_back(server: &TestServer, cases: &[&Case]) -> Result<(), String> {
    let what = match cases {
        [] => return Ok(()),
        [case] => format!("PostgreSQL {}: {}", server.major(), case.name()),
        _ => format!("PostgreSQL {}: {} cases", server.major(), cases.len()),
    };
    let sides = || (server.database("before"), server.database("after"), server.database("changed"));
    let (before, after, changed) = sides();
    for (number, case) in cases.iter().enumerate() {
        let run = |database: &TestDatabase, sql: &str| {
            database.psql(sql).map_err(|error| format!("{what}: {}: {error}", case.name()))
        };
        run(&before, &case.script(number))?;
        run(&changed, &case.script(number))?;
        run(&after, &case.script_of_change(number))?;
    }
    let one_way = cases.iter().flat_map(|case| &case.becomes).any(|change| change.one_way);
    for (back, wanted) in
        [(false, &after), (true, &before)].into_iter().filter(|(back, _)| !(*back && one_way))
    {
        let way = if back { "back" } else { "there" };
        change(&changed, wanted, cases, back).map_err(|error| format!("{what}: {way}: {error}"))?;
    }
    Ok(())
}

/// Makes of the changed database the wanted one.
fn change(changed: &TestDatabase, wanted: &TestDatabase, cases: &[&Case], back: bool) -> Result<(), String> {
    let (before, rows) = (snapshot(changed), rows(changed)?);
    let after = snapshot(wanted);
    let plan = plan::between(&before, &after).map_err(|error| error.to_string())?;
    apply(changed, &plan)?;
    let reached = snapshot(changed);
    arrived(&plan, &reached, &after)?;
    let shown = |error: String| format!("{error}\n{}", script(&plan));
    same_dump(changed, wanted, &Delta::between(&reached, &after)).map_err(shown)?;
    let anew = made_anew(&plan, &after);
    rows_survive(&rows, &self::rows(changed)?, &before, &after, &anew).map_err(shown)?;
    let major = changed.server().major();
    let (allowed, unused) = excuse(&anew, cases, back, major);
    let more: Vec<String> =
        anew.iter().filter(|id| !allowed.contains(*id)).map(ToString::to_string).collect();
    match (more.is_empty(), unused.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(shown(format!("made anew: {}", more.join(", ")))),
        (true, false) => Err(shown(format!("said to be made anew, and is not: {unused:?}"))),
    }
}

/// What is on both sides and was made anew, without what belongs to another such.
fn made_anew(plan: &[Action], after: &Snapshot) -> BTreeSet<FactId> {
    let dropped = plan.iter().filter(|action| action.doing == Doing::Drop);
    let dropped = dropped.flat_map(|action| action.members.iter().chain([&action.id]));
    let anew: BTreeSet<FactId> = dropped.filter(|id| after.get(id).is_some()).cloned().collect();
    let of_another = |id: &FactId| id.path().skip(1).any(|parent| anew.contains(parent));
    anew.iter().filter(|id| !of_another(id)).cloned().collect()
}

/// Of what was made anew that which the cases say, and what they say and was not.
fn excuse(
    anew: &BTreeSet<FactId>,
    cases: &[&Case],
    back: bool,
    major: u32,
) -> (BTreeSet<FactId>, Vec<(String, KindId)>) {
    let (mut allowed, mut unused) = (BTreeSet::new(), Vec::new());
    for (number, case) in cases.iter().enumerate() {
        let schema = case.schema(number);
        for kind in case.becomes.iter().flat_map(|change| change.anew(back, major)) {
            // What is in no schema cannot be told apart.
            let is_of_case = |id: &&FactId| {
                id.kind() == kind && (case.alone || id.schema().is_none_or(|name| name == schema))
            };
            let before = allowed.len();
            allowed.extend(anew.iter().filter(is_of_case).cloned());
            let is_known = allowed.iter().any(|id| is_of_case(&id));
            if before == allowed.len() && !is_known {
                unused.push((case.name(), kind));
            }
        }
    }
    (allowed, unused)
}

/// A table's column with its values, sorted, as one text.
type Rows = BTreeMap<(String, String, String), (u64, String)>;

/// What all tables hold.
fn rows(database: &TestDatabase) -> Result<Rows, String> {
    let columns = "SELECT pg_catalog.string_agg(pg_catalog.format(
            'SELECT %L, %L, %L, count(*), md5(coalesce(string_agg(coalesce(%I::text, ''null''), '','' ORDER BY %I::text COLLATE \"C\"), '''')) FROM ONLY %I.%I',
            nspname, relname, attname, attname, attname, nspname, relname), ' UNION ALL ')
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace JOIN pg_catalog.pg_attribute a ON attrelid = c.oid
        WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped AND nspname !~ '^pg_' AND nspname <> 'information_schema'";
    let queries = database.psql(columns)?;
    if queries.trim().is_empty() {
        return Ok(Rows::new());
    }
    let found = database.psql(queries.trim())?;
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::to_owned);
        let mut next = || cells.next().unwrap_or_default();
        let key = (next(), next(), next());
        (key, (next().parse().unwrap_or_default(), next()))
    };
    Ok(found.lines().map(row).collect())
}

/// Where a table stays it has as many rows as before, and a column that stays of its type holds the same.
fn rows_survive(
    old: &Rows,
    new: &Rows,
    before: &Snapshot,
    after: &Snapshot,
    anew: &BTreeSet<FactId>,
) -> Result<(), String> {
    for ((schema, table, column), (count, values)) in old {
        let table_id = FactId::root(KindId::Schema, schema).child(KindId::Table, table);
        let id = table_id.child(KindId::Column, column);
        let key = (schema.clone(), table.clone(), column.clone());
        let (Some((new_count, new_values)), false) = (new.get(&key), id.path().any(|id| anew.contains(id)))
        else {
            continue;
        };
        let said =
            |snapshot: &Snapshot, name: &str| snapshot.get(&id).and_then(|fact| fact.get(name).cloned());
        let is_same =
            ["type", "generated", "expression"].iter().all(|name| said(before, name) == said(after, name));
        // A type of the same name can be another.
        let parts =
            |needed| before.below(needed).chain(after.below(needed)).map(|(id, _)| id).chain([needed]);
        let mut needed = before.needs(&id).iter().flat_map(parts);
        let is_same = is_same && needed.all(|id| before.get(id) == after.get(id));
        if count != new_count || (is_same && values != new_values) {
            return Err(format!("rows of {id}: there were {count}, and now {new_count}; or others"));
        }
    }
    Ok(())
}

/// `pg_dump` says the same of both. Where only the stored order of columns differs the lines of what it says of their
/// schema may stand in another order.
fn same_dump(changed: &TestDatabase, wanted: &TestDatabase, delta: &Delta) -> Result<(), String> {
    let disordered: BTreeSet<&str> = delta.order.iter().filter_map(|fact| fact.id.schema()).collect();
    for arguments in [&["-s"][..], &["-s", "-C"]] {
        let found = dump(changed, arguments).replace(changed.name(), wanted.name());
        let (found, expected) =
            (ordered(&found, &disordered), ordered(&dump(wanted, arguments), &disordered));
        if let Some(difference) = text_difference(&found, &expected) {
            return Err(difference);
        }
    }
    Ok(())
}

/// The text with what it says of these schemas put in order.
fn ordered(text: &str, schemas: &BTreeSet<&str>) -> String {
    if schemas.is_empty() {
        return text.to_owned();
    }
    let (mut rest, mut of_schemas) = (String::new(), Vec::new());
    for entry in text.split("\n--\n-- Name: ") {
        let schema = entry.split_once("; Schema: ").and_then(|(_, rest)| rest.split_once("; Owner: "));
        match schema.is_some_and(|(schema, _)| schemas.contains(schema)) {
            true => of_schemas.extend(entry.lines().map(|line| line.trim_end_matches(','))),
            false => rest += entry,
        }
    }
    of_schemas.sort_unstable();
    rest + &of_schemas.join("\n")
}
