//! Silences after they were made: listed, extended, ended.

use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::model::fault::Fault;
use gonogo::model::outcome::Outcome;
use gonogo::net::alertmanager::{Matcher, NewSilence, WireMatcher};
use gonogo::net::http::{Access, HttpUrl};
use gonogo::probe::silence::fleet::{Fleet, Until, Which};
use gonogo::probe::silence::{Silence, marker};
use jiff::{SignedDuration, Timestamp};

use crate::silence::{apply_only, on_cluster};
use crate::silence_cluster::{Cluster, ending};
use crate::support::{context, look_in};

const ASK: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_secs(10);

async fn fleet(urls: &[String]) -> Fleet {
    let urls: Vec<HttpUrl> = urls.iter().map(|url| url.parse().expect("a URL")).collect();
    Fleet::find(&urls, &Access::default(), ASK).await.expect("addresses")
}

fn at(seconds: i64) -> Timestamp {
    Clock.now() + SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn ours_are_listed_extended_and_ended_and_others_are_left_alone() {
    let cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(Duration::from_secs(20));
    apply_only(&parameters, &cx).await.expect("applied");
    let foreign = NewSilence {
        id: None,
        matchers: vec![WireMatcher::from(&"service=match".parse::<Matcher>().expect("it"))],
        starts_at: at(0),
        ends_at: at(600),
        created_by: "somebody".to_owned(),
        comment: "gonogo: not really".to_owned(),
        annotations: std::collections::BTreeMap::new(),
    };
    let foreign = cluster.members[0].api().await.post(&foreign, ASK).await.expect("made");
    let fleet = fleet(&cluster.urls()).await;
    let run = || Which::Run(cx.run.short());

    let listing = fleet.list(&Which::Ours).await;
    assert_eq!((listing.silences.len(), listing.unseen.len()), (1, 0), "{listing:?}");
    let ours = &listing.silences[0];
    assert_eq!(ours.on, cluster.urls());
    assert_eq!(ours.run, Some(cx.run.short()));
    let wanted = parameters["matchers"].as_array().expect("a list").iter();
    let matchers: Vec<Matcher> =
        wanted.map(|m| m.as_str().expect("text").parse().expect("it")).collect();
    assert_eq!(ours.key, Some(marker::key(&cx.id, &matchers)));
    assert_eq!(fleet.list(&run()).await, listing);
    assert!(fleet.list(&Which::Run("0123456789ab".to_owned())).await.silences.is_empty());

    // Longer, and then shorter.
    for seconds in [7_200, 1_800] {
        let to = at(seconds);
        let changed = fleet.extend(&run(), Until::At(to), Some("slow sync"), WAIT).await;
        let changed = changed.expect("changed");
        assert_eq!((changed.done.len(), changed.unseen.len()), (1, 0));
        for member in &cluster.members {
            let silences = member.silences().await;
            let silence = silences.iter().find(|s| s.id == changed.done[0].1).expect("it");
            assert!(silence.ends_at.duration_since(to).abs().as_secs() < 1);
            assert!(silence.comment.ends_with("; slow sync"), "{}", silence.comment);
        }
    }

    let ids: Vec<String> =
        fleet.list(&run()).await.silences.into_iter().map(|l| l.silence.id).collect();
    let heard = fleet.aftermath(&ids).await.expect("alerts");
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0].labels["service"], "order");

    let ended = fleet.expire(&run(), &ending(), WAIT).await.expect("ended");
    assert_eq!((ended.done.len(), ended.unseen.len(), ended.unnoted.len()), (1, 0, 0));
    for member in &cluster.members {
        let left: Vec<String> = member.silences().await.into_iter().map(|s| s.id).collect();
        assert_eq!(left, std::slice::from_ref(&foreign));
    }
    assert!(fleet.expire(&run(), &ending(), WAIT).await.expect("nothing to end").done.is_empty());
    assert_eq!(fleet.list(&Which::Id(foreign)).await.silences.len(), 1);
}

#[tokio::test]
async fn a_member_that_is_down_is_said_and_does_not_keep_the_others_from_being_changed() {
    let mut cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(Duration::from_secs(20));
    apply_only(&parameters, &cx).await.expect("applied");
    cluster.members[1].kill();
    let fleet = fleet(&cluster.urls()).await;
    let listing = fleet.list(&Which::Ours).await;
    assert_eq!(listing.silences.len(), 1);
    assert_eq!(listing.unseen[0].0, cluster.members[1].url());
    let down = [cluster.members[1].url()];
    let unseen = |unseen: Vec<(String, Fault)>| -> Vec<String> {
        unseen.into_iter().map(|(url, _)| url).collect()
    };
    let until = Until::At(at(60));
    let changed = fleet.extend(&Which::Ours, until, None, WAIT).await.expect("changed");
    assert_eq!((changed.done.len(), unseen(changed.unseen)), (1, down.to_vec()));
    let ended = fleet.expire(&Which::Ours, &ending(), WAIT).await.expect("ended");
    assert_eq!((ended.done.len(), unseen(ended.unseen)), (1, down.to_vec()));
    assert!(cluster.members[0].silences().await.is_empty());
    cluster.members[0].kill();
    fleet.expire(&Which::Ours, &ending(), WAIT).await.expect_err("nobody answered");
    fleet.extend(&Which::Ours, until, None, WAIT).await.expect_err("nobody answered");
}

#[tokio::test]
async fn a_silence_ended_early_is_missed_by_the_next_look() {
    let cluster = Cluster::of(2).await;
    let parameters = on_cluster(&cluster).await;
    let cx = context(Duration::from_secs(20));
    apply_only(&parameters, &cx).await.expect("applied");
    fleet(&cluster.urls()).await.expire(&Which::Ours, &ending(), WAIT).await.expect("ended");
    let looked = look_in::<Silence>(parameters.clone(), &cx).await;
    assert_eq!(looked.codes(Outcome::Pending), ["silence.not-applied"], "{:?}", looked.findings);
    apply_only(&parameters, &cx).await.expect("applied again");
    assert_eq!(cluster.members[1].silences().await.len(), 1);
}
