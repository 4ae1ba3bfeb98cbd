//! Pure tables of the judgement: facts in, codes out.

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::model::fault::{Fault, Sight};
use crate::model::latency::Latency;
use crate::model::time::Window;
use crate::net::dns::{Link, Rcode, Via};
use crate::probe::Probe;
use crate::probe::dns::{AuthorityTold, ResolverSeen, ResolverTold, Warmth};

fn dns(parameters: serde_json::Value) -> Dns {
    serde_json::from_value(parameters).expect("good parameters")
}

fn cx() -> JudgeCx {
    let now: Timestamp = "2026-11-23T02:00:00Z".parse().expect("an instant");
    JudgeCx { now, launch: now, window: Window { from: now, to: now } }
}

fn answer(flags: &[Flag], records: &[&str]) -> Answer {
    let ttl = (!records.is_empty()).then_some(300);
    Answer {
        rcode: Rcode::NOERROR,
        records: records.iter().map(|record| (*record).to_owned()).collect(),
        ttl,
        longest_ttl: ttl,
        chain: Vec::new(),
        flags: flags.to_vec(),
        soa: None,
        referral: None,
        signed: None,
        scope: None,
        ede: Vec::new(),
        at: cx().now,
        millis: 1.0,
        tries: 1,
        via: Via::Udp,
    }
}

fn timeout() -> Fault {
    Fault::Timeout { what: "asking".to_owned(), after: crate::model::time::Span::from_secs(1) }
}

fn question(
    asked: Asked,
    authorities: Vec<Sight<Answer>>,
    resolvers: Vec<Sight<Answer>>,
) -> QuestionSeen {
    let server = |n: usize| format!("192.0.2.{n}");
    QuestionSeen {
        name: "login.example".to_owned(),
        kind: Type::A,
        region: None,
        asked,
        authorities: authorities
            .into_iter()
            .enumerate()
            .map(|(n, answer)| AuthorityTold { server: server(n), answer })
            .collect(),
        resolvers: resolvers
            .into_iter()
            .enumerate()
            .map(|(n, cold)| ResolverTold {
                server: server(100 + n),
                cold,
                unchecked: None,
                warm: None,
            })
            .collect(),
    }
}

/// One look with this question alone.
fn seen(question: QuestionSeen) -> DnsSeen {
    DnsSeen {
        questions: vec![question],
        looks: 1,
        zones: Vec::new(),
        resolvers: Vec::new(),
        warm_until: None,
        latency: None,
        cold: None,
    }
}

fn check(parameters: serde_json::Value, question: QuestionSeen, wanted: &[&str]) {
    let seen = seen(question);
    let findings = dns(parameters).judge(&seen, &cx());
    let mut codes: Vec<String> =
        findings.iter().map(|f| format!("{} {}", f.outcome, f.code)).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes, wanted, "{findings:#?}");
}

const AUTHORITY: &[Flag] = &[Flag::Aa];
const RESOLVER: &[Flag] = &[Flag::Ra];

#[test]
fn nothing_known_is_never_a_pass() {
    let parameters = || json!({ "names": ["login.example"], "types": ["A"] });
    let none = || question(Asked::AuthorityUnknown, Vec::new(), Vec::new());
    check(parameters(), none(), &["unknown gonogo.name-unresolved"]);
    let silent = question(Asked::AuthorityUnknown, vec![Sight::Fault(timeout())], Vec::new());
    check(parameters(), silent, &["unknown gonogo.timeout"]);
}

#[test]
fn an_answer_without_authority_is_lame_or_somebody_elses() {
    let parameters = || json!({ "names": ["login.example"], "types": ["A"] });
    for (flags, wanted) in [(&[][..], "fail dns.lame"), (RESOLVER, "unknown dns.intercepted")] {
        let told = Sight::Seen(answer(flags, &["192.0.2.1"]));
        check(parameters(), question(Asked::AuthorityUnknown, vec![told], Vec::new()), &[wanted]);
    }
    let referral = Answer { referral: Some("example.".to_owned()), ..answer(&[], &[]) };
    let told = vec![Sight::Seen(referral)];
    check(parameters(), question(Asked::AuthorityUnknown, told, Vec::new()), &["fail dns.lame"]);
}

