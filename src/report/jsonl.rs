//! The record as the events it stands for, as the event log has them: folding them gives the record.

use serde::Serialize;

use crate::model::event::{Event, at_the_start, was_left_out};
use crate::model::record::{CheckRecord, Header, RunRecord, StepRecord};

use super::ReportError;

/// The two large events, written without a copy of what they hold: a large record has tens of
/// megabytes of it. They are [`Event::RunStarted`] and [`Event::CheckFinished`] to whoever reads them.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Large<'a> {
    RunStarted { header: &'a Header, steps: &'a [StepRecord] },
    CheckFinished { check: &'a CheckRecord },
}

/// One event a line, each with a final line break; what [`crate::model::event::unfold`] gives.
pub(super) fn render(record: &RunRecord) -> Result<Vec<u8>, ReportError> {
    let mut out = Vec::new();
    let steps = at_the_start(record);
    put(&mut out, &Large::RunStarted { header: &record.header, steps: &steps })?;
    for check in record.checks().filter(|check| !was_left_out(check)) {
        put(&mut out, &Large::CheckFinished { check })?;
    }
    if let Some(stop) = record.stopped {
        let at = record.finished.unwrap_or(record.header.started);
        put(&mut out, &Event::Stopped { stop, at })?;
    }
    if let Some(at) = record.finished {
        put(&mut out, &Event::RunFinished { at, verdict: record.verdict.clone() })?;
    }
    Ok(out)
}

fn put(out: &mut Vec<u8>, event: &impl Serialize) -> Result<(), ReportError> {
    serde_json::to_writer(&mut *out, event)?;
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::unfold;
    use crate::model::outcome::{Decision, Outcome, Severity};
    use crate::model::record::Stop;
    use crate::model::sample;

    #[test]
    fn the_lines_are_the_events_the_record_unfolds_to() {
        let all: Vec<_> =
            Outcome::ALL.into_iter().map(|outcome| (outcome, Severity::Blocker)).collect();
        let mut record = sample::run(&all);
        record.stopped = Some(Stop::Deadline);
        record.finished = Some(record.header.started);
        record.verdict.decision = Decision::NoGo;
        let lines: String = unfold(&record)
            .iter()
            .map(|event| serde_json::to_string(event).expect("json") + "\n")
            .collect();
        assert_eq!(String::from_utf8(render(&record).expect("lines")).expect("UTF-8"), lines);
    }
}
