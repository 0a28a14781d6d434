//! Guards of the architecture: what ARCHITECTURE.md promises of the sources themselves, read from the sources.
//!
//! They look at text, not at meaning: good enough to stop what happens by accident. What a guard forbids may be
//! allowed where there is a reason; the reason then stands here, beside the exception, and an exception that is no
//! longer needed fails too.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The parts of the standard library that compute and touch nothing.
const PURE: [&str; 16] = [
    "borrow",
    "cell",
    "char",
    "cmp",
    "collections",
    "convert",
    "error",
    "fmt",
    "hash",
    "iter",
    "mem",
    "num",
    "ops",
    "slice",
    "str",
    "sync",
];

/// What has an effect, or another result in the next run, whatever it is imported from.
const IMPURE: [&str; 10] = [
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "RandomState",
    "SystemTime",
    "Instant::",
    "thread_local!",
    "unsafe ",
];

/// What the core is made of. None of these opens a file or a socket.
const CORE_DEPENDENCIES: [&str; 6] =
    ["indexmap", "serde", "serde_json", "sha2", "thiserror", "unicode-normalization"];

/// Which crate of ours may use which: from the binary to the engine to the core, and never back. Nothing but tests
/// uses the testkit, which judges the product by PostgreSQL's own programs.
const DIRECTIONS: [(&str, &[&str]); 5] = [
    ("crates/psqlcm-core", &[]),
    ("crates/psqlcm-engine", &["psqlcm-core"]),
    ("crates/psqlcm-testkit", &[]),
    ("crates/psql-cm", &["psqlcm-core", "psqlcm-engine"]),
    ("xtask", &["psqlcm-engine"]),
];

/// The files outside of `kinds/` that may name a kind of object, which ones, and why. All others know kinds through
/// the registry alone, so that a new kind does not touch them.
const NAMED_KINDS: [(&str, &[&str], &str); 11] = [
    ("crates/psqlcm-core/src/fact.rs", &["Schema"], "the schema is what divides a database into targets"),
    ("crates/psqlcm-core/src/snapshot.rs", &["Schema"], "the same"),
    ("crates/psqlcm-core/src/delta.rs", &["Schema"], "what people are told first is what stands in a schema"),
    (
        "crates/psqlcm-core/src/read.rs",
        &["Grant", "Owner", "Role", "Schema"],
        "owners and privileges are said of every kind, are read with it and name roles; schemas are read first",
    ),
    (
        "crates/psqlcm-core/src/globals.rs",
        &["Role", "Tablespace"],
        "roles that exist are compared by making others, and tablespaces are made outside of transactions",
    ),
    (
        "crates/psqlcm-core/src/narrow.rs",
        &["Database", "DefaultPrivilege", "Grant", "Owner"],
        "not every source speaks of the database itself, and owners and privileges can be left out of a comparison",
    ),
    ("crates/psqlcm-core/src/tree.rs", &["Role"], "roles have a file of their own"),
    (
        "crates/psqlcm-core/src/tree/restore_script.rs",
        &["Database", "Role"],
        "what is outside of the database is made before psql connects to it",
    ),
    (
        "crates/psqlcm-core/src/ledger/own.rs",
        &["Function", "Schema", "Sequence", "Table"],
        "it tells the tool's own table, sequence and function from the user's",
    ),
    (
        "crates/psqlcm-engine/src/restore/compare.rs",
        &["Database", "Role", "Schema", "Setting"],
        "it says what even an empty database has",
    ),
    (
        "crates/psqlcm-engine/src/restore/tree.rs",
        &["Schema", "Table"],
        "where statements go that the manifest does not know: early; ledgers: with the tables",
    ),
];

#[test]
fn the_core_touches_nothing() {
    let mut found = Vec::new();
    for path in sources("crates/psqlcm-core/src", "rs") {
        let text = product_code(&path);
        let impure = IMPURE.iter().filter(|word| has_word(&text, word)).map(|word| (*word).to_owned());
        let modules = std_modules(&text).into_iter().filter(|module| !PURE.contains(&module.as_str()));
        found.extend(
            impure.chain(modules.map(|module| format!("std::{module}"))).map(|what| (shown(&path), what)),
        );
    }
    assert!(found.is_empty(), "the core computes; effects belong to the engine: {found:?}");
    assert_eq!(dependencies("crates/psqlcm-core", "dependencies"), names(&CORE_DEPENDENCIES));
}

#[test]
fn dependencies_run_one_way() {
    for (folder, allowed) in DIRECTIONS {
        let ours = dependencies(folder, "dependencies").into_iter().filter(|name| name.starts_with("psql"));
        assert_eq!(ours.collect::<BTreeSet<_>>(), names(allowed), "{folder}");
    }
    let members = crate_folders();
    assert_eq!(members, names(&DIRECTIONS.map(|(folder, _)| folder)), "every crate has its direction");
}

#[test]
fn only_kinds_name_kinds() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for root in ["crates/psqlcm-core/src", "crates/psqlcm-engine/src", "crates/psql-cm/src"] {
        for path in sources(root, "rs").into_iter().filter(|path| !is_kind(path)) {
            let named = words_after(&product_code(&path), "KindId::");
            let named: BTreeSet<_> = named.into_iter().filter(|name| starts_upper(name)).collect();
            if !named.is_empty() {
                found.insert(shown(&path), named);
            }
        }
    }
    let allowed = NAMED_KINDS.iter().map(|(path, kinds, _)| ((*path).to_owned(), names(kinds)));
    let allowed: BTreeMap<_, _> = allowed.collect();
    assert_eq!(
        found, allowed,
        "left: files that name kinds; right: those that may, with reasons, in this file"
    );
}

