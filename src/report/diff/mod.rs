//! What changed between two runs: outcomes, findings, what was asked, and the facts that are worth a
//! line; checks that are new and checks that are gone.

mod facts;
mod text;

use std::collections::HashMap;

use serde::Serialize;

use crate::model::id::{CheckId, RunId};
use crate::model::outcome::{Decision, Outcome};
use crate::model::record::{CheckRecord, RunRecord};

use super::bearing::telling;
use super::wrap::line;
use super::{Look, ReportError, headline, vantage};

pub use facts::Fact;

/// What changed between two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// The earlier run, as it was given.
    pub before: RunLine,
    /// The later one.
    pub after: RunLine,
    /// What differs about the runs themselves: another list, phase or place, changed variables.
    pub remarks: Vec<String>,
    /// The checks that both looked at and that changed, in the later list's order.
    pub changed: Vec<Changed>,
    /// The checks that only the later run has.
    pub new: Vec<Known>,
    /// The checks that only the earlier run has.
    pub gone: Vec<Known>,
    /// How many checks one of the runs left out on purpose, so that there is nothing to compare.
    pub left_out: usize,
    /// How many checks are as they were.
    pub unchanged: usize,
}

/// One run in one line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunLine {
    /// The run.
    pub run: RunId,
    /// The checklist's own name.
    pub name: String,
    /// The checklist's file.
    pub checklist: String,
    /// When it began.
    pub started: jiff::Timestamp,
    /// When it ended; absent when it was killed, or is still going on.
    pub finished: Option<jiff::Timestamp>,
    /// The phase that was run.
    pub phase: String,
    /// Where it looked from.
    pub vantage: Option<String>,
    /// Which part of the list it was.
    pub shard: Option<String>,
    /// Who ran it.
    pub operator: Option<String>,
    /// What it decided.
    pub decision: Decision,
    /// What decided it, in words.
    pub because: Vec<String>,
}

/// A check that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// Which.
    pub id: CheckId,
    /// How it ended before.
    pub before: Outcome,
    /// How it ends now.
    pub after: Outcome,
    /// What is seen now, where the outcome changed.
    pub summary: Option<String>,
    /// What is wrong now and was not before: `tls.expired 192.0.2.1:443: …`.
    pub appeared: Vec<String>,
    /// What was wrong before and is not any more.
    pub cleared: Vec<String>,
    /// What is asked differently: weight, waiver, parameters.
    pub asked: Vec<Fact>,
    /// What is seen differently.
    pub facts: Vec<Fact>,
}

/// A check that only one of the runs has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Known {
    /// Which.
    pub id: CheckId,
    /// How it ended there.
    pub outcome: Outcome,
    /// What was seen there.
    pub summary: String,
}

impl RunLine {
    /// A run in one line.
    #[must_use]
    pub fn of(record: &RunRecord) -> Self {
        let header = &record.header;
        Self {
            run: header.run,
            name: header.name.clone(),
            checklist: header.checklist.path.clone(),
            started: header.started,
            finished: record.finished,
            phase: header.phase.clone(),
            vantage: header.vantage.clone(),
            shard: header.shard.clone(),
            operator: header.operator.clone(),
            decision: record.verdict.decision,
            because: headline::because(record),
        }
    }
}

impl Diff {
    /// Compares two runs.
    #[must_use]
    pub fn of(before: &RunRecord, after: &RunRecord) -> Self {
        let known = |record: &'_ RunRecord| -> HashMap<CheckId, CheckRecord> {
            record.checks().map(|check| (check.id.clone(), check.clone())).collect()
        };
        let (old, now) = (known(before), known(after));
        let only = |record: &RunRecord, other: &HashMap<CheckId, CheckRecord>| {
            let alone = record.checks().filter(|check| !other.contains_key(&check.id));
            alone.map(Known::of).collect()
        };
        let (mut changed, mut left_out, mut unchanged) = (Vec::new(), 0, 0);
        for check in after.checks() {
            let Some(earlier) = old.get(&check.id) else { continue };
            if headline::is_aside(earlier) || headline::is_aside(check) {
                left_out += 1;
            } else {
                match Changed::of(earlier, check) {
                    Some(change) => changed.push(change),
                    None => unchanged += 1,
                }
            }
        }
        Self {
            before: RunLine::of(before),
            after: RunLine::of(after),
            remarks: remarks(before, after),
            changed,
            new: only(after, &old),
            gone: only(before, &now),
            left_out,
            unchanged,
        }
    }

    /// The difference as one JSON document, with a final line break.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, ReportError> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The difference for a person at a terminal, with a final line break.
    #[must_use]
    pub fn to_text(&self, look: &Look) -> String {
        text::render(self, look)
    }
}

