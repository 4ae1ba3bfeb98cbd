//! Aliases where none may be: at the start of a zone, or beside other records of the same name.

use std::collections::BTreeMap;

use super::super::codes;
use super::super::observation::DnsSeen;
use super::super::param::shown;
use crate::model::finding::Finding;
use crate::net::dns::{Answer, Flag, Type};

/// What one authority has at one name.
#[derive(Default)]
struct Held<'a> {
    /// What the name is an alias of.
    alias: Option<&'a str>,
    /// The other types it has.
    others: Vec<Type>,
}

pub(super) fn judge(seen: &DnsSeen, findings: &mut Vec<Finding>) {
    for ((name, server), held) in held(seen) {
        let Some(to) = held.alias else { continue };
        let mut beside: Vec<String> = held.others.iter().map(ToString::to_string).collect();
        if seen.zones.iter().any(|zone| zone.zone == name) {
            beside.push("SOA and NS, as the start of a zone".to_owned());
        }
        if beside.is_empty() {
            continue;
        }
        let message = format!("an alias of {to}, but it also has {}", beside.join(", "));
        findings.push(
            Finding::new(&codes::CNAME_BESIDE_DATA, format!("{server} {name}"), message)
                .expected("a CNAME alone, or other records")
                .actual(format!("CNAME {to}")),
        );
    }
}

fn held(seen: &DnsSeen) -> BTreeMap<(&str, &str), Held<'_>> {
    let mut all: BTreeMap<(&str, &str), Held<'_>> = BTreeMap::new();
    for question in seen.questions.iter().filter(|question| question.region.is_none()) {
        for told in &question.authorities {
            let Some(answer) = told.answer.seen().filter(|answer| answer.has(Flag::Aa)) else {
                continue;
            };
            let held = all.entry((&question.name, &told.server)).or_default();
            match alias(&question.name, question.kind, answer) {
                Some(to) => held.alias = Some(to),
                None if answer.is_positive() => held.others.push(question.kind),
                None => {}
            }
        }
    }
    all
}

/// What an answer says the name is an alias of.
fn alias<'a>(name: &str, kind: Type, answer: &'a Answer) -> Option<&'a str> {
    if kind == Type::Cname {
        return answer.records.first().map(String::as_str);
    }
    let link = answer.chain.first()?;
    shown(&link.name).eq_ignore_ascii_case(name).then_some(link.to.as_str())
}
