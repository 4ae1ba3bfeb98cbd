//! `gonogo explain`: the page of a code, a kind, the language, or a key of it.

use anyhow::anyhow;

use super::{exit, manual, output};
use crate::model::text::did_you_mean;
use crate::probe::{KINDS, kind};

/// Prints a page, or the list of all.
pub(super) fn run(topic: Option<&str>) -> anyhow::Result<u8> {
    let page = match topic {
        None => manual::index(),
        Some(topic) => page(topic)?,
    };
    output::stdout(page.as_bytes())?;
    Ok(exit::GO)
}

/// What is explained beside kinds and codes.
const LANGUAGE: &str = "checklist";

fn page(topic: &str) -> anyhow::Result<String> {
    if topic == LANGUAGE {
        return Ok(manual::checklist_page());
    }
    if let Some(row) = kind(topic) {
        return Ok(manual::kind_page(row));
    }
    if let Some(code) = manual::codes().find(|code| code.id == topic) {
        return Ok(manual::code_page(code));
    }
    if let Some(page) = manual::key_page(topic) {
        return Ok(page);
    }
    let names = || KINDS.iter().map(|row| row.name).chain([LANGUAGE]);
    let known = || manual::codes().map(|code| code.id).chain(names());
    Err(match did_you_mean(topic, known()) {
        Some(near) => anyhow!("there is no code or kind `{topic}`; did you mean `{near}`?"),
        None => anyhow!("there is no code or kind `{topic}`; `gonogo explain` lists all"),
    })
}
