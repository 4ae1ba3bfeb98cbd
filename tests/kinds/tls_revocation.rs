//! Kind `tls` against responders and revocation lists that are right, wrong, or not there.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use gonogo::model::outcome::Outcome::{self, Fail, Pass, Unknown};
use gonogo::probe::tls::Tls;
use rcgen::{CrlDistributionPoint, ExtendedKeyUsagePurpose::OcspSigning};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Looked, context, look_in};
use crate::tls_forge::{
    Authority, NORMAL, Part, Signed, answer, part, revoked, unknown, with_ocsp_at,
};
use crate::tls_server::{accept, listener, parameters, serve, trust, turn};

const LIVE: (i64, i64) = (-24, 24 * 6);

/// A web server that answers a path with some bytes: `404` to unknown paths, nothing at all to
/// `/silent`, and to `/get-only` only a GET with more in the path.
async fn web(pages: HashMap<&'static str, Vec<u8>>) -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    accept(listener, move |mut stream| {
        let pages = pages.clone();
        async move {
            let mut request = vec![0; 16_384];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]);
            let mut words = request.split_whitespace();
            let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            if path == "/silent" {
                let _ended = stream.read(&mut [0; 1]).await;
                return;
            }
            let page = match path.strip_prefix("/get-only/") {
                Some(_) if method == "GET" => pages.get("/get-only"),
                Some(_) => None,
                None if path == "/get-only" => None,
                None => pages.get(path),
            };
            let status = if page.is_some() { "200 OK" } else { "404 Not Found" };
            let body = page.cloned().unwrap_or_default();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _sent = stream.write_all(head.as_bytes()).await;
            let _sent = stream.write_all(&body).await;
        }
    });
    port
}

/// A root, an intermediate, and a web server with what they publish.
struct Pki {
    root: Authority,
    sub: Authority,
    web: u16,
}

async fn pki() -> Pki {
    let root = Authority::root("root");
    let sub = root.sub("sub", (-24 * 100, 24 * 400));
    let stranger = Authority::root("stranger");
    let twin = Authority::root("sub");
    let ocsp = |parts: &[Part]| answer(&sub, &sub, Signed::ByName, parts);
    let purposeless = sub.responder((-24, 24), &[]);
    let appointed = sub.responder((-24, 24), &[OcspSigning]);
    let mut damaged = sub.list(LIVE, &[], None);
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let pages = HashMap::from([
        ("/good.crl", sub.list(LIVE, &[1, 2, 3], None)),
        ("/revoked.crl", sub.list(LIVE, &[1, 7], None)),
        ("/expired.crl", sub.list((-24 * 9, -24), &[], None)),
        ("/expired-revoked.crl", sub.list((-24 * 9, -24), &[7], None)),
        ("/future.crl", sub.list((24, 48), &[], None)),
        ("/shard.crl", sub.list(LIVE, &[], Some("http://elsewhere.example.test/2.crl"))),
        ("/stranger.crl", stranger.list(LIVE, &[], None)),
        ("/twin.crl", twin.list(LIVE, &[], None)),
        ("/damaged.crl", damaged),
        ("/garbage", b"<html>not found</html>".to_vec()),
        ("/huge", vec![0x30; 70_000]),
        ("/good", ocsp(&[part()])),
        ("/get-only", ocsp(&[part()])),
        ("/delegate", answer(&sub, &appointed, Signed::ByKey, &[part()])),
        ("/revoked", ocsp(&[Part { status: revoked(), ..part() }])),
        ("/unknown", ocsp(&[Part { status: unknown(), ..part() }])),
        ("/expired", ocsp(&[Part { this: -72, next: Some(-1), ..part() }])),
        ("/undated", ocsp(&[Part { this: -24 * 6, next: None, ..part() }])),
        ("/old-undated", ocsp(&[Part { this: -24 * 8, next: None, ..part() }])),
        (
            "/old-undated-unknown",
            ocsp(&[Part { this: -24 * 8, next: None, status: unknown(), ..part() }]),
        ),
        ("/other", ocsp(&[Part { serial: 8, ..part() }])),
        ("/purposeless", answer(&sub, &purposeless, Signed::ByName, &[part()])),
        ("/later", vec![0x30, 3, 10, 1, 3]),
    ]);
    let web = web(pages).await;
    Pki { root, sub, web }
}

impl Pki {
    fn url(&self, path: &str) -> String {
        if path.contains("://") {
            return path.to_owned();
        }
        format!("http://127.0.0.1:{}{path}", self.web)
    }

