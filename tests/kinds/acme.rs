//! Kind `acme` against the lab's zone and web server, and against web servers that stand in the
//! way of a challenge.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use gonogo::model::facts::Facts;
use gonogo::model::fault::Sight;
use gonogo::model::outcome::Outcome::{self, Fail, NotApplicable, Pass, Unknown, Warn};
use gonogo::net::dns::Rcode;
use gonogo::probe::acme::{Acme, Looked, Observation, Records};
use gonogo::probe::{Act, Probe};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::dns_liars::{bytes, failing, liar};
use crate::support::{context, lab, look_in};
use crate::tls_server::{accept, answer_bytes, close_at_once, listener};

/// The name of the lab's zone with the lab's own server to ask.
pub(crate) fn parameters(name: &str, more: Value) -> Value {
    let mut all = json!({
        "domain": format!("{name}.{}", lab("LAB_ZONE")),
        "resolver": lab("LAB_DNS_AUTH"),
        "addresses": ["127.0.0.1"],
        "port": lab("LAB_HTTP_PORT").parse::<u16>().expect("a port"),
    });
    let (Value::Object(all_of), Value::Object(more)) = (&mut all, more) else {
        panic!("parameters are an object")
    };
    all_of.extend(more);
    all
}

pub(crate) async fn check(parameters: Value, outcome: Outcome, code: &str) {
    let looked = look_in::<Acme>(parameters, &context(Duration::from_secs(2))).await;
    assert_eq!(looked.outcome(), outcome, "{code}: {:#?}", looked.findings);
    assert!(looked.codes(outcome).contains(&code), "{code}: {:#?}", looked.findings);
}

#[tokio::test]
async fn caa_of_the_zone_holds_for_the_names_in_it() {
    check(parameters("login", json!({})), Pass, "acme.caa-ok").await;
    check(parameters("deep.below.login", json!({})), Pass, "acme.caa-ok").await;
    let other = json!({"authority": "pki.goog"});
    check(parameters("login", other), Fail, "acme.caa-forbids").await;
}

#[tokio::test]
async fn a_server_that_refuses_to_answer_allows_nothing() {
    let elsewhere = json!({"domain": "login.elsewhere.example"});
    check(parameters("login", elsewhere), Fail, "acme.caa-broken").await;
    let silent = json!({"resolver": lab("LAB_CLOSED")});
    let looked =
        look_in::<Acme>(parameters("login", silent), &context(Duration::from_secs(1))).await;
    assert_eq!(looked.outcome(), Unknown, "{:#?}", looked.findings);
    let none = json!({"domain": format!("nobody-there.{}", lab("LAB_ZONE")), "resolver": lab("LAB_DNS_AUTH")});
    check(none, Fail, "acme.no-address").await;
}

#[tokio::test]
async fn the_challenge_is_answered_by_the_labs_web_server() {
    check(parameters("login", json!({})), Pass, "acme.ok").await;
    let closed = lab("LAB_CLOSED_PORT").parse::<u16>().expect("a port");
    check(parameters("login", json!({"port": closed})), Fail, "acme.http01-refused").await;
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_challenge_is_told_apart() {
    let at = |port: u16| parameters("login", json!({"port": port}));
    for (head, body, outcome, code) in [
        ("404 Not Found", "", Pass, "acme.ok"),
        ("200 OK", "token", Pass, "acme.ok"),
        ("200 OK", "<!DOCTYPE html><html>parked", Warn, "acme.http01-catch-all"),
        ("403 Forbidden", "", Fail, "acme.http01-forbidden"),
        ("429 Too Many Requests", "", Fail, "acme.http01-forbidden"),
        ("503 Service Unavailable", "", Fail, "acme.http01-broken"),
        ("421 Misdirected Request", "", Fail, "acme.http01-broken"),
        ("302 Found\r\nLocation: /again", "", Fail, "acme.http01-redirects"),
        ("302 Found\r\nLocation: ftp://a.example/", "", Fail, "acme.http01-redirects"),
        ("302 Found\r\nLocation: http://127.0.0.1:8443/", "", Fail, "acme.http01-redirects"),
        ("302 Found", "", Fail, "acme.http01-redirects"),
    ] {
        check(at(web(head, body).await), outcome, code).await;
    }
    check(at(close_at_once().await), Fail, "acme.http01-refused").await;
    check(at(answer_bytes(b"").await), Unknown, "gonogo.timeout").await;
    check(at(answer_bytes(b"SSH-2.0-OpenSSH\r\n").await), Unknown, "gonogo.answer-unreadable")
        .await;
}

/// A web server with one answer to everything.
async fn web(head: &'static str, body: &'static str) -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    accept(listener, move |mut stream| async move {
        let _request = stream.read(&mut [0; 4096]).await;
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let _sent = stream.write_all(answer.as_bytes()).await;
    });
    port
}

