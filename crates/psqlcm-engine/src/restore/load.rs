//! Runs the statements of a tree, in whatever order they turn out to work.
//!
//! The order of the dump is tried first, many statements a round trip. What fails is put aside and tried again
//! until nothing moves: a tree that was merged or edited by hand loads too.

use super::tree::Statement;
use crate::interrupt::{Interrupt, Interrupted};
use crate::session::{DbError, Session};

/// How many statements go to the server in one round trip.
const BATCH: usize = 200;

/// How many statements make a transaction, where they need not be one: each object made holds a lock until its
/// transaction ends.
const TRANSACTION: usize = 1000;

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

/// Runs the statements.
///
/// # Errors
/// The first real error once nothing moves any more; a lost connection; a signal.
pub fn load(
    session: &mut Session,
    statements: &[Statement],
    atomicity: Atomicity,
    interrupt: &Interrupt,
    progress: &dyn Fn(usize),
) -> Result<(), LoadError> {
    let failed = attempt(session, statements, atomicity, interrupt, progress)?;
    if failed.is_empty() { Ok(()) } else { Err(first_real(failed)) }
}

/// Runs what of the statements runs in any order; those that do not are given back with the server's answers.
///
/// # Errors
/// A lost connection; a signal.
pub fn attempt(
    session: &mut Session,
    statements: &[Statement],
    atomicity: Atomicity,
    interrupt: &Interrupt,
    progress: &dyn Fn(usize),
) -> Result<Vec<(usize, DbError)>, LoadError> {
    let mut waiting: Vec<usize> = (0..statements.len()).collect();
    loop {
        let mut failed = Vec::new();
        for part in waiting.chunks(TRANSACTION) {
            if atomicity == Atomicity::Parts {
                session.run("BEGIN").map_err(LoadError::Db)?;
            }
            for batch in batches(statements, part) {
                interrupt.check().map_err(LoadError::Interrupted)?;
                let before = failed.len();
                run_batch(session, statements, batch, &mut failed)?;
                progress(batch.len() - (failed.len() - before));
            }
            if atomicity == Atomicity::Parts {
                session.run("COMMIT").map_err(LoadError::Db)?;
            }
        }
        if failed.is_empty() || failed.len() == waiting.len() {
            return Ok(failed);
        }
        waiting = failed.into_iter().map(|(index, _)| index).collect();
    }
}

/// What goes to the server together. An extension ends its batch, which is a transaction of its own within the
/// transaction: the server tells by it what came with the extension and what was said of its objects later.
fn batches<'a>(statements: &[Statement], part: &'a [usize]) -> Vec<&'a [usize]> {
    let makes_extension = |&index: &usize| {
        let begin = statements[index].sql.get(.."CREATE EXTENSION".len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case("CREATE EXTENSION"))
    };
    part.split_inclusive(makes_extension).flat_map(|batch| batch.chunks(BATCH)).collect()
}

fn run_batch(
    session: &mut Session,
    statements: &[Statement],
    batch: &[usize],
    failed: &mut Vec<(usize, DbError)>,
) -> Result<(), LoadError> {
    let texts: Vec<_> = batch.iter().map(|&index| statements[index].sql.as_str()).collect();
    if guarded(session, &texts.join("\n;\n"))?.is_ok() {
        return Ok(());
    }
    for &index in batch {
        if let Err(error) = guarded(session, &statements[index].sql)? {
            failed.push((index, error));
        }
    }
    Ok(())
}

/// Runs SQL within a savepoint; the inner error is a statement's, and what came before it is undone.
///
/// The savepoint goes ahead in a message of its own: the server parses a message as a whole, and a syntax error in
/// it would keep the savepoint from being made.
fn guarded(session: &mut Session, sql: &str) -> Result<Result<(), DbError>, LoadError> {
    session.run("SAVEPOINT psqlcm_load").map_err(LoadError::Db)?;
    match session.run(&format!("{sql}\n;\nRELEASE SAVEPOINT psqlcm_load")) {
        Ok(()) => Ok(Ok(())),
        Err(error) if error.is_connection_lost() || session.is_closed() => Err(LoadError::Db(error)),
        Err(error) => {
            let undo = "ROLLBACK TO SAVEPOINT psqlcm_load; RELEASE SAVEPOINT psqlcm_load";
            session.run(undo).map_err(LoadError::Db)?;
            Ok(Err(error))
        }
    }
}

/// Missing tables, columns, functions, types, schemas and keys follow from other errors more often than they are
/// the cause.
pub fn first_real(failed: Vec<(usize, DbError)>) -> LoadError {
    const FOLLOWING: [&str; 6] = ["42P01", "42703", "42883", "42704", "3F000", "42830"];
    let is_real = |error: &DbError| error.sqlstate().is_none_or(|state| !FOLLOWING.contains(&state));
    let others = failed.len() - 1;
    let real = failed.iter().position(|(_, error)| is_real(error)).unwrap_or_default();
    let mut failed = failed;
    let (index, error) = failed.swap_remove(real);
    LoadError::Statement { index, error, others }
}
