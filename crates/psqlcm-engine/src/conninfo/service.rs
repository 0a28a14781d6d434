//! The connection service file: named sets of options, which win over variables and lose to what is given.

use std::path::{Path, PathBuf};

use psqlcm_core::connection_string::trimmed;

use super::environment::Environment;
use super::{ConnInfoError, Origin, Secret, Setting, Settings, options};

/// Where distributions keep the file of the whole machine, unless `PGSYSCONFDIR` says otherwise.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/etc/postgresql-common", "/etc"];

/// Adds the options of the service that is asked for, if one is.
pub(super) fn apply(settings: &mut Settings, environment: &Environment) -> Result<(), ConnInfoError> {
    let Some((service, origin)) = asked(settings, "service", "PGSERVICE", environment) else {
        return Ok(());
    };
    for path in files(settings, environment)? {
        let text = read(&path, environment)?;
        let Some(found) = section(&text, &service) else {
            continue;
        };
        return add(settings, found, &path, &service);
    }
    Err(ConnInfoError::ServiceNotFound { service, origin })
}

fn asked(
    settings: &Settings,
    name: &'static str,
    variable: &'static str,
    environment: &Environment,
) -> Option<(String, Origin)> {
    if let Some(value) = settings.text(name) {
        return Some((value.to_owned(), settings.origin(name)));
    }
    environment.variable(variable).map(|value| (value.to_owned(), Origin::Variable(variable)))
}

/// The user's file first. One that was named must exist; the usual places need not.
fn files(settings: &Settings, environment: &Environment) -> Result<Vec<PathBuf>, ConnInfoError> {
    let mut files = Vec::new();
    match asked(settings, "servicefile", "PGSERVICEFILE", environment) {
        Some((path, _)) => files.push(PathBuf::from(path)),
        None => files.extend(
            environment
                .home()
                .map(|home| home.join(".pg_service.conf"))
                .filter(|path| environment.has_file(path)),
        ),
    }
    let system: Vec<PathBuf> = match environment.variable("PGSYSCONFDIR") {
        Some(directory) => vec![PathBuf::from(directory)],
        None => SYSTEM_DIRECTORIES.iter().map(PathBuf::from).collect(),
    };
    files.extend(
        system
            .into_iter()
            .map(|directory| directory.join("pg_service.conf"))
            .filter(|path| environment.has_file(path)),
    );
    Ok(files)
}

fn read(path: &Path, environment: &Environment) -> Result<String, ConnInfoError> {
    environment.read(path).map(|file| file.text).map_err(|error| ConnInfoError::ServiceFile {
        path: path.to_owned(),
        line: None,
        reason: error.to_string(),
    })
}

/// The lines of the first section of that name, each with its number.
fn section<'a>(text: &'a str, service: &str) -> Option<Vec<(usize, &'a str)>> {
    let header = format!("[{service}]");
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, trimmed(line)))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.by_ref().find(|(_, line)| line.starts_with(&header))?;
    Some(lines.take_while(|(_, line)| !line.starts_with('[')).collect())
}

fn add(
    settings: &mut Settings,
    lines: Vec<(usize, &str)>,
    path: &Path,
    service: &str,
) -> Result<(), ConnInfoError> {
    let origin = Origin::Service { path: path.to_owned(), name: service.to_owned() };
    for (line, text) in lines {
        let broken =
            |reason: String| ConnInfoError::ServiceFile { path: path.to_owned(), line: Some(line), reason };
        if text.starts_with("ldap") {
            return Err(broken("psql-cm does not ask LDAP servers".to_owned()));
        }
        let (name, value) =
            text.split_once('=').ok_or_else(|| broken("it is not option=value".to_owned()))?;
        if matches!(name, "service" | "servicefile") {
            return Err(broken(format!("a service cannot name another with {name}")));
        }
        let option =
            options::find(name).ok_or_else(|| broken(format!("unknown connection option {name:?}")))?;
        settings.0.entry(option.name).or_insert_with(|| Setting {
            name: name.to_owned(),
            value: Secret(value.to_owned()),
            origin: origin.clone(),
        });
    }
    Ok(())
}
