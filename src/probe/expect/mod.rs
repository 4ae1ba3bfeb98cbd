//! Expectations: CEL expressions over an observation, for what no parameter says.
//!
//! An expression is compiled and checked against the kind's observation schema when the list is
//! read, so that a misspelt field is a mistake of the list and not of the launch. What is missing
//! or null when it is judged is unknown, never a pass, unless the expression itself asks for that.

mod fields;
mod guard;

use std::collections::HashMap;
use std::sync::Arc;

use cel::common::ast::IdedExpr;
use cel::objects::{Key, Map};
use cel::{Context, ExecutionError, Program, Value as Cel};
use serde_json::Value;

use crate::model::code::engine as codes;
use crate::model::finding::Finding;
use crate::model::text::{clip, one_line};
use crate::model::time::Span;

/// The longest expression, in bytes.
const LENGTH: usize = 2000;
/// The deepest expression, in levels. Judging is recursive, on whatever stack there is; a chain of
/// `&&` or `||` is a balanced tree and not deep.
const DEPTH: usize = 100;
/// The parser is recursive and its frames are large; this is what its own depth limit needs, and
/// what no deeper expression than [`DEPTH`] leaves.
const STACK: usize = 32 << 20;

/// A compiled expression.
#[derive(Debug)]
pub struct Expectation {
    source: String,
    /// With its nulls guarded.
    expression: IdedExpr,
    /// The values the expression speaks of, as it writes them, with their units.
    parts: Vec<fields::Part>,
}

/// Why an expression cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadExpectation {
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub help: Option<String>,
}

impl Expectation {
    /// Compiles an expression and checks every field it names against the schema of the observation
    /// it will be judged on, given with the definitions the schema refers to.
    ///
    /// # Errors
    /// When it is no CEL, is too long or too deep, or names a field the observation never has.
    pub fn compile(
        source: &str,
        schema: &Value,
        definitions: &Value,
    ) -> Result<Self, BadExpectation> {
        let plain = |message: String| BadExpectation { message, help: None };
        if source.len() > LENGTH {
            return Err(plain(format!("the expression is longer than {LENGTH} bytes")));
        }
        let text = source.to_owned();
        let (written, expression) = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || parse(&text))
            .map_err(|error| plain(format!("the expression cannot be compiled here: {error}")))?
            .join()
            .map_err(|_| plain("the expression is too deep to be compiled".to_owned()))??;
        let parts = fields::check(&written, schema, definitions)?;
        if parts.is_empty() {
            return Err(BadExpectation {
                message: "the expression says nothing about what is observed".to_owned(),
                help: Some(format!("the observation has: {}", fields::names(schema, definitions))),
            });
        }
        Ok(Self { source: source.to_owned(), expression, parts })
    }

    /// Judges an observation; `None` when the expression is true of it.
    #[must_use]
    pub fn judge(&self, observation: &Value) -> Option<Finding> {
        let context = context(observation);
        let values: Vec<(String, Option<Cel>)> = self
            .parts
            .iter()
            .map(|part| (part.text.clone(), Cel::resolve(&part.expression, &context).ok()))
            .collect();
        let seen = || {
            let shown = self.parts.iter().zip(&values).map(|(part, (text, value))| {
                let value = value.as_ref().map_or_else(|| "missing".to_owned(), show);
                format!("{text} = {value}{}", part.unit.as_deref().unwrap_or_default())
            });
            shown.collect::<Vec<_>>().join(", ")
        };
        let absent = self.lacks(&values);
        let result = Cel::resolve(&self.expression, &context);
        let missing =
            || (&codes::EXPECT_NO_DATA, format!("a value is missing in: {}", self.source));
        let (code, message) = match result {
            Ok(Cel::Bool(true)) if !absent => return None,
            Ok(Cel::Bool(false)) if !absent => (&codes::EXPECT, format!("not so: {}", self.source)),
            Ok(Cel::Bool(_)) => missing(),
            Err(ExecutionError::FunctionError { function, .. }) if function == guard::KNOWN => {
                missing()
            }
            Ok(other) => {
                let other = show(&other);
                (
                    &codes::EXPECT_NO_DATA,
                    format!("{} is {other}, neither true nor false", self.source),
                )
            }
            Err(error) => {
                let error = one_line(&error.to_string());
                (&codes::EXPECT_NO_DATA, format!("cannot be judged: {}: {error}", self.source))
            }
        };
        Some(
            Finding::new(code, "observation", clip(&message, 300))
                .expected(clip(&self.source, 300))
                .actual(clip(&seen(), 300)),
        )
    }

    /// Whether one of the values it speaks of is missing and may not be: neither it nor what it is
    /// a field of is asked for, and found missing, by the expression itself.
    fn lacks(&self, values: &[(String, Option<Cel>)]) -> bool {
        let nothing = |value: &Option<Cel>| matches!(value, None | Some(Cel::Null));
        let missing = || self.parts.iter().zip(values).filter(|(_, (_, value))| nothing(value));
        let is_asked = |text: &str| {
            missing().any(|(part, _)| {
                let rest = text.strip_prefix(&part.text);
                part.may_be_null && rest.is_some_and(|rest| rest.starts_with(['.', '[']))
            })
        };
        missing().any(|(part, _)| !part.may_be_null && !is_asked(&part.text))
    }

    /// The expression as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

