//! Silences after they were made: which of ours are where, ending them, and making them last longer.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ending::Ending;
use super::judge::overlaps;
use super::marker::Marker;
use super::observe::{AlertSeen, SilenceSeen};
use crate::clock::Clock;
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::model::time::{Span, Window};
use crate::net::alertmanager::{Alertmanager, NewSilence, Silence, State};
use crate::net::http::{Access, HttpUrl};

/// How long is waited between two looks at all members, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The Alertmanagers of one installation.
#[derive(Debug, Clone)]
pub struct Fleet {
    members: Vec<Alertmanager>,
    /// For one exchange.
    limit: Duration,
}

/// Which silences are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those a run made, by the short form of its name.
    Run(String),
    /// Those of a check, by the key in its marker.
    Key(String),
    /// Those of a check that have an instant in common with a stretch of time: of one release, not
    /// of the one before.
    KeyWithin(String, Window),
    /// One, by its own name; anybody's.
    Id(String),
    /// All with a marker of ours.
    Ours,
    /// All with a marker of ours that began before an instant.
    OursBefore(Timestamp),
    /// All.
    Anybodys,
    /// What any of these means.
    Any(Vec<Which>),
}

/// When a silence is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// At an instant.
    At(Timestamp),
    /// So much later than it does now.
    Longer(Span),
}

impl Until {
    /// The new end of a silence that ends at `end` now.
    #[must_use]
    pub fn of(self, end: Timestamp) -> Timestamp {
        match self {
            Self::At(to) => to,
            Self::Longer(by) => end.saturating_add(by.signed()).unwrap_or(Timestamp::MAX),
        }
    }
}

/// What came of ending or changing silences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Each silence as it was, and the name it has now.
    pub done: Vec<(Listed, String)>,
    /// The members that did not say whether they know of it, and why.
    pub unseen: Vec<(String, Fault)>,
    /// The silences into whose comment it could not be written who ended them, and why.
    pub unnoted: Vec<(String, Fault)>,
}

/// A silence and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The silence, as the member says that has it longest.
    pub silence: SilenceSeen,
    /// The key of the check that made it; absent when it is not ours.
    pub key: Option<String>,
    /// The run that made it; absent when it is not ours.
    pub run: Option<String>,
    /// The members that have it.
    pub on: Vec<String>,
    /// The members that answered and do not have it.
    pub missing_on: Vec<String>,
}

/// What the members hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The silences meant, by their beginning.
    pub silences: Vec<Listed>,
    /// The members that did not say, and why.
    pub unseen: Vec<(String, Fault)>,
}

impl Which {
    /// Whether a silence is one of those.
    #[must_use]
    pub fn means(&self, silence: &Silence) -> bool {
        let marker = Marker::of(silence);
        match self {
            Self::Run(run) => marker.is_some_and(|marker| marker.run == *run),
            Self::Key(key) => marker.is_some_and(|marker| marker.key == *key),
            Self::KeyWithin(key, window) => {
                marker.is_some_and(|marker| marker.key == *key)
                    && overlaps(silence.starts_at, silence.ends_at, *window)
            }
            Self::Id(id) => silence.id == *id,
            Self::Ours => marker.is_some(),
            Self::OursBefore(at) => marker.is_some() && silence.starts_at < *at,
            Self::Anybodys => true,
            Self::Any(any) => any.iter().any(|which| which.means(silence)),
        }
    }
}

impl Fleet {
    /// Looks up every Alertmanager; `limit` is for one exchange with one of them.
    ///
    /// # Errors
    /// A [`Fault`] when one of the hosts has no address, or a file of the access cannot be used.
    pub async fn find(
        alertmanagers: &[HttpUrl],
        access: &Access,
        limit: Duration,
    ) -> Result<Self, Fault> {
        let mut members = Vec::new();
        for base in alertmanagers {
            members.push(Alertmanager::find(base, access, limit).await?);
        }
        Ok(Self { members, limit })
    }

