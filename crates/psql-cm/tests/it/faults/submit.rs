//! Harm while changes are submitted.

use super::{At, HARMS, Harm, Site, Template, each_point, exit_says, is_one_of};

const SEED: &str = "CREATE TABLE t (a int)";
/// Columns, indexes and entries.
const STATE: &str = "SELECT
    (SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0),
    (SELECT string_agg(c.relname || CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END, ',')
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 't'::regclass),
    (SELECT string_agg(concat_ws(' ', entry_kind, evidence->>'part', evidence->>'outcome'), ',' ORDER BY id) FROM pg_psql_cm)";
const OLD: &str = "a||base";

const CHANGE: [&str; 3] = ["submit", "-c", "ALTER TABLE t ADD b int; CREATE TABLE v (x int)"];
const NEW: &str = "a,b||base,change";

fn check(site: &Site, n: usize, harm: &Harm) -> bool {
    site.reset();
    let Some(ran) = site.harmed(&CHANGE, At::Message(n), harm) else { return false };
    if !matches!(harm, Harm::Kill(_)) {
        site.settle();
        let states = site.states(STATE);
        states.iter().for_each(|state| is_one_of(state, &[OLD, NEW], &ran));
        exit_says(&ran, harm, states.iter().filter(|state| *state == NEW).count(), states.len());
    }
    finish(site);
    true
}

/// The same change again, where it is not done.
fn finish(site: &Site) {
    let again = site.again(&CHANGE);
    let states = site.states(STATE);
    states.iter().for_each(|state| is_one_of(state, &[OLD, NEW], &again));
    match again.code {
        0 => {}
        4 => {
            let lacking: Vec<&String> = states
                .iter()
                .zip(&site.databases)
                .filter(|(state, _)| *state == OLD)
                .map(|(_, name)| name)
                .collect();
            assert!(lacking.len() < states.len(), "{}{}", again.stdout, again.stderr);
            for database in lacking {
                site.tool.ok(&[&CHANGE[..], &["-d", database]].concat());
            }
        }
        code => panic!("again: exit code {code}\n{}{}", again.stdout, again.stderr),
    }
    site.states(STATE).iter().for_each(|state| is_one_of(state, &[NEW], &again));
    site.verify();
}

fn submit(databases: usize, stride: usize) {
    let template = Template::new(SEED, true);
    for harm in HARMS {
        let what = format!("submit to {databases}, {harm}");
        each_point(&what, stride, || Site::new(&template, databases), |site, n| check(site, n, &harm));
    }
}

#[test]
fn submit_to_one_database() {
    submit(1, 1);
}

#[test]
fn submit_to_three_databases() {
    submit(3, 1);
}

const APART: [&str; 3] = [
    "submit",
    "-c",
    "ALTER TABLE t ADD b int; CREATE INDEX CONCURRENTLY i ON t (b); ALTER TABLE t ADD c int",
];
const APART_NEW: &str = "a,b,c|i|base,change 1,before 2,after 2 done,change 3";
/// All that an undisturbed run goes through, and what a statement leaves that the server was told to give up.
const APART_BETWEEN: [&str; 9] = [
    OLD,
    "a,b||base,change 1",
    "a,b||base,change 1,before 2",
    "a,b|i invalid|base,change 1,before 2",
    "a,b|i|base,change 1,before 2",
    "a,b|i|base,change 1,before 2,after 2 done",
    "a,b||base,change 1,before 2,after 2 failed",
    "a,b|i invalid|base,change 1,before 2,after 2 failed",
    APART_NEW,
];

fn check_apart(site: &Site, n: usize, harm: &Harm) -> bool {
    site.reset();
    let Some(ran) = site.harmed(&APART, At::Message(n), harm) else { return false };
    if !matches!(harm, Harm::Kill(_)) {
        site.settle();
        let state = site.states(STATE).remove(0);
        is_one_of(&state, &APART_BETWEEN, &ran);
        let expected = match state.as_str() {
            OLD => 1,
            APART_NEW => 0,
            _ => 6,
        };
        assert_eq!(ran.code, expected, "{state}\n{}{}", ran.stdout, ran.stderr);
    }
    let again = site.again(&APART);
    let state = site.states(STATE).remove(0);
    // An announcement may stand twice, and the statement be found done.
    let (objects, entries) = state.rsplit_once('|').unwrap();
    let entries = entries.replace("before 2,before 2", "before 2").replace("found done", "done");
    is_one_of(&format!("{objects}|{entries}"), &[APART_NEW], &again);
    assert!([0, 4].contains(&again.code), "again: {}\n{}{}", again.code, again.stdout, again.stderr);
    site.verify();
    true
}

#[test]
fn submit_of_statements_that_stand_apart() {
    let template = Template::new(SEED, true);
    for harm in HARMS {
        let what = format!("submit of statements apart, {harm}");
        each_point(&what, 1, || Site::new(&template, 1), |site, n| check_apart(site, n, &harm));
    }
}
