//! A run whose log cannot be written changes nothing: who finds a silence must find who made it.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::silence_cluster::{Cluster, jiff_in};
use crate::silence_verbs::{Desk, Ran};

/// A list of some ports that answer, a silence, and one more port.
fn write(desk: &Desk, cluster: &Cluster, open: u16, before: usize, last: u16) {
    let tcp = |id: String, port: u16| json!({ "id": id, "tcp": { "endpoint": format!("127.0.0.1:{port}") } });
    let mut checks: Vec<Value> = (0..before).map(|n| tcp(format!("c{n}"), open)).collect();
    checks.push(json!({ "id": "am.silence", "silence": {
        "alertmanagers": cluster.urls(), "matchers": ["service=order"],
        "from": "T-5m", "for": "1h", "comment": "rollout", "on_no_go": "end",
    } }));
    let text = json!({
        "gonogo": 1, "name": "Verbs", "launch": jiff_in(0),
        "steps": [
            { "name": "all", "checks": checks },
            { "name": "last", "checks": [tcp("last".to_owned(), last)] },
        ],
    });
    desk.write("lists/list.yaml", &text.to_string());
}

/// Runs the list with `--apply` and its state on a disk of its own, prepared by a shell line.
fn on_a_disk(desk: &Desk, options: &str, prepare: &str) -> Ran {
    let _there = std::fs::create_dir(desk.path().join("disk"));
    let line = format!(
        "mount -t tmpfs -o {options} none disk || exit 99; {{ {prepare}; }} >&- 2>&-\n\"$@\""
    );
    let root = rustix::process::geteuid().is_root();
    let output = Command::new("unshare")
        .arg(if root { "-m" } else { "-Urm" })
        .args(["sh", "-c", &line, "sh", env!("CARGO_BIN_EXE_gonogo")])
        .args(["run", "lists/list.yaml", "--apply", "-o", "json"])
        .current_dir(desk.path())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("GONOGO_STATE_DIR", desk.path().join("disk"))
        .stdin(Stdio::null())
        .output()
        .expect("unshare (util-linux)");
    Ran::of(output)
}

fn silence(ran: &Ran) -> Value {
    let record: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let mut checks = record["steps"][0]["checks"].as_array().expect("checks").iter();
    checks.find(|check| check["id"] == "am.silence").expect("the silence").clone()
}

const FILL: &str = "dd if=/dev/zero of=disk/filler bs=1k";

#[tokio::test]
async fn a_change_is_made_only_when_its_intent_is_on_the_disk() {
    let cluster = Cluster::of(2).await;
    let desk = Desk::of(&cluster, &json!({})).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let open = listener.local_addr().expect("an address").port();
    let path = desk.path().join("disk/runs").display().to_string();
    for (options, prepare, before, said) in [
        ("size=64k", FILL, 2, "No space left on device"),
        // Full before the silence, and not from the start.
        ("size=64k", ":", 60, "No space left on device"),
        ("size=64k", "mount -o remount,ro disk", 2, "Read-only file system"),
    ] {
        write(&desk, &cluster, open, before, open);
        let ran = on_a_disk(&desk, options, prepare);
        assert_eq!(ran.code, Some(3), "{prepare}: {ran:?}");
        let check = silence(&ran);
        assert_eq!(check["outcome"], "pending", "{check:#}");
        assert_eq!(check["findings"][0]["code"], "gonogo.not-recorded", "{check:#}");
        let summary = check["summary"].as_str().expect("a summary");
        assert!(summary.contains(said) && summary.contains(&path), "{summary}");
        assert_eq!(check["changes"][0]["state"], "proposed");
        assert!(cluster.members[0].silences().await.is_empty(), "{prepare}");
        // The other checks are what they are.
        let record: Value = serde_json::from_str(&ran.out).expect("a record");
        assert_eq!(record["counts"]["pass"], before + 1, "{prepare}");
    }

    // With room for a log it is made.
    write(&desk, &cluster, open, 2, open);
    let ran = on_a_disk(&desk, "size=1m", ":");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(silence(&ran)["changes"][0]["state"], "applied");
    assert_eq!(cluster.members[1].silences().await.len(), 1);

    // To end it after a NO-GO is a change as well.
    write(&desk, &cluster, open, 2, 1);
    let ran = on_a_disk(&desk, "size=64k", FILL);
    ran.says(1, &["warning: am.silence: not undone, because the event log ", "No space left"]);
    assert_eq!(cluster.members[1].silences().await.len(), 1);
    let ran = on_a_disk(&desk, "size=1m", ":");
    ran.says(1, &["1 silence ended, seen on every Alertmanager"]);
    assert!(cluster.members[1].silences().await.is_empty());
}

#[tokio::test]
async fn without_a_home_for_the_log_nothing_is_changed() {
    let cluster = Cluster::of(1).await;
    let desk = Desk::of(&cluster, &json!({})).await;
    let output = Command::new(env!("CARGO_BIN_EXE_gonogo"))
        .args(["run", "lists/list.yaml", "--apply"])
        .current_dir(desk.path())
        .env_clear()
        .output()
        .expect("the tool starts");
    let ran = Ran::of(output);
    ran.says(3, &["gonogo.not-recorded", "no event log is kept: there is no home directory"]);
    assert!(cluster.members[0].silences().await.is_empty());
}
