//! The top of the page: what was run, what came of it, and everything an auditor asks first.

use crate::model::record::RunRecord;

use super::super::markup::Markup;
use super::super::{Glyphs, headline, style, when, wrap};
use super::{Page, field};

pub(super) fn write(page: &Page<'_>, m: &mut Markup) {
    mast(page, m);
    verdict(page.record, m);
    tally(page.record, m);
    facts(page, m);
}

fn mast(page: &Page<'_>, m: &mut Markup) {
    let header = &page.record.header;
    let over = match header.phase.as_str() {
        "all" => "Go-live readiness · all phases".to_owned(),
        phase => format!("Go-live readiness · phase {}", wrap::name(phase)),
    };
    m.tag("header", &[("class", "mast")], |m| {
        m.leaf("p", &[("class", "over")], &over);
        m.leaf("h1", &[], &wrap::name(&header.name));
        if let Some(launch) = headline::launch(page.record, &page.zone) {
            m.leaf("p", &[("class", "launch")], &headline::capital(&launch));
        }
    });
    m.line();
}

fn verdict(record: &RunRecord, m: &mut Markup) {
    let decision = record.verdict.decision;
    m.tag("section", &[("class", "verdict"), ("aria-label", "Verdict")], |m| {
        m.leaf("p", &[("class", "word")], style::decision(decision));
        m.tag("div", &[("class", "why")], |m| {
            m.leaf("p", &[("class", "meaning")], &headline::meaning(record));
            let because = headline::because(record);
            if !because.is_empty() {
                m.leaf("p", &[], &because.join(" · "));
            }
            for remark in headline::remarks(record) {
                m.leaf("p", &[("class", "remark")], &remark);
            }
        });
    });
    m.line();
}

/// The numbers as a bar and as words.
fn tally(record: &RunRecord, m: &mut Markup) {
    let total = record.counts.total;
    m.tag("section", &[("class", "tally"), ("aria-label", "Counts")], |m| {
        bar(record, m);
        m.tag("ul", &[], |m| {
            m.tag("li", &[], |m| {
                m.leaf("b", &[], &total.to_string());
                m.leaf("span", &[], if total == 1 { "check" } else { "checks" });
            });
            for outcome in style::worst_first() {
                let n = record.counts.of(outcome);
                if n > 0 {
                    m.tag("li", &[("class", &format!("o-{outcome}"))], |m| {
                        m.tag("span", &[("class", "o"), ("aria-hidden", "true")], |m| {
                            m.text(style::symbol(outcome, Glyphs::Unicode));
                        });
                        m.leaf("b", &[], &n.to_string());
                        m.leaf("span", &[], style::past(outcome));
                    });
                }
            }
        });
    });
    m.line();
}

/// One bar, a stretch for each outcome. Its numbers stand below it as words.
fn bar(record: &RunRecord, m: &mut Markup) {
    if record.counts.total == 0 {
        return;
    }
    let view = format!("0 0 {} 1", record.counts.total);
    let attributes =
        [("viewBox", view.as_str()), ("preserveAspectRatio", "none"), ("aria-hidden", "true")];
    m.tag("svg", &attributes, |m| {
        let mut x = 0;
        for outcome in style::worst_first() {
            let n = record.counts.of(outcome);
            if n > 0 {
                let class = format!("o-{outcome}");
                let (at, width) = (x.to_string(), n.to_string());
                m.tag(
                    "rect",
                    &[("class", &class), ("x", &at), ("width", &width), ("height", "1")],
                    |_| {},
                );
                x += n;
            }
        }
    });
}

fn facts(page: &Page<'_>, m: &mut Markup) {
    m.tag("dl", &[("class", "facts"), ("aria-label", "About this run")], |m| {
        checklist(page, m);
        times(page, m);
        people(page, m);
    });
    m.line();
}

fn fact(name: &str, wide: Width, m: &mut Markup, value: impl FnOnce(&mut Markup)) {
    let class = match wide {
        Width::Half => "",
        Width::Whole => "wide",
    };
    m.tag("div", &[("class", class)], |m| {
        m.leaf("dt", &[], name);
        m.tag("dd", &[], value);
    });
}

/// How much of the line a fact takes.
#[derive(Clone, Copy)]
enum Width {
    Half,
    Whole,
}

fn checklist(page: &Page<'_>, m: &mut Markup) {
    let list = &page.record.header.checklist;
    fact("Checklist", Width::Half, m, |m| m.text(&field(&list.path)));
    fact("Commit", Width::Half, m, |m| match &list.git {
        Some(git) => {
            m.leaf("code", &[], &field(&git.commit));
            m.text(if git.dirty { " with changes that are not committed" } else { "" });
        }
        None => m.leaf("span", &[("class", "muted")], "none known: no work tree of git"),
    });
    fact("SHA-256", Width::Whole, m, |m| m.leaf("code", &[], &field(&list.sha256)));
}

fn times(page: &Page<'_>, m: &mut Markup) {
    let (header, zone) = (&page.record.header, &page.zone);
    let launch = when::launch(header).map(|launch| when::full(launch.timestamp(), zone));
    fact("Launch", Width::Half, m, |m| match &launch {
        Some(launch) => m.text(launch),
        None => m.leaf("span", &[("class", "muted")], "none named: judged as of now"),
    });
    let window = header.window;
    if window.from != window.to {
        let text = when::window(window, zone);
        fact("Window", Width::Half, m, |m| m.text(&text));
    }
    fact("Started", Width::Half, m, |m| m.text(&when::full(header.started, zone)));
    let ended = match page.record.finished {
        Some(at) => format!(
            "{}, after {}",
            when::full(at, zone),
            when::took(header.started, Some(at)).unwrap_or_default()
        ),
        None => style::KILLED.to_owned(),
    };
    fact("Finished", Width::Half, m, |m| m.text(&ended));
}

fn people(page: &Page<'_>, m: &mut Markup) {
    let header = &page.record.header;
    for (name, value) in
        [("Run by", &header.operator), ("On host", &header.host), ("Seen from", &header.vantage)]
    {
        if let Some(value) = value {
            fact(name, Width::Half, m, |m| m.text(&field(value)));
        }
    }
    fact("Mode", Width::Half, m, |m| m.text(&headline::mode(header)));
    fact("Run", Width::Half, m, |m| m.leaf("code", &[], &header.run.to_string()));
    fact("Record", Width::Whole, m, |m| {
        m.text("SHA-256 ");
        m.leaf("code", &[], &page.digest);
    });
    if !header.vars.is_empty() {
        fact("Variables", Width::Whole, m, |m| {
            for (name, value) in &header.vars {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                m.tag("div", &[], |m| {
                    m.leaf("code", &[], &format!("{} = {}", field(name), field(&value)));
                });
            }
        });
    }
}
