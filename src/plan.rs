//! The plan: which checks of a list are looked at now, which are not and why, and whom they contact.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{Timestamp, Zoned};
use serde_json::Value;
use thiserror::Error;

use crate::checklist::raw::RawWaiver;
use crate::checklist::{Check, Checklist};
use crate::model::id::CheckId;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::record::{CheckRecord, Skip, SkipReason, Waived, Waiver};
use crate::model::text::did_you_mean;
use crate::model::time::{Offset, Phase, Window};
use crate::probe::{AnyProbe, Earlier};

/// What the command line selects.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Ids or globs of ids; empty for all.
    pub ids: Vec<String>,
    /// Labels, any of which a check must have; empty for all.
    pub tags: Vec<String>,
    /// Ids or globs of ids to leave out.
    pub skip: Vec<String>,
    /// The phase.
    pub phase: PhaseChoice,
    /// Whether what the selected checks need is selected with them.
    pub with_needs: bool,
    /// This machine's part of the list.
    pub shard: Option<Shard>,
    /// Only these, when a recorded run says so.
    pub only: Option<HashSet<CheckId>>,
    /// The checks that were right in that run; any other one that is left out was not looked at then.
    pub right_before: HashSet<CheckId>,
    /// Answers taken over from an interrupted run.
    pub carried: HashMap<CheckId, CheckRecord>,
    /// The last recorded look at each check, where that was a pass.
    pub passes: HashMap<CheckId, Pass>,
    /// What recorded runs saw of the checks that audit what was, latest first.
    pub earlier: HashMap<CheckId, Arc<[Earlier]>>,
}

/// One machine's part of a list that several machines run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 1.
    pub part: usize,
    /// How many parts there are.
    pub of: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is no part of a list; write I/N, such as 1/3");
        let (part, of) = text.split_once('/').ok_or_else(bad)?;
        let shard =
            Self { part: part.parse().map_err(|_| bad())?, of: of.parse().map_err(|_| bad())? };
        if (1..=shard.of).contains(&shard.part) { Ok(shard) } else { Err(bad()) }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

/// A recorded pass of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    /// When it was looked at.
    pub at: Timestamp,
    /// The parameters it was looked at with, without secrets; with others it was another check.
    pub parameters: Value,
    /// What was expected of the facts beside, without secrets.
    pub expect: Vec<String>,
    /// Right, or right enough: a warning, which a strict run does not count.
    pub outcome: Outcome,
}

/// Which phase to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PhaseChoice {
    /// The latest that has begun, by the clock and the launch.
    #[default]
    Auto,
    /// Every phase.
    All,
    /// This one.
    One(Phase),
}

impl std::str::FromStr for PhaseChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "all" => Ok(Self::All),
            name => name.parse().map(Self::One).map_err(|_| {
                format!(
                    "`{name}` is no phase; write auto, all, or a phase of the list such as T-24h"
                )
            }),
        }
    }
}

/// Which checks of a list are looked at now.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The list.
    pub checklist: &'a Checklist,
    /// The phase, `all` for every one.
    pub phase: String,
    /// When it was planned.
    pub now: Timestamp,
    /// T-0.
    pub launch: Zoned,
    /// The release window.
    pub window: Window,
    /// For every check of the list in its order, why it is not looked at; `None` when it is.
    pub skips: Vec<Option<Skip>>,
    /// Answers taken over from an interrupted run.
    pub carried: HashMap<CheckId, CheckRecord>,
    /// What recorded runs saw of the checks that audit what was, latest first.
    pub earlier: HashMap<CheckId, Arc<[Earlier]>>,
    /// Patterns of `--skip` that left nothing out.
    pub idle_skips: Vec<String>,
}

/// A selection that selects nothing, or names what is not there. Nothing is run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NothingSelected {
    /// A pattern that matches no check of the list.
    #[error("`{pattern}` matches no check of this list")]
    NoSuchId {
        /// The pattern.
        pattern: String,
        /// What it could have matched.
        help: String,
    },
    /// A tag that no check bears.
    #[error("no check of this list is tagged `{tag}`")]
    NoSuchTag {
        /// The tag.
        tag: String,
        /// What it could have been.
        help: String,
    },
    /// A phase that the list does not have.
    #[error("the list has no phase {phase}")]
    NoSuchPhase {
        /// The phase.
        phase: Phase,
        /// What it could have been.
        help: String,
    },
    /// Everything that was named is left out by something else that was said.
    #[error("nothing is left to check")]
    Nothing {
        /// Why.
        help: String,
    },
}

impl NothingSelected {
    /// What could have been meant.
    #[must_use]
    pub fn help(&self) -> &str {
        match self {
            Self::NoSuchId { help, .. }
            | Self::NoSuchTag { help, .. }
            | Self::NoSuchPhase { help, .. }
            | Self::Nothing { help } => help,
        }
    }
}

