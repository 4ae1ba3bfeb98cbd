//! The kind `silence` when Alertmanagers fail it: down, cut off, forgetful, stalling, lying.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::net::alertmanager::Matcher;
use gonogo::net::http::Access;
use gonogo::probe::ProbeCx;
use gonogo::probe::silence::fleet::{Fleet, Which};
use gonogo::probe::silence::{Silence, marker};
use jiff::SignedDuration;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::silence::{apply, apply_only, on_cluster, on_members, with};
use crate::silence_cluster::{Cluster, ending, until};
use crate::support::{context, look_in};

const ALLOWED: Duration = Duration::from_secs(20);

#[tokio::test]
async fn ask_24_with_one_member_down_the_other_gets_the_silence_and_the_down_one_is_said() {
    let mut cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    cluster.members[0].kill();
    let cx = context(ALLOWED);
    let (receipt, looked) = apply(&parameters, &cx).await;
    receipt.expect("applied");
    assert_eq!(looked.codes(Outcome::Fail), ["silence.member-down"], "{:?}", looked.findings);
    assert_eq!(on_members(&looked), 1, "{:?}", looked.findings);

    // When it comes back it learns of the silence from the other.
    cluster.start(0);
    cluster.settled(2).await;
    let back = &cluster.members[0];
    until("the silence to arrive", || async { back.silences().await.len() == 1 }).await;
    let looked = look_in::<Silence>(parameters, &cx).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
}

#[tokio::test]
async fn a_forgetful_member_cut_off_gets_its_own_and_twins_end_when_the_cluster_heals() {
    let mut cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(ALLOWED);
    apply(&parameters, &cx).await.0.expect("applied");

    // Restarted with nothing written down and nobody to tell it.
    cluster.members[0].kill();
    cluster.members[1].kill();
    cluster.members[0].forget();
    cluster.start_alone(0);
    cluster.start_alone(1);
    cluster.settled(1).await;
    cluster.fire(&[json!({ "alertname": "HighLatency", "service": "order" })]).await;
    let looked = look_in::<Silence>(parameters.clone(), &cx).await;
    assert_eq!(looked.codes(Outcome::Pending), ["silence.not-applied"], "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Warn), ["silence.separate-clusters"]);
    let (receipt, looked) = apply(&parameters, &cx).await;
    receipt.expect("applied");
    assert_eq!(looked.outcome(), Outcome::Warn, "{:?}", looked.findings);

    cluster.members[0].kill();
    cluster.start(0);
    cluster.settled(2).await;
    let members = &cluster.members;
    let both = |n| async move {
        members[0].silences().await.len() == n && members[1].silences().await.len() == n
    };
    if !both(1).await {
        until("the twins to meet", || both(2)).await;
        let looked = look_in::<Silence>(parameters.clone(), &cx).await;
        assert_eq!(looked.codes(Outcome::Warn), ["silence.duplicate"], "{:?}", looked.findings);
        let (receipt, looked) = apply(&parameters, &cx).await;
        receipt.expect("applied");
        assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    }
    until("one silence to be left", || both(1)).await;
}

#[tokio::test]
async fn ask_24_runs_at_the_same_moment_leave_one_silence() {
    let cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    let mut turned = parameters.clone();
    turned["alertmanagers"].as_array_mut().expect("a list").reverse();
    let contexts = [context(ALLOWED), context(ALLOWED), context(ALLOWED), context(ALLOWED)];
    let (a, b, c, d) = tokio::join!(
        apply_only(&parameters, &contexts[0]),
        apply_only(&turned, &contexts[1]),
        apply_only(&parameters, &contexts[2]),
        apply_only(&turned, &contexts[3]),
    );
    for receipt in [a, b, c, d] {
        receipt.expect("applied");
    }
    let members = &cluster.members;
    until("one silence to be left", || async {
        members[0].silences().await.len() == 1 && members[1].silences().await.len() == 1
    })
    .await;
    let looked = look_in::<Silence>(parameters, &contexts[0]).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
}

/// What a go-between does to a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mischief {
    /// The first POST is passed on, and its answer is kept back for ever.
    LosesTheAnswer,
    /// The first POST is passed on, and the connection closed instead of an answer.
    Closes,
    /// The first POST is answered with 503 and not passed on.
    Refuses,
    /// The first POST is answered with 404, as by one that has not heard of the silence.
    Misses,
    /// The first POST is answered with 403, as by one who may not silence there.
    Forbids,
    /// The first DELETE is answered with 503 and not passed on.
    KeepsOne,
}

