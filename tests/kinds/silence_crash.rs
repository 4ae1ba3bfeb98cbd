//! A tool that is killed while it makes a silence leaves no more than one, and the next run makes
//! exactly one of it.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::net::http::{Access, HttpUrl};
use gonogo::probe::silence::fleet::{Fleet, Which};
use serde_json::json;

use crate::silence_cluster::{Cluster, ending, jiff_in};

const KILLS: u32 = 20;

fn start(dir: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gonogo"))
        .args(["run", "list.yaml", "--apply"])
        .current_dir(dir)
        .env_clear()
        .env("XDG_STATE_HOME", dir.join("state"))
        .stdout(std::fs::File::create(dir.join("out")).expect("a file"))
        .stderr(std::fs::File::create(dir.join("err")).expect("a file"))
        .spawn()
        .expect("the tool starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_leaves_one_silence_after_the_next_run() {
    let cluster = Cluster::of(2).await;
    cluster.fire(&[json!({ "alertname": "HighLatency", "service": "order" })]).await;
    let dir = tempfile::tempdir().expect("a directory");
    // JSON is YAML.
    let list = json!({
        "gonogo": 1, "name": "crash", "launch": jiff_in(0),
        "steps": [{ "name": "quiet", "checks": [{ "id": "am.silence", "silence": {
            "alertmanagers": cluster.urls(), "matchers": ["service=order"],
            "from": "T-5m", "for": "1h", "comment": "crash",
        } }] }],
    });
    std::fs::write(dir.path().join("list.yaml"), list.to_string()).expect("a checklist");
    let urls: Vec<HttpUrl> = cluster.urls().iter().map(|url| url.parse().expect("it")).collect();
    let limit = Duration::from_secs(5);
    let fleet = Fleet::find(&urls, &Access::default(), limit).await.expect("addresses");

    let begun = Clock.tick();
    assert!(start(dir.path()).wait().expect("it ends").success());
    let whole = begun.elapsed();
    let mut made_before_the_end = 0;
    for kill in 0..KILLS {
        fleet.expire(&Which::Ours, &ending(), limit).await.expect("ended");
        let mut child = start(dir.path());
        tokio::time::sleep(whole * kill / KILLS).await;
        child.kill().expect("it can be killed");
        child.wait().expect("it has ended");
        let left = fleet.list(&Which::Ours).await.silences.len();
        assert!(left <= 1, "{left} silences after a kill");
        made_before_the_end += left;

        let ended = start(dir.path()).wait().expect("it ends");
        let said = || std::fs::read_to_string(dir.path().join("out")).expect("its output");
        assert!(ended.success(), "after kill {kill}: {}", said());
        let listing = fleet.list(&Which::Ours).await;
        assert_eq!(listing.silences.len(), 1, "{listing:?}");
        assert_eq!(listing.silences[0].on.len(), 2, "{listing:?}");
    }
    assert!(made_before_the_end > 0, "no kill came late enough to mean something");
}
