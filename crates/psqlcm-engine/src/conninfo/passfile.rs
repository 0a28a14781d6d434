//! `~/.pgpass`: passwords by host, port, database and user.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::{Endpoint, Host, Secret, Settings};

/// The usable password file, or none.
#[derive(Clone, Default)]
pub(super) struct PassFile {
    path: Option<PathBuf>,
    lines: Vec<Secret>,
}

impl PassFile {
    /// Reads the file that libpq would; one that others can read is ignored, with a warning.
    pub(super) fn read(settings: &Settings, environment: &Environment, warnings: &mut Vec<String>) -> Self {
        let path = match settings.text("passfile") {
            Some(path) => PathBuf::from(path),
            None => match environment.home() {
                Some(home) => home.join(".pgpass"),
                None => return Self::default(),
            },
        };
        // A password that is given makes the file irrelevant, its faults too.
        if settings.text("password").is_some() {
            return Self::default();
        }
        let Ok(file) = environment.read(&path) else {
            return Self::default();
        };
        if !file.is_plain {
            warnings.push(format!(
                "password file {} is not a plain file and is ignored",
                path.display()
            ));
            return Self::default();
        }
        if file.mode & 0o077 != 0 {
            warnings.push(format!(
                "password file {} has group or world access and is ignored; its permissions should be u=rw (0600) or less",
                path.display()
            ));
            return Self::default();
        }
        let lines = file
            .text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| Secret(line.trim_end_matches('\r').to_owned()))
            .collect();
        Self {
            path: Some(path),
            lines,
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The password of the first line that matches.
    pub(super) fn find(&self, endpoint: &Endpoint, database: &str, user: &str) -> Option<String> {
        let host = host_key(endpoint);
        let port = endpoint.port.to_string();
        self.lines.iter().find_map(|line| {
            let mut rest = line.expose();
            for wanted in [host.as_str(), port.as_str(), database, user] {
                rest = matching(rest, wanted)?;
            }
            Some(password(rest))
        })
    }
}

/// The name a line must have: libpq says `localhost` for the default socket, and the directory for any other.
fn host_key(endpoint: &Endpoint) -> String {
    match &endpoint.host {
        Host::DefaultSocket => "localhost".to_owned(),
        Host::Socket(directory) if super::values::is_default_socket(directory) => "localhost".to_owned(),
        Host::Socket(directory) => directory.display().to_string(),
        Host::Name(name) => name.clone(),
    }
}

/// What follows the first field of the line, if the field matches.
///
/// Like libpq's own loop it goes by what is wanted, so that an IPv6 address matches with its colons unescaped too.
fn matching<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut line = line.chars();
    let mut wanted = wanted.chars();
    loop {
        let expected = wanted.next();
        let found = match (line.next()?, expected) {
            (':', None) => return Some(line.as_str()),
            ('\\', _) => line.next()?,
            (found, _) => found,
        };
        if expected != Some(found) {
            return None;
        }
    }
}

/// The last field without its escapes; an unescaped colon ends it.
fn password(field: &str) -> String {
    let mut password = String::new();
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' => break,
            '\\' => password.push(characters.next().unwrap_or('\\')),
            other => password.push(other),
        }
    }
    password
}
