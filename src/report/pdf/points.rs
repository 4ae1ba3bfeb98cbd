//! What each vantage point saw, and the runs a merged record was made of.

use super::super::vantage::{self, Matrix};
use super::super::{style, when};
use super::closing::section;
use super::sheet::{Sheet, WIDTH};
use super::table::{Column, Piece, table};
use super::{CODE, Paper, STRONG, field, name};

/// Vantage points side by side; more of them go into a table of their own.
const ACROSS: usize = 5;
const CHECK: f32 = 138.0;
const QUORUM: f32 = 52.0;

pub(super) fn write(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    if let Some(matrix) = vantage::matrix(paper.record) {
        section(sheet, "Vantage points", 90.0, |sheet| {
            for first in (0..matrix.places.len()).step_by(ACROSS) {
                sheet.gap(8.0);
                grid(&matrix, first, sheet);
            }
        });
    }
    runs(paper, sheet);
}

fn grid(matrix: &Matrix<'_>, first: usize, sheet: &mut Sheet<'_>) {
    let shown = first..(first + ACROSS).min(matrix.places.len());
    #[expect(clippy::cast_precision_loss, reason = "there are at most five")]
    let width = (WIDTH - CHECK - QUORUM) / shown.len() as f32;
    let places: Vec<String> =
        matrix.places[shown.clone()].iter().map(|p| fitted(&name(p), width, sheet)).collect();
    let mut columns = vec![Column { title: "CHECK", width: CHECK }];
    columns.extend(places.iter().map(|place| Column { title: place, width }));
    columns.push(Column { title: "QUORUM", width: QUORUM });
    let rows: Vec<Vec<Vec<Piece>>> = matrix
        .rows
        .iter()
        .map(|row| {
            let mut cells = vec![vec![Piece::Text(STRONG, field(row.check.id.as_str()))]];
            cells.extend(row.cells[shown.clone()].iter().map(|cell| match cell {
                Some(seen) => vec![Piece::Chip(seen.outcome)],
                None => vec![Piece::small("–")],
            }));
            cells.push(vec![Piece::small(row.quorum())]);
            cells
        })
        .collect();
    table(sheet, &columns, &rows);
}

/// As much of a name as fits above its column.
fn fitted(place: &str, width: f32, sheet: &Sheet<'_>) -> String {
    let mut lines = sheet.lines(&place.to_uppercase(), super::LABEL, width - 12.0);
    let more = if lines.len() > 1 { "…" } else { "" };
    format!("{}{more}", lines.swap_remove(0))
}

fn runs(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    let parts = &paper.record.header.merged;
    if parts.is_empty() {
        return;
    }
    let rows: Vec<Vec<Vec<Piece>>> = parts
        .iter()
        .map(|part| {
            let who = [part.operator.as_deref(), part.host.as_deref()];
            let who: Vec<String> = who.into_iter().flatten().map(field).collect();
            vec![
                vec![
                    Piece::Text(STRONG, field(&vantage::part(part))),
                    Piece::small(style::decision(part.decision)),
                ],
                vec![
                    Piece::Text(CODE, part.run.to_string()),
                    Piece::small(format!("SHA-256 {}", field(&part.record_sha256))),
                ],
                vec![
                    Piece::body(when::full(part.started, &paper.zone)),
                    Piece::small(who.join(" on ")),
                ],
            ]
        })
        .collect();
    section(sheet, "Merged from", 80.0, |sheet| {
        let columns = [
            Column { title: "PART", width: 110.0 },
            Column { title: "RECORD", width: WIDTH - 250.0 },
            Column { title: "WHEN AND BY WHOM", width: 140.0 },
        ];
        table(sheet, &columns, &rows);
    });
}
