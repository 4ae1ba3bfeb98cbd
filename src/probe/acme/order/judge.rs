//! Judging a test order: whether one may be made, and how the one that was made ended.

use super::{Change, Issued, Made, OrderEnd, OrderSeen, TestOrder};
use crate::model::code::Code;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::text::{count, one_line};
use crate::model::time::Span;
use crate::net::acme::{Meta, Problem, Stage};
use crate::net::pki::path::Path;
use crate::net::pki::private_key::Pair;
use crate::probe::JudgeCx;
use crate::probe::acme::{Acme, codes};
use crate::probe::tls::expiry::{SKEW, days, earlier, later, when};

/// Judges the order of a check that has one.
pub(in crate::probe::acme) fn judge(
    acme: &Acme,
    order: &TestOrder,
    seen: &OrderSeen,
    cx: &JudgeCx,
) -> Vec<Finding> {
    if let Some(made) = &seen.made {
        let mut findings = vec![ended(order, made, cx)];
        findings.extend(left(made));
        return findings;
    }
    if let Some(reason) = &seen.refused {
        let message = format!("nothing is ordered at {}: {reason}", seen.directory);
        let finding = Finding::new(&codes::ORDER_NOT_A_TEST, &seen.directory, message);
        return vec![finding.expected("a staging directory, or one at a private address")];
    }
    vec![match &seen.meta {
        Some(Sight::Fault(fault)) => Finding::fault(&seen.directory, fault),
        Some(Sight::Seen(meta)) if meta.known_accounts_only => {
            let message = "the directory opens no account for whom it does not know beforehand";
            Finding::new(&codes::ORDER_ACCOUNT, &seen.directory, message)
                .expected("a directory that opens accounts freely")
                .actual("externalAccountRequired")
        }
        Some(Sight::Seen(Meta { terms: Some(terms), .. })) if !order.agree_terms => {
            let message = format!("the directory asks you to agree to its terms: {terms}");
            Finding::new(&codes::ORDER_TERMS, &seen.directory, message)
                .expected("order: { agree_terms: true }, once they are read")
        }
        Some(Sight::Seen(_)) | None => {
            let message = format!("would {}{}", plan(acme, order), last(seen, cx));
            Finding::new(&codes::ORDER_NOT_MADE, &seen.directory, message)
        }
    }]
}

/// The order that is to be made, when one is.
pub(in crate::probe::acme) fn propose(
    acme: &Acme,
    order: &TestOrder,
    seen: &OrderSeen,
) -> Option<Change> {
    let Some(Sight::Seen(meta)) = &seen.meta else { return None };
    let agreed = meta.terms.is_none() || order.agree_terms;
    let may = seen.refused.is_none() && agreed && !meta.known_accounts_only;
    (may && seen.made.is_none()).then(|| Change(plan(acme, order)))
}

fn plan(acme: &Acme, order: &TestOrder) -> String {
    format!(
        "order a test certificate for {} at {}, answering http-01 {}",
        acme.base(),
        order.directory.shown(),
        order.answering()
    )
}

/// A word about the last order of an earlier run, where it failed or is too old.
fn last(seen: &OrderSeen, cx: &JudgeCx) -> String {
    let Some(made) = &seen.before else { return String::new() };
    let ago = days(cx.now.duration_since(made.at));
    match &made.end {
        OrderEnd::Issued(_) => format!("; the last went through {ago} ago"),
        OrderEnd::Refused { problem, .. } => {
            format!("; the last, {ago} ago, was refused: {}", words(problem))
        }
        OrderEnd::NotOffered(_) => format!("; the last, {ago} ago, was not offered http-01"),
    }
}

/// How an order ended.
fn ended(order: &TestOrder, made: &Made, cx: &JudgeCx) -> Finding {
    match &made.end {
        OrderEnd::Issued(issued) => certificate(order, made, issued, cx),
        OrderEnd::Refused { stage, problem } => {
            let message =
                format!("the order was refused while {}: {}", stage.doing(), words(problem));
            let finding = Finding::new(code(*stage, problem), &made.directory, one_line(&message));
            finding.expected("a certificate").actual(brief(problem))
        }
        OrderEnd::NotOffered(kinds) => {
            let message = "the authority does not offer http-01 for the name";
            let finding = Finding::new(&codes::ORDER_NOT_OFFERED, &made.directory, message);
            finding.expected("http-01").actual(one_line(&kinds.join(", ")))
        }
    }
}

