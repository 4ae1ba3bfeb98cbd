//! The verdict: one pure function from the checks of a run to GO, HOLD, NO-GO or nothing ran.

mod merge;
mod quorum;
mod waive;

pub use merge::{Given, MergeError, merge};
pub use waive::{add_unused, unused, waive};

use crate::model::id::CheckId;
use crate::model::outcome::{Decision, Outcome, Severity};
use crate::model::record::{CheckRecord, RunRecord, SkipReason, Verdict};

/// Decides a run. Warnings count as failures where the run is strict.
///
/// A check that was not run to its end is in the record as unknown, so a killed run is never GO.
#[must_use]
pub fn decide(record: &RunRecord) -> Verdict {
    let mut failed = Vec::new();
    let mut doubtful = Vec::new();
    let mut looked = false;
    for check in record.checks() {
        match weigh(check, record.header.strict) {
            Weight::Nothing => {}
            Weight::Good => looked = true,
            Weight::Doubt => doubtful.push(check),
            Weight::Failure => failed.push(check),
        }
    }
    let ids = |checks: Vec<&CheckRecord>| -> Vec<CheckId> {
        checks.into_iter().map(|check| check.id.clone()).collect()
    };
    if !failed.is_empty() {
        return Verdict { decision: Decision::NoGo, because: ids(failed) };
    }
    if !doubtful.is_empty() {
        doubtful.sort_by_key(|check| std::cmp::Reverse(check.outcome));
        return Verdict { decision: Decision::Hold, because: ids(doubtful) };
    }
    // A shard nobody has the record of may have found anything.
    if !record.header.missing.is_empty() {
        return Verdict { decision: Decision::Hold, because: Vec::new() };
    }
    let decision = if looked { Decision::Go } else { Decision::NothingRan };
    Verdict { decision, because: Vec::new() }
}

/// Decides a record that was read: a run whose end nobody wrote down is never GO, even where all its
/// checks have their answers.
#[must_use]
pub fn decide_as_read(record: &RunRecord) -> Verdict {
    let mut verdict = decide(record);
    if record.finished.is_none() && verdict.decision == Decision::Go {
        verdict.decision = Decision::Hold;
    }
    verdict
}

/// Whether a check blocks and is wrong. Warnings count as failures where the run is strict.
#[must_use]
pub fn fails(check: &CheckRecord, strict: bool) -> bool {
    weigh(check, strict) == Weight::Failure
}

/// What one check weighs in the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// It says nothing: skipped on purpose, not applicable, waived, an advisory's doubt.
    Nothing,
    /// It was looked at and does not stand in the way.
    Good,
    /// It blocks and is not known to be right.
    Doubt,
    /// It blocks and is wrong.
    Failure,
}

fn weigh(check: &CheckRecord, strict: bool) -> Weight {
    let blocks = check.blocks();
    match check.outcome {
        Outcome::Warn if strict && blocks => Weight::Failure,
        Outcome::Pass | Outcome::Warn => Weight::Good,
        Outcome::Fail if blocks => Weight::Failure,
        // An advisory failure warns, and a warning was looked at.
        Outcome::Fail if check.severity == Severity::Advisory => Weight::Good,
        Outcome::Unknown | Outcome::Pending if blocks => Weight::Doubt,
        Outcome::Skipped if blocks && holds(check) => Weight::Doubt,
        Outcome::Fail
        | Outcome::Unknown
        | Outcome::Pending
        | Outcome::Skipped
        | Outcome::NotApplicable => Weight::Nothing,
    }
}

/// Whether a skip leaves a question open that this run was meant to answer.
fn holds(check: &CheckRecord) -> bool {
    check.skipped.as_ref().is_none_or(|skip| match skip.reason {
        SkipReason::Phase | SkipReason::NotSelected | SkipReason::Shard => false,
        SkipReason::Needs | SkipReason::Halted | SkipReason::FailFast => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Skip;
    use crate::model::sample;

    fn check(checks: &[(Outcome, Severity)], strict: bool, decision: Decision, because: usize) {
        let mut record = sample::run(checks);
        record.header.strict = strict;
        let verdict = decide(&record);
        assert_eq!((verdict.decision, verdict.because.len()), (decision, because), "{checks:?}");
    }

    #[test]
    fn blockers_decide() {
        use Decision as D;
        use Outcome as O;
        use Severity::{Advisory as A, Blocker as B};
        check(&[], false, D::NothingRan, 0);
        check(&[(O::Pass, B)], false, D::Go, 0);
        check(&[(O::Warn, B)], false, D::Go, 0);
        check(&[(O::Warn, B)], true, D::NoGo, 1);
        check(&[(O::Warn, A)], true, D::Go, 0);
        check(&[(O::NotApplicable, B)], false, D::NothingRan, 0);
        check(&[(O::NotApplicable, B), (O::Pass, B)], false, D::Go, 0);
        check(&[(O::Pass, B), (O::Unknown, B)], false, D::Hold, 1);
        check(&[(O::Pass, B), (O::Pending, B)], false, D::Hold, 1);
        check(&[(O::Unknown, B)], false, D::Hold, 1);
        check(&[(O::Pass, B), (O::Unknown, B), (O::Fail, B)], false, D::NoGo, 1);
        check(&[(O::Pass, B), (O::Fail, A), (O::Unknown, A)], false, D::Go, 0);
        check(&[(O::Fail, A)], false, D::Go, 0);
        check(&[(O::Unknown, A)], false, D::NothingRan, 0);
    }

    #[test]
    fn a_skip_holds_only_when_it_was_not_on_purpose() {
        for (reason, decision) in [
            (SkipReason::Phase, Decision::Go),
            (SkipReason::NotSelected, Decision::Go),
            (SkipReason::Needs, Decision::Hold),
            (SkipReason::Halted, Decision::Hold),
            (SkipReason::FailFast, Decision::Hold),
        ] {
            let mut record = sample::run(&[
                (Outcome::Pass, Severity::Blocker),
                (Outcome::Skipped, Severity::Blocker),
            ]);
            record.steps[0].checks[1].skipped =
                Some(Skip { reason, cause: None, text: String::new() });
            assert_eq!(decide(&record).decision, decision, "{reason:?}");
        }
    }

    #[test]
    fn a_waived_failure_does_not_block_and_is_no_look_either() {
        let mut record = sample::run(&[(Outcome::Fail, Severity::Blocker)]);
        record.steps[0].checks[0].waived = Some(sample::waiver());
        assert_eq!(decide(&record).decision, Decision::NothingRan);
    }
}