#[tokio::test]
async fn dns_01_needs_the_name_of_the_challenge() {
    let dns = json!({"challenge": "dns-01", "addresses": null});
    check(parameters("login", dns.clone()), Pass, "acme.dns01-ok").await;
    let wild = json!({"domain": format!("*.{}", lab("LAB_ZONE")), "challenge": "dns-01"});
    check(parameters("login", wild), Pass, "acme.caa-ok").await;
}

#[tokio::test]
async fn signatures_are_looked_at_as_an_authority_does() {
    let at = |name: &str, resolver: &str| {
        parameters(
            name,
            json!({"resolver": lab(resolver), "challenge": "dns-01", "addresses": null}),
        )
    };
    let (validates, does_not) = ("LAB_DNS_VALIDATOR", "LAB_DNS_RESOLVER");
    check(at("www.signed", validates), Pass, "acme.dnssec-ok").await;
    check(at("www.expired", validates), Fail, "acme.dnssec-broken").await;
    check(at("www.signed", does_not), Warn, "acme.dnssec-unvalidated").await;
    check(at("www.expired", does_not), Fail, "acme.dnssec-broken").await;
    // What else cannot be looked up is not told before its cause.
    let broken =
        look_in::<Acme>(at("www.expired", validates), &context(Duration::from_secs(2))).await;
    assert_eq!(broken.findings[0].code, "acme.dnssec-broken", "{:#?}", broken.findings);
    let unsigned = look_in::<Acme>(at("login", validates), &context(Duration::from_secs(2))).await;
    assert_eq!(unsigned.codes(NotApplicable), ["acme.dnssec-not-applicable"]);
}

/// An observation of nothing.
pub(crate) fn nothing() -> Observation {
    Observation {
        caa: Vec::new(),
        no_address: None,
        unresolved: None,
        ways: Vec::new(),
        dns01: None,
        alpn01: Vec::new(),
        directory: None,
        in_use: Vec::new(),
        renewal: None,
        dnssec: None,
        order: None,
    }
}

#[test]
fn what_dns_says_of_the_challenge_is_judged() {
    let probe: Acme = serde_json::from_value(json!({"domain": "a.example", "challenge": "dns-01"}))
        .expect("parameters");
    let looked = |rcode, records: usize| Looked {
        name: "_acme-challenge.a.example".to_owned(),
        sight: Sight::Seen(Records { rcode, records: vec!["\"x\"".to_owned(); records] }),
    };
    let times = context(Duration::ZERO).times;
    for (rcode, records, code) in [
        (Rcode::NOERROR, 0, "acme.dns01-ok"),
        (Rcode::NXDOMAIN, 0, "acme.dns01-ok"),
        (Rcode::NOERROR, 7, "acme.dns01-ok"),
        (Rcode::NOERROR, 8, "acme.dns01-leftovers"),
        (Rcode::SERVFAIL, 0, "acme.dns01-broken"),
    ] {
        let seen = Observation { dns01: Some(looked(rcode, records)), ..nothing() };
        let findings = probe.judge(&seen, &times);
        let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["acme.caa-ok", code]);
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (parameters, key) in [
        (json!({"domain": "*.a.example"}), "challenge"),
        (json!({"domain": "*.a.example", "challenge": "tls-alpn-01"}), "challenge"),
        (json!({"domain": "a..example"}), "domain"),
        (json!({"domain": "192.0.2.1"}), "domain"),
        (json!({"domain": "a.example", "addresses": []}), "addresses"),
    ] {
        let probe: Acme = serde_json::from_value(parameters).expect("parameters");
        let keys: Vec<_> = probe.complaints().iter().map(|complaint| complaint.key).collect();
        assert_eq!(keys, [Some(key)]);
    }
    let probe: Acme = serde_json::from_value(json!({"domain": "a.example"})).expect("parameters");
    assert_eq!(
        probe.reproduce(None),
        [
            "dig a.example CAA +noall +answer +comments",
            "curl -sSkIL --max-redirs 10 http://a.example/.well-known/acme-challenge/x",
        ]
    );
}

