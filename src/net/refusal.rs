//! What the other side says when it will not have a session: its own answers, never a fault.

use std::fmt::{self, Display, Formatter};
use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::channel::{self, Handshake};
use crate::net::tcp;

/// Why there is no session, in the words of whoever was asked; `E` is an error of its protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Refusal")]
pub enum Refusal<E> {
    /// The host's name has no address; with the resolver's words.
    NoAddress(String),
    /// Nothing listens, or the connection was reset while it was opened.
    Connection(tcp::Refusal),
    /// The other side closed the connection before the login was over.
    HungUp,
    /// The server has no TLS, and the URL insists on it.
    NoTls,
    /// The server's certificate is not to be trusted; with the reason.
    Untrusted(String),
    /// The TLS handshake was refused; with the reason.
    Handshake(String),
    /// The server, or what stands before it, answered with an error.
    Server(E),
}

impl<E: Display> Display for Refusal<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress(words) => write!(f, "the name has no address ({words})"),
            Self::Connection(refusal) => refusal.fmt(f),
            Self::HungUp => f.write_str("the connection was closed during the login"),
            Self::NoTls => f.write_str("the server has no TLS"),
            Self::Untrusted(reason) => write!(f, "its certificate is not trusted: {reason}"),
            Self::Handshake(reason) => f.write_str(reason),
            Self::Server(error) => error.fmt(f),
        }
    }
}

impl<E: Display> Refusal<E> {
    /// What an error of the TLS handshake with `place` says.
    ///
    /// # Errors
    /// A [`Fault`] when it says nothing about the other side.
    pub(super) fn of_handshake(error: &io::Error, place: &str) -> Result<Self, Fault> {
        match channel::verdict(error) {
            Some(Handshake::Untrusted(reason)) => Ok(Self::Untrusted(reason)),
            Some(Handshake::Refused(reason)) => Ok(Self::Handshake(reason)),
            None if channel::has_ended(error) => Ok(Self::HungUp),
            None => Err(Fault::Unreadable {
                what: format!("the TLS handshake with {place}"),
                reason: one_line(&error.to_string()),
            }),
        }
    }

    /// The refusal as a fault, for whoever came to ask for something else.
    #[must_use]
    pub fn fault(&self, what: impl Into<String>) -> Fault {
        let (what, reason) = (what.into(), self.to_string());
        match self {
            Self::Server(_) => Fault::Unreadable { what, reason },
            Self::NoAddress(_)
            | Self::Connection(_)
            | Self::HungUp
            | Self::NoTls
            | Self::Untrusted(_)
            | Self::Handshake(_) => Fault::Unreachable { what, reason },
        }
    }
}
