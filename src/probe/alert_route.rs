//! The kind `alert_route`: whom would an alert wake?

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::hash::sha256_hex;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::text::{clip, count, one_line, quote};
use crate::net::alertmanager::{Alertmanager, Labels, Routing, Trouble};
use crate::net::http::{Access, Denial, HttpUrl};
use crate::net::prometheus::Prometheus;

/// Would an alert with these labels wake the right people?
///
/// The route tree of the **running** configuration of every Alertmanager is walked, as Alertmanager
/// walks it, for each set of labels; the receivers it ends at must be those named, no more and no
/// fewer, and each must have an integration that tells somebody. With `prometheus`, that one must
/// really send its alerts to every Alertmanager named.
///
/// ```yaml
/// alert_route:
///   alertmanagers: ["http://am-0.example.com:9093", "http://am-1.example.com:9093"]
///   routes:
///     - { labels: { alertname: HighLatency, service: order, severity: page }, receivers: [order-pager] }
///   prometheus: http://prometheus.example.com:9090
/// ```
///
/// What it cannot see: whether the integration works (a revoked key, a channel that was renamed),
/// and silences and inhibitions of the moment. Nothing is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRoute {
    /// The base URL of every Alertmanager, each member of a cluster on its own, path prefix
    /// included.
    pub alertmanagers: Vec<HttpUrl>,
    /// What must be told to whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Expected>,
    /// The base URL of the Prometheus that must send its alerts to every Alertmanager named: by the
    /// same host and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<HttpUrl>,
    /// How to be let in: certificates, headers, a proxy.
    #[serde(default, skip_serializing_if = "Access::is_default")]
    pub access: Access,
}

/// An alert and who must hear of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// All labels of the alert, `alertname` among them.
    pub labels: Labels,
    /// The names of the receivers that must be told, in any order: these and no others.
    pub receivers: Vec<String>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Every Alertmanager, in the order of the check.
    pub members: Vec<Member>,
    /// Where Prometheus sends its alerts, when one is named.
    pub sends_to: Option<Sight<Vec<String>>>,
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
    /// Its routes.
    Up(Up),
    /// A refusal below HTTP.
    Down(Denial),
}

/// The routes of one Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Up {
    /// SHA-256 of its running configuration, to compare members by.
    pub config_sha256: String,
    /// Where each alert of the check ends up, in the same order.
    pub stops: Vec<Vec<Stop>>,
}

/// A receiver at which an alert ends up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    /// Its name.
    pub receiver: String,
    /// Its integrations, such as `pagerduty`.
    pub integrations: Vec<String>,
    /// Whether the route is muted at certain times.
    pub muted_at_times: bool,
}

