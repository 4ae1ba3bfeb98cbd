//! `gonogo merge`: shards and vantage points, as a pipeline puts them together.

use crate::support::{Desk, Ran, check, list, shell, tcp};

/// Four checks, one of them judged by a majority; `v` says where it is run.
fn four() -> String {
    let ok = |quorum: &str| format!("{quorum}{}", shell("test -e right-from-${v}"));
    let text = list(&[
        ("a", ok("quorum: majority, ")),
        ("b", shell("true")),
        ("c", ok("")),
        ("d", shell("true")),
    ]);
    format!("vars: {{ v: here }}\n{text}")
}

/// Runs the list, or a part of it, which is GO.
#[track_caller]
fn run(desk: &Desk, name: &str, arguments: &[&str]) {
    run_to(0, desk, name, arguments);
}

/// Runs the list, or a part of it, which ends in this exit code.
#[track_caller]
fn run_to(code: i32, desk: &Desk, name: &str, arguments: &[&str]) {
    let output = format!("json={name}");
    let mut all = vec!["run", "list.yaml", "--allow", "exec", "-q", "-o", &output];
    all.extend(arguments);
    let ran = desk.gonogo(&all);
    assert_eq!(ran.code, Some(code), "{name}: {} {}", ran.stdout, ran.stderr);
}

fn merged(desk: &Desk, files: &[&str]) -> (Ran, serde_json::Value) {
    let mut all = vec!["merge", "-o", "json"];
    all.extend(files);
    let ran = desk.gonogo(&all);
    let record = serde_json::from_str(&ran.stdout).unwrap_or_default();
    (ran, record)
}

fn decision(record: &serde_json::Value) -> &str {
    record["verdict"]["decision"].as_str().expect("a decision")
}

#[test]
fn shards_become_the_whole_and_a_missing_one_holds_the_launch() {
    let desk = Desk::new();
    desk.write("list.yaml", four());
    desk.write("right-from-here", "");
    for part in ["1", "2", "3"] {
        run(&desk, &format!("{part}.json"), &["--shard", &format!("{part}/3")]);
    }
    let (ran, record) = merged(&desk, &["1.json", "2.json", "3.json"]);
    assert_eq!((ran.code, decision(&record)), (Some(0), "go"), "{}", ran.stderr);
    assert_eq!(record["counts"]["pass"], 4);
    assert_eq!(record["merged"].as_array().map(Vec::len), Some(3));
    assert_eq!(record.get("shard"), None, "it is the whole");
    assert_eq!(record.get("missing"), None);

    let (ran, record) = merged(&desk, &["1.json", "3.json"]);
    assert_eq!((ran.code, decision(&record)), (Some(3), "hold"));
    assert_eq!(record["missing"], serde_json::json!(["2/3"]));
    assert_eq!(check(&record, "b")["findings"][0]["code"], "gonogo.shard-missing");
    let ran = desk.gonogo(&["merge", "1.json", "3.json"]);
    assert!(ran.stdout.contains("Shard 2/3 is missing"), "{}", ran.stdout);

    // One that had nothing to do is missed as well: nobody knows how its machine fared.
    run_to(4, &desk, "9.json", &["--shard", "9/9"]);
    for part in 1..=8 {
        let code = if part <= 4 { 0 } else { 4 };
        run_to(code, &desk, &format!("n{part}.json"), &["--shard", &format!("{part}/9")]);
    }
    let mut all: Vec<String> = (1..=8).map(|part| format!("n{part}.json")).collect();
    let names = |all: &[String]| -> Vec<&'static str> {
        all.iter().map(|name| &*Box::leak(name.clone().into_boxed_str())).collect()
    };
    let (ran, record) = merged(&desk, &names(&all));
    assert_eq!((ran.code, &record["counts"]["pass"]), (Some(3), &4.into()));
    assert!(record["verdict"]["because"].as_array().expect("ids").is_empty());
    all.push("9.json".to_owned());
    assert_eq!(merged(&desk, &names(&all)).0.code, Some(0));
}

#[test]
fn vantage_points_become_a_matrix_judged_by_each_checks_quorum() {
    let desk = Desk::new();
    desk.write("list.yaml", four());
    for place in ["fra", "sin"] {
        desk.write(&format!("right-from-{place}"), "");
    }
    for place in ["fra", "sfo", "sin"] {
        let var = format!("v={place}");
        let code = i32::from(place == "sfo");
        run_to(code, &desk, &format!("{place}.json"), &["--vantage", place, "--var", &var]);
    }
    let (ran, record) = merged(&desk, &["fra.json", "sfo.json", "sin.json"]);
    assert_eq!((ran.code, decision(&record)), (Some(1), "no-go"), "c wants all: {}", ran.stderr);
    assert_eq!(record["verdict"]["because"], serde_json::json!(["c"]));
    let a = check(&record, "a");
    assert_eq!((&a["outcome"], &a["quorum"]), (&"warn".into(), &"majority".into()));
    let seen: Vec<_> = a["sightings"].as_array().expect("sightings").iter().collect();
    let seen: Vec<_> = seen.iter().map(|s| [&s["vantage"], &s["outcome"]]).collect();
    assert_eq!(seen, [["fra", "pass"], ["sfo", "fail"], ["sin", "pass"]]);
    assert_eq!(record["vars"]["v"], serde_json::json!({"fra": "fra", "sfo": "sfo", "sin": "sin"}));

    // Any format again, and the failed ones alone.
    desk.write("whole.json", ran.stdout);
    let table = desk.gonogo(&["report", "whole.json"]);
    assert!(table.stdout.contains("CHECK  fra   sfo   sin   QUORUM"), "{}", table.stdout);
    let (_, again) = desk.record(&four(), &["--allow", "exec", "--rerun-failed", "whole.json"]);
    assert_eq!(check(&again, "c")["outcome"], "fail");
    assert_eq!(check(&again, "b")["outcome"], "skipped");

    let (ran, _) = merged(&desk, &["fra.json", "sin.json"]);
    assert_eq!(ran.code, Some(0));
}

