//! Events: what happened, in the order it happened. Folding them gives the record.

use std::collections::HashMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::engine::INTERRUPTED;
use super::id::CheckId;
use super::outcome::{Decision, Outcome};
use super::record::{
    Attempt, Change, CheckRecord, Counts, Header, RunRecord, SkipReason, StepRecord, Stop, Verdict,
};

/// One line of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "events are made one at a time and not stored")]
pub enum Event {
    /// The run began. Carries every check as it is before it was looked at: those that will not be
    /// looked at as skipped, the others as unknown, so that a log without an end is never green.
    RunStarted {
        /// What the run is about to do.
        header: Header,
        /// All steps and checks of the list.
        steps: Vec<StepRecord>,
    },
    /// A try of a check began.
    CheckStarted {
        /// Which check.
        id: CheckId,
        /// When.
        #[schemars(with = "String", extend("format" = "date-time"))]
        at: Timestamp,
        /// Which try, from 1.
        attempt: usize,
    },
    /// A try ended and another will follow.
    AttemptFailed {
        /// Which check.
        id: CheckId,
        /// How the try ended.
        attempt: Attempt,
    },
    /// A change is about to be made; written and flushed before anything is sent.
    ChangeIntended {
        /// Which check.
        id: CheckId,
        /// What is about to be made.
        change: Change,
    },
    /// A change was made, or is known not to have been.
    ChangeEnded {
        /// Which check.
        id: CheckId,
        /// What came of it.
        change: Change,
    },
    /// A check is done, whether it was looked at or skipped. It may come again at the end, with what is
    /// only known then; the last one holds.
    CheckFinished {
        /// The whole check.
        check: Box<CheckRecord>,
    },
    /// The run was told to stop early.
    Stopped {
        /// By what.
        stop: Stop,
        /// When.
        #[schemars(with = "String", extend("format" = "date-time"))]
        at: Timestamp,
    },
    /// The run is over.
    RunFinished {
        /// When.
        #[schemars(with = "String", extend("format" = "date-time"))]
        at: Timestamp,
        /// What was decided.
        verdict: Verdict,
    },
}

/// Who listens to a run: a progress bar, an event log. Told of every event in the order it happened.
pub trait Sink: Send {
    /// Takes note of one event, before the next thing happens.
    ///
    /// # Errors
    /// One line for the person running it. The sink is not told of anything more, and the run goes
    /// on: a listener never changes a verdict.
    fn event(&mut self, event: &Event) -> Result<(), String>;

    /// Whether an intended change that it has taken note of is on a disk by then, so that a run that is
    /// killed leaves word of it. No change is made without such a listener.
    fn is_durable(&self) -> bool {
        false
    }
}

/// The fold: events in, record out.
#[derive(Debug, Default)]
pub struct Fold {
    record: Option<RunRecord>,
    /// Where each check stands: step and place in it.
    places: HashMap<CheckId, (usize, usize)>,
}

