//! Secrets: the values that may appear in no output, and the one place that removes them.

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

use serde_json::Value;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// The secret values of this process, in every form they can surface in. Clones share one list.
#[derive(Clone, Default)]
pub struct Secrets {
    forms: Arc<RwLock<BTreeSet<Form>>>,
    given: Arc<RwLock<BTreeSet<String>>>,
}

/// One form of a secret; ordered longest first, so that no form hides inside a longer one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Form(std::cmp::Reverse<usize>, String);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    /// Adds a value that must never be shown: raw, percent-encoded, JSON-escaped and base64.
    pub fn add(&self, value: &str) {
        // A secret file usually ends with a line break that is not part of the secret.
        let value = value.trim_end_matches(['\r', '\n']);
        if value.is_empty() {
            return;
        }
        let mut given = self.given.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        given.insert(value.to_owned());
        let mut forms = vec![value.to_owned(), percent(value, true), percent(value, false)];
        forms.push(percent(value, true).replace("%20", "+"));
        forms.push(serde_json::Value::from(value).to_string().trim_matches('"').to_owned());
        // Inside a longer base64 text the secret starts at any of three alignments; only the
        // characters that depend on nothing but the secret are a form of it.
        for shift in 0..3 {
            for url_safe in [false, true] {
                forms.push(base64_core(value.as_bytes(), shift, url_safe));
            }
        }
        let mut known = self.forms.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for form in forms {
            // A form of one or two characters would blank out half of every report.
            if form == value || form.len() >= 4 {
                known.insert(Form(std::cmp::Reverse(form.len()), form));
            }
        }
    }

    /// Every secret as it was given, for hosts that want to hide them as well.
    #[must_use]
    pub fn raw(&self) -> Vec<String> {
        let known = self.given.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.iter().cloned().collect()
    }

    /// The text without any secret.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let known = self.forms.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut text = text.to_owned();
        for Form(_, form) in known.iter() {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), REDACTED);
            }
        }
        text
    }

    /// Removes every secret from all strings of a JSON value, keys included.
    pub fn redact_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_value(item)),
            Value::Object(map) => {
                for (key, mut item) in std::mem::take(map) {
                    self.redact_value(&mut item);
                    map.insert(self.redact(&key), item);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether there is nothing to hide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forms.read().unwrap_or_else(std::sync::PoisonError::into_inner).is_empty()
    }
}

/// Percent-encoding (RFC 3986 §2.1) of everything but unreserved characters.
fn percent(value: &str, upper: bool) -> String {
    value
        .bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(b).to_string()
            }
            _ if upper => format!("%{b:02X}"),
            _ => format!("%{b:02x}"),
        })
        .collect()
}

/// The base64 characters (RFC 4648) that depend only on `bytes`, when they follow `shift` others.
fn base64_core(bytes: &[u8], shift: usize, url_safe: bool) -> String {
    let table: &[u8; 64] = if url_safe {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    } else {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    };
    let bits: Vec<u8> = bytes.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
    // The first whole sextet after the foreign bits.
    let skip = (6 - (shift * 8) % 6) % 6;
    bits.get(skip..)
        .unwrap_or_default()
        .chunks_exact(6)
        .map(|six| char::from(table[six.iter().fold(0, |n, bit| n << 1 | usize::from(*bit))]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_removed_in_every_form() {
        let secrets = Secrets::default();
        secrets.add("p@ss w\"rd!\n");
        for text in [
            "login p@ss w\"rd! failed",
            "postgres://u:p%40ss%20w%22rd%21@h",
            "postgres://u:p%40ss%20w%22rd%21@h".to_lowercase().as_str(),
            "q=p%40ss+w%22rd%21",
            r#"{"a":"p@ss w\"rd!"}"#,
            "Basic dTpwQHNzIHcicmQh", // u:p@ss w"rd!
            "cEBzcyB3InJkIQ==",       // p@ss w"rd! alone
        ] {
            let shown = secrets.redact(text);
            assert!(shown.contains(REDACTED), "{text} -> {shown}");
            assert!(!shown.contains("rd!"), "{text} -> {shown}");
        }
    }

    #[test]
    fn values_are_cleaned_to_the_leaves() {
        let secrets = Secrets::default();
        secrets.add("hunter22");
        let mut value = serde_json::json!({"hunter22": [1, {"a": "x hunter22 y"}]});
        secrets.redact_value(&mut value);
        assert_eq!(value.to_string(), r#"{"[redacted]":[1,{"a":"x [redacted] y"}]}"#);
    }
}
