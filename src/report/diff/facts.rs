//! Which changed facts are worth a line: what a person would act on, not what differs from one look to
//! the next anyway (times, latencies that differ a little, process numbers, counters of this run).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::super::wrap::line;

/// A fact that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Where it stands among the facts, such as `addresses[192.0.2.1:443].certificate.not_after`.
    pub what: String,
    /// What it was; `absent` where it was not.
    pub before: String,
    /// What it is; `absent` where it is gone.
    pub after: String,
}

/// Milliseconds a latency must have grown or shrunk by, beside having doubled or halved.
const FELT: f64 = 50.0;

/// The fields by which the parts of a list are told apart.
const NAMES: [&str; 12] = [
    "name",
    "type",
    "server",
    "resolver",
    "address",
    "endpoint",
    "url",
    "id",
    "label",
    "region",
    "application",
    "host",
];

/// Keys that differ from one look to the next: when it was, how much time is left of something, who
/// served it.
const PASSING: [&str; 14] = [
    "at",
    "ttl",
    "longest_ttl",
    "until",
    "warm_until",
    "this_update",
    "next_update",
    "produced_at",
    "expires_at",
    "pid",
    "handshakes",
    "stapled_first",
    "uptime",
    "sha256_of_answer",
];

/// The facts of each place that changed and are worth a line.
pub(super) fn changed(
    before: &BTreeMap<String, Value>,
    after: &BTreeMap<String, Value>,
) -> Vec<Fact> {
    let flat = |all: &BTreeMap<String, Value>| {
        let mut out = BTreeMap::new();
        for (place, seen) in all {
            flatten(seen, place, Order::Any, &mut out);
        }
        out
    };
    compare(&flat(before), &flat(after), is_worth_a_line)
}

/// Everything that differs between two values that people wrote.
pub(super) fn all(before: &Value, after: &Value) -> Vec<Fact> {
    let flat = |value: &Value| {
        let mut out = BTreeMap::new();
        flatten(value, "", Order::Kept, &mut out);
        out
    };
    compare(&flat(before), &flat(after), |_, _, _| true)
}

fn compare(
    before: &BTreeMap<String, Value>,
    after: &BTreeMap<String, Value>,
    wanted: impl Fn(&str, &Value, &Value) -> bool,
) -> Vec<Fact> {
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let show = |value: &Value| match value {
        Value::Null => "absent".to_owned(),
        Value::String(text) => line(text.trim_end()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            line(&value.to_string())
        }
    };
    let mut facts: Vec<Fact> = Vec::new();
    for key in keys {
        let old = before.get(key).unwrap_or(&Value::Null);
        let now = after.get(key).unwrap_or(&Value::Null);
        if old == now || !wanted(key, old, now) {
            continue;
        }
        let (mut what, mut was, mut is) = (line(key), show(old), show(now));
        // A part of a list that came or went is told by its name, once.
        if let Some(part) = part_of(key).filter(|_| old.is_null() || now.is_null()) {
            what = line(part);
            let there = |value: &Value| if value.is_null() { "absent" } else { "there" };
            (was, is) = (there(old).to_owned(), there(now).to_owned());
        }
        let fact = Fact { what, before: was, after: is };
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    facts
}

/// The part of a list whose name a path leads to.
fn part_of(path: &str) -> Option<&str> {
    let (part, key) = path.rsplit_once('.')?;
    (NAMES.contains(&key) && part.ends_with(']')).then_some(part)
}

/// Whether the order of plain values in a list means something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As in a command's words.
    Kept,
    /// As in a server's answers.
    Any,
}

/// Every scalar under its path. The parts of a list are named by what tells them apart, so that
/// another order is no change; a list of plain values is one value.
fn flatten(value: &Value, path: &str, order: Order, out: &mut BTreeMap<String, Value>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                flatten(value, &below(key), order, out);
            }
        }
        // Pairs of a name and a value, as headers are.
        Value::Array(items) if !items.is_empty() && items.iter().all(is_pair) => {
            for pair in items {
                let name = pair[0].as_str().unwrap_or_default();
                flatten(&pair[1], &format!("{path}[{name}]"), order, out);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            let mut known: BTreeMap<String, usize> = BTreeMap::new();
            for (n, item) in items.iter().enumerate() {
                let name = name_of(item).unwrap_or_else(|| n.to_string());
                let twin = known.entry(name.clone()).or_default();
                *twin += 1;
                let name = if *twin == 1 { name } else { format!("{name} {twin}") };
                flatten(item, &format!("{path}[{name}]"), order, out);
            }
        }
        Value::Array(items) => {
            let mut items: Vec<String> = items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                .collect();
            if order == Order::Any {
                items.sort();
            }
            out.insert(path.to_owned(), Value::String(items.join(", ")));
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.insert(path.to_owned(), value.clone());
        }
    }
}

fn is_pair(item: &Value) -> bool {
    item.as_array().is_some_and(|pair| pair.len() == 2 && pair.iter().all(Value::is_string))
}

