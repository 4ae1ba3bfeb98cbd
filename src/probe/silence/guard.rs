//! The guard rails: what no silence may do, each with its own code. Where one of them fails,
//! nothing is applied.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::observe::Seen;
use super::preview::{Preview, Reach, reach, touches};
use super::{Silence, codes};
use crate::model::code::Code;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::one_line;
use crate::model::time::{Span, Window, humane};
use crate::net::alertmanager::{Matcher, Op, show};

/// Labels that cut across services, so that a value of theirs is no scope.
const NO_SCOPE: [&str; 7] =
    ["alertname", "severity", "priority", "level", "monitor", "prometheus", "alertstate"];
/// Values no real label has; an expression that takes them all takes anything.
const ODD: [&str; 5] = ["q", "7-gonogo-f3a9", "Ünlikely välue", "__x__.y/z:1", "日本"];
/// From how many rules or firing alerts on a share of them says something.
const ENOUGH: usize = 5;

/// A guard rail that a reason can open.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Rail {
    /// `silence.no-scope`
    NoScope,
    /// `silence.too-broad`
    TooBroad,
    /// `silence.matches-anything`
    MatchesAnything,
    /// `silence.touches-protected`
    TouchesProtected,
    /// `silence.too-long`
    TooLong,
    /// `silence.empty-comment`
    EmptyComment,
    /// `silence.not-covered`
    NotCovered,
}

impl Rail {
    /// The code of its findings.
    const fn code(self) -> &'static Code {
        match self {
            Self::NoScope => &codes::NO_SCOPE,
            Self::TooBroad => &codes::TOO_BROAD,
            Self::MatchesAnything => &codes::MATCHES_ANYTHING,
            Self::TouchesProtected => &codes::TOUCHES_PROTECTED,
            Self::TooLong => &codes::TOO_LONG,
            Self::EmptyComment => &codes::EMPTY_COMMENT,
            Self::NotCovered => &codes::NOT_COVERED,
        }
    }
}

/// Every guard rail that stands against this silence. One that the check opens with a reason warns.
pub(super) fn judge(probe: &Silence, seen: &Seen, window: Window, now: Timestamp) -> Vec<Finding> {
    let mut found = all(probe, seen, window, now);
    for (rail, reason) in &probe.accept {
        let of_rail = |finding: &&mut Finding| finding.code == rail.code().id;
        for finding in found.iter_mut().filter(of_rail) {
            finding.message.push_str("; accepted: ");
            finding.message.push_str(&one_line(reason));
            finding.outcome = Outcome::Warn;
        }
    }
    found
}

fn all(probe: &Silence, seen: &Seen, window: Window, now: Timestamp) -> Vec<Finding> {
    let preview = Preview::of(&probe.matchers, seen);
    let mut found = Vec::new();
    found.extend(anything(probe));
    found.extend(scope(probe));
    found.extend(breadth(probe, &preview));
    found.extend(protected(probe, seen, &preview));
    found.extend(times(probe, window, now));
    found.extend(empty_comment(probe));
    found.extend(covered(probe, seen));
    found.extend(nothing(probe, &preview));
    found
}

fn anything(probe: &Silence) -> Vec<Finding> {
    let wide = |m: &&Matcher| m.op() == Op::Regex && accepts_anything(m);
    let each = probe.matchers.iter().filter(wide).map(|matcher| {
        let message = format!("{matcher} matches any value");
        Finding::new(&codes::MATCHES_ANYTHING, probe.target(), message)
            .expected("an expression that can say no")
            .actual(matcher.to_string())
    });
    each.collect()
}

/// Whether a matcher takes whatever value a label has.
pub(super) fn accepts_anything(matcher: &Matcher) -> bool {
    ODD.iter().all(|value| matcher.accepts(value))
}

fn scope(probe: &Silence) -> Option<Finding> {
    if probe.matchers.iter().any(is_scope) {
        return None;
    }
    let message = "no matcher names the service, cluster or other part that is being released";
    Some(
        Finding::new(&codes::NO_SCOPE, probe.target(), message)
            .expected("a matcher such as service=\"order\"")
            .actual(probe.target()),
    )
}

