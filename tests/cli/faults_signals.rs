//! Signals beyond the first polite one: a second Ctrl-C, a terminal that goes away, a pause, and
//! SIGKILL at any moment.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Desk, Ran, check, closed_port, is_running, list, listener, send, shell, tcp, until,
};

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

/// Which state the kernel says a process is in, such as `T` for stopped.
fn state(child: &Child) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// A run whose only check has run a program that sleeps.
fn asleep(desk: &Desk, sleep: &str, more: &[&str]) -> Child {
    let line = format!("touch begun; sleep {sleep} & wait");
    desk.write("list.yaml", list(&[("slow", format!("timeout: 60s, {}", shell(&line)))]));
    let mut arguments = vec!["run", "list.yaml", "--allow", "exec", "-o", "json=r.json"];
    arguments.extend(more);
    let child = start(desk.command(&arguments));
    until("the program's begin", || desk.path("begun").exists());
    child
}

#[test]
fn the_second_signal_does_not_wait_for_a_report_that_nobody_reads() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    let pipe = desk.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let mut child = start(desk.command(&["run", "list.yaml", "-q", "-o", "json=pipe"]));
    until("the run's end", || {
        let log = desk.logs().pop().and_then(|log| std::fs::read_to_string(log).ok());
        log.is_some_and(|text| text.contains("run-finished"))
    });
    send(&child, "-INT");
    // The first one is for what goes on; it must have been heard before the second one counts.
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(child.try_wait().expect("a state"), None, "the report may still be read");
    send(&child, "-TERM");
    assert_eq!(child.wait().expect("an end").code(), Some(143));
}

#[test]
fn a_run_that_is_left_at_once_leaves_no_program_behind() {
    let desk = Desk::new();
    let marker = format!("7{}", std::process::id());
    let pipe = desk.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let mut child = asleep(&desk, &marker, &["-o", "html=pipe"]);
    send(&child, "-INT");
    until("the partial record", || desk.path("r.json").exists());
    send(&child, "-INT");
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    until("the program's end", || !is_running(&format!("^sleep {marker}$")));
    let record: Value = serde_json::from_str(&desk.read("r.json")).expect("JSON");
    assert_eq!(record["stopped"], "interrupt");
}

#[test]
fn a_terminal_that_goes_away_ends_the_run_with_a_record() {
    let desk = Desk::new();
    let mut child = asleep(&desk, "60", &[]);
    send(&child, "-HUP");
    assert_eq!(child.wait().expect("an end").code(), Some(129));
    let record: Value = serde_json::from_str(&desk.read("r.json")).expect("JSON");
    assert_eq!(
        (&record["stopped"], &record["verdict"]["decision"]),
        (&"hang-up".into(), &"hold".into())
    );
    assert_eq!(check(&record, "slow")["findings"][0]["code"], "gonogo.interrupted");
}

#[test]
fn what_was_ignored_before_the_run_stays_ignored() {
    for (trap, signal) in [("HUP", "-HUP"), ("INT", "-INT")] {
        let desk = Desk::new();
        let line = "touch begun; while test ! -e go; do sleep 0.02; done";
        desk.write("list.yaml", list(&[("slow", format!("timeout: 60s, {}", shell(line)))]));
        let own = desk.command(&[]);
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("trap '' {trap}; exec \"$0\" run list.yaml -q --allow exec")])
            .arg(own.get_program())
            .current_dir(desk.path("."))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", desk.path("."));
        let mut child = start(command);
        until("the program's begin", || desk.path("begun").exists());
        send(&child, signal);
        std::fs::write(desk.path("go"), "").expect("a file");
        assert_eq!(child.wait().expect("an end").code(), Some(0), "{signal}");
    }
}

#[test]
fn sigpipe_and_readers_that_are_gone_change_nothing() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let line = "touch begun; while test ! -e go; do sleep 0.02; done";
    desk.write(
        "list.yaml",
        list(&[("slow", shell(line)), ("bad", tcp(closed_port())), ("a", tcp(open))]),
    );
    let mut command = desk.command(&["run", "list.yaml", "--allow", "exec", "-o", "jsonl"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    until("the program's begin", || desk.path("begun").exists());
    drop((child.stdout.take(), child.stderr.take()));
    send(&child, "-PIPE");
    std::fs::write(desk.path("go"), "").expect("a file");
    assert_eq!(child.wait().expect("an end").code(), Some(1));
    let read = gonogo::history::read(&desk.logs()[0]).expect("a record");
    assert_eq!(read.count().fail, 1);
    assert!(read.finished.is_some());
}

#[test]
fn a_process_that_was_paused_ends_with_the_verdict_of_one_that_was_not() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let line = "touch begun; while test ! -e go; do sleep 0.02; done";
    let slow = format!("timeout: 3s, {}", shell(line));
    desk.write("list.yaml", list(&[("slow", slow), ("a", tcp(open))]));
    let mut child =
        start(desk.command(&["run", "list.yaml", "--allow", "exec", "-o", "json=r.json"]));
    until("the program's begin", || desk.path("begun").exists());
    send(&child, "-STOP");
    until("the pause", || state(&child) == Some('T'));
    std::fs::write(desk.path("go"), "").expect("a file");
    // Longer than the check may take: its answer came in time, and is there when the process goes on.
    std::thread::sleep(Duration::from_millis(3_500));
    send(&child, "-CONT");
    assert_eq!(child.wait().expect("an end").code(), Some(0), "{}", desk.read("r.json"));
    let record: Value = serde_json::from_str(&desk.read("r.json")).expect("JSON");
    assert_eq!(record["verdict"]["decision"], "go");
}

