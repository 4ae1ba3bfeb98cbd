//! CI hosts: what they show without being asked for.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::env::{self, Ci};
use super::output::{self, Output};
use crate::model::record::RunRecord;
use crate::plan::Plan;
use crate::report::{Format, Look, github, render};

/// The file GitLab takes a code quality report from, when a job names it under
/// `artifacts:reports:codequality`.
const CODE_QUALITY: &str = "gl-code-quality-report.json";

/// The CI host a run is on.
pub(super) struct Host(Ci);

impl Host {
    /// The host by the environment.
    pub(super) fn of_environment() -> Self {
        Self(env::ci())
    }

    /// Before the first check: the host is told what to hide. Commands go to standard error, which
    /// the runner reads as well: standard output carries the result.
    pub(super) fn begin(&self, planned: &Plan<'_>) {
        match &self.0 {
            Ci::Github { .. } => {
                for secret in planned.checklist.secrets.raw() {
                    output::commands(&github::mask(&secret));
                }
            }
            Ci::Gitlab | Ci::None => {}
        }
    }

    /// After the last check: annotations, summary and outputs. Returns what went wrong, which never
    /// changes the verdict.
    pub(super) fn end(&self, record: &RunRecord, look: &Look, outputs: &[Output]) -> Vec<String> {
        let asked = |format: Format| outputs.iter().any(|output| output.format == format);
        let written = match &self.0 {
            Ci::None => Ok(()),
            Ci::Gitlab if asked(Format::Gitlab) => Ok(()),
            Ci::Gitlab => render(Format::Gitlab, record, look)
                .map_err(anyhow::Error::from)
                .and_then(|bytes| output::file(Path::new(CODE_QUALITY), &bytes)),
            Ci::Github { summary, outputs: file } => {
                // What a person opens, or else whatever there is.
                let path = |format: &str| {
                    let output = outputs.iter().find(|output| output.format.as_str() == format)?;
                    output.path.as_deref()
                };
                let report = ["html", "pdf", "markdown"]
                    .into_iter()
                    .find_map(path)
                    .or_else(|| outputs.iter().find_map(|output| output.path.as_deref()));
                github_end(
                    record,
                    look,
                    summary.as_ref(),
                    file.as_ref(),
                    report,
                    asked(Format::Github),
                )
            }
        };
        written
            .err()
            .map(|error| format!("the CI host is not told: {error:#}"))
            .into_iter()
            .collect()
    }
}

fn github_end(
    record: &RunRecord,
    look: &Look,
    summary: Option<&PathBuf>,
    outputs: Option<&PathBuf>,
    report: Option<&Path>,
    asked: bool,
) -> anyhow::Result<()> {
    if !asked {
        let annotations = render(Format::Github, record, look)?;
        output::commands(String::from_utf8_lossy(&annotations).trim_end());
    }
    if let Some(path) = summary {
        append(path, &github::summary(record, look)?)?;
    }
    if let Some(path) = outputs {
        append(path, github::outputs(record, report).as_bytes())?;
    }
    Ok(())
}

fn append(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes)
}
