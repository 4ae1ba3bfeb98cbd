//! Probes no kind has: one that panics, one that never comes back, a change that hangs. The run goes
//! on without them, and nothing of them is green. And changes that meet, or do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::checklist::Checklist;
use crate::checklist::load::{Options as LoadOptions, load};
use crate::model::facts::Facts;
use crate::model::fault::Fault;
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
    /// It takes its time.
    Nap,
    /// A look finds something wrong; a change spoils what the next look sees.
    Spoil,
    /// A look finds something worth a person's eye.
    Warn,
    /// A change breaks off, and nobody knows whether it was made.
    Lose,
    /// A change is refused.
    Refuse,
    /// A change is to be undone after a NO-GO, and that keeps its thread for itself.
    Linger,
}

impl Does {
    async fn it(self) {
        match self {
            Self::Pass | Self::Spoil | Self::Warn | Self::Linger | Self::Lose | Self::Refuse => {}
            Self::Nap => tokio::time::sleep(Duration::from_millis(60)).await,
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
    touches: &'static str,
    traffic: Arc<Traffic>,
}

/// How many changes go on, and the most that did at once.
#[derive(Default)]
struct Traffic {
    now: AtomicUsize,
    peak: AtomicUsize,
}

fn judged(outcome: Outcome) -> Judged {
    let code = crate::model::code::engine::ALL[0];
    let finding = Finding { outcome, ..Finding::new(code, "odd", "fine") };
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
    fn look<'a>(&'a self, _: &'a ProbeCx) -> BoxFuture<'a, Result<Look, Fault>> {
        Box::pin(async {
            self.look.it().await;
            let spoilt =
                matches!(self.change, Some(Does::Spoil)) && self.changed.load(Ordering::SeqCst) > 0;
            let bad = spoilt || matches!(self.look, Does::Spoil);
            let fine = if matches!(self.look, Does::Warn) { Outcome::Warn } else { Outcome::Pass };
            let outcome = if bad { Outcome::Fail } else { fine };
            Ok(Look { observation: json!({}).into(), judged: judged(outcome) })
        })
    }
    fn judge(&self, _: &Facts, _: &JudgeCx) -> Result<Judged, serde_json::Error> {
        Ok(judged(Outcome::Pass))
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
    fn propose(&self, _: &Facts, _: &JudgeCx) -> Result<Option<String>, Fault> {
        Ok((self.changed.load(Ordering::SeqCst) == 0).then(|| "would change it".to_owned()))
    }
    fn touches(&self) -> Vec<String> {
        vec![self.touches.to_owned()]
    }
    fn apply<'a>(&'a self, _: Facts, _: &'a ProbeCx) -> BoxFuture<'a, Result<Receipt, Fault>> {
        Box::pin(async {
            self.changed.fetch_add(1, Ordering::SeqCst);
            let now = self.traffic.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.traffic.peak.fetch_max(now, Ordering::SeqCst);
            if let Some(change) = self.change {
                change.it().await;
            }
            self.traffic.now.fetch_sub(1, Ordering::SeqCst);
            let (what, reason) = ("changing it".to_owned(), "reset".to_owned());
            if matches!(self.change, Some(Does::Lose)) {
                return Err(Fault::Unreachable { what, reason });
            }
            if matches!(self.change, Some(Does::Refuse)) {
                return Err(Fault::Denied { what, need: "a role".to_owned() });
            }
            Ok("changed".to_owned().into())
        })
    }
    fn remains<'a>(&'a self, _: &'a ProbeCx) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        let lingers = matches!(self.change, Some(Does::Linger));
        Box::pin(async move { Ok(lingers.then(|| "would undo it".to_owned())) })
    }
    fn undo<'a>(&'a self, _: &'a ProbeCx) -> BoxFuture<'a, Result<String, Fault>> {
        Box::pin(async {
            Does::Block.it().await;
            Ok("undone".to_owned())
        })
    }
}

/// A list with one check for each of these, `c0` and so on; all their changes touch the same thing.
fn checklist(odd: &[(Does, Option<Does>)]) -> (Checklist, Vec<Arc<AtomicUsize>>) {
    let (checklist, changed, _) = crossing(odd, &["thing"]);
    (checklist, changed)
}

/// The same, their changes touching one of these things each, in turn.
fn crossing(
    odd: &[(Does, Option<Does>)],
    things: &[&'static str],
) -> (Checklist, Vec<Arc<AtomicUsize>>, Arc<Traffic>) {
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
    let traffic = Arc::new(Traffic::default());
    for (n, (look, change)) in odd.iter().enumerate() {
        let changed = Arc::clone(&counters[n]);
        let (touches, traffic) = (things[n % things.len()], Arc::clone(&traffic));
        checklist.steps[0].checks[n].probe =
            Ok(Arc::new(Odd { look: *look, change: *change, changed, touches, traffic }));
    }
    (checklist, counters, traffic)
}

/// A listener that keeps what it is told on a disk, until it cannot.
struct Disk {
    /// Which intended change finds it full, from 1.
    full_at: usize,
    intended: usize,
}

impl Sink for Disk {
    fn event(&mut self, event: &Event) -> Result<(), String> {
        self.intended += usize::from(matches!(event, Event::ChangeIntended { .. }));
        if self.intended == self.full_at { Err("the log is full".to_owned()) } else { Ok(()) }
    }

    fn is_durable(&self) -> bool {
        true
    }
}

const ROOMY: usize = usize::MAX;

fn workers(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_all().build().expect("a runtime")
}

/// Runs a list on two workers, and gives the record and how long it took.
fn ran(checklist: &Checklist, deadline: Option<Span>, stop: Option<Stop>) -> (RunRecord, Duration) {
    let disk = Disk { full_at: ROOMY, intended: 0 };
    ran_with(checklist, deadline, stop, 32, vec![Box::new(disk)])
}

/// How a list is run.
#[derive(Default)]
struct Way {
    deadline: Option<Span>,
    stop: Option<Stop>,
    jobs: Option<usize>,
    strict: bool,
    fail_fast: bool,
}

/// The same, with so many checks at once, and with these listeners.
fn ran_with(
    checklist: &Checklist,
    deadline: Option<Span>,
    stop: Option<Stop>,
    jobs: usize,
    sinks: Vec<Box<dyn Sink>>,
) -> (RunRecord, Duration) {
    let way = Way { deadline, stop, jobs: Some(jobs), ..Way::default() };
    let (ran, took) = ran_as(checklist, &way, sinks);
    (ran.record, took)
}

/// Runs a list in a way of its own, and keeps what it says in the end.
fn ran_like(checklist: &Checklist, way: &Way) -> (Ran, Duration) {
    ran_as(checklist, way, vec![Box::new(Disk { full_at: ROOMY, intended: 0 })])
}

fn ran_as(checklist: &Checklist, way: &Way, sinks: Vec<Box<dyn Sink>>) -> (Ran, Duration) {
    let (own, workers) =
        (Builder::new_current_thread().enable_all().build().expect("a runtime"), workers(2));
    let planned = plan(checklist, &Selection::default(), &Clock.local()).expect("a plan");
    let options = Options {
        jobs: way.jobs.unwrap_or(32),
        timeout: None,
        deadline: way.deadline,
        apply: true,
        allow_exec: false,
        fail_fast: way.fail_fast,
        passfile: None,
        services: Services::default(),
        unrecorded: None,
        workers: Some(workers.handle().clone()),
    };
    let header = Header { started: planned.now, strict: way.strict, ..sample::run(&[]).header };
    let begun = Clock.tick();
    let (tell, told) = watch::channel(None);
    let ran = own.block_on(async {
        let run = super::run(&planned, header, options, sinks, told);
        tokio::pin!(run);
        if let Some(stop) = way.stop {
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
    (ran, took)
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

#[test]
fn changes_that_cannot_meet_are_made_together_and_no_more_of_them_than_jobs() {
    let odd = [(Does::Pass, Some(Does::Nap)); 6];
    let things = ["a", "b", "c", "d", "e", "f"];
    for (jobs, peak) in [(32, 6), (2, 2), (1, 1)] {
        let (checklist, changed, traffic) = crossing(&odd, &things);
        let disk = Disk { full_at: ROOMY, intended: 0 };
        let (record, _) = ran_with(&checklist, None, None, jobs, vec![Box::new(disk)]);
        assert_eq!(record.verdict.decision, Decision::Go, "{:?}", record.counts);
        assert_eq!(traffic.peak.load(Ordering::SeqCst), peak, "{jobs} jobs");
        for (check, changed) in record.checks().zip(&changed) {
            assert_eq!(changed.load(Ordering::SeqCst), 1);
            assert_eq!(check.changes[0].state, ChangeState::Applied);
            assert_eq!(check.attempts.len(), 1, "it is looked at again: {check:?}");
        }
    }
}

#[test]
fn changes_that_touch_the_same_are_made_one_after_the_other() {
    let odd = [(Does::Pass, Some(Does::Nap)); 6];
    let (checklist, changed, traffic) = crossing(&odd, &["a", "b"]);
    let (record, _) = ran(&checklist, None, None);
    assert_eq!(record.verdict.decision, Decision::Go);
    assert_eq!(traffic.peak.load(Ordering::SeqCst), 2);
    assert!(changed.iter().all(|changed| changed.load(Ordering::SeqCst) == 1));
}

#[test]
fn a_change_that_is_seen_to_be_wrong_holds_back_those_that_touch_the_same_and_those_not_begun() {
    let odd = [(Does::Pass, Some(Does::Spoil)), (Does::Pass, Some(Does::Pass))];
    for (things, jobs, made) in [(&["a"][..], 32, 0), (&["a", "b"], 1, 0), (&["a", "b"], 32, 1)] {
        let (checklist, changed, _) = crossing(&odd, things);
        let disk = Disk { full_at: ROOMY, intended: 0 };
        let (record, _) = ran_with(&checklist, None, None, jobs, vec![Box::new(disk)]);
        assert_eq!(check(&record, 0).0, Outcome::Fail);
        assert_eq!(changed[1].load(Ordering::SeqCst), made, "{things:?}, {jobs} jobs");
        if made == 0 {
            assert_eq!(check(&record, 1).1, "gonogo.not-applied");
        }
    }
}

#[test]
fn no_change_is_begun_while_a_check_before_it_waits_for_another() {
    // c1 needs c0, which changes something, and is wrong; c2 would change something else.
    let odd = [(Does::Pass, Some(Does::Nap)), (Does::Spoil, None), (Does::Pass, Some(Does::Pass))];
    let (mut checklist, changed, _) = crossing(&odd, &["a", "b", "c"]);
    let first = checklist.steps[0].checks[0].id.clone();
    checklist.steps[0].checks[1].needs = vec![first];
    let (record, _) = ran(&checklist, None, None);
    assert_eq!(check(&record, 1).0, Outcome::Fail);
    assert_eq!(check(&record, 2).1, "gonogo.not-applied");
    assert_eq!(changed[2].load(Ordering::SeqCst), 0);

    // c0 needs c1: what waits for a later change does not keep that from being made.
    let odd = [(Does::Pass, Some(Does::Nap)), (Does::Pass, Some(Does::Pass))];
    let (mut checklist, changed, _) = crossing(&odd, &["a", "b"]);
    let second = checklist.steps[0].checks[1].id.clone();
    checklist.steps[0].checks[0].needs = vec![second];
    let (record, _) = ran(&checklist, None, None);
    assert_eq!(record.verdict.decision, Decision::Go);
    assert!(changed.iter().all(|changed| changed.load(Ordering::SeqCst) == 1));
}

#[test]
fn a_signal_and_a_deadline_find_several_changes_under_way() {
    let odd = [(Does::Pass, Some(Does::Nap)), (Does::Pass, Some(Does::Wait))];
    for (deadline, stop, code) in [
        (None, Some(Stop::Terminate), "gonogo.timeout"),
        (Some(Span::from_millis(100)), None, "gonogo.deadline"),
    ] {
        let (checklist, _, _) = crossing(&odd, &["a", "b"]);
        let (record, took) = ran(&checklist, deadline, stop);
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(check(&record, 1).1, code);
        let states: Vec<ChangeState> =
            record.checks().map(|check| check.changes[0].state).collect();
        assert_eq!(states, [ChangeState::Applied, ChangeState::Intended]);
        assert_eq!(record.verdict.decision, Decision::Hold);
    }
}

#[test]
fn a_change_whose_intent_cannot_be_recorded_is_not_made_and_nothing_else_is_bent() {
    let odd = [
        (Does::Pass, Some(Does::Pass)),
        (Does::Pass, Some(Does::Pass)),
        (Does::Pass, Some(Does::Pass)),
        (Does::Pass, None),
    ];
    for (full_at, made) in [(1, 0), (2, 1), (ROOMY, 3)] {
        let (checklist, changed, _) = crossing(&odd, &["a", "b", "c", "d"]);
        let disk = Disk { full_at, intended: 0 };
        let (record, _) = ran_with(&checklist, None, None, 32, vec![Box::new(disk)]);
        let all: usize = changed.iter().map(|changed| changed.load(Ordering::SeqCst)).sum();
        assert_eq!(all, made);
        for n in made..3 {
            let (outcome, code, summary) = check(&record, n);
            assert_eq!((outcome, code), (Outcome::Pending, "gonogo.not-recorded"));
            assert!(summary.contains("because the log is full"), "{summary}");
            let kept = &record.checks().nth(n).expect("a check").changes;
            assert_eq!((kept.len(), kept[0].state), (1, ChangeState::Proposed));
        }
        assert_eq!(check(&record, 3).0, Outcome::Pass);
        let decision = if made == 3 { Decision::Go } else { Decision::Hold };
        assert_eq!(record.verdict.decision, decision);
    }
    // Where nobody keeps a record at all.
    let (checklist, changed, _) = crossing(&odd[..1], &["a"]);
    let (record, _) = ran_with(&checklist, None, None, 32, Vec::new());
    assert_eq!(check(&record, 0).1, "gonogo.not-recorded");
    assert_eq!(changed[0].load(Ordering::SeqCst), 0);
}

#[test]
fn a_change_that_keeps_its_thread_is_given_up_on_and_nobody_knows_its_end() {
    for stop in [None, Some(Stop::Interrupt)] {
        let (checklist, _) = checklist(&[(Does::Pass, Some(Does::Block)), (Does::Pass, None)]);
        let (record, took) = ran(&checklist, None, stop);
        assert!(took < Duration::from_secs(5), "{took:?}");
        let (outcome, code, summary) = check(&record, 0);
        assert_eq!((outcome, code), (Outcome::Unknown, "gonogo.bug"), "{summary}");
        let changes = &record.checks().next().expect("a check").changes;
        assert_eq!((changes.len(), changes[0].state), (1, ChangeState::Intended));
        assert_eq!(record.verdict.decision, Decision::Hold);
    }
}

#[test]
fn undoing_that_keeps_its_thread_outlives_neither_the_deadline_nor_its_own_limit() {
    for (deadline, said) in
        [(None, "did not come back within 150ms"), (Some(Span::from_millis(300)), "deadline")]
    {
        let odd = [(Does::Pass, Some(Does::Linger)), (Does::Spoil, None)];
        let (mut checklist, counters) = checklist(&odd);
        if deadline.is_some() {
            checklist.steps[0].checks[0].timeout = Some(Span::from_secs(60));
        }
        let (ran, took) = ran_like(&checklist, &Way { deadline, ..Way::default() });
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert_eq!(ran.record.verdict.decision, Decision::NoGo);
        assert_eq!(counters[0].load(Ordering::SeqCst), 1);
        let changes = &ran.record.checks().next().expect("a check").changes;
        let states: Vec<ChangeState> = changes.iter().map(|change| change.state).collect();
        assert_eq!(states, [ChangeState::Applied, ChangeState::Intended]);
        let warning = &ran.warnings[0];
        assert!(warning.contains("not known to be undone") && warning.contains(said), "{warning}");
    }
}

#[test]
fn a_change_that_was_made_stays_in_the_record_of_a_run_that_fails_fast() {
    let odd = [(Does::Pass, Some(Does::Spoil)), (Does::Nap, Some(Does::Nap))];
    let (checklist, changed, _) = crossing(&odd, &["a", "b"]);
    let (ran, _) = ran_like(&checklist, &Way { fail_fast: true, ..Way::default() });
    assert_eq!(ran.record.stopped, Some(Stop::FailFast));
    assert_eq!(changed[1].load(Ordering::SeqCst), 1);
    let second = ran.record.checks().nth(1).expect("a check");
    assert_eq!((second.changes.len(), second.changes[0].state), (1, ChangeState::Applied));
    assert_eq!(check(&ran.record, 1).1, "gonogo.interrupted");
}

#[test]
fn a_strict_run_takes_a_warning_for_the_failure_it_is() {
    for (strict, made) in [(true, 0), (false, 1)] {
        let odd = [(Does::Warn, None), (Does::Pass, Some(Does::Pass))];
        let (checklist, changed) = checklist(&odd);
        let (ran, _) = ran_like(&checklist, &Way { strict, ..Way::default() });
        assert_eq!(changed[1].load(Ordering::SeqCst), made);
        let code = check(&ran.record, 1).1;
        assert_eq!(code == "gonogo.not-applied", strict, "{code}");
    }
    let (checklist, _) = checklist(&[(Does::Warn, None), (Does::Wait, None)]);
    let (ran, _) = ran_like(&checklist, &Way { strict: true, fail_fast: true, ..Way::default() });
    assert_eq!(ran.record.stopped, Some(Stop::FailFast));
}

#[test]
fn a_change_is_known_not_to_be_made_only_where_it_was_refused() {
    for (change, state) in
        [(Does::Lose, ChangeState::Intended), (Does::Refuse, ChangeState::Failed)]
    {
        let (checklist, _) = checklist(&[(Does::Pass, Some(change))]);
        let (record, _) = ran(&checklist, None, None);
        assert_eq!(record.checks().next().expect("a check").changes[0].state, state, "{change:?}");
    }
}

#[test]
fn waits_between_tries_are_doubled_up_to_a_minute() {
    let seconds = |first, tries| attempt::wait(Duration::from_secs(first), tries).as_secs();
    for (first, tries, waits) in
        [(0, 9, 0), (1, 1, 1), (1, 2, 2), (1, 7, 60), (1, 99, 60), (300, 1, 300), (300, 5, 300)]
    {
        assert_eq!(seconds(first, tries), waits, "{first} s after {tries}");
    }
}
