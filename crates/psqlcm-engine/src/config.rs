//! `psql-cm.toml`: what a team agrees on once instead of typing it.
//!
//! It reads and checks the file; which of flag, variable and file wins is the binary's business. It knows no
//! password: a file that lies in git is no place for one, so a password in it is an error, and no error
//! ever shows a line of the file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use psqlcm_core::ignore::{Ignore, Partitions, Rule};
use psqlcm_core::targets::Glob;
use serde::{Deserialize, Deserializer};

use crate::conninfo::holds_secret;

/// The file that is read when none is named.
pub const FILE_NAME: &str = "psql-cm.toml";

/// The content of a `psql-cm.toml`. Unknown keys are errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it was read from; none for the empty configuration of an absent file.
    #[serde(skip)]
    pub path: Option<PathBuf>,
    /// The environment that is meant when none is named.
    pub environment: Option<String>,
    /// The folder of the tree, beside this file unless it is absolute.
    pub sql_path: Option<PathBuf>,
    /// The name of the ledger's table.
    pub cm_table: Option<String>,
    /// What is not judged, in any environment.
    #[serde(default, deserialize_with = "ignore")]
    pub ignore: Ignore,
    /// What is said of single tables; what it says of judging is in [`Self::ignore`].
    #[serde(default, deserialize_with = "tables")]
    tables: Vec<Rule>,
    /// What differs from environment to environment.
    #[serde(default)]
    pub environments: BTreeMap<String, Environment>,
}

/// One installation of the databases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Where the cluster is: a URI or `key=value` pairs, without a password.
    pub uri: Option<String>,
    /// The role to act as.
    pub role: Option<String>,
    /// The databases under management.
    #[serde(default)]
    pub databases: Vec<String>,
    /// The schemas under management; all if there are none.
    #[serde(default)]
    pub schemas: Vec<String>,
    /// Patterns of schemas to leave alone.
    #[serde(default)]
    pub exclude_schemas: Vec<String>,
}

impl Config {
    /// Reads the named file, or [`FILE_NAME`] in `folder` if there is one.
    pub fn load(named: Option<&Path>, folder: &Path) -> Result<Self, ConfigError> {
        let path = named.map_or_else(|| folder.join(FILE_NAME), Path::to_path_buf);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {
                return Ok(Self::default());
            }
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        };
        Self::parse(&text, &path)
    }

    /// Reads the text of a file; `path` is where it stands.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Malformed {
            path: path.to_path_buf(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            // Not the error's `Display`: it shows the line, and what stands there may be a password.
            message: without_value(error.message()),
        })?;
        for (name, environment) in &config.environments {
            if environment.uri.as_deref().is_some_and(has_password) {
                return Err(ConfigError::Password { path: path.to_path_buf(), environment: name.clone() });
            }
        }
        config.ignore.objects.append(&mut config.tables);
        let folder = path.parent().unwrap_or(Path::new(""));
        config.sql_path = config.sql_path.map(|sql_path| folder.join(sql_path));
        config.path = Some(path.to_path_buf());
        Ok(config)
    }
}

/// The message without the string it quotes, as in `invalid type: string "...", expected a sequence`. Patterns of
/// `[ignore]` and names of tables are no secrets, and whoever mends one must see which it is.
fn without_value(message: &str) -> String {
    if message.contains(IN_IGNORE) || message.contains(IN_TABLES) {
        return message.to_owned();
    }
    match (message.find('"'), message.rfind('"')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}{}", message[..start].trim_end(), &message[end + 1..])
        }
        _ => message.to_owned(),
    }
}

/// What stands between the key and what is wrong with a pattern.
const IN_IGNORE: &str = " in [ignore]: ";

const IN_TABLES: &str = " in [tables]: ";

/// Reads `[tables."SCHEMA.NAME"]`.
fn tables<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        partitions: Partitions,
    }
    let tables = BTreeMap::<String, Table>::deserialize(deserializer)?;
    let rule = |(name, table): (String, Table)| {
        Rule::of_partitions(&name, table.partitions)
            .map_err(|error| serde::de::Error::custom(format!("partitions{IN_TABLES}{error}")))
    };
    tables.into_iter().map(rule).collect()
}

