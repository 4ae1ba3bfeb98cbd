//! `gonogo diff`: what changed between two runs.

use super::args::{ColourChoice, DiffArgs, ListFormat};
use super::{env, exit, output, report};
use crate::history;
use crate::report::diff::Diff;

/// Compares two runs. The exit code says that they were compared, not that they are alike.
pub(super) fn run(args: &DiffArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let read = |name: &str| anyhow::Ok(history::read(&report::path(Some(name))?)?);
    let diff = Diff::of(&read(&args.before)?, &read(&args.after)?);
    let bytes = match args.format {
        ListFormat::Json => diff.to_json()?,
        ListFormat::Text => diff.to_text(&env::plain_look(choice)).into_bytes(),
    };
    output::stdout(&bytes)?;
    Ok(exit::GO)
}
