//! Recorded runs: listed, compared, kept; and what happens when they cannot be recorded.

use std::process::Command;

use crate::support::{Desk, Ran, check, closed_port, list, listener, shell, tcp};

#[test]
fn runs_are_listed_latest_first_and_foreign_and_torn_files_are_named() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let ran = desk.gonogo(&["history"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert!(ran.stderr.contains("no run is recorded in"), "{}", ran.stderr);

    desk.record(&list(&[("good", tcp(open))]), &["--vantage", "fra"]);
    desk.record(&list(&[("bad", tcp(closed_port()))]), &[]);
    let logs = desk.logs();
    let folder = ".local/state/gonogo/runs";
    desk.write(&format!("{folder}/notes.txt"), "hello");
    desk.write(&format!("{folder}/01900000-0000-7000-8000-000000000000.jsonl"), "not a log\n");
    let whole = std::fs::read_to_string(&logs[0]).expect("a log");
    let first = whole.lines().next().expect("a line");
    let torn = "01a00000-0000-7000-8000-000000000001";
    let other =
        first.replacen(logs[0].file_stem().expect("a name").to_str().expect("UTF-8"), torn, 1);
    desk.write(&format!("{folder}/{torn}.jsonl"), format!("{other}\n{{\"event\":\"check-fini"));

    let ran = desk.gonogo(&["history"]);
    assert_eq!(ran.code, Some(0));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{}", ran.stdout);
    assert!(lines[0].trim_start().starts_with("WHEN"), "{}", ran.stdout);
    assert!(lines[1].contains("NO-GO") && lines[1].contains("Test · bad failed"), "{}", lines[1]);
    assert!(lines[2].contains(" GO ") && lines[2].contains("from fra"), "{}", lines[2]);
    assert!(lines[3].contains("HOLD") && lines[3].contains("not finished"), "{}", lines[3]);
    for said in ["notes.txt is no log", "01900000-0000-7000-8000-000000000000.jsonl is no record"] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }

    let ran = desk.gonogo(&["history", "-n", "1", "-o", "json"]);
    let runs: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(runs.as_array().map(Vec::len), Some(1));
    assert_eq!((&runs[0]["decision"], &runs[0]["name"]), (&"no-go".into(), &"Test".into()));
    assert!(ran.stderr.contains("2 older runs more; --limit 0"), "{}", ran.stderr);
    assert_eq!(desk.gonogo(&["history", "other"]).stdout, "");

    // The latest run of a list is found over what cannot be read.
    std::fs::write(&logs[1], "torn to pieces\n").expect("written");
    let ran = desk.gonogo(&["run", "list.yaml", "--rerun-failed"]);
    assert!(ran.stderr.contains("passed over:"), "{}", ran.stderr);
}

