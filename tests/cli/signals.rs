//! Signals: the first one stops and reports; a killed run can be reported and is never GO.

use std::process::{Child, Stdio};

use crate::support::{Desk, is_running, list, listener, send, shell, tcp, until};

/// A run that has one answer and waits for another, which will not come.
fn waiting(desk: &Desk) -> Child {
    let (_listener, open) = listener();
    let slow = format!("timeout: 60s, {}", shell("touch begun; sleep 60"));
    desk.write("list.yaml", list(&[("quick", tcp(open)), ("slow", slow)]));
    let child = desk
        .command(&["run", "list.yaml", "--allow", "exec", "-o", "json=r.json"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    until("the slow check's begin", || desk.path("begun").exists());
    until("the quick check's end", || {
        desk.logs().iter().any(|log| {
            std::fs::read_to_string(log).is_ok_and(|text| text.contains("check-finished"))
        })
    });
    child
}

#[test]
fn sigint_and_sigterm_stop_the_run_and_write_the_partial_record() {
    for (signal, code, stopped) in [("-INT", 130, "interrupt"), ("-TERM", 143, "terminate")] {
        let desk = Desk::new();
        let mut child = waiting(&desk);
        send(&child, signal);
        assert_eq!(child.wait().expect("an end").code(), Some(code), "{signal}");
        let record: serde_json::Value = serde_json::from_str(&desk.read("r.json")).expect("JSON");
        assert_eq!(record["stopped"], stopped);
        assert_eq!(record["verdict"]["decision"], "hold");
        let checks = &record["steps"][0]["checks"];
        assert_eq!(
            (&checks[0]["outcome"], &checks[1]["outcome"]),
            (&"pass".into(), &"unknown".into())
        );
        assert_eq!(checks[1]["findings"][0]["code"], "gonogo.interrupted");
    }
}

#[test]
fn a_killed_run_is_reported_from_its_log_and_is_not_go() {
    let desk = Desk::new();
    let mut child = waiting(&desk);
    child.kill().expect("killed");
    child.wait().expect("an end");
    let ran = desk.gonogo(&["report", "-o", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let record: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(record["verdict"], serde_json::json!({"decision": "hold", "because": ["slow"]}));
    assert_eq!(record["finished"], serde_json::Value::Null);
}

#[test]
fn a_stopped_run_leaves_no_program_behind() {
    let desk = Desk::new();
    let marker = format!("6{}", std::process::id());
    desk.write(
        "list.yaml",
        list(&[(
            "slow",
            format!("timeout: 60s, {}", shell(&format!("touch begun; sleep {marker} & wait"))),
        )]),
    );
    let mut child = desk
        .command(&["run", "list.yaml", "--allow", "exec"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    until("the program's begin", || desk.path("begun").exists());
    send(&child, "-INT");
    child.wait().expect("an end");
    until("the program's end", || !is_running(&format!("^sleep {marker}$")));
}
