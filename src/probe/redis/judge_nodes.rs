//! Judging the servers of a check together: whether they agree on what they are to each other.

use std::collections::{BTreeMap, BTreeSet};

use super::codes;
use super::facts::{Inside, Login, Seen};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::text::count;

/// Judges what only several servers together can show.
pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    if seen.nodes.is_empty() {
        return Vec::new();
    }
    let all: Vec<(&str, &Inside)> = servers(seen).collect();
    let mut findings = primaries(&seen.target, &all);
    findings.extend(unnamed(&seen.target, &all));
    if findings.is_empty() {
        let message = format!("{} agree with each other", count(all.len(), "server"));
        findings.push(Finding::new(&codes::OK, &seen.target, message));
    }
    findings
}

/// The servers that let the check in.
fn servers(seen: &Seen) -> impl Iterator<Item = (&str, &Inside)> {
    let own = std::iter::once((seen.target.as_str(), Some(&seen.login)));
    let nodes = seen.nodes.iter().map(|node| (node.target.as_str(), node.login.seen()));
    own.chain(nodes).filter_map(|(target, login)| match login {
        Some(Login::In(inside)) => Some((target, &**inside)),
        Some(Login::Refused(_)) | None => None,
    })
}

/// Whether the Sentinels mean the same server, and whether it is a primary.
fn primaries(target: &str, all: &[(&str, &Inside)]) -> Vec<Finding> {
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, inside) in all {
        for watched in inside.sentinel.iter().filter_map(Sight::seen).flatten() {
            named.entry(&watched.name).or_default().insert(&watched.address);
        }
    }
    let mut findings = Vec::new();
    for (name, addresses) in named {
        let list = addresses.iter().copied().collect::<Vec<_>>().join(", ");
        if addresses.len() > 1 {
            let message = format!("the Sentinels do not agree on who is the primary of {name}");
            findings.push(Finding::new(&codes::SPLIT, target, message).actual(list));
            continue;
        }
        let meant = all.iter().find(|(_, inside)| addresses.contains(inside.address.as_str()));
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
