//! The record of a run: what every report is rendered from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::facts::Facts;
use super::fault::Fault;
use super::finding::Finding;
use super::id::{CheckId, RunId};
use super::outcome::{Decision, Outcome, Severity};
use super::time::Window;
use super::vantage::{Part, Quorum, Sighting};

/// The version of the record's and event log's meaning; a reader refuses a greater one.
pub const FORMAT: u32 = 1;

/// Everything about one run: who looked at what, when, from where, with which parameters, what was
/// seen, how it was judged, and the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// What the run was about to do; known before the first check.
    #[serde(flatten)]
    pub header: Header,
    /// When the run ended; absent when it was killed.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub finished: Option<Timestamp>,
    /// How the run was ended from outside, if it was.
    pub stopped: Option<Stop>,
    /// The steps in checklist order.
    pub steps: Vec<StepRecord>,
    /// How many checks ended in each outcome.
    pub counts: Counts,
    /// What was decided, and because of which checks.
    pub verdict: Verdict,
}

/// What a run is about to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// The version of the record's meaning.
    pub format: u32,
    /// The run's name, a `UUIDv7`.
    pub run: RunId,
    /// What made the record.
    pub tool: Tool,
    /// The checklist's own name.
    pub name: String,
    /// Which checklist was run.
    pub checklist: ChecklistRef,
    /// T-0 as written in the checklist, RFC 3339 with its offset; absent means the launch is now.
    pub launch: Option<String>,
    /// The release window the checks were judged against.
    pub window: Window,
    /// The phase that was run, `all` for every phase.
    pub phase: String,
    /// A label for where the run looked from.
    pub vantage: Option<String>,
    /// Which part of the list this run is, `I/N`; absent for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// The interrupted run that this one finishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<RunId>,
    /// The runs this record was merged from; empty for a run of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<Part>,
    /// The shards that were not among them, such as `2/3`; while there is one, nothing is GO.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The machine's name.
    pub host: Option<String>,
    /// The user who ran it.
    pub operator: Option<String>,
    /// When the run began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started: Timestamp,
    /// Whether warnings count as failures.
    pub strict: bool,
    /// Whether checks might make their proposed changes.
    pub apply: bool,
    /// The checklist's variables as used, secrets as they were written.
    pub vars: BTreeMap<String, Value>,
}

/// The tool that made a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `gonogo`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Which checklist was run, so that an auditor can find the very bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChecklistRef {
    /// As named on the command line.
    pub path: String,
    /// SHA-256 of the file's bytes, in hexadecimal. Where it includes others, of its bytes and
    /// then, for each included file in the order it is read, of a NUL, its path as written, a NUL
    /// and its bytes.
    pub sha256: String,
    /// The commit the file's work tree stood at, where it is in one.
    pub git: Option<GitRef>,
}

/// Where a work tree stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GitRef {
    /// The full commit id.
    pub commit: String,
    /// Whether the checklist differs from that commit.
    pub dirty: bool,
}

/// How a run was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// SIGINT, Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is gone.
    HangUp,
    /// `--deadline` came.
    Deadline,
    /// `--fail-fast` and a blocker failed.
    FailFast,
}

/// One step and its checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// The step's name.
    pub name: String,
    /// Its checks in checklist order.
    pub checks: Vec<CheckRecord>,
}

/// One check: what it is, what was seen, how it was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRecord {
    /// The check's name, unique in its list.
    pub id: CheckId,
    /// Its kind, such as `tls`.
    pub kind: String,
    /// What it is for, in the words of the list; its id where the list has none.
    pub title: String,
    /// How much it weighs.
    pub severity: Severity,
    /// The worst of its findings; seen from several vantage points, what its quorum makes of them.
    pub outcome: Outcome,
    /// One line: what was seen, or why nothing was.
    pub summary: String,
    /// Who looks after it.
    pub owner: Option<String>,
    /// Where to read what to do.
    pub runbook: Option<String>,
    /// Labels to select it by.
    pub tags: Vec<String>,
    /// The kind's parameters as used, secrets as they were written.
    pub parameters: Value,
    /// What must be true of the facts beside, as the list has it; secrets are removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<String>,
    /// What was judged, worst first.
    pub findings: Vec<Finding>,
    /// The kind's typed facts; absent when nothing was seen.
    pub observation: Option<Facts>,
    /// Every try, the last one being the one that counts.
    pub attempts: Vec<Attempt>,
    /// When the first try began; absent when it was not tried.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub started: Option<Timestamp>,
    /// How long all tries took together, in milliseconds.
    pub duration_ms: f64,
    /// Why it was not looked at, when it was not.
    pub skipped: Option<Skip>,
    /// The waiver that covers all that is wrong here.
    pub waived: Option<Waived>,
    /// What it changed or would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The same look with standard tools, as shell commands.
    pub reproduce: Vec<String>,
    /// Where in the checklist it stands.
    pub source: Source,
    /// How many vantage points must find it right; absent where the list does not say, which means
    /// all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<Quorum>,
    /// What each vantage point saw, where several runs were merged; then `observation` and
    /// `attempts` stand here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sightings: Vec<Sighting>,
}

