//! An expression made safe to judge by: null is no value in it, and its depth is known.

use cel::common::ast::{
    CallExpr, EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue, operators,
};

/// The function that gives back its argument, and fails where that is null. No expression can spell
/// it.
pub(super) const KNOWN: &str = "@known";

/// What a null means where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    /// No data.
    Wrong,
    /// An answer: the expression compares with null, or asks with `has`.
    Fine,
}

/// What a null means among the arguments of a call.
pub(super) fn among_arguments(call: &CallExpr) -> Null {
    let is_null = |arg: &IdedExpr| matches!(arg.expr, Expr::Literal(LiteralValue::Null));
    // One of the words that are right.
    let asks = |arg: &IdedExpr| {
        call.func_name == operators::IN
            && matches!(&arg.expr, Expr::List(list) if list.elements.iter().any(is_null))
    };
    let compares = [operators::EQUALS, operators::NOT_EQUALS].contains(&call.func_name.as_str());
    let fine = (compares && call.args.iter().any(is_null)) || call.args.iter().any(asks);
    if fine { Null::Fine } else { Null::Wrong }
}

/// Puts every value under [`KNOWN`] that stands where a null is none: the language itself says of
/// null that it differs from every number. Returns how deep the expression is.
pub(super) fn guard(expression: &mut IdedExpr) -> usize {
    let mut guard = Guard { accumulators: Vec::new(), depth: 0, deepest: 0 };
    guard.visit(expression, Null::Fine);
    guard.deepest
}

struct Guard {
    /// Variables that `all`, `exists` and their kin keep for themselves.
    accumulators: Vec<String>,
    depth: usize,
    deepest: usize,
}

impl Guard {
    fn visit(&mut self, expression: &mut IdedExpr, null: Null) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        match &mut expression.expr {
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
            Expr::Select(select) => self.visit(&mut select.operand, Null::Fine),
            Expr::Call(call) => {
                let is_path = call.func_name == operators::INDEX;
                let among = if is_path { Null::Fine } else { among_arguments(call) };
                if let Some(target) = &mut call.target {
                    self.visit(target, Null::Fine);
                }
                call.args.iter_mut().for_each(|arg| self.visit(arg, among));
            }
            Expr::Comprehension(all) => {
                self.visit(&mut all.iter_range, Null::Fine);
                self.visit(&mut all.accu_init, Null::Wrong);
                self.accumulators.push(all.accu_var.clone());
                for part in [&mut all.loop_cond, &mut all.loop_step, &mut all.result] {
                    self.visit(part, Null::Wrong);
                }
                self.accumulators.pop();
            }
            Expr::List(list) => {
                list.elements.iter_mut().for_each(|item| self.visit(item, Null::Wrong));
            }
            Expr::Map(map) => self.visit_entries(&mut map.entries),
            Expr::Struct(structure) => self.visit_entries(&mut structure.entries),
        }
        if null == Null::Wrong && self.can_be_null(expression) {
            let value = std::mem::take(expression);
            let id = value.id;
            let func_name = KNOWN.to_owned();
            let call = CallExpr { func_name, target: None, args: vec![value] };
            *expression = IdedExpr { id, expr: Expr::Call(call) };
        }
        self.depth -= 1;
    }

    fn visit_entries(&mut self, entries: &mut [IdedEntryExpr]) {
        for entry in entries {
            match &mut entry.expr {
                EntryExpr::StructField(field) => self.visit(&mut field.value, Null::Wrong),
                EntryExpr::MapEntry(entry) => {
                    self.visit(&mut entry.key, Null::Wrong);
                    self.visit(&mut entry.value, Null::Wrong);
                }
            }
        }
    }

    /// Whether it is a value that was observed, or what a method makes of one.
    fn can_be_null(&self, expression: &IdedExpr) -> bool {
        match &expression.expr {
            Expr::Ident(name) => !self.accumulators.contains(name),
            Expr::Select(select) => !select.test,
            Expr::Call(call) => call.func_name == operators::INDEX || call.target.is_some(),
            Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_)
            | Expr::Unspecified => false,
        }
    }
}
