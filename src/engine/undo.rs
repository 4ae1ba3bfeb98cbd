//! The end of a run that is NO-GO: changes that are to stay only for a launch are undone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::attempt::Job;
use super::step::broken;
use super::{Run, come};
use crate::model::event::Event;
use crate::model::fault::Fault;
use crate::model::outcome::Decision;
use crate::model::record::{Change, ChangeState, Stop};
use crate::model::text::one_line;
use crate::model::time::Span;
use crate::verdict::decide;

impl Run<'_> {
    /// Undoes what the checks of a run that may change things want undone when it ends NO-GO, all at
    /// once: every moment counts for those who are to hear. A run that somebody stopped says nothing
    /// about the launch.
    pub(super) async fn undo(&mut self) {
        let told = match self.stopped {
            Some(Stop::Interrupt | Stop::Terminate | Stop::HangUp | Stop::Deadline) => true,
            Some(Stop::FailFast) | None => false,
        };
        let no_go = |record| decide(record).decision == Decision::NoGo;
        if told || !self.options.apply || !self.fold.record().is_some_and(no_go) {
            return;
        }
        let open: Vec<Arc<Job>> = self.jobs.iter().filter(|job| job.acts()).cloned().collect();
        let longest = open.iter().map(|job| job.allowance).max().unwrap_or_default();
        let looks = open.iter().cloned().map(|job| async move { job.remains().await });
        let remains = self.together(looks, longest).await;
        let mut intended = Vec::new();
        for (job, remains) in open.into_iter().zip(remains) {
            let id = &job.blank.id;
            match remains {
                Ok(Some(what)) => {
                    let what = self.secrets.redact(&one_line(&what));
                    match self.intend(id, &what) {
                        Ok(()) => intended.push((job, what)),
                        Err(why) => {
                            self.warnings.push(format!("{id}: not undone, because {why}: {what}"));
                        }
                    }
                }
                Ok(None) => {}
                Err(fault) => {
                    let fault = fault.redacted(&self.secrets);
                    self.warnings.push(format!("{id}: what is to be undone is not known: {fault}"));
                }
            }
        }
        let work = intended.iter().map(|(job, _)| {
            let job = Arc::clone(job);
            async move { job.undo().await }
        });
        let undone = self.together(work, longest).await;
        for ((job, what), undone) in intended.into_iter().zip(undone) {
            let id = job.blank.id.clone();
            let change = |state, receipt| Change { what: what.clone(), state, receipt };
            let ended = match undone {
                Ok(receipt) => {
                    let receipt = self.secrets.redact(&one_line(&receipt));
                    change(ChangeState::Applied, Some(receipt))
                }
                Err(fault) => {
                    let fault = self.secrets.redact(&fault.to_string());
                    self.warnings.push(format!("{id}: not known to be undone: {what}: {fault}"));
                    change(ChangeState::Intended, Some(fault))
                }
            };
            self.emit(Event::ChangeEnded { id, change: ended });
        }
    }

    /// Does some work where checks run, as much of it at once as checks may run; what came of it,
    /// in its order. Each piece has a limit of its own, of which the longest is given: where
    /// nothing comes to its end for twice as long, what is left keeps its threads for itself, and
    /// nobody waits for it. The run's deadline holds too.
    async fn together<T: Send + 'static>(
        &self,
        work: impl Iterator<Item = impl Future<Output = Result<T, Fault>> + Send + 'static>,
        longest: Duration,
    ) -> Vec<Result<T, Fault>> {
        let slots = Arc::new(Semaphore::new(self.options.jobs.max(1)));
        let mut tasks = JoinSet::new();
        let mut order = Vec::new();
        for one in work {
            let slots = Arc::clone(&slots);
            let task = async move {
                // Nobody closes it.
                let _slot = slots.acquire_owned().await;
                one.await
            };
            order.push(self.spawn(&mut tasks, task).id());
        }
        let mut done: Vec<Option<Result<T, Fault>>> = order.iter().map(|_| None).collect();
        let left = loop {
            let ended = tokio::select! {
                biased;
                ended = tasks.join_next_with_id() => ended,
                () = come(self.deadline) => break Fault::Deadline,
                () = tokio::time::sleep(longest * 2) => {
                    let limit = Span::from(longest);
                    let message = format!("it did not come back within {limit}, and goes on");
                    break Fault::Bug { message };
                }
            };
            let Some(ended) = ended else { break Fault::Interrupted };
            let (id, ended) = match ended {
                Ok((id, ended)) => (id, ended),
                Err(error) => (error.id(), Err(broken(error))),
            };
            if let Some(n) = order.iter().position(|one| *one == id) {
                done[n] = Some(ended);
            }
        };
        done.into_iter().map(|one| one.unwrap_or_else(|| Err(left.clone()))).collect()
    }
}
