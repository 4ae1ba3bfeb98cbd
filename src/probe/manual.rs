//! Kind `manual`: a question that only people can answer, and their signatures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Complaint, JudgeCx, Probe, ProbeCx, SignOff, Target};
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::text::{count, one_line};
use crate::model::time::Span;

/// Asks people something that no probe can see, and is pending until enough of them have signed.
///
/// ```yaml
/// manual:
///   ask: Was the rollback rehearsed in under five minutes?
///   signers: 2
///   roles: [release, recovery]
///   valid_for: 48h
/// ```
///
/// Signatures live in a file beside the checklist, `launch.signoffs.yaml` beside `launch.yaml`, so
/// that they are reviewed and versioned with it. A signature is bound to the item as it stood: when
/// the question or its parameters change, it has to be signed again.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// The question, so that "yes" means all is well: `Rollback drill done in under 5 minutes?`
    pub ask: String,
    /// How many different people must sign; 1 by default.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    pub signers: usize,
    /// How long a signature counts; without it, until the item changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_for: Option<Span>,
    /// The roles that must sign, each by somebody; such as `[release, recovery]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

fn one() -> usize {
    1
}

/// The most people whose signature an item asks for.
const MOST_SIGNERS: usize = 20;

/// The signatures found.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// SHA-256 of the item as it stands now.
    pub item_sha256: String,
    /// Every signature under this item's id, older ones included.
    pub signoffs: Vec<SignOff>,
}

static OK: Code = Code {
    id: "manual.signed",
    summary: "enough people have signed",
    doc: "As many different people as the item asks for have signed it as it stands, and their \
          signatures have not run out.",
    default: Outcome::Pass,
};
static UNSIGNED: Code = Code {
    id: "manual.unsigned",
    summary: "the item waits for signatures",
    doc: "The item asks people something, and not enough of them have answered.\n\nThis holds the \
          launch, as an unanswered question should. Whoever can answer for it signs: `gonogo sign \
          CHECKLIST ID --by NAME` adds a signature to the file of sign-offs beside the list.",
    default: Outcome::Pending,
};
static CHANGED: Code = Code {
    id: "manual.changed",
    summary: "the item has changed since it was signed",
    doc: "Somebody signed this item, but its question or parameters have changed since, so the \
          signature is for something else.\n\nRead the item again and sign it again.",
    default: Outcome::Pending,
};
static EXPIRED: Code = Code {
    id: "manual.expired",
    summary: "a signature has run out",
    doc: "The item was signed longer ago than its `valid_for`, so the answer may no longer be true.\n\n\
          Answer the question again, and sign again.",
    default: Outcome::Pending,
};
static ROLE: Code = Code {
    id: "manual.role-missing",
    summary: "a role has not signed",
    doc: "Enough people have signed, but nobody for one of the `roles` the item names.\n\nHave \
          somebody of that role sign, with `--role ROLE`.",
    default: Outcome::Pending,
};

impl Probe for Manual {
    const KIND: &'static str = "manual";
    const SUMMARY: &'static str = "Have the people who must answer for this signed it?";
    const CODES: &'static [&'static Code] = &[&OK, &UNSIGNED, &CHANGED, &EXPIRED, &ROLE];
    const TARGET: Target = Target::One("ask");
    type Observation = Observation;

    fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let mut complain = |key, message: &str| {
            complaints.push(Complaint { key: Some(key), message: message.to_owned(), help: None });
        };
        if self.ask.trim().is_empty() {
            complain("ask", "the question is empty, so a signature would say nothing");
        }
        if self.signers == 0 {
            complain("signers", "at least one person has to sign");
        }
        if self.signers > MOST_SIGNERS {
            complain("signers", "more than 20 people are never asked to sign");
        }
        complaints
    }

    fn peers(&self) -> Vec<Peer> {
        Vec::new()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Observation, Fault> {
        let mine = cx.signoffs.iter().filter(|signoff| signoff.item == cx.id.as_str());
        Ok(Observation { item_sha256: cx.item.clone(), signoffs: mine.cloned().collect() })
    }

    fn judge(&self, seen: &Observation, cx: &JudgeCx) -> Vec<Finding> {
        let (current, changed): (Vec<_>, Vec<_>) =
            seen.signoffs.iter().partition(|signoff| signoff.sha256 == seen.item_sha256);
        let (good, expired): (Vec<_>, Vec<_>) =
            current.into_iter().partition(|s| self.counts(s, cx));
        let people = signers(&good);
        if people.len() < self.signers {
            let missing = self.signers - people.len();
            let (code, why) = if !expired.is_empty() {
                let past = expired.iter().any(|signoff| signoff.at <= cx.now);
                let why = "; an earlier signature has run out";
                (&EXPIRED, if past { why } else { "; a signature is dated in the future" })
            } else if !changed.is_empty() {
                (&CHANGED, "; it was signed before it changed")
            } else {
                (&UNSIGNED, "")
            };
            let message =
                format!("waits for {}: {}{why}", count(missing, "signature"), one_line(&self.ask));
            let finding = Finding::new(code, "sign-off", message)
                .expected(format!("{} by different people", count(self.signers, "signature")))
                .actual(if people.is_empty() { "none".to_owned() } else { people.join(", ") });
            return vec![finding];
        }
        let lacking: Vec<&String> = self
            .roles
            .iter()
            .filter(|role| !good.iter().any(|s| s.role.as_ref() == Some(*role)))
            .collect();
        if !lacking.is_empty() {
            let finding = |role: &&String| {
                Finding::new(
                    &ROLE,
                    role.as_str(),
                    format!("nobody has signed as {}", one_line(role)),
                )
                .expected(format!("a signature as {role}"))
                .actual(people.join(", "))
            };
            return lacking.iter().map(finding).collect();
        }
        vec![Finding::new(&OK, "sign-off", format!("signed by {}", people.join(", ")))]
    }

    fn summary(&self, seen: &Observation, cx: &JudgeCx) -> String {
        let good: Vec<&SignOff> = seen
            .signoffs
            .iter()
            .filter(|s| s.sha256 == seen.item_sha256 && self.counts(s, cx))
            .collect();
        format!("signed by {}", signers(&good).join(", "))
    }

    fn reproduce(&self, _: Option<&Observation>) -> Vec<String> {
        Vec::new()
    }
}

