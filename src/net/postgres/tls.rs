//! `sslmode` as libpq means it, on rustls: what is verified, and what a password is bound to.

use std::path::Path;

use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::url::{PgUrl, SslMode};
use crate::model::fault::Fault;
use crate::net::channel::{certificates, read, unusable};
use crate::net::trust::{self, Trust};

/// How to open TLS for a URL; the files it names are relative to `base`.
///
/// # Errors
/// [`Fault::Local`] when a file cannot be read, or the system has no roots.
pub(super) fn config(url: &PgUrl, base: &Path) -> Result<ClientConfig, Fault> {
    // For compatibility libpq verifies the chain under `require` as soon as it is given a root.
    let trust = match url.sslmode {
        SslMode::VerifyFull => Trust::ChainAndName,
        SslMode::VerifyCa => Trust::Chain,
        SslMode::Require if url.sslrootcert.is_some() => Trust::Chain,
        SslMode::Require | SslMode::Disable | SslMode::Allow | SslMode::Prefer => Trust::Nothing,
    };
    let roots = url.sslrootcert.as_ref().map(|file| base.join(file));
    let builder = trust::config(trust, roots.as_deref())?;
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
