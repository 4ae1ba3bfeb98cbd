//! The kind `silence`: the plan and its guard rails against the lab, and changes against
//! Alertmanagers of the test's own.

use std::time::Duration;

use gonogo::model::finding::Finding;
use gonogo::model::outcome::Outcome;
use gonogo::model::time::Window;
use gonogo::net::alertmanager::{Matcher, NewSilence, WireMatcher};
use gonogo::probe::silence::{Seen, Silence, marker};
use gonogo::probe::{Act, JudgeCx, Probe, ProbeCx};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::silence_cluster::{Cluster, jiff_in};
use crate::support::{Looked, context, lab, look_in};

/// A silence on the lab's Alertmanagers, with further parameters.
fn on_lab(more: Value) -> Value {
    with(
        json!({
            "alertmanagers": [lab("LAB_ALERTMANAGER_A"), lab("LAB_ALERTMANAGER_B")],
            "prometheus": lab("LAB_PROMETHEUS"),
            "matchers": ["service=\"order\""],
            "from": "T-15m",
            "for": "75m",
            "comment": "rollout",
        }),
        more,
    )
}

pub(crate) fn with(mut parameters: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("a map") };
    parameters.as_object_mut().expect("a map").extend(more);
    parameters
}

async fn plan(more: Value) -> Looked<Silence> {
    look_in::<Silence>(on_lab(more), &context(Duration::from_secs(5))).await
}

/// The finding with a code; a panic when there is none.
fn finding<'a>(looked: &'a Looked<Silence>, code: &str) -> &'a Finding {
    let found = looked.findings.iter().find(|finding| finding.code == code);
    found.unwrap_or_else(|| panic!("no {code} among {:?}", looked.findings))
}

/// What would be done about what was seen.
fn proposed(parameters: &Value, looked: &Looked<Silence>, cx: &ProbeCx) -> Option<String> {
    let probe: Silence = serde_json::from_value(parameters.clone()).expect("parameters");
    let change = probe.propose(looked.seen.as_ref().expect("facts"), &cx.times)?;
    Some(probe.describe(&change))
}

/// On how many members the silence is right.
pub(crate) fn on_members(looked: &Looked<Silence>) -> usize {
    looked.findings.iter().filter(|finding| finding.code == "silence.ok").count()
}

/// Looks, applies what is proposed, and looks again.
pub(crate) async fn apply(
    parameters: &Value,
    cx: &ProbeCx,
) -> (Result<String, String>, Looked<Silence>) {
    let receipt = apply_only(parameters, cx).await;
    (receipt, look_in::<Silence>(parameters.clone(), cx).await)
}

/// Looks and applies what is proposed.
pub(crate) async fn apply_only(parameters: &Value, cx: &ProbeCx) -> Result<String, String> {
    let looked = look_in::<Silence>(parameters.clone(), cx).await;
    let probe: Silence = serde_json::from_value(parameters.clone()).expect("parameters");
    let change = probe.propose(looked.seen.as_ref().expect("facts"), &cx.times);
    let change = change.unwrap_or_else(|| panic!("nothing proposed: {:?}", looked.findings));
    probe.apply(change, cx).await.map(|receipt| receipt.line).map_err(|fault| fault.to_string())
}

#[tokio::test]
async fn a_plan_says_what_it_would_silence() {
    let matchers = json!(["service=\"order\"", "alertname=~\"HighLatency|PaymentTimeout\""]);
    let looked =
        plan(json!({ "matchers": matchers, "alerts": ["HighLatency", "PaymentTimeout"] })).await;
    assert_eq!(looked.outcome(), Outcome::Pending, "{:?}", looked.findings);
    let message = &finding(&looked, "silence.not-applied").message;
    let start =
        "would silence 3 rules (HighLatency, PaymentTimeout), 1 firing alert (HighLatency), ";
    assert!(message.starts_with(start) && message.ends_with("; run with --apply"), "{message}");
}

