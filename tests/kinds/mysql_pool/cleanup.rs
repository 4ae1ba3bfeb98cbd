//! `--cleanup` of `mysql_pool`: what a killed ramp left behind is ended, and nothing else.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use gonogo::clock::Clock;
use serde_json::Value;

use super::{alone, ask, close, open_as, url, wait_for};
use crate::held_open::held_open;
use crate::support::lab;

fn tool(state: &Path, url: &str, more: &[&str]) -> tokio::process::Command {
    let mut tool = tokio::process::Command::new(env!("CARGO_BIN_EXE_gonogo"));
    tool.args(["check", "mysql_pool", url, "-o", "json"])
        .args(more)
        .env_clear()
        .env("XDG_STATE_HOME", state)
        .stderr(Stdio::null());
    tool
}

async fn run(state: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let output = tool(state, &url("gonogo", "game"), more).output().await.expect("the tool runs");
    let record: Value = serde_json::from_slice(&output.stdout).expect("a record");
    (output.status.code(), record["steps"][0]["checks"][0].clone())
}

#[tokio::test]
async fn what_a_killed_ramp_left_is_shown_and_ended_and_no_look_alike_is() {
    let _turn = super::turn().await;
    let mut dba = alone().await;
    let state = tempfile::tempdir().expect("a directory");
    let port = held_open(&lab("LAB_MYSQL"));
    let through = url("gonogo", "game").replace(&lab("LAB_MYSQL"), &format!("127.0.0.1:{port}"));
    let ramp = ["--set", "ramp.max_added=2", "--set", "ramp.hold=20s"];
    let mut ramping =
        tool(state.path(), &through, &ramp).stdout(Stdio::null()).spawn().expect("the tool starts");
    wait_for(&mut dba, "gonogo", "2").await;
    ramping.kill().await.expect("the tool dies");

    // Another account, a name that only looks like ours, and a run that does something now and then.
    let mut others = vec![
        open_as("app", "gonogo-0123456789aa-ramp").await,
        open_as("gonogo", "gonogo-dashboard-ramp").await,
        open_as("gonogo", "gonogo-0123456789ab").await,
        open_as("gonogo", "gonogo-0123456789ac-ramp").await,
        open_as("gonogo", "gonogo-0123456789ac").await,
    ];
    let begun = Clock.tick();
    let check = loop {
        ask(&mut others[4], "SELECT 1").await;
        let (code, check) = run(state.path(), &["--cleanup=10s"]).await;
        if code == Some(3) {
            break check;
        }
        assert_eq!(code, Some(0), "{check}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{check}");
    };
    assert_eq!(check["findings"][0]["code"], "mysql_pool.leftovers", "{check}");
    let what = check["changes"][0]["what"].as_str().expect("what would change");
    assert!(what.starts_with("end 2 connections: gonogo-"), "{what}");
    // So far it was only looked at.
    wait_for(&mut dba, "gonogo", "6").await;

    ask(&mut others[4], "SELECT 1").await;
    let (code, check) = run(state.path(), &["--cleanup=10s", "--apply"]).await;
    assert_eq!(
        (code, &check["changes"][0]["state"]),
        (Some(0), &Value::from("applied")),
        "{check}"
    );
    assert_eq!(check["changes"][0]["receipt"], "ended 2 of 2");
    wait_for(&mut dba, "gonogo", "4").await;
    for session in &mut others {
        assert_eq!(ask(session, "SELECT 7").await.as_deref(), Some("7"));
    }
    close(others.into_iter().chain([dba]).collect()).await;
}
