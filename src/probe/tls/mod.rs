//! Kind `tls`: is every address of an endpoint ready with a certificate that outlives the launch?

mod ask;
mod asked_for;
mod belief;
pub(super) mod chain;
mod clock;
pub mod codes;
mod contact;
mod disk;
pub(super) mod expiry;
mod fleet;
mod observe;
pub(super) mod public;
mod revocation;
mod seen;
mod spoken;
mod staple;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use rustls::pki_types::ServerName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::param::Endpoint;
use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::schema::text_schema;
use crate::model::text::quote;
use crate::model::time::Span;
use crate::net::tls::suites;
use crate::net::tls_upgrade::Protocol;

pub use seen::{
    Accepted, Address, Asked, Contact, Observation, Offered, OtherKey, Reply, Said, Sent, Served,
    Staple, Tls12,
};

/// Is every address of a TLS endpoint ready: right certificate, whole chain, good staple, and valid
/// until well after the launch?
///
/// ```yaml
/// tls:
///   endpoint: login.example.com:443
///   margin: 7d
///   alpn: [h2, http/1.1]
/// ```
///
/// Every A and AAAA address is contacted with the same server name, without resuming a session. A
/// server may have an RSA certificate beside an ECDSA one: it is asked for both, and each is
/// judged; where it stays silent to one of the two questions, that is unknown.
/// The path to a trusted root is built from what the server itself sent, so that an intermediate
/// only a browser's cache would supply is missed here too. Dates are judged on that path and not on
/// every certificate sent: an expired cross-signature that nobody uses harms nobody.
///
/// Dates are not judged by days left alone. A certificate must outlive the launch window by
/// `margin`; a certificate that is renewed by a machine is late when a third of its own life is
/// left and it is still there (half, below ten days of life); one that a person renews is worth a
/// look 30 days before its end.
///
/// A stapled OCSP answer counts only when it is about this very certificate, signed by its issuer
/// or a responder the issuer appointed, in time, and says `good`. Servers staple lazily, so up to
/// five handshakes wait for one. Where the certificate names no OCSP responder, as those of Let's
/// Encrypt, stapling is not applicable.
///
/// Without a good staple the OCSP responder or the revocation list named in the certificate is
/// asked whether it was revoked. Let's Encrypt has lists only.
///
/// Dates are only as good as the clock they are judged by. Web servers say what time it is, and so
/// do responders and those who hand out lists: where at least two of them are asked and none agrees
/// with this machine within a minute, everything that depends on the time is unknown. The IPv4 and
/// the IPv6 address of the endpoint count as one.
///
/// It looks from where it runs: another vantage point may meet other servers behind the same
/// address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Whom to look at, `HOST:PORT`, such as `login.example.com:443`. The host is sent as the
    /// server name and must be in the certificate; an IP address must be there as an address.
    pub endpoint: Endpoint,
    /// Look at these IP addresses instead of those the name has: one node of a fleet, or a server
    /// that is not in DNS yet. Such as `[192.0.2.10, "2001:db8::10"]`. Default: every A and AAAA
    /// address of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<IpAddr>>,
    /// The DNS server to ask for the addresses, `IP` or `IP:PORT`, such as `192.0.2.53`. Default:
    /// the machine's own resolver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<Resolver>,
    /// A PEM file of root certificates to trust instead of the platform's, relative to the
    /// checklist. For certificates of a private authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The protocol that begins in the clear and is asked for TLS: `postgres`, `smtp`, `imap` or
    /// `mysql`. Default: TLS from the first byte. No look logs in. MySQL counts that as an error of
    /// the host that connects, three times and more for each address and look, and blocks the host
    /// after 100 without a login between them (`max_connect_errors`, error 1129; not on loopback):
    /// look at it once, not in a loop, and not from the host that the game connects from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starttls: Option<Protocol>,
    /// What to ask of the stapled OCSP answer. Default: `auto`.
    #[serde(default)]
    pub stapling: Stapling,
    /// Whether to ask if the certificate is revoked. Default: `auto`. What cannot be asked, because
    /// the machine may not reach the authority, is unknown: then say `off`, or run the check where
    /// it can.
    #[serde(default)]
    pub revocation: Revocation,
    /// By how much every certificate of the path must outlive the end of the launch window, such
    /// as `7d`: the time it would take to get and roll out a new one by hand. Default: `72h`.
    #[serde(default = "default_margin")]
    pub margin: Span,
    /// Warn when the certificate has less than this left, such as `30d`. Default: `30d` where a
    /// person renews it (see `renewal`), and not at all where a machine does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_within: Option<Span>,
    /// Who renews the certificate. Default: `auto`.
    #[serde(default)]
    pub renewal: Renewal,
    /// The longest the first TLS handshake may take, the connection not included, such as `300ms`.
    /// Default: no limit but the check's `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_handshake: Option<Span>,
    /// Whether a second handshake is to resume the session of the first. Default: `ignore`.
    #[serde(default)]
    pub resumption: Resumption,
    /// Whether data may come before the handshake is done (0-RTT). Default: `ignore`.
    #[serde(default)]
    pub early_data: EarlyData,
    /// The application protocols (ALPN) the endpoint must speak, such as `[h2, http/1.1]`. Each is
    /// offered alone. Default: none is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
    /// The versions of TLS the endpoint must speak, of `"1.0"`, `"1.1"`, `"1.2"` and `"1.3"`,
    /// such as `["1.2", "1.3"]`. Each is offered alone, and those not named must be refused.
    /// Default: not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Version>,
    /// The cipher suites the endpoint must accept, by their registered names, such as
    /// `[TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]`: what old game clients
    /// and consoles need. Each is offered alone. Default: none is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<String>,
    /// The certificate on disk that the endpoint is to serve, PEM or DER, relative to the
    /// checklist: finds servers that were not reloaded after a renewal. Of several certificates in
    /// the file the first counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// What to ask of the stapled OCSP answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stapling {
    /// A staple must be good; a missing one is a warning where the certificate names an OCSP
    /// responder, and a failure where the certificate itself demands a staple (must-staple).
    #[default]
    Auto,
    /// A staple must be there and good; also where the certificate names no OCSP responder.
    Require,
    /// Staples are not looked at.
    Off,
}

