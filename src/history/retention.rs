//! How long logs are kept. What a waiver or a sign-off rests on is evidence and is never deleted.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::{MARK, Shelf, read, shelf};
use crate::model::facts::Facts;
use crate::model::outcome::Outcome;
use crate::model::record::RunRecord;

/// The kind of check that people sign.
const SIGNED: &str = "manual";

/// What became of the logs that are old enough to go.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The runs whose logs were deleted.
    pub deleted: Vec<String>,
    /// Those that stay, and why.
    pub kept: Vec<Kept>,
}

/// A log that is old enough to go and stays.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// The run.
    pub run: String,
    /// Why it stays.
    pub why: Why,
}

/// Why an old log stays.
#[derive(Debug, PartialEq, Eq)]
pub enum Why {
    /// A waiver was used in it.
    Waiver,
    /// It holds sign-offs.
    SignOff,
    /// Another run names it: in a waiver, a sign-off, or as the one it resumes.
    Named,
    /// It was kept before, or somebody put a mark beside it.
    Marked,
    /// It cannot be read, so nobody knows what rests on it.
    Unreadable(String),
    /// The operating system does not let it be deleted.
    Stuck(String),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waiver => f.write_str("a waiver was used in it"),
            Self::SignOff => f.write_str("it holds sign-offs"),
            Self::Named => f.write_str("another run names it"),
            Self::Marked => f.write_str("it is marked to be kept"),
            Self::Unreadable(why) => f.write_str(why),
            Self::Stuck(why) => write!(f, "it cannot be deleted: {why}"),
        }
    }
}

/// Deletes the logs of runs that began longer ago than `age`, except the `least` latest and those
/// that something rests on; the latter get a mark beside them, `<run>.keep`, so that they are read
/// once only. Two processes may do this at once.
#[must_use]
pub fn prune(folder: &Path, age: Duration, least: usize, now: Timestamp) -> Pruned {
    let mut pruned = Pruned::default();
    let shelf = shelf(folder).unwrap_or_default();
    // No log is older than time itself.
    let age = jiff::SignedDuration::try_from(age).ok();
    let Some(before) = age.and_then(|age| now.checked_sub(age).ok()) else { return pruned };
    let mut named_runs: Option<HashSet<String>> = None;
    let old = shelf.logs.len().saturating_sub(least);
    for (run, path) in shelf.logs.iter().take(old).filter(|(run, _)| began(run) < Some(before)) {
        let marked = shelf.marks.contains(run).then_some(Why::Marked);
        let why =
            marked.or_else(|| rests(run, path, named_runs.get_or_insert_with(|| named(&shelf))));
        match why {
            None => match fs::remove_file(path) {
                Ok(()) => pruned.deleted.push(run.clone()),
                // Another process was quicker.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => pruned.keep(run, Why::Stuck(error.to_string())),
            },
            Some(why) => {
                if matches!(why, Why::Waiver | Why::SignOff | Why::Named) {
                    mark(path);
                }
                pruned.keep(run, why);
            }
        }
    }
    pruned
}

impl Pruned {
    fn keep(&mut self, run: &str, why: Why) {
        self.kept.push(Kept { run: run.to_owned(), why });
    }
}

/// When a run began, by its name: a `UUIDv7` says so.
fn began(run: &str) -> Option<Timestamp> {
    let (seconds, nanos) = uuid::Uuid::parse_str(run).ok()?.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
}

/// A mark that cannot be written costs a second look the next time, and no more.
fn mark(log: &Path) {
    let path = log.with_extension(MARK);
    let _again = OpenOptions::new().write(true).create(true).truncate(false).open(path);
}

/// What rests on a run.
fn rests(run: &str, path: &Path, named: &HashSet<String>) -> Option<Why> {
    let record = match read(path) {
        Ok(record) => record,
        Err(error) => return Some(Why::Unreadable(error.to_string())),
    };
    evidence(&record).or_else(|| named.contains(short(run)).then_some(Why::Named))
}

fn evidence(record: &RunRecord) -> Option<Why> {
    let waived = |check: &crate::model::record::CheckRecord| {
        check.waived.is_some() || check.findings.iter().any(|finding| finding.waived.is_some())
    };
    if record.checks().any(waived) {
        return Some(Why::Waiver);
    }
    let signed = |check: &crate::model::record::CheckRecord| {
        let seen = check.observation.as_ref().filter(|_| check.kind == SIGNED).map(Facts::value);
        let signoffs = seen.as_ref().and_then(|seen| seen.get("signoffs"));
        let some = signoffs.and_then(|all| all.as_array()).is_some_and(|all| !all.is_empty());
        check.kind == SIGNED && (some || check.outcome == Outcome::Pass)
    };
    record.checks().any(signed).then_some(Why::SignOff)
}

