//! Kind `dns` against the lab's authority and resolvers.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::Probe;
use gonogo::probe::dns::{Asked, Dns, DnsSeen};
use serde_json::{Value, json};

use crate::dns_liars::{bytes, good, liar};
use crate::support::{Looked, context, lab, look, look_in};

/// A name in the lab's zone.
fn name(label: &str) -> String {
    format!("{label}.{}", lab("LAB_ZONE"))
}

/// A look at names on the lab's right resolver and authority, with more parameters.
async fn look_at(labels: &[&str], more: Value) -> Looked<Dns> {
    let names: Vec<String> = labels.iter().map(|label| name(label)).collect();
    let mut parameters = json!({
        "names": names,
        "resolvers": [lab("LAB_DNS_RESOLVER")],
        "authorities": [lab("LAB_DNS_AUTH")],
    });
    let object = parameters.as_object_mut().expect("an object");
    for (key, value) in more.as_object().expect("an object") {
        object.insert(key.clone(), value.clone());
    }
    look::<Dns>(parameters).await
}

fn seen(look: &Looked<Dns>) -> &DnsSeen {
    look.seen.as_ref().expect("something was seen")
}

/// The message of the one finding with this code.
fn message<'a>(look: &'a Looked<Dns>, code: &str) -> &'a str {
    let mut found = look.findings.iter().filter(|finding| finding.code == code);
    let first = found.next().unwrap_or_else(|| panic!("no {code}: {:#?}", look.findings));
    &first.message
}

#[tokio::test]
async fn right_names_pass_with_their_records() {
    let look = look_at(&["match", "gateway"], json!({ "max_ttl": "60s" })).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    assert_eq!(look.codes(Outcome::Pass), ["dns.ok"]);
    let target = format!("{} {} A", lab("LAB_DNS_RESOLVER"), name("match"));
    let found = look.findings.iter().find(|finding| finding.target == target).expect("a finding");
    assert!(found.message.starts_with("192.0.2.10, TTL "), "{}", found.message);
    let seen = seen(&look);
    assert!(seen.warm_until.is_some() && seen.latency.is_some() && seen.cold.is_some());
    assert_eq!(seen.resolvers[0].answered, 8, "four questions, cold and warm");
}

#[tokio::test]
async fn every_type_is_compared_as_a_set() {
    let zone = lab("LAB_ZONE");
    let records = json!({
        (format!("gateway.{zone} A")): ["192.0.2.21", "192.0.2.20"],
        (format!("match.{zone} AAAA")): ["2001:db8:0::10"],
        (format!("cdn.{zone} CNAME")): [format!("EDGE.{zone}")],
        (format!("{zone} MX")): [format!("20 mail2.{zone}"), format!("10 mail.{zone}.")],
        (format!("{zone} TXT")): ["v=spf1 mx -all"],
        (format!("{zone} NS")): [format!("ns1.{zone}"), format!("ns2.{zone}")],
        (format!("_game._udp.{zone} SRV")):
            [format!("10 60 7777 match.{zone}"), format!("20 40 7777 gateway.{zone}")],
        (format!("{zone} CAA")):
            ["0 issue letsencrypt.org", format!("0 iodef mailto:security@{zone}")],
        (format!("v4only.{zone} AAAA")): [],
    });
    let look = look_at(&[], json!({ "records": records })).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    assert_eq!(seen(&look).questions.len(), 9);
}

#[tokio::test]
async fn wrong_records_fail_with_both_sides() {
    let records = json!({ (format!("{} A", name("match"))): ["192.0.2.99"] });
    let look = look_at(&[], json!({ "records": records })).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.wrong-answer"]);
    let found = &look.findings[0];
    assert_eq!(found.expected.as_deref(), Some("192.0.2.99"));
    assert!(found.actual.as_deref().is_some_and(|actual| actual.starts_with("192.0.2.10")));
}