/// An expression as it is written, and as it is judged by.
fn parse(source: &str) -> Result<(IdedExpr, IdedExpr), BadExpectation> {
    let program = Program::compile(source).map_err(|errors| {
        let errors = errors.to_string();
        let first = errors.lines().next().unwrap_or_default();
        let first = one_line(first.trim_start_matches("ERROR: "));
        BadExpectation { message: format!("not a CEL expression: {first}"), help: None }
    })?;
    let mut guarded = program.expression().clone();
    let depth = guard::guard(&mut guarded);
    if depth > DEPTH {
        let message = format!("the expression is {depth} levels deep, and {DEPTH} are the most");
        let help = Some("write it as several expectations".to_owned());
        return Err(BadExpectation { message, help });
    }
    Ok((program.expression().clone(), guarded))
}

/// The observation's fields as variables, and what the language of lists adds to CEL.
fn context(observation: &Value) -> Context<'static, 'static> {
    let mut context = Context::default();
    for (name, value) in observation.as_object().into_iter().flatten() {
        context.add_variable_from_value(name.clone(), convert(value));
    }
    // Times in an observation are milliseconds, and so is a duration.
    let duration = |text: Arc<String>| -> Result<f64, ExecutionError> {
        let span: Span =
            text.parse().map_err(|error| ExecutionError::function_error("duration", error))?;
        Ok(span.get().as_secs_f64() * 1000.0)
    };
    context.add_function("duration", duration).expect("the name is not taken");
    let known = |value: Cel| {
        let is_null = matches!(value, Cel::Null);
        let error = || ExecutionError::function_error(guard::KNOWN, "it is null");
        if is_null { Err(error()) } else { Ok(value) }
    };
    context.add_function(guard::KNOWN, known).expect("the name is not taken");
    context
}

/// JSON as CEL: whole numbers are signed, so that arithmetic with literals works.
fn convert(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Cel::Float(number.as_f64().unwrap_or(f64::NAN)), Cel::Int),
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(convert).collect())),
        Value::Object(map) => {
            let entries: HashMap<Key, Cel> = map
                .iter()
                .map(|(key, value)| (Key::String(Arc::new(key.clone())), convert(value)))
                .collect();
            Cel::Map(Map { map: Arc::new(entries) })
        }
    }
}

