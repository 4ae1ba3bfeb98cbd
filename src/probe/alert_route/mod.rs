//! The kind `alert_route`: whom would an alert wake?

mod drill;
mod judge;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{join, join_all};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Complaint, JudgeCx, Probe, ProbeCx, Receipt, Target};
use crate::model::code::{Code, codes};
use crate::model::facts::Facts;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::hash::sha256_hex;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::text::{count, one_line, quote};
use crate::model::time::Span;
use crate::net::alertmanager::{self, Alertmanager, Labels, Reply, Routing, Trouble};
use crate::net::http::{Access, HttpUrl};
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
/// What the walk cannot see: whether the integration works (a revoked key, a channel that was renamed),
/// and silences and inhibitions of the moment. For that a route can say `test: true`. With `--apply`, and
/// never without, a real alert with its labels and the label `gonogo_test` is then given to every
/// Alertmanager, is watched until it was told, and is resolved; **its receivers are really told, of the
/// test and of its end**, and its text says that it is a test. Until then the check is `pending`. Nothing
/// is sent where an Alertmanager does not answer, or would tell anybody but those named.
///
/// What a test proves: that the service behind each integration took the notification, by the
/// Alertmanagers' own count (`alertmanager_notification_requests_total` and `…_failed_total`). What it
/// does not: that the service woke somebody; ask them. The count is by kind of integration, not by
/// alert, so where other alerts that are told the same way fire at that time the check can only warn.
/// Every `--apply` tests anew; `valid_for` on the check makes it rarer. A run that is killed in the middle
/// leaves an alert that ends by itself a minute after `within`, and that the next `--apply` resolves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRoute {
    /// The base URL of every Alertmanager, each member of a cluster on its own, path prefix
    /// included.
    pub alertmanagers: Vec<HttpUrl>,
    /// What must be told to whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Expected>,
    /// How long a test alert may take to be told: longer than the `group_wait` of its route, and longer
    /// than its `group_interval` where a real alert of the same group may fire. A day at most. Default
    /// `1m`.
    #[serde(default = "a_minute", skip_serializing_if = "is_a_minute")]
    pub within: Span,
    /// The base URL of the Prometheus that must send its alerts to every Alertmanager named: by the
    /// same host and port, or by an address that the name here has from where the check runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<HttpUrl>,
    /// How to be let in: certificates, headers, a proxy.
    #[serde(default, skip_serializing_if = "Access::is_default")]
    pub access: Access,
}

/// The longest watch over a test alert.
const A_DAY: Span = Span::from_secs(24 * 3_600);

const fn a_minute() -> Span {
    Span::from_secs(60)
}

fn is_a_minute(span: &Span) -> bool {
    *span == a_minute()
}

/// An alert and who must hear of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// All labels of the alert, `alertname` among them.
    pub labels: Labels,
    /// The names of the receivers that must be told, in any order: these and no others.
    pub receivers: Vec<String>,
    /// Whether a real test alert is to be sent this way with `--apply`. Default: no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Every Alertmanager, in the order of the check.
    pub members: Vec<Member>,
    /// Where Prometheus sends its alerts, when one is named.
    pub sends_to: Option<Sight<Vec<String>>>,
    /// The test alerts this run has sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<drill::Told>,
}

/// One Alertmanager and what it answered.
pub type Member = alertmanager::Member<Up>;

/// The routes of one Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Up {
    /// SHA-256 of its running configuration, to compare members by.
    pub config_sha256: String,
    /// Where each alert of the check ends up, in the same order.
    pub stops: Vec<Vec<Stop>>,
    /// The tests that the check asks for, in the order of their routes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prospects: Vec<drill::Prospect>,
    /// Test alerts of these routes that fire there now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Labels>,
    /// The addresses that the name in its URL has, with the port; empty where no Prometheus is named,
    /// and where the URL has an address itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub addresses: Vec<SocketAddr>,
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

