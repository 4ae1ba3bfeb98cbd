//! Looking: what every Alertmanager holds and what fires there, and the rules of Prometheus.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audit::{self, Audit, Sample};
use super::ending::Ending;
use super::judge::{covers, overlaps};
use super::marker::{self, Marker};
use super::preview::{self, Reach};
use super::{GOSSIP, Silence, matches, overlap};
use crate::model::fault::{Fault, Sight};
use crate::model::text::clip;
use crate::model::time::{Span, Window};
use crate::net::alertmanager::{
    self, Alert, Alertmanager, Labels, Matcher, State, Status, Trouble, WireMatcher, all_match,
};
use crate::net::http::{Access, HttpUrl};
use crate::net::prometheus::{AlertRule, Prometheus};
use crate::probe::ProbeCx;

/// How many alerts, rules and silences are kept of each, by name; their number is always whole.
const KEPT: usize = 1000;
/// How many alerts of one rule are kept.
const OF_A_RULE: usize = 10;
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
    /// The seconds by which local time where it was looked is ahead of UTC when the silence begins.
    #[serde(default, skip_serializing_if = "is_utc")]
    pub utc_offset_secs: i32,
    /// What became of the plan, once its window has begun and there is or was a silence for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_utc(offset: &i32) -> bool {
    *offset == 0
}

/// One Alertmanager and what it answered.
pub type Member = alertmanager::Member<Up>;

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
    /// Those of others that silence all that ours would, in the same time.
    pub wider: Vec<SilenceSeen>,
    /// How many alerts fire.
    pub firing: usize,
    /// How many of them the matchers match.
    #[serde(default)]
    pub matched: usize,
    /// Those the matchers match, and those whose name the check wants covered; a thousand at most,
    /// those that must stay loud, or are loud under the silence, before others.
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
    /// Who ended it before its time, where they left word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ending>,
    /// Whether another check made it, which asks for the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_another: bool,
}

/// A firing alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertSeen {
    /// Its labels.
    pub labels: Labels,
    /// The silences that cover it now.
    pub silenced_by: Vec<String>,
    /// The alerts that inhibit it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inhibited_by: Vec<String>,
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
    /// The labels of the alerts it has now, ten at most; those the matchers match before others.
    pub alerts: Vec<Labels>,
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
            ended: Ending::read(&silence.comment),
            of_another: false,
        }
    }
}

impl AlertSeen {
    pub(super) fn of(alert: &Alert) -> Self {
        Self {
            labels: alert.labels.clone(),
            silenced_by: alert.status.silenced_by.clone(),
            inhibited_by: alert.status.inhibited_by.clone(),
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
    let window = probe.window(&cx.times);
    let begun = window.from <= cx.clock.now();
    let look = Look { probe, cx, key: &key, access: &access, limit, window, begun };
    let rules = async {
        match &probe.prometheus {
            Some(base) => Some(look.rules(base).await.into()),
            None => None,
        }
    };
    let (members, rules) = join(look.members(), rules).await;
    let audit = look.audited(&members).await;
    let utc_offset_secs = cx.clock.local().time_zone().to_offset(window.from).seconds();
    Ok(Seen { key: key.clone(), members, rules, utc_offset_secs, audit })
}

/// Whether a silence of ours, younger than news need to spread, has not reached every member of its
/// cluster. Where the clocks differ by more than that, it is not known to be young.
fn is_spreading(members: &[Member], now: Timestamp) -> bool {
    let ups = || members.iter().filter_map(Member::up);
    let young = |silence: &&SilenceSeen| {
        let fresh = Span::from(GOSSIP).signed();
        silence.updated_at.is_some_and(|at| now.duration_since(at).abs() < fresh)
    };
    ups().any(|up| {
        up.ours.iter().filter(young).any(|silence| {
            let peers = ups().filter(|other| other.peers.iter().any(|p| up.peers.contains(p)));
            peers.into_iter().any(|other| {
                !other
                    .ours
                    .iter()
                    .any(|theirs| theirs.id == silence.id && theirs.ends_at == silence.ends_at)
            })
        })
    })
}

/// What one look asks every Alertmanager for.
struct Look<'a> {
    probe: &'a Silence,
    cx: &'a ProbeCx,
    key: &'a str,
    access: &'a Access,
    /// For one exchange.
    limit: Duration,
    window: Window,
    /// Whether the window has begun.
    begun: bool,
}

impl Look<'_> {
    /// The time for one exchange.
    fn exchange(&self) -> Duration {
        self.limit.min(self.cx.remaining())
    }

