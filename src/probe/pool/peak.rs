//! The highest use there has been, from a Prometheus.

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

impl Peak {
    /// Asks.
    pub(in crate::probe) async fn ask(&self, cx: &ProbeCx) -> Result<f64, Fault> {
        let limit = cx.remaining() / 4;
        let access = Access::trusting(None).based(&cx.base);
        let prometheus = Prometheus::find(&self.prometheus, &access, limit).await?;
        prometheus.number(&self.query, limit).await
    }
}
