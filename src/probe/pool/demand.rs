//! How many connections the launch will ask for: arithmetic over what the user says.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::outcome::Outcome;
use crate::model::time::Span;
use crate::probe::Complaint;
use crate::probe::param::Share;

/// How many connections the launch will ask for: either a number, or what it is made of.
///
/// ```yaml
/// demand: { connections: 120 }
/// demand: { replicas: 24, surge: 25%, processes: 2, pool_max: 10 }   # (24 + 6) × 2 × 10 = 600
/// demand: { rate: 8000, hold: 250ms }                                # 2000, by Little's law
/// ```
///
/// With both pools and `rate` the pools are checked against the load too: they must hold what the load
/// keeps busy, with a third to spare, because waits explode above 75%.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// The most connections all clients will hold at once, counted by yourself: pools of every
    /// workload, plus jobs, migrations and administrators. Instead of the other keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// How many replicas there can be: the autoscaler's **maximum**, not today's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// How many more replicas a rolling update adds while it runs, as Kubernetes' `maxSurge`: a
    /// share such as `25%`, rounded up to whole replicas, or a number of replicas. Default 25%, as
    /// in Kubernetes. A blue-green switch is `100%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surge: Option<Surge>,
    /// How many processes of a replica have a pool of their own, such as the workers of a
    /// pre-forking server. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// The most connections one pool opens (`maximumPoolSize`, `MaxOpenConns`, `max_size`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_max: Option<u32>,
    /// How many transactions a second the launch brings at its peak, over all replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// How long a transaction keeps its connection on average at the peak, with all that the
    /// application does between its statements. Goes with `rate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
    /// How old a pool lets a connection get (`maxLifetime`, `ConnMaxLifetime`). It must be less than
    /// what any server or proxy on the way allows an idle connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Span>,
    /// How long a pool keeps a connection that nobody uses (`idleTimeout`, `ConnMaxIdleTime`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Span>,
    /// After how much silence the clients send TCP keepalives (`keepalives_idle`; two hours where
    /// the driver leaves it to Linux). Only compared with `path_idle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive: Option<Span>,
}

/// Whether pools can carry their load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// A failure when they cannot, a warning when they barely can.
    pub outcome: Outcome,
    /// The numbers.
    pub message: String,
}

/// Whether idle connections go before they are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Whether they do.
    pub in_time: bool,
    /// After how long they are cut.
    pub after: Span,
    /// Who does it, and the numbers.
    pub message: String,
}

/// Pools that are busier than this make requests wait.
const BUSY: f64 = 0.75;

/// How many more replicas a rolling update adds: a share such as `25%`, or a number of replicas.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SurgeText", into = "serde_json::Value")]
pub enum Surge {
    /// This share of the replicas, rounded up.
    Share(Share),
    /// So many replicas.
    Replicas(u32),
}

