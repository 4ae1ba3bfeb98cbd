//! Connections that a ramp left behind because it was killed: told from those of a run that is alive,
//! and from everybody else's.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::code::Code;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;
use crate::model::time::{Span, humane};
use crate::probe::Complaint;

/// How long a run must have been silent where the check does not say.
const SILENT: Span = Span::from_secs(60);
/// The least that may be asked for: a ramp that is alive looks at the limits every second, and waits for
/// an answer for at most five.
const SHORTEST: Span = Span::from_secs(10);
/// The most sessions that are read.
pub(in crate::probe) const MOST: usize = 1000;
/// How many sessions a message names.
const NAMED: usize = 8;

/// A session of the check's own role or account that bears the name of another run of this tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Namesake {
    /// The name, `gonogo-` and the run's short form.
    pub application: String,
    /// The number the server knows the session by.
    pub number: u64,
    /// When it began, in the server's words; absent where the server never gives a number twice.
    pub started: Option<String>,
    /// Where its client is; empty for a unix socket.
    pub client: String,
    /// For how long it has done nothing, in seconds; absent while it is at work, or where that cannot be
    /// seen.
    pub silent_seconds: Option<f64>,
    /// Whether it was opened for a ramp, which its last statement or its own name proves.
    pub ramp: bool,
}

/// What of the namesakes is ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Cleanup {
    /// Those that are ended, of one run after the other.
    pub sessions: Vec<Namesake>,
    /// How long their run must have been silent, still when they are ended.
    pub silent: Span,
}

/// The codes that leftovers are judged with.
pub(in crate::probe) struct LeftoverCodes {
    pub(in crate::probe) ok: &'static Code,
    pub(in crate::probe) leftovers: &'static Code,
}

/// What can be wrong with the parameter `cleanup`; `others` says whether the check asks for more.
pub(in crate::probe) fn complaints(cleanup: Option<Span>, others: bool) -> Vec<Complaint> {
    let complaint = |message: String, help: &str| Complaint {
        key: Some("cleanup"),
        message,
        help: Some(help.to_owned()),
    };
    let mut complaints = Vec::new();
    let Some(cleanup) = cleanup else { return complaints };
    if cleanup < SHORTEST {
        let help =
            format!("write {SHORTEST} or more: a run that is alive may be silent for shorter");
        complaints.push(complaint(format!("`cleanup` is {cleanup}"), &help));
    }
    if others {
        let message = "`cleanup` looks at nothing but what killed ramps left behind".to_owned();
        complaints.push(complaint(
            message,
            "make a check of its own of it, with `url` and `cleanup` only",
        ));
    }
    complaints
}

/// How long each run has been silent; `None` for one that is at work, or that cannot be seen.
fn silence(namesakes: &[Namesake]) -> BTreeMap<&str, Option<f64>> {
    let mut runs: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    for it in namesakes {
        let run = runs.entry(&it.application).or_insert(Some(f64::INFINITY));
        *run = run.zip(it.silent_seconds).map(|(one, other)| one.min(other));
    }
    runs
}

/// The sessions of ramps whose run has been silent for longer than `cleanup`, or a minute.
fn leftovers(namesakes: &[Namesake], cleanup: Option<Span>) -> Vec<&Namesake> {
    let least = cleanup.unwrap_or(SILENT).get().as_secs_f64();
    let runs = silence(namesakes);
    let over = |it: &&Namesake| {
        it.ramp && runs.get(it.application.as_str()).copied().flatten().is_some_and(|s| s > least)
    };
    namesakes.iter().filter(over).collect()
}

/// What would have to be ended; `None` where nothing was left, or the check did not ask.
pub(in crate::probe) fn propose(namesakes: &[Namesake], cleanup: Option<Span>) -> Option<Cleanup> {
    let silent = cleanup?;
    let sessions: Vec<Namesake> = leftovers(namesakes, cleanup).into_iter().cloned().collect();
    (!sessions.is_empty()).then_some(Cleanup { sessions, silent })
}

