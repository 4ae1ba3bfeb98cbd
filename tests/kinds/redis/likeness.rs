//! `redis` against servers of the test's own, which say what a Redis 7.0 says in each state.

use std::time::Duration;

use gonogo::model::fault::Fault;
use gonogo::model::outcome::Outcome;
use gonogo::net::redis::Reply;
use gonogo::probe::Probe;
use gonogo::probe::redis::{Login, Redis};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Looked, context, lab, look, look_in};

/// What a server is like: its report, and its replies to the other commands.
#[derive(Clone, Default)]
struct Likeness {
    /// Lines of `INFO` that replace those of a quiet server.
    info: Vec<(&'static str, &'static str)>,
    /// Replies by the command's words, as they stand on the wire.
    replies: Vec<(&'static str, String)>,
}

/// What a quiet Redis 7.0.15 reports, as far as it matters.
const QUIET: &[(&str, &str)] = &[
    ("redis_version", "7.0.15"),
    ("redis_mode", "standalone"),
    ("connected_clients", "11"),
    ("cluster_connections", "0"),
    ("maxclients", "100"),
    ("blocked_clients", "0"),
    ("used_memory", "20971520"),
    ("maxmemory", "104857600"),
    ("maxmemory_policy", "noeviction"),
    ("loading", "0"),
    ("rdb_last_bgsave_status", "ok"),
    ("rdb_changes_since_last_save", "1"),
    ("rdb_last_save_time", "1700000000"),
    ("aof_last_write_status", "ok"),
    ("rejected_connections", "0"),
    ("evicted_keys", "0"),
    ("role", "master"),
    ("connected_slaves", "0"),
];

impl Likeness {
    fn info(changes: &[(&'static str, &'static str)]) -> Self {
        Self { info: changes.to_vec(), replies: Vec::new() }
    }

    fn reply(mut self, command: &'static str, reply: impl Into<String>) -> Self {
        self.replies.push((command, reply.into()));
        self
    }

    fn answer(&self, command: &str) -> String {
        if let Some((_, reply)) = self.replies.iter().find(|(known, _)| *known == command) {
            return reply.clone();
        }
        match command {
            "PING" => "+PONG\r\n".to_owned(),
            "INFO" => {
                let kept =
                    QUIET.iter().filter(|(name, _)| self.info.iter().all(|(n, _)| n != name));
                let lines: Vec<String> = kept
                    .chain(&self.info)
                    .map(|(name, value)| format!("{name}:{value}\r\n"))
                    .collect();
                bulk(&format!("# Server\r\n{}", lines.concat()))
            }
            "SLOWLOG GET 128" => "*0\r\n".to_owned(),
            _ => "-ERR unknown command\r\n".to_owned(),
        }
    }
}

/// Text as it stands on the wire.
fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// Reads a command and returns its words.
async fn command(from: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    from.read_line(&mut line).await.ok()?;
    let count: usize = line.trim_end().strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        line.clear();
        from.read_line(&mut line).await.ok()?;
        line.clear();
        from.read_line(&mut line).await.ok()?;
        words.push(line.trim_end().to_owned());
    }
    Some(words.join(" "))
}

#[expect(clippy::disallowed_methods, reason = "a server of the test's own needs its own task")]
async fn server(likeness: Likeness) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let likeness = likeness.clone();
            tokio::spawn(async move {
                stream.set_nodelay(true).expect("an open socket");
                let mut stream = BufReader::new(stream);
                while let Some(command) = command(&mut stream).await {
                    if stream
                        .get_mut()
                        .write_all(likeness.answer(&command).as_bytes())
                        .await
                        .is_err()
                    {
                        break;
                    }
                }
            });
        }
    });
    format!("redis://{address}")
}

/// A server that says these bytes to whatever comes, and then hangs up or is silent.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own needs its own task")]
async fn liar(bytes: &'static [u8], hangs_up: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _written = stream.write_all(bytes).await;
            if hangs_up {
                let mut question = [0; 64];
                let _read = stream.read(&mut question).await;
            } else {
                open.push(stream);
            }
        }
    });
    format!("redis://{address}")
}

