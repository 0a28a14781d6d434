//! The environment variables psql-cm itself reads. What they mean together with options and `psql-cm.toml` is
//! decided in `settings.rs`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use crate::failure::Failure;

/// The variables psql-cm itself reads; libpq's are the connection's business, but for `PGDATABASE`.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, OsString>);

const KNOWN: [&str; 13] = [
    "PSQLCM_CM_TABLE",
    "PSQLCM_COLOR",
    "PSQLCM_CONFIG",
    "PSQLCM_DATABASES",
    "PSQLCM_ENVIRONMENT",
    "PSQLCM_EXCLUDE_SCHEMAS",
    "PSQLCM_FORMAT",
    "PSQLCM_JOBS",
    "PSQLCM_ROLE",
    "PSQLCM_SCHEMAS",
    "PSQLCM_SCRATCH_URI",
    "PSQLCM_SQL_PATH",
    "PSQLCM_URI",
];

impl Variables {
    /// Those of this process.
    pub fn of_process() -> Self {
        let ours = |name: &str| name.starts_with("PSQLCM_") || name == "DEBUG" || name == "PGDATABASE";
        let named = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self(named.filter(|(name, _)| ours(name)).collect())
    }

    /// The value, if there is one and it is text. An empty one is none, as everywhere in a shell.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.to_str()).filter(|value| !value.is_empty())
    }

    /// The value, if there is one; that it is no text is an error.
    pub fn checked(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.0.get(name) {
            Some(value) if value.to_str().is_none() => Err(wrong(name, &"it is not UTF-8")),
            _ => Ok(self.text(name)),
        }
    }

    /// Variables that look like ours and are none; most likely misspelt.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|name| name.starts_with("PSQLCM_") && !KNOWN.contains(name))
    }

    /// Whether `DEBUG` is set to other than a no.
    pub fn asks_for_debug(&self) -> bool {
        self.text("DEBUG").is_some_and(|value| !matches!(value, "0" | "false" | "no" | "off"))
    }
}

impl FromIterator<(String, OsString)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, OsString)>>(named: I) -> Self {
        Self(named.into_iter().collect())
    }
}

/// The value of a variable is wrong.
pub fn wrong(variable: &str, error: &dyn fmt::Display) -> Failure {
    Failure::usage(format!("the variable {variable} is wrong: {error}"))
        .hint("it takes what the option of its name takes: see psql-cm --help")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_unset_misspelt_is_named_and_bytes_that_are_no_text_are_an_error() {
        use std::os::unix::ffi::OsStringExt;
        let named = [
            ("PSQLCM_URI", OsString::from("")),
            ("PSQLCM_DATABASE", OsString::from("a")),
            ("PSQLCM_ROLE", OsString::from_vec(vec![0xff])),
        ];
        let variables: Variables = named.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        assert_eq!(variables.text("PSQLCM_URI"), None);
        assert_eq!(variables.unknown().collect::<Vec<_>>(), ["PSQLCM_DATABASE"]);
        let failure = variables.checked("PSQLCM_ROLE").unwrap_err();
        assert!(failure.problems[0].message.contains("PSQLCM_ROLE"));
    }
}
