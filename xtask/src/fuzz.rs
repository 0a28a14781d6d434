//! Fuzzing of what psql-cm reads, by libFuzzer.
//!
//! The targets are a package of their own, `fuzz/`, built with the instrumentation that the stable compiler has and
//! without a sanitizer: it is safe Rust that is tried, and what is looked for is a panic. Inputs that were found to
//! reach further are kept in cargo's target folder and begin the next run; what broke something is kept there too.
//!
//! One more target is no package: `changes` runs the engine's test that makes of one schema another, with many schemas that
//! were changed at random.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use crate::servers::obtain_client;
use crate::shell::{Error, cargo, io, openly, say, workspace};
use crate::test;

/// What `cargo xtask fuzz` may be told.
#[derive(Args)]
pub struct Options {
    /// The targets to run, one after the other: splitter, tree, conninfo, pgpass, service, config, changes [default: all]
    targets: Vec<String>,
    /// How long each is run; changes makes 2,000 rounds, or --runs
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Stop each after so many inputs, whatever the time
    #[arg(long)]
    runs: Option<u64>,
}

/// A target, and where its inputs come from besides its own file of seeds.
struct Target {
    name: &'static str,
    reads_sql: bool,
    /// Longer inputs are cut: most of what can go wrong needs little text.
    max_bytes: u32,
}

const TARGETS: [Target; 6] = [
    Target { name: "splitter", reads_sql: true, max_bytes: 4096 },
    Target { name: "tree", reads_sql: true, max_bytes: 4096 },
    Target { name: "conninfo", reads_sql: false, max_bytes: 512 },
    Target { name: "pgpass", reads_sql: false, max_bytes: 512 },
    Target { name: "service", reads_sql: false, max_bytes: 1024 },
    Target { name: "config", reads_sql: false, max_bytes: 2048 },
];

/// Edge counters and comparisons, which libFuzzer is led by; the same as cargo-fuzz's without a sanitizer.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Builds the targets and runs them.
pub fn run(options: &Options) -> Result<ExitCode, Error> {
    let is_changes = |name: &String| name == CHANGES;
    let made_up = match options.targets.is_empty() || options.targets.iter().any(is_changes) {
        true => change_at_random(options.runs.unwrap_or(2000))?,
        false => ExitCode::SUCCESS,
    };
    let others: Vec<String> = options.targets.iter().filter(|name| !is_changes(name)).cloned().collect();
    if made_up != ExitCode::SUCCESS || (others.is_empty() && !options.targets.is_empty()) {
        return Ok(made_up);
    }
    let targets = chosen(&others)?;
    let built = build()?;
    let client = obtain_client()?;
    let folder = target_folder().join("fuzz");
    let mut code = ExitCode::SUCCESS;
    for target in targets {
        let (corpus, found) = (folder.join("corpus").join(target.name), folder.join("found"));
        for made in [&corpus, &found] {
            fs::create_dir_all(made).map_err(io(format!("make {}", made.display())))?;
        }
        let seeds = seed(target, &corpus)?;
        say(&format!("{}: {seeds} seeds, {} minutes", target.name, options.minutes));
        let mut command = Command::new(built.join(target.name));
        command
            .arg(&corpus)
            .arg(format!("-max_total_time={}", options.minutes * 60))
            .arg(format!("-max_len={}", target.max_bytes))
            .arg(format!("-artifact_prefix={}/{}-", found.display(), target.name))
            .arg(format!("-dict={}", words(target).display()))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1"])
            .env("PSQL_CM_TEST_CLIENT_BIN", &client);
        // What the environment of the person says would be read by libpq, and not by us.
        let is_libpq = |name: &str| name.starts_with("PG");
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_libpq)) {
            command.env_remove(name);
        }
        // Nor does either side see the files of the person.
        command.env("HOME", "/nonexistent");
        if let Some(runs) = options.runs {
            command.arg(format!("-runs={runs}"));
        }
        if openly(&mut command)? != ExitCode::SUCCESS {
            say(&format!("{}: the input that broke it is in {}", target.name, found.display()));
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// The target that needs servers instead of a fuzzer.
const CHANGES: &str = "changes";

fn change_at_random(rounds: u64) -> Result<ExitCode, Error> {
    say(&format!("{CHANGES}: {rounds} rounds"));
    let arguments =
        ["-p", "psqlcm-engine", "--test", "it", "--", "made_up", "--nocapture"].map(str::to_owned);
    test::run(&crate::ALL, &arguments, &[("PSQL_CM_CHANGES", &rounds.to_string())])
}

fn chosen(names: &[String]) -> Result<Vec<&'static Target>, Error> {
    if names.is_empty() {
        return Ok(TARGETS.iter().collect());
    }
    let find = |name: &String| {
        TARGETS.iter().find(|target| target.name == name).ok_or_else(|| Error::NotToBeHad {
            what: format!("the fuzz target {name}"),
            reason: format!("there are {}, {CHANGES}", TARGETS.map(|target| target.name).join(", ")),
        })
    };
    names.iter().map(find).collect()
}

/// Builds all targets, and gives their folder.
fn build() -> Result<PathBuf, Error> {
    let host = host()?;
    let folder = target_folder().join("fuzz");
    let mut command = cargo();
    command
        .args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host])
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", FLAGS);
    if openly(&mut command)? != ExitCode::SUCCESS {
        return Err(Error::Failed { command: "cargo build".to_owned(), words: "see above".to_owned() });
    }
    Ok(folder.join(host).join("release"))
}

/// The machine's own platform: naming it keeps the instrumentation out of build scripts.
fn host() -> Result<String, Error> {
    let output = Command::new("rustc").arg("-vV").output();
    let output = output.map_err(|source| Error::NotRun { command: "rustc -vV".to_owned(), source })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::Failed { command: "rustc -vV".to_owned(), words: text })
}

fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

fn words(target: &Target) -> PathBuf {
    workspace().join("fuzz/words").join(format!("{}.dict", target.name))
}

/// Puts the seeds where libFuzzer begins, and says how many there are.
fn seed(target: &Target, corpus: &Path) -> Result<usize, Error> {
    let path = workspace().join("fuzz/seeds").join(format!("{}.txt", target.name));
    let text = fs::read_to_string(&path).map_err(io(format!("read {}", path.display())))?;
    let mut seeds: Vec<String> = text.split("\n%%\n").map(str::to_owned).collect();
    if target.reads_sql {
        let mut files = Vec::new();
        collect(&workspace().join("crates"), &mut files);
        let beside = env::var_os("PSQL_CM_TEST_CORPUS").map(PathBuf::from);
        collect(&beside.unwrap_or_else(|| workspace().join("../shared/corpus")), &mut files);
        let is_tree = target.name == "tree";
        seeds.extend(
            files.into_iter().map(|sql| if is_tree { format!("public/tables/t\n{sql}") } else { sql }),
        );
    }
    for (number, seed) in seeds.iter().enumerate() {
        let path = corpus.join(format!("seed-{number:04}"));
        fs::write(&path, seed).map_err(io(format!("write {}", path.display())))?;
    }
    Ok(seeds.len())
}

/// The SQL below a folder: `.sql` files, and what the cases of the kinds hold.
fn collect(folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match fs::read_to_string(&path) {
            Ok(text) if name.ends_with(".sql") => found.push(text),
            Ok(text) if name == "cases.md" => {
                let blocks = text.split("```sql\n").skip(1).filter_map(|block| block.split("```").next());
                found.extend(blocks.map(str::to_owned));
            }
            Ok(_) => {}
            Err(_) => collect(&path, found),
        }
    }
}
