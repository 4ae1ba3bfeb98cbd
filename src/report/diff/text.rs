//! The difference for a person at a terminal: the verdicts first, then what changed, then the counts.

use crate::model::outcome::Outcome;

use super::super::style::paint;
use super::super::wrap::{line, name, width, wrap};
use super::super::{Look, style, when};
use super::{Changed, Diff, Fact, Known, RunLine};

/// Facts of one check that are shown.
const FACTS: usize = 8;
/// Columns that lines below a check are moved in by.
const INDENT: usize = 3;

/// Renders the difference, with a final line break.
pub(super) fn render(diff: &Diff, look: &Look) -> String {
    let look = &Look { width: look.width.clamp(60, 200), ..look.clone() };
    let mut out = Vec::new();
    for (word, run) in [("before", &diff.before), ("now", &diff.after)] {
        out.extend(run_line(word, run, look));
    }
    for remark in &diff.remarks {
        out.extend(wrap(remark, look.width));
    }
    for change in &diff.changed {
        out.push(String::new());
        changed(change, look, &mut out);
    }
    for (word, checks) in [("new", &diff.new), ("gone", &diff.gone)] {
        if !checks.is_empty() {
            out.push(String::new());
        }
        for check in checks {
            known(word, check, look, &mut out);
        }
    }
    out.push(String::new());
    out.extend(wrap(&counts(diff, look), look.width));
    let mut text = String::new();
    for line in out {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn run_line(word: &str, run: &RunLine, look: &Look) -> Vec<String> {
    let decision = format!("{:<5}", style::decision(run.decision));
    let mut parts = vec![
        format!("run {}", run.run.short()),
        when::short(run.started, &look.zone, run.started),
        name(&run.name),
    ];
    parts.extend(run.because.iter().cloned());
    let text = parts.join(style::separator(look.glyphs));
    let indent = 8 + decision.len() + 2;
    wrap(&text, look.width.saturating_sub(indent))
        .into_iter()
        .enumerate()
        .map(|(n, text)| {
            let painted = paint(look, style::decision_terminal(run.decision), &decision);
            if n == 0 {
                format!("{word:<8}{painted}  {text}")
            } else {
                format!("{:indent$}{text}", "")
            }
        })
        .collect()
}

fn arrow(before: Outcome, after: Outcome, look: &Look) -> String {
    let word = |outcome| paint(look, style::terminal(outcome), style::word(outcome));
    if before == after {
        return word(after);
    }
    format!("{} -> {}", word(before), word(after))
}

fn changed(change: &Changed, look: &Look, out: &mut Vec<String>) {
    let id = paint(look, style::STRONG, &line(change.id.as_str()));
    out.push(format!("{id}  {}", arrow(change.before, change.after, look)));
    if let Some(summary) = change.summary.as_ref().filter(|_| change.appeared.is_empty()) {
        labelled("now", summary, look, out);
    }
    for said in &change.appeared {
        labelled("new", said, look, out);
    }
    for said in &change.cleared {
        labelled("cleared", said, look, out);
    }
    for fact in &change.asked {
        labelled("asked", &sentence(fact), look, out);
    }
    for fact in change.facts.iter().take(FACTS) {
        labelled("fact", &sentence(fact), look, out);
    }
    if change.facts.len() > FACTS {
        let more = format!("{} more facts; -o json has them", change.facts.len() - FACTS);
        labelled("", &more, look, out);
    }
}

fn sentence(fact: &Fact) -> String {
    format!("{}: {} -> {}", fact.what, fact.before, fact.after)
}

fn labelled(label: &str, text: &str, look: &Look, out: &mut Vec<String>) {
    let indent = INDENT + 9;
    for (n, text) in wrap(text, look.width - indent).into_iter().enumerate() {
        let label = if n == 0 { label } else { "" };
        let pad = 9 - width(label).min(9);
        out.push(format!("{:INDENT$}{}{:pad$}{text}", "", paint(look, style::DIM, label), ""));
    }
}

fn known(word: &str, check: &Known, look: &Look, out: &mut Vec<String>) {
    let id = paint(look, style::STRONG, &line(check.id.as_str()));
    out.push(format!("{id}  {word}  {}", arrow(check.outcome, check.outcome, look)));
    labelled("", &check.summary, look, out);
}

fn counts(diff: &Diff, look: &Look) -> String {
    let outcomes = diff.changed.iter().filter(|change| change.before != change.after).count();
    let mut parts = vec![
        format!("{outcomes} changed outcome"),
        format!("{} changed otherwise", diff.changed.len() - outcomes),
        format!("{} new", diff.new.len()),
        format!("{} gone", diff.gone.len()),
        format!("{} as before", diff.unchanged),
    ];
    if diff.left_out > 0 {
        parts.push(format!("{} left out of one run on purpose", diff.left_out));
    }
    parts.join(style::separator(look.glyphs))
}
