//! The tree: a database as SQL files for people, one object with all that hangs on it in a file, and the facts
//! that an environment keeps beside them.
//!
//! Computes paths and texts; reading and writing them is the engine's. Paths are relative to the folder of the
//! tree, with `/` between their parts on every system.

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexSet;
use sha2::{Digest, Sha256};

use crate::fact::{FactId, Quick};
use crate::file_name;
use crate::fingerprint::hex;
use crate::kinds::{KindId, database};
use crate::name::quote_ident;
use crate::plan::{Place, Step};
use crate::script;
use crate::snapshot::Snapshot;

pub mod adapt;
pub mod manifest;
pub mod restore_script;

/// The folder of what environments know, beside the folders of databases.
pub const FACTS: &str = ".facts";

/// A file of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Its whole text.
    pub text: String,
    /// The place of each of its statements in the plan.
    pub places: Vec<Place>,
}

/// The folder of a database or schema. A dot would let it take the name of a file that stands beside it.
pub fn folder_name(name: &str) -> String {
    file_name::encode(name).replace('.', "%2e")
}

/// The folder of a database's files.
pub fn database_folder(database: &str) -> String {
    folder_name(database)
}

/// The folder of what an environment knows of a database.
pub fn facts_folder(environment: &str, database: &str) -> String {
    format!("{FACTS}/{}/{}", folder_name(environment), folder_name(database))
}

/// The file of a schema's ledger.
pub fn ledger_path(environment: &str, database: &str, schema: &str) -> String {
    format!("{}/{}.ledger.sql", facts_folder(environment, database), folder_name(schema))
}

/// The file that keeps git from changing the texts, at the root of the tree.
pub const ATTRIBUTES: (&str, &str) = (".gitattributes", "*.sql -text\nrestore.sql linguist-generated\n");

/// In which file each step of a plan has its place. That is all the files need of a snapshot, which takes up more room.
pub struct Homes {
    /// The paths, each once.
    paths: Vec<String>,
    /// For each step the number of its path; what has no statements has none.
    steps: Vec<Option<usize>>,
}

impl Homes {
    /// Finds them.
    pub fn of(database: &str, snapshot: &Snapshot, steps: &[Step]) -> Self {
        let mut paths: IndexSet<String> = IndexSet::new();
        // Several objects may have one file, and an object has many steps.
        let mut known: HashMap<FactId, usize, Quick> = HashMap::with_hasher(Quick);
        let mut number = |step: &Step| {
            let object = step.id.object();
            let home = (object.kind().kind().home)(object, snapshot);
            *known.entry(home).or_insert_with_key(|home| paths.insert_full(path(database, home)).0)
        };
        let steps = steps.iter().map(|step| (!step.statements.is_empty()).then(|| number(step))).collect();
        Self { paths: paths.into_iter().collect(), steps }
    }

    /// The files of the database, by path: the same steps, each in its object's file, in the plan's order. Each text is
    /// let go of once it is in its file.
    pub fn files(self, database: &str, steps: Vec<Step>) -> BTreeMap<String, File> {
        let mut sizes = vec![(0, 0); self.paths.len()];
        for (number, step) in self.steps.iter().zip(&steps) {
            let Some((length, statements)) = number.and_then(|number| sizes.get_mut(number)) else {
                continue;
            };
            let lengths = step.statements.iter().map(|statement| APART.len() + statement.len() + END.len());
            *length += lengths.sum::<usize>();
            *statements += step.statements.len();
        }
        let empty = |(length, statements)| File {
            text: String::with_capacity(length),
            places: Vec::with_capacity(statements),
        };
        let mut files: Vec<File> = sizes.into_iter().map(empty).collect();
        for (number, step) in self.steps.into_iter().zip(steps) {
            let Some(file) = number.and_then(|number| files.get_mut(number)) else { continue };
            for statement in &step.statements {
                if !file.text.is_empty() {
                    file.text.push_str(APART);
                }
                push_terminated(&mut file.text, &database::with_name(statement, database));
                file.places.push(step.place);
            }
        }
        self.paths.into_iter().zip(files).collect()
    }
}

/// What stands between two statements of a file.
const APART: &str = "\n";
/// What ends a statement.
const END: &str = ";\n";

/// The statement with its semicolon and a new line.
pub fn terminated(statement: &str) -> String {
    let mut text = String::with_capacity(statement.len() + 2);
    push_terminated(&mut text, statement);
    text
}

/// Adds the statement with its semicolon and a new line. None ends in a comment: PostgreSQL prints none, and bodies
/// of routines stand in quotes.
fn push_terminated(text: &mut String, statement: &str) {
    text.push_str(statement);
    text.push_str(END);
}

