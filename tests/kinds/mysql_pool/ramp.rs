//! Ramps of `mysql_pool` against the lab's MariaDB.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::mysql_pool::MysqlPool;
use gonogo::probe::pool::{End, HeldBack, Limited, Ramp, Run};
use serde_json::{Value, json};

use super::{alone, ask, close, inside, open, server, turn, url, wait_for};
use crate::support::{Looked, context, look_in};

async fn ramp(account: &str, ramp: Value) -> Looked<MysqlPool> {
    let parameters = json!({"url": url(account, "game"), "ramp": ramp});
    look_in::<MysqlPool>(parameters, &context(Duration::from_secs(30))).await
}

fn run(looked: &Looked<MysqlPool>) -> &Run {
    match &inside(looked).ramp {
        Some(Ramp::Ran(run)) => run,
        other => panic!("no ramp ran: {other:?}"),
    }
}

fn held(looked: &Looked<MysqlPool>) -> HeldBack {
    match &inside(looked).ramp {
        Some(Ramp::Held(why)) => why.clone(),
        other => panic!("it ramped: {other:?}"),
    }
}

#[tokio::test]
async fn a_ramp_holds_its_steps_gives_all_back_and_tells_the_mark_it_left() {
    let _turn = turn().await;
    let dba = alone().await;
    let looked = ramp("gonogo", json!({"max_added": 6, "hold": "150ms", "max_p99": "2s"})).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let run = run(&looked);
    let all: Vec<u32> = run.steps.iter().map(|step| step.held).collect();
    assert_eq!((run.end, all), (End::Reached, vec![1, 2, 4, 6]));
    assert_eq!(
        (run.ceiling.of, run.ceiling.limit, run.ceiling.floor),
        (Limited::Connections, 30, 10)
    );
    for step in &run.steps {
        assert!(step.statement.is_some_and(|it| it.n == 100 && it.p99.is_some()), "{step:?}");
        assert!(step.own_cpu.is_some() && step.errors.is_empty(), "{step:?}");
    }
    // The one that looks, the one that watches it here, and the six.
    assert_eq!((server(&looked).most_used, inside(&looked).most_used_after), (2, Some(8)));
    let told = "Max_used_connections was 2 before the ramp and is 8 now";
    assert!(looked.findings.iter().any(|it| it.message == told), "{:?}", looked.findings);
    close(vec![dba]).await;
}

#[tokio::test]
async fn a_ramp_leaves_no_mark_unless_it_is_told_to() {
    let _turn = turn().await;
    let mut dba = alone().await;
    let looked = ramp("gonogo", json!({"hold": "100ms"})).await;
    assert_eq!(held(&looked), HeldBack::Mark(2));
    assert_eq!(looked.codes(Outcome::Unknown), ["mysql_pool.ramp-refused"]);
    // Once there have been more, there may be as many again.
    close(vec![open("app").await, open("app").await]).await;
    wait_for(&mut dba, "app", "0").await;
    let looked = ramp("gonogo", json!({"hold": "100ms"})).await;
    assert_eq!(run(&looked).planned, 1);
    let (before, after) = (server(&looked).most_used, inside(&looked).most_used_after);
    assert_eq!(Some(before), after);
    close(vec![dba]).await;
}

#[tokio::test]
async fn a_ramp_is_held_back_where_it_would_not_be_safe() {
    let _turn = turn().await;
    let dba = alone().await;
    assert_eq!(held(&ramp("dba", json!({"max_added": 1})).await), HeldBack::Privileged);
    let looked = ramp("limited", json!({"max_added": 1})).await;
    assert!(matches!(held(&looked), HeldBack::NoRoom(at) if at.of == Limited::Account));
    let mut others = Vec::new();
    for _ in 0..18 {
        others.push(open("app").await);
    }
    let looked = ramp("gonogo", json!({"max_added": 1})).await;
    assert!(matches!(held(&looked), HeldBack::NoRoom(at) if at.of == Limited::Connections));
    assert_eq!(looked.codes(Outcome::Unknown), ["mysql_pool.ramp-refused"]);
    close(others).await;
    close(vec![dba]).await;
}

#[tokio::test]
async fn a_slow_ramp_and_one_whose_sessions_are_ended_stop() {
    let _turn = turn().await;
    let mut dba = alone().await;
    let slow = json!({"max_added": 4, "hold": "100ms", "max_p99": "0.001ms"});
    let looked = ramp("gonogo", slow).await;
    assert_eq!((run(&looked).end, run(&looked).steps.len()), (End::Slow, 1));
    assert!(looked.findings.iter().any(|it| it.code == "mysql_pool.ramp-slow"));
    let ending = async {
        let mine = "SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE USER = 'gonogo' \
                    HAVING COUNT(*) > 2";
        loop {
            if let Some(id) = ask(&mut dba, mine).await {
                ask(&mut dba, &format!("KILL {id}")).await;
                break;
            }
        }
    };
    let ending = tokio::time::timeout(Duration::from_secs(20), ending);
    let ramping = ramp("gonogo", json!({"max_added": 4, "hold": "1s"}));
    let (looked, ended) = tokio::join!(ramping, ending);
    ended.expect("a session of the ramp is seen");
    assert_eq!(looked.codes(Outcome::Fail), ["mysql_pool.ramp-errors"], "{:?}", looked.findings);
    close(vec![dba]).await;
}

#[tokio::test]
async fn ramps_that_meet_never_take_the_last_connection() {
    let _turn = turn().await;
    let mut dba = alone().await;
    let greedy = || ramp("gonogo", json!({"max_added": 1000, "hold": "300ms"}));
    tokio::join!(greedy(), greedy(), greedy());
    let sql = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = \
               'MAX_USED_CONNECTIONS'";
    let most: u32 = ask(&mut dba, sql).await.and_then(|it| it.parse().ok()).expect("a number");
    assert!((8..28).contains(&most), "{most} of 30 connections were taken");
    close(vec![dba]).await;
}

#[tokio::test]
async fn killed_at_any_moment_a_ramp_leaves_nothing_behind() {
    let _turn = turn().await;
    let mut dba = alone().await;
    let state = tempfile::tempdir().expect("a directory");
    let ours = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'gonogo'";
    let mut ramping = 0;
    for _ in 0..20 {
        let mut tool = tokio::process::Command::new(env!("CARGO_BIN_EXE_gonogo"))
            .args(["check", "mysql_pool", &url("gonogo", "game"), "-o", "json"])
            .args(["--set", "ramp.max_added=3", "--set", "ramp.hold=150ms"])
            .env_clear()
            .env("XDG_STATE_HOME", state.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the tool starts");
        let random = u64::from(uuid::Uuid::now_v7().as_bytes()[15]) * 600 / 256;
        tokio::time::sleep(Duration::from_millis(random)).await;
        let now: u32 = ask(&mut dba, ours).await.and_then(|it| it.parse().ok()).expect("a count");
        ramping += u32::from(now > 1);
        tool.kill().await.expect("the tool dies");
        wait_for(&mut dba, "gonogo", "0").await;
    }
    assert!(ramping > 1, "seen ramping {ramping} times");
    close(vec![dba]).await;
}
