//! Whether a tree can be written to its folder, and committed. Writes nothing to find out.

use std::path::Path;

use rustix::fs::Access;

use super::{Command, Finding, Severity};
use crate::git::{self, GitError};

/// Looks at the folder of the tree, there or not, and at git.
pub fn findings(folder: &Path) -> Vec<Finding> {
    let mut findings = Vec::from_iter(writable(folder));
    findings.extend(committable(folder));
    findings
}

fn writable(folder: &Path) -> Option<Finding> {
    // An empty path is the current folder, as the nearest of a relative one.
    let there = |path: &&Path| path.as_os_str().is_empty() || path.symlink_metadata().is_ok();
    let nearest = folder.ancestors().find(there).filter(|path| !path.as_os_str().is_empty());
    let nearest = nearest.unwrap_or(Path::new("."));
    let blocks = |what: String| Finding::new(Severity::Blocks, &[Command::Dump], what);
    let shown = nearest.display();
    if !nearest.is_dir() {
        return Some(
            blocks(format!("{shown} is no folder"))
                .why(format!("the tree belongs into the folder {}", folder.display()))
                .advice("move it away, or choose another folder with --sql-path"),
        );
    }
    let error = rustix::fs::access(nearest, Access::WRITE_OK | Access::EXEC_OK).err()?;
    Some(
        blocks(format!("the folder {shown} cannot be written to: {error}"))
            .why(format!("the tree belongs into the folder {}", folder.display()))
            .advice("see to its permissions, or choose another folder with --sql-path"),
    )
}

fn committable(folder: &Path) -> Option<Finding> {
    match git::check(folder) {
        Ok(true) => None,
        Ok(false) => Some(
            Finding::new(
                Severity::Note,
                &[Command::Dump],
                format!("no git repository holds the folder {}", folder.display()),
            )
            .why("dump makes one there for its first commit")
            .advice("git init where the repository is to be, if not there"),
        ),
        Err(error) => Some(
            Finding::new(Severity::Blocks, &[Command::Dump], error.to_string())
                .why("dump writes the files, and then cannot commit them")
                .advice(advice(&error)),
        ),
    }
}

fn advice(error: &GitError) -> String {
    error.hint().unwrap_or_else(|| "see what git says there, or give --no-commit".to_owned())
}
