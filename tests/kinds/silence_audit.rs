//! The audit of a silence: in the check itself once its window has begun, and as a document of its
//! own.

use std::time::Duration;

use gonogo::model::facts::Facts;
use gonogo::model::fault::Sight;
use gonogo::model::outcome::Outcome;
use gonogo::probe::Earlier;
use gonogo::probe::silence::audit::{Audit, Why};
use gonogo::probe::silence::fleet::{Fleet, Which};
use gonogo::probe::silence::{Seen, Silence};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::silence::{apply_only, on_cluster, with};
use crate::silence_cluster::{Cluster, ending, until};
use crate::silence_verbs::Desk;
use crate::support::{Looked, context, lab, look_in};

const ASK: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_secs(10);

fn audit(looked: &Looked<Silence>) -> &Audit {
    let seen = looked.seen.as_ref().expect("facts");
    seen.audit.as_ref().unwrap_or_else(|| panic!("no audit: {:?}", looked.findings))
}

async fn fleet(cluster: &Cluster) -> Fleet {
    let urls: Vec<_> = cluster.urls().iter().map(|url| url.parse().expect("a URL")).collect();
    Fleet::find(&urls, &gonogo::net::http::Access::default(), ASK).await.expect("addresses")
}

#[tokio::test]
async fn in_the_window_it_says_what_was_covered_so_far_and_what_will_be_heard() {
    let cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(Duration::from_secs(20));
    // Before its window has begun there is nothing to audit.
    let before = with(parameters.clone(), json!({ "from": "T+10m" }));
    apply_only(&before, &cx).await.expect("applied");
    assert!(look_in::<Silence>(before, &cx).await.seen.expect("facts").audit.is_none());

    apply_only(&parameters, &cx).await.expect("applied");
    let looked = look_in::<Silence>(parameters, &cx).await;
    let open = audit(&looked);
    assert_eq!((open.planned_secs, open.looks), (3_600, 1));
    // From five minutes ago, and made only now.
    assert_eq!(open.gaps.len(), 1, "{:?}", open.gaps);
    assert_eq!(open.gaps[0].why, Why::MadeLate);
    assert!((299..=320).contains(&open.gaps[0].secs()), "{:?}", open.gaps);
    assert!((0..=20).contains(&open.covered_secs), "{}", open.covered_secs);
    assert_eq!(open.passed_secs - open.covered_secs, open.gaps[0].secs());
    assert_eq!((open.to_be_heard.len(), open.sampled.len()), (1, 1));
    assert_eq!(open.to_be_heard[0].labels["service"], "order");
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let all = [
        "silence.covered",
        "silence.gap",
        "silence.kept-quiet",
        "silence.ok",
        "silence.will-be-heard",
    ];
    assert_eq!(looked.codes(Outcome::Pass), all);
}

#[tokio::test]
async fn after_the_end_a_gap_is_a_warning_with_its_reason() {
    let cluster = Cluster::of(2).await;
    // Of its window eight seconds are left.
    let parameters = with(on_cluster(&cluster).await, json!({ "from": "T-60s", "for": "68s" }));
    let cx = context(Duration::from_secs(20));
    apply_only(&parameters, &cx).await.expect("applied");
    fleet(&cluster).await.expire(&Which::Ours, &ending(), WAIT).await.expect("ended");
    let end = cx.times.launch + SignedDuration::from_secs(8);
    until("the window to be over", || async { cx.clock.now() > end }).await;
    let looked = look_in::<Silence>(parameters.clone(), &cx).await;
    let over = audit(&looked);
    assert_eq!((over.planned_secs, over.passed_secs), (68, 68));
    assert!(over.to_be_heard.is_empty());
    assert_eq!(looked.outcome(), Outcome::Warn, "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Warn), ["silence.gap"]);
    let whys: Vec<Why> = over.gaps.iter().map(|gap| gap.why).collect();
    assert_eq!(whys, [Why::MadeLate, Why::EndedEarly], "{:?}", over.gaps);
    let early = looked.findings.iter().filter(|f| f.message.contains("ended early by a test at "));
    assert!(
        early.clone().any(|f| f.message.ends_with(" UTC: it is tested")),
        "{:?}",
        looked.findings
    );

    // Where there never was one, it is still the plan that is over.
    let never = with(parameters, json!({ "matchers": ["service=other"], "alerts": [] }));
    let looked = look_in::<Silence>(never, &cx).await;
    assert_eq!(looked.codes(Outcome::Fail), ["silence.window-over"], "{:?}", looked.findings);
}

#[tokio::test]
async fn who_ended_a_silence_with_another_tool_is_not_known_and_that_is_said() {
    let cluster = Cluster::of(1).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(Duration::from_secs(20));
    apply_only(&parameters, &cx).await.expect("applied");
    let member = &cluster.members[0];
    let id = member.silences().await[0].id.clone();
    // Both within one second is as if it had never been.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    member.api().await.expire(&id, ASK).await.expect("ended");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let looked = look_in::<Silence>(parameters, &cx).await;
    let gap = audit(&looked).gaps.last().expect("a gap");
    assert_eq!((gap.why, &gap.ended), (Why::EndedEarly, &None), "{:?}", looked.findings);
    let said = "ended early by somebody who left no word of it";
    assert!(looked.findings.iter().any(|f| f.message.ends_with(said)), "{:?}", looked.findings);
}

#[tokio::test]
async fn a_silence_that_lasted_its_window_passes_when_it_is_over() {
    let cluster = Cluster::of(1).await;
    let parameters = with(on_cluster(&cluster).await, json!({ "from": "T-0", "for": "2s" }));
    let cx = context(Duration::from_secs(20));
    apply_only(&parameters, &cx).await.expect("applied");
    until("the silence to end", || async { cluster.members[0].silences().await.is_empty() }).await;
    let looked = look_in::<Silence>(parameters, &cx).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Pass), ["silence.covered", "silence.kept-quiet"]);
}

