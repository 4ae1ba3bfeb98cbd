//! A card for each check that is not plainly right: what was seen, what would have been right, how to
//! look by hand, whom to ask.

use crate::model::finding::Finding;
use crate::model::record::CheckRecord;
use crate::model::text::count;

use super::super::bearing::{attention, telling};
use super::super::markup::Markup;
use super::super::{style, vantage, when, wrap};
use super::{Page, chip, field, marks};

/// Findings of one check that get a card of their own; the rest stand in its evidence.
const FINDINGS: usize = 25;

pub(super) fn write(page: &Page<'_>, m: &mut Markup) {
    let checks = attention(page.record);
    if checks.is_empty() {
        return;
    }
    m.leaf("h2", &[("id", "findings")], "What needs attention");
    m.line();
    for (n, check) in checks {
        card(page, n, check, m);
    }
}

fn card(page: &Page<'_>, n: usize, check: &CheckRecord, m: &mut Markup) {
    let class = format!("card o-{}", check.outcome);
    let anchor = format!("card-{n}");
    m.tag("article", &[("class", &class), ("id", &anchor), ("data-check", "")], |m| {
        title(check, m);
        let telling = telling(check);
        for finding in telling.iter().take(FINDINGS) {
            case(page, check, finding, m);
        }
        if telling.is_empty() {
            m.leaf("p", &[("class", "case message")], &field(&check.summary));
        }
        if telling.len() > FINDINGS {
            let more = count(telling.len() - FINDINGS, "more finding");
            m.leaf("p", &[("class", "note")], &format!("{more} in the evidence below."));
        }
        if let Some(waived) = &check.waived {
            let until = when::full(waived.until, &page.zone);
            let text =
                format!("Waived by {} until {until}: {}", field(&waived.by), field(&waived.reason));
            m.leaf("p", &[("class", "note")], &text);
        }
        sightings(check, m);
        changes(check, m);
        tries(check, m);
        by_hand(check, m);
        contact(check, telling.first().copied(), m);
    });
    m.line();
}

fn title(check: &CheckRecord, m: &mut Markup) {
    m.tag("header", &[], |m| {
        chip(check.outcome, m);
        m.leaf("h3", &[], &field(check.id.as_str()));
        for mark in marks(check) {
            m.leaf("span", &[("class", "mark")], mark);
        }
        if check.title != check.id.as_str() {
            m.leaf("span", &[("class", "title")], &field(&check.title));
        }
    });
}

fn case(page: &Page<'_>, check: &CheckRecord, finding: &Finding, m: &mut Markup) {
    m.tag("div", &[("class", "case")], |m| {
        m.tag("p", &[("class", "code")], |m| {
            if finding.outcome != check.outcome {
                m.text(style::word(finding.outcome));
            }
            m.leaf("code", &[], &field(&finding.code));
            m.leaf("span", &[], &vantage::target(finding));
        });
        m.leaf("p", &[("class", "message")], &field(&finding.message));
        pair(finding, m);
        if let Some(waived) = finding.waived.as_ref().filter(|w| Some(*w) != check.waived.as_ref())
        {
            let until = when::full(waived.until, &page.zone);
            let text =
                format!("Waived by {} until {until}: {}", field(&waived.by), field(&waived.reason));
            m.leaf("p", &[("class", "note")], &text);
        }
    });
}

fn pair(finding: &Finding, m: &mut Markup) {
    let sides = [("Seen", &finding.actual), ("Expected", &finding.expected)];
    if sides.iter().all(|(_, side)| side.is_none()) {
        return;
    }
    m.tag("dl", &[("class", "pair")], |m| {
        for (name, side) in sides {
            if let Some(side) = side {
                m.tag("div", &[], |m| {
                    m.leaf("dt", &[], name);
                    m.leaf("dd", &[("class", "mono")], &field(side));
                });
            }
        }
    });
}

/// What every vantage point saw.
fn sightings(check: &CheckRecord, m: &mut Markup) {
    let voices = vantage::voices(check);
    if voices.is_empty() {
        return;
    }
    m.leaf("p", &[("class", "label")], "From each vantage point");
    m.tag("ul", &[("class", "tries")], |m| {
        for seen in voices {
            m.tag("li", &[], |m| {
                chip(seen.outcome, m);
                m.leaf("span", &[], &format!("{}: {}", seen.from, field(seen.said)));
            });
        }
    });
}

fn changes(check: &CheckRecord, m: &mut Markup) {
    for change in &check.changes {
        let receipt = change.receipt.as_ref().map(|r| format!(" ({})", field(r)));
        let text = format!(
            "Change {}: {}{}",
            style::change(change.state),
            field(&change.what),
            receipt.unwrap_or_default()
        );
        m.leaf("p", &[("class", "note")], &text);
    }
}

/// Every try, where there was more than one.
pub(super) fn tries(check: &CheckRecord, m: &mut Markup) {
    if check.attempts.len() < 2 {
        return;
    }
    m.leaf("p", &[("class", "label")], "Tries");
    m.tag("ul", &[("class", "tries")], |m| {
        for attempt in &check.attempts {
            m.tag("li", &[], |m| {
                chip(attempt.outcome, m);
                let took = when::millis(attempt.duration_ms);
                m.leaf("span", &[], &format!("{} ({took})", field(&attempt.summary)));
            });
        }
    });
}

/// The commands of standard tools that look at the same thing.
pub(super) fn by_hand(check: &CheckRecord, m: &mut Markup) {
    if check.reproduce.is_empty() {
        return;
    }
    m.leaf("p", &[("class", "label")], "By hand");
    let lines: Vec<String> =
        check.reproduce.iter().flat_map(|text| wrap::command_lines(text)).collect();
    m.tag("pre", &[], |m| m.leaf("code", &[], &lines.join("\n")));
}

fn contact(check: &CheckRecord, finding: Option<&Finding>, m: &mut Markup) {
    m.tag("p", &[("class", "contact")], |m| {
        if let Some(owner) = &check.owner {
            m.tag("span", &[], |m| {
                m.text("Owner ");
                m.leaf("b", &[], &field(owner));
            });
        }
        if let Some(url) = &check.runbook {
            m.tag("span", &[], |m| {
                m.text("Runbook ");
                link(url, m);
            });
        }
        if let Some(finding) = finding {
            m.tag("span", &[], |m| {
                m.text("Explained by ");
                m.leaf("code", &[], &format!("gonogo explain {}", field(&finding.code)));
            });
        }
        m.leaf("span", &[], &format!("{}:{}", field(&check.source.file), check.source.line));
    });
}

/// A link where the address is one of the web's, else its text: `javascript:` is never a link.
fn link(url: &str, m: &mut Markup) {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if is_web && !url.contains(|c: char| c.is_whitespace() || crate::model::text::is_hazard(c)) {
        m.leaf("a", &[("href", url), ("rel", "noreferrer noopener")], &field(url));
    } else {
        m.text(&field(url));
    }
}
