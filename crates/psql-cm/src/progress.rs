//! How far the work is: a bar on a terminal, plain lines elsewhere.

use std::sync::OnceLock;
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
            prepare(bar, label, total);
        }
        Self { ui, label, total, done: AtomicU64::new(0), bar }
    }

    /// One more step is done: `name` of it.
    pub fn step(&self, name: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(visible(name).into_owned());
            bar.inc(1);
            return;
        }
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.ui.say(&format!("{} {done}/{}: {}", self.label, self.total, visible(name)));
    }
}

/// The progress of many small steps, of which only a bar is worth drawing; how many there are is known only once
/// they begin.
#[derive(Debug)]
pub struct Meter<'a> {
    ui: &'a Ui,
    label: &'static str,
    progress: OnceLock<Option<ProgressBar>>,
}

impl<'a> Meter<'a> {
    /// For steps of `label`.
    pub fn new(ui: &'a Ui, label: &'static str) -> Self {
        Self { ui, label, progress: OnceLock::new() }
    }

    /// So many more are to be done, besides those that are known of.
    pub fn expect(&self, more: usize) {
        if let Some(bar) = self.bar(0) {
            bar.inc_length(more as u64);
        }
    }

    /// So many more of `total` are done.
    pub fn advance(&self, done: usize, total: usize) {
        if let Some(bar) = self.bar(total) {
            bar.inc(done as u64);
        }
    }

    /// The bar, made by the first who has something to show.
    fn bar(&self, total: usize) -> Option<&ProgressBar> {
        let bar =
            self.progress.get_or_init(|| self.ui.bar().inspect(|bar| prepare(bar, self.label, total as u64)));
        bar.as_ref()
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        if let Some(Some(bar)) = self.progress.get() {
            bar.finish_and_clear();
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

fn prepare(bar: &ProgressBar, label: &'static str, total: u64) {
    bar.set_length(total);
    bar.set_style(style());
    bar.set_prefix(label);
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} [{bar:24}] {pos}/{len} {wide_msg}")
        .expect("the template is fixed and right")
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Appearance;
    use indicatif::ProgressDrawTarget;

    #[test]
    fn a_bar_counts_the_steps_of_all_threads_and_goes_away() {
        let ui = Ui::of_process(Appearance::default());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let progress = Progress::new(&ui, "dump", 3, Some(bar.clone()));
        std::thread::scope(|scope| {
            for name in ["a", "b", "c\x1b"] {
                scope.spawn(|| progress.step(name));
            }
        });
        assert_eq!((bar.position(), bar.length()), (3, Some(3)));
        assert!(!bar.message().contains('\x1b'));
        drop(progress);
        assert!(bar.is_finished());
    }
}
