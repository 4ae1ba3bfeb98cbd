//! The kind `http` against the lab's nginx, and against servers that lie.

use std::net::SocketAddr;
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::Probe;
use gonogo::probe::http::{Ending, Found, Http};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Looked, context, lab, look, look_in};

/// One look at the lab's plain port, with further parameters.
async fn at(path: &str, more: Value) -> Looked<Http> {
    let mut parameters = json!({ "url": format!("{}{path}", lab("LAB_HTTP_URL")) });
    let all = parameters.as_object_mut().expect("a map");
    all.extend(more.as_object().expect("a map").clone());
    look::<Http>(parameters).await
}

async fn check(path: &str, more: Value, outcome: Outcome, codes: &[&str]) {
    let looked = at(path, more.clone()).await;
    assert_eq!(looked.outcome(), outcome, "{path} {more}: {:?}", looked.findings);
    assert_eq!(looked.codes(outcome), codes, "{path} {more}: {:?}", looked.findings);
}

#[tokio::test]
async fn answers_are_judged_by_all_that_is_asked() {
    use Outcome::{Fail, Pass, Unknown};
    check("/healthz", json!({}), Pass, &["http.ok"]).await;
    check("/healthz", json!({ "status": 200 }), Pass, &["http.ok"]).await;
    check("/healthz", json!({ "method": "HEAD" }), Pass, &["http.ok"]).await;
    check("/healthz", json!({ "headers": { "X-Release": r"^1\.2\.0$" } }), Pass, &["http.ok"])
        .await;
    check("/healthz", json!({ "body": r#""version":"1\.2\.0""# }), Pass, &["http.ok"]).await;
    check("/healthz", json!({ "max_latency": "5s" }), Pass, &["http.ok"]).await;
    check("/healthz", json!({ "status": 204 }), Fail, &["http.status"]).await;
    check("/error", json!({}), Fail, &["http.status"]).await;
    check("/moved", json!({}), Fail, &["http.status"]).await;
    check("/moved", json!({ "status": 302 }), Pass, &["http.ok"]).await;
    check("/moved", json!({ "follow": true, "status": 200 }), Pass, &["http.ok"]).await;
    check("/nothing", json!({ "status": ["2xx", 404] }), Pass, &["http.ok"]).await;
    check("/old", json!({ "headers": { "x-release": r"^1\.2\.0$" } }), Fail, &["http.header"])
        .await;
    check("/old", json!({ "headers": { "x-none": ".*" } }), Fail, &["http.header"]).await;
    check("/old", json!({ "body": r"1\.2\.0" }), Fail, &["http.body"]).await;
    check("/big", json!({}), Pass, &["http.ok"]).await;
    check("/big", json!({ "body": "never" }), Unknown, &["http.body-too-large"]).await;
    let both = json!({ "status": 204, "body": "never" });
    check("/old", both, Fail, &["http.body", "http.status"]).await;
}

#[tokio::test]
async fn a_body_that_stalls_after_200_is_not_a_pass() {
    let parameters = json!({ "url": format!("{}/slow", lab("LAB_HTTP_URL")) });
    let looked = look_in::<Http>(parameters.clone(), &context(Duration::from_millis(600))).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.timeout"], "{:?}", looked.findings);
    let mut parameters = parameters;
    parameters["max_latency"] = json!("200ms");
    let looked = look_in::<Http>(parameters, &context(Duration::from_millis(600))).await;
    assert_eq!(looked.codes(Outcome::Fail), ["http.slow"], "{:?}", looked.findings);
}

#[tokio::test]
async fn ask_17_every_address_of_a_name_is_asked() {
    let port = lab("LAB_HTTP_PORT");
    let looked = look::<Http>(json!({ "url": format!("http://localhost:{port}/healthz") })).await;
    let Found::Addresses(all) = looked.seen.expect("facts").found else { panic!("addresses") };
    let shown: Vec<String> = all.iter().map(|at| at.address.to_string()).collect();
    assert_eq!(shown, [format!("127.0.0.1:{port}"), format!("[::1]:{port}")]);
    assert!(looked.findings.iter().all(|finding| finding.code == "http.ok"));
}

#[tokio::test]
async fn one_dead_address_among_good_ones_is_seen() {
    // Nothing of the lab listens on this address of the loopback network.
    let port = lab("LAB_HTTP_PORT");
    let looked = look::<Http>(json!({
        "url": format!("http://match.pixelrush.test:{port}/healthz"),
        "addresses": ["127.0.0.1", "127.9.9.9"],
    }))
    .await;
    assert_eq!(looked.codes(Outcome::Fail), ["http.refused"], "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Pass), ["http.ok"]);
    assert_eq!(looked.findings[1].target, format!("127.9.9.9:{port}"));
}

#[test]
fn a_name_without_an_address_is_a_failure() {
    let probe: Http =
        serde_json::from_value(json!({ "url": "http://nothing.example/" })).expect("parameters");
    let seen = serde_json::from_value(json!({ "found": { "none": "NXDOMAIN" } })).expect("facts");
    let findings = probe.judge(&seen, &context(Duration::from_secs(1)).times);
    assert_eq!(findings[0].code, "http.no-address");
    let by_hand = "curl -sS --noproxy '*' -i http://nothing.example/";
    assert_eq!(probe.reproduce(Some(&seen)), [by_hand]);
}

#[tokio::test]
async fn a_redirect_to_a_host_that_is_not_there_is_a_failure() {
    // RFC 6761 §6.4: nobody need be asked to know that there is no such name.
    let astray =
        "HTTP/1.1 302 Found\r\nlocation: http://nowhere.invalid/\r\ncontent-length: 0\r\n\r\n";
    let address = answers(astray).await;
    let parameters = json!({ "url": format!("http://{address}/"), "follow": true });
    let looked = look::<Http>(parameters).await;
    assert_eq!(looked.codes(Outcome::Fail), ["http.no-address"], "{:?}", looked.findings);
    let finding = &looked.findings[0];
    assert_eq!(finding.target, address.to_string());
    let begin = "redirected to nowhere.invalid, which has no address: ";
    assert!(finding.message.starts_with(begin), "{}", finding.message);
}

#[test]
fn what_contradicts_itself_is_refused() {
    for (parameters, key) in [
        (json!({ "url": "http://a/", "status": [] }), "status"),
        (json!({ "url": "http://a/", "method": "HEAD", "body": "x" }), "body"),
        (json!({ "url": "http://127.0.0.1/", "addresses": ["::1"] }), "addresses"),
        (json!({ "url": "http://a/", "ca": "x.pem" }), "ca"),
        (json!({ "url": "http://a/", "max_latency": "0s" }), "max_latency"),
        (json!({ "url": "http://a/", "headers": { "a b": "x" } }), "headers"),
        (json!({ "url": "http://a/", "numbers": { "a": "b" } }), "numbers"),
        (json!({ "url": "http://a/", "again": "1s" }), "again"),
        (json!({ "url": "http://a/", "numbers": { "a": "" }, "again": "0s" }), "again"),
    ] {
        let probe: Http = serde_json::from_value(parameters).expect("parameters");
        let keys: Vec<_> = probe.complaints().iter().map(|c| c.key).collect();
        assert_eq!(keys, [Some(key)]);
    }
    assert!(
        serde_json::from_value::<Http>(json!({ "url": "http://a/", "method": "DELETE" })).is_err()
    );
}

#[tokio::test]
async fn https_trusts_whom_the_check_names() {
    let port = lab("LAB_HTTPS_PORT");
    let parameters = |name: &str, ca: &str| {
        json!({
            "url": format!("https://{name}.pixelrush.test:{port}/healthz"),
            "addresses": ["127.0.0.1"], "ca": ca, "status": 200,
        })
    };
    let root = lab("LAB_CA");
    let good = look::<Http>(parameters("login", &root)).await;
    assert_eq!(good.codes(Outcome::Pass), ["http.ok"], "{:?}", good.findings);
    let expired = look::<Http>(parameters("expired", &root)).await;
    assert_eq!(expired.codes(Outcome::Fail), ["http.tls"], "{:?}", expired.findings);
    assert!(expired.findings[0].message.contains("expired"), "{:?}", expired.findings);
    let url = format!("https://127.0.0.1:{}/healthz", lab("LAB_HTTP_PORT"));
    let plain = look::<Http>(json!({ "url": url })).await;
    assert_eq!(plain.codes(Outcome::Fail), ["http.tls"], "{:?}", plain.findings);
    assert!(plain.findings[0].message.contains("plain HTTP"), "{:?}", plain.findings);
    let stranger = format!("{}/stranger.pem", lab("LAB_PKI"));
    let missing = look::<Http>(parameters("login", &stranger)).await;
    assert_eq!(missing.codes(Outcome::Unknown), ["gonogo.local"], "{:?}", missing.findings);
}

/// A server on a free port that does the same to everybody.
async fn liar<F, W>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Reads the request's head and answers with these bytes.
async fn answers(bytes: &'static str) -> SocketAddr {
    liar(move |mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let _gone = stream.write_all(bytes.as_bytes()).await;
    })
    .await
}

async fn check_liar(address: SocketAddr, more: Value, outcome: Outcome, code: &str) {
    let mut parameters = json!({ "url": format!("http://{address}/") });
    let all = parameters.as_object_mut().expect("a map");
    all.extend(more.as_object().expect("a map").clone());
    let looked = look_in::<Http>(parameters, &context(Duration::from_secs(2))).await;
    assert_eq!(looked.codes(outcome), [code], "{:?}", looked.findings);
}

#[tokio::test]
async fn liars_are_told_apart() {
    use Outcome::{Fail, Unknown};
    let none = || json!({});
    let garbage = answers("220 mail.example ESMTP\r\n\r\n").await;
    check_liar(garbage, none(), Unknown, "gonogo.answer-unreadable").await;
    check_liar(answers("").await, none(), Fail, "http.closed").await;
    let short = answers("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    check_liar(short, none(), Fail, "http.closed").await;
    let circle = answers("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n").await;
    check_liar(circle, json!({ "follow": true }), Fail, "http.redirect-loop").await;
    let packed =
        answers("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nxx").await;
    check_liar(packed, json!({ "body": "ok" }), Unknown, "http.body-encoded").await;
    let out = answers("HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\n\r\n").await;
    check_liar(out, json!({ "follow": true }), Fail, "http.status").await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_unknown() {
    let silent = liar(|stream| async move {
        let _kept = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let parameters = json!({ "url": format!("http://{silent}/") });
    let looked = look_in::<Http>(parameters, &context(Duration::from_millis(300))).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.timeout"], "{:?}", looked.findings);
}

#[tokio::test]
async fn endless_redirects_end() {
    let endless = liar(|mut stream| async move {
        let mut head = [0; 1024];
        let Ok(n) = stream.read(&mut head).await else { return };
        let head = String::from_utf8_lossy(&head[..n]).into_owned();
        let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
        let answer = format!(
            "HTTP/1.1 302 Found\r\nlocation: {path}x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let _gone = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    check_liar(endless, json!({ "follow": true }), Outcome::Fail, "http.redirect-loop").await;
}

#[tokio::test]
async fn cookies_and_credentials_are_not_recorded() {
    let address = answers(
        "HTTP/1.1 302 Found\r\nset-cookie: session=s3cret\r\nlocation: /in?token=t0ken#fr4gment\r\n\
         content-length: 0\r\n\r\n",
    )
    .await;
    let looked =
        look::<Http>(json!({ "url": format!("http://user:hunter2@{address}/?key=k3y") })).await;
    assert_eq!(looked.findings[0].actual.as_deref(), Some("302 to /in"));
    let text =
        serde_json::to_string(&looked.seen).expect("facts") + &format!("{:?}", looked.findings);
    for secret in ["s3cret", "hunter2", "k3y", "t0ken", "fr4gment"] {
        assert!(!text.contains(secret), "{text}");
    }
    let Found::Addresses(all) = looked.seen.expect("facts").found else { panic!("addresses") };
    let visit = all[0].sight.seen().expect("an answer");
    assert!(matches!(visit.ending, Ending::Answered { status: 302, .. }));
}

/// A service that publishes its pool, each time with the next of these numbers in use.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own needs its own task")]
async fn service(in_use: &'static [u32]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut samples = in_use.iter().cycle();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = [0; 2048];
            let _read = stream.read(&mut question).await;
            let in_use = samples.next().expect("endless");
            let body = json!({
                "db": { "InUse": in_use, "MaxOpenConnections": 20 }, "goroutines": 40 + in_use
            });
            let body = body.to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _written = stream.write_all(answer.as_bytes()).await;
        }
    });
    address.to_string()
}

/// The recipe as it stands in the manual, for another service and without its half minute.
fn recipe(service: &str) -> String {
    let manual = include_str!("../../docs/kinds/http.md");
    let begin = manual.find("- id: pool.leak").expect("the recipe");
    let text: String = manual[begin..].split("```").next().expect("its end").to_owned();
    let text = text.replace("match-0.match.svc:8080", service).replace("again: 30s", "again: 50ms");
    assert!(text.contains(service) && text.contains("50ms"), "{text}");
    let indented: Vec<String> = text.lines().map(|line| format!("      {line}")).collect();
    format!(
        "gonogo: 1\nname: leaks\nsteps:\n  - name: pools\n    checks:\n{}\n",
        indented.join("\n")
    )
}

#[tokio::test]
async fn the_recipe_for_leaks_tells_a_leak_from_a_busy_pool() {
    for (in_use, outcome, expectation) in [
        (&[3, 5][..], "pass", ""),
        (&[5, 3], "pass", ""),
        // It is nearly used up.
        (&[17, 17], "fail", "pool_max"),
        // Nothing is given back.
        (&[3, 9], "fail", "in_use.growth"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let list = dir.path().join("leaks.yaml");
        std::fs::write(&list, recipe(&service(in_use).await)).expect("a file");
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_gonogo"))
            .arg("run")
            .arg(&list)
            .args(["-o", "json"])
            .env_clear()
            .env("XDG_STATE_HOME", dir.path())
            .output()
            .await
            .expect("the tool runs");
        let record: Value = serde_json::from_slice(&output.stdout).expect("a record");
        let check = &record["steps"][0]["checks"][0];
        assert_eq!(check["outcome"], outcome, "{in_use:?} {check:#}");
        let findings = check["findings"].as_array().expect("findings");
        let failed = findings.iter().find(|finding| finding["outcome"] == "fail");
        let message = failed.map_or(String::new(), ToString::to_string);
        assert!(message.contains(expectation), "{in_use:?} {message}");
    }
}

#[tokio::test]
async fn the_pause_between_two_samples_is_beside_the_time_to_look() {
    // The engine adds it to the time-out, which may be the shorter one.
    let address = service(&[3, 5]).await;
    let parameters = json!({
        "url": format!("http://{address}/"), "numbers": { "in_use": "/db/InUse" },
        "again": "1200ms",
    });
    let looked = look_in::<Http>(parameters, &context(Duration::from_secs(2))).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let Found::Addresses(all) = looked.seen.expect("facts").found else { panic!("addresses") };
    assert!((all[0].readings["in_use"].growth - 2.0).abs() < 0.1, "{:?}", all[0].readings);
}

#[tokio::test]
async fn a_real_server_of_go_is_sampled_twice() {
    let url = format!("{}/api/v1/status/runtimeinfo", lab("LAB_PROMETHEUS"));
    let numbers = json!({ "goroutines": "/data/goroutineCount", "none": "/data/nothing" });
    let looked = look::<Http>(json!({ "url": url, "numbers": numbers, "again": "20ms" })).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["http.no-number"], "{:?}", looked.findings);
    let message = &looked.findings.last().expect("findings").message;
    assert_eq!(message, "one of the two samples has no number at /data/nothing");
    let Found::Addresses(all) = looked.seen.expect("facts").found else { panic!("addresses") };
    let reading = all[0].readings.get("goroutines").expect("a reading");
    assert!(reading.first > 5.0 && reading.last > 5.0, "{reading:?}");
    let none = json!({ "url": lab("LAB_HTTP_URL"), "numbers": { "it": "/x" } });
    let looked = look::<Http>(none).await;
    assert!(looked.codes(Outcome::Unknown).contains(&"http.no-number"), "{:?}", looked.findings);
}
