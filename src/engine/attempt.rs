//! One check's life as a task: wait for a slot, try, judge, try again where that can help.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::DEFAULT_TIMEOUT;
use super::limits::Limits;
use super::pause::Pauses;
use super::times::RunClock;
use crate::checklist::{Check, Retry, RetryOn};
use crate::clock::{Clock, millis_since};
use crate::model::code::engine as codes;
use crate::model::facts::Facts;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::id::{CheckId, RunId};
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::people::People;
use crate::model::record::{Attempt, CheckRecord, Skip};
use crate::model::time::Span;
use crate::probe::Services;
use crate::probe::expect::Expectation;
use crate::probe::{AnyProbe, Earlier, JudgeCx, Look, ProbeCx, Receipt, SignOff, by_hand};

/// How many tries that a pause of this machine fell into count for nothing.
const MAX_DISTURBED: usize = 2;

/// What all checks of a run share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) run: RunId,
    pub(super) operator: Option<String>,
    pub(super) clock: RunClock,
    pub(super) times: JudgeCx,
    pub(super) allow_exec: bool,
    pub(super) passfile: Option<PathBuf>,
    pub(super) services: Services,
    pub(super) signoffs: Arc<[SignOff]>,
    pub(super) people: Arc<People>,
    pub(super) cap: Option<Span>,
    pub(super) pauses: Arc<Pauses>,
}

/// A check as the engine runs it.
pub(super) struct Job {
    /// The record before anything was looked at.
    pub(super) blank: CheckRecord,
    /// Why it is not looked at.
    pub(super) skip: Option<Skip>,
    /// The answer taken over from an interrupted run.
    pub(super) carried: Option<CheckRecord>,
    /// What recorded runs saw of it.
    pub(super) earlier: Arc<[Earlier]>,
    /// What must pass first, out of what is looked at.
    pub(super) needs: Vec<CheckId>,
    pub(super) peers: Vec<Peer>,
    pub(super) probe: Result<Arc<dyn AnyProbe>, Fault>,
    expect: Arc<[Expectation]>,
    base: PathBuf,
    retry: Retry,
    /// How long one try may take.
    pub(super) allowance: Duration,
    item: String,
    shared: Arc<Shared>,
}

/// What a task tells the loop while it goes on.
#[derive(Debug)]
pub(super) enum News {
    /// A try began.
    Started { job: usize, attempt: usize, at: jiff::Timestamp },
    /// A try ended and another will follow.
    Failed { job: usize, attempt: Attempt },
}

/// What a task came to.
#[derive(Debug)]
pub(super) struct Outcomes {
    /// The check's record; not yet final when a change is to be made.
    pub(super) check: CheckRecord,
    /// The change that would have to be made, one line; with the facts it follows from.
    pub(super) proposal: Option<(String, Facts)>,
}

impl Job {
    pub(super) fn new(
        check: &Check,
        skip: Option<Skip>,
        needs: Vec<CheckId>,
        shared: &Arc<Shared>,
    ) -> Self {
        let (probe, mut peers, waits) = match &check.probe {
            Ok(probe) => (Ok(Arc::clone(probe)), probe.targets(), probe.waits()),
            Err(fault) => (Err(fault.clone()), Vec::new(), Duration::ZERO),
        };
        // What is said in words is not one peer: nobody waits for others' certificates or redirects.
        peers.retain(|peer| !peer.address.contains(' '));
        let stated = check.timeout;
        let timeout = match (stated, shared.cap) {
            (Some(stated), Some(cap)) => stated.min(cap),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => DEFAULT_TIMEOUT,
        };
        Self {
            blank: blank(check, skip.clone()),
            skip,
            carried: None,
            earlier: Arc::new([]),
            needs,
            peers,
            probe,
            expect: Arc::clone(&check.expect),
            base: check.base.clone(),
            retry: check.retry.clone(),
            allowance: timeout.get() + waits,
            item: check.item.clone(),
            shared: Arc::clone(shared),
        }
    }