/// The end of a run's name, which its short form is.
fn short(run: &str) -> &str {
    &run[run.len().saturating_sub(12)..]
}

/// The runs that other logs name, in full or in their short form: the reason of a waiver, the note of
/// a sign-off, the run that is resumed.
fn named(shelf: &Shelf) -> HashSet<String> {
    let known: HashSet<&str> = shelf.logs.iter().map(|(run, _)| short(run)).collect();
    let mut named = HashSet::new();
    for (run, path) in &shelf.logs {
        let Ok(text) = fs::read(path) else { continue };
        for word in text.split(|byte| !byte.is_ascii_hexdigit()).filter(|word| word.len() == 12) {
            let word = std::str::from_utf8(word).unwrap_or_default();
            if word != short(run) && known.contains(word) {
                named.insert(word.to_owned());
            }
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Log;
    use crate::model::event::{Sink, unfold};
    use crate::model::id::RunId;
    use crate::model::outcome::Severity;
    use crate::model::sample;
    use serde_json::json;

    const DAY: u64 = 86_400;

    /// A log of a run of so many days ago.
    fn log(folder: &Path, days: u64, bend: impl FnOnce(&mut RunRecord)) -> String {
        let millis = (now().as_second().unsigned_abs() - days * DAY) * 1000;
        let random = u8::try_from(days % 251).expect("small");
        let run = uuid::Builder::from_unix_timestamp_millis(millis, &[random; 10]).into_uuid();
        let mut record = sample::run(&[(Outcome::Pass, Severity::Blocker)]);
        record.header.run = RunId(run);
        bend(&mut record);
        let mut log = Log::create(folder, RunId(run)).expect("a log");
        for event in unfold(&record) {
            log.event(&event).expect("written");
        }
        run.to_string()
    }

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().expect("an instant")
    }

    #[test]
    fn what_a_waiver_or_a_signature_rests_on_is_never_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let plain = log(folder, 400, |_| {});
        let waived = log(folder, 399, |record| {
            record.steps[0].checks[0].waived = Some(sample::waiver());
        });
        let signed = log(folder, 398, |record| {
            let check = &mut record.steps[0].checks[0];
            check.kind = "manual".to_owned();
            check.observation = Some(json!({ "signoffs": [{ "by": "ann" }] }).into());
        });
        let named = log(folder, 397, |_| {});
        let torn = log(folder, 396, |_| {});
        let path = folder.join(format!("{torn}.jsonl"));
        let text = fs::read_to_string(&path).expect("a log");
        fs::write(&path, text.replacen("check-finished", "check-\u{0}", 1)).expect("torn");
        let marked = log(folder, 395, |_| {});
        fs::write(folder.join(format!("{marked}.keep")), "").expect("a mark");
        let young = log(folder, 3, |record| {
            let mut reasoned = sample::waiver();
            reasoned.reason = format!("seen in run {}", short(&named));
            record.steps[0].checks[0].waived = Some(reasoned);
        });

        let age = Duration::from_secs(90 * DAY);
        let pruned = prune(folder, age, 1, now());
        assert_eq!(pruned.deleted, [plain.as_str()]);
        let kept: Vec<(&str, &Why)> =
            pruned.kept.iter().map(|kept| (kept.run.as_str(), &kept.why)).collect();
        assert_eq!(kept.len(), 5, "{kept:?}");
        for (run, why) in [(&waived, Why::Waiver), (&signed, Why::SignOff), (&named, Why::Named)] {
            assert!(kept.contains(&(run, &why)), "{why:?} in {kept:?}");
        }
        assert!(matches!(kept[3], (run, Why::Unreadable(_)) if run == torn), "{kept:?}");
        assert_eq!(kept[4], (marked.as_str(), &Why::Marked));
        assert!(folder.join(format!("{young}.jsonl")).exists());

        let again = prune(folder, age, 1, now());
        assert_eq!(again.deleted, Vec::<String>::new());
        let marked = again.kept.iter().filter(|kept| kept.why == Why::Marked).count();
        assert_eq!(marked, 4, "the others were marked the first time");
    }

    #[test]
    fn the_latest_stay_however_old_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let runs: Vec<String> = (1..=5).map(|n| log(folder.path(), 500 - n, |_| {})).collect();
        let pruned = prune(folder.path(), Duration::from_secs(DAY), 3, now());
        assert_eq!(pruned.deleted, runs[..2]);
        let none = prune(&folder.path().join("gone"), Duration::ZERO, 0, now());
        assert_eq!(none, Pruned::default());
    }
}
