//! What `dump` asks of git: to commit the files it wrote and nothing else, to show a file of a revision, to name
//! the person.
//!
//! It calls the `git` program, because no library runs hooks, signs, or reads all that people configure. It
//! neither writes nor removes a file of the tree: when git refuses, everything written stays where it is. It
//! never pushes, pulls, switches branches or resolves a conflict.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

/// How long to wait for another git: editors run one whenever files change, and it is done in a blink.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_POLL: Duration = Duration::from_millis(50);

/// The hooks that can refuse a commit before it is made.
const REFUSING_HOOKS: [&str; 3] = ["pre-commit", "prepare-commit-msg", "commit-msg"];

/// What is inherited when we run inside a hook or an alias and would aim our git at that repository, at its
/// temporary index or at another reading of paths, instead of at the folder we were given. What carries settings
/// (`GIT_CONFIG_*`), persons and dates stays: that is how CI and `git -c` configure us.
const MISLEADING: [&str; 16] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// What became of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// HEAD has them already as they are on disk.
    Nothing,
    /// They are in a new commit.
    Commit {
        /// Its full name.
        id: String,
        /// The branch that it is on; none if HEAD is detached.
        branch: Option<String>,
        /// Whether there was no repository, and one was made.
        is_new_repository: bool,
        /// How many of the files differed.
        files: usize,
    },
}

impl Committed {
    /// What the person should know although all went well.
    pub fn warning(&self) -> Option<String> {
        let Self::Commit { id, branch: None, .. } = self else {
            return None;
        };
        Some(format!("HEAD is detached: commit {id} is on no branch; keep it with: git branch <name> {id}"))
    }
}

/// Commits `files`, written or removed, given relative to the folder `root`, and nothing else: what was staged
/// stays staged. Where no work tree holds the folder, it becomes one.
///
/// All files of a run may be given, also those that did not change: the files of an earlier run whose commit
/// failed are then committed too.
pub fn commit(root: &Path, files: &[PathBuf], message: &str) -> Result<Committed, GitError> {
    if files.is_empty() {
        return Ok(Committed::Nothing);
    }
    if !root.is_dir() {
        return Err(GitError::NoFolder { path: root.to_path_buf() });
    }
    let git = Git::at(root);
    let is_new_repository = !git.check()?;
    if is_new_repository {
        git.succeed(&["init", "--quiet"], None)?;
    }
    let files: BTreeSet<&Path> = files.iter().map(PathBuf::as_path).collect();
    let added = git.add(&files)?;
    let committed = git.commit_changed(&files, message, is_new_repository);
    if !matches!(committed, Ok(Committed::Commit { .. })) {
        git.forget(&added)?;
    }
    committed
}

/// Whether a repository holds the folder, which need not be there yet; where none does, [`commit`] makes one.
///
/// # Errors
/// What would keep [`commit`] from making a commit, as far as it can be told before.
pub fn check(root: &Path) -> Result<bool, GitError> {
    Git::at(root).check()
}

/// The bytes of a file, given relative to the folder `root`, in a revision.
pub fn show(root: &Path, revision: &str, path: &Path) -> Result<Vec<u8>, GitError> {
    let git = Git::at(root);
    git.check_revision(root, revision)?;
    let mut object = OsString::from(format!("{revision}:./"));
    object.push(path);
    // Not `git show`, which converts for the eye what an attribute tells it to.
    match git.succeed(&[OsStr::new("cat-file"), OsStr::new("blob"), &object], None) {
        Err(GitError::Failed { output, .. })
            if output.contains("does not exist in") || output.contains("but not in") =>
        {
            Err(GitError::NoSuchFile { revision: revision.to_owned(), path: path.to_path_buf() })
        }
        shown => shown,
    }
}

