//! How fast fifty silences are planned, made and seen on both members of a cluster, beside fifty calls
//! of `amtool silence add`, which look at nothing and wait for nobody, in one run.
//!
//! `cargo bench --bench silences` needs a running lab (`GONOGO_LAB`, or `./dev lab up`) and `amtool`, and
//! writes its figures to stdout. What gossip takes is measured beside it: it is the cluster's, and no
//! tool can be faster.

#![expect(clippy::print_stdout, reason = "the figures are the product here")]
#![expect(clippy::disallowed_methods, reason = "./dev bench says where the lab is")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use gonogo::clock::Clock;
use gonogo::net::alertmanager::{Alertmanager, Matcher, NewSilence, WireMatcher};
use gonogo::net::http::{Access, HttpUrl};
use gonogo::probe::silence::ending::Ending;
use gonogo::probe::silence::fleet::{Fleet, Which};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How many silences.
const MANY: usize = 50;
/// How often each is timed; the middle one counts.
const ROUNDS: usize = 7;
/// How long one exchange may take.
const ASK: Duration = Duration::from_secs(10);

fn main() {
    // `cargo test --benches` runs this too, without the flag; a bench is no test.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let urls = [lab("LAB_ALERTMANAGER_A"), lab("LAB_ALERTMANAGER_B")];
    let folder = TempDir::new().expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (mut theirs, mut ours, mut again) = (vec![], vec![], vec![]);
    let (mut gossip, mut apart) = (vec![], vec![]);
    // In turns, so that both meet the same neighbours on the machine.
    for round in 0..ROUNDS {
        theirs.push(amtool(&urls[0], round));
        let list = checklist(folder.path(), &urls, round);
        ours.push(gonogo(&list, folder.path()));
        // Nothing is left to be made: what the looks alone take.
        again.push(gonogo(&list, folder.path()));
        gossip.push(runtime.block_on(spread(&urls, round)));
        apart.push(ours[round].saturating_sub(gossip[round]));
        runtime.block_on(sweep(&urls, &list));
    }
    println!("{MANY} silences on two members of one cluster, the middle of {ROUNDS} rounds");
    row("amtool silence add, one member, not looked for", theirs);
    row("gonogo run --apply: planned, made, seen on both", ours);
    row("gonogo run --apply again: nothing left to make", again);
    row("gossip: fifty made at once, until the other has all", gossip);
    row("gonogo run --apply, gossip apart", apart);
}

/// A value of the running lab.
fn lab(key: &str) -> String {
    let dir = std::env::var("GONOGO_LAB")
        .unwrap_or_else(|_| format!("{}/.lab", env!("CARGO_MANIFEST_DIR")));
    let text = std::fs::read_to_string(Path::new(&dir).join("lab.env")).expect("a running lab");
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.expect("it is in the lab").to_owned()
}

fn row(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let (least, middle) = (millis(times[0]), millis(times[times.len() / 2]));
    println!("  {what:<52} {middle:>7.1} ms, least {least:>7.1} ms");
}

fn amtool(url: &str, round: usize) -> Duration {
    let begun = Clock.tick();
    for n in 0..MANY {
        let made = Command::new("amtool")
            .args(["silence", "add", "--comment=x", "--duration=10m"])
            .arg(format!("service=amtool-{round}-{n}"))
            .arg(format!("--alertmanager.url={url}"))
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("amtool; is it installed?").success());
    }
    begun.elapsed()
}

/// A list of fifty checks; JSON is YAML.
fn checklist(folder: &Path, urls: &[String; 2], round: usize) -> PathBuf {
    let check = |n: usize| {
        json!({ "id": format!("s{n}"), "silence": {
            "alertmanagers": urls, "matchers": [format!("service=gonogo-{round}-{n}")],
            "from": "T-0", "for": "10m", "comment": "bench",
        } })
    };
    let checks: Vec<Value> = (0..MANY).map(check).collect();
    let list = json!({
        "gonogo": 1, "name": "Silences", "launch": Clock.now().to_string(),
        "steps": [{ "name": "quiet", "checks": checks }],
    });
    let path = folder.join(format!("list-{round}.yaml"));
    std::fs::write(&path, list.to_string()).expect("a checklist");
    path
}

fn gonogo(list: &Path, folder: &Path) -> Duration {
    let begun = Clock.tick();
    let ran = Command::new(env!("CARGO_BIN_EXE_gonogo"))
        .arg("run")
        .arg(list)
        .arg("--apply")
        .env("GONOGO_STATE_DIR", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let took = begun.elapsed();
    assert!(ran.expect("the tool starts").success(), "all are made and seen");
    took
}

async fn member(url: &str) -> Alertmanager {
    let url: HttpUrl = url.parse().expect("a URL");
    Alertmanager::find(&url, &Access::default(), ASK).await.expect("an address")
}

/// How long silences that are made at once take from the first member to the second, the last of them.
async fn spread(urls: &[String; 2], round: usize) -> Duration {
    let (first, second) = (member(&urls[0]).await, member(&urls[1]).await);
    let now = Clock.now();
    let new = |n: usize| {
        let matcher: Matcher = format!("service=spread-{round}-{n}").parse().expect("a matcher");
        NewSilence {
            id: None,
            matchers: vec![WireMatcher::from(&matcher)],
            starts_at: now,
            ends_at: now + SignedDuration::from_mins(1),
            created_by: "bench".to_owned(),
            // As long as that of a run's silence, which says what made it.
            comment: format!("gonogo:0000000000000000000000000000000000000000 s{n} bench"),
            annotations: std::collections::BTreeMap::new(),
        }
    };
    let made = join_all((0..MANY).map(|n| {
        let (first, new) = (&first, new(n));
        async move { first.post(&new, ASK).await.expect("made") }
    }));
    let ids = made.await;
    let begun = Clock.tick();
    loop {
        let held = second.silences(ASK).await.expect("silences");
        if ids.iter().all(|id| held.iter().any(|silence| silence.id == *id)) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < ASK, "it never arrives");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Ends what a round has made, so that the next one meets no more than this one did.
async fn sweep(urls: &[String; 2], list: &Path) {
    let urls: Vec<HttpUrl> = urls.iter().map(|url| url.parse().expect("a URL")).collect();
    let fleet = Fleet::find(&urls, &Access::default(), ASK).await.expect("addresses");
    let of_bench = |comment: &str| comment == "x" || comment.ends_with("bench");
    let listing = fleet.list(&Which::Anybodys).await;
    let ids = listing.silences.iter().filter(|one| of_bench(&one.silence.comment));
    let ids = ids.map(|one| Which::Id(one.silence.id.clone())).collect();
    let ending = Ending::new(Clock.now(), "bench", "the round is over");
    fleet.expire(&Which::Any(ids), &ending, ASK).await.expect("ended");
    std::fs::remove_file(list).expect("the list of this round");
}
