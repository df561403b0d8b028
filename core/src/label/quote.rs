//! Quoting as Go's `strconv.Quote` does it.

use alloc::string::String;
use core::fmt::Write as _;

/// Appends `text` as a double-quoted Go string literal.
pub fn quote_into(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            c if c < ' ' || c == '\x7f' => write!(out, "\\x{:02x}", c as u32).expect("infallible"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Returns `text` as a double-quoted Go string literal.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(&mut out, text);
    out
}

/// Tells whether a label name must be quoted in a matcher's canonical text.
pub fn needs_quotes(name: &str) -> bool {
    name.chars().any(|c| c.is_whitespace() || "{}!=~,\\\"'`".contains(c))
}