#[tokio::test]
async fn each_guard_rail_stops_the_plan() {
    for (more, code) in [
        (json!({ "matchers": ["severity=page"] }), "silence.no-scope"),
        (json!({ "matchers": ["alertname=HighLatency"] }), "silence.no-scope"),
        (json!({ "matchers": ["nosuch!=zzz", "severity=~.+"] }), "silence.no-scope"),
        (json!({ "matchers": ["nosuch!=zzz", "severity=~.+"] }), "silence.too-broad"),
        (json!({ "matchers": ["nosuch!=zzz", "severity=~.+"] }), "silence.touches-protected"),
        (json!({ "matchers": ["service=order", "alertname=~.+"] }), "silence.matches-anything"),
        (json!({ "never": ["severity=page"] }), "silence.touches-protected"),
        (
            json!({ "matchers": ["team=x", "severity=none"], "never": ["severity=none"] }),
            "silence.touches-protected",
        ),
        (
            json!({
                "matchers": ["service=x", "severity=~page|info"], "prometheus": null,
                "never": ["severity=~\"page|critical\""],
            }),
            "silence.touches-protected",
        ),
        (json!({ "for": "5h" }), "silence.too-long"),
        (json!({ "for": "75m", "max_for": "1h" }), "silence.too-long"),
        (json!({ "from": "T-2h" }), "silence.window-over"),
        (json!({ "from": "T+1h", "for": null, "to": "T-0" }), "silence.empty-window"),
        (json!({ "from": null, "for": null }), "silence.empty-window"),
        (json!({ "comment": "  " }), "silence.empty-comment"),
        (json!({ "alerts": ["HighErrorRate"] }), "silence.not-covered"),
        (json!({ "alerts": ["NoSuchAlert"] }), "silence.not-covered"),
    ] {
        let cx = context(Duration::from_secs(5));
        let parameters = on_lab(more.clone());
        let looked = look_in::<Silence>(parameters.clone(), &cx).await;
        assert_eq!(finding(&looked, code).outcome, Outcome::Fail, "{more}");
        assert_eq!(proposed(&parameters, &looked, &cx), None, "{more}");
    }
}

#[tokio::test]
async fn a_guard_rail_opens_only_for_a_reason_that_is_recorded() {
    let cx = context(Duration::from_secs(5));
    let refused = json!({ "matchers": ["alertname=HighLatency"], "for": "5h" });
    let reason = "agreed with on-call";
    for (accept, outcome) in [
        (json!({}), Outcome::Fail),
        (json!({ "no-scope": reason }), Outcome::Fail),
        (json!({ "no-scope": reason, "too-long": reason }), Outcome::Pending),
    ] {
        let parameters = on_lab(with(refused.clone(), json!({ "accept": accept })));
        let looked = look_in::<Silence>(parameters.clone(), &cx).await;
        assert_eq!(looked.outcome(), outcome, "{:?}", looked.findings);
        let applies = proposed(&parameters, &looked, &cx).is_some();
        assert_eq!(applies, outcome == Outcome::Pending);
        if applies {
            assert_eq!(looked.codes(Outcome::Warn), ["silence.no-scope", "silence.too-long"]);
            assert!(
                finding(&looked, "silence.no-scope")
                    .message
                    .ends_with("; accepted: agreed with on-call")
            );
        }
    }
}

#[tokio::test]
async fn a_plan_that_matches_nothing_is_said() {
    let looked = plan(json!({ "matchers": ["service=ordre"] })).await;
    assert_eq!(looked.codes(Outcome::Warn), ["silence.matches-nothing"], "{:?}", looked.findings);
}

#[tokio::test]
async fn without_rules_an_alert_that_does_not_fire_is_not_known_to_be_covered() {
    let looked = plan(json!({ "prometheus": null, "alerts": ["PaymentTimeout"] })).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["silence.not-covered"], "{:?}", looked.findings);
    let looked = plan(json!({ "prometheus": null, "alerts": ["HighLatency"] })).await;
    assert_eq!(looked.outcome(), Outcome::Pending, "{:?}", looked.findings);
}

