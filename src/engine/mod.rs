//! The engine: one loop that runs a plan step by step, and is the only writer of the record.
//!
//! Checks are tasks on the loop's own `JoinSet`; they look, and report what happened. The loop turns
//! their reports into events, hands every event to the sinks, and folds them into the record.

mod attempt;
mod change;
mod limits;
mod pause;
mod step;
mod times;
mod undo;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::checklist::HaltOn;
use crate::clock::Clock;
use crate::model::code::engine as codes;
use crate::model::event::{Event, Fold, Sink};
use crate::model::finding::Finding;
use crate::model::id::CheckId;
use crate::model::outcome::Outcome;
use crate::model::record::{
    CheckRecord, Header, RunRecord, Skip, SkipReason, StepRecord, Stop, Waiver,
};
use crate::model::secret::Secrets;
use crate::model::time::Span;
use crate::plan::Plan;
use crate::probe::JudgeCx;
use crate::probe::Services;
use crate::verdict::{add_unused, decide, fails, unused};

/// How long one try of a check may take when neither the list nor the command line says.
pub const DEFAULT_TIMEOUT: Span = Span::from_secs(10);
/// How many checks run at the same time when the command line does not say.
pub const DEFAULT_JOBS: usize = 32;
/// How many checks talk to one peer at the same time.
pub const PER_PEER: usize = 4;

/// How a plan is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many checks run at the same time.
    pub jobs: usize,
    /// What no try may take longer than, and how long one may take where the list says nothing.
    pub timeout: Option<Span>,
    /// How long the whole run may take.
    pub deadline: Option<Span>,
    /// Whether checks may make their proposed changes.
    pub apply: bool,
    /// Whether `command` checks may run programs.
    pub allow_exec: bool,
    /// Whether the run ends with the first blocker that fails.
    pub fail_fast: bool,
    /// Where checks run; where the loop runs, without one. With a runtime of their own, a check that
    /// never gives its thread back cannot keep the loop from its deadline.
    pub workers: Option<tokio::runtime::Handle>,
    /// The password file of PostgreSQL's clients, as the user has it.
    pub passfile: Option<PathBuf>,
    /// What the environment says of connection services of PostgreSQL's clients.
    pub services: Services,
    /// Why no sink keeps what happens on a disk, where none does. Then no change is made.
    pub unrecorded: Option<String>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    /// The record.
    pub record: RunRecord,
    /// What went wrong with sinks; it never changes the verdict.
    pub warnings: Vec<String>,
}

/// Runs a plan to its end, or to whatever `stop` or the deadline make its end.
pub async fn run(
    plan: &Plan<'_>,
    header: Header,
    options: Options,
    sinks: Vec<Box<dyn Sink + '_>>,
    stop: watch::Receiver<Option<Stop>>,
) -> Ran {
    let mut run = Run::new(plan, header, options, sinks, stop);
    run.begin();
    let mut beat = JoinSet::new();
    let pauses = Arc::clone(&run.pauses);
    run.spawn(&mut beat, async move { pauses.beat().await });
    let mut halted: Option<CheckId> = None;
    for (number, step) in plan.checklist.steps.iter().enumerate() {
        if let Some(cause) = &halted {
            run.skip_rest(number, SkipReason::Halted, cause);
        } else if run.stopped.is_some() {
            run.end_rest(number);
        } else {
            run.step(number).await;
            halted = step.halt_on.and_then(|halt_on| run.halts(halt_on));
        }
    }
    run.say_unused();
    run.undo().await;
    run.finish()
}

/// The record of a run that has not been: every check as it is before it is looked at.
///
/// # Panics
/// Never: a run begins with its start.
#[must_use]
pub fn blank(plan: &Plan<'_>, header: Header) -> RunRecord {
    let options = Options {
        jobs: 1,
        timeout: None,
        deadline: None,
        apply: false,
        allow_exec: false,
        fail_fast: false,
        workers: None,
        passfile: None,
        services: Services::default(),
        unrecorded: None,
    };
    let run = Run::new(plan, header, options, Vec::new(), watch::channel(None).1);
    run.fold.into_record().expect("a run begins with its start")
}

