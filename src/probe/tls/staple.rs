//! Judging the stapled OCSP answer (RFC 6960 §3.2, RFC 9919, Baseline Requirements 4.9.9).

use jiff::SignedDuration;

use super::belief::{Doubt, Timing, doubt, timing};
use super::contact::Case;
use super::expiry::{days, when};
use super::seen::{Accepted, Served, Staple};
use super::{Stapling, codes};
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;
use crate::net::pki::certificate::Certificate;
use crate::net::pki::ocsp::{About, Answer, Basic, Single, Status};
use crate::net::tls::Failure;

/// A public responder has a newer answer after this time.
const OLD: SignedDuration = SignedDuration::from_hours(4 * 24);

/// A public responder has a newer answer this long before the old one ends.
const LAST: SignedDuration = SignedDuration::from_hours(8);

/// Judges the staple of one certificate, or its absence.
pub(super) fn judge(case: Case<'_>, served: &Served) -> Vec<Finding> {
    let Some(leaf) = served.leaf() else { return Vec::new() };
    let Some(staple) = &served.staple else {
        return vec![missing(case, served, leaf)];
    };
    let mut findings = judge_answer(case, staple);
    if leaf.must_staple && !served.stapled_first {
        let message = format!(
            "must-staple, but {} came without a staple at first",
            count(served.handshakes - served.stapled, "handshake")
        );
        findings.push(Finding::new(&codes::STAPLE_LATE, case.target, message));
    }
    findings
}

/// Judges the staple of TLS 1.2 where one is demanded; only what is wrong, since what is right was
/// said of TLS 1.3.
pub(super) fn judge_tls12(case: Case<'_>, accepted: &Accepted) -> Vec<Finding> {
    let seen = match &accepted.tls12 {
        None => return Vec::new(),
        Some(Sight::Fault(fault)) => return vec![Finding::fault(case.target, fault)],
        Some(Sight::Seen(seen)) => seen,
    };
    match &seen.failure {
        None => {}
        // It speaks TLS 1.3 only.
        Some(Failure::Alert(_) | Failure::Incompatible(_) | Failure::Reset | Failure::Closed) => {
            return Vec::new();
        }
        Some(
            failure @ (Failure::NotTls(_)
            | Failure::Oversized
            | Failure::Violation(_)
            | Failure::NotProved(_)),
        ) => {
            let what = "looking at the staple over TLS 1.2".to_owned();
            let fault = Fault::Unreadable { what, reason: failure.to_string() };
            return vec![Finding::fault(case.target, &fault)];
        }
    }
    let Some(staple) = &seen.staple else {
        let tried = count(seen.handshakes, "handshake");
        let message = format!("no staple in {tried} over TLS 1.2");
        let finding = Finding::new(&codes::STAPLE_MISSING, case.target, message);
        return vec![finding.with_outcome(Outcome::Fail).expected("a stapled OCSP answer")];
    };
    let mut findings = judge_answer(case, staple);
    findings.retain(|finding| finding.code != codes::STAPLE_OK.id);
    for finding in &mut findings {
        finding.message = format!("over TLS 1.2, {}", finding.message);
    }
    findings
}

/// The staple in a word, for the one line of the whole check.
pub(super) fn words(findings: &[Finding]) -> Option<String> {
    let of_staple = |finding: &&Finding| {
        finding.code.starts_with("tls.staple-") || finding.code == codes::MUST_STAPLE_MISSING.id
    };
    let worst = findings.iter().filter(of_staple).max_by_key(|finding| finding.outcome)?;
    Some(if worst.code == codes::STAPLE_OK.id {
        "staple fresh".to_owned()
    } else if worst.code == codes::STAPLE_NOT_APPLICABLE.id {
        "no OCSP in the certificate".to_owned()
    } else {
        worst.code.trim_start_matches("tls.").replace('-', " ")
    })
}

fn missing(case: Case<'_>, served: &Served, leaf: &Certificate) -> Finding {
    let require = case.tls.stapling == Stapling::Require;
    if leaf.ocsp.is_empty() && !leaf.must_staple && !require {
        let message = "the certificate names no OCSP responder, so there is nothing to staple";
        return Finding::new(&codes::STAPLE_NOT_APPLICABLE, case.target, message);
    }
    let tried = count(served.handshakes, "handshake");
    let why = if leaf.must_staple {
        ", and the certificate is must-staple"
    } else if leaf.ocsp.is_empty() {
        ": the certificate names no OCSP responder"
    } else {
        ""
    };
    let outcome = if require || leaf.must_staple { Outcome::Fail } else { Outcome::Warn };
    let message = format!("no staple in {tried}{why}");
    let code = if leaf.must_staple { &codes::MUST_STAPLE_MISSING } else { &codes::STAPLE_MISSING };
    Finding::new(code, case.target, message)
        .with_outcome(outcome)
        .expected("a stapled OCSP answer")
        .actual(format!("0 of {tried} stapled"))
}