#[tokio::test]
async fn a_prometheus_that_is_not_there_stops_the_plan() {
    let cx = context(Duration::from_secs(5));
    let parameters = on_lab(json!({ "prometheus": format!("http://{}", lab("LAB_CLOSED")) }));
    let looked = look_in::<Silence>(parameters.clone(), &cx).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.unreachable"], "{:?}", looked.findings);
    assert_eq!(proposed(&parameters, &looked, &cx), None);
    let message = &finding(&looked, "silence.not-applied").message;
    assert!(message.ends_with("; not before what is wrong with it is mended"), "{message}");
}

#[tokio::test]
async fn an_alertmanager_that_is_down_is_seen_and_does_not_hide_the_other() {
    let closed = format!("http://{}", lab("LAB_CLOSED"));
    let looked = plan(json!({ "alertmanagers": [closed, lab("LAB_ALERTMANAGER_A")] })).await;
    assert_eq!(looked.codes(Outcome::Fail), ["silence.member-down"], "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Pending), ["silence.not-applied"]);
}

#[tokio::test]
async fn a_rule_whose_labels_come_from_its_expression_is_a_doubt() {
    let looked = plan(json!({
        "matchers": ["alertname=PaymentTimeout", "region=north"],
        "alerts": ["PaymentTimeout"], "never": ["severity=page"],
    }))
    .await;
    let warned = ["silence.not-covered", "silence.touches-protected"];
    assert_eq!(looked.codes(Outcome::Warn), warned, "{:?}", looked.findings);
    let message = &finding(&looked, "silence.not-applied").message;
    assert!(message.starts_with("would silence 0 rules and perhaps 1 more, "), "{message}");
}

/// Parameters for a silence on a cluster of the test's own, on one firing alert.
pub(crate) async fn on_cluster(cluster: &Cluster) -> Value {
    cluster
        .fire(&[
            json!({ "alertname": "HighLatency", "service": "order" }),
            json!({ "alertname": "HighLatency", "service": "match" }),
        ])
        .await;
    json!({
        "alertmanagers": cluster.urls(),
        "matchers": ["service=\"order\"", "alertname=~\"High.*\""],
        "from": "T-5m",
        "for": "1h",
        "comment": "rollout",
        "alerts": ["HighLatency"],
    })
}

#[tokio::test]
async fn a_silence_is_made_once_and_seen_on_every_member() {
    let cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(Duration::from_secs(20));
    let (receipt, looked) = apply(&parameters, &cx).await;
    let receipt = receipt.expect("applied");
    assert!(receipt.contains("seen on 2 Alertmanagers"), "{receipt}");
    assert!(receipt.ends_with("silencing 1 alert now"), "{receipt}");
    assert_eq!((on_members(&looked), looked.outcome()), (2, Outcome::Pass));
    assert_eq!(proposed(&parameters, &looked, &cx), None);

    // Another run, a little later by its own clock: it finds what the first one made.
    let mut later = context(Duration::from_secs(20));
    later.times = JudgeCx { launch: cx.times.launch + SignedDuration::from_secs(30), ..cx.times };
    let again = look_in::<Silence>(parameters.clone(), &later).await;
    assert_eq!(on_members(&again), 2, "{:?}", again.findings);
    for member in &cluster.members {
        let silences = member.silences().await;
        assert_eq!(silences.len(), 1, "{silences:?}");
        let marker = marker::Marker::read(&silences[0].comment).expect("our marker");
        assert_eq!((marker.run, marker.rest), (cx.run.short(), "test: rollout".to_owned()));
    }
}

#[tokio::test]
async fn a_launch_that_moves_takes_its_silence_along() {
    let cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(Duration::from_secs(20));
    apply(&parameters, &cx).await.0.expect("applied");
    let mut moved = context(Duration::from_secs(20));
    moved.times.launch = cx.times.launch + SignedDuration::from_mins(30);
    let looked = look_in::<Silence>(parameters.clone(), &moved).await;
    let message = &finding(&looked, "silence.not-applied").message;
    assert!(message.starts_with("would change silence "), "{message}");
    let (receipt, looked) = apply(&parameters, &moved).await;
    receipt.expect("applied");
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    for member in &cluster.members {
        assert_eq!(member.silences().await.len(), 1);
    }

    // A launch of another day gets a silence of its own, and the old one is shown.
    let mut next = context(Duration::from_secs(20));
    next.times.launch = cx.times.launch + SignedDuration::from_hours(48);
    let (receipt, looked) = apply(&parameters, &next).await;
    receipt.expect("applied");
    assert_eq!(looked.codes(Outcome::Warn), ["silence.leftover"], "{:?}", looked.findings);
    assert_eq!(looked.outcome(), Outcome::Warn, "{:?}", looked.findings);
}

#[tokio::test]
async fn a_silence_before_its_window_is_pending_there_and_passes_here() {
    let cluster = Cluster::of(1).await;
    let parameters = with(on_cluster(&cluster).await, json!({ "from": "T+10m" }));
    let cx = context(Duration::from_secs(20));
    let (receipt, looked) = apply(&parameters, &cx).await;
    receipt.expect("applied");
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    assert!(looked.findings[0].message.contains("(pending, "), "{:?}", looked.findings);
}

#[tokio::test]
async fn instants_and_the_release_window_are_windows_too() {
    let cluster = Cluster::of(1).await;
    let parameters = on_cluster(&cluster).await;
    let instants =
        with(parameters.clone(), json!({ "from": jiff_in(-60), "for": null, "to": jiff_in(600) }));
    let cx = context(Duration::from_secs(20));
    let (receipt, looked) = apply(&instants, &cx).await;
    receipt.expect("applied");
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);

    let probe: Silence =
        serde_json::from_value(with(parameters, json!({ "from": null, "for": null })))
            .expect("parameters");
    let window = Window {
        from: cx.times.launch - SignedDuration::from_mins(15),
        to: cx.times.launch + SignedDuration::from_hours(3),
    };
    assert_eq!(probe.window(&JudgeCx { window, ..cx.times }), window);
}

