//! Kind `dns` told apart on the lab's real servers: what is behind, lame, signed badly, answers by
//! region, limits its rate, speaks TLS, or serves what has expired.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::dns::{Dns, DnsSeen, Snooping};
use serde_json::{Value, json};

use crate::support::{Looked, context, lab, look, look_in};

/// A name in the lab's zone.
fn name(label: &str) -> String {
    format!("{label}.{}", lab("LAB_ZONE"))
}

/// A look at one name's A record, with more parameters.
async fn ask(label: &str, more: Value) -> Looked<Dns> {
    look::<Dns>(parameters(label, &more)).await
}

fn parameters(label: &str, more: &Value) -> Value {
    let mut parameters = json!({
        "names": [name(label)],
        "types": ["A"],
        "resolvers": [],
        "authorities": [lab("LAB_DNS_AUTH")],
    });
    let object = parameters.as_object_mut().expect("an object");
    for (key, value) in more.as_object().expect("an object") {
        object.insert(key.clone(), value.clone());
    }
    parameters
}

#[tokio::test]
async fn a_secondary_that_missed_the_last_change_disagrees() {
    let both = json!({ "authorities": [lab("LAB_DNS_AUTH"), lab("LAB_DNS_SECONDARY")] });
    let look = ask("match", both.clone()).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.authority-disagrees"], "{:#?}", look.findings);
    assert_eq!(look.codes(Outcome::Warn), ["dns.serial-differs"]);

    // A name that did not change: only the copies differ.
    let look = ask("canary", both).await;
    assert_eq!(look.outcome(), Outcome::Warn, "{:#?}", look.findings);
    assert_eq!(look.codes(Outcome::Warn), ["dns.serial-differs"]);
    let serial = look.findings.iter().find(|f| f.code == "dns.serial-differs").expect("it");
    assert_eq!(serial.expected.as_deref(), Some("serial 2026112001 everywhere"));
}

#[tokio::test]
async fn a_server_the_zone_was_never_put_on_is_lame() {
    let both = json!({ "authorities": [lab("LAB_DNS_AUTH"), lab("LAB_DNS_SECONDARY")] });
    let look = ask("www.signed", both).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.lame"], "{:#?}", look.findings);
    let lame = look.findings.iter().find(|finding| finding.code == "dns.lame").expect("it");
    assert!(lame.target.starts_with(&lab("LAB_DNS_SECONDARY")), "{}", lame.target);
}

#[tokio::test]
async fn signatures_of_real_zones_are_held_against_the_window() {
    for (zone, hours, outcome) in [
        ("signed", 3, Outcome::Pass),
        ("expiring", 0, Outcome::Warn),
        ("expiring", 30, Outcome::Fail),
        ("expired", 0, Outcome::Fail),
    ] {
        let mut cx = context(Duration::from_secs(5));
        cx.times.window.to += Duration::from_hours(hours);
        let parameters = parameters(&format!("www.{zone}"), &json!({ "dnssec": "require" }));
        let look = look_in::<Dns>(parameters, &cx).await;
        assert_eq!(look.outcome(), outcome, "{zone} {hours}: {:#?}", look.findings);
        if outcome != Outcome::Pass {
            assert_eq!(look.codes(outcome), ["dns.signature-expires"], "{zone} {hours}");
        }
    }
    let look = ask("match", json!({ "dnssec": "require" })).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.unsigned"], "{:#?}", look.findings);
}

#[tokio::test]
async fn a_resolver_that_verifies_rejects_what_has_expired() {
    let by = json!({ "resolvers": [lab("LAB_DNS_VALIDATOR")], "authorities": "off" });
    let look = ask("www.expired", by.clone()).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.bogus"], "{:#?}", look.findings);
    let look = ask("www.signed", by).await;
    assert_eq!(look.codes(Outcome::Fail), [""; 0], "{:#?}", look.findings);
    // One that does not verify believes it.
    let by = json!({ "resolvers": [lab("LAB_DNS_RESOLVER")], "authorities": "off" });
    assert_eq!(ask("www.expired", by).await.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn a_name_that_answers_by_region_is_asked_for_each() {
    let regions = |east: &str| {
        let records = |ip: &str| json!({ (format!("{} A", name("play.geo"))): [ip] });
        json!({
            "authorities": [lab("LAB_DNS_REGIONAL")],
            "resolvers": [lab("LAB_DNS_VALIDATOR")],
            "client_subnet": {
                "cn-east": { "subnet": "203.0.113.0/24", "records": records(east) },
                "us-west": { "subnet": "198.51.100.0/24", "records": records("192.0.2.1") },
            },
        })
    };
    let look = ask("play.geo", regions("192.0.2.86")).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);

    let look = ask("play.geo", regions("192.0.2.99")).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.wrong-region"], "{:#?}", look.findings);
    let wrong = look.findings.iter().filter(|finding| finding.outcome == Outcome::Fail);
    assert_eq!(wrong.count(), 2, "the authority and the resolver that passes the network on");

    // nsd knows nothing of networks, and neither does the resolver that does not pass them on.
    let records = json!({ (format!("{} A", name("match"))): ["192.0.2.10"] });
    let more = json!({
        "resolvers": [lab("LAB_DNS_RESOLVER")],
        "client_subnet": { "east": { "subnet": "203.0.113.0/24", "records": records } },
    });
    let look = ask("match", more).await;
    assert_eq!(look.codes(Outcome::NotApplicable), ["dns.subnet-ignored"], "{:#?}", look.findings);
}

#[tokio::test]
async fn a_real_rate_limit_loses_no_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let names: String = (0..200).map(|n| name(&format!("n{n:03}")) + "\n").collect();
    std::fs::write(dir.path().join("names.txt"), names).expect("a file");
    let mut cx = context(Duration::from_secs(40));
    cx.base = dir.path().to_owned();
    let limited = lab("LAB_DNS_SECONDARY");
    let parameters = json!({
        "names_file": "names.txt",
        "types": ["A", "AAAA", "TXT", "MX"],
        "resolvers": [limited],
        "authorities": "off",
        "warm": { "rounds": 2 },
    });
    let look = look_in::<Dns>(parameters, &cx).await;
    let seen = look.seen.as_ref().expect("seen");
    let answers: Vec<_> = seen
        .questions
        .iter()
        .map(|question| question.resolvers[0].cold.seen().expect("every question is answered"))
        .collect();
    assert_eq!(answers.len(), 800);
    assert_eq!(seen.resolvers[0].answered, 2_400, "no answer is lost");
    let a: Vec<_> = answers.iter().step_by(4).collect();
    assert!(a.iter().all(|answer| answer.records.len() == 1), "not one good name is bad");
}

#[tokio::test]
async fn what_has_expired_is_told_from_what_is_warm() {
    // Its TTL is a second, and the warm round comes a good second later; the resolver counts whole
    // seconds, so that the second look at the latest finds it expired.
    let more = json!({
        "resolvers": [lab("LAB_DNS_VALIDATOR")],
        "authorities": "off",
        "warm": { "hit_ratio": "1%" },
    });
    for _ in 0..4 {
        let look = ask("brief", more.clone()).await;
        let said = look.findings.iter().find(|f| f.code == "dns.expired-answer");
        if let Some(said) = said {
            assert_eq!(said.outcome, Outcome::Warn);
            assert!(said.message.contains("EDE 3"), "{}", said.message);
            return;
        }
    }
    panic!("never answered from what has expired");
}

#[test]
fn the_command_asks_over_tls_and_https_with_a_root_of_ones_own() {
    for server in
        [format!("tls://{}", lab("LAB_DNS_TLS")), format!("https://{}", lab("LAB_DNS_HTTPS"))]
    {
        let run = |roots: &str| {
            let state = tempfile::tempdir().expect("a directory");
            std::process::Command::new(env!("CARGO_BIN_EXE_gonogo"))
                .args(["check", "dns", &name("www.signed"), "--set", "types=[A]"])
                .args(["--set", &format!("resolvers=[\"{server}\"]")])
                .args(["--set", &format!("authorities=[\"{}\"]", lab("LAB_DNS_AUTH"))])
                .env_clear()
                .env("SSL_CERT_FILE", roots)
                .env("XDG_STATE_HOME", state.path())
                .output()
                .expect("the command runs")
        };
        let output = run(&lab("LAB_CA"));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        let output = run("/dev/null");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(3), "an unknown root is no verdict: {said}");
    }
}

/// A look that asks one resolver what it has in its cache.
async fn snoop(label: &str, resolver: &str) -> Looked<Dns> {
    let warm = json!({ "rounds": 2, "hit_ratio": "90%", "snoop": true });
    ask(label, json!({ "resolvers": [lab(resolver)], "warm": warm })).await
}

#[tokio::test]
async fn a_cache_that_is_shown_is_evidence_and_one_that_is_not_is_said() {
    let look = snoop("n010", "LAB_DNS_BIND").await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    let resolver = &facts(&look).resolvers[0];
    assert_eq!(resolver.snooping, Some(Snooping::Shown));
    assert_eq!(resolver.hit_ratio, Some(1.0));
    let warm = facts(&look).questions[0].resolvers[0].warm.clone().expect("warm answers");
    assert_eq!(warm.cached, Some(true));

    for (resolver, snooping, words) in [
        ("LAB_DNS_RESOLVER", Snooping::Refused, "without recursion with an error"),
        ("LAB_DNS_VALIDATOR", Snooping::Ignored, "it finds answers even when"),
    ] {
        let look = snoop("n011", resolver).await;
        let codes = look.codes(Outcome::NotApplicable);
        assert_eq!(codes, ["dns.cache-not-observable"], "{resolver}: {:#?}", look.findings);
        assert_eq!(look.outcome(), Outcome::Pass, "{resolver}: {:#?}", look.findings);
        let said = look.findings.iter().find(|f| f.code == "dns.cache-not-observable");
        assert!(said.expect("it").message.contains(words), "{said:?}");
        assert_eq!(facts(&look).resolvers[0].snooping, Some(snooping), "{resolver}");
    }
}

#[tokio::test]
async fn without_a_moving_ttl_a_cache_that_is_shown_still_proves_hits() {
    // No pause is made without `hit_ratio`, so that the TTL of most answers has not moved yet.
    let warm = json!({ "rounds": 1, "snoop": true });
    let more = json!({ "resolvers": [lab("LAB_DNS_BIND")], "warm": warm });
    let look = ask("n012", more).await;
    assert_eq!(facts(&look).resolvers[0].hit_ratio, Some(1.0), "{:#?}", facts(&look));

    // An answer that may not be kept is not in the cache afterwards.
    let warm = json!({ "rounds": 1, "snoop": true });
    let more = json!({ "resolvers": [lab("LAB_DNS_BIND")], "warm": warm });
    let look = ask("unkept", more).await;
    let warm = facts(&look).questions[0].resolvers[0].warm.clone().expect("warm answers");
    assert_eq!((warm.cached, warm.hits), (Some(false), 0), "{:#?}", facts(&look));
}

fn facts(look: &Looked<Dns>) -> &DnsSeen {
    look.seen.as_ref().expect("something was seen")
}