/// The state of a run; owned by the loop alone.
struct Run<'a> {
    /// Every check of the list, in its order.
    jobs: Arc<[Arc<attempt::Job>]>,
    /// Index of the first job of each step, and one past the last.
    steps: Vec<(usize, usize)>,
    places: HashMap<CheckId, usize>,
    /// The jobs that need each job.
    dependants: Vec<Vec<usize>>,
    /// Whether each job has its record.
    done: Vec<bool>,
    /// Jobs that need one which has been done since somebody looked.
    freed: Vec<usize>,
    fold: Fold,
    sinks: Vec<Box<dyn Sink + 'a>>,
    warnings: Vec<String>,
    /// Why what happens is not kept on a disk, where it is not.
    unrecorded: Option<String>,
    secrets: Secrets,
    waivers: Vec<Waiver>,
    /// The numbers of the waivers that cover something, or have run out.
    waivers_done: BTreeSet<usize>,
    limits: limits::Limits,
    stop: watch::Receiver<Option<Stop>>,
    stopped: Option<Stop>,
    deadline: Option<Instant>,
    options: Options,
    clock: times::RunClock,
    pauses: Arc<pause::Pauses>,
}

impl<'a> Run<'a> {
    fn new(
        plan: &Plan<'_>,
        header: Header,
        options: Options,
        sinks: Vec<Box<dyn Sink + 'a>>,
        stop: watch::Receiver<Option<Stop>>,
    ) -> Self {
        let clock = times::RunClock::starting(header.started);
        let pauses = Arc::new(pause::Pauses::new());
        let shared = Arc::new(attempt::Shared {
            run: header.run,
            operator: header.operator.clone(),
            clock,
            times: JudgeCx { now: plan.now, launch: plan.launch.timestamp(), window: plan.window },
            allow_exec: options.allow_exec,
            passfile: options.passfile.clone(),
            services: options.services.clone(),
            signoffs: Arc::clone(&plan.checklist.signoffs),
            people: Arc::clone(&plan.checklist.people),
            cap: options.timeout,
            pauses: Arc::clone(&pauses),
        });
        let selected: HashSet<&CheckId> = plan.selected().map(|check| &check.id).collect();
        let mut jobs = Vec::new();
        let mut steps = Vec::new();
        for (_, checks) in plan.steps() {
            let first = jobs.len();
            for (check, skip) in checks {
                // A need that is not looked at now cannot be waited for.
                let needs =
                    check.needs.iter().filter(|id| selected.contains(id)).cloned().collect();
                let mut job = attempt::Job::new(check, skip.cloned(), needs, &shared);
                redact(&mut job.blank, &plan.checklist.secrets);
                job.carried = plan.carried.get(&check.id).filter(|_| skip.is_none()).cloned();
                job.earlier = plan.earlier.get(&check.id).cloned().unwrap_or_default();
                jobs.push(Arc::new(job));
            }
            steps.push((first, jobs.len()));
        }
        let started = Event::RunStarted { header, steps: skeleton(plan, &jobs) };
        let places: HashMap<_, _> =
            jobs.iter().enumerate().map(|(n, job)| (job.blank.id.clone(), n)).collect();
        let mut dependants = vec![Vec::new(); jobs.len()];
        for (n, job) in jobs.iter().enumerate() {
            for need in job.needs.iter().filter_map(|id| places.get(id)) {
                dependants[*need].push(n);
            }
        }
        let kept = sinks.iter().any(|sink| sink.is_durable());
        let why =
            || options.unrecorded.clone().unwrap_or_else(|| "no event log is kept".to_owned());
        let unrecorded = (!kept).then(why);
        let deadline = options.deadline.map(|deadline| Clock.tick() + deadline.get());
        let mut run = Self {
            done: jobs.iter().map(|job| !job.is_open()).collect(),
            jobs: jobs.into(),
            steps,
            places,
            dependants,
            freed: Vec::new(),
            fold: Fold::default(),
            sinks,
            warnings: Vec::new(),
            unrecorded,
            secrets: plan.checklist.secrets.clone(),
            waivers: plan.waivers(),
            waivers_done: BTreeSet::new(),
            limits: limits::Limits::new(options.jobs, PER_PEER),
            stop,
            stopped: None,
            deadline,
            options,
            clock,
            pauses,
        };
        run.emit(started);
        run
    }

