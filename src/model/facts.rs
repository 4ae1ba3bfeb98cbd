//! The facts a look brought home, as a record keeps them.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::secret::{REDACTED, Secrets};

/// A kind's typed facts. They are kept as JSON text: as a tree they take ten times the room, and a run
/// may have thousands of them. A record that is written as JSON takes the text as it stands.
#[derive(Debug, Clone)]
pub struct Facts(Box<RawValue>);

impl Facts {
    /// The facts of a typed observation.
    ///
    /// # Errors
    /// When it is nothing that JSON can say.
    pub fn of(seen: &impl Serialize) -> Result<Self, serde_json::Error> {
        to_raw_value(seen).map(Self)
    }

    /// The typed observation again.
    ///
    /// # Errors
    /// When these are the facts of something else.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.0.get())
    }

    /// The facts as a tree.
    #[must_use]
    pub fn value(&self) -> Value {
        // It is JSON text by construction, so it can only be one that is too deep to be read.
        self.read().unwrap_or_default()
    }

    /// Removes every secret from all strings, keys included.
    pub fn redact(&mut self, secrets: &Secrets) {
        if secrets.is_empty() {
            return;
        }
        let mut clean = String::with_capacity(self.0.get().len());
        let mut rest = self.0.get();
        while let Some((before, after)) = rest.split_once('"') {
            let length = string_length(after);
            let (escaped, after) = after.split_at(length);
            clean.push_str(before);
            clean.push_str(&redact(escaped, secrets));
            rest = after.strip_prefix('"').unwrap_or_default();
        }
        clean.push_str(rest);
        // What was cleaned into something that is not JSON is not kept.
        self.0 = RawValue::from_string(clean).unwrap_or_else(|_| RawValue::NULL.to_owned());
    }
}

/// How long the string of JSON is, in bytes, whose opening quote stands before this text.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

/// A string of JSON, given without its quotes, as one with quotes and without secrets.
fn redact(escaped: &str, secrets: &Secrets) -> String {
    let quoted = format!("\"{escaped}\"");
    // A string that cannot be read cannot be searched, so it is not kept.
    let Ok(text) = serde_json::from_str::<String>(&quoted) else {
        return Value::from(REDACTED).to_string();
    };
    let clean = secrets.redact(&text);
    if clean == text { quoted } else { Value::from(clean).to_string() }
}

impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Facts {}

impl From<Value> for Facts {
    fn from(value: Value) -> Self {
        // A tree has nothing that JSON cannot say.
        Self::of(&value).unwrap_or_else(|_| Self(RawValue::NULL.to_owned()))
    }
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

impl JsonSchema for Facts {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Value::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Value::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts(tree: &Value) -> Facts {
        Facts::of(tree).expect("JSON")
    }

    #[test]
    fn they_are_the_same_tree_again() {
        let tree = json!({
            "a": [1, -2, 2.5, 1e300, u64::MAX, null, true, [], {}],
            "b": {"c": "quote \" backslash \\ line\nend\u{7f}\u{1F600}", "": ""},
        });
        let facts = facts(&tree);
        assert_eq!(facts.value(), tree);
        assert_eq!(facts.read::<Value>().expect("JSON"), tree);
        assert_eq!(serde_json::to_value(&facts).expect("JSON"), tree);
        assert_eq!(serde_json::to_string(&facts).expect("JSON"), tree.to_string());
        assert_eq!(serde_json::from_value::<Facts>(tree).expect("facts"), facts);
    }

    #[test]
    fn no_secret_is_left_in_a_string_or_a_key() {
        let secrets = Secrets::default();
        secrets.add("se\"cr\\et");
        let mut facts = facts(&json!({
            "plain": "\\",
            "ends": ["\\\"", "a se\"cr\\et word", 7],
            "x se\"cr\\et": {"deep": [["se\"cr\\et"]]},
        }));
        facts.redact(&secrets);
        assert_eq!(
            facts.value(),
            json!({
                "plain": "\\",
                "ends": ["\\\"", "a [redacted] word", 7],
                "x [redacted]": {"deep": [["[redacted]"]]},
            })
        );
    }
}
