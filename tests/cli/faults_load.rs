//! Load: the deadline with every hostile target at once, many jobs, few jobs, and politeness counted at
//! the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::hostile::{Server, deaf, http};
use crate::support::{Desk, check, list, send, until};

/// Runs a list with more arguments and gives its code, its record and how long it took.
fn timed(desk: &Desk, text: &str, more: &[&str]) -> (Option<i32>, Value, Duration) {
    let begun = gonogo::clock::Clock.tick();
    let (code, record) = desk.record(text, more);
    (code, record, begun.elapsed())
}

/// Whether the run itself lasted no longer than this, in seconds: what a loaded machine needs to start it
/// and to take it down again does not count.
fn lasted(record: &Value, most: f64) {
    let at = |key: &str| -> jiff::Timestamp {
        record[key].as_str().expect("text").parse().expect("an instant")
    };
    let took = at("finished").duration_since(at("started")).as_secs_f64();
    assert!(took < most, "{took} s");
}

#[test]
fn a_deadline_holds_for_every_hostile_target_at_once() {
    let desk = Desk::new();
    let drip = Server::dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b"x");
    let hello = Server::dripping(&[0x16, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc], &[0]);
    let greeting = Server::dripping(&[0x4a, 0, 0, 0], b"\x0a8.0");
    let headers = Server::flood("HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n".to_vec());
    let slow = Server::answering(|path| {
        std::thread::sleep(Duration::from_millis(300));
        format!("HTTP/1.1 302 Found\r\nlocation: {path}x\r\ncontent-length: 0\r\n\r\n")
    });
    let silent = Server::silent();
    let (_socket, udp) = deaf();
    let pool = "demand: { connections: 5 }";
    let mut checks = Vec::new();
    for (n, port) in [drip.port, hello.port, greeting.port, headers.port, slow.port, silent.port]
        .into_iter()
        .enumerate()
    {
        for (kind, body) in [
            (
                "http",
                format!("http: {{ url: \"http://127.0.0.1:{port}/\", follow: true, body: never }}"),
            ),
            ("https", format!("http: {{ url: \"https://127.0.0.1:{port}/\" }}")),
            ("tls", format!("tls: {{ endpoint: \"127.0.0.1:{port}\" }}")),
            (
                "pg",
                format!("postgres_pool: {{ url: \"postgres://u@127.0.0.1:{port}/d\", {pool} }}"),
            ),
            ("mysql", format!("mysql_pool: {{ url: \"mysql://u@127.0.0.1:{port}/d\", {pool} }}")),
            ("redis", format!("redis: {{ url: \"redis://127.0.0.1:{port}/\", {pool} }}")),
            ("banner", format!("tcp: {{ endpoint: \"127.0.0.1:{port}\", banner: never }}")),
            (
                "rules",
                format!(
                    "alert_rules: {{ prometheus: \"http://127.0.0.1:{port}\", rules: [Down] }}"
                ),
            ),
            (
                "am",
                format!(
                    "silence: {{ alertmanagers: [\"http://127.0.0.1:{port}\"], matchers: ['a=\"b\"'], for: 1h, comment: c }}"
                ),
            ),
            (
                "dns",
                format!(
                    "dns: {{ names: [a.example.com], resolvers: [\"tcp://127.0.0.1:{port}\"], authorities: off }}"
                ),
            ),
        ] {
            checks.push((format!("{kind}{n}"), format!("timeout: 60s, {body}")));
        }
    }
    checks.push(("udp".to_owned(), format!("timeout: 60s, dns: {{ names: [a.example.com], resolvers: [\"127.0.0.1:{udp}\"], authorities: off }}")));
    checks.push(("program".to_owned(), "timeout: 60s, command: { run: [sleep, '60'] }".to_owned()));
    let more = ["--deadline", "2s", "--allow", "exec", "--jobs", "200", "--apply"];
    let (code, record, took) = timed(&desk, &list(&checks), &more);
    lasted(&record, 2.9);
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert!(matches!(code, Some(1 | 3)), "{code:?}");
    assert_eq!(record["stopped"], "deadline");
    for check in record["steps"][0]["checks"].as_array().expect("checks") {
        let outcome = check["outcome"].as_str().expect("an outcome");
        assert!(["unknown", "fail"].contains(&outcome), "{}: {}", check["id"], check["summary"]);
    }
    let read = gonogo::history::read(&desk.logs()[0]).expect("a record");
    assert_eq!(serde_json::to_value(read).expect("JSON"), record);
}

