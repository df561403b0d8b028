//! Go's layouts of times: formatting and parsing by the example time `Mon Jan 2 15:04:05 2006`.

use alloc::{
    format,
    string::{String, ToString as _},
};
use core::fmt::Write as _;

use super::{
    clock::{Time, Zone},
    quote::quote,
};
use crate::time::civil;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Returns the name of a month, January being 1.
pub(super) fn month_name(month: i64) -> String {
    let name = usize::try_from(month - 1).ok().and_then(|i| MONTHS.get(i));
    name.map_or_else(|| format!("%!Month({month})"), |name| (*name).into())
}

/// Returns the name of a weekday, Sunday being 0.
pub(super) fn weekday_name(day: i64) -> String {
    let name = usize::try_from(day).ok().and_then(|i| WEEKDAYS.get(i));
    name.map_or_else(|| format!("%!Weekday({day})"), |name| (*name).into())
}

/// An element of a layout.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Std {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    Pm,
    LowerPm,
    Zone,
    /// A numeric zone: `Z` for zero, colons, digits (2, 4 or 6).
    Offset(bool, bool, u8),
    /// A fraction: its digits, and whether trailing zeros go.
    Fraction(u8, bool),
}

/// Fixed elements; a longer one stands before its prefixes.
const ELEMENTS: [(&str, Std); 33] = [
    ("January", Std::LongMonth),
    ("Jan", Std::Month),
    ("Monday", Std::LongWeekDay),
    ("Mon", Std::WeekDay),
    ("MST", Std::Zone),
    ("01", Std::ZeroMonth),
    ("002", Std::ZeroYearDay),
    ("02", Std::ZeroDay),
    ("03", Std::ZeroHour12),
    ("04", Std::ZeroMinute),
    ("05", Std::ZeroSecond),
    ("06", Std::Year),
    ("15", Std::Hour),
    ("1", Std::NumMonth),
    ("2006", Std::LongYear),
    ("2", Std::Day),
    ("__2", Std::UnderYearDay),
    ("_2", Std::UnderDay),
    ("3", Std::Hour12),
    ("4", Std::Minute),
    ("5", Std::Second),
    ("PM", Std::Pm),
    ("pm", Std::LowerPm),
    ("-07:00:00", Std::Offset(false, true, 6)),
    ("-070000", Std::Offset(false, false, 6)),
    ("-07:00", Std::Offset(false, true, 4)),
    ("-0700", Std::Offset(false, false, 4)),
    ("-07", Std::Offset(false, false, 2)),
    ("Z07:00:00", Std::Offset(true, true, 6)),
    ("Z070000", Std::Offset(true, false, 6)),
    ("Z07:00", Std::Offset(true, true, 4)),
    ("Z0700", Std::Offset(true, false, 4)),
    ("Z07", Std::Offset(true, false, 2)),
];

/// Finds the first element: what stands before it, the element's text, what follows.
fn next_element(layout: &str) -> Option<(&str, &str, Std, &str)> {
    for (i, c) in layout.char_indices() {
        let rest = &layout[i..];
        let found = match c {
            '.' | ',' => fraction(&layout[i..]),
            // "_2006" is an underscore and a year.
            '_' if rest.starts_with("_2006") => {
                return Some((&layout[..=i], "2006", Std::LongYear, &rest[5..]));
            }
            _ => ELEMENTS
                .iter()
                .find(|(text, std)| {
                    rest.starts_with(text)
                        && !(*std == Std::Month && lower_follows(&rest[3..]))
                        && !(*std == Std::WeekDay && lower_follows(&rest[3..]))
                })
                .map(|(text, std)| (text.len(), *std)),
        };
        if let Some((len, std)) = found {
            return Some((&layout[..i], &rest[..len], std, &rest[len..]));
        }
    }
    None
}

