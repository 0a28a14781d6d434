//! The surroundings that decide where to connect, as a value: variables, home directory, login and files.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Variables, home directory, login and files; made from the process, or by hand in a test.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
    os_user: Option<String>,
    files: Files,
}

#[derive(Debug, Clone)]
enum Files {
    Disk,
    Memory(BTreeMap<PathBuf, FileText>),
}

impl Default for Files {
    fn default() -> Self {
        Self::Memory(BTreeMap::new())
    }
}

/// A file that decides where to connect.
#[derive(Clone)]
pub struct FileText {
    /// What is in it; what is no UTF-8 is replaced.
    pub text: String,
    /// The permission bits.
    pub mode: u32,
    /// Whether it is a plain file, and not for example a pipe.
    pub is_plain: bool,
}

// By hand because the file may be a password file.
impl std::fmt::Debug for FileText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FileText")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// Nothing at all, to be filled by a test.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// This process's own. Variables that are no UTF-8 are left out.
    #[must_use]
    pub fn of_process() -> Self {
        let variables: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            os_user: whoami::username().ok(),
            variables,
            files: Files::Disk,
        }
    }

    /// The same with a variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with a home directory.
    #[must_use]
    pub fn with_home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// The same with a login.
    #[must_use]
    pub fn with_os_user(mut self, name: &str) -> Self {
        self.os_user = Some(name.to_owned());
        self
    }

    /// The same with a plain file, in memory; files on disk are no longer seen.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>, mode: u32, text: &str) -> Self {
        let file = FileText {
            text: text.to_owned(),
            mode,
            is_plain: true,
        };
        match &mut self.files {
            Files::Memory(files) => {
                files.insert(path.into(), file);
            }
            Files::Disk => self.files = Files::Memory(BTreeMap::from([(path.into(), file)])),
        }
        self
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    pub(super) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    pub(super) fn os_user(&self) -> Option<&str> {
        self.os_user.as_deref()
    }

    /// Whether a file of that name can be had.
    pub(super) fn has_file(&self, path: &Path) -> bool {
        match &self.files {
            Files::Disk => path.is_file(),
            Files::Memory(files) => files.contains_key(path),
        }
    }

    pub(super) fn read(&self, path: &Path) -> io::Result<FileText> {
        match &self.files {
            Files::Disk => read(path),
            Files::Memory(files) => files
                .get(path)
                .cloned()
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
        }
    }
}

/// Larger files are no password or service files.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

fn read(path: &Path) -> io::Result<FileText> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if !metadata.is_file() {
        // Opening a pipe could wait for ever.
        return Ok(FileText {
            text: String::new(),
            mode,
            is_plain: false,
        });
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(FileText {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        mode,
        is_plain: true,
    })
}
