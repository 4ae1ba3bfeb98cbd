//! The kind `http`: one request to every address of a URL's host.

mod codes;
mod judge;
mod observe;
mod readings;
mod status;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::param::Pattern;
use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::peer::Peer;
use crate::model::text::count;
use crate::model::time::Span;
use crate::net::http::HttpUrl;

pub use observe::{At, Body, Ending, Found, Hop, Seen, Visit};
pub use readings::Reading;
pub use status::Statuses;

/// Does every address of this URL answer as it should?
///
/// The host is looked up, and **each** of its addresses is asked on its own, so that the one node
/// behind the name that still runs the old release is seen. The answer is right when its status is
/// right, every header named matches, the body matches, and it came in time. The whole body is
/// waited for: an answer that begins with `200` and then stalls is not a pass.
///
/// ```yaml
/// http:
///   url: https://match.example.com/healthz
///   status: 200
///   headers: { x-release: '^1\.2\.0$' }
///   body: '"status": *"ok"'
///   max_latency: 300ms
/// ```
///
/// What it cannot see: it speaks HTTP/1.1, keeps no cookies, runs no scripts and sends no body. It asks for no
/// compression, so a server that behaves differently for compressed answers is seen only in its
/// uncompressed ways. It uses no proxy, whatever the environment says: what it sees is the server.
/// One request to each address says nothing about load. Certificates must be good for the answer to
/// count, but how long they stay good is the question of the kind `tls`.
///
/// At most 1 MiB of a body is read.
///
/// **Watching for leaks.** Many services publish their pools as JSON (Go's `expvar`, Spring's actuator).
/// `numbers` takes them out of the body, `again` takes a second sample, and `expect` says what may be:
///
/// ```yaml
/// - id: pool.leak
///   http:
///     url: http://match-0.match.svc:8080/debug/vars
///     numbers:
///       in_use: /db/InUse
///       pool_max: /db/MaxOpenConnections
///       goroutines: /goroutines
///     again: 30s
///   expect:
///     - "found.addresses.all(a, a.readings.in_use.last < 0.8 * a.readings.pool_max.last)"
///     - "found.addresses.all(a, a.readings.in_use.growth <= 2.0)"
///     - "found.addresses.all(a, a.readings.goroutines.growth < 50.0)"
/// ```
///
/// Ask one replica a check (`for_each`), not the load balancer, and leave the samples longer apart than
/// the longest request: what then still grows in a quiet hour is not given back. The numbers are decimals
/// in `expect`: write `2.0`, not `2`, where you calculate with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The URL to ask for, such as `https://match.example.com/healthz`. A user and password in it
    /// are sent as basic authentication; write the password as `${env:NAME}`.
    pub url: HttpUrl,
    /// The method: `GET` (the default), `HEAD`, `OPTIONS` or `POST`. A `POST` has an empty body and
    /// is sent again at every run and every retry, so name only a URL where that changes nothing.
    #[serde(default, skip_serializing_if = "Method::is_default")]
    pub method: Method,
    /// Which status codes are right: one number (`200`), a class (`2xx`), or a list of both
    /// (`[200, 3xx]`). Default `2xx`. The status is that of the last answer when `follow` is set.
    #[serde(default)]
    pub status: Statuses,
    /// Headers the answer must have: a map from name to a regular expression, searched anywhere in
    /// the value unless anchored, such as `x-release: '^1\.2\.0$'`. Use `'.*'` for "present, with
    /// any value". Names are compared without regard to case; of a header that occurs several times
    /// one must match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Pattern>,
    /// A regular expression the body must have, searched in its first 1 MiB as UTF-8, such as
    /// `'"version": *"1\.2\.0"'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Pattern>,
    /// The longest the whole exchange with one address may take: connecting, TLS, the answer, its
    /// body as far as it is read (1 MiB), and every redirect that is followed. Such as `300ms`.
    /// Without it only the check's `timeout` bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency: Option<Span>,
    /// Follow redirects, at most 10, and judge the last answer. Default `false`: a redirect is an
    /// answer like any other. On the URL's own host and port the address stays the one being asked;
    /// other hosts are looked up. Credentials of the URL are not sent elsewhere.
    #[serde(default, skip_serializing_if = "is_off")]
    pub follow: bool,
    /// Ask these addresses instead of those the host's name stands for, such as
    /// `[192.0.2.10, 192.0.2.11]`; the name is still used in the request and for TLS. For a node
    /// that is not in DNS yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// Numbers to take out of the body, which must be JSON then: a map from a name of your own to a JSON
    /// pointer (RFC 6901), such as `in_use: /db/InUse`; `""` is the whole body. They stand in the observation as `readings`, for
    /// `expect`. A number that is not there is `unknown`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, String>,
    /// Ask every address a second time after so long, at most 10m, and judge the second answer; the
    /// `readings` then have a `first`, a `last` and their `growth`. It adds to the time the check may
    /// take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Span>,
    /// A PEM file of the certificates to trust, instead of the machine's own; relative to the
    /// checklist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

