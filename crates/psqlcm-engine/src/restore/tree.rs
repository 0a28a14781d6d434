//! A database's tree as it is read for loading: the statements of every file, the ledgers, and what changed
//! since the dump.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use psqlcm_core::kinds::{ALL, KindId};
use psqlcm_core::plan::Place;
use psqlcm_core::script::{Class, StatementKind, classify, label, split};
use psqlcm_core::source::Source;
use psqlcm_core::tree;
use psqlcm_core::tree::manifest::{self, FileEntry, Manifest};

use super::RestoreError;
use crate::files::{read_file, read_tree};

/// A file of SQL and its text.
pub struct File {
    /// Its path within the tree.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A statement of the tree.
#[derive(Clone)]
pub struct Statement {
    /// Which file it stands in.
    pub file: usize,
    /// Where in the file it starts, in bytes.
    pub offset: usize,
    /// When it is to run, as far as that is known.
    pub place: Place,
    /// Its text.
    pub sql: String,
}

/// What is there to restore a database from.
pub struct Tree {
    /// The files, roles and database first.
    pub files: Vec<File>,
    /// The statements of `roles.sql`.
    pub roles: Vec<Statement>,
    /// All other statements, in the order to try.
    pub statements: Vec<Statement>,
    /// The statements of the ledgers, file by file.
    pub ledgers: Vec<Statement>,
    /// What the environment knew at the dump, if it dumped this database.
    pub manifest: Option<Manifest>,
    /// Files that are not what the dump wrote.
    pub changed: Vec<String>,
    /// Files that are no SQL.
    pub foreign: Vec<String>,
}

/// Where the files of trees are.
#[derive(Clone, Copy)]
pub enum Shelf<'a> {
    /// Below a folder.
    Folder(&'a Path),
    /// Here: each file's bytes by its path within the tree. The name says where they come from.
    Read(&'a str, &'a BTreeMap<String, Vec<u8>>),
}

impl Shelf<'_> {
    /// The files below a folder of the tree; none where there is no such folder.
    fn below(self, folder: &str) -> Result<BTreeMap<String, Vec<u8>>, RestoreError> {
        match self {
            Self::Folder(root) => contents(root, folder),
            Self::Read(_, files) => {
                let start = format!("{folder}/");
                let below = files.range(start.clone()..).take_while(|(path, _)| path.starts_with(&start));
                Ok(below.map(|(path, bytes)| (path.clone(), bytes.clone())).collect())
            }
        }
    }

    fn place(self, folder: &str) -> PathBuf {
        match self {
            Self::Folder(root) => root.join(folder),
            Self::Read(name, _) => Path::new(name).join(folder),
        }
    }
}

impl Tree {
    /// Reads the tree of a database below `root`.
    ///
    /// # Errors
    /// When there is none, or a file cannot be read or split.
    pub fn read(root: &Path, environment: &str, database: &str) -> Result<Self, RestoreError> {
        Self::read_from(Shelf::Folder(root), environment, database)
    }

    /// The same, wherever its files are.
    ///
    /// # Errors
    /// When there is none, or a file cannot be read or split.
    pub fn read_from(shelf: Shelf<'_>, environment: &str, database: &str) -> Result<Self, RestoreError> {
        let facts = tree::facts_folder(environment, database);
        let known: BTreeMap<String, Vec<u8>> = shelf.below(&facts)?;
        let manifest = known
            .get(&format!("{facts}/{}", manifest::FILE))
            .map(|bytes| read_manifest(&facts, bytes))
            .transpose()?;
        let folder = tree::database_folder(database);
        let found = shelf.below(&folder)?;
        if found.is_empty() {
            return Err(RestoreError::NoTree { folder: shelf.place(&folder), database: database.to_owned() });
        }
        let mut all = Self {
            files: Vec::new(),
            roles: Vec::new(),
            statements: Vec::new(),
            ledgers: Vec::new(),
            manifest,
            changed: Vec::new(),
            foreign: Vec::new(),
        };
        for (path, bytes) in found {
            all.take(path, bytes, &folder)?;
        }
        all.note_missing(&folder);
        for (path, bytes) in known.into_iter().filter(|(path, _)| path.ends_with(".ledger.sql")) {
            all.take_ledger(path, bytes)?;
        }
        all.statements.sort_by_key(|statement| (statement.place, statement.file, statement.offset));
        Ok(all)
    }

    /// The file and its text, to show where something stands.
    pub fn source(&self, statement: &Statement) -> Source<'_> {
        let file = &self.files[statement.file];
        Source { name: &file.path, text: &file.text }
    }

    fn take(&mut self, path: String, bytes: Vec<u8>, folder: &str) -> Result<(), RestoreError> {
        if !path.ends_with(".sql") {
            self.foreign.push(path);
            return Ok(());
        }
        let entry = self.manifest.as_ref().and_then(|manifest| manifest.files.get(&path)).cloned();
        if entry.as_ref().is_none_or(|entry| entry.sha256 != tree::sha256(&bytes)) {
            self.changed.push(path.clone());
        }
        let places = |index, count| place(&path, folder, entry.as_ref(), index, count);
        let file = self.files.len();
        let is_roles = path == format!("{folder}/roles.sql");
        let file_text = text(&path, bytes)?;
        let statements = statements(&path, &file_text, file, &places)?;
        match is_roles {
            true => self.roles.extend(statements),
            false => self.statements.extend(statements),
        }
        self.files.push(File { path, text: file_text });
        Ok(())
    }

    fn take_ledger(&mut self, path: String, bytes: Vec<u8>) -> Result<(), RestoreError> {
        // A ledger whose schema is no longer under control keeps its file, and is not restored.
        let entry = self.manifest.as_ref().map(|manifest| manifest.files.get(&path));
        match entry {
            Some(None) => return Ok(()),
            Some(Some(entry)) if entry.sha256 != tree::sha256(&bytes) => self.changed.push(path.clone()),
            _ => {}
        }
        let file = self.files.len();
        let file_text = text(&path, bytes)?;
        let statements = statements(&path, &file_text, file, &|_, _| Place::of_kind(KindId::Table))?;
        self.ledgers.extend(statements);
        self.files.push(File { path, text: file_text });
        Ok(())
    }

    fn note_missing(&mut self, folder: &str) {
        let Some(manifest) = &self.manifest else { return };
        let known = manifest.files.keys().filter(|path| path.starts_with(&format!("{folder}/")));
        let missing = known.filter(|path| !self.files.iter().any(|file| file.path == **path));
        self.changed.extend(missing.cloned());
    }
}

