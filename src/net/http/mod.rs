//! One small HTTP client: the address chosen by the caller, bounded in time and in bytes, no
//! redirects, no proxy but the one it is told of, and errors that tell what the target said from
//! what was not learnt.

mod access;
mod denial;
mod url;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;

use crate::clock::{Clock, millis_since};
use crate::model::fault::Fault;
use crate::model::time::Span;
use crate::net::name::{self, Addresses};

pub use access::Access;
pub use denial::Denial;
pub use url::HttpUrl;

/// What this tool calls itself.
pub const USER_AGENT: &str = concat!("gonogo/", env!("CARGO_PKG_VERSION"));

/// A client that talks to one host at given addresses.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    /// For the text of faults: whom it talks to.
    whom: String,
    /// Whom it goes through, where there is a proxy.
    proxy: Option<HttpUrl>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Such as `GET`.
    pub method: reqwest::Method,
    /// The whole URL; its host is the one the client was made for.
    pub url: &'a HttpUrl,
    /// A JSON document to send.
    pub json: Option<&'a serde_json::Value>,
    /// The media type it is sent as.
    pub media: &'static str,
}

impl<'a> Request<'a> {
    /// A plain GET.
    #[must_use]
    pub const fn get(url: &'a HttpUrl) -> Self {
        Self { method: reqwest::Method::GET, url, json: None, media: "application/json" }
    }
}

/// How far an exchange may go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first packet to the last byte.
    pub time: Duration,
    /// How much of the body is read.
    pub bytes: usize,
}

/// What came back.
#[derive(Debug)]
pub enum Exchange {
    /// An HTTP answer.
    Answered(Answer),
    /// A negative answer below HTTP.
    Denied(Denial),
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers in the order received, names in lower case; a value that is not text is shown
    /// with replacement characters.
    pub headers: Vec<(String, String)>,
    /// From the first packet to the end of the headers, in milliseconds.
    pub first_byte_ms: f64,
    /// From the first packet to the end of the body, in milliseconds.
    pub total_ms: f64,
    /// As much of the body as came and was wanted.
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: End,
}

impl Answer {
    /// The first value of a header; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// How a body ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// At its end.
    Whole,
    /// More of it was there than was wanted.
    Limit,
    /// The target broke off.
    Broken(Denial),
    /// Nothing more was learnt.
    Fault(Fault),
}

impl Client {
    /// A client for `url`'s host that connects to `addresses` in turn and to nothing else. Where
    /// the host is itself an address, that address is used; where there is a proxy, it decides.
    ///
    /// # Errors
    /// [`Fault::Local`] when a file that the access names cannot be read or used.
    pub async fn new(
        url: &HttpUrl,
        addresses: &[SocketAddr],
        access: &Access,
    ) -> Result<Self, Fault> {
        let tls = match url.scheme() {
            "https" => access.tls().await?,
            _ => access::plain(),
        };
        Self::build(url, addresses, access, tls)
    }

    /// A client that talks to whoever answers: for a look in the place of somebody who does not
    /// check either, such as a certificate authority that follows a redirect (RFC 8555 §8.3).
    ///
    /// # Errors
    /// Only a defect of the tool.
    pub fn to_anyone(url: &HttpUrl, addresses: &[SocketAddr]) -> Result<Self, Fault> {
        Self::build(url, addresses, &Access::default(), access::unchecked())
    }

