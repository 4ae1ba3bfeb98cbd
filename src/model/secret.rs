//! Secrets: the values that may appear in no output, and the one place that removes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// From this length on, in characters, a secret is looked for in other ways of writing it; shorter
/// ones would blank out half of every report.
const TELLING: usize = 4;
/// Below this length, in characters, a secret may well be part of what is no secret.
const SHORT: usize = 8;
/// Up to this length, in bytes, a secret is looked for in every mixture of ways of writing it; longer
/// ones, such as keys, in each of the ways alone.
const MIXED: usize = 512;
/// From this length on, in bytes, a text may have been cut without a mark.
const LONG: usize = 4096;
/// What marks a text that was cut (see [`super::text::clip`]).
const CUT: char = '…';

/// The secret values of this process, in every form they can surface in. Clones share one list.
#[derive(Clone, Default)]
pub struct Secrets {
    known: Arc<RwLock<Known>>,
}

#[derive(Default)]
struct Known {
    /// As they were given.
    given: BTreeSet<String>,
    /// How the list writes those that it names.
    names: BTreeMap<String, String>,
    /// Whole forms, for long secrets and for what was cut.
    forms: BTreeSet<Form>,
    finder: Finder,
}

/// Everything that is looked for, as one pattern.
#[derive(Default)]
enum Finder {
    /// A secret was added since it was made.
    #[default]
    Stale,
    Ready(Regex),
    /// There is too much to look for; the forms are looked for one by one.
    TooLarge,
}

/// One form of a secret; ordered longest first, so that no form hides inside a longer one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Form(std::cmp::Reverse<usize>, String, Way);

/// How a form came about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// As it is.
    Plain,
    /// Escaped: one of the ways that a mixture has.
    Escaped,
    /// In hexadecimal or base64.
    Coded,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    /// Adds a value that must never be shown: raw, in either case, percent-encoded, escaped for JSON
    /// or HTML, in hexadecimal, in base64; of a text of several lines, each line as well.
    pub fn add(&self, value: &str) {
        // A secret file usually ends with a line break that is not part of the secret.
        let value = value.trim_end_matches(['\r', '\n']);
        if value.is_empty() {
            return;
        }
        let mut known = self.write();
        if known.given.insert(value.to_owned()) {
            known.add(value);
            // Who uses it may leave out the blanks around it.
            let parts = value.lines().chain([value.trim()]);
            for part in parts.filter(|part| *part != value && part.len() >= 2 * TELLING) {
                known.add(part);
            }
            known.finder = Finder::Stale;
        }
    }

    /// Adds a value with the way the list writes it, such as `${env:PGPASSWORD}`.
    pub fn add_named(&self, value: &str, written: &str) {
        self.add(value);
        let value = value.trim_end_matches(['\r', '\n']).to_owned();
        self.write().names.entry(value).or_insert_with(|| written.to_owned());
    }

    /// The secrets that a list names and that take ordinary words with them when they are taken out, by
    /// the way they are written: they are short, or stand in one of these texts.
    #[must_use]
    pub fn ordinary<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let texts: Vec<String> = texts.into_iter().map(str::to_lowercase).collect();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_ordinary = |value: &str| {
            let word = value.trim().to_lowercase();
            value.chars().count() < SHORT || texts.iter().any(|text| text.contains(&word))
        };
        let named = known.names.iter().filter(|(value, _)| is_ordinary(value));
        named.map(|(_, written)| written.clone()).collect()
    }

    /// Every secret as it was given, for hosts that want to hide them as well.
    #[must_use]
    pub fn raw(&self) -> Vec<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.given.iter().cloned().collect()
    }

    /// The text without any secret.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.given.is_empty() {
            return text.to_owned();
        }
        if !matches!(known.finder, Finder::Stale) {
            return known.redact(text);
        }
        drop(known);
        let mut known = self.write();
        known.finder = known.finder();
        known.redact(text)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
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
        self.known.read().unwrap_or_else(PoisonError::into_inner).given.is_empty()
    }
}

