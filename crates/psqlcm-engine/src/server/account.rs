//! As whom a server runs: PostgreSQL refuses root, and containers and CI are often root.
//!
//! The ways, in this order: as we are, unless we are root; the account `postgres`; a user namespace in which root has
//! another name; the account `nobody`. Each is tried with the very programs and folder that will be used, because a
//! container may forbid namespaces and an account may be kept from reading a folder in root's home.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::ServerError;

/// Succeeds where the server would: `$1` is the folder of its programs, `$2` the cluster's folder.
const PROBE: &str = r#"test -w "$2" && "$1/postgres" --version"#;

/// One way to run a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// With the rights we have.
    Ourselves,
    /// As another user of the machine; the folder is given to it.
    User { name: &'static str, uid: u32, gid: u32 },
    /// In a user namespace, where root's own files look like those of this user. It needs a user with a name, since
    /// initdb looks it up.
    Namespace { uid: u32, gid: u32 },
}

impl Account {
    /// Picks the first way that works here, and gives it the folder.
    pub(super) fn choose(bin: &Path, folder: &Path) -> Result<Self, ServerError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        let mut tried = Vec::new();
        for account in candidates(&fs::read_to_string("/etc/passwd").unwrap_or_default()) {
            match account.try_out(bin, folder) {
                Ok(()) => return Ok(account),
                Err(reason) => tried.push(reason),
            }
        }
        Err(ServerError::NoAccount { bin: bin.to_owned(), tried })
    }

    /// A command that will run as this account.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Self::Ourselves => Command::new(program),
            Self::User { uid, gid, .. } => {
                let mut command = Command::new(program);
                // The standard library drops root's supplementary groups as well.
                command.uid(*uid).gid(*gid);
                command
            }
            Self::Namespace { uid, gid } => {
                let mut command = Command::new("unshare");
                command.arg("--user").arg(format!("--map-user={uid}")).arg(format!("--map-group={gid}"));
                command.arg("--").arg(program);
                command
            }
        }
    }

    fn try_out(&self, bin: &Path, folder: &Path) -> Result<(), String> {
        let (uid, gid) = match self {
            Self::User { uid, gid, .. } => (*uid, *gid),
            Self::Ourselves | Self::Namespace { .. } => (0, 0),
        };
        chown(folder, Some(uid), Some(gid)).map_err(|error| format!("{}: {error}", self.name()))?;
        let mut probe = self.command("sh");
        probe.args(["-c", PROBE, "sh"]).arg(bin).arg(folder).current_dir(folder).stdin(Stdio::null());
        let output = probe.output().map_err(|error| format!("{}: {error}", self.name()))?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let reason = words.lines().last().unwrap_or("may not use the folder of the cluster");
        Err(format!("{}: {reason}", self.name()))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Ourselves => "as we are",
            Self::User { name, .. } => name,
            Self::Namespace { .. } => "user namespace",
        }
    }
}

/// The ways for root, best first, by the machine's list of users.
fn candidates(passwd: &str) -> Vec<Account> {
    let postgres = user(passwd, "postgres");
    let nobody = user(passwd, "nobody");
    let inside = nobody.or(postgres).or_else(|| user(passwd, "daemon"));
    [
        postgres.map(|(uid, gid)| Account::User { name: "user postgres", uid, gid }),
        inside.map(|(uid, gid)| Account::Namespace { uid, gid }),
        nobody.map(|(uid, gid)| Account::User { name: "user nobody", uid, gid }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A user's numbers, unless it is root by another name.
fn user(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let mut users = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = users.find(|fields| fields.first() == Some(&name))?;
    let (uid, gid) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
    (uid != 0).then_some((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\n\
        nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin\n\
        postgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";

    #[test]
    fn root_prefers_postgres_then_a_namespace_then_nobody() {
        let all = [
            Account::User { name: "user postgres", uid: 101, gid: 104 },
            Account::Namespace { uid: 65534, gid: 65533 },
            Account::User { name: "user nobody", uid: 65534, gid: 65533 },
        ];
        assert_eq!(candidates(PASSWD), all);
        assert_eq!(candidates(PASSWD.split_once("postgres").unwrap().0), all[1..]);
        assert_eq!(candidates("postgres:x:0:0::/:/bin/sh\n"), []);
    }

    /// Root can check that each way runs a shell that is not root; anyone else has only one way.
    #[test]
    fn no_account_is_root_to_the_server() {
        if !rustix::process::geteuid().is_root() {
            assert_eq!(Account::choose(Path::new("/"), Path::new("/")).unwrap(), Account::Ourselves);
            return;
        }
        for account in candidates(PASSWD) {
            let Ok(output) = account.command("id").arg("-u").output() else {
                continue;
            };
            let answer = String::from_utf8_lossy(&output.stdout);
            assert!(!output.status.success() || !matches!(answer.trim(), "" | "0"), "{account:?}: {answer}");
        }
    }
}