/// An Alertmanager that shows itself as the real one does, and takes no silence for ever.
fn hanging_alertmanager() -> Server {
    Server::new(|victim| {
        loop {
            let request = victim.request();
            let mut words = request.split(' ');
            let (method, path) =
                (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let answer = match (method, path.split('?').next().unwrap_or_default()) {
                ("GET", "/api/v2/status") => http(
                    "{\"cluster\":{\"name\":\"a\",\"status\":\"ready\",\"peers\":[{\"name\":\"a\",\"address\":\"127.0.0.1:9094\"}]},\
                     \"config\":{\"original\":\"route:\\n  receiver: x\\nreceivers:\\n- name: x\\n\"},\
                     \"uptime\":\"2026-11-20T00:00:00.000Z\",\"versionInfo\":{\"branch\":\"\",\"buildDate\":\"\",\
                     \"buildUser\":\"\",\"goVersion\":\"\",\"revision\":\"\",\"version\":\"0.28.0\"}}",
                ),
                ("GET", _) => http("[]"),
                _ => return victim.listen(),
            };
            if !victim.send(answer.as_bytes()) {
                return;
            }
        }
    })
}

#[test]
fn a_change_that_hangs_does_not_outlive_the_deadline() {
    let desk = Desk::new();
    let server = hanging_alertmanager();
    let body = format!(
        "timeout: 60s, silence: {{ alertmanagers: [\"http://127.0.0.1:{}\"], matchers: ['service=\"order\"'], for: 1h, comment: rollout }}",
        server.port
    );
    let (code, record, took) =
        timed(&desk, &list(&[("am", body)]), &["--apply", "--deadline", "2s"]);
    assert_eq!(code, Some(3), "{record:#}");
    lasted(&record, 2.9);
    assert!(took < Duration::from_secs(6), "{took:?}");
    let check = check(&record, "am");
    assert_eq!(check["changes"][0]["state"], "intended", "{check:#}");
    assert_eq!((&check["outcome"], &record["stopped"]), (&"unknown".into(), &"deadline".into()));
}

#[test]
fn a_second_signal_leaves_a_change_that_hangs_and_its_intent_is_on_the_disk() {
    let desk = Desk::new();
    let server = hanging_alertmanager();
    let body = format!(
        "timeout: 60s, silence: {{ alertmanagers: [\"http://127.0.0.1:{}\"], matchers: ['service=\"order\"'], for: 1h, comment: rollout }}",
        server.port
    );
    desk.write("list.yaml", list(&[("am", body)]));
    let mut child = desk
        .command(&["run", "list.yaml", "--apply", "-q"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    let log = || desk.logs().pop().and_then(|log| std::fs::read_to_string(log).ok());
    until("the intent", || log().is_some_and(|text| text.contains("change-intended")));
    send(&child, "-TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(child.try_wait().expect("a state"), None, "a change comes to its end");
    let begun = gonogo::clock::Clock.tick();
    send(&child, "-TERM");
    assert_eq!(child.wait().expect("an end").code(), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(5), "it left late");
    let read = gonogo::history::read(&desk.logs()[0]).expect("a record");
    let record = serde_json::to_value(read).expect("JSON");
    assert_eq!(check(&record, "am")["changes"][0]["state"], "intended", "{record:#}");
    assert_ne!(record["verdict"]["decision"], "go");
}

/// A server that holds every answer for a while, and how many it held at once at most.
struct Counted {
    server: Server,
    most: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
}

fn counted(everywhere: &Arc<(AtomicUsize, AtomicUsize)>, greets: bool) -> Counted {
    let (now, most, all) =
        (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen, asked, total) = (Arc::clone(&most), Arc::clone(&all), Arc::clone(everywhere));
    let server = Server::new(move |victim| {
        if !greets {
            victim.request();
        }
        let here = now.fetch_add(1, Ordering::SeqCst) + 1;
        let there = total.0.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(here, Ordering::SeqCst);
        total.1.fetch_max(there, Ordering::SeqCst);
        asked.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(25));
        now.fetch_sub(1, Ordering::SeqCst);
        total.0.fetch_sub(1, Ordering::SeqCst);
        victim.send(http("{}").as_bytes());
        victim.listen();
    });
    Counted { server, most, all }
}

#[test]
fn a_peer_is_asked_by_four_at_a_time_however_many_jobs_there_are() {
    let ask = |port: u16| format!("timeout: 20s, http: {{ url: \"http://127.0.0.1:{port}/\" }}");
    let greet = |port: u16| {
        format!("timeout: 20s, tcp: {{ endpoint: \"127.0.0.1:{port}\", banner: HTTP }}")
    };
    for (jobs, at_once, greets) in
        [("1", 1..=1, false), ("2000", 33..=160, false), ("2000", 33..=160, true)]
    {
        let desk = Desk::new();
        let everywhere = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let servers: Vec<Counted> = (0..40).map(|_| counted(&everywhere, greets)).collect();
        let checks = if jobs == "1" { 60 } else { 480 };
        let checks: Vec<(String, String)> = (0..checks)
            .map(|n| {
                let port = servers[n % servers.len()].server.port;
                (format!("c{n}"), if greets { greet(port) } else { ask(port) })
            })
            .collect();
        let (code, record, _) = timed(&desk, &list(&checks), &["--jobs", jobs]);
        assert_eq!(code, Some(0), "{}", record["counts"]);
        for counted in &servers {
            assert!(counted.most.load(Ordering::SeqCst) <= 4, "--jobs {jobs}");
        }
        let asked: usize = servers.iter().map(|one| one.all.load(Ordering::SeqCst)).sum();
        assert_eq!(asked, checks.len(), "each check asks once");
        let most = everywhere.1.load(Ordering::SeqCst);
        assert!(at_once.contains(&most), "--jobs {jobs}: {most} at once");
    }
    let desk = Desk::new();
    desk.write("list.yaml", list(&[("a", "tcp: { endpoint: \"127.0.0.1:1\" }".to_owned())]));
    assert_eq!(desk.gonogo(&["run", "list.yaml", "--jobs", "0"]).code, Some(2));
}
