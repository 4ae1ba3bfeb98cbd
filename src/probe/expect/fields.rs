//! Which fields an expression names, checked against the schema of what it is judged on.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use serde_json::Value;

use super::BadExpectation;
use super::guard::{Null, among_arguments};
use crate::model::text::did_you_mean;

/// A value that an expression speaks of: the longest path of fields from the observation's root.
#[derive(Debug)]
pub(super) struct Part {
    /// As the expression writes it.
    pub(super) text: String,
    pub(super) expression: IdedExpr,
    /// The unit to show it with, after a space.
    pub(super) unit: Option<String>,
    /// Whether the expression itself asks if it is there.
    pub(super) may_be_null: bool,
}

/// Checks every field of an expression; gives the values it speaks of.
pub(super) fn check(
    expression: &IdedExpr,
    schema: &Value,
    definitions: &Value,
) -> Result<Vec<Part>, BadExpectation> {
    let mut walk = Walk { definitions, scopes: Vec::new(), root: vec![schema], parts: Vec::new() };
    walk.visit(expression, Null::Wrong)?;
    Ok(walk.parts)
}

/// The fields of an observation, for a message.
pub(super) fn names(schema: &Value, definitions: &Value) -> String {
    let walk = Walk { definitions, scopes: Vec::new(), root: Vec::new(), parts: Vec::new() };
    walk.fields(&[schema]).join(", ")
}

/// What is known of the shape of a value: some schemas, one of which it has; `None` when anything.
type Shape<'a> = Option<Vec<&'a Value>>;

struct Walk<'a> {
    definitions: &'a Value,
    /// Variables of `all`, `exists` and their kin.
    scopes: Vec<(String, Shape<'a>)>,
    root: Vec<&'a Value>,
    parts: Vec<Part>,
}

