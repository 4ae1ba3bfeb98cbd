//! A document as a tree that knows where each value stands, and a serde reader over it.
//!
//! The reader collects every mistake it meets instead of stopping at the first: a value that cannot
//! be read is noted, set aside, and the reading begins again without it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeOwned, Expected, IntoDeserializer, Unexpected, Visitor};
use serde_json::Value;

use super::text::did_you_mean;

/// A stretch of a source file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Which of the loaded files, by number.
    pub file: usize,
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub content: Content,
    /// Where it stands.
    pub place: Place,
}

/// The value of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number with its spelling, so that `1.20` in a place for text stays `1.20`.
    Number(serde_json::Number, String),
    /// Text.
    Text(Text),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order written, duplicates included.
    Map(Vec<(Key, Node)>),
}

/// A piece of text, and how it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text with all references filled in.
    pub value: String,
    /// The text as it may be shown, when it holds secrets: those stand as they were written.
    pub shown: Option<String>,
}

/// The key of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key itself.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// One mistake in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong: lower case, without a full stop.
    pub message: String,
    /// What to do instead.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without advice.
    #[must_use]
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: None }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The problem of a key that nobody knows, with the nearest of those that are known.
    #[must_use]
    pub fn unknown_key<'a>(key: &Key, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let help = match did_you_mean(&key.text, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "nothing can stand here".to_owned(),
            None => format!("known here: {}", known.join(", ")),
        };
        Self::new(key.place, format!("unknown key `{}`", key.text)).help(help)
    }
}

impl Node {
    /// A text that stands nowhere in a file.
    #[must_use]
    pub fn text(value: impl Into<String>, place: Place) -> Self {
        Self { content: Content::Text(Text { value: value.into(), shown: None }), place }
    }

    /// The text of a text node.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(&text.value),
            Content::Null
            | Content::Bool(_)
            | Content::Number(..)
            | Content::List(_)
            | Content::Map(_) => None,
        }
    }

    /// The value under a key of a map; the first one, should there be several.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(known, _)| known.text == key).map(|(_, node)| node)
    }

    /// The entries of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.content {
            Content::Map(entries) => entries,
            Content::Null
            | Content::Bool(_)
            | Content::Number(..)
            | Content::Text(_)
            | Content::List(_) => &[],
        }
    }

    /// The items of a list; `None` for anything else.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.content {
            Content::List(items) => Some(items),
            Content::Null
            | Content::Bool(_)
            | Content::Number(..)
            | Content::Text(_)
            | Content::Map(_) => None,
        }
    }

    /// What kind of value this is, with its article, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.content {
            Content::Null => "nothing".to_owned(),
            Content::Bool(value) => format!("`{value}`"),
            Content::Number(_, text) => format!("the number {text}"),
            Content::Text(text) => {
                let shown = text.shown.as_deref().unwrap_or(&text.value);
                format!("the text `{}`", super::text::clip(shown, 60))
            }
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The value as JSON as it may be shown: secrets stand as they were written.
    #[must_use]
    pub fn shown(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(value, _) => Value::Number(value.clone()),
            Content::Text(text) => {
                Value::String(text.shown.clone().unwrap_or_else(|| text.value.clone()))
            }
            Content::List(items) => Value::Array(items.iter().map(Self::shown).collect()),
            Content::Map(entries) => Value::Object(
                entries.iter().map(|(key, node)| (key.text.clone(), node.shown())).collect(),
            ),
        }
    }

    /// Reads the node as a type. Every mistake goes to `problems`; `None` when there was one.
    pub fn read<T: DeserializeOwned>(&self, problems: &mut Vec<Problem>) -> Option<T> {
        self.read_under(self.place, problems)
    }

    /// Reads the node as a type; what is missing in it is reported at `key`.
    pub fn read_under<T: DeserializeOwned>(
        &self,
        key: Place,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let reading = Reading::default();
        loop {
            match T::deserialize(Reader { node: self, key, reading: &reading }) {
                Ok(value) => {
                    let unknown = reading.unknown.into_inner();
                    let clean = unknown.is_empty() && reading.broken.borrow().is_empty();
                    problems.extend(unknown);
                    return clean.then_some(value);
                }
                Err(error) => {
                    if !error.follows {
                        problems.push(Problem {
                            place: error.place.unwrap_or(key),
                            message: error.message,
                            help: error.help,
                        });
                    }
                    let fresh =
                        error.culprit.is_some_and(|node| reading.broken.borrow_mut().insert(node));
                    if !fresh {
                        problems.extend(reading.unknown.into_inner());
                        return None;
                    }
                    reading.unknown.borrow_mut().clear();
                }
            }
        }
    }
}

