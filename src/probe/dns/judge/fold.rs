//! Many findings made few: one silent server is one finding, and thousands of good answers too.

use std::collections::BTreeMap;

use super::super::codes;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;

/// More good answers than this from one server are told as one.
const MANY_GOOD: usize = 20;

/// More findings than this with one code are told by the first ones and a number.
const MANY_BAD: usize = 200;

pub(super) fn fold(findings: Vec<Finding>) -> Vec<Finding> {
    let mut groups: BTreeMap<(String, String), usize> = BTreeMap::new();
    for finding in &findings {
        *groups.entry(key(finding)).or_default() += 1;
    }
    let mut kept: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut folded = Vec::new();
    for finding in findings {
        let key = key(&finding);
        let all = groups.get(&key).copied().unwrap_or_default();
        let seen = kept.entry(key).or_default();
        *seen += 1;
        if let Some(finding) = thin(finding, *seen, all) {
            folded.push(finding);
        }
    }
    folded
}

/// What is alike: the code and the server.
fn key(finding: &Finding) -> (String, String) {
    (format!("{} {}", finding.code, finding.outcome), server(&finding.target).to_owned())
}

fn server(target: &str) -> &str {
    target.split(' ').next().unwrap_or_default()
}

fn thin(finding: Finding, seen: usize, all: usize) -> Option<Finding> {
    let good = matches!(finding.outcome, Outcome::Pass | Outcome::NotApplicable);
    let silent = finding.outcome == Outcome::Unknown && finding.code.starts_with("gonogo.");
    if good && all > MANY_GOOD {
        let word = if finding.code == codes::OK.id { "good answer" } else { "absent record" };
        let first = format!("such as {}: {}", finding.target, finding.message);
        return (seen == 1).then(|| Finding {
            message: format!("{}, {first}", count(all, word)),
            target: server(&finding.target).to_owned(),
            ..finding
        });
    }
    if silent && all > 1 {
        return (seen == 1).then(|| Finding {
            message: format!("{}, and {} more without an answer", finding.message, all - 1),
            target: server(&finding.target).to_owned(),
            ..finding
        });
    }
    if all > MANY_BAD {
        if seen > MANY_BAD {
            return None;
        }
        if seen == MANY_BAD {
            let message = format!("{}; and {} more like this", finding.message, all - seen);
            return Some(Finding { message, ..finding });
        }
    }
    Some(finding)
}