/// The file of an object that is at home in its own.
fn path(database: &str, home: &FactId) -> String {
    let root = database_folder(database);
    match (home.kind(), home.schema()) {
        (KindId::Role, _) => format!("{root}/roles.sql"),
        (kind, None) => format!("{root}/{}.sql", kind.kind().folder.unwrap_or("database")),
        (kind, Some(schema)) => {
            let root = format!("{root}/{}", folder_name(schema));
            match kind.kind().folder {
                Some(folder) => format!("{root}/{folder}/{}.sql", file_name::encode(home.name())),
                None => format!("{root}/schema.sql"),
            }
        }
    }
}

/// The schema a path of the tree belongs to, as its folder's name; `None` for what belongs to the database.
pub fn schema_folder<'a>(database: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(&database_folder(database))?.strip_prefix('/')?;
    rest.split_once('/').map(|(schema, _)| schema)
}

/// The hash by which a manifest knows a file.
pub fn sha256(contents: &[u8]) -> String {
    hex(&Sha256::digest(contents))
}

/// `CREATE DATABASE` and what else is said of the tree's database, written for another name. `None` where the
/// statement is about something else: a column may be called `database` and have a type of the database's name.
pub fn renamed(statement: &str, from: &str, to: &str) -> Option<String> {
    let words: Vec<_> = script::words(statement).collect();
    let is = |at: usize, keyword: &str| {
        words.get(at).is_some_and(|word| statement[word.clone()].eq_ignore_ascii_case(keyword))
    };
    let after_keyword = match () {
        () if ["CREATE", "ALTER", "DROP"].iter().any(|verb| is(0, verb)) && is(1, "DATABASE") => 2,
        () if is(0, "COMMENT") && is(1, "ON") && is(2, "DATABASE") => 3,
        () if is(0, "SECURITY") && is(1, "LABEL") && is(4, "ON") && is(5, "DATABASE") => 6,
        () if is(0, "ALTER") && is(1, "ROLE") && is(3, "IN") && is(4, "DATABASE") => 5,
        () if is(0, "GRANT") || is(0, "REVOKE") => {
            (1..words.len()).find(|&at| is(at - 1, "ON") && is(at, "DATABASE"))? + 1
        }
        () => return None,
    };
    let name = words.get(after_keyword)?.clone();
    let is_ours = statement[name.clone()] == quote_ident(from) || statement[name.clone()] == *from;
    let new = adapt::apart(statement, &name, &quote_ident(to));
    is_ours.then(|| format!("{}{new}{}", &statement[..name.start], &statement[name.end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_about_the_database_takes_another_name() {
        let check = |statement: &str, expected: Option<&str>| {
            assert_eq!(renamed(statement, "My DB", "copy").as_deref(), expected, "{statement}");
        };
        check(
            "ALTER DATABASE \"My DB\" SET a TO 'DATABASE \"My DB\"'",
            Some("ALTER DATABASE copy SET a TO 'DATABASE \"My DB\"'"),
        );
        check(
            "GRANT CONNECT ON DATABASE \"My DB\" TO \"My DB\"",
            Some("GRANT CONNECT ON DATABASE copy TO \"My DB\""),
        );
        check(
            "SECURITY LABEL FOR p ON DATABASE \"My DB\" IS 'x'",
            Some("SECURITY LABEL FOR p ON DATABASE copy IS 'x'"),
        );
        check("COMMENT ON TABLE x IS 'DATABASE \"My DB\"'", None);
        check("ALTER DATABASE other SET a TO b", None);
        check(
            "ALTER ROLE r IN DATABASE \"My DB\" SET a TO b",
            Some("ALTER ROLE r IN DATABASE copy SET a TO b"),
        );
    }

    #[test]
    fn a_column_named_database_is_none() {
        for statement in [
            "CREATE TABLE app.t (\n    database app.kind\n)",
            "CREATE TYPE a.b AS (database app)",
            "CREATE FUNCTION a.f(database app) RETURNS app",
            "GRANT SELECT (database) ON TABLE app.t TO app",
        ] {
            assert_eq!(renamed(statement, "app", "copy"), None, "{statement}");
        }
    }

    #[test]
    fn folders_and_files_cannot_take_each_others_names() {
        assert_eq!(folder_name("database.sql"), "database%2esql");
        assert_eq!(facts_folder("default", "My DB"), ".facts/default/+my%20+d+b");
        assert_eq!(schema_folder("d", "d/public/tables/t.sql"), Some("public"));
        assert_eq!(schema_folder("d", "d/database.sql"), None);
    }
}
