//! A connection pooler for tests: it stands between a client and a server as pgbouncer does.
//!
//! It knows as much of the protocol as pooling takes: where messages end, and when a server is ready for the next
//! transaction. It passes on no cancel requests, has no encryption, and asks for no passwords.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::server::{self, TestServer};

/// When a client gives its server session back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// When it leaves.
    Session,
    /// After each transaction: the session that was given back last is the next one to be given away.
    Transaction,
    /// The same, but the one that waits longest is given away.
    TransactionInTurn,
    /// As [`Self::Transaction`], but a session is given back [a while](LATE) after its client has the answer: a pooler
    /// of many threads does that whenever another thread has the word.
    TransactionLate,
}

/// How much later than the answer a session is given back; clients of a pooler on the same machine are faster.
const LATE: Duration = Duration::from_millis(2);

/// A running pooler; it takes no more clients once it is dropped.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    is_closed: Arc<AtomicBool>,
}

impl Pooler {
    /// Starts one before a server, on a free port of 127.0.0.1.
    #[must_use]
    pub fn start(server: &TestServer, pooling: Pooling) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a listener has a port").port();
        let socket = server.socket_dir().join(format!(".s.PGSQL.{}", server.port()));
        let pool = Arc::new(Pool { socket, pooling, idle: Mutex::default() });
        let is_closed = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&is_closed);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if closed.load(Ordering::Relaxed) {
                    break;
                }
                let pool = Arc::clone(&pool);
                // A client that hangs up is no failure of the pooler.
                thread::spawn(move || drop(pool.serve(client)));
            }
        });
        Self { port, is_closed }
    }

    /// A URI for the superuser, through the pooler.
    #[must_use]
    pub fn uri(&self, database: &str) -> String {
        let database = server::percent_encoded(database);
        format!("postgresql://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// What psql answers that comes through the pooler.
    #[must_use]
    pub fn psql(&self, database: &str, sql: &str) -> String {
        server::psql_at(&self.uri(database), sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Relaxed);
        // So that the listener looks.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

struct Pool {
    socket: PathBuf,
    pooling: Pooling,
    /// By user and database.
    idle: Mutex<HashMap<Whose, Vec<Backend>>>,
}

/// A session of the server.
struct Backend {
    stream: UnixStream,
    /// What it said of itself when it began.
    parameters: Vec<Message>,
}

/// User and database.
type Whose = [Vec<u8>; 2];

/// Kind and body.
type Message = (u8, Vec<u8>);

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

impl Pool {
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let Some(startup) = read_startup(&mut client)? else { return Ok(()) };
        let backend = self.take(&startup)?;
        write(&mut client, &(b'R', vec![0; 4]))?;
        for parameter in &backend.parameters {
            write(&mut client, parameter)?;
        }
        write(&mut client, &(b'K', own_key()))?;
        write(&mut client, &(b'Z', vec![b'I']))?;
        self.give_back(&startup, backend);
        let mut backend = None;
        loop {
            let message = read(&mut client)?;
            if message.0 == b'X' {
                break;
            }
            let serving = match &mut backend {
                Some(serving) => serving,
                none => none.insert(self.take(&startup)?),
            };
            write(&mut serving.stream, &message)?;
            if !matches!(message.0, b'Q' | b'S' | b'F' | b'c' | b'f') {
                continue;
            }
            let end = pass_answer(&mut serving.stream, &mut client)?;
            let is_free = self.pooling != Pooling::Session && end == (b'Z', vec![b'I']);
            if self.pooling == Pooling::TransactionLate {
                write(&mut client, &end)?;
                thread::sleep(LATE);
            }
            if is_free {
                self.give_back(&startup, backend.take().expect("a backend is serving"));
            }
            if self.pooling != Pooling::TransactionLate {
                write(&mut client, &end)?;
            }
        }
        // Who leaves within a transaction leaves a session that nobody can use.
        Ok(())
    }

    fn take(&self, startup: &[u8]) -> io::Result<Backend> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(whose(startup)).or_default();
        if !waiting.is_empty() {
            let place = if self.pooling == Pooling::TransactionInTurn { 0 } else { waiting.len() - 1 };
            return Ok(waiting.remove(place));
        }
        drop(idle);
        Backend::begin(&self.socket, startup)
    }

    fn give_back(&self, startup: &[u8], backend: Backend) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(whose(startup)).or_default().push(backend);
    }
}

impl Backend {
    fn begin(socket: &PathBuf, startup: &[u8]) -> io::Result<Self> {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(&length(startup.len() + 4))?;
        stream.write_all(startup)?;
        let mut parameters = Vec::new();
        loop {
            let message = read(&mut stream)?;
            match message.0 {
                b'S' => parameters.push(message),
                b'Z' => return Ok(Self { stream, parameters }),
                b'E' => return Err(io::Error::other(String::from_utf8_lossy(&message.1))),
                _ => {}
            }
        }
    }
}

/// What a client says first, without its length; `None` if it wants no session.
fn read_startup(client: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    loop {
        let startup = read_body(client)?;
        let code = startup.first_chunk().copied().map(u32::from_be_bytes);
        match code {
            Some(SSL_REQUEST | GSS_REQUEST) => client.write_all(b"N")?,
            Some(CANCEL_REQUEST) | None => return Ok(None),
            Some(_) => return Ok(Some(startup)),
        }
    }
}

/// Whose sessions will do. What else a client says when it begins, its name for one, is that of whoever came first.
fn whose(startup: &[u8]) -> Whose {
    let words: Vec<&[u8]> = startup.get(4..).unwrap_or_default().split(|byte| *byte == 0).collect();
    [&b"user"[..], b"database"].map(|name| {
        let pair = words.chunks(2).find(|pair| pair.first() == Some(&name));
        pair.and_then(|pair| pair.get(1)).copied().unwrap_or_default().to_vec()
    })
}

/// Passes the server's answer on but for its last message: the server is ready, or the client has to send data.
fn pass_answer(backend: &mut UnixStream, client: &mut TcpStream) -> io::Result<Message> {
    loop {
        let message = read(backend)?;
        if matches!(message.0, b'Z' | b'G') {
            return Ok(message);
        }
        write(client, &message)?;
    }
}

fn read(stream: &mut impl Read) -> io::Result<Message> {
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    Ok((kind[0], read_body(stream)?))
}

fn read_body(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    let mut body = vec![0; length.saturating_sub(4)];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn write(stream: &mut impl Write, (kind, body): &Message) -> io::Result<()> {
    let message = [&[*kind][..], &length(body.len() + 4), body].concat();
    stream.write_all(&message)
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("no message of a test is that long").to_be_bytes()
}

/// A key that the pooler gives out itself; no process of the server has so high a number.
fn own_key() -> Vec<u8> {
    static NEXT: AtomicI32 = AtomicI32::new(i32::MAX);
    [NEXT.fetch_sub(1, Ordering::Relaxed).to_be_bytes(), [0; 4]].concat()
}
