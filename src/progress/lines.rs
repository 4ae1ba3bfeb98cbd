//! One plain line for each finished check: for logs and for terminals that cannot move their cursor.

use std::collections::HashSet;
use std::io::{self, Write};
use std::time::Duration;

use crate::model::event::{Event, Sink};
use crate::model::id::CheckId;
use crate::model::record::{ChangeState, CheckRecord};
use crate::model::text::one_line;
use crate::model::time::humane;

use super::{planned, was_left_out};

/// Writes one line for each finished check, flushed as it happens.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    total: usize,
    /// The checks that were finished; more may be said of one later.
    done: HashSet<CheckId>,
    failure: Option<io::Error>,
}

impl<W: Write + Send> Lines<W> {
    /// Lines to `out`.
    pub fn new(out: W) -> Self {
        Self { out, total: 0, done: HashSet::new(), failure: None }
    }

    /// Where the lines went.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write(&mut self, line: &str) {
        if self.failure.is_some() {
            return;
        }
        let written = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        self.failure = written.err();
    }

    fn finished(&mut self, check: &CheckRecord) {
        if was_left_out(check) {
            return;
        }
        self.done.insert(check.id.clone());
        self.total = self.total.max(self.done.len());
        let digits = self.total.to_string().len();
        let word = check.outcome.as_str().to_uppercase();
        let said = check.skipped.as_ref().map_or(&check.summary, |skip| &skip.text);
        let tries = match check.attempts.len() {
            0 | 1 => String::new(),
            n => format!(", try {n}"),
        };
        let took = Duration::from_secs_f64((check.duration_ms / 1000.0).clamp(0.0, 1e9));
        let line = format!(
            "[{:>digits$}/{}] {word:<14} {}  {} ({}{tries})",
            self.done.len(),
            self.total,
            check.id,
            one_line(said),
            humane(took),
        );
        self.write(&line);
    }
}

impl<W: Write + Send> Sink for Lines<W> {
    fn event(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::RunStarted { .. } => self.total = planned(event).unwrap_or_default(),
            Event::AttemptFailed { id, attempt } => {
                let said = one_line(&attempt.summary);
                self.write(&format!("{id}: {} ({said}), trying again", attempt.outcome));
            }
            Event::ChangeEnded { id, change } => {
                let ended = match change.state {
                    ChangeState::Applied => "changed",
                    ChangeState::Failed => "not changed",
                    ChangeState::Intended => "not known to be changed",
                    ChangeState::Proposed => return Ok(()),
                };
                self.write(&format!("{id}: {ended}: {}", one_line(&change.what)));
            }
            Event::CheckFinished { check } => self.finished(check),
            Event::Stopped { .. } => self.write("stopping; no other check is begun"),
            Event::CheckStarted { .. }
            | Event::ChangeIntended { .. }
            | Event::RunFinished { .. } => {}
        }
        match self.failure.take() {
            Some(error) => Err(format!("no more progress is shown: {error}")),
            None => Ok(()),
        }
    }
}
