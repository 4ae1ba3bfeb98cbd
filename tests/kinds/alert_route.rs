//! The kind `alert_route` against real Alertmanagers, and its walk against `amtool`'s.

use std::process::Command;
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::net::alertmanager::{Labels, Routing};
use gonogo::probe::Probe;
use gonogo::probe::alert_route::AlertRoute;
use serde_json::{Value, json};

use crate::silence_cluster::{Cluster, Setup};
use crate::support::{context, lab, look, look_in};

const CONFIG: &str = r#"
route:
  receiver: fallback
  routes:
    - matchers: ['service="order"', 'severity=~"page|critical"']
      receiver: order-pager
      continue: true
      routes:
        - match: { region: north }
          receiver: north
        - match_re: { region: "so.*" }
          continue: true
          receiver: south
        - matchers: ["{region=~\"south|west\", env!=\"dev\"}"]
    - matchers: ['service="order"']
      receiver: archive
    - matchers: ['team!=""']
      receiver: nobody
      mute_time_intervals: [night]
      routes:
        - matchers: ['a="x,y"', "b = \"z\""]
          receiver: north
mute_time_intervals:
  - name: night
    time_intervals: [{ times: [{ start_time: "00:00", end_time: "06:00" }] }]
receivers:
  - name: fallback
    webhook_configs: [{ url: "http://127.0.0.1:9/" }]
  - name: order-pager
    webhook_configs: [{ url: "http://127.0.0.1:9/" }]
  - name: north
    webhook_configs: [{ url: "http://127.0.0.1:9/" }]
  - name: south
    webhook_configs: [{ url: "http://127.0.0.1:9/" }]
  - name: archive
    webhook_configs: [{ url: "http://127.0.0.1:9/" }]
  - name: nobody
"#;

fn setup() -> Setup {
    Setup { config: CONFIG.to_owned(), ..Setup::default() }
}