/// The files below the folder `root` in a revision, as they were committed, by their paths relative to it. The folder need
/// not be there any more.
///
/// # Errors
/// When there is no such revision, or no such folder in it; a symbolic link.
pub fn files(root: &Path, revision: &str) -> Result<BTreeMap<String, Vec<u8>>, GitError> {
    let git = Git::at(root);
    git.check_revision(root, revision)?;
    let below = root.strip_prefix(git.folder).unwrap_or(Path::new(""));
    let mut folder = OsString::from(format!("{revision}:./"));
    folder.push(below);
    let no_folder = || GitError::NoSuchFile { revision: revision.to_owned(), path: root.to_path_buf() };
    let found =
        git.run(&[OsStr::new("rev-parse"), OsStr::new("--verify"), OsStr::new("--quiet"), &folder], None)?;
    if !found.status.success() {
        return Err(no_folder());
    }
    let id = String::from_utf8_lossy(&without_newline(found.stdout)).into_owned();
    // In a subfolder of the work tree it would list what of the tree is below a folder of that name.
    let listed = match git.list(&["ls-tree", "-r", "-z", "--full-tree", &id]) {
        Err(GitError::Failed { .. }) => return Err(no_folder()),
        listed => listed?,
    };
    let mut blobs = Vec::new();
    for line in &listed {
        // `mode SP type SP id TAB path`
        let line = String::from_utf8_lossy(line);
        let Some((about, path)) = line.split_once('\t') else { continue };
        let mut about = about.split(' ');
        match (about.next(), about.next(), about.next()) {
            (Some("120000"), ..) => {
                let path = root.join(path);
                return Err(GitError::Link { revision: revision.to_owned(), path });
            }
            (_, Some("blob"), Some(id)) => blobs.push((path.to_owned(), id.to_owned())),
            // Another repository within this one.
            _ => {}
        }
    }
    let contents = git.blobs(blobs.iter().map(|(_, id)| id.as_str()))?;
    Ok(blobs.into_iter().map(|(path, _)| path).zip(contents).collect())
}

/// Who the person is to git, as `Name <email>`. None unless it is configured: what git would guess from the names
/// of the login and the machine is nobody's identity.
pub fn identity(root: &Path) -> Option<String> {
    let arguments = ["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"];
    let identity = Git::at(root).succeed(&arguments, None).ok()?;
    let identity = String::from_utf8_lossy(&identity);
    // A date and an offset follow.
    let mut parts = identity.trim_end().rsplitn(3, ' ').skip(2);
    parts.next().map(str::to_owned)
}

/// The full name of the commit that HEAD is; none before the first one or outside a repository.
pub fn head(root: &Path) -> Option<String> {
    let head = Git::at(root).succeed(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], None).ok()?;
    Some(String::from_utf8_lossy(&head).trim_end().to_owned())
}

/// Whether a merge, or something else that waits for a person, is under way.
pub fn is_merging(root: &Path) -> bool {
    matches!(under_way(root), Ok(Some(_)))
}

/// What is under way in the work tree, so that a commit of ours would become part of it.
pub fn under_way(root: &Path) -> Result<Option<Operation>, GitError> {
    Ok(Git::at(root).git_dir()?.and_then(|git_dir| Operation::under_way(&git_dir)))
}

/// What stops in the middle and waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `git merge`
    Merge,
    /// `git rebase`
    Rebase,
    /// `git am`
    Am,
    /// `git cherry-pick`
    CherryPick,
    /// `git revert`
    Revert,
}

impl Operation {
    fn under_way(git_dir: &Path) -> Option<Self> {
        // `git am` and one kind of rebase share a folder; the order tells them apart. The sequencer's folder alone
        // is a series of picks or reverts between two of them: both are named by cherry-pick's remedy.
        let marks = [
            ("MERGE_HEAD", Self::Merge),
            ("rebase-merge", Self::Rebase),
            ("rebase-apply/applying", Self::Am),
            ("rebase-apply", Self::Rebase),
            ("REVERT_HEAD", Self::Revert),
            ("CHERRY_PICK_HEAD", Self::CherryPick),
            ("sequencer", Self::CherryPick),
        ];
        marks.into_iter().find(|(mark, _)| git_dir.join(mark).exists()).map(|(_, operation)| operation)
    }
}

