//! Faults: why nothing was learnt. A fault is never a verdict on the target.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::code::{Code, engine};
use super::secret::Secrets;
use super::time::Span;

/// Why a look taught nothing. A negative answer the target itself gave (a reset, NXDOMAIN, a TLS
/// alert, "too many clients") is not a fault but an observation.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Fault {
    /// No answer in the time allowed.
    #[error("{what}: no answer within {after}")]
    Timeout {
        /// What was attempted on whom, such as `connecting to 192.0.2.1:443`.
        what: String,
        /// How long was waited.
        after: Span,
    },
    /// This machine could not send to the target.
    #[error("{what}: {reason}")]
    Unreachable {
        /// What was attempted on whom.
        what: String,
        /// What the operating system said.
        reason: String,
    },
    /// The target's name could not be turned into an address, because no resolver answered.
    #[error("looking up {name}: {reason}")]
    Name {
        /// The name that was looked up.
        name: String,
        /// What the resolver, or its absence, said.
        reason: String,
    },
    /// The target answers, but hides what the probe must see.
    #[error("{what} needs {need}")]
    Denied {
        /// What was attempted.
        what: String,
        /// The privilege that would help, such as `the role pg_monitor`.
        need: String,
    },
    /// A secret named by the checklist is not there. The value is never part of the fault.
    #[error("the secret {name} {reason}")]
    Secret {
        /// As written in the checklist, such as `${env:PGPASSWORD}`.
        name: String,
        /// Such as `is not set`.
        reason: String,
    },
    /// Something answered, but not in a way that can be understood or accepted.
    #[error("{what}: {reason}")]
    Unreadable {
        /// What was attempted on whom.
        what: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// A limit or file of this machine stood in the way.
    #[error("{what}: {reason}")]
    Local {
        /// What was attempted.
        what: String,
        /// What the operating system said.
        reason: String,
    },
    /// The person running it has not allowed what the check does.
    #[error("{what} needs {flag}")]
    NotAllowed {
        /// What the check would have done.
        what: String,
        /// The flag that allows it, such as `--allow exec`.
        flag: String,
    },
    /// The run was interrupted.
    #[error("the run was interrupted")]
    Interrupted,
    /// The run's own deadline came first.
    #[error("the run's deadline came first")]
    Deadline,
    /// A defect of the tool.
    #[error("a defect of gonogo: {message}")]
    Bug {
        /// The panic's or error's own text.
        message: String,
    },
}

impl Fault {
    /// The code a finding about this fault bears.
    #[must_use]
    pub const fn code(&self) -> &'static Code {
        match self {
            Self::Timeout { .. } => &engine::TIMEOUT,
            Self::Unreachable { .. } => &engine::UNREACHABLE,
            Self::Name { .. } => &engine::NAME,
            Self::Denied { .. } => &engine::DENIED,
            Self::Secret { .. } => &engine::SECRET,
            Self::Unreadable { .. } => &engine::UNREADABLE,
            Self::Local { .. } => &engine::LOCAL,
            Self::NotAllowed { .. } => &engine::NOT_ALLOWED,
            Self::Interrupted => &engine::INTERRUPTED,
            Self::Deadline => &engine::DEADLINE,
            Self::Bug { .. } => &engine::BUG,
        }
    }

    /// Whether asking again can change the answer. A missing secret or privilege stays missing.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Unreachable { .. }
            | Self::Name { .. }
            | Self::Unreadable { .. }
            | Self::Local { .. } => true,
            Self::Denied { .. }
            | Self::Secret { .. }
            | Self::NotAllowed { .. }
            | Self::Interrupted
            | Self::Deadline
            | Self::Bug { .. } => false,
        }
    }

    /// The fault without any secret in its texts.
    #[must_use]
    pub fn redacted(&self, secrets: &Secrets) -> Self {
        let mut fault = self.clone();
        let (first, second) = match &mut fault {
            Self::Timeout { what, .. } => (Some(what), None),
            Self::Unreachable { what, reason }
            | Self::Unreadable { what, reason }
            | Self::Local { what, reason } => (Some(what), Some(reason)),
            Self::Name { name, reason } | Self::Secret { name, reason } => {
                (Some(name), Some(reason))
            }
            Self::Denied { what, need } => (Some(what), Some(need)),
            Self::NotAllowed { what, flag } => (Some(what), Some(flag)),
            Self::Bug { message } => (Some(message), None),
            Self::Interrupted | Self::Deadline => (None, None),
        };
        for text in [first, second].into_iter().flatten() {
            *text = secrets.redact(text);
        }
        fault
    }

    /// A fault of input or output on this machine, told apart from one on the way to the target.
    #[must_use]
    pub fn from_io(what: impl Into<String>, err: &std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        let (what, reason) = (what.into(), err.to_string());
        // EMFILE, ENFILE: std has no stable kind for them.
        if matches!(err.raw_os_error(), Some(23 | 24)) {
            return Self::Local { what, reason };
        }
        if matches!(
            err.kind(),
            K::NotFound | K::PermissionDenied | K::OutOfMemory | K::AddrInUse | K::IsADirectory
        ) {
            Self::Local { what, reason }
        } else if err.kind() == K::InvalidData {
            Self::Unreadable { what, reason }
        } else {
            Self::Unreachable { what, reason }
        }
    }
}

/// One look at one of several targets: what was seen there, or why nothing was.
///
/// A check with many targets keeps one of these for each, so that one silent target does not hide
/// what the others said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sight<T> {
    /// What was seen.
    Seen(T),
    /// Why nothing was seen.
    Fault(Fault),
}

impl<T> Sight<T> {
    /// What was seen, if anything.
    pub const fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(seen) => Some(seen),
            Self::Fault(_) => None,
        }
    }

    /// Why nothing was seen, if nothing was.
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Seen(_) => None,
            Self::Fault(fault) => Some(fault),
        }
    }
}

impl<T> From<Result<T, Fault>> for Sight<T> {
    fn from(result: Result<T, Fault>) -> Self {
        match result {
            Ok(seen) => Self::Seen(seen),
            Err(fault) => Self::Fault(fault),
        }
    }
}