#[tokio::test]
async fn members_that_are_no_cluster_each_get_a_silence() {
    let (one, two) = (Cluster::of(1).await, Cluster::of(1).await);
    let parameters = on_cluster(&one).await;
    let urls = json!([one.urls()[0], two.urls()[0]]);
    let parameters = with(parameters, json!({ "alertmanagers": urls }));
    let (receipt, looked) = apply(&parameters, &context(Duration::from_secs(20))).await;
    receipt.expect("applied");
    assert_eq!(looked.codes(Outcome::Warn), ["silence.separate-clusters"], "{:?}", looked.findings);
    assert_eq!(on_members(&looked), 2, "{:?}", looked.findings);
    assert_eq!(
        (one.members[0].silences().await.len(), two.members[0].silences().await.len()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_wider_silence_of_somebody_else_is_said() {
    let cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    let api = cluster.members[0].api().await;
    let new = |matcher: &str, from: i64| {
        let matcher: Matcher = matcher.parse().expect(matcher);
        NewSilence {
            id: None,
            matchers: vec![WireMatcher::from(&matcher)],
            starts_at: jiff_in(from).parse().expect("an instant"),
            ends_at: jiff_in(from + 600).parse().expect("an instant"),
            created_by: "somebody".to_owned(),
            comment: "asleep".to_owned(),
            annotations: std::collections::BTreeMap::new(),
        }
    };
    let limit = Duration::from_secs(5);
    let wider = api.post(&new("service=~order|match", 0), limit).await.expect("made");
    api.post(&new("alertname=Other", 0), limit).await.expect("made");
    api.post(&new("service=order", 86_400), limit).await.expect("made");
    let looked = look_in::<Silence>(parameters, &context(Duration::from_secs(20))).await;
    assert_eq!(looked.codes(Outcome::Warn), ["silence.wider-exists"], "{:?}", looked.findings);
    let message = &finding(&looked, "silence.wider-exists").message;
    assert!(message.contains(&wider) && message.contains("of somebody"), "{message}");
}

/// Facts of two members of one cluster, the first with a silence of ours.
fn facts(first: Value, second: Value) -> Seen {
    let up = |ours: Value, alerts: Value| {
        json!({ "seen": { "up": {
            "version": "0.27.0", "cluster": "ready", "peers": ["a", "b"],
            "ours": ours, "others": 0, "wider": [], "firing": 1, "alerts": alerts,
        } } })
    };
    let alerts = json!([{
        "labels": { "alertname": "HighLatency", "service": "order" },
        "silenced_by": ["s1"], "receivers": ["pager"],
    }]);
    let loud = json!([{
        "labels": { "alertname": "HighLatency", "service": "order" },
        "silenced_by": [], "receivers": ["pager"],
    }]);
    let quiet = if second == json!("loud") { loud } else { alerts.clone() };
    let second = if second == json!("loud") { first.clone() } else { second };
    serde_json::from_value(json!({
        "key": "0", "rules": null,
        "members": [
            { "url": "http://a", "sight": up(first, alerts) },
            { "url": "http://b", "sight": up(second, quiet) },
        ],
    }))
    .expect("facts")
}

#[test]
fn members_that_disagree_are_judged_each() {
    let cx = context(Duration::from_secs(1));
    let probe: Silence = serde_json::from_value(json!({
        "alertmanagers": ["http://a", "http://b"], "matchers": ["service=order"],
        "from": "T-5m", "for": "1h", "comment": "x",
    }))
    .expect("parameters");
    let silence = |id: &str| {
        let at = |minutes| (cx.times.launch + SignedDuration::from_mins(minutes)).to_string();
        json!({
            "id": id, "state": "active", "starts_at": at(-5), "ends_at": at(55),
            "updated_at": null, "created_by": "gonogo", "comment": "", "matchers": [],
        })
    };
    for (first, second, code, outcome) in [
        (json!([silence("s1")]), json!([]), "silence.missing-on-member", Outcome::Fail),
        (json!([silence("s1")]), json!("loud"), "silence.not-effective", Outcome::Fail),
        (
            json!([silence("s1"), silence("s2")]),
            json!([silence("s1")]),
            "silence.duplicate",
            Outcome::Warn,
        ),
        (json!([silence("s1")]), json!([silence("s1")]), "silence.ok", Outcome::Pass),
    ] {
        let seen = facts(first, second);
        let findings = probe.judge(&seen, &cx.times);
        let worst = findings.iter().max_by_key(|finding| finding.outcome).expect("a finding");
        assert_eq!((worst.code.as_str(), worst.outcome), (code, outcome), "{findings:?}");
        assert_eq!(probe.propose(&seen, &cx.times).is_some(), code == "silence.duplicate");
    }
}

#[test]
fn silences_that_last_too_long_or_are_another_checks_are_told_apart() {
    let cx = context(Duration::from_secs(1));
    let probe: Silence = serde_json::from_value(json!({
        "alertmanagers": ["http://a", "http://b"], "matchers": ["service=order"],
        "from": "T-5m", "for": "1h", "comment": "x",
    }))
    .expect("parameters");
    let at = |minutes| (cx.times.launch + SignedDuration::from_mins(minutes)).to_string();
    let silence = |id: &str, ends_at: &str, of_another: bool| {
        json!({
            "id": id, "state": "active", "starts_at": at(-5), "ends_at": ends_at,
            "updated_at": null, "created_by": "gonogo", "comment": "", "matchers": [],
            "of_another": of_another,
        })
    };
    let for_ever = jiff::Timestamp::MAX.to_string();
    for (ours, warned, proposed) in [
        (vec![silence("s1", &at(55), false)], vec![], false),
        (vec![silence("s1", &at(56), false)], vec![], false),
        (vec![silence("s1", &at(265), false)], vec!["silence.leftover"], false),
        (vec![silence("s1", &for_ever, false)], vec!["silence.leftover"], false),
        (vec![silence("s1", &at(265), true)], vec![], false),
        (vec![silence("s1", &at(55), false), silence("s2", &at(265), true)], vec![], false),
        (
            vec![silence("s1", &at(55), false), silence("s2", &at(55), false)],
            vec!["silence.duplicate"],
            true,
        ),
    ] {
        let seen = facts(json!(ours), json!(ours));
        let findings = probe.judge(&seen, &cx.times);
        let of = |outcome| findings.iter().filter(move |finding| finding.outcome == outcome);
        let mut codes: Vec<&str> = of(Outcome::Warn).map(|f| f.code.as_str()).collect();
        codes.dedup();
        assert_eq!(codes, warned, "{ours:?}: {findings:?}");
        assert_eq!(of(Outcome::Fail).count(), 0, "{findings:?}");
        assert_eq!(probe.propose(&seen, &cx.times).is_some(), proposed, "{ours:?}");
    }
}

#[test]
fn alerts_that_are_too_many_to_be_kept_are_counted() {
    let cx = context(Duration::from_secs(1));
    let probe: Silence = serde_json::from_value(json!({
        "alertmanagers": ["http://a", "http://b"], "matchers": ["service=order"],
        "from": "T-5m", "for": "1h", "comment": "x",
    }))
    .expect("parameters");
    let mut seen = serde_json::to_value(facts(json!([]), json!([]))).expect("JSON");
    let up = &mut seen["members"][0]["sight"]["seen"]["up"];
    (up["firing"], up["matched"]) = (json!(2_000), json!(1_900));
    let seen: Seen = serde_json::from_value(seen).expect("facts");
    let findings = probe.judge(&seen, &cx.times);
    let broad = findings.iter().find(|finding| finding.code == "silence.too-broad");
    assert!(broad.expect("it").message.contains("1900 of all 2000"), "{findings:?}");
}

#[test]
fn alertmanagers_are_asked_by_all_checks_together() {
    let probe: Silence = serde_json::from_value(json!({
        "alertmanagers": ["http://a"], "prometheus": "http://p", "matchers": ["a=b"],
        "comment": "x",
    }))
    .expect("parameters");
    let addresses = |peers: Vec<gonogo::model::peer::Peer>| -> Vec<String> {
        peers.into_iter().map(|peer| peer.address).collect()
    };
    assert_eq!(addresses(probe.peers()), ["a:80", "p:80"]);
    // Nobody waits for a turn at an Alertmanager before others have had theirs.
    assert_eq!(addresses(probe.targets()), ["p:80"]);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let good = json!({ "alertmanagers": ["http://a"], "matchers": ["a=b"], "comment": "x" });
    for (more, key) in [
        (json!({ "alertmanagers": [] }), "alertmanagers"),
        (json!({ "matchers": [] }), "matchers"),
        (json!({ "matchers": ["a!=b"] }), "matchers"),
        (json!({ "matchers": ["a=~.*"] }), "matchers"),
        (json!({ "for": "1h", "to": "T+1h" }), "to"),
        (json!({ "for": "0s" }), "for"),
        (json!({ "accept": { "no-scope": " " } }), "accept"),
    ] {
        let probe: Silence = serde_json::from_value(with(good.clone(), more)).expect("parameters");
        let keys: Vec<_> = probe.complaints().iter().map(|c| c.key).collect();
        assert_eq!(keys, [Some(key)]);
    }
    for bad in ["HighLatency", "a=~[", "{a=b}"] {
        let parameters = with(good.clone(), json!({ "matchers": [bad] }));
        assert!(serde_json::from_value::<Silence>(parameters).is_err(), "{bad}");
    }
}
