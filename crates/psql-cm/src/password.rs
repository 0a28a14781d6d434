//! Asking a person for a password, where there is one and a server wants it. What is typed is not shown.

use std::fs::File;
use std::io::{self, Write as _};

use psqlcm_core::visible::visible;
use psqlcm_engine::interrupt::Interrupt;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::terminal;

/// Asks for the password of a user; none if nothing was typed or a signal came.
pub fn ask(user: &str, interrupt: &Interrupt) -> Option<String> {
    let terminal = terminal::open()?;
    let silence = Silence::of(&terminal).ok()?;
    write!(&terminal, "Password for user {}: ", visible(user)).ok()?;
    let line = terminal::read_line(&terminal, interrupt);
    drop(silence);
    // The line break that was typed was not shown either.
    let _ = writeln!(&terminal);
    line.ok().flatten().filter(|line| !line.is_empty())
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
