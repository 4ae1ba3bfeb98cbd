//! Reading an error of the HTTP client: what the target said, or why nothing was learnt.

use std::error::Error;
use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::tcp::Refusal;
use crate::net::tls::words;

/// A negative answer of the target below HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Denial {
    /// The connection was refused or reset.
    Refused(Refusal),
    /// The connection was closed before the answer was complete.
    Closed,
    /// The TLS handshake failed; with the reason, such as `certificate expired`.
    Tls(String),
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Closed => f.write_str("the connection was closed before the answer was complete"),
            Self::Tls(reason) => write!(f, "TLS: {reason}"),
        }
    }
}

/// What an error of the client stands for. The client's own words say only "error sending request",
/// so the causes are walked.
///
/// # Errors
/// A [`Fault`] when the error is not an answer of the target.
pub(super) fn read(error: &reqwest::Error, what: String) -> Result<Denial, Fault> {
    let mut last = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        last = error.to_string();
        if let Some(denial) = error.downcast_ref::<io::Error>().and_then(of_io) {
            return Ok(denial);
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.raw_os_error().is_some()
        {
            return Err(Fault::from_io(what, error));
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_incomplete_message() || error.is_closed() {
                return Ok(Denial::Closed);
            }
            if error.is_parse() {
                let reason = format!("not HTTP: {}", one_line(&error.to_string()));
                return Err(Fault::Unreadable { what, reason });
            }
        }
        cause = error.source();
    }
    Err(Fault::Unreadable { what, reason: one_line(&last) })
}

fn of_io(error: &io::Error) -> Option<Denial> {
    // tokio-rustls wraps the reason of a failed handshake in an io::Error, and the client that one
    // in another; `source` skips what is wrapped.
    if let Some(inner) = error.get_ref() {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Some(Denial::Tls(words(tls)));
        }
        if let Some(denial) = inner.downcast_ref::<io::Error>().and_then(of_io) {
            return Some(denial);
        }
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Some(Denial::Closed);
    }
    Refusal::of(error).map(Denial::Refused)
}
