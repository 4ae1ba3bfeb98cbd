//! Each kind against real servers of the lab, and against liars where no real server will lie.

mod acme;
mod cert_file;
mod dns;
mod dns_liars;
mod dns_regions;
mod dns_signed;
mod dns_zones;
mod http;
mod postgres_pool;
mod redis;
mod silence;
mod silence_cluster;
mod silence_ha;
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
