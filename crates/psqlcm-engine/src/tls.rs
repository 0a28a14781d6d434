//! TLS as libpq does it, with rustls: what each `sslmode` demands of the server's certificate, and ours.
//!
//! Reads certificate files when a connection is made. It decides nothing about falling back: that is the dialler's.

mod verify;
mod version1;

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::der::SecretDocument;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, SignatureScheme, SupportedProtocolVersion};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::conninfo::{
    CertificateMode, Certificates, ConnInfo, Endpoint, Roots, Secret, SslMode, TlsVersion,
};
use crate::wire::{Gate, Socket};
use verify::{Trust, Verifier};

/// Makes TLS connections for one [`ConnInfo`].
#[derive(Clone)]
pub(crate) struct Connector {
    rustls: MakeRustlsConnect,
    was_used: Arc<AtomicBool>,
    /// Only with `sslcertmode=require`.
    certificate: Option<Arc<Asked>>,
}

impl Connector {
    /// Reads the certificates that the connection needs.
    pub(crate) fn new(info: &ConnInfo) -> Result<Self, TlsError> {
        let mode = info.tuning().ssl_mode;
        // What never encrypts must not fail for a certificate.
        let mut connector = if mode == SslMode::Disable || info.endpoints().iter().all(Endpoint::is_socket) {
            Self::unused()?
        } else {
            let certificate = Arc::new(Asked::default());
            let config = config(info.certificates(), mode, &certificate)?;
            Self { certificate: Some(certificate), ..Self::with(config) }
        };
        if info.certificates().mode == CertificateMode::Require {
            // Without TLS nobody can ask for it.
            connector.certificate.get_or_insert_default();
        } else {
            connector.certificate = None;
        }
        Ok(connector)
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
        Self { rustls: MakeRustlsConnect::new(config), was_used: Arc::default(), certificate: None }
    }

    /// Whether the last attempt came as far as a handshake: the server has TLS.
    pub(crate) fn was_used(&self) -> bool {
        self.was_used.load(Ordering::Relaxed)
    }

    /// What `sslcertmode=require` has against a server that has let us in.
    pub(crate) fn certificate_complaint(&self) -> Option<&'static str> {
        let asked = self.certificate.as_ref()?;
        match (asked.was_asked.load(Ordering::Relaxed), asked.was_sent.load(Ordering::Relaxed)) {
            (false, _) => {
                Some("the server did not ask for a certificate, and sslcertmode=require demands that")
            }
            (true, false) => {
                Some("the server let us in without a certificate, and sslcertmode=require forbids that")
            }
            (true, true) => None,
        }
    }

    /// Forgets the last attempt.
    pub(crate) fn reset(&self) {
        self.was_used.store(false, Ordering::Relaxed);
        if let Some(asked) = &self.certificate {
            asked.was_asked.store(false, Ordering::Relaxed);
            asked.was_sent.store(false, Ordering::Relaxed);
        }
    }
}

type RustlsConnect = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;
type RustlsStream = <RustlsConnect as TlsConnect<Socket>>::Stream;

/// What a session speaks through when it is encrypted.
pub(crate) type Stream = Gate<RustlsStream>;

impl Connector {
    /// Prepares a handshake with the server of that name.
    pub(crate) fn handshake(&self, host: &str) -> Handshake {
        let mut rustls = self.rustls.clone();
        let Ok(rustls) = MakeTlsConnect::<Socket>::make_tls_connect(&mut rustls, host);
        Handshake { rustls, was_used: Arc::clone(&self.was_used) }
    }
}

/// One handshake, which leaves a note that it was tried.
pub(crate) struct Handshake {
    rustls: RustlsConnect,
    was_used: Arc<AtomicBool>,
}

impl TlsConnect<Gate<Socket>> for Handshake {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn connect(self, stream: Gate<Socket>) -> Self::Future {
        self.was_used.store(true, Ordering::Relaxed);
        let (socket, required) = stream.into_parts();
        let handshake = self.rustls.connect(socket);
        // From here on the server speaks within TLS.
        Box::pin(async { Ok(Gate::new(handshake.await?, required, false)) })
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
    /// A folder that cannot be read.
    #[error("cannot read the folder {} (sslcrldir)", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A folder without revocation lists promises what it does not keep.
    #[error("there is no revocation list in {} (sslcrldir): `openssl rehash` gives them the names that are looked for", path.display())]
    NoLists { path: PathBuf },
    /// A client certificate without its key.
    #[error("certificate {} is present, but not its private key file {}", certificate.display(), key.display())]
    NoKey { certificate: PathBuf, key: PathBuf },
    /// An encrypted key.
    #[error("private key file {} is encrypted: give sslpassword", path.display())]
    NoKeyPassword { path: PathBuf },
    /// A password that does not open it, or an encryption that is not known here.
    #[error("sslpassword does not open the private key file {}", path.display())]
    WrongKeyPassword { path: PathBuf },
    /// OpenSSL's own encryption, which hashes the password once with MD5.
    #[error("private key file {} has an encryption that is obsolete: write it anew with `openssl pkcs8 -topk8`", path.display())]
    OldEncryption { path: PathBuf },
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

/// Whether the server asked for the client's certificate, and whether there was one to send.
#[derive(Debug, Default)]
struct Asked {
    was_asked: AtomicBool,
    was_sent: AtomicBool,
}

/// Answers the server with the client's certificate, if there is one, and leaves a note that it asked.
#[derive(Debug)]
struct Answer {
    certificate: Option<SingleCertAndKey>,
    asked: Arc<Asked>,
}

impl ResolvesClientCert for Answer {
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.was_asked.store(true, Ordering::Relaxed);
        let found = self.certificate.as_ref()?;
        let found = ResolvesClientCert::resolve(found, authorities, schemes);
        self.asked.was_sent.store(found.is_some(), Ordering::Relaxed);
        found
    }