    fn build(
        url: &HttpUrl,
        addresses: &[SocketAddr],
        access: &Access,
        tls: rustls::ClientConfig,
    ) -> Result<Self, Fault> {
        let bug = |error: reqwest::Error| {
            let error = error.without_url();
            Fault::Bug { message: format!("making an HTTP client: {error}") }
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .default_headers(header_map(&access.headers)?)
            .no_proxy();
        if let Some(proxy) = &access.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy.url().clone()).map_err(bug)?);
        }
        if !addresses.is_empty() {
            builder = builder.resolve_to_addrs(url.host(), addresses);
        }
        let inner = builder.build().map_err(bug)?;
        let whom = match addresses {
            [one] => one.to_string(),
            _ => url.authority(),
        };
        Ok(Self { inner, whom, proxy: access.proxy.clone() })
    }

    /// Asks once.
    ///
    /// # Errors
    /// A [`Fault`] when nothing was learnt: no answer in time, no way there, a proxy that does not
    /// let it through, an answer that is not HTTP.
    pub async fn send(&self, ask: &Request<'_>, limits: Limits) -> Result<Exchange, Fault> {
        let what = format!("asking {}", self.whom);
        let begun = Clock.tick();
        let mut request = self.inner.request(ask.method.clone(), ask.url.url().clone());
        if let Some(json) = ask.json {
            request = request.header(CONTENT_TYPE, ask.media).body(json.to_string());
        }
        let sent = tokio::time::timeout(limits.time, request.send()).await;
        let mut response = match sent {
            Err(_) => return Err(Fault::Timeout { what, after: Span::from(limits.time) }),
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let denial = denial::read(&error.without_url(), what.clone())?;
                return self.denied(denial, what);
            }
        };
        // A proxy's own, whatever the target is (RFC 9110 §15.5.8).
        if let (407, Some(proxy)) = (response.status().as_u16(), &self.proxy) {
            let need = format!("credentials that the proxy {proxy} accepts");
            return Err(Fault::Denied { what, need });
        }
        let first_byte_ms = millis_since(begun);
        let (body, end) = read_body(&mut response, what, limits, begun).await;
        Ok(Exchange::Answered(Answer {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                })
                .collect(),
            first_byte_ms,
            total_ms: millis_since(begun),
            body,
            end,
        }))
    }

    /// Whose no it was: a proxy tells of a target that is down by an answer of its own (RFC 9110
    /// §15.6.3), so a connection that is refused or ends before one is no word of the target.
    fn denied(&self, denial: Denial, what: String) -> Result<Exchange, Fault> {
        let between = match &denial {
            Denial::Refused(_) | Denial::Closed => self.proxy.as_ref(),
            Denial::Tls(_) => None,
        };
        match between {
            Some(proxy) => {
                let reason = format!("the proxy {proxy}: {denial}");
                Err(Fault::Unreachable { what, reason })
            }
            None => Ok(Exchange::Denied(denial)),
        }
    }
}

/// The addresses of a URL's host; none where a proxy finds them.
///
/// # Errors
/// [`Fault::Name`] when it has none, or nobody answered.
pub async fn find(
    url: &HttpUrl,
    access: &Access,
    limit: Duration,
) -> Result<Vec<SocketAddr>, Fault> {
    if access.proxy.is_some() {
        return Ok(Vec::new());
    }
    match name::addresses(url.host(), None, limit).await? {
        Addresses::Found(found) => {
            Ok(found.into_iter().map(|ip| SocketAddr::new(ip, url.port())).collect())
        }
        Addresses::None(reason) => Err(Fault::Name { name: url.host().to_owned(), reason }),
    }
}

async fn read_body(
    response: &mut reqwest::Response,
    what: String,
    limits: Limits,
    begun: Instant,
) -> (Vec<u8>, End) {
    let mut body = Vec::new();
    loop {
        let left = limits.time.saturating_sub(begun.elapsed());
        let end = match tokio::time::timeout(left, response.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                let room = limits.bytes - body.len();
                if chunk.len() <= room {
                    body.extend_from_slice(&chunk);
                    continue;
                }
                body.extend_from_slice(&chunk[..room]);
                End::Limit
            }
            Ok(Ok(None)) => End::Whole,
            Ok(Err(error)) => match denial::read(&error.without_url(), what) {
                Ok(denial) => End::Broken(denial),
                Err(fault) => End::Fault(fault),
            },
            Err(_) => {
                let what = format!("{what} and reading the body");
                End::Fault(Fault::Timeout { what, after: Span::from(limits.time) })
            }
        };
        return (body, end);
    }
}

fn header_map(headers: &BTreeMap<String, String>) -> Result<HeaderMap, Fault> {
    let bad = |name: &str| Fault::Local {
        what: format!("sending the header {name}"),
        reason: "its name or value cannot stand in a header".to_owned(),
    };
    headers
        .iter()
        .map(|(name, value)| {
            let key = HeaderName::try_from(name).map_err(|_| bad(name))?;
            let mut value = HeaderValue::try_from(value).map_err(|_| bad(name))?;
            value.set_sensitive(true);
            Ok((key, value))
        })
        .collect()
}
