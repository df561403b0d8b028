//! Durations as Prometheus and as Go write them.

use alloc::{format, string::String};
use core::{fmt, time::Duration};

/// Why a text is no duration, in the words of Prometheus or Go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationError(String);

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for DurationError {}

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
const YEAR: u64 = 365 * DAY;

/// Units of a Prometheus duration in the order they must follow, in nanoseconds.
const PROMETHEUS_UNITS: [(&str, u64); 7] = [
    ("y", YEAR),
    ("w", WEEK),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", MILLISECOND),
];

/// Reads a Prometheus duration: whole numbers with the units `y w d h m s ms`, each at most once
/// and in this order, or a bare `0`. A year has 365 days.
///
/// # Errors
/// The text is empty or malformed, a unit is unknown, or the duration exceeds 2^63 ns (292 years).
pub fn parse_prometheus(text: &str) -> Result<Duration, DurationError> {
    match text {
        "0" => return Ok(Duration::ZERO),
        "" => return Err(DurationError("empty duration string".into())),
        _ => {}
    }
    let malformed = || DurationError(format!("not a valid duration string: {text:?}"));
    let out_of_range = || DurationError("duration out of range".into());
    let mut total = 0_u64;
    let mut units_left = PROMETHEUS_UNITS.as_slice();
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, after) = split_where(rest, |b| !b.is_ascii_digit());
        // No digits and more digits than any number has are both malformed.
        let count: u64 = digits.parse().map_err(|_| malformed())?;
        let (unit, after) = split_where(after, |b| b.is_ascii_digit());
        rest = after;
        if unit.is_empty() {
            return Err(malformed());
        }
        if !PROMETHEUS_UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(DurationError(format!("unknown unit {unit:?} in duration {text:?}")));
        }
        let at = units_left.iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
        let ns = count.checked_mul(units_left[at].1).ok_or_else(out_of_range)?;
        total = total.checked_add(ns).ok_or_else(out_of_range)?;
        if i64::try_from(total).is_err() {
            return Err(out_of_range());
        }
        units_left = &units_left[at + 1..];
    }
    Ok(Duration::from_nanos(total))
}

/// Returns the canonical Prometheus form, e.g. `1h30m`: years and weeks only where they are exact,
/// then `d h m s ms`. What is below a millisecond is dropped.
pub fn format_prometheus(span: Duration) -> String {
    let mut ms = span.as_millis();
    if ms == 0 {
        return "0s".into();
    }
    let mut out = String::new();
    for (name, ns) in PROMETHEUS_UNITS {
        let unit = u128::from(ns / MILLISECOND);
        let must_be_exact = ns >= WEEK;
        if must_be_exact && !ms.is_multiple_of(unit) {
            continue;
        }
        if ms >= unit {
            out.push_str(&format!("{}{name}", ms / unit));
            ms %= unit;
        }
    }
    out
}

/// Go's units, in nanoseconds. Both signs for micro (U+00B5 and U+03BC) count.
const GO_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1000),
    ("µs", 1000),
    ("μs", 1000),
    ("ms", MILLISECOND),
    ("s", SECOND),
    ("m", MINUTE),
    ("h", HOUR),
];

/// What the server's flags take besides Go's units.
const FLAG_UNITS: [(&str, u64); 2] = [("d", DAY), ("w", WEEK)];

/// Reads a Go duration (`1h30m`, `-1.5s`, `300ms`) as nanoseconds.
///
/// # Errors
/// The text is malformed, a number lacks its unit, a unit is unknown, or the duration does not fit
/// 64 bits.
pub fn parse_go(text: &str) -> Result<i64, DurationError> {
    parse_units(text, &[])
}

/// Reads a duration of a server flag as nanoseconds: Go's syntax plus `d` and `w`.
///
/// # Errors
/// As [`parse_go`].
pub fn parse_flag(text: &str) -> Result<i64, DurationError> {
    parse_units(text, &FLAG_UNITS)
}