#[tokio::test]
async fn an_old_answer_is_told_from_a_wrong_one() {
    let resolvers = [lab("LAB_DNS_RESOLVER"), lab("LAB_DNS_OLD_RESOLVER")];
    let more = json!({ "resolvers": resolvers, "types": ["A"], "max_ttl": "60s" });
    let look = look_at(&["match"], more).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.stale-answer", "dns.ttl-too-long"]);
    let stale = message(&look, "dns.stale-answer");
    assert_eq!(stale, "it still answers 192.0.2.66, the zone says 192.0.2.10");

    let records = json!({ (format!("{} A", name("match"))): ["192.0.2.10"] });
    let more = json!({ "resolvers": resolvers, "types": ["A"], "records": records });
    let look = look_at(&["match"], more).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.stale-answer"]);

    // Without the truth from anywhere, the old resolver is believed.
    let more = json!({ "resolvers": resolvers, "types": ["A"], "authorities": "off" });
    assert_eq!(look_at(&["match"], more).await.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_asked_for_at_resolvers() {
    let look = look_at(&["not-there-yet"], json!({})).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.nxdomain"]);
    assert!(message(&look, "dns.nxdomain").contains("the resolvers were not asked"));
    for question in &seen(&look).questions {
        assert_eq!(question.asked, Asked::NotPublished);
        assert!(question.resolvers.is_empty());
    }
    assert_eq!(seen(&look).resolvers[0].asked, 0);

    let look = look_at(&["not-there-either"], json!({ "authorities": "off" })).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.nxdomain"]);
    // The zone's minimum is 120 s; the resolver counts down from when it first heard it, for any
    // name of the zone (RFC 2308 §5).
    let said = message(&look, "dns.nxdomain");
    let kept = said.split("keeps that for ").nth(1).and_then(|rest| rest.split(' ').next());
    let kept: u32 = kept.expect("how long it is kept").parse().expect("a number of seconds");
    assert!((1..=120).contains(&kept), "{said}");
}

#[tokio::test]
async fn a_missing_aaaa_is_no_fault_beside_an_a() {
    let look = look_at(&["v4only"], json!({})).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    assert_eq!(look.codes(Outcome::NotApplicable), ["dns.no-data"]);
    assert_eq!(seen(&look).questions[1].asked, Asked::Yes, "SERVFAIL for AAAA would be a fault");

    let look = look_at(&["v4only"], json!({ "types": ["MX"] })).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.no-data"]);
    let more = json!({ "types": ["MX"], "authorities": "off" });
    assert_eq!(look_at(&["v4only"], more).await.codes(Outcome::Fail), ["dns.no-data"]);
}

#[tokio::test]
async fn the_least_ttl_of_a_chain_counts_and_the_longest_is_judged() {
    let look = look_at(&["cdn"], json!({ "types": ["A"] })).await;
    assert_eq!(look.outcome(), Outcome::Pass);
    let told = &seen(&look).questions[0].authorities[0];
    let answer = told.answer.seen().expect("an answer");
    assert_eq!((answer.ttl, answer.longest_ttl, answer.chain.len()), (Some(30), Some(300), 2));

    let look = look_at(&["cdn"], json!({ "types": ["A"], "max_ttl": "60s" })).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.ttl-too-long"]);
    assert!(message(&look, "dns.ttl-too-long").contains("for 300 s"));
}

#[tokio::test]
async fn broken_aliases_have_their_own_codes() {
    for (label, code) in [("dangling", "dns.dangling-cname"), ("loop1", "dns.cname-loop")] {
        let look = look_at(&[label], json!({ "types": ["A"] })).await;
        assert_eq!(look.codes(Outcome::Fail), [code], "{:#?}", look.findings);
        let more = json!({ "types": ["A"], "authorities": "off" });
        let look = look_at(&[label], more).await;
        let codes = look.codes(Outcome::Fail);
        assert!(codes == [code] || codes == ["dns.servfail"], "{:#?}", look.findings);
    }
}

#[tokio::test]
async fn what_does_not_fit_into_udp_comes_over_tcp() {
    let look = look_at(&["longtxt", "hugetxt"], json!({ "types": ["TXT"] })).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    let huge = &seen(&look).questions[1].resolvers[0].cold.seen().expect("an answer").records[0];
    assert!(huge.len() > 3_200, "{}", huge.len());

    let resolvers = [format!("tcp://{}", lab("LAB_DNS_RESOLVER"))];
    let look = look_at(&["match"], json!({ "resolvers": resolvers })).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
}

#[tokio::test]
async fn ipv6_transport_works() {
    let resolvers = [lab("LAB_DNS_RESOLVER6")];
    let more = json!({ "resolvers": resolvers, "authorities": [lab("LAB_DNS_AUTH6")] });
    let look = look_at(&["match"], more).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
}

#[tokio::test]
async fn cache_hits_are_proved_by_the_ttl_running_down() {
    let warm = json!({ "rounds": 3, "p95": "2s", "hit_ratio": "90%" });
    let look = look_at(&["n001", "n002"], json!({ "types": ["A"], "warm": warm })).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    let resolver = &seen(&look).resolvers[0];
    assert_eq!(resolver.hit_ratio, Some(1.0));

    // An authority keeps no cache: its TTL never runs down.
    let resolvers = [lab("LAB_DNS_AUTH")];
    let more = json!({ "types": ["A"], "warm": warm, "resolvers": resolvers });
    let look = look_at(&["n001", "n002"], more).await;
    assert_ne!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
}

#[tokio::test]
async fn a_resolver_listed_as_authority_is_not_believed() {
    let look = look_at(&["match"], json!({ "authorities": [lab("LAB_DNS_RESOLVER")] })).await;
    assert_eq!(look.outcome(), Outcome::Unknown, "{:#?}", look.findings);
    assert_eq!(look.codes(Outcome::Unknown), ["dns.intercepted"]);
    assert_eq!(seen(&look).questions[0].asked, Asked::AuthorityUnknown);
}

#[tokio::test]
async fn a_server_without_the_zone_is_lame() {
    let parameters = json!({
        "names": ["www.example.org"],
        "resolvers": [],
        "authorities": [lab("LAB_DNS_AUTH")],
        "types": ["A"],
    });
    let look = look::<Dns>(parameters).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.lame"]);
}

#[tokio::test]
async fn a_refusing_resolver_fails() {
    let parameters = json!({
        "names": ["www.example.org"],
        "resolvers": [lab("LAB_DNS_RESOLVER")],
        "authorities": "off",
    });
    let look = look::<Dns>(parameters).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.refused"]);
}

#[tokio::test]
async fn a_dead_resolver_is_unknown_and_hides_nothing() {
    let resolvers = [lab("LAB_DNS_RESOLVER"), lab("LAB_CLOSED")];
    let look = look_at(&["match"], json!({ "resolvers": resolvers })).await;
    assert_eq!(look.outcome(), Outcome::Unknown, "{:#?}", look.findings);
    assert_eq!(look.codes(Outcome::Pass), ["dns.ok"]);
    assert_eq!(look.codes(Outcome::Unknown), ["gonogo.unreachable"]);
}

#[tokio::test]
async fn a_file_of_names_is_read_beside_the_checklist() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut names: String = (0..200).map(|n| format!("{}\n", name(&format!("n{n:03}")))).collect();
    names.push_str("# a remark\n\n");
    std::fs::write(dir.path().join("names.txt"), names).expect("a file");
    let mut cx = context(Duration::from_secs(5));
    cx.base = dir.path().to_owned();
    let parameters = json!({
        "names_file": "names.txt",
        "types": ["A"],
        "resolvers": [lab("LAB_DNS_RESOLVER")],
        "authorities": [lab("LAB_DNS_AUTH")],
    });
    let look = look_in::<Dns>(parameters, &cx).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    assert_eq!(seen(&look).questions.len(), 200);
    assert!(look.findings.len() < 5, "thousands of good answers are few findings");

    std::fs::write(dir.path().join("bad.txt"), "a..b\n").expect("a file");
    // A device has no size, and no end.
    for file in ["bad.txt", "none.txt", "/dev/zero"] {
        let look = look_in::<Dns>(json!({ "names_file": file, "resolvers": ["127.0.0.1"] }), &cx);
        assert_eq!(look.await.codes(Outcome::Unknown), ["gonogo.local"], "{file}");
    }
}

#[tokio::test]
async fn more_names_than_there_is_time_for_are_refused_before_one_is_asked_for() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&asked);
    let server = liar(move |question, _| {
        counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        vec![bytes(&good(question))]
    })
    .await;
    let names: Vec<String> = (0..20).map(|n| format!("n{n}.example")).collect();
    let parameters = json!({
        "names": names,
        "types": ["A"],
        "resolvers": [server.to_string()],
        "authorities": "off",
        "rate": 1,
    });
    let look = look_in::<Dns>(parameters, &context(Duration::from_secs(2))).await;
    assert_eq!(look.codes(Outcome::Unknown), ["gonogo.local"], "{:#?}", look.findings);
    let said = &look.findings[0].message;
    assert!(said.contains("at 1 a second"), "{said}");
    assert!(said.contains("`timeout` longer than 1m 15s"), "{said}");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0, "nobody was asked");
}

