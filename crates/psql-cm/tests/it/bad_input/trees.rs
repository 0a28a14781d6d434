//! Trees that are damaged, hold what is not theirs, lead elsewhere, or cannot be written.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::Scene;
use crate::tool::Ran;

const SQL: &str = "CREATE SCHEMA s; CREATE TABLE s.t (a int PRIMARY KEY, b text DEFAULT 'it''s')";

impl Scene {
    /// A restore beside the original that must be refused.
    #[track_caller]
    fn refuses_to_restore(&self, title: &str) {
        self.refuses(title, &["restore", "--as", &self.copy()]);
    }

    /// A restore beside the original that must work.
    #[track_caller]
    fn restores(&self) -> Ran {
        let ran = self.ok(&["restore", "--as", &self.copy()]);
        self.tool.server.drop_database(&self.copy());
        ran
    }

    fn copy(&self) -> String {
        format!("{}_copy", self.name())
    }

    /// A file of the tree: `app` is the database.
    fn path(&self, path: &str) -> String {
        path.replace("app/", &format!("{}/", self.name()))
    }

    /// A restore that must be refused while a file of the tree has other contents.
    #[track_caller]
    fn refuses_with(&self, title: &str, path: &str, change: impl Fn(&str) -> String) {
        let path = self.path(path);
        let written = self.tool.read(&path);
        let changed = change(&written);
        assert_ne!(written, changed, "{title}");
        self.tool.write(&path, &changed);
        self.refuses_to_restore(title);
        self.tool.write(&path, &written);
    }
}

#[test]
fn files_that_are_cut_in_the_middle() {
    let scene = Scene::dumped(SQL);
    let half = |text: &str| text[..text.len() / 2].to_owned();
    scene.refuses_with("A file of a table that is cut off", "app/s/tables/t.sql", half);
    let before = |mark: &'static str| move |text: &str| text[..text.find(mark).unwrap()].to_owned();
    let manifest = ".facts/default/app/manifest.json";
    scene.refuses_with("A manifest that is cut off", manifest, before("\"instance\""));
    scene.refuses_with(
        "A ledger's file that is cut off",
        ".facts/default/app/s.ledger.sql",
        before("INSERT INTO"),
    );
    // Whatever is cut: a clear failure, or all that is left is loaded and the restore says that the tree changed.
    let files: Vec<String> = scene.standing().into_keys().filter(|name| name.contains("/sql/")).collect();
    let root = scene.tool.tree("").display().to_string();
    for file in files.iter().filter(|file| !file.contains("/.git/")) {
        let path = file.strip_prefix(&root).unwrap();
        let written = scene.tool.read(path);
        scene.tool.write(path, &half(&written));
        let ran = scene.run(&["restore", "--as", &scene.copy()]);
        match ran.code {
            0 => {
                let is_no_sql = !path.ends_with(".sql") || path.ends_with("restore.sql");
                assert!(
                    is_no_sql || ran.stdout.contains("tree changed since dump"),
                    "{path}: {}",
                    ran.stdout
                );
                scene.tool.server.drop_database(&scene.copy());
            }
            code => {
                assert!(code == 1 && ran.stderr.contains("nothing of it is left"), "{path}: {}", ran.stderr);
            }
        }
        scene.tool.write(path, &written);
    }
    assert!(files.len() > 5, "{files:?}");
}

#[test]
fn manifests_that_are_gone_or_of_another_time() {
    let scene = Scene::dumped(SQL);
    let path = scene.path(".facts/default/app/manifest.json");
    let written = scene.tool.read(&path);
    std::fs::remove_file(scene.tool.tree(&path)).unwrap();
    let ran = scene.restores();
    assert!(ran.stdout.contains("not compared: "), "{}", ran.stdout);
    scene.tool.write(&path, &written);
    let other = |text: &str| text.replacen("\"format\": 1", "\"format\": 99", 1);
    scene.refuses_with("A manifest of another format", ".facts/default/app/manifest.json", other);
    scene.tool.write(&path, &half_merged(&written));
    scene.refuses_to_restore("Merge marks in a manifest: restore");
    scene.refuses("Merge marks in a manifest: dump", &["dump"]);
    scene.refuses("Merge marks in a manifest: verify", &["verify"]);
}

fn half_merged(text: &str) -> String {
    format!("<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n")
}

#[test]
fn merge_marks() {
    let scene = Scene::dumped(SQL);
    scene.refuses_with("Merge marks in a table's file", "app/s/tables/t.sql", half_merged);
    let marks_below = |text: &str| {
        text.replacen("    b text", "<<<<<<< HEAD\n    b text\n=======\n    b int\n>>>>>>> other", 1)
    };
    scene.refuses_with("Merge marks within a statement", "app/s/tables/t.sql", marks_below);
    let ledger = |text: &str| format!("{text}=======\n{text}>>>>>>> other\n");
    scene.refuses_with("Merge marks in a ledger", ".facts/default/app/s.ledger.sql", ledger);
}

