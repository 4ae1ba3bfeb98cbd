//! Every check of the list, step by step, in checklist order.

use crate::model::record::{CheckRecord, StepRecord};

use super::super::bearing::wants_attention;
use super::super::markup::Markup;
use super::super::{headline, when, wrap};
use super::{Page, chip, field, marks};

/// Steps of at most this many checks are kept on one page of paper.
const SHORT: usize = 14;

pub(super) fn write(page: &Page<'_>, m: &mut Markup) {
    if page.record.counts.total == 0 {
        return;
    }
    m.leaf("h2", &[("id", "steps")], "All checks");
    m.line();
    m.tag("p", &[("id", "filter"), ("hidden", "")], |m| {
        m.open(
            "input",
            &[
                ("type", "search"),
                ("placeholder", "Filter checks"),
                ("aria-label", "Filter checks"),
            ],
        );
        m.leaf("span", &[("id", "shown"), ("class", "muted small"), ("role", "status")], "");
    });
    m.line();
    let mut n = 0;
    for (place, step) in page.record.steps.iter().enumerate() {
        one(place + 1, step, &mut n, m);
    }
}

fn one(place: usize, step: &StepRecord, n: &mut usize, m: &mut Markup) {
    let class = if step.checks.len() <= SHORT { "step short" } else { "step" };
    m.tag("section", &[("class", class)], |m| {
        m.tag("h3", &[], |m| {
            m.leaf("span", &[], &format!("{place}. {}", wrap::name(&step.name)));
            m.leaf("span", &[("class", "muted")], &headline::tally(step));
        });
        m.tag("table", &[("class", "checks"), ("role", "table")], |m| {
            head(m);
            m.tag("tbody", &[("role", "rowgroup")], |m| {
                for check in &step.checks {
                    m.line();
                    row(*n, check, m);
                    *n += 1;
                }
            });
        });
    });
    m.line();
}

fn head(m: &mut Markup) {
    m.tag("thead", &[("role", "rowgroup")], |m| {
        m.tag("tr", &[("role", "row")], |m| {
            for (class, name) in [
                ("c-check", "Check"),
                ("c-outcome", "Outcome"),
                ("c-seen", "What was seen"),
                ("c-took", "Took"),
            ] {
                let attributes = [("class", class), ("scope", "col"), ("role", "columnheader")];
                m.leaf("th", &attributes, name);
            }
        });
    });
}

fn row(n: usize, check: &CheckRecord, m: &mut Markup) {
    let class = if headline::is_aside(check) { "aside" } else { "" };
    m.tag("tr", &[("class", class), ("role", "row"), ("data-check", "")], |m| {
        m.tag("td", &[("class", "c-check"), ("role", "cell")], |m| {
            m.tag("div", &[("class", "id")], |m| name(n, check, m));
            if check.title != check.id.as_str() {
                m.leaf("div", &[("class", "title")], &field(&check.title));
            }
        });
        m.tag("td", &[("class", "c-outcome"), ("role", "cell")], |m| {
            chip(check.outcome, m);
            let marks = marks(check);
            if !marks.is_empty() {
                m.tag("div", &[("class", "marks")], |m| {
                    for mark in marks {
                        m.leaf("span", &[("class", "mark")], mark);
                    }
                });
            }
        });
        m.tag("td", &[("class", "c-seen"), ("role", "cell")], |m| seen(check, m));
        let took = check.started.map(|_| when::millis(check.duration_ms)).unwrap_or_default();
        m.leaf("td", &[("class", "c-took muted"), ("role", "cell")], &took);
    });
}

/// The id, leading to its card where it has one.
fn name(n: usize, check: &CheckRecord, m: &mut Markup) {
    let id = field(check.id.as_str());
    if wants_attention(check.outcome) {
        m.leaf("a", &[("href", &format!("#card-{n}"))], &id);
    } else {
        m.text(&id);
    }
}

fn seen(check: &CheckRecord, m: &mut Markup) {
    m.text(&field(check.skipped.as_ref().map_or(&check.summary, |skip| &skip.text)));
    if let Some(tries) = headline::tries(check) {
        m.tag("div", &[("class", "muted small")], |m| m.text(&tries));
    }
}