/// One try of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// When it began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// One line: what was seen, or why nothing was.
    pub summary: String,
    /// Why nothing was learnt, when nothing was.
    pub fault: Option<Fault>,
}

/// Why a check was not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skip {
    /// The kind of reason.
    pub reason: SkipReason,
    /// The check at the root of it, where there is one.
    pub cause: Option<CheckId>,
    /// The reason as a sentence.
    pub text: String,
}

/// The kinds of reason for not looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// It belongs to another phase.
    Phase,
    /// The command line selected others.
    NotSelected,
    /// `--shard` leaves it to another machine.
    Shard,
    /// Something it needs did not pass.
    Needs,
    /// An earlier step said `halt_on` and a blocker failed.
    Halted,
    /// `--fail-fast` and a blocker failed.
    FailFast,
}

/// Who accepted a failure, why and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waived {
    /// Who accepts it.
    pub by: String,
    /// Why it is acceptable.
    pub reason: String,
    /// When the acceptance ends.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub until: Timestamp,
}

/// A waiver as it applies to a run: which findings it covers, who accepts them, why, until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The check, an id or a glob of ids.
    pub check: String,
    /// The code it is about; every code without it.
    pub code: Option<String>,
    /// The target it is about; every target without it.
    pub target: Option<String>,
    /// What is written into the record.
    pub waived: Waived,
}

/// A change to the world: proposed, or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// One line: what it does.
    pub what: String,
    /// How far it got.
    pub state: ChangeState,
    /// What came of it, such as the id of a silence; absent until made.
    pub receipt: Option<String>,
}

/// How far a change got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeState {
    /// It would be made with `--apply`.
    Proposed,
    /// It is about to be made; a run that was killed may have made it.
    Intended,
    /// It was made.
    Applied,
    /// It was tried and is known not to have been made.
    Failed,
}

/// A place in the checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The file as named on the command line or by `include`.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// How many checks ended in each outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// Not looked, on purpose.
    pub skipped: usize,
    /// The question does not arise.
    pub not_applicable: usize,
    /// Right.
    pub pass: usize,
    /// Worth a person's eye.
    pub warn: usize,
    /// Waiting for a person.
    pub pending: usize,
    /// Nothing learnt.
    pub unknown: usize,
    /// Wrong.
    pub fail: usize,
    /// All checks of the list.
    pub total: usize,
}

/// What was decided, and because of which checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// GO, HOLD, NO-GO, or nothing ran.
    pub decision: Decision,
    /// The checks that decided it: those that failed for NO-GO, those that are open for HOLD; empty
    /// for GO and where nothing ran.
    pub because: Vec<CheckId>,
}

impl CheckRecord {
    /// Whether what is wrong here stands in the way of the launch: a blocker that nobody waived.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Blocker && self.waived.is_none()
    }
}

impl RunRecord {
    /// All checks in checklist order.
    pub fn checks(&self) -> impl Iterator<Item = &CheckRecord> {
        self.steps.iter().flat_map(|step| &step.checks)
    }

    /// The counts, from the checks.
    #[must_use]
    pub fn count(&self) -> Counts {
        let mut counts = Counts::default();
        for check in self.checks() {
            counts.total += 1;
            *counts.of_mut(check.outcome) += 1;
        }
        counts
    }
}

impl Counts {
    /// The number for one outcome.
    #[must_use]
    pub fn of(mut self, outcome: Outcome) -> usize {
        *self.of_mut(outcome)
    }

    /// Takes note that a check that counted as `before` now counts as `after`.
    pub(crate) fn moved(&mut self, before: Outcome, after: Outcome) {
        *self.of_mut(before) -= 1;
        *self.of_mut(after) += 1;
    }

    fn of_mut(&mut self, outcome: Outcome) -> &mut usize {
        match outcome {
            Outcome::Skipped => &mut self.skipped,
            Outcome::NotApplicable => &mut self.not_applicable,
            Outcome::Pass => &mut self.pass,
            Outcome::Warn => &mut self.warn,
            Outcome::Pending => &mut self.pending,
            Outcome::Unknown => &mut self.unknown,
            Outcome::Fail => &mut self.fail,
        }
    }
}
