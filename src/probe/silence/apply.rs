//! Making the silence: look first, post to one member, look on all, look again on any doubt.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use super::judge::{covers, overlaps};
use super::{GOSSIP, Silence, marker, matches, observe, show_window};
use crate::clock::millis_since;
use crate::model::fault::Fault;
use crate::model::text::{count, one_line};
use crate::model::time::{Span, Window, humane};
use crate::net::alertmanager::{self, Alertmanager, NewSilence, State, Trouble, WireMatcher};
use crate::probe::ProbeCx;

/// How often a silence is made anew when it cannot be seen to have been made.
const ATTEMPTS: usize = 4;
/// The first pause between two looks; each is twice as long as the one before, up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The silence that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From when to when.
    pub(super) window: Window,
    /// What it silences, in words.
    pub(super) line: String,
    /// The clusters that lack it: members by their number in the check.
    pub(super) groups: Vec<Vec<usize>>,
}

impl Change {
    /// The change as one line.
    pub(super) fn describe(&self) -> String {
        format!("silence {}, {}", self.line, show_window(self.window))
    }
}

pub(super) async fn apply(probe: &Silence, change: Change, cx: &ProbeCx) -> Result<String, Fault> {
    let work = Work {
        probe,
        cx,
        key: marker::key(&cx.id, &probe.matchers),
        window: change.window,
        limit: probe.patience(cx),
    };
    let mut receipts = Vec::new();
    for group in &change.groups {
        match work.settle(group).await {
            Ok(receipt) => receipts.push(receipt),
            Err(fault) if receipts.is_empty() => return Err(fault),
            // What was made stays, so the whole is not known not to have been made.
            Err(fault) => {
                return Err(Fault::Unreadable {
                    what: "making the silence everywhere".to_owned(),
                    reason: format!("made so far: {}; then: {fault}", receipts.join("; ")),
                });
            }
        }
    }
    Ok(receipts.join("; "))
}

struct Work<'a> {
    probe: &'a Silence,
    cx: &'a ProbeCx,
    key: String,
    window: Window,
    /// For one exchange.
    limit: Duration,
}

/// What every member holds of ours; `None` for one that did not answer.
type Held = Vec<Option<Vec<alertmanager::Silence>>>;

