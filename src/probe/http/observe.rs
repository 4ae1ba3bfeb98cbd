//! Looking: every address asked once, concurrently, each with its own facts or fault.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::readings::{Reading, numbers, readings};
use super::{Http, Method};
use crate::clock::millis_since;
use crate::model::fault::{Fault, Sight};
use crate::model::text::clip;
use crate::model::time::Span;
use crate::net::http::{Access, Answer, Client, Denial, End, Exchange, HttpUrl, Limits, Request};
use crate::net::name::{self, Addresses};
use crate::probe::ProbeCx;

/// How much of a body is read.
const BODY_LIMIT: usize = 1 << 20;
/// How many redirects are followed.
pub(super) const MAX_REDIRECTS: usize = 10;
/// How much of a body is kept in the record, in characters.
const EXCERPT: usize = 300;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// The addresses, or that there are none.
    pub found: Found,
}

/// What the host stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// Each address and what was seen there.
    Addresses(Vec<At>),
    /// The resolver says there is none; with its words.
    None(String),
}

/// One address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct At {
    /// The address and port.
    pub address: SocketAddr,
    /// What was seen there.
    pub sight: Sight<Visit>,
    /// The numbers that both samples had, by the names of the check.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub readings: BTreeMap<String, Reading>,
}

/// One request and the redirects that were followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Visit {
    /// The redirects followed, in order.
    pub redirects: Vec<Hop>,
    /// How it ended.
    pub ending: Ending,
}

/// One redirect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hop {
    /// The status that redirected.
    pub status: u16,
    /// Where to, without query.
    pub to: String,
}

/// How a visit ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Ending {
    /// With an answer.
    Answered {
        /// Its status.
        status: u16,
        /// Its headers in the order received, names in lower case, long values cut; `location`
        /// without query.
        headers: Vec<(String, String)>,
        /// Its body.
        body: Body,
        /// To the end of the last answer's headers, from the beginning, in milliseconds.
        first_byte_ms: f64,
        /// To the end of the last answer's body, from the beginning, in milliseconds.
        total_ms: f64,
    },
    /// With a refusal below HTTP.
    Denied {
        /// The refusal.
        denial: Denial,
    },
    /// In a circle, or after too many redirects.
    Loop,
    /// With a redirect to a host that has no address.
    Nowhere {
        /// The host.
        host: String,
        /// What the resolver said, such as `NXDOMAIN`.
        words: String,
    },
}

/// A body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Body {
    /// How many bytes of it were read.
    pub bytes: usize,
    /// Whether more was there than is read.
    pub cut: bool,
    /// Why it ended early, when it did.
    pub broken: Option<Sight<Denial>>,
    /// Its beginning, made safe to show.
    pub excerpt: String,
    /// The `Content-Encoding`, when the body came encoded although that was not asked for.
    pub encoding: Option<String>,
    /// Whether it has what `body` asks for; absent when nothing was asked.
    pub matches: Option<bool>,
    /// The numbers it has of those the check asks for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, f64>,
}

impl Visit {
    /// The numbers of the last answer.
    fn numbers(&self) -> BTreeMap<String, f64> {
        match &self.ending {
            Ending::Answered { body, .. } => body.numbers.clone(),
            Ending::Denied { .. } | Ending::Loop | Ending::Nowhere { .. } => BTreeMap::new(),
        }
    }

    /// The status of the last answer.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match &self.ending {
            Ending::Answered { status, .. } => Some(*status),
            Ending::Denied { .. } | Ending::Loop | Ending::Nowhere { .. } => None,
        }
    }

    /// How long it took, in milliseconds.
    #[must_use]
    pub const fn total_ms(&self) -> Option<f64> {
        match &self.ending {
            Ending::Answered { total_ms, .. } => Some(*total_ms),
            Ending::Denied { .. } | Ending::Loop | Ending::Nowhere { .. } => None,
        }
    }
}

pub(super) async fn observe(probe: &Http, cx: &ProbeCx) -> Result<Seen, Fault> {
    let access = Access::trusting(probe.ca.clone()).based(&cx.base);
    let apart = probe.again.map_or(Duration::ZERO, Span::get);
    let addresses: Vec<IpAddr> = if probe.addresses.is_empty() {
        let own = cx.remaining().saturating_sub(apart);
        match name::addresses(probe.url.host(), None, own / 2).await? {
            Addresses::Found(found) => found,
            Addresses::None(words) => return Ok(Seen { found: Found::None(words) }),
        }
    } else {
        probe.addresses.clone()
    };
    // Less than all that is left, so that one silent address does not cost what the others said;
    // and the first of two samples leaves the time to wait and for the second.
    let most = |left: Duration| left * 9 / 10;
    let own = cx.remaining().saturating_sub(apart);
    let limit = if probe.again.is_some() { own / 2 } else { most(own) };
    let first = sample(probe, cx, &access, &addresses, limit).await;
    if probe.again.is_none() {
        return Ok(seen(first.clone(), &first));
    }
    tokio::time::sleep(apart.min(cx.remaining())).await;
    let last = sample(probe, cx, &access, &addresses, most(cx.remaining())).await;
    Ok(seen(last, &first))
}

/// The last sample, with what it has in common with the first.
fn seen(last: Vec<At>, first: &[At]) -> Seen {
    let numbers = |at: &At| at.sight.seen().map(Visit::numbers).unwrap_or_default();
    let with = |mut at: At, first: &At| {
        at.readings = readings(&numbers(first), &numbers(&at));
        at
    };
    let all = last.into_iter().zip(first).map(|(at, first)| with(at, first));
    Seen { found: Found::Addresses(all.collect()) }
}

