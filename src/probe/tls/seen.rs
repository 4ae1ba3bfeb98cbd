//! What a look at a TLS endpoint brings home.

use rustls::pki_types::CertificateDer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::fault::{Fault, Sight};
use crate::model::text::one_line;
use crate::net::pki::certificate::Certificate;
use crate::net::pki::crl::Crl;
use crate::net::pki::ocsp::Answer;
use crate::net::pki::path::Path;
use crate::net::tcp::Refusal;
use crate::net::tls::{Failure, Session};
use crate::net::tls_resume::Second;

/// What was seen of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// The trust store the paths were built with, such as `platform (142 roots)`.
    pub roots: String,
    /// The resolver's words where the name has no address, such as `NXDOMAIN`.
    pub no_address: Option<String>,
    /// The certificate on disk, where the check names one: the first in the file.
    pub file: Option<Sight<Sent>>,
    /// Every address, in the order served.
    pub addresses: Vec<Address>,
}

/// One address of the endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// Address and port.
    pub address: String,
    /// What was seen there.
    pub sight: Sight<Contact>,
}

/// What came of contacting an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Contact {
    /// The connection was refused.
    Refused(Refusal),
    /// It was accepted, but the server does not begin TLS when asked; with its words.
    Plain(String),
    /// It was accepted, and the server begins TLS.
    Accepted(Box<Accepted>),
}

/// What was seen over the connections an address accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// How long the first connection took, in milliseconds.
    pub connect_ms: f64,
    /// How long the first handshake took, in milliseconds; the connection not included.
    pub handshake_ms: f64,
    /// Whether a handshake with post-quantum key exchange stayed without answer, and one without it
    /// did not.
    pub silent_to_post_quantum: bool,
    /// How many handshakes were tried: more than one to wait for a staple, and for the certificate
    /// with the other kind of key.
    pub handshakes: usize,
    /// How the first handshake that failed did so.
    pub failure: Option<Failure>,
    /// Why a later handshake taught nothing.
    pub fault: Option<Fault>,
    /// What came of asking for a certificate with the other kind of key, RSA or a curve.
    pub other_key: Option<Sight<OtherKey>>,
    /// What TLS 1.2 alone shows, where a staple is demanded and the server speaks TLS 1.3.
    pub tls12: Option<Sight<Tls12>>,
    /// Whether a session was resumed and early data taken, where the check asks.
    pub resumed: Option<Sight<Second>>,
    /// By how many seconds the server's clock is ahead of this machine's, where it speaks HTTP and
    /// says.
    #[serde(default)]
    pub clock_ahead: Option<i64>,
    /// The application protocols the check asks for, each offered alone.
    #[serde(default)]
    pub alpn: Vec<Offered>,
    /// The versions of TLS, each offered alone, where the check asks.
    #[serde(default)]
    pub versions: Vec<Offered>,
    /// The cipher suites the check asks for, each offered alone.
    #[serde(default)]
    pub suites: Vec<Offered>,
    /// Each different certificate that was served: one, unless the address stands for several
    /// servers.
    pub served: Vec<Served>,
}

/// Something that was offered alone in a handshake of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offered {
    /// What it was, such as `h2` or `TLS 1.0`.
    pub what: String,
    /// What the server made of it.
    pub sight: Sight<Reply>,
}

/// What a server made of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It took it.
    Taken,
    /// It did not, and said so or went on without; with the words.
    NotTaken(String),
}

/// Whether a server has a certificate with another kind of key as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OtherKey {
    /// It has; it is among those served.
    Served,
    /// It has not.
    NotServed,
}

/// What was seen over TLS 1.2 of a server that also speaks TLS 1.3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tls12 {
    /// How the handshake failed; a server is free to speak TLS 1.3 only. One that resets or closes
    /// the connection has done so twice, and not to a handshake that offered TLS 1.3 as well.
    pub failure: Option<Failure>,
    /// How many handshakes were tried.
    pub handshakes: usize,
    /// The staple.
    pub staple: Option<Staple>,
}

/// One certificate a server served, with what came with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Served {
    /// What was agreed on; absent where the handshake failed after the certificate.
    pub session: Option<Session>,
    /// The certificates as sent, the server's own first.
    pub chain: Vec<Sent>,
    /// The path to a root.
    pub path: Path,
    /// Why the certificate is not for the endpoint's name; absent where it is.
    pub name_mismatch: Option<String>,
    /// How many handshakes served this certificate.
    pub handshakes: usize,
    /// How many of them came with a staple.
    pub stapled: usize,
    /// Whether the first of them came with a staple.
    pub stapled_first: bool,
    /// The staple; the latest where there were several.
    pub staple: Option<Staple>,
    /// Who was asked whether it is revoked, one after the other; nobody where a staple told.
    pub asked: Vec<Asked>,
}

/// One place that was asked whether a certificate is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// Its URL, as the certificate names it.
    pub url: String,
    /// By how many seconds the clock of who answered is ahead of this machine's, where it says.
    #[serde(default)]
    pub clock_ahead: Option<i64>,
    /// What it said.
    pub sight: Sight<Said>,
}

/// What was said about the revocation of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// An OCSP answer.
    Ocsp(Answer),
    /// A revocation list.
    Crl(Crl),
}

/// One certificate as sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sent {
    /// It could be read.
    Certificate(Box<Certificate>),
    /// It could not.
    Unreadable {
        /// How many bytes it has.
        size: usize,
        /// What stands in the way.
        reason: String,
    },
}

/// A stapled OCSP answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Staple {
    /// How many bytes it has.
    pub size: usize,
    /// What it says.
    pub answer: Answer,
}

impl Sent {
    /// A certificate as it came.
    #[must_use]
    pub fn read(der: &CertificateDer<'_>) -> Self {
        match Certificate::read(der) {
            Ok(certificate) => Self::Certificate(Box::new(certificate)),
            Err(bad) => Self::Unreadable { size: der.len(), reason: one_line(&bad.to_string()) },
        }
    }

    /// The certificate, when it could be read.
    #[must_use]
    pub const fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Certificate(certificate) => Some(certificate),
            Self::Unreadable { .. } => None,
        }
    }
}

impl Served {
    /// The server's own certificate, when it could be read.
    #[must_use]
    pub fn leaf(&self) -> Option<&Certificate> {
        self.chain.first().and_then(Sent::certificate)
    }

    /// The readable certificates on the path, with their places in the chain.
    pub fn on_path(&self) -> impl Iterator<Item = (usize, &Certificate)> {
        let places = self.path.certificates().iter();
        places.filter_map(|n| self.chain.get(*n)?.certificate().map(|found| (*n, found)))
    }
}

impl Observation {
    /// Every certificate served, with the address that served it.
    pub fn served(&self) -> impl Iterator<Item = (&str, &Served)> {
        self.addresses.iter().flat_map(|address| {
            let accepted = match &address.sight {
                Sight::Seen(Contact::Accepted(accepted)) => accepted.served.as_slice(),
                Sight::Seen(Contact::Refused(_) | Contact::Plain(_)) | Sight::Fault(_) => &[],
            };
            accepted.iter().map(|served| (address.address.as_str(), served))
        })
    }
}
