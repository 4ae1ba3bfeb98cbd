//! The end of a run that is NO-GO: changes that are to stay only for a launch are undone.

use std::sync::Arc;

use super::Run;
use crate::model::event::Event;
use crate::model::outcome::Decision;
use crate::model::record::{Change, ChangeState, Stop};
use crate::model::text::one_line;
use crate::verdict::decide;

impl Run<'_> {
    /// Undoes what the checks of a run that may change things want undone when it ends NO-GO. A run
    /// that somebody stopped says nothing about the launch.
    pub(super) async fn undo(&mut self) {
        let told = match self.stopped {
            Some(Stop::Interrupt | Stop::Terminate | Stop::HangUp | Stop::Deadline) => true,
            Some(Stop::FailFast) | None => false,
        };
        let no_go = |record| decide(record).decision == Decision::NoGo;
        if told || !self.options.apply || !self.fold.record().is_some_and(no_go) {
            return;
        }
        for job in Arc::clone(&self.jobs).iter().filter(|job| job.is_open()) {
            let id = job.blank.id.clone();
            let what = match job.remains().await {
                Ok(Some(what)) => self.secrets.redact(&one_line(&what)),
                Ok(None) => continue,
                Err(fault) => {
                    let fault = fault.redacted(&self.secrets);
                    self.warnings.push(format!("{id}: what is to be undone is not known: {fault}"));
                    continue;
                }
            };
            let change = |state, receipt| Change { what: what.clone(), state, receipt };
            let intended = change(ChangeState::Intended, None);
            self.emit(Event::ChangeIntended { id: id.clone(), change: intended });
            let ended = match job.undo().await {
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
}