/// Plans a list for now.
///
/// # Errors
/// [`NothingSelected`] when nothing would be looked at, or a pattern, tag or phase names nothing:
/// a mistyped id that is silently left out would be a false green.
pub fn plan<'a>(
    checklist: &'a Checklist,
    selection: &Selection,
    now: &Zoned,
) -> Result<Plan<'a>, NothingSelected> {
    known_names(checklist, selection)?;
    let launch = checklist.launch.clone().unwrap_or_else(|| now.clone());
    let phase = phase(checklist, selection, now.timestamp(), launch.timestamp())?;
    let window = window(checklist, launch.timestamp());
    let skips = skips(checklist, selection, phase.as_ref(), now.timestamp());
    if skips.iter().all(Option::is_some) {
        return Err(NothingSelected::Nothing { help: why_nothing(&skips, checklist, selection) });
    }
    let carried = selection.carried.clone();
    let idle = |pattern: &&String| !checklist.checks().any(|check| check.id.matches(pattern));
    let idle_skips = selection.skip.iter().filter(idle).cloned().collect();
    let phase = phase.map_or_else(|| "all".to_owned(), |phase| phase.to_string());
    let earlier = selection.earlier.clone();
    let now = now.timestamp();
    Ok(Plan { checklist, phase, now, launch, window, skips, carried, earlier, idle_skips })
}

/// For every check in list order, why it is not looked at.
fn skips(
    checklist: &Checklist,
    selection: &Selection,
    phase: Option<&Phase>,
    now: Timestamp,
) -> Vec<Option<Skip>> {
    let mut skips: Vec<Option<Skip>> =
        checklist.checks().map(|check| not_selected(check, selection)).collect();
    if selection.with_needs {
        pull_in_needs(checklist, &mut skips);
    }
    // Who names a check wants it looked at, whatever the clock says.
    let by_phase = selection.ids.is_empty() || selection.phase != PhaseChoice::Auto;
    if let Some(phase) = phase.filter(|_| by_phase) {
        for (check, skip) in checklist.checks().zip(&mut skips).filter(|(_, skip)| skip.is_none()) {
            let pass =
                selection.passes.get(&check.id).filter(|pass| is_same(check, pass, checklist));
            *skip = other_phase(check, phase, pass, now);
        }
    }
    if let Some(shard) = selection.shard {
        leave_to_others(checklist, shard, &mut skips);
    }
    skips
}

impl<'a> Plan<'a> {
    /// The plan that looks at nothing, so that even an empty selection has its record: what is left
    /// out says why, as in any other run.
    #[must_use]
    pub fn of_nothing(checklist: &'a Checklist, selection: &Selection, now: &Zoned) -> Self {
        let launch = checklist.launch.clone().unwrap_or_else(|| now.clone());
        let window = window(checklist, launch.timestamp());
        let phase = phase(checklist, selection, now.timestamp(), launch.timestamp());
        let phase = phase.ok().flatten();
        let not_selected = || {
            let text = "not selected".to_owned();
            Some(Skip { reason: SkipReason::NotSelected, cause: None, text })
        };
        let skips = skips(checklist, selection, phase.as_ref(), now.timestamp());
        let skips = skips.into_iter().map(|skip| skip.or_else(not_selected)).collect();
        let idle_skips = Vec::new();
        Self {
            checklist,
            phase: phase.map_or_else(|| "all".to_owned(), |phase| phase.to_string()),
            now: now.timestamp(),
            launch,
            window,
            skips,
            carried: HashMap::new(),
            earlier: HashMap::new(),
            idle_skips,
        }
    }

    /// Every check with why it is not looked at, by step.
    pub fn steps(
        &self,
    ) -> impl Iterator<Item = (&crate::checklist::Step, Vec<(&Check, Option<&Skip>)>)> {
        let mut skips = self.skips.iter();
        self.checklist.steps.iter().map(move |step| {
            let checks =
                step.checks.iter().map(|check| (check, skips.next().and_then(Option::as_ref)));
            (step, checks.collect())
        })
    }

    /// The checks that are looked at.
    pub fn selected(&self) -> impl Iterator<Item = &Check> {
        self.checklist
            .checks()
            .zip(&self.skips)
            .filter(|(_, skip)| skip.is_none())
            .map(|(check, _)| check)
    }

    /// The waivers, their ends counted from the launch.
    #[must_use]
    pub fn waivers(&self) -> Vec<Waiver> {
        let resolve = |raw: &RawWaiver| Waiver {
            check: raw.check.clone(),
            code: raw.code.clone(),
            target: raw.target.clone(),
            waived: Waived {
                by: raw.by.clone(),
                reason: raw.reason.clone(),
                until: raw.until.resolve(self.launch.timestamp()),
            },
        };
        self.checklist.waivers.iter().map(resolve).collect()
    }

