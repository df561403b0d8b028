//! Log lines in Alertmanager's two formats.

use alloc::string::{String, ToString as _};
use core::fmt::Write as _;

use super::{Record, Value};
use crate::time::{Stamp, duration::format_go_span, rfc3339};

/// Appends a record as `key=value` pairs, without a newline. Times are UTC with milliseconds.
pub fn write_logfmt(record: &Record<'_>, out: &mut String) {
    out.push_str("time=");
    rfc3339::write_log(out, record.wall);
    out.push_str(" level=");
    out.push_str(record.level.as_str());
    pair(out, "source", record.source);
    pair(out, "msg", record.msg);
    let mut text = String::new();
    for (key, value) in &record.fields {
        text.clear();
        plain(value, &mut text);
        pair(out, key, &text);
    }
}

/// Appends a record as one JSON object, without a newline. Times are UTC with nanoseconds.
pub fn write_json(record: &Record<'_>, out: &mut String) {
    out.push_str("{\"time\":\"");
    rfc3339::write_nanos(out, Stamp::utc(record.wall));
    out.push('"');
    member(out, "level", record.level.as_str());
    member(out, "source", record.source);
    member(out, "msg", record.msg);
    let mut text = String::new();
    for (key, value) in &record.fields {
        match value {
            Value::Count(_) | Value::Flag(_) => {
                key_of(out, key);
                plain(value, out);
            }
            Value::List(list) => {
                key_of(out, key);
                out.push('[');
                for (i, item) in list.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    json_text(out, item);
                }
                out.push(']');
            }
            _ => {
                text.clear();
                plain(value, &mut text);
                member(out, key, &text);
            }
        }
    }
    out.push('}');
}

fn plain(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Text(text) => out.push_str(text),
        Value::Count(n) => write!(out, "{n}").expect("a String takes every write"),
        Value::Flag(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Span(span) => out.push_str(&format_go_span(*span)),
        Value::Time(at) => rfc3339::write_seconds(out, Stamp::utc(*at)),
        Value::List(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push(' ');
                }
                out.push_str(item);
            }
            out.push(']');
        }
        Value::Hidden => {}
    }
}

fn pair(out: &mut String, key: &str, text: &str) {
    out.push(' ');
    out.push_str(key);
    out.push('=');
    if needs_quotes(text) { quote(out, text) } else { out.push_str(text) }
}

/// Tells whether a value would not read back as one word.
fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.chars().any(|c| match c {
            '\\' | '\x7f' => false,
            ' ' | '=' | '"' | '\u{fffd}' => true,
            c => !is_printable(c),
        })
}

/// Tells whether Go would print a character as it is.
fn is_printable(c: char) -> bool {
    // The standard library escapes what has no glyph, and combining marks, which Go prints.
    match c {
        ' '..='~' => true,
        c if c.is_control() || c.is_whitespace() => false,
        c => c.escape_debug().len() == 1 || c.is_alphanumeric() || is_mark(c),
    }
}

/// Tells whether a character combines with the one before it.
fn is_mark(c: char) -> bool {
    // Only these blocks of marks occur in names people write; others are escaped, which is safe.
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5bd}'
        | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{903}' | '\u{93a}'..='\u{94d}'
        | '\u{e31}'..='\u{e3a}' | '\u{3099}'..='\u{309a}' | '\u{fe00}'..='\u{fe0f}')
}

/// Appends a double-quoted Go string literal.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\x07' => "\\a",
            '\x08' => "\\b",
            '\x0c' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\x0b' => "\\v",
            c if is_printable(c) || c == '\u{fffd}' => {
                out.push(c);
                continue;
            }
            c => {
                let n = u32::from(c);
                match n {
                    0..0x80 => write!(out, "\\x{n:02x}"),
                    0x80..0x1_0000 => write!(out, "\\u{n:04x}"),
                    _ => write!(out, "\\U{n:08x}"),
                }
                .expect("a String takes every write");
                continue;
            }
        };
        out.push_str(escape);
    }
    out.push('"');
}

fn key_of(out: &mut String, key: &str) {
    out.push(',');
    json_text(out, key);
    out.push(':');
}

fn member(out: &mut String, key: &str, text: &str) {
    key_of(out, key);
    json_text(out, text);
}

fn json_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
