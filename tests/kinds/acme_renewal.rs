//! Kind `acme`: the certificate in use, what an authority says about its renewal, and the
//! tls-alpn-01 challenge.

use std::net::Ipv4Addr;
use std::time::Duration;

use gonogo::model::fault::Sight;
use gonogo::model::outcome::Outcome::{self, Fail, NotApplicable, Pass, Unknown, Warn};
use gonogo::net::pki::certificate::Certificate;
use gonogo::probe::Probe;
use gonogo::probe::acme::{Acme, InUse, Observation};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::acme::{check, nothing, parameters};
use crate::support::{context, lab, look_in};
use crate::tls_forge::{Authority, NORMAL};
use crate::tls_server::{accept, answer_bytes, listener, serve_changed, turn};

/// An authority's web server: its directory, and one answer to every question about a renewal.
async fn authority(status: &'static str, info: String) -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    accept(listener, move |mut stream| {
        let info = info.clone();
        async move {
            let mut request = vec![0; 8192];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split_whitespace().nth(1).unwrap_or_default();
            let (status, body) = match path {
                "/directory" => {
                    let body = json!({"renewalInfo": format!("http://127.0.0.1:{port}/ari/")});
                    ("200 OK", body.to_string())
                }
                "/old-directory" => ("200 OK", json!({"newOrder": "x"}).to_string()),
                // base64url(key) "." base64url(serial), nothing around it.
                path if path
                    .strip_prefix("/ari/")
                    .is_some_and(|id| id.matches('.').count() == 1) =>
                {
                    (status, info)
                }
                _ => ("400 Bad Request", String::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
            let answer = format!("{head}Connection: close\r\n\r\n{body}");
            let _sent = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

fn window(start: i64, end: i64) -> String {
    let now = gonogo::clock::Clock.now();
    let at = |hours: i64| now + SignedDuration::from_hours(hours);
    json!({
        "suggestedWindow": {"start": at(start).to_string(), "end": at(end).to_string()},
        "explanationURL": "https://status.example/incident",
    })
    .to_string()
}

/// The lab's `login` with an authority that is asked about it.
fn asking(port: u16, path: &str) -> Value {
    parameters(
        "login",
        json!({
            "tls_port": lab("LAB_HTTPS_PORT").parse::<u16>().expect("a port"),
            "directory": format!("http://127.0.0.1:{port}/{path}"),
        }),
    )
}

#[tokio::test]
async fn the_authority_says_when_it_wants_a_renewal() {
    for (status, info, outcome, code) in [
        ("200 OK", window(24 * 20, 24 * 22), Pass, "acme.ari-ok"),
        ("200 OK", window(-24, 24 * 9), Pass, "acme.ari-ok"),
        ("200 OK", window(-48, -24), Fail, "acme.ari-overdue"),
        ("200 OK", window(24, -24), Unknown, "gonogo.answer-unreadable"),
        ("200 OK", "<html>".to_owned(), Unknown, "gonogo.answer-unreadable"),
        ("404 Not Found", String::new(), Warn, "acme.ari-unknown"),
        ("503 Service Unavailable", String::new(), Unknown, "gonogo.answer-unreadable"),
    ] {
        check(asking(authority(status, info).await, "directory"), outcome, code).await;
    }
    let port = authority("200 OK", String::new()).await;
    let two = context(Duration::from_secs(2));
    let looked = look_in::<Acme>(asking(port, "old-directory"), &two).await;
    assert_eq!(
        looked.codes(NotApplicable),
        ["acme.ari-not-applicable", "acme.dnssec-not-applicable"],
        "{:#?}",
        looked.findings
    );
    check(asking(port, "nowhere"), Unknown, "gonogo.answer-unreadable").await;
    let closed = lab("LAB_CLOSED_PORT").parse().expect("a port");
    check(asking(closed, "directory"), Unknown, "gonogo.unreachable").await;
    check(asking(answer_bytes(b"").await, "directory"), Unknown, "gonogo.timeout").await;
}

#[tokio::test]
async fn a_renewal_in_the_launch_window_is_a_warning() {
    let mut cx = context(Duration::from_secs(3));
    let to = cx.times.now + SignedDuration::from_hours(30);
    cx.times.window = gonogo::model::time::Window { from: cx.times.now, to };
    let port = authority("200 OK", window(20, 60)).await;
    let looked = look_in::<Acme>(asking(port, "directory"), &cx).await;
    assert_eq!(looked.codes(Warn), ["acme.ari-in-window"], "{:#?}", looked.findings);
}

/// Judges certificates in use that were issued so many hours ago, all for the same names.
fn issued(hours: &[i64]) -> Vec<(Outcome, String)> {
    let root = Authority::root("root");
    let leaf = root.issue(NORMAL, |_| {});
    let good = Certificate::read(&leaf.der).expect("a certificate");
    let times = context(Duration::ZERO).times;
    let at = |ago: i64| -> Timestamp { times.now - SignedDuration::from_hours(ago) };
    let in_use = hours.iter().enumerate().map(|(n, ago)| InUse {
        address: format!("192.0.2.{n}:443"),
        sight: Sight::Seen(Certificate {
            sha256: n.to_string(),
            not_before: at(*ago),
            ..good.clone()
        }),
    });
    let seen = Observation { in_use: in_use.collect(), ..nothing() };
    let probe: Acme = serde_json::from_value(json!({"domain": "a.example", "challenge": "dns-01"}))
        .expect("parameters");
    let findings = probe.judge(&seen, &times).into_iter();
    findings.map(|one| (one.outcome, one.code)).collect()
}

#[test]
fn many_certificates_in_a_week_come_near_the_limit() {
    let near = (Warn, "acme.rate-limit-near".to_owned());
    assert!(issued(&[1, 2, 3]).contains(&near));
    assert!(!issued(&[1, 2]).contains(&near));
    assert!(!issued(&[1, 2, 24 * 8]).contains(&near));
}

#[tokio::test]
async fn the_tls_alpn_challenge_is_offered_on_the_tls_port() {
    let root = Authority::root("root");
    let leaf = root.issue(NORMAL, |_| {});
    let shown = turn(&leaf, vec![leaf.der.clone()], None);
    let protocols = |names: &'static [&'static str]| {
        let names = names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
        move |config: &mut rustls::ServerConfig| config.alpn_protocols = names
    };
    let at = |port: u16| parameters("login", json!({"challenge": "tls-alpn-01", "tls_port": port}));
    let responder = serve_changed(shown.clone(), protocols(&["h2", "acme-tls/1"])).await;
    check(at(responder), Pass, "acme.alpn01-ok").await;
    let strict = serve_changed(shown, protocols(&["h2"])).await;
    check(at(strict), Warn, "acme.alpn01-not-chosen").await;
    let nginx = lab("LAB_HTTPS_PORT").parse().expect("a port");
    check(at(nginx), Warn, "acme.alpn01-not-chosen").await;
    let closed = lab("LAB_CLOSED_PORT").parse().expect("a port");
    check(at(closed), Fail, "acme.alpn01-refused").await;
    check(at(answer_bytes(b"HTTP/1.1 400 Bad\r\n\r\n").await), Fail, "acme.alpn01-refused").await;
    check(at(answer_bytes(b"").await), Unknown, "gonogo.timeout").await;
}
