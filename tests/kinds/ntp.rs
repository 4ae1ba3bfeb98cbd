//! `ntp` against the lab's chronyd, and against liars of the test's own.

use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::model::outcome::Outcome;
use gonogo::net::ntp::timestamp;
use gonogo::probe::ntp::Ntp;
use serde_json::json;
use tokio::net::UdpSocket;

use crate::support::{Looked, context, lab, look, look_in};

async fn compared(server: &str) -> Looked<Ntp> {
    look::<Ntp>(json!({ "servers": [server] })).await
}

#[tokio::test]
async fn a_clock_that_agrees_passes_and_one_that_does_not_fails() {
    let right = compared(&lab("LAB_NTP")).await;
    assert_eq!(right.codes(Outcome::Pass), ["ntp.ok"], "{:?}", right.findings);
    let fast = compared(&lab("LAB_NTP_FAST")).await;
    assert_eq!(fast.codes(Outcome::Fail), ["ntp.offset"], "{:?}", fast.findings);
    let message = &fast.findings[0].message;
    assert!(message.starts_with("the clock is 90.0 s behind"), "{message}");
    let allowed =
        look::<Ntp>(json!({ "servers": [lab("LAB_NTP_FAST")], "max_offset": "2m" })).await;
    assert_eq!(allowed.outcome(), Outcome::Pass, "{:?}", allowed.findings);
}

#[tokio::test]
async fn a_server_that_cannot_tell_proves_nothing() {
    let lost = compared(&lab("LAB_NTP_LOST")).await;
    assert_eq!(lost.codes(Outcome::Unknown), ["ntp.unsynchronised"], "{:?}", lost.findings);
    let closed = compared(&lab("LAB_CLOSED")).await;
    assert_eq!(closed.codes(Outcome::Unknown), ["ntp.no-server"], "{:?}", closed.findings);
    let nowhere = compared("nowhere.localhost.invalid:123").await;
    assert_eq!(nowhere.outcome(), Outcome::Unknown, "{:?}", nowhere.findings);
}

#[tokio::test]
async fn one_server_that_is_off_is_not_hidden_by_one_that_agrees() {
    let both =
        look::<Ntp>(json!({ "servers": [lab("LAB_NTP"), lab("LAB_NTP_FAST"), lab("LAB_CLOSED")] }))
            .await;
    assert_eq!(both.outcome(), Outcome::Fail);
    let codes: Vec<&str> = both.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["ntp.ok", "ntp.offset", "ntp.no-server"]);
}

/// What a server of the test's own makes of a question.
type Lie = fn(&[u8]) -> Vec<u8>;

#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
async fn liar(lie: Lie) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut bytes = [0_u8; 512];
        while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            let _sent = socket.send_to(&lie(&bytes[..length]), from).await;
        }
    });
    address.to_string()
}

/// What an honest server of stratum 2 answers.
fn honest(question: &[u8]) -> Vec<u8> {
    let now = timestamp(Clock.exact());
    let mut answer = vec![(4 << 3) | 4, 2, 6, 0xec];
    answer.extend([0; 8]);
    answer.extend([192, 0, 2, 9]);
    answer.extend(now);
    answer.extend(&question[40..48]);
    answer.extend(now);
    answer.extend(now);
    answer
}

#[tokio::test]
async fn only_an_answer_to_the_question_is_believed() {
    let lies: [(Lie, &str, Outcome); 7] = [
        (honest, "ntp.ok", Outcome::Pass),
        // Somebody who cannot see the question guesses its timestamp.
        (
            |q| [&honest(q)[..24], &[7; 8], &honest(q)[32..]].concat(),
            "gonogo.timeout",
            Outcome::Unknown,
        ),
        (<[u8]>::to_vec, "gonogo.timeout", Outcome::Unknown),
        (|q| honest(q)[..47].to_vec(), "gonogo.timeout", Outcome::Unknown),
        (|_| b"HTTP/1.1 400 Bad Request\r\n\r\n".repeat(4), "gonogo.timeout", Outcome::Unknown),
        (
            |q| {
                [&[(4 << 3) | 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0], &b"RATE"[..], &honest(q)[16..]]
                    .concat()
            },
            "ntp.kiss",
            Outcome::Unknown,
        ),
        // A server that says it may be off by an hour.
        (
            |q| [&honest(q)[..8], &[0x0e, 0x10, 0, 0], &honest(q)[12..]].concat(),
            "ntp.uncertain",
            Outcome::Unknown,
        ),
    ];
    for (n, (lie, code, outcome)) in lies.into_iter().enumerate() {
        let cx = context(Duration::from_secs(1));
        let looked = look_in::<Ntp>(json!({ "servers": [liar(lie).await] }), &cx).await;
        assert_eq!(looked.codes(outcome), [code], "{n}: {:?}", looked.findings);
        assert_eq!(looked.outcome(), outcome, "{n}");
    }
}