#[test]
fn line_ends_of_windows_mean_the_same() {
    let scene = Scene::dumped(&format!("{SQL}; COMMENT ON TABLE s.t IS 'two\nlines'"));
    let root = scene.tool.tree(&scene.path("app/"));
    for file in sql_files(&root) {
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace('\n', "\r\n")).unwrap();
    }
    let ran = scene.restores();
    assert!(ran.stdout.contains("tree changed since dump"), "{}", ran.stdout);
    // git changes nothing of it on its own: the tree says so in .gitattributes.
    scene.ok(&["dump"]);
    scene.tool.git(&["config", "core.autocrlf", "true"]);
    std::fs::remove_dir_all(&root).unwrap();
    scene.tool.git(&["checkout", "--", "."]);
    let ran = scene.restores();
    assert!(ran.stdout.contains("equal to what was dumped"), "{}", ran.stdout);
}

fn sql_files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(sql_files(&path)),
            false if path.extension().is_some_and(|extension| extension == "sql") => found.push(path),
            false => {}
        }
    }
    found
}

#[test]
fn files_that_are_not_the_trees() {
    let scene = Scene::dumped(SQL);
    scene.tool.write(&scene.path("app/s/notes.md"), "mine");
    scene.tool.write(&scene.path("app/s/tables/mine.sql.bak"), "CREATE TABLE");
    let ran = scene.restores();
    let name = scene.path("app/s/notes.md");
    assert!(
        ran.stderr.contains(&format!("warning: {name} is no SQL file and was not loaded")),
        "{}",
        ran.stderr
    );
    // A dump leaves them alone.
    scene.psql("CREATE TABLE s.u (a int)");
    scene.ok(&["dump"]);
    assert_eq!(scene.tool.read(&scene.path("app/s/notes.md")), "mine");
    scene.tool.write(&scene.path("app/s/tables/utf16.sql"), "\u{feff}CREATE TABLE s.w (a int);\n");
    // A byte order mark is no part of the text.
    scene.restores();
    let path = scene.tool.tree(&scene.path("app/s/tables/utf16.sql"));
    std::fs::write(&path, b"CREATE TABLE s.w (a int); -- caf\xe9\n").unwrap();
    scene.refuses_to_restore("A file of the tree that is no UTF-8");
    std::fs::write(&path, b"CREATE TABLE s.w (\0a int);\n").unwrap();
    scene.refuses_to_restore("A zero byte in a file of the tree");
    std::fs::write(&path, "DROP SCHEMA public;\n\\! rm -rf /\n").unwrap();
    scene.refuses_to_restore("A psql command in a file of the tree");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    scene.restores();
}

#[test]
fn links_that_lead_out_of_the_tree() {
    let scene = Scene::dumped(SQL);
    let outside = scene.tool.folder().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret.sql"), "CREATE TABLE s.secret ()").unwrap();
    let file = scene.tool.tree(&scene.path("app/s/tables/linked.sql"));
    symlink(outside.join("secret.sql"), &file).unwrap();
    scene.refuses_to_restore("A link instead of a file: restore");
    scene.psql("CREATE TABLE s.linked (a int)");
    scene.refuses("A link instead of a file: dump", &["dump"]);
    std::fs::remove_file(&file).unwrap();
    let folder = scene.tool.tree(&scene.path("app/s/views"));
    symlink(&outside, &folder).unwrap();
    scene.refuses_to_restore("A link instead of a folder: restore");
    scene.psql("CREATE VIEW s.v AS SELECT 1");
    scene.refuses("A link instead of a folder: dump", &["dump"]);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    // The folder of the tree itself may be a link: that is the user's own choice.
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(scene.tool.tree(""), scene.tool.folder().join("real")).unwrap();
    symlink(scene.tool.folder().join("real"), scene.tool.folder().join("sql")).unwrap();
    scene.ok(&["dump"]);
    std::fs::remove_dir_all(scene.tool.tree(&format!(".facts/default/{}", scene.name()))).unwrap();
    symlink(&outside, scene.tool.tree(&format!(".facts/default/{}", scene.name()))).unwrap();
    scene.refuses("A link instead of what an environment knows: dump", &["dump"]);
    scene.refuses_to_restore("A link instead of what an environment knows: restore");
}

#[test]
fn folders_that_cannot_be_used() {
    let scene = Scene::managed(SQL);
    std::fs::write(scene.tool.folder().join("file"), "").unwrap();
    scene.refuses("The tree is a file: dump", &["--sql-path", "file", "dump"]);
    scene.refuses("The tree is a file: restore", &["--sql-path", "file", "restore", "--as", "app_copy"]);
    scene.refuses("No folder of that name", &["--sql-path", "nowhere", "restore", "--as", "app_copy"]);
    scene.refuses("The tree below a file", &["--sql-path", "file/sql", "dump"]);
    // Nobody writes to it, root neither.
    let mut unshare = Command::new("unshare");
    let mount = "mkdir -p readonly && mount -t tmpfs -o ro none readonly";
    unshare.current_dir(scene.tool.folder()).args(["-m", "sh", "-c", mount]);
    if unshare.output().is_ok_and(|output| output.status.success()) {
        let ran = mounted(&scene, &format!("{mount} && exec \"$@\""), &["--sql-path", "readonly", "dump"]);
        assert!(ran.code == 1 && ran.stderr.contains("hint: the file system is read-only"), "{}", ran.stderr);
    }
}

