//! The audit of a silence: what was planned, what was covered and why that differs, which alerts it
//! kept quiet and for how long, and what will be heard when it ends.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ending::Ending;
use super::observe::{AlertSeen, Member, Seen, SilenceSeen};
use crate::model::fault::Sight;
use crate::model::time::Window;
use crate::net::alertmanager::{Labels, Matcher, State, WireMatcher, all_match};
use crate::net::prometheus::Series;

/// How many alerts are kept.
const KEPT: usize = 1000;

/// What became of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// The instant of the audit.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// The silences of the check in its window, those that are over included.
    pub silences: Vec<SilenceSeen>,
    /// What was planned.
    pub planned: Window,
    /// How long it was to last, in seconds.
    pub planned_secs: i64,
    /// How much of that had passed at the audit, in seconds.
    pub passed_secs: i64,
    /// How much of what had passed was covered, in seconds.
    pub covered_secs: i64,
    /// What was not covered of what had passed.
    pub gaps: Vec<Gap>,
    /// The alerts that fired while they were covered, from Prometheus, when the check names one; a
    /// thousand at most.
    pub suppressed: Option<Sight<Vec<Suppressed>>>,
    /// How many looks of this and of earlier runs saw what was silenced.
    pub looks: usize,
    /// The alerts those looks saw silenced by the check; a thousand at most.
    pub sampled: Vec<Suppressed>,
    /// The alerts that fire now and that nothing else keeps quiet: what will be heard at the end.
    pub to_be_heard: Vec<AlertSeen>,
}

/// A stretch of the plan that was not covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Its first instant.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub from: Timestamp,
    /// Its last instant.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub to: Timestamp,
    /// Why.
    pub why: Why,
    /// Who ended the silence before it, where they left word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ending>,
}

/// Why a stretch was not covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Gap {
    /// How long it is, in seconds.
    #[must_use]
    pub fn secs(&self) -> i64 {
        secs(self.from, self.to)
    }
}

/// An alert that was kept quiet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suppressed {
    /// Its labels, without those Prometheus adds when it sends it.
    pub labels: Labels,
    /// The first instant it was seen firing under the silence.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub first: Timestamp,
    /// The last.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last: Timestamp,
    /// For how long in all, in seconds: as exact as the step between two looks.
    pub secs: i64,
}

/// What one look saw silenced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) at: Timestamp,
    pub(super) labels: Vec<Labels>,
}

impl Sample {
    /// What the members of one look say was silenced by the check.
    pub(super) fn of(members: &[Member], at: Timestamp) -> Self {
        let mut labels: Vec<Labels> = Vec::new();
        for up in members.iter().filter_map(Member::up) {
            let ours = |id: &String| up.ours.iter().any(|silence| silence.id == *id);
            let quiet = up.alerts.iter().filter(|alert| alert.silenced_by.iter().any(ours));
            labels.extend(quiet.map(|alert| alert.labels.clone()));
        }
        labels.sort_unstable();
        labels.dedup();
        Self { at, labels }
    }

    /// What an earlier look of the same check saw, when it fell into the window.
    pub(super) fn earlier(seen: &Seen, key: &str, at: Timestamp, window: Window) -> Option<Self> {
        let within = seen.key == key && window.from <= at && at <= window.to;
        within.then(|| Self::of(&seen.members, at))
    }
}

/// The silences of a check that have an instant in common with its window, from all members. Of one
/// that several know, the word of the member that has heard of its end counts.
pub(super) fn silences(members: &[Member], window: Window) -> Vec<SilenceSeen> {
    let mut by_id: BTreeMap<&str, &SilenceSeen> = BTreeMap::new();
    let ups = members.iter().filter_map(Member::up);
    for silence in ups.flat_map(|up| up.ours.iter().chain(&up.past)) {
        if super::judge::overlaps(silence.starts_at, silence.ends_at, window) {
            let known = by_id.entry(&silence.id).or_insert(silence);
            if silence.state == State::Expired {
                *known = silence;
            }
        }
    }
    let mut silences: Vec<SilenceSeen> = by_id.into_values().cloned().collect();
    silences.sort_by_key(|silence| silence.starts_at);
    silences
}

/// Audits the silences of a check.
pub(super) fn of(
    silences: Vec<SilenceSeen>,
    planned: Window,
    at: Timestamp,
    members: &[Member],
    series: Option<Sight<Series>>,
    earlier: &[Sample],
) -> Audit {
    let past = Window { from: planned.from, to: planned.to.min(at) };
    let gaps = gaps(&silences, past);
    let uncovered: i64 = gaps.iter().map(Gap::secs).sum();
    let passed_secs = secs(past.from, past.to).max(0);
    let mut samples = earlier.to_vec();
    if at <= planned.to {
        samples.push(Sample::of(members, at));
    }
    Audit {
        at,
        planned,
        planned_secs: secs(planned.from, planned.to),
        passed_secs,
        covered_secs: passed_secs - uncovered,
        gaps,
        suppressed: series.map(|series| match series {
            Sight::Seen(series) => Sight::Seen(suppressed(&silences, &series)),
            Sight::Fault(fault) => Sight::Fault(fault),
        }),
        looks: samples.len(),
        sampled: sampled(&samples),
        to_be_heard: to_be_heard(members),
        silences,
    }
}