impl fmt::Display for Operation {
    /// Git's word for it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Merge => "merge",
            Self::Rebase => "rebase",
            Self::Am => "am",
            Self::CherryPick => "cherry-pick",
            Self::Revert => "revert",
        })
    }
}

/// Why git did not do it. What was written is still on disk.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no such program.
    #[error("there is no `git` program on the PATH")]
    NoGit,
    /// It could not be run.
    #[error("could not run git: {source}")]
    NotRun {
        /// Why.
        source: io::Error,
    },
    /// An option that we need is unknown to it.
    #[error("this git is too old: {output}")]
    TooOld {
        /// Its words.
        output: String,
    },
    /// The folder to commit is not there.
    #[error("there is no folder {}", path.display())]
    NoFolder {
        /// Which.
        path: PathBuf,
    },
    /// No repository holds the folder.
    #[error("no git repository holds {}", path.display())]
    NoRepository {
        /// The folder.
        path: PathBuf,
    },
    /// A tree must not lead out of itself.
    #[error("{} is a symbolic link in {revision}", path.display())]
    Link {
        /// The revision.
        revision: String,
        /// The link.
        path: PathBuf,
    },
    /// Git does not know who the person is.
    #[error("git does not know who you are")]
    NoIdentity,
    /// Some files match a pattern in a `.gitignore` or the like.
    #[error("git ignores {} {}{}", count, if *count == 1 { "file, " } else { "files, such as " }, path.display())]
    Ignored {
        /// How many.
        count: usize,
        /// The first.
        path: PathBuf,
        /// File, line and pattern which say so, as `file:line: pattern`.
        rule: Option<String>,
    },
    /// A hook did not let the commit pass.
    #[error("a git hook refused the commit ({}):\n{output}", hooks.join(", "))]
    HookRefused {
        /// The hooks there are.
        hooks: Vec<String>,
        /// What it printed.
        output: String,
    },
    /// The commit could not be signed.
    #[error("git could not sign the commit:\n{output}")]
    NotSigned {
        /// What it printed.
        output: String,
    },
    /// A commit would become part of it.
    #[error("a git {operation} is under way")]
    UnderWay {
        /// What.
        operation: Operation,
    },
    /// Files are in conflict although nothing is under way, as after `git stash pop`.
    #[error("files are in conflict, such as {}", path.display())]
    Conflict {
        /// The first.
        path: PathBuf,
    },
    /// The repository has no work tree.
    #[error("the git repository {} is bare", git_dir.display())]
    Bare {
        /// The repository.
        git_dir: PathBuf,
    },
    /// The folder is not part of the repository's work tree.
    #[error("the folder is outside the work tree of the git repository {}", git_dir.display())]
    OutsideWorkTree {
        /// The repository.
        git_dir: PathBuf,
    },
    /// Another git holds a lock, or one that was killed left it.
    #[error("another git is at work: {} is there", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// The repository belongs to another user, and git does not trust it.
    #[error("git does not trust the repository {}: another user owns it", path.display())]
    DubiousOwnership {
        /// The work tree.
        path: PathBuf,
    },
    /// There is no such revision.
    #[error("git knows no revision {revision:?}")]
    NoSuchRevision {
        /// Which.
        revision: String,
    },
    /// The revision has no such file.
    #[error("revision {revision:?} has no file {}", path.display())]
    NoSuchFile {
        /// Which revision.
        revision: String,
        /// Which file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("git {command} failed ({status}):\n{output}")]
    Failed {
        /// The subcommand.
        command: String,
        /// How it ended.
        status: String,
        /// What it printed.
        output: String,
    },
}

