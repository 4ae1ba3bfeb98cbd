//! `sslmode` as libpq means it, on rustls: what is verified, and what the server may answer.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::url::{PgUrl, SslMode};
use crate::model::fault::Fault;
use crate::net::channel::{certificates, read, system_roots, unusable};

/// What is verified of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Nothing: against eavesdroppers only.
    Nothing,
    /// The chain.
    Chain,
    /// The chain and the name.
    ChainAndName,
}

/// How to open TLS for a URL; the files it names are relative to `base`.
///
/// # Errors
/// [`Fault::Local`] when a file cannot be read, or the system has no roots.
pub(super) fn config(url: &PgUrl, base: &Path) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    // For compatibility libpq verifies the chain under `require` as soon as it is given a root.
    let trust = match url.sslmode {
        SslMode::VerifyFull => Trust::ChainAndName,
        SslMode::VerifyCa => Trust::Chain,
        SslMode::Require if url.sslrootcert.is_some() => Trust::Chain,
        SslMode::Require | SslMode::Disable | SslMode::Allow | SslMode::Prefer => Trust::Nothing,
    };
    let roots = match trust {
        Trust::Nothing => Vec::new(),
        Trust::Chain | Trust::ChainAndName => match &url.sslrootcert {
            Some(file) => certificates(&base.join(file))?,
            None => system_roots()?,
        },
    };
    let mut anchors = RootCertStore::empty();
    // As OpenSSL has it, a chain ends at a certificate that signs itself; others in the file only
    // help to build it.
    let (roots, helpers): (Vec<_>, Vec<_>) = roots.into_iter().partition(signs_itself);
    anchors.add_parsable_certificates(roots.iter().cloned());
    let verifier = Verifier { trust, anchors, roots, helpers, provider: provider.clone() };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Bug { message: error.to_string() })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &url.client_cert {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let (cert, key) = (base.join(cert), base.join(key));
            let chain = certificates(&cert)?;
            let der = PrivateKeyDer::from_pem_slice(&read(&key)?)
                .map_err(|error| unusable(&key, &error.to_string()))?;
            builder
                .with_client_auth_cert(chain, der)
                .map_err(|error| unusable(&cert, &error.to_string()))?
        }
    };
    // As libpq 17 does; older servers do not look at it.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    // Every connection is verified by itself.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    anchors: RootCertStore,
    roots: Vec<CertificateDer<'static>>,
    helpers: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // The usual certificate of a PostgreSQL server signs itself and is its own root. OpenSSL
        // takes it for that; webpki refuses every root that stands where a leaf should.
        if self.roots.iter().any(|root| root.as_ref() == leaf.as_ref()) {
            return in_date(leaf, now);
        }
        let mut chain = intermediates.to_vec();
        chain.extend(self.helpers.iter().cloned());
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(leaf)?,
            &self.anchors,
            &chain,
            now,
            self.provider.signature_verification_algorithms.all,
        )
    }
}

fn signs_itself(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, it)| it.subject() == it.issuer())
}

fn in_date(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < leaf.validity().not_before.timestamp() {
        Err(CertificateError::NotValidYet.into())
    } else if now > leaf.validity().not_after.timestamp() {
        Err(CertificateError::Expired.into())
    } else {
        Ok(())
    }
}

/// Whether the certificate is for the name. One without any subject alternative name is compared
/// by its common name, as libpq does (and browsers no longer do).
fn for_name(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let strict = ParsedCertificate::try_from(leaf).and_then(|leaf| verify_server_name(&leaf, name));
    let Err(refusal) = strict else { return Ok(()) };
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
    if parsed.subject_alternative_name().ok().flatten().is_some() {
        return Err(refusal);
    }
    let wanted = name.to_str();
    let fits = parsed.subject().iter_common_name().any(|common| {
        common.as_str().is_ok_and(|common| match common.strip_prefix("*.") {
            Some(domain) => {
                wanted.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain))
            }
            None => common.eq_ignore_ascii_case(&wanted),
        })
    });
    if fits { Ok(()) } else { Err(refusal) }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.trust {
            Trust::Nothing => {}
            Trust::Chain => self.chain(leaf, intermediates, now)?,
            Trust::ChainAndName => {
                self.chain(leaf, intermediates, now)?;
                for_name(leaf, name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What a password is bound to: the certificate's hash, by the hash of its own signature but never
/// weaker than SHA-256 (RFC 5929 §4.1). `None` where the signature has no such hash.
pub(super) fn end_point(leaf: &CertificateDer<'_>) -> Option<Vec<u8>> {
    use ::aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};

    let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
    let algorithm = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // md5, sha1 and sha256 with RSA; ECDSA with SHA-1 and SHA-256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => &SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &SHA512,
        _ => return None,
    };
    Some(digest(algorithm, leaf).as_ref().to_vec())
}
