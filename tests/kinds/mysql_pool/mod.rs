//! `mysql_pool` against the lab's MariaDB: thirty connections, one account with two.

mod cleanup;
mod likeness;
mod proxies;
mod ramp;

use std::path::{Path, PathBuf};
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::net::mysql::{Door, Found, Opened, Session};
use gonogo::probe::mysql_pool::{Inside, Login, MysqlPool, Server};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::support::{Looked, lab, look};

const LIMIT: Duration = Duration::from_secs(5);

/// The server has few connections: tests that use or count them take turns.
async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

fn secret(account: &str) -> String {
    std::fs::read_to_string(PathBuf::from(lab("LAB_SECRETS")).join(account)).expect("a secret")
}

fn url(account: &str, rest: &str) -> String {
    format!("mysql://{account}:{}@{}/{rest}", secret(account), lab("LAB_MYSQL"))
}

async fn open(account: &str) -> Session {
    open_as(account, "game-server").await
}

/// Opens a session that calls itself something.
async fn open_as(account: &str, application: &str) -> Session {
    let url = url(account, "game").parse().expect("a good URL");
    let found = Door::find(&url, application, Path::new("/"), LIMIT).await.expect("an address");
    let Found::Door(door) = found else { panic!("no address") };
    match door.open(LIMIT).await.expect("an answer") {
        Opened::Open(session) => *session,
        Opened::No(refusal) => panic!("{account}: {refusal}"),
    }
}

/// Runs a statement, and returns the first value of the first row.
async fn ask(session: &mut Session, sql: &str) -> Option<String> {
    let rows = session.ask(sql, sql, LIMIT).await.expect("an answer").expect(sql);
    rows.into_iter().next()?.into_iter().next()?
}

async fn close(sessions: Vec<Session>) {
    for session in sessions {
        session.close(LIMIT).await;
    }
}

