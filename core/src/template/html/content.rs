//! The escapers: each makes a value safe for one kind of place.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    super::{
        builtin::{escape_html, escape_query},
        json::to_json,
        print::sprint,
        value::{Safe, Value},
    },
    attribute::{self, Kind},
    transition::{is_js_ident, strip_tags},
};

/// What stands for a value that cannot be made safe.
const FAILSAFE: &str = "ZgotmplZ";

/// What an action's result goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Escaper {
    Attr,
    Comment,
    Css,
    CssValue,
    Html,
    HtmlName,
    JsRegexp,
    JsStr,
    JsTmplLit,
    JsVal,
    NoSpace,
    RcData,
    Srcset,
    UrlEscape,
    UrlFilter,
    UrlNormalize,
    /// The function `html` that the author wrote, which does the job of an escaper.
    AuthorHtml,
    /// The function `urlquery` that the author wrote.
    AuthorUrlQuery,
}

impl Escaper {
    /// Passes a value through.
    pub(super) fn apply(self, value: &Value, max: usize) -> String {
        let (text, safe) = stringify(value, max);
        let is_html = safe == Some(Safe::Html);
        match self {
            Self::Attr if is_html => replace(&strip_tags(&text), |c| plain_html(c, false), true),
            Self::Html if is_html => text,
            Self::RcData if is_html => replace(&text, |c| plain_html(c, false), true),
            Self::Attr | Self::Html | Self::RcData => replace(&text, |c| plain_html(c, true), true),
            Self::NoSpace if text.is_empty() => FAILSAFE.into(),
            Self::NoSpace if is_html => replace(&strip_tags(&text), |c| no_space(c, false), false),
            Self::NoSpace => replace(&text, |c| no_space(c, true), false),
            Self::Comment => String::new(),
            Self::Css => css(&text),
            Self::CssValue => css_value(&text),
            Self::HtmlName => html_name(&text),
            Self::JsRegexp if text.is_empty() => "(?:)".into(),
            Self::JsRegexp => replace_js(&text, js_regexp),
            Self::JsStr => replace_js(&text, js_str),
            Self::JsTmplLit => replace_js(&text, js_template),
            Self::JsVal => js_value(value, max),
            Self::Srcset => srcset(&text, safe),
            Self::UrlEscape => url(&text, safe == Some(Safe::Url)),
            Self::UrlNormalize => url(&text, true),
            Self::UrlFilter if safe == Some(Safe::Url) || is_safe_url(&text) => text,
            Self::UrlFilter => format!("#{FAILSAFE}"),
            Self::AuthorHtml => escape_html(&text),
            Self::AuthorUrlQuery => escape_query(&text),
        }
    }
}

/// Returns the text of a value and what it is trusted for. Nothing is the empty text.
fn stringify(value: &Value, max: usize) -> (String, Option<Safe>) {
    match value {
        Value::Nil => (String::new(), None),
        Value::Str(text) => (text.to_string(), None),
        Value::Safe(safe, text) => (text.to_string(), Some(*safe)),
        value => (sprint(core::slice::from_ref(value), max), None),
    }
}

fn replace(
    text: &str,
    entity: impl Fn(char) -> Option<&'static str>,
    all_characters: bool,
) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match entity(c) {
            Some(entity) => out.push_str(entity),
            // Some browsers end an attribute without quotes at characters that are none.
            None if !all_characters
                && matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}') =>
            {
                out.push_str(&format!("&#x{:x};", u32::from(c)));
            }
            None => out.push(c),
        }
    }
    out
}

const fn plain_html(c: char, amp: bool) -> Option<&'static str> {
    Some(match c {
        '\0' => "\u{fffd}",
        '"' => "&#34;",
        '&' if amp => "&amp;",
        '\'' => "&#39;",
        '+' => "&#43;",
        '<' => "&lt;",
        '>' => "&gt;",
        _ => return None,
    })
}

const fn no_space(c: char, amp: bool) -> Option<&'static str> {
    Some(match c {
        '\0' => "&#xfffd;",
        '\t' => "&#9;",
        '\n' => "&#10;",
        '\u{b}' => "&#11;",
        '\u{c}' => "&#12;",
        '\r' => "&#13;",
        ' ' => "&#32;",
        '=' => "&#61;",
        '`' => "&#96;",
        _ => return plain_html(c, amp),
    })
}

fn html_name(text: &str) -> String {
    let name = text.to_lowercase();
    let letters = name.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    if name.is_empty() || !letters || attribute::kind(&name) != Kind::Plain {
        return FAILSAFE.into();
    }
    name
}

/// Only the schemes http, https and mailto, or none, are safe.
fn is_safe_url(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => {
            ["http", "https", "mailto"].iter().any(|safe| scheme.eq_ignore_ascii_case(safe))
        }
        _ => true,
    }
}

