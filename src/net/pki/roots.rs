//! Trust stores: whom to believe, and which store said so.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use tokio::io::AsyncReadExt;

use crate::model::fault::Fault;
use crate::model::text::{count, one_line};

/// The largest file of certificates that is read, in bytes.
const FILE_LIMIT: u64 = 8 << 20;

/// Some root certificates.
#[derive(Debug)]
pub struct Roots {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    /// Which store this is, such as `platform (142 roots)`.
    pub label: String,
}

impl Roots {
    /// The roots this machine trusts, read at the first call and kept.
    ///
    /// # Errors
    /// [`Fault::Local`] when there is not a single one.
    pub fn platform() -> Result<Arc<Self>, Fault> {
        static PLATFORM: OnceLock<Result<Arc<Roots>, Fault>> = OnceLock::new();
        PLATFORM.get_or_init(Self::load_platform).clone()
    }

    fn load_platform() -> Result<Arc<Self>, Fault> {
        let found = rustls_native_certs::load_native_certs();
        let anchors = anchors(&found.certs);
        if anchors.is_empty() {
            let reason = found.errors.first().map_or_else(
                || "there are none; install ca-certificates, or name a `ca` file".to_owned(),
                |error| one_line(&error.to_string()),
            );
            return Err(Fault::Local { what: "reading the platform's roots".to_owned(), reason });
        }
        let label = format!("platform ({})", count(anchors.len(), "root"));
        Ok(Arc::new(Self { anchors, label }))
    }

    /// The roots in a PEM file.
    ///
    /// # Errors
    /// [`Fault::Local`] when it cannot be read or has no certificate in it.
    pub async fn file(path: &Path) -> Result<Arc<Self>, Fault> {
        let what = format!("reading {}", path.display());
        let bytes = read(path).await.map_err(|error| Fault::from_io(&what, &error))?;
        let bad = |reason: String| Fault::Local { what: what.clone(), reason };
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| bad(format!("not PEM: {error}")))?;
        let anchors = anchors(&certificates);
        if anchors.is_empty() {
            return Err(bad("no certificate in it; it must be PEM".to_owned()));
        }
        let label = format!("{} ({})", path.display(), count(anchors.len(), "root"));
        Ok(Arc::new(Self { anchors, label }))
    }

    /// The same roots as a client's configuration wants them.
    #[must_use]
    pub fn store(&self) -> RootCertStore {
        self.anchors.iter().cloned().collect()
    }
}

/// The certificates as anchors; what is no certificate vouches for nothing.
fn anchors(certificates: &[CertificateDer<'static>]) -> Vec<TrustAnchor<'static>> {
    let anchor = |der| webpki::anchor_from_trusted_cert(der).map(|anchor| anchor.to_owned()).ok();
    certificates.iter().filter_map(anchor).collect()
}

async fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!("larger than {} MiB", FILE_LIMIT >> 20),
        ));
    }
    Ok(bytes)
}
