//! Writes and reads trees of files so that a reader, or the next run, sees the old tree or the new one.
//!
//! [`Writer`] stages what is to come in a folder of its own inside the root, on the same file system; a journal
//! says what is to move where; once that is on disk the moves are made, and the journal goes. Killed before the
//! journal, nothing happened; killed after it, the next [`Writer::open`] or [`read_tree`] makes the rest of the
//! moves. A lock keeps two writers apart.
//!
//! No symbolic link below the root is followed, so that nothing is read or written outside of it, even if
//! somebody swaps a folder for a link meanwhile. What the files mean, and names that every file system can hold, are
//! the caller's business.

mod disk;
mod error;
mod fault;
mod journal;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use disk::{Compared, Disk, Kind, Lock};
pub use error::FilesError;
pub use fault::Faults;
use journal::Journal;

/// The folder of a writer inside the root; gone when no writer is at work and none was killed.
const OWN: &str = ".psql-cm";
const LOCK: &str = ".psql-cm/lock";
const IGNORE: &str = ".psql-cm/.gitignore";
const STAGED: &str = ".psql-cm/staged";
const JOURNAL: &str = ".psql-cm/journal";
const JOURNAL_NEW: &str = ".psql-cm/journal.new";

/// Folders that belong to version control.
const VERSION_CONTROL: [&[u8]; 5] = [b".git", b".hg", b".svn", b".bzr", b".jj"];

/// Changes a tree, all at once. Other writers are kept out until it is dropped, so that a commit can be made before
/// the next one writes.
#[derive(Debug)]
pub struct Writer {
    disk: Disk,
    /// Let go of after all else.
    _lock: Lock,
    actions: BTreeMap<PathBuf, Action>,
    staged: u32,
    has_recovered: bool,
    /// A journal is on disk: it must survive us.
    is_publishing: bool,
}

/// What publishing will do with one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Keep,
    /// Put the staged file of that number there.
    Put(u32),
    Remove,
}

/// What publishing did, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files that are new or have new contents.
    pub written: Vec<PathBuf>,
    /// Files that had these contents; they were not touched.
    pub unchanged: Vec<PathBuf>,
    /// Files that are gone.
    pub removed: Vec<PathBuf>,
}

impl Writer {
    /// Takes the lock of the folder `root`, made if there is none, and finishes what a killed writer began. `name`
    /// says to others who holds the lock.
    pub fn open(root: &Path, name: &str) -> Result<Self, FilesError> {
        Self::open_with(root, name, Faults::of_process())
    }

    /// The same on a disk that fails where `faults` says.
    pub fn open_with(root: &Path, name: &str, faults: Faults) -> Result<Self, FilesError> {
        let disk = Disk::open(root, faults)?;
        let lock = disk.lock(Path::new(LOCK), name)?;
        let mut writer = Self {
            disk,
            _lock: lock,
            actions: BTreeMap::new(),
            staged: 0,
            has_recovered: false,
            is_publishing: false,
        };
        // So that nobody's `git add` takes our folder in.
        writer.disk.write(Path::new(IGNORE), b"*\n", None)?;
        if let Some(bytes) = writer.disk.read(Path::new(JOURNAL))? {
            writer.is_publishing = true;
            let journal = Journal::parse(&bytes)
                .ok_or_else(|| FilesError::DamagedJournal { path: root.join(JOURNAL) })?;
            writer.carry_out(&journal)?;
            writer.has_recovered = true;
        }
        writer.clear()?;
        Ok(writer)
    }

    /// Whether an earlier writer was killed while it published, and its work was finished now.
    pub fn has_recovered(&self) -> bool {
        self.has_recovered
    }

    /// Plans that `relative` has these contents.
    pub fn write(&mut self, relative: &Path, contents: &[u8]) -> Result<(), FilesError> {
        self.write_all(&[(relative, contents)])
    }

    /// Plans that each of these paths has the contents with it.
    pub fn write_all(&mut self, files: &[(&Path, &[u8])]) -> Result<(), FilesError> {
        files.iter().try_for_each(|(relative, _)| check_path(relative))?;
        let compared = self.disk.compare_all(files)?;
        for ((relative, contents), compared) in files.iter().zip(compared) {
            self.plan(relative, contents, compared)?;
        }
        Ok(())
    }

