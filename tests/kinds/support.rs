//! What the tests of all kinds share: the lab's addresses, and one look without the engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::model::finding::Finding;
use gonogo::model::id::{CheckId, RunId};
use gonogo::model::outcome::Outcome;
use gonogo::model::time::Window;
use gonogo::net::postgres::Services;
use gonogo::probe::{JudgeCx, Probe, ProbeCx};

#[expect(clippy::disallowed_methods, reason = "./dev test says where the lab is")]
/// A value of the running lab by its name in `lab.env`, such as `LAB_DNS_AUTH`.
pub(crate) fn lab(key: &str) -> String {
    let dir = std::env::var("GONOGO_LAB")
        .unwrap_or_else(|_| format!("{}/.lab", env!("CARGO_MANIFEST_DIR")));
    let file = PathBuf::from(dir).join("lab.env");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("no lab at {}: {error}; run ./dev test, or ./dev lab up first", file.display())
    });
    let prefix = format!("{key}=");
    let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("{} has no {key}", file.display())).to_owned()
}

/// A launch now, with a window without length, and `allowance` for the look.
pub(crate) fn context(allowance: Duration) -> ProbeCx {
    let clock = Clock;
    let now = clock.now();
    ProbeCx {
        run: RunId(uuid::Uuid::now_v7()),
        id: CheckId::new("test").expect("a good id"),
        item: "0".repeat(64),
        operator: Some("tester".to_owned()),
        clock,
        times: JudgeCx { now, launch: now, window: Window { from: now, to: now } },
        limit: clock.tick() + allowance,
        allowance,
        base: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        allow_exec: false,
        passfile: None,
        services: Services::default(),
        signoffs: Arc::new([]),
        people: Arc::default(),
        earlier: Arc::new([]),
        made: None,
    }
}

/// One look of a kind: its facts, unless there was a fault, and its findings.
pub(crate) struct Looked<P: Probe> {
    pub(crate) seen: Option<P::Observation>,
    pub(crate) findings: Vec<Finding>,
}

impl<P: Probe> Looked<P> {
    /// The worst outcome.
    pub(crate) fn outcome(&self) -> Outcome {
        self.findings.iter().map(|finding| finding.outcome).max().expect("at least one finding")
    }

    /// The codes of the findings with this outcome, sorted, each once.
    pub(crate) fn codes(&self, outcome: Outcome) -> Vec<&str> {
        let mut codes: Vec<&str> = self
            .findings
            .iter()
            .filter(|finding| finding.outcome == outcome)
            .map(|finding| finding.code.as_str())
            .collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// Looks once with parameters given as JSON, within five seconds.
pub(crate) async fn look<P: Probe>(parameters: serde_json::Value) -> Looked<P> {
    look_in::<P>(parameters, &context(Duration::from_secs(5))).await
}

/// Looks once in a context of the test's own, and judges the facts after a trip through JSON, as a
/// recorded observation would be.
pub(crate) async fn look_in<P: Probe>(parameters: serde_json::Value, cx: &ProbeCx) -> Looked<P> {
    let probe: P = serde_json::from_value(parameters).expect("good parameters");
    assert!(probe.complaints().is_empty(), "{:?}", probe.complaints());
    match probe.observe(cx).await {
        Ok(seen) => {
            let json = serde_json::to_string(&seen).expect("an observation is JSON");
            let seen: P::Observation = serde_json::from_str(&json).expect("and back");
            let times = JudgeCx { now: cx.clock.now(), ..cx.times };
            let findings = probe.judge(&seen, &times);
            assert!(!findings.is_empty(), "a judge says at least one thing");
            for finding in &findings {
                let known = P::CODES.iter().any(|code| code.id == finding.code)
                    || finding.code.starts_with("gonogo.");
                assert!(known, "{} is not among the kind's codes", finding.code);
            }
            Looked { seen: Some(seen), findings }
        }
        Err(fault) => Looked { seen: None, findings: vec![Finding::fault(P::KIND, &fault)] },
    }
}
