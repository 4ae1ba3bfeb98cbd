//! Probes no kind has: one that panics, one that never comes back, a change that hangs. The run goes
//! on without them, and nothing of them is green.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::checklist::Checklist;
use crate::checklist::load::{Options as LoadOptions, load};
use crate::model::facts::Facts;
use crate::model::finding::Finding;
use crate::model::outcome::{Decision, Outcome};
use crate::model::peer::Peer;
use crate::model::record::ChangeState;
use crate::model::sample;
use crate::plan::{Selection, plan};
use crate::probe::{AnyAct, AnyProbe, Complaint, Judged, Look, ProbeCx, Receipt};

type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a probe or a change of these tests does.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// All is well.
    Pass,
    /// It panics, with a secret in what it says.
    Panic,
    /// It waits for ever, as a task should.
    Wait,
    /// It keeps its thread for itself.
    Block,
}

impl Does {
    async fn it(self) {
        match self {
            Self::Pass => {}
            Self::Panic => panic!("index hunter22 out of range"),
            Self::Wait => std::future::pending().await,
            Self::Block => std::thread::sleep(Duration::from_secs(8)),
        }
    }
}

/// A probe that looks like this and, where there is a change, makes it like that.
struct Odd {
    look: Does,
    change: Option<Does>,
    changed: Arc<AtomicUsize>,
}

fn judged() -> Judged {
    let code = crate::model::code::engine::ALL[0];
    let finding = Finding { outcome: Outcome::Pass, ..Finding::new(code, "odd", "fine") };
    Judged { findings: vec![finding], summary: "fine".to_owned(), reproduce: Vec::new() }
}

impl AnyProbe for Odd {
    fn kind(&self) -> &'static str {
        "tcp"
    }
    fn complaints(&self) -> Vec<Complaint> {
        Vec::new()
    }
    fn peers(&self) -> Vec<Peer> {
        Vec::new()
    }
    fn waits(&self) -> Duration {
        Duration::ZERO
    }
    fn look<'a>(
        &'a self,
        _: &'a ProbeCx,
    ) -> BoxFuture<'a, Result<Look, crate::model::fault::Fault>> {
        Box::pin(async {
            self.look.it().await;
            Ok(Look { observation: json!({}).into(), judged: judged() })
        })
    }
    fn judge(&self, _: &Facts, _: &JudgeCx) -> Result<Judged, serde_json::Error> {
        Ok(judged())
    }
    fn names_files(&self) -> bool {
        false
    }
    fn reproduce(&self) -> Vec<String> {
        Vec::new()
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn act(&self) -> Option<&dyn AnyAct> {
        self.change.is_some().then_some(self)
    }
}

impl AnyAct for Odd {
    fn propose(
        &self,
        _: &Facts,
        _: &JudgeCx,
    ) -> Result<Option<String>, crate::model::fault::Fault> {
        Ok((self.changed.load(Ordering::SeqCst) == 0).then(|| "would change it".to_owned()))
    }
    fn apply<'a>(
        &'a self,
        _: Facts,
        _: &'a ProbeCx,
    ) -> BoxFuture<'a, Result<Receipt, crate::model::fault::Fault>> {
        Box::pin(async {
            self.changed.fetch_add(1, Ordering::SeqCst);
            if let Some(change) = self.change {
                change.it().await;
            }
            Ok("changed".to_owned().into())
        })
    }
}

/// A list with one check for each of these, `c0` and so on.
fn checklist(odd: &[(Does, Option<Does>)]) -> (Checklist, Vec<Arc<AtomicUsize>>) {
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("list.yaml");
    let mut text = String::from("gonogo: 1\nname: Odd\nsteps:\n  - name: One\n    checks:\n");
    for n in 0..odd.len() {
        text.push_str(&format!(
            "      - {{ id: c{n}, timeout: 150ms, tcp: {{ endpoint: \"127.0.0.1:1\" }} }}\n"
        ));
    }
    std::fs::write(&file, text).expect("a list");
    let options = LoadOptions { vars: &[], var_files: &[], secrets: None, launch: None };
    let (mut checklist, _) = load(&file, &options).expect("a list without mistakes");
    checklist.secrets.add("hunter22");
    let counters: Vec<_> = odd.iter().map(|_| Arc::new(AtomicUsize::new(0))).collect();
    for (n, (look, change)) in odd.iter().enumerate() {
        let changed = Arc::clone(&counters[n]);
        checklist.steps[0].checks[n].probe =
            Ok(Arc::new(Odd { look: *look, change: *change, changed }));
    }
    (checklist, counters)
}

fn workers(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_all().build().expect("a runtime")
}

/// Runs a list on two workers, and gives the record and how long it took.
fn ran(checklist: &Checklist, deadline: Option<Span>, stop: Option<Stop>) -> (RunRecord, Duration) {
    let (own, workers) =
        (Builder::new_current_thread().enable_all().build().expect("a runtime"), workers(2));
    let planned = plan(checklist, &Selection::default(), &Clock.local()).expect("a plan");
    let options = Options {
        jobs: 32,
        timeout: None,
        deadline,
        apply: true,
        allow_exec: false,
        fail_fast: false,
        passfile: None,
        workers: Some(workers.handle().clone()),
    };
    let header = Header { started: planned.now, ..sample::run(&[]).header };
    let begun = Clock.tick();
    let (tell, told) = watch::channel(None);
    let ran = own.block_on(async {
        let run = super::run(&planned, header, options, Vec::new(), told);
        tokio::pin!(run);
        if let Some(stop) = stop {
            // The change is under way by then.
            tokio::select! {
                ran = &mut run => return ran,
                () = tokio::time::sleep(Duration::from_millis(60)) => {}
            }
            tell.send(Some(stop)).expect("the engine listens");
        }
        run.await
    });
    let took = begun.elapsed();
    workers.shutdown_background();
    (ran.record, took)
}