/// Waits until an account has so many sessions; one that ends takes a moment.
async fn wait_for(dba: &mut Session, account: &str, sessions: &str) {
    let sql =
        format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{account}'");
    for _ in 0..1000 {
        if ask(dba, &sql).await.as_deref() == Some(sessions) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{account} never has {sessions} sessions");
}

/// The server as whoever may do everything sees it, alone and with its marks wiped.
async fn alone() -> Session {
    let mut dba = open("dba").await;
    let sql = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() \
               AND USER IN ('gonogo', 'plain', 'limited', 'app', 'dba')";
    for _ in 0..500 {
        if ask(&mut dba, sql).await.as_deref() == Some("0") {
            ask(&mut dba, "FLUSH STATUS").await;
            return dba;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("there are still other sessions");
}

fn inside(looked: &Looked<MysqlPool>) -> &Inside {
    match &looked.seen.as_ref().expect("no fault").login {
        Login::In(inside) => inside,
        Login::Refused(refusal) => panic!("{refusal}"),
    }
}

fn server(looked: &Looked<MysqlPool>) -> &Server {
    inside(looked).server.seen().expect("limits")
}

async fn check(account: &str, parameters: Value) -> Looked<MysqlPool> {
    let mut parameters = parameters;
    parameters["url"] = url(account, "game").into();
    look::<MysqlPool>(parameters).await
}

#[tokio::test]
async fn a_server_with_room_passes_however_it_is_reached() {
    let _turn = turn().await;
    close(vec![alone().await]).await;
    let ca = lab("LAB_CA");
    let socket = lab("LAB_MYSQL_SOCKET").replace('/', "%2F");
    for (url, tls) in [
        (url("gonogo", &format!("game?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}")), true),
        (url("gonogo", &format!("game?ssl-mode=VERIFY_CA&ssl-ca={ca}")), true),
        (url("gonogo", "game?ssl-mode=DISABLED"), false),
        (url("gonogo", "?ssl-mode=REQUIRED"), true),
        (url("gonogo", "game").replace("127.0.0.1", "[::1]"), true),
        (url("gonogo", "game").replace("127.0.0.1", "localhost"), true),
        (format!("mariadb://gonogo:{}@/game?socket={socket}", secret("gonogo")), false),
    ] {
        let demand = json!({"connections": 24, "lifetime": "5m"});
        let looked = look::<MysqlPool>(json!({"url": url, "demand": demand})).await;
        assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
        let server = server(&looked);
        assert_eq!((server.max_connections, server.wait_timeout), (30, 600));
        assert_eq!(inside(&looked).greeting.tls, tls);
        assert!(inside(&looked).greeting.version.contains("MariaDB"));
    }
}

#[tokio::test]
async fn the_servers_no_is_told_apart_by_its_code() {
    let _turn = turn().await;
    let wrong = format!("mysql://gonogo:wrong@{}/game", lab("LAB_MYSQL"));
    let other_root = format!("game?ssl-mode=VERIFY_CA&ssl-ca={}/oldroot.pem", lab("LAB_PKI"));
    for (url, code) in [
        (wrong, "bad-password"),
        (url("dba", "nowhere"), "no-database"),
        // Whoever may not know is not told.
        (url("gonogo", "nowhere"), "login-denied"),
        (url("gonogo", &other_root), "tls-untrusted"),
        (format!("mysql://u@/game?socket={}/none", lab("LAB_DIR")), "refused"),
    ] {
        let looked = look::<MysqlPool>(json!({"url": url})).await;
        let code = format!("mysql_pool.{code}");
        assert_eq!(looked.codes(Outcome::Fail), [code], "{:?}", looked.findings);
        assert_eq!(looked.findings.len(), 1);
    }
}

#[tokio::test]
async fn a_full_server_and_the_mark_it_bears_are_told_apart() {
    let _turn = turn().await;
    let mut dba = alone().await;
    let mut held = Vec::new();
    for _ in 0..27 {
        held.push(open("app").await);
    }
    let looked = check("gonogo", json!({})).await;
    assert_eq!(
        looked.codes(Outcome::Warn),
        ["mysql_pool.nearly-full", "mysql_pool.peaked"],
        "{:?}",
        looked.findings
    );
    assert_eq!((server(&looked).used, server(&looked).most_used), (28, 29));
    let looked = check("gonogo", json!({"max_used": "80%"})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["mysql_pool.nearly-full"]);

    held.push(open("app").await);
    held.push(open("app").await);
    let full = check("gonogo", json!({})).await;
    assert_eq!(full.codes(Outcome::Fail), ["mysql_pool.full"], "{:?}", full.findings);
    // Whoever is a superuser gets the one that is kept, which shows what is the matter.
    let looked = check("dba", json!({})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["mysql_pool.full"], "{:?}", looked.findings);
    close(held).await;
    let looked = check("gonogo", json!({})).await;
    let peaked = looked.findings.iter().find(|it| it.code == "mysql_pool.peaked");
    let message = &peaked.expect("the mark").message;
    assert!(message.contains("31 of 30") && message.contains("turned away"), "{message}");
    ask(&mut dba, "FLUSH STATUS").await;
    close(vec![dba]).await;
}

#[tokio::test]
async fn the_limit_of_an_account_is_not_the_servers() {
    let _turn = turn().await;
    let dba = alone().await;
    let looked = check("limited", json!({"demand": {"connections": 3}})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["mysql_pool.user-limit"], "{:?}", looked.findings);
    assert_eq!(server(&looked).user_limit, Some(2));
    let held = vec![open("limited").await, open("limited").await];
    let looked = check("limited", json!({})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["mysql_pool.user-limit"], "{:?}", looked.findings);
    assert!(matches!(looked.seen.as_ref().expect("seen").login, Login::Refused(_)));
    close(held).await;
    close(vec![dba]).await;
}

#[tokio::test]
async fn demands_are_compared_with_what_the_server_has() {
    let _turn = turn().await;
    close(vec![alone().await]).await;
    for (demand, code) in [
        (json!({"connections": 25}), "over-budget"),
        (json!({"replicas": 4, "pool_max": 6}), "over-budget"),
        (json!({"connections": 20, "rate": 210, "hold": "100ms"}), "pool-too-small"),
        // wait_timeout is ten minutes.
        (json!({"connections": 20, "lifetime": "30m"}), "lifetime-too-long"),
    ] {
        let looked = check("gonogo", json!({"demand": demand})).await;
        assert_eq!(looked.codes(Outcome::Fail), [format!("mysql_pool.{code}")], "{demand}");
    }
    let path = json!({"demand": {"connections": 20, "idle": "5m"}, "path_idle": "350s"});
    assert_eq!(check("gonogo", path).await.outcome(), Outcome::Pass);
    let path = json!({"demand": {"connections": 20, "idle": "6m"}, "path_idle": "350s"});
    assert_eq!(check("gonogo", path).await.codes(Outcome::Fail), ["mysql_pool.lifetime-too-long"]);
}

#[tokio::test]
async fn without_the_privilege_others_transactions_are_unknown() {
    let _turn = turn().await;
    let mut leak = open("app").await;
    ask(&mut leak, "BEGIN").await;
    ask(&mut leak, "SELECT gold FROM players WHERE id = 1 FOR UPDATE").await;
    let looked = check("plain", json!({})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.denied"], "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Pass), ["mysql_pool.ok"]);
    let denied = looked.findings.iter().find(|it| it.code == "gonogo.denied").expect("denied");
    assert!(denied.message.contains("PROCESS"), "{}", denied.message);
    close(vec![leak]).await;
}

#[tokio::test]
async fn a_forgotten_transaction_and_who_waits_behind_it_are_named() {
    let _turn = turn().await;
    let mut leak = open("app").await;
    ask(&mut leak, "BEGIN").await;
    ask(&mut leak, "UPDATE players SET gold = gold + 1 WHERE id = 1").await;
    let mut behind = open("app").await;
    let waiting = async {
        let sql = "UPDATE players SET gold = gold + 1 WHERE id = 1";
        behind.ask("waiting", sql, Duration::from_secs(30)).await.expect("an answer").expect("ok");
    };
    let looking = async {
        loop {
            let looked = check("gonogo", json!({"max_idle_in_transaction": "1s"})).await;
            let activity = inside(&looked).activity.as_ref().and_then(|it| it.seen());
            let activity = activity.expect("activity");
            let waits = activity.lock_waits.iter().any(|it| it.user == "app");
            if looked.codes(Outcome::Fail) == ["mysql_pool.idle-in-transaction"] && waits {
                let failed = looked.findings.iter().find(|it| it.outcome == Outcome::Fail);
                let message = &failed.expect("one").message;
                assert!(message.contains("app from 127.0.0.1"), "{message}");
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ask(&mut leak, "ROLLBACK").await;
    };
    tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(waiting, looking) })
        .await
        .expect("both are seen");
    close(vec![leak, behind]).await;
}

#[tokio::test]
async fn a_transaction_is_as_old_as_it_is_in_every_time_zone() {
    let _turn = turn().await;
    let mut dba = alone().await;
    let mut leak = open("app").await;
    ask(&mut leak, "BEGIN").await;
    ask(&mut leak, "UPDATE players SET gold = gold + 1 WHERE id = 1").await;
    // By now it is two seconds old at least, and no hours.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut all = Vec::new();
    for zone in ["+05:00", "-05:00", "SYSTEM"] {
        ask(&mut dba, &format!("SET GLOBAL time_zone = '{zone}'")).await;
        all.push(check("gonogo", json!({})).await);
    }
    ask(&mut leak, "ROLLBACK").await;
    close(vec![leak, dba]).await;
    for looked in all {
        let activity = inside(&looked).activity.as_ref().and_then(|it| it.seen());
        let idle = activity.expect("activity").idle_in_transaction.first().expect("one");
        assert!((2..600).contains(&idle.seconds), "{idle:?}");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_told() {
    let _turn = turn().await;
    let mut dba = alone().await;
    ask(&mut dba, "SET GLOBAL read_only = 1").await;
    let looked = check("gonogo", json!({})).await;
    ask(&mut dba, "SET GLOBAL read_only = 0").await;
    assert_eq!(looked.codes(Outcome::Warn), ["mysql_pool.read-only"], "{:?}", looked.findings);
    close(vec![dba]).await;
}

#[tokio::test]
async fn a_plugin_that_is_not_known_here_is_named() {
    let looked = check("sealed", json!({})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.answer-unreadable"]);
    let message = &looked.findings[0].message;
    assert!(message.contains("client_ed25519"), "{message}");
}

#[tokio::test]
async fn a_look_is_never_an_aborted_connection() {
    let _turn = turn().await;
    let mut dba = alone().await;
    let aborted = "SELECT SUM(VARIABLE_VALUE) FROM information_schema.GLOBAL_STATUS WHERE \
                   VARIABLE_NAME IN ('ABORTED_CLIENTS', 'ABORTED_CONNECTS')";
    for _ in 0..3 {
        check("gonogo", json!({})).await;
    }
    wait_for(&mut dba, "gonogo", "0").await;
    assert_eq!(ask(&mut dba, aborted).await.as_deref(), Some("0"));
    close(vec![dba]).await;
}

#[tokio::test]
async fn the_password_is_in_nothing_that_is_kept() {
    let _turn = turn().await;
    for url in [url("gonogo", "game"), url("gonogo", "nowhere")] {
        let probe: MysqlPool = serde_json::from_value(json!({"url": url})).expect("good");
        let looked = look::<MysqlPool>(json!({"url": url})).await;
        let all = format!(
            "{probe:?} {} {} {:?}",
            serde_json::to_string(&probe).expect("JSON"),
            serde_json::to_string(&looked.seen).expect("JSON"),
            looked.findings
        );
        assert!(!all.contains(&secret("gonogo")), "{all}");
    }
}
