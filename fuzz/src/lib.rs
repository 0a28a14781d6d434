//! What the fuzz targets share. Each target is a file in `bin/`: it reads its input the way psql-cm reads it, and
//! panics where something that must hold does not.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use psqlcm_core::source::{Source, Window};
use psqlcm_engine::conninfo::{ConnInfo, ConnInfoError, Environment};
use psqlcm_testkit::{Libpq, LibpqConnection};

/// The home directory that neither side has: what is in the real one must not matter.
const HOME: &str = "/nonexistent";
thread_local! {
    static LIBPQ: OnceLock<Option<Libpq>> = const { OnceLock::new() };
}

/// A machine on which nothing is set.
#[must_use]
pub fn bare() -> Environment {
    static LOGIN: OnceLock<String> = OnceLock::new();
    let login = LOGIN.get_or_init(|| {
        let theirs = judge("").and_then(Result::ok).and_then(|theirs| theirs.options.get("user").cloned());
        theirs.unwrap_or_else(|| "login".to_owned())
    });
    Environment::empty().with_home(HOME).with_os_user(login)
}

/// What libpq makes of the same text; none where there is no libpq.
#[must_use]
pub fn judge(connection: &str) -> Option<Result<LibpqConnection, String>> {
    LIBPQ.with(|libpq| {
        let libpq = libpq.get_or_init(|| {
            let found = Libpq::find();
            if found.is_none() {
                eprintln!("there is no libpq of version 18: nothing is compared with it");
            }
            found
        });
        libpq.as_ref().map(|libpq| libpq.resolve(connection))
    })
}

/// Compares what we and libpq resolved, as far as both got.
///
/// # Panics
/// When the two differ.
pub fn compare(
    input: &str,
    ours: &Result<ConnInfo, ConnInfoError>,
    theirs: &Result<LibpqConnection, String>,
) {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => same(input, ours, theirs),
        (Ok(_), Err(_)) if input.contains("servicefile") => {}
        // The libpq that is at hand may be built without TLS.
        (Ok(_), Err(words)) if words.contains("not compiled in") => {}
        (Ok(_), Err(words)) => panic!("libpq refuses {input:?}: {words}"),
        // The value of an option is looked at later by libpq, or is one that is not supported here.
        (Err(ConnInfoError::InvalidValue { .. } | ConnInfoError::Unsupported { .. }), _) => {}
        (Err(ConnInfoError::Syntax { reason, .. }), Ok(_))
            if ["UTF-8", "scheme", "where the password ends"].iter().any(|word| reason.contains(word)) => {}
        (Err(error), Ok(_)) => panic!("libpq accepts {input:?}, we say: {error}"),
        (Err(_), Err(_)) => {}
    }
}

fn same(input: &str, ours: &ConnInfo, theirs: &LibpqConnection) {
    let first = &ours.endpoints()[0];
    let password = ours.password_found(first).unwrap_or_default();
    assert_eq!(password, theirs.password, "the password of {input:?}");
    let shown = ours.origins().into_iter();
    let shown: BTreeMap<_, _> = shown.map(|(name, value, _)| (name, value)).collect();
    for (name, value) in &theirs.options {
        let ours = shown.get(name.as_str()).map_or("", String::as_str);
        // What is secret is hidden; what libpq fills in by itself we do not.
        let is_default = !shown.contains_key(name.as_str()) && !["user", "dbname"].contains(&name.as_str());
        if ours == "********" || is_default {
            continue;
        }
        // An empty user is none; what libpq takes instead stands in another place.
        if name == "user" && value.is_empty() {
            continue;
        }
        assert_eq!(ours, value, "{name} of {input:?}");
    }
    assert_eq!(count(theirs), ours.endpoints().len(), "the hosts of {input:?}");
}

fn count(theirs: &LibpqConnection) -> usize {
    let list = |name| theirs.options.get(name).filter(|text| !text.is_empty());
    list("hostaddr").or_else(|| list("host")).map_or(1, |text| text.split(',').count())
}

/// Shows a place the way errors do.
pub fn show(source: Source<'_>, offset: usize) {
    let (line, column) = source.line_column(offset);
    Window::of(source.line(line), column);
}

/// A value as a keyword/value string has it.
#[must_use]
pub fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
