//! A release that goes wrong is heard: silences that end with the verdict NO-GO.

use gonogo::probe::silence::ending::Ending;
use serde_json::{Value, json};

use crate::silence_cluster::{Cluster, jiff_in};
use crate::silence_verbs::Desk;

/// A list of a silence and, after it, of a port that nobody listens on.
fn write(desk: &Desk, cluster: &Cluster, on_no_go: &str) {
    let list = json!({
        "gonogo": 1, "name": "Verbs", "launch": jiff_in(0),
        "steps": [
            { "name": "quiet", "checks": [{ "id": "am.silence", "silence": {
                "alertmanagers": cluster.urls(), "matchers": ["service=order"],
                "from": "T-5m", "for": "1h", "comment": "rollout", "on_no_go": on_no_go,
            } }] },
            { "name": "after", "checks": [{ "id": "port", "tcp": { "endpoint": "127.0.0.1:1" } }] },
        ],
    });
    desk.write("lists/list.yaml", &list.to_string());
}

fn changes(record: &str) -> Value {
    let record: Value = serde_json::from_str(record).expect("a record");
    record["steps"][0]["checks"][0]["changes"].clone()
}

#[tokio::test]
async fn a_silence_ends_with_the_verdict_no_go_only_where_the_list_says_so() {
    let mut cluster = Cluster::of(2).await;
    let desk = Desk::of(&cluster, &json!({})).await;
    let run = ["run", "lists/list.yaml", "-o", "json", "--apply"];
    write(&desk, &cluster, "keep");
    desk.gonogo(&run).says(1, &[]);
    assert_eq!(cluster.members[1].silences().await.len(), 1);

    // One that an earlier run made, and a run that may not change anything.
    write(&desk, &cluster, "end");
    desk.gonogo(&run[..4]).says(1, &[]);
    assert_eq!(cluster.members[1].silences().await.len(), 1);
    // A run of other checks says nothing about this one.
    desk.gonogo(&["run", "lists/list.yaml", "port", "--apply"]).says(1, &[]);
    assert_eq!(cluster.members[1].silences().await.len(), 1);
    let ran = desk.gonogo(&run);
    ran.says(1, &["because the verdict is NO-GO", "1 silence ended, seen on every Alertmanager"]);
    assert_eq!(changes(&ran.out)[0]["state"], "applied", "{ran:?}");
    for member in &cluster.members {
        assert!(member.silences().await.is_empty());
        // Who ended it, and why, is left where everybody sees it.
        let over = member.api().await.all_silences(std::time::Duration::from_secs(5)).await;
        let ending = Ending::read(&over.expect("silences")[0].comment).expect("an ending");
        assert!(ending.by.starts_with("tester (run "), "{ending:?}");
        assert_eq!(ending.why, "the verdict was NO-GO");
    }
    // Made and ended by one run; the log on the disk says the same.
    let ran = desk.gonogo(&run);
    let both = changes(&ran.out);
    assert_eq!(both.as_array().map(Vec::len), Some(2), "{both:#}");
    assert_eq!(changes(&desk.gonogo(&["report", "-o", "json"]).out), both);
    assert!(cluster.members[0].silences().await.is_empty());

    // A member that does not answer may still hold it.
    cluster.members[1].kill();
    let ran = desk.gonogo(&run);
    ran.says(1, &["warning: am.silence: not known to be undone: end silence"]);
    assert!(cluster.members[0].silences().await.is_empty());
}