impl Known {
    fn of(check: &CheckRecord) -> Self {
        let said = check.skipped.as_ref().map_or(&check.summary, |skip| &skip.text);
        Self { id: check.id.clone(), outcome: check.outcome, summary: line(said) }
    }
}

impl Changed {
    fn of(before: &CheckRecord, after: &CheckRecord) -> Option<Self> {
        let (old, now) = (open(before), open(after));
        let only = |some: &[(String, String)], other: &[(String, String)]| {
            let alone = some.iter().filter(|(about, _)| !other.iter().any(|(a, _)| a == about));
            alone.map(|(_, said)| said.clone()).collect()
        };
        let seen = |check: &CheckRecord| {
            let all = vantage::observations(check);
            all.map(|(place, seen)| (place.unwrap_or_default().to_owned(), seen.clone())).collect()
        };
        let facts = match (before.skipped.is_some(), after.skipped.is_some()) {
            // What was not looked at now has not lost its facts.
            (false, false) => facts::changed(&seen(before), &seen(after)),
            (true, _) | (_, true) => Vec::new(),
        };
        let change = Self {
            id: after.id.clone(),
            before: before.outcome,
            after: after.outcome,
            summary: (before.outcome != after.outcome).then(|| Known::of(after).summary),
            appeared: only(&now, &old),
            cleared: only(&old, &now),
            asked: asked(before, after),
            facts,
        };
        let quiet = change.before == change.after
            && change.appeared.is_empty()
            && change.cleared.is_empty()
            && change.asked.is_empty()
            && change.facts.is_empty();
        (!quiet).then_some(change)
    }
}

/// What is not right: what it is about, and what to say of it.
fn open(check: &CheckRecord) -> Vec<(String, String)> {
    let about = |code: &str, target: &str| format!("{code}\0{target}");
    telling(check)
        .into_iter()
        .map(|finding| {
            let waived = if finding.waived.is_some() { " (waived)" } else { "" };
            let said = format!(
                "{} {}: {}{waived}",
                line(&finding.code),
                vantage::target(finding),
                line(&finding.message)
            );
            (about(&finding.code, &finding.target), said)
        })
        .collect()
}

fn asked(before: &CheckRecord, after: &CheckRecord) -> Vec<Fact> {
    let mut asked = Vec::new();
    let mut differ = |what: &str, before: String, after: String| {
        if before != after {
            asked.push(Fact { what: what.to_owned(), before, after });
        }
    };
    let severity = |check: &CheckRecord| super::style::severity(check.severity).to_owned();
    differ("severity", severity(before), severity(after));
    differ("kind", line(&before.kind), line(&after.kind));
    let waived = |check: &CheckRecord| {
        check
            .waived
            .as_ref()
            .map_or("none".to_owned(), |w| format!("by {} until {}", line(&w.by), w.until))
    };
    differ("waiver", waived(before), waived(after));
    asked.extend(facts::all(&before.parameters, &after.parameters));
    asked
}

/// What differs about the runs themselves.
fn remarks(before: &RunRecord, after: &RunRecord) -> Vec<String> {
    let (a, b) = (&before.header, &after.header);
    let mut remarks = Vec::new();
    let mut differ = |what: &str, a: &str, b: &str| {
        if a != b {
            remarks.push(format!("{what}: {} before, {} now", line(a), line(b)));
        }
    };
    differ("list", &a.name, &b.name);
    differ("phase", &a.phase, &b.phase);
    let none = "none";
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| none.to_owned());
    differ("vantage", &text(&a.vantage), &text(&b.vantage));
    differ("shard", &text(&a.shard), &text(&b.shard));
    differ("launch", &text(&a.launch), &text(&b.launch));
    if a.name == b.name && a.checklist.sha256 != b.checklist.sha256 {
        remarks.push("the checklist was changed between them".to_owned());
    }
    if a.strict != b.strict {
        let one = if a.strict { "the earlier" } else { "the later" };
        remarks.push(format!("only {one} run counts warnings as failures (--strict)"));
    }
    let (a, b) = (serde_json::json!(a.vars), serde_json::json!(b.vars));
    for Fact { what, before, after } in facts::all(&a, &b) {
        remarks.push(format!("variable {what}: {before} before, {after} now"));
    }
    for (record, which) in [(before, "earlier"), (after, "later")] {
        if record.finished.is_none() {
            remarks
                .push(format!("the {which} run has no end: it was killed, or is still going on"));
        }
    }
    remarks
}
