//! The facts a look brought home, as a record keeps them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::secret::Secrets;

/// A kind's typed facts. They are kept as text: as a tree they take ten times the room, and a run
/// may have thousands of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts(Box<str>);

impl Facts {
    /// The facts as a tree.
    #[must_use]
    pub fn value(&self) -> Value {
        // It was written from a tree, so it can only be one that is too deep to be read.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// Removes every secret.
    pub fn redact(&mut self, secrets: &Secrets) {
        let mut value = self.value();
        secrets.redact_value(&mut value);
        *self = Self::from(value);
    }
}

impl From<Value> for Facts {
    fn from(value: Value) -> Self {
        Self(value.to_string().into_boxed_str())
    }
}

impl Serialize for Facts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
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

    #[test]
    fn they_are_the_same_tree_again_without_secrets() {
        let tree = json!({"a": [1, 2.5, null], "b": {"c": "a secret word"}});
        let mut facts = Facts::from(tree.clone());
        assert_eq!(facts.value(), tree);
        assert_eq!(serde_json::to_value(&facts).expect("JSON"), tree);
        assert_eq!(serde_json::from_value::<Facts>(tree).expect("facts"), facts);
        let secrets = Secrets::default();
        secrets.add("secret");
        facts.redact(&secrets);
        assert!(!format!("{facts:?}").contains("secret"), "{facts:?}");
    }
}
