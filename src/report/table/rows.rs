//! Which checks get a row of their own, and which are folded into one line.

use std::collections::HashMap;

use crate::model::outcome::{Outcome, Severity};
use crate::model::record::{CheckRecord, RunRecord, SkipReason, StepRecord};
use crate::model::text::one_line as line;

use super::super::wrap::name;

use super::super::{Detail, Look, headline, style, when};

/// Rows a list may have before its passes are folded.
const ROWS: usize = 12;
/// Checks skipped for the same reason that are shown one by one.
const SAME_SKIP: usize = 3;

/// One row of the table, as text.
pub(super) struct Line {
    /// The step's name, where it changes.
    pub(super) step: String,
    /// The check's id, or how many were folded.
    pub(super) check: String,
    /// Its outcome; absent for checks left out by the person who started the run.
    pub(super) outcome: Option<Outcome>,
    /// Words under the outcome's own: `waived`, `advisory`.
    pub(super) marks: Vec<&'static str>,
    /// What was seen, a paragraph each.
    pub(super) seen: Vec<String>,
}

impl Line {
    /// The outcome's word and its marks, a line each.
    pub(super) fn outcome_lines(&self) -> Vec<String> {
        let word = self.outcome.map_or("", style::word);
        std::iter::once(word).chain(self.marks.iter().copied()).map(str::to_owned).collect()
    }
}

/// What to do with a check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Shown,
    Folded,
    /// Left out by the selection.
    Aside,
}

/// The rows, in checklist order, with the folded ones at the end.
pub(super) fn select(record: &RunRecord, look: &Look) -> Vec<Line> {
    let fates = fates(record, look.detail);
    let mut lines = Vec::new();
    let mut folded: Vec<&CheckRecord> = Vec::new();
    let mut aside: Vec<&CheckRecord> = Vec::new();
    let mut fates = fates.into_iter();
    for step in &record.steps {
        let mut title = name(&step.name);
        for check in &step.checks {
            match fates.next().unwrap_or(Fate::Shown) {
                Fate::Shown => lines.push(shown(std::mem::take(&mut title), check, look)),
                Fate::Folded => folded.push(check),
                Fate::Aside => aside.push(check),
            }
        }
    }
    let before = lines.len();
    folds(&folded, &mut lines);
    lines.extend(aside_line(&aside, look));
    if let Some(first) = lines.get_mut(before) {
        style::ellipsis(look.glyphs).clone_into(&mut first.step);
    }
    lines
}

/// One fate for each check, in checklist order.
fn fates(record: &RunRecord, detail: Detail) -> Vec<Fate> {
    if detail == Detail::Verbose {
        return record.checks().map(|_| Fate::Shown).collect();
    }
    let mut alike: HashMap<&str, usize> = HashMap::new();
    for skip in record.checks().filter_map(|check| check.skipped.as_ref()) {
        *alike.entry(&skip.text).or_default() += 1;
    }
    let many = |check: &CheckRecord| {
        let text = check.skipped.as_ref().map(|skip| skip.text.as_str());
        text.and_then(|text| alike.get(text)).is_some_and(|n| *n > SAME_SKIP)
    };
    let must = |check: &CheckRecord| !headline::is_aside(check) && !is_quiet(check) && !many(check);
    let looked = record.checks().filter(|check| !headline::is_aside(check)).count();
    let musts = record.checks().filter(|check| must(check)).count();
    let mut room = if looked <= ROWS { looked } else { ROWS.saturating_sub(musts) };

    let mut fates = Vec::with_capacity(record.counts.total);
    for step in &record.steps {
        let troubled = looked <= ROWS || has_trouble(step);
        for check in &step.checks {
            fates.push(if headline::is_aside(check) {
                Fate::Aside
            } else if must(check) {
                Fate::Shown
            } else if is_quiet(check) && troubled && room > 0 {
                // A pass beside a failure tells where the trouble ends.
                room -= 1;
                Fate::Shown
            } else {
                Fate::Folded
            });
        }
    }
    fates
}

/// Whether a check says only that all is well.
fn is_quiet(check: &CheckRecord) -> bool {
    matches!(check.outcome, Outcome::Pass | Outcome::NotApplicable)
        && check.attempts.len() < 2
        && check.waived.is_none()
        && check.changes.is_empty()
}

fn has_trouble(step: &StepRecord) -> bool {
    step.checks.iter().any(|check| !headline::is_aside(check) && !is_quiet(check))
}

fn shown(step: String, check: &CheckRecord, look: &Look) -> Line {
    let mut seen = vec![match &check.skipped {
        Some(skip) => line(&skip.text),
        None => line(&check.summary),
    }];
    if let Some(tries) = headline::tries(check) {
        seen[0] = format!("{}{}{tries}", seen[0], style::separator(look.glyphs));
    }
    let mut marks = Vec::new();
    if check.severity == Severity::Advisory && check.outcome > Outcome::Pass {
        marks.push(style::severity(check.severity));
    }
    if let Some(waived) = &check.waived {
        marks.push("waived");
        let until = when::short(waived.until, &look.zone, waived.until);
        seen.push(format!(
            "waived by {} until {until}: {}",
            line(&waived.by),
            line(&waived.reason)
        ));
    }
    Line { step, check: line(check.id.as_str()), outcome: Some(check.outcome), marks, seen }
}

fn folds(folded: &[&CheckRecord], lines: &mut Vec<Line>) {
    for outcome in [Outcome::Pass, Outcome::NotApplicable] {
        let n = folded.iter().filter(|check| check.outcome == outcome).count();
        if n > 0 {
            lines.push(fold(n, Some(outcome), String::new()));
        }
    }
    let mut groups: Vec<(&str, usize)> = Vec::new();
    for skip in folded.iter().filter_map(|check| check.skipped.as_ref()) {
        match groups.iter_mut().find(|(text, _)| *text == skip.text) {
            Some((_, n)) => *n += 1,
            None => groups.push((&skip.text, 1)),
        }
    }
    for (text, n) in groups {
        lines.push(fold(n, Some(Outcome::Skipped), line(text)));
    }
}

fn fold(n: usize, outcome: Option<Outcome>, seen: String) -> Line {
    let check = format!("{n} more");
    Line { step: String::new(), check, outcome, marks: Vec::new(), seen: vec![seen] }
}

/// All that another phase or the command line left out, in one line.
fn aside_line(aside: &[&CheckRecord], look: &Look) -> Option<Line> {
    let parts: Vec<String> = [SkipReason::Phase, SkipReason::NotSelected, SkipReason::Shard]
        .into_iter()
        .filter_map(|reason| {
            let n = aside
                .iter()
                .filter(|check| check.skipped.as_ref().is_some_and(|skip| skip.reason == reason))
                .count();
            (n > 0).then(|| format!("{n} {}", style::skip(reason)))
        })
        .collect();
    let text = parts.join(style::separator(look.glyphs));
    (!parts.is_empty()).then(|| fold(aside.len(), Some(Outcome::Skipped), text))
}
