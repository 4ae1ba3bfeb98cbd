//! What goes where: standard output carries the result and nothing else.

use std::process::Stdio;

use crate::support::{Desk, check, closed_port, list, listener, tcp};

#[test]
fn ask_04_standard_output_is_one_valid_document_even_under_retries() {
    let desk = Desk::new();
    let retried =
        format!("retry: {{ attempts: 3, backoff: 1ms, on: [fail] }}, {}", tcp(closed_port()));
    let (code, record) = desk.record(&list(&[("a", retried)]), &[]);
    assert_eq!((code, &record["format"]), (Some(1), &1.into()));
    assert_eq!(record["steps"][0]["checks"][0]["attempts"].as_array().expect("attempts").len(), 3);
}

#[test]
fn the_record_has_what_the_manual_promises() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let text =
        list(&[("a", format!("title: Open, owner: ops, runbook: \"https://r\", {}", tcp(open)))]);
    let (_, record) = desk.record(&text, &["--vantage", "ci"]);
    for key in [
        "format",
        "run",
        "tool",
        "name",
        "checklist",
        "launch",
        "phase",
        "vantage",
        "host",
        "operator",
        "started",
        "finished",
        "steps",
        "counts",
        "verdict",
    ] {
        assert!(record.get(key).is_some(), "{key}");
    }
    assert_eq!(record["vantage"], "ci");
    assert_eq!(record["operator"], "tester");
    let check = &record["steps"][0]["checks"][0];
    for key in [
        "id",
        "kind",
        "title",
        "severity",
        "outcome",
        "summary",
        "owner",
        "runbook",
        "findings",
        "observation",
        "attempts",
        "started",
        "duration_ms",
        "skipped",
        "waived",
        "reproduce",
        "source",
        "parameters",
    ] {
        assert!(check.get(key).is_some(), "{key}");
    }
    for key in ["code", "outcome", "target", "message", "expected", "actual"] {
        assert!(check["findings"][0].get(key).is_some(), "{key}");
    }
    assert_eq!(check["source"], serde_json::json!({"file": "list.yaml", "line": 6}));
    let sha = std::process::Command::new("sha256sum")
        .arg(desk.path("list.yaml"))
        .output()
        .expect("sha256sum");
    let sha = String::from_utf8_lossy(&sha.stdout);
    assert_eq!(record["checklist"]["sha256"].as_str(), sha.split(' ').next());
}

