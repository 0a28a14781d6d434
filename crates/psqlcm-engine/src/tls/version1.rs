//! Certificates of X.509 version 1, which have no extensions and which rustls refuses to read.
//!
//! `openssl x509 -req` makes them, and that is the command by which PostgreSQL's documentation has a server's
//! certificate signed. They are accepted if a root has signed them directly: without extensions nobody can say what
//! an intermediate may do.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, DigitallySignedStruct, Error};
use x509_cert::certificate::Version;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::{Certificate, der};

/// Whether the certificate is of that version.
pub(super) fn is_version_1(certificate: &CertificateDer<'_>) -> bool {
    Certificate::from_der(certificate)
        .is_ok_and(|certificate| certificate.tbs_certificate.version == Version::V1)
}

/// Whether one of the roots, which must be valid themselves, has signed the certificate.
pub(super) fn is_signed_by(
    certificate: &Certificate,
    roots: impl Iterator<Item = Certificate>,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), Error> {
    let tbs = &certificate.tbs_certificate;
    if tbs.signature != certificate.signature_algorithm {
        return Err(CertificateError::BadEncoding.into());
    }
    let message = tbs.to_der().map_err(bad)?;
    let signature = certificate.signature.as_bytes().ok_or(CertificateError::BadEncoding)?;
    let with = contents(&certificate.signature_algorithm).map_err(bad)?;
    let mut refusal = CertificateError::UnknownIssuer;
    for root in roots.filter(|root| root.tbs_certificate.subject == tbs.issuer) {
        let (key_kind, key) = key(&root.tbs_certificate.subject_public_key_info)?;
        let is_signed = algorithms
            .all
            .iter()
            .filter(|algorithm| algorithm.signature_alg_id().as_ref() == with)
            .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == key_kind)
            .any(|algorithm| algorithm.verify_signature(&key, &message, signature).is_ok());
        if is_signed {
            return Ok(());
        }
        refusal = CertificateError::BadSignature;
    }
    Err(refusal.into())
}

/// Whether the server holds the certificate's key, in a TLS 1.2 handshake.
pub(super) fn verify_tls12_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let certificate = Certificate::from_der(certificate).map_err(bad)?;
    let (key_kind, key) = key(&certificate.tbs_certificate.subject_public_key_info)?;
    let is_signed = algorithms
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme == signature.scheme)
        .flat_map(|(_, algorithms)| algorithms.iter())
        .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == key_kind)
        .any(|algorithm| algorithm.verify_signature(&key, message, signature.signature()).is_ok());
    if is_signed {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(CertificateError::BadSignature.into())
    }
}

/// The certificate's public key as TLS 1.3 has it where no certificate is sent.
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Result<Vec<u8>, Error> {
    let certificate = Certificate::from_der(certificate).map_err(bad)?;
    certificate.tbs_certificate.subject_public_key_info.to_der().map_err(bad)
}

/// The kind of a key and the key itself, as the algorithms of rustls want them.
fn key(info: &SubjectPublicKeyInfoOwned) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let key = info.subject_public_key.as_bytes().ok_or(CertificateError::BadEncoding)?;
    Ok((contents(&info.algorithm).map_err(bad)?, key.to_vec()))
}

/// An algorithm's identifier without the header of its sequence, which rustls leaves out.
fn contents(algorithm: &AlgorithmIdentifierOwned) -> der::Result<Vec<u8>> {
    let mut contents = algorithm.oid.to_der()?;
    if let Some(parameters) = &algorithm.parameters {
        contents.extend(parameters.to_der()?);
    }
    Ok(contents)
}

fn bad(_: der::Error) -> Error {
    CertificateError::BadEncoding.into()
}