async fn seen(likeness: Likeness, parameters: Value) -> Looked<Redis> {
    let mut parameters = parameters;
    parameters["url"] = server(likeness).await.into();
    look::<Redis>(parameters).await
}

#[tokio::test]
async fn a_quiet_server_passes() {
    let looked = seen(Likeness::default(), json!({"demand": {"connections": 80}})).await;
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    let Login::In(inside) = looked.seen.expect("no fault").login else { panic!("not let in") };
    let report = inside.report.seen().expect("a report");
    // This look's own connection does not count.
    assert_eq!((report.clients, report.max_clients), (10, Some(100)));
    let ping = inside.ping.as_ref().and_then(|it| it.seen()).expect("times");
    assert!(ping.n == 200 && ping.p99.is_some());
}

/// A reply to `HOTKEYS GET` in which one key takes so many of 100 microseconds, and a tenth of the bytes.
fn counted(micros: u32) -> String {
    let number = |name: &str, value: u32| format!("{}:{value}\r\n", bulk(name));
    let list = |name: &str, value: u32| {
        format!("{}*2\r\n{}:{value}\r\n", bulk(name), bulk("session:0f8fad5bd9cb469f"))
    };
    format!(
        "*10\r\n{}{}{}{}{}",
        number("all-commands-all-slots-us", 100),
        number("net-bytes-all-commands-all-slots", 1000),
        number("collection-duration-ms", 5_000),
        list("by-cpu-time-us", micros),
        list("by-net-bytes", 100)
    )
}

#[tokio::test]
async fn hot_keys_are_what_the_server_counts_itself() {
    let start = "HOTKEYS START METRICS 2 CPU NET COUNT 10 DURATION 3";
    let wish = json!({"hot_keys": {"for": "1s"}});
    // Somebody else's count is read, and neither ended nor replaced: the server knows no other command.
    for (micros, outcome, code) in
        [(26, Outcome::Warn, "redis.hot-key"), (25, Outcome::Pass, "redis.ok")]
    {
        let looked =
            seen(Likeness::default().reply("HOTKEYS GET", counted(micros)), wish.clone()).await;
        assert_eq!(looked.outcome(), outcome, "{:?}", looked.findings);
        assert_eq!(looked.codes(outcome), [code]);
        let told = format!("session:* takes {micros}% of the time");
        let hot = looked.findings.iter().find(|it| it.message.contains(&told));
        assert!(
            hot.is_some_and(|it| it.message.contains("HOTKEYS over 5 s")),
            "{:?}",
            looked.findings
        );
    }
    // Its own count is begun with an end of its own, and what may not be ended is said.
    let own = Likeness::default().reply("HOTKEYS GET", "*-1\r\n").reply(start, "+OK\r\n");
    let looked = seen(own, wish.clone()).await;
    assert_eq!(
        looked.codes(Outcome::Unknown),
        ["gonogo.answer-unreadable"],
        "{:?}",
        looked.findings
    );
    let denied = Likeness::default().reply("HOTKEYS GET", "-NOPERM no\r\n");
    assert_eq!(seen(denied, wish).await.codes(Outcome::Unknown), ["gonogo.denied"]);
}

