//! Metrics in the text format of Prometheus, for the textfile collector of `node_exporter`: gauges
//! without timestamps, since a textfile has the time of its scrape.

use std::collections::HashSet;

use serde_json::Value;

use crate::model::outcome::{Decision, Outcome};
use crate::model::record::{CheckRecord, RunRecord};

use super::wrap::name;
use super::{style, vantage, when};

/// One metric under way: its name, its help, and a line for each sample.
struct Metric {
    name: &'static str,
    help: &'static str,
    samples: Vec<String>,
}

type Labels<'a> = &'a [(&'static str, &'a str)];

impl Metric {
    const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, samples: Vec::new() }
    }

    /// A sample. Every one bears the checklist's name, so that the files of two lists do not clash.
    fn add(&mut self, record: &RunRecord, labels: Labels<'_>, value: f64) {
        let list = name(&record.header.name);
        let vantage = record.header.vantage.as_deref().map(name);
        let common = [("checklist", Some(list)), ("vantage", vantage)];
        let common = common.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?)));
        let labels: Vec<String> = common
            .chain(labels.iter().copied())
            .map(|(key, value)| format!("{key}=\"{}\"", escape(value)))
            .collect();
        self.samples.push(format!("{}{{{}}} {value}", self.name, labels.join(",")));
    }

    fn write(self, out: &mut Vec<String>) {
        if !self.samples.is_empty() {
            out.push(format!("# HELP {} {}", self.name, self.help));
            out.push(format!("# TYPE {} gauge", self.name));
            out.extend(self.samples);
        }
    }
}

/// A label's value: backslash, quote and line break are escaped; other control characters are already
/// visible text.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Renders the metrics, with a final line break.
pub(super) fn render(record: &RunRecord) -> String {
    let mut out = Vec::new();
    verdict(record, &mut out);
    run(record, &mut out);
    checks(record, &mut out);
    queries(record, &mut out);
    out.join("\n") + "\n"
}

fn verdict(record: &RunRecord, out: &mut Vec<String>) {
    let mut metric = Metric::new(
        "gonogo_verdict",
        "Whether the last run decided this: 1 for the decision it came to, 0 for the others.",
    );
    for decision in [Decision::Go, Decision::Hold, Decision::NoGo, Decision::NothingRan] {
        let word = style::decision(decision).to_lowercase().replace(' ', "-");
        let value = f64::from(u8::from(decision == record.verdict.decision));
        metric.add(record, &[("decision", &word)], value);
    }
    metric.write(out);

    let mut metric = Metric::new("gonogo_checks", "How many checks of the last run ended so.");
    for outcome in Outcome::ALL {
        metric.add(record, &[("outcome", outcome.as_str())], number(record.counts.of(outcome)));
    }
    metric.write(out);
}

fn run(record: &RunRecord, out: &mut Vec<String>) {
    let header = &record.header;
    let mut metric =
        Metric::new("gonogo_run_info", "Which run the other metrics are of; always 1.");
    let run = header.run.to_string();
    let (phase, version) = (name(&header.phase), name(&header.tool.version));
    metric.add(record, &[("run", &run), ("phase", &phase), ("version", &version)], 1.0);
    metric.write(out);

    let mut metric =
        Metric::new("gonogo_run_start_timestamp_seconds", "When the last run began, Unix time.");
    metric.add(record, &[], unix(header.started));
    metric.write(out);

    let mut metric = Metric::new("gonogo_run_duration_seconds", "How long the last run took.");
    if let Some(finished) = record.finished {
        metric.add(record, &[], finished.duration_since(header.started).as_secs_f64());
    }
    metric.write(out);

    let mut metric =
        Metric::new("gonogo_launch_timestamp_seconds", "When the launch is to be, Unix time.");
    if let Some(launch) = when::launch(header) {
        metric.add(record, &[], unix(launch.timestamp()));
    }
    metric.write(out);
}