macro_rules! codes {
    ($($name:ident $id:literal $outcome:ident $summary:literal $doc:literal)*) => {
        $(static $name: Code = Code {
            id: $id, summary: $summary, doc: $doc, default: Outcome::$outcome,
        };)*
        static CODES: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    OK "alert_route.ok" Pass "the alert reaches the receivers it must reach"
        "By the running configuration of this Alertmanager the alert ends up at exactly the receivers named, and \
         each has an integration; or Prometheus sends its alerts to this Alertmanager."
    WRONG "alert_route.wrong-receiver" Fail "the alert would reach other receivers than it must"
        "The route tree leads an alert with these labels elsewhere: to somebody who cannot help, to nobody, or \
         to more people than meant.\n\n\
         The first child that matches takes the alert, unless it says `continue: true`; where no child matches, \
         the parent's receiver is told. Expressions are anchored, and a label that is missing is empty.\n\n\
         By hand: `amtool config routes test --alertmanager.url=URL NAME=VALUE…`."
    MUTE "alert_route.no-integration" Fail "a receiver tells nobody"
        "The alert reaches the receiver, and that has no integration (`pagerduty_configs`, `slack_configs`, …), \
         so nobody is told. Such receivers are made on purpose to drop alerts, and sometimes left where a real \
         one should be.\n\n\
         Look at the receiver in `/api/v2/status` under `config.original`."
    TIMES "alert_route.muted-at-times" Warn "the route is muted at certain times"
        "The route has `mute_time_intervals` or `active_time_intervals`. Whether they touch the launch was not \
         worked out: look at their times, and mind their time zone."
    DIFFER "alert_route.members-differ" Warn "the Alertmanagers run different configurations"
        "Members of a cluster share silences, but each has its own configuration. They differ now: one was not \
         reloaded, or could not be. Which of them notifies depends on chance.\n\n\
         Compare `config.original` in `/api/v2/status` of each, and \
         `alertmanager_config_last_reload_successful`. Alertmanagers of different versions can write the same \
         configuration differently."
    NOT_SENT "alert_route.not-sent" Fail "Prometheus does not send its alerts to this Alertmanager"
        "The Alertmanager is not among those that Prometheus sends to. Prometheus must send to every member of a \
         cluster itself: members do not pass alerts on to each other.\n\n\
         By hand: `curl -s URL/api/v1/alertmanagers`. The host and port must be the same as in the check: a name \
         here and an address there look like two."
    DOWN "alert_route.member-down" Fail "an Alertmanager does not take connections"
        "A configured Alertmanager refuses connections, closes them, or no TLS connection to it can be made; the \
         message has the reason. What it would do with an alert is not known.\n\n\
         By hand: `curl -sS URL/-/ready`."
}

impl Probe for AlertRoute {
    const KIND: &'static str = "alert_route";
    const SUMMARY: &'static str = "Would an alert with these labels wake the right people?";
    const CODES: &'static [&'static Code] = CODES;
    const TARGET: Target = Target::List("alertmanagers");
    type Observation = Seen;

    fn complaints(&self) -> Vec<Complaint> {
        let mut found = Vec::new();
        let mut complain = |key, message: &str, help: &str| {
            let (message, help) = (message.to_owned(), Some(help.to_owned()));
            found.push(Complaint { key, message, help });
        };
        if self.alertmanagers.is_empty() {
            complain(Some("alertmanagers"), "nobody is named", "name every member of the cluster");
        }
        if self.routes.is_empty() && self.prometheus.is_none() {
            complain(None, "nothing is asked", "name `routes`, or `prometheus`, or both");
        }
        if self.routes.iter().any(|route| route.receivers.is_empty() || route.labels.is_empty()) {
            complain(Some("routes"), "labels or receivers are missing", "name at least one of each");
        }
        if let Some((message, help)) = self.access.complaint() {
            complain(Some("access"), &message, help);
        }
        found
    }

    fn peers(&self) -> Vec<Peer> {
        let all = self.alertmanagers.iter().chain(&self.prometheus);
        all.map(|url| Peer::new(url.scheme(), url.authority())).collect()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Seen, Fault> {
        let access = &self.access.based(&cx.base);
        let limit = cx.remaining() * 9 / 10;
        let members = join_all(self.alertmanagers.iter().map(|base| async move {
            let sight = match self.member(base, access, limit).await {
                Ok(up) => Sight::Seen(Reply::Up(up)),
                Err(Trouble::Denied(denial)) => Sight::Seen(Reply::Down(denial)),
                Err(trouble) => Sight::Fault(trouble.into_fault(&format!("asking {base}"))),
            };
            Member { url: base.to_string(), sight }
        }));
        let sends_to = async {
            let base = self.prometheus.as_ref()?;
            let all = async {
                Prometheus::find(base, access, limit).await?.alertmanagers(limit).await
            };
            Some(all.await.into())
        };
        let (members, sends_to) = join(members, sends_to).await;
        Ok(Seen { members, sends_to })
    }

    fn judge(&self, seen: &Seen, _: &JudgeCx) -> Vec<Finding> {
        let mut found: Vec<Finding> =
            seen.members.iter().flat_map(|member| self.judge_member(member)).collect();
        let ups = seen.members.iter().filter_map(up);
        let configs: BTreeSet<&str> = ups.map(|up| up.config_sha256.as_str()).collect();
        if configs.len() > 1 {
            let message = format!("{} different configurations are running", configs.len());
            let all: Vec<&str> = seen.members.iter().map(|member| member.url.as_str()).collect();
            found.push(Finding::new(&DIFFER, all.join(", "), message).expected("one"));
        }
        match (&seen.sends_to, &self.prometheus) {
            (Some(Sight::Seen(urls)), _) => {
                found.extend(self.alertmanagers.iter().map(|base| sent(base, urls)));
            }
            (Some(Sight::Fault(fault)), Some(url)) => {
                found.push(Finding::fault(url.to_string(), fault));
            }
            (Some(Sight::Fault(_)), None) | (None, _) => {}
        }
        found
    }

    fn summary(&self, seen: &Seen, _: &JudgeCx) -> String {
        let ups = seen.members.iter().filter_map(up).count();
        let all = count(seen.members.len(), "Alertmanager");
        format!("{} on {ups} of {all}", count(self.routes.len(), "route"))
    }

    fn reproduce(&self, _: Option<&Seen>) -> Vec<String> {
        let line = |base: &HttpUrl, route: &Expected| {
            let labels = route.labels.iter().map(|(name, value)| quote(&format!("{name}={value}")));
            let labels: Vec<String> = labels.collect();
            let url = quote(base.url().as_str());
            format!("amtool --alertmanager.url={url} config routes test {}", labels.join(" "))
        };
        let routes = self
            .alertmanagers
            .iter()
            .flat_map(|base| self.routes.iter().map(move |route| line(base, route)));
        let sends = self.prometheus.iter().map(|base| {
            format!("curl -sS {}", quote(base.below("api/v1/alertmanagers", &[]).url().as_str()))
        });
        routes.chain(sends).collect()
    }
}

fn up(member: &Member) -> Option<&Up> {
    match &member.sight {
        Sight::Seen(Reply::Up(up)) => Some(up),
        Sight::Seen(Reply::Down(_)) | Sight::Fault(_) => None,
    }
}

impl AlertRoute {
    async fn member(
        &self,
        base: &HttpUrl,
        access: &Access,
        limit: std::time::Duration,
    ) -> Result<Up, Trouble> {
        let member = Alertmanager::find(base, access, limit).await?;
        let config = member.status(limit).await?.config.original;
        let routing = Routing::read(&config).map_err(|reason| Fault::Unreadable {
            what: format!("reading the running configuration of {base}"),
            reason,
        })?;
        let stop = |stop: crate::net::alertmanager::Stop| Stop {
            integrations: routing.receivers.get(&stop.receiver).cloned().unwrap_or_default(),
            receiver: clip(&stop.receiver, 200),
            muted_at_times: stop.muted_at_times,
        };
        let stops = self
            .routes
            .iter()
            .map(|route| routing.stops(&route.labels).into_iter().map(stop).collect());
        Ok(Up { config_sha256: sha256_hex(config.as_bytes()), stops: stops.collect() })
    }

    fn judge_member(&self, member: &Member) -> Vec<Finding> {
        match &member.sight {
            Sight::Fault(fault) => vec![Finding::fault(&member.url, fault)],
            Sight::Seen(Reply::Down(denial)) => {
                vec![Finding::new(&DOWN, &member.url, denial.to_string()).expected("an answer")]
            }
            Sight::Seen(Reply::Up(up)) => {
                let each = self.routes.iter().zip(&up.stops);
                each.flat_map(|(route, stops)| judge_route(&member.url, route, stops)).collect()
            }
        }
    }
}

fn judge_route(url: &str, route: &Expected, stops: &[Stop]) -> Vec<Finding> {
    let labels: Vec<String> = route.labels.iter().map(|(n, v)| format!("{n}=\"{v}\"")).collect();
    let target = format!("{url} {{{}}}", labels.join(", "));
    let names = |all: &BTreeSet<&str>| one_line(&all.iter().copied().collect::<Vec<_>>().join(", "));
    let wanted: BTreeSet<&str> = route.receivers.iter().map(String::as_str).collect();
    let reached: BTreeSet<&str> = stops.iter().map(|stop| stop.receiver.as_str()).collect();
    let mut found = Vec::new();
    if wanted != reached {
        let message = format!("would reach {}, not {}", names(&reached), names(&wanted));
        found.push(
            Finding::new(&WRONG, &target, message)
                .expected(names(&wanted))
                .actual(names(&reached)),
        );
    }
    let mute = |name: &str| stops.iter().any(|s| s.receiver == name && s.integrations.is_empty());
    for name in reached.iter().filter(|name| mute(name)) {
        let message = format!("{} has no integration and tells nobody", one_line(name));
        found.push(Finding::new(&MUTE, &target, message).expected("an integration"));
    }
    if stops.iter().any(|stop| stop.muted_at_times) {
        found.push(Finding::new(&TIMES, &target, TIMES.summary));
    }
    if found.is_empty() {
        let all: BTreeSet<&str> =
            stops.iter().flat_map(|stop| &stop.integrations).map(String::as_str).collect();
        let message = format!("reaches {} by {}", names(&reached), names(&all));
        found.push(Finding::new(&OK, target, message));
    }
    found
}

/// Whether Prometheus sends to an Alertmanager: by host and port.
fn sent(base: &HttpUrl, urls: &[String]) -> Finding {
    let here = |url: &&String| url.parse::<HttpUrl>().is_ok_and(|u| u.authority() == base.authority());
    if urls.iter().any(|url| here(&url)) {
        return Finding::new(&OK, base.to_string(), "Prometheus sends its alerts here");
    }
    let all = one_line(&urls.join(", "));
    let message = "Prometheus does not send its alerts here";
    Finding::new(&NOT_SENT, base.to_string(), message)
        .expected(base.authority())
        .actual(if urls.is_empty() { "nobody".to_owned() } else { all })
}