fn show(value: &Cel) -> String {
    match value.json() {
        Ok(Value::Number(number)) if number.is_f64() => {
            let rounded = (number.as_f64().unwrap_or(f64::NAN) * 1000.0).round() / 1000.0;
            rounded.to_string()
        }
        Ok(json) => clip(&json.to_string(), 80),
        Err(_) => "a value that cannot be shown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        let latency = json!({ "type": "object", "properties": {
            "p95": { "type": "number", "x-unit": "ms" }, "p99": { "type": ["number", "null"] } } });
        json!({ "type": "object", "properties": {
            "latency": { "anyOf": [{ "$ref": "#/$defs/Latency" }, { "type": "null" }] },
            "names": { "type": "array", "items": { "type": "object", "properties": {
                "name": { "type": "string" }, "ttl": { "type": ["integer", "null"] } } } },
            "vars": { "type": "object", "additionalProperties": { "type": "string" } } },
            "$defs": { "Latency": latency } })
    }

    fn compile(source: &str) -> Result<Expectation, BadExpectation> {
        let schema = schema();
        Expectation::compile(source, &schema, &schema["$defs"])
    }

    fn check(source: &str, observation: &Value, code: Option<&str>) {
        let expectation = compile(source).unwrap_or_else(|error| panic!("{source}: {error:?}"));
        let found = expectation.judge(observation).map(|finding| finding.code);
        assert_eq!(found.as_deref(), code, "{source}");
    }

    #[test]
    fn ask_21_only_true_is_a_pass_and_no_data_never_is() {
        let seen = json!({
            "latency": { "p95": 62.0, "p99": null },
            "names": [{ "name": "a", "ttl": 30 }, { "name": "b", "ttl": 60 }],
            "vars": { "x": "1" } });
        let (wrong, nothing) = (Some("gonogo.expectation"), Some("gonogo.expectation-no-data"));
        check("latency.p95 < duration('100ms')", &seen, None);
        check("latency.p95 < duration('50ms')", &seen, wrong);
        check("latency.p95 < 50", &seen, wrong);
        check("latency.p99 < 100", &seen, nothing);
        check("latency.p99 != 100", &seen, nothing);
        check("latency.p99 == null", &seen, None);
        check("latency.p95 + 1", &seen, nothing);
        check("names.all(n, n.ttl <= 60)", &seen, None);
        check("names.all(n, n.ttl < 60)", &seen, wrong);
        check("names[0].ttl == 30 && size(names) == 2", &seen, None);
        check("names[9].ttl == 30", &seen, nothing);
        check("vars.x == '1'", &seen, None);
        check("vars.y == '1'", &seen, nothing);
        check("latency.p95 < 100", &json!({ "latency": null }), nothing);
        check("latency.p95 < 100", &json!({}), nothing);
    }

    #[test]
    fn null_inside_a_list_is_no_data_either() {
        let nothing = Some("gonogo.expectation-no-data");
        let seen = json!({ "names": [{ "name": "a", "ttl": null }, { "name": "b", "ttl": 60 }] });
        check("names.all(n, n.ttl != 0)", &seen, nothing);
        check("names.all(n, !(n.ttl == 0))", &seen, nothing);
        check("names.filter(n, n.ttl == 0).size() == 0", &seen, nothing);
        check("!names.exists(n, n.ttl in [0, 1])", &seen, nothing);
        check("!(0 in names.map(n, n.ttl))", &seen, nothing);
        check("!names.exists(n, [0, 1].contains(n.ttl))", &seen, nothing);
        check("names.all(n, (n.name == 'a' ? n.ttl : 1) != 0)", &seen, nothing);
        check("names[0]['ttl'] != 0", &seen, nothing);
        // One that is wrong is wrong, whatever is not known of the others.
        check("names.all(n, n.ttl == 30)", &seen, Some("gonogo.expectation"));
        check("names.exists(n, n.ttl == 60)", &seen, None);
        // Whoever asks for null means it.
        check("names.all(n, n.ttl in [null, 60])", &seen, None);
        check("names.all(n, n.ttl == null || n.ttl != 0)", &seen, None);
        check("names.all(n, n.ttl != 0 || n.ttl == null)", &seen, None);
        check("names.filter(n, n.ttl != null).all(n, n.ttl == 60)", &seen, None);
        check("names.filter(n, n.ttl == null).map(n, n.name) == ['a']", &seen, None);
    }

    #[test]
    fn an_expectation_can_ask_for_absence() {
        let (wrong, nothing) = (Some("gonogo.expectation"), Some("gonogo.expectation-no-data"));
        let (none, slow) = (json!({ "latency": null }), json!({ "latency": { "p95": 120.0 } }));
        for source in
            ["latency == null || latency.p95 < 100", "latency.p95 < 100 || latency == null"]
        {
            check(source, &none, None);
            check(source, &slow, wrong);
            check(source, &json!({}), nothing);
        }
        for source in
            ["!has(latency.p99) || latency.p99 < 5", "latency.p99 < 5 || !has(latency.p99)"]
        {
            check(source, &slow, None);
            check(source, &json!({ "latency": { "p99": 4 } }), None);
            check(source, &json!({ "latency": { "p99": 5 } }), wrong);
            check(source, &json!({ "latency": { "p99": null } }), nothing);
        }
        check(
            "has(latency.p99) && latency.p99 != 5",
            &json!({ "latency": { "p99": null } }),
            nothing,
        );
        // What is asked for says nothing of its neighbours.
        check("latency.p99 == null || latency.p95 < 100", &json!({ "latency": {} }), nothing);
        let finding = compile("!has(latency.p95)").expect("good").judge(&slow).expect("a finding");
        assert_eq!(finding.actual.as_deref(), Some("latency.p95 = 120 ms"));
    }

    #[test]
    fn no_expression_is_too_deep_to_be_judged() {
        let chain = |n: usize| format!("latency.p95{} < 5000", "+1.0".repeat(n));
        let error = compile(&chain(490)).expect_err("too deep");
        assert!(error.message.ends_with("levels deep, and 100 are the most"), "{}", error.message);
        let path = format!("latency{} < 5", ".p".repeat(980));
        assert!(compile(&path).expect_err("too deep").message.contains("levels deep"));
        let wide = vec!["latency.p95 < 70"; 100].join(" && ");
        // Less than any thread that judges has, most of it not used yet.
        let judge = move || {
            let seen = json!({ "latency": { "p95": 62.0 } });
            check(&chain(96), &seen, None);
            check(&wide, &seen, None);
        };
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(judge);
        thread.expect("a thread").join().expect("judged");
    }

    #[test]
    fn the_values_of_the_parts_are_shown() {
        let expectation = compile("latency.p95 < duration('50ms')").expect("good");
        let finding = expectation.judge(&json!({ "latency": { "p95": 62.0 } })).expect("a finding");
        assert_eq!(finding.actual.as_deref(), Some("latency.p95 = 62 ms"));
        assert_eq!(finding.expected.as_deref(), Some("latency.p95 < duration('50ms')"));
    }

    #[test]
    fn what_is_never_observed_is_a_mistake_of_the_list() {
        for (source, message, help) in [
            (
                "latncy.p95 < 5",
                "nothing is observed under `latncy`",
                Some("did you mean `latency`?"),
            ),
            ("latency.p59 < 5", "`latency` has no `p59`", Some("did you mean `p95`?")),
            ("names.all(n, n.tll < 5)", "`n` has no `tll`", Some("did you mean `ttl`?")),
            ("names[0].x == 1", "`names[0]` has no `x`", Some("it has: name, ttl")),
            ("latency.p95.x == 1", "`latency.p95` has no `x`", None),
            (
                "1 < 2",
                "the expression says nothing about what is observed",
                Some("the observation has: latency, names, vars"),
            ),
        ] {
            let error = compile(source).expect_err(source);
            assert_eq!(
                (error.message.as_str(), error.help.as_deref()),
                (message, help),
                "{source}"
            );
        }
        assert!(
            compile("latency.p95 <")
                .expect_err("no CEL")
                .message
                .starts_with("not a CEL expression")
        );
        let deep = format!("{}latency.p95{} < 5", "(".repeat(400), ")".repeat(400));
        compile(&deep).expect_err("too deep");
    }
}