impl<'a> Walk<'a> {
    /// Checks an expression and everything in it, and notes the values it speaks of.
    fn visit(&mut self, expression: &IdedExpr, null: Null) -> Result<Shape<'a>, BadExpectation> {
        match &expression.expr {
            Expr::Ident(_) | Expr::Select(_) => self.visit_path(expression, null),
            Expr::Call(call) if call.func_name == operators::INDEX => {
                self.visit_path(expression, null)
            }
            Expr::Call(call) => {
                let null = among_arguments(call);
                for part in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                    self.visit(part, null)?;
                }
                Ok(None)
            }
            Expr::Comprehension(all) => {
                let range = self.visit(&all.iter_range, Null::Wrong)?;
                let item = range.map(|shape| self.items(&shape));
                let depth = self.scopes.len();
                self.scopes.push((all.iter_var.clone(), item.filter(|shape| !shape.is_empty())));
                self.scopes.extend(all.iter_var2.clone().map(|name| (name, None)));
                self.scopes.push((all.accu_var.clone(), None));
                for part in [&all.accu_init, &all.loop_cond, &all.loop_step, &all.result] {
                    self.visit(part, Null::Wrong)?;
                }
                self.scopes.truncate(depth);
                Ok(None)
            }
            Expr::List(list) => self.visit_all(&list.elements),
            Expr::Map(map) => self.visit_entries(&map.entries),
            Expr::Struct(structure) => self.visit_entries(&structure.entries),
            Expr::Literal(_) | Expr::Unspecified => Ok(None),
        }
    }

    fn visit_all(&mut self, items: &[IdedExpr]) -> Result<Shape<'a>, BadExpectation> {
        for item in items {
            self.visit(item, Null::Wrong)?;
        }
        Ok(None)
    }

    fn visit_entries(
        &mut self,
        entries: &[cel::common::ast::IdedEntryExpr],
    ) -> Result<Shape<'a>, BadExpectation> {
        for entry in entries {
            match &entry.expr {
                EntryExpr::StructField(field) => self.visit(&field.value, Null::Wrong)?,
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key, Null::Wrong)?;
                    self.visit(&entry.value, Null::Wrong)?
                }
            };
        }
        Ok(None)
    }

    /// A path of fields and indices; noted when it begins at the observation's root.
    fn visit_path(
        &mut self,
        expression: &IdedExpr,
        null: Null,
    ) -> Result<Shape<'a>, BadExpectation> {
        let shape = self.shape(expression)?;
        let mut expression = expression.clone();
        let mut may_be_null = null == Null::Fine;
        if let Expr::Select(select) = &mut expression.expr {
            // What `has` asks about is the value that is shown.
            may_be_null |= std::mem::take(&mut select.test);
        }
        if let (Some(text), true) = (spell(&expression), self.is_rooted(&expression)) {
            let unit = unit(&text, shape.as_deref().unwrap_or_default());
            if let Some(known) = self.parts.iter_mut().find(|part| part.text == text) {
                known.may_be_null |= may_be_null;
            } else {
                self.parts.push(Part { text, expression, unit, may_be_null });
            }
        }
        Ok(shape)
    }

    fn is_rooted(&self, expression: &IdedExpr) -> bool {
        match &expression.expr {
            Expr::Ident(name) => !self.scopes.iter().any(|(known, _)| known == name),
            Expr::Select(select) => self.is_rooted(&select.operand),
            Expr::Call(call) if call.func_name == operators::INDEX => call
                .args
                .iter()
                .all(|arg| matches!(arg.expr, Expr::Literal(_)) || self.is_rooted(arg)),
            Expr::Call(_)
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_)
            | Expr::Unspecified => false,
        }
    }

    /// The shape of a path's value.
    fn shape(&mut self, expression: &IdedExpr) -> Result<Shape<'a>, BadExpectation> {
        match &expression.expr {
            Expr::Ident(name) => {
                if let Some((_, shape)) = self.scopes.iter().rev().find(|(known, _)| known == name)
                {
                    return Ok(shape.clone());
                }
                let found = self.select(&self.root.clone(), name);
                found.map_err(|known| {
                    unknown(format!("nothing is observed under `{name}`"), name, &known)
                })
            }
            Expr::Select(select) => {
                let Some(shape) = self.shape(&select.operand)? else { return Ok(None) };
                self.select(&shape, &select.field).map_err(|known| {
                    let of = spell(&select.operand).unwrap_or_else(|| "it".to_owned());
                    unknown(format!("`{of}` has no `{}`", select.field), &select.field, &known)
                })
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [operand, index] = call.args.as_slice() else { return Ok(None) };
                let shape = self.shape(operand)?;
                let Expr::Literal(literal) = &index.expr else {
                    self.visit(index, Null::Wrong)?;
                    return Ok(shape.map(|shape| self.items(&shape)).filter(|s| !s.is_empty()));
                };
                match (shape, literal) {
                    (Some(shape), LiteralValue::String(key)) => {
                        let key = key.inner();
                        self.select(&shape, key).map_err(|known| {
                            let of = spell(operand).unwrap_or_else(|| "it".to_owned());
                            unknown(format!("`{of}` has no `{key}`"), key, &known)
                        })
                    }
                    (shape, _) => {
                        Ok(shape.map(|shape| self.items(&shape)).filter(|s| !s.is_empty()))
                    }
                }
            }
            Expr::Call(_)
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_)
            | Expr::Unspecified => self.visit(expression, Null::Wrong),
        }
    }

    /// A field of a value with one of these schemas; the known fields when there is none such.
    fn select(&self, shape: &[&'a Value], field: &str) -> Result<Shape<'a>, Vec<&'a str>> {
        let mut found = Vec::new();
        for schema in self.resolved(shape) {
            if let Some(property) = schema.get("properties").and_then(|p| p.get(field)) {
                found.push(property);
            } else if let Some(more) =
                schema.get("additionalProperties").filter(|more| more.is_object())
            {
                found.push(more);
            } else if !schema.as_object().is_some_and(|s| {
                s.contains_key("type")
                    || s.contains_key("properties")
                    || s.contains_key("enum")
                    || s.contains_key("const")
            }) {
                // A schema that says nothing allows anything.
                return Ok(None);
            }
        }
        if found.is_empty() { Err(self.fields(shape)) } else { Ok(Some(found)) }
    }

    /// The schemas of a list's items.
    fn items(&self, shape: &[&'a Value]) -> Vec<&'a Value> {
        self.resolved(shape)
            .into_iter()
            .filter_map(|schema| {
                schema
                    .get("items")
                    .or_else(|| schema.get("additionalProperties").filter(|m| m.is_object()))
            })
            .collect()
    }

    /// Every field that one of these schemas has.
    fn fields(&self, shape: &[&'a Value]) -> Vec<&'a str> {
        let mut fields: Vec<&str> = self
            .resolved(shape)
            .into_iter()
            .filter_map(|schema| schema.get("properties")?.as_object())
            .flat_map(|properties| properties.keys().map(String::as_str))
            .collect();
        let mut seen = std::collections::HashSet::new();
        fields.retain(|field| seen.insert(*field));
        fields
    }

    /// The schemas behind references and choices.
    fn resolved(&self, shape: &[&'a Value]) -> Vec<&'a Value> {
        let mut open: Vec<&Value> = shape.iter().rev().copied().collect();
        let mut done = Vec::new();
        let mut steps = 0;
        while let Some(schema) = open.pop() {
            steps += 1;
            if steps > 1000 {
                break;
            }
            let name =
                schema.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next());
            if let Some(target) = name.and_then(|name| self.definitions.get(name)) {
                open.push(target);
                continue;
            }
            let choices = ["anyOf", "oneOf", "allOf"]
                .into_iter()
                .filter_map(|key| schema.get(key)?.as_array());
            let choices: Vec<&Value> = choices.flatten().collect();
            if choices.is_empty() || schema.get("properties").is_some() {
                done.push(schema);
            }
            open.extend(choices.into_iter().rev());
        }
        done
    }
}

fn unknown(message: String, name: &str, known: &[&str]) -> BadExpectation {
    let help = match did_you_mean(name, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() => None,
        None => Some(format!("it has: {}", known.join(", "))),
    };
    BadExpectation { message, help }
}

/// A path as an expression writes it.
fn spell(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", spell(&select.operand)?, select.field)),
        Expr::Call(call) if call.func_name == operators::INDEX => {
            let [operand, index] = call.args.as_slice() else { return None };
            let index = match &index.expr {
                Expr::Literal(LiteralValue::Int(n)) => n.inner().to_string(),
                Expr::Literal(LiteralValue::String(key)) => format!("'{}'", key.inner()),
                Expr::Literal(_) => return None,
                Expr::Unspecified
                | Expr::Call(_)
                | Expr::Comprehension(_)
                | Expr::Ident(_)
                | Expr::List(_)
                | Expr::Map(_)
                | Expr::Select(_)
                | Expr::Struct(_) => spell(index)?,
            };
            Some(format!("{}[{index}]", spell(operand)?))
        }
        Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Unspecified => None,
    }
}

/// The unit a value is shown with: what its schema says, else what its name ends with.
fn unit(text: &str, shape: &[&Value]) -> Option<String> {
    let said = shape.iter().find_map(|schema| schema.get("x-unit")?.as_str());
    let said = said.or_else(|| text.ends_with("_ms").then_some("ms"));
    said.map(|unit| format!(" {unit}"))
}
