//! What one resolver said to one question.

use super::super::codes;
use super::super::observation::{QuestionSeen, ResolverTold};
use super::{Dns, JudgeCx, Truth, comparable, may_be_absent, no_data, shown, target};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::net::dns::{Answer, Ede, Flag, Rcode};

/// More aliases than this are too many.
pub(super) const LONG_CHAIN: usize = 8;

pub(super) fn judge(
    dns: &Dns,
    cx: &JudgeCx,
    question: &QuestionSeen,
    told: &ResolverTold,
    truth: &Truth,
    findings: &mut Vec<Finding>,
) {
    let target = target(&told.server, question);
    let cold = match (told.cold.seen(), told.cold.fault()) {
        (Some(answer), _) => answer,
        (None, Some(fault)) => return findings.push(Finding::fault(target, fault)),
        (None, None) => return,
    };
    if let Some(unchecked) = told.unchecked.as_ref().filter(|answer| answer.is_positive()) {
        findings.push(bogus(target, cold, unchecked));
        return;
    }
    let before = findings.len();
    judge_answer(dns, cx, question, cold, truth, &target, findings);
    // A resolver with several caches shows another one when asked again; the worst is told.
    let changed = told.warm.iter().flat_map(|warm| &warm.changed).map(|warm| {
        let mut found = Vec::new();
        judge_answer(dns, cx, question, warm, truth, &target, &mut found);
        found
    });
    let worse = changed.max_by_key(|found| worst(found)).unwrap_or_default();
    if worst(&worse) > worst(&findings[before..]) {
        findings.extend(worse);
    }
    if findings.len() == before {
        let ttl = cold.ttl.map(|ttl| format!(", TTL {ttl}")).unwrap_or_default();
        findings.push(Finding::new(&codes::OK, target, format!("{}{ttl}", shown(&cold.records))));
    }
}

fn worst(findings: &[Finding]) -> Option<Outcome> {
    findings.iter().map(|finding| finding.outcome).max()
}

fn judge_answer(
    dns: &Dns,
    cx: &JudgeCx,
    question: &QuestionSeen,
    answer: &Answer,
    truth: &Truth,
    target: &str,
    findings: &mut Vec<Finding>,
) {
    if let Some(finding) = failure(answer, target) {
        findings.push(finding);
        return;
    }
    let none_wanted = truth.expected.as_ref().is_some_and(Vec::is_empty);
    if answer.is_loop() {
        let message = format!("the aliases lead in a circle: {}", answer.chain_text());
        findings.push(Finding::new(&codes::CNAME_LOOP, target, message));
    } else if answer.records.is_empty() && !none_wanted {
        findings.push(absence(question, answer, truth, target));
    } else if let Some(finding) = difference(question, answer, truth, target) {
        findings.push(finding);
    }
    findings.extend(ttl_too_long(dns, answer, target, "it keeps").map(|finding| {
        // What the zone serves is short enough, so this is the rest of a longer TTL.
        match answer.expires().filter(|end| zone_is_short(dns, truth) && *end < cx.launch) {
            Some(end) => {
                let end = end.strftime("%Y-%m-%d %H:%M:%S");
                let message =
                    format!("{}; it runs out at {end} UTC, before the launch", finding.message);
                Finding { message, ..finding }.with_outcome(Outcome::Warn)
            }
            None => finding,
        }
    }));
    if answer.chain.len() > LONG_CHAIN {
        findings.push(long_chain(target.to_owned(), answer));
    }
    if let Some(ede) = answer.stale() {
        let message = format!("it serves an answer that has expired: {}", ede.describe());
        findings.push(Finding::new(&codes::EXPIRED_ANSWER, target, message));
    }
}

/// Whether every authority serves TTLs within the limit.
fn zone_is_short(dns: &Dns, truth: &Truth) -> bool {
    let most = dns.max_ttl.map(|most| most.get().as_secs());
    !truth.served.is_empty()
        && truth.served.iter().all(|served| served.longest_ttl.map(u64::from) <= most)
}

/// The resolver has the records, but does not believe their signatures.
fn bogus(target: String, cold: &Answer, unchecked: &Answer) -> Finding {
    let words: Vec<String> = cold.ede.iter().map(Ede::describe).collect();
    let why = if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
    let message = format!("it rejects the signatures (SERVFAIL, but answers with CD=1){why}");
    Finding::new(&codes::BOGUS, target, message)
        .expected("signatures that hold")
        .actual(format!("{} unverified", shown(&unchecked.records)))
}

