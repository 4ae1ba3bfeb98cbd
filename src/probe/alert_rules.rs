//! The kind `alert_rules`: would anybody notice if the launch went wrong?

use std::collections::BTreeMap;

use futures_util::future::join3;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::{Code, codes};
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::text::{clip, count, one_line, quote};
use crate::model::time::{Span, humane};
use crate::net::http::{Access, HttpUrl};
use crate::net::prometheus::{AlertRule, Prometheus, ScrapeTarget};

/// How many targets that are not up are named in the record, of each job.
const NAMED: usize = 20;

/// Do the alerting rules that the launch needs exist, are they healthy and evaluated, and is what
/// they look at being scraped?
///
/// "No alert fires" says nothing where the rule is missing, cannot be evaluated, or its targets
/// have vanished. This check looks at those.
///
/// ```yaml
/// alert_rules:
///   prometheus: http://prometheus.example.com:9090
///   rules: [HighLatency, PaymentTimeout]
///   jobs: { order: 24, gateway: 3 }
/// ```
///
/// What it cannot see: whether an expression is right, and whether its alerts reach anybody: see
/// `alert_route`. A rule that reads no series at all is healthy to Prometheus; that is why `jobs`
/// is worth naming.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRules {
    /// The base URL of the Prometheus that evaluates the rules, path prefix included, such as
    /// `http://prometheus.example.com:9090` or `https://mimir.example.com/prometheus`.
    pub prometheus: HttpUrl,
    /// The names of the alerts whose rules must be there, such as `[HighLatency]`. Of several rules
    /// with one name, all must be healthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// How old the last evaluation of a rule may be. Default `5m`.
    #[serde(default = "five_minutes")]
    pub max_age: Span,
    /// How many targets of a job must be up at least, such as `{ order: 24 }`. Every target of a
    /// job named here that is down is a warning of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub jobs: BTreeMap<String, usize>,
    /// How to be let in: certificates, headers, a proxy.
    #[serde(default, skip_serializing_if = "Access::is_default")]
    pub access: Access,
}

const fn five_minutes() -> Span {
    Span::from_secs(300)
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Whether the last reading of its configuration succeeded; absent where it does not say.
    pub reloaded: Sight<Option<bool>>,
    /// The alerting rules.
    pub rules: Sight<Rules>,
    /// The jobs named, those without a target included.
    pub jobs: Sight<BTreeMap<String, Job>>,
}

/// Alerting rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rules {
    /// How many there are.
    pub total: usize,
    /// Those with a name that was asked for.
    pub named: Vec<Rule>,
}

/// An alerting rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// `ok`, `err`, or `unknown` when it has not been evaluated yet.
    pub health: String,
    /// Why it cannot be evaluated.
    pub last_error: String,
    /// When it was evaluated last.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_evaluation: Option<Timestamp>,
    /// `inactive`, `pending` or `firing`.
    pub state: String,
}

/// The targets of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// How many are up.
    pub up: usize,
    /// Those that are not, twenty at most: the instance and why.
    pub not_up: Vec<(String, String)>,
    /// How many there are in all.
    pub all: usize,
}

codes! {
    pub(super),
    OK "alert_rules.ok" Pass "the rule is there, healthy and evaluated; the job has its targets"
        "The alerting rule exists, its last evaluation succeeded and is recent; or the job has at least as many \
         targets up as it must have."
    MISSING "alert_rules.missing" Fail "there is no alerting rule of this name"
        "Prometheus evaluates no rule of this name, so nobody will be told.\n\n\
         Is the rule file deployed, listed under `rule_files`, and was Prometheus reloaded? Is this the \
         Prometheus that evaluates it? By hand: `curl -s URL/api/v1/rules?type=alert | jq -r \
         '.data.groups[].rules[].name'`."
    UNHEALTHY "alert_rules.unhealthy" Fail "the rule cannot be evaluated"
        "The last evaluation of the rule ended in an error, which stands under `actual`. It will not fire, \
         whatever happens.\n\n\
         Typical: a many-to-many match after a label was added, a query that takes too long, a template that \
         fails. Run the expression by hand: `promtool query instant URL 'EXPR'`."
    STALE "alert_rules.not-evaluated" Fail "the rule has not been evaluated lately"
        "The last evaluation is older than `max_age`, or there was none. A Prometheus that is overloaded skips \
         evaluations; a rule added a moment ago waits for its first.\n\n\
         It is `unknown` where the last evaluation lies further in the future than `max_age`: the clocks of \
         Prometheus and of the machine that looked differ by more.\n\n\
         Look at `prometheus_rule_group_iterations_missed_total`, and at the interval of the rule's group."
    FIRING "alert_rules.firing" Warn "an alert that the launch watches fires already"
        "A rule that is to show whether the launch goes well fires before it. Whoever decides must know why, and \
         what it will show once the launch is on.\n\n\
         By hand: `curl -s URL/api/v1/alerts`. A silence does not change what is seen here."
    RELOAD "alert_rules.reload-failed" Fail "Prometheus could not read its configuration"
        "The last reload failed, so Prometheus runs with an older configuration: rules and targets that were \
         changed since are not what is evaluated.\n\n\
         Its log has the reason. By hand: `promtool check config prometheus.yml`."
    TARGETS "alert_rules.too-few-targets" Fail "fewer targets of the job are up than must be"
        "Rules over this job see less than they should; without any target they see nothing, and most then stay \
         quiet for ever.\n\n\
         When there are fewer targets than expected, service discovery does not find them: labels, ports, \
         permissions. When they are there and down, the reason of each stands in a finding of its own. By hand: \
         `curl -s URL/api/v1/targets?state=active`."
    DOWN "alert_rules.target-down" Warn "a target of the job is not being scraped"
        "The last scrape of this target failed, or there was none yet; the reason stands under `actual`. Enough \
         others may be up, but what this one would tell is not seen.\n\n\
         By hand: `curl -s http://INSTANCE/metrics | head`."
}

