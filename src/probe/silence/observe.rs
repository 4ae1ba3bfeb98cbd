//! Looking: what every Alertmanager holds and what fires there, and the rules of Prometheus.

use std::time::Duration;

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::preview::{self, Reach};
use super::audit::{self, Audit, Sample};
use super::{GOSSIP, Silence, overlap};
use super::marker::{self, Marker};
use crate::model::fault::{Fault, Sight};
use crate::model::text::clip;
use crate::model::time::{Span, Window};
use crate::net::alertmanager::{
    self, Alert, Alertmanager, Labels, State, Status, Trouble, WireMatcher, all_match,
};
use crate::net::http::{Access, Denial, HttpUrl};
use crate::net::prometheus::{AlertRule, Prometheus};
use crate::probe::ProbeCx;

/// How many alerts, rules and silences are kept of each, by name; their number is always whole.
const KEPT: usize = 1000;
/// The first pause between two looks while a silence spreads.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How much of a foreign comment is kept, in characters.
const COMMENT: usize = 300;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// The marker our silence bears in its comment.
    pub key: String,
    /// Every Alertmanager, in the order of the check.
    pub members: Vec<Member>,
    /// The alerting rules, when the check names a Prometheus.
    pub rules: Option<Sight<Rules>>,
    /// What became of the plan, once its window has begun and there is or was a silence for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
}

/// One Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// Its base URL.
    pub url: String,
    /// What it answered.
    pub sight: Sight<Reply>,
}

/// What an Alertmanager answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Its facts.
    Up(Box<Up>),
    /// A refusal below HTTP.
    Down(Denial),
}

/// The facts of one Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Up {
    /// Its version.
    pub version: String,
    /// Whether it is `ready`, still `settling`, or its clustering is `disabled`.
    pub cluster: String,
    /// The names of those it shares silences with, its own included; empty when it is alone.
    pub peers: Vec<String>,
    /// Silences with our marker that are not over.
    pub ours: Vec<SilenceSeen>,
    /// Those that are over, of the window of the check; empty before it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<SilenceSeen>,
    /// How many silences of others are not over.
    pub others: usize,
    /// Those of others that silence all that ours would.
    pub wider: Vec<SilenceSeen>,
    /// How many alerts fire.
    pub firing: usize,
    /// Those the matchers match, and those whose name the check wants covered; a thousand at most.
    pub alerts: Vec<AlertSeen>,
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SilenceSeen {
    /// Its name.
    pub id: String,
    /// Whether it is at work.
    pub state: State,
    /// Its first instant.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub starts_at: Timestamp,
    /// Its last instant.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub ends_at: Timestamp,
    /// When it was last changed; absent where the Alertmanager does not say.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub updated_at: Option<Timestamp>,
    /// Who made it, by their own word.
    pub created_by: String,
    /// Its comment.
    pub comment: String,
    /// What it silences.
    pub matchers: Vec<WireMatcher>,
}

/// A firing alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertSeen {
    /// Its labels.
    pub labels: Labels,
    /// The silences that cover it now.
    pub silenced_by: Vec<String>,
    /// Who is told of it when nothing covers it.
    pub receivers: Vec<String>,
}

/// Alerting rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rules {
    /// How many there are.
    pub total: usize,
    /// How many of them the silence reaches.
    pub reached: usize,
    /// How many more it may reach: a matcher asks for a label that comes from their expression.
    pub perhaps: usize,
    /// Those it reaches or may reach, and those whose name the check wants covered; a thousand at
    /// most.
    pub kept: Vec<RuleSeen>,
}

/// An alerting rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleSeen {
    /// Its name.
    pub name: String,
    /// The labels it gives its alerts, their name included; templates left as they are.
    pub labels: Labels,
    /// The labels of the alerts it has now, ten at most.
    pub alerts: Vec<Labels>,
}

impl Member {
    /// The facts, when it answered.
    #[must_use]
    pub fn up(&self) -> Option<&Up> {
        match &self.sight {
            Sight::Seen(Reply::Up(up)) => Some(up),
            Sight::Seen(Reply::Down(_)) | Sight::Fault(_) => None,
        }
    }
}

