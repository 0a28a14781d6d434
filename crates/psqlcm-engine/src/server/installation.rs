//! Where PostgreSQL servers are installed, and which version each one is.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ServerError;

/// Names the folders to look into, separated as in `PATH`; when it is set, nothing else is looked at.
const OVERRIDE: &str = "PSQL_CM_PG_BIN";

/// Where packages put servers: `(folder, prefix of the version's folder, folder of the programs below it)`.
const PACKAGED: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/usr/local", "pgsql", "bin"),
];

/// A server's version, `18.6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 13 to 18, and later.
    pub major: u32,
    /// The minor release; 0 for a development version.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A folder with the programs of one PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The folder of `postgres` and `initdb`.
    pub bin: PathBuf,
    /// What `postgres --version` says.
    pub version: Version,
}

impl Installation {
    /// Finds the installed servers, the highest version first.
    ///
    /// `PSQL_CM_PG_BIN` decides alone when it is set; else the `PATH`, `pg_config`, and the places where Debian, Red
    /// Hat, Homebrew and Postgres.app install. What is there but does not run is left out.
    #[must_use]
    pub fn discover() -> Vec<Self> {
        let folders = match env::var_os(OVERRIDE) {
            Some(folders) => env::split_paths(&folders).collect(),
            None => usual_folders(),
        };
        let mut seen = BTreeSet::new();
        let mut found: Vec<Self> = folders
            .iter()
            .filter_map(|folder| Self::at(folder).ok())
            .filter(|installation| seen.insert(installation.bin.clone()))
            .collect();
        found.sort_by(|a, b| b.version.cmp(&a.version).then_with(|| a.bin.cmp(&b.bin)));
        found
    }

    /// The server whose programs are in `folder`, or in `folder/bin`.
    ///
    /// # Errors
    /// When there are none, or they do not run.
    pub fn at(folder: &Path) -> Result<Self, ServerError> {
        let below = folder.join("bin");
        let folder = if below.join("postgres").is_file() { below.as_path() } else { folder };
        let missing = |program| ServerError::NotAnInstallation { bin: folder.to_owned(), program };

        // A link on the PATH (`/usr/local/bin/postgres`) leads to the folder that has initdb and the libraries.
        let server = fs::canonicalize(folder.join("postgres")).map_err(|_| missing("postgres"))?;
        let bin = server.parent().ok_or_else(|| missing("postgres"))?.to_owned();
        if !bin.join("initdb").is_file() {
            return Err(missing("initdb"));
        }
        let answer = output_of(Command::new(&server).arg("--version")).ok_or_else(|| missing("postgres"))?;
        let version =
            parse_version(&answer).ok_or(ServerError::UnknownVersion { program: server, answer })?;
        Ok(Self { bin, version })
    }
}

/// The folders that may hold a server, without looking whether they do.
fn usual_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    if let Some(bin) = output_of(Command::new("pg_config").arg("--bindir")) {
        folders.push(PathBuf::from(bin));
    }
    for (parent, prefix, bin) in PACKAGED {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let versions = entries.map(|entry| entry.path()).filter(|path| {
            path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(prefix))
        });
        folders.extend(versions.map(|path| path.join(bin)));
    }
    folders
}

/// What a program prints, without the line end; nothing when it fails.
fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Reads `postgres (PostgreSQL) 15.20 (Debian 15.20-1)`, `... 19devel`, `... 18beta1`.
fn parse_version(answer: &str) -> Option<Version> {
    let number = answer.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let (major, rest) = number.split_at(number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len()));
    let minor = rest.strip_prefix('.').and_then(|minor| minor.parse().ok()).unwrap_or(0);
    Some(Version { major: major.parse().ok()?, minor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_server_says() {
        let cases = [
            ("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)", Some((15, 20))),
            ("postgres (PostgreSQL) 13.23", Some((13, 23))),
            ("postgres (PostgreSQL) 18beta1", Some((18, 0))),
            ("postgres (PostgreSQL) 19devel", Some((19, 0))),
            ("postgres (EnterpriseDB) 15.1", None),
            ("postgres (PostgreSQL) unknown", None),
            ("", None),
        ];
        for (answer, expected) in cases {
            let version = parse_version(answer).map(|version| (version.major, version.minor));
            assert_eq!(version, expected, "{answer}");
        }
    }

    #[test]
    fn a_folder_without_a_server_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Installation::at(folder.path()).unwrap_err().to_string();
        assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
        assert!(error.contains("`postgres`"), "{error}");
    }
}
