//! The blocks below the table: for each check that is not right, what was seen, what would have been
//! right, how to look by hand, and whom to ask.

use serde_json::Value;

use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, RunRecord};

use super::super::bearing::urgency;
use super::super::style::paint;
use super::super::wrap::{self, command, command_lines, line, width, wrap};
use super::super::{Detail, Look, facts, style, vantage, when};

/// Findings of one check that are shown without `--verbose`.
const FINDINGS: usize = 8;
/// Lines of an observation that are shown with it.
const OBSERVATION_LINES: usize = 200;
/// The column the text after a label begins in.
const LABEL: usize = 13;

/// One block for each check that is worth one, worst first.
pub(super) fn blocks(record: &RunRecord, look: &Look) -> Vec<Vec<String>> {
    let mut checks: Vec<&CheckRecord> =
        record.checks().filter(|check| is_worth_a_block(check, look.detail)).collect();
    // Stable: within an outcome the order of the checklist stays; what is waived comes last.
    checks.sort_by_key(|check| urgency(check));
    checks.into_iter().map(|check| block(check, look)).collect()
}

fn is_worth_a_block(check: &CheckRecord, detail: Detail) -> bool {
    match check.outcome {
        Outcome::Skipped => false,
        Outcome::NotApplicable | Outcome::Pass => {
            detail == Detail::Verbose || !check.changes.is_empty()
        }
        Outcome::Warn | Outcome::Pending | Outcome::Unknown | Outcome::Fail => true,
    }
}

fn block(check: &CheckRecord, look: &Look) -> Vec<String> {
    let mut out = Vec::new();
    let verbose = look.detail == Detail::Verbose;
    let telling: Vec<&Finding> = check
        .findings
        .iter()
        .filter(|finding| verbose || finding.outcome > Outcome::Pass)
        .collect();
    let most = if verbose { usize::MAX } else { FINDINGS };
    for finding in telling.iter().take(most) {
        finding_lines(check, finding, look, &mut out);
    }
    if telling.is_empty() {
        title(check, None, look, &mut out);
        labelled("seen", &line(&check.summary), look, &mut out);
    }
    if telling.len() > most {
        let more = format!("{} more findings; --verbose shows them", telling.len() - most);
        labelled("and", &more, look, &mut out);
    }
    for seen in vantage::lines(check) {
        labelled("from", &seen, look, &mut out);
    }
    tries(check, look, &mut out);
    for change in &check.changes {
        let receipt =
            change.receipt.as_ref().map(|r| format!(" ({})", line(r))).unwrap_or_default();
        let text = format!("{}: {}{receipt}", style::change(change.state), line(&change.what));
        labelled("change", &text, look, &mut out);
    }
    by_hand(check, look, &mut out);
    contact(check, telling.first().copied(), look, &mut out);
    for (place, seen) in vantage::observations(check).filter(|_| verbose) {
        if let Some(place) = place {
            labelled("from", &wrap::name(place), look, &mut out);
        }
        observation(&seen, look, &mut out);
    }
    out
}

/// ` dns.match  dns.stale-answer  on 8.8.8.8 for match.game.example.com A`.
fn title(check: &CheckRecord, finding: Option<&Finding>, look: &Look, out: &mut Vec<String>) {
    let outcome = finding.map_or(check.outcome, |finding| finding.outcome);
    let waived = check.waived.is_some() || finding.is_some_and(|finding| finding.waived.is_some());
    let word = style::word(outcome);
    let word = if waived { format!("{word} (waived)") } else { word.to_owned() };
    let id = line(check.id.as_str());
    let what = match finding {
        Some(finding) => format!("{}  {}", line(&finding.code), vantage::target(finding)),
        None if check.title == check.id.as_str() => String::new(),
        None => line(&check.title),
    };
    let indent = width(&id) + width(&word) + 4;
    let painted = format!(
        "{} {}",
        paint(look, style::STRONG, &id),
        paint(look, style::terminal(outcome), &word)
    );
    // A long id leaves no room beside it.
    let (first, room) = if indent > look.width / 2 {
        out.push(format!(" {painted}"));
        (None, look.width - 3)
    } else {
        (Some(painted), look.width - indent)
    };
    for (n, text) in wrap(&what, room).iter().enumerate() {
        match (&first, n) {
            (Some(painted), 0) => out.push(format!(" {painted}  {text}")),
            (Some(_), _) => out.push(format!("{:indent$}{text}", "")),
            (None, _) if text.is_empty() => {}
            (None, _) => out.push(format!("   {text}")),
        }
    }
}

