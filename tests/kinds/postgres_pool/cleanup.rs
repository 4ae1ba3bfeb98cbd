//! `--cleanup` of `postgres_pool`: what a killed ramp left behind is ended, and nothing else.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::net::postgres::Session;
use serde_json::Value;

use super::{ask, close, open, open_as, superuser, turn, url, wait_for_sessions};
use crate::held_open::held_open;
use crate::support::lab;

/// The sessions of a ramp that is killed while something between keeps them open.
const RAMPED: &str = "query LIKE '/* gonogo-% ramp */%' AND usename = 'gonogo'";

fn tool(state: &Path, url: &str, more: &[&str]) -> tokio::process::Command {
    let mut tool = tokio::process::Command::new(env!("CARGO_BIN_EXE_gonogo"));
    tool.args(["check", "postgres_pool", url, "-o", "json"])
        .args(more)
        .env_clear()
        .env("XDG_STATE_HOME", state)
        .stderr(Stdio::null());
    tool
}

/// Runs the tool to its end: its exit code, and its only check.
async fn run(state: &Path, url: &str, more: &[&str]) -> (Option<i32>, Value) {
    let output = tool(state, url, more).output().await.expect("the tool runs");
    let record: Value = serde_json::from_slice(&output.stdout).expect("a record");
    (output.status.code(), record["steps"][0]["checks"][0].clone())
}

/// Kills a ramp whose sessions nobody ends; gives back how many there are.
async fn killed_ramp(watch: &mut Session, state: &Path) -> u32 {
    let port = held_open(&lab("LAB_PG"));
    let through =
        url("LAB_PG", "gonogo", "game").replace(&lab("LAB_PG"), &format!("127.0.0.1:{port}"));
    let ramp = ["--set", "ramp.max_added=2", "--set", "ramp.hold=20s"];
    let mut ramping =
        tool(state, &through, &ramp).stdout(Stdio::null()).spawn().expect("the tool starts");
    // The one that watches, and the first of the ramp.
    wait_for_sessions(watch, RAMPED, 2).await;
    ramping.kill().await.expect("the tool dies");
    2
}

#[tokio::test]
async fn what_a_killed_ramp_left_is_shown_and_ended_and_no_look_alike_is() {
    let _turn = turn().await;
    let mut watch = open(&superuser()).await;
    let state = tempfile::tempdir().expect("a directory");
    let own = url("LAB_PG", "gonogo", "game");
    let left = killed_ramp(&mut watch, state.path()).await;
    // Of another role, and marked like a ramp; of the same role, and only named like the tool, or like a
    // run of it; and what PgBouncer keeps open after a client of that name.
    let app = url("LAB_PG", "app", "game");
    let pooled = url("LAB_PGBOUNCER", "gonogo", "game");
    let mut others = vec![
        open_as(&app, "gonogo-0123456789aa").await,
        open_as(&own, "gonogo-dashboard").await,
        open_as(&own, "gonogo-0123456789ab").await,
    ];
    ask(&mut others[0], "/* gonogo-0123456789aa ramp */ SELECT 1").await;
    ask(&mut others[1], "/* gonogo-dashboard ramp */ SELECT 1").await;
    ask(&mut others[2], "SELECT 1").await;
    let mut client = open_as(&pooled, "gonogo-0123456789ac").await;
    ask(&mut client, "SELECT 1").await;
    close(vec![client]).await;
    // And a run that is alive: one of its two sessions does something now and then.
    let mut alive = vec![
        open_as(&own, "gonogo-0123456789ad").await,
        open_as(&own, "gonogo-0123456789ad").await,
    ];
    ask(&mut alive[0], "/* gonogo-0123456789ad ramp */ SELECT 1").await;
    let named = "application_name LIKE 'gonogo-%'";
    let count = format!("SELECT count(*) AS it FROM pg_stat_activity WHERE {named}");
    let all: u32 = ask(&mut watch, &count).await.and_then(|it| it.parse().ok()).expect("a count");
    assert!(all >= left + 6, "{all}");

    let begun = Clock.tick();
    let check = loop {
        ask(&mut alive[1], "SELECT 1").await;
        let (code, check) = run(state.path(), &own, &["--cleanup=10s"]).await;
        if code == Some(3) {
            break check;
        }
        // Nothing is proposed too early.
        assert_eq!(code, Some(0), "{check}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{check}");
    };
    assert!(begun.elapsed() > Duration::from_secs(5), "after {:?}", begun.elapsed());
    assert_eq!(check["findings"][0]["code"], "postgres_pool.leftovers", "{check}");
    assert_eq!(check["outcome"], "pending");
    let what = check["changes"][0]["what"].as_str().expect("what would change");
    assert!(what.starts_with("end 2 connections: gonogo-"), "{what}");
    // So far it was only looked at. The tool's own session takes a moment to end.
    wait_for_sessions(&mut watch, named, all).await;

    ask(&mut alive[1], "SELECT 1").await;
    let (code, check) = run(state.path(), &own, &["--cleanup=10s", "--apply"]).await;
    assert_eq!(
        (code, &check["changes"][0]["state"]),
        (Some(0), &Value::from("applied")),
        "{check}"
    );
    assert_eq!(check["changes"][0]["receipt"], "ended 2 of 2");
    wait_for_sessions(&mut watch, named, all - left).await;
    for session in others.iter_mut().chain(&mut alive) {
        assert_eq!(ask(session, "SELECT 7 AS it").await.as_deref(), Some("7"));
    }
    close(others.into_iter().chain(alive).chain([watch]).collect()).await;
}

#[tokio::test]
async fn behind_a_pooler_nothing_is_looked_for_and_that_is_said() {
    let _turn = turn().await;
    let state = tempfile::tempdir().expect("a directory");
    let pooled = url("LAB_PGBOUNCER", "gonogo", "game");
    let (code, check) = run(state.path(), &pooled, &["--cleanup", "--apply"]).await;
    assert_eq!((code, &check["outcome"]), (Some(3), &Value::from("unknown")), "{check}");
    assert!(check["changes"].as_array().is_none_or(Vec::is_empty), "{check}");
}

#[tokio::test]
async fn a_cleanup_that_could_meet_the_living_is_refused() {
    let state = tempfile::tempdir().expect("a directory");
    for (kind, more) in [
        ("postgres_pool", &["--cleanup=1s"][..]),
        ("postgres_pool", &["--cleanup", "--set", "demand.connections=3"]),
        ("redis", &["--cleanup"]),
    ] {
        let mut tool = tokio::process::Command::new(env!("CARGO_BIN_EXE_gonogo"));
        let place = lab("LAB_CLOSED");
        let target = if kind == "redis" {
            format!("redis://{place}")
        } else {
            format!("postgres://u@{place}/d")
        };
        tool.args(["check", kind, &target]).args(more);
        tool.env_clear().env("XDG_STATE_HOME", state.path());
        let output = tool.output().await.expect("the tool runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("cleanup"), "{said}");
    }
}
