//! Time as people write it: spans (`72h`), offsets from the launch (`T-15m`), windows.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::fmt::temporal::{TimeZoneAnnotation, TimeZoneAnnotationKind};
use jiff::{SignedDuration, Timestamp, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::schema::text_schema;
use super::text::did_you_mean;

/// A length of time, written as `500ms`, `5s`, `72h`, `30d` or `1h30m`. Days are 24 hours.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

text_schema!(
    Span,
    "Span",
    "A length of time: a number and a unit (ms, s, m, h, d, w), such as 500ms, 5s, 1h30m or 30d.",
    "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w) ?)+$"
);

/// A length of time or an instant that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimeError {
    /// Not a length of time.
    #[error(
        "`{0}` is not a length of time; write a number and a unit (ms, s, m, h, d, w), such as 5s or 1h30m"
    )]
    Span(String),
    /// Not an offset or instant.
    #[error(
        "`{0}` is not a time; write an offset from the launch such as T-15m, or an instant with its zone such as 2026-11-23T10:00:00+08:00"
    )]
    Moment(String),
    /// A local time that its zone does not have once: clocks are changed there then.
    #[error(
        "`{0}` is skipped or comes twice in its zone, where clocks are changed; write the offset as in 2026-11-23T10:00:00+08:00"
    )]
    Changed(String),
    /// An instant without its zone.
    #[error(
        "`{0}` has no zone; write an offset as in 2026-11-23T10:00:00+08:00, or Z, or a name as in 2026-11-23T10:00[Asia/Shanghai]"
    )]
    Naive(String),
    /// The name of a zone that this machine does not know.
    #[error(
        "`{zone}` is no time zone that this machine knows{near}; write an offset as in 2026-11-23T10:00:00+08:00, or a name as in 2026-11-23T10:00[Asia/Shanghai]"
    )]
    Zone {
        /// The name.
        zone: String,
        /// Which one may be meant, as a question in brackets; empty where none is near.
        near: String,
    },
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The span as the standard library has it.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }

    /// The span as signed time, for arithmetic with instants.
    #[must_use]
    pub fn signed(self) -> SignedDuration {
        SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX)
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for Span {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let bad = || TimeError::Span(text.to_owned());
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad());
        }
        let mut total = 0.0_f64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
            let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
            let unit_len = rest[digits..]
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(rest.len() - digits);
            let scale = match &rest[digits..digits + unit_len] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                "w" => 604_800.0,
                _ => return Err(bad()),
            };
            total += number * scale;
            rest = rest[digits + unit_len..].trim_start();
        }
        // Whole nanoseconds of a rounded float would print as 99.999ms; microseconds are enough.
        let micros = (total * 1e6).round();
        // Ten thousand years: beyond any use, and far inside what instants can add.
        if !micros.is_finite() || micros > 3.2e17 {
            return Err(bad());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded above"
        )]
        Ok(Self(Duration::from_micros(micros as u64)))
    }
}

impl TryFrom<String> for Span {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    /// The exact span, in the form it can be read back: `1h30m`, `500ms`, `1.5s` as `1s500ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        let micros = self.0.subsec_micros();
        let mut text = String::new();
        for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
            let number = match unit {
                "d" => secs / size,
                "h" => secs % 86_400 / size,
                "m" => secs % 3_600 / size,
                _ => secs % 60,
            };
            if number > 0 {
                text.push_str(&format!("{number}{unit}"));
            }
        }
        if micros > 0 && micros.is_multiple_of(1000) {
            text.push_str(&format!("{}ms", micros / 1000));
        } else if micros > 0 {
            text.push_str(&format!("{:.3}ms", f64::from(micros) / 1000.0));
        }
        f.pad(if text.is_empty() { "0s" } else { &text })
    }
}

/// A distance from the launch, T-0: `T-72h`, `T+3h`, `T-0`. Negative is before the launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Offset(SignedDuration);

text_schema!(
    Offset,
    "Offset",
    "A distance from the launch, T-0: T-72h, T+3h, T-0.",
    "pattern": r"^T([-+](0|([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w) ?)+))?$"
);

impl Offset {
    /// The launch itself.
    pub const ZERO: Self = Self(SignedDuration::ZERO);

    /// The instant this offset means for a launch; saturates at the ends of time.
    #[must_use]
    pub fn from_launch(self, launch: Timestamp) -> Timestamp {
        launch.saturating_add(self.0).unwrap_or(launch)
    }

    /// The distance as signed time.
    #[must_use]
    pub const fn get(self) -> SignedDuration {
        self.0
    }
}

