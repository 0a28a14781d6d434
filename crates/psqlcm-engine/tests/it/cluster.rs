//! A server of the test's own, where the shared ones cannot be used: with TLS, with passwords, restarted at will.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A cluster in a temporary folder, stopped when it is dropped.
pub struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    pub port: u16,
}

impl Cluster {
    /// Makes and starts a cluster with these rules of who may come in, and the certificates of [`certificates`].
    pub fn start(hba: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("conn").tempdir().expect("a temporary folder");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let cluster = Self { folder, programs: programs(), port };
        certificates(cluster.path());
        cluster.program(
            "initdb",
            &["-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C", "-D", "data"],
        );
        std::fs::write(cluster.path().join("data/pg_hba.conf"), hba).expect("a writable folder");
        cluster.control("start", "ca");
        cluster
    }

    /// Starts again with another certificate, or without TLS.
    pub fn restart(&self, certificate: &str) {
        self.control("restart", certificate);
    }

    /// A standby of it: a copy that is in recovery for ever.
    pub fn standby(&self) -> Self {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let folder = tempfile::Builder::new().prefix("conn").tempdir().expect("a temporary folder");
        let standby = Self { folder, programs: self.programs.clone(), port };
        self.program("pg_ctl", &["-D", "data", "-w", "-m", "fast", "stop"]);
        run(Command::new("cp").args(["-rp", "."]).arg(standby.path()).current_dir(self.path()));
        std::fs::write(standby.path().join("data/standby.signal"), "").expect("a writable folder");
        self.control("start", "ca");
        standby.control("start", "ca");
        standby
    }

    /// The folder, in which the certificates and the socket are.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn control(&self, action: &str, certificate: &str) {
        let folder = self.path().display();
        let mut options = format!(
            "-p {} -c fsync=off -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} ",
            self.port
        );
        if certificate != "none" {
            let name = if certificate == "ca" { "server" } else { certificate };
            let _ = write!(
                options,
                "-c ssl=on -c ssl_ca_file={folder}/ca.crt -c ssl_cert_file={folder}/{name}.crt -c ssl_key_file={folder}/{name}.key"
            );
        }
        self.program("pg_ctl", &["-D", "data", "-w", "-m", "fast", "-l", "log", "-o", &options, action]);
    }

    fn program(&self, name: &str, arguments: &[&str]) {
        let program = self.programs.join(name);
        // PostgreSQL refuses root: there it runs as another user in a namespace of its own.
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("unshare");
            command.args(["-U", "--map-user=1000", "--map-group=1000"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        run(command.args(arguments).current_dir(self.path()));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.path().join("data/postmaster.pid").exists() {
            self.program("pg_ctl", &["-D", "data", "-m", "immediate", "stop"]);
        }
    }
}

/// Debian's programs: they have TLS, which others may lack.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("Debian's PostgreSQL");
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .filter(|(_, programs)| programs.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("initdb below /usr/lib/postgresql").1
}

/// An authority, a second one, a certificate for `localhost` and one for the client `carol`, both by the first
/// authority; `old`, by the first for `old.test` and of version 1 where openssl's default is that; `late`, for
/// `localhost` and past its time; a self-signed one for `db.test` by common name only; lists that revoke the server's,
/// one of which is past its time, and a folder of one; the client's key in other forms.
fn certificates(folder: &Path) {
    let config =
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=9\n";
    for (name, text) in
        [("ca.conf", config), ("index", ""), ("number", "01\n"), ("san", "subjectAltName=DNS:localhost\n")]
    {
        std::fs::write(folder.join(name), text).expect("a writable folder");
    }
    let openssl = |arguments: &str| {
        run(Command::new("openssl").args(arguments.split(' ')).current_dir(folder));
    };
    for (name, subject) in [("ca", "/CN=authority"), ("other", "/CN=stranger"), ("self", "/CN=db.test")] {
        openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 9 -subj {subject} -keyout {name}.key -out {name}.crt"
        ));
    }
    for (name, subject, extra) in [
        ("server", "/CN=ignored.test", " -extfile san"),
        ("client", "/CN=carol", ""),
        ("old", "/CN=old.test", ""),
        ("late", "/CN=localhost", " -extfile san"),
    ] {
        let days = if name == "late" { -1 } else { 9 };
        openssl(&format!("req -newkey rsa:2048 -nodes -subj {subject} -keyout {name}.key -out {name}.csr"));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days {days} -out {name}.crt{extra}"
        ));
    }
    openssl("ca -config ca.conf -keyfile ca.key -cert ca.crt -gencrl -out none.crl");
    openssl("ca -config ca.conf -keyfile ca.key -cert ca.crt -revoke server.crt");
    openssl("ca -config ca.conf -keyfile ca.key -cert ca.crt -gencrl -out server.crl");
    openssl(
        "ca -config ca.conf -keyfile ca.key -cert ca.crt -gencrl -out late.crl -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z",
    );
    for (list, lists) in [("server.crl", "revoked"), ("none.crl", "valid")] {
        std::fs::create_dir(folder.join(lists)).expect("a writable folder");
        // The name that `openssl rehash` gives it is that of the issuer's hash; here it only has to look like one.
        std::fs::copy(folder.join(list), folder.join(lists).join("0a1b2c3d.r0")).expect("a writable folder");
        std::fs::copy(folder.join("ca.key"), folder.join(lists).join("notes.txt"))
            .expect("a writable folder");
    }
    openssl("pkcs8 -topk8 -in client.key -passout pass:sesame -out locked.key");
    openssl("rsa -traditional -aes128 -in client.key -passout pass:sesame -out ancient.key");
    openssl("pkcs8 -topk8 -nocrypt -outform DER -in client.key -out client.der");
    std::fs::copy(folder.join("client.key"), folder.join("open.key")).expect("a writable folder");
    for (key, mode) in [
        ("server.key", 0o600),
        ("self.key", 0o600),
        ("old.key", 0o600),
        ("client.key", 0o600),
        ("late.key", 0o600),
        ("locked.key", 0o600),
        ("ancient.key", 0o600),
        ("client.der", 0o600),
        ("open.key", 0o644),
    ] {
        std::fs::set_permissions(folder.join(key), std::fs::Permissions::from_mode(mode))
            .expect("our own file");
    }
}

fn run(command: &mut Command) {
    // Not into a pipe: the server would inherit it and keep us waiting for its end.
    let log = tempfile::tempfile().expect("a temporary file");
    let (out, error) = (log.try_clone().expect("a handle"), log.try_clone().expect("a handle"));
    let status = command.stdout(out).stderr(error).status();
    let text = {
        use std::io::{Read as _, Seek as _};
        let (mut log, mut text) = (log, String::new());
        log.rewind().and_then(|()| log.read_to_string(&mut text)).map(|_| text).unwrap_or_default()
    };
    assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "{command:?}: {status:?}\n{text}");
}