#[test]
fn catalog_queries_depend_on_no_search_path() {
    for path in sources("crates/psqlcm-core/src", "sql") {
        let text = without_comments(&read(&path)).to_lowercase();
        for keyword in ["from", "join"] {
            for name in words_after(&text, &format!("{keyword} ")) {
                let bare = name.starts_with("pg_") && name != "pg_catalog";
                assert!(!bare, "{}: {keyword} {name} lacks pg_catalog.", shown(&path));
            }
        }
        // What is printed for people leaves out what can be guessed, and names that are on the search path.
        let is_pretty = text.split("pg_get_").skip(1).any(|call| {
            let arguments = call.split(')').next().unwrap_or_default();
            arguments.ends_with("true")
        });
        assert!(!is_pretty, "{}: pretty = true loses parentheses and schemas", shown(&path));
    }
}

#[test]
fn every_kind_is_a_folder_and_a_line() {
    let registry = read(&workspace().join("crates/psqlcm-core/src/kinds/mod.rs"));
    let list = registry.split("\nkinds! {").nth(1).and_then(|rest| rest.split('}').next()).unwrap();
    let lines = list.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(" => "));
    let registered: BTreeSet<String> = lines.map(|(_, module)| module.to_owned()).collect();
    let folder = workspace().join("crates/psqlcm-core/src/kinds");
    let folders: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, registered);
    assert!(registered.len() > 30, "the list was found: {registered:?}");
}

/// The guards themselves: they see what they are to see.
#[test]
fn guards_are_awake() {
    let text = "use std::{fs, fmt};\nfn f() { std::env::var(\"x\"); KindId::Table; KindId::kind }";
    assert_eq!(std_modules(text), ["fs", "fmt", "env"]);
    assert_eq!(words_after(text, "KindId::"), ["Table", "kind"]);
    assert!(has_word("    println!(\"\")", "println!") && !has_word("eprintln!(\"\")", "println!"));
    let code = without_comments("//! std::fs\nlet x = 1; // std::net\n-- from pg_class\nselect 1");
    assert!(!code.contains("std::") && !code.contains("pg_class") && code.contains("select 1"), "{code}");
    assert_eq!(
        dependencies("crates/psqlcm-testkit", "dev-dependencies"),
        names(&["psqlcm-engine", "rustix"])
    );
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The path within the workspace.
fn shown(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap().to_string_lossy().replace('\\', "/")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a folder of the workspace with that extension; there are some.
fn sources(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut folders = vec![workspace().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|is| is == extension) => found.push(path),
                false => {}
            }
        }
    }
    assert!(found.len() > 10, "the sources were found: {found:?}");
    found.sort();
    found
}

/// The folders of the workspace that hold a crate.
fn crate_folders() -> BTreeSet<String> {
    let crates = fs::read_dir(workspace().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let folders = crates.chain([workspace().join("xtask")]);
    folders.filter(|folder| folder.join("Cargo.toml").is_file()).map(|folder| shown(&folder)).collect()
}

/// The names in one section of a crate's Cargo.toml.
fn dependencies(folder: &str, section: &str) -> BTreeSet<String> {
    let manifest = read(&workspace().join(folder).join("Cargo.toml"));
    let header = format!("[{section}]");
    let lines = manifest.lines().skip_while(|line| **line != *header).skip(1);
    let entries =
        lines.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split(['.', ' ', '=']).next());
    entries.filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned).collect()
}

/// The code of a file without comments and without its tests, which stand at its end.
fn product_code(path: &Path) -> String {
    let text = read(path);
    let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let product = product.split("#[cfg(test)]\npub(super) mod tests").next().unwrap_or_default();
    without_comments(product)
}

/// Line comments of Rust and of SQL; a text that holds such signs is cut too, which hides nothing that counts here.
fn without_comments(text: &str) -> String {
    let cut = |line: &str| {
        let line = line.split("//").next().unwrap_or_default();
        line.split("--").next().unwrap_or_default().to_owned()
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

fn is_kind(path: &Path) -> bool {
    shown(path).starts_with("crates/psqlcm-core/src/kinds/")
}

/// The modules of the standard library that a text names, alone or in braces.
fn std_modules(text: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for rest in text.split("std::").skip(1) {
        match rest.strip_prefix('{').and_then(|rest| rest.split('}').next()) {
            Some(list) => modules.extend(list.split(',').map(|part| word(part.trim()))),
            None => modules.push(word(rest)),
        }
    }
    modules
}

/// The word after each place where that text stands.
fn words_after(text: &str, before: &str) -> Vec<String> {
    text.split(before).skip(1).map(|rest| word(rest.trim_start())).collect()
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn has_word(text: &str, wanted: &str) -> bool {
    let mut parts = text.match_indices(wanted);
    parts.any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn starts_upper(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
}

fn names<S: AsRef<str>>(of: &[S]) -> BTreeSet<String> {
    of.iter().map(|name| name.as_ref().to_owned()).collect()
}
