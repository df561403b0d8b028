//! Escapes that stand for one character.

use super::{RegexError, RegexErrorKind as Kind};

/// Reads the escape `s` starts with. Returns its code point, which may be a surrogate, and what
/// follows it.
pub(super) fn escape(s: &str) -> Result<(u32, &str), RegexError> {
    let mut chars = s[1..].chars();
    let Some(c) = chars.next() else {
        return Err(RegexError::new(Kind::TrailingBackslash, ""));
    };
    let rest = chars.as_str();
    let octal = |s: &str| s.bytes().next().filter(|b| matches!(b, b'0'..=b'7'));
    let code = match c {
        '0' => return Ok(octal_escape(s)),
        // One digit alone would refer back to a group, which is not known here.
        '1'..='7' if octal(rest).is_some() => return Ok(octal_escape(s)),
        'x' => return hex_escape(s),
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
        _ => return Err(RegexError::new(Kind::Escape, &s[..s.len() - rest.len()])),
    };
    Ok((code, rest))
}

/// Reads up to three octal digits after the backslash.
fn octal_escape(s: &str) -> (u32, &str) {
    let is_octal = |b: &u8| matches!(b, b'0'..=b'7');
    let digits = s[1..].bytes().take(3).take_while(is_octal);
    let (code, count) =
        digits.fold((0, 0), |(n, count), b| (n * 8 + u32::from(b - b'0'), count + 1));
    (code, &s[1 + count..])
}

/// Reads `\xhh` or `\x{h...}`. The text of an error ends with the character that is wrong, or
/// after two characters without braces.
fn hex_escape(s: &str) -> Result<(u32, &str), RegexError> {
    let mut chars = s[2..].chars();
    let wrong = |rest: &str| RegexError::new(Kind::Escape, &s[..s.len() - rest.len()]);
    let Some(first) = chars.next() else { return Err(wrong("")) };
    if first != '{' {
        let second = chars.next();
        let digits = first.to_digit(16).zip(second.and_then(|c| c.to_digit(16)));
        let (high, low) = digits.ok_or_else(|| wrong(chars.as_str()))?;
        return Ok((high * 16 + low, chars.as_str()));
    }
    let mut code = None;
    loop {
        let c = chars.next();
        match (c, code) {
            (Some('}'), Some(code)) => return Ok((code, chars.as_str())),
            _ => {
                let digit = c.and_then(|c| c.to_digit(16)).ok_or_else(|| wrong(chars.as_str()))?;
                let next = code.unwrap_or(0) * 16 + digit;
                if next > u32::from(char::MAX) {
                    return Err(wrong(chars.as_str()));
                }
                code = Some(next);
            }
        }
    }
}
