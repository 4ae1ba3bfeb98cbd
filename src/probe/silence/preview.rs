//! What a silence would keep quiet: decided here exactly as Alertmanager decides, from what fires
//! and from the rules that can fire.

use std::collections::{BTreeMap, BTreeSet};

use super::observe::{AlertSeen, RuleSeen, Rules, Seen};
use crate::model::fault::Sight;
use crate::model::text::{count, one_line};
use crate::net::alertmanager::{Labels, Matcher, all_match};

/// Whether a silence reaches the alerts of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// It does not.
    No,
    /// A matcher asks for a label that comes from the rule's expression, so nobody knows before it
    /// fires.
    Perhaps,
    /// It does.
    Sure,
}

/// Whether matchers reach the alerts of a rule. Labels the rule sets are known, and so are those of
/// alerts it has now. Of a rule without alerts a label that it does not set, or sets by a template,
/// is not known; there a negative matcher is taken to accept, so that the guard rails see the most
/// that a silence can do.
pub(super) fn reach(matchers: &[Matcher], rule: &RuleSeen) -> Reach {
    if rule.alerts.iter().any(|labels| all_match(matchers, labels)) {
        return Reach::Sure;
    }
    let has_now = |name: &str| rule.alerts.iter().any(|labels| labels.contains_key(name));
    let one =
        |matcher: &Matcher| {
            let (sure, no) = (Reach::Sure, Reach::No);
            match rule.labels.get(matcher.name()) {
                Some(value) if !value.contains("{{") => {
                    if matcher.accepts(value) {
                        sure
                    } else {
                        no
                    }
                }
                // The alerts it has now show that it makes none with this label.
                None if !rule.alerts.is_empty() && !has_now(matcher.name()) => {
                    if matcher.accepts("") { sure } else { no }
                }
                Some(_) | None if !matcher.op().is_positive() && matcher.accepts("") => sure,
                Some(_) | None => Reach::Perhaps,
            }
        };
    matchers.iter().map(one).min().unwrap_or(Reach::Sure)
}

/// Whether a silence of what the matchers match touches what `never` protects among the alerts of a
/// rule. A label that the rule makes by a template has a value that only its alerts show.
pub(super) fn touches(matchers: &[Matcher], never: &Matcher, rule: &RuleSeen) -> Reach {
    let reach = reach(matchers, rule);
    if reach == Reach::No {
        return Reach::No;
    }
    let hit = |labels: &Labels| all_match(matchers, labels) && never.matches(labels);
    if rule.alerts.iter().any(hit) {
        return Reach::Sure;
    }
    let made = rule.labels.get(never.name()).is_some_and(|value| value.contains("{{"));
    if made {
        Reach::Perhaps
    } else if never.matches(&rule.labels) {
        reach
    } else {
        Reach::No
    }
}

/// What would be kept quiet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Preview {
    /// Firing alerts that match, each once however many members have it.
    pub alerts: Vec<AlertSeen>,
    /// How many there are, those that were not kept included.
    pub matched: usize,
    /// The largest number of alerts that fire on one member.
    pub firing: usize,
    /// How many rules are reached; absent when no Prometheus was asked or it did not answer.
    pub rules: Option<usize>,
    /// How many more may be.
    pub perhaps: usize,
    /// How many rules there are.
    pub all_rules: usize,
    /// The names of rules that are reached.
    pub rule_names: BTreeSet<String>,
}

impl Preview {
    pub(super) fn of(matchers: &[Matcher], seen: &Seen) -> Self {
        let mut alerts: BTreeMap<&Labels, AlertSeen> = BTreeMap::new();
        let (mut firing, mut matched) = (0, 0);
        for up in seen.members.iter().filter_map(|member| member.up()) {
            firing = firing.max(up.firing);
            matched = matched.max(up.matched);
            for alert in up.alerts.iter().filter(|a| all_match(matchers, &a.labels)) {
                alerts.entry(&alert.labels).or_insert_with(|| alert.clone());
            }
        }
        let alerts: Vec<AlertSeen> = alerts.into_values().collect();
        let matched = matched.max(alerts.len());
        let Some(Sight::Seen(rules)) = &seen.rules else {
            return Self { alerts, matched, firing, ..Self::default() };
        };
        Self {
            alerts,
            matched,
            firing,
            rules: Some(rules.reached),
            perhaps: rules.perhaps,
            all_rules: rules.total,
            rule_names: names(matchers, rules),
        }
    }