impl FromStr for Offset {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let bad = || TimeError::Moment(text.to_owned());
        let rest = text.trim().strip_prefix('T').ok_or_else(bad)?;
        let (sign, span) = match rest.split_at_checked(1) {
            None => return Ok(Self::ZERO),
            Some(("-", span)) => (-1, span),
            Some(("+", span)) => (1, span),
            Some(_) => return Err(bad()),
        };
        let span =
            if span == "0" { Span::ZERO } else { span.parse::<Span>().map_err(|_| bad())? };
        Ok(Self(span.signed() * sign))
    }
}

impl TryFrom<String> for Offset {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl From<Offset> for String {
    fn from(offset: Offset) -> Self {
        offset.to_string()
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = Span(self.0.unsigned_abs());
        let sign = if self.0.is_negative() { '-' } else { '+' };
        let secs = span.get().as_secs();
        let whole = secs.is_multiple_of(3_600) && span.get().subsec_nanos() == 0;
        if self.0.is_zero() {
            f.pad("T-0")
        } else if whole && secs < 10 * 86_400 {
            // Countdowns are spoken in hours: T-72h, not T-3d.
            f.pad(&format!("T{sign}{}h", secs / 3_600))
        } else {
            f.pad(&format!("T{sign}{span}"))
        }
    }
}

/// A phase of the countdown: the offset it begins at, and how the list writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phase {
    /// As written, such as `T-72h`.
    pub label: String,
    /// When it begins.
    pub at: Offset,
}

text_schema!(
    Phase,
    "Phase",
    "A phase of the countdown by the offset it begins at: T-72h, T-24h, T-0.",
    "pattern": r"^T([-+](0|([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w) ?)+))?$"
);

impl PartialEq for Phase {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Phase {}

impl FromStr for Phase {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Ok(Self { label: text.trim().to_owned(), at: text.parse()? })
    }
}

impl TryFrom<String> for Phase {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl From<Phase> for String {
    fn from(phase: Phase) -> Self {
        phase.label
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.label)
    }
}

/// A point in time: an offset from the launch, or an instant with its zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Moment {
    /// Relative to T-0.
    Offset(Offset),
    /// An instant of its own.
    Instant(Box<Zoned>),
}

text_schema!(
    Moment,
    "Moment",
    "A point in time: an offset from the launch such as T-15m, or an instant with its zone such as 2026-11-23T10:00:00+08:00."
);

impl Moment {
    /// The instant this means for a launch.
    #[must_use]
    pub fn resolve(&self, launch: Timestamp) -> Timestamp {
        match self {
            Self::Offset(offset) => offset.from_launch(launch),
            Self::Instant(zoned) => zoned.timestamp(),
        }
    }
}

impl FromStr for Moment {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        if text.starts_with('T') {
            text.parse().map(Self::Offset)
        } else {
            parse_instant(text).map(|zoned| Self::Instant(Box::new(zoned)))
        }
    }
}

impl TryFrom<String> for Moment {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset(offset) => offset.fmt(f),
            Self::Instant(zoned) => f.pad(&show_instant(zoned)),
        }
    }
}

/// Reads an instant with its zone: an offset (`+08:00`, `Z`), a zone name in brackets, or both.
///
/// # Errors
/// [`TimeError::Naive`] when there is a date and time but no zone, else [`TimeError::Moment`].
pub fn parse_instant(text: &str) -> Result<Zoned, TimeError> {
    let parser =
        jiff::fmt::temporal::DateTimeParser::new().disambiguation(jiff::tz::Disambiguation::Reject);
    if let Ok(zoned) = parser.parse_zoned(text) {
        return Ok(zoned);
    }
    if text.parse::<Zoned>().is_ok() {
        return Err(TimeError::Changed(text.to_owned()));
    }
    if let Ok(pieces) = parser.parse_pieces(text) {
        let named = pieces.time_zone_annotation().map(TimeZoneAnnotation::kind);
        if let Some(TimeZoneAnnotationKind::Named(name)) = named
            && jiff::tz::TimeZone::get(name.as_str()).is_err()
        {
            return Err(unknown_zone(name.as_str()));
        }
        if pieces.offset().is_none() {
            return Err(TimeError::Naive(text.to_owned()));
        }
        // Beside a zone that is not known, or does not have it then, an offset says something else.
        let alone = pieces.time_zone_annotation().is_none();
        if let (true, Ok(instant), Some(offset)) =
            (alone, text.parse::<Timestamp>(), pieces.to_numeric_offset())
        {
            return Ok(instant.to_zoned(jiff::tz::TimeZone::fixed(offset)));
        }
    }
    Err(TimeError::Moment(text.to_owned()))
}

/// The error of a zone that is not known, with the nearest that is.
fn unknown_zone(zone: &str) -> TimeError {
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let near = did_you_mean(zone, known.iter().map(String::as_str));
    let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
    TimeError::Zone { zone: zone.to_owned(), near }
}

