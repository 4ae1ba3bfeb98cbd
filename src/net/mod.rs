//! Connections: what is needed to look, as typed facts without an opinion.

pub mod name;
pub mod pki;
pub mod tcp;
pub mod tls;
pub mod tls_resume;
pub mod tls_upgrade;
