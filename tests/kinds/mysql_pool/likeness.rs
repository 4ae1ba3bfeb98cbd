//! `mysql_pool` against servers of the test's own, which answer as a MariaDB 10.11 does in each state.

use std::path::Path;
use std::time::Duration;

use gonogo::model::fault::Fault;
use gonogo::model::outcome::Outcome;
use gonogo::net::mysql::{Session, enter};
use gonogo::probe::Probe;
use gonogo::probe::mysql_pool::{Login, MysqlPool};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::LIMIT;
use crate::support::{Looked, context, lab, look, look_in};

type Row = Vec<Option<&'static str>>;

/// What a server is like.
#[derive(Clone)]
pub(super) struct Likeness {
    version: &'static str,
    plugin: &'static str,
    comment: &'static str,
    max_user_connections: &'static str,
    read_only: &'static str,
    connected: &'static str,
    most: &'static str,
    processes: Vec<Row>,
    /// `None` refuses them for want of PROCESS.
    transactions: Option<Vec<Row>>,
    /// What the account's sessions call themselves; none where the server keeps no names.
    names: Vec<Row>,
    /// What follows the proof of the password.
    after_proof: Vec<Vec<u8>>,
}

pub(super) const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

impl Default for Likeness {
    fn default() -> Self {
        Self {
            version: "10.11.19-MariaDB",
            plugin: "mysql_native_password",
            comment: "Debian 12",
            max_user_connections: "0",
            read_only: "0",
            connected: "11",
            most: "12",
            processes: vec![
                process("7", "gonogo", "Query", "0"),
                process("8", "app", "Sleep", "70"),
            ],
            transactions: Some(Vec::new()),
            names: vec![vec![Some("7"), Some("gonogo-0123456789ab")]],
            after_proof: vec![OK.to_vec()],
        }
    }
}

fn process(id: &'static str, user: &'static str, command: &'static str, time: &'static str) -> Row {
    vec![Some(id), Some(user), Some("192.0.2.7:40000"), None, Some(command), Some(time), None, None]
}

impl Likeness {
    /// A server that calls its version so.
    pub(super) fn called(version: &'static str) -> Self {
        Self { version, ..Self::default() }
    }

    fn rows(&self, statement: &str) -> Option<Vec<Row>> {
        Some(if statement.contains("@@version_comment") {
            let (comment, user) = (self.comment, self.max_user_connections);
            vec![[comment, "100", user, "28800", self.read_only, "7"].map(Some).to_vec()]
        } else if statement.contains("GLOBAL STATUS") {
            let counter = |name, value| vec![Some(name), Some(value)];
            vec![
                counter("Max_used_connections", self.most),
                counter("Threads_connected", self.connected),
                counter("Threads_running", "1"),
            ]
        } else if statement.contains("GRANTS") {
            vec![vec![Some("GRANT USAGE ON *.* TO `gonogo`@`%`")]]
        } else if statement.contains("connect_attrs") {
            self.names.clone()
        } else if statement.contains("PROCESSLIST") {
            self.processes.clone()
        } else {
            self.transactions.clone()?
        })
    }

    pub(super) fn greeting(&self) -> Vec<u8> {
        // PROTOCOL_41, SECURE and PLUGINS; no TLS.
        let mut packet =
            [&[10], self.version.as_bytes(), &[0, 7, 0, 0, 0], b"12345678", &[0]].concat();
        packet.extend([0x00, 0x82, 45, 2, 0, 0x08, 0x00, 21]);
        packet.extend([0; 10]);
        packet.extend(b"123456789012\0");
        packet.extend([self.plugin.as_bytes(), b"\0"].concat());
        packet
    }
}

pub(super) async fn send(stream: &mut TcpStream, sequence: &mut u8, body: &[u8]) -> Option<()> {
    let mut packet = u32::try_from(body.len()).expect("short").to_le_bytes()[..3].to_vec();
    packet.push(*sequence);
    packet.extend(body);
    *sequence = sequence.wrapping_add(1);
    stream.write_all(&packet).await.ok()
}

pub(super) async fn receive(stream: &mut TcpStream, sequence: &mut u8) -> Option<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.ok()?;
    *sequence = head[3].wrapping_add(1);
    let mut body = vec![0; usize::from(head[0]) | usize::from(head[1]) << 8];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

pub(super) fn error(number: u16, message: &str) -> Vec<u8> {
    [&[0xff], number.to_le_bytes().as_slice(), b"#HY000", message.as_bytes()].concat()
}

