//! What an unquoted text means in YAML 1.1.

use alloc::string::String;

use super::{Form, Scalar};

/// What a scalar is read as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resolved {
    /// `~`, `null`, or nothing.
    Null,
    /// `yes`, `off`, ...
    Bool(bool),
    /// A whole number; hexadecimal, octal and binary forms and `_` included.
    Int(i128),
    /// A number with a point or an exponent, an infinity, or not a number.
    Float(f64),
    /// A date or a date with a time, in the form of RFC 3339.
    Time,
    /// Anything else.
    Text,
}

impl Resolved {
    /// Returns the tag that Alertmanager's messages show.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Bool(_) => "!!bool",
            Self::Int(_) => "!!int",
            Self::Float(_) => "!!float",
            Self::Time => "!!timestamp",
            Self::Text => "!!str",
        }
    }
}

impl Scalar {
    /// Returns what the scalar is read as.
    pub fn resolve(&self) -> Resolved {
        match self.form {
            Form::Text => Resolved::Text,
            Form::Plain | Form::Tagged => resolve(&self.text),
        }
    }
}

/// Returns what an unquoted text is read as.
pub fn resolve(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            Resolved::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            Resolved::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Resolved::Float(f64::NEG_INFINITY),
        _ => number(text).unwrap_or(Resolved::Text),
    }
}

fn number(text: &str) -> Option<Resolved> {
    let first = *text.as_bytes().first()?;
    if !first.is_ascii_digit() && !matches!(first, b'+' | b'-' | b'.') {
        return None;
    }
    if is_time(text) {
        return Some(Resolved::Time);
    }
    let plain: String = text.chars().filter(|&c| c != '_').collect();
    if let Some(int) = int(&plain) {
        return Some(Resolved::Int(int));
    }
    if is_float(&plain) {
        // A number that is too large for a float is a text, as in Go.
        let float: f64 = plain.parse().ok()?;
        return float.is_finite().then_some(Resolved::Float(float));
    }
    None
}

/// Reads what Go's `strconv.ParseInt(text, 0, 64)` or `ParseUint` accepts.
fn int(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (base, digits) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.bytes().next()?.is_ascii_alphanumeric() {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, base).ok()?);
    let value = if negative { -value } else { value };
    (value >= i128::from(i64::MIN)).then_some(value)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = digits(rest);
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if whole == 0 && count == 0 {
            return false;
        }
        rest = &fraction[count..];
    } else if whole == 0 {
        return false;
    }
    let Some(exponent) = rest.strip_prefix(['e', 'E']) else { return rest.is_empty() };
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    !exponent.is_empty() && digits(exponent) == exponent.len()
}

/// Tells whether a text looks like a date (`2001-1-2`) with or without a time behind it.
fn is_time(text: &str) -> bool {
    let year = text.bytes().take_while(u8::is_ascii_digit).count();
    if year != 4 {
        return false;
    }
    let mut rest = &text[4..];
    for _ in 0..2 {
        let Some(part) = rest.strip_prefix('-') else { return false };
        let count = part.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=2).contains(&count) {
            return false;
        }
        rest = &part[count..];
    }
    if rest.is_empty() {
        return true;
    }
    let zoned = rest.starts_with(['T', 't']);
    let Some(clock) = rest.strip_prefix(['T', 't', ' ']) else { return false };
    let clock = clock.trim_end_matches('Z');
    let (clock, zone) = match clock.rfind(['+', '-']) {
        Some(at) => (&clock[..at], &clock[at + 1..]),
        None => (clock, ""),
    };
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts = clock.split('.').next().unwrap_or_default().split(':');
    parts.clone().count() == 3
        && parts.into_iter().all(is_digits)
        && (zone.is_empty() || (zoned && zone.split(':').all(is_digits)))
}

/// Tells whether a text is a number to the base 60 of YAML 1.1 (`9:30`): never read as a number,
/// but quoted when written, for readers that would.
pub(super) fn is_base60(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (body, fraction) = body.split_once('.').unwrap_or((body, ""));
    let mut parts = body.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: alloc::vec::Vec<&str> = parts.collect();
    let number = |b: u8| b.is_ascii_digit() || b == b'_';
    first.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && first.bytes().all(number)
        && fraction.bytes().all(number)
        && !rest.is_empty()
        && rest.iter().all(|part| match part.as_bytes() {
            [a] => a.is_ascii_digit(),
            [a, b] => (b'0'..=b'5').contains(a) && b.is_ascii_digit(),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_forms_of_yaml_1_1() {
        for (text, value) in [
            ("010", 8),
            ("0x1F", 31),
            ("0b11", 3),
            ("0o17", 15),
            ("-0b1", -1),
            ("1_000", 1000),
            ("+5", 5),
            ("0", 0),
            ("18446744073709551615", i128::from(u64::MAX)),
        ] {
            assert_eq!(resolve(text), Resolved::Int(value), "{text}");
        }
        for (text, value) in
            [("1e3", 1000.0), ("2.0", 2.0), (".5", 0.5), ("08", 8.0), ("-1.", -1.0)]
        {
            assert_eq!(resolve(text), Resolved::Float(value), "{text}");
        }
        for text in ["1m", "0x", "-", "+", ".", "1e", "--1", "0x-1", "1.2.3", "..."] {
            assert_eq!(resolve(text), Resolved::Text, "{text}");
        }
    }

    #[test]
    fn words_and_dates() {
        assert_eq!(resolve("off"), Resolved::Bool(false));
        assert_eq!(resolve("oFf"), Resolved::Text);
        assert_eq!(resolve("~"), Resolved::Null);
        for text in
            ["2001-01-02", "2001-1-2T3:4:5Z", "2001-01-02 03:04:05", "2001-12-14t21:59:43.10-05:00"]
        {
            assert_eq!(resolve(text), Resolved::Time, "{text}");
        }
        assert_eq!(resolve("2020:2022"), Resolved::Text);
        assert!(is_base60("09:00") && is_base60("1:3") && !is_base60("-7:-1"));
        assert!(!is_base60("2020:2022") && !is_base60("9") && !is_base60("9:60"));
    }
}
