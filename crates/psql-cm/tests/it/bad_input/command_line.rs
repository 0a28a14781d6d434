//! Command lines, variables and configurations that say nothing, too much, or the wrong thing; standard output that
//! cannot be written.

use std::process::{Command, Stdio};

use super::Scene;
use crate::tool::Ran;

fn scene() -> Scene {
    Scene::managed("CREATE TABLE t (a int); CREATE SCHEMA \"My, Schema\"")
}

#[test]
fn actions_and_options() {
    let scene = scene();
    let check = |title: &str, words: &[&str]| scene.refuses_command(title, scene.tool.psql_cm(words));
    check("An unknown action", &["stauts"]);
    check("An unknown option", &["--databse", "app", "status"]);
    check("An option of another action", &["-d", "app", "status", "--dry-run"]);
    check("A word too many", &["-d", "app", "status", "now"]);
    check("No database is named", &["status"]);
    check("All databases and some", &["--all-databases", "-d", "app", "status"]);
    check("A submit without a change", &["-d", "app", "submit"]);
    check("A name that is empty", &["-d", "", "status"]);
    check("A name that is too long", &["-d", &"x".repeat(64), "status"]);
    check("A list with an empty name", &["-a", "app,,crm", "status"]);
    check("A list with an open quote", &["-a", "app,\"crm", "status"]);
    check("A quote within a name", &["-d", "app", "-m", "a\"b", "status"]);
    check("A URI instead of a database", &["-d", "postgres://ann:s3cret@127.0.0.1/app", "status"]);
    check("A URI that is none", &["--uri", "postgres://[::1", "-d", "app", "status"]);
    check(
        "An unknown option of a connection",
        &["--uri", "host=127.0.0.1 pasword=s3cret", "-d", "app", "status"],
    );
    check("No jobs at once", &["-d", "app", "--jobs", "0", "status"]);
    check("A name for the ledger that is too long", &["-d", "app", "-t", &"x".repeat(64), "status"]);
    let before = scene.standing();
    let ran = scene.tool.run(&[
        "-d",
        scene.name(),
        "-d",
        scene.name(),
        "-m",
        "\"My, Schema\",public,public",
        "status",
    ]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 2), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(scene.standing(), before);
}

#[test]
fn configurations() {
    let scene = scene();
    let check = |title: &str, text: &str| {
        std::fs::write(scene.tool.folder().join("psql-cm.toml"), text).unwrap();
        scene.refuses(title, &["setup"]);
    };
    check("psql-cm.toml is no TOML", "environment = \n");
    check("psql-cm.toml with an unknown key", "sql_path = \"sql\"\nsql_pth = \"s3cret\"\n");
    check(
        "psql-cm.toml with a password",
        "[environments.default]\nuri = \"postgres://ann:s3cret@127.0.0.1/app\"\n",
    );
    check("psql-cm.toml with a value of another type", "cm_table = 5\n");
    check("psql-cm.toml without the environment", "environment = \"prod\"\n[environments.dev]\n");
    std::fs::remove_file(scene.tool.folder().join("psql-cm.toml")).unwrap();
    scene.refuses("A configuration that is not there", &["--config", "absent.toml", "setup"]);
    std::fs::create_dir(scene.tool.folder().join("psql-cm.toml")).unwrap();
    scene.refuses("psql-cm.toml that cannot be read", &["setup"]);
    std::fs::remove_dir(scene.tool.folder().join("psql-cm.toml")).unwrap();
    std::fs::write(scene.tool.folder().join("psql-cm.toml"), b"cm_table = \"caf\xe9\"\n").unwrap();
    scene.refuses("psql-cm.toml that is no UTF-8", &["setup"]);
    std::fs::remove_file(scene.tool.folder().join("psql-cm.toml")).unwrap();
    let mut command = scene.command(&["setup"]);
    command.env("PSQLCM_JOBS", "many");
    scene.refuses_command("A variable that is wrong", command);
}

#[test]
fn standard_output_that_nobody_reads() {
    let scene = scene();
    scene.ok(&["submit", "-c", "CREATE TABLE u (a int)"]);
    // Enough that the pipe is full when its reader goes away.
    let long = format!("-- {}\nCREATE TABLE long (a int)", "x".repeat(300_000));
    scene.tool.write("../long.sql", &long);
    scene.ok(&["submit", "-c", "long.sql"]);
    let before = scene.standing();
    for words in ["log", "log --format json", "status", "dump --no-commit --sql-path /dev/null/x"] {
        let mut command = scene.command(&words.split(' ').collect::<Vec<_>>());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::of(&child.wait_with_output().unwrap());
        let is_dump = words.starts_with("dump");
        assert_eq!(
            (ran.code, ran.stderr.is_empty()),
            (i32::from(is_dump), !is_dump),
            "{words}: {}",
            ran.stderr
        );
    }
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(_) = full() else { return };
    let mut command = scene.command(&["log"]);
    command.stdout(full().unwrap());
    scene.refuses_output("Standard output is full", command);
    assert_eq!(scene.standing(), before);
    // What was done stays done: the change is recorded, only the telling failed.
    let mut command = scene.command(&["submit", "-c", "CREATE TABLE v (a int)"]);
    let ran = Ran::of(&command.stdout(full().unwrap()).output().unwrap());
    assert!(ran.code == 6 && ran.stderr.contains("only the telling failed"), "{} {}", ran.code, ran.stderr);
    assert_eq!(scene.psql("SELECT count(*) FROM pg_psql_cm WHERE content LIKE '%TABLE v%'"), "1");
}

impl Scene {
    /// As `says`, for a command whose standard output is the test's to choose.
    #[track_caller]
    fn refuses_output(&self, title: &str, mut command: Command) {
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        let ran = Ran::of(&child.wait_with_output().unwrap());
        self.compare(title, &command, &ran);
    }
}
