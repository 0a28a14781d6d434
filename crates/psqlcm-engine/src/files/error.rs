//! What can go wrong with files, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why files could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The system refused.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another writer is at work.
    #[error("{} is being written by {holder}", root.display())]
    Busy {
        /// The folder.
        root: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// A path that does not simply go down from the root.
    #[error("{path:?} is no path of a file in the tree")]
    BadPath {
        /// The path.
        path: PathBuf,
    },
    /// A link stands where a file or folder should.
    #[error("{} is a symbolic link to {}", path.display(), to.display())]
    Link {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
    /// Neither a file nor a folder.
    #[error("{} is a {what}, not a file", path.display())]
    Special {
        /// Which.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A file stands where a folder should.
    #[error("{} is a file, not a folder", path.display())]
    NotAFolder {
        /// Which.
        path: PathBuf,
    },
    /// A folder with other things in it stands where a file should.
    #[error("{} is a folder, not a file", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
    },
    /// There is no such folder.
    #[error("there is no folder {}", path.display())]
    NoFolder {
        /// Which.
        path: PathBuf,
    },
    /// What a killed writer left cannot be read.
    #[error("{} does not say what was under way", path.display())]
    DamagedJournal {
        /// The journal.
        path: PathBuf,
    },
    /// Some files are new and some are still old; the journal says which.
    #[error("stopped half way: {source}")]
    Unfinished {
        /// Why.
        source: Box<FilesError>,
    },
}

impl FilesError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Io { path, source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => "make room on the disk, then run it again".into(),
                io::ErrorKind::QuotaExceeded => {
                    "your disk quota is used up: make room, then run it again".into()
                }
                io::ErrorKind::PermissionDenied => {
                    format!("see to the permissions of {} and its folder, then run it again", path.display())
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    "the file system is read-only: choose another folder with --sql-path".into()
                }
                io::ErrorKind::CrossesDevices => {
                    "all folders of a tree must be on one file system: choose another with --sql-path".into()
                }
                io::ErrorKind::InvalidFilename => {
                    "the file system cannot hold this name: choose a folder on another with --sql-path".into()
                }
                _ => return None,
            },
            Self::Busy { .. } => "run it again when that is done".into(),
            Self::Link { .. } => "put the files themselves there: links in a tree are not followed".into(),
            Self::Special { path, .. } | Self::NotAFolder { path } | Self::Folder { path } => {
                format!("move {} out of the way, then run it again", path.display())
            }
            Self::DamagedJournal { path } => {
                let own = path.parent().unwrap_or(path);
                format!("look at the tree with `git status`, remove {}, then run it again", own.display())
            }
            Self::Unfinished { source } => {
                let first = source.hint().map_or(String::new(), |hint| format!("{hint}; "));
                format!("{first}the next run finishes what is left")
            }
            Self::BadPath { .. } | Self::NoFolder { .. } => return None,
        })
    }
}
