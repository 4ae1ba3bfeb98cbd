//! Judging what is in use: when the authority wants it renewed, how often it was issued lately, and
//! whether the tls-alpn-01 challenge can be answered.

use jiff::SignedDuration;

use super::{Alpn, Alpn01, InUse, Info, Observation, codes};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::net::pki::certificate::Certificate;
use crate::probe::JudgeCx;
use crate::probe::tls::expiry::{days, when};

/// The time in which issued certificates count (Let's Encrypt's rate limits, August 2026).
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How many certificates for the same names are issued in that time, and no more.
const ISSUED: usize = 5;

/// From how many on it is worth a word: a launch may need one more, and then another.
const MANY: usize = 3;

/// Judges what is in use, where that was looked at.
pub(super) fn judge(seen: &Observation, cx: &JudgeCx) -> Vec<Finding> {
    let mut findings: Vec<Finding> = seen.alpn01.iter().map(alpn01).collect();
    for one in &seen.in_use {
        if let Sight::Fault(fault) = &one.sight {
            findings.push(Finding::fault(&one.address, fault));
        }
    }
    findings.extend(seen.renewal.as_ref().map(|info| renewal(info, seen, cx)));
    findings.extend(recent(&seen.in_use, cx));
    findings
}

fn alpn01(look: &Alpn01) -> Finding {
    let expected = "acme-tls/1 chosen";
    match &look.sight {
        Sight::Fault(fault) => Finding::fault(&look.address, fault),
        Sight::Seen(Alpn::Chosen) => {
            let message = "acme-tls/1 is answered on the TLS port";
            Finding::new(&codes::ALPN01_OK, &look.address, message)
        }
        Sight::Seen(Alpn::NotChosen(words)) => {
            let message = format!("TLS answers, but not acme-tls/1: {words}");
            let finding = Finding::new(&codes::ALPN01_NOT_CHOSEN, &look.address, message);
            finding.expected(expected).actual(words.clone())
        }
        Sight::Seen(Alpn::Refused(words)) => {
            let message = format!("the TLS port does not answer the challenge: {words}");
            let finding = Finding::new(&codes::ALPN01_REFUSED, &look.address, message);
            finding.expected(expected).actual(words.clone())
        }
    }
}

fn renewal(info: &Sight<Info>, seen: &Observation, cx: &JudgeCx) -> Finding {
    let target = seen.directory.clone().unwrap_or_else(|| "the directory".to_owned());
    let suggested = match info {
        Sight::Fault(fault) => return Finding::fault(target, fault),
        Sight::Seen(Info::NotOffered) => {
            let message = "the authority offers no renewal information";
            return Finding::new(&codes::ARI_NOT_APPLICABLE, target, message);
        }
        Sight::Seen(Info::NotKnown) => {
            let message = "the authority does not know the certificate in use";
            return Finding::new(&codes::ARI_UNKNOWN, target, message);
        }
        Sight::Seen(Info::Suggested(suggested)) => suggested,
    };
    let (start, end) = (suggested.start, suggested.end);
    let between = format!("between {} and {}", when(start), when(end));
    let why = suggested.explanation.as_ref().map_or_else(String::new, |url| format!(": see {url}"));
    if end < cx.now {
        let ago = days(cx.now.duration_since(end));
        let message = format!("the certificate should have been renewed {ago} ago{why}");
        let finding = Finding::new(&codes::ARI_OVERDUE, target, message);
        return finding.expected("a window that has not passed").actual(between);
    }
    let window = cx.window;
    if window.from < window.to && start <= window.to && window.from <= end {
        let message = format!("the authority wants the certificate renewed {between}{why}");
        let finding = Finding::new(&codes::ARI_IN_WINDOW, target, message);
        let launch = format!("not between {} and {}", when(window.from), when(window.to));
        return finding.expected(launch).actual(between);
    }
    let message = if start <= cx.now {
        format!("due for renewal now, until {}", when(end))
    } else {
        format!("due for renewal {between}")
    };
    Finding::new(&codes::ARI_OK, target, message)
}

/// Whether so many certificates for the same names were issued lately that the limit is near. Only
/// those still in use are seen: there may have been more.
fn recent(in_use: &[InUse], cx: &JudgeCx) -> Option<Finding> {
    let names = |one: &Certificate| {
        let mut names = one.names.clone();
        names.sort_unstable();
        names
    };
    let recent: Vec<&Certificate> = in_use
        .iter()
        .filter_map(|one| one.sight.seen())
        .filter(|one| cx.now.duration_since(one.not_before) < WEEK)
        .collect();
    let first = recent.first()?;
    let mut same: Vec<&str> = recent
        .iter()
        .filter(|one| names(one) == names(first))
        .map(|one| one.sha256.as_str())
        .collect();
    same.sort_unstable();
    same.dedup();
    (same.len() >= MANY).then(|| {
        let message = format!(
            "{} certificates for the same names were issued within 7 days and are in use; {ISSUED} \
             are the limit",
            same.len()
        );
        let target = first.names.first().cloned().unwrap_or_default();
        let finding = Finding::new(&codes::RATE_LIMIT_NEAR, target, message);
        finding.expected(format!("fewer than {MANY}")).actual(same.len().to_string())
    })
}
