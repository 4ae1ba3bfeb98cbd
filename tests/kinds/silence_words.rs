//! What Alertmanagers refuse, in their own words; and those that are none, but speak like one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::net::alertmanager::{NewSilence, Trouble, WireMatcher};
use gonogo::probe::silence::Silence;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::silence::{apply, apply_only, on_cluster, with};
use crate::silence_cluster::Cluster;
use crate::support::{context, look_in};

const ASK: Duration = Duration::from_secs(5);

fn refused<T: std::fmt::Debug>(answer: Result<T, Trouble>) -> (u16, String) {
    match answer {
        Err(Trouble::Rejected { status, said }) => (status, said),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_kind_of_refusal_of_a_real_one_is_read() {
    let cluster = Cluster::of(1).await;
    let api = cluster.members[0].api().await;
    let now = gonogo::clock::Clock.now();
    let at = |minutes: i64| now + SignedDuration::from_mins(minutes);
    let matcher = |name: &str, value: &str, is_regex| WireMatcher {
        name: name.to_owned(),
        value: value.to_owned(),
        is_regex,
        is_equal: true,
    };
    let good = || vec![matcher("service", "order", false)];
    let new = |matchers: Vec<WireMatcher>, from: Timestamp, to: Timestamp| NewSilence {
        id: None,
        matchers,
        starts_at: from,
        ends_at: to,
        created_by: "x".to_owned(),
        comment: "x".to_owned(),
        annotations: std::collections::BTreeMap::new(),
    };
    for (silence, status, said) in [
        (new(good(), at(-20), at(-10)), 400, "end time can't be in the past"),
        (new(good(), at(20), at(10)), 400, "start time must be before end time"),
        (new(vec![matcher("a", ".*", true)], at(0), at(9)), 400, "at least one matcher"),
        (new(vec![matcher("a", "[", true)], at(0), at(9)), 400, "error parsing regexp"),
        (new(Vec::new(), at(0), at(9)), 422, "matchers in body should have at least 1 items"),
    ] {
        let (code, words) = refused(api.post(&silence, ASK).await);
        assert_eq!(code, status, "{words}");
        assert!(words.contains(said), "{words}");
        assert!(!words.starts_with(['"', '{']), "{words}");
    }
    let unknown = "6f1c1c0e-6a2f-4a3b-9c0f-000000000000";
    // 404 since version 0.26.
    assert!([404, 500].contains(&refused(api.expire(unknown, ASK).await).0));
    let (code, words) = refused(api.expire("x", ASK).await);
    assert_eq!(code, 422, "{words}");
    assert!(words.contains("must be of type uuid"), "{words}");
    assert!(cluster.members[0].silences().await.is_empty());
}

#[tokio::test]
async fn a_refusal_is_unknown_in_its_own_words_and_leaves_nothing() {
    // Version 0.25 knows no such names; newer ones do.
    let cluster = Cluster::of(1).await;
    let parameters = on_cluster(&cluster).await;
    let utf8 = with(parameters, json!({ "matchers": ["\"app.name\"=order"], "alerts": [] }));
    let cx = context(Duration::from_secs(10));
    match apply_only(&utf8, &cx).await {
        Ok(_) => assert_eq!(cluster.members[0].silences().await.len(), 1),
        Err(said) => {
            assert!(said.contains("answered 400: ") && said.contains("app.name"), "{said}");
            assert!(cluster.members[0].silences().await.is_empty());
        }
    }
}

/// What an imitation holds.
type Held = Arc<Mutex<Vec<Value>>>;

/// Something that speaks like a newer Alertmanager below a prefix, to those who send a header: it
/// answers 202 to a new silence, as Grafana does, and keeps annotations, as version 0.32 does.
async fn imitation(prefix: &'static str) -> (SocketAddr, Held) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let kept = Held::default();
    let shared = Arc::clone(&kept);
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _gone = serve(stream, prefix, &shared).await;
        }
    });
    (address, kept)
}

async fn serve(mut stream: TcpStream, prefix: &str, kept: &Held) -> std::io::Result<()> {
    let mut request = Vec::new();
    let (head, mut body) = loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            break (head.to_lowercase(), body.as_bytes().to_vec());
        }
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
    while body.len() < length {
        stream.read_buf(&mut body).await?;
    }
    let path = head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let (status, answer) = if head.contains("\r\nx-scope-orgid: games") {
        answer(&head, path.strip_prefix(prefix).unwrap_or_default(), &body, kept)
    } else {
        (401, json!({ "message": "no org id" }))
    };
    let answer = answer.to_string();
    let length = answer.len();
    let head =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{answer}").as_bytes()).await
}

fn answer(head: &str, path: &str, body: &[u8], kept: &Held) -> (u16, Value) {
    let mut kept = kept.lock().expect("it is whole");
    match path {
        "/api/v2/status" => (200, json!({ "versionInfo": { "version": "0.32.1" } })),
        "/api/v2/alerts" => (200, json!([])),
        "/api/v2/silences" if head.starts_with("post") => {
            let mut silence: Value = serde_json::from_slice(body).expect("JSON");
            let id = format!("made-{}", kept.len());
            silence["id"] = json!(id);
            silence["status"] = json!({ "state": "active" });
            kept.push(silence);
            (202, json!({ "silenceID": id, "id": id, "message": "silence created" }))
        }
        "/api/v2/silences" => (200, Value::from(kept.clone())),
        _ => (404, json!({ "message": "not found" })),
    }
}

#[tokio::test]
async fn look_alikes_below_their_prefixes_are_spoken_to_and_annotations_mark_ours() {
    for prefix in ["/alertmanager", "/api/alertmanager/grafana", "/api/alertmanager/pbfa97cfb5"] {
        let (address, kept) = imitation(prefix).await;
        let parameters = json!({
            "alertmanagers": [format!("http://{address}{prefix}")], "matchers": ["service=order"],
            "from": "T-5m", "for": "1h", "comment": "rollout",
            "access": { "headers": { "X-Scope-OrgID": "games" } },
        });
        let cx = context(Duration::from_secs(5));
        let (receipt, looked) = apply(&parameters, &cx).await;
        receipt.expect("applied");
        assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
        let made = kept.lock().expect("it is whole")[0].clone();
        assert_eq!(made["annotations"]["gonogo_run"], cx.run.short());

        // Whoever writes the comment anew does not take it from us.
        kept.lock().expect("it is whole")[0]["comment"] = json!("ask Ann");
        let looked = look_in::<Silence>(parameters.clone(), &cx).await;
        assert_eq!(looked.outcome(), Outcome::Pass, "{prefix}: {:?}", looked.findings);
        let stranger = with(parameters, json!({ "access": {} }));
        let looked = look_in::<Silence>(stranger, &cx).await;
        assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.denied"], "{:?}", looked.findings);
    }
}