/// What is known of the mistakes while one value is read again and again.
#[derive(Default)]
struct Reading {
    /// Unknown keys of this round.
    unknown: RefCell<Vec<Problem>>,
    /// Values set aside, by address: the tree does not move while it is read.
    broken: RefCell<HashSet<usize>>,
}

impl Reading {
    fn is_broken(&self, node: &Node) -> bool {
        self.broken.borrow().contains(&address(node))
    }
}

fn address(node: &Node) -> usize {
    std::ptr::from_ref(node) as usize
}

/// A mistake on its way up to [`Node::read`].
#[derive(Debug)]
struct ReadError {
    message: String,
    help: Option<String>,
    place: Option<Place>,
    /// The innermost value that can be set aside to read on.
    culprit: Option<usize>,
    /// A field is missing.
    missing: bool,
    /// It only follows from a mistake already noted.
    follows: bool,
}

impl ReadError {
    fn new(message: String) -> Self {
        Self { message, help: None, place: None, culprit: None, missing: false, follows: false }
    }

    fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

/// What serde calls a type, in the words of the manual.
fn plain_words(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" | "u64" | "usize" => "a whole number, not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" => "text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        _ if text.starts_with("struct ") => "a mapping".to_owned(),
        _ if text.starts_with("enum ") => "one of its words".to_owned(),
        _ => text,
    }
}

fn found(unexpected: &Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(n) => format!("the number {n}"),
        Unexpected::Signed(n) => format!("the number {n}"),
        Unexpected::Float(n) => format!("the number {n}"),
        Unexpected::Str(text) => format!("the text `{}`", super::text::clip(text, 60)),
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        Unexpected::Char(_)
        | Unexpected::Bytes(_)
        | Unexpected::Option
        | Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_) => unexpected.to_string(),
    }
}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}, found {}", plain_words(expected), found(&unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut error = Self::new(format!("unknown word `{variant}`"));
        error.help = Some(match did_you_mean(variant, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", expected.join(", ")),
        });
        error
    }

    fn missing_field(field: &'static str) -> Self {
        let mut error = Self::new(format!("`{field}` is missing"));
        error.help = Some(format!("add `{field}:` here"));
        error.missing = true;
        error
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    /// Where a missing field is reported.
    key: Place,
    reading: &'a Reading,
}

