//! What the machine does to a run: its clock is set back, its open files run out.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::hostile::Server;
use crate::support::{Desk, check, limited, list, listener, shell, tcp, until};

/// The library that shows a program another clock.
fn libfaketime() -> String {
    let found =
        Command::new("sh").args(["-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"]).output();
    let found = String::from_utf8(found.expect("sh").stdout).expect("UTF-8");
    found.lines().next().expect("libfaketime, of the Debian package faketime").to_owned()
}

#[test]
fn a_clock_that_is_set_back_or_forward_bends_neither_verdict_nor_durations() {
    for step in ["-3600", "+3600"] {
        let desk = Desk::new();
        let (_listener, open) = listener();
        let line = "touch begun; while test ! -e go; do sleep 0.02; done";
        let slow = format!("needs: [a], {}", shell(line));
        desk.write(
            "list.yaml",
            list(&[
                ("a", tcp(open)),
                ("slow", slow),
                ("b", format!("needs: [slow], {}", tcp(open))),
            ]),
        );
        let clock = desk.write("clock", "+0");
        let arguments = [
            "run",
            "list.yaml",
            "-q",
            "--allow",
            "exec",
            "--deadline",
            "20s",
            "-o",
            "json=r.json",
            "-o",
            "junit=r.xml",
        ];
        let mut child = desk
            .command(&arguments)
            .env("LD_PRELOAD", libfaketime())
            .env("FAKETIME_TIMESTAMP_FILE", &clock)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        until("the slow check's begin", || desk.path("begun").exists());
        std::fs::write(&clock, step).expect("the clock");
        std::fs::write(desk.path("go"), "").expect("a file");
        assert_eq!(child.wait().expect("an end").code(), Some(0), "{step}");
        let record: Value = serde_json::from_str(&desk.read("r.json")).expect("JSON");
        assert_eq!(record["verdict"]["decision"], "go");
        let at = |value: &Value| -> jiff::Timestamp {
            value.as_str().expect("text").parse().expect("an instant")
        };
        let (started, finished) = (at(&record["started"]), at(&record["finished"]));
        let took = finished.duration_since(started).as_secs();
        let expected = if step == "+3600" { 3_600..3_700 } else { 0..100 };
        assert!(expected.contains(&took), "{step}: {started} to {finished}");
        let times: Vec<_> = ["a", "slow", "b"].map(|id| at(&check(&record, id)["started"])).into();
        assert!(times.is_sorted() && started <= times[0] && times[2] <= finished, "{times:?}");
        for id in ["a", "slow", "b"] {
            let millis = check(&record, id)["duration_ms"].as_f64().expect("a number");
            assert!((0.0..60_000.0).contains(&millis), "{id} took {millis} ms");
        }
        assert!(!desk.read("r.xml").contains("time=\"-"), "{}", desk.read("r.xml"));
        let read = gonogo::history::read(&desk.logs()[0]).expect("a record");
        assert_eq!(serde_json::to_value(read).expect("JSON"), record);
    }
}

/// A hundred checks of as many ports.
fn hundred(servers: &[Server]) -> String {
    let checks: Vec<(String, String)> = (0..100)
        .map(|n| {
            (
                format!("c{n}"),
                format!(
                    "http: {{ url: \"http://127.0.0.1:{}/\" }}",
                    servers[n % servers.len()].port
                ),
            )
        })
        .collect();
    list(&checks)
}

#[test]
fn the_limit_of_open_files_is_raised_or_kept_to_and_said() {
    let slow = || {
        Server::answering(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            crate::hostile::http("{}")
        })
    };
    let servers: Vec<Server> = (0..25).map(|_| slow()).collect();
    for (limit, said) in [
        ("48:48", Some("the limit of 48 open files has room for 4 checks at a time, not 100")),
        ("48:4096", None),
    ] {
        let desk = Desk::new();
        desk.write("list.yaml", hundred(&servers));
        let ran = limited(
            &desk,
            &format!("--nofile={limit}"),
            &["run", "list.yaml", "--jobs", "100", "-o", "json", "-q"],
        );
        assert_eq!(ran.code, Some(0), "{limit}: {}", ran.stderr);
        let record: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!(record["counts"]["pass"], 100);
        assert_eq!(ran.stderr.is_empty(), said.is_none(), "{limit}: {}", ran.stderr);
        assert!(ran.stderr.contains(said.unwrap_or_default()), "{limit}: {}", ran.stderr);
    }
}

#[test]
fn a_check_that_runs_out_of_files_is_unknown() {
    let desk = Desk::new();
    // One check of more addresses than there are files; each accepts, and none answers at once.
    let server = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    let addresses: Vec<String> = (1..60).map(|n| format!("127.0.0.{n}")).collect();
    let body = format!(
        "timeout: 1s, http: {{ url: \"http://login.example.com:{port}/\", addresses: [{}] }}",
        addresses.join(", ")
    );
    desk.write("list.yaml", list(&[("many", body)]));
    let ran = limited(&desk, "--nofile=40:40", &["run", "list.yaml", "-o", "json", "-q"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let record: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let text = check(&record, "many")["findings"].to_string();
    assert!(text.contains("Too many open files") && text.contains("gonogo.local"), "{text}");
    assert!(!text.contains("\"fail\"") && !text.contains("\"pass\""), "{text}");
}

#[test]
fn no_files_at_all_is_an_error_and_no_verdict() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    for limit in ["8:8", "16:16", "23:23"] {
        let ran = limited(&desk, &format!("--nofile={limit}"), &["run", "list.yaml"]);
        assert_eq!(ran.code, Some(2), "{limit}: {}", ran.stderr);
        assert!(ran.stderr.contains("leaves no room to run anything"), "{limit}: {}", ran.stderr);
    }
    let ran = limited(&desk, "--nofile=24:24", &["run", "list.yaml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}
