//! Waivers: what somebody accepts stays visible, marked, and does not block.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::code::engine as codes;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, RunRecord, Waiver};

/// Marks what the waivers cover, and gives the numbers of those that are done with: that cover
/// something, or have run out. An expired waiver is a failure of its own, and one that covers
/// nothing a warning: here where it names this check alone; of a pattern see [`unused`]. Warnings
/// are failures where the run is strict.
pub fn waive(
    check: &mut CheckRecord,
    waivers: &[Waiver],
    now: Timestamp,
    strict: bool,
) -> Vec<usize> {
    let mut done = Vec::new();
    if check.outcome == Outcome::Skipped {
        return done;
    }
    // What is said of the waivers themselves is nothing that another one could cover.
    let mut own = Vec::new();
    let theirs = waivers.iter().enumerate().filter(|(_, waiver)| check.id.matches(&waiver.check));
    for (n, waiver) in theirs {
        if waiver.waived.until < now {
            own.push(expired(check, waiver));
            done.push(n);
            continue;
        }
        let mut used = false;
        for finding in check.findings.iter_mut().filter(|finding| covers(waiver, finding)) {
            finding.waived.get_or_insert_with(|| waiver.waived.clone());
            used = true;
        }
        if used {
            done.push(n);
        } else if waiver.check == check.id.as_str() {
            own.push(idle(check, waiver));
        }
    }
    add(check, own, strict);
    done
}

/// The numbers of the patterns that cover nothing, each with the first check it names, by the
/// checks of a whole run; `done` are those that [`waive`] was done with. Of a pattern that names a
/// check which was not looked at nobody knows.
#[must_use]
pub fn unused<'r>(
    record: &'r RunRecord,
    waivers: &[Waiver],
    done: &BTreeSet<usize>,
) -> Vec<(usize, &'r CheckRecord)> {
    let first = |waiver: &Waiver| {
        let mut named = record.checks().filter(|check| check.id.matches(&waiver.check)).peekable();
        let first = named.peek().copied().filter(|first| waiver.check != first.id.as_str())?;
        named.all(|check| check.outcome != Outcome::Skipped).then_some(first)
    };
    let idle = waivers.iter().enumerate().filter(|(n, _)| !done.contains(n));
    idle.filter_map(|(n, waiver)| Some((n, first(waiver)?))).collect()
}

/// Says of a check that a waiver covers nothing.
pub fn add_unused(check: &mut CheckRecord, waiver: &Waiver, strict: bool) {
    let finding = idle(check, waiver);
    add(check, vec![finding], strict);
}

/// Adds findings to a check, and says what they make of it.
fn add(check: &mut CheckRecord, findings: Vec<Finding>, strict: bool) {
    check.findings.extend(findings);
    check.findings.sort_by_key(|finding| std::cmp::Reverse(finding.outcome));
    let mut open = check.findings.iter().filter(|finding| is_open(finding, strict)).peekable();
    let excused = open.peek().is_some() && open.all(|finding| finding.waived.is_some());
    check.waived = check.findings.iter().find_map(|finding| finding.waived.clone());
    check.waived = check.waived.take().filter(|_| excused);
    if let Some(worst) = check.findings.first().filter(|worst| worst.outcome > check.outcome) {
        check.outcome = worst.outcome;
        check.summary.clone_from(&worst.message);
    }
}

/// Whether a finding stands in the way unless it is waived.
fn is_open(finding: &Finding, strict: bool) -> bool {
    match finding.outcome {
        Outcome::Fail | Outcome::Unknown | Outcome::Pending => true,
        Outcome::Warn => strict,
        Outcome::Skipped | Outcome::NotApplicable | Outcome::Pass => false,
    }
}

/// Whether a waiver is about a finding; a warning can be waived too.
fn covers(waiver: &Waiver, finding: &Finding) -> bool {
    finding.outcome >= Outcome::Warn
        && waiver.code.as_ref().is_none_or(|code| *code == finding.code)
        && waiver.target.as_ref().is_none_or(|target| *target == finding.target)
}

fn expired(check: &CheckRecord, waiver: &Waiver) -> Finding {
    let until = waiver.waived.until;
    // Whether there is something to mend, or only a line to take out.
    let now = match check.outcome {
        Outcome::Pass | Outcome::NotApplicable => "the check itself is well now".to_owned(),
        Outcome::Skipped => "the check itself was not looked at".to_owned(),
        Outcome::Warn | Outcome::Pending | Outcome::Unknown | Outcome::Fail => {
            format!("the check itself: {}", check.summary)
        }
    };
    let message = format!("the waiver by {} ran out on {until}; {now}", waiver.waived.by);
    Finding::new(&codes::WAIVER_EXPIRED, check.id.as_str(), message)
        .expected("no waiver, or one that has not run out")
        .actual(format!("until {until}: {}", waiver.waived.reason))
}

