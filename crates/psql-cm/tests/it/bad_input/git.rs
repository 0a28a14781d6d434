//! What keeps git from taking a dump. The files stay written, and no commit, branch or staged file changes.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::Scene;
use crate::tool::Ran;

/// A database under control, dumped and committed, with a table that is not dumped yet.
fn scene() -> Scene {
    let scene = Scene::dumped("CREATE TABLE t (a int)");
    scene.psql("CREATE TABLE u (a int)");
    scene
}

impl Scene {
    /// A dump whose files are written and not committed, as the document says.
    #[track_caller]
    fn writes_only(&self, title: &str, mut command: Command) {
        let head = self.head();
        self.says(title, &mut command);
        assert!(
            self.tool.tree(&format!("{}/public/tables/u.sql", self.name())).exists(),
            "{title}: not written"
        );
        assert_eq!(self.head(), head, "{title}: there is a commit");
    }

    fn head(&self) -> String {
        let output =
            self.tool.command("git").current_dir(self.tool.tree("")).args(["rev-parse", "HEAD"]).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    /// Two branches that cannot be merged, on the first of them; what `git` then says is the test's to ask for.
    fn branches(&self) {
        let git = |words: &[&str]| self.tool.git(words);
        for branch in ["other", "main"] {
            git(&["checkout", "-q", "-B", branch, "main"]);
            self.tool.write("notes.txt", branch);
            git(&["add", "notes.txt"]);
            git(&["commit", "-q", "-m", branch]);
            if branch == "other" {
                git(&["checkout", "-q", "main"]);
            }
        }
    }

    fn git_fails(&self, words: &[&str]) {
        let output = self.tool.command("git").current_dir(self.tool.tree("")).args(words).output().unwrap();
        assert!(!output.status.success(), "git {words:?}");
    }
}

#[test]
fn without_git() {
    let scene = scene();
    let mut command = scene.command(&["dump"]);
    command.env("PATH", scene.tool.folder());
    scene.writes_only("git is not there", command);
    let ran =
        Ran::of(&scene.command(&["dump", "--no-commit"]).env("PATH", scene.tool.folder()).output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn without_an_identity() {
    let scene = scene();
    std::fs::write(scene.tool.folder().join("home/.gitconfig"), "[user]\n\tuseConfigOnly = true\n").unwrap();
    scene.writes_only("git does not know who you are", scene.command(&["dump"]));
    // The identity of the run's own is as good.
    let mut command = scene.command(&["dump"]);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Ann").env(format!("GIT_{who}_EMAIL"), "ann@example.org");
    }
    assert_eq!(Ran::of(&command.output().unwrap()).code, 0);
}

#[test]
fn hooks_that_refuse() {
    let scene = scene();
    for hook in ["pre-commit", "commit-msg"] {
        let path = format!(".git/hooks/{hook}");
        scene.tool.write(&path, "#!/bin/sh\necho 'say the number of the ticket' >&2\nexit 1\n");
        let file = scene.tool.tree(&path);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        match hook {
            "pre-commit" => scene.writes_only("A git hook refuses", scene.command(&["dump"])),
            _ => {
                let ran = scene.run(&["dump"]);
                assert!(
                    ran.code == 1 && ran.stderr.contains("refused the commit (commit-msg)"),
                    "{}",
                    ran.stderr
                );
            }
        }
        std::fs::remove_file(&file).unwrap();
    }
    scene.ok(&["dump"]);
    assert_eq!(scene.tool.git(&["status", "--porcelain"]), "");
}

#[test]
fn in_the_middle_of_something() {
    for (title, start, end) in [
        ("In the middle of a merge", &["merge", "other"][..], "merge"),
        ("In the middle of a rebase", &["rebase", "other"], "rebase"),
        ("In the middle of a cherry-pick", &["cherry-pick", "other"], "cherry-pick"),
    ] {
        let scene = scene();
        scene.branches();
        scene.git_fails(start);
        scene.writes_only(title, scene.command(&["dump"]));
        // Given up as the hint says; what git does not know it leaves alone, and the next dump commits it.
        scene.tool.git(&[end, "--abort"]);
        scene.ok(&["dump"]);
        assert_eq!(scene.tool.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn a_detached_head_takes_the_commit_with_a_warning() {
    let scene = scene();
    scene.tool.git(&["checkout", "-q", "--detach"]);
    let ran = scene.ok(&["dump"]);
    let id = scene.head();
    let warning = format!(
        "warning: HEAD is detached: commit {0} is on no branch; keep it with: git branch <name> {0}\n",
        id.trim()
    );
    assert_eq!(ran.stderr, warning);
}

#[test]
fn folders_that_git_does_not_take() {
    let scene = scene();
    let project = scene.tool.folder();
    let git = |words: &[&str]| {
        let output = scene.tool.command("git").args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let dump = |path: &str| scene.command(&["dump", "--sql-path", path]);
    git(&["init", "-q", "--bare", "bare.git"]);
    scene.says("A bare repository", &mut dump("bare.git/sql"));
    git(&["init", "-q", "ignoring"]);
    std::fs::write(project.join("ignoring/.gitignore"), "# ours\ngenerated/\n").unwrap();
    scene.says("A folder that .gitignore names", &mut dump("ignoring/generated"));
    scene.tool.write(".git/index.lock", "");
    scene.writes_only("Another git is at work", scene.command(&["dump"]));
    std::fs::remove_file(scene.tool.tree(".git/index.lock")).unwrap();
    // In a submodule it is the submodule that gets the commit.
    git(&["init", "-q", "inner"]);
    git(&["-C", "inner", "commit", "-q", "--allow-empty", "-m", "first"]);
    git(&["init", "-q", "outer"]);
    let inner = project.join("inner");
    git(&[
        "-C",
        "outer",
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        inner.to_str().unwrap(),
        "db",
    ]);
    assert_eq!(Ran::of(&dump("outer/db/sql").output().unwrap()).code, 0);
    let log = scene.tool.command("git").args(["-C", "outer/db", "log", "--format=%s"]).output().unwrap();
    assert!(String::from_utf8_lossy(&log.stdout).starts_with("psql-cm: dump"), "{log:?}");
    // A shallow clone is as good as a whole one.
    let outer = format!("file://{}", inner.display());
    git(&["clone", "-q", "--depth", "1", &outer, "shallow"]);
    assert_eq!(Ran::of(&dump("shallow/sql").output().unwrap()).code, 0);
    // Nothing to commit is no error.
    let ran = Ran::of(&dump("shallow/sql").output().unwrap());
    assert!(ran.code == 0 && ran.stdout.contains("no file changed"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_repository_of_another_user() {
    let scene = scene();
    // git itself can be told to take the repository for another user's.
    let mut command = scene.command(&["dump"]);
    command.env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    scene.writes_only("A repository of another user", command);
}
