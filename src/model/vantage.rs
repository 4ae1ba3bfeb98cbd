//! Several looks at one list: from several places, or by several machines that share the work.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};

use super::facts::Facts;
use super::id::RunId;
use super::outcome::{Decision, Outcome};
use super::record::{Attempt, Skip};

/// How many of the vantage points that looked must find a check right, when their runs are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quorum {
    /// Every one of them.
    #[default]
    All,
    /// More than half of them.
    Majority,
    /// At least this many; 1 or more.
    AtLeast(usize),
}

impl Quorum {
    /// How many must be right where so many looked.
    #[must_use]
    pub const fn of(self, looked: usize) -> usize {
        match self {
            Self::All => looked,
            Self::Majority => looked / 2 + 1,
            Self::AtLeast(n) => n,
        }
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Majority => f.write_str("majority"),
            Self::AtLeast(n) => n.fmt(f),
        }
    }
}

impl Serialize for Quorum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Majority => serializer.serialize_str("majority"),
            Self::AtLeast(n) => serializer.serialize_u64(*n as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Quorum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Quorum;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`all`, `majority` or a number from 1")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quorum, E> {
                match text {
                    "all" => Ok(Quorum::All),
                    "majority" => Ok(Quorum::Majority),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Quorum, E> {
                u64::try_from(n)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(n), &self))
                    .and_then(|n| self.visit_u64(n))
            }

            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Quorum, E> {
                match usize::try_from(n) {
                    Ok(n @ 1..) => Ok(Quorum::AtLeast(n)),
                    Ok(0) | Err(_) => Err(E::invalid_value(de::Unexpected::Unsigned(n), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Quorum {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quorum".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "How many of the vantage points that looked must find it right.",
            "anyOf": [{ "enum": ["all", "majority"] }, { "type": "integer", "minimum": 1 }]
        })
    }
}

/// A run that a record was merged from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
pub struct Part {
    /// The run.
    pub run: RunId,
    /// Where it looked from, as the merged record calls it; absent where only shards were merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vantage: Option<String>,
    /// Which part of the list it was, `I/N`; absent for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// The machine's name.
    pub host: Option<String>,
    /// The user who ran it.
    pub operator: Option<String>,
    /// When it began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started: Timestamp,
    /// When it ended; absent when it was killed.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub finished: Option<Timestamp>,
    /// What it decided by itself.
    pub decision: Decision,
    /// SHA-256 of its record as `-o json` writes it, in hexadecimal.
    pub record_sha256: String,
}

/// What one vantage point saw of a check. What it found wrong stands among the check's findings,
/// which name the vantage point.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, JsonSchema)]
pub struct Sighting {
    /// Where it looked from.
    pub vantage: String,
    /// How the check ended there.
    pub outcome: Outcome,
    /// One line: what was seen there, or why nothing was.
    pub summary: String,
    /// The kind's typed facts; absent when nothing was seen.
    pub observation: Option<Facts>,
    /// Every try made there.
    pub attempts: Vec<Attempt>,
    /// When the first try began; absent when it was not tried.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started: Option<Timestamp>,
    /// How long all tries took together, in milliseconds.
    pub duration_ms: f64,
    /// Why it was not looked at from there, when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Skip>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_a_word_or_a_number_that_somebody_can_reach() {
        for (text, quorum, of_three) in [
            ("\"all\"", Quorum::All, 3),
            ("\"majority\"", Quorum::Majority, 2),
            ("2", Quorum::AtLeast(2), 2),
        ] {
            let read: Quorum = serde_json::from_str(text).expect("a quorum");
            assert_eq!((read, read.of(3)), (quorum, of_three));
            assert_eq!(serde_json::to_string(&read).expect("json"), text);
        }
        for text in ["0", "-1", "1.5", "\"half\"", "\"2\"", "null"] {
            assert!(serde_json::from_str::<Quorum>(text).is_err(), "{text}");
        }
        assert_eq!((Quorum::Majority.of(2), Quorum::Majority.of(4)), (2, 3));
    }
}