#[tokio::test]
async fn each_fault_of_a_server_has_its_code() {
    let replica = ("slave0", "ip=192.0.2.2,port=6379,state=online,offset=1,lag=11");
    for (likeness, parameters, outcome, code) in [
        (
            Likeness::info(&[("connected_clients", "82")]),
            json!({}),
            Outcome::Warn,
            "redis.nearly-full",
        ),
        (Likeness::info(&[("connected_clients", "101")]), json!({}), Outcome::Fail, "redis.full"),
        (
            Likeness::info(&[("rejected_connections", "3")]),
            json!({}),
            Outcome::Warn,
            "redis.rejected",
        ),
        (
            Likeness::default(),
            json!({"demand": {"connections": 81}}),
            Outcome::Fail,
            "redis.over-budget",
        ),
        (Likeness::info(&[("used_memory", "90000000")]), json!({}), Outcome::Warn, "redis.memory"),
        (Likeness::default(), json!({"max_memory_used": "10%"}), Outcome::Fail, "redis.memory"),
        (Likeness::info(&[("maxmemory", "0")]), json!({}), Outcome::Warn, "redis.unlimited-memory"),
        (Likeness::info(&[("evicted_keys", "1")]), json!({}), Outcome::Warn, "redis.evicting"),
        (
            Likeness::info(&[("rdb_last_bgsave_status", "err")]),
            json!({}),
            Outcome::Fail,
            "redis.persistence",
        ),
        (Likeness::info(&[("loading", "1")]), json!({}), Outcome::Fail, "redis.loading"),
        (
            Likeness::info(&[("role", "slave"), ("master_link_status", "up")]),
            json!({}),
            Outcome::Warn,
            "redis.replica",
        ),
        (
            Likeness::info(&[("role", "slave"), ("master_link_status", "down")]),
            json!({}),
            Outcome::Fail,
            "redis.replica-down",
        ),
        (
            Likeness::info(&[("connected_slaves", "1"), replica]),
            json!({}),
            Outcome::Warn,
            "redis.replica-lag",
        ),
        (
            Likeness::default().reply("SLOWLOG GET 128", "*1\r\n*2\r\n:1\r\n:4102444800\r\n"),
            json!({}),
            Outcome::Warn,
            "redis.slow",
        ),
    ] {
        let looked = seen(likeness, parameters.clone()).await;
        assert_eq!(looked.codes(outcome), [code], "{parameters} {:?}", looked.findings);
        assert_eq!(looked.outcome(), outcome);
    }
}

fn cluster(info: &str, nodes: &str) -> Likeness {
    Likeness::info(&[("redis_mode", "cluster")])
        .reply("CLUSTER INFO", bulk(info))
        .reply("CLUSTER NODES", bulk(nodes))
}

