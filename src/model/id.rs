//! Names of runs and checks.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::schema::text_schema;

/// The name of a check, unique in its list: letters, digits, `.`, `-`, `_`, and for a check made by
/// `for_each` its value in brackets, such as `dns.login[cn-east]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CheckId(String);

text_schema!(
    CheckId,
    "CheckId",
    "The name of a check, unique in its list.",
    "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\[\]]+\])?$"
);

/// A check id that is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a check id starts with a letter or digit and has only letters, digits, `.`, `-` and `_`, not `{0}`"
)]
pub struct BadCheckId(String);

impl CheckId {
    /// Reads an id as a person wrote it.
    ///
    /// # Errors
    /// When it is empty or holds other characters than an id may.
    pub fn new(text: impl Into<String>) -> Result<Self, BadCheckId> {
        let text = text.into();
        let (name, value) = match text.split_once('[') {
            Some((name, rest)) => (name, rest.strip_suffix(']')),
            None => (text.as_str(), Some("x")),
        };
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let good_name =
            name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(word);
        let good_value = value.is_some_and(|v| {
            !v.is_empty() && !v.contains(['[', ']']) && !v.contains(char::is_control)
        });
        if good_name && good_value { Ok(Self(text)) } else { Err(BadCheckId(text)) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a pattern with `*` and `?` matches the whole id. A pattern without a `for_each` value
    /// matches every check made from that id.
    #[must_use]
    pub fn matches(&self, pattern: &str) -> bool {
        let bare = self.0.split_once('[').map_or(self.0.as_str(), |(name, _)| name);
        glob(pattern.as_bytes(), self.0.as_bytes())
            || (!pattern.contains('[') && glob(pattern.as_bytes(), bare.as_bytes()))
    }
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    // The last star seen, and how much of the text it has taken.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

impl TryFrom<String> for CheckId {
    type Error = BadCheckId;

    fn try_from(text: String) -> Result<Self, BadCheckId> {
        Self::new(text)
    }
}

impl From<CheckId> for String {
    fn from(id: CheckId) -> Self {
        id.0
    }
}

impl Borrow<str> for CheckId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of a run: a `UUIDv7` (RFC 9562 §5.7), so names sort by the time they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub uuid::Uuid);

text_schema!(RunId, "RunId", "The name of a run, a UUIDv7.", "format": "uuid");

impl RunId {
    /// The short form shown to people and used to mark what a run did elsewhere: the last 12
    /// digits, which are random, where the first ones are only the time.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.0.simple().to_string();
        text[text.len() - 12..].to_owned()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_words_with_an_optional_value() {
        for good in ["a", "dns.login", "tls-1_b", "dns.login[cn-east]", "0.x"] {
            assert!(CheckId::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".a", "a b", "a[", "a[]", "a[b]c", "a]b", "é", "a[b\n]"] {
            assert!(CheckId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn globs_match_whole_ids() {
        for (pattern, id, hit) in [
            ("dns.login", "dns.login", true),
            ("dns.login", "dns.login2", false),
            ("dns.*", "dns.login", true),
            ("*", "x", true),
            ("*.login", "tls.login", true),
            ("d?s.*in", "dns.login", true),
            ("d?s", "ds", false),
            ("dns.login", "dns.login[cn-east]", true),
            ("dns.login[cn*", "dns.login[cn-east]", true),
            ("dns.login[us]", "dns.login[cn-east]", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
        ] {
            assert_eq!(CheckId::new(id).expect(id).matches(pattern), hit, "{pattern} {id}");
        }
    }
}