codes! {
    pub(super),
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
    UNSENT "alert_route.test-not-sent" Pending "a test alert has not been sent yet"
        "The route says `test: true`, and nothing is sent without `--apply`. The message says to whom the test \
         would go, and how they would be told.\n\n\
         Tell those people, then run with `--apply`. They will get a notification that says TEST, and another \
         when it is resolved."
    TOLD "alert_route.test-told" Pass "the test alert was taken by the services of its receivers"
        "The Alertmanagers counted as many notifications taken by the other side as the test called for, and the \
         test alert was resolved. That the service then woke somebody is not proved: ask them.\n\n\
         It is a warning where other alerts fire that are told by the same kind of integration, or a test of the \
         same kind was resolved before: Alertmanager does not count by alert, so that what was counted may be \
         theirs. Word that an alert has ended is sent and counted up to a `group_interval` after its end; of one \
         that had ended just before the test nothing is seen here."
    REFUSED "alert_route.test-refused" Fail "the service of a receiver refused the test alert"
        "Alertmanager tried to tell the receiver, and the other side refused or did not answer: a revoked key, a \
         channel that is gone, a proxy in between. A real alert would not arrive either.\n\n\
         The reason is in the log of the Alertmanager (`notify retry canceled` or `Notify attempt failed`). Mend \
         the receiver and run again."
    UNTOLD "alert_route.test-untold" Unknown "whether the test alert was told is not known"
        "The test alert was sent, and no notification of it was counted in the time allowed. The message has the \
         reason where there is one: a silence or an inhibition kept it quiet, the metrics cannot be read \
         (`URL/metrics`), or fewer notifications were counted than it called for.\n\n\
         Where nothing was counted, the route's `group_wait` may be longer than `within`, or a real alert of the \
         same group fires, so that the test waits for `group_interval`."
    INHIBITS "alert_route.test-inhibits" Warn "the test alert would inhibit real ones while it fires"
        "An inhibition rule has a source that matches the test alert. As long as it fires, a minute or so, real \
         alerts that match the rule's target and share its `equal` labels make no sound.\n\n\
         Where that is too much, leave the test out, or keep tests out of the rule: a source matcher \
         `gonogo_test=\"\"`."
    LEFT "alert_route.test-left" Warn "a test alert still fires"
        "A test alert of this route fires: of a run that was killed, or one that could not be resolved. It ends by \
         itself at its `endsAt`, a minute after the time it was watched; a run with `--apply` resolves it now.\n\n\
         By hand: `amtool alert query gonogo_test=~.+`."
    DIFFER "alert_route.members-differ" Warn "the Alertmanagers run different configurations"
        "Members of a cluster share silences, but each has its own configuration. They differ now: one was not \
         reloaded, or could not be. Which of them notifies depends on chance.\n\n\
         Compare `config.original` in `/api/v2/status` of each, and \
         `alertmanager_config_last_reload_successful`. Alertmanagers of different versions can write the same \
         configuration differently."
    NOT_SENT "alert_route.not-sent" Fail "Prometheus does not send its alerts to this Alertmanager"
        "The Alertmanager is not among those that Prometheus sends to. Prometheus must send to every member of a \
         cluster itself: members do not pass alerts on to each other.\n\n\
         By hand: `curl -s URL/api/v1/alertmanagers`. The host and port must be the same as in the check, or the \
         address one that the name in the check has. It is `unknown` where one side has a name and the other an \
         address and the two cannot be compared: write the host as Prometheus has it."
    DOWN "alert_route.member-down" Fail "an Alertmanager does not take connections"
        "A configured Alertmanager refuses connections, closes them, or no TLS connection to it can be made; the \
         message has the reason. What it would do with an alert is not known.\n\n\
         By hand: `curl -sS URL/-/ready`."
}