#[test]
fn the_order_of_records_means_nothing() {
    let parameters = || json!({ "names": ["login.example"], "types": ["A"] });
    let one = || Sight::Seen(answer(AUTHORITY, &["192.0.2.1", "192.0.2.2"]));
    let other = || Sight::Seen(answer(AUTHORITY, &["192.0.2.2", "192.0.2.1"]));
    let resolver = || Sight::Seen(answer(RESOLVER, &["192.0.2.2", "192.0.2.1"]));
    check(
        parameters(),
        question(Asked::Yes, vec![one(), other()], vec![resolver()]),
        &["pass dns.ok"],
    );
    let less = Sight::Seen(answer(RESOLVER, &["192.0.2.1"]));
    check(
        parameters(),
        question(Asked::Yes, vec![one(), other()], vec![less]),
        &["fail dns.stale-answer", "pass dns.ok"],
    );
}

#[test]
fn authorities_with_other_ttls_are_a_warning() {
    let parameters = || json!({ "names": ["login.example"], "types": ["A"], "resolvers": ["::1"] });
    let told = |ttl| {
        let answer = answer(AUTHORITY, &["192.0.2.1"]);
        Sight::Seen(Answer { ttl: Some(ttl), longest_ttl: Some(ttl), ..answer })
    };
    let resolver = || vec![Sight::Seen(answer(RESOLVER, &["192.0.2.1"]))];
    let same = question(Asked::Yes, vec![told(60), told(60)], resolver());
    check(parameters(), same, &["pass dns.ok"]);
    let other = question(Asked::Yes, vec![told(60), told(300)], resolver());
    check(parameters(), other, &["pass dns.ok", "warn dns.ttl-differs"]);
}

#[test]
fn every_link_of_the_way_is_held_against_max_ttl() {
    let parameters = |max: &str| {
        json!({
            "names": ["login.example"], "types": ["A"], "authorities": "off", "max_ttl": max,
        })
    };
    let chained = || {
        let link = |name: &str, to: &str, ttl| Link { name: name.into(), to: to.into(), ttl };
        let chain = vec![link("login.example.", "edge.example.", 3_600)];
        let told = Answer { chain, longest_ttl: Some(3_600), ..answer(RESOLVER, &["192.0.2.1"]) };
        question(Asked::Yes, Vec::new(), vec![Sight::Seen(told)])
    };
    check(parameters("300s"), chained(), &["fail dns.ttl-too-long"]);
    check(parameters("1h"), chained(), &["pass dns.ok"]);
}

#[test]
fn an_empty_expectation_wants_absence() {
    let parameters = || json!({ "records": { "login.example A": [] }, "authorities": "off" });
    let told = |rcode, records: &[&str]| {
        question(
            Asked::Yes,
            Vec::new(),
            vec![Sight::Seen(Answer { rcode, ..answer(RESOLVER, records) })],
        )
    };
    check(parameters(), told(Rcode::NOERROR, &[]), &["pass dns.ok"]);
    check(parameters(), told(Rcode::NXDOMAIN, &[]), &["pass dns.ok"]);
    check(parameters(), told(Rcode::NOERROR, &["192.0.2.1"]), &["fail dns.wrong-answer"]);
    check(parameters(), told(Rcode::SERVFAIL, &[]), &["fail dns.servfail"]);

    // An authority that fails does not say that there is nothing.
    let parameters = || json!({ "records": { "login.example A": [] }, "resolvers": [] });
    let zone = |rcode| {
        let told = vec![Sight::Seen(Answer { rcode, ..answer(AUTHORITY, &[]) })];
        question(Asked::Yes, told, Vec::new())
    };
    check(parameters(), zone(Rcode::NXDOMAIN), &["pass dns.ok"]);
    check(parameters(), zone(Rcode::SERVFAIL), &["fail dns.wrong-answer"]);
    check(parameters(), zone(Rcode::FORMERR), &["fail dns.wrong-answer"]);
}

