//! The one object through which everything is said: data to standard output, talk and progress to standard
//! error.
//!
//! A reader who has gone away (a broken pipe) is no failure; a full disk is. Data goes out as it is, byte for
//! byte, for it may be a script; in talk, whatever acts on a terminal is made visible.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstream::ColorChoice;
use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use psqlcm_core::report::{Exit, Outcome, Report};
use psqlcm_engine::conninfo::without_passwords;

use crate::args::{Color, Format};
use crate::commands::{Done, Text};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::render::{self, Paint};
use crate::variables::Variables;
use crate::visible::{visible_json, visible_lines};

/// How to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    /// Text or JSON.
    pub format: Format,
    /// When to use colour.
    pub color: Color,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// The commands that change nothing.
const READERS: [&str; 4] = ["status", "verify", "log", "doctor"];

/// How much to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// What people need.
    #[default]
    Normal,
    /// What is done, too.
    Verbose,
    /// Each statement, too.
    Debug,
}

impl Appearance {
    /// What the command line asks for as far as that can be told before it is understood.
    pub fn guess(arguments: &[OsString], variables: &Variables) -> Self {
        let color = guessed(arguments, "--color", variables.text("PSQLCM_COLOR"));
        // clap repeats what was typed; in its coloured form nobody could tell our escapes from typed ones.
        let is_plain = |text: &OsString| matches!(visible_lines(&text.to_string_lossy()), Cow::Borrowed(_));
        Self {
            format: guessed(arguments, "--format", variables.text("PSQLCM_FORMAT")),
            color: if arguments.iter().all(is_plain) { color } else { Color::Never },
            verbosity: Verbosity::default(),
        }
    }
}

fn guessed<T: ValueEnum + Default>(arguments: &[OsString], option: &str, variable: Option<&str>) -> T {
    let mut given = variable;
    let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix(option) {
            Some("") => given = arguments.next().or(given),
            Some(rest) if rest.starts_with('=') => given = Some(&rest[1..]),
            _ => {}
        }
    }
    given.and_then(|word| T::from_str(word, false).ok()).unwrap_or_default()
}

/// The one object through which everything is said.
#[derive(Debug)]
pub struct Ui {
    out: Stream,
    err: Stream,
    bars: Option<MultiProgress>,
    appearance: Appearance,
}

impl Ui {
    /// Speaks to the standard streams of this process.
    pub fn of_process(appearance: Appearance) -> Self {
        let color = match appearance.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        // anstream knows NO_COLOR, CLICOLOR, TERM=dumb and terminals, but only for `auto`.
        let resolved = |auto| if color == ColorChoice::Auto { auto } else { color };
        let out = resolved(anstream::AutoStream::choice(&io::stdout()));
        let err = resolved(anstream::AutoStream::choice(&io::stderr()));
        Self {
            out: Stream::new(Box::new(io::stdout()), out),
            err: Stream::new(Box::new(io::stderr()), err),
            bars: io::stderr()
                .is_terminal()
                .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            appearance,
        }
    }

    /// Writes data to standard output, as it is.
    pub fn data(&self, text: &str) {
        self.above_bars(|| self.out.write(text.as_bytes()));
    }

    /// Says a line on standard error.
    pub fn say(&self, message: &str) {
        self.talk(&format!("{}\n", visible_lines(message)));
    }

    /// Says a line that calls for attention.
    pub fn warn(&self, message: &str) {
        self.say(&format!("warning: {message}"));
    }

    /// Says a line under `--verbose`.
    pub fn verbose(&self, message: &str) {
        if self.appearance.verbosity >= Verbosity::Verbose {
            self.say(message);
        }
    }

    /// Says a line under `--debug`.
    pub fn debug(&self, message: &str) {
        if self.appearance.verbosity >= Verbosity::Debug {
            self.say(message);
        }
    }