/// Reads `[ignore]`. What is no pattern is an error at its place in the file.
fn ignore<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ignore, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        #[serde(default, deserialize_with = "schemas")]
        schemas: Vec<Glob>,
        #[serde(default, deserialize_with = "objects")]
        objects: Vec<Rule>,
    }
    let Table { schemas, objects } = Table::deserialize(deserializer)?;
    Ok(Ignore { schemas, objects })
}

fn schemas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Glob>, D::Error> {
    patterns("schemas", deserializer)
}

fn objects<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    patterns("objects", deserializer)
}

fn patterns<'de, D, T>(key: &str, deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: std::fmt::Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    let parse = |text: &String| {
        text.parse().map_err(|error| serde::de::Error::custom(format!("{key}{IN_IGNORE}{error}")))
    };
    texts.iter().map(parse).collect()
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// Whether a connection string carries a password, in any form libpq would take. Where it is not
/// understood, a doubt counts as one.
fn has_password(connection: &str) -> bool {
    holds_secret(connection) || looks_like_it(connection)
}

fn looks_like_it(connection: &str) -> bool {
    match connection.split_once("://") {
        Some((_, rest)) => uri_has_password(rest),
        None => keywords_have_password(connection),
    }
}

fn uri_has_password(rest: &str) -> bool {
    let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = address.split('/').next().unwrap_or_default();
    let in_authority = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    let key = |option: &str| percent_decoded(option.split('=').next().unwrap_or_default());
    in_authority || options.split('&').any(|option| is_secret(&key(option)))
}

/// Every word before an equals sign is looked at, inside quoted values too: a false alarm costs a rewording.
fn keywords_have_password(connection: &str) -> bool {
    let before_equals = connection.split('=').map(str::trim_end);
    before_equals
        .map(|part| part.rsplit(|c: char| c.is_whitespace() || c == '\'').next().unwrap_or_default())
        .any(is_secret)
}

