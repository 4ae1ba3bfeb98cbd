//! The checklist language as the user writes it. The comments here are its manual.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::model::id::CheckId;
use crate::model::outcome::Severity;
use crate::model::people::People;
use crate::model::time::{Moment, Offset, Phase, Span};
use crate::model::vantage::Quorum;

/// A go-live readiness checklist.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawChecklist {
    /// The version of the checklist language; 1.
    #[schemars(range(min = 1, max = 1))]
    pub gonogo: u32,
    /// What is launched, such as `PixelRush v1.2.0`. Also available as `${name}`.
    pub name: String,
    /// T-0, the instant of the launch, with its zone: `2026-11-23T10:00:00+08:00`, or with a zone
    /// name, `2026-11-23T10:00[Asia/Shanghai]`. Without it the launch is the moment of the run.
    #[schemars(regex(pattern = r"[Tt ].*([Zz]|[+-][0-9]{2}(:?[0-9]{2})?|\])$"))]
    pub launch: Option<String>,
    /// The release window around the launch: certificates must outlive it, silences cover it.
    /// Without it the window has no length.
    pub window: Option<RawWindow>,
    /// The phases of the countdown, such as `[T-72h, T-24h, T-1h, T-0]`. A check with `phases` of
    /// its own is looked at in those only; one without, in all.
    pub phases: Option<Vec<Phase>>,
    /// Other files of this language whose steps come before these, relative to this file. They may
    /// have `include`, `vars`, `defaults`, `steps`, `waivers` and `people`; what this file says of a
    /// variable or a role wins over what they say.
    #[serde(default)]
    pub include: Vec<String>,
    /// Values to be filled in wherever `${NAME}` stands in a text, keys included. `--var NAME=VALUE`
    /// overrides.
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub vars: Option<IgnoredAny>,
    /// What holds for every check that says nothing else.
    pub defaults: Option<RawDefaults>,
    /// The steps, run in this order, after those of included files.
    #[schemars(with = "Option<Vec<RawStep>>", length(min = 1))]
    pub steps: Option<IgnoredAny>,
    /// What somebody accepts, why and until when.
    #[schemars(with = "Option<Vec<RawWaiver>>")]
    pub waivers: Option<IgnoredAny>,
    /// The people of the launch by role: `release`, `recovery`, `communications`, `primary`,
    /// `secondary`, or whatever your launches have. The `owner` of a check is one of them.
    #[schemars(with = "Option<People>")]
    pub people: Option<IgnoredAny>,
}

/// A file that is included.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFragment {
    /// The version of the checklist language; 1.
    pub gonogo: Option<u32>,
    /// See [`RawChecklist::include`].
    #[serde(default)]
    pub include: Vec<String>,
    /// See [`RawChecklist::vars`].
    pub vars: Option<IgnoredAny>,
    /// What holds for the checks of this file.
    pub defaults: Option<RawDefaults>,
    /// See [`RawChecklist::steps`].
    pub steps: Option<IgnoredAny>,
    /// See [`RawChecklist::waivers`].
    pub waivers: Option<IgnoredAny>,
    /// See [`RawChecklist::people`].
    pub people: Option<IgnoredAny>,
}

/// A fault that somebody accepts. It stays visible, marked, and does not block until the waiver runs
/// out; then it is a failure of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWaiver {
    /// The check it is about, an id or a glob of ids.
    pub check: String,
    /// Only this code, such as `tls.staple-missing`; every code without it.
    pub code: Option<String>,
    /// Only this target, as the finding names it; every target without it.
    pub target: Option<String>,
    /// Why it is acceptable.
    pub reason: String,
    /// Who accepts it.
    pub by: String,
    /// When it runs out: an instant with its zone, or an offset from the launch such as `T+3h`.
    pub until: Moment,
}

/// The release window.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWindow {
    /// When it begins, such as `T-15m`.
    pub from: Offset,
    /// When it ends, such as `T+3h`.
    pub to: Offset,
}