/// A response code that is no answer.
pub(super) fn failure(answer: &Answer, target: &str) -> Option<Finding> {
    let words: Vec<String> = answer.ede.iter().map(Ede::describe).collect();
    let why = if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
    let rcode = answer.rcode;
    let blocked = answer.ede.iter().any(|ede| matches!(ede.code, 15..=18));
    let (code, message) = if blocked && !answer.is_positive() {
        (&codes::BLOCKED, format!("it blocks the name ({rcode}{why})"))
    } else if answer.has(Flag::Tc) {
        (&codes::ERROR_ANSWER, "the answer is cut short even over TCP".to_owned())
    } else {
        match rcode {
            Rcode::NOERROR | Rcode::NXDOMAIN => return None,
            Rcode::SERVFAIL => (&codes::SERVFAIL, format!("it found no answer (SERVFAIL){why}")),
            Rcode::REFUSED => (&codes::REFUSED, format!("it refuses to answer (REFUSED){why}")),
            other => (&codes::ERROR_ANSWER, format!("it answers {other}{why}")),
        }
    };
    Some(Finding::new(code, target, message).actual(rcode.to_string()))
}

/// No records where some are wanted.
fn absence(question: &QuestionSeen, answer: &Answer, truth: &Truth, target: &str) -> Finding {
    let kept = answer
        .soa
        .as_ref()
        .map(|soa| format!(", and keeps that for {} s", soa.negative_ttl))
        .unwrap_or_default();
    let finding = match (answer.rcode, answer.chain.is_empty()) {
        (Rcode::NXDOMAIN, true) => Finding::new(
            &codes::NXDOMAIN,
            target,
            format!("it says that there is no such name (NXDOMAIN){kept}"),
        ),
        (Rcode::NXDOMAIN, false) => Finding::new(
            &codes::DANGLING_CNAME,
            target,
            format!("the alias leads to nothing: {}", answer.chain_text()),
        ),
        _ => {
            let absent = may_be_absent(question, truth);
            let message = if absent {
                format!("no {} record; the name has an A record", question.kind)
            } else {
                format!("it has the name, but no {} record{kept}", question.kind)
            };
            no_data(target.to_owned(), message, absent)
        }
    };
    match (&truth.expected, truth.served.iter().find(|served| !served.records.is_empty())) {
        (Some(_), _) => finding.expected(truth.written.clone()),
        (None, Some(served)) => {
            finding.expected(format!("{} (authority {})", served.shown, served.server))
        }
        (None, None) => finding,
    }
    .actual(answer.rcode.to_string())
}

/// Records that are not the expected ones, or not the authority's.
fn difference(
    question: &QuestionSeen,
    answer: &Answer,
    truth: &Truth,
    target: &str,
) -> Option<Finding> {
    if truth.expected.is_none() && truth.served.is_empty() {
        return None;
    }
    let records = comparable(question.kind, &answer.records);
    let ttl = answer.ttl.map(|ttl| format!(" (TTL {ttl})")).unwrap_or_default();
    let actual = format!("{}{ttl}", shown(&answer.records));
    let by_authority = truth.served.iter().any(|served| match &served.alias {
        Some(alias) => answer.chain.first().is_some_and(|link| link.to == *alias),
        None => served.records == records,
    });
    let (code, message, expected) = match &truth.expected {
        Some(expected) if *expected == records => return None,
        // The zone is right already, so this is an old answer.
        Some(expected) if truth.served.iter().any(|served| served.records == *expected) => {
            (&codes::STALE_ANSWER, format!("it still answers {actual}"), truth.written.clone())
        }
        Some(_) => (&codes::WRONG_ANSWER, format!("it answers {actual}"), truth.written.clone()),
        None if by_authority => return None,
        None => {
            let served = truth.served.first()?;
            let shown = served.alias.as_ref().unwrap_or(&served.shown);
            (
                &codes::STALE_ANSWER,
                format!(
                    "it still answers {}, the zone says {shown}",
                    super::shown(&answer.records)
                ),
                format!("{shown} (authority {})", served.server),
            )
        }
    };
    Some(Finding::new(code, target, message).expected(expected).actual(actual))
}

/// A TTL above what is allowed, on any link of the way.
pub(super) fn ttl_too_long(dns: &Dns, answer: &Answer, target: &str, who: &str) -> Option<Finding> {
    let most = dns.max_ttl?;
    let longest = answer.longest_ttl?;
    if u64::from(longest) <= most.get().as_secs() {
        return None;
    }
    let link = answer.chain.iter().find(|link| link.ttl == longest);
    let of =
        link.map_or_else(|| "the record".to_owned(), |link| format!("the alias {}", link.name));
    Some(
        Finding::new(&codes::TTL_TOO_LONG, target, format!("{who} {of} for {longest} s"))
            .expected(format!("at most {most}"))
            .actual(format!("TTL {longest}")),
    )
}

pub(super) fn long_chain(target: String, answer: &Answer) -> Finding {
    let message = format!("{} aliases lead to the answer", answer.chain.len());
    Finding::new(&codes::LONG_CHAIN, target, message)
        .expected(format!("at most {LONG_CHAIN}"))
        .actual(answer.chain_text())
}
