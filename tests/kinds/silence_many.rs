//! Fifty silences at once.

use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use gonogo::clock::Clock;
use gonogo::model::id::CheckId;
use gonogo::model::outcome::Outcome;
use serde_json::json;

use crate::silence::apply;
use crate::silence_cluster::Cluster;
use crate::support::context;

const MANY: usize = 50;

#[tokio::test]
async fn fifty_are_made_and_seen_everywhere_in_about_the_time_amtool_takes_to_make_them() {
    let cluster = Cluster::of(2).await;
    let urls = cluster.urls();
    let parameters: Vec<_> = (0..MANY)
        .map(|n| {
            json!({
                "alertmanagers": urls, "matchers": [format!("service=s{n}")],
                "from": "T-5m", "for": "1h", "comment": "many",
            })
        })
        .collect();
    let begun = Clock.tick();
    let looks = join_all(parameters.iter().enumerate().map(|(n, parameters)| async move {
        let mut cx = context(Duration::from_secs(30));
        cx.id = CheckId::new(format!("s{n}")).expect("an id");
        apply(parameters, &cx).await
    }))
    .await;
    let ours = begun.elapsed();
    for (receipt, looked) in looks {
        receipt.expect("applied");
        assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    }
    for member in &cluster.members {
        assert_eq!(member.silences().await.len(), MANY);
    }

    let begun = Clock.tick();
    for n in 0..MANY {
        let made = Command::new("amtool")
            .args(["silence", "add", "--comment=x", &format!("service=a{n}")])
            .arg(format!("--alertmanager.url={}", urls[0]))
            .output()
            .expect("amtool; is it installed?");
        assert!(made.status.success());
    }
    let theirs = begun.elapsed();
    // Whole looks, the preview and the look on every member included. Twice the time is left for a
    // busy machine.
    assert!(ours < theirs * 2, "{ours:?}, and amtool {theirs:?}");
}