    /// Begins a task where checks run.
    fn spawn<T: Send + 'static>(
        &self,
        tasks: &mut JoinSet<T>,
        task: impl Future<Output = T> + Send + 'static,
    ) -> AbortHandle {
        match &self.options.workers {
            Some(workers) => tasks.spawn_on(task, workers),
            None => tasks.spawn(task),
        }
    }

    /// Records every check that will not be looked at, and every answer taken over.
    fn begin(&mut self) {
        for job in Arc::clone(&self.jobs).iter().filter(|job| !job.is_open()) {
            let check = job.carried.as_ref().unwrap_or(&job.blank).clone();
            if check.findings.iter().any(|finding| finding.waived.is_some()) {
                let theirs = self.waivers.iter().enumerate();
                let theirs = theirs.filter(|(_, waiver)| check.id.matches(&waiver.check));
                self.waivers_done.extend(theirs.map(|(n, _)| n));
            }
            self.emit(Event::CheckFinished { check: Box::new(check) });
        }
    }

    /// Hands an event to the sinks and folds it.
    fn emit(&mut self, event: Event) {
        let (warnings, unrecorded) = (&mut self.warnings, &mut self.unrecorded);
        self.sinks.retain_mut(|sink| match sink.event(&event) {
            Ok(()) => true,
            Err(warning) => {
                if sink.is_durable() {
                    *unrecorded = Some(warning.clone());
                }
                warnings.push(warning);
                false
            }
        });
        self.fold.apply(event);
    }

    /// Records the end of a check, without its secrets.
    fn finished(&mut self, mut check: CheckRecord) {
        redact(&mut check, &self.secrets);
        if let Some(n) = self.places.get(&check.id) {
            self.done[*n] = true;
            self.freed.extend(&self.dependants[*n]);
        }
        self.emit(Event::CheckFinished { check: Box::new(check) });
    }

    /// Whether warnings count as failures.
    fn is_strict(&self) -> bool {
        self.fold.record().is_some_and(|record| record.header.strict)
    }

    /// The first blocker that has failed so far, waived ones left out.
    fn first_failure(&self) -> Option<CheckId> {
        let strict = self.is_strict();
        let failed = |check: &&CheckRecord| fails(check, strict);
        self.fold.record()?.checks().find(failed).map(|check| check.id.clone())
    }

    /// The check that ends the list after its step, if any does.
    fn halts(&self, halt_on: HaltOn) -> Option<CheckId> {
        match halt_on {
            HaltOn::Fail => self.first_failure(),
            HaltOn::Unknown => self.first_failure().or_else(|| {
                // One that has not had its turn has no finding either.
                let done = self.fold.record()?.checks().filter(|check| !check.findings.is_empty());
                let mut doubtful =
                    done.filter(|check| check.blocks() && check.outcome == Outcome::Unknown);
                doubtful.next().map(|check| check.id.clone())
            }),
        }
    }

    /// Skips what is left of the list from a step on.
    fn skip_rest(&mut self, step: usize, reason: SkipReason, cause: &CheckId) {
        let (first, end) = self.steps[step];
        for n in first..end {
            let job = Arc::clone(&self.jobs[n]);
            if job.is_open() {
                self.skip(&job, reason, Some(cause.clone()));
            }
        }
    }

    fn skip(&mut self, job: &attempt::Job, reason: SkipReason, cause: Option<CheckId>) {
        let named = cause.as_ref().map_or_else(String::new, ToString::to_string);
        let text = match reason {
            SkipReason::Needs => format!("needs {named}, which did not pass"),
            SkipReason::Halted => format!("the list was halted because {named} did not pass"),
            SkipReason::FailFast => format!("the run ended when {named} failed"),
            SkipReason::Phase | SkipReason::NotSelected | SkipReason::Shard => {
                "not selected".to_owned()
            }
        };
        let skip = Skip { reason, cause, text: text.clone() };
        self.finished(CheckRecord {
            outcome: Outcome::Skipped,
            summary: text,
            skipped: Some(skip),
            findings: Vec::new(),
            ..job.blank.clone()
        });
    }

    /// Ends what was not looked at when the run was stopped.
    fn end_rest(&mut self, step: usize) {
        let (first, end) = self.steps[step];
        for n in first..end {
            let job = Arc::clone(&self.jobs[n]);
            if job.is_open() {
                self.end_unlooked(&job);
            }
        }
    }

    /// Records that a stopped run never had an answer of this check.
    fn end_unlooked(&mut self, job: &attempt::Job) {
        let known = self.known(job);
        let code = match self.stopped {
            // One that has changed something was looked at.
            Some(Stop::FailFast) if known.changes.is_empty() => {
                let cause = self.first_failure();
                return self.skip(job, SkipReason::FailFast, cause);
            }
            Some(Stop::Deadline) => &codes::DEADLINE,
            Some(Stop::FailFast | Stop::Interrupt | Stop::Terminate | Stop::HangUp) | None => {
                &codes::INTERRUPTED
            }
        };
        let finding = Finding::new(code, job.blank.id.as_str(), code.summary);
        self.finished(CheckRecord {
            outcome: finding.outcome,
            summary: finding.message.clone(),
            findings: vec![finding],
            ..known
        });
    }

    /// A check as it is so far: its tries and its changes.
    fn known(&self, job: &attempt::Job) -> CheckRecord {
        self.fold.check(&job.blank.id).unwrap_or(&job.blank).clone()
    }

    /// Takes note of a stop or a deadline that came while nobody waited for them.
    fn heed(&mut self) {
        let told = *self.stop.borrow_and_update();
        let late = self.deadline.is_some_and(|deadline| deadline <= Clock.tick());
        if let Some(stop) = told.or(late.then_some(Stop::Deadline)) {
            self.stop_now(stop);
        }
    }

    fn stop_now(&mut self, stop: Stop) {
        if self.stopped.is_none() {
            self.stopped = Some(stop);
            self.emit(Event::Stopped { stop, at: self.clock.now() });
        }
    }

    /// Says of the patterns among the waivers which cover nothing, at the first check they name. Of
    /// a run that was stopped nobody knows.
    fn say_unused(&mut self) {
        // One that has run out says so already.
        let now = self.clock.now();
        let over = self.waivers.iter().enumerate().filter(|(_, waiver)| waiver.waived.until < now);
        let over: Vec<usize> = over.map(|(n, _)| n).collect();
        self.waivers_done.extend(over);
        let Some(record) = self.fold.record().filter(|_| self.stopped.is_none()) else { return };
        let strict = record.header.strict;
        let unused = unused(record, &self.waivers, &self.waivers_done);
        let mut said: Vec<CheckRecord> = Vec::new();
        for (n, check) in unused {
            let at = said.iter().position(|known| known.id == check.id).unwrap_or_else(|| {
                said.push(check.clone());
                said.len() - 1
            });
            add_unused(&mut said[at], &self.waivers[n], strict);
        }
        for check in said {
            self.finished(check);
        }
    }

    fn finish(mut self) -> Ran {
        if let Some(record) = self.fold.record() {
            let verdict = decide(record);
            self.emit(Event::RunFinished { at: self.clock.now(), verdict });
        }
        let record = self.fold.into_record();
        Ran { record: record.expect("a run begins with its start"), warnings: self.warnings }
    }
}