    /// Whether it is still to be looked at.
    pub(super) fn is_open(&self) -> bool {
        self.skip.is_none() && self.carried.is_none()
    }

    /// Looks, as often as the retry rule says, and gives the record. `made` is what a change of this
    /// run left to be known.
    pub(super) async fn look(
        self: Arc<Self>,
        number: usize,
        made: Option<Arc<Facts>>,
        limits: Limits,
        news: mpsc::Sender<News>,
    ) -> Outcomes {
        let probe = match &self.probe {
            Ok(probe) => probe,
            Err(fault) => return self.without_a_look(fault),
        };
        let _slots = limits.enter(&self.peers).await;
        let clock = self.shared.clock;
        let (started, begun) = (clock.now(), Clock.tick());
        let mut attempts = Vec::new();
        let mut disturbed = 0;
        loop {
            let (at, tick) = (clock.now(), Clock.tick());
            // The loop outlives its tasks, so that somebody always listens.
            let _heard =
                news.send(News::Started { job: number, attempt: attempts.len() + 1, at }).await;
            let before = self.shared.pauses.count();
            let look = self.try_once(probe.as_ref(), made.clone()).await;
            let paused = self.shared.pauses.count() > before && disturbed < MAX_DISTURBED;
            disturbed += usize::from(paused);
            let duration_ms = millis_since(tick);
            let attempt = attempt(at, duration_ms, &look);
            let left = paused || attempts.len() + 1 - disturbed < self.tries();
            if left && self.again(&look, attempt.outcome, paused) {
                let _heard =
                    news.send(News::Failed { job: number, attempt: attempt.clone() }).await;
                attempts.push(attempt);
                tokio::time::sleep(wait(self.retry.backoff.get(), attempts.len())).await;
                continue;
            }
            attempts.push(attempt);
            let record = CheckRecord {
                attempts,
                started: Some(started),
                duration_ms: millis_since(begun),
                ..self.blank.clone()
            };
            return self.conclude(record, look, probe.as_ref());
        }
    }

    /// Whether it can change things: in this run, or in the one that this run finishes.
    pub(super) fn acts(&self) -> bool {
        self.skip.is_none() && self.probe.as_ref().is_ok_and(|probe| probe.act().is_some())
    }

    /// What its change touches.
    pub(super) fn touches(&self) -> Vec<String> {
        let act = self.probe.as_ref().ok().and_then(|probe| probe.act());
        act.map(crate::probe::AnyAct::touches).unwrap_or_default()
    }

    /// Makes the change that the facts call for.
    pub(super) async fn apply(self: Arc<Self>, observation: Facts) -> Result<Receipt, Fault> {
        let probe = self.probe.as_ref().map_err(Clone::clone)?;
        let Some(act) = probe.act() else {
            return Err(Fault::Bug { message: "a change by a kind that makes none".to_owned() });
        };
        self.in_time("making the change", act.apply(observation, &self.context(None))).await
    }

    /// What of its changes a run that ends NO-GO is to undo, as one line.
    pub(super) async fn remains(&self) -> Result<Option<String>, Fault> {
        let Some(act) = self.probe.as_ref().ok().and_then(|probe| probe.act()) else {
            return Ok(None);
        };
        self.in_time("looking for the changes", act.remains(&self.context(None))).await
    }

    /// Undoes its changes.
    pub(super) async fn undo(&self) -> Result<String, Fault> {
        let Some(act) = self.probe.as_ref().ok().and_then(|probe| probe.act()) else {
            return Err(Fault::Bug { message: "a change by a kind that makes none".to_owned() });
        };
        self.in_time("undoing the change", act.undo(&self.context(None))).await
    }