impl Demand {
    /// How many connections that makes in all; `None` when the parts are incomplete.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.pools().or_else(|| self.busy().map(whole))
    }

    /// How many connections all pools together can open; `None` when it is not said.
    #[must_use]
    pub fn pools(&self) -> Option<u64> {
        if let Some(connections) = self.connections {
            return Some(connections.into());
        }
        let replicas = u64::from(self.replicas?);
        let all = replicas + self.surge().of(replicas);
        let pools = all.saturating_mul(self.processes().into());
        Some(pools.saturating_mul(self.pool_max?.into()))
    }

    /// How many connections the load keeps busy on average, by Little's law: the rate times how long
    /// each is held.
    #[must_use]
    pub fn busy(&self) -> Option<f64> {
        Some(self.rate? * self.hold?.get().as_secs_f64())
    }

    /// How long an idle connection can stay in a pool; `None` when it is not said.
    #[must_use]
    pub fn idle_for(&self) -> Option<Span> {
        match (self.idle, self.lifetime) {
            (Some(idle), Some(lifetime)) => Some(idle.min(lifetime)),
            (idle, lifetime) => idle.or(lifetime),
        }
    }

    /// Whether the pools can carry the load; `None` where one of the two is not said.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a number of connections is far below 2^52")]
    pub fn load(&self) -> Option<Load> {
        let (busy, pools) = (self.busy()?, self.pools()? as f64);
        let outcome = if busy > pools {
            Outcome::Fail
        } else if busy > BUSY * pools {
            Outcome::Warn
        } else {
            Outcome::Pass
        };
        let (share, most) = (100.0 * busy / pools, 100.0 * BUSY);
        let message = format!(
            "the load keeps {busy:.1} of {pools} pooled connections busy, {share:.0}% (at most {most}%)"
        );
        Some(Load { outcome, message })
    }

    /// Whether something ends idle connections before the pools do: `cuts` are who ends them and after
    /// how long. `None` where nothing is to be compared. A keepalive is traffic to what stands on the
    /// way, and no statement to a server or a proxy.
    #[must_use]
    pub fn cut(&self, path_idle: Option<Span>, cuts: &[(&str, Option<Span>)]) -> Option<Cut> {
        let kept = self.idle_for();
        let on_the_way = path_idle.filter(|cut| self.keepalive.is_none_or(|it| it >= *cut));
        let path = [("something on the way (path_idle)", on_the_way)];
        let cuts = cuts.iter().filter(|_| kept.is_some()).chain(&path);
        let cuts = cuts.filter_map(|(who, after)| Some((*who, (*after)?)));
        let (who, after) = cuts.min_by_key(|(_, after)| *after)?;
        let (what, in_time) = match (kept, self.keepalive) {
            (Some(kept), _) => (format!("pools keep idle connections for {kept}"), kept < after),
            (None, Some(keepalive)) => (format!("keepalives come after {keepalive}"), false),
            (None, None) => return None,
        };
        Some(Cut { in_time, after, message: format!("{what}, {who} ends them after {after}") })
    }

    /// The arithmetic, for a person: `(24 replicas + 6 surge) × 2 processes × 10`.
    #[must_use]
    pub fn arithmetic(&self) -> String {
        match (self.connections, self.replicas, self.pool_max) {
            (None, Some(replicas), Some(pool_max)) => {
                let processes = match self.processes() {
                    1 => String::new(),
                    more => format!(" × {more} processes"),
                };
                let surge = self.surge().of(replicas.into());
                format!("({replicas} replicas + {surge} surge){processes} × {pool_max} connections")
            }
            (Some(_), _, _) => "as stated".to_owned(),
            (None, _, _) => match (self.rate, self.hold) {
                (Some(rate), Some(hold)) => format!("{rate} a second × {hold} (Little's law)"),
                (Some(_) | None, _) => "as stated".to_owned(),
            },
        }
    }

    fn surge(&self) -> Surge {
        self.surge.unwrap_or(Surge::Share(Share::percent(25)))
    }

    fn processes(&self) -> u32 {
        self.processes.unwrap_or(1)
    }

    /// What is wrong with it.
    pub(in crate::probe) fn complaints(&self) -> Vec<Complaint> {
        let complain = |message: &str, help: &str| {
            vec![Complaint {
                key: Some("demand"),
                message: message.to_owned(),
                help: Some(help.to_owned()),
            }]
        };
        let parts = self.replicas.is_some()
            || self.surge.is_some()
            || self.processes.is_some()
            || self.pool_max.is_some();
        let half = |a: bool, b: bool| a != b;
        match self.total() {
            _ if half(self.rate.is_some(), self.hold.is_some()) => complain(
                "`rate` and `hold` go together",
                "write how many transactions a second, and how long each keeps its connection",
            ),
            _ if self.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) => {
                complain("`rate` is not a rate", "write a number of transactions a second")
            }
            _ if half(self.replicas.is_some(), self.pool_max.is_some()) => complain(
                "the demand is incomplete",
                "write `connections`, or both `replicas` and `pool_max`",
            ),
            _ if self.connections.is_some() && parts => complain(
                "`connections` is the whole demand, and here are parts of it too",
                "write either `connections`, or `replicas` and `pool_max`",
            ),
            None => complain(
                "the demand is incomplete",
                "write `connections`, or `replicas` and `pool_max`, or `rate` and `hold`",
            ),
            Some(0) => complain(
                "a demand of no connections asserts nothing",
                "write how many connections the launch will ask for, or leave `demand` out",
            ),
            Some(_) => Vec::new(),
        }
    }
}

/// What a limit leaves for the launch once its headroom is kept.
pub(in crate::probe) fn budget(limit: u64, headroom: Share) -> u64 {
    limit - round_up(headroom.get(), limit).min(limit)
}

/// A number of connections, rounded up to whole ones.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of floats saturate, and a negative rate is refused"
)]
fn whole(connections: f64) -> u64 {
    (connections - 1e-9).ceil() as u64
}

impl Surge {
    /// How many replicas it adds to so many.
    fn of(self, replicas: u64) -> u64 {
        match self {
            Self::Replicas(more) => more.into(),
            Self::Share(share) => round_up(share.get(), replicas),
        }
    }
}

/// A share of a number, rounded up; not fooled by a share that a float can only nearly hold.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share between 0 and 1 of a number far below 2^52"
)]
pub(super) fn round_up(share: f64, of: u64) -> u64 {
    (share * of as f64 - 1e-9).ceil().max(0.0) as u64
}

impl fmt::Display for Surge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => share.fmt(f),
            Self::Replicas(more) => more.fmt(f),
        }
    }
}

