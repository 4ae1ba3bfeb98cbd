//! Kind `dns` against servers that lie, stall and babble, which no real server can be made to do.

use std::net::SocketAddr;
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::dns::Dns;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, CNAME, HTTPS, SVCB, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use crate::dns_warm::{EDGE, alias_authority};
use crate::support::{Looked, context, look_in};

/// A UDP server on a free port that sends back whatever `lie` makes of the nth question.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
pub(crate) async fn liar(
    lie: impl Fn(&Message, usize) -> Vec<Vec<u8>> + Send + 'static,
) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut buffer = [0_u8; 4096];
        let mut n = 0;
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let question = Message::from_vec(&buffer[..length]).expect("a question");
            for bytes in lie(&question, n) {
                let _ = socket.send_to(&bytes, peer).await;
            }
            n += 1;
        }
    });
    address
}

/// A TCP listener on the same port as a UDP liar that only truncates; it handles one connection
/// after another with `talk`.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
async fn tcp_liar<F, T>(talk: F) -> SocketAddr
where
    F: Fn(tokio::net::TcpStream, Vec<u8>) -> T + Send + 'static,
    T: Future<Output = ()> + Send,
{
    let (listener, socket) = loop {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        if let Ok(socket) = UdpSocket::bind(address).await {
            break (listener, socket);
        }
    };
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut buffer = [0_u8; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let question = Message::from_vec(&buffer[..length]).expect("a question");
            let mut cut = reply(&question);
            cut.metadata.truncation = true;
            let _ = socket.send_to(&bytes(&cut), peer).await;
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut length = [0_u8; 2];
            if stream.read_exact(&mut length).await.is_err() {
                continue;
            }
            let mut question = vec![0_u8; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut question).await.is_ok() {
                talk(stream, question).await;
            }
        }
    });
    address
}

/// An empty answer to a question, as a resolver gives it.
pub(crate) fn reply(question: &Message) -> Message {
    let mut reply = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    reply.queries.clone_from(&question.queries);
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    if question.edns.is_some() {
        reply.edns = Some(Edns::new());
    }
    reply
}

pub(crate) fn record(name: &Name, ttl: u32, data: RData) -> Record {
    Record::from_rdata(name.clone(), ttl, data)
}

/// A good answer: 192.0.2.1 for A, nothing for anything else.
pub(crate) fn good(question: &Message) -> Message {
    let mut reply = reply(question);
    let query = &question.queries[0];
    if query.query_type == RecordType::A {
        reply.answers.push(record(&query.name, 300, RData::A(A::new(192, 0, 2, 1))));
    }
    reply
}

/// The same, as an authority gives it.
pub(crate) fn authoritative(question: &Message, last: u8) -> Message {
    let mut reply = reply(question);
    reply.metadata.recursion_available = false;
    reply.metadata.authoritative = true;
    let query = &question.queries[0];
    reply.answers.push(record(&query.name, 300, RData::A(A::new(192, 0, 2, last))));
    reply
}

pub(crate) fn bytes(message: &Message) -> Vec<u8> {
    message.to_vec().expect("a message")
}

pub(crate) fn failing(question: &Message, rcode: ResponseCode, ede: Option<u16>) -> Message {
    let mut reply = reply(question);
    reply.metadata.response_code = rcode;
    if let (Some(code), Some(edns)) = (ede, &mut reply.edns) {
        let mut data = code.to_be_bytes().to_vec();
        data.extend_from_slice(b"because\x1b[31m");
        edns.options_mut().insert(EdnsOption::Unknown(15, data));
    }
    reply
}

/// A look at one name's A record on a server, without authority, within two seconds.
pub(crate) async fn ask(server: SocketAddr, more: Value) -> Looked<Dns> {
    let mut parameters = json!({
        "names": ["login.example"],
        "types": ["A"],
        "resolvers": [server.to_string()],
        "authorities": "off",
        "warm": { "rounds": 0 },
    });
    let object = parameters.as_object_mut().expect("an object");
    for (key, value) in more.as_object().expect("an object") {
        object.insert(key.clone(), value.clone());
    }
    let cx = context(Duration::from_secs(2));
    let begun = gonogo::clock::Clock.tick();
    let look = look_in::<Dns>(parameters, &cx).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "the facts come home in time");
    look
}