fn finding_lines(check: &CheckRecord, finding: &Finding, look: &Look, out: &mut Vec<String>) {
    title(check, Some(finding), look, out);
    let (seen, expected) = (
        finding.actual.as_deref().map(line).unwrap_or_default(),
        finding.expected.as_deref().map(line).unwrap_or_default(),
    );
    if !finding.message.is_empty() {
        labelled("what", &line(&finding.message), look, out);
    }
    // Side by side where both fit: the eye compares.
    let half = (look.width - LABEL) / 2;
    if !seen.is_empty()
        && !expected.is_empty()
        && width(&seen) + 2 <= half
        && width(&expected) + 10 <= half
    {
        let gap = half - width(&seen);
        let label = paint(look, style::DIM, "expected");
        out.push(format!(
            "   {:<10}{seen}{:gap$}{label}  {expected}",
            paint_label("seen", look),
            ""
        ));
    } else {
        if !seen.is_empty() {
            labelled("seen", &seen, look, out);
        }
        if !expected.is_empty() {
            labelled("expected", &expected, look, out);
        }
    }
    if let Some(waived) = finding.waived.as_ref().or(check.waived.as_ref()) {
        let until = when::short(waived.until, &look.zone, waived.until);
        let text = format!("by {} until {until}: {}", line(&waived.by), line(&waived.reason));
        labelled("waived", &text, look, out);
    }
}

/// A label padded to its column, then painted, so that the paint does not count as width.
fn paint_label(label: &str, look: &Look) -> String {
    let painted = paint(look, style::DIM, label);
    format!("{painted}{:pad$}", "", pad = (LABEL - 3).saturating_sub(width(label)))
}

fn labelled(label: &str, text: &str, look: &Look, out: &mut Vec<String>) {
    put(label, wrap(text, look.width - LABEL), look, out);
}

fn put(label: &str, lines: Vec<String>, look: &Look, out: &mut Vec<String>) {
    for (n, text) in lines.into_iter().enumerate() {
        let label = if n == 0 { label } else { "" };
        out.push(format!("   {}{text}", paint_label(label, look)));
    }
}

fn tries(check: &CheckRecord, look: &Look, out: &mut Vec<String>) {
    if check.attempts.len() < 2 {
        return;
    }
    for (n, attempt) in check.attempts.iter().enumerate() {
        let text = format!(
            "{} in {}: {}",
            style::past(attempt.outcome),
            when::millis(attempt.duration_ms),
            line(&attempt.summary)
        );
        labelled(&format!("try {}", n + 1), &text, look, out);
    }
}

fn by_hand(check: &CheckRecord, look: &Look, out: &mut Vec<String>) {
    for (n, text) in check.reproduce.iter().enumerate() {
        let label = if n == 0 { "by hand" } else { "" };
        let room = look.width - LABEL;
        let lines = command_lines(text).iter().flat_map(|text| command(text, room)).collect();
        put(label, lines, look, out);
    }
}

/// `owner     netops · runbook https://… · gonogo explain dns.stale-answer`.
fn contact(check: &CheckRecord, finding: Option<&Finding>, look: &Look, out: &mut Vec<String>) {
    let label = if check.owner.is_some() { "owner" } else { "see" };
    let mut said: Vec<String> = check.owner.iter().map(|owner| line(owner)).collect();
    said.extend(check.runbook.iter().map(|url| format!("runbook {}", line(url))));
    said.extend(finding.map(|finding| format!("gonogo explain {}", line(&finding.code))));
    let lines = wrap::parts(&said, style::separator(look.glyphs), look.width - LABEL);
    put(label, lines, look, out);
}

fn observation(seen: &Value, look: &Look, out: &mut Vec<String>) {
    let room = look.width - LABEL;
    let all = facts::lines(seen, room);
    let lines: Vec<String> = all
        .iter()
        .take(OBSERVATION_LINES)
        .flat_map(|text| {
            let indent = (text.len() - text.trim_start().len()).min(room / 3);
            wrap(text.trim_start(), room - indent)
                .into_iter()
                .map(move |part| format!("{:indent$}{part}", ""))
        })
        .collect();
    put("facts", lines, look, out);
    if all.len() > OBSERVATION_LINES {
        let more = format!("{} more lines; -o json has them", all.len() - OBSERVATION_LINES);
        labelled("", &more, look, out);
    }
}
