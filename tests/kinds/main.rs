//! Each kind against real servers of the lab, and against liars where no real server will lie.

mod alert_route;
mod alert_rules;
mod dns;
mod dns_liars;
mod dns_regions;
mod dns_signed;
mod http;
mod postgres_pool;
mod silence;
mod silence_access;
mod silence_cluster;
mod silence_crash;
mod silence_fleet;
mod silence_ha;
mod silence_many;
mod silence_matching;
mod support;
mod tls;
mod tls_forge;
mod tls_judge;
mod tls_liars;
mod tls_mutants;
mod tls_revocation;
mod tls_server;
mod tls_staples;
mod tls_starttls;
