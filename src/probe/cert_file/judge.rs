//! Judging a certificate on disk.

use super::{CertFile, Observation, Password, codes};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;
use crate::net::pki::certificate::Certificate;
use crate::net::pki::path::{Obstacle, Path, Purpose};
use crate::net::pki::private_key::Pair;
use crate::probe::JudgeCx;
use crate::probe::tls::Sent;
use crate::probe::tls::chain::{Part, weaknesses, who};
use crate::probe::tls::expiry::{Matter, Remark, Terms, days, when};
use crate::probe::tls::public::PUBLIC;

/// Judges everything that was asked for.
pub(super) fn judge(this: &CertFile, seen: &Observation, cx: &JudgeCx) -> Vec<Finding> {
    let target = this.file.display().to_string();
    if seen.password == Password::Wrong {
        let message = "the password does not open the file";
        let finding = Finding::new(&codes::WRONG_PASSWORD, target, message);
        return vec![finding.expected("the file's password").actual("another one")];
    }
    let terms =
        Terms { cx, margin: this.margin, warn_within: this.warn_within, renewal: this.renewal };
    let first = match seen.certificates.first() {
        Some(Sent::Certificate(first)) => first,
        Some(Sent::Unreadable { size, reason }) => {
            let message = format!("the first certificate is {reason}");
            let finding = Finding::new(&codes::UNREADABLE, target, message);
            return vec![finding.expected("a certificate").actual(format!("{size} bytes"))];
        }
        None => return Vec::new(),
    };
    let mut findings: Vec<Finding> = dates(terms, seen, first, &target);
    findings.extend(unreadable(seen, &target));
    findings.extend(counted(seen).flat_map(weaknesses).map(|weakness| {
        let code = match weakness.part {
            Part::Key => &codes::WEAK_KEY,
            Part::Signature => &codes::WEAK_SIGNATURE,
        };
        weakness.into_finding(code, &target)
    }));
    findings.extend(names(seen, first, &target));
    findings.extend(key(this, seen, &target));
    findings.extend(purpose(this, seen, first, &target));
    findings.extend(path(this, seen, &target));
    if findings.iter().all(|finding| finding.outcome == Outcome::Warn) {
        let left = days(first.not_after.duration_since(cx.now));
        let message = format!("{} certificate {}, {left} left", first.key, who(first));
        findings.push(
            Finding::new(&codes::OK, target, message)
                .expected(format!("valid until {}", when(terms.needed())))
                .actual(format!("valid until {}", when(first.not_after))),
        );
    }
    findings
}

/// The certificates that count: the first and those above it, or in a bundle of authorities all
/// that can be read.
pub(super) fn counted(seen: &Observation) -> impl Iterator<Item = &Certificate> {
    let bundle = is_bundle(seen);
    seen.certificates.iter().enumerate().filter_map(move |(place, sent)| {
        let counts = bundle || seen.path.certificates().contains(&place);
        sent.certificate().filter(|_| counts)
    })
}

/// Whether the file is a bundle of authorities, none of which needs the others.
fn is_bundle(seen: &Observation) -> bool {
    let first = seen.certificates.first().and_then(Sent::certificate);
    first.is_some_and(|first| first.authority)
}

/// What stands in the file behind the first certificate and is none.
fn unreadable(seen: &Observation, target: &str) -> Vec<Finding> {
    let others = seen.certificates.iter().enumerate().skip(1);
    let bad = others.filter_map(|(place, sent)| match sent {
        Sent::Certificate(_) => None,
        Sent::Unreadable { size, reason } => {
            let message = format!("certificate {} is {reason}", place + 1);
            let finding = Finding::new(&codes::UNREADABLE, target, message);
            let finding = finding.expected("a certificate").actual(format!("{size} bytes"));
            Some(finding.with_outcome(Outcome::Warn))
        }
    });
    bad.collect()
}

fn dates(terms: Terms<'_>, seen: &Observation, first: &Certificate, target: &str) -> Vec<Finding> {
    if is_bundle(seen) {
        return bundle_dates(terms, seen, target);
    }
    let remarks = terms.judge(first, counted(seen).filter(|found| *found != first));
    remarks.into_iter().map(|remark| finding(remark, target)).collect()
}

