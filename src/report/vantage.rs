//! What several vantage points saw, side by side: the matrix of a merged record, and the runs it was
//! made of.

use serde_json::Value;

use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, RunRecord};
use crate::model::vantage::{Part, Sighting};

use super::wrap::{line, name};
use super::{headline, style};

/// A matrix of check by vantage point.
pub(super) struct Matrix<'a> {
    /// The vantage points, in the order they were merged.
    pub(super) places: Vec<&'a str>,
    /// The checks that somebody was asked to look at, in list order.
    pub(super) rows: Vec<Seen<'a>>,
}

/// One check as every vantage point saw it.
pub(super) struct Seen<'a> {
    pub(super) check: &'a CheckRecord,
    /// One for each vantage point of the matrix; `None` where there is nothing from there.
    pub(super) cells: Vec<Option<&'a Sighting>>,
}

impl Seen<'_> {
    /// Whether all vantage points say the same, and it is right.
    pub(super) fn is_quiet(&self) -> bool {
        let first = self.cells.first().and_then(|cell| cell.map(|seen| seen.outcome));
        let alike = self.cells.iter().all(|cell| cell.map(|seen| seen.outcome) == first);
        alike && !super::bearing::wants_attention(self.check.outcome)
    }

    /// How many must find it right, as the list says.
    pub(super) fn quorum(&self) -> String {
        self.check.quorum.unwrap_or_default().to_string()
    }
}

/// The matrix of a record that was merged from vantage points; none of any other.
pub(super) fn matrix(record: &RunRecord) -> Option<Matrix<'_>> {
    let mut places: Vec<&str> = Vec::new();
    for sighting in record.checks().flat_map(|check| &check.sightings) {
        if !places.contains(&sighting.vantage.as_str()) {
            places.push(&sighting.vantage);
        }
    }
    if places.is_empty() {
        return None;
    }
    let rows = record
        .checks()
        .filter(|check| !check.sightings.is_empty() && !headline::is_aside(check))
        .map(|check| {
            let from = |place: &&str| check.sightings.iter().find(|seen| seen.vantage == **place);
            Seen { check, cells: places.iter().map(from).collect() }
        })
        .collect();
    Some(Matrix { places, rows })
}

/// `all 3 vantage points`.
pub(super) fn all_of(places: &[&str]) -> String {
    match places.len() {
        1 => "the one vantage point".to_owned(),
        2 => "both vantage points".to_owned(),
        n => format!("all {n} vantage points"),
    }
}

/// What a finding is about, and where it was found.
pub(super) fn target(finding: &Finding) -> String {
    let target = line(&finding.target);
    if finding.vantages.is_empty() {
        return target;
    }
    let from: Vec<String> = finding.vantages.iter().map(|place| name(place)).collect();
    format!("{target} (from {})", from.join(", "))
}

/// What was seen, by vantage point where there are several.
pub(super) fn observations(check: &CheckRecord) -> impl Iterator<Item = (Option<&str>, Value)> {
    let own = check.observation.iter().map(|seen| (None, seen.value()));
    let sightings = check.sightings.iter();
    own.chain(
        sightings.filter_map(|s| Some((Some(s.vantage.as_str()), s.observation.as_ref()?.value()))),
    )
}

/// A check's name where each vantage point has something of its own to show.
pub(super) fn label(check: &CheckRecord, place: Option<&str>) -> String {
    match place {
        Some(place) => format!("{} {}", name(check.id.as_str()), name(place)),
        None => name(check.id.as_str()),
    }
}

/// What vantage points saw alike.
pub(super) struct Voice<'a> {
    pub(super) outcome: Outcome,
    /// The vantage points, with commas.
    pub(super) from: String,
    /// One line: what was seen, or why nothing was.
    pub(super) said: &'a str,
}

/// What the vantage points saw, those that say the same together; nothing where all do, since then
/// the check itself says it.
pub(super) fn voices(check: &CheckRecord) -> Vec<Voice<'_>> {
    let mut voices: Vec<Voice<'_>> = Vec::new();
    for seen in &check.sightings {
        let said = seen.skipped.as_ref().map_or(&seen.summary, |skip| &skip.text);
        let place = name(&seen.vantage);
        match voices.iter_mut().find(|v| v.outcome == seen.outcome && v.said == said) {
            Some(voice) => voice.from = format!("{}, {place}", voice.from),
            None => voices.push(Voice { outcome: seen.outcome, from: place, said }),
        }
    }
    if voices.len() < 2 { Vec::new() } else { voices }
}

/// `fra, sfo: passed: 24 answers on 3 resolvers`, a line for all that say the same.
pub(super) fn lines(check: &CheckRecord) -> impl Iterator<Item = String> {
    voices(check)
        .into_iter()
        .map(|seen| format!("{}: {}: {}", seen.from, style::past(seen.outcome), line(seen.said)))
}

/// What a merged run was: `shard 1/3 of fra`, or the vantage point alone.
pub(super) fn part(part: &Part) -> String {
    match (&part.shard, &part.vantage) {
        (Some(shard), Some(place)) => format!("shard {} of {}", name(shard), name(place)),
        (Some(shard), None) => format!("shard {}", name(shard)),
        (None, Some(place)) => name(place),
        (None, None) => "the whole list".to_owned(),
    }
}
