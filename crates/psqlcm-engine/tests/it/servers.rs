//! The servers that `cargo xtask test` has started.

use psqlcm_engine::conninfo::{ConnInfo, Environment, Given};
use psqlcm_engine::session::Session;

/// One running server.
#[derive(Debug, Clone)]
pub struct Server {
    pub major: u32,
    pub socket: String,
    pub port: u16,
}

/// All of them, from `PSQL_CM_TEST_SERVERS`: `15=/socket/dir:port;18=/socket/dir:port`.
pub fn all() -> Vec<Server> {
    let list = std::env::var("PSQL_CM_TEST_SERVERS").expect("run through `cargo xtask test`");
    let servers: Vec<Server> = list
        .split(';')
        .filter(|entry| !entry.is_empty())
        .map(server)
        .collect();
    assert!(
        !servers.is_empty(),
        "PSQL_CM_TEST_SERVERS names no server: run through `cargo xtask test`"
    );
    servers
}

fn server(entry: &str) -> Server {
    let (major, place) = entry.split_once('=').expect("VERSION=DIR:PORT");
    let (socket, port) = place.rsplit_once(':').expect("VERSION=DIR:PORT");
    Server {
        major: major.parse().expect("a major version"),
        socket: socket.to_owned(),
        port: port.parse().expect("a port"),
    }
}

impl Server {
    /// The administrator's connection to the database `postgres`.
    pub fn info(&self) -> ConnInfo {
        let given = Given::new()
            .option("test", "host", &self.socket)
            .option("test", "port", &self.port.to_string())
            .option("test", "user", "postgres")
            .option("test", "dbname", "postgres");
        ConnInfo::resolve(&given, &Environment::empty()).expect("a connection of the test")
    }

    pub fn session(&self) -> Session {
        Session::connect(&self.info()).expect("the test's server answers")
    }
}
