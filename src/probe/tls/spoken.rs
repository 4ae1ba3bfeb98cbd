//! Judging how a server speaks TLS: protocols, versions, suites, resumption and early data.

use super::contact::Case;
use super::seen::{Accepted, Offered, Reply};
use super::{EarlyData, Resumption, codes};
use crate::model::code::Code;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::net::tls_resume::{self, Resumed, Second};

/// Judges everything that was asked for.
pub(super) fn judge(case: Case<'_>, accepted: &Accepted) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &accepted.resumed {
        None => {}
        Some(Sight::Fault(fault)) => findings.push(Finding::fault(case.target, fault)),
        Some(Sight::Seen(second)) => findings.extend(second_handshake(case, *second)),
    }
    findings.extend(taken(case, &accepted.alpn, &codes::ALPN_REFUSED, &codes::ALPN_OK));
    findings.extend(taken(case, &accepted.suites, &codes::SUITE_REFUSED, &codes::SUITES_OK));
    findings.extend(versions(case, &accepted.versions));
    findings
}

fn second_handshake(case: Case<'_>, second: Second) -> Vec<Finding> {
    let mut findings = Vec::new();
    if case.tls.resumption == Resumption::Want {
        let (code, message) = match second.resumed {
            Resumed::Yes => (&codes::RESUMED, "the second handshake was a resumed one"),
            Resumed::No => {
                (&codes::NOT_RESUMED, "the second handshake was a full one, in spite of a ticket")
            }
            Resumed::NotOffered => {
                (&codes::NOT_RESUMED, "the server offers nothing to resume a session with")
            }
        };
        findings.push(Finding::new(code, case.target, message));
    }
    if case.tls.early_data == EarlyData::Refuse {
        findings.push(match second.early_data {
            tls_resume::EarlyData::Accepted => {
                let message = "the server takes data before the handshake is done (0-RTT)";
                let finding = Finding::new(&codes::EARLY_DATA, case.target, message);
                finding.expected("no early data").actual("early data accepted")
            }
            tls_resume::EarlyData::NotAccepted => {
                let message = "the server takes no data before the handshake is done";
                Finding::new(&codes::NO_EARLY_DATA, case.target, message)
            }
        });
    }
    findings
}

/// Each of the offers must have been taken.
fn taken(
    case: Case<'_>,
    offers: &[Offered],
    refused: &'static Code,
    ok: &'static Code,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for offer in offers {
        match &offer.sight {
            Sight::Seen(Reply::Taken) => {}
            Sight::Seen(Reply::NotTaken(words)) => {
                let message = format!("the server does not take {}: {words}", offer.what);
                let finding = Finding::new(refused, case.target, message);
                findings.push(finding.expected(offer.what.clone()).actual(words.clone()));
            }
            Sight::Fault(fault) => findings.push(Finding::fault(case.target, fault)),
        }
    }
    if findings.is_empty() && !offers.is_empty() {
        let all: Vec<&str> = offers.iter().map(|offer| offer.what.as_str()).collect();
        let message = format!("the server takes {}", all.join(", "));
        findings.push(Finding::new(ok, case.target, message));
    }
    findings
}

/// The versions named must be taken, and the others must not.
fn versions(case: Case<'_>, offers: &[Offered]) -> Vec<Finding> {
    let wanted = |what: &str| case.tls.versions.iter().any(|version| version.as_str() == what);
    let list = |want: bool| {
        let named = offers.iter().filter(|offer| wanted(&offer.what) == want);
        named.map(|offer| offer.what.clone()).collect::<Vec<_>>().join(", ")
    };
    let mut findings = Vec::new();
    for Offered { what, sight } in offers {
        let (code, message, actual) = match (sight, wanted(what)) {
            (Sight::Seen(Reply::Taken), true) | (Sight::Seen(Reply::NotTaken(_)), false) => {
                continue;
            }
            (Sight::Seen(Reply::Taken), false) => {
                let message = format!("the server still speaks {what}");
                (&codes::VERSION_ACCEPTED, message, format!("{what} accepted"))
            }
            (Sight::Seen(Reply::NotTaken(words)), true) => {
                let message = format!("the server does not speak {what}: {words}");
                (&codes::VERSION_REFUSED, message, words.clone())
            }
            (Sight::Fault(fault), _) => {
                findings.push(Finding::fault(case.target, fault));
                continue;
            }
        };
        let finding = Finding::new(code, case.target, message);
        findings.push(finding.expected(format!("{} and no other", list(true))).actual(actual));
    }
    if findings.is_empty() && !offers.is_empty() {
        let message = match list(false) {
            none if none.is_empty() => format!("the server speaks {}", list(true)),
            others => format!("the server speaks {}, and not {others}", list(true)),
        };
        findings.push(Finding::new(&codes::VERSIONS_OK, case.target, message));
    }
    findings
}