#[tokio::test]
async fn a_cluster_is_judged_by_what_its_node_sees() {
    let good = "cluster_state:ok\r\ncluster_slots_ok:16384\r\ncluster_known_nodes:3\r\n";
    let bad = "cluster_state:ok\r\ncluster_slots_ok:16383\r\ncluster_known_nodes:3\r\n";
    let nodes = "a 192.0.2.1:1@2 myself,master -\nb 192.0.2.2:1@2 slave a\n";
    let suspect = "a 192.0.2.1:1@2 myself,master -\nb 192.0.2.2:1@2 fail? a\n";
    assert_eq!(seen(cluster(good, nodes), json!({})).await.outcome(), Outcome::Pass);
    let looked = seen(cluster(bad, nodes), json!({})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.cluster-down"], "{:?}", looked.findings);
    let looked = seen(cluster(good, suspect), json!({})).await;
    assert_eq!(looked.codes(Outcome::Warn), ["redis.node-failed"], "{:?}", looked.findings);
    let unreadable = seen(cluster("what", nodes), json!({})).await;
    assert_eq!(unreadable.codes(Outcome::Unknown), ["gonogo.answer-unreadable"]);
}

#[tokio::test]
async fn a_sentinel_is_judged_by_the_primaries_it_watches() {
    let up = "*1\r\n*4\r\n+name\r\n+game\r\n+flags\r\n+master\r\n";
    let down = "*1\r\n*4\r\n+name\r\n+game\r\n+flags\r\n+s_down,o_down,master\r\n";
    let (yes, no) = ("+OK 3 usable Sentinels\r\n", "-NOQUORUM 1 usable Sentinels\r\n");
    for (masters, quorum, code) in [
        (up, yes, None),
        (up, no, Some("redis.no-quorum")),
        (down, yes, Some("redis.master-down")),
        ("*0\r\n", yes, Some("redis.no-quorum")),
    ] {
        let sentinel = Likeness::info(&[("redis_mode", "sentinel")])
            .reply("SENTINEL MASTERS", masters)
            .reply("SENTINEL CKQUORUM game", quorum);
        let looked = seen(sentinel, json!({})).await;
        assert_eq!(looked.codes(Outcome::Fail), Vec::from_iter(code), "{:?}", looked.findings);
    }
    // Whoever may not ask for the quorum has heard no no.
    let sentinel = Likeness::info(&[("redis_mode", "sentinel")])
        .reply("SENTINEL MASTERS", up)
        .reply("SENTINEL CKQUORUM game", "-NOPERM this user has no permissions\r\n");
    let looked = seen(sentinel, json!({})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.denied"], "{:?}", looked.findings);
    assert_eq!(looked.outcome(), Outcome::Unknown, "{:?}", looked.findings);
}

#[tokio::test]
async fn what_the_role_may_not_see_is_unknown() {
    let no_info = Likeness::default().reply("INFO", "-NOPERM this user has no permissions\r\n");
    assert_eq!(seen(no_info, json!({})).await.codes(Outcome::Unknown), ["gonogo.denied"]);
    // An old server keeps maxclients to its configuration, and that to itself.
    let report = "redis_mode:standalone\r\nconnected_clients:1\r\nused_memory:1\r\nrole:master\r\n";
    let old = || Likeness::default().reply("INFO", bulk(report));
    let told = |looked: &Looked<Redis>| -> Vec<String> {
        let unknown = looked.findings.iter().filter(|it| it.outcome == Outcome::Unknown);
        unknown
            .map(|it| it.message.split(" needs ").next().unwrap_or_default().to_owned())
            .collect()
    };
    let looked = seen(old(), json!({})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.denied"], "{:?}", looked.findings);
    assert_eq!(told(&looked), ["reading maxclients", "reading maxmemory"]);
    // What it does not say of the disk is not taken for good, either.
    let wrote = |it: &&gonogo::model::finding::Finding| it.message.contains("in order");
    assert_eq!(looked.findings.iter().find(wrote), None);
    let looked = seen(old(), json!({"max_unsaved": "1h"})).await;
    assert!(
        told(&looked).iter().any(|it| it == "reading the age of the last snapshot"),
        "{:?}",
        looked.findings
    );
    let limit = |name: &str, value: &str| format!("*2\r\n{}{}", bulk(name), bulk(value));
    let open = old()
        .reply("CONFIG GET maxclients", limit("maxclients", "100"))
        .reply("CONFIG GET maxmemory", limit("maxmemory", "0"));
    let looked = seen(open, json!({})).await;
    assert_eq!(looked.codes(Outcome::Warn), ["redis.unlimited-memory"], "{:?}", looked.findings);
    assert_eq!(looked.outcome(), Outcome::Warn, "{:?}", looked.findings);
}

#[tokio::test]
async fn a_report_without_its_main_parts_is_none() {
    for part in ["used_memory", "role"] {
        let kept = QUIET.iter().filter(|(name, _)| *name != part);
        let lines: Vec<String> = kept.map(|(name, value)| format!("{name}:{value}\r\n")).collect();
        let looked =
            seen(Likeness::default().reply("INFO", bulk(&lines.concat())), json!({})).await;
        let unknown = looked.codes(Outcome::Unknown);
        assert_eq!(unknown, ["gonogo.answer-unreadable"], "{part} {:?}", looked.findings);
    }
}

#[tokio::test]
async fn the_age_of_a_snapshot_that_is_not_told_is_unknown() {
    let check = json!({"max_unsaved": "1h"});
    let looked = seen(Likeness::default(), check.clone()).await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.unsaved"], "{:?}", looked.findings);
    for part in ["rdb_last_save_time", "rdb_changes_since_last_save"] {
        let kept = QUIET.iter().filter(|(name, _)| *name != part);
        let lines: Vec<String> = kept.map(|(name, value)| format!("{name}:{value}\r\n")).collect();
        let silent = Likeness::default().reply("INFO", bulk(&lines.concat()));
        let looked = seen(silent, check.clone()).await;
        let unknown = looked.codes(Outcome::Unknown);
        assert_eq!(unknown, ["gonogo.denied"], "{part} {:?}", looked.findings);
    }
}

/// A Sentinel that names this address as the primary of `game`.
fn names(place: &str) -> Likeness {
    let (ip, port) = place.rsplit_once(':').expect("host and port");
    let masters = ["name", "game", "ip", ip, "port", port, "flags", "master"].map(bulk).concat();
    Likeness::info(&[("redis_mode", "sentinel"), ("role", "sentinel")])
        .reply("SENTINEL MASTERS", format!("*1\r\n*8\r\n{masters}"))
        .reply("SENTINEL CKQUORUM game", "+OK 3 usable Sentinels\r\n")
}

#[tokio::test]
async fn a_primary_that_no_sentinel_names_may_be_the_old_one() {
    let old = server(Likeness::default()).await;
    let place = old.trim_start_matches("redis://").to_owned();
    for (named, role, outcome) in [
        (place.as_str(), "master", Outcome::Pass),
        ("192.0.2.9:6379", "master", Outcome::Unknown),
        // What is no primary is none that a Sentinel would have to name.
        ("192.0.2.9:6379", "slave", Outcome::Warn),
    ] {
        let url = if role == "master" {
            old.clone()
        } else {
            server(Likeness::info(&[("role", role), ("master_link_status", "up")])).await
        };
        let sentinel = server(names(named)).await;
        let looked = look::<Redis>(json!({"url": url, "nodes": [sentinel]})).await;
        assert_eq!(looked.outcome(), outcome, "{named} {:?}", looked.findings);
        let split = looked.codes(Outcome::Unknown) == ["redis.split-view"];
        assert_eq!(split, outcome == Outcome::Unknown, "{named} {:?}", looked.findings);
    }
}

#[tokio::test]
async fn the_servers_no_is_told_apart_by_its_code() {
    for (bytes, code) in [
        (b"-ERR max number of clients reached\r\n".as_slice(), "redis.full"),
        (b"-NOAUTH Authentication required.\r\n", "redis.bad-password"),
        (b"-WRONGPASS invalid username-password pair\r\n", "redis.bad-password"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "redis.loading"),
        (b"-DENIED Redis is running in protected mode\r\n", "redis.login-denied"),
        (b"", "redis.hung-up"),
    ] {
        let looked = look::<Redis>(json!({"url": liar(bytes, true).await})).await;
        assert_eq!(looked.codes(Outcome::Fail), [code], "{:?}", looked.findings);
    }
    // The account is let in, and may not choose its database: that says nothing of the server.
    let url = server(Likeness::default().reply("SELECT 1", "-NOPERM no\r\n")).await;
    let looked = look::<Redis>(json!({"url": format!("{url}/1")})).await;
    assert_eq!(looked.outcome(), Outcome::Unknown, "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.denied"], "{:?}", looked.findings);
    let url = server(Likeness::default().reply("PING", "-NOPERM no\r\n")).await;
    assert_eq!(look::<Redis>(json!({"url": url})).await.outcome(), Outcome::Pass);
    let closed = json!({"url": format!("redis://{}", lab("LAB_CLOSED"))});
    assert_eq!(look::<Redis>(closed).await.codes(Outcome::Fail), ["redis.refused"]);
    let no_socket = json!({"url": "unix:///nonexistent/redis.sock"});
    assert_eq!(look::<Redis>(no_socket).await.codes(Outcome::Fail), ["redis.refused"]);
}

#[tokio::test]
async fn tls_is_always_verified() {
    // Any server with TLS will do: nothing of Redis is said before the handshake is over.
    let url = format!("rediss://127.0.0.1:{}", lab("LAB_HTTPS_PORT"));
    let looked = look::<Redis>(json!({"url": url, "ca": lab("LAB_CA")})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.tls-untrusted"], "{:?}", looked.findings);
    let alert: &[u8] = &[0x15, 3, 3, 0, 2, 2, 40];
    let url = liar(alert, true).await.replace("redis://", "rediss://");
    let looked = look::<Redis>(json!({"url": url, "ca": lab("LAB_CA")})).await;
    assert_eq!(looked.codes(Outcome::Fail), ["redis.tls-failed"], "{:?}", looked.findings);
}

#[tokio::test]
async fn silence_and_garbage_are_unknown() {
    for (bytes, hangs_up, code) in [
        (b"".as_slice(), false, "gonogo.timeout"),
        (b"+PO", false, "gonogo.timeout"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", true, "gonogo.answer-unreadable"),
        (b"$999999999999\r\n", false, "gonogo.answer-unreadable"),
    ] {
        let cx = context(Duration::from_millis(600));
        let looked = look_in::<Redis>(json!({"url": liar(bytes, hangs_up).await}), &cx).await;
        assert_eq!(looked.codes(Outcome::Unknown), [code], "{:?}", looked.findings);
    }
}

/// A server that lets everybody in, keeps its reply to `FIRST` to itself until something else is asked, and
/// answers no PING afterwards.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own needs its own task")]
async fn late() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            assert_eq!(command(&mut stream).await.as_deref(), Some("PING"));
            stream.get_mut().write_all(b"+PONG\r\n").await.expect("an open socket");
            if command(&mut stream).await.as_deref() == Some("FIRST") {
                let _next = command(&mut stream).await;
                let _written = stream.get_mut().write_all(b"+first\r\n").await;
            }
            open.push(stream);
        }
    });
    format!("redis://{address}")
}

