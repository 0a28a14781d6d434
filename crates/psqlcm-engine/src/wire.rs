//! The socket below a session: where it leads, how it is kept alive, and whose process is at the other end.
//!
//! The client library can open sockets itself, but then nobody else can see what is asked for on them, and libpq's
//! `require_auth` and `requirepeer` are promises about just that. Nothing here knows of TLS or of SQL.

mod gate;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::conninfo::Tuning;
pub(crate) use gate::{Gate, Refused};

/// One place to connect to.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    /// An address of the network.
    Ip(IpAddr),
    /// The directory of a Unix socket.
    Socket(PathBuf),
}

/// An open socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Connects, and sets what the options say of the socket itself.
    pub(crate) async fn connect(address: &Address, port: u16, tuning: &Tuning) -> io::Result<Self> {
        match address {
            Address::Ip(ip) => {
                let stream = TcpStream::connect((*ip, port)).await?;
                stream.set_nodelay(true)?;
                keep_alive(&stream, tuning)?;
                Ok(Self::Tcp(stream))
            }
            Address::Socket(directory) => {
                let path = directory.join(format!(".s.PGSQL.{port}"));
                let stream = UnixStream::connect(path).await?;
                if let Some(wanted) = &tuning.required_peer {
                    check_peer(&stream, wanted)?;
                }
                Ok(Self::Unix(stream))
            }
        }
    }
}

/// What is not given stays as the system has it, as in libpq.
fn keep_alive(stream: &TcpStream, tuning: &Tuning) -> io::Result<()> {
    let keepalives = &tuning.keepalives;
    sockopt::set_socket_keepalive(stream, keepalives.enabled)?;
    if keepalives.enabled {
        if let Some(idle) = keepalives.idle {
            sockopt::set_tcp_keepidle(stream, idle)?;
        }
        if let Some(interval) = keepalives.interval {
            sockopt::set_tcp_keepintvl(stream, interval)?;
        }
        if let Some(count) = keepalives.count {
            sockopt::set_tcp_keepcnt(stream, count)?;
        }
    }
    // Other systems do not have it, and libpq ignores it there.
    #[cfg(target_os = "linux")]
    if let Some(timeout) = tuning.tcp_user_timeout {
        let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(stream, milliseconds)?;
    }
    Ok(())
}

/// Whether the server's process belongs to the user that `requirepeer` names.
fn check_peer(stream: &UnixStream, wanted: &str) -> io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let user = nix::unistd::User::from_uid(uid.into()).map_err(io::Error::from)?;
    let found = user.map_or_else(|| uid.to_string(), |user| user.name);
    if found == wanted {
        return Ok(());
    }
    let message = format!("requirepeer is {wanted:?}, but the server's process belongs to {found:?}");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conninfo::{ConnInfo, Environment, Given};
    use std::time::Duration;

    fn connected(options: &str) -> TcpStream {
        let environment = Environment::empty().with_os_user("login");
        let info = ConnInfo::resolve(&Given::new().text("test", options), &environment).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = Address::Ip(IpAddr::from([127, 0, 0, 1]));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = runtime.block_on(Socket::connect(&address, port, info.tuning())).unwrap();
        let Socket::Tcp(stream) = socket else { panic!("{socket:?}") };
        stream
    }

    #[test]
    fn sets_what_the_options_say_of_the_socket() {
        let stream =
            connected("keepalives_idle=301 keepalives_interval=7 keepalives_count=3 tcp_user_timeout=12345");
        assert!(sockopt::socket_keepalive(&stream).unwrap() && stream.nodelay().unwrap());
        assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), Duration::from_secs(301));
        assert_eq!(sockopt::tcp_keepintvl(&stream).unwrap(), Duration::from_secs(7));
        assert_eq!(sockopt::tcp_keepcnt(&stream).unwrap(), 3);
        #[cfg(target_os = "linux")]
        assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 12345);

        let usual = connected("");
        let off = connected("keepalives=0 keepalives_idle=301");
        assert!(sockopt::socket_keepalive(&usual).unwrap() && !sockopt::socket_keepalive(&off).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&usual).unwrap(), sockopt::tcp_keepidle(&off).unwrap());
    }
}
