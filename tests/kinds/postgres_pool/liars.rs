//! `postgres_pool` against servers that no real server can be made to be.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::postgres_pool::PostgresPool;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{context, look, look_in};

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
    let fork = b"Ecould not fork new process for connection: Cannot allocate memory\n\0".as_slice();
    let endless: &[u8] = &[b'R', 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    for (answers, end, rest, code) in [
        (&[] as &[&[u8]], Ending::Wait, "", "gonogo.timeout"),
        (once(b"S"), Ending::Wait, "", "gonogo.timeout"),
        (once(http), Ending::Close, "", "gonogo.answer-unreadable"),
        (once(http), Ending::Close, "?sslmode=disable", "gonogo.answer-unreadable"),
        (once(endless), Ending::Wait, "?sslmode=disable", "gonogo.timeout"),
        // What a server says that cannot start a process for the connection, before it reads the wish.
        (once(fork), Ending::Close, "", "gonogo.answer-unreadable"),
        (once(fork), Ending::Close, "?sslmode=require", "gonogo.answer-unreadable"),
    ] {
        let url = format!("{}{rest}", liar(answers, end).await);
        let short = context(Duration::from_secs(1));
        let looked = look_in::<PostgresPool>(json!({"url": url}), &short).await;
        assert_eq!(looked.codes(Outcome::Unknown), [code], "{rest} {:?}", looked.findings);
        assert!(looked.seen.is_none());
    }
}

#[tokio::test]
async fn a_way_of_proof_that_is_not_known_is_no_missing_password() {
    // GSSAPI, and a password in clear.
    let wishes: [(&[u8], &str); 2] = [
        (&[b'R', 0, 0, 0, 8, 0, 0, 0, 7], "gonogo.answer-unreadable"),
        (&[b'R', 0, 0, 0, 8, 0, 0, 0, 3], "gonogo.secret-missing"),
    ];
    for (wish, code) in wishes {
        let url = liar(once(wish), Ending::Wait).await.replace("u:p@", "u@");
        let looked = look::<PostgresPool>(json!({"url": url + "?sslmode=disable"})).await;
        assert_eq!(looked.codes(Outcome::Unknown), [code], "{:?}", looked.findings);
    }
}