    fn plan(&mut self, relative: &Path, contents: &[u8], compared: Compared) -> Result<(), FilesError> {
        let mode = match compared {
            Compared::Same => {
                self.actions.insert(relative.to_path_buf(), Action::Keep);
                return Ok(());
            }
            Compared::Other(Some(Kind::File { mode, .. })) => Some(mode),
            // A folder may be gone by then.
            Compared::Other(Some(Kind::Folder) | None) => None,
            Compared::Other(Some(Kind::Link)) => return Err(self.disk.link(relative)),
            Compared::Other(Some(Kind::Special(what))) => return Err(self.disk.special(relative, what)),
        };
        let number = self.staged;
        self.disk.write(&staged(number), contents, mode)?;
        self.staged += 1;
        self.actions.insert(relative.to_path_buf(), Action::Put(number));
        Ok(())
    }

    /// Plans that there is no file `relative`, and no folder that only held it.
    pub fn remove(&mut self, relative: &Path) -> Result<(), FilesError> {
        check_path(relative)?;
        match self.disk.kind(relative)? {
            Some(Kind::Special(what)) => return Err(self.disk.special(relative, what)),
            Some(Kind::Folder) => return Err(FilesError::Folder { path: self.disk.absolute(relative) }),
            // A link is removed as the link that it is.
            Some(Kind::File { .. } | Kind::Link) => {
                self.actions.insert(relative.to_path_buf(), Action::Remove);
            }
            None => {
                self.actions.remove(relative);
            }
        }
        Ok(())
    }

    /// Makes the plan true. The writer can be used again, and still holds the lock.
    ///
    /// # Errors
    /// Before anything moved, an error leaves the old tree. After that the journal stays, and the next writer
    /// goes on from there; [`FilesError::Unfinished`] says so.
    pub fn publish(&mut self) -> Result<Changes, FilesError> {
        let changes = self.changes();
        let journal = self.journal();
        if !journal.is_empty() {
            self.check(&journal)?;
            self.disk.write(Path::new(JOURNAL_NEW), &journal.to_bytes(), None)?;
            self.disk.sync(self.staged)?;
            self.is_publishing = true;
            self.disk.rename(Path::new(JOURNAL_NEW), Path::new(JOURNAL))?;
            if let Err(error) = self.disk.sync_folder(Path::new(OWN)) {
                return Err(self.withdraw(error));
            }
            self.carry_out(&journal)?;
        }
        // What cannot be removed is left for the next writer: the tree is what it is to be.
        let _ = self.clear();
        self.actions.clear();
        self.staged = 0;
        Ok(changes)
    }

    /// Takes the journal back, as long as nothing has moved, so that the error leaves the old tree.
    fn withdraw(&mut self, error: FilesError) -> FilesError {
        match self.disk.remove(Path::new(JOURNAL)) {
            Ok(()) => {
                self.is_publishing = false;
                error
            }
            Err(_) => FilesError::Unfinished { source: Box::new(error) },
        }
    }

    fn changes(&self) -> Changes {
        let with = |wanted: fn(&Action) -> bool| {
            let chosen = self.actions.iter().filter(|(_, action)| wanted(action));
            chosen.map(|(path, _)| path.clone()).collect()
        };
        Changes {
            written: with(|action| matches!(action, Action::Put(_))),
            unchanged: with(|action| matches!(action, Action::Keep)),
            removed: with(|action| matches!(action, Action::Remove)),
        }
    }

    fn journal(&self) -> Journal {
        let mut journal = Journal::default();
        for (path, action) in &self.actions {
            match action {
                Action::Put(number) => journal.puts.push((*number, path.clone())),
                Action::Remove => journal.removes.push(path.clone()),
                Action::Keep => {}
            }
        }
        journal
    }

    /// Finds what would stop the moves half way, as long as nothing has moved.
    fn check(&self, journal: &Journal) -> Result<(), FilesError> {
        let removed: BTreeSet<&Path> = journal.removes.iter().map(PathBuf::as_path).collect();
        let mut checked = BTreeSet::new();
        for path in &journal.removes {
            self.check_folder(parent(path), &removed, &mut checked)?;
        }
        for (_, path) in &journal.puts {
            self.check_folder(parent(path), &removed, &mut checked)?;
            if self.disk.kind(path)? == Some(Kind::Folder) && !self.will_be_empty(path, &removed)? {
                return Err(FilesError::Folder { path: self.disk.absolute(path) });
            }
        }
        // A file cannot lie in a file that comes or stays.
        for (path, action) in &self.actions {
            let above = path
                .ancestors()
                .skip(1)
                .find(|folder| matches!(self.actions.get(*folder), Some(Action::Put(_) | Action::Keep)));
            if let (Some(file), Action::Put(_) | Action::Keep) = (above, action) {
                return Err(FilesError::NotAFolder { path: self.disk.absolute(file) });
            }
        }
        Ok(())
    }

