//! Kind `roster`: is every role of the launch filled, reachable, and backed up?

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::manual::is_same_person;
use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::people::{People, Role};
use crate::model::text::{count, one_line};

/// Looks at the list's own `people:` and asks of each role who stands for it, how to reach them, and
/// who is asked when they do not answer. Nobody is called: that a number is right is for people to
/// try, with a `manual` check.
///
/// ```yaml
/// roster:
///   roles: [release, recovery, communications]
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// The roles that must be filled, such as `[release, recovery, communications]`.
    #[schemars(length(min = 1))]
    pub roles: Vec<String>,
}

/// The people found.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// The roles of the list's `people:`.
    pub people: People,
}

static OK: Code = Code {
    id: "roster.ok",
    summary: "the role is filled, reachable and backed up",
    doc: "The list names a person for the role, how to reach them, and a backup who can be reached.",
    default: Outcome::Pass,
};
static MISSING: Code = Code {
    id: "roster.role-missing",
    summary: "nobody stands for the role",
    doc: "The launch needs this role and the list's `people:` has nobody for it. When something breaks, \
          people would be looking for each other first.\n\nName somebody under `people:`.",
    default: Outcome::Fail,
};
static CONTACT: Code = Code {
    id: "roster.no-contact",
    summary: "a person of the role cannot be reached",
    doc: "There is a name but no telephone number, mail address, link or handle, so nobody can reach \
          them at 03:00.\n\nAdd a `contact:`.",
    default: Outcome::Fail,
};
static BACKUP: Code = Code {
    id: "roster.no-backup",
    summary: "the role has no backup",
    doc: "If this one person does not answer, nobody does. Many incidents have begun with an on-call \
          who slept through the page.\n\nName a second person under `backup:`, and not the same one.",
    default: Outcome::Fail,
};

impl Probe for Roster {
    const KIND: &'static str = "roster";
    const SUMMARY: &'static str = "Is every role of the launch filled, reachable, and backed up?";
    const CODES: &'static [&'static Code] = &[&OK, &MISSING, &CONTACT, &BACKUP];
    const TARGET: Target = Target::List("roles");
    type Observation = Observation;

    fn complaints(&self) -> Vec<Complaint> {
        if !self.roles.is_empty() && self.roles.iter().all(|role| !role.trim().is_empty()) {
            return Vec::new();
        }
        vec![Complaint {
            key: Some("roles"),
            message: "no role is named, so nothing would be checked".to_owned(),
            help: Some("name the roles: [release, recovery, communications]".to_owned()),
        }]
    }

    fn peers(&self) -> Vec<Peer> {
        Vec::new()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Observation, Fault> {
        Ok(Observation { people: People::clone(&cx.people) })
    }

    fn judge(&self, seen: &Observation, _: &JudgeCx) -> Vec<Finding> {
        self.roles
            .iter()
            .flat_map(|name| {
                seen.people.get(name).map_or_else(|| nobody(name), |role| judge_role(name, role))
            })
            .collect()
    }

    fn summary(&self, seen: &Observation, _: &JudgeCx) -> String {
        let people: BTreeSet<&str> = self
            .roles
            .iter()
            .filter_map(|role| seen.people.get(role))
            .flat_map(|role| {
                [Some(role.name.as_str()), role.backup.as_ref().map(|p| p.name.as_str())]
            })
            .flatten()
            .collect();
        let roles = count(self.roles.len(), "role");
        format!(
            "{roles} filled and backed up by {}",
            count(people.len(), "person").replace("persons", "people")
        )
    }

    fn reproduce(&self, _: Option<&Observation>) -> Vec<String> {
        Vec::new()
    }
}

fn nobody(name: &str) -> Vec<Finding> {
    let message = format!("nobody stands for {}", one_line(name));
    vec![Finding::new(&MISSING, name, message).expected("a person under `people:`")]
}

fn judge_role(name: &str, role: &Role) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut unreachable = |person: &str, contact: Option<&str>| {
        let message = format!("{} cannot be reached", one_line(person));
        findings.push(
            Finding::new(&CONTACT, name, message)
                .expected("a telephone number, a mail address, a link or a handle")
                .actual(contact.map_or_else(|| "nothing".to_owned(), one_line)),
        );
    };
    if !reachable(role.contact.as_deref()) {
        unreachable(&role.name, role.contact.as_deref());
    }
    match &role.backup {
        Some(backup) if !reachable(backup.contact.as_deref()) => {
            unreachable(&backup.name, backup.contact.as_deref());
        }
        Some(backup) if is_same_person(&backup.name, &role.name) => {
            let message = format!("{} is backed up by themselves", one_line(&role.name));
            findings.push(Finding::new(&BACKUP, name, message).expected("another person"));
        }
        Some(_) => {}
        None => {
            let message = format!("{} has no backup", one_line(&role.name));
            findings.push(
                Finding::new(&BACKUP, name, message).expected("a second person").actual("nobody"),
            );
        }
    }
    if findings.is_empty() {
        let backup = role.backup.as_ref().map_or("", |backup| backup.name.as_str());
        let message = format!("{}, backed up by {}", one_line(&role.name), one_line(backup));
        findings.push(Finding::new(&OK, name, message));
    }
    findings
}

/// Whether a contact is one: digits of a telephone number, a mail address, a link or a handle.
fn reachable(contact: Option<&str>) -> bool {
    let Some(contact) = contact.map(str::trim) else { return false };
    let digits = contact.chars().filter(char::is_ascii_digit).count();
    digits >= 3 || contact.contains(['@', '#']) || contact.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(people: &str, codes: &[&str]) -> Vec<Finding> {
        let roster = Roster { roles: vec!["release".into()] };
        let people: People = serde_json::from_str(people).expect("people");
        let now = "2026-11-20T12:00:00Z".parse().expect("an instant");
        let window = crate::model::time::Window { from: now, to: now };
        let findings = roster.judge(&Observation { people }, &JudgeCx { now, launch: now, window });
        let found: Vec<&str> = findings.iter().map(|f| f.code.as_str()).collect();
        assert_eq!(found, codes);
        findings
    }

    #[test]
    fn a_role_is_filled_reachable_and_backed_up() {
        let alone = ["roster.no-contact", "roster.no-backup"];
        check("{}", &["roster.role-missing"]);
        let none = check(r#"{"release": {"name": "Ann"}}"#, &alone);
        assert_eq!(none[0].actual.as_deref(), Some("nothing"));
        let soon = check(r#"{"release": {"name": "Ann", "contact": "soon"}}"#, &alone);
        assert_eq!(soon[0].message, "Ann cannot be reached");
        assert_eq!(soon[0].actual.as_deref(), Some("soon"));
        let ann = |backup: &str| {
            format!(
                r#"{{"release": {{"name": "Ann", "contact": "+49 30 1", "backup": {backup}}}}}"#
            )
        };
        check(&ann(r#"{"name": "Bob"}"#), &["roster.no-contact"]);
        check(&ann(r#"{"name": " ann", "contact": "@ann"}"#), &["roster.no-backup"]);
        check(&ann(r#"{"name": "Bob", "contact": "bob@example.com"}"#), &["roster.ok"]);
    }
}
