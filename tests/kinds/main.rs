//! Each kind against real servers of the lab, and against liars where no real server will lie.

mod http;
mod silence;
mod silence_cluster;
mod silence_ha;
mod support;
