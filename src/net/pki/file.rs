//! Certificates in files: PEM with anything around them, or DER.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncReadExt;

use crate::model::fault::Fault;

/// The largest file that is read, in bytes.
const LIMIT: u64 = 8 << 20;

/// The certificates in a file, in its order. At least one.
///
/// # Errors
/// [`Fault::Local`] when it cannot be read or has no certificate in it.
pub async fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    certificates_in(path, read(path).await?)
}

/// The certificates in the bytes of a file. At least one.
///
/// # Errors
/// [`Fault::Local`] when there is none; `path` is for its words.
pub fn certificates_in(path: &Path, bytes: Vec<u8>) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let bad = |reason: String| Fault::Local { what: what(path), reason };
    // A SEQUENCE with a length in two bytes: DER of the size of a certificate.
    if bytes.starts_with(&[0x30, 0x82]) {
        return Ok(vec![CertificateDer::from(bytes)]);
    }
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(format!("not PEM: {error}")))?;
    if found.is_empty() {
        return Err(bad("no certificate in it".to_owned()));
    }
    Ok(found)
}

/// The bytes of a file.
///
/// # Errors
/// [`Fault::Local`] when it cannot be read, or is larger than 8 MiB.
pub async fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let local =
        |error: std::io::Error| Fault::Local { what: what(path), reason: error.to_string() };
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(path).await.map_err(local)?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).await.map_err(local)?;
    if bytes.len() as u64 > LIMIT {
        let reason = format!("larger than {} MiB", LIMIT >> 20);
        return Err(Fault::Local { what: what(path), reason });
    }
    Ok(bytes)
}

fn what(path: &Path) -> String {
    format!("reading {}", path.display())
}
