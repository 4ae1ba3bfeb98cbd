//! A section for each check that is not plainly right: findings, evidence, and how to look by hand.

use crate::model::finding::Finding;
use crate::model::outcome::Severity;
use crate::model::record::{CheckRecord, Waived};
use crate::model::text::count;

use super::super::bearing::{attention, telling};
use super::super::wrap::command_lines;
use super::super::{facts, style, vantage, when};
use super::sheet::{BOTTOM, MARGIN, Role, Sheet, TOP, Type, WIDTH};
use super::table::chip;
use super::{BODY, CODE, LABEL, Paper, SECTION, SMALL, STEP, STRONG, WELL, field, name, printable};

/// Findings of one check that are shown; the record has the others.
const FINDINGS: usize = 12;
/// Facts of an observation that are shown, and the characters they may take; the record has the others.
const FACTS: usize = 40;
const FACTS_LONG: usize = 620;
/// Lines of what was seen, or was expected, that are shown: a page holds them; the record has the others.
const SIDE: usize = 50;
/// Where the text of a check begins, right of its coloured edge.
const X: f32 = MARGIN + 14.0;
const ROOM: f32 = WIDTH - 14.0;

pub(super) fn write(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    let checks = attention(paper.record);
    if checks.is_empty() {
        return;
    }
    sheet.part(Role::Section, |sheet| {
        for (n, (_, check)) in checks.into_iter().enumerate() {
            sheet.together(|sheet| {
                // The section's heading goes with its first check.
                if n == 0 {
                    sheet.gap(30.0);
                    sheet.heading(2, SECTION, "What needs attention", 150.0);
                }
                sheet.gap(14.0);
                edged(paper, check, sheet);
            });
        }
    });
}

/// A check with its colour along the left edge, on every page it reaches.
fn edged(paper: &Paper<'_>, check: &CheckRecord, sheet: &mut Sheet<'_>) {
    sheet.need(70.0);
    let (page, top) = (sheet.pages.len() - 1, sheet.y);
    sheet.part(Role::Section, |sheet| one(paper, check, sheet));
    let ink = style::ink(check.outcome).light;
    let last = sheet.pages.len() - 1;
    for n in page..=last {
        let from = if n == page { top } else { TOP };
        let to = if n == last { sheet.y } else { BOTTOM };
        let mut edge = Sheet::new(sheet.faces);
        edge.block(MARGIN, from, 3.0, (to - from).max(1.0), 1.5, ink);
        sheet.pages[n].append(&mut edge.pages[0]);
    }
}

fn one(paper: &Paper<'_>, check: &CheckRecord, sheet: &mut Sheet<'_>) {
    title(check, sheet);
    if check.title != check.id.as_str() {
        let kind = Type { size: BODY.size, leading: BODY.leading, ..SMALL };
        sheet.text(X, ROOM, kind, &field(&check.title), Role::Paragraph);
    }
    let telling = telling(check);
    for finding in telling.iter().take(FINDINGS) {
        sheet.gap(7.0);
        case(check, finding, sheet);
        if let Some(waived) = finding.waived.as_ref().filter(|w| Some(*w) != check.waived.as_ref())
        {
            waiver(paper, waived, sheet);
        }
    }
    if telling.is_empty() {
        sheet.gap(7.0);
        sheet.text(X, ROOM, BODY, &field(&check.summary), Role::Paragraph);
    }
    if telling.len() > FINDINGS {
        let more =
            format!("{}; the record has them.", count(telling.len() - FINDINGS, "more finding"));
        sheet.text(X, ROOM, SMALL, &more, Role::Paragraph);
    }
    if let Some(waived) = &check.waived {
        waiver(paper, waived, sheet);
    }
    for change in &check.changes {
        let text = format!("Change {}: {}", style::change(change.state), field(&change.what));
        sheet.gap(5.0);
        sheet.text(X, ROOM, BODY, &text, Role::Paragraph);
    }
    sightings(check, sheet);
    tries(check, sheet);
    let commands: Vec<String> = check
        .reproduce
        .iter()
        .flat_map(|text| command_lines(text))
        .map(|l| printable(&l))
        .collect();
    well("BY HAND", &commands, sheet);
    well("EVIDENCE", &evidence(check), sheet);
    contact(check, telling.first().copied(), sheet);
}

