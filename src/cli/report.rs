//! `gonogo report`: any format again, from a recorded run.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::{ColourChoice, ReportArgs};
use super::output::Output;
use super::{env, exit, output, run};
use crate::history;
use crate::model::record::RunRecord;
use crate::model::text::one_line;
use crate::report::{Format, Look, NagiosStatus};

/// Makes reports again. The exit code is that of making them, not of the run: 0 when all were
/// made. With `nagios` on standard output it is the plugin's: 0 to 3, as monitors read it, and 3
/// where a report could not be made.
pub(super) fn run(args: &ReportArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    if let Some(pdf) = &args.verify {
        return verify(pdf, args);
    }
    let outputs = output::parse(&args.output.output)?;
    // As a monitor's plugin it speaks to the monitor, whose exit codes are others than a run's.
    let plugin = outputs.iter().any(|o| o.format == Format::Nagios && o.path.is_none());
    match make(args, &outputs, choice) {
        Ok(record) if plugin => Ok(NagiosStatus::of(&record).code()),
        Ok(_) => Ok(exit::GO),
        // Exit code 2 is CRITICAL to a monitor, and it reads standard output alone.
        Err(error) if plugin => {
            let text = one_line(&format!("{error:#}")).replace('|', "/");
            output::stdout(format!("UNKNOWN - {text}\n").as_bytes())?;
            Ok(NagiosStatus::Unknown.code())
        }
        Err(error) => Err(error),
    }
}

/// Writes the reports of a recorded run, and gives its record.
fn make(args: &ReportArgs, outputs: &[Output], choice: ColourChoice) -> anyhow::Result<RunRecord> {
    let record = history::read(&path(args.run.as_deref())?)?;
    let fonts = run::fonts(&args.output.font_path)?;
    let look = Look { fonts, ..env::look(&args.output, choice) };
    match output::write_all(outputs, &record, &look).into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(record),
    }
}

/// Proves a PDF report; exit code 0 when its record makes these very pages, else 1.
#[cfg(feature = "pdf")]
fn verify(pdf: &Path, args: &ReportArgs) -> anyhow::Result<u8> {
    use crate::report::{Proof, prove};
    let bytes = std::fs::read(pdf).with_context(|| format!("reading {}", pdf.display()))?;
    let name = pdf.display();
    let (line, code) = match prove(&bytes, &run::fonts(&args.output.font_path)?)? {
        Proof::Proven { record, digest } => {
            let run = record.header.run;
            (
                format!(
                    "{name} is run {run}: its record (SHA-256 {digest}) makes these very pages"
                ),
                exit::GO,
            )
        }
        Proof::Differs { digest, .. } => (
            format!(
                "{name} is not what its record (SHA-256 {digest}) makes: somebody changed it, or another \
                 version or other fonts made it (see --font-path)"
            ),
            exit::NO_GO,
        ),
        Proof::NoRecord => (format!("{name} has no record of a run attached"), exit::NO_GO),
    };
    output::stdout(format!("{line}\n").as_bytes())?;
    Ok(code)
}

/// A build without PDF cannot make the pages again.
#[cfg(not(feature = "pdf"))]
fn verify(_: &Path, _: &ReportArgs) -> anyhow::Result<u8> {
    anyhow::bail!("this build has no PDF and cannot make the pages again")
}

/// The file a run is recorded in: what is there as a file is meant as one.
pub(super) fn path(run: Option<&str>) -> anyhow::Result<PathBuf> {
    if let Some(run) = run
        && (run.contains(['/', '.']) || Path::new(run).is_file())
    {
        return Ok(PathBuf::from(run));
    }
    let folder = env::runs().context("there is no home directory to look for recorded runs in")?;
    Ok(history::find(&folder, run)?)
}