    /// Names can be put into the folder and taken out of it, or it can be made.
    fn check_folder<'p>(
        &self,
        folder: &'p Path,
        removed: &BTreeSet<&Path>,
        checked: &mut BTreeSet<&'p Path>,
    ) -> Result<(), FilesError> {
        if !checked.insert(folder) {
            return Ok(());
        }
        match self.disk.kind(folder)? {
            Some(Kind::Folder) => self.disk.check_writable(folder),
            None => self.check_folder(parent(folder), removed, checked),
            Some(_) if removed.contains(folder) => self.check_folder(parent(folder), removed, checked),
            Some(Kind::Link) => Err(self.disk.link(folder)),
            Some(_) => Err(FilesError::NotAFolder { path: self.disk.absolute(folder) }),
        }
    }

    /// Empty folders count as removed only if something in them is: others are not ours.
    fn will_be_empty(&self, folder: &Path, removed: &BTreeSet<&Path>) -> Result<bool, FilesError> {
        let names = self.disk.list(folder)?;
        for name in &names {
            let path = folder.join(name);
            let goes = match self.disk.kind(&path)? {
                Some(Kind::Folder) => self.will_be_empty(&path, removed)?,
                _ => removed.contains(path.as_path()),
            };
            if !goes {
                return Ok(false);
            }
        }
        Ok(!names.is_empty())
    }

    /// Makes the moves that are not made yet, and ends the journal.
    fn carry_out(&mut self, journal: &Journal) -> Result<(), FilesError> {
        let moved = self.move_all(journal).and_then(|()| self.disk.remove(Path::new(JOURNAL)));
        moved.map_err(|source| FilesError::Unfinished { source: Box::new(source) })?;
        self.is_publishing = false;
        Ok(())
    }

    /// Removals come first, since a file may stand where a folder will, and a folder where a file will.
    fn move_all(&self, journal: &Journal) -> Result<(), FilesError> {
        let mut touched = BTreeSet::new();
        for path in &journal.removes {
            check_path(path)?;
            self.disk.remove(path)?;
        }
        for path in &journal.removes {
            touched.insert(self.remove_empty(parent(path))?);
        }
        for (number, path) in &journal.puts {
            check_path(path)?;
            let from = staged(*number);
            // Moved already, if we go on from where another stopped.
            if self.disk.kind(&from)?.is_some() {
                touched.extend(self.disk.make_folders(parent(path))?);
                self.disk.rename(&from, path)?;
                touched.insert(parent(path));
            }
        }
        self.disk.sync_folders(&touched)
    }

    /// Removes the folder and those above it as long as they are empty; gives the first that stays.
    fn remove_empty<'p>(&self, folder: &'p Path) -> Result<&'p Path, FilesError> {
        let mut folder = folder;
        while !folder.as_os_str().is_empty() && self.disk.remove_empty_folder(folder)? {
            folder = parent(folder);
        }
        Ok(folder)
    }

    /// Removes what is staged and not in a journal.
    fn clear(&self) -> Result<(), FilesError> {
        self.disk.remove(Path::new(JOURNAL_NEW))?;
        if self.disk.kind(Path::new(STAGED))?.is_some() {
            for name in self.disk.list(Path::new(STAGED))? {
                self.disk.remove(&Path::new(STAGED).join(name))?;
            }
        } else {
            self.disk.make_folders(Path::new(STAGED))?;
        }
        Ok(())
    }
}

impl Drop for Writer {
    /// Leaves nothing behind but a journal that waits to be finished. What cannot be removed is left for the next
    /// writer.
    fn drop(&mut self) {
        if self.is_publishing || self.clear().is_err() {
            return;
        }
        let _ = self.disk.remove_empty_folder(Path::new(STAGED));
        let _ = self.disk.remove(Path::new(IGNORE));
        // Still locked: who waits for this file sees afterwards that it is another one.
        if self.disk.remove(Path::new(LOCK)).is_err() {
            let _ = self.disk.write(Path::new(IGNORE), b"*\n", None);
        }
        let _ = self.disk.remove_empty_folder(Path::new(OWN));
    }
}

