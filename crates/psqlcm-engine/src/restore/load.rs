//! Runs the statements of a tree, in whatever order they turn out to work.
//!
//! The order of the dump is tried first, many statements a round trip; what does not depend on each other by several
//! sessions. What fails is put aside and tried again until nothing moves: a tree that was merged or edited by hand loads
//! too.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use psqlcm_core::kinds::Sharing;
use psqlcm_core::tree::adapt;

use super::tree::Statement;
use crate::interrupt::{Interrupt, Interrupted};
use crate::session::{DbError, Session};

/// How many statements go to the server in one round trip, and make a transaction, where they need not be one: each
/// object made holds locks until its transaction ends.
const BATCH: usize = 200;

/// Whether all is one transaction, the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// The caller began a transaction, and ends it.
    Whole,
    /// The database is ours and thrown away on failure.
    Parts,
}

/// Why loading stopped.
#[derive(Debug)]
pub enum LoadError {
    /// A statement that no order makes work.
    Statement {
        /// Which one, as an index into those given.
        index: usize,
        /// The server's answer.
        error: DbError,
        /// How many others fail too.
        others: usize,
    },
    /// The connection, not a statement.
    Db(DbError),
    /// A signal.
    Interrupted(Interrupted),
}

/// What failed: indexes into the statements that were given, and the server's answers.
pub type Failed = Vec<(usize, DbError)>;

/// Runs the statements.
///
/// # Errors
/// The first real error once nothing moves any more; a lost connection; a signal.
pub fn load(
    sessions: &mut [Session],
    statements: &[Statement],
    atomicity: Atomicity,
    interrupt: &Interrupt,
    progress: &dyn Fn(usize),
) -> Result<(), LoadError> {
    let failed = attempt(sessions, statements, atomicity, interrupt, progress)?;
    if failed.is_empty() { Ok(()) } else { Err(first_real(failed)) }
}

/// Runs what of the statements runs in any order; those that do not are given back with the server's answers. The first
/// session does what has to be done by one.
///
/// # Errors
/// A lost connection; a signal.
pub fn attempt(
    sessions: &mut [Session],
    statements: &[Statement],
    atomicity: Atomicity,
    interrupt: &Interrupt,
    progress: &dyn Fn(usize),
) -> Result<Failed, LoadError> {
    let loading = Loading { statements, atomicity, interrupt };
    let mut failed = loading.first_round(sessions, progress)?;
    let mut tried = statements.len();
    // By one session, which no other can be in the way of.
    while let Some(session) = sessions.first_mut()
        && !failed.is_empty()
        && failed.len() < tried
    {
        tried = failed.len();
        let waiting: Vec<usize> = failed.into_iter().map(|(index, _)| index).collect();
        failed = loading.in_order(session, &waiting, progress)?;
    }
    Ok(failed)
}

/// Whether more than one session would have something to do.
pub fn is_worth_sharing(statements: &[Statement]) -> bool {
    let all: Vec<usize> = (0..statements.len()).collect();
    runs(statements, &all).iter().any(|(_, is_shared)| *is_shared)
}

/// What is loaded, and how.
struct Loading<'a> {
    statements: &'a [Statement],
    atomicity: Atomicity,
    interrupt: &'a Interrupt,
}

