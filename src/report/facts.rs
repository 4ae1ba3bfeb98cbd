//! Observations as people skim them: JSON that fills its lines and breaks only what does not fit.

#[cfg(feature = "pdf")]
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::wrap::{line, width};

/// A value in lines of about `room` columns, two blanks for each depth.
pub(super) fn lines(value: &Value, room: usize) -> Vec<String> {
    let mut out = Vec::new();
    write(value, "", "", 0, room, &mut out);
    out
}

fn write(
    value: &Value,
    before: &str,
    after: &str,
    depth: usize,
    room: usize,
    out: &mut Vec<String>,
) {
    let indent = "  ".repeat(depth.min(12));
    let whole = format!("{indent}{before}{}{after}", inline(value));
    let fits = width(&whole) <= room;
    match value {
        Value::Object(map) if !fits && !map.is_empty() => {
            out.push(format!("{indent}{before}{{"));
            for (n, (key, item)) in map.iter().enumerate() {
                let key = format!("{}: ", Value::from(key.as_str()));
                let comma = if n + 1 < map.len() { "," } else { "" };
                write(item, &line(&key), comma, depth + 1, room, out);
            }
            out.push(format!("{indent}}}{after}"));
        }
        Value::Array(items) if !fits && !items.is_empty() => {
            out.push(format!("{indent}{before}["));
            for (n, item) in items.iter().enumerate() {
                let comma = if n + 1 < items.len() { "," } else { "" };
                write(item, "", comma, depth + 1, room, out);
            }
            out.push(format!("{indent}]{after}"));
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => out.push(line(&whole)),
    }
}

/// A value in one line, with blanks between its parts.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let items: Vec<String> = map
                .iter()
                .map(|(key, item)| format!("{}: {}", Value::from(key.as_str()), inline(item)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// The facts as `key value` in the order they stand, for where there is little room: what is there,
/// without what holds it together. A key that stands in several places has those above it before it,
/// `role.used 0`, as many as tell the places apart.
#[cfg(feature = "pdf")]
pub(super) fn brief(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    gather(value, &mut Vec::new(), &mut found);
    let places: BTreeSet<&[&str]> = found.iter().map(|(path, _)| path.as_slice()).collect();
    let mut ends: BTreeMap<&[&str], usize> = BTreeMap::new();
    for place in places {
        for n in 0..place.len() {
            *ends.entry(&place[n..]).or_default() += 1;
        }
    }
    let name = |path: &[&str]| {
        let alone = (0..path.len()).rev().find(|n| ends.get(&path[*n..]) == Some(&1));
        path[alone.unwrap_or_default()..].join(".")
    };
    found.iter().map(|(path, value)| line(format!("{} {value}", name(path)).trim_start())).collect()
}

/// Every fact with the keys that lead to it; the parts of a list stand in one place.
#[cfg(feature = "pdf")]
fn gather<'a>(value: &'a Value, path: &mut Vec<&'a str>, out: &mut Vec<(Vec<&'a str>, String)>) {
    // As JSON where it has quotes or escapes of its own, so that it is clear where a text ends.
    let plain = |value: &Value| match value.as_str() {
        Some(text) if !text.contains(['"', '\\']) => text.to_owned(),
        Some(_) | None => value.to_string(),
    };
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push((path.clone(), plain(value)));
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for item in items {
                gather(item, path, out);
            }
        }
        Value::Array(items) if items.is_empty() => {}
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            out.push((path.clone(), items.join(", ")));
        }
        Value::Object(map) => {
            for (key, item) in map {
                path.push(key);
                gather(item, path, out);
                path.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_fits_is_one_line_and_what_does_not_is_broken() {
        let value = json!({ "a": [1, 2], "b": { "c": "dddddddddddddddddddd", "e": null } });
        assert_eq!(
            lines(&value, 80),
            [r#"{"a": [1, 2], "b": {"c": "dddddddddddddddddddd", "e": null}}"#]
        );
        assert_eq!(
            lines(&value, 30),
            [
                "{",
                r#"  "a": [1, 2],"#,
                r#"  "b": {"#,
                r#"    "c": "dddddddddddddddddddd","#,
                r#"    "e": null"#,
                "  }",
                "}",
            ]
        );
        let again: Value = serde_json::from_str(&lines(&value, 30).concat()).expect("still JSON");
        assert_eq!(again, value);
    }

    #[cfg(feature = "pdf")]
    #[test]
    fn brief_facts_say_where_they_belong_where_the_key_alone_does_not() {
        let value = json!({
            "used": 3,
            "role": { "name": "gonogo", "used": 0, "limit": null },
            "database": { "used": 1 },
            "parts": [{ "host": "a", "idle": { "count": 2 } }, { "host": "b", "idle": { "count": 4 } }],
            "groups": ["x", "y"],
        });
        let mut facts = brief(&value);
        facts.sort();
        assert_eq!(
            facts,
            [
                "count 2",
                "count 4",
                "database.used 1",
                "groups x, y",
                "host a",
                "host b",
                "name gonogo",
                "role.used 0",
                "used 3",
            ]
        );
        assert_eq!(brief(&json!("alone")), ["alone"]);
    }
}