async fn serve(mut stream: TcpStream, likeness: Likeness) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut sequence = 0;
    send(&mut stream, &mut sequence, &likeness.greeting()).await?;
    for answer in &likeness.after_proof {
        receive(&mut stream, &mut sequence).await?;
        send(&mut stream, &mut sequence, answer).await?;
    }
    loop {
        let statement = receive(&mut stream, &mut sequence).await?;
        if statement.first() == Some(&1) {
            return Some(());
        }
        let Some(rows) = likeness.rows(&String::from_utf8_lossy(&statement)) else {
            let denied = error(1227, "Access denied; you need the PROCESS privilege");
            send(&mut stream, &mut sequence, &denied).await?;
            continue;
        };
        let columns = rows.first().map_or(2, Vec::len);
        send(&mut stream, &mut sequence, &[u8::try_from(columns).expect("few")]).await?;
        for _ in 0..columns {
            send(&mut stream, &mut sequence, b"\x03def").await?;
        }
        send(&mut stream, &mut sequence, &[0xfe, 0, 0, 2, 0]).await?;
        for row in rows {
            let texts = row.into_iter().map(|text| match text {
                None => vec![0xfb],
                Some(text) => {
                    [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat()
                }
            });
            let row: Vec<u8> = texts.flatten().collect();
            send(&mut stream, &mut sequence, &row).await?;
        }
        send(&mut stream, &mut sequence, &[0xfe, 0, 0, 2, 0]).await?;
    }
}

#[expect(clippy::disallowed_methods, reason = "a server of the test's own needs its own tasks")]
async fn server(likeness: Likeness) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, likeness.clone()));
        }
    });
    format!("mysql://gonogo:geheim@{address}/game")
}

/// A server that says these bytes first, and then hangs up or is silent.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own needs its own task")]
async fn liar(bytes: Vec<u8>, hangs_up: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _written = stream.write_all(&bytes).await;
            if !hangs_up {
                open.push(stream);
            }
        }
    });
    format!("mysql://gonogo:geheim@{address}/game")
}

async fn seen(likeness: Likeness, parameters: Value) -> Looked<MysqlPool> {
    let mut parameters = parameters;
    parameters["url"] = server(likeness).await.into();
    look::<MysqlPool>(parameters).await
}

#[tokio::test]
async fn a_quiet_server_passes() {
    let demand = json!({"connections": 80, "rate": 100, "hold": "500ms", "lifetime": "30m"});
    let looked = seen(Likeness::default(), json!({"demand": demand})).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let Login::In(inside) = looked.seen.expect("no fault").login else { panic!("not let in") };
    let server = inside.server.seen().expect("limits");
    // This look's own connection does not count.
    assert_eq!((server.used, server.max_connections, server.user_used), (10, 100, 0));
}

#[tokio::test]
async fn each_fault_of_a_server_has_its_code() {
    let quiet = Likeness::default;
    let transaction = |waited| Some(vec![vec![Some("8"), waited, Some("70")]]);
    let account = || {
        let mut processes = quiet().processes;
        processes.push(process("9", "gonogo", "Sleep", "1"));
        processes
    };
    for (likeness, parameters, outcome, code) in [
        (Likeness { connected: "82", ..quiet() }, json!({}), Outcome::Warn, "nearly-full"),
        (
            Likeness { connected: "82", ..quiet() },
            json!({"max_used": "80%"}),
            Outcome::Fail,
            "nearly-full",
        ),
        (Likeness { connected: "101", ..quiet() }, json!({}), Outcome::Fail, "full"),
        (Likeness { most: "101", ..quiet() }, json!({}), Outcome::Warn, "peaked"),
        (quiet(), json!({"demand": {"connections": 81}}), Outcome::Fail, "over-budget"),
        (
            Likeness { max_user_connections: "9", ..quiet() },
            json!({"demand": {"connections": 8}}),
            Outcome::Warn,
            "user-limit",
        ),
        (
            Likeness { max_user_connections: "1", processes: account(), ..quiet() },
            json!({}),
            Outcome::Fail,
            "user-limit",
        ),
        (
            quiet(),
            json!({"demand": {"connections": 10, "rate": 11, "hold": "1s"}}),
            Outcome::Fail,
            "pool-too-small",
        ),
        (
            quiet(),
            json!({"demand": {"connections": 10, "lifetime": "8h"}}),
            Outcome::Fail,
            "lifetime-too-long",
        ),
        (
            Likeness { transactions: transaction(None), ..quiet() },
            json!({"max_idle_in_transaction": "1m"}),
            Outcome::Fail,
            "idle-in-transaction",
        ),
        (
            Likeness { transactions: transaction(Some("11")), ..quiet() },
            json!({}),
            Outcome::Warn,
            "lock-wait",
        ),
        (Likeness { read_only: "1", ..quiet() }, json!({}), Outcome::Warn, "read-only"),
        (Likeness { comment: "(ProxySQL)", ..quiet() }, json!({}), Outcome::Unknown, "proxy"),
        // Its own views are nothing that can be read here.
        (
            Likeness { version: "5.7.22-ShardingSphere-Proxy 5.5", ..quiet() },
            json!({}),
            Outcome::Unknown,
            "proxy",
        ),
    ] {
        let looked = seen(likeness, parameters.clone()).await;
        let code = format!("mysql_pool.{code}");
        assert_eq!(looked.codes(outcome), [code], "{parameters} {:?}", looked.findings);
        assert_eq!(looked.outcome(), outcome);
    }
}