    async fn in_time<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        tokio::time::timeout(self.allowance, work).await.unwrap_or_else(|_| {
            let what = format!("{what} of {}", self.blank.id);
            Err(Fault::Timeout { what, after: self.allowance.into() })
        })
    }

    async fn try_once(
        &self,
        probe: &dyn AnyProbe,
        made: Option<Arc<Facts>>,
    ) -> Result<Look, Fault> {
        let cx = self.context(made);
        let what = || format!("{} check {}", self.blank.kind, self.blank.id);
        let mut look =
            tokio::time::timeout(self.allowance, probe.look(&cx)).await.unwrap_or_else(|_| {
                Err(Fault::Timeout { what: what(), after: self.allowance.into() })
            })?;
        if !self.expect.is_empty() {
            let seen = look.observation.value();
            let unmet = self.expect.iter().filter_map(|expect| expect.judge(&seen));
            look.judged.findings.extend(unmet);
        }
        look.judged.findings.sort_by_key(|finding| std::cmp::Reverse(finding.outcome));
        Ok(look)
    }

    fn context(&self, made: Option<Arc<Facts>>) -> ProbeCx {
        let shared = &self.shared;
        ProbeCx {
            run: shared.run,
            id: self.blank.id.clone(),
            item: self.item.clone(),
            operator: shared.operator.clone(),
            clock: Clock,
            times: shared.times,
            limit: Clock.tick() + self.allowance,
            allowance: self.allowance,
            base: self.base.clone(),
            allow_exec: shared.allow_exec,
            passfile: shared.passfile.clone(),
            services: shared.services.clone(),
            signoffs: Arc::clone(&shared.signoffs),
            people: Arc::clone(&shared.people),
            earlier: Arc::clone(&self.earlier),
            made,
        }
    }

    /// Whether another try can change what this one came to. A failure or a doubt that was seen while
    /// the machine paused is not believed: an answer that came in time seems late.
    fn again(&self, look: &Result<Look, Fault>, outcome: Outcome, paused: bool) -> bool {
        let wanted = match outcome {
            Outcome::Unknown => paused || self.retry.on.contains(&RetryOn::Unknown),
            Outcome::Fail => paused || self.retry.on.contains(&RetryOn::Fail),
            Outcome::Skipped
            | Outcome::NotApplicable
            | Outcome::Pass
            | Outcome::Warn
            | Outcome::Pending => false,
        };
        let helps = match look {
            Err(fault) => fault.is_retryable(),
            // Nothing learnt for want of a privilege stays nothing learnt.
            Ok(look) => look
                .judged
                .findings
                .iter()
                .any(|finding| finding.outcome == outcome && finding.code != codes::DENIED.id),
        };
        wanted && helps
    }

    /// How often it may be tried.
    fn tries(&self) -> usize {
        usize::try_from(self.retry.attempts).unwrap_or(usize::MAX)
    }

    fn conclude(
        &self,
        record: CheckRecord,
        look: Result<Look, Fault>,
        probe: &dyn AnyProbe,
    ) -> Outcomes {
        match look {
            Ok(look) => {
                let proposal = self.propose(&look.observation, probe);
                let outcome = worst(&look.judged.findings);
                let summary = summary(&look.judged.findings, outcome, look.judged.summary);
                let check = CheckRecord {
                    outcome,
                    summary,
                    findings: look.judged.findings,
                    reproduce: by_hand(probe, &self.base, look.judged.reproduce),
                    observation: Some(look.observation),
                    ..record
                };
                Outcomes { check, proposal }
            }
            Err(fault) => {
                let finding = Finding::fault(record.id.as_str(), &fault);
                let check = CheckRecord {
                    outcome: finding.outcome,
                    summary: finding.message.clone(),
                    findings: vec![finding],
                    reproduce: by_hand(probe, &self.base, probe.reproduce()),
                    ..record
                };
                Outcomes { check, proposal: None }
            }
        }
    }

    fn propose(&self, observation: &Facts, probe: &dyn AnyProbe) -> Option<(String, Facts)> {
        let times = JudgeCx { now: Clock.now(), ..self.shared.times };
        let change = probe.act()?.propose(observation, &times).ok().flatten()?;
        Some((change, observation.clone()))
    }

    fn without_a_look(&self, fault: &Fault) -> Outcomes {
        let finding = Finding::fault(self.blank.id.as_str(), fault);
        let at = self.shared.clock.now();
        let attempt = Attempt {
            started: at,
            duration_ms: 0.0,
            outcome: finding.outcome,
            summary: finding.message.clone(),
            fault: Some(fault.clone()),
        };
        let check = CheckRecord {
            outcome: finding.outcome,
            summary: finding.message.clone(),
            findings: vec![finding],
            attempts: vec![attempt],
            started: Some(at),
            ..self.blank.clone()
        };
        Outcomes { check, proposal: None }
    }
}