/// Whether to ask if the certificate is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Revocation {
    /// Where no good staple tells, ask the OCSP responder the certificate names, and where that is
    /// of no use, fetch its revocation list. Both over plain HTTP, signatures verified.
    #[default]
    Auto,
    /// Ask nobody.
    Off,
}

/// Whether sessions are to be resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resumption {
    /// Warn when they are not: at a launch every reconnect then costs a full handshake. Servers
    /// behind one address must share their ticket keys for this.
    Want,
    /// Not looked at.
    #[default]
    Ignore,
}

/// Whether data may come before the handshake is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EarlyData {
    /// A server that takes it is a failure: whoever records it can send it again, so a purchase or
    /// a login in it can happen twice.
    Refuse,
    /// Not looked at.
    #[default]
    Ignore,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Version {
    /// TLS 1.0; no client should need it any more.
    #[serde(rename = "1.0")]
    Tls10,
    /// TLS 1.1; no client should need it any more.
    #[serde(rename = "1.1")]
    Tls11,
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

impl Version {
    const ALL: [Self; 4] = [Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }
}

/// Who renews the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Renewal {
    /// Told from its life: up to 100 days, a machine; above, a person.
    #[default]
    Auto,
    /// A machine, by ACME or otherwise. It is late when a third of the certificate's life is left
    /// (half, below ten days of life) and it was not renewed.
    Acme,
    /// A person. `warn_within` says how long before the end to remind them.
    Manual,
}

/// The address of a DNS server, `IP` or `IP:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Resolver(pub SocketAddr);

text_schema!(Resolver, "Resolver", "The address of a DNS server: IP or IP:PORT; the port is 53.");

impl TryFrom<String> for Resolver {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ip = text.parse().map(|ip: IpAddr| SocketAddr::new(ip, 53));
        ip.or_else(|_| text.parse()).map(Self).map_err(|_| {
            format!("`{text}` is not the address of a DNS server; write IP or IP:PORT")
        })
    }
}

impl From<Resolver> for String {
    fn from(resolver: Resolver) -> Self {
        resolver.0.to_string()
    }
}

fn default_margin() -> Span {
    Span::from_secs(72 * 3600)
}

impl Tls {
    /// The name asked for and expected in the certificate.
    fn server_name(&self) -> Result<ServerName<'static>, String> {
        let host = self.endpoint.host.to_ascii_lowercase();
        ServerName::try_from(host).map_err(|error| format!("{}: {error}", self.endpoint.host))
    }

    /// Whether the name has to be looked up.
    fn looks_up(&self) -> bool {
        self.addresses.is_none() && self.endpoint.ip().is_none()
    }
}

