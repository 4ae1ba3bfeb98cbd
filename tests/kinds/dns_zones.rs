//! Kind `dns` and zones as a whole: serial numbers and TCP.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::net::dns::Via;
use gonogo::probe::dns::{Dns, TcpSeen};
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::{A, CNAME, SOA, TXT};
use hickory_proto::rr::{Name, RData, RecordType};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::dns_liars::{ask, authoritative, bytes, good, liar, record};
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

#[tokio::test]
async fn a_server_that_does_not_say_its_serial_is_not_left_out() {
    let silent = liar(|question: &Message, _| {
        let soa = question.queries[0].query_type == RecordType::SOA;
        if soa { Vec::new() } else { vec![bytes(&authoritative(question, 1))] }
    })
    .await;
    let one = authority(7).await;
    let parameters = |authorities: &[SocketAddr]| {
        let authorities: Vec<String> = authorities.iter().map(ToString::to_string).collect();
        json!({
            "names": ["login.example"],
            "types": ["A"],
            "resolvers": [],
            "authorities": authorities,
        })
    };
    let look = look::<Dns>(parameters(&[one, silent])).await;
    assert_eq!(look.codes(Outcome::Unknown), ["gonogo.timeout"], "{:#?}", look.findings);
    let found = look.findings.iter().find(|f| f.code == "gonogo.timeout").expect("it");
    assert_eq!(found.target, format!("{silent} example SOA"));
    // Of a zone that nobody tells nothing is claimed.
    let look = self::look::<Dns>(parameters(&[silent])).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    assert!(look.seen.expect("seen").zones.is_empty());
}

#[tokio::test]
async fn a_zone_that_nobody_leads_to_is_one_finding_about_the_authority() {
    let silent = liar(|_, _| Vec::new()).await;
    let look = ask(silent, json!({ "authorities": "auto", "types": ["A", "AAAA"] })).await;
    let targets: Vec<&str> = look.findings.iter().map(|finding| finding.target.as_str()).collect();
    assert_eq!(targets, ["authority"], "{:#?}", look.findings);
    assert_eq!(look.codes(Outcome::Unknown), ["gonogo.timeout"]);
}

/// A server that answers everything over TCP, and over UDP what it lets through: by the name, and
/// how often it was asked for.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
async fn limited(lets_through: fn(&str, u32) -> bool) -> SocketAddr {
    let (address, listener) = loop {
        let counts = Mutex::new(HashMap::<String, u32>::new());
        let address = liar(move |question: &Message, _| {
            let name = question.queries[0].name.to_ascii();
            let mut counts = counts.lock().expect("no panic");
            let count = counts.entry(name.clone()).or_default();
            *count += 1;
            if lets_through(&name, *count) { vec![bytes(&good(question))] } else { Vec::new() }
        })
        .await;
        if let Ok(listener) = TcpListener::bind(address).await {
            break (address, listener);
        }
    };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            while let Ok(length) = stream.read_u16().await {
                let mut question = vec![0; usize::from(length)];
                if stream.read_exact(&mut question).await.is_err() {
                    break;
                }
                let question = Message::from_vec(&question).expect("a question");
                let answer = bytes(&good(&question));
                let length = u16::try_from(answer.len()).expect("short").to_be_bytes();
                let _ = stream.write_all(&[&length[..], &answer].concat()).await;
            }
        }
    });
    address
}

#[tokio::test]
async fn what_a_rate_limit_drops_comes_over_tcp_and_what_one_name_lacks_does_not() {
    let look_at = |server: SocketAddr| async move {
        let parameters = json!({
            "names": ["lost.example", "other.example"],
            "types": ["A"],
            "resolvers": [server.to_string()],
            "authorities": "off",
            "warm": { "rounds": 0 },
        });
        look_in::<Dns>(parameters, &context(Duration::from_secs(5))).await
    };
    // The other name is answered when it is asked for again, so that the loss is not the name's.
    let look = look_at(limited(|name, n| name.starts_with("other.") && n > 1).await).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    let seen = look.seen.expect("seen");
    let answer = seen.questions[0].resolvers[0].cold.seen().expect("an answer");
    assert_eq!((answer.via, answer.tries), (Via::Tcp, 4));

    // Where nothing else is lost, clients of this server lack the name as well.
    let look = look_at(limited(|name, _| name.starts_with("other.")).await).await;
    assert_eq!(look.codes(Outcome::Unknown), ["gonogo.timeout"], "{:#?}", look.findings);
}
