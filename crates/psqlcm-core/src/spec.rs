//! How people write which state they mean: `db:shop`, `tree:sql#shop`, `git:HEAD~1`, `schema.sql`, a connection string.
//!
//! Reads the words only. Whether a path is there is the caller's to say, and what a source holds is the engine's to find
//! out.

use std::fmt;

use crate::connection_string;

/// Where a state comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Spec {
    /// `db:NAME`: a database of the cluster that `--uri` names.
    Database(String),
    /// `service:NAME`: a service of libpq's service file.
    Service(String),
    /// A URI, or `key=value` pairs; it may hold a password.
    Connection(String),
    /// `tree:DIR[#DATABASE]`: a tree as `dump` writes it, edited or not.
    Tree {
        /// The folder.
        folder: String,
        /// Which of its databases.
        database: Option<String>,
    },
    /// `file:PATH`: a script.
    File(String),
    /// `git:REV[:PATH][#DATABASE]`: a tree as a revision has it.
    Git {
        /// The revision.
        revision: String,
        /// The folder of the tree; the usual one where none is said.
        path: Option<String>,
        /// Which of its databases.
        database: Option<String>,
    },
    /// `ledger:NAME`: a database of `--uri` as its ledgers recorded it last.
    Ledger(String),
    /// `empty:`: nothing at all.
    Empty,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A folder.
    Folder,
    /// A file.
    File,
}

/// Why a text names no source. A text that may be a connection string is never quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// There is nothing.
    #[error("the source is empty")]
    Nothing,
    /// Something is missing after a prefix.
    #[error("{prefix} names nothing: {expected}")]
    Missing {
        /// The prefix.
        prefix: &'static str,
        /// What is to follow.
        expected: &'static str,
    },
    /// Something follows where nothing can.
    #[error("nothing can follow empty:, and {0:?} does")]
    NotEmpty(String),
    /// A word before a colon that is none of ours.
    #[error("{text:?} begins with {prefix}:, which is no kind of source")]
    Prefix {
        /// The whole.
        text: String,
        /// The word.
        prefix: String,
    },
    /// It may be a database or a path.
    #[error("{text:?} is a path here, and may be a database")]
    Ambiguous {
        /// The text.
        text: String,
        /// The prefix that says that the path is meant.
        prefix: &'static str,
    },
    /// A path at which there is nothing.
    #[error("there is neither a file nor a folder {0:?}")]
    NoSuchPath(String),
    /// The name of the database is not as it must be.
    #[error("the name of the database in {0:?} is empty, or its double quotes are not closed")]
    Name(String),
}

impl SpecError {
    /// What to write instead.
    pub fn hint(&self) -> String {
        match self {
            Self::Nothing | Self::Missing { .. } | Self::NotEmpty(_) | Self::Name(_) => FORMS.to_owned(),
            Self::Prefix { text, .. } => format!("{FORMS}; a database of such a name is db:{text}"),
            Self::Ambiguous { text, prefix } => {
                format!("write {prefix}{text} for the path, or db:{text} for the database")
            }
            Self::NoSuchPath(text) => {
                format!("is the path right? a database of such a name is db:{text}")
            }
        }
    }
}

const FORMS: &str = "a source is db:NAME, service:NAME, a connection URI, tree:DIR[#DATABASE], file:PATH, \
                     git:REV[:PATH][#DATABASE], ledger:NAME or empty:";

impl Spec {
    /// Reads a source. `look` says what is at a path.
    ///
    /// # Errors
    /// When it is none, or may be two.
    pub fn parse(text: &str, look: impl Fn(&str) -> Option<Found>) -> Result<Self, SpecError> {
        match text.split_once(':') {
            Some(("db", name)) => some("db:", name, "a database").map(Self::Database),
            Some(("service", name)) => some("service:", name, "a service").map(Self::Service),
            Some(("ledger", name)) => some("ledger:", name, "a database").map(Self::Ledger),
            Some(("file", path)) => some("file:", path, "a script").map(Self::File),
            Some(("tree", rest)) => tree(&some("tree:", rest, "a folder")?, &look),
            Some(("git", rest)) => git(&some("git:", rest, "a revision")?),
            Some(("empty", "")) => Ok(Self::Empty),
            Some(("empty", rest)) => Err(SpecError::NotEmpty(rest.to_owned())),
            _ => Self::without_prefix(text, &look),
        }
    }

