//! Running again: only what failed, what an interrupted run left, a machine's part, what is needed.

use crate::support::{Desk, check, closed_port, list, listener, shell, tcp};

/// The ids that were looked at.
fn looked_at(record: &serde_json::Value) -> Vec<&str> {
    let steps = record["steps"].as_array().expect("steps");
    let checks = steps.iter().flat_map(|step| step["checks"].as_array().expect("checks"));
    checks.filter(|c| c["outcome"] != "skipped").map(|c| c["id"].as_str().expect("an id")).collect()
}

#[test]
fn needed_checks_are_pulled_in_when_asked_for() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let needs = |ids: &str| format!("needs: [{ids}], {}", tcp(open));
    let text = list(&[
        ("root", tcp(open)),
        ("middle", needs("root")),
        ("leaf", needs("middle")),
        ("other", tcp(open)),
    ]);
    let (_, record) = desk.record(&text, &["leaf"]);
    assert_eq!(looked_at(&record), ["leaf"]);
    let (_, record) = desk.record(&text, &["leaf", "--with-needs"]);
    assert_eq!(looked_at(&record), ["root", "middle", "leaf"]);
}

#[test]
fn only_what_did_not_pass_is_run_again() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let flag = desk.path("mended");
    let mended = shell(&format!("test -e {}", flag.display()));
    let text = list(&[
        ("good", tcp(open)),
        ("bad", mended),
        ("after", format!("needs: [bad], {}", tcp(open))),
    ]);
    let (code, first) = desk.record(&text, &["--allow", "exec"]);
    assert_eq!(code, Some(1));
    std::fs::write(&flag, "").expect("mended");
    let (code, second) = desk.record(&text, &["--allow", "exec", "--rerun-failed"]);
    assert_eq!((code, looked_at(&second)), (Some(0), vec!["bad", "after"]));
    let first = first["run"].as_str().expect("an id");
    let (_, third) = desk.record(&text, &["--allow", "exec", "--rerun-failed", first]);
    assert_eq!(looked_at(&third), ["bad", "after"]);
    // What was not looked at then is not said to have passed.
    let said = |record: &serde_json::Value, id: &str| check(record, id)["skipped"]["text"].clone();
    assert_eq!(said(&third, "good"), "passed in the run before");
    desk.record(&text, &["--allow", "exec", "--skip", "after"]);
    let (code, record) = desk.record(&text, &["--allow", "exec", "--rerun-failed"]);
    assert_eq!(
        (code, &record["verdict"]["decision"]),
        (Some(4), &"nothing-ran".into()),
        "all passed"
    );
    assert_eq!(said(&record, "good"), "passed in the run before");
    assert_eq!(said(&record, "after"), "not looked at in the run before");
    desk.record(&text, &["--allow", "exec"]);
    let ran = desk.gonogo(&["run", "list.yaml", "--rerun-failed"]);
    assert!(ran.stderr.contains("nothing is left open by that run"), "{}", ran.stderr);
}

#[test]
fn a_killed_run_is_resumed_to_the_verdict_of_an_undisturbed_one() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let hang = desk.path("hang");
    std::fs::write(&hang, "").expect("a file");
    let slow =
        shell(&format!("touch begun; while test -e {}; do sleep 0.02; done", hang.display()));
    let text = list(&[
        ("quick", tcp(open)),
        ("bad", tcp(closed_port())),
        ("slow", format!("timeout: 60s, {slow}")),
    ]);
    desk.write("list.yaml", &text);
    let mut child = desk
        .command(&["run", "list.yaml", "--allow", "exec", "-q"])
        .spawn()
        .expect("the program starts");
    crate::support::until("two answers", || {
        desk.path("begun").exists()
            && desk.logs().iter().any(|log| {
                std::fs::read_to_string(log)
                    .is_ok_and(|text| text.matches("check-finished").count() == 2)
            })
    });
    child.kill().expect("killed");
    child.wait().expect("an end");
    std::fs::remove_file(&hang).expect("gone");
    let id = desk.logs()[0].file_stem().expect("a name").to_string_lossy().into_owned();
    let (code, record) = desk.record(&text, &["--allow", "exec", "--resume", &id]);
    assert_eq!((code, &record["resumes"]), (Some(1), &id.clone().into()));
    assert_eq!(record["verdict"]["because"], serde_json::json!(["bad"]));
    assert_eq!(check(&record, "slow")["outcome"], "pass");
    let killed = gonogo::history::read(&desk.logs()[0]).expect("a record");
    let quick = killed.checks().find(|check| check.id.as_str() == "quick").expect("quick");
    assert_eq!(
        check(&record, "quick"),
        &serde_json::to_value(quick).expect("JSON"),
        "taken over as it was"
    );
    desk.write("list.yaml", format!("{text}# changed\n"));
    let ran = desk.gonogo(&["run", "list.yaml", "--resume", &id]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("has changed since run"), "{}", ran.stderr);
}