#[test]
fn a_check_that_asserts_nothing_is_refused() {
    for (parameters, key) in [
        (json!({}), None),
        (json!({ "names": ["a.example"], "types": [] }), Some("types")),
        (json!({ "names": ["a.example"], "resolvers": [] }), Some("resolvers")),
        (
            json!({ "names": ["a.example"], "resolvers": [], "authorities": "off" }),
            Some("resolvers"),
        ),
        (json!({ "names": ["a.example"], "authorities": [] }), Some("authorities")),
        (json!({ "names": ["a.example"], "warm": { "rounds": 101 } }), Some("warm")),
        (json!({ "names": ["a.example"], "warm": { "rounds": 0, "p95": "1s" } }), Some("warm")),
        (json!({ "names": ["a.example"], "warm": { "rounds": 0, "snoop": true } }), Some("warm")),
        (json!({ "names": ["a.example"], "warm": { "hit_ratio": "0%" } }), Some("warm")),
        (json!({ "records": { "a.example A": ["::1"] } }), Some("records")),
        (
            json!({
                "client_subnet": {
                    "east": { "subnet": "203.0.113.0/24", "records": { "a.example A": ["::1"] } },
                },
            }),
            Some("client_subnet"),
        ),
    ] {
        let probe: Dns = serde_json::from_value(parameters.clone()).expect("readable");
        let complaints = probe.complaints();
        assert!(complaints.iter().any(|complaint| complaint.key == key), "{parameters}");
    }
    for bad in [
        json!({ "names": ["192.0.2.1"] }),
        json!({ "names": ["a..b"] }),
        json!({ "names": ["a.example"], "types": ["ANY"] }),
        json!({ "names": ["a.example"], "resolvers": ["dns.example"] }),
        json!({ "names": ["a.example"], "rate": 0 }),
        json!({ "names": ["a.example"], "authorities": "maybe" }),
        json!({ "records": { "a.example": ["192.0.2.1"] } }),
        json!({ "names": ["a.example"], "typo": 1 }),
    ] {
        assert!(serde_json::from_value::<Dns>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn the_commands_by_hand_name_the_server_and_its_port() {
    let probe: Dns = serde_json::from_value(json!({
        "names": ["match.example"],
        "types": ["A"],
        "resolvers": ["system", "127.0.0.1:5353", "tcp://8.8.8.8"],
        "authorities": ["192.0.2.53"],
    }))
    .expect("good parameters");
    assert_eq!(
        probe.reproduce(None),
        [
            "dig @192.0.2.53 match.example A +norecurse +noall +answer +comments",
            "dig match.example A +noall +answer +comments",
            "dig @127.0.0.1 -p 5353 match.example A +noall +answer +comments",
            "dig @8.8.8.8 +tcp match.example A +noall +answer +comments",
        ]
    );
}

#[tokio::test]
async fn warmth_that_ends_before_the_launch_is_a_warning() {
    let parameters = || {
        json!({
            "names": [name("match")],
            "types": ["A"],
            "resolvers": [lab("LAB_DNS_RESOLVER")],
            "authorities": [lab("LAB_DNS_AUTH")],
            "warm": { "rounds": 1 },
        })
    };
    let mut cx = context(Duration::from_secs(5));
    let look = look_in::<Dns>(parameters(), &cx).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    assert!(look.findings.iter().any(|finding| finding.message.contains("past the launch")));
    cx.times.launch += Duration::from_hours(1);
    let look = look_in::<Dns>(parameters(), &cx).await;
    assert_eq!(look.codes(Outcome::Warn), ["dns.warmth-ends-early"]);
    assert!(message(&look, "dns.warmth-ends-early").contains("before the launch"));
}

#[tokio::test]
async fn the_rest_of_a_longer_ttl_may_run_out_before_the_launch() {
    let parameters = || {
        json!({
            "records": { (format!("{} A", name("match"))): ["192.0.2.66"] },
            "resolvers": [lab("LAB_DNS_OLD_RESOLVER")],
            "authorities": [lab("LAB_DNS_AUTH")],
            "max_ttl": "60s",
        })
    };
    let mut cx = context(Duration::from_secs(5));
    cx.times.launch += Duration::from_hours(24);
    let look = look_in::<Dns>(parameters(), &cx).await;
    let long = look.findings.iter().find(|finding| finding.code == "dns.ttl-too-long");
    let long = long.unwrap_or_else(|| panic!("{:#?}", look.findings));
    assert_eq!(long.outcome, Outcome::Warn);
    assert!(long.message.contains("before the launch"), "{}", long.message);
}

#[tokio::test]
async fn a_private_address_is_no_public_answer() {
    let look = look_at(&["private"], json!({ "types": ["A"], "public": true })).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.private-address"]);
    assert_eq!(message(&look, "dns.private-address"), "10.0.0.5 is private");
    let look = look_at(&["private"], json!({ "types": ["A"] })).await;
    assert_eq!(look.outcome(), Outcome::Pass);
}