impl Mischief {
    /// The requests of which the first is played a trick on, and the answer it gets at once, if any.
    const fn trick(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::LosesTheAnswer | Self::Closes => ("POST", None),
            Self::Refuses => ("POST", Some("503 Service Unavailable")),
            Self::Misses => ("POST", Some("404 Not Found")),
            Self::Forbids => ("POST", Some("403 Forbidden")),
            Self::KeepsOne => ("DELETE", Some("503 Service Unavailable")),
        }
    }
}

/// A go-between before an Alertmanager that plays a trick on the first POST or DELETE; it counts them.
async fn between(upstream: SocketAddr, mischief: Mischief) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let posts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&posts);
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let posts = Arc::clone(&counted);
            #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
            tokio::spawn(async move {
                let _gone = pass(stream, upstream, mischief, &posts).await;
            });
        }
    });
    (address, posts)
}

/// One request, passed on with `connection: close` so that its answer ends with the connection.
async fn pass(
    mut stream: TcpStream,
    upstream: SocketAddr,
    mischief: Mischief,
    posts: &AtomicUsize,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned))
        .map_or(0, |length| length.parse().expect("a length"));
    let mut body = body.as_bytes().to_vec();
    while body.len() < length {
        stream.read_buf(&mut body).await?;
    }
    let (verb, status) = mischief.trick();
    let first = head.starts_with(verb) && posts.fetch_add(1, Ordering::SeqCst) == 0;
    if let Some(status) = status.filter(|_| first) {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return stream.write_all(answer.as_bytes()).await;
    }
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    server.write_all(&body).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    match mischief {
        Mischief::LosesTheAnswer if first => std::future::pending().await,
        Mischief::Closes if first => Ok(()),
        Mischief::LosesTheAnswer
        | Mischief::Closes
        | Mischief::Refuses
        | Mischief::Misses
        | Mischief::Forbids
        | Mischief::KeepsOne => {
            let text = String::from_utf8_lossy(&answer).into_owned();
            let text = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            stream.write_all(text.as_bytes()).await
        }
    }
}

#[tokio::test]
async fn a_doubtful_post_is_looked_for_before_it_is_made_again() {
    for (mischief, expected) in
        [(Mischief::LosesTheAnswer, 1), (Mischief::Closes, 1), (Mischief::Refuses, 2)]
    {
        let cluster = Cluster::of(1).await;
        let parameters = on_cluster(&cluster).await;
        let upstream = cluster.members[0].url().trim_start_matches("http://").parse().expect("it");
        let (address, posts) = between(upstream, mischief).await;
        let parameters =
            with(parameters, json!({ "alertmanagers": [format!("http://{address}")] }));
        let (receipt, looked) = apply(&parameters, &context(Duration::from_secs(4))).await;
        receipt.expect("applied");
        assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
        assert_eq!(posts.load(Ordering::SeqCst), expected);
        assert_eq!(cluster.members[0].silences().await.len(), 1);
    }
}

#[tokio::test]
async fn a_member_that_has_not_heard_of_a_silence_does_not_keep_it_from_being_changed() {
    let cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(ALLOWED);
    apply_only(&parameters, &cx).await.expect("applied");
    let upstream = cluster.members[0].url().trim_start_matches("http://").parse().expect("it");
    let (address, posts) = between(upstream, Mischief::Misses).await;
    let urls = json!([format!("http://{address}"), cluster.members[1].url()]);
    let parameters = with(parameters, json!({ "alertmanagers": urls }));
    let mut moved = context(ALLOWED);
    moved.times.launch = cx.times.launch + SignedDuration::from_mins(30);
    apply_only(&parameters, &moved).await.expect("changed on the other");
    assert_eq!(posts.load(Ordering::SeqCst), 1);
    for member in &cluster.members {
        assert_eq!(member.silences().await.len(), 1);
    }
}

#[tokio::test]
async fn where_a_second_cluster_refuses_it_is_said_what_the_first_has() {
    let (one, two) = (Cluster::of(1).await, Cluster::of(1).await);
    let parameters = on_cluster(&one).await;
    let upstream = two.members[0].url().trim_start_matches("http://").parse().expect("it");
    let (address, posts) = between(upstream, Mischief::Forbids).await;
    let urls = json!([one.urls()[0], format!("http://{address}")]);
    let parameters = with(parameters, json!({ "alertmanagers": urls }));
    let why = apply_only(&parameters, &context(ALLOWED)).await.expect_err("refused");
    assert!(why.starts_with("making the silence everywhere: made so far: silence "), "{why}");
    assert_eq!(posts.load(Ordering::SeqCst), 1);
    assert_eq!(one.members[0].silences().await.len(), 1);
    assert!(two.members[0].silences().await.is_empty());
}

