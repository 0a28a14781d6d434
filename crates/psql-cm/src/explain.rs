//! What only the server can tell of a failure: which privileges on the ledgers are missing, how much room for locks there
//! is, which names are no UTF-8. It is asked on a connection of its own; if it does not answer, the failure is told as it is.

use psqlcm_engine::access;
use psqlcm_engine::ledger::Ledger;
use psqlcm_engine::session::Session;

use crate::cluster;
use crate::context::Context;
use crate::failure::{Failure, Problem};

/// `insufficient_privilege`
const FORBIDDEN: &str = "42501";
/// `out_of_memory` of the memory that all sessions share, which is its table of locks.
const OUT_OF_LOCKS: &str = "53200";

/// `character_not_in_repertoire`: bytes that are no text in the encoding of the session, which is UTF-8.
const NOT_UTF_8: &str = "22021";

/// How many privileges a hint names.
const SHOWN: usize = 10;

/// Adds to each problem what the server can tell of it.
pub fn explain(mut failure: Failure, context: &Context) -> Failure {
    for problem in &mut failure.problems {
        let more = more_about(problem, context);
        problem.hints.extend(more);
    }
    failure
}

fn more_about(problem: &Problem, context: &Context) -> Option<String> {
    let state = problem.sqlstate.as_deref()?;
    match state {
        // A statement of a script needs privileges on anything; what the tool itself needs is known.
        FORBIDDEN if problem.place.is_none() => {
            let ledger = Ledger::new(&context.settings.cm_table.value).ok()?;
            let lacking = in_question(ledger.lacking(&mut session(problem, context)?).ok()?);
            (!lacking.is_empty())
                .then(|| format!("of what ledgers need, the role lacks {}", in_short(&lacking)))
        }
        OUT_OF_LOCKS => {
            let room = access::lock_room(&mut session(problem, context)?).ok()?;
            Some(format!(
                "the server reckons with {} locks of all sessions together: max_locks_per_transaction is {}, \
                 times {} sessions; it takes a restart to raise it",
                room.locks(),
                room.per_session,
                room.sessions
            ))
        }
        NOT_UTF_8 => {
            let found = access::not_utf_8(&mut session(problem, context)?).ok()?;
            (!found.is_empty()).then(|| {
                format!(
                    "the database says nothing of its encoding (SQL_ASCII), and holds what is no UTF-8: {}; write it as \
                     UTF-8 first",
                    found.join(", ")
                )
            })
        }
        _ => None,
    }
}

/// Whoever may not read the ledgers fails for that, whatever else is missing.
fn in_question(lacking: Vec<String>) -> Vec<String> {
    let (writing, reading): (Vec<_>, Vec<_>) =
        lacking.into_iter().partition(|what| Ledger::is_for_writing(what));
    match reading.iter().all(|what| what.starts_with("SELECT on the sequence")) {
        true => [writing, reading].concat(),
        false => reading,
    }
}

fn in_short(lacking: &[String]) -> String {
    let shown = lacking[..lacking.len().min(SHOWN)].join(", ");
    match lacking.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// In the database of the problem, or in any that is there: it may be gone by now.
fn session(problem: &Problem, context: &Context) -> Option<Session> {
    let access = cluster::access(context).ok()?;
    let database = problem.target.as_ref()?.database.as_str();
    access.connect_first(&[database, "postgres", "template1"]).ok()
}