impl Cleanup {
    /// The change in words.
    pub(in crate::probe) fn describe(&self) -> String {
        let all: Vec<&Namesake> = self.sessions.iter().collect();
        format!("end {}: {}", connections(all.len()), by_run(&all).join("; "))
    }
}

fn connections(n: usize) -> String {
    count(n, "connection")
}

/// The sessions run by run: the name, the numbers, and where the clients are.
fn by_run(sessions: &[&Namesake]) -> Vec<String> {
    let mut runs: BTreeMap<&str, Vec<&Namesake>> = BTreeMap::new();
    for it in sessions {
        runs.entry(&it.application).or_default().push(it);
    }
    let run = |(application, sessions): (&str, Vec<&Namesake>)| {
        let numbers: Vec<String> =
            sessions.iter().take(NAMED).map(|it| it.number.to_string()).collect();
        let more = match sessions.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let mut clients: Vec<&str> = sessions.iter().map(|it| it.client.as_str()).collect();
        clients.retain(|client| !client.is_empty());
        clients.sort_unstable();
        clients.dedup();
        let from = match clients.as_slice() {
            [] => String::new(),
            [client] => format!(" from {client}"),
            [client, others @ ..] => {
                format!(" from {client} and {}", count(others.len(), "other host"))
            }
        };
        let silent =
            sessions.iter().filter_map(|it| it.silent_seconds).fold(f64::INFINITY, f64::min);
        let silent = Duration::try_from_secs_f64(silent).map(humane).unwrap_or_default();
        format!("{application}, id {}{more}{from}, silent for {silent}", numbers.join(", "))
    };
    runs.into_iter().map(run).collect()
}

/// Judges what killed ramps left behind; all that a check with `cleanup` asks. `namesakes` are absent
/// where the server was not seen, or `before`, such as a pooler, answers in its place.
pub(in crate::probe) fn judge(
    codes: &LeftoverCodes,
    target: &str,
    namesakes: Option<&Sight<Vec<Namesake>>>,
    cleanup: Option<Span>,
    before: &str,
) -> Vec<Finding> {
    match (namesakes, cleanup) {
        (Some(Sight::Seen(all)), _) => seen(codes, target, all, cleanup),
        (Some(Sight::Fault(fault)), Some(_)) => vec![Finding::fault(target, fault)],
        (None, Some(_)) => {
            let message = format!(
                "a {before} answers, or the server's limits were not seen: what killed ramps left \
                 behind is looked for on the server itself"
            );
            let finding = Finding::new(codes.leftovers, target, message);
            vec![finding.with_outcome(Outcome::Unknown)]
        }
        // Beside everything else it is a courtesy; what it could not see hides nothing.
        (Some(Sight::Fault(_)) | None, None) => Vec::new(),
    }
}

/// Judges those that were seen. Without `cleanup` only what is there is said.
fn seen(
    codes: &LeftoverCodes,
    target: &str,
    namesakes: &[Namesake],
    cleanup: Option<Span>,
) -> Vec<Finding> {
    let left = leftovers(namesakes, cleanup);
    let mut findings = Vec::new();
    if !left.is_empty() {
        let message = format!(
            "{} left behind by a killed ramp: {}",
            connections(left.len()),
            by_run(&left).join("; ")
        );
        let outcome = if cleanup.is_some() { Outcome::Pending } else { Outcome::Warn };
        let finding = Finding::new(codes.leftovers, target, message).with_outcome(outcome);
        findings.push(match cleanup {
            Some(_) => finding.expected("none; --apply ends these and nothing else"),
            None => finding.expected("none; `gonogo check … --cleanup` shows and ends them"),
        });
    }
    let Some(cleanup) = cleanup else { return findings };
    let spared: Vec<&Namesake> = namesakes.iter().filter(|it| !left.contains(it)).collect();
    if !spared.is_empty() {
        let runs = silence(namesakes);
        let alive = |it: &&&Namesake| {
            let silent = runs.get(it.application.as_str()).copied().flatten();
            silent.is_none_or(|silent| silent <= cleanup.get().as_secs_f64())
        };
        let alive = spared.iter().filter(alive).count();
        let message = format!(
            "{} of the same name stay: {alive} of a run that did something within {cleanup} or \
             cannot be seen, {} not proved to be a ramp's",
            connections(spared.len()),
            spared.len() - alive
        );
        findings.push(Finding::new(codes.ok, target, message));
    } else if left.is_empty() {
        let message = "no connection of a killed ramp is left".to_owned();
        findings.push(Finding::new(codes.ok, target, message));
    }
    findings
}

