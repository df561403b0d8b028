//! Go's `time.Time` as far as templates can see it.

use alloc::string::String;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{layout, value::Text};
use crate::time::{
    Stamp, Timestamp,
    civil::{self, Civil},
};

/// Seconds from 1970 back to Go's zero time.
const ZERO_SECS: i64 = -62_135_596_800;

/// A time zone.
#[derive(Clone, Debug, Default)]
pub enum Zone {
    /// UTC.
    #[default]
    Utc,
    /// A fixed offset in seconds east of UTC, with its name, which may be empty.
    Fixed(i32, Text),
    /// A zone of the bundled database.
    Named(Text, TimeZone),
}

impl Zone {
    /// Finds a zone by its IANA name. `Local` is UTC: core does not know where its host stands.
    ///
    /// # Errors
    /// Go's words when no zone has the name.
    pub fn load(name: &str) -> Result<Self, String> {
        match name {
            "" | "UTC" => return Ok(Self::Utc),
            "Local" => return Ok(Self::Fixed(0, "Local".into())),
            _ if name.contains("..") || name.starts_with(['/', '\\']) => {
                return Err("time: invalid location name".into());
            }
            _ => {}
        }
        if let Some(hours) = match name {
            "EST" => Some(-5),
            "MST" => Some(-7),
            "HST" => Some(-10),
            _ => None,
        } {
            return Ok(Self::Fixed(hours * 3600, name.into()));
        }
        // Systems have these files beside the zones.
        let zone = match name.strip_prefix("posix/").unwrap_or(name) {
            "localtime" => "Etc/UTC",
            "posixrules" => "America/New_York",
            zone => zone,
        };
        TimeZoneDatabase::bundled()
            .get(zone)
            .ok()
            .filter(|found| found.iana_name() == Some(zone))
            .map(|zone| Self::Named(name.into(), zone))
            .ok_or_else(|| alloc::format!("unknown time zone {name}"))
    }

    /// Returns the zone's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Fixed(_, name) | Self::Named(name, _) => name,
        }
    }

    /// Returns the offset in seconds east of UTC and the abbreviation at a point in time.
    fn at(&self, secs: i64) -> (i64, Text) {
        match self {
            Self::Utc => (0, "UTC".into()),
            Self::Fixed(0, name) if &**name == "Local" => (0, "UTC".into()),
            Self::Fixed(offset, name) => (i64::from(*offset), name.clone()),
            Self::Named(name, zone) => match jiff::Timestamp::from_second(secs) {
                Ok(at) => {
                    let info = zone.to_offset_info(at);
                    match of_rules(name, info.abbreviation()) {
                        Some((hours, short)) => (hours * 3600, short.into()),
                        None => (i64::from(info.offset().seconds()), info.abbreviation().into()),
                    }
                }
                Err(_) => self.at(within_calendar(secs)),
            },
        }
    }
}

/// Zones named by their rules have had these always, not since their city's clocks were set.
fn of_rules<'a>(name: &'a str, short: &str) -> Option<(i64, &'a str)> {
    let hours = match name {
        _ if short != "LMT" => return None,
        "WET" => 0,
        "CET" | "MET" => 1,
        "EET" => 2,
        "EST5EDT" => -5,
        "CST6CDT" => -6,
        "MST7MDT" => -7,
        "PST8PDT" => -8,
        _ => return None,
    };
    Some((hours, &name[..3]))
}

/// Moves a time by whole cycles of the calendar, 400 years each, to where zones are known.
const fn within_calendar(secs: i64) -> i64 {
    const CYCLE: i64 = 146_097 * 86_400;
    const YEAR_9000: i64 = 221_845_392_000;
    if secs < 0 { -YEAR_9000 } else { YEAR_9000 - CYCLE + (secs - YEAR_9000).rem_euclid(CYCLE) }
}

/// A point in time and the zone it is shown in.
#[derive(Clone, Debug)]
pub struct Time {
    /// Seconds since 1970.
    pub(super) secs: i64,
    /// Nanoseconds within the second.
    pub(super) nanos: u32,
    pub(super) zone: Zone,
}

impl Default for Time {
    fn default() -> Self {
        Self { secs: ZERO_SECS, nanos: 0, zone: Zone::Utc }
    }
}

impl From<Stamp> for Time {
    fn from(stamp: Stamp) -> Self {
        if stamp.at.is_zero() {
            return Self::default();
        }
        let (secs, nanos) = stamp.at.parts();
        let zone = match stamp.offset_minutes {
            0 => Zone::Utc,
            minutes => Zone::Fixed(i32::from(minutes) * 60, "".into()),
        };
        Self { secs, nanos, zone }
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Stamp::utc(at).into()
    }
}

/// The fields of a time in its zone.
pub(super) struct Fields {
    pub(super) civil: Civil,
    pub(super) offset: i64,
    pub(super) abbreviation: Text,
    pub(super) weekday: u8,
    pub(super) year_day: i64,
}

impl Time {
    /// Makes the time `secs` seconds and `nanos` nanoseconds after 1970, in UTC.
    pub const fn from_parts(secs: i64, nanos: u32) -> Self {
        Self { secs, nanos, zone: Zone::Utc }
    }

