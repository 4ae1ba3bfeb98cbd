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
