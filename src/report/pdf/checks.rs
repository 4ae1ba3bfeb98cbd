//! Every check of the list, step by step, in checklist order.

use crate::model::outcome::Severity;
use crate::model::record::{CheckRecord, StepRecord};

use super::super::{headline, style, when};
use super::sheet::{Role, Sheet, WIDTH};
use super::table::{Column, Piece, table};
use super::{Paper, SECTION, SMALL, STEP, STRONG, field, name};

const COLUMNS: [Column<'static>; 4] = [
    Column { title: "CHECK", width: 146.0 },
    Column { title: "OUTCOME", width: 76.0 },
    Column { title: "WHAT WAS SEEN", width: WIDTH - 146.0 - 76.0 - 46.0 },
    Column { title: "TOOK", width: 46.0 },
];

pub(super) fn write(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    if paper.record.counts.total == 0 {
        return;
    }
    sheet.turn();
    sheet.part(Role::Section, |sheet| {
        sheet.heading(2, SECTION, "All checks", 120.0);
        for (n, step) in paper.record.steps.iter().enumerate() {
            sheet.gap(14.0);
            one(n + 1, step, sheet);
        }
    });
}

fn one(n: usize, step: &StepRecord, sheet: &mut Sheet<'_>) {
    sheet.heading(3, STEP, &format!("{n}. {}", name(&step.name)), 70.0);
    sheet.paragraph(SMALL, &headline::tally(step));
    sheet.y += 5.0;
    let rows: Vec<Vec<Vec<Piece>>> = step.checks.iter().map(row).collect();
    table(sheet, &COLUMNS, &rows);
}

fn row(check: &CheckRecord) -> Vec<Vec<Piece>> {
    let mut who = vec![Piece::Text(STRONG, field(check.id.as_str()))];
    if check.title != check.id.as_str() {
        who.push(Piece::small(field(&check.title)));
    }
    let mut outcome = vec![Piece::Chip(check.outcome)];
    if check.severity == Severity::Advisory {
        outcome.push(Piece::small(style::severity(check.severity)));
    }
    if check.waived.is_some() {
        outcome.push(Piece::small("waived"));
    }
    let said = check.skipped.as_ref().map_or(&check.summary, |skip| &skip.text);
    let mut seen = vec![Piece::body(field(said))];
    seen.extend(headline::tries(check).map(Piece::small));
    let took = check.started.map(|_| when::millis(check.duration_ms)).unwrap_or_default();
    vec![who, outcome, seen, vec![Piece::small(took)]]
}
