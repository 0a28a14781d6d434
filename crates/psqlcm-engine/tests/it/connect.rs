//! Getting in: encryption, certificates, passwords, several hosts, as libpq would.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use psqlcm_engine::conninfo::{ConnInfo, Environment, Given};
use psqlcm_engine::session::{DbError, Session};

use crate::cluster::Cluster;

const HBA: &str = "\
local     all     all                    trust
hostssl   all     carol   127.0.0.1/32   cert
hostnossl all     plain   127.0.0.1/32   trust
hostssl   all     secure  127.0.0.1/32   scram-sha-256
host      all     ann     127.0.0.1/32   scram-sha-256
host      all     md5     127.0.0.1/32   md5
host      all     clear   127.0.0.1/32   password
host      all     reader  127.0.0.1/32   trust
";

const ROLES: &str = "
SET password_encryption = 'scram-sha-256';
CREATE ROLE carol LOGIN; CREATE ROLE plain LOGIN; CREATE ROLE reader LOGIN;
CREATE ROLE secure LOGIN PASSWORD 'p:w\\d ü'; CREATE ROLE ann LOGIN PASSWORD 'ann''s';
ALTER ROLE reader SET default_transaction_read_only = on;
SET password_encryption = 'md5';
CREATE ROLE md5 LOGIN PASSWORD 'old'; CREATE ROLE clear LOGIN PASSWORD 'clear'";

/// A server and the words to connect to it.
struct Door {
    cluster: Cluster,
    environment: Environment,
}

impl Door {
    fn open() -> Self {
        let cluster = Cluster::start(HBA);
        let home = cluster.path().join("home");
        let environment = Environment::empty().with_home(&home).with_os_user("nobody").with_file(
            home.join(".pgpass"),
            0o600,
            "*:*:*:secure:p\\:w\\\\d ü\n*:*:shop:ann:ann's\n*:*:*:md5:old\n",
        );
        let door = Self { cluster, environment };
        let socket = door.cluster.path().display().to_string();
        door.connect(&format!("host={socket} user=postgres dbname=postgres")).unwrap().run(ROLES).unwrap();
        door
    }

    fn info(&self, options: &str) -> ConnInfo {
        let folder = self.cluster.path().display().to_string();
        let given = Given::new()
            .text("defaults", &format!("port={} dbname=postgres", self.cluster.port))
            .text("test", &options.replace("DIR", &folder));
        ConnInfo::resolve(&given, &self.environment).unwrap()
    }

    fn connect(&self, options: &str) -> Result<Session, DbError> {
        Session::connect(&self.info(options))
    }

    /// Over TCP: the version of TLS, `plain` without, or the message that says why not.
    fn over_tcp(&self, options: &str) -> String {
        match self.connect(&format!("hostaddr=127.0.0.1 {options}")) {
            Ok(session) => encryption(session),
            Err(error) => error.to_string(),
        }
    }

    fn check(&self, cases: &[(&str, &str)]) {
        for (options, expected) in cases {
            let outcome = self.over_tcp(options);
            assert!(outcome.contains(expected), "{options}\n  gives   {outcome}\n  and not {expected}");
        }
    }
}

