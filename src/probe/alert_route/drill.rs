//! The test alert: sent only where it can reach nobody but those named, watched until its receivers'
//! services have taken it, and resolved whatever happens.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AlertRoute, Member, Seen, Stop};
use crate::clock::{Clock, millis_since};
use crate::model::facts::Facts;
use crate::model::fault::Fault;
use crate::model::hash::sha256_hex;
use crate::model::text::{clip, count, one_line};
use crate::model::time::humane;
use crate::net::alertmanager::{Alert, Alertmanager, Labels, NewAlert, Tally, Trouble};
use crate::probe::{ProbeCx, Receipt};

/// The label that every test alert bears, with the run that sent it as its value.
pub(super) const LABEL: &str = "gonogo_test";
/// How much later than the end of the watch a test alert ends by itself, should nobody resolve it.
const SAFETY: SignedDuration = SignedDuration::from_secs(60);
/// How often is looked whether it was told.
const PAUSE: Duration = Duration::from_millis(250);
/// How many seconds ago a test alert is said to have ended, one try after the other.
const SKEWS: [i64; 3] = [0, 30, 600];

/// A tested route as one Alertmanager would treat the test alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prospect {
    /// Where the alert of the check ends up with the label of a test on it.
    pub stops: Vec<Stop>,
    /// The inhibition rules it would be a source of: real alerts would fall silent.
    pub inhibits: Vec<String>,
}

/// What came of a test alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// Which route of the check, from 0.
    pub route: usize,
    /// When it was sent.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub sent: Timestamp,
    /// How long it was watched, in milliseconds.
    pub watched_ms: f64,
    /// What the Alertmanagers have counted by then; absent where their metrics could not be read.
    pub counted: Option<Vec<Counted>>,
    /// The silences and alerts that kept it quiet.
    pub kept_quiet_by: Vec<String>,
    /// How many other alerts fired at its beginning or its end, or were tests that were resolved before
    /// it, and are told by the same integrations, so that what was counted may be theirs; one at least where
    /// nobody could be asked at the end.
    pub others: usize,
    /// The Alertmanagers on which it was not seen to be resolved; there it ends by itself.
    pub unresolved_on: Vec<String>,
}

/// The notifications by one kind of integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    /// Such as `pagerduty`.
    pub integration: String,
    /// How many the test alert calls for.
    pub wanted: u64,
    /// How many were taken by the other side.
    pub taken: u64,
    /// How many tries were refused or came to no end.
    pub refused: u64,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The routes to be tested, by their number in the check.
    pub(super) routes: Vec<usize>,
    /// The test alerts of earlier runs that still fire.
    pub(super) left: Vec<Labels>,
    /// The configuration each Alertmanager was judged by.
    configs: Vec<String>,
    /// Both in words.
    line: String,
}

impl Change {
    pub(super) fn describe(&self) -> String {
        self.line.clone()
    }
}

/// `{alertname="A", service="order"}`.
pub(super) fn show(labels: &Labels) -> String {
    let all: Vec<String> = labels.iter().map(|(n, v)| format!("{n}=\"{v}\"")).collect();
    one_line(&format!("{{{}}}", all.join(", ")))
}

/// The labels of a test alert.
pub(super) fn labelled(labels: &Labels, run: &str) -> Labels {
    let mut labels = labels.clone();
    labels.insert(LABEL.to_owned(), run.to_owned());
    labels
}

/// Whether an alert is a test of this route, sent by whatever run.
pub(super) fn is_test_of(labels: &Labels, alert: &Labels) -> bool {
    alert.get(LABEL).is_some_and(|run| labelled(labels, run) == *alert)
}