/// The most that two samples can be apart.
const MOST_APART: Span = Span::from_secs(600);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_off(follow: &bool) -> bool {
    !*follow
}

/// A method that a check may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Headers and body.
    #[default]
    Get,
    /// Headers only.
    Head,
    /// What the server allows.
    Options,
    /// With an empty body.
    Post,
}

impl Method {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    const fn is_default(&self) -> bool {
        matches!(self, Self::Get)
    }

    /// The method as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
        }
    }
}

impl Probe for Http {
    const KIND: &'static str = "http";
    const SUMMARY: &'static str = "Does every address of a URL answer as it should?";
    const CODES: &'static [&'static Code] = codes::ALL;
    const TARGET: Target = Target::One("url");
    type Observation = Seen;

    fn complaints(&self) -> Vec<Complaint> {
        let mut found = Vec::new();
        let mut complain = |key, message: &str, help: &str| {
            found.push(Complaint {
                key: Some(key),
                message: message.to_owned(),
                help: Some(help.to_owned()),
            });
        };
        if self.status.is_empty() {
            complain("status", "no status can be right", "write a number, or a class such as 2xx");
        }
        if self.method == Method::Head && self.body.is_some() {
            complain("body", "the answer to HEAD has no body", "use GET, or leave `body` out");
        }
        if !self.addresses.is_empty() && self.url.ip().is_some() {
            complain(
                "addresses",
                "the URL already says which address to ask",
                "write the host's name in the URL, or leave `addresses` out",
            );
        }
        if self.ca.is_some() && self.url.scheme() == "http" && !self.follow {
            complain("ca", "http:// has no certificates", "write https://, or leave `ca` out");
        }
        if self.max_latency == Some(Span::ZERO) {
            complain("max_latency", "nothing takes no time", "write a time such as 300ms");
        }
        if let Some(pointer) =
            self.numbers.values().find(|it| !it.is_empty() && !it.starts_with('/'))
        {
            let message = format!("`{pointer}` is no JSON pointer");
            complain("numbers", &message, "it begins with a slash, such as /db/InUse");
        }
        if !self.numbers.is_empty() && self.method == Method::Head {
            complain(
                "numbers",
                "the answer to HEAD has no body",
                "use GET, or leave `numbers` out",
            );
        }
        if self.again.is_some() && self.numbers.is_empty() {
            complain("again", "there are no numbers to compare", "add `numbers`");
        }
        if self.again.is_some_and(|it| it > MOST_APART || it == Span::ZERO) {
            complain("again", "the samples are to be up to 10m apart", "write 30s, say");
        }
        if let Some(name) = self.headers.keys().find(|name| !is_header_name(name)) {
            complain(
                "headers",
                &format!("`{name}` cannot be a header's name"),
                "see RFC 9110 §5.1",
            );
        }
        found
    }

    fn peers(&self) -> Vec<Peer> {
        let peer = |address: String| Peer::new(self.url.scheme(), address);
        let mut peers: Vec<Peer> = match self.addresses.as_slice() {
            [] => vec![peer(self.url.authority())],
            some => some
                .iter()
                .map(|ip| peer(std::net::SocketAddr::new(*ip, self.url.port()).to_string()))
                .collect(),
        };
        if self.follow {
            peers.push(peer("whom the answer redirects to".to_owned()));
        }
        peers
    }

    fn waits(&self) -> std::time::Duration {
        self.again.map_or(std::time::Duration::ZERO, Span::get)
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Seen, Fault> {
        observe::observe(self, cx).await
    }

    fn judge(&self, seen: &Seen, _: &JudgeCx) -> Vec<Finding> {
        judge::judge(self, seen)
    }

    fn summary(&self, seen: &Seen, _: &JudgeCx) -> String {
        let Found::Addresses(all) = &seen.found else {
            return format!("{} has no address", self.url.host());
        };
        let answers: Vec<&Visit> = all.iter().filter_map(|at| at.sight.seen()).collect();
        let mut statuses: Vec<u16> = answers.iter().filter_map(|v| v.status()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        let statuses: Vec<String> = statuses.iter().map(ToString::to_string).collect();
        let slowest = answers.iter().filter_map(|v| v.total_ms()).fold(0.0_f64, f64::max);
        if statuses.is_empty() {
            return format!("no answer from {}", count_addresses(all.len()));
        }
        format!(
            "{} from {}, slowest {}",
            statuses.join(", "),
            count_addresses(all.len()),
            judge::millis(slowest)
        )
    }

    fn names_files(&self) -> bool {
        self.ca.as_ref().is_some_and(|file| file.is_relative())
    }

    fn reproduce(&self, seen: Option<&Seen>) -> Vec<String> {
        judge::reproduce(self, seen)
    }
}

fn count_addresses(n: usize) -> String {
    if n == 1 { count(1, "address") } else { format!("{n} addresses") }
}

/// RFC 9110 §5.6.2: a token.
fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
