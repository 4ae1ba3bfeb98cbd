//! The path from a server's certificate to a trusted root, built from what the server sent and
//! nothing else (RFC 5280 §6).

use std::cell::RefCell;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use webpki::{EndEntityCert, KeyUsage};

use super::certificate::{instant, name_from_contents, parse};
use super::roots::Roots;

/// How many instants a path is looked for at before it is given up.
const INSTANTS: usize = 12;

/// The longest run of issuers that is followed by name where no path leads to a root.
const LINKS: usize = 16;

/// The path of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// It leads to a trusted root; signatures, purposes and constraints are right. Whether every
    /// certificate on it is inside its dates is not part of this.
    Built {
        /// The places of its certificates in the chain as sent, the server's own first.
        certificates: Vec<usize>,
        /// The subject of the root it ends at.
        root: String,
    },
    /// It does not.
    Broken {
        /// The certificates that name one another as issuer, as far as they were sent.
        certificates: Vec<usize>,
        /// What stands in the way.
        obstacle: Obstacle,
        /// The same in the verifier's words.
        reason: String,
    },
}

impl Path {
    /// The places of its certificates in the chain as sent.
    #[must_use]
    pub fn certificates(&self) -> &[usize] {
        match self {
            Self::Built { certificates, .. } | Self::Broken { certificates, .. } => certificates,
        }
    }
}

/// What keeps a chain from leading to a trusted root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// An issuer is neither among the certificates sent nor among the roots.
    UnknownIssuer,
    /// A signature is not its issuer's.
    BadSignature,
    /// A signature algorithm is not accepted.
    SignatureAlgorithm,
    /// The certificate is for another purpose than a server's.
    Purpose,
    /// The server shows a certificate that may issue others.
    AuthorityAsServer,
    /// A certificate that may not issue others has issued one.
    ServerAsAuthority,
    /// The names or the length of the path are beyond what an authority on it may issue.
    Constraint,
    /// There are no instants at which all certificates of the path are valid.
    Dates,
    /// The certificate is of an old version without extensions (X.509 v1).
    OldVersion,
    /// The chain takes more work than any client spends on it.
    Effort,
    /// The certificate, or a critical part of it, cannot be read.
    Unreadable,
}

/// What a certificate is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A server's.
    Server,
    /// A client's, for mutual TLS.
    Client,
}

impl Purpose {
    /// The extended key usage that allows it, as certificates are shown with (RFC 5280 §4.2.1.12).
    #[must_use]
    pub const fn usage(self) -> &'static str {
        match self {
            Self::Server => "serverAuth",
            Self::Client => "clientAuth",
        }
    }

    fn key_usage(self) -> KeyUsage {
        match self {
            Self::Server => KeyUsage::server_auth(),
            Self::Client => KeyUsage::client_auth(),
        }
    }
}