#[tokio::test]
async fn what_is_known_of_caa_is_not_lost_with_the_addresses() {
    // Answers for CAA only, and says nothing to the rest.
    let server = liar(|question, _| {
        let is_caa = question.queries[0].query_type == RecordType::CAA;
        is_caa
            .then(|| bytes(&failing(question, ResponseCode::ServFail, None)))
            .into_iter()
            .collect()
    })
    .await;
    let parameters = json!({"domain": "login.example", "resolver": server.to_string()});
    let looked = look_in::<Acme>(parameters, &context(Duration::from_secs(2))).await;
    assert_eq!(looked.codes(Fail), ["acme.caa-broken"], "{:#?}", looked.findings);
    // The second of them is about the signatures.
    let unknown = ["gonogo.name-unresolved", "gonogo.timeout"];
    assert_eq!(looked.codes(Unknown), unknown, "{:#?}", looked.findings);
    let silent = looked.findings.iter().find(|one| one.code == "gonogo.timeout");
    assert_eq!(silent.expect("it").target, "login.example DNSSEC");
}

#[tokio::test]
async fn an_authority_that_could_not_be_asked_about_the_renewal_is_unknown() {
    let wild = |more: Value| {
        let mut all = json!({
            "domain": format!("*.nobody-there.{}", lab("LAB_ZONE")),
            "challenge": "dns-01",
            "resolver": lab("LAB_DNS_AUTH"),
        });
        let (Value::Object(all_of), Value::Object(more)) = (&mut all, more) else {
            panic!("parameters are an object")
        };
        all_of.extend(more);
        all
    };
    check(wild(json!({})), Pass, "acme.dns01-ok").await;
    let directory = format!("http://127.0.0.1:{}/directory", lab("LAB_CLOSED_PORT"));
    check(wild(json!({"directory": directory})), Unknown, "acme.no-address").await;
}

#[tokio::test]
async fn only_a_port_that_is_not_listened_at_may_be_answered_on_demand() {
    let at = |port: u16| {
        let challenge = json!({"listen": "127.0.0.1:0"});
        let directory = "https://127.0.0.1:1/directory";
        let order = json!({"directory": directory, "challenge": challenge, "within": "1s"});
        parameters("login", json!({"port": port, "order": order}))
    };
    let closed = lab("LAB_CLOSED_PORT").parse::<u16>().expect("a port");
    let looked = look_in::<Acme>(at(closed), &context(Duration::from_secs(3))).await;
    assert!(looked.codes(NotApplicable).contains(&"acme.http01-on-demand"));
    // Somebody else listens there, and hangs up.
    let hangs_up = at(close_at_once().await);
    let looked = look_in::<Acme>(hangs_up, &context(Duration::from_secs(3))).await;
    assert_eq!(looked.codes(Fail), ["acme.http01-refused"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn an_order_that_cannot_be_read_back_is_not_made_again() {
    let challenge = json!({"listen": "127.0.0.1:0"});
    let directory = "https://127.0.0.1:1/directory";
    let order = json!({"directory": directory, "challenge": challenge, "within": "1s"});
    let parameters = parameters("login", json!({"order": order}));
    let mut cx = context(Duration::from_secs(3));
    cx.made = Some(Arc::new(Facts::of(&json!({"at": "never"})).expect("facts")));
    let looked = look_in::<Acme>(parameters.clone(), &cx).await;
    assert_eq!(looked.codes(Unknown), ["gonogo.bug"], "{:#?}", looked.findings);
    let probe: Acme = serde_json::from_value(parameters).expect("parameters");
    assert!(probe.propose(&looked.seen.expect("it was seen"), &cx.times).is_none());
}
