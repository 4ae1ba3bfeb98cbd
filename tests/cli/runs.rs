//! Runs of lists: outcomes, verdicts, exit codes, selection, order.

use crate::support::{Desk, check, closed_port, list, listener, shell, tcp};

#[test]
fn ask_01_a_failure_exits_1_and_a_broken_command_line_exits_2() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let (code, record) = desk.record(&list(&[("a", tcp(open))]), &[]);
    assert_eq!((code, &record["verdict"]["decision"]), (Some(0), &"go".into()));
    let (code, record) = desk.record(&list(&[("a", tcp(open)), ("b", tcp(closed_port()))]), &[]);
    assert_eq!((code, &record["verdict"]["decision"]), (Some(1), &"no-go".into()));
    assert_eq!(record["verdict"]["because"], serde_json::json!(["b"]));
    for arguments in [
        &["run"][..],
        &["run", "list.yaml", "--nope"],
        &["rnu"],
        &["run", "list.yaml", "-o", "docx"],
        &[],
    ] {
        assert_eq!(desk.gonogo(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn ask_02_an_exit_code_is_never_a_count() {
    let desk = Desk::new();
    let port = closed_port();
    let checks: Vec<(String, String)> = (0..7).map(|n| (format!("c{n}"), tcp(port))).collect();
    let (code, record) = desk.record(&list(&checks), &[]);
    assert_eq!((code, &record["counts"]["fail"]), (Some(1), &7.into()));
}

#[test]
fn what_could_not_be_looked_at_is_unknown_and_holds() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let checks = [("a", tcp(open)), ("b", "command: { run: [\"true\"] }".to_owned())];
    let (code, record) = desk.record(&list(&checks), &[]);
    assert_eq!(code, Some(3));
    assert_eq!(record["verdict"], serde_json::json!({"decision": "hold", "because": ["b"]}));
    let finding = &check(&record, "b")["findings"][0];
    assert_eq!(finding["code"], "gonogo.not-allowed");
    assert!(finding["message"].as_str().expect("text").contains("--allow exec"));
}

#[test]
fn an_unsigned_question_is_pending_and_holds() {
    let desk = Desk::new();
    let (code, record) = desk.record(&list(&[("q", "manual: { ask: \"Done?\" }".to_owned())]), &[]);
    assert_eq!((code, &check(&record, "q")["outcome"]), (Some(3), &"pending".into()));
    let sha =
        check(&record, "q")["observation"]["item_sha256"].as_str().expect("a hash").to_owned();
    desk.write(
        "list.signoffs.yaml",
        format!("- {{ item: q, sha256: {sha}, by: ann, at: \"2026-01-01T00:00:00Z\" }}\n"),
    );
    let (code, record) = desk.record(&list(&[("q", "manual: { ask: \"Done?\" }".to_owned())]), &[]);
    assert_eq!((code, &check(&record, "q")["outcome"]), (Some(0), &"pass".into()));
    let (code, record) =
        desk.record(&list(&[("q", "manual: { ask: \"Really?\" }".to_owned())]), &[]);
    assert_eq!(
        (code, &check(&record, "q")["findings"][0]["code"]),
        (Some(3), &"manual.changed".into())
    );
}

#[test]
fn an_empty_selection_exits_4_and_says_what_it_could_have_matched() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("list.yaml", list(&[("dns.login", tcp(open)), ("tls.login", tcp(open))]));
    for (arguments, said) in [
        (&["dns.lgoin"][..], "did you mean `dns.login`?"),
        (&["x*"], "there are: dns.login, tls.login"),
        (&["dns.login", "nope"], "`nope` matches no check"),
        (&["--tag", "web"], "no check of this list is tagged `web`"),
        (&["--skip", "*"], "leaves everything out"),
        (&["--phase", "T-1h"], "the list has no phase T-1h"),
    ] {
        let mut all = vec!["run", "list.yaml", "-o", "json"];
        all.extend(arguments);
        let ran = desk.gonogo(&all);
        assert_eq!(ran.code, Some(4), "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
        let record: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!(record["verdict"]["decision"], "nothing-ran", "{arguments:?}");
    }
}

#[test]
fn ask_08_checks_are_selected_by_id_glob_tag_and_skip() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let tagged = format!("tags: [web], {}", tcp(open));
    let text = list(&[("a.one", tcp(open)), ("a.two", tagged.clone()), ("b.one", tagged)]);
    for (arguments, ids) in [
        (&["a.one"][..], &["a.one"][..]),
        (&["a.*"], &["a.one", "a.two"]),
        (&["--tag", "web"], &["a.two", "b.one"]),
        (&["--tag", "web", "--skip", "b.*"], &["a.two"]),
        (&["*.one", "--tag", "web"], &["b.one"]),
    ] {
        let (code, record) = desk.record(&text, arguments);
        assert_eq!(code, Some(0), "{arguments:?}");
        let checks = record["steps"][0]["checks"].as_array().expect("checks");
        let ran: Vec<&str> = checks
            .iter()
            .filter(|check| check["outcome"] == "pass")
            .map(|check| check["id"].as_str().expect("an id"))
            .collect();
        assert_eq!(ran, ids, "{arguments:?}");
        assert_eq!(checks.len(), 3, "what was not selected is in the record, as skipped");
    }
}

#[test]
fn ask_07_one_root_cause_is_one_failure_and_the_rest_are_skipped_because_of_it() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let needs = |ids: &str, port| format!("needs: [{ids}], {}", tcp(port));
    let (code, record) = desk.record(
        &list(&[
            ("leaf", needs("middle", open)),
            ("middle", needs("root", open)),
            ("root", tcp(closed_port())),
            ("other", tcp(open)),
        ]),
        &[],
    );
    assert_eq!(code, Some(1));
    assert_eq!(record["verdict"]["because"], serde_json::json!(["root"]));
    for id in ["leaf", "middle"] {
        let skipped = &check(&record, id)["skipped"];
        assert_eq!(
            (&skipped["reason"], &skipped["cause"]),
            (&"needs".into(), &"root".into()),
            "{id}"
        );
    }
    assert_eq!(check(&record, "other")["outcome"], "pass");
}

