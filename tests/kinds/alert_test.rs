//! The test alert of `alert_route`, through real Alertmanagers to a real webhook.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gonogo::model::finding::Finding;
use gonogo::model::outcome::Outcome;
use gonogo::probe::alert_route::AlertRoute;
use gonogo::probe::{Act, JudgeCx, Probe, ProbeCx};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::silence_cluster::{Cluster, Setup, jiff_in, until};
use crate::support::{context, look_in};

const ASK: Duration = Duration::from_secs(5);
const ALLOWED: Duration = Duration::from_secs(30);

/// What came in: the path and the document of each notification.
type Inbox = Arc<Mutex<Vec<(String, Value)>>>;

/// A receiver's service: takes everything, but says no on `/refuses`.
async fn webhook() -> (SocketAddr, Inbox) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let inbox = Inbox::default();
    let kept = Arc::clone(&inbox);
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
            tokio::spawn(async move {
                let _gone = serve(stream, &kept).await;
            });
        }
    });
    (address, inbox)
}

async fn serve(mut stream: TcpStream, inbox: &Inbox) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        let whole = text.split_once("\r\n\r\n").and_then(|(head, body)| {
            let length = head.lines().find_map(|line| {
                line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
            })?;
            (body.len() >= length).then(|| (head.to_owned(), body.to_owned()))
        });
        if let Some((head, body)) = whole {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let status = if path == "/refuses" { "403 Forbidden" } else { "200 OK" };
            let document = serde_json::from_str(&body).expect("a notification is JSON");
            inbox.lock().expect("it is whole").push((path, document));
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            return stream.write_all(answer.as_bytes()).await;
        }
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
}

/// Routes to a pager with two addresses, to one that refuses, and to a lab of tests.
fn config(hook: SocketAddr, wait: &str) -> String {
    format!(
        r#"
route:
  receiver: fallback
  group_wait: {wait}
  group_interval: 200ms
  routes:
    - {{ matchers: ['service="order"'], receiver: pager }}
    - {{ matchers: ['service="dead"'], receiver: refuses }}
    - {{ matchers: ['service="astray"', 'gonogo_test!=""'], receiver: fallback }}
    - {{ matchers: ['service="astray"'], receiver: pager }}
inhibit_rules:
  - {{ source_matchers: ['severity="page"'], target_matchers: ['severity="ticket"'], equal: [service] }}
receivers:
  - name: fallback
    webhook_configs: [{{ url: "http://{hook}/fallback" }}]
  - name: pager
    webhook_configs: [{{ url: "http://{hook}/pager" }}, {{ url: "http://{hook}/second" }}]
  - name: refuses
    webhook_configs: [{{ url: "http://{hook}/refuses" }}]
"#
    )
}

async fn cluster(members: usize, wait: &str) -> (Cluster, Inbox) {
    let (hook, inbox) = webhook().await;
    let setup = Setup { config: config(hook, wait), ..Setup::default() };
    (Cluster::with(members, setup).await, inbox)
}

fn parameters(cluster: &Cluster, labels: &Value, receiver: &str) -> Value {
    json!({
        "alertmanagers": cluster.urls(), "within": "5s",
        "routes": [{ "labels": labels, "receivers": [receiver], "test": true }],
    })
}

fn probe(parameters: &Value) -> AlertRoute {
    serde_json::from_value(parameters.clone()).expect("parameters")
}

/// Looks, makes what is proposed, and looks again with what that left to be known, as the engine does.
async fn drill(probe: &AlertRoute, cx: &ProbeCx) -> (String, Vec<Finding>, ProbeCx) {
    let seen = probe.observe(cx).await.expect("facts");
    let change = probe.propose(&seen, &cx.times);
    let change = change.unwrap_or_else(|| panic!("nothing proposed: {seen:?}"));
    let receipt = probe.apply(change, cx).await.expect("sent");
    let cx = ProbeCx { made: receipt.facts.map(Arc::new), ..cx.clone() };
    (receipt.line, judged(probe, &cx).await, cx)
}

