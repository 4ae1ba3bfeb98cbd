//! Charts as rows of a label, a bar and a number.

use super::super::chart::{Chart, Row, Tone, measurements, timeline};
use super::super::style::{self, Rgb};
use super::sheet::{MARGIN, Role, Sheet, Type, WIDTH};
use super::{BODY, EDGE, MUTED, Paper, RULE, SECTION, SMALL, STRONG, TEXT, field};

/// The label's column, the number's column, and the bar between them.
const LABEL_WIDTH: f32 = 150.0;
const VALUE_WIDTH: f32 = 86.0;
const BAR_X: f32 = MARGIN + LABEL_WIDTH;
const BAR_WIDTH: f32 = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const ROW: f32 = 13.0;
const SOFT: Rgb = Rgb(0xb4, 0xc3, 0xd1);
const FULL: Rgb = Rgb(0x0a, 0x55, 0x86);

pub(super) fn write(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    let charts: Vec<Chart> =
        measurements(paper.record, &paper.zone).into_iter().chain(timeline(paper.record)).collect();
    if charts.is_empty() {
        return;
    }
    sheet.part(Role::Section, |sheet| {
        for (n, chart) in charts.iter().enumerate() {
            sheet.together(|sheet| {
                // The section's heading goes with its first chart.
                if n == 0 {
                    sheet.gap(28.0);
                    sheet.heading(2, SECTION, "Measurements", 80.0);
                }
                sheet.gap(10.0);
                draw(chart, sheet);
            });
        }
    });
}

const fn colour(tone: Tone) -> Rgb {
    match tone {
        Tone::Strong => FULL,
        Tone::Soft => SOFT,
        Tone::Outcome(outcome) => style::ink(outcome).light,
    }
}

fn draw(chart: &Chart, sheet: &mut Sheet<'_>) {
    sheet.paragraph(STRONG, &field(&chart.title));
    sheet.y += 2.0;
    legend(chart, sheet);
    sheet.part(Role::Figure { alt: field(&chart.in_words()) }, |sheet| {
        let leaf = sheet.leaf();
        let top = sheet.y;
        for row in &chart.rows {
            sheet.need(ROW);
            bar(row, sheet, leaf);
            sheet.y += ROW;
        }
        // Lines across, where the chart stands on one page.
        if sheet.y > top {
            for (at, _) in &chart.marks {
                sheet.block(BAR_X + BAR_WIDTH * at, top - 2.0, 0.8, sheet.y - top + 4.0, 0.0, TEXT);
            }
        }
        sheet.y += 2.0;
        let right = sheet.faces.width(SMALL.cut, SMALL.size, &chart.edges.1);
        sheet.block(BAR_X, sheet.y, BAR_WIDTH, 0.6, 0.0, EDGE);
        sheet.y += 1.5;
        sheet.line(BAR_X, sheet.y, SMALL, &format!("{} ", chart.edges.0), Some(leaf));
        let x = BAR_X + BAR_WIDTH - right;
        sheet.line(x, sheet.y, SMALL, &format!("{} ", chart.edges.1), Some(leaf));
        sheet.y += SMALL.leading;
        table(chart, sheet, leaf);
    });
    let marks = chart.marks.iter().map(|(_, what)| format!("The line across is the {what}."));
    let said: Vec<String> = marks.chain(chart.note.clone()).collect();
    if !said.is_empty() {
        sheet.paragraph(SMALL, &said.join(" "));
    }
}

/// The numbers below the bars, each column as wide as the others.
fn table(chart: &Chart, sheet: &mut Sheet<'_>, leaf: usize) {
    let columns = chart.table.first().map_or(0, Vec::len);
    let width = WIDTH / f32::from(u16::try_from(columns).unwrap_or(u16::MAX).max(1));
    for (n, row) in chart.table.iter().enumerate() {
        sheet.need(SMALL.leading);
        let kind = if n == 0 { SMALL } else { SMALL.in_colour(TEXT) };
        let mut x = MARGIN;
        for cell in row {
            sheet.line(x, sheet.y, kind, &format!("{} ", field(cell)), Some(leaf));
            x += width;
        }
        sheet.y += SMALL.leading;
    }
}

fn legend(chart: &Chart, sheet: &mut Sheet<'_>) {
    if chart.legend.is_empty() {
        return;
    }
    sheet.part(Role::Paragraph, |sheet| {
        let leaf = sheet.leaf();
        let mut x = BAR_X;
        for (tone, what) in &chart.legend {
            sheet.block(x, sheet.y + 2.5, 7.0, 7.0, 1.5, colour(*tone));
            sheet.line(x + 11.0, sheet.y, SMALL, &format!("{what} "), Some(leaf));
            x += 11.0 + sheet.faces.width(SMALL.cut, SMALL.size, what) + 14.0;
        }
    });
    sheet.y += SMALL.leading + 2.0;
}

fn bar(row: &Row, sheet: &mut Sheet<'_>, leaf: usize) {
    let small = Type { leading: ROW, size: 8.4, ..BODY };
    // Longer labels are cut: the record and the tables have them whole.
    let label = sheet.lines(&field(&row.label), small, LABEL_WIDTH - 10.0).swap_remove(0);
    sheet.line(MARGIN, sheet.y, small, &format!("{label} "), Some(leaf));
    sheet.block(BAR_X, sheet.y + 2.5, BAR_WIDTH, ROW - 5.0, 2.0, RULE);
    let (from, to) = row.bar;
    let width = (BAR_WIDTH * (to - from)).max(1.5);
    let x = (BAR_X + BAR_WIDTH * from).min(BAR_X + BAR_WIDTH - 1.5);
    sheet.block(x, sheet.y + 2.5, width, ROW - 5.0, 2.0, colour(row.tone));
    let x = BAR_X + BAR_WIDTH + 10.0;
    sheet.line(x, sheet.y, small.in_colour(MUTED), &format!("{} ", row.value), Some(leaf));
}