/// Judges a certificate that was issued: the right one, and good now.
fn certificate(order: &TestOrder, made: &Made, issued: &Issued, cx: &JudgeCx) -> Finding {
    let got = &issued.certificate;
    let bad = |expected: String, actual: String, message: String| {
        Finding::new(&codes::ORDER_CERTIFICATE, &made.directory, message)
            .expected(expected)
            .actual(one_line(&actual))
    };
    if issued.other_name.is_some() {
        let message = format!("the certificate that was issued is not for {}", made.name);
        return bad(made.name.clone(), got.names.join(", "), message);
    }
    if let Some(extra) = got.names.iter().find(|name| !name.eq_ignore_ascii_case(&made.name)) {
        let message = format!("the certificate that was issued is for {extra} as well");
        return bad(made.name.clone(), got.names.join(", "), one_line(&message));
    }
    if issued.key == Pair::Differs {
        let message = "the certificate that was issued is for another key than it was asked with";
        return bad("the key of the request".to_owned(), "another".to_owned(), message.to_owned());
    }
    if let Path::Broken { reason, .. } = &issued.path {
        let sent = count(issued.sent, "certificate");
        let message =
            format!("the certificate that was issued leads to none sent with it: {reason}");
        return bad(
            "its issuer sent with it".to_owned(),
            format!("{sent} sent"),
            one_line(&message),
        );
    }
    let life = format!("{} to {}", when(got.not_before), when(got.not_after));
    if made.at < earlier(got.not_before, SKEW) || later(got.not_after, SKEW) < made.at {
        let message = "the certificate that was issued is not valid at once".to_owned();
        return bad(format!("valid at {}", when(made.at)), life, message);
    }
    let ago = match cx.now.duration_since(made.at) {
        ago if ago.as_secs() < 60 => String::new(),
        ago => format!(" {} ago, and counts for {}", days(ago), order.valid_for),
    };
    let took = Span::from_millis(made.millis);
    let asked = match made.asked_by.len() {
        0 => String::new(),
        n => format!(", asked for from {}", count(n, "address")),
    };
    let message = format!(
        "a test order went through{ago}: proved by http-01{asked}, issued in {took} for {} by {}, \
         thrown away",
        days(got.not_after.duration_since(got.not_before)),
        got.issuer
    );
    Finding::new(&codes::ORDER_OK, &made.directory, one_line(&message)).actual(life)
}

/// What could not be cleaned up.
fn left(made: &Made) -> Option<Finding> {
    (!made.left.is_empty()).then(|| {
        let left = one_line(&made.left.join("; "));
        let message = format!("the order left something behind: {left}");
        Finding::new(&codes::ORDER_LEFTOVER, &made.directory, message).expected("nothing left")
    })
}

/// A problem in a line for a person.
pub(super) fn words(problem: &Problem) -> String {
    let mut words = said(problem);
    if let Some(seconds) = problem.retry_after {
        words.push_str(&format!("; try again after {}", Span::from_secs(seconds)));
    }
    words
}

/// A problem as short as can be: its type, or the status it came with.
pub(super) fn brief(problem: &Problem) -> String {
    match (problem.kind.as_str(), problem.status) {
        ("", 0) => "no reason given".to_owned(),
        ("", status) => format!("HTTP {status}"),
        (kind, _) => kind.to_owned(),
    }
}

/// What the authority said: the causes themselves, where there are several.
fn said(problem: &Problem) -> String {
    let one = |kind: &str, detail: &str| match (kind, detail) {
        ("", "") => format!("HTTP {}", problem.status),
        ("", detail) => detail.to_owned(),
        (kind, "") => kind.to_owned(),
        (kind, detail) => format!("{kind}: {detail}"),
    };
    if problem.kind.is_empty() && problem.detail.is_empty() && problem.status == 0 {
        return "without a reason".to_owned();
    }
    if problem.parts.is_empty() {
        return one(&problem.kind, &problem.detail);
    }
    let parts: Vec<String> =
        problem.parts.iter().map(|part| one(&part.kind, &part.detail)).collect();
    one_line(&parts.join(" · "))
}

