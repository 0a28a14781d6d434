//! All databases together: every body is run and every entry written, in all of them, before the first COMMIT.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;

use psqlcm_core::change::Script;

use super::attempt::{Unfinished, with_retries};
use super::error::{Recorded, SubmitError};
use super::standing::{self, Record, Standing};
use super::watch::Watch;
use super::work::Work;
use super::{Applied, Event, Failed, Left, Outcome, PreparedChange, Request, Tell, alone, targets};

/// Runs the changes, each in all databases; what became of it goes to `outcome`.
pub(super) fn run(
    request: &Request<'_>,
    scripts: &[Script<'_>],
    tell: &Tell<'_>,
    outcome: &mut Outcome,
) -> Result<(), SubmitError> {
    let mut works = open(request, tell)?;
    for work in &mut works {
        work.check_targets()?;
    }
    let begun = look_up(request, scripts, &mut works)?;
    for (index, script) in scripts.iter().enumerate() {
        request.check_interrupt()?;
        works.iter_mut().try_for_each(Work::clean)?;
        let change = PreparedChange { index, change: &request.changes[index], script };
        if script.is_transactional() {
            let staged =
                with_retries(request, &mut works, tell, &mut |works| stage_all(works, &change, tell));
            match staged {
                Ok(applied) => outcome.done.extend(applied),
                Err(Unfinished { committed, error }) if committed.is_empty() => return Err(*error),
                Err(unfinished) => {
                    tell_apart(&works, unfinished, outcome);
                    return Ok(());
                }
            }
        } else {
            let work = works.first_mut().expect("a request has a target");
            let standing = begun.get(&index).cloned().unwrap_or_default();
            alone::run(work, &change, &standing, tell, &mut outcome.done)?;
        }
    }
    Ok(())
}

/// The first databases are committed, the next one failed at it, and those after it are rolled back.
pub(super) fn tell_apart(works: &[Work<'_>], unfinished: Unfinished, outcome: &mut Outcome) {
    let of = |work: &Work<'_>| targets(work.database(), &work.schemas());
    let (failed, left) = works.split_at(unfinished.committed.len() + 1);
    outcome.done.extend(unfinished.committed);
    let targets = failed.last().map(of).unwrap_or_default();
    outcome.failures.push(Failed { targets, error: *unfinished.error });
    let left = left.iter().flat_map(of).map(|target| Left { target, is_rolled_back: true });
    outcome.left.extend(left);
}

/// Connects to all databases and takes their locks, in the order of names, so that two runs cannot wait for each
/// other.
pub(super) fn open<'a>(request: &'a Request<'a>, tell: &Tell<'_>) -> Result<Vec<Work<'a>>, SubmitError> {
    let mut order: Vec<usize> = (0..request.targets.len()).collect();
    order.sort_by_key(|index| &request.targets[*index].0);
    let mut works = Vec::new();
    for index in order {
        works.push((index, Work::open(request, index, tell)?));
    }
    works.sort_by_key(|(index, _)| *index);
    let mut works: Vec<Work<'_>> = works.into_iter().map(|(_, work)| work).collect();
    let first = works.first().and_then(|work| Some(work.target(work.schemas().first()?)));
    for work in works.iter_mut().skip(1) {
        work.shared_ran_in.clone_from(&first);
    }
    Ok(works)
}

/// Refuses what the ledgers have, unless `--again`; finds what was begun and not ended, by its place in the run.
fn look_up(
    request: &Request<'_>,
    scripts: &[Script<'_>],
    works: &mut [Work<'_>],
) -> Result<BTreeMap<usize, Standing>, SubmitError> {
    let mut begun = BTreeMap::new();
    let mut found = Vec::new();
    for work in works.iter_mut() {
        for (schema, rows) in work.records()? {
            for (change, script) in scripts.iter().enumerate() {
                match standing::record(&rows, &request.changes[change], script) {
                    Some(Record::Done { id: entry, at }) => {
                        found.push(Recorded { change, target: work.target(&schema), entry, at });
                    }
                    Some(Record::Begun(standing)) => {
                        begun.insert(change, standing);
                    }
                    None => {}
                }
            }
        }
    }
    match found.is_empty() || request.options.again {
        true => Ok(begun),
        false => Err(SubmitError::AlreadyRecorded { found }),
    }
}

/// Runs the change in all databases, on as many at once as `--jobs` says, and leaves the transactions open.
fn stage_all(
    works: &mut [Work<'_>],
    change: &PreparedChange<'_>,
    tell: &Tell<'_>,
) -> Result<Vec<Applied>, SubmitError> {
    let stage = |work: &mut Work<'_>| {
        tell(Event::Begin { change: &change.change.name, database: work.database() });
        work.stage(change, tell)
    };
    if let [work] = works {
        return Ok(vec![stage(work)?]);
    }
    let jobs = usize::from(works[0].request.options.jobs.get()).min(works.len());
    let watch = Watch::over(works);
    let staged: Vec<Mutex<Option<Applied>>> = works.iter().map(|_| Mutex::default()).collect();
    let waiting = Mutex::new(works.iter_mut().enumerate());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        while let Some((index, work)) = next() {
            if !watch.begin(index) {
                return;
            }
            let outcome = stage(work);
            watch.end(index);
            match outcome {
                Ok(applied) => *staged[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(applied),
                Err(error) => watch.fail(index, error),
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        scope.spawn(|| watch.look());
        // A panic of theirs is passed on at the end of the scope only if the watch has ended by then.
        let joined: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        watch.close();
        if let Some(panic) = joined.into_iter().find_map(Result::err) {
            std::panic::resume_unwind(panic);
        }
    });
    match watch.into_error() {
        Some(error) => Err(error),
        None => Ok(staged.into_iter().filter_map(take).collect()),
    }
}

fn take(slot: Mutex<Option<Applied>>) -> Option<Applied> {
    slot.into_inner().unwrap_or_else(PoisonError::into_inner)
}
