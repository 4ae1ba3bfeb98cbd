//! `redis`: has Redis room for the launch, and is it in order?

pub mod codes;
mod facts;
mod hot_keys;
mod judge;
mod judge_nodes;
mod observe;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::param::Share;
use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::peer::Peer;
use crate::model::text::count;
use crate::model::time::Span;
use crate::net::redis::RedisUrl;

pub use facts::{
    Cluster, Hot, HotBy, HotKey, HotKeysSeen, Inside, Login, Node, Replica, Report, Seen, Slow,
    Watched,
};

/// Has Redis room for the launch, and is it in order?
///
/// Looks at clients against `maxclients`, memory against `maxmemory`, evictions, clients that were turned
/// away, persistence, replication, the slow log, and how long PING takes. A node of a cluster is also
/// asked how it sees the cluster, a Sentinel how it sees the primaries it watches.
///
/// ```yaml
/// redis:
///   url: "rediss://gonogo:${env:REDIS_PASSWORD}@cache:6379"
///   demand: { connections: 4000 }
///   max_memory_used: 70%
///   nodes:
///     - "rediss://gonogo:${env:REDIS_PASSWORD}@cache-replica:6379"
///     - "redis://sentinel-1:26379"
/// ```
///
/// `nodes` are the other servers that belong to it: replicas, the nodes of a cluster, Sentinels. Each is
/// looked at and judged apart, under its own target, and then whether they agree: the Sentinels on who is
/// the primary, that server and no other on being it, and a cluster on how many nodes it has. Write them
/// with the addresses that the Sentinels use.
///
/// It takes one connection to each server and reads; `INFO`, `PING`, `SLOWLOG GET`, `CLUSTER INFO`,
/// `CLUSTER NODES`, `SENTINEL MASTERS` and `SENTINEL CKQUORUM` are all it says, and an ACL must allow
/// `INFO`; of a server whose `INFO` does not tell its limits also `CONFIG GET maxclients` and `CONFIG GET
/// maxmemory`; with `hot_keys` also `HOTKEYS`, or `DBSIZE`, `SCAN` and `OBJECT FREQ`. It cannot see: nodes
/// that are not named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// Where to log in: `redis://USER:PASSWORD@HOST:PORT/DATABASE`, `rediss://` for TLS (always
    /// verified), `unix:///PATH` for a unix socket. Without a user it is the default one; the port is
    /// 6379 unless said. Put the password into a secret: `${env:REDIS_PASSWORD}`.
    pub url: RedisUrl,
    /// A PEM file with the roots to trust instead of the system's, relative to the checklist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// How many clients the launch will bring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<Demand>,
    /// The share of `maxclients` that the demand must leave free. Default 20%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headroom: Option<Share>,
    /// The share of `maxmemory` that may be used. Default 80%. More is a failure where you state it, a
    /// warning where you do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_memory_used: Option<Share>,
    /// The most that PING may take, for 99 of a hundred, four of them under way at a time. Without it the
    /// time is told and not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ping: Option<Span>,
    /// How old the last snapshot may be while there are writes that it does not have. A server whose every
    /// write goes to the append-only file is not judged by it. Without it a cache that saves nothing is as
    /// good as a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unsaved: Option<Span>,
    /// Looks for keys that take too much of the server's time, or are used far more than others. It costs
    /// the server a little, so it is only done where it is asked for; `hot_keys: {}` takes all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_keys: Option<HotKeys>,
    /// The other servers that belong to this one, as URLs: replicas, nodes of its cluster, Sentinels. The
    /// limits of this check hold for each that has data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<RedisUrl>,
}

/// How many clients the launch will bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// The most connections that all clients will hold at once.
    pub connections: u32,
}

/// Looking for hot keys, by the ways that cost little.
///
/// From version 8.6 the server counts by itself (`HOTKEYS START`) for a few seconds, and ends that by
/// itself should nobody do so; a count that somebody else has begun is only read. Before, an LFU policy
/// (`allkeys-lfu`, `volatile-lfu`) notes with each key how much it is used: that is read of at most a
/// thousand keys or so (`SCAN`, `OBJECT FREQ`), so of a large database it is a sample. A server with
/// neither cannot tell, and the check says so. `MONITOR` and `KEYS` are never used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HotKeys {
    /// For how long the server counts. Default 5s, at most 1m; it adds to the time the check may take.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub counting: Option<Span>,
}

