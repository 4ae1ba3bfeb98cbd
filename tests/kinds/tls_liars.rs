//! Kind `tls` against servers that no real one can be made to be: wrong chains, and no TLS at all.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::model::outcome::Outcome::{self, Fail, Pass, Unknown, Warn};
use gonogo::probe::tls::Tls;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, SanType};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::{Looked, context, look, look_in};
use crate::tls_forge::{Authority, HOST, Identity, NORMAL, with_ocsp};
use crate::tls_server::{
    accept, answer_bytes, close_at_once, drop_long_hellos, listener, parameters, pem, serve,
    serve_changed_in, serve_on, serve_pair, trust, turn,
};

/// A root, an intermediate, and a good certificate of it.
struct Pki {
    root: Authority,
    sub: Authority,
    leaf: Identity,
}

fn pki() -> Pki {
    let root = Authority::root("root");
    let sub = root.sub("sub", (-24 * 100, 24 * 400));
    let leaf = sub.issue(NORMAL, |_| {});
    Pki { root, sub, leaf }
}

impl Pki {
    /// The chain as it should be.
    fn turn(&self) -> Arc<CertifiedKey> {
        turn(&self.leaf, vec![self.leaf.der.clone(), self.sub.der.clone()], None)
    }

    /// A leaf with something changed, in a chain as it should be.
    fn changed(&self, change: impl FnOnce(&mut CertificateParams)) -> Arc<CertifiedKey> {
        let leaf = self.sub.issue(NORMAL, change);
        turn(&leaf, vec![leaf.der.clone(), self.sub.der.clone()], None)
    }

    async fn check(&self, shown: Arc<CertifiedKey>, outcome: Outcome, code: &str) -> Looked<Tls> {
        let port = serve(vec![shown]).await;
        let looked = look::<Tls>(parameters(port, &trust(&self.root))).await;
        assert_eq!(looked.outcome(), outcome, "{code}: {:#?}", looked.findings);
        assert_eq!(looked.codes(outcome), [code], "{:#?}", looked.findings);
        looked
    }
}

#[tokio::test]
async fn a_good_chain_passes_in_both_versions() {
    let pki = pki();
    pki.check(pki.turn(), Pass, "tls.ok").await;
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    serve_on(listener, vec![pki.turn()], &[&rustls::version::TLS12]);
    let looked = look::<Tls>(parameters(port, &trust(&pki.root))).await;
    assert_eq!(looked.codes(Pass), ["tls.ok"], "{:#?}", looked.findings);
    assert!(looked.findings[0].message.contains("TLSv1.2"), "{:#?}", looked.findings);
}

#[tokio::test]
async fn names_are_alternative_names_and_nothing_else() {
    let pki = pki();
    let named = |names: &[&str]| {
        let names = names.iter().map(|n| SanType::DnsName((*n).try_into().expect("a name")));
        let names: Vec<SanType> = names.collect();
        pki.changed(|params| params.subject_alt_names = names)
    };
    for (names, outcome, code) in [
        (&[HOST, HOST][..], Pass, "tls.ok"),
        (&["*.example.test"], Pass, "tls.ok"),
        (&["GAME.Example.Test"], Pass, "tls.ok"),
        (&["*.test"], Fail, "tls.wildcard-depth"),
        (&["*.other.test"], Fail, "tls.name-mismatch"),
        (&["*.game.example.test"], Fail, "tls.name-mismatch"),
        (&["example.test"], Fail, "tls.name-mismatch"),
    ] {
        pki.check(named(names), outcome, code).await;
    }
    let common_name = pki.changed(|params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(rcgen::DnType::CommonName, HOST);
    });
    pki.check(common_name, Fail, "tls.common-name-only").await;
    let other = pki.changed(|params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(rcgen::DnType::CommonName, "other.example.test");
    });
    pki.check(other, Fail, "tls.name-mismatch").await;
}

