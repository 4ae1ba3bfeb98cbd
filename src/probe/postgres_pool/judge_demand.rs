//! Judging the stated demand: against the limits, against the load, and against what cuts idle
//! connections.

use std::time::Duration;

use super::PostgresPool;
use super::codes;
use super::facts::Server;
use super::pgbouncer::Pooler;
use crate::model::code::Code;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::time::Span;
use crate::probe::pool::budget;

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
        let budget = budget(limit.into(), headroom);
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
        let budget = budget(ordinary.into(), headroom);
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
fn load(probe: &PostgresPool, target: &str) -> Option<Finding> {
    let load = probe.demand.as_ref()?.load()?;
    let code = if load.outcome == Outcome::Pass { &codes::OK } else { &codes::POOL_TOO_SMALL };
    Some(Finding::new(code, target, load.message).with_outcome(load.outcome))
}

/// Whether something ends idle connections before the pools do.
fn cut(
    probe: &PostgresPool,
    target: &str,
    server: Option<&Server>,
    pooler: Option<&Pooler>,
) -> Option<Finding> {
    let server = server.filter(|_| pooler.is_none()).and_then(|it| it.idle_session_timeout);
    let pooler = pooler.map(|it| it.client_idle_timeout).filter(|seconds| *seconds > 0.0);
    let pooler = pooler.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let cuts = [
        ("the server (idle_session_timeout)", server.map(Span::from_millis)),
        ("the pooler (client_idle_timeout)", pooler.map(Span::from)),
    ];
    let cut = probe.demand.as_ref()?.cut(probe.path_idle, &cuts)?;
    let code = if cut.in_time { &codes::OK } else { &codes::LIFETIME };
    let finding = Finding::new(code, target, cut.message);
    Some(finding.expected(format!("less than {}", cut.after)))
}
