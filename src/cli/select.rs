//! What of a checklist is run: the command line's words, and what recorded runs say.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::sync::Arc;

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::args::{EngineArgs, SelectArgs};
use super::{env, run};
use crate::checklist::{Check, Checklist};
use crate::clock::Clock;
use crate::history;
use crate::model::code::engine as codes;
use crate::model::id::{CheckId, RunId};
use crate::model::outcome::Outcome;
use crate::model::record::{ChangeState, CheckRecord, RunRecord, SkipReason};
use crate::plan::{Pass, Selection};
use crate::probe::acme::Acme;
use crate::probe::silence::Silence;
use crate::probe::{Earlier, Probe};

/// How many recorded runs are looked through for the last pass of a check.
const LOOK_BACK: usize = 200;

/// The command line, with a bare `--rerun-failed` told from one that names a run: the word after it
/// may as well be the checklist.
pub(super) fn arguments(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.collect();
    for n in 0..words.len() {
        let next = words.get(n + 1).and_then(|next| next.to_str()).unwrap_or_default();
        let run = next == "latest"
            || std::path::Path::new(next).extension().is_some_and(|e| e == "json" || e == "jsonl")
            || (next.len() >= 4 && next.chars().all(|c| c.is_ascii_hexdigit() || c == '-'));
        if words[n] == "--rerun-failed" && !run {
            words[n] = OsString::from("--rerun-failed=latest");
        }
    }
    words
}

/// The selection of a run.
pub(super) fn selection(args: &SelectArgs, ids: &[String], checklist: &Checklist) -> Selection {
    let counts = checklist.checks().any(|check| check.valid_for.is_some());
    Selection {
        ids: ids.to_vec(),
        tags: args.tags.clone(),
        skip: args.skip.clone(),
        phase: args.phase.clone(),
        with_needs: args.with_needs,
        shard: args.shard,
        only: None,
        right_before: HashSet::new(),
        carried: HashMap::new(),
        earlier: earlier(checklist),
        passes: if counts { passes(checklist) } else { HashMap::new() },
    }
}

/// Whether a check wants to know what earlier runs saw: the samples of an audit, or a test order
/// that still counts.
fn looks_back(check: &Check) -> bool {
    let acme = check.probe.as_ref().ok().and_then(|probe| probe.as_any().downcast_ref::<Acme>());
    check.kind == Silence::KIND || acme.is_some_and(|acme| acme.order.is_some())
}

/// What recorded runs saw of the checks of a list that look back, latest first.
pub(super) fn earlier(checklist: &Checklist) -> HashMap<CheckId, Arc<[Earlier]>> {
    let mut earlier: HashMap<CheckId, Vec<Earlier>> = HashMap::new();
    let audits: HashSet<&CheckId> =
        checklist.checks().filter(|check| looks_back(check)).map(|check| &check.id).collect();
    let Some(folder) = env::runs().filter(|_| !audits.is_empty()) else { return HashMap::new() };
    for record in history::records(&folder).take(LOOK_BACK).flatten() {
        for check in record.checks().filter(|check| audits.contains(&check.id)) {
            if let (Some(at), Some(observation)) = (check.started, &check.observation) {
                let look = Earlier { at, observation: observation.clone() };
                earlier.entry(check.id.clone()).or_default().push(look);
            }
        }
    }
    earlier.into_iter().map(|(id, looks)| (id, looks.into())).collect()
}

/// The last recorded look at every check of a list, where it was a pass. A pass before a failure is
/// none any more.
fn passes(checklist: &Checklist) -> HashMap<CheckId, Pass> {
    let (mut passes, mut seen) = (HashMap::new(), HashSet::new());
    let Some(folder) = env::runs() else { return passes };
    // One that cannot be read has no pass to give; it is named by `gonogo history`.
    for record in history::records(&folder).take(LOOK_BACK).flatten() {
        if record.header.name != checklist.name {
            continue;
        }
        for check in record.checks() {
            let Some(at) = check.started else { continue };
            let latest = seen.insert(check.id.clone());
            if latest && matches!(check.outcome, Outcome::Pass | Outcome::Warn) {
                let (parameters, expect) = (check.parameters.clone(), check.expect.clone());
                let pass = Pass { at, parameters, expect, outcome: check.outcome };
                passes.insert(check.id.clone(), pass);
            }
        }
    }
    passes
}

/// A recorded run by its name; `latest` is the latest of this list.
fn recorded(run: &str, checklist: &Checklist) -> anyhow::Result<RunRecord> {
    if std::path::Path::new(run).is_file() {
        return Ok(history::read(std::path::Path::new(run))?);
    }
    let folder = env::runs().context("there is no home directory to look for recorded runs in")?;
    if run == "latest" {
        let skipped = |error| super::warn(&format!("passed over: {error}"));
        return history::latest_of(&folder, &checklist.name, skipped)
            .with_context(|| format!("looking for the latest run of `{}`", checklist.name));
    }
    Ok(history::read(&history::find(&folder, Some(run))?)?)
}

