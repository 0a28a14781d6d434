//! Commits of a tree, each in a repository of its own. The tests share one environment, so what depends on it (the
//! person's own configuration, `PATH`, what a hook hands down) runs the test binary again with another one.

#![expect(clippy::unwrap_used, reason = "helpers of tests; a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use psqlcm_engine::git::{self, Committed, GitError, Operation};
use tempfile::TempDir;

/// A work tree with a first commit: `kept` and `gone` under `sql`, and `other` beside it.
struct Repository {
    folder: TempDir,
}

impl Repository {
    fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.configure();
        for (path, text) in [("sql/kept", "1\n2\n3\n4\n5\n"), ("sql/gone", "gone\n"), ("other", "other\n")] {
            repository.write(path, text);
        }
        repository.git(&["add", "."]);
        repository.git(&["commit", "--quiet", "-m", "first"]);
        repository
    }

    /// The person, and nothing that the machine's configuration could disturb.
    fn configure(&self) {
        let settings = [
            ("user.name", "Ann Example"),
            ("user.email", "ann@example.org"),
            ("commit.gpgSign", "false"),
            ("core.hooksPath", ".git/hooks"),
            ("core.excludesFile", "/dev/null"),
            ("gc.auto", "0"),
        ];
        for (key, value) in settings {
            self.git(&["config", key, value]);
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn sql(&self) -> PathBuf {
        self.path().join("sql")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn hook(&self, name: &str, script: &str) {
        let hook = format!(".git/hooks/{name}");
        self.write(&hook, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.path().join(hook), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        let (succeeded, output) = self.try_git(arguments);
        assert!(succeeded, "git {arguments:?}: {output}");
        output
    }

    fn try_git(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new("git").arg("-C").arg(self.path()).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    fn commit(&self, files: &[&str]) -> Result<Committed, GitError> {
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        git::commit(&self.sql(), &files, "dump: second\n\n# not a comment")
    }

    /// What the last commit changed, in git's short form.
    fn last(&self) -> Vec<String> {
        let listed = self.git(&["show", "--format=", "--name-status", "--no-renames", "-z"]);
        let words: Vec<&str> = listed.split_terminator('\0').collect();
        words.chunks(2).map(|pair| pair.join(" ")).collect()
    }

    fn status(&self) -> String {
        self.git(&["status", "--porcelain"])
    }

    /// Commits a change and expects an error, and that neither files, nor index, nor HEAD moved.
    fn refuses(&self) -> GitError {
        self.write("sql/kept", "changed\n");
        self.write("sql/new", "new\n");
        let (head, status) = (git::head(self.path()), self.status());
        let error = self.commit(&["kept", "new"]).unwrap_err();
        assert_eq!((git::head(self.path()), self.status()), (head, status), "{error}");
        assert_eq!(fs::read_to_string(self.sql().join("new")).unwrap(), "new\n");
        error
    }
}

#[test]
fn only_the_given_files_are_committed_and_what_was_staged_stays_staged() {
    let repository = Repository::new();
    repository.write("other", "staged\n");
    repository.write("sql/foreign", "staged\n");
    // Partly staged: line 1 is in the index, line 5 only on disk. The file as it is on disk is what was dumped.
    repository.write("sql/kept", "one\n2\n3\n4\n5\n");
    repository.git(&["add", "."]);
    repository.write("sql/kept", "one\n2\n3\n4\nfive\n");
    repository.write("sql/untracked", "mine\n");
    fs::remove_file(repository.sql().join("gone")).unwrap();
    repository.write("sql/a b/new", "new\n");

    let committed = repository.commit(&["kept", "gone", "a b/new", "never/there"]).unwrap();

    let Committed::Commit { id, branch, is_new_repository, files } = &committed else {
        panic!("{committed:?}");
    };
    assert_eq!(Some(id), git::head(repository.path()).as_ref());
    assert_eq!((branch.as_deref(), *is_new_repository, *files), (Some("main"), false, 3));
    assert_eq!(committed.warning(), None);
    assert_eq!(repository.last(), ["A sql/a b/new", "D sql/gone", "M sql/kept"]);
    assert_eq!(repository.git(&["show", "HEAD:sql/kept"]), "one\n2\n3\n4\nfive\n");
    assert_eq!(repository.status(), "M  other\nA  sql/foreign\n?? sql/untracked\n");
    let message = repository.git(&["log", "-1", "--format=%B%an"]);
    assert_eq!(message, "dump: second\n\n# not a comment\nAnn Example\n");

    assert_eq!(repository.commit(&["kept", "gone", "a b/new"]).unwrap(), Committed::Nothing);
    assert_eq!(repository.commit(&[]).unwrap(), Committed::Nothing);
}

#[test]
fn names_are_names_and_no_patterns() {
    let repository = Repository::new();
    let names =
        ["*", ":(top)x", ":!kept", "-a", "--all", "[k]ept", "two\nlines", "\"quoted\"", "ünï", "back\\slash"];
    for name in names {
        repository.write(&format!("sql/{name}"), "new\n");
    }
    repository.write("sql/kept", "not ours\n");
    repository.write("other", "not ours\n");
    repository.commit(&names).unwrap();
    let mut expected = names.map(|name| format!("A sql/{name}"));
    expected.sort();
    assert_eq!(repository.last(), expected);
    assert_eq!(repository.status(), " M other\n M sql/kept\n");
}

#[test]
fn a_file_may_become_a_folder_and_a_folder_a_file() {
    let repository = Repository::new();
    repository.write("sql/folder/file", "1\n");
    repository.commit(&["folder/file"]).unwrap();

    fs::remove_file(repository.sql().join("kept")).unwrap();
    repository.write("sql/kept/file", "2\n");
    repository.write("sql/kept/untracked", "mine\n");
    fs::remove_dir_all(repository.sql().join("folder")).unwrap();
    repository.write("sql/folder", "2\n");
    repository.commit(&["folder", "folder/file", "kept", "kept/file"]).unwrap();

    assert_eq!(repository.last(), ["A sql/folder", "D sql/folder/file", "D sql/kept", "A sql/kept/file"]);
    assert_eq!(repository.status(), "?? sql/kept/untracked\n");
}

#[test]
fn touched_staged_and_removed_again_is_nothing() {
    let repository = Repository::new();
    let kept = fs::read(repository.sql().join("kept")).unwrap();
    repository.write("sql/kept", "staged, then undone\n");
    repository.git(&["add", "."]);
    fs::write(repository.sql().join("kept"), kept).unwrap();
    repository.git(&["rm", "--quiet", "--cached", "sql/gone"]);
    let status = repository.status();

    assert_eq!(repository.commit(&["kept", "gone"]).unwrap(), Committed::Nothing);
    assert_eq!(repository.status(), status);
}

/// Runs the named test again in a process whose environment has these variables; true in that process.
fn is_with(test: &str, variables: &[(&str, &Path)]) -> bool {
    if std::env::var_os("PSQLCM_TEST_AGAIN").is_some_and(|again| again == test) {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("git::{test}"), "--nocapture"]).env("PSQLCM_TEST_AGAIN", test);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// A home with a configuration file for git, and the variables that make git use it.
fn home_with(configuration: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config"), configuration).unwrap();
    home
}

#[test]
fn a_folder_outside_any_work_tree_becomes_one() {
    let home = home_with("[user]\nname = Ann\nemail = ann@example.org\n");
    let config = home.path().join("config");
    let variables = [("HOME", home.path()), ("GIT_CONFIG_GLOBAL", &config)];
    if !is_with("a_folder_outside_any_work_tree_becomes_one", &variables) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("sql");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), "1\n").unwrap();
    assert_eq!((git::head(&root), git::is_merging(&root)), (None, false));
    assert!(matches!(git::show(&root, "HEAD", Path::new("file")), Err(GitError::NoRepository { .. })));
    assert_eq!(git::identity(&root).as_deref(), Some("Ann <ann@example.org>"));
    let outcome = git::commit(&root, &["file".into()], "dump").unwrap();
    assert!(matches!(outcome, Committed::Commit { is_new_repository: true, files: 1, .. }), "{outcome:?}");
    assert!(root.join(".git").is_dir());

    let bare = tempfile::tempdir().unwrap();
    assert!(Command::new("git").args(["init", "-q", "--bare"]).arg(bare.path()).status().unwrap().success());
    let error = git::commit(bare.path(), &["HEAD".into()], "dump").unwrap_err();
    assert!(matches!(error, GitError::Bare { .. }), "{error}");
}

#[test]
fn without_a_person_nothing_is_committed_and_no_repository_made() {
    let home = home_with("[user]\nuseConfigOnly = true\n");
    let config = home.path().join("config");
    let variables = [("HOME", home.path()), ("GIT_CONFIG_GLOBAL", &config)];
    if !is_with("without_a_person_nothing_is_committed_and_no_repository_made", &variables) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "1\n").unwrap();
    let error = git::commit(folder.path(), &["file".into()], "dump").unwrap_err();
    assert!(matches!(error, GitError::NoIdentity), "{error}");
    assert!(error.hint().unwrap().contains("user.email"));
    assert_eq!(git::identity(folder.path()), None);
    assert!(folder.path().join("file").exists() && !folder.path().join(".git").exists());
}

#[test]
fn without_git_the_error_says_so() {
    let nothing = tempfile::tempdir().unwrap();
    if !is_with("without_git_the_error_says_so", &[("PATH", nothing.path())]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "1\n").unwrap();
    let error = git::commit(folder.path(), &["file".into()], "dump").unwrap_err();
    assert!(matches!(error, GitError::NoGit), "{error}");
    assert!(error.hint().unwrap().contains("--no-commit"));
}

#[test]
fn a_repository_of_another_user_is_not_trusted() {
    // Git's own switch for its own tests of this.
    let yes = [("GIT_TEST_ASSUME_DIFFERENT_OWNER", Path::new("1"))];
    if !is_with("a_repository_of_another_user_is_not_trusted", &yes) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("git").args(["init", "-q"]).arg(folder.path()).status();
    assert!(made.unwrap().success());
    let error = git::commit(folder.path(), &["file".into()], "dump").unwrap_err();
    let path = folder.path().canonicalize().unwrap();
    assert!(matches!(&error, GitError::DubiousOwnership { path: named } if *named == path), "{error}");
    assert!(error.hint().unwrap().contains("safe.directory"));
}

#[test]
fn what_a_hook_hands_down_does_not_lead_elsewhere() {
    let elsewhere = Repository::new();
    let (git_dir, index) = (elsewhere.path().join(".git"), elsewhere.path().join("no/index"));
    let one = Path::new("1");
    let variables = [
        ("GIT_DIR", &*git_dir),
        ("GIT_WORK_TREE", elsewhere.path()),
        ("GIT_INDEX_FILE", &*index),
        ("GIT_GLOB_PATHSPECS", one),
    ];
    let test = "what_a_hook_hands_down_does_not_lead_elsewhere_inner";
    // In there our own helper must not be led astray either, so it is prepared here.
    let repository = Repository::new();
    repository.write("sql/kept", "changed\n");
    let variables = [&variables[..], &[("PSQLCM_TEST_ROOT", repository.path())]].concat();
    assert!(!is_with(test, &variables));
    assert_eq!(repository.last(), ["M sql/kept"]);
    assert_eq!(elsewhere.git(&["rev-list", "--count", "HEAD"]), "1\n");
}

#[test]
fn what_a_hook_hands_down_does_not_lead_elsewhere_inner() {
    let Some(root) = std::env::var_os("PSQLCM_TEST_ROOT") else {
        return;
    };
    let committed = git::commit(&Path::new(&root).join("sql"), &["kept".into()], "dump").unwrap();
    assert!(matches!(committed, Committed::Commit { files: 1, .. }), "{committed:?}");
}

#[test]
fn the_first_commit_of_a_repository_is_like_any_other() {
    let repository = Repository { folder: tempfile::tempdir().unwrap() };
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.configure();
    repository.write("other", "staged\n");
    repository.git(&["add", "."]);
    repository.write("sql/new", "1\n");
    repository.commit(&["new", "never"]).unwrap();
    assert_eq!(repository.last(), ["A sql/new"]);
    assert_eq!(repository.status(), "A  other\n");
}

#[test]
fn a_detached_head_is_committed_to_with_a_warning() {
    let repository = Repository::new();
    repository.git(&["checkout", "--quiet", "--detach"]);
    repository.write("sql/kept", "changed\n");
    let committed = repository.commit(&["kept"]).unwrap();
    assert!(matches!(&committed, Committed::Commit { branch: None, .. }), "{committed:?}");
    assert!(committed.warning().unwrap().contains("git branch <name>"));
}

#[test]
fn a_linked_work_tree_is_committed_to_and_hooks_pass() {
    let repository = Repository::new();
    repository.hook("pre-commit", "echo seen >>\"$(git rev-parse --git-common-dir)/seen\"");
    let linked = tempfile::tempdir().unwrap();
    let linked_path = linked.path().join("linked");
    repository.git(&["worktree", "add", "--quiet", "-b", "side", linked_path.to_str().unwrap()]);
    // The path of the hooks is relative to the work tree.
    repository.git(&["config", "--unset", "core.hooksPath"]);
    fs::write(linked_path.join("sql/new"), "1\n").unwrap();
    git::commit(&linked_path.join("sql"), &["new".into()], "dump").unwrap();
    assert_eq!(repository.git(&["show", "side:sql/new"]), "1\n");
    assert!(repository.path().join(".git/seen").exists());
}

#[test]
fn a_hook_that_refuses_is_heard() {
    for hook in ["pre-commit", "commit-msg"] {
        let repository = Repository::new();
        repository.hook(hook, "echo 'no dumps on Friday' >&2; exit 1");
        let error = repository.refuses();
        let GitError::HookRefused { hooks, output } = &error else { panic!("{error}") };
        assert_eq!((hooks.as_slice(), output.as_str()), (&[hook.to_owned()][..], "no dumps on Friday"));
        assert!(error.hint().unwrap().contains("the files are written"));
    }
    let repository = Repository::new();
    repository.hook("reference-transaction", "test \"$1\" != prepared");
    assert!(matches!(repository.refuses(), GitError::HookRefused { .. }));
}

#[test]
fn an_ignored_path_names_the_pattern() {
    let repository = Repository::new();
    repository.write(".gitignore", "# ours\n/sql/n*\n");
    repository.git(&["add", "."]);
    repository.git(&["commit", "--quiet", "-m", "ignore"]);
    let error = repository.refuses();
    assert_eq!(error.to_string(), "git ignores 1 file, new");
    assert!(error.hint().unwrap().contains("(.gitignore:2: /sql/n*)"), "{:?}", error.hint());

    // What git knows already is not ignored.
    repository.write(".gitignore", "/sql/\n");
    assert!(matches!(repository.commit(&["kept"]).unwrap(), Committed::Commit { files: 1, .. }));
}

#[test]
fn what_waits_for_a_person_is_named() {
    let conflict = |command: &[&str]| {
        let repository = Repository::new();
        repository.git(&["checkout", "--quiet", "-b", "side"]);
        for (branch, text) in [("side", "side\n"), ("main", "main\n")] {
            repository.git(&["checkout", "--quiet", branch]);
            repository.write("other", text);
            repository.git(&["commit", "--quiet", "-a", "-m", branch]);
        }
        let (succeeded, _) = repository.try_git(command);
        assert!(!succeeded);
        repository
    };
    let cases: [(&[&str], Operation); 4] = [
        (&["merge", "side"], Operation::Merge),
        (&["rebase", "side"], Operation::Rebase),
        (&["cherry-pick", "side"], Operation::CherryPick),
        (&["revert", "side"], Operation::Revert),
    ];
    for (command, expected) in cases {
        let repository = conflict(command);
        let error = repository.refuses();
        assert!(matches!(error, GitError::UnderWay { operation } if operation == expected), "{error}");
        assert!(error.hint().unwrap().contains("--abort"));
        assert!(git::is_merging(&repository.sql()));
    }

    let repository = Repository::new();
    assert!(!git::is_merging(&repository.sql()));
    repository.write("other", "stashed\n");
    repository.git(&["stash", "--quiet"]);
    repository.write("other", "committed\n");
    repository.git(&["commit", "--quiet", "-a", "-m", "other"]);
    repository.try_git(&["stash", "pop"]);
    let error = repository.refuses();
    assert!(matches!(&error, GitError::Conflict { path } if path == Path::new("other")), "{error}");
}

#[test]
fn a_repository_that_cannot_take_it_is_named() {
    let repository = Repository::new();
    fs::write(repository.path().join(".git/index.lock"), "").unwrap();
    repository.write("sql/kept", "changed\n");
    let error = repository.commit(&["kept"]).unwrap_err();
    assert!(matches!(&error, GitError::Locked { path } if path.ends_with(".git/index.lock")), "{error}");
    assert!(error.hint().unwrap().contains(".git/index.lock"));

    let repository = Repository::new();
    repository.git(&["config", "commit.gpgSign", "true"]);
    repository.git(&["config", "gpg.program", "false"]);
    assert!(matches!(repository.refuses(), GitError::NotSigned { .. }));

    let broken = tempfile::tempdir().unwrap();
    fs::write(broken.path().join(".git"), "gitdir: /nowhere/at/all\n").unwrap();
    let error = git::commit(broken.path(), &["file".into()], "dump").unwrap_err();
    assert!(matches!(&error, GitError::Failed { .. }), "{error}");

    let error = git::commit(&broken.path().join("no"), &["file".into()], "dump").unwrap_err();
    assert!(matches!(error, GitError::NoFolder { .. }), "{error}");
}

#[test]
fn the_person_and_files_of_a_revision_can_be_asked_for() {
    let repository = Repository::new();
    // Also for a folder that is still to be made.
    let person = git::identity(&repository.path().join("to/come"));
    assert_eq!(person.as_deref(), Some("Ann Example <ann@example.org>"));

    repository.write("sql/kept", "on disk\n");
    let show = |revision: &str, path: &str| git::show(&repository.sql(), revision, Path::new(path));
    assert_eq!(show("HEAD", "kept").unwrap(), b"1\n2\n3\n4\n5\n");
    assert!(matches!(show("HEAD", "no"), Err(GitError::NoSuchFile { .. })));
    assert!(matches!(show("no", "kept"), Err(GitError::NoSuchRevision { .. })));
    assert!(matches!(show("--all", "kept"), Err(GitError::NoSuchRevision { .. })));
}

#[test]
fn the_files_of_a_revision_are_read_as_they_were_committed() {
    let repository = Repository::new();
    let files = [("a/b c.sql", "1;\n"), ("a/\u{fc}\t.sql", "no end"), ("empty.sql", ""), ("z.sql", "\0\n\n")];
    for (path, text) in files {
        repository.write(&format!("sql/{path}"), text);
    }
    let paths: Vec<PathBuf> = files.iter().map(|(path, _)| path.into()).collect();
    git::commit(&repository.sql(), &paths, "dump").unwrap();
    let read = |revision: &str, folder: &str| git::files(&repository.sql().join(folder), revision);
    let while_there = read("HEAD", "").unwrap();
    fs::remove_dir_all(repository.sql()).unwrap();
    assert_eq!(read("HEAD", "").unwrap(), while_there);
    let found = read("HEAD", "").unwrap();
    for (path, text) in files {
        assert_eq!(found.get(path).map(Vec::as_slice), Some(text.as_bytes()), "{path}");
    }
    assert_eq!(read("HEAD", "a").unwrap().keys().collect::<Vec<_>>(), ["b c.sql", "\u{fc}\t.sql"]);
    assert!(matches!(read("HEAD", "z.sql"), Err(GitError::NoSuchFile { .. })));
    assert!(matches!(read("HEAD", "nowhere"), Err(GitError::NoSuchFile { .. })));
    assert!(matches!(read("nowhere", ""), Err(GitError::NoSuchRevision { .. })));
    assert!(matches!(read("--all", ""), Err(GitError::NoSuchRevision { .. })));
    fs::create_dir(repository.sql()).unwrap();
    std::os::unix::fs::symlink("elsewhere.sql", repository.sql().join("link.sql")).unwrap();
    repository.git(&["add", "--all"]);
    repository.git(&["commit", "-qm", "link"]);
    assert!(matches!(read("HEAD", ""), Err(GitError::Link { .. })));
}

#[test]
fn twenty_thousand_files_are_one_commit() {
    let repository = Repository::new();
    let mut files = Vec::new();
    for number in 0..20_000 {
        let file =
            format!("database/schema_{:02}/tables/a_table_with_a_long_name_{number:05}.sql", number % 50);
        repository.write(&format!("sql/{file}"), "CREATE TABLE t ();\n");
        files.push(PathBuf::from(file));
    }
    let committed = git::commit(&repository.sql(), &files, "dump").unwrap();
    assert!(matches!(committed, Committed::Commit { files: 20_000, .. }));
    assert_eq!(repository.status(), "");
}
