//! Connections: what is needed to look, as typed facts without an opinion.

pub mod name;
pub mod postgres;
pub mod tcp;
