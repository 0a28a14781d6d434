//! The person at the terminal, who can be asked.
//!
//! It speaks to the terminal itself and not through `Ui`: what is asked is neither data nor talk. Nobody is asked when standard
//! input is no terminal, so that no script waits for somebody.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use psqlcm_core::visible::visible;
use psqlcm_engine::interrupt::Interrupt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How often a signal is looked for.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Whether there is somebody to ask.
pub fn somebody_is_there() -> bool {
    io::stdin().is_terminal()
}

/// The terminal, to write to and to read from.
pub fn open() -> Option<File> {
    File::options().read(true).write(true).open("/dev/tty").ok()
}

/// Asks a question that is answered by yes or no. Whatever is not yes is no, and so is a signal.
pub fn agrees(question: &str, interrupt: &Interrupt) -> bool {
    // Threads that work side by side ask one after the other.
    static ASKING: Mutex<()> = Mutex::new(());
    let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = open().and_then(|terminal| {
        write!(&terminal, "{} [y/N] ", visible(question)).ok()?;
        read_line(&terminal, interrupt).ok().flatten()
    });
    answer.is_some_and(|answer| matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Reads a line; none if a signal comes.
pub fn read_line(terminal: &File, interrupt: &Interrupt) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        if interrupt.check().is_err() {
            return Ok(None);
        }
        let mut waiting = [PollFd::new(terminal, PollFlags::IN)];
        match poll(&mut waiting, Some(&MOMENT)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut byte = [0];
        let end = match rustix::io::read(terminal, &mut byte) {
            Err(rustix::io::Errno::INTR) => continue,
            outcome => outcome? == 0 || byte == *b"\n",
        };
        if end {
            return Ok(String::from_utf8(line).ok());
        }
        line.extend(byte);
    }
}
