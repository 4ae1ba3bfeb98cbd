//! Progress: what a person sees of a run while it is going on. Listens to events, knows nothing of
//! the engine, and writes only to where it was told to.

mod bar;
mod lines;

pub use bar::Bar;
pub use lines::Lines;

use crate::model::event::Event;
use crate::model::record::{CheckRecord, SkipReason};

/// How many checks of a starting run will be looked at, as far as is known.
fn planned(event: &Event) -> Option<usize> {
    match event {
        Event::RunStarted { steps, .. } => {
            let checks = steps.iter().flat_map(|step| &step.checks);
            Some(checks.filter(|check| check.skipped.is_none()).count())
        }
        Event::CheckStarted { .. }
        | Event::AttemptFailed { .. }
        | Event::ChangeIntended { .. }
        | Event::ChangeEnded { .. }
        | Event::CheckFinished { .. }
        | Event::Stopped { .. }
        | Event::RunFinished { .. } => None,
    }
}

/// Whether a check was left out before the run began, and so was never counted.
fn was_left_out(check: &CheckRecord) -> bool {
    check.skipped.as_ref().is_some_and(|skip| match skip.reason {
        SkipReason::Phase | SkipReason::NotSelected | SkipReason::Shard => true,
        SkipReason::Needs | SkipReason::Halted | SkipReason::FailFast => false,
    })
}
