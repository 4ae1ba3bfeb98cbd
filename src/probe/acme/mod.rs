//! Kind `acme`: will the next renewal of a certificate succeed?

mod caa;
pub mod codes;
mod judge;
mod observe;

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::net::dns::{Rcode, Server, fqdn};
use crate::net::http::Denial;

/// Will the next renewal of a certificate succeed: does CAA allow the authority, and can its
/// challenge be answered on every address?
///
/// CAA is looked up as authorities do it: at the name, then at each name above, until one has
/// records; these must allow the authority, and where they say so the account and the challenge.
///
/// For the http-01 challenge every A and AAAA address is asked for a path that does not exist,
/// `/.well-known/acme-challenge/gonogo-…`, and redirects are followed as an authority follows them.
/// `404` is the right answer: somebody serves the path. For dns-01 `_acme-challenge` is looked up.
///
/// It orders nothing, plants nothing and uses up no rate limit. It looks from one place, where an
/// authority looks from five or more in different parts of the world, and it cannot see whether
/// the renewing machine works: a certificate that should have been renewed is found by `tls`.
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
}

/// How a name is proved to an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Challenge {
    /// By a file on the web server, port 80.
    #[default]
    #[serde(rename = "http-01")]
    Http01,
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

/// What was seen of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// CAA at the name and at each name above it.
    pub caa: Vec<Looked>,
    /// The resolver's words where the name has no address.
    pub no_address: Option<String>,
    /// The way of the http-01 challenge on each address.
    pub ways: Vec<Way>,
    /// `_acme-challenge` below the name, for dns-01.
    pub dns01: Option<Looked>,
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
        if self.domain.starts_with("*.") && self.challenge == Challenge::Http01 {
            let message = "a wildcard cannot be had with http-01".to_owned();
            complaints.push(complaint("challenge", message, "say `challenge: dns-01`"));
        }
        if self.addresses.as_ref().is_some_and(Vec::is_empty) {
            let message = "an empty list leaves nothing to look at".to_owned();
            complaints.push(complaint("addresses", message, "leave `addresses` out"));
        }
        complaints
    }

    fn peers(&self) -> Vec<Peer> {
        let resolver = self.resolver.map_or_else(|| "system".to_owned(), |one| one.to_string());
        let mut peers = vec![Peer::new("dns", resolver)];
        peers.extend(self.targets());
        peers
    }

    fn targets(&self) -> Vec<Peer> {
        let at = |ip: &IpAddr| SocketAddr::new(*ip, self.port).to_string();
        match (self.challenge, &self.addresses) {
            (Challenge::Dns01, _) => Vec::new(),
            (Challenge::Http01, Some(given)) => {
                given.iter().map(|ip| Peer::new("http", at(ip))).collect()
            }
            (Challenge::Http01, None) => {
                vec![Peer::new("http", format!("{}:{}", self.base(), self.port))]
            }
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Observation, Fault> {
        observe::observe(self, cx).await
    }

    fn judge(&self, seen: &Observation, _: &JudgeCx) -> Vec<Finding> {
        judge::judge(self, seen)
    }

    fn summary(&self, seen: &Observation, cx: &JudgeCx) -> String {
        let findings = self.judge(seen, cx);
        let ok = findings.iter().filter(|finding| finding.code == codes::OK.id).count();
        let caa = findings.iter().any(|finding| finding.code == codes::CAA_OK.id);
        let caa = if caa { "CAA allows" } else { "CAA does not clearly allow" };
        let reach = match self.challenge {
            Challenge::Http01 => format!("http-01 answered on {ok} of {}", seen.ways.len()),
            Challenge::Dns01 => {
                let good = findings.iter().all(|finding| finding.outcome != Outcome::Fail);
                if good { "dns-01 name answers" } else { "dns-01 is broken" }.to_owned()
            }
        };
        format!("{caa} {}; {reach}", self.authority)
    }

    fn reproduce(&self, _: Option<&Observation>) -> Vec<String> {
        let name = crate::model::text::quote(self.base());
        let mut commands = vec![format!("dig {name} CAA +noall +answer +comments")];
        commands.push(match self.challenge {
            Challenge::Http01 => format!(
                "curl -sSkIL --max-redirs 10 http://{name}{}/.well-known/acme-challenge/x",
                if self.port == 80 { String::new() } else { format!(":{}", self.port) }
            ),
            Challenge::Dns01 => format!("dig _acme-challenge.{name} TXT +noall +answer +comments"),
        });
        commands
    }
}
