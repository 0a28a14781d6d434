//! A connection that is lost around COMMIT: the tool finds out what became of it, or says that it cannot.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use psqlcm_testkit::{TestDatabase, TestServer, server};

use crate::support::{Ran, command, folder, setup};

/// What happens to a COMMIT.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It does not come through.
    Lost,
    /// It comes through, and its answer does not.
    Unanswered,
    /// As that, and nobody can connect any more.
    Silence,
}

/// Stands between the tool and the server, and cuts the line at the n-th COMMIT.
struct Proxy {
    folder: PathBuf,
}

impl Proxy {
    fn before(server: &TestServer, nth: usize, fate: Fate) -> Self {
        // A socket's path may have 107 bytes only.
        let folder = std::env::temp_dir().join(psqlcm_testkit::unique("proxy"));
        std::fs::create_dir_all(&folder).unwrap();
        let name = format!(".s.PGSQL.{}", server.port());
        let listener = UnixListener::bind(folder.join(&name)).unwrap();
        let real = server.socket_dir().join(&name);
        let commits = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, commits, real) = (client.unwrap(), Arc::clone(&commits), real.clone());
                if fate == Fate::Silence && commits.load(Ordering::SeqCst) >= nth {
                    continue;
                }
                let server = UnixStream::connect(real).unwrap();
                let (mut from_server, mut to_client) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from_server, &mut to_client);
                    let _ = to_client.shutdown(Shutdown::Both);
                });
                thread::spawn(move || forward(client, server, &commits, nth, fate));
            }
        });
        Self { folder }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn forward(mut client: UnixStream, mut server: UnixStream, commits: &AtomicUsize, nth: usize, fate: Fate) {
    let mut buffer = [0; 65536];
    while let Ok(length) = client.read(&mut buffer) {
        if length == 0 {
            break;
        }
        let is_commit = buffer[..length].windows(7).any(|window| window == b"COMMIT\0");
        if is_commit && commits.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            let _ = client.shutdown(Shutdown::Both);
            if fate != Fate::Lost {
                let _ = server.write_all(&buffer[..length]);
            }
            break;
        }
        if server.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}

fn databases(names: &[&str]) -> Vec<TestDatabase> {
    let server = server(15);
    let made = names.iter().map(|name| {
        let database = server.database(name);
        database.psql("CREATE TABLE t (a int)").unwrap();
        setup(&database, &["public"]);
        database
    });
    made.collect()
}

fn submit(databases: &[TestDatabase], nth: usize, fate: Fate) -> Ran {
    let proxy = Proxy::before(databases[0].server(), nth, fate);
    let through = TestServer::new(15, &proxy.folder, databases[0].server().port());
    let all: Vec<&TestDatabase> = databases.iter().collect();
    let change = ["submit", "-c", "ALTER TABLE t ADD b int"];
    Ran::of(&command(&through, &all, &folder("lost")).args(change).output().unwrap())
}

fn standing(database: &TestDatabase) -> String {
    let sql = "SELECT count(*), (SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'b') FROM pg_psql_cm";
    database.psql(sql).unwrap()
}

#[test]
fn an_unanswered_commit_is_looked_up() {
    let databases = databases(&["lost_answer"]);
    submit(&databases, 1, Fate::Unanswered).exits(0).says("+ column public.t.b");
    assert_eq!(standing(&databases[0]), "2|1");
}

#[test]
fn a_commit_that_did_not_come_through_is_a_failure() {
    let databases = databases(&["lost_commit"]);
    submit(&databases, 1, Fate::Lost).exits(1).says("cannot commit");
    assert_eq!(standing(&databases[0]), "1|0");
    submit(&databases, 9, Fate::Lost).exits(0);
}

#[test]
fn what_nobody_can_tell_is_in_doubt() {
    let databases = databases(&["lost_doubt"]);
    let ran = submit(&databases, 1, Fate::Silence).exits(7).says("could not be looked up");
    let hash = databases[0].psql("SELECT hash FROM pg_psql_cm WHERE id = 2").unwrap();
    ran.says(&hash);
}

#[test]
fn a_later_database_that_is_not_committed_is_named() {
    let databases = databases(&["lost_first", "lost_second"]);
    let ran = submit(&databases, 2, Fate::Lost).exits(6);
    let [first, second] = [databases[0].name(), databases[1].name()];
    let ran = ran.says(&format!("{first}.public: done")).says(&format!("{second}.public: failed"));
    ran.says("submit the same again with --atomic database to go on");
    assert_eq!((standing(&databases[0]).as_str(), standing(&databases[1]).as_str()), ("2|1", "1|0"));
}
