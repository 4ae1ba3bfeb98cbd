//! Reuse: includes, `for_each`, variables, waivers, people, expectations.

use crate::support::{Desk, check, closed_port, list, listener, tcp};

#[test]
fn ask_14_included_files_bring_their_steps_first_and_their_paths_with_them() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("common/net.yaml", "include: [deeper/secret.yaml]\nvars: { port: 1, host: 127.0.0.1 }\nsteps:\n  - name: Net\n    checks:\n      - { id: net.a, tcp: { endpoint: \"${host}:${port}\" } }\n");
    desk.write("common/deeper/secret.yaml", "steps:\n  - name: Deep\n    checks:\n      - id: deep\n        command: { run: [cat, word], stdout: \"^${file:word}$\" }\n");
    desk.write("common/deeper/word", "xyzzy\n");
    let text = format!(
        "include: [common/net.yaml]\nvars: {{ port: {open} }}\n{}",
        list(&[("own", tcp(open))])
    );
    let (code, record) = desk.record(&text, &["--allow", "exec"]);
    assert_eq!(code, Some(0), "{record:#}");
    let names: Vec<&str> = record["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|s| s["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["Deep", "Net", "Step"]);
    assert_eq!(check(&record, "deep")["source"]["file"], "common/deeper/secret.yaml");
}

#[test]
fn an_include_that_leads_back_is_reported_with_the_whole_path() {
    let desk = Desk::new();
    desk.write("a.yaml", format!("include: [b.yaml]\n{}", list(&[("a", tcp(1))])));
    desk.write("b.yaml", "include: [sub/c.yaml]\n");
    desk.write("sub/c.yaml", "include: [../a.yaml]\n");
    let ran = desk.gonogo(&["lint", "a.yaml"]);
    assert_eq!(ran.code, Some(2));
    let said = "`include` goes in a circle: a.yaml > b.yaml > sub/c.yaml > sub/../a.yaml";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    desk.write("a.yaml", format!("include: [none.yaml]\n{}", list(&[("a", tcp(1))])));
    let ran = desk.gonogo(&["lint", "a.yaml"]);
    assert!(ran.stderr.contains("none.yaml cannot be read"), "{}", ran.stderr);
    assert!(ran.stderr.contains("a.yaml:1:11"), "{}", ran.stderr);
}

#[test]
fn mistakes_of_all_files_come_at_once_and_ids_are_unique_across_them() {
    let desk = Desk::new();
    desk.write("b.yaml", "steps:\n  - name: B\n    checks:\n      - { id: same, tcp: { endpiont: \"h:1\" } }\n      - { id: same2, tcp: { endpoint: \"h:1\" } }\n");
    desk.write(
        "a.yaml",
        format!("include: [b.yaml]\n{}", list(&[("same2", tcp(1)), ("x", "tpc: {}".to_owned())])),
    );
    let ran = desk.gonogo(&["lint", "a.yaml"]);
    for said in [
        "b.yaml:4:28",
        "did you mean `endpoint`?",
        "the id `same2` is taken",
        "on line 5 of b.yaml",
        "did you mean `tcp`?",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
}

#[test]
fn for_each_makes_one_check_for_every_value() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let each = format!(
        "for_each: {{ region: [cn-east, us-west], n: [1, 2] }}, title: \"${{region}} ${{n}}\", {}",
        tcp(open)
    );
    let after = format!("needs: [a], {}", tcp(open));
    let (code, record) = desk.record(&list(&[("a", each.clone()), ("b", after)]), &[]);
    assert_eq!(code, Some(0), "{record:#}");
    let ids: Vec<&str> = record["steps"][0]["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .map(|c| c["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids, ["a[cn-east,1]", "a[cn-east,2]", "a[us-west,1]", "a[us-west,2]", "b"]);
    assert_eq!(check(&record, "a[us-west,2]")["title"], "us-west 2");
    let (_, record) = desk.record(&list(&[("a", each)]), &["a"]);
    assert_eq!(record["counts"]["pass"], 4);
    let clash = format!("for_each: {{ n: [1, 1] }}, {}", tcp(open));
    desk.write("clash.yaml", list(&[("a", clash)]));
    assert!(desk.gonogo(&["lint", "clash.yaml"]).stderr.contains("the id `a[1]` is taken"));
}

