//! Kind `tls`: how servers speak it, on the lab's nginx: versions, suites, application protocols,
//! resumption, early data; and what time they say it is.

use std::process::Command;

use gonogo::model::outcome::Outcome::{self, Fail, Pass};
use gonogo::probe::tls::Tls;
use serde_json::{Value, json};

use crate::support::{Looked, lab, look};
use crate::tls::parameters;
use crate::tls_forge::{Authority, NORMAL};
use crate::tls_server::{self, serve_changed, trust, turn};

async fn look_at(name: &str, more: Value) -> Looked<Tls> {
    look::<Tls>(parameters(name, more)).await
}

async fn check(name: &str, more: Value, outcome: Outcome, code: &str) {
    let looked = look_at(name, more).await;
    assert_eq!(looked.outcome(), outcome, "{name}: {:#?}", looked.findings);
    assert!(looked.codes(outcome).contains(&code), "{name} {code}: {:#?}", looked.findings);
}

#[tokio::test]
async fn the_versions_asked_for_and_no_other() {
    let modern = |address: &str| json!({"versions": ["1.2", "1.3"], "addresses": [address]});
    check("login", modern("127.0.0.1"), Pass, "tls.versions-ok").await;
    check("tls12", modern("127.0.0.3"), Fail, "tls.version-refused").await;
    let looked = look_at("oldtls", modern("127.0.0.5")).await;
    let still = looked.findings.iter().filter(|one| one.code == "tls.version-accepted");
    let still: Vec<&str> = still.map(|one| one.message.as_str()).collect();
    let both = ["the server still speaks TLS 1.0", "the server still speaks TLS 1.1"];
    assert_eq!(still, both, "{:#?}", looked.findings);
    let old = json!({"versions": ["1.0", "1.1", "1.2"], "addresses": ["127.0.0.5"]});
    check("oldtls", old, Pass, "tls.versions-ok").await;
    let only = json!({"versions": ["1.3"]});
    check("login", only, Fail, "tls.version-accepted").await;
}

#[tokio::test]
async fn application_protocols_are_offered_one_by_one() {
    check("login", json!({"alpn": ["h2", "http/1.1"]}), Pass, "tls.alpn-ok").await;
    check("login", json!({"alpn": ["h2", "postgresql"]}), Fail, "tls.alpn-refused").await;
}

#[tokio::test]
async fn a_server_that_insists_on_its_own_protocol_is_not_refused_for_it() {
    let root = Authority::root("root");
    let leaf = root.issue(NORMAL, |_| {});
    let shown = turn(&leaf, vec![leaf.der.clone()], None);
    let mqtt = |config: &mut rustls::ServerConfig| config.alpn_protocols = vec![b"mqtt".to_vec()];
    let (port, ca) = (serve_changed(shown, mqtt).await, trust(&root));
    let looked = look::<Tls>(tls_server::parameters(port, &ca)).await;
    assert_eq!(looked.codes(Pass), ["tls.ok"], "{:#?}", looked.findings);
    let mut asked = tls_server::parameters(port, &ca);
    asked["alpn"] = json!(["mqtt"]);
    let looked = look::<Tls>(asked.clone()).await;
    assert_eq!(looked.codes(Pass), ["tls.alpn-ok", "tls.ok"], "{:#?}", looked.findings);
    asked["alpn"] = json!(["h2"]);
    let looked = look::<Tls>(asked).await;
    assert_eq!(looked.codes(Fail), ["tls.alpn-refused"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn suites_are_offered_one_by_one() {
    let ecdsa = ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
    check("login", json!({"suites": ecdsa}), Pass, "tls.suites-ok").await;
    // That one needs an RSA certificate.
    let rsa = json!({"suites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]});
    check("login", rsa.clone(), Fail, "tls.suite-refused").await;
    check("rsa", rsa, Pass, "tls.suites-ok").await;
}

#[tokio::test]
async fn early_data_is_found_where_it_is_refused() {
    let refuse = |address: &str| json!({"early_data": "refuse", "addresses": [address]});
    check("login", refuse("127.0.0.1"), Pass, "tls.no-early-data").await;
    check("earlydata", refuse("127.0.0.6"), Fail, "tls.early-data").await;
    let ignore = json!({"addresses": ["127.0.0.6"], "resumption": "want"});
    check("earlydata", ignore, Pass, "tls.resumed").await;
}

#[tokio::test]
async fn the_time_of_the_server_is_known() {
    let seen = look_at("noocsp", json!({})).await.seen.expect("it was seen");
    let seen = serde_json::to_value(seen).expect("JSON");
    let accepted = &seen["addresses"][0]["sight"]["seen"]["accepted"];
    let list = &accepted["served"][0]["asked"][0];
    for ahead in [&accepted["clock_ahead"], &list["clock_ahead"]] {
        assert!(ahead.as_i64().is_some_and(|ahead| ahead.abs() < 5), "{accepted:#}");
    }
}

/// The tool on a machine whose clock is wrong.
#[test]
fn a_wrong_clock_makes_dates_unknown_and_says_why() {
    for (offset, said) in [("-40d", "behind"), ("+100d", "ahead")] {
        let zone = lab("LAB_ZONE");
        let endpoint = format!("noocsp.{zone}:{}", lab("LAB_HTTPS_PORT"));
        let set = |key: &str, value: &str| ["--set".to_owned(), format!("{key}={value}")];
        let done = Command::new("faketime")
            .args(["-f", offset, env!("CARGO_BIN_EXE_gonogo"), "check", "tls", &endpoint])
            .args(set("addresses", "[127.0.0.1]"))
            .args(set("ca", &lab("LAB_CA")))
            .args(["-o", "json"])
            .output()
            .expect("faketime");
        let record: Value = serde_json::from_slice(&done.stdout).expect("a record");
        let check = &record["steps"][0]["checks"][0];
        assert_eq!(check["outcome"], "unknown", "{said}: {check:#}");
        let findings = check["findings"].as_array().expect("findings");
        assert!(findings.iter().all(|one| one["outcome"] != "fail"), "{said}: {findings:#?}");
        assert!(findings.iter().any(|one| one["code"] == "tls.clock-wrong"), "{findings:#?}");
        assert_eq!(done.status.code(), Some(3));
    }
}
