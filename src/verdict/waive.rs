//! Waivers: what somebody accepts stays visible, marked, and does not block.

use jiff::Timestamp;

use crate::model::code::engine as codes;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, Waiver};

/// Marks what the waivers cover. An expired waiver is a failure of its own, and one that covers
/// nothing a warning.
pub fn waive(check: &mut CheckRecord, waivers: &[Waiver], now: Timestamp) {
    if check.outcome == Outcome::Skipped {
        return;
    }
    for waiver in waivers.iter().filter(|waiver| check.id.matches(&waiver.check)) {
        if waiver.waived.until < now {
            check.findings.push(expired(check, waiver));
            continue;
        }
        let mut used = false;
        for finding in check.findings.iter_mut().filter(|finding| is_open(finding)) {
            if covers(waiver, finding) {
                finding.waived.get_or_insert_with(|| waiver.waived.clone());
                used = true;
            }
        }
        if !used {
            check.findings.push(unused(check, waiver));
        }
    }
    check.findings.sort_by_key(|finding| std::cmp::Reverse(finding.outcome));
    let mut open = check.findings.iter().filter(|finding| is_open(finding)).peekable();
    if open.peek().is_some() && open.all(|finding| finding.waived.is_some()) {
        check.waived = check.findings.iter().find_map(|finding| finding.waived.clone());
    }
    if let Some(worst) = check.findings.first().filter(|worst| worst.outcome > check.outcome) {
        check.outcome = worst.outcome;
        check.summary.clone_from(&worst.message);
    }
}

/// Whether a finding is something to be waived.
fn is_open(finding: &Finding) -> bool {
    match finding.outcome {
        Outcome::Fail | Outcome::Unknown | Outcome::Pending => true,
        Outcome::Skipped | Outcome::NotApplicable | Outcome::Pass | Outcome::Warn => false,
    }
}

fn covers(waiver: &Waiver, finding: &Finding) -> bool {
    waiver.code.as_ref().is_none_or(|code| *code == finding.code)
        && waiver.target.as_ref().is_none_or(|target| *target == finding.target)
}

fn expired(check: &CheckRecord, waiver: &Waiver) -> Finding {
    let until = waiver.waived.until;
    let message = format!("the waiver by {} ran out on {until}", waiver.waived.by);
    Finding::new(&codes::WAIVER_EXPIRED, check.id.as_str(), message)
        .expected("no waiver, or one that has not run out")
        .actual(format!("until {until}: {}", waiver.waived.reason))
}

fn unused(check: &CheckRecord, waiver: &Waiver) -> Finding {
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

    /// A run of one failed check and one that passed, waived like this.
    fn check(waivers: &[Waiver], decision: Decision, codes: &[&str]) {
        let mut record =
            sample::run(&[(Outcome::Fail, Severity::Blocker), (Outcome::Pass, Severity::Blocker)]);
        let failed = &mut record.steps[0].checks[0];
        failed.findings.push(Finding::new(&codes::EXPECT, "t", "wrong"));
        waive(failed, waivers, "2026-11-20T12:00:00Z".parse().expect("an instant"));
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
}