impl From<Surge> for serde_json::Value {
    fn from(surge: Surge) -> Self {
        match surge {
            Surge::Share(share) => share.to_string().into(),
            Surge::Replicas(more) => more.into(),
        }
    }
}

/// A surge as it stands in a document: whole numbers are replicas, the rest is read as a share.
struct SurgeText(Result<Surge, String>);

impl<'de> Deserialize<'de> for SurgeText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = SurgeText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share such as 25%, or a number of replicas")
            }
            fn visit_i64<E>(self, n: i64) -> Result<SurgeText, E> {
                let replicas = u32::try_from(n).map(Surge::Replicas);
                Ok(SurgeText(replicas.map_err(|_| format!("{n} is not a number of replicas"))))
            }
            fn visit_u64<E>(self, n: u64) -> Result<SurgeText, E> {
                let replicas = u32::try_from(n).map(Surge::Replicas);
                Ok(SurgeText(replicas.map_err(|_| format!("{n} is not a number of replicas"))))
            }
            fn visit_f64<E>(self, n: f64) -> Result<SurgeText, E> {
                Ok(SurgeText(share(n.into())))
            }
            fn visit_str<E>(self, text: &str) -> Result<SurgeText, E> {
                Ok(SurgeText(share(text.into())))
            }
        }
        fn share(value: serde_json::Value) -> Result<Surge, String> {
            serde_json::from_value(value).map(Surge::Share).map_err(|error| error.to_string())
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl TryFrom<SurgeText> for Surge {
    type Error = String;

    fn try_from(text: SurgeText) -> Result<Self, String> {
        text.0
    }
}

impl JsonSchema for Surge {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Surge".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A share of the replicas such as 25%, rounded up, or a number of replicas.",
            "oneOf": [
                { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?%$" },
                { "type": "number", "minimum": 0 }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(json: serde_json::Value) -> Demand {
        serde_json::from_value(json).expect("a demand")
    }

    #[test]
    fn demand_counts_the_surge_in_whole_replicas() {
        for (json, total) in [
            (serde_json::json!({"connections": 120}), 120),
            (serde_json::json!({"rate": 8000, "hold": "250ms"}), 2000),
            (serde_json::json!({"rate": 3.5, "hold": "1s"}), 4),
            (serde_json::json!({"rate": 99, "hold": "1s", "connections": 7}), 7),
            (serde_json::json!({"replicas": 24, "pool_max": 20}), 600),
            (serde_json::json!({"replicas": 24, "surge": "25%", "pool_max": 20}), 600),
            (serde_json::json!({"replicas": 5, "surge": "25%", "pool_max": 10}), 70),
            (serde_json::json!({"replicas": 5, "surge": 0.25, "pool_max": 10}), 70),
            (serde_json::json!({"replicas": 5, "surge": 1, "pool_max": 10}), 60),
            (serde_json::json!({"replicas": 5, "surge": "100%", "pool_max": 10}), 100),
            (serde_json::json!({"replicas": 5, "surge": 0, "pool_max": 10}), 50),
            (serde_json::json!({"replicas": 2, "surge": 0, "processes": 4, "pool_max": 3}), 24),
            // A tenth of ten replicas is one, however a float holds a tenth.
            (serde_json::json!({"replicas": 10, "surge": "10%", "pool_max": 1}), 11),
        ] {
            let demand = demand(json.clone());
            assert_eq!(demand.total(), Some(total), "{json}");
            assert!(demand.complaints().is_empty(), "{json}");
            let written = serde_json::to_value(&demand).expect("JSON");
            assert_eq!(self::demand(written), demand, "{json}");
        }
    }

    #[test]
    fn half_a_demand_or_two_are_refused() {
        for json in [
            serde_json::json!({}),
            serde_json::json!({"replicas": 3}),
            serde_json::json!({"pool_max": 3}),
            serde_json::json!({"connections": 3, "replicas": 3}),
            serde_json::json!({"connections": 0}),
            serde_json::json!({"rate": 10}),
            serde_json::json!({"connections": 5, "hold": "1s"}),
            serde_json::json!({"rate": -1, "hold": "1s"}),
            serde_json::json!({"idle": "1m"}),
            serde_json::json!({"replicas": 0, "pool_max": 3, "surge": 0}),
        ] {
            assert_eq!(demand(json.clone()).complaints().len(), 1, "{json}");
        }
        for json in [
            serde_json::json!({"replicas": 1, "pool_max": 1, "surge": -1}),
            serde_json::json!({"replicas": 1, "pool_max": 1, "surge": "25"}),
            serde_json::json!({"replicas": 1, "pool_max": 1, "burst": 1}),
        ] {
            assert!(serde_json::from_value::<Demand>(json.clone()).is_err(), "{json}");
        }
    }
}
