//! The changes of a step: each with its intent recorded first, together where they cannot meet, and
//! looked at again when they are made.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::task::{Id, JoinError, JoinSet};

use super::step::{StepRun, broken};
use super::{Run, come};
use crate::clock::Clock;
use crate::model::code::engine as codes;
use crate::model::event::Event;
use crate::model::facts::Facts;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::id::CheckId;
use crate::model::record::{Change, ChangeState, CheckRecord};
use crate::model::text::one_line;
use crate::probe::Receipt;
use crate::verdict::fails;

/// A change that its check has called for.
pub(super) struct Proposed {
    /// The check as it was seen.
    pub(super) check: CheckRecord,
    /// The change in one line.
    pub(super) what: String,
    /// The facts it follows from.
    pub(super) observation: Facts,
}

/// The changes of a step.
#[derive(Default)]
pub(super) struct Changes {
    /// Not begun, in list order.
    waiting: BTreeMap<usize, Proposed>,
    tasks: JoinSet<Made>,
    /// What each task makes.
    under_way: HashMap<Id, Making>,
}

/// What came of a change.
type Made = Result<Receipt, Fault>;

/// A task that made a change, or broke.
pub(super) type Ended = Result<(Id, Made), JoinError>;

/// A change that was begun.
pub(super) struct Making {
    n: usize,
    check: CheckRecord,
    what: String,
}

impl Changes {
    /// Takes note of a change that is to be made.
    pub(super) fn wait(&mut self, n: usize, change: Proposed) {
        self.waiting.insert(n, change);
    }

    /// Whether there is none that is to be made or being made.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    pub(super) fn are_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// The next one that comes to its end; none when nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        self.tasks.join_next_with_id().await
    }

    /// The change of a check that is being made; nothing waits for it any more.
    pub(super) fn give_up(&mut self, n: usize) -> Option<Making> {
        let task = self.under_way.iter().find(|(_, making)| making.n == n).map(|(id, _)| *id)?;
        self.under_way.remove(&task)
    }

    /// Those that were not begun, which will not be.
    pub(super) fn leave(&mut self) -> Vec<Proposed> {
        std::mem::take(&mut self.waiting).into_values().collect()
    }
}