/// The alerts that are kept quiet by the check and by nothing else.
fn to_be_heard(members: &[Member]) -> Vec<AlertSeen> {
    let mut heard: BTreeMap<&Labels, &AlertSeen> = BTreeMap::new();
    for up in members.iter().filter_map(Member::up) {
        let ours = |id: &String| up.ours.iter().any(|silence| silence.id == *id);
        let only = |alert: &&AlertSeen| {
            !alert.silenced_by.is_empty()
                && alert.silenced_by.iter().all(ours)
                && alert.inhibited_by.is_empty()
        };
        heard.extend(up.alerts.iter().filter(only).map(|alert| (&alert.labels, alert)));
    }
    heard.into_values().take(KEPT).cloned().collect()
}

/// What the looks saw silenced, from the first to the last that saw it.
fn sampled(samples: &[Sample]) -> Vec<Suppressed> {
    let mut seen: BTreeMap<&Labels, (Timestamp, Timestamp)> = BTreeMap::new();
    for sample in samples {
        for labels in &sample.labels {
            let (first, last) = seen.entry(labels).or_insert((sample.at, sample.at));
            *first = sample.at.min(*first);
            *last = sample.at.max(*last);
        }
    }
    let each = seen.into_iter().map(|(labels, (first, last))| Suppressed {
        labels: labels.clone(),
        first,
        last,
        secs: secs(first, last),
    });
    each.take(KEPT).collect()
}

fn secs(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
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
            Some(last) if window.from.duration_since(last.to) <= SignedDuration::from_secs(1) => {
                last.to = last.to.max(window.to);
            }
            Some(_) | None => joined.push(window),
        }
    }
    joined
}

/// Who ended the silence that lasted until an instant.
fn ended_at(silences: &[SilenceSeen], at: Timestamp) -> Option<Ending> {
    let last = silences.iter().find(|silence| silence.ends_at == at);
    last.filter(|silence| silence.state == State::Expired)?.ended.clone()
}

fn gaps(silences: &[SilenceSeen], past: Window) -> Vec<Gap> {
    let times = covered(silences);
    let mut gaps = Vec::new();
    let mut at = past.from;
    for window in &times {
        if window.from > at && at < past.to {
            let why = if at == past.from { Why::MadeLate } else { Why::Between };
            gaps.push(Gap {
                from: at,
                to: window.from.min(past.to),
                why,
                ended: ended_at(silences, at),
            });
        }
        at = at.max(window.to);
    }
    if at < past.to {
        let why = if times.is_empty() { Why::NoSilence } else { Why::EndedEarly };
        gaps.push(Gap { from: at, to: past.to, why, ended: ended_at(silences, at) });
    }
    // A fraction of a second is the time the request took.
    gaps.retain(|gap| gap.secs() > 0);
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
    found.truncate(KEPT);
    found
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
            ended: None,
            of_another: false,
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
            (
                vec![silence(20, 30), silence(5, 15)],
                vec![(0, 5, Why::MadeLate), (15, 20, Why::Between), (30, 60, Why::EndedEarly)],
            ),
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
    fn who_ended_a_silence_stands_beside_the_gap_it_left() {
        let ending = Ending::new(at(45), "ops@build", "went well");
        let ended = SilenceSeen { ended: Some(ending.clone()), ..silence(0, 45) };
        let all = Window { from: at(0), to: at(60) };
        let found = gaps(&[ended.clone(), silence(50, 55)], all);
        let who: Vec<_> = found.iter().map(|gap| gap.ended.clone()).collect();
        assert_eq!(who, [Some(ending), None]);
        // Word was left, and somebody is still waiting for its end.
        let active = SilenceSeen { state: State::Active, ..ended };
        assert_eq!(gaps(&[active], all)[0].ended, None);
    }

    #[test]
    fn what_something_else_keeps_quiet_will_not_be_heard() {
        let alert = |name: &str, silenced_by: &[&str], inhibited_by: &[&str]| {
            serde_json::json!({
                "labels": { "alertname": name }, "silenced_by": silenced_by,
                "inhibited_by": inhibited_by, "receivers": [],
            })
        };
        let member: Member = serde_json::from_value(serde_json::json!({
            "url": "http://a",
            "sight": { "seen": { "up": {
                "version": "", "cluster": "", "peers": [], "others": 0, "wider": [], "firing": 4,
                "ours": [silence(0, 60)],
                "alerts": [
                    alert("A", &["0"], &[]), alert("B", &["0"], &["x"]),
                    alert("C", &["0", "1"], &[]), alert("D", &[], &[]),
                ],
            } } },
        }))
        .expect("a member");
        let heard: Vec<String> =
            to_be_heard(&[member]).iter().map(|alert| alert.name().to_owned()).collect();
        assert_eq!(heard, ["A"]);
    }

    #[test]
    fn only_what_matches_and_was_covered_counts_as_suppressed() {
        let labels =
            |service: &str| -> Labels { [("service".to_owned(), service.to_owned())].into() };
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
