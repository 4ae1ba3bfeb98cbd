//! Kind `acme`: test orders at authorities that refuse, stall and lie.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::model::fault::Fault;
use gonogo::model::outcome::Outcome::{self, Fail, Unknown};
use gonogo::probe::acme::{Acme, Made, OrderEnd};
use gonogo::probe::{JudgeCx, Probe};
use jiff::SignedDuration;
use rcgen::SanType;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::acme_order::{Walk, parameters, walk, walk_within};
use crate::support::{context, lab, look_in};
use crate::tls_forge::{Authority, Identity, NORMAL};
use crate::tls_server::{accept, answer_bytes, listener, pem};

/// One answer: the status line and further headers, and the body.
type Answer = (String, String);

/// An authority for one order that verifies nothing, with other answers for some paths. Returns its
/// port, and how often it was asked.
async fn authority(lies: &[(&str, Answer)]) -> (u16, Arc<AtomicUsize>) {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let name = format!("order2.{}", lab("LAB_ZONE"));
    let ok = |body: Value| ("200 OK".to_owned(), body.to_string());
    let made = |path: &str, body: Value| {
        (format!("201 Created\r\nLocation: {}", at(path)), body.to_string())
    };
    let order = |status: &str| {
        json!({
            "status": status, "identifiers": [{"type": "dns", "value": name}],
            "authorizations": [at("/authorization")], "finalize": at("/finalize"), "certificate": at("/certificate"),
        })
    };
    let mut answers: HashMap<String, Answer> = HashMap::from([
        (
            "/directory".to_owned(),
            ok(json!({
                "newNonce": at("/nonce"), "newAccount": at("/account"), "newOrder": at("/new-order"),
            })),
        ),
        ("/nonce".to_owned(), ("204 No Content".to_owned(), String::new())),
        ("/account".to_owned(), made("/account/1", json!({"status": "valid"}))),
        ("/account/1".to_owned(), ok(json!({"status": "deactivated"}))),
        ("/new-order".to_owned(), made("/order", order("pending"))),
        ("/authorization".to_owned(), ok(json!({"status": "valid", "challenges": []}))),
        ("/challenge".to_owned(), ok(json!({"status": "processing"}))),
        ("/order".to_owned(), ok(order("valid"))),
        ("/finalize".to_owned(), ok(order("processing"))),
    ]);
    for (path, (head, body)) in lies {
        let here = |text: &String| text.replace("@/", &at("/"));
        answers.insert((*path).to_owned(), (here(head), here(body)));
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let (answers, counter) = (Arc::new(answers), Arc::clone(&asked));
    accept(listener, move |mut stream| {
        let (answers, counter) = (Arc::clone(&answers), Arc::clone(&counter));
        async move {
            let mut request = vec![0; 16 << 10];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split_whitespace().nth(1).unwrap_or_default();
            let number = counter.fetch_add(1, Ordering::SeqCst);
            let (head, body) = answers
                .get(path)
                .cloned()
                .unwrap_or_else(|| ("404 Not Found".to_owned(), String::new()));
            let body = if request.starts_with("HEAD") { String::new() } else { body };
            let answer = format!(
                "HTTP/1.1 {head}\r\nReplay-Nonce: n{number}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _sent = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, asked)
}

fn at(port: u16, more: Value) -> Value {
    let mut order = json!({"directory": format!("http://127.0.0.1:{port}/directory"), "ca": null});
    let (Value::Object(all), Value::Object(more)) = (&mut order, more) else {
        panic!("parameters are an object")
    };
    all.extend(more);
    let mut all = parameters("order2", &json!({"listen": "127.0.0.1:0"}), order);
    all["addresses"] = json!(["127.0.0.1"]);
    all["port"] = json!(lab("LAB_CLOSED_PORT").parse::<u16>().expect("a port"));
    all
}

/// An order at an authority with these lies.
async fn ordered(lies: &[(&str, Answer)]) -> Walk {
    let (port, _) = authority(lies).await;
    walk(&at(port, json!({}))).await
}

fn answer(head: &str, body: impl Into<String>) -> Answer {
    (head.to_owned(), body.into())
}

fn ok(body: &Value) -> Answer {
    answer("200 OK", body.to_string())
}

fn problem(status: &str, kind: &str) -> Answer {
    let kind = format!("urn:ietf:params:acme:error:{kind}");
    answer(status, json!({"type": kind, "detail": "as it says"}).to_string())
}

/// A challenge that is offered, in a state.
fn offered(status: &str, more: &Value) -> Answer {
    let mut challenge = json!({"type": "http-01", "url": "@/challenge", "token": "abc-DEF_1"});
    if let (Value::Object(all), Value::Object(more)) = (&mut challenge, more) {
        all.extend(more.clone());
    }
    ok(&json!({"status": status, "challenges": [challenge]}))
}

#[tokio::test]
async fn a_refusal_at_any_step_is_told_by_its_kind() {
    let html = answer("503 Service Unavailable\r\nRetry-After: 120", "<html>busy");
    let limited = problem("429 Too Many Requests\r\nRetry-After: 3600", "rateLimited");
    let no_http01 = json!({"status": "pending", "challenges": [{"type": "dns-01", "url": "@/c"}]});
    let dead = json!({"status": "invalid", "authorizations": ["@/authorization"]});
    let caa = json!({"status": "invalid", "error": {"type": "urn:ietf:params:acme:error:caa"}});
    for (path, lie, outcome, code, words) in [
        (
            "/account",
            problem("403 Forbidden", "userActionRequired"),
            Unknown,
            "acme.order-account",
            "opening an account",
        ),
        ("/new-order", limited, Unknown, "acme.order-rate-limited", "try again after 1h"),
        (
            "/new-order",
            problem("400 Bad Request", "rejectedIdentifier"),
            Fail,
            "acme.order-name-rejected",
            "as it says",
        ),
        (
            "/new-order",
            problem("500 Oops", "serverInternal"),
            Unknown,
            "acme.order-authority",
            "as it says",
        ),
        ("/new-order", html, Unknown, "acme.order-authority", "try again after 2m"),
        (
            "/new-order",
            problem("400 Bad Request", "malformed"),
            Unknown,
            "acme.order-not-understood",
            "malformed",
        ),
        (
            "/new-order",
            problem("400 Bad Request", "badNonce"),
            Unknown,
            "acme.order-not-understood",
            "badNonce",
        ),
        ("/authorization", ok(&no_http01), Fail, "acme.order-not-offered", "http-01"),
        ("/order", ok(&dead), Fail, "acme.order-invalid", "without a reason"),
        ("/order", ok(&caa), Fail, "acme.order-caa", "caa"),
    ] {
        let walk = ordered(&[(path, lie)]).await;
        assert_eq!(walk.found(), [code], "{path}: {:?}", walk.applied);
        let after = walk.after.expect("a look");
        let one = after.findings.iter().find(|one| one.code == code).expect("it");
        assert_eq!(one.outcome, outcome, "{one:?}");
        assert!(one.message.contains(words), "{one:?}");
    }
}

#[tokio::test]
async fn what_is_not_acme_is_unknown() {
    let two = json!({"status": "pending", "authorizations": ["@/a", "@/b"], "finalize": "@/f"});
    let none = json!({"status": "pending", "authorizations": [], "finalize": "@/f"});
    let away =
        json!({"status": "pending", "authorizations": ["http://192.0.2.1/a"], "finalize": "@/f"});
    let created = "201 Created\r\nLocation: @/order";
    let many = json!({"status": "pending", "finalize": "@/f",
        "authorizations": vec!["@/authorization"; 10_000]});
    for (path, lie) in [
        ("/account", answer("201 Created", "{}")),
        ("/account", answer("201 Created\r\nLocation: http://192.0.2.1/acct", "{}")),
        ("/account", answer("302 Found\r\nLocation: @/elsewhere", "")),
        ("/account", answer("404 Not Found", "<html>")),
        ("/new-order", answer(created, two.to_string())),
        ("/new-order", answer(created, none.to_string())),
        ("/new-order", answer(created, away.to_string())),
        ("/new-order", answer(created, many.to_string())),
        ("/new-order", answer(created, "[".repeat(10_000))),
        ("/authorization", answer("200 OK", "garbage")),
        ("/authorization", offered("pending", &json!({"token": "../../../etc/passwd"}))),
        ("/authorization", offered("pending", &json!({"token": null}))),
        ("/authorization", offered("pending", &json!({"url": "file:///etc/passwd"}))),
        ("/order", ok(&json!({"status": "exploded"}))),
        ("/certificate", answer("200 OK", "no PEM at all")),
        (
            "/certificate",
            answer("200 OK", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"),
        ),
        ("/certificate", answer("200 OK", pem(b"not DER"))),
    ] {
        let walk = ordered(&[(path, lie)]).await;
        let applied = walk.applied.expect("tried");
        assert!(matches!(applied, Err(Fault::Unreadable { .. })), "{path}: {applied:?}");
    }
    for lie in [
        answer("200 OK", "<html>"),
        answer("200 OK", "x".repeat(1 << 20)),
        answer("302 Found\r\nLocation: @/other", ""),
        answer(
            "200 OK",
            json!({"newNonce": "@/n", "newAccount": "@/a",
            "newOrder": "https://acme-v02.api.letsencrypt.org/acme/new-order"})
            .to_string(),
        ),
    ] {
        let walk = ordered(&[("/directory", lie)]).await;
        assert_eq!(walk.before.codes(Unknown), ["gonogo.answer-unreadable"]);
        assert!(walk.applied.is_none());
    }
}

#[tokio::test]
async fn an_authority_that_never_ends_is_left_in_time() {
    let short = Duration::from_secs(2);
    let within = json!({"within": "2s"});
    let pending = offered("pending", &json!({}));
    for (retry, most) in
        [("", 20), ("\r\nRetry-After: 99999999999", 20), ("\r\nRetry-After: 0", 20)]
    {
        let lie = (format!("{}{retry}", pending.0), pending.1.clone());
        let (port, asked) = authority(&[("/authorization", lie)]).await;
        let begun = Clock.tick();
        let walk = walk_within(&at(port, within.clone()), short).await;
        let applied = walk.applied.expect("tried");
        assert!(matches!(applied, Err(Fault::Timeout { .. })), "{applied:?}");
        assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
        // Not in a hurry either: nobody is asked over and over.
        let asked = asked.load(Ordering::SeqCst);
        assert!(asked < most, "asked {asked} times");
    }
    // A body that does not end, and a server that says nothing.
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n{";
    for bytes in [endless.as_bytes(), b""] {
        let begun = Clock.tick();
        let silent = at(answer_bytes(bytes).await, within.clone());
        let looked = look_in::<Acme>(silent, &context(Duration::from_secs(4))).await;
        assert_eq!(looked.outcome(), Unknown, "{:#?}", looked.findings);
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }
}

/// A certificate for the name of these orders, and its issuer.
fn forged(name: &str) -> (Authority, Identity) {
    let root = Authority::root("root");
    let name = name.to_owned();
    let leaf = root.issue(NORMAL, |params| {
        params.subject_alt_names = vec![SanType::DnsName(name.try_into().expect("a name"))];
    });
    (root, leaf)
}

#[tokio::test]
async fn a_certificate_that_is_not_the_one_ordered_is_refused() {
    let name = format!("order2.{}", lab("LAB_ZONE"));
    for (names, words) in [("other.example", "is not for"), (name.as_str(), "another key")] {
        let (root, leaf) = forged(names);
        let chain = format!("{}{}", pem(&leaf.der), pem(&root.der));
        let walk = ordered(&[("/certificate", answer("200 OK", chain))]).await;
        assert_eq!(walk.found(), ["acme.order-certificate"], "{:?}", walk.applied);
        let after = walk.after.expect("a look");
        let one = after.findings.iter().find(|one| one.outcome == Fail).expect("it");
        assert!(one.message.contains(words), "{one:?}");
    }
}

/// How an order is judged that ended with this certificate, for the right key.
fn judged(
    chain: &[CertificateDer<'static>],
    change: impl FnOnce(&mut Made),
) -> Vec<(Outcome, String)> {
    let cx = context(Duration::from_secs(1));
    let name = "order2.example.test";
    let parameters = json!({"domain": name, "order": {
        "directory": "https://127.0.0.1:1/dir", "challenge": {"listen": "127.0.0.1:1"}}});
    let probe: Acme = serde_json::from_value(parameters).expect("parameters");
    let (_, x509) = x509_parser::parse_x509_certificate(&chain[0]).expect("a certificate");
    let issued =
        gonogo::probe::acme::read_issued(chain, name, x509.public_key().raw, cx.clock.now());
    let mut made = Made {
        at: cx.clock.now(),
        name: name.to_owned(),
        directory: "https://127.0.0.1:1/dir".to_owned(),
        millis: 1,
        refused_nonces: 0,
        asked_by: Vec::new(),
        left: Vec::new(),
        end: OrderEnd::Issued(Box::new(issued.expect("a certificate"))),
    };
    change(&mut made);
    let order = json!({"directory": made.directory, "refused": null, "meta": null, "made": made, "before": null});
    let mut seen = serde_json::to_value(crate::acme::nothing()).expect("JSON");
    seen["order"] = order;
    let seen = serde_json::from_value(seen).expect("an observation");
    let findings = probe.judge(&seen, &JudgeCx { now: cx.clock.now(), ..cx.times });
    let findings = findings.into_iter().filter(|one| one.code.starts_with("acme.order"));
    findings.map(|one| (one.outcome, format!("{} {}", one.code, one.message))).collect()
}

#[test]
fn a_certificate_is_judged_as_a_client_would() {
    let (root, leaf) = forged("order2.example.test");
    let whole = [leaf.der.clone(), root.der.clone()];
    let check = |findings: &[(Outcome, String)], outcome: Outcome, words: &str| {
        let found = findings.iter().any(|(is, text)| *is == outcome && text.contains(words));
        assert!(found, "{words}: {findings:?}");
    };
    let good = judged(&whole, |_| {});
    check(&good, Outcome::Pass, "acme.order-ok");
    assert_eq!(good.len(), 1);
    check(&judged(&whole[..1], |_| {}), Fail, "leads to none sent with it");
    let stranger = [leaf.der.clone(), Authority::root("root").der];
    check(&judged(&stranger, |_| {}), Fail, "leads to none sent with it");
    let early = judged(&whole, |made| made.at -= SignedDuration::from_hours(24 * 31));
    check(&early, Fail, "not valid at once");
    let late = judged(&whole, |made| made.at += SignedDuration::from_hours(24 * 61));
    check(&late, Fail, "not valid at once");
    let left = judged(&whole, |made| made.left = vec!["the file /x: denied".to_owned()]);
    check(&left, Outcome::Warn, "acme.order-leftover");
    let two = root.issue(NORMAL, |params| {
        let names = ["order2.example.test", "more.example.test"];
        params.subject_alt_names =
            names.map(|one| SanType::DnsName(one.try_into().expect("it"))).to_vec();
    });
    check(&judged(&[two.der, root.der.clone()], |_| {}), Fail, "more.example.test as well");
}

/// The tool, run on a list in a folder.
fn gonogo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gonogo"));
    command.args(arguments).current_dir(folder);
    command.env_clear().env("XDG_STATE_HOME", folder.join("state"));
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_says_what_it_had_begun() {
    let (port, asked) = authority(&[("/authorization", offered("pending", &json!({})))]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let list = json!({"gonogo": 1, "name": "killed", "steps": [
        {"name": "one", "checks": [{"id": "renew", "acme": at(port, json!({}))}]}]});
    std::fs::write(folder.path().join("list.yaml"), list.to_string()).expect("a list");
    let mut run =
        gonogo(folder.path(), &["run", "list.yaml", "--apply"]).spawn().expect("it starts");
    // Two requests are the looks before; the order is placed by the sixth.
    let until = Clock.tick() + Duration::from_secs(20);
    while asked.load(Ordering::SeqCst) < 7 {
        assert!(Clock.tick() < until, "nothing was ordered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    run.kill().expect("killed");
    run.wait().expect("ended");
    let report = gonogo(folder.path(), &["report", "-o", "json"]).output().expect("a report");
    let record: Value = serde_json::from_slice(&report.stdout).expect("a record");
    let check = &record["steps"][0]["checks"][0];
    assert_eq!(
        (&check["outcome"], &record["verdict"]["decision"]),
        (&json!("unknown"), &json!("hold"))
    );
    assert_eq!(check["changes"][0]["state"], "intended", "{check:#}");
    let what = check["changes"][0]["what"].as_str().expect("text");
    assert!(what.contains("order a test certificate for order2."), "{what}");
}
