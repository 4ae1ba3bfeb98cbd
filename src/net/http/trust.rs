//! Whom HTTPS trusts: the platform's roots, or one PEM file instead of them.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::model::fault::Fault;
use crate::net::pki::roots::Roots;
use crate::net::tls;

/// Whom HTTPS trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// The roots of the machine.
    #[default]
    Platform,
    /// The certificates of a PEM file, and no others.
    File(PathBuf),
    /// Whoever answers: for a look in the place of somebody who does not check either, such as a
    /// certificate authority that follows a redirect (RFC 8555 §8.3).
    Anyone,
}

impl Trust {
    /// The file's certificates where there is one, else the platform's.
    #[must_use]
    pub fn new(ca: Option<PathBuf>) -> Self {
        ca.map_or(Self::Platform, Self::File)
    }

    /// The configuration of a TLS client that trusts these.
    pub(super) async fn config(&self) -> Result<ClientConfig, Fault> {
        let roots = match self {
            Self::Platform => Roots::platform()?,
            Self::File(file) => Roots::file(file).await?,
            Self::Anyone => return Ok(tls::unchecked()),
        };
        Ok(config(roots.store()))
    }
}

/// The configuration of a client that never speaks TLS: trusting nobody.
pub(super) fn plain() -> ClientConfig {
    config(RootCertStore::empty())
}

fn config(roots: RootCertStore) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(tls::provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