    /// Every Alertmanager, looked at again while what was made a moment ago is still on its way.
    async fn members(&self) -> Vec<Member> {
        let mut members = self.each().await;
        let mut pause = FIRST_PAUSE;
        // What comes after needs some of the time.
        let kept = self.limit.min(self.cx.allowance / 4);
        while self.cx.remaining() > kept + pause && is_spreading(&members, self.cx.clock.now()) {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
            let again = self.each().await;
            // A look that the end of the time cut short says less than the one before it.
            if self.cx.remaining().is_zero() {
                break;
            }
            members = again;
        }
        members
    }

    async fn each(&self) -> Vec<Member> {
        let all = self.probe.alertmanagers.iter();
        join_all(all.map(|base| async move { Member::of(base, self.facts(base).await) })).await
    }

    async fn facts(&self, base: &HttpUrl) -> Result<Up, Trouble> {
        let Self { probe, key, window, begun, .. } = *self;
        let member = Alertmanager::find(base, self.access, self.exchange()).await?;
        // One after the other: the alerts must be at least as new as the silences that cover them.
        let status = member.status(self.exchange()).await?;
        // Those that are over are many, and matter only once the window has begun.
        let silences = if begun {
            member.all_silences(self.exchange()).await?
        } else {
            member.silences(self.exchange()).await?
        };
        let alerts = member.alerts(self.exchange()).await?;
        let (past, silences): (Vec<_>, Vec<_>) =
            silences.iter().partition(|silence| silence.status.state == State::Expired);
        let (ours, others): (Vec<_>, Vec<_>) =
            silences.into_iter().partition(|silence| serves(probe, key, window, silence));
        let in_window = |silence: &&alertmanager::Silence| {
            begun && silence.ends_at > window.from && serves(probe, key, window, silence)
        };
        let is_wider = |other: &&alertmanager::Silence| {
            overlaps(other.starts_at, other.ends_at, window)
                && overlap::is_wider(&other.matchers, &probe.matchers)
        };
        let seen = |silence: &alertmanager::Silence| {
            let of_another = !is_ours(probe, key, silence);
            SilenceSeen { of_another, ..SilenceSeen::of(silence) }
        };
        Ok(Up {
            version: clip(&status.version_info.version, 40),
            cluster: clip(&status.cluster.status, 40),
            peers: peers(status),
            alerts: kept_alerts(probe, &ours, &alerts),
            ours: ours.into_iter().take(KEPT).map(seen).collect(),
            past: past.into_iter().filter(in_window).take(KEPT).map(seen).collect(),
            others: others.len(),
            wider: others.into_iter().filter(is_wider).take(KEPT).map(SilenceSeen::of).collect(),
            firing: alerts.len(),
            matched: alerts.iter().filter(|alert| matches(probe, &alert.labels)).count(),
        })
    }

    async fn rules(&self, base: &HttpUrl) -> Result<Rules, Fault> {
        let prometheus = Prometheus::find(base, self.access, self.exchange()).await?;
        Ok(kept_rules(self.probe, prometheus.alert_rules(self.exchange()).await?))
    }

