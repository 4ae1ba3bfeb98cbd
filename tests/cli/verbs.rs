//! The other verbs.

use crate::support::{Desk, closed_port, list, listener, tcp};

#[test]
fn check_looks_once_without_a_file_and_prints_the_yaml() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let target = format!("127.0.0.1:{open}");
    let ran = desk.gonogo(&["check", "tcp", &target]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let yaml = ran.stdout.split("step:\n").nth(1).expect("the YAML").to_owned();
    assert_eq!(yaml, format!("- id: tcp\n  tcp:\n    endpoint: 127.0.0.1:{open}\n"));
    // What is printed runs as it stands.
    let indented: String = yaml.lines().map(|line| format!("      {line}\n")).collect();
    desk.write(
        "l.yaml",
        format!("gonogo: 1\nname: T\nsteps:\n  - name: S\n    checks:\n{indented}"),
    );
    assert_eq!(desk.gonogo(&["run", "l.yaml"]).code, Some(0));
}

#[test]
fn check_takes_several_targets_and_dotted_parameters() {
    let desk = Desk::new();
    let (_listener, open) = listener();
    let (good, bad) = (format!("127.0.0.1:{open}"), format!("127.0.0.1:{}", closed_port()));
    let ran = desk.gonogo(&["check", "tcp", &good, &bad, "-o", "json"]);
    let record: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON alone");
    assert_eq!((ran.code, &record["verdict"]["because"]), (Some(1), &serde_json::json!(["tcp-2"])));
    let ran = desk.gonogo(&[
        "check",
        "command",
        "--set",
        "env.X=5",
        "--set",
        "stdout=^5$",
        "--allow",
        "exec",
        "--",
        "sh",
        "-c",
        "echo $X",
    ]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_password_on_the_command_line_is_shown_nowhere() {
    let desk = Desk::new();
    let url = format!("postgres://u:hunter22@127.0.0.1:{}/db", closed_port());
    let ran = desk.gonogo(&["check", "postgres_pool", &url, "-v", "-o", "r.json"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    let log = std::fs::read_to_string(&desk.logs()[0]).expect("a log");
    for text in [&ran.stdout, &ran.stderr, &desk.read("r.json"), &log] {
        assert!(!text.contains("hunter22"), "{text}");
    }
}

#[test]
fn check_refuses_what_a_list_would_refuse() {
    let desk = Desk::new();
    for (arguments, said) in [
        (&["check", "tpc", "h:1"][..], "did you mean `tcp`?"),
        (&["check", "tcp", "h"], "is not HOST:PORT"),
        (&["check", "tcp", "h:1", "--set", "bannr=x"], "did you mean `banner`?"),
        (&["check", "tcp", "h:1", "--set", "bannr"], "is not KEY=VALUE"),
        (&["check", "tcp", "h:1", "--launch", "2026-11-23T10:00:00"], "has no zone"),
        (&["check", "tcp"], "TARGET"),
    ] {
        let ran = desk.gonogo(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn plan_shows_what_would_run_and_contacts_nobody() {
    let desk = Desk::new();
    let (listener, open) = listener();
    listener.set_nonblocking(true).expect("non-blocking");
    desk.write("list.yaml", list(&[("a", tcp(open)), ("b", format!("needs: [a], {}", tcp(open)))]));
    let ran = desk.gonogo(&["plan", "list.yaml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for said in [
        format!("contacts tcp 127.0.0.1:{open}"),
        "after a".to_owned(),
        "2 checks would run".to_owned(),
    ] {
        assert!(ran.stdout.contains(&said), "{said}: {}", ran.stdout);
    }
    listener.accept().expect_err("nobody connects");
    let ran = desk.gonogo(&["plan", "list.yaml", "-o", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(plan["steps"][0]["checks"][1]["needs"], serde_json::json!(["a"]));
    assert_eq!(desk.logs().len(), 0);
}

#[test]
fn plan_shows_when_phases_begin_in_every_zone_that_matters() {
    let desk = Desk::new();
    let text = list(&[("a", format!("phases: [T-24h], {}", tcp(1))), ("b", tcp(1))]);
    desk.write(
        "list.yaml",
        format!("launch: \"2026-03-29T10:00[Europe/Berlin]\"\nphases: [T-24h, T-0]\n{text}"),
    );
    let ran =
        desk.command(&["plan", "list.yaml"]).env("TZ", "Asia/Shanghai").output().expect("starts");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    for line in [
        "launch 2026-03-29T10:00:00+02:00 = Sun 29 Mar 08:00 UTC = Sun 29 Mar 16:00 here",
        "  T-24h    2026-03-28T09:00:00+01:00 = Sat 28 Mar 08:00 UTC = Sat 28 Mar 16:00 here  2 checks",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn explain_has_a_page_for_every_code_and_kind() {
    let desk = Desk::new();
    let index = desk.gonogo(&["explain"]);
    assert_eq!(index.code, Some(0));
    let mut pages = 0;
    for row in gonogo::probe::KINDS {
        let page = desk.gonogo(&["explain", row.name]);
        assert!(page.stdout.contains(row.summary), "{}", row.name);
        assert!(index.stdout.contains(row.name), "{}", row.name);
        for code in row.codes {
            assert!(code.id.starts_with(&format!("{}.", row.name)), "{}", code.id);
            let page = desk.gonogo(&["explain", code.id]);
            assert_eq!(page.code, Some(0), "{}", code.id);
            assert!(page.stdout.contains(code.doc), "{}", code.id);
            assert!(code.doc.len() > 60, "{} has a page worth reading", code.id);
            pages += 1;
        }
    }
    assert!(pages > 10);
    let ran = desk.gonogo(&["explain", "tcp.refusd"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("did you mean `tcp.refused`?"), "{}", ran.stderr);
}

#[test]
fn schemas_and_completions_are_printed() {
    let desk = Desk::new();
    for of in ["checklist", "record"] {
        let ran = desk.gonogo(&["schema", of]);
        let schema: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{of}");
    }
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ran = desk.gonogo(&["completions", shell]);
        assert_eq!(ran.code, Some(0), "{shell}");
        assert!(ran.stdout.contains("gonogo"), "{shell}");
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    let desk = Desk::new();
    let ran = desk.gonogo(&["--version"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), concat!("gonogo ", env!("CARGO_PKG_VERSION"), "\n"))
    );
    for arguments in [&["--help"][..], &["run", "--help"], &["check", "--help"]] {
        let ran = desk.gonogo(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// A list with secrets in three places: two passwords of URLs, one whole URL.
fn with_secrets() -> String {
    list(&[
        (
            "pg",
            "postgres_pool: { url: \"postgres://app:${env:PG_PW}@db.example:5432/shop\", \
             demand: { connections: 5 } }"
                .to_owned(),
        ),
        ("cache", "redis: { url: \"${env:CACHE_URL}\" }".to_owned()),
        ("web", "http: { url: \"http://u:${env:TOKEN}@127.0.0.1:9/x\" }".to_owned()),
    ])
}

#[test]
fn plan_without_secrets_says_all_that_does_not_hang_on_them() {
    let desk = Desk::new();
    desk.write("list.yaml", with_secrets());
    let ran = desk.gonogo(&["plan", "list.yaml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for said in [
        "contacts postgres db.example:5432",
        "contacts not known without ${env:CACHE_URL} (plan reads no secrets)",
        "contacts http 127.0.0.1:9\n",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("the world"), "nothing can change: {}", ran.stdout);
    let ran = desk.gonogo(&["plan", "list.yaml", "-o", "sh"]);
    for said in [
        "psql ",
        "@db.example:5432/shop",
        "http://u:${env:TOKEN}@127.0.0.1:9/x",
        "not known without ${env:CACHE_URL}",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
    }
    desk.write("list.yaml", with_secrets().replace("demand: { connections: 5 }", "cleanup: 5m"));
    let ran = desk.gonogo(&["plan", "list.yaml"]);
    assert_eq!(ran.stdout.matches("changes the world with --apply").count(), 1, "{}", ran.stdout);
}

#[test]
fn plan_says_here_only_where_here_is_another_time_and_names_a_launch_that_is_missing() {
    let desk = Desk::new();
    let text = list(&[("a", tcp(1))]);
    desk.write("list.yaml", format!("launch: 2026-11-28T20:00:00+01:00\n{text}"));
    let ran = desk.gonogo(&["plan", "list.yaml"]);
    assert!(ran.stdout.contains("= Sat 28 Nov 19:00 UTC\n"), "{}", ran.stdout);
    desk.write("list.yaml", format!("phases: [T-24h, T-0]\n{text}"));
    let ran = desk.gonogo(&["plan", "list.yaml"]);
    assert!(ran.stdout.contains("\nlaunch now: the list names none\n"), "{}", ran.stdout);
    let said = "warning: list.yaml has `phases` and no `launch`: T-0 is now\n";
    let ran = desk.gonogo(&["lint", "list.yaml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), said));
    let ran = desk.gonogo(&["run", "list.yaml"]);
    assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
}

#[test]
fn check_names_the_word_of_the_command_line_that_is_wrong() {
    let desk = Desk::new();
    for (arguments, said) in [
        (&["check", "tcp", "127.0.0.1"][..], "error: TARGET: `127.0.0.1` is not HOST:PORT"),
        (&["check", "http", "127.0.0.1:9/x"], "it does not begin with http:// or https://"),
        (&["check", "tcp", "h:1", "--launch", "2026-12-01"], "error: --launch: `2026-12-01` "),
        (&["check", "tcp", "h:1", "--set", "bannr=x"], "error: --set bannr: unknown key `bannr`"),
        (&["check", "tcp", "h:1", "--set", "bannr"], "is not KEY=VALUE"),
        (&["check", "roster", "release"], "looks at the `people` of a list"),
    ] {
        let ran = desk.gonogo(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("-->"), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn check_prints_a_reference_for_a_password_that_was_typed() {
    let desk = Desk::new();
    let port = closed_port();
    let url = format!("postgres://app:go-now@127.0.0.1:{port}/shop");
    let ran = desk.gonogo(&["check", "postgres_pool", &url]);
    let said = format!("url: postgres://app:${{env:PGPASSWORD}}@127.0.0.1:{port}/shop\n");
    assert!(ran.stdout.contains(&said), "{}", ran.stdout);
    assert!(ran.stdout.contains("set PGPASSWORD to the password"), "{}", ran.stdout);
}

#[test]
fn a_checklist_in_the_place_of_a_verb_is_told_the_verb() {
    let desk = Desk::new();
    desk.write("shop.yaml", list(&[("a", tcp(1))]));
    let ran = desk.gonogo(&["shop.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("gonogo run shop.yaml"), "{}", ran.stderr);
    assert!(!desk.gonogo(&["none.yaml"]).stderr.contains("gonogo run"));
}

#[test]
fn a_manual_page_has_its_usage_exit_codes_environment_and_files() {
    let desk = Desk::new();
    let page = desk.gonogo(&["man", "silence", "extend"]).stdout;
    assert!(page.contains(".TH gonogo-silence-extend 1"), "{page}");
    assert!(!page.contains("\"extend \""), "{page}");
    assert_eq!(page.matches(".ie ").count(), 1, "{page}");
    let page = desk.gonogo(&["man", "run"]).stdout;
    for said in [
        "CHECKLIST> [ID]...",
        ".SH \"EXIT STATUS\"",
        ".SH ENVIRONMENT",
        "GONOGO_STATE_DIR",
        ".SH FILES",
    ] {
        assert!(page.replace('\\', "").contains(said), "{said}: {page}");
    }
    assert!(!page.contains(".SH EXTRA"), "{page}");
    assert!(!desk.gonogo(&["man", "explain"]).stdout.contains("GONOGO_STATE_DIR"));
    for verb in ["run", "check"] {
        let help = desk.gonogo(&[verb, "--help"]).stdout;
        assert!(help.contains("Exit codes: 0 GO"), "{help}");
    }
}
