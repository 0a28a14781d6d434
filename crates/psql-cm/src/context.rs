//! What every command is given.

use psqlcm_engine::interrupt::Interrupt;

use crate::settings::Settings;
use crate::ui::Ui;

/// The way to speak, what was asked for, and whether to stop.
#[derive(Debug)]
pub struct Context {
    /// The only way to say anything.
    pub ui: Ui,
    /// The common options, from the command line, the variables and `psql-cm.toml`.
    pub settings: Settings,
    /// Ctrl-C and SIGTERM.
    pub interrupt: Interrupt,
}