/// Builds the path of a server's chain: see [`build_for`].
#[must_use]
pub fn build(chain: &[CertificateDer<'_>], roots: &Roots, now: Timestamp) -> Path {
    build_for(Purpose::Server, chain, roots, now)
}

/// Builds the path of a chain for a purpose, the longest-lived one where there are several. A path is found even
/// where certificates on it are outside their dates, so that these can be named.
#[must_use]
pub fn build_for(
    purpose: Purpose,
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    now: Timestamp,
) -> Path {
    let Some((leaf, sent)) = chain.split_first() else {
        return broken(chain, Obstacle::Unreadable, "no certificate was sent".to_owned());
    };
    let leaf = match EndEntityCert::try_from(leaf) {
        Ok(leaf) => leaf,
        Err(error) => return broken(chain, obstacle(&error), error.to_string()),
    };
    let dates: Vec<(Timestamp, Timestamp)> = chain.iter().map(|der| dates(der)).collect();
    let valid = |path: &[usize]| path.iter().all(|n| dates[*n].0 <= now && now <= dates[*n].1);
    let mut outdated = None;
    let mut trouble = None;
    for at in instants(&dates, now) {
        match verify(purpose, &leaf, sent, chain, roots, at) {
            Ok((path, root)) if valid(&path) => {
                return Path::Built { certificates: path, root };
            }
            Ok(found) => outdated = outdated.or(Some(found)),
            Err(error) => {
                if trouble.as_ref().is_none_or(|known| telling(&error) > telling(known)) {
                    trouble = Some(error);
                }
            }
        }
    }
    match (outdated, trouble) {
        (Some((certificates, root)), _) => Path::Built { certificates, root },
        (None, Some(error)) => broken(chain, obstacle(&error), error.to_string()),
        (None, None) => broken(chain, Obstacle::Dates, "it is never valid".to_owned()),
    }
}

/// Whether the server's certificate is for this name or address (RFC 9525: alternative names only).
///
/// # Errors
/// In the verifier's words, why it is not.
pub fn names(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), String> {
    EndEntityCert::try_from(leaf)
        .and_then(|leaf| leaf.verify_is_valid_for_subject_name(name))
        .map_err(|error| error.to_string())
}

/// A path at one instant: its places in the chain, and its root.
fn verify(
    purpose: Purpose,
    leaf: &EndEntityCert<'_>,
    sent: &[CertificateDer<'_>],
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    at: Timestamp,
) -> Result<(Vec<usize>, String), webpki::Error> {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let found = RefCell::new((Vec::new(), String::new()));
    leaf.verify_for_usage(
        crate::net::tls::provider().signature_verification_algorithms.all,
        &roots.anchors,
        sent,
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        purpose.key_usage(),
        None,
        Some(&|path| {
            let place = |cert: &webpki::Cert<'_>| {
                chain.iter().position(|der| der.as_ref() == cert.der().as_ref())
            };
            let mut places = vec![0];
            places.extend(path.intermediate_certificates().filter_map(place));
            *found.borrow_mut() = (places, name_from_contents(&path.anchor().subject));
            Ok(())
        }),
    )?;
    Ok(found.into_inner())
}

/// When to look for a path: at the end of the server's certificate, which finds the path that lives
/// as long as it does; now; and at the ends of all others, for paths that are out of date.
fn instants(dates: &[(Timestamp, Timestamp)], now: Timestamp) -> Vec<Timestamp> {
    let mut instants: Vec<Timestamp> = Vec::new();
    let (before, after) = dates[0];
    for at in [after, now, before].into_iter().chain(dates[1..].iter().flat_map(|d| [d.1, d.0])) {
        if !instants.contains(&at) && instants.len() < INSTANTS {
            instants.push(at);
        }
    }
    instants
}

fn dates(der: &CertificateDer<'_>) -> (Timestamp, Timestamp) {
    parse(der).map_or((Timestamp::MAX, Timestamp::MIN), |x509| {
        let validity = x509.validity();
        (instant(validity.not_before.timestamp()), instant(validity.not_after.timestamp()))
    })
}

fn broken(chain: &[CertificateDer<'_>], obstacle: Obstacle, reason: String) -> Path {
    Path::Broken { certificates: linked(chain), obstacle, reason }
}

/// The certificates that name one another as issuer, from the server's own on.
fn linked(chain: &[CertificateDer<'_>]) -> Vec<usize> {
    let names: Vec<_> = chain
        .iter()
        .map(|der| {
            let x509 = parse(der).ok()?;
            Some((x509.subject().as_raw().to_vec(), x509.issuer().as_raw().to_vec()))
        })
        .collect();
    let mut places = vec![0];
    while places.len() < LINKS.min(chain.len().max(1)) {
        let Some(Some((_, issuer))) = places.last().and_then(|last| names.get(*last)) else {
            break;
        };
        let next = (0..names.len()).find(|n| {
            !places.contains(n) && names[*n].as_ref().is_some_and(|(subject, _)| subject == issuer)
        });
        match next {
            Some(next) => places.push(next),
            None => break,
        }
    }
    places.retain(|n| *n < chain.len());
    places
}

/// How much an error says. That an instant was not the right one says least, and an unknown issuer
/// may be one that is only not needed.
fn telling(error: &webpki::Error) -> u8 {
    match obstacle(error) {
        Obstacle::Dates => 0,
        Obstacle::UnknownIssuer => 1,
        Obstacle::BadSignature
        | Obstacle::SignatureAlgorithm
        | Obstacle::Purpose
        | Obstacle::AuthorityAsServer
        | Obstacle::ServerAsAuthority
        | Obstacle::Constraint
        | Obstacle::OldVersion
        | Obstacle::Effort
        | Obstacle::Unreadable => 2,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the verifier's list of errors is open")]
fn obstacle(error: &webpki::Error) -> Obstacle {
    use webpki::Error as E;
    match error {
        E::UnknownIssuer => Obstacle::UnknownIssuer,
        E::InvalidSignatureForPublicKey => Obstacle::BadSignature,
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | E::SignatureAlgorithmMismatch => Obstacle::SignatureAlgorithm,
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => Obstacle::Purpose,
        E::CaUsedAsEndEntity => Obstacle::AuthorityAsServer,
        E::EndEntityUsedAsCa => Obstacle::ServerAsAuthority,
        E::NameConstraintViolation | E::PathLenConstraintViolated => Obstacle::Constraint,
        E::CertExpired { .. } | E::CertNotValidYet { .. } | E::InvalidCertValidity => {
            Obstacle::Dates
        }
        E::UnsupportedCertVersion => Obstacle::OldVersion,
        E::MaximumNameConstraintComparisonsExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumSignatureChecksExceeded => Obstacle::Effort,
        _ => Obstacle::Unreadable,
    }
}