impl Run<'_> {
    /// Begins every change that can be begun now. None is begun while a check is looked at whose
    /// answer may stand against it, and none whose way crosses that of another one which has not been
    /// seen to be right yet.
    pub(super) fn begin_changes(&mut self, step: &mut StepRun) {
        let numbers: Vec<usize> = step.changes.waiting.keys().copied().collect();
        for n in numbers {
            // Where nothing else can go on, the first one is what the others wait for.
            let alone = !step.is_busy();
            let going = step.changes.under_way.len() + step.verifying.len();
            if step.is_looking() || going >= self.options.jobs.max(1) {
                return;
            }
            if !alone && (step.waits_before(n) || self.meets(n, step)) {
                continue;
            }
            if let Some(change) = step.changes.waiting.remove(&n) {
                self.begin_change(n, change, step);
            }
            if !self.freed.is_empty() {
                // Who waited for this check is looked at first.
                return;
            }
        }
    }

    /// Whether the change of a check touches what one that is being made or looked at touches.
    fn meets(&self, n: usize, step: &StepRun) -> bool {
        let own = self.jobs[n].touches();
        let making = step.changes.under_way.values().map(|making| making.n);
        let mut others = making.chain(step.verifying.keys().copied());
        others.any(|other| self.jobs[other].touches().iter().any(|thing| own.contains(thing)))
    }

    /// Begins a change, unless a blocker before it failed or its intent cannot be recorded.
    fn begin_change(&mut self, n: usize, change: Proposed, step: &mut StepRun) {
        let Proposed { check, what, observation } = change;
        let what = self.secrets.redact(&one_line(&what));
        if let Some(cause) = self.failed_before(n) {
            let message = format!("not applied, because {cause} failed: {what}");
            return self.hold_back(check, &codes::NOT_APPLIED, message, what);
        }
        if let Err(why) = self.intend(&check.id, &what) {
            let message = format!("not applied, because {why}: {what}");
            return self.hold_back(check, &codes::NOT_RECORDED, message, what);
        }
        let job = Arc::clone(&self.jobs[n]);
        step.due.insert(n, Clock.tick() + job.allowance);
        let handle = self.spawn(&mut step.changes.tasks, job.apply(observation));
        step.changes.under_way.insert(handle.id(), Making { n, check, what });
    }

    /// Records that a change is about to be made.
    ///
    /// # Errors
    /// Why there is no record of it on the disk; then it must not be made.
    pub(super) fn intend(&mut self, id: &CheckId, what: &str) -> Result<(), String> {
        if self.unrecorded.is_none() {
            let change =
                Change { what: what.to_owned(), state: ChangeState::Intended, receipt: None };
            self.emit(Event::ChangeIntended { id: id.clone(), change });
        }
        self.unrecorded.clone().map_or(Ok(()), Err)
    }

    fn hold_back(
        &mut self,
        check: CheckRecord,
        code: &'static crate::model::code::Code,
        message: String,
        what: String,
    ) {
        let finding = Finding::new(code, check.id.as_str(), message);
        let change = Change { what, state: ChangeState::Proposed, receipt: None };
        self.concluded(held_back(check, finding, change));
    }

    /// Records how a change ended; one that was made is looked at again.
    pub(super) fn change_ended(&mut self, ended: Ended, step: &mut StepRun) {
        let (id, made) = match ended {
            Ok((id, made)) => (id, made),
            Err(error) => (error.id(), Err(broken(error))),
        };
        // Given up on, and recorded as that.
        let Some(making) = step.changes.under_way.remove(&id) else { return };
        step.due.remove(&making.n);
        match made {
            Ok(receipt) => {
                let Making { n, check, what } = making;
                let line = Some(self.secrets.redact(&one_line(&receipt.line)));
                let change = Change { what, state: ChangeState::Applied, receipt: line };
                self.emit(Event::ChangeEnded { id: check.id, change: change.clone() });
                step.verifying.insert(n, change);
                let job = Arc::clone(&self.jobs[n]);
                self.start(n, job, receipt.facts.map(Arc::new), step);
            }
            Err(fault) => self.change_failed(making, &fault),
        }
    }

    pub(super) fn change_failed(&mut self, making: Making, fault: &Fault) {
        let Making { check, what, .. } = making;
        let finding = Finding::fault(check.id.as_str(), fault);
        let state = match fault {
            // Nobody saw how it ended: a connection may break, and an answer say nothing, after the
            // change was made.
            Fault::Timeout { .. }
            | Fault::Unreachable { .. }
            | Fault::Unreadable { .. }
            | Fault::Interrupted
            | Fault::Deadline
            | Fault::Bug { .. } => ChangeState::Intended,
            Fault::Name { .. }
            | Fault::Denied { .. }
            | Fault::Secret { .. }
            | Fault::Local { .. }
            | Fault::NotAllowed { .. } => ChangeState::Failed,
        };
        let receipt = Some(self.secrets.redact(&fault.to_string()));
        let change = Change { what, state, receipt };
        self.emit(Event::ChangeEnded { id: check.id.clone(), change: change.clone() });
        self.concluded(held_back(check, finding, change));
    }

    /// Brings every change that was begun to a known end, now that the run is to stop: each has a time
    /// limit of its own. The run's deadline holds for them as for everything.
    pub(super) async fn end_changes(&mut self, step: &mut StepRun) {
        while step.changes.are_under_way() {
            tokio::select! {
                biased;
                Some(ended) = step.changes.next() => self.change_ended(ended, step),
                () = come(self.deadline) => break,
                _ = step.pulse.tick() => self.give_up_late(step),
            }
        }
        let mut left: Vec<Making> = step.changes.under_way.drain().map(|(_, one)| one).collect();
        left.sort_by_key(|making| making.n);
        for making in left {
            self.change_failed(making, &Fault::Deadline);
        }
        step.changes.tasks.abort_all();
    }

    /// The first blocker before a check, in list order, that failed.
    fn failed_before(&self, n: usize) -> Option<CheckId> {
        let record = self.fold.record()?;
        let mut before = record.checks().take(n);
        let failed = before.find(|check| fails(check, record.header.strict));
        failed.map(|check| check.id.clone())
    }
}

/// A check whose change was not made.
fn held_back(check: CheckRecord, finding: Finding, change: Change) -> CheckRecord {
    let mut findings = check.findings;
    // Of those that weigh the same, the one that says why comes first.
    findings.insert(0, finding.clone());
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.outcome));
    CheckRecord {
        outcome: check.outcome.max(finding.outcome),
        summary: finding.message,
        findings,
        changes: vec![change],
        ..check
    }
}
