//! Numbers out of a body that is JSON, and how they move between two samples.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A number of the body in the first sample and in the last; the same twice where there is one sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// In the first sample.
    pub first: f64,
    /// In the last sample.
    pub last: f64,
    /// How much more it is in the last one.
    pub growth: f64,
}

/// The numbers at these pointers (RFC 6901), by their names; those that are not there are left out.
pub(super) fn numbers(body: &str, pointers: &BTreeMap<String, String>) -> BTreeMap<String, f64> {
    if pointers.is_empty() {
        return BTreeMap::new();
    }
    let Ok(body) = serde_json::from_str::<Value>(body) else { return BTreeMap::new() };
    let number = |(name, pointer): (&String, &String)| {
        let number = body.pointer(pointer)?.as_f64()?;
        number.is_finite().then(|| (name.clone(), number))
    };
    pointers.iter().filter_map(number).collect()
}

/// What both samples have.
pub(super) fn readings(
    first: &BTreeMap<String, f64>,
    last: &BTreeMap<String, f64>,
) -> BTreeMap<String, Reading> {
    let both = first.iter().filter_map(|(name, first)| Some((name, *first, *last.get(name)?)));
    let reading = |first: f64, last: f64| Reading { first, last, growth: last - first };
    both.map(|(name, first, last)| (name.clone(), reading(first, last))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_where_the_pointers_lead() {
        let pointers: BTreeMap<String, String> = [
            ("in_use", "/db/InUse"),
            ("slash", "/a~1b"),
            ("item", "/all/1"),
            ("text", "/name"),
            ("none", "/nothing"),
        ]
        .map(|(name, pointer)| (name.to_owned(), pointer.to_owned()))
        .into();
        let body = r#"{"db": {"InUse": 7}, "a/b": 1.5, "all": [1, 2], "name": "7"}"#;
        let found: Vec<(String, f64)> = numbers(body, &pointers).into_iter().collect();
        assert_eq!(
            found,
            [("in_use", 7.0), ("item", 2.0), ("slash", 1.5)].map(|(n, v)| (n.to_owned(), v))
        );
        assert!(numbers("no JSON", &pointers).is_empty());
        let whole = BTreeMap::from([("all".to_owned(), String::new())]);
        assert_eq!(numbers("42\n", &whole), BTreeMap::from([("all".to_owned(), 42.0)]));
    }

    #[test]
    fn only_what_both_samples_have_is_a_reading() {
        let sample = |all: &[(&str, f64)]| {
            all.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
        };
        let all = readings(&sample(&[("a", 1.0), ("b", 2.0)]), &sample(&[("a", 4.0), ("c", 5.0)]));
        let a = Reading { first: 1.0, last: 4.0, growth: 3.0 };
        assert_eq!(all.into_iter().collect::<Vec<_>>(), [("a".to_owned(), a)]);
    }
}
