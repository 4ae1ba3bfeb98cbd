//! What came of logging in, where there are no more than two ways.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of logging in: `I` is what was seen inside, `R` is the other side's no.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Login")]
pub enum Login<I, R> {
    /// The server let the check in.
    In(Box<I>),
    /// The server, or what stands before it, said no.
    Refused(R),
}

impl<I, R> Login<I, R> {
    /// What was seen inside; `None` where nobody was let in.
    #[must_use]
    pub fn inside(&self) -> Option<&I> {
        match self {
            Self::In(inside) => Some(inside),
            Self::Refused(_) => None,
        }
    }
}
