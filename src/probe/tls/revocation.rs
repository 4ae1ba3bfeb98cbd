//! Judging what the responder and the revocation list say.

use jiff::{SignedDuration, Timestamp};

use super::belief::{Doubt, Timing, doubt, timing};
use super::contact::Case;
use super::expiry::{SKEW, days, earlier, later, life, when};
use super::seen::{Asked, Said, Served};
use super::{Stapling, codes, public};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::net::pki::certificate::Certificate;
use crate::net::pki::crl::Crl;
use crate::net::pki::ocsp::{About, Answer, Basic, Single, Status};
use crate::net::pki::path::Path;

/// Up to this life a public certificate needs no revocation (Baseline Requirements 1.6.1; ten days
/// for those issued before 15 March 2026, which are all gone).
const SHORT_LIVED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How old an answer or a list may be that does not say until when it holds: public authorities
/// have a newer one by then (Baseline Requirements 4.9.7, 4.9.10).
const UNDATED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Judges whether a certificate is revoked.
pub(super) fn judge(case: Case<'_>, served: &Served) -> Vec<Finding> {
    let Some(leaf) = served.leaf() else { return Vec::new() };
    if leaf.ocsp.is_empty() && leaf.crls.is_empty() {
        return vec![nowhere(case, served, leaf)];
    }
    if served.asked.is_empty() {
        return unasked(case, served).into_iter().collect();
    }
    let findings: Vec<Finding> =
        served.asked.iter().flat_map(|asked| judge_asked(case, leaf, asked)).collect();
    // One place that answers is enough; that it is revoked counts wherever it is said.
    let told = |outcome: Outcome| findings.iter().find(|finding| finding.outcome == outcome);
    let revoked = findings.iter().find(|finding| finding.code == codes::REVOKED.id);
    match revoked.or_else(|| told(Outcome::Fail)).or_else(|| told(Outcome::Pass)) {
        Some(finding) => vec![finding.clone()],
        None => findings,
    }
}

/// The certificate names nobody who could be asked.
fn nowhere(case: Case<'_>, served: &Served, leaf: &Certificate) -> Finding {
    if public::is_public(case, served, leaf) && life(leaf) > SHORT_LIVED {
        let message = "a public certificate that cannot be revoked: it names no responder, no list";
        let finding = Finding::new(&codes::NO_REVOCATION, case.target, message);
        return finding.expected("an OCSP responder or a revocation list");
    }
    let message = "the certificate names neither an OCSP responder nor a revocation list";
    Finding::new(&codes::REVOCATION_NOT_APPLICABLE, case.target, message)
}

/// Nobody was asked. With a staple nobody needs to be; without a path to a root no answer could be
/// verified, and the path has a finding of its own.
fn unasked(case: Case<'_>, served: &Served) -> Option<Finding> {
    let stapled = served.staple.is_some() && case.tls.stapling != Stapling::Off;
    if stapled || matches!(served.path, Path::Broken { .. }) {
        return None;
    }
    let message = "the certificate names no place that can be asked by HTTP";
    Some(Finding::new(&codes::REVOCATION_UNCHECKED, case.target, message))
}

fn judge_asked(case: Case<'_>, leaf: &Certificate, asked: &Asked) -> Vec<Finding> {
    match &asked.sight {
        Sight::Fault(fault) => vec![Finding::fault(case.target, fault)],
        Sight::Seen(Said::Crl(list)) => vec![judge_list(case, leaf, &asked.url, list)],
        Sight::Seen(Said::Ocsp(answer)) => judge_answer(case, &asked.url, answer),
    }
}

fn unusable(case: Case<'_>, url: &str, why: &str) -> Finding {
    let message = format!("what {url} says cannot be used: {why}");
    Finding::new(&codes::REVOCATION_UNUSABLE, case.target, message)
}

