//! The two sentences every report for people begins and ends with: what was run, and what came of it.

use jiff::tz::TimeZone;

use crate::model::outcome::{Outcome, Severity};
use crate::model::record::{CheckRecord, RunRecord, SkipReason};
use crate::model::text::count;

use super::wrap::{line, name};
use super::{style, when};

/// How many checks a verdict names; the others are counted.
const NAMED: usize = 3;

/// What was run: name, phase, launch, vantage.
pub(super) fn heading(record: &RunRecord, zone: &TimeZone) -> Vec<String> {
    let header = &record.header;
    let mut parts = vec![name(&header.name)];
    parts.push(match header.phase.as_str() {
        "all" => "all phases".to_owned(),
        phase => format!("phase {}", name(phase)),
    });
    if let Some(launch) = launch(record, zone) {
        parts.push(launch);
    }
    if let Some(vantage) = &header.vantage {
        parts.push(format!("seen from {}", name(vantage)));
    }
    parts
}

/// `launch in 23h 41m (Mon 23 Nov 10:00 +08:00, 02:00 UTC)`.
pub(super) fn launch(record: &RunRecord, zone: &TimeZone) -> Option<String> {
    let started = record.header.started;
    let at = when::launch(&record.header)?.timestamp();
    let distance = when::distance(at, started);
    Some(format!("launch {distance} ({})", when::short(at, zone, started)))
}

/// What came of it, after the decision's word: what is in the way by name, the rest by number.
pub(super) fn verdict(record: &RunRecord) -> Vec<String> {
    let mut parts: Vec<String> =
        record.stopped.iter().map(|stop| style::stop_word(*stop).to_owned()).collect();
    if record.finished.is_none() {
        parts.push("not finished".to_owned());
    }
    let worst = record
        .verdict
        .because
        .first()
        .and_then(|id| record.checks().find(|check| check.id == *id))
        .map(|check| check.outcome);
    for outcome in [
        Outcome::Fail,
        Outcome::Unknown,
        Outcome::Pending,
        Outcome::Skipped,
        Outcome::Warn,
        Outcome::Pass,
        Outcome::NotApplicable,
    ] {
        outcome_parts(record, outcome, worst == Some(outcome), &mut parts);
    }
    if record.counts.total == 0 {
        parts.push("the checklist has no checks".to_owned());
    } else if parts.is_empty() {
        parts.push(format!("none of {} was looked at", count(record.counts.total, "check")));
    }
    parts.extend(when::took(record.header.started, record.finished));
    parts
}

fn outcome_parts(record: &RunRecord, outcome: Outcome, by_name: bool, parts: &mut Vec<String>) {
    let past = style::past(outcome);
    let (mut blocking, mut advisory, mut waived): (Vec<&CheckRecord>, usize, usize) =
        (Vec::new(), 0, 0);
    for check in record.checks().filter(|check| check.outcome == outcome && !is_aside(check)) {
        if check.waived.is_some() {
            waived += 1;
        } else if check.severity == Severity::Advisory && outcome >= Outcome::Pending {
            advisory += 1;
        } else {
            blocking.push(check);
        }
    }
    if by_name && !blocking.is_empty() {
        parts.push(format!("{} {past}", names(&blocking)));
    } else if !blocking.is_empty() {
        parts.push(format!("{} {past}", blocking.len()));
    }
    if advisory > 0 {
        parts.push(format!("{advisory} {past} (advisory)"));
    }
    if waived > 0 {
        parts.push(format!("{waived} {past} (waived)"));
    }
}

/// What keeps it from being GO, by name: `dns.match failed`, `pg.pool, pg.slow unknown`. Empty for GO.
pub(super) fn because(record: &RunRecord) -> Vec<String> {
    let blocking: Vec<&CheckRecord> = record
        .verdict
        .because
        .iter()
        .filter_map(|id| record.checks().find(|check| check.id == *id))
        .collect();
    Outcome::ALL
        .iter()
        .rev()
        .filter_map(|outcome| {
            let alike: Vec<&CheckRecord> =
                blocking.iter().copied().filter(|check| check.outcome == *outcome).collect();
            (!alike.is_empty()).then(|| format!("{} {}", names(&alike), style::past(*outcome)))
        })
        .collect()
}

fn names(checks: &[&CheckRecord]) -> String {
    let named: Vec<String> =
        checks.iter().take(NAMED).map(|check| line(check.id.as_str())).collect();
    match checks.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Whether a check was left out by the person who started the run, so that it says nothing about it.
pub(super) fn is_aside(check: &CheckRecord) -> bool {
    check.skipped.as_ref().is_some_and(|skip| match skip.reason {
        SkipReason::Phase | SkipReason::NotSelected | SkipReason::Shard => true,
        SkipReason::Needs | SkipReason::Halted | SkipReason::FailFast => false,
    })
}

/// What must be said about the run as a whole, beyond its verdict.
pub(super) fn remarks(record: &RunRecord) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(stop) = record.stopped {
        remarks.push(style::stop(stop).to_owned());
    }
    if record.finished.is_none() {
        remarks.push(style::KILLED.to_owned());
    }
    if let Some(shard) = &record.header.shard {
        remarks.push(format!("This is shard {} of the list, not the whole.", name(shard)));
    }
    if !record.header.merged.is_empty() {
        remarks.push(format!("Merged from {}.", count(record.header.merged.len(), "run")));
    }
    if !record.header.missing.is_empty() {
        let missing: Vec<String> = record.header.missing.iter().map(|shard| name(shard)).collect();
        let (word, is) = if missing.len() == 1 { ("Shard", "is") } else { ("Shards", "are") };
        remarks.push(format!(
            "{word} {} {is} missing: what was left to others has no answer.",
            missing.join(", ")
        ));
    }
    if let Some(run) = &record.header.resumes {
        remarks.push(format!("It finishes run {}, which was interrupted.", run.short()));
    }
    if record.header.strict {
        remarks.push("Warnings count as failures (--strict).".to_owned());
    }
    if record.header.checklist.git.as_ref().is_some_and(|git| git.dirty) {
        remarks.push("The checklist differs from the commit it stands at.".to_owned());
    }
    remarks
}

/// `passed on try 2`, `unknown after 3 tries`; absent for a check that needed one try, or none.
pub(super) fn tries(check: &CheckRecord) -> Option<String> {
    let n = check.attempts.len();
    let past = style::past(check.outcome);
    match check.outcome {
        _ if n < 2 => None,
        Outcome::Pass | Outcome::Warn | Outcome::NotApplicable => {
            Some(format!("{past} on try {n}"))
        }
        Outcome::Skipped | Outcome::Pending | Outcome::Unknown | Outcome::Fail => {
            Some(format!("{past} after {n} tries"))
        }
    }
}
