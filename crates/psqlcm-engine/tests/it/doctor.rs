//! Checks whose answers hang on time, asked without waiting for it.

use std::time::Duration;

use psqlcm_engine::checks::leftovers;

use crate::servers;

#[test]
fn open_transactions_are_named_with_their_process() {
    for server in servers::all() {
        let (mut session, mut other) = (server.session(), server.session());
        other.run("BEGIN").unwrap();
        let pid: i32 = other.query("SELECT pg_backend_pid()", &[]).unwrap()[0].get(0);
        let names = |open_for, session: &mut _| -> Vec<String> {
            let findings = leftovers::transactions(session, open_for).unwrap();
            findings.into_iter().flat_map(|finding| finding.names).collect()
        };
        let of_other = format!("pid {pid} (postgres, idle in transaction, 0 min)");
        assert!(names(Duration::ZERO, &mut session).contains(&of_other));
        assert!(!names(leftovers::LONG, &mut session).contains(&of_other));
        other.run("ROLLBACK").unwrap();
        assert!(!names(Duration::ZERO, &mut session).contains(&of_other));
    }
}
