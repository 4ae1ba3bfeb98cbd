//! Judging the audit: what was covered of the plan, who was quiet, what will be heard.

use super::audit::{Audit, Gap, Suppressed, Why};
use super::ending::Ending;
use super::observe::{AlertSeen, SilenceSeen};
use super::{Silence, codes, show_window};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::{count, one_line};
use crate::model::time::{Window, humane};
use crate::net::alertmanager::Labels;

/// How many alerts are named one by one.
const NAMED: usize = 50;

/// Whether the window of an audit is over.
pub(super) fn is_over(audit: &Audit) -> bool {
    audit.planned.to <= audit.at
}

pub(super) fn judge(probe: &Silence, audit: &Audit) -> Vec<Finding> {
    let target = probe.target();
    let mut found = vec![covered(&target, audit)];
    found.extend(audit.gaps.iter().map(|gap| missed(&target, gap, audit)));
    found.extend(quiet(&target, audit));
    found.extend(heard(&target, audit));
    if let (Some(Sight::Fault(fault)), Some(url)) = (&audit.suppressed, &probe.prometheus) {
        found.push(Finding::fault(url.to_string(), fault));
    }
    found
}

fn covered(target: &str, audit: &Audit) -> Finding {
    let of = if is_over(audit) {
        format!("the {} s planned", audit.planned_secs)
    } else {
        format!("{} s so far, {} s planned", audit.passed_secs, audit.planned_secs)
    };
    let message =
        format!("covered {} s of {of}, {}", audit.covered_secs, show_window(audit.planned));
    let silences: Vec<String> = audit.silences.iter().map(silence).collect();
    Finding::new(&codes::COVERED, target, message)
        .expected(format!("{} s", audit.planned_secs))
        .actual(silences.join("; "))
}

/// `9a3e… by gonogo, 2026-11-20 20:57:35 to 22:02:35 UTC, expired`.
fn silence(silence: &SilenceSeen) -> String {
    let window = show_exactly(Window { from: silence.starts_at, to: silence.ends_at });
    let (id, by) = (one_line(&silence.id), one_line(&silence.created_by));
    let comment = one_line(&silence.comment);
    format!("{id} by {by}, {window}, {} ({comment})", silence.state.as_str())
}

fn missed(target: &str, gap: &Gap, audit: &Audit) -> Finding {
    let window = show_exactly(Window { from: gap.from, to: gap.to });
    let who = match (gap.why, &gap.ended) {
        (Why::EndedEarly | Why::Between, Some(Ending { at, by, why })) => {
            let at = at.strftime("%H:%M:%S UTC");
            format!(" by {} at {at}: {}", one_line(by), one_line(why))
        }
        (Why::EndedEarly, None) => " by somebody who left no word of it".to_owned(),
        (Why::Between, None) | (Why::MadeLate | Why::NoSilence, _) => String::new(),
    };
    let message = format!("not covered for {} s, {window}: {}{who}", gap.secs(), gap.why.as_str());
    let finding = Finding::new(&codes::GAP, target, message)
        .expected("a silence all through the window")
        .actual(format!("{} s of {} s", audit.covered_secs, audit.passed_secs));
    // Before the end somebody may have begun late with good reason; what counts is the whole.
    if is_over(audit) { finding } else { finding.with_outcome(Outcome::Pass) }
}

/// The alerts that were quiet: from Prometheus, else from the looks.
fn quiet(target: &str, audit: &Audit) -> Vec<Finding> {
    let alerts = quiet_alerts(audit);
    let how = match by_prometheus(audit) {
        Some(_) => "by Prometheus".to_owned(),
        None => count(audit.looks, "look"),
    };
    if alerts.is_empty() {
        let message = format!("no alert was kept quiet ({how})");
        return vec![Finding::new(&codes::KEPT_QUIET, target, message)];
    }
    let one = |alert: &Suppressed| {
        let window = show_exactly(Window { from: alert.first, to: alert.last });
        let length = if alert.secs > 0 {
            format!("for {} s, {window}", alert.secs)
        } else {
            format!("at {}", alert.first.strftime("%Y-%m-%d %H:%M:%S UTC"))
        };
        let message = format!("{} was kept quiet {length} ({how})", show(&alert.labels));
        Finding::new(&codes::KEPT_QUIET, target, message)
    };
    let mut found: Vec<Finding> = alerts.iter().take(NAMED).map(one).collect();
    if alerts.len() > NAMED {
        let message = format!("{} more were kept quiet", count(alerts.len() - NAMED, "alert"));
        found.push(Finding::new(&codes::KEPT_QUIET, target, message));
    }
    found
}

