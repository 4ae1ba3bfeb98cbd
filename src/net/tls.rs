//! One TLS handshake as facts: what the server showed, kept before anything is judged.
//!
//! A verifier that judged would end the handshake at the first fault and hide the rest. This one
//! records the chain and the staple and lets the handshake go on; it still demands that the server
//! proves to hold the key (RFC 8446 §4.4.3), since everything else could be replayed.

use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CipherSuite, ClientConfig, InvalidMessage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::clock::{Clock, millis_since};
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::tcp::Refusal;
use crate::net::tls_proof::{Believe, Proving, Shown};

/// The one provider of cryptography. It offers post-quantum key exchange first, as browsers do.
#[must_use]
pub fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| with_groups(vec![X25519MLKEM768, X25519, SECP256R1, SECP384R1]));
    &PROVIDER
}

/// The same provider without post-quantum key exchange: a first message that fits one segment.
fn classic() -> &'static Arc<CryptoProvider> {
    static CLASSIC: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| with_groups(vec![X25519, SECP256R1, SECP384R1]));
    &CLASSIC
}

fn with_groups(kx_groups: Vec<&'static dyn SupportedKxGroup>) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() })
}

/// Which key exchange is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyExchange {
    /// Post-quantum first, as browsers offer it.
    PostQuantum,
    /// Elliptic curves only.
    Classic,
}

/// What a handshake offers.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// The name asked for.
    pub name: &'a ServerName<'static>,
    /// The key exchange.
    pub exchange: KeyExchange,
    /// The protocol versions.
    pub versions: Versions,
    /// The kinds of key a certificate may have.
    pub keys: Keys,
    /// The application protocol (RFC 7301), such as `http/1.1`; none is offered where absent.
    pub alpn: Option<&'a str>,
    /// The only cipher suite, such as `TLS_AES_128_GCM_SHA256`; all that are known where absent.
    pub suite: Option<&'a str>,
}

/// Which kinds of key are offered to be verified: a server with several certificates chooses by
/// that (RFC 8446 §4.4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// All that are known.
    All,
    /// RSA only.
    Rsa,
    /// Elliptic and Edwards curves only.
    Curve,
}

/// Which protocol versions are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// TLS 1.3 and 1.2.
    All,
    /// TLS 1.3 only.
    Tls13,
    /// TLS 1.2 only.
    Tls12,
}

/// What came of a handshake.
#[derive(Debug)]
pub struct Handshake {
    /// How long it took in milliseconds.
    pub millis: f64,
    /// The certificates as sent, the server's own first; empty where it never came to that.
    pub chain: Vec<CertificateDer<'static>>,
    /// The stapled OCSP answer; empty where there was none.
    pub staple: Vec<u8>,
    /// What was agreed on, or how it failed.
    pub end: Result<Session, Failure>,
    /// The connection, where both agreed.
    pub stream: Option<Box<TlsStream<TcpStream>>>,
}

/// What both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// The protocol version, such as `TLSv1.3`.
    pub version: String,
    /// The cipher suite, such as `TLS_AES_256_GCM_SHA384`.
    pub suite: String,
    /// The key exchange group, such as `X25519MLKEM768`.
    pub group: String,
    /// The application protocol the server chose, where it chose one.
    pub alpn: Option<String>,
}

/// How the target ended a handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// It sent an alert, such as `UnrecognisedName`.
    Alert(String),
    /// It reset the connection.
    Reset,
    /// It closed the connection without a word.
    Closed,
    /// It and this client have no version, suite or group in common.
    Incompatible(String),
    /// What it sent is not TLS.
    NotTls(String),
    /// It sent a handshake message larger than 64 KiB.
    Oversized,
    /// It broke the rules of the protocol.
    Violation(String),
    /// It did not prove to hold the key of its certificate.
    NotProved(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => write!(f, "alert {alert}"),
            Self::Reset => f.write_str("connection reset"),
            Self::Closed => f.write_str("connection closed"),
            Self::Oversized => f.write_str("a message of more than 64 KiB"),
            Self::Incompatible(words)
            | Self::NotTls(words)
            | Self::Violation(words)
            | Self::NotProved(words) => f.write_str(words),
        }
    }
}

/// Shakes hands on an open connection, without resuming a session.
///
/// # Errors
/// A [`Fault`] when the server fell silent, or this machine could not go on.
pub async fn shake(
    stream: TcpStream,
    offer: Offer<'_>,
    limit: Duration,
) -> Result<Handshake, Fault> {
    let what = || format!("TLS handshake as {}", offer.name.to_str());
    let capture = Arc::new(Capture { keys: offer.keys, ..Capture::default() });
    let config =
        config(&capture, offer).map_err(|error| Fault::Bug { message: error.to_string() })?;
    let begun = Clock.tick();
    let connecting = TlsConnector::from(Arc::new(config)).connect(offer.name.clone(), stream);
    let done = tokio::time::timeout(limit, connecting)
        .await
        .map_err(|_| Fault::Timeout { what: what(), after: limit.into() })?;
    let millis = millis_since(begun);
    let (end, stream) = match done {
        Ok(stream) => (Ok(session(stream.get_ref().1)), Some(Box::new(stream))),
        Err(error) => (Err(failure(&error).ok_or_else(|| Fault::from_io(what(), &error))?), None),
    };
    let (chain, staple) = capture.take();
    Ok(Handshake { millis, chain, staple, end, stream })
}