/// RFC 3339 with the instant's own offset, and `Z` for UTC: `2026-11-23T10:00:00+08:00`.
#[must_use]
pub fn show_instant(zoned: &Zoned) -> String {
    if zoned.offset().is_zero() {
        zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    } else {
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
}

/// The release window: from when to when the launch must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Its first instant.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub from: Timestamp,
    /// Its last instant.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub to: Timestamp,
}

/// A length of time for people, at most two units: `3d 4h`, `4m 10s`, `1.3 s`, `186 ms`.
#[must_use]
pub fn humane(duration: Duration) -> String {
    let secs = duration.as_secs();
    let two = |a: u64, au: &str, b: u64, bu: &str| {
        if b == 0 { format!("{a}{au}") } else { format!("{a}{au} {b}{bu}") }
    };
    match secs {
        0 if duration.as_micros() < 10_000 => {
            format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
        }
        0 => format!("{} ms", duration.as_millis()),
        1..=59 => format!("{:.1} s", duration.as_secs_f64()),
        60..=3_599 => two(secs / 60, "m", secs % 60, "s"),
        3_600..=86_399 => two(secs / 3_600, "h", secs % 3_600 / 60, "m"),
        _ => two(secs / 86_400, "d", secs % 86_400 / 3_600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_alike() {
        for (text, millis, shown) in [
            ("500ms", 500, "500ms"),
            ("5s", 5_000, "5s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("1h 30m", 5_400_000, "1h30m"),
            ("72h", 259_200_000, "3d"),
            ("1.5s", 1_500, "1s500ms"),
            ("2w", 1_209_600_000, "14d"),
            ("0s", 0, "0s"),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!(span, Span::from_millis(millis), "{text}");
            assert_eq!(span.to_string(), shown, "{text}");
            assert_eq!(shown.parse::<Span>().expect(shown), span, "{shown}");
        }
        for bad in ["", "5", "s", "5 s s", "-5s", "5x", "1e9s", "99999999999w", "5.5.5s"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn offsets_count_from_the_launch() {
        let launch: Timestamp = "2026-11-23T02:00:00Z".parse().expect("an instant");
        for (text, instant) in [
            ("T-15m", "2026-11-23T01:45:00Z"),
            ("T+3h", "2026-11-23T05:00:00Z"),
            ("T-0", "2026-11-23T02:00:00Z"),
            ("T", "2026-11-23T02:00:00Z"),
        ] {
            let offset: Offset = text.parse().expect(text);
            assert_eq!(offset.from_launch(launch).to_string(), instant, "{text}");
        }
        for bad in ["15m", "T15m", "T-", "T-15", "T*1h", "t-1h"] {
            assert!(bad.parse::<Offset>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_instant_without_a_zone_is_refused() {
        assert_eq!(
            parse_instant("2026-11-23T10:00:00"),
            Err(TimeError::Naive("2026-11-23T10:00:00".to_owned()))
        );
        for (text, shown) in [
            ("2026-11-23T10:00:00+08:00", "2026-11-23T10:00:00+08:00"),
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
            ("2026-11-23T10:00[Asia/Shanghai]", "2026-11-23T10:00:00+08:00"),
        ] {
            let zoned = parse_instant(text).expect(text);
            assert_eq!(show_instant(&zoned), shown);
        }
        assert!(matches!(parse_instant("soon"), Err(TimeError::Moment(_))));
        for text in ["2026-11-28T20:00[Europe/Berlni]", "2026-11-28T20:00+01:00[Europe/Berlni]"] {
            let error = parse_instant(text).expect_err("no such zone").to_string();
            assert!(error.starts_with("`Europe/Berlni` is no time zone that this"), "{error}");
            assert!(error.contains("did you mean `Europe/Berlin`?"), "{error}");
        }
    }

    #[test]
    fn changed_clocks_are_honoured() {
        // Berlin goes from +01:00 to +02:00 at 02:00 on 29 March 2026.
        let launch = parse_instant("2026-03-29T10:00[Europe/Berlin]").expect("a time of that day");
        assert_eq!(show_instant(&launch), "2026-03-29T10:00:00+02:00");
        // 24 hours before are 24 hours, whatever the clocks on the wall say.
        let phase: Offset = "T-24h".parse().expect("an offset");
        let begins = phase.from_launch(launch.timestamp()).to_zoned(launch.time_zone().clone());
        assert_eq!(show_instant(&begins), "2026-03-28T09:00:00+01:00");
        for bad in ["2026-03-29T02:30[Europe/Berlin]", "2026-10-25T02:30[Europe/Berlin]"] {
            assert_eq!(parse_instant(bad), Err(TimeError::Changed(bad.to_owned())));
        }
    }
}
