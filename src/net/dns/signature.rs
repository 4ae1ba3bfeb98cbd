//! DNSSEC signatures as far as their dates go (RFC 4034 §3). They are not verified here: that is a
//! resolver's work, and its SERVFAIL tells.

use std::collections::BTreeMap;

use hickory_proto::rr::{RData, Record, RecordType};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::present::name_text;

/// The signatures over an answer's records, taken together. Of several over the same records one
/// good one is enough (RFC 4035 §5.3.3), as there are while a key is changed: the one that is good
/// longest counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signed {
    /// The first instant at which all records have a good signature, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub from: Timestamp,
    /// The last instant at which all records have a good signature, UTC.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub until: Timestamp,
    /// The records, as `NAME TYPE`, that no signature covers; empty when all are signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// One RRSIG: what it covers and when it is good.
#[derive(Clone, Copy)]
struct Rrsig {
    covers: RecordType,
    from: Timestamp,
    until: Timestamp,
}

impl Rrsig {
    fn read(record: &Record, at: Timestamp) -> Option<Self> {
        if record.record_type() != RecordType::RRSIG {
            return None;
        }
        let RData::Unknown { rdata, .. } = &record.data else { return None };
        let number = |at: usize| -> Option<u32> {
            Some(u32::from_be_bytes(*rdata.anything.get(at..)?.first_chunk::<4>()?))
        };
        let covers = u16::from_be_bytes(*rdata.anything.first_chunk::<2>()?);
        Some(Self {
            covers: RecordType::from(covers),
            until: instant(number(8)?, at),
            from: instant(number(12)?, at),
        })
    }

    /// Of two over the same records the one to go by: one that has begun to be good, and of two
    /// such the one that is good longer; where neither has begun, the one that begins first.
    fn better(self, other: Self, at: Timestamp) -> Self {
        let second = match (self.from <= at, other.from <= at) {
            (true, true) => other.until > self.until,
            (false, false) => other.from < self.from,
            (begun, _) => !begun,
        };
        if second { other } else { self }
    }
}

/// RFC 4034 §3.1.5: seconds in serial arithmetic, so the instant nearest to now is meant.
fn instant(seconds: u32, now: Timestamp) -> Timestamp {
    let now_seconds = now.as_second();
    let low = u32::try_from(now_seconds.rem_euclid(1 << 32)).unwrap_or_default();
    let distance = seconds.wrapping_sub(low).cast_signed();
    Timestamp::from_second(now_seconds + i64::from(distance)).unwrap_or(now)
}

impl Signed {
    /// The signatures among an answer's records; `None` when there is none at all.
    pub(super) fn read(answers: &[Record], at: Timestamp) -> Option<Self> {
        let mut best: BTreeMap<(String, RecordType), Rrsig> = BTreeMap::new();
        for record in answers {
            let Some(rrsig) = Rrsig::read(record, at) else { continue };
            best.entry((name_text(&record.name), rrsig.covers))
                .and_modify(|known| *known = known.better(rrsig, at))
                .or_insert(rrsig);
        }
        let from = best.values().map(|rrsig| rrsig.from).max()?;
        let until = best.values().map(|rrsig| rrsig.until).min()?;
        let mut signed = Self { from, until, missing: Vec::new() };
        for record in answers.iter().filter(|r| r.record_type() != RecordType::RRSIG) {
            let key = (name_text(&record.name), record.record_type());
            let text = format!("{} {}", key.0, key.1);
            // A CNAME made from a DNAME bears no signature of its own (RFC 6672 §5.3.1).
            let made = record.record_type() == RecordType::CNAME
                && answers.iter().any(|r| r.record_type() == RecordType::from(39));
            if !made && !best.contains_key(&key) && !signed.missing.contains(&text) {
                signed.missing.push(text);
            }
        }
        Some(signed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_the_nearest_ones() {
        let now: Timestamp = "2026-11-23T02:00:00Z".parse().expect("an instant");
        let seconds = u32::try_from(now.as_second()).expect("before 2106");
        assert_eq!(instant(seconds, now), now);
        assert_eq!(instant(seconds + 60, now).duration_since(now).as_secs(), 60);
        let late: Timestamp = "2106-02-07T06:28:00Z".parse().expect("an instant");
        assert_eq!(instant(100, late).to_string(), "2106-02-07T06:29:56Z");
    }
}