fn encryption(mut session: Session) -> String {
    assert!(!session.is_relayed(), "the server itself answers");
    let rows = session
        .rows("SELECT coalesce(version, 'plain') FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        .unwrap();
    rows[0][0].clone().unwrap()
}

#[test]
fn encrypts_and_verifies_as_sslmode_says() {
    let door = Door::open();
    door.check(&[
        ("sslmode=disable user=plain", "plain"),
        ("sslmode=disable user=secure", "no pg_hba.conf entry"),
        ("sslmode=allow user=plain", "plain"),
        ("sslmode=allow user=secure", "TLSv1.3"),
        ("sslmode=prefer user=plain", "plain"),
        ("user=secure", "TLSv1.3"),
        ("sslmode=require user=plain", "no pg_hba.conf entry"),
        ("sslmode=require user=secure", "TLSv1.3"),
        ("sslmode=require user=secure sslrootcert=DIR/ca.crt", "TLSv1.3"),
        ("sslmode=require user=secure sslrootcert=DIR/other.crt", "UnknownIssuer"),
        ("sslmode=require user=secure sslrootcert=DIR/missing.crt", "TLSv1.3"),
        ("sslmode=require user=secure sslrootcert=DIR/ca.key", "there is no certificate in"),
        ("sslmode=verify-ca user=secure", "there is no root certificate file"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/missing.crt", "there is no root certificate file"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt host=elsewhere.test", "TLSv1.3"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/other.crt", "UnknownIssuer"),
        ("sslmode=verify-full user=secure sslrootcert=DIR/ca.crt host=localhost", "TLSv1.3"),
        ("sslmode=verify-full user=secure sslrootcert=DIR/ca.crt host=elsewhere.test", "not valid for name"),
        // Alternative names are there, so the common name does not count.
        ("sslmode=verify-full user=secure sslrootcert=DIR/ca.crt host=ignored.test", "not valid for name"),
        ("sslmode=verify-full user=secure sslrootcert=DIR/ca.crt", "not valid for name"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt sslcrl=DIR/none.crl", "TLSv1.3"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt sslcrl=DIR/server.crl", "Revoked"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt sslcrl=DIR/late.crl", "certificate revocation list expired"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt sslcrldir=DIR/valid", "TLSv1.3"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt sslcrldir=DIR/revoked", "Revoked"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt sslcrldir=DIR/data", "no revocation list in"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt sslcrldir=DIR/gone", "cannot read the folder"),
        ("sslmode=require user=secure ssl_max_protocol_version=TLSv1.2", "TLSv1.2"),
        ("sslmode=require user=secure ssl_min_protocol_version=TLSv1.3", "TLSv1.3"),
        ("sslmode=require user=secure sslsni=0", "TLSv1.3"),
        ("sslmode=require user=secure channel_binding=require", "TLSv1.3"),
        ("sslmode=disable user=ann password=ann's channel_binding=require", "server did not use channel binding"),
        ("sslmode=verify-full user=carol sslrootcert=DIR/ca.crt host=localhost", "client certificate"),
        (
            "sslmode=verify-full user=carol sslrootcert=DIR/ca.crt host=localhost sslcert=DIR/client.crt sslkey=DIR/client.key",
            "TLSv1.3",
        ),
        ("sslmode=require user=carol sslcert=DIR/client.crt sslkey=DIR/open.key", "has group or world access"),
        ("sslmode=require user=carol sslcert=DIR/client.crt", "but not its private key file"),
        ("sslmode=require user=carol sslcert=DIR/client.crt sslkey=DIR/locked.key sslpassword=sesame", "TLSv1.3"),
        ("sslmode=require user=carol sslcert=DIR/client.crt sslkey=DIR/client.key sslpassword=any", "TLSv1.3"),
        ("sslmode=require user=carol sslcert=DIR/client.crt sslkey=DIR/client.der", "TLSv1.3"),
        ("sslmode=require user=carol sslcert=DIR/client.crt sslkey=DIR/locked.key", "is encrypted: give sslpassword"),
        (
            "sslmode=require user=carol sslcert=DIR/client.crt sslkey=DIR/locked.key sslpassword=wrong",
            "sslpassword does not open the private key file",
        ),
        (
            "sslmode=require user=carol sslcert=DIR/client.crt sslkey=DIR/ancient.key sslpassword=sesame",
            "write it anew with `openssl pkcs8 -topk8`",
        ),
        (
            "sslmode=require user=carol sslcert=DIR/client.crt sslkey=DIR/client.key sslcertmode=require",
            "TLSv1.3",
        ),
        ("sslmode=require user=secure sslcertmode=require", "the server let us in without a certificate"),
        ("sslmode=disable user=plain sslcertmode=require", "the server did not ask for a certificate"),
        (
            "sslmode=require user=carol sslcert=DIR/client.crt sslkey=DIR/client.key sslcertmode=disable",
            "client certificate",
        ),
    ]);
    // No authority of this machine, if it has any, knows ours.
    let system = door.over_tcp("user=secure sslrootcert=system host=localhost");
    assert!(system.contains("UnknownIssuer") || system.contains("no trusted certificates"), "{system}");
    let missing = door.info("sslmode=require sslrootcert=DIR/missing.crt");
    assert!(
        missing.warnings()[0].starts_with("sslrootcert (from test): there is no file"),
        "{:?}",
        missing.warnings()
    );

    let socket = door.connect("host=DIR user=postgres sslmode=verify-full").unwrap();
    assert_eq!(encryption(socket), "plain", "sockets are not encrypted, whatever sslmode says");
    let mut by_name =
        door.connect("host=localhost user=secure sslmode=verify-full sslrootcert=DIR/ca.crt").unwrap();
    cancels(&mut by_name);

    certificates_at_home(&door);
    self_signed(&door);
    version_1(&door);
    expired(&door);

    door.cluster.restart("none");
    door.check(&[
        ("user=ann password=ann's", "plain"),
        ("sslmode=allow user=ann password=wrong", "password authentication failed"),
        ("sslmode=require user=ann password=ann's", "server does not support TLS"),
    ]);
}

/// Past its time; whoever does not look at certificates does not mind.
fn expired(door: &Door) {
    door.cluster.restart("late");
    door.check(&[
        ("sslmode=require user=secure", "TLSv1.3"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt", "Expired"),
        ("sslmode=verify-full user=secure sslrootcert=DIR/ca.crt host=localhost", "Expired"),
    ]);
}

fn cancels(session: &mut Session) {
    let handle = session.cancel_handle();
    let canceller = std::thread::spawn(move || {
        std::thread::park_timeout(Duration::from_millis(500));
        handle.cancel()
    });
    let error = session.run("SELECT pg_sleep(20)").unwrap_err();
    assert_eq!(error.sqlstate(), Some("57014"));
    canceller.join().expect("no panic").expect("the cancel request arrives encrypted");
}

/// Nothing given: `~/.postgresql` decides.
fn certificates_at_home(door: &Door) {
    let home = door.cluster.path().join("home/.postgresql");
    std::fs::create_dir_all(&home).unwrap();
    for (from, to) in
        [("client.crt", "postgresql.crt"), ("client.key", "postgresql.key"), ("ca.crt", "root.crt")]
    {
        std::fs::copy(door.cluster.path().join(from), home.join(to)).unwrap();
    }
    door.check(&[
        ("sslmode=verify-full host=localhost user=carol", "TLSv1.3"),
        ("sslmode=verify-full host=elsewhere.test user=carol", "not valid for name"),
    ]);
    std::fs::copy(door.cluster.path().join("other.crt"), home.join("root.crt")).unwrap();
    door.check(&[
        ("sslmode=require user=carol", "UnknownIssuer"),
        // Preferring encryption is not insisting on it.
        ("sslmode=prefer user=plain", "plain"),
    ]);
    std::fs::remove_dir_all(&home).unwrap();
}

/// What `openssl req -x509 -subj /CN=host` makes, as PostgreSQL's documentation has it.
fn self_signed(door: &Door) {
    door.cluster.restart("self");
    door.check(&[
        ("sslmode=require user=secure", "TLSv1.3"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/self.crt", "TLSv1.3"),
        ("sslmode=verify-full user=secure sslrootcert=DIR/self.crt host=db.test", "TLSv1.3"),
        (
            "sslmode=verify-full user=secure sslrootcert=DIR/self.crt host=elsewhere.test",
            "not valid for name",
        ),
        // Nobody says that it is not revoked.
        (
            "sslmode=verify-ca user=secure sslrootcert=DIR/self.crt sslcrl=DIR/none.crl",
            "UnknownRevocationStatus",
        ),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt", "invalid peer certificate"),
    ]);
}

/// What `openssl x509 -req` makes, as PostgreSQL's documentation has it.
fn version_1(door: &Door) {
    door.cluster.restart("old");
    door.check(&[
        ("sslmode=require user=secure", "TLSv1.3"),
        ("sslmode=require user=secure ssl_max_protocol_version=TLSv1.2", "TLSv1.2"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt", "TLSv1.3"),
        ("sslmode=verify-ca user=secure sslrootcert=DIR/other.crt", "UnknownIssuer"),
        (
            "sslmode=verify-ca user=secure sslrootcert=DIR/ca.crt sslcrl=DIR/none.crl",
            "UnknownRevocationStatus",
        ),
        ("sslmode=verify-full user=secure sslrootcert=DIR/ca.crt host=old.test", "TLSv1.3"),
        ("sslmode=verify-full user=secure sslrootcert=DIR/ca.crt host=elsewhere.test", "not valid for name"),
    ]);
}

#[test]
fn logs_in_with_passwords_and_says_what_is_wrong_with_them() {
    let door = Door::open();
    door.check(&[
        ("user=ann password=ann's", "TLSv1.3"),
        ("user=md5", "TLSv1.3"),
        ("user=ann password=wrong", "password authentication failed for user \"ann\" (SQLSTATE 28P01)"),
        ("user=ann", "the server asks for a password; none is given and"),
        ("user=secure sslmode=require", "TLSv1.3"),
        ("user=nobody", "no pg_hba.conf entry"),
        ("user=reader dbname=gone", "database \"gone\" does not exist (SQLSTATE 3D000)"),
    ]);
    let error = door.connect("hostaddr=127.0.0.1 user=ann password=hidden").unwrap_err();
    assert!(error.is_connecting() && !error.is_connection_lost());
    assert!(!format!("{error} {error:?}").contains("hidden"));

    // The password of one database is not that of another.
    door.connect("host=DIR user=postgres").unwrap().run("CREATE DATABASE shop").unwrap();
    let info = door.info("hostaddr=127.0.0.1 user=ann");
    let mut session = Session::connect(&info.with_database("shop")).unwrap();
    assert_eq!(session.rows("SELECT current_database()").unwrap()[0][0].as_deref(), Some("shop"));
}

#[test]
fn tries_hosts_in_order_until_one_fits() {
    let door = Door::open();
    let port = door.cluster.port;
    // A port on which nobody listens, and one on which somebody never answers.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = silent.local_addr().unwrap().port();

    let two = |first: u16, options: &str| {
        door.connect(&format!("host=127.0.0.1,127.0.0.1 port={first},{port} {options}"))
    };
    two(closed, "user=reader").unwrap();
    let started = Instant::now();
    two(mute, "user=reader connect_timeout=1").unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
    let error = two(closed, "user=ann password=wrong").unwrap_err();
    assert!(
        error.message().contains("Connection refused") && error.message().contains("password"),
        "{error}"
    );
    let error = door.connect(&format!("host=127.0.0.1 port={mute} user=u connect_timeout=1")).unwrap_err();
    assert!(error.message().contains("timeout expired"), "{error}");
    // Whoever refuses the password is asked no second time.
    let error = door
        .connect(&format!("host=127.0.0.1,127.0.0.1 port={port},{closed} user=ann password=x"))
        .unwrap_err();
    assert!(!error.message().contains("refused"), "{error}");
    let error = door.connect(&format!("host=/nowhere,127.0.0.1 port={closed} user=u")).unwrap_err();
    assert!(error.message().contains(&format!("/nowhere/.s.PGSQL.{closed}")), "{error}");
    let error = door.connect("host=no-such-host.invalid user=u").unwrap_err();
    assert!(error.message().contains("cannot be resolved"), "{error}");

    door.check(&[
        ("user=plain target_session_attrs=primary", "plain"),
        ("user=plain target_session_attrs=read-write", "plain"),
        ("user=plain target_session_attrs=prefer-standby", "plain"),
        ("user=plain target_session_attrs=standby", "server is not in hot standby mode"),
        ("user=plain target_session_attrs=read-only", "session is not read-only"),
        ("user=reader target_session_attrs=read-only", "TLSv1.3"),
        ("user=reader target_session_attrs=read-write", "session is read-only"),
    ]);
}

#[test]
fn shuffles_hosts_where_it_is_told_to() {
    let closed =
        || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
    let (one, two) = (closed(), closed());
    let is_in_order = |options: &str| {
        let text = format!("host=127.0.0.1,127.0.0.1 port={one},{two} user=u dbname=d {options}");
        let info = ConnInfo::resolve(&Given::new().text("test", &text), &Environment::empty()).unwrap();
        let error = Session::connect(&info).unwrap_err();
        let place = |port: u16| error.message().find(&format!("port {port}")).unwrap();
        place(one) < place(two)
    };
    assert!((0..20).all(|_| is_in_order("")));
    let shuffled: Vec<bool> = (0..100).map(|_| is_in_order("load_balance_hosts=random")).collect();
    assert!(shuffled.contains(&true) && shuffled.contains(&false));
}

#[test]
fn passes_settings_to_the_server() {
    let door = Door::open();
    let mut session = door
        .connect("host=DIR user=postgres application_name='my tool' options='-c work_mem=1234kB' keepalives_idle=5 keepalives_count=3 tcp_user_timeout=1000")
        .unwrap();
    let rows =
        session.rows("SELECT current_setting('application_name'), current_setting('work_mem')").unwrap();
    assert_eq!(rows, [[Some("my tool".to_owned()), Some("1234kB".to_owned())]]);
    let mut session = door.connect("host=DIR user=postgres fallback_application_name=other").unwrap();
    assert_eq!(session.rows("SHOW application_name").unwrap(), [[Some("other".to_owned())]]);
}

#[test]
fn gives_no_password_to_a_server_that_asks_in_the_wrong_way() {
    let door = Door::open();
    door.check(&[
        ("user=ann password=ann's require_auth=scram-sha-256", "TLSv1.3"),
        ("user=ann password=ann's require_auth=scram-sha-256 sslmode=disable", "plain"),
        ("user=md5 require_auth=scram-sha-256,md5", "TLSv1.3"),
        ("user=clear password=clear require_auth=!md5", "TLSv1.3"),
        ("user=plain sslmode=disable require_auth=none", "plain"),
        (
            "user=carol sslmode=require sslcert=DIR/client.crt sslkey=DIR/client.key require_auth=none",
            "TLSv1.3",
        ),
        (
            "user=clear password=clear require_auth=scram-sha-256",
            "require_auth is scram-sha-256, but the server asks for the password in clear text",
        ),
        ("user=md5 require_auth=!md5 sslmode=disable", "but the server asks for an MD5 hash"),
        ("user=reader require_auth=!none", "but the server lets everybody in"),
        ("user=ann password=ann's require_auth=none", "but the server asks for SCRAM-SHA-256"),
    ]);
    // What was refused within TLS is not tried again without, nor on the next server.
    let port = door.cluster.port;
    let options = "user=clear password=clear require_auth=!password";
    let error = door.connect(&format!("host=127.0.0.1,127.0.0.1 port={port},{port} {options}")).unwrap_err();
    assert!(error.is_connecting(), "{error:?}");
    assert_eq!(error.message().matches("require_auth").count(), 1, "{error}");
}

#[test]
fn looks_whose_process_is_behind_a_socket() {
    let door = Door::open();
    let owner = Command::new("id").arg("-un").output().unwrap();
    let owner = String::from_utf8(owner.stdout).unwrap();
    door.connect(&format!("host=DIR user=postgres requirepeer={}", owner.trim())).unwrap();
    let error = door.connect("host=DIR user=postgres requirepeer=stranger").unwrap_err();
    assert!(error.message().contains("requirepeer is \"stranger\""), "{error}");
    // Only sockets tell.
    door.check(&[("user=plain requirepeer=stranger", "plain")]);
}

#[test]
fn keeps_connections_alive_as_told() {
    let door = Door::open();
    let timer = |options: &str| {
        let mut session = door.connect(&format!("hostaddr=127.0.0.1 user=reader {options}")).unwrap();
        let sql = "SELECT client_port FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let port = session.rows(sql).unwrap()[0][0].clone().unwrap();
        keepalive_timer(port.parse().unwrap())
    };
    let hours = timer("").expect("alive by default");
    assert!((3600..=7200).contains(&hours), "{hours} s");
    let seconds = timer("keepalives_idle=300 keepalives_interval=5 keepalives_count=2").expect("alive");
    assert!((200..=300).contains(&seconds), "{seconds} s");
    assert_eq!(timer("keepalives=0 keepalives_idle=300"), None);
}

/// After how many seconds the kernel will probe the connection that begins at this port of 127.0.0.1.
fn keepalive_timer(port: u16) -> Option<u64> {
    const KEEPALIVE: &str = "02";
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!("0100007F:{port:04X}");
    let line = table.lines().find(|line| line.split_whitespace().nth(1) == Some(local.as_str())).unwrap();
    let timer = line.split_whitespace().nth(5).unwrap();
    let (kind, ticks) = timer.split_once(':').unwrap();
    (kind == KEEPALIVE).then(|| u64::from_str_radix(ticks, 16).unwrap() / 100)
}

#[test]
fn encrypts_from_the_first_byte_where_it_is_told_to() {
    let door = Door::open();
    let port = direct_tls(&door);
    let direct = "user=reader hostaddr=127.0.0.1 sslnegotiation=direct";
    let connect = |options: &str| door.connect(&format!("{direct} port={port} {options}"));
    // The server at the end of the tunnel is spoken to in clear text, and sees nothing of it.
    let session = connect("sslmode=require channel_binding=disable").unwrap();
    assert_eq!(encryption(session), "plain");
    connect("sslmode=verify-full sslrootcert=DIR/ca.crt host=localhost channel_binding=disable").unwrap();
    let error = connect("sslmode=verify-ca sslrootcert=DIR/other.crt").unwrap_err();
    assert!(error.message().contains("UnknownIssuer"), "{error}");
    // Version 15 takes the handshake for a packet of its own.
    let error = door.connect(&format!("{direct} sslmode=require")).unwrap_err();
    assert!(error.message().contains("TLS"), "{error}");
}

/// A server in front of the real one that speaks TLS from the first byte, as PostgreSQL 17 can.
fn direct_tls(door: &Door) -> u16 {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let folder = door.cluster.path();
    let chain = vec![CertificateDer::from_pem_file(folder.join("server.crt")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    // Without it a client could be talked into another protocol: PostgreSQL refuses.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), door.cluster.port);
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(mut client) = acceptor.accept(client).await else { continue };
                if client.get_ref().1.alpn_protocol() != Some(b"postgresql") {
                    continue;
                }
                tokio::spawn(async move {
                    let mut server = tokio::net::TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
    });
    port
}

#[test]
fn finds_the_primary_and_the_standby_among_several_hosts() {
    let door = Door::open();
    let standby = door.cluster.standby();
    let primary = door.cluster.port;
    let in_recovery = |ports: &str, target: &str| {
        let hosts = vec!["127.0.0.1"; ports.split(',').count()].join(",");
        let options = format!("host={hosts} port={ports} user=reader target_session_attrs={target}");
        door.connect(&options).map(|mut session| {
            session.rows("SELECT pg_is_in_recovery()").unwrap()[0][0].as_deref() == Some("t")
        })
    };
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
    let both = [format!("{primary},{}", standby.port), format!("{},{closed},{primary}", standby.port)];
    for ports in &both {
        assert!(!in_recovery(ports, "primary").unwrap(), "{ports}");
        assert!(in_recovery(ports, "standby").unwrap(), "{ports}");
        assert!(in_recovery(ports, "prefer-standby").unwrap(), "{ports}");
    }
    assert!(!in_recovery(&both[0], "any").unwrap());
    assert!(in_recovery(&both[1], "any").unwrap());
    // The role is read-only everywhere.
    in_recovery(&both[0], "read-only").unwrap();
    let error = in_recovery(&both[1], "read-write").unwrap_err();
    assert_eq!(error.message().matches("session is read-only").count(), 2, "{error}");
    assert!(!in_recovery(&primary.to_string(), "prefer-standby").unwrap(), "there is no standby");
    let error = in_recovery(&standby.port.to_string(), "primary").unwrap_err();
    assert!(error.message().contains("server is in hot standby mode"), "{error}");
}
