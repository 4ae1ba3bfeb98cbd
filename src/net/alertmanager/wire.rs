//! The documents of the API v2, as far as they are needed. Unknown fields are ignored, so that
//! newer and older versions and their look-alikes can be read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::matcher::{Labels, Matcher, Op};

/// A matcher in parts, as the API has it.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct WireMatcher {
    /// The label.
    pub name: String,
    /// The value or expression.
    pub value: String,
    /// Whether the value is an expression.
    #[serde(default)]
    pub is_regex: bool,
    /// Whether it asks for the value, not for any other; versions before 0.22 know only that.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

const fn yes() -> bool {
    true
}

impl WireMatcher {
    /// The matcher ready to decide.
    ///
    /// # Errors
    /// When its expression cannot be compiled.
    pub fn compile(&self) -> Result<Matcher, String> {
        let op = match (self.is_regex, self.is_equal) {
            (false, true) => Op::Equal,
            (false, false) => Op::NotEqual,
            (true, true) => Op::Regex,
            (true, false) => Op::NotRegex,
        };
        Matcher::new(self.name.clone(), op, self.value.clone())
    }
}

impl From<&Matcher> for WireMatcher {
    fn from(matcher: &Matcher) -> Self {
        Self {
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
            is_regex: matcher.op().is_regex(),
            is_equal: matcher.op().is_positive(),
        }
    }
}

/// Whether a silence is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its time has not come.
    Pending,
    /// It is at work.
    Active,
    /// It is over.
    Expired,
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

/// A silence as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its name.
    pub id: String,
    /// Whether it is at work.
    pub status: SilenceStatus,
    /// What it silences: alerts that all of these match. Empty for those of newer versions that
    /// have several sets of matchers.
    #[serde(default)]
    pub matchers: Vec<WireMatcher>,
    /// Its first instant.
    pub starts_at: Timestamp,
    /// Its last instant; the last there is for one that lies beyond it.
    #[serde(deserialize_with = "end")]
    pub ends_at: Timestamp,
    /// When it was last changed.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// Who made it, by their own word.
    #[serde(default)]
    pub created_by: String,
    /// Why.
    #[serde(default)]
    pub comment: String,
    /// What tools have noted about it; absent before version 0.32.
    #[serde(default)]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Reads an instant. Some write the last second of the year 9999 for "for ever", and an Alertmanager
/// takes it: that is a day more than there is here.
fn end<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().or_else(|error| {
        let date = text.get(..19).and_then(|date| date.parse::<DateTime>().ok());
        match date {
            Some(date) if date.year() == 9999 => Ok(Timestamp::MAX),
            Some(_) | None => Err(serde::de::Error::custom(error)),
        }
    })
}

/// The state of a silence, as the API wraps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceStatus {
    /// The state.
    pub state: State,
}

/// A silence to be made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewSilence {
    /// The silence to change; a new one without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What it silences.
    pub matchers: Vec<WireMatcher>,
    /// Its first instant.
    pub starts_at: Timestamp,
    /// Its last instant.
    pub ends_at: Timestamp,
    /// Who makes it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// What is noted about it. Versions before 0.32 know no such thing, and drop it without a word.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What the API answers to a new silence.
#[derive(Debug, Deserialize)]
pub(super) struct Made {
    #[serde(rename = "silenceID", alias = "silenceId", alias = "id")]
    pub(super) id: String,
}

/// A firing alert.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Alert {
    /// Its labels.
    pub labels: Labels,
    /// What keeps it quiet.
    #[serde(default)]
    pub status: AlertStatus,
    /// Who is told of it.
    #[serde(default)]
    pub receivers: Vec<Receiver>,
}

/// What keeps an alert quiet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatus {
    /// The silences that cover it now.
    #[serde(default)]
    pub silenced_by: Vec<String>,
    /// The alerts that inhibit it.
    #[serde(default)]
    pub inhibited_by: Vec<String>,
}

/// Who is told of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Receiver {
    /// Its name in the configuration.
    pub name: String,
}

/// What an Alertmanager says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its cluster.
    #[serde(default)]
    pub cluster: Cluster,
    /// Its version.
    #[serde(default)]
    pub version_info: VersionInfo,
    /// Its running configuration.
    #[serde(default)]
    pub config: RunningConfig,
}

/// A running configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct RunningConfig {
    /// As YAML, with its secrets masked.
    #[serde(default)]
    pub original: String,
}

/// Its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Cluster {
    /// `ready`, `settling` or `disabled`.
    #[serde(default)]
    pub status: String,
    /// Its own name.
    #[serde(default)]
    pub name: Option<String>,
    /// Whom it knows, itself included.
    #[serde(default)]
    pub peers: Option<Vec<PeerStatus>>,
}

/// One it knows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PeerStatus {
    /// Its name.
    pub name: String,
}

/// Its version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct VersionInfo {
    /// Such as `0.25.0`.
    #[serde(default)]
    pub version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_for_ever_does_not_make_the_list_unreadable() {
        let silence = |end: &str| {
            serde_json::from_value::<Silence>(serde_json::json!({
                "id": "s", "status": { "state": "active" }, "startsAt": "2026-11-20T18:00:00.5Z",
                "endsAt": end,
            }))
        };
        let read = |end: &str| silence(end).expect(end).ends_at;
        assert_eq!(read("2026-11-20T19:00:00.25+01:00").to_string(), "2026-11-20T18:00:00.25Z");
        for end in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-08:00"]
        {
            assert_eq!(read(end), Timestamp::MAX, "{end}");
        }
        for bad in ["", "soon", "2026-13-40T00:00:00Z", "2026-11-20T19:00:00"] {
            silence(bad).expect_err(bad);
        }
    }
}