impl Known {
    fn add(&mut self, value: &str) {
        let mut forms = vec![
            (percent(value, true), Way::Escaped),
            (percent(value, false), Way::Escaped),
            (percent(value, true).replace("%20", "+"), Way::Escaped),
            (Value::from(value).to_string().trim_matches('"').to_owned(), Way::Escaped),
            (value.bytes().map(|b| format!("{b:02x}")).collect(), Way::Coded),
        ];
        // Inside a longer base64 text the secret starts at any of three alignments; only the
        // characters that depend on nothing but the secret are a form of it.
        for shift in 0..3 {
            for url_safe in [false, true] {
                forms.push((base64_core(value.as_bytes(), shift, url_safe), Way::Coded));
            }
        }
        forms.retain(|(form, _)| form.len() >= TELLING);
        forms.push((value.to_owned(), Way::Plain));
        let forms = forms.into_iter().filter(|(form, way)| *way == Way::Plain || form != value);
        self.forms.extend(forms.map(|(form, way)| Form(std::cmp::Reverse(form.len()), form, way)));
    }

    /// The pattern of everything that is looked for, longest first.
    fn finder(&self) -> Finder {
        let mixed = self.forms.iter().filter_map(|Form(_, form, way)| {
            let short = form.chars().count() < TELLING;
            match way {
                Way::Plain if short => Some(regex::escape(form)),
                Way::Plain | Way::Escaped if form.len() > MIXED => Some(regex::escape(form)),
                Way::Plain => {
                    Some(format!("(?i:{})", form.chars().map(any_way).collect::<String>()))
                }
                // Such a mixture is found already, and so is one of its escapes.
                Way::Escaped => None,
                Way::Coded => Some(format!("(?i:{})", form.chars().map(coded).collect::<String>())),
            }
        });
        let pattern = mixed.collect::<Vec<_>>().join("|");
        match RegexBuilder::new(&pattern).size_limit(64 << 20).build() {
            Ok(finder) => Finder::Ready(finder),
            Err(_) => Finder::TooLarge,
        }
    }

    fn redact(&self, text: &str) -> String {
        let found = match &self.finder {
            Finder::Ready(finder) => finder.replace_all(text, REDACTED).into_owned(),
            Finder::Stale | Finder::TooLarge => {
                let mut text = text.to_owned();
                for Form(_, form, _) in &self.forms {
                    if text.contains(form.as_str()) {
                        text = text.replace(form.as_str(), REDACTED);
                    }
                }
                text
            }
        };
        self.without_beginnings(found)
    }

    /// Removes what is left of a secret where a text was cut in the middle of one.
    fn without_beginnings(&self, text: String) -> String {
        let cuts = text.match_indices(CUT).map(|(at, _)| at);
        let end = (text.len() >= LONG).then_some(text.len());
        let mut begun: Vec<(usize, usize)> =
            cuts.chain(end).filter_map(|at| Some((self.beginning(&text[..at])?, at))).collect();
        begun.reverse();
        let mut text = text;
        for (from, to) in begun {
            text.replace_range(from..to, REDACTED);
        }
        text
    }

    /// Where the beginning of a secret begins that a text ends with.
    fn beginning(&self, text: &str) -> Option<usize> {
        let begins = |form: &str| {
            let ends = form.char_indices().map(|(at, _)| at).skip(TELLING).collect::<Vec<_>>();
            ends.into_iter().rev().find(|end| text.ends_with(&form[..*end]))
        };
        let longest = self.forms.iter().filter_map(|Form(_, form, _)| begins(form)).max();
        longest.map(|length| text.len() - length)
    }
}

/// A pattern of a character of a code, of which only some are ever escaped.
fn coded(c: char) -> String {
    if c.is_ascii_alphanumeric() { c.to_string() } else { any_way(c) }
}