/// What will be heard when the silence ends.
fn heard(target: &str, audit: &Audit) -> Vec<Finding> {
    if is_over(audit) {
        return Vec::new();
    }
    let one = |alert: &AlertSeen| {
        let by = one_line(&alert.receivers.join(", "));
        let message =
            format!("{} fires, and will be heard by {by} at the end", show(&alert.labels));
        Finding::new(&codes::WILL_BE_HEARD, target, message)
    };
    let mut found: Vec<Finding> = audit.to_be_heard.iter().take(NAMED).map(one).collect();
    if audit.to_be_heard.len() > NAMED {
        let more = count(audit.to_be_heard.len() - NAMED, "alert");
        let message = format!("{more} more will be heard at the end");
        found.push(Finding::new(&codes::WILL_BE_HEARD, target, message));
    }
    found
}

/// `; covered 600 s of 900 s so far, kept 2 alerts quiet`, while the window lasts.
pub(super) fn so_far(audit: &Audit) -> String {
    let quiet = count(quiet_alerts(audit).len(), "alert");
    let (covered, passed) = (audit.covered_secs, audit.passed_secs);
    format!("; covered {covered} s of {passed} s so far, kept {quiet} quiet")
}

/// The alerts that were kept quiet by Prometheus' own series. Its series have no labels that are added
/// on the way to Alertmanager: where it shows none and the looks saw some, it does not know of them.
fn by_prometheus(audit: &Audit) -> Option<&[Suppressed]> {
    match &audit.suppressed {
        Some(Sight::Seen(alerts)) if !alerts.is_empty() || audit.sampled.is_empty() => Some(alerts),
        Some(Sight::Seen(_) | Sight::Fault(_)) | None => None,
    }
}

/// The alerts that were kept quiet: by Prometheus, else by the looks.
fn quiet_alerts(audit: &Audit) -> &[Suppressed] {
    by_prometheus(audit).unwrap_or(&audit.sampled)
}

/// `covered 3600 s of the 3600 s planned; kept 2 alerts quiet`.
pub(super) fn summary(audit: &Audit) -> String {
    let quiet = quiet_alerts(audit).len();
    let (covered, planned) = (audit.covered_secs, audit.planned_secs);
    let length = humane(std::time::Duration::from_secs(planned.unsigned_abs()));
    let quiet = count(quiet, "alert");
    format!("covered {covered} s of the {planned} s ({length}) planned; kept {quiet} quiet")
}

/// `HighLatency{service="order"}`.
fn show(labels: &Labels) -> String {
    let name = labels.get("alertname").map_or("", String::as_str);
    let rest: Vec<String> = labels
        .iter()
        .filter(|(name, _)| *name != "alertname")
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    one_line(&format!("{name}{{{}}}", rest.join(", ")))
}

/// To the second, since seconds are what is compared.
fn show_exactly(window: Window) -> String {
    let one_day = window.from.strftime("%F").to_string() == window.to.strftime("%F").to_string();
    let to = if one_day { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    let from = window.from.strftime("%Y-%m-%d %H:%M:%S");
    format!("{from} to {} UTC", window.to.strftime(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_looks_saw_counts_where_prometheus_shows_nothing() {
        let at = "2026-11-20T18:10:00Z";
        let quiet = |name: &str| serde_json::json!({ "labels": { "alertname": name }, "first": at, "last": at, "secs": 0 });
        for (prometheus, looks, said) in [
            (vec![quiet("A")], vec![quiet("B")], "A{} was kept quiet"),
            (vec![], vec![quiet("B")], "B{} was kept quiet"),
            (vec![], vec![], "no alert was kept quiet (by Prometheus)"),
        ] {
            let audit: Audit = serde_json::from_value(serde_json::json!({
                "at": at, "silences": [], "planned_secs": 3_600, "passed_secs": 600,
                "planned": { "from": "2026-11-20T18:00:00Z", "to": "2026-11-20T19:00:00Z" },
                "covered_secs": 600, "gaps": [], "suppressed": { "seen": prometheus }, "looks": 3,
                "sampled": looks, "to_be_heard": [],
            }))
            .expect("an audit");
            let found = super::quiet("{}", &audit);
            assert!(found[0].message.starts_with(said), "{found:?}");
            let number = usize::from(!said.starts_with("no "));
            assert!(so_far(&audit).contains(&format!("kept {number} alert")), "{}", so_far(&audit));
        }
    }
}
