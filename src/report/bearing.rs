//! How a check bears on the gate, in the few words that CI hosts and monitors share.

use crate::model::finding::Finding;
use crate::model::outcome::{Outcome, Severity};
use crate::model::record::{CheckRecord, RunRecord, Waived};

use super::wrap::{command_lines, line};
use super::{style, vantage};

/// What a CI host is told of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearing {
    /// Right.
    Passed,
    /// Right enough; shown.
    Warned,
    /// Wrong, and it blocks.
    Failed,
    /// Not known, and it blocks.
    Unknown,
    /// Waits for a person, and blocks.
    Pending,
    /// Not right, but somebody decided that it does not block.
    Excused(Excuse),
    /// Not looked at, or nothing to look at.
    LeftOut,
}

/// Why something that is not right does not block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excuse {
    /// A waiver covers it.
    Waived,
    /// The check is only advice.
    Advisory,
}

impl Excuse {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Waived => "waived",
            Self::Advisory => "advisory",
        }
    }
}

/// What a CI host is told of a check.
pub(super) fn bearing(record: &RunRecord, check: &CheckRecord) -> Bearing {
    weigh(record, check, check.outcome)
}

/// What a CI host is told of one finding of a check. It weighs no more than the check, which a quorum
/// may have made milder than its worst finding.
pub(super) fn bearing_of(record: &RunRecord, check: &CheckRecord, finding: &Finding) -> Bearing {
    match finding.waived {
        Some(_) => Bearing::Excused(Excuse::Waived),
        None => weigh(record, check, finding.outcome.min(check.outcome)),
    }
}

fn weigh(record: &RunRecord, check: &CheckRecord, outcome: Outcome) -> Bearing {
    let excuse = if check.waived.is_some() {
        Some(Excuse::Waived)
    } else if check.severity == Severity::Advisory {
        Some(Excuse::Advisory)
    } else {
        None
    };
    let blocking = match outcome {
        Outcome::Skipped | Outcome::NotApplicable => return Bearing::LeftOut,
        Outcome::Pass => return Bearing::Passed,
        Outcome::Warn if record.header.strict => Bearing::Failed,
        Outcome::Warn => return Bearing::Warned,
        Outcome::Pending => Bearing::Pending,
        Outcome::Unknown => Bearing::Unknown,
        Outcome::Fail => Bearing::Failed,
    };
    excuse.map_or(blocking, Bearing::Excused)
}

/// Whether an outcome asks somebody to do something.
pub(super) const fn wants_attention(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Skipped | Outcome::NotApplicable | Outcome::Pass => false,
        Outcome::Warn | Outcome::Pending | Outcome::Unknown | Outcome::Fail => true,
    }
}

/// The checks that want attention with their place in the list, worst first; within an outcome the
/// order of the checklist stays, and what is waived comes last.
pub(super) fn attention(record: &RunRecord) -> Vec<(usize, &CheckRecord)> {
    let mut checks: Vec<(usize, &CheckRecord)> =
        record.checks().enumerate().filter(|(_, check)| wants_attention(check.outcome)).collect();
    checks.sort_by_key(|(_, check)| urgency(check));
    checks
}

/// What checks are sorted by that want attention: the worst first, what is waived last.
pub(super) fn urgency(check: &CheckRecord) -> (bool, std::cmp::Reverse<Outcome>) {
    (check.waived.is_some(), std::cmp::Reverse(check.outcome))
}

/// The waivers of a check, each with the finding it covers; without one where it covers the whole check.
pub(super) fn waivers(check: &CheckRecord) -> Vec<(Option<&Finding>, &Waived)> {
    let of_findings = check.findings.iter().filter_map(|f| Some((Some(f), f.waived.as_ref()?)));
    let mut all: Vec<_> = of_findings.collect();
    if let (true, Some(waived)) = (all.is_empty(), &check.waived) {
        all.push((None, waived));
    }
    all
}

/// The checklist's file as a CI host knows it, relative to the work tree.
pub(super) fn source_path(check: &CheckRecord) -> String {
    line(check.source.file.strip_prefix("./").unwrap_or(&check.source.file))
}

/// The findings of a check that say something is not right.
pub(super) fn telling(check: &CheckRecord) -> Vec<&Finding> {
    check.findings.iter().filter(|finding| finding.outcome > Outcome::Pass).collect()
}

/// The finding that decided the outcome.
pub(super) fn worst(check: &CheckRecord) -> Option<&Finding> {
    check.findings.iter().find(|finding| finding.outcome == check.outcome)
}

/// The code that decided the outcome; the kind's own name where there is no finding.
pub(super) fn code(check: &CheckRecord) -> &str {
    worst(check).map_or(check.kind.as_str(), |finding| finding.code.as_str())
}

/// One line: what was seen, or why nothing was; for what is excused, by whom and why.
pub(super) fn said(check: &CheckRecord, bearing: Bearing) -> String {
    let seen = line(check.skipped.as_ref().map_or(&check.summary, |skip| &skip.text));
    let past = style::past(check.outcome);
    match (bearing, &check.waived) {
        (Bearing::Excused(Excuse::Waived), Some(waived)) => format!(
            "waived by {} until {}: {} ({past}: {seen})",
            line(&waived.by),
            waived.until,
            line(&waived.reason)
        ),
        (Bearing::Excused(excuse), _) => format!("{}, {past}: {seen}", excuse.as_str()),
        (
            Bearing::Passed
            | Bearing::Warned
            | Bearing::Failed
            | Bearing::Unknown
            | Bearing::Pending
            | Bearing::LeftOut,
            _,
        ) => seen,
    }
}

/// Everything a person needs to act on a check, as plain lines; none for what is plainly right.
pub(super) fn story(check: &CheckRecord) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in telling(check) {
        lines.push(format!(
            "{} {}: {}",
            line(&finding.code),
            vantage::target(finding),
            line(&finding.message)
        ));
        lines.extend(finding.actual.iter().map(|actual| format!("  seen: {}", line(actual))));
        lines.extend(finding.expected.iter().map(|right| format!("  expected: {}", line(right))));
    }
    lines.extend(vantage::lines(check).map(|seen| format!("from {seen}")));
    for (n, attempt) in check.attempts.iter().enumerate().filter(|_| check.attempts.len() > 1) {
        let past = style::past(attempt.outcome);
        lines.push(format!("try {}: {past}: {}", n + 1, line(&attempt.summary)));
    }
    for change in &check.changes {
        lines.push(format!("change {}: {}", style::change(change.state), line(&change.what)));
    }
    if !lines.is_empty() {
        let commands = check.reproduce.iter().flat_map(|text| command_lines(text));
        lines.extend(commands.map(|text| format!("by hand: {text}")));
        lines.extend(check.owner.iter().map(|owner| format!("owner: {}", line(owner))));
        lines.extend(check.runbook.iter().map(|url| format!("runbook: {}", line(url))));
        lines.extend(worst(check).map(|f| format!("more: gonogo explain {}", line(&f.code))));
    }
    lines
}
