//! What a look at names brings back.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::fault::{Fault, Sight};
use crate::model::latency::Latency;
use crate::net::dns::{Answer, Type};

/// What the authorities and the resolvers said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DnsSeen {
    /// How many times all of it was looked at; more than once where the check waits.
    pub looks: u32,
    /// Every name and type, and who said what.
    pub questions: Vec<QuestionSeen>,
    /// The zones of the names, by the word of the authorities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<ZoneSeen>,
    /// Every resolver as a whole, in the order asked.
    pub resolvers: Vec<ResolverSeen>,
    /// The earliest instant at which an answer warmed here is forgotten by a resolver, UTC; absent
    /// when no resolver gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub warm_until: Option<Timestamp>,
    /// How fast all resolvers answered in the warm rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// How fast all resolvers answered in the cold round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold: Option<Latency>,
}

/// One zone, by its authorities' word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ZoneSeen {
    /// Its name.
    pub zone: String,
    /// The servers the delegation names, sorted; empty where the authorities were listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parent: Vec<String>,
    /// The servers the zone itself names, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub child: Vec<String>,
    /// Why a server did not say whom the zone names; absent where all that were asked said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child_fault: Option<Fault>,
    /// Each server that answered with authority.
    pub servers: Vec<ZoneServerSeen>,
}

/// One server of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ZoneServerSeen {
    /// The server.
    pub server: String,
    /// The serial number of its copy; absent where it did not answer that question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u32>,
    /// Whether it answers over TCP as well.
    pub tcp: Sight<TcpSeen>,
}

/// What trying TCP showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TcpSeen {
    /// An answer.
    Answered,
    /// The host refused the connection.
    Refused,
}

/// One name and type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuestionSeen {
    /// The name, without the trailing dot.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// The label of the network it was asked for; absent where it was asked for ourselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What each authoritative server said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<AuthorityTold>,
    /// Whether the resolvers were asked.
    pub asked: Asked,
    /// What each resolver said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<ResolverTold>,
}

/// Whether the resolvers were asked. A name that does not exist yet is not asked for: resolvers
/// would remember that it does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// They were.
    Yes,
    /// Not all authorities say that there are such records.
    NotPublished,
    /// No authority could be asked.
    AuthorityUnknown,
}

/// What one authoritative server said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuthorityTold {
    /// The server.
    pub server: String,
    /// Its answer.
    pub answer: Sight<Answer>,
}

/// What one resolver said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResolverTold {
    /// The resolver.
    pub server: String,
    /// Its first answer.
    pub cold: Sight<Answer>,
    /// What it said when asked again without verification, after it had found no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<Box<Answer>>,
    /// What it said in the warm rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<Warmth>,
}

/// What one resolver said about one question in the warm rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Warmth {
    /// Answers proved to come from the cache: their TTL had run down from the cold one's.
    pub hits: u32,
    /// Answers proved not to come from the entry made by the cold round.
    pub misses: u32,
    /// Answers that prove neither: less than a second had passed, or the TTL does not move.
    pub unproved: u32,
    /// Questions without an answer.
    pub silent: u32,
    /// Whether the answer was in the cache between the cold and the warm rounds, by the resolver's own
    /// word; absent where it was not asked or does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<bool>,
    /// How many caches were seen at least, by the instants at which their entries end.
    pub caches: usize,
    /// When the first of these entries ends, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub until: Option<Timestamp>,
    /// The warm answers that say something else than the cold one, or that they have expired; of
    /// those that say the same, the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Answer>,
}

/// How a resolver treats questions without recursion (RD=0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Snooping {
    /// It answers from its cache alone.
    Shown,
    /// It refuses them, or answers them with another error.
    Refused,
    /// It finds the answer all the same.
    Ignored,
    /// It does not answer them.
    Silent,
}

/// One resolver as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResolverSeen {
    /// The resolver; `system` when this machine's configuration could not be read.
    pub server: String,
    /// How many questions it was sent, repetitions not counted.
    pub asked: usize,
    /// How many of them it answered, whatever the answer.
    pub answered: usize,
    /// How fast it answered in the cold round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold: Option<Latency>,
    /// How fast it answered in the warm rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<Latency>,
    /// The earliest instant at which it forgets an answer warmed here, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub warm_until: Option<Timestamp>,
    /// Which share of the warm answers is proved to come from its cache; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit_ratio: Option<f64>,
    /// Which share of the warm answers proves neither hit nor miss; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproved_ratio: Option<f64>,
    /// How it treats questions without recursion; absent where `warm.snoop` does not ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snooping: Option<Snooping>,
    /// Why it could not be asked at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}
