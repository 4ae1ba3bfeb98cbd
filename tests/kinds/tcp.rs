//! `tcp` against servers of the test's own: those that greet, and those that do not.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::ProbeCx;
use gonogo::probe::tcp::Tcp;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{context, lab, look_in};

/// A server that says this to everybody, and then nothing more.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
async fn server(greeting: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _gone = stream.write_all(greeting.as_bytes()).await;
            kept.push(stream);
        }
    });
    address.to_string()
}

async fn check(parameters: Value, cx: &ProbeCx, outcome: Outcome, code: &str) {
    let looked = look_in::<Tcp>(parameters.clone(), cx).await;
    assert_eq!(looked.codes(outcome), [code], "{parameters}: {:?}", looked.findings);
    assert_eq!(looked.outcome(), outcome, "{parameters}");
}

#[tokio::test]
async fn a_port_is_judged_by_whether_it_opens_and_what_it_says() {
    let cx = || context(Duration::from_millis(600));
    let mail = server("220 mail.example ESMTP\r\n").await;
    check(json!({ "endpoint": mail }), &cx(), Outcome::Pass, "tcp.ok").await;
    let (right, wrong) = (json!({ "endpoint": mail, "banner": "^220 " }), "^SSH-2");
    check(right, &cx(), Outcome::Pass, "tcp.ok").await;
    check(json!({ "endpoint": mail, "banner": wrong }), &cx(), Outcome::Fail, "tcp.banner").await;
    check(json!({ "endpoint": lab("LAB_CLOSED") }), &cx(), Outcome::Fail, "tcp.refused").await;
}

#[tokio::test]
async fn a_server_without_a_fair_share_of_the_time_to_greet_is_unknown() {
    let silent = server("").await;
    let parameters = || json!({ "endpoint": silent, "banner": "^220 " });
    check(parameters(), &context(Duration::from_millis(600)), Outcome::Fail, "tcp.banner").await;
    // Most of the time went into getting there.
    let cx = ProbeCx { allowance: Duration::from_secs(2), ..context(Duration::from_millis(600)) };
    check(parameters(), &cx, Outcome::Unknown, "gonogo.timeout").await;
    let other = server("SSH-2.0-x\r\n").await;
    let cx = ProbeCx { allowance: Duration::from_secs(2), ..context(Duration::from_millis(600)) };
    let parameters = json!({ "endpoint": other, "banner": "^220 " });
    check(parameters, &cx, Outcome::Fail, "tcp.banner").await;
}
