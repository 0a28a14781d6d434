//! Harm while drift is recorded.

use psqlcm_testkit::{Harm, Moment};

use super::submit::{SEED, STATE, is_old_or_new};
use super::{At, Site, Template, each_point, is_one_of};

const OLD: &str = "a,b||base";
const NEW: &str = "a,b||base,drift";

/// Points are far apart: each run builds the ledgers on scratch.
const HARMS: [(Harm, usize); 4] = [
    (Harm::Cut(Moment::Before), 13),
    (Harm::Cut(Moment::After), 12),
    (Harm::Kill(Moment::After), 23),
    (Harm::Signal("INT", Moment::After), 17),
];

#[test]
fn drift_of_two_databases() {
    let template = Template::new(SEED, true);
    template.server.psql(&template.name, "ALTER TABLE t ADD b int").unwrap();
    let uri = template.server.uri("postgres");
    let words = ["submit", "--adopt", "--scratch-uri", &uri];
    for (harm, stride) in HARMS {
        let site = || Site::new(&template, 2);
        each_point(&format!("submit --adopt, {harm}"), stride, site, |site, n| check(site, n, &harm, &words));
    }
}

/// Each database is as it was or has its entry, the exit code says which, and the same again records what is left.
fn check(site: &Site, n: usize, harm: &Harm, words: &[&str]) -> bool {
    site.reset();
    let Some(ran) = site.harmed(words, At::Message(n), harm) else { return false };
    is_old_or_new(site, &ran, harm, [OLD, NEW]);
    let again = site.again(words);
    assert_eq!(again.code, 0, "again: {}{}", again.stdout, again.stderr);
    site.states(STATE).iter().for_each(|state| is_one_of(state, &[NEW], &again));
    site.verify();
    true
}
