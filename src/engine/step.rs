//! One step: its checks at the same time, each after what it needs, changes last and one by one.

use std::any::Any;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};

use super::attempt::{Job, News, Outcomes};
use super::{Run, left};
use crate::model::code::engine as codes;
use crate::model::event::Event;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::id::CheckId;
use crate::model::outcome::Outcome;
use crate::model::record::{Change, ChangeState, CheckRecord, SkipReason, Stop};
use crate::model::text::one_line;
use crate::verdict::waive;

/// How much news may wait for the loop.
const NEWS: usize = 1024;

/// The state of one step.
struct StepRun {
    tasks: JoinSet<(usize, Outcomes)>,
    /// Which job a task is.
    names: HashMap<Id, usize>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    /// Not begun yet, in list order.
    waiting: BTreeSet<usize>,
    /// Those of them that may be able to begin now.
    candidates: VecDeque<usize>,
    /// One past the last job of the step.
    end: usize,
    /// Looked at, with a change to be made, in list order.
    changes: Vec<(usize, CheckRecord, String, Value)>,
    /// Changes made; the next look at these is the one that counts.
    verifying: HashMap<usize, Change>,
}

impl Run<'_> {
    /// Runs one step to its end.
    pub(super) async fn step(&mut self, number: usize) {
        let (first, end) = self.steps[number];
        let waiting: BTreeSet<usize> = (first..end).filter(|n| self.jobs[*n].is_open()).collect();
        let mut step = StepRun {
            tasks: JoinSet::new(),
            names: HashMap::new(),
            news: mpsc::channel(NEWS),
            candidates: waiting.iter().copied().collect(),
            waiting,
            end,
            changes: Vec::new(),
            verifying: HashMap::new(),
        };
        loop {
            step.candidates.extend(self.freed.drain(..));
            self.start_ready(&mut step);
            if step.tasks.is_empty() {
                if step.changes.is_empty() {
                    break;
                }
                self.change_next(&mut step).await;
                continue;
            }
            self.wait(&mut step).await;
            if self.stopped.is_some() {
                self.cancel(step).await;
                return;
            }
        }
        // What still waits, waits for itself; validation refuses that.
        for n in step.waiting {
            let job = Arc::clone(&self.jobs[n]);
            self.end_unlooked(&job);
        }
    }

    /// Begins every check whose needs are met, and skips those whose needs cannot be met any more;
    /// looks only at those that one of their needs has freed.
    fn start_ready(&mut self, step: &mut StepRun) {
        while let Some(n) = step.candidates.pop_front() {
            if step.waiting.contains(&n) {
                let job = Arc::clone(&self.jobs[n]);
                match self.readiness(&job, step.end) {
                    Readiness::Ready => {
                        step.waiting.remove(&n);
                        self.start(n, job, step);
                    }
                    Readiness::Wait => {}
                    Readiness::Never(cause) => {
                        step.waiting.remove(&n);
                        self.skip(&job, SkipReason::Needs, Some(cause));
                    }
                }
            }
            step.candidates.extend(self.freed.drain(..));
        }
    }

    fn start(&mut self, n: usize, job: Arc<Job>, step: &mut StepRun) {
        let task = job.look(n, self.limits.clone(), step.news.0.clone());
        let handle = step.tasks.spawn(async move { (n, task.await) });
        step.names.insert(handle.id(), n);
    }

    /// Whether a check of the step that ends before job `end` can begin.
    fn readiness(&self, job: &Job, end: usize) -> Readiness {
        for id in &job.needs {
            let Some(needed) = self.fold.check(id) else { continue };
            if self.places.get(id).is_some_and(|n| *n < end && !self.done[*n]) {
                return Readiness::Wait;
            }
            let met = needed.waived.is_some()
                || match needed.outcome {
                    Outcome::Pass | Outcome::Warn | Outcome::NotApplicable => true,
                    Outcome::Skipped | Outcome::Pending | Outcome::Unknown | Outcome::Fail => false,
                };
            if !met {
                // The root cause is named, not the link of the chain that is nearest.
                let root = needed.skipped.as_ref().and_then(|skip| skip.cause.clone());
                return Readiness::Never(root.unwrap_or_else(|| id.clone()));
            }
        }
        Readiness::Ready
    }

    /// Waits for whatever happens next and records it.
    async fn wait(&mut self, step: &mut StepRun) {
        let deadline = left(self.deadline, self.clock);
        tokio::select! {
            biased;
            Some(news) = step.news.1.recv() => self.note(news),
            Some(ended) = step.tasks.join_next_with_id() => {
                // News of a task comes before its end.
                while let Ok(news) = step.news.1.try_recv() {
                    self.note(news);
                }
                self.ended(ended, step);
            }
            told = stopped(&mut self.stop) => self.stop_now(told),
            () = tokio::time::sleep(deadline), if self.deadline.is_some() => self.stop_now(Stop::Deadline),
        }
    }

    fn note(&mut self, news: News) {
        match news {
            News::Started { job, attempt, at } => {
                let id = self.jobs[job].blank.id.clone();
                self.emit(Event::CheckStarted { id, at, attempt });
            }
            News::Failed { job, mut attempt } => {
                let id = self.jobs[job].blank.id.clone();
                attempt.summary = self.secrets.redact(&attempt.summary);
                attempt.fault = attempt.fault.map(|fault| fault.redacted(&self.secrets));
                self.emit(Event::AttemptFailed { id, attempt });
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, (usize, Outcomes)), JoinError>, step: &mut StepRun) {
        let (id, n, outcomes) = match ended {
            Ok((id, (n, outcomes))) => (id, n, outcomes),
            Err(error) => {
                let id = error.id();
                let Some(n) = step.names.get(&id).copied() else { return };
                let blank = self.jobs[n].blank.clone();
                (id, n, Outcomes { check: buggy(blank, error), proposal: None })
            }
        };
        step.names.remove(&id);
        if let Some(change) = step.verifying.remove(&n) {
            let check = CheckRecord { changes: vec![change], ..outcomes.check };
            return self.concluded(check);
        }
        match outcomes.proposal {
            Some((what, observation)) if self.options.apply => {
                step.changes.push((n, outcomes.check, what, observation));
                step.changes.sort_by_key(|(n, ..)| *n);
            }
            Some((what, _)) => {
                let change = Change { what, state: ChangeState::Proposed, receipt: None };
                self.concluded(CheckRecord { changes: vec![change], ..outcomes.check });
            }
            None => self.concluded(outcomes.check),
        }
    }

    /// Records the end of a check and what it means for the run.
    fn concluded(&mut self, mut check: CheckRecord) {
        waive(&mut check, &self.waivers, self.clock.now());
        let failed = check.outcome == Outcome::Fail && check.blocks();
        self.finished(check);
        if failed && self.options.fail_fast {
            self.stop_now(Stop::FailFast);
        }
    }

    /// Makes the first change that waits, unless a blocker before it failed; then looks again.
    async fn change_next(&mut self, step: &mut StepRun) {
        let (n, check, what, observation) = step.changes.remove(0);
        let what = self.secrets.redact(&one_line(&what));
        let job = Arc::clone(&self.jobs[n]);
        let change = |state, receipt| Change { what: what.clone(), state, receipt };
        if let Some(cause) = self.failed_before(n) {
            let message = format!("not applied, because {cause} failed: {what}");
            let finding = Finding::new(&codes::NOT_APPLIED, check.id.as_str(), message);
            return self.concluded(held_back(check, finding, change(ChangeState::Proposed, None)));
        }
        let id = check.id.clone();
        self.emit(Event::ChangeIntended {
            id: id.clone(),
            change: change(ChangeState::Intended, None),
        });
        // Not cancelled by a stop: a change that was begun is brought to a known end, within its
        // own time limit.
        let applied = Arc::clone(&job).apply(observation).await;
        match applied {
            Ok(receipt) => {
                let receipt = Some(self.secrets.redact(&one_line(&receipt)));
                let change = change(ChangeState::Applied, receipt);
                self.emit(Event::ChangeEnded { id, change: change.clone() });
                step.verifying.insert(n, change);
                self.start(n, job, step);
            }
            Err(fault) => {
                let finding = Finding::fault(id.as_str(), &fault);
                let state = if matches!(fault, Fault::Timeout { .. }) {
                    ChangeState::Intended
                } else {
                    ChangeState::Failed
                };
                let change = change(state, Some(self.secrets.redact(&fault.to_string())));
                self.emit(Event::ChangeEnded { id, change: change.clone() });
                self.concluded(held_back(check, finding, change));
            }
        }
    }

    /// The first blocker before a check, in list order, that failed.
    fn failed_before(&self, n: usize) -> Option<CheckId> {
        let record = self.fold.record()?;
        let mut failed = record
            .checks()
            .take(n)
            .filter(|check| check.outcome == Outcome::Fail && check.blocks());
        failed.next().map(|check| check.id.clone())
    }

    /// Ends a step whose run was stopped: what runs is cancelled, what has an answer keeps it.
    async fn cancel(&mut self, mut step: StepRun) {
        step.tasks.abort_all();
        let mut open: HashSet<usize> = step.waiting.iter().copied().collect();
        while let Some(ended) = step.tasks.join_next_with_id().await {
            match ended {
                Ok(done) => self.ended(Ok(done), &mut step),
                Err(error) => open.extend(step.names.get(&error.id())),
            }
        }
        for (_, check, what, _) in std::mem::take(&mut step.changes) {
            let change = Change { what, state: ChangeState::Proposed, receipt: None };
            self.concluded(CheckRecord { changes: vec![change], ..check });
        }
        let mut open: Vec<usize> = open.into_iter().collect();
        open.sort_unstable();
        for n in open {
            let job = Arc::clone(&self.jobs[n]);
            self.end_unlooked(&job);
        }
    }
}

enum Readiness {
    Ready,
    Wait,
    Never(CheckId),
}

/// Resolves when somebody stops the run; never when nobody can any more.
async fn stopped(stop: &mut tokio::sync::watch::Receiver<Option<Stop>>) -> Stop {
    loop {
        if let Some(stop) = *stop.borrow_and_update() {
            return stop;
        }
        if stop.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A check whose task ended in a way it never should.
fn buggy(blank: CheckRecord, error: JoinError) -> CheckRecord {
    let message = match error.try_into_panic() {
        Ok(panic) => panic_text(panic.as_ref()),
        Err(error) => error.to_string(),
    };
    let fault = Fault::Bug { message: one_line(&message) };
    let finding = Finding::fault(blank.id.as_str(), &fault);
    CheckRecord {
        outcome: finding.outcome,
        summary: finding.message.clone(),
        findings: vec![finding],
        ..blank
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

/// A check whose change was not made.
fn held_back(check: CheckRecord, finding: Finding, change: Change) -> CheckRecord {
    let mut findings = check.findings;
    findings.push(finding.clone());
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.outcome));
    CheckRecord {
        outcome: check.outcome.max(finding.outcome),
        summary: finding.message,
        findings,
        changes: vec![change],
        ..check
    }
}
