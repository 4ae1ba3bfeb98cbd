//! JUnit XML in the dialect of Jenkins, which every CI host reads. It has no standard, so what is
//! written here is what Jenkins' and GitLab's readers share: a suite for each step, a case for each
//! check, at most one of `failure`, `error`, `skipped`, then `system-out`. A run that is not whole has a
//! suite of its own before them, since a host that reads cases alone would take it for green.

use jiff::Timestamp;

use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, RunRecord, StepRecord};

use super::bearing::{Bearing, bearing, code, said, story};
use super::headline;
use super::markup::{Attributes, Markup};
use super::style;
use super::wrap::{line, name};

/// The suite of the run itself.
const RUN_ITSELF: &str = "gonogo";

/// Renders the report, with a final line break.
pub(super) fn render(record: &RunRecord) -> String {
    let mut out = Markup::default();
    out.own("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let gaps = headline::gaps(record);
    let mut all = Tally::of(record, record.checks());
    if !gaps.is_empty() {
        all.tests += 1;
        all.errors += 1;
    }
    let took = record.finished.map_or(all.seconds, |end| {
        end.duration_since(record.header.started).unsigned_abs().as_secs_f64()
    });
    out.tag(
        "testsuites",
        &[
            ("name", &name(&record.header.name)),
            ("tests", &all.tests.to_string()),
            ("failures", &all.failures.to_string()),
            ("errors", &all.errors.to_string()),
            ("time", &seconds(took)),
        ],
        |m| {
            m.line();
            if !gaps.is_empty() {
                run_itself(record, &gaps, m);
            }
            for step in &record.steps {
                suite(record, step, m);
            }
        },
    );
    out.line();
    out.finish()
}

/// The counters of a suite.
#[derive(Default)]
struct Tally {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    seconds: f64,
}

impl Tally {
    fn of<'a>(record: &RunRecord, checks: impl Iterator<Item = &'a CheckRecord>) -> Self {
        let mut tally = Self::default();
        for check in checks {
            tally.tests += 1;
            tally.seconds += check.duration_ms / 1000.0;
            match bearing(record, check) {
                Bearing::Failed => tally.failures += 1,
                Bearing::Unknown => tally.errors += 1,
                Bearing::Pending | Bearing::Excused(_) | Bearing::LeftOut => tally.skipped += 1,
                Bearing::Passed | Bearing::Warned => {}
            }
        }
        tally
    }
}

/// Seconds with a dot, never in scientific notation.
fn seconds(seconds: f64) -> String {
    format!("{:.3}", if seconds.is_finite() { seconds.max(0.0) } else { 0.0 })
}

fn suite(record: &RunRecord, step: &StepRecord, m: &mut Markup) {
    let tally = Tally::of(record, step.checks.iter());
    let started = step.checks.iter().filter_map(|check| check.started).min();
    let started = started.unwrap_or(record.header.started);
    one_suite(record, &name(&step.name), &tally, started, m, |m| {
        for check in &step.checks {
            case(record, step, check, m);
        }
    });
}

/// The run as a case of its own, which says why it is not whole.
fn run_itself(record: &RunRecord, gaps: &[String], m: &mut Markup) {
    let tally = Tally { tests: 1, errors: 1, ..Tally::default() };
    one_suite(record, RUN_ITSELF, &tally, record.header.started, m, |m| {
        let attributes: Attributes<'_> = &[
            ("classname", RUN_ITSELF),
            ("name", "verdict"),
            ("time", "0.000"),
            ("file", &line(&record.header.checklist.path)),
        ];
        let decision = style::decision(record.verdict.decision);
        let verdict = format!("{decision}: {}", headline::verdict(record).join(", "));
        let error: Attributes<'_> = &[("type", decision), ("message", &gaps.join(" "))];
        m.tag("testcase", attributes, |m| m.leaf("error", error, &verdict));
        m.line();
    });
}