    /// Everybody the selected checks will contact, each once.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        let mut peers: Vec<Peer> = self.selected().flat_map(contacts).collect();
        peers.sort();
        peers.dedup();
        peers
    }
}

/// Whom a check will contact, as far as that is known without its secrets: its peers, and the
/// machine's own resolver where one of them is named and the kind does not say who is asked for its
/// addresses.
#[must_use]
pub fn contacts(check: &Check) -> Vec<Peer> {
    let mut peers = check.shown().map(AnyProbe::peers).unwrap_or_default();
    let asked = peers.iter().any(|peer| peer.protocol == "dns");
    if !asked && peers.iter().any(is_named) {
        peers.push(Peer::new("dns", "system"));
    }
    peers
}

/// Whether a peer is a host by its name, which has to be looked up.
fn is_named(peer: &Peer) -> bool {
    let Some((host, port)) = peer.address.rsplit_once(':') else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    !matches!(peer.protocol.as_str(), "exec" | "file")
        && !host.starts_with('/')
        && port.parse::<u16>().is_ok()
        && host.parse::<std::net::IpAddr>().is_err()
        && !host.eq_ignore_ascii_case("localhost")
}

/// The release window as instants; without one, the launch itself.
fn window(checklist: &Checklist, launch: Timestamp) -> Window {
    let (from, to) = checklist.window.unwrap_or((Offset::ZERO, Offset::ZERO));
    Window { from: from.from_launch(launch), to: to.from_launch(launch) }
}

fn known_names(checklist: &Checklist, selection: &Selection) -> Result<(), NothingSelected> {
    let ids: Vec<&str> = checklist.checks().map(|check| check.id.as_str()).collect();
    for pattern in &selection.ids {
        if !checklist.checks().any(|check| check.id.matches(pattern)) {
            let help = meant(pattern, &ids);
            return Err(NothingSelected::NoSuchId { pattern: pattern.clone(), help });
        }
    }
    let mut tags: Vec<&str> =
        checklist.checks().flat_map(|check| &check.tags).map(String::as_str).collect();
    tags.sort_unstable();
    tags.dedup();
    for tag in &selection.tags {
        if !tags.contains(&tag.as_str()) {
            return Err(NothingSelected::NoSuchTag { tag: tag.clone(), help: meant(tag, &tags) });
        }
    }
    Ok(())
}

