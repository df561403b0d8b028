//! The ranges of a time interval: how each is read, printed and compared.
//!
//! The printed form is the one of the configuration dump; reading it back gives the same range.

use alloc::{format, string::String, sync::Arc};
use core::{fmt, num::IntErrorKind};

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Why a field of a time interval is refused, in Alertmanager's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalError(String);

impl fmt::Display for IntervalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for IntervalError {}

const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A span within one day, in minutes since midnight, without the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    start: u16,
    end: u16,
}

impl TimeRange {
    /// Tells whether a minute of the day lies in the range.
    pub const fn contains(self, minute: u16) -> bool {
        self.start <= minute && minute < self.end
    }

    /// Returns the start as `HH:MM`.
    pub fn start_text(self) -> String {
        clock(self.start)
    }

    /// Returns the end as `HH:MM`; the end of the day is `24:00`.
    pub fn end_text(self) -> String {
        clock(self.end)
    }
}

fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Reads `start_time` and `end_time`, each `HH:MM` up to `24:00`.
///
/// # Errors
/// One is missing (empty) or malformed, or the start is not before the end.
pub fn parse_time_range(start: &str, end: &str) -> Result<TimeRange, IntervalError> {
    if start.is_empty() || end.is_empty() {
        return Err(IntervalError("both start and end times must be provided".into()));
    }
    let (start, end) = (parse_clock(start)?, parse_clock(end)?);
    if start >= end {
        return Err(IntervalError("start time cannot be equal or greater than end time".into()));
    }
    Ok(TimeRange { start, end })
}

fn parse_clock(text: &str) -> Result<u16, IntervalError> {
    let minutes = match text.as_bytes() {
        [h1 @ b'0'..=b'2', h0 @ b'0'..=b'9', b':', m1 @ b'0'..=b'5', m0 @ b'0'..=b'9'] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Some((digit(h1) * 10 + digit(h0)) * 60 + digit(m1) * 10 + digit(m0))
        }
        _ => None,
    };
    minutes
        .filter(|minutes| *minutes <= 24 * 60)
        .ok_or_else(|| IntervalError(format!("couldn't parse timestamp {text}, invalid format")))
}

/// Days of the week, both ends included. Sunday is the first day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeekdayRange {
    begin: u8,
    end: u8,
}

impl WeekdayRange {
    /// Tells whether a day (Sunday is 0) lies in the range.
    pub const fn contains(self, weekday: u8) -> bool {
        self.begin <= weekday && weekday <= self.end
    }
}

impl fmt::Display for WeekdayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day: u8| WEEKDAYS[usize::from(day)];
        show(f, name(self.begin), name(self.end))
    }
}

/// Reads `monday` or `monday:friday`: English names in any case.
///
/// # Errors
/// A name is no weekday, or the range ends before it begins (the week begins on Sunday).
pub fn parse_weekday_range(text: &str) -> Result<WeekdayRange, IntervalError> {
    let (begin, end) = parse_range(text, |name| {
        let day = WEEKDAYS.iter().position(|known| *known == name);
        day.map(|day| day as u8).ok_or_else(|| format!("{name} is not a valid weekday"))
    })?;
    if begin > end {
        return Err(IntervalError("start day cannot be before end day".into()));
    }
    Ok(WeekdayRange { begin, end })
}

/// Days of a month, both ends included; negative ones count from the month's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayOfMonthRange {
    begin: i8,
    end: i8,
}

impl DayOfMonthRange {
    /// Tells whether `day` lies in the range in a month of `days` days.
    ///
    /// A range that begins after the month's end holds no day of it; any other is cut to the month.
    pub const fn contains(self, day: u8, days: u8) -> bool {
        let (day, days) = (day as i8, days as i8);
        let begin = if self.begin < 0 { days + self.begin + 1 } else { self.begin };
        let end = if self.end < 0 { days + self.end + 1 } else { self.end };
        begin <= day && day <= end
    }
}

impl fmt::Display for DayOfMonthRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.begin, self.end)
    }
}

/// Reads `5`, `1:15` or `-3:-1`.
///
/// # Errors
/// A day is no number, or not in -31..=-1 or 1..=31; the range goes from the month's end to its
/// start; or it is empty even in the shortest month.
pub fn parse_day_of_month_range(text: &str) -> Result<DayOfMonthRange, IntervalError> {
    /// Days every month has; upstream decides by it whether a range can hold anything.
    const SHORTEST: i64 = 28;
    let (begin, end) = parse_range(text, parse_number)?;
    let valid = |day: i64| match i8::try_from(day) {
        Ok(day @ (-31..=-1 | 1..=31)) => Ok(day),
        _ => Err(IntervalError(format!("{day} is not a valid day of the month: out of range"))),
    };
    let range = DayOfMonthRange { begin: valid(begin)?, end: valid(end)? };
    if begin < 0 && end > 0 {
        let text = "end day must be negative if start day is negative";
        return Err(IntervalError(text.into()));
    }
    let from_start = |day: i64| if day < 0 { SHORTEST + day } else { day };
    if from_start(begin) > from_start(end) {
        return Err(IntervalError(format!("end day {end} is always before start day {begin}")));
    }
    Ok(range)
}

