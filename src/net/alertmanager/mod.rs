//! The API v2 of one Alertmanager: its status, alerts and silences.

mod desk;
mod go_regex;
mod matcher;
mod member;
mod read;
mod routes;
mod tidings;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::clock::Clock;
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::model::time::Span;
use crate::net::http::{
    self, Access, Answer, Client, Denial, End, Exchange, HttpUrl, Limits, Request,
};

use desk::Desk;

pub use matcher::{Labels, Matcher, Op, all_match, show};
pub use member::{Member, Reply};
pub use routes::{Routing, Stop};
pub use tidings::{NewAlert, Tally};
pub use wire::{
    Alert, AlertStatus, Cluster, NewSilence, Receiver, Silence, SilenceStatus, State, Status,
    WireMatcher,
};

/// How much of an answer is read: a hundred thousand silences fit.
const BODY_LIMIT: usize = 64 << 20;

/// The first pause before a busy Alertmanager is asked again; each is twice as long as the one
/// before.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// One Alertmanager.
#[derive(Debug, Clone)]
pub struct Alertmanager {
    base: HttpUrl,
    addresses: Vec<SocketAddr>,
    client: Client,
    /// Shared with everybody who talks to it.
    desk: Arc<Desk>,
}

/// Why a request was not granted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Trouble {
    /// A refusal below HTTP.
    #[error("{0}")]
    Denied(Denial),
    /// It answered, and said no.
    #[error("answered {status}: {said}")]
    Rejected {
        /// The status.
        status: u16,
        /// Its words, in one line.
        said: String,
    },
    /// Nothing was learnt.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Trouble {
    /// The trouble as a fault, for those to whom no answer is an answer.
    #[must_use]
    pub fn into_fault(self, what: &str) -> Fault {
        let what = what.to_owned();
        match self {
            Self::Fault(fault) => fault,
            Self::Denied(denial) => Fault::Unreachable { what, reason: denial.to_string() },
            Self::Rejected { status: 401 | 403, .. } => {
                Fault::Denied { what, need: "credentials it accepts".to_owned() }
            }
            Self::Rejected { status, said } => {
                Fault::Unreadable { what, reason: format!("answered {status}: {said}") }
            }
        }
    }

    /// Whether the request may have been granted all the same.
    #[must_use]
    pub const fn is_doubtful(&self) -> bool {
        match self {
            Self::Denied(Denial::Refused(refusal)) => {
                !matches!(refusal, crate::net::tcp::Refusal::Refused)
            }
            Self::Denied(Denial::Tls(_)) => false,
            Self::Denied(Denial::Closed) => true,
            Self::Rejected { status, .. } => *status >= 500,
            Self::Fault(fault) => !matches!(fault, Fault::Name { .. } | Fault::Local { .. }),
        }
    }
}

impl Alertmanager {
    /// Looks the host of a base URL up, path prefix included in the URL. Nothing is sent yet.
    ///
    /// # Errors
    /// A [`Fault`] when the host has no address, or a file the access names
    /// cannot be used.
    pub async fn find(base: &HttpUrl, access: &Access, limit: Duration) -> Result<Self, Fault> {
        let addresses = http::find(base, access, limit).await?;
        Ok(Self {
            base: base.clone(),
            client: Client::new(base, &addresses, access).await?,
            addresses,
            desk: Desk::of(base, access),
        })
    }

    /// Its base URL.
    #[must_use]
    pub const fn base(&self) -> &HttpUrl {
        &self.base
    }

