//! Constants of templates: Go's syntax of integers, floats, characters and imaginary numbers.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString as _},
};

use super::{ast::Number, lex::Kind, quote};

/// Reads a constant.
///
/// # Errors
/// Go's words for what is wrong.
pub(super) fn parse(text: &str, kind: Kind) -> Result<Number, String> {
    let mut number =
        Number { text: Box::from(text), int: None, uint: None, float: None, complex: None };
    match kind {
        Kind::CharConstant => {
            let Some((unit, tail)) = quote::unquote_char(&text[1..], '\'') else {
                return Err("invalid syntax".into());
            };
            if tail != "'" {
                return Err(format!("malformed character constant: {text}"));
            }
            set_float(&mut number, f64::from(unit.code()));
            return Ok(number);
        }
        Kind::Complex => {
            let cut = text.rfind(['+', '-']).unwrap_or(0);
            // An exponent's sign is not the one between the parts.
            let cut = match text[..cut].chars().last() {
                Some('e' | 'E' | 'p' | 'P') => text[..cut].rfind(['+', '-']).unwrap_or(0),
                _ => cut,
            };
            let parts = parse_float(&text[..cut])
                .zip(text.strip_suffix('i').and_then(|t| parse_float(&t[cut..])));
            let (real, imaginary) = parts.ok_or_else(|| illegal(text))?;
            set_complex(&mut number, real, imaginary);
            return Ok(number);
        }
        _ => {}
    }
    if let Some(imaginary) = text.strip_suffix('i').and_then(parse_float) {
        set_complex(&mut number, 0.0, imaginary);
        return Ok(number);
    }
    number.uint = parse_uint(text);
    number.int = parse_int(text);
    if number.int == Some(0) {
        number.uint = Some(0);
    }
    if let Some(int) = number.int {
        number.float = Some(int as f64);
    } else if let Some(uint) = number.uint {
        number.float = Some(uint as f64);
    } else if let Some(float) = parse_float(text) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quote::quote(text)));
        }
        set_float(&mut number, float);
    } else {
        return Err(illegal(text));
    }
    Ok(number)
}

fn illegal(text: &str) -> String {
    format!("illegal number syntax: {}", quote::quote(text))
}

fn set_float(number: &mut Number, float: f64) {
    number.float = Some(float);
    if float as i64 as f64 == float && float < 9.3e18 {
        number.int = Some(float as i64);
    }
    if float as u64 as f64 == float && float >= 0.0 {
        number.uint = Some(float as u64);
    }
}

fn set_complex(number: &mut Number, real: f64, imaginary: f64) {
    number.complex = Some((real, imaginary));
    if imaginary == 0.0 {
        set_float(number, real);
    }
}

fn parse_int(text: &str) -> Option<i64> {
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = parse_uint(magnitude)?;
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

fn parse_uint(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits, prefixed) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest, true)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest, true)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest, true)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..], true)
    } else {
        (10, &*lower, false)
    };
    let digits = without_underscores(digits, prefixed)?;
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&digits, radix).ok()
}

/// Removes underscores, which must stand between digits (or after the prefix).
fn without_underscores(digits: &str, prefixed: bool) -> Option<String> {
    let bad = digits.ends_with('_')
        || digits.contains("__")
        || !prefixed && digits.starts_with('_')
        || digits == "_";
    (!bad).then(|| digits.replace('_', ""))
}

/// Reads a float as `strconv.ParseFloat`, underscores allowed between digits.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let (sign, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(hex) = magnitude.strip_prefix("0x").or_else(|| magnitude.strip_prefix("0X")) {
        return hex_float(&hex.to_ascii_lowercase()).map(|value| sign * value);
    }
    if !magnitude.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let digits = without_underscores(magnitude, false)?;
    let value: f64 = digits.parse().ok()?;
    value.is_finite().then_some(sign * value)
}

/// Reads a float as `strconv.ParseFloat` does outside of templates: names of the special values are
/// known.
///
/// # Errors
/// Go's words.
pub(super) fn parse_float_strict(text: &str) -> Result<f64, String> {
    let error = |why: &str| format!("strconv.ParseFloat: parsing {}: {why}", quote::quote(text));
    let bare = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    if text.len() - bare.len() <= 1 {
        match &*bare {
            "inf" | "infinity" => return Ok(sign * f64::INFINITY),
            "nan" if text.len() == bare.len() => return Ok(f64::NAN),
            _ => {}
        }
    }
    match parse_float(text) {
        Some(value) => Ok(value),
        None if bare.parse::<f64>().is_ok_and(f64::is_infinite)
            && bare.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            Err(error("value out of range"))
        }
        None => Err(error("invalid syntax")),
    }
}

fn hex_float(hex: &str) -> Option<f64> {
    let (mantissa, exponent) = hex.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let mantissa = mantissa.replace('_', "");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
    let digits = whole.to_string() + fraction;
    if digits.is_empty() || digits.len() > 14 {
        return None;
    }
    let value = u64::from_str_radix(&digits, 16).ok()?;
    let shift = exponent.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?;
    Some(scale(value as f64, shift))
}

/// Multiplies by a power of two.
fn scale(mut value: f64, mut shift: i32) -> f64 {
    shift = shift.clamp(-1200, 1200);
    while shift > 0 {
        value *= 2.0;
        shift -= 1;
    }
    while shift < 0 {
        value /= 2.0;
        shift += 1;
    }
    value
}
