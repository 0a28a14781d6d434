//! How far the work is: a bar on a terminal, plain lines elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use crate::ui::Ui;
use crate::visible::visible;

/// The progress of one piece of work, shared by the threads that do it. Dropping it removes the bar.
#[derive(Debug)]
pub struct Progress<'a> {
    ui: &'a Ui,
    label: &'static str,
    total: u64,
    done: AtomicU64,
    bar: Option<ProgressBar>,
}

impl<'a> Progress<'a> {
    /// For `total` steps of `label`; with a bar if there is one to draw on.
    pub fn new(ui: &'a Ui, label: &'static str, total: usize, bar: Option<ProgressBar>) -> Self {
        let total = total as u64;
        if let Some(bar) = &bar {
            bar.set_length(total);
            bar.set_style(style());
            bar.set_prefix(label);
        }
        Self {
            ui,
            label,
            total,
            done: AtomicU64::new(0),
            bar,
        }
    }

    /// One more step is done: `name` of it.
    pub fn step(&self, name: &str) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        match &self.bar {
            Some(bar) => {
                bar.set_message(visible(name).into_owned());
                bar.set_position(done);
            }
            None => self.ui.say(&format!(
                "{} {done}/{}: {}",
                self.label,
                self.total,
                visible(name)
            )),
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} [{bar:24}] {pos}/{len} {wide_msg}")
        .expect("the template is fixed and right")
        .progress_chars("=> ")
}