#[tokio::test]
async fn without_prometheus_earlier_looks_are_the_samples() {
    let cluster = Cluster::of(1).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(Duration::from_secs(20));
    apply_only(&parameters, &cx).await.expect("applied");
    let first = look_in::<Silence>(parameters.clone(), &cx).await.seen.expect("facts");
    let look = |seconds: i64, seen: &Seen| Earlier {
        at: cx.times.now - SignedDuration::from_secs(seconds),
        observation: Facts::of(seen).expect("JSON"),
    };
    let other = Seen { key: "0123456789abcdef".to_owned(), ..first.clone() };
    let mut cx = cx.clone();
    // Of a minute ago; of before the window; of another check; of another tool.
    cx.earlier = [
        look(60, &first),
        look(3_600, &first),
        look(90, &other),
        Earlier { at: cx.times.now, observation: json!({ "key": 1 }).into() },
    ]
    .into();
    let looked = look_in::<Silence>(parameters, &cx).await;
    let open = audit(&looked);
    assert_eq!((open.looks, open.sampled.len()), (2, 1));
    assert!((60..=80).contains(&open.sampled[0].secs), "{:?}", open.sampled);
}

#[tokio::test]
async fn ask_22_prometheus_tells_what_fired_under_a_silence() {
    // The alert of the lab's Prometheus, silenced in an Alertmanager of the test's own.
    let cluster = Cluster::of(1).await;
    let mut parameters = on_cluster(&cluster).await;
    parameters["prometheus"] = json!(lab("LAB_PROMETHEUS"));
    let cx = context(Duration::from_secs(20));
    apply_only(&parameters, &cx).await.expect("applied");
    // A look of Prometheus falls into the time since the silence was made sooner or later.
    until("an alert to be seen firing under the silence", || async {
        let looked = look_in::<Silence>(parameters.clone(), &cx).await;
        let Some(Sight::Seen(quiet)) = &audit(&looked).suppressed else {
            panic!("{:?}", looked.findings)
        };
        assert!(quiet.iter().all(|alert| alert.labels["service"] == "order"));
        quiet.iter().any(|alert| alert.labels["alertname"] == "HighLatency")
    })
    .await;
}

#[tokio::test]
async fn an_audit_is_a_document_of_its_own_in_every_format() {
    let cluster = Cluster::of(2).await;
    let desk = Desk::of(&cluster, &json!({})).await;
    let run = desk.apply();
    let short = &run[run.len() - 12..];
    let ran = desk.gonogo(&["silence", "audit", "-v"]);
    ran.says(
        0,
        &[
            &format!("Audit of the silences of Verbs, run {short}"),
            "kept 1 alert quiet",
            "silence.covered",
            " s so far, 3600 s planned",
            "the silence was made late",
            "HighLatency{service=\"order\"} was kept quiet",
            "(2 looks)",
            "HighLatency{service=\"order\"} fires, and will be heard by nobody at the end",
        ],
    );
    for format in ["json", "markdown", "html", "pdf", "junit", "tap", "prometheus", "nagios"] {
        let to = format!("{format}=audit.{format}");
        desk.gonogo(&["silence", "audit", "--run", short, "-o", &to]).says(0, &[]);
        assert!(desk.path().join(format!("audit.{format}")).is_file(), "{format}");
    }
    let text = std::fs::read_to_string(desk.path().join("audit.json")).expect("a record");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(record["phase"], "audit");
    let seen = &record["steps"][0]["checks"][0]["observation"]["audit"];
    assert_eq!(seen["planned_secs"], 3_600, "{seen:#}");
    assert_eq!(seen["gaps"][0]["why"], "made-late");
    // The next audit is of the run, not of its audit.
    desk.gonogo(&["silence", "audit"]).says(0, &[&format!("of Verbs, run {short}")]);
    // Nor is an audit the last run of the list.
    desk.gonogo(&["run", "lists/list.yaml", "--rerun-failed"]).says(4, &[]);
    desk.gonogo(&["silence", "expire", "--run", short]).says(0, &["ended "]);
    desk.gonogo(&["silence", "audit", "lists/list.yaml", "-v"]).says(3, &["expired ("]);
}
