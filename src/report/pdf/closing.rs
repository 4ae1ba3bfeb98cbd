//! The last pages: waivers, changes, what the words mean, where the document comes from, and the room
//! to sign.

use crate::model::outcome::Outcome;

use super::super::{bearing, style, when};
use super::sheet::{MARGIN, Role, Sheet, WIDTH};
use super::table::{Column, Piece, chip, table};
use super::{BODY, EDGE, Paper, SECTION, SMALL, STRONG, field};

pub(super) fn write(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    waivers(paper, sheet);
    changes(paper, sheet);
    sheet.together(|sheet| signatures(sheet, "report"));
    sheet.together(legend);
    sheet.together(|sheet| origin(paper, sheet));
}

pub(super) fn section(
    sheet: &mut Sheet<'_>,
    title: &str,
    room: f32,
    inside: impl FnOnce(&mut Sheet<'_>),
) {
    sheet.gap(28.0);
    sheet.part(Role::Section, |sheet| {
        sheet.heading(2, SECTION, title, room);
        sheet.y += 6.0;
        inside(sheet);
    });
}

fn waivers(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    let mut rows = Vec::new();
    for check in paper.record.checks() {
        for (finding, waived) in bearing::waivers(check) {
            let mut what = vec![Piece::Text(STRONG, field(check.id.as_str()))];
            what.extend(finding.map(|finding| Piece::small(field(&finding.code))));
            rows.push(vec![
                what,
                vec![Piece::body(field(&waived.reason))],
                vec![Piece::body(field(&waived.by))],
                vec![Piece::body(when::full(waived.until, &paper.zone))],
            ]);
        }
    }
    if rows.is_empty() {
        return;
    }
    section(sheet, "Waivers", 80.0, |sheet| {
        let columns = [
            Column { title: "WHAT", width: 120.0 },
            Column { title: "WHY IT IS ACCEPTABLE", width: WIDTH - 310.0 },
            Column { title: "ACCEPTED BY", width: 80.0 },
            Column { title: "UNTIL", width: 110.0 },
        ];
        table(sheet, &columns, &rows);
    });
}

fn changes(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    let rows: Vec<Vec<Vec<Piece>>> = paper
        .record
        .checks()
        .flat_map(|check| check.changes.iter().map(move |change| (check, change)))
        .map(|(check, change)| {
            let mut state = vec![Piece::body(style::change(change.state))];
            state.extend(change.receipt.as_deref().map(|receipt| Piece::small(field(receipt))));
            vec![
                vec![Piece::Text(STRONG, field(check.id.as_str()))],
                vec![Piece::body(field(&change.what))],
                state,
            ]
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    section(sheet, "Changes", 80.0, |sheet| {
        let columns = [
            Column { title: "CHECK", width: 120.0 },
            Column { title: "WHAT IT DOES", width: WIDTH - 240.0 },
            Column { title: "STATE", width: 120.0 },
        ];
        table(sheet, &columns, &rows);
    });
}

/// Room to sign a report or a list.
pub(super) fn signatures(sheet: &mut Sheet<'_>, what: &str) {
    const LINES: usize = 4;
    const HEIGHT: f32 = 38.0;
    section(sheet, "Sign-off", 200.0, |sheet| {
        sheet.paragraph(
            BODY,
            &format!("I have read this {what} and stand by the decision beside my name."),
        );
        sheet.y += 8.0;
        let columns = [
            ("NAME AND ROLE", 150.0),
            ("GO / HOLD / NO-GO", 100.0),
            ("DATE AND TIME", 100.0),
            ("SIGNATURE", WIDTH - 350.0),
        ];
        sheet.part(Role::Paragraph, |sheet| {
            let leaf = sheet.leaf();
            let mut x = MARGIN;
            for (title, width) in columns {
                sheet.line(x, sheet.y, super::LABEL, &format!("{title} "), Some(leaf));
                x += width;
            }
        });
        sheet.y += super::LABEL.leading + 2.0;
        for _ in 0..LINES {
            sheet.need(HEIGHT);
            sheet.y += HEIGHT - 4.0;
            let mut x = MARGIN;
            for (_, width) in columns {
                sheet.rule(x, width - 10.0, EDGE);
                x += width;
            }
            sheet.y += 4.0;
        }
    });
}

fn legend(sheet: &mut Sheet<'_>) {
    section(sheet, "What the words mean", 130.0, |sheet| {
        for outcome in Outcome::ALL.iter().rev() {
            sheet.need(17.0);
            sheet.part(Role::Paragraph, |sheet| {
                let leaf = sheet.leaf();
                chip(sheet, MARGIN, sheet.y, *outcome, leaf);
                let text = format!("{} ", style::meaning(*outcome));
                sheet.line(MARGIN + 66.0, sheet.y, BODY, &text, Some(leaf));
            });
            sheet.y += 17.0;
        }
    });
}

fn origin(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    section(sheet, "Where this document comes from", 90.0, |sheet| {
        let header = &paper.record.header;
        sheet.paragraph(
            BODY,
            &format!(
                "Everything on these pages was made from one record by {} {}, and the record is \
                 attached to this file as {}. Its SHA-256 is",
                field(&header.tool.name),
                field(&header.tool.version),
                super::ATTACHMENT
            ),
        );
        sheet.text(MARGIN, WIDTH, super::CODE, &paper.digest, Role::Code);
        sheet.y += 4.0;
        sheet.paragraph(
            BODY,
            "gonogo report --verify FILE takes the record out and makes the pages again; they are \
             the same to the byte unless somebody changed one or the other.",
        );
        sheet.y += 4.0;
        let missing = sheet.faces.missing();
        if !missing.is_empty() {
            let named: Vec<String> =
                missing.iter().take(12).map(|c| format!("U+{:04X}", u32::from(*c))).collect();
            let more = if missing.len() > 12 { " and others" } else { "" };
            let text = format!(
                "The built-in fonts lack {}{more}, shown as □. Pass a font that has them with \
                 --font-path.",
                named.join(", ")
            );
            sheet.paragraph(SMALL, &text);
        }
    });
}
