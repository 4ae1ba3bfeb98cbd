//! Private keys in files: read only to compare their public halves, and forgotten.

use std::path::Path;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::certificate::parse;
use super::file;
use crate::model::fault::Fault;

/// Whether a key is a certificate's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pair {
    /// It is.
    Matches,
    /// It is another one's.
    Differs,
}

/// Compares the key in a PEM file with a certificate. No part of the key leaves this function, not
/// even in a fault.
///
/// # Errors
/// A [`Fault`] when there is no key that can be read; [`Fault::Denied`] when it is encrypted.
pub async fn compare(path: &Path, certificate: &[u8]) -> Result<Pair, Fault> {
    let what = format!("reading the key {}", path.display());
    let bytes = file::read(path).await?;
    let bad = |reason: &str| Fault::Local { what: what.clone(), reason: reason.to_owned() };
    if is_encrypted(&bytes) {
        return Err(Fault::Denied { what, need: "the key without a pass phrase".to_owned() });
    }
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| bad("no private key in it"))?;
    pair(key, certificate).map_err(|reason| bad(&reason))
}

/// Whether a certificate is for a public key, given as `SubjectPublicKeyInfo`.
#[must_use]
pub fn is_for(certificate: &[u8], public_key: &[u8]) -> bool {
    parse(certificate).is_ok_and(|x509| x509.public_key().raw == public_key)
}

/// Compares a key with a certificate; the reason why that cannot be done has nothing of the key.
pub(super) fn pair(key: PrivateKeyDer<'static>, certificate: &[u8]) -> Result<Pair, String> {
    let key = crate::net::tls::provider().key_provider.load_private_key(key);
    let key = key.map_err(|_| "not a key this tool knows")?;
    let public = key.public_key().ok_or("its public half cannot be told")?;
    let certificate = parse(certificate).map_err(|error| error.to_string())?;
    let same = certificate.public_key().raw == public.as_ref();
    Ok(if same { Pair::Matches } else { Pair::Differs })
}

/// Whether a PEM file holds a key under a pass phrase, in either of the two ways.
fn is_encrypted(pem: &[u8]) -> bool {
    let marks: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
    marks.iter().any(|mark| pem.windows(mark.len()).any(|window| window == *mark))
}