    /// The silences meant that are not over, and which members have them.
    pub async fn list(&self, which: &Which) -> Listing {
        let (held, unseen) = self.held(which).await;
        let mut by_id: BTreeMap<&str, (&Silence, Vec<String>)> = BTreeMap::new();
        for (member, silences) in &held {
            for silence in silences {
                let entry = by_id.entry(&silence.id).or_insert((silence, Vec::new()));
                entry.1.push(member.base().to_string());
                if silence.ends_at > entry.0.ends_at {
                    entry.0 = silence;
                }
            }
        }
        let mut silences: Vec<Listed> = by_id
            .into_values()
            .map(|(silence, on)| {
                let marker = Marker::of(silence);
                let all = held.iter().map(|(member, _)| member.base().to_string());
                Listed {
                    silence: SilenceSeen::of(silence),
                    key: marker.as_ref().map(|marker| marker.key.clone()),
                    run: marker.map(|marker| marker.run),
                    missing_on: all.filter(|url| !on.contains(url)).collect(),
                    on,
                }
            })
            .collect();
        silences.sort_by_key(|listed| listed.silence.starts_at);
        Listing { silences, unseen }
    }

    /// The alerts that fire and are kept quiet by nothing but these silences: what will be heard
    /// when they end.
    ///
    /// # Errors
    /// A [`Fault`] when no member said.
    pub async fn aftermath(&self, ids: &[String]) -> Result<Vec<AlertSeen>, Fault> {
        let mut heard = BTreeMap::new();
        let mut fault = Fault::Interrupted;
        let mut answered = false;
        for member in &self.members {
            match member.alerts(self.limit).await {
                Ok(alerts) => {
                    answered = true;
                    for alert in alerts.iter() {
                        let by = &alert.status.silenced_by;
                        let only_these = !by.is_empty() && by.iter().all(|id| ids.contains(id));
                        if only_these && alert.status.inhibited_by.is_empty() {
                            heard.insert(alert.labels.clone(), AlertSeen::of(alert));
                        }
                    }
                }
                Err(trouble) => fault = trouble.into_fault(&format!("asking {}", member.base())),
            }
        }
        if answered { Ok(heard.into_values().collect()) } else { Err(fault) }
    }

