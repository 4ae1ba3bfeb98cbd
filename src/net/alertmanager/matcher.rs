//! Matchers: read as `amtool` reads them, decided as Alertmanager decides.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::go_regex;
use super::read;
use crate::model::schema::text_schema;

/// The labels of an alert.
pub type Labels = BTreeMap<String, String>;

/// A matcher of one label, such as `service="order"` or `alertname=~"High.*"`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Matcher {
    name: String,
    op: Op,
    value: String,
    regex: Option<Regex>,
}

text_schema!(
    Matcher,
    "Matcher",
    "A matcher as amtool reads it: NAME=\"VALUE\", !=, =~ or !~; a name that is not a word stands in quotes.",
    "minLength": 2
);

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends.
    Regex,
    /// `!~`, anchored at both ends.
    NotRegex,
}

impl Op {
    /// The operator as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// Whether the value is a regular expression.
    #[must_use]
    pub const fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::NotRegex)
    }

    /// Whether it asks for the value, not for any other.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        matches!(self, Self::Equal | Self::Regex)
    }
}

impl Matcher {
    /// A matcher of its parts.
    ///
    /// # Errors
    /// When the name is empty or the regular expression is none.
    pub fn new(name: String, op: Op, value: String) -> Result<Self, String> {
        if name.is_empty() {
            return Err("the label's name is missing".to_owned());
        }
        let regex = if op.is_regex() {
            let bad = |why| format!("the value of {name} is not a regular expression: {why}");
            Some(go_regex::anchored(&value).map_err(bad)?)
        } else {
            None
        };
        Ok(Self { name, op, value, regex })
    }

    /// The label.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The comparison.
    #[must_use]
    pub const fn op(&self) -> Op {
        self.op
    }

    /// The value or expression.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a value passes. A label that is not there has the empty value.
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        let found = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        found == self.op.is_positive()
    }

    /// Whether labels pass.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.accepts(labels.get(&self.name).map_or("", String::as_str))
    }

    /// Whether the name is one every version of Alertmanager takes; others need 0.27.
    #[must_use]
    pub fn is_classic(&self) -> bool {
        is_classic_name(&self.name)
    }
}

/// Whether labels pass all of these, as a silence wants it.
#[must_use]
pub fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

fn is_classic_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl PartialOrd for Matcher {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Matcher {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.name, self.op, &self.value).cmp(&(&other.name, other.op, &other.value))
    }
}

impl FromStr for Matcher {
    type Err = String;

    /// Reads a matcher as `amtool` does: by the classic rules first and, where those cannot, by
    /// the UTF-8 rules of 0.27.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |why: &str| format!("`{text}` is not a matcher such as service=\"order\": {why}");
        let (name, op, value) =
            read::classic(text).or_else(|_| read::utf8(text)).map_err(|why| bad(&why))?;
        Self::new(name, op, value).map_err(|why| bad(&why))
    }
}

impl TryFrom<String> for Matcher {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> Self {
        matcher.to_string()
    }
}

impl fmt::Display for Matcher {
    /// In the form that both rules read back alike.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| {
            format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n"))
        };
        let name = if self.is_classic() { self.name.clone() } else { quoted(&self.name) };
        f.pad(&format!("{name}{}{}", self.op.as_str(), quoted(&self.value)))
    }
}

/// Matchers as one text, `{a="b", c=~"d"}`.
#[must_use]
pub fn show(matchers: &[Matcher]) -> String {
    let all: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    format!("{{{}}}", all.join(", "))
}
