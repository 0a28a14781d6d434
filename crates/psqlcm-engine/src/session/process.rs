//! Which server process the server named when the session began: the key for cancel requests holds its number.
//!
//! Where another process answers, something stands between us and the server that began a session of its own: a
//! connection pooler. A proxy that only passes bytes on is not seen, and need not be.
//!
//! The library does not tell the number. It writes it into cancel requests, so it is asked to write one to nobody.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::CancelToken;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// The length of a cancel request: length, code, process, key; four bytes each.
const REQUEST: usize = 16;

/// The number of the process that cancel requests of the session name; `None` if the library writes no such request.
pub(super) async fn process(token: &CancelToken) -> Option<i32> {
    let mut nobody = Nobody { heard: Vec::new() };
    token.cancel_query_raw(&mut nobody, NoHandshake).await.ok()?;
    let request = nobody.heard.len().checked_sub(REQUEST).map(|start| &nobody.heard[start..])?;
    let process: [u8; 4] = request.get(8..12)?.try_into().ok()?;
    Some(i32::from_be_bytes(process))
}

/// Takes every word, and says yes to encryption, of which there is none.
struct Nobody {
    heard: Vec<u8>,
}

impl AsyncRead for Nobody {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        answer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        answer.put_slice(b"S");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Nobody {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.heard.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Leaves the stream as it is.
struct NoHandshake;

impl<'a> TlsConnect<&'a mut Nobody> for NoHandshake {
    type Stream = AsItIs<'a>;
    type Error = io::Error;
    type Future = Ready<io::Result<AsItIs<'a>>>;

    fn connect(self, stream: &'a mut Nobody) -> Self::Future {
        ready(Ok(AsItIs(stream)))
    }
}

struct AsItIs<'a>(&'a mut Nobody);

impl TlsStream for AsItIs<'_> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for AsItIs<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        answer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(context, answer)
    }
}

impl AsyncWrite for AsItIs<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(context)
    }
}
