//! Getting in: encryption, certificates, passwords, several hosts, as libpq would.

use std::net::TcpListener;
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
host      all     reader  127.0.0.1/32   trust
";

const ROLES: &str = "
SET password_encryption = 'scram-sha-256';
CREATE ROLE carol LOGIN; CREATE ROLE plain LOGIN; CREATE ROLE reader LOGIN;
CREATE ROLE secure LOGIN PASSWORD 'p:w\\d ü'; CREATE ROLE ann LOGIN PASSWORD 'ann''s';
ALTER ROLE reader SET default_transaction_read_only = on;
SET password_encryption = 'md5';
CREATE ROLE md5 LOGIN PASSWORD 'old'";

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
        (
            "sslmode=require user=carol sslcert=DIR/client.crt sslkey=DIR/client.key sslcertmode=disable",
            "client certificate",
        ),
    ]);
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

    door.cluster.restart("none");
    door.check(&[
        ("user=ann password=ann's", "plain"),
        ("sslmode=allow user=ann password=wrong", "password authentication failed"),
        ("sslmode=require user=ann password=ann's", "server does not support TLS"),
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
fn passes_settings_to_the_server() {
    let door = Door::open();
    let mut session = door
        .connect("host=DIR user=postgres application_name='my tool' options='-c work_mem=1234kB' keepalives_idle=5 keepalives_count=3 tcp_user_timeout=1000")
        .unwrap();
    let rows =
        session.rows("SELECT current_setting('application_name'), current_setting('work_mem')").unwrap();
    assert_eq!(rows, [[Some("my tool".to_owned()), Some("1234kB".to_owned())]]);
}
