//! Disks that are full, read-only or not there: the verdict stays, and what is not written is said.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Desk, Ran, closed_port, list, listener, on_a_disk, tcp};

/// Every format that can go to a file, with an ending that stands for it.
const FILES: [&str; 11] = [
    "table=disk/r.txt",
    "disk/r.json",
    "disk/r.jsonl",
    "junit=disk/r.xml",
    "disk/r.tap",
    "disk/r.md",
    "disk/r.html",
    "disk/r.pdf",
    "disk/r.prom",
    "gitlab=disk/gl.json",
    "nagios=disk/nagios",
];

/// What is left on the disk after the program ended.
fn left(desk: &Desk) -> Vec<String> {
    let entries = std::fs::read_dir(desk.path("left")).expect("what was on the disk");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into())
        .collect();
    names.sort();
    names
}

#[test]
fn reports_for_a_full_disk_are_named_and_leave_no_half_files() {
    let desk = Desk::new();
    desk.write("list.yaml", list(&[("a", tcp(closed_port()))]));
    let mut arguments = vec!["run", "list.yaml", "-o", "json"];
    for file in FILES {
        arguments.extend(["-o", file]);
    }
    let ran = on_a_disk(&desk, "size=16k", "dd if=/dev/zero of=disk/filler bs=1k", &arguments);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    serde_json::from_str::<Value>(&ran.stdout).expect("the report on standard output is whole");
    for format in [
        "table",
        "json",
        "junit",
        "tap",
        "markdown",
        "html",
        "pdf",
        "prometheus",
        "gitlab",
        "nagios",
    ] {
        let said = format!("warning: the {format} report is not written: writing disk/");
        assert!(ran.stderr.contains(&said), "{format}: {}", ran.stderr);
    }
    // The event log is on that disk as well.
    let full = ran.stderr.matches("No space left on device").count();
    assert_eq!(full, FILES.len() + 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("no more events are written to disk/r.jsonl"), "{}", ran.stderr);
    assert_eq!(left(&desk), ["filler", "gonogo", "r.jsonl"]);
}

