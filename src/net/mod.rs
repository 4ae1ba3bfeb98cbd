//! Connections: what is needed to look, as typed facts without an opinion.

pub mod acme;
pub mod alertmanager;
pub mod ari;
mod channel;
pub mod date;
pub mod dns;
pub mod http;
pub mod mysql;
pub mod name;
pub mod ntp;
mod percent;
pub mod pki;
pub mod postgres;
pub mod prometheus;
pub mod redis;
pub mod refusal;
pub mod tcp;
pub mod tls;
pub mod tls_hello;
mod tls_proof;
pub mod tls_resume;
pub mod tls_upgrade;
mod trust;