#[tokio::test]
async fn a_server_that_keeps_no_names_cannot_be_cleaned_up() {
    let nameless = Likeness { names: Vec::new(), ..Likeness::default() };
    let looked = seen(nameless.clone(), json!({"cleanup": "1m"})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.denied"], "{:?}", looked.findings);
    assert!(looked.findings[0].message.contains("performance_schema"), "{:?}", looked.findings);
    // To a check that asks for the rest it does not matter.
    assert_eq!(seen(nameless, json!({})).await.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn a_transaction_is_no_older_than_it_is() {
    // It has slept for seventy seconds, and has begun the transaction since.
    let young = |open| Likeness {
        transactions: Some(vec![vec![Some("8"), None, Some(open)]]),
        ..Likeness::default()
    };
    let check = json!({"max_idle_in_transaction": "1m"});
    for (open, outcome) in [
        ("1", Outcome::Pass),
        ("-1", Outcome::Pass),
        ("61", Outcome::Fail),
        ("3600", Outcome::Fail),
    ] {
        let looked = seen(young(open), check.clone()).await;
        assert_eq!(looked.outcome(), outcome, "{open} {:?}", looked.findings);
    }
}

#[tokio::test]
async fn behind_a_proxy_the_pools_are_judged_and_the_ramp_is_not_forgotten() {
    let demand = json!({"connections": 10, "rate": 11, "hold": "1s", "idle": "10m"});
    for (parameters, outcome, codes) in [
        (
            json!({"demand": demand, "path_idle": "5m"}),
            Outcome::Fail,
            vec!["mysql_pool.lifetime-too-long", "mysql_pool.pool-too-small"],
        ),
        (
            json!({"ramp": {}}),
            Outcome::Unknown,
            vec!["mysql_pool.proxy", "mysql_pool.ramp-refused"],
        ),
    ] {
        let proxy = Likeness { comment: "(ProxySQL)", ..Likeness::default() };
        let looked = seen(proxy, parameters).await;
        assert_eq!(looked.codes(outcome), codes, "{:?}", looked.findings);
    }
}

/// A server that keeps its answer to the first statement to itself until the second one is asked, or that
/// answers with a table that has no end.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own needs its own task")]
async fn odd(endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut sequence = 0;
        send(&mut stream, &mut sequence, &Likeness::default().greeting()).await?;
        receive(&mut stream, &mut sequence).await?;
        send(&mut stream, &mut sequence, OK).await?;
        receive(&mut stream, &mut sequence).await?;
        if endless {
            // More than sixteen million columns, each described at length.
            send(&mut stream, &mut sequence, &[0xfd, 0xff, 0xff, 0xff]).await?;
            let description = vec![0; 1 << 20];
            loop {
                send(&mut stream, &mut sequence, &description).await?;
            }
        }
        receive(&mut stream, &mut sequence).await?;
        sequence = 1;
        for packet in [&[1][..], b"\x03def", &[0xfe, 0, 0, 2, 0], b"\x05first", &[0xfe, 0, 0, 2, 0]]
        {
            send(&mut stream, &mut sequence, packet).await?;
        }
        receive(&mut stream, &mut sequence).await
    });
    format!("mysql://gonogo:geheim@{address}/game")
}

async fn session(url: &str) -> Session {
    let url = url.parse().expect("a good URL");
    enter(&url, "game-server", Path::new("/"), LIMIT, "the test").await.expect("a session")
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_never_taken_for_the_next_one() {
    let mut session = session(&odd(false).await).await;
    let first = session.ask("the first", "SELECT 1", Duration::from_millis(50)).await;
    let first = first.expect_err("it is late");
    assert!(matches!(first, Fault::Timeout { .. }), "{first}");
    assert_eq!(session.ask("the second", "SELECT 2", LIMIT).await, Err(first));
}

#[tokio::test]
async fn a_table_without_end_is_no_answer() {
    let mut session = session(&odd(true).await).await;
    let answer = session.ask("a table", "SELECT 1", Duration::from_secs(20)).await;
    let fault = answer.expect_err("it never ends");
    assert!(fault.to_string().contains("beyond all measure"), "{fault}");
}

#[tokio::test]
async fn three_that_wait_are_a_pile_up() {
    let waiter = |id| vec![Some(id), Some("11"), Some("11")];
    let waiting = Likeness {
        processes: vec![
            process("7", "gonogo", "Query", "0"),
            process("8", "app", "Query", "11"),
            process("9", "app", "Query", "11"),
            process("10", "app", "Query", "11"),
        ],
        transactions: Some(vec![waiter("8"), waiter("9"), waiter("10")]),
        ..Likeness::default()
    };
    for (parameters, outcome) in
        [(json!({}), Outcome::Warn), (json!({"max_lock_wait": "5s"}), Outcome::Fail)]
    {
        let looked = seen(waiting.clone(), parameters).await;
        assert_eq!(looked.codes(outcome), ["mysql_pool.lock-pile-up"], "{:?}", looked.findings);
    }
    assert_eq!(seen(waiting, json!({"max_lock_wait": "1m"})).await.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn what_the_user_may_not_see_is_unknown() {
    let looked = seen(Likeness { transactions: None, ..Likeness::default() }, json!({})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.denied"]);
    assert_eq!(looked.codes(Outcome::Pass), ["mysql_pool.ok"]);
}

#[tokio::test]
async fn passwords_are_proved_by_the_plugin_the_server_asks_for() {
    let switch =
        |plugin: &str| [b"\xfe", plugin.as_bytes(), b"\0", b"12345678901234567890\0"].concat();
    for (plugin, after_proof, unknown) in [
        ("caching_sha2_password", vec![OK.to_vec()], None),
        ("mysql_native_password", vec![switch("caching_sha2_password"), OK.to_vec()], None),
        ("client_ed25519", vec![switch("mysql_native_password"), OK.to_vec()], None),
        ("mysql_native_password", vec![switch("client_ed25519")], Some("gonogo.answer-unreadable")),
        // Without TLS the password itself is never said.
        (
            "mysql_native_password",
            vec![switch("mysql_clear_password")],
            Some("gonogo.answer-unreadable"),
        ),
        ("caching_sha2_password", vec![vec![1, 4]], Some("gonogo.denied")),
    ] {
        let likeness = Likeness { plugin, after_proof, ..Likeness::default() };
        let looked = seen(likeness, json!({})).await;
        match unknown {
            None => assert_eq!(looked.outcome(), Outcome::Pass, "{plugin} {:?}", looked.findings),
            Some(code) => assert_eq!(looked.codes(Outcome::Unknown), [code], "{plugin}"),
        }
    }
    // A quick yes alone is not the end of it.
    let likeness = Likeness {
        plugin: "caching_sha2_password",
        after_proof: vec![vec![1, 3]],
        ..Likeness::default()
    };
    let cx = context(Duration::from_millis(600));
    let url = server(likeness).await;
    let looked = look_in::<MysqlPool>(json!({"url": url}), &cx).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.timeout"]);
}

#[tokio::test]
async fn the_servers_no_is_told_apart_by_its_code() {
    let first = |number, message: &str| {
        let body = error(number, message);
        [&u32::try_from(body.len()).expect("short").to_le_bytes()[..3], &[0], &body].concat()
    };
    for (number, code) in [
        (1040, "full"),
        (1203, "user-limit"),
        (1226, "user-limit"),
        (1045, "bad-password"),
        (1049, "no-database"),
        (1129, "host-blocked"),
        (1130, "host-blocked"),
        (1044, "login-denied"),
    ] {
        let url = liar(first(number, "no"), true).await;
        let looked = look::<MysqlPool>(json!({"url": url})).await;
        assert_eq!(looked.codes(Outcome::Fail), [format!("mysql_pool.{code}")]);
    }
    let closed = json!({"url": format!("mysql://u:p@{}", lab("LAB_CLOSED"))});
    assert_eq!(look::<MysqlPool>(closed).await.codes(Outcome::Fail), ["mysql_pool.refused"]);
    let silent = json!({"url": liar(Vec::new(), true).await});
    assert_eq!(look::<MysqlPool>(silent).await.codes(Outcome::Fail), ["mysql_pool.hung-up"]);
    let plain = format!("{}?ssl-mode=REQUIRED", server(Likeness::default()).await);
    let looked = look::<MysqlPool>(json!({"url": plain})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["mysql_pool.no-tls"]);
}

/// A server that offers TLS, and answers whoever wants it with these bytes.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own needs its own task")]
async fn offers_tls(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut greeting = Likeness::default().greeting();
            let at = greeting.iter().position(|byte| *byte == 0x82).expect("the flags") - 1;
            greeting[at + 1] |= 0x08;
            let mut sequence = 0;
            let _sent = send(&mut stream, &mut sequence, &greeting).await;
            let _asked = receive(&mut stream, &mut sequence).await;
            let _sent = stream.write_all(answer).await;
            let mut rest = [0; 1024];
            let _read = stream.read(&mut rest).await;
        }
    });
    format!("mysql://gonogo:geheim@{address}/game")
}

#[tokio::test]
async fn a_refused_handshake_is_the_servers_answer() {
    let url = offers_tls(&[0x15, 3, 3, 0, 2, 2, 40]).await;
    let looked = look::<MysqlPool>(json!({"url": url})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["mysql_pool.tls-failed"], "{:?}", looked.findings);
}

#[tokio::test]
async fn silence_and_garbage_are_unknown() {
    for (bytes, hangs_up, code) in [
        (b"".to_vec(), false, "gonogo.timeout"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), true, "gonogo.answer-unreadable"),
        (vec![1, 0, 0, 0, 9], false, "gonogo.answer-unreadable"),
        (vec![0xff, 0xff, 0xff, 0], false, "gonogo.answer-unreadable"),
        (vec![5, 0, 0, 0, 10, b'5'], false, "gonogo.timeout"),
    ] {
        let cx = context(Duration::from_millis(600));
        let url = liar(bytes, hangs_up).await;
        let looked = look_in::<MysqlPool>(json!({"url": url}), &cx).await;
        assert_eq!(looked.codes(Outcome::Unknown), [code], "{:?}", looked.findings);
    }
}

#[test]
fn what_no_server_here_can_be_is_judged_from_a_record() {
    let probe: MysqlPool = serde_json::from_value(json!({"url": "mysql://u@h"})).expect("readable");
    for (refusal, code) in [
        (json!({"no-address": "NXDOMAIN"}), "mysql_pool.no-address"),
        (json!({"untrusted": "it has expired"}), "mysql_pool.tls-untrusted"),
    ] {
        let silent = json!({"fault": {"timeout": {"what": "asking p:6032", "after": "1s"}}});
        let poolers = json!([{"place": "p:6032", "proxy": silent}]);
        let login = json!({"refused": refusal});
        let seen = json!({"target": "h:3306", "user": "u", "login": login, "poolers": poolers});
        let seen = serde_json::from_value(seen).expect("an observation");
        let findings = probe.judge(&seen, &context(Duration::from_secs(1)).times);
        assert_eq!(findings[0].code, code);
        // The proxies are told of, whatever the server says.
        assert_eq!((findings[1].code.as_str(), &*findings[1].target), ("gonogo.timeout", "p:6032"));
    }
}

#[test]
fn the_command_by_hand_asks_for_the_same_tls() {
    for (rest, tls) in [
        ("", ""),
        (
            "?ssl-mode=VERIFY_IDENTITY&ssl-ca=a%20b.pem",
            " --ssl-mode=VERIFY_IDENTITY --ssl-ca='a b.pem'",
        ),
    ] {
        let url = format!("mysql://u:geheim@h/d{rest}");
        let probe: MysqlPool = serde_json::from_value(json!({"url": url})).expect("readable");
        let by_hand = probe.reproduce(None);
        let begin = format!("mysql -h 'h' -P 3306{tls} -u 'u' -p -e ");
        assert!(by_hand.iter().all(|it| it.starts_with(&begin)), "{by_hand:?}");
    }
}

#[test]
fn contradictions_are_complained_about() {
    for (parameters, key) in [
        (json!({"headroom": "10%"}), "headroom"),
        (json!({"headroom": "100%", "demand": {"connections": 1}}), "headroom"),
        (json!({"max_used": "0%"}), "max_used"),
        (json!({"path_idle": "5m"}), "path_idle"),
        (json!({"demand": {"replicas": 3}}), "demand"),
    ] {
        let mut parameters = parameters;
        parameters["url"] = "mysql://u@h".into();
        let probe: MysqlPool = serde_json::from_value(parameters.clone()).expect("readable");
        let complaints = probe.complaints();
        assert_eq!(complaints.len(), 1, "{parameters}");
        assert_eq!(complaints[0].key, Some(key));
    }
}
