//! Looking at Redis: one connection to each server, and reads of what it says of itself.

use std::time::Duration;

use futures_util::future::join_all;

use super::facts::{self, Cluster, HotKeysSeen, Inside, Login, Node, Report, Seen, Slow, Watched};
use super::{DEFAULT_HEADROOM, Redis, hot_keys};
use crate::model::fault::{Fault, Sight};
use crate::model::latency::Latency;
use crate::model::text::one_line;
use crate::net::redis::{Connection, Opened, RedisUrl, Reply, open};
use crate::probe::pool::Picture;
use crate::probe::{Probe, ProbeCx};

/// How many PINGs are sent, and how many of them are under way at a time.
const PINGS: usize = 200;
const DEPTH: usize = 4;
/// How old the commands of the slow log may be that matter, in seconds.
const LATELY: i64 = 600;

/// Looks once at every server.
pub(super) async fn look(probe: &Redis, cx: &ProbeCx) -> Result<Seen, Fault> {
    let nodes = join_all(probe.nodes.iter().map(|url| async {
        Node { target: url.place(), login: login(probe, cx, url).await.into() }
    }));
    let (own, nodes) = futures_util::future::join(login(probe, cx, &probe.url), nodes).await;
    let login = own?;
    let picture = picture(probe, &login);
    Ok(Seen { target: probe.url.place(), login, nodes, picture })
}

fn picture(probe: &Redis, login: &Login) -> Option<Picture> {
    let report = login.inside()?.report.seen()?;
    let demand = probe.demand.as_ref().map(|demand| u64::from(demand.connections));
    let headroom = probe.headroom.unwrap_or(DEFAULT_HEADROOM);
    Some(Picture::of((report.max_clients?, 0, report.clients), demand, headroom))
}

async fn login(probe: &Redis, cx: &ProbeCx, url: &RedisUrl) -> Result<Login, Fault> {
    let ca = probe.ca.as_ref().map(|file| cx.path(file));
    Ok(match Box::pin(open(url, ca.as_deref(), cx.remaining() / 2)).await? {
        Opened::Open(connection) => {
            Login::In(Box::new(Box::pin(inside(probe, cx, *connection)).await))
        }
        Opened::No(refusal) => Login::Refused(refusal),
    })
}

async fn inside(probe: &Redis, cx: &ProbeCx, mut connection: Connection) -> Inside {
    let limit = cx.remaining().saturating_sub(probe.waits()).max(cx.remaining() / 4) / 4;
    let report = report(cx, &mut connection, limit).await;
    let mut inside = Inside {
        address: connection.address.clone(),
        report: report.into(),
        ping: None,
        slow: None,
        hot: None,
        cluster: None,
        sentinel: None,
    };
    let Some(report) = inside.report.seen().cloned() else { return inside };
    let mode = report.mode.clone();
    match mode.as_str() {
        "cluster" => inside.cluster = Some(cluster(&mut connection, limit).await.into()),
        "sentinel" => inside.sentinel = Some(sentinel(&mut connection, limit).await.into()),
        _ => {}
    }
    if mode != "sentinel" {
        inside.slow = slow(cx, &mut connection, limit).await;
        if let Some(wish) = &probe.hot_keys {
            let looked = hot_keys::look(wish, cx, &mut connection, &report, limit).await;
            let seen = looked.map(|hot| hot.map_or(HotKeysSeen::Untold, HotKeysSeen::Counted));
            inside.hot = Some(seen.into());
        }
    }
    // Last, because the connection may be of no use afterwards.
    let times = connection.ping(PINGS, DEPTH, limit).await;
    inside.ping = match times.map(Latency::of) {
        Ok(times) => times.map(Sight::Seen),
        Err(fault) => Some(Sight::Fault(fault)),
    };
    inside
}

