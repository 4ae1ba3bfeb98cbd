//! The two sentences every report for people begins and ends with: what was run, and what came of it.

use jiff::tz::TimeZone;

use crate::model::event::was_left_out;
use crate::model::outcome::{Decision, Outcome, Severity};
use crate::model::record::{CheckRecord, Header, RunRecord, SkipReason, StepRecord, Stop};
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
    let mut parts: Vec<String> = missing_word(record).into_iter().collect();
    let part = part(record).filter(|(n, _)| *n > 0);
    let mut part = part.map(|(n, all)| format!("a part, {n} of {}", count(all, "check")));
    // Before anybody goes on because of it; what is in the way is read first.
    parts.extend(part.take_if(|_| record.verdict.decision == Decision::Go));
    parts.extend(record.stopped.map(|stop| style::stop_word(stop).to_owned()));
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
    parts.extend(part);
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
    was_left_out(check)
}

/// `shard 2/3 missing`; absent where every shard is there.
fn missing_word(record: &RunRecord) -> Option<String> {
    let missing = &record.header.missing;
    let word = if missing.len() == 1 { "shard" } else { "shards" };
    let named: Vec<String> = missing.iter().take(NAMED).map(|shard| name(shard)).collect();
    let more = match missing.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!missing.is_empty()).then(|| format!("{word} {}{more} missing", named.join(", ")))
}

/// How many checks of how many were not left to others by the command line; absent where all were meant.
/// Checks of other phases are no part of what was meant.
fn part(record: &RunRecord) -> Option<(usize, usize)> {
    let (mut all, mut out) = (0, 0);
    for check in record.checks() {
        match check.skipped.as_ref().map(|skip| skip.reason) {
            Some(SkipReason::Phase) => {}
            Some(SkipReason::NotSelected | SkipReason::Shard) => (all, out) = (all + 1, out + 1),
            Some(SkipReason::Needs | SkipReason::Halted | SkipReason::FailFast) | None => all += 1,
        }
    }
    (out > 0).then_some((all - out, all))
}

/// What the decision means, as one sentence, with the part of the list it speaks of.
pub(super) fn meaning(record: &RunRecord) -> String {
    let meaning = style::decision_meaning(record.verdict.decision);
    match part(record) {
        Some((n, all)) if n > 0 => {
            format!("Of {n} of {} only: {}", count(all, "check"), uncapital(meaning))
        }
        Some(_) | None => meaning.to_owned(),
    }
}

fn uncapital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The shards that are missing, as one sentence; absent where every shard is there.
fn missing(record: &RunRecord) -> Option<String> {
    let missing: Vec<String> = record.header.missing.iter().map(|shard| name(shard)).collect();
    let (word, is) = if missing.len() == 1 { ("Shard", "is") } else { ("Shards", "are") };
    (!missing.is_empty()).then(|| {
        let missing = missing.join(", ");
        format!("{word} {missing} {is} missing: what was left to others has no answer.")
    })
}

/// Why the run as a whole is not known to be right whatever its checks say, a sentence each: a reader of
/// the checks alone would take it for green. Empty for a run that came to its end and judged something.
pub(super) fn gaps(record: &RunRecord) -> Vec<String> {
    let mut gaps: Vec<String> = missing(record).into_iter().collect();
    match record.stopped {
        Some(stop @ (Stop::Interrupt | Stop::Terminate | Stop::HangUp | Stop::Deadline)) => {
            gaps.push(style::stop(stop).to_owned());
        }
        Some(Stop::FailFast) | None if record.finished.is_none() => {
            gaps.push(style::KILLED.to_owned());
        }
        // It stopped at a failure, which is in the report.
        Some(Stop::FailFast) | None => {}
    }
    if record.verdict.decision == Decision::NothingRan {
        gaps.push(style::decision_meaning(Decision::NothingRan).to_owned());
    }
    gaps
}

/// The checks of a step by outcome, the worst first: `2 failed, 3 passed`.
pub(super) fn tally(step: &StepRecord) -> String {
    let parts: Vec<String> = style::worst_first()
        .filter_map(|outcome| {
            let n = step.checks.iter().filter(|check| check.outcome == outcome).count();
            (n > 0).then(|| format!("{n} {}", style::past(outcome)))
        })
        .collect();
    parts.join(", ")
}

/// What the run was allowed to do, and what it took for a failure.
pub(super) fn mode(header: &Header) -> String {
    let strict = if header.strict { "warnings count as failures" } else { "warnings do not block" };
    let apply = if header.apply { "changes were allowed" } else { "looked only, changed nothing" };
    format!("{strict}; {apply}")
}

/// The same sentence with a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
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
    remarks.extend(missing(record));
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
