//! Asking a person for a password, where there is one and a server wants it.
//!
//! It speaks to the terminal itself and not through `Ui`: the answer must not be shown, and what is asked is neither
//! data nor talk. It never asks when standard input is no terminal, so that no script waits for somebody.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};

use psqlcm_core::visible::visible;
use psqlcm_engine::interrupt::Interrupt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// How often a signal is looked for.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Whether there is somebody to ask.
pub fn somebody_is_there() -> bool {
    io::stdin().is_terminal()
}

/// Asks for the password of a user; none if nothing was typed or a signal came.
pub fn ask(user: &str, interrupt: &Interrupt) -> Option<String> {
    let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
    let silence = Silence::of(&terminal).ok()?;
    write!(&terminal, "Password for user {}: ", visible(user)).ok()?;
    let line = read_line(&terminal, interrupt);
    drop(silence);
    // The line break that was typed was not shown either.
    let _ = writeln!(&terminal);
    line.ok().flatten().filter(|line| !line.is_empty())
}

fn read_line(terminal: &File, interrupt: &Interrupt) -> io::Result<Option<String>> {
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

/// A terminal that does not show what is typed, for as long as this lives.
struct Silence<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn of(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // There is nothing to be done about a terminal that is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