#[tokio::test]
async fn an_address_must_be_in_the_certificate_as_an_address() {
    let pki = pki();
    let ip = |ip: Ipv4Addr| {
        pki.changed(|params| params.subject_alt_names = vec![SanType::IpAddress(ip.into())])
    };
    let as_text = SanType::DnsName("127.0.0.1".try_into().expect("a name"));
    let text = pki.changed(|params| params.subject_alt_names = vec![as_text]);
    for (shown, code) in [
        (ip(Ipv4Addr::LOCALHOST), "tls.ok"),
        (ip(Ipv4Addr::new(127, 0, 0, 9)), "tls.name-mismatch"),
        (text, "tls.name-mismatch"),
    ] {
        let port = serve(vec![shown]).await;
        let ca = trust(&pki.root);
        let endpoint = json!({"endpoint": format!("127.0.0.1:{port}"), "ca": ca.path()});
        let looked = look::<Tls>(endpoint).await;
        assert_eq!(looked.codes(looked.outcome()), [code], "{:#?}", looked.findings);
    }
}

#[tokio::test]
async fn ask_18_only_certificates_on_the_path_have_to_be_valid() {
    let pki = pki();
    let other = Authority::root("other root");
    let leaf = &pki.leaf;
    let chain = |more: &[&Authority]| {
        let chain = std::iter::once(leaf.der.clone()).chain(more.iter().map(|a| a.der.clone()));
        turn(leaf, chain.collect(), None)
    };
    let cross = pki.sub.cross("sub", &other, (-24 * 100, -24));
    pki.check(chain(&[&cross, &pki.sub]), Pass, "tls.ok").await;
    let old = pki.sub.cross("sub", &pki.root, (-24 * 100, -24));
    pki.check(chain(&[&old]), Fail, "tls.issuer-expired").await;
    pki.check(chain(&[&old, &pki.sub]), Pass, "tls.ok").await;
    let early = pki.sub.cross("sub", &pki.root, (24, 24 * 400));
    pki.check(chain(&[&early]), Fail, "tls.not-yet-valid").await;
    let ending = pki.sub.cross("sub", &pki.root, (-24 * 100, 24));
    pki.check(chain(&[&ending]), Fail, "tls.expires-in-window").await;
}

#[tokio::test]
async fn chains_that_are_not_as_they_should_be() {
    let pki = pki();
    let (leaf, sub, root) = (&pki.leaf, &pki.sub, &pki.root);
    let second = sub.sub("second", (-24 * 100, 24 * 400));
    let deep = second.issue(NORMAL, |_| {});
    let disordered = vec![deep.der.clone(), sub.der.clone(), second.der.clone()];
    pki.check(turn(&deep, disordered, None), Warn, "tls.wrong-order").await;

    let whole = vec![leaf.der.clone(), sub.der.clone(), root.der.clone()];
    let port = serve(vec![turn(leaf, whole, None)]).await;
    let looked = look::<Tls>(parameters(port, &trust(root))).await;
    assert_eq!(looked.codes(Pass), ["tls.ok", "tls.root-included"]);

    let alone = vec![leaf.der.clone()];
    pki.check(turn(leaf, alone, None), Fail, "tls.incomplete-chain").await;
    let half = vec![deep.der.clone(), second.der.clone()];
    pki.check(turn(&deep, half, None), Fail, "tls.untrusted").await;

    let stranger = Authority::root("stranger");
    let strange = stranger.issue(NORMAL, |_| {});
    let chain = vec![strange.der.clone(), stranger.der.clone()];
    pki.check(turn(&strange, chain, None), Fail, "tls.untrusted").await;
}

#[tokio::test]
async fn certificates_that_are_not_for_servers() {
    let pki = pki();
    let client = [ExtendedKeyUsagePurpose::ClientAuth].to_vec();
    let client = pki.changed(|params| params.extended_key_usages = client);
    pki.check(client, Fail, "tls.invalid-chain").await;
    let authority = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = pki.changed(|params| params.is_ca = authority);
    pki.check(authority, Fail, "tls.invalid-chain").await;
}

