//! Being told to stop: a flag that work looks at, and callbacks that cancel what is under way.
//!
//! It handles no signal itself (the binary does, and calls [`Interrupt::trigger`]), so that tests can
//! interrupt without one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by everything that can be interrupted; a clone is the same interrupt.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The first signal that came; 0 is none, as no signal has that number.
    signal: AtomicI32,
    callbacks: Mutex<Callbacks>,
}

#[derive(Default)]
struct Callbacks {
    next: u64,
    registered: BTreeMap<u64, Callback>,
}

type Callback = Box<dyn Fn() + Send>;

impl Interrupt {
    /// An error once a signal has come. Long work asks between its steps.
    pub fn check(&self) -> Result<(), Interrupted> {
        match self.0.signal.load(Ordering::SeqCst) {
            0 => Ok(()),
            signal => Err(Interrupted { signal }),
        }
    }

    /// Calls `callback` when a signal comes, at once if one has come already, until the guard is dropped.
    ///
    /// It runs on the thread that handles signals and holds up the other callbacks: it should only send a
    /// cancel request. Dropping a guard waits for a callback that runs, so that none runs later; hence a
    /// callback must neither register nor drop one.
    #[must_use = "the callback is forgotten when the guard is dropped"]
    pub fn on_interrupt(&self, callback: Box<dyn Fn() + Send>) -> Guard {
        let mut callbacks = self.callbacks();
        if self.check().is_err() {
            callback();
        }
        let key = callbacks.next;
        callbacks.next += 1;
        callbacks.registered.insert(key, callback);
        Guard { interrupt: self.clone(), key }
    }

    /// Says that `signal` came. Only the first counts.
    pub fn trigger(&self, signal: i32) {
        // Under the lock, so that a callback registered meanwhile is called exactly once.
        let callbacks = self.callbacks();
        if self.0.signal.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return;
        }
        for callback in callbacks.registered.values() {
            callback();
        }
    }

    /// Calls every registered callback once more, if a signal has come: a cancel request that reaches the server before
    /// the statement does is lost.
    pub fn insist(&self) {
        let callbacks = self.callbacks();
        if self.check().is_err() {
            callbacks.registered.values().for_each(|callback| callback());
        }
    }

    fn callbacks(&self) -> MutexGuard<'_, Callbacks> {
        self.0.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Interrupt").field(&self.0.signal).finish()
    }
}

/// Keeps a callback registered.
#[derive(Debug)]
pub struct Guard {
    interrupt: Interrupt,
    key: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.interrupt.callbacks().registered.remove(&self.key);
    }
}

/// A signal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted by signal {signal}")]
pub struct Interrupted {
    /// Its number.
    pub signal: i32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn counted(interrupt: &Interrupt) -> (Guard, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let in_callback = Arc::clone(&count);
        let guard = interrupt.on_interrupt(Box::new(move || {
            in_callback.fetch_add(1, Ordering::SeqCst);
        }));
        (guard, count)
    }

    #[test]
    fn each_registered_callback_is_called_once() {
        let interrupt = Interrupt::default();
        let (_kept, kept_count) = counted(&interrupt);
        let (dropped, dropped_count) = counted(&interrupt);
        drop(dropped);
        interrupt.insist();
        assert_eq!((interrupt.check(), kept_count.load(Ordering::SeqCst)), (Ok(()), 0));

        interrupt.trigger(2);
        interrupt.trigger(15);

        assert_eq!(interrupt.clone().check(), Err(Interrupted { signal: 2 }));
        assert_eq!((kept_count.load(Ordering::SeqCst), dropped_count.load(Ordering::SeqCst)), (1, 0));
        interrupt.insist();
        assert_eq!((kept_count.load(Ordering::SeqCst), dropped_count.load(Ordering::SeqCst)), (2, 0));
    }

    #[test]
    fn one_registered_too_late_is_called_at_once() {
        let interrupt = Interrupt::default();
        interrupt.trigger(15);
        let (_guard, count) = counted(&interrupt);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
