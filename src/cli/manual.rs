//! The generated manual: pages of the language, kinds, codes and exit codes, from the types themselves.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::exit;
use crate::model::code::{Code, engine};
use crate::probe::{KINDS, KindRow, Target};

/// Every code: those of the engine, then each kind's.
pub(super) fn codes() -> impl Iterator<Item = &'static Code> {
    engine::ALL.iter().copied().chain(KINDS.iter().flat_map(|row| row.codes.iter().copied()))
}

/// The list of all kinds and codes.
pub(super) fn index() -> String {
    let mut page = String::from("Kinds\n\n");
    for row in KINDS {
        line(&mut page, &format!("  {:<16} {}", row.name, row.summary));
    }
    page.push_str("\nCodes\n\n");
    for code in codes() {
        line(
            &mut page,
            &format!("  {:<34} {:<8} {}", code.id, code.default.as_str(), code.summary),
        );
    }
    page.push_str(
        "\ngonogo explain KIND or CODE shows its page, gonogo explain checklist the language.\n",
    );
    page
}

/// The page of a code.
pub(super) fn code_page(code: &Code) -> String {
    format!("# {}\n\n{} ({})\n\n{}\n", code.id, sentence(code.summary), code.default, code.doc)
}

/// The page of a kind: what it asks, its parameters, its codes.
pub(super) fn kind_page(row: &KindRow) -> String {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = false)
        .into_generator();
    let reference = (row.parameters)(&mut generator).to_value();
    let definitions = Value::Object(generator.take_definitions(true));
    let schema = resolve(&reference, &definitions);
    let mut page = format!("# {}\n\n{}\n", row.name, row.summary);
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        // Many begin with the question that stands above already.
        let text = text.strip_prefix(row.summary).unwrap_or(text).trim_start();
        line(&mut page, &format!("\n{text}"));
    }
    page.push_str("\n## Parameters\n\n");
    let target = match row.target {
        Target::One(key) | Target::List(key) => key,
    };
    parameters(&mut page, schema, &definitions, "", Some(target));
    if row.acts {
        page.push_str("\nThis kind can change the world; it only does so with `--apply`.\n");
    }
    page.push_str("\n## Codes\n\n");
    for code in row.codes {
        line(&mut page, &format!("- `{}` ({}): {}.", code.id, code.default, code.summary));
    }
    page
}

/// The page of the language: an example, and every key that is no kind's.
pub(super) fn checklist_page() -> String {
    let mut schema = crate::checklist::schema::checklist();
    let mut definitions = schema["$defs"].take();
    // Each kind has a page of its own.
    if let Some(keys) = definitions["Check"]["properties"].as_object_mut() {
        keys.retain(|key, _| !KINDS.iter().any(|row| row.name == key));
    }
    let mut page = String::from(CHECKLIST);
    page.push_str("\n## Keys\n\n");
    parameters(&mut page, &schema, &definitions, "", None);
    page
}

/// What the language's page says of a key and of what stands under it; `None` where there is no such key.
pub(super) fn key_page(key: &str) -> Option<String> {
    let page = checklist_page();
    let is_of = |line: &&str| {
        let path = line.strip_prefix("- `").and_then(|rest| rest.split('`').next());
        path.is_some_and(|path| path.split(['.', '[', ']']).any(|part| part == key))
    };
    let lines: Vec<&str> = page.lines().filter(is_of).collect();
    (!lines.is_empty()).then(|| format!("# {key}\n\n{}\n", lines.join("\n")))
}

/// The beginning of the language's page.
const CHECKLIST: &str = r#"# checklist

The language of checklists.

```yaml
gonogo: 1
name: PixelRush v1.2.0
launch: 2026-11-23T10:00[Asia/Shanghai]
window: { from: T-15m, to: T+3h }
phases: [T-72h, T-24h, T-1h, T-0]
include: [common.yaml]
vars: { zone: pixelrush.example }
defaults: { timeout: 10s, retry: { attempts: 3 } }
people:
  release: { name: Ann, contact: ann@pixelrush.example }
  recovery: { name: Bob, contact: "+49 30 1234567" }
steps:
  - name: Names and certificates
    halt_on: fail
    checks:
      - id: dns.login
        for_each: { region: [cn-east, us-west] }
        quorum: majority
        dns: { names: ["login-${region}.${zone}"], types: [A] }
      - id: tls.login
        owner: release
        needs: ["dns.login[cn-east]"]
        tls: { endpoint: "login-cn-east.${zone}:443" }
  - name: People
    checks:
      - id: drill
        phases: [T-24h]
        valid_for: 48h
        manual: { ask: Was the rollback rehearsed?, signers: 2 }
      - id: api.health
        severity: advisory
        http: { url: "https://api.${zone}/health", numbers: { queue: /queue } }
        expect: ["found.addresses.all(a, a.readings.queue.last < 100.0)"]
waivers:
  - check: tls.login
    code: tls.staple-missing
    reason: the proxy staples from its first request on
    by: Bob
    until: T+3h
```

Steps run one after the other, the checks of a step at the same time. A check has an `id`, exactly one
kind (`gonogo explain` lists them) and what all kinds have in common. A failed check does not end the
list, so that one run shows everything, unless its step says `halt_on`.

