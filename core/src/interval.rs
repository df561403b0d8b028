//! Time intervals: calendars that mute routes.
//!
//! A named interval is a list of [`Spec`]s, of which one must hold. The fields of a spec must all
//! hold, and of the ranges in a field one suffices. A field that is present but empty has no range
//! that could hold, so its spec never matches. The configuration builds the fields by the parse
//! functions of [`field`], one text at a time.

pub mod field;

#[cfg(test)]
mod tests;

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

pub use self::field::{
    DayOfMonthRange, IntervalError, Location, MonthRange, TimeRange, WeekdayRange, YearRange,
    parse_day_of_month_range, parse_location, parse_month_range, parse_time_range,
    parse_weekday_range, parse_year_range,
};
use crate::time::{
    Timestamp,
    civil::{date_of, days_in_month, weekday},
};

/// One calendar rule. A field that is `None` does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// Times of day.
    pub times: Option<Vec<TimeRange>>,
    /// Days of the week.
    pub weekdays: Option<Vec<WeekdayRange>>,
    /// Days of the month.
    pub days_of_month: Option<Vec<DayOfMonthRange>>,
    /// Months.
    pub months: Option<Vec<MonthRange>>,
    /// Years.
    pub years: Option<Vec<YearRange>>,
    /// The zone in which the fields are read; UTC without one.
    pub location: Option<Location>,
}

impl Spec {
    /// Tells whether `at` satisfies every field.
    pub fn contains(&self, at: Timestamp) -> bool {
        let (utc, _) = at.parts();
        let local = utc + self.location.as_ref().map_or(0, |l| l.offset_seconds(utc));
        let day_number = local.div_euclid(86_400);
        let minute = (local.rem_euclid(86_400) / 60) as u16;
        let (year, month, day) = date_of(day_number);
        any_holds(&self.times, |range| range.contains(minute))
            && any_holds(&self.days_of_month, |range| {
                range.contains(day, days_in_month(year, month))
            })
            && any_holds(&self.months, |range| range.contains(month))
            && any_holds(&self.weekdays, |range| range.contains(weekday(day_number)))
            && any_holds(&self.years, |range| range.contains(year))
    }
}

fn any_holds<T>(ranges: &Option<Vec<T>>, holds: impl Fn(&T) -> bool) -> bool {
    ranges.as_ref().is_none_or(|ranges| ranges.iter().any(holds))
}

/// The rules of one named interval. Without any it never matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeInterval {
    /// The rules, one of which must hold.
    pub specs: Vec<Spec>,
}

impl TimeInterval {
    /// Tells whether `at` lies in the interval.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.specs.iter().any(|spec| spec.contains(at))
    }

    /// Returns how many of the rules hold at `at`. The API lists a muting interval's name once for
    /// each of them.
    pub fn matching(&self, at: Timestamp) -> usize {
        self.specs.iter().filter(|spec| spec.contains(at)).count()
    }
}

/// All intervals of a configuration by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals(BTreeMap<Arc<str>, TimeInterval>);

impl Intervals {
    /// Makes an empty table.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds an interval and returns the one that had this name.
    pub fn insert(&mut self, name: Arc<str>, interval: TimeInterval) -> Option<TimeInterval> {
        self.0.insert(name, interval)
    }

    /// Returns the interval of a name.
    pub fn get(&self, name: &str) -> Option<&TimeInterval> {
        self.0.get(name)
    }

    /// Returns those of `names` that hold at `at`, in the given order, each once for every rule of
    /// it that holds. A name without an interval does not hold; the configuration refuses those.
    pub fn holding(&self, names: &[Arc<str>], at: Timestamp) -> Vec<Arc<str>> {
        let mut holding = Vec::new();
        for name in names {
            let times = self.0.get(name).map_or(0, |interval| interval.matching(at));
            holding.extend(core::iter::repeat_n(name, times).cloned());
        }
        holding
    }
}
