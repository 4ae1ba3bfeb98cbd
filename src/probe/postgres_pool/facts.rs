//! What a look at a PostgreSQL server brings back: facts only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pgbouncer::Pooler;
use crate::model::fault::{Fault, Sight};
use crate::net::postgres::{Greeting, PgUrl, Refusal};
use crate::probe::pool::{self, Namesake, Picture, Ramp};

/// What was seen of a server and its connection slots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Host, port and database.
    pub target: String,
    /// The role of the URL.
    pub role: String,
    /// The URL as its service completes it, without password; absent where it asks for none.
    #[serde(default)]
    pub url: Option<PgUrl>,
    /// What came of logging in.
    pub login: Login,
    /// What the poolers of the check say of themselves, in the order of the check.
    pub poolers: Vec<Visited>,
    /// The most slots that were in use at once, as the Prometheus of the check knows; `None` where it
    /// names none.
    pub peak: Option<Sight<f64>>,
    /// The server's slots, or the pooler's clients where the URL leads to one, and the demand on them;
    /// absent where they were not seen.
    pub picture: Option<Picture>,
}

/// A pooler of the check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Visited {
    /// Its host and port.
    pub place: String,
    /// What it says of itself, or why it lets nobody in.
    pub pooler: Sight<Visit>,
}

/// What came of logging in to a pooler of the check.
pub type Visit = pool::Login<Pooler, Refusal>;

/// What came of logging in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Login {
    /// The server let the role in.
    In(Box<Inside>),
    /// The server, or what stands before it, said no.
    Refused {
        /// Its own words.
        refusal: Refusal,
        /// What was seen through another database of the same server, where that one let the role
        /// in: it tells a full database from a full server.
        elsewhere: Option<Box<Inside>>,
        /// What the pooler said of itself, where it was a pooler that said no.
        pooler: Option<Box<Sight<Pooler>>>,
    },
    /// Nobody answered the login in time, and it is a pooler that did not: it lets a client wait until
    /// there is a connection to the server.
    Stuck {
        /// The time-out.
        fault: Fault,
        /// What the pooler says of itself.
        pooler: Box<Pooler>,
    },
}

/// What a session has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inside {
    /// How the session was greeted.
    pub greeting: Greeting,
    /// What the server is, and its limits.
    pub server: Sight<Server>,
    /// How its slots are used; `None` where the server itself could not be seen.
    pub usage: Option<Sight<Usage>>,
    /// What the other sessions are doing; `None` where the server itself could not be seen.
    pub activity: Option<Sight<Activity>>,
    /// What the pooler says of itself; `None` where no pooler was met.
    pub pooler: Option<Sight<Pooler>>,
    /// Sessions that bear the name of another run of this tool; `None` where the server itself could
    /// not be seen, or a pooler stands before it.
    #[serde(default)]
    pub namesakes: Option<Sight<Vec<Namesake>>>,
    /// What came of the ramp; `None` when none was asked for.
    pub ramp: Option<Ramp>,
}

/// What a server is, and its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// Its version as a number, such as 150020 for 15.20.
    pub version_num: u32,
    /// The process that answers. Another one than the session was greeted with is behind a pooler.
    pub backend_pid: i32,
    /// `max_connections`.
    pub max_connections: u32,
    /// `superuser_reserved_connections`.
    pub superuser_reserved: u32,
    /// `reserved_connections`, for members of `pg_use_reserved_connections`; 0 before version 16.
    pub reserved: u32,
    /// Whether it is a standby, or still replaying.
    pub in_recovery: bool,
    /// Whether a transaction of this session can only read.
    pub read_only: bool,
    /// `idle_session_timeout` in milliseconds: an idle session is ended after it; `None` where it is
    /// off, and before version 14.
    pub idle_session_timeout: Option<u64>,
    /// The settings that end what holds a slot or a lock for too long, such as `statement_timeout`, as this
    /// session has them: `ALTER ROLE … SET` can give the application others. 0 is off.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The role the session has.
    pub role: Role,
    /// The database of the URL; `None` where there is none of that name.
    pub database: Option<Database>,
}

