//! `gonogo sign`: a person stands for a manual item, as it stands.

use std::fmt::Write as _;

use anyhow::{Context, bail};

use super::args::{ColourChoice, SignArgs};
use super::{exit, output, run};
use crate::checklist::load::{Options, load};
use crate::checklist::signoff;
use crate::clock::Clock;
use crate::model::text::did_you_mean;

/// Signs an item: appends to the file of sign-offs beside the checklist, keeping what is in it.
pub(super) fn run(args: &SignArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let options =
        Options { vars: &args.vars, var_files: &args.var_files, secrets: None, launch: None };
    let checklist = match load(&args.checklist, &options) {
        Ok((checklist, _)) => checklist,
        Err(invalid) => return Ok(run::refuse(&invalid, choice)),
    };
    let by = args.by.trim();
    if by.is_empty() {
        bail!("--by is empty: a signature needs a name");
    }
    let Some(check) = checklist.checks().find(|check| check.id.as_str() == args.id) else {
        let manual = checklist.checks().filter(|check| check.kind == "manual");
        let known: Vec<&str> = manual.map(|check| check.id.as_str()).collect();
        let near = did_you_mean(&args.id, known.iter().copied());
        let help = near.map_or_else(
            || format!("it has to be one of: {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        bail!("`{}` is no item of {}; {help}", args.id, args.checklist.display());
    };
    if check.kind != "manual" {
        bail!("`{}` is a `{}` check; only `manual` items are signed", check.id, check.kind);
    }
    let same = |known: &&crate::probe::SignOff| {
        known.item == args.id
            && known.sha256 == check.item
            && known.by.trim().eq_ignore_ascii_case(by)
    };
    if let Some(known) = checklist.signoffs.iter().rev().find(same) {
        super::warn(&format!("{by} has signed this already, on {}; this renews it", known.at));
    }
    let path = signoff::path(&args.checklist);
    let mut text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            "# Who stands for which item of the checklist beside this file, as it stood.\n"
                .to_owned()
        }
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let mut line = |key: &str, value: &str| {
        writeln!(text, "{key}: {}", serde_json::Value::from(value))
            .expect("a string takes every line");
    };
    line("- item", check.id.as_str());
    line("  sha256", &check.item);
    line("  by", by);
    line("  at", &Clock.now().to_string());
    for (key, value) in [("  role", &args.role), ("  note", &args.note)] {
        if let Some(value) = value {
            line(key, value);
        }
    }
    output::file(&path, text.as_bytes())?;
    output::stdout(format!("{by} signed {} in {}\n", check.id, path.display()).as_bytes())?;
    Ok(exit::GO)
}