fn lower_follows(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Recognises `.000` or `,999`, not followed by a digit.
fn fraction(text: &str) -> Option<(usize, Std)> {
    let digit = text.as_bytes().get(1).copied().filter(|d| matches!(d, b'0' | b'9'))?;
    let count = text.bytes().skip(1).take_while(|&b| b == digit).count();
    if text.as_bytes().get(1 + count).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((1 + count, Std::Fraction(count.min(255) as u8, digit == b'9')))
}

/// Formats a time by a layout.
pub(super) fn format(time: &Time, layout: &str) -> String {
    let fields = time.fields();
    let civil = &fields.civil;
    let mut out = String::new();
    let mut layout = layout;
    while let Some((before, text, std, after)) = next_element(layout) {
        out.push_str(before);
        layout = after;
        let hour12 = match civil.hour % 12 {
            0 => 12,
            hour => hour,
        };
        let month = MONTHS[usize::from(civil.month) - 1];
        let weekday = WEEKDAYS[usize::from(fields.weekday)];
        let result = match std {
            Std::LongMonth => write!(out, "{month}"),
            Std::Month => write!(out, "{}", &month[..3]),
            Std::NumMonth => write!(out, "{}", civil.month),
            Std::ZeroMonth => write!(out, "{:02}", civil.month),
            Std::LongWeekDay => write!(out, "{weekday}"),
            Std::WeekDay => write!(out, "{}", &weekday[..3]),
            Std::Day => write!(out, "{}", civil.day),
            Std::UnderDay => write!(out, "{:2}", civil.day),
            Std::ZeroDay => write!(out, "{:02}", civil.day),
            Std::UnderYearDay => write!(out, "{:3}", fields.year_day),
            Std::ZeroYearDay => write!(out, "{:03}", fields.year_day),
            Std::Hour => write!(out, "{:02}", civil.hour),
            Std::Hour12 => write!(out, "{hour12}"),
            Std::ZeroHour12 => write!(out, "{hour12:02}"),
            Std::Minute => write!(out, "{}", civil.minute),
            Std::ZeroMinute => write!(out, "{:02}", civil.minute),
            Std::Second => write!(out, "{}", civil.second),
            Std::ZeroSecond => write!(out, "{:02}", civil.second),
            Std::LongYear if civil.year < 0 => write!(out, "-{:04}", -civil.year),
            Std::LongYear => write!(out, "{:04}", civil.year),
            Std::Year => write!(out, "{:02}", civil.year.rem_euclid(100)),
            Std::Pm => write!(out, "{}", if civil.hour >= 12 { "PM" } else { "AM" }),
            Std::LowerPm => write!(out, "{}", if civil.hour >= 12 { "pm" } else { "am" }),
            Std::Zone => {
                write_zone(&mut out, &fields.abbreviation, fields.offset);
                Ok(())
            }
            Std::Offset(z, colon, digits) => {
                write_offset(&mut out, fields.offset, z, colon, digits);
                Ok(())
            }
            Std::Fraction(digits, trim) => {
                write_fraction(&mut out, civil.nanos, usize::from(digits), trim, &text[..1]);
                Ok(())
            }
        };
        debug_assert!(result.is_ok(), "a String takes everything");
    }
    out.push_str(layout);
    out
}

fn write_zone(out: &mut String, abbreviation: &str, offset: i64) {
    if !abbreviation.is_empty() {
        return out.push_str(abbreviation);
    }
    // A zone without a name shows its offset.
    let minutes = offset / 60;
    out.push(if minutes < 0 { '-' } else { '+' });
    out.push_str(&format!("{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60));
}

fn write_offset(out: &mut String, offset: i64, z: bool, colon: bool, digits: u8) {
    if z && offset == 0 {
        return out.push('Z');
    }
    let (sign, abs) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    out.push(sign);
    let colon = if colon { ":" } else { "" };
    out.push_str(&format!("{:02}", abs / 3600));
    if digits >= 4 {
        out.push_str(&format!("{colon}{:02}", abs / 60 % 60));
    }
    if digits >= 6 {
        out.push_str(&format!("{colon}{:02}", abs % 60));
    }
}

fn write_fraction(out: &mut String, nanos: u32, digits: usize, trim: bool, point: &str) {
    let all = format!("{nanos:09}");
    let mut text = all[..digits.min(9)].to_string();
    text.extend(core::iter::repeat_n('0', digits.saturating_sub(9)));
    let text = if trim { text.trim_end_matches('0') } else { &*text };
    if !text.is_empty() {
        out.push_str(point);
        out.push_str(text);
    }
}

/// What a parse has found so far.
#[derive(Default)]
struct Parsed {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    pm: bool,
    am: bool,
    zone: Option<Zone>,
}

/// Why an element does not fit: the wrong text, or a number out of its range.
enum Fault {
    Text,
    Range(&'static str),
}

/// Parses a time by a layout, in UTC where it names no zone.
///
/// # Errors
/// Go's words when the text does not fit the layout.
pub(super) fn parse(layout: &str, text: &str) -> Result<Time, String> {
    let (whole_layout, whole) = (layout, text);
    let cannot = |rest: &str, element: &str| {
        let (value, layout) = (quote(whole), quote(whole_layout));
        let (rest, element) = (quote(rest), quote(element));
        format!("parsing time {value} as {layout}: cannot parse {rest} as {element}")
    };
    let range = |what: &str| format!("parsing time {}: {what} out of range", quote(whole));
    let mut parsed = Parsed::default();
    let (mut layout, mut text) = (layout, text);
    loop {
        let element = next_element(layout);
        let prefix = element.map_or(layout, |(before, ..)| before);
        let rest = skip(text, prefix).map_err(|at| cannot(at, prefix))?;
        let Some((_, name, std, after)) = element else {
            if !rest.is_empty() {
                let (value, rest) = (quote(whole), quote(rest));
                return Err(format!("parsing time {value}: extra text: {rest}"));
            }
            break;
        };
        layout = after;
        text = element_value(&mut parsed, std, rest, layout).map_err(|fault| match fault {
            Fault::Text => cannot(rest, name),
            Fault::Range(what) => range(what),
        })?;
    }
    finish(parsed).map_err(range)
}

/// Skips what a layout has outside of elements; blanks match any number of blanks.
fn skip<'a>(text: &'a str, prefix: &str) -> Result<&'a str, &'a str> {
    let mut text = text;
    let mut prefix = prefix;
    while let Some(c) = prefix.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return Err(text);
            }
            prefix = prefix.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
            continue;
        }
        text = text.strip_prefix(c).ok_or(text)?;
        prefix = &prefix[c.len_utf8()..];
    }
    Ok(text)
}

