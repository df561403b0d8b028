//! Go's layouts of times: formatting and parsing by the example time `Mon Jan 2 15:04:05 2006`.

use alloc::{format, string::String};
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
enum Part {
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
const ELEMENTS: [(&str, Part); 33] = [
    ("January", Part::LongMonth),
    ("Jan", Part::Month),
    ("Monday", Part::LongWeekDay),
    ("Mon", Part::WeekDay),
    ("MST", Part::Zone),
    ("01", Part::ZeroMonth),
    ("002", Part::ZeroYearDay),
    ("02", Part::ZeroDay),
    ("03", Part::ZeroHour12),
    ("04", Part::ZeroMinute),
    ("05", Part::ZeroSecond),
    ("06", Part::Year),
    ("15", Part::Hour),
    ("1", Part::NumMonth),
    ("2006", Part::LongYear),
    ("2", Part::Day),
    ("__2", Part::UnderYearDay),
    ("_2", Part::UnderDay),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
    ("PM", Part::Pm),
    ("pm", Part::LowerPm),
    ("-07:00:00", Part::Offset(false, true, 6)),
    ("-070000", Part::Offset(false, false, 6)),
    ("-07:00", Part::Offset(false, true, 4)),
    ("-0700", Part::Offset(false, false, 4)),
    ("-07", Part::Offset(false, false, 2)),
    ("Z07:00:00", Part::Offset(true, true, 6)),
    ("Z070000", Part::Offset(true, false, 6)),
    ("Z07:00", Part::Offset(true, true, 4)),
    ("Z0700", Part::Offset(true, false, 4)),
    ("Z07", Part::Offset(true, false, 2)),
];

/// Finds the first element: what stands before it, the element's text, what follows.
fn next_element(layout: &str) -> Option<(&str, &str, Part, &str)> {
    for (i, c) in layout.char_indices() {
        let rest = &layout[i..];
        let found = match c {
            '.' | ',' => fraction(&layout[i..]),
            // "_2006" is an underscore and a year.
            '_' if rest.starts_with("_2006") => {
                return Some((&layout[..=i], "2006", Part::LongYear, &rest[5..]));
            }
            _ => ELEMENTS
                .iter()
                .find(|(text, part)| {
                    rest.starts_with(text)
                        && !(*part == Part::Month && lower_follows(&rest[3..]))
                        && !(*part == Part::WeekDay && lower_follows(&rest[3..]))
                })
                .map(|(text, part)| (text.len(), *part)),
        };
        if let Some((len, part)) = found {
            return Some((&layout[..i], &rest[..len], part, &rest[len..]));
        }
    }
    None
}

fn lower_follows(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Recognises `.000` or `,999`, not followed by a digit.
fn fraction(text: &str) -> Option<(usize, Part)> {
    let digit = text.as_bytes().get(1).copied().filter(|d| matches!(d, b'0' | b'9'))?;
    let count = text.bytes().skip(1).take_while(|&b| b == digit).count();
    if text.as_bytes().get(1 + count).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((1 + count, Part::Fraction(count.min(255) as u8, digit == b'9')))
}

/// Formats a time by a layout.
pub(super) fn format(time: &Time, layout: &str) -> String {
    let fields = time.fields();
    let civil = &fields.civil;
    let mut out = String::new();
    let mut layout = layout;
    while let Some((before, text, part, after)) = next_element(layout) {
        out.push_str(before);
        layout = after;
        let hour12 = match civil.hour % 12 {
            0 => 12,
            hour => hour,
        };
        let month = MONTHS[usize::from(civil.month) - 1];
        let weekday = WEEKDAYS[usize::from(fields.weekday)];
        let result = match part {
            Part::LongMonth => write!(out, "{month}"),
            Part::Month => write!(out, "{}", &month[..3]),
            Part::NumMonth => write!(out, "{}", civil.month),
            Part::ZeroMonth => write!(out, "{:02}", civil.month),
            Part::LongWeekDay => write!(out, "{weekday}"),
            Part::WeekDay => write!(out, "{}", &weekday[..3]),
            Part::Day => write!(out, "{}", civil.day),
            Part::UnderDay => write!(out, "{:2}", civil.day),
            Part::ZeroDay => write!(out, "{:02}", civil.day),
            Part::UnderYearDay => write!(out, "{:3}", fields.year_day),
            Part::ZeroYearDay => write!(out, "{:03}", fields.year_day),
            Part::Hour => write!(out, "{:02}", civil.hour),
            Part::Hour12 => write!(out, "{hour12}"),
            Part::ZeroHour12 => write!(out, "{hour12:02}"),
            Part::Minute => write!(out, "{}", civil.minute),
            Part::ZeroMinute => write!(out, "{:02}", civil.minute),
            Part::Second => write!(out, "{}", civil.second),
            Part::ZeroSecond => write!(out, "{:02}", civil.second),
            Part::LongYear if civil.year < 0 => write!(out, "-{:04}", -civil.year),
            Part::LongYear => write!(out, "{:04}", civil.year),
            Part::Year => write!(out, "{:02}", civil.year.abs() % 100),
            Part::Pm => write!(out, "{}", if civil.hour >= 12 { "PM" } else { "AM" }),
            Part::LowerPm => write!(out, "{}", if civil.hour >= 12 { "pm" } else { "am" }),
            Part::Zone => {
                write_zone(&mut out, &fields.abbreviation, fields.offset);
                Ok(())
            }
            Part::Offset(z, colon, digits) => {
                write_offset(&mut out, fields.offset, z, colon, digits);
                Ok(())
            }
            Part::Fraction(digits, trim) => {
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
    let text = &all[..digits.min(9)];
    let text = if trim { text.trim_end_matches('0') } else { text };
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
        let Some((_, name, part, after)) = element else {
            if !rest.is_empty() {
                let (value, rest) = (quote(whole), quote(rest));
                return Err(format!("parsing time {value}: extra text: {rest}"));
            }
            break;
        };
        layout = after;
        text = element_value(&mut parsed, part, rest, layout).map_err(|fault| match fault {
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
    part: Part,
    text: &'a str,
    layout: &str,
) -> Result<&'a str, Fault> {
    let (value, rest) = match part {
        Part::LongMonth | Part::Month => {
            let (i, rest) = name(&MONTHS, part == Part::Month, text)?;
            parsed.month = Some(i + 1);
            return Ok(rest);
        }
        Part::LongWeekDay | Part::WeekDay => {
            return name(&WEEKDAYS, part == Part::WeekDay, text).map(|(_, rest)| rest);
        }
        Part::Pm | Part::LowerPm => {
            let (pm, am) = if part == Part::Pm { ("PM", "AM") } else { ("pm", "am") };
            parsed.pm = text.starts_with(pm);
            parsed.am = text.starts_with(am);
            return if parsed.pm || parsed.am { Ok(&text[2..]) } else { Err(Fault::Text) };
        }
        Part::Zone => return zone_name(parsed, text),
        Part::Offset(z, colon, digits) => return offset(parsed, text, z, colon, digits),
        Part::Fraction(digits, trim) => return fraction_value(parsed, text, digits, trim),
        Part::LongYear => number(text, 4, 4)?,
        Part::Year
        | Part::ZeroMonth
        | Part::ZeroHour12
        | Part::ZeroMinute
        | Part::ZeroSecond
        | Part::ZeroDay => number(text, 2, 2)?,
        Part::UnderDay => number(text.strip_prefix(' ').unwrap_or(text), 1, 2)?,
        Part::ZeroYearDay => number(text, 3, 3)?,
        Part::UnderYearDay => {
            let trimmed = text.trim_start_matches(' ');
            number(trimmed, 1, 3)?
        }
        Part::NumMonth | Part::Day | Part::Hour | Part::Hour12 | Part::Minute | Part::Second => {
            number(text, 1, 2)?
        }
    };
    let within = |low: i64, high: i64, what: &'static str| {
        if (low..=high).contains(&value) { Ok(value) } else { Err(Fault::Range(what)) }
    };
    match part {
        Part::LongYear => parsed.year = Some(value),
        Part::Year => parsed.year = Some(if value >= 69 { 1900 + value } else { 2000 + value }),
        Part::NumMonth | Part::ZeroMonth => parsed.month = Some(within(1, 12, "month")?),
        Part::Day | Part::ZeroDay | Part::UnderDay => parsed.day = Some(value),
        Part::ZeroYearDay | Part::UnderYearDay => parsed.year_day = Some(value),
        Part::Hour => parsed.hour = within(0, 23, "hour")?,
        Part::Hour12 | Part::ZeroHour12 => parsed.hour = within(0, 12, "hour")?,
        Part::Minute | Part::ZeroMinute => parsed.minute = within(0, 59, "minute")?,
        _ => {
            parsed.second = within(0, 59, "second")?;
            // A fraction may follow although the layout has none.
            let next = next_element(layout).map(|(before, _, part, _)| (before, part));
            let expected = matches!(next, Some(("", Part::Fraction(..))));
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
