//! Kind `dns` and what DNSSEC says: signatures that end, are missing, or do not hold.

use std::net::SocketAddr;
use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::model::outcome::Outcome;
use gonogo::probe::dns::Dns;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, NULL};
use hickory_proto::rr::{Name, RData, RecordType};
use serde_json::{Value, json};

use crate::dns_liars::{authoritative, bytes, failing, good, liar, record};
use crate::support::{Looked, context, look_in};

/// An authority whose A records are signed from and until so many seconds from now.
async fn signing(from: i64, until: i64) -> SocketAddr {
    liar(move |question, _| {
        let mut answer = authoritative(question, 1);
        let wants = question.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
        if wants {
            let name = &question.queries[0].name;
            answer.answers.push(record(name, 300, rrsig(1, from, until)));
        }
        vec![bytes(&answer)]
    })
    .await
}

/// A signature over records of a type (RFC 4034 §3.1); nobody verifies it here.
fn rrsig(covered: u8, from: i64, until: i64) -> RData {
    let now = Clock.now().as_second();
    let at = |distance: i64| u32::try_from(now + distance).expect("before 2106").to_be_bytes();
    let mut data = vec![0, covered, 13, 2, 0, 0, 1, 44];
    data.extend_from_slice(&at(until));
    data.extend_from_slice(&at(from));
    data.extend_from_slice(&[0x12, 0x34, 7]);
    data.extend_from_slice(b"example\0");
    data.extend_from_slice(&[0xab; 64]);
    RData::Unknown { code: RecordType::RRSIG, rdata: NULL::with(data) }
}

async fn ask(authority: SocketAddr, more: Value) -> Looked<Dns> {
    let mut parameters = json!({
        "names": ["login.example"],
        "types": ["A"],
        "resolvers": [],
        "authorities": [authority.to_string()],
    });
    let object = parameters.as_object_mut().expect("an object");
    for (key, value) in more.as_object().expect("an object") {
        object.insert(key.clone(), value.clone());
    }
    let mut cx = context(Duration::from_secs(2));
    cx.times.window.to += Duration::from_hours(3);
    look_in::<Dns>(parameters, &cx).await
}

const HOUR: i64 = 3_600;

#[tokio::test]
async fn signatures_must_outlive_the_window() {
    for (from, until, outcome, words) in [
        (-HOUR, 30 * 24 * HOUR, Outcome::Pass, ""),
        (-HOUR, 48 * HOUR, Outcome::Warn, "soon after the window"),
        (-HOUR, 2 * HOUR, Outcome::Fail, "within the window"),
        (-48 * HOUR, -HOUR, Outcome::Fail, "expired on"),
        (HOUR, 30 * 24 * HOUR, Outcome::Fail, "not good before"),
    ] {
        let authority = signing(from, until).await;
        let look = ask(authority, json!({})).await;
        assert_eq!(look.outcome(), outcome, "{from} {until}: {:#?}", look.findings);
        if outcome != Outcome::Pass {
            let found = look.findings.iter().find(|f| f.code == "dns.signature-expires");
            let found = found.expect("its own code");
            assert!(found.message.contains(words), "{}", found.message);
        }
        let look = ask(authority, json!({ "dnssec": "off" })).await;
        assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    }
}