fn checks(record: &RunRecord, out: &mut Vec<String>) {
    let mut outcome =
        Metric::new("gonogo_check_outcome", "How the check ended: 1, with the outcome as a label.");
    let mut duration =
        Metric::new("gonogo_check_duration_seconds", "How long all tries of the check took.");
    let mut attempts = Metric::new("gonogo_check_attempts", "How many tries the check took.");
    let mut last = Metric::new(
        "gonogo_check_last_run_timestamp_seconds",
        "When the check was last looked at, Unix time.",
    );
    for check in record.checks() {
        let id = check.id.as_str();
        outcome.add(record, &outcome_labels(check), 1.0);
        if let Some(started) = check.started {
            let seconds = check.duration_ms / 1000.0;
            duration.add(record, &[("check", id)], if seconds.is_finite() { seconds } else { 0.0 });
            attempts.add(record, &[("check", id)], number(check.attempts.len()));
            last.add(record, &[("check", id)], unix(started));
        }
    }
    let mut from = Metric::new(
        "gonogo_vantage_check_outcome",
        "How the check ended at a vantage point: 1, with the outcome as a label.",
    );
    for (check, seen) in record.checks().flat_map(|c| c.sightings.iter().map(move |s| (c, s))) {
        let (place, outcome) = (name(&seen.vantage), seen.outcome.as_str());
        let labels = [("check", check.id.as_str()), ("vantage", &place), ("outcome", outcome)];
        from.add(record, &labels, 1.0);
    }
    for metric in [outcome, duration, attempts, last, from] {
        metric.write(out);
    }
}

/// How fast each DNS server answered each question, by the names the kind's schema publishes.
fn queries(record: &RunRecord, out: &mut Vec<String>) {
    let mut metric = Metric::new(
        "gonogo_dns_query_duration_seconds",
        "How long the first answer of a server to a question took.",
    );
    for check in record.checks().filter(|check| check.kind == "dns") {
        for (place, question) in questions(check) {
            let text = |key| question.get(key).and_then(Value::as_str).map(name);
            let (Some(asked), Some(kind)) = (text("name"), text("type")) else { continue };
            // Asked for other networks, the same question has other answers.
            let region = text("region").unwrap_or_default();
            let resolvers = question.get("resolvers").and_then(Value::as_array);
            for resolver in resolvers.into_iter().flatten() {
                let server = resolver.get("server").and_then(Value::as_str).map(name);
                let millis = resolver.pointer("/cold/seen/millis").and_then(Value::as_f64);
                if let (Some(server), Some(millis)) = (server, millis) {
                    let labels = [
                        ("check", check.id.as_str()),
                        ("server", &server),
                        ("name", &asked),
                        ("type", &kind),
                        ("region", &region),
                    ];
                    let from = place.map(|place| ("vantage", name(place)));
                    let from = from.as_ref().map(|(key, place)| (*key, place.as_str()));
                    let labels: Vec<_> = labels.into_iter().chain(from).collect();
                    metric.add(record, &labels, millis / 1000.0);
                }
            }
        }
    }
    // A second sample of the same labels would make a scraper refuse the whole file.
    let mut known = HashSet::new();
    metric.samples.retain(|sample| {
        known
            .insert(sample.rsplit_once(' ').map_or(sample.clone(), |(labels, _)| labels.to_owned()))
    });
    metric.write(out);
}

/// The questions of a check, from each vantage point that asked them.
fn questions(check: &CheckRecord) -> impl Iterator<Item = (Option<&str>, Value)> {
    vantage::observations(check).flat_map(|(place, mut seen)| {
        let questions = match seen.get_mut("questions").map(Value::take) {
            Some(Value::Array(questions)) => questions,
            Some(_) | None => Vec::new(),
        };
        questions.into_iter().map(move |question| (place, question))
    })
}

fn outcome_labels(check: &CheckRecord) -> [(&'static str, &str); 5] {
    [
        ("check", check.id.as_str()),
        ("kind", &check.kind),
        ("severity", style::severity(check.severity)),
        ("outcome", check.outcome.as_str()),
        ("waived", if check.waived.is_some() { "true" } else { "false" }),
    ]
}

fn unix(at: jiff::Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "no list has 2^52 checks")]
const fn number(n: usize) -> f64 {
    n as f64
}
