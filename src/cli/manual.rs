//! The generated manual: pages of kinds, codes and exit codes, from the types themselves.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::args::Cli;
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
    page.push_str("\ngonogo explain KIND or CODE shows its page.\n");
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
        line(&mut page, &format!("\n{text}"));
    }
    page.push_str("\n## Parameters\n\n");
    let target = match row.target {
        Target::One(key) | Target::List(key) => key,
    };
    parameters(&mut page, schema, &definitions, "", target);
    if row.acts {
        page.push_str("\nThis kind can change the world; it only does so with `--apply`.\n");
    }
    page.push_str("\n## Codes\n\n");
    for code in row.codes {
        line(&mut page, &format!("- `{}` ({}): {}.", code.id, code.default, code.summary));
    }
    page
}

fn parameters(page: &mut String, schema: &Value, definitions: &Value, prefix: &str, target: &str) {
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
        if prefix.is_empty() && key == target {
            marks.push("the TARGET of `gonogo check`".to_owned());
        }
        if let Some(default) = property.get("default").filter(|default| !default.is_null()) {
            marks.push(format!("default `{}`", plain(default)));
        }
        let marks =
            if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
        let words = words(inner);
        line(page, &format!("- `{prefix}{key}`{marks}: {}{words}", text.replace('\n', " ")));
        if inner.get("properties").is_some() {
            parameters(page, inner, definitions, &format!("{prefix}{key}."), target);
        }
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

/// The schema a reference leads to, through `anyOf` with null as optional parameters have it.
fn resolve<'a>(schema: &'a Value, definitions: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    if let Some(name) = reference.and_then(|text| text.rsplit('/').next()) {
        return definitions.get(name).unwrap_or(schema);
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
    page
}

/// Writes the manual: `kinds/*.md`, `codes.md`, `exit-codes.md`.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    let kinds = folder.join("kinds");
    std::fs::create_dir_all(&kinds).with_context(|| format!("making {}", kinds.display()))?;
    let mut pages = vec![
        (folder.join("codes.md"), codes_page()),
        (folder.join("exit-codes.md"), exit_codes_page()),
    ];
    pages.extend(KINDS.iter().map(|row| (kinds.join(format!("{}.md", row.name)), kind_page(row))));
    for (path, page) in pages {
        std::fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Prints the manual page of the program or of a verb; a verb may have verbs of its own.
pub(super) fn page(words: &[String]) -> anyhow::Result<u8> {
    let mut command = Cli::command();
    command.build();
    for word in words {
        command = command
            .find_subcommand(word)
            .filter(|command| !command.is_hide_set())
            .cloned()
            .with_context(|| {
            format!("there is no verb `{word}`; `gonogo --help` lists them")
        })?;
    }
    let mut roff = Vec::new();
    clap_mangen::Man::new(command).render(&mut roff)?;
    super::output::stdout(&roff)?;
    Ok(exit::GO)
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
