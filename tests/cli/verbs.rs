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
        (&["check", "tcp", "h:1", "--set", "bannr"], "is not NAME=VALUE"),
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
