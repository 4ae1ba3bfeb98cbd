//! Tables: columns of fixed widths, rows that stay whole, the head again on every page.

use crate::model::outcome::Outcome;

use super::super::style::{self, Rgb};
use super::sheet::{MARGIN, Role, Sheet, Type};
use super::{BODY, EDGE, LABEL, RULE, SMALL};

/// A column.
pub(super) struct Column<'a> {
    pub(super) title: &'a str,
    /// In points, the blank to the next column included.
    pub(super) width: f32,
}

/// What stands in a cell, from top to bottom.
pub(super) enum Piece {
    Text(Type, String),
    /// An outcome's word on its ground.
    Chip(Outcome),
}

impl Piece {
    /// Running text.
    pub(super) fn body(text: impl Into<String>) -> Self {
        Self::Text(BODY, text.into())
    }

    /// An aside.
    pub(super) fn small(text: impl Into<String>) -> Self {
        Self::Text(SMALL, text.into())
    }
}

/// The blank between two columns.
const GUTTER: f32 = 12.0;
const PAD: f32 = 5.0;
const CHIP_HEIGHT: f32 = 13.0;

/// A line of a cell, measured.
enum Line {
    Text(Type, String),
    Chip(Outcome),
}

impl Line {
    const fn height(&self) -> f32 {
        match self {
            Self::Text(kind, _) => kind.leading,
            Self::Chip(_) => CHIP_HEIGHT + 1.0,
        }
    }
}

/// Draws a table where the sheet stands.
pub(super) fn table(sheet: &mut Sheet<'_>, columns: &[Column<'_>], rows: &[Vec<Vec<Piece>>]) {
    sheet.part(Role::Table, |sheet| {
        sheet.part(Role::Head, |sheet| head(sheet, columns, true));
        sheet.part(Role::Body, |sheet| {
            for row in rows {
                self::row(sheet, columns, row);
            }
        });
    });
}

/// The head; on the pages after the first it is decoration.
fn head(sheet: &mut Sheet<'_>, columns: &[Column<'_>], first: bool) {
    sheet.need(60.0);
    let mut x = MARGIN;
    let top = sheet.y;
    let draw = |sheet: &mut Sheet<'_>, x: f32, title: &str, tagged: bool| {
        let leaf = tagged.then(|| sheet.leaf());
        sheet.line(x, top, LABEL, title, leaf);
    };
    if first {
        sheet.part(Role::Row, |sheet| {
            for column in columns {
                sheet.part(Role::HeadCell, |sheet| draw(sheet, x, column.title, true));
                x += column.width;
            }
        });
    } else {
        for column in columns {
            draw(sheet, x, column.title, false);
            x += column.width;
        }
    }
    sheet.y += LABEL.leading + 3.0;
    sheet.rule(MARGIN, total(columns), EDGE);
    sheet.y += 0.6;
}

fn total(columns: &[Column<'_>]) -> f32 {
    columns.iter().map(|column| column.width).sum()
}

fn row(sheet: &mut Sheet<'_>, columns: &[Column<'_>], cells: &[Vec<Piece>]) {
    let measured: Vec<Vec<Line>> = columns
        .iter()
        .zip(cells)
        .map(|(column, cell)| measure(sheet, cell, column.width - GUTTER))
        .collect();
    let height = measured
        .iter()
        .map(|lines| lines.iter().map(Line::height).sum::<f32>())
        .fold(0.0, f32::max);
    let before = sheet.pages.len();
    sheet.need(height + 2.0 * PAD);
    if sheet.pages.len() > before {
        head(sheet, columns, false);
    }
    let top = sheet.y + PAD;
    sheet.part(Role::Row, |sheet| {
        let mut x = MARGIN;
        for (column, lines) in columns.iter().zip(measured) {
            sheet.part(Role::Cell, |sheet| cell(sheet, x, top, &lines));
            x += column.width;
        }
    });
    sheet.y = top + height + PAD;
    sheet.rule(MARGIN, total(columns), RULE);
    sheet.y += 0.6;
}

fn measure(sheet: &Sheet<'_>, pieces: &[Piece], width: f32) -> Vec<Line> {
    let mut lines = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Chip(outcome) => lines.push(Line::Chip(*outcome)),
            Piece::Text(kind, text) => {
                let wrapped = sheet.lines(text, *kind, width);
                lines.extend(wrapped.into_iter().map(|text| Line::Text(*kind, text)));
            }
        }
    }
    lines
}

fn cell(sheet: &mut Sheet<'_>, x: f32, top: f32, lines: &[Line]) {
    let mut y = top;
    sheet.part(Role::Paragraph, |sheet| {
        let leaf = sheet.leaf();
        for line in lines {
            match line {
                Line::Text(kind, text) => {
                    sheet.line(x, y, *kind, &format!("{text} "), Some(leaf));
                }
                Line::Chip(outcome) => {
                    chip(sheet, x, y - 0.5, *outcome, leaf);
                }
            }
            y += line.height();
        }
    });
}

/// An outcome's word on its ground; returns its width.
pub(super) fn chip(sheet: &mut Sheet<'_>, x: f32, top: f32, outcome: Outcome, leaf: usize) -> f32 {
    let ink = style::ink(outcome);
    word(sheet, x, top, style::word(outcome), (ink.light, ink.light_tint), leaf)
}

fn word(
    sheet: &mut Sheet<'_>,
    x: f32,
    top: f32,
    word: &str,
    (ink, tint): (Rgb, Rgb),
    leaf: usize,
) -> f32 {
    let kind = Type { leading: CHIP_HEIGHT, ..LABEL.in_colour(ink) };
    let width = sheet.faces.width(kind.cut, kind.size, word) + 10.0;
    sheet.block(x, top, width, CHIP_HEIGHT, 3.0, tint);
    sheet.line(x + 5.0, top, kind, &format!("{word} "), Some(leaf));
    width
}