impl Loading<'_> {
    fn first_round(&self, sessions: &mut [Session], progress: &dyn Fn(usize)) -> Result<Failed, LoadError> {
        let all: Vec<usize> = (0..self.statements.len()).collect();
        if let [session] = sessions {
            return self.in_order(session, &all, progress);
        }
        let mut failed = Vec::new();
        for (run, is_shared) in runs(self.statements, &all) {
            failed.extend(match sessions {
                _ if is_shared => self.side_by_side(sessions, run, progress)?,
                [first, ..] => self.in_order(first, run, progress)?,
                [] => Vec::new(),
            });
        }
        Ok(failed)
    }

    fn in_order(
        &self,
        session: &mut Session,
        waiting: &[usize],
        progress: &dyn Fn(usize),
    ) -> Result<Failed, LoadError> {
        let mut failed = Vec::new();
        for batch in batches(self.statements, waiting) {
            let of_batch = self.run_batch(session, batch)?;
            progress(batch.len() - of_batch.len());
            failed.extend(of_batch);
        }
        Ok(failed)
    }

    /// Each session takes the share that comes next, until there are none left.
    fn side_by_side(
        &self,
        sessions: &mut [Session],
        run: &[usize],
        progress: &dyn Fn(usize),
    ) -> Result<Failed, LoadError> {
        let shares = shares(self.statements, run);
        let next = AtomicUsize::new(0);
        let (tell, told) = mpsc::channel();
        let work = |session: &mut Session, tell: mpsc::Sender<usize>| {
            let mut failed = Vec::new();
            while let Some(share) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
                let tell = |done| {
                    // It is heard until all are done.
                    let _ = tell.send(done);
                };
                let done = self.in_order(session, share, &tell);
                // Where one has failed for good the others need not go on.
                failed.extend(done.inspect_err(|_| next.store(shares.len(), Ordering::Relaxed))?);
            }
            Ok(failed)
        };
        let work = &work;
        let done: Vec<Result<Failed, LoadError>> = thread::scope(|scope| {
            let start = |session| {
                let tell = tell.clone();
                scope.spawn(move || work(session, tell))
            };
            let workers: Vec<_> = sessions.iter_mut().map(start).collect();
            drop(tell);
            told.iter().for_each(progress);
            let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
            joined.map(|done| done.unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        let mut failed: Failed =
            done.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        failed.sort_by_key(|(index, _)| *index);
        Ok(failed)
    }

    /// All at once, and where that fails one by one.
    fn run_batch(&self, session: &mut Session, batch: &[usize]) -> Result<Failed, LoadError> {
        self.interrupt.check().map_err(LoadError::Interrupted)?;
        let texts: Vec<_> = batch.iter().map(|&index| self.statements[index].sql.as_str()).collect();
        let mut failed = Vec::new();
        if self.guarded(session, &texts.join("\n;\n"))?.is_err() {
            for &index in batch {
                self.interrupt.check().map_err(LoadError::Interrupted)?;
                let outcome = self.guarded(session, &self.statements[index].sql)?;
                failed.extend(outcome.err().map(|error| (index, error)));
            }
        }
        Ok(failed)
    }

    /// Runs SQL within a transaction, or a savepoint; the inner error is a statement's, and what came before it is undone.
    ///
    /// What begins it goes ahead in a message of its own: the server parses a message as a whole, and a syntax error in it
    /// would keep the savepoint from being made.
    fn guarded(&self, session: &mut Session, sql: &str) -> Result<Result<(), DbError>, LoadError> {
        let [begin, end, undo] = match self.atomicity {
            Atomicity::Whole => [
                "SAVEPOINT psqlcm_load",
                "RELEASE SAVEPOINT psqlcm_load",
                "ROLLBACK TO SAVEPOINT psqlcm_load; RELEASE SAVEPOINT psqlcm_load",
            ],
            Atomicity::Parts => ["BEGIN", "COMMIT", "ROLLBACK"],
        };
        session.run(begin).map_err(LoadError::Db)?;
        match session.run(&format!("{sql}\n;\n{end}")) {
            Ok(()) => Ok(Ok(())),
            Err(error) if error.is_connection_lost() || session.is_closed() => Err(LoadError::Db(error)),
            Err(error) => {
                session.run(undo).map_err(LoadError::Db)?;
                Ok(Err(error))
            }
        }
    }
}

/// The statements of each place that several sessions are to share, and all others as they come between. A few are done
/// sooner than told to others.
fn runs<'a>(statements: &[Statement], all: &'a [usize]) -> Vec<(&'a [usize], bool)> {
    let place = |index: &usize| statements[*index].place;
    let mut runs = Vec::new();
    let (mut start, mut end) = (0, 0);
    for of_place in all.chunk_by(|one, next| place(one) == place(next)) {
        let next = end + of_place.len();
        if of_place.len() > BATCH && place(&of_place[0]).sharing() != Sharing::Never {
            runs.extend([(&all[start..end], false), (of_place, true)]);
            start = next;
        }
        end = next;
    }
    runs.push((&all[start..], false));
    runs
}

/// What a session takes at a time of a place.
fn shares(statements: &[Statement], run: &[usize]) -> Vec<Vec<usize>> {
    let sharing = run.first().map(|&index| statements[index].place.sharing());
    match sharing {
        Some(Sharing::ByFile) => by_file(statements, run),
        Some(Sharing::BySchema) => by_schema(statements, run),
        Some(Sharing::Never) | None => vec![run.to_vec()],
    }
}

/// Whole files, and no more of them than make a batch.
fn by_file(statements: &[Statement], run: &[usize]) -> Vec<Vec<usize>> {
    let mut shares: Vec<Vec<usize>> = vec![Vec::new()];
    for file in run.chunk_by(|&one, &next| statements[one].file == statements[next].file) {
        match shares.last_mut() {
            Some(share) if share.is_empty() || share.len() + file.len() <= BATCH => share.extend(file),
            _ => shares.push(file.to_vec()),
        }
    }
    shares
}

