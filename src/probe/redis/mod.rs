//! `redis`: has Redis room for the launch, and is it in order?

pub mod codes;
mod facts;
mod judge;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::param::Share;
use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::latency::Latency;
use crate::model::peer::Peer;
use crate::net::redis::{Connection, Opened, RedisUrl, Reply, open};

pub use facts::{Cluster, Inside, Login, Replica, Report, Seen, Watched};

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
/// ```
///
/// It takes one connection and reads; `INFO`, `PING`, `SLOWLOG GET`, `CLUSTER INFO`, `CLUSTER NODES` and
/// `SENTINEL MASTERS` are all it says, and an ACL must allow `INFO`. It cannot see: hot keys (finding them
/// costs the server too much); nodes other than the one the URL names, which need a check of their own.
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
}

/// How many clients the launch will bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// The most connections that all clients will hold at once.
    pub connections: u32,
}

/// The default of `headroom`.
const DEFAULT_HEADROOM: Share = Share::percent(20);
/// The default of `max_memory_used`.
const DEFAULT_MEMORY: Share = Share::percent(80);
/// How many PINGs are sent, and how many of them are under way at a time.
const PINGS: usize = 200;
const DEPTH: usize = 4;
/// How old the commands of the slow log may be that matter, in seconds.
const LATELY: i64 = 600;

impl Redis {
    async fn inside(&self, cx: &ProbeCx, mut connection: Connection) -> Inside {
        let limit = cx.remaining() / 4;
        let report = report(&mut connection, limit).await;
        let mut inside = Inside {
            address: connection.address.clone(),
            report: report.into(),
            ping: None,
            slow: None,
            cluster: None,
            sentinel: None,
        };
        let Some(mode) = inside.report.seen().map(|report| report.mode.clone()) else {
            return inside;
        };
        match mode.as_str() {
            "cluster" => inside.cluster = Some(cluster(&mut connection, limit).await.into()),
            "sentinel" => inside.sentinel = Some(sentinel(&mut connection, limit).await.into()),
            _ => {}
        }
        if mode != "sentinel" {
            inside.slow = slow(cx, &mut connection, limit).await;
        }
        // Last, because the connection may be of no use afterwards.
        let times = connection.ping(PINGS, DEPTH, limit).await;
        inside.ping = match times.map(Latency::of) {
            Ok(times) => times.map(Sight::Seen),
            Err(fault) => Some(Sight::Fault(fault)),
        };
        inside
    }
}

/// Asks for text; an error is a privilege that is missing, or something else that speaks RESP.
async fn text(
    connection: &mut Connection,
    command: &[&str],
    limit: Duration,
) -> Result<String, Fault> {
    let what = || format!("asking for {}", command.join(" "));
    match connection.ask(command, limit).await? {
        Reply::Text(text) => Ok(text),
        Reply::Error(error) if error.starts_with("NOPERM") => {
            Err(Fault::Denied { what: what(), need: format!("the right to it: {error}") })
        }
        Reply::Error(error) => Err(Fault::Unreadable { what: what(), reason: error }),
        Reply::Number(_) | Reply::List(_) | Reply::Nil => {
            Err(Fault::Unreadable { what: what(), reason: "the reply is no text".to_owned() })
        }
    }
}

async fn report(connection: &mut Connection, limit: Duration) -> Result<Report, Fault> {
    let mut report = facts::read_report(&text(connection, &["INFO"], limit).await?)?;
    if report.max_clients.is_none() {
        // Before version 6.2 INFO does not have it. Where CONFIG is not allowed it stays unknown.
        let reply = connection.ask(&["CONFIG", "GET", "maxclients"], limit).await?;
        let value = reply.items().get(1).and_then(Reply::text);
        report.max_clients = value.and_then(|value| value.parse().ok());
    }
    Ok(report)
}

async fn cluster(connection: &mut Connection, limit: Duration) -> Result<Cluster, Fault> {
    let info = text(connection, &["CLUSTER", "INFO"], limit).await?;
    let nodes = text(connection, &["CLUSTER", "NODES"], limit).await?;
    facts::read_cluster(&info, &nodes)
}

async fn sentinel(connection: &mut Connection, limit: Duration) -> Result<Vec<Watched>, Fault> {
    let masters = connection.ask(&["SENTINEL", "MASTERS"], limit).await?;
    let mut watched = Vec::new();
    for (name, flags) in masters.items().iter().filter_map(facts::read_watched).take(50) {
        let reply = connection.ask(&["SENTINEL", "CKQUORUM", &name], limit).await?;
        let (quorum, agreed) = match reply {
            Reply::Text(words) => (words, true),
            Reply::Error(words) => (words, false),
            Reply::Number(_) | Reply::List(_) | Reply::Nil => ("no answer".to_owned(), false),
        };
        let name = crate::model::text::one_line(&name);
        let quorum = crate::model::text::one_line(&quorum);
        watched.push(Watched { name, flags, quorum, agreed });
    }
    Ok(watched)
}

/// How many commands of late are in the slow log; `None` where it may not be read.
async fn slow(cx: &ProbeCx, connection: &mut Connection, limit: Duration) -> Option<u32> {
    let Ok(Reply::List(entries)) = connection.ask(&["SLOWLOG", "GET", "128"], limit).await else {
        return None;
    };
    let since = cx.clock.now().as_second() - LATELY;
    // An entry begins with its number and the second it was made in.
    let late = |entry: &&Reply| matches!(entry.items().get(1), Some(Reply::Number(at)) if *at >= since);
    u32::try_from(entries.iter().filter(late).count()).ok()
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
        if self.ca.is_some() && !self.url.tls {
            complain("ca", "there is no TLS to trust it for", "write the URL with rediss://");
        }
        complaints
    }

    fn peers(&self) -> Vec<Peer> {
        vec![Peer::new("redis", self.url.place())]
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Seen, Fault> {
        let ca = self.ca.as_ref().map(|file| cx.path(file));
        let opening = Box::pin(open(&self.url, ca.as_deref(), cx.remaining() / 2));
        let login = match opening.await? {
            Opened::Open(connection) => {
                Login::In(Box::new(Box::pin(self.inside(cx, *connection)).await))
            }
            Opened::No(refusal) => Login::Refused(refusal),
        };
        Ok(Seen { target: self.url.place(), login })
    }

    fn judge(&self, seen: &Seen, _: &JudgeCx) -> Vec<Finding> {
        judge::judge(self, seen)
    }

    fn summary(&self, seen: &Seen, _: &JudgeCx) -> String {
        let Login::In(inside) = &seen.login else {
            return format!("{} let nobody in", seen.target);
        };
        let Some(report) = inside.report.seen() else {
            return format!("{} answers; its report was not seen", seen.target);
        };
        let most = report.max_clients.map_or("?".to_owned(), |most| most.to_string());
        format!(
            "Redis {} ({}): {} of {most} clients, {} MiB",
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
