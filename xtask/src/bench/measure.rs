//! What a command costs: wall time, CPU of the command and of the server, memory. All from `/proc`, so on Linux only.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::shell::{Error, io};

/// The kernel counts CPU time in hundredths of a second, on every architecture that Linux has today (`proc(5)`).
const TICKS_A_SECOND: f64 = 100.0;
/// How often the memory of a running command is looked at. The kernel keeps its peak, so only what is allocated just before
/// the end can be missed.
const PAUSE: Duration = Duration::from_millis(2);
/// A server process takes a moment to end, and its time is then its parent's.
const SETTLE: Duration = Duration::from_millis(200);

/// What one run of a command cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of CPU of the command and what it started.
    pub tool: f64,
    /// Seconds of CPU of the server.
    pub server: f64,
    /// The most memory that the command itself had, in MiB.
    pub memory: f64,
}

impl Cost {
    /// CPU of both.
    pub fn cpu(&self) -> f64 {
        self.tool + self.server
    }

    /// Of each figure the median.
    pub fn median(costs: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<f64> = costs.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or_default()
        };
        Self {
            wall: of(|cost| cost.wall),
            tool: of(|cost| cost.tool),
            server: of(|cost| cost.server),
            memory: of(|cost| cost.memory),
        }
    }
}

/// Runs a command, which must end with that exit code; `postmaster` is the server's first process.
pub fn run(command: &mut Command, exit: i32, postmaster: u32) -> Result<Cost, Error> {
    let (tool, server) = (children_of_ours(), server_time(postmaster));
    let begin = Instant::now();
    let running = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = running.spawn().map_err(io(format!("run {command:?}")))?;
    let mut memory = 0.0_f64;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(io("wait for the command"))? {
            break status;
        }
        memory = memory.max(peak_memory(child.id()));
        thread::sleep(PAUSE);
    };
    let wall = begin.elapsed().as_secs_f64();
    if status.code() != Some(exit) {
        let words = child.stderr.take().and_then(|mut words| std::io::read_to_string(&mut words).ok());
        return Err(Error::Failed { command: format!("{command:?}"), words: words.unwrap_or_default() });
    }
    thread::sleep(SETTLE);
    Ok(Cost { wall, tool: children_of_ours() - tool, server: server_time(postmaster) - server, memory })
}

/// CPU of all that this process started and that has ended.
fn children_of_ours() -> f64 {
    stat("self").map_or(0.0, |stat| stat.children)
}

/// CPU of a server: its first process, what it has already buried, and those that are alive.
fn server_time(postmaster: u32) -> f64 {
    let own = stat(&postmaster.to_string()).map_or(0.0, |stat| stat.own + stat.children);
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let alive = processes.filter_map(|entry| stat(entry.file_name().to_str()?));
    own + alive.filter(|stat| stat.parent == postmaster).map(|stat| stat.own).sum::<f64>()
}

/// What `/proc/PID/stat` says of a process, in seconds.
struct Stat {
    parent: u32,
    own: f64,
    children: f64,
}

fn stat(process: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program may hold anything, parentheses too. What follows is counted from the third field.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let seconds = |field: usize| Some(fields.get(field - 3)?.parse::<f64>().ok()? / TICKS_A_SECOND);
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: seconds(14)? + seconds(15)?,
        children: seconds(16)? + seconds(17)?,
    })
}

/// The most memory that a process ever had, in MiB.
fn peak_memory(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or_default() / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_costs_something_and_one_that_fails_is_no_figure() {
        let counting = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 3";
        let cost = run(Command::new("sh").args(["-c", counting]), 3, 1).unwrap();
        assert!(cost.wall > 0.0 && cost.tool > 0.0 && cost.memory > 0.0, "{cost:?}");
        assert!(run(Command::new("sh").args(["-c", "echo why >&2; exit 3"]), 0, 1).is_err());
    }

    #[test]
    fn the_median_is_of_each_figure() {
        let cost = |wall, tool| Cost { wall, tool, ..Cost::default() };
        let median = Cost::median(&[cost(3.0, 1.0), cost(1.0, 2.0), cost(2.0, 3.0)]);
        assert_eq!((median.wall, median.tool, median.cpu()), (2.0, 2.0, 2.0));
    }
}
