//! Harm while the tree is written and committed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use psqlcm_testkit::{TestDatabase, server};

use super::{At, Harm, Moment, Proxy, each_harm, each_point, mark, when_nothing_is_done};
use crate::tool::{Ran, Tool};

const OLD: &str = "CREATE TABLE stays (a int); CREATE TABLE goes (a int); CREATE SCHEMA two; CREATE TABLE two.all_of_it (a int)";
const NEW: &str = "ALTER TABLE stays ADD b int; DROP TABLE goes; CREATE VIEW comes AS SELECT a FROM stays; DROP TABLE two.all_of_it";

/// No signal.
const NONE: Harm = Harm::Cut(Moment::Before);

/// Every file and folder, version control aside.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// Databases whose trees are old, and what they become. A dump changes nothing in a database, so that all points
/// share them.
struct Source {
    databases: Vec<TestDatabase>,
    /// The folder with the old tree.
    old: Tool,
    old_tree: Tree,
    new_tree: Tree,
}

/// A copy of the old tree to be harmed.
struct World<'s> {
    source: &'s Source,
    tool: Tool,
}

impl Source {
    fn new(databases: usize) -> Self {
        let server = server(15);
        let old = Tool::new(&server);
        let databases: Vec<TestDatabase> = (0..databases).map(|_| server.database("faults")).collect();
        for database in &databases {
            database.psql(OLD).unwrap();
        }
        let mut source = Self { databases, old, old_tree: Tree::new(), new_tree: Tree::new() };
        let name = |source: &Self| source.databases[0].name().to_owned();
        source.old.ok(&source.words(&["setup"]));
        source.old.ok(&source.words(&["dump"]));
        source.old_tree = tree(&source.old.tree(""));
        for database in &source.databases {
            database.psql(NEW).unwrap();
        }
        let undisturbed = World::new(&source);
        undisturbed.reset();
        undisturbed.tool.ok(&source.words(&["dump"]));
        source.new_tree = tree(&undisturbed.tool.tree(""));
        let goes = PathBuf::from(format!("{}/public/tables/goes.sql", name(&source)));
        assert!(source.old_tree.contains_key(&goes) && !source.new_tree.contains_key(&goes));
        source
    }

    fn words<'w>(&'w self, words: &[&'w str]) -> Vec<&'w str> {
        let databases = self.databases.iter().flat_map(|database| ["-d", database.name()]);
        words.iter().copied().chain(["--jobs", "1"]).chain(databases).collect()
    }
}

impl<'s> World<'s> {
    fn new(source: &'s Source) -> Self {
        Self { source, tool: Tool::new(&server(15)) }
    }

    /// Puts the old tree back, with its repository.
    fn reset(&self) {
        let _ = fs::remove_dir_all(self.tool.tree(""));
        let copied =
            Command::new("cp").arg("-a").arg(self.source.old.tree("")).arg(self.tool.tree("")).status();
        assert!(copied.is_ok_and(|status| status.success()));
    }

    fn command(&self) -> Command {
        let mut command = self.tool.binary(&self.tool.server);
        command.args(self.source.words(&["dump"]));
        command
    }

    /// What there is after a run: of each database the old files or the new, unless a journal says what is to come.
    /// `may_leave` says whether it can have failed to take its own folder away, which is no part of the tree.
    fn check(&self, ran: &Ran, harm: &Harm, may_leave: bool) {
        let mut found = tree(&self.tool.tree(""));
        let said = format!("{}\n{}{}", ran.code, ran.stdout, ran.stderr);
        if found.contains_key(Path::new(".psql-cm/journal")) {
            let is_told = ran.code == 6 && ran.stderr.contains("the next run finishes what is left");
            assert!(ran.code == -1 || is_told, "{said}");
            return;
        }
        if may_leave {
            found.retain(|path, _| !path.starts_with(".psql-cm"));
        }
        let done =
            self.done(&found).unwrap_or_else(|| panic!("neither old nor new: {:#?}\n{said}", found.keys()));
        let is_committed = self.tool.git(&["status", "--porcelain"]).is_empty();
        let expected = match done {
            _ if ran.code == -1 => -1,
            0 => when_nothing_is_done(harm),
            all if all == self.source.databases.len() && is_committed => 0,
            _ => 6,
        };
        assert_eq!(ran.code, expected, "{done} done: {said}");
    }

    /// How many databases are new in this tree, the others being old; none if that is not so.
    fn done(&self, found: &Tree) -> Option<usize> {
        let of = |tree: &Tree, name: &str| -> Tree {
            let folder = |path: &&PathBuf| path.iter().any(|part| part == name);
            let here = tree.iter().filter(|(path, _)| folder(path));
            here.map(|(path, bytes)| (path.clone(), bytes.clone())).collect()
        };
        let mut done = 0;
        let mut known = 0;
        for database in &self.source.databases {
            let (found, old, new) = (
                of(found, database.name()),
                of(&self.source.old_tree, database.name()),
                of(&self.source.new_tree, database.name()),
            );
            known += found.len();
            match () {
                () if found == new => done += 1,
                () if found == old => {}
                () => return None,
            }
        }
        // And nothing that is not theirs: the rest are the attributes and the folders above.
        (found.len() - known == self.source.new_tree.len() - self.of_databases()).then_some(done)
    }

