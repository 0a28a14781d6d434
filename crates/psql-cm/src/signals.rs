//! Ctrl-C and SIGTERM: the first tells the work to stop and roll back, the second ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use psqlcm_engine::interrupt::Interrupt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// How long until a running statement is cancelled again, should it not have heard.
const INSIST: Duration = Duration::from_millis(500);

/// Lets signals trigger `interrupt` from now on.
pub fn install(interrupt: &Interrupt) -> Result<(), Failure> {
    listen(interrupt.clone()).map_err(|error| Failure::because("cannot handle signals", &error))
}

fn listen(interrupt: Interrupt) -> io::Result<()> {
    let has_come = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down and raises it, the second finds it raised. Both
        // happen in the handler itself, so that no stuck thread or callback can hold up the second.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&has_come))?;
        flag::register(signal, Arc::clone(&has_come))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    // The first is all that this thread has to hear of; the second is the handler's.
    let triggers = move || {
        for signal in signals.forever().take(1) {
            interrupt.trigger(signal);
        }
        loop {
            thread::sleep(INSIST);
            interrupt.insist();
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(triggers)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::low_level::raise;
    use std::process::Command;
    use std::sync::mpsc;

    #[test]
    fn the_second_signal_ends_the_process_at_once() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "signals::tests::child_that_is_interrupted_twice"])
            .output()
            .unwrap();
        assert_eq!(child.status.code(), Some(130), "{child:?}");
    }

    #[test]
    #[ignore = "kills its process: the test above runs it in one of its own"]
    fn child_that_is_interrupted_twice() {
        let interrupt = Interrupt::default();
        let (sender, receiver) = mpsc::channel();
        let _guard = interrupt.on_interrupt(Box::new(move || {
            sender.send(()).unwrap();
            // A callback that hangs must not keep the second signal from ending the process.
            thread::sleep(Duration::from_secs(600));
        }));
        listen(interrupt.clone()).unwrap();
        raise(SIGINT).unwrap();
        if receiver.recv_timeout(Duration::from_secs(60)).is_ok() && interrupt.check().is_err() {
            raise(SIGINT).unwrap();
        }
    }
}