#[test]
fn one_silence_in_many_warm_answers_leaves_their_95th_percentile_known() {
    let look = |parameters, silent, slowest| {
        let mut times = vec![1.0; 99];
        times.push(slowest);
        let warm = Latency::of(times);
        let resolver = ResolverSeen {
            server: "192.0.2.100".to_owned(),
            asked: 200,
            answered: 200 - silent as usize,
            cold: None,
            warm,
            warm_until: None,
            hit_ratio: None,
            unproved_ratio: None,
            snooping: None,
            fault: None,
        };
        let mut question =
            question(Asked::Yes, Vec::new(), vec![Sight::Seen(answer(RESOLVER, &["192.0.2.1"]))]);
        question.resolvers[0].warm = Some(Warmth {
            hits: 0,
            misses: 0,
            unproved: 100,
            silent,
            cached: None,
            caches: 1,
            until: None,
            changed: Vec::new(),
        });
        let seen = seen(question);
        let mut findings = Vec::new();
        resolver::judge(&dns(parameters), &cx(), &seen, &resolver, &mut findings);
        findings.iter().map(|f| format!("{} {}", f.outcome, f.code)).collect::<Vec<_>>()
    };
    let p95 = || json!({ "names": ["login.example"], "warm": { "p95": "50ms" } });
    assert_eq!(look(p95(), 0, 900.0), ["pass dns.ok"]);
    assert_eq!(look(p95(), 5, 40.0), ["pass dns.ok"]);
    assert_eq!(look(p95(), 6, 40.0), ["unknown dns.slow"]);
    assert_eq!(look(p95(), 5, 900.0), ["unknown dns.slow"]);
    let most = || json!({ "names": ["login.example"], "max_latency": "50ms" });
    assert_eq!(look(most(), 0, 40.0), ["pass dns.ok"]);
    assert_eq!(look(most(), 1, 40.0), ["unknown dns.slow"]);
    assert_eq!(look(most(), 1, 900.0), ["fail dns.slow"]);
}

#[test]
fn hints_are_not_held_against_a_server_that_does_not_serve_the_name() {
    let hint = answer(AUTHORITY, &["1 . ipv4hint=192.0.2.1"]);
    let mut https = question(Asked::Yes, vec![Sight::Seen(hint)], Vec::new());
    https.kind = Type::Https;
    let told = |rcode, flags| Sight::Seen(Answer { rcode, ..answer(flags, &[]) });
    let other = Sight::Seen(answer(AUTHORITY, &["192.0.2.1"]));
    for (own, hints) in [
        (told(Rcode::REFUSED, &[][..]), &[][..]),
        (told(Rcode::SERVFAIL, RESOLVER), &[][..]),
        (told(Rcode::NOERROR, AUTHORITY), &["no records"][..]),
    ] {
        let seen = DnsSeen {
            questions: vec![
                question(Asked::Yes, vec![own, other.clone()], Vec::new()),
                https.clone(),
            ],
            looks: 1,
            zones: Vec::new(),
            resolvers: Vec::new(),
            warm_until: None,
            latency: None,
            cold: None,
        };
        let mut findings = Vec::new();
        address::judge(&dns(json!({ "names": ["login.example"] })), &seen, &https, &mut findings);
        let expected: Vec<&str> = findings.iter().filter_map(|f| f.expected.as_deref()).collect();
        assert_eq!(expected, hints, "{findings:#?}");
    }
}

#[test]
fn times_that_cannot_be_are_shown_all_the_same() {
    assert_eq!(resolver::ms(20.0), "20 ms");
    assert_eq!(resolver::ms(1e300), resolver::ms(f64::NAN));
}

#[test]
fn thousands_of_findings_become_few() {
    let finding =
        |n: usize, code| Finding::new(code, format!("192.0.2.1 n{n}.example A"), "said something");
    let good = fold::fold((0..1_000).map(|n| finding(n, &codes::OK)).collect());
    assert_eq!(good.len(), 1);
    assert!(good[0].message.starts_with("1000 good answers"), "{}", good[0].message);
    for (code, words) in [
        (&codes::NO_DATA, "30 absent records, such as"),
        (&codes::SUBNET_IGNORED, "30 answers, such as"),
    ] {
        let not_applicable =
            |n| finding(n, code).with_outcome(crate::model::outcome::Outcome::NotApplicable);
        let folded = fold::fold((0..30).map(not_applicable).collect());
        assert_eq!(folded.len(), 1);
        assert!(folded[0].message.starts_with(words), "{}", folded[0].message);
    }
    let bad = fold::fold((0..1_000).map(|n| finding(n, &codes::NXDOMAIN)).collect());
    assert_eq!(bad.len(), 200);
    assert!(bad[199].message.ends_with("and 800 more like this"), "{}", bad[199].message);
    let silent = (0..5).map(|_| Finding::fault("192.0.2.1 n.example A", &timeout())).collect();
    assert_eq!(fold::fold(silent).len(), 1);
}