/// Runs a list that is interrupted while its check `slow` looks; gives the run.
fn interrupted(desk: &Desk, arguments: &[&str]) -> String {
    let before = desk.logs().len();
    let mut all = vec!["run", "list.yaml", "--allow", "exec", "-q"];
    all.extend(arguments);
    let mut child = desk.command(&all).spawn().expect("the program starts");
    crate::support::until("an answer", || {
        desk.logs().get(before).is_some_and(|log| {
            std::fs::read_to_string(log).is_ok_and(|text| text.contains("check-finished"))
        })
    });
    child.kill().expect("killed");
    child.wait().expect("an end");
    desk.logs()[before].file_stem().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn answers_to_other_questions_are_not_taken_over() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let endpoint = "tcp: { endpoint: \"${port}\" }".to_owned();
    let slow = shell("test -e mended || sleep 60");
    let vars = format!("vars: {{ port: \"127.0.0.1:{open}\" }}\n");
    desk.write("list.yaml", vars + &list(&[("a", endpoint), ("slow", slow.clone())]));
    let run = interrupted(&desk, &[]);
    desk.write("mended", "");
    let closed = format!("port=127.0.0.1:{}", closed_port());
    let resume = |more: &[&str]| {
        let mut all = vec!["run", "list.yaml", "--allow", "exec", "-q", "--resume"];
        all.extend(more);
        desk.gonogo(&all)
    };
    let ran = resume(&[&run, "--var", &closed]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("the variables are not those of run"), "{}", ran.stderr);
    let ran = resume(&[&run]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);

    // An included file is a part of the list.
    std::fs::remove_file(desk.path("mended")).expect("gone");
    let part = |port| list(&[("a", tcp(port))]).replace("gonogo: 1\nname: Test\n", "");
    desk.write("part.yaml", part(open));
    desk.write("list.yaml", list(&[("slow", slow)]) + "include: [part.yaml]\n");
    let run = interrupted(&desk, &[]);
    desk.write("mended", "");
    desk.write("part.yaml", part(closed_port()));
    let ran = resume(&[&run]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    let said = "list.yaml or what it includes has changed since run";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    desk.write("part.yaml", part(open));
    assert_eq!(resume(&[&run]).code, Some(0));
}

#[test]
fn after_a_strict_run_its_warnings_are_run_again() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let waiver =
        "waivers:\n  - { check: warns, reason: x, by: Ann, until: 2999-01-01T00:00:00Z }\n";
    let text = list(&[("good", tcp(open)), ("warns", tcp(open))]) + waiver;
    let (code, record) = desk.record(&text, &["--strict"]);
    assert_eq!((code, &check(&record, "warns")["outcome"]), (Some(1), &"warn".into()));
    let (_, record) = desk.record(&text, &["--strict", "--rerun-failed"]);
    assert_eq!(looked_at(&record), ["warns"]);

    // A warning of a run that was not strict is what a strict one would fail of.
    assert_eq!(desk.record(&text, &[]).0, Some(0));
    let (_, record) = desk.record(&text, &["--strict", "--rerun-failed"]);
    assert_eq!(looked_at(&record), ["warns"]);
}