impl Probe for AlertRules {
    const KIND: &'static str = "alert_rules";
    const SUMMARY: &'static str =
        "Are the alerting rules the launch needs there, healthy and fed with data?";
    const CODES: &'static [&'static Code] = ALL;
    const TARGET: Target = Target::One("prometheus");
    type Observation = Seen;

    fn complaints(&self) -> Vec<Complaint> {
        let mut found = Vec::new();
        let mut complain = |key, message: &str, help: &str| {
            let (message, help) = (message.to_owned(), Some(help.to_owned()));
            found.push(Complaint { key, message, help });
        };
        if self.rules.is_empty() && self.jobs.is_empty() {
            complain(None, "nothing must be there", "name `rules`, or `jobs`, or both");
        }
        if self.jobs.values().any(|least| *least == 0) {
            complain(Some("jobs"), "none up is no demand", "write how many must be up at least");
        }
        if let Some((message, help)) = self.prometheus.no_base() {
            complain(Some("prometheus"), &message, &help);
        }
        if let Some((message, help)) = self.access.complaint() {
            complain(Some("access"), &message, help);
        }
        found
    }

    fn peers(&self) -> Vec<Peer> {
        vec![Peer::new(self.prometheus.scheme(), self.prometheus.authority())]
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Seen, Fault> {
        let limit = cx.remaining() * 9 / 10;
        let access = self.access.based(&cx.base);
        let prometheus = Prometheus::find(&self.prometheus, &access, limit).await?;
        let limit = cx.remaining() * 9 / 10;
        let (rules, targets, reloaded) = join3(
            prometheus.alert_rules(limit),
            prometheus.targets(limit),
            prometheus.reloaded(limit),
        )
        .await;
        Ok(Seen {
            reloaded: reloaded.into(),
            rules: rules.map(|rules| self.rules(&rules)).into(),
            jobs: targets.map(|targets| self.jobs(&targets)).into(),
        })
    }

    fn judge(&self, seen: &Seen, cx: &JudgeCx) -> Vec<Finding> {
        let mut found = Vec::new();
        let asked = [
            seen.rules.fault().filter(|_| !self.rules.is_empty()),
            seen.jobs.fault().filter(|_| !self.jobs.is_empty()),
        ];
        match &seen.reloaded {
            Sight::Seen(Some(false)) => {
                let message = "the last reload failed; it runs with an older configuration";
                found.push(Finding::new(&RELOAD, self.prometheus.to_string(), message));
            }
            // It may have failed, and nobody said. What is told of what was asked is told once.
            Sight::Fault(fault @ (Fault::Timeout { .. } | Fault::Unreachable { .. }))
                if !asked.contains(&Some(fault)) =>
            {
                found.push(Finding::fault(self.prometheus.to_string(), fault));
            }
            // Look-alikes have no such page; what it would say is no part of the question.
            Sight::Seen(Some(true) | None) | Sight::Fault(_) => {}
        }
        if !self.rules.is_empty() {
            match &seen.rules {
                Sight::Seen(rules) => {
                    found.extend(self.rules.iter().flat_map(|name| self.rule(name, rules, cx)));
                }
                Sight::Fault(fault) => {
                    found.push(Finding::fault(self.prometheus.to_string(), fault));
                }
            }
        }
        if !self.jobs.is_empty() {
            match &seen.jobs {
                Sight::Seen(jobs) => {
                    found
                        .extend(self.jobs.iter().flat_map(|(name, least)| job(name, *least, jobs)));
                }
                Sight::Fault(fault) => {
                    found.push(Finding::fault(self.prometheus.to_string(), fault));
                }
            }
        }
        found
    }

    fn summary(&self, seen: &Seen, _: &JudgeCx) -> String {
        let mut parts = Vec::new();
        if let Some(rules) = seen.rules.seen().filter(|_| !self.rules.is_empty()) {
            let total = count(rules.total, "rule");
            parts.push(format!("{} of {total} looked at", rules.named.len()));
        }
        if let Some(jobs) = seen.jobs.seen().filter(|_| !self.jobs.is_empty()) {
            let (up, all) = jobs.values().fold((0, 0), |(up, all), j| (up + j.up, all + j.all));
            parts.push(format!("{up} of {} up", count(all, "target")));
        }
        if parts.is_empty() { "no answer".to_owned() } else { parts.join(", ") }
    }

    fn reproduce(&self, _: Option<&Seen>) -> Vec<String> {
        let at = |path: &str, query: &[(&str, &str)]| {
            let url = self.prometheus.below(path, query);
            format!("curl -sS {}", quote(url.url().as_str()))
        };
        let rules = at("api/v1/rules", &[("type", "alert")]);
        let targets = at("api/v1/targets", &[("state", "active")]);
        [(!self.rules.is_empty(), rules), (!self.jobs.is_empty(), targets)]
            .into_iter()
            .filter_map(|(asked, line)| asked.then_some(line))
            .collect()
    }
}

