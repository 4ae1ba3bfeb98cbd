//! What a server answered, as facts.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::client::Meta;
use super::message::{Ask, Reading, decode};
use super::present::{name_text, present};
use super::rcode::Rcode;
use super::server::Via;
use super::signature::Signed;
use crate::model::text::one_line;

/// How many aliases are followed before the chain counts as endless.
const CHAIN_LIMIT: usize = 32;

/// What a server answered to one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The response code.
    pub rcode: Rcode,
    /// The records of the type asked for, in presentation form, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<String>,
    /// For how many seconds the answer may be kept: the least TTL of the records and the aliases
    /// that lead to them. Absent without records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// The longest TTL among them, in seconds: how long a change can take to be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_ttl: Option<u32>,
    /// The aliases from the name asked for to the one that has the records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Link>,
    /// The flags that were set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
    /// The start of authority that came with an answer without records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soa: Option<Soa>,
    /// The zone this answer refers to instead of answering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<String>,
    /// The signatures over the records, when they were asked for and there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Signed>,
    /// For how many bits of the client's network the answer holds, when the server takes a
    /// client's network into account; 0 for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<u8>,
    /// Extended errors (RFC 8914).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ede: Vec<Ede>,
    /// When it was received, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// From the first try to the answer, in milliseconds.
    pub millis: f64,
    /// How many times the question was sent; absent for once.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub tries: u8,
    /// What it came over; absent for UDP.
    #[serde(default, skip_serializing_if = "Via::is_udp")]
    pub via: Via,
}

const fn once() -> u8 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_once(tries: &u8) -> bool {
    *tries == 1
}

/// One alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// The alias.
    pub name: String,
    /// What it is an alias of.
    pub to: String,
    /// Its TTL, in seconds.
    pub ttl: u32,
}

/// A flag of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// Authoritative answer.
    Aa,
    /// Truncated.
    Tc,
    /// Recursion available.
    Ra,
    /// Authentic data: the resolver says it validated the answer.
    Ad,
    /// Checking disabled.
    Cd,
}

/// The parts of a start of authority that matter here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Soa {
    /// The zone.
    pub zone: String,
    /// Its serial number.
    pub serial: u32,
    /// For how many seconds the absence may be kept: the lesser of the record's TTL and its last
    /// field (RFC 2308 §5).
    pub negative_ttl: u32,
}

/// An extended error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ede {
    /// The number of the registry, such as 22 for "no reachable authority".
    pub code: u16,
    /// The server's own words, if any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Ede {
    /// The meaning of the number, in the registry's words.
    #[must_use]
    pub const fn meaning(&self) -> &'static str {
        match self.code {
            1 => "unsupported DNSKEY algorithm",
            2 => "unsupported DS digest type",
            3 => "stale answer",
            4 => "forged answer",
            5 => "DNSSEC indeterminate",
            6 => "DNSSEC bogus",
            7 => "signature expired",
            8 => "signature not yet valid",
            9 => "DNSKEY missing",
            10 => "RRSIGs missing",
            11 => "no zone key bit set",
            12 => "NSEC missing",
            13 => "cached error",
            14 => "not ready",
            15 => "blocked",
            16 => "censored",
            17 => "filtered",
            18 => "prohibited",
            19 => "stale NXDOMAIN answer",
            20 => "not authoritative",
            21 => "not supported",
            22 => "no reachable authority",
            23 => "network error",
            24 => "invalid data",
            _ => "other error",
        }
    }

    /// Number, meaning and the server's words as one line.
    #[must_use]
    pub fn describe(&self) -> String {
        let meaning = self.meaning();
        if self.text.is_empty() {
            format!("EDE {} ({meaning})", self.code)
        } else {
            format!("EDE {} ({meaning}: {})", self.code, one_line(&self.text))
        }
    }
}

impl Answer {
    /// The facts of the bytes of a message in answer to `ask`; `None` when they answer another
    /// question or none.
    ///
    /// # Errors
    /// Why bytes that claim to be the answer cannot be read.
    pub fn from_wire(ask: &Ask, bytes: &[u8], meta: &Meta) -> Result<Option<Self>, String> {
        match decode(ask, bytes) {
            Reading::Answer(message) => Ok(Some(Self::read(ask, &message, meta))),
            Reading::Foreign => Ok(None),
            Reading::Garbage(why) => Err(why),
        }
    }

    /// The facts of a message.
    #[must_use]
    pub fn read(ask: &Ask, message: &Message, meta: &Meta) -> Self {
        let (chain, end) = follow(ask, &message.answers, meta.age);
        // Records beside an error code are none: a client believes the code.
        let good = message.metadata.response_code == ResponseCode::NoError;
        let rrset: Vec<&Record> = message
            .answers
            .iter()
            .filter(|record| good && record.record_type() == ask.kind && record.name == end)
            .collect();
        let mut records: Vec<String> = rrset.iter().map(|record| present(&record.data)).collect();
        records.sort_unstable();
        records.dedup();
        let ttls = || {
            let links = chain.iter().map(|link| link.ttl);
            rrset
                .iter()
                .map(|record| record.ttl.saturating_sub(meta.age))
                .chain(links)
                .take(if rrset.is_empty() { 0 } else { usize::MAX })
        };
        Self {
            rcode: Rcode(message.metadata.response_code.into()),
            ttl: ttls().min(),
            longest_ttl: ttls().max(),
            flags: flags(message),
            soa: soa(message, meta.age),
            referral: referral(message),
            signed: Signed::read(&message.answers, meta.at),
            scope: scope(message),
            ede: ede(message),
            at: meta.at,
            millis: meta.millis,
            tries: meta.tries,
            via: meta.via,
            records,
            chain,
        }
    }

