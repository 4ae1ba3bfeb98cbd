//! One self-contained page for a browser and for paper: no script is needed to read it, nothing is
//! fetched, and observed text can do nothing but be read.

mod charts;
mod csp;
mod evidence;
mod findings;
mod points;
mod sheet;
mod steps;
mod summary;

use jiff::tz::TimeZone;

use crate::model::outcome::{Outcome, Severity};
use crate::model::record::{CheckRecord, RunRecord};
use crate::model::text::clip;

use super::markup::Markup;
use super::{Glyphs, Look, ReportError, json, style, when, wrap};

/// The longest field shown, in characters; the record has it all.
const FIELD_LIMIT: usize = 4_000;

const FILTER: &str = include_str!("filter.js");

/// What every part of the page needs.
struct Page<'a> {
    record: &'a RunRecord,
    /// The launch's own zone, as in the PDF; the reader's where there is no launch.
    zone: TimeZone,
    /// SHA-256 of the record, hexadecimal.
    digest: String,
}

/// Renders the page, with a final line break.
pub(super) fn render(record: &RunRecord, look: &Look) -> Result<String, ReportError> {
    let zone = when::launch_zone(&record.header).unwrap_or_else(|| look.zone.clone());
    let page = Page { record, zone, digest: json::digest(record)? };
    let sheet = sheet::sheet(record.verdict.decision);
    let mut out = Markup::default();
    out.own("<!DOCTYPE html>\n");
    out.tag("html", &[("lang", "en")], |m| {
        m.line();
        m.tag("head", &[], |m| head(&page, &sheet, m));
        m.line();
        m.tag("body", &[], |m| body(&page, m));
        m.line();
    });
    out.line();
    Ok(out.finish())
}

fn head(page: &Page<'_>, sheet: &str, m: &mut Markup) {
    let decision = style::decision(page.record.verdict.decision);
    let title = format!("{decision} · {}", wrap::name(&page.record.header.name));
    let policy = csp::policy(sheet, FILTER);
    m.open("meta", &[("charset", "utf-8")]);
    m.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
    m.open("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    m.open("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    m.open("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    m.open("meta", &[("name", "robots"), ("content", "noindex")]);
    m.open("meta", &[("name", "generator"), ("content", &page.tool())]);
    m.leaf("title", &[], &title);
    m.tag("style", &[], |m| m.own(sheet));
}

fn body(page: &Page<'_>, m: &mut Markup) {
    m.line();
    m.tag("main", &[], |m| {
        m.line();
        summary::write(page, m);
        findings::write(page, m);
        points::write(page, m);
        steps::write(page, m);
        charts::write(page, m);
        evidence::write(page, m);
        footer(page, m);
    });
    m.line();
    m.tag("script", &[], |m| m.own(FILTER));
    m.line();
}

fn footer(page: &Page<'_>, m: &mut Markup) {
    m.tag("footer", &[], |m| {
        m.tag("p", &[], |m| {
            m.text("SHA-256 of the record: ");
            m.leaf("code", &[("class", "hash")], &page.digest);
        });
        m.tag("p", &[], |m| {
            m.text("Everything on this page was made from that record alone; ");
            let header = &page.record.header;
            if header.merged.is_empty() {
                m.leaf("code", &[], &format!("gonogo report {} -o json", header.run));
                m.text(", by this version and where the run is recorded,");
            } else {
                m.leaf("code", &[], "gonogo merge -o json");
                m.text(", by this version and from the same records in the same order,");
            }
            m.text(" writes the very bytes the sum is of.");
        });
        m.leaf("p", &[], &format!("Made by {}.", page.tool()));
    });
    m.line();
}

impl Page<'_> {
    fn tool(&self) -> String {
        let tool = &self.record.header.tool;
        format!("{} {}", wrap::name(&tool.name), wrap::name(&tool.version))
    }
}

/// A field as one safe line.
fn field(text: &str) -> String {
    clip(text, FIELD_LIMIT)
}

/// The outcome's word on its ground, with its symbol.
fn chip(outcome: Outcome, m: &mut Markup) {
    m.tag("span", &[("class", &format!("o o-{outcome}"))], |m| {
        m.leaf("span", &[("aria-hidden", "true")], style::symbol(outcome, Glyphs::Unicode));
        m.text(style::word(outcome));
    });
}

/// What must stand beside the outcome: `waived`, `advisory`.
fn marks(check: &CheckRecord) -> Vec<&'static str> {
    let mut marks = Vec::new();
    if check.severity == Severity::Advisory {
        marks.push(style::severity(check.severity));
    }
    if check.waived.is_some() {
        marks.push("waived");
    }
    marks
}
