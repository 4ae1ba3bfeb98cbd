//! What a server says when it will not have a session: its own answers, never a fault.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::text::one_line;
use crate::net::tcp;

/// Why there is no session, in the words of whoever was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The host's name has no address; with the resolver's words.
    NoAddress(String),
    /// Nothing listens, or the connection was reset while it was opened.
    Connection(tcp::Refusal),
    /// The other side closed the connection in the middle of the login.
    HungUp,
    /// The server has no TLS, and the URL insists on it.
    NoTls,
    /// The server's certificate is not to be trusted; with the reason.
    Untrusted(String),
    /// The TLS handshake was refused; with the reason.
    Handshake(String),
    /// The server, or a pooler before it, answered with an error.
    Server(ServerError),
}

/// An error of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerError {
    /// Such as `FATAL`, in the server's language.
    pub severity: String,
    /// The SQLSTATE, such as `53300`.
    pub sqlstate: String,
    /// The server's words, as one safe line.
    pub message: String,
    /// The function in PostgreSQL's source that raised it: the same in every language and nearly
    /// every version. Poolers send none.
    pub routine: Option<String>,
}

impl ServerError {
    pub(super) fn of(error: &tokio_postgres::error::DbError) -> Self {
        Self {
            severity: one_line(error.severity()),
            sqlstate: one_line(error.code().code()),
            message: one_line(error.message()),
            routine: error.routine().map(one_line),
        }
    }

    /// Whether PostgreSQL itself speaks: it always says where in its source an error was raised,
    /// which no pooler does.
    #[must_use]
    pub fn is_from_postgres(&self) -> bool {
        self.routine.is_some()
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (SQLSTATE {})", self.severity, self.message, self.sqlstate)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress(words) => write!(f, "the name has no address ({words})"),
            Self::Connection(refusal) => refusal.fmt(f),
            Self::HungUp => f.write_str("the connection was closed during the login"),
            Self::NoTls => f.write_str("the server has no TLS"),
            Self::Untrusted(reason) | Self::Handshake(reason) => f.write_str(reason),
            Self::Server(error) => error.fmt(f),
        }
    }
}
