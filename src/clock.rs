//! The only place that asks the time.

use std::time::Instant;

use jiff::{Timestamp, Zoned};

/// The clock of a run: wall time for records and verdicts, monotonic time for durations.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// The wall clock, in UTC, to the millisecond: what a person can use of it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock's home")]
    pub fn now(self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// The wall clock in the machine's own zone.
    #[must_use]
    pub fn local(self) -> Zoned {
        self.now().to_zoned(jiff::tz::TimeZone::system())
    }

    /// The monotonic clock: for durations only, never shown.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock's home")]
    pub fn tick(self) -> Instant {
        Instant::now()
    }
}

/// Milliseconds since a tick, for records.
#[must_use]
pub fn millis_since(tick: Instant) -> f64 {
    round_millis(tick.elapsed().as_secs_f64() * 1000.0)
}

/// Milliseconds with three decimals: what a clock can tell, without the noise of a float.
#[must_use]
pub fn round_millis(millis: f64) -> f64 {
    (millis * 1000.0).round() / 1000.0
}
