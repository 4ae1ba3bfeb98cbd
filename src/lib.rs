//! gonogo: one YAML checklist in, one verdict out, with the evidence behind it.

pub mod checklist;
pub mod cli;
pub mod clock;
pub mod engine;
pub mod history;
pub mod model;
pub mod net;
pub mod plan;
pub mod probe;
pub mod progress;
pub mod report;
pub mod verdict;
