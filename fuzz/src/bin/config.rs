//! `psql-cm.toml`: what is accepted holds no password, and no error shows a value of the file.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use psqlcm_engine::config::Config;
use psqlcm_engine::conninfo::{ConnInfo, Given};
use psqlcm_fuzz::bare;

fuzz_target!(|text: &str| {
    match Config::parse(text, Path::new("psql-cm.toml")) {
        Ok(config) => {
            for uri in config.environments.values().filter_map(|environment| environment.uri.as_deref()) {
                if let Ok(info) = ConnInfo::resolve(&Given::new().text("psql-cm.toml", uri), &bare()) {
                    assert_eq!(info.password_found(&info.endpoints()[0]), None, "{uri:?} has a password");
                    let secret = info.origins().into_iter().find(|(_, value, _)| value == "********");
                    assert_eq!(secret.map(|(name, ..)| name), None, "{uri:?} has a secret");
                }
            }
        }
        Err(error) => {
            // Names of keys and of environments are told; what is assigned to them is not.
            let said = error.to_string();
            let names_a_key =
                ["unknown field", "duplicate", "environment \""].iter().any(|it| said.contains(it));
            assert!(names_a_key || !said.contains("s3cret"), "the error shows a value of the file: {said}");
        }
    }
});