fn judge_answer(case: Case<'_>, staple: &Staple) -> Vec<Finding> {
    let finding = |code, message: String| vec![Finding::new(code, case.target, message)];
    match &staple.answer {
        Answer::Unreadable(reason) => {
            let message = format!("the staple of {} bytes is {reason}", staple.size);
            finding(&codes::STAPLE_UNREADABLE, message)
        }
        Answer::Unsuccessful(status) => {
            finding(&codes::STAPLE_UNSUCCESSFUL, format!("the staple is an error: {status}"))
        }
        Answer::Basic(basic) => match doubt(case, basic) {
            Some(doubt) => vec![doubtful(case, doubt)],
            None => judge_singles(case, basic),
        },
    }
}

/// The finding that says why nothing the answer says counts.
fn doubtful(case: Case<'_>, doubt: Doubt) -> Finding {
    let (code, message) = match doubt {
        Doubt::Unverified => {
            let message = "the issuer's certificate is missing, so the staple cannot be verified";
            (&codes::STAPLE_UNVERIFIED, message.to_owned())
        }
        Doubt::WrongCertificate(other) => {
            (&codes::STAPLE_WRONG_CERTIFICATE, format!("the staple is about {other}"))
        }
        Doubt::WrongIssuer(other) => {
            (&codes::STAPLE_WRONG_ISSUER, format!("the staple is about {other}"))
        }
        Doubt::Unauthorised(why) => (&codes::STAPLE_UNAUTHORISED, format!("the staple is {why}")),
        Doubt::Purpose(why) => (&codes::STAPLE_SIGNER_PURPOSE, format!("the staple is {why}")),
        Doubt::Outdated(why) => (&codes::STAPLE_SIGNER_EXPIRED, format!("the staple is {why}")),
        Doubt::BadSignature(why) => {
            (&codes::STAPLE_BAD_SIGNATURE, format!("the staple's signature does not count: {why}"))
        }
        Doubt::Critical(oid) => {
            let message = format!("the staple has the unknown critical extension {oid}");
            (&codes::STAPLE_UNREADABLE, message)
        }
    };
    Finding::new(code, case.target, message)
}

/// Judges what the answer says about this certificate; there may be one part for each hash.
fn judge_singles(case: Case<'_>, basic: &Basic) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for single in basic.singles.iter().filter(|single| single.about == About::This) {
        for finding in judge_single(case, single) {
            if !findings.iter().any(|known| known.code == finding.code) {
                findings.push(finding);
            }
        }
    }
    // What is good for one hash is not good when it is bad for the other.
    if findings.iter().any(|finding| finding.code != codes::STAPLE_OK.id) {
        findings.retain(|finding| finding.code != codes::STAPLE_OK.id);
    }
    findings
}

fn judge_single(case: Case<'_>, single: &Single) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        status(case, single).into_iter().chain(time(case, single)).collect();
    if findings.is_empty() {
        findings.extend(ageing(case, single));
    }
    if findings.is_empty() {
        let until = single.next_update.map_or_else(|| "always".to_owned(), when);
        let message = format!("the staple says good, until {until}");
        findings.push(Finding::new(&codes::STAPLE_OK, case.target, message));
    }
    findings
}

fn status(case: Case<'_>, single: &Single) -> Option<Finding> {
    match &single.status {
        Status::Good => None,
        Status::Revoked { at, reason } => {
            let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            let message = format!("the certificate was revoked on {}{why}", when(*at));
            let finding = Finding::new(&codes::STAPLE_REVOKED, case.target, message);
            Some(finding.expected("good").actual(format!("revoked{why}")))
        }
        Status::Unknown => {
            let message = "the authority does not know the certificate";
            let finding = Finding::new(&codes::STAPLE_UNKNOWN, case.target, message);
            Some(finding.expected("good").actual("unknown"))
        }
    }
}

fn time(case: Case<'_>, single: &Single) -> Option<Finding> {
    let (code, words) = match timing(case, single) {
        Timing::Current => return None,
        Timing::Early(words) => (&codes::STAPLE_NOT_YET_VALID, words),
        Timing::Expired(words) => (&codes::STAPLE_EXPIRED, words),
        Timing::Endless => {
            (&codes::STAPLE_WITHOUT_END, "does not say until when it holds".to_owned())
        }
    };
    let finding = Finding::new(code, case.target, format!("the staple {words}"));
    let finding = match single.next_update {
        None if !case.is_public() => finding.with_outcome(Outcome::Warn),
        Some(_) | None => finding,
    };
    let until = single.next_update.map_or_else(|| "no nextUpdate".to_owned(), when);
    let actual = format!("{} to {until}", when(single.this_update));
    Some(finding.expected(format!("one that holds at {}", when(case.cx.now))).actual(actual))
}

/// Whether the server should have a newer answer by now.
fn ageing(case: Case<'_>, single: &Single) -> Option<Finding> {
    let now = case.cx.now;
    let end = single.next_update?;
    let span = end.duration_since(single.this_update);
    let (age, left) = (now.duration_since(single.this_update), end.duration_since(now));
    let half = age > span / 2;
    // Baseline Requirements 4.9.9: the intervals public responders keep to.
    let late = case.is_public() && (age > OLD || (left < LAST && span >= LAST * 2));
    let gone = half && end < case.cx.window.from;
    (late || gone).then(|| {
        let message =
            format!("the staple is {} old, ends in {} and is not refreshed", days(age), days(left));
        Finding::new(&codes::STAPLE_AGEING, case.target, message)
            .expected("a newer answer by now")
            .actual(format!("{} to {}", when(single.this_update), when(end)))
    })
}