/// How long to wait after so many tries: doubled for each, but no more than a minute unless the
/// first wait is longer.
pub(super) fn wait(first: Duration, tries: usize) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(16).min(16);
    first.saturating_mul(2_u32.pow(doublings)).min(first.max(Duration::from_mins(1)))
}

/// The worst outcome of some findings; of none, unknown.
fn worst(findings: &[Finding]) -> Outcome {
    findings.iter().map(|finding| finding.outcome).max().unwrap_or(Outcome::Unknown)
}

/// What a line of the table says: the kind's own summary when all is well, else the worst finding,
/// on which target, and how many more there are.
fn summary(findings: &[Finding], outcome: Outcome, own: String) -> String {
    let mut worst = findings.iter().filter(|finding| finding.outcome == outcome);
    let Some(first) = worst.next() else { return own };
    let line = match outcome {
        Outcome::Pass | Outcome::Skipped => return own,
        Outcome::NotApplicable | Outcome::Pending => first.message.clone(),
        Outcome::Warn | Outcome::Unknown | Outcome::Fail => on_target(first),
    };
    match worst.count() {
        0 => line,
        more => format!("{line}; {more} more"),
    }
}

/// A finding's message with its target before it, unless the message names it or it is no address.
fn on_target(finding: &Finding) -> String {
    /// Longer than this, a list of targets would leave no room for the message.
    const SHORT: usize = 60;
    let Finding { target, message, .. } = finding;
    let address = target.contains(['.', ':', '/']) && target.chars().count() <= SHORT;
    let named = message.contains(target.split(' ').next().unwrap_or_default());
    if address && !named { format!("{target}: {message}") } else { message.clone() }
}

fn attempt(started: jiff::Timestamp, duration_ms: f64, look: &Result<Look, Fault>) -> Attempt {
    let (outcome, summary, fault) = match look {
        Ok(look) => {
            let outcome = worst(&look.judged.findings);
            (outcome, summary(&look.judged.findings, outcome, look.judged.summary.clone()), None)
        }
        Err(fault) => (fault.code().default, fault.to_string(), Some(fault.clone())),
    };
    Attempt { started, duration_ms, outcome, summary, fault }
}

/// The record of a check before anything was looked at.
fn blank(check: &Check, skipped: Option<Skip>) -> CheckRecord {
    let (outcome, summary) = match &skipped {
        Some(skip) => (Outcome::Skipped, skip.text.clone()),
        None => (Outcome::Unknown, codes::INTERRUPTED.summary.to_owned()),
    };
    CheckRecord {
        id: check.id.clone(),
        kind: check.kind.to_owned(),
        title: check.title.clone(),
        severity: check.severity,
        outcome,
        summary,
        owner: check.owner.clone(),
        runbook: check.runbook.clone(),
        tags: check.tags.clone(),
        parameters: check.parameters.clone(),
        expect: check.expect.iter().map(|expect| expect.as_str().to_owned()).collect(),
        findings: Vec::new(),
        observation: None,
        attempts: Vec::new(),
        started: None,
        duration_ms: 0.0,
        skipped,
        waived: None,
        changes: Vec::new(),
        reproduce: check.by_hand(),
        source: check.source.clone(),
        quorum: check.quorum,
        sightings: Vec::new(),
    }
}
