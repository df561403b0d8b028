//! Runs a template, following Go's `text/template/exec` in its rules, errors and positions.

use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use super::{
    Env, ExecError, Templates,
    ast::{Action, At, Branch, Call, Command, List, Node, Number, Operand, Pipe, Tree, Word},
    func::{Function, Param, lookup},
    method, print,
    quote::quote,
    value::{Kv, Text, Val, Value},
};

pub(super) type Result<T> = core::result::Result<T, ExecError>;

/// A run of a template.
pub(super) struct Exec<'a> {
    templates: &'a Templates,
    pub(super) env: &'a Env<'a>,
    pub(super) out: String,
    vars: Vec<(Text, Val)>,
    /// Where the variables of the running template start.
    base: usize,
    tree: &'a Tree,
    at: At<'a>,
    steps: u64,
    depth: usize,
    /// The route labels of the root data.
    pub(super) route_labels: Kv,
}

/// What goes on after a node.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// Runs `tree` with `data` as its dot.
pub(super) fn run<'a>(
    templates: &'a Templates,
    tree: &'a Tree,
    data: &Value,
    env: &'a Env<'a>,
) -> Result<String> {
    let root = Val::from(data.clone());
    let route_labels = match data {
        Value::Data(data) => data.route_labels.clone(),
        _ => Kv::default(),
    };
    let mut exec = Exec {
        templates,
        env,
        out: String::new(),
        vars: [("$".into(), root.clone())].into(),
        base: 0,
        tree,
        at: At::Other(0),
        steps: 0,
        depth: 0,
        route_labels,
    };
    exec.list(&root, &tree.root)?;
    exec.charge(0)?;
    Ok(exec.out)
}

/// Returns the entries of a map or set by key.
pub(super) fn entries(value: &Value) -> Vec<(Text, Val)> {
    match value {
        Value::Map(map, _) => {
            map.iter().map(|(key, item)| (key.clone(), Val::dynamic(item.clone()))).collect()
        }
        Value::Kv(kv) => {
            let pairs = kv.pairs().iter();
            pairs.map(|pair| (pair.name.clone(), Value::Str(pair.value.clone()).into())).collect()
        }
        _ => Vec::new(),
    }
}

impl<'a> Exec<'a> {
    pub(super) fn error<T>(&self, message: impl AsRef<str>) -> Result<T> {
        let place = self.tree.source.place(self.at.pos());
        let (name, at, message) = (quote(&self.tree.name), self.at, message.as_ref());
        Err(ExecError(format!("template: {place}: executing {name} at <{at}>: {message}")))
    }

