//! Charts as rows of a label, a bar and a number, which a telephone can show too.

use super::super::chart::{Chart, Row, Tone, measurements, timeline};
use super::super::markup::Markup;
use super::Page;

pub(super) fn write(page: &Page<'_>, m: &mut Markup) {
    let charts: Vec<Chart> =
        measurements(page.record, &page.zone).into_iter().chain(timeline(page.record)).collect();
    if charts.is_empty() {
        return;
    }
    m.leaf("h2", &[("id", "measurements")], "Measurements");
    m.line();
    for chart in &charts {
        draw(chart, m);
    }
}

fn draw(chart: &Chart, m: &mut Markup) {
    m.tag("figure", &[("class", "chart")], |m| {
        m.tag("figcaption", &[], |m| {
            m.leaf("b", &[], &chart.title);
            for (tone, what) in &chart.legend {
                m.tag("span", &[("class", "key")], |m| {
                    swatch(*tone, m);
                    m.text(what);
                });
            }
        });
        m.tag("dl", &[], |m| {
            for row in &chart.rows {
                m.line();
                bar(chart, row, m);
            }
        });
        m.tag("p", &[("class", "axis muted"), ("aria-hidden", "true")], |m| {
            m.leaf("span", &[], "");
            m.tag("span", &[("class", "scale")], |m| {
                m.leaf("span", &[], &chart.edges.0);
                m.leaf("span", &[], &chart.edges.1);
            });
            m.leaf("span", &[], "");
        });
        table(chart, m);
        let marks = chart.marks.iter().map(|(_, what)| format!("The line across is the {what}."));
        let said: Vec<String> = marks.chain(chart.note.clone()).collect();
        if !said.is_empty() {
            m.leaf("p", &[("class", "muted small")], &said.join(" "));
        }
    });
    m.line();
}

fn table(chart: &Chart, m: &mut Markup) {
    let Some((heads, rows)) = chart.table.split_first() else { return };
    m.tag("table", &[("class", "steps")], |m| {
        m.tag("tr", &[], |m| heads.iter().for_each(|head| m.leaf("th", &[("scope", "col")], head)));
        for row in rows {
            m.line();
            m.tag("tr", &[], |m| row.iter().for_each(|cell| m.leaf("td", &[], cell)));
        }
    });
}

fn class(tone: Tone) -> String {
    match tone {
        Tone::Strong => "strong".to_owned(),
        Tone::Soft => "soft".to_owned(),
        Tone::Outcome(outcome) => format!("o-{outcome}"),
    }
}

fn swatch(tone: Tone, m: &mut Markup) {
    m.tag("svg", &[("viewBox", "0 0 1 1"), ("aria-hidden", "true")], |m| {
        rect((0.0, 1.0), &class(tone), m);
    });
}

fn bar(chart: &Chart, row: &Row, m: &mut Markup) {
    m.tag("div", &[], |m| {
        m.leaf("dt", &[], &row.label);
        m.tag("dd", &[], |m| {
            let attributes =
                [("viewBox", "0 0 1 1"), ("preserveAspectRatio", "none"), ("aria-hidden", "true")];
            m.tag("svg", &attributes, |m| {
                // A bar too short to be seen is still something that was there.
                let (from, to) = row.bar;
                rect((from.min(0.996), to.max(from.min(0.996) + 0.004)), &class(row.tone), m);
                for (at, _) in &chart.marks {
                    rect((*at, at + 0.003), "mark-line", m);
                }
            });
            m.leaf("span", &[], &row.value);
        });
    });
}

fn rect((from, to): (f32, f32), class: &str, m: &mut Markup) {
    let (x, width) = (format!("{from:.4}"), format!("{:.4}", to - from));
    let attributes = [("class", class), ("x", &x), ("width", &width), ("height", "1")];
    m.tag("rect", &attributes, |_| {});
}