/// Runs the binary by a shell script in a namespace of mounts of its own.
fn mounted(scene: &Scene, script: &str, words: &[&str]) -> Ran {
    let run = scene.command(words);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "sh"]).arg(run.get_program()).args(run.get_args());
    command.current_dir(scene.tool.folder());
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Ran::of(&command.output().unwrap())
}

#[test]
fn a_full_disk() {
    let scene = Scene::managed(SQL);
    // Mounts belong to root, in a namespace of its own.
    let mount = "mkdir -p sql && mount -t tmpfs -o size=64k small sql";
    let mut unshare = Command::new("unshare");
    unshare.current_dir(scene.tool.folder()).args(["-m", "sh", "-c", mount]);
    if !unshare.output().is_ok_and(|output| output.status.success()) {
        eprintln!("no small disk can be mounted here: the test is left out");
        return;
    }
    scene.psql(&format!("COMMENT ON TABLE s.t IS '{}'", "x".repeat(100_000)));
    let script = format!("{mount} && \"$@\"; code=$?; find sql -type f >&2; exit $code");
    let before = scene.standing();
    let ran = mounted(&scene, &script, &["dump"]);
    assert!(ran.code == 1 && ran.stderr.contains("No space left on device"), "{}", ran.stderr);
    assert!(
        ran.stderr.ends_with("hint: make room on the disk, then run it again\n"),
        "left files: {}",
        ran.stderr
    );
    assert_eq!(scene.standing(), before);
}

#[test]
fn another_dump_into_the_same_folder() {
    let scene = Scene::dumped(SQL);
    let writer = psqlcm_engine::files::Writer::open(&scene.tool.tree(""), "psql-cm dump").unwrap();
    let pid = format!("process {}", std::process::id());
    let scene = scene.calling(&pid, "process 4711");
    scene.refuses("Another dump into the same folder", &["dump"]);
    drop(writer);
    // Two that start at once: each does it whole, or says that the other is at it.
    scene.psql("CREATE TABLE s.u (a int)");
    let children: Vec<_> = (0..4)
        .map(|_| {
            scene
                .command(&["dump"])
                .stderr(std::process::Stdio::piped())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let ended: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let ended: Vec<_> = ended.iter().map(Ran::of).collect();
    assert!(ended.iter().any(|ran| ran.code == 0));
    for ran in ended {
        assert!(
            ran.code == 0 || ran.code == 5 && ran.stderr.contains("is being written by"),
            "{} {}",
            ran.code,
            ran.stderr
        );
    }
    assert_eq!(scene.tool.git(&["status", "--porcelain"]), "");
    let dumped = scene.ok(&["dump"]);
    assert!(dumped.stdout.contains("no file changed"), "{}", dumped.stdout);
}

#[test]
fn two_clusters_with_a_database_of_the_same_name() {
    let scene = Scene::dumped(SQL);
    let installations = psqlcm_engine::server::Installation::discover();
    let installation = installations.iter().find(|found| found.version.major == 15).unwrap();
    let other = psqlcm_engine::server::ScratchCluster::start(installation, &Default::default()).unwrap();
    let server = psqlcm_testkit::TestServer::new(15, other.socket_dir(), other.port());
    server.psql("postgres", &format!("CREATE DATABASE {} TEMPLATE template0", scene.name())).unwrap();
    server.psql(scene.name(), "CREATE SCHEMA other; CREATE TABLE other.o (a int)").unwrap();
    let there = scene.tool.on(&server);
    let name = scene.name();
    there.ok(&["-d", name, "setup"]);
    let manifest = scene.tool.read(&scene.path(".facts/default/app/manifest.json"));
    let known = manifest.split('"').skip_while(|word| *word != "instance").nth(2).unwrap().to_owned();
    let instance = "SELECT system_identifier || '/' || d.oid FROM pg_control_system(), pg_database d
        WHERE datname = current_database()";
    let connected = server.psql(scene.name(), instance).unwrap();
    let name = scene.name().to_owned();
    let scene =
        scene.calling(&known, "7000000000000000001/16384").calling(&connected, "7000000000000000002/16384");
    let name = name.as_str();
    scene
        .refuses_command("Another cluster's database of the same name", there.psql_cm(&["-d", name, "dump"]));
    // Told apart as environments, both are in the tree.
    there.ok(&["-d", name, "--environment", "other", "dump", "--sql-path", "elsewhere"]);
}
