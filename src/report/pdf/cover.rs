//! The first page: the verdict, the numbers, and everything an auditor asks first.

use crate::model::text::count;

use super::super::style::{self, PAPER};
use super::super::{headline, when};
use super::fonts::Cut;
use super::sheet::{MARGIN, Role, Sheet, Type, WIDTH};
use super::{BODY, CODE, LABEL, MUTED, Paper, RULE, SMALL, STRONG, TITLE, field, name};

pub(super) fn write(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    sheet.y += 18.0;
    let over = match paper.record.header.phase.as_str() {
        "all" => "GO-LIVE READINESS · ALL PHASES".to_owned(),
        phase => format!("GO-LIVE READINESS · PHASE {}", name(phase).to_uppercase()),
    };
    let kind = Type { size: 8.2, leading: 14.0, ..LABEL };
    sheet.paragraph(kind, &over);
    sheet.y += 2.0;
    sheet.heading(1, TITLE, &name(&paper.record.header.name), 0.0);
    if let Some(launch) = headline::launch(paper.record, &paper.zone) {
        sheet.y += 3.0;
        let kind = Type { size: 11.0, leading: 16.0, ..BODY };
        sheet.paragraph(kind, &headline::capital(&launch));
    }
    sheet.y += 20.0;
    banner(paper, sheet);
    sheet.y += 16.0;
    tally(paper, sheet);
    sheet.y += 22.0;
    facts(paper, sheet);
}

/// The verdict's word on its colour, and why.
fn banner(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    let decision = paper.record.verdict.decision;
    let (word, ground) = (style::decision(decision), style::decision_ink(decision).light);
    let big = Type::new(Cut::Bold, 38.0, 44.0, PAPER);
    let meaning = Type::new(Cut::Bold, 11.5, 16.0, PAPER);
    let because = Type::new(Cut::Regular, 9.6, 14.0, PAPER);
    let word_width = sheet.faces.width(big.cut, big.size, word);
    let pad = 20.0;
    let x = MARGIN + pad + word_width + 24.0;
    let room = MARGIN + WIDTH - pad - x;
    let mut lines: Vec<(Type, String)> = Vec::new();
    let mut add = |kind: Type, text: &str| {
        lines.extend(sheet.lines(text, kind, room).into_iter().map(|line| (kind, line)));
    };
    add(meaning, &headline::meaning(paper.record));
    let why = headline::because(paper.record).join(" · ");
    if !why.is_empty() {
        add(because, &why);
    }
    for remark in headline::remarks(paper.record) {
        add(because, &remark);
    }
    let text_height: f32 = lines.iter().map(|(kind, _)| kind.leading).sum();
    let height = text_height.max(big.leading) + 2.0 * 16.0;
    let top = sheet.y;
    sheet.block(MARGIN, top, WIDTH, height, 8.0, ground);
    sheet.part(Role::Paragraph, |sheet| {
        let leaf = sheet.leaf();
        sheet.line(
            MARGIN + pad,
            top + (height - big.leading) / 2.0,
            big,
            &format!("{word} "),
            Some(leaf),
        );
        let mut y = top + (height - text_height) / 2.0;
        for (kind, line) in &lines {
            sheet.line(x, y, *kind, &format!("{line} "), Some(leaf));
            y += kind.leading;
        }
    });
    sheet.y = top + height;
}

/// The numbers as a bar and as words.
fn tally(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    let counts = paper.record.counts;
    if counts.total > 0 {
        let mut x = MARGIN;
        for outcome in style::worst_first() {
            let width = WIDTH * share(counts.of(outcome), counts.total);
            if width > 0.0 {
                sheet.block(x, sheet.y, width, 6.0, 0.0, style::ink(outcome).light);
                x += width;
            }
        }
        sheet.y += 14.0;
    }
    let number = Type { size: 11.5, leading: 17.0, ..STRONG };
    let word = Type { leading: 17.0, ..BODY };
    sheet.part(Role::Paragraph, |sheet| {
        let leaf = sheet.leaf();
        let mut x = MARGIN;
        let total = count(counts.total, "check");
        let mut put = |sheet: &mut Sheet<'_>, kind: Type, n: &str, what: &str| {
            let n_width = sheet.faces.width(kind.cut, kind.size, n) + 3.5;
            let width = n_width + sheet.faces.width(word.cut, word.size, what);
            if x + width > MARGIN + WIDTH {
                x = MARGIN;
                sheet.y += number.leading;
            }
            sheet.line(x, sheet.y, kind, &format!("{n} "), Some(leaf));
            sheet.line(x + n_width, sheet.y + 0.6, word, &format!("{what} "), Some(leaf));
            x += width + 11.0;
        };
        let (n, what) = total.split_once(' ').unwrap_or((&total, ""));
        put(sheet, number, n, what);
        for outcome in style::worst_first() {
            let n = counts.of(outcome);
            if n > 0 {
                let kind = number.in_colour(style::ink(outcome).light);
                put(sheet, kind, &n.to_string(), style::past(outcome));
            }
        }
    });
    sheet.y += number.leading;
}

