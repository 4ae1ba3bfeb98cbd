//! The table: for a person at a terminal, at 03:00. What blocks and why stands out; the verdict is on
//! the first screen and on the last.

mod detail;
mod matrix;
mod rows;

use anstyle::{AnsiColor, Color, Style};
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Row, Table, Width};

use crate::model::record::RunRecord;

use super::style::paint;
use super::wrap::{parts, width, wrap};
use super::{Colour, Detail, Look, headline, style};
use rows::Line;

/// Lines of a small terminal: what is longer says the verdict twice.
const SCREEN: usize = 20;

/// Renders the table, with a final line break.
pub(super) fn render(record: &RunRecord, look: &Look) -> String {
    let look = &Look { width: look.width.clamp(60, 200), ..look.clone() };
    let verdict = verdict(record, look);
    if look.detail == Detail::Quiet {
        return finish(&verdict);
    }
    let heading = heading(record, look);
    let table = table(&rows::select(record, look), look);
    let details = detail::blocks(record, look);

    let mut out = heading;
    if out.len() + table.len() > SCREEN {
        out.push(String::new());
        out.extend(verdict.iter().cloned());
    }
    out.push(String::new());
    if !table.is_empty() {
        out.extend(table);
        out.push(String::new());
    }
    let matrix = matrix::lines(record, look);
    if !matrix.is_empty() {
        out.extend(matrix);
        out.push(String::new());
    }
    out.extend(verdict.iter().cloned());
    let before = out.len();
    for block in details {
        out.push(String::new());
        out.extend(block);
    }
    if out.len() - before > SCREEN / 2 {
        out.push(String::new());
        out.extend(verdict);
    }
    finish(&out)
}

fn finish(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn heading(record: &RunRecord, look: &Look) -> Vec<String> {
    let heading = headline::heading(record, &look.zone);
    let mut lines: Vec<String> = parts(&heading, style::separator(look.glyphs), look.width)
        .iter()
        .map(|line| paint(look, style::STRONG, line))
        .collect();
    for remark in headline::remarks(record) {
        lines.extend(wrap(&remark, look.width));
    }
    lines
}

/// ` NO-GO  dns.match failed · 1 unknown · 10 passed · 4.2 s`.
fn verdict(record: &RunRecord, look: &Look) -> Vec<String> {
    let word = style::decision(record.verdict.decision);
    let indent = width(word) + 3;
    let painted =
        paint(look, style::decision_terminal(record.verdict.decision), &format!(" {word} "));
    parts(&headline::verdict(record), style::separator(look.glyphs), look.width - indent)
        .iter()
        .enumerate()
        .map(|(n, line)| match n {
            0 => format!("{painted} {line}"),
            _ => format!("{:indent$}{line}", ""),
        })
        .collect()
}

/// The widths of the first three columns and of the last, which takes what is left.
fn widths(lines: &[Line], total: usize) -> [usize; 4] {
    let widest = |part: fn(&Line) -> Vec<String>, least: usize| {
        lines.iter().flat_map(part).map(|text| width(&text)).max().unwrap_or(0).max(least)
    };
    let outcome = widest(Line::outcome_lines, 7);
    let step = widest(|line| vec![line.step.clone()], 4).min((total / 5).max(12));
    let check = widest(|line| vec![line.check.clone()], 5).min((total / 4).max(14));
    // A blank before the first column and two between columns; cells carry their own.
    let seen = total - step - check - outcome - 7;
    [step, check, outcome, seen]
}

fn table(lines: &[Line], look: &Look) -> Vec<String> {
    if lines.is_empty() {
        return Vec::new();
    }
    let widths = widths(lines, look.width);
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    match look.colour {
        Colour::On => table.enforce_styling(),
        Colour::Off => table.force_no_tty(),
    };
    let heads = ["STEP", "CHECK", "OUTCOME", "WHAT WAS SEEN"];
    table.set_header(heads.map(|head| styled(Cell::new(head), style::DIM)));
    for line in lines {
        table.add_row(row(line, widths));
    }
    for (n, (column, width)) in table.column_iter_mut().zip(widths).enumerate() {
        let lead = if n == 0 { 1 } else { 2 };
        column.set_padding((lead, 0));
        let total = u16::try_from(width).unwrap_or(u16::MAX).saturating_add(lead);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(total)));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn row(line: &Line, [step, check, _, seen]: [usize; 4]) -> Row {
    let cell = |text: &str, width: usize| Cell::new(wrap(text, width).join("\n"));
    let words = line.outcome_lines();
    let look = line.outcome.map_or(style::DIM, style::terminal);
    let seen: Vec<String> = line.seen.iter().flat_map(|text| wrap(text, seen)).collect();
    Row::from(vec![
        cell(&line.step, step),
        cell(&line.check, check),
        styled(Cell::new(words.join("\n")), look),
        Cell::new(seen.join("\n")),
    ])
}

/// A cell in a style of this crate's own.
fn styled(cell: Cell, style: Style) -> Cell {
    let effects = style.get_effects();
    let mut cell = cell;
    for (effect, attribute) in
        [(anstyle::Effects::BOLD, Attribute::Bold), (anstyle::Effects::DIMMED, Attribute::Dim)]
    {
        if effects.contains(effect) {
            cell = cell.add_attribute(attribute);
        }
    }
    match style.get_fg_color() {
        Some(Color::Ansi(colour)) => cell.fg(terminal_colour(colour)),
        Some(Color::Ansi256(_) | Color::Rgb(_)) | None => cell,
    }
}

/// The sixteen colours, in the table crate's words: its `Dark…` are the plain ones.
const fn terminal_colour(colour: AnsiColor) -> comfy_table::Color {
    use comfy_table::Color as C;
    match colour {
        AnsiColor::Black => C::Black,
        AnsiColor::Red => C::DarkRed,
        AnsiColor::Green => C::DarkGreen,
        AnsiColor::Yellow => C::DarkYellow,
        AnsiColor::Blue => C::DarkBlue,
        AnsiColor::Magenta => C::DarkMagenta,
        AnsiColor::Cyan => C::DarkCyan,
        AnsiColor::White => C::Grey,
        AnsiColor::BrightBlack => C::DarkGrey,
        AnsiColor::BrightRed => C::Red,
        AnsiColor::BrightGreen => C::Green,
        AnsiColor::BrightYellow => C::Yellow,
        AnsiColor::BrightBlue => C::Blue,
        AnsiColor::BrightMagenta => C::Magenta,
        AnsiColor::BrightCyan => C::Cyan,
        AnsiColor::BrightWhite => C::White,
    }
}
