//! TAP, version 14: a point for each check, with what a person needs as a YAML block.

use serde_json::Value;

use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, RunRecord};

use super::bearing::{Bearing, bearing, code, said, story};
use super::wrap::{line, name};
use super::{headline, style};

/// Renders the report, with a final line break.
pub(super) fn render(record: &RunRecord) -> String {
    let plan = match record.counts.total {
        0 => "1..0 # SKIP the checklist has no checks".to_owned(),
        n => format!("1..{n}"),
    };
    let verdict = headline::verdict(record).join(", ");
    let decision = style::decision(record.verdict.decision);
    let mut out = vec![
        "TAP version 14".to_owned(),
        plan,
        format!("# {}", name(&record.header.name)),
        format!("# {decision}: {verdict}"),
    ];
    for (n, check) in record.checks().enumerate() {
        point(record, n + 1, check, &mut out);
    }
    // What is missing must not look like the end.
    let gaps = headline::gaps(record);
    if !gaps.is_empty() {
        out.push(format!("Bail out! {}", gaps.join(" ")));
    }
    out.join("\n") + "\n"
}

fn point(record: &RunRecord, n: usize, check: &CheckRecord, out: &mut Vec<String>) {
    let bearing = bearing(record, check);
    let ok = match bearing {
        Bearing::Passed | Bearing::Warned | Bearing::LeftOut => "ok",
        Bearing::Failed | Bearing::Unknown | Bearing::Pending | Bearing::Excused(_) => "not ok",
    };
    let title = match line(check.id.as_str()) {
        id if check.title == check.id.as_str() => id,
        id => format!("{id} {}", line(&check.title)),
    };
    let said = said(check, bearing);
    // A TODO point may fail without failing the run: it waits for somebody, or somebody excused it.
    let directive = match bearing {
        Bearing::Passed | Bearing::Warned | Bearing::Failed | Bearing::Unknown => String::new(),
        Bearing::Pending => format!(" # TODO pending: {}", escape(&said)),
        Bearing::Excused(_) => format!(" # TODO {}", escape(&said)),
        Bearing::LeftOut if check.outcome == Outcome::NotApplicable => {
            format!(" # SKIP not applicable: {}", escape(&said))
        }
        Bearing::LeftOut => format!(" # SKIP {}", escape(&said)),
    };
    out.push(format!("{ok} {n} - {}{directive}", escape(&title)));
    let plain = bearing == Bearing::Passed && headline::tries(check).is_none();
    if !plain && bearing != Bearing::LeftOut {
        block(check, &said, out);
    }
}

/// What opens an escape or a directive is escaped, as TAP 14 asks.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('#', "\\#")
}

/// The YAML block. JSON strings are YAML strings, whatever is in them.
fn block(check: &CheckRecord, said: &str, out: &mut Vec<String>) {
    let quote = |text: &str| Value::from(text).to_string();
    let mut pairs = vec![
        ("message", quote(said)),
        ("outcome", quote(check.outcome.as_str())),
        ("severity", quote(style::severity(check.severity))),
        ("code", quote(&line(code(check)))),
        ("at", quote(&format!("{}:{}", line(&check.source.file), check.source.line))),
        (
            "duration_ms",
            format!("{:.1}", if check.duration_ms.is_finite() { check.duration_ms } else { 0.0 }),
        ),
    ];
    // A literal block: some readers take a quoted `"owner: x"` in a list for a mapping.
    let details: Vec<String> = story(check).iter().map(|line| format!("\n    {line}")).collect();
    if !details.is_empty() {
        pairs.push(("details", format!("|{}", details.concat())));
    }
    out.push("  ---".to_owned());
    for (key, value) in pairs {
        out.push(format!("  {key}: {value}"));
    }
    out.push("  ...".to_owned());
}
