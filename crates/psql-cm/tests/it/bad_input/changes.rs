//! Changes that cannot be read or run.

use std::fmt::Write as _;

use super::Scene;

const SQL: &str = "CREATE TABLE t (a int)";

fn scene() -> Scene {
    Scene::managed(SQL)
}

fn file(scene: &Scene, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(scene.tool.folder().join(name), bytes).unwrap();
}

#[test]
fn changes_that_cannot_be_read() {
    let scene = scene();
    let submit = |title: &str, change: &str| scene.refuses(title, &["submit", "-c", change]);
    submit("No file of that name", "chnages.sql");
    submit("No file of that path", "changes/2026 07/up.sql");
    submit("An empty value", "");
    submit("A value of blanks", "  ");
    submit("A change of comments only", "-- nothing\n/* to do */ ;");
    file(&scene, "empty.sql", "");
    submit("An empty file", "empty.sql");
    file(&scene, "comment.sql", "-- later\n");
    submit("A file of comments only", "comment.sql");
    file(&scene, "latin1.sql", b"SELECT 1;\nSELECT 'caf\xe9';\n");
    submit("A file that is no UTF-8", "latin1.sql");
    let utf16: Vec<u8> = "\u{feff}SELECT 1;".encode_utf16().flat_map(u16::to_le_bytes).collect();
    file(&scene, "utf16.sql", utf16);
    submit("A file in UTF-16", "utf16.sql");
    file(&scene, "zero.sql", b"SELECT 1;\nSELECT '\0';\n");
    submit("A file with a zero byte", "zero.sql");
    std::fs::create_dir(scene.tool.folder().join("changes")).unwrap();
    file(&scene, "changes/README.md", "no SQL");
    submit("A folder without scripts", "changes");
    scene.refuses("No file of that name to go back", &["submit", "-c", "SELECT 1", "--revert", "down.sql"]);
    // Root reads whatever it wants; a file of /proc that nobody can read will do.
    submit("A file that cannot be read", "/proc/self/mem");
}

#[test]
fn a_byte_order_mark_is_no_error() {
    let scene = scene();
    file(&scene, "bom.sql", "\u{feff}CREATE TABLE bom (a int);\n");
    scene.ok(&["submit", "-c", "bom.sql"]);
    file(&scene, "broken.sql", "\u{feff}CREATE TABEL bom (a int);\n");
    scene.refuses("An error behind a byte order mark", &["submit", "-c", "broken.sql"]);
    file(&scene, "windows.sql", "CREATE TABLE w (\r\n  a int,\r\n  b intt\r\n);\r\n");
    scene.refuses("An error in a file with line ends of Windows", &["submit", "-c", "windows.sql"]);
}

#[test]
fn an_error_in_the_third_statement() {
    let scene = scene();
    file(
        &scene,
        "up.sql",
        "CREATE TABLE one (a int);\nCREATE TABLE two (a int);\nALTER TABLE missing ADD b int;\nSELECT 1;\n",
    );
    scene.refuses("An error in the third statement", &["submit", "-c", "up.sql"]);
    file(&scene, "wide.sql", "SELECT 1;\nSELECT 2;\n\tSELECT '漢字',\t'e\u{301}' , nope FROM t;\n");
    scene.refuses("An error behind tabs and wide characters", &["submit", "-c", "wide.sql"]);
    let function = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT b FROM t\n$$";
    scene.refuses("An error in the body of a function", &["submit", "-c", function]);
    let inner = "DO $$\nBEGIN\n  EXECUTE 'SELEC 1';\nEND $$";
    scene.refuses("An error in what a function runs", &["submit", "-c", inner]);
    let key = "CREATE TABLE k (a int PRIMARY KEY); INSERT INTO k VALUES (1); INSERT INTO k VALUES (1)";
    scene.refuses("An error with a detail", &["submit", "-c", key]);
    scene.refuses("An error with a hint", &["submit", "-c", "SELECT lenth('a')"]);
}

#[test]
fn scripts_for_psql() {
    let scene = scene();
    let submit = |title: &str, change: &str| scene.refuses(title, &["submit", "-c", change]);
    submit("A command of psql", "CREATE TABLE a (a int);\n\\d a");
    submit("A command of psql at the end of a statement", "SELECT 1 \\gexec");
    submit("A variable of psql", "CREATE TABLE :name (a int)");
    submit("Rows for COPY", "COPY t FROM stdin;\n1\n\\.\n");
    submit("Rows by COPY", "COPY t TO stdout");
    submit("A transaction of one's own", "BEGIN;\nCREATE TABLE a (a int);\nCOMMIT;");
    submit("A string that does not end", "SELECT 1;\nSELECT 'open");
    submit("A body that does not end", "DO $body$ BEGIN NULL; END $$");
    submit("A parenthesis that does not close", "CREATE TABLE a (a int;");
}

#[test]
fn a_script_of_fifty_megabytes_runs() {
    let scene = scene();
    let mut script = String::new();
    let filling = "x".repeat(40_000);
    for number in 0..1_250 {
        writeln!(script, "INSERT INTO t SELECT {number} WHERE length('{filling}') > 0;").unwrap();
    }
    assert!(script.len() > 50_000_000);
    file(&scene, "large.sql", &script);
    let started = std::time::Instant::now();
    let mut command = scene.command(&["submit", "-c", "large.sql"]);
    let (ran, kilobytes) = measured(&mut command);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    eprintln!("50 MB: {:.1} s, {} MB at most", started.elapsed().as_secs_f64(), kilobytes / 1024);
    assert_eq!(scene.psql("SELECT count(*) FROM t"), "1250");
    assert_eq!(
        scene.psql("SELECT length(content) FROM pg_psql_cm WHERE NOT is_base"),
        script.len().to_string()
    );
    assert!(kilobytes * 1024 < 8 * script.len() as u64, "{kilobytes} kB");
    // With an error in it what is shown is the line, and not the script.
    file(&scene, "large.sql", format!("SELECT 1;\nSELECT nope;\n{script}"));
    scene.refuses("An error in a script of 50 MB", &["submit", "-c", "large.sql"]);
}

/// Runs it, and says how much memory it took at most, in kB.
fn measured(command: &mut std::process::Command) -> (crate::tool::Ran, u64) {
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                let text = std::fs::read_to_string(&status).unwrap_or_default();
                let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let seen =
                    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
                most = most.max(seen);
                std::thread::yield_now();
            }
            most
        });
        let output = child.wait_with_output().unwrap();
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        (crate::tool::Ran::of(&output), watcher.join().unwrap())
    })
}
