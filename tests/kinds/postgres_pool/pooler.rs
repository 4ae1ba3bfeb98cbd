//! `postgres_pool` through the lab's PgBouncer: pools of three, fifty clients.

use gonogo::model::fault::Sight;
use gonogo::model::outcome::Outcome;
use gonogo::probe::postgres_pool::{Login, Pooler, PostgresPool, Server};
use serde_json::json;

use super::{ask, close, inside, open, turn, url};
use crate::support::{Looked, lab, look};

fn pooler(looked: &Looked<PostgresPool>) -> &Pooler {
    match &inside(looked).pooler {
        Some(Sight::Seen(pooler)) => pooler,
        other => panic!("the console was not seen: {other:?}"),
    }
}

#[tokio::test]
async fn a_pooler_with_room_passes_and_shows_the_server_behind_it() {
    let _turn = turn().await;
    let url = url("LAB_PGBOUNCER", "gonogo", "game");
    let looked = look::<PostgresPool>(json!({"url": url, "demand": {"connections": 40}})).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let inside = inside(&looked);
    assert!(inside.is_pooled());
    let pooler = pooler(&looked);
    assert_eq!((pooler.max_clients, pooler.query_wait_timeout), (50, 3.0));
    let game = pooler.database("game").expect("the database");
    assert_eq!((game.capacity(), game.max_connections, game.paused), (3, None, false));
    assert!(pooler.pools.iter().any(|pool| pool.user == "gonogo" && pool.mode == "transaction"));
    assert_eq!(inside.server.seen().map(Server::ordinary), Some(17));
}

#[tokio::test]
async fn the_demand_on_a_pooler_is_for_its_clients() {
    let _turn = turn().await;
    let url = url("LAB_PGBOUNCER", "gonogo", "game");
    let looked = look::<PostgresPool>(json!({"url": url, "demand": {"connections": 41}})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.pooler-clients"]);
}

#[tokio::test]
async fn the_console_itself_can_be_the_target() {
    let _turn = turn().await;
    let looked =
        look::<PostgresPool>(json!({"url": url("LAB_PGBOUNCER", "gonogo", "pgbouncer")})).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
}

#[tokio::test]
async fn a_pooler_that_cannot_be_looked_into_proves_nothing() {
    let _turn = turn().await;
    let looked = look::<PostgresPool>(json!({"url": url("LAB_PGBOUNCER", "app", "game")})).await;
    let codes = looked.codes(Outcome::Unknown);
    assert!(codes.contains(&"postgres_pool.pooler"), "{:?}", looked.findings);
    let finding = looked.findings.iter().find(|it| it.code == "postgres_pool.pooler");
    let message = &finding.expect("the finding").message;
    assert!(message.contains("stats_users"), "{message}");
}

#[tokio::test]
async fn a_pool_that_is_all_taken_is_told_from_a_silent_server() {
    let _turn = turn().await;
    let url = url("LAB_PGBOUNCER", "gonogo", "game");
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut session = open(&url).await;
        ask(&mut session, "BEGIN").await;
        held.push(session);
    }
    let looked = look::<PostgresPool>(json!({"url": url})).await;
    assert_eq!(
        looked.codes(Outcome::Fail),
        ["postgres_pool.pooler-exhausted"],
        "{:?}",
        looked.findings
    );
    close(held).await;
}

#[tokio::test]
async fn a_pooler_full_of_clients_says_so_by_its_console() {
    let _turn = turn().await;
    let url = url("LAB_PGBOUNCER", "gonogo", "game");
    let mut held = Vec::new();
    let looked = loop {
        let looked = look::<PostgresPool>(json!({"url": url})).await;
        assert!(held.len() <= 50, "nobody was turned away: {:?}", looked.findings);
        match &looked.seen.as_ref().expect("no fault").login {
            Login::Refused { .. } => break looked,
            Login::In(_) if held.len() < 48 => {
                while held.len() < 48 {
                    held.push(open(&url).await);
                }
                let nearly = look::<PostgresPool>(json!({"url": url})).await;
                assert_eq!(nearly.outcome(), Outcome::Warn, "{:?}", nearly.findings);
                let nearly = look::<PostgresPool>(json!({"url": url, "max_used": "50%"})).await;
                assert_eq!(nearly.codes(Outcome::Fail), ["postgres_pool.pooler-clients"]);
            }
            Login::In(_) => held.push(open(&url).await),
            Login::Stuck { fault, .. } => panic!("{fault}"),
        }
    };
    assert_eq!(
        looked.codes(Outcome::Fail),
        ["postgres_pool.pooler-clients"],
        "{:?}",
        looked.findings
    );
    close(held).await;
}

#[tokio::test]
async fn what_a_pooler_refuses_is_quoted() {
    let _turn = turn().await;
    let looked =
        look::<PostgresPool>(json!({"url": url("LAB_PGBOUNCER", "gonogo", "nowhere")})).await;
    assert_eq!(looked.outcome(), Outcome::Fail, "{:?}", looked.findings);
    assert!(looked.findings[0].message.contains("no such database"), "{:?}", looked.findings);
}

#[tokio::test]
async fn poolers_before_a_server_are_visited_beside_it() {
    let _turn = turn().await;
    let console = url("LAB_PGBOUNCER", "gonogo", "pgbouncer");
    let server = url("LAB_PG", "gonogo", "game");
    let parameters = |demand: u32| json!({"url": server, "poolers": [console], "demand": {"connections": demand}});
    // Beyond the server's slots, within the pooler's clients.
    let looked = look::<PostgresPool>(parameters(40)).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let looked = look::<PostgresPool>(parameters(41)).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.pooler-clients"]);
    // One that is gone is gone for its clients too, and hides nothing of the rest.
    let gone = format!("postgres://u:p@{}/pgbouncer", lab("LAB_CLOSED"));
    let looked = look::<PostgresPool>(json!({"url": server, "poolers": [console, gone]})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["postgres_pool.refused"], "{:?}", looked.findings);
    let refused = looked.findings.iter().find(|it| it.outcome == Outcome::Fail).expect("one");
    assert_eq!(refused.target, lab("LAB_CLOSED"));
    assert!(looked.findings.iter().any(|it| it.target.ends_with("/game")), "{:?}", looked.findings);
    // Whom its console does not let in knows nothing.
    let denied = url("LAB_PGBOUNCER", "app", "pgbouncer");
    let looked = look::<PostgresPool>(json!({"url": server, "poolers": [denied]})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.denied"], "{:?}", looked.findings);
}

#[tokio::test]
async fn a_pooler_without_its_server_is_told_from_a_full_one() {
    let _turn = turn().await;
    let looked = look::<PostgresPool>(json!({"url": url("LAB_PGBOUNCER", "gonogo", "gone")})).await;
    assert_eq!(
        looked.codes(Outcome::Fail),
        ["postgres_pool.pooler-backend"],
        "{:?}",
        looked.findings
    );
}

#[tokio::test]
async fn connections_must_not_outlive_the_poolers_patience() {
    let _turn = turn().await;
    // The pooler's client_idle_timeout is ten minutes.
    for (demand, failed) in [
        (json!({"connections": 20, "lifetime": "5m"}), vec![]),
        (json!({"connections": 20, "lifetime": "30m"}), vec!["postgres_pool.lifetime-too-long"]),
    ] {
        let url = url("LAB_PGBOUNCER", "gonogo", "game");
        let looked = look::<PostgresPool>(json!({"url": url, "demand": demand})).await;
        assert_eq!(looked.codes(Outcome::Fail), failed, "{:?}", looked.findings);
    }
}
