//! Judging what the other sessions of a server do.

use std::time::Duration;

use super::codes;
use super::facts::{Activity, Session, Sessions};
use super::{DEFAULT_IDLE, DEFAULT_LOCK_WAIT, PostgresPool};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;
use crate::model::time::humane;

/// So many sessions that wait for locks are a pile.
const PILE: u32 = 3;
/// A transaction that has been open for this many seconds is worth a person's eye.
const LONG_TRANSACTION: f64 = 3600.0;
/// And a snapshot that is as many transactions old: a quarter of what makes PostgreSQL itself clean up
/// by force (`autovacuum_freeze_max_age`).
const OLD_SNAPSHOT: u64 = 50_000_000;
/// And a standby that is as many seconds behind.
const FAR_BEHIND: f64 = 30.0;
/// And one that has as many bytes of the log to replay: four segments of it.
const FAR_BEHIND_BYTES: f64 = 64.0 * 1024.0 * 1024.0;
/// How many sessions a message names.
const NAMED: usize = 3;

/// What the other sessions do.
pub(super) fn judge(probe: &PostgresPool, target: &str, activity: &Activity) -> Vec<Finding> {
    let most = probe.max_idle_in_transaction.unwrap_or(DEFAULT_IDLE);
    let mut findings = Vec::new();
    findings.extend(idle(probe, target, activity));
    findings.extend(lock_waits(probe, target, activity));
    findings.extend(longer(&activity.transactions, LONG_TRANSACTION).map(|names| {
        let message = format!("in a transaction for more than 1h: {names}");
        Finding::new(&codes::LONG_TRANSACTION, target, message)
    }));
    if activity.oldest_xmin > OLD_SNAPSHOT {
        let message = format!("the oldest snapshot is {} transactions old", activity.oldest_xmin);
        let finding = Finding::new(&codes::OLD_SNAPSHOT, target, message);
        findings.push(finding.expected(format!("at most {OLD_SNAPSHOT}")));
    }
    findings.extend(replication(target, activity));
    if activity.untracked > 0 {
        let sessions = count(activity.untracked as usize, "session");
        let message = format!("track_activities is off for {sessions}");
        findings.push(Finding::new(&codes::UNTRACKED, target, message));
    }
    if findings.is_empty() {
        let message = format!(
            "{} idle in a transaction, none for more than {most}; {} waiting for a lock; {}",
            activity.idle_in_transaction.count,
            activity.lock_waits.count,
            count(activity.standbys.len(), "standby"),
        );
        findings.push(Finding::new(&codes::OK, target, message));
    }
    findings
}

/// Sessions that have waited for a lock for too long: one or two, or a pile that grows behind whoever holds it.
fn lock_waits(probe: &PostgresPool, target: &str, activity: &Activity) -> Option<Finding> {
    let most = probe.max_lock_wait.unwrap_or(DEFAULT_LOCK_WAIT);
    let waits = &activity.lock_waits;
    let names = longer(waits, most.get().as_secs_f64())?;
    let (code, message) = if waits.count < PILE {
        (&codes::LOCK_WAIT, format!("waiting for a lock for more than {most}: {names}"))
    } else {
        let behind =
            heads(activity).map_or_else(String::new, |heads| format!(", all behind {heads}"));
        let message = format!(
            "{} sessions wait for locks{behind}; for more than {most}: {names}",
            waits.count
        );
        (&codes::LOCK_PILE_UP, message)
    };
    let outcome = if probe.max_lock_wait.is_some() { Outcome::Fail } else { Outcome::Warn };
    let finding = Finding::new(code, target, message).with_outcome(outcome);
    Some(finding.expected(format!("none for more than {most}")))
}

