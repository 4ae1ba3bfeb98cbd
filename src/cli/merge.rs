//! `gonogo merge`: one record out of shards or vantage points.

use super::args::{ColourChoice, MergeArgs};
use super::host::Host;
use super::{env, exit, output, report, run};
use crate::history;
use crate::report::{Look, digest};
use crate::verdict::{Given, merge};

/// Merges records and reports the whole. The exit code is that of the merged verdict.
pub(super) fn run(args: &MergeArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let outputs = output::parse(&args.output.output)?;
    let look =
        Look { fonts: run::fonts(&args.output.font_path)?, ..env::look(&args.output, choice) };
    let given = args.records.iter().map(|name| given(name)).collect::<anyhow::Result<Vec<_>>>()?;
    let merged = merge(given)?;
    for failure in output::write_all(&outputs, &merged, &look) {
        super::warn(&format!("{failure:#}"));
    }
    for warning in Host::of_environment().end(&merged, &look, &outputs) {
        super::warn(&warning);
    }
    Ok(exit::of_decision(merged.verdict.decision))
}

/// A record by its name. One that cannot be read ends the merge: left out, it could have been the one
/// that says no.
fn given(name: &str) -> anyhow::Result<Given> {
    let record = history::read(&report::path(Some(name))?)?;
    Ok(Given { name: name.to_owned(), sha256: digest(&record)?, record })
}