/// The record before anything was looked at: what will be looked at is unknown, so that a log
/// without an end is never green.
fn skeleton(plan: &Plan<'_>, jobs: &[Arc<attempt::Job>]) -> Vec<StepRecord> {
    let mut jobs = jobs.iter();
    plan.checklist
        .steps
        .iter()
        .map(|step| StepRecord {
            name: plan.checklist.secrets.redact(&step.name),
            checks: jobs.by_ref().take(step.checks.len()).map(|job| job.blank.clone()).collect(),
        })
        .collect()
}

/// Removes secrets from everything in a check's record that foreign text can reach.
fn redact(check: &mut CheckRecord, secrets: &Secrets) {
    if secrets.is_empty() {
        return;
    }
    let clean = |text: &mut String| *text = secrets.redact(text);
    clean(&mut check.title);
    clean(&mut check.summary);
    check.owner.iter_mut().for_each(clean);
    check.runbook.iter_mut().for_each(clean);
    check.tags.iter_mut().for_each(clean);
    if let Some(waived) = &mut check.waived {
        clean(&mut waived.by);
        clean(&mut waived.reason);
    }
    secrets.redact_value(&mut check.parameters);
    check.expect.iter_mut().for_each(clean);
    for finding in &mut check.findings {
        clean(&mut finding.target);
        clean(&mut finding.message);
        finding.expected.iter_mut().for_each(clean);
        finding.actual.iter_mut().for_each(clean);
        if let Some(waived) = &mut finding.waived {
            clean(&mut waived.by);
            clean(&mut waived.reason);
        }
    }
    check.observation.iter_mut().for_each(|facts| facts.redact(secrets));
    for attempt in &mut check.attempts {
        clean(&mut attempt.summary);
        if let Some(fault) = &attempt.fault {
            attempt.fault = Some(fault.redacted(secrets));
        }
    }
    for change in &mut check.changes {
        clean(&mut change.what);
        change.receipt.iter_mut().for_each(clean);
    }
    check.reproduce.iter_mut().for_each(clean);
    if let Some(skip) = &mut check.skipped {
        clean(&mut skip.text);
    }
}

/// Resolves when a deadline has come; never without one.
async fn come(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
