//! Stands between a client and a server, and does harm at one message of a run.
//!
//! It knows how PostgreSQL's protocol is framed and nothing else of it: whole messages are counted over all
//! connections of a run, those of the client and those of the server each by themselves, a startup packet as one.
//! A request to cancel passes uncounted, as it is no part of what a run does by itself. It speaks on sockets in
//! folders only, where nobody asks for encryption.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::server::TestServer;

/// The message at which harm is done, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// None: it only counts.
    Never,
    /// The n-th of the client.
    Message(usize),
    /// The n-th of the server.
    Answer(usize),
    /// The n-th of the client that holds this text.
    Text(&'static str, usize),
}

/// What happens there.
#[derive(Clone)]
pub enum Harm {
    /// The line is cut.
    Cut(Moment),
    /// All lines are cut, and nobody can connect any more.
    Silence(Moment),
    /// The client is killed.
    Kill(Moment),
    /// The client gets a signal, by its name as `kill` knows it; the message comes through.
    Signal(&'static str, Moment),
    /// The message takes so long.
    Delay(Duration),
    /// This is done, while the client waits.
    Do(Arc<dyn Fn() + Send + Sync>, Moment),
}

/// Whether the message still comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// First the harm: the message is lost.
    Before,
    /// First the message: what it is about happens, and its answer is lost.
    After,
}

impl fmt::Display for Harm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, moment) = match self {
            Self::Cut(moment) => ("cut", Some(moment)),
            Self::Silence(moment) => ("silence", Some(moment)),
            Self::Kill(moment) => ("kill", Some(moment)),
            Self::Signal(name, moment) => (*name, Some(moment)),
            Self::Delay(_) => ("delay", None),
            Self::Do(_, moment) => ("harm", Some(moment)),
        };
        let moment = match moment {
            Some(Moment::Before) => " before",
            Some(Moment::After) => " after",
            None => " at",
        };
        write!(formatter, "{what}{moment}")
    }
}

/// A stand-in for a server, for one run of one client.
pub struct Proxy {
    shared: Arc<Shared>,
    /// Holds the socket.
    folder: TempDir,
}

struct Shared {
    at: At,
    harm: Harm,
    real: TestServer,
    state: Mutex<State>,
    client: Mutex<Option<Child>>,
}

#[derive(Default)]
struct State {
    messages: usize,
    answers: usize,
    texts: usize,
    has_struck: bool,
    /// How many lines the client may still have something on.
    talking: usize,
    /// Nobody can connect any more.
    is_closed: bool,
    /// Those that may still be open.
    lines: Vec<Weak<Line>>,
}

/// One connection, by its two ends.
struct Line {
    client: UnixStream,
    server: UnixStream,
}

/// Where a message comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