/// One file of SQL that stands by itself.
pub struct Single {
    /// Its path and text.
    pub file: File,
    /// Its statements, as they stand.
    pub statements: Vec<Statement>,
}

impl Single {
    /// Reads a file at the root of the tree; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read or split.
    pub fn read(root: &Path, path: &str) -> Result<Option<Self>, RestoreError> {
        match read_file(root, Path::new(path))? {
            Some(bytes) => Self::parse(path, text(path, bytes)?).map(Some),
            None => Ok(None),
        }
    }

    /// Splits a text.
    ///
    /// # Errors
    /// When it cannot be split, or holds what a tree cannot.
    pub fn parse(path: &str, text: String) -> Result<Self, RestoreError> {
        let statements = statements(path, &text, 0, &|_, _| Place::of_kind(KindId::Schema))?;
        Ok(Self { file: File { path: path.to_owned(), text }, statements })
    }

    /// Where a statement stands.
    pub fn place(&self, statement: &Statement) -> super::Place {
        super::Place::of(Source { name: &self.file.path, text: &self.file.text }, statement.offset)
    }
}

fn contents(root: &Path, folder: &str) -> Result<BTreeMap<String, Vec<u8>>, RestoreError> {
    if !root.join(folder).is_dir() {
        return Ok(BTreeMap::new());
    }
    let files = read_tree(root, Path::new(folder))?;
    let named = |(path, bytes): (PathBuf, Vec<u8>)| {
        let parts: Vec<_> =
            path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        (parts.join("/"), bytes)
    };
    Ok(files.into_iter().map(named).collect())
}

fn read_manifest(facts: &str, bytes: &[u8]) -> Result<Manifest, RestoreError> {
    let path = format!("{facts}/{}", manifest::FILE);
    Manifest::parse(&String::from_utf8_lossy(bytes)).map_err(|source| RestoreError::Manifest { path, source })
}

fn text(path: &str, bytes: Vec<u8>) -> Result<String, RestoreError> {
    String::from_utf8(bytes).map_err(|_| RestoreError::NotUtf8 { path: path.to_owned() })
}

/// The statements of a file; what a tree cannot hold is refused.
fn statements(
    path: &str,
    text: &str,
    file: usize,
    place: &dyn Fn(usize, usize) -> Place,
) -> Result<Vec<Statement>, RestoreError> {
    let source = Source { name: path, text };
    let split = split(text)
        .map_err(|error| RestoreError::unreadable(source, error.offset, &error.kind.to_string()))?;
    let count = split.len();
    let mut statements: Vec<Statement> = Vec::new();
    let mut acting = false;
    for (index, statement) in split.into_iter().enumerate() {
        let label = label(statement.text);
        let refusal = match (statement.kind, classify(statement.text)) {
            (StatementKind::MetaCommand, _) => Some("a psql command has no place in a tree"),
            (StatementKind::CopyData { .. }, _) | (_, Class::Copy(_)) => {
                Some("a tree holds schemas and no rows")
            }
            (_, Class::TransactionControl(_)) => Some("transactions are begun and ended by psql-cm"),
            _ => None,
        };
        if let Some(refusal) = refusal {
            let what = format!("{refusal}: {label}");
            return Err(RestoreError::unreadable(source, statement.offset, &what));
        }
        let begins = label.starts_with("SET ROLE") || label.starts_with("SET search_path");
        let ends = label.starts_with("RESET ROLE") || statement.text == "SET search_path = ''";
        // What is done as another role, or on another search path, is done together or not at all.
        match statements.last_mut().filter(|_| acting) {
            Some(last) => last.sql = format!("{}\n;\n{}", last.sql, statement.text),
            None => statements.push(Statement {
                file,
                offset: statement.offset,
                place: place(index, count),
                sql: statement.text.to_owned(),
            }),
        }
        acting = (acting || begins) && !ends;
    }
    Ok(statements)
}

/// When a statement is to run: where the dump had it, or where something of its file's kind may stand.
fn place(path: &str, folder: &str, entry: Option<&FileEntry>, index: usize, count: usize) -> Place {
    match entry.map(|entry| entry.places.as_slice()) {
        Some(places) if places.len() == count => Place::from_number(places[index]),
        Some([first, .., last]) => Place::from_number(if index == 0 { *first } else { *last }),
        Some([only]) => Place::from_number(*only),
        _ => {
            let parent =
                path.strip_prefix(folder).and_then(|rest| rest.rsplit('/').nth(1)).unwrap_or_default();
            let kind = ALL.iter().find(|kind| kind.kind().folder == Some(parent));
            Place::of_kind(kind.copied().unwrap_or(KindId::Schema))
        }
    }
}
