//! Instants as people read them: in their zone, with UTC beside it.

use jiff::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::model::record::Header;
use crate::model::time::{Window, humane, parse_instant};

/// `Mon 23 Nov 10:00 +08:00, 02:00 UTC`; the year only where it is not the one of `near`.
pub(super) fn short(at: Timestamp, zone: &TimeZone, near: Timestamp) -> String {
    let (local, utc) = (at.to_zoned(zone.clone()), at.to_zoned(TimeZone::UTC));
    let near = near.to_zoned(zone.clone());
    let day = if local.year() == near.year() { "%a %-d %b" } else { "%a %-d %b %Y" };
    if local.offset().is_zero() {
        return local.strftime(&format!("{day} %H:%M UTC")).to_string();
    }
    let there = local.strftime(&format!("{day} %H:%M %:z")).to_string();
    let here = if local.date() == utc.date() { "%H:%M UTC" } else { "%a %-d %b %H:%M UTC" };
    format!("{there}, {}", utc.strftime(here))
}

/// `2026-11-23 10:00:00 +08:00 (02:00:00 UTC)`, for facts an auditor compares.
pub(super) fn full(at: Timestamp, zone: &TimeZone) -> String {
    let (local, utc) = (at.to_zoned(zone.clone()), at.to_zoned(TimeZone::UTC));
    if local.offset().is_zero() {
        return local.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    }
    let here = if local.date() == utc.date() { "%H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
    format!("{} ({})", local.strftime("%Y-%m-%d %H:%M:%S %:z"), utc.strftime(here))
}

/// `in 23h 41m`, `41m ago`, `now`, seen from an instant.
#[must_use]
pub fn distance(at: Timestamp, from: Timestamp) -> String {
    let span = at.duration_since(from);
    if span.as_secs() == 0 {
        return "now".to_owned();
    }
    // Seconds matter in the last hour only.
    let length = span.unsigned_abs();
    let length = if length.as_secs() >= 3600 {
        std::time::Duration::from_secs(length.as_secs() / 60 * 60)
    } else {
        std::time::Duration::from_secs(length.as_secs())
    };
    if span.is_negative() {
        format!("{} ago", humane(length))
    } else {
        format!("in {}", humane(length))
    }
}

/// `2026-11-23 09:45:00 to 13:00:00 +08:00 (01:45:00 to 05:00:00 UTC)`, where one day holds it.
#[must_use]
pub fn window(window: Window, zone: &TimeZone) -> String {
    let ends =
        |zone: &TimeZone| (window.from.to_zoned(zone.clone()), window.to.to_zoned(zone.clone()));
    let ((from, to), (utc_from, utc_to)) = (ends(zone), ends(&TimeZone::UTC));
    let one_day = from.date() == to.date() && utc_from.date() == utc_to.date();
    if !one_day || from.date() != utc_from.date() || from.offset() != to.offset() {
        return format!("{} to {}", full(window.from, zone), full(window.to, zone));
    }
    let (day, clock) = ("%Y-%m-%d %H:%M:%S", "%H:%M:%S");
    if from.offset().is_zero() {
        return format!("{} to {} UTC", from.strftime(day), to.strftime(clock));
    }
    format!(
        "{} to {} {} ({} to {} UTC)",
        from.strftime(day),
        to.strftime(clock),
        from.strftime("%:z"),
        utc_from.strftime(clock),
        utc_to.strftime(clock)
    )
}

/// T-0, where the checklist has one.
pub(super) fn launch(header: &Header) -> Option<Zoned> {
    header.launch.as_deref().and_then(|text| parse_instant(text).ok())
}

/// The zone T-0 is written in, where the checklist has one.
pub(super) fn launch_zone(header: &Header) -> Option<TimeZone> {
    launch(header).map(|launch| TimeZone::fixed(launch.offset()))
}

/// Milliseconds for people: `186 ms`, `4.2 s`.
pub(super) fn millis(ms: f64) -> String {
    let ms = if ms.is_finite() && ms > 0.0 { ms } else { 0.0 };
    humane(std::time::Duration::from_secs_f64((ms / 1000.0).min(1e12)))
}

/// How long the run took; absent when it has no end.
pub(super) fn took(started: Timestamp, finished: Option<Timestamp>) -> Option<String> {
    finished.map(|end| humane(end.duration_since(started).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn instants_name_their_zone_and_utc() {
        let shanghai = TimeZone::fixed(jiff::tz::offset(8));
        let near = at("2026-11-22T02:19:00Z");
        let launch = at("2026-11-23T02:00:00Z");
        assert_eq!(short(launch, &shanghai, near), "Mon 23 Nov 10:00 +08:00, 02:00 UTC");
        assert_eq!(short(launch, &TimeZone::UTC, near), "Mon 23 Nov 02:00 UTC");
        let late = at("2026-12-31T18:00:00Z");
        assert_eq!(
            short(late, &shanghai, near),
            "Fri 1 Jan 2027 02:00 +08:00, Thu 31 Dec 18:00 UTC"
        );
        assert_eq!(full(launch, &shanghai), "2026-11-23 10:00:00 +08:00 (02:00:00 UTC)");
        assert_eq!(full(launch, &TimeZone::UTC), "2026-11-23 02:00:00 UTC");
        let around = Window { from: at("2026-11-23T01:45:00Z"), to: at("2026-11-23T05:00:00Z") };
        assert_eq!(
            window(around, &shanghai),
            "2026-11-23 09:45:00 to 13:00:00 +08:00 (01:45:00 to 05:00:00 UTC)"
        );
        assert_eq!(window(around, &TimeZone::UTC), "2026-11-23 01:45:00 to 05:00:00 UTC");
        let across = Window { from: at("2026-11-22T23:00:00Z"), to: at("2026-11-23T05:00:00Z") };
        assert_eq!(
            window(across, &TimeZone::UTC),
            "2026-11-22 23:00:00 UTC to 2026-11-23 05:00:00 UTC"
        );
    }

    #[test]
    fn distances_are_seen_from_the_run() {
        let from = at("2026-11-22T02:19:00Z");
        for (to, said) in [
            ("2026-11-23T02:00:30Z", "in 23h 41m"),
            ("2026-11-22T02:19:00.4Z", "now"),
            ("2026-11-22T02:18:15Z", "45.0 s ago"),
            ("2026-11-20T02:19:00Z", "2d ago"),
        ] {
            assert_eq!(distance(at(to), from), said);
        }
    }

    #[test]
    fn times_that_are_no_numbers_are_no_panic() {
        for (ms, said) in [(f64::NAN, "0.0 ms"), (-1.0, "0.0 ms"), (186.4, "186 ms")] {
            assert_eq!(millis(ms), said);
        }
        assert!(!millis(f64::INFINITY).is_empty());
        assert!(!millis(1e300).is_empty());
    }
}