    fn without_prefix(text: &str, look: &dyn Fn(&str) -> Option<Found>) -> Result<Self, SpecError> {
        if text.is_empty() {
            return Err(SpecError::Nothing);
        }
        if text.contains("://") || text.contains('=') {
            return Ok(Self::Connection(text.to_owned()));
        }
        if text.contains('/') || text.ends_with(".sql") {
            let is_folder =
                || split_database(text).0 != text && look(split_database(text).0) == Some(Found::Folder);
            return match look(text) {
                Some(Found::File) => Ok(Self::File(text.to_owned())),
                Some(Found::Folder) => tree(text, look),
                None if is_folder() => tree(text, look),
                None => Err(SpecError::NoSuchPath(text.to_owned())),
            };
        }
        if let Some(found) = look(text) {
            let prefix = if found == Found::Folder { "tree:" } else { "file:" };
            return Err(SpecError::Ambiguous { text: text.to_owned(), prefix });
        }
        match text.split_once(':') {
            Some((prefix, _)) => Err(SpecError::Prefix { text: text.to_owned(), prefix: prefix.to_owned() }),
            None => Ok(Self::Database(text.to_owned())),
        }
    }
}

fn some(prefix: &'static str, rest: &str, expected: &'static str) -> Result<String, SpecError> {
    match rest {
        "" => Err(SpecError::Missing { prefix, expected }),
        rest => Ok(rest.to_owned()),
    }
}

/// A folder may have a `#` in its name: one that is there is meant.
fn tree(text: &str, look: &dyn Fn(&str) -> Option<Found>) -> Result<Spec, SpecError> {
    let (folder, database) = match look(text) {
        Some(Found::Folder) => (text, None),
        _ => split_database(text),
    };
    if folder.is_empty() {
        return Err(SpecError::Missing { prefix: "tree:", expected: "a folder" });
    }
    let database = database.map(|name| database_name(name, text)).transpose()?;
    Ok(Spec::Tree { folder: folder.to_owned(), database })
}

fn git(text: &str) -> Result<Spec, SpecError> {
    let (place, database) = split_database(text);
    let (revision, path) = match end_of_revision(place) {
        Some(at) => (&place[..at], Some(&place[at + 1..])),
        None => (place, None),
    };
    if revision.is_empty() {
        return Err(SpecError::Missing { prefix: "git:", expected: "a revision" });
    }
    if path == Some("") {
        return Err(SpecError::Missing { prefix: "git:REV:", expected: "a folder" });
    }
    let database = database.map(|name| database_name(name, text)).transpose()?;
    Ok(Spec::Git { revision: revision.to_owned(), path: path.map(str::to_owned), database })
}

/// The colon that ends a revision: not one within braces, as in `HEAD^{/fix: a bug}` and `main@{10:00}`.
fn end_of_revision(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, character)| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return Some(at),
            _ => {}
        }
        None
    })
}

/// What stands before the last `#`, and the name after it; one in double quotes may have a `#` in it.
fn split_database(text: &str) -> (&str, Option<&str>) {
    let at = match text.ends_with('"') {
        true => text.find("#\""),
        false => text.rfind('#'),
    };
    at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])))
}

fn database_name(name: &str, text: &str) -> Result<String, SpecError> {
    let name = match name.strip_prefix('"') {
        None => name.to_owned(),
        Some(rest) => match rest.strip_suffix('"') {
            Some(inside) => inside.replace("\"\"", "\""),
            None => String::new(),
        },
    };
    if name.is_empty() { Err(SpecError::Name(text.to_owned())) } else { Ok(name) }
}

/// As it is written, without secrets.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(name) => write!(f, "db:{name}"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Connection(text) => f.write_str(
                &connection_string::without_secrets(text)
                    .map_or_else(|_| "the connection".to_owned(), |(shown, _)| shown),
            ),
            Self::Tree { folder, database } => write!(f, "tree:{folder}{}", Suffix('#', database)),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Git { revision, path, database } => {
                write!(f, "git:{revision}{}{}", Suffix(':', path), Suffix('#', database))
            }
            Self::Ledger(name) => write!(f, "ledger:{name}"),
            Self::Empty => f.write_str("empty:"),
        }
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spec({self})")
    }
}

