//! TLS servers that show what they are told to, and servers that do not even speak TLS.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::tls_forge::{Authority, HOST, Identity};

/// What a server shows in its handshakes, the last one over and over.
#[derive(Debug)]
pub(crate) struct Show {
    turns: Vec<Arc<CertifiedKey>>,
    turn: AtomicUsize,
    /// Whether not the turn but the client's kinds of keys decide.
    by_key: bool,
}

impl Show {
    pub(crate) fn new(turns: Vec<Arc<CertifiedKey>>) -> Self {
        Self { turns, turn: AtomicUsize::new(0), by_key: false }
    }

    /// The first that fits the kinds of keys the client knows.
    fn by_key(turns: Vec<Arc<CertifiedKey>>) -> Self {
        Self { by_key: true, ..Self::new(turns) }
    }
}

impl ResolvesServerCert for Show {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if self.by_key {
            let fits = |shown: &&Arc<CertifiedKey>| {
                shown.key.choose_scheme(hello.signature_schemes()).is_some()
            };
            return self.turns.iter().find(fits).cloned();
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).min(self.turns.len() - 1);
        Some(Arc::clone(&self.turns[turn]))
    }
}

/// What is shown in one handshake.
pub(crate) fn turn(
    identity: &Identity,
    chain: Vec<CertificateDer<'static>>,
    staple: Option<Vec<u8>>,
) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
    let provider = gonogo::net::tls::provider();
    let key = provider.key_provider.load_private_key(key).expect("a key");
    let mut shown = CertifiedKey::new(chain, key);
    shown.ocsp = staple;
    Arc::new(shown)
}

/// A loopback listener on a free port.
pub(crate) async fn listener(ip: impl Into<IpAddr>, port: u16) -> TcpListener {
    TcpListener::bind((ip.into(), port)).await.expect("a free port")
}

/// Serves TLS on a listener for the rest of the test.
pub(crate) fn serve_on(
    listener: TcpListener,
    turns: Vec<Arc<CertifiedKey>>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) {
    serve_shown(listener, Show::new(turns), versions);
}

fn serve_shown(
    listener: TcpListener,
    show: Show,
    versions: &[&'static rustls::SupportedProtocolVersion],
) {
    serve_config(listener, show, versions, |_| {});
}

/// Serves TLS with something else about it than the certificate, on a free port; returns it.
pub(crate) async fn serve_changed(
    shown: Arc<CertifiedKey>,
    change: impl FnOnce(&mut ServerConfig),
) -> u16 {
    serve_changed_in(shown, rustls::ALL_VERSIONS, change).await
}

/// The same in some versions only.
pub(crate) async fn serve_changed_in(
    shown: Arc<CertifiedKey>,
    versions: &[&'static rustls::SupportedProtocolVersion],
    change: impl FnOnce(&mut ServerConfig),
) -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    serve_config(listener, Show::new(vec![shown]), versions, change);
    port
}

fn serve_config(
    listener: TcpListener,
    show: Show,
    versions: &[&'static rustls::SupportedProtocolVersion],
    change: impl FnOnce(&mut ServerConfig),
) {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(gonogo::net::tls::provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(show));
    change(&mut config);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    accept(listener, move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                // Until the client leaves.
                let _ended = stream.read(&mut [0; 1]).await;
            }
        }
    });
}

/// Serves TLS on a free port; returns it.
pub(crate) async fn serve(turns: Vec<Arc<CertifiedKey>>) -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    serve_on(listener, turns, rustls::ALL_VERSIONS);
    port
}

/// Serves one certificate for each kind of key on a free port; returns it.
pub(crate) async fn serve_pair(pair: Vec<Arc<CertifiedKey>>) -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    serve_shown(listener, Show::by_key(pair), rustls::ALL_VERSIONS);
    port
}

/// Answers whatever a client says with these bytes, on a free port; returns it. No bytes: listens
/// and stays silent.
pub(crate) async fn answer_bytes(bytes: &'static [u8]) -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    accept(listener, move |mut stream| async move {
        let mut hello = [0; 4096];
        let _hello = stream.read(&mut hello).await;
        let _sent = stream.write_all(bytes).await;
        if bytes.is_empty() {
            let _ended = stream.read(&mut hello).await;
        }
    });
    port
}

/// Forwards to another port what begins with a short message, and is silent to the rest; returns
/// its port.
pub(crate) async fn drop_long_hellos(to: u16) -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    accept(listener, move |mut stream| async move {
        let mut hello = vec![0; 16_384];
        let length = stream.read(&mut hello).await.unwrap_or(0);
        if length > 1_000 {
            let _ended = stream.read(&mut hello).await;
            return;
        }
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await.expect("the server");
        server.write_all(&hello[..length]).await.expect("the server reads");
        let _ended = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
    });
    port
}

/// Accepts and closes at once, on a free port; returns it.
pub(crate) async fn close_at_once() -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    accept(listener, |mut stream| async move {
        let _hello = stream.read(&mut [0; 4096]).await;
    });
    port
}

#[expect(clippy::disallowed_methods, reason = "a server of the test, not of the product")]
pub(crate) fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
}

/// A file with the root to trust.
pub(crate) fn trust(root: &Authority) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), pem(&root.der)).expect("written");
    file
}

pub(crate) fn pem(der: &[u8]) -> String {
    use std::fmt::Write as _;
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for (n, three) in der.chunks(3).enumerate() {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for k in 0..4 {
            let sextet = ALPHABET[(bits >> (18 - 6 * k)) as usize & 63];
            text.push(if k > three.len() { '=' } else { char::from(sextet) });
        }
        if n % 16 == 15 {
            text.push('\n');
        }
    }
    write!(text, "\n-----END CERTIFICATE-----\n").expect("a string");
    text
}

/// The parameters of a look at a server of the test.
pub(crate) fn parameters(port: u16, ca: &NamedTempFile) -> Value {
    json!({
        "endpoint": format!("{HOST}:{port}"),
        "addresses": ["127.0.0.1"],
        "ca": ca.path(),
        "revocation": "off",
    })
}