impl Probe for AlertRoute {
    const KIND: &'static str = "alert_route";
    const SUMMARY: &'static str = "Would an alert with these labels wake the right people?";
    const CODES: &'static [&'static Code] = ALL;
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
        for (message, help) in self.alertmanagers.iter().filter_map(HttpUrl::no_base) {
            complain(Some("alertmanagers"), &message, &help);
        }
        if let Some((message, help)) = self.prometheus.as_ref().and_then(HttpUrl::no_base) {
            complain(Some("prometheus"), &message, &help);
        }
        if self.routes.is_empty() && self.prometheus.is_none() {
            complain(None, "nothing is asked", "name `routes`, or `prometheus`, or both");
        }
        if self.routes.iter().any(|route| route.receivers.is_empty() || route.labels.is_empty()) {
            complain(
                Some("routes"),
                "labels or receivers are missing",
                "name at least one of each",
            );
        }
        if self.within == Span::ZERO {
            complain(Some("within"), "nothing is told in no time", "write a time such as 1m");
        }
        if self.within > A_DAY {
            complain(
                Some("within"),
                "no test fires for more than a day",
                "write a time such as 1m",
            );
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

    fn waits(&self) -> Duration {
        let tests = u32::try_from(self.tested().count()).unwrap_or(u32::MAX);
        self.within.get().saturating_mul(tests)
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Seen, Fault> {
        let told = match cx.made.as_deref().map(Facts::read) {
            Some(Ok(told)) => told,
            // No other test is sent for it.
            Some(Err(error)) => {
                let message = format!("what came of the test alerts cannot be read: {error}");
                return Err(Fault::Bug { message });
            }
            None => Vec::new(),
        };
        let access = &self.access.based(&cx.base);
        let limit = self.patience(cx);
        let members = join_all(self.alertmanagers.iter().map(|base| async move {
            Member::of(base, self.member(base, access, limit, cx).await)
        }));
        let sends_to = async {
            let base = self.prometheus.as_ref()?;
            let all =
                async { Prometheus::find(base, access, limit).await?.alertmanagers(limit).await };
            Some(all.await.into())
        };
        let (members, sends_to) = join(members, sends_to).await;
        Ok(Seen { members, sends_to, told })
    }

    fn judge(&self, seen: &Seen, _: &JudgeCx) -> Vec<Finding> {
        let mut found: Vec<Finding> =
            seen.members.iter().flat_map(|member| self.judge_member(member)).collect();
        let ups = seen.members.iter().filter_map(Member::up);
        let configs: BTreeSet<&str> = ups.map(|up| up.config_sha256.as_str()).collect();
        if configs.len() > 1 {
            let message = format!("{} different configurations are running", configs.len());
            let all: Vec<&str> = seen.members.iter().map(|member| member.url.as_str()).collect();
            found.push(Finding::new(&DIFFER, all.join(", "), message).expected("one"));
        }
        match (&seen.sends_to, &self.prometheus) {
            (Some(Sight::Seen(urls)), _) => {
                let all = self.alertmanagers.iter().zip(&seen.members);
                found.extend(all.map(|(base, member)| sent(base, member, urls)));
            }
            (Some(Sight::Fault(fault)), Some(url)) => {
                found.push(Finding::fault(url.to_string(), fault));
            }
            (Some(Sight::Fault(_)), None) | (None, _) => {}
        }
        found.extend(judge::tests(self, seen));
        found
    }

    fn summary(&self, seen: &Seen, _: &JudgeCx) -> String {
        let ups = seen.members.iter().filter_map(Member::up).count();
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

impl AlertRoute {
    async fn member(
        &self,
        base: &HttpUrl,
        access: &Access,
        limit: Duration,
        cx: &ProbeCx,
    ) -> Result<Up, Trouble> {
        let member = Alertmanager::find(base, access, limit).await?;
        let config = member.status(limit).await?.config.original;
        let routing = read(&config, base)?;
        let stop = |stop: crate::net::alertmanager::Stop| Stop {
            integrations: routing.receivers.get(&stop.receiver).cloned().unwrap_or_default(),
            receiver: stop.receiver,
            muted_at_times: stop.muted_at_times,
        };
        let stops_of = |labels: &Labels| routing.stops(labels).into_iter().map(stop).collect();
        let run = cx.run.short();
        let prospects = self.tested().map(|(_, route)| {
            let labels = drill::labelled(&route.labels, &run);
            let inhibits = routing.inhibits(&labels);
            drill::Prospect { stops: stops_of(&labels), inhibits }
        });
        let mut left = Vec::new();
        if self.tested().next().is_some() {
            let alerts = member.alerts(limit).await?;
            let ours = |labels: &Labels| {
                self.tested().any(|(_, route)| drill::is_test_of(&route.labels, labels))
            };
            left.extend(alerts.iter().map(|alert| alert.labels.clone()).filter(ours));
        }
        let compared = self.prometheus.is_some() && base.ip().is_none();
        Ok(Up {
            addresses: if compared { member.addresses().to_vec() } else { Vec::new() },
            config_sha256: sha256_hex(config.as_bytes()),
            stops: self.routes.iter().map(|route| stops_of(&route.labels)).collect(),
            prospects: prospects.collect(),
            left,
        })
    }

    /// The routes that are to be tested, with their number.
    fn tested(&self) -> impl Iterator<Item = (usize, &Expected)> {
        self.routes.iter().enumerate().filter(|(_, route)| route.test)
    }

    /// How long one exchange may take: the check's own time-out, without what it waits for tests.
    fn patience(&self, cx: &ProbeCx) -> Duration {
        let own = match cx.allowance.checked_sub(self.waits()) {
            Some(own) if !own.is_zero() => own,
            Some(_) | None => cx.allowance,
        };
        cx.remaining().min(own) * 9 / 10
    }

    fn judge_member(&self, member: &Member) -> Vec<Finding> {
        match &member.sight {
            Sight::Fault(fault) => vec![Finding::fault(&member.url, fault)],
            Sight::Seen(Reply::Down(denial)) => {
                vec![Finding::new(&DOWN, &member.url, denial.to_string()).expected("an answer")]
            }
            Sight::Seen(Reply::Up(up)) => {
                let each = self.routes.iter().zip(&up.stops);
                let mut found: Vec<Finding> = each
                    .flat_map(|(route, stops)| judge::route(&member.url, route, stops))
                    .collect();
                found.extend(judge::prospects(self, &member.url, up));
                found
            }
        }
    }
}

/// Reads the running configuration of an Alertmanager.
fn read(config: &str, base: &HttpUrl) -> Result<Routing, Fault> {
    Routing::read(config).map_err(|reason| Fault::Unreadable {
        what: format!("reading the running configuration of {base}"),
        reason,
    })
}

impl Act for AlertRoute {
    type Change = drill::Change;

    fn propose(&self, seen: &Seen, _: &JudgeCx) -> Option<drill::Change> {
        drill::propose(self, seen)
    }

    fn describe(&self, change: &drill::Change) -> String {
        change.describe()
    }

    fn touches(&self) -> Vec<String> {
        // What is counted is counted for all: one test at a time.
        self.tested().next().map(|_| "test alerts".to_owned()).into_iter().collect()
    }

    async fn apply(&self, change: drill::Change, cx: &ProbeCx) -> Result<Receipt, Fault> {
        drill::apply(self, change, cx).await
    }
}

/// Whether Prometheus sends to an Alertmanager: by host and port, or by an address that the name of
/// the host has.
fn sent(base: &HttpUrl, member: &Member, urls: &[String]) -> Finding {
    let parsed: Vec<HttpUrl> = urls.iter().filter_map(|url| url.parse().ok()).collect();
    if parsed.iter().any(|url| url.authority() == base.authority()) {
        return Finding::new(&OK, base.to_string(), "Prometheus sends its alerts here");
    }
    let known = member.up().map_or(&[][..], |up| up.addresses.as_slice());
    let address = |url: &HttpUrl| Some(SocketAddr::new(url.ip()?, url.port()));
    if let Some(address) = parsed.iter().filter_map(address).find(|one| known.contains(one)) {
        let message = format!("Prometheus sends its alerts here, to {address}");
        return Finding::new(&OK, base.to_string(), message);
    }
    // A name there has addresses that only it knows, and one here may have none that are known.
    let may_be = |url: &HttpUrl| {
        url.port() == base.port()
            && url.ip().is_some() != base.ip().is_some()
            && (base.ip().is_some() || known.is_empty())
    };
    let doubt = parsed.iter().any(may_be);
    let message = if doubt {
        "whether Prometheus sends its alerts here is not known: it is a name on one side and an address on the \
         other"
    } else {
        "Prometheus does not send its alerts here"
    };
    let all = one_line(&urls.join(", "));
    let finding = Finding::new(&NOT_SENT, base.to_string(), message)
        .expected(base.authority())
        .actual(if urls.is_empty() { "nobody".to_owned() } else { all });
    if doubt { finding.with_outcome(Outcome::Unknown) } else { finding }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_an_address_are_compared_by_what_the_name_has() {
        let pods = ["http://10.2.3.4:9093/api/v2/alerts", "http://10.2.3.5:9093/api/v2/alerts"];
        let names = ["http://am-0:9093/api/v2/alerts"];
        let here = "10.2.3.4:9093";
        for (url, addresses, urls, outcome) in [
            ("http://am-0:9093", vec![here], &pods[..], Outcome::Pass),
            ("http://am-0:9093", vec!["10.2.3.9:9093"], &pods, Outcome::Fail),
            ("http://am-0:9094", vec!["10.2.3.4:9094"], &pods, Outcome::Fail),
            // Through a proxy, or from one that does not answer.
            ("http://am-0:9093", vec![], &pods, Outcome::Unknown),
            ("http://am-0:9094", vec![], &pods, Outcome::Fail),
            ("http://10.2.3.4:9093", vec![], &pods, Outcome::Pass),
            ("http://10.2.3.6:9093", vec![], &pods, Outcome::Fail),
            ("http://10.2.3.4:9093", vec![], &names, Outcome::Unknown),
            ("http://am-0:9093", vec![here], &names, Outcome::Pass),
            ("http://am-1:9093", vec![here], &names, Outcome::Fail),
            ("http://am-0:9093", vec![here], &[], Outcome::Fail),
        ] {
            let base: HttpUrl = url.parse().expect(url);
            let addresses = addresses.iter().map(|one| one.parse().expect("it")).collect();
            let up = Up {
                config_sha256: String::new(),
                stops: Vec::new(),
                prospects: Vec::new(),
                left: Vec::new(),
                addresses,
            };
            let urls: Vec<String> = urls.iter().map(|&url| url.to_owned()).collect();
            let found = sent(&base, &Member::of(&base, Ok(up)), &urls);
            assert_eq!(found.outcome, outcome, "{url} {urls:?}: {found:?}");
        }
    }
}