impl GitError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoGit => "install git, or give --no-commit; the files are written".into(),
            Self::TooOld { .. } => {
                "install git 2.25 or newer, or give --no-commit; the files are written".into()
            }
            Self::NoIdentity => {
                "git config --global user.name 'Your Name' && git config --global user.email \
                 you@example.org, then run it again"
                    .into()
            }
            Self::Ignored { rule, .. } => {
                let rule = rule.as_ref().map_or(String::new(), |rule| format!(" ({rule})"));
                format!(
                    "take the pattern{rule} out, choose another folder with --sql-path, or give --no-commit"
                )
            }
            Self::HookRefused { .. } => {
                "do what the hook asks for, then run it again or commit by hand; the files are written".into()
            }
            Self::NotSigned { .. } => {
                "see to the key that user.signingKey names, or turn commit.gpgSign off, then run it again"
                    .into()
            }
            Self::UnderWay { operation } => {
                let finish = match operation {
                    Operation::Merge => "commit",
                    Operation::Rebase => "rebase --continue",
                    Operation::Am => "am --continue",
                    Operation::CherryPick => "cherry-pick --continue",
                    Operation::Revert => "revert --continue",
                };
                format!("finish it (git {finish}) or give it up (git {operation} --abort), then run it again")
            }
            Self::Conflict { .. } => "resolve what `git status` names, then run it again".into(),
            Self::Bare { .. } | Self::OutsideWorkTree { .. } => {
                "choose a folder inside a work tree with --sql-path, or give --no-commit".into()
            }
            Self::Locked { path } => {
                format!("run it again when the other git is done; if none runs, remove {}", path.display())
            }
            Self::DubiousOwnership { path } => {
                let path = path.to_string_lossy().replace('\'', r"'\''");
                format!("if you trust it: git config --global --add safe.directory '{path}'")
            }
            Self::NoSuchRevision { .. } => "see `git log` and `git branch --all`".into(),
            Self::NotRun { .. }
            | Self::NoFolder { .. }
            | Self::NoRepository { .. }
            | Self::NoSuchFile { .. }
            | Self::Link { .. }
            | Self::Failed { .. } => return None,
        })
    }
}

/// The program, run in a folder.
struct Git<'a> {
    folder: &'a Path,
}

impl<'a> Git<'a> {
    /// Fails unless there is a repository with that revision.
    fn check_revision(&self, root: &Path, revision: &str) -> Result<(), GitError> {
        let no_revision = || GitError::NoSuchRevision { revision: revision.to_owned() };
        if revision.is_empty() || revision.starts_with('-') || revision.contains('\0') {
            return Err(no_revision());
        }
        if self.git_dir()?.is_none() {
            return Err(GitError::NoRepository { path: root.to_path_buf() });
        }
        let tree = self.run(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{tree}}")], None)?;
        if tree.status.success() { Ok(()) } else { Err(no_revision()) }
    }

    /// In the folder, or in the nearest one above that exists.
    fn at(root: &'a Path) -> Self {
        let folder = root.ancestors().find(|folder| folder.is_dir());
        Self { folder: folder.unwrap_or(Path::new(".")) }
    }

    /// Whether a repository holds the folder, and that nothing is in the way of a commit.
    fn check(&self) -> Result<bool, GitError> {
        let git_dir = self.git_dir()?;
        self.check_identity()?;
        match git_dir {
            Some(git_dir) => self.check_work_tree(&git_dir).map(|()| true),
            None => Ok(false),
        }
    }

