//! Small records for tests of the pure parts.

use serde_json::Value;

use super::event::{Event, Fold, unfold};
use super::id::{CheckId, RunId};
use super::outcome::{Decision, Outcome, Severity};
use super::record::{
    CheckRecord, ChecklistRef, Counts, FORMAT, Header, RunRecord, Source, StepRecord, Tool,
    Verdict, Waived,
};
use super::time::Window;

/// A run with one step whose checks ended like this.
pub(crate) fn run(checks: &[(Outcome, Severity)]) -> RunRecord {
    let now = "2026-11-20T12:00:00Z".parse().expect("an instant");
    let header = Header {
        format: FORMAT,
        run: RunId(uuid::Uuid::nil()),
        tool: Tool { name: "gonogo".into(), version: "0".into() },
        name: "sample".into(),
        checklist: ChecklistRef { path: "sample.yaml".into(), sha256: "0".repeat(64), git: None },
        launch: None,
        window: Window { from: now, to: now },
        phase: "all".into(),
        vantage: None,
        shard: None,
        merged: Vec::new(),
        missing: Vec::new(),
        resumes: None,
        host: None,
        operator: None,
        started: now,
        strict: false,
        apply: false,
        vars: std::collections::BTreeMap::new(),
    };
    let checks = checks.iter().enumerate().map(|(n, (outcome, severity))| CheckRecord {
        id: CheckId::new(format!("c{n}")).expect("a good id"),
        kind: "tcp".into(),
        title: format!("check {n}"),
        severity: *severity,
        outcome: *outcome,
        summary: outcome.to_string(),
        owner: None,
        runbook: None,
        tags: Vec::new(),
        parameters: Value::Null,
        expect: Vec::new(),
        findings: Vec::new(),
        observation: None,
        attempts: Vec::new(),
        started: None,
        duration_ms: 0.0,
        skipped: None,
        waived: None,
        changes: Vec::new(),
        reproduce: Vec::new(),
        source: Source { file: "sample.yaml".into(), line: n + 1 },
        quorum: None,
        sightings: Vec::new(),
    });
    let steps = vec![StepRecord { name: "step".into(), checks: checks.collect() }];
    let verdict = Verdict { decision: Decision::NothingRan, because: Vec::new() };
    let mut record = RunRecord {
        header,
        finished: None,
        stopped: None,
        steps,
        counts: Counts::default(),
        verdict,
    };
    record.counts = record.count();
    record
}

/// A waiver.
pub(crate) fn waiver() -> Waived {
    Waived {
        by: "ann".into(),
        reason: "known".into(),
        until: "2026-12-01T00:00:00Z".parse().expect("an instant"),
    }
}

fn folded(events: &[Event]) -> Option<RunRecord> {
    let mut fold = Fold::default();
    for event in events {
        fold.apply(event.clone());
    }
    fold.into_record()
}

#[test]
fn folding_what_a_record_unfolds_to_gives_the_record() {
    let all: Vec<_> =
        Outcome::ALL.into_iter().map(|outcome| (outcome, Severity::Blocker)).collect();
    let mut record = run(&all);
    assert_eq!(folded(&unfold(&record)), Some(record.clone()));
    record.finished = Some(record.header.started);
    record.verdict.decision = Decision::NoGo;
    assert_eq!(folded(&unfold(&record)), Some(record.clone()));
    // And through the text of the log.
    let lines: Vec<Event> = unfold(&record)
        .iter()
        .map(|event| {
            serde_json::from_str(&serde_json::to_string(event).expect("json")).expect("event")
        })
        .collect();
    assert_eq!(folded(&lines), Some(record));
}

#[test]
fn events_of_no_run_change_nothing() {
    let record = run(&[(Outcome::Pass, Severity::Blocker)]);
    let events = unfold(&record);
    assert_eq!(folded(&events[1..]), None);
}
