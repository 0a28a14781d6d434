//! Harm while changes are submitted.

use super::{
    At, HARMS, Harm, Site, Template, each_harm, each_point, exit_says, is_one_of, when_nothing_is_done,
};
use crate::tool::Ran;

pub const SEED: &str = "CREATE TABLE t (a int)";
/// Columns, indexes and entries.
pub const STATE: &str = "SELECT
    (SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0),
    (SELECT string_agg(c.relname || CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END, ',')
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 't'::regclass),
    (SELECT string_agg(concat_ws(' ', entry_kind, evidence->>'part', evidence->>'outcome'), ',' ORDER BY id) FROM pg_psql_cm)";
pub const OLD: &str = "a||base";

pub const CHANGE: [&str; 3] = ["submit", "-c", "ALTER TABLE t ADD b int; CREATE TABLE v (x int)"];
pub const NEW: &str = "a,b||base,change";

/// Submits a change that is one transaction in each database.
pub fn check_change(site: &Site, n: usize, harm: &Harm, words: &[&str]) -> bool {
    site.reset();
    let Some(ran) = site.harmed(words, At::Message(n), harm) else { return false };
    is_old_or_new(site, &ran, harm, [OLD, NEW]);
    finish(site, words);
    true
}

/// Each database is as it was or as it is to be, and the exit code says which; nobody can ask a tool that was killed.
pub fn is_old_or_new(site: &Site, ran: &Ran, harm: &Harm, [old, new]: [&str; 2]) {
    if !matches!(harm, Harm::Kill(_)) {
        site.settle();
        let states = site.states(STATE);
        states.iter().for_each(|state| is_one_of(state, &[old, new], ran));
        exit_says(ran, harm, states.iter().filter(|state| *state == new).count(), states.len());
    }
}

/// The same change again, where it is not done.
fn finish(site: &Site, words: &[&str]) {
    let again = site.again(words);
    let states = site.states(STATE);
    let said = format!("{states:?}, again: {}\n{}{}", again.code, again.stdout, again.stderr);
    states.iter().for_each(|state| is_one_of(state, &[OLD, NEW], &again));
    if again.code != 0 {
        let is_known = again.code == 4 && again.stderr.contains("recorded already");
        assert!(is_known && states.iter().any(|state| state == NEW), "{said}");
        if states.iter().any(|state| state == OLD) {
            assert!(again.stderr.contains("--atomic database"), "{said}");
            site.tool.ok(&site.words(&[words, &["--atomic", "database"]].concat()));
        }
    }
    site.states(STATE).iter().for_each(|state| is_one_of(state, &[NEW], &again));
    site.verify();
}

fn submit(databases: usize, words: &[&str]) {
    let template = Template::new(SEED, true);
    let options: String = words[3..].iter().map(|word| format!(" {word}")).collect();
    let what = format!("submit{options} to {databases}");
    let site = || Site::new(&template, databases);
    each_harm(&what, databases, site, |site, n, harm| check_change(site, n, harm, words));
}

#[test]
fn submit_to_one_database() {
    submit(1, &CHANGE);
}

#[test]
fn submit_to_three_databases() {
    submit(3, &CHANGE);
}

#[test]
fn submit_to_three_databases_apart() {
    submit(3, &[&CHANGE[..], &["--atomic=database"]].concat());
}

pub const APART: [&str; 3] = [
    "submit",
    "-c",
    "ALTER TABLE t ADD b int; CREATE INDEX CONCURRENTLY i ON t (b); ALTER TABLE t ADD c int",
];
pub const APART_NEW: &str = "a,b,c|i|base,change 1,before 2,after 2 done,change 3";
/// All that an undisturbed run goes through, and what a statement leaves that the server was told to give up.
pub const APART_BETWEEN: [&str; 9] = [
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

/// Submits statements that run in no transaction.
pub fn check_apart(site: &Site, n: usize, harm: &Harm, words: &[&str]) -> bool {
    site.reset();
    let Some(ran) = site.harmed(words, At::Message(n), harm) else { return false };
    if !matches!(harm, Harm::Kill(_)) {
        site.settle();
        let states = site.states(STATE);
        states.iter().for_each(|state| is_one_of(state, &APART_BETWEEN, &ran));
        let all_are = |which: &str| states.iter().all(|state| state == which);
        let expected = match () {
            () if all_are(OLD) => when_nothing_is_done(harm),
            () if all_are(APART_NEW) => 0,
            () => 6,
        };
        assert_eq!(ran.code, expected, "{states:?}\n{}{}", ran.stdout, ran.stderr);
    }
    let again = site.again(words);
    for state in site.states(STATE) {
        // An announcement may stand twice, with the failure of the first when it was given up, and the statement be found
        // done.
        let (objects, entries) = state.rsplit_once('|').unwrap();
        let entries =
            entries.replace("after 2 failed,before 2", "before 2").replace("before 2,before 2", "before 2");
        let entries = entries.replace("found done", "done");
        is_one_of(&format!("{objects}|{entries}"), &[APART_NEW], &again);
    }
    assert!([0, 4].contains(&again.code), "again: {}\n{}{}", again.code, again.stdout, again.stderr);
    site.verify();
    true
}

fn submit_apart(databases: usize, words: &[&str], strides: [usize; 6]) {
    let template = Template::new(SEED, true);
    let site = || Site::new(&template, databases);
    for ((harm, _), stride) in HARMS.into_iter().zip(strides) {
        let what = format!("submit of statements apart to {databases}, {harm}");
        each_point(&what, stride, site, |site, n| check_apart(site, n, &harm, words));
    }
}

#[test]
fn submit_of_statements_that_stand_apart() {
    submit_apart(1, &APART, [2, 3, 11, 7, 7, 11]);
}

#[test]
fn submit_of_statements_that_stand_apart_in_three_databases() {
    submit_apart(3, &[&APART[..], &["--sequential"]].concat(), [29, 31, 61, 53, 47, 59]);
}
