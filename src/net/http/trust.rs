//! Whom HTTPS trusts: the platform's roots, or one PEM file instead of them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::model::fault::Fault;

/// Whom HTTPS trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// The roots of the machine.
    #[default]
    Platform,
    /// The certificates of a PEM file, and no others.
    File(PathBuf),
}

impl Trust {
    /// The file's certificates where there is one, else the platform's.
    #[must_use]
    pub fn new(ca: Option<PathBuf>) -> Self {
        ca.map_or(Self::Platform, Self::File)
    }

    /// The configuration of a TLS client that trusts these.
    pub(super) fn config(&self) -> Result<ClientConfig, Fault> {
        let roots = match self {
            Self::Platform => roots(None)?,
            Self::File(file) => roots(Some(file))?,
        };
        Ok(config(roots))
    }
}

/// The configuration of a client that never speaks TLS: trusting nobody.
pub(super) fn plain() -> ClientConfig {
    config(Arc::new(RootCertStore::empty()))
}

fn config(roots: Arc<RootCertStore>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// The roots of a PEM file, or without one the platform's, read once.
///
/// # Errors
/// [`Fault::Local`] when the file cannot be read or holds no certificate, or the platform has none.
pub fn roots(ca: Option<&Path>) -> Result<Arc<RootCertStore>, Fault> {
    static PLATFORM: OnceLock<Result<Arc<RootCertStore>, Fault>> = OnceLock::new();
    match ca {
        Some(file) => from_file(file).map(Arc::new),
        None => PLATFORM.get_or_init(|| platform().map(Arc::new)).clone(),
    }
}

fn from_file(file: &Path) -> Result<RootCertStore, Fault> {
    let local = |reason: String| Fault::Local {
        what: format!("reading the certificates of {}", file.display()),
        reason,
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|e| local(e.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| local(error.to_string()))?;
        roots.add(certificate).map_err(|error| local(error.to_string()))?;
    }
    if roots.is_empty() { Err(local("it holds no certificate".to_owned())) } else { Ok(roots) }
}

fn platform() -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    // A platform store with one unreadable certificate among hundreds is still a store.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found
            .errors
            .first()
            .map_or_else(|| "there are none; name a `ca` file".to_owned(), ToString::to_string);
        let what = "reading the platform's trusted certificates".to_owned();
        return Err(Fault::Local { what, reason });
    }
    Ok(roots)
}
