//! Strict RFC 3339 and the other layouts the API reads and writes.
//!
//! The writers push digits one by one: every alert of every answer passes through here, and the
//! formatting machinery costs several times more than the arithmetic.

use alloc::{format, string::String};
use core::fmt;

use super::{
    Stamp, Timestamp,
    civil::{Civil, days_in_month},
};

/// Why a text is no time, in words close to Go's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeError(String);

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for TimeError {}

/// Reads a time as the API accepts it.
///
/// The layouts are RFC 3339 (any number of fractional digits, offset with or without a colon),
/// `2006-01-02T15:04:05` (read as UTC, fraction allowed), `2006-01-02T15:04Z`, `2006-01-02T15:04`,
/// `2006-01-02 15:04:05` and `2006-01-02`. No two of them accept the same text, so their order does
/// not matter. The empty text is 1970-01-01T00:00:00Z. Digits beyond the nanosecond are cut, years
/// outside the range of [`Timestamp`] are clamped, and `0001-01-01T00:00:00Z` is
/// [`Timestamp::ZERO`].
///
/// # Errors
/// The text follows none of the layouts, or a field is out of range.
pub fn parse_api(text: &str) -> Result<Stamp, TimeError> {
    if text.is_empty() {
        return Ok(Stamp::utc(Timestamp::EPOCH));
    }
    read_api(text.as_bytes()).map_err(|fault| fault.explain(text, ""))
}

/// Reads a strict RFC 3339 time, as command-line tools accept it: seconds and offset (`Z` or
/// `+02:00`) are required, a fraction is allowed.
///
/// # Errors
/// The text is not RFC 3339, or a field is out of range.
pub fn parse_rfc3339(text: &str) -> Result<Stamp, TimeError> {
    let read = || {
        let mut scan = Scan { rest: text.as_bytes() };
        let mut fields = scan.date()?;
        scan.literal(b'T', "T")?;
        scan.clock(&mut fields)?;
        scan.literal(b':', ":")?;
        scan.seconds(&mut fields)?;
        let offset = scan.offset(true)?;
        scan.end()?;
        Ok(stamp(&fields, offset))
    };
    read().map_err(|fault: Fault<'_>| fault.explain(text, " as \"2006-01-02T15:04:05Z07:00\""))
}

fn read_api(text: &[u8]) -> Result<Stamp, Fault<'_>> {
    let mut scan = Scan { rest: text };
    let mut fields = scan.date()?;
    if scan.rest.is_empty() {
        return Ok(stamp(&fields, 0));
    }
    let blank = scan.rest.first() == Some(&b' ');
    if blank {
        scan.literal(b' ', " ")?;
    } else {
        scan.literal(b'T', "T")?;
    }
    scan.clock(&mut fields)?;
    if !blank && matches!(scan.rest, [] | [b'Z']) {
        return Ok(stamp(&fields, 0));
    }
    scan.literal(b':', ":")?;
    scan.seconds(&mut fields)?;
    // Only the layout with `T` has an offset; the one with a blank ends here.
    let offset = if blank || scan.rest.is_empty() { 0 } else { scan.offset(false)? };
    scan.end()?;
    Ok(stamp(&fields, offset))
}

fn stamp(fields: &Civil, offset_minutes: i16) -> Stamp {
    const GO_ZERO: i64 = -62_135_596_800;
    let secs = fields.unix_seconds(offset_minutes);
    if secs == GO_ZERO && fields.nanos == 0 {
        return Stamp::ZERO;
    }
    Stamp { at: Timestamp::from_parts(secs, fields.nanos), offset_minutes }
}

