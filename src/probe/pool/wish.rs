//! The parameters that all checks of pools have, and what can be wrong with them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::demand::Demand;
use super::peak::Guard;
use super::ramp;
use crate::model::peer::Peer;
use crate::model::time::Span;
use crate::probe::Complaint;
use crate::probe::param::Share;

/// A ramp: 1, 2, 4, … connections up to `max_added`, each step held for `hold` while `SELECT 1` runs
/// on them at a steady pace (20 a second, and at least 100 a step), then all given back, the last
/// one first.
///
/// At all times a fifth of each limit, and at least ten slots, stay free: on a server with less to
/// spare the ramp is not begun, and `unknown`. It is also not begun by a role that may take reserved
/// slots. It stops at the first failed login or statement, when others take slots, and when
/// statements become slow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RampWish {
    /// The most connections to add. Default: a tenth of what is free, and at most 10. Where the
    /// limits leave room for fewer, fewer are added, and the finding says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_added: Option<u32>,
    /// How long to hold each step. Default 10s; at least 100ms, at most 10m. It adds to the time the
    /// check may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
    /// The most that `SELECT 1` may take from when it is due, for 99 of a hundred. Without it more
    /// than five times as long as with one connection (and more than 50 ms) is a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_p99: Option<Span>,
    /// Stops the ramp when a number of a Prometheus goes above what it may be, such as the replicas' lag; it
    /// is asked before every handful of connections and about once a second. Where it does not answer the
    /// ramp is cut short as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
}

/// The default of `ramp.hold`.
const DEFAULT_HOLD: Duration = Duration::from_secs(10);
/// The most connections a ramp may be asked for.
const MOST_ADDED: u32 = 1000;

impl RampWish {
    pub(super) fn hold(&self) -> Duration {
        self.hold.map_or(DEFAULT_HOLD, Span::get)
    }

    /// How long the ramp may take at most.
    pub(in crate::probe) fn waits(&self) -> Duration {
        let planned = self.max_added.unwrap_or(ramp::MAX_ADDED);
        let each = |held: u32| self.hold().saturating_add(ramp::margin(held));
        ramp::steps_to(planned).into_iter().map(each).sum()
    }

    /// Whom the ramp asks beside the server.
    pub(in crate::probe) fn peer(&self) -> Option<Peer> {
        let url = &self.guard.as_ref()?.prometheus;
        Some(Peer::new(url.scheme(), url.authority()))
    }

    fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let wrong = self.guard.as_ref().and_then(|guard| {
            if guard.query.trim().is_empty() {
                Some("the guard's `query` is empty")
            } else {
                (!guard.max.is_finite()).then_some("the guard's `max` is no number")
            }
        });
        if let Some(wrong) = wrong {
            let help = "write a query that comes to one number, and the most it may be";
            complaints.push(complaint("ramp", wrong, help));
        }
        if let Some(max) = self.max_added.filter(|max| !(1..=MOST_ADDED).contains(max)) {
            let message = format!("`max_added` is {max}");
            complaints.push(complaint("ramp", message, "write a number from 1 to 1000"));
        }
        let bounds = Duration::from_millis(100)..=Duration::from_mins(10);
        if !bounds.contains(&self.hold()) {
            let message = format!("`hold` is {}", Span::from(self.hold()));
            complaints.push(complaint("ramp", message, "write a time from 100ms to 10m"));
        }
        if self.max_p99 == Some(Span::ZERO) {
            complaints.push(complaint("ramp", "`max_p99` is 0s", "write the time you can bear"));
        }
        complaints
    }
}

fn complaint(key: &'static str, message: impl Into<String>, help: &str) -> Complaint {
    Complaint { key: Some(key), message: message.into(), help: Some(help.to_owned()) }
}

/// The parameters that `postgres_pool` and `mysql_pool` have alike.
pub(in crate::probe) struct Block<'a> {
    pub(in crate::probe) demand: Option<&'a Demand>,
    pub(in crate::probe) headroom: Option<Share>,
    pub(in crate::probe) max_used: Option<Share>,
    pub(in crate::probe) path_idle: Option<Span>,
    pub(in crate::probe) ramp: Option<&'a RampWish>,
}

impl Block<'_> {
    /// What is wrong with them.
    pub(in crate::probe) fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        if self.headroom.is_some() && self.demand.is_none() {
            complaints.push(complaint(
                "headroom",
                "there is no demand to leave headroom",
                "add a `demand`",
            ));
        }
        if self.headroom.is_some_and(|share| share.get() >= 1.0) {
            let message = "a headroom of all connections leaves none";
            complaints.push(complaint("headroom", message, "write a share below 100%"));
        }
        if self.max_used.is_some_and(|share| share.get() <= 0.0) {
            let message = "a used share of 0% can never be met";
            complaints.push(complaint("max_used", message, "write a share above 0%"));
        }
        let kept = |demand: &Demand| demand.idle_for().or(demand.keepalive).is_some();
        if self.path_idle.is_some() && !self.demand.is_some_and(kept) {
            complaints.push(complaint(
                "path_idle",
                "there is nothing to compare it with",
                "say in `demand` how long pools keep idle connections: `idle` or `lifetime`, or \
                 `keepalive`",
            ));
        }
        complaints.extend(self.demand.into_iter().flat_map(Demand::complaints));
        complaints.extend(self.ramp.into_iter().flat_map(RampWish::complaints));
        complaints
    }
}