async fn judged(probe: &AlertRoute, cx: &ProbeCx) -> Vec<Finding> {
    let seen = probe.observe(cx).await.expect("facts");
    let seen = serde_json::from_value(serde_json::to_value(&seen).expect("JSON")).expect("facts");
    probe.judge(&seen, &JudgeCx { now: cx.clock.now(), ..cx.times })
}

#[track_caller]
fn finding<'a>(findings: &'a [Finding], code: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.code == code);
    found.unwrap_or_else(|| panic!("no {code} among {findings:?}"))
}

async fn firing_tests(cluster: &Cluster) -> usize {
    let mut most = 0;
    for member in &cluster.members {
        let alerts = member.api().await.alerts(ASK).await.expect("alerts");
        most = most.max(alerts.iter().filter(|a| a.labels.contains_key("gonogo_test")).count());
    }
    most
}

fn came(inbox: &Inbox, path: &str, status: &str) -> Vec<Value> {
    let inbox = inbox.lock().expect("it is whole");
    let of = inbox.iter().filter(|(to, what)| to == path && what["status"] == status);
    of.map(|(_, what)| what.clone()).collect()
}

#[tokio::test]
async fn a_test_alert_arrives_is_resolved_and_nobody_else_hears_of_it() {
    let (cluster, inbox) = cluster(2, "50ms").await;
    let labels = json!({ "alertname": "HighLatency", "service": "order", "severity": "page" });
    let parameters = parameters(&cluster, &labels, "pager");
    let cx = context(ALLOWED);

    // Without `--apply` nothing is sent, and it is said what would be.
    let looked = look_in::<AlertRoute>(parameters.clone(), &cx).await;
    assert_eq!(looked.codes(Outcome::Pending), ["alert_route.test-not-sent"]);
    let message = &finding(&looked.findings, "alert_route.test-not-sent").message;
    let said =
        "would send a test alert through to pager by webhook (2 times), and resolve it within 5s";
    assert!(message.starts_with(said), "{message}");
    assert_eq!(looked.codes(Outcome::Warn), ["alert_route.test-inhibits"]);
    assert_eq!((firing_tests(&cluster).await, inbox.lock().expect("it").len()), (0, 0));

    let probe = probe(&parameters);
    let (receipt, findings, after) = drill(&probe, &cx).await;
    assert!(receipt.ends_with(", resolved"), "{receipt}");
    let told = finding(&findings, "alert_route.test-told");
    assert_eq!(told.outcome, Outcome::Pass, "{findings:?}");
    assert!(told.message.contains("webhook took 2 of 2"), "{}", told.message);
    assert_eq!(firing_tests(&cluster).await, 0);
    for path in ["/pager", "/second"] {
        let fired = came(&inbox, path, "firing");
        let alert = &fired[0]["alerts"][0];
        assert_eq!(alert["labels"]["gonogo_test"], cx.run.short(), "{alert:#}");
        let summary = alert["annotations"]["summary"].as_str().expect("a summary");
        assert!(summary.starts_with("TEST, nothing to do: gonogo run "), "{summary}");
        until("the end to arrive", || async { !came(&inbox, path, "resolved").is_empty() }).await;
    }
    let all =
        inbox.lock().expect("it is whole").iter().map(|(to, _)| to.clone()).collect::<Vec<_>>();
    assert!(all.iter().all(|path| path == "/pager" || path == "/second"), "{all:?}");
    // It was tested: nothing more is to be done by this run.
    assert_eq!(probe.propose(&probe.observe(&after).await.expect("facts"), &cx.times), None);
    // Another run of it tests anew.
    assert!(probe.propose(&probe.observe(&cx).await.expect("facts"), &cx.times).is_some());
}

