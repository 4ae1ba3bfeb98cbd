//! The dates of DNSSEC signatures against the release window.

use jiff::{SignedDuration, Timestamp};

use super::super::codes;
use super::super::param::Dnssec;
use super::{Dns, JudgeCx};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::net::dns::Answer;

/// A signature that ends this soon after the window is worth a look: signers run daily.
const SOON: SignedDuration = SignedDuration::from_hours(72);

pub(super) fn judge(
    dns: &Dns,
    cx: &JudgeCx,
    answer: &Answer,
    target: String,
    findings: &mut Vec<Finding>,
) {
    // An alias that leads out of the zone is all the zone has, and is signed itself.
    let nothing = !answer.is_positive() && answer.chain.is_empty();
    if dns.dnssec == Dnssec::Off || nothing {
        return;
    }
    let Some(signed) = &answer.signed else {
        if dns.dnssec == Dnssec::Require {
            let message = "the authority sent no signature";
            findings.push(Finding::new(&codes::UNSIGNED, target, message));
        }
        return;
    };
    if !signed.missing.is_empty() {
        let message = format!("no signature covers {}", signed.missing.join(", "));
        findings.push(Finding::new(&codes::UNSIGNED, target, message));
        return;
    }
    let must = cx.window.to.max(cx.launch).max(cx.now);
    let finding = if signed.until < cx.now {
        Some((format!("the signature expired on {}", day(signed.until)), Outcome::Fail))
    } else if signed.from > cx.now {
        Some((format!("the signature is not good before {}", day(signed.from)), Outcome::Fail))
    } else if signed.until < must {
        let message = format!("the signature expires on {}, within the window", day(signed.until));
        Some((message, Outcome::Fail))
    } else if signed.until < must.saturating_add(SOON).unwrap_or(must) {
        let message =
            format!("the signature expires on {}, soon after the window", day(signed.until));
        Some((message, Outcome::Warn))
    } else {
        None
    };
    findings.extend(finding.map(|(message, outcome)| {
        Finding::new(&codes::SIGNATURE_EXPIRES, target, message)
            .with_outcome(outcome)
            .expected(format!("good from now until {} or longer", day(must)))
            .actual(format!("good from {} until {}", day(signed.from), day(signed.until)))
    }));
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
