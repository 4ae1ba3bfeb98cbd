//! `postgres_pool` against the lab's PostgreSQL and PgBouncer, and against liars.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::net::postgres::{Door, Found, Opened, PgUrl, Session};
use gonogo::probe::postgres_pool::{
    Counted, End, HeldBack, Inside, Limited, Login, PostgresPool, Ramp,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
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
    let url: PgUrl = url.parse().expect("a good URL");
    let limit = Duration::from_secs(5);
    let found = Door::find(&url, "game-server", Path::new("/"), limit).await.expect("an address");
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
async fn slots_in_use_are_told_apart_from_all_in_use() {
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
    while look::<PostgresPool>(json!({"url": url})).await.outcome() == Outcome::Fail {}
}

#[tokio::test]
async fn the_limit_of_a_role_is_not_the_servers() {
    let _turn = turn().await;
    let url = url("LAB_PG", "limited", "game");
    let looked = look::<PostgresPool>(json!({"url": url, "demand": {"connections": 3}})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.role-limit"], "{:?}", looked.findings);

    let mut watch = open(&superuser()).await;
    wait_for_sessions(&mut watch, "usename = 'limited'", 0).await;
    let held = vec![open(&url).await, open(&url).await];
    let looked = look::<PostgresPool>(json!({"url": url})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.role-limit"], "{:?}", looked.findings);
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
async fn a_role_without_the_privilege_sees_slots_but_no_sessions() {
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
    let other_root = format!("game?sslmode=verify-ca&sslrootcert={}/login.pem", lab("LAB_PKI"));
    let no_socket = "postgres://u@/game?host=/nonexistent".to_owned();
    for (url, code) in [
        (closed, "postgres_pool.refused"),
        (no_socket, "postgres_pool.refused"),
        (wrong, "postgres_pool.bad-password"),
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
async fn sessions_without_a_state_are_not_taken_for_idle() {
    let _turn = turn().await;
    let quiet = open(&format!("{}&options=-c%20track_activities%3Doff", superuser())).await;
    let looked = look::<PostgresPool>(json!({"url": url("LAB_PG", "gonogo", "game")})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["postgres_pool.untracked"]);
    close(vec![quiet]).await;
}

#[tokio::test]
async fn a_pooler_is_recognised_and_not_judged() {
    let _turn = turn().await;
    for (rest, ramp) in [("game", Value::Null), ("game", json!({})), ("pgbouncer", json!({}))] {
        let parameters = json!({"url": url("LAB_PGBOUNCER", "gonogo", rest), "ramp": ramp});
        let looked = look::<PostgresPool>(parameters).await;
        assert_eq!(looked.outcome(), Outcome::Unknown);
        let codes = looked.codes(Outcome::Unknown);
        assert!(codes.contains(&"postgres_pool.pooler"), "{rest}: {codes:?}");
        assert!(looked.codes(Outcome::Pass).is_empty());
    }
    let nowhere = json!({"url": url("LAB_PGBOUNCER", "gonogo", "nowhere")});
    let looked = look::<PostgresPool>(nowhere).await;
    assert_eq!(looked.outcome(), Outcome::Fail, "{:?}", looked.findings);
}

const OURS: &str = "application_name LIKE 'gonogo-%'";

async fn ramp(url: &str, ramp: Value) -> Looked<PostgresPool> {
    let parameters = json!({"url": url, "ramp": ramp});
    look_in::<PostgresPool>(parameters, &context(Duration::from_secs(30))).await
}

fn run(looked: &Looked<PostgresPool>) -> &gonogo::probe::postgres_pool::Run {
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
            others.push(open(&self::url("LAB_PG", "app", "game")).await);
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

/// A server on a free port that answers every connection in the same way.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own needs its own task")]
async fn liar(answers: &'static [&'static [u8]], end: Ending) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            for answer in answers {
                let mut question = [0; 1024];
                let _read = stream.read(&mut question).await;
                let _written = stream.write_all(answer).await;
            }
            match end {
                Ending::Close => drop(stream),
                Ending::Wait => open.push(stream),
            }
        }
    });
    format!("postgres://u:p@{address}/d")
}

#[derive(Clone, Copy)]
enum Ending {
    Close,
    Wait,
}

/// An error as a server sends it; the routine is what only PostgreSQL itself adds.
fn error(sqlstate: &str, message: &str, routine: Option<&str>) -> &'static [u8] {
    let routine = routine.map_or(String::new(), |routine| format!("R{routine}\0"));
    let body = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0{routine}\0");
    let length = u32::try_from(body.len() + 4).expect("short");
    [b"E", length.to_be_bytes().as_slice(), body.as_bytes()].concat().leak()
}

fn once(answer: &'static [u8]) -> &'static [&'static [u8]] {
    vec![answer].leak()
}

#[tokio::test]
async fn a_liars_no_is_told_apart_too() {
    let starting = error("57P03", "the database system is starting up", Some("ProcessStartup"));
    let full = error("53300", "tut mir leid, schon zu viele Clients", Some("InitProcess"));
    let role = error("53300", "zu viele", Some("InitializeSessionUserId"));
    let pooler = error("08P01", "no more connections allowed (max_client_conn)", None);
    let alert: &[u8] = &[0x15, 3, 3, 0, 2, 2, 40];
    for (answers, end, rest, code) in [
        (once(starting), Ending::Close, "?sslmode=disable", "postgres_pool.starting-up"),
        (once(full), Ending::Close, "?sslmode=disable", "postgres_pool.full"),
        (once(role), Ending::Close, "?sslmode=disable", "postgres_pool.role-limit"),
        (once(pooler), Ending::Close, "?sslmode=disable", "postgres_pool.pooler-refused"),
        (once(b"N"), Ending::Wait, "?sslmode=require", "postgres_pool.no-tls"),
        (
            vec![b"S".as_slice(), alert].leak(),
            Ending::Close,
            "?sslmode=require",
            "postgres_pool.tls-failed",
        ),
        (&[], Ending::Close, "", "postgres_pool.hung-up"),
        (once(b"N"), Ending::Close, "", "postgres_pool.hung-up"),
    ] {
        let url = format!("{}{rest}", liar(answers, end).await);
        let looked = look::<PostgresPool>(json!({"url": url})).await;
        assert_eq!(looked.codes(Outcome::Fail), [code], "{:?}", looked.findings);
    }
}

#[tokio::test]
async fn silence_and_garbage_are_unknown() {
    let http: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let endless: &[u8] = &[b'R', 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    for (answers, end, rest, code) in [
        (&[] as &[&[u8]], Ending::Wait, "", "gonogo.timeout"),
        (once(b"S"), Ending::Wait, "", "gonogo.timeout"),
        (once(http), Ending::Close, "", "gonogo.answer-unreadable"),
        (once(http), Ending::Close, "?sslmode=disable", "gonogo.answer-unreadable"),
        (once(endless), Ending::Wait, "?sslmode=disable", "gonogo.timeout"),
    ] {
        let url = format!("{}{rest}", liar(answers, end).await);
        let short = context(Duration::from_secs(1));
        let looked = look_in::<PostgresPool>(json!({"url": url}), &short).await;
        assert_eq!(looked.codes(Outcome::Unknown), [code], "{rest} {:?}", looked.findings);
        assert!(looked.seen.is_none());
    }
}

#[tokio::test]
async fn a_missing_password_is_a_missing_secret() {
    let url = format!("postgres://gonogo@{}/game", lab("LAB_PG"));
    let looked = look::<PostgresPool>(json!({"url": url})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.secret-missing"]);
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
