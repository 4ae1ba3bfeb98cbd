//! TLS for questions: which servers are believed. The certificate must be valid for the address
//! that was written (RFC 8310 §5, strict): an answer from somebody else proves nothing.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::server::Server;
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::pki::roots::Roots;
use crate::net::tls::provider;

/// The configuration of a client that trusts some roots, or the platform's.
pub(super) fn config(roots: Option<&Roots>, protocols: &[&[u8]]) -> Result<ClientConfig, Fault> {
    let platform;
    let roots = if let Some(roots) = roots {
        roots
    } else {
        platform = Roots::platform()?;
        &platform
    };
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of TLS 1.2 and 1.3")
        .with_root_certificates(roots.store())
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// Speaks TLS on a connection (RFC 7858).
pub(super) async fn shake(
    stream: TcpStream,
    server: Server,
    roots: Option<Arc<Roots>>,
    limit: Duration,
) -> Result<Box<TlsStream<TcpStream>>, Fault> {
    let what = || format!("asking {server}");
    let config = config(roots.as_deref(), &[b"dot"])?;
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::IpAddress(server.address.ip().into());
    match tokio::time::timeout(limit, connector.connect(name, stream)).await {
        Err(_) => Err(Fault::Timeout { what: what(), after: limit.into() }),
        Ok(Err(error)) => Err(Fault::Unreadable { what: what(), reason: innermost(&error) }),
        Ok(Ok(stream)) => Ok(Box::new(stream)),
    }
}

/// The last cause of an error, which says what happened.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    one_line(&error.to_string())
}