#[tokio::test]
async fn what_ended_before_or_began_during_the_test_leaves_a_doubt() {
    let (cluster, inbox) = cluster(1, "1s").await;
    let labels = json!({ "alertname": "HighLatency", "service": "order" });
    let probe = probe(&parameters(&cluster, &labels, "pager"));
    let doubt = |findings: &[Finding]| {
        let told = finding(findings, "alert_route.test-told");
        assert_eq!(told.outcome, Outcome::Warn, "{findings:?}");
        assert!(told.message.contains("1 other alert told by the same"), "{}", told.message);
    };
    // The test of a run that was killed: word of its end may be what is counted.
    let left = crate::silence::with(labels, json!({ "gonogo_test": "0123456789ab" }));
    cluster.fire(&[left]).await;
    until("it to be told", || async { !came(&inbox, "/pager", "firing").is_empty() }).await;
    let (receipt, findings, _) = drill(&probe, &context(ALLOWED)).await;
    assert!(receipt.starts_with("resolved {"), "{receipt}");
    doubt(&findings);

    let during = async {
        until("the test to fire", || async { firing_tests(&cluster).await == 1 }).await;
        cluster.fire(&[json!({ "alertname": "Watchdog" })]).await;
    };
    let cx = context(ALLOWED);
    let ((_, findings, _), ()) = tokio::join!(drill(&probe, &cx), during);
    doubt(&findings);
}

#[tokio::test]
async fn a_service_that_refuses_is_a_failure_and_the_alert_is_resolved() {
    let (cluster, inbox) = cluster(1, "50ms").await;
    let parameters =
        parameters(&cluster, &json!({ "alertname": "A", "service": "dead" }), "refuses");
    let (_, findings, _) = drill(&probe(&parameters), &context(ALLOWED)).await;
    let refused = finding(&findings, "alert_route.test-refused");
    assert_eq!(refused.outcome, Outcome::Fail, "{findings:?}");
    let message = &refused.message;
    assert!(
        message.contains("webhook took 0 of 1, ") && message.ends_with(" refused"),
        "{message}"
    );
    assert!(!came(&inbox, "/refuses", "firing").is_empty());
    assert_eq!(firing_tests(&cluster).await, 0);
}

#[tokio::test]
async fn what_keeps_the_test_quiet_is_named_and_other_alerts_leave_a_doubt() {
    let (cluster, inbox) = cluster(1, "50ms").await;
    let labels = json!({ "alertname": "HighLatency", "service": "order" });
    let parameters = parameters(&cluster, &labels, "pager");
    // Another alert that is told by a webhook.
    cluster.fire(&[json!({ "alertname": "Watchdog" })]).await;
    until("it to be told", || async { !came(&inbox, "/fallback", "firing").is_empty() }).await;
    let (_, findings, _) = drill(&probe(&parameters), &context(ALLOWED)).await;
    let told = finding(&findings, "alert_route.test-told");
    assert_eq!(told.outcome, Outcome::Warn, "{findings:?}");
    assert!(told.message.contains("1 other alert told by the same"), "{}", told.message);
    assert_eq!(came(&inbox, "/pager", "firing").len(), 1);

    let silence = json!({
        "alertmanagers": cluster.urls(), "matchers": ["service=order"], "from": "T-5m", "for": "1h",
        "comment": "rollout",
    });
    crate::silence::apply_only(&silence, &context(ALLOWED)).await.expect("applied");
    let (_, findings, _) = drill(&probe(&parameters), &context(ALLOWED)).await;
    let untold = finding(&findings, "alert_route.test-untold");
    assert_eq!(untold.outcome, Outcome::Unknown, "{findings:?}");
    assert!(untold.message.contains("kept quiet by silence "), "{}", untold.message);
    assert_eq!(came(&inbox, "/pager", "firing").len(), 1);
    assert_eq!(firing_tests(&cluster).await, 0);
}

