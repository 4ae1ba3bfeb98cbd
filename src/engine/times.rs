//! The time of a run's events: the wall clock, unless somebody sets it back.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// The wall clock of one run, which never shows less than what has gone by since the run began: a
/// clock that is set back while a run goes on makes no check end before it began.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunClock {
    started: Timestamp,
    begun: Instant,
}

impl RunClock {
    /// The clock of a run that begins now, as the wall clock showed it.
    pub(super) fn starting(started: Timestamp) -> Self {
        Self { started, begun: Clock.tick() }
    }

    /// The instant for an event.
    pub(super) fn now(self) -> Timestamp {
        let millis = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let least = self.started.checked_add(SignedDuration::from_millis(millis));
        // A run that ends beyond the end of time has only the wall clock.
        least.map_or_else(|_| Clock.now(), |least| least.max(Clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_does_not_take_the_run_with_it() {
        let later = Clock.now() + SignedDuration::from_hours(1);
        let clock = RunClock::starting(later);
        assert!(clock.now() >= later && clock.now() < later + SignedDuration::from_mins(1));
    }

    #[test]
    fn a_clock_that_was_set_forward_is_believed() {
        let clock = RunClock::starting(Clock.now() - SignedDuration::from_hours(1));
        assert!((Clock.now() - clock.now()).total(jiff::Unit::Second).expect("a span") < 60.0);
    }
}
