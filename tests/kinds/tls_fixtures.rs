//! Kind `tls`: every fixture that experts ask for, on real servers, with all that is said of it.
//!
//! What nginx and openssl cannot be brought to do is shown by the liars of `tls_liars` and
//! `tls_staples`: garbage instead of a certificate, garbage and 64 KiB of it as a staple.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::model::outcome::Outcome;
use gonogo::probe::tls::Tls;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Looked, lab, look};
use crate::tls::parameters;

/// Everything that was said but that the question does not arise, sorted.
fn words(looked: &Looked<Tls>) -> Vec<String> {
    let said = looked.findings.iter().filter(|one| one.outcome != Outcome::NotApplicable);
    let mut words: Vec<String> = said
        .map(|one| format!("{} {}", one.outcome, one.code.trim_start_matches("tls.")))
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

async fn check(name: &str, more: Value, expected: &[&str]) {
    let looked = look::<Tls>(parameters(name, more)).await;
    assert_eq!(words(&looked), expected, "{name}: {:#?}", looked.findings);
}

#[tokio::test]
async fn dates() {
    let staple = "pass staple-ok";
    for (name, said) in [
        ("expired", &["fail expired", staple][..]),
        ("notyet", &["fail not-yet-valid", staple]),
        ("crosssign", &["pass ok", staple]),
        ("oldissuer", &["fail issuer-expired", staple]),
        ("short", &["pass ok"]),
    ] {
        check(name, json!({}), said).await;
    }
}

#[tokio::test]
async fn names() {
    let good = ["pass not-revoked", "pass ok"];
    check("nocn", json!({}), &good).await;
    check("wildcard", json!({}), &good).await;
    check("cnonly", json!({}), &["fail common-name-only", "pass not-revoked"]).await;
    check("two.labels", json!({}), &["fail wildcard-depth", "pass not-revoked"]).await;
    // Who asks by address sends no name.
    let at = |ip: &str| json!({"endpoint": format!("{ip}:{}", lab("LAB_HTTPS_PORT")), "addresses": null});
    check("ipsan", at("127.0.0.4"), &good).await;
    check("login", at("127.0.0.1"), &["fail name-mismatch", "pass staple-ok"]).await;
}

#[tokio::test]
async fn chains() {
    let said = ["fail incomplete-chain", "unknown staple-unverified"];
    check("nointermediate", json!({}), &said).await;
    check("wrongorder", json!({}), &["pass ok", "warn wrong-order"]).await;
}

#[tokio::test]
async fn staples() {
    let good = ["pass ok", "pass staple-ok"];
    for name in ["login", "issuer.staple", "bykey.staple", "sha256.staple", "pair.staple"] {
        check(name, json!({}), &good).await;
    }
    for (name, said) in [
        ("revoked", "fail staple-revoked"),
        ("unknownstaple", "fail staple-unknown"),
        ("serial.staple", "fail staple-wrong-certificate"),
        ("twin.staple", "fail staple-wrong-issuer"),
        ("nopurpose.staple", "fail staple-signer-purpose"),
        ("ofroot.staple", "fail staple-unauthorised-responder"),
        ("oldsigner.staple", "fail staple-signer-expired"),
        ("badsignature.staple", "fail staple-bad-signature"),
        ("stalestaple", "fail staple-expired"),
        ("future.staple", "fail staple-not-yet-valid"),
        ("trylater.staple", "fail staple-unsuccessful"),
        ("muststaple", "fail must-staple-missing"),
    ] {
        let off = json!({"revocation": "off"});
        check(name, off, &[said, "pass ok"]).await;
    }
    let said = ["pass ok", "warn staple-without-end"];
    check("nonextupdate.staple", json!({"revocation": "off"}), &said).await;
    check("nostaple", json!({"revocation": "off"}), &["pass ok", "warn staple-missing"]).await;
    check("noocsp", json!({}), &["pass not-revoked", "pass ok"]).await;
}

#[tokio::test]
async fn revocation_lists() {
    check("crlrevoked", json!({}), &["fail revoked", "pass ok"]).await;
    check("crlexpired", json!({}), &["pass ok", "unknown crl-expired"]).await;
}

#[tokio::test]
async fn handshakes() {
    let old = json!({"addresses": ["127.0.0.3"]});
    check("tls12", old.clone(), &["pass ok", "pass staple-ok"]).await;
    let looked = look::<Tls>(parameters("tls12", old)).await;
    let version = |served: &gonogo::probe::tls::Served| served.session.clone().map(|s| s.version);
    let seen = looked.seen.expect("it was seen");
    assert_eq!(seen.served().next().and_then(|(_, one)| version(one)).as_deref(), Some("TLSv1.2"));
    // A server that resumes sessions would show the certificate and staple of the first handshake.
    let want = json!({"resumption": "want"});
    check("login", want, &["pass ok", "pass resumed", "pass staple-ok"]).await;
}

#[tokio::test]
async fn a_node_with_the_certificate_before_the_last_renewal() {
    let both = json!({"addresses": ["127.0.0.1", "127.0.0.2"]});
    let looked = look::<Tls>(parameters("fleet", both)).await;
    let stale = looked.findings.iter().find(|finding| finding.code == "tls.stale-node");
    let stale = stale.unwrap_or_else(|| panic!("{:#?}", looked.findings));
    assert!(stale.target.starts_with("127.0.0.2:"), "{stale:#?}");
    let said = ["fail stale-node", "pass not-revoked", "pass ok"];
    assert_eq!(words(&looked), said, "{:#?}", looked.findings);
    check("dual", json!({}), &["pass ok", "pass staple-ok"]).await;
}

/// An nginx that has just been started, killed with the test.
struct Fresh {
    nginx: Child,
    port: u16,
    _folder: TempDir,
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _gone = self.nginx.kill();
        let _gone = self.nginx.wait();
    }
}