/// The checks that a recorded run left open, and those that were right in it. A warning is open where
/// that run or this one is strict.
pub(super) fn failed(
    run: &str,
    checklist: &Checklist,
    strict: bool,
) -> anyhow::Result<(HashSet<CheckId>, HashSet<CheckId>)> {
    let record = recorded(run, checklist)?;
    let open = |check: &&CheckRecord| match check.outcome {
        Outcome::Fail | Outcome::Unknown | Outcome::Pending => true,
        Outcome::Skipped => check.skipped.as_ref().is_none_or(|skip| match skip.reason {
            SkipReason::Needs | SkipReason::Halted | SkipReason::FailFast => true,
            SkipReason::Phase | SkipReason::NotSelected | SkipReason::Shard => false,
        }),
        Outcome::Warn => (strict || record.header.strict) && check.blocks(),
        Outcome::NotApplicable | Outcome::Pass => false,
    };
    let (open, rest): (Vec<_>, Vec<_>) = record.checks().partition(open);
    let right = rest.into_iter().filter(|check| check.outcome != Outcome::Skipped);
    let ids = |check: &CheckRecord| check.id.clone();
    Ok((open.into_iter().map(ids).collect(), right.map(ids).collect()))
}

/// What an interrupted run leaves to the one that finishes it.
pub(super) struct Interrupted {
    /// Its name.
    pub(super) run: RunId,
    /// The phase it was of.
    pub(super) phase: String,
    /// Its answers.
    pub(super) answers: HashMap<CheckId, CheckRecord>,
}

/// The answers of an interrupted run.
pub(super) fn answers(
    run: &str,
    checklist: &Checklist,
    engine: &EngineArgs,
) -> anyhow::Result<Interrupted> {
    let record = recorded(run, checklist)?;
    let header = &record.header;
    if record.finished.is_some() && record.stopped.is_none() {
        bail!(
            "run {} came to its end, so there is nothing to finish; run the list anew, or with \
             --rerun-failed",
            header.run
        );
    }
    if header.checklist.sha256 != checklist.sha256 {
        bail!(
            "{} or what it includes has changed since run {}, so its answers are for something else; \
             run it anew",
            checklist.path,
            header.run
        );
    }
    if header.vars != run::shown_vars(checklist) {
        bail!(
            "the variables are not those of run {}, so its answers are for something else; give \
             the same --var and --var-file, or run it anew",
            header.run
        );
    }
    let now = Clock.now();
    // Whom a waiver excuses is another question where warnings count as failures.
    let same_rule = |check: &CheckRecord| header.strict == engine.strict || !is_waived(check);
    let kept = record.checks().filter(|check| answered(check, now) && same_rule(check));
    let answers = kept.map(|check| (check.id.clone(), check.clone())).collect();
    Ok(Interrupted { run: header.run, phase: header.phase.clone(), answers })
}

/// Whether anything of a check is waived.
fn is_waived(check: &CheckRecord) -> bool {
    check.findings.iter().any(|finding| finding.waived.is_some())
}

/// Whether a check of an interrupted run has an answer of its own that still holds. What waited for
/// a person or for a change is looked at again, and so is a change whose end is not known, and what
/// a waiver excused that has run out since.
fn answered(check: &CheckRecord, now: Timestamp) -> bool {
    let stopped = [codes::INTERRUPTED.id, codes::DEADLINE.id];
    check.outcome != Outcome::Skipped
        && check.outcome != Outcome::Pending
        && !check.attempts.is_empty()
        && !check.findings.is_empty()
        && !check.findings.iter().any(|finding| stopped.contains(&finding.code.as_str()))
        && !check.changes.iter().any(|change| change.state == ChangeState::Intended)
        && check.findings.iter().filter_map(|f| f.waived.as_ref()).all(|w| w.until >= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_rerun_failed_does_not_swallow_the_checklist() {
        for (words, expected) in [
            ("run --rerun-failed list.yaml", "run --rerun-failed=latest list.yaml"),
            ("run list.yaml --rerun-failed", "run list.yaml --rerun-failed=latest"),
            (
                "run list.yaml --rerun-failed --strict",
                "run list.yaml --rerun-failed=latest --strict",
            ),
            ("run list.yaml --rerun-failed 01a1fa31", "run list.yaml --rerun-failed 01a1fa31"),
            ("run list.yaml --rerun-failed r.json", "run list.yaml --rerun-failed r.json"),
        ] {
            let read = arguments(words.split(' ').map(OsString::from));
            let expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
            assert_eq!(read, expected, "{words}");
        }
    }
}
