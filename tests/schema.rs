//! The published schemas, by a real JSON Schema validator: an editor that has them flags what
//! `lint` flags, and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use jsonschema::Validator;
use serde_json::{Value, json};

use gonogo::checklist::yaml;

#[path = "report/sample.rs"]
mod sample;
#[path = "report/seen.rs"]
mod seen;

/// Bad lists that no schema can tell from good ones, and why. (A variable that is nowhere defined is
/// another; its fixture has mistakes a schema sees as well.)
const BEYOND_A_SCHEMA: [(&str, &str); 4] = [
    ("bad-regex.yaml", "`format: regex` means JavaScript's to most validators, so few judge it"),
    ("duplicate-ids.yaml", "an id is unique over all steps, and no keyword compares across arrays"),
    ("duplicate-keys.yaml", "a validator sees the map, in which a key stands once"),
    ("needs.yaml", "that a name is an id of this list, and no cycle, needs the whole list"),
];

/// Bad lists that are no YAML, so that an editor flags them without any schema.
const NO_YAML: [&str; 2] = ["open-quote.yaml", "tab.yaml"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// What the program prints, as a user gets it.
fn schema(of: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gonogo"));
    let output = command.args(["schema", of]).output().expect("the program starts");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::meta::validate(schema).expect("a schema of its own draft");
    let options = jsonschema::draft202012::options();
    options.build(schema).expect("no reference leads outside")
}

/// A list as a validator gets it: the tree of the YAML.
fn tree(text: &str) -> Value {
    yaml::parse(text, 0).expect("YAML").shown()
}

fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

#[test]
fn the_schema_accepts_every_list_that_is_shipped() {
    let validator = validator(&schema("checklist"));
    let files = files("checklists");
    assert!(files.len() > 7, "the packs are gone");
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a list");
        assert_eq!(errors(&validator, &tree(&text)), [""; 0], "{}", path.display());
    }
}

#[test]
fn the_schema_rejects_every_bad_list_but_those_no_schema_can() {
    let validator = validator(&schema("checklist"));
    let mut accepted = Vec::new();
    let mut unreadable = Vec::new();
    for path in files("tests/cli/bad") {
        let text = std::fs::read_to_string(&path).expect("a list");
        match yaml::parse(&text, 0) {
            Ok(node) if validator.is_valid(&node.shown()) => accepted.push(name(&path)),
            Ok(_) => {}
            Err(_) => unreadable.push(name(&path)),
        }
    }
    assert_eq!(accepted, BEYOND_A_SCHEMA.map(|(name, _)| name));
    assert_eq!(unreadable, NO_YAML);
}

/// A list of one check.
fn list(check: &str) -> String {
    format!("gonogo: 1\nname: T\nsteps: [{{ name: S, checks: [{{ id: a, {check} }}] }}]\n")
}

/// Lists that `lint` and the schema must agree on, with the variables they use.
const VARS: &str =
    "vars: { n: 3, t: 5s, l: [x], ips: [127.0.0.1], p: 443, o: blocker, h: a.example,
  span: { max_added: 3 }, b: true, s: { attempts: 2 }, code: 200 }\n";

#[test]
fn the_schema_and_lint_agree_on_references() {
    let validator = validator(&schema("checklist"));
    let folder = tempfile::TempDir::new().expect("a folder");
    for (check, good) in [
        // A reference alone has the type of its variable, whatever that is.
        ("timeout: '${t}', tcp: { endpoint: '${h}:${p}' }", true),
        ("severity: '${o}', tags: '${l}', tcp: { endpoint: 'h:1', addresses: '${ips}' }", true),
        ("retry: '${s}', tcp: { endpoint: 'h:1' }", true),
        ("retry: { attempts: '${n}' }, tcp: { endpoint: 'h:1' }", true),
        ("for_each: { x: '${l}' }, title: '${x}', tcp: { endpoint: '${x}:1' }", true),
        ("http: { url: 'https://${h}', status: '${code}', follow: '${b}' }", true),
        ("http: { url: 'https://${h}', status: ['${code}', 3xx] }", true),
        ("postgres_pool: { url: 'postgres://u:${env:PW}@h/d', max_used: '${n}0%' }", true),
        ("postgres_pool: { url: 'postgres://u@h/d', ramp: '${span}', max_used: '2${n}%' }", true),
        ("manual: { ask: '${h}?', signers: '${n}' }", true),
        // Part of a text is text.
        ("timeout: '${n}m', tcp: { endpoint: 'h:1' }", true),
        ("retry: { attempts: '1${n}' }, tcp: { endpoint: 'h:1' }", false),
        ("tags: 'a ${h}', tcp: { endpoint: 'h:1' }", false),
        // No reference at all.
        ("retry: { attempts: many }, tcp: { endpoint: 'h:1' }", false),
        ("timeout: soon, tcp: { endpoint: 'h:1' }", false),
        ("timeout: '${vault:x}', tcp: { endpoint: 'h:1' }", false),
        ("timeout: '${', tcp: { endpoint: 'h:1' }", false),
        ("severity: '$blocker', tcp: { endpoint: 'h:1' }", false),
        ("tcp: 'h:1'", false),
        // A number is text where text is wanted.
        ("command: { run: [sleep, 5], env: { N: 1 } }", true),
        ("title: 7, tags: [2027], tcp: { endpoint: 'h:1' }", true),
        ("tags: [[]], tcp: { endpoint: 'h:1' }", false),
    ] {
        let text = format!("{VARS}{}", list(check));
        let path = folder.path().join("list.yaml");
        std::fs::write(&path, &text).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_gonogo"));
        let lint = command.arg("lint").arg(&path).output().expect("the program starts");
        let said = String::from_utf8_lossy(&lint.stderr);
        assert_eq!(lint.status.success(), good, "lint of {check}: {said}");
        let errors = errors(&validator, &tree(&text));
        assert_eq!(errors.is_empty(), good, "the schema on {check}: {errors:?}");
    }
}

