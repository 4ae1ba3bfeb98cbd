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
/// SIGHUP: 128 + 1, as shells say it.
pub(super) const HUNG_UP: u8 = 129;
/// SIGINT: 128 + 2.
pub(super) const INTERRUPTED: u8 = 130;
/// SIGTERM: 128 + 15.
pub(super) const TERMINATED: u8 = 143;

/// Every exit code with its meaning, in the order of the manual.
pub(super) const ALL: [(u8, &str, &str); 9] = [
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
    (
        HUNG_UP,
        "hung up",
        "SIGHUP, the terminal is gone; the partial record and reports are written",
    ),
    (INTERRUPTED, "interrupted", "SIGINT; the partial record and reports are written"),
    (TERMINATED, "terminated", "SIGTERM; the partial record and reports are written"),
];

/// The exit codes of verbs that give no verdict, where they differ from [`ALL`].
pub(super) const VERBS: [(&str, &str); 4] = [
    ("`lint`", "0 good, 2 mistakes"),
    (
        "`report -o nagios`",
        "a monitor's: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (HOLD, nothing ran, or no record that can be read)",
    ),
    (
        "`report --verify`",
        "0 the pages were made from the record attached, 1 they were not, or there is none",
    ),
    (
        "`silence list`, `silence expire`, `silence extend`",
        "0 done, 3 an Alertmanager could not be asked or did not do it, 4 there is no such silence",
    ),
];

/// The exit code of a run.
#[must_use]
pub(super) fn of(record: &RunRecord) -> u8 {
    if let Some(code) = record.stopped.and_then(signalled) {
        return code;
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

/// The exit code of a run that a signal ended.
#[must_use]
pub(super) const fn signalled(stop: Stop) -> Option<u8> {
    match stop {
        Stop::HangUp => Some(HUNG_UP),
        Stop::Interrupt => Some(INTERRUPTED),
        Stop::Terminate => Some(TERMINATED),
        Stop::Deadline | Stop::FailFast => None,
    }
}
