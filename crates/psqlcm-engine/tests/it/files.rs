//! Trees that are written, read, and left half way.

#![expect(clippy::unwrap_used, reason = "helpers of tests; a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use psqlcm_engine::files::{Changes, Faults, FilesError, Writer, read_tree};
use tempfile::TempDir;

type Tree = BTreeMap<PathBuf, Vec<u8>>;

const OLD: &[(&str, &str)] = &[
    ("same", "1"),
    ("edited", "old"),
    ("gone/deep/a", "1"),
    ("becomes", "file"),
    ("folder/x", "1"),
    ("z/gone", ""),
];
const NEW: &[(&str, &str)] = &[
    ("same", "1"),
    ("edited", "newer"),
    ("becomes/a/b", "2"),
    ("folder", "file"),
    ("z/new", ""),
    ("n/e/w", "3"),
];

fn tree_of(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect()
}

fn folder_with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(root: &Path) -> Tree {
    read_tree(root, Path::new("")).unwrap().into_iter().collect()
}

/// Everything there is, empty folders and our own files too.
fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let entry = entry.unwrap();
            names.push(entry.path().strip_prefix(folder).unwrap().to_path_buf());
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    names.sort();
    names
}

/// Goes from any tree to `new`, as a dump does.
fn change(root: &Path, new: &[(&str, &str)], faults: Faults) -> Result<Changes, FilesError> {
    let old = read(root);
    let mut writer = Writer::open_with(root, "test", faults)?;
    for (path, text) in new {
        writer.write(Path::new(path), text.as_bytes())?;
    }
    let new = tree_of(new);
    for path in old.keys().filter(|path| !new.contains_key(*path)) {
        writer.remove(path)?;
    }
    writer.publish()
}

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

#[test]
fn a_tree_is_changed_and_what_is_equal_is_not_touched() {
    let folder = folder_with(OLD);
    let same = folder.path().join("same");
    let before = fs::metadata(&same).unwrap();
    fs::set_permissions(folder.path().join("edited"), fs::Permissions::from_mode(0o640)).unwrap();

    let changes = change(folder.path(), NEW, Faults::default()).unwrap();

    assert_eq!(changes.written, paths(&["becomes/a/b", "edited", "folder", "n/e/w", "z/new"]));
    assert_eq!(changes.unchanged, paths(&["same"]));
    assert_eq!(changes.removed, paths(&["becomes", "folder/x", "gone/deep/a", "z/gone"]));
    assert_eq!(read(folder.path()), tree_of(NEW));
    let after = fs::metadata(&same).unwrap();
    assert_eq!((after.ino(), after.mtime_nsec()), (before.ino(), before.mtime_nsec()));
    assert_eq!(fs::metadata(folder.path().join("edited")).unwrap().mode() & 0o777, 0o640);
    let left = [
        "becomes",
        "becomes/a",
        "becomes/a/b",
        "edited",
        "folder",
        "n",
        "n/e",
        "n/e/w",
        "same",
        "z",
        "z/new",
    ];
    assert_eq!(names(folder.path()), paths(&left));

    let again = change(folder.path(), NEW, Faults::default()).unwrap();
    assert_eq!((again.written, again.removed), (vec![], vec![]));
    assert_eq!(names(folder.path()), paths(&left));
}

#[test]
fn killed_at_any_operation_the_tree_is_old_or_new() {
    let mut seen = (0, 0, 0);
    for n in 0.. {
        let folder = folder_with(OLD);
        let faults = Faults::stop_at(n);
        let outcome = change(folder.path(), NEW, faults.clone());
        if faults.passed() <= n {
            assert!(outcome.is_ok());
            break;
        }
        // What the next writer finds, and, from the same state, the next reader.
        let copy = tempfile::tempdir().unwrap();
        let copied = std::process::Command::new("cp").arg("-a").arg(folder.path()).arg(copy.path()).status();
        assert!(copied.unwrap().success());
        let writer = Writer::open(folder.path(), "next").unwrap();
        seen.2 += u32::from(writer.has_recovered());
        drop(writer);
        let found = read(folder.path());
        let is_new = found == tree_of(NEW);
        assert!(is_new || found == tree_of(OLD), "stopped at {n}: {found:?}");
        assert!(is_new || outcome.is_err(), "stopped at {n}");
        assert_eq!(read(&copy.path().join(folder.path().file_name().unwrap())), found, "stopped at {n}");
        assert!(!folder.path().join(".psql-cm").exists(), "stopped at {n}");
        if is_new {
            seen.0 += 1;
        } else {
            seen.1 += 1;
        }
        change(folder.path(), NEW, Faults::default()).unwrap();
        assert_eq!(read(folder.path()), tree_of(NEW));
    }
    // Both sides of the journal were hit, and recovery had work.
    assert!(seen.0 > 20 && seen.1 > 20 && seen.2 > 20, "{seen:?}");
}

