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
    let (code, record) = desk.record(&text, &["--allow", "exec", "--rerun-failed"]);
    assert_eq!(
        (code, &record["verdict"]["decision"]),
        (Some(4), &"nothing-ran".into()),
        "all passed"
    );
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
