//! A cluster made for the moment: created in a temporary folder, gone when its owner lets go of it or dies.
//!
//! The server is a grandchild: between it and us stands a small shell (`supervisor.sh`) that sees our end of a pipe
//! close. That works for every way to die, SIGKILL included, whichever thread started the cluster.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::account::Account;
use super::{Installation, ServerError};

const SUPERVISOR: &str = include_str!("supervisor.sh");

/// Generous: initdb takes half a second alone, and twenty on a machine that does much else.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// A server told to stop at once kills its own children after five seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
const PORT_ATTEMPTS: usize = 5;

/// A cluster needs some 60 MB; a container's default of 64 MB for `/dev/shm` is of no use.
const MEMORY_NEEDED: u64 = 1 << 30;
/// The kernel's limit for the path of a socket, with its final zero.
const SOCKET_PATH_LIMIT: usize = 104;

/// For something that nobody will miss: no durability, little memory, nothing in the background.
const SETTINGS: [(&str, &str); 9] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("autovacuum", "off"),
    ("max_wal_senders", "0"),
    ("wal_level", "minimal"),
    ("shared_buffers", "16MB"),
    ("max_connections", "100"),
    ("max_prepared_transactions", "20"),
];

/// How a scratch cluster differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct ScratchOptions {
    /// Listens on a free port of 127.0.0.1 too. Every account of this machine may then connect as superuser, while
    /// the socket is guarded by the mode of its folder.
    pub listen_on_loopback: bool,
    /// The locale of the template databases; `C` when not given. The encoding is always UTF8.
    pub locale: Option<String>,
    /// Server settings, which win over the usual ones.
    pub settings: Vec<(String, String)>,
}

/// A running cluster with the superuser `postgres`, who needs no password. Dropping it stops and removes it.
#[derive(Debug)]
pub struct ScratchCluster {
    installation: Installation,
    // Declared before the folder: the server goes first.
    supervisor: Supervisor,
    folder: TempDir,
    port: u16,
    listens_on_loopback: bool,
}

impl ScratchCluster {
    /// Creates and starts a cluster, and waits until it takes connections.
    ///
    /// # Errors
    /// With the server's own words when it does not start; named ways that were tried when we are root and no other
    /// account can run it.
    pub fn start(installation: &Installation, options: &ScratchOptions) -> Result<Self, ServerError> {
        // Another process may take the free port before the server does.
        for _ in 1..PORT_ATTEMPTS {
            match Self::start_once(installation, options) {
                Err(ServerError::DidNotStart { log }) if log.contains("Address already in use") => {}
                outcome => return outcome,
            }
        }
        Self::start_once(installation, options)
    }

    fn start_once(installation: &Installation, options: &ScratchOptions) -> Result<Self, ServerError> {
        let folder = make_folder()?;
        let account = Account::choose(&installation.bin, folder.path())?;
        let port = if options.listen_on_loopback { free_port()? } else { 5432 };
        let supervisor = Supervisor::spawn(&account, installation, folder.path(), port, options)?;
        let listens_on_loopback = options.listen_on_loopback;
        let mut cluster =
            Self { installation: installation.clone(), supervisor, folder, port, listens_on_loopback };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// The programs it was started with.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// A URI for the superuser, by the socket, that libpq and we both read.
    #[must_use]
    pub fn uri(&self, database: &str) -> String {
        let host = percent_encoded(&self.socket_dir().to_string_lossy());
        format!("postgresql://postgres@/{}?host={host}&port={}", percent_encoded(database), self.port)
    }

    /// A URI for the superuser over TCP; none when the cluster has only its socket.
    #[must_use]
    pub fn loopback_uri(&self, database: &str) -> Option<String> {
        let uri = format!("postgresql://postgres@127.0.0.1:{}/{}", self.port, percent_encoded(database));
        self.listens_on_loopback.then_some(uri)
    }

    /// The folder of the socket, which is that of the whole cluster.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The port, which is part of the socket's name too.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the cluster at once and removes it. Dropping does the same, but cannot say what went wrong.
    ///
    /// # Errors
    /// When the server had to be killed, or the folder cannot be removed.
    pub fn stop(mut self) -> Result<(), ServerError> {
        let folder = self.folder.path().to_owned();
        self.supervisor.stop(&folder)?;
        match self.folder.close() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ServerError::Io { action: format!("remove {}", folder.display()), source: error })
            }
            _ => Ok(()),
        }
    }

    /// The server writes its state into `postmaster.pid`, so that waiting needs no connection.
    fn wait_until_ready(&mut self) -> Result<(), ServerError> {
        let state = self.folder.path().join("data/postmaster.pid");
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if fs::read_to_string(&state)
                .is_ok_and(|text| text.lines().nth(7).map(str::trim) == Some("ready"))
            {
                return Ok(());
            }
            if self.supervisor.has_ended()? {
                return Err(ServerError::DidNotStart { log: self.log() });
            }
            if Instant::now() > deadline {
                return Err(ServerError::StartTimedOut { seconds: START_TIMEOUT.as_secs(), log: self.log() });
            }
            sleep(POLL);
        }
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// The shell that holds the server for us.
#[derive(Debug)]
struct Supervisor {
    child: Child,
    /// Open as long as we want the server.
    lifeline: Option<ChildStdin>,
}