#[test]
fn a_needed_check_that_is_not_selected_does_not_keep_one_from_running() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let text =
        list(&[("root", tcp(closed_port())), ("leaf", format!("needs: [root], {}", tcp(open)))]);
    let (code, record) = desk.record(&text, &["leaf"]);
    assert_eq!((code, &check(&record, "leaf")["outcome"]), (Some(0), &"pass".into()));
}

#[test]
fn a_list_goes_on_after_a_failure_unless_a_step_halts_it() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let text = |halt: &str| {
        format!(
            "gonogo: 1\nname: T\nsteps:\n  - name: One\n    checks: [{{ id: a, {} }}]\n  - name: Two\n{halt}    checks: [{{ id: b, {} }}]\n  - name: Three\n    checks: [{{ id: c, {} }}]\n",
            tcp(closed_port()),
            tcp(open),
            tcp(open)
        )
    };
    let (_, record) = desk.record(&text(""), &[]);
    assert_eq!(check(&record, "c")["outcome"], "pass");
    let (code, record) = desk.record(&text("    halt_on: fail\n"), &[]);
    assert_eq!((code, &check(&record, "b")["outcome"]), (Some(1), &"pass".into()));
    let skipped = &check(&record, "c")["skipped"];
    assert_eq!((&skipped["reason"], &skipped["cause"]), (&"halted".into(), &"a".into()));
}

#[test]
fn fail_fast_ends_the_run_and_says_so() {
    let desk = Desk::new();
    let text = list(&[("slow", shell("sleep 30")), ("bad", tcp(closed_port()))]);
    let (code, record) = desk.record(&text, &["--fail-fast", "--allow", "exec"]);
    assert_eq!((code, &record["stopped"]), (Some(1), &"fail-fast".into()));
    assert_eq!(check(&record, "slow")["skipped"]["reason"], "fail-fast");
}

#[test]
fn ask_03_an_advisory_check_never_stops_the_launch() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let advisory = format!("severity: advisory, {}", tcp(closed_port()));
    let (code, record) = desk.record(&list(&[("a", tcp(open)), ("b", advisory)]), &[]);
    assert_eq!((code, &check(&record, "b")["outcome"]), (Some(0), &"fail".into()));
}

