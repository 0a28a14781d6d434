//! Where changes come from: SQL on the command line, a file, a folder of files.

use std::io;
use std::path::{Path, PathBuf};

use psqlcm_core::change::natural_order;

use super::Change;

/// Why a change cannot be read. Each is about what was typed.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// One word is no SQL, and no file of that name is there.
    #[error("there is no file or folder {value:?}, and one word is no SQL")]
    Missing {
        /// What was given.
        value: String,
    },
    /// Nothing was given.
    #[error("the change is empty")]
    Empty,
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not text.
    #[error("{} is not UTF-8 text (line {line}, byte {at})", path.display())]
    NotText {
        /// Which.
        path: PathBuf,
        /// In which line, from 1.
        line: usize,
        /// Where in the file, from 0.
        at: usize,
    },
    /// The folder has no script.
    #[error("the folder {} has no file whose name ends in .sql", path.display())]
    NoFiles {
        /// Which.
        path: PathBuf,
    },
}

/// The changes that one value of `--change` names: what names a file or a folder is that, of a folder the files
/// `*.sql` directly in it, in natural order; all else is SQL, unless it is one word.
///
/// # Errors
/// When there is nothing, or it cannot be read.
pub fn read_changes(value: &str) -> Result<Vec<Change>, SourceError> {
    let path = Path::new(value);
    if !path.is_dir() {
        return Ok(vec![read_script(value, "--change")?]);
    }
    let unreadable = |source| SourceError::Unreadable { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_script = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql"));
        if is_script && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(SourceError::NoFiles { path: path.to_owned() });
    }
    files.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
    files.iter().map(|file| read_file(file)).collect()
}

/// The script that a value names: a file, or SQL; `name` is what SQL of the command line is called.
///
/// # Errors
/// When there is nothing, or it cannot be read.
pub fn read_script(value: &str, name: &str) -> Result<Change, SourceError> {
    let path = Path::new(value);
    if path.exists() {
        return read_file(path);
    }
    match value.split_whitespace().count() {
        0 => Err(SourceError::Empty),
        1 => Err(SourceError::Missing { value: value.to_owned() }),
        _ => Ok(Change { name: name.to_owned(), text: value.to_owned() }),
    }
}

fn read_file(path: &Path) -> Result<Change, SourceError> {
    let unreadable = |source| SourceError::Unreadable { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        SourceError::NotText { path: path.to_owned(), line, at }
    })?;
    Ok(Change { name: path.display().to_string(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_file_a_folder_or_sql() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("10.sql", "SELECT 10"), ("2.sql", "SELECT 2"), ("notes.md", "no")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let texts = |value: &str| -> Vec<String> {
            read_changes(value).unwrap().into_iter().map(|change| change.text).collect()
        };
        assert_eq!(texts(folder.path().to_str().unwrap()), ["SELECT 2", "SELECT 10"]);
        assert_eq!(texts(folder.path().join("2.sql").to_str().unwrap()), ["SELECT 2"]);
        assert_eq!(texts("SELECT 1"), ["SELECT 1"]);
        let refused = |value: &str| read_changes(value).unwrap_err().to_string();
        assert_eq!(
            refused("chnage.sql"),
            "there is no file or folder \"chnage.sql\", and one word is no SQL"
        );
        assert_eq!(refused(" "), "the change is empty");
        std::fs::write(folder.path().join("bad.sql"), b"a\xff").unwrap();
        assert!(refused(folder.path().join("bad.sql").to_str().unwrap()).ends_with("(line 1, byte 1)"));
    }
}
