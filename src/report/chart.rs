//! Small charts: what of a record is better seen than read. A chart is rows of bars between 0 and 1,
//! so that each format draws it in its own way.
//!
//! The facts of a kind are read from the record as JSON, by the names its schema publishes; where a
//! record has none of them there is no chart.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, RunRecord};

use super::bearing::attention;
use super::chart_pool as pool;
use super::wrap::{line, name};
use super::{vantage, when};

/// Rows of one chart; what is beyond is counted.
const ROWS: usize = 20;
/// Rows of the timeline.
const TIMELINE_ROWS: usize = 24;

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    /// What it shows.
    pub(super) title: String,
    /// What its left and right edge are.
    pub(super) edges: (String, String),
    /// What the tones mean; empty where there is one only.
    pub(super) legend: Vec<(Tone, &'static str)>,
    pub(super) rows: Vec<Row>,
    /// Instants or limits drawn across all rows.
    pub(super) marks: Vec<(f32, &'static str)>,
    /// Numbers below the bars, first the heads of their columns; empty where the bars say it all.
    pub(super) table: Vec<Vec<String>>,
    /// What was left out, or has to be known.
    pub(super) note: Option<String>,
}

/// A labelled bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Empty where it belongs to the row above.
    pub(super) label: String,
    /// Where the bar begins and ends, between 0 and 1.
    pub(super) bar: (f32, f32),
    pub(super) tone: Tone,
    /// What it stands for, in words.
    pub(super) value: String,
}

/// The colour of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// The one that matters.
    Strong,
    /// The one it is compared with.
    Soft,
    /// An outcome.
    Outcome(Outcome),
}

#[cfg(feature = "pdf")]
impl Chart {
    /// The chart in words, for those who do not see it.
    pub(super) fn in_words(&self) -> String {
        use std::fmt::Write as _;

        let mut words = format!("{}. From {} to {}.", self.title, self.edges.0, self.edges.1);
        for row in &self.rows {
            let _infallible = write!(words, " {} {};", row.label, row.value);
        }
        let (heads, rows) = self.table.split_first().map_or((&[][..], &[][..]), |(h, r)| (h, r));
        for row in rows {
            for (head, cell) in heads.iter().zip(row) {
                let _infallible = write!(words, " {head} {cell},");
            }
        }
        words
    }
}

/// The charts of a record: resolvers, pools under load, certificates.
pub(super) fn measurements(record: &RunRecord, zone: &TimeZone) -> Vec<Chart> {
    let seen = |kind: &'static str| {
        record.checks().filter(move |check| check.kind == kind).flat_map(|check| {
            vantage::observations(check)
                .map(move |(place, seen)| (vantage::label(check, place), seen))
        })
    };
    let pools = ["postgres_pool", "mysql_pool", "redis"].into_iter().flat_map(seen);
    let answers =
        seen("dns").filter_map(|(label, seen)| answers(&label, &seen)).flatten().collect();
    let lives = seen("tls").filter_map(|(label, seen)| lives(&label, &seen)).flatten().collect();
    resolvers(answers)
        .into_iter()
        .chain(pools.flat_map(|(label, seen)| pool::charts(&label, &seen)))
        .chain(certificates(record, lives, zone))
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a part of a line on paper")]
pub(super) fn part(of: f64, whole: f64) -> f32 {
    let part = of / whole;
    if part.is_finite() { part.clamp(0.0, 1.0) as f32 } else { 0.0 }
}

/// What was measured, before it is known how long the longest bar is.
pub(super) struct Measured {
    pub(super) label: String,
    pub(super) tone: Tone,
    pub(super) ms: f64,
}

/// How fast each resolver of a check answered, at first and from its cache.
fn answers(of: &str, seen: &Value) -> Option<Vec<Measured>> {
    let mut bars = Vec::new();
    for resolver in seen.get("resolvers")?.as_array()? {
        let server = line(resolver.get("server")?.as_str()?);
        let mut label = format!("{of} {server}");
        for (key, tone) in [("cold", Tone::Soft), ("warm", Tone::Strong)] {
            if let Some(ms) = resolver.get(key).and_then(|l| l.get("p95")).and_then(Value::as_f64) {
                bars.push(Measured { label: std::mem::take(&mut label), tone, ms });
            }
        }
    }
    Some(bars)
}

fn resolvers(bars: Vec<Measured>) -> Option<Chart> {
    let legend = vec![(Tone::Soft, "first answer"), (Tone::Strong, "warm")];
    lengths("How fast each resolver answers, p95".to_owned(), legend, bars)
}

