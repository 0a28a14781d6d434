//! TLS as libpq does it, with rustls: what each `sslmode` demands of the server's certificate, and ours.
//!
//! Reads certificate files when a connection is made. It decides nothing about falling back: that is the dialler's.

mod verify;
mod version1;

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::conninfo::{Certificates, ConnInfo, Endpoint, Roots, SslMode, TlsVersion};
use verify::{Trust, Verifier};

/// Makes TLS connections for one [`ConnInfo`].
#[derive(Clone)]
pub(crate) struct Connector {
    rustls: MakeRustlsConnect,
    was_used: Arc<AtomicBool>,
}

impl Connector {
    /// Reads the certificates that the connection needs.
    pub(crate) fn new(info: &ConnInfo) -> Result<Self, TlsError> {
        let mode = info.tuning().ssl_mode;
        // What never encrypts must not fail for a certificate.
        if mode == SslMode::Disable || info.endpoints().iter().all(Endpoint::is_socket) {
            return Self::unused();
        }
        Ok(Self::with(config(info.certificates(), mode)?))
    }

    /// For connections without TLS.
    pub(crate) fn unused() -> Result<Self, TlsError> {
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Ok(Self::with(config))
    }

    fn with(config: ClientConfig) -> Self {
        Self { rustls: MakeRustlsConnect::new(config), was_used: Arc::default() }
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
        Ok(Handshake { rustls, was_used: Arc::clone(&self.was_used) })
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

/// Why TLS cannot be prepared; each names the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// `verify-ca` and `verify-full` compare with something.
    #[error(
        "there is no root certificate file {}: give sslrootcert, use sslrootcert=system, or change sslmode",
        path.as_deref().unwrap_or(Path::new("~/.postgresql/root.crt")).display()
    )]
    NoRoots { path: Option<PathBuf> },
    /// Neither the variables nor the usual places of the system hold any.
    #[error("sslrootcert=system: this machine has no trusted certificates")]
    NoSystemRoots,
    /// A certificate, key or revocation list that cannot be read.
    #[error("cannot read {what} from {}", path.display())]
    Unreadable {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: pem::Error,
    },
    /// No such item in the file.
    #[error("there is no {what} in {}", path.display())]
    Empty { what: &'static str, path: PathBuf },
    /// A client certificate without its key.
    #[error("certificate {} is present, but not its private key file {}", certificate.display(), key.display())]
    NoKey { certificate: PathBuf, key: PathBuf },
    /// A key that others can read is no secret.
    #[error(
        "private key file {} has group or world access; it must have permissions u=rw (0600) or less, or u=rw,g=r (0640) or less if it belongs to root",
        path.display()
    )]
    ExposedKey { path: PathBuf },
    /// The roots or the revocation lists do not hold together.
    #[error("the certificates in sslrootcert and sslcrl cannot be used")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
    /// rustls refuses the settings.
    #[error("TLS cannot be set up")]
    Rustls(#[from] rustls::Error),
}

/// Our own provider, so that nothing depends on what the process has installed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn config(certificates: &Certificates, mode: SslMode) -> Result<ClientConfig, TlsError> {
    let provider = provider();
    let verifier = Verifier::new(trust(certificates, mode)?, &provider)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(certificates))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match client_certificate(certificates)? {
        Some((chain, key)) => {
            // Not `with_client_auth_cert`: it cannot read certificates of version 1, which many clients have. The
            // server compares the certificate with the key anyway.
            let key = provider.key_provider.load_private_key(key)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
        }
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = certificates.sends_name;
    // As libpq since 17; sslnegotiation=direct depends on it, and older servers do not look.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    // PostgreSQL never resumes a TLS session.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn versions(certificates: &Certificates) -> Vec<&'static SupportedProtocolVersion> {
    [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)]
        .into_iter()
        .filter(|(version, _)| {
            *version >= certificates.oldest && certificates.newest.is_none_or(|newest| *version <= newest)
        })
        .map(|(_, version)| version)
        .collect()
}

/// What the server's certificate must be. As in libpq the modes below `verify-ca` look at it only if there is a root
/// certificate to compare with.
fn trust(certificates: &Certificates, mode: SslMode) -> Result<Trust, TlsError> {
    let (roots, path) = match &certificates.roots {
        Roots::System => (Some(system_roots()?), None),
        Roots::File(path) if path.exists() => (Some(read_all(path, "certificate")?), Some(path.clone())),
        Roots::File(path) => (None, Some(path.clone())),
        Roots::None => (None, None),
    };
    let Some(roots) = roots else {
        return if mode >= SslMode::VerifyCa { Err(TlsError::NoRoots { path }) } else { Ok(Trust::Anyone) };
    };
    let revocations: Vec<CertificateRevocationListDer<'static>> = match &certificates.revocations {
        Some(path) if path.exists() => read_all(path, "revocation list")?,
        _ => Vec::new(),
    };
    Ok(Trust::Issued { roots, revocations, to_the_host: mode == SslMode::VerifyFull })
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() { Err(TlsError::NoSystemRoots) } else { Ok(found) }
}

type ChainAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The client's certificate, if its file is there.
fn client_certificate(certificates: &Certificates) -> Result<Option<ChainAndKey>, TlsError> {
    let Some((certificate, key)) = &certificates.client else {
        return Ok(None);
    };
    if !certificate.exists() {
        return Ok(None);
    }
    let chain = read_all(certificate, "certificate")?;
    let Ok(metadata) = std::fs::metadata(key) else {
        return Err(TlsError::NoKey { certificate: certificate.clone(), key: key.clone() });
    };
    let exposing = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.permissions().mode() & exposing != 0 {
        return Err(TlsError::ExposedKey { path: key.clone() });
    }
    let key = match PrivateKeyDer::from_pem_file(key) {
        Ok(found) => found,
        Err(pem::Error::NoItemsFound) => {
            return Err(TlsError::Empty { what: "unencrypted private key", path: key.clone() });
        }
        Err(source) => {
            return Err(TlsError::Unreadable { what: "the private key", path: key.clone(), source });
        }
    };
    Ok(Some((chain, key)))
}

fn read_all<T: PemObject>(path: &Path, what: &'static str) -> Result<Vec<T>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { what, path: path.to_owned(), source };
    let items =
        T::pem_file_iter(path).map_err(unreadable)?.collect::<Result<Vec<T>, _>>().map_err(unreadable)?;
    if items.is_empty() { Err(TlsError::Empty { what, path: path.to_owned() }) } else { Ok(items) }
}
