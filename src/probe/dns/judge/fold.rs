//! Many findings made few: one silent server is one finding, and thousands of good answers too.

use std::collections::HashMap;

use super::super::codes;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;

/// More good answers than this from one server are told as one.
const MANY_GOOD: usize = 20;

/// More findings than this with one code are told by the first ones and a number.
const MANY_BAD: usize = 200;

pub(super) fn fold(findings: Vec<Finding>) -> Vec<Finding> {
    // For each finding the number of its kind so far, and for each kind how many there are.
    let mut kinds: HashMap<Kind<'_>, usize> = HashMap::new();
    let mut numbers = Vec::with_capacity(findings.len());
    let mut all = Vec::new();
    for finding in &findings {
        let next = all.len();
        let kind = *kinds.entry(kind(finding)).or_insert(next);
        if kind == next {
            all.push(0);
        }
        all[kind] += 1;
        numbers.push((kind, all[kind]));
    }
    findings
        .into_iter()
        .zip(numbers)
        .filter_map(|(finding, (kind, number))| thin(finding, number, all[kind]))
        .collect()
}

/// What is alike: the code, the outcome and the server.
type Kind<'a> = (&'a str, Outcome, &'a str);

fn kind(finding: &Finding) -> Kind<'_> {
    (&finding.code, finding.outcome, server(&finding.target))
}

fn server(target: &str) -> &str {
    target.split(' ').next().unwrap_or_default()
}

fn thin(finding: Finding, seen: usize, all: usize) -> Option<Finding> {
    let good = matches!(finding.outcome, Outcome::Pass | Outcome::NotApplicable);
    let silent = finding.outcome == Outcome::Unknown && finding.code.starts_with("gonogo.");
    if good && all > MANY_GOOD {
        let word = match &finding.code {
            code if code == codes::OK.id => "good answer",
            code if code == codes::NO_DATA.id => "absent record",
            _ => "answer",
        };
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
