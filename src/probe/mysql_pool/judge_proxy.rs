//! Judging a proxy by its own views: its clients, and the servers behind it.

use std::collections::BTreeMap;

use super::codes;
use super::facts::{Inside, Seen};
use super::proxy::{Behind, Proxy};
use super::{DEFAULT_HEADROOM, DEFAULT_MAX_USED, MysqlPool};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;
use crate::probe::pool::budget;

/// Judges all proxies of a check, and what they can open in all to the server of its `url`.
pub(super) fn judge(probe: &MysqlPool, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    for visited in &seen.poolers {
        findings.extend(match &visited.proxy {
            Sight::Seen(proxy) => one(probe, &visited.place, proxy),
            Sight::Fault(fault) => vec![Finding::fault(&visited.place, fault)],
        });
    }
    findings.extend(demand(probe, seen));
    if let Some(inside) = seen.login.inside().filter(|inside| inside.proxy().is_none()) {
        findings.extend(openings(probe, seen, inside));
    }
    findings
}

/// Judges one proxy.
pub(super) fn one(probe: &MysqlPool, place: &str, proxy: &Proxy) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let (Some(Some(most)), Some(clients)) = (proxy.max_clients.seen(), proxy.clients) {
        let most = *most;
        findings.push(clients_of(probe, place, clients, most));
    }
    if proxy.servers.is_empty() {
        let message = format!("{} has no server behind it", proxy.name);
        let finding = Finding::new(&codes::PROXY_SERVER_DOWN, place, message);
        findings.push(finding.with_outcome(Outcome::Fail));
    }
    findings.extend(servers(place, &proxy.servers));
    if findings.is_empty() {
        let servers = count(proxy.servers.len(), "server");
        let message = format!("{} with {servers} behind it", proxy.name);
        findings.push(Finding::new(&codes::OK, place, message));
    }
    findings
}

#[expect(clippy::cast_precision_loss, reason = "a number of clients is far below 2^52")]
fn clients_of(probe: &MysqlPool, place: &str, clients: u64, most: u64) -> Finding {
    let share = probe.max_used.unwrap_or(DEFAULT_MAX_USED);
    let message = format!("{clients} of {most} clients of the proxy");
    let finding = |code| Finding::new(code, place, message.clone());
    let finding = if clients >= most {
        finding(&codes::PROXY_FULL)
    } else if clients as f64 > share.get() * most as f64 {
        let outcome = probe.max_used.map_or(Outcome::Warn, |_| Outcome::Fail);
        finding(&codes::PROXY_FULL).with_outcome(outcome)
    } else {
        finding(&codes::OK)
    };
    finding.expected(format!("at most {share} in use"))
}

/// The servers behind a proxy: those it does not use any more, and pools that are all taken.
fn servers(place: &str, servers: &[Behind]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut groups: BTreeMap<&str, Vec<&Behind>> = BTreeMap::new();
    for server in servers.iter().filter(|server| server.status.is_some()) {
        groups.entry(&server.group).or_default().push(server);
    }
    let online = |it: &Behind| it.status.as_deref() == Some("ONLINE");
    for (group, servers) in groups {
        let (up, all) = (servers.iter().filter(|it| online(it)).count(), servers.len());
        // One that somebody takes out of use is no fault as long as there is another.
        let taken_out = |it: &Behind| it.status.as_deref() == Some("OFFLINE_SOFT") && up > 0;
        let down = servers.iter().filter(|it| !online(it) && !taken_out(it));
        let down: Vec<String> = down.map(|it| named(it)).take(5).collect();
        if !down.is_empty() {
            let message = format!("hostgroup {group}, {up} of {all} online: {}", down.join(", "));
            let outcome = if up == 0 { Outcome::Fail } else { Outcome::Warn };
            let finding = Finding::new(&codes::PROXY_SERVER_DOWN, place, message);
            findings.push(finding.with_outcome(outcome));
        }
    }
    for server in servers {
        let (Some(used), Some(limit)) = (server.used, server.limit.filter(|limit| *limit > 0))
        else {
            continue;
        };
        if used >= limit {
            let message = format!(
                "all {limit} connections to {} of hostgroup {} are in use",
                server.place(),
                server.group
            );
            findings.push(Finding::new(&codes::PROXY_EXHAUSTED, place, message));
        }
    }
    if findings.is_empty() && servers.iter().any(|server| server.status.is_some()) {
        let used: u64 = servers.iter().filter_map(|server| server.used).sum();
        let free: u64 = servers.iter().filter_map(|server| server.free).sum();
        let message = format!(
            "{} online; {used} connections to them in use, {free} free",
            count(servers.len(), "server")
        );
        findings.push(Finding::new(&codes::OK, place, message));
    }
    findings
}

