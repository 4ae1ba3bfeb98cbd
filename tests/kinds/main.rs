//! Each kind against real servers of the lab, and against liars where no real server will lie.

mod dns;
mod dns_liars;
mod mysql_pool;
mod postgres_pool;
mod redis;
mod support;
mod tls;
mod tls_forge;
mod tls_judge;
mod tls_liars;
mod tls_server;
mod tls_staples;
