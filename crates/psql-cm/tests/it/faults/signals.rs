//! Being told to stop.

use super::submit::{CHANGE, OLD, SEED, STATE};
use super::{At, Harm, Moment, Site, Template, is_one_of};

#[test]
fn a_statement_under_way_is_cancelled_and_rolled_back() {
    let template = Template::new(SEED, true);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        for databases in [1, 3] {
            let site = Site::new(&template, databases);
            site.reset();
            let change = format!("{}; SELECT pg_sleep(600)", CHANGE[2]);
            let harm = Harm::Signal(name, Moment::After);
            let ran = site.harmed(&["submit", "-c", &change], At::Text("pg_sleep", 1), &harm).unwrap();
            assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains("interrupted, nothing changed"), "{}", ran.stderr);
            // Cancelled, not only left alone: no session of the run is at it any more.
            site.settle();
            site.states(STATE).iter().for_each(|state| is_one_of(state, &[OLD], &ran));
        }
    }
}
