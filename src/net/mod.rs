//! Connections: what is needed to look, as typed facts without an opinion.

pub mod alertmanager;
pub mod http;
pub mod name;
pub mod prometheus;
pub mod tcp;
