//! gonogo: one YAML checklist in, one verdict out, with the evidence behind it.

pub mod checklist;
pub mod clock;
pub mod model;
pub mod net;
pub mod probe;
pub mod progress;
pub mod report;
