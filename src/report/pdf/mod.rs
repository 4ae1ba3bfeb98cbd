//! PDF, native: pages one would put before a board, made from the record alone, with the record
//! inside. The same record gives the same bytes wherever it is rendered: times are shown in the
//! launch's own zone, not in the reader's.

mod attached;
mod blank;
mod charts;
mod checks;
mod closing;
mod cover;
mod findings;
mod fonts;
mod paint;
mod points;
mod proof;
mod sheet;
mod table;

use jiff::tz::TimeZone;

use crate::model::record::RunRecord;
use crate::model::text::clip;

use super::style::{self, Rgb};
use super::{Look, ReportError, json, when, wrap};
use fonts::{Cut, Faces};
use sheet::{BOTTOM, MARGIN, Sheet, Type, WIDTH};

pub use attached::attached_record;
pub use proof::{Proof, prove};

/// The name of the file inside.
const ATTACHMENT: &str = "record.json";
/// The longest field shown, in characters; the record has it all.
const FIELD_LIMIT: usize = 1_000;

const TEXT: Rgb = Rgb(0x14, 0x18, 0x1d);
const MUTED: Rgb = Rgb(0x50, 0x59, 0x63);
const RULE: Rgb = Rgb(0xdf, 0xe3, 0xe8);
const EDGE: Rgb = Rgb(0x9a, 0xa4, 0xae);
const WELL: Rgb = Rgb(0xf4, 0xf6, 0xf8);

const TITLE: Type = Type::new(Cut::Bold, 27.0, 33.0, TEXT);
const SECTION: Type = Type::new(Cut::Bold, 14.5, 20.0, TEXT);
const STEP: Type = Type::new(Cut::Bold, 10.5, 15.0, TEXT);
const BODY: Type = Type::new(Cut::Regular, 9.2, 13.0, TEXT);
const STRONG: Type = Type::new(Cut::Bold, 9.2, 13.0, TEXT);
const SMALL: Type = Type::new(Cut::Regular, 8.2, 11.5, MUTED);
const LABEL: Type = Type::new(Cut::Bold, 7.2, 11.0, MUTED);
const CODE: Type = Type::new(Cut::Mono, 8.0, 11.6, TEXT);

/// What every part of the document needs.
struct Paper<'a> {
    record: &'a RunRecord,
    /// The launch's own zone.
    zone: TimeZone,
    /// SHA-256 of the record, hexadecimal.
    digest: String,
}

/// Renders the document.
pub(super) fn render(record: &RunRecord, look: &Look) -> Result<Vec<u8>, ReportError> {
    let faces = Faces::new(&look.fonts)?;
    let paper = Paper { record, zone: launch_zone(record), digest: json::digest(record)? };
    let mut sheet = Sheet::new(&faces);
    cover::write(&paper, &mut sheet);
    checks::write(&paper, &mut sheet);
    findings::write(&paper, &mut sheet);
    points::write(&paper, &mut sheet);
    charts::write(&paper, &mut sheet);
    closing::write(&paper, &mut sheet);
    let decision = style::decision(record.verdict.decision);
    let run = record.header.run.short();
    footers(&mut sheet, &format!("{decision} · {} · run {run}", name(&record.header.name)));
    let tool = &record.header.tool;
    let about = paint::About {
        title: format!("{decision} · {}", name(&record.header.name)),
        author: record.header.operator.as_deref().map(name),
        creator: format!("{} {}", name(&tool.name), name(&tool.version)),
        at: record.finished.unwrap_or(record.header.started),
        id: format!("{} {}", record.header.run, paper.digest),
        record: Some(json::render(record)?),
    };
    paint::write(sheet, about)
}

/// The blank checklist of a run that has not been: what stands in `record` before the first check was
/// looked at, to go through and sign on paper. Nothing is attached.
///
/// # Errors
/// When a given font is none, or the document cannot be written.
pub fn blank_checklist(record: &RunRecord, look: &Look) -> Result<Vec<u8>, ReportError> {
    let faces = Faces::new(&look.fonts)?;
    let paper = Paper { record, zone: launch_zone(record), digest: String::new() };
    let mut sheet = Sheet::new(&faces);
    blank::write(&paper, &mut sheet);
    let header = &record.header;
    footers(&mut sheet, &format!("Checklist · {}", name(&header.name)));
    let about = paint::About {
        title: format!("Checklist · {}", name(&header.name)),
        author: None,
        creator: format!("{} {}", name(&header.tool.name), name(&header.tool.version)),
        at: header.started,
        id: format!("checklist {} {}", header.checklist.sha256, header.phase),
        record: None,
    };
    paint::write(sheet, about)
}

/// The zone the launch is written in.
fn launch_zone(record: &RunRecord) -> TimeZone {
    when::launch_zone(&record.header).unwrap_or(TimeZone::UTC)
}

/// A field as one line that any PDF may hold.
fn field(text: &str) -> String {
    printable(&clip(text, FIELD_LIMIT))
}

/// A name as one line that any PDF may hold.
fn name(text: &str) -> String {
    printable(&wrap::name(text))
}

/// PDF/A allows no private characters, which mean something else in every font, and no characters
/// that are none.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{e000}'..='\u{f8ff}' | '\u{fffe}' | '\u{ffff}' | '\u{f0000}'..='\u{10ffff}' => {
                out.extend(c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out
}

/// The foot of every page, known when all pages are.
fn footers(sheet: &mut Sheet<'_>, left: &str) {
    let left = sheet.lines(left, SMALL, WIDTH - 90.0).swap_remove(0);
    let pages = sheet.pages.len();
    let top = BOTTOM + 22.0;
    for n in 0..pages {
        let right = format!("page {} of {pages}", n + 1);
        let width = sheet.faces.width(SMALL.cut, SMALL.size, &right);
        let mut foot = Sheet::new(sheet.faces);
        foot.line(MARGIN, top, SMALL, &left, None);
        foot.line(MARGIN + WIDTH - width, top, SMALL, &right, None);
        sheet.pages[n].append(&mut foot.pages[0]);
    }
}