/// What a refusal means (RFC 8555 §6.7). Where there are several causes the first decides.
fn code(stage: Stage, problem: &Problem) -> &'static Code {
    let kind = problem.parts.first().map_or(problem.kind.as_str(), |part| part.kind.as_str());
    match (kind, stage) {
        ("rateLimited", _) => &codes::ORDER_RATE_LIMITED,
        ("connection" | "tls", _) => &codes::ORDER_CONNECTION,
        ("incorrectResponse", _) | ("unauthorized", Stage::Proof | Stage::Issue) => {
            &codes::ORDER_WRONG_ANSWER
        }
        ("dns", _) => &codes::ORDER_DNS,
        ("caa", _) => &codes::ORDER_CAA,
        ("rejectedIdentifier" | "unsupportedIdentifier", _) => &codes::ORDER_NAME,
        (
            "externalAccountRequired"
            | "userActionRequired"
            | "accountDoesNotExist"
            | "invalidContact"
            | "unsupportedContact"
            | "unauthorized",
            _,
        ) => &codes::ORDER_ACCOUNT,
        ("serverInternal", _) => &codes::ORDER_AUTHORITY,
        ("", Stage::Proof | Stage::Issue) if problem.status < 400 => &codes::ORDER_INVALID,
        _ if problem.status == 429 => &codes::ORDER_RATE_LIMITED,
        _ if problem.status >= 500 => &codes::ORDER_AUTHORITY,
        _ => &codes::ORDER_NOT_UNDERSTOOD,
    }
}

/// A word for the table, where all is well.
pub(in crate::probe::acme) fn summary(seen: &OrderSeen, cx: &JudgeCx) -> String {
    let Some(made) = &seen.made else { return String::new() };
    let OrderEnd::Issued(issued) = &made.end else { return "; a test order failed".to_owned() };
    let ago = match cx.now.duration_since(made.at) {
        ago if ago.as_secs() < 60 => String::new(),
        ago => format!(" {} ago", days(ago)),
    };
    let life = issued.certificate.not_after.duration_since(issued.certificate.not_before);
    format!("; a test order went through{ago}, for {}", days(life))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::acme::Part;

    fn problem(kind: &str, status: u16, parts: &[&str]) -> Problem {
        let part = |kind: &&str| Part { kind: (*kind).to_owned(), detail: "because".to_owned() };
        Problem {
            kind: kind.to_owned(),
            status,
            detail: String::new(),
            retry_after: None,
            parts: parts.iter().map(part).collect(),
        }
    }

    #[test]
    fn every_refusal_has_its_meaning() {
        for (kind, status, stage, id) in [
            ("rateLimited", 429, Stage::Order, "acme.order-rate-limited"),
            ("", 429, Stage::Account, "acme.order-rate-limited"),
            ("connection", 400, Stage::Proof, "acme.order-connection"),
            ("tls", 400, Stage::Proof, "acme.order-connection"),
            ("unauthorized", 403, Stage::Proof, "acme.order-wrong-answer"),
            ("incorrectResponse", 403, Stage::Proof, "acme.order-wrong-answer"),
            ("unauthorized", 403, Stage::Account, "acme.order-account"),
            ("dns", 400, Stage::Proof, "acme.order-dns"),
            ("caa", 403, Stage::Issue, "acme.order-caa"),
            ("rejectedIdentifier", 400, Stage::Order, "acme.order-name-rejected"),
            ("externalAccountRequired", 403, Stage::Account, "acme.order-account"),
            ("userActionRequired", 403, Stage::Order, "acme.order-account"),
            ("serverInternal", 500, Stage::Issue, "acme.order-authority"),
            ("", 503, Stage::Order, "acme.order-authority"),
            ("", 0, Stage::Proof, "acme.order-invalid"),
            ("malformed", 400, Stage::Order, "acme.order-not-understood"),
            ("badCSR", 403, Stage::Issue, "acme.order-not-understood"),
            ("badNonce", 400, Stage::Order, "acme.order-not-understood"),
            ("somethingNew", 400, Stage::Order, "acme.order-not-understood"),
        ] {
            assert_eq!(code(stage, &problem(kind, status, &[])).id, id, "{kind} {status}");
        }
        let both = problem("compound", 403, &["caa", "dns"]);
        assert_eq!(code(Stage::Issue, &both).id, "acme.order-caa");
        assert_eq!(words(&both), "caa: because · dns: because");
        let later = Problem { retry_after: Some(90), ..problem("rateLimited", 429, &[]) };
        assert_eq!(words(&later), "rateLimited; try again after 1m30s");
        assert_eq!(words(&problem("", 0, &[])), "without a reason");
        assert_eq!(words(&problem("", 503, &[])), "HTTP 503");
    }
}
