//! The classic grammar: `name op value` with a lenient value, split at commas outside quotes.

use alloc::{string::String, vec::Vec};

use super::{ParseError, make, syntax};
use crate::label::{Matcher, Op};

/// What the expression class `\s` of Go holds.
const BLANKS: [char; 5] = ['\t', '\n', '\x0c', '\r', ' '];

/// Reads a list. `known` are matchers that may be cloned in place of making equal ones.
pub(super) fn matchers(input: &str, known: &[Matcher]) -> Result<Vec<Matcher>, ParseError> {
    let text = input.strip_prefix('{').unwrap_or(input);
    let text = text.strip_suffix('}').unwrap_or(text);
    let mut matchers = Vec::new();
    let mut start = 0;
    let mut add = |piece| {
        matchers.push(matcher(piece, known.get(matchers.len()))?);
        Ok(())
    };
    // A quote behind a backslash does not open or close quotes, also where a comma stands between.
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b',' if !quoted => {
                add(&text[start..at])?;
                start = at + 1;
            }
            b',' => {}
            b'"' => quoted ^= !core::mem::take(&mut escaped),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    // Only the last piece is trimmed and may be missing.
    let last = text[start..].trim();
    if !last.is_empty() {
        add(last)?;
    }
    Ok(matchers)
}

/// Reads one matcher; an equal `known` one is cloned.
pub(super) fn matcher(text: &str, known: Option<&Matcher>) -> Result<Matcher, ParseError> {
    let (name, op, value) =
        split(text).ok_or_else(|| syntax(format_args!("bad matcher format: {text}")))?;
    let value = unescape(value).ok_or_else(|| {
        syntax(format_args!("matcher value contains unescaped double quote: {value}"))
    })?;
    make(known, name, op, &value).map_err(ParseError::Expression)
}

/// Splits a matcher into its name, its operator and its value as written.
fn split(text: &str) -> Option<(&str, Op, &str)> {
    let text = text.trim_matches(BLANKS);
    let end = text
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || b == b'_' || b == b':'))
        .filter(|&end| end > 0 && !text.as_bytes()[0].is_ascii_digit())?;
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start_matches(BLANKS);
    let (op, value) = [Op::Regex, Op::Equal, Op::NotEqual, Op::NotRegex]
        .into_iter()
        .find_map(|op| Some((op, rest.strip_prefix(op.as_str())?)))?;
    Some((name, op, value.trim_start_matches(BLANKS)))
}

/// Resolves `\n`, `\"` and `\\`; other backslashes stand for themselves. A value may be wholly
/// quoted; there is `None` for a quote anywhere else.
fn unescape(raw: &str) -> Option<String> {
    let unquoted = raw.strip_prefix('"');
    let mut value = String::with_capacity(raw.len());
    let mut chars = unquoted.unwrap_or(raw).chars();
    let mut open = unquoted.is_some();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                other => {
                    value.push('\\');
                    value.extend(other);
                }
            },
            '"' if open && chars.as_str().is_empty() => open = false,
            '"' => return None,
            c => value.push(c),
        }
    }
    (!open).then_some(value)
}
