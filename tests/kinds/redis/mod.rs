//! `redis` against the lab's servers: a primary and its replica, a Sentinel, a cluster of three.

mod likeness;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::net::redis::{Connection, Opened, Reply};
use gonogo::probe::redis::{Inside, Login, Redis, Report};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::support::{Looked, lab, look};

const LIMIT: Duration = Duration::from_secs(5);

/// Tests change what the servers are like: they take turns.
async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

fn secret(name: &str) -> String {
    std::fs::read_to_string(PathBuf::from(lab("LAB_SECRETS")).join(name)).expect("a secret")
}

/// A URL of the lab's primary or replica, as the user who may do what the manual asks for.
fn url(server: &str) -> String {
    format!("redis://gonogo:{}@{}", secret("gonogo"), lab(server))
}

/// A URL of a server that knows no users.
fn open_url(server: &str) -> String {
    format!("redis://{}", lab(server))
}

/// As whoever may do everything.
fn all_powerful(server: &str) -> String {
    format!("redis://:{}@{}", secret("redis"), lab(server))
}

async fn connect(url: &str) -> Connection {
    let url = url.parse().expect("a good URL");
    match gonogo::net::redis::open(&url, None, LIMIT).await.expect("an answer") {
        Opened::Open(connection) => *connection,
        Opened::No(refusal) => panic!("{refusal}"),
    }
}

async fn tell(connection: &mut Connection, command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let reply = connection.ask(&words, LIMIT).await.expect(command);
    assert!(!matches!(reply, Reply::Error(_)), "{command}: {reply:?}");
}