impl Fold {
    /// Takes one event. Events before the run's start, or about checks the run does not have, say
    /// nothing about this run and change nothing.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::RunStarted { header, steps } => self.start(header, steps),
            Event::CheckStarted { .. } => {}
            Event::AttemptFailed { id, attempt } => {
                if let Some(check) = self.find(&id) {
                    check.attempts.push(attempt);
                }
            }
            Event::ChangeIntended { id, change } | Event::ChangeEnded { id, change } => {
                if let Some(check) = self.find(&id) {
                    check.changes.retain(|known| known.what != change.what);
                    check.changes.push(change);
                }
            }
            Event::CheckFinished { check } => {
                let after = check.outcome;
                if let Some(known) = self.find(&check.id) {
                    let before = std::mem::replace(known, *check).outcome;
                    if let Some(record) = &mut self.record {
                        record.counts.moved(before, after);
                    }
                }
            }
            Event::Stopped { stop, .. } => {
                if let Some(record) = &mut self.record {
                    record.stopped = Some(stop);
                }
            }
            Event::RunFinished { at, verdict } => {
                if let Some(record) = &mut self.record {
                    record.finished = Some(at);
                    record.verdict = verdict;
                }
            }
        }
    }

    /// The record so far; absent before the run's start was seen.
    #[must_use]
    pub fn record(&self) -> Option<&RunRecord> {
        self.record.as_ref()
    }

    /// A check as it is so far.
    #[must_use]
    pub fn check(&self, id: &CheckId) -> Option<&CheckRecord> {
        let (step, check) = *self.places.get(id)?;
        self.record.as_ref()?.steps.get(step)?.checks.get(check)
    }

    /// The record at the end.
    #[must_use]
    pub fn into_record(self) -> Option<RunRecord> {
        self.record
    }

    fn start(&mut self, header: Header, steps: Vec<StepRecord>) {
        self.places.clear();
        for (s, step) in steps.iter().enumerate() {
            for (c, check) in step.checks.iter().enumerate() {
                self.places.insert(check.id.clone(), (s, c));
            }
        }
        let mut record = RunRecord {
            header,
            finished: None,
            stopped: None,
            steps,
            counts: Counts::default(),
            verdict: Verdict { decision: Decision::NothingRan, because: Vec::new() },
        };
        record.counts = record.count();
        self.record = Some(record);
    }

    fn find(&mut self, id: &CheckId) -> Option<&mut CheckRecord> {
        let (step, check) = *self.places.get(id)?;
        self.record.as_mut()?.steps.get_mut(step)?.checks.get_mut(check)
    }
}

/// Whether a check was left out before the run began, so that the run's start says all there is of it.
#[must_use]
pub fn was_left_out(check: &CheckRecord) -> bool {
    check.skipped.as_ref().is_some_and(|skip| match skip.reason {
        SkipReason::Phase | SkipReason::NotSelected | SkipReason::Shard => true,
        SkipReason::Needs | SkipReason::Halted | SkipReason::FailFast => false,
    })
}

/// The steps of a record as they were when its run began.
pub(crate) fn at_the_start(record: &RunRecord) -> Vec<StepRecord> {
    let blank = |check: &CheckRecord| {
        if was_left_out(check) { check.clone() } else { before_a_look(check) }
    };
    let blanks = |step: &StepRecord| StepRecord {
        name: step.name.clone(),
        checks: step.checks.iter().map(blank).collect(),
    };
    record.steps.iter().map(blanks).collect()
}

/// A check before it was looked at: unknown, so that a log without an end is never green.
fn before_a_look(check: &CheckRecord) -> CheckRecord {
    CheckRecord {
        id: check.id.clone(),
        kind: check.kind.clone(),
        title: check.title.clone(),
        severity: check.severity,
        outcome: Outcome::Unknown,
        summary: INTERRUPTED.summary.to_owned(),
        owner: check.owner.clone(),
        runbook: check.runbook.clone(),
        tags: check.tags.clone(),
        parameters: check.parameters.clone(),
        findings: Vec::new(),
        observation: None,
        attempts: Vec::new(),
        started: None,
        duration_ms: 0.0,
        skipped: None,
        waived: None,
        changes: Vec::new(),
        reproduce: check.reproduce.clone(),
        source: check.source.clone(),
        quorum: check.quorum,
        expect: check.expect.clone(),
        sightings: Vec::new(),
    }
}

/// The events a finished record stands for, in the shape of its run's log; folding them gives the
/// record again.
#[must_use]
pub fn unfold(record: &RunRecord) -> Vec<Event> {
    let steps = at_the_start(record);
    let mut events = vec![Event::RunStarted { header: record.header.clone(), steps }];
    for check in record.checks().filter(|check| !was_left_out(check)) {
        events.push(Event::CheckFinished { check: Box::new(check.clone()) });
    }
    if let Some(stop) = record.stopped {
        let at = record.finished.unwrap_or(record.header.started);
        events.push(Event::Stopped { stop, at });
    }
    if let Some(at) = record.finished {
        events.push(Event::RunFinished { at, verdict: record.verdict.clone() });
    }
    events
}