fn title(check: &CheckRecord, sheet: &mut Sheet<'_>) {
    let id = field(check.id.as_str());
    let (page, y) = (sheet.pages.len() - 1, sheet.y);
    sheet.entries.push(super::sheet::Entry { level: 3, title: id.clone(), page, y });
    sheet.part(Role::Heading { level: 3, title: id.clone() }, |sheet| {
        let leaf = sheet.leaf();
        let width = chip(sheet, X, sheet.y + 1.0, check.outcome, leaf);
        let mut marks = String::new();
        if check.severity == Severity::Advisory {
            marks.push_str(" · advisory");
        }
        if check.waived.is_some() {
            marks.push_str(" · waived");
        }
        let lines = sheet.lines(&format!("{id}{marks}"), STEP, ROOM - width - 8.0);
        for line in lines {
            sheet.line(X + width + 8.0, sheet.y, STEP, &format!("{line} "), Some(leaf));
            sheet.y += STEP.leading;
        }
    });
}

fn case(check: &CheckRecord, finding: &Finding, sheet: &mut Sheet<'_>) {
    sheet.need(40.0);
    let word = if finding.outcome == check.outcome {
        String::new()
    } else {
        format!("{} ", style::word(finding.outcome))
    };
    let about = format!("{word}{}  {}", field(&finding.code), field(&vantage::target(finding)));
    sheet.text(X, ROOM, SMALL, &about, Role::Paragraph);
    sheet.text(X, ROOM, STRONG, &field(&finding.message), Role::Paragraph);
    pair(finding, sheet);
}

/// What was seen and what would have been right, side by side.
fn pair(finding: &Finding, sheet: &mut Sheet<'_>) {
    let sides: Vec<(&str, String)> = [("SEEN", &finding.actual), ("EXPECTED", &finding.expected)]
        .into_iter()
        .filter_map(|(label, side)| Some((label, field(side.as_deref()?))))
        .collect();
    if sides.is_empty() {
        return;
    }
    let half = (ROOM - 8.0) / 2.0;
    let measured: Vec<(&str, Vec<String>)> = sides
        .into_iter()
        .map(|(label, text)| (label, shortened(sheet.lines(&text, CODE, half - 16.0))))
        .collect();
    let most = measured.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "a field has few lines")]
    let height = LABEL.leading + CODE.leading * most as f32 + 11.0;
    sheet.y += 4.0;
    sheet.need(height);
    let top = sheet.y;
    let mut x = X;
    for (label, lines) in measured {
        sheet.block(x, top, half, height, 4.0, WELL);
        sheet.part(Role::Paragraph, |sheet| {
            let leaf = sheet.leaf();
            let mut y = top + 5.0;
            sheet.line(x + 8.0, y, LABEL, &format!("{label} "), Some(leaf));
            y += LABEL.leading;
            for line in lines {
                sheet.line(x + 8.0, y, CODE, &format!("{line} "), Some(leaf));
                y += CODE.leading;
            }
        });
        x += half + 8.0;
    }
    sheet.y = top + height;
}

/// At most [`SIDE`] lines; the last says how many there are more.
fn shortened(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > SIDE {
        let more = count(lines.len() - (SIDE - 1), "more line");
        lines.truncate(SIDE - 1);
        lines.push(format!("… {more}; the record has them"));
    }
    lines
}

fn waiver(paper: &Paper<'_>, waived: &Waived, sheet: &mut Sheet<'_>) {
    let until = when::full(waived.until, &paper.zone);
    let text = format!("Waived by {} until {until}: {}", field(&waived.by), field(&waived.reason));
    sheet.gap(5.0);
    sheet.text(X, ROOM, BODY, &text, Role::Paragraph);
}