/// The routes that are to be tested and may be, and what is left of earlier runs.
pub(super) fn propose(probe: &AlertRoute, seen: &Seen) -> Option<Change> {
    let ups: Vec<_> = seen.members.iter().filter_map(Member::up).collect();
    let mut left: Vec<Labels> = ups.iter().flat_map(|up| up.left.iter().cloned()).collect();
    left.sort_unstable();
    left.dedup();
    // Where one of them did not answer, nobody knows whom it would tell.
    let tested = probe.tested().enumerate().filter(|(nth, (n, _))| {
        !seen.told.iter().any(|told| told.route == *n)
            && super::judge::is_free(probe, seen, *n, *nth)
    });
    let routes: Vec<usize> = tested.map(|(_, (n, _))| n).collect();
    if routes.is_empty() && left.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = routes
        .iter()
        .map(|n| {
            let route = &probe.routes[*n];
            let to = one_line(&route.receivers.join(", "));
            format!("send a test alert {} through to {to} and resolve it", show(&route.labels))
        })
        .collect();
    lines.extend(left.iter().map(|labels| format!("resolve the test alert {}", show(labels))));
    let configs = ups.iter().map(|up| up.config_sha256.clone()).collect();
    Some(Change { routes, left, configs, line: lines.join("; ") })
}

pub(super) async fn apply(
    probe: &AlertRoute,
    change: Change,
    cx: &ProbeCx,
) -> Result<Receipt, Fault> {
    let access = probe.access.based(&cx.base);
    let limit = probe.patience(cx);
    let mut members = Vec::new();
    for base in &probe.alertmanagers {
        members.push(Alertmanager::find(base, &access, limit).await?);
    }
    let drill = Drill { probe, cx, members, limit };
    let mut receipts = Vec::new();
    for labels in &change.left {
        let on = drill.resolve(labels).await;
        receipts.push(match on.as_slice() {
            [] => format!("resolved {}", show(labels)),
            on => format!("{} is not seen to be resolved on {}", show(labels), on.join(", ")),
        });
    }
    // Word of the end of these may be sent, and counted, while the next one is watched.
    let mut resolved = change.left.clone();
    let mut all = Vec::new();
    for n in &change.routes {
        let told = drill.route(*n, &change.configs, &resolved).await?;
        resolved.push(labelled(&probe.routes[*n].labels, &cx.run.short()));
        let labels = show(&probe.routes[*n].labels);
        let then = if told.unresolved_on.is_empty() {
            "resolved".to_owned()
        } else {
            format!("not seen to be resolved on {}", told.unresolved_on.join(", "))
        };
        let watched = humane(Duration::from_secs_f64(told.watched_ms / 1e3));
        receipts.push(format!("sent {labels}, watched for {watched}, {then}"));
        all.push(told);
    }
    let facts = Facts::of(&all).map_err(|error| Fault::Bug { message: error.to_string() })?;
    Ok(Receipt { line: receipts.join("; "), facts: Some(facts) })
}

struct Drill<'a> {
    probe: &'a AlertRoute,
    cx: &'a ProbeCx,
    members: Vec<Alertmanager>,
    /// For one exchange.
    limit: Duration,
}

/// The tallies of all members together.
type Tallies = BTreeMap<String, Tally>;

