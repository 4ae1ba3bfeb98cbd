//! Kind `acme`: will the next renewal of a certificate succeed?

mod caa;
pub mod codes;
mod dnssec;
mod due;
mod in_use;
mod judge;
mod observe;
mod order;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Complaint, JudgeCx, Probe, ProbeCx, Receipt, Target};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::net::ari::Suggestion;
use crate::net::dns::{Rcode, Server, fqdn};
use crate::net::http::{Denial, HttpUrl};
use crate::net::pki::certificate::Certificate;

pub use dnssec::{Dnssec, State};
use order::Permit;
pub use order::{Change, Issued, Made, OrderEnd, OrderSeen, Reply, TestOrder, read_issued};

/// Will the next renewal of a certificate succeed: does CAA allow the authority, and can its
/// challenge be answered on every address?
///
/// CAA is looked up as authorities do it: at the name, then at each name above, until one has
/// records; these must allow the authority, and where they say so the account and the challenge.
///
/// Authorities validate DNSSEC, so the name's signatures are looked at as well: broken ones block
/// every renewal. That needs a resolver that validates; one that does not is said.
///
/// For the http-01 challenge every A and AAAA address is asked for a path that does not exist,
/// `/.well-known/acme-challenge/gonogo-…`, and redirects are followed as an authority follows them.
/// `404` is the right answer: somebody serves the path. For tls-alpn-01 every address is offered the
/// protocol `acme-tls/1` on its TLS port. For dns-01 `_acme-challenge` is looked up.
///
/// Where `directory` names the authority's, it is asked when it wants the certificate in use to be
/// renewed (ARI): a window in the launch is a warning, one that has passed means that the
/// certificate was or will be revoked. Certificates in use that were issued within the last seven
/// days are counted against the usual limit of five for the same names.
///
/// By itself it orders nothing, plants nothing and uses up no rate limit. It looks from one place,
/// where an authority looks from five or more in different parts of the world, and it cannot see
/// whether the renewing machine works: a certificate that should have been renewed is found by `tls`.
///
/// With `order` the whole way is walked once, at an authority **for tests**: an account, an order,
/// the challenge, the certificate. The check only says what it would order, and is `pending`, until
/// `--apply`. Then it makes one order with keys that never leave memory, answers the challenge,
/// judges the certificate (name, key, chain, dates), throws it away and closes the account. An order
/// that went through counts for later runs for `valid_for`. Real authorities are refused: their
/// certificates count against rate limits and stand in public logs for ever.
///
/// ```yaml
/// acme:
///   domain: login.example.com
///   order:
///     directory: https://acme-staging-v02.api.letsencrypt.org/directory
///     challenge: { webroot: /var/www/html }
///     agree_terms: true
/// ```
///
/// Run it on the machine that answers for the name, or that has its web root. It proves that this
/// challenge can be answered there; whether the renewing program does, only its own rehearsal shows
/// (`certbot renew --dry-run`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acme {
    /// The name of the certificate, such as `login.example.com` or `*.example.com`.
    pub domain: String,
    /// The challenge the renewal uses. Default: `http-01`. A wildcard needs `dns-01`.
    #[serde(default)]
    pub challenge: Challenge,
    /// The authority's domain as CAA records name it. Default: `letsencrypt.org`.
    #[serde(default = "default_authority")]
    pub authority: String,
    /// The account at the authority, for CAA records that name one, such as
    /// `https://acme-v02.api.letsencrypt.org/acme/acct/1234567`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The DNS server to ask, `IP` or `IP:PORT`. Default: the machine's own resolver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<Server>,
    /// Look at these IP addresses instead of those the name has. Default: every A and AAAA address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<IpAddr>>,
    /// The port of the http-01 challenge; only authorities for tests use another. Default: `80`.
    #[serde(default = "default_port")]
    pub port: u16,
    /// The port where the certificate is in use, and where tls-alpn-01 is answered. Default: `443`.
    #[serde(default = "default_tls_port")]
    pub tls_port: u16,
    /// The ACME directory of the authority, to be asked when the certificate in use is to be
    /// renewed, such as `https://acme-v02.api.letsencrypt.org/directory`. Asking needs no account
    /// and uses up no limit. Where the name has no address, as that of a wildcard may have none,
    /// say under `addresses` where the certificate is in use. Default: nobody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<HttpUrl>,
    /// A PEM file of root certificates to trust when the directory is asked, instead of the
    /// platform's, relative to the checklist. For a private authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Order a certificate for `domain` at an authority for tests, with `--apply`. Default: nothing
    /// is ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<TestOrder>,
}

