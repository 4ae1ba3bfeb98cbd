//! One step: its checks at the same time, each after what it needs, changes last.

use std::any::Any;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior};

use super::attempt::{Job, News, Outcomes};
use super::change::{Changes, Proposed};
use super::{Run, come};
use crate::clock::Clock;
use crate::model::event::Event;
use crate::model::facts::Facts;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::id::CheckId;
use crate::model::outcome::Outcome;
use crate::model::record::{Change, ChangeState, CheckRecord, SkipReason, Stop};
use crate::model::text::one_line;
use crate::verdict::{fails, waive};

/// How much news may wait for the loop.
const NEWS: usize = 1024;

/// How often the loop looks for checks that outlive their time.
const PULSE: Duration = Duration::from_secs(1);

/// How long a check that was cancelled may take to let go. Then the run ends without it.
const GRACE: Duration = Duration::from_millis(400);

/// The state of one step.
pub(super) struct StepRun {
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
    pub(super) changes: Changes,
    /// Changes made; the next look at these is the one that counts.
    pub(super) verifying: HashMap<usize, Change>,
    /// When the try or the change of each check that has begun one has to be over.
    pub(super) due: HashMap<usize, std::time::Instant>,
    /// Checks that were overdue at the last pulse.
    late: HashSet<usize>,
    pub(super) pulse: Interval,
}

impl StepRun {
    fn new(waiting: BTreeSet<usize>, end: usize) -> Self {
        let mut pulse = tokio::time::interval(PULSE);
        // After a pause of the whole process, tasks get their turn before they are called late.
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            tasks: JoinSet::new(),
            names: HashMap::new(),
            news: mpsc::channel(NEWS),
            candidates: waiting.iter().copied().collect(),
            waiting,
            end,
            changes: Changes::default(),
            verifying: HashMap::new(),
            due: HashMap::new(),
            late: HashSet::new(),
            pulse,
        }
    }

    /// Whether anything goes on that will end by itself.
    pub(super) fn is_busy(&self) -> bool {
        !self.names.is_empty() || self.changes.are_under_way()
    }

    /// Whether a check before this one waits, for a change perhaps, so that it may yet fail.
    pub(super) fn waits_before(&self, n: usize) -> bool {
        self.waiting.first().is_some_and(|first| *first < n)
    }

    /// Whether a check is looked at that has not had its answer yet; the look after a change is not
    /// meant.
    pub(super) fn is_looking(&self) -> bool {
        self.names.values().any(|n| !self.verifying.contains_key(n))
    }
}

