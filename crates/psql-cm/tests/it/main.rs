//! The binary as people and scripts meet it: usage, options on both sides of the action, exit codes, JSON.
//! What commands do to databases is tested beside each command.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests are tests, and talk to who runs them"
)]

mod adopt;
mod bad_input;
mod broken_on_purpose;
mod case;
mod catalog;
mod closed;
mod diff;
mod doctor;
mod faults;
mod globals;
mod hostile;
mod ignore;
mod log;
mod lost;
mod names;
mod plan;
mod poolers;
mod published;
mod replay;
mod restore;
mod secrets;
mod settings;
mod several;
mod standby;
mod status;
mod submit;
mod support;
mod tool;
mod trips;
mod verify;
mod walkthrough;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs the binary in `folder` with no variables but these.
fn run_in(folder: &Path, arguments: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_psql-cm"));
    command.args(arguments.split_whitespace()).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PSQLCM_")
            || matches!(name.to_str(), Some("DEBUG" | "PGDATABASE"))
        {
            command.env_remove(name);
        }
    }
    command.envs(variables.iter().copied()).output().unwrap()
}

fn run(arguments: &str) -> Output {
    run_in(&std::env::temp_dir(), arguments, &[])
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder of the test's own, empty.
fn folder(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn usage_errors_exit_2_and_say_what_is_wrong_on_standard_error() {
    let check = |arguments: &str, expected: &str| {
        let output = run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {said}");
        assert!(said.contains(expected), "{arguments}: {said}");
        assert_eq!(stdout(&output), "", "{arguments}");
    };
    check("", "Usage: psql-cm");
    check("frobnicate", "unrecognized subcommand 'frobnicate'");
    check("setup --frobnicate", "unexpected argument '--frobnicate'");
    check("setup --databases a,,b", "a name is empty");
    check("--jobs 0 setup", "--jobs");
    check("setup --format xml", "xml");
    check("--uri x setup --uri y", "'--uri' cannot be used multiple times");
    check("-p x dump --sql-path y", "'--sql-path' cannot be used multiple times");
    check("submit -d a", "--change");
    check("submit -d a -c x --lock-wait 5", "write 500ms, 5s, 2min or 1h");
    check("submit -d a -c x --all-schemas --schema s", "'--all-schemas' cannot be used with");
    check("--schemas s submit -d a -c x --all-schemas", "'--all-schemas' cannot be used with");
    check("-d a restore -d b --as c", "'--as' cannot be used with");
    check("restore -d a --role-map a", "old=new");
    check("dump -d a --no-commit --message x", "cannot be used with");
    check("completions tcsh", "tcsh");
    check("--environment a/b -d a status", "a/b");
}

#[test]
fn options_stand_before_or_after_the_action() {
    // The last word is a common option that is wrong, so that the command is understood but not run.
    for arguments in [
        "--database a -s x -t t setup --environment ../x",
        "setup --database a -s x -t t --environment ../x",
        "-d a --environment ../x setup -s x -t t",
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).starts_with("error: the environment \"../x\""), "{}", stderr(&output));
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (arguments, expected) in [
        ("--help", "First steps:"),
        ("--help", "Exit codes:"),
        ("-h", "Usage: psql-cm"),
        ("--version", env!("CARGO_PKG_VERSION")),
        ("submit --help", "Examples:"),
        ("help restore", "--role-map"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments}");
        assert!(stdout(&output).contains(expected), "{arguments}: {}", stdout(&output));
        assert_eq!(stderr(&output), "", "{arguments}");
    }
}

#[test]
fn a_usage_error_is_one_json_object_too() {
    for (arguments, variables) in [
        ("setup --frobnicate --format json", &[][..]),
        ("--format=json setup --frobnicate", &[][..]),
        ("setup --frobnicate", &[("PSQLCM_FORMAT", "json")][..]),
    ] {
        let output = run_in(&std::env::temp_dir(), arguments, variables);
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!((&report["schema_version"], &report["exit_code"]), (&Value::from(1), &Value::from(2)));
        assert!(report["errors"][0]["message"].as_str().unwrap().contains("--frobnicate"), "{report}");
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn a_failure_is_one_json_object_with_the_command() {
    let output = run("status --environment a/b --format json");
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["command"], "status");
    assert_eq!(report["exit_code"], 2);
    assert_eq!(report["errors"][0]["hint"], "its name is a folder's name in the tree");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn psql_cm_toml_is_read_and_its_faults_are_usage_errors() {
    let folder = folder("toml");
    let check = |text: &str, arguments: &str, expected: &str| {
        std::fs::write(folder.join("psql-cm.toml"), text).unwrap();
        let output = run_in(&folder, arguments, &[]);
        let said = stderr(&output);
        assert!(output.status.code() == Some(2) && said.contains(expected), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    };
    check("sql_pth = 's3cret'", "-d a status", "psql-cm.toml:1: unknown field `sql_pth`");
    check("[environments.x]\nuri = 'postgres://u:s3cret@h/'", "-d a status", "hint: put it into ~/.pgpass");
    check("[environments.prod]", "-d a status --environment prd", "there are: prod");
    check("", "-d a status --config absent.toml", "cannot read absent.toml");
}

#[test]
fn a_broken_configuration_keeps_nobody_from_help_and_completions() {
    let folder = folder("broken");
    std::fs::write(folder.join("psql-cm.toml"), "][").unwrap();
    for arguments in ["--help", "completions bash", "man"] {
        let output = run_in(&folder, arguments, &[("PSQLCM_JOBS", "many")]);
        assert_eq!(output.status.code(), Some(0), "{arguments}: {}", stderr(&output));
    }
}

#[test]
fn completions_know_commands_and_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&run(&format!("completions {shell}")));
        assert!(script.contains("submit") && script.contains("lock-timeout"), "{shell}");
    }
}

#[test]
fn bash_takes_the_completions() {
    let script = stdout(&run("completions bash"));
    let bash = Command::new("bash").args(["-n", "-c", &script]).output().unwrap();
    assert!(bash.status.success(), "{bash:?}");
}

#[test]
fn manual_pages_are_written() {
    assert!(stdout(&run("man")).contains(".TH psql-cm 1"));
    let folder = folder("man");
    assert_eq!(run_in(&folder, "man --dir pages", &[]).status.code(), Some(0));
    let page = std::fs::read_to_string(folder.join("pages/psql-cm-submit.1")).unwrap();
    assert!(page.contains("lock\\-timeout"), "{page}");
}

#[test]
fn a_reader_who_leaves_early_is_no_failure() {
    let pipe = format!(
        "set -o pipefail; '{}' completions zsh | head -c 1 > /dev/null",
        env!("CARGO_BIN_EXE_psql-cm")
    );
    let output = Command::new("bash").args(["-c", &pipe]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_full_disk_is_a_failure() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return;
    };
    let output = Command::new(env!("CARGO_BIN_EXE_psql-cm")).arg("man").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot write to standard output"), "{}", stderr(&output));
}

#[test]
fn colour_is_used_when_asked_for_only() {
    let escape = '\x1b';
    assert!(!stderr(&run("setup --frobnicate")).contains(escape));
    // What was typed cannot act on the terminal, coloured or not.
    for color in ["never", "always"] {
        let said = stderr(&run(&format!("set\x1bup --color {color}")));
        assert!(said.contains("unrecognized subcommand") && !said.contains(escape), "{said:?}");
    }
    assert!(stderr(&run("setup --frobnicate --color always")).contains(escape));
    assert!(stderr(&run("status --environment a/b --color=always")).contains(escape));
    assert!(!stderr(&run("status --environment a/b --color never")).contains(escape));
}

#[test]
fn settings_tell_where_they_come_from_and_misspelt_variables_are_named() {
    let folder = folder("origins");
    std::fs::write(folder.join("psql-cm.toml"), "cm_table = 'changes'").unwrap();
    let variables = [("PSQLCM_ROLE", "owner"), ("PSQLCM_DATABASE", "misspelt"), ("NO_COLOR", "1")];
    let said = stderr(&run_in(&folder, "-d a status --verbose --uri postgres://u:s3cret@h/", &variables));
    for expected in [
        "warning: the variable PSQLCM_DATABASE means nothing to psql-cm",
        "cm-table changes from psql-cm.toml",
        "role owner from PSQLCM_ROLE",
        "uri from --uri",
        "sql-path sql from the default",
    ] {
        assert!(said.contains(expected), "{expected} is missing in: {said}");
    }
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn no_text_names_a_command_that_is_not_there() {
    let help = stdout(&run("--help"));
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands: Vec<&str> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"submit"), "{help}");
    let mut texts = vec![("docs/cli.md".to_owned(), include_str!("../../../../docs/cli.md").to_owned())];
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut texts);
    assert!(texts.len() > 50, "the sources were not found");
    let mut seen = 0;
    for (path, text) in &texts {
        for (_, after) in text.match_indices("psql-cm ").map(|(at, found)| text.split_at(at + found.len())) {
            // What follows the name of the program in a sentence is a verb, and words are no commands.
            let word: String = after.chars().take_while(char::is_ascii_lowercase).collect();
            if [
                "diff", "plan", "doctor", "propose", "assess", "approve", "schedule", "apply", "backout",
                "recover",
            ]
            .contains(&word.as_str())
            {
                assert!(commands.contains(&word.as_str()), "{path} names psql-cm {word}");
            }
            seen += usize::from(commands.contains(&word.as_str()));
        }
    }
    assert!(seen > 50, "only {seen} commands are named");
}

/// The sources below a folder, tests aside.
fn sources(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["tests", "target", "psqlcm-testkit"].contains(&name.as_str()) {
            sources(&path, texts);
        } else if name.ends_with(".rs") || name.ends_with(".sql") {
            texts.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn no_command_is_left_unbuilt() {
    for arguments in ["setup", "dump", "restore", "submit -c x", "status", "verify", "log", "doctor", "demo"]
    {
        let said = stderr(&run(&format!("{arguments} -d no_such_database --uri postgres://127.0.0.1:1")));
        assert!(!said.contains("not built yet"), "{said}");
    }
}