    /// `2 rules (HighLatency, PaymentTimeout), 1 firing alert (HighLatency)`.
    pub(super) fn line(&self) -> String {
        let firing: BTreeSet<&str> = self.alerts.iter().map(AlertSeen::name).collect();
        let alerts = count(self.matched, "firing alert") + &list(firing);
        match self.rules {
            Some(rules) => {
                let names = self.rule_names.iter().map(String::as_str).collect();
                let perhaps = match self.perhaps {
                    0 => String::new(),
                    n => format!(" and perhaps {n} more"),
                };
                format!("{}{}{perhaps}, {alerts}", count(rules, "rule"), list(names))
            }
            None => alerts,
        }
    }

    /// The receivers that would hear less.
    pub(super) fn receivers(&self) -> BTreeSet<&str> {
        self.alerts.iter().flat_map(|a| a.receivers.iter().map(String::as_str)).collect()
    }
}

fn names(matchers: &[Matcher], rules: &Rules) -> BTreeSet<String> {
    let reached = rules.kept.iter().filter(|rule| reach(matchers, rule) == Reach::Sure);
    reached.map(|rule| rule.name.clone()).collect()
}

/// ` (a, b, c and 4 more)`; nothing for none.
fn list(names: BTreeSet<&str>) -> String {
    const SHOWN: usize = 6;
    if names.is_empty() {
        return String::new();
    }
    let more = names.len().saturating_sub(SHOWN);
    let mut text = names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(" and ");
        text.push_str(&more.to_string());
        text.push_str(" more");
    }
    format!(" ({})", one_line(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn check(rule: &RuleSeen, cases: &[(&str, Reach)]) {
        for (matcher, expected) in cases {
            let parsed: Matcher = matcher.parse().expect(matcher);
            assert_eq!(reach(&[parsed], rule), *expected, "{matcher}");
        }
    }

    #[test]
    fn what_a_rule_sets_is_known_and_the_rest_is_not() {
        let set =
            [("alertname", "HighLatency"), ("service", "order"), ("pod", "{{ $labels.pod }}")];
        let quiet =
            RuleSeen { name: "HighLatency".to_owned(), labels: labels(&set), alerts: Vec::new() };
        check(
            &quiet,
            &[
                ("service=order", Reach::Sure),
                ("service=match", Reach::No),
                ("service=~ord", Reach::No),
                ("pod=x", Reach::Perhaps),
                ("namespace=prod", Reach::Perhaps),
                ("namespace!=dev", Reach::Sure),
                ("alertname=~High.*", Reach::Sure),
                ("alertname!=HighLatency", Reach::No),
            ],
        );
    }

    #[test]
    fn the_alerts_of_a_rule_show_which_labels_it_makes() {
        let set = [("alertname", "Watchdog"), ("severity", "none")];
        let has = labels(&[("alertname", "Watchdog"), ("severity", "none"), ("zone", "north")]);
        let loud =
            RuleSeen { name: "Watchdog".to_owned(), labels: labels(&set), alerts: vec![has] };
        check(
            &loud,
            &[
                ("service=order", Reach::No),
                ("service!=order", Reach::Sure),
                ("zone=north", Reach::Sure),
                ("zone=south", Reach::Perhaps),
            ],
        );
    }

    #[test]
    fn what_is_protected_is_looked_for_in_labels_alerts_and_templates() {
        let matchers: Vec<Matcher> = vec!["service=order".parse().expect("a matcher")];
        let template = "{{ if gt $value 9.0 }}page{{ else }}warn{{ end }}";
        let rule = |severity: &str, alerts: &[&str]| RuleSeen {
            name: "A".to_owned(),
            labels: labels(&[("service", "order"), ("severity", severity)]),
            alerts: alerts
                .iter()
                .map(|severity| labels(&[("service", "order"), ("severity", severity)]))
                .collect(),
        };
        for (never, rule, touched) in [
            ("severity=page", rule("page", &[]), Reach::Sure),
            ("severity=page", rule("warn", &[]), Reach::No),
            ("severity=page", rule(template, &[]), Reach::Perhaps),
            ("severity=page", rule(template, &["warn"]), Reach::Perhaps),
            ("severity=page", rule(template, &["warn", "page"]), Reach::Sure),
            ("severity!=warn", rule(template, &[]), Reach::Perhaps),
            ("severity=warn", rule("warn", &["warn"]), Reach::Sure),
        ] {
            let parsed: Matcher = never.parse().expect(never);
            assert_eq!(touches(&matchers, &parsed, &rule), touched, "{never} {rule:?}");
        }
    }
}