fn is_secret(key: &str) -> bool {
    matches!(
        key,
        "password" | "sslpassword" | "oauth_client_secret" | "scram_client_key" | "scram_server_key"
    )
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = (*first == b'%').then(|| tail.get(..2)).flatten();
        let decoded = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Why a `psql-cm.toml` could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not there, or may not be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no TOML, has an unknown key or a value of the wrong type.
    #[error("{}:{line}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// There is a password in it.
    #[error("{}: the uri of the environment {environment:?} has a password in it", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Where in it.
        environment: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("team/psql-cm.toml"))
    }

    #[test]
    fn what_a_team_writes_is_read() {
        let config = parse(
            r#"
            environment = "dev"
            sql_path = "schema"
            cm_table = "changes"

            [environments.dev]
            databases = ["app", "My DB"]

            [environments.prod]
            uri = "postgres://deploy@db.example.org/?sslmode=verify-full"
            role = "app_owner"
            schemas = ["public"]
            exclude_schemas = ["tmp_*"]
            "#,
        )
        .unwrap();
        assert_eq!(config.path.as_deref(), Some(Path::new("team/psql-cm.toml")));
        assert_eq!(config.sql_path.as_deref(), Some(Path::new("team/schema")));
        assert_eq!(config.environment.as_deref(), Some("dev"));
        assert_eq!(config.environments["dev"].databases, ["app", "My DB"]);
        assert_eq!(config.environments["prod"].role.as_deref(), Some("app_owner"));
        assert_eq!(config.environments["prod"].exclude_schemas, ["tmp_*"]);
    }

    #[test]
    fn an_absent_file_is_fine_unless_it_was_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Config::load(None, folder.path()).unwrap(), Config::default());
        let named = folder.path().join("other.toml");
        assert!(matches!(
            Config::load(Some(&named), folder.path()),
            Err(ConfigError::Unreadable { path, .. }) if path == named
        ));
        std::fs::write(folder.path().join(FILE_NAME), "cm_table = 'x'").unwrap();
        assert_eq!(Config::load(None, folder.path()).unwrap().cm_table.as_deref(), Some("x"));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_without_its_value() {
        let check = |text: &str, line: &str, key: &str| {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.starts_with(line) && message.contains(key), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        };
        check("\nsql_pth = 's3cret'", "team/psql-cm.toml:2: ", "`sql_pth`");
        check("[environments.dev]\nuri = ''\npassword = 's3cret'", "team/psql-cm.toml:3: ", "`password`");
        check("[environments]\ndev = 's3cret\n", "team/psql-cm.toml:2: ", "");
        check(
            "[environments]\ndev = 'postgres://u:s3cret@h'",
            "team/psql-cm.toml:2: ",
            "invalid type: string",
        );
        check(
            "[environments.dev]\nschemas = 'a \"s3cret\" b'",
            "team/psql-cm.toml:2: ",
            "expected a sequence",
        );
    }

    #[test]
    fn what_is_ignored_is_read_and_what_is_no_pattern_is_named_with_its_line() {
        let config =
            parse("[ignore]\nschemas = ['scratch_*']\nobjects = ['app.tmp_*', 'table:*.log_?']").unwrap();
        assert_eq!(config.ignore.schemas[0].to_string(), "scratch_*");
        let objects: Vec<String> = config.ignore.objects.iter().map(ToString::to_string).collect();
        assert_eq!(objects, ["app.tmp_*", "table:*.log_?"]);
        let check = |text: &str, line: usize, words: &str| {
            let message = parse(text).unwrap_err().to_string();
            let is_told =
                message.starts_with(&format!("team/psql-cm.toml:{line}: ")) && message.contains(words);
            assert!(is_told, "{message}");
        };
        check("[ignore]\nobject = []", 2, "unknown field `object`");
        check("[ignore]\nobjects = ['app']", 2, "objects in [ignore]: \"app\" names no schema");
        check("[ignore]\nobjects = ['tabel:app.t']", 2, "there is no kind \"tabel\"");
        check("[ignore]\n\nschemas = ['app\\']", 3, "schemas in [ignore]: ");
        check("[ignore]\nobjects = 'app.t'", 2, "sequence");
    }

    #[test]
    fn tables_say_whose_their_partitions_are() {
        let text = "[ignore]\nobjects = ['app.x']\n[tables.'app.log']\npartitions = 'ignored'\n\
                    [tables.'app.own_*']\npartitions = 'managed'";
        let rules: Vec<String> =
            parse(text).unwrap().ignore.objects.iter().map(ToString::to_string).collect();
        assert_eq!(rules, ["app.x", "partitions:app.log", "managed partitions:app.own_*"]);
        let check = |text: &str, words: &str| {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        };
        check("[tables.'log']\npartitions = 'ignored'", "partitions in [tables]: \"log\" names no schema");
        check("[tables.'app.log']\npartitions = 'left'", "expected `managed` or `ignored`");
        check("[tables.'app.log']\nparts = 'ignored'", "unknown field `parts`");
    }

    #[test]
    fn a_password_in_a_uri_is_an_error_that_does_not_show_it() {
        let check = |uri: &str, expected: bool| {
            let text = format!("[environments.dev]\nuri = \"{uri}\"\n");
            match parse(&text) {
                Ok(_) => assert!(!expected, "{uri} was taken"),
                Err(error @ ConfigError::Password { .. }) => {
                    assert!(expected && !error.to_string().contains("s3"), "{uri}: {error}");
                }
                Err(error) => panic!("{uri}: {error}"),
            }
        };
        check("postgres://u:s3@h/d", true);
        check("postgres://u:s3@h1:1,h2:2/d", true);
        check("postgres://h/d?password=s3", true);
        check("postgres://h/d?user=u&pass%77ord=s3", true);
        check("postgres:///?sslpassword=s3", true);
        check("host=h password=s3", true);
        check("host=h password = 's3'", true);
        check("password=s3", true);
        check("postgres://u?x:s3@h", true);
        check("postgres://u@h:5432/d?sslmode=require", false);
        check("postgres://127.0.0.1:5432", false);
        check("postgres://[::1]:5432/d", false);
        check("host=h user=password dbname=d", false);
    }
}