/// The role of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Whether it is a superuser, which may take the reserved slots.
    pub superuser: bool,
    /// Whether it may see what other sessions do (`pg_read_all_stats`, part of `pg_monitor`).
    pub sees_all: bool,
    /// Whether it may take the slots of `reserved_connections`.
    pub uses_reserved: bool,
    /// How many sessions it may have; `None` without a limit.
    pub limit: Option<u32>,
    /// How many it has beside this one.
    pub used: u32,
}

/// The database of the URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Database {
    /// How many sessions it may have; `None` without a limit.
    pub limit: Option<u32>,
    /// How many it has beside this one.
    pub used: u32,
}

/// How the slots are used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// How many sessions of clients there are beside this one.
    pub used: u32,
    /// How they were counted.
    pub counted: Counted,
}

/// How sessions were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// Exactly: the role sees which sessions are clients'.
    Exactly,
    /// At most: the role does not see it, so background workers with a database count too.
    AtMost,
}

/// What the other sessions are doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Activity {
    /// Sessions by database, role and application, the largest groups first; at most a hundred.
    pub groups: Vec<Group>,
    /// Sessions that sit in an open transaction doing nothing.
    pub idle_in_transaction: Sessions,
    /// Sessions that wait for a lock.
    pub lock_waits: Sessions,
    /// Sessions in a transaction, those with the oldest one first.
    pub transactions: Sessions,
    /// How many transactions old the oldest snapshot is that a session, a prepared transaction or a
    /// replication slot still holds; nothing younger can be cleaned up. 0 where there is none.
    pub oldest_xmin: u64,
    /// The standbys that follow this server, at most fifty.
    pub standbys: Vec<Standby>,
    /// How far this server itself is behind, in seconds, where it is a standby that has something left
    /// to replay.
    pub behind_seconds: Option<f64>,
    /// Sessions of which the server keeps no state, because `track_activities` is off for them.
    pub untracked: u32,
}

/// Sessions of one database, role and application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// The database.
    pub database: String,
    /// The role.
    pub role: String,
    /// What the client calls itself; empty when it does not.
    pub application: String,
    /// How many sessions.
    pub sessions: u32,
    /// How many of them run a statement.
    pub active: u32,
    /// How many of them are idle outside a transaction.
    pub idle: u32,
    /// How many of them are idle inside one.
    pub idle_in_transaction: u32,
}

/// A standby that follows the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Standby {
    /// What it calls itself.
    pub name: String,
    /// Where it is.
    pub client: String,
    /// `streaming`, `catchup`, `backup` or `startup`.
    pub state: String,
    /// How long ago it replayed what it has last reported, in seconds; absent where nothing is left
    /// to replay.
    pub replay_seconds: Option<f64>,
    /// How many bytes of the log it has not replayed yet.
    pub behind_bytes: Option<f64>,
}

/// Some sessions: how many, and the worst of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// How many in all.
    pub count: u32,
    /// Those that have been at it longest, at most twenty.
    pub longest: Vec<Session>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Its process, for `pg_terminate_backend`.
    pub pid: i32,
    /// Its role.
    pub role: String,
    /// What its client calls itself.
    pub application: String,
    /// Where its client is; empty for a unix socket.
    pub client: String,
    /// How long it has been so, in seconds.
    pub seconds: f64,
    /// The processes it waits for, such as `{4711}`; empty when it waits for none.
    pub blocked_by: String,
}

impl Server {
    /// The slots that ordinary roles may take.
    #[must_use]
    pub const fn ordinary(&self) -> u32 {
        self.max_connections.saturating_sub(self.superuser_reserved).saturating_sub(self.reserved)
    }
}

impl Inside {
    /// Whether a pooler answers in the server's place: it greets with a process id of its own.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        let backend = self.server.seen().map(|server| server.backend_pid);
        self.is_pooler_console()
            || matches!((self.greeting.key_pid, backend), (Some(key), Some(pid)) if key != pid)
    }

    /// Whether this is the admin console of PgBouncer itself, `1.18.0/bouncer`.
    #[must_use]
    pub fn is_pooler_console(&self) -> bool {
        self.greeting.version.ends_with("/bouncer")
    }
}