    /// Whether a flag is set.
    #[must_use]
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// Whether there are records of the type asked for.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.rcode == Rcode::NOERROR && !self.records.is_empty()
    }

    /// Whether the aliases lead back to one of themselves, or never end.
    #[must_use]
    pub fn is_loop(&self) -> bool {
        self.chain.len() >= CHAIN_LIMIT
            || self
                .chain
                .last()
                .is_some_and(|last| self.chain.iter().any(|link| link.name == last.to))
    }

    /// The extended error that says the answer had expired before it was given (RFC 8767).
    #[must_use]
    pub fn stale(&self) -> Option<&Ede> {
        self.ede.iter().find(|ede| matches!(ede.code, 3 | 19))
    }

    /// When the answer stops being good: its receipt plus its least TTL.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        let ttl = jiff::SignedDuration::from_secs(i64::from(self.ttl?));
        self.at.checked_add(ttl).ok()
    }

    /// For how many seconds the answer may be kept, whether it has records or tells of none.
    #[must_use]
    pub fn keep(&self) -> Option<u32> {
        self.ttl.or_else(|| self.soa.as_ref().map(|soa| soa.negative_ttl))
    }

    /// The chain as one line: `a. → b. → c.`.
    #[must_use]
    pub fn chain_text(&self) -> String {
        let first = self.chain.first().map(|link| link.name.as_str());
        let words: Vec<&str> =
            first.into_iter().chain(self.chain.iter().map(|link| link.to.as_str())).collect();
        words.join(" → ")
    }
}

/// The aliases from the name asked for, and the name at their end.
fn follow(ask: &Ask, answers: &[Record], age: u32) -> (Vec<Link>, Name) {
    let mut end = ask.name.clone();
    let mut chain: Vec<Link> = Vec::new();
    if ask.kind == RecordType::CNAME {
        return (chain, end);
    }
    while chain.len() < CHAIN_LIMIT {
        let next = answers.iter().filter(|record| record.name == end).find_map(|record| {
            let RData::CNAME(to) = &record.data else { return None };
            Some((record.ttl.saturating_sub(age), to.0.clone()))
        });
        let Some((ttl, to)) = next else { break };
        chain.push(Link { name: name_text(&end), to: name_text(&to), ttl });
        end = to;
        let to = chain.last().map(|link| link.to.clone()).unwrap_or_default();
        if chain.iter().any(|link| link.name == to) {
            break;
        }
    }
    (chain, end)
}

fn flags(message: &Message) -> Vec<Flag> {
    let header = &message.metadata;
    [
        (header.authoritative, Flag::Aa),
        (header.truncation, Flag::Tc),
        (header.recursion_available, Flag::Ra),
        (header.authentic_data, Flag::Ad),
        (header.checking_disabled, Flag::Cd),
    ]
    .into_iter()
    .filter_map(|(set, flag)| set.then_some(flag))
    .collect()
}

fn soa(message: &Message, age: u32) -> Option<Soa> {
    message.authorities.iter().find_map(|record| {
        let RData::SOA(soa) = &record.data else { return None };
        Some(Soa {
            zone: name_text(&record.name),
            serial: soa.serial,
            negative_ttl: record.ttl.min(soa.minimum).saturating_sub(age),
        })
    })
}

/// RFC 2308 §2.2: no answer, no SOA, and name servers in the authority section. Not NODATA.
fn referral(message: &Message) -> Option<String> {
    if !message.answers.is_empty() || soa(message, 0).is_some() || message.metadata.authoritative {
        return None;
    }
    let servers = message.authorities.iter().find(|r| r.record_type() == RecordType::NS)?;
    Some(name_text(&servers.name))
}

/// The scope of the client's network, if the server repeats it (RFC 7871 §7.2.1).
fn scope(message: &Message) -> Option<u8> {
    let option = message.edns.as_ref()?.option(EdnsCode::Subnet)?;
    let EdnsOption::Subnet(subnet) = option else { return None };
    Some(subnet.scope_prefix())
}

fn ede(message: &Message) -> Vec<Ede> {
    let Some(edns) = &message.edns else { return Vec::new() };
    edns.options()
        .get_all(EdnsCode::Unknown(15))
        .into_iter()
        .filter_map(|option| {
            let EdnsOption::Unknown(15, bytes) = option else { return None };
            let (code, text) = bytes.split_first_chunk::<2>()?;
            Some(Ede {
                code: u16::from_be_bytes(*code),
                text: one_line(String::from_utf8_lossy(text).trim_end_matches('\0')),
            })
        })
        .collect()
}
