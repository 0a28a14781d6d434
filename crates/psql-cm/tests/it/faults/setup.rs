//! Harm while schemas are taken under control.

use super::{At, Harm, Site, Template, each_harm, exit_says, is_one_of};

const SEED: &str = "CREATE TABLE t (a int PRIMARY KEY); CREATE SCHEMA two; CREATE TABLE two.u (a int)";
const STATE: &str = "SELECT count(*) FILTER (WHERE c.relname = 'pg_psql_cm'), count(*) FILTER (WHERE c.relkind = 'S'),
    coalesce(sum((xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', c.oid::regclass), false, true, '')))[1]::text::int)
        FILTER (WHERE c.relname = 'pg_psql_cm'), 0)
    FROM pg_class c WHERE c.relname LIKE 'pg_psql_cm%' AND c.relkind IN ('r', 'S')";
const OLD: &str = "0|0|0";
const NEW: &str = "2|2|2";

fn check(site: &Site, n: usize, harm: &Harm) -> bool {
    site.reset();
    let Some(ran) = site.harmed(&["setup"], At::Message(n), harm) else { return false };
    if !matches!(harm, Harm::Kill(_)) {
        site.settle();
        let states = site.states(STATE);
        states.iter().for_each(|state| is_one_of(state, &[OLD, NEW], &ran));
        exit_says(&ran, harm, states.iter().filter(|state| *state == NEW).count(), states.len());
    }
    let again = site.again(&["setup"]);
    assert_eq!(again.code, 0, "again: {}{}", again.stdout, again.stderr);
    site.settle();
    site.states(STATE).iter().for_each(|state| is_one_of(state, &[NEW], &again));
    site.verify();
    true
}

fn setup(databases: usize) {
    let template = Template::new(SEED, false);
    each_harm(&format!("setup of {databases}"), databases, || Site::new(&template, databases), check);
}

#[test]
fn setup_of_one_database() {
    setup(1);
}

#[test]
fn setup_of_three_databases() {
    setup(3);
}
