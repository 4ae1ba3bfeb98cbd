//! Pauses of the whole process: a closed lid, a frozen container, SIGSTOP. Time goes by and nobody
//! looks, so that an answer which came in time seems late.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// How often the process shows that it runs.
const BEAT: Duration = Duration::from_millis(100);
/// From how much silence on it has been paused.
const PAUSE: Duration = Duration::from_secs(1);

/// Notices pauses, as long as its [`beat`](Pauses::beat) is polled.
#[derive(Debug)]
pub(super) struct Pauses {
    begun: Instant,
    /// Milliseconds from the beginning to the last beat; none without a beat.
    last: AtomicU64,
    /// How many pauses there were.
    count: AtomicU64,
}

impl Pauses {
    pub(super) fn new() -> Self {
        Self { begun: Clock.tick(), last: AtomicU64::new(u64::MAX), count: AtomicU64::new(0) }
    }

    /// Beats for ever.
    pub(super) async fn beat(&self) {
        loop {
            self.note();
            tokio::time::sleep(BEAT).await;
        }
    }

    /// How many pauses there were up to now.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed) + u64::from(self.silence() > PAUSE)
    }

    fn note(&self) {
        if self.silence() > PAUSE {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        self.last.store(self.now(), Ordering::Relaxed);
    }

    /// How long there was no beat.
    fn silence(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.last.load(Ordering::Relaxed)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_noticed_before_and_after_the_next_beat() {
        let begun = Clock.tick().checked_sub(Duration::from_secs(9)).expect("a longer uptime");
        let pauses = Pauses { begun, ..Pauses::new() };
        assert_eq!(pauses.count(), 0, "nobody beats yet");
        pauses.last.store(8_900, Ordering::Relaxed);
        assert_eq!(pauses.count(), 0);
        pauses.last.store(7_000, Ordering::Relaxed);
        assert_eq!(pauses.count(), 1, "the beat is late");
        pauses.note();
        assert_eq!(pauses.count(), 1, "it was late");
    }
}
