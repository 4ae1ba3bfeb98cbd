//! JSON Schema of the checklist language, from the types.

mod reference;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::raw::{RawCheck, RawChecklist, RawStep};
use crate::probe::KINDS;

/// The JSON Schema (2020-12) of a checklist, with a description on every key.
#[must_use]
pub fn checklist() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let check = check(&mut generator);
    generator.definitions_mut().insert("RawCheck".to_owned(), check);
    generator.subschema_for::<RawStep>();
    let mut schema = generator.into_root_schema_for::<RawChecklist>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("gonogo checklist"));
        // Without either, nothing would be checked.
        let either = json!([{ "required": ["steps"] }, { "required": ["include"] }]);
        root.insert("anyOf".to_owned(), either);
    }
    reference::allow(&mut schema);
    rename(&mut schema);
    schema
}

/// The schema of a check: what all have in common, and exactly one kind.
fn check(generator: &mut schemars::SchemaGenerator) -> Value {
    let mut schema = generator.root_schema_for::<RawCheck>().to_value();
    let common = schema.as_object_mut().map(std::mem::take).unwrap_or_default();
    let mut properties =
        common.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut one_of = Vec::new();
    for row in KINDS {
        let parameters = (row.parameters)(generator).to_value();
        let mut property = parameters.as_object().cloned().unwrap_or_default();
        property.insert("description".to_owned(), json!(row.summary));
        properties.insert(row.name.to_owned(), Value::Object(property));
        one_of.push(json!({ "required": [row.name] }));
    }
    let mut check = Map::new();
    for key in ["type", "description", "required", "additionalProperties"] {
        if let Some(value) = common.get(key) {
            check.insert(key.to_owned(), value.clone());
        }
    }
    check.insert("properties".to_owned(), Value::Object(properties));
    check.insert("oneOf".to_owned(), Value::Array(one_of));
    Value::Object(check)
}

/// The user never meets the prefix of our type names.
fn rename(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("#/$defs/Raw") => {
            *text = text.replacen("Raw", "", 1);
        }
        Value::Array(items) => items.iter_mut().for_each(rename),
        Value::Object(map) => {
            for (key, mut item) in std::mem::take(map) {
                rename(&mut item);
                let key = key.strip_prefix("Raw").map_or(key.clone(), str::to_owned);
                map.insert(key, item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
