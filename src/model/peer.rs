//! Peers: whom a probe contacts.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Somebody a probe will contact; shown by `plan`, and the unit of politeness: the engine bounds
/// how many checks talk to one peer at once.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Peer {
    /// The protocol spoken, such as `dns`, `tls`, `postgres`.
    pub protocol: String,
    /// Host and port, or a path for a unix socket, or `system` for the machine's own resolver.
    pub address: String,
}

impl Peer {
    /// A peer by protocol and address.
    #[must_use]
    pub fn new(protocol: impl Into<String>, address: impl Into<String>) -> Self {
        Self { protocol: protocol.into(), address: address.into() }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.protocol, self.address)
    }
}
