//! Pure tables of the judgement: facts in, codes out.

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::model::fault::{Fault, Sight};
use crate::model::time::Window;
use crate::net::dns::{Link, Rcode, Via};
use crate::probe::Probe;
use crate::probe::dns::{AuthorityTold, ResolverTold};

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
            .map(|(n, cold)| ResolverTold { server: server(100 + n), cold, unchecked: None, warm: None })
            .collect(),
    }
}

fn check(parameters: serde_json::Value, question: QuestionSeen, wanted: &[&str]) {
    let seen = DnsSeen {
        questions: vec![question],
        looks: 1,
        zones: Vec::new(),
        resolvers: Vec::new(),
        warm_until: None,
        latency: None,
        cold: None,
    };
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
    for (flags, wanted) in
        [(&[][..], "fail dns.lame"), (RESOLVER, "unknown dns.intercepted")]
    {
        let told = Sight::Seen(answer(flags, &["192.0.2.1"]));
        check(parameters(), question(Asked::AuthorityUnknown, vec![told], Vec::new()), &[wanted]);
    }
    let referral =
        Answer { referral: Some("example.".to_owned()), ..answer(&[], &[]) };
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
fn every_link_of_the_way_is_held_against_max_ttl() {
    let parameters = |max: &str| json!({
        "names": ["login.example"], "types": ["A"], "authorities": "off", "max_ttl": max,
    });
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
}

#[test]
fn thousands_of_findings_become_few() {
    let finding = |n: usize, code| {
        Finding::new(code, format!("192.0.2.1 n{n}.example A"), "said something")
    };
    let good = fold::fold((0..1_000).map(|n| finding(n, &codes::OK)).collect());
    assert_eq!(good.len(), 1);
    assert!(good[0].message.starts_with("1000 good answers"), "{}", good[0].message);
    let bad = fold::fold((0..1_000).map(|n| finding(n, &codes::NXDOMAIN)).collect());
    assert_eq!(bad.len(), 200);
    assert!(bad[199].message.ends_with("and 800 more like this"), "{}", bad[199].message);
    let silent = (0..5).map(|_| Finding::fault("192.0.2.1 n.example A", &timeout())).collect();
    assert_eq!(fold::fold(silent).len(), 1);
}