/// A pattern of every way in which URLs, JSON and HTML write a character.
fn any_way(c: char) -> String {
    let mut bytes = [0; 4];
    let percent: String =
        c.encode_utf8(&mut bytes).bytes().map(|b| format!("%(?:25)*{b:02x}")).collect();
    let mut ways = vec![regex::escape(&c.to_string()), percent];
    if !c.is_alphanumeric() || !c.is_ascii() {
        let mut units = [0; 2];
        let json = c.encode_utf16(&mut units).iter().map(|unit| format!(r"\\u{unit:04x}"));
        ways.push(json.collect());
        ways.push(format!(r"\\u\{{{:x}\}}", u32::from(c)));
        ways.push(format!("&#0*{};", u32::from(c)));
        ways.push(format!("&#x0*{:x};", u32::from(c)));
    }
    ways.extend(
        match c {
            ' ' => vec![r"\+"],
            '"' => vec![r#"\\""#, "&quot;"],
            '\'' => vec![r"\\'", "&apos;"],
            '\\' => vec![r"\\\\"],
            '/' => vec![r"\\/"],
            '\n' => vec![r"\\n"],
            '\r' => vec![r"\\r"],
            '\t' => vec![r"\\t"],
            '&' => vec!["&amp;"],
            '<' => vec!["&lt;"],
            '>' => vec!["&gt;"],
            _ => Vec::new(),
        }
        .into_iter()
        .map(str::to_owned),
    );
    // The longest way first: `&` is the beginning of `&amp;`.
    ways.sort_by_key(|way| std::cmp::Reverse(way.len()));
    format!("(?:{})", ways.join("|"))
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
    fn a_secret_is_removed_in_any_mixture_of_forms() {
        let secrets = Secrets::default();
        secrets.add("p@ss /w<\"ä\n&");
        for text in [
            "p@ss%20/w%3C%22%C3%A4%0a&",
            "p%2540ss%2520%252Fw%253C%2522%25C3%25A4%250A%2526",
            r#"p@ss \/w<\"\u00e4\n&"#,
            "p@ss /w&lt;&quot;&#228;&#10;&amp;",
            "P@SS /W<\"Ä\n&",
            "70407373202f773c22c3a40a26",
        ] {
            assert_eq!(secrets.redact(text), REDACTED, "{text}");
        }
    }

    #[test]
    fn a_secret_that_was_cut_is_removed_as_far_as_it_goes() {
        let secrets = Secrets::default();
        secrets.add("hunter22-and-more");
        let cut = crate::model::text::clip("the password is hunter22-and-more", 26);
        assert_eq!(secrets.redact(&cut), "the password is [redacted]… (33 bytes in all)");
        let long = "x".repeat(LONG - 8) + "hunter22";
        assert!(!secrets.redact(&long).contains("hunter"), "cut without a mark");
        assert_eq!(secrets.redact("a hunter…"), "a [redacted]…");
        assert_eq!(secrets.redact("a hun…"), "a hun…", "too little to tell");
    }

    #[test]
    fn each_line_of_a_key_is_a_secret_and_short_ones_are_taken_as_they_are() {
        let secrets = Secrets::default();
        secrets.add("first-line\nsecond-line\n");
        secrets.add("on");
        assert_eq!(secrets.redact("second-line it is, ON"), "[redacted] it is, ON");
        assert_eq!(secrets.redact("on it"), "[redacted] it");
    }

    #[test]
    fn a_secret_too_long_for_mixtures_is_removed_in_each_form() {
        let secrets = Secrets::default();
        let key = "k/y ".repeat(200);
        secrets.add(&key);
        for text in [key.clone(), percent(&key, true), percent(&key, false)] {
            assert_eq!(secrets.redact(&text), REDACTED);
        }
    }

    #[test]
    fn secrets_that_are_words_are_told_by_the_way_they_are_written() {
        let secrets = Secrets::default();
        secrets.add_named("Postgres", "${env:A}");
        secrets.add_named("x", "${env:B}");
        secrets.add_named("correct-horse", "${env:C}");
        secrets.add("short");
        let told = secrets.ordinary(["url: postgres://db"]);
        assert_eq!(told, ["${env:A}", "${env:B}"]);
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
