//! How to be let in: whom to trust, who to be, what to send along, and by which proxy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::header::{HeaderName, HeaderValue};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HttpUrl;
use crate::model::fault::Fault;
use crate::net::pki::file;
use crate::net::pki::roots::Roots;
use crate::net::tls;

/// How to be let in by a server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// A PEM file of the certificates to trust, instead of the machine's own; relative to the
    /// checklist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// A PEM file with the certificate to show (mutual TLS), its intermediates after it; needs
    /// `client_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cert: Option<PathBuf>,
    /// The PEM file with the private key of `client_cert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<PathBuf>,
    /// Headers to send with every request, such as
    /// `{ Authorization: "Bearer ${env:AM_TOKEN}", X-Scope-OrgID: games }`. For basic
    /// authentication write user and password into the URL, `https://me:${env:PASSWORD}@host`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// An HTTP proxy to go through, such as `http://proxy.example.com:3128`. Default: none,
    /// whatever the environment says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<HttpUrl>,
}

impl Access {
    /// Access that differs from the default only in whom it trusts.
    #[must_use]
    pub fn trusting(ca: Option<PathBuf>) -> Self {
        Self { ca, ..Self::default() }
    }

    /// Whether it is what everybody has who asks for nothing special.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The same with its files looked for in a folder.
    #[must_use]
    pub fn based(&self, base: &Path) -> Self {
        let at = |file: &Option<PathBuf>| file.as_ref().map(|file| base.join(file));
        Self {
            ca: at(&self.ca),
            client_cert: at(&self.client_cert),
            client_key: at(&self.client_key),
            ..self.clone()
        }
    }

    /// What is wrong with it, and what to do instead.
    #[must_use]
    pub fn complaint(&self) -> Option<(String, &'static str)> {
        if self.client_cert.is_some() != self.client_key.is_some() {
            let message = "`client_cert` and `client_key` go together".to_owned();
            return Some((message, "name both files, or neither"));
        }
        let bad = |(name, value): &(&String, &String)| {
            HeaderName::try_from(name.as_str()).is_err() || HeaderValue::try_from(*value).is_err()
        };
        let (name, _) = self.headers.iter().find(bad)?;
        let message = format!("the header `{name}` or its value cannot be sent");
        Some((message, "a name has letters, digits and dashes, and a value has no line breaks"))
    }

    /// The configuration of a TLS client with this access.
    pub(super) async fn tls(&self) -> Result<ClientConfig, Fault> {
        let roots = match &self.ca {
            None => Roots::platform()?,
            Some(file) => Roots::file(file).await?,
        };
        let builder = builder().with_root_certificates(roots.store());
        let config = match (&self.client_cert, &self.client_key) {
            (Some(cert), Some(key)) => {
                let what = || format!("using the certificate {}", cert.display());
                let bad = |reason: String| Fault::Local { what: what(), reason };
                let chain = file::certificates(cert).await?;
                let key = PrivateKeyDer::from_pem_slice(&file::read(key).await?)
                    .map_err(|error| bad(error.to_string()))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| bad(error.to_string()))?
            }
            (Some(_), None) | (None, _) => builder.with_no_client_auth(),
        };
        Ok(speaking_http(config))
    }
}

/// The configuration of a client that never speaks TLS: trusting nobody.
pub(super) fn plain() -> ClientConfig {
    let nobody = RootCertStore::empty();
    speaking_http(builder().with_root_certificates(nobody).with_no_client_auth())
}

/// The configuration of a TLS client that takes any certificate.
pub(super) fn unchecked() -> ClientConfig {
    speaking_http(tls::unchecked())
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::clone(tls::provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of TLS 1.2 and 1.3")
}

fn speaking_http(mut config: ClientConfig) -> ClientConfig {
    // Not HTTP/2: its library turns the reason of a broken connection into text, so that a refused
    // certificate could not be told from any other end.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
