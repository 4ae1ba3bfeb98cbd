//! `gonogo silence` as a process: what it prints, how it ends, and what the Alertmanagers hold then.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::silence_cluster::{Cluster, Setup, jiff_in};

/// A folder with a checklist, and a state folder of its own.
pub(crate) struct Desk {
    dir: TempDir,
}

/// What the program said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    /// A list of one `silence` check on a cluster, with further parameters.
    pub(crate) async fn of(cluster: &Cluster, more: &Value) -> Self {
        cluster.fire(&[json!({ "alertname": "HighLatency", "service": "order" })]).await;
        let parameters = json!({
            "alertmanagers": cluster.urls(), "matchers": ["service=order"],
            "from": "T-5m", "for": "1h", "comment": "rollout",
        });
        Self::with(&crate::silence::with(parameters, more.clone()))
    }

    /// A list of one `silence` check.
    pub(crate) fn with(parameters: &Value) -> Self {
        let desk = Self { dir: tempfile::tempdir().expect("a directory") };
        // JSON is YAML.
        let list = json!({
            "gonogo": 1, "name": "Verbs", "launch": jiff_in(0),
            "steps": [{ "name": "quiet", "checks": [{ "id": "am.silence", "silence": parameters }] }],
        });
        std::fs::create_dir(desk.path().join("lists")).expect("a folder");
        desk.write("lists/list.yaml", &list.to_string());
        desk
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("a file");
    }

    pub(crate) fn gonogo(&self, words: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_gonogo"))
            .args(words)
            .current_dir(self.path())
            .env_clear()
            .env("USER", "tester")
            .env("TZ", "UTC")
            .env("GONOGO_STATE_DIR", self.path().join("state"))
            .output()
            .expect("the tool starts");
        Ran::of(output)
    }

    /// Applies the list; the run's id.
    pub(crate) fn apply(&self) -> String {
        let ran = self.gonogo(&["run", "lists/list.yaml", "--apply", "-o", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let record: Value = serde_json::from_str(&ran.out).expect("a record");
        record["run"].as_str().expect("an id").to_owned()
    }
}

impl Ran {
    pub(crate) fn of(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Expects an exit code and some words, on either stream.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "{word}: {self:?}");
        }
    }
}

#[tokio::test]
async fn ask_22_a_runs_silences_are_listed_extended_and_ended() {
    let cluster = Cluster::of(2).await;
    let desk = Desk::of(&cluster, &json!({})).await;
    let first = desk.apply();
    // The second run finds what the first one made, and means it as well.
    let second = desk.apply();
    let id = cluster.members[0].silences().await[0].id.clone();
    let short = &first[first.len() - 12..];

    desk.gonogo(&["silence", "list"]).says(
        0,
        &[
            "ACTIVE   {service=\"order\"}\n",
            " UTC, ends in 5",
            "am.silence: rollout\n",
            &format!("run {short} (Verbs, GO, by tester)\n"),
            &format!("id {id} on 2 of 2\n"),
            "1 silence on 2 Alertmanagers\n",
        ],
    );
    for run in [first.as_str(), short, second.as_str(), "latest"] {
        desk.gonogo(&["silence", "list", "--run", run]).says(0, &[&id]);
    }
    let json = desk.gonogo(&["silence", "list", "--format", "json"]);
    let listing: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(listing["silences"][0]["silence"]["id"], *id);
    assert_eq!(listing["silences"][0]["on"], json!(cluster.urls()));

    desk.gonogo(&["silence", "extend", "--run", &second, "--by", "30m", "--dry-run"])
        .says(0, &["would change", &id, "30m later"]);
    desk.gonogo(&["silence", "extend", "--run", &second, "--by", "30m"])
        .says(0, &[&id, "30m later"]);
    desk.gonogo(&["silence", "extend", "--run", short, "--to", "T+70m"])
        .says(0, &[&id, "15m earlier"]);
    let long = ["silence", "extend", "--run", "latest", "--by", "5h"];
    desk.gonogo(&long).says(2, &["longer than 4h (`max_for` of am.silence)", "--reason"]);
    desk.gonogo(&[&long[..], &["--reason", "slow sync"]].concat()).says(0, &["5h later"]);
    for member in &cluster.members {
        let silences = member.silences().await;
        assert_eq!(silences.len(), 1);
        assert!(silences[0].comment.ends_with(" am.silence: rollout; slow sync"), "{silences:?}");
    }

    let expire = ["silence", "expire", "--run", &second];
    let heard = "HighLatency{service=\"order\"} by nobody";
    desk.gonogo(&[&expire[..], &["--dry-run"]].concat()).says(0, &["would end", heard]);
    assert_eq!(cluster.members[1].silences().await.len(), 1);
    desk.gonogo(&[&expire[..], &["--reason", "went well"]].concat())
        .says(0, &["ended ", &id, "1 alert will be heard now", heard]);
    for member in &cluster.members {
        assert!(member.silences().await.is_empty());
    }
    desk.gonogo(&expire).says(0, &["over already", &id, "; by tester@", ": went well"]);
    desk.gonogo(&["silence", "audit", "-v"]).says(3, &["one was ended by tester@", "[ended 20"]);
    desk.gonogo(&["silence", "list"]).says(0, &["0 silences on 2 Alertmanagers"]);
}

