//! Connections: what is needed to look, as typed facts without an opinion.

mod channel;
pub mod dns;
pub mod mysql;
pub mod name;
mod percent;
pub mod pki;
pub mod postgres;
pub mod redis;
pub mod tcp;
pub mod tls;