/// In a bundle what is out of date harms nobody, until nothing else is left.
fn bundle_dates(terms: Terms<'_>, seen: &Observation, target: &str) -> Vec<Finding> {
    let all = counted(seen).count();
    let bad: Vec<Remark> = counted(seen).filter_map(|found| terms.dates_of(found)).collect();
    let outcome = if bad.len() < all { Outcome::Warn } else { Outcome::Fail };
    bad.into_iter().map(|remark| finding(remark, target).with_outcome(outcome)).collect()
}

fn finding(remark: Remark, target: &str) -> Finding {
    let code = match remark.matter {
        Matter::Expired | Matter::IssuerExpired => &codes::EXPIRED,
        Matter::NotYetValid => &codes::NOT_YET_VALID,
        Matter::EndsInWindow => &codes::EXPIRES_IN_WINDOW,
        Matter::RenewalOverdue => &codes::RENEWAL_OVERDUE,
        Matter::RenewsInWindow => &codes::RENEWS_IN_WINDOW,
        Matter::EndsSoon => &codes::EXPIRES_SOON,
    };
    remark.into_finding(code, target)
}

fn names(seen: &Observation, first: &Certificate, target: &str) -> Vec<Finding> {
    // The verifier's words only repeat both names.
    let finding = |(name, _): &(String, String)| {
        let message = format!("the certificate is not for {name}");
        let finding = Finding::new(&codes::NAME_MISSING, target, message);
        finding.expected(name.clone()).actual(format!("a certificate {}", who(first)))
    };
    seen.missing.iter().map(finding).collect()
}

fn key(this: &CertFile, seen: &Observation, target: &str) -> Option<Finding> {
    // Without a key of its own, the one inside the file is meant.
    let path = this.key.as_ref().unwrap_or(&this.file).display();
    match seen.key.as_ref()? {
        Sight::Fault(fault) => Some(Finding::fault(path.to_string(), fault)),
        Sight::Seen(Pair::Matches) => None,
        Sight::Seen(Pair::Differs) => {
            let which = if this.key.is_some() { "key" } else { "key in" };
            let message = format!("the {which} {path} is not the certificate's");
            let finding = Finding::new(&codes::KEY_MISMATCH, target, message);
            Some(finding.expected("the key of the certificate").actual("another key"))
        }
    }
}

/// Whether the first certificate may be used as it should be, and whether the next one will.
fn purpose(
    this: &CertFile,
    seen: &Observation,
    first: &Certificate,
    target: &str,
) -> Option<Finding> {
    let wanted = this.purpose.filter(|_| !is_bundle(seen))?;
    let said = first.purposes.join(", ");
    // Without any, all are allowed (RFC 5280 §4.2.1.12). The purpose "any" does not stand for these.
    if !first.purposes.is_empty() && !first.purposes.iter().any(|one| one == wanted.usage()) {
        let message = format!("the certificate may not be used as a {}'s", word(wanted));
        let finding = Finding::new(&codes::PURPOSE_MISSING, target, message);
        return Some(finding.expected(wanted.usage()).actual(said));
    }
    let public = first.policies.iter().any(|policy| policy.starts_with(PUBLIC));
    (wanted == Purpose::Client && public).then(|| {
        let message = "a public authority's certificate is used as a client's: the next will not \
                       allow that";
        let finding = Finding::new(&codes::PURPOSE_ENDS, target, message);
        finding.expected("a certificate of an authority of your own").actual(said)
    })
}

const fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Server => "server",
        Purpose::Client => "client",
    }
}

fn path(this: &CertFile, seen: &Observation, target: &str) -> Option<Finding> {
    let ca = this.ca.as_ref()?.display();
    match &seen.path {
        Path::Built { .. } => None,
        Path::Broken { .. } if is_bundle(seen) => {
            let message = "the first certificate is an authority's, and a bundle of authorities is \
                           not led to a root: leave `ca` out";
            let finding = Finding::new(&codes::UNTRUSTED, target, message);
            Some(finding.with_outcome(Outcome::Unknown))
        }
        // That the purpose is another one is said already.
        Path::Broken { obstacle: Obstacle::Purpose, .. } if this.purpose.is_some() => None,
        Path::Broken { reason, certificates, .. } => {
            let held = count(certificates.len(), "certificate");
            let message = format!("no path to a root of {ca} with the {held} in the file");
            let finding = Finding::new(&codes::UNTRUSTED, target, message);
            Some(finding.expected(format!("a path to a root of {ca}")).actual(reason.clone()))
        }
    }
}
