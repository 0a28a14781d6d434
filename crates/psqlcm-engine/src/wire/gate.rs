//! `require_auth`: a server that asks for a way to log in that is not wanted is not answered.
//!
//! A [`Gate`] stands between the client library and the stream, reads what the server says until it lets us in, and
//! fails the read in which it asks for something else. So the library never sees the question, and no password goes
//! to a server that must not have it. After that it is out of the way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use crate::conninfo::{AuthMethod, RequiredAuth};

/// A stream whose first messages are looked at.
#[derive(Debug)]
pub(crate) struct Gate<S> {
    stream: S,
    watch: Watch,
}

impl<S> Gate<S> {
    /// Lets nothing but these methods through. `asks_for_tls` says that the first byte of the server is the answer to
    /// the question whether it has TLS.
    pub(crate) fn new(stream: S, required: RequiredAuth, asks_for_tls: bool) -> Self {
        let state = match (&required, asks_for_tls) {
            (RequiredAuth::Any, _) => State::Over,
            (_, true) => State::Reply,
            (_, false) => State::start(),
        };
        Self { stream, watch: Watch { required, state, asked: AuthMethod::None } }
    }

    /// The stream itself, for the TLS within which the server will speak.
    pub(crate) fn into_parts(self) -> (S, RequiredAuth) {
        (self.stream, self.watch.required)
    }
}

/// The server asks for what the user does not want to give.
#[derive(Debug, thiserror::Error)]
#[error("require_auth is {required}, but the server {}", asked.question())]
pub(crate) struct Refused {
    required: String,
    asked: AuthMethod,
}

#[derive(Debug)]
struct Watch {
    required: RequiredAuth,
    state: State,
    /// The last method that the server asked for.
    asked: AuthMethod,
}

/// Where in the server's messages we are.
#[derive(Debug)]
enum State {
    /// At the one byte that says whether there is TLS.
    Reply,
    /// In the first bytes of a message: its type, its length, and of an authentication request its number.
    Head { bytes: [u8; 9], known: usize },
    /// In the rest of a message, of so many bytes.
    Rest(usize),
    /// The server has let us in.
    Over,
}

impl State {
    const fn start() -> Self {
        Self::Head { bytes: [0; 9], known: 0 }
    }
}

const AUTHENTICATION: u8 = b'R';

impl Watch {
    fn see(&mut self, mut seen: &[u8]) -> Result<(), Refused> {
        while let [first, after @ ..] = seen {
            match &mut self.state {
                State::Over => return Ok(()),
                State::Reply => {
                    self.state = State::start();
                    seen = after;
                }
                State::Rest(0) => self.state = State::start(),
                State::Rest(length) => {
                    let skipped = seen.len().min(*length);
                    *length -= skipped;
                    seen = &seen[skipped..];
                }
                State::Head { bytes, known } => {
                    bytes[*known] = *first;
                    *known += 1;
                    seen = after;
                    let (kind, head) = (bytes[0], *known);
                    let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    // The length counts itself and not the type.
                    if head == 5 && (kind != AUTHENTICATION || length < 8) {
                        self.state = State::Rest(length.saturating_sub(4));
                    } else if head == 9 {
                        let number = u32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]);
                        self.state = State::Rest(length.saturating_sub(8));
                        self.judge(number)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Looks at one authentication request.
    fn judge(&mut self, number: u32) -> Result<(), Refused> {
        match number {
            0 => self.state = State::Over,
            3 => self.asked = AuthMethod::Password,
            5 => self.asked = AuthMethod::Md5,
            7 => self.asked = AuthMethod::Gss,
            9 => self.asked = AuthMethod::Sspi,
            10 => self.asked = AuthMethod::Scram,
            // What follows a request that was let through, or is unknown to the library too.
            _ => return Ok(()),
        }
        match self.required.allows(self.asked) {
            true => Ok(()),
            false => Err(Refused { required: self.required.to_string(), asked: self.asked }),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut gate.stream).poll_read(context, buffer);
        if matches!(outcome, Poll::Ready(Ok(())))
            && let Err(refused) = gate.watch.see(&buffer.filled()[before..])
        {
            buffer.set_filled(before);
            return Poll::Ready(Err(io::Error::other(refused)));
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Gate<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the server says in one reading and byte by byte, with its answer about TLS before it and without.
    fn check(required: &str, messages: &[&[u8]], expected: Result<(), &str>) {
        let said = messages.concat();
        for asks_for_tls in [false, true] {
            let said = if asks_for_tls { [b"N", said.as_slice()].concat() } else { said.clone() };
            for step in [1, 3, said.len()] {
                let required = RequiredAuth::parse(required).unwrap();
                let mut gate = Gate::new((), required.clone(), asks_for_tls);
                let outcome: Result<(), Refused> =
                    said.chunks(step).try_for_each(|chunk| gate.watch.see(chunk));
                let outcome = outcome.map_err(|refused| refused.to_string());
                assert_eq!(outcome, expected.map_err(str::to_owned), "{required:?} in steps of {step}");
            }
        }
    }

    const NOTICE: &[u8] = b"N\0\0\0\x0bSNOTE\0\0";
    const OK: &[u8] = b"R\0\0\0\x08\0\0\0\0";
    const PASSWORD: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
    const MD5: &[u8] = b"R\0\0\0\x0c\0\0\0\x05salt";
    const SCRAM: &[u8] = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";
    const SCRAM_GOES_ON: &[u8] = b"R\0\0\0\x0b\0\0\0\x0br=x";
    const SCRAM_ENDS: &[u8] = b"R\0\0\0\x0b\0\0\0\x0cv=x";

    #[test]
    fn a_method_that_is_not_wanted_is_not_answered() {
        let all = [SCRAM, SCRAM_GOES_ON, SCRAM_ENDS, OK];
        check("scram-sha-256", &all, Ok(()));
        check("password,scram-sha-256", &[NOTICE, SCRAM, SCRAM_GOES_ON, SCRAM_ENDS, OK], Ok(()));
        check("!password", &[MD5, OK], Ok(()));
        check("none", &[NOTICE, OK, PASSWORD], Ok(()));
        check("!md5", &[OK], Ok(()));
        check(
            "scram-sha-256",
            &[NOTICE, PASSWORD],
            Err("require_auth is scram-sha-256, but the server asks for the password in clear text"),
        );
        check(
            "md5,scram-sha-256",
            &[OK],
            Err("require_auth is md5,scram-sha-256, but the server lets everybody in and asks for nothing"),
        );
        check(
            "!md5,!password",
            &[MD5],
            Err("require_auth is !md5,!password, but the server asks for an MD5 hash of the password"),
        );
        check("none", &all, Err("require_auth is none, but the server asks for SCRAM-SHA-256"));
    }
}
