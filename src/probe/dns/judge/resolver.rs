//! One resolver as a whole: its speed, and for how long its cache is warm.

use std::time::Duration;

use jiff::Timestamp;

use super::super::codes;
use super::super::observation::{DnsSeen, ResolverSeen, Snooping};
use super::{Dns, JudgeCx};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;
use crate::model::time::{Span, humane};

pub(super) fn judge(
    dns: &Dns,
    cx: &JudgeCx,
    seen: &DnsSeen,
    resolver: &ResolverSeen,
    findings: &mut Vec<Finding>,
) {
    let before = findings.len();
    if let Some(fault) = &resolver.fault {
        findings.push(Finding::fault(&resolver.server, fault));
    }
    let slow = judge_speed(dns, resolver);
    if slow.is_empty() {
        findings.extend(judge_silence(dns, seen, resolver));
    }
    findings.extend(slow);
    judge_warmth(dns, cx, resolver, findings);
    if findings.len() == before && resolver.answered > 0 {
        findings.push(Finding::new(&codes::OK, &resolver.server, evidence(cx, resolver)));
    }
}

/// What answered too slowly.
fn judge_speed(dns: &Dns, resolver: &ResolverSeen) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(most) = dns.max_latency {
        let slowest = [&resolver.cold, &resolver.warm].into_iter().flatten();
        let slowest = slowest.map(|latency| latency.max).fold(0.0, f64::max);
        if slowest > millis(most) {
            let message = format!("the slowest answer took {}", ms(slowest));
            findings.push(
                Finding::new(&codes::SLOW, &resolver.server, message)
                    .expected(format!("at most {most}"))
                    .actual(ms(slowest)),
            );
        }
    }
    if let (Some(most), Some(latency)) = (p95(dns), &resolver.warm)
        && latency.p95 > millis(most)
    {
        let message = format!("95 of 100 warm answers took up to {}", ms(latency.p95));
        findings.push(
            Finding::new(&codes::SLOW, &resolver.server, message)
                .expected(format!("at most {most}"))
                .actual(format!("{} over {} answers", ms(latency.p95), latency.n)),
        );
    }
    findings
}

/// That it is not known how fast a resolver answers which was silent in the warm rounds.
fn judge_silence(dns: &Dns, seen: &DnsSeen, resolver: &ResolverSeen) -> Option<Finding> {
    let told = seen.questions.iter().flat_map(|question| &question.resolvers);
    let silent: u32 = told
        .filter(|told| told.server == resolver.server)
        .filter_map(|told| told.warm.as_ref())
        .map(|warm| warm.silent)
        .sum();
    let silent = silent as usize;
    let answered = resolver.warm.map_or(0, |latency| latency.n);
    let all = silent + answered;
    // Whatever the silent ones would have taken, 95 of 100 came in time.
    let proved = |late: usize, slowest: f64, most: Span| {
        (silent + late) * 20 <= all && slowest <= millis(most)
    };
    let enough = |most: Span| {
        resolver.warm.is_some_and(|latency| {
            let of_hundred = |p99| proved(latency.n.div_ceil(100), p99, most);
            proved(0, latency.max, most) || latency.p99.is_some_and(of_hundred)
        })
    };
    if silent == 0 || (dns.max_latency.is_none() && p95(dns).is_none_or(enough)) {
        return None;
    }
    let questions = count(silent, "question");
    let message =
        format!("{questions} of the warm rounds without an answer: its speed is not known");
    let finding = Finding::new(&codes::SLOW, &resolver.server, message)
        .with_outcome(Outcome::Unknown)
        .expected("an answer to every question")
        .actual(format!("{answered} of {all}"));
    Some(finding)
}

fn p95(dns: &Dns) -> Option<Span> {
    dns.warm.as_ref().and_then(|warm| warm.p95)
}

/// What is required of the warm rounds, where the user asks for warmth.
fn judge_warmth(dns: &Dns, cx: &JudgeCx, resolver: &ResolverSeen, findings: &mut Vec<Finding>) {
    let Some(warm) = &dns.warm else { return };
    if let (Some(least), Some(ratio)) = (warm.hit_ratio, resolver.hit_ratio)
        && ratio < least.get()
    {
        findings.push(not_warm(resolver, ratio, least.get()));
    }
    if let Some(why) = resolver.snooping.and_then(hidden) {
        let message = format!("its cache cannot be looked into: {why}");
        findings.push(Finding::new(&codes::NOT_OBSERVABLE, &resolver.server, message));
    }
    if let Some(until) = resolver.warm_until.filter(|until| *until < cx.launch) {
        findings.push(
            Finding::new(&codes::ENDS_EARLY, &resolver.server, warm_until(cx, until))
                .expected(format!("warm until {} UTC or longer", instant(cx.launch)))
                .actual(format!("warm until {} UTC", instant(until))),
        );
    }
}

/// Why a resolver does not show its cache, where it does not.
const fn hidden(snooping: Snooping) -> Option<&'static str> {
    match snooping {
        Snooping::Shown => None,
        Snooping::Refused => Some("it answers questions without recursion with an error"),
        Snooping::Ignored => Some("it finds answers even when asked without recursion"),
        Snooping::Silent => Some("it does not answer questions without recursion"),
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

fn millis(span: Span) -> f64 {
    span.get().as_secs_f64() * 1000.0
}

/// Milliseconds for a person.
pub(in super::super) fn ms(millis: f64) -> String {
    humane(Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default())
}

fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `warm until 02:04:05 UTC, 4m 5s past the launch`.
pub(in super::super) fn warm_until(cx: &JudgeCx, until: Timestamp) -> String {
    let distance = until.duration_since(cx.launch);
    let side = if distance.is_negative() { "before" } else { "past" };
    let distance = humane(Duration::from_secs(distance.unsigned_abs().as_secs()));
    format!("warm until {} UTC, {distance} {side} the launch", until.strftime("%H:%M:%S"))
}

fn evidence(cx: &JudgeCx, resolver: &ResolverSeen) -> String {
    let mut text = count(resolver.answered, "answer");
    if let Some(until) = resolver.warm_until {
        text.push_str(&format!(", {}", warm_until(cx, until)));
    }
    if let Some(warm) = &resolver.warm {
        text.push_str(&format!("; warm p95 {}", ms(warm.p95)));
    }
    if let Some(cold) = &resolver.cold {
        text.push_str(&format!("; cold p95 {}", ms(cold.p95)));
    }
    if let Some(share) = resolver.hit_ratio.filter(|share| *share > 0.0) {
        text.push_str(&format!("; {:.0}% proved hits", share * 100.0));
    }
    text
}
