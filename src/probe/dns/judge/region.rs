//! What clients of other networks are answered.

use super::super::codes;
use super::super::observation::{DnsSeen, QuestionSeen};
use super::{Truth, answer, comparable, shown, target, zone};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::net::dns::{Answer, Flag, Rcode};

/// Who gave the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Teller {
    Authority,
    Resolver,
}

pub(super) fn judge(
    seen: &DnsSeen,
    question: &QuestionSeen,
    truth: &Truth,
    findings: &mut Vec<Finding>,
) {
    let before = findings.len();
    zone::judge_servers(question, findings);
    for told in &question.authorities {
        if let Some(answer) = told.answer.seen().filter(|answer| answer.has(Flag::Aa)) {
            let target = target(&told.server, question);
            findings.push(judge_answer(question, truth, answer, target, Teller::Authority));
        }
    }
    for told in &question.resolvers {
        let target = target(&told.server, question);
        findings.push(match (told.cold.seen(), told.cold.fault()) {
            (Some(answer), _) => match failure(seen, &told.server, answer, &target) {
                Some(finding) => finding,
                None => judge_answer(question, truth, answer, target, Teller::Resolver),
            },
            (None, Some(fault)) => Finding::fault(target, fault),
            (None, None) => continue,
        });
    }
    if findings.len() == before {
        let message = "nobody was found to ask on behalf of this network";
        findings.push(Finding::new(&codes::SUBNET_IGNORED, target("authority", question), message));
    }
}

/// That a resolver answers nothing at all. One that says no only to a question with a client's
/// network in it answers its clients, and does not pass the network on.
fn failure(seen: &DnsSeen, server: &str, answer: &Answer, target: &str) -> Option<Finding> {
    let plain = seen.questions.iter().filter(|question| question.region.is_none());
    let answers = plain
        .flat_map(|question| &question.resolvers)
        .filter(|told| told.server == server)
        .filter_map(|told| told.cold.seen())
        .any(|answer| matches!(answer.rcode, Rcode::NOERROR | Rcode::NXDOMAIN));
    let says_no = matches!(answer.rcode, Rcode::REFUSED | Rcode::FORMERR | Rcode::NOTIMP);
    if says_no && answers { None } else { answer::failure(answer, target) }
}

fn judge_answer(
    question: &QuestionSeen,
    truth: &Truth,
    answer: &Answer,
    target: String,
    teller: Teller,
) -> Finding {
    let right = truth.expected.as_ref() == Some(&comparable(question.kind, &answer.records))
        && matches!(answer.rcode, Rcode::NOERROR | Rcode::NXDOMAIN);
    let said = match answer.rcode {
        Rcode::NOERROR => shown(&answer.records),
        other => other.to_string(),
    };
    match (answer.scope, teller) {
        (Some(scope), Teller::Authority) if right => {
            let message = format!("{said}, for its network of {scope} bits");
            Finding::new(&codes::OK, target, message)
        }
        (Some(scope @ 1..), Teller::Resolver) if right => {
            let message = format!("{said}, kept for its network of {scope} bits");
            Finding::new(&codes::OK, target, message)
        }
        (Some(_), Teller::Authority) | (Some(1..), Teller::Resolver) => {
            Finding::new(&codes::WRONG_REGION, target, format!("clients there get {said}"))
                .expected(truth.written.clone())
                .actual(said)
        }
        (None, Teller::Authority) if right => Finding::new(&codes::OK, target, said),
        (None, Teller::Authority) => {
            let message = format!("it takes no notice of the client's network and says {said}");
            Finding::new(&codes::SUBNET_IGNORED, target, message)
                .expected(truth.written.clone())
                .actual(said)
        }
        // What it says is for its own place, and says nothing about another.
        (None | Some(0), Teller::Resolver) => {
            let message =
                format!("it does not pass the client's network on; from here it says {said}");
            Finding::new(&codes::SUBNET_IGNORED, target, message)
                .with_outcome(Outcome::NotApplicable)
        }
    }
}
