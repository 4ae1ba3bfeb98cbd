//! HTTPS: each question is a POST of its own, many at once over HTTP/2 (RFC 8484).

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, Stream};

use super::secure;
use super::server::Server;
use crate::model::fault::Fault;
use crate::net::pki::roots::Roots;

/// The largest answer, as with TCP.
const MAX_ANSWER: usize = 65_535;

/// How many questions are under way at most.
const MOST: usize = 100;

type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// What came of one question.
pub(super) struct Landed {
    pub(super) slot: usize,
    /// The message, and for how many seconds an HTTP cache had kept it (§5.1).
    pub(super) answer: Result<(Vec<u8>, u32), Fault>,
}

/// A client of one server.
pub(super) struct HttpsLane {
    server: Server,
    roots: Option<Arc<Roots>>,
    client: Option<reqwest::Client>,
    flights: FuturesUnordered<Flight>,
    slots: HashSet<usize>,
}

impl HttpsLane {
    pub(super) fn new(server: Server, roots: Option<Arc<Roots>>) -> Self {
        let flights = FuturesUnordered::new();
        Self { server, roots, client: None, flights, slots: HashSet::new() }
    }

    /// Forgets all questions that are under way.
    pub(super) fn clear(&mut self) {
        self.flights.clear();
        self.slots.clear();
    }

    /// Whether another question may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.flights.len() < MOST
    }

    /// Whether an answer for the slot can still come.
    pub(super) fn holds(&self, slot: usize) -> bool {
        self.slots.contains(&slot)
    }

    /// Sends a question.
    pub(super) fn send(&mut self, slot: usize, message: Vec<u8>, limit: Duration) {
        self.slots.insert(slot);
        let server = self.server;
        let client = match self.client() {
            Ok(client) => client,
            Err(fault) => {
                let landed = Landed { slot, answer: Err(fault) };
                return self.flights.push(Box::pin(std::future::ready(landed)));
            }
        };
        self.flights.push(Box::pin(async move {
            let asked = tokio::time::timeout(limit, post(&client, server, message)).await;
            let answer = asked.unwrap_or_else(|_| {
                Err(Fault::Timeout { what: format!("asking {server}"), after: limit.into() })
            });
            Landed { slot, answer }
        }));
    }

    /// The next question that came to an end; `Pending` when there is none.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Landed> {
        match ready!(Pin::new(&mut self.flights).poll_next(cx)) {
            Some(landed) => {
                self.slots.remove(&landed.slot);
                Poll::Ready(landed)
            }
            // Nothing is under way; whoever sends the next question polls again.
            None => Poll::Pending,
        }
    }

    fn client(&mut self) -> Result<reqwest::Client, Fault> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let tls = secure::config(self.roots.as_deref(), &[b"h2", b"http/1.1"])?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .map_err(|error| Fault::Bug { message: format!("making an HTTP client: {error}") })?;
        self.client = Some(client.clone());
        Ok(client)
    }
}

async fn post(
    client: &reqwest::Client,
    server: Server,
    message: Vec<u8>,
) -> Result<(Vec<u8>, u32), Fault> {
    let what = || format!("asking {server}");
    let unreachable = |error: reqwest::Error| Fault::Unreachable {
        what: what(),
        reason: secure::innermost(&error),
    };
    let mut response = client
        .post(format!("https://{}/dns-query", server.address))
        .header("content-type", "application/dns-message")
        .header("accept", "application/dns-message")
        .body(message)
        .send()
        .await
        .map_err(unreachable)?;
    let status = response.status();
    if !status.is_success() {
        return Err(Fault::Unreadable { what: what(), reason: format!("HTTP status {status}") });
    }
    let age = response.headers().get("age").and_then(|age| age.to_str().ok()?.parse().ok());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            let reason = format!("more than {MAX_ANSWER} bytes");
            return Err(Fault::Unreadable { what: what(), reason });
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, age.unwrap_or(0)))
}
