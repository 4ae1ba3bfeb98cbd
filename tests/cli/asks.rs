//! What users of the neighbouring tools asked for, about reports: secrets, JUnit, TAP, GitHub, GitLab,
//! throttling.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::support::{Desk, Ran, check, closed_port, list, listener, shell, tcp};

/// Every format of a record, as one run writes them at once.
const FILES: [&str; 12] = [
    "table=out/r.txt",
    "json=out/r.json",
    "jsonl=out/r.jsonl",
    "junit=out/r.xml",
    "tap=out/r.tap",
    "markdown=out/r.md",
    "html=out/r.html",
    "pdf=out/r.pdf",
    "prometheus=out/r.prom",
    "github=out/r.github",
    "gitlab=out/r.gitlab.json",
    "nagios=out/r.nagios",
];

fn run_all(desk: &Desk, arguments: &[&str]) -> Ran {
    let mut all = vec!["run", "list.yaml", "--allow", "exec"];
    all.extend(arguments);
    for file in &FILES {
        all.extend(["-o", file]);
    }
    desk.gonogo(&all)
}

/// What a program makes of a file.
fn read_by(desk: &Desk, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(desk.path("."))
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}{stderr}");
    said
}

#[test]
fn ask_09_a_secret_is_in_no_format_log_or_error_in_any_of_its_forms() {
    let desk = Desk::new();
    let secret = "p@ss w0rd/+é&<x>";
    desk.write("pw", secret);
    desk.write("plain", "hunter2-secret");
    // What a server sends back of what it was sent: raw, percent-encoded, base64, in a URL.
    let echo = "printf '%s\\n' \"$PW\" 'p%40ss%20w0rd%2F%2B%C3%A9%26%3Cx%3E'; \
                printf '%s' \"$PW\" | base64; printf 'u:%s' \"$PW\" | base64; exit 1";
    desk.write("echo.sh", echo);
    let body = "env: { PW: \"${file:pw}\" }";
    let text = list(&[
        (
            "a",
            format!(
                "title: \"for ${{file:pw}}\", owner: \"${{file:pw}}\", command: {{ run: [sh, echo.sh], {body} }}"
            ),
        ),
        (
            "b",
            format!("http: {{ url: \"http://u:${{file:plain}}@127.0.0.1:{}/\" }}", closed_port()),
        ),
        ("c", "http: { url: \"http://127.0.0.1:1/?key=${file:pw}\" }".to_owned()),
        ("d", "manual: { ask: \"Is ${file:pw} changed?\" }".to_owned()),
    ]);
    desk.write("list.yaml", text);
    let ran = run_all(&desk, &["--verbose"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let mut texts = vec![("stdout".to_owned(), ran.stdout), ("stderr".to_owned(), ran.stderr)];
    for file in FILES {
        let path = file.split_once('=').expect("a path").1;
        let bytes = std::fs::read(desk.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        texts.push((path.to_owned(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    texts.push(("pages".to_owned(), read_by(&desk, "pdftotext", &["out/r.pdf", "-"])));
    let log = std::fs::read_to_string(&desk.logs()[0]).expect("a log");
    texts.push(("the event log".to_owned(), log));
    for verb in [["plan", "list.yaml"], ["lint", "list.yaml"]] {
        let ran = desk.gonogo(&verb);
        texts.push((verb[0].to_owned(), format!("{}{}", ran.stdout, ran.stderr)));
    }
    let forms = [
        secret,
        "hunter2",
        "p&#64;ss",
        "w0rd",
        "p%40ss",
        "w0rd%2F",
        "cEBzcyB3MHJkLyvDqSY8eD4",
        "dTpwQHNzIHcwcmQvK8OpJjx4Pg",
    ];
    for (name, text) in &texts {
        for form in forms {
            assert!(!text.contains(form), "{form} is in {name}:\n{text}");
        }
    }
    assert!(texts[0].1.is_empty() || texts[0].1.contains("NO-GO"));
}

#[test]
fn ask_10_every_format_stays_well_formed_whatever_a_target_prints() {
    let desk = Desk::new();
    // ANSI, controls, NUL, bytes that are no text (a lone surrogate), overrides, ends of sections, and
    // a megabyte.
    let evil =
        b"\x1b[31mred\x1b[0m\x07\x00\x01\x0b\xed\xa0\x80\xff\xfe]]>|<script>alert(1)</script>\
        \xe2\x80\xae\r\n::error::x\r\n##[error]x\r\n%0A`a` # \\ --> \xef\xbf\xbe\n...\n---\nok 99 - no\n";
    desk.write("evil", [evil.as_slice(), &vec![b'A'; 1_000_000]].concat());
    // The second one's message is the beginning of what was said, in every format.
    let said = "command: { run: [cat, evil], stdout: '^never$' }".to_owned();
    let evil = ("evil", shell("cat evil; cat evil >&2; exit 3"));
    desk.write("list.yaml", list(&[evil, ("said", said)]));
    let ran = run_all(&desk, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for file in FILES {
        let path = file.split_once('=').expect("a path").1;
        let bytes = std::fs::read(desk.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        if !path.contains("pdf") {
            let text = String::from_utf8(bytes).unwrap_or_else(|e| panic!("{path}: {e}"));
            let control = text.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(control, None, "{path}");
        }
    }
    read_by(&desk, "xmllint", &["--noout", "--nonet", "out/r.xml"]);
    read_by(&desk, "pdfinfo", &["out/r.pdf"]);
    for path in ["out/r.json", "out/r.gitlab.json"] {
        serde_json::from_str::<serde_json::Value>(&desk.read(path)).expect("JSON");
    }
    for line in desk.read("out/r.jsonl").lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
    assert_eq!(desk.read("out/r.tap").matches("\nok ").count(), 0);
    assert_eq!(desk.read("out/r.html").matches("<script").count(), 1, "only the page's own");
    for path in ["out/r.tap", "out/r.github", "out/r.gitlab.json", "out/r.xml", "out/r.md"] {
        assert!(desk.read(path).contains("red"), "{path} says nothing of what was printed");
    }
    assert!(!desk.read("out/r.github").lines().any(|line| line.starts_with("::error::x")));
}

#[test]
fn ask_11_junit_is_what_jenkins_and_gitlab_read() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let mut text = list(&[
        ("good", tcp(open)),
        ("bad", tcp(closed_port())),
        ("ask", "manual: { ask: \"Done?\" }".to_owned()),
    ]);
    text.push_str(&format!(
        "  - name: Step\n    checks: [{{ id: later, needs: [bad], {} }}]\n",
        tcp(open)
    ));
    desk.write("list.yaml", text);
    run_all(&desk, &[]);
    let count = |path: &str| {
        let query = format!("count({path})");
        read_by(&desk, "xmllint", &["--nonet", "--xpath", &query, "out/r.xml"]).trim().to_owned()
    };
    for (path, n) in [
        ("//testcase", "4"),
        ("//testcase[not(@classname) or not(@name) or not(@time)]", "0"),
        // GitLab keeps the first of two cases of one name.
        ("//testcase[@name = preceding::testcase/@name]", "0"),
        ("//testcase[count(failure | error | skipped) > 1]", "0"),
        ("//skipped[not(@message)]", "0"),
        ("//failure[@type and @message]", "1"),
        ("//testcase/text()[normalize-space()]", "0"),
        ("//*[contains(@time, 'e') or contains(@time, ',')]", "0"),
        ("//testsuites[@tests = count(//testcase) and @failures = count(//failure)]", "1"),
        ("//testsuite[@timestamp][@skipped = count(testcase/skipped)]", "2"),
    ] {
        assert_eq!(count(path), n, "{path}");
    }
}

#[test]
fn ask_12_one_run_writes_every_format_at_once_and_the_summary_besides() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("good", tcp(open)), ("bad", tcp(closed_port()))]));
    let mut all = vec!["run", "list.yaml"];
    for file in &FILES {
        all.extend(["-o", file]);
    }
    let mut command = desk.command(&all);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", desk.path("summary.md"));
    let ran = Ran::of(&command.output().expect("the program starts"));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for (file, sign) in [
        ("r.txt", " NO-GO  bad failed"),
        ("r.json", "\"decision\": \"no-go\""),
        ("r.jsonl", "\"event\":\"run-finished\""),
        ("r.xml", "<failure type=\"tcp.refused\""),
        ("r.tap", "not ok 2 - bad"),
        ("r.md", "## NO-GO"),
        ("r.html", "<!DOCTYPE html>"),
        ("r.prom", "decision=\"no-go\"} 1"),
        ("r.github", "::error file=list.yaml,line=7"),
        ("r.gitlab.json", "\"severity\": \"blocker\""),
        ("r.nagios", "CRITICAL - Test NO-GO"),
    ] {
        let text = desk.read(&format!("out/{file}"));
        assert!(text.contains(sign), "{sign} is not in {file}:\n{text}");
    }
    let proof = desk.gonogo(&["report", "--verify", "out/r.pdf"]);
    assert_eq!(proof.code, Some(0), "{}{}", proof.stdout, proof.stderr);
    assert!(desk.read("summary.md").starts_with("## NO-GO"));
}

#[test]
fn ask_13_more_than_ten_annotations_are_counted_and_the_summary_has_them_all() {
    let desk = Desk::new();
    let port = closed_port();
    let checks: Vec<(String, String)> = (0..14).map(|n| (format!("c{n:02}"), tcp(port))).collect();
    desk.write("list.yaml", list(&checks));
    let mut command = desk.command(&["run", "list.yaml", "-q"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", desk.path("summary.md"));
    let ran = Ran::of(&command.output().expect("the program starts"));
    let errors: Vec<&str> = ran.stderr.lines().filter(|l| l.starts_with("::error")).collect();
    assert_eq!(errors.len(), 10, "{}", ran.stderr);
    assert_eq!(errors[9], "::error::and 5 more; see the summary of this job");
    let summary = desk.read("summary.md");
    for (id, _) in checks {
        assert!(summary.contains(&format!("`{id}`")), "{id} is not in the summary");
    }
}

/// A server that throttles some requests and then answers: what no real one can be timed to do.
fn throttling(times: usize) -> u16 {
    let (listener, port) = listener();
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = stream.expect("a connection");
            let mut asked = [0; 4096];
            let _some = stream.read(&mut asked).expect("a request");
            let answer = if n < times {
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 4\r\n\r\nslow"
            } else {
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
            };
            stream.write_all(answer.as_bytes()).expect("an answer");
        }
    });
    port
}

#[test]
fn ask_25_throttling_is_no_failure_and_only_what_did_not_pass_is_run_again() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let http = |port: u16| format!("http: {{ url: \"http://127.0.0.1:{port}/\" }}");
    let text = list(&[("good", tcp(open)), ("busy", http(throttling(1)))]);
    let (code, record) = desk.record(&text, &[]);
    assert_eq!(code, Some(3), "nothing is known, and nobody is paged");
    let finding = &check(&record, "busy")["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["actual"]),
        (&"http.throttled".into(), &"429, retry after 1".into())
    );
    let (code, record) = desk.record(&text, &["--rerun-failed"]);
    assert_eq!((code, &check(&record, "busy")["outcome"]), (Some(0), &"pass".into()));
    assert_eq!(check(&record, "good")["skipped"]["text"], "passed in the run before");

    // With a retry it is asked again by itself, since a repetition can change it.
    let retry = "retry: { attempts: 3, backoff: 1ms }, ";
    let (code, record) =
        desk.record(&list(&[("busy", format!("{retry}{}", http(throttling(2))))]), &[]);
    assert_eq!(
        (code, check(&record, "busy")["attempts"].as_array().map(Vec::len)),
        (Some(0), Some(3))
    );
    // Where it is the right answer, it is.
    let right = http(throttling(9)).replace(" }", ", status: 429 }");
    assert_eq!(desk.record(&list(&[("limit", right)]), &[]).0, Some(0));
}

#[test]
fn a_monitor_is_told_in_its_own_exit_codes() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    for (body, code, plugin, word) in [
        (tcp(open), 0, 0, "OK - Test GO"),
        (tcp(closed_port()), 1, 2, "CRITICAL - Test NO-GO"),
        ("manual: { ask: \"Done?\" }".to_owned(), 3, 3, "UNKNOWN - Test HOLD"),
        (format!("severity: advisory, {}", tcp(closed_port())), 0, 1, "WARNING - Test GO"),
    ] {
        desk.write("list.yaml", list(&[("a", body)]));
        assert_eq!(desk.gonogo(&["run", "list.yaml", "-q", "-o", "nagios"]).code, Some(code));
        let ran = desk.gonogo(&["report", "-o", "nagios"]);
        assert_eq!(ran.code, Some(plugin), "{}", ran.stdout);
        assert!(ran.stdout.starts_with(word), "{}", ran.stdout);
        assert_eq!(
            desk.gonogo(&["report", "-o", "nagios=out"]).code,
            Some(0),
            "a file is only written"
        );
    }
    // What cannot be read is unknown to a monitor, and it reads standard output.
    let ran = Desk::new().gonogo(&["report", "-o", "nagios"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("UNKNOWN - no run is recorded in "), "{}", ran.stdout);
}