#[test]
fn ask_05_a_timeout_names_the_check_and_can_be_set_for_each() {
    let desk = Desk::new();
    let slow = format!("timeout: 100ms, {}", shell("sleep 30"));
    let (code, record) = desk.record(&list(&[("slow", slow)]), &["--allow", "exec"]);
    assert_eq!(code, Some(3));
    let found = check(&record, "slow");
    assert_eq!(found["findings"][0]["code"], "gonogo.timeout");
    assert_eq!(found["findings"][0]["target"], "slow");
    let ms = found["duration_ms"].as_f64().expect("a number");
    assert!((50.0..5_000.0).contains(&ms), "{ms}");
}

#[test]
fn ask_06_retries_stop_when_they_can_change_nothing_and_every_attempt_is_recorded() {
    let desk = Desk::new();
    let counter = desk.path("count");
    let line = format!("echo x >> {0}; test $(wc -l < {0}) -ge 3", counter.display());
    let flaky =
        format!("retry: {{ attempts: 5, backoff: 1ms, on: [unknown, fail] }}, {}", shell(&line));
    let missing =
        "retry: { attempts: 5, backoff: 1ms }, command: { run: [echo, \"${env:NOT_SET}\"] }";
    let failing = format!("retry: {{ attempts: 5, backoff: 1ms }}, {}", tcp(closed_port()));
    let checks = [("flaky", flaky), ("missing", missing.to_owned()), ("failing", failing)];
    let (code, record) = desk.record(&list(&checks), &["--allow", "exec"]);
    assert_eq!(code, Some(1));
    let attempts = |id: &str| check(&record, id)["attempts"].as_array().expect("attempts").len();
    assert_eq!(check(&record, "flaky")["outcome"], "pass");
    assert_eq!((attempts("flaky"), attempts("missing"), attempts("failing")), (3, 1, 1));
    assert_eq!(check(&record, "flaky")["attempts"][0]["outcome"], "fail");
    assert_eq!(check(&record, "missing")["findings"][0]["code"], "gonogo.secret-missing");
}

#[test]
fn a_deadline_holds_whatever_targets_do() {
    let desk = Desk::new();
    let begun = gonogo::clock::Clock.tick();
    let text = list(&[("slow", format!("timeout: 60s, {}", shell("sleep 60")))]);
    let (code, record) = desk.record(&text, &["--allow", "exec", "--deadline", "300ms"]);
    assert!(begun.elapsed().as_secs() < 5);
    assert_eq!((code, &record["stopped"]), (Some(3), &"deadline".into()));
    assert_eq!(check(&record, "slow")["findings"][0]["code"], "gonogo.deadline");
}

