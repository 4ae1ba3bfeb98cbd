//! Opening TCP connections, and telling what the target said from what this machine could not do.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::clock::{Clock, round_millis};
use crate::model::fault::Fault;

/// A negative answer of the target's host to a connection attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// A reset in answer to the first packet: nothing listens there (RFC 9293 §3.10.7.1).
    Refused,
    /// The connection was reset while it was being opened or used.
    Reset,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::Reset => "connection reset",
        })
    }
}

impl Refusal {
    /// The refusal an error of a socket stands for, if it is the target's own answer.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of I/O errors are open-ended")]
    pub fn of(error: &io::Error) -> Option<Self> {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Self::Refused),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Some(Self::Reset),
            _ => None,
        }
    }
}

/// An open connection, or the target's refusal.
#[derive(Debug)]
pub enum Dial {
    /// Open, and how long it took in milliseconds.
    Open(TcpStream, f64),
    /// The target said no.
    Refused(Refusal),
}

/// Connects to one address within `limit`.
///
/// # Errors
/// A [`Fault`] when neither the target nor anything on the way answered in time, or this machine
/// could not send.
pub async fn dial(address: SocketAddr, limit: Duration) -> Result<Dial, Fault> {
    let what = format!("connecting to {address}");
    let clock = Clock;
    let begun = clock.tick();
    match tokio::time::timeout(limit, TcpStream::connect(address)).await {
        Err(_) => Err(Fault::Timeout { what, after: limit.into() }),
        Ok(Ok(stream)) => {
            let millis = begun.elapsed().as_secs_f64() * 1000.0;
            // A socket can meet itself on loopback (simultaneous open, RFC 9293 §3.5); that is not
            // a listener.
            if stream.local_addr().ok() == Some(address) {
                return Ok(Dial::Refused(Refusal::Refused));
            }
            Ok(Dial::Open(stream, round_millis(millis)))
        }
        Ok(Err(error)) => match Refusal::of(&error) {
            Some(refusal) => Ok(Dial::Refused(refusal)),
            None => Err(Fault::from_io(what, &error)),
        },
    }
}
