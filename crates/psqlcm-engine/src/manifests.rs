//! The manifests of a tree: what its environments know of its databases.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use psqlcm_core::tree;
use psqlcm_core::tree::manifest::{FILE, Manifest, ManifestError};

use crate::files::{FilesError, read_tree};

/// Why manifests cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestsError {
    /// The files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A folder.
    #[error("cannot read the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that is no manifest.
    #[error("cannot read {}", path.display())]
    Manifest {
        /// The file, within the tree.
        path: PathBuf,
        /// Why.
        #[source]
        source: ManifestError,
    },
}

impl ManifestsError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Files(error) => error.hint(),
            Self::Folder { .. } => None,
            Self::Manifest { .. } => Some("take the file from git, or remove it and dump again".to_owned()),
        }
    }
}

/// What each environment knows of a database.
///
/// # Errors
/// When a manifest is there and cannot be read.
pub fn of_database(root: &Path, database: &str) -> Result<BTreeMap<String, Manifest>, ManifestsError> {
    let mut manifests = BTreeMap::new();
    for environment in folders(&root.join(tree::FACTS))? {
        let folder = Path::new(tree::FACTS).join(environment).join(tree::folder_name(database));
        if let Some(manifest) = read(root, &folder)? {
            manifests.insert(manifest.environment.clone(), manifest);
        }
    }
    Ok(manifests)
}

/// The databases that an environment dumped into the tree.
///
/// # Errors
/// When a manifest is there and cannot be read.
pub fn databases(root: &Path, environment: &str) -> Result<Vec<String>, ManifestsError> {
    let facts = Path::new(tree::FACTS).join(tree::folder_name(environment));
    let mut names = Vec::new();
    for database in folders(&root.join(&facts))? {
        names.extend(read(root, &facts.join(database))?.map(|manifest| manifest.database));
    }
    names.sort();
    Ok(names)
}

fn read(root: &Path, folder: &Path) -> Result<Option<Manifest>, ManifestsError> {
    if !root.join(folder).is_dir() {
        return Ok(None);
    }
    let path = folder.join(FILE);
    let Some((_, bytes)) = read_tree(root, folder)?.into_iter().find(|(found, _)| *found == path) else {
        return Ok(None);
    };
    let manifest = Manifest::parse(&String::from_utf8_lossy(&bytes));
    manifest.map(Some).map_err(|source| ManifestsError::Manifest { path, source })
}

/// The names of the folders in a folder; none where there is no such folder.
fn folders(path: &Path) -> Result<Vec<std::ffi::OsString>, ManifestsError> {
    let failed = |source| ManifestsError::Folder { path: path.to_path_buf(), source };
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let names: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
    names.map_err(failed)
}