/// A part that may be missing, after its mark.
struct Suffix<'a>(char, &'a Option<String>);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.as_ref().map_or(Ok(()), |text| write!(f, "{}{text}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is there: a folder `sql`, one with a `#`, a file of the name of a database, a script.
    fn look(path: &str) -> Option<Found> {
        match path {
            "sql" | "db/sql" | "db/sql#2" | "odd.sql" | "./sql" => Some(Found::Folder),
            "notes" | "schema.sql" | "./schema.sql" => Some(Found::File),
            _ => None,
        }
    }

    #[test]
    fn sources_are_read() {
        let check = |text: &str, expected: &str| {
            let shown = match Spec::parse(text, look) {
                Ok(spec) => format!("{} {spec}", variant(&spec)),
                Err(error) => error.to_string(),
            };
            assert_eq!(shown, expected, "{text}");
        };
        check("db:shop", "database db:shop");
        check("db:a:b/c=d", "database db:a:b/c=d");
        check("db:", "db: names nothing: a database");
        check("service:prod", "service service:prod");
        check("ledger:shop", "ledger ledger:shop");
        check("empty:", "empty empty:");
        check("empty:x", "nothing can follow empty:, and \"x\" does");
        check("", "the source is empty");
        // A prefix wins over all that would make it something else.
        check("tree:sql", "tree tree:sql");
        check("tree:sql#shop", "tree tree:sql#shop");
        check("tree:db/sql#2", "tree tree:db/sql#2");
        check("tree:db/sql#2#shop", "tree tree:db/sql#2#shop");
        check("tree:a=b://c", "tree tree:a=b://c");
        check(
            "tree:sql#",
            "the name of the database in \"sql#\" is empty, or its double quotes are not closed",
        );
        check("tree:#shop", "tree: names nothing: a folder");
        check("file:a b.sql", "file file:a b.sql");
        check("git:HEAD~1", "git git:HEAD~1");
        check("git:HEAD~1:db/sql#shop", "git git:HEAD~1:db/sql#shop");
        check("git:main@{10:00}:sql", "git git:main@{10:00}:sql");
        check("git:HEAD:", "git:REV: names nothing: a folder");
        check("git::sql", "git: names nothing: a revision");
        // Without one: connections, paths, databases.
        check("postgres://u:geheim@h/shop", "connection user='u' host='h' dbname='shop'");
        check("host=h dbname=shop", "connection host=h dbname=shop");
        check("./sql", "tree tree:./sql");
        check("./sql#shop", "tree tree:./sql#shop");
        check("schema.sql", "file file:schema.sql");
        check("./schema.sql", "file file:./schema.sql");
        check("odd.sql", "tree tree:odd.sql");
        check("gone.sql", "there is neither a file nor a folder \"gone.sql\"");
        check("shop", "database db:shop");
        check("sql", "\"sql\" is a path here, and may be a database");
        check("notes", "\"notes\" is a path here, and may be a database");
        check("gti:HEAD", "\"gti:HEAD\" begins with gti:, which is no kind of source");
    }

    fn variant(spec: &Spec) -> &'static str {
        match spec {
            Spec::Database(_) => "database",
            Spec::Service(_) => "service",
            Spec::Connection(_) => "connection",
            Spec::Tree { .. } => "tree",
            Spec::File(_) => "file",
            Spec::Git { .. } => "git",
            Spec::Ledger(_) => "ledger",
            Spec::Empty => "empty",
        }
    }

    #[test]
    fn names_of_databases_can_be_quoted() {
        let database = |text: &str| match Spec::parse(text, look) {
            Ok(Spec::Tree { folder, database }) => (folder, database.unwrap_or_default()),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(database("tree:sql#\"a#\"\"b\""), ("sql".to_owned(), "a#\"b".to_owned()));
        assert_eq!(database("tree:x#1#shop"), ("x#1".to_owned(), "shop".to_owned()));
    }

    #[test]
    fn both_meanings_of_a_name_are_told() {
        let hint = |text: &str| Spec::parse(text, look).unwrap_err().hint();
        assert_eq!(hint("sql"), "write tree:sql for the path, or db:sql for the database");
        assert_eq!(hint("notes"), "write file:notes for the path, or db:notes for the database");
        assert!(hint("gti:HEAD").ends_with("a database of such a name is db:gti:HEAD"));
    }

    #[test]
    fn secrets_are_not_shown() {
        for text in ["postgres://u:geheim@h/d", "password=geheim host=h", "postgres://u:ge/heim@h"] {
            let spec = Spec::parse(text, look).unwrap();
            assert!(!format!("{spec} {spec:?}").contains("heim"), "{spec}");
        }
    }
}
