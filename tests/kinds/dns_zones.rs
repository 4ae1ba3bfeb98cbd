//! Kind `dns` and zones as a whole: serial numbers and TCP.

use std::net::SocketAddr;
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::dns::{Dns, TcpSeen};
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::{A, CNAME, SOA, TXT};
use hickory_proto::rr::{Name, RData, RecordType};
use serde_json::json;

use crate::dns_liars::{authoritative, bytes, good, liar, record};
use crate::support::{context, lab, look, look_in};

/// An authority of `example.` with a serial, which listens on UDP alone.
async fn authority(serial: u32) -> SocketAddr {
    liar(move |question: &Message, _| {
        let mut answer = authoritative(question, 1);
        let query = &question.queries[0];
        if query.query_type != RecordType::A {
            answer.answers.clear();
            let zone = Name::from_ascii("example.").expect("a name");
            let soa = SOA::new(zone.clone(), zone.clone(), serial, 1, 1, 1, 60);
            let soa = record(&zone, 60, RData::SOA(soa));
            if query.name == zone && query.query_type == RecordType::SOA {
                answer.answers.push(soa);
            } else {
                answer.authorities.push(soa);
            }
        }
        vec![bytes(&answer)]
    })
    .await
}

#[tokio::test]
async fn serials_and_tcp_of_listed_authorities_are_looked_at() {
    let (one, two) = (authority(7).await, authority(6).await);
    let look = look::<Dns>(json!({
        "names": ["login.example"],
        "types": ["A"],
        "resolvers": [],
        "authorities": [one.to_string(), two.to_string()],
    }))
    .await;
    assert_eq!(
        look.codes(Outcome::Warn),
        ["dns.no-tcp", "dns.serial-differs"],
        "{:#?}",
        look.findings
    );
    let serial = look.findings.iter().find(|f| f.code == "dns.serial-differs").expect("it");
    assert_eq!(serial.target, "example");
    assert_eq!(serial.expected.as_deref(), Some("serial 7 everywhere"));
}

#[tokio::test]
async fn the_zone_of_the_lab_is_whole() {
    let zone = lab("LAB_ZONE");
    let look = look::<Dns>(json!({
        "names": [format!("match.{zone}"), format!("v4only.{zone}")],
        "types": ["A"],
        "resolvers": [],
        "authorities": [lab("LAB_DNS_AUTH"), lab("LAB_DNS_AUTH6")],
    }))
    .await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    let zones = look.seen.expect("seen").zones;
    assert_eq!(zones.len(), 1);
    assert_eq!(zones[0].zone, zone);
    assert_eq!(zones[0].child, [format!("ns1.{zone}"), format!("ns2.{zone}")]);
    for server in &zones[0].servers {
        assert_eq!(server.tcp.seen(), Some(&TcpSeen::Answered));
    }
}

#[tokio::test]
async fn a_check_that_waits_looks_until_the_change_is_everywhere() {
    let authority =
        || async { liar(|question: &Message, _| vec![bytes(&authoritative(question, 1))]).await };
    // A resolver that has the old address for its first three answers, or for ever.
    let resolver = |old: usize| async move {
        liar(move |question: &Message, n| {
            let mut answer = good(question);
            if n < old {
                let name = &question.queries[0].name;
                answer.answers = vec![record(name, 60, RData::A(A::new(192, 0, 2, 66)))];
            }
            vec![bytes(&answer)]
        })
        .await
    };
    let parameters = |authority: SocketAddr, resolver: SocketAddr| {
        json!({
            "names": ["login.example"],
            "types": ["A"],
            "resolvers": [resolver.to_string()],
            "authorities": [authority.to_string()],
            "warm": { "rounds": 0 },
            "until": "propagated",
        })
    };
    let cx = context(Duration::from_secs(15));
    let parameters_of = parameters(authority().await, resolver(2).await);
    let look = look_in::<Dns>(parameters_of, &cx).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    assert_eq!(look.seen.expect("seen").looks, 3);

    let cx = context(Duration::from_secs(3));
    let never = parameters(authority().await, resolver(usize::MAX).await);
    let look = look_in::<Dns>(never, &cx).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.stale-answer"]);
    assert!(look.seen.expect("seen").looks > 1);
}