fn url(text: &str, normalize: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    for (i, byte) in bytes.iter().enumerate() {
        let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        let keep = match byte {
            b'!' | b'#' | b'$' | b'&' | b'*' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?'
            | b'@' | b'[' | b']' => normalize,
            b'-' | b'.' | b'_' | b'~' => true,
            b'%' => normalize && hex(i + 1) && hex(i + 2),
            _ => byte.is_ascii_alphanumeric(),
        };
        if keep {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02x}"));
        }
    }
    out
}

fn srcset(text: &str, safe: Option<Safe>) -> String {
    if safe == Some(Safe::Url) {
        return url(text, true).replace(',', "%2c");
    }
    let space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\u{c}' | '\r');
    let candidate = |part: &str| {
        let trimmed = part.trim_start_matches(space);
        let (before, rest) = part.split_at(part.len() - trimmed.len());
        let (address, tail) = rest.split_at(rest.find(space).unwrap_or(rest.len()));
        if is_safe_url(address) && tail.chars().all(|c| space(c) || c.is_ascii_alphanumeric()) {
            return format!("{before}{}{tail}", url(address, true));
        }
        format!("#{FAILSAFE}")
    };
    let parts: Vec<String> = text.split(',').map(candidate).collect();
    parts.join(",")
}

fn css(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\0' | '\t' | '\n' | '\u{c}' | '\r' | '"' | '&' | '\'' | '(' | ')' | '+' | '/'
            | ':' | ';' | '<' | '>' | '{' | '}' => {
                out.push_str(&format!("\\{:x}", u32::from(c)));
                // A blank keeps what follows from being read as part of the number.
                let runs_on = |next: &char| {
                    next.is_ascii_hexdigit() || matches!(next, ' ' | '\t' | '\n' | '\u{c}' | '\r')
                };
                if chars.peek().is_none_or(runs_on) {
                    out.push(' ');
                }
            }
            '\\' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
    out
}

/// Decodes the escapes of CSS.
pub(super) fn decode_css(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let digits = after.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        if digits == 0 {
            let Some(c) = after.chars().next() else { return out };
            out.push(c);
            rest = &after[c.len_utf8()..];
            continue;
        }
        let code = u32::from_str_radix(&after[..digits], 16).unwrap_or(0);
        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
        rest = &after[digits..];
        rest = rest
            .strip_prefix("\r\n")
            .or_else(|| rest.strip_prefix([' ', '\t', '\n', '\u{c}', '\r']))
            .unwrap_or(rest);
    }
    out.push_str(rest);
    out
}

fn css_value(text: &str) -> String {
    let decoded = decode_css(text);
    let unsafe_character = |c: char| {
        matches!(
            c,
            '\0' | '"'
                | '\''
                | '('
                | ')'
                | '/'
                | ';'
                | '@'
                | '['
                | '\\'
                | ']'
                | '`'
                | '{'
                | '}'
                | '<'
                | '>'
        )
    };
    let names: String = decoded
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if decoded.contains(unsafe_character)
        || decoded.contains("--")
        || names.contains("expression")
        || names.contains("mozbinding")
    {
        return FAILSAFE.into();
    }
    decoded
}

fn replace_js(text: &str, special: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => match special(c) {
                Some(escape) => out.push_str(escape),
                None => out.push(c),
            },
        }
    }
    out
}

const fn js_str(c: char) -> Option<&'static str> {
    Some(match c {
        '"' => "\\u0022",
        '`' => "\\u0060",
        '&' => "\\u0026",
        '\'' => "\\u0027",
        '+' => "\\u002b",
        '/' => "\\/",
        '<' => "\\u003c",
        '>' => "\\u003e",
        '\\' => "\\\\",
        _ => return None,
    })
}

const fn js_template(c: char) -> Option<&'static str> {
    Some(match c {
        '$' => "\\u0024",
        '{' => "\\u007b",
        '}' => "\\u007d",
        _ => return js_str(c),
    })
}

const fn js_regexp(c: char) -> Option<&'static str> {
    Some(match c {
        '$' => "\\$",
        '(' => "\\(",
        ')' => "\\)",
        '*' => "\\*",
        '-' => "\\-",
        '.' => "\\.",
        '?' => "\\?",
        '[' => "\\[",
        ']' => "\\]",
        '^' => "\\^",
        '{' => "\\{",
        '|' => "\\|",
        '}' => "\\}",
        '`' => return None,
        _ => return js_str(c),
    })
}

/// Writes a value as a JavaScript expression: JSON, except that what says how it prints is a
/// string.
fn js_value(value: &Value, max: usize) -> String {
    let shown = match value {
        Value::Time(_) => None,
        value => value.stringer(),
    };
    let shown = shown.map(Value::text);
    let json = match to_json(shown.as_ref().unwrap_or(value), max) {
        Ok(json) => json,
        Err(error) => {
            let error = error.replace("*/", "* /").replace("</script", "\\x3C/script");
            return format!(" /* {error} */null ", error = error.replace("<!--", "\\x3C!--"));
        }
    };
    let bytes = json.as_bytes();
    let ident = |byte: Option<&u8>| byte.is_some_and(|byte| is_js_ident(*byte));
    if ident(bytes.first()) || ident(bytes.last()) { format!(" {json} ") } else { json }
}
