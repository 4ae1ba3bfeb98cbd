//! Recorded runs, a line each, latest first.

use super::diff::RunLine;
use super::style::paint;
use super::wrap::{name, width, wrap};
use super::{Look, ReportError, style};

/// Renders the runs for a person at a terminal, with a final line break; empty for none.
#[must_use]
pub fn runs_table(runs: &[RunLine], look: &Look) -> String {
    if runs.is_empty() {
        return String::new();
    }
    let total = look.width.clamp(60, 200);
    let cells: Vec<[String; 4]> = runs.iter().map(|run| cells(run, look)).collect();
    let widest = |n: usize, head: &str| {
        cells.iter().map(|row| width(&row[n])).max().unwrap_or(0).max(head.len())
    };
    let heads = ["WHEN", "RUN", "VERDICT", "WHAT"];
    let widths = [widest(0, heads[0]), widest(1, heads[1]), widest(2, heads[2])];
    let indent = widths.iter().sum::<usize>() + 7;
    let room = total.saturating_sub(indent).max(20);
    let head = format!(
        " {:a$}  {:b$}  {:c$}  {}",
        heads[0],
        heads[1],
        heads[2],
        heads[3],
        a = widths[0],
        b = widths[1],
        c = widths[2]
    );
    let mut out = format!("{}\n", paint(look, style::DIM, &head));
    for (run, [when, id, verdict, what]) in runs.iter().zip(&cells) {
        let painted = paint(look, style::decision_terminal(run.decision), verdict);
        let pad = widths[2] - width(verdict);
        let mut lines = wrap(what, room).into_iter();
        let first = lines.next().unwrap_or_default();
        let (a, b) = (widths[0], widths[1]);
        let row = format!(" {when:a$}  {id:b$}  {painted}{:pad$}  {first}", "");
        out.push_str(row.trim_end());
        out.push('\n');
        for line in lines {
            out.push_str(format!("{:indent$}{line}", "").trim_end());
            out.push('\n');
        }
    }
    out
}

fn cells(run: &RunLine, look: &Look) -> [String; 4] {
    let mut what = vec![name(&run.name)];
    if run.phase != "all" {
        what.push(format!("phase {}", name(&run.phase)));
    }
    what.extend(run.vantage.iter().map(|place| format!("from {}", name(place))));
    what.extend(run.shard.iter().map(|shard| format!("shard {}", name(shard))));
    if run.finished.is_none() {
        what.push("not finished".to_owned());
    }
    what.extend(run.because.iter().cloned());
    what.extend(run.operator.iter().map(|who| format!("by {}", name(who))));
    let started = run.started.to_zoned(look.zone.clone());
    let zone = if started.offset().is_zero() { "UTC" } else { "%:z" };
    [
        started.strftime(&format!("%Y-%m-%d %H:%M {zone}")).to_string(),
        run.run.short(),
        style::decision(run.decision).to_owned(),
        what.join(style::separator(look.glyphs)),
    ]
}

/// The runs as one JSON array, with a final line break.
///
/// # Errors
/// When they cannot be written as JSON.
pub fn runs_json(runs: &[RunLine]) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(runs)?;
    bytes.push(b'\n');
    Ok(bytes)
}
