//! What each vantage point saw, and the runs a merged record was made of.

use super::super::markup::Markup;
use super::super::vantage::{self, Matrix};
use super::super::{style, when, wrap};
use super::evidence::table;
use super::{Page, chip, field};

pub(super) fn write(page: &Page<'_>, m: &mut Markup) {
    if let Some(matrix) = vantage::matrix(page.record) {
        m.leaf("h2", &[("id", "vantage-points")], "Vantage points");
        m.line();
        grid(&matrix, m);
    }
    runs(page, m);
}

/// The matrix. Where it is wider than the screen, it alone is moved sideways.
fn grid(matrix: &Matrix<'_>, m: &mut Markup) {
    let region = [
        ("class", "sideways"),
        ("role", "region"),
        ("aria-labelledby", "vantage-points"),
        ("tabindex", "0"),
    ];
    m.tag("div", &region, |m| {
        m.tag("table", &[("class", "matrix")], |m| {
            m.tag("thead", &[], |m| {
                m.tag("tr", &[], |m| {
                    m.leaf("th", &[("scope", "col")], "Check");
                    for place in &matrix.places {
                        m.leaf("th", &[("scope", "col"), ("class", "place")], &wrap::name(place));
                    }
                    m.leaf("th", &[("scope", "col")], "Quorum");
                });
            });
            m.tag("tbody", &[], |m| {
                for row in &matrix.rows {
                    m.line();
                    m.tag("tr", &[("data-check", "")], |m| {
                        m.leaf("th", &[("scope", "row")], &field(row.check.id.as_str()));
                        for cell in &row.cells {
                            m.tag("td", &[], |m| match cell {
                                Some(seen) => chip(seen.outcome, m),
                                None => m.text("–"),
                            });
                        }
                        m.leaf("td", &[], &row.quorum());
                    });
                }
            });
        });
    });
    m.line();
}

fn runs(page: &Page<'_>, m: &mut Markup) {
    let parts = &page.record.header.merged;
    if parts.is_empty() {
        return;
    }
    let rows = parts.iter().map(|part| {
        let who = [part.operator.as_deref(), part.host.as_deref()];
        let who: Vec<String> = who.into_iter().flatten().map(field).collect();
        vec![
            vantage::part(part),
            format!("run {} of SHA-256 {}", part.run, field(&part.record_sha256)),
            style::decision(part.decision).to_owned(),
            format!("{} {}", when::full(part.started, &page.zone), who.join(" on ")),
        ]
    });
    m.leaf("h2", &[], "Merged from");
    table(&["Part", "Record", "Decided", "When and by whom"], rows.collect(), m);
}