impl Reader<'_> {
    fn unexpected<'de, V: Visitor<'de>>(self, visitor: &V) -> ReadError {
        let message = format!("expected {}, found {}", plain_words(visitor), self.node.describe());
        ReadError::new(message).at(self.node.place)
    }

    fn map<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        fields: Option<&[&str]>,
    ) -> Result<V::Value, ReadError> {
        let Content::Map(entries) = &self.node.content else {
            let mut error = self.unexpected(&visitor);
            let keys = fields.filter(|keys| !keys.is_empty()).map(|keys| keys.join(", "));
            error.help = keys.map(|keys| format!("write `{{ … }}`, with keys out of {keys}"));
            return Err(error);
        };
        let mut set_aside = false;
        let mut good = Vec::with_capacity(entries.len());
        let mut seen = HashSet::with_capacity(entries.len());
        for (key, node) in entries {
            if !seen.insert(key.text.as_str()) {
                // The first of two counts; whoever reads the document reports the second.
                continue;
            }
            if let Some(fields) = fields
                && !fields.contains(&key.text.as_str())
            {
                let problem = Problem::unknown_key(key, fields.iter().copied());
                self.reading.unknown.borrow_mut().push(problem);
            } else if self.reading.is_broken(node) {
                set_aside = true;
            } else {
                good.push((key, node));
            }
        }
        let access = Entries { rest: good.into_iter(), value: None, reading: self.reading };
        visitor.visit_map(access).map_err(|mut error| {
            error.follows |= error.missing && set_aside && error.place.is_none();
            error.at(self.key)
        })
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let place = self.node.place;
        match &self.node.content {
            Content::Null => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            Content::Number(number, _) => match (number.as_i64(), number.as_u64()) {
                (Some(n), _) => visitor.visit_i64(n),
                (None, Some(n)) => visitor.visit_u64(n),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Content::Text(text) => visitor.visit_str(&text.value),
            Content::List(items) => {
                visitor.visit_seq(Items { items: items.iter(), reading: self.reading })
            }
            Content::Map(_) => self.map(visitor, None),
        }
        .map_err(|error: ReadError| error.at(place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.node.content == Content::Null {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    /// A number in a place for text is the text it was written as; anything else is a mistake.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let place = self.node.place;
        match &self.node.content {
            Content::Text(text) => visitor.visit_str(&text.value),
            Content::Number(_, text) => visitor.visit_str(text),
            Content::Bool(value) => {
                let mut error = self.unexpected(&visitor);
                error.help = Some(format!("put it in quotes: \"{value}\""));
                Err(error)
            }
            Content::Null | Content::List(_) | Content::Map(_) => Err(self.unexpected(&visitor)),
        }
        .map_err(|error: ReadError| error.at(place))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.map(visitor, Some(fields))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.content {
            Content::List(_) => self.deserialize_any(visitor),
            Content::Null
            | Content::Bool(_)
            | Content::Number(..)
            | Content::Text(_)
            | Content::Map(_) => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.node.content {
            Content::Text(text) => visitor.visit_enum(text.value.as_str().into_deserializer()),
            Content::Null
            | Content::Bool(_)
            | Content::Number(..)
            | Content::List(_)
            | Content::Map(_) => Err(self.unexpected(&visitor)),
        }
        .map_err(|error: ReadError| error.at(self.node.place))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf
        unit unit_struct tuple tuple_struct map ignored_any
    }
}

struct Items<'a> {
    items: std::slice::Iter<'a, Node>,
    reading: &'a Reading,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = ReadError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some(node) = self.items.by_ref().find(|node| !self.reading.is_broken(node)) else {
            return Ok(None);
        };
        read_entry(seed, node, node.place, self.reading).map(Some)
    }
}

struct Entries<'a> {
    rest: std::vec::IntoIter<(&'a Key, &'a Node)>,
    value: Option<(&'a Key, &'a Node)>,
    reading: &'a Reading,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = ReadError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        self.value = self.rest.next();
        let Some((key, node)) = self.value else { return Ok(None) };
        seed.deserialize(key.text.as_str().into_deserializer()).map(Some).map_err(
            |mut error: ReadError| {
                error.culprit.get_or_insert(address(node));
                error.at(key.place)
            },
        )
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ReadError> {
        let Some((key, node)) = self.value.take() else {
            return Err(ReadError::new("a value without its key".to_owned()));
        };
        read_entry(seed, node, key.place, self.reading)
    }
}

fn read_entry<'de, S: de::DeserializeSeed<'de>>(
    seed: S,
    node: &Node,
    key: Place,
    reading: &Reading,
) -> Result<S::Value, ReadError> {
    seed.deserialize(Reader { node, key, reading }).map_err(|mut error| {
        error.culprit.get_or_insert(address(node));
        error.at(node.place)
    })
}
