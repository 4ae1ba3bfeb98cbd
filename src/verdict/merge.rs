//! One record out of several runs of one list: shards that shared the work, vantage points that
//! looked from several places, or both.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use thiserror::Error;

use super::{decide_as_read, quorum};
use crate::model::code::engine as codes;
use crate::model::finding::Finding;
use crate::model::hash::sha256;
use crate::model::id::RunId;
use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, Header, RunRecord, SkipReason};
use crate::model::text::one_line;
use crate::model::vantage::Part;

/// What a group of shards without a name of its own is called beside others.
const UNNAMED: &str = "unnamed";

/// A record to be merged.
#[derive(Debug, Clone)]
pub struct Given {
    /// What the person who merges calls it: its file.
    pub name: String,
    /// SHA-256 of the record as `-o json` writes it, in hexadecimal.
    pub sha256: String,
    /// The record.
    pub record: RunRecord,
}

/// Why records cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MergeError {
    /// There is none.
    #[error("there is nothing to merge")]
    Nothing,
    /// They are not of one list, or not of one look at it.
    #[error("{first} and {second} cannot be merged: {what}")]
    Different {
        /// The first record's name.
        first: String,
        /// The other's.
        second: String,
        /// What differs, and what to do about it.
        what: String,
    },
    /// Both say the same part of the same thing.
    #[error("{first} and {second} are both {what}; give one of them")]
    Twice {
        /// The first record's name.
        first: String,
        /// The other's.
        second: String,
        /// What both are.
        what: String,
    },
    /// A record that holds vantage points already.
    #[error("{name} was merged from vantage points; give the records it was made from")]
    Merged {
        /// The record's name.
        name: String,
    },
    /// What a record says of its shard cannot be.
    #[error("{name} says it is shard `{shard}`, which is no part of a list")]
    Shard {
        /// The record's name.
        name: String,
        /// As the record has it.
        shard: String,
    },
}

/// Merges records: first the shards of each vantage point, then the vantage points. The same records
/// give the same record.
///
/// # Errors
/// When the records are not of one list, or two of them are the same part of it.
pub fn merge(given: Vec<Given>) -> Result<RunRecord, MergeError> {
    same_list(&given)?;
    let run = name_of(&given);
    let mut groups: Vec<(Option<String>, Vec<Given>)> = Vec::new();
    for one in given {
        let place = place(&one.record.header);
        match groups.iter_mut().find(|(known, _)| *known == place) {
            Some((_, group)) => group.push(one),
            None => groups.push((place, vec![one])),
        }
    }
    let several = groups.len() > 1;
    let mut wholes = Vec::new();
    for (place, group) in groups {
        let place = if several { place.or_else(|| Some(UNNAMED.to_owned())) } else { place };
        wholes.push((place.clone(), shards(&group, place.as_deref().filter(|_| several))?));
    }
    let mut merged = if several { vantages(wholes) } else { wholes.swap_remove(0).1 };
    merged.header.run = run;
    merged.counts = merged.count();
    merged.verdict = decide_as_read(&merged);
    Ok(merged)
}

/// Where a run looked from. Shards of one look may run on several machines; whole runs on two
/// machines are two looks.
fn place(header: &Header) -> Option<String> {
    let host = || header.host.clone().filter(|_| header.shard.is_none());
    header.vantage.clone().or_else(host)
}

