//! Scratch clusters: they start, serve, and leave nothing behind, whatever becomes of their owner.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests, which clippy.toml cannot see")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions, ServerError};
use psqlcm_testkit::{TestServer, assert_same_text, load_corpus, server, servers};

/// Set in the process that the test of a dying owner starts; see [`owner`].
const OWNER: &str = "PSQL_CM_TEST_SCRATCH_OWNER";

fn installation() -> Installation {
    Installation::discover().into_iter().next().expect("cargo xtask test provides a server")
}

fn start(options: &ScratchOptions) -> ScratchCluster {
    ScratchCluster::start(&installation(), options).unwrap_or_else(|error| panic!("{error}"))
}

fn as_test_server(cluster: &ScratchCluster) -> TestServer {
    let major = cluster.installation().version.major;
    TestServer::new(major, cluster.socket_dir(), cluster.port())
}

/// The postmaster's process number, as it writes it itself.
fn postmaster(folder: &Path) -> i32 {
    let state = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    state.lines().next().unwrap().trim().parse().unwrap()
}

fn is_running(process: i32) -> bool {
    let process = rustix::process::Pid::from_raw(process).unwrap();
    rustix::process::test_kill_process(process).is_ok()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "after 60 s still not: {what}");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_cluster_serves_and_leaves_nothing_behind() {
    let settings =
        vec![("work_mem".to_owned(), "7MB".to_owned()), ("max_connections".to_owned(), "33".to_owned())];
    let cluster = start(&ScratchOptions { settings, ..ScratchOptions::default() });
    let (folder, process) = (cluster.socket_dir().to_owned(), postmaster(cluster.socket_dir()));
    let psql = as_test_server(&cluster);

    let asked = "SELECT current_user, pg_encoding_to_char(encoding), datcollate, current_setting('work_mem'),
        current_setting('max_connections'), current_setting('max_prepared_transactions'),
        current_setting('wal_level'), current_setting('listen_addresses')
        FROM pg_database WHERE datname = 'postgres'";
    assert_eq!(psql.psql("postgres", asked).unwrap(), "postgres|UTF8|C|7MB|33|20|minimal|");
    assert_eq!(cluster.loopback_uri("postgres"), None);
    assert_eq!(cluster.uri("my db"), psql.uri("my db"));

    cluster.stop().unwrap();
    assert!(!folder.exists(), "{} is still there", folder.display());
    assert!(!is_running(process), "the server still runs");
}

#[test]
fn a_cluster_can_be_reached_by_tcp_when_asked_for() {
    let cluster = start(&ScratchOptions { listen_on_loopback: true, ..ScratchOptions::default() });
    let uri = cluster.loopback_uri("postgres").unwrap();
    assert_eq!(uri, format!("postgresql://postgres@127.0.0.1:{}/postgres", cluster.port()));
    let port = cluster.port();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert_eq!(as_test_server(&cluster).psql("postgres", "SELECT 1").unwrap(), "1");
    drop(cluster);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_setting_that_the_server_refuses_is_reported_in_its_words() {
    let settings = vec![("no_such_setting".to_owned(), "1".to_owned())];
    let error =
        ScratchCluster::start(&installation(), &ScratchOptions { settings, ..ScratchOptions::default() });
    let Err(ServerError::DidNotStart { log }) = error else { panic!("{error:?}") };
    assert!(log.contains("no_such_setting"), "{log}");
}

/// Not a test: the process that [`a_dead_owner_leaves_no_server`] starts and kills.
#[test]
#[ignore = "the other half of a_dead_owner_leaves_no_server"]
fn owner() {
    if env::var_os(OWNER).is_none() {
        return;
    }
    // In a thread that ends, since a signal bound to the thread would now be sent already.
    let cluster = std::thread::spawn(|| start(&ScratchOptions::default())).join().unwrap();
    as_test_server(&cluster).psql("postgres", "SELECT 1").unwrap();
    fs::write(env::var_os(OWNER).unwrap(), cluster.socket_dir().to_str().unwrap()).unwrap();
    // Until we are killed; the pipe never closes before.
    let _ = std::io::stdin().read(&mut [0]);
    std::process::exit(1);
}

#[test]
fn a_dead_owner_leaves_no_server() {
    let report = tempfile::NamedTempFile::new().unwrap();
    let mut owner = Command::new(env::current_exe().unwrap())
        .args(["--exact", "owner", "--ignored", "--nocapture"])
        .env(OWNER, report.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the owner reports", || fs::metadata(report.path()).is_ok_and(|file| file.len() > 0));
    let mut folder = String::new();
    BufReader::new(report.reopen().unwrap()).read_line(&mut folder).unwrap();
    let folder = PathBuf::from(folder);
    let process = postmaster(&folder);
    assert!(is_running(process));

    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_until("the server is gone", || !is_running(process));
    wait_until("the folder is gone", || !folder.exists());
}

#[test]
fn every_server_of_the_run_gives_databases_that_go_away() {
    assert!(!servers().is_empty());
    for server in servers() {
        let major =
            server.psql("postgres", "SELECT current_setting('server_version_num')::int / 10000").unwrap();
        assert_eq!(major, server.major().to_string());

        let database = server.database("kit");
        let name = database.name().to_owned();
        database.psql("CREATE TABLE t(a int); INSERT INTO t VALUES (1), (2);").unwrap();
        assert_eq!(database.psql("TABLE t ORDER BY a").unwrap(), "1\n2");
        let refusal = database.psql("SELECT 1;\nSELECT no_such_column;").unwrap_err();
        assert!(refusal.contains("no_such_column"), "{refusal}");

        let dump = database.pg_dump_schema();
        assert!(dump.contains("CREATE TABLE public.t"), "{dump}");
        assert!(!dump.contains("restrict") && !dump.contains("Dumped"), "{dump}");
        assert_same_text(&dump, &database.pg_dump_schema());

        drop(database);
        let left = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
        assert_eq!(server.psql("postgres", &left).unwrap(), "0");
    }
}

#[test]
fn the_corpus_loads_with_its_roles_where_it_is_present() {
    let server = server(15);
    // Twice: the second time the roles exist.
    for _ in 0..2 {
        let Some(database) = load_corpus(&server, "supabase_storage_final") else {
            return;
        };
        assert_eq!(
            database.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'storage'").unwrap(),
            "10"
        );
    }
}