fn name_of(item: &Value) -> Option<String> {
    let named: Vec<&str> =
        NAMES.iter().filter_map(|key| item.get(key).and_then(Value::as_str)).collect();
    (!named.is_empty()).then(|| named.join(" "))
}

/// Whether a change of a fact is more than that time has passed.
fn is_worth_a_line(path: &str, before: &Value, after: &Value) -> bool {
    let key = path.rsplit('.').next().unwrap_or(path);
    let key = key.split('[').next().unwrap_or(key);
    let passing = PASSING.contains(&key) || key.ends_with("_pid") || key.ends_with("_at");
    // What this tool calls itself to a server is new for each run.
    if passing || path.contains("[gonogo-") {
        return false;
    }
    if before.is_null() || after.is_null() {
        // A part that came or went is told by its name, not by all that is in it.
        return NAMES.contains(&key) || !path.contains('[');
    }
    match (before, after) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
            let (less, more) = (a.min(b), a.max(b));
            if is_time(key) || a.fract() != 0.0 || b.fract() != 0.0 {
                more - less >= FELT && more >= 2.0 * less
            } else {
                more - less >= 0.25 * less
            }
        }
        (Value::String(a), Value::String(b)) => {
            let passing = is_instant(a) && is_instant(b) || is_own_mark(a) && is_own_mark(b);
            !passing || key.starts_with("not_")
        }
        _ => true,
    }
}

fn is_time(key: &str) -> bool {
    let unit = ["ms", "millis", "seconds", "secs"];
    let last = key.rsplit(['_', '-']).next().unwrap_or(key);
    unit.contains(&last) || matches!(key, "p50" | "p95" | "p99" | "max" | "min" | "mean")
}

/// A time as records and as HTTP write it.
fn is_instant(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
        || jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).is_ok()
}

/// What this tool calls itself to a server, new for each run.
fn is_own_mark(text: &str) -> bool {
    text.starts_with("gonogo-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(before: &Value, after: &Value, expected: &[&str]) {
        let place = |value: &Value| BTreeMap::from([(String::new(), value.clone())]);
        let facts = changed(&place(before), &place(after));
        let said: Vec<String> = facts
            .iter()
            .map(|fact| format!("{}: {} -> {}", fact.what, fact.before, fact.after))
            .collect();
        assert_eq!(said, expected, "{before} and {after}");
    }

    #[test]
    fn time_that_passed_is_no_change() {
        for (before, after) in [
            (json!({ "ttl": 60 }), json!({ "ttl": 12 })),
            (json!({ "at": "2026-11-20T10:00:00Z" }), json!({ "at": "2026-11-20T11:00:00Z" })),
            (json!({ "seen": "2026-11-20T10:00:00Z" }), json!({ "seen": "2026-11-21T10:00:00Z" })),
            (json!({ "p95": 14.2 }), json!({ "p95": 19.9 })),
            (json!({ "connect_ms": 3 }), json!({ "connect_ms": 30 })),
            (json!({ "used": 100 }), json!({ "used": 110 })),
            (json!({ "backend_pid": 1 }), json!({ "backend_pid": 2 })),
            (json!({ "values": ["a", "b"] }), json!({ "values": ["b", "a"] })),
            (
                json!([{ "name": "a", "n": 1 }, { "name": "b" }]),
                json!([{ "name": "b" }, { "name": "a", "n": 1 }]),
            ),
            (
                json!({ "headers": [["date", "Fri, 20 Nov 2026 21:28:00 GMT"]] }),
                json!({ "headers": [["date", "Fri, 20 Nov 2026 21:28:02 GMT"]] }),
            ),
        ] {
            check(&before, &after, &[]);
        }
    }

    #[test]
    fn what_somebody_would_act_on_is_a_change() {
        check(
            &json!({ "not_after": "2026-12-12T00:00:00Z", "serial": "01" }),
            &json!({ "not_after": "2027-03-12T00:00:00Z", "serial": "02" }),
            &["not_after: 2026-12-12T00:00:00Z -> 2027-03-12T00:00:00Z", "serial: 01 -> 02"],
        );
        check(&json!({ "p95": 14.0 }), &json!({ "p95": 186.0 }), &["p95: 14.0 -> 186.0"]);
        check(&json!({ "used": 100 }), &json!({ "used": 180 }), &["used: 100 -> 180"]);
        check(
            &json!({ "values": ["192.0.2.66"] }),
            &json!({ "values": ["192.0.2.10"] }),
            &["values: 192.0.2.66 -> 192.0.2.10"],
        );
        check(
            &json!([{ "address": "a", "port": 1 }]),
            &json!([{ "address": "b", "port": 1 }]),
            &["[a]: there -> absent", "[b]: absent -> there"],
        );
        check(
            &json!({ "stapled": true }),
            &json!({ "stapled": false }),
            &["stapled: true -> false"],
        );
    }

    #[test]
    fn words_of_a_command_keep_their_order() {
        let facts = all(&json!({ "run": ["sh", "-c"] }), &json!({ "run": ["-c", "sh"] }));
        assert_eq!(facts[0].before, "sh, -c");
    }
}
