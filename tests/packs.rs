//! The packs under `checklists/`: they are what a user starts from, so they hold no mistake, teach,
//! and are written by `init` as they lie here.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gonogo::checklist::load::{Options, load};
use serde_json::Value;
use tempfile::TempDir;

/// The list that is for the demo and no pack.
const DEMO: &str = "demo";
/// What `init` writes when no pack is named.
const STARTER: &str = "launch";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("checklists")
}

/// Every file under `checklists/` by its name without `.yaml`, with its text.
fn lists() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder()).expect("the folder of packs");
    let mut lists: Vec<(String, String)> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|path| !path.to_string_lossy().ends_with(".signoffs.yaml"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a list"))
        })
        .collect();
    lists.sort();
    assert!(lists.len() > 7, "the packs are gone");
    lists
}

/// Every pack, which is every list but the demo's.
fn packs() -> impl Iterator<Item = (String, String)> {
    lists().into_iter().filter(|(name, _)| name != DEMO)
}

/// The program in a folder, with no secret and no environment of ours.
fn gonogo(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gonogo"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder)
        .output()
        .expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn every_list_has_no_mistake_and_needs_no_secret_to_say_so() {
    for (name, _) in lists() {
        let ran = gonogo(&folder(), &["lint", &format!("{name}.yaml")]);
        assert_eq!(ran.status.code(), Some(0), "{name}: {}", stderr(&ran));
        assert!(stdout(&ran).starts_with(&format!("{name}.yaml: good, ")), "{}", stdout(&ran));
    }
}

#[test]
fn every_list_can_be_planned_whole() {
    for (name, _) in lists() {
        let file = format!("{name}.yaml");
        let ran = gonogo(&folder(), &["plan", &file, "--phase", "all", "-o", "json"]);
        assert_eq!(ran.status.code(), Some(0), "{name}: {}", stderr(&ran));
        let plan: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
        let steps = plan["steps"].as_array().expect("steps");
        assert!(!steps.is_empty(), "{name}");
        // And in the phase the clock says, whatever that is.
        assert_eq!(gonogo(&folder(), &["plan", &file]).status.code(), Some(0), "{name}");
    }
}

#[test]
fn every_pack_names_its_schema_and_begins_with_what_it_is_for() {
    for (name, text) in packs() {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let schema = "# yaml-language-server: $schema=../docs/checklist.schema.json";
        assert_eq!(first, schema, "{name}");
        let told = lines.take_while(|line| line.starts_with('#')).count();
        assert!(told >= 5, "{name} says in {told} lines what it is for");
        let width = text.lines().map(|line| line.chars().count());
        let long = text.lines().zip(width).filter(|(line, n)| {
            // What cannot be broken: a query, a digest, a matcher.
            *n > 120 && line.split_whitespace().all(|word| word.chars().count() < 80)
        });
        assert_eq!(long.count(), 0, "{name} has lines nobody reads in an editor");
    }
}

/// The commands a pack tells to type name that pack, and flags and checks that exist.
#[test]
fn what_a_pack_says_to_type_works() {
    for (name, text) in packs() {
        let mut told = 0;
        let options = Options { vars: &[], var_files: &[], secrets: None, launch: None };
        let path = folder().join(format!("{name}.yaml"));
        let (list, _) = load(&path, &options).map_err(|_| &name).expect("a pack loads");
        let comments = text.lines().filter_map(|line| line.trim_start().strip_prefix('#'));
        for comment in comments {
            let words: Vec<&str> = comment.split_whitespace().collect();
            let [verb, file, rest @ ..] = (match words.as_slice() {
                ["gonogo", "run" | "plan" | "lint", _, ..] => &words[1..],
                _ => continue,
            }) else {
                continue;
            };
            told += 1;
            assert_eq!(*file, format!("{name}.yaml"), "{name}: {comment}");
            // An id or a glob in quotes, right after the file.
            if let Some(id) = rest.first().and_then(|id| id.strip_prefix('\'')) {
                let id = id.trim_end_matches('\'');
                let known = list.checks().any(|check| check.id.matches(id));
                assert!(known, "{name} {verb}: {comment}: no such check");
            }
            if let Some(at) = rest.iter().position(|word| *word == "--tag") {
                let known = list.checks().any(|check| check.tags.iter().any(|t| t == rest[at + 1]));
                assert!(known, "{name}: {comment}: no such tag");
            }
            if let Some(at) = rest.iter().position(|word| *word == "--phase") {
                let phase = rest[at + 1];
                let known = list.phases.iter().any(|known| known.label == phase);
                assert!(known || phase == "all", "{name}: {comment}: no such phase");
            }
        }
        assert!(told > 0, "{name} does not say how to begin");
    }
}

#[test]
fn init_writes_every_pack_byte_for_byte_and_says_what_next() {
    for (name, text) in packs() {
        let home = TempDir::new().expect("a folder");
        let ran = gonogo(home.path(), &["init", &name]);
        assert_eq!((ran.status.code(), stderr(&ran).as_str()), (Some(0), ""), "{name}");
        let file = format!("{name}.yaml");
        let written = std::fs::read(home.path().join(&file)).expect("the pack");
        assert_eq!(written, text.as_bytes(), "{name}");
        let said = stdout(&ran);
        for next in ["lint", "plan", "run"] {
            assert!(said.contains(&format!("gonogo {next} {file}")), "{name}: {said}");
        }
        assert_eq!(
            text.contains("${env:PGPASSWORD}"),
            said.contains("export PGPASSWORD="),
            "{name}: {said}"
        );
        assert_eq!(text.contains(" command:\n"), said.contains("--allow exec"), "{name}: {said}");
        // What is said to be typed works where it was written, too.
        let lint = gonogo(home.path(), &["lint", &file]);
        assert_eq!(lint.status.code(), Some(0), "{name}: {}", stderr(&lint));
    }
}

#[test]
fn init_asks_nothing_and_what_it_writes_is_go() {
    let home = TempDir::new().expect("a folder");
    let ran = gonogo(home.path(), &["init"]);
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    let written: Vec<String> = std::fs::read_dir(home.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(written, [format!("{STARTER}.yaml")], "one file, and no other");
    let said = stdout(&ran);
    for (name, _) in packs().filter(|(name, _)| name != STARTER) {
        assert!(said.contains(&format!("gonogo init {name}")), "{name} is not offered: {said}");
    }
    let plan = gonogo(home.path(), &["plan", "launch.yaml", "-o", "json"]);
    let plan: Value = serde_json::from_slice(&plan.stdout).expect("JSON");
    assert_eq!(plan["peers"], Value::Array(Vec::new()), "it needs no network");
    let ran = gonogo(home.path(), &["run", "launch.yaml", "-o", "json"]);
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    let record: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(record["verdict"]["decision"], "go");
}

/// The examples in the starter are good as well, once somebody takes the `#` away.
#[test]
fn the_examples_of_the_starter_are_good() {
    let (_, text) = packs().find(|(name, _)| name == STARTER).expect("the starter");
    let mut whole = String::new();
    let mut taken = 0;
    let (head, steps) = text.split_once("\nsteps:\n").expect("steps");
    for line in steps.lines() {
        let indent = line.len() - line.trim_start().len();
        match line.trim_start().strip_prefix("# ") {
            // Only lines of YAML are examples; the others are sentences.
            Some(rest) if rest.trim_start().starts_with("- ") || rest.starts_with(' ') => {
                taken += 1;
                whole.push_str(&format!("{}{rest}\n", &line[..indent]));
            }
            Some(_) | None => whole.push_str(&format!("{line}\n")),
        }
    }
    assert!(taken > 15, "{taken} lines of examples");
    let launch = head.lines().filter_map(|line| line.strip_prefix("# "));
    let launch: Vec<&str> = launch
        .filter(|line| ["launch: ", "window: ", "phases: "].iter().any(|key| line.starts_with(key)))
        .collect();
    assert_eq!(launch.len(), 3);
    let home = TempDir::new().expect("a folder");
    let text = format!("{}\n{head}\nsteps:\n{whole}", launch.join("\n"));
    std::fs::write(home.path().join("whole.yaml"), &text).expect("a file");
    let ran = gonogo(home.path(), &["lint", "whole.yaml"]);
    assert_eq!(ran.status.code(), Some(0), "{text}{}", stderr(&ran));
    assert!(stdout(&ran).contains("5 checks in 2 steps"), "{}", stdout(&ran));
}

#[test]
fn init_never_overwrites() {
    let home = TempDir::new().expect("a folder");
    let mine = home.path().join("web.yaml");
    std::fs::write(&mine, "mine").expect("a file");
    let ran = gonogo(home.path(), &["init", "web"]);
    assert_eq!((ran.status.code(), stdout(&ran).as_str()), (Some(2), ""));
    assert!(stderr(&ran).contains("web.yaml is here already"), "{}", stderr(&ran));
    assert_eq!(std::fs::read_to_string(&mine).expect("a file"), "mine");
    // A link that leads nowhere is somebody's too.
    std::os::unix::fs::symlink("elsewhere", home.path().join("launch.yaml")).expect("a link");
    assert_eq!(gonogo(home.path(), &["init"]).status.code(), Some(2));
    assert!(!home.path().join("elsewhere").exists());
}

#[test]
fn init_says_which_packs_there_are() {
    let home = TempDir::new().expect("a folder");
    for (asked, near) in [("wbe", Some("web")), ("postgre", Some("postgres")), ("x/../y", None)] {
        let ran = gonogo(home.path(), &["init", asked]);
        let said = stderr(&ran);
        assert_eq!((ran.status.code(), stdout(&ran).as_str()), (Some(2), ""), "{said}");
        assert!(said.contains(&format!("there is no pack `{asked}`")), "{said}");
        match near {
            Some(near) => assert!(said.contains(&format!("did you mean `{near}`?")), "{said}"),
            None => assert!(!said.contains("did you mean"), "{said}"),
        }
        for (name, _) in packs() {
            assert!(said.contains(&name), "{name} is not named: {said}");
        }
    }
    assert_eq!(std::fs::read_dir(home.path()).expect("a folder").count(), 0);
}