impl Proxy {
    /// Stands before the server from now on, until it is dropped.
    ///
    /// # Panics
    /// When there is no socket to be had.
    #[must_use]
    pub fn before(server: &TestServer, at: At, harm: Harm) -> Self {
        // Short: a socket's path may have some hundred bytes only.
        let folder = tempfile::Builder::new().prefix("proxy").tempdir().expect("a folder can be made");
        let listener = UnixListener::bind(socket(folder.path(), server));
        let listener = listener.expect("a socket can be made");
        let shared =
            Shared { at, harm, real: server.clone(), state: Mutex::default(), client: Mutex::default() };
        let shared = Arc::new(shared);
        let for_lines = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if !for_lines.connect(client) {
                    return;
                }
            }
        });
        Self { shared, folder }
    }

    /// The server as clients are to reach it.
    #[must_use]
    pub fn server(&self) -> TestServer {
        TestServer::new(self.shared.real.major(), self.folder.path(), self.shared.real.port())
    }

    /// Runs the client, which must reach the server as [`Proxy::server`], to its end.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn run(&self, command: &mut Command) -> Output {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The lock is held until it is known: its first message may be the one.
        let mut client = lock(&self.shared.client);
        let mut child = command.spawn().expect("the client can be run");
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        *client = Some(child);
        drop(client);
        let stdout = thread::spawn(|| read_all(stdout));
        let stderr = thread::spawn(|| read_all(stderr));
        let status = loop {
            // Under the lock, so that no signal reaches another process that was given the number.
            let ended = lock(&self.shared.client).as_mut().and_then(|child| child.try_wait().transpose());
            if let Some(status) = ended {
                break status.expect("the client can be waited for");
            }
            thread::sleep(Duration::from_millis(2));
        };
        *lock(&self.shared.client) = None;
        // What it said last counts too, and harm that it did not wait for is to be over.
        while self.shared.state().talking > 0 {
            thread::sleep(Duration::from_millis(1));
        }
        let stdout = stdout.join().expect("reading does not panic");
        Output { status, stdout, stderr: stderr.join().expect("reading does not panic") }
    }

    /// Whether the message came at which harm was to be done.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.shared.state().has_struck
    }

    /// How many messages the client has sent.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.shared.state().messages
    }

    /// How many messages the server has sent.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.shared.state().answers
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.close();
        // Wakes the thread that waits for clients, so that it ends.
        drop(UnixStream::connect(socket(self.folder.path(), &self.shared.real)));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Takes one client on; false when there are to be no more.
    fn connect(self: &Arc<Self>, client: UnixStream) -> bool {
        // A server that is away takes nobody, and neither do we.
        let server = UnixStream::connect(socket(self.real.socket_dir(), &self.real));
        let mut state = self.state();
        if state.is_closed {
            return false;
        }
        let Ok(server) = server else { return true };
        let line = Arc::new(Line { client, server });
        state.lines.push(Arc::downgrade(&line));
        state.talking += 1;
        drop(state);
        for from in [From::Client, From::Server] {
            let (shared, line) = (Arc::clone(self), Arc::clone(&line));
            thread::spawn(move || {
                // An error is an end of the line, which the other side is to see too.
                let _ = shared.carry(&line, from);
                line.end(from);
                if from == From::Client {
                    shared.state().talking -= 1;
                }
            });
        }
        true
    }

    fn carry(&self, line: &Line, from: From) -> io::Result<()> {
        if from == From::Client && !self.carry_startup(line)? {
            return Ok(());
        }
        loop {
            let message = read_message(line.of(from))?;
            self.pass(line, from, &message)?;
        }
    }

    /// What comes before all messages; false when nothing follows.
    fn carry_startup(&self, line: &Line) -> io::Result<bool> {
        loop {
            let packet = read_packet(&line.client, Vec::new())?;
            let code = packet.get(4..8).and_then(|code| code.try_into().ok()).map(u32::from_be_bytes);
            match code {
                Some(ENCRYPT_TLS | ENCRYPT_GSS) => (&line.client).write_all(b"N")?,
                Some(CANCEL) => {
                    (&line.server).write_all(&packet)?;
                    return Ok(false);
                }
                _ => {
                    self.pass(line, From::Client, &packet)?;
                    return Ok(true);
                }
            }
        }
    }

    fn pass(&self, line: &Line, from: From, message: &[u8]) -> io::Result<()> {
        let go_on = || line.to(from).write_all(message);
        if !self.strikes(from, message) {
            return go_on();
        }
        let moment = match &self.harm {
            Harm::Cut(moment) | Harm::Silence(moment) | Harm::Kill(moment) => *moment,
            Harm::Delay(time) => {
                thread::sleep(*time);
                return go_on();
            }
            Harm::Signal(name, moment) => return in_order(*moment, go_on, || self.signal(name)),
            Harm::Do(work, moment) => return in_order(*moment, go_on, || work()),
        };
        // The client must not live to see what becomes of its message, but see the answer that it is to have.
        if (moment, from) == (Moment::After, From::Server) {
            go_on()?;
        }
        match &self.harm {
            Harm::Silence(_) => self.close(),
            Harm::Kill(_) => self.kill(),
            _ => {}
        }
        line.end(From::Server);
        if (moment, from) == (Moment::After, From::Client) {
            go_on()?;
        }
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    /// Counts a message; whether it is the one.
    fn strikes(&self, from: From, message: &[u8]) -> bool {
        let mut state = self.state();
        match from {
            From::Client => state.messages += 1,
            From::Server => state.answers += 1,
        }
        let strikes = match self.at {
            At::Never => false,
            At::Message(n) => from == From::Client && state.messages == n,
            At::Answer(n) => from == From::Server && state.answers == n,
            At::Text(text, n) => {
                let holds = message.windows(text.len()).any(|window| window == text.as_bytes());
                state.texts += usize::from(from == From::Client && holds);
                from == From::Client && holds && state.texts == n
            }
        };
        state.has_struck |= strikes;
        strikes
    }

    /// Cuts all lines, and lets nobody connect any more.
    fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        for line in state.lines.drain(..).filter_map(|line| line.upgrade()) {
            line.end(From::Client);
            line.end(From::Server);
        }
    }

    fn kill(&self) {
        if let Some(client) = lock(&self.client).as_mut() {
            client.kill().expect("the client can be killed");
        }
    }

    fn signal(&self, name: &str) {
        if let Some(client) = lock(&self.client).as_mut()
            && client.try_wait().is_ok_and(|ended| ended.is_none())
        {
            let sent = Command::new("kill").args(["-s", name, &client.id().to_string()]).status();
            assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
        }
    }
}

/// Harm that the line survives, before or after the message.
fn in_order(moment: Moment, go_on: impl Fn() -> io::Result<()>, harm: impl Fn()) -> io::Result<()> {
    if moment == Moment::Before {
        harm();
        return go_on();
    }
    go_on()?;
    harm();
    Ok(())
}

impl Line {
    fn of(&self, from: From) -> &UnixStream {
        match from {
            From::Client => &self.client,
            From::Server => &self.server,
        }
    }

    fn to(&self, from: From) -> &UnixStream {
        match from {
            From::Client => &self.server,
            From::Server => &self.client,
        }
    }

    /// Nothing more comes from there. The server still gets what is under way to it.
    fn end(&self, from: From) {
        // It may have ended by itself.
        let _ = match from {
            From::Client => self.server.shutdown(Shutdown::Write),
            From::Server => self.client.shutdown(Shutdown::Both),
        };
    }
}

/// Codes in the place of a protocol's version.
const CANCEL: u32 = 80_877_102;
const ENCRYPT_TLS: u32 = 80_877_103;
const ENCRYPT_GSS: u32 = 80_877_104;

/// A type and a packet.
fn read_message(mut from: &UnixStream) -> io::Result<Vec<u8>> {
    let mut kind = [0];
    from.read_exact(&mut kind)?;
    read_packet(from, kind.to_vec())
}

/// Four bytes that say how long they and the rest are, after what was read before.
fn read_packet(mut from: &UnixStream, mut packet: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    packet.extend_from_slice(&length);
    let rest = u64::from(u32::from_be_bytes(length)).saturating_sub(4);
    if from.take(rest).read_to_end(&mut packet)? as u64 == rest {
        Ok(packet)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn read_all(stream: Option<impl Read>) -> Vec<u8> {
    let mut all = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut all).expect("what the client says can be read");
    }
    all
}

/// As PostgreSQL names its sockets.
fn socket(folder: &Path, server: &TestServer) -> PathBuf {
    folder.join(format!(".s.PGSQL.{}", server.port()))
}

/// A test that panicked meanwhile has failed already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
