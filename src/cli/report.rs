//! `gonogo report`: any format again, from a recorded run.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::{ColourChoice, ReportArgs};
use super::{env, exit, output};
use crate::history;

/// Makes reports again. The exit code is that of making them, not of the run: 0 when all were made.
pub(super) fn run(args: &ReportArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let outputs = output::parse(&args.output.output)?;
    let record = history::read(&path(args.run.as_deref())?)?;
    let look = env::look(&args.output, choice);
    let failures = output::write_all(&outputs, &record, &look);
    match failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(exit::GO),
    }
}

/// The file a run is recorded in: what is there as a file is meant as one.
fn path(run: Option<&str>) -> anyhow::Result<PathBuf> {
    if let Some(run) = run
        && (run.contains(['/', '.']) || Path::new(run).is_file())
    {
        return Ok(PathBuf::from(run));
    }
    let folder = env::runs().context("there is no home directory to look for recorded runs in")?;
    Ok(history::find(&folder, run)?)
}
