//! The kind `alert_rules` against the lab's Prometheus, and against facts it cannot be made to show.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::Probe;
use gonogo::probe::alert_rules::AlertRules;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
    let more = json!({ "up": 1, "not_up": [["i", "down: refused"]], "all": 3 });
    for (reloaded, rules, job, code, outcome) in [
        (json!(true), rule("ok", Some(at(1))), &up, "alert_rules.ok", Outcome::Pass),
        (json!(null), rule("ok", Some(at(1))), &up, "alert_rules.ok", Outcome::Pass),
        (json!(false), rule("ok", Some(at(1))), &up, "alert_rules.reload-failed", Outcome::Fail),
        (json!(true), rule("err", Some(at(1))), &up, "alert_rules.unhealthy", Outcome::Fail),
        (json!(true), rule("ok", Some(at(301))), &up, "alert_rules.not-evaluated", Outcome::Fail),
        (json!(true), rule("unknown", None), &up, "alert_rules.not-evaluated", Outcome::Fail),
        (json!(true), rule("ok", Some(at(1))), &half, "alert_rules.target-down", Outcome::Warn),
        (json!(true), rule("ok", Some(at(1))), &more, "alert_rules.target-down", Outcome::Warn),
        // Clocks differ a little, and by more than an evaluation may be old.
        (json!(true), rule("ok", Some(at(-60))), &up, "alert_rules.ok", Outcome::Pass),
        (
            json!(true),
            rule("ok", Some(at(-301))),
            &up,
            "alert_rules.not-evaluated",
            Outcome::Unknown,
        ),
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
        let unnamed = findings.iter().any(|finding| finding.message == "1 target more not up");
        assert_eq!(unnamed, *job == more, "{findings:?}");
    }
}

/// A server that answers by the end of the path, and nothing at all to what it does not know.
async fn stand_in(answers: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap_or_default();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let path = head.split([' ', '?']).nth(1).unwrap_or_default();
            if let Some((_, body)) = answers.iter().find(|(end, _)| path.ends_with(end)) {
                let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
                let _gone = stream.write_all(answer.as_bytes()).await;
            } else {
                kept.push(stream);
            }
        }
    });
    format!("http://{address}")
}

const RELOADED: (&str, &str) =
    ("/runtimeinfo", r#"{"status":"success","data":{"reloadConfigSuccess":true}}"#);
const TARGETS: (&str, &str) = ("/targets", r#"{"status":"success","data":{"activeTargets":[]}}"#);

#[tokio::test]
async fn a_part_of_the_rules_is_not_taken_for_all() {
    for part in [
        &[
            RELOADED,
            TARGETS,
            (
                "/rules",
                r#"{"status":"success","data":{"groups":[]},"warnings":["store b: no answer"]}"#,
            ),
        ],
        &[
            RELOADED,
            TARGETS,
            ("/rules", r#"{"status":"success","isPartial":true,"data":{"groups":[]}}"#),
        ],
    ] {
        let parameters = json!({ "prometheus": stand_in(part).await, "rules": ["A"] });
        let looked = look::<AlertRules>(parameters).await;
        let unknown = looked.codes(Outcome::Unknown);
        assert_eq!(unknown, ["gonogo.answer-unreadable"], "{:?}", looked.findings);
        assert_eq!(looked.outcome(), Outcome::Unknown, "{:?}", looked.findings);
    }
}

#[tokio::test]
async fn a_note_on_the_query_takes_nothing_away() {
    const RULES: (&str, &str) = (
        "/rules",
        r#"{"status":"success","data":{"groups":[]},"warnings":["PromQL info: metric might not be a counter"]}"#,
    );
    let parameters =
        json!({ "prometheus": stand_in(&[RELOADED, TARGETS, RULES]).await, "rules": ["A"] });
    let looked = look::<AlertRules>(parameters).await;
    assert_eq!(looked.codes(Outcome::Fail), ["alert_rules.missing"], "{:?}", looked.findings);
    assert_eq!(looked.outcome(), Outcome::Fail, "{:?}", looked.findings);
}

#[tokio::test]
async fn what_was_never_evaluated_and_a_reload_nobody_tells_of_are_said() {
    const RULES: (&str, &str) = (
        "/rules",
        r#"{"status":"success","data":{"groups":[{"rules":[{"name":"A","type":"alerting","health":"unknown",
           "state":"inactive","lastEvaluation":"0001-01-01T00:00:00Z"}]}]}}"#,
    );
    let parameters = json!({ "prometheus": stand_in(&[RULES, TARGETS]).await, "rules": ["A"] });
    let looked = look_in::<AlertRules>(parameters, &context(Duration::from_secs(1))).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.timeout"], "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Fail), ["alert_rules.not-evaluated"]);
    let never = looked.findings.iter().find(|f| f.code == "alert_rules.not-evaluated");
    assert_eq!(never.expect("it").actual.as_deref(), Some("never"), "{:?}", looked.findings);
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
