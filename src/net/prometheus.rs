//! The HTTP API v1 of a Prometheus: its alerting rules.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::alertmanager::Labels;
use crate::net::http::{Client, End, Exchange, HttpUrl, Limits, Request, Trust};
use crate::net::name::{self, Addresses};

/// How much of an answer is read.
const BODY_LIMIT: usize = 64 << 20;

/// One Prometheus, or what speaks like one.
#[derive(Debug, Clone)]
pub struct Prometheus {
    base: HttpUrl,
    client: Client,
}

/// An alerting rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AlertRule {
    /// The name of the alerts it makes.
    pub name: String,
    /// The labels it gives them; a value with `{{` is a template.
    #[serde(default)]
    pub labels: Labels,
    /// The alerts it has now.
    #[serde(default)]
    pub alerts: Vec<RuleAlert>,
}

/// An alert of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RuleAlert {
    /// Its labels, before relabelling and without external labels.
    pub labels: Labels,
    /// `pending` or `firing`.
    pub state: String,
}

#[derive(Deserialize)]
struct Envelope<T> {
    status: String,
    data: Option<T>,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    rules: Vec<serde_json::Value>,
}

impl Prometheus {
    /// Looks the host of a base URL up. Nothing is sent yet.
    ///
    /// # Errors
    /// A [`Fault`] when the host has no address, or the trusted certificates cannot be read.
    pub async fn find(base: &HttpUrl, trust: &Trust, limit: Duration) -> Result<Self, Fault> {
        let addresses = match name::addresses(base.host(), None, limit).await? {
            Addresses::Found(found) => found,
            Addresses::None(reason) => {
                return Err(Fault::Name { name: base.host().to_owned(), reason });
            }
        };
        let addresses: Vec<SocketAddr> =
            addresses.into_iter().map(|ip| SocketAddr::new(ip, base.port())).collect();
        Ok(Self { base: base.clone(), client: Client::new(base, &addresses, trust).await? })
    }

    /// All alerting rules.
    ///
    /// # Errors
    /// A [`Fault`] when they cannot be had.
    pub async fn alert_rules(&self, limit: Duration) -> Result<Vec<AlertRule>, Fault> {
        let groups: Groups = self.read("rules", &[("type", "alert")], limit).await?;
        let mut rules = Vec::new();
        for rule in groups.groups.into_iter().flat_map(|group| group.rules) {
            // Look-alikes ignore the filter and list recording rules as well.
            if rule.get("type").and_then(serde_json::Value::as_str) == Some("recording") {
                continue;
            }
            let rule = serde_json::from_value(rule)
                .map_err(|error| self.unreadable(one_line(&format!("a rule: {error}"))))?;
            rules.push(rule);
        }
        Ok(rules)
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: Duration,
    ) -> Result<T, Fault> {
        let url = self.base.below(&format!("api/v1/{path}"), query);
        let limits = Limits { time: limit, bytes: BODY_LIMIT };
        let answer = match self.client.send(&Request::get(&url), limits).await? {
            Exchange::Answered(answer) => answer,
            Exchange::Denied(denial) => {
                let what = format!("asking {}", self.base);
                return Err(Fault::Unreachable { what, reason: denial.to_string() });
            }
        };
        match answer.end {
            End::Whole => {}
            End::Limit => return Err(self.unreadable(format!("more than {BODY_LIMIT} bytes"))),
            End::Broken(denial) => return Err(self.unreadable(denial.to_string())),
            End::Fault(fault) => return Err(fault),
        }
        let envelope: Envelope<T> = serde_json::from_slice(&answer.body).map_err(|error| {
            let status = answer.status;
            let error = one_line(&error.to_string());
            self.unreadable(format!("answered {status}, which is not Prometheus: {error}"))
        })?;
        match envelope.data {
            Some(data) if envelope.status == "success" => Ok(data),
            _ => {
                Err(self.unreadable(format!("{}: {}", envelope.status, one_line(&envelope.error))))
            }
        }
    }

    fn unreadable(&self, reason: String) -> Fault {
        Fault::Unreadable { what: format!("asking {}", self.base), reason }
    }
}
