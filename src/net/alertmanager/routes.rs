//! The route tree of an Alertmanager's running configuration, walked as Alertmanager walks it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::matcher::{Labels, Matcher, Op, all_match, show};
use crate::model::text::one_line;

/// A running configuration, as far as routing goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    root: Route,
    /// Each receiver and its integrations, such as `pagerduty`, each as often as it has it; none of them
    /// where it tells nobody.
    pub receivers: BTreeMap<String, Vec<String>>,
    /// The sources of the inhibition rules.
    sources: Vec<Vec<Matcher>>,
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    receiver: String,
    matchers: Vec<Matcher>,
    goes_on: bool,
    muted: bool,
    routes: Vec<Self>,
}

/// Where an alert ends up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The receiver.
    pub receiver: String,
    /// Whether the route has times at which it is muted, or outside of which it is.
    pub muted_at_times: bool,
}

#[derive(Deserialize)]
struct RawConfig {
    route: RawRoute,
    #[serde(default)]
    receivers: Vec<BTreeMap<String, Value>>,
    #[serde(default)]
    inhibit_rules: Vec<RawInhibition>,
}

#[derive(Deserialize)]
struct RawInhibition {
    #[serde(default, rename = "source_match")]
    equal: BTreeMap<String, String>,
    #[serde(default, rename = "source_match_re")]
    regex: BTreeMap<String, String>,
    #[serde(default, rename = "source_matchers")]
    matchers: Vec<String>,
}

#[derive(Deserialize)]
struct RawRoute {
    #[serde(default)]
    receiver: Option<String>,
    #[serde(default, rename = "match")]
    equal: BTreeMap<String, String>,
    #[serde(default, rename = "match_re")]
    regex: BTreeMap<String, String>,
    #[serde(default)]
    matchers: Vec<String>,
    #[serde(default, rename = "continue")]
    goes_on: bool,
    #[serde(default)]
    mute_time_intervals: Vec<String>,
    #[serde(default)]
    active_time_intervals: Vec<String>,
    #[serde(default)]
    routes: Vec<Self>,
}

impl Routing {
    /// Reads `config.original` of `/api/v2/status`.
    ///
    /// # Errors
    /// What cannot be understood of it, in one line.
    pub fn read(yaml: &str) -> Result<Self, String> {
        let raw: RawConfig = serde_yaml::from_str(yaml)
            .map_err(|error| one_line(&error.without_snippet().to_string()))?;
        let receivers = raw.receivers.iter().filter_map(|receiver| {
            let name = receiver.get("name")?.as_str()?.to_owned();
            let integrations = receiver.iter().flat_map(|(key, value)| {
                let all = key.strip_suffix("_configs").zip(value.as_array());
                all.into_iter().flat_map(|(kind, all)| all.iter().map(|_| kind.to_owned()))
            });
            Some((name, integrations.collect()))
        });
        let sources =
            raw.inhibit_rules.iter().map(|rule| matchers(&rule.equal, &rule.regex, &rule.matchers));
        Ok(Self {
            receivers: receivers.collect(),
            root: route(&raw.route, "")?,
            sources: sources.collect::<Result<_, String>>()?,
        })
    }

    /// Where an alert with these labels ends up, in the order of the tree.
    #[must_use]
    pub fn stops(&self, labels: &Labels) -> Vec<Stop> {
        let mut stops = Vec::new();
        self.root.walk(labels, &mut stops);
        stops
    }

    /// The sources of inhibition rules that an alert with these labels would be, as they are written.
    #[must_use]
    pub fn inhibits(&self, labels: &Labels) -> Vec<String> {
        let sources = self.sources.iter().filter(|source| all_match(source, labels));
        sources.map(|source| show(source)).collect()
    }
}

impl Route {
    /// Whether this node, or one below it, takes the alert.
    fn walk(&self, labels: &Labels, stops: &mut Vec<Stop>) -> bool {
        if !all_match(&self.matchers, labels) {
            return false;
        }
        let before = stops.len();
        for route in &self.routes {
            if route.walk(labels, stops) && !route.goes_on {
                break;
            }
        }
        // A node takes what none of its children did.
        if stops.len() == before {
            let stop = Stop { receiver: self.receiver.clone(), muted_at_times: self.muted };
            stops.push(stop);
        }
        true
    }
}

fn route(raw: &RawRoute, parent: &str) -> Result<Route, String> {
    let receiver = raw.receiver.clone().filter(|name| !name.is_empty());
    let receiver = receiver.unwrap_or_else(|| parent.to_owned());
    let matchers = matchers(&raw.equal, &raw.regex, &raw.matchers)?;
    let routes: Result<Vec<Route>, String> =
        raw.routes.iter().map(|child| route(child, &receiver)).collect();
    let timed = [&raw.mute_time_intervals, &raw.active_time_intervals];
    Ok(Route {
        matchers,
        goes_on: raw.goes_on,
        muted: timed.iter().any(|times| !times.is_empty()),
        routes: routes?,
        receiver,
    })
}

/// The three ways in which a configuration writes matchers, together.
fn matchers(
    equal: &BTreeMap<String, String>,
    regex: &BTreeMap<String, String>,
    lines: &[String],
) -> Result<Vec<Matcher>, String> {
    let mut matchers = Vec::new();
    for (op, all) in [(Op::Equal, equal), (Op::Regex, regex)] {
        for (name, value) in all {
            matchers.push(Matcher::new(name.clone(), op, value.clone())?);
        }
    }
    for line in lines {
        for text in split(line) {
            matchers.push(text.parse()?);
        }
    }
    Ok(matchers)
}

/// `{a="b", c=~"d,e"}` into its matchers: at the commas that stand in no quotes.
fn split(line: &str) -> Vec<String> {
    let line = line.trim();
    let line = line.strip_prefix('{').unwrap_or(line);
    let line = line.strip_suffix('}').unwrap_or(line);
    let (mut quoted, mut escaped) = (false, false);
    let mut all = vec![String::new()];
    for c in line.chars() {
        match c {
            ',' if !quoted => {
                all.push(String::new());
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = all.last_mut() {
            last.push(c);
        }
    }
    all.retain(|text| !text.trim().is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_do_not_split() {
        for (line, all) in [
            (r#"a="b""#, vec![r#"a="b""#]),
            (r#"{a="b,c",d=~"e|f"}"#, vec![r#"a="b,c""#, r#"d=~"e|f""#]),
            (r#"a="\",\\",b=c"#, vec![r#"a="\",\\""#, "b=c"]),
            ("a=b,", vec!["a=b"]),
        ] {
            assert_eq!(split(line), all);
        }
    }

    #[test]
    fn what_is_no_configuration_is_said() {
        for bad in ["", "[]", "route: 3", "receivers: []", "route: { matchers: ['a=~['] }"] {
            Routing::read(bad).expect_err(bad);
        }
    }
}
