//! Judging the stated demand: against the limits, against the load, and against what cuts idle
//! connections.

use std::time::Duration;

use super::PostgresPool;
use super::codes;
use super::demand::round_up;
use super::facts::Server;
use super::pgbouncer::Pooler;
use crate::model::code::Code;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::time::Span;

/// Pools that are busier than this make requests wait.
const BUSY: f64 = 0.75;

/// The demand of the launch against every limit of the server, less the headroom.
pub(super) fn slots(probe: &PostgresPool, target: &str, server: &Server) -> Vec<Finding> {
    let Some(demand) = &probe.demand else { return Vec::new() };
    let Some(total) = demand.total() else { return Vec::new() };
    let find = |code: &'static Code, message: String| Finding::new(code, target, message);
        let headroom = probe.headroom();
        let database = server.database.as_ref().and_then(|database| database.limit);
        // The pool's own role is rarely allowed to look into other sessions.
        let role = if server.role.sees_all { Outcome::Warn } else { Outcome::Fail };
        let limits = [
            ("ordinary slots", Some(server.ordinary()), &codes::OVER_BUDGET, Outcome::Fail),
            ("the role's limit", server.role.limit, &codes::ROLE_LIMIT, role),
            ("the database's limit", database, &codes::DATABASE_LIMIT, Outcome::Fail),
        ];
        let arithmetic = demand.arithmetic();
        let mut findings: Vec<Finding> = Vec::new();
        for (name, limit, code, outcome) in limits {
            let Some(limit) = limit else { continue };
            let budget = u64::from(limit) - round_up(headroom.get(), limit.into());
            if total > budget {
                let message = format!(
                    "the launch can ask for {total} connections, {name} less {headroom} headroom \
                     is {budget}"
                );
                let finding = find(code, message).with_outcome(outcome);
                let expected = format!("at most {budget} ({limit} less {headroom})");
                findings.push(finding.expected(expected).actual(format!("{total}: {arithmetic}")));
            }
        }
        if findings.is_empty() {
            let ordinary = server.ordinary();
            let budget = u64::from(ordinary) - round_up(headroom.get(), ordinary.into());
            let message = format!("demand {total} of {budget} (ordinary slots less {headroom})");
            findings.push(find(&codes::OK, message).actual(format!("{total}: {arithmetic}")));
        }
        findings
    }

/// The pools against the load, and their connections against what ends idle ones.
pub(super) fn pools(
    probe: &PostgresPool,
    target: &str,
    server: Option<&Server>,
    pooler: Option<&Pooler>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(load(probe, target));
    findings.extend(cut(probe, target, server, pooler));
    findings
}

/// Whether the pools can carry the load.
#[expect(clippy::cast_precision_loss, reason = "a number of connections is far below 2^52")]
fn load(probe: &PostgresPool, target: &str) -> Option<Finding> {
    let demand = probe.demand.as_ref()?;
    let (busy, pools) = (demand.busy()?, demand.pools()? as f64);
    let share = 100.0 * busy / pools;
    let message = format!("the load keeps {busy:.1} of {pools} pooled connections busy, {share:.0}%");
    let (code, outcome) = if busy > pools {
        (&codes::POOL_TOO_SMALL, Outcome::Fail)
    } else if busy > BUSY * pools {
        (&codes::POOL_TOO_SMALL, Outcome::Warn)
    } else {
        (&codes::OK, Outcome::Pass)
    };
    let finding = Finding::new(code, target, message).with_outcome(outcome);
    Some(finding.expected(format!("at most {:.0}%", 100.0 * BUSY)))
}

/// Whether something ends idle connections before the pools do. A keepalive is traffic to what stands
/// on the way, and no statement to the server or the pooler.
fn cut(
    probe: &PostgresPool,
    target: &str,
    server: Option<&Server>,
    pooler: Option<&Pooler>,
) -> Option<Finding> {
    let demand = probe.demand.as_ref()?;
    let kept = demand.idle_for();
    let server = server.filter(|_| pooler.is_none()).and_then(|it| it.idle_session_timeout);
    let pooler = pooler.map(|it| it.client_idle_timeout).filter(|seconds| *seconds > 0.0);
    let pooler = pooler.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let on_the_way = probe.path_idle.filter(|cut| demand.keepalive.is_none_or(|it| it >= *cut));
    let cuts = [
        ("the server (idle_session_timeout)", kept.and(server.map(Span::from_millis))),
        ("the pooler (client_idle_timeout)", kept.and(pooler.map(Span::from))),
        ("something on the way (path_idle)", on_the_way),
    ];
    let cuts = cuts.into_iter().filter_map(|(who, after)| Some((who, after?)));
    let (who, after) = cuts.min_by_key(|(_, after)| *after)?;
    let message = match kept {
        Some(kept) if kept < after => {
            let message = format!("pools keep idle connections for {kept}, {who} ends them after {after}");
            return Some(Finding::new(&codes::OK, target, message));
        }
        Some(kept) => {
            format!("pools keep idle connections for {kept}, {who} ends them after {after}")
        }
        // Only a keepalive is stated, and it comes too late; or nothing is, and nothing is asked.
        None => {
            let keepalive = demand.keepalive?;
            format!("keepalives come after {keepalive}, {who} ends idle connections after {after}")
        }
    };
    Some(Finding::new(&codes::LIFETIME, target, message).expected(format!("less than {after}")))
}
