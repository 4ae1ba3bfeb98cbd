//! Silences as lines for people.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::Clock;
use crate::history;
use crate::model::fault::Fault;
use crate::model::record::RunRecord;
use crate::model::text::{count, one_line};
use crate::model::time::{Window, humane};
use crate::net::alertmanager::State;
use crate::probe::silence::ending::Ending;
use crate::probe::silence::fleet::{Listed, Until};
use crate::probe::silence::{AlertSeen, SilenceSeen, marker};
use crate::report::{distance, style, window_in};

/// How many recorded runs are looked through for the one that made a silence.
const LOOK_BACK: usize = 200;

/// What the runs recorded here were, by the short form of their ids.
pub(super) struct Past(HashMap<String, String>);

impl Past {
    /// Reads the runs recorded in a folder.
    pub(super) fn read(folder: Option<&Path>) -> Self {
        let records = folder.into_iter().flat_map(history::records).take(LOOK_BACK).flatten();
        Self(records.map(|record| (record.header.run.short(), what(&record))).collect())
    }
}

/// `PixelRush v1.2.0, GO, by ops`.
fn what(record: &RunRecord) -> String {
    let by = record.header.operator.as_deref().map_or_else(String::new, |by| format!(", by {by}"));
    let name = one_line(&record.header.name);
    format!("{name}, {}{}", style::decision(record.verdict.decision), one_line(&by))
}

/// A silence in four lines: what, when, why and by whom, where.
pub(super) fn silence(listed: &Listed, members: usize, past: &Past) -> String {
    let silence = &listed.silence;
    let state = silence.state.as_str().to_uppercase();
    let mut text = format!("{state:<8} {}\n", matchers(silence));
    text.push_str(&format!("         {}\n", times(silence)));
    let comment = match marker::Marker::read(&silence.comment) {
        Some(marker) => marker.rest,
        None => silence.comment.clone(),
    };
    text.push_str(&format!("         {}\n", one_line(&comment)));
    let by = match &listed.run {
        Some(run) => match past.0.get(run) {
            Some(what) => format!("run {run} ({what})"),
            None => format!("run {run}"),
        },
        None => format!("by {}", one_line(&silence.created_by)),
    };
    text.push_str(&format!("         {by}\n"));
    let lacks = match listed.missing_on.as_slice() {
        [] => String::new(),
        lacks => format!("; MISSING on {}", lacks.join(", ")),
    };
    let on = listed.on.len();
    text.push_str(&format!("         id {} on {on} of {members}{lacks}\n", one_line(&silence.id)));
    text
}

/// `{service="order", alertname=~"A|B"}`.
fn matchers(silence: &SilenceSeen) -> String {
    let all: Vec<String> = silence
        .matchers
        .iter()
        .map(|m| m.compile().map_or_else(|_| m.name.clone(), |m| m.to_string()))
        .collect();
    one_line(&format!("{{{}}}", all.join(", ")))
}

/// `2026-11-23 09:45:00 to 11:00:00 UTC, ends in 31m`.
fn times(silence: &SilenceSeen) -> String {
    let window = Window { from: silence.starts_at, to: silence.ends_at };
    let now = Clock.now();
    let then = match silence.state {
        State::Pending => format!("begins {}", distance(silence.starts_at, now)),
        State::Active => format!("ends {}", distance(silence.ends_at, now)),
        State::Expired => format!("ended {}", distance(silence.ends_at, now)),
    };
    format!("{}, {then}", window_in(window, &TimeZone::system()))
}

/// One that was ended.
pub(super) fn ended(listed: &Listed, now: Timestamp) -> String {
    let silence = &listed.silence;
    let early = silence.ends_at.duration_since(now.max(silence.starts_at));
    let early = humane(std::time::Duration::from_secs(early.unsigned_abs().as_secs()));
    let how = match silence.state {
        State::Pending => "before it began".to_owned(),
        State::Active | State::Expired => format!("{early} before its time"),
    };
    format!("ended {} {}, {how}", one_line(&silence.id), matchers(silence))
}

/// One that is over already.
pub(super) fn over(silence: &SilenceSeen) -> String {
    let by = match &silence.ended {
        Some(Ending { by, why, .. }) => format!("; by {}: {}", one_line(by), one_line(why)),
        None => String::new(),
    };
    let (id, what) = (one_line(&silence.id), matchers(silence));
    format!("over already: {id} {what}, {}{by}", times(silence))
}

/// One whose end would be changed.
pub(super) fn would_change(listed: &Listed, until: Until) -> String {
    let silence = &listed.silence;
    let (id, what) = (one_line(&silence.id), matchers(silence));
    format!("would change {id} {what} to end {}", ends(silence, until))
}

/// One whose end was changed.
pub(super) fn changed(listed: &Listed, id: &str, until: Until) -> String {
    let silence = &listed.silence;
    let renamed = if id == silence.id {
        String::new()
    } else {
        format!(" (it was {})", one_line(&silence.id))
    };
    let (id, what) = (one_line(id), matchers(silence));
    format!("{id}{renamed} {what} ends {}", ends(silence, until))
}

/// The new end beside the old one.
fn ends(silence: &SilenceSeen, until: Until) -> String {
    let (old, new) = (silence.ends_at, until.of(silence.ends_at));
    let by = new.duration_since(old);
    let length = humane(std::time::Duration::from_secs(by.unsigned_abs().as_secs()));
    let word = if by.is_negative() { "earlier" } else { "later" };
    let window = window_in(Window { from: silence.starts_at, to: new }, &TimeZone::system());
    format!("{}, {length} {word}: {window}", distance(new, Clock.now()))
}

/// The alerts that were quiet for these silences alone.
pub(super) fn heard(heard: &Result<Vec<AlertSeen>, Fault>, dry: bool) -> String {
    match heard {
        Err(fault) => format!("which alerts will be heard is not known: {fault}"),
        Ok(alerts) if alerts.is_empty() => "no alert fires that only these kept quiet".to_owned(),
        Ok(alerts) => {
            let when = if dry { "would be heard" } else { "will be heard now" };
            let mut text = format!("{} {when}:", count(alerts.len(), "alert"));
            for alert in alerts {
                text.push_str(&format!("\n  {}", self::alert(alert)));
            }
            text
        }
    }
}

/// `HighLatency{severity="page"} by order-pager`.
fn alert(alert: &AlertSeen) -> String {
    let labels: Vec<String> = alert
        .labels
        .iter()
        .filter(|(name, _)| *name != "alertname")
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    let by = alert.receivers.join(", ");
    one_line(&format!("{}{{{}}} by {by}", alert.name(), labels.join(", ")))
}
