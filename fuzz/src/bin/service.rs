//! The service file: the options that libpq takes from it.
//!
//! An input is the service's name, a line, and the file.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use psqlcm_engine::conninfo::{ConnInfo, Given};
use psqlcm_fuzz::{bare, compare, judge, quoted};

fuzz_target!(|text: &str| {
    let (service, file) = text.split_once('\n').unwrap_or((text, ""));
    if text.contains('\0') || service.is_empty() || file.contains("passfile") || file.contains("ldap") {
        return;
    }
    let path = path();
    let connection = format!("service={}", quoted(service));
    let shown = path.display().to_string();
    let environment =
        bare().with_variable("PGSERVICEFILE", &shown).with_variable("PGSYSCONFDIR", "/nonexistent");
    let environment = environment.with_file(path, 0o644, file);
    let ours = ConnInfo::resolve(&Given::new().text("--uri", &connection), &environment);
    fs::write(path, file).expect("a file");
    if let Some(theirs) = judge(&connection) {
        compare(&format!("{connection} with {file:?}"), &ours, &theirs);
    }
});

/// One file for the whole run, which libpq is told of once.
fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("psqlcm-fuzz-service-{}", std::process::id()));
        // SAFETY: the target runs in the one thread there is.
        unsafe {
            std::env::set_var("PGSERVICEFILE", &path);
            std::env::set_var("PGSYSCONFDIR", "/nonexistent");
        }
        path
    })
}
