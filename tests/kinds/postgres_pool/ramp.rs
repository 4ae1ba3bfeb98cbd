//! Ramps of `postgres_pool` against the lab's PostgreSQL.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::pool::{End, HeldBack, Limited, Ramp, Run};
use gonogo::probe::postgres_pool::PostgresPool;
use serde_json::{Value, json};

use super::{ask, close, inside, open, superuser, turn, url, wait_for_sessions};
use crate::support::{Looked, context, lab, look_in};

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
    // Its console does not let the application in.
    let looked = ramp(&url("LAB_PGBOUNCER", "app", "game"), json!({"max_added": 1})).await;
    assert_eq!(held(&looked), HeldBack::Pooled);
    let too_long = json!({"max_added": 1, "hold": "10m"});
    let looked = ramp(&url("LAB_PG", "gonogo", "game"), too_long).await;
    assert_eq!(held(&looked), HeldBack::NoTime);
}

#[tokio::test]
async fn a_ramp_through_a_pooler_adds_clients_and_runs_transactions() {
    let _turn = turn().await;
    let url = url("LAB_PGBOUNCER", "gonogo", "game");
    let console = super::url("LAB_PGBOUNCER", "gonogo", "pgbouncer");
    let before = transactions(&console).await;
    let looked = ramp(&url, json!({"max_added": 12, "hold": "150ms", "max_p99": "2s"})).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let run = run(&looked);
    let held: Vec<u32> = run.steps.iter().map(|step| step.held).collect();
    // More than the pool has connections to the server: only transactions share them.
    assert_eq!((run.end, held), (End::Reached, vec![1, 2, 4, 8, 12]));
    assert_eq!((run.ceiling.of, run.ceiling.limit, run.ceiling.floor), (Limited::Clients, 50, 10));
    let after = transactions(&console).await;
    assert!(after >= before + 500, "{before} transactions before, {after} after");
    let looked = ramp(&url, json!({"max_added": 1000, "hold": "100ms"})).await;
    assert!(self::run(&looked).planned <= 40, "{:?}", self::run(&looked));
    let mut console = open(&console).await;
    let clients = console.ask("clients", "SHOW CLIENTS", Duration::from_secs(5)).await;
    let clients = clients.expect("the console");
    let ours = clients[0].rows().filter(|row| row.line("application_name").starts_with("gonogo-"));
    assert_eq!(ours.count(), 0);
    close(vec![console]).await;
}

/// How many transactions PgBouncer has seen so far.
async fn transactions(console: &str) -> u64 {
    let mut console = open(console).await;
    let tables = console.ask("stats", "SHOW STATS", Duration::from_secs(5)).await.expect("stats");
    let row = tables[0].rows().find(|row| row.text("database") == Some("game"));
    let count = row.expect("the database").value("total_xact_count").expect("a number");
    close(vec![console]).await;
    count
}

#[tokio::test]
async fn a_ramp_through_a_pooler_stops_when_clients_wait() {
    let _turn = turn().await;
    let url = url("LAB_PGBOUNCER", "gonogo", "game");
    // The application holds all three connections of its pool, and a fourth client waits for one.
    let app = super::url("LAB_PGBOUNCER", "app", "game");
    let mut held = vec![open(&app).await, open(&app).await, open(&app).await];
    for session in &mut held {
        ask(session, "BEGIN").await;
    }
    let mut fourth = open(&app).await;
    // It waits for three seconds before it is turned away.
    let waiting = fourth.ask("waiting", "SELECT 1", Duration::from_secs(5));
    let ramping = ramp(&url, json!({"max_added": 4, "hold": "4s"}));
    let (looked, waited) = tokio::join!(ramping, waiting);
    assert!(waited.is_err());
    assert_eq!(run(&looked).end, End::Waiting, "{:?}", looked.findings);
    assert!(looked.codes(Outcome::Unknown).contains(&"postgres_pool.ramp-cut"));
    drop(fourth);
    close(held).await;
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
async fn a_guard_stops_a_ramp_that_others_would_suffer_from() {
    let _turn = turn().await;
    let url = url("LAB_PG", "gonogo", "game");
    for (query, end, code) in [
        ("vector(10)", End::Reached, None),
        ("vector(11)", End::Guard, Some("postgres_pool.ramp-cut")),
        ("absent_of_it", End::Blind, Some("postgres_pool.ramp-cut")),
    ] {
        let guard = json!({"prometheus": lab("LAB_PROMETHEUS"), "query": query, "max": 10});
        let looked = ramp(&url, json!({"max_added": 1, "hold": "100ms", "guard": guard})).await;
        assert_eq!(run(&looked).end, end, "{query} {:?}", looked.findings);
        assert_eq!(looked.codes(Outcome::Unknown).first().copied(), code, "{query}");
        // What is over its limit before the ramp begins lets nothing be opened at all.
        assert_eq!(run(&looked).steps[0].held, u32::from(end == End::Reached), "{query}");
    }
}

#[tokio::test]
async fn a_ramp_stops_when_its_sessions_are_ended() {
    let _turn = turn().await;
    let url = url("LAB_PG", "gonogo", "game");
    let mut watch = open(&superuser()).await;
    let ending = async {
        let sql = "SELECT count(pg_terminate_backend(pid)) AS it FROM pg_stat_activity WHERE \
                   query LIKE '/* gonogo-% ramp */ SELECT 1'";
        while ask(&mut watch, sql).await.as_deref() == Some("0") {}
    };
    let ending = tokio::time::timeout(Duration::from_secs(20), ending);
    let (looked, ended) = tokio::join!(ramp(&url, json!({"max_added": 4, "hold": "2s"})), ending);
    ended.expect("a session of the ramp is seen");
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
            .env_clear()
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