#[test]
fn a_log_that_fills_its_disk_ends_with_a_warning_and_is_not_go() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let checks: Vec<(String, String)> = (0..60).map(|n| (format!("c{n}"), tcp(open))).collect();
    desk.write("list.yaml", list(&checks));
    // Room for the beginning, in which every check is unknown, and for some of the answers.
    let ran = on_a_disk(&desk, "size=64k", ":", &["run", "list.yaml", "-o", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: the event log"), "{}", ran.stderr);
    assert!(ran.stderr.contains("ends here: No space left on device"), "{}", ran.stderr);
    let record: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(record["counts"]["pass"], 60);
    let mut logs = std::fs::read_dir(desk.path("left/gonogo/runs")).expect("logs");
    let log = logs.next().expect("a log").expect("a log").path();
    let read = gonogo::history::read(&log).expect("a torn log can be read");
    let counts = read.count();
    assert!(counts.pass > 0 && counts.unknown > 0, "{counts:?}");
    assert_eq!(serde_json::to_value(&read.verdict).expect("JSON")["decision"], "hold");
}

#[test]
fn a_disk_that_is_full_from_the_start_or_read_only_keeps_no_log_and_the_verdict() {
    for (how, said) in [
        ("dd if=/dev/zero of=disk/filler bs=1k", "No space left on device"),
        ("mount -o remount,ro disk", "Read-only file system"),
    ] {
        let desk = Desk::new();
        let (_listener, open) = listener();
        desk.write("list.yaml", list(&[("a", tcp(open))]));
        let ran = on_a_disk(&desk, "size=16k", how, &["run", "list.yaml", "-o", "disk/out/r.json"]);
        assert_eq!(ran.code, Some(0), "{how}: {}", ran.stderr);
        assert!(ran.stdout.contains(" GO "), "{}", ran.stdout);
        let log = ran.stderr.lines().find(|line| line.contains("event log"));
        assert!(log.is_some_and(|line| line.contains(said)), "{how}: {}", ran.stderr);
        assert!(ran.stderr.contains("the json report is not written"), "{how}: {}", ran.stderr);
    }
}

#[test]
fn standard_output_that_takes_nothing_is_said_and_the_verdict_stays() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    let full = || Stdio::from(File::options().write(true).open("/dev/full").expect("/dev/full"));
    let run = |arguments: &[&str]| {
        let output = desk.command(arguments).stdout(full()).output().expect("the program starts");
        Ran::of(&output)
    };
    for format in ["table", "json", "jsonl", "junit", "html", "pdf", "nagios"] {
        let ran = run(&["run", "list.yaml", "-o", format]);
        assert_eq!(ran.code, Some(0), "{format}: {}", ran.stderr);
        assert!(ran.stderr.contains("No space left on device"), "{format}: {}", ran.stderr);
    }
    for arguments in [
        &["plan", "list.yaml"][..],
        &["report"],
        &["lint", "list.yaml", "--format", "json"],
        &["schema", "record"],
        &["explain", "tcp"],
        &["man"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("No space left on device"), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn without_a_home_there_is_a_verdict_and_no_log() {
    for home in [None, Some(""), Some("not/absolute")] {
        let desk = Desk::new();
        let (_listener, open) = listener();
        desk.write("list.yaml", list(&[("a", tcp(open))]));
        let run = |arguments: &[&str]| {
            let mut command = desk.command(arguments);
            command.env_remove("HOME");
            if let Some(home) = home {
                command.env("HOME", home);
            }
            Ran::of(&command.output().expect("the program starts"))
        };
        let ran = run(&["run", "list.yaml"]);
        assert_eq!(ran.code, Some(0), "{home:?}: {}", ran.stderr);
        let said = "warning: no event log is kept: there is no home directory";
        assert!(ran.stderr.contains(said), "{home:?}: {}", ran.stderr);
        for arguments in [&["report"][..], &["run", "list.yaml", "--rerun-failed"]] {
            let ran = run(arguments);
            assert_eq!(ran.code, Some(2), "{arguments:?}");
            assert!(ran.stderr.contains("there is no home directory"), "{}", ran.stderr);
        }
        let entries = std::fs::read_dir(desk.path(".")).expect("the folder");
        let names: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        assert_eq!(names.len(), 1, "nothing is written anywhere: {names:?}");
    }
}

#[test]
fn a_temporary_file_of_a_killed_run_is_gone_after_the_next_one() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    desk.write(".r.json.4711.tmp", "half of a rep");
    // Somebody is at work on this one, and the others are not ours.
    let busy = desk.write(".r.json.4712.tmp", "half of a rep");
    let held = File::options().write(true).open(&busy).expect("the file");
    held.lock().expect("a lock");
    desk.write(".r.json.old.tmp", "");
    desk.write(".other.json.4711.tmp", "");
    assert_eq!(desk.gonogo(&["run", "list.yaml", "-o", "r.json"]).code, Some(0));
    let entries = std::fs::read_dir(desk.path(".")).expect("the folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into())
        .collect();
    names.retain(|name| name.contains(".json"));
    names.sort();
    assert_eq!(names, [".other.json.4711.tmp", ".r.json.4712.tmp", ".r.json.old.tmp", "r.json"]);
}

#[test]
fn logs_are_private_and_reports_are_as_the_umask_says() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: PathBuf| {
        let meta = std::fs::metadata(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        meta.permissions().mode() & 0o777
    };
    for (umask, report) in [("000", 0o666), ("022", 0o644), ("077", 0o600)] {
        let desk = Desk::new();
        let (_listener, open) = listener();
        desk.write("list.yaml", list(&[("a", tcp(open))]));
        let own = desk.command(&[]);
        let line = "umask $1; shift; exec \"$@\"";
        let status = Command::new("sh")
            .args(["-c", line, "sh", umask])
            .arg(own.get_program())
            .args(["run", "list.yaml", "-q", "-o", "r.json", "-o", "new/r.jsonl"])
            .current_dir(desk.path("."))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", desk.path("."))
            .status()
            .expect("sh");
        assert_eq!(status.code(), Some(0));
        assert_eq!(mode(desk.logs().remove(0)), 0o600, "{umask}");
        assert_eq!(mode(desk.path(".local/state/gonogo/runs")), 0o700, "{umask}");
        assert_eq!(mode(desk.path("r.json")), report, "{umask}");
        assert_eq!(mode(desk.path("new/r.jsonl")), report, "{umask}");
    }
}

#[test]
fn a_report_that_is_written_again_keeps_its_permissions_and_its_link() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    let real = desk.write("store/real.json", "{}");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).expect("permissions");
    std::os::unix::fs::symlink("store/real.json", desk.path("latest.json")).expect("a link");
    assert_eq!(desk.gonogo(&["run", "list.yaml", "-o", "latest.json"]).code, Some(0));
    assert!(std::fs::symlink_metadata(desk.path("latest.json")).expect("a link").is_symlink());
    assert_eq!(std::fs::metadata(&real).expect("a file").permissions().mode() & 0o777, 0o640);
    serde_json::from_str::<Value>(&desk.read("store/real.json")).expect("the record");
}
