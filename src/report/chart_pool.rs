//! The pool picture: what a limit on connections is made of, what the launch asks of it, and how it
//! fared while more and more connections were held.

use serde_json::Value;

use crate::model::outcome::Outcome;

use super::chart::{Chart, Measured, Row, Tone, lengths, part};
use super::when;

/// Both, as far as the record has them.
pub(super) fn charts(of: &str, seen: &Value) -> Vec<Chart> {
    picture(of, seen).into_iter().chain(ramp(of, seen)).collect()
}

/// The limit as a bar, from the first connection to the last.
#[expect(clippy::cast_precision_loss, reason = "a number of connections is far below 2^52")]
fn picture(of: &str, seen: &Value) -> Option<Chart> {
    let picture = seen.get("picture")?;
    let number = |key: &str| picture.get(key).and_then(Value::as_u64);
    let (limit, reserved, used) = (number("limit")?, number("reserved")?, number("used")?);
    let ordinary = limit.checked_sub(reserved)?;
    let asked = number("demand").zip(number("headroom"));
    let whole = asked.map_or(0, |(demand, _)| demand).max(limit).max(used);
    let at = |number: u64| part(number as f64, whole as f64);
    let row = |label: &str, bar: (u64, u64), tone, value: String| Row {
        label: label.to_owned(),
        bar: (at(bar.0), at(bar.1)),
        tone,
        value,
    };
    let mut rows = vec![row("in use", (0, used), Tone::Strong, format!("{used} of {ordinary}"))];
    let mut marks = Vec::new();
    if let Some((demand, headroom)) = asked {
        let budget = ordinary.saturating_sub(headroom);
        let (outcome, rest) = match demand.checked_sub(budget) {
            None | Some(0) => (Outcome::Pass, format!("{} to spare", budget - demand)),
            Some(over) => (Outcome::Fail, format!("{over} too many")),
        };
        let value = format!("{demand}, {rest}");
        rows.push(row("the launch asks for", (0, demand), Tone::Outcome(outcome), value));
        rows.push(row("headroom", (budget, ordinary), Tone::Soft, headroom.to_string()));
        marks.push((at(budget), "most that the launch may ask for"));
    }
    if reserved > 0 {
        rows.push(row("reserved", (ordinary, limit), Tone::Soft, reserved.to_string()));
    }
    Some(Chart {
        title: format!("{of}: {limit} connections"),
        edges: ("0".to_owned(), whole.to_string()),
        legend: Vec::new(),
        rows,
        marks,
        table: Vec::new(),
        note: None,
    })
}

/// How statements fared while more and more connections were held.
fn ramp(of: &str, seen: &Value) -> Option<Chart> {
    let ran = seen.pointer("/login/in/ramp/ran")?;
    let steps = ran.get("steps")?.as_array()?;
    let mut bars = Vec::new();
    for step in steps {
        let held = step.get("held")?.as_u64()?;
        let mut label = format!("{held} held");
        for (key, tone) in [("connect", Tone::Soft), ("statement", Tone::Strong)] {
            if let Some(ms) = percentile(step, key, "p95") {
                bars.push(Measured { label: std::mem::take(&mut label), tone, ms });
            }
        }
    }
    let legend = vec![(Tone::Soft, "connecting"), (Tone::Strong, "statements")];
    let title = format!("{of}: the pool under load, p95");
    let mut chart = lengths(title, legend, bars)?;
    let heads = ["held", "connect p95", "p50", "p95", "p99", "of", "errors", "own CPU"];
    chart.table.push(heads.map(ToOwned::to_owned).to_vec());
    chart.table.extend(steps.iter().map(line));
    let knee = ran.get("knee").and_then(Value::as_u64);
    let knee = knee.map(|held| {
        format!(
            "The knee is at {held}: statements took more than twice as long as in the first step."
        )
    });
    chart.note = knee.or(chart.note);
    Some(chart)
}

fn percentile(step: &Value, of: &str, percentile: &str) -> Option<f64> {
    step.get(of)?.get(percentile)?.as_f64()
}

/// The numbers of one step.
fn line(step: &Value) -> Vec<String> {
    let none = || "-".to_owned();
    let millis = |of, p| percentile(step, of, p).map_or_else(none, when::millis);
    let number = |value: Option<u64>| value.map_or_else(none, |number| number.to_string());
    let errors = step.get("errors").and_then(Value::as_object);
    let errors = errors.map(|all| all.values().filter_map(Value::as_u64).sum());
    let cpu = step.get("own_cpu").and_then(Value::as_f64);
    vec![
        number(step.get("held").and_then(Value::as_u64)),
        millis("connect", "p95"),
        millis("statement", "p50"),
        millis("statement", "p95"),
        millis("statement", "p99"),
        number(step.pointer("/statement/n").and_then(Value::as_u64)),
        number(errors),
        cpu.map_or_else(none, |share| format!("{:.0}%", 100.0 * share)),
    ]
}
