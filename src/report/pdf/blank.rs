//! The blank checklist: the same list to go through and sign on paper, for the day the tool or its
//! network is what is broken.

use crate::model::record::CheckRecord;
use crate::model::text::count;

use super::super::wrap::command_lines;
use super::super::{headline, style};
use super::sheet::{MARGIN, Role, Sheet, Type, WIDTH};
use super::{
    BODY, CODE, EDGE, LABEL, Paper, RULE, SECTION, SMALL, STEP, STRONG, TITLE, closing, cover,
    field, name, printable,
};
use crate::report::style::PAPER;

/// The box to tick.
const BOX: f32 = 11.0;
/// Where its answers begin.
const ANSWERS: f32 = MARGIN + WIDTH - 132.0;
const ROOM: f32 = ANSWERS - MARGIN - 16.0;
/// Commands of one check that are printed.
const COMMANDS: usize = 6;

pub(super) fn write(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    head(paper, sheet);
    let aside = paper.record.checks().filter(|check| headline::is_aside(check)).count();
    for (n, step) in paper.record.steps.iter().enumerate() {
        let checks: Vec<&CheckRecord> =
            step.checks.iter().filter(|check| !headline::is_aside(check)).collect();
        if checks.is_empty() {
            continue;
        }
        sheet.gap(18.0);
        sheet.part(Role::Section, |sheet| {
            for (c, check) in checks.iter().enumerate() {
                sheet.together(|sheet| {
                    // The step's heading goes with its first check.
                    if c == 0 {
                        let title = format!("{}. {}", n + 1, name(&step.name));
                        sheet.heading(2, SECTION, &title, 60.0);
                        sheet.y += 4.0;
                        columns(sheet);
                    }
                    item(check, sheet);
                });
            }
        });
    }
    if aside > 0 {
        sheet.gap(10.0);
        let said =
            format!("{} of other phases, or left out, are not printed.", count(aside, "check"));
        sheet.paragraph(SMALL, &said);
    }
    sheet.together(|sheet| closing::signatures(sheet, "list"));
}

fn head(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    let over = match paper.record.header.phase.as_str() {
        "all" => "GO-LIVE CHECKLIST · ALL PHASES".to_owned(),
        phase => format!("GO-LIVE CHECKLIST · PHASE {}", name(phase).to_uppercase()),
    };
    sheet.paragraph(Type { size: 8.2, leading: 14.0, ..LABEL }, &over);
    sheet.heading(1, TITLE, &name(&paper.record.header.name), 0.0);
    sheet.y += 12.0;
    cover::list_facts(paper, sheet);
    for (label, width) in [("Gone through by", 220.0), ("From, to", 180.0)] {
        sheet.y += 16.0;
        sheet.part(Role::Paragraph, |sheet| {
            let leaf = sheet.leaf();
            sheet.line(MARGIN, sheet.y, BODY, &format!("{label} "), Some(leaf));
        });
        sheet.y += BODY.leading;
        sheet.rule(MARGIN + 84.0, width, EDGE);
    }
    sheet.y += 6.0;
}

/// What the answers of the checks below mean.
fn columns(sheet: &mut Sheet<'_>) {
    sheet.part(Role::Paragraph, |sheet| {
        let leaf = sheet.leaf();
        for (x, what) in
            [(MARGIN, "CHECK"), (ANSWERS, "RIGHT?"), (ANSWERS + 68.0, "INITIALS, TIME")]
        {
            sheet.line(x, sheet.y, LABEL, &format!("{what} "), Some(leaf));
        }
    });
    sheet.y += LABEL.leading + 2.0;
    sheet.rule(MARGIN, WIDTH, EDGE);
    sheet.y += 6.0;
}

fn item(check: &CheckRecord, sheet: &mut Sheet<'_>) {
    sheet.need(44.0);
    answers(sheet);
    let title = if check.title == check.id.as_str() { check.id.as_str() } else { &check.title };
    sheet.text(MARGIN, ROOM, STRONG, &field(title), Role::Paragraph);
    let mut about = vec![field(check.id.as_str()), field(&check.kind)];
    about.push(style::severity(check.severity).to_owned());
    about.extend(check.owner.iter().map(|owner| format!("owner {}", field(owner))));
    about.extend(check.runbook.iter().map(|url| format!("runbook {}", field(url))));
    sheet.text(MARGIN, ROOM, SMALL, &about.join(" · "), Role::Paragraph);
    let commands = check.reproduce.iter().flat_map(|text| command_lines(text));
    for command in commands.take(COMMANDS) {
        sheet.gap(2.0);
        let kind = Type { size: 7.4, leading: 10.4, ..CODE };
        sheet.text(MARGIN, ROOM, kind, &printable(&command), Role::Code);
    }
    sheet.y += 6.0;
    sheet.rule(MARGIN, WIDTH, RULE);
    sheet.y += 7.0;
}

/// A box to tick.
fn frame(sheet: &mut Sheet<'_>, x: f32, y: f32) {
    sheet.block(x, y, BOX, BOX, 2.0, EDGE);
    sheet.block(x + 0.9, y + 0.9, BOX - 1.8, BOX - 1.8, 1.3, PAPER);
}

/// Yes or no, who, when.
fn answers(sheet: &mut Sheet<'_>) {
    let top = sheet.y;
    frame(sheet, ANSWERS, top + 1.5);
    frame(sheet, ANSWERS + 33.0, top + 1.5);
    sheet.part(Role::Paragraph, |sheet| {
        let leaf = sheet.leaf();
        let small = Type { leading: STEP.leading, ..SMALL };
        sheet.line(ANSWERS + 14.0, top, small, "yes ", Some(leaf));
        sheet.line(ANSWERS + 47.0, top, small, "no ", Some(leaf));
    });
    sheet.block(ANSWERS + 68.0, top + 13.0, 64.0, 0.6, 0.0, EDGE);
}
