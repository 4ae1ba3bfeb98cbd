//! Kind `cert_file` on files a certificate is kept in, and on files that hold something else.

use std::path::PathBuf;

use gonogo::model::outcome::Outcome::{self, Fail, Pass, Unknown, Warn};
use gonogo::probe::Probe;
use gonogo::probe::cert_file::CertFile;
use rcgen::{CustomExtension, ExtendedKeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Looked, lab, look};
use crate::tls_forge::{Authority, HOST, Hours, Identity, NORMAL};
use crate::tls_server::pem;

/// A root, an intermediate, and a folder for files.
struct Shelf {
    root: Authority,
    sub: Authority,
    folder: TempDir,
}

fn shelf() -> Shelf {
    let root = Authority::root("root");
    let sub = root.sub("sub", (-24 * 100, 24 * 400));
    Shelf { root, sub, folder: TempDir::new().expect("a folder") }
}

impl Shelf {
    fn leaf(&self, hours: Hours) -> Identity {
        self.sub.issue(hours, |_| {})
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }

    fn put_chain(&self, certificates: &[&CertificateDer<'_>]) -> PathBuf {
        let text: String = certificates.iter().map(|der| pem(der)).collect();
        self.put("chain.pem", format!("Bag Attributes: none\n{text}"))
    }

    async fn check(&self, parameters: Value, outcome: Outcome, code: &str) -> Looked<CertFile> {
        let looked = look::<CertFile>(parameters).await;
        assert_eq!(looked.outcome(), outcome, "{code}: {:#?}", looked.findings);
        assert_eq!(looked.codes(outcome), [code], "{:#?}", looked.findings);
        looked
    }
}

#[tokio::test]
async fn a_whole_file_passes_in_both_forms() {
    let shelf = shelf();
    let leaf = shelf.leaf(NORMAL);
    let file = shelf.put_chain(&[&leaf.der, &shelf.sub.der]);
    let key = shelf.put("key.pem", leaf.key.serialize_pem());
    let ca = shelf.put("ca.pem", pem(&shelf.root.der));
    let all = json!({"file": file, "key": key, "ca": ca, "names": [HOST]});
    let looked = shelf.check(all, Pass, "cert_file.ok").await;
    let seen = serde_json::to_string(&looked.seen.expect("it was seen")).expect("JSON");
    assert!(!seen.contains("PRIVATE"), "{seen}");
    let der = shelf.put("leaf.der", &leaf.der);
    shelf.check(json!({"file": der}), Pass, "cert_file.ok").await;
}

#[tokio::test]
async fn a_client_shows_a_certificate_that_is_for_clients() {
    let shelf = shelf();
    let ca = shelf.put("ca.pem", pem(&shelf.root.der));
    let (server, client) =
        (ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth);
    for (purposes, purpose, outcome, code) in [
        // A client's certificate is good by itself, and no fault of the path.
        (vec![client.clone()], None, Pass, "cert_file.ok"),
        (vec![client.clone()], Some("client"), Pass, "cert_file.ok"),
        (vec![client.clone()], Some("server"), Fail, "cert_file.purpose-missing"),
        (vec![server.clone()], Some("client"), Fail, "cert_file.purpose-missing"),
        (vec![ExtendedKeyUsagePurpose::Any], Some("client"), Fail, "cert_file.purpose-missing"),
        (vec![server.clone()], Some("server"), Pass, "cert_file.ok"),
        (vec![server, client], Some("client"), Pass, "cert_file.ok"),
        (Vec::new(), Some("client"), Pass, "cert_file.ok"),
    ] {
        let leaf = shelf.sub.issue(NORMAL, |params| params.extended_key_usages = purposes);
        let file = shelf.put_chain(&[&leaf.der, &shelf.sub.der]);
        let parameters = json!({"file": file, "ca": ca, "purpose": purpose});
        shelf.check(parameters, outcome, code).await;
    }
    // A public authority's: it names the policy of the requirements it keeps (2.23.140.1.2.1).
    let policy = [0x30, 0x0a, 0x30, 0x08, 0x06, 0x06, 0x67, 0x81, 0x0c, 0x01, 0x02, 0x01].to_vec();
    let leaf = shelf.sub.issue(NORMAL, |params| {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let policies = CustomExtension::from_oid_content(&[2, 5, 29, 32], policy);
        params.custom_extensions.push(policies);
    });
    let file = shelf.put_chain(&[&leaf.der, &shelf.sub.der]);
    let as_client = json!({"file": file, "ca": ca, "purpose": "client"});
    shelf.check(as_client, Warn, "cert_file.purpose-ends").await;
    shelf.check(json!({"file": file, "ca": ca}), Pass, "cert_file.ok").await;
}

#[tokio::test]
async fn dates_are_judged_as_for_an_endpoint() {
    let shelf = shelf();
    for (hours, more, outcome, code) in [
        ((-24 * 91, -24), json!({}), Fail, "cert_file.expired"),
        ((24, 24 * 90), json!({}), Fail, "cert_file.not-yet-valid"),
        ((-24 * 88, 48), json!({}), Fail, "cert_file.expires-in-window"),
        ((-24 * 70, 24 * 20), json!({}), Warn, "cert_file.renewal-overdue"),
        ((-24 * 70, 24 * 20), json!({"renewal": "manual"}), Warn, "cert_file.expires-soon"),
    ] {
        let file = shelf.put_chain(&[&shelf.leaf(hours).der, &shelf.sub.der]);
        let mut parameters = more;
        parameters["file"] = json!(file);
        shelf.check(parameters, outcome, code).await;
    }
    // An intermediate counts, a certificate that only stands in the file does not.
    let old = shelf.sub.cross("sub", &shelf.root, (-24 * 100, -24));
    let stranger = Authority::root("stranger").sub("old", (-24 * 100, -24));
    let leaf = shelf.leaf(NORMAL);
    let behind = shelf.put_chain(&[&leaf.der, &old.der]);
    shelf.check(json!({"file": behind}), Fail, "cert_file.expired").await;
    let beside = shelf.put_chain(&[&leaf.der, &shelf.sub.der, &stranger.der]);
    shelf.check(json!({"file": beside}), Pass, "cert_file.ok").await;
}

#[tokio::test]
async fn a_renewal_in_the_window_is_a_warning() {
    let shelf = shelf();
    let file = shelf.put_chain(&[&shelf.leaf(NORMAL).der, &shelf.sub.der]);
    let mut cx = crate::support::context(std::time::Duration::from_secs(5));
    let day = jiff::SignedDuration::from_hours(24);
    let (from, to) = (cx.times.now + day * 29, cx.times.now + day * 31);
    cx.times.window = gonogo::model::time::Window { from, to };
    let looked = crate::support::look_in::<CertFile>(json!({"file": file}), &cx).await;
    assert_eq!(looked.codes(Warn), ["cert_file.renews-in-window"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn names_keys_and_roots_must_fit() {
    let shelf = shelf();
    let (leaf, other) = (shelf.leaf(NORMAL), shelf.leaf(NORMAL));
    let file = shelf.put_chain(&[&leaf.der, &shelf.sub.der]);
    let names = json!({"file": file, "names": [HOST, "other.example.test"]});
    shelf.check(names, Fail, "cert_file.name-missing").await;
    let key = shelf.put("other.pem", other.key.serialize_pem());
    shelf.check(json!({"file": file, "key": key}), Fail, "cert_file.key-mismatch").await;
    let ca = shelf.put("ca.pem", pem(&Authority::root("stranger").der));
    shelf.check(json!({"file": file, "ca": ca}), Fail, "cert_file.untrusted").await;
    let alone = shelf.put("alone.pem", pem(&leaf.der));
    let root = shelf.put("root.pem", pem(&shelf.root.der));
    shelf.check(json!({"file": alone, "ca": root}), Fail, "cert_file.untrusted").await;
    shelf.check(json!({"file": alone, "ca": "platform"}), Fail, "cert_file.untrusted").await;
}

#[tokio::test]
async fn a_bundle_of_authorities_may_hold_an_expired_one() {
    let shelf = shelf();
    let old = Authority::root("other").sub("old", (-24 * 100, -24));
    let bundle = shelf.put_chain(&[&shelf.root.der, &old.der, &shelf.sub.der]);
    shelf.check(json!({"file": bundle}), Warn, "cert_file.expired").await;
    let all = shelf.put_chain(&[&old.der, &old.der]);
    shelf.check(json!({"file": all}), Fail, "cert_file.expired").await;
    let roots = shelf.put_chain(&[&shelf.root.der]);
    shelf.check(json!({"file": roots}), Pass, "cert_file.ok").await;
}

#[tokio::test]
async fn files_that_hold_something_else() {
    let shelf = shelf();
    let leaf = shelf.leaf(NORMAL);
    let garbage = CertificateDer::from(b"garbage".to_vec());
    let file = shelf.put_chain(&[&garbage, &shelf.sub.der]);
    shelf.check(json!({"file": file}), Fail, "cert_file.unreadable").await;
    let cut = shelf.put("cut.der", &leaf.der[..200]);
    shelf.check(json!({"file": cut}), Fail, "cert_file.unreadable").await;
    for (name, bytes) in [("empty", &b""[..]), ("page", b"<html>404</html>"), ("zeros", &[0; 9000])]
    {
        let file = shelf.put(name, bytes);
        shelf.check(json!({"file": file}), Unknown, "gonogo.local").await;
    }
    let missing = shelf.folder.path().join("missing.pem");
    shelf.check(json!({"file": missing}), Unknown, "gonogo.local").await;
    let file = shelf.put_chain(&[&leaf.der]);
    shelf.check(json!({"file": file, "key": file}), Unknown, "gonogo.local").await;
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = shelf.put("locked.pem", locked);
    shelf.check(json!({"file": file, "key": locked}), Unknown, "gonogo.denied").await;
}

#[tokio::test]
async fn the_labs_own_files_are_told_apart() {
    let shelf = shelf();
    let file =
        |name: &str| json!({"file": format!("{}/{name}", lab("LAB_PKI")), "ca": lab("LAB_CA")});
    shelf.check(file("login.pem"), Pass, "cert_file.ok").await;
    shelf.check(file("rsa.pem"), Pass, "cert_file.ok").await;
    shelf.check(file("expired.pem"), Fail, "cert_file.expired").await;
    shelf.check(file("nointermediate.pem"), Fail, "cert_file.untrusted").await;
}

#[test]
fn weak_certificates_are_named_and_commands_can_be_pasted() {
    use gonogo::net::pki::certificate::{Certificate, Key};
    use gonogo::net::pki::path::{Obstacle, Path};
    use gonogo::probe::cert_file::Observation;
    use gonogo::probe::tls::Sent;
    let shelf = shelf();
    let good = Certificate::read(&shelf.leaf(NORMAL).der).expect("a certificate");
    let probe: CertFile =
        serde_json::from_value(json!({"file": "my cert.pem", "key": "k.pem"})).expect("parameters");
    let times = crate::support::context(std::time::Duration::ZERO).times;
    for (leaf, code) in [
        (Certificate { key: Key::Rsa(1024), ..good.clone() }, "cert_file.weak-key"),
        (
            Certificate { signature: "ecdsa-with-SHA1".to_owned(), ..good },
            "cert_file.weak-signature",
        ),
    ] {
        let seen = Observation {
            certificates: vec![Sent::Certificate(Box::new(leaf))],
            path: Path::Broken {
                certificates: vec![0],
                obstacle: Obstacle::UnknownIssuer,
                reason: String::new(),
            },
            missing: Vec::new(),
            key: None,
            password: gonogo::probe::cert_file::Password::Right,
        };
        let findings = probe.judge(&seen, &times);
        assert_eq!(findings.iter().map(|f| f.code.as_str()).collect::<Vec<_>>(), [code]);
    }
    assert_eq!(
        probe.reproduce(None)[0],
        "openssl x509 -in 'my cert.pem' -noout -subject -issuer -dates -ext subjectAltName"
    );
    let bad: CertFile =
        serde_json::from_value(json!({"file": "a", "names": ["*.a b"]})).expect("parameters");
    assert_eq!(bad.complaints().len(), 1);
}

/// Makes a PKCS#12 file as openssl does, under the password `correct horse`.
fn pkcs12(shelf: &Shelf, leaf: &Identity, key: &Identity, more: &[&str]) -> PathBuf {
    let certificate = shelf.put("p12.leaf.pem", pem(&leaf.der));
    let chain = shelf.put("p12.chain.pem", pem(&shelf.sub.der));
    let key = shelf.put("p12.key.pem", key.key.serialize_pem());
    let out = shelf.folder.path().join("store.p12");
    let made = std::process::Command::new("openssl")
        .args(["pkcs12", "-export", "-passout", "pass:correct horse", "-certfile"])
        .arg(&chain)
        .args(["-in".as_ref(), certificate.as_os_str(), "-inkey".as_ref(), key.as_os_str()])
        .args(["-out".as_ref(), out.as_os_str()])
        .args(more)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    out
}

#[tokio::test]
async fn pkcs12_files_are_opened_with_the_password_beside_them() {
    let shelf = shelf();
    let leaf = shelf.leaf(NORMAL);
    let password = shelf.put("password", "correct horse\n");
    let ca = shelf.put("ca.pem", pem(&shelf.root.der));
    let legacy = ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
    for more in [&[][..], &legacy, &["-macalg", "sha512"]] {
        let file = pkcs12(&shelf, &leaf, &leaf, more);
        let all = json!({"file": file, "password_file": password, "ca": ca, "names": [HOST]});
        let looked = shelf.check(all, Pass, "cert_file.ok").await;
        let seen = serde_json::to_string(&looked.seen.expect("it was seen")).expect("JSON");
        assert!(!seen.contains("correct horse"), "{seen}");
        assert!(seen.contains("matches"), "{seen}");
    }
    let file = pkcs12(&shelf, &leaf, &leaf, &[]);
    let wrong = shelf.put("wrong", "battery staple");
    let locked = json!({"file": file, "password_file": wrong});
    shelf.check(locked, Fail, "cert_file.wrong-password").await;
    shelf.check(json!({"file": file}), Unknown, "gonogo.denied").await;
    let expired = shelf.leaf((-24 * 91, -24));
    let old = pkcs12(&shelf, &expired, &expired, &[]);
    let late = json!({"file": old, "password_file": password});
    shelf.check(late, Fail, "cert_file.expired").await;
}

#[tokio::test]
async fn pkcs12_files_that_cannot_be_understood_are_unknown() {
    let shelf = shelf();
    let leaf = shelf.leaf(NORMAL);
    let file = pkcs12(&shelf, &leaf, &leaf, &[]);
    let whole = std::fs::read(&file).expect("the file");
    let cut = shelf.put("cut.p12", &whole[..whole.len() / 2]);
    let password = shelf.put("password", "correct horse");
    for file in [cut, shelf.put("short.p12", [0x30, 3, 2, 1, 3])] {
        let parameters = json!({"file": file, "password_file": password});
        shelf.check(parameters, Unknown, "gonogo.local").await;
    }
    let parameters = json!({"file": shelf.put("a.p12", &whole), "password_file": "no/such/file"});
    shelf.check(parameters, Unknown, "gonogo.local").await;
}

#[tokio::test]
async fn what_cannot_be_read_behind_the_first_certificate_is_a_warning() {
    let shelf = shelf();
    let leaf = shelf.leaf(NORMAL);
    let garbage = CertificateDer::from(b"garbage".to_vec());
    for chain in
        [&[&leaf.der, &shelf.sub.der, &garbage][..], &[&shelf.root.der, &garbage, &shelf.sub.der]]
    {
        let file = shelf.put_chain(chain);
        let looked = shelf.check(json!({"file": file}), Warn, "cert_file.unreadable").await;
        assert_eq!(looked.codes(Pass), ["cert_file.ok"], "{:#?}", looked.findings);
    }
}

#[tokio::test]
async fn a_bundle_of_authorities_is_not_led_to_a_root() {
    let shelf = shelf();
    let ca = shelf.put("ca.pem", pem(&shelf.root.der));
    let bundle = shelf.put_chain(&[&shelf.sub.der, &shelf.root.der]);
    let all = json!({"file": bundle, "ca": ca});
    shelf.check(all, Unknown, "cert_file.untrusted").await;
}

#[test]
fn commands_by_hand_begin_in_the_checklists_folder_where_a_file_is_relative() {
    for (parameters, relative) in [
        (json!({"file": "game.pem"}), true),
        (json!({"file": "/etc/game.pem"}), false),
        (json!({"file": "/etc/game.pem", "key": "game.key"}), true),
        (json!({"file": "/etc/game.p12", "password_file": "game.pass"}), true),
        (json!({"file": "/etc/game.p12", "password_file": "/run/game.pass"}), false),
    ] {
        let probe: CertFile = serde_json::from_value(parameters.clone()).expect("parameters");
        assert_eq!(probe.names_files(), relative, "{parameters}");
    }
}
