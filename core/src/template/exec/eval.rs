//! Commands, paths, calls and arguments: everything inside of a pipeline.

use alloc::{format, string::ToString as _, sync::Arc, vec::Vec};

use super::{
    super::{
        DEPTH_MAX,
        ast::{At, Command, Number, Operand, Word},
        func::{Call, Function, Param, lookup},
        method,
        quote::quote,
        value::{Text, Val, Value},
    },
    Exec, Result,
};

impl<'a> Exec<'a> {
    fn not_a_function(&self, args: &[Operand], last: Option<&Val>) -> Result<()> {
        if args.len() > 1 || last.is_some() {
            return self.error(format!("can't give argument to non-function {}", args[0]));
        }
        Ok(())
    }

    pub(super) fn command(
        &mut self,
        dot: &Val,
        cmd: &'a Command,
        last: Option<Val>,
    ) -> Result<Val> {
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

    /// Evaluates a field, a chain or a variable with fields; the last one may be a method that
    /// takes arguments.
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
        let call: Call = function.call;
        let result = call(self, &args);
        let message = match result {
            Ok(value) => {
                let size = value.value.as_text().map_or(0, |text| text.len());
                if size <= self.env.limits.output && value.value.depth() <= DEPTH_MAX {
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
