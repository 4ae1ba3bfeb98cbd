//! The house rules that no compiler checks: layers, sizes, words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Which modules of this crate a module may use. Nothing else uses `cli` but main.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &["model"]),
    ("net", &["model", "clock"]),
    ("verdict", &["model"]),
    ("report", &["model", "clock", "verdict"]),
    ("progress", &["model"]),
    ("probe", &["model", "clock", "net", "verdict"]),
    ("checklist", &["model", "probe"]),
    ("plan", &["model", "checklist", "probe"]),
    ("history", &["model", "clock", "verdict"]),
    ("engine", &["model", "clock", "verdict", "probe", "checklist", "plan"]),
    (
        "cli",
        &[
            "model",
            "clock",
            "verdict",
            "net",
            "probe",
            "report",
            "checklist",
            "plan",
            "engine",
            "progress",
            "history",
        ],
    ),
];

/// Crates that only some modules may use.
const CRATES: &[(&str, &[&str])] = &[
    ("tokio", &["net", "probe", "engine", "cli"]),
    ("reqwest", &["net", "probe"]),
    ("clap", &["cli"]),
    ("anyhow", &["cli"]),
    ("comfy_table", &["report"]),
    ("indicatif", &["progress"]),
    ("serde_yaml", &["checklist", "cli", "net"]),
];

/// Longer than this a file is split by duty.
const FILE_LIMIT: usize = 600;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder with this extension, its path relative to the root.
fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in
            std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path())
        {
            if entry.is_dir() {
                walk(&entry, extension, found);
            } else if entry.extension().is_some_and(|e| e == extension) {
                found.push(entry);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), extension, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no .{extension} below {folder}");
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a text file");
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            (name, text)
        })
        .collect()
}

/// The module of a source file: `src/probe/tls.rs` is of `probe`.
fn module(path: &str) -> &str {
    let inside = path.trim_start_matches("src/");
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

/// The words after each occurrence of a prefix, up to the next character that no name has.
fn names_after<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(prefix).map(move |(at, _)| {
        let rest = &text[at + prefix.len()..];
        rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
    })
}

