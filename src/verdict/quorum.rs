//! One check seen from several vantage points: what its quorum makes of them.

use crate::model::code::engine as codes;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, SkipReason};
use crate::model::text::count;
use crate::model::vantage::Sighting;

/// How many vantage points that differ are quoted in a check's one line.
const QUOTED: usize = 2;

/// What a vantage point says of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vote {
    /// It was told not to look, or the question does not arise there.
    None,
    Right,
    /// It does not know.
    Open,
    Wrong,
}

fn vote(check: &CheckRecord) -> Vote {
    match check.outcome {
        Outcome::NotApplicable => Vote::None,
        Outcome::Skipped => match check.skipped.as_ref().map(|skip| skip.reason) {
            Some(SkipReason::Phase | SkipReason::NotSelected | SkipReason::Shard) => Vote::None,
            Some(SkipReason::Needs | SkipReason::Halted | SkipReason::FailFast) | None => {
                Vote::Open
            }
        },
        Outcome::Pass | Outcome::Warn => Vote::Right,
        Outcome::Pending | Outcome::Unknown => Vote::Open,
        Outcome::Fail => Vote::Wrong,
    }
}

/// The votes on one check, counted.
struct Count {
    voters: usize,
    right: usize,
    open: usize,
    needed: usize,
}

impl Count {
    fn of(seen: &[(String, CheckRecord)]) -> Self {
        let n = |wanted: Vote| seen.iter().filter(|(_, check)| vote(check) == wanted).count();
        let (right, open, wrong) = (n(Vote::Right), n(Vote::Open), n(Vote::Wrong));
        let voters = right + open + wrong;
        let quorum = seen.iter().find_map(|(_, check)| check.quorum).unwrap_or_default();
        Self { voters, right, open, needed: quorum.of(voters) }
    }

    const fn is_reached(&self) -> bool {
        self.right >= self.needed
    }

    /// Whether it could still be reached if all that is not known were right.
    const fn is_possible(&self) -> bool {
        let absent = self.needed.saturating_sub(self.voters);
        self.right + self.open + absent >= self.needed
    }
}

/// Makes one check of what every vantage point saw of it.
pub(super) fn together(seen: Vec<(String, CheckRecord)>) -> Option<CheckRecord> {
    let count = Count::of(&seen);
    let outcome = outcome(&seen, &count);
    let dissent: Vec<&(String, CheckRecord)> =
        seen.iter().filter(|(_, check)| matches!(vote(check), Vote::Open | Vote::Wrong)).collect();
    // What stands for all is taken from a vantage point that ended as the whole does.
    let like = seen.iter().find(|(_, check)| check.outcome == outcome);
    let like = &like.or_else(|| dissent.first().copied()).or_else(|| seen.first())?.1;
    let mut findings = findings(&seen);
    findings.extend(verdict_on(&count, outcome, like));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.outcome));
    let excused = !dissent.is_empty()
        && !count.is_reached()
        && dissent.iter().all(|(_, check)| check.waived.is_some());
    // In a strict run a warning is excused as well; where all find it right, nothing else is in the way.
    let warned = || seen.iter().filter(|(_, check)| check.outcome == Outcome::Warn);
    let accepted = outcome == Outcome::Warn
        && count.right == count.voters
        && warned().all(|(_, check)| check.waived.is_some());
    let excuse =
        if accepted { warned().next() } else { dissent.first().copied().filter(|_| excused) };
    let waived = excuse.and_then(|(_, check)| check.waived.clone());
    let mut changes = Vec::new();
    for change in seen.iter().flat_map(|(_, check)| &check.changes) {
        if !changes.contains(change) {
            changes.push(change.clone());
        }
    }
    let whole = CheckRecord {
        outcome,
        summary: summary(&count, &dissent, like),
        findings,
        observation: None,
        attempts: Vec::new(),
        started: seen.iter().filter_map(|(_, check)| check.started).min(),
        duration_ms: seen.iter().map(|(_, check)| check.duration_ms).fold(0.0, f64::max),
        skipped: like.skipped.clone().filter(|_| outcome == Outcome::Skipped),
        waived,
        changes,
        quorum: seen.iter().find_map(|(_, check)| check.quorum),
        ..like.clone()
    };
    Some(CheckRecord { sightings: seen.into_iter().map(sighting).collect(), ..whole })
}

fn outcome(seen: &[(String, CheckRecord)], count: &Count) -> Outcome {
    let worst = |wanted: Vote| {
        let voices = seen.iter().filter(|(_, check)| vote(check) == wanted);
        voices.map(|(_, check)| check.outcome).max()
    };
    // Left out everywhere it is left out on purpose.
    if count.voters == 0 {
        return worst(Vote::None).unwrap_or(Outcome::Skipped);
    }
    if !count.is_possible() {
        return Outcome::Fail;
    }
    match worst(Vote::Right) {
        Some(_) if count.is_reached() && count.right < count.voters => Outcome::Warn,
        Some(best) if count.is_reached() => best,
        Some(_) | None => worst(Vote::Open).unwrap_or(Outcome::Unknown),
    }
}

/// What there is to say about the quorum itself.
fn verdict_on(count: &Count, outcome: Outcome, check: &CheckRecord) -> Option<Finding> {
    let finding = |code, message: String| {
        let quorum = check.quorum.unwrap_or_default();
        Finding::new(code, check.id.as_str(), message)
            .expected(format!("quorum: {quorum}, so {} of {}", count.needed, count.voters))
            .actual(format!("{} of {} find it right", count.right, count.voters))
    };
    if count.is_reached() && count.right < count.voters {
        let differ = points(count.voters - count.right);
        return Some(finding(&codes::VANTAGES_DIFFER, format!("{differ} did not find it right")));
    }
    (outcome == Outcome::Unknown && count.voters < count.needed).then(|| {
        let looked = points(count.voters);
        finding(&codes::QUORUM_OPEN, format!("{looked} looked, and {} are needed", count.needed))
    })
}

