//! Lists with mistakes: each one is pointed at, all at once, and nothing is run.

use crate::support::{Desk, golden, list, listener, tcp};

/// Every bad list under `tests/cli/bad/`, and exactly what a person sees of it.
#[test]
fn every_mistake_is_shown_where_it_stands() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/bad");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of bad lists")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() > 15, "the bad lists are gone");
    for name in names {
        let desk = Desk::new();
        let text = std::fs::read(format!("{folder}/{name}")).expect("a list");
        desk.write(&name, text);
        let ran = desk.gonogo(&["lint", &name]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{name}");
        golden(&format!("{}.txt", name.trim_end_matches(".yaml")), &ran.stderr);
    }
}

#[test]
fn ask_15_a_typo_in_a_key_exits_2_with_a_caret_and_runs_nothing() {
    let desk = Desk::new();
    let (listener, port) = listener();
    listener.set_nonblocking(true).expect("non-blocking");
    desk.write("list.yaml", list(&[("a", tcp(port)), ("b", "ctp: {}".to_owned())]));
    let ran = desk.gonogo(&["run", "list.yaml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("list.yaml:7:18"), "{}", ran.stderr);
    assert!(ran.stderr.contains("^^^"), "{}", ran.stderr);
    assert!(ran.stderr.contains("did you mean `tcp`?"), "{}", ran.stderr);
    let nobody = listener.accept().expect_err("nobody connects");
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(desk.logs().len(), 0, "nothing was run, so nothing is recorded");
}

#[test]
fn lint_is_quick_and_clear_on_hostile_files() {
    let desk = Desk::new();
    let big = vec![b'#'; 9 * 1024 * 1024];
    let deep = "[".repeat(100_000);
    let cases: [(&str, &[u8], &str); 6] = [
        ("big.yaml", &big, "larger than 8 MiB"),
        ("deep.yaml", deep.as_bytes(), "error"),
        ("nul.yaml", b"gonogo: 1\nname: \0\n", "NUL"),
        ("latin.yaml", b"gonogo: 1\nname: caf\xe9\n", "not UTF-8 text: line 2"),
        ("binary.yaml", &[0x7f, b'E', b'L', b'F', 0, 1, 2, 0xff], "not UTF-8"),
        ("empty.yaml", b"", "the file is empty"),
    ];
    for (name, bytes, said) in cases {
        desk.write(name, bytes);
        let ran = desk.gonogo(&["lint", name]);
        assert_eq!(ran.code, Some(2), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{name}: {}", ran.stderr);
        assert!(ran.stderr.len() < 10_000, "{name} has a short error");
    }
    let ran = desk.gonogo(&["lint", "missing.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("missing.yaml cannot be read: No such file"), "{}", ran.stderr);
}

#[test]
fn lint_as_json_is_a_document_with_positions() {
    let desk = Desk::new();
    desk.write("a.yaml", list(&[("a", "tcp: { endpiont: \"h:1\" }".to_owned())]));
    let ran = desk.gonogo(&["lint", "a.yaml", "--format", "json"]);
    assert_eq!(ran.code, Some(2));
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let mistakes = document["mistakes"].as_array().expect("mistakes");
    assert_eq!(mistakes.len(), 2, "{document:#}");
    assert_eq!(mistakes[0]["message"], "`endpoint` is missing");
    assert_eq!(mistakes[1]["help"], "did you mean `endpoint`?");
    assert_eq!((&mistakes[1]["line"], &mistakes[1]["column"]), (&6.into(), &25.into()));
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_bom_and_windows_line_ends_are_read() {
    let desk = Desk::new();
    let text = list(&[("a", "tcp: { endpoint: \"h:1\" }".to_owned())]);
    desk.write("a.yaml", format!("\u{feff}{}", text.replace('\n', "\r\n")));
    let ran = desk.gonogo(&["lint", "a.yaml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "a.yaml: good, 1 check in 1 step\n"));
}

#[test]
fn ask_16_duplicate_and_unknown_keys_are_errors_with_their_line() {
    let desk = Desk::new();
    desk.write(
        "a.yaml",
        list(&[("a", "ownr: x, tcp: { endpoint: \"h:1\", endpoint: \"h:2\" }".to_owned())]),
    );
    let ran = desk.gonogo(&["lint", "a.yaml", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let found: Vec<(&str, u64)> = document["mistakes"]
        .as_array()
        .expect("mistakes")
        .iter()
        .map(|m| (m["message"].as_str().expect("text"), m["line"].as_u64().expect("a line")))
        .collect();
    assert_eq!(found, [("unknown key `ownr`", 6), ("the key `endpoint` stands twice", 6)]);
}

#[test]
fn where_a_mapping_is_wanted_its_keys_are_named() {
    let desk = Desk::new();
    desk.write("list.yaml", list(&[("a", format!("retry: 3, {}", tcp(1)))]));
    let ran = desk.gonogo(&["lint", "list.yaml"]);
    assert_eq!(ran.code, Some(2));
    let help = "help: write `{ … }`, with keys out of attempts, backoff, on";
    assert!(ran.stderr.contains(help), "{}", ran.stderr);
}

#[test]
fn the_example_of_the_manual_is_a_good_list() {
    let desk = Desk::new();
    let page = desk.gonogo(&["explain", "checklist"]);
    assert_eq!(page.code, Some(0), "{}", page.stderr);
    let yaml = page.stdout.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    desk.write("list.yaml", yaml.expect("an example"));
    desk.write(
        "common.yaml",
        "steps: [{ name: C, checks: [{ id: c, tcp: { endpoint: 'h:1' } }] }]\n",
    );
    let ran = desk.gonogo(&["lint", "list.yaml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    // A key of the language is explained by what the page says of it.
    let ran = desk.gonogo(&["explain", "quorum"]);
    assert!(
        ran.stdout.contains("`steps[].checks[].quorum`: How many vantage points"),
        "{}",
        ran.stdout
    );
}

/// Every example on the page of a kind, in a list that says what a list must.
#[test]
fn the_examples_of_every_kind_lint_well() {
    let desk = Desk::new();
    for row in gonogo::probe::KINDS {
        let page = desk.gonogo(&["explain", row.name]);
        assert_eq!(page.code, Some(0), "{}: {}", row.name, page.stderr);
        let examples: Vec<&str> = page
            .stdout
            .split("```yaml\n")
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap_or(rest))
            .collect();
        assert!(!examples.is_empty(), "{} has no example", row.name);
        for example in examples {
            // A check of its own, or the kind's key alone.
            let lines = if example.starts_with("- ") { Vec::new() } else { vec!["- id: a"] };
            let indent = if lines.is_empty() { "" } else { "  " };
            let mut text =
                "gonogo: 1\nname: Example\nlaunch: 2026-11-23T10:00:00+08:00\nsteps:\n  \
                            - name: Example\n    checks:\n"
                    .to_owned();
            let example = example.lines().map(|line| format!("{indent}{line}"));
            for line in lines.into_iter().map(str::to_owned).chain(example) {
                text.push_str(&format!("      {line}\n"));
            }
            desk.write("example.yaml", &text);
            let ran = desk.gonogo(&["lint", "example.yaml"]);
            assert_eq!(ran.code, Some(0), "{}:\n{text}\n{}", row.name, ran.stderr);
            assert!(!ran.stderr.contains("warning"), "{}:\n{text}\n{}", row.name, ran.stderr);
        }
    }
}

#[test]
fn a_key_that_stands_twice_is_a_mistake_in_every_file() {
    let desk = Desk::new();
    desk.write("list.yaml", list(&[("a", tcp(1))]));
    desk.write("vars.yaml", "port: 1\nhost: h\nport: 2\n");
    let ran = desk.gonogo(&["lint", "list.yaml", "--var-file", "vars.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("vars.yaml:3:1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the key `port` stands twice"), "{}", ran.stderr);
    let ran = desk.gonogo(&["lint", "list.yaml", "--var", "v={ a: 1, a: 2 }"]);
    assert!(ran.stderr.contains("the key `a` stands twice"), "{}", ran.stderr);
    let sha = "0".repeat(64);
    desk.write(
        "list.signoffs.yaml",
        format!(
            "- item: a\n  sha256: {sha}\n  by: ann\n  at: \"2026-01-01T00:00:00Z\"\n  by: bob\n"
        ),
    );
    let ran = desk.gonogo(&["run", "list.yaml"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert!(ran.stderr.contains("list.signoffs.yaml:5:3"), "{}", ran.stderr);
}

#[test]
fn a_secret_that_is_missing_outside_of_a_check_is_a_mistake_there() {
    let desk = Desk::new();
    let until = "2999-01-01T00:00:00Z";
    let waiver = format!("{{ check: a, reason: r, by: \"${{env:NOT_SET}}\", until: \"{until}\" }}");
    let plain = list(&[("a", tcp(1))]);
    for (text, place) in [
        (format!("waivers: [{waiver}]\n{plain}"), "list.yaml:1:38"),
        (plain.replace("name: Step", "name: \"${env:NOT_SET}\""), "list.yaml:4:11"),
    ] {
        desk.write("list.yaml", text);
        let ran = desk.gonogo(&["run", "list.yaml"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains("the secret ${env:NOT_SET} is not set"), "{}", ran.stderr);
        assert!(ran.stderr.contains(place), "{}", ran.stderr);
        assert_eq!(desk.gonogo(&["lint", "list.yaml"]).code, Some(0), "where no secret is");
    }
}

#[test]
fn what_is_shown_everywhere_holds_no_secret() {
    let desk = Desk::new();
    let plain = list(&[("a", tcp(1))]);
    for (text, said) in [
        (list(&[("\"a-${env:USER}\"", tcp(1))]), "an id is shown everywhere"),
        (format!("phases: [\"${{env:USER}}\"]\n{plain}"), "a phase is shown everywhere"),
    ] {
        desk.write("list.yaml", text);
        for verb in ["lint", "run"] {
            let ran = desk.gonogo(&[verb, "list.yaml"]);
            assert_eq!(ran.code, Some(2), "{}", ran.stdout);
            assert!(ran.stderr.contains(said), "{verb}: {}", ran.stderr);
            assert!(!ran.stderr.contains("tester"), "{verb}: {}", ran.stderr);
        }
    }
}

#[test]
fn a_number_out_of_its_range_is_told_the_range() {
    let desk = Desk::new();
    let body = "ntp: { servers: [\"127.0.0.1:1\"], samples: 300 }".to_owned();
    desk.write("list.yaml", list(&[("a", body)]));
    let ran = desk.gonogo(&["lint", "list.yaml"]);
    let said = "expected a whole number from 0 to 255, found the number 300";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    for attempts in ["0", "4000000000"] {
        let retry = format!("defaults: {{ retry: {{ attempts: {attempts} }} }}\n");
        desk.write("list.yaml", format!("{retry}{}", list(&[("a", tcp(1))])));
        let ran = desk.gonogo(&["lint", "list.yaml"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stdout);
        assert!(ran.stderr.contains("attempts are not between 1 and 100"), "{}", ran.stderr);
    }
}

#[test]
fn a_file_that_is_not_there_has_no_line_to_show_and_the_near_one_is_named() {
    let desk = Desk::new();
    desk.write("shop.yaml", list(&[("a", tcp(1))]));
    let ran = desk.gonogo(&["run", "sohp.yaml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("sohp.yaml cannot be read: No such file"), "{}", ran.stderr);
    assert!(ran.stderr.contains("there is shop.yaml"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("-->"), "{}", ran.stderr);
    let ran = desk.gonogo(&["lint", "sohp.yaml", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(document["mistakes"][0]["file"], "sohp.yaml");
}

#[test]
fn a_variable_that_the_list_does_not_know_is_refused() {
    let desk = Desk::new();
    let (_listener, port) = listener();
    desk.write("part.yaml", "vars: { inner: 1 }\n");
    let text = list(&[("a", "tcp: { endpoint: \"127.0.0.1:${port}\" }".to_owned())]);
    desk.write("list.yaml", format!("include: [part.yaml]\nvars: {{ zone: z }}\n{text}"));
    desk.write("other.yaml", list(&[("a", tcp(port))]));
    let at = format!("port={port}");
    let ran = desk.gonogo(&["run", "list.yaml", "--var", &at, "--var", "zonne=x"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    let said = "--var zonne: the list has no variable `zonne`";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(ran.stderr.contains("did you mean `zone`?"), "{}", ran.stderr);
    assert_eq!(desk.logs().len(), 0, "nothing was run");
    // What an include has, or what is only filled in somewhere, is known.
    let ran = desk.gonogo(&["run", "list.yaml", "--var", &at, "--var", "inner=2"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Of several lists one has to know it.
    let both = ["lint", "list.yaml", "other.yaml", "--var", &at];
    assert_eq!(desk.gonogo(&both).code, Some(0), "{}", desk.gonogo(&both).stderr);
    let ran = desk.gonogo(&["lint", "list.yaml", "other.yaml", "--var", "zonne=1"]);
    assert_eq!(ran.code, Some(2));
    // A file of variables is shared by many lists.
    desk.write("vars.yaml", format!("port: {port}\nother: 1\n"));
    let ran = desk.gonogo(&["run", "list.yaml", "--var-file", "vars.yaml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_zone_that_is_not_known_is_named() {
    let desk = Desk::new();
    let text = list(&[("a", tcp(1))]);
    desk.write("list.yaml", format!("launch: \"2026-11-28T20:00:00[Europe/Berlni]\"\n{text}"));
    let ran = desk.gonogo(&["lint", "list.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("`Europe/Berlni` is no time zone"), "{}", ran.stderr);
    assert!(ran.stderr.contains("did you mean `Europe/Berlin`?"), "{}", ran.stderr);
}

#[test]
fn the_address_of_a_browsers_page_is_no_base_url() {
    let desk = Desk::new();
    let at = "http://127.0.0.1:9093/#/alerts";
    for body in [
        format!("silence: {{ alertmanagers: [\"{at}\"], matchers: [\"a=b\"], comment: c }}"),
        format!(
            "alert_route: {{ alertmanagers: [\"{at}\"], routes: [{{ labels: {{ a: b }}, receivers: [c] }}] }}"
        ),
        format!("alert_rules: {{ prometheus: \"{at}\", jobs: {{ a: 1 }} }}"),
    ] {
        desk.write("list.yaml", list(&[("a", body)]));
        let ran = desk.gonogo(&["lint", "list.yaml"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stdout);
        assert!(ran.stderr.contains("a base URL has no `#`"), "{}", ran.stderr);
        assert!(ran.stderr.contains("write http://127.0.0.1:9093\n"), "{}", ran.stderr);
    }
}

#[test]
fn a_secret_that_is_an_ordinary_word_is_told_once() {
    let desk = Desk::new();
    let header = |name: &str| {
        format!("http: {{ url: \"http://127.0.0.1:1/\", headers: {{ x: \"${{env:{name}}}\" }} }}")
    };
    desk.write(
        "list.yaml",
        list(&[("a", header("PW")), ("b", header("PW")), ("c", header("LONG"))]),
    );
    let run = |pw: &str| {
        let mut command = desk.command(&["run", "list.yaml", "-q"]);
        let output = command.env("PW", pw).env("LONG", "correct-horse").output();
        String::from_utf8_lossy(&output.expect("starts").stderr).into_owned()
    };
    let end = "it is taken out wherever it stands, also in names and commands\n";
    let told = format!("warning: the secret ${{env:PW}} is short, or a word of the list: {end}");
    assert_eq!(run("x"), told);
    assert_eq!(run("127.0.0.1"), told);
    assert_eq!(run("battery-staple"), "");
}

#[test]
fn no_key_of_the_language_comes_from_a_variable() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let plain = list(&[("a", tcp(open))]);
    let vars = "vars: { k: checks, s: steps, f: for_each }\n";
    let lost = "[{ id: lost, tcp: { endpoint: \"127.0.0.1:1\" } }]";
    for text in [
        format!("{vars}\"${{s}}\": [{{ name: Lost, checks: {lost} }}]\n{plain}"),
        vars.to_owned()
            + &plain.replace("    checks:", &format!("    \"${{k}}\": {lost}\n    checks:")),
        vars.to_owned() + &plain.replace("{ id: a,", "{ id: a, \"${f}\": { x: [1, 2] },"),
    ] {
        desk.write("list.yaml", &text);
        let ran = desk.gonogo(&["lint", "list.yaml"]);
        assert_eq!(ran.code, Some(2), "{text}");
        assert!(ran.stderr.contains("` holds a reference"), "{}", ran.stderr);
    }
}
