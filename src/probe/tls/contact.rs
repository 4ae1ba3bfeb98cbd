//! Judging one address after the other: connection, handshake, and each certificate served.

use super::expiry::{Matter, Terms};
use super::seen::{Accepted, Contact, Observation, Served};
use super::{Revocation, Stapling, Tls, chain, codes, expiry, public, revocation, spoken, staple};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;
use crate::net::tls::Failure;
use crate::probe::JudgeCx;

/// What judging one address needs to know.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    /// What the user asked for.
    pub(super) tls: &'a Tls,
    /// The times of the launch.
    pub(super) cx: &'a JudgeCx,
    /// The trust store that was used.
    pub(super) roots: &'a str,
    /// The address it is about.
    pub(super) target: &'a str,
}

impl Case<'_> {
    /// Whether public rules hold: the platform's roots are public authorities, a file's are not.
    pub(super) const fn is_public(&self) -> bool {
        self.tls.ca.is_none()
    }

    /// What dates are judged by.
    const fn terms(&self) -> Terms<'_> {
        Terms {
            cx: self.cx,
            margin: self.tls.margin,
            warn_within: self.tls.warn_within,
            renewal: self.tls.renewal,
        }
    }
}

/// Judges every address.
pub(super) fn judge(tls: &Tls, seen: &Observation, cx: &JudgeCx) -> Vec<Finding> {
    if seen.addresses.is_empty() {
        let words = seen.no_address.as_deref().unwrap_or("no address");
        let message = format!("{} has no address: {words}", tls.endpoint.host);
        let finding = Finding::new(&codes::NO_ADDRESS, tls.endpoint.to_string(), message);
        return vec![finding.expected("an A or AAAA record").actual(words)];
    }
    let mut findings = Vec::new();
    for address in &seen.addresses {
        let case = Case { tls, cx, roots: &seen.roots, target: &address.address };
        match &address.sight {
            Sight::Fault(fault) => findings.push(Finding::fault(case.target, fault)),
            Sight::Seen(Contact::Refused(refusal)) => {
                let message = format!("{}: {refusal}", case.target);
                let finding = Finding::new(&codes::REFUSED, case.target, message);
                findings.push(finding.expected("a TLS server").actual(refusal.to_string()));
            }
            Sight::Seen(Contact::Plain(words)) => {
                let message = format!("the server does not begin TLS: {words}");
                let finding = Finding::new(&codes::STARTTLS_REFUSED, case.target, message);
                findings.push(finding.expected("TLS when asked for it").actual(words.clone()));
            }
            Sight::Seen(Contact::Accepted(accepted)) => {
                findings.extend(judge_accepted(case, accepted));
            }
        }
    }
    findings
}

fn judge_accepted(case: Case<'_>, accepted: &Accepted) -> Vec<Finding> {
    let mut findings = Vec::new();
    for served in &accepted.served {
        let of_certificate = judge_certificate(case, accepted, served);
        findings.extend(of_certificate);
        if case.tls.stapling != Stapling::Off {
            findings.extend(staple::judge(case, served));
        }
        if case.tls.revocation != Revocation::Off {
            findings.extend(revocation::judge(case, served));
        }
    }
    if accepted.silent_to_post_quantum {
        let message = "no answer to a handshake with post-quantum key exchange, but to one without";
        let finding = Finding::new(&codes::PQ_INTOLERANT, case.target, message);
        findings.push(finding.expected("an answer to both").actual("no answer to the larger one"));
    }
    if case.tls.stapling != Stapling::Off {
        findings.extend(staple::judge_tls12(case, accepted));
    }
    findings.extend(spoken::judge(case, accepted));
    findings.extend(slow(case, accepted));
    if let Some(failure) = &accepted.failure {
        // A certificate no client can use keeps the handshake from being verified as well; that
        // is one fault, not two.
        let explained = matches!(failure, Failure::NotProved(_))
            && findings.iter().any(|finding| explains(&finding.code));
        if !explained {
            findings.push(failed(case, accepted, failure));
        }
    }
    if let Some(fault) = &accepted.fault {
        findings.push(Finding::fault(case.target, fault));
    }
    if let Some(Sight::Fault(fault)) = &accepted.other_key {
        let mut finding = Finding::fault(case.target, fault);
        let what = "asking for a certificate with the other kind of key";
        finding.message = format!("{what}: {}", finding.message);
        findings.push(finding);
    }
    findings
}

