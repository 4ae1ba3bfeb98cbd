//! The kind `alert_rules` against the lab's Prometheus, and against facts it cannot be made to show.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::Probe;
use gonogo::probe::alert_rules::AlertRules;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{context, lab, look, look_in};

async fn check(more: &str, value: Value, outcome: Outcome, codes: &[&str]) {
    let mut parameters = json!({ "prometheus": lab("LAB_PROMETHEUS") });
    parameters[more] = value;
    let looked = look::<AlertRules>(parameters).await;
    assert_eq!(looked.outcome(), outcome, "{:?}", looked.findings);
    assert_eq!(looked.codes(outcome), codes, "{:?}", looked.findings);
}

#[tokio::test]
async fn rules_and_jobs_are_looked_up() {
    use Outcome::{Fail, Pass, Warn};
    check("rules", json!(["PaymentTimeout"]), Pass, &["alert_rules.ok"]).await;
    check("rules", json!(["HighErrorRate"]), Warn, &["alert_rules.firing"]).await;
    check("rules", json!(["NoSuchAlert"]), Fail, &["alert_rules.missing"]).await;
    check("jobs", json!({ "prometheus": 1 }), Pass, &["alert_rules.ok"]).await;
    check("jobs", json!({ "prometheus": 2 }), Fail, &["alert_rules.too-few-targets"]).await;
    check("jobs", json!({ "nobody": 1 }), Fail, &["alert_rules.too-few-targets"]).await;
}

#[test]
fn what_is_wrong_with_a_rule_or_a_target_is_said() {
    let cx = context(Duration::from_secs(1));
    let at = |ago: i64| (cx.times.now - SignedDuration::from_secs(ago)).to_string();
    let probe: AlertRules = serde_json::from_value(json!({
        "prometheus": "http://p", "rules": ["A"], "jobs": { "j": 1 },
    }))
    .expect("parameters");
    let rule = |health: &str, last: Option<String>| {
        json!([{
            "name": "A", "health": health, "last_error": "boom", "last_evaluation": last,
            "state": "inactive",
        }])
    };
    let up = json!({ "up": 1, "not_up": [], "all": 1 });
    let half = json!({ "up": 1, "not_up": [["i", "down: refused"]], "all": 2 });
    for (reloaded, rules, job, code, outcome) in [
        (json!(true), rule("ok", Some(at(1))), &up, "alert_rules.ok", Outcome::Pass),
        (json!(null), rule("ok", Some(at(1))), &up, "alert_rules.ok", Outcome::Pass),
        (json!(false), rule("ok", Some(at(1))), &up, "alert_rules.reload-failed", Outcome::Fail),
        (json!(true), rule("err", Some(at(1))), &up, "alert_rules.unhealthy", Outcome::Fail),
        (json!(true), rule("ok", Some(at(301))), &up, "alert_rules.not-evaluated", Outcome::Fail),
        (json!(true), rule("unknown", None), &up, "alert_rules.not-evaluated", Outcome::Fail),
        (json!(true), rule("ok", Some(at(1))), &half, "alert_rules.target-down", Outcome::Warn),
    ] {
        let seen = serde_json::from_value(json!({
            "reloaded": { "seen": reloaded },
            "rules": { "seen": { "total": 1, "named": rules } },
            "jobs": { "seen": { "j": job } },
        }))
        .expect("facts");
        let findings = probe.judge(&seen, &cx.times);
        let worst = findings.iter().max_by_key(|finding| finding.outcome).expect("a finding");
        assert_eq!((worst.code.as_str(), worst.outcome), (code, outcome), "{findings:?}");
    }
}

#[tokio::test]
async fn a_prometheus_that_is_silent_or_something_else_is_unknown() {
    for answer in [None, Some("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<html>")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                if let Some(answer) = answer {
                    let _gone = stream.write_all(answer.as_bytes()).await;
                }
                kept.push(stream);
            }
        });
        let parameters = json!({ "prometheus": format!("http://{address}"), "rules": ["A"] });
        let looked = look_in::<AlertRules>(parameters, &context(Duration::from_millis(500))).await;
        assert_eq!(looked.outcome(), Outcome::Unknown, "{:?}", looked.findings);
    }
}

#[test]
fn a_check_that_asks_for_nothing_is_refused() {
    for parameters in [
        json!({ "prometheus": "http://p" }),
        json!({ "prometheus": "http://p", "jobs": { "j": 0 } }),
    ] {
        let probe: AlertRules = serde_json::from_value(parameters).expect("parameters");
        assert_eq!(probe.complaints().len(), 1);
    }
}