impl Manual {
    /// Whether a signature of the current item counts now: not from the future, not run out.
    fn counts(&self, signoff: &SignOff, cx: &JudgeCx) -> bool {
        let age = cx.now.duration_since(signoff.at);
        let young = self.valid_for.is_none_or(|valid| age <= valid.signed());
        young && age >= -jiff::SignedDuration::from_mins(5)
    }
}

/// The different people behind some signatures, in the order they signed.
fn signers(signoffs: &[&SignOff]) -> Vec<String> {
    let mut people: Vec<String> = Vec::new();
    for signoff in signoffs {
        let name = one_line(signoff.by.trim());
        if !name.is_empty() && !people.iter().any(|known| is_same_person(known, &name)) {
            people.push(name);
        }
    }
    people
}

/// Whether two names are one person's: case and blanks do not tell people apart.
pub(super) fn is_same_person(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(by: &str, sha256: &str, at: &str) -> SignOff {
        let at = at.parse().expect("an instant");
        SignOff {
            item: "i".into(),
            sha256: sha256.into(),
            by: by.into(),
            at,
            role: None,
            note: None,
        }
    }

    fn check(signers: usize, signoffs: Vec<SignOff>, code: &str) {
        let manual = Manual {
            ask: "done?".into(),
            signers,
            valid_for: Some(Span::from_secs(86_400)),
            roles: Vec::new(),
        };
        let now = "2026-11-20T12:00:00Z".parse().expect("an instant");
        let window = crate::model::time::Window { from: now, to: now };
        let seen = Observation { item_sha256: "aa".into(), signoffs };
        let findings = manual.judge(&seen, &JudgeCx { now, launch: now, window });
        let codes: Vec<&str> = findings.iter().map(|f| f.code.as_str()).collect();
        assert_eq!(codes, [code]);
    }

    #[test]
    fn signatures_are_counted_by_person_item_and_age() {
        let at = "2026-11-20T11:00:00Z";
        check(1, vec![], "manual.unsigned");
        check(1, vec![signed("ann", "aa", at)], "manual.signed");
        check(2, vec![signed("ann", "aa", at), signed("Ann ", "aa", at)], "manual.unsigned");
        check(
            2,
            vec![signed("Ángela  D", "aa", at), signed("ángela d", "aa", at)],
            "manual.unsigned",
        );
        check(2, vec![signed("ann", "aa", at), signed("bob", "aa", at)], "manual.signed");
        check(1, vec![signed("ann", "bb", at)], "manual.changed");
        check(1, vec![signed("ann", "aa", "2026-11-19T11:00:00Z")], "manual.expired");
        check(1, vec![signed("ann", "aa", "2026-11-21T11:00:00Z")], "manual.expired");
        check(1, vec![signed("  ", "aa", at)], "manual.unsigned");
    }

    #[test]
    fn a_signature_from_the_future_has_not_run_out() {
        let manual: Manual = serde_json::from_str(r#"{"ask": "done?"}"#).expect("good");
        let now = "2026-11-20T12:00:00Z".parse().expect("an instant");
        let window = crate::model::time::Window { from: now, to: now };
        let signoffs = vec![signed("ann", "aa", "2026-11-21T11:00:00Z")];
        let seen = Observation { item_sha256: "aa".into(), signoffs };
        let findings = manual.judge(&seen, &JudgeCx { now, launch: now, window });
        let message = &findings[0].message;
        assert!(message.ends_with("a signature is dated in the future"), "{message}");
    }

    #[test]
    fn a_question_and_a_sane_number_of_signers_are_asked_for() {
        for (manual, keys) in [
            (r#"{"ask": "done?", "signers": 20}"#, vec![]),
            (r#"{"ask": "done?", "signers": 21}"#, vec!["signers"]),
            (r#"{"ask": " ", "signers": 0}"#, vec!["ask", "signers"]),
        ] {
            let manual: Manual = serde_json::from_str(manual).expect("readable");
            let found: Vec<_> = manual.complaints().iter().filter_map(|it| it.key).collect();
            assert_eq!(found, keys);
        }
    }

    #[test]
    fn every_role_must_sign() {
        let mut ann = signed("ann", "aa", "2026-11-20T11:00:00Z");
        ann.role = Some("release".into());
        let manual = Manual {
            ask: "x".into(),
            signers: 1,
            valid_for: None,
            roles: vec!["release".into(), "recovery".into()],
        };
        let now = "2026-11-20T12:00:00Z".parse().expect("an instant");
        let window = crate::model::time::Window { from: now, to: now };
        let seen = Observation { item_sha256: "aa".into(), signoffs: vec![ann] };
        let findings = manual.judge(&seen, &JudgeCx { now, launch: now, window });
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].code.as_str(), findings[0].target.as_str()),
            ("manual.role-missing", "recovery")
        );
    }
}
