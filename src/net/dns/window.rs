//! Congestion control: a server, or the way to it, that drops what is too much gets less.

use std::time::{Duration, Instant};

/// How many questions may be unanswered at once: halved when answers stay away, since the server
/// or the way to it drops what is too much, and grown again by answers.
#[derive(Debug)]
pub(super) struct Window {
    most: usize,
    /// How many may be now.
    pub(super) limit: usize,
    credit: usize,
    cut: Option<Instant>,
}

impl Window {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, limit: most, credit: 0, cut: None }
    }

    pub(super) fn answered(&mut self) {
        self.credit += 1;
        if self.credit >= self.limit {
            self.credit = 0;
            self.limit = (self.limit + 1).min(self.most);
        }
    }

    pub(super) fn missed(&mut self, now: Instant) {
        let rest = Duration::from_millis(250);
        if self.cut.is_none_or(|cut| now.duration_since(cut) > rest) {
            self.limit = (self.limit / 2).max(2).min(self.most);
            self.cut = Some(now);
        }
    }
}
