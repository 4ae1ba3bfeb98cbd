//! Findings: one judged fact each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::fault::Fault;
use super::outcome::Outcome;
use super::record::Waived;

/// One judged fact: which code, on which target, what was expected and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The stable code, such as `tls.staple-expired`; `gonogo explain CODE` has its page.
    pub code: String,
    /// How this finding ends.
    pub outcome: Outcome,
    /// What it is about, such as `192.0.2.1:443` or `8.8.8.8 login.example.com A`.
    pub target: String,
    /// One line for a person; says what was seen.
    pub message: String,
    /// What would have been right; absent where the message says all.
    pub expected: Option<String>,
    /// What was seen, close to the bytes; absent where the message says all.
    pub actual: Option<String>,
    /// The waiver that covers this finding; the outcome stays what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waived>,
    /// The vantage points that found it, where several runs were merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vantages: Vec<String>,
}

impl Finding {
    /// A finding with the code's own outcome.
    #[must_use]
    pub fn new(code: &'static Code, target: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.id.to_owned(),
            outcome: code.default,
            target: target.into(),
            message: message.into(),
            expected: None,
            actual: None,
            waived: None,
            vantages: Vec::new(),
        }
    }

    /// The finding that says nothing was learnt, and why.
    #[must_use]
    pub fn fault(target: impl Into<String>, fault: &Fault) -> Self {
        Self::new(fault.code(), target, fault.to_string())
    }

    /// The same finding with another outcome than its code's own.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The same finding, saying what would have been right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// The same finding, saying what was seen.
    #[must_use]
    pub fn actual(mut self, actual: impl Into<String>) -> Self {
        self.actual = Some(actual.into());
        self
    }
}