/// How a name is proved to an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Challenge {
    /// By a file on the web server, port 80.
    #[default]
    #[serde(rename = "http-01")]
    Http01,
    /// By a certificate made for it, on the TLS port (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// By a TXT record.
    #[serde(rename = "dns-01")]
    Dns01,
}

impl Challenge {
    /// The name the protocol uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Dns01 => "dns-01",
        }
    }
}

fn default_authority() -> String {
    "letsencrypt.org".to_owned()
}

const fn default_port() -> u16 {
    80
}

const fn default_tls_port() -> u16 {
    443
}

/// What was seen of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// CAA at the name and at each name above it.
    pub caa: Vec<Looked>,
    /// The resolver's words where the name has no address.
    pub no_address: Option<String>,
    /// Why the addresses could not be looked up; absent where they could, or need not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unresolved: Option<Fault>,
    /// The way of the http-01 challenge on each address.
    pub ways: Vec<Way>,
    /// `_acme-challenge` below the name, for dns-01.
    pub dns01: Option<Looked>,
    /// The way of the tls-alpn-01 challenge on each address.
    #[serde(default)]
    pub alpn01: Vec<Alpn01>,
    /// The directory that was asked about the renewal.
    #[serde(default)]
    pub directory: Option<String>,
    /// The certificate each address shows, where a directory is asked.
    #[serde(default)]
    pub in_use: Vec<InUse>,
    /// What the authority says about the renewal of the first of them.
    #[serde(default)]
    pub renewal: Option<Sight<Info>>,
    /// The DNSSEC state of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnssec: Option<Sight<Dnssec>>,
    /// What is known of the test order, where one is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderSeen>,
}

/// The way of the tls-alpn-01 challenge over one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alpn01 {
    /// Address and port.
    pub address: String,
    /// What came of offering the protocol.
    pub sight: Sight<Alpn>,
}

/// What came of offering `acme-tls/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Alpn {
    /// The server chose it.
    Chosen,
    /// The server speaks TLS and did not; with its words.
    NotChosen(String),
    /// There is no TLS to be had; with the words.
    Refused(String),
}

/// The certificate an address shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InUse {
    /// Address and port.
    pub address: String,
    /// The certificate.
    pub sight: Sight<Certificate>,
}

/// What an authority says about the renewal of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Info {
    /// When to renew it.
    Suggested(Suggestion),
    /// The authority does not know it.
    NotKnown,
    /// The authority gives no such information.
    NotOffered,
}

/// One look into DNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Looked {
    /// The name.
    pub name: String,
    /// What was answered.
    pub sight: Sight<Records>,
}

/// What a resolver answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Records {
    /// The response code.
    pub rcode: Rcode,
    /// The records in presentation form.
    pub records: Vec<String>,
}

/// The way of the challenge over one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Way {
    /// Address and port of the first request.
    pub address: String,
    /// The answers, one for each redirect; or why nothing was learnt.
    pub sight: Sight<Vec<Hop>>,
}

/// One request on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hop {
    /// What was asked for.
    pub url: String,
    /// What came.
    pub end: HopEnd,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HopEnd {
    /// An answer.
    Answered {
        /// Its status.
        status: u16,
        /// Where it sends the client.
        location: Option<String>,
        /// Whether it is a page for people.
        html: bool,
    },
    /// A negative answer below HTTP.
    Denied(Denial),
    /// A redirect an authority does not follow; with the reason.
    NotFollowed(String),
}