#[tokio::test]
async fn a_silence_that_cannot_be_ended_at_first_does_not_keep_the_others() {
    let cluster = Cluster::of(1).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(ALLOWED);
    for matcher in ["service=a", "service=b", "service=c"] {
        let one = with(parameters.clone(), json!({ "matchers": [matcher], "alerts": [] }));
        apply_only(&one, &cx).await.expect("applied");
    }
    let upstream = cluster.members[0].url().trim_start_matches("http://").parse().expect("it");
    let (address, ends) = between(upstream, Mischief::KeepsOne).await;
    let url = format!("http://{address}").parse().expect("a URL");
    let limit = Duration::from_secs(5);
    let fleet = Fleet::find(&[url], &Access::default(), limit).await.expect("an address");
    let ended = fleet.expire(&Which::Ours, &ending(), limit).await.expect("ended");
    assert_eq!((ended.done.len(), ends.load(Ordering::SeqCst)), (3, 4));
    assert!(cluster.members[0].silences().await.is_empty());
}

/// What looks like an Alertmanager with these silences: it answers by the path, and takes its time.
async fn slow(silences: serde_json::Value, pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let status = json!({ "cluster": { "status": "ready", "peers": [{ "name": "a" }] } });
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap_or_default();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let body = match head.split([' ', '?']).nth(1) {
                Some("/api/v2/status") => status.to_string(),
                Some("/api/v2/silences") => silences.to_string(),
                Some(_) | None => "[]".to_owned(),
            };
            tokio::time::sleep(pause).await;
            let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
            let _gone = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_silence_that_does_not_arrive_is_told_before_the_time_is_over() {
    let cx = context(Duration::from_secs(3));
    let at = |minutes| (cx.times.now + SignedDuration::from_mins(minutes)).to_string();
    let matchers: Vec<Matcher> = vec!["service=order".parse().expect("a matcher")];
    let key = marker::key(&cx.id, &matchers);
    let silence = |updated_at: String| {
        json!([{
            "id": "s1", "status": { "state": "active" }, "startsAt": at(-5), "endsAt": at(60),
            "updatedAt": updated_at, "createdBy": "gonogo",
            "comment": marker::comment(&key, &cx.run.short(), &cx.id, "x"),
            "matchers": [{ "name": "service", "value": "order", "isRegex": false }],
        }])
    };
    // A moment ago by this clock, and by one that is ahead by more than news take.
    for (updated_at, at_least) in [(at(0), 2), (at(10), 0)] {
        let pause = Duration::from_millis(300);
        let urls = [slow(silence(updated_at), pause).await, slow(json!([]), pause).await];
        let parameters = json!({
            "alertmanagers": urls, "matchers": ["service=order"], "from": "T-5m", "for": "1h",
            "comment": "x",
        });
        let cx = ProbeCx { limit: cx.clock.tick() + cx.allowance, ..cx.clone() };
        let begun = cx.clock.tick();
        let look = look_in::<Silence>(parameters, &cx);
        let looked = tokio::time::timeout(cx.allowance, look).await.expect("in time");
        let missing = looked.codes(Outcome::Fail);
        assert_eq!(missing, ["silence.missing-on-member"], "{:?}", looked.findings);
        assert_eq!(looked.codes(Outcome::Unknown), Vec::<&str>::new(), "{:?}", looked.findings);
        assert!(begun.elapsed().as_secs() >= at_least, "{:?}", begun.elapsed());
        assert!(at_least > 0 || begun.elapsed() < Duration::from_secs(2));
    }
}

/// A server that sends these bytes to everybody, or nothing at all.
async fn liar(answer: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            if let Some(answer) = answer {
                let _read = stream.read(&mut head).await;
                let _gone = stream.write_all(answer.as_bytes()).await;
            } else {
                kept.push(stream);
            }
        }
    });
    address
}

#[tokio::test]
async fn silence_and_garbage_from_an_alertmanager_are_unknown() {
    let json = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"cluster\":{\"status\":\"ready\"}}";
    let denied = "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\nUnauthorized";
    let missing = "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n404 page not found";
    for (answer, code) in [
        (None, "gonogo.timeout"),
        (Some("SSH-2.0-OpenSSH_9.2\r\n"), "gonogo.answer-unreadable"),
        (Some(json), "gonogo.answer-unreadable"),
        (Some(missing), "gonogo.answer-unreadable"),
        (Some(denied), "gonogo.denied"),
    ] {
        let parameters = json!({
            "alertmanagers": [format!("http://{}", liar(answer).await)],
            "matchers": ["service=order"], "from": "T-0", "for": "1h", "comment": "x",
        });
        let looked = look_in::<Silence>(parameters, &context(Duration::from_millis(700))).await;
        assert_eq!(looked.codes(Outcome::Unknown), [code], "{:?}", looked.findings);
    }
}