/// Asks every address once, each within the limit.
async fn sample(
    probe: &Http,
    cx: &ProbeCx,
    access: &Access,
    addresses: &[IpAddr],
    limit: Duration,
) -> Vec<At> {
    let port = probe.url.port();
    let looks = addresses.iter().map(|ip| {
        let look = Look { probe, cx, access, limit };
        async move {
            let address = SocketAddr::new(*ip, port);
            At { address, sight: look.visit(address).await.into(), readings: BTreeMap::new() }
        }
    });
    join_all(looks).await
}

struct Look<'a> {
    probe: &'a Http,
    cx: &'a ProbeCx,
    access: &'a Access,
    limit: Duration,
}

impl Look<'_> {
    /// One request to one address, and where it leads.
    async fn visit(&self, address: SocketAddr) -> Result<Visit, Fault> {
        let begun = self.cx.clock.tick();
        let mut url = self.probe.url.clone();
        let mut method = self.probe.method;
        let mut been = vec![(method, url.clone())];
        let mut redirects = Vec::new();
        loop {
            let left = self.limit.saturating_sub(begun.elapsed());
            let addresses: Vec<SocketAddr> = match self.pin(&url, address, left).await? {
                Addresses::Found(ips) => {
                    ips.into_iter().map(|ip| SocketAddr::new(ip, url.port())).collect()
                }
                Addresses::None(words) => {
                    let ending = Ending::Nowhere { host: url.host().to_owned(), words };
                    return Ok(Visit { redirects, ending });
                }
            };
            let client = Client::new(&url, &addresses, self.access).await?;
            let before = millis_since(begun);
            let answer = match self.ask(&client, &url, method, begun.elapsed()).await? {
                Exchange::Answered(answer) => answer,
                Exchange::Denied(denial) => {
                    return Ok(Visit { redirects, ending: Ending::Denied { denial } });
                }
            };
            let next = if self.probe.follow { redirect(&url, &answer) } else { None };
            let Some(to) = next else {
                let ending = self.ending(&answer, before);
                return Ok(Visit { redirects, ending });
            };
            redirects.push(Hop { status: answer.status, to: to.shown() });
            method = after(method, answer.status);
            let step = (method, to.clone());
            if been.contains(&step) || redirects.len() > MAX_REDIRECTS {
                return Ok(Visit { redirects, ending: Ending::Loop });
            }
            been.push(step);
            url = to;
        }
    }

    /// The addresses for one hop: the one being asked as long as host and port stay.
    async fn pin(
        &self,
        url: &HttpUrl,
        address: SocketAddr,
        left: Duration,
    ) -> Result<Addresses, Fault> {
        if url.host() == self.probe.url.host() && url.port() == address.port() {
            return Ok(Addresses::Found(vec![address.ip()]));
        }
        name::addresses(url.host(), None, left).await
    }

    async fn ask(
        &self,
        client: &Client,
        url: &HttpUrl,
        method: Method,
        spent: Duration,
    ) -> Result<Exchange, Fault> {
        let method = match method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Options => reqwest::Method::OPTIONS,
            Method::Post => reqwest::Method::POST,
        };
        let limits = Limits { time: self.limit.saturating_sub(spent), bytes: BODY_LIMIT };
        client.send(&Request { method, ..Request::get(url) }, limits).await
    }

    fn ending(&self, answer: &Answer, before_ms: f64) -> Ending {
        let encoding = answer
            .header("content-encoding")
            .filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
            .map(|encoding| clip(encoding, 40));
        let text = String::from_utf8_lossy(&answer.body);
        let broken = match &answer.end {
            End::Whole | End::Limit => None,
            End::Broken(denial) => Some(Sight::Seen(denial.clone())),
            End::Fault(fault) => Some(Sight::Fault(fault.clone())),
        };
        let body = Body {
            bytes: answer.body.len(),
            cut: answer.end == End::Limit,
            broken,
            excerpt: clip(text.trim_end(), EXCERPT),
            encoding,
            matches: self.probe.body.as_ref().map(|pattern| pattern.is_match(&text)),
            numbers: numbers(&text, &self.probe.numbers),
        };
        Ending::Answered {
            status: answer.status,
            headers: self.headers(answer),
            body,
            first_byte_ms: round(before_ms + answer.first_byte_ms),
            total_ms: round(before_ms + answer.total_ms),
        }
    }

    /// The headers for the record. Those a check asks for are kept whole, for the judge; cookies
    /// are sessions and are not kept, nor is the query of a redirect, which can be one.
    fn headers(&self, answer: &Answer) -> Vec<(String, String)> {
        let asked = |name: &str| self.probe.headers.keys().any(|k| k.eq_ignore_ascii_case(name));
        answer
            .headers
            .iter()
            .filter(|(name, _)| asked(name) || name != "set-cookie")
            .map(|(name, value)| {
                let value = match name.as_str() {
                    _ if asked(name) => value.clone(),
                    "location" => clip(value.split(['?', '#']).next().unwrap_or_default(), 200),
                    _ => clip(value, 200),
                };
                (name.clone(), value)
            })
            .collect()
    }
}

/// Where an answer redirects to (RFC 9110 §15.4).
fn redirect(url: &HttpUrl, answer: &Answer) -> Option<HttpUrl> {
    match answer.status {
        301 | 302 | 303 | 307 | 308 => url.follow(answer.header("location")?),
        _ => None,
    }
}

/// The method after a redirect: 303 turns all but HEAD into GET, and 301 and 302 do so with POST,
/// as every client does (RFC 9110 §15.4.2 to §15.4.4).
const fn after(method: Method, status: u16) -> Method {
    match (status, method) {
        (303, Method::Head) => Method::Head,
        (303, _) | (301 | 302, Method::Post) => Method::Get,
        (_, method) => method,
    }
}

fn round(millis: f64) -> f64 {
    crate::clock::round_millis(millis)
}