fn parse_units(text: &str, more_units: &[(&str, u64)]) -> Result<i64, DurationError> {
    let invalid = || DurationError(format!("time: invalid duration {}", go_quote(text)));
    let (negative, mut rest) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, after) = split_where(rest, |b| !b.is_ascii_digit());
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_where(after, |b| !b.is_ascii_digit()),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let (unit, after) = split_where(after, |b| b.is_ascii_digit() || b == b'.');
        rest = after;
        // As Go: a number too large is reported before a missing unit.
        let count =
            if whole.is_empty() { 0 } else { whole.parse::<u64>().map_err(|_| invalid())? };
        if count > 1 << 63 {
            return Err(invalid());
        }
        if unit.is_empty() {
            let text = go_quote(text);
            return Err(DurationError(format!("time: missing unit in duration {text}")));
        }
        let known = GO_UNITS.iter().chain(more_units).find(|(name, _)| *name == unit);
        let Some(&(_, unit)) = known else {
            let (unit, text) = (go_quote(unit), go_quote(text));
            return Err(DurationError(format!("time: unknown unit {unit} in duration {text}")));
        };
        total = count
            .checked_mul(unit)
            .and_then(|ns| ns.checked_add(fraction_of(fraction, unit)))
            .and_then(|ns| ns.checked_add(total))
            .filter(|total| *total <= 1 << 63)
            .ok_or_else(invalid)?;
    }
    if negative {
        // 2^63 negated is the one number of 64 bits without a positive twin.
        return Ok(0_i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// Returns the nanoseconds of `0.<digits>` units, rounded down; digits beyond the range of 63 bits
/// cannot matter and are ignored.
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in digits.bytes() {
        let Some(next) = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit - b'0')))
            .filter(|next| *next <= 1 << 63)
        else {
            break;
        };
        value = next;
        scale *= 10.0;
    }
    // Floating point in this order, because the last digit then equals Go's.
    (value as f64 * (unit as f64 / scale)) as u64
}