impl Probe for Tls {
    const KIND: &'static str = "tls";
    const SUMMARY: &'static str =
        "Is every address of a TLS endpoint ready with a certificate that outlives the launch?";
    const CODES: &'static [&'static Code] = codes::ALL;
    const TARGET: Target = Target::One("endpoint");
    type Observation = Observation;

    fn complaints(&self) -> Vec<Complaint> {
        let complaint = |key, message: &str, help: &str| Complaint {
            key: Some(key),
            message: message.to_owned(),
            help: Some(help.to_owned()),
        };
        let mut complaints = Vec::new();
        if let Err(message) = self.server_name() {
            complaints.push(complaint("endpoint", &message, "write a DNS name or an IP address"));
        }
        if self.addresses.as_ref().is_some_and(Vec::is_empty) {
            complaints.push(complaint(
                "addresses",
                "an empty list leaves nothing to look at",
                "name an address, or leave `addresses` out",
            ));
        }
        if self.resolver.is_some() && !self.looks_up() {
            complaints.push(complaint(
                "resolver",
                "there is no name to look up",
                "leave `resolver` out",
            ));
        }
        if self.max_handshake == Some(Span::ZERO) {
            complaints.push(complaint(
                "max_handshake",
                "no handshake takes no time",
                "leave `max_handshake` out for no limit",
            ));
        }
        if self.alpn.iter().any(|one| one.is_empty() || one.len() > 255) {
            complaints.push(complaint(
                "alpn",
                "a protocol's name has 1 to 255 bytes",
                "write names such as `h2` and `http/1.1`",
            ));
        }
        if let Some(strange) = self.suites.iter().find(|one| !suites().any(|name| name == **one)) {
            let known = suites().collect::<Vec<_>>().join(", ");
            complaints.push(complaint(
                "suites",
                &format!("`{strange}` is no suite that can be offered"),
                &format!("it can be {known}"),
            ));
        }
        complaints
    }

    fn peers(&self) -> Vec<Peer> {
        let mut peers = Vec::new();
        if self.looks_up() {
            let resolver = self.resolver.map_or_else(|| "system".to_owned(), String::from);
            peers.push(Peer::new("dns", resolver));
        }
        peers.extend(self.targets());
        if self.revocation == Revocation::Auto {
            peers.push(Peer::new("http", "whom the certificate names for revocation"));
        }
        peers
    }

    fn targets(&self) -> Vec<Peer> {
        let at = |ip: &IpAddr| SocketAddr::new(*ip, self.endpoint.port).to_string();
        match &self.addresses {
            Some(given) => given.iter().map(|ip| Peer::new("tls", at(ip))).collect(),
            None => vec![Peer::new("tls", self.endpoint.to_string())],
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Observation, Fault> {
        observe::observe(self, cx).await
    }

    fn judge(&self, seen: &Observation, cx: &JudgeCx) -> Vec<Finding> {
        let mut findings = contact::judge(self, seen, cx);
        findings.extend(fleet::judge(seen));
        findings.extend(disk::judge(self, seen));
        clock::doubt(seen, cx, &mut findings);
        findings
    }

    fn summary(&self, seen: &Observation, cx: &JudgeCx) -> String {
        if seen.addresses.is_empty() {
            return format!("{} has no address", self.endpoint.host);
        }
        let findings = self.judge(seen, cx);
        let good = |address: &&Address| {
            let mut own = findings.iter().filter(|finding| finding.target == address.address);
            own.all(|finding| !matches!(finding.outcome, Outcome::Fail | Outcome::Unknown))
        };
        let (all, good) = (seen.addresses.len(), seen.addresses.iter().filter(good).count());
        let noun = if all == 1 { "address" } else { "addresses" };
        let ends = seen.served().flat_map(|(_, served)| served.on_path());
        let until = ends.map(|(_, found)| found.not_after).min().map_or_else(String::new, |end| {
            let left = expiry::days(end.duration_since(cx.now));
            format!(" until {} ({left})", end.strftime("%-d %b %Y"))
        });
        let mut parts = vec![format!("{good} of {all} {noun} good{until}")];
        parts.extend(staple::words(&findings));
        if findings.iter().any(|finding| finding.code == codes::RENEWAL_OVERDUE.id) {
            parts.push("renewal is overdue".to_owned());
        }
        parts.join("; ")
    }

    fn names_files(&self) -> bool {
        self.ca.as_ref().is_some_and(|file| file.is_relative())
    }

    fn reproduce(&self, seen: Option<&Observation>) -> Vec<String> {
        let host = &self.endpoint.host;
        if seen.is_some_and(|seen| seen.addresses.is_empty()) {
            return vec![format!("dig +noall +answer +comments {0} A {0} AAAA", quote(host))];
        }
        let places = match (seen, &self.addresses) {
            (Some(seen), _) => seen.addresses.iter().map(|seen| seen.address.clone()).collect(),
            (None, Some(given)) => given
                .iter()
                .map(|ip| SocketAddr::new(*ip, self.endpoint.port).to_string())
                .collect(),
            (None, None) => vec![self.endpoint.to_string()],
        };
        let name = match self.endpoint.ip() {
            Some(_) => format!("-noservername -verify_ip {host}"),
            None => format!("-servername {0} -verify_hostname {0}", quote(host)),
        };
        let ca = self.ca.as_ref().map_or_else(String::new, |file| {
            format!(" -CAfile {}", quote(&file.display().to_string()))
        });
        let starttls = self
            .starttls
            .map_or_else(String::new, |protocol| format!(" -starttls {}", protocol.as_str()));
        let command = |place: &String| {
            format!(
                "openssl s_client -connect {}{starttls} {name}{ca} -status -showcerts </dev/null",
                quote(place)
            )
        };
        places.iter().take(4).map(command).collect()
    }
}