    fn has_certs(&self) -> bool {
        self.certificate.is_some()
    }
}

fn config(certificates: &Certificates, mode: SslMode, asked: &Arc<Asked>) -> Result<ClientConfig, TlsError> {
    let provider = provider();
    let verifier = Verifier::new(trust(certificates, mode)?, &provider)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(certificates))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let certificate = match client_certificate(certificates)? {
        Some((chain, key)) => {
            // Not `with_client_auth_cert`: it cannot read certificates of version 1, which many clients have. The
            // server compares the certificate with the key anyway.
            let key = provider.key_provider.load_private_key(key)?;
            Some(SingleCertAndKey::from(CertifiedKey::new(chain, key)))
        }
        None => None,
    };
    let answer = Answer { certificate, asked: Arc::clone(asked) };
    let mut config = builder.with_client_cert_resolver(Arc::new(answer));
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
    let mut revocations: Vec<CertificateRevocationListDer<'static>> = match &certificates.revocations {
        Some(path) if path.exists() => read_all(path, "revocation list")?,
        _ => Vec::new(),
    };
    if let Some(folder) = &certificates.revocations_folder {
        for path in hashed_lists(folder)? {
            revocations.extend(read_all(&path, "revocation list")?);
        }
    }
    Ok(Trust::Issued { roots, revocations, to_the_host: mode == SslMode::VerifyFull })
}

/// The lists of `sslcrldir`, which `openssl rehash` names `hash.r0`, `hash.r1` and so on.
fn hashed_lists(folder: &Path) -> Result<Vec<PathBuf>, TlsError> {
    let unreadable = |source| TlsError::Folder { path: folder.to_owned(), source };
    let is_list = |path: &Path| {
        let number = path.extension().and_then(|extension| extension.to_str()?.strip_prefix('r'));
        let hash = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let is_hash = hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash && number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if is_list(&path) {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(TlsError::NoLists { path: folder.to_owned() });
    }
    found.sort();
    Ok(found)
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
    Ok(Some((chain, private_key(key, certificates.password.as_ref())?)))
}

/// A key as PEM, encrypted or not, or as DER.
fn private_key(path: &Path, password: Option<&Secret>) -> Result<PrivateKeyDer<'static>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { what: "the private key", path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(|error| unreadable(pem::Error::Io(error)))?;
    let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| text.contains("-----BEGIN ")) else {
        return PrivateKeyDer::try_from(bytes)
            .map_err(|_| TlsError::Empty { what: "private key", path: path.to_owned() });
    };
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::OldEncryption { path: path.to_owned() });
    }
    if text.contains(ENCRYPTED) {
        return decrypted(path, text, password);
    }
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Err(pem::Error::NoItemsFound) => Err(TlsError::Empty { what: "private key", path: path.to_owned() }),
        outcome => outcome.map_err(unreadable),
    }
}

const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

fn decrypted(path: &Path, text: &str, password: Option<&Secret>) -> Result<PrivateKeyDer<'static>, TlsError> {
    let password = password.ok_or_else(|| TlsError::NoKeyPassword { path: path.to_owned() })?;
    let wrong = || TlsError::WrongKeyPassword { path: path.to_owned() };
    let (_, encrypted) = SecretDocument::from_pem(&text[text.find(ENCRYPTED).unwrap_or_default()..])
        .map_err(|_| TlsError::Empty { what: "private key", path: path.to_owned() })?;
    let key = EncryptedPrivateKeyInfo::try_from(encrypted.as_bytes()).map_err(|_| wrong())?;
    let key = key.decrypt(password.expose()).map_err(|_| wrong())?;
    Ok(PrivateKeyDer::Pkcs8(key.as_bytes().to_vec().into()))
}

fn read_all<T: PemObject>(path: &Path, what: &'static str) -> Result<Vec<T>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { what, path: path.to_owned(), source };
    let items =
        T::pem_file_iter(path).map_err(unreadable)?.collect::<Result<Vec<T>, _>>().map_err(unreadable)?;
    if items.is_empty() { Err(TlsError::Empty { what, path: path.to_owned() }) } else { Ok(items) }
}