#[tokio::test]
async fn nothing_is_sent_that_could_reach_anybody_but_those_named() {
    let (mut cluster, inbox) = cluster(2, "50ms").await;
    let cx = context(ALLOWED);
    for (labels, receiver) in [
        // The label of the test leads it elsewhere.
        (json!({ "service": "astray" }), "pager"),
        // The route itself does.
        (json!({ "service": "other" }), "pager"),
    ] {
        let probe = probe(&parameters(&cluster, &labels, receiver));
        let findings = judged(&probe, &cx).await;
        let wrong = finding(&findings, "alert_route.wrong-receiver");
        assert_eq!(wrong.outcome, Outcome::Fail, "{findings:?}");
        let message = &finding(&findings, "alert_route.test-not-sent").message;
        assert!(message.starts_with("no test alert is sent to pager before"), "{message}");
        let seen = probe.observe(&cx).await.expect("facts");
        assert_eq!(probe.propose(&seen, &cx.times), None, "{labels}");
    }
    // Whom a member that does not answer would tell is not known.
    let parameters = parameters(&cluster, &json!({ "service": "order" }), "pager");
    let probe = probe(&parameters);
    let before = probe.observe(&cx).await.expect("facts");
    cluster.members[1].kill();
    let seen = probe.observe(&cx).await.expect("facts");
    assert_eq!(probe.propose(&seen, &cx.times), None);
    // Nor is it sent where something has changed since it was judged.
    let change = probe.propose(&before, &cx.times).expect("it was free then");
    probe.apply(change, &cx).await.expect_err("a member is gone");
    assert_eq!(inbox.lock().expect("it is whole").len(), 0);
}

fn start(dir: &Path, parameters: &Value) -> Child {
    let list = json!({
        "gonogo": 1, "name": "Drill", "launch": jiff_in(0),
        "steps": [{ "name": "Route", "checks": [{ "id": "route", "alert_route": parameters }] }],
    });
    std::fs::write(dir.join("list.yaml"), list.to_string()).expect("a list");
    Command::new(env!("CARGO_BIN_EXE_gonogo"))
        .args(["run", "list.yaml", "--apply", "-o", "json=out.json", "-q"])
        .current_dir(dir)
        .env_clear()
        .env("GONOGO_STATE_DIR", dir.join("state"))
        .spawn()
        .expect("the tool starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_stopped_resolves_its_test_and_one_that_is_killed_leaves_it_to_the_next() {
    // Nobody is told before the test is over.
    let (cluster, inbox) = cluster(2, "1h").await;
    let labels = json!({ "alertname": "HighLatency", "service": "order" });
    let long =
        crate::silence::with(parameters(&cluster, &labels, "pager"), json!({ "within": "4s" }));
    let dir = tempfile::tempdir().expect("a folder");
    let fires = || async { firing_tests(&cluster).await == 1 };

    let mut child = start(dir.path(), &long);
    until("the test alert to fire", fires).await;
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("told");
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
    assert_eq!(firing_tests(&cluster).await, 0);

    let mut child = start(dir.path(), &long);
    until("the test alert to fire", fires).await;
    child.kill().expect("it can be killed");
    child.wait().expect("it has ended");
    assert_eq!(firing_tests(&cluster).await, 1);
    let looked = look_in::<AlertRoute>(long.clone(), &context(ALLOWED)).await;
    assert_eq!(looked.codes(Outcome::Warn), ["alert_route.test-left"], "{:?}", looked.findings);

    let short = crate::silence::with(long, json!({ "within": "1s" }));
    assert_eq!(start(dir.path(), &short).wait().expect("it ends").code(), Some(3));
    assert_eq!(firing_tests(&cluster).await, 0);
    let text = std::fs::read_to_string(dir.path().join("out.json")).expect("a record");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    let check = &record["steps"][0]["checks"][0];
    let receipt = check["changes"][0]["receipt"].as_str().expect("a receipt");
    assert!(receipt.starts_with("resolved {"), "{receipt}");
    assert_eq!(check["findings"][0]["code"], "alert_route.test-untold", "{check:#}");
    assert_eq!(inbox.lock().expect("it is whole").len(), 0);
}