    /// Shows how far the work is, until the answer is dropped.
    pub fn progress(&self, label: &'static str, total: usize) -> Progress<'_> {
        Progress::new(self, label, total, self.bar())
    }

    /// A bar, where there is a terminal to draw it on.
    pub fn bar(&self) -> Option<ProgressBar> {
        self.bars.as_ref().map(|bars| bars.add(ProgressBar::no_length()))
    }

    /// Does something that uses the terminal, without the bars.
    pub fn above_bars<T>(&self, speak: impl FnOnce() -> T) -> T {
        match &self.bars {
            Some(bars) => bars.suspend(speak),
            None => speak(),
        }
    }

    /// Whether standard output gets JSON.
    pub fn is_json(&self) -> bool {
        self.appearance.format == Format::Json
    }

    /// The form of the data, as somebody asked for it.
    pub fn format(&self) -> Format {
        self.appearance.format
    }

    /// Whether data may be painted.
    pub fn paint(&self) -> Paint {
        self.out.paint
    }

    /// Shows how a command ended, and says how the process ends.
    pub fn conclude(&self, command: &str, outcome: Result<Done, Failure>) -> Exit {
        let (exit, untold) = match outcome {
            Ok(done) if Self::did(command, &done) => (self.done(&done), Exit::Partly),
            Ok(done) => (self.done(&done), Exit::Failed),
            Err(failure) => (self.failed(command, failure), Exit::Failed),
        };
        self.finish(exit, untold)
    }

    /// Shows help, the version, or what is wrong with the command line.
    pub fn usage(&self, error: &clap::Error) -> Exit {
        let rendered = error.render();
        // The plain form has lost all escape sequences, those of what was typed too.
        let painted = |paint: Paint| {
            if paint.0 {
                without_passwords(&rendered.ansi().to_string())
            } else {
                without_passwords(&visible_lines(&rendered.to_string()))
            }
        };
        if !error.use_stderr() {
            self.data(&painted(self.out.paint));
            return self.finish(Exit::Done, Exit::Failed);
        }
        if self.is_json() {
            let text = without_passwords(&rendered.to_string());
            let (message, hint) = text.split_once("\n\n").unwrap_or((&text, ""));
            let message = message.trim().trim_start_matches("error: ");
            let failure = Failure::usage(message).hint(hint.trim());
            self.json(&failure.into_report(""));
        } else {
            self.talk(&painted(self.err.paint));
        }
        self.finish(Exit::Usage, Exit::Usage)
    }

    /// What was done stays done when the telling fails.
    fn did(command: &str, done: &Done) -> bool {
        !READERS.contains(&command)
            && done.report.targets.iter().any(|target| target.outcome == Outcome::Done)
    }

    fn done(&self, done: &Done) -> Exit {
        match &done.text {
            _ if self.is_json() => self.json(&done.report),
            Text::OfReport => self.data(&render::report(&done.report, self.out.paint)),
            Text::Own(text) => self.data(text),
            Text::Said => {}
        }
        done.report.exit_code
    }

    fn failed(&self, command: &str, failure: Failure) -> Exit {
        let exit = failure.exit;
        if self.is_json() {
            self.json(&failure.into_report(command));
        } else {
            self.talk(&render::failure(&failure, self.err.paint));
        }
        exit
    }

    fn json(&self, report: &Report) {
        let text = serde_json::to_string(report).expect("a report is plain data with text keys");
        self.data(&format!("{}\n", visible_json(&text)));
    }

    /// Takes text that was made visible already, for it may carry our own colours.
    fn talk(&self, text: &str) {
        self.above_bars(|| self.err.write(text.as_bytes()));
    }

    /// A success that could not be written out is none: then it ends with `untold`.
    fn finish(&self, exit: Exit, untold: Exit) -> Exit {
        let Some(trouble) = self.out.trouble() else {
            return exit;
        };
        self.say(&format!("error: cannot write to standard output: {trouble}"));
        if untold == Exit::Partly {
            self.say("hint: what was asked for is done; only the telling failed");
        }
        if exit == Exit::Done { untold } else { exit }
    }
}

/// One stream, and what became of it.
struct Stream {
    sink: Mutex<Sink>,
    paint: Paint,
}

struct Sink {
    writer: Box<dyn Write + Send>,
    /// The first error; nothing is written after it.
    error: Option<io::Error>,
}

impl Stream {
    fn new(writer: Box<dyn Write + Send>, color: ColorChoice) -> Self {
        let paint = Paint(!matches!(color, ColorChoice::Never));
        Self { sink: Mutex::new(Sink { writer, error: None }), paint }
    }