/// Returns Go's form of nanoseconds: `1h30m0s`, `1.5s`, `500ms`, `2µs`, `0s`.
pub fn format_go(ns: i64) -> String {
    let mut out = String::new();
    if ns < 0 {
        out.push('-');
    }
    let ns = ns.unsigned_abs();
    let (unit, name) = match ns {
        0 => return "0s".into(),
        1..1000 => (1, "ns"),
        1000..MILLISECOND => (1000, "µs"),
        MILLISECOND..SECOND => (MILLISECOND, "ms"),
        _ => (SECOND, "s"),
    };
    let whole = if unit == SECOND {
        if ns >= HOUR {
            out.push_str(&format!("{}h", ns / HOUR));
        }
        if ns >= MINUTE {
            out.push_str(&format!("{}m", ns % HOUR / MINUTE));
        }
        ns % MINUTE / SECOND
    } else {
        ns / unit
    };
    out.push_str(&format!("{whole}"));
    let fraction = ns % unit;
    if fraction > 0 {
        let width = unit.ilog10() as usize;
        let digits = format!("{fraction:0width$}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
    out.push_str(name);
    out
}

/// Returns Go's form of a span; one beyond 292 years is shown as that.
pub fn format_go_span(span: Duration) -> String {
    format_go(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
}

/// Splits before the first byte that satisfies `ends`. Callers test for ASCII only, so the cut is
/// never inside a character.
fn split_where(text: &str, ends: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(ends).unwrap_or(text.len()))
}

/// Quotes as Go's time package does: every byte that is not printable ASCII as `\x..`.
fn go_quote(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' | 0x7f => out.push(char::from(byte)),
            byte => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_equal_the_recorded_answers() {
        for line in include_str!("../../testdata/duration.jsonl").lines() {
            let case: serde_json::Value = serde_json::from_str(line).expect("a recorded case");
            let (request, response) = (&case["request"], &case["response"]);
            let input = request["input"].as_str().expect("an input");
            let got = if request["unit"] == "go" {
                parse_go(input).map(|ns| (ns, format_go(ns)))
            } else {
                parse_prometheus(input).map(|d| (d.as_nanos() as i64, format_prometheus(d)))
            };
            match got {
                Ok((ns, text)) => {
                    assert_eq!(response["ns"].as_i64(), Some(ns), "{input}");
                    assert_eq!(response["string"].as_str(), Some(&*text), "{input}");
                }
                Err(error) => {
                    assert_eq!(response["error"].as_str(), Some(&*error.to_string()), "{input}");
                }
            }
        }
    }

    #[test]
    fn prometheus_durations_follow_the_rules() {
        let shown = |text: &str| parse_prometheus(text).map(format_prometheus).expect(text);
        for (text, canonical) in [
            ("0", "0s"),
            ("0ms", "0s"),
            ("1y2w3d4h5m6s7ms", "382d4h5m6s7ms"),
            ("52w1d", "1y"),
            ("14d", "2w"),
            ("90m", "1h30m"),
            ("1500ms", "1s500ms"),
            ("292y", "292y"),
        ] {
            assert_eq!(shown(text), canonical, "{text}");
        }
        for (text, error) in [
            ("", "empty duration string"),
            ("5", "not a valid duration string: \"5\""),
            ("1m1d", "not a valid duration string: \"1m1d\""),
            ("1m1m", "not a valid duration string: \"1m1m\""),
            ("-1m", "not a valid duration string: \"-1m\""),
            ("1.5h", "unknown unit \".\" in duration \"1.5h\""),
            ("5x", "unknown unit \"x\" in duration \"5x\""),
            ("293y", "duration out of range"),
            ("99999999999999999999s", "not a valid duration string: \"99999999999999999999s\""),
            ("18446744073709551615y", "duration out of range"),
        ] {
            assert_eq!(parse_prometheus(text).expect_err(text).to_string(), error);
        }
    }

    #[test]
    fn go_durations_follow_the_rules() {
        for (text, ns, shown) in [
            ("0", 0, "0s"),
            ("+5s", 5_000_000_000, "5s"),
            ("-1.5h", -5_400_000_000_000, "-1h30m0s"),
            ("1.s", 1_000_000_000, "1s"),
            (".5s", 500_000_000, "500ms"),
            ("3µs", 3000, "3µs"),
            ("3μs1ns", 3001, "3.001µs"),
            ("1m0.25s", 60_250_000_000, "1m0.25s"),
            ("0.100000000000000000000h", 360_000_000_000, "6m0s"),
            ("9223372036854775807ns", i64::MAX, "2562047h47m16.854775807s"),
            ("-9223372036854775808ns", i64::MIN, "-2562047h47m16.854775808s"),
            ("1ns1us1ms1s1m1h", 3_661_001_001_001, "1h1m1.001001001s"),
        ] {
            assert_eq!(parse_go(text), Ok(ns), "{text}");
            assert_eq!(format_go(ns), shown, "{text}");
        }
        for (text, error) in [
            ("", "time: invalid duration \"\""),
            ("-", "time: invalid duration \"-\""),
            (".s", "time: invalid duration \".s\""),
            ("s", "time: invalid duration \"s\""),
            ("90", "time: missing unit in duration \"90\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("1é", "time: unknown unit \"\\xc3\\xa9\" in duration \"1\\xc3\\xa9\""),
            ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
            ("3000000h", "time: invalid duration \"3000000h\""),
        ] {
            assert_eq!(parse_go(text).expect_err(text).to_string(), error);
        }
        assert_eq!(format_go_span(Duration::MAX), "2562047h47m16.854775807s");
    }

    #[test]
    fn flags_take_days_and_weeks() {
        assert_eq!(parse_flag("5d").map(format_go), Ok("120h0m0s".into()));
        assert_eq!(parse_flag("1w").map(format_go), Ok("168h0m0s".into()));
        assert_eq!(parse_flag("1d2h").map(format_go), Ok("26h0m0s".into()));
        assert_eq!(parse_flag("15m").map(format_go), Ok("15m0s".into()));
        assert!(parse_flag("5").is_err());
        assert!(parse_flag("1y").is_err());
    }

    proptest! {
        #[test]
        fn printed_durations_read_back(ns in any::<i64>()) {
            prop_assert_eq!(parse_go(&format_go(ns)), Ok(ns));
            let span = Duration::from_millis(ns.unsigned_abs() / 1_000_000);
            if span.as_nanos() <= i64::MAX as u128 {
                prop_assert_eq!(parse_prometheus(&format_prometheus(span)), Ok(span));
            }
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,20}", like in "[-+]?([0-9.]{0,20}(ns|µs|ms|s|m|h|d|w|y)?){0,4}") {
            for text in [text, like] {
                let _ = (parse_prometheus(&text), parse_go(&text), parse_flag(&text));
            }
        }
    }
}
