//! Judging the poolers that stand before a server together: what they take, and what they can open.

use super::PostgresPool;
use super::codes;
use super::facts::{Login, Seen, Server, Visit, Visited};
use super::judge::meaning;
use super::judge_pooler::JudgePooler;
use super::pgbouncer::Pooler;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::probe::pool::budget;

/// Judges each, and all together where all were seen.
pub(super) fn judge(probe: &PostgresPool, seen: &Seen) -> Vec<Finding> {
    let mut findings: Vec<Finding> = seen.poolers.iter().flat_map(|it| each(probe, it)).collect();
    let all: Option<Vec<&Pooler>> =
        seen.poolers.iter().map(|it| it.pooler.seen()?.inside()).collect();
    // Of a sum with an unknown in it nothing can be said, and the unknown one has been told.
    if let Some(all) = all.filter(|all| !all.is_empty()) {
        findings.extend(clients(probe, &all, &seen.target));
        findings.extend(servers(probe, &all, seen));
    }
    findings
}

fn each(probe: &PostgresPool, visited: &Visited) -> Vec<Finding> {
    let pooler = match &visited.pooler {
        Sight::Seen(Visit::In(pooler)) => pooler,
        Sight::Seen(Visit::Refused(refusal)) => {
            let message = format!("the pooler lets nobody in: {refusal}");
            return vec![Finding::new(meaning(refusal), &visited.place, message)];
        }
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
    let demand = probe.demand.as_ref()?;
    let total = demand.total()?;
    let most: u64 = all.iter().map(|pooler| u64::from(pooler.max_clients)).sum();
    let headroom = probe.headroom();
    let budget = budget(most, headroom);
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
    let demand = all.iter().map(|it| demand(probe, it)).fold(0, u32::saturating_add);
    let message = format!(
        "the pools there are now can open {demand} connections to the server together, which has \
         {ordinary} ordinary slots"
    );
    let (code, outcome) = if demand > ordinary {
        (&codes::POOLER_OVERSIZED, Outcome::Fail)
    } else {
        (&codes::OK, Outcome::Pass)
    };
    let finding = Finding::new(code, &seen.target, message).with_outcome(outcome);
    Some(finding.expected(format!("at most {ordinary}")))
}

/// What a pooler can open, by the pools it has. Where nobody has logged in yet there are none, and the
/// launch will bring one at least.
fn demand(probe: &PostgresPool, pooler: &Pooler) -> u32 {
    let leading = || pooler.leading_to(probe.url.port, &probe.url.database);
    let now = leading().map(|it| it.demand(it.pools)).fold(0, u32::saturating_add);
    now.max(leading().map(|it| it.demand(1)).max().unwrap_or_default())
}
