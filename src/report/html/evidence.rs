//! The lower part of the page: waivers, changes, the evidence of every check, the legend, and on paper
//! the room to sign.

use serde_json::Value;

use crate::model::outcome::Outcome;
use crate::model::record::CheckRecord;
use crate::model::text::count;

use super::super::markup::Markup;
use super::super::{bearing, style, vantage, when};
use super::{Page, chip, field, findings};

/// The longest observation shown, in bytes of JSON; the record has it all.
const OBSERVATION_LIMIT: usize = 64 * 1024;

pub(super) fn write(page: &Page<'_>, m: &mut Markup) {
    waivers(page, m);
    changes(page, m);
    evidence(page, m);
    legend(m);
    signatures(m);
}

pub(super) fn table(heads: &[&str], rows: Vec<Vec<String>>, m: &mut Markup) {
    m.tag("table", &[("class", "plain"), ("role", "table")], |m| {
        m.tag("thead", &[("role", "rowgroup")], |m| {
            m.tag("tr", &[("role", "row")], |m| {
                for head in heads {
                    m.leaf("th", &[("scope", "col"), ("role", "columnheader")], head);
                }
            });
        });
        m.tag("tbody", &[("role", "rowgroup")], |m| {
            for row in rows {
                m.line();
                m.tag("tr", &[("role", "row")], |m| {
                    for cell in row {
                        m.leaf("td", &[("role", "cell")], &cell);
                    }
                });
            }
        });
    });
    m.line();
}

fn waivers(page: &Page<'_>, m: &mut Markup) {
    let mut rows = Vec::new();
    for check in page.record.checks() {
        for (finding, waived) in bearing::waivers(check) {
            let what = finding.map_or_else(String::new, |f| format!(" {}", field(&f.code)));
            rows.push(vec![
                format!("{}{what}", check.id),
                field(&waived.reason),
                field(&waived.by),
                when::full(waived.until, &page.zone),
            ]);
        }
    }
    if !rows.is_empty() {
        m.leaf("h2", &[], "Waivers");
        table(&["What", "Why it is acceptable", "Accepted by", "Until"], rows, m);
    }
}

fn changes(page: &Page<'_>, m: &mut Markup) {
    let rows: Vec<Vec<String>> = page
        .record
        .checks()
        .flat_map(|check| check.changes.iter().map(move |change| (check, change)))
        .map(|(check, change)| {
            vec![
                check.id.to_string(),
                field(&change.what),
                style::change(change.state).to_owned(),
                change.receipt.as_deref().map(field).unwrap_or_default(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        m.leaf("h2", &[], "Changes");
        table(&["Check", "What it does", "State", "Receipt"], rows, m);
    }
}

fn evidence(page: &Page<'_>, m: &mut Markup) {
    let checks: Vec<&CheckRecord> =
        page.record.checks().filter(|check| check.outcome != Outcome::Skipped).collect();
    if checks.is_empty() {
        return;
    }
    m.tag("section", &[("class", "screen")], |m| {
        m.leaf("h2", &[("id", "evidence")], "Evidence");
        m.line();
        for check in &checks {
            facts(page, check, m);
        }
    });
    m.line();
}

fn facts(page: &Page<'_>, check: &CheckRecord, m: &mut Markup) {
    m.tag("details", &[("data-check", "")], |m| {
        m.tag("summary", &[], |m| {
            m.leaf("b", &[], &field(check.id.as_str()));
            m.leaf("span", &[("class", "muted small")], &field(&check.kind));
            chip(check.outcome, m);
        });
        m.tag("div", &[], |m| {
            let started = check.started.map(|at| when::full(at, &page.zone));
            if let Some(started) = started {
                let took = when::millis(check.duration_ms);
                m.leaf("p", &[("class", "muted small")], &format!("Began {started}, took {took}."));
            }
            all_findings(check, m);
            findings::tries(check, m);
            findings::by_hand(check, m);
            json("Parameters", Some(&check.parameters), m);
            for (place, seen) in vantage::observations(check) {
                let title = place.map_or_else(
                    || "Observation".to_owned(),
                    |place| format!("Observation from {}", field(place)),
                );
                json(&title, Some(&seen), m);
            }
        });
    });
    m.line();
}

fn all_findings(check: &CheckRecord, m: &mut Markup) {
    if check.findings.is_empty() {
        return;
    }
    m.leaf("p", &[("class", "label")], &count(check.findings.len(), "finding"));
    m.tag("ul", &[("class", "tries")], |m| {
        for finding in &check.findings {
            m.tag("li", &[], |m| {
                chip(finding.outcome, m);
                m.tag("span", &[], |m| {
                    m.leaf("code", &[], &field(&finding.code));
                    m.text(&format!(" {}: {}", vantage::target(finding), field(&finding.message)));
                });
            });
        }
    });
}

fn json(name: &str, value: Option<&Value>, m: &mut Markup) {
    let empty = value.is_none_or(|value| match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    });
    let Some(text) = value.filter(|_| !empty).and_then(|v| serde_json::to_string_pretty(v).ok())
    else {
        return;
    };
    m.leaf("p", &[("class", "label")], name);
    let end = text.floor_char_boundary(OBSERVATION_LIMIT);
    m.tag("pre", &[], |m| m.leaf("code", &[], &text[..end]));
    if end < text.len() {
        let said = format!("Cut: {} bytes in all; the record has them.", text.len());
        m.leaf("p", &[("class", "muted small")], &said);
    }
}

fn legend(m: &mut Markup) {
    m.leaf("h2", &[], "What the words mean");
    m.tag("ul", &[("class", "legend")], |m| {
        for outcome in Outcome::ALL.iter().rev() {
            m.tag("li", &[], |m| {
                chip(*outcome, m);
                m.leaf("span", &[], style::meaning(*outcome));
            });
        }
    });
    m.line();
}

/// Room to sign, on paper only.
fn signatures(m: &mut Markup) {
    m.tag("section", &[("class", "signoff")], |m| {
        m.leaf("h2", &[], "Sign-off");
        let rows = vec![vec![String::new(); 4]; 4];
        table(&["Name", "Role", "Date and time", "Signature"], rows, m);
    });
    m.line();
}