fn idle(check: &CheckRecord, waiver: &Waiver) -> Finding {
    let about = [waiver.code.as_deref(), waiver.target.as_deref()];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    let about =
        if about.is_empty() { String::new() } else { format!(" of {}", about.join(" on ")) };
    let message = format!("the waiver{about} by {} covers nothing", waiver.waived.by);
    Finding::new(&codes::WAIVER_UNUSED, check.id.as_str(), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::{Decision, Severity};
    use crate::model::sample;
    use crate::verdict::decide;

    fn waiver(code: Option<&str>, until: &str) -> Waiver {
        let until = until.parse().expect("an instant");
        Waiver {
            check: "c0".into(),
            code: code.map(str::to_owned),
            target: None,
            waived: crate::model::record::Waived { until, ..sample::waiver() },
        }
    }

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().expect("an instant")
    }

    /// A run of one failed check and one that passed, waived like this.
    fn check(waivers: &[Waiver], decision: Decision, codes: &[&str]) {
        let mut record =
            sample::run(&[(Outcome::Fail, Severity::Blocker), (Outcome::Pass, Severity::Blocker)]);
        let failed = &mut record.steps[0].checks[0];
        failed.findings.push(Finding::new(&codes::EXPECT, "t", "wrong"));
        waive(failed, waivers, now(), false);
        let found: Vec<&str> =
            failed.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(found, codes);
        assert_eq!(failed.outcome, Outcome::Fail, "a waived failure stays visible");
        assert_eq!(decide(&record).decision, decision);
    }

    #[test]
    fn waivers_cover_expire_and_go_unused() {
        let fail = "gonogo.expectation";
        check(&[], Decision::NoGo, &[fail]);
        check(&[waiver(None, "2026-12-01T00:00:00Z")], Decision::Go, &[fail]);
        check(&[waiver(Some(fail), "2026-12-01T00:00:00Z")], Decision::Go, &[fail]);
        check(
            &[waiver(Some("tls.expired"), "2026-12-01T00:00:00Z")],
            Decision::NoGo,
            &[fail, "gonogo.waiver-unused"],
        );
        check(
            &[waiver(None, "2026-11-19T00:00:00Z")],
            Decision::NoGo,
            &[fail, "gonogo.waiver-expired"],
        );
    }

    #[test]
    fn an_expired_waiver_is_covered_by_no_other_in_either_order() {
        let (over, good) =
            (waiver(None, "2026-11-19T00:00:00Z"), waiver(None, "2026-12-01T00:00:00Z"));
        for both in [[over.clone(), good.clone()], [good, over]] {
            let found = ["gonogo.expectation", "gonogo.waiver-expired"];
            check(&both, Decision::NoGo, &found);
        }
    }

    #[test]
    fn a_warning_can_be_waived_which_a_strict_run_needs() {
        for (code, strict, decision) in [
            ("gonogo.expectation", true, Decision::Go),
            ("gonogo.expectation", false, Decision::Go),
            ("tls.expired", true, Decision::NoGo),
            ("tls.expired", false, Decision::Go),
        ] {
            let mut record = sample::run(&[(Outcome::Warn, Severity::Blocker)]);
            record.header.strict = strict;
            let one = &mut record.steps[0].checks[0];
            let warning = Finding::new(&codes::EXPECT, "t", "late");
            one.findings.push(Finding { outcome: Outcome::Warn, ..warning });
            waive(one, &[waiver(Some(code), "2026-12-01T00:00:00Z")], now(), strict);
            let covered = code == "gonogo.expectation";
            assert_eq!(one.findings.len(), if covered { 1 } else { 2 }, "{code}");
            assert_eq!(one.waived.is_some(), covered && strict, "{code} {strict}");
            assert_eq!(one.outcome, Outcome::Warn, "it stays visible");
            assert_eq!(decide(&record).decision, decision, "{code} {strict}");
        }
    }

    #[test]
    fn a_pattern_that_covers_something_somewhere_is_not_unused() {
        use Outcome as O;
        for (outcomes, said) in [
            ([O::Pass, O::Pass], Some("c0")),
            ([O::Pass, O::Fail], None),
            ([O::Pass, O::Skipped], None),
        ] {
            let mut record = sample::run(&outcomes.map(|outcome| (outcome, Severity::Blocker)));
            let waivers = [Waiver { check: "c*".into(), ..waiver(None, "2026-12-01T00:00:00Z") }];
            let mut done = BTreeSet::new();
            for one in &mut record.steps[0].checks {
                let finding = Finding::new(&codes::EXPECT, "t", "so");
                one.findings.push(Finding { outcome: one.outcome, ..finding });
                done.extend(waive(one, &waivers, now(), false));
                assert_eq!(one.findings.len(), 1);
            }
            let unused = unused(&record, &waivers, &done);
            let ids: Vec<&str> = unused.iter().map(|(_, check)| check.id.as_str()).collect();
            assert_eq!(ids, said.into_iter().collect::<Vec<_>>(), "{outcomes:?}");
        }
    }
}
