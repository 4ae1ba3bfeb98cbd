//! Checks that ask for the same silence share one, whichever of them makes it.

use serde_json::{Value, json};

use crate::silence_cluster::{Cluster, jiff_in};
use crate::silence_verbs::Desk;

/// Checks of one step, each with its matchers and what else it says.
fn write(desk: &Desk, cluster: &Cluster, checks: &[(&str, Value, Value)]) {
    let checks: Vec<Value> = checks
        .iter()
        .map(|(id, matchers, more)| {
            let common = json!({
                "alertmanagers": cluster.urls(), "matchers": matchers, "from": "T-5m", "for": "1h",
                "comment": "rollout",
            });
            json!({ "id": id, "silence": crate::silence::with(common, more.clone()) })
        })
        .collect();
    let list = json!({
        "gonogo": 1, "name": "Verbs", "launch": jiff_in(0),
        "steps": [{ "name": "quiet", "checks": checks }],
    });
    desk.write("lists/list.yaml", &list.to_string());
}

#[tokio::test]
async fn duplicates_in_one_list_end_in_one_silence() {
    let cluster = Cluster::of(2).await;
    let desk = Desk::of(&cluster, &json!({})).await;
    let (ours, turned) =
        (json!(["service=order", "env!=dev"]), json!(["env!=dev", "service=order"]));
    let other = json!(["service=match"]);
    let first = cluster.urls()[..1].to_vec();
    write(
        &desk,
        &cluster,
        &[
            ("a", ours.clone(), json!({})),
            ("b", turned, json!({})),
            // On one member of the same cluster.
            ("c", ours.clone(), json!({ "alertmanagers": first })),
            ("d", other, json!({})),
        ],
    );
    let run = ["run", "lists/list.yaml", "--apply", "-o", "json"];
    let ran = desk.gonogo(&run);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for member in &cluster.members {
        assert_eq!(member.silences().await.len(), 2, "{:?}", member.silences().await);
    }
    let record: Value = serde_json::from_str(&ran.out).expect("a record");
    assert_eq!(record["counts"]["pass"], 4, "{record:#}");
    let receipt = |n: usize| {
        let receipt = &record["steps"][0]["checks"][n]["changes"][0]["receipt"];
        receipt.as_str().expect("a receipt").to_owned()
    };
    assert!(receipt(0).starts_with("silence "), "{}", receipt(0));
    assert!(receipt(1).starts_with("there already: silence "), "{}", receipt(1));
    assert!(receipt(2).starts_with("there already: silence "), "{}", receipt(2));
    // Nothing is left to do for any of them.
    let again = desk.gonogo(&run);
    let record: Value = serde_json::from_str(&again.out).expect("a record");
    for check in record["steps"][0]["checks"].as_array().expect("checks") {
        assert_eq!((&check["outcome"], &check["changes"]), (&json!("pass"), &Value::Null));
    }

    // One for a longer time is another one; the shorter leaves it alone.
    write(
        &desk,
        &cluster,
        &[("e", ours.clone(), json!({ "for": "2h" })), ("f", ours, json!({ "for": "30m" }))],
    );
    let ran = desk.gonogo(&run);
    let record: Value = serde_json::from_str(&ran.out).expect("a record");
    assert_eq!(record["steps"][0]["checks"][1]["outcome"], "pass", "{record:#}");
    let ends: Vec<_> = cluster.members[1].silences().await;
    assert_eq!(ends.len(), 3, "{ends:?}");
}
