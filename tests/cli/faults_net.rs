//! Targets that are broken or mean harm, as a run of the built program meets them: it ends in time,
//! takes in no more than it must, and nothing of it is green.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::hostile::{Server, deaf, http};
use crate::support::{Desk, check, closed_port, limited, list, unshared};

/// What a check came to: its outcome and the code of its first finding.
fn came_to<'a>(record: &'a Value, id: &str) -> (&'a str, &'a str) {
    let check = check(record, id);
    let text = |value: &'a Value| value.as_str().unwrap_or_default();
    (text(&check["outcome"]), text(&check["findings"][0]["code"]))
}

fn assert_all(record: &Value, expected: &[(&str, &str, &str)]) {
    for (id, outcome, code) in expected {
        let line = check(record, id)["summary"].to_string();
        assert_eq!(came_to(record, id), (*outcome, *code), "{id}: {line}");
    }
}

fn url(kind: &str, scheme: &str, port: u16, more: &str) -> String {
    format!("timeout: 800ms, {kind}: {{ url: \"{scheme}://127.0.0.1:{port}/\"{more} }}")
}

fn plain(port: u16) -> String {
    url("http", "http", port, "")
}

fn tls(port: u16) -> String {
    format!("timeout: 800ms, tls: {{ endpoint: \"127.0.0.1:{port}\", revocation: off }}")
}

fn postgres(port: u16) -> String {
    let url = format!("postgres://u:secretly@127.0.0.1:{port}/d?sslmode=disable");
    format!("timeout: 800ms, postgres_pool: {{ url: \"{url}\", demand: {{ connections: 5 }} }}")
}

fn mysql(port: u16) -> String {
    let url = format!("mysql://u:secretly@127.0.0.1:{port}/d");
    format!("timeout: 800ms, mysql_pool: {{ url: \"{url}\", demand: {{ connections: 5 }} }}")
}

fn redis(port: u16) -> String {
    url("redis", "redis", port, ", demand: { connections: 5 }")
}

fn dns(port: u16) -> String {
    let server = format!("127.0.0.1:{port}");
    format!(
        "timeout: 800ms, dns: {{ names: [login.example.com], types: [A], resolvers: [\"{server}\"], authorities: off }}"
    )
}

fn banner(port: u16) -> String {
    format!("timeout: 800ms, tcp: {{ endpoint: \"127.0.0.1:{port}\", banner: \"ready\" }}")
}

fn silence(port: u16) -> String {
    format!(
        "timeout: 800ms, silence: {{ alertmanagers: [\"http://127.0.0.1:{port}\"], matchers: ['service=\"order\"'], for: 1h, comment: rollout }}"
    )
}

fn rules(port: u16) -> String {
    format!(
        "timeout: 800ms, alert_rules: {{ prometheus: \"http://127.0.0.1:{port}\", rules: [Down] }}"
    )
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
/// 10 GB.
const HUGE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n";
/// Says it is gzip, and would be 10 GB of zeros.
const BOMB: &str = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 10000000\r\n\r\n";
const HEAD: &str = "HTTP/1.1 200 OK\r\n";

/// A piece of a chunked body.
fn chunk() -> Vec<u8> {
    let mut piece = b"8000\r\n".to_vec();
    piece.extend(vec![b'x'; 0x8000]);
    piece.extend(b"\r\n");
    piece
}

/// Deflate blocks that stand for a long run of one byte: a distance of 1, the longest length, again
/// and again.
fn bomb() -> Vec<u8> {
    let mut piece = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xec, 0xc1, 0x01, 0x01];
    piece.extend(vec![0; 1 << 16]);
    piece
}

fn is_within(took: Duration, limit: Duration) {
    assert!(took < limit, "{took:?}, not within {limit:?}");
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun: Instant = gonogo::clock::Clock.tick();
    let done = work();
    (done, begun.elapsed())
}

