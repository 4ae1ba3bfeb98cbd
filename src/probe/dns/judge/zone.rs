//! What the authorities said: whether they are authorities, agree, and have the records.

use super::super::codes;
use super::super::observation::{Asked, AuthorityTold, QuestionSeen};
use super::{Dns, JudgeCx, Truth, may_be_absent, no_data, shown, target};
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::net::dns::{Answer, Ede, Flag, Rcode};

pub(super) fn judge(
    dns: &Dns,
    cx: &JudgeCx,
    question: &QuestionSeen,
    truth: &Truth,
    findings: &mut Vec<Finding>,
) {
    let before = findings.len();
    judge_servers(question, findings);
    let Some((told, answer)) = valid(question).next() else {
        if findings.len() == before && question.asked == Asked::AuthorityUnknown {
            let fault = Fault::Name {
                name: question.name.clone(),
                reason: "no authority for it was found".to_owned(),
            };
            findings.push(Finding::fault(target("authority", question), &fault));
        }
        return;
    };
    if let Some(finding) = disagreement(question, truth) {
        findings.push(finding);
    } else {
        findings.extend(ttl_disagreement(question, truth));
        judge_content(dns, cx, question, truth, told, answer, findings);
    }
    if findings.len() == before && question.asked == Asked::Yes {
        let ttl = answer.ttl.map(|ttl| format!(", TTL {ttl}")).unwrap_or_default();
        let what = if leads_out(answer) { answer.chain_text() } else { shown(&answer.records) };
        let message = format!("{what}{ttl}");
        let server = if truth.served.len() == 1 {
            told.server.clone()
        } else {
            format!("{} authorities", truth.served.len())
        };
        findings.push(Finding::new(&codes::OK, target(&server, question), message));
    }
}

fn valid(question: &QuestionSeen) -> impl Iterator<Item = (&AuthorityTold, &Answer)> {
    question
        .authorities
        .iter()
        .filter_map(|told| told.answer.seen().map(|answer| (told, answer)))
        .filter(|(_, answer)| answer.has(Flag::Aa))
}

/// Whether the servers answer as authorities at all.
pub(super) fn judge_servers(question: &QuestionSeen, findings: &mut Vec<Finding>) {
    for told in &question.authorities {
        judge_server(question, told, findings);
    }
}

/// Whether one server answers as an authority at all.
fn judge_server(question: &QuestionSeen, told: &AuthorityTold, findings: &mut Vec<Finding>) {
    let target = target(&told.server, question);
    if let Some(fault) = told.answer.fault() {
        findings.push(Finding::fault(target, fault));
        return;
    }
    let Some(answer) = told.answer.seen().filter(|answer| !answer.has(Flag::Aa)) else { return };
    let what = match &answer.referral {
        Some(zone) => format!("a referral to the servers of {zone}"),
        None if answer.records.is_empty() => answer.rcode.to_string(),
        None => shown(&answer.records),
    };
    let words: Vec<String> =
        std::iter::once(what.clone()).chain(answer.ede.iter().map(Ede::describe)).collect();
    let words = words.join(", ");
    findings.push(if answer.has(Flag::Ra) {
        let message = format!("a resolver answered in its place ({words})");
        Finding::new(&codes::INTERCEPTED, target, message)
            .expected("an answer with the AA flag")
            .actual("the RA flag and no AA flag")
    } else {
        let message = format!("it does not answer as an authority: {words}");
        Finding::new(&codes::LAME, target, message)
            .expected("an answer with the AA flag")
            .actual(what)
    });
}

/// The finding that authorities differ, with who says what.
fn disagreement(question: &QuestionSeen, truth: &Truth) -> Option<Finding> {
    let said: Vec<(&str, String, String)> = valid(question)
        .zip(&truth.served)
        .map(|((told, answer), served)| {
            let key = format!("{} {:?} {:?}", answer.rcode, served.alias, served.records);
            let words = if answer.rcode == Rcode::NOERROR {
                served
                    .alias
                    .as_ref()
                    .map_or_else(|| served.shown.clone(), |to| format!("CNAME {to}"))
            } else {
                answer.rcode.to_string()
            };
            (told.server.as_str(), key, words)
        })
        .collect();
    let (first, rest) = said.split_first()?;
    if rest.iter().all(|(_, key, _)| *key == first.1) {
        return None;
    }
    let mut groups: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (server, key, words) in &said {
        match groups.iter_mut().find(|(known, _, _)| known == key) {
            Some((_, _, servers)) => servers.push(server),
            None => groups.push((key, words, vec![server])),
        }
    }
    let words: Vec<String> = groups
        .iter()
        .map(|(_, words, servers)| format!("{} says {words}", servers.join(" and ")))
        .collect();
    let expected =
        if truth.expected.is_some() { truth.written.clone() } else { "one answer".into() };
    Some(
        Finding::new(&codes::AUTHORITY_DISAGREES, super::about(question), words.join("; "))
            .expected(expected)
            .actual(format!("{} different answers", groups.len())),
    )
}