pub(super) fn lengths(
    title: String,
    legend: Vec<(Tone, &'static str)>,
    bars: Vec<Measured>,
) -> Option<Chart> {
    let longest = bars.iter().map(|bar| bar.ms).fold(0.0, f64::max);
    if bars.is_empty() || longest <= 0.0 {
        return None;
    }
    let note = (bars.len() > ROWS).then(|| format!("{} more in the record", bars.len() - ROWS));
    let rows = bars
        .into_iter()
        .take(ROWS)
        .map(|bar| Row {
            label: bar.label,
            bar: (0.0, part(bar.ms, longest)),
            tone: bar.tone,
            value: when::millis(bar.ms),
        })
        .collect();
    let edges = ("0 ms".to_owned(), when::millis(longest));
    Some(Chart { title, edges, legend, rows, marks: Vec::new(), table: Vec::new(), note })
}

/// One certificate's life.
struct Life {
    label: String,
    from: Timestamp,
    to: Timestamp,
}

/// The lives of the certificates a check met, one for each address.
fn lives(of: &str, seen: &Value) -> Option<Vec<Life>> {
    let mut lives: Vec<Life> = Vec::new();
    for address in seen.get("addresses")?.as_array()? {
        let label = format!("{of} {}", line(address.get("address")?.as_str()?));
        let served = address.pointer("/sight/seen/accepted/served").and_then(Value::as_array);
        for served in served.into_iter().flatten() {
            if let Some(life) = served.pointer("/chain/0/certificate").and_then(|c| life(&label, c))
            {
                lives.push(life);
            }
        }
    }
    Some(lives)
}

/// How long the certificates live, against the release window; the first to end come first.
fn certificates(record: &RunRecord, mut lives: Vec<Life>, zone: &TimeZone) -> Option<Chart> {
    lives.sort_by_key(|life| life.to);
    let window = record.header.window;
    let from = record.header.started.min(window.from);
    let last = lives.iter().map(|life| life.to).max()?.max(window.to);
    let whole = last.duration_since(from).as_secs_f64() * 1.04;
    let at = |instant: Timestamp| part(instant.duration_since(from).as_secs_f64(), whole);
    let note = (lives.len() > ROWS).then(|| format!("{} more in the record", lives.len() - ROWS));
    let rows = lives
        .iter()
        .take(ROWS)
        .map(|life| Row {
            label: life.label.clone(),
            bar: (at(life.from), at(life.to)),
            // Whether one that outlives the window lives long enough is for its check to say.
            tone: if life.to < window.to { Tone::Outcome(Outcome::Fail) } else { Tone::Strong },
            value: format!("until {}", life.to.to_zoned(zone.clone()).strftime("%-d %b %Y")),
        })
        .collect();
    let end = from.saturating_add(jiff::SignedDuration::from_secs_f64(whole)).ok()?;
    let day = |instant: Timestamp| instant.to_zoned(zone.clone()).strftime("%-d %b %Y").to_string();
    Some(Chart {
        title: "How long the certificates live".to_owned(),
        edges: (day(from), day(end)),
        legend: Vec::new(),
        rows,
        marks: vec![(at(window.to), "end of the window")],
        table: Vec::new(),
        note,
    })
}

fn life(label: &str, certificate: &Value) -> Option<Life> {
    let instant = |key: &str| certificate.get(key)?.as_str()?.parse().ok();
    Some(Life { label: label.to_owned(), from: instant("not_before")?, to: instant("not_after")? })
}

/// When each check was under way; of many those that want attention, then those that took longest.
pub(super) fn timeline(record: &RunRecord) -> Option<Chart> {
    let tried: Vec<(usize, &CheckRecord, Timestamp)> = record
        .checks()
        .enumerate()
        .filter_map(|(n, check)| Some((n, check, check.started?)))
        .collect();
    if tried.len() < 2 {
        return None;
    }
    let worrying: Vec<usize> = attention(record).iter().map(|(n, _)| *n).collect();
    let mut shown = tried.clone();
    shown.sort_by(|(a, left, _), (b, right, _)| {
        let rank = |n: &usize| worrying.iter().position(|w| w == n).unwrap_or(usize::MAX);
        rank(a).cmp(&rank(b)).then(right.duration_ms.total_cmp(&left.duration_ms))
    });
    shown.truncate(TIMELINE_ROWS);
    shown.sort_by_key(|(n, ..)| *n);
    let begin = record.header.started;
    let after = |at: Timestamp| (at.duration_since(begin).as_secs_f64() * 1000.0).max(0.0);
    let whole = tried
        .iter()
        .map(|(_, check, started)| after(*started) + check.duration_ms)
        .chain(record.finished.map(after))
        .fold(1.0, f64::max);
    let rows = shown
        .iter()
        .map(|(_, check, started)| {
            let from = after(*started);
            Row {
                label: name(check.id.as_str()),
                bar: (part(from, whole), part(from + check.duration_ms, whole)),
                tone: Tone::Outcome(check.outcome),
                value: when::millis(check.duration_ms),
            }
        })
        .collect();
    let hidden = tried.len() - shown.len();
    Some(Chart {
        title: "How the run went".to_owned(),
        edges: ("start".to_owned(), when::millis(whole)),
        legend: Vec::new(),
        rows,
        marks: Vec::new(),
        table: Vec::new(),
        note: (hidden > 0).then(|| format!("{hidden} shorter checks are not drawn")),
    })
}