#[test]
fn layers_only_use_what_is_below_them() {
    let layers: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in files("src", "rs") {
        let own = module(&path);
        if matches!(own, "main" | "lib") {
            continue;
        }
        let may = layers.get(own).unwrap_or_else(|| panic!("{path}: {own} has no layer"));
        // A list of modules in braces would not be seen below.
        assert!(!text.contains("crate::{"), "{path}: a `use` for each module");
        for used in names_after(&text, "crate::") {
            // Macros and the crate's own name are no modules.
            if layers.contains_key(used) && used != own && !may.contains(&used) {
                wrong.push(format!("{path} uses {used}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn crates_are_used_in_their_homes_only() {
    let mut wrong = Vec::new();
    for (path, text) in files("src", "rs") {
        for (name, homes) in CRATES {
            let used = text.match_indices(&format!("{name}::")).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
            });
            if used && !homes.contains(&module(&path)) {
                wrong.push(format!("{path} uses {name}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_open_with_their_duty_and_end_before_they_are_too_long() {
    let mut wrong = Vec::new();
    for (path, text) in files("src", "rs").into_iter().chain(files("tests", "rs")) {
        if !text.starts_with("//!") {
            wrong.push(format!("{path} does not open with its duty"));
        }
        let lines = text.lines().count();
        if lines > FILE_LIMIT {
            wrong.push(format!("{path} has {lines} lines"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn nothing_is_left_for_later_and_no_test_is_switched_off() {
    // Put together here, so that this file does not find itself.
    let words = ["// TO", "FIX", "todo", "unimplemented", "#[igno", "allow(clippy"];
    let ends = ["DO", "ME", "!(", "!(", "re", "::"];
    let words: Vec<String> = words.iter().zip(ends).map(|(a, b)| format!("{a}{b}")).collect();
    let mut wrong = Vec::new();
    for (path, text) in files("src", "rs").into_iter().chain(files("tests", "rs")) {
        for word in &words {
            if text.contains(word.as_str()) {
                wrong.push(format!("{path} has {word}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Whether a text declares a module of its own file where `cargo fmt` does not look for one: in the
/// body or the arguments of a macro.
fn has_a_hidden_module(text: &str) -> bool {
    text.contains("mod $")
        || text.lines().filter(|line| line.starts_with(' ')).any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            matches!(words[..], [.., "mod", name] if name.ends_with(';'))
                && !words[0].starts_with("//")
        })
}

#[test]
fn every_module_is_declared_where_the_formatter_sees_it() {
    let hidden =
        ["($a:ident) => { mod $a; }", "kinds! {\n    mod tcp;\n}", "    pub(crate) mod a;"];
    assert!(hidden.into_iter().all(has_a_hidden_module));
    assert!(!has_a_hidden_module("mod a;\n\nmod tests {\n    // It is in mod a;\n}\n"));
    let wrong: Vec<String> = files("src", "rs")
        .into_iter()
        .filter(|(_, text)| has_a_hidden_module(text))
        .map(|(path, _)| format!("{path} declares a module in a macro"))
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn kinds_are_in_the_manual_and_the_readme() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("a README");
    for row in gonogo::probe::KINDS {
        assert!(readme.contains(&format!("`{}`", row.name)), "README does not name {}", row.name);
        let page = root().join(format!("docs/kinds/{}.md", row.name));
        assert!(page.exists(), "{} is missing; ./dev generated", page.display());
    }
}

#[test]
fn codes_are_unique_and_named_after_their_kind() {
    let mut seen = std::collections::BTreeSet::new();
    for row in gonogo::probe::KINDS {
        for code in row.codes {
            assert!(seen.insert(code.id), "{} stands twice", code.id);
            let (kind, fault) = code.id.split_once('.').expect("kind.what-is-wrong");
            assert_eq!(kind, row.name, "{}", code.id);
            assert!(
                fault.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                code.id
            );
            assert!(!code.summary.ends_with('.'), "{}", code.id);
        }
    }
}

#[test]
fn the_map_of_the_house_names_every_room_and_no_other() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("a map");
    let mut wrong = Vec::new();
    // Whatever stands in backquotes and looks like a path is one, from the root or from src/.
    for word in map.split('`').skip(1).step_by(2) {
        let path = word.split(' ').next().unwrap_or_default();
        let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
        let is_path = path.contains('/') || matches!(extension, Some("rs" | "toml"));
        let is_pattern = path.contains(['<', '*', '{']);
        let from = |folder: &str| root().join(folder).join(path.trim_start_matches("./")).exists();
        if is_path && !is_pattern && !from("") && !from("src") {
            wrong.push(format!("there is no {path}"));
        }
    }
    for (layer, _) in LAYERS {
        let named = [format!("`{layer}`"), format!("{layer}/"), format!("{layer}.rs")];
        if !named.iter().any(|name| map.contains(name.as_str())) {
            wrong.push(format!("{layer} is not on the map"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut wrong = Vec::new();
    let own = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let own = own
        .map(|page| (page.to_owned(), std::fs::read_to_string(root().join(page)).expect("a page")));
    for (page, text) in own.into_iter().chain(files("docs", "md")) {
        let folder = root().join(&page).parent().expect("a folder").to_owned();
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let link = rest.split([')', '#']).next().unwrap_or_default();
            if !link.is_empty() && !link.contains("://") && !folder.join(link).exists() {
                wrong.push(format!("{page} leads to {link}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_ask_of_users_is_a_test_of_its_name() {
    let sources = files("src", "rs").into_iter().chain(files("tests", "rs"));
    let text: String = sources.map(|(_, text)| text).collect();
    // Put together here, so that this file does not find itself.
    let missing: Vec<String> = (1..=25)
        .map(|n| format!("fn {}_{n:02}_", "ask"))
        .filter(|name| !text.contains(name))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}