/// A server that is not used, and why.
fn named(server: &Behind) -> String {
    let status = server.status.as_deref().unwrap_or_default();
    let errors = server.errors.filter(|errors| *errors > 0);
    let errors = errors.map_or(String::new(), |n| format!(" ({n} connections to it failed)"));
    format!("{} is {status}{errors}", server.place())
}

/// Every proxy that was seen, with its place: those of the check, and the one its URL leads to.
fn all(seen: &Seen) -> impl Iterator<Item = (&str, &Proxy)> {
    let own = seen.login.inside().and_then(|inside| inside.views.as_ref()?.seen());
    let own = own.into_iter().map(|proxy| (seen.target.as_str(), proxy));
    let named = seen.poolers.iter();
    own.chain(named.filter_map(|it| Some((it.place.as_str(), it.proxy.seen()?))))
}

/// The demand of the launch against the clients that all proxies take.
fn demand(probe: &MysqlPool, seen: &Seen) -> Vec<Finding> {
    let Some(demand) = &probe.demand else { return Vec::new() };
    let Some(total) = demand.total() else { return Vec::new() };
    // Of a sum with an unknown in it nothing can be said, and the unknown one has been told.
    if seen.poolers.iter().any(|visited| visited.proxy.seen().is_none()) || all(seen).count() == 0 {
        return Vec::new();
    }
    let untold = |(place, proxy): (&str, &Proxy)| {
        proxy.max_clients.fault().map(|fault| Finding::fault(place, fault))
    };
    let untold: Vec<Finding> = all(seen).filter_map(untold).collect();
    if !untold.is_empty() {
        return untold;
    }
    // One without a limit takes as many as there are.
    let limits: Option<Vec<u64>> =
        all(seen).map(|(_, proxy)| proxy.max_clients.seen().copied().flatten()).collect();
    let Some(limit) = limits.map(|all| all.into_iter().fold(0, u64::saturating_add)) else {
        let message =
            format!("the launch asks for {total}, and there is a proxy that takes any number");
        return vec![Finding::new(&codes::OK, &seen.target, message)];
    };
    let headroom = probe.headroom.unwrap_or(DEFAULT_HEADROOM);
    let budget = budget(limit, headroom);
    let code = if total > budget { &codes::OVER_BUDGET } else { &codes::OK };
    let message = format!(
        "the launch asks for {total}, the proxies take {limit} clients, less {headroom} {budget}"
    );
    let finding = Finding::new(code, &seen.target, message);
    let finding = finding.expected(format!("at most {budget} ({limit} less {headroom})"));
    vec![finding.actual(format!("{total}: {}", demand.arithmetic()))]
}

/// What the proxies can open in all to the server of the URL, against its own limit.
fn openings(probe: &MysqlPool, seen: &Seen, inside: &Inside) -> Vec<Finding> {
    let Some(server) = inside.server.seen() else { return Vec::new() };
    let place = probe.url.place();
    let mut findings = Vec::new();
    let mut sum = 0_u64;
    let mut parts = Vec::new();
    for visited in &seen.poolers {
        let Some(proxy) = visited.proxy.seen() else { continue };
        let this = |it: &&Behind| same(&place, &inside.greeting.address, it);
        let servers: Vec<&Behind> = proxy.servers.iter().filter(this).collect();
        if servers.is_empty() && !proxy.servers.is_empty() {
            let others: Vec<String> = proxy.servers.iter().take(5).map(Behind::place).collect();
            let message = format!("none of its servers is {place}, but {}", others.join(", "));
            let finding = Finding::new(&codes::PROXY, &visited.place, message);
            findings
                .push(finding.expected("the server of `url`, by the name the proxy has for it"));
        }
        for behind in servers {
            let Some(limit) = behind.limit else {
                let message = format!(
                    "does not tell this user how many connections it may open to {place} (hostgroup {})",
                    behind.group
                );
                let finding = Finding::new(&codes::PROXY, &visited.place, message);
                findings.push(finding.with_outcome(Outcome::Warn));
                continue;
            };
            sum = sum.saturating_add(limit.saturating_mul(proxy.nodes));
            let nodes =
                if proxy.nodes > 1 { format!(" × {} nodes", proxy.nodes) } else { String::new() };
            parts.push(format!("{limit}{nodes} by {} ({})", visited.place, behind.group));
        }
    }
    let most = server.max_connections;
    // Too many are too many, whatever the others may open; enough can only be said of all.
    if !parts.is_empty() && (sum > most || findings.is_empty()) {
        let code = if sum > most { &codes::PROXY_BUDGET } else { &codes::OK };
        let message = format!("the proxies can open {sum} connections, max_connections is {most}");
        let finding = Finding::new(code, &seen.target, message).expected(format!("at most {most}"));
        findings.push(finding.actual(parts.join(" + ")));
    }
    findings
}

/// Whether a server behind a proxy is the one of the URL, by its name or by the address it was reached at.
fn same(place: &str, address: &str, behind: &Behind) -> bool {
    let behind = behind.place();
    behind == place || behind == address
}