fn element_value<'a>(
    parsed: &mut Parsed,
    std: Std,
    text: &'a str,
    layout: &str,
) -> Result<&'a str, Fault> {
    let (value, rest) = match std {
        Std::LongMonth | Std::Month => {
            let (i, rest) = name(&MONTHS, std == Std::Month, text)?;
            parsed.month = Some(i + 1);
            return Ok(rest);
        }
        Std::LongWeekDay | Std::WeekDay => {
            return name(&WEEKDAYS, std == Std::WeekDay, text).map(|(_, rest)| rest);
        }
        Std::Pm | Std::LowerPm => {
            let (pm, am) = if std == Std::Pm { ("PM", "AM") } else { ("pm", "am") };
            parsed.pm = text.starts_with(pm);
            parsed.am = text.starts_with(am);
            return if parsed.pm || parsed.am { Ok(&text[2..]) } else { Err(Fault::Text) };
        }
        Std::Zone => return zone_name(parsed, text),
        Std::Offset(z, colon, digits) => return offset(parsed, text, z, colon, digits),
        Std::Fraction(digits, trim) => return fraction_value(parsed, text, digits, trim),
        Std::LongYear => number(text, 4, 4)?,
        Std::Year
        | Std::ZeroMonth
        | Std::ZeroHour12
        | Std::ZeroMinute
        | Std::ZeroSecond
        | Std::ZeroDay => number(text, 2, 2)?,
        Std::UnderDay => number(text.strip_prefix(' ').unwrap_or(text), 1, 2)?,
        Std::ZeroYearDay => number(text, 3, 3)?,
        Std::UnderYearDay => {
            let trimmed = text.trim_start_matches(' ');
            number(trimmed, 1, 3)?
        }
        Std::NumMonth | Std::Day | Std::Hour | Std::Hour12 | Std::Minute | Std::Second => {
            number(text, 1, 2)?
        }
    };
    let within = |low: i64, high: i64, what: &'static str| {
        if (low..=high).contains(&value) { Ok(value) } else { Err(Fault::Range(what)) }
    };
    match std {
        Std::LongYear => parsed.year = Some(value),
        Std::Year => parsed.year = Some(if value >= 69 { 1900 + value } else { 2000 + value }),
        Std::NumMonth | Std::ZeroMonth => parsed.month = Some(within(1, 12, "month")?),
        Std::Day | Std::ZeroDay | Std::UnderDay => parsed.day = Some(value),
        Std::ZeroYearDay | Std::UnderYearDay => parsed.year_day = Some(value),
        Std::Hour => parsed.hour = within(0, 23, "hour")?,
        Std::Hour12 | Std::ZeroHour12 => parsed.hour = within(0, 12, "hour")?,
        Std::Minute | Std::ZeroMinute => parsed.minute = within(0, 59, "minute")?,
        _ => {
            parsed.second = within(0, 59, "second")?;
            // A fraction may follow although the layout has none.
            let next = next_element(layout).map(|(before, _, std, _)| (before, std));
            let expected = matches!(next, Some(("", Std::Fraction(..))));
            let digits = rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
            if rest.starts_with(['.', ',']) && digits > 0 && !expected {
                parsed.nanos = nanos(&rest[1..1 + digits]);
                return Ok(&rest[1 + digits..]);
            }
        }
    }
    Ok(rest)
}

fn name<'a>(names: &[&str], short: bool, text: &'a str) -> Result<(i64, &'a str), Fault> {
    for (i, name) in names.iter().enumerate() {
        let name = if short { &name[..3] } else { name };
        if text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)) {
            return Ok((i as i64, &text[name.len()..]));
        }
    }
    Err(Fault::Text)
}

