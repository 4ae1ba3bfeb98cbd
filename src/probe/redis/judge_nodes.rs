//! Judging the servers of a check together: whether they agree on what they are to each other.

use std::collections::{BTreeMap, BTreeSet};

use super::codes;
use super::facts::{Inside, Seen};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;

/// Judges what only several servers together can show.
pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    if seen.nodes.is_empty() {
        return Vec::new();
    }
    let all: Vec<(&str, &Inside)> = servers(seen).collect();
    let mut findings = primaries(&seen.target, &all);
    findings.extend(unnamed(&seen.target, &all));
    // One server alone agrees with nobody.
    if findings.is_empty() && all.len() > 1 {
        let message = format!("{} agree with each other", count(all.len(), "server"));
        findings.push(Finding::new(&codes::OK, &seen.target, message));
    }
    findings
}

/// The servers that let the check in.
fn servers(seen: &Seen) -> impl Iterator<Item = (&str, &Inside)> {
    let own = std::iter::once((seen.target.as_str(), Some(&seen.login)));
    let nodes = seen.nodes.iter().map(|node| (node.target.as_str(), node.login.seen()));
    own.chain(nodes).filter_map(|(target, login)| Some((target, login?.inside()?)))
}

/// Whether the Sentinels mean the same server, whether it is a primary, and whether nobody else is.
fn primaries(target: &str, all: &[(&str, &Inside)]) -> Vec<Finding> {
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, inside) in all {
        for watched in inside.sentinel.iter().filter_map(Sight::seen).flatten() {
            named.entry(&watched.name).or_default().insert(&watched.address);
        }
    }
    let mut findings = Vec::new();
    let everyone: BTreeSet<&str> = named.values().flatten().copied().collect();
    let is_named = |(target, inside): &(&str, &Inside)| {
        everyone.contains(*target) || everyone.contains(inside.address.as_str())
    };
    let is_primary = |inside: &Inside| {
        let report = inside.report.seen();
        report.is_some_and(|it| it.role == "master" && it.mode == "standalone")
    };
    // Names and translated addresses look like it as well, so it is no proof.
    let stray = |it: &&(&str, &Inside)| is_primary(it.1) && !is_named(it);
    for (server, _) in all.iter().filter(stray).filter(|_| !everyone.is_empty()) {
        let list = everyone.iter().copied().collect::<Vec<_>>().join(", ");
        let message = "it says that it is a primary, and no Sentinel names it by this address";
        let finding = Finding::new(&codes::SPLIT, *server, message).with_outcome(Outcome::Unknown);
        findings.push(finding.expected("a primary that the Sentinels name").actual(list));
    }
    for (name, addresses) in named {
        let list = addresses.iter().copied().collect::<Vec<_>>().join(", ");
        if addresses.len() > 1 {
            let message = format!("the Sentinels do not agree on who is the primary of {name}");
            findings.push(Finding::new(&codes::SPLIT, target, message).actual(list));
            continue;
        }
        let meant = all.iter().find(|(server, inside)| {
            addresses.contains(*server) || addresses.contains(inside.address.as_str())
        });
        let role = meant.and_then(|(server, inside)| Some((server, &inside.report.seen()?.role)));
        if let Some((server, role)) = role.filter(|(_, role)| *role != "master") {
            let message = format!("the Sentinels name it as the primary of {name}, it is a {role}");
            findings.push(Finding::new(&codes::SPLIT, *server, message).expected("master"));
        }
    }
    findings
}

/// Whether the cluster has nodes that the check does not name. They are counted and not compared: a node
/// can be known by another address than the one it is reached at.
fn unnamed(target: &str, all: &[(&str, &Inside)]) -> Option<Finding> {
    let clusters = all.iter().filter_map(|(_, inside)| inside.cluster.as_ref()?.seen());
    let (nodes, known): (Vec<_>, Vec<_>) = clusters.map(|it| (it, it.nodes)).unzip();
    let most = known.into_iter().max()?;
    let looked = nodes.len() as u64;
    (most > looked).then(|| {
        let message = format!("the cluster has {most} nodes, and {looked} of them were looked at");
        Finding::new(&codes::UNNAMED, target, message).expected("each node is named in `nodes`")
    })
}