/// What holds for every check that says nothing else.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawDefaults {
    /// How long one try of a check may take; 10s unless said here.
    pub timeout: Option<Span>,
    /// How often and when a check is tried again; once unless said here.
    pub retry: Option<Retry>,
}

/// When and how often a check is tried again. Every try is in the record.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How many tries there are in all, the first included.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// How long to wait before the second try; doubled for each further one, up to a minute. 500ms
    /// by default.
    #[serde(default = "default_backoff")]
    pub backoff: Span,
    /// Which outcomes are tried again. Only `unknown` by default: what was looked at and is wrong
    /// stays wrong, unless the target is known to flap.
    #[serde(default = "default_on")]
    pub on: Vec<RetryOn>,
}

fn default_backoff() -> Span {
    Span::from_millis(500)
}

fn default_on() -> Vec<RetryOn> {
    vec![RetryOn::Unknown]
}

/// An outcome that is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// Nothing was learnt.
    Unknown,
    /// It is wrong.
    Fail,
}

/// A step: checks that are looked at together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawStep {
    /// What the step is about.
    pub name: String,
    /// Whether the list ends after this step when a blocker before or in it did not pass.
    pub halt_on: Option<HaltOn>,
    /// The checks, run at the same time.
    #[schemars(with = "Vec<RawCheck>", length(min = 1))]
    pub checks: IgnoredAny,
}

/// What ends the list after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HaltOn {
    /// A blocker failed.
    Fail,
    /// A blocker failed or nothing could be learnt of it.
    Unknown,
}

/// A check: what every kind has in common. Its kind is a key of its own, such as `dns:` or `tls:`,
/// with the kind's parameters under it; there is exactly one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCheck {
    /// Its name, unique in the list: letters, digits, `.`, `-`, `_`.
    pub id: CheckId,
    /// What it is for, in one line.
    pub title: Option<String>,
    /// The phases it is looked at in, out of the list's; all of them by default.
    #[schemars(length(min = 1))]
    pub phases: Option<Vec<Phase>>,
    /// Who looks after it.
    pub owner: Option<String>,
    /// Where to read what to do, usually a link.
    pub runbook: Option<String>,
    /// `blocker` (the default): a failure is NO-GO. `advisory`: shown, but never stops the launch.
    pub severity: Option<Severity>,
    /// Labels to select it by, with `--tag`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The checks that must pass first; when one does not, this one is skipped.
    #[serde(default)]
    pub needs: Vec<String>,
    /// How long one try may take.
    pub timeout: Option<Span>,
    /// How often and when it is tried again.
    pub retry: Option<Retry>,
    /// How long a pass counts. In a later phase than its own, a check whose last recorded pass is
    /// older than this is looked at again: a pass at T-72h is not a pass at T-0.
    pub valid_for: Option<Span>,
    /// How many vantage points must find it right when runs from several (`--vantage NAME`) are put
    /// together with `gonogo merge`: `all` (the default), `majority`, or a number. Of the vantage
    /// points that looked: one that was told not to look has no say.
    pub quorum: Option<Quorum>,
    /// Makes one check for every value, or every combination of values of several names, such as
    /// `{ region: [cn-east, us-west] }`: `dns.login[cn-east]`, `dns.login[us-west]`. Each has the
    /// value as `${region}`.
    #[schemars(with = "Option<BTreeMap<String, Vec<Value>>>")]
    pub for_each: Option<IgnoredAny>,
    /// What must be true of the facts beside what the parameters say: CEL expressions over the
    /// kind's observation, such as `latency.p95 < duration('50ms')`.
    #[serde(default)]
    pub expect: Vec<String>,
}

impl RawCheck {
    /// The keys that are not kinds.
    pub const KEYS: [&'static str; 14] = [
        "id",
        "title",
        "phases",
        "owner",
        "runbook",
        "severity",
        "tags",
        "needs",
        "timeout",
        "retry",
        "valid_for",
        "quorum",
        "for_each",
        "expect",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_the_fields() {
        let schema = schemars::schema_for!(RawCheck);
        let properties = schema.get("properties").and_then(Value::as_object).expect("an object");
        let fields: Vec<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(fields, RawCheck::KEYS);
    }
}
