//! `Retry-After`: seconds or an HTTP date.

use core::time::Duration;

use crate::time::{
    Timestamp,
    civil::{Civil, days_in_month},
};

/// Reads the header's value; a date counts from `now`, and one in the past means at once.
///
/// All three forms of HTTP dates are read. Returns `None` for what is neither.
pub(super) fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // Only a number too large for the type fails here: it means "very long".
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    date(value).map(|at| at.since(now))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
/// `Sun Nov  6 08:49:37 1994`.
fn date(text: &str) -> Option<Timestamp> {
    let mut words = text.split([' ', ',', '-', ':']).filter(|word| !word.is_empty());
    let mut word = || words.next();
    let _weekday = word()?;
    let (first, second) = (word()?, word()?);
    let (day, month, year, hour, minute, second) = if let Some(month) = month(second) {
        let year = word()?;
        let clock = (word()?, word()?, word()?);
        (word()? == "GMT").then_some(())?;
        (first, month, year, clock.0, clock.1, clock.2)
    } else {
        let clock = (word()?, word()?, word()?);
        (second, month(first)?, word()?, clock.0, clock.1, clock.2)
    };
    if words.next().is_some() {
        return None;
    }
    let year = match (number(year, 9999)?, year.len()) {
        (year, 2) => i64::from(year) + if year < 70 { 2000 } else { 1900 },
        (year, 4) => i64::from(year),
        _ => return None,
    };
    let day = number(day, u16::from(days_in_month(year, month)))? as u8;
    let fields = Civil {
        year,
        month,
        day: (day > 0).then_some(day)?,
        hour: number(hour, 23)? as u8,
        minute: number(minute, 59)? as u8,
        // A leap second has the number 60.
        second: number(second, 60)? as u8,
        nanos: 0,
    };
    Some(Timestamp::from_parts(fields.unix_seconds(0), 0))
}

fn month(name: &str) -> Option<u8> {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    NAMES.iter().zip(1..).find(|(known, _)| **known == name).map(|(_, month)| month)
}

/// Reads digits only, at most four.
fn number(text: &str, max: u16) -> Option<u16> {
    let is_short = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_short.then(|| text.parse().ok()).flatten().filter(|number| *number <= max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_parts(784_111_777, 0);

    #[test]
    fn seconds_and_dates_are_read() {
        for (value, secs) in [
            ("0", 0),
            (" 120 ", 120),
            ("99999999999999999999999", u64::MAX),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("Sun, 06 Nov 1994 08:50:07 GMT", 30),
            ("Sunday, 06-Nov-94 08:50:07 GMT", 30),
            ("Sun Nov  6 08:50:07 1994", 30),
            ("Sun, 06 Nov 1994 08:49:36 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:60 GMT", 23),
        ] {
            assert_eq!(parse(value, NOW), Some(Duration::from_secs(secs)), "{value}");
        }
        for value in [
            "",
            "-1",
            "1.5",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
            "Sun, 06 Nov 994 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(value, NOW), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(
            text in "\\PC{0,30}",
            like in "Sun,? ?[0-9]{0,3}[- ](Nov|Feb)[- ][0-9]{1,5} [0-9]{2}:[0-9]{2}:[0-9]{2} ?(GMT)?",
        ) {
            let _ = (parse(&text, NOW), parse(&like, NOW), parse(&like, Timestamp::ZERO));
        }
    }
}