#[test]
fn bodies_headers_and_redirects_without_end_are_bounded() {
    let desk = Desk::new();
    let huge = Server::flood(HUGE, vec![b'x'; 1 << 15]);
    let endless = Server::flood(CHUNKED, chunk());
    let packed = Server::flood(BOMB, bomb());
    let alertmanager = Server::flood(HUGE, vec![b'x'; 1 << 15]);
    let prometheus = Server::flood(CHUNKED, chunk());
    let headers = Server::flood(HEAD, b"x-more: and more and more and more\r\n".to_vec());
    let one_header = Server::flood("HTTP/1.1 200 OK\r\nx-long: ", vec![b'x'; 1 << 12]);
    let api_headers = Server::flood(HEAD, b"x-more: and more and more and more\r\n".to_vec());
    let api_packed = Server::flood(BOMB, bomb());
    let circle = Server::answering(|_| {
        "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n".into()
    });
    let onward = Server::answering(|path| {
        format!("HTTP/1.1 302 Found\r\nlocation: {path}x\r\ncontent-length: 0\r\n\r\n")
    });
    let wanted = |port| url("http", "http", port, ", body: never");
    let follow = |port| url("http", "http", port, ", follow: true");
    let text = list(&[
        ("huge", wanted(huge.port)),
        ("endless", wanted(endless.port)),
        ("bomb", wanted(packed.port)),
        ("headers", plain(headers.port)),
        ("one-header", plain(one_header.port)),
        ("circle", follow(circle.port)),
        ("onward", follow(onward.port)),
        ("am-huge", silence(alertmanager.port)),
        ("rules-huge", rules(prometheus.port)),
        ("am-headers", silence(api_headers.port)),
        ("rules-headers", rules(api_headers.port)),
        ("am-bomb", silence(api_packed.port)),
        ("rules-bomb", rules(api_packed.port)),
    ]);
    desk.write("list.yaml", &text);
    // What is taken in is bounded in memory too: without bounds any of them would take all there is.
    let (ran, took) =
        timed(|| limited(&desk, "--data=600000000", &["run", "list.yaml", "-q", "-o", "json"]));
    assert_eq!(ran.code, Some(1), "redirects in circles are the target's own: {}", ran.stderr);
    let record: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_all(
        &record,
        &[
            ("huge", "unknown", "http.body-too-large"),
            ("endless", "unknown", "http.body-too-large"),
            ("bomb", "unknown", "http.body-encoded"),
            ("headers", "unknown", "gonogo.answer-unreadable"),
            ("one-header", "unknown", "gonogo.answer-unreadable"),
            ("circle", "fail", "http.redirect-loop"),
            ("onward", "fail", "http.redirect-loop"),
        ],
    );
    for id in ["am-huge", "rules-huge", "am-headers", "rules-headers", "am-bomb", "rules-bomb"] {
        assert_eq!(came_to(&record, id).0, "unknown", "{id}");
    }
    is_within(took, Duration::from_secs(4));
    // A page is cut after 1 MiB, what an API answers after 64 MiB a question; what the kernels of both
    // sides hold is taken too.
    for (what, server, most) in [
        ("huge", &huge, 64),
        ("endless", &endless, 64),
        ("headers", &headers, 64),
        ("one header", &one_header, 64),
        ("bomb", &packed, 64),
        ("headers of an API", &api_headers, 64),
        ("alertmanager", &alertmanager, 512),
        ("prometheus", &prometheus, 512),
    ] {
        let sent = server.sent() >> 20;
        assert!(sent < most, "{what}: {sent} MiB were taken");
    }
}

#[test]
fn targets_that_drip_or_stall_are_unknown_in_time() {
    let desk = Desk::new();
    let drip = Server::dripping(b"", b"HTTP/1.1 200 OK\r\n");
    let body = Server::dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", b"x");
    // A TLS record header that promises a handshake message, and then a byte at a time.
    let hello = Server::dripping(&[0x16, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc], &[0]);
    let greeting = Server::dripping(&[0x4a, 0, 0, 0], b"\x0a8.0");
    let reply = Server::dripping(b"$1000000\r\n", b"x");
    let auth = Server::dripping(b"R\0\0\0\x0c\0\0\0", b"\0");
    let silent = Server::silent();
    let (_socket, udp) = deaf();
    // Long enough for some bytes to come, so that each of them could begin the wait anew.
    let text = list(&[
        ("http-head", plain(drip.port)),
        ("http-body", plain(body.port)),
        ("tls-hello", tls(hello.port)),
        ("tls-silent", tls(silent.port)),
        ("https-silent", url("http", "https", silent.port, "")),
        ("mysql", mysql(greeting.port)),
        ("redis", redis(reply.port)),
        ("postgres", postgres(auth.port)),
        ("pg-silent", postgres(silent.port)),
        ("dns", dns(udp)),
        ("dns-tcp", dns(silent.port).replace("\"127", "\"tcp://127")),
        ("silence", silence(body.port)),
        ("rules", rules(drip.port)),
    ])
    .replace("timeout: 800ms", "timeout: 2500ms");
    let ((code, record), took) = timed(|| desk.record(&text, &[]));
    assert!(drip.sent() >= 2, "nothing has dripped");
    for step in record["steps"].as_array().expect("steps") {
        for check in step["checks"].as_array().expect("checks") {
            assert_eq!(check["outcome"], "unknown", "{}: {}", check["id"], check["summary"]);
        }
    }
    assert_eq!(code, Some(3));
    is_within(took, Duration::from_secs(6));
}

