//! The kind `silence`: quiet for the release window, planned, guarded, made once, seen everywhere.

mod apply;
pub mod audit;
mod codes;
mod coverage;
pub mod ending;
pub mod fleet;
mod guard;
mod judge;
pub mod marker;
mod observe;
mod overlap;
mod preview;
mod retreat;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Complaint, JudgeCx, Probe, ProbeCx, Receipt, Target};
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::peer::Peer;
use crate::model::time::{Moment, Span, Window};
use crate::net::alertmanager::{Labels, Matcher, all_match, show};
use crate::net::http::{Access, HttpUrl};

pub use apply::Change;
pub use guard::Rail;
pub use observe::{AlertSeen, Member, RuleSeen, Rules, Seen, SilenceSeen, Up};

/// How long a change may take to reach every member: a full exchange of state is due every minute.
pub const GOSSIP: Duration = Duration::from_secs(70);

/// Are the alerts that the rollout is known to raise silenced, those and no others?
///
/// The check says what would be silenced before anything is: it takes the firing alerts of every
/// Alertmanager, and the rules of Prometheus when you name one, and matches them as Alertmanager
/// does. A silence that is too wide, too long, or touches what must stay loud is refused by a guard
/// rail. Until `--apply` the check is `pending`.
///
/// With `--apply` the silence is made on one member of each cluster, and is then looked for on
/// **every** Alertmanager you name; alerts that fire must really be silenced by it. A silence made
/// before by this check is found again by the marker at the beginning of its comment
/// (`gonogo:KEY run:RUN CHECK: …`) and in its annotations where it has them, so a second run leaves
/// one silence, and a launch that moves takes its silence along as long as the old and new windows
/// overlap.
///
/// ```yaml
/// silence:
///   alertmanagers: ["http://am-0.example.com:9093", "http://am-1.example.com:9093"]
///   matchers: ['service="order"', 'alertname=~"HighLatency|PaymentTimeout"']
///   from: T-15m
///   for: 75m
///   comment: rollout of 1.2.0, Envoy warm-up and cache sync
///   prometheus: http://prometheus.example.com:9090
///   alerts: [HighLatency, PaymentTimeout]
/// ```
///
/// Once the window has begun, the check also says what became of the plan: how many seconds of it
/// were covered and why not all, which alerts were kept quiet for how long (from the `ALERTS` of
/// `prometheus`, else as far as this and earlier runs looked), and what will be heard at the end.
/// So let it run once more after the end, in a phase such as `T+90m`; `gonogo silence audit` does
/// the same at any time.
///
/// What it cannot see: alerts of rules in other places than the Prometheus named (a ruler of logs,
/// another Prometheus), labels that are added or changed on the way to Alertmanager, and labels a
/// rule takes from its expression: where a matcher asks for such a label of a rule that has no
/// alerts at the moment, the preview says "perhaps". Mute timings and inhibitions are other ways to
/// be quiet and are not looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// The base URL of every Alertmanager, each member of a cluster on its own and not the load
    /// balancer before them, path prefix included, such as `http://am-0.example.com:9093` or
    /// `https://metrics.example.com/alertmanager`.
    pub alertmanagers: Vec<HttpUrl>,
    /// What to silence: alerts that match **all** of these, each written as for `amtool`, such as
    /// `service="order"`, `alertname=~"HighLatency|PaymentTimeout"`, `env!="prod"`. Expressions are
    /// anchored at both ends; a label that is missing has the empty value. A label whose name is
    /// not a word stands in quotes, `"app.kubernetes.io/name"="order"` (Alertmanager 0.27 on).
    pub matchers: Vec<Matcher>,
    /// When it begins: an offset from the launch such as `T-15m`, or an instant. Default: when the
    /// release window begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// How long it lasts, such as `75m`. Name this or `to`; with neither it lasts until the release
    /// window ends.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub length: Option<Span>,
    /// When it ends: an offset such as `T+1h`, or an instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Moment>,
    /// Why; shown to everybody who meets the silence.
    pub comment: String,
    /// The base URL of the Prometheus whose alerting rules are previewed, such as
    /// `http://prometheus.example.com:9090`. Without it only alerts that fire at the moment of the
    /// look can be previewed, which before a launch are few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<HttpUrl>,
    /// What must stay loud: the check fails, and nothing is applied, when the silence would touch
    /// an alert or rule that one of these matches, such as `['severity="page"']`. Default:
    /// `['alertname=~"Watchdog|DeadMansSwitch"']`, whose silence means that alerting is broken; a
    /// list of your own replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never: Option<Vec<Matcher>>,
    /// The longest it may last. Default `4h`.
    #[serde(default = "four_hours")]
    pub max_for: Span,
    /// Names of alerts that must be covered, such as `[HighLatency]`: the check fails when the
    /// matchers leave one out, and when `prometheus` has no rule of that name. It warns where a
    /// label that a matcher asks for comes from the rule's expression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
    /// What becomes of the silence when a run with `--apply` ends NO-GO: `keep` it, or `end` it, so
    /// that a release that goes wrong is heard. It is looked for when the verdict is known, whether
    /// this run made it or an earlier one of the same launch; a run that is interrupted ends nothing.
    #[serde(default, skip_serializing_if = "OnNoGo::is_default")]
    pub on_no_go: OnNoGo,
    /// Guard rails to open, each with the reason why, which stands in the record:
    /// `{ no-scope: "the whole cluster is being moved, agreed with on-call" }`. The finding then
    /// warns, and the silence can be applied. The names are `no-scope`, `too-broad`,
    /// `matches-anything`, `touches-protected`, `too-long`, `empty-comment` and `not-covered`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accept: BTreeMap<Rail, String>,
    /// How to be let in by the Alertmanagers and by Prometheus: certificates, headers, a proxy.
    #[serde(default, skip_serializing_if = "Access::is_default")]
    pub access: Access,
}