impl SilenceSeen {
    pub(super) fn of(silence: &alertmanager::Silence) -> Self {
        Self {
            id: clip(&silence.id, 64),
            state: silence.status.state,
            starts_at: silence.starts_at,
            ends_at: silence.ends_at,
            updated_at: silence.updated_at,
            created_by: clip(&silence.created_by, COMMENT),
            comment: clip(&silence.comment, COMMENT),
            matchers: silence.matchers.clone(),
        }
    }
}

impl AlertSeen {
    pub(super) fn of(alert: &Alert) -> Self {
        Self {
            labels: alert.labels.clone(),
            silenced_by: alert.status.silenced_by.clone(),
            receivers: alert.receivers.iter().map(|receiver| receiver.name.clone()).collect(),
        }
    }

    /// The alert's name; empty when it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }
}

pub(super) async fn observe(probe: &Silence, cx: &ProbeCx) -> Result<Seen, Fault> {
    let key = marker::key(&cx.id, &probe.matchers);
    let limit = probe.patience(cx);
    let access = probe.access.based(&cx.base);
    let since = Some(probe.window(&cx.times).from).filter(|from| *from <= cx.clock.now());
    let members = async {
        let all = probe.alertmanagers.iter();
        let mut members =
            join_all(all.map(|base| member(probe, base, &key, &access, limit, since))).await;
        let mut pause = FIRST_PAUSE;
        // What was made a moment ago may still be on its way to the others.
        while cx.remaining() > pause * 2 && is_spreading(&members, cx.clock.now()) {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
            let all = probe.alertmanagers.iter();
            members = join_all(all.map(|base| member(probe, base, &key, &access, limit, since))).await;
        }
        members
    };
    let rules = async {
        match &probe.prometheus {
            Some(base) => Some(rules(probe, base, &access, limit).await.into()),
            None => None,
        }
    };
    let (members, rules) = join(members, rules).await;
    let audit = audited(probe, cx, &key, &members, &access, limit).await;
    Ok(Seen { key: key.clone(), members, rules, audit })
}

/// What became of the plan, as far as its window has passed. Without any silence for it nothing did.
async fn audited(
    probe: &Silence,
    cx: &ProbeCx,
    key: &str,
    members: &[Member],
    access: &Access,
    limit: Duration,
) -> Option<Audit> {
    let (window, now) = (probe.window(&cx.times), cx.clock.now());
    let silences = audit::silences(members, window);
    let past = Window { from: window.from, to: window.to.min(now) };
    if past.from >= past.to || silences.is_empty() {
        return None;
    }
    let series = async {
        let base = probe.prometheus.as_ref()?;
        let series = async {
            Prometheus::find(base, access, limit).await?.firing(past, limit).await
        };
        Some(Sight::from(series.await))
    };
    let earlier: Vec<Sample> = cx
        .earlier
        .iter()
        .filter_map(|look| {
            let seen = look.observation.read::<Seen>().ok()?;
            Sample::earlier(&seen, key, look.at, window)
        })
        .collect();
    Some(audit::of(silences, window, now, members, series.await, &earlier))
}

/// Whether a silence of ours, younger than news need to spread, has not reached every member of its
/// cluster.
fn is_spreading(members: &[Member], now: Timestamp) -> bool {
    let ups = || members.iter().filter_map(Member::up);
    let young = |silence: &&SilenceSeen| {
        silence.updated_at.is_some_and(|at| now.duration_since(at) < Span::from(GOSSIP).signed())
    };
    ups().any(|up| {
        up.ours.iter().filter(young).any(|silence| {
            let peers = ups().filter(|other| other.peers.iter().any(|p| up.peers.contains(p)));
            peers.into_iter().any(|other| {
                !other.ours.iter().any(|theirs| {
                    theirs.id == silence.id && theirs.ends_at == silence.ends_at
                })
            })
        })
    })
}

async fn member(
    probe: &Silence,
    base: &HttpUrl,
    key: &str,
    access: &Access,
    limit: Duration,
    since: Option<Timestamp>,
) -> Member {
    let sight = match facts(probe, base, key, access, limit, since).await {
        Ok(up) => Sight::Seen(Reply::Up(Box::new(up))),
        Err(Trouble::Denied(denial)) => Sight::Seen(Reply::Down(denial)),
        Err(trouble) => Sight::Fault(trouble.into_fault(&format!("asking {base}"))),
    };
    Member { url: base.shown(), sight }
}