#[test]
fn several_formats_are_written_in_one_run_and_again_later() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    let ran = desk.gonogo(&[
        "run",
        "list.yaml",
        "-o",
        "json=out/r.json",
        "-o",
        "out/r.html",
        "-o",
        "out/r.jsonl",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("GO"), "the table is still shown: {}", ran.stdout);
    assert!(desk.read("out/r.html").starts_with("<!DOCTYPE html>"));
    let record = desk.read("out/r.json");
    for from in [vec!["report"], vec!["report", "out/r.json"], vec!["report", "out/r.jsonl"]] {
        let mut arguments = from.clone();
        arguments.extend(["-o", "json"]);
        let again = desk.gonogo(&arguments);
        assert_eq!((again.code, again.stdout.as_str()), (Some(0), record.as_str()), "{from:?}");
    }
    let id = serde_json::from_str::<serde_json::Value>(&record).expect("JSON")["run"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(desk.gonogo(&["report", &id[..13], "-o", "json"]).stdout, record);
    assert_eq!(desk.gonogo(&["report", "nosuchrun"]).code, Some(2));
}

#[test]
fn the_event_log_is_private_and_replays_to_the_record() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let (_listener, open) = listener();
    let (_, record) = desk.record(&list(&[("a", tcp(open)), ("b", tcp(closed_port()))]), &[]);
    let logs = desk.logs();
    assert_eq!(logs.len(), 1);
    let mode = std::fs::metadata(&logs[0]).expect("a log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let read = gonogo::history::read(&logs[0]).expect("a record");
    assert_eq!(serde_json::to_value(read).expect("JSON"), record);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_a_warning_and_no_more() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    desk.write("state", "a file where a folder should be");
    let ran = desk
        .command(&["run", "list.yaml", "-o", "json=/proc/nope/r.json"])
        .env("GONOGO_STATE_DIR", desk.path("state"))
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("warning: no event log is kept"), "{stderr}");
    assert!(stderr.contains("warning: the json report is not written"), "{stderr}");
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    let mut child = desk
        .command(&["run", "list.yaml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

#[test]
fn quiet_says_the_verdict_only() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    let ran = desk.gonogo(&["run", "list.yaml", "--quiet"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(ran.stdout.trim().lines().count(), 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("GO"), "{}", ran.stdout);
}

#[test]
fn a_pdf_carries_its_record_and_proves_its_pages() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    assert_eq!(
        desk.gonogo(&["run", "list.yaml", "-o", "r.pdf", "-o", "blank/r.json"]).code,
        Some(0)
    );
    let proof = desk.gonogo(&["report", "--verify", "r.pdf"]);
    assert_eq!(proof.code, Some(0), "{}{}", proof.stdout, proof.stderr);
    let mut bytes = std::fs::read(desk.path("r.pdf")).expect("a PDF");
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    desk.write("forged.pdf", &bytes);
    assert_eq!(desk.gonogo(&["report", "--verify", "forged.pdf"]).code, Some(1));
    desk.write("none.pdf", "%PDF-1.7\n");
    assert_eq!(desk.gonogo(&["report", "--verify", "none.pdf"]).code, Some(1));
    assert_eq!(desk.gonogo(&["plan", "list.yaml", "-o", "pdf=plan.pdf"]).code, Some(0));
    assert!(std::fs::read(desk.path("plan.pdf")).expect("a PDF").starts_with(b"%PDF-"));
}

#[test]
fn github_is_told_without_being_asked_and_standard_output_stays_the_result() {
    let desk = Desk::new();
    desk.write("pw", "s3cr3t-w0rd");
    let body = tcp(closed_port()).replace("tcp:", "title: \"${file:pw}\", tcp:");
    desk.write("list.yaml", list(&[("a", body)]));
    let ran = desk
        .command(&["run", "list.yaml", "-o", "json"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", desk.path("summary.md"))
        .env("GITHUB_OUTPUT", desk.path("output"))
        .output()
        .expect("the program starts");
    let ran = crate::support::Ran::of(&ran);
    assert_eq!(ran.code, Some(1));
    serde_json::from_str::<serde_json::Value>(&ran.stdout).expect("JSON alone");
    assert!(ran.stderr.starts_with("::add-mask::s3cr3t-w0rd\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("::error file=list.yaml,line=6"), "{}", ran.stderr);
    assert!(desk.read("summary.md").contains("NO-GO"));
    assert!(desk.read("output").contains("verdict=no-go"));
}

/// How the runner reads a log (actions/runner, `ActionCommand.cs`): `::` at the beginning of a line and
/// once more after it, or `##[` anywhere.
fn is_a_command(line: &str) -> bool {
    let begun = line.trim_start().strip_prefix("::");
    begun.is_some_and(|rest| rest.contains("::")) || line.contains("##[")
}

#[test]
fn nothing_a_server_said_is_a_command_to_github() {
    let desk = Desk::new();
    // Wherever such a line is wrapped, the next one begins like a command.
    desk.write("said", format!("##[stop-commands]abc {}", "::error::boo ".repeat(20)));
    let body = "command: { run: [cat, said], stdout: '^never$' }".to_owned();
    desk.write("list.yaml", list(&[("said", body)]));
    let command = |format: &str| {
        let mut command = desk.command(&["run", "list.yaml", "--allow", "exec", "-o", format]);
        command.env("GITHUB_ACTIONS", "true").env("COLUMNS", "60");
        command
    };
    for format in ["table", "json", "jsonl", "junit", "tap", "markdown", "html", "gitlab", "nagios"]
    {
        let ran = crate::support::Ran::of(&command(format).output().expect("the program starts"));
        let own = |line: &&str| {
            ["::error file=list.yaml,line=6,", "::notice title=NO-GO "]
                .iter()
                .any(|begin| line.starts_with(begin))
        };
        assert_eq!(ran.stderr.lines().filter(own).count(), 2, "{}", ran.stderr);
        let printed = ran.stdout.lines().chain(ran.stderr.lines().filter(|line| !own(line)));
        for line in printed {
            assert!(!is_a_command(line), "{format}: {line}");
        }
        assert!(ran.stdout.contains("stop-commands"), "{format}: {}", ran.stdout);
        if format == "json" {
            let record: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
            let said = check(&record, "said")["findings"][0].to_string();
            assert!(said.contains("##[stop-commands]abc ::error::boo"), "{said}");
        }
    }
    // Nobody reads a file along, and the sum of a record is of its bytes.
    let file = std::fs::File::create(desk.path("r.json")).expect("a file");
    assert_eq!(command("json").stdout(file).status().expect("it ends").code(), Some(1));
    assert!(desk.read("r.json").contains("##[stop-commands]abc"));
}

#[test]
fn a_report_may_have_the_longest_name_there_is() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    let name = format!("{}.json", "报".repeat(83));
    let ran = desk.gonogo(&["run", "list.yaml", "-q", "-o", &name]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(desk.read(&name).contains("\"go\""));
}

#[test]
fn a_plan_in_markdown_shows_what_the_list_says_and_nothing_else() {
    let desk = Desk::new();
    let body = format!("title: \"a\\\\|b <img> @team *x*\", owner: \"`o`\", {}", tcp(9));
    let text = list(&[("a", body)]).replace("name: Step", "name: \"<b>Step\"");
    desk.write("list.yaml", text);
    let ran = desk.gonogo(&["plan", "list.yaml", "-o", "markdown"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for shown in ["## \\<b\\>Step", "| a\\\\\\|b \\<img\\> @<!-- -->team \\*x\\* |", "| \\`o\\` |"]
    {
        assert!(ran.stdout.contains(shown), "{shown} is not in\n{}", ran.stdout);
    }
}

#[test]
fn folders_that_a_mistyped_path_may_have_made_are_told() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("a", tcp(open))]));
    let ran = desk.gonogo(&["run", "list.yaml", "-q", "-o", "out/r.json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "one folder is what is wanted");
    for (n, name) in ["json=x/y/r.json", "jsonl=v/w/r.jsonl"].iter().enumerate() {
        let ran = desk.gonogo(&["run", "list.yaml", "-q", "-o", name]);
        let folder = ["x/y", "v/w"][n];
        let said = format!("warning: {folder} was not there: 2 folders were made\n");
        assert_eq!((ran.code, ran.stderr), (Some(0), said));
    }
}