#[test]
fn a_difference_names_what_a_person_would_act_on() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let closed = closed_port();
    let text = |a: u16, rest: &[(&str, String)]| {
        let mut checks = vec![("a", tcp(a)), ("same", tcp(open))];
        checks.extend(rest.iter().cloned());
        list(&checks)
    };
    let say = |word: &str| shell(&format!("echo version {word}"));
    let record = |name: &str, text: &str| {
        desk.write("list.yaml", text);
        let output = format!("json={name}");
        desk.gonogo(&["run", "list.yaml", "--allow", "exec", "-q", "-o", &output]);
    };
    record("one.json", &text(open, &[("gone", tcp(open)), ("fact", say("1"))]));
    record("two.json", &text(closed, &[("fact", say("2")), ("new", tcp(open))]));
    let ran = desk.gonogo(&["diff", "one.json", "two.json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for said in [
        "before  GO",
        "now     NO-GO",
        "the checklist was changed between them",
        "a  PASS -> FAIL",
        "tcp.refused",
        "fact  PASS",
        "stdout.text: version 1 -> version 2",
        "new  new  PASS",
        "gone  gone  PASS",
        "1 changed outcome · 1 changed otherwise · 1 new · 1 gone · 1 as before",
    ] {
        assert!(ran.stdout.contains(said), "{said} is not in\n{}", ran.stdout);
    }
    let ran = desk.gonogo(&["diff", "two.json", "one.json", "-o", "json"]);
    let diff: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(diff["changed"][0]["id"], "a");
    assert_eq!(
        (&diff["changed"][0]["before"], &diff["changed"][0]["after"]),
        (&"fail".into(), &"pass".into())
    );
    assert!(diff["changed"][0]["cleared"][0].as_str().is_some_and(|s| s.contains("tcp.refused")));

    // Nothing but time has passed.
    record("three.json", &text(closed, &[("fact", say("2")), ("new", tcp(open))]));
    let ran = desk.gonogo(&["diff", "two.json", "three.json"]);
    assert!(ran.stdout.contains("0 changed outcome · 0 changed otherwise"), "{}", ran.stdout);

    // What was left out on purpose has not changed.
    desk.gonogo(&["run", "list.yaml", "same", "-q", "-o", "json=four.json"]);
    let ran = desk.gonogo(&["diff", "three.json", "four.json"]);
    assert!(ran.stdout.contains("3 left out of one run on"), "{}", ran.stdout);
    assert_eq!(desk.gonogo(&["diff", "one.json", "none.json"]).code, Some(2));
}

#[test]
fn a_name_that_fits_several_runs_is_refused() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    for _ in 0..2 {
        assert_eq!(desk.gonogo(&["run", "list.yaml", "-q"]).code, Some(0));
    }
    let stems = desk
        .logs()
        .into_iter()
        .map(|log| log.file_stem().expect("a name").to_string_lossy().into_owned());
    let [first, second] = <[String; 2]>::try_from(stems.collect::<Vec<_>>()).expect("two logs");
    // The runs of one minute begin alike.
    let ran = desk.gonogo(&["report", &first[..4], "-o", "json"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("fits 2 recorded runs"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&first) && ran.stderr.contains(&second), "{}", ran.stderr);
    for name in [first.as_str(), &first[first.len() - 12..]] {
        let ran = desk.gonogo(&["report", name, "-o", "json"]);
        assert!(ran.stdout.contains(&format!("\"run\": \"{first}\"")), "{name}: {}", ran.stderr);
    }
}

#[test]
fn old_logs_go_and_what_a_waiver_rests_on_stays() {
    let desk = Desk::new();
    let bad = list(&[("bad", tcp(closed_port()))]);
    let waivers =
        "waivers:\n  - { check: bad, reason: known, by: amy, until: 2999-01-01T00:00:00Z }\n";
    desk.record(&format!("{bad}{waivers}"), &[]);
    desk.record(&bad, &[]);
    let [waived, plain] = <[_; 2]>::try_from(desk.logs()).expect("two logs");
    let ran = desk.gonogo(&["history", "Test", "--prune", "1ms"]);
    assert_eq!(ran.code, Some(2), "the logs of one list alone cannot be deleted");
    assert_eq!(desk.logs().len(), 2);
    let ran = desk.gonogo(&["history", "--prune", "1ms"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("1 log deleted\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("stays: a waiver was used in it"), "{}", ran.stdout);
    assert!(waived.exists() && !plain.exists());

    // The latest stay without being asked for, and so does everything under `forever`.
    let with = |keep: &str| {
        let mut command = desk.command(&["run", "list.yaml", "-q"]);
        Ran::of(&command.env("GONOGO_KEEP", keep).output().expect("the program starts"))
    };
    for (keep, said) in [("1ms", ""), ("forever", ""), ("a while", "GONOGO_KEEP is `a while`")] {
        let ran = with(keep);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("GONOGO_KEEP"), !said.is_empty(), "{}", ran.stderr);
    }
    let logs = desk.logs().into_iter().filter(|p| p.extension().is_some_and(|e| e == "jsonl"));
    assert_eq!(logs.count(), 4);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_a_warning_and_the_verdict_stays() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("good", tcp(open))]));
    desk.write("a-file", "");
    for folder in ["a-file", "/proc/nothing", "/dev/null/x"] {
        let mut command = desk.command(&["run", "list.yaml", "-o", "json"]);
        let ran = Ran::of(&command.env("GONOGO_STATE_DIR", folder).output().expect("starts"));
        assert_eq!(ran.code, Some(0), "{folder}: {}", ran.stderr);
        assert!(ran.stderr.contains("warning: no event log is kept"), "{}", ran.stderr);
        let record: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!(record["verdict"]["decision"], "go");
    }
}