/// Whether a matcher confines the silence to named values of a label that tells parts apart.
fn is_scope(matcher: &Matcher) -> bool {
    if NO_SCOPE.contains(&matcher.name()) {
        return false;
    }
    match matcher.op() {
        Op::Equal => !matcher.value().is_empty(),
        Op::Regex => is_list_of_names(matcher.value()),
        Op::NotEqual | Op::NotRegex => false,
    }
}

/// `a|b|c`: an expression that is only a list of values.
fn is_list_of_names(expression: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || "-_/:@ ".contains(c);
    expression.split('|').all(|name| !name.is_empty() && name.chars().all(word))
}

fn breadth(probe: &Silence, preview: &Preview) -> Option<Finding> {
    let (part, whole, what) = match preview.rules {
        Some(rules) => (rules, preview.all_rules, "alerting rules"),
        None => (preview.matched, preview.firing, "firing alerts"),
    };
    if whole < ENOUGH || part * 4 <= whole * 3 {
        return None;
    }
    let message = format!("would silence {part} of all {whole} {what}");
    Some(
        Finding::new(&codes::TOO_BROAD, probe.target(), message)
            .expected("at most three quarters of them")
            .actual(format!("{part} of {whole}")),
    )
}

fn protected(probe: &Silence, seen: &Seen, preview: &Preview) -> Vec<Finding> {
    let rules = match &seen.rules {
        Some(Sight::Seen(rules)) => rules.kept.as_slice(),
        Some(Sight::Fault(_)) | None => &[],
    };
    let each = probe.never().into_iter().filter_map(|never| {
        let alert = preview.alerts.iter().find(|alert| never.matches(&alert.labels));
        let reached =
            |wanted| rules.iter().find(|rule| touches(&probe.matchers, &never, rule) == wanted);
        let message = if let Some(alert) = alert {
            let name = one_line(alert.name());
            format!("would silence the firing alert {name}, which {never} protects")
        } else if let Some(rule) = reached(Reach::Sure) {
            format!("would silence the rule {}, which {never} protects", one_line(&rule.name))
        } else if names(&probe.matchers, &never) {
            format!("asks for what {never} protects")
        } else {
            let rule = reached(Reach::Perhaps)?;
            let message =
                format!("may silence the rule {}, which {never} protects", one_line(&rule.name));
            let finding = Finding::new(&codes::TOUCHES_PROTECTED, probe.target(), message);
            return Some(finding.with_outcome(Outcome::Warn));
        };
        let finding = Finding::new(&codes::TOUCHES_PROTECTED, probe.target(), message);
        Some(finding.expected(format!("nothing that {never} matches")))
    });
    each.collect()
}

/// Whether the matchers themselves ask for what must never be silenced, whatever fires now.
fn names(matchers: &[Matcher], never: &Matcher) -> bool {
    let on: Vec<&Matcher> = matchers.iter().filter(|m| m.name() == never.name()).collect();
    let all_accept = |value: &str| on.iter().all(|m| m.accepts(value));
    if never.op() == Op::Equal && !never.value().is_empty() {
        return on.iter().any(|m| m.op().is_positive()) && all_accept(never.value());
    }
    let mut asked = on.iter().flat_map(|m| named(m));
    asked.any(|value| never.accepts(value) && all_accept(value))
}

/// The values that a matcher asks for by name; none where it asks in another way.
pub(super) fn named(matcher: &Matcher) -> Vec<&str> {
    match matcher.op() {
        Op::Equal => vec![matcher.value()],
        Op::Regex if is_list_of_names(matcher.value()) => matcher.value().split('|').collect(),
        Op::Regex | Op::NotEqual | Op::NotRegex => Vec::new(),
    }
}

