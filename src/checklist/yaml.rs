//! YAML text to a tree with places. The only file that knows the YAML crate.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DuplicateKeyPolicy, Location, Spanned};

use crate::model::node::{Content, Key, Node, Place, Problem, Text};

/// The largest file that is read, in bytes: a launch list of thousands of checks is under one.
pub const FILE_LIMIT: usize = 8 * 1024 * 1024;

/// Reads YAML text. `file` is the number the places bear.
///
/// # Errors
/// The first thing that is not YAML, or goes past the limits that keep a hostile file from
/// filling the memory.
pub fn parse(text: &str, file: usize) -> Result<Node, Problem> {
    let source = Source { text, file };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = serde_yaml::options! {
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        budget: serde_yaml::budget! {
            max_depth: 64,
            max_nodes: 500_000,
            max_events: 2_000_000,
            max_aliases: 10_000,
            max_anchors: 10_000,
            max_total_scalar_bytes: FILE_LIMIT,
        },
    };
    let raw: Option<Spanned<Raw>> =
        serde_yaml::from_str_with_options(text, options).map_err(|error| source.problem(&error))?;
    raw.map_or_else(
        || Ok(Node { content: Content::Null, place: Place { file, start: 0, end: 0 } }),
        |raw| source.node(raw),
    )
}

/// A value as the YAML crate sees it.
enum Raw {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        // JSON has no NaN and no infinity; such a spelling is text to us, and no number anywhere.
        Ok(serde_json::Number::from_f64(value)
            .map_or_else(|| Raw::Text(value.to_string()), Raw::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

/// The text being read: gives places and spellings.
struct Source<'a> {
    text: &'a str,
    file: usize,
}

impl Source<'_> {
    fn place(&self, location: Location) -> Place {
        let span = location.span();
        // The byte order mark is cut off before the parser counts.
        let bom = if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let start = span
            .byte_offset()
            .map_or_else(|| self.offset(location), |offset| bom.saturating_add(at(offset)));
        let start = self.boundary(start);
        let end = self.boundary(start.saturating_add(at(span.byte_len().unwrap_or_default())));
        Place { file: self.file, start, end }
    }

    /// The byte of a position that is only known by line and column, both from 1.
    fn offset(&self, location: Location) -> usize {
        let line = usize::try_from(location.line().saturating_sub(1)).unwrap_or(usize::MAX);
        let column = usize::try_from(location.column().saturating_sub(1)).unwrap_or(usize::MAX);
        let start: usize = self.text.split_inclusive('\n').take(line).map(str::len).sum();
        let rest = self.text.get(start..).unwrap_or_default();
        start + rest.chars().take(column).map(char::len_utf8).sum::<usize>()
    }

    /// The nearest place at or before `n` where a character begins.
    fn boundary(&self, n: usize) -> usize {
        let n = n.min(self.text.len());
        (0..=n).rev().find(|n| self.text.is_char_boundary(*n)).unwrap_or(0)
    }

    fn node(&self, raw: Spanned<Raw>) -> Result<Node, Problem> {
        let place = self.place(raw.defined);
        let content = match raw.value {
            Raw::Null => Content::Null,
            Raw::Bool(value) => Content::Bool(value),
            Raw::Number(value) => {
                let spelled = self.text.get(place.start..place.end).map(str::trim);
                let spelled = spelled.filter(|text| !text.is_empty());
                let spelled = spelled.map_or_else(|| value.to_string(), str::to_owned);
                Content::Number(value, spelled)
            }
            Raw::Text(value) => Content::Text(Text { value, shown: None }),
            Raw::List(items) => Content::List(
                items.into_iter().map(|item| self.node(item)).collect::<Result<_, _>>()?,
            ),
            Raw::Map(entries) => Content::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| Ok((self.key(key)?, self.node(value)?)))
                    .collect::<Result<_, Problem>>()?,
            ),
        };
        Ok(Node { content, place })
    }

    fn key(&self, raw: Spanned<Raw>) -> Result<Key, Problem> {
        let node = self.node(raw)?;
        let text = match node.content {
            Content::Text(text) => text.value,
            Content::Number(_, text) => text,
            Content::Bool(value) => value.to_string(),
            Content::Null | Content::List(_) | Content::Map(_) => {
                return Err(Problem::new(node.place, "a key must be a word"));
            }
        };
        Ok(Key { text, place: node.place })
    }

    fn problem(&self, error: &serde_yaml::Error) -> Problem {
        let error = error.without_snippet();
        let place = error.location().map_or_else(Place::default, |at| self.place(at));
        let text = error.to_string();
        // The crate ends its messages with a position of its own; ours is exact.
        let text = text.split(" at line ").next().unwrap_or(&text);
        // A tab is the commonest mistake, and the crate names it by the grammar's words.
        let text = if text.contains("tabs disallowed") {
            "a tab; YAML is indented with blanks only"
        } else {
            text
        };
        Problem::new(Place { file: self.file, ..place }, text.trim_end_matches('.').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice<'a>(text: &'a str, node: &Node) -> &'a str {
        &text[node.place.start..node.place.end]
    }

    #[test]
    fn places_and_spellings_are_kept() {
        let text = "名: 日本\nn: 1.20\nq: \"5\"\nb: yes\nt: true\nl: [a, {b: c}]\ne:\n";
        let node = parse(text, 3).expect("good yaml");
        let value = |key: &str| node.get(key).expect(key);
        assert_eq!(slice(text, value("名")), "日本");
        assert_eq!(value("名").place.file, 3);
        assert!(matches!(&value("n").content, Content::Number(_, text) if text == "1.20"));
        assert_eq!(value("q").as_text(), Some("5"));
        assert_eq!(value("b").as_text(), Some("yes"));
        assert_eq!(value("t").content, Content::Bool(true));
        assert_eq!(value("e").content, Content::Null);
        assert_eq!(node.entries()[1].0.place.start, text.find("n:").expect("n"));
    }

    #[test]
    fn duplicate_keys_reach_the_tree() {
        let node = parse("a: 1\nb: 2\na: 3\n", 0).expect("good yaml");
        let keys: Vec<&str> = node.entries().iter().map(|(key, _)| key.text.as_str()).collect();
        assert_eq!(keys, ["a", "b", "a"]);
        assert_eq!(node.entries()[2].0.place.start, 10);
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let text = "base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nagain: *b\n";
        let node = parse(text, 0).expect("good yaml");
        let used = node.get("use").expect("use");
        assert_eq!(used.get("x").map(Node::describe).as_deref(), Some("the number 1"));
        assert_eq!(used.get("y").map(Node::describe).as_deref(), Some("the number 3"));
        assert_eq!(node.get("again").expect("again").entries().len(), 2);
    }

    #[test]
    fn what_is_not_yaml_is_pointed_at() {
        let problem = parse("a: [1, 2\nb: 3\n", 0).expect_err("an open bracket");
        assert!(problem.place.start > 0, "{problem:?}");
        let problem = parse("a: b\n\tc: d\n", 0).expect_err("a tab");
        assert!(problem.place.start > 0, "{problem:?}");
    }

    #[test]
    fn bombs_end_quickly() {
        let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
        for (n, c) in "bcdefghij".chars().enumerate() {
            let p = char::from(b'a' + u8::try_from(n).expect("small"));
            bomb.push_str(&format!("{c}: &{c} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n"));
        }
        assert!(parse(&bomb, 0).is_err());
        assert!(parse(&"[".repeat(200_000), 0).is_err());
        assert!(parse(&"{a: ".repeat(200_000), 0).is_err());
    }
}
