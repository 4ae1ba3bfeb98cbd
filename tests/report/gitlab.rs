//! GitLab's code quality report, read as GitLab reads it.

use std::collections::HashSet;

use gonogo::model::outcome::Outcome;
use gonogo::model::record::RunRecord;
use gonogo::report::{Format, Look, render};
use serde::Deserialize;

use crate::{golden, sample};

/// The shape of an entry, from GitLab's manual; anything else in it is a mistake.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: Severity,
    location: Location,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Info,
    Minor,
    Major,
    Critical,
    Blocker,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lines {
    begin: u32,
}

fn bytes(record: &RunRecord) -> Vec<u8> {
    render(Format::Gitlab, record, &Look::default()).expect("a report renders")
}

fn entries(record: &RunRecord) -> Vec<Entry> {
    serde_json::from_slice(&bytes(record)).expect("a code quality report")
}

#[test]
fn the_launch_as_code_quality() {
    golden::check("launch.gitlab.json", &bytes(&sample::launch()));
    assert_eq!(bytes(&sample::green()), b"[]\n");
}

#[test]
fn every_entry_is_whole_and_its_fingerprint_its_own() {
    for record in [sample::launch(), sample::interrupted(), sample::hostile(), sample::many(200)] {
        let entries = entries(&record);
        let prints: HashSet<&str> = entries.iter().map(|e| e.fingerprint.as_str()).collect();
        assert_eq!(prints.len(), entries.len());
        for entry in &entries {
            assert!(!entry.description.is_empty() && !entry.check_name.is_empty());
            assert!(!entry.location.path.is_empty() && entry.location.lines.begin > 0);
            assert!(!entry.description.contains(gonogo::model::text::is_hazard));
        }
    }
}

#[test]
fn a_fingerprint_outlives_the_words_of_a_finding() {
    let before = entries(&sample::launch());
    let mut record = sample::launch();
    for step in &mut record.steps {
        for check in &mut step.checks {
            for finding in &mut check.findings {
                finding.message.push_str(", as of now");
            }
        }
    }
    let after = entries(&record);
    assert!(!before.is_empty());
    assert_eq!(before.len(), after.len());
    for (a, b) in before.iter().zip(&after) {
        assert_eq!(a.fingerprint, b.fingerprint);
        assert_ne!(a.description, b.description);
    }
}

#[test]
fn twins_are_told_apart_and_weights_follow_the_gate() {
    let mut record = sample::launch();
    let twin = record.steps[0].checks[1].findings[0].clone();
    record.steps[0].checks[1].findings.push(twin);
    let entries = entries(&record);
    let of = |code: &str| entries.iter().filter(move |e| e.check_name == code).collect::<Vec<_>>();
    assert_eq!(of("dns.stale-answer").len(), 2);
    assert_ne!(of("dns.stale-answer")[0].fingerprint, of("dns.stale-answer")[1].fingerprint);
    for (code, severity) in [
        ("dns.stale-answer", Severity::Blocker),
        ("gonogo.denied", Severity::Critical),
        ("manual.unsigned", Severity::Major),
        ("tls.renewal-overdue", Severity::Minor),
        ("dns.ttl-too-long", Severity::Info),
        ("postgres_pool.idle-in-transaction", Severity::Info),
    ] {
        assert_eq!(of(code)[0].severity, severity, "{code}");
    }
}

#[test]
fn a_finding_weighs_what_it_found_and_no_more_than_its_check() {
    let warned = sample::finding("dns.slow", Outcome::Warn, "9.9.9.9", "answers after 900 ms");
    let mut record = sample::launch();
    record.steps[0].checks[1].findings.push(warned);
    let entries_of = |record: &RunRecord, code: &str| {
        let all = entries(record).into_iter().filter(|e| e.check_name == code);
        all.map(|e| (e.severity, e.description)).collect::<Vec<_>>()
    };
    let said = "dns.match WARN: 9.9.9.9: answers after 900 ms".to_owned();
    assert_eq!(entries_of(&record, "dns.slow"), [(Severity::Minor, said)]);
    assert_eq!(entries_of(&record, "dns.stale-answer")[0].0, Severity::Blocker);
    // A quorum finds it right enough; one vantage point still sees the old answer.
    record.steps[0].checks[1].outcome = Outcome::Warn;
    assert_eq!(entries_of(&record, "dns.stale-answer")[0].0, Severity::Minor);
}
