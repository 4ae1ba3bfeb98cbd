//! Kind `tls` against the lab's nginx, which shows another certificate for each server name.

use std::time::Duration;

use gonogo::model::outcome::Outcome::{self, Fail, NotApplicable, Pass, Unknown, Warn};
use gonogo::model::time::Window;
use gonogo::probe::ProbeCx;
use gonogo::probe::tls::Tls;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Looked, context, lab, look, look_in};

/// The parameters of a look at one of the lab's names, with `more` on top.
pub(crate) fn parameters(name: &str, more: Value) -> Value {
    let mut parameters = json!({
        "endpoint": format!("{name}.{}:{}", lab("LAB_ZONE"), lab("LAB_HTTPS_PORT")),
        "addresses": ["127.0.0.1"],
        "ca": lab("LAB_CA"),
    });
    let (Value::Object(all), Value::Object(more)) = (&mut parameters, more) else {
        panic!("parameters are an object")
    };
    all.extend(more);
    parameters
}

/// A launch that begins in `hours` and lasts three.
fn launch_in(hours: i64) -> ProbeCx {
    let mut cx = context(Duration::from_secs(5));
    cx.times.launch = cx.times.now + SignedDuration::from_hours(hours);
    let to = cx.times.launch + SignedDuration::from_hours(3);
    cx.times.window = Window { from: cx.times.launch, to };
    cx
}

/// Looks at a name and compares the worst outcome and the codes that have it.
async fn check(name: &str, more: Value, outcome: Outcome, codes: &[&str]) -> Looked<Tls> {
    let looked = look::<Tls>(parameters(name, more)).await;
    assert_eq!(looked.outcome(), outcome, "{name}: {:#?}", looked.findings);
    assert_eq!(looked.codes(outcome), codes, "{name}: {:#?}", looked.findings);
    looked
}

#[tokio::test]
async fn good_certificates_pass() {
    for name in ["login", "rsa", "dual"] {
        let looked = check(name, json!({}), Pass, &["tls.ok", "tls.staple-ok"]).await;
        let seen = looked.seen.expect("it was seen");
        let certificates = if name == "dual" { 2 } else { 1 };
        assert_eq!(seen.served().count(), certificates, "{name}");
        let (_, served) = seen.served().next().expect("it served a certificate");
        let session = served.session.as_ref().expect("it agreed on something");
        assert_eq!((session.version.as_str(), served.chain.len()), ("TLSv1.3", 2), "{name}");
    }
}

#[tokio::test]
async fn ask_19_a_certificate_without_ocsp_needs_no_staple() {
    let looked = check("noocsp", json!({}), Pass, &["tls.not-revoked", "tls.ok"]).await;
    assert_eq!(looked.codes(NotApplicable), ["tls.staple-not-applicable"]);
    let off = json!({"stapling": "off", "revocation": "off"});
    check("noocsp", off, Pass, &["tls.ok"]).await;
    check("noocsp", json!({"stapling": "require"}), Fail, &["tls.staple-missing"]).await;
}

#[tokio::test]
async fn revoked_certificates_are_found_by_list_and_by_responder() {
    check("crlrevoked", json!({}), Fail, &["tls.revoked"]).await;
    check("revoked", json!({"stapling": "off"}), Fail, &["tls.revoked"]).await;
    let ok = ["tls.not-revoked", "tls.ok"];
    check("nostaple", json!({"stapling": "off"}), Pass, &ok).await;
    let looked = check("short", json!({}), Pass, &["tls.ok"]).await;
    let not = ["tls.revocation-not-applicable", "tls.staple-not-applicable"];
    assert_eq!(looked.codes(NotApplicable), not);
}

#[tokio::test]
async fn each_fault_has_its_own_code() {
    for (name, outcome, code) in [
        ("expired", Fail, "tls.expired"),
        ("notyet", Fail, "tls.not-yet-valid"),
        ("expiring", Fail, "tls.expires-in-window"),
        ("overdue", Warn, "tls.renewal-overdue"),
        ("wrongname", Fail, "tls.name-mismatch"),
        ("nointermediate", Fail, "tls.incomplete-chain"),
        ("nostaple", Warn, "tls.staple-missing"),
        ("muststaple", Fail, "tls.must-staple-missing"),
        ("stalestaple", Fail, "tls.staple-expired"),
        ("unknownstaple", Fail, "tls.staple-unknown"),
        ("otherstaple", Fail, "tls.staple-wrong-certificate"),
        ("revoked", Fail, "tls.staple-revoked"),
    ] {
        check(name, json!({}), outcome, &[code]).await;
    }
}

#[tokio::test]
async fn without_the_issuer_the_staple_is_not_known_to_be_good() {
    let looked = check("nointermediate", json!({}), Fail, &["tls.incomplete-chain"]).await;
    assert_eq!(looked.codes(Unknown), ["tls.staple-unverified"]);
}

#[tokio::test]
async fn ask_19_a_lazy_stapler_is_waited_for() {
    let codes = ["tls.ok", "tls.staple-ok"];
    check("stapled", json!({}), Pass, &codes).await;
}

#[tokio::test]
async fn a_required_staple_must_be_there() {
    let require = json!({"stapling": "require"});
    check("nostaple", require, Fail, &["tls.staple-missing"]).await;
}

