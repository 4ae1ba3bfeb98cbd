//! Whether this machine's clock can be believed, before anything is said that depends on it.

use std::net::SocketAddr;

use jiff::SignedDuration;

use super::codes;
use super::expiry::{days, later};
use super::seen::{Contact, Observation, Said};
use crate::model::code::Code;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::net::pki::fetch::host;
use crate::net::pki::ocsp::Answer;
use crate::probe::JudgeCx;

/// By how many seconds two clocks may differ.
const MOST: i64 = 60;

/// What is said by the clock.
const TIMED: [&Code; 14] = [
    &codes::OK,
    &codes::EXPIRED,
    &codes::ISSUER_EXPIRED,
    &codes::NOT_YET_VALID,
    &codes::EXPIRES_IN_WINDOW,
    &codes::EXPIRES_SOON,
    &codes::RENEWAL_OVERDUE,
    &codes::RENEWS_IN_WINDOW,
    &codes::STAPLE_OK,
    &codes::STAPLE_EXPIRED,
    &codes::STAPLE_NOT_YET_VALID,
    &codes::STAPLE_SIGNER_EXPIRED,
    &codes::STAPLE_AGEING,
    &codes::NOT_REVOKED,
];

/// Another clock, compared with this machine's.
struct Reading {
    whose: String,
    ahead: i64,
    /// Where it was read, when that was on an address of the endpoint.
    at: Option<SocketAddr>,
}

/// Makes everything unknown that depends on the time, where at least two others have another one
/// and nobody has this machine's. One alone may be wrong itself, which is a warning.
pub(super) fn doubt(seen: &Observation, cx: &JudgeCx, findings: &mut Vec<Finding>) {
    let readings = readings(seen, cx);
    if readings.iter().any(|one| one.ahead.abs() <= MOST) {
        return;
    }
    let Some(first) = readings.first() else { return };
    let named: Vec<String> =
        readings.iter().take(4).map(|one| format!("{} {}", one.whose, offset(one.ahead))).collect();
    let others = readings.len() - twins(&readings);
    let (code, message) = if others == 1 {
        let words = offset(first.ahead);
        (&codes::CLOCK_DIFFERS, format!("the clock of {} is {words} this machine's", first.whose))
    } else {
        for finding in findings.iter_mut() {
            if TIMED.iter().any(|code| code.id == finding.code) {
                finding.outcome = Outcome::Unknown;
            }
        }
        let message = format!(
            "this machine's clock agrees with none of {others} others, so nothing that depends on \
             the time is known"
        );
        (&codes::CLOCK_WRONG, message)
    };
    findings.push(
        Finding::new(code, "this machine's clock", message)
            .expected(format!("within {MOST} s of the others"))
            .actual(named.join("; ")),
    );
}

/// How far another clock is from this machine's, in words that go before "this machine's".
fn offset(ahead: i64) -> String {
    let length = match SignedDuration::from_secs(ahead) {
        short if ahead.abs() < 120 => format!("{} s", short.as_secs().abs()),
        long => days(long),
    };
    format!("{length} {}", if ahead < 0 { "behind" } else { "ahead of" })
}

/// How many readings are not of a clock of their own: a server with an IPv4 and an IPv6 address
/// has one clock.
fn twins(readings: &[Reading]) -> usize {
    let places = readings.iter().filter_map(|one| one.at);
    let (v4, v6): (Vec<_>, Vec<_>) = places.partition(SocketAddr::is_ipv4);
    v4.len().min(v6.len())
}

/// Everybody's clock, each once.
fn readings(seen: &Observation, cx: &JudgeCx) -> Vec<Reading> {
    let mut readings: Vec<Reading> = Vec::new();
    let mut add = |whose: String, ahead: i64, at: Option<SocketAddr>| {
        if !readings.iter().any(|known| known.whose == whose) {
            readings.push(Reading { whose, ahead, at });
        }
    };
    for address in &seen.addresses {
        let Sight::Seen(Contact::Accepted(accepted)) = &address.sight else { continue };
        if let Some(ahead) = accepted.clock_ahead {
            add(address.address.clone(), ahead, address.address.parse().ok());
        }
        for served in &accepted.served {
            for asked in &served.asked {
                if let Some(ahead) = asked.clock_ahead {
                    add(host(&asked.url).to_owned(), ahead, None);
                }
            }
            let stapled = served.staple.as_ref().map(|staple| &staple.answer);
            let said = served.asked.iter().filter_map(|asked| match asked.sight.seen()? {
                Said::Ocsp(answer) => Some(answer),
                Said::Crl(_) => None,
            });
            for answer in stapled.into_iter().chain(said) {
                if let Some((whose, ahead)) = signed_ahead(answer, cx) {
                    add(whose, ahead, None);
                }
            }
        }
    }
    readings
}

/// A signed answer cannot have been made in the future: at least so far is its maker's clock ahead.
fn signed_ahead(answer: &Answer, cx: &JudgeCx) -> Option<(String, i64)> {
    let Answer::Basic(basic) = answer else { return None };
    let verified = basic.bad_signature.is_none();
    let future = basic.produced_at > later(cx.now, SignedDuration::from_secs(MOST));
    (verified && future).then(|| {
        let ahead = basic.produced_at.duration_since(cx.now).as_secs();
        (format!("the responder {}", basic.responder), ahead)
    })
}
