//! Days and clock fields of the proleptic Gregorian calendar.
//!
//! The conversion between a day number and year, month, day is the era-based one published by
//! Howard Hinnant ("chrono-Compatible Low-Level Date Algorithms").

use super::Timestamp;

/// A date and a time of day without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year; 1 is 1 CE, 0 is 1 BCE.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Nanosecond within the second.
    pub nanos: u32,
}

impl Civil {
    /// Returns the fields of `at` in a zone `offset_minutes` east of UTC.
    ///
    /// [`Timestamp::ZERO`] gives `0001-01-01T00:00:00` whatever the offset.
    pub fn at(at: Timestamp, offset_minutes: i16) -> Self {
        if at.is_zero() {
            return Self { year: 1, month: 1, day: 1, hour: 0, minute: 0, second: 0, nanos: 0 };
        }
        let (secs, nanos) = at.parts();
        let local = secs + i64::from(offset_minutes) * 60;
        let (year, month, day) = date_of(local.div_euclid(86_400));
        let in_day = local.rem_euclid(86_400);
        Self {
            year,
            month,
            day,
            hour: (in_day / 3600) as u8,
            minute: (in_day / 60 % 60) as u8,
            second: (in_day % 60) as u8,
            nanos,
        }
    }

    /// Returns the seconds since the epoch of these fields read in a zone `offset_minutes` east of
    /// UTC. The fields must be in range.
    pub fn unix_seconds(&self, offset_minutes: i16) -> i64 {
        day_number(self.year, self.month, self.day) * 86_400
            + i64::from(self.hour) * 3600
            + i64::from(self.minute) * 60
            + i64::from(self.second)
            - i64::from(offset_minutes) * 60
    }
}

/// Returns the day number (days since 1970-01-01) of a date.
pub fn day_number(year: i64, month: u8, day: u8) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Returns year, month and day of a day number (days since 1970-01-01).
pub fn date_of(day_number: i64) -> (i64, u8, u8) {
    let z = day_number + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8;
    let month =
        if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u8;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Returns the number of days of a month (1 to 12).
pub fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the weekday of a day number, Sunday being 0.
pub fn weekday(day_number: i64) -> u8 {
    (day_number + 4).rem_euclid(7) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_day_numbers_are_inverse() {
        for day in (-800_000..800_000).step_by(37) {
            let (y, m, d) = date_of(day);
            assert_eq!(day_number(y, m, d), day);
            assert!(d >= 1 && d <= days_in_month(y, m));
        }
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(weekday(0), 4, "the epoch was a Thursday");
        assert_eq!(date_of(11_016), (2000, 2, 29));
    }
}
