//! Kind `dns` and names that answer by region, on behalf of clients elsewhere.

use std::net::SocketAddr;
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::dns::Dns;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use serde_json::json;

use crate::dns_liars::{authoritative, bytes, failing, good, liar, record};
use crate::support::{Looked, context, look_in};

/// The client's network in a question.
fn subnet(question: &Message) -> Option<ClientSubnet> {
    match question.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(*subnet),
        EdnsOption::NSID(_) | EdnsOption::Unknown(..) | _ => None,
    }
}

/// An authority that answers 192.0.2.86 to clients of 203.0.113.0/24, else 192.0.2.1.
async fn regional() -> SocketAddr {
    liar(|question, _| vec![bytes(&by_region(question, authoritative(question, 1)))]).await
}

fn by_region(question: &Message, mut answer: Message) -> Message {
    if let Some(subnet) = subnet(question) {
        if subnet.addr().to_string().starts_with("203.0.113.") {
            let name = &question.queries[0].name;
            answer.answers = vec![record(name, 60, RData::A(A::new(192, 0, 2, 86)))];
        }
        let echo = ClientSubnet::new(subnet.addr(), subnet.source_prefix(), 24);
        if let Some(edns) = &mut answer.edns {
            edns.options_mut().insert(EdnsOption::Subnet(echo));
        }
    }
    answer
}

async fn ask(authority: SocketAddr, resolver: SocketAddr, east: &str) -> Looked<Dns> {
    let records = |ip: &str| json!({ "login.example A": [ip] });
    let parameters = json!({
        "names": ["login.example"],
        "types": ["A"],
        "resolvers": [resolver.to_string()],
        "authorities": [authority.to_string()],
        "client_subnet": {
            "cn-east": { "subnet": "203.0.113.0/24", "records": records(east) },
            "us-west": { "subnet": "198.51.100.0/24", "records": records("192.0.2.1") },
        },
    });
    look_in::<Dns>(parameters, &context(Duration::from_secs(3))).await
}

#[tokio::test]
async fn each_region_gets_its_own_answer() {
    let authority = regional().await;
    let passing = liar(|question, _| vec![bytes(&by_region(question, good(question)))]).await;
    let look = ask(authority, passing, "192.0.2.86").await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);

    let look = ask(authority, passing, "192.0.2.99").await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.wrong-region"], "{:#?}", look.findings);
    let wrong: Vec<&str> = look
        .findings
        .iter()
        .filter(|finding| finding.outcome == Outcome::Fail)
        .map(|finding| finding.target.as_str())
        .collect();
    assert!(
        wrong.iter().all(|target| target.ends_with("login.example A for cn-east")),
        "{wrong:?}"
    );
    assert_eq!(wrong.len(), 2, "the authority and the resolver");
}

#[tokio::test]
async fn servers_that_ignore_the_network_prove_nothing_about_it() {
    let authority = regional().await;
    let ignoring = liar(|question, _| vec![bytes(&good(question))]).await;
    let look = ask(authority, ignoring, "192.0.2.86").await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    assert_eq!(look.codes(Outcome::NotApplicable), ["dns.subnet-ignored"]);

    let ignoring = liar(|question, _| vec![bytes(&authoritative(question, 1))]).await;
    let resolver = liar(|question, _| vec![bytes(&good(question))]).await;
    let look = ask(ignoring, resolver, "192.0.2.86").await;
    assert_eq!(look.codes(Outcome::Unknown), ["dns.subnet-ignored"], "{:#?}", look.findings);
}

#[tokio::test]
async fn a_resolver_that_answers_nothing_is_not_excused_by_the_network() {
    let authority = regional().await;
    for (rcode, code) in [
        (ResponseCode::ServFail, "dns.servfail"),
        (ResponseCode::Refused, "dns.refused"),
        (ResponseCode::NotImp, "dns.error-answer"),
    ] {
        let resolver = liar(move |question, _| vec![bytes(&failing(question, rcode, None))]).await;
        let parameters = json!({
            "resolvers": [resolver.to_string()],
            "authorities": [authority.to_string()],
            "client_subnet": {
                "cn-east": {
                    "subnet": "203.0.113.0/24",
                    "records": { "login.example A": ["192.0.2.86"] },
                },
            },
        });
        let look = look_in::<Dns>(parameters, &context(Duration::from_secs(3))).await;
        assert_eq!(look.codes(Outcome::Fail), [code], "{rcode}: {:#?}", look.findings);
    }
    // One that says no to the client's network alone serves its clients, and does not pass it on.
    for (rcode, outcome) in
        [(ResponseCode::Refused, Outcome::Pass), (ResponseCode::ServFail, Outcome::Fail)]
    {
        let picky = liar(move |question, _| {
            let asked_for = subnet(question).is_some();
            let answer = if asked_for { failing(question, rcode, None) } else { good(question) };
            vec![bytes(&answer)]
        })
        .await;
        let look = ask(authority, picky, "192.0.2.86").await;
        assert_eq!(look.outcome(), outcome, "{rcode}: {:#?}", look.findings);
    }
}