/// What becomes of a silence when the verdict is NO-GO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnNoGo {
    /// It stays until its time is over.
    #[default]
    Keep,
    /// It is ended at once.
    End,
}

impl OnNoGo {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

const fn four_hours() -> Span {
    Span::from_secs(4 * 3_600)
}

impl Silence {
    /// From when to when it is to last.
    #[must_use]
    pub fn window(&self, times: &JudgeCx) -> Window {
        let from = self.from.as_ref().map_or(times.window.from, |from| from.resolve(times.launch));
        let to = match (&self.length, &self.to) {
            (Some(length), _) => from.saturating_add(length.signed()).unwrap_or(Timestamp::MAX),
            (None, Some(to)) => to.resolve(times.launch),
            (None, None) => times.window.to,
        };
        Window { from, to }
    }

    /// What must stay loud.
    fn never(&self) -> Vec<Matcher> {
        self.never.clone().unwrap_or_else(|| {
            let watchdog = "alertname=~\"Watchdog|DeadMansSwitch\"";
            vec![watchdog.parse().expect("the default is a matcher")]
        })
    }

    /// The matchers as the target of findings about the plan.
    fn target(&self) -> String {
        show(&self.matchers)
    }

    /// How long one exchange may take: the check's own time-out, without what it waits for gossip.
    fn patience(&self, cx: &ProbeCx) -> Duration {
        let own = match cx.allowance.checked_sub(self.waits()) {
            Some(own) if !own.is_zero() => own,
            Some(_) | None => cx.allowance,
        };
        cx.remaining().min(own) * 9 / 10
    }
}

/// Whether an alert would be silenced.
fn matches(probe: &Silence, labels: &Labels) -> bool {
    all_match(&probe.matchers, labels)
}

/// `2026-11-20 18:00 to 19:15 UTC`; with seconds where minutes would hide the length.
fn show_window(window: Window) -> String {
    let short = window.to.duration_since(window.from).as_secs() < 600;
    let time = if short { "%H:%M:%S" } else { "%H:%M" };
    let date = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let end = if date(window.from) == date(window.to) { time } else { &format!("%Y-%m-%d {time}") };
    let from = window.from.strftime(&format!("%Y-%m-%d {time}")).to_string();
    format!("{from} to {} UTC", window.to.strftime(end))
}

/// The same in the local time of whoever looked, with UTC beside it where that is another.
fn show_window_at(window: Window, offset_secs: i32) -> String {
    let offset = Offset::from_seconds(offset_secs).unwrap_or(Offset::UTC);
    if offset == Offset::UTC {
        return show_window(window);
    }
    let (from, to) = (offset.to_datetime(window.from), offset.to_datetime(window.to));
    let end = if from.date() == to.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    let zone = window.from.to_zoned(offset.to_time_zone()).strftime("%:z").to_string();
    let (from, to) = (from.strftime("%Y-%m-%d %H:%M"), to.strftime(end));
    format!("{from} to {to} {zone} ({})", show_window(window))
}

impl Probe for Silence {
    const KIND: &'static str = "silence";
    const SUMMARY: &'static str =
        "Are the alerts that the rollout is known to raise silenced, and no others?";
    const CODES: &'static [&'static Code] = codes::ALL;
    const TARGET: Target = Target::List("alertmanagers");
    type Observation = Seen;

