//! `${name}` in the schema: where a reference may stand, an editor must not miss the value.
//!
//! The types say what a value is once all references are filled in. In a file, a number may be
//! `"${replicas}"` and a time `"${hours}h"`, so every value that is more than free text gets a
//! branch: a text with `${` in it must hold a reference, anything else is as the type has it.
//! `if`/`then`/`else` and not `anyOf`, since an editor then still names the one thing that is wrong.

use serde_json::{Map, Value, json};

/// A reference that is the whole text; only such a one keeps the type of its variable.
const WHOLE: &str = r"^\$\{[A-Za-z0-9_.-]+\}$";
/// A text with a reference in it.
const WITHIN: &str = r"\$\{((env|file):[^}]+|[A-Za-z0-9_.-]+)\}";

/// Keys that are read before any variable is known, or whose own shape is needed to find variables.
const UNFILLED: [&str; 5] = ["gonogo", "include", "vars", "steps", "checks"];
/// Definitions of things that only stand in those.
const UNFILLED_DEFS: [&str; 2] = ["RawCheck", "RawStep"];

/// Lets a reference stand wherever one is filled in.
pub(super) fn allow(root: &mut Value) {
    parts(root);
    let definitions = root.get_mut("$defs").and_then(Value::as_object_mut);
    for (name, definition) in definitions.into_iter().flatten() {
        parts(definition);
        if !UNFILLED_DEFS.contains(&name.as_str()) {
            wrap(definition);
        }
    }
}

/// What a schema is made of: the values of its keys, its items, its alternatives.
fn parts(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    for (key, property) in
        schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
    {
        parts(property);
        if !UNFILLED.contains(&key.as_str()) {
            wrap(property);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key) {
            parts(inner);
            wrap(inner);
        }
    }
    if let Some(patterns) = schema.get_mut("patternProperties").and_then(Value::as_object_mut) {
        for inner in patterns.values_mut() {
            parts(inner);
            wrap(inner);
        }
        // A key may hold a reference too.
        if let Some(inner) = patterns.values().next().cloned() {
            patterns.insert(WITHIN.to_owned(), inner);
        }
    }
    for key in ["anyOf", "oneOf"] {
        for branch in schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            parts(branch);
        }
    }
    // A number where free text is expected is read as it is spelt: `run: [sleep, 5]`.
    if is_free_text(schema)
        && let Some(types) = schema.get_mut("type")
    {
        let known = types.as_array().cloned().unwrap_or_else(|| vec![types.clone()]);
        *types = Value::Array(known.into_iter().chain([json!("number")]).collect());
    }
}

/// Gives a schema the branch for references, unless it needs none.
fn wrap(schema: &mut Value) {
    let Some(typed) = schema.as_object_mut() else { return };
    if typed.is_empty() || refers(typed) || is_free_text(typed) {
        return;
    }
    let pattern = if may_be_text(typed) { WITHIN } else { WHOLE };
    let mut outer = Map::new();
    for key in ["description", "default"] {
        // `shift_remove` keeps the order of what stays.
        if let Some(value) = typed.shift_remove(key) {
            outer.insert(key.to_owned(), value);
        }
    }
    outer.insert("if".to_owned(), json!({ "type": "string", "pattern": r"\$\{" }));
    outer.insert("then".to_owned(), json!({ "pattern": pattern }));
    outer.insert("else".to_owned(), Value::Object(std::mem::take(typed)));
    *typed = outer;
}

/// Whether the schema leads to a definition, which has the branch itself.
fn refers(schema: &Map<String, Value>) -> bool {
    schema.contains_key("$ref") || branches(schema).any(refers)
}

/// Whether any text will do.
fn is_free_text(schema: &Map<String, Value>) -> bool {
    let bound = ["pattern", "format", "enum", "const", "minLength"];
    has_type(schema, "string") && bound.iter().all(|key| !schema.contains_key(*key))
}

/// Whether some text will do.
fn may_be_text(schema: &Map<String, Value>) -> bool {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    has_type(schema, "string")
        || listed.chain(schema.get("const")).any(Value::is_string)
        || branches(schema).any(may_be_text)
}

fn has_type(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|one| one == name),
        Some(one) => one == name,
        None => false,
    }
}

fn branches(schema: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let lists = ["anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
    lists.flatten().filter_map(Value::as_object)
}
