//! The only place that asks the time.

use std::time::{Duration, Instant};

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

    /// The wall clock, in UTC, as exactly as the machine tells it: for comparing it with another.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock's home")]
    pub fn exact(self) -> Timestamp {
        Timestamp::now()
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

    /// How much processor time this process has used so far, to a hundredth of a second; `None` where
    /// the system does not tell.
    #[must_use]
    pub fn worked(self) -> Option<Duration> {
        // proc(5): `utime` and `stime`, the 14th and 15th field, in hundredths of a second whatever
        // the kernel's own tick. The second field, in brackets, may hold blanks itself.
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace().skip(11).map(str::parse::<u64>);
        let (Some(Ok(user)), Some(Ok(system))) = (fields.next(), fields.next()) else {
            return None;
        };
        Some(Duration::from_millis(10 * (user + system)))
    }

    /// The share of all processors that this process has used since then: 1 is all of them.
    #[must_use]
    pub fn share_since(self, begun: Instant, worked: Option<Duration>) -> Option<f64> {
        let work = self.worked()?.checked_sub(worked?)?.as_secs_f64();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        #[expect(clippy::cast_precision_loss, reason = "no machine has 2^52 processors")]
        let all = begun.elapsed().as_secs_f64() * processors as f64;
        let share = (work / all).clamp(0.0, 1.0);
        share.is_finite().then(|| round_millis(share))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn work_is_counted_and_its_share_is_one_at_most() {
        let (begun, before) = (Clock.tick(), Clock.worked());
        // A hundredth of a second is the least that is counted.
        while Clock.worked() <= before.map(|it| it + Duration::from_millis(30)) {}
        let share = Clock.share_since(begun, before).expect("Linux tells");
        assert!(share > 0.0 && share <= 1.0, "{share}");
        assert_eq!(Clock.share_since(begun, None), None);
    }
}
