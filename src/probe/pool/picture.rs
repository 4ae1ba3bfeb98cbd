//! The picture of a limit: what there is, what is taken, and what will be asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::demand::round_up;
use crate::probe::param::Share;

/// A limit on connections, and the demand on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Picture {
    /// All connections there can be.
    pub limit: u64,
    /// How many of them are not for ordinary clients.
    pub reserved: u64,
    /// How many were in use, but for this look's own.
    pub used: u64,
    /// How many the launch asks for; absent where it is not stated.
    pub demand: Option<u64>,
    /// How many of the ordinary ones the launch must leave free; absent without a demand.
    pub headroom: Option<u64>,
}

impl Picture {
    /// The picture of a limit, with the demand on it where one is stated.
    pub(in crate::probe) fn of(
        (limit, reserved, used): (u64, u64, u64),
        demand: Option<u64>,
        headroom: Share,
    ) -> Self {
        let ordinary = limit.saturating_sub(reserved);
        let headroom = demand.map(|_| round_up(headroom.get(), ordinary).min(ordinary));
        Self { limit, reserved, used, demand, headroom }
    }
}