/// Months, both ends included. Numbers outside 1 to 12 are kept, as upstream does, and match no
/// month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MonthRange {
    begin: i64,
    end: i64,
}

impl MonthRange {
    /// Tells whether a month (1 to 12) lies in the range.
    pub const fn contains(self, month: u8) -> bool {
        self.begin <= month as i64 && month as i64 <= self.end
    }
}

impl fmt::Display for MonthRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.begin, self.end)
    }
}

/// Reads `may`, `5`, `january:march` or `1:3`: English names in any case, or numbers.
///
/// # Errors
/// A month is neither a name nor a number, or the range ends before it begins.
pub fn parse_month_range(text: &str) -> Result<MonthRange, IntervalError> {
    let (begin, end) = parse_range(text, |name| {
        let month = MONTHS.iter().position(|known| *known == name);
        match month {
            Some(month) => Ok(month as i64 + 1),
            None => parse_number(name).map_err(|_| format!("{name} is not a valid month")),
        }
    })?;
    if begin > end {
        let name = |month: i64| {
            let index = usize::try_from(month - 1).ok();
            index.and_then(|index| MONTHS.get(index)).copied().unwrap_or_default()
        };
        let (begin, end) = (name(begin), name(end));
        return Err(IntervalError(format!("end month {end} is before start month {begin}")));
    }
    Ok(MonthRange { begin, end })
}

/// Years, both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct YearRange {
    begin: i64,
    end: i64,
}

impl YearRange {
    /// Tells whether a year lies in the range.
    pub const fn contains(self, year: i64) -> bool {
        self.begin <= year && year <= self.end
    }
}

impl fmt::Display for YearRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.begin, self.end)
    }
}

/// Reads `2024` or `2024:2026`.
///
/// # Errors
/// A year is no number, or the range ends before it begins.
pub fn parse_year_range(text: &str) -> Result<YearRange, IntervalError> {
    let (begin, end) = parse_range(text, parse_number)?;
    if begin > end {
        return Err(IntervalError(format!("end year {end} is before start year {begin}")));
    }
    Ok(YearRange { begin, end })
}

/// `begin:end`, or just `begin` where both are the same.
fn show<T: fmt::Display + PartialEq>(f: &mut fmt::Formatter<'_>, begin: T, end: T) -> fmt::Result {
    if begin == end { write!(f, "{begin}") } else { write!(f, "{begin}:{end}") }
}

/// Reads `member` or `member:member`, in lower case.
fn parse_range<T: Copy>(
    text: &str,
    member: impl Fn(&str) -> Result<T, String>,
) -> Result<(T, T), IntervalError> {
    let text = text.to_lowercase();
    let member = |text: &str| member(text).map_err(IntervalError);
    let mut parts = text.split(':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(one), None, _) => member(one).map(|value| (value, value)),
        (Some(begin), Some(end), None) => Ok((member(begin)?, member(end)?)),
        _ => Err(IntervalError(format!("couldn't parse range {text}, invalid format"))),
    }
}

/// Reads a whole number with an optional sign.
fn parse_number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|error: core::num::ParseIntError| {
        let reason = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.Atoi: parsing {text:?}: {reason}")
    })
}

/// A zone of the bundled time zone database.
#[derive(Clone, Debug)]
pub struct Location {
    name: Arc<str>,
    zone: TimeZone,
}

impl Location {
    /// Returns the zone's name; the empty name is `UTC`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how many seconds the zone is ahead of UTC at `utc` (seconds since the epoch). A
    /// second outside of the years -9999 to 9999 counts as UTC.
    pub fn offset_seconds(&self, utc: i64) -> i64 {
        jiff::Timestamp::from_second(utc)
            .map_or(0, |at| i64::from(self.zone.to_offset(at).seconds()))
    }
}

/// Zones are equal when their names are.
impl PartialEq for Location {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Location {}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Finds a zone by its IANA name.
///
/// `UTC`, the empty name and `Local` are UTC: core does not know where its host stands, and a
/// cluster must decide alike on every host.
///
/// # Errors
/// The name could leave the database's folder, or no zone has it (case counts).
pub fn parse_location(name: &str) -> Result<Location, IntervalError> {
    let zone = match name {
        "" | "UTC" | "Local" => TimeZone::UTC,
        _ if name.split(['/', '\\']).any(|part| part == "..") || name.starts_with(['/', '\\']) => {
            return Err(IntervalError("time: invalid location name".into()));
        }
        _ => TimeZoneDatabase::bundled()
            .get(name)
            .ok()
            .filter(|zone| zone.iana_name() == Some(name))
            .ok_or_else(|| IntervalError(format!("unknown time zone {name}")))?,
    };
    let name = if name.is_empty() { "UTC" } else { name };
    Ok(Location { name: Arc::from(name), zone })
}
