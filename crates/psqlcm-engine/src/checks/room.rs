//! How many connections and locks there is room for.

use std::time::Duration;

use psqlcm_core::name::quote_literal;

use super::{Command, Finding, Severity};
use crate::session::{DbError, Session};

/// A database that is changed takes one connection for the work and one for the submit lock.
pub const EACH: usize = 2;
/// What was closed just now, by this process too, may still be counted.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// How many connections the tightest limit leaves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connections {
    /// So many.
    pub room: usize,
    /// Which limit that is, in words.
    pub limit: String,
}

/// The tightest limit, if it leaves less than is needed, counting the session itself as one that will be gone.
///
/// # Errors
/// The server's.
pub fn too_few_connections(session: &mut Session, needed: usize) -> Result<Option<Connections>, DbError> {
    let mut looks = 0;
    loop {
        looks += 1;
        match tightest(session)? {
            Some(found) if found.room < needed && looks < LOOKS => std::thread::sleep(PAUSE),
            found => return Ok(found.filter(|found| found.room < needed)),
        }
    }
}

fn tightest(session: &mut Session) -> Result<Option<Connections>, DbError> {
    let rows = session.rows(include_str!("room.sql"))?;
    let read = |row: Vec<Option<String>>| {
        let [limit, room] = row.try_into().ok()?;
        // Reserved slots that are in use leave less than nothing.
        Some(Connections { room: room?.parse::<i64>().ok()?.try_into().unwrap_or(0), limit: limit? })
    };
    Ok(rows.into_iter().filter_map(read).min())
}

/// What tells the locks of the session with that process id, those of all others, and how many there is room for.
pub(crate) fn locks_sql(pid: &str) -> String {
    include_str!("lock_room.sql").replace(":'pid'", &quote_literal(pid))
}

/// Whether connections are enough for so many databases, so many at once. No other connection of ours may be open.
///
/// # Errors
/// The server's.
pub fn of_cluster(session: &mut Session, databases: usize, jobs: usize) -> Result<Vec<Finding>, DbError> {
    let at_once = databases.min(jobs).max(1);
    // With --atomic all, the default, every database is open until the end, and one more connection watches them.
    let together = if databases > 1 { databases * EACH + 1 } else { EACH };
    let most = together.max(at_once * EACH);
    let Some(Connections { room, limit }) = too_few_connections(session, most)? else {
        return Ok(Vec::new());
    };
    let mut findings = Vec::new();
    let mut lacks = |commands: &[Command], needed: usize, advice: &str| {
        if room < needed {
            let what = format!("{needed} connections are needed at once, and {limit} leaves {room}");
            findings.push(
                Finding::new(Severity::Blocks, commands, what)
                    .why("a database that is changed takes one connection for the work and one for the lock of those who write")
                    .advice(advice),
            );
        }
    };
    if databases > 1 {
        lacks(
            &[Command::Submit],
            together,
            "submit --atomic database with a lower --jobs, or raise the limit",
        );
    }
    let at_once_by: &[Command] = match databases {
        1 => &[Command::Setup, Command::Restore, Command::Submit],
        _ => &[Command::Setup],
    };
    let advice = if at_once > 1 { "a lower --jobs, or raise the limit" } else { "raise the limit" };
    lacks(at_once_by, at_once * EACH, advice);
    lacks(&[Command::Dump, Command::Status, Command::Verify, Command::Log], at_once, advice);
    Ok(findings)
}

/// Whether the shared lock table has room for one lock on each relation of the database.
///
/// # Errors
/// The server's.
pub fn locks(session: &mut Session) -> Result<Vec<Finding>, DbError> {
    let sql = format!("SELECT pg_catalog.pg_backend_pid(); {}", include_str!("relations.sql"));
    let rows = session.rows(&sql)?;
    let mut cells = rows.into_iter().flatten().flatten();
    let pid = cells.next().unwrap_or_default();
    let relations: usize = cells.next().and_then(|cell| cell.parse().ok()).unwrap_or_default();
    let rows = session.rows(&locks_sql(&pid))?;
    let mut cells = rows.into_iter().flatten().map(|cell| cell?.parse::<usize>().ok());
    let mut next = || cells.next().flatten().unwrap_or_default();
    let (_, others, capacity) = (next(), next(), next());
    if relations + others <= capacity {
        return Ok(Vec::new());
    }
    let what = format!(
        "the database has {relations} relations, and there is room for {capacity} locks of all sessions, of which {others} \
         are taken"
    );
    let commands = [Command::Setup, Command::Dump, Command::Restore, Command::Submit];
    let finding = Finding::new(Severity::Careful, &commands, what)
        .why("what prints or makes many objects in one transaction may run out of locks, and then fails as a whole")
        .advice("raise max_locks_per_transaction, which takes a restart of the server");
    Ok(vec![finding])
}
