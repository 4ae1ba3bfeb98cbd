//! Judging the poolers that stand before a server together: what they take, and what they can open.

use super::PostgresPool;
use super::codes;
use super::facts::{Login, Seen, Server, Visited};
use super::judge_pooler::JudgePooler;
use super::pgbouncer::Pooler;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::probe::pool::{Demand, round_up};

/// Judges each, and all together where all were seen.
pub(super) fn judge(probe: &PostgresPool, seen: &Seen) -> Vec<Finding> {
    let mut findings: Vec<Finding> = seen.poolers.iter().flat_map(|it| each(probe, it)).collect();
    let all: Option<Vec<&Pooler>> = seen.poolers.iter().map(|it| it.pooler.seen()).collect();
    // Of a sum with an unknown in it nothing can be said, and the unknown one has been told.
    if let Some(all) = all.filter(|all| !all.is_empty()) {
        findings.extend(clients(probe, &all, &seen.target));
        findings.extend(servers(probe, &all, seen));
    }
    findings
}

fn each(probe: &PostgresPool, visited: &Visited) -> Vec<Finding> {
    let pooler = match &visited.pooler {
        Sight::Seen(pooler) => pooler,
        Sight::Fault(fault) => return vec![Finding::fault(&visited.place, fault)],
    };
    let judge = JudgePooler { probe, target: &visited.place, pooler };
    let mut findings = judge.waiting(false);
    findings.extend(judge.clients());
    if pooler.leading_to(probe.url.port, &probe.url.database).next().is_none() {
        let message = format!(
            "none of its databases leads to port {}, database {}",
            probe.url.port, probe.url.database
        );
        findings.push(Finding::new(&codes::POOLER, &visited.place, message));
    }
    if findings.is_empty() {
        let message = format!("{} of {} clients, nobody waits", pooler.clients, pooler.max_clients);
        findings.push(Finding::new(&codes::OK, &visited.place, message));
    }
    findings
}

/// The demand against what all take.
fn clients(probe: &PostgresPool, all: &[&Pooler], target: &str) -> Option<Finding> {
    let total = probe.demand.as_ref().and_then(Demand::total)?;
    let most: u64 = all.iter().map(|pooler| u64::from(pooler.max_clients)).sum();
    let headroom = probe.headroom();
    let budget = most - round_up(headroom.get(), most);
    let message = format!(
        "the launch can ask for {total} connections, max_client_conn of all poolers less {headroom} \
         headroom is {budget}"
    );
    let (code, outcome) = if total > budget {
        (&codes::POOLER_CLIENTS, Outcome::Fail)
    } else {
        (&codes::OK, Outcome::Pass)
    };
    let finding = Finding::new(code, target, message).with_outcome(outcome);
    Some(finding.expected(format!("at most {budget} ({most} less {headroom})")))
}

/// What all pools for this database can open, against the slots of the server.
fn servers(probe: &PostgresPool, all: &[&Pooler], seen: &Seen) -> Option<Finding> {
    let Login::In(inside) = &seen.login else { return None };
    let ordinary = inside.server.seen().map(Server::ordinary)?;
    let demand: u32 = all.iter().map(|pooler| demand(probe, pooler)).sum();
    let message = format!(
        "all pools together can open {demand} connections to the server, which has {ordinary} \
         ordinary slots"
    );
    let (code, outcome) = if demand > ordinary {
        (&codes::POOLER_OVERSIZED, Outcome::Fail)
    } else {
        (&codes::OK, Outcome::Pass)
    };
    let finding = Finding::new(code, &seen.target, message).with_outcome(outcome);
    Some(finding.expected(format!("at most {ordinary}")))
}

fn demand(probe: &PostgresPool, pooler: &Pooler) -> u32 {
    let leading = pooler.leading_to(probe.url.port, &probe.url.database);
    leading.map(|database| pooler.pools_demand(database)).sum()
}