impl Work<'_> {
    /// Brings one cluster to exactly one silence of ours, and sees it on all of its members.
    async fn settle(&self, group: &[usize]) -> Result<String, Fault> {
        let begun = self.cx.clock.tick();
        let mut members = Vec::new();
        let access = self.probe.access.based(&self.cx.base);
        for base in group.iter().filter_map(|n| self.probe.alertmanagers.get(*n)) {
            members.push(Alertmanager::find(base, &access, self.limit).await?);
        }
        let mut made = false;
        for _ in 0..ATTEMPTS {
            made |= self.ensure(&members).await?;
            // Another run of the same check may have ended ours in favour of its own, and that one
            // may be gone by now: then it is made again.
            if let Some((id, silenced)) = self.verify(&members).await? {
                let after = Duration::from_secs_f64(millis_since(begun) / 1000.0);
                let there = if made { "" } else { "there already: " };
                return Ok(format!(
                    "{there}silence {id}, {}, seen on {} after {}, silencing {} now",
                    show_window(self.window),
                    count(members.len(), "Alertmanager"),
                    humane(after),
                    count(silenced, "alert"),
                ));
            }
        }
        Err(Fault::Unreadable {
            what: making(&members),
            reason: format!("the silence was ended by others {ATTEMPTS} times"),
        })
    }

    /// Makes the silence unless one of ours covers the window; whether it did.
    async fn ensure(&self, members: &[Alertmanager]) -> Result<bool, Fault> {
        let mut pause = FIRST_PAUSE;
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let held = self.held(members).await?;
            if self.best(&held).is_some() {
                return Ok(false);
            }
            let answering: Vec<&Alertmanager> = members
                .iter()
                .zip(&held)
                .filter_map(|(member, held)| held.as_ref().map(|_| member))
                .collect();
            match self.post(&answering, &self.silence(&held)).await {
                Ok(()) => return Ok(true),
                // It may have been made all the same: look before it is made a second time.
                Err(trouble) if trouble.is_doubtful() => last = Some(trouble),
                Err(trouble) => return Err(trouble.into_fault(&making(members))),
            }
            self.pause(&mut pause).await;
        }
        Err(last.map_or(Fault::Interrupted, |trouble| trouble.into_fault(&making(members))))
    }

    /// Posts to the first member that takes it.
    async fn post(&self, members: &[&Alertmanager], new: &NewSilence) -> Result<(), Trouble> {
        let mut last = None;
        for member in members {
            match member.post(new, self.exchange()).await {
                Ok(_id) => return Ok(()),
                Err(trouble @ Trouble::Denied(_)) if !trouble.is_doubtful() => last = Some(trouble),
                // It has not heard of the silence that is to be changed; another one has.
                Err(trouble @ Trouble::Rejected { status: 404, .. }) => last = Some(trouble),
                Err(trouble) => return Err(trouble),
            }
        }
        Err(last.unwrap_or(Trouble::Fault(Fault::Interrupted)))
    }

    /// The silence to post: a change of the one that overlaps the window, else a new one.
    fn silence(&self, held: &Held) -> NewSilence {
        let old = held
            .iter()
            .flatten()
            .flatten()
            .find(|old| self.owns(old) && overlaps(old.starts_at, old.ends_at, self.window));
        let starts_at = match old {
            // An active silence keeps its id only when its beginning stays as it is.
            Some(old) if old.status.state == State::Active => old.starts_at,
            Some(_) | None => self.window.from,
        };
        NewSilence {
            id: old.map(|old| old.id.clone()),
            // In the order of the old one: with another order it would be another silence.
            matchers: match old {
                Some(old) => old.matchers.clone(),
                None => self.probe.matchers.iter().map(WireMatcher::from).collect(),
            },
            starts_at,
            ends_at: self.window.to,
            created_by: "gonogo".to_owned(),
            comment: marker::comment(
                &self.key,
                &self.cx.run.short(),
                &self.cx.id,
                self.probe.comment.trim(),
            ),
            annotations: marker::annotations(&self.key, &self.cx.run.short()),
        }
    }

    /// Waits until every member holds the one silence, and every alert it matches says so; ends
    /// twins. `None` when no member has one any more.
    async fn verify(&self, members: &[Alertmanager]) -> Result<Option<(String, usize)>, Fault> {
        let begun = self.cx.clock.tick();
        let mut pause = FIRST_PAUSE;
        loop {
            let held = self.held(members).await?;
            let Some(best) = self.best(&held) else { return Ok(None) };
            let ended = self.end_twins(members, &held, &best).await;
            let missing: Vec<String> = members
                .iter()
                .zip(&held)
                .filter(|(_, held)| {
                    !held.iter().flatten().any(|s| s.id == best.id && self.covers(s))
                })
                .map(|(member, _)| member.base().to_string())
                .collect();
            let mut waiting = format!("{} to be on {}", best.id, missing.join(", "));
            if missing.is_empty() && ended == 0 {
                match self.silenced(members, &best).await? {
                    Ok(silenced) => return Ok(Some((best.id, silenced))),
                    Err(loud) => waiting = format!("{} to silence {loud}", best.id),
                }
            }
            if begun.elapsed() > GOSSIP || self.cx.remaining() <= pause {
                return Err(Fault::Timeout {
                    what: format!("waiting for silence {waiting}"),
                    after: Span::from_millis(
                        u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                    ),
                });
            }
            self.pause(&mut pause).await;
        }
    }

    /// How many alerts the silence keeps quiet, or the names of those it does not although it is
    /// active and matches them.
    async fn silenced(
        &self,
        members: &[Alertmanager],
        silence: &alertmanager::Silence,
    ) -> Result<Result<usize, String>, Fault> {
        let mut silenced = 0;
        for member in members.iter().filter(|_| silence.status.state == State::Active) {
            let alerts = member.alerts(self.exchange()).await;
            let alerts = alerts.map_err(|t| t.into_fault(&format!("asking {}", member.base())))?;
            let hits = || alerts.iter().filter(|alert| matches(self.probe, &alert.labels));
            if let Some(loud) = hits().find(|alert| !alert.status.silenced_by.contains(&silence.id))
            {
                let name = loud.labels.get("alertname").map_or("", String::as_str);
                return Ok(Err(format!("{} on {}", one_line(name), member.base())));
            }
            silenced = silenced.max(hits().count());
        }
        Ok(Ok(silenced))
    }

    /// Ends all silences of this check that overlap the window but the best; how many there were.
    async fn end_twins(
        &self,
        members: &[Alertmanager],
        held: &Held,
        best: &alertmanager::Silence,
    ) -> usize {
        let mut twins: BTreeMap<&str, &Alertmanager> = BTreeMap::new();
        for (member, held) in members.iter().zip(held) {
            for silence in held.iter().flatten() {
                if silence.id != best.id
                    && self.owns(silence)
                    && overlaps(silence.starts_at, silence.ends_at, self.window)
                {
                    twins.insert(&silence.id, member);
                }
            }
        }
        for (id, member) in &twins {
            // One that could not be ended is found again by the next look.
            let _again = member.expire(id, self.exchange()).await;
        }
        twins.len()
    }

    /// What the members hold of ours.
    async fn held(&self, members: &[Alertmanager]) -> Result<Held, Fault> {
        let limit = self.exchange();
        let answers = members.iter().map(|member| member.silences(limit));
        let answers = join_all(answers).await;
        let mut fault = None;
        let mut held = Vec::new();
        for (member, answer) in members.iter().zip(answers) {
            held.push(match answer {
                Ok(all) => {
                    let serves =
                        |one: &&_| observe::serves(self.probe, &self.key, self.window, one);
                    Some(all.iter().filter(serves).cloned().collect())
                }
                Err(trouble) => {
                    fault = Some(trouble.into_fault(&format!("asking {}", member.base())));
                    None
                }
            });
        }
        match fault {
            Some(fault) if held.iter().all(Option::is_none) => Err(fault),
            Some(_) | None => Ok(held),
        }
    }

    /// The one to keep of those that cover the window: that which lasts longest and, of equals,
    /// the first by name. Every run that looks chooses the same.
    fn best(&self, held: &Held) -> Option<alertmanager::Silence> {
        held.iter()
            .flatten()
            .flatten()
            .filter(|silence| self.covers(silence))
            .min_by(|a, b| b.ends_at.cmp(&a.ends_at).then_with(|| a.id.cmp(&b.id)))
            .cloned()
    }

    /// Whether a silence is this check's own to change and to end, not that of another one which
    /// asks for the same.
    fn owns(&self, silence: &alertmanager::Silence) -> bool {
        observe::is_ours(self.probe, &self.key, silence)
    }

    /// A changed silence keeps its name, so that the name alone does not say that it has arrived.
    fn covers(&self, silence: &alertmanager::Silence) -> bool {
        covers(silence.status.state, silence.starts_at, silence.ends_at, self.window)
    }

    /// The time for one exchange.
    fn exchange(&self) -> Duration {
        self.limit.min(self.cx.remaining())
    }

    async fn pause(&self, pause: &mut Duration) {
        tokio::time::sleep((*pause).min(self.cx.remaining())).await;
        *pause = (*pause * 2).min(Duration::from_secs(1));
    }
}

/// What is being done, for the text of a fault.
fn making(members: &[Alertmanager]) -> String {
    let all: Vec<String> = members.iter().map(|member| member.base().to_string()).collect();
    format!("making a silence on {}", all.join(", "))
}