impl Drill<'_> {
    /// Tests one route: from the first alert that is sent on, it is resolved at the end.
    async fn route(
        &self,
        n: usize,
        configs: &[String],
        resolved: &[Labels],
    ) -> Result<Told, Fault> {
        let route = &self.probe.routes[n];
        let labels = labelled(&route.labels, &self.cx.run.short());
        let wanted = self.wanted(&labels, configs).await?;
        let before = self.tallies().await;
        let others = self.others(&labels, &wanted, resolved).await?;
        let begun = Clock.tick();
        let sent = self.cx.clock.now();
        let ends_at = sent + self.probe.within.signed() + SAFETY;
        let given = self.give(&self.alert(&labels, sent, ends_at)).await;
        let watched = match given {
            Ok(()) => Ok(self.watch(&labels, &wanted, before.as_ref(), others == 0).await),
            // One of them may have it all the same.
            Err(fault) => Err(fault),
        };
        let watched_ms = millis_since(begun);
        let unresolved_on = self.resolve(&labels).await;
        // One that began meanwhile may have been told as well; where nobody says, it may have.
        let later = self.others(&labels, &wanted, resolved).await.unwrap_or(1);
        let (counted, kept_quiet_by) = watched?;
        let others = others.max(later);
        Ok(Told { route: n, sent, watched_ms, counted, kept_quiet_by, others, unresolved_on })
    }

    /// How many notifications by which integration the alert calls for, by the configuration of this
    /// moment, the most of any member; a fault when that is not the one that was judged.
    async fn wanted(
        &self,
        labels: &Labels,
        configs: &[String],
    ) -> Result<BTreeMap<String, u64>, Fault> {
        let mut wanted: BTreeMap<String, u64> = BTreeMap::new();
        for (member, judged) in self.members.iter().zip(configs) {
            let what = || format!("sending a test alert to {}", member.base());
            let status = member.status(self.limit).await.map_err(|t| t.into_fault(&what()))?;
            let config = status.config.original;
            if sha256_hex(config.as_bytes()) != *judged {
                let reason = "its configuration has changed since it was judged".to_owned();
                return Err(Fault::Unreadable { what: what(), reason });
            }
            let routing = super::read(&config, member.base())?;
            let mut of_this: BTreeMap<String, u64> = BTreeMap::new();
            for stop in routing.stops(labels) {
                for kind in routing.receivers.get(&stop.receiver).into_iter().flatten() {
                    *of_this.entry(kind.clone()).or_insert(0) += 1;
                }
            }
            for (kind, n) in of_this {
                let most = wanted.entry(kind).or_default();
                *most = n.max(*most);
            }
        }
        Ok(wanted)
    }

    /// What all members have counted; `None` when one does not say.
    async fn tallies(&self) -> Option<Tallies> {
        let all = join_all(self.members.iter().map(|member| member.tallies(self.limit))).await;
        let mut sum = Tallies::new();
        for of_one in all {
            for (kind, tally) in of_one.ok().flatten()? {
                let known = sum.entry(kind).or_default();
                *known = known.with(tally);
            }
        }
        Some(sum)
    }

    /// How many other alerts fire that nothing keeps quiet, or were resolved before, and that are told
    /// by these integrations.
    async fn others(
        &self,
        labels: &Labels,
        wanted: &BTreeMap<String, u64>,
        resolved: &[Labels],
    ) -> Result<usize, Fault> {
        let mut most = 0;
        for member in &self.members {
            let what = || format!("asking {}", member.base());
            let status = member.status(self.limit).await.map_err(|t| t.into_fault(&what()))?;
            let routing = super::read(&status.config.original, member.base())?;
            let alerts = member.alerts(self.limit).await.map_err(|t| t.into_fault(&what()))?;
            let loud = |alert: &&Alert| {
                alert.labels != *labels
                    && !resolved.contains(&alert.labels)
                    && alert.status.silenced_by.is_empty()
                    && alert.status.inhibited_by.is_empty()
            };
            let by_the_same = |labels: &&Labels| {
                let stops = routing.stops(labels);
                let mut kinds = stops.iter().filter_map(|s| routing.receivers.get(&s.receiver));
                kinds.any(|kinds| kinds.iter().any(|kind| wanted.contains_key(kind)))
            };
            let all = alerts.iter().filter(loud).map(|alert| &alert.labels).chain(resolved);
            most = most.max(all.filter(by_the_same).count());
        }
        Ok(most)
    }

    fn alert(&self, labels: &Labels, starts_at: Timestamp, ends_at: Timestamp) -> NewAlert {
        let run = self.cx.run.short();
        let by = self.cx.operator.as_deref().unwrap_or("somebody");
        let summary = format!("TEST, nothing to do: gonogo run {run} tries this route");
        let description = format!(
            "Sent by {by} with gonogo (check {}, run {run}) to see that alerts with these labels arrive. It \
             resolves itself by {ends_at}.",
            self.cx.id
        );
        let annotations =
            [("summary", summary), ("description", description)].map(|(k, v)| (k.to_owned(), v));
        NewAlert { labels: labels.clone(), annotations: annotations.into(), starts_at, ends_at }
    }

    /// Gives an alert to every member, as Prometheus does.
    async fn give(&self, alert: &NewAlert) -> Result<(), Fault> {
        let alerts = std::slice::from_ref(alert);
        let given = self.members.iter().map(|member| async move {
            let given = member.give(alerts, self.limit).await;
            given.map_err(|t| t.into_fault(&format!("sending a test alert to {}", member.base())))
        });
        join_all(given).await.into_iter().collect()
    }

    /// Watches until all that was wanted is counted, something was given up, or the time is over.
    async fn watch(
        &self,
        labels: &Labels,
        wanted: &BTreeMap<String, u64>,
        before: Option<&Tallies>,
        alone: bool,
    ) -> (Option<Vec<Counted>>, Vec<String>) {
        let begun = Clock.tick();
        let mut quiet = Vec::new();
        let mut once = false;
        loop {
            let after = self.tallies().await;
            if let Some(by) = self.kept_quiet_by(labels).await {
                quiet = by;
            }
            let since = before.zip(after.as_ref());
            let tally = |kind: &String| {
                let (before, after) = since?;
                let of = |all: &Tallies| all.get(kind).copied().unwrap_or_default();
                Some(of(after).since(of(before)))
            };
            let counted: Option<Vec<Counted>> = wanted
                .iter()
                .map(|(kind, wanted)| {
                    let tally = tally(kind)?;
                    let (taken, refused) = (tally.taken(), tally.refused);
                    let integration = kind.clone();
                    Some(Counted { integration, wanted: *wanted, taken, refused })
                })
                .collect();
            let all = counted.iter().flatten().all(|one| one.taken >= one.wanted);
            let given_up = wanted.keys().filter_map(tally).any(|tally| tally.given_up > 0);
            if !quiet.is_empty() {
                return (counted, quiet);
            }
            let over = begun.elapsed() + PAUSE > self.probe.within.get()
                || self.cx.remaining() < self.limit;
            // Among others a refusal may be theirs, and ours still on its way.
            let ended = counted.is_some() && (all || (given_up && alone));
            // One number of a page of metrics may be older than the next: a try can be counted whose
            // refusal is not yet. What a second look still says is so.
            if over || (ended && once) {
                return (counted, quiet);
            }
            once = ended;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What keeps the alert quiet, by the first member that has it.
    async fn kept_quiet_by(&self, labels: &Labels) -> Option<Vec<String>> {
        for member in &self.members {
            let alerts = member.alerts(self.limit).await.ok()?;
            if let Some(alert) = alerts.iter().find(|alert| alert.labels == *labels) {
                let silences = alert.status.silenced_by.iter().map(|id| format!("silence {id}"));
                let inhibitions =
                    alert.status.inhibited_by.iter().map(|id| format!("inhibition by alert {id}"));
                return Some(silences.chain(inhibitions).map(|by| clip(&by, 100)).collect());
            }
        }
        None
    }

    /// Ends a test alert now; the members on which it was not seen to have ended.
    async fn resolve(&self, labels: &Labels) -> Vec<String> {
        let ended = self.members.iter().map(|member| async move {
            for skew in SKEWS {
                // An end that lies in its future would be none: the clocks may differ.
                let end = self.cx.clock.now() - SignedDuration::from_secs(skew);
                let alert = self.alert(labels, end - SignedDuration::from_secs(1), end);
                let alerts = std::slice::from_ref(&alert);
                let limit = self.limit.max(Duration::from_secs(1));
                let given = member.give(alerts, limit).await;
                let gone = match given {
                    Ok(()) => self.is_gone(member, labels).await,
                    Err(trouble) => Err(trouble),
                };
                if matches!(gone, Ok(true)) {
                    return None;
                }
                tokio::time::sleep(PAUSE).await;
            }
            Some(member.base().to_string())
        });
        join_all(ended).await.into_iter().flatten().collect()
    }

    async fn is_gone(&self, member: &Alertmanager, labels: &Labels) -> Result<bool, Trouble> {
        let alerts = member.alerts(self.limit).await?;
        Ok(!alerts.iter().any(|alert| alert.labels == *labels))
    }
}

/// What is said of the tests that would be made.
pub(super) fn integrations(stops: &[Stop]) -> String {
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in stops.iter().flat_map(|stop| &stop.integrations) {
        *by.entry(kind).or_default() += 1;
    }
    let each = by.into_iter().map(|(kind, n)| match n {
        1 => kind.to_owned(),
        n => format!("{kind} ({})", count(n, "time")),
    });
    one_line(&each.collect::<Vec<_>>().join(", "))
}