    fn of_databases(&self) -> usize {
        let is_of = |path: &&PathBuf| {
            self.source.databases.iter().any(|database| path.iter().any(|part| part == database.name()))
        };
        self.source.new_tree.keys().filter(is_of).count()
    }

    /// The same again ends where an undisturbed run does, in the tree and in git.
    fn finish(&self) {
        let again = Ran::of(&self.command().output().unwrap());
        assert_eq!(again.code, 0, "again: {}{}", again.stdout, again.stderr);
        let found = tree(&self.tool.tree(""));
        assert!(found == self.source.new_tree, "again: {:#?}\n{}", found.keys(), again.stderr);
        assert_eq!(self.tool.git(&["status", "--porcelain"]), "", "again, and git has not all");
        assert_eq!(self.tool.git(&["fsck", "--no-dangling"]), "");
    }
}

/// All there is below a folder; a folder has no contents.
fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(root).unwrap().to_owned();
            match path.is_dir() {
                true if relative == Path::new(".git") => {}
                true => {
                    tree.insert(relative, Vec::new());
                    folders.push(path);
                }
                false => drop(tree.insert(relative, fs::read(&path).unwrap())),
            }
        }
    }
    tree
}

fn dump(databases: usize) {
    let source = Source::new(databases);
    let try_at = |world: &World<'_>, n: usize, harm: &Harm| {
        world.reset();
        let proxy = Proxy::before(&world.tool.server, At::Message(n), harm.clone());
        let mut command = world.tool.binary(&proxy.server());
        let ran = Ran::of(&proxy.run(command.args(source.words(&["dump"]))));
        if !proxy.has_struck() {
            return false;
        }
        world.check(&ran, harm, ran.code == -1);
        world.finish();
        true
    };
    each_harm(&format!("dump of {databases}"), databases, || World::new(&source), try_at);
}

#[test]
fn dump_of_one_database() {
    dump(1);
}

#[test]
fn dump_of_three_databases() {
    dump(3);
}

fn dump_to_a_disk_that_fails(databases: usize, stride: usize) {
    let source = Source::new(databases);
    let try_at = |world: &World<'_>, n: usize, how: &str| {
        world.reset();
        let mut command = world.command();
        let mark = mark(&mut command, &world.tool, how, n);
        let ran = Ran::of(&command.output().unwrap());
        if !mark.exists() {
            return false;
        }
        assert!(ran.code <= 0 || ran.stderr.contains("make room on the disk"), "{}", ran.stderr);
        world.check(&ran, &NONE, true);
        world.finish();
        true
    };
    for how in ["full", "kill"] {
        let what = format!("dump of {databases}, disk {how}");
        each_point(&what, stride, || World::new(&source), |world, n| try_at(world, n, how));
    }
}

#[test]
fn dump_of_one_database_to_a_disk_that_fails() {
    dump_to_a_disk_that_fails(1, 2);
}

#[test]
fn dump_of_three_databases_to_a_disk_that_fails() {
    dump_to_a_disk_that_fails(3, 29);
}

/// Stands before git on the PATH, and does harm at its n-th call.
const GIT: &str = r#"#!/bin/sh
folder=$(dirname "$0")
PATH=${PATH#"$folder":}
calls=$(($(cat "$folder/calls" 2>/dev/null || echo 0) + 1))
echo $calls >"$folder/calls"
[ "$calls" = "$HARM_AT" ] || exec git "$@"
: >"$folder/struck"
case $HARM in
refuse) echo 'fatal: refused on purpose' >&2; exit 128 ;;
before) kill -KILL "$PPID" ;;
after) git "$@"; kill -KILL "$PPID" ;;
esac
"#;

#[test]
fn dump_with_a_git_that_fails() {
    let source = Source::new(1);
    let try_at = |world: &World<'_>, n: usize, how: &str| {
        world.reset();
        let programs = world.tool.folder().join("programs");
        let _ = fs::remove_dir_all(&programs);
        fs::create_dir_all(&programs).unwrap();
        fs::write(programs.join("git"), GIT).unwrap();
        fs::set_permissions(programs.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut command = world.command();
        let ran = command.env("PATH", path).env("HARM", how).env("HARM_AT", n.to_string()).output().unwrap();
        if !programs.join("struck").exists() {
            return false;
        }
        let ran = Ran::of(&ran);
        world.check(&ran, &NONE, ran.code == -1);
        world.finish();
        true
    };
    for how in ["refuse", "before", "after"] {
        let what = format!("dump of 1, git {how}");
        each_point(&what, 1, || World::new(&source), |world, n| try_at(world, n, how));
    }
}