#[test]
fn a_full_disk_is_a_warning_and_the_verdict_stays() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let many: Vec<(String, String)> = (0..40).map(|n| (format!("c{n}"), tcp(open))).collect();
    desk.write("list.yaml", list(&many));
    // No file may grow beyond 16 KiB, and the signal for it is ignored: writes fail as on a full disk.
    let script = format!(
        "trap '' XFSZ; ulimit -f 16; exec {} run list.yaml -o json -o junit=out.xml -o html=out.html",
        env!("CARGO_BIN_EXE_gonogo")
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(desk.path("."))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", desk.path("."))
        .output()
        .expect("bash");
    let ran = Ran::of(&output);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let record: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(record["counts"]["pass"], 40);
    for said in ["the event log", "the html report is not written"] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    assert!(desk.path("out.xml").exists() && !desk.path("out.html").exists());
    let left: Vec<_> = std::fs::read_dir(desk.path("."))
        .expect("a folder")
        .filter(|entry| {
            entry.as_ref().is_ok_and(|e| e.path().extension().is_some_and(|x| x == "tmp"))
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let desk = Desk::new();
    let wait = |mine: &str, other: &str| {
        shell(&format!("touch {mine}; while ! test -e {other}; do sleep 0.01; done"))
    };
    let slow = |mine, other| format!("timeout: 20s, {}", wait(mine, other));
    desk.write("one.yaml", list(&[("a", slow("one", "two"))]));
    desk.write("two.yaml", list(&[("a", slow("two", "one")), ("b", shell("false"))]));
    // Each waits for the other, so that both are under way at once.
    let start = |name: &str| {
        let arguments = ["run", name, "--allow", "exec", "-o", "json"];
        let mut command = desk.command(&arguments);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().expect("the program starts")
    };
    let (one, two) = (start("one.yaml"), start("two.yaml"));
    for (child, code, checks) in [(one, 0, 1), (two, 1, 2)] {
        let ran = Ran::of(&child.wait_with_output().expect("an end"));
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        let record: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!(record["counts"]["total"], checks);
        assert_eq!(check(&record, "a")["outcome"], "pass");
        let again = desk.gonogo(&["report", record["run"].as_str().expect("an id"), "-o", "json"]);
        assert_eq!(again.stdout, ran.stdout, "each has its own log");
    }
    assert_eq!(desk.logs().len(), 2);
}

#[test]
fn a_run_is_found_by_the_beginning_of_what_is_shown_of_it() {
    let desk = Desk::new();
    desk.record(&list(&[("a", tcp(closed_port()))]), &[]);
    desk.record(&list(&[("a", tcp(closed_port()))]), &[]);
    let shown = |log: &std::path::PathBuf| {
        let name = log.file_stem().expect("a name").to_str().expect("UTF-8").replace('-', "");
        name[name.len() - 12..].to_owned()
    };
    let logs = desk.logs();
    let (first, second) = (shown(&logs[0]), shown(&logs[1]));
    let ran = desk.gonogo(&["diff", &first[..8], &second[..8]]);
    assert!(!ran.stderr.contains("no recorded run"), "{}", ran.stderr);
    let ran = desk.gonogo(&["history", "nope"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    let said = "no recorded run is of a list whose name or file contains `nope`";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}
