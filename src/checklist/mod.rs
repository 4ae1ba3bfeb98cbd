//! The checklist language: from a file to a valid checklist, or to all its mistakes at once.
//!
//! `load` reads files, `yaml` makes trees with places, `interpolate` fills in references, `raw` says
//! what the user may write, `validate` makes a [`Checklist`] of it. Past a [`Checklist`] nothing is
//! checked again.

pub mod diagnostic;
pub mod interpolate;
pub mod load;
pub mod raw;
pub mod schema;
pub mod signoff;
mod validate;
pub mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Zoned;
use serde_json::Value;

use crate::model::fault::Fault;
use crate::model::id::CheckId;
use crate::model::outcome::Severity;
use crate::model::people::People;
use crate::model::record::Source;
use crate::model::secret::Secrets;
use crate::model::time::{Offset, Phase, Span};
use crate::model::vantage::Quorum;
use crate::probe::expect::Expectation;
use crate::probe::{AnyProbe, SignOff};

pub use raw::{HaltOn, Retry, RetryOn};

/// A valid checklist.
#[derive(Debug)]
pub struct Checklist {
    /// What is launched.
    pub name: String,
    /// The file as named on the command line.
    pub path: String,
    /// SHA-256 of the file's bytes and of what it includes, in hexadecimal.
    pub sha256: String,
    /// T-0, when the list names one.
    pub launch: Option<Zoned>,
    /// The release window, when the list names one.
    pub window: Option<(Offset, Offset)>,
    /// The phases of the countdown, earliest first.
    pub phases: Vec<Phase>,
    /// The variables as used, as they may be shown.
    pub vars: BTreeMap<String, Value>,
    /// The steps in file order.
    pub steps: Vec<Step>,
    /// What somebody accepts; instants are counted from the launch when it is planned.
    pub waivers: Vec<raw::RawWaiver>,
    /// The people of the launch by role.
    pub people: Arc<People>,
    /// The sign-offs found beside the file.
    pub signoffs: Arc<[SignOff]>,
    /// Every secret that was filled in.
    pub secrets: Secrets,
}

/// A step.
#[derive(Debug)]
pub struct Step {
    /// What it is about.
    pub name: String,
    /// What ends the list after it.
    pub halt_on: Option<HaltOn>,
    /// Its checks in file order.
    pub checks: Vec<Check>,
}

/// A check.
pub struct Check {
    /// Its name.
    pub id: CheckId,
    /// Its kind.
    pub kind: &'static str,
    /// What it is for; its id where the list has nothing.
    pub title: String,
    /// How much it weighs.
    pub severity: Severity,
    /// Who looks after it.
    pub owner: Option<String>,
    /// Where to read what to do.
    pub runbook: Option<String>,
    /// Labels to select it by.
    pub tags: Vec<String>,
    /// The phases it is looked at in; empty for all.
    pub phases: Vec<Phase>,
    /// What must pass first.
    pub needs: Vec<CheckId>,
    /// How long one try may take, when the list says so.
    pub timeout: Option<Span>,
    /// When and how often it is tried again.
    pub retry: Retry,
    /// How long a pass counts, when the list says so.
    pub valid_for: Option<Span>,
    /// How many vantage points must find it right, when the list says so.
    pub quorum: Option<Quorum>,
    /// What must be true of the facts beside what the parameters say.
    pub expect: Arc<[Expectation]>,
    /// The folder that its relative paths start from: that of the file it stands in.
    pub base: PathBuf,
    /// The parameters as they may be shown.
    pub parameters: Value,
    /// SHA-256 of the item as it stands, which sign-offs are bound to.
    pub item: String,
    /// The probe, or why it cannot be made: a secret that is not there.
    pub probe: Result<Arc<dyn AnyProbe>, Fault>,
    /// Where a secret is not there, the probe that the parameters make as they are written, `${env:…}`
    /// and all: to say what it would do, never to do it. `None` where they make none, such as where
    /// a whole URL is the secret.
    pub written: Option<Arc<dyn AnyProbe>>,
    /// Where it stands.
    pub source: Source,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Check {
    /// The probe to ask what it would do; where a secret is missing, that of the parameters as they
    /// are written.
    #[must_use]
    pub fn shown(&self) -> Option<&dyn AnyProbe> {
        self.probe.as_ref().ok().or(self.written.as_ref()).map(Arc::as_ref)
    }

    /// The look with standard tools, before anything was seen. A secret that is missing stands in it as
    /// it is written; none where the rest says too little.
    #[must_use]
    pub fn by_hand(&self) -> Vec<String> {
        let Some(probe) = self.shown() else { return Vec::new() };
        let mut commands = probe.reproduce();
        if self.probe.is_err() {
            for command in &mut commands {
                *command = references_as_written(command);
            }
            // The URL was cut within a reference: what stands there is not what was written.
            if commands.iter().any(|command| has_torn_reference(command)) {
                return Vec::new();
            }
        }
        crate::probe::by_hand(probe, &self.base, commands)
    }
}

impl Checklist {
    /// Whether it has times that count from the launch.
    #[must_use]
    pub fn counts_from_launch(&self) -> bool {
        !self.phases.is_empty() || self.window.is_some()
    }

    /// What to tell whoever forgot the launch that the list counts from; none where it names one, or
    /// counts from none.
    #[must_use]
    pub fn without_launch(&self) -> Option<String> {
        let what = if self.phases.is_empty() { "a `window`" } else { "`phases`" };
        (self.launch.is_none() && self.counts_from_launch())
            .then(|| format!("{} has {what} and no `launch`: T-0 is now", self.path))
    }

    /// All checks in file order.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.steps.iter().flat_map(|step| &step.checks)
    }
}

/// A command whose references are as the list writes them, also where a URL has escaped them.
fn references_as_written(command: &str) -> String {
    const BEGIN: &str = "$%7B";
    let mut text = String::new();
    let mut rest = command;
    while let Some((before, inside)) = rest.split_once(BEGIN) {
        let Some((name, after)) = inside.split_once("%7D") else { break };
        let name = name.replace("%3A", ":").replace("%2F", "/");
        text.push_str(&format!("{before}${{{name}}}"));
        rest = after;
    }
    text + rest
}

/// Whether a reference to a secret has lost its end.
fn has_torn_reference(command: &str) -> bool {
    let ends = |rest: &str, end: &str| {
        rest.split(['\'', '"', ' ', '@']).next().is_some_and(|r| r.contains(end))
    };
    [("${env", "}"), ("${file", "}"), ("%7Benv", "%7D"), ("%7Bfile", "%7D")]
        .into_iter()
        .any(|(begin, end)| command.split(begin).skip(1).any(|rest| !ends(rest, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_in_a_url_are_shown_as_they_are_written() {
        for (command, shown) in [
            (
                "curl 'https://u:$%7Benv%3APW%7D@h/$%7Benv:P%7D/x'",
                "curl 'https://u:${env:PW}@h/${env:P}/x'",
            ),
            ("curl 'h/$%7Bx'", "curl 'h/$%7Bx'"),
            ("psql ${env:A}", "psql ${env:A}"),
        ] {
            assert_eq!(references_as_written(command), shown);
        }
    }
}