/// What was looked for, in one line for the table.
pub(in crate::probe) fn summary(namesakes: &[Namesake], cleanup: Span) -> String {
    let stay = namesakes.len() - leftovers(namesakes, Some(cleanup)).len();
    let stay = match stay {
        0 => String::new(),
        stay => format!("; {} of the same name stay", connections(stay)),
    };
    format!("no connection of a killed ramp is left{stay}")
}

/// What came of ending `all` sessions: so many were `told` to end, and of those so many `stay`, for the
/// waiting was over before they had gone.
pub(in crate::probe) fn receipt(all: usize, told: usize, stay: usize) -> String {
    let more = |count: usize, what: &str| match count {
        0 => String::new(),
        count => format!(", {count} {what}"),
    };
    format!(
        "ended {} of {all}{}{}",
        told.saturating_sub(stay),
        more(all.saturating_sub(told), "had ended or stirred meanwhile"),
        more(stay, "told to end and not gone yet")
    )
}

/// Whether a name is `gonogo-` and the short form of a run.
pub(in crate::probe) fn is_run(name: &str) -> bool {
    name.strip_prefix("gonogo-").is_some_and(|run| {
        run.len() == 12 && run.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(application: &str, number: u64, silent: Option<f64>, ramp: bool) -> Namesake {
        Namesake {
            application: application.to_owned(),
            number,
            started: None,
            client: "192.0.2.1".to_owned(),
            silent_seconds: silent,
            ramp,
        }
    }

    #[test]
    fn one_session_that_is_alive_spares_its_whole_run() {
        let (dead, alive, busy) =
            ("gonogo-00000000000a", "gonogo-00000000000b", "gonogo-00000000000c");
        let all = [
            session(dead, 1, Some(90.0), true),
            session(dead, 2, Some(70.0), true),
            session(dead, 3, Some(300.0), false),
            session(alive, 4, Some(900.0), true),
            session(alive, 5, Some(0.5), false),
            session(busy, 6, Some(900.0), true),
            session(busy, 7, None, true),
        ];
        let numbers =
            |cleanup| -> Vec<u64> { leftovers(&all, cleanup).iter().map(|it| it.number).collect() };
        assert_eq!(numbers(None), [1, 2]);
        assert_eq!(numbers(Some(Span::from_secs(80))), Vec::<u64>::new());
        assert!(propose(&all, None).is_none(), "nobody asked");
        let change = propose(&all, Some(Span::from_secs(60))).expect("something is left");
        assert_eq!(
            change.describe(),
            "end 2 connections: gonogo-00000000000a, id 1, 2 from 192.0.2.1, silent for 1m 10s"
        );
    }

    #[test]
    fn a_receipt_counts_as_ended_only_what_has_gone() {
        for (all, told, stay, line) in [
            (2, 2, 0, "ended 2 of 2"),
            (3, 2, 0, "ended 2 of 3, 1 had ended or stirred meanwhile"),
            (3, 3, 1, "ended 2 of 3, 1 told to end and not gone yet"),
            (
                4,
                3,
                1,
                "ended 2 of 4, 1 had ended or stirred meanwhile, 1 told to end and not gone yet",
            ),
        ] {
            assert_eq!(receipt(all, told, stay), line);
        }
    }

    #[test]
    fn a_name_that_only_begins_like_ours_is_somebody_elses() {
        for (name, ours) in [
            ("gonogo-0123456789ab", true),
            ("gonogo-0123456789AB", false),
            ("gonogo-0123456789a", false),
            ("gonogo-0123456789abc", false),
            ("gonogo-dashboard-x", false),
            ("gonogo", false),
            ("xgonogo-0123456789ab", false),
        ] {
            assert_eq!(is_run(name), ours, "{name}");
        }
    }
}
