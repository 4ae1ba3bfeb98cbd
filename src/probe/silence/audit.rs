//! The audit of a silence: what was planned, what was covered and why that differs, which alerts it
//! kept quiet and for how long, and what will be heard when it ends.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::fleet::{Fleet, Which};
use super::observe::{AlertSeen, SilenceSeen};
use crate::model::fault::{Fault, Sight};
use crate::model::time::Window;
use crate::net::alertmanager::{Labels, Matcher, State, WireMatcher, all_match};
use crate::net::prometheus::{Prometheus, Series};

/// What is to be audited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whose silences.
    pub which: Which,
    /// What was planned; without it the silences themselves are the plan.
    pub planned: Option<Window>,
    /// The instant of the audit.
    pub now: Timestamp,
}

/// The audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The silences found, those that are over included.
    pub silences: Vec<SilenceSeen>,
    /// What was planned.
    pub planned: Window,
    /// How long it was to last, in seconds.
    pub planned_secs: i64,
    /// How much of that was covered until now, or to its end, in seconds.
    pub covered_secs: i64,
    /// What was not covered of the past.
    pub gaps: Vec<Gap>,
    /// The alerts that fired while they were covered; from Prometheus, when one was asked.
    pub suppressed: Option<Sight<Vec<Suppressed>>>,
    /// The alerts that fire now and are silenced by nothing else: what will be heard at the end.
    pub to_be_heard: Sight<Vec<AlertSeen>>,
}

/// A stretch of the plan that was not covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Its first instant.
    pub from: Timestamp,
    /// Its last instant.
    pub to: Timestamp,
    /// Why.
    pub why: Why,
}

/// Why a stretch was not covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The silence was made late.
    MadeLate,
    /// It was ended early.
    EndedEarly,
    /// One had ended and the next had not begun.
    Between,
    /// There was none at all.
    NoSilence,
}

impl Why {
    /// The reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MadeLate => "the silence was made late",
            Self::EndedEarly => "the silence was ended early",
            Self::Between => "one silence had ended and the next had not begun",
            Self::NoSilence => "there was no silence",
        }
    }
}

/// An alert that fired while it was covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// Its labels, without those Prometheus adds when it sends it.
    pub labels: Labels,
    /// The first instant it was seen firing under the silence.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// For how long in all, in seconds; as exact as the step between two looks.
    pub secs: i64,
}

/// Audits: asks the Alertmanagers for the silences, and Prometheus for what fired under them.
///
/// # Errors
/// A [`Fault`] when no Alertmanager said which silences there were.
pub async fn audit(
    question: &Question,
    fleet: &Fleet,
    prometheus: Option<&Prometheus>,
    limit: Duration,
) -> Result<Audit, Fault> {
    let silences = fleet.history(&question.which).await?;
    let ids: Vec<String> = silences.iter().map(|silence| silence.id.clone()).collect();
    let to_be_heard = fleet.aftermath(&ids).await.into();
    let planned = question.planned.or_else(|| hull(&silences)).unwrap_or(Window {
        from: question.now,
        to: question.now,
    });
    let past = Window { from: planned.from, to: planned.to.min(question.now) };
    let suppressed = match prometheus {
        Some(prometheus) if past.from < past.to => Some(
            prometheus
                .firing(past, limit)
                .await
                .map(|series| suppressed(&silences, &series))
                .into(),
        ),
        Some(_) => Some(Sight::Seen(Vec::new())),
        None => None,
    };
    let gaps = gaps(&silences, past);
    let uncovered: i64 = gaps.iter().map(|gap| secs(gap.from, gap.to)).sum();
    Ok(Audit {
        planned,
        planned_secs: secs(planned.from, planned.to),
        covered_secs: secs(past.from, past.to).max(0) - uncovered,
        gaps,
        suppressed,
        to_be_heard,
        silences,
    })
}

fn secs(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}

/// From the first beginning to the last end.
fn hull(silences: &[SilenceSeen]) -> Option<Window> {
    let from = silences.iter().map(|silence| silence.starts_at).min()?;
    let to = silences.iter().map(|silence| silence.ends_at).max()?;
    Some(Window { from, to })
}

/// The times in which at least one was at work, in order and without overlaps. A silence that was
/// ended before it began never was.
fn covered(silences: &[SilenceSeen]) -> Vec<Window> {
    let mut times: Vec<Window> = silences
        .iter()
        .map(|silence| Window { from: silence.starts_at, to: silence.ends_at })
        .filter(|window| window.from < window.to)
        .collect();
    times.sort_by_key(|window| window.from);
    let mut joined: Vec<Window> = Vec::new();
    for window in times {
        match joined.last_mut() {
            // What comes back has been rounded; a second between two is no gap.
            Some(last) if window.from <= last.to + SignedDuration::from_secs(1) => {
                last.to = last.to.max(window.to);
            }
            Some(_) | None => joined.push(window),
        }
    }
    joined
}

