//! The judgement: what authorities and resolvers said, against what should be.

mod answer;
mod fold;
mod zone;

use super::codes;
use super::observation::{Asked, DnsSeen, QuestionSeen, ResolverSeen};
use super::param::Question;
use super::{Dns, JudgeCx};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::time::humane;
use crate::net::dns::{Answer, Flag, Type, canonical};

pub(super) fn judge(dns: &Dns, seen: &DnsSeen, _cx: &JudgeCx) -> Vec<Finding> {
    let with_address = names_with_address(seen);
    let mut findings = Vec::new();
    for question in &seen.questions {
        let truth = Truth::of(dns, question, with_address.contains(&question.name.as_str()));
        zone::judge(dns, question, &truth, &mut findings);
        if question.asked == Asked::Yes {
            for told in &question.resolvers {
                answer::judge(dns, question, told, &truth, &mut findings);
            }
        }
    }
    for resolver in &seen.resolvers {
        judge_resolver(dns, resolver, &mut findings);
    }
    fold::fold(findings)
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
}

impl Truth {
    fn of(dns: &Dns, question: &QuestionSeen, has_address: bool) -> Self {
        let written = question.name.parse().ok().and_then(|name| {
            dns.records.get(&Question { name, kind: question.kind })
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
        .filter(|question| question.kind == Type::A)
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

/// One resolver as a whole: speed, and whether it answers from its cache.
fn judge_resolver(dns: &Dns, resolver: &ResolverSeen, findings: &mut Vec<Finding>) {
    if let Some(fault) = &resolver.fault {
        findings.push(Finding::fault(&resolver.server, fault));
    }
    let ms = |millis: f64| humane(std::time::Duration::from_secs_f64(millis / 1000.0));
    if let Some(most) = dns.max_latency {
        let slowest = [&resolver.cold, &resolver.warm].into_iter().flatten();
        let slowest = slowest.map(|latency| latency.max).fold(0.0, f64::max);
        if slowest > most.get().as_secs_f64() * 1000.0 {
            let message = format!("the slowest answer took {}", ms(slowest));
            findings.push(
                Finding::new(&codes::SLOW, &resolver.server, message)
                    .expected(format!("at most {most}"))
                    .actual(ms(slowest)),
            );
        }
    }
    let Some(warm) = &dns.warm else { return };
    if let (Some(most), Some(latency)) = (warm.p95, &resolver.warm)
        && latency.p95 > most.get().as_secs_f64() * 1000.0
    {
        let message = format!("95 of 100 warm answers took up to {}", ms(latency.p95));
        findings.push(
            Finding::new(&codes::SLOW, &resolver.server, message)
                .expected(format!("at most {most}"))
                .actual(format!("{} over {} answers", ms(latency.p95), latency.n)),
        );
    }
    if let (Some(least), Some(ratio)) = (warm.hit_ratio, resolver.hit_ratio)
        && ratio < least.get()
    {
        findings.push(not_warm(resolver, ratio, least.get()));
    }
}

fn not_warm(resolver: &ResolverSeen, ratio: f64, least: f64) -> Finding {
    let percent = |share: f64| format!("{:.0}%", share * 100.0);
    // What proves neither may all be hits: then nothing is known.
    let unproved = resolver.unproved_ratio.unwrap_or_default();
    let code = if ratio + unproved >= least { &codes::UNPROVED } else { &codes::NOT_WARM };
    let message = format!(
        "{} of the warm answers are proved to come from the cache, {} prove nothing",
        percent(ratio),
        percent(unproved)
    );
    Finding::new(code, &resolver.server, message)
        .expected(format!("at least {}", percent(least)))
        .actual(percent(ratio))
}

/// `SERVER NAME TYPE`.
fn target(server: &str, question: &QuestionSeen) -> String {
    format!("{server} {} {}", question.name, question.kind)
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
