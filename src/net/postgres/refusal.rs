//! What PostgreSQL, or a pooler before it, says when it will not have a session.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::text::one_line;

/// Why there is no session.
pub type Refusal = crate::net::refusal::Refusal<ServerError>;

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