    fn complaints(&self) -> Vec<Complaint> {
        let mut found = Vec::new();
        let mut complain = |key, message: &str, help: &str| {
            found.push(Complaint {
                key: Some(key),
                message: message.to_owned(),
                help: Some(help.to_owned()),
            });
        };
        if self.alertmanagers.is_empty() {
            complain("alertmanagers", "nobody is named", "name every member of the cluster");
        }
        for (message, help) in self.alertmanagers.iter().filter_map(HttpUrl::no_base) {
            complain("alertmanagers", &message, &help);
        }
        if let Some((message, help)) = self.prometheus.as_ref().and_then(HttpUrl::no_base) {
            complain("prometheus", &message, &help);
        }
        if self.matchers.is_empty() {
            complain("matchers", "nothing is named", "write matchers such as service=\"order\"");
        } else if self.matchers.iter().all(|matcher| matcher.accepts("")) {
            complain(
                "matchers",
                "every matcher accepts a label that is not there, which Alertmanager refuses",
                "add one that names a value, such as service=\"order\"",
            );
        }
        if self.length.is_some() && self.to.is_some() {
            complain("to", "`for` says already when it ends", "leave one of the two out");
        }
        if self.length == Some(Span::ZERO) {
            complain("for", "a silence of no length silences nothing", "write a time such as 75m");
        }
        if self.accept.values().any(|reason| reason.trim().is_empty()) {
            complain("accept", "the reason is missing", "say why this guard rail may be opened");
        }
        if let Some((message, help)) = self.access.complaint() {
            complain("access", &message, help);
        }
        found
    }

    fn peers(&self) -> Vec<Peer> {
        let prometheus = self.prometheus.iter();
        self.alertmanagers
            .iter()
            .chain(prometheus)
            .map(|url| Peer::new(url.scheme(), url.authority()))
            .collect()
    }

    /// Not the Alertmanagers: all checks together put them a few questions at a time, and those that
    /// ask at the same moment share an answer. Taking turns, each would fetch a long history anew.
    fn targets(&self) -> Vec<Peer> {
        let prometheus = self.prometheus.iter();
        prometheus.map(|url| Peer::new(url.scheme(), url.authority())).collect()
    }

    fn waits(&self) -> Duration {
        GOSSIP
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Seen, Fault> {
        observe::observe(self, cx).await
    }

    fn judge(&self, seen: &Seen, cx: &JudgeCx) -> Vec<Finding> {
        judge::judge(self, seen, cx)
    }

    fn summary(&self, seen: &Seen, cx: &JudgeCx) -> String {
        judge::summary(self, seen, cx)
    }

    fn reproduce(&self, seen: Option<&Seen>) -> Vec<String> {
        judge::reproduce(self, seen)
    }
}

impl Act for Silence {
    type Change = Change;

    fn propose(&self, seen: &Seen, cx: &JudgeCx) -> Option<Change> {
        judge::propose(self, seen, cx)
    }

    fn describe(&self, change: &Change) -> String {
        change.describe()
    }

    fn touches(&self) -> Vec<String> {
        let mut matchers = self.matchers.clone();
        matchers.sort_by_cached_key(ToString::to_string);
        matchers.dedup();
        // Whatever the Alertmanagers are called: two checks may name two members of one cluster.
        vec![format!("silence {}", show(&matchers))]
    }

    async fn apply(&self, change: Change, cx: &ProbeCx) -> Result<Receipt, Fault> {
        apply::apply(self, change, cx).await.map(Receipt::from)
    }

    async fn remains(&self, cx: &ProbeCx) -> Result<Option<String>, Fault> {
        match self.on_no_go {
            OnNoGo::Keep => Ok(None),
            OnNoGo::End => retreat::remains(self, cx).await,
        }
    }

    async fn undo(&self, cx: &ProbeCx) -> Result<String, Fault> {
        retreat::undo(self, cx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_shown_in_local_time_and_in_utc() {
        let window = |from: &str, to: &str| Window {
            from: from.parse().expect("an instant"),
            to: to.parse().expect("an instant"),
        };
        let evening = window("2026-11-20T18:00:00Z", "2026-11-20T19:15:00Z");
        for (offset, shown) in [
            (0, "2026-11-20 18:00 to 19:15 UTC"),
            (28_800, "2026-11-21 02:00 to 03:15 +08:00 (2026-11-20 18:00 to 19:15 UTC)"),
            (-12_600, "2026-11-20 14:30 to 15:45 -03:30 (2026-11-20 18:00 to 19:15 UTC)"),
            (19_800, "2026-11-20 23:30 to 2026-11-21 00:45 +05:30 (2026-11-20 18:00 to 19:15 UTC)"),
        ] {
            assert_eq!(show_window_at(evening, offset), shown);
        }
    }
}