async fn facts(
    probe: &Silence,
    base: &HttpUrl,
    key: &str,
    access: &Access,
    limit: Duration,
    since: Option<Timestamp>,
) -> Result<Up, Trouble> {
    let member = Alertmanager::find(base, access, limit).await?;
    // One after the other: the alerts must be at least as new as the silences that cover them.
    let status = member.status(limit).await?;
    // Those that are over are many, and matter only once the window has begun.
    let silences = match since {
        Some(_) => member.all_silences(limit).await?,
        None => member.silences(limit).await?,
    };
    let alerts = member.alerts(limit).await?;
    let (past, silences): (Vec<_>, Vec<_>) =
        silences.iter().partition(|silence| silence.status.state == State::Expired);
    let (ours, others): (Vec<_>, Vec<_>) =
        silences.into_iter().partition(|silence| is_ours(probe, key, silence));
    let in_window = |silence: &&alertmanager::Silence| {
        is_ours(probe, key, silence) && since.is_some_and(|since| silence.ends_at > since)
    };
    Ok(Up {
        version: clip(&status.version_info.version, 40),
        cluster: clip(&status.cluster.status, 40),
        peers: peers(status),
        ours: ours.into_iter().take(KEPT).map(SilenceSeen::of).collect(),
        past: past.into_iter().filter(in_window).take(KEPT).map(SilenceSeen::of).collect(),
        others: others.len(),
        wider: others
            .into_iter()
            .filter(|other| overlap::is_wider(&other.matchers, &probe.matchers))
            .take(KEPT)
            .map(SilenceSeen::of)
            .collect(),
        firing: alerts.len(),
        alerts: alerts.iter().filter(|a| is_wanted(probe, a)).take(KEPT).map(AlertSeen::of).collect(),
    })
}

/// Whether a silence is the one of this check: by its marker and its matchers.
pub(super) fn is_ours(probe: &Silence, key: &str, silence: &alertmanager::Silence) -> bool {
    Marker::of(silence).is_some_and(|marker| marker.key == key)
        && marker::same_matchers(&probe.matchers, &silence.matchers)
}

/// The cluster's names. An Alertmanager whose clustering is disabled shares with nobody.
fn peers(status: Status) -> Vec<String> {
    if status.cluster.status == "disabled" {
        return Vec::new();
    }
    let mut names: Vec<String> =
        status.cluster.peers.unwrap_or_default().into_iter().map(|peer| peer.name).collect();
    names.extend(status.cluster.name);
    names.sort_unstable();
    names.dedup();
    names
}

fn is_wanted(probe: &Silence, alert: &Alert) -> bool {
    let name = alert.labels.get("alertname").map_or("", String::as_str);
    all_match(&probe.matchers, &alert.labels) || probe.alerts.iter().any(|wanted| wanted == name)
}

async fn rules(probe: &Silence, base: &HttpUrl, access: &Access, limit: Duration) -> Result<Rules, Fault> {
    let prometheus = Prometheus::find(base, access, limit).await?;
    let all = prometheus.alert_rules(limit).await?;
    let all: Vec<(Reach, RuleSeen)> = all
        .into_iter()
        .map(rule)
        .map(|rule| (preview::reach(&probe.matchers, &rule), rule))
        .collect();
    let count = |wanted| all.iter().filter(|(reach, _)| *reach == wanted).count();
    let (total, reached, perhaps) = (all.len(), count(Reach::Sure), count(Reach::Perhaps));
    let kept = all
        .into_iter()
        .filter(|(reach, rule)| *reach != Reach::No || probe.alerts.contains(&rule.name))
        .map(|(_, rule)| rule)
        .take(KEPT)
        .collect();
    Ok(Rules { total, reached, perhaps, kept })
}

fn rule(rule: AlertRule) -> RuleSeen {
    let mut labels = rule.labels;
    labels.insert("alertname".to_owned(), rule.name.clone());
    let alerts = rule.alerts.into_iter().map(|alert| alert.labels).take(10).collect();
    RuleSeen { name: rule.name, labels, alerts }
}