    /// Counts work, and stops at the limits.
    pub(super) fn charge(&mut self, steps: usize) -> Result<()> {
        self.steps = self.steps.saturating_add(steps as u64);
        if self.steps > self.env.limits.steps {
            return self.error(format!("exceeded {} steps", self.env.limits.steps));
        }
        if self.out.len() > self.env.limits.output {
            return self.error(format!("exceeded {} bytes of output", self.env.limits.output));
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > self.env.limits.depth {
            return self
                .error(format!("exceeded maximum template depth ({})", self.env.limits.depth));
        }
        Ok(())
    }

    fn list(&mut self, dot: &Val, list: &'a List) -> Result<Flow> {
        self.enter()?;
        for node in list {
            self.charge(1)?;
            let flow = self.node(dot, node)?;
            if flow != Flow::Next {
                self.depth -= 1;
                return Ok(flow);
            }
        }
        self.depth -= 1;
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Val, node: &'a Node) -> Result<Flow> {
        match node {
            Node::Text(_, text) => self.out.push_str(text),
            Node::Action(action) => self.action(dot, action)?,
            Node::Break(..) => return Ok(Flow::Break),
            Node::Continue(..) => return Ok(Flow::Continue),
            Node::If(branch) => return self.branch(dot, branch, false),
            Node::With(branch) => return self.branch(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template(call) => self.call_template(dot, call)?,
        }
        Ok(Flow::Next)
    }

    fn action(&mut self, dot: &Val, action: &'a Action) -> Result<()> {
        self.at = At::Action(action);
        let value = self.pipeline(dot, &action.pipe)?;
        if !action.pipe.decl.is_empty() {
            return Ok(());
        }
        self.at = At::Action(action);
        if !action.escapers.is_empty() {
            match super::html::escape::apply(&action.escapers, &value.value, self.env) {
                Ok(text) => self.out.push_str(&text),
                Err(message) => return self.error(message),
            }
        } else if matches!(value.value, Value::Nil) {
            self.out.push_str("<no value>");
        } else if let Value::Str(text) = &value.value {
            self.out.push_str(text);
        } else {
            let text = print::sprint(core::slice::from_ref(&value.value), self.env.limits.output);
            self.out.push_str(&text);
        }
        Ok(())
    }

    fn branch(&mut self, dot: &Val, branch: &'a Branch, with: bool) -> Result<Flow> {
        self.at = At::Other(branch.pos);
        let mark = self.vars.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = if value.value.is_true() {
            self.list(if with { &value } else { dot }, &branch.list)?
        } else if let Some(other) = &branch.other {
            self.list(dot, other)?
        } else {
            Flow::Next
        };
        self.vars.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, dot: &Val, branch: &'a Branch) -> Result<Flow> {
        self.at = At::Other(branch.pos);
        let mark = self.vars.len();
        let value = self.pipeline(dot, &branch.pipe)?.value;
        let count = match &value {
            Value::Int(count, _) => {
                if branch.pipe.decl.len() > 1 {
                    let shown = print::shown(&value);
                    return self.error(format!(
                        "can't use {shown} to iterate over more than one variable"
                    ));
                }
                usize::try_from(*count).unwrap_or(0)
            }
            Value::Nil => 0,
            Value::Map(..) | Value::Kv(_) => value.len().unwrap_or(0),
            value if value.is_list() => value.len().unwrap_or(0),
            value => {
                let shown = print::shown(value);
                return self.error(format!("range can't iterate over {shown}"));
            }
        };
        let mut flow = Flow::Next;
        if count == 0 {
            if let Some(other) = &branch.other {
                flow = self.list(dot, other)?;
            }
        } else {
            self.iterate(branch, &value, count)?;
        }
        self.vars.truncate(mark);
        Ok(flow)
    }

    fn iterate(&mut self, branch: &'a Branch, value: &Value, count: usize) -> Result<()> {
        let entries = entries(value);
        let mark = self.vars.len();
        for i in 0..count {
            self.charge(1)?;
            let (index, item) = match (value, entries.get(i)) {
                (_, Some((key, item))) => (Value::Str(key.clone()).into(), item.clone()),
                (Value::Int(_, kind), _) => (Val::default(), Value::Int(i as i64, *kind).into()),
                _ => (Value::int(i as i64).into(), value.item(i).unwrap_or_default()),
            };
            self.bind(&branch.pipe, index, &item)?;
            let flow = self.list(&item, &branch.list)?;
            self.vars.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    /// Gives an element and its index to the variables of a range.
    fn bind(&mut self, pipe: &Pipe, index: Val, item: &Val) -> Result<()> {
        let top = self.vars.len();
        match (&*pipe.decl, pipe.assign) {
            ([], _) => {}
            ([one], true) => self.assign(one, item.clone())?,
            ([first, second, ..], true) => {
                self.assign(first, index)?;
                self.assign(second, item.clone())?;
            }
            (decl, false) => {
                self.vars[top - 1].1 = item.clone();
                if decl.len() > 1 {
                    self.vars[top - 2].1 = index;
                }
            }
        }
        Ok(())
    }

    fn call_template(&mut self, dot: &Val, call: &'a Call) -> Result<()> {
        self.at = At::Call(call);
        let Some(tree) = self.templates.get(&call.target) else {
            return self.error(format!("template {} not defined", quote(&call.name)));
        };
        self.enter()?;
        let dot = match &call.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Val::default(),
        };
        let mark = self.vars.len();
        let outer = (self.tree, self.base);
        self.tree = tree;
        self.base = mark;
        self.vars.push(("$".into(), dot.clone()));
        self.list(&dot, &tree.root)?;
        self.vars.truncate(mark);
        (self.tree, self.base) = outer;
        self.depth -= 1;
        Ok(())
    }

    fn variable(&self, name: &str) -> Result<Val> {
        let found = self.vars[self.base..].iter().rev().find(|(known, _)| &**known == name);
        match found {
            Some((_, value)) => Ok(value.clone()),
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn assign(&mut self, name: &str, value: Val) -> Result<()> {
        let found = self.vars[self.base..].iter_mut().rev().find(|(known, _)| &**known == name);
        match found {
            Some((_, slot)) => *slot = value,
            None => return self.error(format!("undefined variable: {name}")),
        }
        Ok(())
    }

    fn pipeline(&mut self, dot: &Val, pipe: &'a Pipe) -> Result<Val> {
        self.enter()?;
        self.at = At::Pipe(pipe);
        let mut last = None;
        for cmd in &pipe.cmds {
            self.charge(1)?;
            let mut value = self.command(dot, cmd, last)?;
            // What an interface holds comes out of it here.
            value.dynamic = false;
            last = Some(value);
        }
        let value = last.unwrap_or_default();
        for name in &pipe.decl {
            if pipe.assign {
                self.assign(name, value.clone())?;
            } else {
                self.vars.push((name.clone(), value.clone()));
            }
        }
        self.depth -= 1;
        Ok(value)
    }

    fn not_a_function(&self, args: &[Operand], last: Option<&Val>) -> Result<()> {
        if args.len() > 1 || last.is_some() {
            return self.error(format!("can't give argument to non-function {}", args[0]));
        }
        Ok(())
    }

    fn command(&mut self, dot: &Val, cmd: &'a Command, last: Option<Val>) -> Result<Val> {
        let first = &cmd.args[0];
        match &first.kind {
            Word::Field(_) | Word::Chain(..) | Word::Variable(_) => {
                return self.path(dot, first, &cmd.args, last);
            }
            Word::Identifier(name) => {
                self.at = At::Operand(first);
                return self.function(dot, name, At::Command(cmd), &cmd.args, last);
            }
            Word::Pipe(pipe) => {
                self.not_a_function(&cmd.args, last.as_ref())?;
                return self.pipeline(dot, pipe);
            }
            _ => {}
        }
        self.at = At::Operand(first);
        self.not_a_function(&cmd.args, last.as_ref())?;
        match &first.kind {
            Word::Dot => Ok(dot.clone()),
            Word::Nil => self.error("nil is not a command"),
            _ => self.constant(first),
        }
    }

    /// The value of a constant that nothing asks for a type.
    fn constant(&mut self, operand: &'a Operand) -> Result<Val> {
        self.at = At::Operand(operand);
        let value = match &operand.kind {
            Word::Bool(value) => Value::Bool(*value),
            Word::Str(_, text) => Value::Str(text.clone()),
            Word::Number(number) => match ideal(number) {
                Some(value) => value,
                None => return self.error(format!("{} overflows int", number.text)),
            },
            _ => return self.error(format!("can't evaluate command {operand}")),
        };
        Ok(value.into())
    }

    /// Evaluates a field, a chain or a variable with fields; the last one may be a method that takes
    /// arguments.
    fn path(
        &mut self,
        dot: &Val,
        operand: &'a Operand,
        args: &'a [Operand],
        last: Option<Val>,
    ) -> Result<Val> {
        self.at = At::Operand(operand);
        let (mut receiver, fields) = match &operand.kind {
            Word::Field(fields) => (dot.clone(), &fields[..]),
            Word::Variable(names) => {
                let value = self.variable(&names[0])?;
                if names.len() == 1 {
                    if !args.is_empty() {
                        self.not_a_function(args, last.as_ref())?;
                    }
                    return Ok(value);
                }
                (value, &names[1..])
            }
            Word::Chain(head, fields) => {
                if matches!(head.kind, Word::Nil) {
                    return self.error(format!("indirection through explicit nil in {operand}"));
                }
                (self.arg(dot, Param::Any, head)?, &fields[..])
            }
            _ => return self.constant(operand),
        };
        let Some((end, before)) = fields.split_last() else { return Ok(receiver) };
        for name in before {
            receiver = self.field(dot, name, operand, &[], None, receiver)?;
        }
        self.field(dot, end, operand, args, last, receiver)
    }

    fn field(
        &mut self,
        dot: &Val,
        name: &Text,
        operand: &'a Operand,
        args: &'a [Operand],
        last: Option<Val>,
        receiver: Val,
    ) -> Result<Val> {
        if receiver.is_missing() {
            return Ok(Val::default());
        }
        let type_name = receiver.type_name();
        let value = receiver.value;
        if matches!(value, Value::Nil) {
            return self.error(format!("nil pointer evaluating {type_name}.{name}"));
        }
        if let Some(method) = method::lookup(&value, name) {
            return self.method(dot, method, &value, name, At::Operand(operand), args, last);
        }
        let has_args = args.len() > 1 || last.is_some();
        if let Some((_, field)) =
            value.fields().and_then(|f| f.into_iter().find(|(known, _)| *known == &**name))
        {
            if has_args {
                return self
                    .error(format!("{name} has arguments but cannot be invoked as function"));
            }
            return Ok(field.into());
        }
        let found = match &value {
            Value::Map(map, _) => Val::dynamic(map.get(name).cloned().unwrap_or_default()),
            Value::Kv(kv) => Value::Str(kv.value_of(name).cloned().unwrap_or_default()).into(),
            _ => return self.error(format!("can't evaluate field {name} in type {type_name}")),
        };
        if has_args {
            return self.error(format!("{name} is not a method but has arguments"));
        }
        Ok(found)
    }

    #[expect(clippy::too_many_arguments, reason = "a call is all of these")]
    fn method(
        &mut self,
        dot: &Val,
        method: method::Method,
        value: &Value,
        name: &str,
        at: At<'a>,
        args: &'a [Operand],
        last: Option<Val>,
    ) -> Result<Val> {
        let args = args.get(1..).unwrap_or_default();
        let given = args.len() + usize::from(last.is_some());
        if given != method.params.len() {
            let want = method.params.len();
            return self.error(format!("wrong number of args for {name}: want {want} got {given}"));
        }
        let call = match method.call {
            Ok(call) => call,
            Err(why) => return self.error(why.replace("{}", name)),
        };
        let args = self.args(dot, method.params, None, args, last)?;
        match call(value, &args) {
            Ok(value) => Ok(value.into()),
            Err(message) => {
                self.at = at;
                self.error(format!("error calling {name}: {message}"))
            }
        }
    }

    fn function(
        &mut self,
        dot: &Val,
        name: &Arc<str>,
        at: At<'a>,
        args: &'a [Operand],
        last: Option<Val>,
    ) -> Result<Val> {
        let Some(function) = lookup(name) else {
            return self.error(format!("{} is not a defined function", quote(name)));
        };
        let args = args.get(1..).unwrap_or_default();
        let given = args.len() + usize::from(last.is_some());
        let want = function.params.len();
        if function.rest.is_some() && given < want {
            let got = args.len();
            return self
                .error(format!("wrong number of args for {name}: want at least {want} got {got}"));
        }
        if function.rest.is_none() && given != want {
            return self.error(format!("wrong number of args for {name}: want {want} got {given}"));
        }
        if matches!(&**name, "and" | "or") {
            return self.short_circuit(dot, &**name == "or", args, last);
        }
        if &**name == "call"
            && let Some(callee) = args.first()
        {
            return self.call_value(dot, at, args, &callee.to_string());
        }
        self.call(dot, name, function, at, args, last)
    }

    /// `call`: there are no function values, so this always fails.
    fn call_value(
        &mut self,
        dot: &Val,
        at: At<'a>,
        args: &'a [Operand],
        callee: &str,
    ) -> Result<Val> {
        let values = self.args(dot, &[], Some(Param::Reflect), args, None)?;
        let type_name = values.first().map_or("<nil>", |value| value.value.type_name());
        self.at = at;
        if type_name == "<nil>" {
            return self.error(format!("error calling call: call of {callee}"));
        }
        self.error(format!("error calling call: non-function {callee} of type {type_name}"))
    }

    fn call(
        &mut self,
        dot: &Val,
        name: &str,
        function: &'static Function,
        at: At<'a>,
        args: &'a [Operand],
        last: Option<Val>,
    ) -> Result<Val> {
        let args = self.args(dot, function.params, function.rest, args, last)?;
        let call: super::func::Call = function.call;
        let result = call(self, &args);
        let message = match result {
            Ok(value) => {
                let size = value.value.as_text().map_or(0, |text| text.len());
                if size <= self.env.limits.output && value.value.depth() <= super::DEPTH_MAX {
                    self.charge(size / 256)?;
                    return Ok(value);
                }
                "result too large".to_string()
            }
            Err(message) => message,
        };
        self.at = at;
        self.error(format!("error calling {name}: {message}"))
    }

    fn short_circuit(
        &mut self,
        dot: &Val,
        or: bool,
        args: &'a [Operand],
        last: Option<Val>,
    ) -> Result<Val> {
        let mut value = Val::default();
        for arg in args {
            value = self.arg(dot, Param::Reflect, arg)?;
            if value.value.is_true() == or {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn args(
        &mut self,
        dot: &Val,
        params: &[Param],
        rest: Option<Param>,
        args: &'a [Operand],
        last: Option<Val>,
    ) -> Result<Vec<Val>> {
        let mut values = Vec::with_capacity(args.len() + 1);
        let param = |i: usize| params.get(i).copied().or(rest).unwrap_or(Param::Any);
        for (i, arg) in args.iter().enumerate() {
            values.push(self.arg(dot, param(i), arg)?);
        }
        if let Some(last) = last {
            values.push(self.checked(last, param(args.len()))?);
        }
        Ok(values)
    }

    fn arg(&mut self, dot: &Val, param: Param, operand: &'a Operand) -> Result<Val> {
        self.at = At::Operand(operand);
        let value = match &operand.kind {
            Word::Dot => dot.clone(),
            Word::Nil => {
                return match param.nil() {
                    Some(value) => Ok(value.into()),
                    None => self.error(format!("cannot assign nil to {}", param.name())),
                };
            }
            Word::Field(_) | Word::Variable(_) | Word::Chain(..) => {
                self.path(dot, operand, &[], None)?
            }
            Word::Pipe(pipe) => self.pipeline(dot, pipe)?,
            Word::Identifier(name) => self.function(dot, name, At::Operand(operand), &[], None)?,
            Word::Bool(_) | Word::Number(_) | Word::Str(..) => {
                return self.typed_constant(param, operand);
            }
        };
        self.checked(value, param)
    }

    /// A constant where a type is asked for.
    fn typed_constant(&mut self, param: Param, operand: &'a Operand) -> Result<Val> {
        let value = match (param, &operand.kind) {
            (Param::Any | Param::Reflect, _) => return self.constant(operand),
            (Param::Str, Word::Str(_, text)) => Value::Str(text.clone()),
            (Param::Int(kind), Word::Number(Number { int: Some(int), .. })) => {
                Value::Int(*int, kind)
            }
            (Param::Str | Param::Int(_), _) => {
                let kind = if param == Param::Str { "string" } else { "integer" };
                return self.error(format!("expected {kind}; found {operand}"));
            }
            _ => {
                let name = param.name();
                return self.error(format!("can't handle {operand} for arg of type {name}"));
            }
        };
        Ok(value.into())
    }

    /// Checks that a value fits a parameter.
    fn checked(&self, value: Val, param: Param) -> Result<Val> {
        if value.is_missing() {
            return match param.nil() {
                Some(value) => Ok(value.into()),
                None => self.error(format!("invalid value; expected {}", param.name())),
            };
        }
        if matches!(param, Param::Any | Param::Reflect) {
            return Ok(value);
        }
        if param.accepts(&value.value) {
            return Ok(value.value.into());
        }
        let got = if matches!(value.value, Value::Nil) {
            value.type_name()
        } else {
            value.value.type_name()
        };
        self.error(format!("wrong type for value; expected {}; got {got}", param.name()))
    }
}

/// The type Go gives to a constant; `None` when it does not fit an int.
fn ideal(number: &Number) -> Option<Value> {
    if let Some((re, im)) = number.complex {
        return Some(Value::Complex(re, im));
    }
    let text = &*number.text;
    let hex = text.len() > 2 && text.starts_with(['0']) && text[1..].starts_with(['x', 'X']);
    let hex_int = hex && !text.contains(['p', 'P']);
    match number.float {
        Some(float)
            if !hex_int && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P']) =>
        {
            Some(Value::Float(float))
        }
        _ => number.int.map(Value::int),
    }
}