#[test]
fn a_number_of_vantage_points_that_did_not_look_is_not_known_to_be_right() {
    let desk = Desk::new();
    desk.write("list.yaml", list(&[("a", format!("quorum: 2, {}", shell("true")))]));
    run(&desk, "one.json", &["--vantage", "one"]);
    run_to(4, &desk, "two.json", &["--vantage", "two", "--skip", "a"]);
    run(&desk, "three.json", &["--vantage", "three"]);
    let (ran, record) = merged(&desk, &["one.json", "two.json"]);
    assert_eq!(ran.code, Some(3));
    assert_eq!(check(&record, "a")["findings"][0]["code"], "gonogo.quorum-open");
    assert_eq!(merged(&desk, &["one.json", "two.json", "three.json"]).0.code, Some(0));
    for quorum in ["0", "most", "-1", "1.5"] {
        desk.write("bad.yaml", list(&[("a", format!("quorum: {quorum}, {}", tcp(1)))]));
        let ran = desk.gonogo(&["lint", "bad.yaml"]);
        assert_eq!(ran.code, Some(2), "{quorum}");
        assert!(ran.stderr.contains("`all`, `majority` or a number from 1"), "{}", ran.stderr);
    }
}

#[test]
fn what_cannot_be_merged_is_named_and_nothing_is_reported() {
    let desk = Desk::new();
    desk.write("list.yaml", four());
    desk.write("right-from-here", "");
    run(&desk, "one.json", &["--vantage", "one"]);
    desk.write("torn.json", &desk.read("one.json")[..400]);
    for (files, said) in [
        (&["one.json", "gone.json"][..], "gone.json cannot be read"),
        (&["one.json", "torn.json"], "torn.json is no record of a run"),
        (&["one.json", "one.json"], "are both run"),
        (&[], "required arguments"),
    ] {
        let (ran, _) = merged(&desk, files);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{files:?}");
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn an_included_file_is_the_same_for_all_that_is_merged() {
    let desk = Desk::new();
    let part = |line: &str| list(&[("b", shell(line))]).replace("gonogo: 1\nname: Test\n", "");
    desk.write("part.yaml", part("true"));
    desk.write("list.yaml", format!("include: [part.yaml]\n{}", list(&[("a", shell("true"))])));
    run(&desk, "1.json", &["--shard", "1/2"]);
    run(&desk, "2.json", &["--shard", "2/2"]);
    assert_eq!(merged(&desk, &["1.json", "2.json"]).0.code, Some(0));
    desk.write("part.yaml", part("test 1 = 1"));
    run(&desk, "2.json", &["--shard", "2/2"]);
    let (ran, _) = merged(&desk, &["1.json", "2.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("was changed between them"), "{}", ran.stderr);
}

#[test]
fn a_killed_shard_is_not_green() {
    let desk = Desk::new();
    desk.write("list.yaml", list(&[("a", shell("true")), ("b", shell("true"))]));
    run(&desk, "1.json", &["--shard", "1/2"]);
    run(&desk, "2.json", &["--shard", "2/2"]);
    // The log of the second shard as a kill leaves it: its last line is torn.
    let log = desk.logs().pop().expect("a log");
    let text = std::fs::read_to_string(&log).expect("a log");
    let first = text.find('\n').expect("a line");
    desk.write("2.jsonl", &text[..first + 30]);
    let (ran, record) = merged(&desk, &["1.json", "2.jsonl"]);
    assert_eq!((ran.code, decision(&record)), (Some(3), "hold"), "{}", ran.stderr);
    assert!(record["finished"].is_null());
}

#[test]
fn a_missing_shard_is_seen_in_every_format_even_where_it_only_had_advice() {
    let desk = Desk::new();
    let advice = format!("severity: advisory, {}", shell("true"));
    desk.write("list.yaml", list(&[("a", shell("true")), ("b", advice)]));
    run(&desk, "1.json", &["--shard", "1/2"]);
    for (format, said) in [
        ("table", " HOLD  shard 2/2 missing · 1 unknown (advisory) · 1 passed"),
        ("tap", "Bail out! Shard 2/2 is missing"),
        ("junit", "<error type=\"HOLD\" message=\"Shard 2/2 is missing"),
        ("nagios", "UNKNOWN - Test HOLD: shard 2/2 missing, 1 unknown (advisory), 1 passed"),
        ("github", "::shard 2/2 missing · "),
    ] {
        let ran = desk.gonogo(&["merge", "1.json", "-o", format]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        assert!(ran.stdout.contains(said), "{said} is not in\n{}", ran.stdout);
    }
}
