//! Quoting as Go's `strconv.Quote` does it, and the way back.

mod printable;

use alloc::{string::String, vec::Vec};
use core::fmt::Write as _;

use crate::word;

/// Appends `text` as a double-quoted Go string literal.
pub fn quote_into(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at(plain_run(rest.as_bytes()));
        out.push_str(plain);
        let mut chars = special.chars();
        let Some(c) = chars.next() else { break };
        push_quoted(out, c);
        rest = chars.as_str();
    }
    out.push('"');
}

fn push_quoted(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        c if is_printable(c) => out.push(c),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c => {
            let code = u32::from(c);
            match code {
                0..0x20 | 0x7f => write!(out, "\\x{code:02x}"),
                0x20..0x1_0000 => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            }
            .expect("a String takes every write");
        }
    }
}

/// Returns how many bytes at the start are printable ASCII that stands for itself, as most texts
/// are to their end.
fn plain_run(bytes: &[u8]) -> usize {
    word::run(bytes, |word| {
        word::below(word, b' ')
            | word::equal(word, b'"')
            | word::equal(word, b'\\')
            | word::equal(word, 0x7f)
            | word::beyond_ascii(word)
    })
}

/// Returns `text` as a double-quoted Go string literal.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(&mut out, text);
    out
}

/// Reads a double-quoted Go string literal with all of Go's escapes.
///
/// Returns `None` for what is no such literal, and where the escapes spell bytes that are not
/// UTF-8.
pub fn unquote(literal: &str) -> Option<String> {
    let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::with_capacity(rest.len());
    while let Some(at) = memchr::memchr3(b'\\', b'"', b'\n', rest.as_bytes()) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = rest[at..].strip_prefix('\\')?;
        rest = unescape(&mut out, rest)?;
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8(out).ok()
}

/// Appends what the escape after a backslash stands for and returns the text behind it.
fn unescape<'a>(out: &mut Vec<u8>, text: &'a str) -> Option<&'a str> {
    let kind = text.chars().next()?;
    let rest = &text[kind.len_utf8()..];
    out.push(match kind {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '"' => b'"',
        'x' => {
            let (byte, rest) = digits(rest, 2, 16)?;
            out.push(u8::try_from(byte).ok()?);
            return Some(rest);
        }
        '0'..='7' => {
            let (byte, rest) = digits(text, 3, 8)?;
            out.push(u8::try_from(byte).ok()?);
            return Some(rest);
        }
        'u' | 'U' => {
            let (code, rest) = digits(rest, if kind == 'u' { 4 } else { 8 }, 16)?;
            let c = char::from_u32(code)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    });
    Some(rest)
}

/// Reads exactly `count` digits, at most eight.
fn digits(text: &str, count: usize, radix: u32) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    let number = digits.chars().try_fold(0_u32, |n, c| Some(n * radix + c.to_digit(radix)?))?;
    Some((number, rest))
}

/// Tells whether Go's `strconv.IsPrint` holds: letters, marks, numbers, punctuation, symbols and
/// the ASCII space.
pub fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\u{a0}' => false,
        c => printable::BOUNDS.partition_point(|&bound| bound <= u32::from(c)) % 2 == 1,
    }
}

/// Tells whether a label name must be quoted in a matcher's canonical text.
pub fn needs_quotes(name: &str) -> bool {
    name.chars().any(is_reserved)
}

/// Tells whether a character ends an unquoted run in the UTF-8 matcher grammar.
pub fn is_reserved(c: char) -> bool {
    c.is_whitespace() || matches!(c, '{' | '}' | '!' | '=' | '~' | ',' | '\\' | '"' | '\'' | '`')
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;
    use regex_syntax::hir::{Class, HirKind};

    use super::*;

    #[test]
    fn quotes_as_go_does() {
        for (text, quoted) in [
            ("", r#""""#),
            ("a\\\"b'`", r#""a\\\"b'`""#),
            ("\x07\x08\x0c\n\r\t\x0b\0\x1f\x7f", r#""\a\b\f\n\r\t\v\x00\x1f\x7f""#),
            ("\u{80}\u{9f}\u{a0}¡\u{ad}é", r#""\u0080\u009f\u00a0¡\u00adé""#),
            ("\u{feff}\u{fffd}\u{e000}\u{378}\u{2028}", "\"\\ufeff\u{fffd}\\ue000\\u0378\\u2028\""),
            ("日本🙂🫨", "\"日本🙂🫨\""),
            ("\u{e0001}\u{10ffff}\u{ffff}", r#""\U000e0001\U0010ffff\uffff""#),
        ] {
            assert_eq!(quote(text), quoted);
            assert_eq!(unquote(&quote(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_special_character_is_found_wherever_it_stands() {
        for (special, quoted) in [
            ("\"", "\\\""),
            ("\\", "\\\\"),
            ("\n", "\\n"),
            ("\x1f", "\\x1f"),
            ("\x7f", "\\x7f"),
            ("é", "é"),
            ("~ ", "~ "),
        ] {
            for at in 0..20 {
                let (before, after) = ("a~ !#[]z09".repeat(2), "b ~".repeat(5));
                let text = [&before[..at], special, &after].concat();
                assert_eq!(quote(&text), format!("\"{}{quoted}{after}\"", &before[..at]));
            }
        }
    }

    #[test]
    fn unquotes_as_go_does() {
        for (literal, text) in [
            (r#""a\"b\\""#, "a\"b\\"),
            (r#""\x41\101\u00e9\U0001f642""#, "AAé🙂"),
            (r#""\xf0\x9f\x99\x82""#, "🙂"),
            (r#""tab	ok'`""#, "tab\tok'`"),
        ] {
            assert_eq!(unquote(literal).as_deref(), Some(text), "{literal}");
        }
        for literal in [
            "",
            "\"",
            "a",
            "'a'",
            "`a`",
            r#""a"#,
            r#""a"b""#,
            r#""\""#,
            r#""\'""#,
            r#""\d""#,
            r#""\x4""#,
            r#""\x4é""#,
            r#""\18""#,
            r#""\08a""#,
            r#""\400""#,
            r#""\ud800""#,
            r#""\U00110000""#,
            r#""\xf0\x9f""#,
            "\"a\nb\"",
        ] {
            assert_eq!(unquote(literal), None, "{literal}");
        }
    }

    /// The table is what this computes: the bounds of the classes' ranges above ASCII, in turn the
    /// first character inside and the first one outside.
    #[test]
    fn printable_table_is_the_unicode_class() {
        let hir = regex_syntax::parse(r"[\p{L}\p{M}\p{N}\p{P}\p{S}]").unwrap();
        let HirKind::Class(Class::Unicode(class)) = hir.into_kind() else { panic!("a class") };
        let bounds: Vec<u32> = class
            .ranges()
            .iter()
            .flat_map(|range| [u32::from(range.start()), u32::from(range.end()) + 1])
            .filter(|&bound| bound > 0xa0)
            .collect();
        assert_eq!(bounds, printable::BOUNDS);
    }

    proptest! {
        #[test]
        fn unquote_reverses_quote(text in any::<String>()) {
            prop_assert_eq!(unquote(&quote(&text)), Some(text));
        }

        #[test]
        fn unquote_never_panics(text in r#""?([a-zé]|\\|["xuU0-9\n])*"?"#) {
            let _ = unquote(&text);
        }
    }
}