#[test]
fn a_mistake_is_named_where_it_stands() {
    let validator = validator(&schema("checklist"));
    for (check, said) in [
        ("tcp: { endpiont: 'h:1' }", "endpiont"),
        ("tcp: { endpoint: h }", "\"h\" does not match"),
        ("tls: { endpoint: 'h:1', stapling: maybe }", "maybe"),
        ("ownr: me, tcp: { endpoint: 'h:1' }", "ownr"),
    ] {
        let errors = errors(&validator, &tree(&list(check)));
        assert!(errors.iter().any(|error| error.contains(said)), "{check}: {errors:?}");
        assert!(errors.iter().all(|error| error.starts_with("/steps/0/checks/0")), "{errors:?}");
    }
}

/// Every key of a schema that has no description, by its path.
fn undescribed(schema: &Value, path: &str, missing: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            for (key, property) in
                map.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                let text = property.get("description").and_then(Value::as_str);
                if text.is_none_or(|text| text.trim().is_empty()) {
                    missing.push(format!("{path}.{key}"));
                }
            }
            for (key, value) in map {
                // The examples of a schema are no schema.
                if !["default", "const", "enum", "examples"].contains(&key.as_str()) {
                    undescribed(value, &format!("{path}/{key}"), missing);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                undescribed(item, path, missing);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_key_of_a_checklist_has_a_description() {
    let mut missing = Vec::new();
    undescribed(&schema("checklist"), "", &mut missing);
    assert_eq!(missing, [""; 0]);
    undescribed(&json!({ "properties": { "a": { "type": "string" } } }), "", &mut missing);
    assert_eq!(missing, [".a"], "the test can fail");
}

#[test]
fn the_schema_of_the_record_accepts_what_a_report_is_made_from() {
    let validator = validator(&schema("record"));
    for record in [
        sample::launch(),
        sample::green(),
        sample::nothing(),
        sample::interrupted(),
        sample::hostile(),
        sample::many(3),
    ] {
        let value = serde_json::to_value(&record).expect("JSON");
        assert_eq!(errors(&validator, &value), [""; 0]);
    }
    let mut value = serde_json::to_value(sample::launch()).expect("JSON");
    value["verdict"]["decision"] = json!("perhaps");
    assert!(!validator.is_valid(&value), "the test can fail");
}

/// A run with every outcome a list can have without a network, some of it hostile.
const HOSTILE: &str = r#"
gonogo: 1
name: "Hostile \u202e \u001b[31m <script> 上线"
launch: 2027-03-01T10:00:00+08:00
window: { from: T-15m, to: T+3h }
phases: [T-24h, T-0]
people: { release: { name: Ada, contact: ada@example.com } }
steps:
  - name: Step
    checks:
      - { id: passes, command: { run: [printf, "\\033[31m\\r\\n\\342\\200\\256<b>"] } }
      - { id: fails, command: { run: ["false"] }, retry: { attempts: 2, backoff: 1ms, on: [fail] } }
      - { id: waived, command: { run: ["false"] } }
      - { id: times-out, timeout: 50ms, command: { run: [sleep, "5"] } }
      - { id: lacks-a-secret, tcp: { endpoint: "${env:GONOGO_NOT_SET}:1" } }
      - { id: not-there, command: { run: [/no/such/program] } }
      - { id: refused, tcp: { endpoint: "127.0.0.1:1" }, expect: ["1 == 1 && addresses.size() > 5"] }
      - { id: waits, manual: { ask: "Signed?" } }
      - { id: unmanned, severity: advisory, roster: { roles: [release, recovery] } }
      - { id: after, needs: [fails], manual: { ask: "Signed?" } }
      - { id: later, phases: [T-0], manual: { ask: "Signed?" } }
waivers:
  - { check: waived, reason: "known", by: "Ada", until: T+3h }
"#;

#[test]
fn the_schema_of_the_record_accepts_a_real_run() {
    let validator = validator(&schema("record"));
    let folder = tempfile::TempDir::new().expect("a folder");
    let list = folder.path().join("list.yaml");
    std::fs::write(&list, HOSTILE).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_gonogo"))
        .args(["run", "list.yaml", "-o", "json", "--allow", "exec"])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder.path())
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let record: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let checks = record["steps"][0]["checks"].as_array().expect("checks");
    let outcomes: Vec<&str> = checks.iter().filter_map(|check| check["outcome"].as_str()).collect();
    for outcome in ["pass", "fail", "unknown", "pending", "skipped"] {
        assert!(outcomes.contains(&outcome), "{outcome} is not among {outcomes:?}");
    }
    assert_eq!(errors(&validator, &record), [""; 0]);
}