/// Asks for text.
async fn text(
    connection: &mut Connection,
    command: &[&str],
    limit: Duration,
) -> Result<String, Fault> {
    let what = || format!("asking for {}", command.join(" "));
    match connection.ask(command, limit).await? {
        Reply::Text(text) => Ok(text),
        Reply::Error(error) => Err(denied(&what(), error)),
        Reply::Number(_) | Reply::List(_) | Reply::Nil => {
            Err(Fault::Unreadable { what: what(), reason: "the reply is no text".to_owned() })
        }
    }
}

/// An error as a fault: a privilege that is missing, or no answer to the question.
pub(super) fn denied(what: &str, error: String) -> Fault {
    let what = what.to_owned();
    if error.starts_with("NOPERM") {
        Fault::Denied { what, need: format!("the right to it: {error}") }
    } else {
        Fault::Unreadable { what, reason: error }
    }
}

async fn report(
    cx: &ProbeCx,
    connection: &mut Connection,
    limit: Duration,
) -> Result<Report, Fault> {
    let info = text(connection, &["INFO"], limit).await?;
    let mut report = facts::read_report(&info, cx.clock.now().as_second())?;
    // Old versions do not have these in INFO. Where CONFIG is not allowed they stay unknown.
    if report.max_clients.is_none() {
        report.max_clients = setting(connection, "maxclients", limit).await?;
    }
    if report.max_memory.is_none() && report.mode != "sentinel" {
        report.max_memory = setting(connection, "maxmemory", limit).await?;
    }
    Ok(report)
}

/// A number of the server's configuration; `None` where it may not be read.
async fn setting(
    connection: &mut Connection,
    name: &str,
    limit: Duration,
) -> Result<Option<u64>, Fault> {
    let reply = connection.ask(&["CONFIG", "GET", name], limit).await?;
    let value = reply.items().get(1).and_then(Reply::text);
    Ok(value.and_then(|value| value.parse().ok()))
}

async fn cluster(connection: &mut Connection, limit: Duration) -> Result<Cluster, Fault> {
    let info = text(connection, &["CLUSTER", "INFO"], limit).await?;
    let nodes = text(connection, &["CLUSTER", "NODES"], limit).await?;
    facts::read_cluster(&info, &nodes)
}

async fn sentinel(connection: &mut Connection, limit: Duration) -> Result<Vec<Watched>, Fault> {
    let masters = connection.ask(&["SENTINEL", "MASTERS"], limit).await?;
    if let Reply::Error(error) = &masters {
        let what = "asking for SENTINEL MASTERS".to_owned();
        return Err(Fault::Denied { what, need: format!("the right to it: {error}") });
    }
    let mut all = Vec::new();
    for (name, mut watched) in masters.items().iter().filter_map(facts::read_watched).take(50) {
        match connection.ask(&["SENTINEL", "CKQUORUM", &name], limit).await? {
            Reply::Text(words) => {
                watched.quorum = one_line(&words);
                watched.agreed = Some(true);
            }
            // That is a no; of a primary that is down there is enough to say without it.
            Reply::Error(words) if words.starts_with("NOQUORUM") || watched.is_down() => {
                watched.quorum = words;
            }
            Reply::Error(words) => {
                watched.quorum = words;
                watched.agreed = None;
            }
            Reply::Number(_) | Reply::List(_) | Reply::Nil => {}
        }
        all.push(watched);
    }
    Ok(all)
}

/// The commands of late in the slow log; `None` where it may not be read.
async fn slow(cx: &ProbeCx, connection: &mut Connection, limit: Duration) -> Option<Slow> {
    let Ok(Reply::List(entries)) = connection.ask(&["SLOWLOG", "GET", "128"], limit).await else {
        return None;
    };
    let since = cx.clock.now().as_second() - LATELY;
    let late: Vec<_> = entries.iter().filter_map(|it| facts::read_slow(it, since)).collect();
    let count = u32::try_from(late.len()).unwrap_or(u32::MAX);
    let (micros, slowest) = late.into_iter().max().unwrap_or_default();
    Some(Slow { count, slowest, micros })
}
