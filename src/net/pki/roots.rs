//! Trust stores: whom to believe, and which store said so.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use super::file;
use crate::model::fault::Fault;
use crate::model::text::{count, one_line};

/// Some root certificates.
#[derive(Debug)]
pub struct Roots {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    /// Which store this is, such as `platform (142 roots)`.
    pub label: String,
}

impl Roots {
    /// No roots: what is asked of these is only which certificates belong together.
    #[must_use]
    pub fn none() -> Self {
        Self { anchors: Vec::new(), label: "no roots".to_owned() }
    }

    /// These certificates as roots, under a name of the caller's.
    #[must_use]
    pub fn of(certificates: &[CertificateDer<'static>], label: &str) -> Self {
        Self { anchors: anchors(certificates), label: label.to_owned() }
    }

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
        let label = format!("this machine ({})", count(anchors.len(), "root"));
        Ok(Arc::new(Self { anchors, label }))
    }

    /// The roots in a PEM file.
    ///
    /// # Errors
    /// [`Fault::Local`] when it cannot be read or has no certificate in it.
    pub async fn file(path: &Path) -> Result<Arc<Self>, Fault> {
        let anchors = anchors(&file::certificates(path).await?);
        if anchors.is_empty() {
            let what = format!("reading {}", path.display());
            return Err(Fault::Local { what, reason: "no root certificate in it".to_owned() });
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