    /// Looks at a certificate that names these places.
    async fn look(&self, ocsp: Option<&str>, lists: &[&str]) -> Looked<Tls> {
        let leaf = self.sub.issue(NORMAL, |params| {
            if let Some(path) = ocsp {
                with_ocsp_at(params, &self.url(path));
            }
            params.crl_distribution_points = lists
                .iter()
                .map(|path| CrlDistributionPoint { uris: vec![self.url(path)] })
                .collect();
        });
        let chain = vec![leaf.der.clone(), self.sub.der.clone()];
        let port = serve(vec![turn(&leaf, chain, None)]).await;
        let ca = trust(&self.root);
        let mut parameters = parameters(port, &ca);
        parameters["revocation"] = json!("auto");
        parameters["stapling"] = json!("off");
        look_in::<Tls>(parameters, &context(Duration::from_secs(3))).await
    }

    async fn check(&self, ocsp: Option<&str>, lists: &[&str], outcome: Outcome, code: &str) {
        let looked = self.look(ocsp, lists).await;
        assert_eq!(looked.outcome(), outcome, "{ocsp:?} {lists:?} {:#?}", looked.findings);
        let codes = looked.codes(outcome);
        assert!(codes.contains(&code), "{ocsp:?} {lists:?} {:#?}", looked.findings);
    }
}

#[tokio::test]
async fn a_list_counts_when_it_is_the_issuers_and_in_time() {
    let pki = pki().await;
    for (path, outcome, code) in [
        ("/good.crl", Pass, "tls.not-revoked"),
        ("/revoked.crl", Fail, "tls.revoked"),
        ("/expired.crl", Unknown, "tls.crl-expired"),
        ("/expired-revoked.crl", Fail, "tls.revoked"),
        ("/future.crl", Unknown, "tls.revocation-unusable"),
        ("/shard.crl", Unknown, "tls.revocation-unusable"),
        ("/stranger.crl", Unknown, "tls.revocation-unusable"),
        ("/twin.crl", Unknown, "tls.revocation-unusable"),
        ("/damaged.crl", Unknown, "tls.revocation-unusable"),
        ("/garbage", Unknown, "gonogo.answer-unreadable"),
        ("/missing", Unknown, "gonogo.answer-unreadable"),
        ("/silent", Unknown, "gonogo.timeout"),
        ("ldap://ldap.example.test/list", Unknown, "tls.revocation-unchecked"),
    ] {
        pki.check(None, &[path], outcome, code).await;
    }
    let good = ["/silent-not", "/damaged.crl", "/good.crl"];
    pki.check(None, &good, Pass, "tls.not-revoked").await;
}

#[tokio::test]
async fn a_responder_counts_when_its_answer_would_count_as_a_staple() {
    let pki = pki().await;
    for (path, outcome, code) in [
        ("/good", Pass, "tls.not-revoked"),
        ("/get-only", Pass, "tls.not-revoked"),
        ("/delegate", Pass, "tls.not-revoked"),
        ("/revoked", Fail, "tls.revoked"),
        ("/unknown", Fail, "tls.revocation-unknown"),
        ("/expired", Unknown, "tls.revocation-unusable"),
        ("/undated", Pass, "tls.not-revoked"),
        ("/old-undated", Unknown, "tls.revocation-unusable"),
        ("/old-undated-unknown", Unknown, "tls.revocation-unusable"),
        ("/other", Unknown, "tls.revocation-unusable"),
        ("/purposeless", Unknown, "tls.revocation-unusable"),
        ("/later", Unknown, "tls.revocation-unusable"),
        ("/garbage", Unknown, "tls.revocation-unusable"),
        ("/huge", Unknown, "gonogo.answer-unreadable"),
        ("/silent", Unknown, "gonogo.timeout"),
    ] {
        pki.check(Some(path), &[], outcome, code).await;
    }
}

#[tokio::test]
async fn where_the_responder_is_of_no_use_the_list_is_fetched() {
    let pki = pki().await;
    for ocsp in ["/later", "/silent", "/missing"] {
        pki.check(Some(ocsp), &["/good.crl"], Pass, "tls.not-revoked").await;
        pki.check(Some(ocsp), &["/revoked.crl"], Fail, "tls.revoked").await;
    }
    // That it is revoked says more than that the responder does not know it.
    let looked = pki.look(Some("/unknown"), &["/revoked.crl"]).await;
    assert_eq!(looked.codes(Fail), ["tls.revoked"], "{:#?}", looked.findings);
    // Both would have to be asked to know; one that answers is enough.
    pki.check(Some("/good"), &["/silent"], Pass, "tls.not-revoked").await;
}