/// Looks until the check finds this code.
async fn check_until(parameters: &Value, outcome: Outcome, code: &str) -> Looked<Redis> {
    for _ in 0..200 {
        let looked = look::<Redis>(parameters.clone()).await;
        if looked.codes(outcome).contains(&code) {
            return looked;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{code} was never seen: {:?}", look::<Redis>(parameters.clone()).await.findings);
}

fn inside(looked: &Looked<Redis>) -> &Inside {
    match &looked.seen.as_ref().expect("no fault").login {
        Login::In(inside) => inside,
        Login::Refused(refusal) => panic!("{refusal}"),
    }
}

fn report(looked: &Looked<Redis>) -> &Report {
    inside(looked).report.seen().expect("a report")
}

#[tokio::test]
async fn a_server_in_order_passes_however_it_is_reached() {
    let _turn = turn().await;
    let ca = lab("LAB_CA");
    let tls = format!("rediss://gonogo:{}@{}", secret("gonogo"), lab("LAB_REDIS_TLS"));
    for parameters in [
        json!({"url": url("LAB_REDIS")}),
        json!({"url": url("LAB_REDIS6")}),
        json!({"url": format!("{}/3", url("LAB_REDIS"))}),
        json!({"url": tls, "ca": ca}),
        json!({"url": tls.replace("127.0.0.1", "localhost"), "ca": ca}),
        json!({"url": all_powerful("LAB_REDIS")}),
        json!({"url": open_url("LAB_REDIS_A")}),
        json!({"url": open_url("LAB_SENTINEL")}),
    ] {
        let looked = look::<Redis>(parameters.clone()).await;
        assert_eq!(looked.outcome(), Outcome::Pass, "{parameters} {:?}", looked.findings);
    }
    let looked =
        look::<Redis>(json!({"url": url("LAB_REDIS"), "demand": {"connections": 80}})).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    assert_eq!(report(&looked).max_clients, Some(100));
    assert_eq!(report(&looked).replicas.len(), 1);
}

#[tokio::test]
async fn the_servers_no_is_told_apart_by_its_code() {
    let _turn = turn().await;
    let place = lab("LAB_REDIS");
    for (url, code) in [
        (format!("redis://gonogo:wrong@{place}"), "redis.bad-password"),
        (format!("redis://{place}"), "redis.bad-password"),
        (format!("redis://:x@{}", lab("LAB_REDIS_A")), "redis.bad-password"),
        (format!("redis://{}", lab("LAB_CLOSED")), "redis.refused"),
        // Plain words to a port of TLS.
        (format!("redis://{}", lab("LAB_REDIS_TLS")), "redis.hung-up"),
        (format!("rediss://{}", lab("LAB_REDIS_TLS")), "redis.tls-untrusted"),
        (format!("{}/99", url("LAB_REDIS")), "redis.login-denied"),
    ] {
        let looked = look::<Redis>(json!({"url": url})).await;
        assert_eq!(looked.codes(Outcome::Fail), [code], "{url} {:?}", looked.findings);
    }
    let blind = format!("redis://blind:{}@{place}", secret("plain"));
    let looked = look::<Redis>(json!({"url": blind})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.denied"], "{:?}", looked.findings);
}

#[tokio::test]
async fn a_full_server_and_whom_it_turned_away_are_told_apart() {
    let _turn = turn().await;
    let mut owner = connect(&all_powerful("LAB_REDIS")).await;
    tell(&mut owner, "CONFIG RESETSTAT").await;
    let parameters = json!({"url": url("LAB_REDIS"), "demand": {"connections": 81}});
    let looked = look::<Redis>(parameters).await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.over-budget"], "{:?}", looked.findings);

    let parameters = json!({"url": url("LAB_REDIS")});
    let used = report(&look::<Redis>(parameters.clone()).await).clients;
    let mut held = Vec::new();
    for _ in used..90 {
        held.push(connect(&url("LAB_REDIS")).await);
    }
    let looked = check_until(&parameters, Outcome::Warn, "redis.nearly-full").await;
    assert_eq!(report(&looked).clients, 90);
    for _ in 90..100 {
        held.push(connect(&url("LAB_REDIS")).await);
    }
    let looked = look::<Redis>(parameters.clone()).await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.full"], "{:?}", looked.findings);
    drop(held);
    check_until(&parameters, Outcome::Warn, "redis.rejected").await;
    tell(&mut owner, "CONFIG RESETSTAT").await;
}

#[tokio::test]
async fn memory_is_judged_by_its_limit_and_by_what_was_thrown_away() {
    let _turn = turn().await;
    let mut owner = connect(&all_powerful("LAB_REDIS")).await;
    let parameters = json!({"url": url("LAB_REDIS"), "max_memory_used": "1%"});
    let looked = look::<Redis>(parameters).await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.memory"], "{:?}", looked.findings);
    let parameters = json!({"url": url("LAB_REDIS")});
    tell(&mut owner, "CONFIG SET maxmemory 0").await;
    let looked = look::<Redis>(parameters.clone()).await;
    assert_eq!(looked.codes(Outcome::Warn), ["redis.unlimited-memory"], "{:?}", looked.findings);
    tell(&mut owner, "SET victim x").await;
    tell(&mut owner, "CONFIG SET maxmemory-policy allkeys-lru").await;
    tell(&mut owner, "CONFIG SET maxmemory 1").await;
    let looked = check_until(&parameters, Outcome::Warn, "redis.evicting").await;
    assert!(report(&looked).evicted >= 1 && report(&looked).policy == "allkeys-lru");
    tell(&mut owner, "CONFIG SET maxmemory 32mb").await;
    tell(&mut owner, "CONFIG SET maxmemory-policy noeviction").await;
    tell(&mut owner, "CONFIG RESETSTAT").await;
}

fn allow_writes(to: &Path, mode: u32) {
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(mode)).expect("permissions");
}

#[tokio::test]
async fn a_snapshot_that_fails_is_a_failure_until_one_succeeds() {
    let _turn = turn().await;
    let mut owner = connect(&all_powerful("LAB_REDIS")).await;
    let parameters = json!({"url": url("LAB_REDIS")});
    let folder = PathBuf::from(lab("LAB_DIR")).join("redis");
    allow_writes(&folder, 0o500);
    tell(&mut owner, "BGSAVE").await;
    let looked = check_until(&parameters, Outcome::Fail, "redis.persistence").await;
    allow_writes(&folder, 0o700);
    let failed = report(&looked).failed_writes.as_deref().expect("it says so");
    assert_eq!(failed, ["rdb_last_bgsave_status"]);
    tell(&mut owner, "BGSAVE").await;
    check_until(&parameters, Outcome::Pass, "redis.ok").await;
    content(&parameters).await;
}

#[tokio::test]
async fn replication_is_seen_from_both_sides() {
    let _turn = turn().await;
    let mut owner = connect(&all_powerful("LAB_REPLICA")).await;
    let parameters = json!({"url": url("LAB_REPLICA")});
    let looked = look::<Redis>(parameters.clone()).await;
    assert_eq!(looked.codes(Outcome::Warn), ["redis.replica"], "{:?}", looked.findings);
    tell(&mut owner, &format!("REPLICAOF 127.0.0.1 {}", lab("LAB_CLOSED_PORT"))).await;
    check_until(&parameters, Outcome::Fail, "redis.replica-down").await;
    tell(&mut owner, &format!("REPLICAOF 127.0.0.1 {}", lab("LAB_REDIS_PORT"))).await;
    check_until(&parameters, Outcome::Warn, "redis.replica").await;
    check_until(&json!({"url": url("LAB_REDIS")}), Outcome::Pass, "redis.ok").await;
}

#[tokio::test]
async fn slow_commands_of_late_are_told() {
    let _turn = turn().await;
    let mut owner = connect(&all_powerful("LAB_REDIS")).await;
    tell(&mut owner, "CONFIG SET slowlog-log-slower-than 0").await;
    let looked = look::<Redis>(json!({"url": url("LAB_REDIS")})).await;
    assert_eq!(looked.codes(Outcome::Warn), ["redis.slow"], "{:?}", looked.findings);
    assert!(inside(&looked).slow.as_ref().is_some_and(|it| it.count > 0 && !it.slowest.is_empty()));
    tell(&mut owner, "CONFIG SET slowlog-log-slower-than 10000").await;
    tell(&mut owner, "SLOWLOG RESET").await;
}

#[tokio::test]
async fn a_cluster_without_all_of_its_slots_is_down() {
    let _turn = turn().await;
    let mut node = connect(&open_url("LAB_REDIS_C")).await;
    let parameters = json!({"url": open_url("LAB_REDIS_C")});
    let looked = look::<Redis>(parameters.clone()).await;
    let cluster = inside(&looked).cluster.as_ref().and_then(|it| it.seen()).expect("a cluster");
    assert_eq!((cluster.nodes, cluster.slots_ok, cluster.state.as_str()), (3, 16_384, "ok"));
    tell(&mut node, "CLUSTER DELSLOTS 16383").await;
    let looked = check_until(&parameters, Outcome::Fail, "redis.cluster-down").await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.cluster-down"]);
    tell(&mut node, "CLUSTER ADDSLOTS 16383").await;
    check_until(&parameters, Outcome::Pass, "redis.ok").await;
    content(&parameters).await;
}

/// Sends a signal to a server of the lab.
fn signal(server: &str, signal: &str) {
    let record = PathBuf::from(lab("LAB_DIR")).join("run").join(server);
    let record = std::fs::read_to_string(record).expect("a record of the server");
    let pid = record.split(' ').next().expect("a pid");
    let sent = std::process::Command::new("kill").args([signal, pid]).status().expect("kill runs");
    assert!(sent.success());
}

/// A server of the lab that is stopped, and goes on when this is dropped.
struct Stopped(&'static str);

impl Stopped {
    fn new(server: &'static str) -> Self {
        signal(server, "-STOP");
        Self(server)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal(self.0, "-CONT");
    }
}

/// Looks until nothing fails any more.
async fn content(parameters: &Value) {
    let looking =
        async { while look::<Redis>(parameters.clone()).await.outcome() == Outcome::Fail {} };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("it is content again");
}

#[tokio::test]
async fn a_sentinel_tells_of_its_primary_and_of_its_quorum() {
    let _turn = turn().await;
    let mut sentinel = connect(&open_url("LAB_SENTINEL")).await;
    let parameters = json!({"url": open_url("LAB_SENTINEL")});
    // Of two that are wanted there is one: it may suspect the primary, and can do nothing.
    tell(&mut sentinel, "SENTINEL SET game quorum 2").await;
    let looked = look::<Redis>(parameters.clone()).await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.no-quorum"], "{:?}", looked.findings);
    tell(&mut sentinel, "SENTINEL SET game down-after-milliseconds 200").await;
    let stopped = Stopped::new("redis");
    check_until(&parameters, Outcome::Fail, "redis.master-down").await;
    drop(stopped);
    tell(&mut sentinel, "SENTINEL SET game down-after-milliseconds 60000").await;
    tell(&mut sentinel, "SENTINEL SET game quorum 1").await;
    content(&parameters).await;
    check_until(&parameters, Outcome::Pass, "redis.ok").await;
}

#[tokio::test]
async fn every_node_is_looked_at_apart_and_then_all_together() {
    let _turn = turn().await;
    let nodes = json!([url("LAB_REPLICA"), open_url("LAB_SENTINEL")]);
    let parameters =
        json!({"url": url("LAB_REDIS"), "nodes": nodes, "demand": {"connections": 80}});
    let looked = look::<Redis>(parameters).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    for target in ["LAB_REDIS", "LAB_REPLICA", "LAB_SENTINEL"].map(lab) {
        assert!(looked.findings.iter().any(|it| it.target == target), "{:?}", looked.findings);
    }
    // One that is gone hides nothing of the others.
    let nodes = json!([url("LAB_REPLICA"), open_url("LAB_CLOSED")]);
    let looked = look::<Redis>(json!({"url": url("LAB_REDIS"), "nodes": nodes})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.refused"], "{:?}", looked.findings);
    let refused = looked.findings.iter().find(|it| it.outcome == Outcome::Fail).expect("one");
    assert_eq!(refused.target, lab("LAB_CLOSED"));
}

#[tokio::test]
async fn a_cluster_is_asked_whether_all_of_it_was_looked_at() {
    let _turn = turn().await;
    let node = |name: &str| open_url(name);
    let all = json!([node("LAB_REDIS_B"), node("LAB_REDIS_C")]);
    let looked = look::<Redis>(json!({"url": node("LAB_REDIS_A"), "nodes": all})).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let some = json!([node("LAB_REDIS_B")]);
    let looked = look::<Redis>(json!({"url": node("LAB_REDIS_A"), "nodes": some})).await;
    assert_eq!(looked.codes(Outcome::Warn), ["redis.unnamed-node"], "{:?}", looked.findings);
}

#[tokio::test]
async fn sentinels_that_mean_another_primary_split_the_clients() {
    let _turn = turn().await;
    let mut sentinel = connect(&open_url("LAB_SENTINEL")).await;
    let replica = lab("LAB_REPLICA_PORT");
    tell(&mut sentinel, &format!("SENTINEL MONITOR other 127.0.0.1 {replica} 1")).await;
    tell(&mut sentinel, &format!("SENTINEL SET other auth-pass {}", secret("redis"))).await;
    let nodes = json!([url("LAB_REPLICA"), open_url("LAB_SENTINEL")]);
    let looked = look::<Redis>(json!({"url": url("LAB_REDIS"), "nodes": nodes})).await;
    tell(&mut sentinel, "SENTINEL REMOVE other").await;
    assert!(looked.codes(Outcome::Fail).contains(&"redis.split-view"), "{:?}", looked.findings);
    let split = looked.findings.iter().find(|it| it.code == "redis.split-view").expect("one");
    assert_eq!(split.target, lab("LAB_REPLICA"));
}

#[tokio::test]
async fn writes_that_only_memory_has_are_told_where_that_matters() {
    let _turn = turn().await;
    let mut owner = connect(&all_powerful("LAB_REDIS")).await;
    tell(&mut owner, "SET unsaved 1").await;
    let parameters = json!({"url": url("LAB_REDIS"), "max_unsaved": "1ms"});
    let looked = check_until(&parameters, Outcome::Fail, "redis.unsaved").await;
    assert!(report(&looked).unsaved.is_some_and(|unsaved| unsaved >= 1));
    let parameters = json!({"url": url("LAB_REDIS"), "max_unsaved": "1h"});
    assert_eq!(look::<Redis>(parameters).await.outcome(), Outcome::Pass);
    tell(&mut owner, "DEL unsaved").await;
}

#[tokio::test]
async fn pings_are_judged_where_the_check_says_how_long_they_may_take() {
    let _turn = turn().await;
    let parameters = json!({"url": url("LAB_REDIS"), "max_ping": "1s"});
    assert_eq!(look::<Redis>(parameters).await.outcome(), Outcome::Pass);
    let parameters = json!({"url": url("LAB_REDIS"), "max_ping": "0.001ms"});
    let looked = look::<Redis>(parameters).await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.latency"], "{:?}", looked.findings);
}

#[tokio::test]
async fn hot_keys_are_read_where_the_policy_notes_uses_and_nowhere_else() {
    let _turn = turn().await;
    let mut node = connect(&open_url("LAB_REDIS_C")).await;
    let check = json!({"url": open_url("LAB_REDIS_C"), "hot_keys": {}});
    let looked = look::<Redis>(check.clone()).await;
    assert_eq!(looked.codes(Outcome::NotApplicable), ["redis.hot-key"], "{:?}", looked.findings);
    // Whatever happens below, the node is as it was afterwards.
    tell(&mut node, "CONFIG SET maxmemory-policy allkeys-lfu").await;
    // Each use counts, instead of about the logarithm of them.
    tell(&mut node, "CONFIG SET lfu-log-factor 0").await;
    // Both keys are in the node's part of the cluster, by their braces (slot 15495).
    tell(&mut node, "SET {a}:cold 1").await;
    tell(&mut node, "SET {a}:hot 1").await;
    let cold = look::<Redis>(check.clone()).await;
    for _ in 0..200 {
        tell(&mut node, "GET {a}:hot").await;
    }
    let hot = look::<Redis>(check).await;
    for command in [
        "DEL {a}:hot {a}:cold",
        "CONFIG SET lfu-log-factor 10",
        "CONFIG SET maxmemory-policy noeviction",
    ] {
        tell(&mut node, command).await;
    }
    assert!(
        cold.findings.iter().any(|it| it.message.starts_with("no hot key; ")),
        "{:?}",
        cold.findings
    );
    assert!(!cold.codes(Outcome::Warn).contains(&"redis.hot-key"));
    let hot = hot.findings.iter().find(|it| it.code == "redis.hot-key").expect("it is seen");
    assert_eq!(hot.outcome, Outcome::Warn);
    assert!(hot.message.starts_with("{a}:hot has a use of "), "{}", hot.message);
    assert!(hot.message.ends_with("(2 keys)"), "{}", hot.message);
}