#[tokio::test]
async fn a_good_server_passes() {
    let server = liar(|question, _| vec![bytes(&good(question))]).await;
    let look = ask(server, json!({})).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
}

#[tokio::test]
async fn silence_is_unknown() {
    let server = liar(|_, _| Vec::new()).await;
    let look = ask(server, json!({ "names": ["a.example", "b.example", "c.example"] })).await;
    assert_eq!(look.codes(Outcome::Unknown), ["gonogo.timeout"]);
    assert_eq!(look.findings.len(), 1, "one silent server is one finding");
}

#[tokio::test]
async fn what_is_no_answer_to_the_question_is_never_believed() {
    type Lie = fn(&Message) -> Vec<u8>;
    let lies: [(&str, Lie, &str); 9] = [
        (
            "a wrong id",
            |q| {
                let mut lie = good(q);
                lie.metadata.id = !lie.metadata.id;
                bytes(&lie)
            },
            "gonogo.timeout",
        ),
        (
            "a wrong name",
            |q| {
                let mut lie = good(q);
                lie.queries[0].name = Name::from_ascii("other.example.").expect("a name");
                bytes(&lie)
            },
            "gonogo.timeout",
        ),
        (
            "a wrong type",
            |q| {
                let mut lie = good(q);
                lie.queries[0].query_type = RecordType::AAAA;
                bytes(&lie)
            },
            "gonogo.timeout",
        ),
        ("the question itself", bytes, "gonogo.timeout"),
        ("half a message", |q| bytes(&good(q))[..40].to_vec(), "gonogo.answer-unreadable"),
        ("two bytes", |q| q.metadata.id.to_be_bytes().to_vec(), "gonogo.answer-unreadable"),
        (
            "a compression loop",
            |q| {
                let mut lie = bytes(&reply(&{
                    let mut plain = q.clone();
                    plain.edns = None;
                    plain
                }));
                lie[7] = 1;
                let at = u8::try_from(lie.len()).expect("short");
                lie.extend_from_slice(&[0xc0, at, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]);
                lie
            },
            "gonogo.answer-unreadable",
        ),
        (
            "more than a datagram should hold",
            |q| {
                let mut lie = bytes(&good(q));
                lie.resize(60_000, 0);
                lie
            },
            "gonogo.answer-unreadable",
        ),
        (
            "noise of full size",
            |q| {
                let mut lie = bytes(&good(q));
                lie.resize(4000, 0xff);
                lie[7] = 200;
                lie
            },
            "gonogo.answer-unreadable",
        ),
    ];
    let looks = lies.map(|(what, lie, code)| async move {
        let server = liar(move |question, _| vec![lie(question)]).await;
        let look = ask(server, json!({})).await;
        assert_eq!(look.codes(Outcome::Unknown), [code], "{what}: {:#?}", look.findings);
        assert_eq!(look.outcome(), Outcome::Unknown, "{what}");
    });
    futures_util::future::join_all(looks).await;
}

#[tokio::test]
async fn a_lie_before_the_answer_does_no_harm() {
    let server = liar(|question, _| {
        let mut forged = good(question);
        forged.metadata.id = forged.metadata.id.wrapping_add(1);
        let mut renamed = good(question);
        renamed.queries[0].name = Name::from_ascii("other.example.").expect("a name");
        let mut garbage = bytes(&good(question));
        garbage.truncate(20);
        vec![bytes(&forged), bytes(&renamed), garbage, bytes(&good(question))]
    })
    .await;
    assert_eq!(ask(server, json!({})).await.outcome(), Outcome::Pass);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
async fn an_answer_from_another_address_is_not_heard() {
    let ear = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let mouth = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let server = ear.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut buffer = [0_u8; 4096];
        while let Ok((length, peer)) = ear.recv_from(&mut buffer).await {
            let question = Message::from_vec(&buffer[..length]).expect("a question");
            let _ = mouth.send_to(&bytes(&good(&question)), peer).await;
        }
    });
    assert_eq!(ask(server, json!({})).await.codes(Outcome::Unknown), ["gonogo.timeout"]);
}