fn points(n: usize) -> String {
    count(n, "vantage point")
}

/// Everything that was found; what several found alike is one finding.
fn findings(seen: &[(String, CheckRecord)]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (vantage, check) in seen {
        for finding in &check.findings {
            let alike = |known: &&mut Finding| {
                Finding { vantages: Vec::new(), ..(**known).clone() } == *finding
            };
            match findings.iter_mut().find(alike) {
                Some(known) => known.vantages.push(vantage.clone()),
                None => {
                    findings.push(Finding { vantages: vec![vantage.clone()], ..finding.clone() });
                }
            }
        }
    }
    findings
}

fn summary(count: &Count, dissent: &[&(String, CheckRecord)], like: &CheckRecord) -> String {
    // Where all agree, what one says is what all say.
    let alike = |(_, check): &&(String, CheckRecord)| {
        check.outcome == like.outcome && check.summary == like.summary
    };
    let unanimous = dissent.len() == count.voters && dissent.iter().copied().all(|one| alike(&one));
    if count.voters == 0 || unanimous || (dissent.is_empty() && count.is_reached()) {
        return like.summary.clone();
    }
    let mut parts = vec![format!(
        "{} of {} find it right, {} needed",
        count.right,
        points(count.voters),
        count.needed
    )];
    for (vantage, check) in dissent.iter().take(QUOTED) {
        parts.push(format!("{vantage}: {}", check.summary));
    }
    if dissent.len() > QUOTED {
        parts.push(format!("{} more", dissent.len() - QUOTED));
    }
    parts.join("; ")
}

fn sighting((vantage, check): (String, CheckRecord)) -> Sighting {
    Sighting {
        vantage,
        outcome: check.outcome,
        summary: check.summary,
        observation: check.observation,
        attempts: check.attempts,
        started: check.started,
        duration_ms: check.duration_ms,
        skipped: check.skipped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::{Outcome as O, Severity};
    use crate::model::record::Skip;
    use crate::model::sample;
    use crate::model::vantage::Quorum;

    fn one(outcome: O, quorum: Quorum) -> CheckRecord {
        let mut check =
            sample::run(&[(outcome, Severity::Blocker)]).steps.remove(0).checks.remove(0);
        check.quorum = Some(quorum);
        if outcome == O::Skipped {
            let text = "not selected".to_owned();
            check.skipped = Some(Skip { reason: SkipReason::NotSelected, cause: None, text });
        }
        check
    }

    fn check(quorum: Quorum, seen: &[O], expected: O) {
        let seen: Vec<(String, CheckRecord)> = seen
            .iter()
            .enumerate()
            .map(|(n, outcome)| (format!("v{n}"), one(*outcome, quorum)))
            .collect();
        let outcomes: Vec<O> = seen.iter().map(|(_, check)| check.outcome).collect();
        let whole = together(seen).expect("a check");
        assert_eq!(whole.outcome, expected, "{quorum} of {outcomes:?}: {}", whole.summary);
        assert_eq!(whole.sightings.len(), outcomes.len());
    }

    #[test]
    fn all_is_the_worst_of_them() {
        check(Quorum::All, &[O::Pass, O::Pass], O::Pass);
        check(Quorum::All, &[O::Pass, O::Warn], O::Warn);
        check(Quorum::All, &[O::Pass, O::Fail], O::Fail);
        check(Quorum::All, &[O::Pass, O::Unknown], O::Unknown);
        check(Quorum::All, &[O::Unknown, O::Fail], O::Fail);
        check(Quorum::All, &[O::Pass, O::NotApplicable], O::Pass);
        check(Quorum::All, &[O::NotApplicable, O::NotApplicable], O::NotApplicable);
    }

    #[test]
    fn who_was_told_not_to_look_has_no_say() {
        check(Quorum::All, &[O::Pass, O::Skipped], O::Pass);
        check(Quorum::All, &[O::Skipped, O::Skipped], O::Skipped);
        check(Quorum::Majority, &[O::Pass, O::Skipped, O::Skipped], O::Pass);
    }

    #[test]
    fn a_majority_carries_but_dissent_is_a_warning() {
        check(Quorum::Majority, &[O::Pass, O::Pass, O::Pass], O::Pass);
        check(Quorum::Majority, &[O::Pass, O::Pass, O::Fail], O::Warn);
        check(Quorum::Majority, &[O::Pass, O::Pass, O::Unknown], O::Warn);
        check(Quorum::Majority, &[O::Pass, O::Fail], O::Fail);
        check(Quorum::Majority, &[O::Pass, O::Fail, O::Fail], O::Fail);
    }

    #[test]
    fn what_is_not_known_is_neither_right_nor_wrong() {
        check(Quorum::Majority, &[O::Pass, O::Fail, O::Unknown], O::Unknown);
        check(Quorum::Majority, &[O::Fail, O::Fail, O::Unknown], O::Fail);
        check(Quorum::AtLeast(2), &[O::Pass], O::Unknown);
        check(Quorum::AtLeast(2), &[O::Pass, O::Pass, O::Fail, O::Fail], O::Warn);
        check(Quorum::AtLeast(3), &[O::Pass, O::Fail], O::Fail);
        check(Quorum::AtLeast(1), &[O::Fail], O::Fail);
        check(Quorum::AtLeast(1), &[O::Skipped], O::Skipped);
    }
}
