//! `postgres_pool` against the lab's PostgreSQL and PgBouncer.

mod cleanup;
mod judged;
mod liars;
mod pooler;
mod ramp;
mod services;

use std::path::{Path, PathBuf};
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::net::postgres::{Door, Found, Opened, PgUrl, Session};
use gonogo::probe::ProbeCx;
use gonogo::probe::postgres_pool::{Counted, Inside, Login, PostgresPool};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};

use crate::support::{Looked, context, lab, look, look_in};

/// The lab's servers have few slots: tests that use or count them take turns.
async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

fn secret(role: &str) -> String {
    std::fs::read_to_string(PathBuf::from(lab("LAB_SECRETS")).join(role)).expect("a secret")
}

/// A URL of the lab: `server` is a key of lab.env.
fn url(server: &str, role: &str, rest: &str) -> String {
    format!("postgres://{role}:{}@{}/{rest}", secret(role), lab(server))
}

/// The superuser's URL, by the unix socket.
fn superuser() -> String {
    let (dir, port) = (lab("LAB_PG_SOCKET_DIR"), lab("LAB_PG_PORT"));
    format!("postgres://postgres@:{port}/game?host={dir}")
}

/// Opens a session to hold.
async fn open(url: &str) -> Session {
    open_as(url, "game-server").await
}

/// Opens a session that calls itself something.
async fn open_as(url: &str, application: &str) -> Session {
    let url: PgUrl = url.parse().expect("a good URL");
    let limit = Duration::from_secs(5);
    let found = Door::find(&url, application, Path::new("/"), limit).await.expect("an address");
    let Found::Door(door) = found else { panic!("no address") };
    match door.open(limit).await.expect("a login") {
        Opened::Open(session) => *session,
        Opened::No(refusal) => panic!("{refusal}"),
    }
}

async fn ask(session: &mut Session, sql: &str) -> Option<String> {
    let tables = session.ask("the test", sql, Duration::from_secs(5)).await.expect(sql);
    let row = tables.first()?.rows().next()?;
    row.text("it").map(ToOwned::to_owned)
}

async fn close(sessions: Vec<Session>) {
    for session in sessions {
        session.close(Duration::from_secs(1)).await;
    }
}