fn gaps(silences: &[SilenceSeen], past: Window) -> Vec<Gap> {
    let times = covered(silences);
    let mut gaps = Vec::new();
    let mut at = past.from;
    for window in &times {
        if window.from > at && at < past.to {
            let why = if at == past.from { Why::MadeLate } else { Why::Between };
            gaps.push(Gap { from: at, to: window.from.min(past.to), why });
        }
        at = at.max(window.to);
    }
    if at < past.to {
        let why = if times.is_empty() { Why::NoSilence } else { Why::EndedEarly };
        gaps.push(Gap { from: at, to: past.to, why });
    }
    // A fraction of a second is the time the request took.
    gaps.retain(|gap| secs(gap.from, gap.to) > 0);
    gaps
}

/// The series that fired at instants at which a silence that matches them was at work.
fn suppressed(silences: &[SilenceSeen], series: &Series) -> Vec<Suppressed> {
    let compiled: Vec<(&SilenceSeen, Vec<Matcher>)> = silences
        .iter()
        .filter_map(|silence| {
            let matchers: Result<Vec<Matcher>, String> =
                silence.matchers.iter().map(WireMatcher::compile).collect();
            Some((silence, matchers.ok()?))
        })
        .collect();
    let mut found = Vec::new();
    for (labels, instants) in &series.alerts {
        let over: Vec<&SilenceSeen> = compiled
            .iter()
            .filter(|(_, matchers)| all_match(matchers, labels))
            .map(|(silence, _)| *silence)
            .collect();
        let under: Vec<Timestamp> = instants
            .iter()
            .copied()
            .filter(|at| over.iter().any(|s| s.starts_at <= *at && *at < s.ends_at))
            .collect();
        if let (Some(first), Some(last)) = (under.first(), under.last()) {
            let n = i64::try_from(under.len()).unwrap_or(i64::MAX);
            let secs = n.saturating_mul(series.step_secs);
            found.push(Suppressed { labels: labels.clone(), first: *first, last: *last, secs });
        }
    }
    found.sort_by_key(|alert| std::cmp::Reverse(alert.secs));
    found
}

/// Whether any of the silences is still at work or to come.
#[must_use]
pub fn is_open(audit: &Audit) -> bool {
    audit.silences.iter().any(|silence| match silence.state {
        State::Active | State::Pending => true,
        State::Expired => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        let base: Timestamp = "2026-11-23T02:00:00Z".parse().expect("an instant");
        base + SignedDuration::from_mins(minutes)
    }

    fn silence(from: i64, to: i64) -> SilenceSeen {
        SilenceSeen {
            id: format!("{from}"),
            state: State::Expired,
            starts_at: at(from),
            ends_at: at(to),
            updated_at: None,
            created_by: "gonogo".to_owned(),
            comment: String::new(),
            matchers: vec![(&"service=order".parse::<Matcher>().expect("a matcher")).into()],
        }
    }

    #[test]
    fn what_was_not_covered_is_said_with_its_reason() {
        for (silences, expected) in [
            (vec![], vec![(0, 60, Why::NoSilence)]),
            (vec![silence(0, 60)], vec![]),
            (vec![silence(-5, 90)], vec![]),
            (vec![silence(10, 60)], vec![(0, 10, Why::MadeLate)]),
            (vec![silence(0, 45)], vec![(45, 60, Why::EndedEarly)]),
            (vec![silence(20, 30), silence(5, 15)], vec![
                (0, 5, Why::MadeLate),
                (15, 20, Why::Between),
                (30, 60, Why::EndedEarly),
            ]),
            (vec![silence(0, 30), silence(20, 60)], vec![]),
            (vec![silence(70, 80)], vec![(0, 60, Why::MadeLate)]),
        ] {
            let found: Vec<_> = gaps(&silences, Window { from: at(0), to: at(60) })
                .into_iter()
                .map(|gap| (secs(at(0), gap.from) / 60, secs(at(0), gap.to) / 60, gap.why))
                .collect();
            assert_eq!(found, expected, "{silences:?}");
        }
    }

    #[test]
    fn only_what_matches_and_was_covered_counts_as_suppressed() {
        let labels = |service: &str| -> Labels { [("service".to_owned(), service.to_owned())].into() };
        let series = Series {
            step_secs: 60,
            alerts: vec![
                (labels("order"), (0..20).map(at).collect()),
                (labels("match"), (0..20).map(at).collect()),
            ],
        };
        let found = suppressed(&[silence(10, 15)], &series);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].secs, found[0].first, found[0].last), (300, at(10), at(14)));
        assert_eq!(found[0].labels, labels("order"));
    }
}
