//! Judging what the next renewal would meet.

use super::caa::{Request, refusal};
use super::{Acme, Challenge, Hop, HopEnd, Looked, Observation, Way, codes};
use crate::model::code::Code;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::{count, one_line};
use crate::net::dns::Rcode;
use crate::net::http::Denial;
use crate::net::tcp::Refusal;

/// From so many on, leftover challenges are worth a word.
const LEFTOVERS: usize = 8;

/// Judges CAA and the challenge.
pub(super) fn judge(acme: &Acme, seen: &Observation) -> Vec<Finding> {
    let mut findings = vec![caa(acme, seen)];
    match acme.challenge {
        Challenge::Dns01 => {
            findings.extend(seen.dns01.as_ref().map(dns01));
            findings.extend(unresolved(acme, seen));
            if let (Some(_), Some(words)) = (&seen.directory, &seen.no_address) {
                findings.push(unasked(acme, words));
            }
        }
        Challenge::Http01 | Challenge::TlsAlpn01 if seen.unresolved.is_some() => {
            findings.extend(unresolved(acme, seen));
        }
        Challenge::Http01 | Challenge::TlsAlpn01
            if seen.ways.is_empty() && seen.alpn01.is_empty() =>
        {
            let words = seen.no_address.as_deref().unwrap_or("no address");
            findings.push(no_address(acme, &format!("{} has no address", acme.base()), words));
        }
        Challenge::Http01 | Challenge::TlsAlpn01 => {
            findings.extend(seen.ways.iter().map(|one| way(acme, one)));
        }
    }
    findings
}

fn no_address(acme: &Acme, what: &str, words: &str) -> Finding {
    let finding = Finding::new(&codes::NO_ADDRESS, &acme.domain, format!("{what}: {words}"));
    finding.expected("an A or AAAA record").actual(words)
}

/// No certificate in use was found, so the authority was not asked about its renewal.
fn unasked(acme: &Acme, words: &str) -> Finding {
    let what = format!(
        "{} has no address, so no certificate in use was found to ask the authority about",
        acme.base()
    );
    no_address(acme, &what, words).with_outcome(Outcome::Unknown)
}

fn unresolved(acme: &Acme, seen: &Observation) -> Option<Finding> {
    seen.unresolved.as_ref().map(|fault| Finding::fault(&acme.domain, fault))
}

/// The nearest records count. A name below them that could not be looked up may have had some.
fn caa(acme: &Acme, seen: &Observation) -> Finding {
    let request = Request {
        authority: &acme.authority,
        account: acme.account.as_deref(),
        method: acme.challenge.as_str(),
        wildcard: acme.domain.starts_with("*."),
    };
    for looked in &seen.caa {
        let target = format!("{} CAA", looked.name);
        match &looked.sight {
            Sight::Fault(fault) => return Finding::fault(target, fault),
            Sight::Seen(found) if !is_answer(found.rcode) => {
                let message = format!("CAA of {} is answered with {}", looked.name, found.rcode);
                let finding = Finding::new(&codes::CAA_BROKEN, target, message);
                return finding.expected("NOERROR or NXDOMAIN").actual(found.rcode.to_string());
            }
            Sight::Seen(found) if found.records.is_empty() => {}
            Sight::Seen(found) => {
                return nearest(
                    acme,
                    &looked.name,
                    &found.records,
                    refusal(&found.records, request),
                );
            }
        }
    }
    let message = "there are no CAA records, so everybody may issue";
    Finding::new(&codes::CAA_OK, format!("{} CAA", acme.base()), message)
}

/// The finding about the record set that counts.
fn nearest(acme: &Acme, name: &str, records: &[String], refusal: Option<String>) -> Finding {
    let target = format!("{name} CAA");
    let records = one_line(&records.join(" · "));
    if let Some(why) = refusal {
        let message = one_line(&format!("{} may not issue: {why}", acme.authority));
        let finding = Finding::new(&codes::CAA_FORBIDS, target, message);
        return finding.expected(format!("issue \"{}\"", acme.authority)).actual(records);
    }
    let message = format!("CAA of {name} allows {}", acme.authority);
    Finding::new(&codes::CAA_OK, target, message).actual(records)
}