    /// Ends the silences meant, and waits until no member that answers has one of them. Ending what
    /// is over already is no mistake. Who ends them is written into their comments first; one into
    /// which that cannot be written is ended all the same.
    ///
    /// # Errors
    /// A [`Fault`] when no member answered, none of those left could be ended, or a member has one of
    /// them still when `wait` is over. The others are ended all the same.
    pub async fn expire(
        &self,
        which: &Which,
        ending: &Ending,
        wait: Duration,
    ) -> Result<Changed, Fault> {
        let begun = Clock.tick();
        let mut pause = PAUSES.0;
        let mut ended: BTreeMap<String, Listed> = BTreeMap::new();
        let mut unnoted = BTreeMap::new();
        loop {
            let listing = self.answered(which).await?;
            if listing.silences.is_empty() {
                let done = ended.into_iter().map(|(id, listed)| (listed, id)).collect();
                let unnoted = unnoted.into_iter().collect();
                return Ok(Changed { done, unseen: listing.unseen, unnoted });
            }
            let (held, _) = self.held(which).await;
            let left: Vec<String> =
                listing.silences.iter().map(|listed| listed.silence.id.clone()).collect();
            let (mut progress, mut failed) = (false, None);
            for listed in listing.silences {
                match self.end(&listed, &held, ending).await {
                    Ok(noted) => {
                        progress = true;
                        if let Err(fault) = noted {
                            unnoted.insert(listed.silence.id.clone(), fault);
                        }
                    }
                    // It keeps nobody from ending the others, and is tried again with the next round.
                    Err(fault) => failed = Some(fault),
                }
                ended.entry(listed.silence.id.clone()).or_insert(listed);
            }
            let over = begun.elapsed() > wait;
            if let Some(fault) = failed.filter(|_| over || !progress) {
                return Err(fault);
            }
            if over {
                let what = format!("waiting for the end of {}", one_line(&left.join(", ")));
                return Err(Fault::Timeout { what, after: Span::from(wait) });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// The silences meant, where at least one member answered.
    async fn answered(&self, which: &Which) -> Result<Listing, Fault> {
        let listing = self.list(which).await;
        match listing.unseen.first() {
            Some((_, fault)) if listing.unseen.len() == self.members.len() => Err(fault.clone()),
            Some(_) | None => Ok(listing),
        }
    }

    /// Ends one silence where it is; whether it could be written into it who did.
    async fn end(
        &self,
        listed: &Listed,
        held: &[(&Alertmanager, Vec<Silence>)],
        ending: &Ending,
    ) -> Result<Result<(), Fault>, Fault> {
        let id = &listed.silence.id;
        let mut last = Ok(());
        for (member, silences) in held {
            let Some(silence) = silences.iter().find(|silence| silence.id == *id) else { continue };
            // A silence that begins this moment gets another name by being changed.
            let (id, noted) = match self.note(member, silence, ending).await {
                Ok(id) => (id, Ok(())),
                Err(fault) => (id.clone(), Err(fault)),
            };
            last = member.expire(&id, self.limit).await;
            if last.is_ok() {
                return Ok(noted);
            }
        }
        let last = last.map_err(|trouble| trouble.into_fault(&format!("ending {}", one_line(id))));
        last.map(Ok)
    }

    /// Writes into the comment of a silence who ends it; the name it has then.
    async fn note(
        &self,
        member: &Alertmanager,
        silence: &Silence,
        ending: &Ending,
    ) -> Result<String, Fault> {
        if Ending::read(&silence.comment).as_ref() == Some(ending) {
            return Ok(silence.id.clone());
        }
        let new = NewSilence {
            id: Some(silence.id.clone()),
            matchers: silence.matchers.clone(),
            starts_at: silence.starts_at,
            ends_at: silence.ends_at,
            created_by: silence.created_by.clone(),
            comment: ending.noted_in(&silence.comment),
            annotations: silence.annotations.clone().unwrap_or_default(),
        };
        let what = || format!("noting who ends {}", one_line(&silence.id));
        member.post(&new, self.limit).await.map_err(|trouble| trouble.into_fault(&what()))
    }

    /// Makes the silences meant end at another instant, and waits until every member that answers
    /// has them so. Alertmanager may give a changed silence another name: the one returned counts.
    /// A `reason` is added to the comment, where everybody who meets the silence reads it.
    ///
    /// # Errors
    /// A [`Fault`] when no member answered, one refused, or one lacks a change when `wait` is over.
    pub async fn extend(
        &self,
        which: &Which,
        until: Until,
        reason: Option<&str>,
        wait: Duration,
    ) -> Result<Changed, Fault> {
        let listing = self.answered(which).await?;
        let (held, _) = self.held(which).await;
        let mut done = Vec::new();
        for listed in listing.silences {
            let of_it = |silences: &'_ [Silence]| {
                silences.iter().find(|silence| silence.id == listed.silence.id).cloned()
            };
            let holders: Vec<(&Alertmanager, Silence)> = held
                .iter()
                .filter_map(|(member, silences)| Some((*member, of_it(silences)?)))
                .collect();
            let id = self.change(&holders, until, reason).await?;
            done.push((listed, id));
        }
        let ends: Vec<(&str, Timestamp)> = done
            .iter()
            .map(|(listed, id)| (id.as_str(), until.of(listed.silence.ends_at)))
            .collect();
        let unseen = self.arrived(&ends, wait).await?;
        Ok(Changed { done, unseen, unnoted: Vec::new() })
    }

    /// Changes one silence on the first of its holders that answers.
    async fn change(
        &self,
        holders: &[(&Alertmanager, Silence)],
        until: Until,
        reason: Option<&str>,
    ) -> Result<String, Fault> {
        let mut last = Fault::Interrupted;
        for (member, silence) in holders {
            let reason = reason.map_or_else(String::new, |why| format!("; {}", one_line(why)));
            let new = NewSilence {
                id: Some(silence.id.clone()),
                // In their order: with another one it would be another silence.
                matchers: silence.matchers.clone(),
                starts_at: silence.starts_at,
                ends_at: until.of(silence.ends_at),
                created_by: silence.created_by.clone(),
                comment: format!("{}{reason}", silence.comment),
                annotations: silence.annotations.clone().unwrap_or_default(),
            };
            match member.post(&new, self.limit).await {
                Ok(id) => return Ok(id),
                // Posting the same change of the same silence twice changes it once.
                Err(trouble) => {
                    last = trouble.into_fault(&format!("changing {}", one_line(&silence.id)));
                }
            }
        }
        Err(last)
    }

    /// Waits until every member that answers has these silences with these ends; returns those that
    /// did not answer. To the second: what comes back has been through another clock's rounding.
    async fn arrived(
        &self,
        ends: &[(&str, Timestamp)],
        wait: Duration,
    ) -> Result<Vec<(String, Fault)>, Fault> {
        let begun = Clock.tick();
        let mut pause = PAUSES.0;
        loop {
            let (held, unseen) = self.held(&Which::Anybodys).await;
            let has = |silences: &[Silence], id: &str, to: Timestamp| {
                silences.iter().any(|silence| {
                    let off = silence.ends_at.duration_since(to).abs();
                    silence.id == id && off.as_secs() < 1
                })
            };
            let late = held
                .iter()
                .find(|(_, silences)| !ends.iter().all(|(id, to)| has(silences, id, *to)));
            let Some((member, _)) = late else { return Ok(unseen) };
            if begun.elapsed() > wait {
                let what = format!("waiting for the change to reach {}", member.base());
                return Err(Fault::Timeout { what, after: Span::from(wait) });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// The silences meant, those that are over included, each once: as long as Alertmanager keeps
    /// them, which is five days unless it was told otherwise.
    ///
    /// # Errors
    /// A [`Fault`] when no member said.
    pub async fn history(&self, which: &Which) -> Result<Vec<SilenceSeen>, Fault> {
        let answers = join_all(self.members.iter().map(|m| m.all_silences(self.limit))).await;
        let mut by_id: BTreeMap<String, SilenceSeen> = BTreeMap::new();
        let mut fault = None;
        let mut answered = false;
        for (member, answer) in self.members.iter().zip(answers) {
            match answer {
                Ok(silences) => {
                    answered = true;
                    for silence in silences.iter().filter(|silence| which.means(silence)) {
                        let seen = SilenceSeen::of(silence);
                        let known = by_id.entry(seen.id.clone()).or_insert_with(|| seen.clone());
                        // A member that has not heard of an early end yet says less than one that
                        // has.
                        if seen.state == State::Expired {
                            *known = seen;
                        }
                    }
                }
                Err(trouble) => {
                    fault = Some(trouble.into_fault(&format!("asking {}", member.base())));
                }
            }
        }
        match fault {
            Some(fault) if !answered => Err(fault),
            Some(_) | None => Ok(by_id.into_values().collect()),
        }
    }

    /// What each member holds of those meant, and those that did not say.
    async fn held(
        &self,
        which: &Which,
    ) -> (Vec<(&Alertmanager, Vec<Silence>)>, Vec<(String, Fault)>) {
        let answers = join_all(self.members.iter().map(|m| m.silences(self.limit))).await;
        let (mut held, mut unseen) = (Vec::new(), Vec::new());
        for (member, answer) in self.members.iter().zip(answers) {
            let url = member.base().to_string();
            match answer {
                Ok(silences) => {
                    let meant = silences.iter().filter(|silence| which.means(silence));
                    held.push((member, meant.cloned().collect()));
                }
                Err(trouble) => {
                    let fault = trouble.into_fault(&format!("asking {url}"));
                    unseen.push((url, fault));
                }
            }
        }
        (held, unseen)
    }
}