/// The merged run's name: the time of its first run and a sum of all their names, so that merging
/// the same records again gives the same name.
fn name_of(given: &[Given]) -> RunId {
    let mut runs: Vec<RunId> = given.iter().map(|one| one.record.header.run).collect();
    runs.sort();
    let names: Vec<u8> = runs.iter().flat_map(|run| *run.0.as_bytes()).collect();
    let started = given.iter().map(|one| one.record.header.started).min();
    let millis = started.map_or(0, |at| u64::try_from(at.as_millisecond()).unwrap_or(0));
    let mut random = [0; 10];
    random.copy_from_slice(&sha256(&names)[..10]);
    RunId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// Refuses what is not one list, looked at in one way.
fn same_list(given: &[Given]) -> Result<(), MergeError> {
    let Some((first, rest)) = given.split_first() else { return Err(MergeError::Nothing) };
    for one in given {
        if one.record.checks().any(|check| !check.sightings.is_empty()) {
            return Err(MergeError::Merged { name: one.name.clone() });
        }
    }
    for (n, one) in rest.iter().enumerate() {
        let (a, b) = (&first.record.header, &one.record.header);
        let pair = |what: String| MergeError::Different {
            first: first.name.clone(),
            second: one.name.clone(),
            what,
        };
        if a.name != b.name || a.checklist.sha256 != b.checklist.sha256 {
            let (a, b) = (one_line(&a.name), one_line(&b.name));
            let what = if a == b {
                format!("the checklist of {a} was changed between them (its SHA-256 differs)")
            } else {
                format!("they are of different lists, {a} and {b}")
            };
            return Err(pair(what));
        }
        if a.phase != b.phase {
            let (a, b) = (one_line(&a.phase), one_line(&b.phase));
            return Err(pair(format!(
                "one is of phase {a}, the other of {b}; run all of them with the same --phase"
            )));
        }
        if a.launch != b.launch || a.strict != b.strict {
            let what = if a.launch == b.launch { "--strict" } else { "the launch" };
            return Err(pair(format!("{what} is not the same for both")));
        }
        if !first.record.checks().map(|c| &c.id).eq(one.record.checks().map(|c| &c.id)) {
            return Err(pair("they do not have the same checks".to_owned()));
        }
        if let Some(twin) = given[..=n].iter().find(|known| known.record.header.run == b.run) {
            return Err(MergeError::Twice {
                first: twin.name.clone(),
                second: one.name.clone(),
                what: format!("run {}", b.run),
            });
        }
    }
    Ok(())
}

/// What part of the list a record is; the whole is 1 of 1.
fn part_of(one: &Given) -> Result<(usize, usize), MergeError> {
    let Some(shard) = &one.record.header.shard else { return Ok((1, 1)) };
    let parts = shard.split_once('/').and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
    parts
        .filter(|(n, of)| (1..=*of).contains(n))
        .ok_or_else(|| MergeError::Shard { name: one.name.clone(), shard: one_line(shard) })
}

/// One record out of the shards of one look; `place` names it where there are others.
fn shards(group: &[Given], place: Option<&str>) -> Result<RunRecord, MergeError> {
    let (mut known, mut of): (BTreeMap<usize, String>, Option<(usize, String)>) =
        (BTreeMap::new(), None);
    for one in group {
        let (n, total) = part_of(one)?;
        let (first_total, first) = of.get_or_insert((total, one.name.clone()));
        if *first_total != total {
            return Err(MergeError::Different {
                first: first.clone(),
                second: one.name.clone(),
                what: format!("they are parts of {first_total} and of {total}"),
            });
        }
        if let Some(first) = known.insert(n, one.name.clone()) {
            let what = match (&one.record.header.shard, place) {
                (Some(shard), _) => format!("shard {}", one_line(shard)),
                (None, Some(place)) => format!("the whole list seen from {}", one_line(place)),
                (None, None) => "the whole list, seen from the same place (--vantage NAME tells \
                                 places apart)"
                    .to_owned(),
            };
            return Err(MergeError::Twice { first, second: one.name.clone(), what });
        }
    }
    let of = of.map_or(1, |(of, _)| of);
    let missing: Vec<String> = (1..=of)
        .filter(|n| !known.contains_key(n))
        .map(|n| match place {
            Some(place) => format!("{n}/{of} from {place}"),
            None => format!("{n}/{of}"),
        })
        .collect();
    let records: Vec<RunRecord> = group.iter().map(|one| one.record.clone()).collect();
    let mut whole = frame(&records);
    whole.header.merged = group.iter().flat_map(|one| parts(one, place)).collect();
    whole.header.missing.extend(missing);
    whole.header.vars = variables(&records, &[]);
    each_check(&mut whole, |n| {
        let looks: Vec<&CheckRecord> = records.iter().filter_map(|r| r.checks().nth(n)).collect();
        Some(of_shards(&looks))
    });
    Ok(whole)
}

/// The runs behind a record that is to be merged.
fn parts(one: &Given, place: Option<&str>) -> Vec<Part> {
    let header = &one.record.header;
    let vantage = header.vantage.clone().or_else(|| place.map(str::to_owned));
    if !header.merged.is_empty() {
        let with_place = |part: &Part| Part { vantage: vantage.clone(), ..part.clone() };
        return header.merged.iter().map(with_place).collect();
    }
    vec![Part {
        run: header.run,
        vantage,
        shard: header.shard.clone(),
        host: header.host.clone(),
        operator: header.operator.clone(),
        started: header.started,
        finished: one.record.finished,
        decision: one.record.verdict.decision,
        record_sha256: one.sha256.clone(),
    }]
}

/// What is common to several runs of one list, with the checks of the first.
fn frame(records: &[RunRecord]) -> RunRecord {
    let mut whole = records[0].clone();
    let headers = || records.iter().map(|record| &record.header);
    let finished: Option<Vec<_>> = records.iter().map(|record| record.finished).collect();
    whole.finished = finished.and_then(|all| all.into_iter().max());
    whole.stopped = records.iter().find_map(|record| record.stopped);
    let header = &mut whole.header;
    header.started = headers().map(|h| h.started).min().unwrap_or(header.started);
    header.apply = headers().any(|h| h.apply);
    header.shard = None;
    header.resumes = None;
    header.missing = headers().flat_map(|h| h.missing.clone()).collect();
    header.host = joined(headers().map(|h| h.host.as_deref()));
    header.operator = joined(headers().map(|h| h.operator.as_deref()));
    whole
}

/// Names, each once.
fn joined<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let mut known: Vec<&str> = Vec::new();
    for name in names.flatten() {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    (!known.is_empty()).then(|| known.join(", "))
}

/// The variables; one that differs from place to place has a value for each.
fn variables(records: &[RunRecord], places: &[String]) -> BTreeMap<String, Value> {
    let mut vars: BTreeMap<String, Value> = BTreeMap::new();
    for key in records.iter().flat_map(|record| record.header.vars.keys()) {
        let values = || records.iter().map(|record| record.header.vars.get(key));
        let first = values().next().flatten();
        let value = if values().all(|value| value == first) {
            first.cloned().unwrap_or_default()
        } else {
            let label = |n: usize| places.get(n).cloned().unwrap_or_else(|| format!("{}", n + 1));
            values().enumerate().map(|(n, value)| (label(n), json!(value))).collect()
        };
        vars.insert(key.clone(), value);
    }
    vars
}

/// Puts another check in the place of each, by its number in the list.
fn each_check(record: &mut RunRecord, mut make: impl FnMut(usize) -> Option<CheckRecord>) {
    let checks = record.steps.iter_mut().flat_map(|step| &mut step.checks);
    for (n, check) in checks.enumerate() {
        if let Some(made) = make(n) {
            *check = made;
        }
    }
}

/// The check out of the shards' records of it: that of the shard it was dealt to.
fn of_shards(looks: &[&CheckRecord]) -> CheckRecord {
    let reason = |check: &CheckRecord| check.skipped.as_ref().map(|skip| skip.reason);
    let aside = |check: &&&CheckRecord| {
        matches!(
            reason(check),
            Some(SkipReason::Shard | SkipReason::Phase | SkipReason::NotSelected)
        )
    };
    // Of two that looked, which only happens when the shards were dealt differently, the worse one.
    if let Some(looked) = looks.iter().filter(|c| !aside(c)).max_by_key(|check| check.outcome) {
        return (*looked).clone();
    }
    let dealt = looks.iter().any(|check| reason(check) == Some(SkipReason::Shard));
    if !dealt {
        return looks[0].clone();
    }
    let finding = Finding::new(
        &codes::SHARD_MISSING,
        looks[0].id.as_str(),
        "no shard among the merged records has looked at it",
    );
    CheckRecord {
        outcome: Outcome::Unknown,
        summary: finding.message.clone(),
        findings: vec![finding],
        skipped: None,
        ..looks[0].clone()
    }
}

/// One record out of what several vantage points saw.
fn vantages(wholes: Vec<(Option<String>, RunRecord)>) -> RunRecord {
    let (places, records): (Vec<String>, Vec<RunRecord>) = wholes
        .into_iter()
        .map(|(place, record)| (place.unwrap_or_else(|| UNNAMED.to_owned()), record))
        .unzip();
    let mut whole = frame(&records);
    whole.header.vantage = None;
    whole.header.merged = records.iter().flat_map(|r| r.header.merged.clone()).collect();
    whole.header.vars = variables(&records, &places);
    let mut checks: Vec<_> = records.iter().map(RunRecord::checks).collect();
    each_check(&mut whole, |_| {
        let seen = checks.iter_mut().zip(&places);
        quorum::together(
            seen.filter_map(|(checks, place)| Some((place.clone(), checks.next()?.clone())))
                .collect(),
        )
    });
    whole
}