impl Run<'_> {
    /// Runs one step to its end.
    pub(super) async fn step(&mut self, number: usize) {
        let (first, end) = self.steps[number];
        let waiting: BTreeSet<usize> = (first..end).filter(|n| self.jobs[*n].is_open()).collect();
        let mut step = StepRun::new(waiting, end);
        loop {
            self.heed();
            if self.stopped.is_some() {
                self.end_changes(&mut step).await;
                self.cancel(step).await;
                return;
            }
            step.candidates.extend(self.freed.drain(..));
            self.start_ready(&mut step);
            self.begin_changes(&mut step);
            if step.is_busy() {
                self.wait(&mut step).await;
            } else if self.freed.is_empty() && step.changes.is_empty() {
                break;
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
                        self.start(n, job, None, step);
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

    pub(super) fn start(
        &mut self,
        n: usize,
        job: Arc<Job>,
        made: Option<Arc<Facts>>,
        step: &mut StepRun,
    ) {
        let task = job.look(n, made, self.limits.clone(), step.news.0.clone());
        let handle = self.spawn(&mut step.tasks, async move { (n, task.await) });
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
        tokio::select! {
            biased;
            Some(news) = step.news.1.recv() => self.note(news, &mut step.due),
            Some(ended) = step.tasks.join_next_with_id() => {
                // News of a task comes before its end.
                while let Ok(news) = step.news.1.try_recv() {
                    self.note(news, &mut step.due);
                }
                self.ended(ended, step);
            }
            Some(ended) = step.changes.next() => self.change_ended(ended, step),
            told = stopped(&mut self.stop) => self.stop_now(told),
            () = come(self.deadline) => self.stop_now(Stop::Deadline),
            _ = step.pulse.tick() => self.give_up_late(step),
        }
    }

    /// Ends the checks and changes that were overdue a pulse ago and still are. Their own limit did
    /// not end them, so they keep a thread for themselves; nothing waits for them any more.
    pub(super) fn give_up_late(&mut self, step: &mut StepRun) {
        let now = Clock.tick();
        let overdue = |(n, due): (&usize, &std::time::Instant)| (*due <= now).then_some(*n);
        let late: HashSet<usize> = step.due.iter().filter_map(overdue).collect();
        for n in late.intersection(&step.late) {
            step.due.remove(n);
            let job = &self.jobs[*n];
            let limit = crate::model::time::Span::from(job.allowance);
            let message = format!("the probe did not come back within {limit}, and goes on");
            let fault = Fault::Bug { message };
            if let Some(making) = step.changes.give_up(*n) {
                self.change_failed(making, &fault);
                continue;
            }
            step.names.retain(|_, running| running != n);
            self.limits.make_up(&job.peers);
            let check = faulty(self.known(job), &fault);
            let changes = step.verifying.remove(n).into_iter().collect();
            self.concluded(CheckRecord { changes, ..check });
        }
        step.late = late;
    }

    fn note(&mut self, news: News, due: &mut HashMap<usize, std::time::Instant>) {
        match news {
            News::Started { job, attempt, at } => {
                due.insert(job, Clock.tick() + self.jobs[job].allowance);
                let id = self.jobs[job].blank.id.clone();
                self.emit(Event::CheckStarted { id, at, attempt });
            }
            News::Failed { job, mut attempt } => {
                // Until the next try it waits for nobody.
                due.remove(&job);
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
                let check = faulty(self.known(&self.jobs[n]), &broken(error));
                (id, n, Outcomes { check, proposal: None })
            }
        };
        step.due.remove(&n);
        if step.names.remove(&id).is_none() {
            // Given up on, and recorded as that.
            return;
        }
        if let Some(change) = step.verifying.remove(&n) {
            let check = CheckRecord { changes: vec![change], ..outcomes.check };
            return self.concluded(check);
        }
        match outcomes.proposal {
            Some((what, observation)) if self.options.apply => {
                step.changes.wait(n, Proposed { check: outcomes.check, what, observation });
            }
            Some((what, _)) => {
                let change = Change { what, state: ChangeState::Proposed, receipt: None };
                self.concluded(CheckRecord { changes: vec![change], ..outcomes.check });
            }
            None => self.concluded(outcomes.check),
        }
    }

    /// Records the end of a check and what it means for the run.
    pub(super) fn concluded(&mut self, mut check: CheckRecord) {
        let strict = self.is_strict();
        let done = waive(&mut check, &self.waivers, self.clock.now(), strict);
        self.waivers_done.extend(done);
        let failed = fails(&check, strict);
        self.finished(check);
        if failed && self.options.fail_fast {
            self.stop_now(Stop::FailFast);
        }
    }

    /// Ends a step whose run was stopped: what runs is cancelled, what has an answer keeps it.
    async fn cancel(&mut self, mut step: StepRun) {
        step.tasks.abort_all();
        let mut open: HashSet<usize> = step.waiting.iter().copied().collect();
        let patience = Some(Clock.tick() + GRACE);
        loop {
            let ended = tokio::select! {
                ended = step.tasks.join_next_with_id() => ended,
                () = come(patience) => None,
            };
            match ended {
                Some(Ok(done)) => self.ended(Ok(done), &mut step),
                Some(Err(error)) => open.extend(step.names.get(&error.id())),
                None => break,
            }
        }
        // What does not let go is left behind.
        open.extend(step.names.values());
        for Proposed { check, what, .. } in step.changes.leave() {
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

/// A task that ended in a way it never should.
pub(super) fn broken(error: JoinError) -> Fault {
    let message = match error.try_into_panic() {
        Ok(panic) => panic_text(panic.as_ref()),
        Err(error) => error.to_string(),
    };
    Fault::Bug { message: one_line(&message) }
}

/// A check of which nothing was learnt, with what is known of it so far.
fn faulty(known: CheckRecord, fault: &Fault) -> CheckRecord {
    let finding = Finding::fault(known.id.as_str(), fault);
    CheckRecord {
        outcome: finding.outcome,
        summary: finding.message.clone(),
        findings: vec![finding],
        ..known
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}