/// A configuration of HTTP that believes whoever holds the key of the certificate shown.
pub(super) fn unchecked() -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(anyone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// A configuration for one handshake. With a session to resume, a server shows neither certificate
/// nor staple, and the library would answer with those it remembers.
fn config(capture: &Arc<Capture>, offer: Offer<'_>) -> Result<ClientConfig, rustls::Error> {
    let mut provider = Arc::clone(match offer.exchange {
        KeyExchange::PostQuantum => provider(),
        KeyExchange::Classic => classic(),
    });
    if let Some(only) = offer.suite {
        let suites = &mut Arc::make_mut(&mut provider).cipher_suites;
        suites.retain(|known| suite(known.suite()) == only);
    }
    let versions = match offer.versions {
        Versions::All => rustls::ALL_VERSIONS,
        Versions::Tls13 => &[&rustls::version::TLS13],
        Versions::Tls12 => &[&rustls::version::TLS12],
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Proving(Arc::clone(capture))))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = offer.alpn.iter().map(|one| one.as_bytes().to_vec()).collect();
    Ok(config)
}

/// The cipher suites that can be offered, by the names they are registered under.
pub fn suites() -> impl Iterator<Item = String> {
    provider().cipher_suites.iter().map(|known| suite(known.suite()))
}

/// The registered name of a suite; the library writes those of TLS 1.3 in its own way.
fn suite(known: CipherSuite) -> String {
    known.as_str().unwrap_or("unknown").replace("TLS13_", "TLS_")
}

fn session(connection: &rustls::ClientConnection) -> Session {
    let unknown = || "unknown".to_owned();
    Session {
        version: connection
            .protocol_version()
            .and_then(|version| version.as_str())
            .map_or_else(unknown, |version| version.replace('_', ".")),
        suite: connection
            .negotiated_cipher_suite()
            .map_or_else(unknown, |known| suite(known.suite())),
        group: connection
            .negotiated_key_exchange_group()
            .and_then(|group| group.name().as_str())
            .map_or_else(unknown, str::to_owned),
        alpn: connection.alpn_protocol().map(|chosen| one_line(&String::from_utf8_lossy(chosen))),
    }
}

/// An error of the library in one line, in words of the trade where its own are of its insides.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library has good words for the others")]
pub(super) fn words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "its first bytes begin no TLS record, as on a port for plain HTTP".to_owned()
        }
        other => one_line(&other.to_string()),
    }
}

/// The target's own part in a failed handshake; `None` when it is this machine's.
fn failure(error: &io::Error) -> Option<Failure> {
    use rustls::Error as E;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<E>());
    Some(match inner {
        None => match Refusal::of(error) {
            Some(_) => Failure::Reset,
            None if error.kind() == io::ErrorKind::UnexpectedEof => Failure::Closed,
            None => return None,
        },
        Some(E::AlertReceived(alert)) => Failure::Alert(format!("{alert:?}")),
        Some(E::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::CertificatePayloadTooLarge,
        )) => Failure::Oversized,
        Some(
            inner @ E::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ),
        ) => Failure::NotTls(words(inner)),
        Some(inner @ (E::PeerIncompatible(_) | E::NoApplicationProtocol)) => {
            Failure::Incompatible(words(inner))
        }
        Some(inner @ E::InvalidCertificate(_)) => Failure::NotProved(words(inner)),
        Some(E::FailedToGetRandomBytes | E::General(_) | E::EncryptError) => return None,
        Some(inner) => Failure::Violation(words(inner)),
    })
}

/// A verifier that believes whoever holds the key of the certificate shown.
pub(super) fn anyone() -> Arc<dyn ServerCertVerifier> {
    Arc::new(Proving(Arc::new(Capture::default())))
}

/// Records what the server shows.
#[derive(Debug)]
struct Capture {
    shown: Mutex<(Vec<CertificateDer<'static>>, Vec<u8>)>,
    keys: Keys,
}

impl Default for Capture {
    fn default() -> Self {
        Self { shown: Mutex::default(), keys: Keys::All }
    }
}

impl Capture {
    fn take(&self) -> (Vec<CertificateDer<'static>>, Vec<u8>) {
        std::mem::take(&mut *self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Believe for Arc<Capture> {
    fn believe(&self, shown: Shown<'_>, _: UnixTime) -> Result<(), rustls::Error> {
        let chain = std::iter::once(shown.leaf).chain(shown.others);
        let chain = chain.map(|der| der.clone().into_owned()).collect();
        *self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            (chain, shown.staple.to_vec());
        Ok(())
    }

    fn keys(&self) -> Keys {
        self.keys
    }
}