#[test]
fn no_time_at_all_is_no_limit() {
    let desk = Desk::new();
    desk.write("list.yaml", list(&[("a", tcp(1))]));
    for flag in ["--timeout", "--deadline"] {
        let ran = desk.gonogo(&["run", "list.yaml", flag, "0s"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{flag}");
        assert!(ran.stderr.contains("nothing can be looked at in no time"), "{}", ran.stderr);
    }
    // A pattern of --skip that leaves nothing out is said by both verbs.
    for verb in ["run", "plan"] {
        let ran = desk.gonogo(&[verb, "list.yaml", "--skip", "b*"]);
        assert!(ran.stderr.contains("--skip b* leaves nothing out"), "{verb}: {}", ran.stderr);
    }
}

#[test]
fn strict_counts_warnings_as_failures_and_passes_stay_passes() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let text = list(&[("a", tcp(open))]);
    let (code, record) = desk.record(&text, &["--strict"]);
    assert_eq!((code, &record["strict"]), (Some(0), &true.into()));
    // A waiver that covers nothing is a warning.
    let until = "2999-01-01T00:00:00Z";
    let waiver = format!("waivers: [{{ check: a, reason: r, by: Ann, until: \"{until}\" }}]\n");
    let (code, record) = desk.record(&format!("{waiver}{text}"), &[]);
    assert_eq!((code, &check(&record, "a")["outcome"]), (Some(0), &"warn".into()));
    let (code, record) = desk.record(&format!("{waiver}{text}"), &["--strict"]);
    assert_eq!((code, &record["verdict"]["decision"]), (Some(1), &"no-go".into()));
}

#[test]
fn jobs_bound_how_many_checks_run_at_once() {
    let desk = Desk::new();
    let folder = desk.path("now");
    std::fs::create_dir(&folder).expect("a folder");
    let line = format!("touch {0}/$$; ls {0} | wc -l; sleep 0.05; rm {0}/$$", folder.display());
    let checks: Vec<(String, String)> = (0..8).map(|n| (format!("c{n}"), shell(&line))).collect();
    let (code, record) = desk.record(&list(&checks), &["--allow", "exec", "--jobs", "2"]);
    assert_eq!(code, Some(0));
    for (id, _) in &checks {
        let seen =
            check(&record, id)["observation"]["stdout"]["text"].as_str().expect("text").trim();
        assert!(["1", "2"].contains(&seen), "{id} ran beside {seen} in all");
    }
}

#[test]
fn a_launch_picks_the_phase_that_has_begun() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let at = |phase: &str| format!("phases: [{phase}], {}", tcp(open));
    let text = list(&[("early", at("T-72h")), ("late", at("T-0")), ("always", tcp(open))]);
    let dated = |launch: &str| format!("{text}launch: {launch}\nphases: [T-72h, T-24h, T-0]\n");
    for (launch, arguments, phase, skipped) in [
        ("2999-01-01T00:00:00Z", &[][..], "T-72h", "late"),
        ("2020-01-01T00:00:00Z", &[], "T-0", "early"),
        ("2020-01-01T00:00:00Z", &["--phase", "T-72h"], "T-72h", "late"),
        ("2999-01-01T00:00:00Z", &["late"], "T-72h", "early"),
    ] {
        let (code, record) = desk.record(&dated(launch), arguments);
        assert_eq!((code, &record["phase"]), (Some(0), &phase.into()), "{launch} {arguments:?}");
        assert_eq!(check(&record, skipped)["outcome"], "skipped", "{launch} {arguments:?}");
    }
    let (code, record) = desk.record(&dated("2020-01-01T00:00:00Z"), &["--phase", "all"]);
    assert_eq!((code, &record["counts"]["pass"]), (Some(0), &3.into()));
}

#[test]
fn a_variable_that_lacks_its_secret_is_the_fault_of_the_checks_that_use_it() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let used = "command: { run: [echo, \"x${both}\"] }".to_owned();
    let text = list(&[("used", used), ("other", tcp(open))]);
    let text = format!("vars: {{ top: \"${{env:NOT_SET}}\", both: \"a${{top}}\" }}\n{text}");
    let (code, record) = desk.record(&text, &["--allow", "exec"]);
    assert_eq!(code, Some(3));
    assert_eq!(check(&record, "used")["findings"][0]["code"], "gonogo.secret-missing");
    assert_eq!(check(&record, "other")["outcome"], "pass");
    assert_eq!(desk.gonogo(&["lint", "list.yaml"]).code, Some(0));
}

#[test]
fn secrets_are_used_and_never_shown() {
    let desk = Desk::new();
    desk.write("pw", "s3cr3t-f1le\n");
    let leak = shell("echo \"$A $B\"; echo \"$A\" | base64 >&2; exit 1");
    let text = list(&[("leak", leak)])
        .replace("command: {", "command: { env: { A: \"${env:TOP}\", B: \"${file:pw}\" },");
    desk.write("list.yaml", text);
    let ran = desk
        .command(&[
            "run",
            "list.yaml",
            "--allow",
            "exec",
            "--verbose",
            "-o",
            "json=r.json",
            "-o",
            "r.html",
            "-o",
            "r.jsonl",
        ])
        .env("TOP", "t0ps3cr3t/+ä")
        .output()
        .expect("the program starts");
    assert_eq!(ran.status.code(), Some(1));
    let logs = desk.logs();
    let mut texts = vec![
        String::from_utf8_lossy(&ran.stdout).into_owned(),
        String::from_utf8_lossy(&ran.stderr).into_owned(),
        desk.read("r.json"),
        desk.read("r.html"),
        desk.read("r.jsonl"),
    ];
    texts.extend(logs.iter().map(|log| std::fs::read_to_string(log).expect("a log")));
    assert_eq!(texts.len(), 6);
    for text in texts {
        for secret in ["s3cr3t-f1le", "t0ps3cr3t", "czNjcjN0LWYxbGU", "dDBwczNjcjN0"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("[redacted]"), "{text}");
    }
}