/// Reads `low` to `high` digits; where only `low` come, they must not run on.
fn number(text: &str, low: usize, high: usize) -> Result<(i64, &str), Fault> {
    let count = text.bytes().take(high).take_while(u8::is_ascii_digit).count();
    if count < low {
        return Err(Fault::Text);
    }
    let value = text[..count].parse().map_err(|_| Fault::Text)?;
    Ok((value, &text[count..]))
}

fn nanos(digits: &str) -> u32 {
    digits
        .bytes()
        .chain(core::iter::repeat(b'0'))
        .take(9)
        .fold(0, |n, b| n * 10 + u32::from(b - b'0'))
}

fn fraction_value<'a>(
    parsed: &mut Parsed,
    text: &'a str,
    digits: u8,
    optional: bool,
) -> Result<&'a str, Fault> {
    let found = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    let starts = text.starts_with(['.', ',']);
    if optional {
        if !starts || found == 0 {
            return Ok(text);
        }
        parsed.nanos = nanos(&text[1..1 + found]);
        return Ok(&text[1 + found..]);
    }
    if !starts || found < usize::from(digits) {
        return Err(Fault::Text);
    }
    parsed.nanos = nanos(&text[1..1 + usize::from(digits)]);
    Ok(&text[1 + usize::from(digits)..])
}

fn zone_name<'a>(parsed: &mut Parsed, text: &'a str) -> Result<&'a str, Fault> {
    if let Some(rest) = text.strip_prefix("UTC") {
        parsed.zone = Some(Zone::Utc);
        return Ok(rest);
    }
    if let Some(rest) = text.strip_prefix("GMT")
        && rest.starts_with(['+', '-'])
    {
        let (hours, after) = number(&rest[1..], 1, 2)?;
        let seconds = if rest.starts_with('-') { -hours * 3600 } else { hours * 3600 };
        let used = text.len() - after.len();
        parsed.zone = Some(Zone::Fixed(seconds as i32, text[..used].into()));
        return Ok(after);
    }
    let upper = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
    let len = match upper {
        3 => 3,
        4 if text.as_bytes()[3] == b'T' || text.starts_with("WITA") => 4,
        5 if text.as_bytes()[4] == b'T' => 5,
        _ => return Err(Fault::Text),
    };
    // An abbreviation says nothing about the offset: Go takes it for zero.
    parsed.zone = Some(Zone::Fixed(0, text[..len].into()));
    Ok(&text[len..])
}

fn offset<'a>(
    parsed: &mut Parsed,
    text: &'a str,
    z: bool,
    colon: bool,
    digits: u8,
) -> Result<&'a str, Fault> {
    if z && let Some(rest) = text.strip_prefix('Z') {
        parsed.zone = Some(Zone::Utc);
        return Ok(rest);
    }
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).ok_or(Fault::Text)?;
    let mut parts = [0; 3];
    for (i, part) in parts.iter_mut().enumerate().take(usize::from(digits) / 2) {
        if i > 0 && colon {
            rest = rest.strip_prefix(':').ok_or(Fault::Text)?;
        }
        (*part, rest) = number(rest, 2, 2)?;
    }
    if parts[0] > 24 {
        return Err(Fault::Range("time zone offset hour"));
    }
    if parts[1] > 60 {
        return Err(Fault::Range("time zone offset minute"));
    }
    let seconds = parts[0] * 3600 + parts[1] * 60 + parts[2];
    let seconds = if negative { -seconds } else { seconds };
    parsed.zone = Some(match seconds {
        0 => Zone::Utc,
        _ => Zone::Fixed(seconds as i32, "".into()),
    });
    Ok(rest)
}

fn finish(parsed: Parsed) -> Result<Time, &'static str> {
    let mut hour = parsed.hour;
    if parsed.pm && hour < 12 {
        hour += 12;
    } else if parsed.am && hour == 12 {
        hour = 0;
    }
    let year = parsed.year.unwrap_or(0);
    let (mut month, mut day) = (parsed.month.unwrap_or(1), parsed.day.unwrap_or(1));
    if let Some(year_day) = parsed.year_day {
        let first = civil::day_number(year, 1, 1);
        let days = civil::day_number(year + 1, 1, 1) - first;
        if !(1..=days).contains(&year_day) {
            return Err("day-of-year");
        }
        let (_, m, d) = civil::date_of(first + year_day - 1);
        (month, day) = (i64::from(m), i64::from(d));
    }
    if day < 1 || day > i64::from(civil::days_in_month(year, month as u8)) {
        return Err("day");
    }
    let in_day = hour * 3600 + parsed.minute * 60 + parsed.second;
    let zone = parsed.zone.unwrap_or_default();
    let mut time = Time::from_civil(year, month, day, in_day, zone);
    time.nanos = parsed.nanos;
    Ok(time)
}
