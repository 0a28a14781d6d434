//! Failures made on purpose, so that tests can show what each of them leaves behind.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Tests tell the whole program by this variable where the disk is to fail: `full`, for a full disk, or `kill`, for a
/// process that is killed; the number of the operation, counted from 1; a file to make when that came. With colons
/// between them. A release build does not look at it.
#[cfg(debug_assertions)]
const VARIABLE: &str = "PSQL_CM_TEST_FAULT";

/// Makes the n-th operation on the disk fail. The default makes none fail. A clone counts on with the original.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    fault: Option<Fault>,
    passed: Arc<AtomicU32>,
    /// Made when the fault has come.
    mark: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Fail(u32, io::ErrorKind),
    Stop(u32),
    #[cfg(debug_assertions)]
    Kill(u32),
}

impl Faults {
    /// The n-th operation, counted from 0, fails with an error of this kind; those after it work.
    pub fn fail_at(n: u32, kind: io::ErrorKind) -> Self {
        Self { fault: Some(Fault::Fail(n, kind)), ..Self::default() }
    }

    /// The n-th operation and all after it do not happen, as if the process was killed. A write that is hit leaves
    /// half of what it should.
    pub fn stop_at(n: u32) -> Self {
        Self { fault: Some(Fault::Stop(n)), ..Self::default() }
    }

    /// What the variable says to this process; all that the process does counts as one.
    #[cfg(debug_assertions)]
    pub(super) fn of_process() -> Self {
        static FAULTS: std::sync::OnceLock<Faults> = std::sync::OnceLock::new();
        FAULTS
            .get_or_init(|| std::env::var(VARIABLE).map(|text| Self::read(&text)).unwrap_or_default())
            .clone()
    }

    /// None in what people run.
    #[cfg(not(debug_assertions))]
    pub(super) fn of_process() -> Self {
        Self::default()
    }

    #[cfg(debug_assertions)]
    fn read(text: &str) -> Self {
        let mut parts = text.splitn(3, ':');
        let kind = parts.next();
        let number = parts.next().and_then(|number| number.parse::<u32>().ok()?.checked_sub(1));
        let fault = match (kind, number) {
            (Some("full"), Some(n)) => Fault::Fail(n, io::ErrorKind::StorageFull),
            (Some("kill"), Some(n)) => Fault::Kill(n),
            _ => panic!("{VARIABLE} is {text:?}, and not full or kill, a number and a path"),
        };
        Self { fault: Some(fault), mark: parts.next().map(PathBuf::from), ..Self::default() }
    }

    /// How many operations were tried so far.
    pub fn passed(&self) -> u32 {
        self.passed.load(Ordering::SeqCst)
    }

    /// Lets one operation pass, or not.
    pub(super) fn pass(&self) -> io::Result<()> {
        let number = self.passed.fetch_add(1, Ordering::SeqCst);
        match self.fault {
            Some(Fault::Fail(n, kind)) if number == n => {
                self.leave_mark()?;
                Err(kind.into())
            }
            #[cfg(debug_assertions)]
            Some(Fault::Kill(n)) if number == n => {
                self.leave_mark()?;
                use rustix::process::{Signal, getpid, kill_process};
                kill_process(getpid(), Signal::KILL)?;
                Ok(())
            }
            Some(Fault::Stop(n)) if number >= n => Err(io::Error::other("stopped on purpose")),
            _ => Ok(()),
        }
    }

    fn leave_mark(&self) -> io::Result<()> {
        self.mark.as_ref().map_or(Ok(()), |mark| std::fs::write(mark, ""))
    }
}