fn explains(code: &str) -> bool {
    [&codes::WEAK_KEY, &codes::INVALID_CHAIN, &codes::UNREADABLE].iter().any(|c| c.id == code)
}

/// The findings about one certificate, or the one that says all is well.
fn judge_certificate(case: Case<'_>, accepted: &Accepted, served: &Served) -> Vec<Finding> {
    let mut findings = chain::judge(case, served);
    findings.extend(dates(case, served));
    findings.extend(public::judge(case, served));
    let wrong = findings.iter().any(|finding| finding.outcome == Outcome::Fail);
    if let (false, Some(session), Some(leaf)) = (wrong, &served.session, served.leaf()) {
        let left = expiry::days(leaf.not_after.duration_since(case.cx.now));
        let message = format!(
            "{} certificate {}, {left} left; {} with {} in {} ms",
            leaf.key,
            chain::who(leaf),
            session.version,
            session.group,
            accepted.handshake_ms
        );
        let path = count(served.path.certificates().len(), "certificate");
        findings.push(
            Finding::new(&codes::OK, case.target, message)
                .expected(format!("valid until {}", expiry::when(case.terms().needed())))
                .actual(format!(
                    "valid until {}, {path} to {} in {}",
                    expiry::when(leaf.not_after),
                    chain::root(served),
                    case.roots
                )),
        );
    }
    findings
}

/// The dates of every certificate on the path, and the renewal of the server's own.
fn dates(case: Case<'_>, served: &Served) -> Vec<Finding> {
    let Some(leaf) = served.leaf() else { return Vec::new() };
    let others = served.on_path().filter(|(place, _)| *place > 0).map(|(_, found)| found);
    let remarks = case.terms().judge(leaf, others);
    let code = |matter: Matter| match matter {
        Matter::Expired => &codes::EXPIRED,
        Matter::IssuerExpired => &codes::ISSUER_EXPIRED,
        Matter::NotYetValid => &codes::NOT_YET_VALID,
        Matter::EndsInWindow => &codes::EXPIRES_IN_WINDOW,
        Matter::RenewalOverdue => &codes::RENEWAL_OVERDUE,
        Matter::RenewsInWindow => &codes::RENEWS_IN_WINDOW,
        Matter::EndsSoon => &codes::EXPIRES_SOON,
    };
    remarks
        .into_iter()
        .map(|remark| {
            let code = code(remark.matter);
            remark.into_finding(code, case.target)
        })
        .collect()
}

fn slow(case: Case<'_>, accepted: &Accepted) -> Option<Finding> {
    let limit = case.tls.max_handshake?;
    let most = limit.get().as_secs_f64() * 1000.0;
    let took = accepted.handshake_ms;
    // Written so that a time that is not a number is too slow.
    let fast = took <= most;
    (!fast).then(|| {
        let message = format!("the handshake took {took} ms, more than {limit}");
        Finding::new(&codes::SLOW, case.target, message)
            .expected(format!("at most {limit}"))
            .actual(format!("{took} ms (connecting: {} ms)", accepted.connect_ms))
    })
}

fn failed(case: Case<'_>, accepted: &Accepted, failure: &Failure) -> Finding {
    let code = match failure {
        Failure::Alert(_) | Failure::Reset | Failure::Closed | Failure::Incompatible(_) => {
            &codes::HANDSHAKE_REFUSED
        }
        Failure::NotTls(_) => &codes::NOT_TLS,
        Failure::Oversized => &codes::OVERSIZED,
        Failure::Violation(_) => &codes::PROTOCOL_ERROR,
        Failure::NotProved(_) => &codes::KEY_NOT_PROVED,
    };
    let words = failure.to_string();
    let which = match accepted.handshakes {
        0 | 1 => String::new(),
        n => format!(" (handshake {n})"),
    };
    let message = format!("{}: {words}{which}", code.summary);
    Finding::new(code, case.target, message).expected("a TLS handshake").actual(words)
}
