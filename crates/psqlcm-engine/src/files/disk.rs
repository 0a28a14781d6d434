//! The operations on the disk, each below an open root and through no symbolic link, each a point where a test can
//! make it fail.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;

use rustix::fs::{self as system, Access, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Faults, FilesError, OWN, STAGED, failed, parent};

/// From how many files on the whole file system is flushed at once: flushing them one by one would take longer than
/// all else that a dump does.
const MANY: u32 = 16;

/// From how many files on two threads compare them.
const SHARED: usize = 512;

/// How often a lock is taken again when its file was removed by the one who held it.
const LOCK_TRIES: u32 = 1000;

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File { mode: u32, size: u64 },
    Folder,
    Link,
    Special(&'static str),
}

/// What a file is beside the contents that it is to have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Compared {
    Same,
    /// What stands there is another, or nothing.
    Other(Option<Kind>),
}

/// The folder of a tree.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    opened: OwnedFd,
    faults: Faults,
}

/// A lock that is held until it is dropped or the process ends, however that happens.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Closing the file is not enough: a child that another thread starts just now has it open too until it becomes
    /// its program.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Disk {
    /// Makes the folder if there is none.
    pub(super) fn open(root: &Path, faults: Faults) -> Result<Self, FilesError> {
        let make = |source| failed("make", root.to_path_buf(), source);
        faults.pass().map_err(make)?;
        fs::create_dir_all(or_here(root)).map_err(|error| {
            // The system names the folder that was to be made, and not the file that is in its way.
            match root.ancestors().find(|path| path.is_file()) {
                Some(file) => FilesError::NotAFolder { path: file.to_path_buf() },
                None => make(error),
            }
        })?;
        Self::open_folder(root, faults)
    }

    pub(super) fn open_existing(root: &Path) -> Result<Self, FilesError> {
        Self::open_folder(root, Faults::of_process())
    }

    fn open_folder(root: &Path, faults: Faults) -> Result<Self, FilesError> {
        // The root itself may be a link: where the tree is, is for the person to say.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = system::open(or_here(root), flags, Mode::empty()).map_err(|error| match error {
            Errno::NOENT => FilesError::NoFolder { path: root.to_path_buf() },
            Errno::NOTDIR => FilesError::NotAFolder { path: root.to_path_buf() },
            _ => failed("open", root.to_path_buf(), error),
        })?;
        Ok(Self { root: root.to_path_buf(), opened, faults })
    }

    /// Takes a lock, or says who has it.
    pub(super) fn lock(&self, path: &Path, name: &str) -> Result<Lock, FilesError> {
        let fail = |source| failed("lock", self.absolute(path), source);
        for _ in 0..LOCK_TRIES {
            self.make_folders(parent(path))?;
            let Some(mut file) = self.open_lock(path)? else {
                continue;
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(FilesError::Busy { root: self.root.clone(), holder: holder(&mut file) });
                }
                Err(TryLockError::Error(source)) => return Err(fail(source)),
            }
            let mut lock = Lock(file);
            if self.is_at(&lock.0, path)? {
                let holder = format!("process {} ({name})\n", process::id());
                self.pass("write", path)?;
                lock.0.set_len(0).and_then(|()| lock.0.write_all(holder.as_bytes())).map_err(fail)?;
                return Ok(lock);
            }
        }
        Err(FilesError::Busy { root: self.root.clone(), holder: "processes that come and go".into() })
    }

    /// None if its folder was removed meanwhile.
    fn open_lock(&self, path: &Path) -> Result<Option<File>, FilesError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.pass("open", path)?;
        match self.open_at(path, flags) {
            Ok(file) => Ok(Some(file.into())),
            Err(FilesError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the open file is still the one at the path, and was not removed before it was locked.
    fn is_at(&self, file: &File, path: &Path) -> Result<bool, FilesError> {
        let opened = system::fstat(file).map_err(|error| failed("look at", self.absolute(path), error))?;
        let there = self.stat(path)?;
        Ok(there.is_some_and(|there| (there.st_dev, there.st_ino) == (opened.st_dev, opened.st_ino)))
    }

    /// What is at the path, if anything is.
    pub(super) fn kind(&self, path: &Path) -> Result<Option<Kind>, FilesError> {
        if path.as_os_str().is_empty() {
            return Ok(Some(Kind::Folder));
        }
        self.pass("look at", path)?;
        Ok(self.stat(path)?.map(|stat| kind_of(&stat)))
    }

    /// The contents of a file, if there is one.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, FilesError> {
        let Some(mut file) = self.open_to_read(path)? else { return Ok(None) };
        let mut contents = Vec::new();
        file.read_to_end(&mut contents).map_err(|source| failed("read", self.absolute(path), source))?;
        Ok(Some(contents))
    }

    fn open_to_read(&self, path: &Path) -> Result<Option<File>, FilesError> {
        self.pass("read", path)?;
        unless_gone(self.open_at(path, READ))
    }

    /// Whether there is a file with these contents, and what else there is, for each of them. Many are shared among two
    /// threads: most of it is waiting for the system.
    pub(super) fn compare_all(&self, files: &[(&Path, &[u8])]) -> Result<Vec<Compared>, FilesError> {
        let compare = |files: &[(&Path, &[u8])]| {
            let mut open = None;
            files.iter().map(|(path, contents)| self.compare(path, contents, &mut open)).collect()
        };
        if files.len() < SHARED {
            return compare(files);
        }
        let (first, second) = files.split_at(files.len() / 2);
        thread::scope(|scope| {
            let second = scope.spawn(|| compare(second));
            let mut compared: Vec<Compared> = compare(first)?;
            compared.extend(second.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            Ok(compared)
        })
    }

    /// The same for one; `open` is the folder that was looked into last, as many files in turn are in the same.
    fn compare<'p>(
        &self,
        path: &'p Path,
        contents: &[u8],
        open: &mut Option<(&'p Path, OwnedFd)>,
    ) -> Result<Compared, FilesError> {
        self.pass("look at", path)?;
        if open.as_ref().is_none_or(|(folder, _)| *folder != parent(path)) {
            *open = self.stat_folder(parent(path))?.map(|folder| (parent(path), folder));
        }
        let Some((_, folder)) = open else { return Ok(Compared::Other(None)) };
        let kind = self.stat_in(folder, path)?.map(|stat| kind_of(&stat));
        if !matches!(kind, Some(Kind::File { size, .. }) if size == contents.len() as u64) {
            return Ok(Compared::Other(kind));
        }
        self.pass("read", path)?;
        let Some(file) = unless_gone(self.open_in(folder, path, READ))? else {
            return Ok(Compared::Other(None));
        };
        let mut found = Vec::with_capacity(contents.len() + 1);
        // One byte more shows what was added meanwhile.
        let read = file.take(contents.len() as u64 + 1).read_to_end(&mut found);
        read.map_err(|source| failed("read", self.absolute(path), source))?;
        Ok(if found == contents { Compared::Same } else { Compared::Other(kind) })
    }

    /// The names in a folder, sorted.
    pub(super) fn list(&self, path: &Path) -> Result<Vec<OsString>, FilesError> {
        self.pass("list", path)?;
        let fail = |error: Errno| failed("list", self.absolute(path), error);
        let mut names = Vec::new();
        for entry in Dir::read_from(self.folder(path)?).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Writes a file in our own folder: half way it must mean nothing.
    pub(super) fn write(&self, path: &Path, contents: &[u8], mode: Option<u32>) -> Result<(), FilesError> {
        let fail = |source: io::Error| failed("write", self.absolute(path), source);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.pass("write", path)?;
        let mut file = File::from(self.open_at(path, flags)?);
        let (first, second) = contents.split_at(contents.len() / 2);
        file.write_all(first).map_err(fail)?;
        self.pass("write", path)?;
        file.write_all(second).map_err(fail)?;
        if let Some(mode) = mode {
            #[allow(clippy::useless_conversion, clippy::allow_attributes, reason = "u16 on macOS")]
            let mode = Mode::from_bits_truncate(mode.try_into().unwrap_or(0o644));
            system::fchmod(&file, mode).map_err(|error| fail(error.into()))?;
        }
        Ok(())
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), FilesError> {
        self.pass("put in place", to)?;
        let (from_folder, from_name) = (self.folder(parent(from))?, name(from));
        let (to_folder, to_name) = (self.folder(parent(to))?, name(to));
        system::renameat(from_folder, from_name, to_folder, to_name)
            .map_err(|error| failed("put in place", self.absolute(to), error))
    }

    /// Removes a file, or a link itself; none there, or a folder by now, is as good.
    pub(super) fn remove(&self, path: &Path) -> Result<(), FilesError> {
        self.pass("remove", path)?;
        let is_folder = |mode| FileType::from_raw_mode(mode) == FileType::Directory;
        if self.stat(path)?.is_none_or(|stat| is_folder(stat.st_mode)) {
            return Ok(());
        }
        let removed = system::unlinkat(self.folder(parent(path))?, name(path), AtFlags::empty());
        removed.map_err(|error| failed("remove", self.absolute(path), error))
    }

    /// Whether the folder is gone; it stays if something is in it.
    pub(super) fn remove_empty_folder(&self, path: &Path) -> Result<bool, FilesError> {
        self.pass("remove", path)?;
        if self.stat(path)?.is_none() {
            return Ok(true);
        }
        match system::unlinkat(self.folder(parent(path))?, name(path), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            // A file by now, or the folder that somebody works in.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR | Errno::BUSY) => Ok(false),
            Err(error) => Err(failed("remove", self.absolute(path), error)),
        }
    }

    /// Makes the folder and those above it; gives those that got a new name in them.
    pub(super) fn make_folders<'p>(&self, path: &'p Path) -> Result<Vec<&'p Path>, FilesError> {
        let mut missing = Vec::new();
        let mut folder = path;
        while self.stat_folder(folder)?.is_none() {
            missing.push(folder);
            folder = parent(folder);
        }
        for folder in missing.iter().rev() {
            self.pass("make", folder)?;
            match system::mkdirat(self.folder(parent(folder))?, name(folder), Mode::from_bits_truncate(0o777))
            {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(failed("make", self.absolute(folder), error)),
            }
        }
        Ok(missing.into_iter().map(parent).collect())
    }

    /// Names can be put into the folder and taken out.
    pub(super) fn check_writable(&self, path: &Path) -> Result<(), FilesError> {
        self.pass("write into", path)?;
        let access = Access::WRITE_OK | Access::EXEC_OK;
        let checked = match path.file_name() {
            Some(name) => system::accessat(self.folder(parent(path))?, name, access, AtFlags::EACCESS),
            None => system::accessat(&self.opened, ".", access, AtFlags::EACCESS),
        };
        checked.map_err(|error| failed("write into", self.absolute(path), error))
    }

    /// Sees that what is in our own folder, `staged` files among it, survives a loss of power.
    pub(super) fn sync(&self, staged: u32) -> Result<(), FilesError> {
        let (own, staging) = (Path::new(OWN), Path::new(STAGED));
        if staged > MANY && self.sync_all()? {
            return Ok(());
        }
        for folder in [staging, own] {
            for name in self.list(folder)? {
                let path = folder.join(name);
                if matches!(self.kind(&path)?, Some(Kind::File { .. })) {
                    self.pass("flush", &path)?;
                    let file = self.open_at(&path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC)?;
                    system::fsync(file).map_err(|error| failed("flush", self.absolute(&path), error))?;
                }
            }
            self.sync_folder(folder)?;
        }
        self.sync_folder(Path::new(""))
    }

    /// The same for the names in these folders.
    pub(super) fn sync_folders(&self, folders: &BTreeSet<&Path>) -> Result<(), FilesError> {
        if folders.len() > MANY as usize && self.sync_all()? {
            return Ok(());
        }
        folders.iter().try_for_each(|folder| self.sync_folder(folder))
    }

    pub(super) fn sync_folder(&self, path: &Path) -> Result<(), FilesError> {
        self.pass("flush", path)?;
        if self.stat_folder(path)?.is_none() {
            return Ok(());
        }
        match system::fsync(self.folder(path)?) {
            // Some network file systems cannot, and do not need to.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(error) => Err(failed("flush", self.absolute(path), error)),
        }
    }

    /// Flushes the file system; false where the system cannot flush a single one.
    #[cfg(target_os = "linux")]
    fn sync_all(&self) -> Result<bool, FilesError> {
        self.pass("flush", Path::new(""))?;
        system::syncfs(&self.opened).map_err(|error| failed("flush", self.root.clone(), error))?;
        Ok(true)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_all(&self) -> Result<bool, FilesError> {
        Ok(false)
    }

    pub(super) fn absolute(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// The error for a link at this path.
    pub(super) fn link(&self, path: &Path) -> FilesError {
        let path = self.absolute(path);
        let to = fs::read_link(&path).unwrap_or_default();
        FilesError::Link { path, to }
    }

    pub(super) fn special(&self, path: &Path, what: &'static str) -> FilesError {
        FilesError::Special { path: self.absolute(path), what }
    }

    pub(super) fn vanished(&self, path: &Path) -> FilesError {
        failed("read", self.absolute(path), io::Error::from(io::ErrorKind::NotFound))
    }

    fn pass(&self, action: &'static str, path: &Path) -> Result<(), FilesError> {
        self.faults.pass().map_err(|source| failed(action, self.absolute(path), source))
    }

    fn stat(&self, path: &Path) -> Result<Option<system::Stat>, FilesError> {
        match self.stat_folder(parent(path))? {
            Some(folder) => self.stat_in(&folder, path),
            None => Ok(None),
        }
    }

    /// The same of a path whose folder is open.
    fn stat_in(&self, folder: &OwnedFd, path: &Path) -> Result<Option<system::Stat>, FilesError> {
        match system::statat(folder, name(path), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed("look at", self.absolute(path), error)),
        }
    }

    /// The folder, unless it or one above it is missing or is a file.
    fn stat_folder(&self, path: &Path) -> Result<Option<OwnedFd>, FilesError> {
        match self.folder(path) {
            Ok(folder) => Ok(Some(folder)),
            Err(FilesError::NoFolder { .. } | FilesError::NotAFolder { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a file in a folder; new ones get the usual permissions.
    fn open_at(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, FilesError> {
        let folder = self.folder(parent(path)).map_err(|error| match error {
            FilesError::NoFolder { path } => failed("open", path, Errno::NOENT),
            error => error,
        })?;
        self.open_in(&folder, path, flags)
    }

    /// The same of a path whose folder is open.
    fn open_in(&self, folder: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, FilesError> {
        let opened = system::openat(folder, name(path), flags, Mode::from_bits_truncate(0o666));
        opened.map_err(|error| match error {
            Errno::LOOP => self.link(path),
            _ => failed("open", self.absolute(path), error),
        })
    }

    /// Opens a folder, through no link.
    fn folder(&self, path: &Path) -> Result<OwnedFd, FilesError> {
        self.folder_at_once(or_here(path)).map_or_else(|| self.folder_by_names(path), Ok)
    }

    /// In one call, where the system has it and nothing is in the way.
    #[cfg(target_os = "linux")]
    fn folder_at_once(&self, path: &Path) -> Option<OwnedFd> {
        let resolve = system::ResolveFlags::BENEATH | system::ResolveFlags::NO_SYMLINKS;
        system::openat2(&self.opened, path, FOLDER, Mode::empty(), resolve).ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn folder_at_once(&self, _path: &Path) -> Option<OwnedFd> {
        None
    }

    /// Name by name, which tells what is in the way.
    fn folder_by_names(&self, path: &Path) -> Result<OwnedFd, FilesError> {
        let open = |folder: &OwnedFd, name: &OsStr| system::openat(folder, name, FOLDER, Mode::empty());
        let mut done = PathBuf::new();
        let first = open(&self.opened, OsStr::from_bytes(b"."));
        let mut folder = first.map_err(|error| failed("open", self.root.clone(), error))?;
        for name in path {
            done.push(name);
            folder = open(&folder, name).map_err(|error| match error {
                Errno::NOENT => FilesError::NoFolder { path: self.absolute(&done) },
                Errno::NOTDIR | Errno::LOOP if self.absolute(&done).is_symlink() => self.link(&done),
                Errno::NOTDIR => FilesError::NotAFolder { path: self.absolute(&done) },
                _ => failed("open", self.absolute(&done), error),
            })?;
        }
        Ok(folder)
    }
}

/// How files are opened to be read: one might have become a link or a pipe since it was looked at.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// How folders below the root are opened.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn unless_gone(opened: Result<OwnedFd, FilesError>) -> Result<Option<File>, FilesError> {
    match opened {
        Ok(file) => Ok(Some(file.into())),
        Err(FilesError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn kind_of(stat: &system::Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let mode = Mode::from_raw_mode(stat.st_mode).as_raw_mode();
            #[allow(clippy::useless_conversion, clippy::allow_attributes, reason = "u16 on macOS")]
            Kind::File { mode: mode.into(), size: u64::try_from(stat.st_size).unwrap_or_default() }
        }
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        FileType::Fifo => Kind::Special("named pipe"),
        FileType::Socket => Kind::Special("socket"),
        FileType::CharacterDevice | FileType::BlockDevice => Kind::Special("device"),
        FileType::Unknown => Kind::Special("special file"),
    }
}

/// What the one who holds the lock wrote into it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.take(1000).read_to_string(&mut text);
    match text.lines().next() {
        Some(line) => line.to_owned(),
        // It has the lock and did not get to writing yet.
        None => "another process".into(),
    }
}

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or(OsStr::new("."))
}

fn or_here(root: &Path) -> &Path {
    if root.as_os_str().is_empty() { Path::new(".") } else { root }
}