/// Whether a response code says what there is, and not that nothing could be found out.
fn is_answer(rcode: Rcode) -> bool {
    rcode == Rcode::NOERROR || rcode == Rcode::NXDOMAIN
}

fn dns01(looked: &Looked) -> Finding {
    let target = format!("{} TXT", looked.name);
    match &looked.sight {
        Sight::Fault(fault) => Finding::fault(target, fault),
        Sight::Seen(found) if !is_answer(found.rcode) => {
            let message = format!("{} is answered with {}", looked.name, found.rcode);
            let finding = Finding::new(&codes::DNS01_BROKEN, target, message);
            finding.expected("NOERROR or NXDOMAIN").actual(found.rcode.to_string())
        }
        Sight::Seen(found) if found.records.len() >= LEFTOVERS => {
            let message = format!("{} left behind", count(found.records.len(), "old challenge"));
            Finding::new(&codes::DNS01_LEFTOVERS, target, message)
        }
        Sight::Seen(found) => {
            let held = count(found.records.len(), "record");
            let message = format!("{} answers {} with {held}", looked.name, found.rcode);
            Finding::new(&codes::DNS01_OK, target, message)
        }
    }
}

fn way(acme: &Acme, way: &Way) -> Finding {
    let hops = match &way.sight {
        Sight::Fault(fault) => return Finding::fault(&way.address, fault),
        Sight::Seen(hops) => hops,
    };
    let Some(last) = hops.last() else {
        let message = "the challenge was not asked for";
        return Finding::new(&codes::HTTP01_BROKEN, &way.address, message);
    };
    let (mut code, words) = arrival(&last.end);
    // A port that is listened at only while a challenge is under way is closed now.
    let on_demand = acme.order.as_ref().is_some_and(|order| order.challenge.listen.is_some());
    let closed = matches!(last.end, HopEnd::Denied(Denial::Refused(Refusal::Refused)));
    if on_demand && hops.len() == 1 && closed {
        code = &codes::HTTP01_ON_DEMAND;
    }
    let after = match hops.len() {
        0 | 1 => String::new(),
        n => format!(" after {}", count(n - 1, "redirect")),
    };
    let message = format!("{words}{after}");
    let finding = Finding::new(code, &way.address, message);
    finding.expected("404, or the challenge's file").actual(one_line(&trail(hops)))
}

/// What the end of the way means to an authority.
fn arrival(end: &HopEnd) -> (&'static Code, String) {
    match end {
        HopEnd::Denied(denial) => (&codes::HTTP01_REFUSED, denial.to_string()),
        HopEnd::NotFollowed(reason) => {
            (&codes::HTTP01_REDIRECTS, format!("a redirect is not followed: {reason}"))
        }
        HopEnd::Answered { status, html, .. } => {
            let words = format!("the challenge's path answers {status}");
            let code = match status {
                200..=299 if *html => &codes::HTTP01_CATCH_ALL,
                200..=299 | 404 | 410 => &codes::OK,
                300..=399 => &codes::HTTP01_REDIRECTS,
                401 | 403 | 407 | 429 | 451 => &codes::HTTP01_FORBIDDEN,
                _ => &codes::HTTP01_BROKEN,
            };
            (code, words)
        }
    }
}

/// The way in a few words.
fn trail(hops: &[Hop]) -> String {
    let step = |hop: &Hop| match &hop.end {
        HopEnd::Answered { status, .. } => format!("{} {status}", hop.url),
        HopEnd::Denied(denial) => format!("{} {denial}", hop.url),
        HopEnd::NotFollowed(_) => "not followed".to_owned(),
    };
    // A long way goes in circles: its beginning and its end say enough.
    let steps: Vec<String> = match hops {
        [first, .., last] if hops.len() > 3 => vec![step(first), "…".to_owned(), step(last)],
        few => few.iter().map(step).collect(),
    };
    steps.join(" → ")
}