#[tokio::test]
async fn without_a_word_on_which_silences_nothing_is_changed() {
    let cluster = Cluster::of(1).await;
    let desk = Desk::of(&cluster, &json!({})).await;
    desk.gonogo(&["silence", "list"]).says(2, &["no run with a `silence` check is recorded"]);
    desk.apply();
    let url = cluster.urls()[0].clone();
    for (words, said) in [
        (&["expire"][..], "which silences?"),
        (&["expire", "--alertmanager", &url], "which silences?"),
        (&["extend", "--by", "1h"], "which silences?"),
        (&["extend", "--run", "latest"], "--to"),
        (&["extend", "--run", "latest", "--to", "T-1m"], "is over already"),
        (&["extend", "--id", "x", "--alertmanager", &url, "--to", "T+1h"], "counts from a launch"),
        (&["expire", "--run", "ffffffffffff"], "no recorded run matches"),
        (&["expire", "--run", "latest", "--ours"], "cannot be used with"),
        (&["expire", "--older-than", "1h"], "--ours"),
        (&["audit", "--alertmanager", &url], "compares with a plan"),
        (&["list", "lists/list.yaml", "--alertmanager", &url], "leave it or --alertmanager out"),
    ] {
        desk.gonogo(&[&["silence"], words].concat()).says(2, &[said]);
    }
    let unknown = "6f1c1c0e-6a2f-4a3b-9c0f-000000000000";
    desk.gonogo(&["silence", "expire", "--id", unknown]).says(4, &["no such silence"]);
    assert_eq!(cluster.members[0].silences().await.len(), 1);
}

#[tokio::test]
async fn what_another_machine_made_is_found_by_its_list_or_its_address() {
    let cluster = Cluster::of(2).await;
    let theirs = Desk::of(&cluster, &json!({})).await;
    let run = theirs.apply();
    let short = &run[run.len() - 12..];
    let (a, b) = (&cluster.urls()[0], &cluster.urls()[1]);
    let here = Desk::with(&json!({
        "alertmanagers": cluster.urls(), "matchers": ["service=order"], "from": "T-5m",
        "for": "1h", "comment": "rollout",
    }));
    here.gonogo(&["silence", "list", "lists/list.yaml"]).says(0, &["1 silence on 2"]);
    here.gonogo(&["silence", "list", "--alertmanager", a, "--alertmanager", b, "--run", short])
        .says(0, &["on 2 of 2", &format!("run {short}\n")]);
    here.gonogo(&["silence", "list", "--alertmanager", a, "--run", "0123456789ab"])
        .says(0, &["0 silences"]);
    here.gonogo(&["silence", "expire", "lists/list.yaml"]).says(0, &["ended "]);
    theirs.apply();
    let sweep = ["silence", "expire", "--alertmanager", a, "--alertmanager", b, "--ours"];
    here.gonogo(&[&sweep[..], &["--older-than", "1h"]].concat()).says(4, &["no such silence"]);
    here.gonogo(&[&sweep[..], &["--older-than", "0s"]].concat()).says(0, &["ended "]);
    assert!(cluster.members[1].silences().await.is_empty());
}

#[tokio::test]
async fn a_member_that_is_down_is_named_and_the_others_are_served() {
    let mut cluster = Cluster::of(2).await;
    let desk = Desk::of(&cluster, &json!({})).await;
    desk.apply();
    cluster.members[1].kill();
    let down = format!("error: {} was not seen", cluster.members[1].url());
    desk.gonogo(&["silence", "list"]).says(3, &["on 1 of 2", &down]);
    desk.gonogo(&["silence", "extend", "--run", "latest", "--by", "5m"])
        .says(3, &["5m later", &down]);
    desk.gonogo(&["silence", "expire", "--run", "latest"]).says(3, &["ended ", &down]);
    assert!(cluster.members[0].silences().await.is_empty());
    desk.gonogo(&["silence", "expire", "--run", "latest"]).says(3, &[&down]);
    cluster.members[0].kill();
    desk.gonogo(&["silence", "expire", "--run", "latest"]).says(3, &[&down]);
}

/// The word behind this hash is `test`.
const USERS: &str = "
basic_auth_users:
  me: $2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay
";

#[tokio::test]
async fn secrets_are_filled_in_anew_and_shown_nowhere() {
    let setup = Setup {
        web_config: Some(USERS.to_owned()),
        prefix: "/am",
        before: "http://me:test@",
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let url = cluster.urls()[0].replace("me:test@", "me:${file:word}@");
    let desk = Desk::of(&cluster, &json!({ "alertmanagers": [url] })).await;
    desk.write("lists/word", "test\n");
    desk.apply();
    for words in [&["list"][..], &["extend", "--run", "latest", "--by", "1m"], &["audit", "-v"]] {
        let ran = desk.gonogo(&[&["silence"], words].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!ran.out.contains("me:test") && !ran.err.contains("me:test"), "{ran:?}");
    }
    // A record that came from elsewhere is not given a secret of this machine.
    let record = desk.gonogo(&["report", "-o", "json"]).out;
    desk.write("theirs.json", &record);
    desk.gonogo(&["silence", "list", "--run", "theirs.json"]).says(2, &["asks for a secret"]);
    desk.gonogo(&["silence", "list", "lists/list.yaml", "--run", "theirs.json"]).says(0, &["1 si"]);
    desk.write("lists/word", "wrong\n");
    desk.gonogo(&["silence", "list"]).says(3, &["needs credentials it accepts"]);
    std::fs::remove_file(desk.path().join("lists/word")).expect("it was there");
    desk.gonogo(&["silence", "list"]).says(2, &["the secret ${file:lists/word} cannot be read"]);
    // A password in the list itself is not in the record.
    let typed = Desk::of(&cluster, &json!({})).await;
    typed.apply();
    typed.gonogo(&["silence", "list"]).says(2, &["hides a secret", "name the checklist"]);
    typed.gonogo(&["silence", "list", "lists/list.yaml"]).says(0, &["1 silence"]);
}