/// Whole schemas, with those that they refer to.
fn by_schema(statements: &[Statement], run: &[usize]) -> Vec<Vec<usize>> {
    let mut share_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut shares: Vec<Vec<usize>> = Vec::new();
    for &index in run {
        let [own, other] = ["ONLY", "REFERENCES"].map(|word| {
            let name = adapt::names_after(&statements[index].sql, word).into_iter().next();
            let fresh = shares.len();
            let share = *share_of.entry(name.unwrap_or_default()).or_insert(fresh);
            if share == fresh {
                shares.push(Vec::new());
            }
            share
        });
        if own != other {
            let moved = std::mem::take(&mut shares[other]);
            shares[own].extend(moved);
            share_of.values_mut().filter(|share| **share == other).for_each(|share| *share = own);
        }
        shares[own].push(index);
    }
    shares.retain(|share| !share.is_empty());
    shares.iter_mut().for_each(|share| share.sort_unstable());
    shares
}

/// What goes to the server together. An extension ends its batch: the server tells by the transaction what came with the
/// extension and what was said of its objects later.
fn batches<'a>(statements: &[Statement], part: &'a [usize]) -> impl Iterator<Item = &'a [usize]> {
    let makes_extension = |&index: &usize| {
        let begin = statements[index].sql.get(.."CREATE EXTENSION".len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case("CREATE EXTENSION"))
    };
    part.split_inclusive(makes_extension).flat_map(|batch| batch.chunks(BATCH))
}

/// Missing tables, columns, functions, types, schemas and keys follow from other errors more often than they are
/// the cause.
pub fn first_real(failed: Failed) -> LoadError {
    const FOLLOWING: [&str; 6] = ["42P01", "42703", "42883", "42704", "3F000", "42830"];
    let is_real = |error: &DbError| error.sqlstate().is_none_or(|state| !FOLLOWING.contains(&state));
    let others = failed.len() - 1;
    let real = failed.iter().position(|(_, error)| is_real(error)).unwrap_or_default();
    let mut failed = failed;
    let (index, error) = failed.swap_remove(real);
    LoadError::Statement { index, error, others }
}

#[cfg(test)]
mod tests {
    use psqlcm_core::kinds::KindId;
    use psqlcm_core::plan::Place;

    use super::*;

    fn statement(kind: KindId, file: usize, sql: &str) -> Statement {
        Statement { file, offset: 0, place: Place::of_kind(kind), sql: sql.to_owned() }
    }

    #[test]
    fn files_are_not_parted() {
        let statements: Vec<Statement> =
            (0..150).map(|at| statement(KindId::Table, at / 3, "CREATE TABLE a.t ()")).collect();
        let all: Vec<usize> = (0..statements.len()).collect();
        assert_eq!(shares(&statements, &all), [all]);
        let statements: Vec<Statement> =
            (0..450).map(|at| statement(KindId::Table, at / 150, "CREATE TABLE a.t ()")).collect();
        let all: Vec<usize> = (0..statements.len()).collect();
        let lengths: Vec<usize> = shares(&statements, &all).iter().map(Vec::len).collect();
        assert_eq!(lengths, [150, 150, 150]);
    }

    #[test]
    fn schemas_that_refer_to_each_other_are_not_parted() {
        let key = |(from, to): (&str, &str)| {
            let sql =
                format!("ALTER TABLE ONLY {from}.t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES {to}.t(a)");
            statement(KindId::ForeignKey, 0, &sql)
        };
        let keys = [("a", "a"), ("b", "b"), ("c", "d"), ("\"b\"", "e"), ("d", "f"), ("e", "e"), ("a", "a")];
        let mut statements: Vec<Statement> = keys.map(key).into();
        let all: Vec<usize> = (0..statements.len()).collect();
        assert_eq!(shares(&statements, &all), [vec![0, 6], vec![1, 3, 5], vec![2, 4]]);
        // One between two groups joins them.
        statements[6] = key(("f", "a"));
        assert_eq!(shares(&statements, &all), [vec![1, 3, 5], vec![0, 2, 4, 6]]);
    }

    #[test]
    fn few_statements_and_those_in_each_others_way_are_for_one_session() {
        let are_shared =
            |kind, count| is_worth_sharing(&(0..count).map(|at| statement(kind, at, "")).collect::<Vec<_>>());
        assert!(!are_shared(KindId::Table, BATCH) && are_shared(KindId::Table, BATCH + 1));
        assert!(!are_shared(KindId::Attachment, 10 * BATCH));
    }
}