    /// What became of the plan, as far as its window has passed. Without any silence for it nothing
    /// did.
    async fn audited(&self, members: &[Member]) -> Option<Audit> {
        let Self { probe, cx, key, window, .. } = *self;
        let now = cx.clock.now();
        let silences = audit::silences(members, window);
        let past = Window { from: window.from, to: window.to.min(now) };
        if past.from >= past.to || silences.is_empty() {
            return None;
        }
        let series = async {
            let base = probe.prometheus.as_ref()?;
            let series = async {
                let prometheus = Prometheus::find(base, self.access, self.exchange()).await?;
                prometheus.firing(past, self.exchange()).await
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
}

/// Whether a silence is the one of this check: by its marker and its matchers.
pub(super) fn is_ours(probe: &Silence, key: &str, silence: &alertmanager::Silence) -> bool {
    marker::same_matchers(&probe.matchers, &silence.matchers)
        && Marker::of(silence).is_some_and(|marker| marker.key == key)
}

/// Whether a silence does what this check asks for: its own, or that of another check which asks for
/// the same and lasts, or lasted, through this window. Two of them would be one too many.
pub(super) fn serves(
    probe: &Silence,
    key: &str,
    window: Window,
    silence: &alertmanager::Silence,
) -> bool {
    // Of a long history nearly all are told apart by this alone.
    if !marker::same_matchers(&probe.matchers, &silence.matchers) {
        return false;
    }
    let (starts, ends) = (silence.starts_at, silence.ends_at);
    let in_time = match silence.status.state {
        State::Expired => overlaps(starts, ends, window),
        State::Pending | State::Active => covers(silence.status.state, starts, ends, window),
    };
    Marker::of(silence).is_some_and(|marker| in_time || marker.key == key)
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

/// As many as are kept, those that decide something before others.
fn keep<T>(all: impl Iterator<Item = T>, most: usize, decides: impl FnMut(&T) -> bool) -> Vec<T> {
    let (mut kept, rest): (Vec<T>, Vec<T>) = all.partition(decides);
    kept.extend(rest);
    kept.truncate(most);
    kept
}

fn is_protected(never: &[Matcher], labels: &Labels) -> bool {
    never.iter().any(|never| never.matches(labels))
}

/// The alerts that the silence matches or that are to be covered. Of those with a name that is to be
/// covered, the first that is and the first that is not decide.
fn kept_alerts(
    probe: &Silence,
    ours: &[&alertmanager::Silence],
    alerts: &[Alert],
) -> Vec<AlertSeen> {
    let never = probe.never();
    let active = ours.iter().any(|silence| silence.status.state == State::Active);
    let mut met = BTreeSet::new();
    let all = alerts.iter().filter_map(|alert| {
        let name = alert.labels.get("alertname").map_or("", String::as_str);
        let (hit, named) =
            (matches(probe, &alert.labels), probe.alerts.iter().any(|wanted| wanted == name));
        (hit || named).then_some((alert, hit, named.then_some(name)))
    });
    let decides = |(alert, hit, name): &(&Alert, bool, Option<&str>)| {
        let by = &alert.status.silenced_by;
        let loud = active && *hit && !ours.iter().any(|silence| by.contains(&silence.id));
        let first = name.is_some_and(|name| met.insert((name.to_owned(), *hit)));
        first || loud || (*hit && is_protected(&never, &alert.labels))
    };
    keep(all, KEPT, decides).into_iter().map(|(alert, ..)| AlertSeen::of(alert)).collect()
}

/// The rules that the silence reaches or may reach, or that are to be covered.
fn kept_rules(probe: &Silence, all: Vec<AlertRule>) -> Rules {
    let never = probe.never();
    let all: Vec<(Reach, RuleSeen)> = all
        .into_iter()
        .map(|rule| self::rule(probe, &never, rule))
        .map(|rule| (preview::reach(&probe.matchers, &rule), rule))
        .collect();
    let count = |wanted| all.iter().filter(|(reach, _)| *reach == wanted).count();
    let (total, reached, perhaps) = (all.len(), count(Reach::Sure), count(Reach::Perhaps));
    let mut met = BTreeSet::new();
    let wanted = all
        .into_iter()
        .filter(|(reach, rule)| *reach != Reach::No || probe.alerts.contains(&rule.name));
    let decides = |(reach, rule): &(Reach, RuleSeen)| {
        let first = probe.alerts.contains(&rule.name) && met.insert((rule.name.clone(), *reach));
        let touched = |never| preview::touches(&probe.matchers, never, rule) != Reach::No;
        first || never.iter().any(touched)
    };
    let kept = keep(wanted, KEPT, decides).into_iter().map(|(_, rule)| rule).collect();
    Rules { total, reached, perhaps, kept }
}

fn rule(probe: &Silence, never: &[Matcher], rule: AlertRule) -> RuleSeen {
    let mut labels = rule.labels;
    labels.insert("alertname".to_owned(), rule.name.clone());
    let alerts = rule.alerts.into_iter().map(|alert| alert.labels);
    let hit = |labels: &Labels| all_match(&probe.matchers, labels);
    let alerts = keep(alerts, usize::MAX, hit).into_iter();
    let alerts = keep(alerts, OF_A_RULE, |labels| hit(labels) && is_protected(never, labels));
    RuleSeen { name: rule.name, labels, alerts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn probe() -> Silence {
        serde_json::from_value(serde_json::json!({
            "alertmanagers": ["http://a"], "matchers": ["service=order"], "comment": "x",
            "for": "1h", "never": ["severity=page"], "alerts": ["Late"],
        }))
        .expect("parameters")
    }

    #[test]
    fn what_decides_is_kept_wherever_it_stands_among_many() {
        let of = |name: &str, severity: &str| -> Alert {
            let labels =
                labels(&[("alertname", name), ("service", "order"), ("severity", severity)]);
            serde_json::from_value(serde_json::json!({
                "labels": labels, "status": { "silencedBy": ["s"] },
            }))
            .expect("an alert")
        };
        let mut alerts = vec![of("Many", "info"); 1_200];
        alerts.extend([of("Late", "info"), of("Watchdog", "page"), of("Loud", "info")]);
        alerts.last_mut().expect("one").status.silenced_by.clear();
        let silence: alertmanager::Silence = serde_json::from_value(serde_json::json!({
            "id": "s", "status": { "state": "active" },
            "startsAt": "2026-11-20T18:00:00Z", "endsAt": "2026-11-20T19:00:00Z",
        }))
        .expect("a silence");
        let kept = kept_alerts(&probe(), &[&silence], &alerts);
        assert_eq!(kept.len(), KEPT);
        for name in ["Late", "Watchdog", "Loud"] {
            assert!(kept.iter().any(|alert| alert.name() == name), "{name}");
        }

        let rule = |name: &str, severity: &str, alerts: usize| -> AlertRule {
            let alert = serde_json::json!({
                "labels": labels(&[("alertname", name), ("severity", severity)]), "state": "firing",
            });
            serde_json::from_value(serde_json::json!({
                "name": name, "alerts": vec![alert; alerts],
                "labels": labels(&[("service", "order"), ("severity", severity)]),
            }))
            .expect("a rule")
        };
        let mut rules = vec![rule("Many", "info", 0); 1_200];
        rules.extend([rule("Late", "info", 0), rule("Pages", "page", 0), rule("Far", "info", 20)]);
        let far = &mut rules.last_mut().expect("one").alerts;
        far.last_mut().expect("one").labels =
            labels(&[("alertname", "Far"), ("service", "order"), ("severity", "page")]);
        let rules = kept_rules(&probe(), rules);
        assert_eq!((rules.total, rules.reached, rules.kept.len()), (1_203, 1_203, KEPT));
        for name in ["Late", "Pages", "Far"] {
            assert!(rules.kept.iter().any(|rule| rule.name == name), "{name}");
        }
        let far = rules.kept.iter().find(|rule| rule.name == "Far").expect("it");
        assert_eq!((far.alerts.len(), far.alerts[0]["severity"].as_str()), (OF_A_RULE, "page"));
    }
}