#[tokio::test]
async fn a_server_with_a_rate_limit_loses_no_name() {
    // As a response rate limit does it: so many answers in each tenth of a second, the rest is
    // dropped, in silence.
    let limited = {
        let state = std::sync::Mutex::new((gonogo::clock::Clock.tick(), 0));
        liar(move |question: &Message, _| {
            let now = gonogo::clock::Clock.tick();
            let mut state = state.lock().expect("no panic");
            if now.duration_since(state.0) > Duration::from_millis(100) {
                *state = (now, 0);
            }
            state.1 += 1;
            if state.1 > 20 { Vec::new() } else { vec![bytes(&good(question))] }
        })
        .await
    };
    let names: Vec<String> = (0..300).map(|n| format!("n{n}.example")).collect();
    let parameters = json!({
        "names": names,
        "types": ["A"],
        "resolvers": [limited.to_string()],
        "authorities": "off",
        "warm": { "rounds": 0 },
    });
    let look = look_in::<Dns>(parameters, &context(Duration::from_secs(20))).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
}

#[tokio::test]
async fn an_alias_beside_other_records_is_told() {
    // Such a zone no real server would load.
    let at_start = |is_start: bool| {
        liar(move |question: &Message, _| {
            let mut answer = authoritative(question, 1);
            let query = &question.queries[0];
            let data = if is_start && query.query_type == RecordType::SOA {
                RData::SOA(SOA::new(query.name.clone(), query.name.clone(), 7, 1, 1, 1, 60))
            } else if !is_start && query.query_type == RecordType::TXT {
                RData::TXT(TXT::from_bytes(vec![b"v=spf1 -all"]))
            } else {
                RData::CNAME(CNAME(Name::from_ascii("edge.cdn.example.").expect("a name")))
            };
            answer.answers = vec![record(&query.name, 60, data)];
            vec![bytes(&answer)]
        })
    };
    for (is_start, types, beside) in
        [(true, json!(["A"]), "SOA and NS"), (false, json!(["A", "TXT"]), "TXT")]
    {
        let authority = at_start(is_start).await;
        let look = look::<Dns>(json!({
            "names": ["login.example"],
            "types": types,
            "resolvers": [],
            "authorities": [authority.to_string()],
        }))
        .await;
        assert_eq!(look.codes(Outcome::Fail), ["dns.cname-beside-data"], "{:#?}", look.findings);
        let found = look.findings.iter().find(|f| f.code == "dns.cname-beside-data").expect("it");
        assert!(found.message.contains(beside), "{}", found.message);
    }
}

#[tokio::test]
async fn a_resolver_that_invents_what_does_not_exist_is_not_believed() {
    // The lab's zone has no such name; the resolver answers everything with an address.
    let name = format!("not-there.{}", lab("LAB_ZONE"));
    let inventing = liar(|question: &Message, _| vec![bytes(&good(question))]).await;
    let parameters = |records: serde_json::Value| {
        json!({
            "names": [name],
            "types": ["A"],
            "records": records,
            "resolvers": [inventing.to_string()],
            "authorities": [lab("LAB_DNS_AUTH")],
        })
    };
    let without = look::<Dns>(parameters(json!({}))).await;
    assert_eq!(without.codes(Outcome::Fail), ["dns.nxdomain"], "{:#?}", without.findings);
    assert!(without.seen.expect("seen").questions[0].resolvers.is_empty(), "it was not asked");
    // Where the absence is what is wanted, the resolver is asked, and found out.
    let look = look::<Dns>(parameters(json!({ (format!("{name} A")): [] }))).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.stale-answer"], "{:#?}", look.findings);
}

#[tokio::test]
async fn a_long_ttl_says_by_when_it_must_be_lowered() {
    let zone = lab("LAB_ZONE");
    let parameters = || {
        json!({
            "names": [format!("v4only.{zone}")],
            "types": ["A"],
            "resolvers": [],
            "authorities": [lab("LAB_DNS_AUTH")],
            "max_ttl": "60s",
        })
    };
    for (until_launch, words) in [
        (Duration::from_hours(1), "; lower it by "),
        (Duration::from_mins(2), "; lowered now, it is not short everywhere at the launch"),
    ] {
        let mut cx = context(Duration::from_secs(5));
        cx.times.launch += until_launch;
        let look = look_in::<Dns>(parameters(), &cx).await;
        assert_eq!(look.codes(Outcome::Fail), ["dns.ttl-too-long"], "{:#?}", look.findings);
        assert!(look.findings[0].message.contains(words), "{}", look.findings[0].message);
    }
}
