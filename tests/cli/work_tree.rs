//! The work tree a checklist lies in: its commit is recorded, and nothing of it is run.

use std::process::Command;

use serde_json::Value;

use crate::support::{Desk, list, listener, tcp};

/// Runs git in the folder of a desk, with a configuration of its own only.
fn git(desk: &Desk, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Ann",
            "-c",
            "user.email=ann@example.com",
            "-c",
            "init.defaultBranch=x",
        ])
        .args(arguments)
        .current_dir(desk.path("."))
        .env("HOME", desk.path("."))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

#[test]
fn the_commit_is_recorded_and_whether_the_list_is_as_it_stands_there() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let text = list(&[("a", tcp(open))]);
    let recorded = |text: &str| desk.record(text, &[]).1["checklist"]["git"].clone();
    assert_eq!(recorded(&text), Value::Null, "no work tree");
    git(&desk, &["init", "-q"]);
    assert_eq!(recorded(&text), Value::Null, "no commit yet");
    desk.write("other", "x");
    git(&desk, &["add", "other"]);
    git(&desk, &["commit", "-qm", "one"]);
    let commit = git(&desk, &["rev-parse", "HEAD"]);
    let is = |dirty: bool| serde_json::json!({ "commit": commit, "dirty": dirty });
    assert_eq!(recorded(&text), is(true), "it is in no commit");
    git(&desk, &["add", "list.yaml"]);
    git(&desk, &["commit", "-qm", "two"]);
    let commit = git(&desk, &["rev-parse", "HEAD"]);
    let is = |dirty: bool| serde_json::json!({ "commit": commit, "dirty": dirty });
    assert_eq!(recorded(&text), is(false));
    desk.write("other", "changed");
    assert_eq!(recorded(&text), is(false), "it is the list that counts");
    assert_eq!(recorded(&format!("{text}# changed\n")), is(true));
}

#[test]
fn nothing_that_a_work_tree_names_is_run() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let text = list(&[("a", tcp(open))]);
    desk.write("list.yaml", &text);
    git(&desk, &["init", "-q"]);
    git(&desk, &["add", "list.yaml"]);
    git(&desk, &["commit", "-qm", "one"]);
    desk.write(".gitattributes", "* filter=evil\n");
    let touch = format!("touch {}; cat", desk.path("run").display());
    for key in ["filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "core.fsmonitor"]
    {
        git(&desk, &["config", key, &touch]);
    }
    // Newer than the index: git has to read it to tell whether it has changed.
    desk.write("list.yaml", &text);
    assert_eq!(desk.record(&text, &[]).0, Some(0));
    assert_eq!(desk.gonogo(&["plan", "list.yaml", "-o", "pdf=plan.pdf"]).code, Some(0));
    assert!(!desk.path("run").exists(), "a filter of the work tree was run");
}