#[test]
fn variables_come_from_the_list_a_file_and_the_command_line_in_this_order() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    desk.write("vars.yaml", format!("port: {open}\n"));
    let text = format!(
        "vars: {{ port: {} }}\n{}",
        closed_port(),
        list(&[("a", "tcp: { endpoint: \"127.0.0.1:${port}\" }".to_owned())])
    );
    assert_eq!(desk.record(&text, &[]).0, Some(1));
    assert_eq!(desk.record(&text, &["--var-file", "vars.yaml"]).0, Some(0));
    let wrong = format!("port={}", closed_port());
    let (code, record) = desk.record(&text, &["--var-file", "vars.yaml", "--var", &wrong]);
    assert_eq!(code, Some(1));
    assert!(record["vars"]["port"].is_number(), "values keep their type");
    // A value can never break the document: it is no port, and that is all.
    desk.write("list.yaml", &text);
    let ran = desk.gonogo(&["run", "list.yaml", "--var", "port=\"1, x: [\""]);
    assert_eq!(
        (ran.code, ran.stderr.contains("is not HOST:PORT")),
        (Some(2), true),
        "{}",
        ran.stderr
    );
}

#[test]
fn references_are_filled_in_in_keys_too() {
    let desk = Desk::new();
    let greet = |env: &str| {
        let line = "test \"$GREETING\" = hi";
        let run = format!("command: {{ run: [sh, -c, {line:?}], env: {{ {env} }} }}");
        format!("vars: {{ part: ING, list: [1] }}\n{}", list(&[("a", run)]))
    };
    let good = greet("\"GREET${part}\": hi");
    assert_eq!(desk.record(&good, &["--allow", "exec"]).0, Some(0));
    for (env, said) in [
        ("\"GREET${part}\": hi, GREETING: ho", "the key `GREETING` stands twice"),
        ("\"G${env:USER}\": hi", "the key `G${env:USER}` would hold a secret"),
        ("\"${list}\": hi", "the key `${list}` is no text once it is filled in"),
        ("\"${prat}\": hi", "did you mean `${part}`?"),
    ] {
        desk.write("list.yaml", greet(env));
        let ran = desk.gonogo(&["lint", "list.yaml"]);
        assert_eq!(ran.code, Some(2), "{env}");
        assert!(ran.stderr.contains(said), "{env}: {}", ran.stderr);
    }
}

#[test]
fn a_waiver_of_several_checks_is_unused_only_where_it_covers_none() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let (_second, other) = listener();
    let waived = |check: &str, ports: [u16; 2]| {
        let each = format!(
            "for_each: {{ port: [{}, {}] }}, tcp: {{ endpoint: \"127.0.0.1:${{port}}\" }}",
            ports[0], ports[1]
        );
        let until = "2999-01-01T00:00:00Z";
        let waiver = format!("{{ check: {check}, reason: r, by: Ann, until: \"{until}\" }}");
        format!("waivers: [{waiver}]\n{}", list(&[("a", each)]))
    };
    for check in ["a", "\"a*\""] {
        let (code, record) = desk.record(&waived(check, [open, closed_port()]), &["--strict"]);
        assert_eq!((code, &record["counts"]["warn"]), (Some(0), &0.into()), "{record:#}");
        let unused = waived(check, [open, other]);
        let (code, record) = desk.record(&unused, &[]);
        assert_eq!((code, &record["counts"]["warn"]), (Some(0), &1.into()), "{record:#}");
        let first = &record["steps"][0]["checks"][0];
        assert_eq!(first["findings"][0]["code"], "gonogo.waiver-unused");
        assert_eq!(desk.record(&unused, &["--strict"]).0, Some(1));
        // Of one that was not looked at nobody knows.
        let (code, record) = desk.record(&unused, &["--strict", &format!("a[{open}]")]);
        assert_eq!((code, &record["counts"]["pass"]), (Some(0), &1.into()), "{record:#}");
    }
}

#[test]
fn a_waived_failure_stays_visible_and_an_expired_waiver_fails() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let checks = list(&[("ok", tcp(open)), ("bad", tcp(closed_port()))]);
    let waiver = |check: &str, until: &str| {
        format!(
            "waivers: [{{ check: {check}, reason: known, by: Ann, until: \"{until}\" }}]\n{checks}"
        )
    };
    let (code, record) = desk.record(&waiver("bad", "2999-01-01T00:00:00Z"), &[]);
    let found = check(&record, "bad");
    assert_eq!(
        (code, &found["outcome"], &found["waived"]["by"]),
        (Some(0), &"fail".into(), &"Ann".into())
    );
    let (code, record) = desk.record(&waiver("bad", "2020-01-01T00:00:00Z"), &[]);
    assert_eq!(code, Some(1));
    let codes: Vec<&str> = check(&record, "bad")["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|f| f["code"].as_str().expect("a code"))
        .collect();
    assert_eq!(codes, ["tcp.refused", "gonogo.waiver-expired"]);
    let said = |record: &serde_json::Value, id: &str| {
        let findings = check(record, id)["findings"].as_array().expect("findings").clone();
        let said = findings.iter().find(|f| f["code"] == "gonogo.waiver-expired").cloned();
        said.expect("it")["message"].as_str().expect("text").to_owned()
    };
    assert!(said(&record, "bad").ends_with("connection refused"), "{}", said(&record, "bad"));
    let (code, record) = desk.record(&waiver("ok", "2020-01-01T00:00:00Z"), &["ok"]);
    assert_eq!(code, Some(1), "nobody has renewed it");
    assert!(
        said(&record, "ok").ends_with("; the check itself is well now"),
        "{}",
        said(&record, "ok")
    );
    let (code, record) = desk.record(&waiver("ok", "2999-01-01T00:00:00Z"), &["ok"]);
    assert_eq!((code, &check(&record, "ok")["outcome"]), (Some(0), &"warn".into()), "unused");
    desk.write("a.yaml", waiver("bda", "2999-01-01T00:00:00Z"));
    assert!(desk.gonogo(&["lint", "a.yaml"]).stderr.contains("did you mean `bad`?"));
    desk.write("a.yaml", waiver("bad", "2999-01-01"));
    assert_eq!(desk.gonogo(&["lint", "a.yaml"]).code, Some(2), "an end without a zone");
}

