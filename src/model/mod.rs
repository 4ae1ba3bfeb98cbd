//! The words of the product as types: outcomes, findings, faults, events and the record.
//!
//! Nothing here asks the clock, touches a file or knows another module of this crate.

pub mod code;
pub mod event;
pub mod facts;
pub mod fault;
pub mod finding;
pub mod hash;
pub mod id;
pub mod latency;
pub mod node;
pub mod outcome;
pub mod peer;
pub mod people;
pub mod record;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod schema;
pub mod secret;
pub mod text;
pub mod time;
pub mod vantage;