/// The nearest of some words, or all of them when they are few.
fn meant(word: &str, known: &[&str]) -> String {
    const MANY: usize = 20;
    if let Some(near) = did_you_mean(word, known.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    match known {
        [] => "there are none".to_owned(),
        few if few.len() <= MANY => format!("there are: {}", few.join(", ")),
        many => format!("there are: {}, and {} more", many[..MANY].join(", "), many.len() - MANY),
    }
}

/// The phase that is run; `None` for all.
fn phase(
    checklist: &Checklist,
    selection: &Selection,
    now: Timestamp,
    launch: Timestamp,
) -> Result<Option<Phase>, NothingSelected> {
    match &selection.phase {
        PhaseChoice::All => Ok(None),
        PhaseChoice::One(phase) if checklist.phases.contains(phase) => {
            Ok(checklist.phases.iter().find(|known| *known == phase).cloned())
        }
        PhaseChoice::One(phase) => {
            let known: Vec<String> = checklist.phases.iter().map(ToString::to_string).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            Err(NothingSelected::NoSuchPhase { phase: phase.clone(), help: meant("", &known) })
        }
        PhaseChoice::Auto if checklist.launch.is_none() => Ok(None),
        PhaseChoice::Auto => {
            let begun =
                checklist.phases.iter().rev().find(|phase| phase.at.from_launch(launch) <= now);
            Ok(begun.or(checklist.phases.first()).cloned())
        }
    }
}

fn not_selected(check: &Check, selection: &Selection) -> Option<Skip> {
    let hit = |pattern: &String| check.id.matches(pattern);
    let named = selection.ids.is_empty() || selection.ids.iter().any(hit);
    let tagged =
        selection.tags.is_empty() || selection.tags.iter().any(|tag| check.tags.contains(tag));
    let left_out = selection.skip.iter().any(hit);
    let wanted = selection.only.as_ref().is_none_or(|only| only.contains(&check.id));
    let text = if left_out {
        "left out with --skip"
    } else if !wanted && selection.right_before.contains(&check.id) {
        "passed in the run before"
    } else if !wanted {
        "not looked at in the run before"
    } else if named && tagged {
        return None;
    } else {
        "not selected"
    };
    Some(Skip { reason: SkipReason::NotSelected, cause: None, text: text.to_owned() })
}

/// Why a check is not looked at in a phase that is not its own; `None` when it is looked at, because
/// its pass of an earlier phase does not count any more.
fn other_phase(check: &Check, phase: &Phase, pass: Option<&Pass>, now: Timestamp) -> Option<Skip> {
    if check.phases.is_empty() || check.phases.contains(phase) {
        return None;
    }
    let skip = |text: String| Some(Skip { reason: SkipReason::Phase, cause: None, text });
    let begun = check.phases.iter().any(|own| own.at < phase.at);
    if let Some(valid) = check.valid_for.filter(|_| begun) {
        let fresh = pass.filter(|pass| now.duration_since(pass.at) <= valid.signed());
        return skip(format!("passed on {}, which counts for {valid}", fresh?.at));
    }
    let phases: Vec<&str> = check.phases.iter().map(|phase| phase.label.as_str()).collect();
    skip(format!("belongs to {}, and this is {phase}", phases.join(", ")))
}

/// Whether a recorded pass answers what the check asks now.
fn is_same(check: &Check, pass: &Pass, checklist: &Checklist) -> bool {
    let secrets = &checklist.secrets;
    let mut parameters = check.parameters.clone();
    secrets.redact_value(&mut parameters);
    let expect = check.expect.iter().map(|expect| secrets.redact(expect.as_str()));
    pass.parameters == parameters && expect.eq(pass.expect.iter().cloned())
}

/// Selects what the selected checks need, and what that needs.
fn pull_in_needs(checklist: &Checklist, skips: &mut [Option<Skip>]) {
    let places: HashMap<&CheckId, usize> =
        checklist.checks().enumerate().map(|(n, check)| (&check.id, n)).collect();
    let checks: Vec<&Check> = checklist.checks().collect();
    let mut open: Vec<usize> = (0..checks.len()).filter(|n| skips[*n].is_none()).collect();
    while let Some(n) = open.pop() {
        for place in checks[n].needs.iter().filter_map(|id| places.get(id)) {
            if skips[*place].take().is_some() {
                open.push(*place);
            }
        }
    }
}

/// Leaves the checks of other shards out. Checks that need each other stay together, or a shard would
/// look at what its need was never seen to pass; whole groups are dealt out in list order.
fn leave_to_others(checklist: &Checklist, shard: Shard, skips: &mut [Option<Skip>]) {
    let checks: Vec<&Check> = checklist.checks().collect();
    let places: HashMap<&CheckId, usize> =
        checks.iter().enumerate().map(|(n, check)| (&check.id, n)).collect();
    // The first check of each check's group, by following links to ever earlier ones.
    let mut group: Vec<usize> = (0..checks.len()).collect();
    for (n, check) in checks.iter().enumerate() {
        for need in check.needs.iter().filter_map(|id| places.get(id)) {
            let (a, b) = (first(&group, n), first(&group, *need));
            group[a.max(b)] = a.min(b);
        }
    }
    let mut dealt: HashMap<usize, usize> = HashMap::new();
    for (n, skip) in skips.iter_mut().enumerate().filter(|(_, skip)| skip.is_none()) {
        let next = dealt.len();
        let turn = *dealt.entry(first(&group, n)).or_insert(next);
        if turn % shard.of != shard.part - 1 {
            let text = format!("left to another shard than {shard}");
            *skip = Some(Skip { reason: SkipReason::Shard, cause: None, text });
        }
    }
}

/// The first check of a check's group, by following the links.
fn first(group: &[usize], mut n: usize) -> usize {
    while group[n] != n {
        n = group[n];
    }
    n
}

fn why_nothing(skips: &[Option<Skip>], checklist: &Checklist, selection: &Selection) -> String {
    let reasons: HashSet<SkipReason> = skips.iter().flatten().map(|skip| skip.reason).collect();
    if let Some(shard) = selection.shard.filter(|_| reasons.contains(&SkipReason::Shard)) {
        return format!(
            "all that was selected is dealt to other shards; there is less to deal out than for {}",
            shard.of
        );
    }
    let nothing_open = selection.only.as_ref().is_some_and(HashSet::is_empty);
    if nothing_open && !selection.right_before.is_empty() {
        return "nothing is left open by that run, so there is nothing to run again".to_owned();
    }
    if reasons.contains(&SkipReason::Phase) {
        let known: Vec<String> = checklist.phases.iter().map(ToString::to_string).collect();
        return format!(
            "what was selected belongs to another phase; --phase takes {} or all",
            known.join(", ")
        );
    }
    let ids: Vec<&str> = checklist.checks().map(|check| check.id.as_str()).collect();
    format!("the selection leaves everything out; {}", meant("", &ids))
}