/// What every vantage point saw.
fn sightings(check: &CheckRecord, sheet: &mut Sheet<'_>) {
    for (n, seen) in vantage::lines(check).enumerate() {
        sheet.gap(if n == 0 { 5.0 } else { 0.0 });
        sheet.text(X, ROOM, BODY, &field(&format!("From {seen}")), Role::Paragraph);
    }
}

fn tries(check: &CheckRecord, sheet: &mut Sheet<'_>) {
    if check.attempts.len() < 2 {
        return;
    }
    sheet.gap(5.0);
    for (n, attempt) in check.attempts.iter().enumerate() {
        let text = format!(
            "Try {}: {} in {}: {}",
            n + 1,
            style::past(attempt.outcome),
            when::millis(attempt.duration_ms),
            field(&attempt.summary)
        );
        sheet.text(X, ROOM, BODY, &text, Role::Paragraph);
    }
}

/// The observation, its first facts, from each vantage point where there are several.
fn evidence(check: &CheckRecord) -> Vec<String> {
    let mut lines = Vec::new();
    for (place, seen) in vantage::observations(check) {
        let place = place.map(|place| format!("from {}: ", name(place))).unwrap_or_default();
        let all = facts::brief(&seen);
        let (mut text, mut shown) = (place, 0);
        for fact in all.iter().take(FACTS) {
            if shown > 0 && text.chars().count() + fact.chars().count() > FACTS_LONG {
                break;
            }
            text.push_str(if shown > 0 { " · " } else { "" });
            text.push_str(&field(fact));
            shown += 1;
        }
        if shown < all.len() {
            text.push_str(&format!(
                " · … {}; the record has them",
                count(all.len() - shown, "more fact")
            ));
        }
        lines.push(text);
    }
    lines
}

/// Lines for or from a machine, on a ground of their own that goes on over pages.
fn well(label: &str, lines: &[String], sheet: &mut Sheet<'_>) {
    if lines.is_empty() {
        return;
    }
    sheet.gap(7.0);
    sheet.need(LABEL.leading + CODE.leading + 12.0);
    sheet.text(X, ROOM, LABEL, label, Role::Paragraph);
    sheet.y += 1.0;
    sheet.part(Role::Code, |sheet| {
        let leaf = sheet.leaf();
        let wrapped: Vec<String> =
            lines.iter().flat_map(|line| sheet.lines(line, CODE, ROOM - 16.0)).collect();
        let last = wrapped.len() - 1;
        for (n, line) in wrapped.iter().enumerate() {
            let before = sheet.pages.len();
            sheet.need(CODE.leading + 4.0);
            let fresh = n == 0 || sheet.pages.len() > before;
            let (head, foot) = (if fresh { 4.0 } else { 0.0 }, if n == last { 4.0 } else { 0.0 });
            // A little more than the line, so that no seam shows between two grounds.
            sheet.block(X, sheet.y, ROOM, CODE.leading + head + foot + 0.2, 0.0, WELL);
            sheet.line(X + 8.0, sheet.y + head, CODE, &format!("{line} "), Some(leaf));
            sheet.y += CODE.leading + head + foot;
        }
    });
}

fn contact(check: &CheckRecord, finding: Option<&Finding>, sheet: &mut Sheet<'_>) {
    let mut parts = Vec::new();
    parts.extend(check.owner.iter().map(|owner| format!("owner {}", field(owner))));
    parts.extend(check.runbook.iter().map(|url| format!("runbook {}", field(url))));
    parts.extend(finding.map(|finding| format!("gonogo explain {}", field(&finding.code))));
    parts.push(format!("{}:{}", field(&check.source.file), check.source.line));
    sheet.gap(6.0);
    sheet.text(X, ROOM, SMALL, &parts.join(" · "), Role::Paragraph);
}
