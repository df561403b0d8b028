//! Values as Go's `encoding/json` writes them.

use alloc::{format, string::String};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{exec::entries, float::format_float, value::Value};

/// Writes compact JSON.
///
/// # Errors
/// Go's words for a value JSON has no form for.
pub(super) fn to_json(value: &Value, max: usize) -> Result<String, String> {
    let mut out = String::new();
    write(&mut out, value, max)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value, max: usize) -> Result<(), String> {
    if out.len() > max {
        return Err("result too large".into());
    }
    match value {
        Value::Nil | Value::Alerts(None, _) => out.push_str("null"),
        Value::Kv(kv) if kv.is_nil() => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value, _) => out.push_str(&format!("{value}")),
        Value::Float(value) => out.push_str(&number(*value)?),
        Value::Complex(..) => return Err("json: unsupported type: complex128".into()),
        Value::Str(text) | Value::Safe(_, text) => write_text(out, text),
        Value::Time(time) => {
            let text = time.to_json().map_err(|why| {
                format!("json: error calling MarshalJSON for type time.Time: {why}")
            })?;
            write_text(out, &text);
        }
        Value::Bytes(bytes) => write_text(out, &STANDARD.encode(bytes)),
        Value::Zone(_) => out.push_str("{}"),
        Value::Map(..) | Value::Kv(_) => {
            out.push('{');
            for (i, (key, item)) in entries(value).into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(out, &key);
                out.push(':');
                write(out, &item.value, max)?;
            }
            out.push('}');
        }
        Value::Pair(_) | Value::Alert(_) | Value::Data(_) => {
            out.push('{');
            for (i, (name, field)) in value.fields().unwrap_or_default().iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(out, &json_name(value, name));
                out.push(':');
                write(out, field, max)?;
            }
            out.push('}');
        }
        _ => {
            out.push('[');
            for i in 0..value.len().unwrap_or(0) {
                if i > 0 {
                    out.push(',');
                }
                write(out, &value.item(i).unwrap_or_default().value, max)?;
            }
            out.push(']');
        }
    }
    Ok(())
}

/// The name of a field in JSON: that of the webhook's body.
fn json_name(value: &Value, field: &str) -> String {
    match (value, field) {
        (Value::Pair(_), _) => field.into(),
        (_, "NotificationReason") => "notification_reason".into(),
        (_, "ExternalURL") => "externalURL".into(),
        (_, "GeneratorURL") => "generatorURL".into(),
        _ => {
            let (first, rest) = field.split_at(1);
            first.to_ascii_lowercase() + rest
        }
    }
}

/// Writes a float as JSON has it.
pub fn number(value: f64) -> Result<String, String> {
    if !value.is_finite() {
        let text = format_float(value, 'g', None);
        return Err(format!("json: unsupported value: {text}"));
    }
    let abs = value.abs();
    if abs == 0.0 || (1e-6..1e21).contains(&abs) {
        return Ok(format_float(value, 'f', None));
    }
    // e-09 becomes e-9.
    Ok(format_float(value, 'e', None).replace("e-0", "e-"))
}

/// Writes a text in quotes; what HTML gives a meaning is escaped too.
pub(super) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