#[tokio::test]
async fn another_trust_store_does_not_trust_the_lab() {
    // The lab's intermediate is sent, its root is not among these.
    let other = json!({"ca": format!("{}/login.leaf.pem", lab("LAB_PKI"))});
    check("login", other, Fail, &["tls.untrusted"]).await;
}

#[tokio::test]
async fn a_refused_connection_and_a_missing_ca_file_are_told_apart() {
    let closed = format!("login.{}:{}", lab("LAB_ZONE"), lab("LAB_CLOSED_PORT"));
    check("login", json!({"endpoint": closed}), Fail, &["tls.refused"]).await;
    check("login", json!({"ca": "no/such/file.pem"}), Unknown, &["gonogo.local"]).await;
}

#[tokio::test]
async fn names_are_looked_up_and_a_name_without_address_fails() {
    let endpoint = |name: &str| {
        let endpoint = format!("{name}.{}:{}", lab("LAB_ZONE"), lab("LAB_HTTPS_PORT"));
        json!({"endpoint": endpoint, "resolver": lab("LAB_DNS_AUTH"), "ca": lab("LAB_CA")})
    };
    let looked = look::<Tls>(endpoint("no-such-name")).await;
    assert_eq!(looked.codes(Fail), ["tls.no-address"], "{:#?}", looked.findings);
    let silent = json!({
        "endpoint": "login.pixelrush.test:443", "resolver": lab("LAB_CLOSED"), "ca": lab("LAB_CA"),
    });
    let looked = look::<Tls>(silent).await;
    assert_eq!(looked.codes(Unknown), ["gonogo.name-unresolved"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn dates_are_judged_by_the_launch() {
    // 60 days left of 90: due for renewal in 30 days.
    for (name, hours, more, outcome, code) in [
        ("login", 24 * 56, json!({}), Pass, "tls.ok"),
        ("login", 24 * 57, json!({}), Fail, "tls.expires-in-window"),
        ("login", 24 * 57, json!({"margin": "24h"}), Pass, "tls.ok"),
        ("login", 24 * 30 - 2, json!({}), Warn, "tls.renews-in-window"),
        ("login", 24 * 30 - 2, json!({"renewal": "manual"}), Pass, "tls.ok"),
        ("login", 0, json!({"warn_within": "90d"}), Warn, "tls.expires-soon"),
        ("overdue", 0, json!({"renewal": "manual"}), Warn, "tls.expires-soon"),
        // Half of 160 hours is left 20 hours from now.
        ("short", 72, json!({}), Pass, "tls.ok"),
        ("short", 72, json!({"renewal": "manual"}), Fail, "tls.expires-in-window"),
        ("short", 4, json!({"warn_within": "0s"}), Pass, "tls.ok"),
        ("short", 30, json!({"margin": "30d"}), Pass, "tls.ok"),
        ("short", 4, json!({"margin": "30d"}), Fail, "tls.expires-in-window"),
    ] {
        let looked = look_in::<Tls>(parameters(name, more), &launch_in(hours)).await;
        assert_eq!(looked.outcome(), outcome, "{name} {hours}: {:#?}", looked.findings);
        assert!(looked.codes(outcome).contains(&code), "{name} {hours}: {:#?}", looked.findings);
    }
}

#[tokio::test]
async fn resumption_is_looked_at_where_it_is_wanted() {
    let want = json!({"resumption": "want"});
    check("login", want, Pass, &["tls.ok", "tls.resumed", "tls.staple-ok"]).await;
}

#[tokio::test]
async fn a_demanded_staple_comes_over_both_versions() {
    let require = json!({"stapling": "require"});
    let looked = check("login", require, Pass, &["tls.ok", "tls.staple-ok"]).await;
    let seen = serde_json::to_value(looked.seen.expect("it was seen")).expect("JSON");
    let tls12 = &seen["addresses"][0]["sight"]["seen"]["accepted"]["tls12"]["seen"];
    assert!(tls12["staple"].is_object(), "{tls12}");
}

#[tokio::test]
async fn the_certificate_on_disk_is_compared_with_the_one_served() {
    let file = |name: &str| json!({"file": format!("{}/{name}", lab("LAB_PKI"))});
    check("login", file("login.pem"), Pass, &["tls.file-ok", "tls.ok", "tls.staple-ok"]).await;
    check("login", file("overdue.pem"), Fail, &["tls.not-reloaded"]).await;
    let other = check("login", file("rsa.pem"), Warn, &["tls.not-reloaded"]).await;
    let finding = other.findings.iter().find(|one| one.code == "tls.not-reloaded").expect("it");
    assert!(finding.message.contains("another kind of key"), "{finding:?}");
    check("login", file("ocsp/good.der"), Unknown, &["gonogo.answer-unreadable"]).await;
    check("login", file("no-such.pem"), Unknown, &["gonogo.local"]).await;
}

#[tokio::test]
async fn ask_17_every_address_counts() {
    let endpoint = format!("localhost:{}", lab("LAB_HTTPS_PORT"));
    let looked = look::<Tls>(json!({"endpoint": endpoint, "ca": lab("LAB_CA")})).await;
    let targets: Vec<&str> = looked.findings.iter().map(|f| f.target.as_str()).collect();
    let port = lab("LAB_HTTPS_PORT");
    for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        assert!(targets.contains(&address.as_str()), "{targets:?}");
    }
    assert_eq!(looked.outcome(), Fail);
}
