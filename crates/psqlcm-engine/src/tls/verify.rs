//! Whether a server's certificate is good enough, by libpq's (that is, OpenSSL's) measure.
//!
//! rustls follows the rules for the public web. Three things that PostgreSQL's own documentation tells people to make
//! break those rules and are accepted here as libpq accepts them: a self-signed certificate that is its own root, a
//! certificate that names its host in the common name only, and one of X.509 version 1.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::db::{rfc4519::COMMON_NAME, rfc5280::ID_CE_SUBJECT_ALT_NAME};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::version1;

/// Whom to believe.
pub(super) enum Trust {
    /// Everybody: encrypted, but with whom is not known.
    Anyone,
    /// Who was certified by a root, or is one.
    Issued {
        roots: Vec<CertificateDer<'static>>,
        revocations: Vec<CertificateRevocationListDer<'static>>,
        /// And certified to be the host we asked for.
        to_the_host: bool,
    },
}

/// Applies a [`Trust`] in the handshake.
#[derive(Debug)]
pub(super) struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    chain: Option<Chain>,
}

#[derive(Debug)]
struct Chain {
    roots: Vec<CertificateDer<'static>>,
    webpki: Arc<WebPkiServerVerifier>,
    to_the_host: bool,
    has_revocations: bool,
}

impl Verifier {
    pub(super) fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Result<Self, VerifierBuilderError> {
        let algorithms = provider.signature_verification_algorithms;
        let (roots, revocations, to_the_host) = match trust {
            Trust::Anyone => {
                return Ok(Self { algorithms, chain: None });
            }
            Trust::Issued { roots, revocations, to_the_host } => (roots, revocations, to_the_host),
        };
        let has_revocations = !revocations.is_empty();
        let mut store = RootCertStore::empty();
        // One odd certificate in a bundle must not spoil the rest; without any, building fails.
        store.add_parsable_certificates(roots.iter().cloned());
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
            .with_crls(revocations)
            // As OpenSSL: a list that is out of date says nothing of today.
            .enforce_revocation_expiration()
            .build()?;
        Ok(Self { algorithms, chain: Some(Chain { roots, webpki, to_the_host, has_revocations }) })
    }
}

impl Verifier {
    fn verify_version_1(&self, chain: &Chain, certificate: &Certificate, now: UnixTime) -> Result<(), Error> {
        if chain.has_revocations {
            return Err(CertificateError::UnknownRevocationStatus.into());
        }
        check_dates(certificate, now)?;
        let roots = chain
            .roots
            .iter()
            .filter_map(|root| parse(root).ok())
            .filter(|root| check_dates(root, now).is_ok());
        version1::is_signed_by(certificate, roots, &self.algorithms)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        if chain.roots.contains(certificate) {
            if chain.has_revocations {
                return Err(CertificateError::UnknownRevocationStatus.into());
            }
            check_dates(&parse(certificate)?, now)?;
        } else if version1::is_version_1(certificate) {
            self.verify_version_1(chain, &parse(certificate)?, now)?;
        } else {
            match chain.webpki.verify_server_cert(certificate, intermediates, host, ocsp, now) {
                // The name is looked at last, so all else is well, and we look at it ourselves.
                Ok(_)
                | Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )) => {}
                Err(error) => return Err(error),
            }
        }
        if chain.to_the_host {
            check_host(certificate, host)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if version1::is_version_1(certificate) {
            return version1::verify_tls12_signature(message, certificate, signature, &self.algorithms);
        }
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if version1::is_version_1(certificate) {
            let key = version1::public_key(certificate)?;
            let key = SubjectPublicKeyInfoDer::from(key);
            return verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms);
        }
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn parse(certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

fn check_dates(certificate: &Certificate, now: UnixTime) -> Result<(), Error> {
    let validity = &certificate.tbs_certificate.validity;
    let now = Duration::from_secs(now.as_secs());
    if now < validity.not_before.to_unix_duration() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.to_unix_duration() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// The alternative names decide; the common name only where there are none.
fn check_host(certificate: &CertificateDer<'_>, host: &ServerName<'_>) -> Result<(), Error> {
    let parsed = parse(certificate)?;
    if has_alternative_names(&parsed)? {
        return verify_server_name(&ParsedCertificate::try_from(certificate)?, host);
    }
    let name = common_name(&parsed);
    if name.as_ref().is_some_and(|name| matches_host(name, &host.to_str())) {
        return Ok(());
    }
    Err(CertificateError::NotValidForNameContext {
        expected: host.to_owned(),
        presented: name.into_iter().map(|name| format!("CommonName({name:?})")).collect(),
    }
    .into())
}

fn has_alternative_names(certificate: &Certificate) -> Result<bool, Error> {
    for extension in certificate.tbs_certificate.extensions.iter().flatten() {
        if extension.extn_id == ID_CE_SUBJECT_ALT_NAME {
            let names = SubjectAltName::from_der(extension.extn_value.as_bytes())
                .map_err(|_| CertificateError::BadEncoding)?;
            return Ok(names
                .0
                .iter()
                .any(|name| matches!(name, GeneralName::DnsName(_) | GeneralName::IpAddress(_))));
        }
    }
    Ok(false)
}

fn common_name(certificate: &Certificate) -> Option<String> {
    let subject = &certificate.tbs_certificate.subject;
    let attribute =
        subject.0.iter().flat_map(|names| names.0.iter()).find(|attribute| attribute.oid == COMMON_NAME)?;
    String::from_utf8(attribute.value.value().to_vec()).ok()
}

/// As libpq: no distinction of case, and a star that is the whole first label stands for exactly one label.
fn matches_host(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    if host.parse::<IpAddr>().is_ok() {
        return false;
    }
    match (pattern.strip_prefix("*."), host.split_once('.')) {
        (Some(domain), Some((label, rest))) => !label.is_empty() && domain.eq_ignore_ascii_case(rest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches_host;

    #[test]
    fn a_star_stands_for_one_label() {
        for (pattern, host, matches) in [
            ("db.example.com", "DB.example.COM", true),
            ("*.example.com", "db.example.com", true),
            ("*.example.com", "a.db.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("d*.example.com", "db.example.com", false),
            ("*", "localhost", false),
            ("*.0.0.1", "127.0.0.1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("db.example.com\0.evil.org", "db.example.com", false),
        ] {
            assert_eq!(matches_host(pattern, host), matches, "{pattern:?} for {host:?}");
        }
    }
}
