//! The parameters' own types: resolvers, authorities, the names of records.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::model::schema::text_schema;
use crate::model::time::Span;
use crate::net::dns::{Server, Subnet, Type, fqdn};
use crate::probe::param::Share;

/// A domain name as the user writes it; always absolute, whether or not it ends in a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(Arc<str>);

text_schema!(
    DomainName,
    "DomainName",
    "A domain name such as login.example.com; always absolute: no search domain is ever added."
);

impl DomainName {
    /// The name in lower case, in its ASCII form, without the trailing dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DomainName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.parse::<std::net::IpAddr>().is_ok() {
            return Err(format!("`{text}` is an address, not a name"));
        }
        let name = fqdn(text).map_err(|error| error.to_string())?;
        Ok(Self(shown(&name.to_ascii()).into()))
    }
}

/// A name without its trailing dot, unless it is the root.
pub(super) fn shown(name: &str) -> String {
    match name.strip_suffix('.') {
        None | Some("") => name.to_owned(),
        Some(bare) => bare.to_owned(),
    }
}

impl TryFrom<String> for DomainName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Who is asked as a resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Resolver {
    /// The resolvers this machine is configured to use.
    System,
    /// One at an address.
    At(Server),
}

text_schema!(
    Resolver,
    "Resolver",
    "`system`, or a resolver's address: IP or IP:PORT, tcp://IP[:PORT], tls://IP[:PORT] or https://IP[:PORT]; an IPv6 address with a port stands in brackets."
);

impl FromStr for Resolver {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "system" { Ok(Self::System) } else { text.parse().map(Self::At) }
    }
}

impl TryFrom<String> for Resolver {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Resolver> for String {
    fn from(resolver: Resolver) -> Self {
        resolver.to_string()
    }
}

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.pad("system"),
            Self::At(server) => server.fmt(f),
        }
    }
}

/// Where the truth about the names comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Authorities {
    /// The name servers the delegation leads to.
    #[default]
    Auto,
    /// Nobody; resolvers are believed.
    Off,
    /// These.
    At(Vec<Server>),
}

impl Serialize for Authorities {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Off => serializer.serialize_str("off"),
            Self::At(servers) => servers.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Authorities {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Authorities;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`auto`, `off` or a list of IP[:PORT]")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Authorities, E> {
                match text {
                    "auto" => Ok(Authorities::Auto),
                    "off" => Ok(Authorities::Off),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                seq: A,
            ) -> Result<Authorities, A::Error> {
                Vec::<Server>::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))
                    .map(Authorities::At)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Authorities {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Authorities".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let servers = generator.subschema_for::<Vec<Server>>();
        json_schema!({
            "description": "`auto`, `off`, or a list of IP[:PORT].",
            "anyOf": [{ "enum": ["auto", "off"] }, servers]
        })
    }
}

/// A name and a type, as in `login.example.com A`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Question {
    /// The name.
    pub name: DomainName,
    /// The type.
    pub kind: Type,
}

text_schema!(
    Question,
    "DnsQuestion",
    "A name and a record type, such as `login.example.com A`.",
    "pattern": r"^\S+ +[A-Za-z]+$"
);

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.name, self.kind))
    }
}

impl TryFrom<String> for Question {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [name, kind] => Ok(Self { name: name.parse()?, kind: kind.parse()? }),
            _ => Err(format!("`{text}` is not a name and a type, as in `login.example.com A`")),
        }
    }
}

impl From<Question> for String {
    fn from(question: Question) -> Self {
        question.to_string()
    }
}

/// What is asked of DNSSEC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dnssec {
    /// Signatures are checked where the zone has any.
    #[default]
    Auto,
    /// The records must be signed.
    Require,
    /// Signatures are not looked at.
    Off,
}

impl Dnssec {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(super) fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// What a check waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// That every authority and every resolver has the records.
    Propagated,
}

/// What clients of one network must be answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// A network of such clients, such as `203.0.113.0/24`.
    pub subnet: Subnet,
    /// The exact records they must get, as in `records` of the check.
    pub records: BTreeMap<Question, Vec<String>>,
}

/// What a warm resolver must show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warm {
    /// How many times every name is asked again after the cold round. Default 1, at most 100.
    #[serde(default = "one_round")]
    pub rounds: u32,
    /// In the warm rounds, 95 of 100 answers of each resolver must come within this time, such as
    /// `50ms`. Not checked by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<Span>,
    /// At least this share of the warm answers of each resolver must be proved to come from its
    /// cache, such as `90%`. A hit is proved by a TTL that ran down since the cold round, so this
    /// adds a pause of a good second. Not checked by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit_ratio: Option<Share>,
    /// Whether each resolver is also asked, between the cold and the warm rounds, for what it has in its
    /// cache: the same questions without recursion (RD=0), and one for a name that nobody has asked
    /// for, which shows whether it keeps to that. `true` or `false` (the default). It is evidence
    /// where a TTL tells nothing; many resolvers refuse or ignore such questions, which is then
    /// said and changes nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub snoop: bool,
}

const fn one_round() -> u32 {
    1
}

impl Default for Warm {
    fn default() -> Self {
        Self { rounds: one_round(), p95: None, hit_ratio: None, snoop: false }
    }
}