impl Supervisor {
    fn spawn(
        account: &Account,
        installation: &Installation,
        folder: &Path,
        port: u16,
        options: &ScratchOptions,
    ) -> Result<Self, ServerError> {
        let mut command = account.command("sh");
        command.args(["-c", SUPERVISOR, "psql-cm-scratch"]).arg(folder).arg(&installation.bin);
        command.arg(options.locale.as_deref().unwrap_or("C"));
        command.args(server_options(port, options));
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_postgres_variable(name)) {
            command.env_remove(name);
        }
        // A process group of its own: Ctrl-C at the terminal ends us, and by that the server in good order.
        command.env("LC_ALL", "C").current_dir(folder).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(ServerError::io("run sh for the scratch cluster"))?;
        let lifeline = child.stdin.take();
        Ok(Self { child, lifeline })
    }

    fn has_ended(&mut self) -> Result<bool, ServerError> {
        let status = self.child.try_wait().map_err(ServerError::io("wait for the scratch cluster"))?;
        Ok(status.is_some())
    }

    fn stop(&mut self, folder: &Path) -> Result<(), ServerError> {
        self.lifeline = None;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while !self.has_ended()? {
            if Instant::now() > deadline {
                self.kill()?;
                return Err(ServerError::DidNotStop {
                    folder: folder.to_owned(),
                    seconds: STOP_TIMEOUT.as_secs(),
                });
            }
            sleep(POLL);
        }
        Ok(())
    }

    /// Kills the process group that we made; its leader is not reaped yet, so that the number is still ours.
    fn kill(&mut self) -> Result<(), ServerError> {
        let group = rustix::process::Pid::from_child(&self.child);
        let killed = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        killed.map_err(|error| ServerError::io("kill the scratch cluster")(error.into()))?;
        self.child.wait().map_err(ServerError::io("wait for the scratch cluster"))?;
        Ok(())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Nobody is left to tell; what can be done has been done. After a `stop` this finds the child reaped.
        let _ = self.stop(Path::new(""));
    }
}

fn server_options(port: u16, options: &ScratchOptions) -> Vec<OsString> {
    let address = if options.listen_on_loopback { "127.0.0.1" } else { "" };
    let usual = SETTINGS.iter().map(|(name, value)| (*name, *value));
    let own = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut arguments = vec!["-p".into(), port.to_string().into(), "-h".into(), address.into()];
    for (name, value) in usual.chain(own) {
        arguments.extend(["-c".into(), format!("{name}={value}").into()]);
    }
    arguments
}

/// `PGDATA`, `PGOPTIONS` and their like belong to the user's own servers.
fn is_postgres_variable(name: &OsString) -> bool {
    name.to_string_lossy().starts_with("PG")
}

/// In memory where there is enough of it, and never so deep that the path of the socket gets too long.
fn make_folder() -> Result<TempDir, ServerError> {
    let fits = |folder: &PathBuf| {
        folder.as_os_str().len() + "/psqlcm-XXXXXX/.s.PGSQL.65535.lock".len() < SOCKET_PATH_LIMIT
    };
    let memory = Some(PathBuf::from("/dev/shm")).filter(|folder| is_roomy_memory(folder));
    let temporary = Some(std::env::temp_dir()).filter(fits);
    let mut refusal = None;
    for parent in memory.into_iter().chain(temporary).chain([PathBuf::from("/tmp")]) {
        match tempfile::Builder::new().prefix("psqlcm-").tempdir_in(&parent) {
            Ok(folder) => return Ok(folder),
            Err(error) => refusal = Some((parent, error)),
        }
    }
    let (parent, source) = refusal.expect("/tmp is always tried");
    Err(ServerError::Io { action: format!("make a folder in {}", parent.display()), source })
}

#[cfg(target_os = "linux")]
fn is_roomy_memory(folder: &Path) -> bool {
    const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;
    let is_memory = rustix::fs::statfs(folder).is_ok_and(|fs| fs.f_type == TMPFS_MAGIC);
    let room = rustix::fs::statvfs(folder).map_or(0, |fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    is_memory && room >= MEMORY_NEEDED
}

#[cfg(not(target_os = "linux"))]
fn is_roomy_memory(_folder: &Path) -> bool {
    false
}

fn free_port() -> Result<u16, ServerError> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(ServerError::io("find a free port"))?;
    Ok(listener.local_addr().map_err(ServerError::io("find a free port"))?.port())
}

fn percent_encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_carry_any_name() {
        assert_eq!(percent_encoded("a b/ü?&"), "a%20b%2F%C3%BC%3F%26");
    }

    /// The moments of a start at which an owner may go away: nothing done, initdb at work, the server starting.
    #[test]
    fn a_cluster_can_be_stopped_while_it_starts() {
        let installation =
            Installation::discover().into_iter().next().expect("a server; see `cargo xtask test`");
        for moment in ["", "data/PG_VERSION", "data/postmaster.pid"] {
            let folder = make_folder().unwrap();
            let account = Account::choose(&installation.bin, folder.path()).unwrap();
            let options = ScratchOptions::default();
            let mut supervisor =
                Supervisor::spawn(&account, &installation, folder.path(), 5432, &options).unwrap();
            let deadline = Instant::now() + START_TIMEOUT;
            while !folder.path().join(moment).exists() {
                assert!(Instant::now() < deadline, "no {moment}");
                sleep(Duration::from_millis(1));
            }
            supervisor.stop(folder.path()).unwrap_or_else(|error| panic!("{moment}: {error}"));
            assert!(!folder.path().exists(), "{moment}: the folder is still there");
        }
    }
}
