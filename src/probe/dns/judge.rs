//! The judgement: what authorities and resolvers said, against what should be.

mod address;
mod alias;
mod answer;
mod delegation;
mod fold;
mod region;
pub(super) mod resolver;
mod signature;
mod zone;

use super::codes;
use super::observation::{Asked, DnsSeen, QuestionSeen};
use super::param::Question;
use super::{Dns, JudgeCx, ProbeCx};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::net::dns::{Answer, Flag, Type, canonical};

pub(super) fn judge(dns: &Dns, seen: &DnsSeen, cx: &JudgeCx) -> Vec<Finding> {
    let with_address = names_with_address(seen);
    let mut findings = Vec::new();
    for question in &seen.questions {
        let truth = Truth::of(dns, question, with_address.contains(&question.name.as_str()));
        if question.region.is_some() {
            region::judge(seen, question, &truth, &mut findings);
            continue;
        }
        zone::judge(dns, cx, question, &truth, &mut findings);
        address::judge(dns, seen, question, &mut findings);
        if question.asked == Asked::Yes {
            for told in &question.resolvers {
                answer::judge(dns, cx, question, told, &truth, &mut findings);
            }
        }
    }
    alias::judge(seen, &mut findings);
    for zone in &seen.zones {
        delegation::judge(zone, &mut findings);
    }
    for resolver in &seen.resolvers {
        resolver::judge(dns, cx, seen, resolver, &mut findings);
    }
    fold::fold(findings)
}

/// Whether every authority and resolver that answered has the right records by now. What could
/// not be learnt, and what is wrong otherwise, no waiting mends.
pub(super) fn is_propagated(dns: &Dns, seen: &DnsSeen, cx: &ProbeCx) -> bool {
    let cx = JudgeCx { now: cx.clock.now(), ..cx.times };
    let waited_for = [
        &codes::NXDOMAIN,
        &codes::NO_DATA,
        &codes::WRONG_ANSWER,
        &codes::STALE_ANSWER,
        &codes::WRONG_REGION,
        &codes::AUTHORITY_DISAGREES,
        &codes::SERIAL_DIFFERS,
    ];
    !judge(dns, seen, &cx).iter().any(|finding| {
        finding.outcome >= Outcome::Warn && waited_for.iter().any(|code| code.id == finding.code)
    })
}

/// What is known to be right about one question.
struct Truth {
    /// The records expected, in the form of comparison.
    expected: Option<Vec<String>>,
    /// The records as the user wrote them.
    written: String,
    /// The answers given with authority: who, and what in the form of comparison.
    served: Vec<Served>,
    /// Whether the name has an A record, so that a missing AAAA is no fault.
    has_address: bool,
}

/// What an authority serves.
struct Served {
    server: String,
    records: Vec<String>,
    shown: String,
    /// The first alias where the authority does not know the end.
    alias: Option<String>,
    /// The longest TTL on the way.
    longest_ttl: Option<u32>,
}

impl Truth {
    fn of(dns: &Dns, question: &QuestionSeen, has_address: bool) -> Self {
        let records = match &question.region {
            None => Some(&dns.records),
            Some(label) => dns.client_subnet.get(label).map(|region| &region.records),
        };
        let written = records.filter(|records| !records.is_empty()).and_then(|records| {
            let name = question.name.parse().ok()?;
            records.get(&Question { name, kind: question.kind })
        });
        let served = question
            .authorities
            .iter()
            .filter_map(|told| told.answer.seen().map(|answer| (told, answer)))
            .filter(|(_, answer)| answer.has(Flag::Aa))
            .map(|(told, answer)| Served {
                server: told.server.clone(),
                records: comparable(question.kind, &answer.records),
                shown: shown(&answer.records),
                longest_ttl: answer.longest_ttl,
                alias: if answer.records.is_empty() {
                    answer.chain.first().map(|link| link.to.clone())
                } else {
                    None
                },
            })
            .collect();
        Self {
            expected: written.map(|values| comparable(question.kind, values)),
            written: written.map(|values| shown(values)).unwrap_or_default(),
            served,
            has_address,
        }
    }
}

/// The names with an A record, by an authority's or a resolver's word.
fn names_with_address(seen: &DnsSeen) -> std::collections::HashSet<&str> {
    seen.questions
        .iter()
        .filter(|question| question.kind == Type::A && question.region.is_none())
        .filter(|question| {
            let authorities = question.authorities.iter().filter_map(|told| told.answer.seen());
            let resolvers = question.resolvers.iter().filter_map(|told| told.cold.seen());
            authorities.chain(resolvers).any(Answer::is_positive)
        })
        .map(|question| question.name.as_str())
        .collect()
}

/// Records in the form of comparison, as a set.
fn comparable(kind: Type, records: &[String]) -> Vec<String> {
    let mut records: Vec<String> = records
        .iter()
        .map(|record| canonical(kind, record).unwrap_or_else(|_| record.clone()))
        .collect();
    records.sort_unstable();
    records.dedup();
    records
}

/// Records for a person.
fn shown(records: &[String]) -> String {
    if records.is_empty() {
        "no records".to_owned()
    } else {
        crate::model::text::one_line(&records.join(", "))
    }
}

/// `NAME TYPE`, and on whose behalf.
fn about(question: &QuestionSeen) -> String {
    let region = question.region.as_ref().map(|label| format!(" for {label}"));
    format!("{} {}{}", question.name, question.kind, region.unwrap_or_default())
}

/// `SERVER NAME TYPE`.
fn target(server: &str, question: &QuestionSeen) -> String {
    format!("{server} {}", about(question))
}

/// Whether a missing record of this type is no fault.
fn may_be_absent(question: &QuestionSeen, truth: &Truth) -> bool {
    question.kind == Type::Aaaa && truth.has_address && truth.expected.is_none()
}

/// A finding of absence, unless it is no fault.
fn no_data(target: String, message: String, absent: bool) -> Finding {
    let finding = Finding::new(&codes::NO_DATA, target, message);
    if absent { finding.with_outcome(Outcome::NotApplicable) } else { finding }
}

#[cfg(test)]
mod tests;
