//! The HTTP API v1 of a Prometheus: its alerting rules, and which alerts fired.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::model::time::Window;
use crate::net::alertmanager::Labels;
use crate::net::http::{self, Access, Client, End, Exchange, HttpUrl, Limits, Request};

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
#[serde(rename_all = "camelCase")]
pub struct AlertRule {
    /// The name of the alerts it makes.
    pub name: String,
    /// The labels it gives them; a value with `{{` is a template.
    #[serde(default)]
    pub labels: Labels,
    /// The alerts it has now.
    #[serde(default)]
    pub alerts: Vec<RuleAlert>,
    /// Whether it can be evaluated: `ok`, `err`, or `unknown` when it has not been yet.
    #[serde(default)]
    pub health: String,
    /// Why it cannot.
    #[serde(default)]
    pub last_error: String,
    /// When it was evaluated last.
    #[serde(default)]
    pub last_evaluation: Option<Timestamp>,
    /// `inactive`, `pending` or `firing`.
    #[serde(default)]
    pub state: String,
}

/// A target that is scraped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScrapeTarget {
    /// Its labels; `job` is among them.
    pub labels: Labels,
    /// `up`, `down`, or `unknown` when it has not been scraped yet.
    pub health: String,
    /// Why it is down.
    #[serde(default)]
    pub last_error: String,
}

/// An alert of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RuleAlert {
    /// Its labels, before relabelling and without external labels.
    pub labels: Labels,
    /// `pending` or `firing`.
    pub state: String,
}

/// Alerts over a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The seconds from one look to the next.
    pub step_secs: i64,
    /// The labels of each alert and the instants at which it fired.
    pub alerts: Vec<(Labels, Vec<Timestamp>)>,
}

/// What an instant query comes to: pairs of seconds since 1970 and a number as text.
#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Instant {
    Scalar((f64, String)),
    Vector(Vec<VectorSeries>),
}

#[derive(Deserialize)]
struct VectorSeries {
    value: (f64, String),
}

#[derive(Deserialize)]
struct Matrix {
    result: Vec<MatrixSeries>,
}

#[derive(Deserialize)]
struct MatrixSeries {
    metric: Labels,
    /// Pairs of seconds since 1970 and a number as text.
    values: Vec<(f64, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<T> {
    status: String,
    data: Option<T>,
    #[serde(default)]
    error: String,
    /// Why a part of the data may be missing: a store that did not answer, a limit.
    #[serde(default)]
    warnings: Option<Vec<String>>,
    /// How `VictoriaMetrics` says that a part is missing.
    #[serde(default)]
    is_partial: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    active_targets: Vec<ScrapeTarget>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeInfo {
    #[serde(default)]
    reload_config_success: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receivers {
    active_alertmanagers: Vec<Receiver>,
}

#[derive(Deserialize)]
struct Receiver {
    url: String,
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
    /// A [`Fault`] when the host has no address, or a file the access names
    /// cannot be used.
    pub async fn find(base: &HttpUrl, access: &Access, limit: Duration) -> Result<Self, Fault> {
        let addresses = http::find(base, access, limit).await?;
        Ok(Self { base: base.clone(), client: Client::new(base, &addresses, access).await? })
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

    /// The targets it scrapes.
    ///
    /// # Errors
    /// A [`Fault`] when they cannot be had.
    pub async fn targets(&self, limit: Duration) -> Result<Vec<ScrapeTarget>, Fault> {
        let targets: Targets = self.read("targets", &[("state", "active")], limit).await?;
        Ok(targets.active_targets)
    }

    /// Whether its last reading of its configuration succeeded; `None` where it does not say.
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be had.
    pub async fn reloaded(&self, limit: Duration) -> Result<Option<bool>, Fault> {
        let info: RuntimeInfo = self.read("status/runtimeinfo", &[], limit).await?;
        Ok(info.reload_config_success)
    }

    /// The URLs it sends alerts to.
    ///
    /// # Errors
    /// A [`Fault`] when they cannot be had.
    pub async fn alertmanagers(&self, limit: Duration) -> Result<Vec<String>, Fault> {
        let all: Receivers = self.read("alertmanagers", &[], limit).await?;
        Ok(all.active_alertmanagers.into_iter().map(|one| one.url).collect())
    }

    /// Which alerts fired in a stretch of time, looked at every fifteen seconds, or less often where
    /// that would be more than Prometheus answers.
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be had.
    pub async fn firing(&self, window: Window, limit: Duration) -> Result<Series, Fault> {
        let length = window.to.duration_since(window.from).as_secs().max(0);
        // It answers 11 000 points of a series at most.
        let step_secs = (length / 10_000 + 1).max(15);
        let query = [
            ("query", "ALERTS{alertstate=\"firing\"}".to_owned()),
            ("start", window.from.to_string()),
            ("end", window.to.to_string()),
            ("step", step_secs.to_string()),
        ];
        let query: Vec<(&str, &str)> = query.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let matrix: Matrix = self.read("query_range", &query, limit).await?;
        let alerts = matrix.result.into_iter().map(|series| {
            let mut labels = series.metric;
            labels.retain(|name, _| name != "__name__" && name != "alertstate");
            let instants = series.values.iter().filter(|(_, value)| value == "1");
            (labels, instants.filter_map(|(at, _)| instant(*at)).collect())
        });
        Ok(Series { step_secs, alerts: alerts.collect() })
    }

    /// The one number that a query comes to now.
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be had: no data, several series and NaN are no number.
    pub async fn number(&self, query: &str, limit: Duration) -> Result<f64, Fault> {
        let data: Instant = self.read("query", &[("query", query)], limit).await?;
        let value = match data {
            Instant::Scalar((_, value)) => value,
            Instant::Vector(series) => match <[_; 1]>::try_from(series) {
                Ok([VectorSeries { value: (_, value) }]) => value,
                Err(series) if series.is_empty() => {
                    return Err(self.unreadable("the query comes to no data".to_owned()));
                }
                Err(series) => {
                    let many = series.len();
                    return Err(
                        self.unreadable(format!("the query comes to {many} series, not one"))
                    );
                }
            },
        };
        let number = value.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| self.unreadable(format!("the query comes to {}", one_line(&value))))
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
        if matches!(answer.status, 401 | 403) {
            let what = format!("asking {}", self.base);
            return Err(Fault::Denied { what, need: "credentials it accepts".to_owned() });
        }
        let envelope: Envelope<T> = serde_json::from_slice(&answer.body).map_err(|error| {
            let status = answer.status;
            let error = one_line(&error.to_string());
            self.unreadable(format!("answered {status}, which is not Prometheus: {error}"))
        })?;
        let data = match envelope.data {
            Some(data) if envelope.status == "success" => data,
            _ => {
                let said = format!("{}: {}", envelope.status, one_line(&envelope.error));
                return Err(self.unreadable(said));
            }
        };
        let partial = (envelope.is_partial == Some(true)).then(|| "isPartial".to_owned());
        let warnings = envelope.warnings.unwrap_or_default();
        // Some versions put notes on the query itself among them, which take nothing away.
        let lacks = warnings.into_iter().find(|warning| !warning.starts_with("PromQL info:"));
        match lacks.or(partial) {
            Some(why) => {
                let why = one_line(&why);
                Err(self.unreadable(format!("a part of the answer may be missing: {why}")))
            }
            None => Ok(data),
        }
    }

    fn unreadable(&self, reason: String) -> Fault {
        Fault::Unreadable { what: format!("asking {}", self.base), reason }
    }
}

/// An instant from the seconds since 1970, to the millisecond.
fn instant(seconds: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "an instant outside of time is refused")]
    Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
}