fn judge_answer(case: Case<'_>, url: &str, answer: &Answer) -> Vec<Finding> {
    match answer {
        Answer::Unreadable(reason) => vec![unusable(case, url, reason)],
        Answer::Unsuccessful(status) => vec![unusable(case, url, &format!("it is {status}"))],
        Answer::Basic(basic) => match doubt(case, basic) {
            Some(doubt) => vec![unusable(case, url, &words(doubt))],
            None => judge_singles(case, url, basic),
        },
    }
}

fn words(doubt: Doubt) -> String {
    match doubt {
        Doubt::Unverified => "the issuer is not known".to_owned(),
        Doubt::WrongCertificate(other) | Doubt::WrongIssuer(other) => {
            format!("it is about {other}")
        }
        Doubt::Unauthorised(why) | Doubt::Purpose(why) | Doubt::Outdated(why) => {
            format!("it is {why}")
        }
        Doubt::BadSignature(why) => format!("its signature does not count: {why}"),
        Doubt::Critical(oid) => format!("it has the unknown critical extension {oid}"),
    }
}

fn judge_singles(case: Case<'_>, url: &str, basic: &Basic) -> Vec<Finding> {
    let about_this = basic.singles.iter().filter(|single| single.about == About::This);
    about_this.map(|single| judge_single(case, url, single)).collect()
}

fn judge_single(case: Case<'_>, url: &str, single: &Single) -> Finding {
    let untimely = match timing(case, single) {
        Timing::Current => None,
        Timing::Early(why) | Timing::Expired(why) => Some(format!("the answer {why}")),
        Timing::Endless => undated(case, single.this_update),
    };
    match (untimely, &single.status) {
        (_, Status::Revoked { at, reason }) => revoked(case, url, &when(*at), reason.as_deref()),
        (Some(why), Status::Good | Status::Unknown) => unusable(case, url, &why),
        (None, Status::Unknown) => {
            let message = format!("{url} does not know the certificate");
            let finding = Finding::new(&codes::REVOCATION_UNKNOWN, case.target, message);
            finding.expected("good").actual("unknown")
        }
        (None, Status::Good) => {
            let message = format!("not revoked, says {url}");
            Finding::new(&codes::NOT_REVOKED, case.target, message)
        }
    }
}

/// Why what does not say until when it holds is too old to be believed.
fn undated(case: Case<'_>, this_update: Timestamp) -> Option<String> {
    let age = case.cx.now.duration_since(this_update);
    (age > UNDATED).then(|| format!("it is {} old and does not say until when it holds", days(age)))
}

fn revoked(case: Case<'_>, url: &str, at: &str, reason: Option<&str>) -> Finding {
    let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let message = format!("the certificate was revoked on {at}{why}");
    let finding = Finding::new(&codes::REVOKED, case.target, message);
    finding.expected("not revoked").actual(format!("revoked, says {url}"))
}

fn judge_list(case: Case<'_>, leaf: &Certificate, url: &str, list: &Crl) -> Finding {
    if let Some(flaw) = &list.flaw {
        return unusable(case, url, flaw);
    }
    // A certificate that was revoked stays so, however old the list.
    if let Some(entry) = &list.revoked {
        return revoked(case, url, &when(entry.at), entry.reason.as_deref());
    }
    let now = case.cx.now;
    if list.this_update > later(now, SKEW) {
        return unusable(case, url, &format!("it begins at {}", when(list.this_update)));
    }
    if list.next_update.is_none()
        && let Some(why) = undated(case, list.this_update)
    {
        return unusable(case, url, &why);
    }
    match list.next_update {
        Some(end) if end < earlier(now, SKEW) => {
            let ago = days(now.duration_since(end));
            let message = format!("the revocation list {url} expired {ago} ago");
            Finding::new(&codes::CRL_EXPIRED, case.target, message)
                .expected(format!("nextUpdate after {}", when(now)))
                .actual(format!("nextUpdate {}", when(end)))
        }
        Some(_) | None => {
            let message = format!("not revoked: serial {} is not on {url}", leaf.serial);
            Finding::new(&codes::NOT_REVOKED, case.target, message).actual(format!(
                "{} revoked, list of {}",
                list.entries,
                when(list.this_update)
            ))
        }
    }
}
