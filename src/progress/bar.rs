//! A bar and the checks under way, redrawn in place on a terminal; nothing at all elsewhere.

use std::collections::HashSet;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::model::event::{Event, Sink};
use crate::model::id::CheckId;
use crate::model::outcome::Outcome;
use crate::model::record::CheckRecord;

use super::{planned, was_left_out};

/// Checks under way that are shown; with more the bar says how many.
const SHOWN: usize = 6;
/// How often what is shown moves on.
const TICK: Duration = Duration::from_millis(120);

/// A progress bar. Draws nothing where its target is not a terminal.
#[derive(Debug)]
pub struct Bar {
    all: MultiProgress,
    overall: ProgressBar,
    running: Vec<Running>,
    /// The checks that were finished; more may be said of one later.
    done: HashSet<CheckId>,
    /// Outcomes worth a word while the run goes on.
    failed: usize,
    unknown: usize,
}

/// A check under way; only some have a line.
#[derive(Debug)]
struct Running {
    id: CheckId,
    attempt: usize,
    line: Option<ProgressBar>,
}

impl Bar {
    /// A bar on the standard error, hidden unless that is a terminal.
    #[must_use]
    pub fn stderr() -> Self {
        Self::new(ProgressDrawTarget::stderr())
    }

    /// A bar on any target.
    #[must_use]
    pub fn new(target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let overall = all.add(ProgressBar::new(0).with_style(bar_style()));
        let (running, done) = (Vec::new(), HashSet::new());
        Self { all, overall, running, done, failed: 0, unknown: 0 }
    }

    /// Whether nothing is drawn because the target is no terminal.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.all.is_hidden()
    }

    fn started(&mut self, id: &CheckId, attempt: usize) {
        if let Some(known) = self.running.iter_mut().find(|known| known.id == *id) {
            known.attempt = attempt;
            if let Some(line) = &known.line {
                line.set_message(label(id, attempt));
            }
            return;
        }
        self.running.push(Running { id: id.clone(), attempt, line: None });
        self.fill();
    }

    fn finished(&mut self, check: &CheckRecord) {
        if let Some(n) = self.running.iter().position(|known| known.id == check.id) {
            if let Some(line) = self.running.remove(n).line {
                line.finish_and_clear();
                self.all.remove(&line);
            }
            self.fill();
        }
        if was_left_out(check) || !self.done.insert(check.id.clone()) {
            return;
        }
        match check.outcome {
            Outcome::Fail => self.failed += 1,
            Outcome::Unknown => self.unknown += 1,
            Outcome::Skipped
            | Outcome::NotApplicable
            | Outcome::Pass
            | Outcome::Warn
            | Outcome::Pending => {}
        }
        self.overall.inc(1);
        self.say();
    }

    /// Gives free lines to checks under way, the oldest first.
    fn fill(&mut self) {
        let mut free =
            SHOWN.saturating_sub(self.running.iter().filter(|r| r.line.is_some()).count());
        for running in &mut self.running {
            if free == 0 {
                break;
            }
            if running.line.is_none() {
                free -= 1;
                let line = self.all.add(ProgressBar::new_spinner().with_style(line_style()));
                line.set_message(label(&running.id, running.attempt));
                line.enable_steady_tick(TICK);
                running.line = Some(line);
            }
        }
        self.say();
    }

    fn say(&self) {
        let hidden = self.running.iter().filter(|running| running.line.is_none()).count();
        let parts =
            [(self.failed, "failed"), (self.unknown, "unknown"), (hidden, "more under way")];
        let said: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        self.overall.set_message(said.join(", "));
    }

    fn end(&mut self) {
        for running in self.running.drain(..) {
            if let Some(line) = running.line {
                line.finish_and_clear();
            }
        }
        self.overall.finish_and_clear();
    }
}

impl Drop for Bar {
    /// A run that ends without its last event leaves no bar behind.
    fn drop(&mut self) {
        self.end();
    }
}

impl Sink for Bar {
    fn event(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::RunStarted { .. } => {
                let total = planned(event).unwrap_or_default();
                self.overall.set_length(u64::try_from(total).unwrap_or(u64::MAX));
                self.overall.tick();
            }
            Event::CheckStarted { id, attempt, .. } => self.started(id, *attempt),
            Event::CheckFinished { check } => self.finished(check),
            Event::Stopped { .. } => self.overall.set_prefix("stopping "),
            Event::RunFinished { .. } => self.end(),
            Event::AttemptFailed { .. }
            | Event::ChangeIntended { .. }
            | Event::ChangeEnded { .. } => {}
        }
        Ok(())
    }
}

fn label(id: &CheckId, attempt: usize) -> String {
    if attempt > 1 { format!("{id} (try {attempt})") } else { id.to_string() }
}

fn bar_style() -> ProgressStyle {
    style("{prefix}{pos}/{len} [{bar:30}] {elapsed} {wide_msg}").progress_chars("=> ")
}

fn line_style() -> ProgressStyle {
    style("  {spinner} {wide_msg} {elapsed:>4}")
}

fn style(template: &'static str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant and well formed")
}
