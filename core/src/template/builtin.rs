//! Go's own template functions, the comparing ones excepted.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    exec::Exec,
    print::{self, sprint, sprintf, sprintln},
    quote::{is_print, lossy},
    value::{IntType, Val, Value},
};

type Result = core::result::Result<Val, String>;

fn values(args: &[Val]) -> Vec<Value> {
    args.iter().map(|arg| arg.value.clone()).collect()
}

/// `and` and `or` are evaluated where their arguments are.
pub(super) fn nothing(_: &mut Exec<'_>, _: &[Val]) -> Result {
    Ok(Val::default())
}

/// There are no function values, so a call never succeeds.
pub(super) fn call(_: &mut Exec<'_>, args: &[Val]) -> Result {
    match args.first().map(|arg| &arg.value) {
        None | Some(Value::Nil) => Err("call of nil".into()),
        Some(value) => {
            Err(format!("non-function {} of type {}", print::shown(value), value.type_name()))
        }
    }
}

pub(super) fn not(_: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::Bool(!args[0].value.is_true()).into())
}

pub(super) fn len(_: &mut Exec<'_>, args: &[Val]) -> Result {
    match (&args[0].value, args[0].value.len()) {
        (Value::Nil, _) if args[0].dynamic => Err("len of nil pointer".into()),
        (Value::Nil, _) => Err("reflect: call of reflect.Value.Type on zero Value".into()),
        (_, Some(len)) => Ok(Value::int(len as i64).into()),
        (value, None) => Err(format!("len of type {}", value.type_name())),
    }
}

/// Reads an index; it may be as large as the length.
fn index_arg(index: &Value, len: usize) -> core::result::Result<usize, String> {
    match index {
        Value::Int(int, _) => usize::try_from(*int)
            .ok()
            .filter(|at| *at <= len)
            .ok_or_else(|| format!("index out of range: {int}")),
        Value::Nil => Err("cannot index slice/array with nil".into()),
        other => Err(format!("cannot index slice/array with type {}", other.type_name())),
    }
}

pub(super) fn index(_: &mut Exec<'_>, args: &[Val]) -> Result {
    if matches!(args[0].value, Value::Nil) {
        return Err("index of untyped nil".into());
    }
    let mut item = args[0].clone();
    for index in &args[1..] {
        let index = &index.value;
        item = match &item.value {
            Value::Nil => return Err("index of nil pointer".into()),
            Value::Str(text) | Value::Safe(_, text) => {
                let at = index_arg(index, text.len())?;
                let Some(byte) = text.as_bytes().get(at) else {
                    return Err("reflect: string index out of range".into());
                };
                Value::Int(i64::from(*byte), IntType::Uint8).into()
            }
            list if list.is_list() => {
                let at = index_arg(index, list.len().unwrap_or(0))?;
                list.item(at).ok_or("reflect: slice index out of range")?
            }
            Value::Map(map, _) => Val::dynamic(map.get(key(index)?).cloned().unwrap_or_default()),
            Value::Kv(kv) => {
                Value::Str(kv.value_of(key(index)?).cloned().unwrap_or_default()).into()
            }
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

fn key(index: &Value) -> core::result::Result<&str, String> {
    match index {
        Value::Str(text) => Ok(text),
        Value::Nil => Err("value is nil; should be of type string".into()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

pub(super) fn slice(_: &mut Exec<'_>, args: &[Val]) -> Result {
    let item = &args[0].value;
    let indexes = &args[1..];
    if matches!(item, Value::Nil) {
        return Err("slice of untyped nil".into());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let len = match item.len().filter(|_| item.is_list() || item.as_text().is_some()) {
        Some(_) if item.as_text().is_some() && indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".into());
        }
        Some(len) => len,
        None => return Err(format!("can't slice item of type {}", item.type_name())),
    };
    let mut bounds = [0, len, len];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = index_arg(&index.value, len)?;
    }
    let [from, to, max] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if indexes.len() == 3 && to > max {
        return Err(format!("invalid slice index: {to} > {max}"));
    }
    let range = from..to;
    Ok(match item {
        Value::Str(text) => Value::text(lossy(&text.as_bytes()[range])),
        Value::Safe(kind, text) => Value::Safe(*kind, lossy(&text.as_bytes()[range]).into()),
        Value::List(items, _) => Value::list(items[range].to_vec()),
        Value::Strings(items, kind) => Value::Strings(items[range].into(), *kind),
        Value::Bytes(bytes) => Value::Bytes(bytes[range].into()),
        Value::Pairs(pairs) => Value::Pairs(pairs[range].into()),
        Value::Alerts(Some(alerts), named) => Value::Alerts(Some(alerts[range].into()), *named),
        other => other.clone(),
    }
    .into())
}

pub(super) fn print(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::text(sprint(&values(args), exec.env.limits.output)).into())
}

pub(super) fn println(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::text(sprintln(&values(args), exec.env.limits.output)).into())
}

pub(super) fn printf(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    let format = args[0].value.as_text().cloned().unwrap_or_default();
    Ok(Value::text(sprintf(&format, &values(&args[1..]), exec.env.limits.output)).into())
}

/// What the escaping functions escape: the text of all arguments.
fn text_of(exec: &Exec<'_>, args: &[Val]) -> String {
    if let [Val { value: Value::Str(text), .. }] = args {
        return text.to_string();
    }
    let shown: Vec<Value> = args
        .iter()
        .map(|arg| match &arg.value {
            Value::Nil => Value::text("<no value>"),
            value => value.clone(),
        })
        .collect();
    sprint(&shown, exec.env.limits.output)
}

pub(super) fn html(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::text(escape_html(&text_of(exec, args))).into())
}

/// Escapes what has a meaning in HTML.
pub(super) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

pub(super) fn js(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    let text = text_of(exec, args);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => {
                out.push('\\');
                out.push(c);
            }
            '<' | '>' | '&' | '=' | '\0'..' ' => {
                out.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c if c.is_ascii() || is_print(c) => out.push(c),
            c => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    Ok(Value::text(out).into())
}

pub(super) fn url_query(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::text(escape_query(&text_of(exec, args))).into())
}

/// Escapes a text for a URL's query: Go's `url.QueryEscape`.
pub fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