#[tokio::test]
async fn a_reply_that_comes_too_late_is_never_taken_for_the_next_one() {
    let short = Duration::from_millis(50);
    let mut connection = super::connect(&late().await).await;
    let first = connection.ask(&["FIRST"], short).await.expect_err("it is late");
    assert!(matches!(first, Fault::Timeout { .. }), "{first}");
    let long = Duration::from_secs(2);
    assert_eq!(connection.ask(&["SECOND"], long).await, Err::<Reply, _>(first.clone()));
    assert_eq!(connection.ping(4, 4, long).await, Err(first));
}

#[tokio::test]
async fn all_pings_that_are_under_way_when_the_time_is_over_count() {
    let mut connection = super::connect(&late().await).await;
    let times = connection.ping(200, 4, Duration::from_millis(50)).await.expect("times");
    assert_eq!(times.len(), 4, "{times:?}");
    assert!(times.iter().all(|millis| *millis >= 40.0), "{times:?}");
    let after = connection.ask(&["SECOND"], Duration::from_secs(2)).await;
    assert!(matches!(after, Err(Fault::Timeout { .. })), "{after:?}");
}

#[test]
fn contradictions_are_complained_about() {
    for (parameters, key) in [
        (json!({"headroom": "10%"}), "headroom"),
        (json!({"headroom": "100%", "demand": {"connections": 1}}), "headroom"),
        (json!({"demand": {"connections": 0}}), "demand"),
        (json!({"ca": "ca.pem"}), "ca"),
    ] {
        let mut parameters = parameters;
        parameters["url"] = "redis://h".into();
        let probe: Redis = serde_json::from_value(parameters.clone()).expect("readable");
        let complaints = probe.complaints();
        assert_eq!(complaints.len(), 1, "{parameters}");
        assert_eq!(complaints[0].key, Some(key));
    }
}

#[test]
fn a_name_without_an_address_is_an_answer() {
    let probe: Redis = serde_json::from_value(json!({"url": "redis://h"})).expect("readable");
    let seen = serde_json::from_value(json!({
        "target": "h:6379", "login": {"refused": {"no-address": "NXDOMAIN"}}
    }));
    let times = context(Duration::from_secs(1)).times;
    let findings = probe.judge(&seen.expect("an observation"), &times);
    assert_eq!(findings[0].code, "redis.no-address");
}