impl Acme {
    /// The name without the asterisk of a wildcard.
    fn base(&self) -> &str {
        self.domain.strip_prefix("*.").unwrap_or(&self.domain)
    }
}

impl Probe for Acme {
    const KIND: &'static str = "acme";
    const SUMMARY: &'static str = "Will the next renewal of a certificate succeed?";
    const CODES: &'static [&'static Code] = codes::ALL;
    const TARGET: Target = Target::One("domain");
    type Observation = Observation;

    fn complaints(&self) -> Vec<Complaint> {
        let complaint = |key, message: String, help: &str| Complaint {
            key: Some(key),
            message,
            help: Some(help.to_owned()),
        };
        let mut complaints = Vec::new();
        if fqdn(self.base()).is_err() || self.base().parse::<IpAddr>().is_ok() {
            let message = format!("`{}` is not a domain name", self.domain);
            complaints.push(complaint("domain", message, "write the name of the certificate"));
        }
        if self.domain.starts_with("*.") && self.challenge != Challenge::Dns01 {
            let message = format!("a wildcard cannot be had with {}", self.challenge.as_str());
            complaints.push(complaint("challenge", message, "say `challenge: dns-01`"));
        }
        if self.addresses.as_ref().is_some_and(Vec::is_empty) {
            let message = "an empty list leaves nothing to look at".to_owned();
            complaints.push(complaint("addresses", message, "leave `addresses` out"));
        }
        complaints.extend(self.order.iter().flat_map(|order| order.complaints(self)));
        complaints
    }

    fn peers(&self) -> Vec<Peer> {
        let resolver = self.resolver.map_or_else(|| "system".to_owned(), |one| one.to_string());
        let mut peers = vec![Peer::new("dns", resolver)];
        peers.extend(self.targets());
        if let Some(directory) = &self.directory {
            peers.push(Peer::new(directory.scheme(), directory.authority()));
        }
        if let Some(order) = &self.order {
            match order::permit(&order.directory) {
                Permit::Staging | Permit::Private | Permit::ByAddress => {
                    let at = &order.directory;
                    peers.push(Peer::new(at.scheme(), at.authority()));
                }
                Permit::Refused { .. } => {}
            }
        }
        peers
    }

    fn waits(&self) -> Duration {
        self.order.as_ref().map_or(Duration::ZERO, |order| order.within.get())
    }

    fn targets(&self) -> Vec<Peer> {
        let tls = self.challenge == Challenge::TlsAlpn01 || self.directory.is_some();
        let http = (self.challenge == Challenge::Http01).then_some(("http", self.port));
        let places = http.into_iter().chain(tls.then_some(("tls", self.tls_port)));
        let at = |(protocol, port): (&str, u16)| -> Vec<Peer> {
            let peer = |address: String| Peer::new(protocol, address);
            match &self.addresses {
                Some(given) => {
                    given.iter().map(|ip| peer(SocketAddr::new(*ip, port).to_string())).collect()
                }
                None => vec![peer(format!("{}:{port}", self.base()))],
            }
        };
        places.flat_map(at).collect()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Observation, Fault> {
        observe::observe(self, cx).await
    }

    fn judge(&self, seen: &Observation, cx: &JudgeCx) -> Vec<Finding> {
        // Broken signatures come first: what else cannot be looked up cannot because of them.
        let signatures = seen.dnssec.as_ref().and_then(|seen| dnssec::judge(seen, cx));
        let (broken, fine): (Vec<Finding>, Vec<Finding>) =
            signatures.into_iter().partition(|one| one.outcome == Outcome::Fail);
        let renewal = judge::judge(self, seen);
        // A resolver that says nothing at all is told once, with CAA.
        let silent = renewal.first().is_some_and(|caa| caa.outcome == Outcome::Unknown);
        let mut findings = broken;
        findings.extend(renewal);
        findings.extend(dnssec::silence(self, seen).filter(|_| !silent));
        findings.extend(fine);
        findings.extend(due::judge(seen, cx));
        if let (Some(order), Some(known)) = (&self.order, &seen.order) {
            findings.extend(order::judge(self, order, known, cx));
        }
        findings
    }

    fn names_files(&self) -> bool {
        let order = self.order.as_ref().and_then(|order| order.ca.as_ref());
        [self.ca.as_ref(), order].into_iter().flatten().any(|file| file.is_relative())
    }

    fn summary(&self, seen: &Observation, cx: &JudgeCx) -> String {
        let findings = self.judge(seen, cx);
        let ok = findings.iter().filter(|finding| finding.code == codes::OK.id).count();
        let caa = findings.iter().any(|finding| finding.code == codes::CAA_OK.id);
        let caa = if caa { "CAA allows" } else { "CAA does not clearly allow" };
        let on_demand = findings.iter().any(|one| one.code == codes::HTTP01_ON_DEMAND.id);
        let reach = match self.challenge {
            Challenge::Http01 if on_demand => "http-01 is answered on demand".to_owned(),
            Challenge::Http01 => format!("http-01 answered on {ok} of {}", seen.ways.len()),
            Challenge::TlsAlpn01 => {
                let open = |finding: &&Finding| finding.code == codes::ALPN01_OK.id;
                let open = findings.iter().filter(open).count();
                format!("tls-alpn-01 answered on {open} of {}", seen.alpn01.len())
            }
            Challenge::Dns01 => {
                let good = findings.iter().all(|finding| finding.outcome != Outcome::Fail);
                if good { "dns-01 name answers" } else { "dns-01 is broken" }.to_owned()
            }
        };
        let order = seen.order.as_ref().map_or_else(String::new, |order| order::summary(order, cx));
        format!("{caa} {}; {reach}{order}", self.authority)
    }

    fn reproduce(&self, seen: Option<&Observation>) -> Vec<String> {
        let name = crate::model::text::quote(self.base());
        let mut commands = vec![format!("dig {name} CAA +noall +answer +comments")];
        commands.push(match self.challenge {
            Challenge::Http01 => format!(
                "curl -sSkIL --max-redirs 10 http://{name}{}/.well-known/acme-challenge/x",
                if self.port == 80 { String::new() } else { format!(":{}", self.port) }
            ),
            Challenge::TlsAlpn01 => format!(
                "openssl s_client -alpn acme-tls/1 -servername {name} -connect {name}:{} </dev/null",
                self.tls_port
            ),
            Challenge::Dns01 => format!("dig _acme-challenge.{name} TXT +noall +answer +comments"),
        });
        let dnssec = seen.and_then(|seen| seen.dnssec.as_ref()?.seen());
        if dnssec.is_some_and(|dnssec| dnssec.state.is_signed()) {
            commands.push(format!("delv {name} A"));
        }
        if let Some(order) = &self.order {
            let quote = |text: String| crate::model::text::quote(&text);
            let ca = order.ca.as_ref().map(|ca| quote(ca.display().to_string()));
            let ca = ca.map_or_else(String::new, |ca| format!("--cacert {ca} "));
            commands.push(format!("curl -sS {ca}{}", quote(order.directory.shown())));
        }
        commands
    }
}

impl Act for Acme {
    type Change = Change;

    fn touches(&self) -> Vec<String> {
        // Politely one order after the other, and answers to challenges may share a port or a folder.
        self.order.iter().map(|_| "acme orders".to_owned()).collect()
    }

    fn propose(&self, seen: &Observation, _: &JudgeCx) -> Option<Change> {
        order::propose(self, self.order.as_ref()?, seen.order.as_ref()?)
    }

    fn describe(&self, change: &Change) -> String {
        change.line()
    }

    async fn apply(&self, _: Change, cx: &ProbeCx) -> Result<Receipt, Fault> {
        match &self.order {
            Some(order) => order::apply(self, order, cx).await,
            None => Err(Fault::Bug { message: "an order that nobody asked for".to_owned() }),
        }
    }
}