/// Waits until the server has this many sessions of a kind.
async fn wait_for_sessions(watch: &mut Session, which: &str, left: u32) {
    let sql = format!("SELECT count(*) AS it FROM pg_stat_activity WHERE {which}");
    for _ in 0..500 {
        if ask(watch, &sql).await == Some(left.to_string()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("there are still other sessions where {which}");
}

fn inside(looked: &Looked<PostgresPool>) -> &Inside {
    match &looked.seen.as_ref().expect("no fault").login {
        Login::In(inside) => inside,
        Login::Refused { refusal, .. } => panic!("{refusal}"),
        Login::Stuck { fault, .. } => panic!("{fault}"),
    }
}

#[tokio::test]
async fn a_server_with_room_passes_however_it_is_reached() {
    let _turn = turn().await;
    let ca = lab("LAB_CA");
    for url in [
        url("LAB_PG", "gonogo", &format!("game?sslmode=verify-full&sslrootcert={ca}")),
        url("LAB_PG", "gonogo", "game?sslmode=disable"),
        url("LAB_PG", "gonogo", "game?sslmode=require&channel_binding=require"),
        url("LAB_PG", "gonogo", "game?sslmode=allow"),
        url("LAB_PG6", "gonogo", &format!("game?sslmode=verify-full&sslrootcert={ca}")),
        url("LAB_PG", "gonogo", "game").replace("127.0.0.1", "localhost"),
        superuser(),
    ] {
        let looked = look::<PostgresPool>(json!({"url": url, "demand": {"connections": 13}})).await;
        assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
        let inside = inside(&looked);
        let server = inside.server.seen().expect("limits");
        assert_eq!((server.ordinary(), server.max_connections), (17, 20));
        assert_eq!(server.settings.get("statement_timeout").map(String::as_str), Some("0"));
        assert_eq!(
            inside.greeting.tls.is_some(),
            !url.contains("disable") && !url.contains("allow") && !url.contains("host=")
        );
        assert_eq!(looked.findings.len(), 3, "slots, budget, activity: {:?}", looked.findings);
    }
}

#[tokio::test]
async fn a_demand_beyond_the_headroom_fails() {
    let _turn = turn().await;
    let url = url("LAB_PG", "gonogo", "game");
    // 17 ordinary slots less a fifth, rounded up, are 13.
    for (demand, code) in [
        (json!({"connections": 14}), "postgres_pool.over-budget"),
        (json!({"replicas": 3, "pool_max": 4}), "postgres_pool.over-budget"),
    ] {
        let looked = look::<PostgresPool>(json!({"url": url, "demand": demand})).await;
        assert_eq!(looked.codes(Outcome::Fail), [code], "{demand}");
    }
    let demand = json!({"url": url, "demand": {"connections": 17}, "headroom": "0%"});
    assert_eq!(look::<PostgresPool>(demand).await.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn ask_20_slots_in_use_are_counted_without_the_reserved_ones() {
    let _turn = turn().await;
    let url = url("LAB_PGFULL", "gonogo", "game");
    let looked = look::<PostgresPool>(json!({"url": url})).await;
    assert_eq!(looked.codes(Outcome::Warn), ["postgres_pool.nearly-full"], "{:?}", looked.findings);
    let looked = look::<PostgresPool>(json!({"url": url, "max_used": "60%"})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.nearly-full"]);
    let looked = look::<PostgresPool>(json!({"url": url, "max_used": "90%"})).await;
    assert_eq!(looked.outcome(), Outcome::Pass);

    // A superuser gets in whatever happens, and takes the last of the slots that all share.
    let (dir, port) = (lab("LAB_PGFULL_SOCKET_DIR"), lab("LAB_PGFULL_PORT"));
    let last = open(&format!("postgres://postgres@:{port}/game?host={dir}")).await;
    let full = look::<PostgresPool>(json!({"url": url})).await;
    assert_eq!(full.codes(Outcome::Fail), ["postgres_pool.full"]);
    close(vec![last]).await;
    // The next test finds the slot free again.
    let looking = async {
        while look::<PostgresPool>(json!({"url": url})).await.outcome() == Outcome::Fail {}
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("the slot is free again");
}

#[tokio::test]
async fn the_limit_of_a_role_is_not_the_servers() {
    let _turn = turn().await;
    let url = url("LAB_PG", "limited", "game");
    let looked = look::<PostgresPool>(json!({"url": url, "demand": {"connections": 3}})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.role-limit"], "{:?}", looked.findings);

    let mut watch = open(&superuser()).await;
    wait_for_sessions(&mut watch, "usename = 'limited'", 0).await;
    let mut held = vec![open(&url).await, open(&url).await];
    let looked = look::<PostgresPool>(json!({"url": url})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.role-limit"], "{:?}", looked.findings);

    // By hand the limit is seen as well.
    let probe: PostgresPool = serde_json::from_value(json!({"url": url})).expect("good");
    let by_hand = gonogo::probe::Probe::reproduce(&probe, looked.seen.as_ref());
    let limits = by_hand.iter().find(|line| line.contains("rolconnlimit")).expect("a command");
    let sql = limits.split('"').nth(1).expect("a statement");
    let sql = sql.replace("rolconnlimit", "rolconnlimit AS it");
    assert_eq!(ask(&mut held[0], &sql).await.as_deref(), Some("2"));
    close(held).await;
    wait_for_sessions(&mut watch, "usename = 'limited'", 0).await;
    close(vec![watch]).await;
}

#[tokio::test]
async fn the_limit_of_a_database_is_not_the_servers() {
    let _turn = turn().await;
    let mut watch = open(&superuser()).await;
    ask(&mut watch, "DROP DATABASE IF EXISTS tiny WITH (FORCE)").await;
    ask(&mut watch, "CREATE DATABASE tiny CONNECTION LIMIT 1").await;

    let url = url("LAB_PG", "gonogo", "tiny");
    let looked = look::<PostgresPool>(json!({"url": url, "demand": {"connections": 2}})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.database-limit"]);

    wait_for_sessions(&mut watch, "datname = 'tiny'", 0).await;
    let held = open(&self::url("LAB_PG", "app", "tiny")).await;
    let looked = look::<PostgresPool>(json!({"url": url})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.database-limit"]);
    // The other databases of the server let the role in, and know the limit.
    let seen = looked.seen.expect("no fault");
    let Login::Refused { elsewhere: Some(elsewhere), .. } = seen.login else {
        panic!("nothing was seen elsewhere: {:?}", seen.login)
    };
    let database = elsewhere.server.seen().and_then(|server| server.database.clone());
    assert_eq!(database.map(|it| (it.limit, it.used)), Some((Some(1), 1)));
    close(vec![held]).await;
    ask(&mut watch, "DROP DATABASE tiny WITH (FORCE)").await;
    close(vec![watch]).await;
}

#[tokio::test]
async fn ask_20_a_role_without_the_privilege_sees_slots_but_no_sessions() {
    let _turn = turn().await;
    let mut leak = open(&url("LAB_PG", "app", "game")).await;
    ask(&mut leak, "BEGIN").await;
    let url = url("LAB_PG", "plain", "game");
    let looked = look::<PostgresPool>(json!({"url": url})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.denied"], "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Pass), ["postgres_pool.ok"]);
    let denied = looked.findings.iter().find(|it| it.code == "gonogo.denied").expect("denied");
    assert!(denied.message.contains("GRANT pg_monitor TO plain"), "{}", denied.message);
    let usage = inside(&looked).usage.as_ref().and_then(|it| it.seen()).expect("counted");
    assert!(usage.used >= 1 && usage.counted == Counted::AtMost, "{usage:?}");
    close(vec![leak]).await;
}

#[tokio::test]
async fn the_servers_no_is_told_apart_by_its_code() {
    let _turn = turn().await;
    let mut watch = open(&superuser()).await;
    ask(&mut watch, "DROP ROLE IF EXISTS locked").await;
    ask(&mut watch, "CREATE ROLE locked NOLOGIN PASSWORD 'x'").await;
    let closed = format!("postgres://u:p@{}/game", lab("LAB_CLOSED"));
    let wrong = format!("postgres://gonogo:wrong@{}/game", lab("LAB_PG"));
    let ca = lab("LAB_CA");
    let other_name = format!(
        "postgres://gonogo:x@db.example:{}/game?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={ca}",
        lab("LAB_PG_PORT")
    );
    let other_root = format!("game?sslmode=verify-ca&sslrootcert={}/oldroot.pem", lab("LAB_PKI"));
    let no_socket = "postgres://u@/game?host=/nonexistent".to_owned();
    for (url, code) in [
        (closed, "postgres_pool.refused"),
        (no_socket, "postgres_pool.refused"),
        (wrong, "postgres_pool.bad-password"),
        (url("LAB_PGSTARTING", "gonogo", "game"), "postgres_pool.starting-up"),
        (url("LAB_PG", "gonogo", "nowhere"), "postgres_pool.no-database"),
        (format!("postgres://locked:x@{}/game", lab("LAB_PG")), "postgres_pool.login-denied"),
        (other_name, "postgres_pool.tls-untrusted"),
        (url("LAB_PG", "gonogo", &other_root), "postgres_pool.tls-untrusted"),
    ] {
        let looked = look::<PostgresPool>(json!({"url": url})).await;
        assert_eq!(looked.codes(Outcome::Fail), [code], "{:?}", looked.findings);
        assert_eq!(looked.findings.len(), 1);
    }
    ask(&mut watch, "DROP ROLE locked").await;
    close(vec![watch]).await;
}

#[tokio::test]
async fn the_name_does_not_matter_to_verify_ca() {
    let _turn = turn().await;
    let url = format!(
        "postgres://gonogo:{}@db.example:{}/game?hostaddr=127.0.0.1&sslmode=verify-ca&sslrootcert={}",
        secret("gonogo"),
        lab("LAB_PG_PORT"),
        lab("LAB_CA")
    );
    assert_eq!(look::<PostgresPool>(json!({"url": url})).await.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn the_kind_of_server_must_be_the_one_meant() {
    let _turn = turn().await;
    let read_only = "options=-c%20default_transaction_read_only%3Don";
    for (rest, outcome, code) in [
        (read_only.to_owned(), Outcome::Warn, "postgres_pool.read-only"),
        (
            format!("{read_only}&target_session_attrs=read-write"),
            Outcome::Fail,
            "postgres_pool.read-only",
        ),
        ("target_session_attrs=standby".to_owned(), Outcome::Fail, "postgres_pool.writable"),
        ("target_session_attrs=read-only".to_owned(), Outcome::Fail, "postgres_pool.writable"),
    ] {
        let url = url("LAB_PG", "gonogo", &format!("game?{rest}"));
        let looked = look::<PostgresPool>(json!({"url": url})).await;
        assert_eq!(looked.codes(outcome), [code], "{rest}");
    }
}

#[tokio::test]
async fn a_forgotten_transaction_is_named() {
    let _turn = turn().await;
    let mut leak = open(&url("LAB_PG", "app", "game")).await;
    ask(&mut leak, "BEGIN").await;
    let url = url("LAB_PG", "gonogo", "game");
    let parameters = json!({"url": url, "max_idle_in_transaction": "1ms"});
    let looked = look::<PostgresPool>(parameters).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.idle-in-transaction"]);
    let finding = looked.findings.iter().find(|it| it.outcome == Outcome::Fail).expect("one");
    assert!(finding.message.contains("game-server as app from 127.0.0.1"), "{}", finding.message);
    let activity = inside(&looked).activity.as_ref().and_then(|it| it.seen()).expect("activity");
    assert!(activity.transactions.longest.iter().any(|it| it.application == "game-server"));
    // A young one is none of anybody's business.
    assert_eq!(look::<PostgresPool>(json!({"url": url})).await.outcome(), Outcome::Pass);
    close(vec![leak]).await;
}

#[tokio::test]
async fn who_waits_for_a_lock_is_seen_with_who_holds_it() {
    let _turn = turn().await;
    let (mut holder, mut waiter) =
        (open(&url("LAB_PG", "app", "game")).await, open(&url("LAB_PG", "app", "game")).await);
    let pid =
        ask(&mut holder, "BEGIN; SELECT pg_backend_pid() AS it, pg_advisory_xact_lock(42)").await;
    let waiting = async {
        let limit = Duration::from_secs(20);
        waiter.ask("waiting", "SELECT pg_advisory_xact_lock(42)", limit).await.expect("the lock");
    };
    let looking = async {
        let url = url("LAB_PG", "gonogo", "game");
        loop {
            let looked = look::<PostgresPool>(json!({"url": url})).await;
            let activity = inside(&looked).activity.clone().and_then(|it| it.seen().cloned());
            let waits = activity.expect("activity").lock_waits;
            if waits.count == 1 {
                assert_eq!(
                    waits.longest[0].blocked_by,
                    format!("{{{}}}", pid.as_deref().expect("a pid"))
                );
                break;
            }
        }
        ask(&mut holder, "COMMIT").await;
    };
    tokio::time::timeout(Duration::from_secs(15), async { tokio::join!(waiting, looking) })
        .await
        .expect("the wait is seen");
    close(vec![holder, waiter]).await;
}

#[tokio::test]
async fn a_wait_for_a_lock_begins_with_the_wait_and_not_with_the_statement() {
    let _turn = turn().await;
    let app = url("LAB_PG", "app", "game");
    let (mut holder, mut waiter) = (open(&app).await, open(&app).await);
    ask(&mut holder, "BEGIN; SELECT pg_advisory_xact_lock(44)").await;
    let waiting = async {
        let sql = "SELECT pg_sleep(3), pg_advisory_xact_lock(44)";
        waiter.ask("waiting", sql, Duration::from_secs(20)).await.expect("the lock");
    };
    let looking = async {
        let check = json!({"url": url("LAB_PG", "gonogo", "game"), "max_lock_wait": "3s"});
        let looked = loop {
            let looked = look::<PostgresPool>(check.clone()).await;
            let activity = inside(&looked).activity.as_ref().and_then(|it| it.seen());
            if activity.expect("activity").lock_waits.count == 1 {
                break looked;
            }
        };
        ask(&mut holder, "COMMIT").await;
        assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    };
    tokio::time::timeout(Duration::from_secs(15), async { tokio::join!(waiting, looking) })
        .await
        .expect("the wait is seen");
    close(vec![holder, waiter]).await;
}

#[tokio::test]
async fn a_pile_behind_one_lock_is_told_from_one_that_waits() {
    let _turn = turn().await;
    let app = url("LAB_PG", "app", "game");
    let mut head = open(&app).await;
    let pid =
        ask(&mut head, "BEGIN; SELECT pg_backend_pid() AS it, pg_advisory_xact_lock(43)").await;
    let head_at = format!("behind pid {} (game-server as app", pid.expect("a pid"));
    let mut waiters = vec![open(&app).await, open(&app).await, open(&app).await];
    let mut waiting: Vec<_> = waiters
        .iter_mut()
        .map(|it| {
            let limit = Duration::from_secs(30);
            Box::pin(it.ask("waiting", "SELECT pg_advisory_xact_lock(43)", limit))
        })
        .collect();
    let check = json!({"url": url("LAB_PG", "gonogo", "game"), "max_lock_wait": "200ms"});
    for (waits, code) in [(1, "postgres_pool.lock-wait"), (3, "postgres_pool.lock-pile-up")] {
        let looking = async {
            loop {
                let looked = look::<PostgresPool>(check.clone()).await;
                let failed = looked.findings.iter().find(|it| it.outcome == Outcome::Fail);
                // The wait is as long as it must be for a verdict, and no longer.
                if let Some(failed) = failed.filter(|it| it.code == code) {
                    return failed.message.clone();
                }
            }
        };
        let all = futures_util::future::join_all(&mut waiting[..waits]);
        let message = tokio::select! {
            message = looking => message,
            _ = all => panic!("nobody holds the lock"),
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("{code} is not seen"),
        };
        assert_eq!(message.contains(&head_at), waits == 3, "{message}");
    }
    ask(&mut head, "COMMIT").await;
    for waited in futures_util::future::join_all(waiting).await {
        waited.expect("the lock");
    }
    // Afterwards the same check is content.
    assert_eq!(look::<PostgresPool>(check).await.outcome(), Outcome::Pass);
    close(waiters.into_iter().chain([head]).collect()).await;
}

#[tokio::test]
async fn sessions_without_a_state_are_not_taken_for_idle() {
    let _turn = turn().await;
    let quiet = open(&format!("{}&options=-c%20track_activities%3Doff", superuser())).await;
    let looked = look::<PostgresPool>(json!({"url": url("LAB_PG", "gonogo", "game")})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["postgres_pool.untracked"]);
    close(vec![quiet]).await;
}

#[tokio::test]
async fn a_missing_password_is_a_missing_secret() {
    let url = format!("postgres://gonogo@{}/game", lab("LAB_PG"));
    let looked = look::<PostgresPool>(json!({"url": url})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.secret-missing"]);
}

#[tokio::test]
async fn the_highest_use_is_asked_of_a_prometheus() {
    let _turn = turn().await;
    let check = |query: &str| {
        let peak = json!({"prometheus": lab("LAB_PROMETHEUS"), "query": query});
        json!({"url": url("LAB_PG", "gonogo", "game"), "peak": peak})
    };
    for (query, outcome, code) in [
        ("vector(13)", Outcome::Pass, "postgres_pool.ok"),
        ("scalar(vector(13))", Outcome::Pass, "postgres_pool.ok"),
        ("vector(14)", Outcome::Warn, "postgres_pool.peaked"),
        ("absent_of_it", Outcome::Unknown, "gonogo.answer-unreadable"),
        ("vector(0) / 0", Outcome::Unknown, "gonogo.answer-unreadable"),
        (
            "label_replace(vector(1), 'a', 'b', '', '') or vector(2)",
            Outcome::Unknown,
            "gonogo.answer-unreadable",
        ),
        ("max_over_time(", Outcome::Unknown, "gonogo.answer-unreadable"),
    ] {
        let looked = look::<PostgresPool>(check(query)).await;
        assert_eq!(looked.outcome(), outcome, "{query} {:?}", looked.findings);
        assert!(looked.codes(outcome).contains(&code), "{query} {:?}", looked.findings);
    }
}

#[tokio::test]
async fn a_password_is_found_in_the_password_file() {
    use std::os::unix::fs::PermissionsExt;

    let _turn = turn().await;
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pgpass");
    let line = format!("127.0.0.1:{}:*:gonogo:{}\n", lab("LAB_PG_PORT"), secret("gonogo"));
    std::fs::write(&file, line).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("permissions");
    let place = lab("LAB_PG");
    let named = format!("postgres://gonogo@{place}/game?passfile={}", file.display());
    let looked = look::<PostgresPool>(json!({"url": named})).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let kept = serde_json::to_string(&looked.seen).expect("JSON");
    assert!(!kept.contains(&secret("gonogo")), "{kept}");
    // As the user has it, and of another role.
    let cx = ProbeCx { passfile: Some(file.clone()), ..context(Duration::from_secs(5)) };
    let plain = json!({"url": format!("postgres://gonogo@{place}/game")});
    assert_eq!(look_in::<PostgresPool>(plain, &cx).await.outcome(), Outcome::Pass);
    let other = json!({"url": format!("postgres://app@{place}/game")});
    let looked = look_in::<PostgresPool>(other, &cx).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.secret-missing"]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("permissions");
    let looked = look::<PostgresPool>(json!({"url": named})).await;
    assert_eq!(looked.outcome(), Outcome::Unknown);
    assert!(looked.findings[0].message.contains("chmod 600"), "{:?}", looked.findings);
}

#[tokio::test]
async fn the_password_is_in_nothing_that_is_kept() {
    let _turn = turn().await;
    let password = secret("gonogo");
    for url in [url("LAB_PG", "gonogo", "game"), url("LAB_PG", "gonogo", "nowhere")] {
        let parameters = json!({"url": url});
        let probe: PostgresPool = serde_json::from_value(parameters.clone()).expect("good");
        let looked = look::<PostgresPool>(parameters).await;
        let seen = looked.seen.as_ref().expect("no fault");
        let kept = format!(
            "{:?} {} {} {:?}",
            looked.findings,
            serde_json::to_string(seen).expect("JSON"),
            serde_json::to_string(&probe).expect("JSON"),
            gonogo::probe::Probe::reproduce(&probe, Some(seen)),
        );
        assert!(!kept.contains(&password), "{}", kept.replace(&password, "<HERE>"));
    }
}