#[tokio::test]
async fn of_two_signatures_over_the_same_records_one_good_one_is_enough() {
    const MONTH: i64 = 30 * 24 * HOUR;
    for (one, other, outcome) in [
        // The outgoing key's ends, the incoming one's has not begun, both are about to end.
        ((-HOUR, 2 * HOUR), (-HOUR, MONTH), Outcome::Pass),
        ((-MONTH, -HOUR), (-HOUR, MONTH), Outcome::Pass),
        ((HOUR, 2 * MONTH), (-HOUR, MONTH), Outcome::Pass),
        ((-HOUR, 2 * HOUR), (-HOUR, HOUR), Outcome::Fail),
        ((HOUR, MONTH), (-HOUR, HOUR), Outcome::Fail),
    ] {
        for signatures in [[one, other], [other, one]] {
            let authority = liar(move |question: &Message, _| {
                let mut answer = authoritative(question, 1);
                let name = question.queries[0].name.clone();
                let signed = signatures.map(|(from, until)| rrsig(1, from, until));
                answer.answers.extend(signed.map(|data| record(&name, 300, data)));
                vec![bytes(&answer)]
            })
            .await;
            let look = ask(authority, json!({})).await;
            assert_eq!(look.outcome(), outcome, "{signatures:?}: {:#?}", look.findings);
        }
    }
}

#[tokio::test]
async fn an_unsigned_zone_is_only_wrong_where_signatures_are_required() {
    let authority = liar(|question: &Message, _| vec![bytes(&authoritative(question, 1))]).await;
    assert_eq!(ask(authority, json!({})).await.outcome(), Outcome::Pass);
    let look = ask(authority, json!({ "dnssec": "require" })).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.unsigned"]);

    let signed = signing(-HOUR, 30 * 24 * HOUR).await;
    let look = ask(signed, json!({ "dnssec": "require" })).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
}

#[tokio::test]
async fn a_bogus_answer_is_told_from_a_failing_resolver() {
    let bogus = liar(|question: &Message, _| {
        vec![bytes(&if question.metadata.checking_disabled {
            good(question)
        } else {
            failing(question, ResponseCode::ServFail, Some(7))
        })]
    })
    .await;
    let more =
        |server: SocketAddr| json!({ "resolvers": [server.to_string()], "authorities": "off" });
    let look = ask(bogus, more(bogus)).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.bogus"], "{:#?}", look.findings);
    let found = look.findings.iter().find(|finding| finding.code == "dns.bogus").expect("it");
    assert!(found.message.contains("EDE 7 (signature expired"), "{}", found.message);

    let failing_always = liar(|question: &Message, _| {
        vec![bytes(&failing(question, ResponseCode::ServFail, Some(22)))]
    })
    .await;
    let look = ask(failing_always, more(failing_always)).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.servfail"]);
}

#[tokio::test]
async fn an_alias_out_of_the_zone_needs_a_signature_of_its_own() {
    let target = || Name::from_ascii("edge.cdn.example.").expect("a name");
    let authority = |until: Option<i64>| {
        liar(move |question: &Message, _| {
            let mut answer = authoritative(question, 1);
            let name = question.queries[0].name.clone();
            answer.answers = vec![record(&name, 300, RData::CNAME(CNAME(target())))];
            // Type 5 is CNAME.
            let signature = until.map(|until| record(&name, 300, rrsig(5, -HOUR, until)));
            answer.answers.extend(signature);
            vec![bytes(&answer)]
        })
    };
    let resolver = liar(move |question: &Message, _| {
        let mut answer = good(question);
        let name = question.queries[0].name.clone();
        let alias = record(&name, 300, RData::CNAME(CNAME(target())));
        answer.answers = vec![alias, record(&target(), 20, RData::A(A::new(192, 0, 2, 1)))];
        vec![bytes(&answer)]
    })
    .await;
    for (until, dnssec, codes) in [
        (None, "auto", &[][..]),
        (None, "require", &["dns.unsigned"][..]),
        (Some(2 * HOUR), "auto", &["dns.signature-expires"][..]),
        (Some(30 * 24 * HOUR), "require", &[][..]),
    ] {
        let more = json!({ "resolvers": [resolver.to_string()], "dnssec": dnssec });
        let look = ask(authority(until).await, more).await;
        assert_eq!(look.codes(Outcome::Fail), codes, "{until:?} {dnssec}: {:#?}", look.findings);
        assert_eq!(look.outcome() == Outcome::Pass, codes.is_empty(), "{:#?}", look.findings);
    }
}