/// What went wrong while reading, before it is put into words.
enum Fault<'a> {
    /// The rest does not start with this element of the layout.
    Unexpected(&'a [u8], &'static str),
    /// The layout is complete, but text is left.
    Extra(&'a [u8]),
    /// The named field is out of range.
    Range(&'static str),
}

impl Fault<'_> {
    fn explain(&self, text: &str, layout: &str) -> TimeError {
        // All scanning steps over ASCII, so the rests are cut at characters and shown unharmed.
        let show = |rest: &[u8]| format!("{:?}", String::from_utf8_lossy(rest));
        TimeError(match self {
            Self::Unexpected(rest, element) => {
                format!("parsing time {text:?}{layout}: cannot parse {} as {element:?}", show(rest))
            }
            Self::Extra(rest) => {
                format!("parsing time {text:?}{layout}: extra text: {}", show(rest))
            }
            Self::Range(field) => format!("parsing time {text:?}: {field} out of range"),
        })
    }
}

struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    fn date(&mut self) -> Result<Civil, Fault<'a>> {
        let year = self.digits(4, "2006")?;
        self.literal(b'-', "-")?;
        let month = self.digits(2, "01")? as u8;
        if !(1..=12).contains(&month) {
            return Err(Fault::Range("month"));
        }
        self.literal(b'-', "-")?;
        let day = self.digits(2, "02")? as u8;
        let year = i64::from(year);
        if day == 0 || day > days_in_month(year, month) {
            return Err(Fault::Range("day"));
        }
        Ok(Civil { year, month, day, hour: 0, minute: 0, second: 0, nanos: 0 })
    }

    /// Hours and minutes.
    fn clock(&mut self, fields: &mut Civil) -> Result<(), Fault<'a>> {
        fields.hour = self.digits(2, "15")? as u8;
        if fields.hour > 23 {
            return Err(Fault::Range("hour"));
        }
        self.literal(b':', ":")?;
        fields.minute = self.digits(2, "04")? as u8;
        if fields.minute > 59 {
            return Err(Fault::Range("minute"));
        }
        Ok(())
    }

    /// Seconds with an optional fraction.
    fn seconds(&mut self, fields: &mut Civil) -> Result<(), Fault<'a>> {
        fields.second = self.digits(2, "05")? as u8;
        if fields.second > 59 {
            return Err(Fault::Range("second"));
        }
        if let [b'.', b'0'..=b'9', ..] = self.rest {
            let mut unit = 100_000_000;
            self.rest = &self.rest[1..];
            while let [digit @ b'0'..=b'9', rest @ ..] = self.rest {
                fields.nanos += u32::from(digit - b'0') * unit;
                unit /= 10;
                self.rest = rest;
            }
        }
        Ok(())
    }

    /// `Z`, `+02:00` and, unless `strict`, `+0200`; in minutes east.
    fn offset(&mut self, strict: bool) -> Result<i16, Fault<'a>> {
        const LAYOUT: &str = "Z07:00";
        let start = self.rest;
        let unexpected = |_| Fault::Unexpected(start, LAYOUT);
        let sign = match start {
            [b'Z', rest @ ..] => {
                self.rest = rest;
                return Ok(0);
            }
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return Err(Fault::Unexpected(start, LAYOUT)),
        };
        self.rest = &start[1..];
        let hours = self.digits(2, LAYOUT).map_err(unexpected)?;
        if strict || self.rest.first() == Some(&b':') {
            self.literal(b':', LAYOUT).map_err(unexpected)?;
        }
        let minutes = self.digits(2, LAYOUT).map_err(unexpected)?;
        // As Go: offsets of 24 hours and of 60 minutes are seen in the wild.
        if hours > 24 || minutes > 60 {
            return Err(Fault::Range("time zone offset"));
        }
        Ok(sign * (hours * 60 + minutes) as i16)
    }

    fn end(&self) -> Result<(), Fault<'a>> {
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::Extra(self.rest)) }
    }

    fn literal(&mut self, byte: u8, element: &'static str) -> Result<(), Fault<'a>> {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                Ok(())
            }
            _ => Err(Fault::Unexpected(self.rest, element)),
        }
    }

    /// Exactly `count` digits (at most four, so the number fits).
    fn digits(&mut self, count: usize, element: &'static str) -> Result<u16, Fault<'a>> {
        let Some((digits, rest)) = self.rest.split_at_checked(count) else {
            return Err(Fault::Unexpected(self.rest, element));
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(Fault::Unexpected(self.rest, element));
        }
        self.rest = rest;
        Ok(digits.iter().fold(0, |n, digit| n * 10 + u16::from(digit - b'0')))
    }
}

