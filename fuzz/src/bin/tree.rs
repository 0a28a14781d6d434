//! The tree as restore reads it, its manifest, and statements adapted to other roles.
//!
//! An input is a tree in one text: a line `=== path` begins each file; `=== manifest` is the manifest.
#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use psqlcm_core::script::split;
use psqlcm_core::tree::adapt;
use psqlcm_core::tree::manifest::Manifest;
use psqlcm_core::{file_name, name, tree};
use psqlcm_engine::restore::LoadedTree;
use psqlcm_fuzz::show;

fuzz_target!(|text: &str| {
    let folder = tempfile::Builder::new().prefix("psqlcm-fuzz").tempdir_in(memory()).expect("a folder");
    for part in text.split("\n=== ") {
        let (path, text) = part.split_once('\n').unwrap_or((part, ""));
        put(folder.path(), path, text);
    }
    match LoadedTree::read(folder.path(), "default", "d") {
        Ok(tree) => {
            for statement in tree.statements.iter().chain(&tree.roles).chain(&tree.ledgers) {
                show(tree.source(statement), statement.offset);
                adapted(&statement.sql);
            }
        }
        Err(error) => drop(error.to_string()),
    }
});

fn memory() -> &'static Path {
    Path::new(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" })
}

fn put(root: &Path, path: &str, text: &str) {
    if path == "manifest" {
        if let Ok(manifest) = Manifest::parse(text) {
            let written = manifest.text();
            let again = Manifest::parse(&written).expect("what was written can be read");
            assert_eq!(again, manifest);
            assert_eq!(again.text(), written);
        }
        let facts = root.join(tree::facts_folder("default", "d"));
        fs::create_dir_all(&facts).expect("a folder");
        fs::write(facts.join("manifest.json"), text).expect("a file");
        return;
    }
    let parts: Vec<String> = path.split('/').map(file_name::encode).collect();
    for (name, file) in path.split('/').zip(&parts) {
        // Of a long name the file has the beginning and a hash.
        let decoded = file_name::decode(file);
        assert!(decoded.is_none_or(|decoded| decoded == name), "{name:?} is {file:?}");
    }
    let path = root.join("d").join(parts.join("/") + ".sql");
    // Two parts of the input may want one to be a folder and a file.
    let made = path.parent().map(fs::create_dir_all);
    if made.is_some_and(|made| made.is_ok()) {
        let _ = fs::write(path, text);
    }
}

/// What the tool's statements are told apart by.
const KEYWORDS: [&str; 20] = [
    "alter",
    "create",
    "default",
    "for",
    "from",
    "grant",
    "mapping",
    "on",
    "owner",
    "policy",
    "privileges",
    "public",
    "reset",
    "revoke",
    "role",
    "set",
    "to",
    "user",
    "using",
    "with",
];

/// Roles are exchanged where they are found, and nothing else is touched.
fn adapted(sql: &str) {
    adapt::concern(sql);
    adapt::brings_state(sql);
    adapt::extension(sql);
    adapt::names_after(sql, "TABLESPACE");
    let roles = adapt::roles(sql);
    // Where a keyword stands in the place of a role it is no SQL, and quoting it moves what follows.
    if roles.iter().any(|role| KEYWORDS.contains(&role.as_str())) {
        return;
    }
    assert_eq!(adapt::with_roles(sql, &BTreeMap::new()), sql);
    let map: BTreeMap<String, String> =
        roles.iter().map(|role| (role.clone(), format!("a \"b\" {role}"))).collect();
    let exchanged = adapt::with_roles(sql, &map);
    let expected: Vec<String> = roles.iter().map(|role| map[role].clone()).collect();
    assert_eq!(adapt::roles(&exchanged), expected, "{sql:?} became {exchanged:?}");
    if let Ok(statements) = split(sql) {
        assert_eq!(split(&exchanged).map(|it| it.len()), Ok(statements.len()), "{exchanged:?}");
    }
    for role in &roles {
        assert!(name::quote_ident(role).len() >= role.len());
    }
}
