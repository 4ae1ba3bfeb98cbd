//! Kind `tls` against services that are asked for TLS: the lab's PostgreSQL, and imitations of
//! those the lab does not have.

use std::net::Ipv4Addr;
use std::sync::Arc;

use gonogo::model::outcome::Outcome::{Fail, Pass, Unknown};
use gonogo::probe::tls::Tls;
use rustls::ServerConfig;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{context, lab, look, look_in};
use crate::tls_forge::{Authority, NORMAL};
use crate::tls_server::{Show, accept, answer_bytes, listener, parameters, trust, turn};

/// What an imitation says and hears before TLS begins: it says, then it waits for the end of what
/// is answered.
type Talk = &'static [(&'static [u8], &'static [u8])];

/// Serves TLS after a talk, on a free port; returns it and the root to trust.
async fn serve_after(talk: Talk) -> (u16, Authority) {
    let root = Authority::root("root");
    let leaf = root.issue(NORMAL, |_| {});
    let config = ServerConfig::builder_with_provider(Arc::clone(gonogo::net::tls::provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Show::new(vec![turn(&leaf, vec![leaf.der.clone()], None)])));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    accept(listener, move |mut stream| {
        let acceptor = acceptor.clone();
        async move {
            for (says, hears) in talk {
                stream.write_all(says).await.expect("said");
                let mut heard = Vec::new();
                while !heard.ends_with(hears) {
                    let Ok(byte) = stream.read_u8().await else { return };
                    heard.push(byte);
                }
            }
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ended = stream.read(&mut [0; 1]).await;
            }
        }
    });
    (port, root)
}

/// A greeting of `MySQL`: version, thread, salt, filler, and the lower capabilities.
const MYSQL: &[u8] = b"\x1d\0\0\0\x0a8.4.0\0\x01\0\0\0saltsalt\0\xff\xff\x2d\0\0\0\0\0\0";
const MYSQL_PLAIN: &[u8] = b"\x1d\0\0\0\x0a8.4.0\0\x01\0\0\0saltsalt\0\xff\xf7\x2d\0\0\0\0\0\0";

#[tokio::test]
async fn services_are_asked_in_their_own_words() {
    let smtp: Talk = &[
        (b"220-mail.example.test\r\n220 ready\r\n", b"\r\n"),
        (b"250-mail.example.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n", b"STARTTLS\r\n"),
        (b"220 go ahead\r\n", b""),
    ];
    let imap: Talk = &[
        (b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"STARTTLS\r\n"),
        (b"* NOOP nothing\r\na1 OK begin\r\n", b""),
    ];
    let mysql: Talk = &[(MYSQL, &[0; 23])];
    let postgres: Talk = &[(b"", b"\x04\xd2\x16\x2f"), (b"S", b"")];
    for (protocol, talk) in
        [("smtp", smtp), ("imap", imap), ("mysql", mysql), ("postgres", postgres)]
    {
        let (port, root) = serve_after(talk).await;
        let ca = trust(&root);
        let mut parameters = parameters(port, &ca);
        parameters["starttls"] = json!(protocol);
        let looked = look::<Tls>(parameters).await;
        assert_eq!(looked.codes(Pass), ["tls.ok"], "{protocol}: {:#?}", looked.findings);
    }
}

#[tokio::test]
async fn services_that_do_not_begin_tls_say_why() {
    let ca = trust(&Authority::root("root"));
    for (protocol, bytes, words) in [
        ("postgres", &b"N"[..], "switched off"),
        ("postgres", b"HTTP/1.1 400", "not PostgreSQL"),
        ("smtp", b"554 go away\r\n", "554 go away"),
        ("smtp", b"220 hi\r\n250 plain.example.test\r\n", "does not offer STARTTLS"),
        ("smtp", &[b'x'; 15_000], "connection closed"),
        ("smtp", &[b'x'; 16_384], "more than 16 KiB"),
        ("imap", b"* BYE busy\r\n", "* BYE busy"),
        ("imap", b"* OK hi\r\na1 NO not here\r\n", "NO not here"),
        ("mysql", MYSQL_PLAIN, "switched off"),
        ("mysql", b"\x15\0\0\0\xff\x69\x04Host is blocked   ", "Host is blocked"),
        ("mysql", b"HTTP/1.1 400", "too long"),
    ] {
        let mut parameters = parameters(speaks_first(bytes).await, &ca);
        parameters["starttls"] = json!(protocol);
        let looked = look::<Tls>(parameters).await;
        assert_eq!(looked.codes(Fail), ["tls.starttls-refused"], "{:#?}", looked.findings);
        let message = &looked.findings[0].message;
        assert!(message.contains(words), "{protocol}: {message}");
    }
    let mut silent = parameters(answer_bytes(b"").await, &ca);
    silent["starttls"] = json!("imap");
    let looked = look_in::<Tls>(silent, &context(std::time::Duration::from_millis(500))).await;
    assert_eq!(looked.codes(Unknown), ["gonogo.timeout"], "{:#?}", looked.findings);
}

/// Says these bytes at once, hears what it is told until it is told no more, and closes.
async fn speaks_first(bytes: &'static [u8]) -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    accept(listener, move |mut stream| async move {
        let _sent = stream.write_all(bytes).await;
        let _closed = stream.shutdown().await;
        while stream.read(&mut [0; 4096]).await.is_ok_and(|length| length > 0) {}
    });
    port
}

#[tokio::test]
async fn the_labs_database_has_a_good_certificate() {
    let looked = look::<Tls>(json!({
        "endpoint": lab("LAB_PG"), "starttls": "postgres", "ca": lab("LAB_CA"),
    }))
    .await;
    assert_eq!(looked.codes(Pass), ["tls.not-revoked", "tls.ok"], "{:#?}", looked.findings);
}