#[test]
fn only_what_was_interrupted_in_this_phase_is_resumed() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let text = format!(
        "launch: 2020-01-01T00:00:00Z\nphases: [T-72h, T-1h]\n{}",
        list(&[("a", tcp(open)), ("slow", shell("test -e mended || sleep 60"))])
    );
    desk.write("list.yaml", &text);
    let killed = interrupted(&desk, &["--phase", "T-72h"]);
    desk.write("mended", "");
    let resume = |run: &str, more: &[&str]| {
        let mut all = vec!["run", "list.yaml", "--allow", "exec", "-o", "json", "--resume", run];
        all.extend(more);
        desk.gonogo(&all)
    };
    let ran = resume(&killed, &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("was of phase T-72h, and this is T-1h"), "{}", ran.stderr);
    let ran = resume(&killed, &["--phase", "T-72h"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // That one came to its end: its answers are those of its own time.
    let record: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let ran = resume(record["run"].as_str().expect("an id"), &["--phase", "T-72h"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("came to its end"), "{}", ran.stderr);
    // What a deadline ended did not.
    std::fs::remove_file(desk.path("mended")).expect("gone");
    let short = ["--allow", "exec", "--deadline", "300ms", "--phase", "T-72h"];
    let (code, record) = desk.record(&text, &short);
    assert_eq!((code, &record["stopped"]), (Some(3), &"deadline".into()));
    desk.write("mended", "");
    let ran = resume(record["run"].as_str().expect("an id"), &["--phase", "T-72h"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn what_waited_and_what_a_waiver_excused_until_now_is_looked_at_again() {
    let desk = Desk::new();
    let until = "2999-01-01T00:00:00Z";
    let text = list(&[
        ("drill", "manual: { ask: \"Done?\" }".to_owned()),
        ("bad", tcp(closed_port())),
        ("slow", shell("test -e mended || { touch begun; sleep 60; }")),
    ]);
    let text =
        format!("waivers: [{{ check: bad, reason: known, by: Ann, until: \"{until}\" }}]\n{text}");
    desk.write("list.yaml", &text);
    let begin = || {
        let mut command = desk.command(&["run", "list.yaml", "--allow", "exec", "-q"]);
        let mut child = command.spawn().expect("the program starts");
        crate::support::until("two answers", || {
            desk.path("begun").exists()
                && desk.logs().last().is_some_and(|log| {
                    let text = std::fs::read_to_string(log).unwrap_or_default();
                    text.matches("check-finished").count() == 2
                })
        });
        child.kill().expect("killed");
        child.wait().expect("an end");
        desk.logs().pop().expect("a log")
    };
    let log = begin();
    desk.write("mended", "");
    assert_eq!(desk.gonogo(&["sign", "list.yaml", "drill", "--by", "Ann"]).code, Some(0));
    let killed = gonogo::history::read(&log).expect("a record");
    let started = |id: &str| {
        let check = killed.checks().find(|check| check.id.as_str() == id).expect("the check");
        serde_json::to_value(check.started).expect("JSON")
    };
    let run = killed.header.run.to_string();
    let (code, record) = desk.record(&text, &["--allow", "exec", "--resume", &run]);
    assert_eq!((code, &check(&record, "drill")["outcome"]), (Some(0), &"pass".into()));
    assert_eq!(check(&record, "bad")["started"], started("bad"), "its waiver still holds");
    // As it would be had the waiver run out by now.
    let left = std::fs::read_to_string(&log).expect("a log");
    std::fs::write(&log, left.replace(until, "2020-01-01T00:00:00Z")).expect("a log");
    let (code, record) = desk.record(&text, &["--allow", "exec", "--resume", &run]);
    assert_eq!(code, Some(0), "the list still has its waiver");
    assert_ne!(check(&record, "bad")["started"], started("bad"));
}

#[test]
fn shards_are_parts_that_keep_what_needs_each_other_together() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let after = format!("needs: [a], {}", tcp(open));
    let text = list(&[
        ("a", tcp(open)),
        ("b", tcp(open)),
        ("c", after),
        ("d", tcp(open)),
        ("e", tcp(open)),
    ]);
    let mut all = Vec::new();
    for (part, ids) in [("1/2", vec!["a", "c", "d"]), ("2/2", vec!["b", "e"])] {
        let (code, record) = desk.record(&text, &["--shard", part]);
        assert_eq!((code, &record["shard"]), (Some(0), &part.into()));
        assert_eq!(looked_at(&record), ids);
        all.extend(ids);
    }
    assert_eq!(all.len(), 5);
    assert_eq!(desk.gonogo(&["run", "list.yaml", "--shard", "3/2"]).code, Some(2));
    assert_eq!(desk.record(&text, &["--shard", "9/9"]).0, Some(4));
    let ran = desk.gonogo(&["run", "list.yaml", "--shard", "9/9"]);
    assert!(
        ran.stderr.contains("all that was selected is dealt to other shards"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_pass_of_an_earlier_phase_counts_only_as_long_as_it_is_valid() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let text = |valid: &str| {
        let early = format!("phases: [T-24h], valid_for: {valid}, {}", tcp(open));
        format!(
            "launch: 2020-01-01T00:00:00Z\nphases: [T-24h, T-0]\n{}",
            list(&[("early", early), ("late", tcp(open))])
        )
    };
    let (_, record) = desk.record(&text("24h"), &[]);
    assert_eq!(looked_at(&record), ["early", "late"], "it was never looked at before");
    let (_, record) = desk.record(&text("24h"), &[]);
    assert_eq!(looked_at(&record), ["late"]);
    assert!(
        check(&record, "early")["skipped"]["text"]
            .as_str()
            .expect("text")
            .contains("which counts for 1d")
    );
    let (_, record) = desk.record(&text("1ms"), &[]);
    assert_eq!(looked_at(&record), ["early", "late"], "its pass is too old");
}

#[test]
fn a_pass_counts_for_the_same_question_and_a_warning_not_where_it_is_a_failure() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let server = crate::hostile::Server::answering(|_| crate::hostile::http("{}"));
    let url = format!("http://u:hunter2secret@127.0.0.1:{}/", server.port);
    let text = |more: &str| {
        let early = format!("phases: [T-24h], valid_for: 24h, {more}http: {{ url: \"{url}\" }}");
        format!(
            "launch: 2020-01-01T00:00:00Z\nphases: [T-24h, T-0]\n{}",
            list(&[("early", early), ("late", tcp(open))])
        )
    };
    desk.record(&text(""), &[]);
    let (_, record) = desk.record(&text(""), &[]);
    assert_eq!(looked_at(&record), ["late"], "a password in its URL is no difference");
    let expecting = text("expect: [\"size(found.addresses) > 0\"], ");
    let (_, record) = desk.record(&expecting, &[]);
    assert_eq!(looked_at(&record), ["early", "late"], "nobody has judged that yet");
    let (_, record) = desk.record(&expecting, &[]);
    assert_eq!(looked_at(&record), ["late"]);

    let until = "2999-01-01T00:00:00Z";
    let warned = format!(
        "waivers: [{{ check: early, reason: r, by: Ann, until: \"{until}\" }}]\n{}",
        text("")
    );
    let (_, record) = desk.record(&warned, &["early"]);
    assert_eq!(check(&record, "early")["outcome"], "warn");
    let (_, record) = desk.record(&warned, &[]);
    assert_eq!(looked_at(&record), ["late"]);
    let (code, record) = desk.record(&warned, &["--strict"]);
    assert_eq!((code, looked_at(&record)), (Some(1), vec!["early", "late"]));
}

#[test]
fn a_pass_before_a_failure_counts_no_more() {
    let desk = Desk::new();
    let flag = desk.write("fine", "");
    let early = format!(
        "phases: [T-24h], valid_for: 24h, {}",
        shell(&format!("test -e {}", flag.display()))
    );
    let (_listener, open) = listener();
    let text = format!(
        "launch: 2020-01-01T00:00:00Z\nphases: [T-24h, T-0]\n{}",
        list(&[("early", early), ("late", tcp(open))])
    );
    assert_eq!(desk.record(&text, &["--allow", "exec"]).0, Some(0));
    let (_, record) = desk.record(&text, &["--allow", "exec"]);
    assert_eq!(looked_at(&record), ["late"], "its pass counts");
    std::fs::remove_file(&flag).expect("gone");
    assert_eq!(desk.record(&text, &["--allow", "exec", "early"]).0, Some(1));
    let (code, record) = desk.record(&text, &["--allow", "exec"]);
    assert_eq!((code, looked_at(&record)), (Some(1), vec!["early", "late"]));
}

#[test]
fn an_item_is_signed_by_two_different_people() {
    let desk = Desk::new();
    desk.write(
        "list.yaml",
        list(&[("drill", "manual: { ask: \"Done?\", signers: 2 }".to_owned()), ("t", tcp(1))]),
    );
    let sign = |arguments: &[&str]| {
        let mut all = vec!["sign", "list.yaml"];
        all.extend(arguments);
        desk.gonogo(&all)
    };
    assert_eq!(sign(&["drill", "--by", "Ann", "--note", "took 4: 10 #1"]).code, Some(0));
    let again = sign(&["drill", "--by", "ann "]);
    assert!(again.stderr.contains("has signed this already"), "{}", again.stderr);
    assert_eq!(
        desk.gonogo(&["run", "list.yaml", "drill"]).code,
        Some(3),
        "one person is one signer"
    );
    let text = desk.read("list.signoffs.yaml");
    desk.write("list.signoffs.yaml", text.replace("# Who", "# kept by hand\n# Who"));
    assert_eq!(sign(&["drill", "--by", "Bob", "--role", "release"]).code, Some(0));
    assert!(desk.read("list.signoffs.yaml").starts_with("# kept by hand\n"));
    assert_eq!(desk.gonogo(&["run", "list.yaml", "drill"]).code, Some(0));
    let text = desk.read("list.signoffs.yaml").replace("item: \"drill\"", "item: \"gone\"");
    desk.write("list.signoffs.yaml", text);
    let ran = desk.gonogo(&["run", "list.yaml", "drill"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("warning: Ann signed `gone`, which is no check"), "{}", ran.stderr);
    for (arguments, said) in [
        (&["dril", "--by", "Ann"][..], "did you mean `drill`?"),
        (&["t", "--by", "Ann"], "only `manual` items are signed"),
        (&["drill", "--by", " "], "needs a name"),
    ] {
        let ran = sign(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn signatures_at_the_same_time_are_all_kept() {
    let desk = Desk::new();
    desk.write("list.yaml", list(&[("drill", "manual: { ask: \"Done?\" }".to_owned())]));
    let signers: Vec<_> = (0..8)
        .map(|n| {
            let by = format!("Ann {n}");
            let mut command = desk.command(&["sign", "list.yaml", "drill", "--by", &by]);
            command.stdout(std::process::Stdio::null()).spawn().expect("the program starts")
        })
        .collect();
    for mut signer in signers {
        assert!(signer.wait().expect("an end").success());
    }
    let text = desk.read("list.signoffs.yaml");
    assert_eq!(text.matches("- item: \"drill\"").count(), 8, "{text}");
}

#[test]
fn a_file_of_signatures_in_another_style_is_left_as_it_is() {
    let desk = Desk::new();
    desk.write("list.yaml", list(&[("drill", "manual: { ask: \"Done?\" }".to_owned())]));
    desk.write("list.signoffs.yaml", "[]\n");
    let ran = desk.gonogo(&["sign", "list.yaml", "drill", "--by", "Ann"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was signed"), "{}", ran.stderr);
    assert_eq!(desk.read("list.signoffs.yaml"), "[]\n");
}

#[test]
fn a_plan_is_a_runnable_script_and_a_document() {
    let desk = Desk::new();
    desk.write(
        "lists/list.yaml",
        list(&[
            ("a", shell("echo it\\'s here")),
            ("q", "manual: { ask: \"Done | dusted?\" }".to_owned()),
        ]),
    );
    let ran = desk.gonogo(&["plan", "lists/list.yaml", "-o", "sh"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    desk.write("plan.sh", &ran.stdout);
    let output = std::process::Command::new("sh")
        .arg("plan.sh")
        .current_dir(desk.path("."))
        .output()
        .expect("sh");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("it's here\nexit code 0"), "{said}");
    desk.write(
        "secret.yaml",
        list(&[("r", "redis: { url: \"redis://u:hunter2secret@127.0.0.1:1\" }".to_owned())]),
    );
    let ran = desk.gonogo(&["plan", "secret.yaml", "-o", "json"]);
    assert!(ran.stdout.contains("redis://u:"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("hunter2secret"), "{}", ran.stdout);
    let ran = desk.gonogo(&["plan", "lists/list.yaml", "-o", "markdown"]);
    assert!(ran.stdout.contains("| ☐ | `a` |"), "{}", ran.stdout);
}

#[test]
fn a_shell_completes_ids_tags_and_kinds_out_of_the_list() {
    let desk = Desk::new();
    desk.write(
        "list.yaml",
        list(&[("dns.a", format!("tags: [web], {}", tcp(1))), ("dns.b", tcp(1))]),
    );
    let complete = |words: &[&str]| {
        let mut command = desk.command(&["--"]);
        command.args(words).env("GONOGO_COMPLETE", "fish");
        String::from_utf8(command.output().expect("the program starts").stdout).expect("UTF-8")
    };
    let ids = complete(&["gonogo", "run", "list.yaml", "dns."]);
    assert!(ids.contains("dns.a") && ids.contains("dns.b"), "{ids}");
    assert!(complete(&["gonogo", "run", "list.yaml", "--tag", ""]).contains("web"));
    assert!(complete(&["gonogo", "check", "postgres"]).contains("postgres_pool"));
    assert!(complete(&["gonogo", "explain", "tcp.r"]).contains("tcp.refused"));
}

#[test]
fn nobody_signs_in_a_role_that_the_list_does_not_have() {
    let desk = Desk::new();
    let item = list(&[("drill", "manual: { ask: \"Done?\" }".to_owned())]);
    desk.write(
        "list.yaml",
        format!("people: {{ release: {{ name: Ann, contact: a@b }} }}\n{item}"),
    );
    let sign = |role| desk.gonogo(&["sign", "list.yaml", "drill", "--by", "Nina", "--role", role]);
    let ran = sign("ops");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    let said = "`ops` is no role of list.yaml; `people:` has: release";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(!desk.path("list.signoffs.yaml").exists(), "nothing was signed");
    assert_eq!(sign("release").code, Some(0));
    // A list without people has no roles to mistake.
    desk.write("list.yaml", item);
    assert_eq!(sign("ops").code, Some(0));
}
