//! What is said when the program itself is broken: a panic ends the process at once, in every build, and says so.
//!
//! Ending at once is the safe way: the server rolls back what was open, and nothing that runs while a panic unwinds
//! can commit, write or clean up in a state that nobody thought of.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::PanicHookInfo;

/// Makes every panic of this process, in whichever thread, a report and an abort.
pub fn install() {
    std::panic::set_hook(Box::new(|panic| {
        // Nothing else is left to be done if nobody listens.
        let _ = std::io::stderr().lock().write_all(report(panic, &Backtrace::capture()).as_bytes());
        std::process::abort();
    }));
}

fn report(panic: &PanicHookInfo<'_>, backtrace: &Backtrace) -> String {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let words = literal(panic.payload()).map_or_else(String::new, |words| format!(": {words}"));
    let trace = match backtrace.status() {
        BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => " RUST_BACKTRACE=1 shows how it came there.".to_owned(),
    };
    format!(
        "\nerror: this is a defect of psql-cm {}, not of what you did. It stopped at {place}{words}.\n\
         The server rolls back what was not committed; psql-cm status and psql-cm verify tell how things stand.\n\
         Please report it with the command, without its passwords, at {}/issues.{trace}\n",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_REPOSITORY"),
    )
}

/// What the program's author wrote. A text that was made at run time may hold anything, a password too.
fn literal(payload: &dyn Any) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Output};

    fn child(name: &str) -> Output {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", &format!("defect::tests::{name}")])
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap()
    }

    #[test]
    fn a_panic_ends_the_process_loudly_and_shows_no_data() {
        const ABORTED: i32 = 6;
        for (name, shown) in [("child_with_data", "defect.rs"), ("child_in_a_thread", ": this cannot be.")] {
            let output = child(name);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.signal(), Some(ABORTED), "{name}: {output:?}");
            for expected in ["error: this is a defect of psql-cm", "Please report it", "/issues", shown] {
                assert!(said.contains(expected), "{expected:?} is missing in {said}");
            }
            let all = format!("{said}{}", String::from_utf8_lossy(&output.stdout));
            assert!(!all.contains("s3cret") && !all.contains("went on"), "{all}");
        }
    }

    #[test]
    #[ignore = "aborts its process: the test above runs it in one of its own"]
    fn child_with_data() {
        install();
        "no number".parse::<u32>().map_err(|_| "postgres://u:s3cret@h").unwrap();
    }

    #[test]
    #[ignore = "aborts its process: the test above runs it in one of its own"]
    fn child_in_a_thread() {
        install();
        let _ = std::thread::spawn(|| panic!("this cannot be")).join();
        // Whoever waits for a thread must not go on as if it had done its work.
        std::io::stderr().write_all(b"went on").unwrap();
    }
}