    /// Makes a time of fields that may be out of range, in a zone, as Go's `time.Date`.
    pub(super) fn from_civil(year: i64, month: i64, day: i64, in_day: i64, zone: Zone) -> Self {
        let months = year.saturating_mul(12).saturating_add(month - 1);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let year = year.clamp(-1_000_000, 1_000_000);
        let days = civil::day_number(year, month as u8, 1).saturating_add(day - 1);
        let local = days.saturating_mul(86_400).saturating_add(in_day);
        // The offset at the local time read as UTC, then at the instant that gives.
        let guess = zone.at(local.saturating_sub(zone.at(local).0)).0;
        let mut secs = local.saturating_sub(guess);
        let offset = zone.at(secs).0;
        if offset != guess {
            secs = local.saturating_sub(offset);
            if zone.at(secs).0 != offset {
                secs = local.saturating_sub(guess);
            }
        }
        Self { secs, nanos: 0, zone }
    }

    pub(super) fn in_zone(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// Seconds since Go's zero time.
    pub(super) const fn since_year_one(&self) -> i64 {
        self.secs.saturating_sub(ZERO_SECS)
    }

    pub(super) const fn is_zero(&self) -> bool {
        self.secs == ZERO_SECS && self.nanos == 0
    }

    pub(super) fn fields(&self) -> Fields {
        let (offset, abbreviation) = self.zone.at(self.secs);
        let local = self.secs.saturating_add(offset);
        let day = local.div_euclid(86_400);
        let in_day = local.rem_euclid(86_400);
        let (year, month, date) = civil::date_of(day);
        Fields {
            civil: Civil {
                year,
                month,
                day: date,
                hour: (in_day / 3600) as u8,
                minute: (in_day / 60 % 60) as u8,
                second: (in_day % 60) as u8,
                nanos: self.nanos,
            },
            offset,
            abbreviation,
            weekday: civil::weekday(day),
            year_day: day - civil::day_number(year, 1, 1) + 1,
        }
    }

    pub(super) fn is_dst(&self) -> bool {
        let Zone::Named(_, zone) = &self.zone else { return false };
        jiff::Timestamp::from_second(self.secs)
            .is_ok_and(|at| zone.to_offset_info(at).dst().is_dst())
    }

    /// Nanoseconds since 1970, wide enough for every time.
    pub(super) const fn total(&self) -> i128 {
        self.secs as i128 * 1_000_000_000 + self.nanos as i128
    }

    pub(super) fn plus(&self, ns: i64) -> Self {
        let total = self.total() + i128::from(ns);
        let secs = total.div_euclid(1_000_000_000);
        Self {
            secs: i64::try_from(secs).unwrap_or(self.secs),
            nanos: total.rem_euclid(1_000_000_000) as u32,
            zone: self.zone.clone(),
        }
    }

    /// The span since `other` in nanoseconds, at most what 64 bits hold.
    pub(super) fn minus(&self, other: &Self) -> i64 {
        let ns = self.total() - other.total();
        i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
    }

    /// Rounds to a multiple of `unit` since the zero time: down, or half up.
    pub(super) fn round(&self, unit: i64, half_up: bool) -> Self {
        if unit <= 0 {
            return self.clone();
        }
        let since_zero = self.total() - i128::from(ZERO_SECS) * 1_000_000_000;
        let rest = since_zero.rem_euclid(i128::from(unit)) as i64;
        if half_up && rest.saturating_add(rest) >= unit {
            self.plus(unit - rest)
        } else {
            self.plus(-rest)
        }
    }

    /// Adds years, months and days to the date, as Go's `AddDate`.
    pub(super) fn add_date(&self, years: i64, months: i64, days: i64) -> Self {
        let civil = self.fields().civil;
        let in_day =
            i64::from(civil.hour) * 3600 + i64::from(civil.minute) * 60 + i64::from(civil.second);
        let mut time = Self::from_civil(
            civil.year.saturating_add(years),
            i64::from(civil.month).saturating_add(months),
            i64::from(civil.day).saturating_add(days),
            in_day,
            self.zone.clone(),
        );
        time.nanos = self.nanos;
        time
    }

    /// How Go prints a time.
    pub(super) fn to_text(&self) -> String {
        self.format("2006-01-02 15:04:05.999999999 -0700 MST")
    }

    /// Formats by a Go layout.
    pub fn format(&self, layout: &str) -> String {
        layout::format(self, layout)
    }

    /// How JSON shows a time, or why it cannot.
    pub(super) fn to_json(&self) -> Result<String, String> {
        let year = self.fields().civil.year;
        if !(0..=9999).contains(&year) {
            return Err("Time.MarshalJSON: year outside of range [0,9999]".into());
        }
        Ok(self.format("2006-01-02T15:04:05.999999999Z07:00"))
    }

    /// How `%#v` shows a time.
    pub(super) fn to_go(&self) -> String {
        let Civil { year, month, day, hour, minute, second, nanos } = self.fields().civil;
        let month = layout::month_name(i64::from(month));
        let zone = match &self.zone {
            Zone::Utc => "time.UTC".into(),
            Zone::Fixed(0, name) if &**name == "Local" => "time.Local".into(),
            zone => alloc::format!("time.Location({})", super::quote::quote(zone.name())),
        };
        alloc::format!(
            "time.Date({year}, time.{month}, {day}, {hour}, {minute}, {second}, {nanos}, {zone})"
        )
    }

    /// Reads a time as JSON has it.
    ///
    /// # Errors
    /// The text is no RFC 3339 time.
    pub fn parse_rfc3339(text: &str) -> Result<Self, String> {
        layout::parse("2006-01-02T15:04:05Z07:00", text)
    }
}