/// Appends the API's form: exactly three fractional digits, cut and not rounded, `Z` or `+02:00`.
///
/// [`Timestamp::ZERO`] gives `0001-01-01T00:00:00.000Z`.
pub fn write_millis(out: &mut String, stamp: Stamp) {
    write(out, stamp, millis);
}

/// Appends the form of webhook bodies: up to nine fractional digits without trailing zeros.
///
/// [`Timestamp::ZERO`] gives `0001-01-01T00:00:00Z`.
pub fn write_nanos(out: &mut String, stamp: Stamp) {
    write(out, stamp, |text, nanos| {
        if nanos > 0 {
            text.push(b'.');
            text.push_digits(nanos, 9);
            while text.bytes[text.len - 1] == b'0' {
                text.len -= 1;
            }
        }
    });
}

/// Appends RFC 3339 with whole seconds, the fraction cut.
pub fn write_seconds(out: &mut String, stamp: Stamp) {
    write(out, stamp, |_, _| {});
}

/// Appends the time of a log line: UTC with milliseconds.
pub fn write_log(out: &mut String, at: Timestamp) {
    write_millis(out, Stamp::utc(at));
}

fn write(out: &mut String, stamp: Stamp, fraction: impl FnOnce(&mut Text, u32)) {
    let text = form(stamp, fraction);
    out.push_str(core::str::from_utf8(text.as_bytes()).expect("digits and signs"));
}

fn form(stamp: Stamp, fraction: impl FnOnce(&mut Text, u32)) -> Text {
    let offset = if stamp.at.is_zero() { 0 } else { stamp.offset_minutes };
    let fields = Civil::at(stamp.at, offset);
    let mut text = Text { bytes: [0; 40], len: 0 };
    // The range of a timestamp keeps the year between 1 and 2262.
    text.push_digits(fields.year.unsigned_abs() as u32, 4);
    for (before, value) in [
        (b'-', fields.month),
        (b'-', fields.day),
        (b'T', fields.hour),
        (b':', fields.minute),
        (b':', fields.second),
    ] {
        text.push(before);
        text.push_digits(u32::from(value), 2);
    }
    fraction(&mut text, fields.nanos);
    if offset == 0 {
        text.push(b'Z');
    } else {
        text.push(if offset < 0 { b'-' } else { b'+' });
        let minutes = u32::from(offset.unsigned_abs());
        text.push_digits(minutes / 60, 2);
        text.push(b':');
        text.push_digits(minutes % 60, 2);
    }
    text
}

/// Writes times in the form of [`write_millis`], many in a row: most fall on the day of the one
/// before, and many are the same.
#[derive(Clone, Debug)]
pub struct Millis {
    stamp: Stamp,
    text: Text,
    /// When the day of `stamp` began where it was written; `None` if that is out of range.
    day: Option<Timestamp>,
}

impl Default for Millis {
    fn default() -> Self {
        let text = form(Stamp::ZERO, millis);
        Self { stamp: Stamp::ZERO, text, day: None }
    }
}

impl Millis {
    /// Returns a time's text, which is ASCII.
    pub fn text(&mut self, stamp: Stamp) -> &[u8] {
        if stamp != self.stamp {
            let same_day = self.millis_of_same_day(stamp);
            self.stamp = stamp;
            match same_day {
                Some(millis) => self.text.set_time_of_day(millis),
                None => self.set(stamp),
            }
        }
        self.text.as_bytes()
    }

    fn millis_of_same_day(&self, stamp: Stamp) -> Option<u32> {
        let same_zone = stamp.offset_minutes == self.stamp.offset_minutes && !stamp.at.is_zero();
        let day = self.day.filter(|_| same_zone)?;
        let nanos = stamp.at.as_nanos().checked_sub(day.as_nanos())?;
        (0..DAY_NANOS).contains(&nanos).then_some((nanos / 1_000_000) as u32)
    }

