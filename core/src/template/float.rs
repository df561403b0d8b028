//! Floating-point numbers as text, as Go's `strconv.FormatFloat`.

use alloc::{
    format,
    string::{String, ToString as _},
};

/// Formats a number by a verb of `eEfFgGbxX`; no precision means the shortest text that reads back
/// the same.
pub fn format_float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let abs = value.abs();
    let text = match verb {
        'e' | 'E' => exponential(abs, precision),
        'f' | 'F' => match precision {
            Some(precision) => format!("{abs:.precision$}"),
            None => format!("{abs}"),
        },
        'b' => binary(abs),
        'x' | 'X' => hexadecimal(abs, precision),
        _ => general(abs, precision),
    };
    let text = if verb.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text };
    sign.to_string() + &text
}

/// Splits a number into its digits, without zeros at the end, and its decimal exponent.
fn digits(abs: f64, precision: Option<usize>) -> (String, i32) {
    let text = match precision {
        Some(count) => format!("{abs:.*e}", count.max(1) - 1),
        None => format!("{abs:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = digits.trim_end_matches('0');
    (digits.into(), exponent.parse().unwrap_or(0))
}

fn exponential(abs: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{abs:.precision$e}"),
        None => format!("{abs:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    mantissa.to_string() + &exponent_text('e', exponent.parse().unwrap_or(0))
}

fn exponent_text(letter: char, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{letter}{sign}{:02}", exponent.unsigned_abs())
}

fn general(abs: f64, precision: Option<usize>) -> String {
    let (digits, exponent) = digits(abs, precision);
    let count = digits.len();
    // Digits before the point.
    let point = exponent + 1;
    let bound = match precision {
        None => SHORTEST_BOUND,
        Some(precision) => {
            let precision = precision.max(1);
            let fits = i32::try_from(count).is_ok_and(|count| count >= point);
            let bound = if precision > count && fits { count } else { precision };
            i32::try_from(bound).unwrap_or(i32::MAX)
        }
    };
    if abs != 0.0 && (exponent < -4 || exponent >= bound) {
        let (first, rest) = digits.split_at(1.min(count));
        let dot = if rest.is_empty() { "" } else { "." };
        return format!("{first}{dot}{rest}{}", exponent_text('e', exponent));
    }
    if abs == 0.0 {
        return "0".into();
    }
    let Ok(point) = usize::try_from(point) else {
        return format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
    };
    if point == 0 {
        format!("0.{digits}")
    } else if point >= count {
        digits + &"0".repeat(point - count)
    } else {
        format!("{}.{}", &digits[..point], &digits[point..])
    }
}

/// Where the shortest form goes over to an exponent.
const SHORTEST_BOUND: i32 = 6;

/// Splits into mantissa and binary exponent.
const fn split(abs: f64) -> (u64, i32) {
    let bits = abs.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) as i32 {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << 52, exponent - 1075),
    }
}

fn binary(abs: f64) -> String {
    let (mantissa, exponent) = split(abs);
    format!("{mantissa}p{exponent:+}")
}

fn hexadecimal(abs: f64, precision: Option<usize>) -> String {
    if abs == 0.0 {
        let zeros = precision.filter(|p| *p > 0).map(|p| format!(".{}", "0".repeat(p)));
        return format!("0x0{}p+00", zeros.unwrap_or_default());
    }
    let (mut mantissa, mut exponent) = split(abs);
    while mantissa < 1 << 52 {
        mantissa <<= 1;
        exponent -= 1;
    }
    exponent += 52;
    // One hexadecimal digit before the point, thirteen after it.
    let mut fraction_digits = 13;
    if let Some(precision) = precision.filter(|p| *p < 13) {
        let shift = (13 - precision) * 4;
        let half = 1_u64 << (shift - 1);
        let rest = mantissa & ((1 << shift) - 1);
        mantissa >>= shift;
        if rest > half || rest == half && mantissa & 1 == 1 {
            mantissa += 1;
        }
        if mantissa >> (precision * 4) == 2 {
            mantissa >>= 1;
            exponent += 1;
        }
        fraction_digits = precision;
    }
    let one = mantissa >> (fraction_digits * 4);
    let fraction = mantissa & ((1 << (fraction_digits * 4)) - 1);
    let mut text =
        if fraction_digits == 0 { String::new() } else { format!("{fraction:0fraction_digits$x}") };
    match precision {
        None => text.truncate(text.trim_end_matches('0').len()),
        Some(precision) => text.extend(core::iter::repeat_n('0', precision.saturating_sub(13))),
    }
    let dot = if text.is_empty() { "" } else { "." };
    format!("0x{one}{dot}{text}{}", exponent_text('p', exponent))
}
