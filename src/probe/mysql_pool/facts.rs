//! What a look at MySQL or MariaDB brings back: facts only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proxy::{Proxy, Visited};
use crate::model::fault::Sight;
use crate::net::mysql::{Greeting, Refusal};
use crate::probe::pool::{self, Namesake, Picture, Ramp};

/// What was seen of a server and its connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Host, port and database.
    pub target: String,
    /// The user of the URL.
    pub user: String,
    /// What came of logging in.
    pub login: Login,
    /// What the proxies of the check say of themselves, in the order of the check.
    #[serde(default)]
    pub poolers: Vec<Visited>,
    /// The server's connections and the demand on them; absent where they were not seen.
    pub picture: Option<Picture>,
}

/// What came of logging in.
pub type Login = pool::Login<Inside, Refusal>;

/// What a session has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inside {
    /// How the session was greeted.
    pub greeting: Greeting,
    /// The server's limits and their use.
    pub server: Sight<Server>,
    /// What other sessions are doing; `None` where the server itself could not be seen.
    pub activity: Option<Sight<Activity>>,
    /// What the proxy that answers says of itself; `None` where none does, or it is not one that can be asked
    /// on the same session.
    #[serde(default)]
    pub views: Option<Sight<Proxy>>,
    /// Sessions of this account that bear the name of another run of this tool; `None` where the server
    /// itself could not be seen, or a proxy stands before it.
    #[serde(default)]
    pub namesakes: Option<Sight<Vec<Namesake>>>,
    /// What came of the ramp; `None` when none was asked for.
    pub ramp: Option<Ramp>,
    /// `Max_used_connections` after a ramp that ran.
    pub most_used_after: Option<u64>,
}

/// A server's limits and their use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// What it says of itself beside the version.
    pub comment: String,
    /// `max_connections`.
    pub max_connections: u64,
    /// How many connections there are, but for this one.
    pub used: u64,
    /// How many of them run a statement.
    pub running: u64,
    /// The most there have been since the start, read before this look could add to it: it may be one
    /// more than `max_connections`, when somebody was turned away.
    pub most_used: u64,
    /// How many connections this account may have; `None` without a limit.
    pub user_limit: Option<u64>,
    /// How many it has, but for this one.
    pub user_used: u64,
    /// `wait_timeout` in seconds: an idle session is ended after it.
    pub wait_timeout: u64,
    /// Whether the server takes no writes.
    pub read_only: bool,
}

/// What other sessions are doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Activity {
    /// Sessions that sleep in an open transaction, the longest asleep first, at most twenty.
    pub idle_in_transaction: Vec<Session>,
    /// Sessions that wait for a row lock, at most twenty.
    pub lock_waits: Vec<Session>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Its number, for `KILL`.
    pub id: u64,
    /// Its user.
    pub user: String,
    /// Where its client is.
    pub host: String,
    /// How long it has been so, in seconds.
    pub seconds: u64,
}

impl Inside {
    /// The proxy that answers, by what it calls itself.
    #[must_use]
    pub fn proxy(&self) -> Option<&'static str> {
        let comment = self.server.seen().map_or("", |server| &server.comment);
        ["ProxySQL", "ShardingSphere", "MaxScale", "Vitess"]
            .into_iter()
            .find(|name| comment.contains(name) || self.greeting.version.contains(name))
    }
}