#[tokio::test]
async fn a_server_that_answers_every_third_question_loses_none() {
    let counts = std::sync::Mutex::new(std::collections::HashMap::<Name, u32>::new());
    let server = liar(move |question, _| {
        let mut counts = counts.lock().expect("no panic");
        let count = counts.entry(question.queries[0].name.clone()).or_default();
        *count += 1;
        if count.is_multiple_of(3) { vec![bytes(&good(question))] } else { Vec::new() }
    })
    .await;
    let names: Vec<String> = (0..9).map(|n| format!("n{n}.example")).collect();
    let cx = context(Duration::from_secs(8));
    let parameters = json!({
        "names": names, "types": ["A"], "resolvers": [server.to_string()],
        "authorities": "off", "warm": { "rounds": 0 },
    });
    let look = look_in::<Dns>(parameters, &cx).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    let tries = look
        .seen
        .expect("seen")
        .questions
        .iter()
        .map(|question| question.resolvers[0].cold.seen().map_or(0, |answer| answer.tries))
        .max();
    assert!(tries > Some(1), "it was asked again");
}

#[tokio::test]
async fn an_upper_case_echo_is_the_same_question() {
    let server = liar(|question, _| {
        let mut answer = good(question);
        answer.queries[0].name = Name::from_ascii("LOGIN.EXAMPLE.").expect("a name");
        vec![bytes(&answer)]
    })
    .await;
    assert_eq!(ask(server, json!({})).await.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn response_codes_and_extended_errors_have_their_own_codes() {
    for (rcode, ede, code) in [
        (ResponseCode::ServFail, None, "dns.servfail"),
        (ResponseCode::ServFail, Some(22), "dns.servfail"),
        (ResponseCode::Refused, None, "dns.refused"),
        (ResponseCode::Refused, Some(15), "dns.blocked"),
        (ResponseCode::NXDomain, None, "dns.nxdomain"),
        (ResponseCode::NXDomain, Some(17), "dns.blocked"),
        (ResponseCode::NotImp, None, "dns.error-answer"),
        (ResponseCode::NoError, None, "dns.no-data"),
    ] {
        let server = liar(move |question, _| vec![bytes(&failing(question, rcode, ede))]).await;
        let look = ask(server, json!({})).await;
        assert_eq!(look.codes(Outcome::Fail), [code], "{rcode} {ede:?}: {:#?}", look.findings);
        if ede.is_some() {
            let message = &look.findings[0].message;
            assert!(
                message.contains("because\\u{1b}[31m"),
                "foreign text is shown safe: {message}"
            );
        }
    }
}

#[tokio::test]
async fn records_beside_an_error_are_none() {
    for (rcode, code) in [
        (ResponseCode::NXDomain, "dns.nxdomain"),
        (ResponseCode::ServFail, "dns.servfail"),
        (ResponseCode::YXDomain, "dns.error-answer"),
    ] {
        let server = liar(move |question, _| {
            let mut both = good(question);
            both.metadata.response_code = rcode;
            vec![bytes(&both)]
        })
        .await;
        let look = ask(server, json!({ "records": { "login.example A": ["192.0.2.1"] } })).await;
        assert_eq!(look.codes(Outcome::Fail), [code], "{rcode}: {:#?}", look.findings);
    }
}

#[tokio::test]
async fn a_server_without_edns_is_asked_without() {
    let server = liar(|question, _| {
        if question.edns.is_some() {
            let mut refusal = reply(question);
            refusal.edns = None;
            refusal.metadata.response_code = ResponseCode::FormErr;
            vec![bytes(&refusal)]
        } else {
            vec![bytes(&good(question))]
        }
    })
    .await;
    assert_eq!(ask(server, json!({})).await.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn an_expired_answer_is_a_warning() {
    let server = liar(|question, _| {
        let mut answer = failing(question, ResponseCode::NoError, Some(3));
        answer.answers = good(question).answers;
        vec![bytes(&answer)]
    })
    .await;
    let look = ask(server, json!({})).await;
    assert_eq!(look.codes(Outcome::Warn), ["dns.expired-answer"], "{:#?}", look.findings);
}

#[tokio::test]
async fn aliases_that_never_end_or_are_too_many_are_told() {
    let name = |n: usize| Name::from_ascii(format!("c{n}.example.")).expect("a name");
    let chain = move |question: &Message, length: usize, back: bool| {
        let mut answer = reply(question);
        let mut owner = question.queries[0].name.clone();
        for n in 0..length {
            let to =
                if back && n + 1 == length { question.queries[0].name.clone() } else { name(n) };
            answer.answers.push(record(&owner, 60, RData::CNAME(CNAME(to.clone()))));
            owner = to;
        }
        if !back {
            answer.answers.push(record(&owner, 60, RData::A(A::new(192, 0, 2, 1))));
        }
        bytes(&answer)
    };
    let long = liar(move |question, _| vec![chain(question, 9, false)]).await;
    assert_eq!(ask(long, json!({})).await.codes(Outcome::Warn), ["dns.long-chain"]);
    let circle = liar(move |question, _| vec![chain(question, 3, true)]).await;
    assert_eq!(ask(circle, json!({})).await.codes(Outcome::Fail), ["dns.cname-loop"]);
    let endless = liar(move |question, _| vec![chain(question, 40, false)]).await;
    let look = ask(endless, json!({})).await;
    assert!(look.codes(Outcome::Fail).contains(&"dns.cname-loop"), "{:#?}", look.findings);
}

#[tokio::test]
async fn authorities_that_disagree_keep_the_resolvers_from_nothing_but_doubt() {
    let one = liar(|question, _| vec![bytes(&authoritative(question, 10))]).await;
    let two = liar(|question, _| vec![bytes(&authoritative(question, 66))]).await;
    let resolver = liar(|question, _| vec![bytes(&good(question))]).await;
    let authorities = json!({ "authorities": [one.to_string(), two.to_string()] });
    let look = ask(resolver, authorities).await;
    assert_eq!(
        look.codes(Outcome::Fail),
        ["dns.authority-disagrees", "dns.stale-answer"],
        "{:#?}",
        look.findings
    );
    assert!(look.findings.iter().any(|finding| {
        finding.message == format!("{one} says 192.0.2.10; {two} says 192.0.2.66")
    }));
}

#[tokio::test]
async fn one_silent_authority_does_not_hide_the_other() {
    let one = liar(|question, _| vec![bytes(&authoritative(question, 1))]).await;
    let two = liar(|_, _| Vec::new()).await;
    let resolver = liar(|question, _| vec![bytes(&good(question))]).await;
    let look = ask(resolver, json!({ "authorities": [one.to_string(), two.to_string()] })).await;
    assert_eq!(look.outcome(), Outcome::Unknown);
    assert_eq!(look.codes(Outcome::Pass), ["dns.ok"]);
    assert_eq!(look.codes(Outcome::Unknown), ["gonogo.timeout"]);
}

#[tokio::test]
async fn a_slow_server_is_slow() {
    let server = liar(|question, n| {
        // The first try is lost, so the answer takes a retry's time.
        if n == 0 { Vec::new() } else { vec![bytes(&good(question))] }
    })
    .await;
    let look = ask(server, json!({ "max_latency": "100ms" })).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.slow"]);
    let server =
        liar(|question, n| if n == 1 { Vec::new() } else { vec![bytes(&good(question))] }).await;
    let look = ask(server, json!({ "warm": { "rounds": 1, "p95": "50ms" } })).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.slow"], "{:#?}", look.findings);
}

#[tokio::test]
async fn a_ttl_that_never_moves_proves_nothing() {
    let server = liar(|question, _| vec![bytes(&good(question))]).await;
    let cx = context(Duration::from_secs(5));
    let parameters = |server: SocketAddr| {
        json!({
            "names": ["login.example"], "types": ["A"], "resolvers": [server.to_string()],
            "authorities": "off", "warm": { "hit_ratio": "50%" },
        })
    };
    let look = look_in::<Dns>(parameters(server), &cx).await;
    assert_eq!(look.codes(Outcome::Unknown), ["dns.warmth-unproved"], "{:#?}", look.findings);

    // Each answer from another cache.
    let server = liar(|question, n| {
        let mut answer = good(question);
        answer.answers[0].ttl = if n == 0 { 300 } else { 200 };
        vec![bytes(&answer)]
    })
    .await;
    let look = look_in::<Dns>(parameters(server), &context(Duration::from_secs(5))).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.not-warm"], "{:#?}", look.findings);
}

#[tokio::test]
async fn a_cut_answer_without_tcp_is_unknown() {
    let server = liar(|question, _| {
        let mut cut = reply(question);
        cut.metadata.truncation = true;
        vec![bytes(&cut)]
    })
    .await;
    let look = ask(server, json!({})).await;
    assert_eq!(look.codes(Outcome::Unknown), ["gonogo.unreachable"], "{:#?}", look.findings);
}

#[tokio::test]
async fn tcp_that_closes_drips_or_babbles_is_unknown() {
    let closes = tcp_liar(|_, _| async {}).await;
    assert_eq!(ask(closes, json!({})).await.codes(Outcome::Unknown), ["gonogo.unreachable"]);

    let drips = tcp_liar(|mut stream, question| async move {
        let question = Message::from_vec(&question).expect("a question");
        let answer = bytes(&good(&question));
        let length = u16::try_from(answer.len()).expect("short").to_be_bytes();
        let _ = stream.write_all(&length).await;
        for byte in &answer[..answer.len() - 1] {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
        // The last byte never comes; the stream stays open until the prober leaves.
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    assert_eq!(ask(drips, json!({})).await.codes(Outcome::Unknown), ["gonogo.timeout"]);

    let babbles = tcp_liar(|mut stream, question| async move {
        let mut noise = vec![0xff; 65_537];
        noise[2..4].copy_from_slice(&question[..2]);
        let _ = stream.write_all(&noise).await;
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let look = ask(babbles, json!({})).await;
    assert_eq!(look.codes(Outcome::Unknown), ["gonogo.answer-unreadable"], "{:#?}", look.findings);
}

#[tokio::test]
async fn a_text_of_64_kib_is_read_whole() {
    let server = tcp_liar(|mut stream, question| async move {
        let question = Message::from_vec(&question).expect("a question");
        let mut answer = reply(&question);
        let strings: Vec<Vec<u8>> = (0..254).map(|_| vec![b'x'; 255]).collect();
        let strings = strings.iter().map(Vec::as_slice).collect();
        let name = question.queries[0].name.clone();
        answer.answers.push(record(&name, 60, RData::TXT(TXT::from_bytes(strings))));
        let answer = bytes(&answer);
        let length = u16::try_from(answer.len()).expect("it just fits").to_be_bytes();
        let _ = stream.write_all(&length).await;
        let _ = stream.write_all(&answer).await;
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let look = ask(server, json!({ "types": ["TXT"] })).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    assert!(look.findings[0].message.len() < 1_000, "cut in the message");
}

#[tokio::test]
async fn an_alias_out_of_the_zone_is_followed_by_the_resolver_alone() {
    let target = || Name::from_ascii(EDGE).expect("a name");
    let authority = alias_authority().await;
    let through = liar(move |question, _| {
        let mut answer = good(question);
        let name = question.queries[0].name.clone();
        let alias = record(&name, 60, RData::CNAME(CNAME(target())));
        answer.answers = vec![alias, record(&target(), 20, RData::A(A::new(192, 0, 2, 1)))];
        vec![bytes(&answer)]
    })
    .await;
    let direct = liar(|question, _| vec![bytes(&good(question))]).await;
    let authorities = json!([authority.to_string()]);
    let look = ask(through, json!({ "authorities": authorities })).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    let look = ask(direct, json!({ "authorities": authorities })).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.stale-answer"], "{:#?}", look.findings);
    let look = ask(direct, json!({ "authorities": authorities, "resolvers": [] })).await;
    assert_eq!(look.codes(Outcome::Unknown), ["dns.end-unknown"], "{:#?}", look.findings);
}

#[tokio::test]
async fn hints_at_other_addresses_are_told() {
    let hinting = |hint: [u8; 4]| {
        move |question: &Message, _: usize| {
            let mut answer = good(question);
            if question.queries[0].query_type == RecordType::HTTPS {
                let parameters = vec![(
                    SvcParamKey::Ipv4Hint,
                    SvcParamValue::Ipv4Hint(IpHint(vec![A(hint.into())])),
                )];
                let data = RData::HTTPS(HTTPS(SVCB::new(1, Name::root(), parameters)));
                answer.answers.push(record(&question.queries[0].name, 60, data));
            }
            vec![bytes(&answer)]
        }
    };
    let types = || json!({ "types": ["A", "HTTPS"] });
    let same = liar(hinting([192, 0, 2, 1])).await;
    let look = ask(same, types()).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    let other = liar(hinting([192, 0, 2, 66])).await;
    let look = ask(other, types()).await;
    assert_eq!(look.codes(Outcome::Fail), ["dns.hint-differs"], "{:#?}", look.findings);
    let actual = look.findings.iter().find_map(|finding| finding.actual.as_deref());
    assert_eq!(actual, Some("192.0.2.66"));
}