#[test]
fn killed_while_it_finishes_the_tree_is_still_finished() {
    // The points at which a journal is left, each recovered with a stop at every point.
    let left_at = |n| {
        let folder = folder_with(OLD);
        let _ = change(folder.path(), NEW, Faults::stop_at(n));
        folder
    };
    let journals: Vec<u32> = (0..)
        .take_while(|n| *n < 400)
        .filter(|n| left_at(*n).path().join(".psql-cm/journal").exists())
        .collect();
    assert!(journals.len() > 20);
    for n in journals.into_iter().step_by(7) {
        for m in 0.. {
            let folder = left_at(n);
            let faults = Faults::stop_at(m);
            drop(Writer::open_with(folder.path(), "next", faults.clone()));
            assert_eq!(read(folder.path()), tree_of(NEW), "stopped at {n}, then at {m}");
            if faults.passed() <= m {
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_at_any_operation_is_an_error_that_says_so() {
    for n in 0.. {
        let folder = folder_with(OLD);
        let faults = Faults::fail_at(n, io::ErrorKind::StorageFull);
        let outcome = change(folder.path(), NEW, faults.clone());
        if faults.passed() <= n {
            break;
        }
        let Err(error) = outcome else {
            // Hit while cleaning up.
            assert_eq!(read(folder.path()), tree_of(NEW), "failed at {n}");
            continue;
        };
        let hint = error.hint().unwrap();
        assert!(hint.contains("make room on the disk"), "failed at {n}: {error}: {hint}");
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "failed at {n}: {error}");
        let is_unfinished = matches!(error, FilesError::Unfinished { .. });
        let is_old = !folder.path().join(".psql-cm/journal").exists() && read(folder.path()) == tree_of(OLD);
        let is_new = read(folder.path()) == tree_of(NEW);
        assert!(if is_unfinished { is_new } else { is_old || is_new }, "failed at {n}: {error}");
    }
}

#[test]
fn a_second_writer_is_told_who_is_at_work_and_a_dead_one_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("to/be/made");
    let first = Writer::open(&root, "dump of app").unwrap();
    let error = Writer::open(&root, "second").unwrap_err();
    let holder = format!("process {} (dump of app)", std::process::id());
    assert!(matches!(&error, FilesError::Busy { holder: named, .. } if *named == holder), "{error}");
    drop(first);
    assert_eq!(names(&root), paths(&[]));

    fs::create_dir(root.join(".psql-cm")).unwrap();
    fs::write(root.join(".psql-cm/lock"), "process 1 (killed)\n").unwrap();
    Writer::open(&root, "next").unwrap();
}

#[test]
fn writers_in_turn_never_meet() {
    let folder = tempfile::tempdir().unwrap();
    let inside = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut opened = 0;
                while opened < 50 {
                    match Writer::open(folder.path(), "one of four") {
                        Ok(writer) => {
                            assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                            opened += 1;
                            inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                            drop(writer);
                        }
                        Err(FilesError::Busy { .. }) => std::thread::yield_now(),
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
}

#[test]
fn nothing_leads_out_of_the_root() {
    let outside = folder_with(&[("secret", "1")]);
    let folder = folder_with(&[("a", "1")]);
    symlink(outside.path(), folder.path().join("link")).unwrap();
    symlink(outside.path().join("secret"), folder.path().join("file")).unwrap();
    let mut writer = Writer::open(folder.path(), "test").unwrap();
    for path in ["link/new", "file", "link"] {
        let error = writer.write(Path::new(path), b"2").unwrap_err();
        let FilesError::Link { path, to } = &error else { panic!("{error}") };
        assert!(path.starts_with(folder.path()) && to.starts_with(outside.path()), "{error}");
    }
    assert!(matches!(writer.remove(Path::new("link/secret")), Err(FilesError::Link { .. })));
    let absolute = outside.path().join("new");
    for path in ["../x", "a/../../x", "", ".", "./a", "a/", "a//b", ".psql-cm/x", absolute.to_str().unwrap()]
    {
        assert!(matches!(writer.write(Path::new(path), b"2"), Err(FilesError::BadPath { .. })), "{path}");
    }
    writer.remove(Path::new("file")).unwrap();
    writer.publish().unwrap();
    drop(writer);
    assert_eq!(read(outside.path()), tree_of(&[("secret", "1")]));
    assert!(!folder.path().join("file").is_symlink());

    let error = read_tree(folder.path(), Path::new("")).unwrap_err();
    assert!(matches!(&error, FilesError::Link { path, .. } if path.ends_with("link")), "{error}");
    assert!(error.hint().unwrap().contains("not followed"));

    // A journal that came with somebody's tree can do no more than we can.
    fs::create_dir(folder.path().join(".psql-cm")).unwrap();
    for path in ["../x", "link/secret"] {
        let journal = format!("psql-cm journal 1\0remove\0{path}\0end\0");
        fs::write(folder.path().join(".psql-cm/journal"), journal).unwrap();
        assert!(matches!(Writer::open(folder.path(), "test"), Err(FilesError::Unfinished { .. })), "{path}");
    }
    fs::write(folder.path().join(".psql-cm/journal"), "psql-cm jour").unwrap();
    let error = Writer::open(folder.path(), "test").unwrap_err();
    assert!(matches!(error, FilesError::DamagedJournal { .. }), "{error}");
    assert!(outside.path().join("secret").exists());
}

#[test]
fn what_cannot_be_published_moves_nothing() {
    let files = [("file", "1"), ("folder/mine", "1"), ("folder/deep/mine", "1"), ("other", "1")];
    type Plan = fn(&mut Writer) -> Result<(), FilesError>;
    let plans: [Plan; 4] = [
        |writer| writer.write(Path::new("file/below"), b"2"),
        |writer| {
            writer.remove(Path::new("folder/mine"))?;
            writer.write(Path::new("folder"), b"2")
        },
        |writer| {
            writer.write(Path::new("new"), b"2")?;
            writer.write(Path::new("new/below"), b"2")
        },
        |writer| {
            writer.write(Path::new("file"), b"1")?;
            writer.write(Path::new("file/below"), b"2")
        },
    ];
    for plan in plans {
        let folder = folder_with(&files);
        let mut writer = Writer::open(folder.path(), "test").unwrap();
        writer.write(Path::new("other"), b"2").unwrap();
        plan(&mut writer).unwrap();
        let error = writer.publish().unwrap_err();
        assert!(matches!(error, FilesError::NotAFolder { .. } | FilesError::Folder { .. }), "{error}");
        drop(writer);
        assert_eq!(read(folder.path()), tree_of(&files));
        assert!(!folder.path().join(".psql-cm").exists());
    }
}

/// Root may write everywhere, so that there it shows nothing.
#[test]
fn a_folder_that_may_not_be_written_moves_nothing() {
    let files = [("a", "1"), ("closed/b", "1")];
    let folder = folder_with(&files);
    let closed = folder.path().join("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        return;
    }
    let error = change(folder.path(), &[("a", "2"), ("closed/b", "2")], Faults::default()).unwrap_err();
    assert!(error.to_string().contains("closed") && error.hint().unwrap().contains("permissions"), "{error}");
    assert_eq!(read(folder.path()), tree_of(&files));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_tree_is_read_without_what_does_not_belong_to_it() {
    let folder = folder_with(&[
        ("b/x.sql", "1"),
        ("b.sql", "2"),
        ("a/ünï \n.sql", "3"),
        (".facts/default/m.json", "4"),
        (".git/config", ""),
        ("b/.git", ""),
        ("b/x.sql~", ""),
        ("b/.x.sql.swp", ""),
        ("b/.#x.sql", ""),
        ("b/#x.sql#", ""),
        (".DS_Store", ""),
        (".psql-cm/staged/0", ""),
    ]);
    let below = |path: &str| {
        let files = read_tree(folder.path(), Path::new(path))?;
        Ok::<_, FilesError>(
            files.into_iter().map(|(path, _)| path.to_str().unwrap().to_owned()).collect::<Vec<_>>(),
        )
    };
    assert_eq!(below("").unwrap(), [".facts/default/m.json", "a/ünï \n.sql", "b/x.sql", "b.sql"]);
    assert_eq!(below("b").unwrap(), ["b/x.sql"]);
    assert!(matches!(below("no"), Err(FilesError::NoFolder { .. })));
    assert!(matches!(below("b.sql"), Err(FilesError::NotAFolder { .. })));
    assert!(matches!(below("../b"), Err(FilesError::BadPath { .. })));

    let _socket = UnixListener::bind(folder.path().join("b/socket")).unwrap();
    let error = below("").unwrap_err();
    assert!(
        matches!(&error, FilesError::Special { path, what: "socket" } if path.ends_with("b/socket")),
        "{error}"
    );
}