impl AlertRules {
    fn rules(&self, all: &[AlertRule]) -> Rules {
        let named = all.iter().filter(|rule| self.rules.contains(&rule.name)).map(|rule| Rule {
            name: rule.name.clone(),
            health: clip(&rule.health, 20),
            last_error: clip(&rule.last_error, 300),
            // Never is the zero time of Go, in the year 1.
            last_evaluation: rule.last_evaluation.filter(|at| *at > Timestamp::UNIX_EPOCH),
            state: clip(&rule.state, 20),
        });
        Rules { total: all.len(), named: named.collect() }
    }

    fn jobs(&self, targets: &[ScrapeTarget]) -> BTreeMap<String, Job> {
        let mut jobs: BTreeMap<String, Job> =
            self.jobs.keys().map(|name| (name.clone(), Job::default())).collect();
        for target in targets {
            let name = target.labels.get("job").map_or("", String::as_str);
            let Some(job) = jobs.get_mut(name) else { continue };
            job.all += 1;
            if target.health == "up" {
                job.up += 1;
            } else if job.not_up.len() < NAMED {
                let instance = target.labels.get("instance").map_or("", String::as_str);
                let why =
                    format!("{}: {}", clip(&target.health, 20), clip(&target.last_error, 300));
                job.not_up.push((clip(instance, 200), why));
            }
        }
        jobs
    }

    fn rule(&self, name: &str, rules: &Rules, cx: &JudgeCx) -> Vec<Finding> {
        let of_name: Vec<&Rule> = rules.named.iter().filter(|rule| rule.name == name).collect();
        if of_name.is_empty() {
            let message = format!("none of {} has this name", count(rules.total, "rule"));
            return vec![Finding::new(&MISSING, name, message).expected("an alerting rule")];
        }
        of_name.into_iter().map(|rule| self.health(rule, cx)).collect()
    }

    fn health(&self, rule: &Rule, cx: &JudgeCx) -> Finding {
        if rule.health == "err" {
            return Finding::new(&UNHEALTHY, &rule.name, "its last evaluation failed")
                .expected("an evaluation without error")
                .actual(rule.last_error.clone());
        }
        let since = rule.last_evaluation.map(|at| cx.now.duration_since(at));
        let ahead = since.filter(SignedDuration::is_negative).map(SignedDuration::unsigned_abs);
        if let Some(ahead) = ahead
            && ahead > self.max_age.get()
        {
            let ahead = humane(ahead);
            let message =
                format!("last evaluated {ahead} from now by its clock, so its age is not known");
            return Finding::new(&STALE, &rule.name, message)
                .expected(format!("at most {} ago", self.max_age))
                .actual(format!("{ahead} from now"))
                .with_outcome(Outcome::Unknown);
        }
        let age = since.map(|since| since.max(SignedDuration::ZERO).unsigned_abs());
        let (Some(age), "ok") =
            (age.filter(|age| *age <= self.max_age.get()), rule.health.as_str())
        else {
            let seen = age.map_or_else(|| "never".to_owned(), |age| format!("{} ago", humane(age)));
            let message = format!("last evaluated {seen}, health {}", rule.health);
            return Finding::new(&STALE, &rule.name, message)
                .expected(format!("at most {} ago", self.max_age))
                .actual(seen);
        };
        let message = format!("{}, evaluated {} ago", one_line(&rule.state), humane(age));
        let code = if rule.state == "firing" { &FIRING } else { &OK };
        Finding::new(code, &rule.name, message)
    }
}

fn job(name: &str, least: usize, jobs: &BTreeMap<String, Job>) -> Vec<Finding> {
    let none = Job::default();
    let job = jobs.get(name).unwrap_or(&none);
    let message = format!("{} of {} up", job.up, count(job.all, "target"));
    let code = if job.up >= least { &OK } else { &TARGETS };
    let target = format!("job {name}");
    let mut found = vec![
        Finding::new(code, &target, message)
            .expected(format!("at least {least} up"))
            .actual(job.up.to_string()),
    ];
    found.extend(job.not_up.iter().map(|(instance, why)| {
        Finding::new(&DOWN, format!("{target} {instance}"), one_line(why)).expected("up")
    }));
    let unnamed = job.all.saturating_sub(job.up).saturating_sub(job.not_up.len());
    if unnamed > 0 {
        let message = format!("{} more not up", count(unnamed, "target"));
        found.push(Finding::new(&DOWN, target, message).expected("up"));
    }
    found
}