`${name}` is filled in from `vars`, `for_each` and the list itself (`${name}`); a text that is nothing
but `"${replicas}"` keeps the type of its variable. `${env:NAME}` and `${file:PATH}` are secrets: they are
read when the check runs, by `run` and `check` alone, and are taken out of everything that is written.

Times are lengths (`90s`, `15m`, `72h`, `30d`), offsets from the launch (`T-72h`, `T+3h`), or instants with
their zone. A mistake is shown with its line and column by `gonogo lint`, which runs nothing;
`gonogo plan` shows what would run when, and whom it would ask.
"#;

/// The parameters of a schema, and of what is in them. `target` is the one that TARGET fills.
fn parameters(
    page: &mut String,
    schema: &Value,
    definitions: &Value,
    prefix: &str,
    target: Option<&str>,
) {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|keys| keys.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (key, property) in properties {
        let inner = resolve(property, definitions);
        let text = property.get("description").or_else(|| inner.get("description"));
        let text = text.and_then(Value::as_str).unwrap_or_default();
        let mut marks = Vec::new();
        if required.contains(&key.as_str()) {
            marks.push("required".to_owned());
        }
        if target == Some(key) {
            marks.push("the TARGET of `gonogo check`".to_owned());
        }
        if let Some(default) = property.get("default").filter(|default| !default.is_null()) {
            marks.push(format!("default `{}`", plain(default)));
        }
        let marks =
            if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
        let words = words(inner);
        line(page, &format!("- `{prefix}{key}`{marks}: {}{words}", text.replace('\n', " ")));
        let named = inner.get("additionalProperties").filter(|one| one.is_object());
        let (one, many) = match (inner.get("items"), named) {
            (Some(items), _) => (resolve(items, definitions), "[]"),
            (None, Some(named)) => (resolve(named, definitions), ".NAME"),
            (None, None) => (inner, ""),
        };
        parameters(page, one, definitions, &format!("{prefix}{key}{many}."), None);
    }
}

/// The words a parameter takes, when it takes only some, with what they mean.
fn words(schema: &Value) -> String {
    let word = |one: &Value| {
        let word = plain(one.get("const")?);
        let meaning = one.get("description").and_then(Value::as_str).unwrap_or_default();
        Some(format!("`{word}`: {}", meaning.replace('\n', " ").trim_end_matches('.')))
    };
    let choices = schema.get("oneOf").and_then(Value::as_array);
    let words: Vec<String> = choices.into_iter().flatten().filter_map(word).collect();
    if words.is_empty() { String::new() } else { format!(" One of {}.", words.join("; ")) }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The schema a reference leads to, through `anyOf` with null as optional parameters have it, and past
/// the branch for `${…}`.
fn resolve<'a>(schema: &'a Value, definitions: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    if let Some(name) = reference.and_then(|text| text.rsplit('/').next()) {
        return definitions.get(name).map_or(schema, |found| resolve(found, definitions));
    }
    if let Some(typed) = schema.get("else") {
        return resolve(typed, definitions);
    }
    let some = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .and_then(|any| any.iter().find(|one| one.get("$ref").is_some()));
    some.map_or(schema, |one| resolve(one, definitions))
}

/// The page of all codes.
fn codes_page() -> String {
    let mut page = String::from("# Codes\n\nWhat a finding can say, and what to do about it.\n");
    for code in codes() {
        let doc = code.doc.replace("\n#", "\n###");
        line(
            &mut page,
            &format!(
                "\n## {}\n\n{} Outcome: {}.\n\n{doc}",
                code.id,
                sentence(code.summary),
                code.default
            ),
        );
    }
    page
}

fn exit_codes_page() -> String {
    let mut page = String::from(
        "# Exit codes\n\nAn exit code is never a count.\n\n| code | verdict | when |\n|---|---|---|\n",
    );
    for (code, word, when) in exit::ALL {
        line(&mut page, &format!("| {code} | {word} | {when} |"));
    }
    page.push_str(
        "\nOf a part of a list it is the verdict of that part. Verbs that give no verdict end with 0 when \
         they did what they are there for, and otherwise:\n\n| verb | codes |\n|---|---|\n",
    );
    for (verb, codes) in exit::VERBS {
        line(&mut page, &format!("| {verb} | {codes} |"));
    }
    page
}

/// Writes the manual: `checklist.md`, `kinds/*.md`, `codes.md`, `exit-codes.md`.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    let kinds = folder.join("kinds");
    std::fs::create_dir_all(&kinds).with_context(|| format!("making {}", kinds.display()))?;
    let mut pages = vec![
        (folder.join("checklist.md"), checklist_page()),
        (folder.join("codes.md"), codes_page()),
        (folder.join("exit-codes.md"), exit_codes_page()),
    ];
    pages.extend(KINDS.iter().map(|row| (kinds.join(format!("{}.md", row.name)), kind_page(row))));
    for (path, page) in pages {
        std::fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("writing to a string cannot fail");
}

/// A code's summary as a sentence.
fn sentence(summary: &str) -> String {
    let mut letters = summary.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