    /// The repository that holds the folder, if one does.
    fn git_dir(&self) -> Result<Option<PathBuf>, GitError> {
        match self.succeed(&["rev-parse", "--absolute-git-dir"], None) {
            Ok(path) => Ok(Some(PathBuf::from(OsString::from_vec(without_newline(path))))),
            // A `.git` file that leads nowhere gives other words after the same first ones: that is no reason to
            // make a new repository.
            Err(GitError::Failed { output, .. }) if output.contains("not a git repository (or any") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The committer is asked for as well as the author, since a commit needs both.
    fn check_identity(&self) -> Result<(), GitError> {
        for person in ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"] {
            self.succeed(&["var", person], None)?;
        }
        Ok(())
    }

    fn check_work_tree(&self, git_dir: &Path) -> Result<(), GitError> {
        let answer = self.succeed(&["rev-parse", "--is-bare-repository", "--is-inside-work-tree"], None)?;
        match answer.as_slice() {
            b"false\ntrue\n" => {}
            b"true\nfalse\n" => return Err(GitError::Bare { git_dir: git_dir.to_path_buf() }),
            _ => return Err(GitError::OutsideWorkTree { git_dir: git_dir.to_path_buf() }),
        }
        if let Some(operation) = Operation::under_way(git_dir) {
            return Err(GitError::UnderWay { operation });
        }
        let in_conflict = self.list(&["ls-files", "-z", "--unmerged", "--full-name", "--", ":/"])?;
        // Mode, object and stage, then a tab and the path.
        let first = in_conflict.first().map(|entry| entry.splitn(2, |byte| *byte == b'\t').last());
        match first.flatten() {
            Some(path) => Err(GitError::Conflict { path: path_from(path) }),
            None => Ok(()),
        }
    }

    /// Makes git know the files that it does not know yet, and says which those are. Without that
    /// `git commit --only` takes a new name for a mistake.
    fn add<'f>(&self, files: &BTreeSet<&'f Path>) -> Result<Vec<&'f Path>, GitError> {
        let known = self.paths(&["ls-files", "-z"])?;
        let is_new = |path: &&&Path| !known.contains(**path) && self.is_file(path);
        let added: Vec<&Path> = files.iter().filter(is_new).copied().collect();
        if added.is_empty() {
            return Ok(added);
        }
        self.check_ignored(&added)?;
        // Not `git add`, whose time grows with the square of the number of paths. `--replace`, as a file may stand
        // where a folder was.
        let arguments = ["update-index", "--add", "--replace", "-z", "--stdin"];
        if let Err(error) = self.succeed(&arguments, Some(&joined(&added))) {
            // It adds all or none unless it is killed; the first error is the one to tell.
            let _ = self.forget(&added);
            return Err(error);
        }
        Ok(added)
    }

    /// Takes back what [`Self::add`] did.
    fn forget(&self, added: &[&Path]) -> Result<(), GitError> {
        if !added.is_empty() {
            self.succeed(&["update-index", "--force-remove", "-z", "--stdin"], Some(&joined(added)))?;
        }
        Ok(())
    }

    fn check_ignored(&self, added: &[&Path]) -> Result<(), GitError> {
        let ignored = self.paths(&["ls-files", "-z", "--others", "--ignored", "--exclude-standard"])?;
        let mut ours = added.iter().filter(|path| ignored.contains(**path));
        let Some(first) = ours.next() else {
            return Ok(());
        };
        // The prefix keeps a name that begins with a colon from being read as a pattern.
        let asked = Path::new(".").join(first);
        let rule = self.list_of(&["check-ignore", "-v", "-z", "--stdin"], Some(&joined(&[&asked])));
        let rule = rule.ok().filter(|fields| fields.len() >= 3).map(|fields| {
            let [file, line, pattern] = [0, 1, 2].map(|n| String::from_utf8_lossy(&fields[n]));
            format!("{file}:{line}: {pattern}")
        });
        Err(GitError::Ignored { count: 1 + ours.count(), path: first.to_path_buf(), rule })
    }

    fn commit_changed(
        &self,
        files: &BTreeSet<&Path>,
        message: &str,
        is_new_repository: bool,
    ) -> Result<Committed, GitError> {
        let differs = match head(self.folder) {
            Some(_) => {
                // Only content counts, whatever the times of the files are.
                let refresh = "diff.autoRefreshIndex=true";
                let diff = ["diff", "-z", "--name-only", "--no-ext-diff", "--no-renames", "--relative"];
                self.paths(&[&["-c", refresh], &diff[..], &["HEAD", "--", "."]].concat())?
            }
            None => self.paths(&["ls-files", "-z"])?,
        };
        // Where a folder now stands in place of a file, the name would mean all that is in the folder; the files in
        // it push the old one out.
        let is_ours = |path: &&&Path| differs.contains(**path) && !self.is_folder(path);
        let changed: Vec<&Path> = files.iter().filter(is_ours).copied().collect();
        if changed.is_empty() {
            return Ok(Committed::Nothing);
        }
        self.commit_only(&changed, message)?;
        let id = head(self.folder).unwrap_or_default();
        let branch = self.run(&["symbolic-ref", "--quiet", "--short", "HEAD"], None)?;
        let name = String::from_utf8_lossy(&branch.stdout).trim_end().to_owned();
        let branch = branch.status.success().then_some(name);
        Ok(Committed::Commit { id, branch, is_new_repository, files: changed.len() })
    }

    /// `--only` makes the commit from HEAD and these files in an index of its own, runs the hooks with that, and
    /// brings the real index up to date for these files alone.
    fn commit_only(&self, changed: &[&Path], message: &str) -> Result<(), GitError> {
        let message = format!("--message={message}");
        let how =
            ["--literal-pathspecs", "commit", "--quiet", "--only", "--no-status", "--cleanup=whitespace"];
        let paths = ["--pathspec-from-file=-", "--pathspec-file-nul", &message];
        match self.succeed(&[&how[..], &paths[..]].concat(), Some(&joined(changed))) {
            Err(GitError::Failed { command, status, output }) => {
                // Git has no words and no status of its own for a hook; its own errors end with 128.
                let hooks = self.hooks();
                if hooks.is_empty() || status != exit_status(1) {
                    return Err(GitError::Failed { command, status, output });
                }
                Err(GitError::HookRefused { hooks, output })
            }
            done => done.map(|_| ()),
        }
    }

    /// The hooks that could have refused.
    fn hooks(&self) -> Vec<String> {
        let Ok(folder) = self.succeed(&["rev-parse", "--git-path", "hooks"], None) else {
            return Vec::new();
        };
        let folder = self.folder.join(path_from(&without_newline(folder)));
        let is_executable = |name: &&str| {
            fs::metadata(folder.join(name)).is_ok_and(|hook| hook.permissions().mode() & 0o111 != 0)
        };
        REFUSING_HOOKS.into_iter().filter(is_executable).map(str::to_owned).collect()
    }

    fn is_file(&self, path: &Path) -> bool {
        fs::symlink_metadata(self.folder.join(path)).is_ok_and(|metadata| !metadata.is_dir())
    }

    fn is_folder(&self, path: &Path) -> bool {
        fs::symlink_metadata(self.folder.join(path)).is_ok_and(|metadata| metadata.is_dir())
    }

    fn paths(&self, arguments: &[&str]) -> Result<BTreeSet<PathBuf>, GitError> {
        Ok(self.list(arguments)?.iter().map(|path| path_from(path)).collect())
    }

    /// The contents of blobs, in one call, as they were committed.
    fn blobs<'b>(&self, ids: impl Iterator<Item = &'b str>) -> Result<Vec<Vec<u8>>, GitError> {
        let asked: String = ids.map(|id| format!("{id}\n")).collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.succeed(&["cat-file", "--batch"], Some(asked.as_bytes()))?;
        let mut rest = answer.as_slice();
        let mut contents = Vec::new();
        // `id SP blob SP size LF contents LF`
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let head = String::from_utf8_lossy(&rest[..end]);
            let size = head.rsplit(' ').next().and_then(|size| size.parse::<usize>().ok());
            let blob = size.and_then(|size| rest.get(end + 1..end + 1 + size));
            let Some(blob) = blob else {
                return Err(GitError::Failed {
                    command: "cat-file".to_owned(),
                    status: "exit status 0".to_owned(),
                    output: head.into_owned(),
                });
            };
            contents.push(blob.to_vec());
            rest = rest.get(end + 2 + blob.len()..).unwrap_or_default();
        }
        Ok(contents)
    }

    fn list(&self, arguments: &[&str]) -> Result<Vec<Vec<u8>>, GitError> {
        self.list_of(arguments, None)
    }

    fn list_of(&self, arguments: &[&str], stdin: Option<&[u8]>) -> Result<Vec<Vec<u8>>, GitError> {
        let answer = self.succeed(arguments, stdin)?;
        let fields = answer.split(|byte| *byte == 0).filter(|field| !field.is_empty());
        Ok(fields.map(<[u8]>::to_vec).collect())
    }

    /// Runs it, waiting a little for another git, and gives what it printed.
    fn succeed<S: AsRef<OsStr>>(&self, arguments: &[S], stdin: Option<&[u8]>) -> Result<Vec<u8>, GitError> {
        let started = Instant::now();
        loop {
            let output = self.run(arguments, stdin)?;
            if output.status.success() {
                return Ok(output.stdout);
            }
            match self.error(arguments, &output) {
                GitError::Locked { .. } if started.elapsed() < LOCK_WAIT => thread::sleep(LOCK_POLL),
                error => return Err(error),
            }
        }
    }

    fn run<S: AsRef<OsStr>>(&self, arguments: &[S], stdin: Option<&[u8]>) -> Result<Output, GitError> {
        let mut command = Command::new("git");
        for name in MISLEADING {
            command.env_remove(name);
        }
        // Its words are read by us, and nobody is there to answer a question.
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
        command.arg("-C").arg(self.folder).args(arguments);
        command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => GitError::NoGit,
            _ => GitError::NotRun { source },
        })?;
        let pipe = child.stdin.take();
        thread::scope(|scope| {
            // On a thread of its own: git may print before it has read all. If it stops reading, how it ended says
            // why; a broken pipe adds nothing.
            scope.spawn(move || pipe.map(|mut pipe| pipe.write_all(stdin.unwrap_or_default())));
            child.wait_with_output().map_err(|source| GitError::NotRun { source })
        })
    }

    /// What went wrong, by git's words.
    fn error<S: AsRef<OsStr>>(&self, arguments: &[S], output: &Output) -> GitError {
        let mut words = String::from_utf8_lossy(&output.stderr).into_owned();
        words.push_str(&String::from_utf8_lossy(&output.stdout));
        let output_text = words.trim().to_owned();
        let says = |some: &[&str]| some.iter().any(|text| words.contains(text));
        if says(&["detected dubious ownership", "unsafe repository"]) {
            let path = quoted(&words).map_or_else(|| self.folder.to_path_buf(), PathBuf::from);
            return GitError::DubiousOwnership { path };
        }
        if says(&[".lock': File exists"]) {
            let path = words.split("Unable to create ").nth(1).and_then(quoted).unwrap_or("index.lock");
            return GitError::Locked { path: path.into() };
        }
        if says(&["cannot use bare repository"]) {
            let git_dir = quoted(&words).map_or_else(|| self.folder.to_path_buf(), PathBuf::from);
            return GitError::Bare { git_dir };
        }
        if says(&["Please tell me who you are", "empty ident name", "ident name consists only of"]) {
            return GitError::NoIdentity;
        }
        if says(&["failed to sign", "failed to write commit object"]) {
            return GitError::NotSigned { output: output_text };
        }
        if says(&["ref updates aborted by hook", "aborted by the reference-transaction hook"]) {
            return GitError::HookRefused {
                hooks: vec!["reference-transaction".into()],
                output: output_text,
            };
        }
        if says(&["unknown option `pathspec-"]) {
            return GitError::TooOld { output: output_text };
        }
        let subcommand = arguments.iter().map(|argument| argument.as_ref().to_string_lossy());
        // Options before it begin with a dash, and their values have an equals sign.
        let subcommand = subcommand.into_iter().find(|word| !word.starts_with('-') && !word.contains('='));
        GitError::Failed {
            command: subcommand.unwrap_or_default().into_owned(),
            status: output.status.code().map_or_else(|| output.status.to_string(), exit_status),
            output: output_text,
        }
    }
}

fn exit_status(code: i32) -> String {
    format!("exit status {code}")
}

/// What stands between the first single quotes.
fn quoted(words: &str) -> Option<&str> {
    words.split('\'').nth(1)
}

fn path_from(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

fn without_newline(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.pop_if(|byte| *byte == b'\n');
    bytes
}

/// The paths, each ended by a NUL.
fn joined(paths: &[&Path]) -> Vec<u8> {
    paths.iter().flat_map(|path| path.as_os_str().as_bytes().iter().copied().chain([0])).collect()
}