impl HotKeys {
    fn counting(&self) -> Duration {
        self.counting.map_or(Duration::from_secs(5), Span::get)
    }
}

/// The default of `headroom`.
const DEFAULT_HEADROOM: Share = Share::percent(20);
/// The default of `max_memory_used`.
const DEFAULT_MEMORY: Share = Share::percent(80);
/// The most further nodes.
const MOST_NODES: usize = 100;

impl Redis {
    /// The server itself and its further nodes.
    fn urls(&self) -> impl Iterator<Item = &RedisUrl> {
        std::iter::once(&self.url).chain(&self.nodes)
    }
}

impl Probe for Redis {
    const KIND: &'static str = "redis";
    const SUMMARY: &'static str = "Has Redis room for the launch, and is it in order?";
    const CODES: &'static [&'static Code] = codes::ALL;
    const TARGET: Target = Target::One("url");
    type Observation = Seen;

    fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let mut complain = |key, message: &str, help: &str| {
            complaints.push(Complaint {
                key: Some(key),
                message: message.to_owned(),
                help: Some(help.to_owned()),
            });
        };
        if self.headroom.is_some() && self.demand.is_none() {
            complain("headroom", "there is no demand to leave headroom", "add a `demand`");
        }
        if self.headroom.is_some_and(|share| share.get() >= 1.0) {
            complain("headroom", "a headroom of all clients leaves none", "write less than 100%");
        }
        if self.demand.as_ref().is_some_and(|demand| demand.connections == 0) {
            complain("demand", "a demand of no connections asserts nothing", "leave it out");
        }
        if self.max_ping == Some(Span::ZERO) {
            complain("max_ping", "nothing takes no time", "write a time such as 5ms");
        }
        let minute = Duration::from_secs(1)..=Duration::from_mins(1);
        if self.hot_keys.as_ref().is_some_and(|wish| !minute.contains(&wish.counting())) {
            complain("hot_keys", "`for` is less than a second, or more than a minute", "write 5s");
        }
        if self.nodes.len() > MOST_NODES {
            complain("nodes", "there are more than a hundred", "make several checks of them");
        }
        let mut places: Vec<String> = self.urls().map(RedisUrl::place).collect();
        places.sort_unstable();
        if places.windows(2).any(|pair| pair[0] == pair[1]) {
            complain("nodes", "a server is named twice", "name each one once");
        }
        if self.ca.is_some() && !self.urls().any(|url| url.tls) {
            complain("ca", "there is no TLS to trust it for", "write the URL with rediss://");
        }
        complaints
    }

    fn peers(&self) -> Vec<Peer> {
        self.urls().map(|url| Peer::new("redis", url.place())).collect()
    }

    fn waits(&self) -> Duration {
        self.hot_keys.as_ref().map_or(Duration::ZERO, HotKeys::counting)
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Seen, Fault> {
        Box::pin(observe::look(self, cx)).await
    }

    fn judge(&self, seen: &Seen, _: &JudgeCx) -> Vec<Finding> {
        judge::judge(self, seen)
    }

    fn summary(&self, seen: &Seen, _: &JudgeCx) -> String {
        let Some(inside) = seen.login.inside() else {
            return format!("{} let nobody in", seen.target);
        };
        let Some(report) = inside.report.seen() else {
            return format!("{} answers; its report was not seen", seen.target);
        };
        let most = report.max_clients.map_or("?".to_owned(), |most| most.to_string());
        let nodes = match seen.nodes.len() {
            0 => String::new(),
            more => format!("; {} beside it", count(more, "node")),
        };
        let untold = matches!(inside.hot, Some(Sight::Seen(HotKeysSeen::Untold)));
        let hot = if untold { "; it cannot tell hot keys" } else { "" };
        format!(
            "Redis {} ({}): {} of {most} clients, {} MiB{nodes}{hot}",
            report.version,
            report.mode,
            report.clients,
            report.memory >> 20
        )
    }

    fn reproduce(&self, _: Option<&Seen>) -> Vec<String> {
        let url = String::from(self.url.clone()).replace('\'', "%27");
        let cli = match &self.url.host {
            crate::net::redis::Host::Unix(path) => format!("redis-cli -s '{}'", path.display()),
            crate::net::redis::Host::Tcp(..) => format!("redis-cli -u '{url}' --askpass"),
        };
        vec![format!("{cli} INFO"), format!("{cli} --latency-history -i 5")]
    }
}