#[tokio::test]
async fn the_walk_is_amtools_walk() {
    let cluster = Cluster::with(1, setup()).await;
    let api = cluster.members[0].api().await;
    let status = api.status(Duration::from_secs(5)).await.expect("a status");
    let routing = Routing::read(&status.config.original).expect("routes");
    assert_eq!(routing.receivers["fallback"], ["webhook"]);
    assert!(routing.receivers["nobody"].is_empty());
    for labels in [
        vec!["alertname=A"],
        vec!["service=order"],
        vec!["service=order", "severity=page"],
        vec!["service=order", "severity=pages"],
        vec!["service=order", "severity=critical", "region=north"],
        vec!["service=order", "severity=page", "region=south"],
        vec!["service=order", "severity=page", "region=south", "env=dev"],
        vec!["service=order", "severity=page", "region=west"],
        vec!["service=order", "severity=page", "region=solo"],
        vec!["service=match", "team=x"],
        vec!["team=x", "a=x,y", "b=z"],
        vec!["team=x", "a=x", "b=z"],
    ] {
        let output = Command::new("amtool")
            .arg(format!("--alertmanager.url={}", cluster.urls()[0]))
            .args(["config", "routes", "test"])
            .args(labels.iter().map(|label| label.replace("x,y", "\"x,y\"")))
            .output()
            .expect("amtool; is it installed?");
        let theirs = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let map: Labels = labels
            .iter()
            .filter_map(|label| label.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let ours: Vec<String> = routing.stops(&map).into_iter().map(|stop| stop.receiver).collect();
        assert_eq!(ours.join(","), theirs, "{labels:?}");
    }
}

fn parameters(cluster: &Cluster, labels: &Value, receivers: &[&str]) -> Value {
    json!({
        "alertmanagers": cluster.urls(),
        "routes": [{ "labels": labels, "receivers": receivers }],
    })
}

#[tokio::test]
async fn each_route_is_judged_on_every_member() {
    let cluster = Cluster::with(2, setup()).await;
    let north = json!({ "service": "order", "severity": "page", "region": "north" });
    for (labels, receivers, outcome, codes) in [
        (&north, vec!["archive", "north"], Outcome::Pass, vec!["alert_route.ok"]),
        (&north, vec!["north"], Outcome::Fail, vec!["alert_route.wrong-receiver"]),
        (&north, vec!["archive", "north", "x"], Outcome::Fail, vec!["alert_route.wrong-receiver"]),
        (
            &json!({ "team": "x" }),
            vec!["nobody"],
            Outcome::Fail,
            vec!["alert_route.no-integration"],
        ),
        (
            &json!({ "team": "x" }),
            vec!["nobody"],
            Outcome::Warn,
            vec!["alert_route.muted-at-times"],
        ),
    ] {
        let looked = look::<AlertRoute>(parameters(&cluster, labels, &receivers)).await;
        assert_eq!(looked.codes(outcome), codes, "{:?}", looked.findings);
        let of_code = looked.findings.iter().filter(|finding| finding.code == codes[0]);
        assert_eq!(of_code.count(), 2, "{:?}", looked.findings);
    }
}

#[tokio::test]
async fn members_that_differ_or_are_down_are_said() {
    let (one, two) = (Cluster::with(1, setup()).await, Cluster::of(1).await);
    let closed = format!("http://{}", lab("LAB_CLOSED"));
    let mut parameters = parameters(&one, &json!({ "alertname": "A" }), &["fallback"]);
    parameters["alertmanagers"] = json!([one.urls()[0], two.urls()[0], closed]);
    let looked = look::<AlertRoute>(parameters).await;
    assert_eq!(looked.codes(Outcome::Warn), ["alert_route.members-differ"]);
    let failed =
        ["alert_route.member-down", "alert_route.no-integration", "alert_route.wrong-receiver"];
    assert_eq!(looked.codes(Outcome::Fail), failed, "{:?}", looked.findings);
}

#[tokio::test]
async fn prometheus_must_send_to_every_alertmanager() {
    let (a, b) = (lab("LAB_ALERTMANAGER_A"), lab("LAB_ALERTMANAGER_B"));
    let prometheus = lab("LAB_PROMETHEUS");
    let both = json!({ "alertmanagers": [&a, b], "prometheus": &prometheus });
    let looked = look::<AlertRoute>(both).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    // By an address that a name has.
    let named = a.replace("127.0.0.1", "localhost");
    let looked =
        look::<AlertRoute>(json!({ "alertmanagers": [named], "prometheus": prometheus })).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let other = Cluster::of(1).await;
    let looked = look::<AlertRoute>(
        json!({ "alertmanagers": other.urls(), "prometheus": lab("LAB_PROMETHEUS") }),
    )
    .await;
    assert_eq!(looked.codes(Outcome::Fail), ["alert_route.not-sent"], "{:?}", looked.findings);
}

#[tokio::test]
async fn an_alertmanager_that_never_answers_is_unknown() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("its address"));
    let parameters = json!({
        "alertmanagers": [url], "routes": [{ "labels": { "a": "b" }, "receivers": ["x"] }],
    });
    let looked = look_in::<AlertRoute>(parameters, &context(Duration::from_millis(300))).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.timeout"], "{:?}", looked.findings);
}

#[test]
fn a_check_that_asks_for_nothing_is_refused() {
    for parameters in [
        json!({ "alertmanagers": ["http://a"] }),
        json!({ "alertmanagers": [], "prometheus": "http://p" }),
        json!({ "alertmanagers": ["http://a"], "routes": [{ "labels": {}, "receivers": ["x"] }] }),
        json!({ "alertmanagers": ["http://a"], "prometheus": "http://p", "within": "25h" }),
    ] {
        let probe: AlertRoute = serde_json::from_value(parameters).expect("parameters");
        assert_eq!(probe.complaints().len(), 1);
    }
}