#[expect(clippy::cast_precision_loss, reason = "a bar of 490 points shows no more")]
fn share(n: usize, of: usize) -> f32 {
    n as f32 / of as f32
}

fn facts(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    list_facts(paper, sheet);
    run_facts(paper, sheet);
}

/// Which list it is, and for when.
pub(super) fn list_facts(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    let (header, zone) = (&paper.record.header, &paper.zone);
    let list = &header.checklist;
    let commit = match &list.git {
        Some(git) if git.dirty => {
            format!("{} with changes that are not committed", field(&git.commit))
        }
        Some(git) => field(&git.commit),
        None => "none known: no work tree of git".to_owned(),
    };
    fact(sheet, "Checklist", BODY, &field(&list.path));
    fact(sheet, "SHA-256", CODE, &field(&list.sha256));
    fact(sheet, "Commit", CODE, &commit);
    let launch = when::launch(header).map(|launch| when::full(launch.timestamp(), zone));
    fact(sheet, "Launch", BODY, launch.as_deref().unwrap_or("none named: judged as of now"));
    if header.window.from != header.window.to {
        fact(sheet, "Window", BODY, &when::window(header.window, zone));
    }
}

fn run_facts(paper: &Paper<'_>, sheet: &mut Sheet<'_>) {
    let (header, zone) = (&paper.record.header, &paper.zone);
    fact(sheet, "Started", BODY, &when::full(header.started, zone));
    let finished = match paper.record.finished {
        Some(at) => {
            let took = when::took(header.started, Some(at)).unwrap_or_default();
            format!("{}, after {took}", when::full(at, zone))
        }
        None => style::KILLED.to_owned(),
    };
    fact(sheet, "Finished", BODY, &finished);
    for (label, value) in
        [("Run by", &header.operator), ("On host", &header.host), ("Seen from", &header.vantage)]
    {
        if let Some(value) = value {
            fact(sheet, label, BODY, &field(value));
        }
    }
    fact(sheet, "Mode", BODY, &headline::mode(header));
    fact(sheet, "Run", CODE, &header.run.to_string());
    fact(sheet, "Record", CODE, &format!("SHA-256 {}", paper.digest));
    for (n, (key, value)) in header.vars.iter().enumerate() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let label = if n == 0 { "Variables" } else { "" };
        fact(sheet, label, CODE, &format!("{} = {}", field(key), field(&value)));
    }
}

/// A label, and what is true.
fn fact(sheet: &mut Sheet<'_>, label: &str, kind: Type, value: &str) {
    let x = MARGIN + 84.0;
    let lines = sheet.lines(value, kind, MARGIN + WIDTH - x);
    let height: f32 = lines.iter().map(|_| BODY.leading).sum();
    let below = if label.is_empty() { 0.0 } else { 3.0 };
    sheet.need(height + 7.0);
    if !label.is_empty() {
        sheet.rule(MARGIN, WIDTH, RULE);
        sheet.y += 3.6;
    }
    let top = sheet.y;
    sheet.part(Role::Paragraph, |sheet| {
        let leaf = sheet.leaf();
        if !label.is_empty() {
            let muted = Type { leading: BODY.leading, ..SMALL.in_colour(MUTED) };
            sheet.line(
                MARGIN,
                top,
                Type { size: BODY.size, ..muted },
                &format!("{label} "),
                Some(leaf),
            );
        }
        for (n, line) in lines.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a fact has few lines")]
            let y = top + BODY.leading * n as f32;
            sheet.line(
                x,
                y,
                Type { leading: BODY.leading, ..kind },
                &format!("{line} "),
                Some(leaf),
            );
        }
    });
    sheet.y = top + height + below;
}