fn check(record: &RunRecord, n: usize) -> (Outcome, &str, &str) {
    let check = record.checks().nth(n).expect("the check");
    let code = check.findings.first().map_or("", |finding| finding.code.as_str());
    (check.outcome, code, &check.summary)
}

#[test]
fn a_panic_is_unknown_and_the_other_checks_go_on() {
    let (checklist, _) = checklist(&[(Does::Panic, None), (Does::Pass, None)]);
    let (record, _) = ran(&checklist, None, None);
    let (outcome, code, summary) = check(&record, 0);
    assert_eq!((outcome, code), (Outcome::Unknown, "gonogo.bug"));
    assert_eq!(summary, "a defect of gonogo: index [redacted] out of range");
    assert_eq!(check(&record, 1).0, Outcome::Pass);
    assert_eq!(record.verdict.decision, Decision::Hold);
}

#[test]
fn a_probe_that_never_comes_back_is_timed_out() {
    let (checklist, _) = checklist(&[(Does::Wait, None), (Does::Pass, None)]);
    let (record, took) = ran(&checklist, None, None);
    assert_eq!(check(&record, 0).1, "gonogo.timeout");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(record.verdict.decision, Decision::Hold);
}

#[test]
fn a_probe_that_keeps_its_thread_is_given_up_on() {
    let (checklist, _) = checklist(&[(Does::Block, None), (Does::Pass, None)]);
    let (record, took) = ran(&checklist, None, None);
    let (outcome, code, summary) = check(&record, 0);
    assert_eq!((outcome, code), (Outcome::Unknown, "gonogo.bug"));
    assert!(summary.contains("did not come back within 150ms"), "{summary}");
    assert_eq!(check(&record, 1).0, Outcome::Pass);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_deadline_holds_even_when_no_thread_comes_back() {
    // More of them than there are threads.
    let odd = [(Does::Block, None), (Does::Block, None), (Does::Block, None), (Does::Pass, None)];
    let (checklist, _) = checklist(&odd);
    let (record, took) = ran(&checklist, Some(Span::from_secs(1)), None);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(record.stopped, Some(Stop::Deadline));
    for n in 0..3 {
        assert_eq!(check(&record, n).0, Outcome::Unknown);
    }
    assert_eq!(record.verdict.decision, Decision::Hold);
}

#[test]
fn a_change_that_panics_leaves_its_state_unknown_and_the_run_goes_on() {
    let (checklist, _) = checklist(&[(Does::Pass, Some(Does::Panic)), (Does::Pass, None)]);
    let (record, _) = ran(&checklist, None, None);
    let (outcome, code, _) = check(&record, 0);
    assert_eq!((outcome, code), (Outcome::Unknown, "gonogo.bug"));
    let changes = &record.checks().next().expect("a check").changes;
    assert_eq!((changes.len(), changes[0].state), (1, ChangeState::Intended));
    assert_eq!(check(&record, 1).0, Outcome::Pass);
    assert!(record.finished.is_some());
}

#[test]
fn a_change_that_hangs_does_not_outlive_the_deadline() {
    for hang in [Does::Wait, Does::Block] {
        let odd = [(Does::Pass, Some(hang)), (Does::Pass, Some(Does::Pass))];
        let (mut checklist, changed) = checklist(&odd);
        checklist.steps[0].checks[0].timeout = Some(Span::from_secs(60));
        let (record, took) = ran(&checklist, Some(Span::from_secs(1)), None);
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(record.stopped, Some(Stop::Deadline));
        assert_eq!(check(&record, 0).1, "gonogo.deadline");
        let state = |n: usize| record.checks().nth(n).expect("a check").changes[0].state;
        assert_eq!((state(0), state(1)), (ChangeState::Intended, ChangeState::Proposed));
        assert_eq!(changed[1].load(Ordering::SeqCst), 0, "nothing is begun after the deadline");
        assert_eq!(record.verdict.decision, Decision::Hold);
    }
}

#[test]
fn a_signal_lets_a_change_come_to_its_end_and_begins_no_other() {
    let odd = [(Does::Pass, Some(Does::Wait)), (Does::Pass, Some(Does::Pass))];
    let (checklist, changed) = checklist(&odd);
    let (record, took) = ran(&checklist, None, Some(Stop::Interrupt));
    assert!(took >= Duration::from_millis(150), "its own limit is its end: {took:?}");
    assert_eq!(record.stopped, Some(Stop::Interrupt));
    assert_eq!(check(&record, 0).1, "gonogo.timeout");
    assert_eq!(changed[1].load(Ordering::SeqCst), 0);
    assert_eq!(record.verdict.decision, Decision::Hold);
}