/// The finding that authorities serve the same records with different TTLs.
fn ttl_disagreement(question: &QuestionSeen, truth: &Truth) -> Option<Finding> {
    let first = truth.served.first()?.longest_ttl?;
    if truth.served.iter().all(|served| served.longest_ttl == Some(first)) {
        return None;
    }
    let words: Vec<String> = truth
        .served
        .iter()
        .map(|served| format!("{} serves TTL {}", served.server, served.longest_ttl.unwrap_or(0)))
        .collect();
    let finding = Finding::new(&codes::TTL_DIFFERS, super::about(question), words.join("; "));
    Some(finding.expected("one TTL"))
}

/// What the authorities agree on.
fn judge_content(
    dns: &Dns,
    cx: &JudgeCx,
    question: &QuestionSeen,
    truth: &Truth,
    told: &AuthorityTold,
    answer: &Answer,
    findings: &mut Vec<Finding>,
) {
    let target = target(&told.server, question);
    let unasked = match question.asked {
        Asked::Yes => "",
        Asked::NotPublished | Asked::AuthorityUnknown => "; the resolvers were not asked",
    };
    if answer.is_loop() {
        let message = format!("the aliases lead in a circle: {}{unasked}", answer.chain_text());
        findings
            .push(Finding::new(&codes::CNAME_LOOP, target, message).actual(answer.chain_text()));
        return;
    }
    if leads_out(answer) {
        // The end is for the resolvers to tell.
        if question.resolvers.is_empty() {
            let message = format!("an alias out of the zone: {}", answer.chain_text());
            let finding = Finding::new(&codes::END_UNKNOWN, target, message);
            findings.push(finding.actual(answer.chain_text()));
            return;
        }
    } else if let Some(expected) = &truth.expected {
        let served = truth.served.first().map(|served| &served.records);
        let answers = matches!(answer.rcode, Rcode::NOERROR | Rcode::NXDOMAIN);
        if !answers || served != Some(expected) {
            let actual = if answer.rcode == Rcode::NOERROR {
                shown(&answer.records)
            } else {
                answer.rcode.to_string()
            };
            findings.push(
                Finding::new(
                    &codes::WRONG_ANSWER,
                    target,
                    format!("the zone says {actual}{unasked}"),
                )
                .expected(truth.written.clone())
                .actual(actual),
            );
            return;
        }
    } else if let Some(finding) = absence(question, truth, &target, answer, unasked) {
        findings.push(finding);
        return;
    }
    judge_ttl(dns, cx, answer, &target, findings);
    for (told, answer) in valid(question) {
        let target = super::target(&told.server, question);
        super::signature::judge(dns, cx, answer, target, findings);
    }
    if answer.chain.len() > super::answer::LONG_CHAIN {
        findings.push(super::answer::long_chain(target, answer));
    }
}

/// Whether the authority only has an alias to a name in somebody else's zone.
fn leads_out(answer: &Answer) -> bool {
    answer.rcode == Rcode::NOERROR
        && answer.records.is_empty()
        && !answer.chain.is_empty()
        && answer.soa.is_none()
}

fn absence(
    question: &QuestionSeen,
    truth: &Truth,
    target: &str,
    answer: &Answer,
    unasked: &str,
) -> Option<Finding> {
    if answer.is_positive() {
        return None;
    }
    let target = target.to_owned();
    let ede: Vec<String> = answer.ede.iter().map(Ede::describe).collect();
    match answer.rcode {
        Rcode::NXDOMAIN if answer.chain.is_empty() => {
            let message = format!("the zone has no such name (NXDOMAIN){unasked}");
            Some(Finding::new(&codes::NXDOMAIN, target, message))
        }
        Rcode::NXDOMAIN => {
            let message = format!("the alias leads to nothing: {}{unasked}", answer.chain_text());
            let finding = Finding::new(&codes::DANGLING_CNAME, target, message);
            Some(finding.actual(answer.chain_text()))
        }
        Rcode::NOERROR => {
            let absent = may_be_absent(question, truth);
            let message = if absent {
                format!("no {} record; the name has an A record", question.kind)
            } else {
                format!("the zone has the name, but no {} record{unasked}", question.kind)
            };
            Some(no_data(target, message, absent))
        }
        other => {
            let message = format!("the authority answers {other} {}", ede.join(", "));
            Some(Finding::new(&codes::ERROR_ANSWER, target, message.trim_end()))
        }
    }
}

/// A TTL above what is allowed, and by when it must be lowered for a change at the launch: one old
/// TTL before, since a resolver may ask in the last second.
fn judge_ttl(dns: &Dns, cx: &JudgeCx, answer: &Answer, target: &str, findings: &mut Vec<Finding>) {
    let found = super::answer::ttl_too_long(dns, answer, target, "the zone serves");
    let Some((finding, longest)) = found.zip(answer.longest_ttl) else { return };
    let ttl = jiff::SignedDuration::from_secs(i64::from(longest));
    let by = cx.launch.checked_sub(ttl).unwrap_or(cx.launch);
    let when = if cx.launch <= cx.now {
        String::new()
    } else if by < cx.now {
        "; lowered now, it is not short everywhere at the launch".to_owned()
    } else {
        format!("; lower it by {} UTC for a change at the launch", by.strftime("%Y-%m-%d %H:%M:%S"))
    };
    findings.push(Finding { message: format!("{}{when}", finding.message), ..finding });
}
