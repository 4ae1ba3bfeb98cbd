//! Ramps of `postgres_pool` against the lab's PostgreSQL.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::postgres_pool::{End, HeldBack, Limited, PostgresPool, Ramp, Run};
use serde_json::{Value, json};

use super::{ask, close, inside, open, superuser, turn, url, wait_for_sessions};
use crate::support::{Looked, context, look_in};

const OURS: &str = "application_name LIKE 'gonogo-%'";

async fn ramp(url: &str, ramp: Value) -> Looked<PostgresPool> {
    let parameters = json!({"url": url, "ramp": ramp});
    look_in::<PostgresPool>(parameters, &context(Duration::from_secs(30))).await
}

fn run(looked: &Looked<PostgresPool>) -> &Run {
    match &inside(looked).ramp {
        Some(Ramp::Ran(run)) => run,
        other => panic!("no ramp ran: {other:?}"),
    }
}

#[tokio::test]
async fn a_ramp_holds_its_steps_and_gives_everything_back() {
    let _turn = turn().await;
    let url = url("LAB_PG", "gonogo", "game");
    let mut watch = open(&superuser()).await;
    // PgBouncer's own sessions keep the name of the last client they served.
    let sql = format!("SELECT count(*) AS it FROM pg_stat_activity WHERE {OURS}");
    let before = ask(&mut watch, &sql).await.and_then(|it| it.parse().ok()).expect("a count");
    let looked = ramp(&url, json!({"max_added": 3, "hold": "150ms", "max_p99": "2s"})).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let run = run(&looked);
    assert_eq!(run.steps.iter().map(|step| step.held).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((run.end, run.left.seen()), (End::Reached, Some(&0)));
    for step in &run.steps {
        let statement = step.statement.expect("statements");
        assert!(statement.n == 100 && statement.p99.is_some(), "{statement:?}");
    }
    wait_for_sessions(&mut watch, OURS, before).await;
    close(vec![watch]).await;
}

#[tokio::test]
async fn a_ramp_is_held_back_where_it_is_not_safe() {
    let _turn = turn().await;
    let held = |looked: &Looked<PostgresPool>| match &inside(looked).ramp {
        Some(Ramp::Held(why)) => why.clone(),
        other => panic!("it ran: {other:?}"),
    };
    let looked = ramp(&url("LAB_PGFULL", "gonogo", "game"), json!({"max_added": 1})).await;
    assert!(matches!(held(&looked), HeldBack::NoRoom(at) if at.of == Limited::Server));
    assert_eq!(looked.codes(Outcome::Unknown), ["postgres_pool.ramp-refused"]);
    let looked = ramp(&superuser(), json!({"max_added": 1})).await;
    assert_eq!(held(&looked), HeldBack::Privileged);
    let looked = ramp(&url("LAB_PG", "limited", "game"), json!({"max_added": 1})).await;
    assert!(matches!(held(&looked), HeldBack::NoRoom(at) if at.of == Limited::Role));
    let looked = ramp(&url("LAB_PGBOUNCER", "gonogo", "game"), json!({"max_added": 1})).await;
    assert_eq!(held(&looked), HeldBack::Pooled);
    let too_long = json!({"max_added": 1, "hold": "10m"});
    let looked = ramp(&url("LAB_PG", "gonogo", "game"), too_long).await;
    assert_eq!(held(&looked), HeldBack::NoTime);
}

#[tokio::test]
async fn a_slow_ramp_stops_at_the_step_that_was_slow() {
    let _turn = turn().await;
    let url = url("LAB_PG", "gonogo", "game");
    let looked = ramp(&url, json!({"max_added": 4, "hold": "100ms", "max_p99": "0.001ms"})).await;
    assert_eq!((run(&looked).end, run(&looked).steps.len()), (End::Slow, 1));
    assert!(looked.findings.iter().any(|it| it.code == "postgres_pool.ramp-slow"));
}

#[tokio::test]
async fn a_ramp_stops_when_its_sessions_are_ended() {
    let _turn = turn().await;
    let url = url("LAB_PG", "gonogo", "game");
    let mut watch = open(&superuser()).await;
    let ending = async {
        let sql = "SELECT count(pg_terminate_backend(pid)) AS it FROM pg_stat_activity WHERE \
                   application_name LIKE 'gonogo-%' AND query LIKE '%SELECT 1'";
        while ask(&mut watch, sql).await.as_deref() == Some("0") {}
    };
    let (looked, ()) = tokio::join!(ramp(&url, json!({"max_added": 4, "hold": "2s"})), ending);
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.ramp-errors"], "{:?}", looked.findings);
    assert!(
        run(&looked).steps.last().expect("a step").errors.contains_key("57P01"),
        "{:?}",
        run(&looked)
    );
    close(vec![watch]).await;
}

#[tokio::test]
async fn a_ramp_makes_room_for_others() {
    let _turn = turn().await;
    let url = url("LAB_PG", "gonogo", "game");
    let mut others = Vec::new();
    let ramping = ramp(&url, json!({"max_added": 2, "hold": "2s"}));
    let crowding = async {
        for _ in 0..7 {
            others.push(open(&super::url("LAB_PG", "app", "game")).await);
        }
    };
    let (looked, ()) = tokio::join!(ramping, crowding);
    // Before or during the first step, as it happens.
    let codes = looked.codes(Outcome::Unknown);
    assert!(
        codes == ["postgres_pool.ramp-cut"] || codes == ["postgres_pool.ramp-refused"],
        "{:?}",
        looked.findings
    );
    close(others).await;
}

#[tokio::test]
async fn ramps_that_meet_never_take_the_last_slot() {
    let _turn = turn().await;
    let url = url("LAB_PG", "gonogo", "game");
    let mut watch = open(&superuser()).await;
    let greedy = || ramp(&url, json!({"max_added": 1000, "hold": "300ms"}));
    let mut ramping = std::pin::pin!(async { tokio::join!(greedy(), greedy(), greedy()) });
    let sql = "SELECT count(*) AS it FROM pg_stat_activity WHERE backend_type = 'client backend' \
               AND pid <> pg_backend_pid()";
    let (mut most, mut looks) = (0, 0);
    loop {
        tokio::select! {
            _ = &mut ramping => break,
            used = ask(&mut watch, sql) => {
                most = used.and_then(|it| it.parse::<u32>().ok()).expect("a count").max(most);
                looks += 1;
            }
        }
    }
    assert!(looks > 10, "it was looked at only {looks} times");
    // The watcher itself holds one of the 20.
    assert!((4..16).contains(&most), "{most} of 17 ordinary slots were taken");
    close(vec![watch]).await;
}

#[tokio::test]
async fn killed_at_any_moment_a_ramp_leaves_nothing_behind() {
    let _turn = turn().await;
    let url = url("LAB_PG", "gonogo", "game");
    let state = tempfile::tempdir().expect("a directory");
    let mut watch = open(&superuser()).await;
    let sql = format!("SELECT count(*) AS it FROM pg_stat_activity WHERE {OURS}");
    let before: u32 = ask(&mut watch, &sql).await.and_then(|it| it.parse().ok()).expect("a count");
    let (mut alive, mut ramping) = (0, 0);
    for _ in 0..20 {
        let mut tool = tokio::process::Command::new(env!("CARGO_BIN_EXE_gonogo"))
            .args(["check", "postgres_pool", &url, "-o", "json"])
            .args(["--set", "ramp.max_added=3", "--set", "ramp.hold=150ms"])
            .env("XDG_STATE_HOME", state.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the tool starts");
        // A run takes about 600 ms.
        let random = u64::from(uuid::Uuid::now_v7().as_bytes()[15]) * 600 / 256;
        tokio::time::sleep(Duration::from_millis(random)).await;
        let now: u32 = ask(&mut watch, &sql).await.and_then(|it| it.parse().ok()).expect("a count");
        alive += u32::from(now > before);
        ramping += u32::from(now > before + 1);
        tool.kill().await.expect("the tool dies");
        wait_for_sessions(&mut watch, OURS, before).await;
    }
    // Or the test has killed it only before and after.
    assert!(alive > 3 && ramping > 1, "seen logged in {alive} times, ramping {ramping} times");
    close(vec![watch]).await;
}
