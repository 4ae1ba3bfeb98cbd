//! One Alertmanager of several, and what it answered: facts, a refusal, or nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Trouble;
use crate::model::fault::Sight;
use crate::net::http::{Denial, HttpUrl};

/// One Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Member")]
pub struct Member<F> {
    /// Its base URL.
    pub url: String,
    /// What it answered.
    pub sight: Sight<Reply<F>>,
}

/// What an Alertmanager answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Reply")]
pub enum Reply<F> {
    /// Its facts.
    Up(Box<F>),
    /// A refusal below HTTP.
    Down(Denial),
}

impl<F> Member<F> {
    /// The member at a base URL, by what came of asking it.
    #[must_use]
    pub fn of(base: &HttpUrl, facts: Result<F, Trouble>) -> Self {
        let sight = match facts {
            Ok(up) => Sight::Seen(Reply::Up(Box::new(up))),
            Err(Trouble::Denied(denial)) => Sight::Seen(Reply::Down(denial)),
            Err(trouble @ (Trouble::Rejected { .. } | Trouble::Fault(_))) => {
                Sight::Fault(trouble.into_fault(&format!("asking {base}")))
            }
        };
        Self { url: base.shown(), sight }
    }

    /// The facts, when it answered.
    #[must_use]
    pub fn up(&self) -> Option<&F> {
        match &self.sight {
            Sight::Seen(Reply::Up(up)) => Some(&**up),
            Sight::Seen(Reply::Down(_)) | Sight::Fault(_) => None,
        }
    }
}
