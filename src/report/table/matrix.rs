//! What each vantage point saw: a column for each where they fit, else a line for each check.

use crate::model::outcome::Outcome;
use crate::model::record::RunRecord;
use crate::model::text::count;

use super::super::vantage::{Matrix, Seen, all_of, matrix};
use super::super::wrap::{name, width, wrap};
use super::super::{Detail, Look, style};
use super::paint;

/// Columns between two columns.
const GAP: usize = 2;
/// The narrowest column of check names.
const NARROW: usize = 24;

/// The lines of the matrix; none for a record of one look. What all found right alike is counted,
/// except with `--verbose`.
pub(super) fn lines(record: &RunRecord, look: &Look) -> Vec<String> {
    let Some(mut matrix) = matrix(record) else { return Vec::new() };
    let all = matrix.rows.len();
    if look.detail != Detail::Verbose {
        matrix.rows.retain(|row| !row.is_quiet());
    }
    let alike = all - matrix.rows.len();
    let mut out = if matrix.rows.is_empty() { Vec::new() } else { shown(&matrix, look) };
    if alike > 0 {
        let more = if out.is_empty() { count(alike, "check") } else { format!("{alike} more") };
        let text = format!("{more} the same from {}", all_of(&matrix.places));
        out.extend(wrap(&text, look.width - 1).into_iter().map(|line| format!(" {line}")));
    }
    out
}

fn shown(matrix: &Matrix<'_>, look: &Look) -> Vec<String> {
    let ids: Vec<String> = matrix.rows.iter().map(|row| name(row.check.id.as_str())).collect();
    let widest = ids.iter().map(|id| width(id)).max().unwrap_or(0).max("CHECK".len());
    let columns: Vec<usize> = (0..matrix.places.len()).map(|n| column(matrix, n)).collect();
    let taken = 1 + columns.iter().map(|column| column + GAP).sum::<usize>() + GAP + QUORUM.len();
    match look.width.checked_sub(taken) {
        Some(room) if room >= widest.min(NARROW) => {
            grid(matrix, &ids, widest.min(room), &columns, look)
        }
        Some(_) | None => list(matrix, &ids, look),
    }
}

const QUORUM: &str = "QUORUM  ";

/// How wide a vantage point's column is.
fn column(matrix: &Matrix<'_>, n: usize) -> usize {
    let words = matrix.rows.iter().map(|row| word(row, n).len());
    words.max().unwrap_or(0).max(width(&name(matrix.places[n])))
}

fn word(row: &Seen<'_>, n: usize) -> &'static str {
    row.cells[n].map_or("-", |seen| style::word(seen.outcome))
}

fn grid(
    matrix: &Matrix<'_>,
    ids: &[String],
    first: usize,
    columns: &[usize],
    look: &Look,
) -> Vec<String> {
    let mut head = format!(" {:first$}", "CHECK");
    for (place, column) in matrix.places.iter().zip(columns) {
        let place = name(place);
        let pad = column - width(&place);
        head.push_str(&format!("{:GAP$}{place}{:pad$}", "", ""));
    }
    head.push_str("  QUORUM");
    let mut out = vec![paint(look, style::DIM, &head)];
    for (row, id) in matrix.rows.iter().zip(ids) {
        let wrapped = wrap(id, first);
        for (n, part) in wrapped.iter().enumerate() {
            let pad = first - width(part).min(first);
            let mut line = format!(" {part}{:pad$}", "");
            if n == 0 {
                for (place, column) in columns.iter().enumerate() {
                    let word = word(row, place);
                    let pad = column - word.len();
                    let outcome = row.cells[place].map_or(Outcome::Skipped, |seen| seen.outcome);
                    let word = paint(look, style::terminal(outcome), word);
                    line.push_str(&format!("{:GAP$}{word}{:pad$}", "", ""));
                }
                line.push_str(&format!("{:GAP$}{}", "", row.quorum()));
            }
            out.push(line);
        }
    }
    out
}

/// ` dns.login   PASS fra, sfo; FAIL sin; quorum all`.
fn list(matrix: &Matrix<'_>, ids: &[String], look: &Look) -> Vec<String> {
    let mut out = Vec::new();
    for (row, id) in matrix.rows.iter().zip(ids) {
        let mut groups: Vec<String> = Vec::new();
        for outcome in Outcome::ALL.iter().rev() {
            let alike: Vec<String> = matrix
                .places
                .iter()
                .zip(&row.cells)
                .filter(|(_, cell)| cell.is_some_and(|seen| seen.outcome == *outcome))
                .map(|(place, _)| name(place))
                .collect();
            if !alike.is_empty() {
                groups.push(format!("{} {}", style::word(*outcome), alike.join(", ")));
            }
        }
        groups.push(format!("quorum {}", row.quorum()));
        let id = wrap(id, look.width - 1);
        out.extend(id.into_iter().map(|part| format!(" {}", paint(look, style::STRONG, &part))));
        let text = groups.join("; ");
        out.extend(wrap(&text, look.width - 3).into_iter().map(|line| format!("   {line}")));
    }
    out
}