fn times(probe: &Silence, window: Window, now: Timestamp) -> Vec<Finding> {
    let length = window.to.duration_since(window.from);
    let actual = super::show_window(window);
    if length.is_zero() || length.is_negative() {
        let message = "the silence would end before it begins, or at once";
        return vec![
            Finding::new(&codes::EMPTY_WINDOW, probe.target(), message)
                .expected("an end after the beginning: name `for` or `to`, or a release window")
                .actual(actual),
        ];
    }
    let mut found = Vec::new();
    if window.to <= now {
        let message = format!("its window is over: {actual}");
        found.push(
            Finding::new(&codes::WINDOW_OVER, probe.target(), message)
                .expected("an end in the future")
                .actual(actual),
        );
    }
    let length = length.unsigned_abs();
    if length > probe.max_for.get() {
        let message = format!("would last {}, longer than {}", humane(length), probe.max_for);
        found.push(
            Finding::new(&codes::TOO_LONG, probe.target(), message)
                .expected(format!("at most {}", probe.max_for))
                .actual(Span::from(length).to_string()),
        );
    }
    found
}

fn empty_comment(probe: &Silence) -> Option<Finding> {
    if !probe.comment.trim().is_empty() {
        return None;
    }
    let message = "the comment is empty; whoever meets the silence cannot know why it is there";
    Some(Finding::new(&codes::EMPTY_COMMENT, probe.target(), message).expected("a reason"))
}

/// The alerts that must be covered, each by name.
fn covered(probe: &Silence, seen: &Seen) -> Vec<Finding> {
    probe.alerts.iter().filter_map(|name| uncovered(probe, seen, name)).collect()
}

fn uncovered(probe: &Silence, seen: &Seen, name: &str) -> Option<Finding> {
    let not = |why: String| {
        Finding::new(&codes::NOT_COVERED, name, why)
            .expected(format!("{name} is silenced"))
            .actual(probe.target())
    };
    let on_name: Vec<&Matcher> =
        probe.matchers.iter().filter(|m| m.name() == "alertname").collect();
    if let Some(refuses) = on_name.iter().find(|m| !m.accepts(name)) {
        return Some(not(format!("would not be silenced: {refuses} leaves it out")));
    }
    let firing = || seen.members.iter().filter_map(|m| m.up()).flat_map(|up| &up.alerts);
    let fires: Vec<_> = firing().filter(|alert| alert.name() == name).collect();
    if fires.iter().any(|alert| super::matches(probe, &alert.labels)) {
        return None;
    }
    let rules: Vec<_> = match &seen.rules {
        Some(Sight::Seen(rules)) => rules.kept.iter().filter(|rule| rule.name == name).collect(),
        // Its own finding says that nothing was learnt.
        Some(Sight::Fault(_)) => return None,
        // Nobody answered, which has findings of its own.
        None if firing_is_unknown(seen) => return None,
        None if fires.is_empty() => {
            let why = "it does not fire now, and without `prometheus` its labels are not known";
            return Some(not(why.to_owned()).with_outcome(Outcome::Unknown));
        }
        None => Vec::new(),
    };
    match rules.iter().map(|rule| reach(&probe.matchers, rule)).max() {
        Some(Reach::Sure) => return None,
        Some(Reach::Perhaps) => {
            let why = "a matcher asks for a label that comes from its expression: whether it is silenced is \
                       seen only when it fires";
            return Some(not(why.to_owned()).with_outcome(Outcome::Warn));
        }
        Some(Reach::No) | None => {}
    }
    Some(match (rules.first(), fires.first()) {
        (None, None) => not("there is no alerting rule of this name".to_owned()),
        (Some(rule), _) => not(format!("would not be silenced: it has {}", labels(&rule.labels))),
        (None, Some(alert)) => {
            not(format!("would not be silenced: it has {}", labels(&alert.labels)))
        }
    })
}

fn firing_is_unknown(seen: &Seen) -> bool {
    seen.members.iter().all(|member| member.up().is_none())
}

fn labels(labels: &crate::net::alertmanager::Labels) -> String {
    let all: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    one_line(&all.join(", "))
}

/// Nothing that is known would be silenced: more often a slip of the pen than the plan.
fn nothing(probe: &Silence, preview: &Preview) -> Option<Finding> {
    if preview.rules != Some(0) || preview.perhaps > 0 || !preview.alerts.is_empty() {
        return None;
    }
    let message = format!("no rule and no firing alert matches {}", show(&probe.matchers));
    Some(
        Finding::new(&codes::MATCHES_NOTHING, probe.target(), message)
            .expected("at least one alerting rule")
            .actual(format!("none of {}", preview.all_rules)),
    )
}