#[test]
fn an_expectation_that_is_not_so_fails_and_shows_the_values() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let with = |expect: &str| list(&[("a", format!("expect: [\"{expect}\"], {}", tcp(open)))]);
    assert_eq!(desk.record(&with("size(addresses) == 1"), &[]).0, Some(0));
    let (code, record) =
        desk.record(&with("addresses[0].sight.seen.open.connect_ms > duration('1h')"), &[]);
    let finding = &check(&record, "a")["findings"][0];
    assert_eq!((code, &finding["code"]), (Some(1), &"gonogo.expectation".into()));
    assert!(finding["actual"].as_str().expect("text").contains("connect_ms = "), "{finding}");
    // Missing and null never pass.
    let (code, record) = desk.record(&with("no_address != 'x'"), &[]);
    assert_eq!(
        (code, &check(&record, "a")["findings"][0]["code"]),
        (Some(3), &"gonogo.expectation-no-data".into())
    );
    desk.write("a.yaml", with("adresses.size() == 1"));
    let ran = desk.gonogo(&["lint", "a.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("did you mean `addresses`?"), "{}", ran.stderr);
}

#[test]
fn owners_are_roles_where_the_list_names_its_people() {
    let desk = Desk::new();
    let people = "people: { release: { name: Ann, contact: \"@ann\", backup: { name: Bob, contact: \"@bob\" } } }\n";
    let roster = |roles: &str| format!("owner: release, roster: {{ roles: [{roles}] }}");
    let (code, _) = desk.record(&format!("{people}{}", list(&[("r", roster("release"))])), &[]);
    assert_eq!(code, Some(0));
    let (code, record) =
        desk.record(&format!("{people}{}", list(&[("r", roster("release, recovery"))])), &[]);
    assert_eq!(
        (code, &check(&record, "r")["findings"][0]["code"]),
        (Some(1), &"roster.role-missing".into())
    );
    desk.write(
        "a.yaml",
        format!(
            "{people}{}",
            list(&[("r", roster("release").replace("owner: release", "owner: relaese"))])
        ),
    );
    assert!(desk.gonogo(&["lint", "a.yaml"]).stderr.contains("did you mean `release`?"));
}

#[test]
fn a_2000_check_list_over_20_files_is_linted() {
    let desk = Desk::new();
    for file in 0..20 {
        let checks: String = (0..100)
            .map(|n| format!("      - {{ id: c{file}.{n}, tags: [t{n}], tcp: {{ endpoint: \"h{n}.${{zone}}:443\" }} }}\n"))
            .collect();
        desk.write(
            &format!("f{file}.yaml"),
            format!("steps:\n  - name: S{file}\n    checks:\n{checks}"),
        );
    }
    let files: Vec<String> = (0..20).map(|n| format!("f{n}.yaml")).collect();
    desk.write(
        "all.yaml",
        format!(
            "gonogo: 1\nname: All\nvars: {{ zone: example.com }}\ninclude: [{}]\n",
            files.join(", ")
        ),
    );
    let ran = desk.gonogo(&["lint", "all.yaml"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "all.yaml: good, 2000 checks in 20 steps\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn more_files_than_any_list_has_are_a_mistake_and_not_left_out() {
    let desk = Desk::new();
    let names: Vec<String> = (0..502).map(|n| format!("f{n}.yaml")).collect();
    for name in &names {
        desk.write(name, "vars: {}\n");
    }
    let own = list(&[("a", tcp(1))]);
    desk.write("list.yaml", format!("include: [{}]\n{own}", names.join(", ")));
    let ran = desk.gonogo(&["lint", "list.yaml"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert!(ran.stderr.contains("more than 500 files are included"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 mistake"), "{}", ran.stderr);
    desk.write("list.yaml", format!("include: [{}]\n{own}", names[..499].join(", ")));
    let ran = desk.gonogo(&["lint", "list.yaml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}