/// What no protocol is, with what would draw on a terminal.
const NOISE: &[u8] =
    b"\x00\xff\xfe\x80 \x1b[2J\xe2\x80\xae\r\n\r\n\x7f\x16\x03\x01\xff\xff garbage";

#[test]
fn garbage_is_unreadable_and_never_a_pass() {
    let desk = Desk::new();
    let noise = Server::saying(NOISE);
    let smtp = Server::saying(b"220 mail.example ESMTP\r\n");
    let json = Server::answering(|_| http("{\"status\": [[[[[[[1]]]]]], \"data\": null}"));
    let deep = Server::answering(|_| http(&"[".repeat(200_000)));
    let text = list(&[
        ("http", plain(noise.port)),
        ("tls", tls(noise.port)),
        ("tls-smtp", tls(smtp.port)),
        ("postgres", postgres(noise.port)),
        ("pg-smtp", postgres(smtp.port)),
        ("mysql", mysql(noise.port)),
        ("mysql-smtp", mysql(smtp.port)),
        ("redis", redis(noise.port)),
        ("redis-smtp", redis(smtp.port)),
        ("banner", banner(smtp.port)),
        ("dns-tcp", dns(noise.port).replace("\"127", "\"tcp://127")),
        ("silence", silence(json.port)),
        ("silence-deep", silence(deep.port)),
        ("rules", rules(json.port)),
        ("rules-deep", rules(deep.port)),
    ]);
    let ((code, record), took) = timed(|| desk.record(&text, &[]));
    assert!(matches!(code, Some(1 | 3)), "{code:?}");
    for check in record["steps"][0]["checks"].as_array().expect("checks") {
        let id = check["id"].as_str().expect("an id");
        let outcome = check["outcome"].as_str().expect("an outcome");
        assert!(["unknown", "fail"].contains(&outcome), "{id}: {outcome} {}", check["summary"]);
        assert!(!check.to_string().contains('\u{1b}'), "{id} draws on terminals");
        assert_ne!(check["findings"][0]["code"], "gonogo.bug", "{id}: {}", check["summary"]);
    }
    is_within(took, Duration::from_secs(4));
}

/// One check of every kind that uses the network, of hosts outside this machine.
fn far_away() -> String {
    list(&[
        ("tcp", "timeout: 2s, tcp: { endpoint: \"192.0.2.1:443\" }".to_owned()),
        ("name", "timeout: 2s, tcp: { endpoint: \"login.example.com:443\" }".to_owned()),
        ("http", "timeout: 2s, http: { url: \"http://login.example.com/\" }".to_owned()),
        ("dns", "timeout: 2s, dns: { names: [login.example.com], authorities: off }".to_owned()),
        ("dns-at", dns(53).replace("127.0.0.1", "192.0.2.53")),
        ("tls", tls(443).replace("127.0.0.1", "192.0.2.1")),
        ("tls-name", tls(443).replace("127.0.0.1", "login.example.com")),
        ("postgres", postgres(5432).replace("127.0.0.1", "192.0.2.1")),
        ("pg-name", postgres(5432).replace("127.0.0.1", "db.example.com")),
        ("mysql", mysql(3306).replace("127.0.0.1", "192.0.2.1")),
        ("redis", redis(6379).replace("127.0.0.1", "cache.example.com")),
        ("silence", silence(9093).replace("127.0.0.1", "am.example.com")),
        ("rules", rules(9090).replace("127.0.0.1", "192.0.2.1")),
    ])
}

/// Runs [`far_away`] after a shell line in namespaces of their own.
fn cut_off(prepare: &str) -> (Option<i32>, Value) {
    cut_off_with(&far_away(), "nameserver 192.0.2.53\n", "", prepare)
}

/// Runs what is asked for, and ends what was started before it.
const LEAVE: &str = "\"$@\"; code=$?; kill $! 2>&-; exit $code";

/// The same with any list, resolver and configuration of unbound.
fn cut_off_with(text: &str, resolver: &str, unbound: &str, prepare: &str) -> (Option<i32>, Value) {
    let desk = Desk::new();
    desk.write("list.yaml", text);
    desk.write("resolv.conf", resolver);
    desk.write("unbound.conf", unbound);
    desk.write("empty.conf", "");
    let own = desk.command(&[]);
    let output = unshared("nm")
        .args(["sh", "-c", &format!("{{ {prepare}; }} || exit 99; {LEAVE}"), "sh"])
        .arg(own.get_program())
        .args(["run", "list.yaml", "-o", "json", "-q"])
        .current_dir(desk.path("."))
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", desk.path("."))
        .output()
        .expect("unshare (util-linux)");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(99), "{stderr}");
    let record = serde_json::from_slice(&output.stdout);
    (output.status.code(), record.unwrap_or_else(|error| panic!("{error}: {stderr}")))
}

