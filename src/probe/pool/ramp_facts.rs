//! What a ramp brings back: facts only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::fault::Sight;
use crate::model::latency::Latency;

/// What came of a ramp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ramp {
    /// It was not begun, because it could not be done safely.
    Held(HeldBack),
    /// It ran.
    Ran(Run),
}

/// Why a ramp was not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeldBack {
    /// The role may take slots that are reserved for getting in when all others are taken.
    Privileged,
    /// Something stands before the server that cannot be looked into: its limits are not known.
    Pooled,
    /// More connections than ever before would be open, and that would stay to be seen in the server's
    /// own `Max_used_connections`. This is what it was.
    Mark(u64),
    /// Too little is free.
    NoRoom(Ceiling),
    /// The limits or their use are not known.
    Blind,
    /// The time allowed is over before the first step could be held.
    NoTime,
}

/// A limit that the ramp stays below, the tightest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ceiling {
    /// Whose limit it is.
    pub of: Limited,
    /// The limit.
    pub limit: u32,
    /// How much of it was free before the ramp.
    pub free: u32,
    /// How much of it stays free: a fifth of the limit, and at least ten.
    pub floor: u32,
}

/// What a limit is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Limited {
    /// The server's ordinary slots.
    Server,
    /// The role's own limit.
    Role,
    /// The database's own limit.
    Database,
    /// The server's connections, of which none are reserved.
    Connections,
    /// The account's own limit.
    Account,
    /// The pooler's clients.
    Clients,
    /// The connections of one of the pooler's pools.
    Pool,
}

/// A ramp that ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// The tightest limit before it began.
    pub ceiling: Ceiling,
    /// How many connections were to be added at most.
    pub planned: u32,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// How it ended.
    pub end: End,
    /// The knee: how many were held in the first step whose statements took more than twice as long as
    /// in the first one, at the 95th percentile; absent where there is none.
    pub knee: Option<u32>,
    /// How many of its own sessions the server still had after all were closed.
    pub left: Sight<u32>,
}

/// One step of a ramp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// How many connections were held in all.
    pub held: u32,
    /// Opening the new ones, from the intended start to the first answer.
    pub connect: Option<Latency>,
    /// Statements on the held ones: from when each was due, or from when the probe could send it
    /// where nothing but the probe itself was late.
    pub statement: Option<Latency>,
    /// How late the probe itself was with a statement whose connection was free; not contained in
    /// the times above. A few milliseconds are the timer's; more is a machine with too much to do.
    pub own_delay: Option<Latency>,
    /// The share of all processors of this machine that the probe used itself; absent where the system
    /// does not tell.
    pub own_cpu: Option<f64>,
    /// How many statements and logins failed, by the server's own code; `lost` without one.
    pub errors: BTreeMap<String, u32>,
    /// The words of the first failure.
    pub first_error: Option<String>,
    /// How much of the tightest limit was free at the end of the step.
    pub free: Option<u32>,
}

/// How a ramp ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All planned connections were held.
    Reached,
    /// Others took slots, and the floor came near.
    Floor,
    /// A login or a statement failed.
    Errors,
    /// Statements became too slow.
    Slow,
    /// The time allowed was over.
    Time,
    /// The use of the slots could not be seen any more.
    Blind,
    /// Others waited for a connection meanwhile.
    Waiting,
    /// The number that guards the ramp went above what it may be.
    Guard,
}
