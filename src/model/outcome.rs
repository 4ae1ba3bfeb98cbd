//! How a finding, a check and a run can end: three small closed enums.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a finding or a check ended. The order is the order of badness, so `max` is worst-of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Not looked, on purpose: another phase, filtered out, a `needs` that did not pass.
    Skipped,
    /// Looked, and the question does not arise.
    NotApplicable,
    /// Looked, and it is right.
    Pass,
    /// Right enough to launch, worth a person's eye.
    Warn,
    /// Waits for a person: an unsigned manual item, a change not yet applied.
    Pending,
    /// Tried and learnt nothing: time-out, no route, missing privilege, missing secret, no data.
    Unknown,
    /// Looked, and it is wrong.
    Fail,
}

impl Outcome {
    /// Every outcome, mildest first.
    pub const ALL: [Self; 7] = [
        Self::Skipped,
        Self::NotApplicable,
        Self::Pass,
        Self::Warn,
        Self::Pending,
        Self::Unknown,
        Self::Fail,
    ];

    /// The word used in records, flags and machine formats, such as `not-applicable`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::NotApplicable => "not-applicable",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much a check weighs in the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// A failure is NO-GO and a doubt is HOLD.
    #[default]
    Blocker,
    /// A failure or a doubt is shown but never stops the launch.
    Advisory,
}

/// What a run decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Everything that blocks is right, and at least one check was really looked at.
    Go,
    /// Nothing that blocks failed, but something that blocks is not known to be right.
    Hold,
    /// At least one blocking check failed.
    NoGo,
    /// The selection is empty, or nothing could be judged.
    NothingRan,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worst_of_is_the_order_of_the_enum() {
        for pair in Outcome::ALL.windows(2) {
            assert!(pair[0] < pair[1], "{:?} is milder than {:?}", pair[0], pair[1]);
        }
        assert_eq!(Outcome::Fail.max(Outcome::Unknown), Outcome::Fail);
    }

    #[test]
    fn the_word_is_what_serde_writes() {
        for outcome in Outcome::ALL {
            let json = serde_json::to_string(&outcome).expect("an enum without data serializes");
            assert_eq!(json, format!("\"{outcome}\""));
        }
    }
}