    fn write(&self, bytes: &[u8]) {
        let mut sink = self.sink();
        if sink.error.is_some() {
            return;
        }
        let written = sink.writer.write_all(bytes).and_then(|()| sink.writer.flush());
        sink.error = written.err();
    }

    /// What kept data from being written, unless it is that nobody reads it.
    fn trouble(&self) -> Option<String> {
        let sink = self.sink();
        let error = sink.error.as_ref().filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        error.map(ToString::to_string)
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Stream").field("paint", &self.paint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use psqlcm_core::targets::Target;
    use std::sync::Arc;

    /// Takes what is written, or fails with an error of this kind.
    #[derive(Clone, Default)]
    struct Paper {
        text: Arc<Mutex<Vec<u8>>>,
        fails: Option<io::ErrorKind>,
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.fails {
                Some(kind) => Err(kind.into()),
                None => self.text.lock().unwrap().write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
        }
    }

    fn ui(appearance: Appearance, fails: Option<io::ErrorKind>) -> (Ui, Paper, Paper) {
        let (out, err) = (Paper { fails, ..Paper::default() }, Paper::default());
        let ui = Ui {
            out: Stream::new(Box::new(out.clone()), ColorChoice::Never),
            err: Stream::new(Box::new(err.clone()), ColorChoice::Never),
            bars: None,
            appearance,
        };
        (ui, out, err)
    }

    fn done(text: &str) -> Result<Done, Failure> {
        Ok(Done { report: Report::new("log"), text: Text::Own(text.into()) })
    }

    #[test]
    fn data_goes_out_as_it_is_and_talk_is_made_visible() {
        let (ui, out, err) = ui(Appearance::default(), None);
        ui.data("\x1b[1m\r\n");
        ui.say("\x1b[1m");
        ui.verbose("not said");
        assert_eq!((out.text().as_str(), err.text().as_str()), ("\x1b[1m\r\n", "\\u{1b}[1m\n"));
    }

    #[test]
    fn a_reader_who_has_gone_is_no_failure_and_a_full_disk_is() {
        let (broken, _, err) = ui(Appearance::default(), Some(io::ErrorKind::BrokenPipe));
        assert_eq!(broken.conclude("log", done("x")), Exit::Done);
        assert_eq!(err.text(), "");
        let (full, _, err) = ui(Appearance::default(), Some(io::ErrorKind::StorageFull));
        assert_eq!(full.conclude("log", done("x")), Exit::Failed);
        assert!(err.text().contains("cannot write to standard output"), "{}", err.text());
    }

    #[test]
    fn json_is_one_object_on_standard_output_for_failures_too() {
        let json = Appearance { format: Format::Json, ..Appearance::default() };
        let (ui, out, err) = ui(json, None);
        let exit = ui.conclude(
            "submit",
            Err(Failure::new(Exit::LockNotHad, "waited").on(&Target::schema("app", "public")).hint("later")),
        );
        let value: serde_json::Value = serde_json::from_str(&out.text()).unwrap();
        assert_eq!(exit, Exit::LockNotHad);
        assert_eq!(value["exit_code"], 5);
        assert_eq!(value["command"], "submit");
        assert_eq!(value["errors"][0]["target"], "app.public");
        assert_eq!(value["errors"][0]["hint"], "later");
        assert_eq!(err.text(), "");
    }

    #[test]
    fn progress_off_a_terminal_is_plain_lines() {
        let (ui, out, err) = ui(Appearance::default(), None);
        let progress = ui.progress("dump", 2);
        progress.step("app.a");
        progress.step("app.\x1b");
        drop(progress);
        assert_eq!(err.text(), "dump 1/2: app.a\ndump 2/2: app.\\u{1b}\n");
        assert_eq!(out.text(), "");
    }
}
