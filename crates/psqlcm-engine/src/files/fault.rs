//! Failures made on purpose, so that tests can show what each of them leaves behind.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes the n-th operation on the disk fail. The default makes none fail. A clone counts on with the original.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    fault: Option<Fault>,
    passed: Arc<AtomicU32>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Fail(u32, io::ErrorKind),
    Stop(u32),
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

    /// How many operations were tried so far.
    pub fn passed(&self) -> u32 {
        self.passed.load(Ordering::SeqCst)
    }

    /// Lets one operation pass, or not.
    pub(super) fn pass(&self) -> io::Result<()> {
        let number = self.passed.fetch_add(1, Ordering::SeqCst);
        match self.fault {
            Some(Fault::Fail(n, kind)) if number == n => Err(kind.into()),
            Some(Fault::Stop(n)) if number >= n => Err(io::Error::other("stopped on purpose")),
            _ => Ok(()),
        }
    }
}