/// Those whom others wait for and who wait for nobody themselves, by name; `None` where not every session
/// that waits was read, since one that was not could stand in between.
fn heads(activity: &Activity) -> Option<String> {
    let waits = &activity.lock_waits;
    if waits.count as usize > waits.longest.len() {
        return None;
    }
    let pids = |session: &Session| -> Vec<i32> {
        let list = session.blocked_by.trim_matches(['{', '}']);
        list.split(',').filter_map(|pid| pid.parse().ok()).collect()
    };
    let mut heads: Vec<i32> = waits.longest.iter().flat_map(pids).collect();
    heads.retain(|pid| !waits.longest.iter().any(|it| it.pid == *pid));
    heads.sort_unstable();
    heads.dedup();
    let known = |pid: i32| activity.transactions.longest.iter().find(|it| it.pid == pid);
    // A prepared transaction has no process, and is told as 0.
    let named = heads.iter().take(NAMED).map(|pid| match (pid, known(*pid)) {
        (0, _) => "a prepared transaction".to_owned(),
        (pid, None) => format!("pid {pid}"),
        (_, Some(session)) => name(session),
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| named.join(" and "))
}

/// Sessions that sit in an open transaction doing nothing.
fn idle(probe: &PostgresPool, target: &str, activity: &Activity) -> Option<Finding> {
    let stated = probe.max_idle_in_transaction;
    let most = stated.unwrap_or(DEFAULT_IDLE);
    let names = longer(&activity.idle_in_transaction, most.get().as_secs_f64())?;
    let message = format!("idle in a transaction for more than {most}: {names}");
    let outcome = if stated.is_some() { Outcome::Fail } else { Outcome::Warn };
    let finding = Finding::new(&codes::IDLE_IN_TRANSACTION, target, message).with_outcome(outcome);
    Some(finding.expected(format!("none for more than {most}")))
}

/// Standbys that are behind, or the server itself where it is one.
fn replication(target: &str, activity: &Activity) -> Vec<Finding> {
    let far = |seconds: Option<f64>| seconds.filter(|seconds| *seconds > FAR_BEHIND);
    let finding = |message: String| {
        let finding = Finding::new(&codes::REPLICATION_LAG, target, message);
        finding.expected(format!("at most {FAR_BEHIND} s and 64 MiB"))
    };
    let own = far(activity.behind_seconds)
        .map(|seconds| finding(format!("this server is a standby, {} behind", age(seconds))));
    let others = activity.standbys.iter().filter_map(|it| {
        // A standby whose replay stands still reports no newer time: only the bytes grow.
        let bytes = it.behind_bytes.filter(|bytes| *bytes > FAR_BEHIND_BYTES);
        let how = match (far(it.replay_seconds), bytes) {
            (Some(seconds), _) => age(seconds),
            (None, Some(bytes)) => format!("{:.0} MiB", bytes / f64::from(1 << 20)),
            (None, None) => return None,
        };
        Some(finding(format!("the standby {} at {} is {how} behind", it.name, it.client)))
    });
    own.into_iter().chain(others).collect()
}

/// Those that have been at it for more seconds than these, by name; `None` where there are none.
fn longer(sessions: &Sessions, than: f64) -> Option<String> {
    let long: Vec<&Session> = sessions.longest.iter().filter(|it| it.seconds > than).collect();
    // All that were read are long, and not all were read.
    let more = long.len() == sessions.longest.len() && sessions.count as usize > long.len();
    (!long.is_empty()).then(|| named(&long, more))
}

fn age(seconds: f64) -> String {
    humane(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Some sessions by name, the longest first; `more` when not all of them were read.
fn named(sessions: &[&Session], more: bool) -> String {
    let names: Vec<String> = sessions.iter().take(NAMED).map(|session| name(session)).collect();
    let rest = match (sessions.len().saturating_sub(NAMED), more) {
        (0, false) => String::new(),
        (rest, false) => format!(" and {rest} more"),
        (rest, true) => format!(" and more than {rest} more"),
    };
    format!("{}{rest}", names.join(", "))
}

fn name(session: &Session) -> String {
    let application = match session.application.as_str() {
        "" => "unnamed",
        application => application,
    };
    let client = match session.client.as_str() {
        "" => String::new(),
        client => format!(" from {client}"),
    };
    let blocked = match session.blocked_by.as_str() {
        "" | "{}" => String::new(),
        pids => format!(", behind {pids}"),
    };
    let age = age(session.seconds);
    format!("pid {} ({application} as {}{client}, {age}{blocked})", session.pid, session.role)
}