#[tokio::test]
async fn a_server_without_the_key_is_found_out() {
    let pki = pki();
    let other = pki.sub.issue(NORMAL, |_| {});
    let stolen = turn(&other, vec![pki.leaf.der.clone(), pki.sub.der.clone()], None);
    pki.check(stolen, Fail, "tls.key-not-proved").await;
}

#[tokio::test]
async fn garbage_instead_of_a_certificate() {
    let pki = pki();
    for garbage in [&b"garbage"[..], &[0x30, 0x82, 0xff, 0xff], &[0x30; 4096], &[0x30, 0]] {
        let chain = vec![CertificateDer::from(garbage.to_vec())];
        pki.check(turn(&pki.leaf, chain, None), Fail, "tls.unreadable-certificate").await;
    }
    // Behind a good certificate and its issuer, garbage harms nobody.
    let garbage = CertificateDer::from(b"garbage".to_vec());
    let chain = vec![pki.leaf.der.clone(), pki.sub.der.clone(), garbage];
    pki.check(turn(&pki.leaf, chain, None), Pass, "tls.ok").await;
}

#[tokio::test]
async fn a_hundred_certificates_are_judged_in_bounded_time() {
    let pki = pki();
    let begun = Clock.tick();
    // All bear one name and one issuer's name: the worst a path builder can meet.
    let name = "one and the same";
    let first = Authority::root(name);
    let mut chain = vec![];
    let mut last = first;
    for _ in 0..99 {
        last = last.sub(name, (-24 * 100, 24 * 400));
        chain.push(last.der.clone());
    }
    let leaf = last.issue(NORMAL, |_| {});
    chain.push(leaf.der.clone());
    chain.reverse();
    let port = serve(vec![turn(&leaf, chain, None)]).await;
    let looked = look::<Tls>(parameters(port, &trust(&pki.root))).await;
    assert_eq!(looked.outcome(), Fail, "{:#?}", looked.findings);
    let code = looked.codes(Fail)[0];
    assert!(["tls.untrusted", "tls.invalid-chain"].contains(&code), "{:#?}", looked.findings);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn more_than_a_client_accepts_is_a_finding() {
    let pki = pki();
    let chain = vec![pki.leaf.der.clone(), pki.sub.der.clone()];
    let huge = turn(&pki.leaf, chain, Some(vec![0x30; 65_500]));
    pki.check(huge, Fail, "tls.oversized").await;
}

#[tokio::test]
async fn what_is_not_tls_is_told_apart() {
    let pki = pki();
    let ca = trust(&pki.root);
    for (bytes, code) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "tls.not-tls"),
        (b"220 mail.example.test ESMTP\r\n", "tls.not-tls"),
        (&[0xff; 16_000], "tls.not-tls"),
        // A fatal alert: unrecognized_name.
        (&[21, 3, 3, 0, 2, 2, 112], "tls.handshake-refused"),
        // An empty ServerHello.
        (&[22, 3, 3, 0, 4, 2, 0, 0, 0], "tls.protocol-error"),
    ] {
        let port = answer_bytes(bytes).await;
        let looked = look::<Tls>(parameters(port, &ca)).await;
        assert_eq!(looked.codes(Fail), [code], "{:#?}", looked.findings);
    }
    let plain = answer_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let said = look::<Tls>(parameters(plain, &ca)).await.findings[0].message.clone();
    assert!(said.ends_with("begin no TLS record, as on a port for plain HTTP"), "{said}");
    let looked = look::<Tls>(parameters(close_at_once().await, &ca)).await;
    assert_eq!(looked.codes(Fail), ["tls.handshake-refused"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn a_silent_address_does_not_hide_the_others() {
    let pki = pki();
    let port = answer_bytes(b"").await;
    serve_on(
        listener(Ipv4Addr::new(127, 0, 0, 2), port).await,
        vec![pki.turn()],
        rustls::ALL_VERSIONS,
    );
    let ca = trust(&pki.root);
    let mut both = parameters(port, &ca);
    both["addresses"] = json!(["127.0.0.1", "127.0.0.2"]);
    let looked = look_in::<Tls>(both, &context(Duration::from_secs(1))).await;
    assert_eq!(looked.codes(Unknown), ["gonogo.timeout"], "{:#?}", looked.findings);
    assert_eq!(looked.codes(Pass), ["tls.ok"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn a_path_that_drops_long_handshakes_is_told_from_a_dead_server() {
    let pki = pki();
    let port = drop_long_hellos(serve(vec![pki.turn()]).await).await;
    let ca = trust(&pki.root);
    let looked = look_in::<Tls>(parameters(port, &ca), &context(Duration::from_secs(2))).await;
    assert_eq!(looked.codes(Fail), ["tls.pq-intolerant"], "{:#?}", looked.findings);
    assert_eq!(looked.codes(Pass), ["tls.ok"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn both_certificates_of_a_pair_are_judged() {
    let pki = pki();
    let shown = |leaf: &Identity| turn(leaf, vec![leaf.der.clone(), pki.sub.der.clone()], None);
    let ca = trust(&pki.root);
    for (hours, outcome, code) in [
        (NORMAL, Pass, "tls.ok"),
        ((-24 * 91, -24), Fail, "tls.expired"),
        ((-24 * 88, 24 * 2), Fail, "tls.expires-in-window"),
    ] {
        let rsa = pki.sub.issue_rsa(hours);
        let port = serve_pair(vec![shown(&pki.leaf), shown(&rsa)]).await;
        let looked = look::<Tls>(parameters(port, &ca)).await;
        assert_eq!(looked.codes(outcome), [code], "{:#?}", looked.findings);
        assert_eq!(looked.outcome(), outcome, "{:#?}", looked.findings);
        let seen = looked.seen.expect("it was seen");
        assert_eq!(seen.served().count(), 2, "{seen:#?}");
    }
}

/// Two addresses that show different certificates.
async fn fleet(pki: &Pki, one: Arc<CertifiedKey>, other: Arc<CertifiedKey>) -> Looked<Tls> {
    let first = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = first.local_addr().expect("an address").port();
    serve_on(first, vec![one], rustls::ALL_VERSIONS);
    let second = listener(Ipv4Addr::new(127, 0, 0, 2), port).await;
    serve_on(second, vec![other], rustls::ALL_VERSIONS);
    let ca = trust(&pki.root);
    let mut both = parameters(port, &ca);
    both["addresses"] = json!(["127.0.0.1", "127.0.0.2"]);
    look::<Tls>(both).await
}

#[tokio::test]
async fn a_node_that_the_renewal_did_not_reach_is_found() {
    let pki = pki();
    let chain = |leaf: &Identity| turn(leaf, vec![leaf.der.clone(), pki.sub.der.clone()], None);
    let new = pki.sub.issue((-24, 24 * 89), |_| {});
    let looked = fleet(&pki, chain(&new), pki.turn()).await;
    assert_eq!(looked.codes(Fail), ["tls.stale-node"], "{:#?}", looked.findings);
    let stale = looked.findings.iter().find(|finding| finding.outcome == Fail);
    assert!(stale.expect("one").target.starts_with("127.0.0.2"), "{:#?}", looked.findings);
    // Each node with a certificate of its own, gotten within the hour.
    let own = pki.sub.issue((-24 * 30 + 1, 24 * 60 + 1), |_| {});
    let looked = fleet(&pki, chain(&own), pki.turn()).await;
    assert_eq!(looked.outcome(), Pass, "{:#?}", looked.findings);
}

#[tokio::test]
async fn a_slow_handshake_is_a_finding_where_a_limit_is_given() {
    let pki = pki();
    let port = serve(vec![pki.turn()]).await;
    let ca = trust(&pki.root);
    let mut limited = parameters(port, &ca);
    limited["max_handshake"] = json!("0.001ms");
    let looked = look::<Tls>(limited.clone()).await;
    assert_eq!(looked.codes(Fail), ["tls.slow"], "{:#?}", looked.findings);
    limited["max_handshake"] = json!("4s");
    let looked = look::<Tls>(limited).await;
    assert_eq!(looked.codes(Pass), ["tls.ok"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn servers_that_forget_their_sessions_are_a_warning() {
    let pki = pki();
    // A server of its own for every connection: none knows the tickets of the others.
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    let shown = pki.turn();
    accept(listener, move |mut stream| {
        let shown = Arc::clone(&shown);
        async move {
            let to = serve(vec![shown]).await;
            let mut server =
                TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await.expect("the server");
            let _ended = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        }
    });
    let ca = trust(&pki.root);
    let mut want = parameters(port, &ca);
    want["resumption"] = json!("want");
    let looked = look::<Tls>(want).await;
    assert_eq!(looked.codes(Warn), ["tls.not-resumed"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn a_server_of_an_old_version_that_keeps_no_sessions_does_not_offer_to_resume() {
    let pki = pki();
    let nothing_kept = |config: &mut rustls::ServerConfig| {
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    };
    let port = serve_changed_in(pki.turn(), &[&rustls::version::TLS12], nothing_kept).await;
    let ca = trust(&pki.root);
    let mut want = parameters(port, &ca);
    want["resumption"] = json!("want");
    let looked = look::<Tls>(want).await;
    assert_eq!(looked.codes(Warn), ["tls.not-resumed"], "{:#?}", looked.findings);
    let finding = looked.findings.iter().find(|one| one.code == "tls.not-resumed").expect("it");
    assert!(finding.message.contains("offers nothing"), "{finding:#?}");
}

/// What becomes of a connection.
#[derive(Clone, Copy)]
enum Way {
    /// A server.
    To(u16),
    /// Closed after the first message.
    Closed,
    /// No answer.
    Silent,
}

/// Sends the nth connection its way, those after the last the last way; returns the port.
async fn ways(ways: Vec<Way>) -> u16 {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    let turn = AtomicUsize::new(0);
    accept(listener, move |mut stream| {
        let way = ways[turn.fetch_add(1, Ordering::Relaxed).min(ways.len() - 1)];
        async move {
            match way {
                Way::To(to) => {
                    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await;
                    let mut server = server.expect("the server");
                    let _ended = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
                }
                Way::Closed => {
                    let _hello = stream.read(&mut [0; 16_384]).await;
                }
                Way::Silent => {
                    while stream.read(&mut [0; 16_384]).await.is_ok_and(|read| read > 0) {}
                }
            }
        }
    });
    port
}

#[tokio::test]
async fn a_server_that_says_nothing_of_its_other_certificate_is_unknown() {
    let pki = pki();
    let ca = trust(&pki.root);
    let to = Way::To(serve(vec![pki.turn()]).await);
    for (turns, unknown) in [
        // To every handshake for RSA the end of the connection: there is no such certificate.
        (vec![to, Way::Closed, to, Way::Closed], None),
        // Once only: it had too much to do.
        (vec![to, Way::Closed, to], None),
        (vec![to, Way::Closed], Some("gonogo.unreachable")),
        (vec![to, Way::Silent], Some("gonogo.timeout")),
    ] {
        let port = ways(turns).await;
        let looked = look_in::<Tls>(parameters(port, &ca), &context(Duration::from_secs(2))).await;
        assert_eq!(looked.codes(Pass), ["tls.ok"], "{:#?}", looked.findings);
        assert_eq!(looked.codes(Unknown), Vec::from_iter(unknown), "{:#?}", looked.findings);
    }
}

#[tokio::test]
async fn both_kinds_are_asked_for_where_several_servers_show_one() {
    let pki = pki();
    let ca = trust(&pki.root);
    let shown = |leaf: &Identity| turn(leaf, vec![leaf.der.clone(), pki.sub.der.clone()], None);
    let second = pki.sub.issue(NORMAL, |_| {});
    let old = pki.sub.issue_rsa((-24 * 91, -24));
    let one = Way::To(serve(vec![pki.turn()]).await);
    let other = Way::To(serve(vec![shown(&second)]).await);
    let pair = Way::To(serve_pair(vec![shown(&second), shown(&old)]).await);
    // A staple is waited for, so that several handshakes meet several servers.
    let waiting = pki.sub.issue(NORMAL, with_ocsp);
    let waiting = Way::To(serve(vec![shown(&waiting)]).await);
    let port = ways(vec![waiting, one, other, one, other, pair]).await;
    let looked = look::<Tls>(parameters(port, &ca)).await;
    assert_eq!(looked.codes(Fail), ["tls.expired"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn connections_refused_do_not_show_that_a_version_is() {
    let pki = pki();
    let ca = trust(&pki.root);
    let to = serve(vec![pki.turn()]).await;
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    // Two connections, for the certificates; then nobody listens any more.
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.expect("a connection");
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await.expect("the server");
        let one = tokio::io::copy_bidirectional(&mut first, &mut server);
        let two = async {
            let (mut second, _) = listener.accept().await.expect("a connection");
            drop(listener);
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await;
            let mut server = server.expect("the server");
            let _ended = tokio::io::copy_bidirectional(&mut second, &mut server).await;
        };
        let _ended = tokio::join!(one, two);
    });
    let mut modern = parameters(port, &ca);
    modern["versions"] = json!(["1.2", "1.3"]);
    let looked = look::<Tls>(modern).await;
    let lost = looked.findings.iter().filter(|one| one.code == "gonogo.unreachable").count();
    assert_eq!((looked.outcome(), lost), (Unknown, 4), "{:#?}", looked.findings);
}

#[tokio::test]
async fn one_certificate_of_a_pair_is_the_one_on_disk() {
    let pki = pki();
    let ca = trust(&pki.root);
    let shown = |leaf: &Identity| turn(leaf, vec![leaf.der.clone(), pki.sub.der.clone()], None);
    let rsa = pki.sub.issue_rsa(NORMAL);
    let port = serve_pair(vec![shown(&pki.leaf), shown(&rsa)]).await;
    let file = NamedTempFile::new().expect("a file");
    let mut compared = parameters(port, &ca);
    compared["file"] = json!(file.path());
    for (der, outcome, code) in [
        (&pki.leaf.der, Pass, "tls.file-ok"),
        (&rsa.der, Pass, "tls.file-ok"),
        (&pki.sub.issue(NORMAL, |_| {}).der, Fail, "tls.not-reloaded"),
        (&pki.sub.issue_rsa(NORMAL).der, Fail, "tls.not-reloaded"),
    ] {
        std::fs::write(file.path(), pem(der)).expect("written");
        let looked = look::<Tls>(compared.clone()).await;
        assert_eq!(looked.outcome(), outcome, "{:#?}", looked.findings);
        assert!(looked.codes(outcome).contains(&code), "{:#?}", looked.findings);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_to_its_end_costs_only_the_comparison() {
    let pki = pki();
    let ca = trust(&pki.root);
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe.pem");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let mut compared = parameters(serve(vec![pki.turn()]).await, &ca);
    compared["file"] = json!(pipe);
    let looked = look_in::<Tls>(compared, &context(Duration::from_secs(1))).await;
    // Whoever waits for its other end is let go.
    std::fs::OpenOptions::new().write(true).open(&pipe).expect("the other end");
    assert_eq!(looked.codes(Pass), ["tls.ok"], "{:#?}", looked.findings);
    assert_eq!(looked.codes(Unknown), ["gonogo.timeout"], "{:#?}", looked.findings);
}