/// A run that is paused for a while after its `http` check has asked, and before it is answered; `more`
/// are the check's further parameters. It must end in GO; gives its record.
fn paused_before_the_answer(timeout: &str, more: &str, pause: Duration) -> Value {
    let desk = Desk::new();
    let go = desk.path("go");
    let begun = desk.path("begun");
    let server = crate::hostile::Server::answering(move |_| {
        std::fs::write(&begun, "").expect("a file");
        until("the pause", || go.exists());
        crate::hostile::http("{}")
    });
    let url = format!("http://127.0.0.1:{}/", server.port);
    let body = format!("timeout: {timeout}, http: {{ url: \"{url}\"{more} }}");
    desk.write("list.yaml", list(&[("a", body)]));
    let mut child = start(desk.command(&["run", "list.yaml", "-q", "-o", "json=r.json"]));
    until("the question", || desk.path("begun").exists());
    send(&child, "-STOP");
    until("the pause", || state(&child) == Some('T'));
    std::fs::write(desk.path("go"), "").expect("a file");
    std::thread::sleep(pause);
    send(&child, "-CONT");
    assert_eq!(child.wait().expect("an end").code(), Some(0), "{}", desk.read("r.json"));
    serde_json::from_str(&desk.read("r.json")).expect("JSON")
}

#[test]
fn a_look_over_the_network_survives_a_pause() {
    paused_before_the_answer("3s", "", Duration::from_millis(3_500));
}

#[test]
fn an_answer_that_only_a_pause_made_late_is_no_failure() {
    let most = ", max_latency: 1500ms";
    let record = paused_before_the_answer("9s", most, Duration::from_millis(2_500));
    let attempts = check(&record, "a")["attempts"].as_array().expect("attempts");
    assert_eq!((attempts.len(), &attempts[0]["outcome"]), (2, &"fail".into()));
}

/// A list with every outcome of interest, some of it slow, in two steps.
fn varied(open: u16) -> String {
    let pause = |n: u32| shell(&format!("sleep 0.0{n}"));
    let first = list(&[
        ("a1", pause(2)),
        ("a2", tcp(open)),
        ("a3", pause(4)),
        ("bad", tcp(closed_port())),
        ("after-bad", format!("needs: [bad], {}", tcp(open))),
        ("a4", pause(3)),
    ]);
    let second: String = [("b1", pause(3)), ("b2", tcp(open)), ("b3", pause(2)), ("b4", pause(4))]
        .iter()
        .map(|(id, body)| format!("      - {{ id: {id}, {body} }}\n"))
        .collect();
    format!("{first}  - name: Second\n    checks:\n{second}")
}

/// What a record says of every check, and of the whole.
fn said(record: &Value) -> Vec<(String, String)> {
    let steps = record["steps"].as_array().expect("steps");
    let checks = steps.iter().flat_map(|step| step["checks"].as_array().expect("checks"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut said: Vec<_> = checks.map(|c| (text(&c["id"]), text(&c["outcome"]))).collect();
    said.push((text(&record["verdict"]["decision"]), record["verdict"]["because"].to_string()));
    said
}

/// Kills a run after a while; what its log says, and what resuming it comes to.
fn killed_after(wait: Duration, text: &str, undisturbed: &[(String, String)]) -> &'static str {
    let desk = Desk::new();
    desk.write("list.yaml", text);
    let arguments = ["run", "list.yaml", "--allow", "exec", "--jobs", "2", "-q"];
    let mut child = start(desk.command(&arguments));
    std::thread::sleep(wait);
    // It may have ended by itself.
    let _gone = child.kill();
    child.wait().expect("an end");
    let Some(log) = desk.logs().pop() else { return "before its log" };
    if std::fs::read(&log).expect("a log").is_empty() {
        return "before its log";
    }
    let report = |arguments: &[&str]| -> Value {
        let ran: Ran = desk.gonogo(arguments);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error} {}", ran.stderr))
    };
    let left = report(&["report", "-o", "json"]);
    let run = left["run"].as_str().expect("an id").to_owned();
    if !left["finished"].is_null() {
        assert_eq!(said(&left), undisturbed);
        return "after its end";
    }
    assert_ne!(left["verdict"]["decision"], "go", "{left:#}");
    let mut again = arguments.to_vec();
    again.extend(["-o", "json", "--resume", &run]);
    assert_eq!(said(&report(&again)), undisturbed, "after {wait:?}");
    "between"
}

#[test]
fn a_run_killed_at_any_moment_is_never_go_and_is_resumed_to_the_same_verdict() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let text = varied(open);
    let begun = gonogo::clock::Clock.tick();
    let (code, record) = desk.record(&text, &["--allow", "exec", "--jobs", "2"]);
    assert_eq!(code, Some(1));
    let (undisturbed, whole) = (said(&record), begun.elapsed());
    let rounds: Vec<u32> = (0..20).collect();
    let ends: Vec<&str> = std::thread::scope(|scope| {
        let some = |rounds: &[u32]| {
            let each = |round: &u32| killed_after(whole * *round / 20, &text, &undisturbed);
            rounds.iter().map(each).collect::<Vec<_>>()
        };
        let threads: Vec<_> =
            rounds.chunks(5).map(|chunk| scope.spawn(move || some(chunk))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a round")).collect()
    });
    let between = ends.iter().filter(|end| **end == "between").count();
    assert!(between >= 5, "too few were killed while they ran: {ends:?}");
}