    /// Where its host is; nothing where a proxy looks that up.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn status(&self, limit: Duration) -> Result<Status, Trouble> {
        let own = self.clone();
        let put = async move { own.read("status", &[], limit).await };
        self.in_time(limit, self.desk.status.ask(put)).await.map(|status| (*status).clone())
    }

    /// All alerts, the silenced and inhibited ones included.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn alerts(&self, limit: Duration) -> Result<Arc<Vec<Alert>>, Trouble> {
        let own = self.clone();
        let put = async move { own.read("alerts", &[], limit).await };
        self.in_time(limit, self.desk.alerts.ask(put)).await
    }

    /// All silences that are not over. Newer versions leave the others out when asked to; of older
    /// ones they are dropped here.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn silences(&self, limit: Duration) -> Result<Arc<Vec<Silence>>, Trouble> {
        let own = self.clone();
        let put = async move {
            let mut all: Vec<Silence> =
                own.read("silences", &[("expired", "false")], limit).await?;
            all.retain(|silence| silence.status.state != State::Expired);
            Ok(all)
        };
        self.in_time(limit, self.desk.silences.ask(put)).await
    }

    /// All silences it still knows, those that are over included.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn all_silences(&self, limit: Duration) -> Result<Arc<Vec<Silence>>, Trouble> {
        let own = self.clone();
        let put = async move { own.read("silences", &[], limit).await };
        self.in_time(limit, self.desk.all_silences.ask(put)).await
    }

    /// Makes or changes a silence; the id returned is the one that counts from now on.
    ///
    /// # Errors
    /// See [`Trouble`]; where [`Trouble::is_doubtful`], look before trying again.
    pub async fn post(&self, silence: &NewSilence, limit: Duration) -> Result<String, Trouble> {
        let url = self.base.below("api/v2/silences", &[]);
        let json = serde_json::to_value(silence)
            .map_err(|error| Fault::Bug { message: format!("writing a silence: {error}") })?;
        let ask =
            Request { method: reqwest::Method::POST, json: Some(&json), ..Request::get(&url) };
        let answer = self.send(&ask, limit).await?;
        self.json::<wire::Made>("the new silence", &answer).map(|made| made.id)
    }

    /// Gives it alerts, as Prometheus does.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn give(&self, alerts: &[NewAlert], limit: Duration) -> Result<(), Trouble> {
        let url = self.base.below("api/v2/alerts", &[]);
        let json = serde_json::to_value(alerts)
            .map_err(|error| Fault::Bug { message: format!("writing an alert: {error}") })?;
        let ask =
            Request { method: reqwest::Method::POST, json: Some(&json), ..Request::get(&url) };
        self.send(&ask, limit).await.map(drop)
    }

    /// How often each integration was used, by its own metrics; `None` when it does not say.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn tallies(
        &self,
        limit: Duration,
    ) -> Result<Option<BTreeMap<String, Tally>>, Trouble> {
        let url = self.base.below("metrics", &[]);
        let answer = self.send(&Request::get(&url), limit).await?;
        Ok(tidings::read(&String::from_utf8_lossy(&answer.body)))
    }

    /// Ends a silence now. Ending one that is over already is no mistake.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn expire(&self, id: &str, limit: Duration) -> Result<(), Trouble> {
        let url = self.base.below(&format!("api/v2/silence/{id}"), &[]);
        let ask = Request { method: reqwest::Method::DELETE, ..Request::get(&url) };
        self.send(&ask, limit).await.map(drop)
    }

    /// Waits no longer for an answer that others wait for as well.
    async fn in_time<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let answer = tokio::time::timeout(limit, answer).await;
        answer.unwrap_or_else(|_| {
            let what = format!("asking {}", self.base);
            Err(Fault::Timeout { what, after: Span::from(limit) }.into())
        })
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: Duration,
    ) -> Result<T, Trouble> {
        let url = self.base.below(&format!("api/v2/{path}"), query);
        let begun = Clock.tick();
        let mut pause = FIRST_PAUSE;
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            match self.send(&Request::get(&url), left).await {
                // It answers so many questions at once (`--web.get-concurrency`) and no more.
                Err(Trouble::Rejected { status: 503, .. }) if left > pause * 2 => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(trouble) => return Err(trouble),
                Ok(answer) => return self.json(path, &answer),
            }
        }
    }

    /// One exchange that must end in a 2xx and a whole body.
    async fn send(&self, ask: &Request<'_>, limit: Duration) -> Result<Answer, Trouble> {
        let begun = Clock.tick();
        let Ok(_turn) = tokio::time::timeout(limit, self.desk.door.acquire()).await else {
            let what = format!("waiting for a turn to ask {}", self.base);
            return Err(Fault::Timeout { what, after: Span::from(limit) }.into());
        };
        let limits = Limits { time: limit.saturating_sub(begun.elapsed()), bytes: BODY_LIMIT };
        let answer = match self.client.send(ask, limits).await? {
            Exchange::Answered(answer) => answer,
            Exchange::Denied(denial) => return Err(Trouble::Denied(denial)),
        };
        if !(200..300).contains(&answer.status) {
            let said = words(&answer.body);
            return Err(Trouble::Rejected { status: answer.status, said });
        }
        match answer.end {
            End::Whole => Ok(answer),
            End::Limit => Err(self.unreadable(format!("more than {BODY_LIMIT} bytes")).into()),
            End::Broken(denial) => Err(Trouble::Denied(denial)),
            End::Fault(fault) => Err(fault.into()),
        }
    }

    fn json<T: DeserializeOwned>(&self, path: &str, answer: &Answer) -> Result<T, Trouble> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            let error = one_line(&error.to_string());
            self.unreadable(format!("not what an Alertmanager says of {path}: {error}")).into()
        })
    }

    fn unreadable(&self, reason: String) -> Fault {
        Fault::Unreadable { what: format!("asking {}", self.base), reason }
    }
}

/// The words of a refusal: a bare JSON string, `{"message": …}`, `{"error": …}` or plain text.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let said = match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(serde_json::Value::String(said)) => said,
        Ok(value) => ["message", "error"]
            .iter()
            .find_map(|key| value.get(key)?.as_str().map(str::to_owned))
            .unwrap_or_else(|| text.trim().to_owned()),
        Err(_) => text.trim().to_owned(),
    };
    one_line(&said)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn every_kind_of_error_body_is_read() {
        for (body, said) in [
            (r#""bad matcher format""#, "bad matcher format"),
            (
                r#"{"code":602,"message":"comment in body is required"}"#,
                "comment in body is required",
            ),
            (r#"{"status":"error","error":"no"}"#, "no"),
            ("404 page not found\n", "404 page not found"),
            ("", ""),
        ] {
            assert_eq!(words(body.as_bytes()), said);
        }
    }
}