fn one_suite(
    record: &RunRecord,
    name: &str,
    tally: &Tally,
    started: Timestamp,
    m: &mut Markup,
    cases: impl FnOnce(&mut Markup),
) {
    m.tag(
        "testsuite",
        &[
            ("name", name),
            ("tests", &tally.tests.to_string()),
            ("failures", &tally.failures.to_string()),
            ("errors", &tally.errors.to_string()),
            ("skipped", &tally.skipped.to_string()),
            ("time", &seconds(tally.seconds)),
            ("timestamp", &started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ],
        |m| {
            m.line();
            properties(record, m);
            cases(m);
        },
    );
    m.line();
}

fn properties(record: &RunRecord, m: &mut Markup) {
    let header = &record.header;
    let verdict = style::decision(record.verdict.decision);
    let run = header.run.to_string();
    let mut properties: Vec<(&str, String)> = vec![
        ("verdict", verdict.to_owned()),
        ("run", run),
        ("phase", name(&header.phase)),
        ("checklist", line(&header.checklist.path)),
        ("checklist.sha256", line(&header.checklist.sha256)),
    ];
    properties.extend(header.launch.iter().map(|launch| ("launch", line(launch))));
    properties.extend(header.vantage.iter().map(|vantage| ("vantage", name(vantage))));
    m.tag("properties", &[], |m| {
        for (name, value) in &properties {
            m.tag("property", &[("name", name), ("value", value)], |_| {});
        }
    });
    m.line();
}

fn case(record: &RunRecord, step: &StepRecord, check: &CheckRecord, m: &mut Markup) {
    // GitLab keeps the first of two cases with the same classname and name: an id is unique.
    let attributes: Attributes<'_> = &[
        ("classname", &name(&step.name)),
        ("name", &line(check.id.as_str())),
        ("time", &seconds(check.duration_ms / 1000.0)),
        ("file", &line(&check.source.file)),
    ];
    m.tag("testcase", attributes, |m| result(record, check, m));
    m.line();
}

fn result(record: &RunRecord, check: &CheckRecord, m: &mut Markup) {
    let bearing = bearing(record, check);
    let (said, story) = (said(check, bearing), story(check).join("\n"));
    let code = line(code(check));
    let attributes: Attributes<'_> = &[("type", &code), ("message", &said)];
    let tell = |m: &mut Markup| {
        if !story.is_empty() {
            m.leaf("system-out", &[], &story);
        }
    };
    match bearing {
        Bearing::Failed => m.leaf("failure", attributes, &story),
        Bearing::Unknown => m.leaf("error", attributes, &story),
        Bearing::LeftOut if check.outcome == Outcome::NotApplicable => {
            let message = format!("{}: {said}", style::past(check.outcome));
            m.tag("skipped", &[("message", &message)], |_| {});
        }
        Bearing::LeftOut => m.tag("skipped", &[("message", &said)], |_| {}),
        Bearing::Pending => {
            let message = format!("{}: {said}", style::past(check.outcome));
            m.tag("skipped", &[("message", &message)], |_| {});
            tell(m);
        }
        Bearing::Excused(_) => {
            m.tag("skipped", &[("message", &said)], |_| {});
            tell(m);
        }
        Bearing::Warned => {
            flaky(check, m);
            m.leaf("system-out", &[], &format!("{} {said}\n{story}", style::word(check.outcome)));
        }
        Bearing::Passed => {
            flaky(check, m);
            if headline::tries(check).is_some() || !check.changes.is_empty() {
                tell(m);
            }
        }
    }
}

/// The tries before the one that passed.
fn flaky(check: &CheckRecord, m: &mut Markup) {
    let Some((_, before)) = check.attempts.split_last() else { return };
    for attempt in before {
        let code = attempt.fault.as_ref().map_or(code(check), |fault| fault.code().id);
        let attributes = [("type", line(code)), ("message", line(&attempt.summary))];
        let [(kind, code), (message, text)] = &attributes;
        m.tag("flakyFailure", &[(*kind, code.as_str()), (*message, text.as_str())], |_| {});
    }
}
