//! The password file: the password that libpq finds.
//!
//! An input is five lines (host, port, database, user, and nothing) and the file.
#![no_main]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use psqlcm_engine::conninfo::{ConnInfo, Given};
use psqlcm_fuzz::{bare, compare, judge, quoted};

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(5, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (host, port, database, user, file) = (next(), next(), next(), next(), next());
    // C ends a text there, and the file's lines are read as C reads them.
    // Which folder is the default one differs from build to build; both usual ones are to us.
    let is_debian = host.split(',').any(|host| host == "/var/run/postgresql");
    if text.contains('\0') || is_debian || !port.split(',').all(is_plain) {
        return;
    }
    let path = path();
    let mut connection = String::new();
    for (name, value) in [("host", host), ("port", port), ("dbname", database), ("user", user)] {
        connection += &format!("{name}={} ", quoted(value));
    }
    connection += &format!("passfile={}", quoted(&path.display().to_string()));
    let environment = bare().with_file(path, 0o600, file);
    let ours = ConnInfo::resolve(&Given::new().text("--uri", &connection), &environment);
    fs::write(path, file).expect("a file");
    if let Some(theirs) = judge(&connection) {
        compare(&format!("{connection} with {file:?}"), &ours, &theirs);
    }
});

/// libpq compares the port as it was written, and we as a number.
fn is_plain(port: &str) -> bool {
    port.is_empty() || port.parse::<u16>().is_ok_and(|number| number.to_string() == port)
}

/// One file for the whole run, readable to us alone.
fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("psqlcm-fuzz-pgpass-{}", std::process::id()));
        fs::write(&path, "").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("our own file");
        path
    })
}
