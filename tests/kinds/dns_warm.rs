//! Kind `dns` and resolvers that answer once, and then fall silent or say something else.

use std::net::SocketAddr;

use gonogo::model::outcome::Outcome;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME};
use hickory_proto::rr::{Name, RData};
use serde_json::json;

use crate::dns_liars::{ask, authoritative, bytes, failing, good, liar, record};

/// Where an alias out of the zone leads.
pub(crate) const EDGE: &str = "edge.cdn.example.";

/// An authority that says of every name that it is an alias of [`EDGE`].
pub(crate) async fn alias_authority() -> SocketAddr {
    liar(|question, _| {
        let mut answer = authoritative(question, 1);
        let name = question.queries[0].name.clone();
        let target = Name::from_ascii(EDGE).expect("a name");
        answer.answers = vec![record(&name, 60, RData::CNAME(CNAME(target)))];
        vec![bytes(&answer)]
    })
    .await
}

#[tokio::test]
async fn silence_in_the_warm_rounds_is_no_speed() {
    let server =
        || liar(|question, n| if n == 0 { vec![bytes(&good(question))] } else { Vec::new() });
    for more in [
        json!({ "warm": { "rounds": 1, "p95": "2s" } }),
        json!({ "warm": { "rounds": 1 }, "max_latency": "2s" }),
    ] {
        let look = ask(server().await, more).await;
        assert_eq!(look.outcome(), Outcome::Unknown, "{:#?}", look.findings);
        assert_eq!(look.codes(Outcome::Unknown), ["dns.slow"], "{:#?}", look.findings);
        let said = look.findings.iter().find(|finding| finding.code == "dns.slow").expect("it");
        assert_eq!(said.actual.as_deref(), Some("0 of 1"));
    }
    let look = ask(server().await, json!({ "warm": { "rounds": 1 } })).await;
    assert_eq!(look.outcome(), Outcome::Pass, "nothing was asked of it: {:#?}", look.findings);
}

/// An answer that has expired.
fn stale(question: &Message) -> Message {
    let mut answer = failing(question, ResponseCode::NoError, Some(3));
    answer.answers = good(question).answers;
    answer
}

#[tokio::test]
async fn the_worst_of_all_answers_is_told() {
    let fail = |question: &Message| failing(question, ResponseCode::ServFail, None);
    // Whether the first one, or only a later one, is a warning by itself.
    for first_is_stale in [true, false] {
        let server = liar(move |question, n| {
            vec![bytes(&match n {
                0 if first_is_stale => stale(question),
                0 => good(question),
                1 => stale(question),
                _ => fail(question),
            })]
        })
        .await;
        let look = ask(server, json!({ "warm": { "rounds": 2 } })).await;
        assert_eq!(look.codes(Outcome::Fail), ["dns.servfail"], "{:#?}", look.findings);
    }
}

#[tokio::test]
async fn a_wrong_answer_is_seen_behind_right_ones_that_differ() {
    let target = || Name::from_ascii(EDGE).expect("a name");
    let authority = alias_authority().await;
    for (wrong, outcome) in [(2, Outcome::Fail), (9, Outcome::Pass)] {
        // Its records rotate behind the alias; in the last round it has none of it.
        let resolver = liar(move |question, n| {
            let mut answer = good(question);
            if n < wrong {
                let name = question.queries[0].name.clone();
                let last = u8::try_from(n).expect("few questions");
                let alias = record(&name, 60, RData::CNAME(CNAME(target())));
                let address = record(&target(), 20, RData::A(A::new(192, 0, 2, last)));
                answer.answers = vec![alias, address];
            }
            vec![bytes(&answer)]
        })
        .await;
        let more = json!({ "authorities": [authority.to_string()], "warm": { "rounds": 2 } });
        let look = ask(resolver, more).await;
        assert_eq!(look.outcome(), outcome, "{:#?}", look.findings);
        let seen = look.seen.as_ref().expect("something was seen");
        let warm = seen.questions[0].resolvers[0].warm.as_ref().expect("warm answers");
        assert_eq!(warm.changed.len(), 2, "{warm:#?}");
        if outcome == Outcome::Fail {
            assert_eq!(look.codes(Outcome::Fail), ["dns.stale-answer"], "{:#?}", look.findings);
        }
    }
}