/// Starts nginx for one certificate with live stapling, and returns when it listens.
fn fresh_nginx(name: &str) -> Fresh {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let folder = TempDir::new().expect("a folder");
    let (pki, web) = (lab("LAB_PKI"), folder.path().display());
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|kind| format!("{kind}_temp_path {web}/{kind};")).concat();
    let conf = format!(
        "daemon off; master_process off; pid {web}/pid; error_log {web}/error.log;
         events {{}}
         http {{ access_log off; {temporary}
           ssl_trusted_certificate {pki}/intermediate.pem;
           server {{ listen 127.0.0.1:{port} ssl;
             ssl_certificate {pki}/{name}.pem; ssl_certificate_key {pki}/private/{name}.key;
             ssl_stapling on; }} }}"
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, conf).expect("written");
    let mut nginx = Command::new("nginx");
    nginx.arg("-p").arg(folder.path()).arg("-c").arg(&file);
    // Distributions keep it where an ordinary user does not look.
    nginx.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin");
    let nginx = nginx.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx");
    let mut fresh = Fresh { nginx, port, _folder: folder };
    let limit = Clock.tick() + Duration::from_secs(10);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let ended = fresh.nginx.try_wait().expect("its state");
        assert!(ended.is_none() && Clock.tick() < limit, "nginx does not listen: {ended:?}");
        std::thread::yield_now();
    }
    fresh
}

#[tokio::test]
async fn the_first_handshakes_after_a_start_come_without_the_staple() {
    let name = "latestaple";
    let fresh = fresh_nginx(name);
    let at = json!({"endpoint": format!("{name}.{}:{}", lab("LAB_ZONE"), fresh.port)});
    // The second time the staple is there.
    check(name, at.clone(), &["pass ok", "pass staple-ok", "warn staple-late"]).await;
    check(name, at, &["pass ok", "pass staple-ok"]).await;
}