/// All regular files below `folder`, a path relative to `root`, sorted, with their paths relative to `root`.
/// Folders of version control, our own and what editors leave lying about are passed over; links and special files are
/// errors. A tree that a killed writer left half way is finished first.
pub fn read_tree(root: &Path, folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, FilesError> {
    if !folder.as_os_str().is_empty() {
        check_path(folder)?;
    }
    let disk = finished(root)?;
    match disk.kind(folder)? {
        Some(Kind::Folder) => {}
        Some(Kind::Link) => return Err(disk.link(folder)),
        Some(_) => return Err(FilesError::NotAFolder { path: disk.absolute(folder) }),
        None => return Err(FilesError::NoFolder { path: disk.absolute(folder) }),
    }
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for name in disk.list(&folder)? {
            if is_passed_over(name.as_encoded_bytes()) {
                continue;
            }
            let path = folder.join(name);
            match disk.kind(&path)? {
                Some(Kind::Folder) => folders.push(path),
                Some(Kind::File { .. }) => {
                    let contents = disk.read(&path)?.ok_or_else(|| disk.vanished(&path))?;
                    files.push((path, contents));
                }
                Some(Kind::Link) => return Err(disk.link(&path)),
                Some(Kind::Special(what)) => return Err(disk.special(&path, what)),
                None => return Err(disk.vanished(&path)),
            }
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(files)
}

/// The names of the folders right below `root`, sorted; those that [`read_tree`] passes over are not among them.
pub fn read_folders(root: &Path) -> Result<Vec<String>, FilesError> {
    let disk = finished(root)?;
    let mut names = Vec::new();
    for name in disk.list(Path::new(""))? {
        let is_folder = disk.kind(Path::new(&name))? == Some(Kind::Folder);
        if is_folder && !is_passed_over(name.as_encoded_bytes()) {
            names.extend(name.into_string().ok());
        }
    }
    names.sort();
    Ok(names)
}

/// The file at a path relative to `root`, as [`read_tree`] reads it; `None` where there is none.
pub fn read_file(root: &Path, path: &Path) -> Result<Option<Vec<u8>>, FilesError> {
    check_path(path)?;
    if !root.is_dir() {
        return Ok(None);
    }
    let disk = finished(root)?;
    match disk.kind(path)? {
        Some(Kind::File { .. }) => disk.read(path),
        Some(Kind::Link) => Err(disk.link(path)),
        Some(Kind::Folder) => Err(FilesError::Folder { path: disk.absolute(path) }),
        Some(Kind::Special(what)) => Err(disk.special(path, what)),
        None => Ok(None),
    }
}

/// A tree to be read, once what a killed writer left half way is finished.
fn finished(root: &Path) -> Result<Disk, FilesError> {
    if fs::symlink_metadata(root.join(JOURNAL)).is_ok() {
        drop(Writer::open(root, "a reader that finishes what a killed writer began")?);
    }
    Disk::open_existing(root)
}

fn is_passed_over(name: &[u8]) -> bool {
    let is_swap = name.starts_with(b".") && (name.ends_with(b".swp") || name.ends_with(b".swo"));
    let is_editors = name.ends_with(b"~") || name.starts_with(b".#") || is_swap;
    let is_autosave = name.len() > 1 && name.starts_with(b"#") && name.ends_with(b"#");
    VERSION_CONTROL.contains(&name)
        || is_editors
        || is_autosave
        || name == OWN.as_bytes()
        || name == b".DS_Store"
}

/// A path that goes down from the root, name by name, and not into our own folder.
fn check_path(relative: &Path) -> Result<(), FilesError> {
    let is_name = |component| matches!(component, Component::Normal(_));
    let is_ours = relative.components().next() == Some(Component::Normal(OWN.as_ref()));
    // Put together again it must be the same: `a/./b` and `a/` are other spellings of a path that may be in use.
    let is_plain = relative.components().collect::<PathBuf>().as_os_str() == relative.as_os_str();
    if relative.as_os_str().is_empty() || !relative.components().all(is_name) || is_ours || !is_plain {
        return Err(FilesError::BadPath { path: relative.to_path_buf() });
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn staged(number: u32) -> PathBuf {
    Path::new(STAGED).join(number.to_string())
}

/// The error for what the system said about a path.
fn failed(action: &'static str, path: PathBuf, source: impl Into<io::Error>) -> FilesError {
    FilesError::Io { action, path, source: source.into() }
}
