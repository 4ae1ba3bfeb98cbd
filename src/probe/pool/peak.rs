//! The highest use there has been, from a Prometheus.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::fault::Fault;
use crate::net::http::{Access, HttpUrl};
use crate::net::prometheus::Prometheus;
use crate::probe::ProbeCx;

/// Where a Prometheus knows the highest use of the server.
///
/// ```yaml
/// peak:
///   prometheus: http://prometheus.example.com:9090
///   query: max_over_time(sum(pg_stat_activity_count{instance="db:9187"})[7d:1m])
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peak {
    /// Its URL, or that of what speaks like one.
    pub prometheus: HttpUrl,
    /// A query that comes to one number: the most connections that were in use at once, over a time
    /// that has seen a peak. No data, several series and NaN are `unknown`.
    pub query: String,
}

/// What stops a ramp: a number of a Prometheus that others would suffer from.
///
/// ```yaml
/// guard:
///   prometheus: http://prometheus.example.com:9090
///   query: max(pg_replication_lag_seconds)
///   max: 10
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// The Prometheus' URL, or that of what speaks like one.
    pub prometheus: HttpUrl,
    /// A query that comes to one number, such as the replicas' lag or the share of the processors in use.
    pub query: String,
    /// The most it may be.
    pub max: f64,
}

impl Guard {
    /// Whether the number is above what it may be; asked within `limit`.
    pub(super) async fn trips(&self, cx: &ProbeCx, limit: Duration) -> Result<bool, Fault> {
        Ok(ask(&self.prometheus, &self.query, cx, limit).await? > self.max)
    }
}

impl Peak {
    /// Asks.
    pub(in crate::probe) async fn ask(&self, cx: &ProbeCx) -> Result<f64, Fault> {
        ask(&self.prometheus, &self.query, cx, cx.remaining() / 4).await
    }
}

/// The one number a query comes to.
async fn ask(url: &HttpUrl, query: &str, cx: &ProbeCx, limit: Duration) -> Result<f64, Fault> {
    let access = Access::trusting(None).based(&cx.base);
    let prometheus = Prometheus::find(url, &access, limit).await?;
    prometheus.number(query, limit).await
}