    fn set(&mut self, stamp: Stamp) {
        self.text = form(stamp, millis);
        let local = i64::from(stamp.offset_minutes) * 60_000_000_000;
        let in_day = stamp.at.as_nanos().checked_add(local).map(|ns| ns.rem_euclid(DAY_NANOS));
        let begin = in_day.and_then(|in_day| stamp.at.as_nanos().checked_sub(in_day));
        self.day = begin.filter(|_| !stamp.at.is_zero()).map(Timestamp::from_nanos);
    }
}

const DAY_NANOS: i64 = 86_400_000_000_000;

fn millis(text: &mut Text, nanos: u32) {
    text.push(b'.');
    text.push_digits(nanos / 1_000_000, 3);
}

/// A time on its way into a text, which takes it at once: the longest has 35 bytes.
#[derive(Clone, Debug)]
struct Text {
    bytes: [u8; 40],
    len: usize,
}

impl Text {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Replaces the time of day in a text that has milliseconds.
    fn set_time_of_day(&mut self, millis: u32) {
        let (seconds, millis) = (millis / 1000, millis % 1000);
        let minutes = seconds / 60;
        let fields =
            [(11, minutes / 60), (14, minutes % 60), (17, seconds % 60), (20, millis / 10)];
        for (at, value) in fields {
            self.bytes[at] = b'0' + (value / 10) as u8;
            self.bytes[at + 1] = b'0' + (value % 10) as u8;
        }
        self.bytes[22] = b'0' + (millis % 10) as u8;
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// Appends the last `count` digits of `value`, zeros in front.
    fn push_digits(&mut self, mut value: u32, count: usize) {
        for place in self.bytes[self.len..self.len + count].iter_mut().rev() {
            *place = b'0' + (value % 10) as u8;
            value /= 10;
        }
        self.len += count;
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use proptest::prelude::*;

    use super::*;

    fn millis(text: &str) -> String {
        text_of(write_millis, parse_api(text).expect(text))
    }

    fn text_of(writer: fn(&mut String, Stamp), stamp: Stamp) -> String {
        let mut out = String::new();
        writer(&mut out, stamp);
        out
    }

    #[test]
    fn every_layout_of_the_api_is_read() {
        for (text, shown) in [
            ("", "1970-01-01T00:00:00.000Z"),
            ("2026-11-22T00:54:42.486999Z", "2026-11-22T00:54:42.486Z"),
            ("2026-11-22T00:54:42.486+02:00", "2026-11-22T00:54:42.486+02:00"),
            ("2026-11-22T00:54:42+0200", "2026-11-22T00:54:42.000+02:00"),
            ("2026-11-22T00:54:42.1-0530", "2026-11-22T00:54:42.100-05:30"),
            ("2026-11-22T00:54:42.123456789Z", "2026-11-22T00:54:42.123Z"),
            ("2026-11-22T00:54:42.1234567891234Z", "2026-11-22T00:54:42.123Z"),
            ("2026-11-22T00:54:42+00:00", "2026-11-22T00:54:42.000Z"),
            ("2026-11-22T00:54:42", "2026-11-22T00:54:42.000Z"),
            ("2026-11-22T00:54:42.5", "2026-11-22T00:54:42.500Z"),
            ("2026-11-22T00:54Z", "2026-11-22T00:54:00.000Z"),
            ("2026-11-22T00:54", "2026-11-22T00:54:00.000Z"),
            ("2026-11-22 00:54:42", "2026-11-22T00:54:42.000Z"),
            ("2026-11-22", "2026-11-22T00:00:00.000Z"),
            ("2024-02-29", "2024-02-29T00:00:00.000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
            ("0001-01-01T02:00:00+02:00", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T00:00:00Z", "2262-04-11T23:47:16.854Z"),
            ("0001-01-01T00:00:01Z", "1677-09-21T00:12:43.145Z"),
        ] {
            assert_eq!(millis(text), shown, "{text}");
        }
        assert_eq!(parse_api("0001-01-01T00:00:00Z"), Ok(Stamp::ZERO));
        assert_eq!(parse_api("0001-01-01T00:00:00.000Z"), Ok(Stamp::ZERO));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "bad",
            "2026",
            "2026-11",
            "2026-1-2",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2026-11-00",
            "2026-11-22T",
            "2026-11-22T00",
            "2026-11-22T24:00:00Z",
            "2026-11-22T00:60:00Z",
            "2026-11-22T00:00:60Z",
            "2026-11-22T0:00:00Z",
            "2026-11-22T00:54+02:00",
            "2026-11-22 00:54",
            "2026-11-22 00:54:42Z",
            "2026-11-22t00:54:42z",
            "2026-11-22T00:54:42.Z",
            "2026-11-22T00:54:42+2",
            "2026-11-22T00:54:42+25:00",
            "2026-11-22T00:54:42+02:61",
            "2026-11-22T00:54:42Z ",
            " 2026-11-22",
            "2026-11-22Z",
            "+026-11-22",
            "２０２６-11-22",
        ] {
            assert!(parse_api(text).is_err(), "{text}");
        }
        let error = |text| parse_api(text).expect_err(text).to_string();
        assert_eq!(error("bad"), r#"parsing time "bad": cannot parse "bad" as "2006""#);
        assert_eq!(error("2026-02-30"), r#"parsing time "2026-02-30": day out of range"#);
        assert_eq!(
            parse_rfc3339("bad").expect_err("bad").to_string(),
            r#"parsing time "bad" as "2006-01-02T15:04:05Z07:00": cannot parse "bad" as "2006""#
        );
        assert!(parse_rfc3339("2026-11-22T00:54:42+0200").is_err());
        assert!(parse_rfc3339("2026-11-22T00:54:42.5+02:00").is_ok());
    }

    #[test]
    fn each_writer_has_its_precision() {
        let stamp = parse_api("2026-11-22T00:54:42.486250+02:00").expect("valid");
        assert_eq!(text_of(write_nanos, stamp), "2026-11-22T00:54:42.48625+02:00");
        assert_eq!(text_of(write_seconds, stamp), "2026-11-22T00:54:42+02:00");
        assert_eq!(text_of(write_nanos, Stamp::ZERO), "0001-01-01T00:00:00Z");
        let whole = parse_api("2026-11-22T00:54:40Z").expect("valid");
        assert_eq!(text_of(write_nanos, whole), "2026-11-22T00:54:40Z");
        let mut out = String::new();
        write_log(&mut out, stamp.at);
        assert_eq!(out, "2026-11-21T22:54:42.486Z");
    }

    proptest! {
        #[test]
        fn written_nanoseconds_read_back(ns in any::<i64>(), offset in -1440_i16..=1440) {
            // Go's zero time has no offset.
            let at = Timestamp::from_nanos(ns);
            let offset = if at.is_zero() { 0 } else { offset };
            let stamp = Stamp { at, offset_minutes: offset };
            let text = text_of(write_nanos, stamp);
            prop_assert_eq!(parse_api(&text), Ok(stamp));
            prop_assert_eq!(parse_rfc3339(&text), Ok(stamp));
        }

        #[test]
        fn many_in_a_row_are_written_as_each_alone(
            stamps in proptest::collection::vec((prop_oneof![
                any::<i64>(),
                -200_000_000_000_000i64..200_000_000_000_000,
                Just(i64::MIN), Just(i64::MIN + 1), Just(i64::MAX), Just(0),
            ], prop_oneof![Just(0i16), Just(120), -1440i16..=1440]), 0..20),
        ) {
            let mut many = Millis::default();
            for (ns, offset_minutes) in stamps {
                let stamp = Stamp { at: Timestamp::from_nanos(ns), offset_minutes };
                let text = text_of(write_millis, stamp);
                prop_assert_eq!(many.text(stamp), text.as_bytes());
            }
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}", like in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.Zé+-]{0,30}") {
            for text in [text, like] {
                if let Ok(stamp) = parse_api(&text) {
                    for writer in [write_millis, write_nanos, write_seconds] {
                        let _ = text_of(writer, stamp);
                    }
                }
                let _ = parse_rfc3339(&text);
            }
        }
    }
}