#[test]
fn without_routes_or_resolvers_nothing_is_learnt_and_nothing_is_green() {
    let bind = |file: &str| format!("mount --bind {file} /etc/resolv.conf");
    for prepare in [bind("resolv.conf"), bind("empty.conf")] {
        let ((code, record), took) = timed(|| cut_off(&prepare));
        assert_eq!(code, Some(3), "{prepare}");
        for check in record["steps"][0]["checks"].as_array().expect("checks") {
            let id = check["id"].as_str().expect("an id");
            let code = check["findings"][0]["code"].as_str().expect("a code");
            assert_eq!(check["outcome"], "unknown", "{prepare}: {id}: {}", check["summary"]);
            let known = ["gonogo.unreachable", "gonogo.name-unresolved", "gonogo.local"];
            assert!(known.contains(&code), "{prepare}: {id}: {code}");
        }
        is_within(took, Duration::from_secs(5));
    }
}

/// One check of every kind that looks a name up by the system's resolver.
fn by_name() -> String {
    list(&[
        ("tcp", banner(443).replace("127.0.0.1", "login.example.com")),
        ("http", plain(80).replace("127.0.0.1", "login.example.com")),
        ("tls", tls(443).replace("127.0.0.1", "login.example.com")),
        ("dns", "timeout: 800ms, dns: { names: [login.example.com], authorities: off }".to_owned()),
        ("postgres", postgres(5432).replace("127.0.0.1", "db.example.com")),
        ("mysql", mysql(3306).replace("127.0.0.1", "db.example.com")),
        ("redis", redis(6379).replace("127.0.0.1", "cache.example.com")),
        ("silence", silence(9093).replace("127.0.0.1", "am.example.com")),
        ("rules", rules(9090).replace("127.0.0.1", "prometheus.example.com")),
    ])
}

/// What unbound is told, to refuse all questions, or to fail at all of them: it has no way out.
fn unbound(more: &str) -> String {
    let own =
        "username: \"\"\n  chroot: \"\"\n  directory: \".\"\n  pidfile: \"\"\n  use-syslog: no";
    format!(
        "server:\n  {own}\n  interface: 127.0.0.1\n  do-not-query-localhost: no\n  local-data: \"up. A 127.0.0.1\"\n{more}"
    )
}

#[test]
fn a_resolver_that_is_deaf_closed_refuses_or_fails_teaches_nothing() {
    let serve = "unbound -d -c unbound.conf 2>unbound.log & \
                 for n in $(seq 100); do dig +tries=1 +time=1 up. >/dev/null && break; sleep 0.05; done";
    for (what, prepare, config) in [
        ("closed", ":", String::new()),
        ("deaf", "socat -u UDP4-RECV:53,bind=127.0.0.1 - >/dev/null & sleep 0.3", String::new()),
        ("refuses", serve, unbound("  local-zone: \".\" always_refuse\n")),
        ("fails", serve, unbound("stub-zone:\n  name: .\n  stub-addr: 127.0.0.1@1\n")),
    ] {
        let prepare = format!(
            "ip link set lo up && mount --bind resolv.conf /etc/resolv.conf && {{ {prepare}; }}"
        );
        let ((code, record), took) =
            timed(|| cut_off_with(&by_name(), "nameserver 127.0.0.1\n", &config, &prepare));
        for check in record["steps"][0]["checks"].as_array().expect("checks") {
            let id = check["id"].as_str().expect("an id");
            // That a resolver refuses or fails is what the kind `dns` is there to tell; one that fails
            // may take longer for it than it is given.
            let tells = id == "dns" && matches!(what, "refuses" | "fails");
            if tells && check["outcome"] == "fail" {
                continue;
            }
            assert!(!tells || what == "fails", "{what}: {}", check["summary"]);
            assert_eq!(check["outcome"], "unknown", "{what}: {id}: {}", check["summary"]);
        }
        assert!(matches!(code, Some(1 | 3)), "{what}: {code:?}");
        is_within(took, Duration::from_secs(15));
    }
}

#[test]
fn a_port_that_nobody_listens_on_is_an_answer_though_the_kernel_gives_it() {
    let desk = Desk::new();
    let (code, record) = desk.record(&list(&[("a", plain(closed_port()))]), &[]);
    assert_eq!((code, came_to(&record, "a")), (Some(1), ("fail", "http.refused")));
}
