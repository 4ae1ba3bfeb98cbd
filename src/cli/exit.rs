//! Exit codes: an interface that scripts hang on.

use crate::model::outcome::Decision;
use crate::model::record::{RunRecord, Stop};

/// GO.
pub(super) const GO: u8 = 0;
/// NO-GO.
pub(super) const NO_GO: u8 = 1;
/// The command line or the checklist is wrong; nothing was run.
pub(super) const USAGE: u8 = 2;
/// HOLD.
pub(super) const HOLD: u8 = 3;
/// Nothing ran, or nothing could be judged.
pub(super) const NOTHING_RAN: u8 = 4;
/// A defect of the tool itself (`EX_SOFTWARE` of sysexits.h).
pub(super) const BUG: u8 = 70;
/// SIGINT: 128 + 2, as shells say it.
pub(super) const INTERRUPTED: u8 = 130;
/// SIGTERM: 128 + 15.
pub(super) const TERMINATED: u8 = 143;

/// Every exit code with its meaning, in the order of the manual.
pub(super) const ALL: [(u8, &str, &str); 8] = [
    (
        GO,
        "GO",
        "every blocking check passed, warned, is waived or does not apply, and at least one passed or warned",
    ),
    (NO_GO, "NO-GO", "at least one blocking check failed"),
    (USAGE, "usage", "the command line or the checklist is wrong; nothing was run"),
    (
        HOLD,
        "HOLD",
        "nothing blocking failed, but something blocking is unknown, pending, or skipped because of what it needs",
    ),
    (NOTHING_RAN, "NOTHING RAN", "the selection is empty, or nothing could be judged"),
    (BUG, "bug", "a defect of gonogo itself"),
    (INTERRUPTED, "interrupted", "SIGINT; the partial record and reports are written"),
    (TERMINATED, "terminated", "SIGTERM; the partial record and reports are written"),
];

/// The exit code of a run.
#[must_use]
pub(super) fn of(record: &RunRecord) -> u8 {
    match record.stopped {
        Some(Stop::Interrupt) => return INTERRUPTED,
        Some(Stop::Terminate) => return TERMINATED,
        Some(Stop::Deadline | Stop::FailFast) | None => {}
    }
    of_decision(record.verdict.decision)
}

/// The exit code of a decision.
#[must_use]
pub(super) const fn of_decision(decision: Decision) -> u8 {
    match decision {
        Decision::Go => GO,
        Decision::NoGo => NO_GO,
        Decision::Hold => HOLD,
        Decision::NothingRan => NOTHING_RAN,
    }
}
